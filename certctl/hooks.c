/*
 * hooks.c - what certd tells of hooks.
 *
 * Runs in:  certctl (the caller).
 * Input:    hook_failed and deployed of certd; the last words of a hook are in
 *           them.
 * Promise:  the failure of a hook is an error: --quiet does not hide it.
 */
#include "certctl.h"

struct err *
hook_failure(struct session *s, const struct msg *m, json_t *failures)
{
	const struct msg_hook_failed *h = &m->hook_failed;
	struct err *e = err_new("%.*s%s%.*s", (int)h->lineage.n, h->lineage.p,
	    h->lineage.n > 0 ? ": " : "", (int)h->text.n, h->text.p);
	json_t *o;

	if (h->again)
		e = err_advise(e,
		    "it runs again at the next certctl renew, or now with "
		    "certctl deploy %.*s",
		    (int)h->lineage.n, h->lineage.p);
	(void)fflush(s->out);
	print_problem(s->err, e);
	err_free(e);
	if (!s->json)
		return NULL;
	o = json_pack("{ss% ss% sb}", "name", h->lineage.p, h->lineage.n,
	    "text", h->text.p, h->text.n, "again", h->again);
	return o == NULL || json_array_append_new(failures, o) == -1
		   ? err_new("JSON: out of memory")
		   : NULL;
}

void
hook_deployed(struct session *s, const struct msg *m)
{
	const struct msg_deployed *d = &m->deployed;

	if (s->json)
		return;
	print_text(s->out, d->lineage);
	if (d->run == 0)
		fprintf(s->out, ": there are no deploy hooks\n");
	else if (d->failed == 0)
		fprintf(s->out, ": deployed, %u hook%s\n", d->run,
		    d->run == 1 ? "" : "s");
	else
		fprintf(s->out, ": %u of %u hook%s failed\n", d->failed, d->run,
		    d->run == 1 ? "" : "s");
}

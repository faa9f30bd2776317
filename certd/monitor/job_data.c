/*
 * job_data.c - what is known of a job: made, looked up, freed.
 *
 * Runs in:  certd (root; no network, no exec).
 * Promise:  whatever a job holds goes with it.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

char *
names_text(const struct job *j)
{
	size_t i, n = 1;
	char *text, *p;

	for (i = 0; i < j->n_names; i++)
		n += strlen(j->names[i]) + 1;
	if ((text = calloc(1, n)) == NULL)
		return NULL;
	for (p = text, i = 0; i < j->n_names; i++)
		p += sprintf(p, "%s%s", i == 0 ? "" : " ", j->names[i]);
	return text;
}

static void
free_names(struct job *j)
{
	while (j->n_names > 0)
		free(j->names[--j->n_names]);
	free(j->names);
	free(j->name_strs);
	j->names = NULL;
	j->name_strs = NULL;
}

void
job_discard(struct job *j)
{
	size_t i;

	if (j == NULL)
		return;
	free_names(j);
	free(j->lineage);
	free(j->server);
	free(j->preferred_chain);
	for (i = 0; i < j->n_contacts; i++)
		free(j->contacts[i]);
	free(j->note);
	free(j->serial);
	free(j->keep);
	free(j->account_wanted);
	free(j->conf_server);
	free(j->credentials);
	free(j->renew_before);
	free(j->autorenew);
	free(j->deploy_hook);
	free(j->pre_hook);
	free(j->post_hook);
	free(j->who);
	free(j->order_url);
	lineage_free(j->files);
	if (j->cert_fd != -1)
		close(j->cert_fd);
	if (j->key_fd != -1)
		close(j->key_fd);
	if (j->binding_fd != -1)
		close(j->binding_fd);
	free(j->binding);
	if (j->deadline != NULL)
		event_free(j->deadline);
	if (j->wake != NULL)
		event_free(j->wake);
	err_free(j->failure);
	free(j);
}

bool
job_set_names(struct job *j, struct strs names)
{
	free_names(j);
	j->names = calloc(names.n + 1, sizeof(*j->names));
	j->name_strs = calloc(names.n + 1, sizeof(*j->name_strs));
	if (j->names == NULL || j->name_strs == NULL)
		return false;
	for (; j->n_names < names.n; j->n_names++) {
		char *name = str_dup(names.v[j->n_names]);

		if (name == NULL)
			return false;
		j->names[j->n_names] = name;
		j->name_strs[j->n_names] = str_of(name);
	}
	return true;
}

struct job *
job_new(struct monitor *m, enum job_kind kind, const char *lineage,
    struct strs names)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->m = m;
	j->kind = kind;
	j->phase = JP_START;
	j->cert_fd = j->key_fd = j->binding_fd = -1;
	LIST_INIT(&j->followers);
	j->created = time(NULL);
	j->lineage = strdup(lineage);
	if (j->lineage != NULL && job_set_names(j, names))
		return j;
	job_discard(j);
	return NULL;
}

struct job *
job_of_lineage(struct monitor *m, const char *lineage)
{
	struct job *j;

	TAILQ_FOREACH(j, &m->jobs, link)
		if (job_is_of_lineage(j) && strcmp(j->lineage, lineage) == 0)
			return j;
	return NULL;
}

struct job *
job_find(struct monitor *m, uint32_t id)
{
	struct job *j;

	TAILQ_FOREACH(j, &m->jobs, link)
		if (j->id == id)
			return j;
	return NULL;
}

struct grant
job_grant(const struct job *j)
{
	return (struct grant) { .kind = j->kind, .phase = j->phase,
		.directory = &j->origin,
		.names = { j->name_strs, j->n_names },
		.account_url = registration_url(j->account),
		.order_url = j->order_url == NULL ? "" : j->order_url,
		.has_next_key = registration_next_key(j->account) != 0,
		.has_own_key = j->key != 0 };
}

void
jobs_free(struct monitor *m)
{
	struct job *j;

	while ((j = TAILQ_FIRST(&m->jobs)) != NULL) {
		TAILQ_REMOVE(&m->jobs, j, link);
		install_cancel(j);
		job_discard(j);
	}
}

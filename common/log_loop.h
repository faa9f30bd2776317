/* log_loop.h - a loop whose log lines are written together. */
#ifndef LOG_LOOP_H
#define LOG_LOOP_H

struct event_base;

/* event_base_dispatch(); the lines that the callbacks of one turn log are written
 * before the loop waits, warnings and errors at once. */
int	log_loop_run(struct event_base *base);

#endif

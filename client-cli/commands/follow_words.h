/* What a follow says of itself on a terminal: that it has caught up, and, while it
 * cannot go on, for what it waits. A line each, on standard error, where progress is
 * shown too: nobody needs them in a log. */
#ifndef CLI_FOLLOW_WORDS_H
#define CLI_FOLLOW_WORDS_H

struct session;
struct status;

/** Everything until now is printed, or will be before this line. */
void follow_words_caught_up(struct session *s);

/** A call ended with @why, and others are made until one goes well: said of the first. */
void follow_words_wait(struct session *s, const struct status *why);

/** One goes well. */
void follow_words_goes_on(void);

#endif

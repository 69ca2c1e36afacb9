/* What a follow says of itself on a terminal: that it has caught up. It is a line on standard
 * error, where progress is shown too: nobody needs it in a log. (While a follow cannot go on,
 * frame/silence.h says for what it waits.) */
#ifndef CLI_FOLLOW_WORDS_H
#define CLI_FOLLOW_WORDS_H

struct session;

/** Everything until now is printed, or will be before this line. */
void follow_words_caught_up(struct session *s);

#endif

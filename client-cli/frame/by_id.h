/* What commands have in common that ask for one record after another, each by an
 * id of the arguments, one unary call an id. An id that is not there is told, and
 * the others are still asked for; the exit code is 1 then. */
#ifndef CLI_BY_ID_H
#define CLI_BY_ID_H

#include "command.h"

/** For next: the id that is to be asked for now. */
char *by_id_next(struct session *s);

/** For take: @record came, a @kind ("post"); NULL: the answer has none. */
void by_id_take(struct session *s, const void *record, const char *kind);

/* A routine's steps. */
int by_id_check(const struct command *c, int n, char **ids);
struct status by_id_judge(struct session *s, const struct status *status);
bool by_id_more(struct session *s);

#define BY_ID_STEPS .check = by_id_check, .judge = by_id_judge, .more = by_id_more

#endif

#include "by_id.h"

#include "calls.h"

static int asked; /* ids */

char *by_id_next(struct session *s)
{
    return s->arguments[asked++];
}

void by_id_take(struct session *s, const void *record, const char *kind)
{
    if (record == NULL)
        stream_fail(s->call, STATUS_INTERNAL, "the server's answer names no %s", kind);
    else if (!rows_add(&s->rows, &record, 1))
        session_no_memory(s->call);
}

int by_id_check(const struct command *c, int n, char **ids)
{
    (void)ids;
    return n == 0 ? usage_error(c->name, "takes at least one id", "") : EXIT_DONE;
}

/* A failure that is about this id only; the others can still be asked for. */
static bool concerns_id(const struct status *status)
{
    return status->code == STATUS_NOT_FOUND || status->code == STATUS_INVALID_ARGUMENT;
}

struct status by_id_judge(struct session *s, const struct status *status)
{
    if (s->stopping || !concerns_id(status))
        return *status;
    session_say(s, "%s: %s: %s", s->arguments[asked - 1], status_name((int)status->code),
                status->message);
    s->failed = true;
    return status_ok();
}

bool by_id_more(struct session *s)
{
    return asked < s->argument_count;
}

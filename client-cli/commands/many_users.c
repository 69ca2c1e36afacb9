#include "many_users.h"

#include "client-cli/frame/common.h"

int many_check(const struct command *c, int n, char **ids)
{
    return common.all && n > 0 ? usage_error(c->name, "--all takes no ids", ids[0]) : EXIT_DONE;
}

bool many_begin(struct many_users *m, struct session *s)
{
    return paging_init(&m->paging, s) &&
           (common.all || ids_init(&m->ids, s, s->arguments, s->argument_count) == 0);
}

void many_close(struct many_users *m)
{
    paging_close(&m->paging);
    ids_close(&m->ids);
}

size_t many_count(const struct many_users *m)
{
    return common.all ? 1 : m->ids.n;
}

bool many_ended(const struct many_users *m)
{
    return common.all || m->ids.ended;
}

const char *many_id(const struct many_users *m, size_t i)
{
    return common.all ? NULL : ids_at(&m->ids, i);
}

void many_want(struct many_users *m, size_t n)
{
    if (!common.all)
        ids_want(&m->ids, n);
}

void many_forget(struct many_users *m, size_t n)
{
    if (!common.all)
        ids_forget(&m->ids, n);
}

void many_mark(const struct many_users *m, struct session *s, size_t i, bool whole)
{
    const char *token = m->paging.token;
    if (common.all) {
        if (!whole)
            session_mark(s, "--page-token %s", token);
    } else if (!whole) {
        session_mark(s, "--page-token %s, ids from %s on", token, ids_at(&m->ids, i));
    } else {
        session_mark(s, "the ids after %s", ids_at(&m->ids, i));
    }
}

void many_refused(struct session *s, const char *what, const V1__Post__RequestError *error)
{
    session_say(s, "%s: %s: %s", what, status_name(error->code), error->message);
    s->failed = true;
}

#include "many_users.h"

#include "client-cli/frame/calls.h"
#include "client-cli/frame/command.h"
#include "client-cli/input/ids.h"

void many_open(struct session *s, enum shape shape)
{
    if (!calls_open(s, s->post, post_query_path(shape, s->ids != NULL)))
        return;
    calls_read(s);
    s->routine->on_sent(s);
}

size_t many_count(const struct session *s)
{
    return s->ids != NULL ? s->ids->n : 1;
}

bool many_ended(const struct session *s)
{
    return s->ids == NULL || s->ids->ended;
}

const char *many_id(const struct session *s, size_t i)
{
    return s->ids != NULL ? ids_at(s->ids, i) : NULL;
}

void many_want(struct session *s, size_t n)
{
    if (s->ids != NULL)
        ids_want(s->ids, n);
}

void many_forget(struct session *s, size_t n)
{
    if (s->ids != NULL)
        ids_forget(s->ids, n);
}

void many_mark(struct session *s, size_t i, bool whole)
{
    const char *token = s->paging.token;
    if (s->ids == NULL) {
        if (!whole)
            session_mark(s, "--page-token %s", token);
    } else if (!whole) {
        session_mark(s, "--page-token %s, ids from %s on", token, ids_at(s->ids, i));
    } else {
        session_mark(s, "the ids after %s", ids_at(s->ids, i));
    }
}

void many_refused(struct session *s, const char *what, const V1__Post__RequestError *error)
{
    session_say(s, "%s: %s: %s", what, status_name(error->code), error->message);
    s->failed = true;
}

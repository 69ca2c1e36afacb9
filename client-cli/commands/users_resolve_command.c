/* users resolve: names for ids, by one bidirectional call, as Post asks for
 * them. Ids that are there go out together; the answer is awaited before the
 * next ones do. Between answers the server may tell of users that changed:
 * those are not shown. */
#include <string.h>

#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "client-cli/input/ids.h"
#include "v1/user/user.pb-c.h"

#define NAMED_MOST 10

#define AT_ONCE 1000 /* what one request may ask */

static size_t asked, answered; /* ids; asked > answered: a request is out */
static size_t nobody;          /* ids that are no user's */
static bool idle;              /* no more ids for now: ask those that are here */

/* --- Requests out ------------------------------------------------------------------- */

static void ask(struct session *s, size_t n)
{
    V1__User__ResolveUsersRequest m = V1__USER__RESOLVE_USERS_REQUEST__INIT;
    char *user_ids[AT_ONCE];
    for (size_t i = 0; i < n; i++)
        user_ids[i] = (char *)ids_at(s->ids, asked + i);
    m.n_user_ids = n;
    m.user_ids = user_ids;
    /* The answer to the request before is here, so there is room. */
    if (calls_send(s->call, &m.base, 0) == 0)
        asked += n;
}

static void ask_more(struct session *s)
{
    size_t waiting = s->ids->n - asked;
    if (s->call == NULL || s->half_closed || asked > answered)
        return;
    if (waiting >= AT_ONCE)
        ask(s, AT_ONCE);
    else if (waiting > 0 && (idle || s->ids->ended))
        ask(s, waiting);
    else if (waiting == 0 && s->ids->ended)
        calls_half_close(s);
    else
        ids_want(s->ids, asked + AT_ONCE);
}

static void on_ids(struct session *s)
{
    idle = false;
    if (s->ids->ended || s->ids->n - asked >= AT_ONCE)
        ask_more(s);
}

static void on_idle(struct ids *ids)
{
    idle = true;
    if (ids->n > asked)
        ask_more(ids->session);
}

/* --- Answers in --------------------------------------------------------------------- */

/* An answer has the ids of the request, in its order. */
static bool is_answer(const struct session *s, const V1__User__ResolveUsersResponse *m)
{
    if (m->n_users == 0 || m->n_users != asked - answered)
        return false;
    for (size_t i = 0; i < m->n_users; i++) {
        if (strcmp(m->users[i]->user_id, ids_at(s->ids, answered + i)) != 0)
            return false;
    }
    return true;
}

/* The first few by their names. */
static void note_nobody(struct session *s, const char *id)
{
    s->failed = true;
    if (nobody++ < NAMED_MOST)
        session_say(s, "there is no user %s", id);
}

static void last_words(struct session *s)
{
    if (nobody > NAMED_MOST)
        session_say(s, "there are no users for %zu more ids", nobody - NAMED_MOST);
}

static bool take_answer(struct session *s, const V1__User__ResolveUsersResponse *m)
{
    for (size_t i = 0; i < m->n_users; i++)
        if (!m->users[i]->found)
            note_nobody(s, m->users[i]->user_id);
    answered = asked;
    ids_forget(s->ids, answered);
    return rows_add(&s->rows, (const void *const *)m->users, m->n_users);
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__User__ResolveUsersResponse *m = (const V1__User__ResolveUsersResponse *)message;
    (void)bytes;
    if (is_answer(s, m) && !take_answer(s, m)) {
        session_no_memory(s->call);
        return;
    }
    ask_more(s);
    calls_read(s);
}

static struct status judge(struct session *s, const struct status *status)
{
    if (status->code == STATUS_OK && (answered < s->ids->n || !s->ids->ended))
        return status_of(STATUS_UNAVAILABLE, "the stream ended before its last answer");
    return *status;
}

/* --- Life --------------------------------------------------------------------------- */

static void next(struct session *s)
{
    s->ids->on_idle = on_idle;
    if (!calls_open(s, s->user, "/v1.user.User/ResolveUsers"))
        return;
    calls_read(s);
    ask_more(s);
}

static const struct option_row rows[] = { ROWS_OF_OUTPUT("user_id|name|found"), ROW_DEADLINE };

const struct routine users_resolve_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = { .answer = &v1__user__resolve_users_response__descriptor,
                .rows = &row_resolved,
                .pages = true },
    .next = next,
    .take = take,
    .on_ids = on_ids,
    .judge = judge,
    .last_words = last_words,
};

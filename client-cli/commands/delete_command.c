/* delete posts, delete users: ids up, in requests of 1,000, one answer back.
 *
 *   ASKING -yes-> SENDING -no more ids-> half-closed -answer, OK-> end
 *          -no, or the end of the input-> end
 *
 * Ids of standard input are read no faster than the stream takes them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "client-cli/frame/connection.h"
#include "client-cli/input/ids.h"
#include "v1/post/post.pb-c.h"

#define AT_ONCE 1000 /* ids of a request */

/* What is deleted. */
struct kind {
    const char *one, *many, *path;
};

static const struct kind posts = { "post", "posts", "/v1.post.Post/DeletePosts" };
static const struct kind users = { "user", "users", "/v1.user.User/DeleteUsers" };

static const struct kind *kind;
static bool yes;
static struct input answer; /* to the question */
static size_t sent;         /* ids */

/* --- Ids out ------------------------------------------------------------------------ */

/* Both requests are nothing but ids of field 1. false: the stream has no room, or is
 * over. */
static bool send_ids(struct session *s, size_t n)
{
    V1__Post__DeletePostsRequest m = V1__POST__DELETE_POSTS_REQUEST__INIT;
    char *ids[AT_ONCE];
    for (size_t i = 0; i < n; i++)
        ids[i] = (char *)(uintptr_t)ids_at(s->ids, sent + i);
    m.n_post_ids = n;
    m.post_ids = ids;
    if (calls_send(s->call, &m.base, 0) != 0)
        return false;
    sent += n;
    s->progress.counts.done = sent;
    ids_forget(s->ids, sent);
    return true;
}

/* So many are to go now: a whole request, or the last ones. */
static size_t ready(const struct session *s)
{
    const size_t waiting = s->ids->n - sent;
    if (waiting >= AT_ONCE)
        return AT_ONCE;
    return s->ids->ended ? waiting : 0;
}

static void go_on(struct session *s)
{
    size_t n;
    if (s->call == NULL || s->half_closed)
        return;
    while ((n = ready(s)) > 0)
        if (!send_ids(s, n))
            return;
    if (s->ids->ended)
        calls_half_close(s);
    else
        ids_want(s->ids, sent + AT_ONCE);
}

static void on_ids(struct session *s)
{
    if (ready(s) > 0 || s->ids->ended)
        go_on(s);
}

static void open_call(struct session *s)
{
    if (!calls_open(s, kind == &posts ? s->post : s->user, kind->path))
        return;
    s->ids->checked = true; /* one that is wrong would end the call */
    progress_start(&s->progress, kind->many);
    calls_read(s);
    go_on(s);
}

/* --- The question ------------------------------------------------------------------- */

static bool is_yes(const char *line, size_t len)
{
    return (len == 1 && strncasecmp(line, "y", 1) == 0) ||
           (len == 3 && strncasecmp(line, "yes", 3) == 0);
}

static void refuse(struct session *s)
{
    session_say(s, "nothing was deleted");
    session_end(s, EXIT_FAILED);
}

static void on_line(struct input *in, const char *line, size_t len)
{
    input_pause(in);
    if (line == NULL || !is_yes(line, len)) {
        refuse(in->session);
        return;
    }
    calls_restart_deadline(in->session);
    open_call(in->session);
}

/* Without a line, so the cursor still stands behind the question. */
static void on_input_end(struct input *in, int error)
{
    (void)error;
    fputs("\n", stderr);
    refuse(in->session);
}

static void ask(struct session *s)
{
    const char *target = kind == &posts ? connection.target : connection.user_target;
    const int n = s->argument_count;
    answer.on_line = on_line;
    answer.on_end = on_input_end;
    if (input_init(&answer, s, "-") != 0) {
        refuse(s);
        return;
    }
    fprintf(stderr, "Delete %d %s at %s? [y/N] ", n, n == 1 ? kind->one : kind->many, target);
    fflush(stderr);
    input_resume(&answer);
}

/* --- The answer --------------------------------------------------------------------- */

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__Post__DeletePostsResponse *m = (const V1__Post__DeletePostsResponse *)message;
    char text[128], missing[64] = "";
    (void)bytes;
    if (m->missing > 0)
        snprintf(missing, sizeof missing, ", %" PRId64 " %s not there", m->missing,
                 m->missing == 1 ? "was" : "were");
    snprintf(text, sizeof text, "%" PRId64 " %s deleted%s\n", m->deleted,
             m->deleted == 1 ? kind->one : kind->many, missing);
    if (buf_append(output_buf(&s->out), bytes_of_text(text)))
        output_commit(&s->out);
    else
        session_no_memory(s->call);
}

/* Whether the same again may end better: it was interrupted, or the failure is not about what
 * was asked for. */
static bool may_pass(const struct session *s)
{
    switch (s->failure.code) {
    case STATUS_OK:
    case STATUS_CANCELLED:
    case STATUS_DEADLINE_EXCEEDED:
    case STATUS_RESOURCE_EXHAUSTED:
    case STATUS_ABORTED:
    case STATUS_UNAVAILABLE:
        return true;
    default:
        return false;
    }
}

static void last_words(struct session *s)
{
    if (!s->answered && sent > 0 && may_pass(s))
        session_say(s, "what was deleted stays deleted; the same again does the rest");
}

/* --- Life --------------------------------------------------------------------------- */

/* One that is wrong would undo all of its request. It may be nothing to print. */
static int check_ids(const struct command *c, int n, char **arguments)
{
    char what[96];
    for (int i = 0; i < n; i++) {
        const char *wrong = ids_wrong(bytes_of_text(arguments[i]));
        if (wrong == NULL)
            continue;
        snprintf(what, sizeof what, "id %d of %d: %s", i + 1, n, wrong);
        return usage_error(c->name, what, "");
    }
    return EXIT_DONE;
}

static int check(const struct command *c, int n, char **arguments)
{
    bool from_input = false;
    for (int i = 0; i < n; i++)
        from_input |= strcmp(arguments[i], "-") == 0;
    if (n == 0 || (from_input && n > 1))
        return usage_error(c->name, "takes ids, or - for those on standard input", "");
    if (!yes && from_input)
        return usage_error(c->name,
                           "standard input brings the ids, so nobody can answer: give --yes", "");
    if (!yes && !isatty(STDIN_FILENO))
        return usage_error(
            c->name,
            "it cannot ask whether to delete, because standard input is not a terminal: give --yes",
            "");
    return check_ids(c, n, arguments);
}

static int check_posts(const struct command *c, int n, char **arguments)
{
    kind = &posts;
    return check(c, n, arguments);
}

static int check_users(const struct command *c, int n, char **arguments)
{
    kind = &users;
    return check(c, n, arguments);
}

static void next(struct session *s)
{
    if (yes)
        open_call(s);
    else
        ask(s);
}

static void close_answer(void)
{
    input_close(&answer);
}

static const struct option_row rows[] = {
    OPT_FLAG("yes", yes, "do not ask before deleting"),
    ROW_DEADLINE,
    ROW_PROGRESS,
};

/* Both responses have the same fields with the same numbers. */
#define DELETE_STEPS                                                                               \
    .options = { rows, COUNT_OF(rows) },                                                           \
    .brings = { .answer = &v1__post__delete_posts_response__descriptor }, .next = next,            \
    .take = take, .on_sent = go_on, .on_ids = on_ids, .last_words = last_words,                    \
    .close = close_answer

const struct routine delete_posts_routine = { DELETE_STEPS, .check = check_posts };
const struct routine delete_users_routine = { DELETE_STEPS, .check = check_users };

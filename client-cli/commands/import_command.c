/* import: lines of NDJSON up, in messages of about 256 KiB, one answer back.
 *
 *   READING -end of input, or a damaged line and --strict-> FINISHING -answer, OK-> end
 *
 * A batch that the stream has no room for pauses the input. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "client-cli/commands.h"
#include "client-cli/frame/calls.h"
#include "client-cli/frame/common.h"
#include "client-cli/input/input.h"
#include "client-cli/input/record_lines.h"
#include "client-cli/output/text.h"
#include "client-cli/records/ndjson.h"

#define BATCH_BYTES ((size_t)256 * 1024)
#define TOLD_MOST   100 /* damaged lines; of rejected records the server tells as many */
#define USERS_MOST  100 /* unknown users that the server names */
#define NAMED_MOST  10  /* of those that are named here */
#define ARENA_BYTES ((size_t)32 * 1024 * 1024) /* for one line */

/* What is imported. */
struct kind {
    const char *name, *path;
    bool posts;
};

static const struct kind posts = { "posts", "/v1.post.Post/ImportPosts", true };
static const struct kind users = { "users", "/v1.user.User/ImportUsers", false };

static const struct kind *kind;
static const char *file;
static bool strict;

static struct input input;
static struct arena *arena; /* for one line */
static struct buf *batch;   /* an encoded request so far; NULL: none yet */
static struct record_lines lines;
static uint64_t damaged;
static bool ended; /* no more records: the rest is sent, then the answer awaited */

/* --- Records out -------------------------------------------------------------------- */

/* Sends the batch; false: the stream has no room, or is over. */
static bool send_batch(struct session *s)
{
    if (batch == NULL)
        return true;
    int rv = stream_send(s->call, batch, 0, batch->len, 0);
    if (rv == ENOMEM)
        session_no_memory(s->call);
    if (rv != 0)
        return false;
    buf_unref(batch);
    batch = NULL;
    return true;
}

static void finish(struct session *s)
{
    if (!s->half_closed && s->call != NULL && send_batch(s))
        calls_half_close(s);
}

/* Sends what must go; reads on if there is room. */
static void go_on(struct session *s)
{
    if (s->call == NULL)
        return;
    if (ended)
        finish(s);
    else if (batch != NULL && batch->len >= BATCH_BYTES && !send_batch(s))
        input_pause(&input);
    else
        input_resume(&input);
}

/* A request without records. It says what is to be done about posts of unknown users: they are
 * counted, or with --strict rejected. Of users there is nothing to say. NULL: out of memory. */
static struct buf *begin_batch(void)
{
    V1__Post__ImportPostsRequest m = V1__POST__IMPORT_POSTS_REQUEST__INIT;
    struct buf *b = buf_new(BATCH_BYTES + BATCH_BYTES / 4);
    if (b == NULL || !kind->posts)
        return b;
    m.unknown_users = strict ? V1__POST__UNKNOWN_USERS__UNKNOWN_USERS_REJECT
                             : V1__POST__UNKNOWN_USERS__UNKNOWN_USERS_COUNT;
    b->len += protobuf_c_message_pack(&m.base, b->data);
    return b;
}

/* In both import requests records are field 1: so one is made by appending each record
 * behind its tag and length. */
static bool append_record(const ProtobufCMessage *record)
{
    size_t size = protobuf_c_message_get_packed_size(record);
    if (batch == NULL)
        batch = begin_batch();
    uint8_t *to = batch != NULL ? buf_reserve(batch, size + 11) : NULL;
    if (to == NULL)
        return false;
    uint8_t *p = to;
    *p++ = 1 << 3 | 2; /* field 1, with a length */
    size_t rest = size;
    for (; rest >= 0x80; rest >>= 7)
        *p++ = (uint8_t)(rest | 0x80);
    *p++ = (uint8_t)rest;
    p += protobuf_c_message_pack(record, p);
    batch->len += (size_t)(p - to);
    return true;
}

static bool is_blank(const char *line, size_t len)
{
    return strspn(line, " \t\r") >= len;
}

static void skip_line(struct session *s)
{
    if (!record_lines_skip(&lines, input.lines.number))
        session_no_memory(s->call);
}

static void damaged_line(struct session *s, const char *what)
{
    if (damaged++ < TOLD_MOST)
        session_note(s, "%s:%" PRIu64 ": %s", file, input.lines.number, what);
    skip_line(s);
    s->failed = true;
    if (!strict)
        return;
    ended = true;
    input_pause(&input);
    finish(s);
}

static const ProtobufCMessage *read_record(struct bytes line, char *ret_error)
{
    arena_reset(arena);
    if (kind->posts) {
        V1__Post__PostMessage *post = ndjson_read_post(arena, line, ret_error);
        return post != NULL ? &post->base : NULL;
    }
    V1__User__UserMessage *user = ndjson_read_user(arena, line, ret_error);
    return user != NULL ? &user->base : NULL;
}

static void take_record(struct session *s, const ProtobufCMessage *record)
{
    if (!append_record(record)) {
        session_no_memory(s->call);
        return;
    }
    s->progress.counts.done++;
    if (batch->len >= BATCH_BYTES)
        go_on(s);
}

static void on_line(struct input *in, const char *line, size_t len)
{
    struct session *s = in->session;
    const ProtobufCMessage *record;
    char error[NDJSON_ERROR_BYTES];
    s->progress.counts.bytes = in->bytes;
    if (line == NULL)
        damaged_line(s, "the line is longer than 2 MiB");
    else if (is_blank(line, len))
        skip_line(s);
    else if ((record = read_record(bytes_of(line, len), error)) == NULL)
        damaged_line(s, error);
    else
        take_record(s, record);
}

static void cannot_read(struct session *s, int error)
{
    session_say(s, "cannot read %s: %s", file, strerror(error));
    s->failed = true;
}

static void on_input_end(struct input *in, int error)
{
    if (error != 0)
        cannot_read(in->session, error);
    ended = true;
    go_on(in->session);
}

/* --- The answer --------------------------------------------------------------------- */

static void tell_rejected(struct session *s, const V1__Post__ImportPostsResponse *m)
{
    for (size_t i = 0; i < m->n_errors; i++) {
        const V1__Post__RequestError *e = m->errors[i];
        uint64_t index = e->request_index > 0 ? (uint64_t)e->request_index : 0;
        session_note(s, "%s:%" PRIu64 ": %s: %s", file, record_lines_find(&lines, index),
                     status_name(e->code), e->message);
    }
    uint64_t more = (uint64_t)m->rejected - m->n_errors;
    if (m->rejected > (int64_t)m->n_errors)
        session_say(s, "%" PRIu64 " more were rejected", more);
}

static void tell_counts(struct session *s, const V1__Post__ImportPostsResponse *m)
{
    char text[256], skipped[64] = "";
    if (damaged > 0)
        snprintf(skipped, sizeof skipped, ", skipped %" PRIu64, damaged);
    snprintf(text, sizeof text,
             "imported %" PRId64 ", updated %" PRId64 ", unchanged %" PRId64 ", rejected %" PRId64
             "%s\n",
             m->imported, m->updated, m->unchanged, m->rejected, skipped);
    buf_append(output_buf(&s->out), bytes_of_text(text));
    output_commit(&s->out);
}

/* "u7, u9", and "and others" where there are more. */
static void put_users(char *to, size_t room, const V1__Post__ImportPostsResponse *m)
{
    size_t n = 0;
    to[0] = '\0';
    for (size_t i = 0; i < m->n_unresolved_user_ids && i < NAMED_MOST && n < room; i++)
        n += (size_t)snprintf(to + n, room - n, "%s%.40s", i > 0 ? ", " : "",
                              m->unresolved_user_ids[i]);
    if (m->n_unresolved_user_ids > NAMED_MOST && n < room)
        snprintf(to + n, room - n, " and others");
}

static void tell_unknown_users(struct session *s, const V1__Post__ImportPostsResponse *m)
{
    char posts_text[32], users_text[32], ids[640];
    const size_t n = m->n_unresolved_user_ids;
    if (m->users_unchecked)
        session_say(s, "User does not answer Post, so posts of unknown users are not counted");
    if (m->unresolved == 0)
        return;
    put_users(ids, sizeof ids, m);
    session_say(s, "%s post%s belong%s to %s%s user%s that User does not know: %s; %s",
                text_number(posts_text, (uint64_t)m->unresolved), m->unresolved == 1 ? "" : "s",
                m->unresolved == 1 ? "s" : "", n == USERS_MOST ? "at least " : "",
                text_number(users_text, n), n == 1 ? "" : "s", ids,
                strict ? "nothing of them is stored" : "listings show them without an author");
}

static void take(struct session *s, const ProtobufCMessage *message, struct bytes bytes)
{
    const V1__Post__ImportPostsResponse *m = (const V1__Post__ImportPostsResponse *)message;
    (void)bytes;
    s->failed |= m->rejected > 0;
    tell_rejected(s, m);
    if (kind->posts)
        tell_unknown_users(s, m);
    tell_counts(s, m);
}

static struct status judge(struct session *s, const struct status *status)
{
    input_pause(&input);
    return calls_answered(s, status);
}

/* The same import again would end the same way. */
static bool was_refused(const struct session *s)
{
    const enum status_code code = s->failure.code;
    return code == STATUS_UNAUTHENTICATED || code == STATUS_PERMISSION_DENIED ||
           code == STATUS_UNIMPLEMENTED;
}

static void last_words(struct session *s)
{
    char number[32];
    if (damaged > TOLD_MOST)
        session_say(s, "%s more lines could not be used, and are not named",
                    text_number(number, damaged - TOLD_MOST));
    if (!s->answered && s->progress.counts.done > 0 && !was_refused(s))
        session_say(s, "what was stored stays; the same import again does the rest");
}

/* --- Life --------------------------------------------------------------------------- */

static int check(const struct command *c, int n, char **arguments)
{
    if (n != 2)
        return usage_error(c->name, "takes one file, or - for standard input", "");
    kind = strcmp(arguments[0], "posts") == 0 ? &posts : &users;
    file = arguments[1];
    return EXIT_DONE;
}

static bool begin(struct session *s)
{
    input.on_line = on_line;
    input.on_end = on_input_end;
    int rv = input_init(&input, s, file);
    arena = rv == 0 ? arena_new(ARENA_BYTES) : NULL;
    if (arena != NULL)
        return true;
    cannot_read(s, rv != 0 ? rv : ENOMEM);
    session_end(s, EXIT_FAILED);
    return false;
}

static void next(struct session *s)
{
    if (!calls_open(s, kind->posts ? s->post : s->user, kind->path))
        return;
    progress_start(&s->progress, kind->name);
    s->progress.counts.total_bytes = input.size_bytes;
    calls_read(s);
    input_resume(&input);
}

static void close_import(void)
{
    input_close(&input);
    arena_free(arena);
    buf_unref(batch);
    record_lines_close(&lines);
}

static const struct option_row rows[] = {
    OPT_FLAG("strict", strict,
             "stop at the first line that cannot be used, and store no post of a user that User "
             "does not know"),
    ROW_DEADLINE,
    ROW_PROGRESS,
};

/* Both import responses have the same fields with the same numbers. */
const struct routine import_routine = {
    .options = { rows, COUNT_OF(rows) },
    .brings = { .answer = &v1__post__import_posts_response__descriptor },
    .check = check,
    .begin = begin,
    .next = next,
    .take = take,
    .on_sent = go_on,
    .judge = judge,
    .last_words = last_words,
    .close = close_import,
};

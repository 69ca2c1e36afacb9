/* import: lines of NDJSON up, in messages of about 256 KiB, one answer back.
 *
 *   READING -end of input, or a damaged line and --strict-> FINISHING -answer, OK-> end
 *
 * A batch that the stream has no room for pauses the input. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/container.h"
#include "command.h"
#include "common.h"
#include "input.h"
#include "ndjson.h"
#include "record_lines.h"

#define BATCH_BYTES ((size_t)256 * 1024)
#define ARENA_BYTES ((size_t)32 * 1024 * 1024) /* for one line */

/* What is imported. */
struct kind {
    const char *name, *path;
    bool posts;
};

static const struct kind kinds[] = {
    { "posts", "/v1.post.Post/ImportPosts", true },
    { "users", "/v1.user.User/ImportUsers", false },
};

struct import {
    struct session *session;
    struct input input;
    struct stream *call;
    struct arena *arena; /* for one line */
    struct buf *batch;   /* an encoded request so far; NULL: none yet */
    struct record_lines lines;
    uint64_t damaged;
    bool ended;    /* no more records: the rest is sent, then the answer awaited */
    bool finished; /* all was sent, half-closed */
    bool answered;
    bool failed; /* the exit code is 1 */
};

static const struct kind *kind;
static const char *file;
static bool strict;

/* --- Records out -------------------------------------------------------------------- */

/* Sends the batch; false: the stream has no room, or is over. */
static bool send_batch(struct import *im)
{
    if (im->batch == NULL)
        return true;
    int rv = stream_send(im->call, im->batch, 0, im->batch->len, 0);
    if (rv == ENOMEM)
        stream_fail(im->call, STATUS_RESOURCE_EXHAUSTED, "out of memory");
    if (rv != 0)
        return false;
    buf_unref(im->batch);
    im->batch = NULL;
    return true;
}

static void finish(struct import *im)
{
    struct status ok = status_ok();
    if (im->finished || im->call == NULL || !send_batch(im))
        return;
    im->finished = true;
    stream_finish(im->call, &ok);
}

/* Sends what must go; reads on if there is room. */
static void go_on(struct import *im)
{
    if (im->call == NULL)
        return;
    if (im->ended)
        finish(im);
    else if (im->batch != NULL && im->batch->len >= BATCH_BYTES && !send_batch(im))
        input_pause(&im->input);
    else
        input_resume(&im->input);
}

/* Both import requests are nothing but records of field 1: so one is made by
 * appending each record behind its tag and length. */
static bool append_record(struct import *im, const ProtobufCMessage *record)
{
    size_t size = protobuf_c_message_get_packed_size(record);
    if (im->batch == NULL)
        im->batch = buf_new(BATCH_BYTES + BATCH_BYTES / 4);
    uint8_t *to = im->batch != NULL ? buf_reserve(im->batch, size + 11) : NULL;
    if (to == NULL)
        return false;
    uint8_t *p = to;
    *p++ = 1 << 3 | 2; /* field 1, with a length */
    size_t rest = size;
    for (; rest >= 0x80; rest >>= 7)
        *p++ = (uint8_t)(rest | 0x80);
    *p++ = (uint8_t)rest;
    p += protobuf_c_message_pack(record, p);
    im->batch->len += (size_t)(p - to);
    return true;
}

static bool is_blank(const char *line, size_t len)
{
    return strspn(line, " \t\r") >= len;
}

static void skip_line(struct import *im)
{
    if (!record_lines_skip(&im->lines, im->input.lines.number))
        stream_fail(im->call, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

static void damaged_line(struct import *im, const char *what)
{
    session_note(im->session, "%s:%" PRIu64 ": %s", file, im->input.lines.number, what);
    skip_line(im);
    im->damaged++;
    im->failed = true;
    if (!strict)
        return;
    im->ended = true;
    input_pause(&im->input);
    finish(im);
}

static const ProtobufCMessage *read_record(struct import *im, struct bytes line, char *ret_error)
{
    arena_reset(im->arena);
    if (kind->posts) {
        V1__Post__PostMessage *post = ndjson_read_post(im->arena, line, ret_error);
        return post != NULL ? &post->base : NULL;
    }
    V1__User__UserMessage *user = ndjson_read_user(im->arena, line, ret_error);
    return user != NULL ? &user->base : NULL;
}

static void on_line(struct input *in, const char *line, size_t len)
{
    struct import *im = container_of(in, struct import, input);
    char error[NDJSON_ERROR_BYTES];
    im->session->progress.counts.bytes = in->bytes;
    if (line == NULL) {
        damaged_line(im, "the line is longer than 2 MiB");
        return;
    }
    if (is_blank(line, len)) {
        skip_line(im);
        return;
    }
    const ProtobufCMessage *record = read_record(im, bytes_of(line, len), error);
    if (record == NULL) {
        damaged_line(im, error);
        return;
    }
    if (!append_record(im, record)) {
        stream_fail(im->call, STATUS_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    im->session->progress.counts.done++;
    if (im->batch->len >= BATCH_BYTES)
        go_on(im);
}

static void on_input_end(struct input *in, int error)
{
    struct import *im = container_of(in, struct import, input);
    if (error != 0) {
        session_say(im->session, "cannot read %s: %s", file, strerror(error));
        im->failed = true;
    }
    im->ended = true;
    go_on(im);
}

static void on_sent(struct stream *stream)
{
    go_on(stream->data);
}

/* --- The answer ---------------------------------------------------------------------- */

static void tell_rejected(struct import *im, const V1__Post__ImportPostsResponse *m)
{
    for (size_t i = 0; i < m->n_errors; i++) {
        const V1__Post__RequestError *e = m->errors[i];
        uint64_t index = e->request_index > 0 ? (uint64_t)e->request_index : 0;
        session_note(im->session, "%s:%" PRIu64 ": %s: %s", file,
                     record_lines_find(&im->lines, index), status_name(e->code), e->message);
    }
    uint64_t more = (uint64_t)m->rejected - m->n_errors;
    if (m->rejected > (int64_t)m->n_errors)
        session_say(im->session, "%" PRIu64 " more were rejected", more);
}

static void tell_counts(struct import *im, const V1__Post__ImportPostsResponse *m)
{
    char text[256], skipped[64] = "";
    if (im->damaged > 0)
        snprintf(skipped, sizeof skipped, ", skipped %" PRIu64, im->damaged);
    snprintf(text, sizeof text,
             "imported %" PRId64 ", updated %" PRId64 ", unchanged %" PRId64 ", rejected %" PRId64
             "%s\n",
             m->imported, m->updated, m->unchanged, m->rejected, skipped);
    buf_append(output_buf(&im->session->out), bytes_of_text(text));
    output_commit(&im->session->out);
}

static void on_message(struct stream *stream, const ProtobufCMessage *message, struct bytes bytes)
{
    struct import *im = stream->data;
    const V1__Post__ImportPostsResponse *m = (const V1__Post__ImportPostsResponse *)message;
    (void)bytes;
    im->answered = true;
    im->failed |= m->rejected > 0;
    tell_rejected(im, m);
    tell_counts(im, m);
}

static void on_end(struct stream *stream)
{
    (void)stream; /* on_close tells */
}

static void on_close(struct stream *stream, const struct status *status)
{
    struct import *im = stream->data;
    struct status silent = status_of(STATUS_INTERNAL, "the server answered OK without a message");
    im->call = NULL;
    input_pause(&im->input);
    if (status->code != STATUS_OK)
        session_fail(im->session, status);
    else if (!im->answered)
        session_fail(im->session, &silent);
    else
        session_end(im->session, im->failed ? EXIT_FAILED : EXIT_DONE);
}

/* Both import responses have the same fields with the same numbers. */
static const struct stream_handler handler = {
    .message = &v1__post__import_posts_response__descriptor,
    .on_message = on_message,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_close = on_close,
};

/* --- Life ----------------------------------------------------------------------------- */

static void on_stop(struct session *s)
{
    struct import *im = s->command;
    if (im->call != NULL)
        stream_fail(im->call, STATUS_CANCELLED, "stopped");
    else
        session_end(s, EXIT_DONE);
}

static void last_words(struct session *s)
{
    struct import *im = s->command;
    if (!im->answered && im->session->progress.counts.done > 0)
        session_say(s, "what was stored stays; the same import again does the rest");
}

static void open_call(struct import *im)
{
    struct session *s = im->session;
    struct status status;
    im->call = session_open(s, kind->posts ? s->post : s->user, kind->path, &handler, im, &status);
    if (im->call == NULL) {
        session_fail(s, &status);
        return;
    }
    progress_start(&s->progress, kind->name);
    s->progress.counts.total_bytes = im->input.size_bytes;
    stream_read(im->call);
    input_resume(&im->input);
}

static void start(struct session *s)
{
    struct import *im = s->command;
    im->session = s;
    im->input.on_line = on_line;
    im->input.on_end = on_input_end;
    int rv = input_init(&im->input, s, file);
    im->arena = rv == 0 ? arena_new(ARENA_BYTES) : NULL;
    if (rv == 0 && im->arena == NULL)
        rv = ENOMEM;
    if (rv == 0) {
        open_call(im);
        return;
    }
    session_say(s, "cannot read %s: %s", file, strerror(rv));
    session_end(s, EXIT_FAILED);
}

static struct common common = { COMMON_DEFAULTS };

static const struct option_row rows[] = {
    { .name = "strict",
      .kind = OPTION_FLAG,
      .value = &strict,
      .help = "stop at the first damaged line" },
    ROW_DEADLINE(common),
    ROW_PROGRESS(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "import posts|users FILE [OPTION]...",
    .summary = "Stores the posts or users of an NDJSON file (\"-\": standard input), by\n"
               "ImportPosts or ImportUsers. Known ones are updated. Damaged lines are told and\n"
               "left out.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

static bool find_kind(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strcmp(name, kinds[i].name) == 0)
            kind = &kinds[i];
    }
    return kind != NULL;
}

int import_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    if (first >= argc || !find_kind(argv[first]))
        return usage_error("import", "posts or users?", first < argc ? argv[first] : "");
    if (argc - first != 2)
        return usage_error("import", "takes one file, or - for standard input", "");
    file = argv[first + 1];
    struct import im = { 0 };
    struct session session = {
        .command = &im,
        .start = start,
        .on_stop = on_stop,
        .last_words = last_words,
    };
    code = session_run(&session, &common);
    input_close(&im.input);
    arena_free(im.arena);
    buf_unref(im.batch);
    record_lines_close(&im.lines);
    return code;
}

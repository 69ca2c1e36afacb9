#include "session.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "call_policy.h"
#include "client-cli/output/text.h"
#include "common.h"
#include "connection.h"

/* After Ctrl-C: for calls to end and a reader to take what is on its way. */
#define PATIENCE_MS 250

/* --- The end ------------------------------------------------------------------------ */

/* What can be done about it, where the server tells: which field to mend, or
 * when to try again. A reason alone is for programs. */
static void say_details(struct session *s)
{
    const struct status *f = &s->failure;
    char again[64] = "";
    if (f->retry_after_ms > 0)
        snprintf(again, sizeof again, "; try again in %.3g s", f->retry_after_ms / 1000.0);
    if (f->field[0] != '\0')
        session_say(s, "reason %s, field %s%s", f->reason, f->field, again);
    else if (f->retry_after_ms > 0)
        session_say(s, "reason %s%s", f->reason, again);
}

static void say_failure(struct session *s)
{
    const char *message = s->failure.message;
    const size_t asks = connection_wants_token(message, strlen(message));
    session_say(s, "%s: %.*s", status_name((int)s->failure.code), asks > 0 ? (int)asks : INT_MAX,
                message);
    if (asks > 0)
        session_say(s, "%s", CONNECTION_GIVE_TOKEN);
    say_details(s);
    if (s->say_more != NULL)
        s->say_more(s);
}

static void say_last_words(struct session *s)
{
    if (s->told)
        return;
    s->told = true;
    progress_end(&s->progress);
    if (s->last_words != NULL)
        s->last_words(s);
    if (s->failure.code != STATUS_OK && !s->stopping)
        say_failure(s);
    bool unfinished = s->code > 128 || s->failure.code != STATUS_OK;
    bool goes_on = unfinished || ((s->endless || paging_cut(s)) && !s->stopping);
    if (s->advice != NULL)
        session_say(s, "%s", s->advice);
    else if (goes_on && s->out.mark != NULL)
        session_say(s, "resume with %s", s->out.mark);
    fflush(stderr);
}

/* Ends the loop once nothing waits to be written, and nobody reads what was. */
static void end_when_drained(struct session *s)
{
    if (!s->ending || !output_drained(&s->out))
        return;
    if (pager_runs(&s->pager)) {
        say_last_words(s);
        if (output_drained(&s->out))
            pager_end(&s->pager);
        return; /* we come back */
    }
    timer_stop(&s->patience);
    if (s->reads > 0)
        s->detached = true;
    loop_stop(s->loop);
}

void session_end(struct session *s, enum exit_code code)
{
    if (s->ending)
        return;
    s->ending = true;
    if (!s->stopping)
        s->code = (int)code;
    end_when_drained(s);
}

void session_fail(struct session *s, const struct status *status)
{
    if (!s->ending && !s->stopping)
        s->failure = *status;
    session_end(s, EXIT_FAILED);
}

static void on_patience(struct timer *t)
{
    struct session *s = container_of(t, struct session, patience);
    say_last_words(s);
    _exit(s->code);
}

void session_stop(struct session *s, enum exit_code code)
{
    /* Ctrl-C is a key of the pager, too: we stay until it is done. */
    const bool waits = code == EXIT_INTERRUPTED && pager_runs(&s->pager);
    if (s->stopping) {
        if (code == EXIT_INTERRUPTED && !waits) /* again: at once */
            on_patience(&s->patience);
        return;
    }
    bool ended = s->ending; /* only output is left to be written */
    if (ended && code == EXIT_DONE)
        return; /* it may stay unwritten; how it ended is known */
    s->stopping = true;
    s->code = (int)code;
    s->failure.code = STATUS_OK;
    if (!waits)
        timer_start(s->loop, &s->patience, s->patience_ms > 0 ? s->patience_ms : PATIENCE_MS);
    if (!ended)
        s->on_stop(s);
}

/* --- What comes from outside -------------------------------------------------------- */

static void on_signal(uv_signal_t *handle, int number)
{
    struct session *s = handle->data;
    session_stop(s, number == SIGINT ? EXIT_INTERRUPTED : (enum exit_code)(128 + number));
}

static void say_later(struct session *s)
{
    if (s->later == NULL || !output_drained(&s->out))
        return;
    session_note(s, "%s", s->later);
    free(s->later);
    s->later = NULL;
}

static void on_output_error(struct session *s)
{
    if (s->out.error == EPIPE) {
        session_stop(s, EXIT_DONE);
        return;
    }
    if (!s->stopping)
        session_say(s, "cannot write to standard output: %s", strerror(s->out.error));
    session_stop(s, EXIT_FAILED);
}

static void on_output_progress(struct output *o)
{
    struct session *s = o->data;
    say_later(s);
    if (o->error != 0)
        on_output_error(s);
    else if (!s->ending && !s->stopping && s->on_room != NULL && !output_full(o))
        s->on_room(s);
    end_when_drained(s);
}

static void on_output_write(struct output *o)
{
    struct session *s = o->data;
    progress_hide(&s->progress);
    if (s->endless)
        pager_refuse(&s->pager);
    if (pager_start(&s->pager, loop_uv(s->loop)))
        progress_refuse(&s->progress);
}

/* It has its reasons: the person has seen enough, or everything. */
static void on_pager_exit(struct pager *p)
{
    struct session *s = p->data;
    if (!s->ending)
        session_stop(s, EXIT_DONE);
    end_when_drained(s);
}

/* --- Help for commands -------------------------------------------------------------- */

/* The terminal is the pager's while it runs. Another standard error stays what it is. */
static void put_line(struct session *s, const char *prefix, struct bytes line)
{
    struct buf *b = output_buf(&s->out);
    if (!pager_runs(&s->pager) || isatty(STDERR_FILENO) == 0) {
        fprintf(stderr, "%s%.*s\n", prefix, (int)line.len, (const char *)line.data);
        return;
    }
    buf_append(b, bytes_of_text(prefix));
    buf_append(b, line);
    buf_append(b, bytes_of_text("\n"));
    output_commit(&s->out);
}

__attribute__((format(printf, 3, 0))) static void print_line(struct session *s, const char *prefix,
                                                             const char *format, va_list args)
{
    char *text;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    /* Part of it may come from a server or a file: one harmless line, always. */
    struct buf *line = text != NULL ? buf_new(256) : NULL;
    progress_hide(&s->progress);
    if (line != NULL && text_put(line, text, -1) >= 0)
        put_line(s, prefix, buf_bytes(line));
    else
        put_line(s, prefix, bytes_of_text("out of memory"));
    buf_unref(line);
    free(text);
}

void session_say(struct session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(s, "postcli: ", format, args);
    va_end(args);
}

void session_note(struct session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(s, "", format, args);
    va_end(args);
}

void session_note_later(struct session *s, const char *format, ...)
{
    char *line;
    va_list args;
    va_start(args, format);
    if (vasprintf(&line, format, args) < 0)
        line = NULL;
    va_end(args);
    free(s->later);
    s->later = line;
    say_later(s);
}

void session_mark(struct session *s, const char *format, ...)
{
    char *mark;
    va_list args;
    va_start(args, format);
    if (vasprintf(&mark, format, args) >= 0)
        output_mark(&s->out, mark);
    va_end(args);
}

struct channel *session_channel(const struct session *s)
{
    return s->options->server == SERVER_USER ? s->user : s->post;
}

void session_reading(struct session *s, int change)
{
    s->reads += (unsigned)change;
}

/* --- Life --------------------------------------------------------------------------- */

static void on_begin(struct task *t)
{
    struct session *s = container_of(t, struct session, begin);
    s->started_ms = loop_now_ms(s->loop);
    s->start(s);
}

static void watch_signal(struct session *s, uv_signal_t *handle, int number)
{
    uv_signal_init(loop_uv(s->loop), handle);
    handle->data = s;
    uv_signal_start(handle, on_signal, number);
}

static bool open_channels(struct session *s, char error[CONNECTION_ERROR_MAX])
{
    const struct channel_options post = connection_channel(SERVICE_POST);
    const struct channel_options user = connection_channel(SERVICE_USER);
    if (s->calls_nobody)
        return true;
    return call_policy_channel(&s->post, connection.target, "v1.post.Post", post, error) &&
           call_policy_channel(&s->user, connection.user_target, "v1.user.User", user, error);
}

/* Or @error says what is wrong, in one line. */
static bool session_init(struct session *s, char error[CONNECTION_ERROR_MAX])
{
    int rv = loop_new(&s->loop, LOOP_IN_CORE);
    if (rv != 0)
        goto err;
    rv = output_init(&s->out, s->loop, STDOUT_FILENO);
    if (rv != 0)
        goto err_after_loop;
    if (!open_channels(s, error))
        goto err_after_output;
    s->out.data = s;
    s->out.on_progress = on_output_progress;
    s->out.on_write = on_output_write;
    s->pager.data = s;
    s->pager.on_exit = on_pager_exit;
    pager_init(&s->pager, &s->out, s->pager_command);
    s->patience.fired = on_patience;
    s->begin.run = on_begin;
    progress_init(&s->progress, s->loop, s->options->progress, &s->out);
    watch_signal(s, &s->interrupt, SIGINT);
    watch_signal(s, &s->terminate, SIGTERM);
    return true;

err_after_output:
    channel_free(s->post);
    output_close(&s->out);
err_after_loop:
    loop_free(s->loop);
err:
    if (rv != 0)
        snprintf(error, CONNECTION_ERROR_MAX, "cannot start: %s", strerror(rv));
    return false;
}

static void session_close(struct session *s)
{
    free(s->later);
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->terminate, NULL);
    uv_run(loop_uv(s->loop), UV_RUN_DEFAULT);
    channel_free(s->post);
    channel_free(s->user);
    output_close(&s->out);
    loop_free(s->loop);
}

int session_run(struct session *s, const struct common *options)
{
    char error[CONNECTION_ERROR_MAX];
    s->options = options;
    signal(SIGPIPE, SIG_IGN);
    if (!connection_open(error)) {
        fprintf(stderr, "postcli: %s\n", error);
        return EXIT_FAILED;
    }
    if (!session_init(s, error)) {
        fprintf(stderr, "postcli: %s\n", error);
        connection_close();
        return EXIT_FAILED;
    }
    connection_start(s->loop);
    task_defer(s->loop, &s->begin);
    loop_run(s->loop);
    connection_stop();
    say_last_words(s);
    if (s->detached)
        _exit(s->code);
    session_close(s);
    connection_close();
    return s->code;
}

void session_no_memory(struct stream *stream)
{
    stream_fail(stream, STATUS_RESOURCE_EXHAUSTED, "out of memory");
}

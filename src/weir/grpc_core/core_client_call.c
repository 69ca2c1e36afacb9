/* A client's call: its side of core_call.h, and how it begins. */
#include <errno.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_call.h"
#include "core_channel.h"
#include "weir/status_details.h"
#include "weir/tls.h"

struct client_call {
    struct call call; /* first */
    struct task turn;
    struct op headers;
    grpc_metadata_array initial, trailing;
    grpc_status_code code;
    grpc_slice details;
    char *path;
    struct link *link;
};

static struct client_call *client_of(struct call *c)
{
    return (struct client_call *)c;
}

/* --- The client's side of a call ---------------------------------------------------- */

static size_t put_half_close(struct call *c, grpc_op *ops)
{
    (void)c;
    ops[0].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    return 1;
}

static void client_status_passed(struct call *c)
{
    call_close(c, &c->last);
}

static const grpc_metadata_array *client_received(struct call *c, enum metadata_place place)
{
    struct client_call *cc = client_of(c);
    return place == METADATA_HEADERS ? &cc->initial : &cc->trailing;
}

static void client_admit(struct call *c)
{
    call_move(c, CALL_OPEN);
    call_write(c);
}

static void client_free(struct call *c)
{
    struct client_call *cc = client_of(c);
    task_cancel(&cc->turn);
    grpc_metadata_array_destroy(&cc->initial);
    grpc_metadata_array_destroy(&cc->trailing);
    grpc_slice_unref(cc->details);
    free(cc->path);
    call_done(c);
    link_put(cc->link);
    free(cc);
}

/* Also how an interceptor ends a call: the core answers with its status. */
static void cancel(struct call *c, const struct status *status)
{
    if (!call_is_live(c))
        return;
    c->stream.finished = true;
    c->last = *status;
    call_fail_out(c);
    call_move(c, CALL_FINISHING);
    if (c->end == END_CAME) /* the server's status waits behind a message that is held */
        task_defer(c->stream.loop, &client_of(c)->turn);
    else
        grpc_call_cancel_with_status(c->grpc, (grpc_status_code)status->code, status->message,
                                     NULL);
}

static void client_finish(struct call *c, const struct status *status)
{
    if (!call_is_live(c))
        return;
    if (status->code != STATUS_OK) {
        cancel(c, status);
    } else if (!c->stream.finished) {
        c->stream.finished = true;
        call_end_out(c);
        call_write(c);
    }
}

static const struct call_side client_side = {
    .put_last = put_half_close,
    .reject = cancel,
    .finish = client_finish,
    .admit = client_admit,
    .refuse = cancel,
    .status_passed = client_status_passed,
    .received = client_received,
    .free = client_free,
};

/* --- Its ops ------------------------------------------------------------------------ */

static void on_headers(struct op *op, bool ok)
{
    struct client_call *cc = container_of(op, struct client_call, headers);
    (void)ok;
    call_landed(&cc->call);
    call_reap(&cc->call);
}

static void add_hint(struct status *status, bool tls)
{
    const char *hint = tls_hint(status->message, tls);
    const size_t n = strlen(status->message);
    if (hint != NULL)
        snprintf(status->message + n, sizeof status->message - n, " (%s)", hint);
}

/* As gRPC's own retries take it: a number below 0 asks for none. */
static bool says_never(struct bytes pushback)
{
    return pushback.len > 0 && pushback.data[0] == '-';
}

static struct status received_status(struct client_call *cc)
{
    if (cc->call.life == CALL_FINISHING) /* we have cancelled it */
        return cc->call.last;
    struct status status =
        status_of((enum status_code)cc->code, "%.*s", (int)GRPC_SLICE_LENGTH(cc->details),
                  (const char *)GRPC_SLICE_START_PTR(cc->details));
    if (status.code == STATUS_UNAVAILABLE)
        add_hint(&status, cc->link->tls);
    if (status.code != STATUS_OK)
        status_details_unpack(metadata_get(&cc->trailing, STATUS_DETAILS_NAME), &status);
    status.waited = says_never(metadata_get(&cc->trailing, "grpc-retry-pushback-ms"));
    return status;
}

static void on_over(struct op *op, bool ok)
{
    struct call *c = container_of(op, struct call, over);
    (void)ok; /* always */
    call_note_end(c, END_CAME);
    call_landed(c);
    c->last = received_status(client_of(c));
    call_pass_status(c);
    call_reap(c);
}

/* On the round after channel_open(): what was sent by then goes into the same
 * batch as the headers. Or on the one after a cancel that nothing else ends. */
static void on_turn(struct task *task)
{
    struct call *c = &container_of(task, struct client_call, turn)->call;
    if (c->end == END_CAME)
        call_pass_status(c);
    else
        call_enter(c);
    call_reap(c);
}

static bool start(struct client_call *cc)
{
    struct call *c = &cc->call;
    grpc_op op = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT };
    op.data.recv_status_on_client.trailing_metadata = &cc->trailing;
    op.data.recv_status_on_client.status = &cc->code;
    op.data.recv_status_on_client.status_details = &cc->details;
    if (!call_batch(c, &op, 1, &c->over))
        return false;
    call_note_end(c, END_WATCHED);
    /* Without it a status that comes without headers is never seen. */
    grpc_op headers = { .op = GRPC_OP_RECV_INITIAL_METADATA };
    headers.data.recv_initial_metadata.recv_initial_metadata = &cc->initial;
    call_batch(c, &headers, 1, &cc->headers);
    task_defer(c->stream.loop, &cc->turn);
    call_move(c, CALL_ENTERING);
    return true;
}

static grpc_call *create_call(struct link *link, struct loop *loop, const char *path,
                              uint64_t timeout_ms)
{
    gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (timeout_ms > 0)
        deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                gpr_time_from_millis((int64_t)timeout_ms, GPR_TIMESPAN));
    grpc_slice method = grpc_slice_from_copied_string(path);
    grpc_call *call = grpc_channel_create_call(link->grpc, NULL, GRPC_PROPAGATE_DEFAULTS,
                                               loop_queue(loop), method, NULL, deadline, NULL);
    grpc_slice_unref(method);
    return call;
}

/* What was zeroed becomes a call of this channel. */
static void prepare(struct client_call *cc, const struct channel *channel, struct loop *loop)
{
    struct call *c = &cc->call;
    call_init(c, loop, &client_side, sizeof *cc, channel->options.chain);
    c->in.max_bytes = (size_t)channel->options.max_message_bytes;
    c->over.done = on_over;
    cc->headers.done = on_headers;
    cc->turn.run = on_turn;
    cc->details = grpc_empty_slice();
    grpc_metadata_array_init(&cc->initial);
    grpc_metadata_array_init(&cc->trailing);
}

int channel_open(struct channel *channel, struct loop *loop, const char *path,
                 const struct stream_handler *handler, void *data,
                 const struct call_options *options, struct stream **ret)
{
    const struct call_options none = { 0 };
    if (options == NULL)
        options = &none;
    if (loop_queue(loop) == NULL)
        return ENOMEM;
    struct client_call *cc = call_alloc(sizeof *cc, channel->options.chain);
    if (cc == NULL)
        return ENOMEM;
    prepare(cc, channel, loop);
    struct call *c = &cc->call;
    c->stream.on = handler;
    c->stream.data = data;
    c->stream.path = cc->path = strdup(path);
    if (options->wait_for_ready)
        c->out.headers_flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY |
                               GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    cc->link = link_get(channel);
    c->grpc = create_call(cc->link, loop, path, options->timeout_ms);
    if (cc->path == NULL || !call_open(c) || !start(cc)) {
        client_free(c);
        return ENOMEM;
    }
    *ret = &c->stream;
    return 0;
}

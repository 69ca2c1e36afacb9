/* What a request is: whose protocol, which method. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/clock.h"
#include "grpc_request.h"
#include "grpc_web.h"
#include "http_call.h"
#include "lane.h"
#include "web_gate.h"

static struct bytes header(struct http_call *c, const char *name)
{
    return received_headers_get(&c->in.headers, name);
}

static bool is_post(struct http_call *c)
{
    return bytes_equal(header(c, ":method"), bytes_of_text("POST"));
}

/* --- Which protocol ----------------------------------------------------------------- */

static const struct web_options *web_of(const struct http_call *c)
{
    return c->conn->lane->server->options.web;
}

static bool is_grpc(struct http_call *c)
{
    const struct bytes type = header(c, "content-type");
    const enum session_carries carries = c->conn->ops->carries;
    if (carries == CARRIES_GRPC_ALONE)
        return type.data == NULL || !grpc_web_is_json(type);
    return carries == CARRIES_GRPC && is_post(c) && type.data != NULL && grpc_content_type(type);
}

static void accept_grpc(struct http_call *c, struct accepted *ret)
{
    ret->method = routes_find(&c->conn->lane->server->routes, header(c, ":path"));
    c->stream.protocol = c->conn->ops->protocol;
    grpc_request_read(&c->stream, ret);
}

static size_t most_state(const struct web_options *web)
{
    size_t most = 1;
    for (size_t i = 0; i < web->nprotocols; i++)
        if (web->protocols[i].protocol->state_bytes > most)
            most = web->protocols[i].protocol->state_bytes;
    return most;
}

/* A socket was looked at when it became one. */
static bool may_ask(struct http_call *c, struct answer *a)
{
    return c->conn->ops->carries == CARRIES_GRPC_ALONE || web_gate_pass(c, a);
}

static enum acceptance ask(struct http_call *c, const struct web_options *web, struct accepted *ret,
                           struct answer *a)
{
    const size_t state_bytes = most_state(web);
    c->spoken.stream = &c->stream;
    c->spoken.state = calloc(1, state_bytes);
    if (c->spoken.state == NULL) {
        answer_status(a, 503);
        return ACCEPT_ANSWER;
    }
    for (size_t i = 0; i < web->nprotocols; i++) {
        c->protocol = web->protocols[i].protocol;
        c->spoken.arg = web->protocols[i].arg;
        const enum acceptance result = c->protocol->accept(&c->spoken, ret, a);
        if (result != ACCEPT_OTHER)
            return result;
        memset(c->spoken.state, 0, state_bytes);
    }
    c->protocol = NULL;
    return ACCEPT_OTHER;
}

void call_forget_protocol(struct http_call *c)
{
    if (c->protocol != NULL && c->protocol->close != NULL)
        c->protocol->close(&c->spoken);
    free(c->spoken.state);
}

/* What is nobody's is answered as HTTP. */
static void refuse(struct http_call *c)
{
    counter_add(&c->conn->lane->stats.refused[REFUSED_NOT_GRPC], 1);
    call_refuse(c, is_post(c) ? 415 : 405);
}

/* false: it was answered. */
static bool accept_other(struct http_call *c, struct accepted *ret)
{
    struct answer a = { 0 };
    enum acceptance result = ACCEPT_OTHER;
    if (web_of(c) != NULL)
        result = may_ask(c, &a) ? ask(c, web_of(c), ret, &a) : ACCEPT_ANSWER;
    if (result == ACCEPT_ANSWER)
        call_answer(c, &a);
    else if (result == ACCEPT_OTHER)
        refuse(c);
    answer_clear(&a);
    if (result != ACCEPT_CALL)
        return false;
    c->dialect = ret->dialect;
    c->in.framing = c->dialect->frames;
    c->stream.protocol = c->protocol->name;
    return true;
}

/* --- Which call --------------------------------------------------------------------- */

static void set_method(struct http_call *c, const struct accepted *a)
{
    const struct method *m = a->method != NULL ? a->method : &server_unknown_method;
    c->stream.method = m;
    c->stream.on = m->handler;
    if (a->method != NULL)
        c->stream.path = m->path;
    else
        c->stream.path = a->path != NULL ? a->path : (const char *)header(c, ":path").data;
}

static void start_deadline(struct http_call *c)
{
    const struct method *m = c->stream.method;
    const uint64_t limit_ms = c->conn->lane->server->options.max_call_ms;
    if (c->has_timeout)
        timer_start(c->stream.loop, &c->deadline, c->timeout_ms);
    else if (limit_ms > 0 && m->requests == ONE) /* of MANY responses: see http_call_enter() */
        timer_start(c->stream.loop, &c->deadline, limit_ms);
}

static void set_up(struct http_call *c, const struct accepted *a)
{
    set_method(c, a);
    c->stream.began_ns = clock_ns();
    c->has_timeout = a->has_timeout;
    c->timeout_ms = a->timeout_ms;
    c->in.encoding = a->encoding;
    c->out.encodings = (uint8_t)a->encodings;
    c->out.recodes = call_recodes(c);
}

void http_call_begin(struct http_call *c, bool ended)
{
    struct accepted a = { 0 };
    if (is_grpc(c))
        accept_grpc(c, &a);
    else if (!accept_other(c, &a))
        return;
    set_up(c, &a);
    if (ended)
        call_in_move(c, IN_ENDED);
    if (a.is_wrong) {
        http_call_enter_wrong(c, &a.wrong);
        return;
    }
    if (c->stream.method->requests == ONE) {
        http_call_move(c, LIFE_REQUEST);
        c->in.wanted = true;
    }
    start_deadline(c);
    if (c->life == LIFE_HEADERS)
        http_call_enter(c);
    else if (ended)
        call_in_end(c);
}

/* --- What protocols ask for --------------------------------------------------------- */

bool dialect_on_socket(const struct dialect_call *d)
{
    return http_call_of(d->stream)->conn->ops->carries == CARRIES_GRPC_ALONE;
}

const struct method *dialect_method_at(const struct dialect_call *d, struct bytes path)
{
    return routes_find(&http_call_of(d->stream)->conn->lane->server->routes, path);
}

#include "web_gate.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "http_call.h"
#include "lane.h"

#define HOST_MAX 256

/* What pages may send beside what every page may, and which methods of HTTP. A browser keeps
 * the answer for two hours. */
#define ALLOWED_METHODS "GET, POST, PUT, PATCH, DELETE"
#define ALLOWED_HEADERS                                                                            \
    "authorization, connect-protocol-version, connect-timeout-ms, content-type, grpc-timeout, "    \
    "last-event-id, traceparent, x-grpc-web, x-request-id, x-user-agent"
#define MAX_AGE_S       "7200"
#define EXPOSED_HEADERS "grpc-message, grpc-status, grpc-status-details-bin"

static const struct web_options *web_of(const struct http_call *c)
{
    return c->conn->lane->server->options.web;
}

static struct bytes header(struct http_call *c, const char *name)
{
    return received_headers_get(&c->in.headers, name);
}

static bool refuse(struct answer *a, unsigned status, const char *text)
{
    struct buf *body = buf_copy(bytes_of_text(text));
    answer_status(a, status);
    answer_put(a, "content-type", "text/plain; charset=utf-8");
    if (body != NULL)
        answer_body(a, body);
    buf_unref(body);
    return false;
}

/* --- By which name ------------------------------------------------------------------ */

static bool is_address(const char *host)
{
    unsigned char to[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, to) == 1 || inet_pton(AF_INET6, host, to) == 1;
}

/* "name:80" -> "name", "[::1]:80" -> "::1". false: it is no such text. */
static bool name_of(struct bytes authority, char name[HOST_MAX])
{
    if (authority.len >= HOST_MAX)
        return false;
    memcpy(name, authority.data, authority.len);
    name[authority.len] = '\0';
    char *colon = strrchr(name, ':'), *bracket = strchr(name, ']');
    if (name[0] != '[') {
        if (colon != NULL)
            *colon = '\0';
        return name[0] != '\0' && strchr(name, ':') == NULL;
    }
    if (bracket == NULL || (bracket[1] != '\0' && bracket[1] != ':'))
        return false;
    *bracket = '\0';
    memmove(name, name + 1, strlen(name));
    return true;
}

static bool is_same(struct bytes a, const char *b)
{
    return a.len == strlen(b) && strncasecmp((const char *)a.data, b, a.len) == 0;
}

/* A page of another site, whose name was made to point here, still says its own name. */
static bool is_our_name(const struct web_options *web, struct bytes authority)
{
    char name[HOST_MAX];
    if (authority.len == 0)
        return true; /* of HTTP/1.0: no browser */
    if (!name_of(authority, name))
        return false;
    if (is_address(name) || strcasecmp(name, "localhost") == 0)
        return true;
    for (size_t i = 0; i < web->nhosts; i++)
        if (is_same(authority, web->hosts[i]) || strcasecmp(name, web->hosts[i]) == 0)
            return true;
    return false;
}

/* --- For which pages ---------------------------------------------------------------- */

static bool is_our_origin(struct http_call *c, struct bytes origin)
{
    const char *scheme = c->conn->tls != NULL ? "https://" : "http://";
    const size_t n = strlen(scheme);
    const struct bytes authority = header(c, ":authority");
    return origin.len == n + authority.len && memcmp(origin.data, scheme, n) == 0 &&
           strncasecmp((const char *)origin.data + n, (const char *)authority.data,
                       authority.len) == 0;
}

static bool is_listed(const struct web_options *web, struct bytes origin)
{
    for (size_t i = 0; i < web->norigins; i++)
        if (bytes_equal(origin, bytes_of_text(web->origins[i])))
            return true;
    return false;
}

static bool is_preflight(struct http_call *c)
{
    return bytes_equal(header(c, ":method"), bytes_of_text("OPTIONS")) &&
           header(c, "access-control-request-method").data != NULL;
}

static bool answer_preflight(struct answer *a)
{
    answer_status(a, 204);
    answer_put(a, "access-control-allow-methods", ALLOWED_METHODS);
    answer_put(a, "access-control-allow-headers", ALLOWED_HEADERS);
    answer_put(a, "access-control-max-age", MAX_AGE_S);
    return false;
}

bool web_gate_pass(struct http_call *c, struct answer *a)
{
    const struct web_options *web = web_of(c);
    const struct bytes origin = header(c, "origin");
    if (c->conn->h1 != NULL && !is_our_name(web, header(c, ":authority")))
        return refuse(
            a, 421, "This server does not know itself by that name. --web-host makes it known.\n");
    if (origin.data == NULL || is_our_origin(c, origin))
        return true;
    if (!is_listed(web, origin))
        return refuse(a, 403, "Pages of that origin may not call. --web-origin lets them.\n");
    c->cross_origin = true;
    return !is_preflight(c) || answer_preflight(a);
}

/* --- Answers ------------------------------------------------------------------------ */

static bool append(struct buf *to, struct bytes name)
{
    return buf_append(to, bytes_of_text(", ")) && buf_append(to, name);
}

/* A page is shown no other headers than those that are named. */
static void expose(const struct http_call *c, struct answer *a)
{
    struct buf *names = buf_copy(bytes_of_text(EXPOSED_HEADERS));
    bool put = names != NULL;
    for (size_t i = 0; put && i < a->n; i++)
        put = append(names, answer_name(a, i));
    for (const struct sent_header *h = c->out.headers.first; put && h != NULL; h = h->next)
        put = append(names, bytes_of(h->nv.name, h->nv.namelen));
    a->no_memory |= !put;
    if (put)
        answer_put_bytes(a, bytes_of_text("access-control-expose-headers"), buf_bytes(names));
    buf_unref(names);
}

void web_gate_mark(struct http_call *c, struct answer *a)
{
    const struct web_options *web = web_of(c);
    if (web == NULL)
        return;
    if (c->cross_origin) {
        expose(c, a);
        answer_put_bytes(a, bytes_of_text("access-control-allow-origin"), header(c, "origin"));
    }
    if (web->norigins > 0)
        answer_put(a, "vary", "origin");
    answer_put(a, "x-content-type-options", "nosniff");
}

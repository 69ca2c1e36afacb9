#include "bench_plan.h"

#include <string.h>

#define DURATION_MS  10000
#define OPEN_STREAMS 100 /* of a connection, in an open loop */
#define CALLS_MAX    100000

const struct bench_kind bench_kinds[BENCH_NR] = {
    [BENCH_UNARY] = { .name = "unary", .unit = "posts", .items = 1 },
    [BENCH_SERVER] = { .name = "server-stream",
                       .many_responses = true,
                       .one_answer_each = true,
                       .unit = "posts",
                       .items = 1 },
    [BENCH_CLIENT] = { .name = "client-stream",
                       .many_requests = true,
                       .unit = "posts",
                       .items = 100 },
    [BENCH_BIDI] = { .name = "bidi",
                     .many_requests = true,
                     .many_responses = true,
                     .one_answer_each = true,
                     .unit = "posts",
                     .items = 100 },
    [BENCH_IMPORT] = { .name = "import",
                       .path = "/v1.post.Post/ImportPosts",
                       .many_requests = true,
                       .unit = "posts",
                       .items = 1000 },
    [BENCH_RESOLVE] = { .name = "resolve",
                        .path = "/v1.user.User/ResolveUsers",
                        .many_requests = true,
                        .many_responses = true,
                        .user_service = true,
                        .unit = "names",
                        .items = 1000 },
};

bool plan_shape(const char *name, enum bench_shape *ret)
{
    for (int i = 0; i < BENCH_NR; i++) {
        if (strcmp(name, bench_kinds[i].name) == 0) {
            *ret = (enum bench_shape)i;
            return true;
        }
    }
    return false;
}

static bool is_listing(const struct bench_plan *p)
{
    return p->shape != BENCH_IMPORT && p->shape != BENCH_RESOLVE;
}

const char *plan_path(const struct bench_plan *p)
{
    return is_listing(p) ? post_query_path((enum shape)p->shape, p->users.n > 0)
                         : plan_kind(p)->path;
}

static const char *check_options(const struct bench_plan *p)
{
    const struct bench_kind *kind = plan_kind(p);
    if (p->shape == BENCH_RESOLVE && p->users.n == 0)
        return "resolve needs --user or --users";
    if (!kind->many_requests && p->items > 0)
        return "--ids is for client-stream, bidi, import and resolve";
    if (!kind->many_responses && p->slow.per_second > 0)
        return "--slow-reader is for server-stream, bidi and resolve";
    if (!is_listing(p) && (p->limit > 0 || *p->tag != '\0'))
        return "--limit and --tag are for listings";
    if (p->shape != BENCH_IMPORT && p->prefix != NULL)
        return "--prefix is for import";
    return NULL;
}

const char *plan_check(struct bench_plan *p)
{
    const char *wrong = check_options(p);
    if (wrong != NULL)
        return wrong;
    if (p->items == 0)
        p->items = is_listing(p) && p->users.n == 0 ? 1 : (int64_t)plan_kind(p)->items;
    if (p->streams == 0)
        p->streams = p->rate > 0 ? OPEN_STREAMS : 1;
    if (p->duration_ms == 0 && p->count == 0)
        p->duration_ms = DURATION_MS;
    if (p->loops > p->connections)
        return "more --loops than --connections";
    if (p->connections * p->streams > CALLS_MAX)
        return "more than 100,000 calls at once (--connections times --streams)";
    return NULL;
}

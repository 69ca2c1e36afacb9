#include "bench_plan.h"

#include <string.h>

#include "bench_ledger.h"

#define DURATION_MS  10000
#define OPEN_STREAMS 100 /* of a connection, in an open loop */
#define CALLS_MAX    100000
#define FOLLOW_RATE  100  /* imports a second */
#define ANSWER_POSTS 1000 /* of a single answer: as many as a page of "postcli list" */
#define BOOKS_POSTS  (UINT64_C(1) << 28)
#define BOOKS_BYTES  (UINT64_C(1) << 31)

const struct bench_kind bench_kinds[BENCH_NR] = {
    [BENCH_UNARY] = { .name = "unary",
                      .unit = "posts",
                      .time = "call",
                      .first = "first answer",
                      .items = 1 },
    [BENCH_SERVER] = { .name = "server-stream",
                       .many_responses = true,
                       .one_answer_each = true,
                       .unit = "posts",
                       .time = "call",
                       .first = "first answer",
                       .items = 1 },
    [BENCH_CLIENT] = { .name = "client-stream",
                       .many_requests = true,
                       .unit = "posts",
                       .time = "call",
                       .first = "first answer",
                       .items = 100 },
    [BENCH_BIDI] = { .name = "bidi",
                     .many_requests = true,
                     .many_responses = true,
                     .one_answer_each = true,
                     .unit = "posts",
                     .time = "call",
                     .first = "first answer",
                     .items = 100 },
    [BENCH_IMPORT] = { .name = "import",
                       .path = "/v1.post.Post/ImportPosts",
                       .many_requests = true,
                       .unit = "posts",
                       .time = "call",
                       .first = "first answer",
                       .items = 1000 },
    [BENCH_RESOLVE] = { .name = "resolve",
                        .path = "/v1.user.User/ResolveUsers",
                        .many_requests = true,
                        .many_responses = true,
                        .user_service = true,
                        .unit = "names",
                        .time = "call",
                        .first = "first answer",
                        .items = 1000 },
    [BENCH_FOLLOW] = { .name = "follow",
                       .many_requests = true,
                       .unit = "posts",
                       .time = "arrival",
                       .first = "import",
                       .items = 1 },
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
    return p->shape < BENCH_IMPORT;
}

const char *plan_path(const struct bench_plan *p)
{
    if (p->shape == BENCH_FOLLOW)
        return post_query_path(SHAPE_SERVER, p->users.n > 0);
    return is_listing(p) ? post_query_path((enum shape)p->shape, p->users.n > 0)
                         : plan_kind(p)->path;
}

uint64_t plan_calls(const struct bench_plan *p)
{
    const struct schedule s = { .rate = (double)p->rate, .loops = 1 };
    const uint64_t count = p->count > 0 ? (uint64_t)p->count : UINT64_MAX;
    if (p->rate == 0 || p->duration_ms == 0)
        return count;
    const uint64_t due = schedule_count(&s, p->duration_ms * 1000000);
    return due < count ? due : count;
}

static const char *check_options(const struct bench_plan *p)
{
    const struct bench_kind *kind = plan_kind(p);
    if (p->shape == BENCH_RESOLVE && p->users.n == 0)
        return "resolve needs --user or --users";
    if (!kind->many_requests && p->items > 0)
        return "--ids is for client-stream, bidi, import, follow and resolve";
    if (!kind->many_responses && p->slow.per_second > 0)
        return "--slow-reader is for server-stream, bidi and resolve";
    if (!is_listing(p) && (p->limit > 0 || *p->tag != '\0'))
        return "--limit and --tag are for listings";
    if (!plan_imports(p) && p->prefix != NULL)
        return "--prefix is for import and follow";
    if (p->shape == BENCH_FOLLOW && (p->loops > 1 || p->warmup_ms > 0))
        return "--loops and --warmup are not for follow";
    return NULL;
}

/* A bit for each post and each who hears of it. */
static const char *check_books(const struct bench_plan *p)
{
    uint64_t posts;
    if (p->shape != BENCH_FOLLOW)
        return NULL;
    const uint64_t users = p->users.n > 0 ? p->users.n : 1;
    const size_t followers = (size_t)(p->connections * p->streams);
    if (__builtin_mul_overflow(plan_calls(p), (uint64_t)p->items, &posts) || posts > BOOKS_POSTS ||
        ledger_bytes(posts, users, followers) > BOOKS_BYTES)
        return "this program cannot count so many posts, or posts times followers: make a shorter "
               "run";
    return NULL;
}

/* A single answer of a whole store is one that servers refuse; and it would be no load that
 * anybody has. A stream may be as long as it likes. */
static void choose_sizes(struct bench_plan *p)
{
    if (p->shape == BENCH_UNARY && p->page_size < 0 && p->limit <= 0)
        p->page_size = ANSWER_POSTS;
    if (p->shape == BENCH_CLIENT && p->limit < 0 && p->page_size <= 0)
        p->limit = p->items < ANSWER_POSTS ? ANSWER_POSTS / p->items : 1;
    p->page_size = p->page_size < 0 ? 0 : p->page_size;
    p->limit = p->limit < 0 ? 0 : p->limit;
}

const char *plan_check(struct bench_plan *p)
{
    const char *wrong = check_options(p);
    if (wrong != NULL)
        return wrong;
    if (p->shape == BENCH_FOLLOW && p->rate == 0)
        p->rate = FOLLOW_RATE;
    if (p->items == 0)
        p->items = is_listing(p) && p->users.n == 0 ? 1 : (int64_t)plan_kind(p)->items;
    choose_sizes(p);
    if (p->streams == 0)
        p->streams = p->rate > 0 ? OPEN_STREAMS : 1;
    if (p->duration_ms == 0 && p->count == 0)
        p->duration_ms = DURATION_MS;
    if (p->loops > p->connections)
        return "--loops cannot be more than --connections";
    if (p->connections * p->streams > CALLS_MAX)
        return "at most 100,000 calls can run at once (--connections times --streams)";
    return check_books(p);
}

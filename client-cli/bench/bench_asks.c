#include "bench_asks.h"

#include <stdio.h>

#include "client-cli/output/text.h"

/* "1 post", "1,000 posts" */
static const char *number_of(char ret[48], int64_t n, const char *what)
{
    char number[32];
    snprintf(ret, 48, "%s %s%s", text_number(number, (unsigned long long)n), what,
             n == 1 ? "" : "s");
    return ret;
}

static void of_users(char *ret, size_t size, const struct bench_plan *p)
{
    char users[48];
    if (p->users.n == 0)
        snprintf(ret, size, "of everybody");
    else if (p->items == 1)
        snprintf(ret, size, "of one user");
    else
        snprintf(ret, size, "of %s%s", p->limit > 0 ? "each of " : "",
                 number_of(users, p->items, "user"));
}

/* What bounds an answer besides the limit of each request. */
static void of_pages(char *ret, size_t size, const struct bench_plan *p)
{
    char posts[48];
    *ret = '\0';
    if (p->page_size == 0)
        return;
    number_of(posts, p->page_size, "post");
    if (p->shape == BENCH_CLIENT)
        snprintf(ret, size, ", and at most %s together", posts);
    else if (plan_kind(p)->many_responses)
        snprintf(ret, size, ", at most %s in a message", posts);
}

static void put_listing(char *ret, size_t size, const struct bench_plan *p)
{
    char what[64] = "all posts", posts[48], whom[80], pages[80];
    const bool paged = p->shape == BENCH_UNARY && p->page_size > 0;
    const bool limited = p->limit > 0 && (!paged || p->limit < p->page_size);
    if (limited)
        snprintf(what, sizeof what, "up to %s", number_of(posts, p->limit, "post"));
    else if (paged)
        snprintf(what, sizeof what, "a page of up to %s", number_of(posts, p->page_size, "post"));
    of_users(whom, sizeof whom, p);
    of_pages(pages, sizeof pages, p);
    snprintf(ret, size, "each call asks for %s %s%s", what, whom, pages);
}

const char *bench_asks(char ret[BENCH_ASKS_MAX], const struct bench_plan *p)
{
    char items[48];
    if (p->shape == BENCH_RESOLVE)
        snprintf(ret, BENCH_ASKS_MAX, "each call asks for the names of %s",
                 number_of(items, p->items, "user"));
    else if (plan_imports(p))
        snprintf(ret, BENCH_ASKS_MAX, "each %s brings %s",
                 p->shape == BENCH_FOLLOW ? "import" : "call", number_of(items, p->items, "post"));
    else
        put_listing(ret, BENCH_ASKS_MAX, p);
    return ret;
}

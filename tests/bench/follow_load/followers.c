#include "followers.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/wire.h"
#include "die.h"
#include "load_post.h"

/* Fields of an answer. */
#define POST_MESSAGES   1
#define NEXT_PAGE_TOKEN 2
#define CAUGHT_UP       8

/* Fields of a request: ListPostsByUserIdRequest has the user first, and all others one later. */
#define USER_ID    1
#define PAGE_TOKEN 2
#define FOLLOW     5
#define FROM_NOW   6

#define REQUEST_ROOM 128

/* --- what comes ------------------------------------------------------------------------- */

static void post_came(struct follower *f, struct bytes message, uint64_t now_ns)
{
    struct followers *all = f->all;
    uint64_t number;
    if (!load_post_number(message, all->name, &number))
        return;
    enum tally_kind kind = tally_note(&f->tally, number);
    if (kind == TALLY_FENCE && tally_is_fenced(&f->tally))
        all->fenced++;
    if (kind != TALLY_NEW)
        return;
    all->arrivals++;
    if (all->plan->import == IMPORT_PACED)
        durations_add(&all->latency, now_ns - load_post_sent_ns(message));
    if (tally_is_complete(&f->tally)) {
        all->complete++;
        durations_add(&all->complete_after, now_ns - all->start_ns);
    }
}

static void now_caught_up(struct follower *f, uint64_t now_ns)
{
    if (f->caught_up)
        return;
    f->caught_up = true;
    f->all->caught_up++;
    durations_add(&f->all->caught_up_after, now_ns - f->all->start_ns);
}

static void keep_token(struct follower *f, struct bytes token)
{
    if (token.len >= sizeof f->token)
        die("a token of %zu bytes", token.len);
    memcpy(f->token, token.data, token.len);
    f->token[token.len] = '\0';
}

struct arrival {
    struct follower *by;
    uint64_t now_ns;
};

static void message_came(void *arg, struct bytes message)
{
    const struct arrival *a = arg;
    struct wire_field field;
    a->by->all->messages++;
    while (wire_next(&message, &field)) {
        if (field.number == POST_MESSAGES)
            post_came(a->by, field.bytes, a->now_ns);
        else if (field.number == NEXT_PAGE_TOKEN)
            keep_token(a->by, field.bytes);
        else if (field.number == CAUGHT_UP)
            now_caught_up(a->by, a->now_ns);
    }
    if (message.len > 0)
        die("an answer is no message");
}

static struct follower *follower_of(struct h2_call *c)
{
    return (struct follower *)c; /* its first member */
}

static void on_data(struct h2_call *c, struct bytes data, uint64_t now_ns)
{
    struct arrival a = { .by = follower_of(c), .now_ns = now_ns };
    a.by->all->bytes += data.len;
    messages_take(&a.by->in, data, message_came, &a);
}

static void on_over(struct h2_call *c, uint64_t now_ns)
{
    (void)now_ns;
    follower_of(c)->over = true;
    follower_of(c)->all->over++;
}

static const struct h2_call_kind follow_all = {
    .path = "/v1.post.Post/ListPostsServerStream",
    .on_data = on_data,
    .on_over = on_over,
};
static const struct h2_call_kind follow_user = {
    .path = "/v1.post.Post/ListPostsByUserIdServerStream",
    .on_data = on_data,
    .on_over = on_over,
};

/* --- opening ---------------------------------------------------------------------------- */

static struct buf *request_of(const struct plan *p, size_t number)
{
    struct buf *b = must_have(buf_new(REQUEST_ROOM));
    const uint32_t later = p->by_user ? 1 : 0;
    size_t begin = messages_begin(b);
    bool built = !p->by_user ||
                 wire_append_bytes(b, USER_ID, bytes_of_text(p->users.line[number % p->users.n]));
    if (p->tokens_file != NULL)
        built &= wire_append_bytes(b, PAGE_TOKEN + later, bytes_of_text(p->tokens.line[number]));
    built &= wire_append_varint(b, FOLLOW + later, 1);
    if (p->from_now)
        built &= wire_append_varint(b, FROM_NOW + later, 1);
    if (!built)
        die("out of memory");
    messages_end(b, begin);
    return b;
}

static void follower_open(struct followers *all, size_t number, struct h2_link *link)
{
    const struct plan *p = all->plan;
    struct follower *f = &all->each[number];
    f->all = all;
    f->request = request_of(p, number);
    f->call.kind = p->by_user ? &follow_user : &follow_all;
    f->call.body = buf_bytes(f->request);
    tally_open(&f->tally, p->by_user ? number % p->users.n : 0, p->by_user ? p->users.n : 1,
               (uint64_t)p->count, p->users.n);
    h2_link_call(link, &f->call);
}

void followers_open(struct followers *f, const struct plan *plan, struct h2_link *links)
{
    *f = (struct followers){ .plan = plan,
                             .name = bytes_of_text(plan->name),
                             .n = (size_t)plan->followers,
                             .start_ns = clock_ns() };
    f->each = must_have(calloc(f->n + 1, sizeof *f->each));
    for (size_t i = 0; i < f->n; i++)
        follower_open(f, i, &links[i % (size_t)plan->connections]);
}

static void follower_close(struct follower *f)
{
    buf_unref(f->request);
    messages_close(&f->in);
    tally_close(&f->tally);
}

void followers_close(struct followers *f)
{
    for (size_t i = 0; i < f->n; i++)
        follower_close(&f->each[i]);
    free(f->each);
    durations_close(&f->latency);
    durations_close(&f->caught_up_after);
    durations_close(&f->complete_after);
}

/* --- what became of them ---------------------------------------------------------------- */

static bool each_is(const struct followers *f, size_t so, bool (*is_so)(const struct follower *))
{
    if (so + f->over < f->n)
        return false;
    for (size_t i = 0; i < f->n; i++)
        if (!f->each[i].over && !is_so(&f->each[i]))
            return false;
    return true;
}

static bool is_caught_up(const struct follower *f)
{
    return f->caught_up;
}

static bool is_complete(const struct follower *f)
{
    return tally_is_complete(&f->tally);
}

static bool is_fenced(const struct follower *f)
{
    return tally_is_fenced(&f->tally);
}

bool followers_are_caught_up(const struct followers *f)
{
    return each_is(f, f->caught_up, is_caught_up);
}

bool followers_are_complete(const struct followers *f)
{
    return each_is(f, f->complete, is_complete);
}

bool followers_are_fenced(const struct followers *f)
{
    return each_is(f, f->fenced, is_fenced);
}

void followers_save_tokens(const struct followers *f, const char *path)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        die("%s: %s", path, strerror(errno));
    for (size_t i = 0; i < f->n; i++)
        fprintf(file, "%s\n", f->each[i].token);
    if (fclose(file) != 0)
        die("%s: %s", path, strerror(errno));
}

/* Of all followers together; who had to begin anew has missed nothing by mistake. */
struct sums {
    uint64_t expected, missed, doubled, strange;
    size_t exact, expired, failed;
    const char *why; /* of one that failed */
};

static void sum_up(const struct follower *f, struct sums *s)
{
    const struct tally *t = &f->tally;
    const bool expired = f->over && f->call.status == H2_STATUS_FAILED && f->call.expired;
    const uint64_t missed = expired ? 0 : t->expected - t->got + t->fences - t->got_fences;
    s->expected += t->expected;
    s->missed += missed;
    s->doubled += t->doubled;
    s->strange += t->strange;
    s->expired += expired;
    s->exact += !f->over && missed + t->doubled + t->strange == 0;
    if (f->over && !expired) {
        s->failed++;
        s->why = f->call.why;
    }
}

static void print_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++)
        putchar(*text == '"' || *text == '\\' || (unsigned char)*text < ' ' ? '?' : *text);
    putchar('"');
}

void followers_print(struct followers *f)
{
    struct sums s = { .why = "" };
    for (size_t i = 0; i < f->n; i++)
        sum_up(&f->each[i], &s);
    printf("\"followers\":%zu,\"exact\":%zu,\"expired\":%zu,\"failed\":%zu,\"why\":", f->n, s.exact,
           s.expired, s.failed);
    print_text(s.why);
    printf(",\"expected\":%" PRIu64 ",\"arrived\":%" PRIu64 ",\"missed\":%" PRIu64
           ",\"doubled\":%" PRIu64 ",\"strange\":%" PRIu64 ",\"messages\":%" PRIu64
           ",\"bytes\":%" PRIu64 ",",
           s.expected, f->arrivals, s.missed, s.doubled, s.strange, f->messages, f->bytes);
    durations_print(&f->latency, "latency_ms");
    putchar(',');
    durations_print(&f->caught_up_after, "caught_up_ms");
    putchar(',');
    durations_print(&f->complete_after, "complete_ms");
}

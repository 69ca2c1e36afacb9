/* generate: made-up posts or users as NDJSON, as fast as the output takes it. */
#include <string.h>

#include "client-cli/commands.h"
#include "client-cli/frame/common.h"
#include "client-cli/records/generate.h"

#define AT_ONCE 256 /* records between two looks at the rest of the loop */

static struct generate_plan plan;
static bool posts;
static int64_t count = -1, users = 1000, seed = 1;
static bool grouped;

static struct session *session;
static uint64_t made;
static struct task more;

static bool add_one(void)
{
    struct generated_post post;
    struct generated_user user;
    const void *record = posts ? (const void *)&post.message : &user.message;
    if (posts)
        generate_post(&plan, made, &post);
    else
        generate_user(&plan, made, &user);
    return rows_add(&session->rows, &record, 1);
}

static void on_more(struct task *task)
{
    struct session *s = session;
    struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    if (s->stopping)
        return;
    for (int i = 0; i < AT_ONCE && made < (uint64_t)count; i++, made++) {
        if (!add_one()) {
            session_fail(s, &status);
            return;
        }
    }
    s->progress.counts.done = made;
    s->progress.counts.bytes = s->out.bytes;
    if (made == (uint64_t)count) {
        rows_end(&s->rows);
        session_end(s, EXIT_DONE);
    } else if (!output_full(&s->out)) {
        task_defer(s->loop, task);
    }
}

static void on_room(struct session *s)
{
    task_defer(s->loop, &more);
}

static void on_stop(struct session *s)
{
    task_cancel(&more);
    session_end(s, EXIT_DONE);
}

static void start(struct session *s)
{
    const struct rows_look look = { .format = FORMAT_NDJSON };
    session = s;
    more.run = on_more;
    rows_init(&s->rows, posts ? &row_post : &row_user, &look, &s->out);
    progress_start(&s->progress, posts ? "posts" : "users");
    s->progress.counts.total = (uint64_t)count;
    task_defer(s->loop, &more);
}

static int check(const struct command *c, int n, char **arguments)
{
    (void)n;
    posts = strcmp(arguments[0], "posts") == 0;
    if (count < 0)
        return usage_error(c->name, "--count is needed", "");
    plan.seed = (uint64_t)seed;
    plan.posts = posts ? (uint64_t)count : 0;
    plan.grouped = grouped;
    plan.users = posts ? (uint64_t)users : (uint64_t)(count > 0 ? count : 1);
    return EXIT_DONE;
}

static const struct option_row rows[] = {
    OPT_INT("count", count, "how many records; must be given", .max = (int64_t)GENERATE_MAX,
            .letter = 'n'),
    OPT_INT("users", users, "by how many users the posts are", .min = 1,
            .max = (int64_t)GENERATE_MAX, .arg = "U"),
    OPT_FLAG("grouped", grouped,
             "print the posts of one user after those of another, equally many for each; importing "
             "them is faster then"),
    OPT_INT("seed", seed, "the same seed gives the same records", .max = INT64_MAX, .arg = "S"),
    ROW_PROGRESS,
};

const struct routine generate_routine = {
    .options = { rows, COUNT_OF(rows) },
    .calls_nobody = true,
    .check = check,
    .start = start,
    .on_stop = on_stop,
    .on_room = on_room,
};

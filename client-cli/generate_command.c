/* generate: made-up posts or users as NDJSON, as fast as the output takes it. */
#include <string.h>

#include "base/container.h"
#include "command.h"
#include "generate.h"
#include "rows.h"
#include "session.h"

#define AT_ONCE 256 /* records between two looks at the rest of the loop */

struct generator {
    struct session *session;
    struct rows rows;
    uint64_t next, count;
    struct task more;
};

static struct generate_plan plan;
static bool posts;

static bool add_one(struct generator *g)
{
    struct generated_post post;
    struct generated_user user;
    const void *record = posts ? (const void *)&post.message : &user.message;
    if (posts)
        generate_post(&plan, g->next, &post);
    else
        generate_user(&plan, g->next, &user);
    return rows_add(&g->rows, &record, 1);
}

static void on_more(struct task *task)
{
    struct generator *g = container_of(task, struct generator, more);
    struct session *s = g->session;
    struct status status = status_of(STATUS_RESOURCE_EXHAUSTED, "out of memory");
    if (s->stopping)
        return;
    for (int i = 0; i < AT_ONCE && g->next < g->count; i++, g->next++) {
        if (!add_one(g)) {
            session_fail(s, &status);
            return;
        }
    }
    s->progress.counts.done = g->next;
    s->progress.counts.bytes = s->out.bytes;
    if (g->next == g->count) {
        rows_end(&g->rows);
        session_end(s, EXIT_DONE);
    } else if (!output_full(&s->out)) {
        task_defer(s->loop, &g->more);
    }
}

static void on_room(struct session *s)
{
    struct generator *g = s->command;
    task_defer(s->loop, &g->more);
}

static void on_stop(struct session *s)
{
    struct generator *g = s->command;
    task_cancel(&g->more);
    session_end(s, EXIT_DONE);
}

static void start(struct session *s)
{
    struct generator *g = s->command;
    g->session = s;
    g->more.run = on_more;
    rows_init(&g->rows, posts ? &row_post : &row_user, (enum format)s->options->format, &s->out);
    progress_start(&s->progress, posts ? "posts" : "users");
    s->progress.counts.total = g->count;
    task_defer(s->loop, &g->more);
}

static struct common common = { COMMON_DEFAULTS, .calls_nobody = true };
static int64_t count = -1, users = 1000, seed = 1;
static bool grouped;

static const struct option_row rows[] = {
    { .name = "count",
      .kind = OPTION_INT,
      .value = &count,
      .help = "how many; needed",
      .min = 0,
      .max = (int64_t)GENERATE_MAX },
    { .name = "users",
      .kind = OPTION_INT,
      .value = &users,
      .arg = "U",
      .help = "posts: by so many users",
      .min = 1,
      .max = (int64_t)GENERATE_MAX },
    { .name = "grouped",
      .kind = OPTION_FLAG,
      .value = &grouped,
      .help = "posts: one user's after the other's, as many each; such an import is faster" },
    { .name = "seed",
      .kind = OPTION_INT,
      .value = &seed,
      .arg = "S",
      .help = "the same number gives the same records",
      .max = INT64_MAX },
    ROW_PROGRESS(common),
};

static const struct option_program program = {
    .name = "postcli",
    .usage = "generate posts|users --count N [OPTION]...",
    .summary = "Prints made-up posts or users as NDJSON, for postcli import.",
    .rows = rows,
    .nrows = COUNT_OF(rows),
};

int generate_command(int argc, char **argv)
{
    int first, code;
    if (!common_parse(&common, &program, argc, argv, &first, &code))
        return code;
    posts = first < argc && strcmp(argv[first], "posts") == 0;
    if (first >= argc || (!posts && strcmp(argv[first], "users") != 0))
        return usage_error("generate", "posts or users?", first < argc ? argv[first] : "");
    if (first + 1 < argc)
        return usage_error("generate", "takes no more arguments", argv[first + 1]);
    if (count < 0)
        return usage_error("generate", "--count is needed", "");
    plan.seed = (uint64_t)seed;
    plan.posts = posts ? (uint64_t)count : 0;
    plan.grouped = grouped;
    plan.users = posts ? (uint64_t)users : (uint64_t)(count > 0 ? count : 1);
    common.format = FORMAT_NDJSON;
    struct generator g = { .count = (uint64_t)count };
    struct session session = {
        .command = &g,
        .start = start,
        .on_stop = on_stop,
        .on_room = on_room,
    };
    return session_run(&session, &common);
}

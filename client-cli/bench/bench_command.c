/* bench: a load test of any deployment of the services. Here are its options
 * and its end; bench_run.c conducts it, bench_load.c makes the calls. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"
#include "bench_compare.h"
#include "bench_follow.h"
#include "bench_report.h"
#include "bench_run.h"
#include "bench_save.h"
#include "client-cli/commands.h"
#include "client-cli/frame/call_policy.h"
#include "client-cli/frame/common.h"
#include "client-cli/frame/connection.h"
#include "client-cli/output/terminal.h"
#include "client-cli/output/text.h"

/* After Ctrl-C: for the calls to be cut and the report to be written. */
#define REPORT_PATIENCE_MS 5000

enum { PRINT_TABLE, PRINT_JSON, PRINT_CSV };

static struct bench_plan plan = {
    .connections = 1, .loops = 1, .page_size = PLAN_UNSET, .limit = PLAN_UNSET
};
static int print = PRINT_TABLE;
static const char *users_text = "", *slow_text = "", *errors_text = "";
static struct option_list files;
static const char *compare_text = "", *slower_text = "";
static double slower_part;
static json_t *earlier; /* the run to compare with; NULL: none */
static char prefix[64];
static struct buf *command_line; /* NULL: there was no memory for it */

static struct bench_run bench;
static struct bench_follow follow; /* in its place, for that shape */
static struct session *session;
static time_t started;
static bool interrupted, too_many_errors;

/* --- The end ------------------------------------------------------------------------ */

static bool put_stats(struct buf *out, const struct bench_report *report, const json_t *json)
{
    switch (print) {
    case PRINT_JSON:
        return bench_put_json(out, json);
    case PRINT_CSV:
        return bench_put_csv(out, json, terminal_is_one());
    default:
        return bench_put_table(out, report) &&
               (earlier == NULL || bench_put_comparison(out, json_object_get(json, "compare")));
    }
}

/* The report with its comparison; NULL: out of memory. */
static json_t *make_json(const struct bench_report *report)
{
    json_t *json = bench_report_json(report);
    if (json == NULL || earlier == NULL)
        return json;
    json_t *comparison = bench_compare(earlier, compare_text, json);
    if (comparison != NULL && json_object_set_new(json, "compare", comparison) == 0)
        return json;
    json_decref(json);
    return NULL;
}

/* Whether it is fast enough, for --fail-if-slower. */
static bool judge_speed(struct session *s, const json_t *json)
{
    if (*slower_text == '\0')
        return true;
    const json_t *row = bench_compare_slower(json_object_get(json, "compare"), slower_part);
    if (row == NULL)
        return true;
    session_say(s, "%s is %.3f times that of %s: slower by more than --fail-if-slower %s",
                json_string_value(json_object_get(row, "name")),
                json_number_value(json_object_get(row, "ratio")), compare_text, slower_text);
    return false;
}

static bool tell(struct session *s, const struct stats *stats)
{
    const struct bench_report report = {
        .plan = &plan,
        .stats = stats,
        .command = (const char *)command_line->data,
        .started = started,
        .interrupted = interrupted,
        .too_many_errors = too_many_errors,
    };
    struct buf *out = output_buf(&s->out);
    json_t *json = make_json(&report);
    bool made = json != NULL && put_stats(out, &report, json);
    output_commit(&s->out);
    if (!made)
        session_say(s, "out of memory for the report");
    bool good = made && bench_save(s, &files, json);
    good = made && judge_speed(s, json) && good;
    json_decref(json);
    return good && stats_ok(stats, plan.errors.part);
}

static void say_errors(const struct stats *stats)
{
    char bad[32], ended[32];
    const uint64_t n = stats_ended(stats);
    const double percent = n > 0 ? 100 * (double)stats_bad(stats) / (double)n : 0;
    if (*plan.errors.text == '\0' || (!too_many_errors && percent <= 100 * plan.errors.part))
        return;
    session_say(session, "%s%s of %s calls had an error (%.3g%%), more than --max-error-rate %s",
                too_many_errors ? "ended early: " : "", text_number(bad, stats_bad(stats)),
                text_number(ended, n), percent, plan.errors.text);
}

static void end(bool measured, const struct stats *stats)
{
    bool good = false;
    if (measured)
        good = tell(session, stats);
    say_errors(stats);
    if (!measured && interrupted)
        session_say(session, "stopped before it began: nothing was measured");
    else if (!measured && !too_many_errors)
        session_say(session, "out of memory for the stats");
    session_end(session, good ? EXIT_DONE : EXIT_FAILED);
}

static void on_run_done(struct bench_run *run)
{
    too_many_errors = run->too_many_errors;
    end(run->measured, &run->stats);
}

static void on_follow_done(struct bench_follow *run)
{
    too_many_errors = run->too_many_errors;
    end(run->measured, &run->stats);
}

/* --- Life --------------------------------------------------------------------------- */

static void on_stop(struct session *s)
{
    (void)s;
    interrupted = true;
    if (plan.shape == BENCH_FOLLOW)
        bench_follow_stop(&follow);
    else
        bench_run_stop(&bench);
}

static int start_plan(struct session *s)
{
    bench.done = on_run_done;
    follow.done = on_follow_done;
    return plan.shape == BENCH_FOLLOW ? bench_follow_start(&follow, s, &plan)
                                      : bench_run_start(&bench, s, &plan);
}

static void start(struct session *s)
{
    session = s;
    started = time(NULL);
    int rv = start_plan(s);
    if (rv == 0)
        return;
    session_say(s, "cannot start: %s", strerror(rv));
    session_end(s, EXIT_FAILED);
}

static void close_bench(void)
{
    bench_run_close(&bench);
    bench_follow_close(&follow);
    users_close(&plan.users);
    json_decref(earlier);
    buf_unref(command_line);
}

/* --- Options ------------------------------------------------------------------------ */

static const struct option_row rows[] = {
    OPT_INT("connections", plan.connections, "how many connections to make", .min = 1,
            .max = 10000),
    OPT_INT("streams", plan.streams,
            "how many calls to make at once on each connection; 0: one, or up to 100 with --rate; "
            "for follow: how many followers, 100 by default",
            .max = 100000),
    OPT_INT("loops", plan.loops, "how many threads make the load; they share the connections",
            .min = 1, .max = 64),
    OPT_DURATION("duration", plan.duration_ms,
                 "for how long to start calls; 10s if there is no --count. Calls that are still "
                 "open 1 s later are cut"),
    OPT_INT("count", plan.count, "how many calls to make", .max = INT64_C(1000000000000)),
    OPT_DURATION("warmup", plan.warmup_ms,
                 "make the same load for this long before, and do not count it"),
    OPT_INT("rate", plan.rate,
            "open loop: R calls in a second are due, whatever the server does, and the time of a "
            "call counts from when it was due. 0: a stream starts its next call when its last one "
            "has ended. For follow: how many imports, 100 by default",
            .max = 10000000, .arg = "R"),
    OPT_TEXT("slow-reader", slow_text,
             "let every stream read at most RATE messages (\"10\") or bytes (\"64KiB\") in a "
             "second; the rest fills buffers first, and then makes the server wait",
             .arg = "RATE"),
    ROW_USER,
    OPT_TEXT("users", users_text,
             "take these users in turn: \"u1..u1000\"; \"-\" reads ids from standard input",
             .arg = "FROM..TO"),
    OPT_INT("ids", plan.items,
            "how many users a call asks for (client-stream and bidi: 100, resolve: 1000), or how "
            "many posts it brings (import: 1000, follow: 1)",
            .max = 1000000000),
    OPT_INT("page-size", plan.page_size,
            "the most posts of a response message; for import and resolve the most posts or ids of "
            "a request. 0: only the server sets a bound. Without this option unary asks for pages "
            "of 1000 posts, unless --limit says how many",
            .max = 1000000),
    OPT_INT("limit", plan.limit,
            "the most posts for one request; 0: all. Without this option client-stream asks for "
            "1000 posts in a call, in equal parts for its --ids",
            .max = INT64_MAX),
    ROW_TAG,
    OPT_TEXT("prefix", plan.prefix,
             "for import and follow: how the ids of posts begin; without this option they begin "
             "differently each time",
             .arg = "TEXT"),
    OPT_TEXT("max-error-rate", errors_text,
             "end early, with exit status 1, when more of the calls have an error; up to this rate "
             "errors are accepted. Fewer than 100 calls count as 100. Without this option no error "
             "is accepted, and nothing ends early",
             .arg = "PERCENT"),
    OPT_DURATION("deadline", plan.deadline_ms, "the deadline of each call; 0: none"),
    OPT_CHOICE("format", print, "how to print the stats; csv prints a head and one row for the run",
               .choices = "table|json|csv", .letter = 'o'),
    OPT_LIST("report", files,
             "write a report to this file too: a page with plots (.html), all figures (.json), or "
             "a row for each second (.csv); may be repeated",
             .arg = "FILE"),
    OPT_TEXT("compare", compare_text,
             "put an earlier run of the same shape, a report as JSON, beside this one: ratios, and "
             "what is more than noise",
             .arg = "FILE.json"),
    OPT_TEXT("fail-if-slower", slower_text,
             "exit status 1 if, compared with that run, calls, posts, or the p50, p90 or p99 of "
             "calls are slower by more than this, and by more than noise",
             .arg = "PERCENT"),
    ROW_PROGRESS,
};

static const char *take_users(void)
{
    if (*users_text != '\0' && *common.user != '\0')
        return "--user and --users cannot both be given";
    plan.users_text = *common.user != '\0' ? common.user : users_text;
    if (*common.user != '\0' && !users_one(&plan.users, common.user))
        return "--user: the id is longer than 256 bytes";
    if (strcmp(users_text, "-") == 0) {
        int rv = users_read(&plan.users, stdin);
        if (rv == ENODATA)
            return "--users: no ids on standard input";
        return rv == 0        ? NULL
               : rv == EINVAL ? "--users: an id is longer than 256 bytes"
                              : "--users: cannot read standard input";
    }
    if (*users_text != '\0' && !users_range(&plan.users, users_text))
        return "--users is a range like u1..u1000, or - for standard input";
    return NULL;
}

static const char *take_comparison(char *why, size_t size)
{
    if (*slower_text != '\0' && *compare_text == '\0')
        return "--fail-if-slower needs --compare";
    if (*slower_text != '\0' && !percent_parse(slower_text, &slower_part))
        return "--fail-if-slower is a percentage like 10%";
    if (*compare_text == '\0')
        return NULL;
    earlier = bench_compare_load(compare_text, plan_kind(&plan)->name, why, size);
    return earlier != NULL ? NULL : why;
}

static const char *take_options(void)
{
    static char why[512];
    plan.target = connection.target;
    plan.user_target = connection.user_target;
    plan.tag = common.tag;
    plan.slow_text = slow_text;
    plan.errors.text = errors_text;
    if (*errors_text != '\0' && !percent_parse(errors_text, &plan.errors.part))
        return "--max-error-rate is a percentage like 1% or 0.5%";
    if (*slow_text != '\0' && !pace_parse(slow_text, &plan.slow))
        return "--slow-reader is a number of messages (10) or bytes (64KiB) a second";
    const char *wrong = take_users();
    if (wrong == NULL)
        wrong = plan_check(&plan);
    if (wrong == NULL)
        wrong = bench_save_check(&files, why, sizeof why);
    if (wrong == NULL)
        wrong = take_comparison(why, sizeof why);
    if (wrong == NULL && plan_imports(&plan) && plan.prefix == NULL) {
        snprintf(prefix, sizeof prefix, "bench-%llx-%x-", (unsigned long long)time(NULL),
                 (unsigned)getpid());
        plan.prefix = prefix;
    }
    return wrong;
}

/* As a shell reads it back: in single quotes, unless nothing in it is special there. */
static bool append_word(struct buf *b, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=.,:/@%";
    if (*word != '\0' && word[strspn(word, plain)] == '\0')
        return buf_append(b, bytes_of_text(word));
    bool good = buf_append(b, bytes_of_text("'"));
    for (size_t n; *word != '\0' && good; word += n) {
        n = *word == '\'' ? 1 : strcspn(word, "'");
        good = buf_append(b, *word == '\'' ? bytes_of_text("'\\''") : bytes_of(word, n));
    }
    return good && buf_append(b, bytes_of_text("'"));
}

/* For the report: options_parse() reorders argv. */
static struct buf *make_command_line(int argc, char **argv)
{
    struct buf *b = buf_new(256);
    bool good = b != NULL && buf_append(b, bytes_of_text("postcli"));
    for (int i = 0; i < argc && good; i++) {
        const char *word = utf8_valid(bytes_of_text(argv[i])) ? argv[i] : "?";
        good = buf_append(b, bytes_of_text(" ")) && append_word(b, word);
    }
    if (good && buf_append(b, bytes_of("", 1)))
        return b;
    buf_unref(b);
    return NULL;
}

static void prepare(int argc, char **argv)
{
    command_line = make_command_line(argc, argv);
    call_policy.retries = 0; /* unless they are asked for: failures are to be seen */
    common.user = "";
}

static int check(const struct command *c, int n, char **arguments)
{
    (void)n;
    plan_shape(arguments[0], &plan.shape);
    const char *wrong = command_line != NULL ? take_options() : "out of memory";
    return wrong != NULL ? usage_error(c->name, wrong, "") : EXIT_DONE;
}

const struct routine bench_routine = {
    .options = { rows, COUNT_OF(rows) },
    .patience_ms = REPORT_PATIENCE_MS,
    .prepare = prepare,
    .check = check,
    .start = start,
    .on_stop = on_stop,
    .close = close_bench,
};

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/options.h"

/* One program with an option of every kind; parse() starts from the defaults. */
static struct {
    bool progress;
    const char *target;
    struct option_list listen;
    int64_t loops;
    int64_t any;
    int64_t needed;
    uint64_t drain_ms;
    int format;
    int64_t zebras;
    bool verbose;
} got;

static const struct option_row rows[] = {
    { "progress", OPTION_FLAG, &got.progress, .help = "show how far it is" },
    { "user-target", OPTION_TEXT, &got.target, .arg = "ADDR:PORT", .help = "where the users are" },
    { "listen", OPTION_LIST, &got.listen, .arg = "ADDR:PORT",
      .help = "serve there; may be repeated" },
    { "loops", OPTION_INT, &got.loops,
      .help = "how many loops; one a core is a good number for "
              "nearly everybody, and more than that only makes them take turns",
      .min = 1, .max = 64 },
    { "any", OPTION_INT, &got.any, .help = "any number", .once = true },
    { "needed", OPTION_INT, &got.needed, .help = "one must be given", .min = 0, .max = 9 },
    { "drain-timeout", OPTION_DURATION, &got.drain_ms, .help = "how long to wait at the end" },
    { "log-format", OPTION_CHOICE, &got.format, .help = "how to log", .choices = "text|json" },
};

static const struct option_row zoo_rows[] = {
    { "zebras", OPTION_INT, &got.zebras, .help = "how many zebras", .letter = 'z' },
    { "verbose", OPTION_FLAG, &got.verbose, .help = "say more", .letter = 'v' },
};
static const struct option_group groups[] = {
    { "Zoo", zoo_rows, sizeof(zoo_rows) / sizeof(zoo_rows[0]) },
};

static const struct option_program program = {
    .name = "post-server",
    .usage = "[OPTION]...",
    .summary = "Serves posts.",
    .rows = rows,
    .nrows = sizeof(rows) / sizeof(rows[0]),
    .groups = groups,
    .ngroups = sizeof(groups) / sizeof(groups[0]),
    .epilogue = "The end.",
    .examples = "post-server -z 3   # zebras\npost-server --loops 4",
    .version = "1.2.3",
};

static char *argv_copy[32];
static int first;

static enum option_result parse(const char *const *argv)
{
    int argc = 0;
    argv_copy[argc++] = (char *)"post-server";
    for (; *argv != NULL; argv++)
        argv_copy[argc++] = (char *)*argv;
    argv_copy[argc] = NULL;
    got.progress = false;
    got.target = "localhost:9000";
    got.listen = (struct option_list){ { "localhost:9001" }, 1 };
    got.loops = 2;
    got.any = 0;
    got.needed = -1;
    got.drain_ms = 5000;
    got.format = 0;
    got.zebras = 3;
    got.verbose = false;
    first = -1;
    return options_parse(&program, argc, argv_copy, &first);
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

Test(options, durations)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t ms;
    } table[] = {
        { "0", true, 0 },
        { "0s", true, 0 },
        { "00", true, 0 },
        { "1ms", true, 1 },
        { "500ms", true, 500 },
        { "5s", true, 5000 },
        { "05s", true, 5000 },
        { "2m", true, 120000 },
        { "1h", true, 3600000 },
        { "87600h", true, 315360000000 },
        { "315360000000ms", true, 315360000000 },
        { "87601h", false, 0 },
        { "315360000001ms", false, 0 },
        { "18446744073709551617s", false, 0 },
        { "99999999999999999999999999h", false, 0 },
        { "", false, 0 },
        { "5", false, 0 },
        { "s", false, 0 },
        { "ms", false, 0 },
        { "-5s", false, 0 },
        { "+5s", false, 0 },
        { "1.5s", false, 0 },
        { " 5s", false, 0 },
        { "5 s", false, 0 },
        { "5s ", false, 0 },
        { "5S", false, 0 },
        { "5sec", false, 0 },
        { "5d", false, 0 },
        { "1m30s", false, 0 },
        { "0x5s", false, 0 },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint64_t ms = 77;
        cr_expect_eq(duration_parse(table[i].text, &ms), table[i].ok, "\"%s\"", table[i].text);
        cr_expect_eq(ms, table[i].ok ? table[i].ms : 77, "\"%s\": %lu", table[i].text, ms);
    }
}

Test(options, defaults_stay)
{
    cr_assert_eq(parse((const char *const[]){ NULL }), OPTIONS_OK);
    cr_expect_eq(first, 1);
    cr_expect_not(got.progress);
    cr_expect_str_eq(got.target, "localhost:9000");
    cr_expect_eq(got.listen.n, 1);
    cr_expect_eq(got.drain_ms, 5000);
}

Test(options, every_kind_in_both_spellings)
{
    cr_assert_eq(PARSE("--progress", "--user-target", "a:1", "--listen", "b:2", "--loops", "3",
                       "--any", "-7", "--drain-timeout", "1s", "--log-format", "json"),
                 OPTIONS_OK);
    cr_expect(got.progress);
    cr_expect_str_eq(got.target, "a:1");
    cr_expect_eq(got.listen.n, 1);
    cr_expect_str_eq(got.listen.item[0], "b:2");
    cr_expect_eq(got.loops, 3);
    cr_expect_eq(got.any, -7);
    cr_expect_eq(got.drain_ms, 1000);
    cr_expect_eq(got.format, 1);

    cr_assert_eq(PARSE("--no-progress", "--user-target=", "--listen=b:2", "--listen=c,d",
                       "--loops=64", "--drain-timeout=20ms", "--log-format=text"),
                 OPTIONS_OK);
    cr_expect_not(got.progress);
    cr_expect_str_eq(got.target, "");
    cr_expect_eq(got.listen.n, 2);
    cr_expect_str_eq(got.listen.item[1], "c,d");
    cr_expect_eq(got.loops, 64);
    cr_expect_eq(got.drain_ms, 20);
    cr_expect_eq(got.format, 0);
}

Test(options, last_one_wins_and_words_are_left)
{
    cr_assert_eq(PARSE("one", "--loops", "3", "two", "--loops=4", "--progress", "--no-progress",
                       "--", "--loops"),
                 OPTIONS_OK);
    cr_expect_eq(got.loops, 4);
    cr_expect_not(got.progress);
    cr_assert_eq(first, 6 + 1);
    cr_expect_str_eq(argv_copy[first], "one");
    cr_expect_str_eq(argv_copy[first + 1], "two");
    cr_expect_str_eq(argv_copy[first + 2], "--loops");
}

/* Each row: what goes in, and the one line that must come out. */
static const struct {
    const char *argv[5];
    const char *line;
} bad_arguments[] = {
    { { "--nonsense" }, "unknown option --nonsense" },
    { { "--nonsense=1" }, "unknown option --nonsense" },
    { { "--non\nsense" }, "unknown option --non?sense" },
    { { "--l", "1" }, "ambiguous option --l" },
    { { "-x" }, "unknown option -x" },
    { { "--loops" }, "--loops needs a value" },
    { { "--progress=1" }, "--progress takes no value" },
    { { "--no-progress=1" }, "--no-progress takes no value" },
    { { "--no-loops" }, "unknown option --no-loops; did you mean --loops?" },
    { { "--lopos=1" }, "unknown option --lopos; did you mean --loops?" },
    { { "--no-progres=1" }, "--no-progress takes no value" },
    { { "--no-porgress" }, "unknown option --no-porgress; did you mean --no-progress?" },
    { { "-loops", "3" }, "unknown option -loops; did you mean --loops?" },
    { { "-zebra", "3" }, "--zebras: \"ebra\" is not a whole number" },
    { { "-verbos" }, "unknown option -verbos; did you mean --verbose?" },
    { { "-vx" }, "unknown option -x" },
    { { "-xv" }, "unknown option -x" },
    { { "-z" }, "--zebras needs a value" },
    { { "--any=1", "--any=2" }, "--any is given twice, and takes one value" },
    { { "--version=1" }, "--version takes no value" },
    { { "--loops", "" }, "--loops: \"\" is not a whole number" },
    { { "--loops", "3x" }, "--loops: \"3x\" is not a whole number" },
    { { "--loops", " 3" }, "--loops: \" 3\" is not a whole number" },
    { { "--any", "-" }, "--any: \"-\" is not a whole number" },
    { { "--any", "9223372036854775808" }, "--any: \"9223372036854775808\" is not a whole number" },
    { { "--loops=0" }, "--loops: 0 is not from 1 to 64" },
    { { "--loops=65" }, "--loops: 65 is not from 1 to 64" },
    { { "--drain-timeout", "5" },
      "--drain-timeout: \"5\" is not a duration like 500ms, 5s, 2m or 1h" },
    { { "--log-format", "xml" }, "--log-format: \"xml\" is not one of text|json" },
    { { "--log-format", "text|json" }, "--log-format: \"text|json\" is not one of text|json" },
    { { "--log-format", "" }, "--log-format: \"\" is not one of text|json" },
};

/* Runs @work with standard output or error going to a file; its text. */
static char *captured(FILE *stream, enum option_result want, const char *const *argv)
{
    static char text[8192];
    FILE *file = tmpfile();
    fflush(stream);
    int saved = dup(fileno(stream));
    dup2(fileno(file), fileno(stream));
    enum option_result result = parse(argv);
    fflush(stream);
    dup2(saved, fileno(stream));
    close(saved);
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    cr_expect_eq(result, want, "%s", argv[0]);
    return text;
}

Test(options, bad_arguments_say_so_in_one_line)
{
    for (size_t i = 0; i < sizeof(bad_arguments) / sizeof(bad_arguments[0]); i++) {
        char want[512];
        snprintf(want, sizeof(want), "post-server: %s (try --help)\n", bad_arguments[i].line);
        cr_expect_str_eq(captured(stderr, OPTIONS_BAD, bad_arguments[i].argv), want);
    }
}

Test(options, too_many_in_a_list)
{
    const char *argv[OPTION_LIST_MAX + 2] = { NULL };
    for (int i = 0; i < OPTION_LIST_MAX; i++)
        argv[i] = "--listen=a";
    cr_assert_eq(parse(argv), OPTIONS_OK);
    cr_expect_eq(got.listen.n, OPTION_LIST_MAX);
    argv[OPTION_LIST_MAX] = "--listen=a";
    cr_expect_str_eq(captured(stderr, OPTIONS_BAD, argv),
                     "post-server: --listen: more than 16 values (try --help)\n");
}

Test(options, environment)
{
    setenv("POST_SERVER_USER_TARGET", "users:1", 1);
    setenv("POST_SERVER_LISTEN", "a:1,,unix:/b", 1);
    setenv("POST_SERVER_DRAIN_TIMEOUT", "7s", 1);
    setenv("POST_SERVER_PROGRESS", "yes", 1);
    setenv("POST_SERVER_LOG_FORMAT", "", 1);
    cr_assert_eq(PARSE("--drain-timeout", "9s"), OPTIONS_OK);
    cr_expect_str_eq(got.target, "users:1");
    cr_expect_eq(got.listen.n, 2);
    cr_expect_str_eq(got.listen.item[0], "a:1");
    cr_expect_str_eq(got.listen.item[1], "unix:/b");
    cr_expect_str_eq(getenv("POST_SERVER_LISTEN"), "a:1,,unix:/b");
    cr_expect(got.progress);
    cr_expect_eq(got.drain_ms, 9000, "the command line wins");
    cr_expect_eq(got.format, 0, "an empty variable counts as unset");
}

Test(options, bad_environment_names_the_variable)
{
    static const struct {
        const char *variable, *value, *line;
    } table[] = {
        { "POST_SERVER_PROGRESS", "maybe", "\"maybe\" is neither true nor false" },
        { "POST_SERVER_LOOPS", "many", "\"many\" is not a whole number" },
        { "POST_SERVER_LOOPS", "100", "100 is not from 1 to 64" },
        { "POST_SERVER_DRAIN_TIMEOUT", "5", "\"5\" is not a duration like 500ms, 5s, 2m or 1h" },
        { "POST_SERVER_LOG_FORMAT", "xml", "\"xml\" is not one of text|json" },
        { "POST_SERVER_LISTEN", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
          "more than 16 values" },
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char want[512];
        setenv(table[i].variable, table[i].value, 1);
        snprintf(want, sizeof(want), "post-server: %s: %s (try --help)\n", table[i].variable,
                 table[i].line);
        cr_expect_str_eq(captured(stderr, OPTIONS_BAD, (const char *const[]){ NULL }), want);
        unsetenv(table[i].variable);
    }
}

Test(options, letters)
{
    cr_assert_eq(PARSE("-z", "7", "-v", "word"), OPTIONS_OK);
    cr_expect_eq(got.zebras, 7);
    cr_expect(got.verbose);
    cr_expect_str_eq(argv_copy[first], "word");
    cr_assert_eq(PARSE("-vz8", "--no-verbose"), OPTIONS_OK);
    cr_expect_eq(got.zebras, 8);
    cr_expect_not(got.verbose);
    setenv("POST_SERVER_ZEBRAS", "9", 1);
    cr_assert_eq(PARSE("-z1"), OPTIONS_OK);
    cr_expect_eq(got.zebras, 1, "a letter wins over the environment, too");
    unsetenv("POST_SERVER_ZEBRAS");
}

Test(options, rows_of_a_group_are_as_the_others)
{
    cr_assert_eq(PARSE("--loops", "3", "--zebras", "7"), OPTIONS_OK);
    cr_expect_eq(got.loops, 3);
    cr_expect_eq(got.zebras, 7);
    setenv("POST_SERVER_ZEBRAS", "8", 1);
    cr_assert_eq(PARSE("x"), OPTIONS_OK);
    cr_expect_eq(got.zebras, 8);
    unsetenv("POST_SERVER_ZEBRAS");
}

Test(options, help)
{
    static const char want[] =
        "Usage: post-server [OPTION]...\n"
        "Serves posts.\n"
        "\n"
        "Options:\n"
        "  --[no-]progress           show how far it is\n"
        "  --user-target ADDR:PORT   where the users are (default: localhost:9000)\n"
        "  --listen ADDR:PORT        serve there; may be repeated (default:\n"
        "                            localhost:9001)\n"
        "  --loops N                 how many loops; one a core is a good number for\n"
        "                            nearly everybody, and more than that only makes them\n"
        "                            take turns (default: 2)\n"
        "  --any N                   any number (default: 0)\n"
        "  --needed N                one must be given\n"
        "  --drain-timeout DURATION  how long to wait at the end (default: 5s)\n"
        "  --log-format text|json    how to log (default: text)\n"
        "  -h, --help                print this and exit\n"
        "  --version                 print the version and exit\n"
        "\nZoo:\n"
        "  -z, --zebras N            how many zebras (default: 3)\n"
        "  -v, --[no-]verbose        say more\n"
        "\n"
        "Options can also come from the environment, --progress from POST_SERVER_PROGRESS\n"
        "and so on; the command line wins. Flags are true or false there, lists are\n"
        "separated by commas.\n"
        "\n"
        "The end.\n"
        "\n"
        "Examples:\n"
        "  post-server -z 3   # zebras\n"
        "  post-server --loops 4\n";
    setenv("POST_SERVER_LOOPS", "nonsense", 1);
    cr_expect_str_eq(captured(stdout, OPTIONS_HELP, (const char *const[]){ "--help", NULL }), want);
    cr_expect_str_eq(captured(stdout, OPTIONS_HELP,
                              (const char *const[]){ "--loops", "9", "-h", "--bad", NULL }),
                     want, "the defaults are shown, not what was given");
}

Test(options, a_page)
{
    const char *page = captured(stdout, OPTIONS_HELP, (const char *const[]){ "--help=man", NULL });
    cr_expect_not_null(strstr(page, ".TH POST-SERVER 8 \"\" \"1.2.3\"\n"));
    cr_expect_not_null(strstr(page, ".TP\n\\fB\\-z\\fR, \\fB\\-\\-zebras\\fR \\fIN\\fR\n"));
    cr_expect_not_null(strstr(page, ".SH NOTES\n.nf\nThe end.\n.fi\n.SH EXAMPLES\n.nf\n"
                                    "post\\-server \\-z 3   # zebras\n"));
}

Test(options, version)
{
    cr_expect_str_eq(captured(stdout, OPTIONS_HELP, (const char *const[]){ "--version", NULL }),
                     "post-server 1.2.3\n");
    cr_expect_str_eq(captured(stdout, OPTIONS_HELP,
                              (const char *const[]){ "--loops", "x", "--version", "--bad", NULL }),
                     "post-server 1.2.3\n", "it wins over what is wrong");
}

/* --- A text that can be none -------------------------------------------------------- */

static const char *pager;

static const struct option_row row_of_pager[] = {
    OPT_TEXT("pager", pager, "read by it", .arg = "COMMAND", .has_no = true),
};

static enum option_result parse_pager(const char *argument)
{
    static char name[] = "post-server", room[32];
    char *argv[] = { name, room, NULL };
    int behind;
    const struct option_program program = {
        .name = "post-server", .usage = "", .summary = "Reads.", .rows = row_of_pager, .nrows = 1
    };
    snprintf(room, sizeof room, "%s", argument);
    pager = NULL;
    return options_parse(&program, 2, argv, &behind);
}

Test(options, no_is_an_empty_text)
{
    setenv("POST_SERVER_PAGER", "more", 1);
    cr_assert_eq(parse_pager("x"), OPTIONS_OK);
    cr_expect_str_eq(pager, "more");
    cr_assert_eq(parse_pager("--pager=less"), OPTIONS_OK);
    cr_expect_str_eq(pager, "less");
    cr_assert_eq(parse_pager("--no-pager"), OPTIONS_OK);
    cr_expect_str_eq(pager, "", "and it wins over the environment");
    unsetenv("POST_SERVER_PAGER");
}

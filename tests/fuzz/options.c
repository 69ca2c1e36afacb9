/* Command lines: words, one a line of the input, into options of every kind.
 * The values stay within what their rows allow. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/options.h"
#include "fuzz.h"

#define WORDS_MAX 24

static struct {
    bool flag;
    const char *text;
    struct option_list list;
    int64_t number;
    uint64_t ms;
    int choice;
} got;

static const struct option_row rows[] = {
    { "flag", OPTION_FLAG, &got.flag, .help = "a flag" },
    { "text", OPTION_TEXT, &got.text, .help = "a text" },
    { "list", OPTION_LIST, &got.list, .help = "a list" },
    { "number", OPTION_INT, &got.number, .help = "a number", .min = 1, .max = 64 },
};
static const struct option_row more[] = {
    { "time", OPTION_DURATION, &got.ms, .help = "a time", .letter = 't' },
    { "verbose", OPTION_FLAG, &got.flag, .help = "a flag with a letter", .letter = 'v' },
    { "choice", OPTION_CHOICE, &got.choice, .help = "a choice", .choices = "one|two" },
};
static const struct option_group group = { "More", more, sizeof more / sizeof more[0] };
static const struct option_program program = {
    .name = "fuzz",
    .usage = "[OPTION]...",
    .summary = "Takes anything.",
    .rows = rows,
    .nrows = sizeof rows / sizeof rows[0],
    .groups = &group,
    .ngroups = 1,
    .version = "1",
    .examples = "fuzz -v",
};

/* What it prints is for nobody. */
static void be_quiet(void)
{
    static bool quiet;
    if (quiet)
        return;
    quiet = true;
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    stderr = fdopen(null, "w");
}

static void check_values(void)
{
    cr_assert(got.number >= 1 && got.number <= 64);
    cr_assert(got.choice == 0 || got.choice == 1);
    cr_assert(got.list.n <= OPTION_LIST_MAX);
    cr_assert(got.ms <= UINT64_C(10) * 365 * 24 * 3600 * 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1), *rest = text, *word;
    char *argv[WORDS_MAX + 2] = { (char *)"fuzz" };
    int argc = 1, first = -1;
    uint64_t ms;
    be_quiet();
    memcpy(text, data, size);
    while (argc <= WORDS_MAX && (word = strsep(&rest, "\n")) != NULL) {
        duration_parse(word, &ms);
        argv[argc++] = word;
    }
    got.text = NULL; /* it was of the input before */
    got.number = 1;
    got.ms = 0;
    got.choice = 0;
    got.list.n = 0;
    if (options_parse(&program, argc, argv, &first) == OPTIONS_OK)
        cr_assert(first >= 1 && first <= argc);
    check_values();
    free(text);
    return 0;
}

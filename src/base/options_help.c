#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "options_internal.h"

#define HELP_COLUMNS      80
#define HELP_LEFT_COLUMNS 28 /* a longer option has its text on the next line */

/* The program's own rows, then those of its groups. */
static struct option_group section(const struct option_program *program, size_t i)
{
    if (i == 0)
        return (struct option_group){ "Options", program->rows, program->nrows };
    return program->groups[i - 1];
}

static size_t count_sections(const struct option_program *program)
{
    return 1 + program->ngroups;
}

static const struct option_row *first_row(const struct option_program *program)
{
    for (size_t i = 0; i < count_sections(program); i++)
        if (section(program, i).nrows > 0)
            return section(program, i).rows;
    return NULL;
}

static const char *argument_name(const struct option_row *row)
{
    if (row->arg != NULL)
        return row->arg;
    switch (row->kind) {
    case OPTION_INT:
        return "N";
    case OPTION_DURATION:
        return "DURATION";
    case OPTION_CHOICE:
        return row->choices;
    default:
        return "TEXT";
    }
}

static int left_text(const struct option_row *row, char *ret, size_t size)
{
    const char letter[] = { '-', row->letter, ',', ' ', '\0' };
    const char *first = row->letter != '\0' ? letter : "";
    if (row->kind == OPTION_FLAG)
        return snprintf(ret, size, "  %s--[no-]%s", first, row->name);
    const int len = snprintf(ret, size, "  %s--%s %s", first, row->name, argument_name(row));
    if (!row->has_no || len < 0 || (size_t)len >= size)
        return len;
    return len + snprintf(ret + len, size - (size_t)len, ", --no-%s", row->name);
}

static void duration_text(uint64_t ms, char *ret, size_t size)
{
    if (ms == 0)
        snprintf(ret, size, "0");
    else if (ms % 3600000 == 0)
        snprintf(ret, size, "%" PRIu64 "h", ms / 3600000);
    else if (ms % 60000 == 0)
        snprintf(ret, size, "%" PRIu64 "m", ms / 60000);
    else if (ms % 1000 == 0)
        snprintf(ret, size, "%" PRIu64 "s", ms / 1000);
    else
        snprintf(ret, size, "%" PRIu64 "ms", ms);
}

static void list_text(const struct option_list *list, char *ret, size_t size)
{
    size_t len = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < list->n && len < size; i++)
        len += (size_t)snprintf(ret + len, size - len, "%s%s", i > 0 ? "," : "", list->item[i]);
}

/* What the value is before anything is parsed; empty: nothing to tell. */
static void default_text(const struct option_row *row, char *ret, size_t size)
{
    const char *word = NULL;
    ret[0] = '\0';
    switch (row->kind) {
    case OPTION_FLAG:
        if (*(bool *)row->value)
            snprintf(ret, size, "on");
        break;
    case OPTION_TEXT:
        word = *(const char **)row->value;
        if (word != NULL)
            snprintf(ret, size, "%s", word);
        break;
    case OPTION_LIST:
        list_text(row->value, ret, size);
        break;
    case OPTION_INT:
        if (option_int_in_range(row, *(int64_t *)row->value))
            snprintf(ret, size, "%" PRId64, *(int64_t *)row->value);
        break;
    case OPTION_DURATION:
        duration_text(*(uint64_t *)row->value, ret, size);
        break;
    case OPTION_CHOICE: {
        int len = option_choice_word(row->choices, *(int *)row->value, &word);
        if (len > 0)
            snprintf(ret, size, "%.*s", len, word);
        break;
    }
    }
}

/* What an option is for, and its default. */
static void right_text(const struct option_row *row, char *ret, size_t size)
{
    char value[512];
    default_text(row, value, sizeof(value));
    bool shown = value[0] != '\0';
    snprintf(ret, size, "%s%s%s%s", row->help, shown ? " (default: " : "", value, shown ? ")" : "");
}

/* --- a text ------------------------------------------------------------------------- */

/* Prints the words of @text, indented by @left columns; the cursor stands at
 * column @column. */
static void print_wrapped(const char *text, int left, int column)
{
    bool fresh = true; /* no word on this line yet */
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        int len = (int)strcspn(text, " ");
        if (column > left && (fresh || column + 1 + len > HELP_COLUMNS)) {
            putchar('\n');
            column = 0;
            fresh = true;
        }
        if (fresh)
            column += printf("%*s", left - column, "");
        else
            column += printf(" ");
        column += printf("%.*s", len, text);
        fresh = false;
        text += len;
    }
    putchar('\n');
}

static void print_row(const struct option_row *row, int left)
{
    char option[256], text[2048];
    int column = left_text(row, option, sizeof(option));
    right_text(row, text, sizeof(text));
    fputs(option, stdout);
    print_wrapped(text, left, column + 2 > left ? left + 1 : column);
}

/* The column where the texts start: two past the longest option that fits. */
static int help_left(const struct option_program *program)
{
    int left = (int)strlen("  -h, --help");
    for (size_t i = 0; i < count_sections(program); i++) {
        const struct option_group group = section(program, i);
        for (size_t k = 0; k < group.nrows; k++) {
            int len = left_text(&group.rows[k], (char[256]){ "" }, 256);
            if (len > left && len <= HELP_LEFT_COLUMNS)
                left = len;
        }
    }
    return left + 2;
}

static void environment_text(const struct option_program *program, char *ret, size_t size)
{
    char variable[256];
    const char *name = first_row(program)->name;
    option_variable(variable, sizeof(variable), program->name, name);
    snprintf(ret, size,
             "Options can also come from the environment, --%s from %s and so on; the command"
             " line wins. Flags are true or false there, lists are separated by commas.",
             name, variable);
}

static void print_common_rows(const struct option_program *program, int left)
{
    print_wrapped("print this and exit", left, printf("  -h, --help"));
    if (program->version != NULL)
        print_wrapped("print the version and exit", left, printf("  --version"));
}

static void print_examples(const char *examples)
{
    fputs("\nExamples:\n", stdout);
    for (size_t len; *examples != '\0'; examples += len + (examples[len] == '\n')) {
        len = strcspn(examples, "\n");
        printf("  %.*s\n", (int)len, examples);
    }
}

static void print_text(const struct option_program *program)
{
    int left = help_left(program);
    printf("Usage: %s %s\n%s\n", program->name, program->usage, program->summary);
    for (size_t i = 0; i < count_sections(program); i++) {
        const struct option_group group = section(program, i);
        printf("\n%s:\n", group.title);
        for (size_t k = 0; k < group.nrows; k++)
            print_row(&group.rows[k], left);
        if (i == 0)
            print_common_rows(program, left);
    }
    if (first_row(program) != NULL) {
        char text[1024];
        environment_text(program, text, sizeof(text));
        putchar('\n');
        print_wrapped(text, 0, 0);
    }
    if (program->epilogue != NULL)
        printf("\n%s\n", program->epilogue);
    if (program->examples != NULL)
        print_examples(program->examples);
}

/* --- a manual page: man(7) ---------------------------------------------------------- */

static void roff(const char *text)
{
    bool line_starts = true;
    for (; *text != '\0'; text++) {
        if (line_starts && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
        line_starts = *text == '\n';
    }
}

/* "postcli" with "users get ID... [OPTION]..." is the page postcli-users-get. */
static void page_name(const struct option_program *program, char *ret, size_t size)
{
    size_t len = (size_t)snprintf(ret, size, "%s", program->name);
    for (const char *word = program->usage; islower((unsigned char)*word);) {
        const size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz-");
        if (word[n] != ' ' && word[n] != '\0')
            return;
        len += (size_t)snprintf(ret + len, size - len, "-%.*s", (int)n, word);
        word += n + strspn(word + n, " ");
    }
}

static void print_man_row(const struct option_row *row)
{
    char text[2048];
    fputs(".TP\n", stdout);
    if (row->letter != '\0')
        printf("\\fB\\-%c\\fR, ", row->letter);
    if (row->kind == OPTION_FLAG) {
        fputs("\\fB\\-\\-\\fR[\\fBno\\-\\fR]\\fB", stdout);
        roff(row->name);
        fputs("\\fR\n", stdout);
    } else {
        fputs("\\fB\\-\\-", stdout);
        roff(row->name);
        fputs("\\fR \\fI", stdout);
        roff(argument_name(row));
        fputs("\\fR", stdout);
        if (row->has_no) {
            fputs(", \\fB\\-\\-no\\-", stdout);
            roff(row->name);
            fputs("\\fR", stdout);
        }
        putchar('\n');
    }
    right_text(row, text, sizeof(text));
    roff(text);
    putchar('\n');
}

static void print_man_common_rows(const struct option_program *program)
{
    fputs(".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nprint this and exit\n", stdout);
    if (program->version != NULL)
        fputs(".TP\n\\fB\\-\\-version\\fR\nprint the version and exit\n", stdout);
}

/* As it is, line by line. */
static void print_man_section(const char *title, const char *text)
{
    if (text == NULL)
        return;
    printf(".SH %s\n.nf\n", title);
    roff(text);
    fputs("\n.fi\n", stdout);
}

static void print_man_head(const struct option_program *program)
{
    char name[128];
    page_name(program, name, sizeof(name));
    const bool server = strstr(program->name, "-server") != NULL;
    fputs(".TH ", stdout);
    for (const char *c = name; *c != '\0'; c++)
        putchar(toupper((unsigned char)*c));
    printf(" %d", server ? 8 : 1);
    if (program->version != NULL)
        printf(" \"\" \"%s\"", program->version);
    fputs("\n.SH NAME\n", stdout);
    roff(name);
    fputs(" \\- ", stdout);
    for (const char *c = program->summary; *c != '\0'; c++)
        putchar(*c == '\n' ? ' ' : *c);
    fputs("\n.SH SYNOPSIS\n.B ", stdout);
    roff(program->name);
    putchar('\n');
    roff(program->usage);
    putchar('\n');
}

static void print_man(const struct option_program *program)
{
    char text[1024];
    print_man_head(program);
    fputs(".SH OPTIONS\n", stdout);
    for (size_t i = 0; i < count_sections(program); i++) {
        const struct option_group group = section(program, i);
        if (i > 0)
            printf(".SS %s\n", group.title);
        for (size_t k = 0; k < group.nrows; k++)
            print_man_row(&group.rows[k]);
        if (i == 0)
            print_man_common_rows(program);
    }
    if (first_row(program) != NULL) {
        environment_text(program, text, sizeof(text));
        fputs(".SH ENVIRONMENT\n", stdout);
        roff(text);
        putchar('\n');
    }
    print_man_section("NOTES", program->epilogue);
    print_man_section("EXAMPLES", program->examples);
}

/* --- words for a shell's completion: an option a line, a tab, its choices ----------- */

static void print_choices(const char *before, const char *choices)
{
    const char *word;
    int len;
    for (int i = 0; choices != NULL && (len = option_choice_word(choices, i, &word)) > 0; i++)
        printf("%s%.*s\n", before, len, word);
}

/* An option of a letter has no place in a list that people read; it stands there for whoever
 * looks up whether it takes a value, and which. */
static void print_row_words(const struct option_row *row)
{
    char option[128];
    const bool flag = row->kind == OPTION_FLAG;
    snprintf(option, sizeof option, "--%s%s", row->name, flag ? "" : "=");
    puts(option);
    if (flag || row->has_no)
        printf("--no-%s\n", row->name);
    print_choices(option, row->choices);
    if (row->letter == '\0' || flag)
        return;
    snprintf(option, sizeof option, "-%c=", row->letter);
    puts(option);
    print_choices(option, row->choices);
}

static void print_words(const struct option_program *program)
{
    print_choices("", program->words);
    for (size_t i = 0; i < count_sections(program); i++) {
        const struct option_group group = section(program, i);
        for (size_t k = 0; k < group.nrows; k++)
            print_row_words(&group.rows[k]);
    }
    puts("--help");
    if (program->version != NULL)
        puts("--version");
}

bool options_print_help(const struct option_program *program, const char *form)
{
    if (form == NULL || strcmp(form, "text") == 0)
        print_text(program);
    else if (strcmp(form, "man") == 0)
        print_man(program);
    else if (strcmp(form, "words") == 0)
        print_words(program);
    else
        return false;
    return true;
}

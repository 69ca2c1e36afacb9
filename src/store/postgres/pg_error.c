#include "pg_error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SQLSTATE_LEN 5

/* The first that fits counts: a state, or a class of them. */
static const struct {
    const char *begins;
    enum pg_trouble trouble;
} troubles[] = {
    { "08", PG_AGAIN },      /* connection */
    { "25006", PG_AGAIN },   /* a write, on a standby */
    { "25P03", PG_AGAIN },   /* idle in a transaction for too long */
    { "28", PG_DENIED },     /* who are you */
    { "3D000", PG_MISSING }, /* database */
    { "3F000", PG_MISSING }, /* schema */
    { "40", PG_AGAIN },      /* rolled back: conflict, deadlock, outcome not known */
    { "42501", PG_DENIED },  /* you may not */
    { "42P01", PG_MISSING }, /* table */
    { "53100", PG_FULL },    /* disk */
    { "53", PG_AGAIN },      /* memory, connections */
    { "54", PG_FULL },       /* too large for the server */
    { "55P03", PG_AGAIN },   /* locked for too long */
    { "57", PG_AGAIN },      /* cancelled, stopping, crashed, starting */
};

enum pg_trouble pg_trouble_of(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++)
        if (strncmp(sqlstate, troubles[i].begins, strlen(troubles[i].begins)) == 0)
            return troubles[i].trouble;
    return PG_OTHER;
}

bool pg_error_moves(const struct pg_error *error)
{
    return strcmp(error->sqlstate, "25006") == 0 || strncmp(error->sqlstate, "57P", 3) == 0 ||
           strncmp(error->sqlstate, "08", 2) == 0;
}

bool pg_error_passes(const struct pg_error *error)
{
    return error->trouble == PG_AGAIN &&
           (error->sqlstate[0] == '\0' || strncmp(error->sqlstate, "40", 2) == 0 ||
            pg_error_moves(error));
}

struct pg_error pg_error_again(const char *format, ...)
{
    struct pg_error e = { .trouble = PG_AGAIN };
    va_list args;
    va_start(args, format);
    vsnprintf(e.line, sizeof e.line, format, args);
    va_end(args);
    return e;
}

static void set_state(struct pg_error *e, const char *sqlstate)
{
    snprintf(e->sqlstate, sizeof e->sqlstate, "%.*s", SQLSTATE_LEN, sqlstate);
    e->trouble = pg_trouble_of(e->sqlstate);
}

struct pg_error pg_error_of_result(const PGresult *result, const char *doing)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (state == NULL || message == NULL) /* libpq itself gave up */
        return pg_error_of_losing(PQresultErrorMessage(result), doing);
    struct pg_error e = { 0 };
    set_state(&e, state);
    e.unknown = strcmp(state, "40003") == 0; /* so it says */
    snprintf(e.line, sizeof e.line, "%s: %s", doing, message);
    return e;
}

/* --- libpq's own words -------------------------------------------------------------- */

/* In "…FATAL:  28P01: password authentication failed": after the severity, whose name
 * depends on the language. NULL: it has none. */
static const char *find_state(const char *text, size_t len)
{
    for (size_t i = 0; i + SQLSTATE_LEN + 4 < len; i++) {
        const char *state = text + i + 3;
        size_t n = 0;
        if (strncmp(text + i, ":  ", 3) != 0)
            continue;
        while (isdigit((unsigned char)state[n]) || isupper((unsigned char)state[n]))
            n++;
        if (n == SQLSTATE_LEN && state[n] == ':')
            return state;
    }
    return NULL;
}

static void append(struct pg_error *e, const char *text, size_t len)
{
    const size_t used = strlen(e->line);
    snprintf(e->line + used, sizeof e->line - used, "%.*s", (int)len, text);
}

/* Without the severity and the state. */
static void append_words(struct pg_error *e, const char *text, size_t len)
{
    const char *state = find_state(text, len);
    if (state == NULL) {
        append(e, text, len);
        return;
    }
    const char *severity = state - 3;
    while (severity > text && severity[-1] != ' ')
        severity--;
    set_state(e, state);
    append(e, text, (size_t)(severity - text));
    append(e, state + SQLSTATE_LEN + 2, (size_t)(text + len - (state + SQLSTATE_LEN + 2)));
}

/* A line for each host that was tried begins like this; between them are hints and
 * places in the server's source. */
static bool is_of_a_host(const char *line)
{
    return strncmp(line, "connection to ", strlen("connection to ")) == 0;
}

struct pg_error pg_error_of_connecting(const char *text, const char *doing)
{
    struct pg_error e = pg_error_again("%s", doing);
    const char *before = ": ";
    for (const char *line = text; *line != '\0'; line += strspn(line, "\n")) {
        const size_t len = strcspn(line, "\n");
        if (line == text || is_of_a_host(line)) {
            append(&e, before, strlen(before));
            append_words(&e, line, len);
            before = "; ";
        }
        line += len;
    }
    return e;
}

struct pg_error pg_error_of_losing(const char *text, const char *doing)
{
    return pg_error_again("%s: %.*s", doing, (int)strcspn(text, "\n"), text);
}

/* What is made of what PostgreSQL and libpq say of failures. */
#include <criterion/criterion.h>

#include "store/postgres/pg_error.h"

Test(pg_error, knows_what_can_be_done)
{
    static const struct {
        const char *state;
        enum pg_trouble trouble;
    } rows[] = {
        { "40001", PG_AGAIN },   { "40003", PG_AGAIN },   { "40P01", PG_AGAIN },
        { "57P01", PG_AGAIN },   { "57P03", PG_AGAIN },   { "57014", PG_AGAIN },
        { "25006", PG_AGAIN },   { "08006", PG_AGAIN },   { "53300", PG_AGAIN },
        { "53100", PG_FULL },    { "54000", PG_FULL },    { "28P01", PG_DENIED },
        { "28000", PG_DENIED },  { "42501", PG_DENIED },  { "42P01", PG_MISSING },
        { "3D000", PG_MISSING }, { "3F000", PG_MISSING }, { "42601", PG_OTHER },
        { "23505", PG_OTHER },   { "XX000", PG_OTHER },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_assert_eq(pg_trouble_of(rows[i].state), rows[i].trouble, "%s", rows[i].state);
}

Test(pg_error, knows_when_another_server_may_be_better)
{
    static const char *const moving[] = { "25006", "57P01", "57P03", "08006" };
    static const char *const staying[] = { "", "40001", "42P01", "57014" };
    for (size_t i = 0; i < sizeof moving / sizeof moving[0]; i++) {
        struct pg_error e = { 0 };
        strcpy(e.sqlstate, moving[i]);
        cr_assert(pg_error_moves(&e), "%s", moving[i]);
        strcpy(e.sqlstate, staying[i]);
        cr_assert_not(pg_error_moves(&e), "%s", staying[i]);
    }
}

static void assert_connecting(const char *text, enum pg_trouble trouble, const char *state,
                              const char *line)
{
    const struct pg_error e = pg_error_of_connecting(text, "no way");
    cr_assert_eq(e.trouble, trouble, "%s", text);
    cr_assert_str_eq(e.sqlstate, state);
    cr_assert_str_eq(e.line, line);
}

Test(pg_error, reads_why_there_is_no_connection)
{
    assert_connecting(
        "connection to server at \"db\" (192.0.2.1), port 5432 failed: FATAL:  28P01: "
        "password authentication failed for user \"posts\"\n"
        "LOCATION:  auth_failed, auth.c:326\n",
        PG_DENIED, "28P01",
        "no way: connection to server at \"db\" (192.0.2.1), port 5432 failed: "
        "password authentication failed for user \"posts\"");
    assert_connecting("connection to server on socket \"/a\" failed: No such file or directory\n"
                      "\tIs the server running locally?\n",
                      PG_AGAIN, "",
                      "no way: connection to server on socket \"/a\" failed: "
                      "No such file or directory");
    assert_connecting("connection to server at \"a\" failed: Connection refused\n\tIs it?\n"
                      "connection to server at \"b\" failed: FATAL:  57P03: starting\n",
                      PG_AGAIN, "57P03",
                      "no way: connection to server at \"a\" failed: Connection refused; "
                      "connection to server at \"b\" failed: starting");
    assert_connecting("a strange thing:  12: no state\n", PG_AGAIN, "",
                      "no way: a strange thing:  12: no state");
    assert_connecting("FATAL:  3D000: x", PG_MISSING, "3D000", "no way: x");
    assert_connecting("", PG_AGAIN, "", "no way");
}

Test(pg_error, cuts_what_is_too_long)
{
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_assert_eq(strlen(pg_error_of_connecting(text, "no way").line), STORE_ERROR_MAX - 1);
    cr_assert_eq(strlen(pg_error_of_losing(text, "no way").line), STORE_ERROR_MAX - 1);
}

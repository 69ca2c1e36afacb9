/* Log lines, read back from a pipe in place of standard error. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static char g_read[1 << 16];
static int g_pipe[2], g_stderr;

static void capture(void)
{
    cr_assert_eq(pipe(g_pipe), 0);
    g_stderr = dup(STDERR_FILENO);
    dup2(g_pipe[1], STDERR_FILENO);
    close(g_pipe[1]);
}

static const char *captured(void)
{
    size_t n = 0;
    ssize_t got;
    dup2(g_stderr, STDERR_FILENO);
    close(g_stderr);
    while ((got = read(g_pipe[0], g_read + n, sizeof g_read - 1 - n)) > 0)
        n += (size_t)got;
    g_read[n] = '\0';
    close(g_pipe[0]);
    return g_read;
}

Test(log, text)
{
    log_init("test", LOG_INFO, LOG_TEXT);
    capture();
    log_debug("not this");
    log_warn("%d of\n\x1b[31m\xc2\x9b%s", 1, "many");
    const char *line = captured();
    cr_assert_not_null(strstr(line, " warn  test: 1 of\\u000a\\u001b[31m\\u009bmany\n"), "%s",
                       line);
    cr_assert_null(strstr(line, "not this"));
}

static void check_json(const char *text, const char *want)
{
    log_init("test", LOG_INFO, LOG_JSON);
    capture();
    log_error("%s", text);
    const char *line = captured();
    json_error_t error;
    json_t *o = json_loads(line, 0, &error);
    cr_assert_not_null(o, "%s: %s", line, error.text);
    cr_assert_str_eq(json_string_value(json_object_get(o, "level")), "error");
    cr_assert_str_eq(json_string_value(json_object_get(o, "message")), want);
    json_decref(o);
}

Test(log, json)
{
    check_json("plain", "plain");
    check_json("\"quoted\" and C:\\path", "\"quoted\" and C:\\path");
    check_json("a\tb\nc\x7f", "a\tb\nc\x7f");
    check_json("\xc2\x9b"
               "31m",
               "\xc2\x9b"
               "31m"); /* a terminal obeys it */
    check_json("\xed\x95\x9c\xea\xb8\x80 \xf0\x9f\x98\x80",
               "\xed\x95\x9c\xea\xb8\x80 \xf0\x9f\x98\x80");
}

/* A byte that is not text must not make a line that nothing can parse. */
Test(log, json_of_what_is_not_text)
{
    check_json("\xff", "\xef\xbf\xbd");
    check_json("a\xc3", "a\xef\xbf\xbd");
    check_json("\xed\xa0\x80!", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!");
}

/* A long text is cut, and that too leaves a line that can be parsed. */
Test(log, long_texts)
{
    static char text[8000];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        log_init("test", LOG_INFO, LOG_JSON);
        capture();
        log_error("%s", text);
        json_t *o = json_loads(captured(), 0, NULL);
        cr_assert_not_null(o);
        json_decref(o);
    }
    memset(text, '"', sizeof text - 1);
    capture();
    log_error("%s", text);
    json_t *o = json_loads(captured(), 0, NULL);
    cr_assert_not_null(o);
    json_decref(o);
}

static void *log_many(void *arg)
{
    for (int i = 0; i < 50; i++)
        log_info("line of %s", (const char *)arg);
    return NULL;
}

Test(log, lines_of_threads_do_not_mix)
{
    pthread_t threads[4];
    log_init("test", LOG_INFO, LOG_JSON);
    capture();
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, log_many, "thread");
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    int lines = 0;
    char *rest = (char *)captured();
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++) {
        json_t *o = json_loads(line, 0, NULL);
        cr_assert_not_null(o, "%s", line);
        json_decref(o);
    }
    cr_assert_eq(lines, 200);
}

static const struct log_field fields[] = {
    { "method", LOG_STRING, 0, "/a.B/C" }, { "error", LOG_STRING, 0, "no \"user\" 9\n" },
    { "empty", LOG_STRING, 0, "" },        { "took_ms", LOG_MILLISECONDS, 1234567, NULL },
    { "posts", LOG_COUNT, 12, NULL },
};

Test(log, event_as_text)
{
    log_init("test", LOG_INFO, LOG_TEXT);
    capture();
    log_event(LOG_INFO, "call", fields, sizeof fields / sizeof fields[0]);
    const char *line = captured();
    cr_assert_not_null(strstr(line, " info  test: call method=/a.B/C error=\"no \\\"user\\\" "
                                    "9\\u000a\" empty=\"\" took_ms=1234.567 posts=12\n"),
                       "%s", line);
}

Test(log, event_as_json)
{
    log_init("test", LOG_INFO, LOG_JSON);
    capture();
    log_event(LOG_INFO, "call", fields, sizeof fields / sizeof fields[0]);
    json_t *o = json_loads(captured(), 0, NULL);
    cr_assert_not_null(o);
    cr_assert_str_eq(json_string_value(json_object_get(o, "message")), "call");
    cr_assert_str_eq(json_string_value(json_object_get(o, "error")), "no \"user\" 9\n");
    cr_assert_eq(json_real_value(json_object_get(o, "took_ms")), 1234.567);
    cr_assert_eq(json_integer_value(json_object_get(o, "posts")), 12);
    json_decref(o);
}

/* However long its strings, an event is one line that can be parsed. */
Test(log, event_with_long_fields)
{
    static char text[8000];
    struct log_field many[20];
    memset(text, '"', sizeof text - 1);
    for (size_t i = 0; i < 20; i++)
        many[i] = (struct log_field){ "key", LOG_STRING, 0, text };
    log_init("test", LOG_INFO, LOG_JSON);
    capture();
    log_event(LOG_INFO, "call", many, 20);
    json_t *o = json_loads(captured(), 0, NULL);
    cr_assert_not_null(o);
    json_decref(o);
}

/* Where a token may be sent, and what one is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/tmpdir.h"
#include "serverkit/auth/check_token.h"
#include "serverkit/auth/send_token.h"

static void expect_bad_token(const char *word, const char *token)
{
    struct token_sender t = { 0 };
    const struct token_client_options o = { .token = token };
    char error[SEND_TOKEN_ERROR] = "";
    cr_assert_not(token_sender_open(&t, &o, error), "%s", token);
    cr_assert_not_null(strstr(error, word), "\"%s\" is in \"%s\"", word, error);
    cr_assert(*token == '\0' || strstr(error, token) == NULL, "it is not told: %s", error);
}

Test(send_token, takes_what_a_header_can_hold)
{
    struct token_sender t = { 0 };
    const struct token_client_options none = { 0 }, good = { .token = "aZ0-._~+/=" };
    char error[SEND_TOKEN_ERROR], *huge = calloc(1, 8001);
    cr_assert(token_sender_open(&t, &none, error));
    cr_assert(token_sender_open(&t, &good, error));
    expect_bad_token("no token", "");
    expect_bad_token("no token", " \n");
    expect_bad_token("only", "two words");
    expect_bad_token("only", "line\nline");
    expect_bad_token("only", "caf\xc3\xa9");
    expect_bad_token("too long", memset(huge, 'a', 8000));
    free(huge);
}

Test(send_token, names_the_file_that_is_wrong)
{
    struct token_sender t = { 0 };
    char error[SEND_TOKEN_ERROR] = "", *dir = tmpdir_make(), *path = tmpdir_path(dir, "token");
    const struct token_client_options o = { .file = path };
    cr_assert_not(token_sender_open(&t, &o, error));
    cr_assert_not_null(strstr(error, path), "%s", error);
    cr_assert_not_null(strstr(error, "No such file"), "%s", error);
    FILE *file = fopen(path, "w");
    fputs("secret words\n", file);
    fclose(file);
    cr_assert_not(token_sender_open(&t, &o, error));
    cr_assert_null(strstr(error, "secret"), "%s", error);
    free(path);
    tmpdir_remove(dir);
}

Test(send_token, stays_off_plaintext_unless_asked)
{
    static const struct {
        const char *target;
        bool encrypted, allow, allowed;
    } rows[] = {
        { "localhost:9000", false, false, false }, { "127.0.0.1:9000", false, false, false },
        { "dns:///a:1", false, false, false },     { "localhost:9000", true, false, true },
        { "localhost:9000", false, true, true },   { "unix:/run/user.sock", false, false, true },
        { "unix-abstract:a", false, false, true }, { "unix", false, false, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct token_sender sender = { .token = "secret" };
        const struct token_client_options o = { .allow_plaintext = rows[i].allow };
        struct token_use use;
        struct chain chain = { 0 };
        token_sender_join(&sender, &o, rows[i].target, rows[i].encrypted, &use, &chain);
        cr_assert_eq(use.allowed, rows[i].allowed, "%s", rows[i].target);
        cr_assert_eq(chain.n, 1);
    }
}

Test(send_token, is_in_no_chain_without_a_token)
{
    const struct token_sender sender = { 0 };
    struct token_use use;
    struct chain chain = { 0 };
    token_sender_join(&sender, &(struct token_client_options){ 0 }, "a:1", true, &use, &chain);
    cr_assert_eq(chain.n, 0);
}

static void expect_bearer(const char *header, const char *token)
{
    const struct bytes b = bearer_token(bytes_of_text(header));
    if (token == NULL)
        cr_assert_null(b.data, "%s", header);
    else
        cr_assert(bytes_equal(b, bytes_of_text(token)), "%s", header);
}

Test(check_token, reads_the_header)
{
    expect_bearer("Bearer abc", "abc");
    expect_bearer("bEARER a.b.c", "a.b.c");
    expect_bearer("Bearer ", NULL);
    expect_bearer("Bearer", NULL);
    expect_bearer("Basic abc", NULL);
    expect_bearer("abc", NULL);
    expect_bearer("", NULL);
    cr_assert_null(bearer_token(bytes_of(NULL, 0)).data);
}

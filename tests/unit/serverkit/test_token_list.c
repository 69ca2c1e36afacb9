/* The file of token hashes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/leaks.h"
#include "serverkit/auth/token_list.h"

/* sha256sum of "swordfish", "plover" */
#define SWORDFISH "b9f195c5cc7ef6afadbfbc42892ad47d3b24c6bc94bb510c4564a90a14e8b799"
#define PLOVER    "9b6ed356b8921b8e8cae3ed4c7212d6240e1290a83f779fedab0ad7f40028306"

static struct token_list *parse_good(const char *text)
{
    char error[TOKEN_LIST_ERROR] = "";
    struct token_list *list = NULL;
    cr_assert_eq(token_list_parse(&list, bytes_of_text(text), error), 0, "%s", error);
    return list;
}

static void expect_bad(const char *text, const char *message)
{
    char error[TOKEN_LIST_ERROR] = "";
    struct token_list *list = NULL;
    cr_assert_eq(token_list_parse(&list, bytes_of_text(text), error), EINVAL, "%s", text);
    cr_assert_str_eq(error, message, "%s", text);
    cr_assert_null(list);
}

static struct identity *find(const struct token_list *list, const char *token)
{
    uint8_t hash[TOKEN_HASH_BYTES];
    SHA256((const uint8_t *)token, strlen(token), hash);
    return token_list_find(list, hash);
}

Test(token_list, finds_a_token_by_its_hash)
{
    struct token_list *list = parse_good("# who        until  what\n"
                                         "\n" SWORDFISH " ann 2027-01-01 read\r\n"
                                         "  " PLOVER "\tpost-server \t never  read   write  ");
    struct identity *ann = find(list, "swordfish");
    cr_assert_str_eq(ann->name, "ann");
    cr_assert_str_eq(ann->scopes, "read");
    cr_assert_eq(ann->expires_s, 1798761600);
    cr_assert_null(find(list, "swordfis"));
    cr_assert_null(find(list, ""));
    token_list_free(list);
    assert_no_leaks();
}

Test(token_list, reads_both_kinds_of_dates_and_never)
{
    static const struct {
        const char *text;
        int64_t s;
    } rows[] = {
        { "never", NEVER_EXPIRES },
        { "2027-01-01", 1798761600 },
        { "2027-01-01T12:00:05Z", 1798761600 + 12 * 3600 + 5 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, SWORDFISH " ann %s read", rows[i].text);
        struct token_list *list = parse_good(text);
        cr_assert_eq(find(list, "swordfish")->expires_s, rows[i].s, "%s", rows[i].text);
        cr_assert(identity_may(find(list, "swordfish"), "read"));
        token_list_free(list);
    }
}

Test(token_list, may_be_empty)
{
    token_list_free(parse_good(""));
    token_list_free(parse_good("# nobody\n"));
}

#define NO_HASH  "it does not begin with a SHA-256 of 64 hexadecimal digits"
#define BAD_DATE "the expiry is neither never, nor a date as 2027-01-01 or 2027-01-01T12:00:00Z"

/* The message never has the text: it may be a token. */
Test(token_list, names_the_line_that_is_wrong)
{
    expect_bad("swordfish ann never read\n", "line 1: " NO_HASH);
    expect_bad("\n\n" SWORDFISH "00 ann never read", "line 3: " NO_HASH);
    expect_bad("b9f1 ann never read", "line 1: " NO_HASH);
    expect_bad(SWORDFISH, "line 1: it needs a hash, a name, an expiry and scopes");
    expect_bad(SWORDFISH " ann", "line 1: it needs a hash, a name, an expiry and scopes");
    expect_bad(SWORDFISH " ann never", "line 1: it needs a scope after the expiry");
    expect_bad(SWORDFISH " ann tomorrow read", "line 1: " BAD_DATE);
    expect_bad(SWORDFISH " ann 2027-01-01T12:00:00+09:00 read", "line 1: " BAD_DATE);
    expect_bad(SWORDFISH " ann never read\n" SWORDFISH " bob never read",
               "line 2: this token is in the file already");
}

Test(token_list, refuses_bytes_that_are_no_text)
{
    char error[TOKEN_LIST_ERROR] = "";
    struct token_list *list = NULL;
    const char nul[] = SWORDFISH " ann never read\0write";
    cr_assert_eq(token_list_parse(&list, bytes_of(nul, sizeof nul), error), EINVAL);
    char *line = malloc(8000);
    memset(line, 'a', 7999);
    line[7999] = '\0';
    expect_bad(line, "line 1: it is too long");
    free(line);
}

Test(token_list, is_bounded)
{
    char *text = NULL, error[TOKEN_LIST_ERROR];
    size_t len;
    FILE *out = open_memstream(&text, &len);
    for (int i = 0; i <= TOKEN_LIST_MAX; i++)
        fprintf(out, "%064x t never read\n", i);
    fclose(out);
    struct token_list *list = NULL;
    cr_assert_eq(token_list_parse(&list, bytes_of(text, len), error), EINVAL);
    cr_assert_str_eq(error, "line 1001: there are too many tokens");
    free(text);
}

/* Who has a token, while files change and keys come and go. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "lib/heap.h"
#include "lib/leaks.h"
#include "lib/loop_until.h"
#include "lib/tmpdir.h"
#include "lib/tokens.h"
#include "serverkit/auth/verifier.h"

/* sha256sum of "swordfish" */
#define SWORDFISH "b9f195c5cc7ef6afadbfbc42892ad47d3b24c6bc94bb510c4564a90a14e8b799"

static struct loop *loop;
static char *dir, *tokens_path, *keys_path;
static struct auth_options options;
static struct verifier *verifier;
static char error[AUTH_ERROR];

static void set_up(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    dir = tmpdir_make();
    tokens_path = tmpdir_path(dir, "tokens");
    keys_path = tmpdir_path(dir, "keys.json");
    options = (struct auth_options){ .jwt_issuer = "me", .jwt_audience = "posts" };
}

static void on_stop(struct loop *l, void *arg)
{
    (void)arg;
    verifier_stop(verifier);
    loop_stop(l);
}

static void tear_down(void)
{
    loop_post(loop, on_stop, NULL);
    loop_run(loop);
    verifier_free(verifier);
    loop_free(loop);
    tmpdir_remove(dir);
    free(tokens_path);
    free(keys_path);
    assert_no_leaks();
}

TestSuite(verifier, .init = set_up);

/* As an editor does: there is never half a file. */
static void write_file(const char *path, const char *text)
{
    char next[4096];
    snprintf(next, sizeof next, "%s.next", path);
    FILE *file = fopen(next, "w");
    fputs(text, file);
    fclose(file);
    cr_assert_eq(rename(next, path), 0);
}

static void start(void)
{
    cr_assert(verifier_new(&verifier, &options, &loop, 1, error), "%s", error);
    verifier_start(verifier);
}

#define ASKED_JUST_NOW                                                                             \
    "UNAVAILABLE: the token cannot be checked: its key is not known, and the issuer was asked "    \
    "for keys just now"

/* --- Asking ------------------------------------------------------------------------- */

struct asked {
    struct question question;
    bool answered;
};

static void on_answered(struct question *q)
{
    container_of(q, struct asked, question)->answered = true;
}

static struct asked ask(const char *token)
{
    struct asked a = { .question = { .token = bytes_of_text(token), .answered = on_answered } };
    a.answered =
        verifier_recall(verifier, loop, &a.question) || verifier_ask(verifier, loop, &a.question);
    LOOP_UNTIL(loop, a.answered);
    return a;
}

/* "ann: read write", or "UNAUTHENTICATED: the token is not known". */
static const char *who(const char *token)
{
    static char text[300];
    const struct asked a = ask(token);
    if (a.question.identity != NULL)
        snprintf(text, sizeof text, "%s: %s", a.question.identity->name,
                 a.question.identity->scopes);
    else
        snprintf(text, sizeof text, "%s: %s", status_name(a.question.code), a.question.why);
    identity_unref(a.question.identity);
    return text;
}

static bool is(const char *token, const char *answer)
{
    return strcmp(who(token), answer) == 0;
}

/* --- The token file ----------------------------------------------------------------- */

Test(verifier, takes_the_tokens_of_the_file)
{
    options.token_file = tokens_path;
    write_file(tokens_path, SWORDFISH " ann never read write\n");
    start();
    cr_assert_str_eq(who("swordfish"), "ann: read write");
    cr_assert_str_eq(who("Swordfish"), "UNAUTHENTICATED: the token is not known");
    cr_assert_str_eq(who("a.b.c"), "UNAUTHENTICATED: the token is not known");
    tear_down();
}

Test(verifier, reads_the_file_again_when_it_changes)
{
    options.token_file = tokens_path;
    write_file(tokens_path, SWORDFISH " ann never read\n");
    start();
    write_file(tokens_path, SWORDFISH " bob never write\n");
    LOOP_UNTIL(loop, is("swordfish", "bob: write"));
    write_file(tokens_path, SWORDFISH " bob 2020-01-01 write\n");
    LOOP_UNTIL(loop, is("swordfish", "UNAUTHENTICATED: the token has expired"));
    write_file(tokens_path, "");
    LOOP_UNTIL(loop, is("swordfish", "UNAUTHENTICATED: the token is not known"));
    tear_down();
}

Test(verifier, keeps_the_last_good_file)
{
    options.token_file = tokens_path;
    write_file(tokens_path, SWORDFISH " ann never read\n");
    start();
    write_file(tokens_path, SWORDFISH " bob never write\nplover bob never read\n");
    LOOP_UNTIL(loop, access(tokens_path, R_OK) == 0 && is("swordfish", "ann: read"));
    const uint64_t until_ms = loop_now_ms(loop) + 1500; /* it was read meanwhile */
    LOOP_UNTIL(loop, loop_now_ms(loop) > until_ms);
    cr_assert_str_eq(who("swordfish"), "ann: read");
    unlink(tokens_path);
    write_file(tokens_path, SWORDFISH " eve never read\n");
    LOOP_UNTIL(loop, is("swordfish", "eve: read"));
    tear_down();
}

Test(verifier, needs_good_files_to_begin)
{
    options.token_file = tokens_path;
    cr_assert_not(verifier_new(&verifier, &options, &loop, 1, error));
    cr_assert_not_null(strstr(error, "No such file"), "%s", error);
    write_file(tokens_path, "# me\nswordfish ann never read\n");
    cr_assert_not(verifier_new(&verifier, &options, &loop, 1, error));
    cr_assert_not_null(strstr(error, "line 2"), "%s", error);
    cr_assert_null(strstr(error, "swordfish"), "%s", error);
    options.token_file = NULL;
    options.jwks = keys_path;
    write_file(keys_path, "{}");
    cr_assert_not(verifier_new(&verifier, &options, &loop, 1, error));
    cr_assert_not_null(strstr(error, "not a key set"), "%s", error);
    tear_down();
}

/* --- Keys --------------------------------------------------------------------------- */

static void publish(cjose_jwk_t *const *keys, size_t n)
{
    char *text = tokens_key_set(keys, n, NULL);
    write_file(keys_path, text);
    free(text);
}

static char *mint(cjose_jwk_t *key, const char *kid, const char *name, int seconds)
{
    char claims[300];
    snprintf(claims, sizeof claims,
             "{\"iss\":\"me\",\"aud\":\"posts\",\"sub\":\"%s\",\"scope\":\"read\",\"exp\":%ld}",
             name, (long)time(NULL) + seconds);
    return tokens_sign(key, "ES256", kid, claims);
}

static void expect(char *token, const char *answer)
{
    cr_assert_str_eq(who(token), answer);
    free(token);
}

Test(verifier, takes_signed_tokens_and_those_of_the_file)
{
    cjose_jwk_t *key = tokens_ec_key("a", CJOSE_JWK_EC_P_256);
    options.token_file = tokens_path;
    options.jwks = keys_path;
    write_file(tokens_path, SWORDFISH " ann never read\n");
    publish(&key, 1);
    start();
    char *token = mint(key, "a", "bob", 600);
    cr_assert_str_eq(who("swordfish"), "ann: read");
    cr_assert_str_eq(who("plover"), "UNAUTHENTICATED: the token is not known");
    cr_assert_str_eq(who(token), "bob: read");
    cr_assert_str_eq(who(token), "bob: read"); /* from the cache */
    expect(mint(key, "a", "bob", -600), "UNAUTHENTICATED: the token has expired");
    free(token);
    cjose_jwk_release(key);
    tear_down();
}

Test(verifier, finds_a_new_key_when_a_token_names_it)
{
    cjose_jwk_t *keys[] = { tokens_ec_key("a", CJOSE_JWK_EC_P_256),
                            tokens_ec_key("b", CJOSE_JWK_EC_P_256) };
    options.jwks = keys_path;
    publish(keys, 1);
    start();
    loop_turns(loop, 3);
    publish(keys, 2);
    expect(mint(keys[1], "b", "bob", 600), "bob: read");
    expect(mint(keys[0], "a", "ann", 600), "ann: read");
    for (int i = 0; i < 2; i++)
        cjose_jwk_release(keys[i]);
    tear_down();
}

/* Strangers name keys that nobody has: that must not become a load each. */
Test(verifier, does_not_look_for_keys_too_often)
{
    cjose_jwk_t *keys[] = { tokens_ec_key("a", CJOSE_JWK_EC_P_256),
                            tokens_ec_key("b", CJOSE_JWK_EC_P_256) };
    options.jwks = keys_path;
    publish(keys, 1);
    cr_assert(verifier_new(&verifier, &options, &loop, 1, error), "%s", error);
    verifier_start(verifier);
    expect(mint(keys[1], "b", "bob", 600),
           "UNAUTHENTICATED: the token is not signed with a key of its issuer");
    publish(keys, 2); /* within the second in which files are not looked at either */
    char *token = mint(keys[1], "b", "bob", 600);
    cr_expect_str_eq(who(token), ASKED_JUST_NOW); /* it may be good, for all we know */
    const uint32_t retry_ms = ask(token).question.retry_ms;
    cr_expect(retry_ms > 0 && retry_ms <= 5000, "%u", retry_ms);
    free(token);
    for (int i = 0; i < 2; i++)
        cjose_jwk_release(keys[i]);
    tear_down();
}

Test(verifier, forgets_tokens_of_a_key_that_was_withdrawn)
{
    cjose_jwk_t *keys[] = { tokens_ec_key("a", CJOSE_JWK_EC_P_256),
                            tokens_ec_key("b", CJOSE_JWK_EC_P_256) };
    options.jwks = keys_path;
    publish(keys, 2);
    start();
    char *token = mint(keys[1], "b", "bob", 600);
    cr_assert_str_eq(who(token), "bob: read");
    publish(keys, 1);
    LOOP_UNTIL(loop, !is(token, "bob: read"));
    cr_assert_str_eq(who(token), ASKED_JUST_NOW); /* as the loop above has done */
    free(token);
    for (int i = 0; i < 2; i++)
        cjose_jwk_release(keys[i]);
    tear_down();
}

/* A good token that cannot be checked now is not a bad one. */
Test(verifier, says_when_keys_cannot_be_had)
{
    cjose_jwk_t *keys[] = { tokens_ec_key("a", CJOSE_JWK_EC_P_256),
                            tokens_ec_key("b", CJOSE_JWK_EC_P_256) };
    options.jwks = keys_path;
    publish(keys, 1);
    start();
    unlink(keys_path);
    expect(mint(keys[1], "b", "bob", 600),
           "UNAVAILABLE: the token cannot be checked: its issuer's keys cannot be had now");
    expect(mint(keys[0], "a", "ann", 600), "ann: read");
    for (int i = 0; i < 2; i++)
        cjose_jwk_release(keys[i]);
    tear_down();
}

Test(verifier, forgets_a_question)
{
    cjose_jwk_t *key = tokens_ec_key("a", CJOSE_JWK_EC_P_256);
    options.jwks = keys_path;
    publish(&key, 1);
    start();
    char *token = mint(key, "b", "bob", 600);
    struct asked asked[3] = { 0 };
    for (int i = 0; i < 3; i++) {
        asked[i].question.token = bytes_of_text(token);
        asked[i].question.answered = on_answered;
        cr_assert_not(verifier_recall(verifier, loop, &asked[i].question));
        cr_assert_not(verifier_ask(verifier, loop, &asked[i].question));
    }
    verifier_forget(&asked[1].question);
    LOOP_UNTIL(loop, asked[0].answered && asked[2].answered);
    cr_assert_not(asked[1].answered);
    verifier_forget(&asked[2].question); /* answered: fine */
    free(token);
    cjose_jwk_release(key);
    tear_down();
}

/* A list or keys that could not be read tell nothing of a token. */
Test(verifier, without_memory_it_does_not_know)
{
    options.token_file = tokens_path;
    options.jwks = keys_path;
    write_file(tokens_path, SWORDFISH " ann never read\n");
    write_file(keys_path, "{\"keys\":[]}");
    start();
    for (unsigned at = 1; at <= 2; at++) {
        heap_fail_at(at);
        cr_assert_str_eq(who("swordfish"),
                         "UNAVAILABLE: the token cannot be checked: out of memory");
        cr_assert(heap_failed());
    }
    heap_fail_at(0);
    cr_assert_str_eq(who("swordfish"), "ann: read");
    tear_down();
}

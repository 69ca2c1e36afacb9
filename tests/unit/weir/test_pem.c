/* PEM files: what is refused and how that is said, and what a change does. */
#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "lib/tmpdir.h"
#include "weir/pem.h"

static char *g_dir;
static char g_error[PEM_ERROR_MAX];

static char *path(const char *name)
{
    static char paths[8][256];
    static int next;
    char *ret = paths[next++ % 8];
    snprintf(ret, sizeof paths[0], "%s/%s", g_dir, name);
    return ret;
}

static void make(const char *names)
{
    char command[512];
    snprintf(command, sizeof command, "tests/certs.sh %s %s", g_dir, names);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(path(name), "w");
    cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void setup(void)
{
    log_init("test", LOG_ERROR, LOG_TEXT);
    g_dir = tmpdir_make();
    make("ca server client");
}

static void teardown(void)
{
    tmpdir_remove(g_dir);
}

TestSuite(pem, .init = setup, .fini = teardown);

static struct pem_files *open_files(const char *cert, const char *key, const char *ca)
{
    struct pem_files *files = NULL;
    const struct pem names = { { cert != NULL ? path(cert) : NULL, key != NULL ? path(key) : NULL,
                                 ca != NULL ? path(ca) : NULL } };
    return pem_files_new(&files, &names, g_error) ? files : NULL;
}

static void expect_refused(const char *cert, const char *key, const char *ca, const char *words)
{
    cr_expect_null(open_files(cert, key, ca));
    cr_expect_not_null(strstr(g_error, words), "%s", g_error);
    cr_expect_null(strchr(g_error, '\n'));
    cr_expect_eq(ERR_peek_error(), 0, "OpenSSL's errors are left for others");
}

Test(pem, wrong_files)
{
    put("text", "not PEM\n");
    put("cut", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    put("empty", "");
    expect_refused("none", "server.key", NULL, "none: No such file");
    expect_refused("server.pem", "none", NULL, "none: No such file");
    expect_refused(NULL, NULL, "none", "none: No such file");
    expect_refused("text", "server.key", NULL, "text has no certificate");
    expect_refused("cut", "server.key", NULL, "cut has no certificate");
    expect_refused("empty", "server.key", NULL, "empty has no certificate");
    expect_refused("server.pem", "server.pem", NULL, "server.pem has no private key");
    expect_refused("server.pem", "client.key", NULL, "client.key is not that of");
    expect_refused("server.pem", "server.key", "server.key", "server.key has no certificate");
    expect_refused("", "server.key", NULL, "is not a PEM file");
}

Test(pem, a_key_with_a_password_is_refused_and_not_asked_for)
{
    char command[1024];
    snprintf(command, sizeof command, "openssl ec -in %s -out %s -aes128 -passout pass:x 2>&-",
             path("server.key"), path("locked.key"));
    cr_assert_eq(system(command), 0);
    expect_refused("server.pem", "locked.key", NULL, "without a password");
}

Test(pem, each_reader_gets_what_is_new_once)
{
    struct pem_files *files = open_files("server.pem", "server.key", "ca.pem");
    struct pem pem;
    unsigned one = 0, two = 0;
    cr_assert_not_null(files, "%s", g_error);
    for (int i = 0; i < 2; i++) {
        cr_assert(pem_files_newer(files, &one, &pem));
        cr_expect_not_null(strstr(pem.part[PEM_CERT], "BEGIN CERTIFICATE"));
        cr_expect_not_null(strstr(pem.part[PEM_KEY], "PRIVATE KEY"));
        cr_expect_not_null(strstr(pem.part[PEM_CA], "BEGIN CERTIFICATE"));
        pem_close(&pem);
        cr_expect_not(pem_files_newer(files, &one, &pem));
        cr_assert(pem_files_newer(files, &two, &pem));
        pem_close(&pem);
        cr_expect_not(pem_files_newer(files, &two, &pem));
        make("server");
    }
    pem_files_free(files);
}

Test(pem, a_pair_that_does_not_match_changes_nothing)
{
    struct pem_files *files = open_files("server.pem", "server.key", NULL);
    struct pem pem;
    unsigned seen = 0;
    cr_assert(pem_files_newer(files, &seen, &pem));
    pem_close(&pem);
    cr_assert_eq(rename(path("client.pem"), path("server.pem")), 0);
    cr_expect_not(pem_files_newer(files, &seen, &pem));
    cr_assert_eq(unlink(path("server.key")), 0);
    cr_expect_not(pem_files_newer(files, &seen, &pem));
    cr_assert_eq(rename(path("client.key"), path("server.key")), 0);
    cr_expect(pem_files_newer(files, &seen, &pem));
    pem_close(&pem);
    pem_files_free(files);
}

Test(pem, no_files_at_all)
{
    struct pem_files *files = open_files(NULL, NULL, NULL);
    struct pem pem;
    unsigned seen = 0;
    cr_assert(pem_files_newer(files, &seen, &pem));
    cr_expect_null(pem.part[PEM_CERT]);
    cr_expect_not(pem_files_newer(files, &seen, &pem));
    pem_files_free(files);
}

/* What servers and clients read at their start: a service config, certificates,
 * keys. Any bytes are taken or refused with one line; and nothing is left in
 * OpenSSL's queue of errors, where the next connection would find it. */
#include <openssl/err.h>
#include <stdlib.h>

#include "base/log.h"
#include "fuzz.h"
#include "lib/tmpdir.h"
#include "weir/pem.h"
#include "weir/service_config.h"

static char *g_dir, *g_path;

static void make_files(void)
{
    char command[256];
    if (g_dir != NULL)
        return;
    log_init("fuzz", LOG_ERROR, LOG_TEXT);
    g_dir = tmpdir_make();
    g_path = tmpdir_path(g_dir, "file");
    snprintf(command, sizeof command, "tests/certs.sh %s ca server", g_dir);
    cr_assert_eq(system(command), 0);
}

static void check_line(bool good, const char *error)
{
    cr_assert(good || (error[0] != '\0' && strchr(error, '\n') == NULL));
    cr_assert_eq(ERR_peek_error(), 0);
}

static void read_config(void)
{
    char error[SERVICE_CONFIG_ERROR_MAX] = "";
    char *config = service_config_read(g_path, error);
    check_line(config != NULL, error);
    cr_assert(config == NULL || config[0] == '{');
    free(config);
}

/* As @part of a server's files, the others being good. */
static void read_pem(enum pem_part part)
{
    char error[PEM_ERROR_MAX] = "";
    struct pem_files *files = NULL;
    struct pem names = { { tmpdir_path(g_dir, "server.pem"), tmpdir_path(g_dir, "server.key"),
                           tmpdir_path(g_dir, "ca.pem") } };
    char *const good = names.part[part];
    names.part[part] = g_path;
    check_line(pem_files_new(&files, &names, error), error);
    pem_files_free(files);
    names.part[part] = good;
    pem_close(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    make_files();
    const uint8_t what = fuzz_byte(&in);
    FILE *f = fopen(g_path, "w");
    cr_assert(f != NULL && fwrite(in.data, 1, in.len, f) == in.len && fclose(f) == 0);
    if (what % 4 == PEM_NR)
        read_config();
    else
        read_pem(what % 4);
    return 0;
}

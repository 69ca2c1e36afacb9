#include "tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Options ------------------------------------------------------------------------ */

struct tls_server_options tls_server_options;

static const struct option_row rows[] = {
    OPT_TEXT("tls-cert", tls_server_options.cert,
             "the server's certificate, followed by the certificates between it and its CA; PEM",
             .arg = "FILE"),
    OPT_TEXT("tls-key", tls_server_options.key, "the key of the certificate; PEM", .arg = "FILE"),
    OPT_TEXT("tls-client-ca", tls_server_options.client_ca,
             "serve only clients that have a certificate signed by this CA; PEM", .arg = "FILE"),
    OPT_FLAG("allow-plaintext", tls_server_options.allow_plaintext,
             "without TLS, listen also on addresses that other machines can reach"),
};

const struct option_group tls_server_group = { "TLS (files may be replaced while it runs)", rows,
                                               sizeof rows / sizeof rows[0] };

static const char *given(const char *text)
{
    return text != NULL && *text != '\0' ? text : NULL;
}

/* A variable of a script that was not set, most likely; taken for "not given"
 * it would switch off what it was to switch on. */
static bool empty(const char *text)
{
    return text != NULL && *text == '\0';
}

static bool one_alone(const char *a, const char *b)
{
    return (given(a) == NULL) != (given(b) == NULL);
}

const char *tls_server_check(const struct tls_server_options *o)
{
    if (empty(o->cert) || empty(o->key) || empty(o->client_ca))
        return "--tls-cert, --tls-key or --tls-client-ca is empty: it must name a file";
    if (one_alone(o->cert, o->key))
        return "--tls-cert and --tls-key go together";
    if (given(o->client_ca) != NULL && given(o->cert) == NULL)
        return "--tls-client-ca needs --tls-cert and --tls-key";
    return NULL;
}

const char *tls_client_check(const struct tls_client_options *o)
{
    if (empty(o->ca) || empty(o->cert) || empty(o->key) || empty(o->server_name))
        return "an option of TLS is empty: it must name something";
    return one_alone(o->cert, o->key) ? "a client's certificate and its key go together" : NULL;
}

/* The texts are only read. */
static struct pem names_of(const char *cert, const char *key, const char *ca)
{
    return (struct pem){ .part = {
                             [PEM_CERT] = (char *)(uintptr_t)given(cert),
                             [PEM_KEY] = (char *)(uintptr_t)given(key),
                             [PEM_CA] = (char *)(uintptr_t)given(ca),
                         } };
}

static void *zeroed(size_t bytes, char error[TLS_ERROR_MAX])
{
    void *memory = calloc(1, bytes);
    if (memory == NULL)
        snprintf(error, TLS_ERROR_MAX, "out of memory");
    return memory;
}

/* --- Servers ------------------------------------------------------------------------ */

struct tls_server {
    struct pem_files *files;
    bool asks_clients;
    struct ticket_keys tickets;
};

bool tls_server_new(struct tls_server **ret, const struct tls_server_options *o,
                    char error[TLS_ERROR_MAX])
{
    const struct pem names = names_of(o->cert, o->key, o->client_ca);
    *ret = NULL;
    if (given(o->cert) == NULL)
        return true;
    struct tls_server *tls = zeroed(sizeof *tls, error);
    if (tls == NULL || !pem_files_new(&tls->files, &names, error)) {
        free(tls);
        return false;
    }
    tls->asks_clients = names.part[PEM_CA] != NULL;
    ticket_keys_init(&tls->tickets);
    *ret = tls;
    return true;
}

void tls_server_free(struct tls_server *tls)
{
    if (tls == NULL)
        return;
    ticket_keys_destroy(&tls->tickets);
    pem_files_free(tls->files);
    free(tls);
}

bool tls_server_newer(struct tls_server *tls, unsigned *seen, struct pem *ret)
{
    return pem_files_newer(tls->files, seen, ret);
}

bool tls_server_asks_clients(const struct tls_server *tls)
{
    return tls->asks_clients;
}

bool tls_server_ticket_keys(struct tls_server *tls, unsigned generation, uint64_t now_ms,
                            uint8_t ret[TICKET_KEYS_BYTES])
{
    return ticket_keys_get(&tls->tickets, generation, now_ms, ret);
}

/* --- Clients ------------------------------------------------------------------------ */

struct tls_client {
    struct pem_files *files;
    const char *server_name;
};

static bool wanted(const struct tls_client_options *o)
{
    return o->on || given(o->ca) != NULL || given(o->cert) != NULL || given(o->server_name) != NULL;
}

bool tls_client_new(struct tls_client **ret, const struct tls_client_options *o,
                    char error[TLS_ERROR_MAX])
{
    const struct pem names = names_of(o->cert, o->key, o->ca);
    *ret = NULL;
    if (!wanted(o))
        return true;
    struct tls_client *tls = zeroed(sizeof *tls, error);
    if (tls == NULL || !pem_files_new(&tls->files, &names, error)) {
        free(tls);
        return false;
    }
    tls->server_name = given(o->server_name);
    *ret = tls;
    return true;
}

void tls_client_free(struct tls_client *tls)
{
    if (tls == NULL)
        return;
    pem_files_free(tls->files);
    free(tls);
}

bool tls_client_newer(struct tls_client *tls, unsigned *seen, struct pem *ret)
{
    return pem_files_newer(tls->files, seen, ret);
}

const char *tls_client_server_name(const struct tls_client *tls)
{
    return tls->server_name;
}

/* --- Hints -------------------------------------------------------------------------- */

/* What the core and OpenSSL say, and what that means. */
static const struct {
    bool tls;
    const char *said, *hint;
} hints[] = {
    { true, "wrong version number", "the server does not speak TLS" },
    { true, "certificate verify failed",
      "the server's certificate is not of a CA that is trusted here, or it has expired" },
    { true, "is not in peer certificate",
      "the server's certificate is for another name, which can be given as the server name" },
    { true, "Socket closed", "the server may want a certificate, or does not trust this one" },
    { true, "Connection reset", "the server may want a certificate, or does not trust this one" },
    { true, "Endpoint read failed",
      "the server may want a certificate, or does not trust this one" },
    { false, "Socket closed", "the server may speak TLS only" },
    { false, "Connection reset", "the server may speak TLS only" },
};

const char *tls_hint(const char *details, bool tls)
{
    if (strstr(details, "last error: ") == NULL) /* it had been connected */
        return NULL;
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (hints[i].tls == tls && strstr(details, hints[i].said) != NULL)
            return hints[i].hint;
    return NULL;
}

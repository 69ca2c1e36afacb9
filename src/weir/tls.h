/* TLS for servers and channels, from PEM files (pem.h).
 *
 * Files may be replaced at any time. A connection that is open goes on, and a new
 * one uses what the files hold when it is made. Sockets of unix: stay plaintext
 * on both sides, because nobody is in between. */
#ifndef WEIR_TLS_H
#define WEIR_TLS_H

#include <stdbool.h>

#include "base/options.h"
#include "pem.h"
#include "ticket_keys.h"

#define TLS_ERROR_MAX PEM_ERROR_MAX

/* Texts may be NULL or empty: not given. They must stay. */
struct tls_server_options {
    const char *cert, *key; /* without: plaintext */
    const char *client_ca;  /* clients must have a certificate that it signed */
    bool allow_plaintext;   /* on addresses that others can reach, too */
};

struct tls_client_options {
    bool on;                 /* implied by any of the others */
    const char *ca;          /* whom to trust; without: the system's CAs */
    const char *cert, *key;  /* to show to the server */
    const char *server_name; /* that its certificate must have; without: the target's host */
};

/** What the group sets. */
extern struct tls_server_options tls_server_options;
extern const struct option_group tls_server_group;

/* The client's options as rows: TLS_CLIENT_ROWS("user-", g.tls) gives
 * --user-tls, --user-tls-ca and so on. */
/* clang-format off */
#define TLS_CLIENT_ROWS(prefix, o)                                                                 \
    OPT_FLAG(prefix "tls", (o).on,                                                                 \
             "encrypt, and trust the CAs of this machine; any option below switches it on"),       \
    OPT_TEXT(prefix "tls-ca", (o).ca, "trust only this CA; PEM", .arg = "FILE"),                   \
    OPT_TEXT(prefix "tls-cert", (o).cert,                                                          \
             "the certificate to show to a server that asks for one; PEM", .arg = "FILE"),         \
    OPT_TEXT(prefix "tls-key", (o).key, "the key of that certificate; PEM", .arg = "FILE"),        \
    OPT_TEXT(prefix "tls-server-name", (o).server_name,                                            \
             "the name in the certificate, if it is not the host of the target", .arg = "NAME")
/* clang-format on */

/** What is wrong with the options together, or NULL. */
const char *tls_server_check(const struct tls_server_options *o);
const char *tls_client_check(const struct tls_client_options *o);

struct tls_server;

/** Reads the files. Returns true and *ret, which is NULL for plaintext; or
 * false, and @error tells in one line which file is wrong and how. */
bool tls_server_new(struct tls_server **ret, const struct tls_server_options *o,
                    char error[TLS_ERROR_MAX]);

/** After the server that listens with it. NULL is fine. */
void tls_server_free(struct tls_server *tls);

/** As pem_files_newer(): what the files hold, if it has changed. Any thread. */
bool tls_server_newer(struct tls_server *tls, unsigned *seen, struct pem *ret);

/** Whether clients must have a certificate. Any thread. */
bool tls_server_asks_clients(const struct tls_server *tls);

/** As ticket_keys_get(), of this server's. @generation: what
 * tls_server_newer() has set. Any thread. */
bool tls_server_ticket_keys(struct tls_server *tls, unsigned generation, uint64_t now_ms,
                            uint8_t ret[TICKET_KEYS_BYTES]);

struct tls_client;

/** The same for channels, which may share it. */
bool tls_client_new(struct tls_client **ret, const struct tls_client_options *o,
                    char error[TLS_ERROR_MAX]);

/** After the channels. NULL is fine. */
void tls_client_free(struct tls_client *tls);

/** As tls_server_newer(). */
bool tls_client_newer(struct tls_client *tls, unsigned *seen, struct pem *ret);

/** The name that the server's certificate must have; NULL: the host of the
 * target. */
const char *tls_client_server_name(const struct tls_client *tls);

/** Says for people what may be wrong when a connection failed with @details. NULL:
 * that cannot be told. @tls: it was tried with TLS. */
const char *tls_hint(const char *details, bool tls);

#endif

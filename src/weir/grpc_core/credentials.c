#include "credentials.h"

#include <grpc/grpc_security.h>
#include <stdlib.h>

static grpc_ssl_pem_key_cert_pair pair_of(const struct pem *pem)
{
    return (grpc_ssl_pem_key_cert_pair){ pem->part[PEM_KEY], pem->part[PEM_CERT] };
}

/* At each handshake, on any thread; the core has one at a time for a listener.
 * Without news it goes on with what it has. */
static grpc_ssl_certificate_config_reload_status fetch(void *arg,
                                                       grpc_ssl_server_certificate_config **ret)
{
    struct core_listener *l = arg;
    struct pem pem;
    if (!tls_server_newer(l->tls, &l->seen, &pem))
        return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = pair_of(&pem);
    /* The core aborts without a CA, even where no client is asked for its
     * certificate. Then any will do, and is of no use. */
    const char *ca = tls_server_asks_clients(l->tls) ? pem.part[PEM_CA] : pem.part[PEM_CERT];
    *ret = grpc_ssl_server_certificate_config_create(ca, &pair, 1);
    pem_close(&pem);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

grpc_server_credentials *credentials_of_server(struct core_listener *l)
{
    if (l->tls == NULL)
        return grpc_insecure_server_credentials_create();
    return grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            tls_server_asks_clients(l->tls)
                ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            fetch, l));
}

/* Not the core's own watcher of files: in 1.51 a certificate without its key,
 * as there is between two renames, leaves it with no credentials at all, and
 * every connection fails until the files change again. */
grpc_channel_credentials *credentials_of_client(struct tls_client *tls, unsigned *seen)
{
    struct pem pem;
    if (!tls_client_newer(tls, seen, &pem))
        return NULL;
    grpc_ssl_pem_key_cert_pair pair = pair_of(&pem);
    grpc_channel_credentials *credentials = grpc_ssl_credentials_create_ex(
        pem.part[PEM_CA], pem.part[PEM_CERT] != NULL ? &pair : NULL, NULL, NULL);
    pem_close(&pem);
    return credentials;
}

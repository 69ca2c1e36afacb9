/* Options of TLS that do not go together, or mean less than they seem to. */
#include <criterion/criterion.h>

#include "weir/tls.h"

Test(tls_options, a_certificate_needs_its_key)
{
    const struct tls_server_options server = { .cert = "c" };
    const struct tls_client_options client = { .key = "k" };
    cr_assert_not_null(tls_server_check(&server));
    cr_assert_not_null(tls_client_check(&client));
}

Test(tls_options, nothing_is_fine)
{
    const struct tls_server_options server = { 0 };
    const struct tls_client_options client = { 0 };
    cr_assert_null(tls_server_check(&server));
    cr_assert_null(tls_client_check(&client));
}

/* --tls-client-ca "$CA", with CA not set: everybody would be served. */
Test(tls_options, an_empty_name_is_not_taken_for_none)
{
    const struct tls_server_options server = { .cert = "c", .key = "k", .client_ca = "" };
    const struct tls_client_options client = { .ca = "" };
    cr_assert_not_null(tls_server_check(&server));
    cr_assert_not_null(tls_client_check(&client));
}

#include "certs.h"

#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_S (24L * 60 * 60)

static FILE *file_of(const char *dir, const char *name, const char *end, const char *mode)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s", dir, name, end);
    FILE *f = fopen(path, mode);
    cr_assert_not_null(f, "%s", path);
    return f;
}

/* Readers see the old file or the new one, and that it is another. */
static void into_place(const char *dir, const char *name, const char *end)
{
    char from[512], to[512];
    snprintf(from, sizeof from, "%s/%s.new", dir, name);
    snprintf(to, sizeof to, "%s/%s%s", dir, name, end);
    cr_assert_eq(rename(from, to), 0);
}

static X509 *read_certificate(const char *dir, const char *name)
{
    FILE *f = file_of(dir, name, ".pem", "r");
    X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    return cert;
}

static EVP_PKEY *read_key(const char *dir, const char *name)
{
    FILE *f = file_of(dir, name, ".key", "r");
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    return key;
}

static void extend(X509 *cert, X509 *issuer, int what, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, what, value);
    cr_assert(e != NULL && X509_add_ext(cert, e, -1) == 1, "%s", value);
    X509_EXTENSION_free(e);
}

static void describe(X509 *cert, const char *name, EVP_PKEY *key)
{
    static long serial;
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), (random() << 8) + ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(cert), 365 * DAY_S);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const uint8_t *)name, -1, -1, 0);
}

static void sign(X509 *cert, X509 *issuer, EVP_PKEY *key, unsigned flags)
{
    cr_assert(issuer != NULL && key != NULL);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    extend(cert, issuer, NID_basic_constraints, flags & CERT_CA ? "critical,CA:TRUE" : "CA:FALSE");
    extend(cert, issuer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    cr_assert_gt(X509_sign(cert, key, EVP_sha256()), 0);
}

static void put(const char *dir, const char *name, X509 *cert, EVP_PKEY *key)
{
    FILE *f = file_of(dir, name, ".new", "w");
    cr_assert_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    into_place(dir, name, ".key");
    f = file_of(dir, name, ".new", "w");
    cr_assert_eq(PEM_write_X509(f, cert), 1);
    fclose(f);
    into_place(dir, name, ".pem");
}

void certs_make(const char *dir, const char *name, const char *issuer, unsigned flags)
{
    EVP_PKEY *key = flags & CERT_RSA    ? EVP_RSA_gen(2048)
                    : flags & CERT_WEAK ? EVP_RSA_gen(1024)
                                        : EVP_EC_gen("P-256");
    EVP_PKEY *signer = issuer != NULL ? read_key(dir, issuer) : key;
    X509 *cert = X509_new();
    X509 *ca = issuer != NULL ? read_certificate(dir, issuer) : cert;
    cr_assert(key != NULL && cert != NULL);
    describe(cert, name, key);
    sign(cert, ca, signer, flags);
    put(dir, name, cert, key);
    if (issuer != NULL) {
        X509_free(ca);
        EVP_PKEY_free(signer);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

void certs_append(const char *dir, const char *name, const char *more)
{
    FILE *from = file_of(dir, more, ".pem", "r"), *to = file_of(dir, name, ".pem", "a");
    int c;
    while ((c = getc(from)) != EOF)
        putc(c, to);
    fclose(from);
    cr_assert_eq(fclose(to), 0);
}

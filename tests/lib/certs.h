/* Certificates, made in a moment: what tests/certs.sh makes, and RSA keys and
 * chains besides. For tests only. */
#ifndef TESTS_CERTS_H
#define TESTS_CERTS_H

enum cert_flag {
    CERT_CA = 1,   /* it may sign others */
    CERT_RSA = 2,  /* of 2,048 bits; else P-256 */
    CERT_WEAK = 4, /* RSA of 1,024 bits, which nobody takes today */
};

/** Makes @dir/@name.pem, for localhost, and @dir/@name.key, of renamed files.
 * @issuer has made it so earlier; NULL: it signs itself. Any failure ends the
 * test. */
void certs_make(const char *dir, const char *name, const char *issuer, unsigned flags);

/** Adds the certificates in @dir/@more.pem to those in @dir/@name.pem. */
void certs_append(const char *dir, const char *name, const char *more);

#endif

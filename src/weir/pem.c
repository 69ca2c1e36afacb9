#include "pem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define MAX_FILE_BYTES (1 << 20)

struct pem_files {
    struct pem names;
    pthread_mutex_t lock;      /* connections are made on any thread */
    struct stat tried[PEM_NR]; /* as the files were when they were last read */
    char said[PEM_ERROR_MAX];  /* what was logged last of files that are no good */
    struct pem good;
    unsigned generation; /* of what is good */
};

/* --- Reading ------------------------------------------------------------------------ */

static bool read_all(int fd, char *text, size_t size)
{
    size_t n = 0;
    ssize_t got;
    while (n < size && ((got = read(fd, text + n, size - n)) > 0 || (got < 0 && errno == EINTR)))
        n += got > 0 ? (size_t)got : 0;
    text[n] = '\0';
    return n == size;
}

static char *read_file(const char *name, char *error)
{
    struct stat st;
    char *text = NULL;
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        snprintf(error, PEM_ERROR_MAX, "cannot read %s: %s", name, strerror(errno));
    else if (!S_ISREG(st.st_mode) || st.st_size > MAX_FILE_BYTES)
        snprintf(error, PEM_ERROR_MAX, "%s is not a PEM file", name);
    else if ((text = malloc((size_t)st.st_size + 1)) == NULL)
        snprintf(error, PEM_ERROR_MAX, "out of memory");
    else if (!read_all(fd, text, (size_t)st.st_size))
        snprintf(error, PEM_ERROR_MAX, "cannot read %s: it became shorter meanwhile", name);
    else
        goto out;
    free(text);
    text = NULL;
out:
    if (fd >= 0)
        close(fd);
    return text;
}

void pem_close(struct pem *pem)
{
    for (int i = 0; i < PEM_NR; i++)
        free(pem->part[i]);
    *pem = (struct pem){ { NULL } };
}

static bool read_files(const struct pem *names, struct pem *ret, char *error)
{
    *ret = (struct pem){ { NULL } };
    for (int i = 0; i < PEM_NR; i++) {
        if (names->part[i] == NULL)
            continue;
        ret->part[i] = read_file(names->part[i], error);
        if (ret->part[i] == NULL) {
            pem_close(ret);
            return false;
        }
    }
    return true;
}

/* --- Checking: what OpenSSL would refuse later, and without saying why -------------- */

static int no_password(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return -1;
}

static X509 *first_certificate(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    return cert;
}

static EVP_PKEY *private_key(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    return key;
}

static bool check_pair(const struct pem *names, X509 *cert, EVP_PKEY *key, char *error)
{
    if (cert == NULL)
        snprintf(error, PEM_ERROR_MAX, "%s has no certificate in PEM", names->part[PEM_CERT]);
    else if (key == NULL)
        snprintf(error, PEM_ERROR_MAX, "%s has no private key in PEM without a password",
                 names->part[PEM_KEY]);
    else if (X509_check_private_key(cert, key) != 1)
        snprintf(error, PEM_ERROR_MAX, "the key in %s is not that of the certificate in %s",
                 names->part[PEM_KEY], names->part[PEM_CERT]);
    else
        return true;
    return false;
}

static bool check_ca(const struct pem *names, const struct pem *pem, char *error)
{
    X509 *ca = first_certificate(pem->part[PEM_CA]);
    if (ca == NULL)
        snprintf(error, PEM_ERROR_MAX, "%s has no certificate in PEM", names->part[PEM_CA]);
    X509_free(ca);
    return ca != NULL;
}

static void date_text(const ASN1_TIME *time, char ret[32])
{
    struct tm tm = { 0 };
    ASN1_TIME_to_tm(time, &tm);
    strftime(ret, 32, "%Y-%m-%d %H:%M UTC", &tm);
}

/* What works and yet is hardly meant. */
static void warn_of_pair(const struct pem *names, const X509 *cert)
{
    struct stat st;
    char date[32];
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
        date_text(X509_get0_notAfter(cert), date);
        log_warn("TLS: the certificate in %s has expired on %s", names->part[PEM_CERT], date);
    }
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        date_text(X509_get0_notBefore(cert), date);
        log_warn("TLS: the certificate in %s is not valid before %s", names->part[PEM_CERT], date);
    }
    if (stat(names->part[PEM_KEY], &st) == 0 && (st.st_mode & S_IROTH) != 0)
        log_warn("TLS: everybody can read the key in %s; take that right away with chmod o-r",
                 names->part[PEM_KEY]);
}

static bool check(const struct pem *names, const struct pem *pem, char *error)
{
    bool good = true;
    if (pem->part[PEM_CERT] != NULL) {
        X509 *cert = first_certificate(pem->part[PEM_CERT]);
        EVP_PKEY *key = private_key(pem->part[PEM_KEY]);
        good = check_pair(names, cert, key, error);
        if (good)
            warn_of_pair(names, cert);
        X509_free(cert);
        EVP_PKEY_free(key);
    }
    if (good && pem->part[PEM_CA] != NULL)
        good = check_ca(names, pem, error);
    ERR_clear_error(); /* this thread's next connection would take it for its own */
    return good;
}

/* --- Changes ------------------------------------------------------------------------ */

/* A file that is not there is all zeros. */
static void look(const struct pem_files *f, struct stat now[PEM_NR])
{
    for (int i = 0; i < PEM_NR; i++)
        if (f->names.part[i] == NULL || stat(f->names.part[i], &now[i]) != 0)
            now[i] = (struct stat){ 0 };
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_files(const struct stat a[PEM_NR], const struct stat b[PEM_NR])
{
    for (int i = 0; i < PEM_NR; i++)
        if (a[i].st_ino != b[i].st_ino || a[i].st_dev != b[i].st_dev ||
            a[i].st_size != b[i].st_size || !same_time(a[i].st_mtim, b[i].st_mtim) ||
            !same_time(a[i].st_ctim, b[i].st_ctim))
            return false;
    return true;
}

/* They are looked at first and read then: what changes in between is seen as a
 * change the next time. */
static bool take(struct pem_files *f, const struct stat now[PEM_NR], char *error)
{
    struct pem pem;
    if (!read_files(&f->names, &pem, error))
        return false; /* for want of a descriptor, perhaps: they are tried again */
    memcpy(f->tried, now, sizeof f->tried);
    if (!check(&f->names, &pem, error)) {
        pem_close(&pem);
        return false;
    }
    pem_close(&f->good);
    f->good = pem;
    f->generation++;
    return true;
}

static void refresh(struct pem_files *f)
{
    struct stat now[PEM_NR];
    char error[PEM_ERROR_MAX];
    look(f, now);
    if (same_files(now, f->tried))
        return;
    if (take(f, now, error)) {
        log_info("TLS: new connections use the new files");
        f->said[0] = '\0';
    } else if (strcmp(f->said, error) != 0) { /* not at each handshake */
        log_warn("TLS: %s; the files that were read before stay in use", error);
        strcpy(f->said, error);
    }
}

static bool copy(const struct pem *pem, struct pem *ret)
{
    *ret = (struct pem){ { NULL } };
    for (int i = 0; i < PEM_NR; i++) {
        if (pem->part[i] == NULL)
            continue;
        ret->part[i] = strdup(pem->part[i]);
        if (ret->part[i] == NULL) {
            pem_close(ret);
            return false;
        }
    }
    return true;
}

bool pem_files_newer(struct pem_files *f, unsigned *seen, struct pem *ret)
{
    pthread_mutex_lock(&f->lock);
    refresh(f);
    const bool newer = *seen != f->generation && copy(&f->good, ret);
    if (newer)
        *seen = f->generation;
    pthread_mutex_unlock(&f->lock);
    return newer;
}

/* --- Life --------------------------------------------------------------------------- */

bool pem_files_new(struct pem_files **ret, const struct pem *names, char error[PEM_ERROR_MAX])
{
    struct stat now[PEM_NR];
    struct pem_files *f = calloc(1, sizeof *f);
    if (f == NULL) {
        snprintf(error, PEM_ERROR_MAX, "out of memory");
        return false;
    }
    f->names = *names;
    pthread_mutex_init(&f->lock, NULL);
    look(f, now);
    if (!take(f, now, error)) {
        pem_files_free(f);
        return false;
    }
    *ret = f;
    return true;
}

void pem_files_free(struct pem_files *f)
{
    if (f == NULL)
        return;
    pem_close(&f->good);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

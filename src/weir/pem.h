/* The PEM files of one side of TLS: its certificate and key, and the CA whose
 * certificates it trusts. They are read and checked together, and again when one
 * of them has changed. Files that do not fit together are not used; then the last
 * ones that did stay in use. */
#ifndef WEIR_PEM_H
#define WEIR_PEM_H

#include <stdbool.h>

#define PEM_ERROR_MAX 512

enum pem_part { PEM_CERT, PEM_KEY, PEM_CA, PEM_NR };

/* By part: names of files, or what is in them. NULL: there is none. */
struct pem {
    char *part[PEM_NR];
};

struct pem_files;

/** Reads the files that @names has: a certificate with its key, a CA, or both.
 * The texts of @names must stay. Returns true and *ret; or false, and @error
 * says in one line which file is wrong and how. */
bool pem_files_new(struct pem_files **ret, const struct pem *names, char error[PEM_ERROR_MAX]);

/** Frees it. NULL is fine. */
void pem_files_free(struct pem_files *files);

/** Checks whether the files have changed, which takes a stat() of each. Returns
 * true and *ret, for pem_close(), if they hold other texts than at the last call
 * with this @seen. It begins with 0, so the first call returns true. A change that
 * cannot be used is logged once. Any thread. */
bool pem_files_newer(struct pem_files *files, unsigned *seen, struct pem *ret);

void pem_close(struct pem *pem);

#endif

/* Reads a small text as a whole: a file, what a URL answers, or the keys of an
 * OpenID provider. It blocks, so it runs on a thread that may block: one of libuv's
 * pool, or main before there is anything to serve.
 *
 * URLs must be https, and the certificate is checked. http is allowed only on this
 * machine, because whoever can change keys on their way can make tokens. Redirects
 * are not followed. A URL has 5 s to answer. */
#ifndef AUTH_LOAD_H
#define AUTH_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define LOAD_ERROR 256

struct load {
    const char *where; /* path or URL */
    const char *ca;    /* file of the certificates that URLs are trusted by; NULL: the system's */
    size_t max_bytes;
    atomic_bool stop; /* set it from any thread: give up soon */
};

/* How to load. Returns a new buffer, or NULL and *error* says why not. */
typedef struct buf *(*load_fn)(struct load *load, char error[LOAD_ERROR]);

struct buf *load_file(struct load *load, char error[LOAD_ERROR]);
struct buf *load_url(struct load *load, char error[LOAD_ERROR]);

/** The key set of the OpenID provider load->where: asks its
 * /.well-known/openid-configuration where that is. */
struct buf *load_oidc_keys(struct load *load, char error[LOAD_ERROR]);

/** Whether @where is an http or https URL, rather than a path. */
bool load_is_url(const char *where);

/** Whether load_url() would ask it; else *error says why not. */
bool load_url_allowed(const char *url, char error[LOAD_ERROR]);

#endif

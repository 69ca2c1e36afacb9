#include "load.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 3000L
#define TIMEOUT_MS         5000L
#define URL_MAX_BYTES      2048

/* --- Files -------------------------------------------------------------------------- */

static struct buf *read_all(FILE *file, size_t max_bytes, char error[LOAD_ERROR])
{
    struct buf *b = buf_new(max_bytes + 1);
    if (b == NULL) {
        snprintf(error, LOAD_ERROR, "out of memory");
        return NULL;
    }
    b->len = fread(b->data, 1, max_bytes + 1, file);
    if (!ferror(file) && b->len <= max_bytes)
        return b;
    if (ferror(file))
        snprintf(error, LOAD_ERROR, "cannot read: %s", strerror(errno));
    else
        snprintf(error, LOAD_ERROR, "more than %zu bytes", max_bytes);
    buf_unref(b);
    return NULL;
}

struct buf *load_file(struct load *load, char error[LOAD_ERROR])
{
    FILE *file = fopen(load->where, "re");
    if (file == NULL) {
        snprintf(error, LOAD_ERROR, "cannot open: %s", strerror(errno));
        return NULL;
    }
    struct buf *b = read_all(file, load->max_bytes, error);
    fclose(file);
    return b;
}

/* --- URLs --------------------------------------------------------------------------- */

bool load_is_url(const char *where)
{
    return strncmp(where, "http://", 7) == 0 || strncmp(where, "https://", 8) == 0;
}

static bool is_host(const char *from, const char *name)
{
    const size_t n = strlen(name);
    return strncmp(from, name, n) == 0 && strchr(":/", from[n]) != NULL; /* or the end */
}

static bool is_of_this_machine(const char *url)
{
    const char *host = url + strlen("http://");
    if (strchr(host, '@') != NULL) /* then the host comes after it */
        return false;
    return is_host(host, "localhost") || is_host(host, "127.0.0.1") || is_host(host, "[::1]");
}

/* Who is who is in the URL, and so in our log. */
static bool has_password(const char *url)
{
    const char *authority = strstr(url, "://");
    if (authority == NULL)
        return false;
    authority += 3;
    return memchr(authority, '@', strcspn(authority, "/?#")) != NULL;
}

bool load_url_allowed(const char *url, char error[LOAD_ERROR])
{
    if (has_password(url)) {
        snprintf(error, LOAD_ERROR, "a URL with a password in it, which would be logged");
        return false;
    }
    if (strncmp(url, "https://", 8) == 0)
        return true;
    if (strncmp(url, "http://", 7) == 0 && is_of_this_machine(url))
        return true;
    snprintf(error, LOAD_ERROR, "not an https URL, which keys from elsewhere need");
    return false;
}

struct download {
    struct buf *body;
    size_t max_bytes;
    const char *why; /* it was not taken */
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct download *d = arg;
    const size_t len = size * n;
    if (d->body->len + len > d->max_bytes) {
        d->why = "too many bytes";
        return 0;
    }
    if (!buf_append(d->body, bytes_of(data, len))) {
        d->why = "out of memory";
        return 0;
    }
    return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct load *load = arg;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&load->stop) ? 1 : 0;
}

static void set_up(CURL *curl, struct load *load, const char *url, struct download *download)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* not waiting for a name server at the end */
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, download);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, load);
    if (load->ca != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, load->ca);
    if (strncmp(url, "http:", 5) == 0)
        curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* it is of this machine */
}

static bool ask(CURL *curl, const struct download *download, char error[LOAD_ERROR])
{
    char detail[CURL_ERROR_SIZE] = "";
    long http_status = 0;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http_status);
    if (download->why != NULL)
        snprintf(error, LOAD_ERROR, "%s", download->why);
    else if (code != CURLE_OK)
        snprintf(error, LOAD_ERROR, "%.200s", detail[0] ? detail : curl_easy_strerror(code));
    else if (http_status != 200)
        snprintf(error, LOAD_ERROR, "the answer is HTTP %ld", http_status);
    else
        return true;
    return false;
}

static struct buf *get(struct load *load, const char *url, char error[LOAD_ERROR])
{
    if (!load_url_allowed(url, error))
        return NULL;
    CURL *curl = curl_easy_init();
    struct download download = { .body = buf_new(4096), .max_bytes = load->max_bytes };
    bool good = false;
    snprintf(error, LOAD_ERROR, "out of memory");
    if (curl != NULL && download.body != NULL) {
        set_up(curl, load, url, &download);
        good = ask(curl, &download, error);
    }
    curl_easy_cleanup(curl);
    if (good)
        return download.body;
    buf_unref(download.body);
    return NULL;
}

struct buf *load_url(struct load *load, char error[LOAD_ERROR])
{
    return get(load, load->where, error);
}

/* --- OpenID ------------------------------------------------------------------------- */

/* OpenID Connect Discovery 1.0, section 4.3: the issuer must name itself, or
 * one provider could speak for another. */
static bool read_discovery(struct bytes text, const char *issuer, char keys_url[URL_MAX_BYTES],
                           char error[LOAD_ERROR])
{
    json_t *root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(root, "issuer"));
    const char *url = json_string_value(json_object_get(root, "jwks_uri"));
    bool good = false;
    if (name == NULL || url == NULL || strlen(url) >= URL_MAX_BYTES)
        snprintf(error, LOAD_ERROR, "the OpenID configuration has no issuer or no jwks_uri");
    else if (strcmp(name, issuer) != 0)
        snprintf(error, LOAD_ERROR, "the OpenID configuration is of another issuer, %.100s", name);
    else
        good = true;
    if (good)
        strcpy(keys_url, url);
    json_decref(root);
    return good;
}

struct buf *load_oidc_keys(struct load *load, char error[LOAD_ERROR])
{
    char url[URL_MAX_BYTES];
    size_t len = strlen(load->where);
    while (len > 0 && load->where[len - 1] == '/')
        len--;
    if ((size_t)snprintf(url, sizeof url, "%.*s/.well-known/openid-configuration", (int)len,
                         load->where) >= sizeof url) {
        snprintf(error, LOAD_ERROR, "the URL is too long");
        return NULL;
    }
    struct buf *text = get(load, url, error);
    if (text == NULL)
        return NULL;
    const bool found = read_discovery(buf_bytes(text), load->where, url, error);
    buf_unref(text);
    return found ? get(load, url, error) : NULL;
}

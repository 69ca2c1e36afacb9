#include "console.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

extern const uint8_t console_page[], console_page_end[];
extern const uint8_t console_style[], console_style_end[];
extern const uint8_t console_script[], console_script_end[];

#define HASH_TEXT_BYTES 64 /* SHA-256 in base64, without its padding */
#define POLICY_BYTES    512

struct console {
    struct buf *page;
    char policy[POLICY_BYTES];
};

static struct bytes between(const uint8_t *from, const uint8_t *to)
{
    return bytes_of(from, (size_t)(to - from));
}

/* --- The page ----------------------------------------------------------------------- */

/* Appends @part, and behind the @tag in it that opens, @inside. Returns what is behind. */
static bool append_with(struct buf *to, struct bytes *page, const char *tag, struct bytes inside)
{
    const uint8_t *at = memmem(page->data, page->len, tag, strlen(tag));
    if (at == NULL)
        return false;
    const uint8_t *behind = at + strlen(tag), *end = page->data + page->len;
    const bool ok = buf_append(to, between(page->data, behind)) && buf_append(to, inside);
    *page = between(behind, end);
    return ok;
}

static struct buf *make_page(struct bytes style, struct bytes script)
{
    struct bytes page = between(console_page, console_page_end);
    struct buf *to = buf_new(page.len + style.len + script.len);
    if (to == NULL)
        return NULL;
    if (append_with(to, &page, "<style>", style) && append_with(to, &page, "<script>", script) &&
        buf_append(to, page))
        return to;
    buf_unref(to);
    return NULL;
}

static void put_hash(char to[HASH_TEXT_BYTES], struct bytes text)
{
    struct sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&ctx);
    sha256_update(&ctx, text.len, text.data);
    sha256_digest(&ctx, sizeof digest, digest);
    to[base64_encode(to, bytes_of(digest, sizeof digest), BASE64_STANDARD)] = '\0';
}

/* Nothing but what is named may be loaded, and no other page may show this one. */
static void put_policy(char to[POLICY_BYTES], struct bytes style, struct bytes script)
{
    char style_hash[HASH_TEXT_BYTES], script_hash[HASH_TEXT_BYTES];
    put_hash(style_hash, style);
    put_hash(script_hash, script);
    snprintf(to, POLICY_BYTES,
             "default-src 'none'; script-src 'sha256-%s='; style-src 'sha256-%s='; "
             "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'",
             script_hash, style_hash);
}

struct console *console_new(void)
{
    const struct bytes style = between(console_style, console_style_end);
    const struct bytes script = between(console_script, console_script_end);
    struct console *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->page = make_page(style, script);
    if (c->page == NULL) {
        free(c);
        return NULL;
    }
    put_policy(c->policy, style, script);
    return c;
}

void console_free(struct console *c)
{
    if (c == NULL)
        return;
    buf_unref(c->page);
    free(c);
}

/* --- Answering ---------------------------------------------------------------------- */

static bool asks_for(const struct dialect_call *d, const char *name, const char *value)
{
    const struct bytes got = stream_get(d->stream, METADATA_HEADERS, name);
    return got.len == strlen(value) && memcmp(got.data, value, got.len) == 0;
}

/* Of the body that GET has. */
static void put_length(struct answer *a, size_t bytes)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", bytes);
    answer_put(a, "content-length", text);
}

static enum acceptance accept_page(const struct dialect_call *d, struct accepted *ret,
                                   struct answer *a)
{
    const struct console *c = d->arg;
    (void)ret;
    if (!asks_for(d, ":path", "/"))
        return ACCEPT_OTHER;
    const bool get = asks_for(d, ":method", "GET");
    if (!get && !asks_for(d, ":method", "HEAD"))
        return ACCEPT_OTHER;
    answer_put(a, "content-type", "text/html; charset=utf-8");
    answer_put(a, "content-security-policy", c->policy);
    answer_put(a, "referrer-policy", "no-referrer");
    answer_put(a, "cache-control", "no-cache");
    if (get)
        answer_body(a, c->page);
    else
        put_length(a, c->page->len);
    return ACCEPT_ANSWER;
}

const struct protocol console_protocol = { .name = "console", .accept = accept_page };

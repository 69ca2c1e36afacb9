#include "send_token.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "document.h"
#include "weir/address.h"
#include "weir/stream.h"

#define TOKEN_MAX_BYTES 7168 /* servers take 8 KiB of headers */
#define CHECK_EVERY_MS  1000
#define PREFIX          "Bearer "

/* --- Tokens ------------------------------------------------------------------------- */

static struct bytes trimmed(struct bytes text)
{
    while (text.len > 0 && isspace(text.data[text.len - 1]))
        text.len--;
    while (text.len > 0 && isspace(text.data[0]))
        text = bytes_of(text.data + 1, text.len - 1);
    return text;
}

/* RFC 6750, section 2.1. */
static bool token_good(struct bytes text, char error[LOAD_ERROR])
{
    const struct bytes token = trimmed(text);
    const char *why = NULL;
    if (token.len == 0)
        why = "there is no token";
    for (size_t i = 0; i < token.len; i++)
        if (token.data[i] > 127 ||
            (!isalnum(token.data[i]) && strchr("-._~+/=", token.data[i]) == NULL))
            why = "a token has letters, digits and -._~+/= only";
    if (token.len > TOKEN_MAX_BYTES)
        why = "the token is too long for a header";
    if (why != NULL)
        snprintf(error, LOAD_ERROR, "%s", why);
    return why == NULL;
}

/* --- Life --------------------------------------------------------------------------- */

static bool open_file(struct token_sender *t, const char *file, char error[SEND_TOKEN_ERROR])
{
    const struct document_options options = {
        .what = "token file",
        .where = file,
        .max_bytes = TOKEN_MAX_BYTES,
        .load = load_file,
        .every_ms = CHECK_EVERY_MS,
        .good = token_good,
    };
    if (document_new(&t->file, &options) != 0) {
        snprintf(error, SEND_TOKEN_ERROR, "out of memory");
        return false;
    }
    if (document_load(t->file, error))
        return true;
    token_sender_close(t);
    return false;
}

bool token_sender_open(struct token_sender *t, const struct token_client_options *o,
                       char error[SEND_TOKEN_ERROR])
{
    t->token = o->token;
    if (o->token != NULL)
        return token_good(bytes_of_text(o->token), error);
    return o->file == NULL || open_file(t, o->file, error);
}

void token_sender_start(struct token_sender *t, struct loop *loop)
{
    if (t->file != NULL)
        document_watch(t->file, loop);
}

void token_sender_stop(struct token_sender *t)
{
    if (t->file != NULL)
        document_stop(t->file);
}

void token_sender_close(struct token_sender *t)
{
    document_free(t->file);
    t->file = NULL;
}

/* --- Calls -------------------------------------------------------------------------- */

static int put_token(struct stream *s, struct bytes text)
{
    char header[sizeof PREFIX + TOKEN_MAX_BYTES];
    const struct bytes token = trimmed(text);
    const int len =
        snprintf(header, sizeof header, PREFIX "%.*s", (int)token.len, (const char *)token.data);
    const int rv = stream_put(s, METADATA_HEADERS, "authorization", bytes_of(header, (size_t)len));
    explicit_bzero(header, sizeof header);
    return rv;
}

static enum intercept on_call(const struct intercepted *i, struct status *why)
{
    const struct token_use *use = i->arg;
    const struct token_sender *t = use->sender;
    int rv;
    if (!use->allowed) {
        *why = status_of(STATUS_UNAUTHENTICATED,
                         "no token is sent to %.200s in plaintext: encrypt the connection, or "
                         "allow it with %s",
                         use->target, use->allow_option);
        return INTERCEPT_REJECT;
    }
    if (t->file == NULL) {
        rv = put_token(i->stream, bytes_of_text(t->token));
    } else {
        unsigned edition;
        struct buf *text = document_text(t->file, &edition);
        rv = put_token(i->stream, buf_bytes(text));
        buf_unref(text);
    }
    if (rv == 0)
        return INTERCEPT_PASS;
    *why = status_of(STATUS_INTERNAL, "cannot put the token on the call: %s", strerror(rv));
    return INTERCEPT_REJECT;
}

const struct interceptor send_token = { .name = "token", .on_call = on_call };

void token_sender_join(const struct token_sender *t, const struct token_client_options *o,
                       const char *target, bool encrypted, struct token_use *use,
                       struct chain *chain)
{
    const bool allowed = encrypted || o->allow_plaintext || address_is_unix(target);
    *use = (struct token_use){ t, target, allowed, o->allow_option };
    if (t->token != NULL || t->file != NULL)
        chain_add(chain, &send_token, use);
}

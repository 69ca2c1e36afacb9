/* The interceptor that puts a token on each call: "authorization: Bearer …".
 *
 * The token is a fixed text, or it is in a file. The file is read again when it
 * changes, because tokens may be renewed while we run. A token is not sent where it
 * could be read on the way, unless an option allows that. Such calls fail with
 * UNAUTHENTICATED, and nothing of them was sent. */
#ifndef AUTH_SEND_TOKEN_H
#define AUTH_SEND_TOKEN_H

#include <stdbool.h>

#include "base/options.h"
#include "weir/interceptor.h"

struct document;
struct loop;

#define SEND_TOKEN_ERROR 512

struct token_client_options {
    const char *token; /* or the file; both NULL: no token is sent */
    const char *file;
    bool allow_plaintext;
    const char *allow_option; /* its name, for the refusal */
};

/* The options as rows, each with @prefix: TOKEN_CLIENT_ROWS("user-", g.token)
 * gives --user-token-file and --user-allow-insecure-token, the name of which
 * g.token must have as its allow_option. */
/* clang-format off */
#define TOKEN_CLIENT_ROWS(prefix, o)                                                               \
    OPT_TEXT(prefix "token-file", (o).file,                                                        \
             "send the bearer token in FILE with every call; it is read again when it changes",    \
             .arg = "FILE"),                                                                       \
    OPT_FLAG(prefix "allow-insecure-token", (o).allow_plaintext,                                   \
             "send the token also where it can be read on the way: not encrypted, and not unix:")
/* clang-format on */

/* Where the token comes from; for all channels of a program. */
struct token_sender {
    const char *token;     /* or NULL */
    struct document *file; /* or NULL; private */
};

/** For a zeroed sender; options that name no token are fine. They must stay.
 * false: *error says what is wrong, in one line and without the token. */
bool token_sender_open(struct token_sender *t, const struct token_client_options *o,
                       char error[SEND_TOKEN_ERROR]);

/** Begins to look for changes of the file, on @loop's thread or before it
 * runs; and ends that, on its thread. Without a file nothing happens. */
void token_sender_start(struct token_sender *t, struct loop *loop);
void token_sender_stop(struct token_sender *t);

/** After the loop has ended, or was never told. */
void token_sender_close(struct token_sender *t);

/* One channel's use of it. */
struct token_use {
    const struct token_sender *sender;
    const char *target;
    bool allowed;
    const char *allow_option;
};

/* For chain_add(), with a struct token_use. */
extern const struct interceptor send_token;

/** Adds send_token to the chain of the channel to @target, if there is a token
 * at all. @use must stay as long as the chain. */
void token_sender_join(const struct token_sender *t, const struct token_client_options *o,
                       const char *target, bool encrypted, struct token_use *use,
                       struct chain *chain);

#endif

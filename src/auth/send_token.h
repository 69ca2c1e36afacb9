/* The interceptor that puts a token on each call: "authorization: Bearer …",
 * the same one on all channels whose chain it is in.
 *
 * The token is a fixed text, or in a file that is read again when it changes,
 * as for tokens that are renewed while we run. */
#ifndef AUTH_SEND_TOKEN_H
#define AUTH_SEND_TOKEN_H

#include <stdbool.h>

#include "runtime/bytes.h"
#include "runtime/interceptor.h"

struct document;
struct loop;

#define SEND_TOKEN_ERROR 512

struct token_sender {
    const char *token;     /* or NULL */
    struct document *file; /* or NULL; private */
};

/* For chain_add(), with a struct token_sender. */
extern const struct interceptor send_token;

/** For a zeroed sender: sends @token or, if that is NULL, what is in @file;
 * both must stay. false: *error says what is wrong. */
bool token_sender_open(struct token_sender *t, const char *token, const char *file,
                       char error[SEND_TOKEN_ERROR]);

/** Begins to look for changes of the file, on @loop's thread or before it
 * runs; and ends that, on its thread. Without a file nothing happens. */
void token_sender_start(struct token_sender *t, struct loop *loop);
void token_sender_stop(struct token_sender *t);

/** After the loop has ended, or was never told. */
void token_sender_close(struct token_sender *t);

/** Whether a token may be sent to @target: it can be read on the way, unless
 * that is encrypted or stays in this machine's kernel (unix:). What else may
 * be sent is for whoever starts us to say. Else *error says so, and that
 * @option would allow it. */
bool token_may_go_to(const char *target, bool encrypted, bool allowed, const char *option,
                     char error[SEND_TOKEN_ERROR]);

#endif

/* How postcli reaches the services: the options "Connection", the same for
 * every command that calls anybody, and the channels that follow from them.
 *
 * common_parse() reads them, so a command lists none of them itself. */
#ifndef CLI_CONNECTION_H
#define CLI_CONNECTION_H

#include "base/options.h"
#include "serverkit/auth/send_token.h"
#include "weir/channel.h"
#include "weir/tls.h"

#define CONNECTION_ERROR_MAX 512 /* as of what it is made of */

struct connection {
    const char *target, *user_target;
    int compression; /* 0: none, 1: gzip */
    struct tls_client_options tls;
    struct token_client_options token;
    bool verbose; /* log every call */
};

enum service_kind { SERVICE_POST, SERVICE_USER, SERVICE_NR };

/** What the group sets; the defaults until options_parse(). */
extern struct connection connection;
extern const struct option_group connection_calls_group;

/** What is wrong with the options together, or NULL; and gives the targets their ports. Once,
 * after options_parse(). */
const char *connection_check(void);

/* What to do where a server wants a token. */
#define CONNECTION_GIVE_TOKEN "give a token by --token-file FILE, or in $POSTCLI_TOKEN"

/** Servers that want a token speak of a header, which is for programs. Returns how many of the
 * @len bytes at @message stand in front of that; 0: it does not speak of it. Any thread. */
size_t connection_wants_token(const char *message, size_t len);

/** Makes what the channels share. Returns true; or false, and @error tells in
 * one line which file is wrong and how. */
bool connection_open(char error[CONNECTION_ERROR_MAX]);

/** Keeps them current while @loop runs; and ends that, on its thread. */
void connection_start(struct loop *loop);
void connection_stop(void);

/** After the channels. */
void connection_close(void);

/** What every channel to this service begins with; its pointers stay valid. */
struct channel_options connection_channel(enum service_kind service);

#endif

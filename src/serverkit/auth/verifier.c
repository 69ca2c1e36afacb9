#include "verifier.h"

#include <curl/curl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/container.h"
#include "document.h"
#include "jwt.h"
#include "token_cache.h"

#define TOKEN_FILE_MAX_BYTES (256 << 10)
#define FILE_EVERY_MS        1000            /* how soon a change counts */
#define URL_EVERY_MS         (5 * 60 * 1000) /* how long a withdrawn key still counts */

/* One loop's part. */
struct verifier_lane {
    struct verifier *verifier;
    struct loop *loop;
    struct token_list *tokens;
    struct jwks *keys;
    unsigned tokens_edition, keys_edition;
    struct token_cache cache;
    struct question *open; /* they wait for keys */
    struct document_wait wait;
    bool waiting;
};

struct verifier {
    struct document *tokens, *keys; /* NULL: not asked for */
    struct jwt_rules rules;
    struct loop *first;
    size_t nlanes;
    struct verifier_lane lanes[];
};

/* --- New editions ------------------------------------------------------------------- */

static bool tokens_good(struct bytes text, char error[LOAD_ERROR])
{
    struct token_list *list = NULL;
    snprintf(error, LOAD_ERROR, "out of memory");
    const bool good = token_list_parse(&list, text, error) == 0;
    token_list_free(list);
    return good;
}

static bool keys_good(struct bytes text, char error[LOAD_ERROR])
{
    struct jwks *keys = NULL;
    snprintf(error, LOAD_ERROR, "out of memory");
    const bool good = jwks_parse(&keys, text, error) == 0;
    jwks_free(keys);
    return good;
}

static bool adopt_tokens(struct verifier_lane *lane, struct bytes text)
{
    struct token_list *list;
    char error[TOKEN_LIST_ERROR];
    if (token_list_parse(&list, text, error) != 0)
        return false;
    token_list_free(lane->tokens);
    lane->tokens = list;
    return true;
}

static bool adopt_keys(struct verifier_lane *lane, struct bytes text)
{
    struct jwks *keys;
    char error[JWKS_ERROR];
    if (jwks_parse(&keys, text, error) != 0)
        return false;
    jwks_free(lane->keys);
    lane->keys = keys;
    return true;
}

/* What is published was found good: only memory can be missing. Then the old
 * list stays, and the next question tries again. Returns whether it is the
 * newest. */
static bool refresh(struct verifier_lane *lane, struct document *d, unsigned *edition,
                    bool (*adopt)(struct verifier_lane *lane, struct bytes text))
{
    unsigned newest;
    if (d == NULL || document_edition(d) == *edition)
        return true;
    struct buf *text = document_text(d, &newest);
    const bool adopted = adopt(lane, buf_bytes(text));
    if (adopted) {
        *edition = newest;
        token_cache_clear(&lane->cache);
    }
    buf_unref(text);
    return adopted;
}

static bool refresh_both(struct verifier_lane *lane)
{
    const struct verifier *v = lane->verifier;
    const bool tokens = refresh(lane, v->tokens, &lane->tokens_edition, adopt_tokens);
    const bool keys = refresh(lane, v->keys, &lane->keys_edition, adopt_keys);
    return tokens && keys;
}

/* --- One question ------------------------------------------------------------------- */

static void refuse(struct question *q, enum status_code code, const char *why)
{
    q->code = code;
    q->why = why;
}

static void admit(struct question *q, struct identity *id, int64_t now_s)
{
    if (id->expires_s <= now_s)
        refuse(q, STATUS_UNAUTHENTICATED, "the token has expired");
    else
        q->identity = identity_ref(id);
}

/* Found once, it is found by its place: to compare it with each takes 24 ns. */
static struct identity *find_listed(struct verifier_lane *lane, const struct question *q)
{
    if (lane->tokens == NULL)
        return NULL;
    struct identity *id = token_list_find(lane->tokens, q->hash);
    if (id != NULL)
        token_cache_put(&lane->cache, q->hash, id);
    return id;
}

/* false: it needs newer keys, and q->why says what it is without. */
static bool check_jwt(struct verifier_lane *lane, struct question *q, int64_t now_s)
{
    const char *why;
    struct identity *id = NULL;
    if (lane->keys == NULL) {
        refuse(q, STATUS_UNAVAILABLE, "the token cannot be checked: there are no keys yet");
        return false;
    }
    const enum jwt_result result =
        jwt_check(q->token, lane->keys, &lane->verifier->rules, now_s, &id, &why);
    if (result != JWT_GOOD) {
        refuse(q, result == JWT_NO_MEMORY ? STATUS_UNAVAILABLE : STATUS_UNAUTHENTICATED, why);
        return result != JWT_UNKNOWN_KEY;
    }
    token_cache_put(&lane->cache, q->hash, id);
    q->identity = id;
    return true;
}

static bool recall(struct verifier_lane *lane, struct question *q, int64_t now_s)
{
    const bool current = refresh_both(lane);
    struct identity *id = token_cache_find(&lane->cache, q->hash, now_s);
    if (id == NULL)
        id = find_listed(lane, q);
    if (id != NULL)
        admit(q, id, now_s);
    else if (!current)
        refuse(q, STATUS_UNAVAILABLE, "the token cannot be checked: out of memory");
    return id != NULL || !current;
}

/* One that recall() does not know. */
static bool check_new(struct verifier_lane *lane, struct question *q, int64_t now_s)
{
    if (lane->verifier->keys != NULL && jwt_looks_like(q->token))
        return check_jwt(lane, q, now_s);
    refuse(q, STATUS_UNAUTHENTICATED, "the token is not known");
    return true;
}

static bool look_up(struct verifier_lane *lane, struct question *q)
{
    const int64_t now_s = time(NULL);
    return recall(lane, q, now_s) || check_new(lane, q, now_s);
}

/* --- Waiting for keys --------------------------------------------------------------- */

void verifier_forget(struct question *q)
{
    if (q->link == NULL)
        return;
    *q->link = q->next;
    if (q->next != NULL)
        q->next->link = q->link;
    q->link = NULL;
}

static void keep(struct verifier_lane *lane, struct question *q)
{
    q->next = lane->open;
    q->link = &lane->open;
    if (q->next != NULL)
        q->next->link = &q->next;
    lane->open = q;
}

/* With the newest keys that can be had. If those are old ones, or were not
 * asked for again, a token that they do not fit may be good all the same. */
static void answer_last(struct verifier_lane *lane, struct question *q)
{
    if (look_up(lane, q)) {
        q->answered(q);
        return;
    }
    if (document_failing(lane->verifier->keys))
        refuse(q, STATUS_UNAVAILABLE,
               "the token cannot be checked: its issuer's keys cannot be had now");
    else if (lane->wait.retry_ms > 0)
        refuse(q, STATUS_UNAVAILABLE,
               "the token cannot be checked: its key is not known, and the issuer was asked for "
               "keys just now");
    q->retry_ms = lane->wait.retry_ms;
    q->answered(q);
}

static void on_renewed(struct document_wait *wait)
{
    struct verifier_lane *lane = container_of(wait, struct verifier_lane, wait);
    lane->waiting = false;
    struct question *q = lane->open;
    lane->open = NULL;
    if (q != NULL)
        q->link = &q; /* so that it can be forgotten by what an answer leads to */
    while (q != NULL) {
        struct question *first = q;
        verifier_forget(first);
        answer_last(lane, first);
    }
}

static struct verifier_lane *lane_of(struct verifier *v, const struct loop *loop)
{
    struct verifier_lane *lane = v->lanes;
    while (lane->loop != loop)
        lane++;
    return lane;
}

/* Nettle's, which has no state to look up: OpenSSL's takes twice as long for a short token. */
static void hash_token(struct question *q)
{
    struct sha256_ctx sha256;
    sha256_init(&sha256);
    sha256_update(&sha256, q->token.len, q->token.data);
    sha256_digest(&sha256, TOKEN_HASH_BYTES, q->hash);
}

bool verifier_recall(struct verifier *v, struct loop *loop, struct question *q)
{
    hash_token(q);
    return recall(lane_of(v, loop), q, time(NULL));
}

bool verifier_ask(struct verifier *v, struct loop *loop, struct question *q)
{
    struct verifier_lane *lane = lane_of(v, loop);
    if (check_new(lane, q, time(NULL)))
        return true;
    keep(lane, q);
    if (!lane->waiting) {
        lane->waiting = true;
        document_renew(v->keys, &lane->wait);
    }
    return false;
}

/* --- Life --------------------------------------------------------------------------- */

static bool open_document(struct document **ret, const struct document_options *options,
                          bool load_now, char error[AUTH_ERROR])
{
    if (document_new(ret, options) == 0)
        return !load_now || document_load(*ret, error);
    snprintf(error, AUTH_ERROR, "out of memory");
    return false;
}

static bool open_tokens(struct verifier *v, const struct auth_options *o, char error[AUTH_ERROR])
{
    const struct document_options options = {
        .what = "token file",
        .where = o->token_file,
        .max_bytes = TOKEN_FILE_MAX_BYTES,
        .load = load_file,
        .every_ms = FILE_EVERY_MS,
        .good = tokens_good,
    };
    return o->token_file == NULL || open_document(&v->tokens, &options, true, error);
}

static bool open_keys(struct verifier *v, const struct auth_options *o, char error[AUTH_ERROR])
{
    const bool file = o->oidc_issuer == NULL && o->jwks != NULL && !load_is_url(o->jwks);
    const struct document_options options = {
        .what = o->oidc_issuer != NULL ? "keys of" : "key set",
        .where = o->oidc_issuer != NULL ? o->oidc_issuer : o->jwks,
        .ca = o->jwks_ca,
        .max_bytes = JWKS_MAX_BYTES,
        .load = o->oidc_issuer != NULL ? load_oidc_keys
                : file                 ? load_file
                                       : load_url,
        .every_ms = file ? FILE_EVERY_MS : URL_EVERY_MS,
        .good = keys_good,
    };
    if (options.where == NULL)
        return true;
    v->rules.audience = o->jwt_audience;
    v->rules.issuer = o->jwt_issuer != NULL ? o->jwt_issuer : o->oidc_issuer;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return open_document(&v->keys, &options, file, error);
}

bool verifier_new(struct verifier **ret, const struct auth_options *options,
                  struct loop *const *loops, size_t nloops, char error[AUTH_ERROR])
{
    struct verifier *v = calloc(1, sizeof *v + nloops * sizeof v->lanes[0]);
    if (v == NULL) {
        snprintf(error, AUTH_ERROR, "out of memory");
        return false;
    }
    v->first = loops[0];
    v->nlanes = nloops;
    for (size_t i = 0; i < nloops; i++) {
        v->lanes[i].verifier = v;
        v->lanes[i].loop = v->lanes[i].wait.loop = loops[i];
        v->lanes[i].wait.done = on_renewed;
    }
    if (!open_tokens(v, options, error) || !open_keys(v, options, error)) {
        verifier_free(v);
        return false;
    }
    *ret = v;
    return true;
}

void verifier_start(struct verifier *v)
{
    if (v != NULL && v->tokens != NULL)
        document_watch(v->tokens, v->first);
    if (v != NULL && v->keys != NULL)
        document_watch(v->keys, v->first);
}

void verifier_stop(struct verifier *v)
{
    if (v != NULL && v->tokens != NULL)
        document_stop(v->tokens);
    if (v != NULL && v->keys != NULL)
        document_stop(v->keys);
}

void verifier_free(struct verifier *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->nlanes; i++) {
        token_list_free(v->lanes[i].tokens);
        jwks_free(v->lanes[i].keys);
        token_cache_clear(&v->lanes[i].cache);
    }
    document_free(v->tokens);
    document_free(v->keys);
    free(v);
}

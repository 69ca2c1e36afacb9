/* Who has this token? Every loop asks, and gets the answer there without a lock. It
 * comes at once, unless the token is signed with a key that is not known yet. Then
 * the keys are loaded again, outside of the loops, and the answer comes later.
 *
 *                      token list            key set             cache
 *     document ──────▶ each loop's own ──▶ each loop's own ──▶ each loop's own
 *     (kept current    parsed anew when a new edition is there
 *      by one loop)
 *
 * A JWT that was found good is remembered until it expires, or until the keys
 * change. */
#ifndef AUTH_VERIFIER_H
#define AUTH_VERIFIER_H

#include <stddef.h>

#include "auth_options.h"
#include "token_list.h"
#include "weir/identity.h"
#include "weir/status.h"

struct loop;
struct verifier;

/** Reads what the options name. Files must be good; a URL is asked only when
 * the verifier starts, so that a server can start before its provider. false:
 * *error says why not. Before the loops run; the options must stay. */
bool verifier_new(struct verifier **ret, const struct auth_options *options,
                  struct loop *const *loops, size_t nloops, char error[AUTH_ERROR]);

/** Begins to keep the documents current, on the first loop, which does not run
 * yet; and ends it, on its thread, when no question is open. NULL is fine. */
void verifier_start(struct verifier *v);
void verifier_stop(struct verifier *v);

/** Frees it, after the loops have ended. NULL is fine. */
void verifier_free(struct verifier *v);

/* Zero it, and set the first two. */
struct question {
    struct bytes token; /* stays until it is answered */
    void (*answered)(struct question *q);

    /* The answer: who it is, with a reference of the caller's, or NULL and why
     * not: UNAUTHENTICATED, or UNAVAILABLE if the keys cannot be had now. */
    struct identity *identity;
    enum status_code code;
    const char *why;
    uint32_t retry_ms; /* UNAVAILABLE: ask again after this time; 0: not said */

    uint8_t hash[TOKEN_HASH_BYTES]; /* private, like the rest */
    struct question *next, **link;
};

/** Whether it is known without a check: a token of the list, or a JWT that was
 * checked before. true: here is the answer; false: nothing is said, ask. On
 * @loop. */
bool verifier_recall(struct verifier *v, struct loop *loop, struct question *q);

/** Asks what was not recalled, on @loop. true: here is the answer; false: answered(q) comes. */
bool verifier_ask(struct verifier *v, struct loop *loop, struct question *q);

/** No answer is wanted any more; fine if it came. */
void verifier_forget(struct question *q);

#endif

#include "names.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/utf8.h"
#include "store/store.h" /* STORE_ID_MAX */

#define FIRST_BUCKETS 256

/* --- The table ---------------------------------------------------------------------- */

static uint64_t hash_of(const struct names *ns, struct bytes id)
{
    return XXH3_64bits_withSeed(id.data, id.len, ns->seed);
}

static struct name **bucket_of(const struct names *ns, uint64_t hash)
{
    return &ns->buckets[hash & (ns->nbuckets - 1)];
}

static void table_put(struct names *ns, struct name *n)
{
    struct name **bucket = bucket_of(ns, n->hash);
    n->chain = *bucket;
    *bucket = n;
}

/* Without memory for more buckets the chains get longer: slower, not wrong. */
static void table_grow(struct names *ns)
{
    size_t before = ns->nbuckets;
    struct name **old = ns->buckets;
    struct name **buckets = calloc(before * 2, sizeof *buckets);
    if (buckets == NULL)
        return;
    ns->buckets = buckets;
    ns->nbuckets = before * 2;
    for (size_t i = 0; i < before; i++) {
        for (struct name *n = old[i], *next; n != NULL; n = next) {
            next = n->chain;
            table_put(ns, n);
        }
    }
    free(old);
}

static struct name *table_find(const struct names *ns, struct bytes id, uint64_t hash)
{
    struct name *n = *bucket_of(ns, hash);
    while (n != NULL && !(n->hash == hash && bytes_equal(name_user_id(n), id)))
        n = n->chain;
    return n;
}

static void table_remove(struct names *ns, struct name *n)
{
    struct name **at = bucket_of(ns, n->hash);
    while (*at != n)
        at = &(*at)->chain;
    *at = n->chain;
}

int names_init(struct names *ns, size_t max_cached_bytes, uint64_t seed)
{
    *ns = (struct names){ .nbuckets = FIRST_BUCKETS,
                          .seed = seed,
                          .max_cached_bytes = max_cached_bytes };
    ring_init(&ns->wanted);
    ring_init(&ns->cached);
    ns->buckets = calloc(ns->nbuckets, sizeof *ns->buckets);
    return ns->buckets != NULL ? 0 : ENOMEM;
}

struct name *names_find(const struct names *ns, struct bytes id)
{
    return table_find(ns, id, hash_of(ns, id));
}

/* --- One name ----------------------------------------------------------------------- */

/* Whether a user can have this id. To ask for one that is no text would fail
 * the stream, and with it the names of everybody else; and a NUL would end it
 * early, so that another id would be asked for. */
static bool is_possible(struct bytes id)
{
    return id.len > 0 && id.len <= STORE_ID_MAX && memchr(id.data, 0, id.len) == NULL &&
           utf8_valid(id);
}

static void set_wanted(struct name *n)
{
    if (is_possible(name_user_id(n))) {
        n->state = NAME_WANTED;
        ring_append(&n->names->wanted, &n->link);
    } else {
        n->state = NAME_MISSING;
    }
}

static struct name *name_new(struct names *ns, struct bytes id, uint64_t hash)
{
    struct name *n = calloc(1, sizeof *n + id.len + 1);
    if (n == NULL)
        return NULL;
    n->names = ns;
    n->hash = hash;
    n->id_len = id.len;
    if (id.len > 0)
        memcpy(n->id, id.data, id.len);
    ring_init(&n->link);
    ring_init(&n->waits);
    set_wanted(n);
    return n;
}

static void name_drop(struct name *n)
{
    assert(n->holds == 0 && ring_empty(&n->waits));
    ring_remove(&n->link);
    table_remove(n->names, n);
    counter_add(&n->names->n, (uint64_t)-1);
    free(n->text);
    free(n);
}

static void clear_text(struct name *n)
{
    free(n->text);
    n->text = NULL;
    n->text_len = 0;
}

/* --- The cache ---------------------------------------------------------------------- */

/* What an entry costs, roughly: with its bucket and the allocator's share. */
static size_t cost_of(const struct name *n)
{
    return sizeof *n + n->id_len + n->text_len + 48;
}

static void cache_put(struct name *n)
{
    struct names *ns = n->names;
    ring_append(&ns->cached, &n->link);
    counter_add(&ns->ncached, 1);
    ns->cached_bytes += cost_of(n);
}

static void cache_take(struct name *n)
{
    struct names *ns = n->names;
    ring_remove(&n->link);
    counter_add(&ns->ncached, (uint64_t)-1);
    ns->cached_bytes -= cost_of(n);
}

void names_trim(struct names *ns)
{
    while (ns->cached_bytes > ns->max_cached_bytes) {
        struct name *oldest = container_of(ns->cached.next, struct name, link);
        cache_take(oldest);
        name_drop(oldest);
        counter_add(&ns->evicted, 1);
    }
}

/* --- Holding ------------------------------------------------------------------------ */

static struct name *names_add(struct names *ns, struct bytes id, uint64_t hash)
{
    struct name *n = name_new(ns, id, hash);
    if (n == NULL)
        return NULL;
    if (counter_get(&ns->n) >= ns->nbuckets)
        table_grow(ns);
    table_put(ns, n);
    counter_add(&ns->n, 1);
    return n;
}

struct name *names_hold(struct names *ns, struct bytes id)
{
    uint64_t hash = hash_of(ns, id);
    struct name *n = table_find(ns, id, hash);
    if (n == NULL)
        n = names_add(ns, id, hash);
    else if (n->holds == 0 && name_is_known(n->state))
        cache_take(n);
    if (n == NULL)
        return NULL;
    counter_add(name_is_known(n->state) ? &ns->hits : &ns->misses, 1);
    if (n->holds++ == 0)
        ns->held++;
    return n;
}

void names_unhold(struct name *n)
{
    struct names *ns = n->names;
    assert(n->holds > 0);
    if (--n->holds > 0)
        return;
    assert(ring_empty(&n->waits)); /* who waits must hold */
    ns->held--;
    if (n->state == NAME_WANTED) {
        name_drop(n);
    } else if (name_is_known(n->state)) {
        cache_put(n);
        names_trim(ns);
    }
}

/* --- Changes ------------------------------------------------------------------------ */

void names_asked(struct name *n, unsigned request)
{
    assert(n->state == NAME_WANTED);
    ring_remove(&n->link);
    n->state = NAME_ASKED;
    n->request = request;
}

static void set_known(struct name *n, char *text, size_t text_len)
{
    clear_text(n);
    n->state = text != NULL ? NAME_FOUND : NAME_MISSING;
    n->text = text;
    n->text_len = text_len;
}

bool names_learn(struct name *n, bool found, struct bytes text)
{
    char *copy = NULL;
    if (found) {
        copy = malloc(text.len + 1);
        if (copy == NULL)
            return false;
        if (text.len > 0)
            memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
    }
    if (n->holds == 0 && name_is_known(n->state)) {
        /* Nobody used it: it keeps its place, only its cost changes. */
        n->names->cached_bytes -= cost_of(n);
        set_known(n, copy, found ? text.len : 0);
        n->names->cached_bytes += cost_of(n);
        return true;
    }
    if (n->state == NAME_WANTED)
        ring_remove(&n->link);
    set_known(n, copy, found ? text.len : 0);
    if (n->holds == 0)
        cache_put(n);
    return true;
}

static void distrust(struct name *n)
{
    if (n->holds > 0) {
        clear_text(n);
        set_wanted(n);
        return;
    }
    if (name_is_known(n->state))
        cache_take(n);
    name_drop(n);
}

void names_distrust(struct names *ns, bool asked_too)
{
    for (size_t i = 0; i < ns->nbuckets; i++) {
        for (struct name *n = ns->buckets[i], *next; n != NULL; n = next) {
            next = n->chain;
            if (name_is_known(n->state) || (asked_too && n->state == NAME_ASKED))
                distrust(n);
        }
    }
}

void names_close(struct names *ns)
{
    assert(ns->held == 0);
    names_distrust(ns, true);
    assert(counter_get(&ns->n) == 0);
    free(ns->buckets);
}

/* --- What is known of one ----------------------------------------------------------- */

enum name_state name_state(const struct name *name)
{
    return name->state;
}

struct bytes name_text(const struct name *name)
{
    return bytes_of(name->text != NULL ? name->text : "", name->text_len);
}

struct bytes name_user_id(const struct name *name)
{
    return bytes_of(name->id, name->id_len);
}

uint32_t *name_note(struct name *name)
{
    return &name->note;
}

bool name_mark(struct name *name, uint64_t mark)
{
    const bool first = name->mark != mark;
    name->mark = mark;
    return first;
}

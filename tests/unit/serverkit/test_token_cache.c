/* Identities, and the cache of tokens that were found good. */
#include <criterion/criterion.h>

#include "lib/leaks.h"
#include "serverkit/auth/token_cache.h"

static struct token_cache cache;

static struct identity *someone(const char *name, int64_t expires_s)
{
    return identity_new(bytes_of_text(name), bytes_of_text("read"), expires_s);
}

static void put(uint8_t first, uint8_t last, struct identity *id)
{
    token_cache_put(&cache, (uint8_t[TOKEN_HASH_BYTES]){ [1] = first, [31] = last }, id);
    identity_unref(id);
}

static struct identity *find(uint8_t first, uint8_t last, int64_t now_s)
{
    return token_cache_find(&cache, (uint8_t[TOKEN_HASH_BYTES]){ [1] = first, [31] = last }, now_s);
}

Test(token_cache, remembers_until_it_expires)
{
    put(1, 1, someone("ann", 100));
    cr_assert_str_eq(find(1, 1, 99)->name, "ann");
    cr_assert_null(find(1, 1, 100));
    cr_assert_null(find(1, 2, 99));
    cr_assert_null(find(2, 1, 99));
}

Test(token_cache, gives_a_place_to_the_last_one)
{
    put(1, 1, someone("ann", 100));
    put(1, 2, someone("bob", 100));
    cr_assert_null(find(1, 1, 0));
    cr_assert_str_eq(find(1, 2, 0)->name, "bob");
    put(2, 1, someone("eve", 100));
    cr_assert_str_eq(find(1, 2, 0)->name, "bob");
}

Test(token_cache, forgets_all)
{
    for (unsigned i = 0; i < 256; i++)
        put((uint8_t)i, 0, someone("ann", 100));
    struct identity *kept = identity_ref(find(7, 0, 0)); /* a call has it */
    token_cache_clear(&cache);
    for (unsigned i = 0; i < 256; i++)
        cr_assert_null(find((uint8_t)i, 0, 0));
    cr_assert_str_eq(kept->name, "ann");
    identity_unref(kept);
    assert_no_leaks();
}

Test(identity, may_what_its_scopes_say)
{
    struct identity *id =
        identity_new(bytes_of_text("ann"), bytes_of_text("reader  write r"), NEVER_EXPIRES);
    cr_assert(identity_may(id, "write"));
    cr_assert(identity_may(id, "r"));
    cr_assert(identity_may(id, "reader"));
    cr_assert_not(identity_may(id, "read"));
    cr_assert_not(identity_may(id, "wri"));
    cr_assert_not(identity_may(id, ""));
    cr_assert_not(identity_may(id, "reader  write"));
    identity_unref(id);
    id = identity_new(bytes_of_text("nobody"), bytes_of_text(""), 0);
    cr_assert_not(identity_may(id, "read"));
    identity_unref(id);
}

/* Page tokens: what was written is read, and nothing else is. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#include "streams/page_token.h"

static const struct page_token some = {
    .store_id = 0x0123456789abcdef,
    .binding = 0xfedcba9876543210,
    .at = { .group = 0x80000001, .sequence = 0xa5a5a5a500ff00ff },
};

static const struct page_token follow = {
    .store_id = 0x0123456789abcdef,
    .binding = 0xfedcba9876543210,
    .at = { .group = 0x80000001, .sequence = 0xa5a5a5a500ff00ff },
    .follows = true,
    .in_changes = true,
    .revision = 0x5a5a5a5a00ff00ff,
};

static const struct page_token floored = {
    .store_id = 0x0123456789abcdef,
    .binding = 0xfedcba9876543210,
    .at = { .group = 0x80000001, .sequence = 0xa5a5a5a500ff00ff },
    .revision = 0x5a5a5a5a00ff00ff,
};

static size_t length_of(const struct page_token *t)
{
    return t->follows || t->revision > 0 ? PAGE_TOKEN_TEXT_MAX : PAGE_TOKEN_TEXT;
}

static enum page_token_result read_text(const char *text, size_t len, struct page_token *ret)
{
    return page_token_read(bytes_of(text, len), some.store_id, some.binding, ret);
}

static void expect_damaged(const char *text, size_t len)
{
    struct page_token t = { .revision = 7 };
    cr_assert_eq(read_text(text, len, &t), PAGE_TOKEN_DAMAGED, "%.*s", (int)len, text);
    cr_assert_eq(t.revision, 7, "set only when the token is good");
}

static void round_trip(struct page_token t)
{
    char text[PAGE_TOKEN_TEXT_MAX];
    struct page_token read;
    const size_t len = page_token_write(&t, text);
    cr_assert_eq(len, length_of(&t));
    cr_assert_eq(page_token_read(bytes_of(text, len), t.store_id, t.binding, &read), PAGE_TOKEN_OK);
    cr_assert_eq(read.at.group, t.at.group);
    cr_assert_eq(read.at.sequence, t.at.sequence);
    cr_assert_eq(read.follows, t.follows);
    cr_assert_eq(read.in_changes, t.in_changes);
    cr_assert_eq(read.revision, t.revision);
}

Test(token, keeps_the_position)
{
    round_trip(some);
    round_trip(floored);
    round_trip((struct page_token){ 0 });
    round_trip((struct page_token){
        .store_id = UINT64_MAX, .binding = UINT64_MAX, .at = { UINT32_MAX, UINT64_MAX } });
    for (int bit = 0; bit < 64; bit++) {
        const uint64_t v = (uint64_t)1 << bit;
        round_trip((struct page_token){ .store_id = v, .binding = ~v, .at = { (uint32_t)v, v } });
    }
}

Test(token, keeps_what_a_follow_has_told)
{
    struct page_token t = follow;
    round_trip(t);
    t.in_changes = false;
    round_trip(t);
    for (int bit = 0; bit < 64; bit++) {
        t.revision = (uint64_t)1 << bit;
        round_trip(t);
    }
}

/* What was handed out before there were follows: still good. */
Test(token, of_version_1_stays_what_it_was)
{
    const char *old = "Ae_Nq4lnRSMBEDJUdpi63P4BAACA_wD_AKWlpaWNav4B";
    struct page_token t;
    cr_assert_eq(read_text(old, strlen(old), &t), PAGE_TOKEN_OK);
    cr_assert_eq(t.at.group, some.at.group);
    cr_assert_eq(t.at.sequence, some.at.sequence);
    cr_assert_not(t.follows);
}

Test(token, is_text_that_a_url_can_hold)
{
    char text[PAGE_TOKEN_TEXT_MAX];
    bool seen[256] = { false };
    for (uint64_t i = 0; i < 1000; i++) {
        page_token_write(&(struct page_token){ .store_id = i * 0x9e3779b97f4a7c15u,
                                               .binding = ~i,
                                               .at = { (uint32_t)i, i } },
                         text);
        for (size_t k = 0; k < PAGE_TOKEN_TEXT; k++)
            seen[(uint8_t)text[k]] = true;
    }
    for (int c = 0; c < 256; c++)
        cr_assert_eq(seen[c], c < 128 && (isalnum(c) || c == '-' || c == '_'), "character %d", c);
}

static void damage_each_character(const struct page_token *t)
{
    char text[PAGE_TOKEN_TEXT_MAX];
    struct page_token read;
    const size_t len = page_token_write(t, text);
    for (size_t i = 0; i < len; i++) {
        const char good = text[i];
        for (int c = 0; c < 256; c++) {
            text[i] = (char)c;
            if (text[i] != good)
                expect_damaged(text, len);
        }
        text[i] = good;
    }
    cr_assert_eq(read_text(text, len, &read), PAGE_TOKEN_OK);
}

Test(token, refuses_each_damaged_character)
{
    damage_each_character(&some);
    damage_each_character(&follow);
    damage_each_character(&floored);
}

Test(token, refuses_characters_that_changed_places)
{
    char text[PAGE_TOKEN_TEXT_MAX];
    page_token_write(&some, text);
    for (size_t i = 0; i + 1 < PAGE_TOKEN_TEXT; i++) {
        char swapped[PAGE_TOKEN_TEXT];
        memcpy(swapped, text, PAGE_TOKEN_TEXT);
        swapped[i] = text[i + 1];
        swapped[i + 1] = text[i];
        if (swapped[i] != text[i])
            expect_damaged(swapped, sizeof swapped);
    }
}

Test(token, refuses_every_other_length)
{
    char text[2 * PAGE_TOKEN_TEXT_MAX];
    page_token_write(&some, text);
    page_token_write(&follow, text + PAGE_TOKEN_TEXT);
    for (size_t len = 0; len <= sizeof text; len++)
        if (len != PAGE_TOKEN_TEXT)
            expect_damaged(text, len);
    page_token_write(&follow, text);
    for (size_t len = 0; len <= sizeof text; len++)
        if (len != PAGE_TOKEN_TEXT_MAX)
            expect_damaged(text, len);
    page_token_write(&floored, text);
    for (size_t len = 0; len <= sizeof text; len++)
        if (len != PAGE_TOKEN_TEXT_MAX)
            expect_damaged(text, len);
}

/* Plain base64 has these two; what is neither is refused as well. */
Test(token, refuses_the_other_alphabet)
{
    char text[PAGE_TOKEN_TEXT_MAX];
    const char foreign[] = "+/=. \n";
    for (size_t i = 0; i < sizeof foreign; i++) {
        page_token_write(&some, text);
        text[20] = foreign[i];
        expect_damaged(text, PAGE_TOKEN_TEXT);
    }
}

Test(token, is_good_for_one_store_and_one_query)
{
    char text[PAGE_TOKEN_TEXT_MAX];
    struct page_token at;
    page_token_write(&some, text);
    const struct bytes token = bytes_of(text, PAGE_TOKEN_TEXT);
    cr_assert_eq(page_token_read(token, some.store_id, some.binding, &at), PAGE_TOKEN_OK);
    for (int bit = 0; bit < 64; bit++) {
        const uint64_t flip = (uint64_t)1 << bit;
        cr_assert_eq(page_token_read(token, some.store_id ^ flip, some.binding, &at),
                     PAGE_TOKEN_OTHER_STORE);
        cr_assert_eq(page_token_read(token, some.store_id, some.binding ^ flip, &at),
                     PAGE_TOKEN_OTHER_QUERY);
    }
}

static uint64_t bind(const char *listing, const char *user_id, const char *tag)
{
    return page_token_bind(listing, bytes_of_text(user_id), bytes_of_text(tag));
}

Test(token, binds_listing_user_and_tag)
{
    const uint64_t all[] = {
        bind("ListPosts", "", ""),           bind("ListPosts", "", "a"),
        bind("ListPosts", "a", ""),          bind("ListPostsByUserId", "", ""),
        bind("ListPostsByUserId", "a", ""),  bind("ListPostsByUserId", "", "a"),
        bind("ListPostsByUserId", "a", "b"), bind("ListPostsByUserId", "b", "a"),
        bind("ListPostsByUserId", "ab", ""), bind("ListPostsByUserId", "", "ab"),
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t k = 0; k < i; k++)
            cr_assert_neq(all[i], all[k], "%zu and %zu", i, k);
    cr_assert_eq(bind("ListPosts", "", ""),
                 page_token_bind("ListPosts", bytes_of(NULL, 0), bytes_of(NULL, 0)));
}

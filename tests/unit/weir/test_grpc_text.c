/* gRPC's own headers, value by value. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/http/grpc_text.h"

#define BYTES(text) bytes_of(text, sizeof(text) - 1)

/* A copy of just the size, so that a sanitizer sees who reads beyond. */
static struct bytes copy_of(const char *text)
{
    const size_t len = strlen(text);
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, text, len);
    return bytes_of(copy, len);
}

static void drop(struct bytes copy)
{
    free((void *)(uintptr_t)copy.data);
}

/* --- grpc-timeout ------------------------------------------------------------------- */

Test(grpc_text, timeouts_of_every_unit)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        { "1H", 3600000 },
        { "1M", 60000 },
        { "1S", 1000 },
        { "1m", 1 },
        { "1000u", 1 },
        { "1000000n", 1 },
        { "99999999H", UINT64_C(359999996400000) },
        { "99999999n", 99 },
        { "00000001S", 1000 },
        { "20000000u", 20000 },
        /* Rounded up. */
        { "1u", 1 },
        { "1n", 0 },
        { "1001u", 2 },
        { "1999u", 2 },
        { "1000001n", 1 },
        /* Over before it began. */
        { "0n", 0 },
        { "0S", 0 },
        { "00000000H", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct bytes value = copy_of(rows[i].text);
        uint64_t ms = UINT64_MAX;
        cr_assert(grpc_timeout_parse(value, &ms), "%s", rows[i].text);
        cr_assert_eq(ms, rows[i].ms, "%s", rows[i].text);
        drop(value);
    }
}

Test(grpc_text, timeouts_that_are_none)
{
    static const char *const rows[] = {
        "",    "S",   "1",   "1s",  "1h",   "1x",  "1N",   "1U", "123456789S", "000000001S", "-1S",
        "+1S", "1 S", " 1S", "1S ", "1.5S", "1SS", "0x1S", "S1", "1\xc2\xb5",  "/S",         ":S",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct bytes value = copy_of(rows[i]);
        uint64_t ms = 7;
        cr_assert_not(grpc_timeout_parse(value, &ms), "\"%s\"", rows[i]);
        cr_assert_eq(ms, 7, "set only when it is good");
        drop(value);
    }
}

/* --- content-type ------------------------------------------------------------------- */

static bool is_grpc(const char *text)
{
    const struct bytes value = copy_of(text);
    const bool is = grpc_content_type(value);
    drop(value);
    return is;
}

Test(grpc_text, content_types_of_grpc)
{
    static const char *const rows[] = {
        "application/grpc",          "application/grpc+proto",       "application/grpc+json",
        "Application/GRPC+Proto",    "application/grpc;charset=x",   "application/grpc ; charset=x",
        "application/grpc+proto; a", "application/grpc\t;charset=x",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert(is_grpc(rows[i]), "%s", rows[i]);
}

Test(grpc_text, content_types_of_others)
{
    static const char *const rows[] = {
        "",
        "application",
        "application/grp",
        "application/grpcx",
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpc/x",
        "application/grpc +proto",
        "text/plain",
        "application/json",
        " application/grpc",
        "x;application/grpc",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_not(is_grpc(rows[i]), "\"%s\"", rows[i]);
}

/* --- Lists -------------------------------------------------------------------------- */

static void expect_list(const char *text, const char *const *items, size_t n)
{
    const struct bytes list = copy_of(text);
    struct bytes rest = list, item;
    for (size_t i = 0; i < n; i++) {
        cr_assert(grpc_list_next(&rest, &item), "\"%s\", item %zu", text, i);
        cr_assert(bytes_equal(item, bytes_of_text(items[i])), "\"%s\", item %zu", text, i);
    }
    cr_assert_not(grpc_list_next(&rest, &item), "\"%s\" has no more", text);
    cr_assert_not(grpc_list_next(&rest, &item), "and stays so");
    drop(list);
}

#define EXPECT_LIST(text, ...)                                                                     \
    do {                                                                                           \
        static const char *const items[] = { __VA_ARGS__ };                                        \
        expect_list(text, items, sizeof items / sizeof *items);                                    \
    } while (0)

Test(grpc_text, lists)
{
    EXPECT_LIST("", "");
    EXPECT_LIST("a", "a");
    EXPECT_LIST("a,b", "a", "b");
    EXPECT_LIST(" a\t, b c ,\td ", "a", "b c", "d");
    EXPECT_LIST("a,,b", "a", "", "b");
    EXPECT_LIST(",", "", "");
    EXPECT_LIST("a,", "a", "");
    EXPECT_LIST(" ", "");
}

/* --- Encodings ---------------------------------------------------------------------- */

Test(grpc_text, encodings_by_name)
{
    cr_assert_eq(grpc_encoding_of(BYTES("identity")), ENCODING_IDENTITY);
    cr_assert_eq(grpc_encoding_of(BYTES("gzip")), ENCODING_GZIP);
    cr_assert_eq(grpc_encoding_of(BYTES("GZip")), ENCODING_GZIP);
    cr_assert_eq(grpc_encoding_of(BYTES("deflate")), ENCODING_DEFLATE);
    static const char *const others[] = { "", "gzi", "gzipx", "x-gzip", "snappy", "deflate,gzip" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert_eq(grpc_encoding_of(bytes_of_text(others[i])), ENCODING_UNKNOWN, "%s", others[i]);
}

Test(grpc_text, encodings_that_are_accepted)
{
    const unsigned gzip = ENCODING_BIT(ENCODING_GZIP), deflate = ENCODING_BIT(ENCODING_DEFLATE);
    const struct {
        const char *list;
        unsigned set;
    } rows[] = {
        { "identity, deflate ,gzip", gzip | deflate },
        { "gzip", gzip },
        { "DEFLATE", deflate },
        { "identity", 0 },
        { "snappy,zstd", 0 },
        { "", 0 },
        { ",,gzip,", gzip },
        { "gzip,gzip", gzip },
        { "gzip;q=0", 0 }, /* gRPC knows no weights; not accepted is always right */
        { "gzip deflate", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_eq(grpc_encodings_accepted(bytes_of_text(rows[i].list)), rows[i].set, "%s",
                     rows[i].list);
}

/* --- grpc-message ------------------------------------------------------------------- */

static void expect_encoded(const char *message, size_t room, const char *expected)
{
    char *to = malloc(room > 0 ? room : 1);
    const size_t len = percent_encode(to, room, message);
    cr_assert(bytes_equal(bytes_of(to, len), bytes_of_text(expected)), "%.*s is not %s", (int)len,
              to, expected);
    free(to);
}

Test(grpc_text, messages)
{
    expect_encoded("", 10, "");
    expect_encoded("no such user", 12, "no such user");
    expect_encoded("100 %", 10, "100 %25");
    expect_encoded("a\nb\x7f", 20, "a%0Ab%7F");
    expect_encoded("\x01 ~\x1f!", 20, "%01 ~%1F!");
    expect_encoded("\xc3\xa9t\xc3\xa9", 13, "%C3%A9t%C3%A9");
}

Test(grpc_text, every_byte_of_a_message)
{
    for (int c = 1; c < 256; c++) {
        const char message[] = { (char)c, '\0' };
        char to[3], expected[4];
        const size_t len = percent_encode(to, sizeof to, message);
        const bool stays = c >= 0x20 && c <= 0x7e && c != '%';
        snprintf(expected, sizeof expected, stays ? "%c" : "%%%02X", c);
        cr_assert(bytes_equal(bytes_of(to, len), bytes_of_text(expected)), "byte %d", c);
    }
}

Test(grpc_text, messages_are_cut_by_whole_characters)
{
    expect_encoded("abc", 0, "");
    expect_encoded("abc", 2, "ab");
    expect_encoded("a%b", 1, "a");
    expect_encoded("a%b", 3, "a");
    expect_encoded("a%b", 4, "a%25");
    expect_encoded("a%b", 5, "a%25b");
    for (size_t room = 1; room < 10; room++)
        expect_encoded("a\xe2\x82\xac", room, "a"); /* three bytes, nine characters */
    expect_encoded("a\xe2\x82\xac", 10, "a%E2%82%AC");
    expect_encoded("\xe2\x82\xac\xe2\x82\xac", 17, "%E2%82%AC");
}

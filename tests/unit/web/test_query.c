/* Fields of a request out of paths and queries: what is written is looked at as JSON. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "lib/shelf.h"
#include "web/query.h"

static struct pb_pool *pool;
static const struct pb_message *type;
static char why[PBJSON_ERROR_BYTES];

static void set_up(void)
{
    pool = pb_pool_new((size_t)4 << 20);
    cr_assert_eq(pb_pool_add_set(pool, shelf_set()), 0, "%s", pb_pool_error(pool));
    type = pb_find_message(pool, bytes_of_text("every.Every"));
}

static void tear_down(void)
{
    pb_pool_free(pool);
}

TestSuite(query, .init = set_up, .fini = tear_down);

static void expect(const char *query, const char *json)
{
    struct buf *b = buf_new(16), *text = buf_new(16);
    cr_assert_eq(query_put(b, pool, type, bytes_of_text(query), NULL, 0, NULL, why), 0, "%s: %s",
                 query, why);
    cr_assert_eq(pbjson_print(text, pool, type, buf_bytes(b), NULL, why), 0, "%s", why);
    cr_assert(bytes_equal(buf_bytes(text), bytes_of_text(json)), "%s: %.*s", query, (int)text->len,
              (char *)text->data);
    buf_unref(text);
    buf_unref(b);
}

static void expect_refused(const char *query, const char *words)
{
    struct buf *b = buf_new(16);
    why[0] = '\0';
    cr_assert_eq(query_put(b, pool, type, bytes_of_text(query), NULL, 0, NULL, why), EINVAL, "%s",
                 query);
    cr_assert(strstr(why, words) != NULL && strchr(why, '\n') == NULL, "%s: %s", query, why);
    buf_unref(b);
}

Test(query, sets_fields)
{
    expect("", "{}");
    expect("&&", "{}");
    expect("int32_value=-5", "{\"int32Value\":-5}");
    expect("int32Value=1e3", "{\"int32Value\":1000}");
    expect("uint64_value=18446744073709551615", "{\"uint64Value\":\"18446744073709551615\"}");
    expect("double_value=1.5&float_value=NaN", "{\"doubleValue\":1.5,\"floatValue\":\"NaN\"}");
    expect("bool_value=true", "{\"boolValue\":true}");
    expect("string_value=a+b%26%ed%95%9c%22", "{\"stringValue\":\"a b&한\\\"\"}");
    expect("bytes_value=_-8", "{\"bytesValue\":\"/+8=\"}");
    expect("color=COLOR_BLUE", "{\"color\":\"COLOR_BLUE\"}");
    expect("color=2", "{\"color\":\"COLOR_BLUE\"}");
    expect("int32s=1&int32s=2", "{\"int32s\":[1,2]}");
}

Test(query, sets_fields_of_messages_in_messages)
{
    expect("inner.number=3", "{\"inner\":{\"number\":3}}");
    expect("inner.number=3&inner.text=x&inner.list=1&inner.list=-1",
           "{\"inner\":{\"number\":3,\"text\":\"x\",\"list\":[1,-1]}}");
    expect("inner.every.inner.every.boolValue=true",
           "{\"inner\":{\"every\":{\"inner\":{\"every\":{\"boolValue\":true}}}}}");
}

Test(query, is_refused)
{
    expect_refused("nothing=1", "\"nothing\" in the query is no field of the request");
    expect_refused("=1", "is no field");
    expect_refused("inner=1", "inner: is a message");
    expect_refused("inner.=1", "is no field");
    expect_refused("inner..number=1", "is no field");
    expect_refused(".inner.number=1", "is no field");
    expect_refused("inner.list.number=1", "is no field");
    expect_refused("int32_value.x=1", "is no field");
    expect_refused("int32_value=1&int32Value=1", "comes twice");
    expect_refused("int32_value=", "int32_value: ");
    expect_refused("int32_value=x", "\"x\" is no integer");
    expect_refused("int32_value=2147483648", "does not fit into 32 bits");
    expect_refused("bool_value=1", "\"1\" is neither true nor false");
    expect_refused("color=GREEN", "GREEN");
    expect_refused("string_value=%ff", "string_value: is not valid text");
    expect_refused("%ff=1", "is no field");
    expect_refused("string_value=%f", "'%'");
    expect_refused("int32_value=\"1\"", "is no integer");
    expect_refused("inner.every.inner.every.inner.every.inner.every.bool_value=true",
                   "is no field"); /* too deep */
}

Test(query, has_a_limit)
{
    char query[QUERY_FIELDS_MAX * 9 + 32] = "";
    for (int i = 0; i < QUERY_FIELDS_MAX; i++)
        strcat(query, "int32s=1&");
    struct buf *b = buf_new(16);
    cr_assert_eq(query_put(b, pool, type, bytes_of_text(query), NULL, 0, NULL, why), 0);
    buf_unref(b);
    strcat(query, "int32s=1");
    expect_refused(query, "more than 100 fields");
}

Test(query, leaves_what_the_path_and_the_body_have)
{
    const struct pb_message *get = pb_find_message(pool, bytes_of_text("shelf.GetRequest"));
    struct field_path taken;
    struct buf *b = buf_new(16);
    cr_assert(field_path_find(&taken, get, bytes_of_text("book.id")));
    cr_assert_eq(
        query_put(b, pool, get, bytes_of_text("name=x&book.pages=1"), &taken, 1, NULL, why), 0);
    cr_assert_eq(query_put(b, pool, get, bytes_of_text("book.id=x"), &taken, 1, NULL, why), EINVAL);
    cr_assert(strstr(why, "in the path already") != NULL);
    cr_assert_eq(query_put(b, pool, get, bytes_of_text("book.pages=1"), NULL, 0,
                           pb_field_by_name(get, bytes_of_text("book")), why),
                 EINVAL);
    cr_assert(strstr(why, "in the body already") != NULL);
    buf_unref(b);
}

Test(query, knows_messages_that_are_texts)
{
    const struct pb_message *book = pb_find_message(pool, bytes_of_text("shelf.Book"));
    struct buf *b = buf_new(16), *text = buf_new(16);
    cr_assert_eq(query_put(b, pool, book, bytes_of_text("printed=2020-10-25T01:00:00%2B01:00"),
                           NULL, 0, NULL, why),
                 0, "%s", why);
    cr_assert_eq(pbjson_print(text, pool, book, buf_bytes(b), NULL, why), 0);
    cr_assert(
        bytes_equal(buf_bytes(text), bytes_of_text("{\"printed\":\"2020-10-25T00:00:00Z\"}")));
    b->len = 0;
    cr_assert_eq(query_put(b, pool, book, bytes_of_text("printed.seconds=1"), NULL, 0, NULL, why),
                 EINVAL);
    buf_unref(text);
    buf_unref(b);
}

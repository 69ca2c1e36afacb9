/* Rules of methods, and which of them a request means. */
#include <criterion/criterion.h>
#include <errno.h>

#include "lib/heap.h"
#include "lib/shelf.h"
#include "web/rest_routes.h"

#define METHOD(name, many_in, many_out)                                                            \
    {                                                                                              \
        .path = "/shelf.Shelf/" name, .requests = (many_in), .responses = (many_out)               \
    }

static const struct method methods[] = {
    METHOD("Get", ONE, ONE),  METHOD("List", ONE, ONE),   METHOD("Watch", ONE, MANY),
    METHOD("Put", ONE, ONE),  METHOD("Change", ONE, ONE), METHOD("Remove", ONE, ONE),
    METHOD("Add", MANY, ONE), METHOD("Plain", ONE, ONE),
};
#define NMETHODS (sizeof methods / sizeof methods[0])

static struct pb_pool *pool;
static struct rest_routes routes;
static char why[PBJSON_ERROR_BYTES];

static int add(const struct method *m)
{
    return rest_routes_add(&routes, m, pb_find_method(pool, bytes_of_text(m->path)), why);
}

static void set_up(void)
{
    pool = pb_pool_new((size_t)4 << 20);
    cr_assert_eq(pb_pool_add_set(pool, shelf_set()), 0, "%s", pb_pool_error(pool));
    routes = (struct rest_routes){ 0 };
}

static void tear_down(void)
{
    rest_routes_free(&routes);
    pb_pool_free(pool);
}

static void set_up_all(void)
{
    set_up();
    for (size_t i = 0; i < NMETHODS; i++)
        cr_assert_eq(add(&methods[i]), 0, "%s", why);
    cr_assert_eq(rest_routes_ready(&routes, why), 0, "%s", why);
}

TestSuite(rest_routes, .init = set_up_all, .fini = tear_down);

/* @method: "Get", or NULL. */
static const struct rest_route *expect(const char *verb, const char *path, const char *method)
{
    struct bytes values[PATH_VARIABLES_MAX];
    const struct rest_route *found =
        rest_routes_find(&routes, bytes_of_text(verb), bytes_of_text(path), values);
    cr_assert_eq(found != NULL, method != NULL, "%s %s", verb, path);
    if (found != NULL)
        cr_assert_str_eq(strrchr(found->method->path, '/') + 1, method, "%s %s", verb, path);
    return found;
}

Test(rest_routes, finds)
{
    expect("GET", "/v1/shelves/a/books/b", "Get");
    expect("GET", "/v1/books/7", "Get");
    expect("HEAD", "/v1/books/7", "Get");
    expect("PUT", "/v1/books/7", "Put");
    expect("PATCH", "/v1/books/7", "Change");
    expect("DELETE", "/v1/files/a/b", "Remove");
    expect("POST", "/v1/books:add", "Add");
    expect("GET", "/v1/nothing", NULL);
    expect("get", "/v1/books/7", NULL);
}

Test(rest_routes, tells_of_other_verbs)
{
    char verbs[64];
    cr_assert_eq(rest_routes_verbs(&routes, bytes_of_text("/v1/books/7"), verbs, sizeof verbs), 21);
    cr_assert_str_eq(verbs, "GET, HEAD, PATCH, PUT");
    cr_assert_eq(rest_routes_verbs(&routes, bytes_of_text("/v2"), verbs, sizeof verbs), 0);
    cr_assert_eq(rest_routes_verbs(&routes, bytes_of_text("/v1/books/7"), verbs, 6), 3);
    cr_assert_str_eq(verbs, "GET", "the others have no place");
}

Test(rest_routes, knows_what_the_rule_says)
{
    const struct rest_route *r = expect("GET", "/v1/shelves/a/books/b", "Get");
    cr_assert(!r->has_body && r->body == NULL && r->twin == NULL);
    cr_assert(bytes_equal(r->response_body->name, bytes_of_text("book")));
    r = expect("GET", "/v1/books/7", "Get");
    cr_assert(r->variables[0].n == 2 && r->response_body == NULL);
    r = expect("PUT", "/v1/books/7", "Put");
    cr_assert(r->has_body && r->body == NULL);
    r = expect("PATCH", "/v1/books/7", "Change");
    cr_assert(r->has_body && bytes_equal(r->body->name, bytes_of_text("book")));
}

Test(rest_routes, pairs_one_response_with_many)
{
    struct bytes values[PATH_VARIABLES_MAX];
    const struct rest_route *r =
        rest_routes_find(&routes, bytes_of_text("GET"), bytes_of_text("/v1/books"), values);
    cr_assert(r != NULL && r->twin != NULL && r->twin->twin == r);
    cr_assert_neq(r->method->responses, r->twin->method->responses);
}

TestSuite(rest_routes_made, .init = set_up, .fini = tear_down);

Test(rest_routes_made, refuse_one_path_twice)
{
    cr_assert_eq(add(&methods[1]), 0);
    cr_assert_eq(add(&methods[1]), 0);
    cr_assert_eq(rest_routes_ready(&routes, why), EEXIST);
    cr_assert(strstr(why, "/shelf.Shelf/List has the same path") != NULL, "%s", why);
}

/* What a rule may have wrong, in a method that has everything else. */
Test(rest_routes_made, refuse_rules_that_are_none)
{
    static const struct {
        const char *field, *text; /* of HttpRule, one byte its tag */
        const char *words;
    } rows[] = {
        { "\x12", "no", "no template" },
        { "\x12", "/v1/{nothing}", "no field \"nothing\"" },
        { "\x12", "/v1/{book}/x\x3a", "no template" },
        { "\x3a", "nothing", "no field \"nothing\" in shelf.GetRequest" },
        { "\x62", "nothing", "no field \"nothing\" in shelf.GetResponse" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pb_method types = *pb_find_method(pool, bytes_of_text(methods[7].path));
        struct buf *rule = buf_new(64), *options = buf_new(64);
        if (rows[i].field[0] != '\x12')
            buf_append(rule, bytes_of_text("\x12\x03/v1"));
        const uint8_t length = (uint8_t)strlen(rows[i].text);
        buf_append(rule, bytes_of_text(rows[i].field));
        buf_append(rule, bytes_of(&length, 1));
        buf_append(rule, bytes_of_text(rows[i].text));
        wire_append_bytes(options, 72295728, buf_bytes(rule));
        types.options = buf_bytes(options);
        cr_assert_eq(rest_routes_add(&routes, &methods[7], &types, why), EINVAL, "%zu", i);
        cr_assert(strstr(why, rows[i].words) != NULL, "%s", why);
        buf_unref(rule);
        buf_unref(options);
    }
}

static int make_all(void)
{
    int rv = 0;
    for (size_t i = 0; rv == 0 && i < NMETHODS; i++)
        rv = add(&methods[i]);
    rest_routes_free(&routes);
    return rv;
}

Test(rest_routes_made, survive_each_failed_allocation)
{
    for (unsigned nth = 1;; nth++) {
        heap_fail_at(nth);
        const int rv = make_all();
        if (!heap_failed())
            break;
        cr_assert_eq(rv, ENOMEM);
        cr_assert_lt(nth, 100);
    }
    heap_fail_at(0);
}

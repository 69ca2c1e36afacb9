/* Media types, and what a client accepts. */
#include <criterion/criterion.h>

#include "web/media.h"

static const char *const offers[] = { "application/json", "application/x-ndjson",
                                      "text/event-stream" };

static size_t choose(const char *accept)
{
    return media_choose(bytes_of_text(accept), offers, 3);
}

Test(media, chooses_what_the_client_likes_best)
{
    cr_assert_eq(choose(""), 0);
    cr_assert_eq(choose("*/*"), 0);
    cr_assert_eq(choose("text/event-stream"), 2);
    cr_assert_eq(choose("Text/Event-Stream; charset=utf-8"), 2);
    cr_assert_eq(choose("application/x-ndjson, */*"), 0, "both at 1: the first");
    cr_assert_eq(choose("application/x-ndjson, */*;q=0.1"), 1);
    cr_assert_eq(choose("text/*"), 2);
    cr_assert_eq(choose("application/*"), 0);
    cr_assert_eq(choose("application/*;q=0.5, text/event-stream;q=0.51"), 2);
    cr_assert_eq(choose("application/*, application/json;q=0"), 1, "the more exact range counts");
    cr_assert_eq(choose("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), 0);
    cr_assert_eq(choose("text/html"), 3);
    cr_assert_eq(choose("*/*;q=0"), 3);
    cr_assert_eq(choose("*/*;q=0.000"), 3);
    cr_assert_eq(choose("text/event-stream;Q=0.001"), 2);
    cr_assert_eq(choose("text/event-stream;q="), 2, "no number: as if it were not there");
    cr_assert_eq(choose(" , ,;,"), 3);
}

Test(media, is_named_without_parameters)
{
    cr_assert(media_is(media_type(bytes_of_text("application/json")), "application/json"));
    cr_assert(media_is(media_type(bytes_of_text(" APPLICATION/JSON ;charset=utf-8")),
                       "application/json"));
    cr_assert_not(media_is(media_type(bytes_of_text("application/jsonp")), "application/json"));
    cr_assert_not(media_is(media_type(bytes_of_text("")), "application/json"));
    cr_assert_not(media_is(media_type(bytes_of(NULL, 0)), "application/json"));
    cr_assert_not(media_is(media_type(bytes_of_text(";")), "application/json"));
}

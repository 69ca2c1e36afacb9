/* A pull parser of JSON (RFC 8259), over bytes that lie in memory: it takes one
 * thing after another off their front, and needs no memory of its own.
 *
 * Why not jansson, which the tree has: it gives numbers as long long or double, so
 * that a uint64 above 2^63 and "1e3" for an integer cannot be told from rounded
 * ones; it builds a tree several times as large as the text, without a limit; and
 * it does not say at which key something is wrong.
 *
 * Strings are UTF-8, without lone surrogates. After the first failure `wrong` says
 * what was expected at `at`, and everything fails. */
#ifndef PBJSON_JSON_IN_H
#define PBJSON_JSON_IN_H

#include <stdbool.h>

#include "base/bytes.h"

enum json_kind { JSON_OBJECT, JSON_LIST, JSON_TEXT, JSON_NUMBER, JSON_BOOL, JSON_NULL, JSON_NONE };

struct jsonin {
    const uint8_t *begin, *at, *end;
    const char *wrong; /* NULL: nothing yet */
};

struct jsonin jsonin_of(struct bytes text);

/** What comes next, by its first character. JSON_NONE: no value. */
enum json_kind jsonin_peek(struct jsonin *in);

/** Whether there is another value, or key, before the closing @bracket, which is
 * taken. The opening one was taken by jsonin_open(). *first is the caller's. */
void jsonin_open(struct jsonin *in);
bool jsonin_more(struct jsonin *in, char bracket, bool *first);

/** Takes a text; *ret is what stands between the quotes, with its escapes. */
bool jsonin_text(struct jsonin *in, struct bytes *ret);

/** Takes a key and the colon behind it. */
bool jsonin_key(struct jsonin *in, struct bytes *ret);

/** Takes a number, as it is written. */
bool jsonin_number(struct jsonin *in, struct bytes *ret);

/** Takes true, false or null; *ret for the first two. */
bool jsonin_bool(struct jsonin *in, bool *ret);
bool jsonin_null(struct jsonin *in);

/** Takes any value, with at most @depth objects and lists in one another. */
bool jsonin_skip(struct jsonin *in, unsigned depth);

/** Space, if there is any. */
void jsonin_space(struct jsonin *in);

/** Writes what a text of jsonin_text() stands for to @to, which has room for
 * text.len bytes. Returns the length. */
size_t jsonin_unescape(uint8_t *to, struct bytes text);

#endif

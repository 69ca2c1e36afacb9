#include "token_list.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BLANKS         " \t\r"
#define LINE_MAX_BYTES 4096

struct entry {
    uint8_t hash[TOKEN_HASH_BYTES];
    struct identity *identity;
};

struct token_list {
    size_t n;
    struct entry entries[TOKEN_LIST_MAX];
};

/* --- One line ----------------------------------------------------------------------- */

static bool read_hash(const char *hex, uint8_t hash[TOKEN_HASH_BYTES])
{
    size_t len = 0;
    return OPENSSL_hexstr2buf_ex(hash, TOKEN_HASH_BYTES, &len, hex, '\0') == 1 &&
           len == TOKEN_HASH_BYTES;
}

static bool read_expires(const char *text, int64_t *ret_s)
{
    static const char *const formats[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d" };
    if (strcmp(text, "never") == 0) {
        *ret_s = NEVER_EXPIRES;
        return true;
    }
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct tm tm = { 0 };
        const char *end = strptime(text, formats[i], &tm);
        if (end != NULL && *end == '\0') {
            *ret_s = timegm(&tm);
            return true;
        }
    }
    return false;
}

/* The rest of the line, with single spaces. */
static void read_scopes(char *rest, char scopes[LINE_MAX_BYTES])
{
    char *to = scopes;
    *to = '\0';
    for (char *word = strtok_r(NULL, BLANKS, &rest); word != NULL;
         word = strtok_r(NULL, BLANKS, &rest))
        to += sprintf(to, "%s%s", to == scopes ? "" : " ", word);
}

/* Returns what is wrong with the line, or NULL. */
static const char *read_line(struct token_list *list, char *line)
{
    struct entry e;
    int64_t expires_s;
    char scopes[LINE_MAX_BYTES], *rest = NULL;
    const char *hash = strtok_r(line, BLANKS, &rest);
    if (hash == NULL || hash[0] == '#')
        return NULL;
    const char *name = strtok_r(NULL, BLANKS, &rest);
    const char *expires = strtok_r(NULL, BLANKS, &rest);
    if (!read_hash(hash, e.hash))
        return "it does not begin with a SHA-256 of 64 hexadecimal digits";
    if (expires == NULL)
        return "it needs a hash, a name, an expiry and scopes";
    if (!read_expires(expires, &expires_s))
        return "the expiry is neither never, nor a date as 2027-01-01 or 2027-01-01T12:00:00Z";
    read_scopes(rest, scopes);
    if (scopes[0] == '\0')
        return "it needs a scope after the expiry";
    if (token_list_find(list, e.hash) != NULL)
        return "this token is in the file already";
    if (list->n == TOKEN_LIST_MAX)
        return "there are too many tokens";
    e.identity = identity_new(bytes_of_text(name), bytes_of_text(scopes), expires_s);
    if (e.identity == NULL)
        return "out of memory";
    list->entries[list->n++] = e;
    return NULL;
}

/* --- The file ----------------------------------------------------------------------- */

static const char *copy_and_read(struct token_list *list, const char *text, size_t len)
{
    char line[LINE_MAX_BYTES];
    if (len >= sizeof line)
        return "it is too long";
    if (memchr(text, '\0', len) != NULL)
        return "it has a NUL";
    memcpy(line, text, len);
    line[len] = '\0';
    return read_line(list, line);
}

int token_list_parse(struct token_list **ret, struct bytes text, char error[TOKEN_LIST_ERROR])
{
    struct token_list *list = calloc(1, sizeof *list);
    if (list == NULL)
        return ENOMEM;
    const char *p = (const char *)text.data, *end = p + text.len;
    for (unsigned number = 1; p < end; number++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *line_end = newline != NULL ? newline : end;
        const char *wrong = copy_and_read(list, p, (size_t)(line_end - p));
        if (wrong != NULL) {
            snprintf(error, TOKEN_LIST_ERROR, "line %u: %s", number, wrong);
            token_list_free(list);
            return EINVAL;
        }
        p = line_end + 1;
    }
    *ret = list;
    return 0;
}

struct identity *token_list_find(const struct token_list *list,
                                 const uint8_t hash[TOKEN_HASH_BYTES])
{
    struct identity *found = NULL;
    for (size_t i = 0; i < list->n; i++)
        if (token_hash_equal(list->entries[i].hash, hash))
            found = list->entries[i].identity;
    return found;
}

void token_list_free(struct token_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n; i++)
        identity_unref(list->entries[i].identity);
    free(list);
}

/* Where a comment belongs is said by numbers: {4, 0, 2, 1} is the second field (2, 1) of the first
 * message (4, 0) of a file. They are field numbers of descriptor.proto, and how many such fields
 * stand before. */
#include "comments.h"

#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

/* Field numbers in descriptor.proto. */
enum { SET_FILE = 1, FILE_PACKAGE = 2, FILE_SOURCE_INFO = 9, SOURCE_LOCATION = 1 };
enum { LOCATION_PATH = 1, LOCATION_LEADING = 3, LOCATION_TRAILING };
enum { ANY_NAME = 1 }; /* of all that have one */

#define NAME_MAX_BYTES 512

struct comment {
    struct comment *next;
    struct bytes text;
    size_t name_len;
    char name[];
};

struct comments {
    struct comment *first;
};

/* --- Names -------------------------------------------------------------------------- */

/* The @nth of the fields with this @number. */
static bool nth_of(struct bytes message, uint32_t number, uint64_t nth, struct bytes *ret)
{
    struct wire_field f;
    while (wire_next(&message, &f))
        if (f.number == number && f.type == WIRE_BYTES && nth-- == 0) {
            *ret = f.bytes;
            return true;
        }
    return false;
}

static bool next_number(struct bytes *packed, uint64_t *ret)
{
    unsigned shift = 0;
    *ret = 0;
    while (packed->len > 0 && shift < 64) {
        const uint8_t byte = packed->data[0];
        *packed = bytes_of(packed->data + 1, packed->len - 1);
        *ret |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

static bool add_name(char *name, size_t *len, struct bytes more)
{
    const size_t dot = *len > 0 ? 1 : 0;
    if (more.len == 0 || *len + dot + more.len > NAME_MAX_BYTES)
        return more.len == 0 && *len == 0; /* a file without a package */
    if (dot > 0)
        name[(*len)++] = '.';
    memcpy(name + *len, more.data, more.len);
    *len += more.len;
    return true;
}

/* The full name of what @path means. false: it is nothing that has one. */
static bool name_of(struct bytes file, struct bytes path, char name[NAME_MAX_BYTES], size_t *ret)
{
    uint64_t number, nth;
    struct bytes at = file;
    size_t len = 0;
    bool any = false, named = add_name(name, &len, wire_find(file, FILE_PACKAGE));
    while (named && next_number(&path, &number)) {
        named = next_number(&path, &nth) && nth_of(at, (uint32_t)number, nth, &at) &&
                add_name(name, &len, wire_find(at, ANY_NAME));
        any = true;
    }
    *ret = len;
    return named && any && path.len == 0;
}

/* --- Making ------------------------------------------------------------------------- */

static bool keep(struct comments *c, const char *name, size_t len, struct bytes text)
{
    struct comment *one = malloc(sizeof *one + len);
    if (one == NULL)
        return false;
    memcpy(one->name, name, len);
    one->name_len = len;
    one->text = text;
    one->next = c->first;
    c->first = one;
    return true;
}

static bool read_location(struct comments *c, struct bytes file, struct bytes location)
{
    char name[NAME_MAX_BYTES];
    size_t len;
    struct bytes text = wire_find(location, LOCATION_LEADING);
    if (text.len == 0)
        text = wire_find(location, LOCATION_TRAILING);
    if (text.len == 0 || !name_of(file, wire_find(location, LOCATION_PATH), name, &len))
        return true;
    return keep(c, name, len, text);
}

static bool read_file(struct comments *c, struct bytes file)
{
    struct bytes rest = wire_find(file, FILE_SOURCE_INFO);
    struct wire_field f;
    bool read = true;
    while (read && wire_next(&rest, &f))
        if (f.number == SOURCE_LOCATION && f.type == WIRE_BYTES)
            read = read_location(c, file, f.bytes);
    return read;
}

struct comments *comments_new(struct bytes set)
{
    struct comments *c = calloc(1, sizeof *c);
    struct wire_field f;
    bool read = c != NULL;
    while (read && wire_next(&set, &f))
        if (f.number == SET_FILE && f.type == WIRE_BYTES)
            read = read_file(c, f.bytes);
    if (read)
        return c;
    comments_free(c);
    return NULL;
}

void comments_free(struct comments *c)
{
    if (c == NULL)
        return;
    for (struct comment *one = c->first, *next; one != NULL; one = next) {
        next = one->next;
        free(one);
    }
    free(c);
}

/* --- Reading ------------------------------------------------------------------------ */

struct bytes comments_of(const struct comments *c, struct bytes full_name)
{
    for (const struct comment *one = c->first; one != NULL; one = one->next)
        if (bytes_equal(bytes_of(one->name, one->name_len), full_name))
            return one->text;
    return bytes_of(NULL, 0);
}

static struct bytes next_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    const size_t n = end != NULL ? (size_t)(end - rest->data) : rest->len;
    struct bytes line = bytes_of(rest->data, n);
    *rest = bytes_of(rest->data + n + (end != NULL), rest->len - n - (end != NULL));
    while (line.len > 0 && line.data[0] == ' ')
        line = bytes_of(line.data + 1, line.len - 1);
    while (line.len > 0 && line.data[line.len - 1] == ' ')
        line.len--;
    return line;
}

/* An empty line is the end of a paragraph. */
bool comments_append(struct buf *b, struct bytes comment)
{
    bool appended = true, ended = false;
    const size_t from = b->len;
    while (appended && comment.len > 0) {
        const struct bytes line = next_line(&comment);
        if (line.len == 0) {
            ended = true;
            continue;
        }
        if (b->len > from)
            appended = buf_append(b, ended ? bytes_of("\n\n", 2) : bytes_of(" ", 1));
        appended = appended && buf_append(b, line);
        ended = false;
    }
    return appended;
}

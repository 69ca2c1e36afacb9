#include "grpc_text.h"

#include <strings.h>

/* --- Timeouts ----------------------------------------------------------------------- */

#define TIMEOUT_MAX_DIGITS 8

/* A unit is so many milliseconds, or so many of it are one. */
struct unit {
    uint8_t name;
    uint64_t ms, per_ms;
};

static const struct unit units[] = {
    { 'H', 60 * 60 * 1000, 1 }, { 'M', 60 * 1000, 1 }, { 'S', 1000, 1 }, { 'm', 1, 1 },
    { 'u', 1, 1000 },           { 'n', 1, 1000000 },
};

static const struct unit *unit_of(uint8_t name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].name == name)
            return &units[i];
    return NULL;
}

bool grpc_timeout_parse(struct bytes value, uint64_t *ret_ms)
{
    if (value.len < 2 || value.len > TIMEOUT_MAX_DIGITS + 1)
        return false;
    const struct unit *unit = unit_of(value.data[value.len - 1]);
    if (unit == NULL)
        return false;
    uint64_t n = 0;
    for (size_t i = 0; i + 1 < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
        n = n * 10 + (value.data[i] - '0');
    }
    /* A nanosecond has passed before anybody can look; what is longer is rounded up,
     * so that a call has no less than it was given. */
    const uint64_t round_up = value.data[value.len - 1] == 'n' ? 0 : unit->per_ms - 1;
    *ret_ms = (n * unit->ms + round_up) / unit->per_ms;
    return true;
}

/* --- Names and lists ---------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct bytes trim(struct bytes b)
{
    for (; b.len > 0 && is_blank(b.data[0]); b.len--)
        b.data++;
    while (b.len > 0 && is_blank(b.data[b.len - 1]))
        b.len--;
    return b;
}

static bool begins_with(struct bytes value, const char *text)
{
    const size_t len = strlen(text);
    return value.len >= len && strncasecmp((const char *)value.data, text, len) == 0;
}

bool grpc_content_type(struct bytes value)
{
    static const char type[] = "application/grpc";
    if (!begins_with(value, type))
        return false;
    const struct bytes after =
        trim(bytes_of(value.data + sizeof type - 1, value.len - (sizeof type - 1)));
    if (after.len == 0 || after.data[0] == ';')
        return true;
    return value.data[sizeof type - 1] == '+';
}

bool grpc_list_next(struct bytes *rest, struct bytes *ret)
{
    if (rest->data == NULL)
        return false;
    const uint8_t *comma = rest->len > 0 ? memchr(rest->data, ',', rest->len) : NULL;
    const size_t len = comma != NULL ? (size_t)(comma - rest->data) : rest->len;
    *ret = trim(bytes_of(rest->data, len));
    *rest = comma != NULL ? bytes_of(comma + 1, rest->len - len - 1) : bytes_of(NULL, 0);
    return true;
}

/* --- Encodings ---------------------------------------------------------------------- */

enum grpc_encoding grpc_encoding_of(struct bytes name)
{
    static const char *const names[] = {
        [ENCODING_IDENTITY] = "identity",
        [ENCODING_GZIP] = "gzip",
        [ENCODING_DEFLATE] = "deflate",
    };
    for (int i = 0; i < ENCODING_UNKNOWN; i++)
        if (name.len == strlen(names[i]) && begins_with(name, names[i]))
            return (enum grpc_encoding)i;
    return ENCODING_UNKNOWN;
}

unsigned grpc_encodings_accepted(struct bytes list)
{
    unsigned set = 0;
    struct bytes name;
    while (grpc_list_next(&list, &name))
        set |= ENCODING_BIT(grpc_encoding_of(name));
    return set & (ENCODING_BIT(ENCODING_GZIP) | ENCODING_BIT(ENCODING_DEFLATE));
}

/* --- Messages ----------------------------------------------------------------------- */

static bool stays(uint8_t c)
{
    return c >= ' ' && c <= '~' && c != '%';
}

static bool continues_a_character(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

static size_t escape(char *to, uint8_t c)
{
    static const char hex[] = "0123456789ABCDEF";
    to[0] = '%';
    to[1] = hex[c >> 4];
    to[2] = hex[c & 15];
    return 3;
}

size_t percent_encode(char *to, size_t room, const char *message)
{
    size_t len = 0, whole = 0; /* written; of which whole characters */
    for (const uint8_t *p = (const uint8_t *)message; *p != '\0'; p++) {
        if (!continues_a_character(*p))
            whole = len;
        if (room - len < (stays(*p) ? 1 : 3))
            return whole;
        if (stays(*p))
            to[len++] = (char)*p;
        else
            len += escape(to + len, *p);
    }
    return len;
}

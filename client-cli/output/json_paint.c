#include "json_paint.h"

#include <string.h>

#include "text.h"

#define KEY     "\033[34;1m" /* blue */
#define STRING  "\033[32m"   /* green */
#define VALUE   "\033[36m"   /* cyan: numbers, true, false */
#define NOTHING "\033[2m"    /* faint: null */
#define PLAIN   "\033[0m"

struct painter {
    struct buf *b;
    const struct json_paint *how;
    const char *at, *end;
    int depth;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t spaces(const struct painter *p)
{
    const char *c = p->at;
    while (c < p->end && is_space(*c))
        c++;
    return (size_t)(c - p->at);
}

/* The string at @at with both of its quotes. */
static size_t string_length(const struct painter *p)
{
    const char *c = p->at + 1;
    while (c < p->end && *c != '"')
        c += *c == '\\' && p->end - c > 1 ? 2 : 1;
    return (size_t)(c - p->at) + (c < p->end);
}

static size_t word_length(const struct painter *p)
{
    const char *c = p->at;
    while (c < p->end && !is_space(*c) && strchr(",:[]{}\"", *c) == NULL)
        c++;
    return c > p->at ? (size_t)(c - p->at) : 1;
}

static bool put(struct painter *p, const char *text)
{
    return buf_append(p->b, bytes_of_text(text));
}

/* Takes @len bytes in this colour. */
static bool take(struct painter *p, size_t len, const char *colour)
{
    const bool colours = p->how->colours && *colour != '\0';
    const bool ok = put(p, colours ? colour : "") && buf_append(p->b, bytes_of(p->at, len)) &&
                    put(p, colours ? PLAIN : "");
    p->at += len;
    return ok;
}

static bool take_spaces(struct painter *p)
{
    const size_t n = spaces(p);
    if (p->how->indent == 0)
        return take(p, n, "");
    p->at += n;
    return true;
}

static bool new_line(struct painter *p)
{
    return p->how->indent == 0 || (put(p, "\n") && text_pad(p->b, p->how->indent * p->depth));
}

static bool take_string(struct painter *p)
{
    struct painter behind = *p;
    behind.at += string_length(p);
    behind.at += spaces(&behind);
    const bool key = behind.at < p->end && *behind.at == ':';
    return take(p, string_length(p), key ? KEY : STRING);
}

static bool take_word(struct painter *p)
{
    return take(p, word_length(p), *p->at == 'n' ? NOTHING : VALUE);
}

static bool take_open(struct painter *p)
{
    if (!take(p, 1, ""))
        return false;
    p->depth++;
    const size_t n = spaces(p);
    const char *next = p->at + n;
    if (next < p->end && (*next == '}' || *next == ']')) { /* {} */
        p->at = p->how->indent == 0 ? p->at : next;
        p->depth--;
        return take_spaces(p) && take(p, 1, "");
    }
    return new_line(p);
}

static bool take_close(struct painter *p)
{
    p->depth--;
    return new_line(p) && take(p, 1, "");
}

static bool take_one(struct painter *p)
{
    switch (*p->at) {
    case '"':
        return take_string(p);
    case '{':
    case '[':
        return take_open(p);
    case '}':
    case ']':
        return take_close(p);
    case ',':
        return take(p, 1, "") && new_line(p);
    case ':':
        return take(p, 1, "") && (p->how->indent == 0 || put(p, " "));
    default:
        return take_word(p);
    }
}

bool json_paint(struct buf *b, struct bytes json, const struct json_paint *paint)
{
    const char *text = (const char *)json.data;
    const bool line = json.len > 0 && text[json.len - 1] == '\n';
    struct painter p = { b, paint, text, text + json.len - line, paint->depth };
    bool ok = text_pad(b, paint->indent * paint->depth);
    while (ok && (ok = take_spaces(&p)) && p.at < p.end)
        ok = take_one(&p);
    return ok && (!line || put(&p, "\n"));
}

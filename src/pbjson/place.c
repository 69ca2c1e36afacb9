#include "place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "pbjson.h"

#define MAX_PATH_BYTES 120

struct path {
    char text[MAX_PATH_BYTES];
    size_t len;
    bool cut;
};

static void add(struct path *p, const char *text, size_t len)
{
    if (len > sizeof p->text - p->len)
        p->cut = true;
    for (size_t i = 0; i < len && !p->cut; i++)
        p->text[p->len++] = text[i];
}

static void add_place(struct path *p, const struct place *at)
{
    char index[24];
    if (at->up != NULL)
        add_place(p, at->up);
    const char *name = (const char *)at->name.data;
    switch (at->kind) {
    case PLACE_FIELD:
        add(p, ".", p->len > 0);
        add(p, name, at->name.len);
        break;
    case PLACE_INDEX:
        add(p, index, (size_t)snprintf(index, sizeof index, "[%zu]", at->index));
        break;
    case PLACE_KEY:
        add(p, "[\"", 2);
        add(p, name, at->name.len);
        add(p, "\"]", 2);
        break;
    }
}

/* What a terminal would obey, and what is no ASCII, which may be cut in the middle. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

int place_refuse(char *to, const struct place *at, const char *format, ...)
{
    struct path p = { .len = 0 };
    if (at != NULL)
        add_place(&p, at);
    const int n = p.len > 0 ? snprintf(to, PBJSON_ERROR_BYTES, "%.*s%s: ", (int)p.len, p.text,
                                       p.cut ? "..." : "")
                            : 0;
    va_list args;
    va_start(args, format);
    vsnprintf(to + n, PBJSON_ERROR_BYTES - (size_t)n, format, args);
    va_end(args);
    make_plain(to);
    return EINVAL;
}

const char *place_quote(char room[PLACE_QUOTE_BYTES], struct bytes text)
{
    const size_t most = PLACE_QUOTE_BYTES - 6; /* two quotes, three dots, NUL */
    const bool cut = text.len > most;
    snprintf(room, PLACE_QUOTE_BYTES, "\"%.*s%s\"", (int)(cut ? most : text.len),
             text.len > 0 ? (const char *)text.data : "", cut ? "..." : "");
    return room;
}

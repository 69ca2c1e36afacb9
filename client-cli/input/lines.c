#include "lines.h"

#include <stdlib.h>
#include <string.h>

#define READ_BYTES ((size_t)64 * 1024)

void lines_init(struct lines *l, size_t max_bytes)
{
    *l = (struct lines){ .max_bytes = max_bytes };
}

void lines_close(struct lines *l)
{
    free(l->data);
    l->data = NULL;
}

static void move_to_front(struct lines *l)
{
    memmove(l->data, l->data + l->start, l->end - l->start);
    l->end -= l->start;
    l->start = 0;
}

char *lines_room(struct lines *l, size_t *ret_size)
{
    if (l->start > 0)
        move_to_front(l);
    if (l->cap - l->end < READ_BYTES + 1) { /* one more for the NUL of a last line */
        size_t cap = l->cap > 0 ? 2 * l->cap : 2 * READ_BYTES;
        char *data = realloc(l->data, cap);
        if (data == NULL)
            return NULL;
        l->data = data;
        l->cap = cap;
    }
    *ret_size = l->cap - l->end - 1;
    return l->data + l->end;
}

void lines_added(struct lines *l, size_t n)
{
    l->end += n;
}

void lines_end(struct lines *l)
{
    l->ended = true;
}

/* Takes @len bytes and the newline behind them, if there is one. */
static char *take(struct lines *l, size_t len, bool newline)
{
    char *line = l->data + l->start;
    l->start += len + newline;
    l->searched = 0;
    line[len] = '\0';
    return line;
}

static enum line_result no_newline(struct lines *l, char **ret_line, size_t *ret_len)
{
    size_t len = l->end - l->start;
    l->searched = len;
    if (l->skipping || len > l->max_bytes + 1) { /* one more: it could be a \r */
        bool reported = l->skipping;
        l->skipping = true;
        l->start = l->end;
        l->searched = 0;
        if (reported)
            return LINE_NONE;
        l->number++;
        return LINE_TOO_LONG;
    }
    if (!l->ended || len == 0)
        return LINE_NONE;
    l->number++;
    *ret_line = take(l, len, false);
    *ret_len = len;
    return len > l->max_bytes ? LINE_TOO_LONG : LINE_OK;
}

enum line_result lines_next(struct lines *l, char **ret_line, size_t *ret_len)
{
    for (;;) {
        if (l->start == l->end)
            return LINE_NONE;
        char *from = l->data + l->start + l->searched;
        char *newline = memchr(from, '\n', l->end - l->start - l->searched);
        if (newline == NULL)
            return no_newline(l, ret_line, ret_len);
        size_t len = (size_t)(newline - (l->data + l->start));
        char *line = take(l, len, true);
        if (l->skipping) { /* the end of the line that was too long */
            l->skipping = false;
            continue;
        }
        l->number++;
        if (len > 0 && line[len - 1] == '\r')
            line[--len] = '\0';
        *ret_line = line;
        *ret_len = len;
        return len > l->max_bytes ? LINE_TOO_LONG : LINE_OK;
    }
}

size_t lines_take(struct lines *l, const char **ret_text)
{
    const size_t len = l->end - l->start;
    *ret_text = l->data + l->start;
    l->start = l->end;
    l->searched = 0;
    return len;
}

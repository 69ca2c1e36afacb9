#include "gather.h"

#include <stdlib.h>

#define MIN_KEPT_BYTES 512

static void give_back(struct gather *g)
{
    free(g->kept);
    g->kept = NULL;
    g->len = g->cap = 0;
    g->delivered = false;
}

/* As much as has come, at most doubled: nobody knows how much will. */
static enum deframe keep(struct gather *g, struct bytes more, size_t max_bytes)
{
    if (more.len > max_bytes || g->len > max_bytes - more.len)
        return DEFRAME_TOO_LARGE;
    if (g->cap - g->len < more.len) {
        size_t cap = g->cap == 0 ? MIN_KEPT_BYTES : 2 * g->cap;
        if (cap < g->len + more.len)
            cap = g->len + more.len;
        uint8_t *kept = realloc(g->kept, cap);
        if (kept == NULL)
            return DEFRAME_NOMEM;
        g->kept = kept;
        g->cap = cap;
    }
    if (more.len > 0)
        memcpy(g->kept + g->len, more.data, more.len);
    g->len += more.len;
    return DEFRAME_MORE;
}

/* What is kept and @last behind it; where nothing is kept, @last where it lies. */
static enum deframe hand_on(struct gather *g, struct bytes last, size_t max_bytes,
                            struct bytes *ret)
{
    *ret = last;
    if (g->len == 0)
        return last.len > max_bytes ? DEFRAME_TOO_LARGE : DEFRAME_MESSAGE;
    const enum deframe result = keep(g, last, max_bytes);
    if (result != DEFRAME_MORE)
        return result;
    *ret = bytes_of(g->kept, g->len);
    g->delivered = true;
    return DEFRAME_MESSAGE;
}

static struct bytes take(struct bytes *input, size_t n)
{
    const struct bytes taken = bytes_of(input->data, n);
    *input = bytes_of(n > 0 ? input->data + n : input->data, input->len - n);
    return taken;
}

enum deframe gather_whole(struct gather *g, struct bytes *input, bool ended, size_t max_bytes,
                          struct bytes *ret)
{
    if (g->delivered)
        give_back(g);
    const struct bytes all = take(input, input->len);
    if (!ended)
        return keep(g, all, max_bytes);
    if (g->over)
        return DEFRAME_MORE;
    g->over = true;
    return hand_on(g, all, max_bytes, ret);
}

static bool is_blank(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    return true;
}

/* The next line, blank or not. */
static enum deframe next_line(struct gather *g, struct bytes *input, bool ended, size_t max_bytes,
                              struct bytes *ret)
{
    if (g->delivered)
        give_back(g);
    const uint8_t *end = input->len > 0 ? memchr(input->data, '\n', input->len) : NULL;
    if (end != NULL) {
        const struct bytes line = take(input, (size_t)(end - input->data));
        take(input, 1);
        return hand_on(g, line, max_bytes, ret);
    }
    const struct bytes rest = take(input, input->len);
    if (ended && (rest.len > 0 || g->len > 0))
        return hand_on(g, rest, max_bytes, ret);
    return keep(g, rest, max_bytes);
}

enum deframe gather_line(struct gather *g, struct bytes *input, bool ended, size_t max_bytes,
                         struct bytes *ret)
{
    enum deframe result;
    do
        result = next_line(g, input, ended, max_bytes, ret);
    while (result == DEFRAME_MESSAGE && is_blank(*ret));
    return result;
}

bool gather_is_between(const struct gather *g)
{
    return g->len == 0 || g->delivered;
}

void gather_clear(struct gather *g)
{
    give_back(g);
}

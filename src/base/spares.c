#include "spares.h"

#include <stdlib.h>
#include <string.h>

struct spare {
    struct spare *next;
};

#ifndef __has_feature
#define __has_feature(name) 0
#endif

/* The first is gcc's, the second clang's. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SPARES_MAX 0
#else
#define SPARES_MAX 32
#endif

static void *take_first(struct spares *s)
{
    struct spare *one = s->first;
    s->first = one->next;
    s->n--;
    return one;
}

void *spares_take(struct spares *s, size_t size)
{
    void *block = s->n > 0 ? take_first(s) : malloc(size);
    return block != NULL ? memset(block, 0, size) : NULL;
}

void spares_give(struct spares *s, void *block)
{
    struct spare *one = block;
    if (s->n >= SPARES_MAX) {
        free(one);
        return;
    }
    one->next = s->first;
    s->first = one;
    s->n++;
}

void spares_clear(struct spares *s)
{
    while (s->n > 0)
        free(take_first(s));
}

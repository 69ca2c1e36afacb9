#include "http_session_heap.h"

#include <malloc.h>
#include <stdlib.h>

static void *taken(size_t *held, void *p)
{
    *held += malloc_usable_size(p); /* of NULL: 0 */
    return p;
}

static void *take(size_t size, void *held)
{
    return taken(held, malloc(size));
}

static void *take_zeroed(size_t n, size_t size, void *held)
{
    return taken(held, calloc(n, size));
}

static void *change(void *p, size_t size, void *held)
{
    const size_t before = malloc_usable_size(p);
    void *moved = realloc(p, size);
    if (moved != NULL)
        *(size_t *)held -= before;
    return taken(held, moved);
}

static void give_back(void *p, void *held)
{
    *(size_t *)held -= malloc_usable_size(p);
    free(p);
}

nghttp2_mem session_heap(size_t *held)
{
    return (nghttp2_mem){
        .mem_user_data = held,
        .malloc = take,
        .free = give_back,
        .calloc = take_zeroed,
        .realloc = change,
    };
}

#include "changes.h"

#include <stdlib.h>
#include <string.h>

struct changes *changes_ref(struct changes *c)
{
    if (c != NULL)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void changes_unref(struct changes *c)
{
    if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        free(c);
}

static bool is_changed(const struct write_record *r)
{
    return r->result == WRITE_NEW || r->result == WRITE_UPDATED;
}

static void fill(struct changes *c, const struct write_batch *batch)
{
    uint8_t *to = (uint8_t *)&c->ids[c->n];
    size_t n = 0;
    for (size_t i = 0; i < batch->nrecords; i++) {
        const struct write_record *r = &batch->records[i];
        if (!is_changed(r))
            continue;
        memcpy(to, r->id.data, r->id.len);
        c->ids[n++] = bytes_of(to, r->id.len);
        to += r->id.len;
    }
}

struct changes *changes_new(const struct write_batch *batch)
{
    size_t n = 0, bytes = 0;
    for (size_t i = 0; i < batch->nrecords; i++) {
        if (!is_changed(&batch->records[i]))
            continue;
        n++;
        bytes += batch->records[i].id.len;
    }
    if (n > CHANGES_MAX)
        return NULL;
    struct changes *c = malloc(sizeof *c + n * sizeof *c->ids + bytes);
    if (c == NULL)
        return NULL;
    atomic_init(&c->refs, 1);
    c->n = n;
    fill(c, batch);
    return c;
}

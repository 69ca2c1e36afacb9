#include "get_record.h"

#include "base/container.h"
#include "store_status.h"

static void fail_unreadable(struct record_get *g, const char *error)
{
    const struct status why = status_of_store(g->reader, error);
    stream_finish(g->stream, &why);
}

static void on_fetched(struct store_fetch *fetch)
{
    get_record(container_of(fetch, struct record_get, fetch));
}

static void read_record(struct record_get *g)
{
    struct bytes record;
    const int found = reader_get(g->reader, bytes_of_text(g->id), &record);
    if (found > 0)
        g->kind->found(g->stream, record);
    else if (found == 0)
        stream_fail_because(g->stream, STATUS_NOT_FOUND, g->kind->reason, "there is no %s %s",
                            g->kind->name, g->id);
    else
        fail_unreadable(g, reader_error(g->reader));
}

void get_record(struct record_get *g)
{
    char error[STORE_ERROR_MAX];
    const struct bytes id = bytes_of_text(g->id);
    const struct store_need need = { .kind = NEED_IDS, .ids = &id, .nids = 1 };
    if (reader_begin(g->reader, error) != 0) {
        fail_unreadable(g, error);
        return;
    }
    g->fetch.ready = on_fetched;
    const int rv = reader_need(g->reader, &g->fetch, &need);
    if (rv > 0)
        read_record(g);
    else if (rv < 0)
        fail_unreadable(g, reader_error(g->reader));
    reader_end(g->reader);
}

void get_record_close(struct record_get *g)
{
    store_fetch_drop(&g->fetch);
}

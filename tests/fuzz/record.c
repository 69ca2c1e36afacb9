/* Stored records, which a damaged disk can make anything of: listings with
 * them end, filtered or not; and an answer can be read if its record can. */
#include <stdlib.h>

#include "fuzz.h"
#include "lib/listing_calls.h"

static struct post_world g_world;
static bool g_imported;

static void open_world(void)
{
    static bool open;
    if (open)
        return;
    open = true;
    post_world_open(&g_world);
}

static void on_imported(struct write_batch *batch)
{
    cr_assert(batch->error[0] == '\0');
    g_imported = true;
}

static void store(struct bytes value)
{
    struct write_record record = { bytes_of_text("u1"), bytes_of_text("p"), value, WRITE_PUT,
                                   WRITE_NEW };
    struct write_batch batch = {
        .records = &record, .nrecords = 1, .loop = g_world.loop, .done = on_imported
    };
    g_imported = false;
    store_write(g_world.env.store, &batch);
    POST_UNTIL(&g_world, g_imported);
}

static bool is_readable(const ProtobufCMessageDescriptor *type, struct bytes bytes)
{
    ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, bytes.len, bytes.data);
    protobuf_c_message_free_unpacked(m, NULL);
    return m != NULL;
}

static void list(enum shape shape, struct ask ask, bool readable)
{
    struct fake_stream *f = listing_start(&g_world, shape, &ask, 1);
    POST_UNTIL(&g_world, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK);
    for (size_t i = 0; readable && i < f->sent.n; i++)
        cr_assert(
            is_readable(&v1__post__list_posts_response__descriptor, fake_stream_sent(f, i)->bytes));
    fake_stream_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes record = bytes_of(data, size);
    const bool readable = is_readable(&v1__post__post_message__descriptor, record);
    open_world();
    store(record);
    list(UNARY, (struct ask){ .user = NULL }, readable);
    list(SERVER_STREAM, (struct ask){ .user = "u1", .tag = "even" }, readable);
    return 0;
}

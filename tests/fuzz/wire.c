/* Protobuf's wire format, as requests are checked and stored records are read:
 * the texts of what protobuf-c decodes are text if ours says so. */
#include <stdlib.h>

#include "base/utf8.h"
#include "base/wire.h"
#include "fuzz.h"
#include "v1/post/post.pb-c.h"
#include "v1/user/user.pb-c.h"

static const ProtobufCMessageDescriptor *const types[] = {
    &v1__post__post_message__descriptor,
    &v1__post__import_posts_request__descriptor,
    &v1__post__list_posts_response__descriptor,
    &v1__user__resolve_users_response__descriptor,
};

/* Every field lies within the message. */
static void walk(struct bytes message)
{
    struct wire_field f;
    const struct bytes whole = message;
    while (wire_next(&message, &f))
        if (f.type == WIRE_BYTES)
            cr_assert(f.bytes.len == 0 || (f.bytes.data >= whole.data &&
                                           f.bytes.data + f.bytes.len <= whole.data + whole.len));
}

static void check_texts(const V1__Post__PostMessage *post)
{
    const char *const texts[] = { post->post_id, post->author, post->title, post->body };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert(utf8_valid(bytes_of_text(texts[i])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    const ProtobufCMessageDescriptor *type = types[fuzz_byte(&in) % 4];
    walk(in);
    for (uint32_t number = 1; number < 8; number++)
        wire_find(in, number);
    ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, in.len, in.data);
    if (m == NULL)
        return 0;
    if (wire_bad_text(type, in) == NULL && type == types[0])
        check_texts((const V1__Post__PostMessage *)m);
    protobuf_c_message_free_unpacked(m, NULL);
    return 0;
}

/* Responses put together from bytes, read back with protobuf-c. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/leaks.h"
#include "streams/answer.h"
#include "streams/wire_put.h"
#include "v1/post/post.pb-c.h"
#include "v1/user/user.pb-c.h"
#include "weir/stream.h"

static struct chunk chunk;
static struct draft draft;

static void fini(void)
{
    draft_clear(&draft);
    chunk_clear(&chunk);
    cr_assert(chunk_empty(&chunk));
    assert_no_leaks();
}

/* A stored record: a PostMessage without its author. */
static void put(const char *id, const char *body, const char *author)
{
    uint8_t record[4096];
    V1__Post__PostMessage m = V1__POST__POST_MESSAGE__INIT;
    m.post_id = (char *)id;
    m.body = (char *)body;
    const struct bytes packed = bytes_of(record, v1__post__post_message__pack(&m, record));
    cr_assert(draft_put_record(&draft, &chunk, packed, bytes_of_text(author)));
}

static void close_with(const struct trailer *t)
{
    cr_assert(draft_close(&draft, &chunk, t));
}

/* The message whose head is at *at, which becomes the next one's. */
static struct bytes take(size_t *at)
{
    cr_assert_leq(*at + STREAM_HEAD_BYTES, chunk.buf->len);
    const uint8_t *head = chunk.buf->data + *at;
    const size_t len =
        (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
    cr_assert_eq(head[0], 0);
    *at += STREAM_HEAD_BYTES + len;
    cr_assert_leq(*at, chunk.buf->len);
    return bytes_of(head + STREAM_HEAD_BYTES, len);
}

static struct bytes message_bytes(size_t i)
{
    cr_assert_lt(i, chunk.messages);
    size_t at = 0;
    while (i-- > 0)
        take(&at);
    return take(&at);
}

static V1__Post__ListPostsResponse *message(size_t i)
{
    const struct bytes b = message_bytes(i);
    V1__Post__ListPostsResponse *m = v1__post__list_posts_response__unpack(NULL, b.len, b.data);
    cr_assert_not_null(m, "message %zu", i);
    return m;
}

static void done(V1__Post__ListPostsResponse *m)
{
    v1__post__list_posts_response__free_unpacked(m, NULL);
}

Test(answer, holds_records_with_their_authors)
{
    put("p1", "first", "Henry");
    put("p2", "", "");
    put("p3", "third", "김철수");
    cr_assert_eq(draft.records, 3);
    close_with(&(struct trailer){ .token = bytes_of_text("abc"), .request_index = 5 });
    V1__Post__ListPostsResponse *m = message(0);
    cr_assert_eq(m->n_post_messages, 3);
    cr_assert_str_eq(m->post_messages[0]->post_id, "p1");
    cr_assert_str_eq(m->post_messages[0]->body, "first");
    cr_assert_str_eq(m->post_messages[0]->author, "Henry");
    cr_assert_str_empty(m->post_messages[1]->author);
    cr_assert_str_eq(m->post_messages[2]->author, "김철수");
    cr_assert_str_eq(m->next_page_token, "abc");
    cr_assert_eq(m->request_index, 5);
    cr_assert(!m->last);
    cr_assert_eq(m->total_size, 0);
    done(m);
    fini();
}

Test(answer, has_the_fields_after_the_records)
{
    const struct status missing = status_of(STATUS_NOT_FOUND, "there is no user x");
    const struct status bare = status_of(STATUS_INTERNAL, "%s", "");
    cr_assert(draft_put_unresolved(&draft, bytes_of_text("u1")));
    put("p1", "body", "");
    cr_assert(draft_put_unresolved(&draft, bytes_of_text("u2")));
    cr_assert(draft_put_error(&draft, 3, &missing));
    cr_assert(draft_put_error(&draft, 0, &bare));
    close_with(&(struct trailer){
        .request_index = INT32_MAX, .last = true, .total_size = UINT64_C(1) << 40 });
    V1__Post__ListPostsResponse *m = message(0);
    cr_assert_eq(m->n_post_messages, 1);
    cr_assert_eq(m->n_unresolved_user_ids, 2);
    cr_assert_str_eq(m->unresolved_user_ids[0], "u1");
    cr_assert_str_eq(m->unresolved_user_ids[1], "u2");
    cr_assert_eq(m->n_errors, 2);
    cr_assert_eq(m->errors[0]->request_index, 3);
    cr_assert_eq(m->errors[0]->code, STATUS_NOT_FOUND);
    cr_assert_str_eq(m->errors[0]->message, "there is no user x");
    cr_assert_eq(m->errors[1]->request_index, 0);
    cr_assert_eq(m->errors[1]->code, STATUS_INTERNAL);
    cr_assert_str_empty(m->errors[1]->message);
    cr_assert_eq(m->request_index, INT32_MAX);
    cr_assert(m->last);
    cr_assert_eq(m->total_size, INT64_C(1) << 40);
    cr_assert_str_empty(m->next_page_token);
    done(m);
    fini();
}

Test(answer, of_a_plain_kind_has_only_records_and_token)
{
    close_with(&(struct trailer){ .token = bytes_of_text("t"),
                                  .request_index = 9,
                                  .last = true,
                                  .total_size = 9,
                                  .plain = true });
    const struct bytes first = message_bytes(0);
    V1__User__ListUsersResponse *m =
        v1__user__list_users_response__unpack(NULL, first.len, first.data);
    cr_assert_not_null(m);
    cr_assert_str_eq(m->next_page_token, "t");
    cr_assert_eq(m->base.n_unknown_fields, 0);
    v1__user__list_users_response__free_unpacked(m, NULL);
    close_with(&(struct trailer){ .plain = true });
    cr_assert_eq(message_bytes(1).len, 0, "an empty listing is an empty message");
    fini();
}

Test(answer, says_nothing_of_the_message_before)
{
    const struct status status = status_of(STATUS_NOT_FOUND, "no");
    put("p1", "", "Henry");
    cr_assert(draft_put_unresolved(&draft, bytes_of_text("u1")));
    cr_assert(draft_put_error(&draft, 1, &status));
    close_with(&(struct trailer){ .last = true, .total_size = 8, .token = bytes_of_text("t") });
    cr_assert_eq(draft.records, 0);
    cr_assert_eq(draft_bytes(&draft, &chunk), 0);
    close_with(&(struct trailer){ 0 });
    V1__Post__ListPostsResponse *m = message(1);
    cr_assert_eq(m->n_post_messages + m->n_errors + m->n_unresolved_user_ids, 0);
    cr_assert(!m->last);
    cr_assert_str_empty(m->next_page_token);
    done(m);
    fini();
}

/* The buffer is made for nothing and grows under the messages. */
Test(answer, fits_many_messages_in_a_chunk)
{
    char id[24], body[300];
    memset(body, 'b', sizeof body);
    size_t from = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "p%d", i);
        body[i % 299] = '\0';
        put(id, body, "Henry");
        body[i % 299] = 'b';
        cr_assert_eq(draft_bytes(&draft, &chunk), chunk.buf->len - from - STREAM_HEAD_BYTES);
        close_with(&(struct trailer){ .request_index = i });
        cr_assert_eq(chunk.last_bytes, chunk.buf->len - from);
        from = chunk.buf->len;
    }
    cr_assert_eq(chunk.messages, 1000);
    cr_assert_eq(chunk.records, 1000);
    size_t at = 0;
    for (size_t i = 0; i < chunk.messages; i++) {
        take(&at);
        V1__Post__ListPostsResponse *m = message(i);
        snprintf(id, sizeof id, "p%zu", i);
        cr_assert_eq(m->n_post_messages, 1);
        cr_assert_str_eq(m->post_messages[0]->post_id, id);
        cr_assert_eq(strlen(m->post_messages[0]->body), i % 299);
        cr_assert_eq(m->request_index, (int32_t)i);
        done(m);
    }
    cr_assert_eq(at, chunk.buf->len);
    fini();
}

Test(answer, makes_the_buffer_as_large_as_expected)
{
    chunk.expect_bytes = 5000;
    put("p1", "", "");
    cr_assert_eq(chunk.buf->cap, 5000);
    fini();
}

Test(answer, counts_what_comes_after_the_records)
{
    cr_assert_eq(draft_bytes(&draft, &chunk), 0);
    cr_assert(draft_put_unresolved(&draft, bytes_of_text("u1")));
    cr_assert_eq(draft_bytes(&draft, &chunk), 4);
    put("p1", "", "");
    cr_assert_eq(draft_bytes(&draft, &chunk), 4 + 2 + 4);
    fini();
}

Test(wire_put, sizes_are_what_is_put)
{
    uint8_t room[32];
    for (int bit = 0; bit < 64; bit++) {
        for (int less = 0; less < 2; less++) {
            const uint64_t v = (UINT64_C(1) << bit) - (uint64_t)less;
            const size_t n = (size_t)(wire_put_varint(room, v) - room);
            cr_assert_eq(n, wire_put_varint_size(v));
            cr_assert_leq(n, WIRE_PUT_VARINT_MAX);
            uint8_t field[32];
            struct wire_field f;
            uint8_t *end = wire_put_varint(wire_put_key(field, 3, WIRE_VARINT), v);
            struct bytes rest = bytes_of(field, (size_t)(end - field));
            cr_assert(wire_next(&rest, &f) && f.number == 3 && f.varint == v && rest.len == 0);
        }
    }
    const size_t lengths[] = { 0, 1, 127, 128, 16383, 16384 };
    uint8_t *big = malloc(20000), *from = calloc(1, 20000);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const uint8_t *end = wire_put_bytes(big, 15, bytes_of(from, lengths[i]));
        cr_assert_eq((size_t)(end - big), wire_put_bytes_size(lengths[i]));
    }
    free(big);
    free(from);
}

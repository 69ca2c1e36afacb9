/* The import pipeline, on the rows of the User service and on one of posts. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/store_numbers.h"
#include "lib/user_world.h"
#include "post/post_check.h"
#include "store/lmdb/lmdb_internal.h"
#include "v1/post/post.pb-c.h"

static struct user_world w;

static void init(void)
{
    user_world_open(&w);
}

static void fini(void)
{
    user_world_close(&w);
}

TestSuite(import, .init = init, .fini = fini);

static V1__User__ImportUsersResponse *answer_of(struct fake_stream *f)
{
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK, "%s", f->status.message);
    cr_assert_eq(f->sent.n, 1);
    return (V1__User__ImportUsersResponse *)fake_stream_sent_message(
        f, 0, &v1__user__import_users_response__descriptor);
}

static void assert_counts(struct fake_stream *f, int64_t imported, int64_t updated,
                          int64_t unchanged, int64_t rejected)
{
    V1__User__ImportUsersResponse *m = answer_of(f);
    cr_assert_eq(m->imported, imported);
    cr_assert_eq(m->updated, updated);
    cr_assert_eq(m->unchanged, unchanged);
    cr_assert_eq(m->rejected, rejected);
    protobuf_c_message_free_unpacked(&m->base, NULL);
    fake_stream_free(f);
}

static uint64_t stored(void)
{
    char error[STORE_ERROR_MAX];
    cr_assert_eq(reader_begin(w.env->listing.reader, error), 0, "%s", error);
    uint64_t n = count_of(w.env->listing.reader);
    reader_end(w.env->listing.reader);
    return n;
}

/* While the test holds LMDB's write lock nothing is committed. */
static MDB_txn *hold_writer(struct store *store)
{
    MDB_txn *txn;
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(store)->env, NULL, 0, &txn), 0);
    return txn;
}

Test(import, counts_what_became_of_each)
{
    struct fake_stream *f = user_call(&w, "ImportUsers");
    user_push(f, "1", "Henry");
    user_push(f, "2", "Michael");
    user_push(f, "1", "Henry");
    user_push(f, "2", "Mike");
    fake_stream_end(f);
    assert_counts(f, 2, 1, 1, 0);
    cr_assert_eq(stored(), 2);
}

Test(import, of_nothing_is_fine)
{
    struct fake_stream *f = user_call(&w, "ImportUsers");
    fake_stream_end(f);
    assert_counts(f, 0, 0, 0, 0);
    f = user_call(&w, "ImportUsers");
    fake_stream_push(f, bytes_of("", 0));
    fake_stream_end(f);
    assert_counts(f, 0, 0, 0, 0);
}

Test(import, names_what_it_rejects)
{
    char name[1026], id[STORE_ID_MAX + 2];
    memset(name, 'n', sizeof name);
    name[1025] = '\0';
    memset(id, 'i', sizeof id);
    id[STORE_ID_MAX + 1] = '\0';
    struct fake_stream *f = user_call(&w, "ImportUsers");
    user_push(f, "1", "fine");
    user_push(f, "", "no id");
    user_push(f, id, "long id");
    user_push(f, "2", name);
    user_push(f, "3", "\xff");
    fake_stream_push(f, bytes_of("\x0a\x05\x0a\x03"
                                 "1\0x",
                                 7));
    name[1024] = '\0';
    user_push(f, "4", name);
    fake_stream_end(f);

    const char *reasons[] = { "user_id is empty", "user_id has 257", "name has 1025",
                              "name is not valid text", "user_id is not valid text" };
    V1__User__ImportUsersResponse *m = answer_of(f);
    cr_assert_eq(m->imported, 2);
    cr_assert_eq(m->rejected, 5);
    cr_assert_eq(m->n_errors, 5);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(m->errors[i]->request_index, i + 1);
        cr_assert_eq(m->errors[i]->code, STATUS_INVALID_ARGUMENT);
        cr_assert_neq(strstr(m->errors[i]->message, reasons[i]), NULL, "%s", m->errors[i]->message);
    }
    protobuf_c_message_free_unpacked(&m->base, NULL);
    fake_stream_free(f);
}

Test(import, stores_what_another_encoding_says_the_same_way)
{
    struct fake_stream *f = user_call(&w, "ImportUsers");
    user_push(f, "1", "H");
    /* name before id, an age of 0 spelled out, and a field of another edition */
    fake_stream_push(f, bytes_of("\x0a\x0b\x12\x01H\x0a\x01"
                                 "1\x20\x00\x72\x01x",
                                 13));
    fake_stream_end(f);
    assert_counts(f, 1, 0, 1, 0);
}

Test(import, undecodable_bytes_end_the_call)
{
    struct fake_stream *f = user_call(&w, "ImportUsers");
    fake_stream_push(f, bytes_of("\x0a\xff", 2));
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_INVALID_ARGUMENT);
    cr_assert_neq(strstr(f->status.message, "ImportUsersRequest"), NULL);
    fake_stream_free(f);
}

Test(import, reads_no_more_than_the_writer_takes)
{
    MDB_txn *txn = hold_writer(w.service.store);
    struct fake_stream *f = user_call(&w, "ImportUsers");
    enum { MESSAGES = 2 * WRITING_BATCHES };
    char ids[MESSAGES][16];
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        user_push(f, ids[i], "x");
    }
    fake_stream_end(f);
    loop_turns(w.loop, 2 * MESSAGES);
    cr_assert_eq(f->reads, WRITING_BATCHES);
    cr_assert_eq(f->sent.n, 0, "nothing is answered before it is durable");
    mdb_txn_abort(txn);
    assert_counts(f, MESSAGES, 0, 0, 0);
    cr_assert_eq(stored(), MESSAGES);
}

Test(import, what_is_under_way_is_finished_without_its_client)
{
    MDB_txn *txn = hold_writer(w.service.store);
    struct fake_stream *f = user_call(&w, "ImportUsers");
    user_push(f, "1", "Henry");
    user_push(f, "2", "Michael");
    loop_turns(w.loop, 20);
    cr_assert_eq(f->reads, 3);
    user_hang_up(&w, f);
    mdb_txn_abort(txn);
    LOOP_UNTIL(w.loop, stored() == 2);
}

static rlim_t limit_file(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return before;
}

Test(import, a_full_disk_ends_the_call)
{
    user_import(&w, "0", "before");
    rlim_t before = limit_file(1 << 16);
    struct fake_stream *f = user_call(&w, "ImportUsers");
    char name[1001], ids[400][16];
    memset(name, 'n', 1000);
    name[1000] = '\0';
    for (int i = 0; i < 400; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        user_push(f, ids[i], name);
    }
    LOOP_UNTIL(w.loop, f->closed);
    limit_file(before);
    cr_assert_eq(f->status.code, STATUS_RESOURCE_EXHAUSTED, "%s", f->status.message);
    cr_assert_neq(strstr(f->status.message, w.dir), NULL, "%s", f->status.message);
    fake_stream_free(f);
    user_import(&w, "1", "after");
}

/* --- Posts, and what holds for all rows --------------------------------------------- */

static struct store *posts;

static struct store *posts_of(struct loop *loop)
{
    (void)loop;
    return posts;
}

static const struct import_kind posts_kind = {
    "post_id", "user", post_check, posts_of, NULL, NULL,
};
static const struct stream_handler posts_handler =
    IMPORT_HANDLER(&v1__post__import_posts_request__descriptor);
static const struct method posts_method = { "/ImportPosts", MANY,        ONE,
                                            &posts_handler, &posts_kind, NULL };

static void push_post(struct fake_stream *f, const char *id, const char *user, const char *author)
{
    V1__Post__ImportPostsRequest request = V1__POST__IMPORT_POSTS_REQUEST__INIT;
    V1__Post__PostMessage post = V1__POST__POST_MESSAGE__INIT, *list = &post;
    post.post_id = (char *)id;
    post.user_id = (char *)user;
    post.author = (char *)author;
    request.n_post_messages = 1;
    request.post_messages = &list;
    fake_stream_push_message(f, &request.base);
}

Test(import, a_post_stays_with_its_user)
{
    char error[STORE_ERROR_MAX], *dir = tmpdir_path(w.dir, "posts");
    cr_assert_eq(store_open(&posts, dir, "posts", NULL, error), 0, "%s", error);
    struct fake_stream *f = fake_stream_open(w.loop, &posts_method);
    push_post(f, "1", "a", "Henry");
    push_post(f, "1", "a", "is ignored");
    push_post(f, "1", "b", "");
    push_post(f, "", "b", "");
    fake_stream_end(f);
    V1__User__ImportUsersResponse *m = answer_of(f);
    cr_assert_eq(m->imported, 1);
    cr_assert_eq(m->unchanged, 1);
    cr_assert_eq(m->rejected, 2);
    cr_assert_eq(m->errors[0]->request_index, 2);
    cr_assert_eq(m->errors[0]->code, STATUS_ALREADY_EXISTS);
    cr_assert_str_eq(m->errors[0]->message, "post_id 1 belongs to another user");
    cr_assert_eq(m->errors[1]->request_index, 3);
    protobuf_c_message_free_unpacked(&m->base, NULL);
    fake_stream_free(f);

    struct reader *reader;
    struct bytes value;
    cr_assert_eq(reader_new(&reader, posts, w.loop, error), 0, "%s", error);
    cr_assert_eq(reader_begin(reader, error), 0);
    cr_assert_eq(reader_get(reader, bytes_of("1", 1), &value), 1);
    cr_assert(bytes_equal(value, bytes_of("\x0a\x01"
                                          "1\x32\x01"
                                          "a",
                                          6)),
              "no author");
    reader_end(reader);
    reader_free(reader);
    store_close(posts);
    free(dir);
}

/* Fields are in the order of their numbers. @a may have more: what only imports of posts say. */
static void assert_same_fields(const ProtobufCMessageDescriptor *a,
                               const ProtobufCMessageDescriptor *b)
{
    cr_assert_geq(a->n_fields, b->n_fields);
    for (unsigned i = 0; i < b->n_fields; i++) {
        cr_assert_eq(a->fields[i].id, b->fields[i].id);
        cr_assert_eq(a->fields[i].type, b->fields[i].type);
        cr_assert_eq(a->fields[i].label, b->fields[i].label);
        cr_assert_str_eq(a->fields[i].name, b->fields[i].name);
        if (a->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            assert_same_fields(a->fields[i].descriptor, b->fields[i].descriptor);
    }
}

Test(import, all_responses_have_the_same_fields)
{
    assert_same_fields(&v1__post__import_posts_response__descriptor,
                       &v1__user__import_users_response__descriptor);
}

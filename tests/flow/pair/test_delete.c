/* Deletions, on the row of the User service; that posts are deleted alike is a matter of
 * the table. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/user_world.h"
#include "store/lmdb/lmdb_internal.h"
#include "streams/delete.h"
#include "v1/post/post.pb-c.h"

static struct user_world w;

static void init(void)
{
    user_world_open(&w);
    user_import(&w, "1", "Henry");
    user_import(&w, "2", "Michael");
    user_import(&w, "3", "Claire");
}

static void fini(void)
{
    user_world_close(&w);
}

TestSuite(delete, .init = init, .fini = fini);

static void push_ids(struct fake_stream *f, char *const *ids, size_t n)
{
    V1__User__DeleteUsersRequest request = V1__USER__DELETE_USERS_REQUEST__INIT;
    request.user_ids = (char **)(uintptr_t)ids;
    request.n_user_ids = n;
    fake_stream_push_message(f, &request.base);
}

static void push(struct fake_stream *f, const char *a, const char *b)
{
    char *ids[] = { (char *)(uintptr_t)a, (char *)(uintptr_t)b };
    push_ids(f, ids, b != NULL ? 2 : 1);
}

static void push_many(struct fake_stream *f, size_t n, const char *id)
{
    char **ids = calloc(n, sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = (char *)(uintptr_t)id;
    push_ids(f, ids, n);
    free(ids);
}

static void assert_counts(struct fake_stream *f, int64_t deleted, int64_t missing)
{
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK, "%s", f->status.message);
    cr_assert_eq(f->sent.n, 1);
    V1__User__DeleteUsersResponse *m = (V1__User__DeleteUsersResponse *)fake_stream_sent_message(
        f, 0, &v1__user__delete_users_response__descriptor);
    cr_assert_eq(m->deleted, deleted);
    cr_assert_eq(m->missing, missing);
    protobuf_c_message_free_unpacked(&m->base, NULL);
    fake_stream_free(f);
}

/* The ids that are there, of "1" to "3". */
static const char *stored(void)
{
    static char text[8];
    char error[STORE_ERROR_MAX], *to = text;
    struct bytes value;
    cr_assert_eq(reader_begin(w.env->listing.reader, error), 0, "%s", error);
    for (char id = '1'; id <= '3'; id++)
        if (reader_get(w.env->listing.reader, bytes_of(&id, 1), &value) == 1)
            *to++ = id;
    *to = '\0';
    reader_end(w.env->listing.reader);
    return text;
}

/* While the test holds LMDB's write lock nothing is committed. */
static MDB_txn *hold_writer(void)
{
    MDB_txn *txn;
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(w.service.store)->env, NULL, 0, &txn), 0);
    return txn;
}

Test(delete, counts_what_was_there_and_what_was_not)
{
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    push(f, "1", "nobody");
    push(f, "3", "1");
    fake_stream_end(f);
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->s.in.records, 4);
    assert_counts(f, 2, 2);
    cr_assert_str_eq(stored(), "2");
}

Test(delete, an_id_twice_in_a_request_is_missing_the_second_time)
{
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    push(f, "2", "2");
    fake_stream_end(f);
    assert_counts(f, 1, 1);
}

Test(delete, again_changes_nothing)
{
    for (int i = 0; i < 2; i++) {
        struct fake_stream *f = user_call(&w, "DeleteUsers");
        push(f, "1", "2");
        fake_stream_end(f);
        assert_counts(f, i == 0 ? 2 : 0, i == 0 ? 0 : 2);
        cr_assert_str_eq(stored(), "3");
    }
}

Test(delete, of_nothing_is_fine)
{
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    fake_stream_end(f);
    assert_counts(f, 0, 0);
    f = user_call(&w, "DeleteUsers");
    fake_stream_push(f, bytes_of("", 0));
    fake_stream_end(f);
    assert_counts(f, 0, 0);
    cr_assert_str_eq(stored(), "123");
}

static void assert_refused(struct fake_stream *f, const char *reason, const char *message)
{
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_INVALID_ARGUMENT, "%s", f->status.message);
    cr_assert_str_eq(f->status.field, "user_ids");
    cr_assert_str_eq(f->status.reason, reason);
    cr_assert_str_eq(f->status.message, message);
    cr_assert_eq(f->sent.n, 0);
    fake_stream_free(f);
}

Test(delete, what_cannot_be_an_id_ends_the_call_and_its_request_does_nothing)
{
    char long_id[STORE_ID_MAX + 2];
    memset(long_id, 'i', sizeof long_id);
    long_id[STORE_ID_MAX + 1] = '\0';
    const struct {
        const char *id, *reason, *message;
    } rows[] = {
        { "", "FIELD_EMPTY", "one of user_ids is empty" },
        { long_id, "FIELD_TOO_LONG", "one of user_ids has 257 bytes, and at most 256 are allowed" },
        { "\xff", "FIELD_NOT_TEXT", "one of user_ids is not valid text: UTF-8 without NUL" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake_stream *f = user_call(&w, "DeleteUsers");
        push(f, "1", rows[i].id);
        assert_refused(f, rows[i].reason, rows[i].message);
        cr_assert_str_eq(stored(), "123");
    }
    long_id[STORE_ID_MAX] = '\0';
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    push(f, "1", long_id);
    fake_stream_end(f);
    assert_counts(f, 1, 1);
}

/* "1" with a NUL behind it is not "1". */
Test(delete, a_nul_is_no_end_of_an_id)
{
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    fake_stream_push(f, bytes_of("\x0a\x02"
                                 "1\0",
                                 4));
    assert_refused(f, "FIELD_NOT_TEXT", "one of user_ids is not valid text: UTF-8 without NUL");
    cr_assert_str_eq(stored(), "123");
}

Test(delete, what_requests_before_a_wrong_one_asked_for_is_done)
{
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    push(f, "1", NULL);
    push(f, "2", "");
    push(f, "3", NULL);
    assert_refused(f, "FIELD_EMPTY", "one of user_ids is empty");
    LOOP_UNTIL(w.loop, strcmp(stored(), "23") == 0);
}

Test(delete, a_request_has_a_limit)
{
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    push_many(f, DELETE_IDS_MAX + 1, "1");
    assert_refused(f, "TOO_MANY", "10001 user_ids in one request, and at most 10000 are allowed");
    cr_assert_str_eq(stored(), "123");
    f = user_call(&w, "DeleteUsers");
    push_many(f, DELETE_IDS_MAX, "1");
    fake_stream_end(f);
    assert_counts(f, 1, DELETE_IDS_MAX - 1);
}

Test(delete, undecodable_bytes_end_the_call)
{
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    fake_stream_push(f, bytes_of("\x0a\xff", 2));
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_INVALID_ARGUMENT);
    cr_assert_neq(strstr(f->status.message, "DeleteUsersRequest"), NULL);
    fake_stream_free(f);
}

/* --- The frame, which an import has too --------------------------------------------- */

/* So many large requests that their memory, not their number, is what is enough. */
Test(delete, reads_no_more_than_it_may_hold)
{
    enum { MESSAGES = WRITING_BATCHES };
    char id[STORE_ID_MAX + 1];
    memset(id, 'i', STORE_ID_MAX);
    id[STORE_ID_MAX] = '\0';
    MDB_txn *txn = hold_writer();
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    for (int i = 0; i < MESSAGES; i++)
        push_many(f, DELETE_IDS_MAX, id);
    fake_stream_end(f);
    loop_turns(w.loop, 4 * MESSAGES);
    const size_t one = DELETE_IDS_MAX * (sizeof(struct write_record) + STORE_ID_MAX);
    cr_assert_eq(f->reads, WRITING_BYTES / one + 1);
    cr_assert_eq(f->sent.n, 0, "nothing is answered before it is durable");
    mdb_txn_abort(txn);
    assert_counts(f, 0, MESSAGES * DELETE_IDS_MAX);
}

Test(delete, what_is_under_way_is_finished_without_its_client)
{
    MDB_txn *txn = hold_writer();
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    push(f, "1", NULL);
    push(f, "2", NULL);
    loop_turns(w.loop, 20);
    cr_assert_eq(f->reads, 3);
    user_hang_up(&w, f);
    mdb_txn_abort(txn);
    LOOP_UNTIL(w.loop, strcmp(stored(), "3") == 0);
}

Test(delete, a_commit_that_fails_ends_the_call)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 1;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct fake_stream *f = user_call(&w, "DeleteUsers");
    push(f, "1", NULL);
    LOOP_UNTIL(w.loop, f->closed);
    limit.rlim_cur = before;
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_assert_eq(f->status.code, STATUS_RESOURCE_EXHAUSTED, "%s", f->status.message);
    cr_assert_neq(strstr(f->status.message, w.dir), NULL, "%s", f->status.message);
    fake_stream_free(f);
    cr_assert_str_eq(stored(), "123");
}

static void assert_same_fields(const ProtobufCMessageDescriptor *a,
                               const ProtobufCMessageDescriptor *b)
{
    cr_assert_eq(a->n_fields, b->n_fields);
    for (unsigned i = 0; i < a->n_fields; i++) {
        cr_assert_eq(a->fields[i].id, b->fields[i].id);
        cr_assert_eq(a->fields[i].type, b->fields[i].type);
        cr_assert_eq(a->fields[i].label, b->fields[i].label);
    }
}

Test(delete, posts_and_users_are_asked_and_answered_alike)
{
    assert_same_fields(&v1__post__delete_posts_request__descriptor,
                       &v1__user__delete_users_request__descriptor);
    assert_same_fields(&v1__post__delete_posts_response__descriptor,
                       &v1__user__delete_users_response__descriptor);
}

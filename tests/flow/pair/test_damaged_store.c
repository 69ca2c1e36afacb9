/* A store whose tables do not fit together any more: every call says so, as
 * INTERNAL, and none answers as if all were well. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "lib/listing_calls.h"
#include "lib/user_world.h"
#include "store/lmdb/entries.h"

static void put_raw(struct store *store, MDB_dbi table, struct bytes name, struct bytes value)
{
    MDB_txn *txn;
    MDB_val key = val_of(name.data, name.len), val = val_of(value.data, value.len);
    cr_assert_eq(mdb_txn_begin(lmdb_store_of(store)->env, NULL, 0, &txn), 0);
    const int rc =
        value.data != NULL ? mdb_put(txn, table, &key, &val, 0) : mdb_del(txn, table, &key, NULL);
    cr_assert_eq(rc, 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

static void expect_unreadable(const struct status *status, const char *word)
{
    cr_expect_eq(status->code, STATUS_INTERNAL, "%s", status->message);
    cr_expect_str_eq(status->reason, "STORE_UNREADABLE");
    cr_expect_not_null(strstr(status->message, word), "%s", status->message);
}

/* --- Post --------------------------------------------------------------------------- */

static struct post_world w;

static void open_posts(void)
{
    struct posts posts = { 0 };
    post_world_open(&w);
    posts_add(&posts, "u1", 10, "tag");
    posts_add(&posts, "u2", 10, "tag");
    posts_import(&w, &posts);
    posts_free(&posts);
}

static void close_posts(void)
{
    post_world_close(&w);
}

TestSuite(damaged_posts, .init = open_posts, .fini = close_posts);

/* In every shape; of many requests the first one ends the call too. */
static void expect_no_listing(struct ask ask, const char *word)
{
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct fake_stream *f = listing_start(&w, shape, &ask, 1);
        POST_UNTIL(&w, f->closed);
        expect_unreadable(&f->status, word);
        fake_stream_free(f);
    }
}

Test(damaged_posts, a_group_without_a_user)
{
    const uint8_t first[4] = { 0 };
    put_raw(w.env.store, lmdb_store_of(w.env.store)->order, bytes_of(first, sizeof first),
            (struct bytes){ 0 });
    expect_no_listing((struct ask){ 0 }, "no user");
}

Test(damaged_posts, a_user_with_an_endless_id)
{
    static const uint8_t id[STORE_ID_MAX + 1] = { 'u' };
    const uint8_t first[4] = { 0 };
    put_raw(w.env.store, lmdb_store_of(w.env.store)->order, bytes_of(first, sizeof first),
            bytes_of(id, sizeof id));
    expect_no_listing((struct ask){ 0 }, "damaged");
}

Test(damaged_posts, a_user_whose_place_is_no_number)
{
    put_raw(w.env.store, lmdb_store_of(w.env.store)->groups, bytes_of_text("=u1"),
            bytes_of_text("no number"));
    expect_no_listing((struct ask){ .user = "u1" }, "damaged");
}

Test(damaged_posts, a_post_in_no_place)
{
    put_raw(w.env.store, lmdb_store_of(w.env.store)->records, bytes_of_text("\xff\xff"),
            bytes_of_text("post"));
    expect_no_listing((struct ask){ .tag = "none" }, "damaged");
}

/* --- User --------------------------------------------------------------------------- */

static struct user_world u;

static void open_users(void)
{
    user_world_open(&u);
    user_import(&u, "1", "Henry");
}

static void close_users(void)
{
    user_world_close(&u);
}

TestSuite(damaged_users, .init = open_users, .fini = close_users);

Test(damaged_users, a_user_in_no_place)
{
    V1__User__GetUserRequest get = V1__USER__GET_USER_REQUEST__INIT;
    get.user_id = (char *)"1";
    put_raw(u.service.store, lmdb_store_of(u.service.store)->ids, bytes_of_text("1"),
            bytes_of_text("short"));
    struct fake_stream *f = user_request(&u, "GetUser", &get.base);
    LOOP_UNTIL(u.loop, f->closed);
    expect_unreadable(&f->status, "damaged");
    fake_stream_free(f);
}

/* Post takes the end of the stream for a User that is away: no wrong name. */
Test(damaged_users, no_name_is_told)
{
    V1__User__ResolveUsersRequest m = V1__USER__RESOLVE_USERS_REQUEST__INIT;
    char *ids[] = { (char *)"1" };
    m.n_user_ids = 1;
    m.user_ids = ids;
    put_raw(u.service.store, lmdb_store_of(u.service.store)->ids, bytes_of_text("1"),
            bytes_of_text("short"));
    struct fake_stream *f = user_call(&u, "ResolveUsers");
    fake_stream_push_message(f, &m.base);
    LOOP_UNTIL(u.loop, f->closed);
    expect_unreadable(&f->status, "damaged");
    cr_assert_eq(f->sent.n, 0);
    fake_stream_free(f);
}

Test(damaged_users, an_import_changes_nothing)
{
    put_raw(u.service.store, lmdb_store_of(u.service.store)->ids, bytes_of_text("1"),
            bytes_of_text("short"));
    struct fake_stream *f = user_call(&u, "ImportUsers");
    user_push(f, "1", "Michael");
    fake_stream_end(f);
    LOOP_UNTIL(u.loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_INTERNAL, "%s", f->status.message);
    cr_assert_eq(f->sent.n, 0);
    fake_stream_free(f);
}

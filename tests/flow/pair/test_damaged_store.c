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

/* --- Follows ------------------------------------------------------------------------ */

static void damage_revision(struct store *store)
{
    put_raw(store, lmdb_store_of(store)->meta, bytes_of_text("revision"), bytes_of_text("short"));
}

/* In the shapes that follow. */
static void expect_no_follow(struct ask ask)
{
    for (enum shape shape = SERVER_STREAM; shape <= BIDI; shape += BIDI - SERVER_STREAM) {
        struct fake_stream *f = listing_start(&w, shape, &ask, 1);
        POST_UNTIL(&w, f->closed);
        expect_unreadable(&f->status, "damaged");
        cr_assert_eq(f->sent.n, 0);
        fake_stream_free(f);
    }
}

static struct fake_stream *open_from_now(const char *user)
{
    const struct ask ask = { .user = user, .follow = true, .from_now = true };
    struct fake_stream *f = listing_open(&w, SERVER_STREAM, &ask, 1);
    POST_UNTIL(&w, f->sent.n == 1);
    return f;
}

Test(damaged_posts, a_follow_that_does_not_know_the_last_revision)
{
    static const char *const users[] = { NULL, "u1", "u3" }; /* the last one has no posts */
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        struct fake_stream *f = open_from_now(users[i]);
        struct answer a = answer_read(f);
        char token[sizeof a.messages[0].token];
        strcpy(token, a.messages[0].token);
        answer_free(&a);
        listing_hang_up(&w, f);
        damage_revision(w.env.store);
        expect_no_follow((struct ask){ .user = users[i], .follow = true });
        expect_no_follow((struct ask){ .user = users[i], .follow = true, .from_now = true });
        expect_no_follow((struct ask){ .user = users[i], .follow = true, .token = token });
        MDB_txn *txn;
        cr_assert_eq(mdb_txn_begin(lmdb_store_of(w.env.store)->env, NULL, 0, &txn), 0);
        cr_assert_eq(meta_put(lmdb_store_of(w.env.store), txn, "revision", 2), 0);
        cr_assert_eq(mdb_txn_commit(txn), 0);
    }
}

/* Those who wait hear of it when there is news. */
Test(damaged_posts, followers_who_wait)
{
    struct fake_stream *all = open_from_now(NULL), *one = open_from_now("u1");
    damage_revision(w.env.store);
    news_publish(&w.news);
    POST_UNTIL(&w, all->closed && one->closed);
    expect_unreadable(&all->status, "damaged");
    expect_unreadable(&one->status, "damaged");
    fake_stream_free(all);
    fake_stream_free(one);
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

/* Nor is it said that all names may have changed. */
Test(damaged_users, no_change_is_told)
{
    struct fake_stream *waits = user_call(&u, "ResolveUsers");
    loop_turns(u.loop, 3);
    damage_revision(u.service.store);
    struct fake_stream *begins = user_call(&u, "ResolveUsers");
    news_publish(&u.news);
    LOOP_UNTIL(u.loop, waits->closed && begins->closed);
    expect_unreadable(&waits->status, "damaged");
    expect_unreadable(&begins->status, "damaged");
    cr_assert_eq(waits->sent.n + begins->sent.n, 0);
    fake_stream_free(waits);
    fake_stream_free(begins);
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

#include <criterion/criterion.h>

#include "lib/user_world.h"

static struct user_world w;

static void init(void)
{
    user_world_open(&w);
    user_import(&w, "1", "Henry");
    user_import(&w, "한", "헨리");
}

static void fini(void)
{
    user_world_close(&w);
}

TestSuite(get_user, .init = init, .fini = fini);

static struct fake_stream *get(struct bytes id)
{
    uint8_t room[512] = { 0x0a, (uint8_t)(0x80 | (id.len & 127)), (uint8_t)(id.len >> 7) };
    memcpy(room + 3, id.data, id.len);
    /* The first edition's name, which does the same. */
    const struct method *m = services_find(user_services, USER_NSERVICES, "/user.User/GetUser");
    cr_assert_not_null(m);
    struct fake_stream *f = fake_stream_request(w.loop, m, bytes_of(room, 3 + id.len));
    LOOP_UNTIL(w.loop, f->closed);
    return f;
}

static void assert_name(const char *id, const char *name)
{
    V1__User__GetUserRequest request = V1__USER__GET_USER_REQUEST__INIT;
    request.user_id = (char *)id;
    struct fake_stream *f = user_request(&w, "GetUser", &request.base);
    LOOP_UNTIL(w.loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK, "%s", f->status.message);
    cr_assert_eq(f->sent.n, 1);
    V1__User__GetUserResponse *m = (V1__User__GetUserResponse *)fake_stream_sent_message(
        f, 0, &v1__user__get_user_response__descriptor);
    cr_assert_not_null(m->user_message);
    cr_assert_str_eq(m->user_message->user_id, id);
    cr_assert_str_eq(m->user_message->name, name);
    protobuf_c_message_free_unpacked(&m->base, NULL);
    fake_stream_free(f);
}

Test(get_user, finds)
{
    assert_name("1", "Henry");
    assert_name("한", "헨리");
    user_import(&w, "1", "Harry");
    assert_name("1", "Harry");
}

Test(get_user, refuses)
{
    char id[STORE_ID_MAX + 1];
    memset(id, 'i', sizeof id);
    const struct {
        struct bytes id;
        enum status_code code;
        const char *text;
    } rows[] = {
        { bytes_of("2", 1), STATUS_NOT_FOUND, "no user 2" },
        { bytes_of(id, STORE_ID_MAX), STATUS_NOT_FOUND, "iii" },
        { bytes_of(id, STORE_ID_MAX + 1), STATUS_INVALID_ARGUMENT, "257 bytes" },
        { bytes_of("", 0), STATUS_INVALID_ARGUMENT, "empty" },
        { bytes_of("\xff", 1), STATUS_INVALID_ARGUMENT, "UTF-8" },
        { bytes_of("1\0x", 3), STATUS_INVALID_ARGUMENT, "NUL" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake_stream *f = get(rows[i].id);
        cr_expect_eq(f->status.code, rows[i].code, "row %zu: %s", i, f->status.message);
        cr_expect_neq(strstr(f->status.message, rows[i].text), NULL, "%s", f->status.message);
        cr_expect_eq(f->sent.n, 0);
        fake_stream_free(f);
    }
}

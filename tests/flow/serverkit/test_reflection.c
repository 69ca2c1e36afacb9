/* Server reflection: requests and answers on one stream. What the answers hold
 * is compared with protoc's in tests/e2e/test_reflection.py. */
#include <criterion/criterion.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "lib/fake_stream.h"
#include "lib/loop_until.h"
#include "serverkit/reflection/reflection.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

#define REQUEST(name)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

static struct loop *loop;
static struct reflection *reflection;
static struct fake_stream *f;

static void init(void)
{
    static const struct service user = { .name = "v1.user.User" }, other = { .name = "x.Y" };
    const struct service *const services[] = { &user, &other };
    cr_assert_eq(loop_new(&loop, LOOP_IN_UV), 0);
    cr_assert_eq(reflection_new(&reflection, services, 2, NULL), 0);
    f = fake_stream_open(loop, &reflection_services(reflection)[0].methods[0]);
}

static void fini(void)
{
    if (!f->closed)
        fake_stream_close(f, STATUS_CANCELLED, "gone");
    LOOP_UNTIL(loop, f->closed);
    fake_stream_free(f);
    reflection_free(reflection);
    loop_free(loop);
}

TestSuite(reflection, .init = init, .fini = fini);

static void ask_symbol(const char *symbol)
{
    request m = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    m.host = (char *)"here";
    m.message_request_case = REQUEST(FILE_CONTAINING_SYMBOL);
    m.file_containing_symbol = (char *)symbol;
    fake_stream_push_message(f, &m.base);
}

static void ask_list(void)
{
    request m = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    m.message_request_case = REQUEST(LIST_SERVICES);
    m.list_services = (char *)"";
    fake_stream_push_message(f, &m.base);
}

static response *answer(size_t i)
{
    return (response *)fake_stream_sent_message(
        f, i, &grpc__reflection__v1__server_reflection_response__descriptor);
}

static void free_answer(response *m)
{
    grpc__reflection__v1__server_reflection_response__free_unpacked(m, NULL);
}

Test(reflection, answers_in_order_and_ends_with_the_requests)
{
    ask_symbol("v1.user.User");
    ask_symbol("v1.post.Post");
    ask_list();
    fake_stream_end(f);
    LOOP_UNTIL(loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_OK);
    cr_assert_eq(f->sent.n, 3);

    response *m = answer(0);
    cr_assert_eq(m->message_response_case, RESPONSE(FILE_DESCRIPTOR_RESPONSE));
    cr_assert_eq(m->file_descriptor_response->n_file_descriptor_proto, 4,
                 "user.proto, annotations.proto, and what that imports");
    cr_assert_str_eq(m->valid_host, "here");
    cr_assert_str_eq(m->original_request->file_containing_symbol, "v1.user.User");
    free_answer(m);

    m = answer(1);
    cr_assert_eq(m->message_response_case, RESPONSE(ERROR_RESPONSE));
    cr_assert_eq(m->error_response->error_code, STATUS_NOT_FOUND);
    cr_assert_str_eq(m->error_response->error_message, "there is no symbol v1.post.Post");
    free_answer(m);

    m = answer(2);
    cr_assert_eq(m->message_response_case, RESPONSE(LIST_SERVICES_RESPONSE));
    cr_assert_eq(m->list_services_response->n_service, 3, "and not x.Y, which nobody describes");
    cr_assert_str_eq(m->list_services_response->service[0]->name, "v1.user.User");
    free_answer(m);
}

Test(reflection, a_request_that_asks_nothing_is_an_error_in_the_stream)
{
    fake_stream_push(f, bytes_of("", 0));
    ask_list();
    LOOP_UNTIL(loop, f->sent.n == 2);
    response *m = answer(0);
    cr_assert_eq(m->error_response->error_code, STATUS_INVALID_ARGUMENT);
    free_answer(m);
    cr_assert(!f->s.finished);
}

Test(reflection, a_long_name_is_not_repeated)
{
    char name[4000];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    ask_symbol(name);
    LOOP_UNTIL(loop, f->sent.n == 1);
    response *m = answer(0);
    cr_assert_str_eq(m->error_response->error_message, "there is no such symbol");
    free_answer(m);
}

Test(reflection, bad_text_ends_the_stream)
{
    fake_stream_push(f, bytes_of("\x22\x01\xff", 3));
    LOOP_UNTIL(loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_INVALID_ARGUMENT);
}

Test(reflection, reads_no_more_than_it_can_answer)
{
    fake_stream_window(f, false);
    for (int i = 0; i < 5; i++)
        ask_symbol("v1.user.User");
    loop_turns(loop, 10);
    cr_assert_eq(f->reads, 1);
    fake_stream_window(f, true);
    LOOP_UNTIL(loop, f->sent.n == 5);
}

Test(reflection, ends_when_the_server_drains)
{
    ask_list();
    LOOP_UNTIL(loop, f->sent.n == 1);
    fake_stream_drain(f);
    LOOP_UNTIL(loop, f->closed);
    cr_assert_eq(f->status.code, STATUS_UNAVAILABLE);
}

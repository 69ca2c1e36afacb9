/* The call: one answer to each request, before the next one is read. */
#include <stdio.h>

#include "base/wire.h"
#include "reflection_internal.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest request_message;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_message;

#define REQUEST(name)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

#define ERROR_BYTES 512

/* A response, and the parts of which it points to one. */
struct answer {
    response_message m;
    Grpc__Reflection__V1__FileDescriptorResponse files;
    Grpc__Reflection__V1__ExtensionNumberResponse numbers;
    Grpc__Reflection__V1__ListServiceResponse services;
    Grpc__Reflection__V1__ErrorResponse error;
    char text[ERROR_BYTES];
};

/* --- Answers ------------------------------------------------------------------------ */

static void put_error(struct answer *a, enum status_code code)
{
    grpc__reflection__v1__error_response__init(&a->error);
    a->error.error_code = (int32_t)code;
    a->error.error_message = a->text;
    a->m.message_response_case = RESPONSE(ERROR_RESPONSE);
    a->m.error_response = &a->error;
}

/* A name that is too long is left out, and not cut within a character. */
static void put_not_found(struct answer *a, const char *what, const char *name)
{
    const int n = snprintf(a->text, sizeof a->text, "there is no %s %s", what, name);
    if (n < 0 || (size_t)n >= sizeof a->text)
        snprintf(a->text, sizeof a->text, "there is no such %s", what);
    put_error(a, STATUS_NOT_FOUND);
}

static void put_file(struct answer *a, const struct index_file *file, const char *what,
                     const char *name)
{
    if (file == NULL) {
        put_not_found(a, what, name);
        return;
    }
    grpc__reflection__v1__file_descriptor_response__init(&a->files);
    a->files.file_descriptor_proto = file->closure;
    a->files.n_file_descriptor_proto = file->nclosure;
    a->m.message_response_case = RESPONSE(FILE_DESCRIPTOR_RESPONSE);
    a->m.file_descriptor_response = &a->files;
}

static void put_extension_file(struct answer *a, const struct index *ix,
                               const Grpc__Reflection__V1__ExtensionRequest *q)
{
    char what[32];
    snprintf(what, sizeof what, "extension %d of", (int)q->extension_number);
    put_file(a, index_find_extension(ix, q->containing_type, q->extension_number), what,
             q->containing_type);
}

static void put_extension_numbers(struct answer *a, const struct index *ix, char *type)
{
    const int32_t *numbers;
    if (!index_has_message(ix, type)) {
        put_not_found(a, "message", type);
        return;
    }
    grpc__reflection__v1__extension_number_response__init(&a->numbers);
    a->numbers.base_type_name = type;
    a->numbers.n_extension_number = index_extensions(ix, type, &numbers);
    a->numbers.extension_number = (int32_t *)(uintptr_t)numbers;
    a->m.message_response_case = RESPONSE(ALL_EXTENSION_NUMBERS_RESPONSE);
    a->m.all_extension_numbers_response = &a->numbers;
}

static void put_services(struct answer *a, const struct reflection *r)
{
    grpc__reflection__v1__list_service_response__init(&a->services);
    a->services.service = r->list;
    a->services.n_service = r->nlist;
    a->m.message_response_case = RESPONSE(LIST_SERVICES_RESPONSE);
    a->m.list_services_response = &a->services;
}

static void put_answer(struct answer *a, const struct reflection *r, request_message *q)
{
    const struct index *ix = r->index;
    grpc__reflection__v1__server_reflection_response__init(&a->m);
    a->m.valid_host = q->host;
    a->m.original_request = q;
    switch (q->message_request_case) {
    case REQUEST(FILE_BY_FILENAME):
        put_file(a, index_find_file(ix, q->file_by_filename), "file", q->file_by_filename);
        break;
    case REQUEST(FILE_CONTAINING_SYMBOL):
        put_file(a, index_find_symbol(ix, q->file_containing_symbol), "symbol",
                 q->file_containing_symbol);
        break;
    case REQUEST(FILE_CONTAINING_EXTENSION):
        put_extension_file(a, ix, q->file_containing_extension);
        break;
    case REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE):
        put_extension_numbers(a, ix, q->all_extension_numbers_of_type);
        break;
    case REQUEST(LIST_SERVICES):
        put_services(a, r);
        break;
    default:
        snprintf(a->text, sizeof a->text, "the request asks for nothing that is known here");
        put_error(a, STATUS_INVALID_ARGUMENT);
        break;
    }
}

/* --- The stream --------------------------------------------------------------------- */

static void on_open(struct stream *s)
{
    stream_read(s);
}

static void on_message(struct stream *s, const ProtobufCMessage *message, struct bytes raw)
{
    struct answer a;
    if (wire_bad_text(message->descriptor, raw) != NULL) {
        stream_fail_because(s, STATUS_INVALID_ARGUMENT, "FIELD_NOT_TEXT",
                            "a name is not valid text: UTF-8 without NUL");
        return;
    }
    put_answer(&a, s->method->data, (request_message *)(uintptr_t)message);
    /* on_sent reads on, so there is room. */
    if (stream_send_message(s, &a.m.base, 0) != 0)
        stream_fail_memory(s);
}

static void on_sent(struct stream *s)
{
    stream_read(s);
}

static void on_end(struct stream *s)
{
    const struct status ok = status_ok();
    stream_finish(s, &ok);
}

static void on_drain(struct stream *s)
{
    stream_fail_stopping(s);
}

const struct stream_handler reflection_handler = {
    .message = &grpc__reflection__v1__server_reflection_request__descriptor,
    .on_open = on_open,
    .on_message = on_message,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_drain = on_drain,
};

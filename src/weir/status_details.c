#include "status_details.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

#define TYPE_PREFIX  "type.googleapis.com/"
#define DOMAIN_MAX   64
#define DETAIL_MAX   768 /* bytes of one: a BadRequest has the whole message */
#define DETAILS      3
#define RECEIVED_MAX 8192 /* what a client takes at all */

/* --- Out ---------------------------------------------------------------------------- */

/* Clients in other languages refuse a message with a string that is not UTF-8,
 * and a text that was cut may end in half a character. */
static void copy_text(char *to, size_t room, const char *from)
{
    size_t n = 0;
    for (uint32_t code; *from != '\0' && n + 4 < room;) {
        const size_t len = utf8_decode(from, &code);
        if (len == 0)
            to[n++] = '?';
        else
            memcpy(to + n, from, len);
        n += len;
        from += len == 0 ? 1 : len;
    }
    to[n] = '\0';
}

/* "/v1.post.Post/ListPosts": "v1.post.Post". */
static void copy_domain(char to[DOMAIN_MAX], const char *path)
{
    char text[DOMAIN_MAX];
    const char *end = strrchr(path, '/');
    const char *start = *path == '/' ? path + 1 : path;
    const int len = end != NULL && end > start ? (int)(end - start) : 0;
    snprintf(text, sizeof text, "%.*s", len, start);
    copy_text(to, DOMAIN_MAX, text);
}

struct details {
    Google__Protobuf__Any any[DETAILS], *list[DETAILS];
    uint8_t bytes[DETAILS][DETAIL_MAX];
    size_t n;
};

static void add(struct details *d, const char *type, const ProtobufCMessage *message)
{
    Google__Protobuf__Any *any = &d->any[d->n];
    google__protobuf__any__init(any);
    assert(d->n < DETAILS && protobuf_c_message_get_packed_size(message) <= DETAIL_MAX);
    any->type_url = (char *)type;
    any->value.len = protobuf_c_message_pack(message, d->bytes[d->n]);
    any->value.data = d->bytes[d->n];
    d->list[d->n++] = any;
}

static void add_reason(struct details *d, const struct status *status, const char *path)
{
    char domain[DOMAIN_MAX];
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    copy_domain(domain, path);
    info.reason =
        status->reason[0] != '\0' ? (char *)status->reason : (char *)status_name((int)status->code);
    info.domain = domain;
    add(d, TYPE_PREFIX "google.rpc.ErrorInfo", &info.base);
}

static void add_field(struct details *d, const struct status *status, char *message)
{
    Google__Rpc__BadRequest__FieldViolation violation =
        GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
    Google__Rpc__BadRequest__FieldViolation *list[] = { &violation };
    Google__Rpc__BadRequest request = GOOGLE__RPC__BAD_REQUEST__INIT;
    violation.field = (char *)status->field;
    violation.description = message;
    request.n_field_violations = 1;
    request.field_violations = list;
    add(d, TYPE_PREFIX "google.rpc.BadRequest", &request.base);
}

static void add_retry(struct details *d, uint32_t after_ms)
{
    Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
    Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
    delay.seconds = after_ms / 1000;
    delay.nanos = (int32_t)(after_ms % 1000) * 1000000;
    info.retry_delay = &delay;
    add(d, TYPE_PREFIX "google.rpc.RetryInfo", &info.base);
}

size_t status_details_pack(const struct status *status, const char *path,
                           uint8_t to[STATUS_DETAILS_MAX])
{
    char message[STATUS_MESSAGE_MAX + 4]; /* room for a whole character more */
    struct details d = { .n = 0 };
    Google__Rpc__Status all = GOOGLE__RPC__STATUS__INIT;
    copy_text(message, sizeof message, status->message);
    add_reason(&d, status, path);
    if (status->field[0] != '\0')
        add_field(&d, status, message);
    if (status->retry_after_ms > 0)
        add_retry(&d, status->retry_after_ms);
    all.code = (int32_t)status->code;
    all.message = message;
    all.n_details = d.n;
    all.details = d.list;
    assert(google__rpc__status__get_packed_size(&all) <= STATUS_DETAILS_MAX);
    return google__rpc__status__pack(&all, to);
}

/* --- In ----------------------------------------------------------------------------- */

static bool is_reason_character(int c)
{
    return isupper(c) || isdigit(c) || c == '_';
}

static bool is_field_character(int c)
{
    return isalnum(c) || strchr("_.[]-", c) != NULL;
}

/* What is printed on terminals and compared by programs is held to its rules. */
static void take_text(char *to, size_t room, const char *from, bool (*allowed)(int c))
{
    size_t n = 0;
    for (; from[n] != '\0'; n++)
        if (n + 1 == room || (unsigned char)from[n] > 126 || !allowed(from[n]))
            return;
    memcpy(to, from, n + 1);
}

static void take_reason(const ProtobufCMessage *message, struct status *status)
{
    const Google__Rpc__ErrorInfo *info = (const Google__Rpc__ErrorInfo *)message;
    take_text(status->reason, sizeof status->reason, info->reason, is_reason_character);
}

static void take_field(const ProtobufCMessage *message, struct status *status)
{
    const Google__Rpc__BadRequest *request = (const Google__Rpc__BadRequest *)message;
    if (request->n_field_violations > 0)
        take_text(status->field, sizeof status->field, request->field_violations[0]->field,
                  is_field_character);
}

static void take_retry(const ProtobufCMessage *message, struct status *status)
{
    const Google__Protobuf__Duration *delay =
        ((const Google__Rpc__RetryInfo *)message)->retry_delay;
    if (delay == NULL || delay->seconds < 0 || delay->seconds > UINT32_MAX / 1000 - 1 ||
        delay->nanos < 0 || delay->nanos > 999999999)
        return;
    status->retry_after_ms = (uint32_t)delay->seconds * 1000 + (uint32_t)delay->nanos / 1000000;
}

static void take_detail(const Google__Protobuf__Any *any, struct status *status)
{
    static const struct {
        const ProtobufCMessageDescriptor *type;
        void (*take)(const ProtobufCMessage *message, struct status *status);
    } kinds[] = {
        { &google__rpc__error_info__descriptor, take_reason },
        { &google__rpc__bad_request__descriptor, take_field },
        { &google__rpc__retry_info__descriptor, take_retry },
    };
    const char *slash = strrchr(any->type_url, '/');
    for (size_t i = 0; slash != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(slash + 1, kinds[i].type->name) != 0)
            continue;
        ProtobufCMessage *message =
            protobuf_c_message_unpack(kinds[i].type, NULL, any->value.len, any->value.data);
        if (message != NULL)
            kinds[i].take(message, status);
        protobuf_c_message_free_unpacked(message, NULL);
    }
}

void status_details_unpack(struct bytes details, struct status *status)
{
    if (details.len == 0 || details.len > RECEIVED_MAX)
        return;
    Google__Rpc__Status *all = google__rpc__status__unpack(NULL, details.len, details.data);
    if (all == NULL)
        return;
    for (size_t i = 0; all->code == (int32_t)status->code && i < all->n_details; i++)
        take_detail(all->details[i], status);
    google__rpc__status__free_unpacked(all, NULL);
}

#include "ndjson.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "client-cli/output/json_write.h"
#include "pbjson/time_text.h"

/* --- writing ------------------------------------------------------------------------ */

static bool write_text(struct buf *b, const char *text)
{
    return json_write_text(b, bytes_of_text(text));
}

bool ndjson_write_tags(struct buf *b, char *const *tags, size_t n)
{
    bool ok = json_write_literal(b, "[");
    for (size_t i = 0; i < n && ok; i++)
        ok = (i == 0 || json_write_literal(b, ",")) && write_text(b, tags[i]);
    return ok && json_write_literal(b, "]");
}

bool ndjson_write_time(struct buf *b, const Google__Protobuf__Timestamp *time)
{
    char text[TIME_TEXT_BYTES];
    size_t len = time != NULL ? time_text_put(text, time->seconds, time->nanos) : 0;
    if (len == 0)
        return json_write_literal(b, "null");
    return json_write_literal(b, "\"") && buf_append(b, bytes_of(text, len)) &&
           json_write_literal(b, "\"");
}

bool ndjson_write_post(struct buf *b, const V1__Post__PostMessage *post)
{
    size_t start = b->len;
    bool ok = json_write_literal(b, "{\"post_id\":") && write_text(b, post->post_id) &&
              json_write_literal(b, ",\"author\":") && write_text(b, post->author) &&
              json_write_literal(b, ",\"user_id\":") && write_text(b, post->user_id) &&
              json_write_literal(b, ",\"title\":") && write_text(b, post->title) &&
              json_write_literal(b, ",\"body\":") && write_text(b, post->body) &&
              json_write_literal(b, ",\"tags\":") &&
              ndjson_write_tags(b, post->tags, post->n_tags) &&
              json_write_literal(b, ",\"create_time\":") &&
              ndjson_write_time(b, post->create_time) && json_write_literal(b, "}\n");
    if (!ok)
        b->len = start;
    return ok;
}

bool ndjson_write_user(struct buf *b, const V1__User__UserMessage *user)
{
    size_t start = b->len;
    bool ok = json_write_literal(b, "{\"user_id\":") && write_text(b, user->user_id) &&
              json_write_literal(b, ",\"name\":") && write_text(b, user->name) &&
              json_write_literal(b, ",\"phone_number\":") && write_text(b, user->phone_number) &&
              json_write_literal(b, ",\"age\":") && json_write_int(b, user->age) &&
              json_write_literal(b, "}\n");
    if (!ok)
        b->len = start;
    return ok;
}

/* --- reading ------------------------------------------------------------------------ */

struct ndjson_reader {
    struct arena *arena;
    char *error; /* NDJSON_ERROR_BYTES */
};

/* Notes the reason, on one line whatever the input had; always false. */
__attribute__((format(printf, 2, 3))) static bool refuse(const struct ndjson_reader *r,
                                                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->error, NDJSON_ERROR_BYTES, format, args);
    va_end(args);
    for (char *c = r->error; *c != '\0'; c++) {
        if (iscntrl((unsigned char)*c))
            *c = '?';
    }
    return false;
}

static void *take_memory(const struct ndjson_reader *r, size_t size)
{
    void *p = arena_alloc(r->arena, size);
    if (p == NULL)
        refuse(r, arena_no_memory(r->arena) ? "out of memory" : "the line is too large");
    return p;
}

static bool read_text(const struct ndjson_reader *r, const char *field, const json_t *json,
                      char **ret)
{
    if (!json_is_string(json))
        return refuse(r, "field \"%s\" must be a string", field);
    size_t size = json_string_length(json) + 1;
    *ret = take_memory(r, size);
    if (*ret == NULL)
        return false;
    memcpy(*ret, json_string_value(json), size);
    return true;
}

static bool read_texts(const struct ndjson_reader *r, const char *field, const json_t *json,
                       size_t *ret_n, char ***ret)
{
    if (!json_is_array(json))
        return refuse(r, "field \"%s\" must be an array of strings", field);
    size_t n = json_array_size(json);
    if (n == 0)
        return true;
    char **texts = take_memory(r, n * sizeof(*texts));
    if (texts == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(json, i);
        if (!json_is_string(item))
            return refuse(r, "field \"%s\" must be an array of strings", field);
        if (!read_text(r, field, item, &texts[i]))
            return false;
    }
    *ret_n = n;
    *ret = texts;
    return true;
}

static bool read_int32(const struct ndjson_reader *r, const char *field, const json_t *json,
                       int32_t *ret)
{
    if (!json_is_integer(json))
        return refuse(r, "field \"%s\" must be a whole number", field);
    json_int_t n = json_integer_value(json);
    if (n < INT32_MIN || n > INT32_MAX)
        return refuse(r, "field \"%s\" must be a number of 32 bits", field);
    *ret = (int32_t)n;
    return true;
}

/* RFC 3339 allows 't' and 'z', which protobuf's mapping does not. */
static bool read_instant(const json_t *json, int64_t *ret_seconds, int32_t *ret_nanos)
{
    char text[TIME_TEXT_BYTES];
    const char *from = json_string_value(json);
    const size_t len = json_string_length(json);
    if (len > sizeof text)
        return false;
    memcpy(text, from, len);
    for (size_t i = 0; i < len; i++)
        if (text[i] == 't' || text[i] == 'z')
            text[i] = text[i] == 't' ? 'T' : 'Z';
    return time_text_read(bytes_of(text, len), ret_seconds, ret_nanos);
}

static bool read_time(const struct ndjson_reader *r, const char *field, const json_t *json,
                      Google__Protobuf__Timestamp **ret)
{
    int64_t seconds;
    int32_t nanos;
    if (!json_is_string(json) || !read_instant(json, &seconds, &nanos))
        return refuse(r, "field \"%s\" must be a time like \"2020-10-25T09:00:00.5+09:00\"", field);
    Google__Protobuf__Timestamp *time = take_memory(r, sizeof(*time));
    if (time == NULL)
        return false;
    google__protobuf__timestamp__init(time);
    time->seconds = seconds;
    time->nanos = nanos;
    *ret = time;
    return true;
}

/* The kinds of fields that posts and users have, and no more. */
static bool read_field(const struct ndjson_reader *r, const ProtobufCFieldDescriptor *field,
                       const json_t *json, ProtobufCMessage *message)
{
    char *base = (char *)message;
    void *value = base + field->offset;
    if (json_is_null(json))
        return true;
    if (field->label == PROTOBUF_C_LABEL_REPEATED && field->type == PROTOBUF_C_TYPE_STRING)
        return read_texts(r, field->name, json, (void *)(base + field->quantifier_offset), value);
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return read_text(r, field->name, json, value);
    if (field->type == PROTOBUF_C_TYPE_INT32)
        return read_int32(r, field->name, json, value);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE &&
        field->descriptor == &google__protobuf__timestamp__descriptor)
        return read_time(r, field->name, json, value);
    return refuse(r, "field \"%s\" cannot be read from JSON", field->name);
}

static bool read_fields(const struct ndjson_reader *r, json_t *json, ProtobufCMessage *message)
{
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value)
    {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
        if (field == NULL)
            return refuse(r, "unknown field \"%.60s\"", name);
        if (!read_field(r, field, value, message))
            return false;
    }
    return true;
}

static ProtobufCMessage *read_message(const struct ndjson_reader *r, struct bytes line,
                                      const ProtobufCMessageDescriptor *descriptor)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        bool nul = json_error_code(&error) == json_error_null_character;
        refuse(r, "column %d: %s", error.column, nul ? "U+0000 is not allowed" : error.text);
        return NULL;
    }
    bool ok = json_is_object(json) || refuse(r, "column 1: not a JSON object");
    ProtobufCMessage *message = ok ? take_memory(r, descriptor->sizeof_message) : NULL;
    if (message != NULL) {
        protobuf_c_message_init(descriptor, message);
        ok = read_fields(r, json, message);
    }
    json_decref(json);
    return ok ? message : NULL;
}

V1__Post__PostMessage *ndjson_read_post(struct arena *a, struct bytes line, char *ret_error)
{
    struct ndjson_reader r = { a, ret_error };
    return (void *)read_message(&r, line, &v1__post__post_message__descriptor);
}

V1__User__UserMessage *ndjson_read_user(struct arena *a, struct bytes line, char *ret_error)
{
    struct ndjson_reader r = { a, ret_error };
    return (void *)read_message(&r, line, &v1__user__user_message__descriptor);
}

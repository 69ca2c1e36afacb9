#include "call_metadata.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/base64.h"

static bool is_binary(struct bytes name)
{
    return name.len > 4 && memcmp(name.data + name.len - 4, "-bin", 4) == 0;
}

/* --- Out ---------------------------------------------------------------------------- */

struct header {
    char *name; /* in lower case */
    struct buf *value;
};

static void header_close(struct header *h)
{
    free(h->name);
    buf_unref(h->value);
}

static struct bytes trimmed(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return bytes_of(text, len);
}

static int decode(struct buf *b)
{
    size_t len;
    if (!base64_decode(b->data, buf_bytes(b), BASE64_STANDARD, &len))
        return EINVAL;
    b->len = len;
    return 0;
}

/* 0, EINVAL or ENOMEM; close *ret in any case. */
static int header_read(const char *text, struct header *ret)
{
    const char *colon = strchr(text, ':');
    *ret = (struct header){ .name = NULL };
    if (colon == NULL || colon == text)
        return EINVAL;
    ret->name = strndup(text, (size_t)(colon - text));
    ret->value = buf_copy(trimmed(colon + 1));
    if (ret->name == NULL || ret->value == NULL)
        return ENOMEM;
    for (char *c = ret->name; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return is_binary(bytes_of_text(ret->name)) ? decode(ret->value) : 0;
}

const char *call_headers_check(const struct option_list *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        struct header h;
        const int rv = header_read(headers->item[i], &h);
        header_close(&h);
        if (rv == EINVAL)
            return headers->item[i];
    }
    return NULL;
}

void call_headers_put(struct stream *stream, const struct option_list *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        struct header h;
        int rv = header_read(headers->item[i], &h);
        if (rv == 0)
            rv = stream_put(stream, METADATA_HEADERS, h.name, buf_bytes(h.value));
        header_close(&h);
        if (rv == EINVAL)
            stream_fail(stream, STATUS_INVALID_ARGUMENT,
                        "gRPC allows no header \"%.200s\": names are a-z, 0-9, \"-_.\", and values "
                        "are printable ASCII",
                        headers->item[i]);
        else if (rv != 0)
            session_no_memory(stream);
    }
}

/* --- In ----------------------------------------------------------------------------- */

static void say(struct session *s, const char *what, struct bytes name, struct bytes value)
{
    char *text = NULL;
    if (is_binary(name) && (text = malloc(base64_text_len(value.len) + 1)) != NULL)
        value = bytes_of(text, base64_encode(text, value, BASE64_STANDARD));
    session_note(s, "%s %.*s: %.*s", what, (int)name.len, (const char *)name.data, (int)value.len,
                 (const char *)value.data);
    free(text);
}

void call_metadata_say(struct session *s, struct stream *stream, enum metadata_place place)
{
    struct bytes name, value;
    for (size_t i = 0; stream_get_nth(stream, place, i, &name, &value); i++)
        say(s, place == METADATA_HEADERS ? "header" : "trailer", name, value);
}

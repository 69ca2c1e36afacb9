#include "skim.h"

#include <string.h>

#include "base/wire.h"

enum { POST_MESSAGES = 1, NEXT_PAGE_TOKEN = 2, LAST = 6, TOTAL_SIZE = 7, CAUGHT_UP = 8 };

static bool take_token(struct skim *s, struct bytes token)
{
    if (token.len > SKIM_TOKEN_MAX)
        return false;
    memcpy(s->token, token.data, token.len);
    s->token[token.len] = '\0';
    return true;
}

static bool take_field(struct skim *s, const struct wire_field *f)
{
    if (f->type == WIRE_BYTES && f->number == POST_MESSAGES)
        s->message.n_post_messages++;
    else if (f->type == WIRE_BYTES && f->number == NEXT_PAGE_TOKEN)
        return take_token(s, f->bytes);
    else if (f->type == WIRE_VARINT && f->number == LAST)
        s->message.last = f->varint != 0;
    else if (f->type == WIRE_VARINT && f->number == TOTAL_SIZE)
        s->message.total_size = (int64_t)f->varint;
    else if (f->type == WIRE_VARINT && f->number == CAUGHT_UP)
        s->message.caught_up = f->varint != 0;
    return true;
}

bool skim_read(struct bytes bytes, struct skim *ret)
{
    struct wire_field f;
    v1__post__list_posts_response__init(&ret->message);
    ret->token[0] = '\0';
    ret->message.next_page_token = ret->token;
    while (wire_next(&bytes, &f))
        if (!take_field(ret, &f))
            return false;
    return bytes.len == 0;
}

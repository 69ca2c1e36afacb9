#include "load_post.h"

#include <inttypes.h>

#include "base/wire.h"
#include "die.h"

#define POST_ID 1
#define TITLE   3
#define BODY    4
#define TAGS    5
#define USER_ID 6

#define NUMBER_DIGITS 8
#define TIME_DIGITS   18 /* thirty years since the start of the machine */
#define POST_ROOM     1024

static const char body[] = "As long as most posts are, and there is nothing else to be said of "
                           "what stands here: it is read by nobody.";

static void text(struct buf *b, uint32_t number, const char *content)
{
    if (!wire_append_bytes(b, number, bytes_of_text(content)))
        die("out of memory");
}

static size_t text_size(uint32_t number, const char *content)
{
    return wire_bytes_size(number, strlen(content));
}

void load_post_append(struct buf *b, const char *name, const struct load_post *p, const char *user)
{
    char id[POST_ROOM], title[TIME_DIGITS + 1];
    snprintf(id, sizeof id, "%s-%0*" PRIu64, name, NUMBER_DIGITS, p->number);
    snprintf(title, sizeof title, "%0*" PRIu64, TIME_DIGITS, p->sent_ns);
    size_t size = text_size(POST_ID, id) + text_size(TITLE, title) + text_size(BODY, body) +
                  text_size(TAGS, "load") + text_size(USER_ID, user);
    if (!wire_begin_bytes(b, 1, size))
        die("out of memory");
    text(b, POST_ID, id);
    text(b, TITLE, title);
    text(b, BODY, body);
    text(b, TAGS, "load");
    text(b, USER_ID, user);
}

static bool number_read(struct bytes digits, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)digits.data[i] - '0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

static bool id_read(struct bytes id, struct bytes name, uint64_t *ret)
{
    return id.len == name.len + 1 + NUMBER_DIGITS && memcmp(id.data, name.data, name.len) == 0 &&
           id.data[name.len] == '-' &&
           number_read(bytes_of(id.data + name.len + 1, NUMBER_DIGITS), ret);
}

/* It stands first. */
bool load_post_number(struct bytes message, struct bytes name, uint64_t *ret)
{
    struct wire_field f;
    while (wire_next(&message, &f))
        if (f.number == POST_ID)
            return id_read(f.bytes, name, ret);
    return false;
}

uint64_t load_post_sent_ns(struct bytes message)
{
    uint64_t ns;
    struct bytes title = wire_find(message, TITLE);
    if (title.len != TIME_DIGITS || !number_read(title, &ns))
        die("a post of the load has no time for its title");
    return ns;
}

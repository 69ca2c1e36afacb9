#include "media.h"

#include <strings.h>

#include "weir/http/grpc_text.h"

static struct bytes trimmed(struct bytes b)
{
    while (b.len > 0 && (b.data[0] == ' ' || b.data[0] == '\t'))
        b = bytes_of(b.data + 1, b.len - 1);
    while (b.len > 0 && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
        b.len--;
    return b;
}

/* Takes what stands before the next ';'. false: there is nothing more. */
static bool next_part(struct bytes *rest, struct bytes *ret)
{
    if (rest->len == 0)
        return false;
    const uint8_t *end = memchr(rest->data, ';', rest->len);
    const size_t n = end != NULL ? (size_t)(end - rest->data) : rest->len;
    const size_t taken = end != NULL ? n + 1 : n;
    *ret = trimmed(bytes_of(rest->data, n));
    *rest = bytes_of(rest->data + taken, rest->len - taken);
    return true;
}

struct bytes media_type(struct bytes content_type)
{
    struct bytes type = { 0 };
    return next_part(&content_type, &type) ? type : content_type;
}

static bool equal_text(struct bytes a, const char *b, size_t n)
{
    return a.len == n && (n == 0 || strncasecmp((const char *)a.data, b, n) == 0);
}

bool media_is(struct bytes type, const char *name)
{
    return equal_text(type, name, strlen(name));
}

/* --- Accept ------------------------------------------------------------------------- */

/* A "q" in thousandths; 1000 if it is none. */
static unsigned weight_of(struct bytes parameters)
{
    struct bytes p;
    while (next_part(&parameters, &p)) {
        if (p.len < 3 || (p.data[0] | 0x20) != 'q' || p.data[1] != '=')
            continue;
        unsigned weight = p.data[2] == '1' ? 1000 : 0;
        unsigned digit = 100;
        for (size_t i = 4; i < p.len && digit > 0 && weight < 1000; i++, digit /= 10)
            if (p.data[i] >= '0' && p.data[i] <= '9')
                weight += digit * (unsigned)(p.data[i] - '0');
        return weight;
    }
    return 1000;
}

/* How exactly a range names an offer: 0, not at all; 3, it is the very type. */
static unsigned exactness(struct bytes range, const char *offer)
{
    const size_t main_type = (size_t)(strchr(offer, '/') - offer);
    if (media_is(range, offer))
        return 3;
    if (range.len == main_type + 2 && range.data[range.len - 1] == '*' &&
        strncasecmp((const char *)range.data, offer, main_type + 1) == 0)
        return 2;
    return media_is(range, "*/*") ? 1 : 0;
}

/* The most exact range that names it says how much it is liked. */
static unsigned liking(struct bytes accept, const char *offer)
{
    struct bytes each, range;
    unsigned weight = 0, best = 0;
    while (grpc_list_next(&accept, &each)) {
        if (!next_part(&each, &range))
            continue;
        const unsigned exact = exactness(range, offer);
        if (exact > best) {
            best = exact;
            weight = weight_of(each);
        }
    }
    return weight;
}

size_t media_choose(struct bytes accept, const char *const *offers, size_t n)
{
    size_t chosen = n;
    unsigned most = 0;
    if (accept.len == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned weight = liking(accept, offers[i]);
        if (weight > most) {
            most = weight;
            chosen = i;
        }
    }
    return chosen;
}

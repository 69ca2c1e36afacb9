#include "h1_head.h"

#include <string.h>
#include <strings.h>

#define METHOD_MAX     16
#define PATH_MAX_BYTES 8192
#define LENGTH_DIGITS  18

/* --- Where it ends ------------------------------------------------------------------ */

size_t h1_head_length(const uint8_t *data, size_t len, size_t seen, bool *ret_bad)
{
    for (size_t i = seen; i < len; i++) {
        if (data[i] != '\n')
            continue;
        if (i == 0 || data[i - 1] != '\r') {
            *ret_bad = true;
            return 0;
        }
        if (i >= 3 && data[i - 2] == '\n')
            return i + 1;
    }
    return 0;
}

/* --- Characters --------------------------------------------------------------------- */

/* "tchar" of RFC 9110, 5.6.2. */
static bool is_token_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_token_char(text.data[i]))
            return false;
    return text.len > 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_value(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.data[i] < ' ' && text.data[i] != '\t') || text.data[i] == 0x7f)
            return false;
    return true;
}

static bool is_graphic(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            return false;
    return text.len > 0;
}

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && is_blank(*text.data))
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

static bool is_word(struct bytes text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}

bool h1_list_has(struct bytes list, const char *word)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        const size_t n = comma != NULL ? (size_t)(comma - list.data) : list.len;
        if (is_word(trim(bytes_of(list.data, n)), word))
            return true;
        const size_t step = comma != NULL ? n + 1 : n;
        list = bytes_of(list.data + step, list.len - step);
    }
    return false;
}

/* --- The request line --------------------------------------------------------------- */

/* What is parsed, and may be written into. */
struct lines {
    uint8_t *at, *end;
};

/* The next line, with a NUL in the place of its CR. */
static struct bytes next_line(struct lines *l)
{
    uint8_t *lf = memchr(l->at, '\n', (size_t)(l->end - l->at));
    const struct bytes line = bytes_of(l->at, (size_t)(lf - 1 - l->at));
    lf[-1] = '\0';
    l->at = lf + 1;
    return line;
}

/* Cuts the first word off, behind which is one blank; a NUL takes its place. */
static bool next_word(struct bytes *line, struct bytes *ret)
{
    uint8_t *blank = memchr((void *)(uintptr_t)line->data, ' ', line->len);
    if (blank == NULL)
        return false;
    *ret = bytes_of(line->data, (size_t)(blank - line->data));
    *blank = '\0';
    *line = bytes_of(blank + 1, line->len - ret->len - 1);
    return true;
}

static unsigned read_version(struct h1_head *h, struct bytes version)
{
    if (bytes_equal(version, bytes_of_text("HTTP/1.1")))
        h->minor = 1;
    else if (!bytes_equal(version, bytes_of_text("HTTP/1.0")))
        return version.len == 8 && memcmp(version.data, "HTTP/", 5) == 0 ? 505 : 400;
    h->keep_alive = h->minor == 1;
    return 0;
}

/* "http://authority/path", as one asks a proxy: the path begins behind the authority. */
static unsigned read_absolute(struct h1_head *h, struct bytes target)
{
    const char *text = (const char *)target.data;
    const size_t scheme = strncasecmp(text, "http://", 7) == 0    ? 7
                          : strncasecmp(text, "https://", 8) == 0 ? 8
                                                                  : 0;
    if (scheme == 0)
        return 400;
    const char *path = strchr(text + scheme, '/');
    if (path == NULL)
        return 400;
    h->authority = bytes_of(text + scheme, (size_t)(path - text) - scheme);
    h->path = bytes_of_text(path);
    return h->authority.len > 0 ? 0 : 400;
}

static unsigned read_target(struct h1_head *h, struct bytes target)
{
    if (target.len > PATH_MAX_BYTES)
        return 414;
    if (!is_graphic(target))
        return 400;
    h->path = target;
    if (*target.data == '/' || bytes_equal(target, bytes_of_text("*")))
        return 0;
    return read_absolute(h, target);
}

static unsigned read_request_line(struct h1_head *h, struct bytes line)
{
    struct bytes target;
    if (!next_word(&line, &h->method) || !next_word(&line, &target) || !is_token(h->method))
        return 400;
    if (h->method.len > METHOD_MAX)
        return 501;
    const unsigned wrong = read_version(h, line);
    return wrong != 0 ? wrong : read_target(h, target);
}

/* --- Fields ------------------------------------------------------------------------- */

static unsigned read_length(struct h1_head *h, struct bytes value)
{
    if (h->has_length || value.len == 0 || value.len > LENGTH_DIGITS)
        return 400;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return 400;
        h->length = 10 * h->length + (uint64_t)(value.data[i] - '0');
    }
    h->has_length = true;
    return 0;
}

static unsigned read_coding(struct h1_head *h, struct bytes value)
{
    if (h->chunked || h->minor == 0)
        return 400;
    h->chunked = is_word(value, "chunked");
    return h->chunked ? 0 : 501;
}

static unsigned read_connection(struct h1_head *h, struct bytes value)
{
    if (h1_list_has(value, "close"))
        h->keep_alive = false;
    else if (h->minor == 0 && h1_list_has(value, "keep-alive"))
        h->keep_alive = true;
    h->upgrades |= h1_list_has(value, "upgrade");
    return 0;
}

static unsigned read_expect(struct h1_head *h, struct bytes value)
{
    if (!is_word(value, "100-continue"))
        return 417;
    h->expects_continue = h->minor == 1;
    return 0;
}

/* Those that say how the connection goes on, and are nothing to the call. */
static const struct {
    const char *name;
    unsigned (*read)(struct h1_head *h, struct bytes value);
} of_connection[] = {
    { "content-length", read_length },
    { "transfer-encoding", read_coding },
    { "connection", read_connection },
    { "expect", read_expect },
    { "keep-alive", NULL },
    { "proxy-connection", NULL },
    { "te", NULL },
    { "trailer", NULL },
};

static unsigned keep_field(struct h1_head *h, struct bytes name, struct bytes value)
{
    if (h->n == H1_FIELDS_MAX)
        return 431;
    h->fields[h->n++] = (struct h1_field){ name, value };
    return 0;
}

static unsigned take_field(struct h1_head *h, struct bytes name, struct bytes value)
{
    for (size_t i = 0; i < sizeof of_connection / sizeof of_connection[0]; i++)
        if (bytes_equal(name, bytes_of_text(of_connection[i].name)))
            return of_connection[i].read != NULL ? of_connection[i].read(h, value) : 0;
    return keep_field(h, name, value);
}

static void to_lower(struct bytes name)
{
    uint8_t *text = (uint8_t *)(uintptr_t)name.data;
    for (size_t i = 0; i < name.len; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (uint8_t)(text[i] - 'A' + 'a');
}

static unsigned read_field(struct h1_head *h, struct bytes line)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);
    const size_t n = colon != NULL ? (size_t)(colon - line.data) : 0;
    const struct bytes name = bytes_of(line.data, n);
    if (!is_token(name))
        return 400;
    const struct bytes value = trim(bytes_of(line.data + n + 1, line.len - n - 1));
    if (!is_value(value))
        return 400;
    to_lower(name);
    ((uint8_t *)(uintptr_t)value.data)[value.len] = '\0'; /* a blank, or the CR */
    return take_field(h, name, value);
}

/* There must be one Host, and no other; a target that names a server itself wins over it. */
static unsigned read_host(struct h1_head *h)
{
    size_t hosts = 0;
    struct bytes host = bytes_of(NULL, 0);
    for (size_t i = 0; i < h->n; i++)
        if (bytes_equal(h->fields[i].name, bytes_of_text("host"))) {
            host = h->fields[i].value;
            hosts++;
        }
    if (hosts > 1 || (hosts == 0 && h->minor == 1) || (hosts == 1 && !is_graphic(host)))
        return 400;
    if (h->authority.len == 0)
        h->authority = host;
    return 0;
}

unsigned h1_head_parse(struct h1_head *ret, uint8_t *data, size_t len)
{
    struct lines lines = { data, data + len };
    *ret = (struct h1_head){ 0 };
    unsigned wrong = read_request_line(ret, next_line(&lines));
    while (wrong == 0 && lines.end - lines.at > 2)
        wrong = read_field(ret, next_line(&lines));
    if (wrong == 0 && ret->chunked && ret->has_length)
        wrong = 400;
    return wrong != 0 ? wrong : read_host(ret);
}

bool h1_fields_parse(struct h1_head *ret, uint8_t *data, size_t len)
{
    struct lines lines = { data, data + len };
    bool bad = false;
    *ret = (struct h1_head){ .minor = 1 };
    if (len > 2 && h1_head_length(data, len, 0, &bad) != len)
        return false;
    while (lines.end - lines.at > 2)
        if (read_field(ret, next_line(&lines)) != 0)
            return false;
    return true;
}

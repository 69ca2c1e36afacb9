#include "text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/buf.h"
#include "base/utf8.h"

void text_init(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

/* One printed piece of a text: a character or the escape that stands for it. */
struct piece {
    const char *text;
    size_t len; /* bytes */
    int columns;
    char escape[16];
};

static bool is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void escape(struct piece *p, uint32_t c)
{
    static const struct {
        char c, letter;
    } known[] = { { '\n', 'n' }, { '\t', 't' }, { '\r', 'r' } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (c == (uint32_t)known[i].c) {
            p->columns = snprintf(p->escape, sizeof p->escape, "\\%c", known[i].letter);
            return;
        }
    }
    p->columns = snprintf(p->escape, sizeof p->escape, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
}

/* The piece at @s; returns where the next one starts. A combining mark is a
 * piece of no columns. */
static const char *next_piece(const char *s, struct piece *p)
{
    uint32_t c;
    size_t len = utf8_decode(s, &c);
    p->escape[0] = '\0';
    if (len == 0) {
        p->columns = snprintf(p->escape, sizeof p->escape, "\\x%02x", (unsigned)(uint8_t)s[0]);
        len = 1;
    } else if (is_harmful(c)) {
        escape(p, c);
    } else {
        int width = wcwidth((wchar_t)c);
        p->columns = width >= 0 ? width : 1; /* newer than the C library: most likely one */
    }
    bool escaped = p->escape[0] != '\0';
    p->text = escaped ? p->escape : s;
    p->len = escaped ? (size_t)p->columns : len;
    return s + len;
}

int text_width(const char *text)
{
    struct piece p;
    int width = 0;
    while (*text != '\0') {
        text = next_piece(text, &p);
        width += p.columns;
    }
    return width;
}

int text_put(struct buf *b, const char *text, int columns)
{
    struct piece p;
    int used = 0;
    bool cut = columns >= 0 && text_width(text) > columns;
    int room = cut ? columns - 1 : columns; /* the dots take one */
    while (*text != '\0') {
        text = next_piece(text, &p);
        if (columns >= 0 && used + p.columns > room)
            break;
        if (!buf_append(b, bytes_of(p.text, p.len)))
            return -1;
        used += p.columns;
    }
    if (!cut || columns == 0)
        return used;
    return buf_append(b, bytes_of_text("…")) ? used + 1 : -1;
}

size_t text_fit(const char *text, size_t len, int columns)
{
    struct piece p;
    size_t fits = 0, to_space = 0;
    int used = 0;
    while (fits < len) {
        const size_t next = (size_t)(next_piece(text + fits, &p) - text);
        used += p.columns;
        if (used > columns && fits > 0)
            return to_space > 0 ? to_space : fits;
        if (text[fits] == ' ')
            to_space = next;
        fits = next;
    }
    return len;
}

bool text_pad(struct buf *b, int n)
{
    if (n <= 0)
        return true;
    uint8_t *to = buf_reserve(b, (size_t)n);
    if (to == NULL)
        return false;
    memset(to, ' ', (size_t)n);
    b->len += (size_t)n;
    return true;
}

char *text_number(char ret[32], unsigned long long n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", n);
    char *to = ret;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return ret;
}

char *text_bytes(char ret[32], unsigned long long n)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
    if (n < 1024) {
        snprintf(ret, 32, "%llu B", n);
        return ret;
    }
    double value = (double)n / 1024;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(ret, 32, "%.1f %s", value, units[unit]);
    return ret;
}

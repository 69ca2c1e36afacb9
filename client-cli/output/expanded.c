#include "expanded.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "text.h"

#define RULE_COLUMNS  40 /* the line above a block, if there is room */
#define LEAST_COLUMNS 4  /* for a value, however short the line is */

#define BOLD  "\033[1m"
#define FAINT "\033[2m"
#define PLAIN "\033[0m"

static bool put(struct buf *b, const char *text)
{
    return buf_append(b, bytes_of_text(text));
}

static bool put_rule(const struct expanded *e, struct buf *b, uint64_t number)
{
    char head[48] = "-[ deleted ]";
    if (number > 0)
        snprintf(head, sizeof head, "-[ %" PRIu64 " ]", number);
    const int columns = e->line_columns < RULE_COLUMNS ? e->line_columns : RULE_COLUMNS;
    bool ok = put(b, e->colours ? FAINT : "") && put(b, head);
    for (int used = (int)strlen(head); used < columns && ok; used++)
        ok = put(b, "-");
    return ok && put(b, e->colours ? PLAIN "\n" : "\n");
}

static bool put_label(const struct expanded *e, struct buf *b, const char *label, int width)
{
    const bool bold = e->colours && *label != '\0';
    return put(b, bold ? BOLD : "") && put(b, label) && put(b, bold ? PLAIN : "") &&
           text_pad(b, width - (int)strlen(label)) && put(b, " | ");
}

/* How much of @text comes into the first line. */
static size_t first_line(const struct expanded *e, const char *text, int columns)
{
    const size_t line = strcspn(text, "\n");
    return e->wraps ? text_fit(text, line, columns) : line;
}

static bool put_part(struct buf *b, const char *text, size_t len)
{
    char *part = strndup(text, len);
    const bool ok = part != NULL && text_put(b, part, -1) >= 0;
    free(part);
    return ok && put(b, "\n");
}

static bool put_field(const struct expanded *e, struct buf *b, const char *label, int width,
                      const char *text)
{
    const int left = e->line_columns - width - 3;
    const int columns = left > LEAST_COLUMNS ? left : LEAST_COLUMNS;
    bool ok = true, more = true;
    while (more && ok) {
        const size_t len = first_line(e, text, columns);
        ok = put_label(e, b, label, width) && put_part(b, text, len);
        text += len;
        text += *text == '\n';
        more = *text != '\0';
        label = "";
    }
    return ok;
}

bool expanded_put(const struct expanded *e, struct buf *b, uint64_t number,
                  const char *const *labels, const char *const *cells, size_t n)
{
    int width = 0;
    for (size_t i = 0; i < n; i++)
        if ((int)strlen(labels[i]) > width)
            width = (int)strlen(labels[i]);
    bool ok = put_rule(e, b, number);
    for (size_t i = 0; i < n && ok; i++)
        ok = put_field(e, b, labels[i], width, cells[i]);
    return ok;
}

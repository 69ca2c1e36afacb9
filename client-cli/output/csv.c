#include "csv.h"

#include <string.h>

#include "base/buf.h"
#include "text.h"

static bool put_text(struct buf *b, const char *text, bool harmless)
{
    return harmless ? text_put(b, text, -1) >= 0 : buf_append(b, bytes_of_text(text));
}

/* Each quote inside is written twice. */
static bool put_quoted(struct buf *b, const char *text)
{
    bool ok = buf_append(b, bytes_of_text("\""));
    while (ok && *text != '\0') {
        const size_t plain = strcspn(text, "\"");
        ok = buf_append(b, bytes_of(text, plain));
        text += plain;
        if (ok && *text == '"') {
            ok = buf_append(b, bytes_of_text("\"\""));
            text++;
        }
    }
    return ok && buf_append(b, bytes_of_text("\""));
}

static bool put_cell(struct buf *b, const char *text, bool harmless)
{
    bool ok = true;
    struct buf *made = NULL;
    if (strpbrk(text, ",\"\r\n") == NULL)
        return put_text(b, text, harmless);
    if (harmless) {
        made = buf_new(strlen(text) + 1);
        ok = made != NULL && text_put(made, text, -1) >= 0 && buf_append(made, bytes_of("", 1));
    }
    ok = ok && put_quoted(b, made != NULL ? (const char *)made->data : text);
    buf_unref(made);
    return ok;
}

bool csv_put(struct buf *b, const char *const *cells, size_t n, bool harmless)
{
    for (size_t i = 0; i < n; i++)
        if ((i > 0 && !buf_append(b, bytes_of_text(","))) || !put_cell(b, cells[i], harmless))
            return false;
    return buf_append(b, bytes_of_text("\r\n"));
}

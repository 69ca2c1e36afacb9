/* The stats as a page: bench_report.html with the JSON put in its place. */
#include <stdlib.h>
#include <string.h>

#include "bench_report.h"

/* The template, as it lies in the source tree: see bench_template.S. */
extern const char bench_template[], bench_template_end[];

static const char place[] = "@DATA@";

/* In a string, the one place where JSON has one, a "<" could end the script
 * element that all this is in. */
static bool put_harmless(struct buf *b, const char *json)
{
    for (size_t n; *json != '\0'; json += n) {
        n = strcspn(json, "<");
        bool escape = n == 0;
        n += escape;
        if (!buf_append(b, escape ? bytes_of_text("\\u003c") : bytes_of(json, n)))
            return false;
    }
    return true;
}

bool bench_put_html(struct buf *b, const json_t *json)
{
    size_t len = (size_t)(bench_template_end - bench_template);
    const char *at = memmem(bench_template, len, place, sizeof place - 1);
    const char *rest = at != NULL ? at + sizeof place - 1 : NULL;
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12));
    bool good = at != NULL && text != NULL &&
                buf_append(b, bytes_of(bench_template, (size_t)(at - bench_template))) &&
                put_harmless(b, text) &&
                buf_append(b, bytes_of(rest, (size_t)(bench_template_end - rest)));
    free(text);
    return good;
}

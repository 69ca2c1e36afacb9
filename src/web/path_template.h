/* Path templates of google.api.http, and the paths that match them.
 *
 *   Template = "/" Segments [ ":" verb ]      "/v1/{name=shelves/ * /books/ *}:move" (no blanks)
 *   Segments = Segment { "/" Segment }
 *   Segment  = "*" | "**" | literal | "{" field path [ "=" Segments ] "}"
 *
 * "*" is one segment, "**" the rest of the path; it stands last. Variables do not lie in one
 * another. Any thread. */
#ifndef WEB_PATH_TEMPLATE_H
#define WEB_PATH_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define PATH_SEGMENTS_MAX  16
#define PATH_VARIABLES_MAX 8

enum path_segment_kind { SEGMENT_LITERAL, SEGMENT_ANY, SEGMENT_REST };

/* All views of the text. */
struct path_template {
    struct path_segment {
        enum path_segment_kind kind;
        struct bytes literal;
    } segments[PATH_SEGMENTS_MAX];
    struct path_variable {
        struct bytes field_path;
        uint8_t first, n; /* of the segments that it is; n == 0: none */
    } variables[PATH_VARIABLES_MAX];
    uint8_t nsegments, nvariables;
    struct bytes verb; /* empty: none */
};

/** Reads @text, which must stay. false: it is no template, or has too many parts. */
bool path_template_read(struct path_template *ret, struct bytes text);

/** Whether @path, without its query, matches. ret_values[i], if so: the piece of it that
 * variable i is, as it came. */
bool path_template_match(const struct path_template *t, struct bytes path,
                         struct bytes ret_values[PATH_VARIABLES_MAX]);

/** In which order templates are tried: those first that match fewer paths. As strcmp(). */
int path_template_compare(const struct path_template *a, const struct path_template *b);

/** Whether they match the same paths. */
static inline bool path_template_same(const struct path_template *a, const struct path_template *b)
{
    return path_template_compare(a, b) == 0;
}

#endif

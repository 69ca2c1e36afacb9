#include "describe_comments.h"

#include <stdlib.h>

/* --- Paths -------------------------------------------------------------------------- */

static void push(struct describe_path *path, int32_t n)
{
    if (path->n < DESCRIBE_PATH_MAX)
        path->at[path->n] = n;
    path->n++;
}

void describe_path_push(struct describe_path *path, int32_t number, size_t index)
{
    push(path, number);
    push(path, (int32_t)index);
}

void describe_path_pop(struct describe_path *path)
{
    path->n -= 2;
}

static int compare(const int32_t *a, size_t na, const int32_t *b, size_t nb)
{
    for (size_t i = 0; i < na && i < nb; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return na == nb ? 0 : na < nb ? -1 : 1;
}

static int compare_locations(const void *a, const void *b)
{
    const comment_location *x = *(const comment_location *const *)a;
    const comment_location *y = *(const comment_location *const *)b;
    return compare(x->path, x->n_path, y->path, y->n_path);
}

/* --- Comments ----------------------------------------------------------------------- */

static bool says_something(const comment_location *l)
{
    return (l->leading_comments != NULL && *l->leading_comments != '\0') ||
           (l->trailing_comments != NULL && *l->trailing_comments != '\0');
}

bool describe_comments_init(struct describe_comments *c,
                            const Google__Protobuf__FileDescriptorProto *file)
{
    const Google__Protobuf__SourceCodeInfo *info = file->source_code_info;
    *c = (struct describe_comments){ .n = 0 };
    if (info == NULL)
        return true;
    c->sorted = calloc(info->n_location + 1, sizeof *c->sorted);
    if (c->sorted == NULL)
        return false;
    for (size_t i = 0; i < info->n_location; i++)
        if (says_something(info->location[i]))
            c->sorted[c->n++] = info->location[i];
    qsort(c->sorted, c->n, sizeof *c->sorted, compare_locations);
    return true;
}

void describe_comments_close(struct describe_comments *c)
{
    free(c->sorted);
}

const comment_location *describe_comments_find(const struct describe_comments *c,
                                               const struct describe_path *path)
{
    size_t from = 0, to = path->n <= DESCRIBE_PATH_MAX ? c->n : 0;
    while (from < to) {
        const size_t mid = from + (to - from) / 2;
        const comment_location *l = c->sorted[mid];
        const int order = compare(path->at, path->n, l->path, l->n_path);
        if (order == 0)
            return l;
        if (order < 0)
            to = mid;
        else
            from = mid + 1;
    }
    return NULL;
}

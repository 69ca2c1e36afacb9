#include "nearest.h"

#include <string.h>

#define LETTERS_MAX     32 /* of a word; longer ones are never near */
#define DISTANCE_MAX    3
#define BEGINNING_LEAST 2 /* letters that a beginning must have */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The row of the table for @i letters of @a, made from the two rows before it. */
static void next_row(size_t row[3][LETTERS_MAX + 1], const char *a, size_t i, const char *b,
                     size_t blen)
{
    size_t *now = row[i % 3];
    const size_t *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];
    now[0] = i;
    for (size_t k = 1; k <= blen; k++) {
        const size_t other = before[k - 1] + (a[i - 1] != b[k - 1]);
        now[k] = least(least(before[k] + 1, now[k - 1] + 1), other);
        if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
            now[k] = least(now[k], two_before[k - 2] + 1); /* swapped */
    }
}

/* How many letters must be changed to make one of the other (optimal string alignment). */
static size_t distance(const char *a, size_t alen, const char *b, size_t blen)
{
    size_t row[3][LETTERS_MAX + 1];
    for (size_t k = 0; k <= blen; k++)
        row[0][k] = k;
    for (size_t i = 1; i <= alen; i++)
        next_row(row, a, i, b, blen);
    return row[alen % 3][blen];
}

struct nearest nearest_to(const char *typed, size_t len)
{
    return (struct nearest){
        .typed = typed,
        .len = len,
        .distance = least((len + 2) / 3, DISTANCE_MAX) + 1, /* what is near is nearer */
    };
}

void nearest_try(struct nearest *n, const char *word)
{
    const size_t len = strlen(word);
    if (n->len > LETTERS_MAX || len > LETTERS_MAX)
        return;
    size_t d = distance(n->typed, n->len, word, len);
    if (n->len >= BEGINNING_LEAST && len > n->len && memcmp(n->typed, word, n->len) == 0)
        d = 1;
    if (d >= n->distance)
        return;
    n->distance = d;
    n->best = word;
}

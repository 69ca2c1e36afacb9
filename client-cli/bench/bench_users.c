#include "bench_users.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS     "0123456789"
#define DIGITS_MAX 18

bool users_one(struct users *u, const char *id)
{
    size_t len = strlen(id);
    char **lines = len > 0 && len <= USERS_ID_MAX ? malloc(sizeof *lines) : NULL;
    if (lines == NULL)
        return false;
    lines[0] = strdup(id);
    *u = (struct users){ .n = lines[0] != NULL, .lines = lines };
    return lines[0] != NULL;
}

/* The digits that @text (of @len) ends in. */
static size_t digits_at_end(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && strchr(DIGITS, text[len - n - 1]) != NULL)
        n++;
    return n;
}

bool users_range(struct users *u, const char *text)
{
    const char *dots = strstr(text, "..");
    size_t len = dots != NULL ? (size_t)(dots - text) : 0;
    size_t digits = digits_at_end(text, len), prefix = len - digits;
    if (digits == 0 || digits > DIGITS_MAX || prefix >= USERS_ID_MAX - DIGITS_MAX)
        return false;
    const char *to = dots + 2;
    if (strncmp(to, text, prefix) == 0)
        to += prefix;
    if (*to == '\0' || strlen(to) > DIGITS_MAX || strspn(to, DIGITS) != strlen(to))
        return false;
    uint64_t from = strtoull(text + prefix, NULL, 10), last = strtoull(to, NULL, 10);
    if (last < from)
        return false;
    *u = (struct users){ .n = last - from + 1, .from = from, .width = (int)digits };
    memcpy(u->prefix, text, prefix);
    return true;
}

static int add_line(struct users *u, size_t *cap, const char *line)
{
    if (u->n == *cap) {
        size_t more = *cap > 0 ? 2 * *cap : 64;
        char **lines = realloc(u->lines, more * sizeof *lines);
        if (lines == NULL)
            return ENOMEM;
        u->lines = lines;
        *cap = more;
    }
    u->lines[u->n] = strdup(line);
    if (u->lines[u->n] == NULL)
        return ENOMEM;
    u->n++;
    return 0;
}

int users_read(struct users *u, FILE *from)
{
    char *line = NULL;
    size_t size = 0, cap = 0;
    int rv = 0;
    *u = (struct users){ 0 };
    while (rv == 0 && getline(&line, &size, from) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (strlen(line) > USERS_ID_MAX)
            rv = EINVAL;
        else if (*line != '\0')
            rv = add_line(u, &cap, line);
    }
    if (rv == 0 && ferror(from))
        rv = EIO;
    if (rv == 0 && u->n == 0)
        rv = ENODATA;
    free(line);
    if (rv != 0)
        users_close(u);
    return rv;
}

struct bytes users_at(const struct users *u, uint64_t i, char room[USERS_ID_MAX + 32])
{
    if (u->lines != NULL)
        return bytes_of_text(u->lines[i % u->n]);
    int len =
        snprintf(room, USERS_ID_MAX + 32, "%s%0*" PRIu64, u->prefix, u->width, u->from + i % u->n);
    return bytes_of(room, (size_t)len);
}

void users_close(struct users *u)
{
    for (uint64_t i = 0; u->lines != NULL && i < u->n; i++)
        free(u->lines[i]);
    free(u->lines);
    *u = (struct users){ 0 };
}

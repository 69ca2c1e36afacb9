#include "ids.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/wire.h"

/* Forgotten places at the front are given back when they are so many. */
#define FORGET_MANY 1024

#define ID_BYTES_MAX 256 /* says the contract */

static bool grow(struct ids *ids)
{
    size_t kept = ids->n - ids->forgotten;
    if (kept < ids->cap)
        return true;
    size_t cap = ids->cap > 0 ? 2 * ids->cap : 64;
    char **id = realloc(ids->id, cap * sizeof *id);
    if (id == NULL)
        return false;
    ids->id = id;
    ids->cap = cap;
    return true;
}

static bool add(struct ids *ids, const char *text, size_t len)
{
    char *id = grow(ids) ? strndup(text, len) : NULL;
    if (id == NULL)
        return false;
    ids->id[ids->n - ids->forgotten] = id;
    ids->n++;
    return true;
}

static void leave_out(struct ids *ids, const char *why)
{
    session_note(ids->session, "-:%" PRIu64 ": %s", ids->in.lines.number, why);
    ids->failed = true;
}

const char *ids_wrong(struct bytes id)
{
    if (id.len == 0)
        return "an id cannot be empty";
    if (id.len > ID_BYTES_MAX)
        return "an id has at most 256 bytes";
    return wire_is_text(id) ? NULL : "an id is text: UTF-8";
}

/* NULL: nothing. */
static const char *what_is_wrong(const struct ids *ids, struct bytes id)
{
    if (memchr(id.data, '\0', id.len) != NULL)
        return "an id cannot hold a NUL byte";
    return ids->checked ? ids_wrong(id) : NULL;
}

static void on_line(struct input *in, const char *line, size_t len)
{
    struct ids *ids = container_of(in, struct ids, in);
    if (line == NULL) {
        leave_out(ids, "too long to be an id");
        return;
    }
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    while (len > 0 && isspace((unsigned char)*line))
        line++, len--;
    if (len == 0)
        return;
    const char *wrong = what_is_wrong(ids, bytes_of(line, len));
    if (wrong != NULL)
        leave_out(ids, wrong);
    else if (!add(ids, line, len))
        leave_out(ids, "out of memory");
    if (ids->n >= ids->wanted)
        input_pause(in);
    ids->on_change(ids);
}

static void on_end(struct input *in, int error)
{
    struct ids *ids = container_of(in, struct ids, in);
    if (error != 0) {
        session_say(ids->session, "cannot read standard input: %s", strerror(error));
        ids->failed = true;
    }
    ids->ended = true;
    ids->on_change(ids);
}

static void on_idle(struct input *in)
{
    struct ids *ids = container_of(in, struct ids, in);
    if (ids->on_idle != NULL)
        ids->on_idle(ids);
}

static int take_arguments(struct ids *ids, char *const *arguments, int count)
{
    for (int i = 0; i < count; i++) {
        if (!add(ids, arguments[i], strlen(arguments[i])))
            return ENOMEM;
    }
    ids->ended = true;
    return 0;
}

int ids_init(struct ids *ids, struct session *s, char *const *arguments, int count)
{
    ids->session = s;
    ids->from_input = count == 0 || (count == 1 && strcmp(arguments[0], "-") == 0);
    if (!ids->from_input)
        return take_arguments(ids, arguments, count);
    ids->in.on_line = on_line;
    ids->in.on_end = on_end;
    ids->in.on_idle = on_idle;
    int rv = input_init(&ids->in, s, "-");
    if (rv == 0 && input_is_terminal(&ids->in))
        progress_refuse(&s->progress);
    return rv;
}

void ids_close(struct ids *ids)
{
    ids_forget(ids, ids->n);
    free(ids->id);
    ids->id = NULL;
    if (ids->from_input)
        input_close(&ids->in);
}

void ids_want(struct ids *ids, size_t n)
{
    ids->wanted = n;
    if (ids->from_input && !ids->ended && ids->n < n)
        input_resume(&ids->in);
}

const char *ids_at(const struct ids *ids, size_t i)
{
    return ids->id[i - ids->forgotten];
}

static void close_gap(struct ids *ids, size_t gone)
{
    memmove(ids->id, ids->id + gone, (ids->n - ids->forgotten - gone) * sizeof *ids->id);
}

void ids_forget(struct ids *ids, size_t n)
{
    size_t gone = n > ids->forgotten ? n - ids->forgotten : 0;
    if (gone == 0 || (gone < FORGET_MANY && n < ids->n))
        return;
    for (size_t i = 0; i < gone; i++)
        free(ids->id[i]);
    close_gap(ids, gone);
    ids->forgotten += gone;
}

#include "store_world.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "tmpdir.h"

/* --- Life --------------------------------------------------------------------------- */

void store_world_start(struct store_world *w)
{
    char error[STORE_ERROR_MAX];
    cr_assert_eq(store_open(&w->store, w->dir, "posts", &w->options, error), 0, "%s", error);
    cr_assert_eq(reader_new(&w->reader, w->store, w->loop, error), 0, "%s", error);
}

void store_world_open(struct store_world *w)
{
    *w = (struct store_world){ .options = w->options, .dir = w->dir };
    w->is_dir = w->dir == NULL || w->dir[0] == '/';
    if (w->dir == NULL)
        w->dir = tmpdir_make();
    cr_assert_eq(loop_new(&w->loop, LOOP_IN_UV), 0);
    store_world_start(w);
}

void store_world_stop(struct store_world *w)
{
    store_fetch_drop(&w->fetch);
    reader_free(w->reader);
    store_close(w->store);
    w->reader = NULL;
    w->store = NULL;
}

void store_world_close(struct store_world *w)
{
    store_world_stop(w);
    loop_free(w->loop);
    if (w->is_dir)
        tmpdir_remove(w->dir);
    else
        free(w->dir);
}

/* --- Writing ------------------------------------------------------------------------ */

static struct write_record *add_record(struct store_world *w)
{
    if (w->draft == NULL)
        w->draft = calloc(1, sizeof *w->draft);
    cr_assert(w->draft != NULL);
    cr_assert_lt(w->draft->n, sizeof w->draft->records / sizeof w->draft->records[0]);
    return &w->draft->records[w->draft->n++];
}

/* The id is a part of the value, where that begins. */
void store_put(struct store_world *w, const char *group, const char *id, const char *text)
{
    struct write_record *r = add_record(w);
    const size_t groups = strlen(group), ids = strlen(id), texts = strlen(text);
    char *value = malloc(groups + ids + texts + 3);
    cr_assert(value != NULL);
    sprintf(value, "%s %s %s", group, id, text);
    *r = (struct write_record){ .group = bytes_of(value, groups),
                                .id = bytes_of(value + groups + 1, ids),
                                .value = bytes_of(value, groups + ids + texts + 2),
                                .op = WRITE_PUT };
}

void store_delete(struct store_world *w, const char *id)
{
    struct write_record *r = add_record(w);
    char *copy = strdup(id);
    cr_assert(copy != NULL);
    *r = (struct write_record){ .group = bytes_of(copy, 0),
                                .id = bytes_of_text(copy),
                                .op = WRITE_DELETE };
}

static void on_done(struct write_batch *batch)
{
    struct draft *d = (struct draft *)batch;
    d->answered = true;
    loop_stop(batch->loop);
}

void store_send(struct store_world *w)
{
    struct draft *d = w->draft;
    d->batch = (struct write_batch){
        .records = d->records, .nrecords = d->n, .loop = w->loop, .done = on_done
    };
    d->next = w->sent;
    w->sent = d;
    w->draft = NULL;
    store_write(w->store, &d->batch);
}

static void free_draft(struct draft *d)
{
    for (size_t i = 0; i < d->n; i++)
        free((void *)d->records[i].group.data);
    free(d);
}

/* Of all that was sent; how many failed. */
static unsigned take_answers(struct store_world *w)
{
    unsigned failed = 0;
    w->result = w->sent->records[w->sent->n - 1].result;
    while (w->sent != NULL) {
        struct draft *d = w->sent;
        failed += d->batch.error[0] != '\0';
        w->sent = d->next;
        free_draft(d);
    }
    return failed;
}

static bool all_answered(const struct store_world *w)
{
    for (const struct draft *d = w->sent; d != NULL; d = d->next)
        if (!d->answered)
            return false;
    return true;
}

void store_await(struct store_world *w)
{
    while (!all_answered(w))
        loop_run(w->loop);
    cr_assert_eq(take_answers(w), 0);
}

void store_commit_refused(struct store_world *w)
{
    store_send(w);
    while (!all_answered(w))
        loop_run(w->loop);
    cr_assert_eq(take_answers(w), 1);
}

void store_commit(struct store_world *w)
{
    store_send(w);
    store_await(w);
}

enum write_result store_put_now(struct store_world *w, const char *group, const char *id,
                                const char *text)
{
    store_put(w, group, id, text);
    store_commit(w);
    return w->result;
}

enum write_result store_delete_now(struct store_world *w, const char *id)
{
    store_delete(w, id);
    store_commit(w);
    return w->result;
}

/* --- Reading ------------------------------------------------------------------------ */

void store_begin(struct store_world *w)
{
    char error[STORE_ERROR_MAX];
    cr_assert_eq(reader_begin(w->reader, error), 0, "%s", error);
    w->reading = true;
}

void store_end(struct store_world *w)
{
    reader_end(w->reader);
    w->reading = false;
}

static void on_fetched(struct store_fetch *fetch)
{
    loop_break(container_of(fetch, struct store_world, fetch)->loop);
}

void store_need(struct store_world *w, const struct store_need *need)
{
    int rv;
    w->fetch.ready = on_fetched;
    while ((rv = reader_need(w->reader, &w->fetch, need)) == 0) {
        store_end(w);
        loop_run(w->loop);
        store_begin(w);
    }
    cr_assert_eq(rv, 1, "%s", reader_error(w->reader));
}

/* Whether a step has to end with what it was begun for. */
static bool begin_own(struct store_world *w)
{
    const bool own = !w->reading;
    if (own)
        store_begin(w);
    return own;
}

static void end_own(struct store_world *w, bool own)
{
    if (own)
        store_end(w);
}

static struct bytes text_of(struct bytes value)
{
    struct bytes group, id;
    cr_assert_null(store_world_read(NULL, value, &group, &id));
    const size_t head = group.len + id.len + 2;
    return bytes_of(value.data + head, value.len - head);
}

/* Writes into w->text, as much of it as there is room for. */
struct scribe {
    union {
        struct visit records;
        struct change_visit changes;
    };
    char *to, *end;
    size_t most, n;
};

static struct scribe scribe_of(struct store_world *w, size_t most)
{
    w->text[0] = '\0';
    return (struct scribe){ .to = w->text, .end = w->text + sizeof w->text, .most = most };
}

__attribute__((format(printf, 2, 3))) static void write_down(struct scribe *s, const char *format,
                                                             ...)
{
    const size_t room = (size_t)(s->end - s->to);
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(s->to, room, format, args);
    va_end(args);
    s->to += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static bool on_record(struct visit *visit, struct position at, struct bytes value)
{
    struct scribe *s = (struct scribe *)visit;
    const struct bytes text = text_of(value);
    write_down(s, "%" PRIu32 ".%" PRIu64 "=%.*s ", at.group, at.sequence, (int)text.len,
               (const char *)text.data);
    return true;
}

const char *store_scan(struct store_world *w, struct position *at, uint32_t last_group)
{
    struct scribe s = scribe_of(w, 0);
    const bool own = begin_own(w);
    s.records.record = on_record;
    cr_assert_eq(reader_scan(w->reader, at, last_group, &s.records), 0, "%s",
                 reader_error(w->reader));
    end_own(w, own);
    return w->text;
}

const char *store_list(struct store_world *w)
{
    struct position at = { 0 };
    return store_scan(w, &at, UINT32_MAX);
}

static bool on_change(struct change_visit *visit, const struct change *c)
{
    struct scribe *s = (struct scribe *)visit;
    if (s->n == s->most)
        return false;
    s->n++;
    write_down(s, "%" PRIu64 "%c%.*s@%" PRIu32 ".%" PRIu64 " ", c->revision,
               c->kind == CHANGE_PUT ? '+' : '-', (int)c->id.len, (const char *)c->id.data,
               c->at.group, c->at.sequence);
    return true;
}

const char *store_changes(struct store_world *w, uint64_t *revision, size_t most, int want)
{
    struct scribe s = scribe_of(w, most);
    const bool own = begin_own(w);
    s.changes.change = on_change;
    cr_assert_eq(reader_changes(w->reader, revision, &s.changes), want, "%s",
                 reader_error(w->reader));
    end_own(w, own);
    return w->text;
}

const char *store_get(struct store_world *w, const char *id)
{
    struct bytes value;
    struct scribe s = scribe_of(w, 0);
    const bool own = begin_own(w);
    const int found = reader_get(w->reader, bytes_of_text(id), &value);
    cr_assert_geq(found, 0, "%s", reader_error(w->reader));
    if (found == 1)
        write_down(&s, "%.*s", (int)text_of(value).len, (const char *)text_of(value).data);
    end_own(w, own);
    return found == 1 ? w->text : NULL;
}

struct store_stats store_figures(struct store_world *w)
{
    struct store_stats stats;
    cr_assert_eq(store_stats(w->store, &stats), 0);
    return stats;
}

/* --- The whole ---------------------------------------------------------------------- */

const char *store_world_read(struct store_check *check, struct bytes value, struct bytes *ret_group,
                             struct bytes *ret_id)
{
    (void)check;
    const uint8_t *end = value.data + value.len;
    const uint8_t *space = memchr(value.data, ' ', value.len);
    const uint8_t *next = space == NULL ? NULL : memchr(space + 1, ' ', (size_t)(end - space - 1));
    if (next == NULL)
        return "no text of ours";
    *ret_group = bytes_of(value.data, (size_t)(space - value.data));
    *ret_id = bytes_of(space + 1, (size_t)(next - space - 1));
    return NULL;
}

static void print_problem(struct store_check *check, const char *line)
{
    (void)check;
    fprintf(stderr, "%s\n", line);
}

struct store_check store_sound(struct store_world *w)
{
    char error[STORE_ERROR_MAX];
    struct store_check check = { .read = store_world_read, .problem = print_problem };
    const bool open = w->store != NULL;
    store_world_stop(w);
    cr_assert_eq(store_check(w->dir, "posts", &check, error), 0, "%s", error);
    cr_assert_eq(check.problems, 0);
    if (open)
        store_world_start(w);
    return check;
}

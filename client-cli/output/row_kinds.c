/* What posts and users look like as rows. A column is its place in an enum, its heading
 * and widths (table.h), and its text of a record. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client-cli/records/ndjson.h"
#include "json_write.h"
#include "pbjson/time_text.h"
#include "rows.h"

static void join(char *ret, size_t size, char *const *texts, size_t n)
{
    size_t len = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < n && len < size; i++)
        len += (size_t)snprintf(ret + len, size - len, "%s%s", i > 0 ? ", " : "", texts[i]);
}

static void date(char *ret, size_t size, const Google__Protobuf__Timestamp *t)
{
    char text[TIME_TEXT_BYTES];
    size_t len = t != NULL ? time_text_put(text, t->seconds, t->nanos) : 0;
    if (len > strlen("2020-10-25"))
        len = strlen("2020-10-25");
    snprintf(ret, size, "%.*s", (int)len, text);
}

enum { POST_ID, POST_AUTHOR, POST_TITLE, POST_TAGS, POST_DATE };

/* clang-format off */
static const struct table_column post_columns[] = {
    [POST_ID]     = { "POST ID", 8, 40, 0, false, 0 },
    [POST_AUTHOR] = { "AUTHOR", 12, 24, 0, false, 3 },
    [POST_TITLE]  = { "TITLE", 24, 0, 2, false, 0 },
    [POST_TAGS]   = { "TAGS", 16, 40, 1, false, 1 },
    [POST_DATE]   = { "DATE", 10, 10, 0, false, 2 },
};
/* clang-format on */

static void post_cells(const void *record, struct row_scratch *scratch, const char **ret_cells)
{
    const V1__Post__PostMessage *post = record;
    join(scratch->list, sizeof scratch->list, post->tags, post->n_tags);
    date(scratch->number, sizeof scratch->number, post->create_time);
    ret_cells[POST_ID] = post->post_id;
    ret_cells[POST_AUTHOR] = post->author;
    ret_cells[POST_TITLE] = post->title;
    ret_cells[POST_TAGS] = scratch->list;
    ret_cells[POST_DATE] = scratch->number;
}

static bool post_json(struct buf *b, const void *record)
{
    return ndjson_write_post(b, record);
}

static void gone_post_cells(const void *record, struct row_scratch *scratch, const char **ret_cells)
{
    (void)scratch;
    for (size_t i = 0; i < ROW_COUNT(post_columns); i++)
        ret_cells[i] = "-";
    ret_cells[0] = record;
    ret_cells[2] = "(deleted)";
}

static bool gone_post_json(struct buf *b, const void *record)
{
    return json_write_literal(b, "{\"deleted_post_id\":") &&
           json_write_text(b, bytes_of_text(record)) && json_write_literal(b, "}\n");
}

static const struct row_kind row_gone_post = { .cells = gone_post_cells, .json = gone_post_json };

const struct row_kind row_post = { ROW_COLUMNS(post_columns), post_cells, post_json,
                                   &row_gone_post };

enum { USER_ID, USER_NAME, USER_PHONE, USER_AGE };

static const struct table_column user_columns[] = {
    [USER_ID] = { "USER ID", 8, 40, 0, false, 0 },
    [USER_NAME] = { "NAME", 16, 40, 0, false, 0 },
    [USER_PHONE] = { "PHONE", 14, 24, 0, false, 1 },
    [USER_AGE] = { "AGE", 3, 11, 0, true, 2 },
};

static void user_cells(const void *record, struct row_scratch *scratch, const char **ret_cells)
{
    const V1__User__UserMessage *user = record;
    snprintf(scratch->number, sizeof scratch->number, "%" PRId32, user->age);
    ret_cells[USER_ID] = user->user_id;
    ret_cells[USER_NAME] = user->name;
    ret_cells[USER_PHONE] = user->phone_number;
    ret_cells[USER_AGE] = scratch->number;
}

static bool user_json(struct buf *b, const void *record)
{
    return ndjson_write_user(b, record);
}

const struct row_kind row_user = { ROW_COLUMNS(user_columns), user_cells, user_json, NULL };

enum { RESOLVED_ID, RESOLVED_NAME, RESOLVED_FOUND };

static const struct table_column resolved_columns[] = {
    [RESOLVED_ID] = { "USER ID", 8, 40, 0, false, 0 },
    [RESOLVED_NAME] = { "NAME", 16, 40, 0, false, 0 },
    [RESOLVED_FOUND] = { "FOUND", 5, 5, 0, false, 0 },
};

static void resolved_cells(const void *record, struct row_scratch *scratch, const char **ret_cells)
{
    const V1__User__ResolvedUser *user = record;
    (void)scratch;
    ret_cells[RESOLVED_ID] = user->user_id;
    ret_cells[RESOLVED_NAME] = user->name;
    ret_cells[RESOLVED_FOUND] = user->found ? "yes" : "no";
}

static bool resolved_json(struct buf *b, const void *record)
{
    const V1__User__ResolvedUser *user = record;
    return json_write_literal(b, "{\"user_id\":") &&
           json_write_text(b, bytes_of_text(user->user_id)) &&
           json_write_literal(b, ",\"name\":") && json_write_text(b, bytes_of_text(user->name)) &&
           json_write_literal(b, ",\"found\":") &&
           (user->found ? json_write_literal(b, "true}\n") : json_write_literal(b, "false}\n"));
}

const struct row_kind row_resolved = { ROW_COLUMNS(resolved_columns), resolved_cells, resolved_json,
                                       NULL };

/* What posts and users look like as rows. A field is its place in an enum, its name, the forms
 * that show it, its heading and widths (table.h), and its text of a record. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "client-cli/records/ndjson.h"
#include "json_write.h"
#include "pbjson/time_text.h"
#include "rows.h"

#define DAY_BYTES (sizeof "2020-10-25" - 1)

/* "grpc, streaming", in the scratch. NULL: out of memory. */
static const char *join(struct row_scratch *scratch, char *const *texts, size_t n)
{
    if (n == 0)
        return "";
    if (scratch->list == NULL && (scratch->list = buf_new(256)) == NULL)
        return NULL;
    struct buf *b = scratch->list;
    bool ok = true;
    b->len = 0;
    for (size_t i = 0; i < n && ok; i++)
        ok = buf_append(b, bytes_of_text(i > 0 ? ", " : "")) &&
             buf_append(b, bytes_of_text(texts[i]));
    return ok && buf_append(b, bytes_of("", 1)) ? (const char *)b->data : NULL;
}

static void put_time(char *ret, size_t size, const Google__Protobuf__Timestamp *t)
{
    char text[TIME_TEXT_BYTES];
    const size_t len = t != NULL ? time_text_put(text, t->seconds, t->nanos) : 0;
    snprintf(ret, size, "%.*s", (int)len, text);
}

/* --- Posts -------------------------------------------------------------------------- */

enum {
    POST_ID,
    POST_AUTHOR,
    POST_USER_ID,
    POST_TITLE,
    POST_BODY,
    POST_TAGS,
    POST_DATE,
    POST_CREATE_TIME,
    POST_NR
};

/* clang-format off */
static const struct row_field post_fields[] = {
    [POST_ID]          = { "post_id", IN_TABLE | IN_WIDE | IN_FULL, { "POST ID", 8, 40, 0, false, 0 } },
    [POST_AUTHOR]      = { "author", IN_TABLE | IN_WIDE | IN_FULL, { "AUTHOR", 12, 24, 0, false, 3 } },
    [POST_USER_ID]     = { "user_id", IN_WIDE | IN_FULL, { "USER ID", 8, 40, 0, false, 0 } },
    [POST_TITLE]       = { "title", IN_TABLE | IN_WIDE | IN_FULL, { "TITLE", 24, 0, 2, false, 0 } },
    [POST_BODY]        = { "body", IN_FULL, { "BODY", 24, 0, 2, false, 0 } },
    [POST_TAGS]        = { "tags", IN_TABLE | IN_WIDE | IN_FULL, { "TAGS", 16, 40, 1, false, 1 } },
    [POST_DATE]        = { "date", IN_TABLE, { "DATE", 10, 10, 0, false, 2 } },
    [POST_CREATE_TIME] = { "create_time", IN_WIDE | IN_FULL, { "CREATED", 20, 30, 0, false, 0 } },
};
/* clang-format on */

static bool post_cells(const void *record, struct row_scratch *scratch, const char **ret_cells)
{
    const V1__Post__PostMessage *post = record;
    put_time(scratch->time, sizeof scratch->time, post->create_time);
    snprintf(scratch->number, sizeof scratch->number, "%.*s", (int)DAY_BYTES, scratch->time);
    ret_cells[POST_ID] = post->post_id;
    ret_cells[POST_AUTHOR] = post->author;
    ret_cells[POST_USER_ID] = post->user_id;
    ret_cells[POST_TITLE] = post->title;
    ret_cells[POST_BODY] = post->body;
    ret_cells[POST_TAGS] = join(scratch, post->tags, post->n_tags);
    ret_cells[POST_DATE] = scratch->number;
    ret_cells[POST_CREATE_TIME] = scratch->time;
    return ret_cells[POST_TAGS] != NULL;
}

static bool post_json(struct buf *b, const void *record)
{
    return ndjson_write_post(b, record);
}

static bool post_json_field(struct buf *b, const void *record, size_t field)
{
    const V1__Post__PostMessage *post = record;
    const char *const texts[POST_NR] = {
        [POST_ID] = post->post_id,  [POST_AUTHOR] = post->author, [POST_USER_ID] = post->user_id,
        [POST_TITLE] = post->title, [POST_BODY] = post->body,
    };
    char time[TIME_TEXT_BYTES];
    if (field == POST_TAGS)
        return ndjson_write_tags(b, post->tags, post->n_tags);
    if (field == POST_CREATE_TIME)
        return ndjson_write_time(b, post->create_time);
    if (field != POST_DATE)
        return json_write_text(b, bytes_of_text(texts[field]));
    put_time(time, sizeof time, post->create_time);
    return *time == '\0' ? json_write_literal(b, "null")
                         : json_write_text(b, bytes_of(time, DAY_BYTES));
}

const struct row_kind row_post = { ROW_FIELDS(post_fields), post_cells, post_json, post_json_field,
                                   "deleted_post_id" };

/* --- Users -------------------------------------------------------------------------- */

enum { USER_ID, USER_NAME, USER_PHONE, USER_AGE };

#define IN_ALL (IN_TABLE | IN_WIDE | IN_FULL)

static const struct row_field user_fields[] = {
    [USER_ID] = { "user_id", IN_ALL, { "USER ID", 8, 40, 0, false, 0 } },
    [USER_NAME] = { "name", IN_ALL, { "NAME", 16, 40, 0, false, 0 } },
    [USER_PHONE] = { "phone_number", IN_ALL, { "PHONE", 14, 24, 0, false, 1 } },
    [USER_AGE] = { "age", IN_ALL, { "AGE", 3, 11, 0, true, 2 } },
};

static bool user_cells(const void *record, struct row_scratch *scratch, const char **ret_cells)
{
    const V1__User__UserMessage *user = record;
    snprintf(scratch->number, sizeof scratch->number, "%" PRId32, user->age);
    ret_cells[USER_ID] = user->user_id;
    ret_cells[USER_NAME] = user->name;
    ret_cells[USER_PHONE] = user->phone_number;
    ret_cells[USER_AGE] = scratch->number;
    return true;
}

static bool user_json(struct buf *b, const void *record)
{
    return ndjson_write_user(b, record);
}

static bool user_json_field(struct buf *b, const void *record, size_t field)
{
    const V1__User__UserMessage *user = record;
    const char *const texts[] = {
        [USER_ID] = user->user_id, [USER_NAME] = user->name, [USER_PHONE] = user->phone_number
    };
    return field == USER_AGE ? json_write_int(b, user->age)
                             : json_write_text(b, bytes_of_text(texts[field]));
}

const struct row_kind row_user = { ROW_FIELDS(user_fields), user_cells, user_json, user_json_field,
                                   NULL };

/* --- Names -------------------------------------------------------------------------- */

enum { RESOLVED_ID, RESOLVED_NAME, RESOLVED_FOUND };

static const struct row_field resolved_fields[] = {
    [RESOLVED_ID] = { "user_id", IN_ALL, { "USER ID", 8, 40, 0, false, 0 } },
    [RESOLVED_NAME] = { "name", IN_ALL, { "NAME", 16, 40, 0, false, 0 } },
    [RESOLVED_FOUND] = { "found", IN_ALL, { "FOUND", 5, 5, 0, false, 0 } },
};

static bool resolved_cells(const void *record, struct row_scratch *scratch, const char **ret_cells)
{
    const V1__User__ResolvedUser *user = record;
    (void)scratch;
    ret_cells[RESOLVED_ID] = user->user_id;
    ret_cells[RESOLVED_NAME] = user->name;
    ret_cells[RESOLVED_FOUND] = user->found ? "yes" : "no";
    return true;
}

static bool resolved_json_field(struct buf *b, const void *record, size_t field)
{
    const V1__User__ResolvedUser *user = record;
    if (field == RESOLVED_FOUND)
        return buf_append(b, bytes_of_text(user->found ? "true" : "false"));
    return json_write_text(b, bytes_of_text(field == RESOLVED_ID ? user->user_id : user->name));
}

static bool resolved_json(struct buf *b, const void *record)
{
    return json_write_literal(b, "{\"user_id\":") && resolved_json_field(b, record, RESOLVED_ID) &&
           json_write_literal(b, ",\"name\":") && resolved_json_field(b, record, RESOLVED_NAME) &&
           json_write_literal(b, ",\"found\":") && resolved_json_field(b, record, RESOLVED_FOUND) &&
           json_write_literal(b, "}\n");
}

const struct row_kind row_resolved = { ROW_FIELDS(resolved_fields), resolved_cells, resolved_json,
                                       resolved_json_field, NULL };

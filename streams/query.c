#include "query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "page_token.h"
#include "resolver.h"

int query_refuse(struct query *q, struct status why)
{
    q->refused = malloc(sizeof *q->refused);
    if (q->refused == NULL)
        return ENOMEM;
    *q->refused = why;
    return 0;
}

static struct status foreign_token(void)
{
    struct status s = status_of(STATUS_FAILED_PRECONDITION,
                                "page_token is of another store: list again from the start");
    return *status_because(&s, "FOREIGN_PAGE_TOKEN");
}

static void bind(struct query *q, const struct listing_kind *kind, struct bytes user_id,
                 struct bytes tag)
{
    if (!q->bound)
        q->binding = page_token_bind(kind->name, user_id, tag);
    q->bound = true;
}

/* A token of version 1 says nothing of changes: those from now on follow. */
static struct status take_token(struct query *q, const struct page_token *token, bool follow)
{
    if (token->in_changes && !follow)
        return status_invalid("page_token", "PAGE_TOKEN_MISMATCH",
                              "page_token is of a follow that has listed everything: set follow");
    q->at = token->at;
    q->in_changes = token->in_changes;
    q->has_revision = token->follows;
    q->revision = token->follows ? token->revision : 0;
    q->floor = token->revision;
    q->newest = token->revision == 0;
    return status_ok();
}

static struct status read_page_token(struct query *q, const struct listing_kind *kind,
                                     const struct listing_env *env, const struct listing_request *r)
{
    if (r->page_token.len == 0)
        return status_ok();
    bind(q, kind, r->user_id, r->tag);
    struct page_token token;
    switch (page_token_read(r->page_token, env->store_id, q->binding, &token)) {
    case PAGE_TOKEN_OTHER_QUERY:
        return status_invalid("page_token", "PAGE_TOKEN_MISMATCH",
                              "page_token is of another listing: user_id and tag must be the same");
    case PAGE_TOKEN_OTHER_STORE:
        return foreign_token();
    case PAGE_TOKEN_DAMAGED:
        return status_invalid("page_token", "INVALID_PAGE_TOKEN", "page_token is damaged");
    default:
        return take_token(q, &token, r->follow);
    }
}

static struct status check_follow(const struct listing_kind *kind, const struct listing_request *r,
                                  bool many)
{
    if (r->from_now && !r->follow)
        return status_invalid("from_now", "FROM_NOW_WITHOUT_FOLLOW",
                              "from_now needs follow: without follow there is only the listing");
    if (r->follow && !many)
        return status_invalid("follow", "FOLLOW_NEEDS_STREAM",
                              "follow needs a stream of responses: use %sServerStream or "
                              "%sBidiStream",
                              kind->name, kind->name);
    return status_ok();
}

static struct status check(struct query *q, const struct listing_kind *kind,
                           const struct listing_env *env, const struct listing_request *r,
                           bool many)
{
    if (r->wrong != NULL)
        return *r->wrong;
    const struct status status = check_follow(kind, r, many);
    return status.code != STATUS_OK ? status : read_page_token(q, kind, env, r);
}

static bool copy(struct bytes *to, struct bytes from)
{
    if (from.len == 0)
        return true;
    uint8_t *data = malloc(from.len);
    if (data == NULL)
        return false;
    memcpy(data, from.data, from.len);
    *to = bytes_of(data, from.len);
    return true;
}

int query_init(struct query *q, const struct listing_kind *kind, const struct listing_env *env,
               const struct listing_request *r, int32_t index, bool many)
{
    *q = (struct query){ .index = index, .last_group = UINT32_MAX };
    const struct status status = check(q, kind, env, r, many);
    if (status.code != STATUS_OK)
        return query_refuse(q, status);
    q->page_size = (uint32_t)r->page_size;
    if (r->from_now && r->page_token.len == 0)
        q->in_changes = true;
    q->left = r->limit == 0 ? UINT64_MAX : (uint64_t)r->limit;
    if (!copy(&q->tag, r->tag))
        return ENOMEM;
    if (!kind->by_user)
        return 0;
    if (lookahead_one(&q->names, env->resolver, r->user_id) != 0)
        return ENOMEM;
    q->user_id = name_user_id(q->names.one);
    return 0;
}

bool query_is_whole(const struct query *q, const struct listing_kind *kind)
{
    return !kind->by_user && q->tag.len == 0;
}

size_t query_page_token(struct query *q, const struct listing_kind *kind,
                        const struct listing_env *env, char *text)
{
    bind(q, kind, q->user_id, q->tag);
    const struct page_token token = {
        .store_id = env->store_id,
        .binding = q->binding,
        .at = q->at,
        .follows = q->follow != NULL,
        .in_changes = q->in_changes,
        .revision = q->follow != NULL ? q->revision : q->floor,
    };
    return page_token_write(&token, text);
}

void query_clear(struct query *q)
{
    store_fetch_drop(&q->fetch);
    free(q->refused);
    free((void *)(uintptr_t)q->tag.data);
    lookahead_clear(&q->names);
    *q = (struct query){ 0 };
}

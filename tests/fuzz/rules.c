/* Requests as the rules read them, from their bytes: what they accept decodes
 * with protobuf-c too, and says the same. */
#include <stdlib.h>

#include "fuzz.h"
#include "v1/post/post.pb-c.h"
#include "weir/rules.h"

enum { PAGE_SIZE, LIMIT, USER_ID, TAG, PAGE_TOKEN, FIELDS };

static const struct field_rule fields[] = {
    [PAGE_SIZE] = { 2, RULE_NOT_NEGATIVE, 0, 0 },   [LIMIT] = { 4, RULE_NOT_NEGATIVE, 0, 0 },
    [USER_ID] = { 1, RULE_LENGTH, 1, 256 },         [TAG] = { 5, RULE_LENGTH, 0, 256 },
    [PAGE_TOKEN] = { 3, RULE_LENGTH, 0, SIZE_MAX },
};

static const struct message_rules rules = { &v1__post__list_posts_by_user_id_request__descriptor,
                                            fields, FIELDS };

static bool is_text(const struct said *said, const char *decoded)
{
    return bytes_equal(said->text, bytes_of_text(decoded));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct said said[RULES_MAX];
    struct status why = status_ok();
    const enum rules_result result = rules_read(&rules, in, said, &why);
    cr_assert(rules_check(&rules, in, &why) == (result == RULES_KEPT));
    cr_assert((result == RULES_KEPT) == (why.code == STATUS_OK));
    V1__Post__ListPostsByUserIdRequest *m =
        v1__post__list_posts_by_user_id_request__unpack(NULL, in.len, in.data);
    cr_assert(result == RULES_NO_MESSAGE || m != NULL);
    if (result == RULES_KEPT)
        cr_assert((int32_t)said[PAGE_SIZE].number == m->page_size && m->page_size >= 0 &&
                  (int64_t)said[LIMIT].number == m->limit && m->limit >= 0 &&
                  is_text(&said[USER_ID], m->user_id) && is_text(&said[TAG], m->tag) &&
                  is_text(&said[PAGE_TOKEN], m->page_token));
    if (m != NULL)
        v1__post__list_posts_by_user_id_request__free_unpacked(m, NULL);
    return 0;
}

/* What must hold of a request, as a table: checked on its bytes, before it is
 * decoded. All strings of it are text as well: UTF-8 without NUL.
 *
 *     static const struct field_rule fields[] = {
 *         { 1, RULE_LENGTH, 1, 256 },       a user_id: not empty, at most 256 bytes
 *         { 2, RULE_NOT_NEGATIVE, 0, 0 },   a page_size
 *     };
 *     static const struct message_rules rules = {
 *         &v1__post__list_posts_request__descriptor, fields, 2,
 *     };
 *
 * A handler names the rules of its requests, and has their table beside it. Where a method takes
 * one request, an interceptor checks it (serverkit/intercept/validate.h); where it takes many, one
 * that is wrong may be no reason to end the call, and the handler checks each. */
#ifndef WEIR_RULES_H
#define WEIR_RULES_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "status.h"

enum rule_kind {
    RULE_LENGTH,       /* of a string: from min to max bytes */
    RULE_NOT_NEGATIVE, /* of an int32 or int64 */
    RULE_BOOL,         /* read, and anything goes */
};

struct field_rule {
    uint32_t number; /* of the field, which is no repeated one */
    enum rule_kind kind;
    size_t min, max; /* RULE_LENGTH: 0, SIZE_MAX for a string that only has to be text */
};

#define RULES_MAX 8 /* of one message */

struct message_rules {
    const ProtobufCMessageDescriptor *type;
    const struct field_rule *fields; /* in the order in which they are checked */
    size_t nfields;
};

/* What a message says of a field that has a rule: as protobuf decodes it, the
 * last one counts; empty or 0 if there is none. */
struct said {
    struct bytes text;
    uint64_t number;
};

enum rules_result {
    RULES_KEPT,
    RULES_BROKEN,     /* *why names the field and what is wrong */
    RULES_NO_MESSAGE, /* the bytes are no rules->type, says *why */
};

/** Checks @message and reads it, in one walk over its bytes: @said is in the
 * order of rules->fields, and of a message that breaks the rules what was heard
 * of it. For requests so small that to decode them costs more than to answer.
 * Any thread. */
enum rules_result rules_read(const struct message_rules *rules, struct bytes message,
                             struct said said[RULES_MAX], struct status *why);

/** Whether @message, the bytes of a rules->type, keeps the rules; if not, *why
 * names the field and what is wrong. Bytes that are no message are refused
 * too. Any thread. */
bool rules_check(const struct message_rules *rules, struct bytes message, struct status *why);

#endif

/* The rules that a request must keep, as a table. They are checked on its bytes,
 * before it is decoded. All its strings must also be text: UTF-8 without NUL.
 *
 *     static const struct field_rule fields[] = {
 *         { 1, RULE_LENGTH, 1, 256 },       a user_id: not empty, at most 256 bytes
 *         { 2, RULE_NOT_NEGATIVE, 0, 0 },   a page_size
 *     };
 *     static const struct message_rules rules = {
 *         &v1__post__list_posts_request__descriptor, fields, 2,
 *     };
 *
 * A handler names the rules of its requests, and has their table beside it. If a method takes one
 * request, an interceptor checks it (serverkit/intercept/validate.h). If it takes many, the handler
 * checks each, because a wrong one need not end the call. */
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
    RULE_BOOL,         /* of a bool, which is only read: every value is right */
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

/* What a message says in a field that has a rule. If the field comes several
 * times the last one counts, as protobuf decodes it. Empty or 0: it is not there. */
struct said {
    struct bytes text;
    uint64_t number;
};

enum rules_result {
    RULES_KEPT,
    RULES_BROKEN,     /* *why names the field and what is wrong */
    RULES_NO_MESSAGE, /* the bytes are not a rules->type; *why says so */
};

/** Checks @message and reads it, in one walk over its bytes. @said is in the order
 * of rules->fields. If the message breaks the rules, @said has what was read until
 * then. It is for requests so small that to decode them costs more than to answer
 * them. Any thread. */
enum rules_result rules_read(const struct message_rules *rules, struct bytes message,
                             struct said said[RULES_MAX], struct status *why);

/** Whether @message, the bytes of a rules->type, keeps the rules; if not, *why
 * names the field and what is wrong. Bytes that are no message are refused
 * too. Any thread. */
bool rules_check(const struct message_rules *rules, struct bytes message, struct status *why);

#endif

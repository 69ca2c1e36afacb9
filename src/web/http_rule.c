#include "http_rule.h"

#include "base/wire.h"

#define OPTION_HTTP 72295728

/* Field numbers of HttpRule and CustomHttpPattern. */
enum { RULE_BODY = 7, RULE_CUSTOM = 8, RULE_MORE = 11, RULE_RESPONSE_BODY = 12 };
enum { CUSTOM_KIND = 1, CUSTOM_PATH = 2 };

static const char *const verbs[] = {
    [2] = "GET", [3] = "PUT", [4] = "POST", [5] = "DELETE", [6] = "PATCH"
};

static void set_field(struct http_rule *rule, const struct wire_field *f)
{
    if (f->number < sizeof verbs / sizeof verbs[0] && verbs[f->number] != NULL) {
        rule->verb = bytes_of_text(verbs[f->number]);
        rule->path = f->bytes;
    } else if (f->number == RULE_CUSTOM) {
        rule->verb = wire_find(f->bytes, CUSTOM_KIND);
        rule->path = wire_find(f->bytes, CUSTOM_PATH);
    } else if (f->number == RULE_BODY) {
        rule->body = f->bytes;
    } else if (f->number == RULE_RESPONSE_BODY) {
        rule->response_body = f->bytes;
    }
}

static struct http_rule read_rule(struct bytes message)
{
    struct http_rule rule = { 0 };
    struct wire_field f;
    while (wire_next(&message, &f))
        if (f.type == WIRE_BYTES)
            set_field(&rule, &f);
    return rule;
}

bool http_rule_next(struct bytes options, unsigned *n, struct http_rule *ret)
{
    struct bytes rule = wire_find(options, OPTION_HTTP);
    struct wire_field f;
    if (rule.len == 0)
        return false;
    if ((*n)++ == 0) {
        *ret = read_rule(rule);
        return true;
    }
    for (unsigned i = 1; wire_next(&rule, &f);)
        if (f.number == RULE_MORE && f.type == WIRE_BYTES && ++i == *n) {
            *ret = read_rule(f.bytes);
            return true;
        }
    return false;
}

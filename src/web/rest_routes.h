/* Which method a request by HTTP alone means: all rules of a server's methods, made once.
 *
 * Several rules may have one verb and one path, if one of their methods has one response and
 * the other many: the client's Accept chooses between such twins. */
#ifndef WEB_REST_ROUTES_H
#define WEB_REST_ROUTES_H

#include "field_path.h"
#include "http_rule.h"
#include "path_template.h"
#include "weir/server.h"

/* A rule, looked up. */
struct rest_route {
    const struct method *method;
    const struct pb_method *types;
    struct http_rule rule;
    struct path_template path;
    struct field_path variables[PATH_VARIABLES_MAX]; /* of the request */
    bool has_body;
    const struct pb_field *body;          /* that the body is; NULL: all of the request */
    const struct pb_field *response_body; /* that is answered; NULL: all of the response */
    const struct rest_route *twin;        /* with as many responses as this one has not; or NULL */
};

struct rest_routes {
    struct rest_route *items; /* in the order in which they are tried */
    size_t n;
};

/** Adds the rules of @method, which must stay, as must its @types. Returns 0 or ENOMEM; EINVAL, and
 * @ret_error (PBJSON_ERROR_BYTES) says which rule is none, or names a field that is not there. */
int rest_routes_add(struct rest_routes *routes, const struct method *method,
                    const struct pb_method *types, char *ret_error);

/** After the last was added: sorts them. Returns 0; or EEXIST, and @ret_error says which two are
 * the same. */
int rest_routes_ready(struct rest_routes *routes, char *ret_error);

/** The route for this verb and path, without a query; *ret_values as for path_template_match().
 * NULL: none. Any thread. */
const struct rest_route *rest_routes_find(const struct rest_routes *routes, struct bytes verb,
                                          struct bytes path,
                                          struct bytes ret_values[PATH_VARIABLES_MAX]);

/** Writes the verbs that there are routes for with this path, "GET, POST", to @to, and returns the
 * length; 0: there is none. What has no place in @room is left out. Any thread. */
size_t rest_routes_verbs(const struct rest_routes *routes, struct bytes path, char *to,
                         size_t room);

/** Zeroes are fine. */
void rest_routes_free(struct rest_routes *routes);

#endif

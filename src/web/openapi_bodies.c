#include "openapi_internal.h"

#define STATUS_TYPE "google.rpc.Status"

static const struct pb_message *status_type(const struct openapi *o)
{
    return pb_find_message(o->in->api->pool, text_of(STATUS_TYPE));
}

/* --- Requests ----------------------------------------------------------------------- */

static void put_body_schema(struct openapi *o, const struct rest_route *r)
{
    openapi_begin(o, "schema");
    if (r->body != NULL)
        openapi_field(o, r->body);
    else
        openapi_message(o, r->types->input);
    openapi_end(o);
}

/* A line may be one item of a list. */
static void put_line_schema(struct openapi *o, const struct rest_route *r)
{
    openapi_begin(o, "schema");
    if (r->body != NULL && r->body->repeated && !pb_is_map(r->body))
        openapi_value(o, r->body);
    else if (r->body != NULL)
        openapi_field(o, r->body);
    else
        openapi_message(o, r->types->input);
    openapi_end(o);
}

void openapi_request(struct openapi *o, const struct rest_route *r)
{
    const bool many = r->method->requests == MANY;
    if (!r->has_body)
        return;
    openapi_begin(o, "requestBody");
    if (many)
        openapi_text(o, "description",
                     "A sequence of JSON values, each on a line of its own; this is the schema of "
                     "one of them. They are read as they come.");
    openapi_begin(o, "content");
    if (many) {
        openapi_begin(o, "application/x-ndjson");
        put_line_schema(o, r);
        openapi_end(o);
    }
    openapi_begin(o, "application/json");
    put_body_schema(o, r);
    openapi_end(o);
    openapi_end(o);
    openapi_end(o);
}

/* --- Responses ---------------------------------------------------------------------- */

static void put_answer_members(struct openapi *o, const struct rest_route *r)
{
    openapi_message(o, r->response_body != NULL ? r->response_body->message : r->types->output);
}

static void put_answer(struct openapi *o, const char *key, const struct rest_route *r)
{
    openapi_begin(o, key);
    put_answer_members(o, r);
    openapi_end(o);
}

static void put_status(struct openapi *o, const char *key)
{
    openapi_begin(o, key);
    openapi_message(o, status_type(o));
    openapi_end(o);
}

static void put_object(struct openapi *o, const struct rest_route *r)
{
    openapi_begin(o, "application/json");
    put_answer(o, "schema", r);
    openapi_end(o);
}

static void put_lines(struct openapi *o, const struct rest_route *r)
{
    openapi_begin(o, "application/x-ndjson");
    openapi_begin(o, "schema");
    openapi_text(o, "description", "One line. The last one has \"error\" if the call failed.");
    openapi_text(o, "type", "object");
    openapi_begin(o, "properties");
    put_answer(o, "result", r);
    put_status(o, "error");
    openapi_end(o);
    openapi_end(o);
    openapi_end(o);
}

static void put_array(struct openapi *o, const struct rest_route *r)
{
    openapi_begin(o, "application/json");
    openapi_begin(o, "schema");
    openapi_text(o, "description", "If the call failed, the last item is {\"error\": …}.");
    openapi_text(o, "type", "array");
    put_answer(o, "items", r);
    openapi_end(o);
    openapi_end(o);
}

static void put_events(struct openapi *o, const struct rest_route *r)
{
    openapi_begin(o, "text/event-stream");
    openapi_begin(o, "schema");
    openapi_text(o, "description",
                 "Each event has a message for its data, and next_page_token for its id; "
                 "Last-Event-ID goes on behind it. The last event, \"status\", has a "
                 "google.rpc.Status.");
    openapi_text(o, "type", "string");
    openapi_text(o, "contentMediaType", "application/json");
    put_answer(o, "contentSchema", r);
    openapi_end(o);
    openapi_end(o);
}

static void put_default(struct openapi *o)
{
    openapi_begin(o, "default");
    openapi_text(o, "description", "The call failed. The status of HTTP follows from its code.");
    openapi_begin(o, "content");
    openapi_begin(o, "application/json");
    put_status(o, "schema");
    openapi_end(o);
    openapi_end(o);
    openapi_end(o);
}

void openapi_responses(struct openapi *o, const struct rest_route *r)
{
    const struct rest_route *one = r->method->responses == ONE ? r : r->twin;
    const struct rest_route *many = r->method->responses == MANY ? r : r->twin;
    openapi_begin(o, "responses");
    openapi_begin(o, "200");
    openapi_text(o, "description",
                 many == NULL  ? "The response."
                 : one == NULL ? "The stream of responses."
                               : "The response, or a stream of them: as \"accept\" says.");
    openapi_begin(o, "content");
    if (one != NULL)
        put_object(o, one);
    if (many != NULL)
        put_lines(o, many);
    if (many != NULL && one == NULL)
        put_array(o, many);
    if (many != NULL)
        put_events(o, many);
    openapi_end(o);
    openapi_end(o);
    put_default(o);
    openapi_end(o);
}

/* Who may ask from a browser: pages of which origins (CORS), and by which names of this
 * server. Looked at before anything else of a request, and only with web_options. */
#ifndef HTTP_WEB_GATE_H
#define HTTP_WEB_GATE_H

#include <stdbool.h>

struct answer;
struct http_call;

/** Whether the request may go on. false: @a is the answer to it, which may be that to a
 * browser's question whether it may ask (a preflight). */
bool web_gate_pass(struct http_call *c, struct answer *a);

/** Adds what every answer to a browser has: that a page of another origin may read it, and
 * that its content-type is meant. */
void web_gate_mark(struct http_call *c, struct answer *a);

#endif

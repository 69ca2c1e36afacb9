#include "web_gate.h"

#include "answer.h"
#include "http_call.h"
#include "lane.h"

bool web_gate_pass(struct http_call *c, struct answer *a)
{
    (void)c, (void)a;
    return true;
}

void web_gate_mark(const struct http_call *c, struct answer *a)
{
    (void)c, (void)a;
}

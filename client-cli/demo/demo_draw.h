/* Draws calls as a diagram: time runs down, the client is on the left and the
 * server on the right. Plain characters unless it goes to a terminal. */
#ifndef CLI_DEMO_DRAW_H
#define CLI_DEMO_DRAW_H

#include <stdbool.h>
#include <stdint.h>

#include "client-cli/output/output.h"

struct drawing {
    struct output *out;
    bool fancy; /* arrows and lines; else ASCII */
    bool colours;
    uint64_t started_ns; /* of the call being drawn */
};

/** For @out, which is standard output. */
void drawing_init(struct drawing *d, struct output *out);

/** A heading, and the lanes of a call that starts now. */
void draw_heading(struct drawing *d, int number, const char *rpc, const char *words);

/** An arrow to the right, or to the left, with what it carries. */
__attribute__((format(printf, 2, 3))) void draw_request(struct drawing *d, const char *format, ...);
__attribute__((format(printf, 2, 3))) void draw_response(struct drawing *d, const char *format,
                                                         ...);

/** What happens between the lanes, without an arrow. */
__attribute__((format(printf, 2, 3))) void draw_note(struct drawing *d, const char *format, ...);

/** A line of text below. */
__attribute__((format(printf, 2, 3))) void draw_text(struct drawing *d, const char *format, ...);

/** Milliseconds since the call being drawn started. */
double drawing_ms(const struct drawing *d);

#endif

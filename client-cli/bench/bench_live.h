/* One line on standard error, once a second, about that second. */
#ifndef CLI_BENCH_LIVE_H
#define CLI_BENCH_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench_load.h"

struct bench_live {
    const char *unit;
    bool warming, shown;
    uint64_t origin_ns;
    struct load_sample before;
};

void bench_live_init(struct bench_live *l, const char *unit);

/** A run starts at @origin_ns. */
void bench_live_begin(struct bench_live *l, bool warming, uint64_t origin_ns);

/** Draws what happened between the last sample and this one, per second of the
 * time that really lies between them. */
void bench_live_show(struct bench_live *l, const struct load_sample *s);

/** Takes the line away. */
void bench_live_hide(struct bench_live *l);

/** The text, without moving the cursor. Exposed for tests. */
void bench_live_text(char *ret, size_t size, const struct bench_live *l,
                     const struct load_sample *s);

/** Adds another load's sample. */
void load_sample_add(struct load_sample *sum, const struct load_sample *s);

#endif

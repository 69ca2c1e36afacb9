/* What a load is: its shape and all settings. Made by bench_command.c from the
 * options; read-only from then on, so every loop may look at it. */
#ifndef CLI_BENCH_PLAN_H
#define CLI_BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench_limits.h"
#include "bench_pace.h"
#include "bench_users.h"
#include "client-cli/commands/post_query.h"

enum bench_shape {
    /* Listings. */
    BENCH_UNARY = SHAPE_UNARY,
    BENCH_SERVER = SHAPE_SERVER,
    BENCH_CLIENT = SHAPE_CLIENT,
    BENCH_BIDI = SHAPE_BIDI,
    BENCH_IMPORT = SHAPE_NR,
    BENCH_RESOLVE,
    BENCH_FOLLOW,
    BENCH_NR
};

/* What the shapes differ in. */
struct bench_kind {
    const char *name;
    const char *path; /* NULL: a listing's, by post_query_path() */
    bool many_requests, many_responses;
    bool user_service;
    bool one_answer_each; /* every request's answer ends with a message that has `last` */
    const char *unit;     /* what is counted: "posts" */
    const char *time;     /* what stats.latency is: "call" */
    const char *first;    /* and stats.first: "first answer" */
    uint64_t items;       /* --ids by default, with users given */
};
extern const struct bench_kind bench_kinds[BENCH_NR];

/* No option said it: plan_check() chooses. 0 is a choice too: no bound. */
#define PLAN_UNSET (-1)

struct bench_plan {
    enum bench_shape shape;
    const char *target, *user_target;
    int64_t connections, streams, loops;
    int64_t rate;             /* calls a second; 0: closed loop */
    uint64_t duration_ms;     /* 0: until count */
    uint64_t warmup_ms;       /* 0: none */
    uint64_t deadline_ms;     /* of a call; 0: none */
    int64_t count;            /* calls; 0: until duration_ms */
    int64_t items;            /* --ids: of a call: requests; posts (import), ids (resolve) */
    int64_t page_size, limit; /* PLAN_UNSET until plan_check() */
    const char *tag;
    const char *prefix;     /* of the ids of imported posts */
    const char *slow_text;  /* as given, "" if not */
    const char *users_text; /* the same */
    struct error_limit errors;
    struct pace slow;   /* per_second 0: reads at once */
    struct users users; /* n 0: everybody */
};

static inline const struct bench_kind *plan_kind(const struct bench_plan *p)
{
    return &bench_kinds[p->shape];
}

/** false: @name is no shape. */
bool plan_shape(const char *name, enum bench_shape *ret);

/** Whether posts are imported, besides whatever else. */
static inline bool plan_imports(const struct bench_plan *p)
{
    return p->shape == BENCH_IMPORT || p->shape == BENCH_FOLLOW;
}

/** How many calls are due in all; UINT64_MAX: it is no open loop, and has no count. Of a
 * plan that was checked. */
uint64_t plan_calls(const struct bench_plan *p);

/** The method that is called. */
const char *plan_path(const struct bench_plan *p);

/** Fills in what was left to be chosen (0, or PLAN_UNSET), and looks whether it all fits
 * together. NULL: it does; else what is wrong, in a few words. */
const char *plan_check(struct bench_plan *p);

#endif

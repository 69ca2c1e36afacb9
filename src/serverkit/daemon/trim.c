#include "trim.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/container.h"
#include "base/log.h"
#include "weir/loop.h"

#define LOOK_EVERY_MS 1500
#define WORTH_BYTES   (16 << 20)

/* Worth it where nothing goes on: what is used is about what it was. */
#define WORTH_QUIET_BYTES (512 << 10)
#define QUIET_BYTES       (256 << 10)

#define LARGE_BYTES (256 << 10)
#define TOP_BYTES   (1 << 20)

struct trim {
    struct loop *loop;
    struct timer timer;
    uv_work_t work;
    bool working, stopped;
    size_t kept_bytes; /* unused, and could not be given back the last time */
    size_t used_bytes; /* the last time */
    size_t left_bytes; /* used, when memory was given back the last time */
};

/* The process's own memory, without mapped files; 0: not known. */
static size_t own_bytes(void)
{
    size_t all, resident, shared, pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL)
        return 0;
    if (fscanf(statm, "%zu %zu %zu", &all, &resident, &shared) == 3 && resident > shared)
        pages = resident - shared;
    fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t used_bytes(void)
{
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static size_t unused_bytes(size_t used)
{
    const size_t own = own_bytes();
    return own > used ? own - used : 0;
}

static bool is_quiet(struct trim *trim, size_t used)
{
    const size_t before = trim->used_bytes;
    trim->used_bytes = used;
    return (used > before ? used - before : before - used) < QUIET_BYTES;
}

static void on_work(uv_work_t *work)
{
    struct trim *trim = container_of(work, struct trim, work);
    const size_t used = used_bytes(), unused = unused_bytes(used);
    const size_t worth = is_quiet(trim, used) ? WORTH_QUIET_BYTES : WORTH_BYTES;
    if (unused < trim->kept_bytes)
        trim->kept_bytes = unused;
    if (used + QUIET_BYTES < trim->left_bytes) /* what held pages then is gone */
        trim->kept_bytes = 0;
    if (unused < trim->kept_bytes + worth)
        return;
    malloc_trim(0);
    trim->left_bytes = used_bytes();
    trim->kept_bytes = unused_bytes(trim->left_bytes);
    log_debug("unused memory given back: %zu bytes, then %zu", unused, trim->kept_bytes);
}

static void on_worked(uv_work_t *work, int status)
{
    struct trim *trim = container_of(work, struct trim, work);
    (void)status; /* never cancelled */
    loop_release(trim->loop);
    trim->working = false;
    if (trim->stopped)
        free(trim);
    else
        timer_start(trim->loop, &trim->timer, LOOK_EVERY_MS);
}

static void on_due(struct timer *timer)
{
    struct trim *trim = container_of(timer, struct trim, timer);
    trim->working = true;
    loop_hold(trim->loop);
    uv_queue_work(loop_uv(trim->loop), &trim->work, on_work, on_worked);
}

/* glibc learns from what is freed which sizes to keep, up to 32 MiB: after a burst
 * of large messages no message would ever go back at once. Ours stay: a large one
 * has pages of its own. */
static void set_thresholds(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, TOP_BYTES);
}

int trim_start(struct trim **ret, struct loop *loop)
{
    set_thresholds();
    struct trim *trim = calloc(1, sizeof *trim);
    if (trim == NULL)
        return ENOMEM;
    trim->loop = loop;
    trim->timer.fired = on_due;
    timer_start(loop, &trim->timer, LOOK_EVERY_MS);
    *ret = trim;
    return 0;
}

void trim_stop(struct trim *trim)
{
    if (trim == NULL)
        return;
    timer_stop(&trim->timer);
    trim->stopped = true;
    if (!trim->working)
        free(trim);
}

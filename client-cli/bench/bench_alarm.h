/* A timer that is good to a few microseconds: libuv's own know milliseconds only. */
#ifndef CLI_BENCH_ALARM_H
#define CLI_BENCH_ALARM_H

#include <stdint.h>
#include <uv.h>

#include "weir/loop.h"

struct bench_alarm {
    void (*fired)(struct bench_alarm *alarm); /* the caller's */

    /* private */
    int fd; /* a timerfd; -1: not open */
    uv_poll_t poll;
};

/** On @loop, which need not run yet. Returns 0, or an errno value with nothing left to
 * close. */
int alarm_open(struct bench_alarm *alarm, struct loop *loop);

/** Fires once, at @at_ns of the monotonic clock; that before it is forgotten. */
void alarm_set(struct bench_alarm *alarm, uint64_t at_ns);

/** Its memory must stay until the loop has had another round. Fine if fd is -1. */
void alarm_close(struct bench_alarm *alarm);

#endif

#include "bench_alarm.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

static void on_readable(uv_poll_t *handle, int status, int events)
{
    struct bench_alarm *alarm = handle->data;
    uint64_t expired;
    (void)status, (void)events;
    if (read(alarm->fd, &expired, sizeof expired) == (ssize_t)sizeof expired)
        alarm->fired(alarm);
}

int alarm_open(struct bench_alarm *alarm, struct loop *loop)
{
    alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (alarm->fd < 0)
        return errno;
    int rv = -uv_poll_init(loop_uv(loop), &alarm->poll, alarm->fd);
    if (rv != 0) {
        close(alarm->fd);
        alarm->fd = -1;
        return rv;
    }
    alarm->poll.data = alarm;
    uv_poll_start(&alarm->poll, UV_READABLE, on_readable);
    return 0;
}

void alarm_set(struct bench_alarm *alarm, uint64_t at_ns)
{
    struct itimerspec at = { .it_value = { .tv_sec = (time_t)(at_ns / SECOND_NS),
                                           .tv_nsec = (long)(at_ns % SECOND_NS) } };
    timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void alarm_close(struct bench_alarm *alarm)
{
    if (alarm->fd < 0)
        return;
    uv_close((uv_handle_t *)&alarm->poll, NULL);
    close(alarm->fd);
    alarm->fd = -1;
}

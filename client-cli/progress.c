#include "progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "output.h"
#include "runtime/container.h"
#include "text.h"

#define FIRST_MS 500
#define NEXT_MS  250

char *progress_time(char ret[16], uint64_t seconds)
{
    if (seconds < 60)
        snprintf(ret, 16, "%" PRIu64 "s", seconds);
    else if (seconds < 3600)
        snprintf(ret, 16, "%" PRIu64 "m%02" PRIu64 "s", seconds / 60, seconds % 60);
    else if (seconds < 1000 * 3600)
        snprintf(ret, 16, "%" PRIu64 "h%02" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(ret, 16, "long");
    return ret;
}

void progress_text(char *ret, size_t size, const char *what, uint64_t done, uint64_t total,
                   uint64_t bytes, uint64_t elapsed_ms)
{
    char a[32], b[32], c[32] = "", time[16], percent[32] = "", speed[96] = "", eta[32] = "";
    if (elapsed_ms > 0)
        snprintf(speed, sizeof speed, "  %s/s  %s/s", text_number(a, done * 1000 / elapsed_ms),
                 text_bytes(b, bytes * 1000 / elapsed_ms));
    if (total > 0 && done <= total) {
        snprintf(percent, sizeof percent, "  %.1f%%", 100.0 * (double)done / (double)total);
        if (done > 0)
            snprintf(eta, sizeof eta, "  ETA %s",
                     progress_time(time, (uint64_t)((double)(total - done) * (double)elapsed_ms /
                                                    (double)done / 1000)));
    }
    snprintf(ret, size, "%s%s%s %s%s%s%s", text_number(a, done), percent[0] != '\0' ? " of " : "",
             percent[0] != '\0' ? text_number(c, total) : "", what, percent, speed, eta);
}

void progress_hide(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}

static uint64_t elapsed_ms(const struct progress *p)
{
    return loop_now_ms(p->loop) - p->started_ms;
}

static void draw(struct progress *p)
{
    char text[256];
    progress_text(text, sizeof text, p->what, p->done, p->total, p->bytes, elapsed_ms(p));
    fprintf(stderr, "\r\033[K%s", text);
    p->shown = p->ever_shown = true;
}

static void on_tick(struct timer *t)
{
    struct progress *p = container_of(t, struct progress, tick);
    if (!p->out->writing)
        draw(p);
    timer_start(p->loop, &p->tick, NEXT_MS);
}

void progress_init(struct progress *p, struct loop *loop, bool wanted, const struct output *out)
{
    *p = (struct progress){ .wanted = wanted, .loop = loop, .out = out };
    p->tick.fired = on_tick;
}

void progress_start(struct progress *p, const char *what)
{
    p->what = what;
    p->started_ms = loop_now_ms(p->loop);
    if (p->wanted)
        timer_start(p->loop, &p->tick, FIRST_MS);
}

void progress_end(struct progress *p)
{
    timer_stop(&p->tick);
    progress_hide(p);
    if (!p->ever_shown)
        return;
    char number[32], bytes[32];
    fprintf(stderr, "%s %s, %s in %.1f s\n", text_number(number, p->done), p->what,
            text_bytes(bytes, p->bytes), (double)elapsed_ms(p) / 1000);
}

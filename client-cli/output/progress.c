#include "progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/container.h"
#include "output.h"
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

/* From 0 to 1; negative: cannot be known. */
static double fraction(const struct progress_counts *c)
{
    if (c->total > 0 && c->done <= c->total)
        return (double)c->done / (double)c->total;
    if (c->total_bytes > 0 && c->bytes <= c->total_bytes)
        return (double)c->bytes / (double)c->total_bytes;
    return -1;
}

void progress_text(char *ret, size_t size, const struct progress_counts *c, uint64_t elapsed_ms)
{
    char a[32], b[32], of[48] = "", speed[96] = "", percent[32] = "", eta[32] = "";
    double part = fraction(c);
    if (c->total > 0 && part >= 0)
        snprintf(of, sizeof of, " of %s", text_number(a, c->total));
    if (elapsed_ms > 0)
        snprintf(speed, sizeof speed, "  %s/s  %s/s", text_number(a, c->done * 1000 / elapsed_ms),
                 text_bytes(b, c->bytes * 1000 / elapsed_ms));
    if (part >= 0)
        snprintf(percent, sizeof percent, "  %.1f%%", 100 * part);
    if (part > 0)
        snprintf(eta, sizeof eta, "  ETA %s",
                 progress_time(b, (uint64_t)((1 - part) / part * (double)elapsed_ms / 1000)));
    snprintf(ret, size, "%s%s %s%s%s%s", text_number(a, c->done), of, c->what, percent, speed, eta);
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
    progress_text(text, sizeof text, &p->counts, elapsed_ms(p));
    fprintf(stderr, "\r\033[K%s", text);
    p->shown = p->ever_shown = true;
}

static void on_tick(struct timer *t)
{
    struct progress *p = container_of(t, struct progress, tick);
    const bool begun = p->counts.done > 0 || p->counts.bytes > 0;
    if (begun && !p->out->writing)
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
    p->counts.what = what;
    p->started_ms = loop_now_ms(p->loop);
    if (p->wanted)
        timer_start(p->loop, &p->tick, FIRST_MS);
}

void progress_refuse(struct progress *p)
{
    timer_stop(&p->tick);
    p->wanted = false;
}

void progress_rest(struct progress *p)
{
    timer_stop(&p->tick);
    progress_hide(p);
}

void progress_summary(char *ret, size_t size, const struct progress_counts *c, uint64_t elapsed_ms)
{
    const uint64_t ms = elapsed_ms > 0 ? elapsed_ms : 1;
    char number[32], bytes[32], rate[32], speed[32];
    snprintf(ret, size, "%s %s, %s in %.2f s: %s %s/s, %s/s", text_number(number, c->done), c->what,
             text_bytes(bytes, c->bytes), (double)ms / 1000, text_number(rate, c->done * 1000 / ms),
             c->what, text_bytes(speed, c->bytes * 1000 / ms));
}

void progress_end(struct progress *p)
{
    char text[256];
    progress_rest(p);
    if (p->counts.what == NULL || (!p->ever_shown && !p->always))
        return;
    progress_summary(text, sizeof text, &p->counts, elapsed_ms(p));
    fprintf(stderr, "%s\n", text);
}

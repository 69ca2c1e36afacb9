#include "demo_draw.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "client-cli/output/terminal.h"
#include "client-cli/output/text.h"

#define LANE_COLUMNS 62 /* between the client and the server */
#define LINE_COLUMNS 78

/* What a drawing is made of: on a terminal, and elsewhere. */
struct pen {
    const char *line, *side, *to_right, *to_left, *rule;
    const char *bold, *request, *response, *dim, *off;
};

static const struct pen fancy_pen = {
    "─", "│", "▶", "◀", "━", "\033[1m", "\033[36m", "\033[32m", "\033[2m", "\033[0m",
};
static const struct pen bare_pen = { "─", "│", "▶", "◀", "━", "", "", "", "", "" };
static const struct pen plain_pen = { "-", "|", ">", "<", "=", "", "", "", "", "" };

static const struct pen *pen(const struct drawing *d)
{
    if (!d->fancy)
        return &plain_pen;
    return d->colours ? &fancy_pen : &bare_pen;
}

void drawing_init(struct drawing *d, struct output *out)
{
    *d = (struct drawing){ .out = out, .fancy = isatty(STDOUT_FILENO) != 0 };
    d->colours = terminal_colours();
}

double drawing_ms(const struct drawing *d)
{
    return (double)(uv_hrtime() - d->started_ns) / 1e6;
}

/* Out of memory leaves a gap in the picture, and nothing worse. */
static void put(struct drawing *d, const char *text)
{
    buf_append(output_buf(d->out), bytes_of_text(text));
}

static void put_times(struct drawing *d, const char *text, int n)
{
    while (n-- > 0)
        put(d, text);
}

static void put_line_end(struct drawing *d)
{
    put(d, "\n");
    output_commit(d->out);
}

/* The time, and the client's lane. */
static void put_left(struct drawing *d)
{
    char time[32];
    snprintf(time, sizeof time, "%8.1f  ", drawing_ms(d));
    put(d, pen(d)->dim);
    put(d, time);
    put(d, pen(d)->side);
    put(d, pen(d)->off);
}

static void put_right(struct drawing *d)
{
    put(d, pen(d)->dim);
    put(d, pen(d)->side);
    put(d, pen(d)->off);
    put_line_end(d);
}

void draw_heading(struct drawing *d, int number, const char *rpc, const char *words)
{
    char title[160];
    const struct pen *p = pen(d);
    int len = snprintf(title, sizeof title, " %d. %s: %s ", number, rpc, words);
    put(d, "\n");
    put(d, p->bold);
    put_times(d, p->rule, 2);
    put(d, title);
    put_times(d, p->rule, LINE_COLUMNS - 2 - len);
    put(d, p->off);
    put_line_end(d);
    put(d, p->dim);
    put(d, "      ms  client");
    put_times(d, " ", LANE_COLUMNS - 11);
    put(d, "server");
    put(d, p->off);
    put_line_end(d);
    d->started_ns = uv_hrtime();
}

/* What lies between the lanes: @text, and something for the columns that are left. */
typedef void put_between(struct drawing *d, const char *text, int left);

static void put_request(struct drawing *d, const char *text, int left)
{
    put(d, " ");
    text_put(output_buf(d->out), text, LANE_COLUMNS - 6);
    put(d, " ");
    put(d, pen(d)->request);
    put_times(d, pen(d)->line, left - 4);
    put(d, pen(d)->to_right);
    put(d, pen(d)->off);
    put(d, " ");
}

static void put_response(struct drawing *d, const char *text, int left)
{
    put(d, " ");
    put(d, pen(d)->response);
    put(d, pen(d)->to_left);
    put_times(d, pen(d)->line, left - 4);
    put(d, pen(d)->off);
    put(d, " ");
    text_put(output_buf(d->out), text, LANE_COLUMNS - 6);
    put(d, " ");
}

static void put_note(struct drawing *d, const char *text, int left)
{
    put_times(d, " ", left / 2);
    put(d, pen(d)->dim);
    text_put(output_buf(d->out), text, LANE_COLUMNS);
    put(d, pen(d)->off);
    put_times(d, " ", left - left / 2);
}

__attribute__((format(printf, 3, 0))) static void draw(struct drawing *d, put_between *between,
                                                       const char *format, va_list args)
{
    char text[256];
    vsnprintf(text, sizeof text, format, args);
    const int left = LANE_COLUMNS - text_width(text);
    put_left(d);
    between(d, text, left > 0 ? left : 0);
    put_right(d);
}

void draw_request(struct drawing *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    draw(d, put_request, format, args);
    va_end(args);
}

void draw_response(struct drawing *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    draw(d, put_response, format, args);
    va_end(args);
}

void draw_note(struct drawing *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    draw(d, put_note, format, args);
    va_end(args);
}

void draw_text(struct drawing *d, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(d, text);
    put_line_end(d);
}

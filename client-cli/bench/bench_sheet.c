#include "bench_sheet.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "client-cli/output/text.h"

void sheet_put(struct sheet *sheet, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sheet->bad |= !buf_append(sheet->b, bytes_of_text(text));
}

void sheet_put_text(struct sheet *sheet, const char *text)
{
    sheet->bad |= text_put(sheet->b, text, -1) < 0;
}

void sheet_put_right(struct sheet *sheet, const char *text, int columns)
{
    const int width = text_width(text);
    sheet->bad |= !text_pad(sheet->b, columns > width ? columns - width : 0);
    sheet_put_text(sheet, text);
}

const char *sheet_duration(char ret[32], double ns)
{
    static const struct {
        double ns;
        const char *unit;
    } units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "µs" }, { 1, "ns" } };
    size_t i = 0;
    while (i + 1 < sizeof units / sizeof units[0] && ns < units[i].ns * 0.9995)
        i++;
    double value = ns / units[i].ns;
    int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(ret, 32, "%.*f %s", i == 3 ? 0 : digits, value, units[i].unit);
    return ret;
}

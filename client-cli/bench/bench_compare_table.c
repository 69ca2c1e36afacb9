/* A comparison as a table for people. */
#include <stdio.h>
#include <string.h>

#include "bench_compare.h"
#include "bench_sheet.h"
#include "client-cli/output/text.h"

#define MS_NS          1e6
#define FIGURE_COLUMNS 13

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static const char *words_of(const char *verdict)
{
    return strcmp(verdict, "same") == 0      ? "within the noise"
           : strcmp(verdict, "unknown") == 0 ? "noise not known"
                                             : verdict;
}

/* A rate, which more of is better, or a time in milliseconds. */
static const char *figure(char ret[32], double value, bool rate)
{
    if (!rate)
        return sheet_duration(ret, value * MS_NS);
    if (value >= 100)
        return text_number(ret, (unsigned long long)(value + 0.5));
    snprintf(ret, 32, "%.2f", value);
    return ret;
}

static void put_row(struct sheet *sheet, const json_t *row)
{
    static const char *const figures[] = { "before", "now" };
    const bool rate = strcmp(text_of(row, "better"), "more") == 0;
    char text[32];
    sheet_put(sheet, "%-18s", text_of(row, "name"));
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        sheet_put_right(sheet, figure(text, number_of(row, figures[i]), rate), FIGURE_COLUMNS);
    sheet_put(sheet, " %8.3f  %s\n", number_of(row, "ratio"), words_of(text_of(row, "verdict")));
}

static void put_value(struct sheet *sheet, const json_t *value)
{
    if (json_is_string(value))
        sheet_put_text(sheet,
                       *json_string_value(value) != '\0' ? json_string_value(value) : "none");
    else
        sheet_put(sheet, "%.12g", json_number_value(value));
}

static void put_differences(struct sheet *sheet, const json_t *differs)
{
    const json_t *d;
    size_t i;
    if (json_array_size(differs) == 0)
        return;
    sheet_put(sheet, "settings that differ: ");
    json_array_foreach(differs, i, d)
    {
        sheet_put(sheet, "%s%s ", i > 0 ? "; " : "", text_of(d, "setting"));
        put_value(sheet, json_object_get(d, "before"));
        sheet_put(sheet, ", now ");
        put_value(sheet, json_object_get(d, "now"));
    }
    sheet_put(sheet, "\n");
}

bool bench_put_comparison(struct buf *b, const json_t *comparison)
{
    struct sheet sheet = { .b = b };
    const json_t *row;
    size_t i;
    sheet_put(&sheet, "\ncompared with ");
    sheet_put_text(&sheet, text_of(comparison, "file"));
    sheet_put(&sheet, ", a run of ");
    sheet_put_text(&sheet, text_of(comparison, "started"));
    sheet_put(&sheet, "\n%-18s %12s %12s %8s\n", "", "before", "now", "ratio");
    json_array_foreach(json_object_get(comparison, "rows"), i, row) put_row(&sheet, row);
    put_differences(&sheet, json_object_get(comparison, "differs"));
    return !sheet.bad;
}

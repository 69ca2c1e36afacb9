/* Text on a terminal: how wide it is, and how to keep it harmless. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/** Sets the locale for the width of characters; without a UTF-8 locale it
 * takes C.UTF-8, since everything we print is UTF-8. Once, at start. */
void text_init(void);

/** Columns that @text (UTF-8, NUL-terminated) takes when printed by
 * text_put(): wide characters are two, escaped ones as long as their escape. */
int text_width(const char *text);

/** Appends @text. What could move the cursor, change colours or reorder the
 * line (control characters, direction marks, bytes that are not UTF-8) is
 * escaped: \n, \t, \x1b, \u202e. With @columns >= 0 at most that many columns
 * are used: longer text is cut and ends in "…".
 * Returns the columns used, or -1: out of memory. */
int text_put(struct buf *b, const char *text, int columns);

/** How many of the first @len bytes of @text fit @columns when printed by text_put(): all, or
 * up to a space, or else as many characters as fit; at least one, if there is one. */
size_t text_fit(const char *text, size_t len, int columns);

/** Appends @n spaces. false: out of memory. */
bool text_pad(struct buf *b, int n);

/** Writes @n with a comma between groups of three digits ("1,234,567") and
 * returns @ret. */
char *text_number(char ret[32], unsigned long long n);

/** "999 B", "1.5 KiB", "12.3 MiB". Returns @ret. */
char *text_bytes(char ret[32], unsigned long long n);

#endif

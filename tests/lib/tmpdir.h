/* A folder of a test's own. */
#ifndef TESTS_TMPDIR_H
#define TESTS_TMPDIR_H

/** Makes an empty folder under $TMPDIR, or else /tmp, and returns its path.
 * Ends the process with a line on standard error if that fails. */
char *tmpdir_make(void);

/** Removes the folder with all that is in it, and frees the path. NULL is fine. */
void tmpdir_remove(char *dir);

/** @dir/@name; free() it. */
char *tmpdir_path(const char *dir, const char *name);

#endif

/* Makes a store of what it was in format 2. */
#ifndef TESTS_FORMAT_2_H
#define TESTS_FORMAT_2_H

#include "store_world.h"

/** Takes the revisions and the log from the store of @w, which is open, and has to be
 * closed next. */
void format_2(struct store_world *w);

#endif

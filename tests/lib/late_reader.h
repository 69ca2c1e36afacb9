/* A reader that is late: one that has to fetch what it reads, as of a database elsewhere.
 *
 * It stands on a reader of the embedded store. What is needed comes some turns of the loop
 * later, a few records or changes at a time; and what was not asked for cannot be read:
 * the test fails. */
#ifndef TESTS_LATE_READER_H
#define TESTS_LATE_READER_H

#include "store/store.h"

/** Whether this run of the tests is to be late: STORE=late in the environment. */
bool late_wanted(void);

/** Makes a late reader of @reader, which it owns from then on, for @loop. Blocks of @most
 * records, or changes. */
struct reader *late_reader(struct reader *reader, struct loop *loop, size_t most);

#define LATE_BLOCK 1000 /* what the worlds take for @most */

/** What is asked for meanwhile comes when this is over, as it was when it was asked for. */
void late_hold(bool hold);

/** How often something was fetched, by all of them. */
size_t late_fetches(void);

#endif

/* What our own code has from the heap: counted, and made to fail.
 *
 * The tests are linked with a copy of our library whose calls of malloc() and
 * its like (heap.syms) come here. gRPC, libuv and LMDB get their memory as
 * ever, and so do the tests. Any thread. */
#ifndef TESTS_HEAP_H
#define TESTS_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/** From now on blocks are counted; those of before are not. */
void heap_watch(void);

/** Blocks that were taken since heap_watch() and not given back. */
size_t heap_live(void);

/** The same, once none is left, or after 5 s: of a connection that broke the core
 * gives the messages back on a thread of its own, and tells nobody. */
size_t heap_live_in_the_end(void);

/** Has the @nth allocation from now on fail, once; 0: none. */
void heap_fail_at(unsigned nth);

/** Has every allocation of just this size fail; 0: none. */
void heap_fail_size(size_t size);

/** Whether one has failed since heap_fail_at(). */
bool heap_failed(void);

#endif

/* What our own code has from the heap: counted, and made to fail.
 *
 * The tests are linked with --wrap for malloc() and its like, which redirects
 * what our objects call and nothing else: gRPC, libuv and LMDB get their
 * memory as ever. Any thread. */
#ifndef TESTS_HEAP_H
#define TESTS_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/** From now on blocks are counted; those of before are not. */
void heap_watch(void);

/** Blocks that were taken since heap_watch() and not given back. */
size_t heap_live(void);

/** Has the @nth allocation from now on fail, once; 0: none. */
void heap_fail_at(unsigned nth);

/** Whether it has. */
bool heap_failed(void);

#endif

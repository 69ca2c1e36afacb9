/* Mapping what the system has in memory already, all at once.
 *
 * A process that starts on a store has none of its pages mapped: the first
 * listing would take a fault for every 16 of them, a tenth of its time, although
 * all are in the page cache since the process before. Those are mapped at the
 * start; nothing is read from the disk for it. (Of a file that the process may not
 * write the system says that all is there, since Linux 5.2; a store may be.) */
#ifndef LMDB_POPULATE_H
#define LMDB_POPULATE_H

#include <stddef.h>

/** Of the file's first @bytes, mapped at @map: at most a gibibyte, which takes
 * some 20 ms. What cannot be done is left to the faults. */
void populate(const void *map, size_t bytes);

#endif

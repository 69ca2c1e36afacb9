/* Descriptors 0, 1 and 2. */
#ifndef BASE_STANDARD_FDS_H
#define BASE_STANDARD_FDS_H

/** Opens something harmless in the place of those that are closed. Otherwise a file
 * or socket of ours could become standard output, and a line for the user would end
 * up in it. Using such a descriptor still fails with EBADF. Call it first in main(). */
void standard_fds_occupy(void);

#endif

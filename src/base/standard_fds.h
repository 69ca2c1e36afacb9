/* Descriptors 0, 1 and 2. */
#ifndef BASE_STANDARD_FDS_H
#define BASE_STANDARD_FDS_H

/** Takes the place of those that are closed, so that no file or socket of ours
 * becomes standard output, where a line for the user would end up in it. Using
 * them fails as before, with EBADF. First thing in main(). */
void standard_fds_occupy(void);

#endif

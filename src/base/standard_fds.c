#include "standard_fds.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

/* What was inherited cannot be close-on-exec. What is belongs to the
 * constructor of a library: gRPC tries there whether it can have an eventfd,
 * and keeps that for ever, unused. */
static bool is_inherited(int fd)
{
    const int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

void standard_fds_occupy(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (is_inherited(fd))
            continue;
        /* What one reads from cannot be read, what one writes to not be written. */
        const int null = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        if (null < 0 || dup2(null, fd) < 0)
            _exit(1);
        if (null != fd)
            close(null);
    }
}

#include "raw_peer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

void raw_open(struct raw_peer *p, int port, int receive_bytes)
{
    const struct sockaddr_in a = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    *p = (struct raw_peer){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    cr_assert_geq(p->fd, 0);
    if (receive_bytes > 0)
        setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    cr_assert_eq(connect(p->fd, (const struct sockaddr *)&a, sizeof a), 0);
}

void raw_close(struct raw_peer *p)
{
    close(p->fd);
    frames_clear(&p->got);
    p->fd = -1;
}

size_t raw_send(struct raw_peer *p, struct frames *f)
{
    const ssize_t n = send(p->fd, f->data, f->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    frames_clear(f);
    return n > 0 ? (size_t)n : 0;
}

void raw_read(struct raw_peer *p)
{
    uint8_t block[4096];
    ssize_t n;
    while ((n = recv(p->fd, block, sizeof block, MSG_DONTWAIT)) > 0)
        frames_add(&p->got, bytes_of(block, (size_t)n));
    p->gone = n == 0 || (errno != EAGAIN && errno != EINTR);
}

unsigned raw_frames(struct raw_peer *p, uint8_t type, struct frame *ret)
{
    struct bytes rest = frames_bytes(&p->got);
    struct frame one;
    unsigned n = 0;
    while (frame_next(&rest, &one))
        if (one.type == type) {
            n++;
            if (ret != NULL)
                *ret = one;
        }
    return n;
}

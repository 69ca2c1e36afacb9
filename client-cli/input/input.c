#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"

#define AGAIN_MS 20

static void start_read(struct input *in);

static void end(struct input *in)
{
    if (in->over)
        return;
    in->over = true;
    in->on_end(in, in->error);
}

static void deliver_lines(struct input *in)
{
    char *line = NULL;
    size_t len = 0;
    enum line_result result;
    while (!in->paused && (result = lines_next(&in->lines, &line, &len)) != LINE_NONE)
        in->on_line(in, result == LINE_OK ? line : NULL, len);
}

static void deliver_text(struct input *in)
{
    const char *text;
    const size_t len = in->paused ? 0 : lines_take(&in->lines, &text);
    if (len > 0)
        in->on_text(in, bytes_of(text, len));
}

static void deliver(struct input *in)
{
    if (in->delivering) /* resumed from inside on_line: the loop below goes on */
        return;
    in->delivering = true;
    if (in->on_text != NULL)
        deliver_text(in);
    else
        deliver_lines(in);
    in->delivering = false;
    if (in->paused)
        return;
    if (in->ended)
        end(in);
    else
        start_read(in);
}

static void on_read(uv_fs_t *req)
{
    struct input *in = container_of(req, struct input, read);
    ssize_t n = req->result;
    uv_fs_req_cleanup(req);
    in->reading = false;
    session_reading(in->session, -1);
    if (n == UV_EAGAIN) { /* somebody else made it non-blocking */
        timer_start(in->session->loop, &in->again, AGAIN_MS);
        return;
    }
    if (n > 0) {
        lines_added(&in->lines, (size_t)n);
        in->bytes += (uint64_t)n;
    } else {
        in->ended = true;
        in->error = (int)-n;
        lines_end(&in->lines);
    }
    if (!in->session->stopping)
        deliver(in);
}

static void fail(struct input *in, int error)
{
    in->ended = true;
    in->error = error;
    lines_end(&in->lines);
    end(in);
}

static void start_read(struct input *in)
{
    size_t size;
    if (in->reading || timer_running(&in->again))
        return;
    if (in->on_idle != NULL)
        in->on_idle(in);
    char *to = lines_room(&in->lines, &size);
    if (to == NULL) {
        fail(in, ENOMEM);
        return;
    }
    uv_buf_t room = uv_buf_init(to, (unsigned)size);
    int rv = uv_fs_read(loop_uv(in->session->loop), &in->read, in->fd, &room, 1, -1, on_read);
    if (rv < 0) {
        fail(in, -rv);
        return;
    }
    in->reading = true;
    session_reading(in->session, 1);
}

static void on_again(struct timer *t)
{
    struct input *in = container_of(t, struct input, again);
    if (!in->session->stopping && !in->paused)
        start_read(in);
}

int input_init(struct input *in, struct session *s, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return errno;
    in->session = s;
    in->fd = fd;
    in->paused = true;
    in->again.fired = on_again;
    lines_init(&in->lines, INPUT_LINE_MAX);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        in->size_bytes = (uint64_t)st.st_size;
    return 0;
}

void input_close(struct input *in)
{
    if (in->session == NULL)
        return;
    lines_close(&in->lines);
    if (in->fd != STDIN_FILENO)
        close(in->fd);
    in->session = NULL;
}

void input_resume(struct input *in)
{
    in->paused = false;
    if (!in->over)
        deliver(in);
}

void input_pause(struct input *in)
{
    in->paused = true;
}

bool input_is_terminal(const struct input *in)
{
    return isatty(in->fd) != 0;
}

#include "pager.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/states.h"

/* -F: leave if all fits a screen; -R: colours; -X: what was read stays on the terminal. */
#define LESS_OPTIONS  "FRX"
#define LESS          "less -" LESS_OPTIONS
#define PATH_BYTES    4096
#define PLAIN_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+=:, "

static const struct state_row states[] = {
    [PAGER_NONE] = { "NONE", STATE(PAGER_WANTED) },
    [PAGER_WANTED] = { "WANTED", STATE(PAGER_RUNS) | STATE(PAGER_NONE) },
    [PAGER_RUNS] = { "RUNS", STATE(PAGER_ENDS) | STATE(PAGER_OVER) },
    [PAGER_ENDS] = { "ENDS", STATE(PAGER_OVER) },
    [PAGER_OVER] = { "OVER", 0 },
};

static void move(struct pager *p, enum pager_state next)
{
    p->state = (enum pager_state)state_step_logged(states, p->state, next, "the pager");
}

/* --- Which one ---------------------------------------------------------------------- */

static bool is_program(const char *folder, size_t len, const char *word, size_t word_len)
{
    char path[PATH_BYTES];
    const int n = snprintf(path, sizeof path, "%.*s/%.*s", (int)len, folder, (int)word_len, word);
    return n > 0 && (size_t)n < sizeof path && access(path, X_OK) == 0;
}

/* Whether a shell would find the program that @command begins with. What is more than a program
 * and its arguments is left to it. */
static bool is_there(const char *command)
{
    const char *word = command + strspn(command, " ");
    const size_t len = strcspn(word, " ");
    const char *path = getenv("PATH");
    if (command[strspn(command, PLAIN_LETTERS)] != '\0' || strncmp(word, "exec ", 5) == 0 ||
        memchr(word, '/', len) != NULL || path == NULL)
        return true;
    for (size_t n; *path != '\0'; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        if (is_program(path, n, word, len))
            return true;
    }
    return false;
}

const char *pager_choose(const char *option, const char **ret_missing)
{
    const char *command = option != NULL ? option : getenv("PAGER");
    const bool named = command != NULL;
    *ret_missing = NULL;
    if (!named)
        command = LESS;
    if (command[strspn(command, " ")] == '\0' || strcmp(command, "cat") == 0)
        return NULL;
    if (!is_there(command)) {
        *ret_missing = named ? command : NULL;
        return NULL;
    }
    setenv("LESS", LESS_OPTIONS, 0);
    setenv("LV", "-c", 0);
    return command;
}

/* --- Life --------------------------------------------------------------------------- */

void pager_init(struct pager *p, struct output *out, const char *command)
{
    p->command = command;
    p->out = out;
    p->fd = -1;
    if (command != NULL)
        move(p, PAGER_WANTED);
}

void pager_refuse(struct pager *p)
{
    if (p->state == PAGER_WANTED)
        move(p, PAGER_NONE);
}

static void close_input(struct pager *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static void on_process_exit(uv_process_t *process, int64_t code, int signal_number)
{
    struct pager *p = container_of(process, struct pager, process);
    (void)code, (void)signal_number;
    move(p, PAGER_OVER);
    uv_close((uv_handle_t *)process, NULL);
    p->on_exit(p);
}

/* With the terminal as its output, and @input to read. 0, or an error of libuv. */
static int spawn(struct pager *p, uv_loop_t *loop, int input)
{
    char *args[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char *)(uintptr_t)p->command, NULL };
    uv_stdio_container_t files[] = {
        { .flags = UV_INHERIT_FD, .data.fd = input },
        { .flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
    };
    const uv_process_options_t options = {
        .exit_cb = on_process_exit,
        .file = "/bin/sh",
        .args = args,
        .stdio_count = 3,
        .stdio = files,
    };
    return uv_spawn(loop, &p->process, &options);
}

bool pager_start(struct pager *p, uv_loop_t *loop)
{
    int ends[2];
    if (p->state != PAGER_WANTED)
        return false;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        move(p, PAGER_NONE);
        return false;
    }
    p->fd = ends[1];
    const bool started = spawn(p, loop, ends[0]) == 0;
    close(ends[0]);
    if (started) {
        output_redirect(p->out, p->fd);
    } else {
        close_input(p);
        uv_close((uv_handle_t *)&p->process, NULL);
    }
    move(p, started ? PAGER_RUNS : PAGER_NONE);
    return started;
}

bool pager_runs(const struct pager *p)
{
    return p->state == PAGER_RUNS || p->state == PAGER_ENDS;
}

void pager_end(struct pager *p)
{
    if (p->state != PAGER_RUNS)
        return;
    move(p, PAGER_ENDS);
    close_input(p);
}

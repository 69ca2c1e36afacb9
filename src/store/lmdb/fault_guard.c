#include "fault_guard.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_MAPS 8 /* a program has one; tests have some */

static struct guarded {
    uintptr_t begin;
    size_t bytes; /* 0: free */
    char line[512];
} g_maps[MAX_MAPS];

_Thread_local volatile sig_atomic_t guard_depth;

static const int g_signals[] = { SIGBUS, SIGSEGV };
static struct sigaction g_before[NSIG];

/* Only what is allowed in the handler of a signal. */
_Noreturn static void end(const char *line)
{
    const ssize_t n = write(STDERR_FILENO, line, strlen(line));
    _exit(n > 0 ? 1 : 2);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    const uintptr_t at = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < MAX_MAPS; i++)
        if (g_maps[i].bytes > 0 && (guard_depth > 0 || at - g_maps[i].begin < g_maps[i].bytes))
            end(g_maps[i].line);
    sigaction(number, &g_before[number], NULL); /* not ours: it happens again, to another */
}

static void watch(void)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof g_signals / sizeof *g_signals; i++)
        sigaction(g_signals[i], &action, &g_before[g_signals[i]]);
}

void guard_map(const char *dir, const void *map, size_t bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch);
    for (size_t i = 0; i < MAX_MAPS; i++) {
        struct guarded *g = &g_maps[i];
        if (g->bytes != 0)
            continue;
        snprintf(g->line, sizeof g->line,
                 "%s: %.300s/data.mdb cannot be read: it is damaged or was cut, or the disk fails; "
                 "look with --check, restore it from a backup\n",
                 program_invocation_short_name, dir);
        g->begin = (uintptr_t)map;
        g->bytes = bytes;
        return;
    }
}

void guard_unmap(const void *map)
{
    for (size_t i = 0; i < MAX_MAPS; i++)
        if (g_maps[i].begin == (uintptr_t)map)
            g_maps[i].bytes = 0;
}

void guard_on_assert(MDB_env *env, const char *what)
{
    const char *dir = "?";
    char line[512];
    mdb_env_get_path(env, &dir);
    snprintf(line, sizeof line,
             "%s: %.200s/data.mdb is damaged: look with --check, restore it from a backup "
             "(LMDB: %.150s)\n",
             program_invocation_short_name, dir, what);
    end(line);
}

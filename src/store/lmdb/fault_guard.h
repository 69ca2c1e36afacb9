/* What LMDB does when its file is damaged: it believes what it reads, so it may
 * read where nothing is (SIGSEGV); where the file has ended, or the disk fails
 * (SIGBUS); or find what it calls impossible (an assertion). None of these can be
 * gone on from. They end the process with a line that says which file it was, and
 * exit status 1. */
#ifndef LMDB_FAULT_GUARD_H
#define LMDB_FAULT_GUARD_H

#include <lmdb.h>
#include <signal.h>
#include <stddef.h>

/** From now on such a signal, in these bytes or while LMDB is at work, ends the
 * process with the line. Any other stays what it was. */
void guard_map(const char *dir, const void *map, size_t bytes);
void guard_unmap(const void *map);

/* Whether this thread is in LMDB's hands. */
extern _Thread_local volatile sig_atomic_t guard_depth;

static inline void guard_enter(void)
{
    guard_depth++;
}

static inline void guard_leave(void)
{
    guard_depth--;
}

/** For mdb_env_set_assert(). */
void guard_on_assert(MDB_env *env, const char *what);

#endif

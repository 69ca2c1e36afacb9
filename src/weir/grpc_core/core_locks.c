#include "core_locks.h"

#include <dlfcn.h>
#include <stddef.h>

/* absl::SetMutexDeadlockDetectionMode(OnDeadlockCycle), in the inline
 * namespaces that builds of it have: Debian's, and none. */
static const char *const names[] = {
    "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE",
    "_ZN4absl29SetMutexDeadlockDetectionModeENS_15OnDeadlockCycleE",
};

enum on_deadlock_cycle { IGNORE }; /* OnDeadlockCycle::kIgnore */

void core_locks_trust(void)
{
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        void (*set)(enum on_deadlock_cycle);
        *(void **)&set = dlsym(RTLD_DEFAULT, names[i]); /* as POSIX has it */
        if (set != NULL)
            set(IGNORE);
    }
}

/* What the files of the daemon share; for nobody else.
 *
 *   daemon.c          life: starting, serving, stopping
 *   daemon_options.c  the options that every program has
 *   server_chain.c    the interceptors that they ask for
 *   notify.c          the service manager
 *   self_probe.c      whether the core's listeners still accept
 *   trim.c            memory that is unused */
#ifndef DAEMON_INTERNAL_H
#define DAEMON_INTERNAL_H

#include "daemon.h"

/* The group "Serving"; the other groups keep theirs themselves. */
struct daemon_config {
    struct option_list listen;
    int64_t loops;
    int transport, compression, log_level, log_format;
    bool reflection, console, check;
    uint64_t drain_timeout_ms, write_timeout_ms, max_call_ms, self_probe_ms;
};

/** Reads the options of the program and of everything that every program has,
 * and looks whether they go together; as options_parse(). */
enum option_result daemon_read_options(const struct daemon_program *program,
                                       struct daemon_config *config, int argc, char **argv);

#endif

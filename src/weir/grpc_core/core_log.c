#include "core_log.h"

#include <grpc/support/log.h>
#include <stdio.h>

static void (*g_say)(const struct core_log_line *line);
static _Thread_local char t_error[512];

static void on_line(gpr_log_func_args *args)
{
    const struct core_log_line line = {
        .is_error = args->severity == GPR_LOG_SEVERITY_ERROR,
        .text = args->message,
        .file = args->file,
        .line = args->line,
    };
    if (line.is_error)
        snprintf(t_error, sizeof t_error, "%s", line.text);
    if (g_say != NULL)
        g_say(&line);
}

void core_log_init(void (*say)(const struct core_log_line *line))
{
    g_say = say;
    gpr_set_log_function(on_line);
}

const char *core_log_error(void)
{
    return t_error;
}

void core_log_forget(void)
{
    t_error[0] = '\0';
}

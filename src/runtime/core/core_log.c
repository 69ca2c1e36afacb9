#include "core_log.h"

#include <stdio.h>

static void (*g_line)(gpr_log_func_args *args);
static _Thread_local char t_error[512];

static void on_line(gpr_log_func_args *args)
{
    if (args->severity == GPR_LOG_SEVERITY_ERROR)
        snprintf(t_error, sizeof t_error, "%s", args->message);
    if (g_line != NULL)
        g_line(args);
}

void core_log_init(void (*line)(gpr_log_func_args *args))
{
    g_line = line;
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

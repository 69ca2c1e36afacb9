#include "command.h"
int demo_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 1;
}

/* The commands of "postcli users". argv[0] is "get", "list" or "resolve". */
#ifndef CLI_USERS_H
#define CLI_USERS_H

int users_get_command(int argc, char **argv);
int users_list_command(int argc, char **argv);
int users_resolve_command(int argc, char **argv);

#endif

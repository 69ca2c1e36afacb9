/* The commands. Each reads its own options from argv (argv[0] is the command)
 * and returns the exit code of the program. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

int list_command(int argc, char **argv);
int stream_list_command(int argc, char **argv);
int collect_list_command(int argc, char **argv);
int bidi_list_command(int argc, char **argv);
int bench_command(int argc, char **argv);
int demo_command(int argc, char **argv);
int import_command(int argc, char **argv);
int generate_command(int argc, char **argv);
int users_command(int argc, char **argv);
int health_command(int argc, char **argv);
int describe_command(int argc, char **argv);

#endif

/* Where the command stands on a command line: options may come before it, as in
 * "postcli --target localhost:9001 list --limit 5". Then the words are put into the order
 * that command_run() and getopt_long() take: the command first. */
#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

struct command;

/** Moves the first of argv[1] and so on that is neither an option nor the value of one to
 * argv[1]. Which options have values is known from all commands of @in. Without such a word
 * nothing is moved. Returns NULL; or an option that stands before the command and that no
 * command has, so that nobody can say whether the word behind it is its value. */
const char *command_line_order(const struct command *in, int argc, char **argv);

/** The command of @in whose name, or the last word of it, is @word. NULL: there is none. */
const struct command *command_line_find(const struct command *in, const char *word);

/** The name of the command of @in, or of the option of one, that @word was perhaps meant to
 * be; NULL: none is near. */
const char *command_line_guess(const struct command *in, const char *word);

#endif

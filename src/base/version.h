/* The version of the programs of this tree, which each of them prints on --version. This
 * is the only place that has it; CHANGELOG.md says what is in it. "-dev" is there until it
 * is tagged. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define VERSION "0.1.0-dev"

#endif

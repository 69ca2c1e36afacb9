/* Descriptors as they would stand in a .proto file. */
#ifndef CLI_DESCRIBE_PRINT_H
#define CLI_DESCRIBE_PRINT_H

#include "base/buf.h"
#include "google/protobuf/descriptor.pb-c.h"

/** Appends the service, method, message, field or enum with this full name:
 * the package, and the definition without options; with @comments those that the file has
 * kept of it. Names of types
 * in the same package are short. What comes from a server is escaped.
 *   0
 *   ENOENT  @file defines nothing of that kind with this name
 *   ENOMEM  part of it may have been appended */
int describe_print(struct buf *b, const Google__Protobuf__FileDescriptorProto *file,
                   const char *symbol, bool comments);

#endif

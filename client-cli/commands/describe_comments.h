/* The comments of a .proto file, by what they stand at, where a server's reflection has kept
 * them: protoc --include_source_info. Most servers' libraries leave them out. */
#ifndef CLI_DESCRIBE_COMMENTS_H
#define CLI_DESCRIBE_COMMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "google/protobuf/descriptor.pb-c.h"

typedef Google__Protobuf__SourceCodeInfo__Location comment_location;

/* What stands at a place: field numbers of descriptors and indexes, one after the other, as
 * google.protobuf.SourceCodeInfo has them. */
#define DESCRIBE_PATH_MAX 128

struct describe_path {
    int32_t at[DESCRIBE_PATH_MAX];
    size_t n; /* may be more than there is room for: nothing stands there then */
};

struct describe_comments {
    const comment_location **sorted; /* private: those that have a comment, by their path */
    size_t n;
};

/** Those of @file, which must stay. false: out of memory. */
bool describe_comments_init(struct describe_comments *c,
                            const Google__Protobuf__FileDescriptorProto *file);
void describe_comments_close(struct describe_comments *c);

/** What stands at @path. NULL: nothing. */
const comment_location *describe_comments_find(const struct describe_comments *c,
                                               const struct describe_path *path);

/** Goes on to the @index-th of the descriptor's field @number, and back. */
void describe_path_push(struct describe_path *path, int32_t number, size_t index);
void describe_path_pop(struct describe_path *path);

#endif

#include "check_store.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/container.h"
#include "base/wire.h"
#include "store/store_check.h"

#define PROBLEMS_SHOWN 20
#define RECORD_BYTES   ((size_t)64 << 20) /* decoded: a record of many empty texts grows */

struct run {
    struct store_check check;
    const struct check_store_words *words;
    const struct import_kind *kind;
    const ProtobufCMessageDescriptor *type;
    struct arena *arena; /* of the last one */
    struct status why;
};

static const char *read_record(struct store_check *check, struct bytes value,
                               struct bytes *ret_group, struct bytes *ret_id)
{
    struct run *run = container_of(check, struct run, check);
    struct write_record record;
    arena_reset(run->arena);
    ProtobufCMessage *message =
        protobuf_c_message_unpack(run->type, arena_protobuf(run->arena), value.len, value.data);
    if (message == NULL)
        return "it is not a valid message";
    const char *bad = wire_bad_text(run->type, value);
    if (bad != NULL)
        return "one of its texts is not valid: UTF-8 without NUL";
    if (!run->kind->check(message, &record, &run->why))
        return run->why.message;
    *ret_group = record.group;
    *ret_id = record.id;
    return NULL;
}

static void say_problem(struct store_check *check, const char *line)
{
    const struct run *run = container_of(check, struct run, check);
    if (check->problems <= PROBLEMS_SHOWN)
        fprintf(stderr, "%s: %s\n", run->words->program, line);
}

static int say_damaged(const struct run *run)
{
    fprintf(stderr,
            "%s: the store in %s is damaged: %" PRIu64 " problems%s; restore it from a backup\n",
            run->words->program, run->words->dir, run->check.problems,
            run->check.problems > PROBLEMS_SHOWN ? ", of which the first are above" : "");
    return 1;
}

static int say_good(const struct run *run)
{
    const struct store_check *c = &run->check;
    printf("%s: the store in %s is good: %" PRIu64 " %s", run->words->program, run->words->dir,
           c->records, run->words->kind);
    if (run->words->groups != NULL)
        printf(" of %" PRIu64 " %s", c->groups, run->words->groups);
    printf(", %" PRIu64 " bytes\n", c->value_bytes);
    return fflush(stdout) == 0 ? 0 : 1;
}

int check_store(const struct check_store_words *words, const struct import_kind *kind,
                const ProtobufCMessageDescriptor *type)
{
    char error[STORE_ERROR_MAX];
    struct run run = {
        .check = { .read = read_record, .problem = say_problem },
        .words = words,
        .kind = kind,
        .type = type,
        .arena = arena_new(RECORD_BYTES),
    };
    if (run.arena == NULL) {
        fprintf(stderr, "%s: out of memory\n", words->program);
        return 1;
    }
    int rv = store_check(words->dir, words->kind, &run.check, error);
    arena_free(run.arena);
    if (rv != 0) {
        fprintf(stderr, "%s: %s\n", words->program, error);
        return 1;
    }
    return run.check.problems > 0 ? say_damaged(&run) : say_good(&run);
}

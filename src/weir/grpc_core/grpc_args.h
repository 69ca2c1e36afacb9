/* The arguments of a gRPC server or channel, one after the other. Texts stay
 * the caller's until the server or channel is made. */
#ifndef CORE_GRPC_ARGS_H
#define CORE_GRPC_ARGS_H

#include <assert.h>
#include <grpc/grpc.h>
#include <stddef.h>
#include <stdint.h>

#define GRPC_ARGS_MAX 32

struct grpc_args {
    grpc_arg arg[GRPC_ARGS_MAX];
    size_t n;
};

static inline void grpc_args_put(struct grpc_args *args, grpc_arg arg)
{
    assert(args->n < GRPC_ARGS_MAX);
    args->arg[args->n++] = arg;
}

/* gRPC takes the largest int for "never". */
static inline void grpc_args_put_int(struct grpc_args *args, const char *key, uint64_t value)
{
    const grpc_arg arg = { .type = GRPC_ARG_INTEGER,
                           .key = (char *)(uintptr_t)key,
                           .value.integer = value > INT32_MAX ? INT32_MAX : (int)value };
    grpc_args_put(args, arg);
}

static inline void grpc_args_put_text(struct grpc_args *args, const char *key, const char *value)
{
    const grpc_arg arg = { .type = GRPC_ARG_STRING,
                           .key = (char *)(uintptr_t)key,
                           .value.string = (char *)(uintptr_t)value };
    grpc_args_put(args, arg);
}

/* gRPC takes a reference of its own. */
static inline void grpc_args_put_pointer(struct grpc_args *args, const char *key, void *value,
                                         const grpc_arg_pointer_vtable *vtable)
{
    const grpc_arg arg = { .type = GRPC_ARG_POINTER,
                           .key = (char *)(uintptr_t)key,
                           .value.pointer = { value, vtable } };
    grpc_args_put(args, arg);
}

static inline grpc_channel_args grpc_args_all(struct grpc_args *args)
{
    return (grpc_channel_args){ args->n, args->arg };
}

#endif

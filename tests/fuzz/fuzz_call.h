/* A call of any method with the bytes of an input: one request, or several. */
#ifndef FUZZ_CALL_H
#define FUZZ_CALL_H

#include "fuzz.h"
#include "lib/fake_stream.h"

#define FUZZ_REQUESTS_MAX 8

static inline struct fake_stream *fuzz_call(struct loop *loop, const struct method *m,
                                            struct bytes in)
{
    if (m->requests == ONE)
        return fake_stream_request(loop, m, in);
    struct fake_stream *f = fake_stream_open(loop, m);
    for (int i = 0; i < FUZZ_REQUESTS_MAX && in.len > 0; i++)
        fake_stream_push(f, fuzz_bytes(&in, fuzz_byte(&in)));
    fake_stream_end(f);
    return f;
}

#endif

/* What fuzz targets share. libFuzzer calls LLVMFuzzerTestOneInput() with one
 * input after another; a property that does not hold ends the process, and the
 * input is kept as crash-…: put it into seeds/TARGET/, and make it a test. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes what it is asked for off the front of the input; zero, or less, once
 * that has run out. */
static inline uint8_t fuzz_byte(struct bytes *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->data++;
}

static inline struct bytes fuzz_bytes(struct bytes *in, size_t n)
{
    const struct bytes got = bytes_of(in->data, n < in->len ? n : in->len);
    *in = bytes_of(in->data + got.len, in->len - got.len);
    return got;
}

#endif

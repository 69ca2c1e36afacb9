/* Addresses and targets: what is called local stays so with a port, and no
 * longer is so with another machine in the list. */
#include <stdlib.h>

#include "fuzz.h"
#include "weir/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 32);
    memcpy(text, data, size);
    const bool unix_socket = address_is_unix(text), local = address_is_local(text);
    cr_assert(local || !unix_socket);
    if (local && !unix_socket) {
        strcat(text, ",192.0.2.1:80");
        cr_assert(!address_is_local(text));
    }
    free(text);
    return 0;
}

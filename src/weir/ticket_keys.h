/* Keys for the tickets by which TLS clients resume their sessions.
 *
 * The loops of a server share them. Otherwise a client that comes to another loop
 * would make a full handshake after all. They change with the files of the server,
 * so that a client of an earlier CA does not come back with a ticket. They also
 * change once a day, because whoever gets hold of them can read the sessions of TLS
 * 1.2 that were resumed with them. A ticket with other keys is not an error: a full
 * handshake follows. */
#ifndef WEIR_TICKET_KEYS_H
#define WEIR_TICKET_KEYS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define TICKET_KEYS_BYTES  80 /* as OpenSSL wants them: a name, then two keys */
#define TICKET_KEYS_AGE_MS (24 * 60 * 60 * UINT64_C(1000))

struct ticket_keys {
    pthread_mutex_t lock;
    bool made;
    uint64_t made_ms;
    uint8_t secret[32];
};

void ticket_keys_init(struct ticket_keys *k);

/** Nothing of them stays in memory. */
void ticket_keys_destroy(struct ticket_keys *k);

/** The keys for the server's files of this @generation (see pem_files_newer())
 * at @now_ms of a monotonic clock. false: the system has no random bytes, or
 * OpenSSL no memory. About 5 us. Any thread. */
bool ticket_keys_get(struct ticket_keys *k, unsigned generation, uint64_t now_ms,
                     uint8_t ret[TICKET_KEYS_BYTES]);

#endif

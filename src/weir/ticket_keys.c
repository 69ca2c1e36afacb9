#include "ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

void ticket_keys_init(struct ticket_keys *k)
{
    *k = (struct ticket_keys){ .made = false };
    pthread_mutex_init(&k->lock, NULL);
}

void ticket_keys_destroy(struct ticket_keys *k)
{
    OPENSSL_cleanse(k->secret, sizeof k->secret);
    pthread_mutex_destroy(&k->lock);
}

/* Loops look at their clocks at slightly different times: one that is late
 * gets the new ones too. */
static bool renew(struct ticket_keys *k, uint64_t now_ms)
{
    if (k->made && now_ms < k->made_ms + TICKET_KEYS_AGE_MS)
        return true;
    k->made = RAND_priv_bytes(k->secret, sizeof k->secret) == 1;
    k->made_ms = now_ms;
    return k->made;
}

/* A block of 64 bytes that only the secret's owner can tell. */
static bool derive(const struct ticket_keys *k, unsigned generation, uint8_t block, uint8_t ret[64])
{
    uint8_t label[sizeof generation + 1];
    memcpy(label, &generation, sizeof generation);
    label[sizeof generation] = block;
    return HMAC(EVP_sha512(), k->secret, sizeof k->secret, label, sizeof label, ret, NULL) != NULL;
}

bool ticket_keys_get(struct ticket_keys *k, unsigned generation, uint64_t now_ms,
                     uint8_t ret[TICKET_KEYS_BYTES])
{
    uint8_t blocks[128];
    pthread_mutex_lock(&k->lock);
    const bool made = renew(k, now_ms) && derive(k, generation, 0, blocks) &&
                      derive(k, generation, 1, blocks + 64);
    pthread_mutex_unlock(&k->lock);
    if (made)
        memcpy(ret, blocks, TICKET_KEYS_BYTES);
    OPENSSL_cleanse(blocks, sizeof blocks);
    return made;
}

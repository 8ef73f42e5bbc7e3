/* SPDX-License-Identifier: Apache-2.0 */
/* Keystores: what is taken keeps its bounds, so that unlocking it cannot run away; what
 * costs little is unlocked too. */
#include "gateway/settle/keystore.h"

#include <assert.h>
#include <string.h>

enum {
    CHEAP_WORK = 64, /* n r p */
    CHEAP_ROUNDS = 64
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bounds(const struct keystore *k)
{
    assert(k->salt_len > 0 && k->salt_len <= sizeof(k->salt));
    assert(k->ciphertext_len > 0 && k->ciphertext_len <= sizeof(k->ciphertext));
    if (k->is_scrypt)
        assert(scrypt_check(&k->cost) == RC_OK);
    else
        assert(k->rounds > 0 && k->rounds <= KEYSTORE_ROUNDS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *why = NULL;
    uint8_t key[X402_KEY_LEN];
    struct keystore k;
    enum rc rc = keystore_parse(&k, &why, slice_from((const char *)data, size));

    assert(rc == RC_OK || rc == RC_BAD_INPUT);
    assert((rc == RC_OK) == (why == NULL));
    if (rc != RC_OK)
        return 0;
    check_bounds(&k);
    if (k.is_scrypt ? k.cost.n * k.cost.r * k.cost.p <= CHEAP_WORK
                    : k.rounds <= CHEAP_ROUNDS) {
        rc = keystore_unlock(key, &k, SLICE("foo"));
        assert(rc == RC_OK || rc == RC_BAD_KEY);
    }
    return 0;
}

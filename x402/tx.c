/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/tx.h"

#include "base/keccak.h"
#include "x402/rlp.h"

#include <assert.h>
#include <stdint.h>

enum {
    TYPE_LEN = 1,
    TYPE_EIP1559 = 0x02,
    /* More than the members of one size take, each with its head: seven numbers, an
     * address, two parts of a signature, and the heads of the data and the lists. */
    FIXED_MAX = 512
};

static struct slice hash_slice(const struct x402_hash *h)
{
    return slice_from((const char *)h->bytes, sizeof(h->bytes));
}

static struct slice address_slice(const struct x402_address *a)
{
    return slice_from((const char *)a->bytes, sizeof(a->bytes));
}

/* How many bytes it can take. false: more than there are. */
static bool room_for(size_t *out, const struct x402_tx *tx)
{
    size_t size = FIXED_MAX;
    size_t keys_size;

    for (size_t i = 0; i < tx->access_count; i++) {
        if (__builtin_mul_overflow(tx->access[i].key_count,
                                   sizeof(struct x402_hash) + X402_RLP_HEAD_MAX,
                                   &keys_size) ||
            __builtin_add_overflow(size, keys_size, &size) ||
            __builtin_add_overflow(
                size, sizeof(struct x402_address) + (size_t)3 * X402_RLP_HEAD_MAX,
                &size))
            return false;
    }
    return !__builtin_add_overflow(size, tx->data.len, out);
}

static void put_access_list(struct x402_rlp_out *o, const struct x402_tx *tx)
{
    size_t list = x402_rlp_mark(o);

    for (size_t i = tx->access_count; i-- > 0;) {
        const struct x402_access *entry = &tx->access[i];
        size_t pair = x402_rlp_mark(o);

        for (size_t j = entry->key_count; j-- > 0;)
            x402_rlp_put(o, hash_slice(&entry->keys[j]));
        x402_rlp_close(o, pair); /* the keys */
        x402_rlp_put(o, address_slice(&entry->address));
        x402_rlp_close(o, pair);
    }
    x402_rlp_close(o, list);
}

/* From the last member to the first, as RLP is written here; the order is EIP-1559's.
 */
static void put_members(struct x402_rlp_out *o, const struct x402_tx *tx,
                        const struct x402_signature *s)
{
    if (s != NULL) {
        x402_rlp_put_number(o, s->s);
        x402_rlp_put_number(o, s->r);
        x402_rlp_put_u64(o, s->y_parity);
    }
    put_access_list(o, tx);
    x402_rlp_put(o, tx->data);
    x402_rlp_put_number(o, tx->value);
    x402_rlp_put(o, tx->creates ? SLICE_NONE : address_slice(&tx->to));
    x402_rlp_put_u64(o, tx->gas_limit);
    x402_rlp_put_number(o, tx->max_fee);
    x402_rlp_put_number(o, tx->max_priority_fee);
    x402_rlp_put_u64(o, tx->nonce);
    x402_rlp_put_u64(o, tx->chain_id);
}

/* s is NULL for what is to be signed. */
static enum rc encode(struct slice *out, const struct x402_tx *tx,
                      const struct x402_signature *s, struct arena *a)
{
    struct x402_rlp_out o;
    struct slice members;
    uint8_t *bytes;
    size_t size;

    if (!room_for(&size, tx))
        return RC_TOO_BIG;
    bytes = arena_alloc(a, size);
    if (bytes == NULL)
        return RC_TOO_BIG;
    x402_rlp_begin(&o, bytes + TYPE_LEN, size - TYPE_LEN);
    put_members(&o, tx, s);
    x402_rlp_close(&o, size - TYPE_LEN);
    members = x402_rlp_end(&o);
    assert(members.len > 0);
    /* The type stands right before the list. */
    bytes[o.at] = TYPE_EIP1559;
    *out = slice_from((const char *)bytes + o.at, members.len + TYPE_LEN);
    return RC_OK;
}

enum rc x402_tx_unsigned(struct slice *out, const struct x402_tx *tx, struct arena *a)
{
    return encode(out, tx, NULL, a);
}

enum rc x402_tx_digest(struct x402_hash *out, const struct x402_tx *tx, struct arena *a)
{
    struct slice bytes;

    TRY(x402_tx_unsigned(&bytes, tx, a));
    keccak256(out->bytes, bytes.bytes, bytes.len);
    return RC_OK;
}

enum rc x402_tx_signed(struct slice *out, struct x402_hash *hash,
                       const struct x402_tx *tx, const struct x402_signature *s,
                       struct arena *a)
{
    struct slice bytes;

    TRY(encode(&bytes, tx, s, a));
    keccak256(hash->bytes, bytes.bytes, bytes.len);
    *out = bytes;
    return RC_OK;
}

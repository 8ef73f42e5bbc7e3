/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/batch.h"

#include "x402/members.h"
#include "x402/wire.h"

static enum rc read_channel(struct x402_channel *c, struct slice payload,
                            struct arena *a)
{
    struct slice object;

    TRY(x402__object(&object, payload, "channelConfig"));
    TRY(x402__address(&c->payer, object, "payer", a));
    TRY(x402__address(&c->payer_authorizer, object, "payerAuthorizer", a));
    TRY(x402__address(&c->receiver, object, "receiver", a));
    TRY(x402__address(&c->receiver_authorizer, object, "receiverAuthorizer", a));
    TRY(x402__address(&c->token, object, "token", a));
    TRY(x402__u64(&c->withdraw_delay_s, object, "withdrawDelay"));
    return x402__hash(&c->salt, object, "salt", a);
}

static enum rc read_kind(enum x402_batch_kind *out, struct slice payload,
                         struct arena *a)
{
    static const char *const names[] = {[X402_BATCH_DEPOSIT] = "deposit",
                                        [X402_BATCH_VOUCHER] = "voucher",
                                        [X402_BATCH_REFUND] = "refund"};
    struct slice text;

    TRY(x402__text(&text, payload, "type", a));
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_str(text, names[i])) {
            *out = (enum x402_batch_kind)i;
            return RC_OK;
        }
    return RC_NOT_FOUND;
}

static enum rc read_amount(struct x402_batch_payment *p, struct slice payload,
                           struct arena *a)
{
    struct slice deposit = payload;

    if (p->kind == X402_BATCH_VOUCHER ||
        (p->kind == X402_BATCH_REFUND && !x402__has(payload, "amount")))
        return RC_OK;
    if (p->kind == X402_BATCH_DEPOSIT)
        TRY(x402__object(&deposit, payload, "deposit"));
    p->has_amount = true;
    return x402__u256(&p->amount, deposit, "amount", a);
}

static enum rc read_all(struct x402_batch_payment *p, struct slice payload,
                        struct arena *a)
{
    struct slice voucher;

    TRY(read_channel(&p->channel, payload, a));
    TRY(x402__object(&voucher, payload, "voucher"));
    TRY(x402__hash(&p->voucher.channel_id, voucher, "channelId", a));
    TRY(x402__u256(&p->voucher.claimable, voucher, "maxClaimableAmount", a));
    TRY(x402__read_signature(&p->signature, voucher, a));
    return read_amount(p, payload, a);
}

enum rc x402_batch_read(struct x402_batch_payment *out, struct slice payload,
                        struct arena *a)
{
    struct x402_batch_payment p = {0};
    enum rc rc;

    TRY(read_kind(&p.kind, payload, a));
    rc = read_all(&p, payload, a);
    if (rc == RC_OK)
        *out = p;
    return rc == RC_NOT_FOUND ? RC_BAD_INPUT : rc; /* a member is missing */
}

/* The contract takes the word of the payer's authorizer, or, where none is named, of
 * the payer. */
static const struct x402_address *voucher_signer(const struct x402_channel *c)
{
    return x402_address_is_zero(&c->payer_authorizer) ? &c->payer
                                                      : &c->payer_authorizer;
}

enum x402_batch_verdict x402_batch_verify(const struct x402_batch_payment *p,
                                          uint64_t chain_id, struct x402_u256 charged,
                                          struct x402_u256 amount)
{
    struct x402_hash domain, message, id, digest;
    struct x402_signature signature;
    struct x402_u256 due;

    x402_domain_batch(&domain, chain_id);
    if (x402_typed_channel(&message, &p->channel) != RC_OK)
        return X402_BATCH_BAD_CHANNEL;
    x402_typed_digest(&id, &domain, &message);
    if (!x402_hash_equal(id, p->voucher.channel_id))
        return X402_BATCH_BAD_CHANNEL;
    if (!x402_u256_add(&due, charged, amount) ||
        x402_u256_cmp(due, p->voucher.claimable) != 0 ||
        x402_typed_voucher(&message, &p->voucher) != RC_OK)
        return X402_BATCH_BAD_AMOUNT;
    x402_typed_digest(&digest, &domain, &message);
    if (x402_signature_read(&signature, p->signature, X402_V_PAYMENT) != RC_OK ||
        !x402_curve_signed_by(&digest, &signature, voucher_signer(&p->channel)))
        return X402_BATCH_BAD_SIGNATURE;
    return X402_BATCH_VALID;
}

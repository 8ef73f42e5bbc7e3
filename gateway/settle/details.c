/* SPDX-License-Identifier: Apache-2.0 */
/* One list of fields in one order, walked twice: to write and to read. So both agree by
 * construction, and what is read is what would be written. Numbers are big endian. */
#include "gateway/settle/details.h"

#include <string.h>

enum {
    FORMAT = 1
};

/* Where the walk is. Writing: `out` has room; reading: `in` has bytes. After a fault
 * nothing more happens. */
struct walk {
    uint8_t *out;
    struct slice in;
    size_t at;
    enum rc rc;
};

static void spoil(struct walk *w, enum rc rc)
{
    if (w->rc == RC_OK)
        w->rc = w->out == NULL ? RC_CORRUPT : rc;
}

/* The bytes of one field, in either direction. */
static void bytes(struct walk *w, void *field, size_t len)
{
    const size_t room = w->out != NULL ? WALLET_PAYMENT_DETAILS_MAX : w->in.len;

    if (w->rc != RC_OK || len > room - w->at) {
        spoil(w, RC_TOO_BIG);
        return;
    }
    if (len == 0)
        return;
    if (w->out != NULL)
        memcpy(w->out + w->at, field, len);
    else
        memcpy(field, w->in.bytes + w->at, len);
    w->at += len;
}

static void number(struct walk *w, uint64_t *field, size_t len)
{
    uint8_t b[8];

    for (size_t i = 0; i < len; i++)
        b[i] = (uint8_t)(*field >> (8 * (len - 1 - i)));
    bytes(w, b, len);
    if (w->out != NULL || w->rc != RC_OK)
        return;
    *field = 0;
    for (size_t i = 0; i < len; i++)
        *field = *field << 8 | b[i];
}

static unsigned small(struct walk *w, unsigned value, unsigned least, unsigned most)
{
    uint64_t v = value;

    number(w, &v, 1);
    if (v < least || v > most) {
        spoil(w, RC_BAD_INPUT);
        return least;
    }
    return (unsigned)v;
}

static void flag(struct walk *w, bool *field)
{
    *field = small(w, *field, 0, 1) == 1;
}

static void write_text(struct walk *w, struct slice s)
{
    if (s.len > WALLET_PAYMENT_DETAILS_MAX - w->at)
        spoil(w, RC_TOO_BIG);
    if (w->rc != RC_OK || s.len == 0)
        return;
    memcpy(w->out + w->at, s.bytes, s.len);
    w->at += s.len;
}

/* A slice, borrowed from what is read. */
static void text(struct walk *w, struct slice *field, size_t max)
{
    uint64_t len = field->len;

    if (len > max) {
        spoil(w, RC_TOO_BIG);
        return;
    }
    number(w, &len, 2);
    if (w->out != NULL) {
        write_text(w, *field);
        return;
    }
    if (w->rc == RC_OK && (len > max || len > w->in.len - w->at))
        spoil(w, RC_CORRUPT);
    if (w->rc != RC_OK)
        return;
    *field = len > 0 ? slice_from(w->in.bytes + w->at, (size_t)len) : SLICE_NONE;
    w->at += (size_t)len;
}

static void address(struct walk *w, struct x402_address *field)
{
    bytes(w, field->bytes, sizeof(field->bytes));
}

static void word(struct walk *w, struct x402_u256 *field)
{
    bytes(w, field->bytes, sizeof(field->bytes));
}

static void transfer(struct walk *w, struct x402_transfer *t)
{
    address(w, &t->from);
    address(w, &t->to);
    word(w, &t->value);
    word(w, &t->valid_after);
    word(w, &t->valid_before);
    bytes(w, t->nonce.bytes, sizeof(t->nonce.bytes));
}

static void permit(struct walk *w, struct x402_permit *p)
{
    p->kind = (enum x402_permit_kind)small(w, p->kind, 0, X402_PERMIT_UPTO);
    address(w, &p->owner);
    address(w, &p->token);
    word(w, &p->amount);
    address(w, &p->spender);
    word(w, &p->nonce);
    word(w, &p->deadline);
    address(w, &p->to);
    address(w, &p->facilitator);
    word(w, &p->valid_after);
}

static void payment(struct walk *w, struct x402_payment *p)
{
    p->version = small(w, p->version, 1, 2);
    p->scheme = (enum x402_scheme)small(w, p->scheme, 0, X402_SCHEME_UPTO);
    p->method = (enum x402_method)small(w, p->method, 0, X402_PERMIT2);
    number(w, &p->chain_id, 8);
    if (p->method == X402_EIP3009)
        transfer(w, &p->transfer);
    else
        permit(w, &p->permit);
    text(w, &p->signature, X402_SIGNATURE_MAX);
    text(w, &p->resource.url, DETAILS_TEXT_MAX);
}

/* Scheme, method and chain are the payment's: x402_check() has said so. */
static void offer(struct walk *w, struct x402_offer *o, const struct x402_payment *p)
{
    o->scheme = p->scheme;
    o->method = p->method;
    o->chain_id = p->chain_id;
    word(w, &o->amount);
    address(w, &o->asset);
    address(w, &o->pay_to);
    number(w, &o->timeout_s, 8);
    text(w, &o->name, DETAILS_TEXT_MAX);
    text(w, &o->version, DETAILS_TEXT_MAX);
    address(w, &o->facilitator);
    text(w, &o->flow, DETAILS_TEXT_MAX);
}

static void sent(struct walk *w, struct chain_tx *tx)
{
    uint64_t tries = tx->tries;

    flag(w, &tx->sent);
    bytes(w, tx->hash.bytes, sizeof(tx->hash.bytes));
    number(w, &tx->account_nonce, 8);
    number(w, &tx->max_fee_wei, 8);
    number(w, &tx->priority_wei, 8);
    number(w, &tx->gas_limit, 8);
    number(w, &tries, 4);
    tx->tries = (unsigned)tries;
}

static void reason(struct walk *w, char field[DETAILS_REASON_SIZE])
{
    struct slice s = slice_str(field);

    text(w, &s, DETAILS_REASON_SIZE - 1);
    if (w->out != NULL || w->rc != RC_OK)
        return;
    if (slice_find(s, '\0') < s.len) {
        spoil(w, RC_CORRUPT);
        return;
    }
    memset(field, 0, DETAILS_REASON_SIZE);
    if (s.len > 0)
        memcpy(field, s.bytes, s.len);
}

static void whose(struct walk *w, struct details *d)
{
    enum {
        BOUGHT_HERE,
        OF_OTHERS,
        OUR_OWN
    };

    unsigned v = d->own ? OUR_OWN : d->facilitated ? OF_OTHERS : BOUGHT_HERE;

    v = small(w, v, BOUGHT_HERE, OUR_OWN);
    d->facilitated = v != BOUGHT_HERE;
    d->own = v == OUR_OWN;
}

static void all(struct walk *w, struct details *d)
{
    (void)small(w, FORMAT, FORMAT, FORMAT);
    payment(w, &d->payment);
    offer(w, &d->offer, &d->payment);
    word(w, &d->amount);
    sent(w, &d->tx);
    number(w, &d->block, 8);
    bytes(w, d->fingerprint, sizeof(d->fingerprint));
    flag(w, &d->topup);
    whose(w, d);
    flag(w, &d->told);
    flag(w, &d->dead);
    reason(w, d->reason);
}

enum rc details_encode(uint8_t out[WALLET_PAYMENT_DETAILS_MAX], uint16_t *len,
                       const struct details *d)
{
    uint8_t room[WALLET_PAYMENT_DETAILS_MAX];
    struct walk w = {.out = room};
    struct details copy = *d;

    if (d->payment.scheme != d->offer.scheme || d->payment.method != d->offer.method ||
        d->payment.chain_id != d->offer.chain_id)
        return RC_BAD_INPUT;
    all(&w, &copy);
    if (w.rc != RC_OK)
        return w.rc;
    memcpy(out, room, w.at);
    *len = (uint16_t)w.at;
    return RC_OK;
}

enum rc details_decode(struct details *out, struct slice in)
{
    struct details d = {.block = 0};
    struct walk w = {.in = in};

    all(&w, &d);
    if (w.rc != RC_OK)
        return w.rc;
    if (w.at != in.len)
        return RC_CORRUPT;
    *out = d;
    return RC_OK;
}

static bool same_word(const struct x402_u256 *a, const struct x402_u256 *b)
{
    return x402_u256_cmp(*a, *b) == 0;
}

static bool same_transfer(const struct x402_transfer *a, const struct x402_transfer *b)
{
    return x402_address_equal(&a->from, &b->from) &&
           x402_address_equal(&a->to, &b->to) && same_word(&a->value, &b->value) &&
           same_word(&a->valid_after, &b->valid_after) &&
           same_word(&a->valid_before, &b->valid_before) &&
           x402_hash_equal(a->nonce, b->nonce);
}

static bool same_permit(const struct x402_permit *a, const struct x402_permit *b)
{
    return a->kind == b->kind && x402_address_equal(&a->owner, &b->owner) &&
           x402_address_equal(&a->token, &b->token) &&
           x402_address_equal(&a->spender, &b->spender) &&
           x402_address_equal(&a->to, &b->to) &&
           x402_address_equal(&a->facilitator, &b->facilitator) &&
           same_word(&a->amount, &b->amount) && same_word(&a->nonce, &b->nonce) &&
           same_word(&a->deadline, &b->deadline) &&
           same_word(&a->valid_after, &b->valid_after);
}

bool details_same(const struct x402_payment *a, const struct x402_payment *b)
{
    if (a->method != b->method || a->chain_id != b->chain_id)
        return false;
    return a->method == X402_EIP3009 ? same_transfer(&a->transfer, &b->transfer)
                                     : same_permit(&a->permit, &b->permit);
}

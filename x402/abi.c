/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments are words; one of any length has its offset in its place and stands,
 * counted and padded, behind all others (Contract ABI Specification, "Formal
 * Specification of the Encoding"). Nothing here has more than one of those. */
#include "x402/abi.h"

#include "x402/word.h"

#include <assert.h>
#include <string.h>

enum {
    SELECTOR_LEN = 4,
    V_BASE = 27, /* of a signature whose y is even */
    ADDRESS_PAD = X402_WORD_LEN - X402_ADDRESS_LEN
};

static const struct {
    const char *text;
    uint32_t selector;
} calls[] = {

#define CALL(name, text, selector) [X402_CALL_##name] = {(text), (selector)},
#include "x402/calls.def"
#undef CALL
};

/* The topic is Keccak-256 of the text. */
static const struct {
    const char *text;
    struct x402_hash topic;
} events[] = {
    [X402_EVENT_TRANSFER] = {"Transfer(address,address,uint256)",
                             X402__WORD(0xddf252ad, 0x1be2c89b, 0x69c2b068, 0xfc378daa,
                                        0x952ba7f1, 0x63c4a116, 0x28f55a4d,
                                        0xf523b3ef)},
    [X402_EVENT_AUTHORIZATION_USED] = {"AuthorizationUsed(address,bytes32)",
                                       X402__WORD(0x98de5035, 0x28ee59b5, 0x75ef0c0a,
                                                  0x2576a824, 0x97bfc029, 0xa5685b20,
                                                  0x9e9ec333, 0x479b10a5)},
    [X402_EVENT_AUTHORIZATION_CANCELED] = {"AuthorizationCanceled(address,bytes32)",
                                           X402__WORD(0x1cdd46ff, 0x242716cd,
                                                      0xaa72d159, 0xd339a485,
                                                      0xb3438398, 0x348d68f0,
                                                      0x9d7c8c0a, 0x59353d81)},
};

const char *x402_call_text(enum x402_call call)
{
    assert(call < X402_CALL__COUNT);
    return calls[call].text;
}

uint32_t x402_call_selector(enum x402_call call)
{
    assert(call < X402_CALL__COUNT);
    return calls[call].selector;
}

const char *x402_event_text(enum x402_event event)
{
    assert(event < X402_EVENT__COUNT);
    return events[event].text;
}

const struct x402_hash *x402_event_topic(enum x402_event event)
{
    assert(event < X402_EVENT__COUNT);
    return &events[event].topic;
}

/* Call data being written; its size is known before. */
struct call_out {
    uint8_t *bytes; /* NULL: the arena is spent, and nothing is written */
    size_t len;
    size_t size;
};

static size_t padded(size_t len)
{
    return (len + X402_WORD_LEN - 1) / X402_WORD_LEN * X402_WORD_LEN;
}

/* `word_count` words, and one argument of tail.len bytes behind them (or SLICE_NONE).
 */
static struct call_out begin(enum x402_call call, size_t word_count, struct slice tail,
                             struct arena *a)
{
    uint32_t selector = x402_call_selector(call);
    uint8_t first[SELECTOR_LEN] = {X402__BYTES(selector)};
    struct call_out o = {NULL, SELECTOR_LEN, SELECTOR_LEN + word_count * X402_WORD_LEN};

    if (tail.len > SIZE_MAX / 2)
        return o;
    if (tail.bytes != NULL)
        o.size += X402_WORD_LEN + padded(tail.len);
    o.bytes = arena_alloc(a, o.size);
    if (o.bytes != NULL)
        memcpy(o.bytes, first, sizeof(first));
    return o;
}

/* len bytes at the end of the next word, or at its beginning; the rest is zero already.
 */
static void put(struct call_out *o, const void *bytes, size_t pad, size_t len)
{
    assert(pad + len <= X402_WORD_LEN);
    if (o->bytes == NULL)
        return;
    assert(o->len + X402_WORD_LEN <= o->size);
    memcpy(o->bytes + o->len + pad, bytes, len);
    o->len += X402_WORD_LEN;
}

static void put_address(struct call_out *o, const struct x402_address *a)
{
    put(o, a->bytes, ADDRESS_PAD, sizeof(a->bytes));
}

static void put_number(struct call_out *o, struct x402_u256 v)
{
    put(o, v.bytes, 0, sizeof(v.bytes));
}

static void put_hash(struct call_out *o, const struct x402_hash *h)
{
    put(o, h->bytes, 0, sizeof(h->bytes));
}

/* Ends the words: the place of the tail, then the tail. */
static void put_tail(struct call_out *o, struct slice tail)
{
    size_t offset = o->len + X402_WORD_LEN - SELECTOR_LEN;

    put_number(o, x402_u256_from_u64(offset));
    put_number(o, x402_u256_from_u64(tail.len));
    if (o->bytes == NULL)
        return;
    if (tail.len > 0)
        memcpy(o->bytes + o->len, tail.bytes, tail.len);
    o->len += padded(tail.len);
}

static enum rc end(struct slice *out, const struct call_out *o)
{
    if (o->bytes == NULL)
        return RC_TOO_BIG;
    assert(o->len == o->size);
    *out = slice_from((const char *)o->bytes, o->len);
    return RC_OK;
}

static void put_authorization(struct call_out *o, const struct x402_transfer *t)
{
    put_address(o, &t->from);
    put_address(o, &t->to);
    put_number(o, t->value);
    put_number(o, t->valid_after);
    put_number(o, t->valid_before);
    put_hash(o, &t->nonce);
}

enum rc x402_call_transfer(struct slice *out, const struct x402_transfer *t,
                           const struct x402_signature *s, struct arena *a)
{
    struct call_out o = begin(X402_CALL_TRANSFER, 9, SLICE_NONE, a);

    put_authorization(&o, t);
    put_number(&o, x402_u256_from_u64(V_BASE + s->y_parity));
    put_number(&o, s->r);
    put_number(&o, s->s);
    return end(out, &o);
}

/* An argument of no bytes is still an argument. */
static struct slice some(struct slice tail)
{
    return tail.bytes == NULL ? SLICE("") : tail;
}

enum rc x402_call_transfer_bytes(struct slice *out, const struct x402_transfer *t,
                                 struct slice signature, struct arena *a)
{
    struct call_out o = begin(X402_CALL_TRANSFER_BYTES, 7, some(signature), a);

    put_authorization(&o, t);
    put_tail(&o, signature);
    return end(out, &o);
}

static void put_permit(struct call_out *o, const struct x402_permit *p)
{
    put_address(o, &p->token);
    put_number(o, p->amount);
    put_number(o, p->nonce);
    put_number(o, p->deadline);
}

enum rc x402_call_settle(struct slice *out, const struct x402_permit *p,
                         const struct x402_u256 *amount, struct slice signature,
                         struct arena *a)
{
    bool upto = p->kind == X402_PERMIT_UPTO;
    struct call_out o;

    assert(upto == (amount != NULL));
    if (upto && x402_u256_cmp(*amount, p->amount) > 0)
        return RC_BAD_INPUT;
    o = begin(upto ? X402_CALL_SETTLE_UPTO : X402_CALL_SETTLE_EXACT, upto ? 10 : 8,
              some(signature), a);
    put_permit(&o, p);
    if (upto)
        put_number(&o, *amount);
    put_address(&o, &p->owner);
    put_address(&o, &p->to);
    if (upto)
        put_address(&o, &p->facilitator);
    put_number(&o, p->valid_after);
    put_tail(&o, signature);
    return end(out, &o);
}

enum rc x402_call_authorization_state(struct slice *out,
                                      const struct x402_address *authorizer,
                                      const struct x402_hash *nonce, struct arena *a)
{
    struct call_out o = begin(X402_CALL_AUTHORIZATION_STATE, 2, SLICE_NONE, a);

    put_address(&o, authorizer);
    put_hash(&o, nonce);
    return end(out, &o);
}

enum rc x402_call_balance(struct slice *out, const struct x402_address *owner,
                          struct arena *a)
{
    struct call_out o = begin(X402_CALL_BALANCE, 1, SLICE_NONE, a);

    put_address(&o, owner);
    return end(out, &o);
}

enum rc x402_call_allowance(struct slice *out, const struct x402_address *owner,
                            const struct x402_address *spender, struct arena *a)
{
    struct call_out o = begin(X402_CALL_ALLOWANCE, 2, SLICE_NONE, a);

    put_address(&o, owner);
    put_address(&o, spender);
    return end(out, &o);
}

enum rc x402_call_nonce_bitmap(struct slice *out, const struct x402_address *owner,
                               const struct x402_u256 *nonce, struct arena *a)
{
    struct call_out o = begin(X402_CALL_NONCE_BITMAP, 2, SLICE_NONE, a);
    struct x402_u256 word = X402_ZERO;

    memcpy(word.bytes + 1, nonce->bytes, sizeof(word.bytes) - 1);
    put_address(&o, owner);
    put_number(&o, word);
    return end(out, &o);
}

enum rc x402_call_valid_signature(struct slice *out, const struct x402_hash *digest,
                                  struct slice signature, struct arena *a)
{
    struct call_out o = begin(X402_CALL_VALID_SIGNATURE, 2, some(signature), a);

    put_hash(&o, digest);
    put_tail(&o, signature);
    return end(out, &o);
}

enum rc x402_call_plain(struct slice *out, enum x402_call call, struct arena *a)
{
    struct call_out o = begin(call, 0, SLICE_NONE, a);

    assert(call == X402_CALL_NAME || call == X402_CALL_VERSION ||
           call == X402_CALL_DECIMALS);
    return end(out, &o);
}

static bool all_zero(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.bytes[i] != 0)
            return false;
    return true;
}

enum rc x402_abi_number(struct x402_u256 *out, struct slice answer)
{
    if (answer.len != sizeof(out->bytes))
        return RC_BAD_INPUT;
    memcpy(out->bytes, answer.bytes, sizeof(out->bytes));
    return RC_OK;
}

enum rc x402_abi_bool(bool *out, struct slice answer)
{
    struct x402_u256 v;
    uint64_t value;

    TRY(x402_abi_number(&v, answer));
    if (!x402_u256_to_u64(&value, v) || value > 1)
        return RC_BAD_INPUT;
    *out = value == 1;
    return RC_OK;
}

enum rc x402_abi_address(struct x402_address *out, struct slice answer)
{
    if (answer.len != X402_WORD_LEN || !all_zero(slice_sub(answer, 0, ADDRESS_PAD)))
        return RC_BAD_INPUT;
    memcpy(out->bytes, answer.bytes + ADDRESS_PAD, sizeof(out->bytes));
    return RC_OK;
}

enum rc x402_abi_text(struct slice *out, struct slice answer)
{
    struct slice body = slice_sub(answer, (size_t)2 * X402_WORD_LEN, answer.len);
    struct x402_u256 word;
    uint64_t offset;
    uint64_t len;

    TRY(x402_abi_number(&word, slice_sub(answer, 0, X402_WORD_LEN)));
    if (!x402_u256_to_u64(&offset, word) || offset != X402_WORD_LEN)
        return RC_BAD_INPUT;
    TRY(x402_abi_number(&word, slice_sub(answer, X402_WORD_LEN, X402_WORD_LEN)));
    if (!x402_u256_to_u64(&len, word) || len > body.len || body.len != padded(len) ||
        !all_zero(slice_sub(body, len, body.len)))
        return RC_BAD_INPUT;
    *out = slice_sub(body, 0, len);
    return RC_OK;
}

bool x402_abi_signature_is_valid(struct slice answer)
{
    /* The selector of the question, as bytes4: at the front of the word. */
    static const uint8_t yes[X402_WORD_LEN] = {0x16, 0x26, 0xba, 0x7e};

    return answer.len == sizeof(yes) && memcmp(answer.bytes, yes, sizeof(yes)) == 0;
}

/* Whether it is that event of that contract. */
static bool is_event(const struct x402_log *log, const struct x402_address *token,
                     enum x402_event event)
{
    return x402_address_equal(&log->contract, token) && log->topic_count > 0 &&
           x402_hash_equal(log->topics[0], *x402_event_topic(event));
}

static enum rc topic_address(struct x402_address *out, const struct x402_hash *topic)
{
    return x402_abi_address(
        out, slice_from((const char *)topic->bytes, sizeof(topic->bytes)));
}

enum rc x402_log_moved(struct x402_moved *out, const struct x402_log *log,
                       const struct x402_address *token)
{
    struct x402_moved m;

    if (!is_event(log, token, X402_EVENT_TRANSFER))
        return RC_NOT_FOUND;
    /* Four topics and no data is a thing that was moved (EIP-721), not an amount. */
    if (log->topic_count != 3)
        return RC_BAD_INPUT;
    TRY(topic_address(&m.from, &log->topics[1]));
    TRY(topic_address(&m.to, &log->topics[2]));
    TRY(x402_abi_number(&m.value, log->data));
    *out = m;
    return RC_OK;
}

enum rc x402_log_nonce(struct x402_nonce *out, const struct x402_log *log,
                       const struct x402_address *token, enum x402_event event)
{
    struct x402_nonce n;

    assert(event != X402_EVENT_TRANSFER);
    if (!is_event(log, token, event))
        return RC_NOT_FOUND;
    if (log->topic_count != 3 || log->data.len != 0)
        return RC_BAD_INPUT;
    TRY(topic_address(&n.authorizer, &log->topics[1]));
    n.nonce = log->topics[2];
    *out = n;
    return RC_OK;
}

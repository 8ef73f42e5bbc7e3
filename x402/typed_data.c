/* SPDX-License-Identifier: Apache-2.0 */
/* EIP-712: a message is hashed as the hash of its type and then its members in order, a
 * word each; a member that is a text or a message itself stands there as its own hash.
 */
#include "x402/typed_data.h"

#include "base/keccak.h"
#include "x402/network.h"
#include "x402/word.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    WORDS_MAX = 8, /* of one message, with its type */
    DELAY_BITS = 40,
    VOUCHER_BITS = 128,
    COUNT_TEXT_SIZE = 24
};

static const char *const texts[] = {
#define TYPE(name, text, a, b, c, d, e, f, g, h) [X402_TYPE_##name] = (text),
#include "x402/types.def"
#undef TYPE
};

static const struct x402_hash hashes[] = {
#define TYPE(name, text, a, b, c, d, e, f, g, h) \
    [X402_TYPE_##name] = X402__WORD(a, b, c, d, e, f, g, h),
#include "x402/types.def"
#undef TYPE
};

const char *x402_type_text(enum x402_type type)
{
    assert(type < X402_TYPE__COUNT);
    return texts[type];
}

const struct x402_hash *x402_type_hash(enum x402_type type)
{
    assert(type < X402_TYPE__COUNT);
    return &hashes[type];
}

/* A message on its way to its hash. */
struct message {
    uint8_t words[WORDS_MAX][X402_WORD_LEN];
    size_t count;
};

static uint8_t *next_word(struct message *m)
{
    assert(m->count < WORDS_MAX);
    return m->words[m->count++];
}

static void put_hash(struct message *m, const struct x402_hash *h)
{
    memcpy(next_word(m), h->bytes, X402_WORD_LEN);
}

static void put_number(struct message *m, struct x402_u256 v)
{
    memcpy(next_word(m), v.bytes, X402_WORD_LEN);
}

static void put_address(struct message *m, const struct x402_address *a)
{
    uint8_t *word = next_word(m);

    memset(word, 0, X402_WORD_LEN - X402_ADDRESS_LEN);
    memcpy(word + X402_WORD_LEN - X402_ADDRESS_LEN, a->bytes, X402_ADDRESS_LEN);
}

static struct message start(enum x402_type type)
{
    struct message m;

    m.count = 0;
    put_hash(&m, x402_type_hash(type));
    return m;
}

static void put_text(struct message *m, struct slice text)
{
    struct x402_hash h;

    keccak256(h.bytes, text.bytes, text.len);
    put_hash(m, &h);
}

static void finish(struct x402_hash *out, const struct message *m)
{
    keccak256(out->bytes, m->words, m->count * X402_WORD_LEN);
}

/* A seller sees one token all day, and its domain is three of the eight digests of a
 * verification: each thread keeps the last one. What is longer than here is not kept.
 */
struct known_domain {
    char name[64];
    char version[16];
    size_t name_len, version_len; /* 0, 0: none yet */
    uint64_t chain_id;
    struct x402_address token;
    struct x402_hash domain;
};

static _Thread_local struct known_domain known;

static bool is_known(struct slice name, struct slice version, uint64_t chain_id,
                     const struct x402_address *token)
{
    return known.name_len + known.version_len > 0 && known.chain_id == chain_id &&
           x402_address_equal(&known.token, token) &&
           slice_equal(slice_from(known.name, known.name_len), name) &&
           slice_equal(slice_from(known.version, known.version_len), version);
}

static void keep(struct slice name, struct slice version, uint64_t chain_id,
                 const struct x402_address *token, const struct x402_hash *domain)
{
    if (name.len > sizeof(known.name) || version.len > sizeof(known.version))
        return;
    known = (struct known_domain){.name_len = name.len,
                                  .version_len = version.len,
                                  .chain_id = chain_id,
                                  .token = *token,
                                  .domain = *domain};
    if (name.len > 0)
        memcpy(known.name, name.bytes, name.len);
    if (version.len > 0)
        memcpy(known.version, version.bytes, version.len);
}

void x402_domain_token(struct x402_hash *out, struct slice name, struct slice version,
                       uint64_t chain_id, const struct x402_address *token)
{
    struct message m;

    if (is_known(name, version, chain_id, token)) {
        *out = known.domain;
        return;
    }
    m = start(X402_TYPE_DOMAIN);
    put_text(&m, name);
    put_text(&m, version);
    put_number(&m, x402_u256_from_u64(chain_id));
    put_address(&m, token);
    finish(out, &m);
    keep(name, version, chain_id, token, out);
}

void x402_domain_permit2(struct x402_hash *out, uint64_t chain_id)
{
    struct message m = start(X402_TYPE_DOMAIN_NO_VERSION);

    put_text(&m, SLICE("Permit2"));
    put_number(&m, x402_u256_from_u64(chain_id));
    put_address(&m, &x402_permit2);
    finish(out, &m);
}

void x402_domain_batch(struct x402_hash *out, uint64_t chain_id)
{
    x402_domain_token(out, SLICE("x402 Batch Settlement"), SLICE("1"), chain_id,
                      &x402_batch_settlement);
}

void x402_domain_proof(struct x402_hash *out, uint64_t chain_id)
{
    struct message m = start(X402_TYPE_DOMAIN_NO_CONTRACT);

    put_text(&m, SLICE("MPP"));
    put_text(&m, SLICE("3"));
    put_number(&m, x402_u256_from_u64(chain_id));
    finish(out, &m);
}

void x402_typed_digest(struct x402_hash *out, const struct x402_hash *domain,
                       const struct x402_hash *message)
{
    uint8_t bytes[2 + 2 * X402_WORD_LEN] = {0x19, 0x01};

    memcpy(bytes + 2, domain->bytes, X402_WORD_LEN);
    memcpy(bytes + 2 + X402_WORD_LEN, message->bytes, X402_WORD_LEN);
    keccak256(out->bytes, bytes, sizeof(bytes));
}

enum rc x402_personal_digest(struct x402_hash *out, struct slice message)
{
    static const struct slice head = {"\x19"
                                      "Ethereum Signed Message:\n",
                                      26};
    struct keccak256_state s;
    char count[COUNT_TEXT_SIZE];
    int count_len = snprintf(count, sizeof(count), "%zu", message.len);

    assert(count_len > 0 && (size_t)count_len < sizeof(count));
    TRY(keccak256_start(&s));
    keccak256_add(&s, head.bytes, head.len);
    keccak256_add(&s, count, (size_t)count_len);
    keccak256_add(&s, message.bytes, message.len);
    keccak256_end(out->bytes, &s);
    return RC_OK;
}

static void hash_transfer(struct x402_hash *out, enum x402_type type,
                          const struct x402_transfer *t)
{
    struct message m = start(type);

    put_address(&m, &t->from);
    put_address(&m, &t->to);
    put_number(&m, t->value);
    put_number(&m, t->valid_after);
    put_number(&m, t->valid_before);
    put_hash(&m, &t->nonce);
    finish(out, &m);
}

void x402_typed_transfer(struct x402_hash *out, const struct x402_transfer *t)
{
    hash_transfer(out, X402_TYPE_TRANSFER, t);
}

void x402_typed_receive(struct x402_hash *out, const struct x402_transfer *t)
{
    hash_transfer(out, X402_TYPE_RECEIVE, t);
}

void x402_typed_cancel(struct x402_hash *out, const struct x402_address *authorizer,
                       const struct x402_hash *nonce)
{
    struct message m = start(X402_TYPE_CANCEL);

    put_address(&m, authorizer);
    put_hash(&m, nonce);
    finish(out, &m);
}

static void put_permissions(struct message *to, const struct x402_permit *p)
{
    struct message m = start(X402_TYPE_PERMISSIONS);
    struct x402_hash h;

    put_address(&m, &p->token);
    put_number(&m, p->amount);
    finish(&h, &m);
    put_hash(to, &h);
}

static void put_witness(struct message *to, const struct x402_permit *p)
{
    bool upto = p->kind == X402_PERMIT_UPTO;
    struct message m = start(upto ? X402_TYPE_WITNESS_UPTO : X402_TYPE_WITNESS_EXACT);
    struct x402_hash h;

    put_address(&m, &p->to);
    if (upto)
        put_address(&m, &p->facilitator);
    put_number(&m, p->valid_after);
    finish(&h, &m);
    put_hash(to, &h);
}

void x402_typed_permit(struct x402_hash *out, const struct x402_permit *p)
{
    struct message m = start(p->kind == X402_PERMIT_UPTO ? X402_TYPE_PERMIT_UPTO
                                                         : X402_TYPE_PERMIT_EXACT);

    put_permissions(&m, p);
    put_address(&m, &p->spender);
    put_number(&m, p->nonce);
    put_number(&m, p->deadline);
    put_witness(&m, p);
    finish(out, &m);
}

enum rc x402_typed_channel(struct x402_hash *out, const struct x402_channel *c)
{
    struct message m = start(X402_TYPE_CHANNEL);

    if (c->withdraw_delay_s >> DELAY_BITS != 0)
        return RC_OVERFLOW;
    put_address(&m, &c->payer);
    put_address(&m, &c->payer_authorizer);
    put_address(&m, &c->receiver);
    put_address(&m, &c->receiver_authorizer);
    put_address(&m, &c->token);
    put_number(&m, x402_u256_from_u64(c->withdraw_delay_s));
    put_hash(&m, &c->salt);
    finish(out, &m);
    return RC_OK;
}

enum rc x402_typed_voucher(struct x402_hash *out, const struct x402_voucher *v)
{
    struct message m = start(X402_TYPE_VOUCHER);

    if (x402_u256_bits(v->claimable) > VOUCHER_BITS)
        return RC_OVERFLOW;
    put_hash(&m, &v->channel_id);
    put_number(&m, v->claimable);
    finish(out, &m);
    return RC_OK;
}

void x402_typed_proof(struct x402_hash *out, const struct x402_address *account,
                      struct slice challenge_id, struct slice realm)
{
    struct message m = start(X402_TYPE_PROOF);

    put_address(&m, account);
    put_text(&m, challenge_id);
    put_text(&m, realm);
    finish(out, &m);
}

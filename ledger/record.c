/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as bytes: fixed layouts, little endian, each with a CRC-32C over its table, its
 * key and itself, because LMDB has no checksums and a flipped bit must never become
 * money. What rows mean together is rules.c; how a journal entry's command is spelt is
 * command.c. docs/ledger.md has the layouts in prose. */
#include "ledger/row.h"

#include "ledger/wire.h"

#include <assert.h>
#include <string.h>

enum {
    HOLD_HEAD_LEN = 40,
    HOLD_LEG_LEN = ID_LEN + 8,
    HOLD_DURABLE = 1,
    HOLD_FORGETTABLE = 2,
    SEEN_FORGETTABLE = 1,
    ENTRY_VERSION = 1
};

static const uint8_t identity_magic[16] = "octroi ledger\r\n\x1a";

static_assert(ACCOUNT_LEN == 4 + 4 + 4 + 4 + 4 * 8, "account layout");
static_assert(SEEN_LEN == 4 + 4 + 8 + 8, "seen layout");
static_assert(HEAD_LEN == 4 + 4 + 8 + 8 + SHA256_LEN, "head layout");
static_assert(RUN_LEN == 4 + 4 + 8, "run layout");
static_assert(IDENTITY_LEN == 4 + 4 + 16 + ID_LEN + 8, "identity layout");
static_assert(HOLD_LEN_MAX == HOLD_HEAD_LEN + LEDGER_LEGS_MAX * HOLD_LEG_LEN +
                                  LEDGER_TAGS_MAX * ID_LEN,
              "hold layout");
static_assert(ENTRY_HEAD_LEN == 4 + 4 + 6 * 8 + 2 * 4, "entry layout");
static_assert(LEDGER_EXPIRE < 256, "a verb is one byte");

struct slice ledger__id_slice(const struct id *id)
{
    return slice_from((const char *)id->bytes, ID_LEN);
}

void ledger__seq_key(uint8_t out[SEQ_KEY_LEN], uint64_t seq)
{
    for (unsigned i = 0; i < SEQ_KEY_LEN; i++)
        out[i] = (uint8_t)(seq >> (8 * (SEQ_KEY_LEN - 1 - i)));
}

uint64_t ledger__seq_from_key(struct slice key)
{
    uint64_t seq = 0;

    for (size_t i = 0; i < key.len; i++)
        seq = seq << 8 | (uint8_t)key.bytes[i];
    return seq;
}

void ledger__tag_key(uint8_t out[TAG_KEY_LEN], struct id tag, uint64_t seq)
{
    memcpy(out, tag.bytes, ID_LEN);
    ledger__seq_key(out + ID_LEN, seq);
}

size_t ledger__record_key(uint8_t out[RECORD_KEY_MAX], uint16_t kind, struct slice key)
{
    assert(key.len <= LEDGER_KEY_MAX);
    out[0] = (uint8_t)(kind >> 8);
    out[1] = (uint8_t)kind;
    if (key.len > 0)
        memcpy(out + 2, key.bytes, key.len);
    return 2 + key.len;
}

/* The checksum knows table and key, so that a row that ended up under another key is as
 * wrong as one with a flipped bit. It stands in the first four bytes of each row. */
static uint32_t row_sum(enum table table, struct slice key, const void *row, size_t len)
{
    uint8_t name = (uint8_t)table;
    uint32_t sum = crc32c(0, &name, 1);

    sum = crc32c(sum, key.bytes, key.len);
    return crc32c(sum, (const uint8_t *)row + 4, len - 4);
}

static void seal(uint8_t *row, size_t len, enum table table, struct slice key)
{
    wire_put32(row, row_sum(table, key, row, len));
}

static bool sealed(struct slice row, enum table table, struct slice key)
{
    return row.len >= 4 &&
           wire_get32(row.bytes) == row_sum(table, key, row.bytes, row.len);
}

void ledger__account_encode(uint8_t out[ACCOUNT_LEN], const struct ledger_account *a)
{
    wire_put32(out + 4, a->number);
    wire_put32(out + 8, a->flags);
    wire_put32(out + 12, 0);
    wire_put64(out + 16, money_to_nano(a->debits));
    wire_put64(out + 24, money_to_nano(a->credits));
    wire_put64(out + 32, money_to_nano(a->held));
    wire_put64(out + 40, a->opened_us);
    seal(out, ACCOUNT_LEN, TABLE_ACCOUNT, ledger__id_slice(&a->id));
}

enum rc ledger__account_decode(struct ledger_account *out, struct slice key,
                               struct slice row)
{
    struct ledger_account a = {0};
    struct money spendable;

    if (key.len != ID_LEN || row.len != ACCOUNT_LEN || !sealed(row, TABLE_ACCOUNT, key))
        return RC_CORRUPT;
    memcpy(a.id.bytes, key.bytes, ID_LEN);
    a.number = wire_get32(row.bytes + 4);
    a.flags = wire_get32(row.bytes + 8);
    a.debits = money_from_nano(wire_get64(row.bytes + 16));
    a.credits = money_from_nano(wire_get64(row.bytes + 24));
    a.held = money_from_nano(wire_get64(row.bytes + 32));
    a.opened_us = wire_get64(row.bytes + 40);
    /* A sum that is right over numbers that cannot be is a fault as well. */
    if ((a.flags & LEDGER_NO_OVERDRAFT) != 0 &&
        (!money_sub(&spendable, a.credits, a.debits) ||
         !money_sub(&spendable, spendable, a.held)))
        return RC_CORRUPT;
    *out = a;
    return RC_OK;
}

size_t ledger__hold_encode(uint8_t out[HOLD_LEN_MAX], const struct hold *h,
                           struct slice key)
{
    uint8_t *at = out + HOLD_HEAD_LEN;
    size_t len;

    out[4] = (uint8_t)h->leg_count;
    out[5] = (uint8_t)h->tag_count;
    out[6] = (uint8_t)((h->durable ? HOLD_DURABLE : 0) |
                       (h->forgettable ? HOLD_FORGETTABLE : 0));
    out[7] = 0;
    wire_put64(out + 8, h->seq);
    wire_put64(out + 16, h->run);
    wire_put64(out + 24, h->expires_us);
    wire_put64(out + 32, 0);
    for (unsigned i = 0; i < h->leg_count; i++, at += HOLD_LEG_LEN) {
        memcpy(at, h->accounts[i].bytes, ID_LEN);
        wire_put64(at + ID_LEN, money_to_nano(h->amounts[i]));
    }
    for (unsigned i = 0; i < h->tag_count; i++, at += ID_LEN)
        memcpy(at, h->tags[i].bytes, ID_LEN);
    len = (size_t)(at - out);
    seal(out, len, TABLE_HOLD, key);
    return len;
}

enum rc ledger__hold_decode(struct hold *out, struct slice key, struct slice row)
{
    const char *at = row.bytes + HOLD_HEAD_LEN;

    if (key.len != ID_LEN || row.len < HOLD_HEAD_LEN || !sealed(row, TABLE_HOLD, key))
        return RC_CORRUPT;
    *out = (struct hold){
        .seq = wire_get64(row.bytes + 8),
        .run = wire_get64(row.bytes + 16),
        .expires_us = wire_get64(row.bytes + 24),
        .durable = (row.bytes[6] & HOLD_DURABLE) != 0,
        .forgettable = (row.bytes[6] & HOLD_FORGETTABLE) != 0,
        .leg_count = (uint8_t)row.bytes[4],
        .tag_count = (uint8_t)row.bytes[5],
    };
    if (out->leg_count < 1 || out->leg_count > LEDGER_LEGS_MAX ||
        out->tag_count > LEDGER_TAGS_MAX ||
        row.len != HOLD_HEAD_LEN + (size_t)out->leg_count * HOLD_LEG_LEN +
                       (size_t)out->tag_count * ID_LEN)
        return RC_CORRUPT;
    for (unsigned i = 0; i < out->leg_count; i++, at += HOLD_LEG_LEN) {
        memcpy(out->accounts[i].bytes, at, ID_LEN);
        out->amounts[i] = money_from_nano(wire_get64(at + ID_LEN));
    }
    for (unsigned i = 0; i < out->tag_count; i++, at += ID_LEN)
        memcpy(out->tags[i].bytes, at, ID_LEN);
    return RC_OK;
}

void ledger__seen_encode(uint8_t out[SEEN_LEN], const struct seen *s, struct slice key)
{
    out[4] = (uint8_t)s->verb;
    out[5] = s->forgettable ? SEEN_FORGETTABLE : 0;
    out[6] = 0;
    out[7] = 0;
    wire_put64(out + 8, s->seq);
    wire_put64(out + 16, s->time_us);
    seal(out, SEEN_LEN, TABLE_SEEN, key);
}

enum rc ledger__seen_decode(struct seen *out, struct slice key, struct slice row)
{
    if (row.len != SEEN_LEN || !sealed(row, TABLE_SEEN, key) ||
        (uint8_t)row.bytes[4] > LEDGER_EXPIRE)
        return RC_CORRUPT;
    *out = (struct seen){
        .seq = wire_get64(row.bytes + 8),
        .time_us = wire_get64(row.bytes + 16),
        .verb = (enum ledger_verb)row.bytes[4],
        .forgettable = (row.bytes[5] & SEEN_FORGETTABLE) != 0,
    };
    return RC_OK;
}

void ledger__record_encode(uint8_t *out, const struct record *r, struct slice key)
{
    wire_put32(out + 4, 0);
    wire_put64(out + 8, r->version);
    if (r->value.len > 0)
        memcpy(out + RECORD_HEAD_LEN, r->value.bytes, r->value.len);
    seal(out, RECORD_HEAD_LEN + r->value.len, TABLE_RECORD, key);
}

enum rc ledger__record_decode(struct record *out, struct slice key, struct slice row)
{
    if (row.len < RECORD_HEAD_LEN || row.len > RECORD_HEAD_LEN + LEDGER_VALUE_MAX ||
        !sealed(row, TABLE_RECORD, key))
        return RC_CORRUPT;
    out->version = wire_get64(row.bytes + 8);
    out->value = slice_sub(row, RECORD_HEAD_LEN, row.len);
    return RC_OK;
}

void ledger__head_encode(uint8_t out[HEAD_LEN], const struct head *h)
{
    wire_put32(out + 4, 0);
    wire_put64(out + 8, h->seq);
    wire_put64(out + 16, h->time_us);
    memcpy(out + 24, h->hash, SHA256_LEN);
    seal(out, HEAD_LEN, TABLE_META, META_HEAD);
}

enum rc ledger__head_decode(struct head *out, struct slice row)
{
    if (row.len != HEAD_LEN || !sealed(row, TABLE_META, META_HEAD))
        return RC_CORRUPT;
    out->seq = wire_get64(row.bytes + 8);
    out->time_us = wire_get64(row.bytes + 16);
    memcpy(out->hash, row.bytes + 24, SHA256_LEN);
    return RC_OK;
}

void ledger__run_encode(uint8_t out[RUN_LEN], uint64_t run)
{
    wire_put32(out + 4, 0);
    wire_put64(out + 8, run);
    seal(out, RUN_LEN, TABLE_META, META_RUN);
}

enum rc ledger__run_decode(uint64_t *out, struct slice row)
{
    if (row.len != RUN_LEN || !sealed(row, TABLE_META, META_RUN))
        return RC_CORRUPT;
    *out = wire_get64(row.bytes + 8);
    return RC_OK;
}

void ledger__identity_encode(uint8_t out[IDENTITY_LEN], struct id store,
                             uint64_t created_us)
{
    wire_put32(out + 4, SCHEMA_VERSION);
    memcpy(out + 8, identity_magic, sizeof(identity_magic));
    memcpy(out + 24, store.bytes, ID_LEN);
    wire_put64(out + 40, created_us);
    seal(out, IDENTITY_LEN, TABLE_META, META_IDENTITY);
}

enum rc ledger__identity_decode(struct id *store, struct slice row)
{
    if (row.len != IDENTITY_LEN || !sealed(row, TABLE_META, META_IDENTITY) ||
        memcmp(row.bytes + 8, identity_magic, sizeof(identity_magic)) != 0 ||
        wire_get32(row.bytes + 4) != SCHEMA_VERSION)
        return RC_CORRUPT;
    memcpy(store->bytes, row.bytes + 24, ID_LEN);
    return RC_OK;
}

/* A journal row: [head][command][hash]. Its checksum covers head and command; the key
 * is in the head. */
void ledger__entry_head_encode(uint8_t *out, const struct entry *e)
{
    wire_put32(out + 4, ENTRY_VERSION);
    wire_put64(out + 8, e->seq);
    wire_put64(out + 16, e->time_us);
    wire_put64(out + 24, e->run);
    wire_put64(out + 32, money_to_nano(e->spilled));
    wire_put64(out + 40, money_to_nano(e->released));
    wire_put64(out + 48, money_to_nano(e->balance));
    wire_put32(out + 56, e->cut);
    wire_put32(out + 60, e->opened);
    seal(out, ENTRY_HEAD_LEN + e->command.len, TABLE_JOURNAL, SLICE_NONE);
}

enum rc ledger__entry_decode(struct entry *out, struct slice row)
{
    struct slice body;

    if (row.len < ENTRY_HEAD_LEN + SHA256_LEN)
        return RC_CORRUPT;
    body = slice_sub(row, 0, row.len - SHA256_LEN);
    if (!sealed(body, TABLE_JOURNAL, SLICE_NONE) ||
        wire_get32(row.bytes + 4) != ENTRY_VERSION)
        return RC_CORRUPT;
    *out = (struct entry){
        .seq = wire_get64(row.bytes + 8),
        .time_us = wire_get64(row.bytes + 16),
        .run = wire_get64(row.bytes + 24),
        .spilled = money_from_nano(wire_get64(row.bytes + 32)),
        .released = money_from_nano(wire_get64(row.bytes + 40)),
        .balance = money_from_nano(wire_get64(row.bytes + 48)),
        .cut = wire_get32(row.bytes + 56),
        .opened = wire_get32(row.bytes + 60),
        .command = slice_sub(body, ENTRY_HEAD_LEN, body.len),
    };
    memcpy(out->hash, row.bytes + body.len, SHA256_LEN);
    return RC_OK;
}

enum rc ledger__entry_hash(uint8_t out[SHA256_LEN], const uint8_t before[SHA256_LEN],
                           struct slice row)
{
    struct sha256_state s;

    if (row.len < SHA256_LEN)
        return RC_CORRUPT;
    TRY(sha256_start(&s));
    sha256_add(&s, slice_from((const char *)before, SHA256_LEN));
    sha256_add(&s, slice_sub(row, 0, row.len - SHA256_LEN));
    sha256_end(out, &s);
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the book stores, and how it looks as bytes: record.c has the rows, command.c the
 * commands within journal entries. docs/ledger.md has the layouts in prose. */
#ifndef LEDGER_ROW_H
#define LEDGER_ROW_H

#include "base/codec.h"
#include "ledger/ledger.h"

/* Keys are compared bytewise; numbers in keys are big endian. */
enum table {
    TABLE_META,    /* name -> see record.c */
    TABLE_ACCOUNT, /* id -> account */
    TABLE_HOLD,    /* op of the HOLD -> hold that has not ended */
    TABLE_SEEN,    /* op -> what it became */
    TABLE_RECORD,  /* kind, key -> version, value */
    TABLE_JOURNAL, /* seq -> entry */
    TABLE_TAG,     /* tag, seq -> nothing */
    TABLE__COUNT
};

enum {
    SEQ_KEY_LEN = 8,
    TAG_KEY_LEN = ID_LEN + SEQ_KEY_LEN,
    RECORD_KEY_MAX = 2 + LEDGER_KEY_MAX,
    ACCOUNT_LEN = 48,
    SEEN_LEN = 24,
    HEAD_LEN = 56,
    RUN_LEN = 16,
    IDENTITY_LEN = 48,
    HOLD_LEN_MAX = 40 + LEDGER_LEGS_MAX * (ID_LEN + 8) + LEDGER_TAGS_MAX * ID_LEN,
    ENTRY_HEAD_LEN = 64,
    SCHEMA_VERSION = 1
};

/* The last byte of the op ids that the book itself makes from a hold's op. */
enum {
    TAIL_RECOVER = 0xed,
    TAIL_EXPIRE = 0xee
};

/* A forgettable op counts as never done from this age on. A rule, not a clean-up: when
 * the row goes is of no consequence. */
#define FORGET_AFTER_US (UINT64_C(24) * 3600 * 1000000)

struct hold {
    uint64_t seq; /* of its HOLD */
    uint64_t run; /* of the writer that made it */
    uint64_t expires_us;
    bool durable;
    bool forgettable;
    unsigned leg_count;
    unsigned tag_count;
    struct id accounts[LEDGER_LEGS_MAX];
    struct money amounts[LEDGER_LEGS_MAX];
    struct id tags[LEDGER_TAGS_MAX];
};

struct seen {
    uint64_t seq;
    uint64_t time_us;
    enum ledger_verb verb;
    bool forgettable;
};

struct record {
    uint64_t version;
    struct slice value;
};

/* The end of the journal. */
struct head {
    uint64_t seq; /* 0: no entry yet */
    uint64_t time_us;
    uint8_t hash[SHA256_LEN];
};

/* A journal entry as it is stored: the outcome, then the command as it was asked. */
struct entry {
    uint64_t seq;
    uint64_t time_us;
    uint64_t run;
    struct money spilled;
    struct money released;
    struct money balance;
    uint32_t cut;    /* bit i: leg i asked for more than its account had on hold */
    uint32_t opened; /* bit 2i, 2i + 1: leg i opened its debit, its credit account */
    struct slice command;
    uint8_t hash[SHA256_LEN];
};

/* ---- record.c: rows as bytes. Decoders take anything and answer RC_CORRUPT; the
 * slices in what they give point into `row`. ---- */
struct slice ledger__id_slice(const struct id *id);
void ledger__seq_key(uint8_t out[SEQ_KEY_LEN], uint64_t seq);
uint64_t ledger__seq_from_key(struct slice key);
void ledger__tag_key(uint8_t out[TAG_KEY_LEN], struct id tag, uint64_t seq);
/* Returns the length of the key; key.len <= LEDGER_KEY_MAX. */
size_t ledger__record_key(uint8_t out[RECORD_KEY_MAX], uint16_t kind, struct slice key);

void ledger__account_encode(uint8_t out[ACCOUNT_LEN], const struct ledger_account *a);
MUST_CHECK enum rc ledger__account_decode(struct ledger_account *out, struct slice key,
                                          struct slice row);
size_t ledger__hold_encode(uint8_t out[HOLD_LEN_MAX], const struct hold *h,
                           struct slice key);
MUST_CHECK enum rc ledger__hold_decode(struct hold *out, struct slice key,
                                       struct slice row);
void ledger__seen_encode(uint8_t out[SEEN_LEN], const struct seen *s, struct slice key);
MUST_CHECK enum rc ledger__seen_decode(struct seen *out, struct slice key,
                                       struct slice row);

enum {
    RECORD_HEAD_LEN = 16
};

/* out has RECORD_HEAD_LEN + r->value.len bytes. */
void ledger__record_encode(uint8_t *out, const struct record *r, struct slice key);
MUST_CHECK enum rc ledger__record_decode(struct record *out, struct slice key,
                                         struct slice row);
void ledger__head_encode(uint8_t out[HEAD_LEN], const struct head *h);
MUST_CHECK enum rc ledger__head_decode(struct head *out, struct slice row);
void ledger__run_encode(uint8_t out[RUN_LEN], uint64_t run);
MUST_CHECK enum rc ledger__run_decode(uint64_t *out, struct slice row);
void ledger__identity_encode(uint8_t out[IDENTITY_LEN], struct id store,
                             uint64_t created_us);
MUST_CHECK enum rc ledger__identity_decode(struct id *store, struct slice row);
/* Keys of the three rows of TABLE_META. */
#define META_IDENTITY SLICE("identity")
#define META_HEAD     SLICE("head")
#define META_RUN      SLICE("run")

/* out has ENTRY_HEAD_LEN bytes, and e->command stands right behind it. */
void ledger__entry_head_encode(uint8_t *out, const struct entry *e);
/* Checks the checksum, not the chain. */
MUST_CHECK enum rc ledger__entry_decode(struct entry *out, struct slice row);
/* SHA-256 of the hash before and the entry without its own hash. */
MUST_CHECK enum rc ledger__entry_hash(uint8_t out[SHA256_LEN],
                                      const uint8_t before[SHA256_LEN],
                                      struct slice row);

/* ---- command.c: commands. ---- */

/* RC_BAD_INPUT, cmd->result.at: which leg or write. Looks at nothing but cmd. */
MUST_CHECK enum rc ledger__check(struct ledger_cmd *cmd);
/* A command as it was asked: the same command always becomes the same bytes. What the
 * verb does not use is left out. */
size_t ledger__command_len(const struct ledger_cmd *cmd);
void ledger__command_encode(uint8_t *out, const struct ledger_cmd *cmd);
MUST_CHECK enum rc ledger__command_decode(struct ledger_cmd *out, struct slice bytes);

#endif

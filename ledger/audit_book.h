/* SPDX-License-Identifier: Apache-2.0 */
/* The auditor's own idea of a book: a decoder for raw entries and the rules of
 * docs/ledger.md, written a second time from that page. It shares no code with the
 * writer on purpose, so that a fault there is not a fault here; amounts are plain wide
 * integers for the same reason. For audit.c only. */
#ifndef LEDGER_AUDIT_BOOK_H
#define LEDGER_AUDIT_BOOK_H

#include "base/random.h"
#include "base/slice.h"

__extension__ typedef __int128
    ledger__wide; /* debits and credits, and what is between */

enum {
    AUDIT_LEGS = 16,
    AUDIT_WRITES = 4,
    AUDIT_TAGS = 4,
    AUDIT_KEY_MAX = 66 /* with its kind in front */
};

enum audit_verb {
    AUDIT_NOTE = 0,
    AUDIT_TRANSFER = 1,
    AUDIT_HOLD = 2,
    AUDIT_CAPTURE = 3,
    AUDIT_VOID = 4,
    AUDIT_EXPIRE = 5
};

struct audit_leg {
    struct id debit;
    struct id credit;
    struct id grant_from;
    uint32_t number;
    unsigned debit_flags;
    unsigned credit_flags;
    bool has_grant;
    uint64_t grant;
    uint64_t asked;
    uint64_t moved; /* filled by ledger__audit_enter() */
};

struct audit_write {
    unsigned op; /* 0 insert, 1 put, 2 delete, 3 expect */
    uint64_t version;
    uint8_t key[AUDIT_KEY_MAX];
    size_t key_len;
    struct slice value;
};

struct audit_entry {
    uint64_t seq;
    uint64_t time_us;
    uint64_t run;
    uint64_t spilled;
    uint64_t released;
    uint64_t balance;
    uint32_t cut;
    uint32_t opened;
    struct id op;
    enum audit_verb verb;
    bool forgettable;
    bool durable;
    uint64_t expires_us;
    struct id hold;
    struct id spill;
    unsigned leg_count;
    unsigned write_count;
    struct audit_leg legs[AUDIT_LEGS];
    struct audit_write writes[AUDIT_WRITES];
};

struct audit_account {
    struct id id;
    uint32_t number;
    uint32_t flags;
    uint64_t opened_us;
    ledger__wide debits;
    ledger__wide credits;
    ledger__wide held;
    bool matched; /* the export has it, as it is here */
};

struct audit_hold {
    struct id op;
    uint64_t seq;
    uint64_t expires_us;
    bool durable;
    unsigned leg_count;
    struct id accounts[AUDIT_LEGS];
    uint64_t amounts[AUDIT_LEGS];
    bool matched;
};

struct audit_record {
    uint8_t key[AUDIT_KEY_MAX];
    size_t key_len;
    uint64_t version;
    size_t value_len;
    bool matched;
    char value[];
};

struct audit_book;

MUST_CHECK enum rc ledger__audit_book_open(struct audit_book **out);
void ledger__audit_book_close(struct audit_book *b); /* NULL is fine */

/* raw: an entry without its hash. false: not one. Values point into raw. */
MUST_CHECK bool ledger__audit_decode(struct audit_entry *out, struct slice raw);
/* Does the entry. *fault: NULL, or what is wrong with it. RC_NOMEM. */
MUST_CHECK enum rc ledger__audit_enter(const char **fault, struct audit_book *b,
                                       struct audit_entry *e);

/* What the entries came to; NULL: not there. */
struct audit_account *ledger__audit_account(struct audit_book *b, struct id id);
struct audit_hold *ledger__audit_hold(struct audit_book *b, struct id op);
struct audit_record *ledger__audit_record(struct audit_book *b, struct slice key);
/* Walks: start with *at = 0; NULL at the end. */
struct audit_account *ledger__audit_next_account(struct audit_book *b, size_t *at);
struct audit_hold *ledger__audit_next_hold(struct audit_book *b, size_t *at);
struct audit_record *ledger__audit_next_record(struct audit_book *b, size_t *at);
uint64_t ledger__audit_account_count(const struct audit_book *b);
uint64_t ledger__audit_hold_count(const struct audit_book *b);
uint64_t ledger__audit_record_count(const struct audit_book *b);

#endif

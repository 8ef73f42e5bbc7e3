/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the book. A view is a consistent picture of some moment. Open it, read, close
 * it within the same function: a view that stays open makes the store grow. Any thread.
 * Others include ledger/ledger.h. */
#ifndef LEDGER_VIEW_H
#define LEDGER_VIEW_H

#include "ledger/command.h"

struct ledger;

struct ledger_view;
MUST_CHECK enum rc ledger_view_open(struct ledger_view **out, struct ledger *l);
void ledger_view_close(struct ledger_view *v);

/* RC_NOT_FOUND. RC_CORRUPT: its checksum is wrong. */
MUST_CHECK enum rc ledger_view_account(struct ledger_account *out,
                                       struct ledger_view *v, struct id id);
/* value points into the view. */
MUST_CHECK enum rc ledger_view_record(struct slice *value, uint64_t *version,
                                      struct ledger_view *v, uint16_t kind,
                                      struct slice key);
/* Calls each() for the records of a kind whose key starts with prefix and is not below
 * from (both may be empty), in key order, until it returns false. */
typedef bool ledger_record_fn(void *arg, struct slice key, struct slice value,
                              uint64_t version);
MUST_CHECK enum rc ledger_view_records(struct ledger_view *v, uint16_t kind,
                                       struct slice prefix, struct slice from,
                                       ledger_record_fn *each, void *arg);

/* A journal entry, decoded. Slices point into the view. */
struct ledger_entry {
    uint64_t seq;
    uint64_t time_us;
    struct id op;
    enum ledger_verb verb;
    struct id hold;
    unsigned leg_count;
    struct ledger_leg legs[LEDGER_LEGS_MAX]; /* CAPTURE: amounts as they moved */
    struct money spilled;
    struct money
        released; /* CAPTURE, VOID, EXPIRE: given back on the hold's first leg */
    struct money
        balance; /* of leg 0's own side after the entry, holds not taken off: its debit
                    account, for a TRANSFER to a NO_OVERDRAFT credit that one */
    struct slice memo;
    uint8_t hash[32];
};
MUST_CHECK enum rc ledger_view_entry(struct ledger_entry *out, struct ledger_view *v,
                                     uint64_t seq);
/* The entry of an operation. RC_NOT_FOUND: never done, or forgotten. */
MUST_CHECK enum rc ledger_view_find(uint64_t *seq, struct ledger_view *v, struct id op);
uint64_t ledger_view_head(struct ledger_view *v); /* seq of the last entry; 0: none */

/* Entries with this tag, from `from` on (0: the first), forwards or backwards, until
 * each() returns false. */
typedef bool ledger_entry_fn(void *arg, const struct ledger_entry *e);
MUST_CHECK enum rc ledger_view_tagged(struct ledger_view *v, struct id tag,
                                      uint64_t from, bool backwards,
                                      ledger_entry_fn *each, void *arg);

#endif

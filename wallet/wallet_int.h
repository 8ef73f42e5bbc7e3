/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the book, the house's accounts, and how records
 * are read and written. What is in the records: record.h. */
#ifndef WALLET_WALLET_INT_H
#define WALLET_WALLET_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metric.h"
#include "wallet/record.h"
#include "wallet/wallet.h"

struct wallet_book {
    struct ledger *ledger; /* borrowed */
    struct secret *master;
    struct id boot; /* names this process in records of calls under way */
    bool once_swept_any;
    uint8_t once_swept[32]; /* where wallet_once_sweep() goes on */
};

/* Ledger numbers. They never meet in a leg. */
enum {
    WALLET__USD = 1,
    WALLET__LIMIT = 2,
    WALLET__COIN = 3, /* 10^-9 of a chain's coin; each network has its own accounts */
    WALLET__QUOTA = 4 /* calls, one each: no money */
};

/* The last byte of an operation id derived from a request's. 0xED and 0xEE are the
 * ledger's own. */
enum {
    WALLET__TAIL_HOLD = 1,
    WALLET__TAIL_CAPTURE = 2,
    WALLET__TAIL_VOID = 3,
    WALLET__TAIL_LATE = 4,     /* a capture that came after the hold had ended */
    WALLET__TAIL_LATE_VOID = 5 /* frees the Idempotency-Key of such a call */
};

enum {
    /* How often a command is built anew when another one was faster. Each loss means
     * that somebody else got on, so this is only reached by hundreds of admins at once.
     */
    WALLET__TRIES_MAX = 64,
    WALLET__PATH_MAX = WALLET_DEPTH_MAX + 1,
    WALLET__PAGE_ROWS = 128 /* records or entries read in one view */
};

/* House accounts. */
extern const struct id wallet__revenue;
extern const struct id wallet__topups;
extern const struct id wallet__shortfall;
extern const struct id wallet__used;       /* where limits go when they are spent */
extern const struct id wallet__quota_used; /* and calls of quotas */
extern const struct id wallet__receivable;
extern const struct id wallet__chain;
extern const struct id wallet__bad_debt;
extern const struct id wallet__purchases; /* what our own key paid others */
extern const struct id wallet__spent;

#define WALLET__EPOCH_KEY SLICE("epoch")
/* No record ever has this version: a hold that expects it never commits. */
#define WALLET__EPOCH_NEVER (LEDGER_ANY - 1)

/* ---- Reading ---- */

struct slice wallet__id_slice(const struct id *id);
/* RC_NOT_FOUND. version may be NULL. */
MUST_CHECK enum rc wallet__read_wallet(struct wallet *out, uint64_t *version,
                                       struct ledger_view *v, struct id id);
MUST_CHECK enum rc wallet__read_key(struct wallet_key *out, uint64_t *version,
                                    struct ledger_view *v, struct slice key_id);
/* Absent: no limit is set, version 0. */
MUST_CHECK enum rc wallet__read_limits(struct wallet__limits *out, uint64_t *version,
                                       struct ledger_view *v, struct id scope);
MUST_CHECK enum rc wallet__read_epoch(uint64_t *version, struct ledger_view *v);
/* An account that is not open yet has nothing. */
MUST_CHECK enum rc wallet__read_account(struct ledger_account *out,
                                        struct ledger_view *v, struct id id);
/* What a root can spend, in a view of its own. */
MUST_CHECK enum rc wallet__root_balance(struct money *out, struct wallet_book *b,
                                        struct id root);

/* A wallet and those above it, itself first. */
struct wallet__path {
    unsigned count;
    struct wallet wallets[WALLET__PATH_MAX];
};
MUST_CHECK enum rc wallet__read_path(struct wallet__path *out, struct ledger_view *v,
                                     struct id wallet);

/* Copies up to WALLET__PAGE_ROWS record keys and values of a kind into a page, in a
 * view of its own, so that no caller's code runs while a view is open. */
struct wallet__page {
    unsigned count;
    bool more;    /* there are rows behind these */
    bool damaged; /* private */

    struct {
        uint8_t key[LEDGER_KEY_MAX];
        size_t key_len;
        uint8_t value[WALLET__VALUE_MAX];
        size_t value_len;
    } rows[WALLET__PAGE_ROWS];
};
MUST_CHECK enum rc wallet__page_read(struct wallet__page *page, struct wallet_book *b,
                                     uint16_t kind, struct slice from);
struct slice wallet__page_key(const struct wallet__page *page, unsigned index);
struct slice wallet__page_value(const struct wallet__page *page, unsigned index);
/* Prepares for the next read: what follows the last key of this page. from has
 * LEDGER_KEY_MAX + 1 bytes of room. */
struct slice wallet__page_next(const struct wallet__page *page, uint8_t *from);

/* Everything but the key's own fields; key_id "": no key. RC_FROZEN: filled all the
 * same, but so that no hold can come of it. */
MUST_CHECK enum rc wallet__read_caller(struct wallet_caller *out, struct ledger_view *v,
                                       struct id wallet, const char *key_id);

/* ---- Keys ---- */

/* RC_BAD_KEY for every text that is not a live key's, after equal work. */
MUST_CHECK enum rc wallet__key_prove(struct wallet_key *out, struct wallet_book *b,
                                     struct ledger_view *v, struct slice key_text);

/* ---- Limits ---- */

/* The scope under which a key's limits are kept. */
struct id wallet__key_scope(const char *key_id);
uint64_t wallet__window_start_us(enum wallet_per per, uint64_t now_us);
uint64_t wallet__window_end_us(enum wallet_per per, uint64_t now_us); /* 0: never */

struct wallet__limit_of { /* with the start of a window, what its account is made from
                           */
    struct id scope;
    enum wallet_per per;
    uint32_t generation;
};
/* The account of a window: credited with the limit, debited by calls. */
struct id wallet__window_account(const struct wallet__limit_of *of, uint64_t start_us);
/* Where its limit comes from, and goes back to when it is lowered. Each window has one
 * of its own: the sums of one for all would overflow one day, and then no call could
 * hold. */
struct id wallet__window_source(struct id window);
unsigned wallet__windowed_count(const struct wallet__limits *l);
/* How many windowed limits bind the wallets of a path. */
MUST_CHECK enum rc wallet__path_windowed(unsigned *out, struct ledger_view *v,
                                         const struct wallet__path *path);

/* Whether an entry is a call, and whether the house paid it: then leg 1 is the house's
 * part, else leg 0; one behind it on the same debit account is the payee's. */
bool wallet__is_call(const struct ledger_entry *e);
bool wallet__is_late(const struct ledger_entry *e);

/* ---- Commands ---- */

/* PUT where version is known, INSERT for a record that was absent (version 0). */
void wallet__write(struct ledger_cmd *cmd, uint16_t kind, struct slice key,
                   struct slice value, uint64_t version);
void wallet__delete(struct ledger_cmd *cmd, uint16_t kind, struct slice key,
                    uint64_t version);
/* Raises the epoch from `version` (LEDGER_ANY: from whatever it is). */
void wallet__write_epoch(struct ledger_cmd *cmd, uint64_t version);
/* Whether a command lost against another one that changed the same records. */
bool wallet__lost_race(enum rc rc);

/* ---- Metrics, registered once a process ---- */
struct wallet__metrics {
    struct metric *shortfall_nano;
    struct metric *late_captures;
};
const struct wallet__metrics *wallet__metrics(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Wallets, their keys and limits, on top of the book (ledger/ledger.h): who may spend,
 * how much, and what was spent. Only a wallet without parent (a root) holds money; a
 * child is a scope with limits of its own. A call holds on the root's balance and on
 * every limit between in one command, so that no two calls can pass one limit together.
 *
 * Everything here is kept as ledger records and accounts: there is no cache and no
 * second truth. Reads take a short view and are fit for a loop (microseconds).
 * Functions marked "waits" block for a durable commit: never call them on a loop. */
#ifndef WALLET_WALLET_H
#define WALLET_WALLET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/money.h"
#include "base/random.h"
#include "base/rc.h"
#include "base/secret.h"
#include "base/slice.h"
#include "ledger/ledger.h"

enum {
    WALLET_NAME_MAX = 64,        /* bytes: UTF-8 without control characters */
    WALLET_DEPTH_MAX = 4,        /* parents above a wallet */
    WALLET_PATH_LIMITS_MAX = 15, /* windowed limits that bind one call; more: refused */
    WALLET_REF_MAX = 200,        /* bytes of a top-up's reference */
    WALLET_GLOBS_MAX = 512,      /* bytes of a key's model list */
    WALLET_KEY_ID_LEN = 10,
    WALLET_KEY_TEXT_LEN = 61, /* "sk-oct-" id "-" 43 characters */
    WALLET_ID_TEXT_SIZE = 40  /* any id as text, with its prefix and a NUL */
};

struct wallet_book;

/* Reads the 32-byte master key (mode 0600 is required) and serves from l, which stays
 * the caller's. RC_NO_STORE: no such file. RC_FORBIDDEN: others can read it. */
MUST_CHECK enum rc wallet_book_open(struct wallet_book **out, struct ledger *l,
                                    const char *master_key_path);
void wallet_book_close(struct wallet_book *b); /* NULL is fine */
/* Makes a new random master key file. RC_EXISTS. */
MUST_CHECK enum rc wallet_master_create(const char *path);

/* Ids as people see them: prefix and 32 hex digits. 'w' wallets, 't' transfers
 * ("t_.."), 'r' requests ("req_.."). */
void wallet_id_print(char out[WALLET_ID_TEXT_SIZE], char kind, struct id id);
MUST_CHECK enum rc wallet_id_parse(struct id *out, char kind, struct slice text);

/* ---- Wallets ---- */
struct wallet {
    struct id id;
    struct id parent; /* none: a root */
    struct id root;   /* itself for a root */
    unsigned depth;   /* 0 for a root */
    bool frozen;      /* by itself; ancestors have their own mark */
    uint64_t created_us;
    char name[WALLET_NAME_MAX + 1];
};

/* Waits. RC_BAD_INPUT (name), RC_EXISTS (name taken), RC_NOT_FOUND (parent), RC_TOO_BIG
 * (deeper than WALLET_DEPTH_MAX). parent: none for a root. */
MUST_CHECK enum rc wallet_create(struct wallet *out, struct wallet_book *b,
                                 struct slice name, struct id parent);
/* By id text ("w_..") or unique name. RC_NOT_FOUND. */
MUST_CHECK enum rc wallet_find(struct wallet *out, struct wallet_book *b,
                               struct slice id_or_name);
MUST_CHECK enum rc wallet_get(struct wallet *out, struct wallet_book *b, struct id id);
typedef bool wallet_fn(void *arg, const struct wallet *w);
/* In order of creation, from `from` on (none: the first), until each() returns false.
 */
MUST_CHECK enum rc wallet_list(struct wallet_book *b, struct id from, wallet_fn *each,
                               void *arg);
/* Waits. No hold of the wallet or of anything below it commits after freeze returned.
 */
MUST_CHECK enum rc wallet_freeze(struct wallet_book *b, struct id id, bool frozen);

/* ---- Limits ---- */
enum wallet_per {
    WALLET_PER_CALL, /* no account: the hold itself may not be larger */
    WALLET_PER_HOUR,
    WALLET_PER_DAY,
    WALLET_PER_MONTH,
    WALLET_PER_TOTAL,
    WALLET_PER__COUNT
};

const char *wallet_per_name(enum wallet_per per); /* "call", "hour", .. */
MUST_CHECK enum rc wallet_per_parse(enum wallet_per *out, struct slice text);

enum wallet_scope {
    WALLET_SCOPE_KEY,
    WALLET_SCOPE_WALLET,
    WALLET_SCOPE_PARENT /* a wallet above the caller's */
};

struct wallet_limit {
    enum wallet_scope scope;
    char id[WALLET_ID_TEXT_SIZE]; /* the key's or wallet's */
    enum wallet_per per;
    struct money limit;
    struct money used;
    struct money held;
    uint64_t resets_us; /* 0: never */
};

/* Waits. amount NULL: clears. A change moves what the current window has left;
 * downwards no further than what is free. Usage counts from when a limit is first set.
 * RC_TOO_BIG: more than WALLET_PATH_LIMITS_MAX would bind one call. */
MUST_CHECK enum rc wallet_limit_set(struct wallet_book *b, struct id wallet,
                                    enum wallet_per per, const struct money *amount);
MUST_CHECK enum rc wallet_key_limit_set(struct wallet_book *b, struct slice key_id,
                                        enum wallet_per per,
                                        const struct money *amount);

struct wallet_balance {
    struct money balance; /* what can be spent now: least of money and every limit */
    struct money held;    /* on the root; for a child with windowed limits: on these */
    unsigned limit_count;
    struct wallet_limit limits[WALLET_PATH_LIMITS_MAX + 8];
};
/* As the wallet sees it (no key's limits). */
MUST_CHECK enum rc wallet_balance(struct wallet_balance *out, struct wallet_book *b,
                                  struct id id);

/* ---- Money in and back ---- */
struct wallet_topup {
    struct id transfer;
    struct money amount;
    struct money balance; /* of the root, after (on a repeat: now) */
    bool repeated;
};
/* Waits. ref may be empty: then every call is a new top-up. The same ref with the same
 * wallet and amount answers as the first time; with another: RC_CONFLICT, for ever.
 * RC_FORBIDDEN: a child; its root is in struct wallet. RC_BAD_INPUT: nothing, or a ref
 * that is too long or not clean UTF-8. */
MUST_CHECK enum rc wallet_topup(struct wallet_topup *out, struct wallet_book *b,
                                struct id id, struct money amount, struct slice ref);

struct wallet_refund {
    struct id transfer; /* the refund itself */
    struct id wallet;   /* the root it went to, or came from */
    struct money amount;
    struct money balance;
};
/* Waits. Of a call: from the house back to the root, in all never more than was
 * captured. Of a top-up: out of the root, never more than was topped up or is free.
 * transfer_or_req is "t_.." or "req_..". amount NULL: all that is left. RC_NOT_FOUND,
 * RC_CONFLICT (more than is left), RC_NO_FUNDS. */
MUST_CHECK enum rc wallet_refund(struct wallet_refund *out, struct wallet_book *b,
                                 struct slice transfer_or_req,
                                 const struct money *amount);

/* ---- Keys ---- */
struct wallet_key {
    char id[WALLET_KEY_ID_LEN + 1];
    struct id wallet;
    char name[WALLET_NAME_MAX + 1];
    char models[WALLET_GLOBS_MAX + 1]; /* comma-separated globs; "": every model */
    uint32_t generation;
    bool revoked;
    uint64_t created_us;
    uint64_t expires_us; /* 0: never */
};

struct wallet_key_options {
    struct slice name;
    struct slice models;
    uint64_t expires_us;
    const struct money *limits[WALLET_PER__COUNT]; /* NULL: none */
};

/* Waits. text gets the secret key, NUL-terminated; it is stored nowhere and can not be
 * had again: wipe it after use. RC_NOT_FOUND (wallet), RC_BAD_INPUT. */
MUST_CHECK enum rc wallet_key_create(struct wallet_key *out,
                                     char text[WALLET_KEY_TEXT_LEN + 1],
                                     struct wallet_book *b, struct id wallet,
                                     const struct wallet_key_options *options);
MUST_CHECK enum rc wallet_key_get(struct wallet_key *out, struct wallet_book *b,
                                  struct slice key_id);
typedef bool wallet_key_fn(void *arg, const struct wallet_key *k);
MUST_CHECK enum rc wallet_key_list(struct wallet_book *b, struct slice from,
                                   wallet_key_fn *each, void *arg);
/* Waits. No hold under the key commits after it returned. Again: RC_OK. */
MUST_CHECK enum rc wallet_key_revoke(struct wallet_book *b, struct slice key_id);
/* Waits. The old secret is worthless from then on. RC_GONE: revoked. */
MUST_CHECK enum rc wallet_key_rotate(struct wallet_key *out,
                                     char text[WALLET_KEY_TEXT_LEN + 1],
                                     struct wallet_book *b, struct slice key_id);

/* ---- A call: who pays ---- */

/* What authenticating yields: everything a hold needs, as of one moment. Flat; copy
 * freely. If a key, a limit or a freeze changes between, the hold ends with RC_STALE
 * and the caller authenticates again. */
struct wallet_bound { /* a windowed limit that binds */
    struct id scope_id;
    enum wallet_scope scope;
    enum wallet_per per;
    uint32_t generation;
    struct money limit;
    char id_text[WALLET_ID_TEXT_SIZE];
};

struct wallet_caller {
    struct id wallet;
    struct id root;
    char key_id[WALLET_KEY_ID_LEN + 1]; /* "": no key (a payment, the CLI) */
    char wallet_name[WALLET_NAME_MAX + 1];
    char models[WALLET_GLOBS_MAX + 1];
    uint64_t epoch; /* version of everything above at that moment */
    bool has_per_call;
    struct money per_call; /* least of all per-call limits */
    enum wallet_scope per_call_scope;
    char per_call_id[WALLET_ID_TEXT_SIZE];
    unsigned bound_count;
    struct wallet_bound bounds[WALLET_PATH_LIMITS_MAX];
};

/* Reads only. RC_BAD_KEY: malformed, unknown, wrong, expired or revoked (one answer,
 * equal work, for all). RC_FROZEN: the wallet or one above; out is filled all the same.
 */
MUST_CHECK enum rc wallet_authenticate(struct wallet_caller *out, struct wallet_book *b,
                                       struct slice key_text);
/* The same for a wallet without a key. */
MUST_CHECK enum rc wallet_caller(struct wallet_caller *out, struct wallet_book *b,
                                 struct id wallet);
/* Whether the caller's key may use the model. */
bool wallet_model_allowed(const struct wallet_caller *c, struct slice model);
/* Balance and limits as this caller sees them, its key's included. */
MUST_CHECK enum rc wallet_caller_balance(struct wallet_balance *out,
                                         struct wallet_book *b,
                                         const struct wallet_caller *c);

/* ---- A call: hold, then capture or void ---- */

/* What the journal keeps of a call, and statements and usage show. */
struct wallet_call {
    struct id request;   /* "req_.." */
    const char *kind;    /* "chat", "embeddings", "data", .. literal */
    struct slice model;  /* or api; as the client named it */
    struct slice target; /* "provider/model" that answered */
    struct slice price_version;
    uint64_t prompt_tokens; /* all of them; the next two are parts of it */
    uint64_t cached_tokens;
    uint64_t cache_write_tokens;
    uint64_t completion_tokens; /* reasoning included */
    uint64_t reasoning_tokens;
    unsigned status; /* of the answer */
    bool estimated;  /* the upstream never said the usage */
};

/* An Idempotency-Key's fate, durable for 24 h, scoped to the wallet. */
struct wallet_idem {
    bool present;
    uint8_t key[32];         /* SHA-256 of wallet id and key */
    uint8_t fingerprint[32]; /* of method, path, query and body */
};

enum wallet_idem_state {
    WALLET_IDEM_NEW,
    WALLET_IDEM_IN_FLIGHT,
    WALLET_IDEM_DONE,  /* the answer is known: status, cost, request */
    WALLET_IDEM_BROKEN /* the process died in between: not charged, not known */
};

struct wallet_idem_seen {
    enum wallet_idem_state state;
    bool same; /* fingerprint equal */
    unsigned status;
    struct money cost;
    struct id request;
    struct id transfer;
};

void wallet_idem_key(struct wallet_idem *out, const struct wallet_caller *c,
                     struct slice key_header, const uint8_t fingerprint[32]);
MUST_CHECK enum rc wallet_idem_look(struct wallet_idem_seen *out, struct wallet_book *b,
                                    const struct wallet_idem *idem);

struct wallet_refusal { /* which limit said no */
    enum wallet_scope scope;
    enum wallet_per per;
    char id[WALLET_ID_TEXT_SIZE];
    struct money limit;
    struct money left;
    uint64_t resets_us;
};

/* One call's money. Zero it, fill the inputs, keep it where it is until it has ended (a
 * successful hold must be captured or voided exactly once). */
struct wallet_hold {
    /* in */
    struct id request;
    struct wallet_caller caller;
    struct money amount;
    uint64_t expires_us; /* the call's absolute deadline plus 60 s */
    struct wallet_idem idem;
    /* Once per operation: on the writer's thread, or, when it is refused at once, on
     * the caller's own before the function returns. Must not block; may free h. */
    void (*done)(struct wallet_hold *h);

    /* out */
    enum rc rc;                    /* of the last operation */
    struct wallet_refusal refusal; /* with RC_LIMIT */
    struct money captured;         /* taken from the wallet */
    /* What the caller can spend after a hold or a capture; after a void: as after the
     * hold, and what it gave back. With RC_NO_FUNDS: what there is. */
    struct money balance;
    struct money shortfall; /* carried by house/shortfall */
    struct id transfer;     /* the capture's */

    /* private */
    struct wallet_book *book;
    struct ledger_cmd cmd;
    struct id window_ids[WALLET_PATH_LIMITS_MAX];
    uint64_t hold_us;
    bool held;
    struct money late_amount; /* of the capture under way */
    unsigned idem_status;
    bool idem_executed;
    uint8_t idem_value[128];
    uint8_t idem_due[40];
    char memo[LEDGER_MEMO_MAX];
};

/* RC_OK: the amount is set aside, durably. RC_NO_FUNDS; RC_LIMIT (refusal says which);
 * RC_STALE (authenticate and hold again); RC_IDEM_IN_FLIGHT (somebody else has this
 * Idempotency-Key: wallet_idem_look()); RC_CONFLICT (h->request was used before);
 * RC_FULL, RC_BUSY, RC_IO. Lends h until done(). */
void wallet_hold(struct wallet_book *b, struct wallet_hold *h);
/* Takes `amount`, which may be above the hold: what the wallet and its limits can carry
 * is taken, the rest goes to house/shortfall. Frees the rest of the hold. `call` is
 * copied. A hold that has expired meanwhile is booked to the shortfall whole (RC_ENDED:
 * the caller paid nothing). Lends h until done(). */
void wallet_capture(struct wallet_book *b, struct wallet_hold *h, struct money amount,
                    const struct wallet_call *call);
/* Frees everything. executed: some upstream may have done the work, so that the
 * Idempotency-Key stays used (with `status`); else it is free again. RC_ENDED: the hold
 * had expired by itself; the key is dealt with all the same. Lends h until done().
 * A capture or void that failed otherwise may be tried again, with the same arguments.
 */
void wallet_void(struct wallet_book *b, struct wallet_hold *h, bool executed,
                 unsigned status);

/* ---- Reports ---- */
struct wallet_row {
    struct id request; /* a refund's: of the call it refunds; none for top-ups */
    struct id transfer;
    uint64_t time_us;
    char kind[24]; /* "topup", "refund", "chat", .. */
    struct id wallet;
    char wallet_name[WALLET_NAME_MAX + 1];
    char key_id[WALLET_KEY_ID_LEN + 1];
    struct slice model; /* or api; valid during the call */
    struct slice target;
    struct slice price_version;
    struct slice ref; /* a top-up's */
    bool credit;      /* money came in */
    struct money amount;
    struct money balance; /* of the root, after */
    struct money shortfall;
    uint64_t prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens;
    unsigned status;
    bool estimated;
    uint64_t seq; /* the journal entry's: go on from seq + 1 */
};

typedef bool wallet_row_fn(void *arg, const struct wallet_row *row);
/* What moved on a wallet (a root: by everything below it too), oldest first, from seq
 * on. Reads in short views: the picture may grow while it runs. */
MUST_CHECK enum rc wallet_statement(struct wallet_book *b, struct id wallet,
                                    uint64_t from_seq, wallet_row_fn *each, void *arg);
/* The row of one request, if it is this wallet's (or below). RC_NOT_FOUND. */
MUST_CHECK enum rc wallet_statement_request(struct wallet_book *b, struct id wallet,
                                            struct id request, wallet_row_fn *each,
                                            void *arg);
/* Every call of every wallet, oldest first. */
MUST_CHECK enum rc wallet_usage(struct wallet_book *b, uint64_t from_seq,
                                wallet_row_fn *each, void *arg);

/* House accounts, for reports and tests: what was earned, topped up, and lost. The
 * first two are what is left after refunds. All wallets together have, holds included,
 * topups - revenue + shortfall. */
struct wallet_house {
    struct money revenue, topups, shortfall, refunds;
};
MUST_CHECK enum rc wallet_house(struct wallet_house *out, struct wallet_book *b);

/* Deletes Idempotency-Keys older than 24 h whose call has ended, at most `max`. Waits.
 */
MUST_CHECK enum rc wallet_sweep(struct wallet_book *b, unsigned max, unsigned *deleted);

#endif

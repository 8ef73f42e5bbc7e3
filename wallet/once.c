/* SPDX-License-Identifier: Apache-2.0 */
/* What a call uses up: a record that is made with the hold, changed with the capture,
 * and deleted with the void of a call that did nothing, each in the same command as the
 * money. So two calls can never use the same, and what became of it is never another
 * story than the books'. */
#include "wallet/once.h"

#include "wallet/hold_int.h"
#include "wallet/payment_int.h"
#include "wallet/sweep.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The version of a record whose call has not ended: nothing but its end changes it. */
static uint64_t serving_version(const struct wallet_hold *h)
{
    return h->once.version + 1;
}

static struct slice row_slice(const uint8_t row[32])
{
    return slice_from((const char *)row, 32);
}

/* The record of a payment lies where the payment's own is, in the order of their time:
 * so a commit touches few pages for many calls. */
static void make_row(uint8_t row[32], const struct wallet_once *once, struct id payment)
{
    memcpy(row, once->key, sizeof(once->key));
    if (!once->payment)
        return;
    memcpy(row, payment.bytes, ID_LEN);
    memcpy(row + ID_LEN, once->key, sizeof(once->key) - ID_LEN);
}

static enum rc look(struct wallet_once_seen *out, struct wallet_book *b,
                    const struct wallet_once *once, struct ledger_view *v)
{
    struct wallet__once r;
    struct slice value;
    uint64_t version;
    uint8_t row[32];
    struct id payment = ID_NONE;
    enum rc rc = once->payment ? wallet__payment_id(&payment, v, once->key) : RC_OK;

    *out = (struct wallet_once_seen){.state = WALLET_ONCE_NEW};
    make_row(row, once, payment);
    if (rc == RC_OK)
        rc = ledger_view_record(&value, &version, v, WALLET__KIND_ONCE, row_slice(row));
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    TRY(wallet__once_decode(&r, value));
    out->state = r.state;
    if (r.state == WALLET_ONCE_SERVING && id_cmp(r.boot, b->boot) != 0)
        out->state = WALLET_ONCE_BROKEN;
    out->same = memcmp(r.fingerprint, once->fingerprint, sizeof(r.fingerprint)) == 0;
    out->status = r.status;
    out->cost = r.cost;
    out->request = r.request;
    out->transfer = r.transfer;
    out->version = version;
    return id_is_none(r.transfer) ? RC_OK
                                  : wallet__read_cost(&out->cost, v, r.transfer);
}

enum rc wallet_once_look(struct wallet_once_seen *out, struct wallet_book *b,
                         const struct wallet_once *once)
{
    struct wallet_once_seen seen;
    struct ledger_view *v;
    enum rc rc;

    assert(once->present);
    TRY(ledger_view_open(&v, b->ledger));
    rc = look(&seen, b, once, v);
    ledger_view_close(v);
    TRY(rc);
    *out = seen;
    return RC_OK;
}

/* ---- Writes that go with the commands of a hold ---- */

static struct slice value_of(struct wallet_hold *h, struct wallet__once *r)
{
    _Static_assert(sizeof(h->once_value) >= WALLET__ONCE_LEN, "room for the record");

    r->boot = h->book->boot;
    memcpy(r->fingerprint, h->once.fingerprint, sizeof(r->fingerprint));
    r->request = h->request;
    r->expires_us = h->once.expires_us;
    return wallet__once_encode(h->once_value, r);
}

void wallet__once_begin(struct wallet_hold *h, struct ledger_cmd *cmd)
{
    struct wallet__once r = {.state = WALLET_ONCE_SERVING};

    h->once_at = cmd->write_count;
    make_row(h->once.row, &h->once, h->caller.root);
    wallet__write(cmd, WALLET__KIND_ONCE, row_slice(h->once.row), value_of(h, &r),
                  h->once.version);
}

void wallet__once_end(struct wallet_hold *h, struct ledger_cmd *cmd, unsigned status,
                      struct money cost, struct id transfer)
{
    struct wallet__once r = {.state = WALLET_ONCE_DONE,
                             .status = status,
                             .cost = cost,
                             .transfer = transfer};

    /* Without a condition: whatever the record says, the money must be booked. */
    wallet__write(cmd, WALLET__KIND_ONCE, row_slice(h->once.row), value_of(h, &r),
                  LEDGER_ANY);
}

void wallet__once_give_up(struct wallet_hold *h, struct ledger_cmd *cmd, bool executed,
                          unsigned status)
{
    struct wallet__once r = {.state = WALLET_ONCE_FAILED, .status = status};

    if (executed && !h->once.purchase)
        wallet__write(cmd, WALLET__KIND_ONCE, row_slice(h->once.row), value_of(h, &r),
                      serving_version(h));
    else
        wallet__delete(cmd, WALLET__KIND_ONCE, row_slice(h->once.row),
                       serving_version(h));
}

/* ---- Sweeping ---- */

enum {
    /* Records read in one call. They lie in the order of their keys, not of their ends:
     * each call goes on where the last one stopped and begins anew at the end. So this
     * many a minute may come in before old ones heap up. */
    SWEEP_READ_MAX = 64 * 1024,
    SWEEP_VIEW_MAX = 1024 /* of them in one view */
};

struct sweep {
    struct wallet_book *b;
    struct ledger_view *v;
    uint64_t now_us;
    unsigned max;  /* victims in this round */
    unsigned seen; /* records in this view */
    unsigned count;
    struct wallet__victim *victims; /* WALLET__SWEEP_ROUND of them */
    uint8_t last[32];
    enum rc rc;
};

/* What a call of this process works on; and of a payment that is not closed whether it
 * was served: who ends it must know, however late that is. */
static enum rc is_needed(bool *out, struct sweep *s, struct slice key,
                         const struct wallet__once *r)
{
    struct slice value;
    uint64_t version;
    enum rc rc;

    *out = r->state == WALLET_ONCE_SERVING && id_cmp(r->boot, s->b->boot) == 0;
    if (*out)
        return RC_OK;
    /* A payment's row begins with its id (make_row()); no other's does. */
    rc = ledger_view_record(&value, &version, s->v, WALLET__KIND_OPEN,
                            slice_sub(key, 0, ID_LEN));
    *out = rc == RC_OK;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static bool choose(void *arg, struct slice key, struct slice value, uint64_t version)
{
    struct sweep *s = arg;
    struct wallet__once r;
    struct wallet__victim *victim;
    bool needed = true;

    if (s->count == s->max || s->seen == SWEEP_VIEW_MAX)
        return false;
    s->rc = key.len == sizeof(s->last) ? wallet__once_decode(&r, value) : RC_CORRUPT;
    if (s->rc != RC_OK)
        return false;
    s->seen++;
    memcpy(s->last, key.bytes, sizeof(s->last));
    if (r.expires_us <= s->now_us)
        s->rc = is_needed(&needed, s, key, &r);
    if (s->rc != RC_OK || needed)
        return s->rc == RC_OK;
    victim = &s->victims[s->count++];
    memcpy(victim->key, key.bytes, sizeof(s->last));
    victim->cmd = (struct ledger_cmd){.verb = LEDGER_NOTE, .forgettable = true};
    victim->cmd.op = id_new(s->now_us);
    wallet__delete(&victim->cmd, WALLET__KIND_ONCE,
                   slice_from((const char *)victim->key, sizeof(s->last)), version);
    return true;
}

/* *end: the last record was seen. */
static enum rc sweep_round(struct sweep *s, bool *end, unsigned *deleted)
{
    uint8_t from[sizeof(s->last) + 1] = {0};
    size_t from_len = s->b->once_swept_any ? sizeof(from) : 0;
    enum rc rc;

    memcpy(from, s->b->once_swept, sizeof(s->last)); /* and a zero: right behind it */
    s->count = s->seen = 0;
    TRY(ledger_view_open(&s->v, s->b->ledger));
    rc = ledger_view_records(s->v, WALLET__KIND_ONCE, SLICE_NONE,
                             slice_from((const char *)from, from_len), choose, s);
    ledger_view_close(s->v);
    TRY(rc);
    TRY(s->rc);
    *end = s->count < s->max && s->seen < SWEEP_VIEW_MAX;
    s->b->once_swept_any = !*end;
    memcpy(s->b->once_swept, s->last, sizeof(s->last));
    return wallet__sweep(s->b, s->victims, s->count, deleted);
}

enum rc wallet_once_sweep(struct wallet_book *b, uint64_t now_us, unsigned max,
                          unsigned *deleted)
{
    struct sweep s = {.b = b, .now_us = now_us};
    unsigned read = 0;
    bool end = false;
    enum rc rc = RC_OK;

    *deleted = 0;
    s.victims = calloc(WALLET__SWEEP_ROUND, sizeof(*s.victims));
    if (s.victims == NULL)
        return RC_NOMEM;
    while (rc == RC_OK && !end && *deleted < max && read < SWEEP_READ_MAX) {
        s.max =
            max - *deleted < WALLET__SWEEP_ROUND ? max - *deleted : WALLET__SWEEP_ROUND;
        rc = sweep_round(&s, &end, deleted);
        read += s.seen;
    }
    free(s.victims);
    return rc;
}

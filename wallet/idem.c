/* SPDX-License-Identifier: Apache-2.0 */
/* The fate of an Idempotency-Key: a record that is made with the hold, changed with the
 * capture, and deleted with the void, each in the same command as the money. So a key
 * can never say something else than the books. The answer to be replayed is the
 * gateway's business and not durable. */
#include "wallet/idem.h"

#include "base/codec.h"
#include "wallet/hold_int.h"
#include "wallet/sweep.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_US (UINT64_C(24) * 3600 * 1000000)

/* The version of a record whose call has not ended: nothing but its end changes it. */
enum {
    VERSION_IN_FLIGHT = 1
};

void wallet_idem_key(struct wallet_idem *out, const struct wallet_caller *c,
                     struct slice key_header, const uint8_t fingerprint[32])
{
    uint8_t source[ID_LEN + SHA256_LEN];

    /* Hashed twice, so that source and id are of fixed length and no two pairs of
     * wallet and key read the same. */
    memcpy(source, c->wallet.bytes, ID_LEN);
    sha256(source + ID_LEN, key_header);
    sha256(out->key, slice_from((const char *)source, sizeof(source)));
    memcpy(out->fingerprint, fingerprint, sizeof(out->fingerprint));
    out->present = true;
}

static struct slice key_slice(const struct wallet_idem *idem)
{
    return slice_from((const char *)idem->key, sizeof(idem->key));
}

/* All that left leg 0's account, which is the wallet's: of a shared call the payee's
 * part too. */
static enum rc paid_in(struct money *sum, const struct ledger_entry *e)
{
    struct money paid = MONEY_ZERO;

    for (unsigned i = 0; i < e->leg_count; i++)
        if (id_cmp(e->legs[i].debit, e->legs[0].debit) == 0 &&
            !money_add(&paid, paid, e->legs[i].amount))
            return RC_OVERFLOW;
    *sum = paid;
    return RC_OK;
}

/* The record was written before anybody knew how much of the cost the wallet could
 * bear; the entry of the capture knows. */
enum rc wallet__read_cost(struct money *cost, struct ledger_view *v, struct id transfer)
{
    struct ledger_entry e;
    uint64_t seq = 0;
    enum rc rc = ledger_view_find(&seq, v, transfer);

    if (rc == RC_NOT_FOUND)
        return RC_OK; /* its id is forgotten after a day, like the record */
    TRY(rc);
    TRY(ledger_view_entry(&e, v, seq));
    if (e.leg_count == 0)
        return RC_CORRUPT;
    return paid_in(cost, &e);
}

static enum rc look(struct wallet_idem_seen *out, struct wallet_book *b,
                    const struct wallet_idem *idem, struct ledger_view *v)
{
    struct wallet__idem r;
    struct slice value;
    uint64_t version;
    enum rc rc =
        ledger_view_record(&value, &version, v, WALLET__KIND_IDEM, key_slice(idem));

    *out = (struct wallet_idem_seen){.state = WALLET_IDEM_NEW};
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    TRY(wallet__idem_decode(&r, value));
    out->state = r.state;
    if (r.state == WALLET_IDEM_IN_FLIGHT && id_cmp(r.boot, b->boot) != 0)
        out->state = WALLET_IDEM_BROKEN;
    out->same = memcmp(r.fingerprint, idem->fingerprint, sizeof(r.fingerprint)) == 0;
    out->status = r.status;
    out->cost = r.cost;
    out->request = r.request;
    out->transfer = r.transfer;
    return id_is_none(r.transfer) ? RC_OK
                                  : wallet__read_cost(&out->cost, v, r.transfer);
}

enum rc wallet_idem_look(struct wallet_idem_seen *out, struct wallet_book *b,
                         const struct wallet_idem *idem)
{
    struct wallet_idem_seen seen;
    struct ledger_view *v;
    enum rc rc;

    assert(idem->present);
    TRY(ledger_view_open(&v, b->ledger));
    rc = look(&seen, b, idem, v);
    ledger_view_close(v);
    TRY(rc);
    *out = seen;
    return RC_OK;
}

/* ---- Writes that go with the commands of a hold ---- */

static struct slice value_of(struct wallet_hold *h, struct wallet__idem *r)
{
    _Static_assert(sizeof(h->idem_value) >= WALLET__IDEM_LEN, "room for the record");

    r->boot = h->book->boot;
    memcpy(r->fingerprint, h->idem.fingerprint, sizeof(r->fingerprint));
    r->request = h->request;
    r->created_us = h->hold_us;
    return wallet__idem_encode(h->idem_value, r);
}

void wallet__idem_begin(struct wallet_hold *h, struct ledger_cmd *cmd)
{
    struct wallet__idem r = {.state = WALLET_IDEM_IN_FLIGHT};

    wallet__write(cmd, WALLET__KIND_IDEM, key_slice(&h->idem), value_of(h, &r), 0);
    wallet__write(cmd, WALLET__KIND_IDEM_DUE,
                  wallet__due_encode(h->idem_due, h->hold_us, h->idem.key),
                  WALLET__MARK, 0);
}

void wallet__idem_end(struct wallet_hold *h, struct ledger_cmd *cmd, unsigned status,
                      struct money cost, struct id transfer)
{
    struct wallet__idem r = {.state = WALLET_IDEM_DONE,
                             .status = status,
                             .cost = cost,
                             .transfer = transfer};

    /* Without a condition: whatever the record says, the money must be booked. */
    wallet__write(cmd, WALLET__KIND_IDEM, key_slice(&h->idem), value_of(h, &r),
                  LEDGER_ANY);
}

void wallet__idem_give_up(struct wallet_hold *h, struct ledger_cmd *cmd, bool executed,
                          unsigned status)
{
    struct wallet__idem r = {.state = WALLET_IDEM_DONE, .status = status};

    if (executed) {
        wallet__write(cmd, WALLET__KIND_IDEM, key_slice(&h->idem), value_of(h, &r),
                      VERSION_IN_FLIGHT);
        return;
    }
    wallet__delete(cmd, WALLET__KIND_IDEM, key_slice(&h->idem), VERSION_IN_FLIGHT);
    wallet__delete(cmd, WALLET__KIND_IDEM_DUE,
                   wallet__due_encode(h->idem_due, h->hold_us, h->idem.key),
                   LEDGER_ANY);
}

/* ---- Sweeping ---- */

struct sweep {
    struct wallet_book *b;
    struct ledger_view *v;
    uint64_t before_us;
    unsigned max;
    unsigned count;
    struct wallet__victim *victims; /* WALLET__SWEEP_ROUND of them */
    uint8_t from[WALLET__DUE_KEY_LEN + 1];
    size_t from_len;
    enum rc rc;
};

/* A call of this process that still runs keeps its key, however long it takes. */
static enum rc is_running(bool *out, struct sweep *s, struct slice idem_key)
{
    struct wallet__idem r;
    struct slice value;
    uint64_t version;
    enum rc rc =
        ledger_view_record(&value, &version, s->v, WALLET__KIND_IDEM, idem_key);

    if (rc != RC_OK) /* the two come and go together */
        return rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
    TRY(wallet__idem_decode(&r, value));
    *out = r.state == WALLET_IDEM_IN_FLIGHT && id_cmp(r.boot, s->b->boot) == 0;
    return RC_OK;
}

static bool choose(void *arg, struct slice key, struct slice value, uint64_t version)
{
    struct sweep *s = arg;
    struct ledger_cmd *cmd;
    struct slice idem_key;
    uint64_t created_us;
    bool running;

    (void)value;
    (void)version;
    if (s->count == s->max)
        return false;
    s->rc = wallet__due_decode(&created_us, &idem_key, key);
    if (s->rc != RC_OK || created_us >= s->before_us)
        return false;
    s->rc = is_running(&running, s, idem_key);
    if (s->rc != RC_OK)
        return false;
    memcpy(s->from, key.bytes, WALLET__DUE_KEY_LEN);
    s->from[WALLET__DUE_KEY_LEN] = 0; /* right behind this one */
    s->from_len = sizeof(s->from);
    if (running)
        return true;
    memcpy(s->victims[s->count].key, key.bytes, WALLET__DUE_KEY_LEN);
    key = slice_from((const char *)s->victims[s->count].key, WALLET__DUE_KEY_LEN);
    cmd = &s->victims[s->count].cmd;
    *cmd = (struct ledger_cmd){.verb = LEDGER_NOTE, .forgettable = true};
    cmd->op = id_new(s->before_us + KEEP_US);
    /* The second one guards the first: if the key was freed and used again meanwhile,
     * its row in the order of time is another one. */
    wallet__delete(cmd, WALLET__KIND_IDEM, slice_sub(key, 8, 32), LEDGER_ANY);
    wallet__delete(cmd, WALLET__KIND_IDEM_DUE, key, LEDGER_ANY);
    s->count++;
    return true;
}

static enum rc sweep_round(struct sweep *s, unsigned *deleted)
{
    enum rc rc;

    s->count = 0;
    TRY(ledger_view_open(&s->v, s->b->ledger));
    rc = ledger_view_records(s->v, WALLET__KIND_IDEM_DUE, SLICE_NONE,
                             slice_from((const char *)s->from, s->from_len), choose, s);
    ledger_view_close(s->v);
    TRY(rc);
    TRY(s->rc);
    return wallet__sweep(s->b, s->victims, s->count, deleted);
}

enum rc wallet_sweep(struct wallet_book *b, unsigned max, unsigned *deleted)
{
    uint64_t now_us = ledger_now_us(b->ledger);
    struct sweep s = {.b = b, .before_us = now_us > KEEP_US ? now_us - KEEP_US : 0};
    enum rc rc = RC_OK;

    *deleted = 0;
    s.victims = calloc(WALLET__SWEEP_ROUND, sizeof(*s.victims));
    if (s.victims == NULL)
        return RC_NOMEM;
    do {
        s.max =
            max - *deleted < WALLET__SWEEP_ROUND ? max - *deleted : WALLET__SWEEP_ROUND;
        rc = sweep_round(&s, deleted);
    } while (rc == RC_OK && s.count == WALLET__SWEEP_ROUND && *deleted < max);
    free(s.victims);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/payer_double.h"

#include "base/clock.h"
#include "gateway/settle/details.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct payer_world w = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .changed = PTHREAD_COND_INITIALIZER};

void take_lock(void)
{
    assert(pthread_mutex_lock(&w.lock) == 0);
}

void give_lock(void)
{
    (void)pthread_cond_broadcast(&w.changed);
    assert(pthread_mutex_unlock(&w.lock) == 0);
}

/* Whether this step is still done. */
static bool lives(void)
{
    if (!w.dead && --w.steps_left == 0)
        w.dead = true;
    return !w.dead;
}

/* ---- The market ---- */

static struct skill_payout *find(struct id id)
{
    for (size_t i = 0; i < w.count; i++)
        if (id_cmp(w.payouts[i].id, id) == 0)
            return &w.payouts[i];
    return NULL;
}

enum rc skill_payout_read(struct skill_payout *out, struct skills *s, struct id id)
{
    const struct skill_payout *p;

    (void)s;
    take_lock();
    p = find(id);
    if (p != NULL)
        *out = *p;
    give_lock();
    return p != NULL ? RC_OK : RC_NOT_FOUND;
}

enum rc skill_payout_list(struct skills *s, struct slice publisher, struct id from,
                          skill_payout_fn *each, void *arg)
{
    struct skill_payout view;
    bool more = true;

    (void)s;
    assert(publisher.len == 0);
    take_lock();
    for (size_t i = 0; i < w.count && more; i++) {
        if (id_cmp(w.payouts[i].id, from) < 0)
            continue;
        view = w.payouts[i];
        view.details_len = 0; /* a short view */
        more = each(arg, &view);
    }
    w.passes += id_is_none(from);
    give_lock();
    return RC_OK;
}

/* A step of the book, as the real one takes it. */
static enum rc step(struct skill_payout *p, enum skill_payout_state state,
                    struct slice reference)
{
    struct skill_payout *kept;
    enum rc rc = RC_OK;
    bool alive;

    take_lock();
    alive = lives(); /* else it dies ahead of it */
    kept = find(p->id);
    if (!alive)
        rc = RC_IO;
    else if (kept == NULL || kept->version != p->version)
        rc = RC_STALE;
    else if (kept->state == SKILL_PAYOUT_PAID || kept->state == SKILL_PAYOUT_FAILED)
        rc = RC_CONFLICT;
    if (rc == RC_OK) {
        p->state = state;
        p->version++;
        (void)snprintf(p->reference, sizeof(p->reference), "%.*s",
                       SLICE_FMT(reference));
        *kept = *p;
        if (!lives()) /* it dies when that is durable */
            rc = RC_IO;
    }
    give_lock();
    return rc;
}

enum rc skill_payout_sent(struct skill_payout *p, struct skills *s)
{
    (void)s;
    assert(p->details_len > 0);
    return step(p, SKILL_PAYOUT_SENT, SLICE_NONE);
}

enum rc skill_payout_paid(struct skill_payout *p, struct skills *s,
                          struct slice reference)
{
    (void)s;
    return step(p, SKILL_PAYOUT_PAID, reference);
}

enum rc skill_payout_failed(struct skill_payout *p, struct skills *s)
{
    (void)s;
    return step(p, SKILL_PAYOUT_FAILED, SLICE_NONE);
}

enum rc skill_publisher_get(struct skill_publisher *out, struct skills *s,
                            struct slice handle)
{
    (void)s;
    take_lock();
    *out = w.publisher;
    give_lock();
    return slice_equal_str(handle, out->handle) ? RC_OK : RC_NOT_FOUND;
}

/* ---- The signer ---- */

enum rc signer_open(struct signer **out, const struct config_key_file *keys,
                    size_t count, const struct signer_caps *caps, struct buf *faults)
{
    (void)faults;
    assert(count == 1);
    assert(strstr(keys->keystore, "/payout.json") != NULL);
    w.caps = *caps;
    *out = NULL;
    return RC_OK;
}

void signer_close(struct signer *s)
{
    (void)s;
}

const struct x402_address *signer_address(const struct signer *s, size_t key)
{
    (void)s;
    assert(key == 0);
    return &w.address;
}

void signer_submit(struct signer *s, struct signer_job *j)
{
    bool alive;

    (void)s;
    assert(j->tx == NULL);
    take_lock();
    alive = lives();
    w.sign_count += alive;
    j->rc = w.signer_rc;
    w.publisher.suspended = w.publisher.suspended || w.suspends;
    if (w.meddles) {
        w.payouts[0].version++;
        w.payouts[0].state = SKILL_PAYOUT_PAID;
    }
    give_lock();
    if (!alive)
        j->rc = RC_IO;
    else if (j->rc == RC_OK)
        j->rc = x402_sign(j->payment, j->offer, w.key, j->arena);
    j->done(j);
}

/* ---- The cashier ---- */

/* Nothing leaves the process that is not in the book. */
static void check_kept(const struct cashier_job *j)
{
    const struct x402_transfer *t = &j->payment->transfer;
    bool found = false;

    for (size_t i = 0; i < w.count && !found; i++) {
        const struct skill_payout *p = &w.payouts[i];
        struct details d;
        struct x402_hash nonce;

        payer_nonce(&nonce, p->id);
        if (!x402_hash_equal(nonce, t->nonce))
            continue;
        found = true;
        assert(p->state == SKILL_PAYOUT_SENT);
        if (details_decode(&d, slice_from((const char *)p->details, p->details_len)) !=
            RC_OK)
            abort();
        assert(details_same(&d.payment, j->payment));
        assert(slice_equal(d.payment.signature, j->payment->signature));
    }
    assert(found);
}

static size_t find_moved(struct x402_hash nonce)
{
    size_t i = 0;

    while (i < w.moved_count && !x402_hash_equal(w.moved[i], nonce))
        i++;
    return i;
}

static void move(const struct cashier_job *j)
{
    assert(w.moved_count < PAYOUTS_MAX);
    w.moved[w.moved_count] = j->payment->transfer.nonce;
    if (x402_u256_to_money(&w.moved_value[w.moved_count++], j->payment->transfer.value,
                           6, X402_EXACT) != RC_OK)
        abort();
}

static bool is_expired(const struct cashier_job *j)
{
    uint64_t end_s = 0;

    if (!x402_u256_to_u64(&end_s, j->payment->transfer.valid_before))
        abort();
    return clock_wall_us() / 1000000 >= end_s;
}

static void refuse(struct cashier_job *j, const char *reason)
{
    j->answer = CASHIER_REFUSED;
    j->reason = reason;
}

static void settle(struct cashier_job *j)
{
    const bool was_moved = find_moved(j->payment->transfer.nonce) < w.moved_count;

    if (w.refuses == CASHIER_REFUSED) {
        refuse(j, w.reason);
        return;
    }
    if (w.refuses != CASHIER_PAID && !was_moved) {
        j->answer = w.refuses;
        return;
    }
    if (was_moved && w.off_the_record) {
        refuse(j, "invalid_exact_evm_nonce_already_used");
        return;
    }
    if (!was_moved && w.drained) {
        refuse(j, "invalid_exact_evm_insufficient_balance");
        return;
    }
    if (!was_moved && is_expired(j)) {
        refuse(j, "invalid_exact_evm_payload_authorization_valid_before");
        return;
    }
    if (!was_moved)
        move(j);
    j->answer = was_moved ? CASHIER_USED : CASHIER_PAID;

    (void)snprintf(j->payment_now.reference, sizeof(j->payment_now.reference), "%s",
                   PAYER_TRANSACTION);
}

static void verify(struct cashier_job *j)
{
    if (w.refuses != CASHIER_PAID && w.refuses != CASHIER_REFUSED)
        j->answer = w.refuses;
    else if (w.refuses == CASHIER_REFUSED)
        refuse(j, w.reason);
    else if (find_moved(j->payment->transfer.nonce) < w.moved_count)
        refuse(j, "invalid_exact_evm_nonce_already_used");
    else if (w.drained)
        refuse(j, "invalid_exact_evm_insufficient_balance");
    else if (is_expired(j))
        refuse(j, "invalid_exact_evm_payload_authorization_valid_before");
    else
        j->answer = CASHIER_GOOD;
}

void cashier_facilitate(struct cashier *c, struct cashier_job *j, bool settles)
{
    (void)c;
    take_lock();
    assert(j->is_own && j->network == &w.config->payments->networks[0]);
    j->reason = "";
    j->answer = CASHIER_DOWN;
    if (lives()) {
        check_kept(j);
        w.settle_count += settles;
        w.verify_count += !settles;
        if (settles)
            settle(j);
        else
            verify(j);
        if (!lives()) /* the answer is never heard */
            j->answer = CASHIER_DOWN;
    }
    give_lock();
    j->done(j);
}

void cashier_drain(struct cashier *c)
{
    (void)c;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One thread, one queue. Jobs are few and short (a signature takes some 50
 * microseconds), and whoever submits one bounds how many there are. */
#include "gateway/settle/signer.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "gateway/settle/keystore.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_SIZE = 256 * 1024, /* a transaction's bytes while it is hashed */
    SECOND_MS = 1000,
    SLOTS = 61 /* 60 s are covered by 61 seconds by the clock, whenever they begin */
};

/* What was signed for in one second. */
struct slot {
    uint64_t second;
    struct money sum;
};

struct token {
    uint64_t chain_id;
    struct x402_address address;
    unsigned decimals;
};

struct signer {
    pthread_t thread;
    bool started;
    struct arena *arena;
    struct signer_caps caps;
    size_t token_count;
    struct token tokens[CONFIG_NETWORKS_MAX];

    /* Written by the thread until `ready`; read only from then on. */
    size_t count;
    struct secret *keys[SIGNER_KEYS_MAX];
    struct x402_address addresses[SIGNER_KEYS_MAX];

    /* The thread's own. */
    struct slot slots[SLOTS];

    /* A lock, for an inbox needs a loop to wake, and here is none: the thread sleeps on
     * the condition. Held for a few instructions. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool has_lock;
    bool ready;
    bool ending;
    struct signer_job *first;
    struct signer_job *last;

    /* For the start only. */
    const struct config_key_file *files;
    struct buf *faults;
    enum rc opened;
};

/* Misuse alone makes these fail, which is our bug. */
static void hold(struct signer *s)
{
    int error = pthread_mutex_lock(&s->lock);

    assert(error == 0);
}

static void release(struct signer *s)
{
    int error = pthread_mutex_unlock(&s->lock);

    assert(error == 0);
}

static void sleep_on(struct signer *s)
{
    int error = pthread_cond_wait(&s->changed, &s->lock);

    assert(error == 0);
}

static void tell(struct signer *s)
{
    int error = pthread_cond_broadcast(&s->changed);

    assert(error == 0);
}

/* Caps --------------------------------------------------------------------------------
 */

/* What was signed for in the last minute, or a little more. */
static bool sum_minute(struct money *sum, const struct signer *s, uint64_t second)
{
    *sum = MONEY_ZERO;
    for (size_t i = 0; i < SLOTS; i++)
        if (second - s->slots[i].second < SLOTS &&
            !money_add(sum, *sum, s->slots[i].sum))
            return false;
    return true;
}

static void add_to_minute(struct signer *s, uint64_t second, struct money value)
{
    struct slot *slot = &s->slots[second % SLOTS];
    bool fits;

    if (slot->second != second)
        *slot = (struct slot){.second = second};
    fits = money_add(&slot->sum, slot->sum, value);
    assert(fits); /* the minute's sum was within its cap */
}

static bool find_decimals(unsigned *out, const struct signer *s, uint64_t chain_id,
                          const struct x402_address *asset)
{
    const struct x402_token *known = x402_token_find(chain_id, asset);

    for (size_t i = 0; i < s->token_count; i++)
        if (s->tokens[i].chain_id == chain_id &&
            x402_address_equal(&s->tokens[i].address, asset)) {
            *out = s->tokens[i].decimals;
            return true;
        }
    if (known != NULL)
        *out = known->decimals;
    return known != NULL;
}

/* What the payment lets go, if it says the same as its offer. The domain of EIP-3009 is
 * made of the offer, so its asset is what is signed. */
static enum rc payment_value(struct money *out, const struct signer *s,
                             const struct x402_payment *p,
                             const struct x402_offer *offer)
{
    bool permit = p->method == X402_PERMIT2;
    const struct x402_address *to = permit ? &p->permit.to : &p->transfer.to;
    struct x402_u256 amount = permit ? p->permit.amount : p->transfer.value;
    unsigned decimals;

    if (p->method != offer->method || !x402_address_equal(to, &offer->pay_to) ||
        (permit && !x402_address_equal(&p->permit.token, &offer->asset)) ||
        x402_u256_cmp(amount, offer->amount) != 0 ||
        !find_decimals(&decimals, s, offer->chain_id, &offer->asset))
        return RC_BAD_INPUT;
    return x402_u256_to_money(out, amount, decimals, X402_UP) == RC_OK ? RC_OK
                                                                       : RC_LIMIT;
}

static enum rc check_payment(struct signer *s, const struct signer_job *j)
{
    uint64_t second = clock_mono_ms() / SECOND_MS;
    struct money value, minute, sum;
    enum rc rc = payment_value(&value, s, j->payment, j->offer);

    if (rc == RC_BAD_INPUT) {
        log_line(LOG_ERROR, "a payment that is not its offer's was not signed");
        return rc;
    }
    if (rc != RC_OK || money_cmp(value, s->caps.per_payment) > 0) {
        log_event(LOG_ERROR, "a payment over the signer's cap was not signed",
                  LOG_MONEY("cap", s->caps.per_payment));
        return RC_LIMIT;
    }
    if (!sum_minute(&minute, s, second) || !money_add(&sum, minute, value) ||
        money_cmp(sum, s->caps.per_minute) > 0) {
        log_event(LOG_ERROR,
                  "a payment over the signer's cap per minute was not signed",
                  LOG_MONEY("amount", value), LOG_MONEY("cap", s->caps.per_minute));
        return RC_LIMIT;
    }
    /* Before it is signed: what fails then still counts. */
    add_to_minute(s, second, value);
    return RC_OK;
}

static enum rc check_tx(const struct signer *s, const struct x402_tx *tx)
{
    uint64_t max_fee, fees;

    if (!x402_u256_is_zero(tx->value) || tx->creates) {
        log_line(LOG_ERROR, "a transaction that moves the chain's coin, or makes a "
                            "contract, was not signed");
        return RC_LIMIT;
    }
    if (!x402_u256_to_u64(&max_fee, tx->max_fee) ||
        __builtin_mul_overflow(max_fee, tx->gas_limit, &fees) ||
        fees > s->caps.max_fee_wei) {
        log_event(LOG_ERROR,
                  "a transaction over the signer's cap of fees was not signed",
                  LOG_U64("gas_limit", tx->gas_limit),
                  LOG_U64("cap_wei", s->caps.max_fee_wei));
        return RC_LIMIT;
    }
    return RC_OK;
}

/* Signing -----------------------------------------------------------------------------
 */

static enum rc sign_tx(struct signer *s, struct signer_job *j, const uint8_t *key)
{
    struct x402_hash digest;
    enum rc rc;

    TRY(check_tx(s, j->tx));
    rc = x402_tx_digest(&digest, j->tx, s->arena);
    arena_reset(s->arena);
    TRY(rc);
    return x402_curve_sign(&j->signature, &digest, key);
}

static enum rc sign(struct signer *s, struct signer_job *j)
{
    const uint8_t *key = (const uint8_t *)secret_open(s->keys[j->key]).bytes;

    if (j->tx != NULL)
        return sign_tx(s, j, key);
    TRY(check_payment(s, j));
    return x402_sign(j->payment, j->offer, key, j->arena);
}

/* The thread --------------------------------------------------------------------------
 */

static enum rc read_key(struct signer *s, size_t index)
{
    uint8_t key[X402_KEY_LEN];
    enum rc rc = keystore_read(key, &s->addresses[index], &s->files[index], s->faults);

    if (rc == RC_OK)
        rc = secret_new(&s->keys[index], slice_from((const char *)key, sizeof(key)));
    secret_wipe(key, sizeof(key));
    return rc;
}

/* All of them, so that all faults are told. */
static enum rc read_keys(struct signer *s)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; i < s->count; i++) {
        enum rc one = read_key(s, i);

        if (rc == RC_OK)
            rc = one;
    }
    return rc;
}

/* NULL: the end. */
static struct signer_job *next_job(struct signer *s)
{
    struct signer_job *j;

    hold(s);
    while (s->first == NULL && !s->ending)
        sleep_on(s);
    j = s->first;
    if (j != NULL)
        s->first = j->next;
    release(s);
    return j;
}

static void *run(void *arg)
{
    struct signer *s = arg;
    struct signer_job *j;
    enum rc rc = read_keys(s);

    hold(s);
    s->opened = rc;
    s->ready = true;
    tell(s);
    release(s);
    while ((j = next_job(s)) != NULL) {
        j->rc = sign(s, j);
        j->done(j); /* j is its owner's again */
    }
    return NULL;
}

static enum rc start(struct signer *s)
{
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return RC_NOMEM;
    if (pthread_cond_init(&s->changed, NULL) != 0) {
        (void)pthread_mutex_destroy(&s->lock);
        return RC_NOMEM;
    }
    s->has_lock = true;
    if (pthread_create(&s->thread, NULL, run, s) != 0)
        return RC_NOMEM;
    s->started = true;
    hold(s);
    while (!s->ready)
        sleep_on(s);
    release(s);
    s->files = NULL;
    s->faults = NULL;
    return s->opened;
}

static void keep_tokens(struct signer *s, const struct signer_caps *caps)
{
    assert(caps->network_count <= CONFIG_NETWORKS_MAX);
    for (size_t i = 0; i < caps->network_count; i++)
        s->tokens[s->token_count++] =
            (struct token){caps->networks[i].chain_id, caps->networks[i].asset,
                           caps->networks[i].decimals};
    s->caps.networks = NULL;
    s->caps.network_count = 0;
}

enum rc signer_open(struct signer **out, const struct config_key_file *keys,
                    size_t count, const struct signer_caps *caps, struct buf *faults)
{
    struct signer *s;
    enum rc rc;

    assert(count <= SIGNER_KEYS_MAX);
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return RC_NOMEM;
    s->count = count;
    s->files = keys;
    s->faults = faults;
    s->caps = *caps;
    keep_tokens(s, caps);
    rc = arena_open(&s->arena, ARENA_SIZE);
    if (rc == RC_OK)
        rc = start(s);
    if (rc != RC_OK) {
        signer_close(s);
        return rc;
    }
    *out = s;
    return RC_OK;
}

void signer_close(struct signer *s)
{
    if (s == NULL)
        return;
    if (s->started) {
        hold(s);
        assert(s->first == NULL);
        s->ending = true;
        tell(s);
        release(s);
        (void)pthread_join(s->thread, NULL);
    }
    for (size_t i = 0; i < s->count; i++)
        secret_unref(s->keys[i]);
    if (s->has_lock) {
        (void)pthread_cond_destroy(&s->changed);
        (void)pthread_mutex_destroy(&s->lock);
    }
    arena_close(s->arena);
    free(s);
}

const struct x402_address *signer_address(const struct signer *s, size_t key)
{
    assert(key < s->count);
    return &s->addresses[key];
}

void signer_submit(struct signer *s, struct signer_job *j)
{
    assert(j->key < s->count && j->done != NULL &&
           (j->tx == NULL) == (j->payment != NULL && j->offer != NULL));
    j->next = NULL;
    hold(s);
    if (s->first == NULL)
        s->first = j;
    else
        s->last->next = j;
    s->last = j;
    tell(s);
    release(s);
}

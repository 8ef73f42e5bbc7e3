/* SPDX-License-Identifier: Apache-2.0 */
/* One thread, which waits: for the book, for its signer, for the cashier. Payouts are
 * few and in no hurry; some of them are under way at once, because a chain takes its
 * time. Nothing is kept here that must survive. */
#include "gateway/settle/payer.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include "gateway/settle/details.h"
#include "gateway/settle/signer.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH = 16, /* under way at once */
    REASONS = 256,
    ARENA_MAX = 64 * 1024,
    WAIT_MS = 20000, /* for the cashier; the payout goes on without us then */
    PER_MINUTE = 10, /* of the largest payouts */
    US_PER_S = 1000000
};

static_assert((int)SKILL_PAYOUT_DETAILS_MAX <= (int)WALLET_PAYMENT_DETAILS_MAX,
              "what is kept of a payout is what is kept of a payment");

/* One payout under way. */
struct attempt {
    struct payer *payer;
    struct id id;
    struct skill_payout p; /* its details hold what d points to */
    struct details d;
    bool over; /* it ended so long ago that the chain's word is final */
    struct cashier_job job;
    bool asked, answered; /* the second under the lock */
};

struct reason {
    struct id id;
    char text[PAYER_REASON_SIZE];
};

struct payer {
    struct skills *skills;
    struct cashier *cashier;
    const struct config *config;
    const struct config_network *network;
    struct signer *signer;
    struct arena *arena;
    pthread_t thread;
    bool started, has_lock;

    /* A lock, as there is no loop here to post to: the thread sleeps on the condition.
     * Held for a few instructions. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* by the monotonic clock */
    bool wanted, closing;
    size_t next_reason;
    struct reason reasons[REASONS];

    struct attempt tries[BATCH]; /* the thread's own */
};

/* Misuse alone makes these fail, which is our bug. */
static void hold(struct payer *p)
{
    int error = pthread_mutex_lock(&p->lock);

    assert(error == 0);
}

static void release(struct payer *p)
{
    int error = pthread_mutex_unlock(&p->lock);

    assert(error == 0);
}

static void tell(struct payer *p)
{
    int error = pthread_cond_broadcast(&p->changed);

    assert(error == 0);
}

static void sleep_until_told(struct payer *p)
{
    int error = pthread_cond_wait(&p->changed, &p->lock);

    assert(error == 0);
}

static bool is_closing(struct payer *p)
{
    bool closing;

    hold(p);
    closing = p->closing;
    release(p);
    return closing;
}

/* Reasons -----------------------------------------------------------------------------
 */

static struct reason *find_reason(struct payer *p, struct id id)
{
    for (size_t i = 0; i < REASONS; i++)
        if (id_cmp(p->reasons[i].id, id) == 0)
            return &p->reasons[i];
    return NULL;
}

/* Told in the log when it is another one than before. "": there is none any more. */
static void set_reason(struct attempt *t, const char *text)
{
    struct payer *p = t->payer;
    struct reason *r;
    bool is_new;

    hold(p);
    r = find_reason(p, t->id);
    is_new = text[0] != '\0' && (r == NULL || strcmp(r->text, text) != 0);
    if (r == NULL && text[0] != '\0') {
        r = &p->reasons[p->next_reason++ % REASONS];
        r->id = t->id;
    }
    if (r != NULL)
        (void)snprintf(r->text, sizeof(r->text), "%s", text);
    release(p);
    if (is_new)
        log_event(LOG_WARN, "a publisher is not paid yet",
                  LOG_STR("publisher", t->p.publisher), LOG_STR("reason", text),
                  LOG_MONEY("amount", t->p.amount));
}

void payer_reason(char out[PAYER_REASON_SIZE], struct payer *p, struct id payout)
{
    const struct reason *r;

    hold(p);
    r = find_reason(p, payout);
    (void)snprintf(out, PAYER_REASON_SIZE, "%s", r != NULL ? r->text : "");
    release(p);
}

/* In words, where we have some. */
static const char *words_of(const char *code)
{
    static const struct {
        const char *code, *words;
    } known[] = {
        {"invalid_exact_evm_insufficient_balance",
         "the payout account has too few tokens"},
        {"invalid_exact_evm_nonce_already_used",
         "it was used on the chain, and by what transaction cannot be told"},
        {"invalid_exact_evm_payload_authorization_valid_before",
         "its time is over: it is given back an hour past it"},
        {"invalid_exact_evm_signature", "the payout account has code"},
        {"invalid_exact_evm_transaction_simulation_failed",
         "the token refuses the transfer"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].code, code) == 0)
            return known[i].words;
    return code;
}

/* The cashier -------------------------------------------------------------------------
 */

static void have_answer(struct cashier_job *j)
{
    struct attempt *t =
        (struct attempt *)(void *)((char *)j - offsetof(struct attempt, job));
    struct payer *p = t->payer;

    hold(p);
    t->answered = true;
    tell(p);
    release(p);
}

static void ask(struct attempt *t, bool settle)
{
    t->job = (struct cashier_job){.network = t->payer->network,
                                  .payment = &t->d.payment,
                                  .offer = &t->d.offer,
                                  .method = "payout",
                                  .is_own = true,
                                  .wait_ms = WAIT_MS,
                                  .done = have_answer};
    t->asked = true;
    t->answered = false; /* nobody has it yet */
    cashier_facilitate(t->payer->cashier, &t->job, settle);
}

static void wait_for_answer(struct attempt *t)
{
    struct payer *p = t->payer;

    hold(p);
    while (!t->answered)
        sleep_until_told(p);
    release(p);
    t->asked = false;
}

/* Signing -----------------------------------------------------------------------------
 */

void payer_nonce(struct x402_hash *out, struct id payout)
{
    static const char domain[] = "octroi payout 1";

    struct {
        char domain[sizeof(domain)];
        uint8_t id[ID_LEN];
    } named;

    static_assert(sizeof(named) == sizeof(domain) + ID_LEN, "no padding is hashed");
    memcpy(named.domain, domain, sizeof(domain));
    memcpy(named.id, payout.bytes, sizeof(named.id));
    sha256(out->bytes, slice_from((const char *)&named, sizeof(named)));
}

struct signing {
    struct signer_job job;
    struct payer *payer;
    bool done; /* under the lock */
};

static void have_signed(struct signer_job *j)
{
    struct signing *s =
        (struct signing *)(void *)((char *)j - offsetof(struct signing, job));
    struct payer *p = s->payer;

    hold(p);
    s->done = true;
    tell(p);
    release(p);
}

static enum rc sign(struct payer *p, struct details *d)
{
    struct signing s = {.job = {.offer = &d->offer,
                                .payment = &d->payment,
                                .arena = p->arena,
                                .done = have_signed},
                        .payer = p};

    signer_submit(p->signer, &s.job);
    hold(p);
    while (!s.done)
        sleep_until_told(p);
    release(p);
    return s.job.rc;
}

/* The offer that we make ourselves. RC_BAD_INPUT: it cannot be paid there. */
static enum rc make_offer(struct x402_offer *out, const struct payer *p,
                          const struct skill_payout *payout)
{
    const struct config_network *n = p->network;

    *out = (struct x402_offer){.scheme = X402_SCHEME_EXACT,
                               .method = X402_EIP3009,
                               .chain_id = n->chain_id,
                               .asset = n->asset,
                               .timeout_s = PAYER_WINDOW_S,
                               .name = slice_str(n->asset_name),
                               .version = slice_str(n->asset_version)};
    TRY(x402_address_parse(&out->pay_to, slice_str(payout->address)));
    if (x402_address_is_zero(&out->pay_to) ||
        x402_address_equal(&out->pay_to, &n->asset))
        return RC_BAD_INPUT;
    TRY(x402_u256_from_money(&out->amount, payout->amount, n->decimals, X402_EXACT));
    return money_is_zero(payout->amount) ? RC_BAD_INPUT : RC_OK;
}

static enum rc make_details(struct attempt *t)
{
    struct payer *p = t->payer;
    struct details d = {.facilitated = true, .own = true};
    uint8_t room[WALLET_PAYMENT_DETAILS_MAX];
    struct x402_hash nonce;
    uint16_t len;

    TRY(make_offer(&d.offer, p, &t->p));
    d.amount = d.offer.amount;
    payer_nonce(&nonce, t->id);
    TRY(x402_pay(&d.payment, &d.offer, signer_address(p->signer, 0), &nonce,
                 clock_wall_us() / US_PER_S));
    TRY(sign(p, &d));
    TRY(details_encode(room, &len, &d));
    if (len > SKILL_PAYOUT_DETAILS_MAX)
        return RC_TOO_BIG;
    memcpy(t->p.details, room, len);
    t->p.details_len = len;
    return RC_OK;
}

/* One payout --------------------------------------------------------------------------
 */

static bool is_of_network(const struct payer *p, const char *network)
{
    uint64_t chain_id;

    return x402_network_parse(&chain_id, slice_str(network)) == RC_OK &&
           chain_id == p->network->chain_id;
}

static void give_back(struct attempt *t, const char *why)
{
    const enum rc rc = skill_payout_failed(&t->p, t->payer->skills);

    if (rc == RC_OK) {
        set_reason(t, "");
        log_event(LOG_WARN, "a payout was given back",
                  LOG_STR("publisher", t->p.publisher), LOG_STR("reason", why),
                  LOG_MONEY("amount", t->p.amount));
    } else {
        set_reason(t, rc_reason(rc));
    }
}

/* Nobody has seen a signature for it yet. Whether it may be sent from here on. */
static bool begin_open(struct attempt *t, const struct skill_publisher *publisher)
{
    enum rc rc;

    if (publisher->suspended) {
        give_back(t, "the publisher is suspended");
        return false;
    }
    if (strcmp(publisher->network, t->p.network) != 0 ||
        strcmp(publisher->address, t->p.address) != 0) {
        give_back(t, "the publisher is paid elsewhere now");
        return false;
    }
    rc = make_details(t);
    arena_reset(t->payer->arena);
    if (rc == RC_BAD_INPUT) {
        give_back(t, "nothing can be paid to this address, or so little");
        return false;
    }
    if (rc == RC_LIMIT) {
        set_reason(t, "more than max_per_payout, or than ten of them in a minute");
        return false;
    }
    if (rc == RC_OK)
        rc = skill_payout_sent(&t->p, t->payer->skills);
    if (rc != RC_OK)
        set_reason(t, rc_reason(rc));
    return rc == RC_OK;
}

static bool is_over(const struct details *d)
{
    const uint64_t now_s = clock_wall_us() / US_PER_S;
    uint64_t end_s;

    return x402_u256_to_u64(&end_s, d->payment.transfer.valid_before) &&
           now_s > end_s && now_s - end_s > PAYER_MARGIN_S;
}

/* As late as can be: whoever is suspended while we sign is not sent anything. */
static bool is_suspended(const struct attempt *t)
{
    struct skill_publisher now;

    return skill_publisher_get(&now, t->payer->skills, slice_str(t->p.publisher)) !=
               RC_OK ||
           now.suspended;
}

/* Reads it and sets out, if there is something to be done. */
static void begin(struct attempt *t)
{
    struct payer *p = t->payer;
    struct skill_publisher publisher;
    enum rc rc = skill_payout_read(&t->p, p->skills, t->id);

    if (rc == RC_OK)
        rc = skill_publisher_get(&publisher, p->skills, slice_str(t->p.publisher));
    if (rc != RC_OK) {
        set_reason(t, rc_reason(rc));
        return;
    }
    if (!is_of_network(p, t->p.network)) {
        set_reason(t, "its network is not the one of skills.payout");
        return;
    }
    if (t->p.state == SKILL_PAYOUT_OPEN && !begin_open(t, &publisher))
        return;
    if (t->p.state != SKILL_PAYOUT_SENT)
        return;
    if (details_decode(
            &t->d, slice_from((const char *)t->p.details, t->p.details_len)) != RC_OK ||
        t->d.offer.chain_id != p->network->chain_id ||
        !x402_address_equal(&t->d.offer.asset, &p->network->asset)) {
        set_reason(t, "it was signed for another token, or not by us");
        return;
    }
    t->over = is_over(&t->d);
    if (is_suspended(t) && !t->over)
        set_reason(t, "the publisher is suspended: it is not sent again");
    else
        ask(t, !t->over);
}

static void end_settled(struct attempt *t)
{
    const char *transaction = t->job.payment_now.reference;
    enum rc rc;

    if (transaction[0] == '\0') {
        set_reason(t, "the cashier names no transaction");
        return;
    }
    rc = skill_payout_paid(&t->p, t->payer->skills, slice_str(transaction));
    if (rc != RC_OK) { /* it is told again that it is used */
        set_reason(t, rc_reason(rc));
        return;
    }
    set_reason(t, "");
    log_event(LOG_INFO, "a publisher was paid", LOG_STR("publisher", t->p.publisher),
              LOG_STR("transaction", transaction), LOG_MONEY("amount", t->p.amount));
}

static void judge(struct attempt *t)
{
    switch (t->job.answer) {
    case CASHIER_PAID:
    case CASHIER_USED:
        end_settled(t);
        return;
    case CASHIER_REFUSED:
        set_reason(t, words_of(t->job.reason));
        return;
    case CASHIER_PENDING:
    case CASHIER_IN_USE:
        set_reason(t, "it is sent, and not settled yet");
        return;
    case CASHIER_DOWN:
        set_reason(t, "the chain cannot be reached");
        return;
    case CASHIER_GOOD:
    case CASHIER_CREDITED:
    case CASHIER_OWING:
        set_reason(t, "it would go through, and does not");
        return;
    }
}

/* Whether the chain has just said that the nonce is unused: these are found only after
 * it was looked at. */
static bool is_unused(const struct cashier_job *j)
{
    return j->answer == CASHIER_REFUSED &&
           (strcmp(j->reason, "invalid_exact_evm_insufficient_balance") == 0 ||
            strcmp(j->reason, "invalid_exact_evm_payload_authorization_valid_before") ==
                0);
}

static bool is_used(const struct cashier_job *j)
{
    return j->answer == CASHIER_REFUSED &&
           strcmp(j->reason, "invalid_exact_evm_nonce_already_used") == 0;
}

static void end(struct attempt *t)
{
    if (!t->asked)
        return;
    wait_for_answer(t);
    if (t->over && is_unused(&t->job)) {
        give_back(t, "it was never paid in its time");
        return;
    }
    if (t->over && is_used(&t->job)) { /* by what, the cashier can tell */
        ask(t, true);
        wait_for_answer(t);
    }
    judge(t);
}

/* All of them -------------------------------------------------------------------------
 */

struct batch {
    struct payer *payer;
    struct id after;
    size_t count;
};

static bool collect(void *arg, const struct skill_payout *payout)
{
    struct batch *b = arg;

    if (id_cmp(payout->id, b->after) == 0 || payout->network[0] == '\0' ||
        (payout->state != SKILL_PAYOUT_OPEN && payout->state != SKILL_PAYOUT_SENT))
        return true;
    b->payer->tries[b->count] = (struct attempt){.payer = b->payer, .id = payout->id};
    return ++b->count < BATCH;
}

static void look_at_all(struct payer *p)
{
    struct batch b = {.payer = p, .after = ID_NONE};

    do {
        b.count = 0;
        if (skill_payout_list(p->skills, SLICE_NONE, b.after, collect, &b) != RC_OK) {
            log_line(LOG_ERROR, "payouts cannot be read");
            return;
        }
        for (size_t i = 0; i < b.count && !is_closing(p); i++)
            begin(&p->tries[i]);
        for (size_t i = 0; i < b.count; i++)
            end(&p->tries[i]);
        if (b.count > 0)
            b.after = p->tries[b.count - 1].id;
    } while (b.count == BATCH && !is_closing(p));
}

/* Until it is wanted, or time to look again. False: the end. */
static bool rest(struct payer *p)
{
    const uint64_t due_ms = clock_mono_ms() + PAYER_SWEEP_MS;
    const struct timespec due = {(time_t)(due_ms / 1000),
                                 (long)(due_ms % 1000) * 1000000};
    int error = 0;
    bool goes_on;

    hold(p);
    while (!p->wanted && !p->closing && error == 0)
        error = pthread_cond_timedwait(&p->changed, &p->lock, &due);
    p->wanted = false;
    goes_on = !p->closing;
    release(p);
    return goes_on;
}

static void *run(void *arg)
{
    struct payer *p = arg;

    do
        look_at_all(p);
    while (rest(p));
    return NULL;
}

/* Its life ----------------------------------------------------------------------------
 */

static enum rc open_lock(struct payer *p)
{
    pthread_condattr_t attributes;
    bool ok;

    if (pthread_mutex_init(&p->lock, NULL) != 0)
        return RC_NOMEM;
    if (pthread_condattr_init(&attributes) != 0) {
        (void)pthread_mutex_destroy(&p->lock);
        return RC_NOMEM;
    }
    ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
         pthread_cond_init(&p->changed, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    if (!ok) {
        (void)pthread_mutex_destroy(&p->lock);
        return RC_NOMEM;
    }
    p->has_lock = true;
    return RC_OK;
}

static enum rc open_signer(struct payer *p, struct buf *faults)
{
    const struct config_skills *s = p->config->skills;
    struct signer_caps caps = {.per_payment = s->payout_max,
                               .networks = p->config->payments->networks,
                               .network_count = p->config->payments->network_count};

    if (!money_mul(&caps.per_minute, s->payout_max, PER_MINUTE))
        caps.per_minute = s->payout_max;
    return signer_open(&p->signer, &s->payout_key, 1, &caps, faults);
}

static enum rc open_parts(struct payer *p, struct buf *faults)
{
    char address[X402_ADDRESS_TEXT_SIZE];

    TRY(open_lock(p));
    TRY(arena_open(&p->arena, ARENA_MAX));
    TRY(open_signer(p, faults));
    if (pthread_create(&p->thread, NULL, run, p) != 0)
        return RC_NOMEM;
    p->started = true;
    x402_address_print(address, signer_address(p->signer, 0));
    log_event(LOG_INFO, "publishers are paid", LOG_STR("from", address),
              LOG_U64("chain", p->network->chain_id));
    return RC_OK;
}

enum rc payer_open(struct payer **out, struct skills *s, struct cashier *c,
                   const struct config *config, struct buf *faults)
{
    struct payer *p = calloc(1, sizeof(*p));
    enum rc rc;

    if (p == NULL)
        return RC_NOMEM;
    p->skills = s;
    p->cashier = c;
    p->config = config_ref(config);
    p->network = config->skills->payout_network;
    assert(p->network != NULL);
    rc = open_parts(p, faults);
    if (rc != RC_OK) {
        payer_close(p);
        return rc;
    }
    *out = p;
    return RC_OK;
}

void payer_close(struct payer *p)
{
    if (p == NULL)
        return;
    if (p->started) {
        hold(p);
        p->closing = true;
        tell(p);
        release(p);
        cashier_drain(p->cashier); /* who waits for it is answered */
        (void)pthread_join(p->thread, NULL);
    }
    signer_close(p->signer);
    arena_close(p->arena);
    if (p->has_lock) {
        (void)pthread_cond_destroy(&p->changed);
        (void)pthread_mutex_destroy(&p->lock);
    }
    config_unref(p->config);
    free(p);
}

void payer_pay(struct payer *p)
{
    hold(p);
    p->wanted = true;
    tell(p);
    release(p);
}

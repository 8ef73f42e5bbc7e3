/* SPDX-License-Identifier: Apache-2.0 */
/* MPP: a credential in Authorization, or in Payment-Authorization beside an API key,
 * that answers a challenge of ours (gateway/challenges.h). Three methods: evm/charge
 * pays on a chain like x402 does; tempo/charge of amount zero spends what was credited
 * to an address; ledger/charge spends the wallet of an API key without showing the key.
 * The order of checks: shape, id, route and body, expiry, payload, proof, and then
 * whether it was used. */
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"
#include "gateway/challenges.h"
#include "gateway/pay_call.h"
#include "gateway/payment_hold.h"
#include "gateway/proof_call.h"
#include "gateway/request_pay.h"

#include <string.h>

enum {
    CHALLENGE_TEXT_MAX = 8192,
    OFFER_TEXT_MAX = 7168 /* of all of them: x402's offers stand in the same head */
};

static const char other_header[] = "payment-authorization";

struct mpp_state {
    union { /* first: r->pay_state is each of them */
        struct pay_call evm;
        struct proof_call proof;
    } as;
    enum challenges_way way; /* 0: not known yet */
    struct mpp_credential credential;
    enum rc read_rc;
    bool checked;
    bool proven; /* the credential itself was good */
};

/* ---- Who ---- */

static bool is_credential(struct slice header)
{
    return slice_starts_nocase(header, SLICE("payment "));
}

static bool mine(const struct http_request *http)
{
    unsigned count;

    (void)http_header(http, other_header, &count);
    return count > 0 || is_credential(http_header(http, "authorization", NULL));
}

static enum rc refuse(struct request *r, enum mpp_problem problem, const char *detail)
{
    static const char *const codes[MPP_PROBLEM__COUNT] = {
        [MPP_MALFORMED_CREDENTIAL] = "malformed_payment",
        [MPP_INVALID_CHALLENGE] = "invalid_challenge",
        [MPP_PAYMENT_EXPIRED] = "expired",
        [MPP_VERIFICATION_FAILED] = "verification_failed",
        [MPP_INVALID_PAYLOAD] = "invalid_payload",
        [MPP_PAYMENT_INSUFFICIENT] = "payment_insufficient",
        [MPP_METHOD_UNSUPPORTED] = "method_unsupported",
    };
    const struct mpp_state *s = r->pay_state;
    const bool again = mpp_problem_status(problem) == 402;
    struct json_out o;
    struct buf b;

    r->rc = again ? RC_PAYMENT_BAD : RC_BAD_INPUT;
    r->fault = (struct fault){
        .rc = r->rc, .problem = problem, .code = codes[problem], .detail = detail};
    if (s->read_rc != RC_OK)
        return r->rc;
    buf_init(&b, CHALLENGE_TEXT_MAX);
    buf_append_str(&b, "\"challengeId\":");
    json_out_init(&o, &b);
    json_out_slice(&o, s->credential.challenge.id);
    if (!buf_spent(&b))
        r->fault.extra = arena_slice(r->arena, buf_slice(&b));
    buf_free(&b);
    return r->rc;
}

/* ---- ledger/charge ---- */

static enum challenges_way way_of(const struct mpp_challenge *c)
{
    if (!slice_equal(c->intent, SLICE("charge")))
        return 0;
    if (slice_equal(c->method, SLICE("evm")))
        return CHALLENGES_EVM;
    if (slice_equal(c->method, SLICE("tempo")))
        return CHALLENGES_TEMPO;
    return slice_equal(c->method, SLICE("ledger")) ? CHALLENGES_LEDGER : 0;
}

/* Whose key made the MAC; *account is its id. */
static enum mpp_problem check_mac(struct slice *account, struct request *r,
                                  const struct mpp_state *s)
{
    char text[WALLET_KEY_TEXT_LEN + 1];
    enum mpp_problem problem;
    struct mpp_ledger l;
    enum rc rc;

    problem = mpp_ledger_read(&l, &s->credential, r->arena);
    if (problem != MPP_NONE)
        return problem;
    rc = wallet_key_text(text, r->worker->book, l.account);
    problem = mpp_ledger_verify(&l, &s->credential, slice_str(text));
    secret_wipe(text, sizeof(text));
    *account = l.account;
    return rc == RC_OK ? problem : MPP_VERIFICATION_FAILED;
}

/* What costs nothing to see says at the head whose key it is: then its rates, models
 * and Idempotency-Key count as they would for the key itself. Everything else about the
 * credential is looked at again, in order, once there is a body. */
static enum rc identify_key(struct request *r, struct mpp_state *s)
{
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct mpp_terms terms;
    struct slice account;
    uint64_t expires_us;
    enum rc rc;

    if (r->identified || s->read_rc != RC_OK ||
        way_of(&s->credential.challenge) != CHALLENGES_LEDGER ||
        challenges_terms(&terms, r) != RC_OK)
        return RC_OK;
    terms.body = SLICE_NONE;
    if (!(mpp_challenge_is_ours(&s->credential.challenge, terms.secret, r->arena) ||
          (terms.old_secret.len > 0 &&
           mpp_challenge_is_ours(&s->credential.challenge, terms.old_secret,
                                 r->arena))) ||
        clock_parse(&expires_us, s->credential.challenge.expires) != RC_OK ||
        expires_us <= terms.now_us || check_mac(&account, r, s) != MPP_NONE)
        return RC_OK;
    rc = wallet_key_text(text, r->worker->book, account);
    if (rc == RC_OK)
        rc = wallet_authenticate(&r->caller, r->worker->book, slice_str(text));
    secret_wipe(text, sizeof(text));
    r->identified = rc == RC_OK;
    return rc;
}

static enum rc identify(struct request *r)
{
    struct mpp_state *s = arena_new(r->arena, struct mpp_state);
    unsigned count, others;
    struct slice header = http_header(r->http, "authorization", &count);

    if (s == NULL)
        return RC_NOMEM;
    memset(s, 0, sizeof(*s));
    r->pay_state = s;
    if (!is_credential(header)) {
        header = SLICE_NONE;
        count = 0;
    }
    if (count == 0)
        header = http_header(r->http, other_header, &others);
    else
        (void)http_header(r->http, other_header, &others);
    s->read_rc = mpp_credential_parse(&s->credential, header, r->arena);
    if (count + others > 1 || s->read_rc == RC_CONFLICT) {
        r->fault.problem = MPP_BAD_REQUEST;
        return request_fault(r, RC_BAD_INPUT, "Authorization",
                             "Send one payment credential, in one header.");
    }
    TRY(payment_key_beside(r));
    return identify_key(r, s);
}

/* ---- Whether it is good ---- */

static enum rc refuse_unsupported(struct request *r)
{
    return refuse(r, MPP_METHOD_UNSUPPORTED,
                  "This method of payment is not taken here.");
}

static enum rc refuse_problem(struct request *r, enum mpp_problem problem)
{
    static const char *const words[MPP_PROBLEM__COUNT] = {
        [MPP_MALFORMED_CREDENTIAL] = "The payment credential can not be read.",
        [MPP_INVALID_CHALLENGE] = "The challenge was not made here for this request.",
        [MPP_PAYMENT_EXPIRED] = "The challenge has expired.",
        [MPP_VERIFICATION_FAILED] = "The proof does not answer the challenge.",
        [MPP_INVALID_PAYLOAD] = "The payload is not one of this method.",
    };

    return refuse(r, problem, words[problem]);
}

static enum rc check_evm(struct request *r, struct mpp_state *s)
{
    struct pay_call *c = &s->as.evm;
    enum mpp_problem problem;
    struct mpp_evm evm;

    problem = mpp_evm_read(&evm, &s->credential, r->arena);
    if (problem != MPP_NONE)
        return refuse_problem(r, problem);
    c->method = "mpp";
    c->payment = evm.payment;
    c->payment.version = 2; /* as which it is kept, and told to a facilitator */
    c->network = config_network(r->config, evm.offer.chain_id, &evm.offer.asset);
    if (c->network == NULL || !c->network->exact || !r->config->payments->mpp.evm)
        return refuse_unsupported(r);
    TRY(offers_one(&c->offer, r, c->network, X402_SCHEME_EXACT, X402_EIP3009,
                   r->quote.worst));
    if (!x402_address_equal(&c->offer.pay_to, &evm.offer.pay_to))
        return refuse_problem(r, MPP_INVALID_CHALLENGE);
    c->offer.amount = evm.offer.amount; /* its id binds it: that is our quote */
    evm.offer = c->offer;
    problem = mpp_evm_verify(&evm, &s->credential, clock_wall_us() / 1000000);
    return problem == MPP_NONE ? RC_OK : refuse_problem(r, problem);
}

static enum rc check_tempo(struct request *r, struct mpp_state *s)
{
    enum mpp_problem problem;

    /* Who signs in signs for our name, which a stranger must not tell us. */
    if (!r->config->payments->mpp.tempo_proof || offers_origin(r)[0] == '\0')
        return refuse_unsupported(r);
    problem = mpp_tempo_verify(&s->as.proof.payer, &s->credential, r->arena);
    return problem == MPP_NONE ? RC_OK : refuse_problem(r, problem);
}

static enum rc check_ledger(struct request *r, struct mpp_state *s)
{
    struct mpp_request request;
    enum mpp_problem problem;
    struct slice account;
    struct money most;

    if (!r->config->payments->mpp.ledger || offers_origin(r)[0] == '\0')
        return refuse_unsupported(r);
    problem = check_mac(&account, r, s);
    if (problem == MPP_NONE && r->caller.key_id[0] != '\0' &&
        !slice_equal_str(account, r->caller.key_id))
        problem = MPP_INVALID_PAYLOAD; /* of another key than the one beside it */
    if (problem != MPP_NONE)
        return refuse_problem(r, problem);
    TRY(slice_to_cstr(s->as.proof.key_id, sizeof(s->as.proof.key_id), account));
    TRY(mpp_request_decode(&request, s->credential.challenge.request, r->arena));
    TRY(x402_u256_to_money(&most, request.amount, 6, X402_DOWN));
    if (money_cmp(r->quote.worst, most) <= 0)
        return RC_OK;
    return refuse(r, MPP_PAYMENT_INSUFFICIENT,
                  "The price has risen above what the challenge said.");
}

static enum rc check_way(struct request *r, struct mpp_state *s)
{
    switch (s->way) {
    case CHALLENGES_EVM:
        return check_evm(r, s);
    case CHALLENGES_TEMPO:
        return check_tempo(r, s);
    case CHALLENGES_LEDGER:
        return check_ledger(r, s);
    case CHALLENGES_ALL:
        break;
    }
    return refuse_unsupported(r);
}

static enum rc check(struct request *r, struct mpp_state *s)
{
    const struct mpp_challenge *c = &s->credential.challenge;
    struct mpp_terms terms;
    enum mpp_problem problem;
    enum rc rc = challenges_terms(&terms, r);

    if (rc == RC_NOT_FOUND)
        return refuse_unsupported(r);
    TRY(rc);
    if (s->read_rc != RC_OK)
        return refuse_problem(r, MPP_MALFORMED_CREDENTIAL);
    problem = mpp_check(&s->credential, &terms, r->arena);
    if (problem != MPP_NONE)
        return refuse_problem(r, problem);
    s->way = way_of(c);
    TRY(check_way(r, s));
    s->proven = true;
    if (s->way == CHALLENGES_EVM)
        return RC_OK;
    s->as.proof.scheme = "mpp";
    s->as.proof.id = c->id;
    return clock_parse(&s->as.proof.expires_us, c->expires);
}

static bool unreadable(const struct request *r)
{
    const struct mpp_state *s = r->pay_state;

    return s != NULL && s->read_rc != RC_OK;
}

static enum step reserve(struct request *r)
{
    struct mpp_state *s = r->pay_state;

    if (!s->checked) {
        s->checked = true;
        r->rc = check(r, s);
        if (r->rc != RC_OK)
            return STEP_ON;
    }
    return s->way == CHALLENGES_EVM ? pay_call_reserve(r, &s->as.evm)
                                    : proof_call_reserve(r, &s->as.proof);
}

static enum step settle(struct request *r)
{
    struct mpp_state *s = r->pay_state;

    return s->way == CHALLENGES_EVM ? pay_call_settle(r, &s->as.evm)
                                    : payment_capture(r);
}

/* ---- Words ---- */

/* Of a proof that was good and did not pay, another one is not asked for: clients sign
 * again as often as they are asked. */
static unsigned ways_left(const struct request *r)
{
    const struct mpp_state *s = r->pay_state;

    if (r->payment == NULL || r->payment->mine != mine || s == NULL || !s->proven ||
        r->fault.rc == RC_USED)
        return CHALLENGES_ALL;
    return CHALLENGES_ALL & ~(unsigned)s->way;
}

static void offer(struct buf *out, struct request *r)
{
    struct mpp_challenge list[CHALLENGES_MAX];
    size_t count, used = 0;

    (void)out; /* what a body says is the dialect's */
    if (!r->planned)
        return;
    count = challenges_make(list, r, ways_left(r));
    for (size_t i = 0; i < count; i++) {
        struct buf b;

        buf_init(&b, CHALLENGE_TEXT_MAX);
        mpp_challenge_print(&b, &list[i]);
        used += buf_len(&b);
        if (!buf_spent(&b) && used <= OFFER_TEXT_MAX)
            request_header(r, "WWW-Authenticate", buf_slice(&b));
        buf_free(&b);
    }
}

static struct slice money_text(struct request *r, struct money m)
{
    char text[MONEY_TEXT_SIZE];

    money_print(text, m);
    return arena_slice(r->arena, slice_str(text));
}

/* What was paid on a chain, as soon as that is known; *out is untouched else. */
static bool tell_evm(struct mpp_receipt *out, struct request *r,
                     const struct mpp_state *s)
{
    const struct pay_call *c = &s->as.evm;
    struct x402_receipt told;

    if (!pay_call_receipt(&told, r, c) || !told.success || told.transaction.len == 0)
        return false;
    out->reference = told.transaction;
    out->amount = money_text(r, c->job.payment_now.settle);
    if (c->stage == PAY_ENDED)
        out->balance = money_text(r, r->hold.balance);
    return true;
}

static bool tell_wallet(struct mpp_receipt *out, struct request *r)
{
    char id[WALLET_ID_TEXT_SIZE];

    if (r->state != REQUEST_SETTLE || r->hold.rc != RC_OK)
        return false;
    wallet_id_print(id, 't', r->hold.transfer);
    out->reference = id_is_none(r->hold.transfer)
                         ? slice_str(r->id_text)
                         : arena_slice(r->arena, slice_str(id));
    out->amount = money_text(r, r->hold.captured);
    out->balance = money_text(r, r->hold.balance);
    return true;
}

/* Only of what went well. */
static bool receipt(struct request *r, const char **name, struct slice *value)
{
    const struct mpp_state *s = r->pay_state;
    struct mpp_receipt told = {.method = s->credential.challenge.method,
                               .challenge_id = s->credential.challenge.id};
    char now[CLOCK_TEXT_SIZE];

    if (r->fault.rc != RC_OK || !s->proven ||
        (r->up_status != 0 && (r->up_status < 200 || r->up_status > 299)) ||
        !(s->way == CHALLENGES_EVM ? tell_evm(&told, r, s) : tell_wallet(&told, r)))
        return false;
    clock_print(now, clock_wall_us());
    told.timestamp = slice_str(now);
    *name = "Payment-Receipt";
    return mpp_receipt_print(value, &told, r->arena) == RC_OK;
}

extern const struct payment payment_mpp;
const struct payment payment_mpp = {
    .name = "mpp",
    .mine = mine,
    .identify = identify,
    .unreadable = unreadable,
    .reserve = reserve,
    .settle = settle,
    .offer = offer,
    .receipt = receipt,
};

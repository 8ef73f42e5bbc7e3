/* SPDX-License-Identifier: Apache-2.0 */
/* Octroi as a facilitator for others: POST /facilitator/verify, /facilitator/settle,
 * GET /facilitator/supported. What can be judged by its bytes is judged here, with the
 * token that we have configured for the chain, never with what the asker says of it;
 * the chain is the cashier's (gateway/settle/cashier.h), which sends no payment twice.
 * Nobody's money is in our book: what is settled goes from payer to payee, and we pay
 * the gas. So whose payments may be settled can be limited (payments.x402.facilitate),
 * and how often a stranger may ask always is. */
#include "base/clock.h"
#include "base/json.h"
#include "gateway/api.h"
#include "gateway/config_payments.h"
#include "gateway/request.h"
#include "gateway/settle/cashier.h"

#include <stdio.h>
#include <string.h>

enum {
    WAIT_MS = 45000, /* for the chain; askers wait for 90 s */
    REPLY_MAX = 16384,
    STRANGER_PER_MINUTE = 600, /* that reach the chain, of one address; half of them
                                  are verifications */
    STRANGER_AT_ONCE = 32,
    ALL_AT_ONCE = 1024, /* so that our own payments find room at the cashier's */
    NAME_SIZE = 64
};

struct facilitation {
    struct request *request;
    bool settle;
    unsigned version; /* of x402; 0: not known yet */
    struct x402_payment payment;
    bool has_payment;
    struct x402_offer offer; /* as it was asked, with our own token */
    struct slice network_name;
    const struct config_network *network;
    const char *reason; /* why not, a code of x402; NULL: nothing is wrong so far */
    const char *words;

    char limiter_name[NAME_SIZE]; /* "": not counted */
    struct cashier_job job;
    struct inbox_message message;
    bool asked; /* the cashier */
};

/* ---- Answers ---- */

static enum step fail(struct request *r, enum rc rc)
{
    r->rc = rc;
    r->fault.rc = rc;
    request_reply_fault(r);
    return STEP_ON;
}

/* Both answers name the payer where he is known. */
static void write_payer(struct json_out *o, const struct facilitation *f)
{
    char text[X402_ADDRESS_TEXT_SIZE];

    if (!f->has_payment)
        return;
    x402_address_print(text, x402_payer(&f->payment));
    json_out_kstr(o, "payer", text);
}

static void write_verdict(struct json_out *o, const struct facilitation *f)
{
    json_out_kbool(o, "isValid", f->reason == NULL);
    if (f->reason != NULL)
        json_out_kstr(o, "invalidReason", f->reason);
    if (f->words != NULL)
        json_out_kstr(o, "invalidMessage", f->words);
}

static void write_settlement(struct json_out *o, const struct facilitation *f)
{
    const bool nothing = x402_u256_is_zero(f->offer.amount);
    char amount[X402_U256_TEXT_SIZE];

    json_out_kbool(o, "success", f->reason == NULL);
    if (f->reason != NULL)
        json_out_kstr(o, "errorReason", f->reason);
    if (f->words != NULL)
        json_out_kstr(o, "errorMessage", f->words);
    json_out_kstr(o, "transaction",
                  f->asked && !nothing ? f->job.payment_now.reference : "");
    json_out_kslice(o, "network", f->network_name);
    if (f->reason == NULL) {
        x402_u256_print(amount, f->offer.amount);
        json_out_kstr(o, "amount", amount);
    }
}

/* A payment that is not good is an answer, not an error: 200. */
static enum step answer(struct request *r, const struct facilitation *f)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, REPLY_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    if (f->settle)
        write_settlement(&o, f);
    else
        write_verdict(&o, f);
    write_payer(&o, f);
    json_out_end_object(&o);
    request_header(r, "Cache-Control", SLICE("no-store"));
    request_reply(r, 200, "application/json", buf_slice(&b));
    buf_free(&b);
    return STEP_ON;
}

static enum rc refuse(struct facilitation *f, const char *reason, const char *words)
{
    f->reason = reason;
    f->words = words;
    return RC_PAYMENT_BAD;
}

/* ---- What is asked ---- */

static bool text_member(struct slice *out, struct slice object, const char *name,
                        struct arena *a)
{
    struct slice raw;

    return json_raw_member(&raw, object, name) == JSON_STRING &&
           json_raw_string(out, raw, a) == RC_OK;
}

static enum rc read_offer(struct facilitation *f, struct slice json, struct arena *a)
{
    enum rc rc = f->version == 2 ? x402_v2_offer_read(&f->offer, json, a)
                                 : x402_v1_offer_read(&f->offer, json, a);

    if (rc == RC_NOT_FOUND)
        return refuse(f, "unsupported_scheme",
                      "This scheme, network or transfer method is not served here.");
    if (rc != RC_OK)
        return refuse(f, "invalid_payment_requirements",
                      "paymentRequirements cannot be read.");
    return RC_OK;
}

static enum rc read_payment(struct facilitation *f, struct slice json, struct arena *a)
{
    enum rc rc = f->version == 2 ? x402_v2_payment_read(&f->payment, json, a)
                                 : x402_v1_payment_read(&f->payment, json, a);

    f->has_payment = rc == RC_OK;
    if (rc == RC_NOT_FOUND)
        return refuse(f, "unsupported_scheme",
                      "The payment is of a version, scheme or network that is not "
                      "served here.");
    if (rc != RC_OK)
        return refuse(f, "invalid_payload", "paymentPayload cannot be read.");
    return RC_OK;
}

enum {
    ASKED_VERSION,
    ASKED_PAYMENT,
    ASKED_OFFER,
    ASKED_COUNT
};

/* RC_PAYMENT_BAD: refused. Anything else is not a question at all. */
static enum rc read_body(struct request *r, struct facilitation *f)
{
    struct json_field fields[ASKED_COUNT] = {
        [ASKED_VERSION] = {.name = "x402Version"},
        [ASKED_PAYMENT] = {.name = "paymentPayload"},
        [ASKED_OFFER] = {.name = "paymentRequirements"},
    };
    const struct json_limits limits = {.depth = 24};
    struct json_fault fault = {0, ""};
    uint64_t version;
    enum rc rc =
        json_guard(request_body(r), &limits, fields, ASKED_COUNT, &fault, r->arena);

    if (rc == RC_BAD_JSON)
        return request_fault(r, RC_BAD_JSON, NULL,
                             "The body is not valid JSON: %s at byte %zu.", fault.what,
                             fault.at);
    TRY(rc);
    for (size_t i = ASKED_PAYMENT; i < ASKED_COUNT; i++)
        if (fields[i].type != JSON_OBJECT)
            return request_fault(r, RC_BAD_INPUT, fields[i].name,
                                 "'%s' must be an object.", fields[i].name);
    (void)text_member(&f->network_name, fields[ASKED_OFFER].raw, "network", r->arena);
    if (fields[ASKED_VERSION].type != JSON_NUMBER ||
        json_raw_u64(&version, fields[ASKED_VERSION].raw) != RC_OK || version < 1 ||
        version > 2)
        return refuse(f, "invalid_x402_version", "x402Version must be 1 or 2.");
    f->version = (unsigned)version;
    TRY(read_offer(f, fields[ASKED_OFFER].raw, r->arena));
    return read_payment(f, fields[ASKED_PAYMENT].raw, r->arena);
}

/* ---- Whether it is good ---- */

static bool may_be_paid(const struct config_payments *p, const struct x402_address *to)
{
    for (size_t i = 0; i < p->facilitate_count; i++)
        if (x402_address_equal(&p->facilitate_for[i], to))
            return true;
    return p->facilitate_count == 0;
}

static bool is_served(const struct config_network *n, const struct x402_offer *offer)
{
    if (offer->scheme == X402_SCHEME_UPTO)
        return n->upto;
    return offer->method == X402_EIP3009 ? n->exact : n->permit2;
}

static const struct config_network *find_network(const struct request *r,
                                                 struct facilitation *f)
{
    const struct config_network *n =
        config_network(r->config, f->offer.chain_id, &f->offer.asset);

    if (n != NULL && n->facilitator_url == NULL && is_served(n, &f->offer))
        return n;
    (void)refuse(f, n == NULL ? "invalid_network" : "unsupported_scheme",
                 "Payments of this kind, in this token on this network, are not "
                 "settled here; GET supported lists those that are.");
    return NULL;
}

/* The domain that a token's signatures are made for is ours to know: who asks with
 * another one would have us sign off what the token refuses. */
static enum rc take_domain(struct facilitation *f)
{
    const struct slice name = slice_str(f->network->asset_name);
    const struct slice version = slice_str(f->network->asset_version);
    const bool is_exact = f->offer.method == X402_EIP3009;

    if (is_exact && f->offer.name.len > 0 && !slice_equal(f->offer.name, name))
        return refuse(f, "invalid_exact_evm_token_name_mismatch", NULL);
    if (is_exact && f->offer.version.len > 0 && !slice_equal(f->offer.version, version))
        return refuse(f, "invalid_exact_evm_token_version_mismatch", NULL);
    f->offer.name = name;
    f->offer.version = version;
    return RC_OK;
}

/* A settlement of `upto` asks for what was used; what was signed is its cap. */
static enum rc check_payment(struct facilitation *f)
{
    const struct x402_rules rules = {.now_s = clock_wall_us() / 1000000};
    struct x402_offer signed_for = f->offer;
    enum x402_verdict verdict = X402_VALID;

    if (f->settle && f->offer.scheme == X402_SCHEME_UPTO &&
        f->payment.method == X402_PERMIT2) {
        verdict = x402_check_settle(&f->payment, &f->offer, &f->offer.amount);
        signed_for.amount = f->payment.permit.amount;
    }
    if (verdict == X402_VALID)
        verdict = x402_verify(&f->payment, &signed_for, &rules);
    return verdict == X402_VALID ? RC_OK
                                 : refuse(f, x402_verdict_reason(verdict), NULL);
}

static enum rc judge(struct request *r, struct facilitation *f)
{
    TRY(read_body(r, f));
    f->network = find_network(r, f);
    if (f->network == NULL)
        return RC_PAYMENT_BAD;
    if (!may_be_paid(r->config->payments, &f->offer.pay_to))
        return refuse(f, "invalid_payment_requirements",
                      "Payments to this recipient are not settled here.");
    TRY(take_domain(f));
    if (f->offer.scheme == X402_SCHEME_UPTO)
        f->offer.facilitator = *cashier_settler(r->worker->cashier, f->network);
    return check_payment(f);
}

/* ---- The chain ---- */

static const struct slice everybody = {"facilitator", sizeof("facilitator") - 1};

/* A key's own rate, or an address's; and all together leave room for our own. */
static enum rc enter(struct request *r, struct facilitation *f)
{
    struct limiter *l = r->worker->limiter;
    const struct config_limits *limits = &r->config->limits;
    uint64_t per_minute = STRANGER_PER_MINUTE, at_once = STRANGER_AT_ONCE;
    char name[NAME_SIZE];
    struct slice who;

    if (r->identified) {
        (void)snprintf(name, sizeof(name), "%s", r->caller.key_id);
        per_minute = limits->requests_per_minute;
        at_once = limits->concurrent;
    } else {
        (void)snprintf(name, sizeof(name), "/%s", r->http->address);
    }
    who = slice_str(name);
    TRY(limiter_enter(l, everybody, 0, ALL_AT_ONCE, &r->fault.retry_after_s));
    if (limiter_enter(l, who, per_minute, at_once, &r->fault.retry_after_s) != RC_OK) {
        limiter_leave(l, everybody);
        return RC_RATE;
    }
    memcpy(f->limiter_name, name, sizeof(name));
    return RC_OK;
}

static void close_state(struct request *r)
{
    const struct facilitation *f = r->api_state;

    if (f->limiter_name[0] == '\0')
        return;
    limiter_leave(r->worker->limiter, slice_str(f->limiter_name));
    limiter_leave(r->worker->limiter, everybody);
}

static void job_message(struct inbox_message *m)
{
    struct facilitation *f =
        (struct facilitation *)(void *)((char *)m -
                                        offsetof(struct facilitation, message));

    f->request->money_busy = false;
    request_run(f->request);
}

/* On the cashier's thread. */
static void job_done(struct cashier_job *j)
{
    struct facilitation *f =
        (struct facilitation *)(void *)((char *)j - offsetof(struct facilitation, job));

    f->message.run = job_message;
    inbox_post(loop_inbox(f->request->worker->loop), &f->message);
}

static enum step ask(struct request *r, struct facilitation *f)
{
    struct cashier_job *j = &f->job;

    j->network = f->network;
    j->payment = &f->payment;
    j->offer = &f->offer;
    j->method = "x402";
    j->wait_ms = WAIT_MS;
    j->done = job_done;
    f->asked = true;
    r->money_busy = true;
    cashier_facilitate(r->worker->cashier, j, f->settle);
    return STEP_WAIT;
}

/* What was settled and told before has its transaction beside. */
static const char *used_reason(const struct facilitation *f)
{
    if (f->job.payment_now.reference[0] != '\0')
        return "duplicate_settlement";
    return f->payment.method == X402_PERMIT2 ? "permit2_invalid_nonce"
                                             : "invalid_exact_evm_nonce_already_used";
}

/* What is not known is never told as a refusal: the asker's payer would pay twice. */
static enum step tell(struct request *r, struct facilitation *f)
{
    const struct cashier_job *j = &f->job;

    switch (j->answer) {
    case CASHIER_PAID:
    case CASHIER_GOOD:
        break;
    case CASHIER_REFUSED:
        (void)refuse(f, j->reason[0] != '\0' ? j->reason : "invalid_transaction_state",
                     NULL);
        break;
    case CASHIER_USED:
    case CASHIER_CREDITED:
        (void)refuse(f, used_reason(f), NULL);
        break;
    case CASHIER_IN_USE:
        (void)refuse(f, "duplicate_settlement",
                     "This payment is being settled for another call.");
        break;
    case CASHIER_PENDING:
        (void)refuse(f, "settlement_pending",
                     "Sent, and not known yet: ask again with the same payment.");
        break;
    case CASHIER_DOWN:
    case CASHIER_OWING:
        return fail(r, j->rc != RC_OK ? j->rc : RC_CHAIN_DOWN);
    }
    return answer(r, f);
}

/* ---- /supported ---- */

static void write_kind(struct json_out *o, unsigned version, const char *scheme,
                       const char *network, const struct x402_address *settler)
{
    char text[X402_ADDRESS_TEXT_SIZE];

    json_out_object(o);
    json_out_ku64(o, "x402Version", version);
    json_out_kstr(o, "scheme", scheme);
    json_out_kstr(o, "network", network);
    if (settler != NULL) {
        x402_address_print(text, settler);
        json_out_key(o, "extra");
        json_out_object(o);
        json_out_kstr(o, "facilitatorAddress", text);
        json_out_end_object(o);
    }
    json_out_end_object(o);
}

/* One kind, one line, however many tokens of a network we have. */
static bool is_told(const struct config_payments *p, size_t index,
                    enum x402_scheme scheme)
{
    for (size_t i = 0; i < index; i++) {
        const struct config_network *n = &p->networks[i];

        if (n->chain_id == p->networks[index].chain_id && n->facilitator_url == NULL &&
            (scheme == X402_SCHEME_UPTO ? n->upto : n->exact || n->permit2))
            return true;
    }
    return false;
}

static void write_kinds(struct json_out *o, const struct request *r)
{
    const struct config_payments *p = r->config->payments;

    for (size_t i = 0; i < p->network_count; i++) {
        const struct config_network *n = &p->networks[i];
        const char *v1_name = x402_network_v1_name(n->chain_id);
        char name[X402_NETWORK_TEXT_SIZE];

        if (n->facilitator_url != NULL)
            continue;
        x402_network_print(name, n->chain_id);
        if ((n->exact || n->permit2) && !is_told(p, i, X402_SCHEME_EXACT)) {
            write_kind(o, 2, "exact", name, NULL);
            if (v1_name != NULL && n->exact)
                write_kind(o, 1, "exact", v1_name, NULL);
        }
        if (n->upto && !is_told(p, i, X402_SCHEME_UPTO))
            write_kind(o, 2, "upto", name, cashier_settler(r->worker->cashier, n));
    }
}

static void write_signers(struct json_out *o, const struct request *r)
{
    const struct config_payments *p = r->config->payments;

    json_out_key(o, "signers");
    json_out_object(o);
    json_out_key(o, "eip155:*");
    json_out_array(o);
    for (size_t i = 0; i < p->network_count; i++) {
        const struct x402_address *settler =
            cashier_settler(r->worker->cashier, &p->networks[i]);
        char text[X402_ADDRESS_TEXT_SIZE];

        if (settler == NULL)
            continue;
        x402_address_print(text, settler);
        json_out_str(o, text);
    }
    json_out_end_array(o);
    json_out_end_object(o);
}

static void serve_supported(struct request *r)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, REPLY_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_key(&o, "kinds");
    json_out_array(&o);
    write_kinds(&o, r);
    json_out_end_array(&o);
    json_out_key(&o, "extensions");
    json_out_array(&o);
    json_out_end_array(&o);
    write_signers(&o, r);
    json_out_end_object(&o);
    request_reply(r, 200, "application/json", buf_slice(&b));
    buf_free(&b);
}

/* ---- In which order ---- */

static enum step begin(struct request *r)
{
    struct facilitation *f = arena_new(r->arena, struct facilitation);
    enum rc rc;

    if (f == NULL)
        return fail(r, RC_NOMEM);
    f->request = r;
    f->settle = slice_ends(r->http->path, SLICE("/settle"));
    r->api_state = f;
    rc = judge(r, f);
    if (rc == RC_PAYMENT_BAD)
        return answer(r, f);
    if (rc == RC_OK && f->settle && x402_u256_is_zero(f->offer.amount))
        return answer(r, f); /* nothing was used: there is nothing to send */
    if (rc == RC_OK)
        rc = enter(r, f);
    return rc == RC_OK ? ask(r, f) : fail(r, rc);
}

static enum step serve(struct request *r)
{
    struct facilitation *f = r->api_state;

    if (!r->config->payments->facilitates || r->worker->cashier == NULL)
        return fail(r, RC_NOT_FOUND);
    if (f != NULL)
        return tell(r, f);
    if (!slice_ends(r->http->path, SLICE("/supported")))
        return begin(r);
    serve_supported(r);
    return STEP_ON;
}

static const struct api_route routes[] = {
    {"POST", "/facilitator/verify"},
    {"POST", "/facilitator/settle"},
    {"GET", "/facilitator/supported"},
    {NULL, NULL},
};

extern const struct api api_facilitator;
const struct api api_facilitator = {
    .name = "facilitator",
    .dialect = DIALECT_PROBLEM,
    .flags = API_JSON_BODY,
    .routes = routes,
    .serve_wait = serve,
    .close = close_state,
};

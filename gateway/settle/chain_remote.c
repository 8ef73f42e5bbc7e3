/* SPDX-License-Identifier: Apache-2.0 */
/* Settling through somebody else's facilitator. It has three outcomes: done; a reason
 * that is definite; and everything else (late, cut off, 5xx, not readable, pending),
 * after which it may or may not have been done, and the same payment may be handed in
 * again. With a node of our own its word is looked up there, and what the node says
 * counts. Many settle only what they were asked to verify a little before, so a payment
 * that nobody verified is verified first. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/settle/chain_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    REQUEST_MAX = 64 * 1024,  /* bytes */
    ANSWER_MAX = 256 * 1024,  /* bytes */
    MEMORY_MAX = 1024 * 1024, /* for reading one */
    PING_MS = 10 * 1000,
    PATIENCE_MS = 300 * 1000,          /* the deadline is what counts */
    LOOK_MS = 20 * 1000,               /* one look at our node */
    AGAIN_MS = 1000,                   /* between two */
    OVER_S = 2 * CHAIN_HEAD_AGE_MAX_S, /* past its window no block takes a payment */
    URL_MAX = 2048
};

/* Reasons that we repeat. What else a facilitator says is "unexpected". `definite`: it
 * found out before it sent anything. */
static const struct reason {
    const char *code;
    bool definite;
} reasons[] = {
    {"insufficient_funds", true},
    {"invalid_network", true},
    {"invalid_payload", true},
    {"invalid_payment", true},
    {"invalid_payment_requirements", true},
    {"invalid_scheme", true},
    {"unsupported_scheme", true},
    {"invalid_x402_version", true},
    {"payment_expired", true},
    {"unsupported_payload_type", true},
    {"asset_not_deployed_contract", true},
    {"eip6492_factory_not_allowed", true},
    {"invalid_exact_evm_scheme", true},
    {"invalid_exact_evm_network_mismatch", true},
    {"invalid_exact_evm_missing_eip712_domain", true},
    {"invalid_exact_evm_recipient_mismatch", true},
    {"invalid_exact_evm_signature", true},
    {"invalid_exact_evm_failed_to_parse_signature", true},
    {"invalid_exact_evm_authorization_value", true},
    {"invalid_exact_evm_token_name_mismatch", true},
    {"invalid_exact_evm_token_version_mismatch", true},
    {"invalid_exact_evm_eip3009_not_supported", true},
    {"invalid_exact_evm_nonce_already_used", true},
    {"invalid_exact_evm_insufficient_balance", true},
    {"invalid_exact_evm_transaction_simulation_failed", true},
    {"invalid_exact_evm_payload_signature", true},
    {"invalid_exact_evm_payload_recipient_mismatch", true},
    {"invalid_exact_evm_payload_authorization_value", true},
    {"invalid_exact_evm_payload_authorization_value_mismatch", true},
    {"invalid_exact_evm_payload_authorization_valid_after", true},
    {"invalid_exact_evm_payload_authorization_valid_before", true},
    {"invalid_exact_evm_payload_undeployed_smart_wallet", true},
    {"duplicate_settlement", false},
    {"invalid_transaction_state", false},
    {"invalid_exact_evm_transaction_failed", false},
    {"invalid_exact_evm_transfer_event_mismatch", false},
    {"settlement_pending", false},
    {"smart_wallet_deployment_failed", false},
    {"unexpected_verify_error", false},
    {"unexpected_settle_error", false},
};

static const struct reason *find_reason(struct slice code)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (slice_equal_str(code, reasons[i].code))
            return &reasons[i];
    return NULL;
}

/* One HTTP call. */
struct talk {
    struct upstream_call *call;
    char url[URL_MAX];
    struct buf request;
    struct buf answer;
    struct slice part;
    unsigned status;
    struct loop_timer refused;
    struct chain *chain;
    void (*done)(struct talk *t, enum upstream_fail fail);
};

struct remote {
    struct talk ping;
    struct config_network behind; /* as our node sees it */
    bool v1_only;
};

struct remote_work {
    struct chain_work base;
    struct talk talk;
    struct chain_job look;
    bool looking;
    bool keeping;
    bool was_sent;  /* by an earlier try: a refusal may be of the second only */
    bool handed_in; /* by this one */
    struct loop_timer pause;
};

/* Talking ----------------------------------------------------------------------------
 */

static enum upstream_take on_head(void *arg, unsigned status,
                                  const struct http_header *headers, size_t count)
{
    struct talk *t = arg;

    (void)headers;
    (void)count;
    t->status = status;
    return UPSTREAM_TOOK;
}

static enum upstream_take on_data(void *arg, struct slice bytes)
{
    struct talk *t = arg;

    buf_append(&t->answer, bytes);
    return buf_spent(&t->answer) ? UPSTREAM_STOP : UPSTREAM_TOOK;
}

/* done() may free what t is part of: what it owned is kept here. */
static void finish(struct talk *t, enum upstream_fail fail)
{
    struct buf request = t->request;
    struct buf answer = t->answer;

    t->call = NULL;
    buf_init(&t->request, 0);
    t->done(t, fail);
    buf_free(&request);
    buf_free(&answer);
}

static void on_end(void *arg, enum upstream_fail fail, const char *detail)
{
    (void)detail;
    finish(arg, fail);
}

static void on_refused(struct loop_timer *timer)
{
    struct talk *t =
        (struct talk *)(void *)((char *)timer - offsetof(struct talk, refused));

    finish(t, UPSTREAM_CONNECT);
}

static void talk_stop(struct talk *t)
{
    if (t->chain == NULL)
        return;
    if (t->call != NULL) {
        upstream_cancel(t->call);
        t->call = NULL;
        buf_free(&t->request);
        buf_free(&t->answer);
    } else if (loop_timer_armed(&t->refused)) {
        loop_timer_clear(t->chain->loop, &t->refused);
        buf_free(&t->request);
        buf_free(&t->answer);
    }
}

static bool talk_is_busy(const struct talk *t)
{
    return t->call != NULL || loop_timer_armed(&t->refused);
}

static bool make_url(struct talk *t, const char *path)
{
    struct slice base = slice_str(t->chain->net->facilitator_url);
    struct buf url;

    while (base.len > 0 && base.bytes[base.len - 1] == '/')
        base.len--;
    buf_init_lent(&url, t->url, sizeof(t->url));
    buf_append(&url, base);
    buf_append_str(&url, path);
    if (buf_spent(&url))
        return false;
    t->url[buf_len(&url)] = '\0';
    return true;
}

/* The request's text, if any, is in t->request. */
static void talk_start(struct talk *t, struct chain *c, const char *path,
                       uint64_t deadline_ms)
{
    static const struct http_header headers[] = {
        {SLICE("Content-Type"), SLICE("application/json")},
        {SLICE("Accept"), SLICE("application/json")}};
    const bool posts = buf_len(&t->request) > 0;
    struct upstream_spec spec = {.method = posts ? "POST" : "GET",
                                 .url = t->url,
                                 .headers = posts ? headers : headers + 1,
                                 .header_count = posts ? 2 : 1,
                                 .parts = &t->part,
                                 .part_count = posts ? 1 : 0,
                                 .has_body = posts,
                                 .send_once = posts,
                                 .allow_private = c->net->allow_private,
                                 .decode = true,
                                 .deadline_ms = deadline_ms,
                                 .first_byte_timeout_ms = PATIENCE_MS,
                                 .idle_timeout_ms = PATIENCE_MS,
                                 .max_response_bytes = ANSWER_MAX,
                                 .arg = t,
                                 .head = on_head,
                                 .data = on_data,
                                 .end = on_end};

    t->chain = c;
    t->status = 0;
    t->refused.fire = on_refused;
    t->part = buf_slice(&t->request);
    buf_init(&t->answer, ANSWER_MAX);
    if (buf_spent(&t->request) || !make_url(t, path) ||
        upstream_start(&t->call, c->upstream, &spec) != RC_OK)
        loop_timer_set(c->loop, &t->refused, loop_now_ms(c->loop));
}

/* The answer's object, guarded. */
static enum rc read_answer(struct slice *out, const struct talk *t, struct arena *a)
{
    const struct json_limits limits = {.bytes = ANSWER_MAX, .depth = 16};

    *out = buf_slice(&t->answer);
    return json_guard(*out, &limits, NULL, 0, NULL, a);
}

static struct slice text_member(struct slice object, const char *name, struct arena *a)
{
    struct slice raw;
    struct slice text;

    if (json_raw_member(&raw, object, name) != JSON_STRING ||
        json_raw_string(&text, raw, a) != RC_OK)
        return SLICE_NONE;
    return text;
}

static enum rc truth_member(bool *out, struct slice object, const char *name)
{
    struct slice raw;

    if (json_raw_member(&raw, object, name) == JSON_ABSENT)
        return RC_NOT_FOUND;
    return json_raw_bool(out, raw);
}

/* What it settles --------------------------------------------------------------------
 */

static bool is_of(const struct chain *c, struct slice kind, uint64_t version,
                  struct arena *a)
{
    const struct slice network = text_member(kind, "network", a);
    struct slice raw;
    uint64_t its_version;
    uint64_t chain_id;

    if (json_raw_member(&raw, kind, "x402Version") != JSON_NUMBER ||
        json_raw_u64(&its_version, raw) != RC_OK || its_version != version ||
        !slice_equal_str(text_member(kind, "scheme", a), "exact"))
        return false;
    if (slice_equal_str(network, "eip155:*"))
        return true;
    return (x402_network_parse(&chain_id, network) == RC_OK ||
            x402_network_from_v1(&chain_id, network) == RC_OK) &&
           chain_id == c->net->chain_id;
}

static void read_kinds(struct chain *c, struct slice kinds, struct arena *a)
{
    struct remote *r = c->own;
    struct slice kind;
    bool v1 = false;
    bool v2 = false;
    size_t at = 0;

    while (json_raw_element(&kind, kinds, &at) != JSON_ABSENT) {
        v1 = v1 || is_of(c, kind, 1, a);
        v2 = v2 || is_of(c, kind, 2, a);
    }
    r->v1_only = v1 && !v2;
    if (v1 || v2)
        chain__talked(c, true, "");
    else
        chain__talked(c, false, "the facilitator does not settle on this network");
}

static void on_supported(struct talk *t, enum upstream_fail fail)
{
    struct chain *c = t->chain;
    struct arena *a = NULL;
    struct slice answer;
    struct slice kinds;

    if (fail != UPSTREAM_FINE || t->status != 200)
        chain__talked(c, false, "the facilitator does not answer");
    else if (arena_open(&a, MEMORY_MAX) != RC_OK ||
             read_answer(&answer, t, a) != RC_OK ||
             json_raw_member(&kinds, answer, "kinds") != JSON_ARRAY)
        chain__talked(c, false, "the facilitator does not say what it settles");
    else
        read_kinds(c, kinds, a);
    arena_close(a);
}

static void remote_ping(struct chain *c)
{
    struct remote *r = c->own;

    if (talk_is_busy(&r->ping))
        return;
    buf_init(&r->ping.request, 0);
    r->ping.done = on_supported;
    talk_start(&r->ping, c, "/supported", loop_now_ms(c->loop) + PING_MS);
}

/* The question -----------------------------------------------------------------------
 */

static void write_v1(struct json_out *o, const struct chain_job *j)
{
    struct x402_payment p = *j->payment;
    struct x402_resource resource = p.resource;

    p.version = 1;
    p.chain_id = j->offer->chain_id;
    /* It must be a URL; nobody goes there. */
    if (resource.url.len == 0)
        resource.url = SLICE("https://localhost/");
    json_out_key(o, "paymentPayload");
    x402_v1_payment_write(o, &p);
    json_out_key(o, "paymentRequirements");
    x402_v1_offer_write(o, j->offer, &resource);
}

static void write_v2(struct json_out *o, const struct chain_job *j)
{
    struct x402_payment p = *j->payment;

    if (!p.has_accepted)
        p.accepted = *j->offer;
    p.version = 2;
    json_out_key(o, "paymentPayload");
    x402_v2_payment_write(o, &p);
    json_out_key(o, "paymentRequirements");
    x402_v2_offer_write(o, j->offer);
}

static void hand_in(struct remote_work *w, const char *path,
                    void (*done)(struct talk *t, enum upstream_fail fail))
{
    struct chain *c = w->base.chain;
    const struct remote *r = c->own;
    const bool v1 = r->v1_only && x402_v1_can_offer(w->base.job->offer);
    struct json_out o;

    buf_init(&w->talk.request, REQUEST_MAX);
    json_out_init(&o, &w->talk.request);
    json_out_object(&o);
    json_out_ku64(&o, "x402Version", v1 ? 1 : 2);
    if (v1)
        write_v1(&o, w->base.job);
    else
        write_v2(&o, w->base.job);
    json_out_end_object(&o);
    w->talk.done = done;
    talk_start(&w->talk, c, path, w->base.job->deadline_ms);
}

static struct remote_work *work_of(struct talk *t)
{
    return (struct remote_work *)(void *)((char *)t -
                                          offsetof(struct remote_work, talk));
}

/* verify -----------------------------------------------------------------------------
 */

static const char *known_or(struct slice code, const char *otherwise)
{
    const struct reason *r = find_reason(code);

    return r != NULL ? r->code : otherwise;
}

static void submit(struct remote_work *w);

/* Also of a settlement: so far nothing of it was handed in. */
static void on_verified(struct talk *t, enum upstream_fail fail)
{
    struct remote_work *w = work_of(t);
    struct chain *c = w->base.chain;
    struct arena *a = NULL;
    const char *reason = "";
    struct slice answer;
    bool valid = false;
    bool read;

    read = fail == UPSTREAM_FINE && arena_open(&a, MEMORY_MAX) == RC_OK &&
           read_answer(&answer, t, a) == RC_OK && t->status < 500 &&
           truth_member(&valid, answer, "isValid") == RC_OK;
    if (read && !valid)
        reason = known_or(text_member(answer, "invalidReason", a),
                          "unexpected_verify_error");
    arena_close(a);
    chain__talked(c, read, "the facilitator does not answer");
    if (!read)
        chain__end(&w->base, CHAIN_UNREACHABLE, "");
    else if (valid && w->base.task == CHAIN_SETTLE)
        submit(w);
    else
        chain__end(&w->base, valid ? CHAIN_OK : CHAIN_REFUSED, reason);
}

/* settle -----------------------------------------------------------------------------
 */

static void settle_again(struct remote_work *w);
static void ask_node(struct remote_work *w);

static bool is_over(const struct remote_work *w)
{
    const uint64_t now_s = clock_wall_us() / 1000000;

    return now_s > OVER_S &&
           x402_u256_cmp(x402_u256_from_u64(now_s - OVER_S),
                         w->base.job->payment->transfer.valid_before) >= 0;
}

static void on_pause(struct loop_timer *t)
{
    struct remote_work *w =
        (struct remote_work *)(void *)((char *)t - offsetof(struct remote_work, pause));

    ask_node(w);
}

/* Our node's word. */
static void on_look(struct chain_job *look)
{
    struct remote_work *w =
        (struct remote_work *)(void *)((char *)look -
                                       offsetof(struct remote_work, look));
    struct chain_job *j = w->base.job;

    w->looking = false;
    if (look->outcome == CHAIN_OK) {
        j->tx.hash = look->tx.hash;
        j->block = look->block;
        chain__end(&w->base, CHAIN_OK, "");
        return;
    }
    if (look->outcome == CHAIN_REFUSED && (look->reason[0] != '\0' || is_over(w))) {
        chain__end(&w->base, CHAIN_REFUSED,
                   look->reason[0] != '\0'
                       ? look->reason
                       : "invalid_exact_evm_payload_authorization_valid_before");
        return;
    }
    if (look->outcome == CHAIN_REFUSED && !w->handed_in) {
        settle_again(w);
        return;
    }
    loop_timer_set(w->base.chain->loop, &w->pause,
                   loop_now_ms(w->base.chain->loop) + AGAIN_MS);
}

static void ask_node(struct remote_work *w)
{
    const struct chain_job *j = w->base.job;
    const uint64_t latest = loop_now_ms(w->base.chain->loop) + LOOK_MS;

    w->looking = true;
    w->look = (struct chain_job){.payment = j->payment,
                                 .offer = j->offer,
                                 .amount = j->amount,
                                 .version = j->version,
                                 .tx = j->tx,
                                 .deadline_ms =
                                     j->deadline_ms < latest ? j->deadline_ms : latest,
                                 .done = on_look};
    chain_look(w->base.chain->behind, &w->look);
}

enum word {
    WORD_DONE,
    WORD_REFUSED,
    WORD_NONE
};

static enum word read_word(struct remote_work *w, const struct talk *t,
                           const char **reason, struct arena *a)
{
    struct chain_job *j = w->base.job;
    const struct reason *known;
    struct x402_hash hash;
    struct slice answer;
    bool success;

    *reason = "settlement_pending";
    if (read_answer(&answer, t, a) != RC_OK ||
        truth_member(&success, answer, "success") != RC_OK)
        return WORD_NONE;
    if (x402_hash_parse(&hash, text_member(answer, "transaction", a)) == RC_OK)
        j->tx.hash = hash;
    else if (success)
        return WORD_NONE; /* a settlement has a transaction */
    if (t->status >= 500)
        return WORD_NONE;
    if (success)
        return t->status / 100 == 2 ? WORD_DONE : WORD_NONE;
    known = find_reason(text_member(answer, "errorReason", a));
    if (known == NULL || !known->definite || w->was_sent)
        return WORD_NONE;
    *reason = known->code;
    return WORD_REFUSED;
}

static void on_settled(struct talk *t, enum upstream_fail fail)
{
    struct remote_work *w = work_of(t);
    struct chain *c = w->base.chain;
    const char *reason = "settlement_pending";
    enum word word = WORD_NONE;
    struct arena *a = NULL;

    if (fail == UPSTREAM_FINE && arena_open(&a, MEMORY_MAX) == RC_OK)
        word = read_word(w, t, &reason, a);
    arena_close(a);
    chain__talked(c, fail == UPSTREAM_FINE && t->status < 500,
                  "the facilitator does not answer");
    if ((fail == UPSTREAM_CONNECT || fail == UPSTREAM_BLOCKED) && !w->was_sent) {
        w->base.job->tx.sent = false; /* nothing went out */
        chain__end(&w->base, CHAIN_UNREACHABLE, "");
    } else if (word == WORD_REFUSED) {
        chain__end(&w->base, CHAIN_REFUSED, reason);
    } else if (c->behind != NULL) {
        ask_node(w);
    } else if (word == WORD_DONE) {
        chain__end(&w->base, CHAIN_OK, "");
    } else {
        chain__end(&w->base, CHAIN_UNKNOWN, reason);
    }
}

static void settle_again(struct remote_work *w)
{
    w->handed_in = true;
    hand_in(w, "/settle", on_settled);
}

static void remote_submitted(struct chain_work *base, bool durable)
{
    struct remote_work *w = (struct remote_work *)base;

    if (!w->keeping)
        return;
    w->keeping = false;
    if (durable) {
        settle_again(w);
        return;
    }
    base->job->tx.sent = false;
    chain__end_soon(base, CHAIN_UNREACHABLE, "");
}

static void submit(struct remote_work *w)
{
    struct chain_job *j = w->base.job;

    j->tx = (struct chain_tx){.sent = true, .tries = 1};
    w->keeping = true;
    j->submit(j); /* after which w may be gone */
}

static void settle(struct remote_work *w)
{
    const struct chain_job *j = w->base.job;

    w->was_sent = j->tx.sent;
    if (w->was_sent && w->base.chain->behind != NULL)
        ask_node(w);
    else if (w->was_sent)
        settle_again(w);
    else if (j->verified)
        submit(w);
    else
        hand_in(w, "/verify", on_verified);
}

/* look -------------------------------------------------------------------------------
 */

static void on_plain_look(struct chain_job *look)
{
    struct remote_work *w =
        (struct remote_work *)(void *)((char *)look -
                                       offsetof(struct remote_work, look));
    struct chain_job *j = w->base.job;

    w->looking = false;
    j->tx.hash = look->tx.hash;
    j->block = look->block;
    chain__end(&w->base, look->outcome, look->reason);
}

static void look(struct remote_work *w)
{
    if (w->base.chain->behind == NULL) {
        /* Its word was all that there was. */
        chain__end_soon(&w->base, CHAIN_OK, "");
        return;
    }
    ask_node(w);
    w->look.done = on_plain_look;
}

/* The face ---------------------------------------------------------------------------
 */

static void remote_start(struct chain_work *base)
{
    struct remote_work *w = (struct remote_work *)base;

    w->pause.fire = on_pause;
    if (base->job->payment->method != X402_EIP3009) {
        chain__end_soon(base, CHAIN_REFUSED, "unsupported_scheme");
        return;
    }
    switch (base->task) {
    case CHAIN_VERIFY:
        hand_in(w, "/verify", on_verified);
        return;
    case CHAIN_SETTLE:
        settle(w);
        return;
    case CHAIN_LOOK:
        look(w);
        return;
    }
}

static void remote_stop(struct chain_work *base)
{
    struct remote_work *w = (struct remote_work *)base;

    talk_stop(&w->talk);
    loop_timer_clear(base->chain->loop, &w->pause);
    if (w->looking)
        chain_cancel(&w->look);
    w->looking = false;
}

static enum rc remote_open(struct chain *c)
{
    struct remote *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return RC_NOMEM;
    c->own = r;
    if (c->net->rpc_url == NULL)
        return RC_OK;
    r->behind = *c->net;
    r->behind.facilitator_url = NULL;
    return chain_open(&c->behind, c->loop, c->upstream, &r->behind, NULL, 0);
}

static void remote_close(struct chain *c)
{
    struct remote *r = c->own;

    if (r == NULL)
        return;
    chain_close(c->behind);
    talk_stop(&r->ping);
    free(r);
}

const struct chain_kind chain__remote = {.work_size = sizeof(struct remote_work),
                                         .open = remote_open,
                                         .close = remote_close,
                                         .start = remote_start,
                                         .submitted = remote_submitted,
                                         .stop = remote_stop,
                                         .ping = remote_ping};

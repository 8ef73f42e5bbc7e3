/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/network_look.h"

#include "base/clock.h"
#include "base/json_guard.h"
#include "gateway/settle/chain.h"
#include "gateway/settle/fees.h"
#include "gateway/settle/node.h"
#include "gateway/settle/rpc.h"
#include "gateway/settle/signer.h"
#include "gateway/upstream.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    TURN_MS = 100,
    PATIENCE_MS = 15 * 1000,
    ANSWER_MAX = 256 * 1024,
    MEMORY_MAX = 1 << 20,
    URL_MAX = 2048,
    FAULTS_MAX = 4096,
    PAYMENTS_FEW = 100 /* gas for fewer than so many is little */
};

enum {
    Q_CHAIN,
    Q_HEAD,
    Q_COMING, /* the block that is being made */
    Q_ON_DEMAND,
    Q_CODE,
    Q_TIP,
    Q_FUNDS, /* the last: asked only where there is an account */
    Q__COUNT
};

struct look {
    struct network_look *out;
    const struct config_network *net;
    struct loop *loop;
    struct upstream *upstream;
    struct arena *arena;

    bool is_witness; /* the node that is asked now */
    const char *who;
    struct rpc *rpc;
    struct rpc_call call;
    struct rpc_question questions[Q__COUNT];
    bool has_account;
    struct x402_address account;

    bool ended;
    enum upstream_fail fail;
    unsigned status;
    struct buf answer;
};

static void say(struct look *l, enum network_state state, const char *advice,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

static void say(struct look *l, enum network_state state, const char *advice,
                const char *format, ...)
{
    struct network_finding *f = &l->out->findings[l->out->count];
    va_list arguments;

    if (l->out->count == NETWORK_FINDINGS_MAX)
        return;
    l->out->count++;
    f->state = state;
    f->advice = advice;
    va_start(arguments, format);
    (void)vsnprintf(f->text, sizeof(f->text), format, arguments);
    va_end(arguments);
}

/* The key ----------------------------------------------------------------------------
 */

/* The signer reads it, here as everywhere, and nothing is ever signed. */
static void look_at_key(struct look *l)
{
    const struct signer_caps caps = {.max_fee_wei = 0};
    char text[X402_ADDRESS_TEXT_SIZE];
    struct signer *signer = NULL;
    struct buf faults;

    buf_init(&faults, FAULTS_MAX);
    if (signer_open(&signer, &l->net->settle_key, 1, &caps, &faults) == RC_OK) {
        l->has_account = true;
        l->account = *signer_address(signer, 0);
        x402_address_print(text, &l->account);
        say(l, NETWORK_FINE, NULL, "its settle_key can be read: %s", text);
    } else {
        say(l, NETWORK_BROKEN, NULL, "its settle_key cannot be read: %.*s",
            SLICE_FMT(slice_trim(buf_slice(&faults))));
    }
    signer_close(signer);
    buf_free(&faults);
}

/* The node ---------------------------------------------------------------------------
 */

static bool judge_head(struct look *l, struct node_head *head)
{
    const uint64_t now_s = clock_wall_us() / 1000000;
    const bool on_demand =
        l->questions[Q_ON_DEMAND].answer == RPC_RESULT &&
        slice_equal_str(slice_trim(l->questions[Q_ON_DEMAND].result), "true");
    const struct rpc_question *q = &l->questions[on_demand ? Q_COMING : Q_HEAD];
    uint64_t off_s;

    if (q->answer != RPC_RESULT || node_read_head(head, q->result) != RC_OK) {
        say(l, NETWORK_BROKEN, NULL, "%s does not say its last block", l->who);
        return false;
    }
    off_s = head->time_s > now_s ? head->time_s - now_s : now_s - head->time_s;
    if (head->time_s > now_s && off_s > CHAIN_CLOCK_OFF_MAX_S)
        say(l, NETWORK_BROKEN, "set the clock of this machine",
            "the last block of %s is of a time %llu s from now", l->who,
            (unsigned long long)off_s);
    else if (head->time_s < now_s && off_s > CHAIN_HEAD_AGE_MAX_S)
        say(l, NETWORK_BROKEN, "wait until it has caught up, or take another node",
            "the last block of %s is %llu s old", l->who, (unsigned long long)off_s);
    else
        say(l, NETWORK_FINE, NULL, "%s is at block %llu", l->who,
            (unsigned long long)head->number);
    return true;
}

static void judge_token(struct look *l)
{
    const struct rpc_question *q = &l->questions[Q_CODE];
    char text[X402_ADDRESS_TEXT_SIZE];
    bool any = false;

    x402_address_print(text, &l->net->asset);
    if (q->answer != RPC_RESULT || node_read_any(&any, q->result) != RC_OK)
        say(l, NETWORK_BROKEN, NULL, "%s does not say what is at %s", l->who, text);
    else if (!any)
        say(l, NETWORK_BROKEN, "correct its asset", "%s knows no token at %s", l->who,
            text);
    else if (!l->is_witness)
        say(l, NETWORK_FINE, NULL, "%s is at %s", l->net->asset_symbol, text);
}

static void judge_gas(struct look *l, const struct node_head *head)
{
    static const char *const advice = "send it ether: it pays the gas of settlements";
    const struct rpc_question *q = &l->questions[Q_FUNDS];
    char text[X402_ADDRESS_TEXT_SIZE];
    struct x402_u256 funds;
    uint64_t tip = 0, wei = UINT64_MAX, cost, payments;
    enum network_state state = NETWORK_FINE;

    x402_address_print(text, &l->account);
    if (q->answer != RPC_RESULT || node_read_u256(&funds, q->result) != RC_OK) {
        say(l, NETWORK_BROKEN, NULL, "the node does not say what %s has", text);
        return;
    }
    if (l->questions[Q_TIP].answer != RPC_RESULT ||
        node_read_u64(&tip, l->questions[Q_TIP].result) != RC_OK)
        tip = 0;
    if (!x402_u256_to_u64(
            &cost, fees_total(FEES_GAS_USUAL, fees_for(head->base_fee, tip).max_fee)))
        cost = UINT64_MAX;
    if (!x402_u256_to_u64(&wei, funds))
        wei = UINT64_MAX; /* 18 ether and more */
    payments = wei / cost;
    if (payments < PAYMENTS_FEW)
        state = payments == 0 ? NETWORK_BROKEN : NETWORK_DOUBTFUL;
    say(l, state, state == NETWORK_FINE ? NULL : advice,
        "%s has gas for %llu payments%s at what it costs now", text,
        (unsigned long long)payments, wei == UINT64_MAX ? " and more" : "");
}

static void judge_node(struct look *l)
{
    const struct rpc_question *q = &l->questions[Q_CHAIN];
    struct node_head head;
    uint64_t id;

    if (l->call.fail != RPC_FINE) {
        say(l, NETWORK_BROKEN, "check its rpc_url, and that the node runs",
            "%s does not answer", l->who);
        return;
    }
    if (q->answer != RPC_RESULT || node_read_u64(&id, q->result) != RC_OK) {
        say(l, NETWORK_BROKEN, "check its rpc_url", "what answers as %s is none",
            l->who);
        return;
    }
    if (id != l->net->chain_id) {
        say(l, NETWORK_BROKEN, "check its rpc_url",
            "%s is of the chain %llu, not of %llu", l->who, (unsigned long long)id,
            (unsigned long long)l->net->chain_id);
        return;
    }
    if (judge_head(l, &head) && l->has_account && !l->is_witness)
        judge_gas(l, &head);
    judge_token(l);
}

static void on_answer(struct rpc_call *c)
{
    struct look *l = (struct look *)(void *)((char *)c - offsetof(struct look, call));

    l->ended = true;
    judge_node(l);
}

static enum rc ask_node(struct look *l, const char *url, bool allow_private)
{
    const bool pays = l->has_account && !l->is_witness;

    l->who = l->is_witness ? "the witness" : "the node";
    arena_reset(l->arena);
    rpc_close(l->rpc);
    l->rpc = NULL;
    TRY(rpc_open(&l->rpc, l->loop, l->upstream, url, allow_private));
    node_ask_plain(&l->questions[Q_CHAIN], "eth_chainId");
    node_ask_head(&l->questions[Q_HEAD], false);
    node_ask_head(&l->questions[Q_COMING], true);
    node_ask_plain(&l->questions[Q_ON_DEMAND], "hardhat_getAutomine");
    node_ask_code(&l->questions[Q_CODE], &l->net->asset, l->arena);
    node_ask_plain(&l->questions[Q_TIP], "eth_maxPriorityFeePerGas");
    if (pays)
        node_ask_balance(&l->questions[Q_FUNDS], &l->account, l->arena);
    if (arena_spent(l->arena))
        return RC_NOMEM;
    l->call = (struct rpc_call){.questions = l->questions,
                                .count = pays ? Q__COUNT : Q_FUNDS,
                                .deadline_ms = clock_mono_ms() + PATIENCE_MS,
                                .done = on_answer};
    l->ended = false;
    rpc_start(l->rpc, &l->call);
    while (!l->ended)
        loop_turn(l->loop, TURN_MS);
    return RC_OK;
}

/* Another facilitator ----------------------------------------------------------------
 */

static enum upstream_take on_head(void *arg, unsigned status,
                                  const struct http_header *headers, size_t count)
{
    struct look *l = arg;

    (void)headers;
    (void)count;
    l->status = status;
    return UPSTREAM_TOOK;
}

static enum upstream_take on_data(void *arg, struct slice bytes)
{
    struct look *l = arg;

    buf_append(&l->answer, bytes);
    return buf_spent(&l->answer) ? UPSTREAM_STOP : UPSTREAM_TOOK;
}

static void on_end(void *arg, enum upstream_fail fail, const char *detail)
{
    struct look *l = arg;

    (void)detail;
    l->fail = fail;
    l->ended = true;
}

static struct slice text_member(struct slice object, const char *name, struct arena *a)
{
    struct slice raw, text;

    if (json_raw_member(&raw, object, name) != JSON_STRING ||
        json_raw_string(&text, raw, a) != RC_OK)
        return SLICE_NONE;
    return text;
}

/* Whether it is our network, in the words of either version. */
static bool is_ours(const struct look *l, struct slice kind)
{
    const struct slice network = text_member(kind, "network", l->arena);
    uint64_t id;

    if (!slice_equal_str(text_member(kind, "scheme", l->arena), "exact"))
        return false;
    if (slice_equal_str(network, "eip155:*"))
        return true;
    return (x402_network_parse(&id, network) == RC_OK ||
            x402_network_from_v1(&id, network) == RC_OK) &&
           id == l->net->chain_id;
}

static void judge_facilitator(struct look *l)
{
    const struct json_limits limits = {.bytes = ANSWER_MAX, .depth = 16};
    struct slice kinds, kind;
    bool ours = false;
    size_t at = 0;

    if (l->fail != UPSTREAM_FINE) {
        say(l, NETWORK_BROKEN,
            "check its facilitator; a private address wants allow_private",
            "the facilitator does not answer");
        return;
    }
    if (l->status != 200) {
        say(l, NETWORK_BROKEN, "check its facilitator",
            "GET /supported of the facilitator answers %u", l->status);
        return;
    }
    if (json_guard(buf_slice(&l->answer), &limits, NULL, 0, NULL, l->arena) != RC_OK ||
        json_raw_member(&kinds, buf_slice(&l->answer), "kinds") != JSON_ARRAY) {
        say(l, NETWORK_BROKEN, "check its facilitator",
            "the facilitator does not say what it settles");
        return;
    }
    while (!ours && json_raw_element(&kind, kinds, &at) != JSON_ABSENT)
        ours = is_ours(l, kind);
    if (ours)
        say(l, NETWORK_FINE, NULL, "the facilitator settles there");
    else
        say(l, NETWORK_BROKEN, "take another facilitator, or a node and a key",
            "the facilitator does not settle there");
}

static enum rc ask_facilitator(struct look *l)
{
    static const struct http_header accept = {SLICE("Accept"),
                                              SLICE("application/json")};
    struct slice base = slice_str(l->net->facilitator_url);
    struct upstream_call *call;
    char url[URL_MAX];
    const struct upstream_spec spec = {.method = "GET",
                                       .url = url,
                                       .headers = &accept,
                                       .header_count = 1,
                                       .allow_private = l->net->allow_private,
                                       .decode = true,
                                       .deadline_ms = clock_mono_ms() + PATIENCE_MS,
                                       .max_response_bytes = ANSWER_MAX,
                                       .arg = l,
                                       .head = on_head,
                                       .data = on_data,
                                       .end = on_end};

    while (base.len > 0 && base.bytes[base.len - 1] == '/')
        base.len--;
    (void)snprintf(url, sizeof(url), "%.*s/supported", SLICE_FMT(base));
    l->ended = false;
    TRY(upstream_start(&call, l->upstream, &spec));
    while (!l->ended)
        loop_turn(l->loop, TURN_MS);
    judge_facilitator(l);
    return RC_OK;
}

/* ---- */

static enum rc look_at_all(struct look *l)
{
    const struct config_witness *w = &l->net->witness;

    TRY(arena_open(&l->arena, MEMORY_MAX));
    TRY(loop_open(&l->loop));
    TRY(upstream_open(&l->upstream, l->loop));
    if (l->net->facilitator_url == NULL)
        look_at_key(l);
    else
        TRY(ask_facilitator(l));
    if (l->net->rpc_url != NULL)
        TRY(ask_node(l, l->net->rpc_url, l->net->rpc_private));
    l->is_witness = true;
    return w->rpc_url != NULL ? ask_node(l, w->rpc_url, w->rpc_private) : RC_OK;
}

enum rc network_look(struct network_look *out, const struct config_network *n)
{
    struct look l = {.out = out, .net = n};
    enum rc rc;

    out->count = 0;
    buf_init(&l.answer, ANSWER_MAX);
    rc = look_at_all(&l);
    rpc_close(l.rpc);
    upstream_close(l.upstream);
    loop_close(l.loop);
    arena_close(l.arena);
    buf_free(&l.answer);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/chain_fixture.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    STEP_MS = 20,
    LOOK_MS = 60 * 1000,
    PATIENCE = 100000 /* turns: what has not ended then never will */
};

struct loop *chain_loop;
struct chain *chain;
struct config_network network;
struct witness witness;
const char *facilitator_says;
unsigned facilitator_status;
enum upstream_fail facilitator_fails;
const char *facilitator_supports;
unsigned facilitator_asked;
char facilitator_got[16 * 1024];
char facilitator_path[64];
void (*facilitator_does)(void);

static const uint8_t our_key[X402_KEY_LEN] = {[31] = 7};
static struct x402_address our_address;
static unsigned answered; /* of upstream's calls */
static struct arena *arena;

const struct x402_address *chain_account(void)
{
    return &our_address;
}

/* ---- The signer ---- */

const struct x402_address *signer_address(const struct signer *s, size_t key)
{
    assert(s != NULL && key == 0);
    return &our_address;
}

void signer_submit(struct signer *s, struct signer_job *j)
{
    struct x402_hash digest;

    assert(s != NULL && j->tx != NULL);
    node.signatures++;
    j->rc = RC_LIMIT;
    if (node.refuse_sign > 0)
        node.refuse_sign--;
    else if (x402_tx_digest(&digest, j->tx, arena) == RC_OK)
        j->rc = x402_curve_sign(&j->signature, &digest, our_key);
    j->done(j);
}

enum rc signer_open(struct signer **out, const struct config_key_file *keys,
                    size_t count, const struct signer_caps *caps, struct buf *faults)
{
    (void)keys;
    (void)count;
    (void)caps;
    (void)faults;
    *out = (struct signer *)(void *)&our_address;
    return RC_OK;
}

void signer_close(struct signer *s)
{
    (void)s;
}

static void answer_facilitator(struct upstream_call *c)
{
    const struct slice body = buf_slice(&c->body);
    const char *path = c->url + strlen("http://facilitator/x");

    if (strcmp(path, "/supported") == 0) {
        upstream_says_head(c, 200, "");
        upstream_says(c, slice_str(facilitator_supports));
        upstream_ends(c, UPSTREAM_FINE);
        return;
    }
    facilitator_asked++;
    (void)snprintf(facilitator_path, sizeof(facilitator_path), "%s", path);
    assert(body.len < sizeof(facilitator_got));
    memcpy(facilitator_got, body.bytes, body.len);
    facilitator_got[body.len] = '\0';
    if (facilitator_does != NULL && strcmp(path, "/settle") == 0)
        facilitator_does();
    if (facilitator_fails != UPSTREAM_FINE) {
        upstream_ends(c, facilitator_fails);
    } else if (facilitator_says != NULL) {
        upstream_says_head(c, facilitator_status, "");
        upstream_says(c, slice_str(facilitator_says));
        upstream_ends(c, UPSTREAM_FINE);
    }
}

/* The same chain, as the other node sees it. */
static void answer_witness(struct upstream_call *c)
{
    const uint64_t block = node.block;
    const uint64_t time_s = node.time_s;
    const unsigned http_calls = node.http_calls;
    const enum lie lie = node.lie;
    const bool down = node.down;
    const bool forges = node.forges;
    const bool forgets = node.forgets;

    node.block -= witness.behind;
    node.time_s -= witness.old_s;
    node.lie = witness.lie;
    node.down = witness.down;
    node.forges = false;
    node.forgets = witness.forgets;
    node.other_blocks = witness.other_blocks;
    node_answer(c);
    witness.http_calls++;
    node.block = block;
    node.time_s = time_s;
    node.http_calls = http_calls;
    node.lie = lie;
    node.down = down;
    node.forges = forges;
    node.forgets = forgets;
    node.other_blocks = false;
}

/* ---- Turning ---- */

static void answer_all(void)
{
    while (answered < upstream_count()) {
        struct upstream_call *c = upstream_nth(answered++);

        if (c->cancelled)
            continue;
        if (strcmp(c->url, "http://node/") == 0)
            node_answer(c);
        else if (strcmp(c->url, "http://witness/") == 0)
            answer_witness(c);
        else
            answer_facilitator(c);
    }
}

void chain_turn(uint64_t ms)
{
    arena_reset(arena);
    loop_turn(chain_loop, 0);
    answer_all();
    if (node.mine_every_ms > 0 && clock_mono_ms() - node.mined_ms >= node.mine_every_ms)
        node_mine();
    clock_advance_ms(ms);
}

void chain_turns(uint64_t ms)
{
    const uint64_t end = clock_mono_ms() + ms;

    while (clock_mono_ms() < end)
        chain_turn(STEP_MS);
}

void order_wait(struct order *o)
{
    for (unsigned i = 0; i < PATIENCE && !o->ended; i++)
        chain_turn(STEP_MS);
    assert(o->ended);
}

/* ---- Orders ---- */

static struct order *order_of(struct chain_job *j)
{
    return (struct order *)(void *)((char *)j - offsetof(struct order, job));
}

static void on_done(struct chain_job *j)
{
    struct order *o = order_of(j);

    assert(!o->ended);
    o->ended = true;
}

static void on_submit(struct chain_job *j)
{
    struct order *o = order_of(j);

    assert(!o->ended && j->tx.sent);
    o->submits++;
    o->kept = j->tx;
    if (!o->keep_late)
        chain_submitted(chain, j, !o->keep_fails);
}

static void init(struct order *o, uint64_t timeout_ms)
{
    memset(o, 0, sizeof(*o));
    o->signature[31] = o->signature[63] = 1;
    o->signature[64] = 27;
    o->offer = (struct x402_offer){.chain_id = CHAIN_ID,
                                   .amount = x402_u256_from_u64(VALUE),
                                   .asset = network.asset,
                                   .pay_to = network.pay_to,
                                   .timeout_s = 300,
                                   .name = SLICE("USDC"),
                                   .version = SLICE("2")};
    o->payment = (struct x402_payment){
        .version = 2,
        .chain_id = CHAIN_ID,
        .signature = slice_from((const char *)o->signature, sizeof(o->signature))};
    o->job = (struct chain_job){.payment = &o->payment,
                                .offer = &o->offer,
                                .amount = o->offer.amount,
                                .version = 2,
                                .deadline_ms = clock_mono_ms() + timeout_ms,
                                .submit = on_submit,
                                .done = on_done};
}

static const struct x402_address payer = {{0xab, 0xcd, 0x01}};

void order_init(struct order *o, unsigned i, uint64_t timeout_ms)
{
    init(o, timeout_ms);
    o->payment.transfer = (struct x402_transfer){
        .from = payer,
        .to = network.pay_to,
        .value = o->offer.amount,
        .valid_before = x402_u256_from_u64(clock_wall_us() / 1000000 + 300)};
    o->payment.transfer.nonce.bytes[30] = (uint8_t)(i >> 8);
    o->payment.transfer.nonce.bytes[31] = (uint8_t)i;
}

void order_init_permit(struct order *o, unsigned i, uint64_t timeout_ms)
{
    init(o, timeout_ms);
    o->permit = true;
    o->offer.method = o->payment.method = X402_PERMIT2;
    o->payment.permit = (struct x402_permit){
        .owner = payer,
        .token = network.asset,
        .amount = o->offer.amount,
        .spender = x402_permit2_exact_proxy,
        .nonce = x402_u256_from_u64(i),
        .deadline = x402_u256_from_u64(clock_wall_us() / 1000000 + 300),
        .to = network.pay_to};
}

void order_verify(struct order *o)
{
    chain_verify(chain, &o->job);
    assert(!o->ended);
    order_wait(o);
}

void order_settle(struct order *o)
{
    o->ended = false;
    chain_settle(chain, &o->job);
    assert(!o->ended);
}

void order_run(struct order *o)
{
    order_settle(o);
    order_wait(o);
}

void order_look(struct order *o)
{
    o->ended = false;
    o->job.deadline_ms += LOOK_MS;
    chain_look(chain, &o->job);
    assert_false(o->ended);
    order_wait(o);
}

void assert_outcome(const struct order *o, enum chain_outcome outcome,
                    const char *reason)
{
    assert_true(o->ended);
    assert_string_equal(o->job.reason, reason);
    assert_int_equal(o->job.outcome, outcome);
}

/* ---- Opening ---- */

static void open_chain(void)
{
    struct signer *s = NULL;

    assert(signer_open(&s, NULL, 0, NULL, NULL) == RC_OK);
    assert(chain_open(&chain, chain_loop, NULL, &network,
                      network.facilitator_url == NULL ? s : NULL, 0) == RC_OK);
    chain_turns(100);
}

void chain_reopen(void)
{
    chain_close(chain);
    network.facilitator_url = NULL;
    open_chain();
}

void chain_with_witness(const char *from)
{
    static char url[] = "http://witness/";

    network.witness.rpc_url = url;
    assert(money_parse(&network.witness.from, slice_str(from)) == RC_OK);
}

void chain_reopen_remote(bool with_node)
{
    static char url[] = "http://facilitator/x/";
    static char rpc[] = "http://node/";

    chain_close(chain);
    network.facilitator_url = url;
    network.rpc_url = with_node ? rpc : NULL;
    open_chain();
}

int chain_set_up(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};
    static char rpc[] = "http://node/";

    (void)state;
    clock_set((uint64_t)NOW_S * 1000000, 1000);
    answered = 0;
    network = (struct config_network){.chain_id = CHAIN_ID,
                                      .asset = x402_token_usual(CHAIN_ID)->address,
                                      .pay_to = {{0x20, 0x30}},
                                      .decimals = 6,
                                      .rpc_url = rpc,
                                      .depth_count = 1,
                                      .depths = {{.blocks = 1}}};
    node = (struct node){.chain_id = CHAIN_ID,
                         .block = 1000,
                         .time_s = NOW_S,
                         .mine_every_ms = 2000,
                         .mined_ms = 1000,
                         .latest = 5,
                         .base_fee = 1000000,
                         .funds = UINT64_C(1000000000000000000),
                         .balance = x402_u256_from_u64(10 * VALUE),
                         .allowance = x402_u256_from_u64(10 * VALUE)};
    witness = (struct witness){0};
    facilitator_says = NULL;
    facilitator_status = 200;
    facilitator_fails = UPSTREAM_FINE;
    facilitator_asked = 0;
    facilitator_does = NULL;
    facilitator_supports = "{\"kinds\":[{\"x402Version\":2,\"scheme\":\"exact\","
                           "\"network\":\"eip155:84532\"}],\"extensions\":[]}";
    if (x402_curve_start(seed) != RC_OK ||
        x402_curve_address(&our_address, our_key) != RC_OK ||
        arena_open(&arena, 1 << 20) != RC_OK || loop_open(&chain_loop) != RC_OK)
        return -1;
    open_chain();
    return 0;
}

int chain_tear_down(void **state)
{
    (void)state;
    chain_close(chain);
    chain = NULL;
    upstreams_close();
    loop_close(chain_loop);
    arena_close(arena);
    x402_curve_stop();
    clock_real();
    return 0;
}

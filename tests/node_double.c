/* SPDX-License-Identifier: Apache-2.0 */
/* The node of tests/chain_fixture.h. */
#include "tests/chain_fixture.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/keccak.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEX_MAX = 16 * 1024
};

struct node node;
const struct x402_address node_stranger = {{0x5a, 0x5a, 0x5a}};

/* ---- Transactions ---- */

static struct sent *find(const struct x402_hash *hash)
{
    for (size_t i = 0; i < node.count; i++)
        if (x402_hash_equal(node.sent[i].hash, *hash))
            return &node.sent[i];
    return NULL;
}

struct sent *node_sent(size_t i)
{
    assert(i < node.count);
    return &node.sent[i];
}

static struct sent *add_sent(void)
{
    assert(node.count < SENT_MAX);
    return &node.sent[node.count++];
}

static struct slice word(struct slice data, size_t index)
{
    const struct slice w = slice_sub(data, 4 + index * X402_WORD_LEN, X402_WORD_LEN);

    assert(w.len == X402_WORD_LEN);
    return w;
}

static void read_data(struct sent *s, struct slice data)
{
    const uint8_t *b = (const uint8_t *)data.bytes;
    uint32_t selector;

    assert(data.len > 4 && 2 * data.len < INPUT_MAX);
    hex_encode(s->input, b, data.len);
    selector = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    s->permit = selector != x402_call_selector(X402_CALL_TRANSFER);
    memcpy(s->nonce.bytes, word(data, s->permit ? 2 : 5).bytes, X402_WORD_LEN);
    memcpy(s->payer.bytes,
           word(data, !s->permit                                              ? 0
                      : selector == x402_call_selector(X402_CALL_SETTLE_UPTO) ? 5
                                                                              : 4)
               .bytes,
           X402_WORD_LEN);
}

static uint64_t next_u64(struct slice *items)
{
    struct x402_u256 v;
    uint64_t n;

    assert(x402_rlp_next_number(&v, items) == RC_OK && x402_u256_to_u64(&n, v));
    return n;
}

static void read_raw(struct sent *s, struct slice raw)
{
    struct slice rest = slice_sub(raw, 1, raw.len);
    struct slice items;
    struct slice data;

    assert(raw.len > 1 && raw.bytes[0] == 2);
    keccak256(s->hash.bytes, raw.bytes, raw.len);
    assert(x402_rlp_next_list(&items, &rest) == RC_OK && rest.len == 0);
    assert(next_u64(&items) == CHAIN_ID);
    s->number = next_u64(&items);
    (void)next_u64(&items);
    s->max_fee = next_u64(&items);
    s->gas_limit = next_u64(&items);
    assert(x402_rlp_next_string(&data, &items) == RC_OK && data.len == 20);
    assert(next_u64(&items) == 0);
    assert(x402_rlp_next_string(&data, &items) == RC_OK);
    read_data(s, data);
}

static bool is_mined(const struct sent *s)
{
    return s->block > 0 && s->block <= node.block && !node.forgets;
}

static bool is_used(const struct x402_hash *nonce, bool permit)
{
    for (size_t i = 0; i < node.count; i++)
        if (is_mined(&node.sent[i]) && node.sent[i].permit == permit &&
            (node.sent[i].success || node.sent[i].cancels) &&
            x402_hash_equal(node.sent[i].nonce, *nonce))
            return true;
    return false;
}

/* ---- Blocks ---- */

static struct sent *waiting(uint64_t number)
{
    for (size_t i = 0; i < node.count; i++)
        if (!node.sent[i].foreign && !node.sent[i].gone && node.sent[i].block == 0 &&
            node.sent[i].number == number)
            return &node.sent[i];
    return NULL;
}

static uint64_t pending(void)
{
    uint64_t n = node.latest;

    while (waiting(n) != NULL)
        n++;
    return n;
}

static void new_block(void)
{
    node.block++;
    if (!node.frozen)
        node.time_s = clock_wall_us() / 1000000;
    node.mined_ms = clock_mono_ms();
}

void node_mine(void)
{
    struct sent *s;

    new_block();
    while ((s = waiting(node.latest)) != NULL && s->max_fee >= node.base_fee) {
        s->success = !is_used(&s->nonce, s->permit) && node.lie != LIE_STATUS;
        s->block = node.block;
        node.latest++;
    }
}

static struct sent *foreign(const struct order *o)
{
    struct sent *s = add_sent();

    new_block();
    *s = (struct sent){.foreign = true, .permit = o->permit, .block = node.block};
    memset(s->hash.bytes, 0xf0, sizeof(s->hash.bytes));
    s->hash.bytes[0] = (uint8_t)node.count;
    x402_payment_nonce(&s->nonce, &o->payment);
    memcpy(s->payer.bytes + 12, x402_payer(&o->payment)->bytes, 20);
    if (node.same_words)
        memcpy(s->input, node.sent[0].input, sizeof(s->input));
    return s;
}

void node_foreign_uses(const struct order *o)
{
    foreign(o)->success = true;
}

void node_foreign_cancels(const struct order *o)
{
    foreign(o)->cancels = true;
}

void node_foreign_number(void)
{
    struct sent *s = waiting(node.latest);

    if (s != NULL)
        s->gone = true;
    new_block();
    node.latest++;
}

void node_reorg(bool waits_again)
{
    for (size_t i = 0; i < node.count; i++) {
        struct sent *s = &node.sent[i];

        if (s->block != node.block)
            continue;
        s->block = 0;
        s->gone = !waits_again;
        s->success = false;
        node.latest -= !s->foreign;
    }
    node.block--;
}

/* ---- What the node says ---- */

static void hash_text(struct buf *out, const struct x402_hash *h)
{
    char text[X402_HASH_TEXT_SIZE];

    x402_hash_print(text, *h);
    buf_printf(out, "\"%s\"", text);
}

static void word_text(struct buf *out, struct x402_u256 v)
{
    struct x402_hash h;

    memcpy(h.bytes, v.bytes, sizeof(h.bytes));
    hash_text(out, &h);
}

static void log_text(struct buf *out, const struct sent *s, enum x402_event event,
                     const struct x402_hash *one, const struct x402_hash *two,
                     uint64_t value)
{
    char token[X402_ADDRESS_TEXT_SIZE];
    struct x402_address address = network.asset;

    if (node.lie == LIE_TOKEN)
        address.bytes[3] ^= 1;
    x402_address_print_small(token, &address);
    buf_printf(out, "{\"address\":\"%s\",\"topics\":[", token);
    hash_text(out, x402_event_topic(event));
    buf_append_char(out, ',');
    hash_text(out, one);
    buf_append_char(out, ',');
    hash_text(out, two);
    buf_append_str(out, "],\"transactionHash\":");
    hash_text(out, &s->hash);
    buf_append_str(out, ",\"removed\":false,\"data\":");
    if (event == X402_EVENT_TRANSFER)
        word_text(out, x402_u256_from_u64(value));
    else
        buf_append_str(out, "\"0x\"");
    buf_append_char(out, '}');
}

static void transfer_text(struct buf *out, const struct sent *s)
{
    struct x402_hash from = s->payer;
    struct x402_hash to = {{0}};

    memcpy(to.bytes + 12, network.pay_to.bytes, 20);
    if (node.lie == LIE_FROM)
        from.bytes[31] ^= 1;
    if (node.lie == LIE_TO)
        to.bytes[31] ^= 1;
    log_text(out, s, X402_EVENT_TRANSFER, &from, &to,
             node.lie == LIE_VALUE ? VALUE - 1 : VALUE);
}

static void logs_text(struct buf *out, const struct sent *s)
{
    if (s->success && node.lie != LIE_NO_LOG) {
        if (!s->permit) {
            log_text(out, s, X402_EVENT_AUTHORIZATION_USED, &s->payer, &s->nonce, 0);
            buf_append_char(out, ',');
        }
        if (node.lie == LIE_BATCH) { /* it moved nothing from the payer to himself */
            log_text(out, s, X402_EVENT_TRANSFER, &s->payer, &s->payer, VALUE);
            buf_append_char(out, ',');
        }
        transfer_text(out, s);
    }
    if (s->cancels)
        log_text(out, s, X402_EVENT_AUTHORIZATION_CANCELED, &s->payer, &s->nonce, 0);
}

static void receipt_text(struct buf *out, const struct sent *s)
{
    struct x402_hash hash;
    struct sent forged;

    if (s != NULL && s->block == 0 && node.forges) {
        forged = *s;
        forged.block = node.block;
        forged.success = true;
        s = &forged;
    }
    if (s == NULL || !is_mined(s)) {
        buf_append_str(out, "null");
        return;
    }
    hash = s->hash;
    if (node.lie == LIE_HASH)
        hash.bytes[0] ^= 1;
    buf_append_str(out, "{\"transactionHash\":");
    hash_text(out, &hash);
    buf_printf(out, ",\"status\":\"0x%x\",\"blockNumber\":\"0x%llx\",\"blockHash\":",
               s->success || s->cancels, (unsigned long long)s->block);
    hash = s->payer;
    hash.bytes[0] ^= node.other_blocks;
    hash_text(out, &hash);
    buf_append_str(out,
                   ",\"gasUsed\":\"0x10\",\"effectiveGasPrice\":\"0x20\",\"logs\":[");
    logs_text(out, s);
    buf_append_str(out, "]}");
}

static void transaction_text(struct buf *out, const struct sent *s)
{
    char from[X402_ADDRESS_TEXT_SIZE], to[X402_ADDRESS_TEXT_SIZE];

    if (s == NULL || s->gone || node.forgets) {
        buf_append_str(out, "null");
        return;
    }
    if (is_mined(s))
        buf_printf(out, "{\"blockNumber\":\"0x%llx\"", (unsigned long long)s->block);
    else
        buf_append_str(out, "{\"blockNumber\":null");
    x402_address_print_small(from, s->foreign ? &node_stranger : chain_account());
    x402_address_print_small(to, &x402_permit2_exact_proxy);
    if (!node.nameless)
        buf_printf(out, ",\"from\":\"%s\"", from);
    buf_printf(out, ",\"to\":\"%s\",\"input\":\"0x%s\"}", to, s->input);
}

static void revert_text(struct buf *out)
{
    buf_append_str(out,
                   "!{\"code\":3,\"message\":\"execution reverted\",\"data\":\"0x\"}");
}

/* A call of the token or a proxy, by its selector. */
static void call_text(struct buf *out, struct slice data, bool estimates)
{
    struct sent s = {0};
    char text[9] = "";
    unsigned long selector;

    assert(data.len >= 4);
    hex_encode(text, (const uint8_t *)data.bytes, 4);
    selector = strtoul(text, NULL, 16);
    if (node.token_reverts) {
        revert_text(out);
    } else if (selector == x402_call_selector(X402_CALL_BALANCE)) {
        word_text(out, node.balance);
    } else if (selector == x402_call_selector(X402_CALL_ALLOWANCE)) {
        word_text(out, node.allowance);
    } else if (selector == x402_call_selector(X402_CALL_AUTHORIZATION_STATE)) {
        memcpy(s.nonce.bytes, word(data, 1).bytes, X402_WORD_LEN);
        word_text(out, x402_u256_from_u64(is_used(&s.nonce, false)));
    } else if (selector == x402_call_selector(X402_CALL_NONCE_BITMAP)) {
        /* Numbers below 256 are in the first word. */
        struct x402_u256 v = X402_ZERO;

        for (unsigned i = 0; i < 256; i++) {
            s.nonce.bytes[31] = (uint8_t)i;
            if (is_used(&s.nonce, true))
                v.bytes[31 - i / 8] |= (uint8_t)(1u << i % 8);
        }
        word_text(out, v);
    } else {
        read_data(&s, data);
        if (!estimates)
            node.verify_calls++;
        if (node.reverts || is_used(&s.nonce, s.permit) ||
            x402_u256_cmp(node.balance, x402_u256_from_u64(VALUE)) < 0)
            revert_text(out);
        else if (estimates)
            buf_printf(out, "\"0x%x\"", GAS);
        else
            buf_append_str(out, "\"0x\"");
    }
}

static struct slice hex_bytes(struct slice text)
{
    static uint8_t bytes[HEX_MAX];

    assert(slice_starts(text, SLICE("0x")) && text.len / 2 - 1 <= sizeof(bytes));
    assert(hex_decode(bytes, text.len / 2 - 1, slice_sub(text, 2, text.len)) == RC_OK);
    return slice_from((const char *)bytes, text.len / 2 - 1);
}

static void send_text(struct buf *out, struct slice raw)
{
    struct sent s = {0};
    struct sent *known;
    struct sent *rival;

    read_raw(&s, raw);
    known = find(&s.hash);
    if (known != NULL)
        known->times++;
    if (node.send_error != NULL) {
        buf_printf(out, "!{\"code\":-32000,\"message\":\"%s\"}", node.send_error);
        return;
    }
    if (known != NULL && !known->gone) {
        buf_append_str(out, "!{\"code\":-32000,\"message\":\"already known\"}");
        return;
    }
    if (s.number < node.latest) {
        buf_append_str(out, "!{\"code\":-32000,\"message\":\"nonce too low\"}");
        return;
    }
    rival = waiting(s.number);
    if (rival != NULL && s.max_fee < rival->max_fee + rival->max_fee / 10) {
        buf_append_str(
            out,
            "!{\"code\":-32000,\"message\":\"replacement transaction underpriced\"}");
        return;
    }
    if (rival != NULL)
        rival->gone = true;
    if (known != NULL) {
        known->gone = false;
    } else {
        known = add_sent();
        *known = s;
        known->times = 1;
    }
    if (node.send_dropped)
        known->gone = true;
    hash_text(out, &s.hash);
}

static uint64_t quantity(struct slice object, const char *name)
{
    struct slice raw;
    struct x402_u256 v;
    uint64_t n;

    assert(json_raw_member(&raw, object, name) == JSON_STRING);
    assert(x402_u256_parse_quantity(&v, slice_sub(raw, 1, raw.len - 2)) == RC_OK);
    assert(x402_u256_to_u64(&n, v));
    return n;
}

static bool is_topic(struct slice filter, const struct x402_hash *topic)
{
    char text[X402_HASH_TEXT_SIZE];

    x402_hash_print(text, *topic);
    return slice_search(filter, slice_str(text)) < filter.len;
}

static bool matches(const struct sent *s, struct slice filter)
{
    return is_mined(s) && (s->success || s->cancels) && is_topic(filter, &s->payer) &&
           (s->permit || is_topic(filter, &s->nonce));
}

static void find_logs_text(struct buf *out, struct slice filter)
{
    const uint64_t from = quantity(filter, "fromBlock");
    const uint64_t to = quantity(filter, "toBlock");
    bool any = false;

    assert(from <= to);
    if (node.log_blocks_max > 0 && to - from >= node.log_blocks_max) {
        buf_append_str(out, "!{\"code\":-32005,\"message\":\"range is too large\"}");
        return;
    }
    buf_append_char(out, '[');
    for (size_t i = 0; i < node.count && !node.no_logs; i++) {
        const struct sent *s = &node.sent[i];

        if (s->block < from || s->block > to || !matches(s, filter))
            continue;
        if (any)
            buf_append_char(out, ',');
        any = true;
        if (s->permit)
            transfer_text(out, s);
        else
            log_text(out, s,
                     s->cancels ? X402_EVENT_AUTHORIZATION_CANCELED
                                : X402_EVENT_AUTHORIZATION_USED,
                     &s->payer, &s->nonce, 0);
    }
    buf_append_char(out, ']');
}

static struct slice text_at(struct slice params, size_t index)
{
    struct slice raw = SLICE_NONE;
    size_t at = 0;

    for (size_t i = 0; i <= index; i++)
        assert(json_raw_element(&raw, params, &at) != JSON_ABSENT);
    return raw.bytes[0] == '"' ? slice_sub(raw, 1, raw.len - 2) : raw;
}

static void code_text(struct buf *out, struct slice who)
{
    char token[X402_ADDRESS_TEXT_SIZE];
    bool has = node.payer_has_code;

    x402_address_print_small(token, &network.asset);
    if (slice_equal_str(who, token))
        has = !node.token_has_no_code;
    x402_address_print_small(token, &x402_permit2_exact_proxy);
    if (slice_equal_str(who, token))
        has = !node.proxy_has_no_code;
    x402_address_print_small(token, &x402_permit2_upto_proxy);
    if (slice_equal_str(who, token))
        has = !node.proxy_has_no_code;
    buf_append_str(out, has ? "\"0x60\"" : "\"0x\"");
}

static void head_text(struct buf *out, bool coming)
{
    buf_printf(out,
               "{\"number\":\"0x%llx\",\"timestamp\":\"0x%llx\","
               "\"baseFeePerGas\":\"0x%llx\"}",
               (unsigned long long)node.block + coming,
               (unsigned long long)(coming ? node.coming_s : node.time_s),
               (unsigned long long)node.base_fee);
}

static void automine_text(struct buf *out)
{
    buf_append_str(
        out, node.on_demand ? "true" : "!{\"code\":-32601,\"message\":\"no method\"}");
}

/* The result, or '!' and the error. */
static void say(struct buf *out, struct slice method, struct slice params)
{
    struct x402_hash hash;
    struct slice raw;

    if (slice_equal_str(method, "eth_chainId")) {
        buf_printf(out, "\"0x%llx\"", (unsigned long long)node.chain_id);
    } else if (slice_equal_str(method, "eth_getBlockByNumber")) {
        head_text(out, slice_equal_str(text_at(params, 0), "pending"));
    } else if (slice_equal_str(method, "hardhat_getAutomine")) {
        automine_text(out);
    } else if (slice_equal_str(method, "eth_getBalance")) {
        buf_printf(out, "\"0x%llx\"", (unsigned long long)node.funds);
    } else if (slice_equal_str(method, "eth_maxPriorityFeePerGas")) {
        node.tip_calls++;
        buf_append_str(out, "\"0x64\"");
    } else if (slice_equal_str(method, "eth_getTransactionCount")) {
        buf_printf(out, "\"0x%llx\"",
                   (unsigned long long)(slice_equal_str(text_at(params, 1), "latest")
                                            ? node.latest
                                            : pending()));
    } else if (slice_equal_str(method, "eth_getCode")) {
        code_text(out, text_at(params, 0));
    } else if (slice_equal_str(method, "eth_call") ||
               slice_equal_str(method, "eth_estimateGas")) {
        assert(json_raw_member(&raw, text_at(params, 0), "data") == JSON_STRING);
        call_text(out, hex_bytes(slice_sub(raw, 1, raw.len - 2)),
                  slice_equal_str(method, "eth_estimateGas"));
    } else if (slice_equal_str(method, "eth_sendRawTransaction")) {
        send_text(out, hex_bytes(text_at(params, 0)));
    } else if (slice_equal_str(method, "eth_getLogs")) {
        find_logs_text(out, text_at(params, 0));
    } else {
        assert(x402_hash_parse(&hash, text_at(params, 0)) == RC_OK);
        if (slice_equal_str(method, "eth_getTransactionReceipt"))
            receipt_text(out, find(&hash));
        else
            transaction_text(out, find(&hash));
    }
}

static void answer_one(struct buf *out, struct slice question)
{
    struct slice method;
    struct slice params;
    struct slice id;
    struct buf said;
    struct slice s;

    assert(json_raw_member(&method, question, "method") == JSON_STRING);
    assert(json_raw_member(&params, question, "params") == JSON_ARRAY);
    assert(json_raw_member(&id, question, "id") == JSON_NUMBER);
    buf_init(&said, 1 << 20);
    say(&said, slice_sub(method, 1, method.len - 2), params);
    s = buf_slice(&said);
    buf_printf(out, "{\"jsonrpc\":\"2.0\",\"id\":%s%.*s,\"%s\":",
               node.lie == LIE_IDS ? "9" : "", SLICE_FMT(id),
               s.bytes[0] == '!' ? "error" : "result");
    buf_append(out, s.bytes[0] == '!' ? slice_sub(s, 1, s.len) : s);
    buf_append_char(out, '}');
    buf_free(&said);
}

static bool is_asked(struct slice body, const char *method)
{
    return slice_search(body, slice_str(method)) < body.len;
}

static unsigned count_questions(struct slice body)
{
    struct slice question;
    unsigned count = 0;
    size_t at = 0;

    while (json_raw_element(&question, body, &at) != JSON_ABSENT)
        count++;
    return count;
}

void node_answer(struct upstream_call *c)
{
    const struct slice body = buf_slice(&c->body);
    const bool sends = is_asked(body, "eth_sendRaw");
    struct slice question;
    struct buf out;
    size_t at = 0;

    node.http_calls++;
    node.receipt_calls += is_asked(body, "eth_getTransactionReceipt");
    if (node.down) {
        upstream_ends(c, UPSTREAM_CONNECT);
        return;
    }
    if (node.batch_max > 0 && count_questions(body) > node.batch_max) {
        node.refused_calls++;
        upstream_says_head(c, 413, "");
        upstream_ends(c, UPSTREAM_FINE);
        return;
    }
    buf_init(&out, 64 << 20);
    if (body.bytes[0] == '[') {
        buf_append_char(&out, '[');
        while (json_raw_element(&question, body, &at) != JSON_ABSENT) {
            if (buf_len(&out) > 1)
                buf_append_char(&out, ',');
            answer_one(&out, question);
        }
        buf_append_char(&out, ']');
    } else {
        answer_one(&out, body);
    }
    if (node.lie == LIE_GARBAGE) {
        buf_reset(&out);
        buf_append_str(&out, "<html>busy</html>");
    }
    upstream_says_head(c, 200, "Content-Type: application/json\n");
    upstream_says(c, buf_slice(&out));
    upstream_ends(c, sends && node.send_lost ? UPSTREAM_CUT : UPSTREAM_FINE);
    buf_free(&out);
}

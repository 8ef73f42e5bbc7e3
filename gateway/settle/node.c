/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settle/node.h"

#include "base/codec.h"
#include "base/json_guard.h"

#include <stdio.h>
#include <string.h>

enum {
    QUANTITY_MAX = 66 /* letters */
};

/* Questions --------------------------------------------------------------------------
 */

static void ask(struct rpc_question *q, const char *method, const char *params)
{
    *q = (struct rpc_question){.method = method,
                               .params = slice_str(params == NULL ? "[]" : params),
                               .common = true};
}

void node_ask_plain(struct rpc_question *q, const char *method)
{
    ask(q, method, "[]");
}

void node_ask_head(struct rpc_question *q, bool pending)
{
    ask(q, "eth_getBlockByNumber",
        pending ? "[\"pending\",false]" : "[\"latest\",false]");
}

static void ask_account(struct rpc_question *q, const char *method,
                        const struct x402_address *who, const char *when,
                        struct arena *a)
{
    char text[X402_ADDRESS_TEXT_SIZE];

    x402_address_print_small(text, who);
    ask(q, method, arena_printf(a, "[\"%s\",\"%s\"]", text, when));
}

void node_ask_balance(struct rpc_question *q, const struct x402_address *who,
                      struct arena *a)
{
    ask_account(q, "eth_getBalance", who, "latest", a);
}

void node_ask_code(struct rpc_question *q, const struct x402_address *who,
                   struct arena *a)
{
    ask_account(q, "eth_getCode", who, "latest", a);
}

void node_ask_count(struct rpc_question *q, const struct x402_address *who,
                    const char *when, struct arena *a)
{
    ask_account(q, "eth_getTransactionCount", who, when, a);
}

static const char *print_hex(struct slice bytes, struct arena *a)
{
    char *text = arena_alloc(a, 2 * bytes.len + 1);

    if (text == NULL)
        return "";
    hex_encode(text, (const uint8_t *)bytes.bytes, bytes.len);
    return text;
}

void node_ask_call(struct rpc_question *q, const char *method,
                   const struct x402_address *from, const struct x402_address *to,
                   struct slice data, struct arena *a)
{
    char who[X402_ADDRESS_TEXT_SIZE] = "";
    char whom[X402_ADDRESS_TEXT_SIZE];

    if (from != NULL)
        x402_address_print_small(who, from);
    x402_address_print_small(whom, to);
    ask(q, method,
        arena_printf(a, "[{%s%s%s\"to\":\"%s\",\"data\":\"0x%s\"},\"latest\"]",
                     from != NULL ? "\"from\":\"" : "", who, from != NULL ? "\"," : "",
                     whom, print_hex(data, a)));
}

static void ask_hash(struct rpc_question *q, const char *method,
                     const struct x402_hash *tx, struct arena *a)
{
    char text[X402_HASH_TEXT_SIZE];

    x402_hash_print(text, *tx);
    ask(q, method, arena_printf(a, "[\"%s\"]", text));
}

void node_ask_receipt(struct rpc_question *q, const struct x402_hash *tx,
                      struct arena *a)
{
    ask_hash(q, "eth_getTransactionReceipt", tx, a);
}

void node_ask_transaction(struct rpc_question *q, const struct x402_hash *tx,
                          struct arena *a)
{
    ask_hash(q, "eth_getTransactionByHash", tx, a);
}

void node_ask_send(struct rpc_question *q, struct slice raw, struct arena *a)
{
    ask(q, "eth_sendRawTransaction", arena_printf(a, "[\"0x%s\"]", print_hex(raw, a)));
    q->common = false;
}

void node_ask_logs(struct rpc_question *q, const struct node_filter *f, struct arena *a)
{
    char address[X402_ADDRESS_TEXT_SIZE];
    char blocks[2][X402_HASH_TEXT_SIZE];
    char hashes[4][X402_HASH_TEXT_SIZE];

    x402_address_print_small(address, f->contract);
    x402_u256_print_quantity(blocks[0], x402_u256_from_u64(f->from));
    x402_u256_print_quantity(blocks[1], x402_u256_from_u64(f->to));
    for (size_t i = 0; i < 2; i++) {
        x402_hash_print(hashes[i], *f->events[i]);
        x402_hash_print(hashes[2 + i], f->topics[i]);
    }
    ask(q, "eth_getLogs",
        arena_printf(a,
                     "[{\"address\":\"%s\",\"fromBlock\":\"%s\",\"toBlock\":\"%s\","
                     "\"topics\":[[\"%s\",\"%s\"],\"%s\",\"%s\"]}]",
                     address, blocks[0], blocks[1], hashes[0], hashes[1], hashes[2],
                     hashes[3]));
}

struct x402_hash node_topic(const struct x402_address *address)
{
    struct x402_hash h = {{0}};

    memcpy(h.bytes + sizeof(h.bytes) - sizeof(address->bytes), address->bytes,
           sizeof(address->bytes));
    return h;
}

/* Readers ----------------------------------------------------------------------------
 */

/* What stands between the quotes. Hex has no letter that must be escaped: a text with a
 * backslash is none. */
static enum rc read_letters(struct slice *out, struct slice raw)
{
    if (raw.len == 0 || json_raw_type(raw) == JSON_NULL)
        return RC_NOT_FOUND;
    if (json_raw_type(raw) != JSON_STRING || raw.len < 2 || raw.bytes[0] != '"')
        return RC_BAD_INPUT;
    *out = slice_sub(raw, 1, raw.len - 2);
    return RC_OK;
}

static enum rc read_hex(struct slice *out, struct slice raw)
{
    struct slice text;

    TRY(read_letters(&text, raw));
    if (!slice_starts(text, SLICE("0x")))
        return RC_BAD_INPUT;
    *out = slice_sub(text, 2, text.len);
    return RC_OK;
}

enum rc node_read_u256(struct x402_u256 *out, struct slice result)
{
    struct slice text;

    TRY(read_letters(&text, result));
    if (text.len > QUANTITY_MAX)
        return RC_BAD_INPUT;
    return x402_u256_parse_quantity(out, text) == RC_OK ? RC_OK : RC_BAD_INPUT;
}

enum rc node_read_u64(uint64_t *out, struct slice result)
{
    struct x402_u256 v;

    TRY(node_read_u256(&v, result));
    return x402_u256_to_u64(out, v) ? RC_OK : RC_BAD_INPUT;
}

enum rc node_read_hash(struct x402_hash *out, struct slice result)
{
    struct slice text;

    TRY(read_letters(&text, result));
    return x402_hash_parse(out, text);
}

enum rc node_read_word(struct x402_u256 *out, struct slice result)
{
    struct slice text;

    TRY(read_hex(&text, result));
    return hex_decode(out->bytes, sizeof(out->bytes), text);
}

enum rc node_read_any(bool *out, struct slice result)
{
    struct slice text;

    TRY(read_hex(&text, result));
    *out = text.len > 0;
    return RC_OK;
}

static struct slice member(struct slice object, const char *name)
{
    struct slice raw = SLICE_NONE;

    return json_raw_member(&raw, object, name) == JSON_ABSENT ? SLICE_NONE : raw;
}

static enum rc check_object(struct slice result)
{
    if (result.len == 0 || json_raw_type(result) == JSON_NULL)
        return RC_NOT_FOUND;
    return json_raw_type(result) == JSON_OBJECT ? RC_OK : RC_BAD_INPUT;
}

/* Inside of an object nothing that must be there may be null. */
static enum rc needed(enum rc rc)
{
    return rc == RC_OK ? RC_OK : RC_BAD_INPUT;
}

static enum rc read_address(struct x402_address *out, struct slice raw)
{
    struct slice text;

    TRY(read_letters(&text, raw));
    return x402_address_parse(out, text);
}

enum rc node_read_head(struct node_head *out, struct slice result)
{
    static const char *const names[] = {"number", "timestamp", "baseFeePerGas"};
    struct slice m[3];
    struct node_head h = {0};
    enum rc rc;

    TRY(check_object(result));
    json_raw_members(m, result, names, 3);
    TRY(needed(node_read_u64(&h.number, m[0])));
    TRY(needed(node_read_u64(&h.time_s, m[1])));
    rc = node_read_u64(&h.base_fee, m[2]);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    *out = h;
    return RC_OK;
}

enum {
    RECEIPT_TX,
    RECEIPT_STATUS,
    RECEIPT_BLOCK,
    RECEIPT_BLOCK_HASH,
    RECEIPT_LOGS,
    RECEIPT_GAS,
    RECEIPT_PRICE,
    RECEIPT_BELOW, /* what the layer below takes, on rollups */
    RECEIPT__COUNT
};

static uint64_t read_cost(const struct slice *receipt)
{
    uint64_t gas = 0;
    uint64_t price = 0;
    uint64_t below = 0;
    uint64_t sum;

    if (node_read_u64(&gas, receipt[RECEIPT_GAS]) != RC_OK ||
        node_read_u64(&price, receipt[RECEIPT_PRICE]) != RC_OK ||
        __builtin_mul_overflow(gas, price, &sum))
        return UINT64_MAX;
    if (node_read_u64(&below, receipt[RECEIPT_BELOW]) != RC_OK)
        below = 0;
    return __builtin_add_overflow(sum, below, &sum) ? UINT64_MAX : sum;
}

enum rc node_read_receipt(struct node_receipt *out, struct slice result)
{
    static const char *const names[RECEIPT__COUNT] = {
        "transactionHash",   "status", "blockNumber", "blockHash", "logs", "gasUsed",
        "effectiveGasPrice", "l1Fee"};
    struct slice m[RECEIPT__COUNT];
    struct node_receipt r = {0};
    uint64_t status;

    TRY(check_object(result));
    json_raw_members(m, result, names, RECEIPT__COUNT);
    TRY(needed(node_read_hash(&r.tx, m[RECEIPT_TX])));
    TRY(needed(node_read_u64(&status, m[RECEIPT_STATUS])));
    TRY(needed(node_read_u64(&r.block, m[RECEIPT_BLOCK])));
    TRY(needed(node_read_hash(&r.block_hash, m[RECEIPT_BLOCK_HASH])));
    if (status > 1)
        return RC_BAD_INPUT;
    r.success = status == 1;
    r.cost_wei = read_cost(m);
    r.logs = m[RECEIPT_LOGS];
    if (json_raw_type(r.logs) != JSON_ARRAY)
        return RC_BAD_INPUT;
    *out = r;
    return RC_OK;
}

static enum rc read_topics(struct node_log *out, struct slice list)
{
    struct slice element;
    size_t at = 0;

    if (json_raw_type(list) != JSON_ARRAY)
        return RC_BAD_INPUT;
    while (json_raw_element(&element, list, &at) != JSON_ABSENT) {
        if (out->log.topic_count == NODE_TOPICS_MAX)
            return RC_BAD_INPUT;
        TRY(needed(node_read_hash(&out->topics[out->log.topic_count], element)));
        out->log.topic_count++;
    }
    return RC_OK;
}

static enum rc read_log(struct node_log *out, struct slice object)
{
    static const char *const names[] = {"address", "topics", "transactionHash", "data",
                                        "removed"};
    struct slice m[5];
    struct slice data;

    memset(out, 0, sizeof(*out));
    out->log.topics = out->topics;
    TRY(check_object(object));
    json_raw_members(m, object, names, 5);
    TRY(needed(read_address(&out->log.contract, m[0])));
    TRY(read_topics(out, m[1]));
    TRY(needed(node_read_hash(&out->tx, m[2])));
    TRY(needed(read_hex(&data, m[3])));
    /* None of the events that matter has more than a word. */
    if (data.len > 0)
        TRY(hex_decode(out->data, sizeof(out->data), data));
    out->log.data = slice_from((const char *)out->data, data.len / 2);
    out->removed = json_raw_type(m[4]) == JSON_TRUE;
    return RC_OK;
}

bool node_next_log(struct node_log *out, struct slice logs, size_t *at)
{
    struct slice element;

    while (json_raw_element(&element, logs, at) != JSON_ABSENT)
        if (read_log(out, element) == RC_OK && !out->removed)
            return true;
    return false;
}

static bool is_moved(const struct node_log *log, const struct x402_address *token,
                     const struct x402_moved *moved)
{
    struct x402_moved m;

    return x402_log_moved(&m, &log->log, token) == RC_OK &&
           x402_address_equal(&m.from, &moved->from) &&
           x402_address_equal(&m.to, &moved->to) &&
           x402_u256_cmp(m.value, moved->value) == 0;
}

static bool is_used(const struct node_log *log, const struct x402_address *token,
                    const struct x402_nonce *nonce)
{
    struct x402_nonce n;

    return x402_log_nonce(&n, &log->log, token, X402_EVENT_AUTHORIZATION_USED) ==
               RC_OK &&
           x402_address_equal(&n.authorizer, &nonce->authorizer) &&
           x402_hash_equal(n.nonce, nonce->nonce);
}

bool node_moved(const struct node_receipt *r, const struct x402_address *token,
                const struct x402_moved *moved)
{
    struct node_log log;
    size_t at = 0;

    while (node_next_log(&log, r->logs, &at))
        if (x402_hash_equal(log.tx, r->tx) && is_moved(&log, token, moved))
            return true;
    return false;
}

bool node_paid(const struct node_receipt *r, const struct x402_address *token,
               const struct x402_nonce *nonce, const struct x402_moved *moved)
{
    struct node_log log;
    bool used = false; /* by the token's log before */
    size_t at = 0;

    while (node_next_log(&log, r->logs, &at)) {
        if (!x402_hash_equal(log.tx, r->tx) ||
            !x402_address_equal(&log.log.contract, token))
            continue;
        if (used && is_moved(&log, token, moved))
            return true;
        used = is_used(&log, token, nonce);
    }
    return false;
}

enum rc node_read_transaction(struct node_transaction *out, struct slice result)
{
    struct node_transaction t = {0};
    uint64_t block;
    enum rc rc;

    TRY(check_object(result));
    rc = node_read_u64(&block, member(result, "blockNumber"));
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    t.mined = rc == RC_OK;
    TRY(needed(read_address(&t.from, member(result, "from"))));
    rc = read_address(&t.to, member(result, "to"));
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    TRY(needed(read_hex(&t.input, member(result, "input"))));
    *out = t;
    return RC_OK;
}

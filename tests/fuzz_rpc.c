/* SPDX-License-Identifier: Apache-2.0 */
/* A node's answers: whatever it says, only what was asked is answered, every slice lies
 * inside of what it said, and what is read of it is whole. */
#include "gateway/settle/node.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    QUESTIONS = 4,
    FIRST_ID = 7,
    ROOM = 16 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice part, struct slice body)
{
    assert(part.len == 0 || (part.bytes >= body.bytes && part.len <= body.len &&
                             part.bytes + part.len <= body.bytes + body.len));
}

static void check_receipt(struct slice result)
{
    const struct x402_token *token = x402_token_at(0);
    const struct x402_moved moved = {.value = X402_ZERO};
    const struct x402_nonce nonce = {.nonce = {{0}}};
    struct node_receipt r;
    struct node_log log;
    size_t at = 0;

    if (node_read_receipt(&r, result) != RC_OK)
        return;
    check_inside(r.logs, result);
    while (node_next_log(&log, r.logs, &at)) {
        assert(log.log.topics == log.topics && log.log.topic_count <= NODE_TOPICS_MAX);
        assert(log.log.data.len == 0 || log.log.data.len == X402_WORD_LEN);
        assert(!log.removed);
    }
    (void)node_moved(&r, &token->address, &moved);
    (void)node_paid(&r, &token->address, &nonce, &moved);
}

static void check_result(struct slice result)
{
    struct node_transaction t;
    struct node_head head;
    struct x402_u256 v;
    struct x402_hash h;
    uint64_t n;
    bool any;

    if (node_read_u64(&n, result) == RC_OK)
        assert(node_read_u256(&v, result) == RC_OK && x402_u256_bits(v) <= 64);
    if (node_read_word(&v, result) == RC_OK)
        assert(node_read_any(&any, result) == RC_OK && any &&
               node_read_hash(&h, result) == RC_OK);
    if (node_read_transaction(&t, result) == RC_OK)
        check_inside(t.input, result);
    if (node_read_head(&head, result) == RC_OK)
        assert(json_raw_type(result) == JSON_OBJECT);
    check_receipt(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *a;
    const struct slice body = slice_from((const char *)data, size);
    struct rpc_question questions[QUESTIONS] = {{.method = "eth_x"}};
    const size_t count = size % 2 == 0 ? 1 : QUESTIONS;

    if (a == NULL && arena_open(&a, ROOM) != RC_OK)
        return 0;
    arena_reset(a);
    if (rpc_read(questions, count, FIRST_ID, body, a) != RC_OK) {
        for (size_t i = 0; i < count; i++)
            assert(questions[i].answer == RPC_SILENT);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        const struct rpc_question *q = &questions[i];

        assert(q->message.len <= RPC_MESSAGE_MAX);
        check_inside(q->result, body);
        if (q->answer == RPC_RESULT)
            check_result(q->result);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Answers and logs of a node: whatever they are, what is taken is whole. The input is
 * an answer, and also a log: a byte that counts the topics, the topics, and the data.
 */
#include "x402/x402.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    TOPICS_MAX = 5
};

static void check_answer(struct slice answer)
{
    struct x402_address address;
    struct x402_u256 number;
    struct slice text;
    bool truth;
    bool is_word = x402_abi_number(&number, answer) == RC_OK;

    assert(is_word == (answer.len == X402_WORD_LEN));
    if (x402_abi_bool(&truth, answer) == RC_OK)
        assert(is_word && x402_u256_bits(number) == (truth ? 1u : 0u));
    if (x402_abi_address(&address, answer) == RC_OK)
        assert(is_word && x402_u256_bits(number) <= 160);
    if (x402_abi_text(&text, answer) == RC_OK)
        assert(!is_word && text.len <= answer.len - 64 &&
               answer.len - 64 < text.len + 32);
    if (x402_abi_signature_is_valid(answer))
        assert(is_word);
}

static void check_log(const uint8_t *data, size_t size)
{
    struct x402_address token = x402_token_usual(8453)->address;
    struct x402_hash topics[TOPICS_MAX];
    struct x402_log log = {.contract = token, .topics = topics};
    struct x402_moved moved;
    struct x402_nonce nonce;

    if (size == 0 || data[0] > TOPICS_MAX ||
        size - 1 < (size_t)data[0] * sizeof(topics[0]))
        return;
    log.topic_count = data[0];
    memcpy(topics, data + 1, log.topic_count * sizeof(topics[0]));
    log.data = slice_from((const char *)data + 1 + log.topic_count * sizeof(topics[0]),
                          size - 1 - log.topic_count * sizeof(topics[0]));
    if (x402_log_moved(&moved, &log, &token) == RC_OK)
        assert(log.topic_count == 3 && log.data.len == X402_WORD_LEN);
    for (int i = X402_EVENT_AUTHORIZATION_USED; i < X402_EVENT__COUNT; i++)
        if (x402_log_nonce(&nonce, &log, &token, (enum x402_event)i) == RC_OK)
            assert(log.topic_count == 3 && log.data.len == 0 &&
                   x402_hash_equal(nonce.nonce, topics[2]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_answer(slice_from((const char *)data, size));
    check_log(data, size);
    return 0;
}

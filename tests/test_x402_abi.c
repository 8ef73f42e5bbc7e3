/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts: calls byte for byte as published, answers and logs in one form only. */
#include "x402/x402.h"

#include "base/keccak.h"
#include "tests/x402_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    ARENA_SIZE = 1 << 20,
    WORD = X402_WORD_LEN
};

static struct json_object *vectors;
static struct arena *arena;

static int start(void **state)
{
    (void)state;
    vectors = vectors_open("x402.json");
    return arena_open(&arena, ARENA_SIZE) == RC_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    arena_close(arena);
    json_put(vectors);
    return 0;
}

static struct slice slice_of(const uint8_t *bytes, size_t len)
{
    return slice_from((const char *)bytes, len);
}

static void assert_bytes(struct slice bytes, struct json_object *o, const char *key)
{
    struct vector_bytes expected = vector_hex(o, key);

    assert_int_equal(bytes.len, expected.len);
    assert_memory_equal(bytes.bytes, expected.bytes, expected.len);
}

static uint32_t selector_of(const char *text)
{
    uint8_t hash[KECCAK256_LEN];

    keccak256(hash, text, strlen(text));
    return (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 |
           hash[3];
}

static void selectors_are_those_of_their_texts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < X402_CALL__COUNT; i++)
        assert_int_equal(selector_of(x402_call_text((enum x402_call)i)),
                         x402_call_selector((enum x402_call)i));
}

static void selectors_are_the_published_ones(void **state)
{
    static const struct {
        const char *key;
        enum x402_call call;
    } published[] = {{"transferWithAuthorization_vrs", X402_CALL_TRANSFER},
                     {"transferWithAuthorization_bytes", X402_CALL_TRANSFER_BYTES},
                     {"authorizationState", X402_CALL_AUTHORIZATION_STATE},
                     {"balanceOf", X402_CALL_BALANCE},
                     {"isValidSignature_1271", X402_CALL_VALID_SIGNATURE},
                     {"name", X402_CALL_NAME},
                     {"version", X402_CALL_VERSION},
                     {"permit2_proxy_settle_exact", X402_CALL_SETTLE_EXACT},
                     {"permit2_proxy_settle_upto", X402_CALL_SETTLE_UPTO}};
    struct json_object *o = vector_member(vectors, "selectors");
    uint8_t bytes[4];

    (void)state;
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        uint32_t selector = x402_call_selector(published[i].call);

        vector_hex_exact(bytes, sizeof(bytes), o, published[i].key);
        for (unsigned j = 0; j < 4; j++)
            assert_int_equal(bytes[j], selector >> (24 - 8 * j) & 0xff);
    }
    /* Nobody here calls it; it proves the vectors. */
    vector_hex_exact(bytes, sizeof(bytes), o, "tryAggregate");
    assert_int_equal(bytes[3],
                     selector_of("tryAggregate(bool,(address,bytes)[])") & 0xff);
}

static void topics_are_those_of_their_texts_and_published(void **state)
{
    struct json_object *o = vector_member(vectors, "topics");

    (void)state;
    for (unsigned i = 0; i < X402_EVENT__COUNT; i++) {
        const char *text = x402_event_text((enum x402_event)i);
        struct x402_hash h;

        keccak256(h.bytes, text, strlen(text));
        assert_true(x402_hash_equal(h, *x402_event_topic((enum x402_event)i)));
    }
    assert_true(x402_hash_equal(*x402_event_topic(X402_EVENT_TRANSFER),
                                vector_hash(o, "Transfer")));
    assert_true(x402_hash_equal(*x402_event_topic(X402_EVENT_AUTHORIZATION_USED),
                                vector_hash(o, "AuthorizationUsed")));
}

static void transfers_are_called_as_published(void **state)
{
    struct json_object *list = vector_list(vectors, "exact_eip3009");

    (void)state;
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct x402_transfer t = vector_transfer(vector_member(v, "message"));
        struct vector_bytes signature = vector_hex(v, "signature");
        struct slice bytes = slice_of(signature.bytes, signature.len);
        struct x402_signature s;
        struct slice call;

        assert_int_equal(x402_signature_read(&s, bytes, X402_V_PAYMENT), RC_OK);
        assert_int_equal(x402_call_transfer(&call, &t, &s, arena), RC_OK);
        assert_bytes(call, v, "settle_calldata");
        assert_int_equal(x402_call_transfer_bytes(&call, &t, bytes, arena), RC_OK);
        assert_bytes(call, v, "settle_calldata_bytes_overload");
    }
}

/* Reads a call back, word by word. */
struct reader {
    struct slice rest;
};

static struct reader read_call(struct slice call, enum x402_call expected)
{
    uint32_t selector = x402_call_selector(expected);

    assert_true(call.len >= 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal((uint8_t)call.bytes[i], selector >> (24 - 8 * i) & 0xff);
    return (struct reader){slice_sub(call, 4, call.len)};
}

static void expect_number(struct reader *r, struct x402_u256 expected)
{
    struct x402_u256 v;

    assert_int_equal(x402_abi_number(&v, slice_sub(r->rest, 0, WORD)), RC_OK);
    assert_int_equal(x402_u256_cmp(v, expected), 0);
    r->rest = slice_sub(r->rest, WORD, r->rest.len);
}

static void expect_u64(struct reader *r, uint64_t expected)
{
    expect_number(r, x402_u256_from_u64(expected));
}

static void expect_address(struct reader *r, const struct x402_address *expected)
{
    struct x402_address a;

    assert_int_equal(x402_abi_address(&a, slice_sub(r->rest, 0, WORD)), RC_OK);
    assert_true(x402_address_equal(&a, expected));
    r->rest = slice_sub(r->rest, WORD, r->rest.len);
}

static void expect_permit(struct reader *r, const struct x402_permit *p)
{
    expect_address(r, &p->token);
    expect_number(r, p->amount);
    expect_number(r, p->nonce);
    expect_number(r, p->deadline);
}

/* A signature of 65 bytes, its count and its padding; `offset` is told before. */
static void expect_signature(struct reader *r, uint64_t offset, struct slice signature)
{
    static const uint8_t zeros[WORD];

    expect_u64(r, offset);
    expect_u64(r, signature.len);
    assert_int_equal(r->rest.len, 96);
    assert_memory_equal(r->rest.bytes, signature.bytes, 65);
    assert_memory_equal(r->rest.bytes + 65, zeros, 96 - 65);
}

static void permits_are_settled_with_all_they_say(void **state)
{
    struct json_object *exact = json_array_at(vector_list(vectors, "exact_permit2"), 0);
    struct json_object *upto = json_array_at(vector_list(vectors, "upto_permit2"), 0);
    struct x402_u256 amount = x402_u256_from_u64(2350);
    struct vector_bytes signature = vector_hex(exact, "signature");
    struct slice bytes = slice_of(signature.bytes, signature.len);
    struct x402_permit p;
    struct slice call;
    struct reader r;

    (void)state;
    p = vector_permit(vector_member(exact, "message"), X402_PERMIT_EXACT);
    assert_int_equal(x402_call_settle(&call, &p, NULL, bytes, arena), RC_OK);
    r = read_call(call, X402_CALL_SETTLE_EXACT);
    expect_permit(&r, &p);
    expect_address(&r, &p.owner);
    expect_address(&r, &p.to);
    expect_number(&r, p.valid_after);
    expect_signature(&r, 8 * WORD, bytes);

    p = vector_permit(vector_member(upto, "message"), X402_PERMIT_UPTO);
    assert_int_equal(x402_call_settle(&call, &p, &amount, bytes, arena), RC_OK);
    r = read_call(call, X402_CALL_SETTLE_UPTO);
    expect_permit(&r, &p);
    expect_number(&r, amount);
    expect_address(&r, &p.owner);
    expect_address(&r, &p.to);
    expect_address(&r, &p.facilitator);
    expect_number(&r, p.valid_after);
    expect_signature(&r, 10 * WORD, bytes);
}

static void no_more_is_settled_than_was_permitted(void **state)
{
    struct json_object *upto = json_array_at(vector_list(vectors, "upto_permit2"), 0);
    struct x402_permit p =
        vector_permit(vector_member(upto, "message"), X402_PERMIT_UPTO);
    struct x402_u256 amount = p.amount;
    struct slice call;

    (void)state;
    assert_int_equal(x402_call_settle(&call, &p, &amount, SLICE("s"), arena), RC_OK);
    assert_true(x402_u256_add(&amount, amount, x402_u256_from_u64(1)));
    assert_int_equal(x402_call_settle(&call, &p, &amount, SLICE("s"), arena),
                     RC_BAD_INPUT);
}

static void questions_carry_their_arguments(void **state)
{
    struct json_object *v = json_array_at(vector_list(vectors, "exact_eip3009"), 0);
    struct x402_transfer t = vector_transfer(vector_member(v, "message"));
    struct x402_u256 nonce;
    struct slice call;
    struct reader r;

    (void)state;
    memcpy(nonce.bytes, t.nonce.bytes, sizeof(nonce.bytes));
    assert_int_equal(x402_call_authorization_state(&call, &t.from, &t.nonce, arena),
                     RC_OK);
    r = read_call(call, X402_CALL_AUTHORIZATION_STATE);
    expect_address(&r, &t.from);
    expect_number(&r, nonce);
    assert_int_equal(r.rest.len, 0);

    assert_int_equal(x402_call_balance(&call, &t.from, arena), RC_OK);
    r = read_call(call, X402_CALL_BALANCE);
    expect_address(&r, &t.from);
    assert_int_equal(r.rest.len, 0);

    assert_int_equal(x402_call_allowance(&call, &t.from, &t.to, arena), RC_OK);
    r = read_call(call, X402_CALL_ALLOWANCE);
    expect_address(&r, &t.from);
    expect_address(&r, &t.to);
    assert_int_equal(r.rest.len, 0);

    assert_int_equal(x402_call_nonce_bitmap(&call, &t.from, &nonce, arena), RC_OK);
    r = read_call(call, X402_CALL_NONCE_BITMAP);
    expect_address(&r, &t.from);
    memmove(nonce.bytes + 1, nonce.bytes, sizeof(nonce.bytes) - 1);
    nonce.bytes[0] = 0;
    expect_number(&r, nonce);
    assert_int_equal(r.rest.len, 0);

    assert_int_equal(x402_call_plain(&call, X402_CALL_NAME, arena), RC_OK);
    assert_int_equal(read_call(call, X402_CALL_NAME).rest.len, 0);
}

static void arguments_of_any_length_are_padded(void **state)
{
    static const char bytes[70] = {1};
    struct x402_hash digest = {{5}};
    struct slice call;

    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct x402_u256 first = {{5}};
        struct reader r;

        assert_int_equal(
            x402_call_valid_signature(&call, &digest,
                                      slice_from(len == 0 ? NULL : bytes, len), arena),
            RC_OK);
        r = read_call(call, X402_CALL_VALID_SIGNATURE);
        expect_number(&r, first);
        expect_u64(&r, 2 * WORD);
        expect_u64(&r, len);
        assert_int_equal(r.rest.len, (len + 31) / 32 * 32);
        assert_memory_equal(r.rest.bytes, bytes, len);
    }
}

static void a_spent_arena_is_told(void **state)
{
    struct x402_transfer t = {.value = X402_ZERO};
    struct x402_signature s = {.y_parity = 0};
    struct x402_permit p = {.kind = X402_PERMIT_EXACT};
    struct slice call = SLICE("untouched");
    struct arena *small = NULL;

    (void)state;
    assert_int_equal(arena_open(&small, 2), RC_OK);
    assert_int_equal(x402_call_transfer(&call, &t, &s, small), RC_TOO_BIG);
    assert_int_equal(x402_call_transfer_bytes(&call, &t, SLICE("ab"), small),
                     RC_TOO_BIG);
    assert_int_equal(x402_call_settle(&call, &p, NULL, SLICE("ab"), small), RC_TOO_BIG);
    assert_int_equal(x402_call_balance(&call, &t.from, small), RC_TOO_BIG);
    assert_int_equal(x402_call_plain(&call, X402_CALL_DECIMALS, small), RC_TOO_BIG);
    assert_int_equal(
        x402_call_transfer_bytes(&call, &t, slice_from("", SIZE_MAX), small),
        RC_TOO_BIG);
    assert_true(slice_equal_str(call, "untouched"));
    arena_close(small);
}

static void answers_are_whole_words(void **state)
{
    uint8_t word[2 * WORD] = {0};
    struct x402_u256 v;
    struct x402_address a;
    bool b;

    (void)state;
    for (size_t len = 0; len <= sizeof(word); len++) {
        enum rc expected = len == WORD ? RC_OK : RC_BAD_INPUT;

        assert_int_equal(x402_abi_number(&v, slice_of(word, len)), expected);
        assert_int_equal(x402_abi_bool(&b, slice_of(word, len)), expected);
        assert_int_equal(x402_abi_address(&a, slice_of(word, len)), expected);
    }
    assert_int_equal(x402_abi_number(&v, SLICE_NONE), RC_BAD_INPUT);
}

static void truth_is_0_or_1(void **state)
{
    uint8_t word[WORD] = {0};
    bool b = true;

    (void)state;
    assert_int_equal(x402_abi_bool(&b, slice_of(word, WORD)), RC_OK);
    assert_false(b);
    word[31] = 1;
    assert_int_equal(x402_abi_bool(&b, slice_of(word, WORD)), RC_OK);
    assert_true(b);
    word[31] = 2;
    assert_int_equal(x402_abi_bool(&b, slice_of(word, WORD)), RC_BAD_INPUT);
    word[31] = 1;
    word[0] = 1;
    assert_int_equal(x402_abi_bool(&b, slice_of(word, WORD)), RC_BAD_INPUT);
}

static void addresses_are_padded_with_zeros(void **state)
{
    struct x402_address a = {{7}};
    uint8_t word[WORD];

    (void)state;
    for (size_t i = 0; i < WORD; i++) {
        memset(word, 0, sizeof(word));
        word[i] = 9;
        assert_int_equal(x402_abi_address(&a, slice_of(word, WORD)),
                         i < 12 ? RC_BAD_INPUT : RC_OK);
        if (i >= 12)
            assert_int_equal(a.bytes[i - 12], 9);
    }
}

static void texts_have_one_form(void **state)
{
    uint8_t answer[4 * WORD] = {[31] = 32, [63] = 4, [64] = 'U', 'S', 'D', 'C'};
    struct slice text = SLICE("untouched");

    (void)state;
    assert_int_equal(x402_abi_text(&text, slice_of(answer, 3 * WORD)), RC_OK);
    assert_true(slice_equal_str(text, "USDC"));
    for (size_t len = 0; len <= sizeof(answer); len++)
        if (len != 3 * WORD)
            assert_int_equal(x402_abi_text(&text, slice_of(answer, len)), RC_BAD_INPUT);
    /* Every other offset and length, and every byte of the padding. */
    for (size_t i = 0; i < 3 * WORD; i++) {
        uint8_t before = answer[i];

        answer[i] = (uint8_t)(before + 33);
        if (i < 64 || i >= 68)
            assert_int_equal(x402_abi_text(&text, slice_of(answer, 3 * WORD)),
                             RC_BAD_INPUT);
        answer[i] = before;
    }
    memset(answer + WORD, 0, sizeof(answer) - WORD);
    assert_int_equal(x402_abi_text(&text, slice_of(answer, 2 * WORD)), RC_OK);
    assert_int_equal(text.len, 0);
    memset(answer + WORD + 24, 0xff, 8); /* a length of 2^64 - 1 */
    assert_int_equal(x402_abi_text(&text, slice_of(answer, 3 * WORD)), RC_BAD_INPUT);
}

static void a_wallet_says_yes_in_one_way(void **state)
{
    uint8_t word[WORD + 1] = {0x16, 0x26, 0xba, 0x7e};

    (void)state;
    assert_true(x402_abi_signature_is_valid(slice_of(word, WORD)));
    assert_false(x402_abi_signature_is_valid(slice_of(word, 4)));
    assert_false(x402_abi_signature_is_valid(slice_of(word, WORD + 1)));
    assert_false(x402_abi_signature_is_valid(SLICE_NONE));
    for (size_t i = 0; i < WORD; i++) {
        word[i] ^= 1;
        assert_false(x402_abi_signature_is_valid(slice_of(word, WORD)));
        word[i] ^= 1;
    }
}

/* A log of a transfer of 10000 from 0x01.. to 0x02.. */
struct log_sample {
    struct x402_hash topics[4];
    uint8_t data[WORD + 1];
    struct x402_log log;
};

static void sample_log(struct log_sample *s, enum x402_event event, size_t data_len)
{
    memset(s, 0, sizeof(*s));
    s->topics[0] = *x402_event_topic(event);
    s->topics[1].bytes[12] = 1;
    s->topics[2].bytes[12] = 2;
    s->data[30] = 0x27;
    s->data[31] = 0x10;
    s->log = (struct x402_log){.contract = x402_token_usual(84532)->address,
                               .topics = s->topics,
                               .topic_count = 3,
                               .data = slice_of(s->data, data_len)};
}

static void transfers_are_read_from_logs(void **state)
{
    struct x402_address token = x402_token_usual(84532)->address;
    struct x402_moved m;
    struct log_sample s;

    (void)state;
    sample_log(&s, X402_EVENT_TRANSFER, WORD);
    assert_int_equal(x402_log_moved(&m, &s.log, &token), RC_OK);
    assert_int_equal(m.from.bytes[0], 1);
    assert_int_equal(m.to.bytes[0], 2);
    assert_int_equal(x402_u256_cmp(m.value, x402_u256_from_u64(10000)), 0);
}

static void logs_of_others_are_not_found(void **state)
{
    struct x402_address token = x402_token_usual(84532)->address;
    struct x402_moved m;
    struct x402_nonce n;
    struct log_sample s;

    (void)state;
    sample_log(&s, X402_EVENT_TRANSFER, WORD);
    assert_int_equal(x402_log_nonce(&n, &s.log, &token, X402_EVENT_AUTHORIZATION_USED),
                     RC_NOT_FOUND);
    s.log.contract.bytes[19] ^= 1;
    assert_int_equal(x402_log_moved(&m, &s.log, &token), RC_NOT_FOUND);
    sample_log(&s, X402_EVENT_TRANSFER, WORD);
    s.topics[0].bytes[31] ^= 1;
    assert_int_equal(x402_log_moved(&m, &s.log, &token), RC_NOT_FOUND);
    s.log.topic_count = 0;
    s.log.topics = NULL;
    assert_int_equal(x402_log_moved(&m, &s.log, &token), RC_NOT_FOUND);
}

static void transfers_of_another_form_are_refused(void **state)
{
    struct x402_address token = x402_token_usual(84532)->address;
    struct x402_moved m = {.value = X402_ZERO};
    struct log_sample s;

    (void)state;
    for (size_t count = 1; count <= 4; count++) {
        sample_log(&s, X402_EVENT_TRANSFER, WORD);
        s.log.topic_count = count;
        assert_int_equal(x402_log_moved(&m, &s.log, &token),
                         count == 3 ? RC_OK : RC_BAD_INPUT);
    }
    for (size_t len = 0; len <= WORD + 1; len++) {
        sample_log(&s, X402_EVENT_TRANSFER, len);
        assert_int_equal(x402_log_moved(&m, &s.log, &token),
                         len == WORD ? RC_OK : RC_BAD_INPUT);
    }
    for (size_t topic = 1; topic <= 2; topic++)
        for (size_t i = 0; i < 12; i++) {
            sample_log(&s, X402_EVENT_TRANSFER, WORD);
            s.topics[topic].bytes[i] = 1;
            assert_int_equal(x402_log_moved(&m, &s.log, &token), RC_BAD_INPUT);
        }
}

static void what_became_of_a_nonce_is_read_from_logs(void **state)
{
    static const enum x402_event events[] = {X402_EVENT_AUTHORIZATION_USED,
                                             X402_EVENT_AUTHORIZATION_CANCELED};
    struct x402_address token = x402_token_usual(84532)->address;
    struct x402_nonce n;
    struct log_sample s;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        sample_log(&s, events[i], 0);
        memset(s.topics[2].bytes, 0xff, WORD);
        assert_int_equal(x402_log_nonce(&n, &s.log, &token, events[i]), RC_OK);
        assert_int_equal(n.authorizer.bytes[0], 1);
        assert_true(x402_hash_equal(n.nonce, s.topics[2]));
        assert_int_equal(x402_log_nonce(&n, &s.log, &token, events[1 - i]),
                         RC_NOT_FOUND);
        s.log.topic_count = 2;
        assert_int_equal(x402_log_nonce(&n, &s.log, &token, events[i]), RC_BAD_INPUT);
        s.log.topic_count = 4;
        assert_int_equal(x402_log_nonce(&n, &s.log, &token, events[i]), RC_BAD_INPUT);
        sample_log(&s, events[i], WORD);
        assert_int_equal(x402_log_nonce(&n, &s.log, &token, events[i]), RC_BAD_INPUT);
        sample_log(&s, events[i], 0);
        s.topics[1].bytes[0] = 1;
        assert_int_equal(x402_log_nonce(&n, &s.log, &token, events[i]), RC_BAD_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors_are_those_of_their_texts),
        cmocka_unit_test(selectors_are_the_published_ones),
        cmocka_unit_test(topics_are_those_of_their_texts_and_published),
        cmocka_unit_test(transfers_are_called_as_published),
        cmocka_unit_test(permits_are_settled_with_all_they_say),
        cmocka_unit_test(no_more_is_settled_than_was_permitted),
        cmocka_unit_test(questions_carry_their_arguments),
        cmocka_unit_test(arguments_of_any_length_are_padded),
        cmocka_unit_test(a_spent_arena_is_told),
        cmocka_unit_test(answers_are_whole_words),
        cmocka_unit_test(truth_is_0_or_1),
        cmocka_unit_test(addresses_are_padded_with_zeros),
        cmocka_unit_test(texts_have_one_form),
        cmocka_unit_test(a_wallet_says_yes_in_one_way),
        cmocka_unit_test(transfers_are_read_from_logs),
        cmocka_unit_test(logs_of_others_are_not_found),
        cmocka_unit_test(transfers_of_another_form_are_refused),
        cmocka_unit_test(what_became_of_a_nonce_is_read_from_logs),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

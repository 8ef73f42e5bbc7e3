/* SPDX-License-Identifier: Apache-2.0 */
/* Memos: what was written is read, and whatever a client sends fits. */
#include "wallet/memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct wallet_caller caller(void)
{
    struct wallet_caller c = {.key_id = "abcdefghij"};

    c.wallet = id_new(1);
    return c;
}

static struct slice write_call(char memo[LEDGER_MEMO_MAX],
                               const struct wallet_call *call)
{
    struct wallet_caller c = caller();

    return wallet__memo_call(memo, &c, call, NULL);
}

static void a_memo_is_compact(void **state)
{
    struct wallet_call call = {.kind = "data", .model = SLICE("search"), .status = 200};
    struct wallet_caller c = {.key_id = "abcdefghij"};
    char memo[LEDGER_MEMO_MAX];
    struct slice s;

    (void)state;
    memset(c.wallet.bytes, 0x11, ID_LEN);
    s = wallet__memo_call(memo, &c, &call, NULL);
    assert_true(slice_equal_str(
        s, "{\"kind\":\"data\",\"wallet\":\"w_11111111111111111111111111111111\","
           "\"key\":\"abcdefghij\",\"model\":\"search\",\"status\":200}"));
}

static void the_same_call_has_the_same_memo(void **state)
{
    struct wallet_call call = {.kind = "chat", .model = SLICE("m"), .prompt_tokens = 7};
    struct wallet_caller c = caller();
    char a[LEDGER_MEMO_MAX], b[LEDGER_MEMO_MAX];
    struct slice sa = wallet__memo_call(a, &c, &call, NULL);
    struct slice sb = wallet__memo_call(b, &c, &call, NULL);

    (void)state;
    assert_true(slice_equal(sa, sb));
}

static void texts_are_cut_to_fit(void **state)
{
    static char text[4096];
    static const char fills[] = {'x', '"', '\\', '\x01', '\xff', '\xc3'};
    char memo[LEDGER_MEMO_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(fills); i++) {
        struct wallet_call call = {
            .kind = "chat",
            .model = slice_from(text, sizeof(text)),
            .target = slice_from(text, sizeof(text)),
            .price_version = slice_from(text, sizeof(text)),
            .prompt_tokens = UINT64_MAX,
            .cached_tokens = UINT64_MAX,
            .cache_write_tokens = UINT64_MAX,
            .completion_tokens = UINT64_MAX,
            .reasoning_tokens = UINT64_MAX,
            .status = 599,
            .estimated = true,
            .is_reported = true,
            .reported = money_from_nano(UINT64_MAX),
        };
        struct wallet_row row = {.seq = 0};
        struct json_object *tree;
        struct slice s;

        memset(text, fills[i], sizeof(text));
        s = write_call(memo, &call);
        assert_in_range(s.len, 1, LEDGER_MEMO_MAX);
        assert_int_equal(wallet__memo_read(&row, &tree, s), RC_OK);
        assert_true(row.model.len > 0);
        assert_int_equal(row.prompt_tokens, (UINT64_C(1) << 53) - 1);
        assert_int_equal(row.status, 599);
        assert_true(row.is_reported);
        assert_int_equal(money_to_nano(row.reported), UINT64_MAX);
        json_put(tree);
    }
}

static void a_cut_falls_between_characters(void **state)
{
    char text[258] = {0};
    char memo[LEDGER_MEMO_MAX];
    struct wallet_call call = {.kind = "chat", .model = slice_from(text, sizeof(text))};
    struct wallet_row row = {.seq = 0};
    struct json_object *tree;

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text + 255, "\xe2\x82\xac", 3); /* the limit of 256 is within it */
    assert_int_equal(wallet__memo_read(&row, &tree, write_call(memo, &call)), RC_OK);
    assert_int_equal(row.model.len, 255);
    json_put(tree);
}

static void assert_text(struct slice s, const char *text)
{
    assert_true(slice_equal(s, slice_str(text)));
}

static void a_payments_memo_tells_its_step_and_transaction(void **state)
{
    struct wallet_payment p = {
        .method = "mpp", .network = "eip155:8453", .reference = "0xabc"};
    char memo[LEDGER_MEMO_MAX];
    struct wallet_row row = {.seq = 0};
    struct json_object *tree;
    struct slice s = wallet__memo_payment(memo, &p, "close", (struct id){{0x11}});

    (void)state;
    assert_text(s,
                "{\"kind\":\"mpp\",\"wallet\":\"w_11000000000000000000000000000000\","
                "\"step\":\"close\",\"net\":\"eip155:8453\",\"ref\":\"0xabc\"}");
    assert_int_equal(wallet__memo_read(&row, &tree, s), RC_OK);
    assert_string_equal(row.kind, "mpp");
    assert_true(slice_equal(row.ref, SLICE("0xabc")));
    json_put(tree);
}

static void a_purchases_memo_tells_of_whom(void **state)
{
    struct wallet_purchase p = {.host = "a.example", .network = "eip155:8453"};
    char memo[LEDGER_MEMO_MAX];

    (void)state;
    assert_text(
        wallet__memo_purchase(memo, &p),
        "{\"kind\":\"purchase\",\"host\":\"a.example\",\"net\":\"eip155:8453\"}");
    p.wallet = (struct id){{0x11}};
    memset(p.host, '"', sizeof(p.host) - 1); /* twice as long when it is escaped */
    memset(p.network, '"', sizeof(p.network) - 1);
    memset(p.reference, '"', sizeof(p.reference) - 1);
    assert_true(wallet__memo_purchase(memo, &p).len > 0);
}

static void other_texts_are_no_memos(void **state)
{
    static const char *const others[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"kind\":\"chat\"}",
        "{\"kind\":\"chat\",\"wallet\":\"w_1\"}",
        "{\"kind\":1,\"wallet\":\"w_11111111111111111111111111111111\"}",
        "{\"kind\":\"a kind that is longer than all\","
        "\"wallet\":\"w_11111111111111111111111111111111\"}",
        "{\"kind\":\"chat\",\"wallet\":\"w_11111111111111111111111111111111\",\"in\":-1}",
        "{\"kind\":\"chat\",\"wallet\":\"w_11111111111111111111111111111111\",\"key\":"
        "\"abcdefghijk\"}",
        "{\"kind\":\"chat\",\"wallet\":\"w_11111111111111111111111111111111\",\"req\":"
        "\"t_11111111111111111111111111111111\"}",
    };
    struct wallet_row row;
    struct json_object *tree;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(wallet__memo_read(&row, &tree, slice_str(others[i])),
                         RC_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_memo_is_compact),
        cmocka_unit_test(the_same_call_has_the_same_memo),
        cmocka_unit_test(texts_are_cut_to_fit),
        cmocka_unit_test(a_cut_falls_between_characters),
        cmocka_unit_test(a_payments_memo_tells_its_step_and_transaction),
        cmocka_unit_test(a_purchases_memo_tells_of_whom),
        cmocka_unit_test(other_texts_are_no_memos),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON forms of wallets, rows and keys, member by member: others read them. */
#include "gateway/wallet_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct buf text;
static struct json_out out;

static struct json_out *printing(void)
{
    buf_free(&text);
    buf_init(&text, 65536);
    json_out_init(&out, &text);
    return &out;
}

static void expect(const char *json)
{
    if (!slice_equal_str(buf_slice(&text), json))
        fail_msg("got %.*s", SLICE_FMT(buf_slice(&text)));
    buf_free(&text);
}

static struct id id_of(uint8_t last)
{
    struct id id = {{0}};

    id.bytes[ID_LEN - 1] = last;
    return id;
}

static void a_wallet_has_its_balance_and_all_limits(void **state)
{
    static struct wallet_balance balance = {
        .limit_count = 3,
        .limits = {
            {.scope = WALLET_SCOPE_KEY, .id = "k1", .per = WALLET_PER_CALL},
            {.scope = WALLET_SCOPE_WALLET,
             .id = "w_1",
             .per = WALLET_PER_DAY,
             .resets_us = UINT64_C(1795305600000000)},
            {.scope = WALLET_SCOPE_PARENT, .id = "w_2", .per = WALLET_PER_TOTAL}}};
    const struct wallet w = {.id = id_of(1), .name = "a \"b\"", .frozen = true};

    (void)state;
    balance.balance = money_from_nano(12345678901);
    balance.limits[1].used = money_from_nano(1);
    wallet_json_balance(printing(), &w, &balance);
    expect(
        "{\"id\":\"w_00000000000000000000000000000001\",\"name\":\"a \\\"b\\\"\","
        "\"parent\":null,\"currency\":\"USD\",\"balance\":\"12.345678901\","
        "\"held\":\"0.000000000\",\"frozen\":true,\"created_at\":null,\"limits\":["
        "{\"scope\":\"key\",\"id\":\"k1\",\"per\":\"call\",\"limit\":\"0.000000000\","
        "\"used\":\"0.000000000\",\"held\":\"0.000000000\",\"resets_at\":null},"
        "{\"scope\":\"wallet\",\"id\":\"w_1\",\"per\":\"day\","
        "\"limit\":\"0.000000000\",\"used\":\"0.000000001\",\"held\":\"0.000000000\","
        "\"resets_at\":\"2026-11-22T00:00:00.000000Z\"},"
        "{\"scope\":\"parent\",\"id\":\"w_2\",\"per\":\"total\","
        "\"limit\":\"0.000000000\",\"used\":\"0.000000000\",\"held\":\"0.000000000\","
        "\"resets_at\":null}]}");
}

static void a_childs_parent_is_named(void **state)
{
    static const struct wallet_balance balance;
    const struct wallet w = {.id = id_of(2), .parent = id_of(1), .name = "c"};

    (void)state;
    wallet_json_balance(printing(), &w, &balance);
    assert_true(
        slice_search(buf_slice(&text),
                     SLICE("\"parent\":\"w_00000000000000000000000000000001\"")) <
        buf_len(&text));
    buf_free(&text);
}

static void a_call_of_a_model_has_its_tokens(void **state)
{
    const struct wallet_row row = {.request = id_of(7),
                                   .transfer = id_of(8),
                                   .time_us = UINT64_C(1795305600000001),
                                   .kind = "chat",
                                   .wallet_name = "agent",
                                   .key_id = "abc",
                                   .model = SLICE("m"),
                                   .target = SLICE("p/m"),
                                   .price_version = SLICE("v1"),
                                   .amount = money_from_nano(5),
                                   .balance = money_from_nano(6),
                                   .shortfall = money_from_nano(7),
                                   .prompt_tokens = 4,
                                   .cached_tokens = 3,
                                   .completion_tokens = 2,
                                   .reasoning_tokens = 1,
                                   .status = 200,
                                   .estimated = true,
                                   .is_reported = true,
                                   .reported = money_from_nano(3)};

    (void)state;
    wallet_json_row(printing(), &row, true);
    expect(
        "{\"request_id\":\"req_00000000000000000000000000000007\","
        "\"transfer\":\"t_00000000000000000000000000000008\","
        "\"time\":\"2026-11-22T00:00:00.000001Z\",\"kind\":\"chat\","
        "\"wallet\":\"agent\",\"key\":\"abc\",\"model\":\"m\","
        "\"amount\":\"0.000000005\",\"direction\":\"out\",\"balance\":\"0.000000006\","
        "\"target\":\"p/m\",\"price_version\":\"v1\",\"prompt_tokens\":4,"
        "\"cached_tokens\":3,\"completion_tokens\":2,\"reasoning_tokens\":1,"
        "\"status\":200,\"estimated\":true,\"reported_cost\":\"0.000000003\","
        "\"shortfall\":\"0.000000007\"}");
}

static void what_the_vendor_charges_is_not_told_to_the_caller(void **state)
{
    const struct wallet_row row = {.time_us = 1,
                                   .kind = "chat",
                                   .wallet_name = "agent",
                                   .is_reported = true,
                                   .reported = money_from_nano(3)};

    (void)state;
    wallet_json_row(printing(), &row, false);
    expect("{\"request_id\":null,\"transfer\":null,"
           "\"time\":\"1970-01-01T00:00:00.000001Z\",\"kind\":\"chat\","
           "\"wallet\":\"agent\",\"key\":null,\"amount\":\"0.000000000\","
           "\"direction\":\"out\",\"balance\":\"0.000000000\"}");
}

static void a_call_of_a_data_api_names_its_api(void **state)
{
    const struct wallet_row row = {.request = id_of(7),
                                   .transfer = id_of(8),
                                   .time_us = 1,
                                   .kind = "data",
                                   .wallet_name = "agent",
                                   .key_id = "abc",
                                   .model = SLICE("search"),
                                   .status = 404};

    (void)state;
    wallet_json_row(printing(), &row, true);
    expect(
        "{\"request_id\":\"req_00000000000000000000000000000007\","
        "\"transfer\":\"t_00000000000000000000000000000008\","
        "\"time\":\"1970-01-01T00:00:00.000001Z\",\"kind\":\"data\","
        "\"wallet\":\"agent\",\"key\":\"abc\",\"api\":\"search\","
        "\"amount\":\"0.000000000\",\"direction\":\"out\",\"balance\":\"0.000000000\","
        "\"status\":404}");
}

static void a_call_of_a_skill_names_the_skill_and_once(void **state)
{
    const struct wallet_row row = {.request = id_of(7),
                                   .transfer = id_of(8),
                                   .time_us = 1,
                                   .kind = "data",
                                   .wallet_name = "agent",
                                   .key_id = "abc",
                                   .model = SLICE("search"),
                                   .skill = SLICE("acme/weather@1.2.0"),
                                   .status = 404};

    (void)state;
    wallet_json_row(printing(), &row, true);
    expect(
        "{\"request_id\":\"req_00000000000000000000000000000007\","
        "\"transfer\":\"t_00000000000000000000000000000008\","
        "\"time\":\"1970-01-01T00:00:00.000001Z\",\"kind\":\"data\","
        "\"wallet\":\"agent\",\"key\":\"abc\","
        "\"skill\":\"acme/weather@1.2.0\","
        "\"amount\":\"0.000000000\",\"direction\":\"out\",\"balance\":\"0.000000000\","
        "\"status\":404}");
}

static void a_topup_has_its_reference_and_no_call(void **state)
{
    const struct wallet_row row = {.transfer = id_of(9),
                                   .time_us = 1,
                                   .kind = "topup",
                                   .wallet_name = "agent",
                                   .ref = SLICE("in\"voice"),
                                   .credit = true,
                                   .amount = money_from_nano(1000000000),
                                   .balance = money_from_nano(1000000000)};

    (void)state;
    wallet_json_row(printing(), &row, true);
    expect("{\"request_id\":null,\"transfer\":\"t_00000000000000000000000000000009\","
           "\"time\":\"1970-01-01T00:00:00.000001Z\",\"kind\":\"topup\","
           "\"wallet\":\"agent\",\"key\":null,\"amount\":\"1.000000000\","
           "\"direction\":\"in\",\"balance\":\"1.000000000\",\"ref\":\"in\\\"voice\"}");
}

static void a_key_is_told_without_its_secret(void **state)
{
    const struct wallet_key k = {.id = "0123456789",
                                 .wallet = id_of(1),
                                 .name = "n",
                                 .models = "a*,b",
                                 .generation = 2,
                                 .revoked = true,
                                 .created_us = 1,
                                 .expires_us = 0};

    const struct wallet_key_limits none = {0};

    (void)state;
    wallet_json_key(printing(), &k, &none);
    expect(
        "{\"id\":\"0123456789\",\"wallet\":\"w_00000000000000000000000000000001\","
        "\"name\":\"n\",\"models\":\"a*,b\",\"generation\":2,\"revoked\":true,"
        "\"created_at\":\"1970-01-01T00:00:00.000001Z\",\"expires_at\":null,\"limits\":[]}");
}

static void a_key_has_its_limits(void **state)
{
    const struct wallet_key k = {.id = "0123456789", .wallet = id_of(1)};
    const struct wallet_key_limits limits = {
        .count = 1,
        .list = {{.scope = WALLET_SCOPE_KEY,
                  .id = "0123456789",
                  .per = WALLET_PER_DAY,
                  .limit = money_from_nano(2000000000),
                  .used = money_from_nano(500000000),
                  .held = money_from_nano(250000000),
                  .resets_us = 1}},
    };

    (void)state;
    wallet_json_key(printing(), &k, &limits);
    expect("{\"id\":\"0123456789\",\"wallet\":\"w_00000000000000000000000000000001\","
           "\"name\":\"\",\"models\":\"\",\"generation\":0,\"revoked\":false,"
           "\"created_at\":null,\"expires_at\":null,\"limits\":[{\"scope\":\"key\","
           "\"id\":\"0123456789\",\"per\":\"day\",\"limit\":\"2.000000000\","
           "\"used\":\"0.500000000\",\"held\":\"0.250000000\","
           "\"resets_at\":\"1970-01-01T00:00:00.000001Z\"}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wallet_has_its_balance_and_all_limits),
        cmocka_unit_test(a_childs_parent_is_named),
        cmocka_unit_test(a_call_of_a_model_has_its_tokens),
        cmocka_unit_test(what_the_vendor_charges_is_not_told_to_the_caller),
        cmocka_unit_test(a_call_of_a_data_api_names_its_api),
        cmocka_unit_test(a_call_of_a_skill_names_the_skill_and_once),
        cmocka_unit_test(a_topup_has_its_reference_and_no_call),
        cmocka_unit_test(a_key_is_told_without_its_secret),
        cmocka_unit_test(a_key_has_its_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of version 2: those of the reference are read and written bit for bit,
 * and nothing but them is read. */
#include "x402/header_v2.h"

#include "base/codec.h"
#include "tests/vectors.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct json_object *vectors;
    struct json_object *headers;
    struct arena *a;
};

static int set_up(void **state)
{
    static struct world w;

    w.vectors = vectors_open("x402.json");
    w.headers = vector_member(w.vectors, "headers");
    *state = &w;
    return arena_open(&w.a, 4 << 20) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    arena_close(w->a);
    json_put(w->vectors);
    return 0;
}

static void assert_slice(struct slice got, struct slice want)
{
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.bytes, want.bytes, want.len);
}

/* Makes the printer write what it understood, not what it was given. */
static void forget_raw(struct x402_payment *p)
{
    p->accepted.raw = SLICE_NONE;
    p->resource.raw = SLICE_NONE;
}

static void check_payments(struct world *w, const char *list_name)
{
    struct json_object *list = vector_list(w->vectors, list_name);

    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct slice header = vector_text(v, "PAYMENT_SIGNATURE");
        struct x402_payment p;
        struct slice back;

        assert_int_equal(x402_v2_payment_parse(&p, header, w->a), RC_OK);
        assert_int_equal(p.version, 2);
        assert_int_equal(x402_v2_payment_print(&back, &p, w->a), RC_OK);
        assert_slice(back, header);
        forget_raw(&p);
        assert_int_equal(x402_v2_payment_print(&back, &p, w->a), RC_OK);
        assert_slice(back, header);
    }
}

static void published_payments_go_both_ways(void **state)
{
    check_payments(*state, "exact_eip3009");
    check_payments(*state, "exact_permit2");
    check_payments(*state, "upto_permit2");
}

/* Forged ones are well formed: their reading is not what refuses them. */
static void forged_payments_read_too(void **state)
{
    struct world *w = *state;
    struct json_object *list = vector_list(w->vectors, "negative");
    struct x402_payment p;

    for (size_t i = 0; i < json_array_count(list); i++)
        assert_int_equal(
            x402_v2_payment_parse(
                &p, vector_text(json_array_at(list, i), "PAYMENT_SIGNATURE"), w->a),
            RC_OK);
}

static void published_requirements_go_both_ways(void **state)
{
    static const char *const names[] = {"PAYMENT_REQUIRED", "PAYMENT_REQUIRED_utf8"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct slice header =
            vector_text(vector_member(w->headers, names[i]), "header");
        struct x402_required r;
        struct x402_offer offer;
        struct slice back;

        assert_int_equal(x402_v2_required_parse(&r, header, w->a), RC_OK);
        assert_int_equal(r.offer_count, 1);
        offer = r.offers[0];
        assert_int_equal(offer.scheme, X402_SCHEME_EXACT);
        assert_int_equal(offer.method, X402_EIP3009);
        assert_int_equal(offer.chain_id, 84532);
        assert_int_equal(offer.timeout_s, 300);
        assert_slice(offer.name, SLICE("USDC"));
        offer.raw = SLICE_NONE;
        r.resource.raw = SLICE_NONE;
        r.offers = &offer;
        assert_int_equal(x402_v2_required_print(&back, &r, w->a), RC_OK);
        assert_slice(back, header);
    }
}

static void published_receipts_go_both_ways(void **state)
{
    static const char *const names[] = {"PAYMENT_RESPONSE_ok", "PAYMENT_RESPONSE_fail"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct slice header =
            vector_text(vector_member(w->headers, names[i]), "header");
        struct x402_receipt r;
        struct slice back;

        assert_int_equal(x402_v2_receipt_parse(&r, header, w->a), RC_OK);
        assert_true(r.success == (i == 0) && r.has_payer && !r.has_amount);
        assert_int_equal(x402_v2_receipt_print(&back, &r, w->a), RC_OK);
        assert_slice(back, header);
    }
}

static void the_published_bad_headers_are_refused(void **state)
{
    struct world *w = *state;
    struct json_object *list = vector_list(w->headers, "bad");
    struct x402_payment p;

    for (size_t i = 0; i < json_array_count(list); i++) {
        struct slice header = slice_str(json_object_get_string(json_array_at(list, i)));
        enum rc rc = x402_v2_payment_parse(&p, header, w->a);

        assert_true(rc == RC_BAD_INPUT || rc == RC_BAD_JSON);
    }
}

/* The first published payment with one text in the place of another. */
static enum rc read_changed(struct world *w, const char *from, const char *to)
{
    struct json_object *v = json_array_at(vector_list(w->vectors, "exact_eip3009"), 0);
    struct x402_payment p;
    struct slice json;
    struct buf b;
    size_t at;
    enum rc rc;

    assert_int_equal(base64_decode(&json, vector_text(v, "PAYMENT_SIGNATURE"), w->a),
                     RC_OK);
    at = slice_search(json, slice_str(from));
    assert_true(at < json.len);
    buf_init(&b, 64 * 1024);
    buf_append(&b, slice_sub(json, 0, at));
    buf_append_str(&b, to);
    buf_append(&b, slice_sub(json, at + strlen(from), json.len));
    rc = x402_v2_payment_read(&p, arena_slice(w->a, buf_slice(&b)), w->a);
    buf_free(&b);
    return rc;
}

static void a_member_of_another_type_or_form_is_refused(void **state)
{
    static const char *const changes[][2] = {
        {"\"x402Version\":2", "\"x402Version\":\"2\""},
        {"\"x402Version\":2", "\"x402Version\":2.0"},
        {"\"value\":\"10000\"", "\"value\":10000"},
        {"\"value\":\"10000\"", "\"value\":\"0x2710\""},
        {"\"value\":\"10000\"", "\"value\":\"010000\""},
        {"\"value\":\"10000\"", "\"value\":\"-1\""},
        {"\"value\":\"10000\"", "\"value\":\"1e4\""},
        {"\"value\":\"10000\"", "\"value\":null"},
        {"\"value\":\"10000\"",
         "\"value\":\"1157920892373161954235709850086879078532699846656405640394575840079"
         "13129639936\""},
        {"\"validAfter\":\"0\"", "\"validAfter\":0"},
        {"\"validBefore\":\"1795219300\"", "\"validBefore\":1795219300"},
        {"\"nonce\":\"0x", "\"nonce\":\"0x00"},
        {"\"nonce\":\"0x", "\"nonce\":\""},
        {"\"from\":\"0x7", "\"from\":\"0X7"},
        {"\"from\":\"0x7", "\"from\":\"0x"},
        {"\"signature\":\"0x", "\"signature\":\""},
        {"\"signature\":\"0xd", "\"signature\":\"0xg"},
        {"\"signature\":\"0xd", "\"signature\":\"0x"},
        {"\"amount\":\"10000\"", "\"amount\":10000"},
        {"\"amount\":\"10000\"", "\"amount\":\"\""},
        {"\"maxTimeoutSeconds\":300", "\"maxTimeoutSeconds\":\"300\""},
        {"\"network\":\"eip155:84532\"", "\"network\":84532"},
        {"\"scheme\":\"exact\"", "\"scheme\":[\"exact\"]"},
        {"\"extra\":{", "\"extra\":[],\"x\":{"},
        {"\"payload\":{", "\"payload\":[],\"x\":{"},
        {"\"accepted\":{", "\"x\":{"},
        {"\"authorization\":{", "\"x\":{"},
        {"\"authorization\":{", "\"permit2Authorization\":{},\"authorization\":{"},
        {"\"x402Version\":2", "\"x402Version\":2,\"extensions\":[]"},
        {"\"x402Version\":2",
         "\"x402Version\":2,\"extensions\":{\"payment-identifier\":{\"info\":{\"id\":"
         "\"too short\"}}}"},
    };
    struct world *w = *state;

    assert_int_equal(read_changed(w, "300", "300"), RC_OK);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        assert_int_equal(read_changed(w, changes[i][0], changes[i][1]), RC_BAD_INPUT);
}

static void what_is_not_ours_is_told_apart(void **state)
{
    static const char *const changes[][2] = {
        {"\"x402Version\":2", "\"x402Version\":3"},
        {"\"scheme\":\"exact\"", "\"scheme\":\"batch-settlement\""},
        {"\"network\":\"eip155:84532\"", "\"network\":\"solana:mainnet\""},
        {"\"network\":\"eip155:84532\"", "\"network\":\"base-sepolia\""},
        {"\"extra\":{", "\"extra\":{\"assetTransferMethod\":\"erc7710\","},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        assert_int_equal(read_changed(*state, changes[i][0], changes[i][1]),
                         RC_NOT_FOUND);
}

static void unknown_members_are_ignored(void **state)
{
    static const char *const changes[][2] = {
        {"\"x402Version\":2", "\"x402Version\":2,\"y\":[{}],\"extensions\":null"},
        {"\"extra\":{", "\"extra\":{\"decimals\":6,"},
        {"\"payload\":{", "\"payload\":{\"note\":1,"},
        {"\"resource\":{", "\"resource\":{\"tags\":[\"a\"],"},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        assert_int_equal(read_changed(*state, changes[i][0], changes[i][1]), RC_OK);
}

static void base64_is_strict_and_bounded(void **state)
{
    static char text[X402_HEADER_MAX + 4];
    struct world *w = *state;
    struct json_object *v = json_array_at(vector_list(w->vectors, "exact_eip3009"), 0);
    struct slice good = vector_text(v, "PAYMENT_SIGNATURE");
    struct x402_payment p;

    assert_int_equal(x402_v2_payment_parse(&p, slice_sub(good, 0, good.len - 1), w->a),
                     RC_BAD_INPUT);
    memcpy(text, good.bytes, good.len);
    text[100] = '-';
    assert_int_equal(x402_v2_payment_parse(&p, slice_from(text, good.len), w->a),
                     RC_BAD_INPUT);
    text[100] = ' ';
    assert_int_equal(x402_v2_payment_parse(&p, slice_from(text, good.len), w->a),
                     RC_BAD_INPUT);
    memset(text, 'A', sizeof(text));
    assert_int_equal(x402_v2_payment_parse(&p, slice_from(text, sizeof(text)), w->a),
                     RC_TOO_BIG);
    assert_int_equal(x402_v2_payment_parse(&p, slice_from(text, X402_HEADER_MAX), w->a),
                     RC_BAD_JSON);
}

static void the_payment_identifier_is_found(void **state)
{
    struct world *w = *state;
    struct slice header =
        vector_text(json_array_at(vector_list(w->vectors, "exact_eip3009"), 0),
                    "PAYMENT_SIGNATURE");
    struct x402_payment p;
    struct x402_payment back;
    struct slice text;

    assert_int_equal(x402_v2_payment_parse(&p, header, w->a), RC_OK);
    assert_true(p.payment_id.bytes == NULL);
    p.extensions = SLICE("{\"payment-identifier\":{\"info\":{\"required\":false,\"id\":"
                         "\"pay_7d5d747be160e280\"}}}");
    assert_int_equal(x402_v2_payment_print(&text, &p, w->a), RC_OK);
    assert_int_equal(x402_v2_payment_parse(&back, text, w->a), RC_OK);
    assert_slice(back.payment_id, SLICE("pay_7d5d747be160e280"));
    p.extensions = SLICE("{\"payment-identifier\":{\"info\":{\"required\":false}}}");
    assert_int_equal(x402_v2_payment_print(&text, &p, w->a), RC_OK);
    assert_int_equal(x402_v2_payment_parse(&back, text, w->a), RC_OK);
    assert_true(back.payment_id.bytes == NULL);
}

static void offers_that_are_not_ours_are_left_out(void **state)
{
    struct world *w = *state;
    const struct slice json = SLICE(
        "{\"x402Version\":2,\"resource\":{\"url\":\"u\"},\"accepts\":["
        "{\"scheme\":\"exact\",\"network\":\"solana:x\",\"amount\":\"1\"},"
        "{\"scheme\":\"upto\",\"network\":\"eip155:8453\",\"amount\":\"7\",\"asset\":"
        "\"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913\",\"payTo\":"
        "\"0x209693Bc6afc0C5328bA36FaF03C514EF312287C\",\"maxTimeoutSeconds\":60,"
        "\"extra\":{\"facilitatorAddress\":"
        "\"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\",\"quote\":\"q1\","
        "\"paymentFlow\":\"upfront\"}}]}");
    struct x402_required r;

    assert_int_equal(x402_v2_required_read(&r, json, w->a), RC_OK);
    assert_int_equal(r.offer_count, 1);
    assert_int_equal(r.offers[0].scheme, X402_SCHEME_UPTO);
    assert_int_equal(r.offers[0].method, X402_PERMIT2);
    assert_slice(r.offers[0].quote, SLICE("q1"));
    assert_slice(r.offers[0].flow, SLICE("upfront"));
    assert_int_equal(
        x402_v2_required_read(&r, SLICE("{\"x402Version\":2,\"accepts\":[]}"), w->a),
        RC_BAD_INPUT);
}

static void what_would_not_fit_a_header_is_not_printed(void **state)
{
    static char url[X402_HEADER_MAX];
    struct world *w = *state;
    struct x402_required r = {.resource.url = slice_from(url, sizeof(url))};
    struct slice header = SLICE("before");

    memset(url, 'u', sizeof(url));
    assert_int_equal(x402_v2_required_print(&header, &r, w->a), RC_TOO_BIG);
    assert_slice(header, SLICE("before"));
    r.resource.url.len = 100;
    assert_int_equal(x402_v2_required_print(&header, &r, w->a), RC_OK);
}

static void a_failure_need_not_name_its_network(void **state)
{
    struct world *w = *state;
    struct x402_receipt r;

    assert_int_equal(x402_v2_receipt_read(
                         &r,
                         SLICE("{\"success\":false,\"errorReason\":\"x\","
                               "\"transaction\":\"\",\"network\":\"\",\"payer\":\"\"}"),
                         w->a),
                     RC_OK);
    assert_true(!r.success && r.chain_id == 0 && !r.has_payer);
    assert_int_equal(
        x402_v2_receipt_read(
            &r, SLICE("{\"success\":true,\"transaction\":\"0x\",\"network\":\"\"}"),
            w->a),
        RC_NOT_FOUND);
    assert_int_equal(
        x402_v2_receipt_read(&r,
                             SLICE("{\"success\":\"true\",\"transaction\":\"0x\","
                                   "\"network\":\"eip155:1\"}"),
                             w->a),
        RC_BAD_INPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(published_payments_go_both_ways),
        TEST(forged_payments_read_too),
        TEST(published_requirements_go_both_ways),
        TEST(published_receipts_go_both_ways),
        TEST(the_published_bad_headers_are_refused),
        TEST(a_member_of_another_type_or_form_is_refused),
        TEST(what_is_not_ours_is_told_apart),
        TEST(unknown_members_are_ignored),
        TEST(base64_is_strict_and_bounded),
        TEST(the_payment_identifier_is_found),
        TEST(offers_that_are_not_ours_are_left_out),
        TEST(what_would_not_fit_a_header_is_not_printed),
        TEST(a_failure_need_not_name_its_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

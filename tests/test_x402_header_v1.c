/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of version 1, as the reference client sends and takes them. */
#include "x402/header_v1.h"

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
    struct arena *a;
};

static int set_up(void **state)
{
    static struct world w;

    w.vectors = vectors_open("x402.json");
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

static void published_payments_go_both_ways(void **state)
{
    struct world *w = *state;
    struct json_object *list = vector_list(w->vectors, "exact_eip3009");
    unsigned count = 0;

    for (size_t i = 0; i < json_array_count(list); i++) {
        struct x402_payment p;
        struct slice header;
        struct slice back;

        /* Some networks have no name in version 1. */
        if (json_get_string(&header, json_array_at(list, i), "X_PAYMENT") != RC_OK)
            continue;
        assert_int_equal(x402_v1_payment_parse(&p, header, w->a), RC_OK);
        assert_true(p.version == 1 && !p.has_accepted);
        assert_int_equal(x402_v1_payment_print(&back, &p, w->a), RC_OK);
        assert_slice(back, header);
        count++;
    }
    assert_true(count >= 10);
}

static struct x402_offer usdc_offer(void)
{
    struct x402_offer offer = {.chain_id = 84532,
                               .amount = x402_u256_from_u64(10000),
                               .timeout_s = 300,
                               .name = SLICE("USDC"),
                               .version = SLICE("2")};

    assert_int_equal(
        x402_address_parse(&offer.asset,
                           SLICE("0x036CbD53842c5426634e7929541eC2318f3dCF7e")),
        RC_OK);
    assert_int_equal(
        x402_address_parse(&offer.pay_to,
                           SLICE("0x209693Bc6afc0C5328bA36FaF03C514EF312287C")),
        RC_OK);
    return offer;
}

static void write_body(struct buf *out, const struct x402_required *r)
{
    struct json_out o;

    json_out_init(&o, out);
    json_out_object(&o);
    x402_v1_required_write(&o, r);
    json_out_end_object(&o);
    assert_false(buf_spent(out));
}

static void the_body_is_the_published_one(void **state)
{
    struct world *w = *state;
    const struct x402_offer offer = usdc_offer();
    const struct x402_required r = {
        .error = SLICE("X-PAYMENT header is required"),
        .resource = {.url = SLICE("https://api.example.com/premium-data"),
                     .description = SLICE("Access to premium market data"),
                     .mime_type = SLICE("application/json")},
        .offers = &offer,
        .offer_count = 1};
    struct json_object *body =
        vector_member(vector_member(w->vectors, "headers"), "v1_402_body");
    struct buf b;

    buf_init(&b, 64 * 1024);
    write_body(&b, &r);
    assert_slice(buf_slice(&b),
                 slice_str(json_object_to_json_string_ext(
                     body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
    buf_free(&b);
}

/* One offer that it does not know makes the client refuse all of them. */
static void offers_that_version_1_cannot_express_are_left_out(void **state)
{
    struct x402_offer offers[4] = {usdc_offer(), usdc_offer(), usdc_offer(),
                                   usdc_offer()};
    const struct x402_required r = {
        .resource.url = SLICE("u"), .offers = offers, .offer_count = 4};
    struct buf b;

    (void)state;
    offers[0].scheme = X402_SCHEME_UPTO;
    offers[1].method = X402_PERMIT2;
    offers[2].chain_id = 42161;
    offers[3].chain_id = 1; /* servers of its time knew it, the client does not */
    buf_init(&b, 64 * 1024);
    write_body(&b, &r);
    assert_slice(buf_slice(&b), SLICE("{\"x402Version\":1,\"accepts\":[]}"));
    buf_free(&b);
}

static void a_body_reads_as_it_was_published(void **state)
{
    struct world *w = *state;
    struct json_object *body =
        vector_member(vector_member(w->vectors, "headers"), "v1_402_body");
    const struct x402_offer want = usdc_offer();
    struct x402_required r;
    struct buf b;

    assert_int_equal(
        x402_v1_required_read(&r, slice_str(json_object_to_json_string(body)), w->a),
        RC_OK);
    assert_slice(r.error, SLICE("X-PAYMENT header is required"));
    assert_slice(r.resource.url, SLICE("https://api.example.com/premium-data"));
    assert_int_equal(r.offer_count, 1);
    assert_int_equal(r.offers[0].chain_id, 84532);
    assert_int_equal(x402_u256_cmp(r.offers[0].amount, want.amount), 0);
    assert_true(x402_address_equal(&r.offers[0].asset, &want.asset));
    assert_true(x402_address_equal(&r.offers[0].pay_to, &want.pay_to));
    assert_slice(r.offers[0].name, want.name);
    buf_init(&b, 64 * 1024);
    write_body(&b, &r);
    assert_slice(buf_slice(&b),
                 slice_str(json_object_to_json_string_ext(
                     body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
    buf_free(&b);
}

#define OFFER(scheme, network, amount, extra)                         \
    "{\"scheme\":\"" scheme "\",\"network\":\"" network               \
    "\",\"maxAmountRequired\":" amount ",\"resource\":\"http://a/\"," \
    "\"payTo\":\"0x209693Bc6afc0C5328bA36FaF03C514EF312287C\","       \
    "\"asset\":\"0x036CbD53842c5426634e7929541eC2318f3dCF7e\","       \
    "\"maxTimeoutSeconds\":60" extra "}"
#define BODY(offers) "{\"code\":\"x\",\"accepts\":[" offers "],\"x402Version\":1}"

static void of_a_body_what_is_ours_is_read_and_the_rest_left_out(void **state)
{
    static const char json[] = BODY(
        OFFER("exact", "solana", "\"1\"", "") "," OFFER("deferred", "base", "\"2\"", "") "," OFFER(
            "upto", "base", "\"3\"",
            "") "," OFFER("exact", "base", "\"4\"",
                          ",\"extra\":{\"assetTransferMethod\":\"permit2\"}") "," OFFER("exact",
                                                                                        "base",
                                                                                        "\"5\"",
                                                                                        ""));
    struct world *w = *state;
    struct x402_required r;

    assert_int_equal(x402_v1_required_read(&r, SLICE(json), w->a), RC_OK);
    assert_int_equal(r.offer_count, 1);
    assert_int_equal(x402_u256_cmp(r.offers[0].amount, x402_u256_from_u64(5)), 0);
    assert_null(r.offers[0].name.bytes);
    assert_slice(r.resource.url, SLICE("http://a/"));
}

static void a_body_that_is_malformed_or_of_another_version_is_refused(void **state)
{
    static const struct {
        const char *json;
        enum rc rc;
    } cases[] = {
        {"{}", RC_BAD_INPUT},
        {"{\"x402Version\":2,\"accepts\":[]}", RC_NOT_FOUND},
        {"{\"x402Version\":1}", RC_BAD_INPUT},
        {"{\"x402Version\":1,\"accepts\":{}}", RC_BAD_INPUT},
        {"{\"x402Version\":1,\"accepts\":[1]}", RC_BAD_INPUT},
        {BODY(OFFER("exact", "base", "4", "")), RC_BAD_INPUT},
        {BODY(OFFER("exact", "base", "\"0x4\"", "")), RC_BAD_INPUT},
        {BODY(OFFER("exact", "base", "\"-4\"", "")), RC_BAD_INPUT},
        {BODY(
             OFFER("exact", "base",
                   "\"11579208923731619542357098500868790785326998466564056403945758400"
                   "7913129639936\"",
                   "")),
         RC_BAD_INPUT},
        {BODY(OFFER("exact", "base", "\"4\"", ",\"extra\":[]")), RC_BAD_INPUT},
        {BODY(""), RC_OK},
    };
    struct world *w = *state;
    struct x402_required r;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(x402_v1_required_read(&r, slice_str(cases[i].json), w->a),
                         cases[i].rc);
    assert_int_equal(r.offer_count, 0);
}

static void of_very_many_offers_the_first_are_read(void **state)
{
    struct world *w = *state;
    struct x402_required r;
    struct buf b;

    buf_init(&b, 64 * 1024);
    buf_append_str(&b, "{\"x402Version\":1,\"accepts\":[");
    for (unsigned i = 0; i < 40; i++)
        buf_printf(&b, "%s" OFFER("exact", "base", "\"%u\"", ""), i > 0 ? "," : "", i);
    buf_append_str(&b, "]}");
    assert_int_equal(x402_v1_required_read(&r, buf_slice(&b), w->a), RC_OK);
    assert_int_equal(r.offer_count, X402_OFFERS_MAX);
    buf_free(&b);
}

static void receipts_carry_the_short_name(void **state)
{
    static const char json[] =
        "{\"success\":true,\"payer\":\"0x209693Bc6afc0C5328bA36FaF03C514EF312287C\","
        "\"transaction\":\"0x12\",\"network\":\"base-sepolia\"}";
    struct world *w = *state;
    struct x402_receipt r;
    struct slice header;
    struct slice back;

    assert_int_equal(x402_v1_receipt_read(&r, slice_str(json), w->a), RC_OK);
    assert_int_equal(r.chain_id, 84532);
    assert_int_equal(x402_v1_receipt_print(&header, &r, w->a), RC_OK);
    assert_int_equal(base64_decode(&back, header, w->a), RC_OK);
    assert_slice(back, slice_str(json));
    assert_int_equal(x402_v1_receipt_parse(&r, header, w->a), RC_OK);
}

static void what_is_not_version_1_is_refused(void **state)
{
    static const struct {
        const char *json;
        enum rc rc;
    } cases[] = {
        {"{}", RC_BAD_INPUT},
        {"{\"x402Version\":\"1\"}", RC_BAD_INPUT},
        {"{\"x402Version\":2}", RC_NOT_FOUND},
        {"{\"x402Version\":1,\"scheme\":\"exact\"}", RC_BAD_INPUT},
        {"{\"x402Version\":1,\"scheme\":\"other\"}", RC_NOT_FOUND},
        {"{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"eip155:8453\"}",
         RC_NOT_FOUND},
        {"{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base\"}", RC_BAD_INPUT},
        {"{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base\",\"payload\":{"
         "\"signature\":\"0x00\"}}",
         RC_BAD_INPUT},
    };
    struct world *w = *state;
    struct x402_payment p;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(x402_v1_payment_read(&p, slice_str(cases[i].json), w->a),
                         cases[i].rc);
    assert_int_equal(x402_v1_payment_parse(&p, SLICE("e30"), w->a), RC_BAD_INPUT);
}

/* Permit2 came with version 2, and so did upto. */
static void a_permit_is_no_payment_of_version_1(void **state)
{
    struct world *w = *state;
    struct json_object *v = json_array_at(vector_list(w->vectors, "exact_permit2"), 0);
    struct json_object *payload =
        vector_member(vector_member(v, "payload_v2"), "payload");
    struct x402_payment p;
    const char *json = arena_printf(
        w->a,
        "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base\",\"payload\":%s}",
        json_object_to_json_string(payload));

    assert_int_equal(x402_v1_payment_read(&p, slice_str(json), w->a), RC_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(published_payments_go_both_ways),
        TEST(the_body_is_the_published_one),
        TEST(offers_that_version_1_cannot_express_are_left_out),
        TEST(a_body_reads_as_it_was_published),
        TEST(of_a_body_what_is_ours_is_read_and_the_rest_left_out),
        TEST(a_body_that_is_malformed_or_of_another_version_is_refused),
        TEST(of_very_many_offers_the_first_are_read),
        TEST(receipts_carry_the_short_name),
        TEST(what_is_not_version_1_is_refused),
        TEST(a_permit_is_no_payment_of_version_1),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

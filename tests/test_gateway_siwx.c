/* SPDX-License-Identifier: Apache-2.0 */
/* sign-in-with-x as seller: what a 402 asks to be signed, and what such a signature
 * spends, once. */
#include "tests/mpp_client.h"

#include "base/clock.h"
#include "base/codec.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- The client ---- */

static struct x402_required required_in(const struct exchange *x)
{
    const char *header = client_header(x, "PAYMENT-REQUIRED");
    struct x402_required r;

    assert_non_null(header);
    assert_int_equal(
        x402_v2_required_parse(&r, arena_slice(arena, slice_str(header)), arena),
        RC_OK);
    return r;
}

static struct slice member(struct slice json, const char *name)
{
    struct slice raw, text;

    if (json_raw_member(&raw, json, name) == JSON_ABSENT)
        return SLICE_NONE;
    if (json_raw_string(&text, raw, arena) != RC_OK)
        return raw;
    return text;
}

/* What the 402 asks to be signed; without an address yet. false: nothing. */
static bool wanted(struct x402_sign_in *s, const struct exchange *x)
{
    struct slice extensions = required_in(x).extensions;
    struct slice info, chain;
    size_t at = 0;

    memset(s, 0, sizeof(*s));
    if (extensions.len == 0)
        return false;
    info = member(member(extensions, "sign-in-with-x"), "info");
    if (info.len == 0)
        return false;
    s->domain = member(info, "domain");
    s->uri = member(info, "uri");
    s->statement = member(info, "statement");
    s->version = member(info, "version");
    s->nonce = member(info, "nonce");
    s->issued_at = member(info, "issuedAt");
    s->expires_at = member(info, "expirationTime");
    assert_int_not_equal(json_raw_element(&chain,
                                          member(member(extensions, "sign-in-with-x"),
                                                 "supportedChains"),
                                          &at),
                         JSON_ABSENT);
    assert_int_equal(x402_network_parse(&s->chain_id, member(chain, "chainId")), RC_OK);
    return true;
}

static struct x402_sign_in wanted_for(const char *target)
{
    struct x402_sign_in s;

    assert_true(wanted(&s, ask("GET", target, HOST, NULL)));
    return s;
}

static const char *signed_by(struct x402_sign_in s, const uint8_t key[X402_KEY_LEN])
{
    char hex[2 * X402_SIGNATURE_LEN + 1], address[X402_ADDRESS_TEXT_SIZE];
    uint8_t bytes[X402_SIGNATURE_LEN];
    struct x402_signature signature;
    struct x402_hash digest;
    struct slice text, header;

    assert_int_equal(x402_curve_address(&s.address, payer_key), RC_OK);
    x402_address_print(address, &s.address);
    s.address_text = slice_str(address);
    assert_int_equal(x402_sign_in_text(&text, &s, arena), RC_OK);
    assert_int_equal(x402_personal_digest(&digest, text), RC_OK);
    assert_int_equal(x402_curve_sign(&signature, &digest, key), RC_OK);
    x402_signature_write(bytes, &signature);
    hex_encode(hex, bytes, sizeof(bytes));
    s.signature = slice_str(arena_printf(arena, "0x%s", hex));
    assert_int_equal(x402_sign_in_print(&header, &s, arena), RC_OK);
    return arena_printf(arena, HOST "SIGN-IN-WITH-X: %.*s\n", (int)header.len,
                        header.bytes);
}

static const char *header_for(const struct x402_sign_in *s)
{
    return signed_by(*s, payer_key);
}

static void expect_refused(struct exchange *x, const char *code)
{
    expect_error(x, 402, code, NULL);
    assert_usd(credit(), "0.25");
}

/* ---- What is asked for ---- */

static void a_402_asks_for_a_sign_in(void **state)
{
    const struct x402_sign_in s = wanted_for(SEARCH);

    (void)state;
    assert_true(slice_equal_str(s.domain, "localhost:8402"));
    assert_true(slice_equal_str(s.uri, "http://localhost:8402" SEARCH));
    assert_true(slice_equal_str(s.version, "1"));
    assert_int_equal(s.chain_id, 84532);
    assert_int_equal(s.nonce.len, 64);
    assert_false(slice_equal(s.nonce, wanted_for(SEARCH).nonce));
}

static void nobody_signs_in_for_a_name_that_a_stranger_told(void **state)
{
    struct x402_sign_in s;

    (void)state;
    assert_false(wanted(&s, ask("GET", SEARCH, "Host: evil.example\n", NULL)));
    assert_false(wanted(&s, ask("GET", SEARCH, "", NULL)));
}

/* ---- What it spends ---- */

static void a_sign_in_spends_what_was_credited(void **state)
{
    struct x402_sign_in s;
    struct exchange *x;

    (void)state;
    give_credit();
    s = wanted_for(SEARCH);
    x = ask("GET", SEARCH, header_for(&s), NULL);
    answers_json(upstream_last(), "{\"found\":1}");
    expect_status(x, 200);
    expect_header(x, "x-octroi-cost", "0.005000000");
    expect_header(x, "x-octroi-balance", "0.245000000");
    assert_usd(credit(), "0.245");
    x = ask("GET", SEARCH, header_for(&s), NULL); /* the same: the same answer */
    expect_header(x, "Idempotent-Replayed", "true");
    assert_usd(credit(), "0.245");
}

static void a_sign_in_is_used_once(void **state)
{
    struct x402_sign_in s;
    char *nonce;

    (void)state;
    give_credit();
    s = wanted_for(SEARCH);
    (void)ask("GET", SEARCH, header_for(&s), NULL);
    answers_json(upstream_last(), "{\"found\":1}");
    answers_close(gate.worker.answers); /* and the answer is forgotten */
    assert_int_equal(answers_open(&gate.worker.answers, 4 << 20), RC_OK);
    expect_error(ask("GET", SEARCH, header_for(&s), NULL), 402, "nonce_used", NULL);
    /* Written in capitals it is still the same. */
    nonce = arena_copy(arena, s.nonce.bytes, s.nonce.len);
    for (char *c = nonce; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    s.nonce = slice_str(nonce);
    expect_error(ask("GET", SEARCH, header_for(&s), NULL), 402, "nonce_used", NULL);
    assert_usd(credit(), "0.245");
}

static void a_sign_in_is_for_one_resource(void **state)
{
    struct x402_sign_in s, other;

    (void)state;
    give_credit();
    s = wanted_for(SEARCH);
    expect_refused(ask("GET", "/v1/data/search/search?q=2", header_for(&s), NULL),
                   "sign_in_elsewhere");
    expect_refused(ask("POST", "/v1/data/search/post", header_for(&s), "{}"),
                   "sign_in_elsewhere");
    /* The nonce of one with the name of the other. */
    other = wanted_for("/v1/data/search/markets/1");
    s.nonce = other.nonce;
    expect_refused(ask("GET", SEARCH, header_for(&s), NULL), "sign_in_elsewhere");
    s = wanted_for(SEARCH);
    s.domain = SLICE("evil.example");
    expect_refused(ask("GET", SEARCH, header_for(&s), NULL), "sign_in_elsewhere");
    s = wanted_for(SEARCH);
    s.nonce = SLICE("0123456789abcdef0123456789abcdef");
    expect_refused(ask("GET", SEARCH, header_for(&s), NULL), "sign_in_elsewhere");
    assert_int_equal(upstream_count(), 1); /* give_credit()'s */
}

static void a_sign_in_expires(void **state)
{
    struct x402_sign_in s;

    (void)state;
    give_credit();
    s = wanted_for(SEARCH);
    gate_advance(300 * 1000);
    expect_refused(ask("GET", SEARCH, header_for(&s), NULL), "expired");
    s.expires_at = SLICE_NONE; /* its own word does not count */
    expect_refused(ask("GET", SEARCH, header_for(&s), NULL), "expired");
    s = wanted_for(SEARCH);
    s.not_before = SLICE("2026-11-21T13:00:00Z");
    expect_refused(ask("GET", SEARCH, header_for(&s), NULL), "expired");
    s = wanted_for(SEARCH);
    s.issued_at = SLICE("2026-11-21T13:00:00Z");
    expect_refused(ask("GET", SEARCH, header_for(&s), NULL), "expired");
}

static void only_the_address_signs(void **state)
{
    static const uint8_t other[X402_KEY_LEN] = {9};
    struct x402_sign_in s;

    (void)state;
    give_credit();
    s = wanted_for(SEARCH);
    expect_refused(ask("GET", SEARCH, signed_by(s, other), NULL), "invalid_signature");
    expect_refused(ask("GET", SEARCH, HOST "SIGN-IN-WITH-X: e30=\n", NULL),
                   "malformed_sign_in");
    expect_error(
        ask("GET", SEARCH, HOST "SIGN-IN-WITH-X: e30=\nSIGN-IN-WITH-X: e30=\n", NULL),
        400, "invalid_request", "SIGN-IN-WITH-X");
}

static void without_credit_it_is_not_asked_for_again(void **state)
{
    struct x402_sign_in s = wanted_for(SEARCH);
    struct exchange *x = ask("GET", SEARCH, header_for(&s), NULL);

    (void)state;
    expect_problem(x, 402, "payment-insufficient");
    assert_false(wanted(&s, x));
    assert_true(required_in(x).offer_count > 0);
}

static void a_payment_beside_it_wins(void **state)
{
    struct x402_sign_in s;
    struct exchange *x;

    (void)state;
    give_credit();
    s = wanted_for(SEARCH);
    x = ask("GET", SEARCH,
            arena_printf(arena, "%sPAYMENT-SIGNATURE: e30=\n", header_for(&s)), NULL);
    expect_refused(x, "malformed_payment");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MPP_TEST(a_402_asks_for_a_sign_in),
        MPP_TEST(nobody_signs_in_for_a_name_that_a_stranger_told),
        MPP_TEST(a_sign_in_spends_what_was_credited),
        MPP_TEST(a_sign_in_is_used_once),
        MPP_TEST(a_sign_in_is_for_one_resource),
        MPP_TEST(a_sign_in_expires),
        MPP_TEST(only_the_address_signs),
        MPP_TEST(without_credit_it_is_not_asked_for_again),
        MPP_TEST(a_payment_beside_it_wins),
    };

    return cmocka_run_group_tests(tests, mpp_client_start, mpp_client_stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs by MPP: what the reference client signed is good for its challenge and for
 * nothing else, and what we sign is the same text. */
#include "x402/mpp_method.h"

#include "base/clock.h"
#include "base/codec.h"
#include "tests/vectors.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    US_PER_S = 1000000
};

struct world {
    struct json_object *vectors;
    struct arena *a;
    struct mpp_terms
        terms; /* of the challenge with all slots, an hour before it ends */
};

static int set_up(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {7};
    static struct world w;

    w.vectors = vectors_open("mpp.json");
    w.terms = (struct mpp_terms){
        .secret = vector_text(w.vectors, "secretKey"),
        .realm = SLICE("api.example.com"),
        .route = SLICE("/v1/data"),
        .body = vector_text(vector_member(w.vectors, "digest"), "body")};
    *state = &w;
    if (clock_parse(&w.terms.now_us, SLICE("2036-01-15T11:05:00Z")) != RC_OK ||
        x402_curve_start(seed) != RC_OK)
        return -1;
    return arena_open(&w.a, 4 << 20) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    arena_close(w->a);
    json_put(w->vectors);
    x402_curve_stop();
    return 0;
}

static struct mpp_credential read_credential(struct world *w, const char *name)
{
    struct mpp_credential c;

    assert_int_equal(mpp_credential_parse(&c,
                                          vector_text(vector_member(w->vectors, name),
                                                      "authorization_header"),
                                          w->a),
                     RC_OK);
    return c;
}

static void a_challenge_of_ours_passes_for_its_call_only(void **state)
{
    struct world *w = *state;
    const struct mpp_credential c = read_credential(w, "evm_charge");
    struct mpp_terms terms = w->terms;

    assert_int_equal(mpp_check(&c, &terms, w->a), MPP_NONE);
    terms.realm = SLICE("api.example.org");
    assert_int_equal(mpp_check(&c, &terms, w->a), MPP_INVALID_CHALLENGE);
    terms = w->terms;
    terms.route = SLICE("/v1/other");
    assert_int_equal(mpp_check(&c, &terms, w->a), MPP_INVALID_CHALLENGE);
    terms = w->terms;
    terms.body = SLICE("{\"q\":2}");
    assert_int_equal(mpp_check(&c, &terms, w->a), MPP_INVALID_CHALLENGE);
    terms = w->terms;
    terms.secret = SLICE("another secret of thirty-two bytes");
    assert_int_equal(mpp_check(&c, &terms, w->a), MPP_INVALID_CHALLENGE);
    terms.old_secret = w->terms.secret;
    assert_int_equal(mpp_check(&c, &terms, w->a), MPP_NONE);
}

static void a_challenge_ends_at_its_expiry(void **state)
{
    struct world *w = *state;
    struct mpp_credential c = read_credential(w, "evm_charge");
    struct mpp_terms terms = w->terms;

    terms.now_us += UINT64_C(3600) * US_PER_S - 1;
    assert_int_equal(mpp_check(&c, &terms, w->a), MPP_NONE);
    terms.now_us++;
    assert_int_equal(mpp_check(&c, &terms, w->a), MPP_PAYMENT_EXPIRED);
    c.challenge.expires = SLICE_NONE;
    assert_int_equal(mpp_check(&c, &w->terms, w->a), MPP_INVALID_CHALLENGE);
    assert_int_equal(mpp_challenge_bind(&c.challenge, w->terms.secret, w->a), RC_OK);
    assert_int_equal(mpp_check(&c, &w->terms, w->a), MPP_PAYMENT_EXPIRED);
}

static void published_requests_are_made_and_read(void **state)
{
    struct world *w = *state;
    struct json_object *all = vector_member(w->vectors, "challenges");
    const struct mpp_request evm = {
        .amount = x402_u256_from_u64(2500),
        .currency = SLICE("0x036CbD53842c5426634e7929541eC2318f3dCF7e"),
        .recipient = SLICE("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        .chain_id = 84532,
        .decimals = 6,
        .takes_authorization = true};
    const struct mpp_request ledger = {.amount = x402_u256_from_u64(137),
                                       .currency = SLICE("microusd"),
                                       .recipient = SLICE("pub_weather")};
    struct mpp_request back;
    struct slice text;

    assert_int_equal(mpp_request_encode(&text, &evm, w->a), RC_OK);
    assert_true(slice_equal(
        text, vector_text(vector_member(all, "all_slots"), "request_b64url")));
    assert_int_equal(mpp_request_decode(&back, text, w->a), RC_OK);
    assert_true(back.takes_authorization && back.chain_id == 84532 &&
                back.decimals == 6);
    assert_int_equal(mpp_request_encode(&text, &ledger, w->a), RC_OK);
    assert_true(slice_equal(
        text, vector_text(vector_member(all, "minimal"), "request_b64url")));
    assert_int_equal(mpp_request_decode(&back, text, w->a), RC_OK);
    assert_true(!back.takes_authorization && back.chain_id == 0);
    assert_int_equal(mpp_request_decode(&back, SLICE("e30"), w->a), RC_BAD_INPUT);
    assert_int_equal(mpp_request_decode(&back, SLICE("e3"), w->a), RC_BAD_INPUT);
}

static enum mpp_problem verify_evm(struct world *w, const struct mpp_credential *c)
{
    struct mpp_evm e;
    enum mpp_problem problem = mpp_evm_read(&e, c, w->a);

    if (problem == MPP_NONE)
        problem = mpp_evm_verify(&e, c, w->terms.now_us / US_PER_S);
    return problem;
}

static void the_published_evm_payment_is_good(void **state)
{
    struct world *w = *state;
    const struct mpp_credential c = read_credential(w, "evm_charge");
    uint8_t nonce[32];
    struct mpp_evm e;

    assert_int_equal(mpp_evm_read(&e, &c, w->a), MPP_NONE);
    vector_hex_exact(nonce, sizeof(nonce), vector_member(w->vectors, "evm_charge"),
                     "nonce");
    assert_memory_equal(e.payment.transfer.nonce.bytes, nonce, sizeof(nonce));
    assert_int_equal(verify_evm(w, &c), MPP_NONE);
}

/* The paid call of the reference server's own exchange. */
static void the_exchanged_evm_payment_is_good(void **state)
{
    struct world *w = *state;
    struct json_object *paid =
        json_array_at(vector_list(w->vectors, "reference_exchange"), 1);
    struct json_object *headers =
        vector_member(vector_member(paid, "request"), "headers");
    struct mpp_credential c;

    assert_int_equal(
        mpp_credential_parse(&c, vector_text(headers, "authorization"), w->a), RC_OK);
    assert_int_equal(verify_evm(w, &c), MPP_NONE);
}

/* With one text of its payload, or of what it answers, in the place of another. */
static enum mpp_problem verify_changed(struct world *w, const char *from,
                                       const char *to)
{
    struct mpp_credential c = read_credential(w, "evm_charge");
    const size_t at = slice_search(c.payload, slice_str(from));

    assert_true(at < c.payload.len);
    c.payload = slice_str(arena_printf(w->a, "%.*s%s%.*s", (int)at, c.payload.bytes, to,
                                       (int)(c.payload.len - at - strlen(from)),
                                       c.payload.bytes + at + strlen(from)));
    return verify_evm(w, &c);
}

static void a_changed_evm_payment_is_bad(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        enum mpp_problem problem;
    } cases[] = {
        {"\"value\":\"2500\"", "\"value\":\"2499\"", MPP_VERIFICATION_FAILED},
        {"\"value\":\"2500\"", "\"value\":2500", MPP_INVALID_PAYLOAD},
        {"\"nonce\":\"0x3", "\"nonce\":\"0x4", MPP_VERIFICATION_FAILED},
        {"\"validAfter\":\"0\"", "\"validAfter\":\"1\"", MPP_VERIFICATION_FAILED},
        {"\"validAfter\":\"0\"", "\"validAfter\":\"9999999999\"",
         MPP_VERIFICATION_FAILED},
        {"\"validBefore\":\"2084011500\"", "\"validBefore\":\"1\"",
         MPP_PAYMENT_EXPIRED},
        {"\"type\":\"authorization\"", "\"type\":\"hash\"", MPP_INVALID_PAYLOAD},
        {"\"signature\":\"0x4", "\"signature\":\"0x5", MPP_VERIFICATION_FAILED},
        {"\"signature\":\"0x", "\"signature\":\"0x0", MPP_INVALID_PAYLOAD},
        {"\"from\"", "\"x\"", MPP_INVALID_PAYLOAD},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(verify_changed(*state, cases[i].from, cases[i].to),
                         cases[i].problem);
}

static void an_evm_payment_answers_one_challenge_by_one_payer(void **state)
{
    struct world *w = *state;
    const struct mpp_credential good = read_credential(w, "evm_charge");
    struct mpp_credential c = good;

    c.challenge.id = SLICE("EZ2XGcTHCBufm812u_tLePyAoM7oU425C0SmZxVmTIN");
    assert_int_equal(verify_evm(w, &c), MPP_VERIFICATION_FAILED);
    c = good;
    c.challenge.realm = SLICE("api.example.org");
    assert_int_equal(verify_evm(w, &c), MPP_VERIFICATION_FAILED);
    c = good;
    c.source = SLICE("did:pkh:eip155:84532:0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    assert_int_equal(verify_evm(w, &c), MPP_VERIFICATION_FAILED);
    c.source = SLICE("did:pkh:eip155:1:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    assert_int_equal(verify_evm(w, &c), MPP_VERIFICATION_FAILED);
    c.source = SLICE("did:key:z6Mk");
    assert_int_equal(verify_evm(w, &c), MPP_VERIFICATION_FAILED);
    c.source = SLICE_NONE; /* optional: the payload has the payer */
    assert_int_equal(verify_evm(w, &c), MPP_NONE);
    c.challenge.method = SLICE("tempo");
    assert_int_equal(verify_evm(w, &c), MPP_INVALID_CHALLENGE);
}

static void our_evm_credential_is_the_published_one(void **state)
{
    struct world *w = *state;
    struct json_object *v = vector_member(w->vectors, "evm_charge");
    const struct x402_offer token = {.name = SLICE("USDC"), .version = SLICE("2")};
    struct mpp_challenge challenge;
    struct mpp_credential c;
    struct slice header;
    uint8_t key[X402_KEY_LEN];
    size_t count = 1;

    vector_hex_exact(key, sizeof(key), vector_member(w->vectors, "payer"),
                     "privateKey");
    assert_int_equal(
        mpp_challenges_parse(&challenge, &count, vector_text(v, "challenge"), w->a),
        RC_OK);
    assert_int_equal(mpp_evm_pay(&c, &challenge, &token, key, w->a), RC_OK);
    assert_int_equal(mpp_credential_print(&header, &c, w->a), RC_OK);
    assert_true(slice_equal(header, vector_text(v, "authorization_header")));
    challenge.expires = SLICE_NONE;
    assert_int_equal(mpp_evm_pay(&c, &challenge, &token, key, w->a), RC_BAD_INPUT);
}

static void the_published_proof_names_its_account(void **state)
{
    struct world *w = *state;
    const struct mpp_credential good = read_credential(w, "tempo_proof");
    struct mpp_credential c = good;
    struct x402_address account = {{0}};
    struct x402_address payer;

    assert_int_equal(mpp_tempo_verify(&account, &good, w->a), MPP_NONE);
    assert_int_equal(
        x402_address_parse(&payer,
                           vector_text(vector_member(w->vectors, "payer"), "address")),
        RC_OK);
    assert_true(x402_address_equal(&account, &payer));

    c.challenge.id = SLICE("another");
    assert_int_equal(mpp_tempo_verify(&account, &c, w->a), MPP_VERIFICATION_FAILED);
    c = good;
    c.challenge.realm = SLICE("another");
    assert_int_equal(mpp_tempo_verify(&account, &c, w->a), MPP_VERIFICATION_FAILED);
    c = good;
    c.source = SLICE("did:pkh:eip155:42431:0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    assert_int_equal(mpp_tempo_verify(&account, &c, w->a), MPP_VERIFICATION_FAILED);
    c.source = SLICE("did:pkh:eip155:1:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    assert_int_equal(mpp_tempo_verify(&account, &c, w->a), MPP_VERIFICATION_FAILED);
    c.source = SLICE_NONE; /* nobody would be named */
    assert_int_equal(mpp_tempo_verify(&account, &c, w->a), MPP_INVALID_PAYLOAD);
    c = good;
    c.challenge.method = SLICE("evm");
    assert_int_equal(mpp_tempo_verify(&account, &c, w->a), MPP_INVALID_CHALLENGE);
    c = good;
    c.payload = SLICE("{\"type\":\"transaction\",\"signature\":\"0x00\"}");
    assert_int_equal(mpp_tempo_verify(&account, &c, w->a), MPP_INVALID_PAYLOAD);
}

/* A proof moves nothing, so it cannot answer a challenge that asks for something. */
static void a_proof_pays_nothing(void **state)
{
    struct world *w = *state;
    struct mpp_credential c = read_credential(w, "tempo_proof");
    struct x402_address account;
    struct mpp_request r;

    assert_int_equal(mpp_request_decode(&r, c.challenge.request, w->a), RC_OK);
    r.amount = x402_u256_from_u64(1);
    assert_int_equal(mpp_request_encode(&c.challenge.request, &r, w->a), RC_OK);
    assert_int_equal(mpp_tempo_verify(&account, &c, w->a), MPP_INVALID_CHALLENGE);
}

static void a_mac_over_the_id_proves_a_wallets_secret(void **state)
{
    struct world *w = *state;
    struct mpp_credential c = read_credential(w, "ledger_custom");
    const struct slice secret = SLICE("the secret of wallet agent-1");
    uint8_t mac[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    struct mpp_ledger l;

    assert_int_equal(mpp_ledger_read(&l, &c, w->a), MPP_INVALID_PAYLOAD); /* 2 bytes */
    hmac_sha256(mac, secret, c.challenge.id);
    hex_encode(hex, mac, sizeof(mac));
    c.payload =
        slice_str(arena_printf(w->a, "{\"account\":\"agent-1\",\"mac\":\"%s\"}", hex));
    assert_int_equal(mpp_ledger_read(&l, &c, w->a), MPP_NONE);
    assert_true(slice_equal_str(l.account, "agent-1"));
    assert_int_equal(mpp_ledger_verify(&l, &c, secret), MPP_NONE);
    assert_int_equal(mpp_ledger_verify(&l, &c, SLICE("another")),
                     MPP_VERIFICATION_FAILED);
    c.challenge.id = SLICE("another");
    assert_int_equal(mpp_ledger_verify(&l, &c, secret), MPP_VERIFICATION_FAILED);
}

/* Type, title and status are those of the reference server's refusals. */
static void problems_are_the_published_ones(void **state)
{
    static const struct {
        const char *name;
        enum mpp_problem problem;
    } cases[] = {{"none", MPP_PAYMENT_REQUIRED},
                 {"garbage", MPP_MALFORMED_CREDENTIAL},
                 {"tampered", MPP_INVALID_CHALLENGE},
                 {"bad_payload", MPP_INVALID_PAYLOAD},
                 {"bad_amount", MPP_VERIFICATION_FAILED}};

    static const char *const members[] = {"type", "title", "detail", "challengeId"};
    struct world *w = *state;
    struct json_object *errors = vector_member(w->vectors, "reference_errors");

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_object *v = vector_member(errors, cases[i].name);
        struct json_object *want = NULL;
        struct json_object *got = NULL;
        struct json_out o;
        struct buf b;

        assert_int_equal(json_parse(&want, vector_text(v, "body")), RC_OK);
        buf_init(&b, 4096);
        json_out_init(&o, &b);
        mpp_problem_write(&o, cases[i].problem, vector_text(want, "detail"),
                          vector_text(want, "challengeId"));
        assert_int_equal(json_parse(&got, buf_slice(&b)), RC_OK);
        for (size_t k = 0; k < sizeof(members) / sizeof(members[0]); k++)
            assert_true(slice_equal(vector_text(got, members[k]),
                                    vector_text(want, members[k])));
        assert_int_equal(vector_u64(got, "status"), vector_u64(want, "status"));
        assert_int_equal(mpp_problem_status(cases[i].problem), vector_u64(v, "status"));
        json_put(want);
        json_put(got);
        buf_free(&b);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_challenge_of_ours_passes_for_its_call_only),
        TEST(a_challenge_ends_at_its_expiry),
        TEST(published_requests_are_made_and_read),
        TEST(the_published_evm_payment_is_good),
        TEST(the_exchanged_evm_payment_is_good),
        TEST(a_changed_evm_payment_is_bad),
        TEST(an_evm_payment_answers_one_challenge_by_one_payer),
        TEST(our_evm_credential_is_the_published_one),
        TEST(the_published_proof_names_its_account),
        TEST(a_proof_pays_nothing),
        TEST(a_mac_over_the_id_proves_a_wallets_secret),
        TEST(problems_are_the_published_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

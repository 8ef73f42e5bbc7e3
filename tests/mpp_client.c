/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/mpp_client.h"

#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint8_t payer_key[X402_KEY_LEN];
struct cashier *cashier;
struct arena *arena;

/* The fixture's configuration, one piece of it replaced by another as long. */
void configure_but(const char *mpp, const char *piece, const char *other)
{
    char *yaml = strdup(gate_yaml);
    char *at;
    char text[8192];

    assert_non_null(yaml);
    at = strstr(yaml, piece);
    assert_non_null(at);
    assert_int_equal(strlen(piece), strlen(other));
    memcpy(at, other, strlen(other));
    (void)snprintf(text, sizeof(text),
                   "%spayments:\n"
                   "  x402:\n"
                   "    max_quote: \"0.002\"\n"
                   "    networks:\n"
                   "      - {network: \"eip155:84532\", asset: USDC, pay_to: \"" PAY_TO
                   "\", facilitator: \"https://f.example\"}\n"
                   "  mpp: {%s}\n",
                   yaml, mpp);
    free(yaml);
    gate_config(text);
}

void configure(const char *mpp)
{
    configure_but(mpp, "", "");
}

int mpp_client_open(void **state)
{
    static const uint8_t quote_key[32] = {7};

    (void)gate_open(state);
    configure("secret: " SECRET);
    cashier = cashier_double(gate.money.book);
    gate.worker.cashier = cashier;
    gate.worker.quote_key = quote_key;
    return arena_open(&arena, 4 << 20) == RC_OK ? 0 : -1;
}

int mpp_client_close(void **state)
{
    arena_close(arena);
    return gate_close(state);
}

int mpp_client_start(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};

    (void)state;
    if (hex_decode(payer_key, sizeof(payer_key),
                   SLICE("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2"
                         "ff80")) != RC_OK)
        return -1;
    return x402_curve_start(seed) == RC_OK ? 0 : -1;
}

int mpp_client_stop(void **state)
{
    (void)state;
    x402_curve_stop();
    return 0;
}

/* ---- The client ---- */

struct asked asked(const struct exchange *x)
{
    static const struct slice name = SLICE("WWW-Authenticate: ");
    struct slice rest = arena_slice(arena, buf_slice(&x->headers));
    struct slice line;
    struct asked a = {0};

    while (slice_next(&line, &rest, '\n')) {
        size_t room = CHALLENGES_MAX - a.count;

        if (!slice_starts(line, name))
            continue;
        assert_int_equal(mpp_challenges_parse(&a.list[a.count], &room,
                                              slice_sub(line, name.len, line.len),
                                              arena),
                         RC_OK);
        a.count += room;
    }
    return a;
}

const struct mpp_challenge *find(const struct asked *a, const char *method)
{
    for (size_t i = 0; i < a->count; i++)
        if (slice_equal_str(a->list[i].method, method))
            return &a->list[i];
    return NULL;
}

struct mpp_challenge challenge(const struct exchange *x, const char *method)
{
    const struct asked a = asked(x);
    const struct mpp_challenge *found = find(&a, method);

    if (found == NULL) /* which gcc asks for */
        fail_msg("no challenge of %s", method);
    return found == NULL ? (struct mpp_challenge){0} : *found;
}

struct mpp_request request_in(const struct mpp_challenge *c)
{
    struct mpp_request q;

    assert_int_equal(mpp_request_decode(&q, c->request, arena), RC_OK);
    return q;
}

const char *header_of(const struct mpp_credential *c, const char *more)
{
    struct slice text;

    assert_int_equal(mpp_credential_print(&text, c, arena), RC_OK);
    return arena_printf(arena, "Authorization: %.*s\n%s", (int)text.len, text.bytes,
                        more);
}

struct mpp_credential evm(const struct mpp_challenge *c)
{
    const struct x402_offer token = {.name = SLICE("USDC"), .version = SLICE("2")};
    struct mpp_credential out;

    assert_int_equal(mpp_evm_pay(&out, c, &token, payer_key, arena), RC_OK);
    return out;
}

struct mpp_credential tempo(const struct mpp_challenge *c)
{
    struct x402_hash domain, message, digest;
    uint8_t bytes[X402_SIGNATURE_LEN];
    char hex[2 * X402_SIGNATURE_LEN + 1], address[X402_ADDRESS_TEXT_SIZE];
    struct x402_signature signature;
    struct x402_address who;
    const uint64_t chain_id = request_in(c).chain_id;

    assert_int_equal(x402_curve_address(&who, payer_key), RC_OK);
    x402_domain_proof(&domain, chain_id);
    x402_typed_proof(&message, &who, c->id, c->realm);
    x402_typed_digest(&digest, &domain, &message);
    assert_int_equal(x402_curve_sign(&signature, &digest, payer_key), RC_OK);
    x402_signature_write(bytes, &signature);
    hex_encode(hex, bytes, sizeof(bytes));
    x402_address_print(address, &who);
    return (struct mpp_credential){
        .challenge = *c,
        .payload = slice_str(
            arena_printf(arena, "{\"signature\":\"0x%s\",\"type\":\"proof\"}", hex)),
        .source = slice_str(arena_printf(arena, "did:pkh:eip155:%llu:%s",
                                         (unsigned long long)chain_id, address)),
    };
}

struct mpp_credential ledger(const struct mpp_challenge *c, const struct key_text *key)
{
    uint8_t mac[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];

    hmac_sha256(mac, slice_str(key->text), c->id);
    hex_encode(hex, mac, sizeof(mac));
    return (struct mpp_credential){
        .challenge = *c,
        .payload = slice_str(
            arena_printf(arena, "{\"account\":\"%s\",\"mac\":\"%s\"}", key->id, hex)),
    };
}

struct exchange *unpaid(void)
{
    return ask("GET", SEARCH, WANTS, NULL);
}

struct exchange *pay_search(const struct mpp_credential *c)
{
    return ask("GET", SEARCH, header_of(c, WANTS), NULL);
}

/* A call that is paid on the chain, answered. */
struct exchange *served(const struct mpp_credential *c)
{
    struct exchange *x = pay_search(c);

    answers_json(upstream_last(), "{\"found\":1}");
    expect_status(x, 200);
    return x;
}

struct mpp_receipt receipt(const struct exchange *x)
{
    const char *header = client_header(x, "Payment-Receipt");
    struct mpp_receipt told;

    assert_non_null(header);
    assert_int_equal(
        mpp_receipt_parse(&told, arena_slice(arena, slice_str(header)), arena), RC_OK);
    return told;
}

void expect_problem(struct exchange *x, unsigned status, const char *suffix)
{
    char text[160];

    expect_status(x, status);
    (void)snprintf(text, sizeof(text),
                   "\"type\":\"https://paymentauth.org/problems/%s\"", suffix);
    expect_says(x, text);
    expect_no_header(x, "Payment-Receipt");
}

struct money credit(void)
{
    struct wallet_balance b;

    if (wallet_balance(&b, gate.money.book, wallet_payer_id(PAYER)) != RC_OK)
        return MONEY_ZERO;
    return b.balance;
}

/* What a payer has here: it paid a quarter of a dollar for what then failed. */
void give_credit(void)
{
    struct exchange *x = ask("POST", "/v1/data/search/post", WANTS JSON, "{}");
    const struct mpp_challenge c = challenge(x, "evm");
    const struct mpp_credential paid = evm(&c);

    x = ask("POST", "/v1/data/search/post", header_of(&paid, WANTS JSON), "{}");
    ends(upstream_last(), UPSTREAM_CONNECT);
    expect_status(x, 502);
    assert_usd(credit(), "0.25");
}

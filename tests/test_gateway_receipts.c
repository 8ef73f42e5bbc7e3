/* SPDX-License-Identifier: Apache-2.0 */
/* Signed receipts: the key, what is signed, and where it is told. */
#include "gateway/receipts.h"

#include "base/codec.h"
#include "base/json_guard.h"
#include "tests/gateway_fixture.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct receipts *signer;
static struct arena *arena;

static const char *in(const char *name)
{
    static char path[96];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static int open_case(void **state)
{
    if (gate_open(state) != 0 || arena_open(&arena, 1 << 20) != RC_OK)
        return -1;
    (void)snprintf(dir, sizeof(dir), "/tmp/octroi-receipts-XXXXXX");
    if (mkdtemp(dir) == NULL || receipts_open(&signer, in("receipt.key")) != RC_OK)
        return -1;
    gate.worker.receipts = signer;
    return 0;
}

static int close_case(void **state)
{
    receipts_close(signer);
    (void)unlink(in("receipt.key"));
    (void)rmdir(dir);
    arena_close(arena);
    return gate_close(state);
}

/* ---- Whoever checks one ---- */

static struct slice member(struct slice json, const char *name)
{
    struct slice raw, text;

    assert_int_equal(json_raw_member(&raw, json, name), JSON_STRING);
    assert_int_equal(json_raw_string(&text, raw, arena), RC_OK);
    return text;
}

static struct slice first_key(struct slice set)
{
    struct slice keys, key;
    size_t at = 0;

    assert_int_equal(json_raw_member(&keys, set, "keys"), JSON_ARRAY);
    assert_int_equal(json_raw_element(&key, keys, &at), JSON_OBJECT);
    return key;
}

static struct slice decoded(struct slice text)
{
    struct slice bytes;

    assert_int_equal(base64url_decode(&bytes, text, arena), RC_OK);
    return bytes;
}

static bool verifies(struct slice jws, struct slice set)
{
    struct slice rest = jws, head, claims, x = decoded(member(first_key(set), "x"));
    struct slice signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                                (const unsigned char *)x.bytes, x.len);
    bool good;

    assert_true(slice_next(&head, &rest, '.') && slice_next(&claims, &rest, '.'));
    signature = decoded(rest);
    assert_non_null(key);
    good = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(context, (const unsigned char *)signature.bytes,
                            signature.len, (const unsigned char *)jws.bytes,
                            head.len + 1 + claims.len) == 1;
    EVP_PKEY_free(key);
    EVP_MD_CTX_free(context);
    return good;
}

static struct slice claims_of(struct slice jws)
{
    struct slice rest = jws, head, claims = SLICE_NONE;

    assert_true(slice_next(&head, &rest, '.') && slice_next(&claims, &rest, '.'));
    assert_true(slice_equal_str(member(decoded(head), "alg"), "EdDSA"));
    assert_true(slice_equal(member(decoded(head), "kid"),
                            member(first_key(receipts_key_set(signer)), "kid")));
    return decoded(claims);
}

static void expect_claim(struct slice jws, const char *name, const char *value)
{
    struct slice claim = member(claims_of(jws), name);

    if (!slice_equal_str(claim, value))
        print_error("%s: %.*s\n", name, SLICE_FMT(claim));
    assert_true(slice_equal_str(claim, value));
}

static struct receipt a_receipt(void)
{
    return (struct receipt){.request = id_new(UINT64_C(1800000000000000)),
                            .wallet = gate.wallet,
                            .kind = "chat",
                            .subject = SLICE("a \"model\""),
                            .cost = money_from_nano(1500),
                            .transfer = id_new(UINT64_C(1800000000000000)),
                            .transaction = "0xabc"};
}

static struct exchange *search(const char *headers)
{
    char all[512];
    struct exchange *x;

    (void)snprintf(all, sizeof(all), "%s%s", bearer(), headers);
    x = ask("GET", "/v1/data/search/search", all, NULL);
    answers(upstream_last(), 200, "Content-Type: application/json\n", "{}");
    return x;
}

/* ---- The key ---- */

static void a_key_is_made_once_for_its_owner_only(void **state)
{
    struct receipts *again;
    struct stat st;

    (void)state;
    assert_int_equal(stat(in("receipt.key"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(receipts_open(&again, in("receipt.key")), RC_OK);
    assert_true(slice_equal(receipts_key_set(again), receipts_key_set(signer)));
    receipts_close(again);
}

static void a_key_that_others_can_read_or_that_is_none_is_refused(void **state)
{
    struct receipts *s;

    (void)state;
    assert_int_equal(chmod(in("receipt.key"), 0640), 0);
    assert_int_equal(receipts_open(&s, in("receipt.key")), RC_FORBIDDEN);
    assert_int_equal(chmod(in("receipt.key"), 0600), 0);
    assert_int_equal(truncate(in("receipt.key"), 31), 0);
    assert_int_equal(receipts_open(&s, in("receipt.key")), RC_CORRUPT);
    assert_int_equal(receipts_open(&s, in("none/receipt.key")), RC_IO);
}

static void the_public_key_is_a_set_at_its_well_known_place(void **state)
{
    struct exchange *x = ask("GET", "/.well-known/octroi-receipts.json", "", NULL);

    (void)state;
    expect_status(x, 200);
    expect_header(x, "Content-Type", "application/jwk-set+json");
    assert_true(slice_equal(buf_slice(&x->out), receipts_key_set(signer)));
    assert_int_equal(
        json_guard(buf_slice(&x->out), &(struct json_limits){0}, NULL, 0, NULL, arena),
        RC_OK);
    assert_true(slice_equal_str(member(first_key(buf_slice(&x->out)), "kty"), "OKP"));
    assert_int_equal(decoded(member(first_key(buf_slice(&x->out)), "kid")).len, 32);
    gate.worker.receipts = NULL;
    expect_error(ask("GET", "/.well-known/octroi-receipts.json", "", NULL), 404,
                 "not_found", NULL);
}

/* ---- What is signed ---- */

static void a_receipt_verifies_and_says_what_was_paid(void **state)
{
    const struct receipt r = a_receipt();
    struct slice jws;

    (void)state;
    assert_int_equal(receipts_sign(&jws, signer, &r, arena), RC_OK);
    assert_true(verifies(jws, receipts_key_set(signer)));
    expect_claim(jws, "kind", "chat");
    expect_claim(jws, "subject", "a \"model\"");
    expect_claim(jws, "cost", "0.000001500");
    expect_claim(jws, "currency", "USD");
    expect_claim(jws, "time", "2027-01-15T08:00:00.000000Z");
    expect_claim(jws, "transaction", "0xabc");
}

static void a_changed_receipt_does_not_verify(void **state)
{
    const struct receipt r = a_receipt();
    struct slice jws;
    char *copy;

    (void)state;
    assert_int_equal(receipts_sign(&jws, signer, &r, arena), RC_OK);
    for (size_t i = slice_find(jws, '.') + 8; i < jws.len; i += 17) {
        if (jws.bytes[i] == '.')
            continue;
        copy = arena_copy(arena, jws.bytes, jws.len);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        if (i + 1 < jws.len) /* the last one has bits that mean nothing */
            assert_false(verifies(slice_from(copy, jws.len), receipts_key_set(signer)));
    }
}

static void the_same_call_has_the_same_receipt(void **state)
{
    const struct receipt r = a_receipt();
    struct slice one, two;

    (void)state;
    assert_int_equal(receipts_sign(&one, signer, &r, arena), RC_OK);
    assert_int_equal(receipts_sign(&two, signer, &r, arena), RC_OK);
    assert_true(slice_equal(one, two));
}

/* ---- Where it is told ---- */

static void who_asks_for_a_receipt_has_it_with_the_answer(void **state)
{
    struct exchange *x = search("x-octroi-receipt: 1\n");
    const char *header = client_header(x, "x-octroi-receipt");
    char wallet[WALLET_ID_TEXT_SIZE];
    struct slice jws;

    (void)state;
    assert_non_null(header);
    jws = arena_slice(arena, slice_str(header));
    assert_true(verifies(jws, receipts_key_set(signer)));
    wallet_id_print(wallet, 'w', gate.wallet);
    expect_claim(jws, "wallet", wallet);
    expect_claim(jws, "kind", "data");
    expect_claim(jws, "cost", "0.005000000");
    header = client_header(x, "x-request-id");
    expect_claim(jws, "request_id", arena_copy(arena, header, strlen(header)));
}

static void who_does_not_ask_has_none(void **state)
{
    struct exchange *x = search("");

    (void)state;
    expect_status(x, 200);
    expect_no_header(x, "x-octroi-receipt");
    expect_no_header(search("x-octroi-receipt: 0\n"), "x-octroi-receipt");
}

static void what_was_not_paid_has_no_receipt(void **state)
{
    char all[512];
    struct exchange *x;

    (void)state;
    (void)snprintf(all, sizeof(all), "%sx-octroi-receipt: 1\n", bearer());
    x = ask("GET", "/v1/data/search/search", all, NULL);
    answers(upstream_last(), 500, "", "broken");
    expect_no_header(x, "x-octroi-receipt");
}

static void the_statement_of_a_request_has_the_same_receipt(void **state)
{
    struct exchange *x = search("x-octroi-receipt: 1\n");
    const char *header = client_header(x, "x-octroi-receipt");
    const char *told = arena_copy(arena, header, strlen(header));
    const char *target = arena_printf(arena, "/v1/wallet/statement?request_id=%s",
                                      client_header(x, "x-request-id"));
    struct exchange *row = get(target);

    (void)state;
    expect_status(row, 200);
    assert_true(slice_equal_str(member(buf_slice(&row->out), "receipt"), told));
    expect_silent_about(get("/v1/wallet/statement"), "receipt");
}

#define RECEIPT_TEST(test) cmocka_unit_test_setup_teardown(test, open_case, close_case)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECEIPT_TEST(a_key_is_made_once_for_its_owner_only),
        RECEIPT_TEST(a_key_that_others_can_read_or_that_is_none_is_refused),
        RECEIPT_TEST(the_public_key_is_a_set_at_its_well_known_place),
        RECEIPT_TEST(a_receipt_verifies_and_says_what_was_paid),
        RECEIPT_TEST(a_changed_receipt_does_not_verify),
        RECEIPT_TEST(the_same_call_has_the_same_receipt),
        RECEIPT_TEST(who_asks_for_a_receipt_has_it_with_the_answer),
        RECEIPT_TEST(who_does_not_ask_has_none),
        RECEIPT_TEST(what_was_not_paid_has_no_receipt),
        RECEIPT_TEST(the_statement_of_a_request_has_the_same_receipt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is signed: every digest is the published one, a signature of it is the published
 * one, and a published forgery is nobody's. */
#include "x402/x402.h"

#include "base/keccak.h"
#include "tests/x402_vectors.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct json_object *vectors;

static int start(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};

    (void)state;
    vectors = vectors_open("x402.json");
    return x402_curve_start(seed) == RC_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    x402_curve_stop();
    json_put(vectors);
    return 0;
}

static void assert_hash(const struct x402_hash *h, struct json_object *o,
                        const char *key)
{
    struct x402_hash expected = vector_hash(o, key);

    if (!x402_hash_equal(*h, expected))
        fail_msg("%s is another", key);
}

/* The digest is the published one, and so are its signature and its signer. */
static void assert_signed(struct json_object *o, const struct x402_hash *digest,
                          struct slice key_text)
{
    struct vector_bytes key = vector_hex_text(key_text);
    struct x402_signature published;
    struct x402_signature made;
    struct x402_address signer;

    assert_hash(digest, o, "digest");
    assert_int_equal(
        x402_signature_parse(&published, vector_text(o, "signature"), X402_V_PAYMENT),
        RC_OK);
    assert_int_equal(key.len, X402_KEY_LEN);
    assert_int_equal(x402_curve_sign(&made, digest, key.bytes), RC_OK);
    assert_memory_equal(&made, &published, sizeof(made));
    assert_int_equal(x402_curve_address(&signer, key.bytes), RC_OK);
    assert_true(x402_curve_signed_by(digest, &published, &signer));
}

static void types_have_the_hashes_of_their_texts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < X402_TYPE__COUNT; i++) {
        const char *text = x402_type_text((enum x402_type)i);
        uint8_t hash[KECCAK256_LEN];

        keccak256(hash, text, strlen(text));
        assert_memory_equal(hash, x402_type_hash((enum x402_type)i)->bytes,
                            sizeof(hash));
    }
}

static void type_hashes_are_the_published_ones(void **state)
{
    static const struct {
        const char *key;
        enum x402_type type;
    } published[] = {{"EIP712Domain", X402_TYPE_DOMAIN},
                     {"EIP712Domain_permit2", X402_TYPE_DOMAIN_NO_VERSION},
                     {"TransferWithAuthorization", X402_TYPE_TRANSFER},
                     {"ReceiveWithAuthorization", X402_TYPE_RECEIVE},
                     {"CancelAuthorization", X402_TYPE_CANCEL},
                     {"PermitWitnessTransferFrom_exact", X402_TYPE_PERMIT_EXACT},
                     {"PermitWitnessTransferFrom_upto", X402_TYPE_PERMIT_UPTO},
                     {"TokenPermissions", X402_TYPE_PERMISSIONS},
                     {"Witness_exact", X402_TYPE_WITNESS_EXACT},
                     {"Witness_upto", X402_TYPE_WITNESS_UPTO},
                     {"BatchChannelConfig", X402_TYPE_CHANNEL},
                     {"BatchVoucher", X402_TYPE_VOUCHER}};

    /* Nobody here makes these; they prove the vectors. */
    static const struct {
        const char *key;
        const char *text;
    } others[] = {
        {"Permit2612", "Permit(address owner,address spender,uint256 value,"
                       "uint256 nonce,uint256 deadline)"},
        {"BatchRefund", "Refund(bytes32 channelId,uint256 nonce,uint128 amount)"},
        {"BatchClaimBatch",
         "ClaimBatch(ClaimEntry[] claims)ClaimEntry(bytes32 channelId,"
         "uint128 maxClaimableAmount,uint128 totalClaimed)"}};
    struct json_object *o = vector_member(vectors, "typehashes");

    (void)state;
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++)
        assert_hash(x402_type_hash(published[i].type), o, published[i].key);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct x402_hash h;

        keccak256(h.bytes, others[i].text, strlen(others[i].text));
        assert_hash(&h, o, others[i].key);
    }
}

static struct x402_hash token_domain(struct json_object *domain)
{
    struct x402_address token = vector_address(domain, "verifyingContract");
    struct x402_hash out;

    x402_domain_token(&out, vector_text(domain, "name"), vector_text(domain, "version"),
                      vector_u64(domain, "chainId"), &token);
    return out;
}

static void transfers_are_the_published_ones(void **state)
{
    struct json_object *list = vector_list(vectors, "exact_eip3009");

    (void)state;
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct x402_hash domain = token_domain(vector_member(v, "domain"));
        struct x402_transfer t = vector_transfer(vector_member(v, "message"));
        struct x402_hash message;
        struct x402_hash digest;

        assert_hash(&domain, v, "domainSeparator");
        x402_typed_transfer(&message, &t);
        assert_hash(&message, v, "structHash");
        x402_typed_digest(&digest, &domain, &message);
        assert_signed(v, &digest, vector_text(v, "privateKey"));
    }
}

static void check_permits(const char *key, enum x402_permit_kind kind)
{
    struct json_object *list = vector_list(vectors, key);

    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct x402_permit p = vector_permit(vector_member(v, "message"), kind);
        struct x402_hash domain;
        struct x402_hash message;
        struct x402_hash digest;

        x402_domain_permit2(&domain, vector_u64(vector_member(v, "domain"), "chainId"));
        assert_hash(&domain, v, "domainSeparator");
        x402_typed_permit(&message, &p);
        assert_hash(&message, v, "structHash");
        x402_typed_digest(&digest, &domain, &message);
        assert_signed(v, &digest, vector_text(v, "privateKey"));
    }
}

static void permits_are_the_published_ones(void **state)
{
    (void)state;
    check_permits("exact_permit2", X402_PERMIT_EXACT);
    check_permits("upto_permit2", X402_PERMIT_UPTO);
}

static void a_facilitator_counts_for_upto_only(void **state)
{
    struct json_object *v = json_array_at(vector_list(vectors, "exact_permit2"), 0);
    struct x402_permit p =
        vector_permit(vector_member(v, "message"), X402_PERMIT_EXACT);
    struct x402_hash before;
    struct x402_hash after;

    (void)state;
    x402_typed_permit(&before, &p);
    p.facilitator.bytes[0] ^= 1;
    x402_typed_permit(&after, &p);
    assert_true(x402_hash_equal(before, after));
    p.kind = X402_PERMIT_UPTO;
    x402_typed_permit(&before, &p);
    p.facilitator.bytes[0] ^= 1;
    x402_typed_permit(&after, &p);
    assert_false(x402_hash_equal(before, after));
}

static struct x402_channel channel_from(struct json_object *o)
{
    return (struct x402_channel){
        .payer = vector_address(o, "payer"),
        .payer_authorizer = vector_address(o, "payerAuthorizer"),
        .receiver = vector_address(o, "receiver"),
        .receiver_authorizer = vector_address(o, "receiverAuthorizer"),
        .token = vector_address(o, "token"),
        .withdraw_delay_s = vector_u64(o, "withdrawDelay"),
        .salt = vector_hash(o, "salt"),
    };
}

static void vouchers_are_the_published_ones(void **state)
{
    struct json_object *list = vector_list(vectors, "batch_settlement");

    (void)state;
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct x402_channel channel = channel_from(vector_member(v, "channelConfig"));
        struct json_object *vouchers = vector_list(v, "vouchers");
        struct x402_hash domain;
        struct x402_hash message;
        struct x402_voucher voucher;

        x402_domain_batch(&domain, vector_u64(vector_member(v, "domain"), "chainId"));
        assert_hash(&domain, v, "domainSeparator");
        assert_int_equal(x402_typed_channel(&message, &channel), RC_OK);
        assert_hash(&message, v, "channelConfigStructHash");
        x402_typed_digest(&voucher.channel_id, &domain, &message);
        assert_hash(&voucher.channel_id, v, "channelId");
        for (size_t j = 0; j < json_array_count(vouchers); j++) {
            struct json_object *w = json_array_at(vouchers, j);
            struct x402_hash digest;

            voucher.claimable = vector_number(w, "maxClaimableAmount");
            assert_int_equal(x402_typed_voucher(&message, &voucher), RC_OK);
            x402_typed_digest(&digest, &domain, &message);
            assert_signed(w, &digest, vector_text(v, "privateKey"));
        }
    }
}

static void what_the_contract_cannot_hold_overflows(void **state)
{
    struct x402_channel channel = {.withdraw_delay_s = (UINT64_C(1) << 40) - 1};
    struct x402_voucher voucher = {.claimable = X402_ZERO};
    struct x402_hash out;

    (void)state;
    assert_int_equal(x402_typed_channel(&out, &channel), RC_OK);
    channel.withdraw_delay_s++;
    assert_int_equal(x402_typed_channel(&out, &channel), RC_OVERFLOW);
    memset(voucher.claimable.bytes + 16, 0xff, 16);
    assert_int_equal(x402_typed_voucher(&out, &voucher), RC_OK);
    voucher.claimable.bytes[15] = 1;
    assert_int_equal(x402_typed_voucher(&out, &voucher), RC_OVERFLOW);
}

static void personal_messages_are_the_published_ones(void **state)
{
    struct json_object *list = vector_list(vectors, "eip191");

    (void)state;
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct x402_address signer = vector_address(v, "address");
        struct x402_signature s;
        struct x402_hash digest;

        assert_int_equal(x402_personal_digest(&digest, vector_text(v, "message")),
                         RC_OK);
        assert_hash(&digest, v, "hash");
        assert_int_equal(
            x402_signature_parse(&s, vector_text(v, "signature"), X402_V_PROOF), RC_OK);
        assert_true(x402_curve_signed_by(&digest, &s, &signer));
    }
}

/* A proof made by mppx 0.11.0 with the well-known first key of development chains. */
static void a_proof_is_the_published_one(void **state)
{
    struct x402_address account;
    struct x402_hash domain;
    struct x402_hash message;
    struct x402_hash digest;
    char text[X402_HASH_TEXT_SIZE];

    (void)state;
    assert_int_equal(x402_address_parse(
                         &account, SLICE("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")),
                     RC_OK);
    x402_domain_proof(&domain, 42431);
    x402_typed_proof(&message, &account,
                     SLICE("aUW1NbXGonLMlBhNa24JXMOUGwXeCkWyCXx-_fVAtEs"),
                     SLICE("api.example.com"));
    x402_typed_digest(&digest, &domain, &message);
    x402_hash_print(text, digest);
    assert_string_equal(
        text, "0xf69c4fcee2ab9be3b7ee324b9d8b48cf69a34bfcf07d30430eadc3c5d93cd668");
}

/* Type and members as words, put together by hand. */
static void receiving_and_cancelling_are_messages_of_their_own(void **state)
{
    struct json_object *v = json_array_at(vector_list(vectors, "exact_eip3009"), 0);
    struct x402_transfer t = vector_transfer(vector_member(v, "message"));
    struct vector_bytes words = vector_hex(v, "encodedStructData");
    struct x402_hash expected;
    struct x402_hash out;

    (void)state;
    assert_int_equal(words.len, 7 * X402_WORD_LEN);
    memcpy(words.bytes, x402_type_hash(X402_TYPE_RECEIVE)->bytes, X402_WORD_LEN);
    keccak256(expected.bytes, words.bytes, words.len);
    x402_typed_receive(&out, &t);
    assert_true(x402_hash_equal(out, expected));

    memcpy(words.bytes, x402_type_hash(X402_TYPE_CANCEL)->bytes, X402_WORD_LEN);
    memcpy(words.bytes + 2 * X402_WORD_LEN, t.nonce.bytes, X402_WORD_LEN);
    keccak256(expected.bytes, words.bytes, 3 * X402_WORD_LEN);
    x402_typed_cancel(&out, &t.from, &t.nonce);
    assert_true(x402_hash_equal(out, expected));
}

static void domains_of_known_tokens_are_the_published_ones(void **state)
{
    static const struct {
        uint64_t chain_id;
        const char *separator;
    } published[] = {
        {8453, "0x02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f"},
        {84532, "0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818"},
        {1, "0x06c37168a7db5138defc7866392bb87a741f9b3d104deb5094588ce041cae335"},
        {137, "0xcaa2ce1a5703ccbe253a34eb3166df60a705c561b44b192061e28f2a985be2ca"},
        {42161, "0x08d11903f8419e68b1b8721bcbe2e9fc68569122a77ef18c216f10b3b5112c78"},
        {43114, "0xbbea200329a938bc3438984a49cb0732e66d66d7bd59c127abacc1710e77f7b3"}};

    (void)state;
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        const struct x402_token *t = x402_token_usual(published[i].chain_id);
        struct x402_hash domain;
        char text[X402_HASH_TEXT_SIZE];

        assert_non_null(t);
        x402_domain_token(&domain, slice_str(t->name), slice_str(t->version),
                          t->chain_id, &t->address);
        x402_hash_print(text, domain);
        assert_string_equal(text, published[i].separator);
    }
}

struct named_domain {
    const char *name, *version;
    uint64_t chain_id;
    struct x402_address token;
    struct x402_hash domain;
};

static void *ask_domain(void *arg)
{
    struct named_domain *d = arg;

    x402_domain_token(&d->domain, slice_str(d->name), slice_str(d->version),
                      d->chain_id, &d->token);
    return NULL;
}

/* A thread that has seen another domain just before says what one says that never saw
 * any. */
static void what_was_asked_before_does_not_count(void **state)
{
    static const char long_name[] =
        "a name that is longer than any that a thread remembers, by far, so to say";
    static struct named_domain domains[] = {
        {.name = "USDC", .version = "2", .chain_id = 84532},
        {.name = "USDD", .version = "2", .chain_id = 84532},
        {.name = "USDC", .version = "3", .chain_id = 84532},
        {.name = "USDC2", .version = "", .chain_id = 84532},
        {.name = "USDC", .version = "2", .chain_id = 84533},
        {.name = "USDC", .version = "2", .chain_id = 84532, .token = {{1}}},
        {.name = "", .version = "", .chain_id = 84532},
        {.name = long_name, .version = "2", .chain_id = 84532}};

    enum {
        COUNT = sizeof(domains) / sizeof(domains[0])
    };

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, ask_domain, &domains[i]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    for (size_t i = 0; i < COUNT * COUNT; i++) {
        const size_t asked[] = {i / COUNT, i % COUNT, i % COUNT};

        for (size_t k = 0; k < sizeof(asked) / sizeof(asked[0]); k++) {
            struct named_domain d = domains[asked[k]];

            (void)ask_domain(&d);
            assert_true(x402_hash_equal(d.domain, domains[asked[k]].domain));
        }
    }
    for (size_t i = 1; i < COUNT; i++)
        assert_false(x402_hash_equal(domains[0].domain, domains[i].domain));
}

/* Whether a published payment is signed by its payer, in the domain that was asked for.
 */
static bool payment_is_signed(struct json_object *v)
{
    struct json_object *payload =
        vector_member(vector_member(v, "payload_v2"), "payload");
    struct json_object *asked = vector_member(v, "requirements_v2");
    struct json_object *extra = vector_member(asked, "extra");
    struct x402_transfer t = vector_transfer(vector_member(payload, "authorization"));
    struct x402_address token = vector_address(asked, "asset");
    struct x402_signature s;
    struct x402_hash domain;
    struct x402_hash digest;
    struct slice name;
    uint64_t chain_id;

    assert_int_equal(x402_network_parse(&chain_id, vector_text(asked, "network")),
                     RC_OK);
    if (json_get_string(&name, extra, "name") != RC_OK ||
        x402_signature_parse(&s, vector_text(payload, "signature"), X402_V_PAYMENT) !=
            RC_OK)
        return false;
    x402_domain_token(&domain, name, vector_text(extra, "version"), chain_id, &token);
    x402_typed_transfer(&digest, &t);
    x402_typed_digest(&digest, &domain, &digest);
    return x402_curve_signed_by(&digest, &s, &t.from);
}

static void published_forgeries_are_nobodys(void **state)
{
    /* Well signed, and refused for another reason or not at all. */
    static const char *const well_signed[] = {
        "neg-02-wrong-recipient",  "neg-07-amount-too-low",   "neg-08-amount-too-high",
        "neg-09-expired",          "neg-10-expires-in-5s",    "pos-10b-expires-in-6s",
        "neg-11-not-yet-valid",    "pos-11b-valid-after-now", "neg-22-scheme",
        "neg-23-network-mismatch",
    };
    struct json_object *list = vector_list(vectors, "negative");

    (void)state;
    assert_int_equal(json_array_count(list), 27);
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct slice id = vector_text(v, "id");
        bool expected = false;

        for (size_t j = 0; j < sizeof(well_signed) / sizeof(well_signed[0]); j++)
            expected = expected || slice_equal_str(id, well_signed[j]);
        if (payment_is_signed(v) != expected)
            fail_msg("%.*s", SLICE_FMT(id));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_the_hashes_of_their_texts),
        cmocka_unit_test(type_hashes_are_the_published_ones),
        cmocka_unit_test(transfers_are_the_published_ones),
        cmocka_unit_test(permits_are_the_published_ones),
        cmocka_unit_test(a_facilitator_counts_for_upto_only),
        cmocka_unit_test(vouchers_are_the_published_ones),
        cmocka_unit_test(what_the_contract_cannot_hold_overflows),
        cmocka_unit_test(personal_messages_are_the_published_ones),
        cmocka_unit_test(a_proof_is_the_published_one),
        cmocka_unit_test(receiving_and_cancelling_are_messages_of_their_own),
        cmocka_unit_test(domains_of_known_tokens_are_the_published_ones),
        cmocka_unit_test(what_was_asked_before_does_not_count),
        cmocka_unit_test(published_forgeries_are_nobodys),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

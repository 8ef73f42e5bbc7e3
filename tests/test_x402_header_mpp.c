/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of MPP: those of the reference client are read and written bit for bit, and
 * what is malformed, doubled or changed is refused. */
#include "x402/header_mpp.h"

#include "tests/vectors.h"
#include "x402/jcs.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct json_object *vectors;
    struct slice secret;
    struct arena *a;
    struct buf out;
};

static int set_up(void **state)
{
    static struct world w;

    w.vectors = vectors_open("mpp.json");
    w.secret = vector_text(w.vectors, "secretKey");
    buf_init(&w.out, 64 * 1024);
    *state = &w;
    return arena_open(&w.a, 4 << 20) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    buf_free(&w->out);
    arena_close(w->a);
    json_put(w->vectors);
    return 0;
}

static void assert_slice(struct slice got, struct slice want)
{
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.bytes, want.bytes, want.len);
}

static struct mpp_challenge parse_one(struct world *w, struct slice header)
{
    struct mpp_challenge c[2];
    size_t count = 2;

    assert_int_equal(mpp_challenges_parse(c, &count, header, w->a), RC_OK);
    assert_int_equal(count, 1);
    return c[0];
}

static const char *const challenge_names[] = {"minimal",
                                              "expires",
                                              "digest_only",
                                              "all_slots",
                                              "header_slot",
                                              "jcs_unicode_and_numbers",
                                              "escaped_description"};

enum {
    CHALLENGES = sizeof(challenge_names) / sizeof(challenge_names[0])
};

static void every_published_challenge_reads_binds_and_prints(void **state)
{
    struct world *w = *state;
    struct json_object *all = vector_member(w->vectors, "challenges");

    for (size_t i = 0; i < CHALLENGES; i++) {
        struct json_object *v = vector_member(all, challenge_names[i]);
        struct mpp_challenge c = parse_one(w, vector_text(v, "www_authenticate"));

        assert_slice(c.id, vector_text(v, "id"));
        assert_slice(c.request, vector_text(v, "request_b64url"));
        assert_true(mpp_challenge_is_ours(&c, w->secret, w->a));
        c.id = SLICE_NONE;
        assert_int_equal(mpp_challenge_bind(&c, w->secret, w->a), RC_OK);
        assert_slice(c.id, vector_text(v, "id"));
        buf_reset(&w->out);
        mpp_challenge_print(&w->out, &c);
        assert_slice(buf_slice(&w->out), vector_text(v, "www_authenticate"));
    }
}

static void escapes_are_undone(void **state)
{
    struct world *w = *state;
    struct json_object *v =
        vector_member(vector_member(w->vectors, "challenges"), "escaped_description");
    struct json_object *input = vector_member(v, "input");
    struct mpp_challenge c = parse_one(w, vector_text(v, "www_authenticate"));

    assert_slice(c.realm, vector_text(input, "realm"));
    assert_slice(c.description, vector_text(input, "description"));
}

/* Those with numbers that only a double holds are not for us to make. */
static void published_requests_are_canonical(void **state)
{
    struct world *w = *state;
    struct json_object *all = vector_member(w->vectors, "challenges");

    for (size_t i = 0; i < CHALLENGES; i++) {
        struct json_object *v = vector_member(all, challenge_names[i]);
        struct slice want = vector_text(v, "request_jcs");
        struct json_object *request =
            vector_member(vector_member(v, "input"), "request");
        enum rc rc;

        buf_reset(&w->out);
        rc = x402_jcs(&w->out, slice_str(json_object_to_json_string(request)), w->a);
        if (strcmp(challenge_names[i], "jcs_unicode_and_numbers") == 0) {
            assert_int_equal(rc, RC_BAD_INPUT);
            continue;
        }
        assert_int_equal(rc, RC_OK);
        assert_slice(buf_slice(&w->out), want);
    }
}

/* Every parameter but the description, and the secret. */
static void the_id_binds_each_parameter(void **state)
{
    struct world *w = *state;
    struct json_object *v =
        vector_member(vector_member(w->vectors, "challenges"), "all_slots");
    const struct mpp_challenge good = parse_one(w, vector_text(v, "www_authenticate"));
    struct mpp_challenge c = good;
    struct slice *const bound[] = {&c.id,     &c.realm,   &c.method,
                                   &c.intent, &c.request, &c.expires,
                                   &c.digest, &c.opaque,  &c.header};

    for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
        *bound[i] = SLICE("x");
        assert_false(mpp_challenge_is_ours(&c, w->secret, w->a));
        c = good;
    }
    c.description = SLICE("other");
    assert_true(mpp_challenge_is_ours(&c, w->secret, w->a));
    assert_false(mpp_challenge_is_ours(&c, SLICE("another secret"), w->a));
}

/* With digest "d|h" seven slots would read like eight with digest "d" and header "h".
 */
static void a_bar_cannot_move_a_slot(void **state)
{
    struct world *w = *state;
    struct mpp_challenge c = {.realm = SLICE("r"),
                              .method = SLICE("ledger"),
                              .intent = SLICE("charge"),
                              .request = SLICE("e30"),
                              .digest = SLICE("d"),
                              .header = SLICE("h")};

    assert_int_equal(mpp_challenge_bind(&c, w->secret, w->a), RC_OK);
    c.digest = SLICE("d|h");
    c.header = SLICE_NONE;
    assert_false(mpp_challenge_is_ours(&c, w->secret, w->a));
    assert_int_equal(mpp_challenge_bind(&c, w->secret, w->a), RC_BAD_INPUT);
}

static void challenges_are_found_among_other_schemes(void **state)
{
    struct world *w = *state;
    struct json_object *v = vector_member(vector_member(w->vectors, "challenge_parse"),
                                          "multi_in_one_header");
    struct json_object *ids = vector_list(v, "ids");
    struct mpp_challenge c[3];
    size_t count = 3;

    assert_int_equal(mpp_challenges_parse(c, &count, vector_text(v, "header"), w->a),
                     RC_OK);
    assert_int_equal(count, json_array_count(ids));
    for (size_t i = 0; i < count; i++)
        assert_slice(c[i].id, slice_str(json_object_get_string(json_array_at(ids, i))));
    count = 1;
    assert_int_equal(mpp_challenges_parse(c, &count, vector_text(v, "header"), w->a),
                     RC_OK);
    assert_int_equal(count, 1);
    count = 3;
    assert_int_equal(
        mpp_challenges_parse(c, &count, SLICE("Negotiate abc==, Basic realm=x,Digest"),
                             w->a),
        RC_OK);
    assert_int_equal(count, 0);
}

static void malformed_challenges_are_refused(void **state)
{
    static const char *const more[] = {
        "Payment",
        "Payment x",
        "Payment id=\"a\", realm=\"r\", method=\"m\", intent=\"c\", request=\"e30",
        "Payment id=\"a\"b, realm=\"r\", method=\"m\", intent=\"c\", request=\"e30\"",
        "Payment id=\"a\", realm=\"r\", method=\"m\", intent=\"c d\", request=\"e30\"",
        "Payment id=\"a\", realm=\"\\ud800\", method=\"m\", intent=\"c\", request=\"e\"",
        "Payment ID=\"a\", id=\"a\", realm=\"r\", method=\"m\", intent=\"c\", request=\"e\"",
        "Payment id=\"a\", realm=\"r\", method=\"m\", intent=\"c\", request=\"e30\", =x"};
    struct world *w = *state;
    struct json_object *rejects =
        vector_list(vector_member(w->vectors, "challenge_parse"), "rejects");
    struct mpp_challenge c[2];
    size_t count;

    for (size_t i = 0; i < json_array_count(rejects); i++) {
        count = 2;
        assert_int_equal(
            mpp_challenges_parse(c, &count, vector_text(json_array_at(rejects, i), "h"),
                                 w->a),
            RC_BAD_INPUT);
    }
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        count = i % 2; /* also those that there is no room for */
        assert_int_equal(mpp_challenges_parse(c, &count, slice_str(more[i]), w->a),
                         RC_BAD_INPUT);
    }
}

static void parameter_names_have_no_case_and_unknown_ones_are_ignored(void **state)
{
    struct mpp_challenge c = parse_one(
        *state, SLICE("pAYMENT ID = \"a\" ,Realm=r,x=\"1, 2\",METHOD=m, intent=charge,,"
                      "request=e30"));

    assert_slice(c.id, SLICE("a"));
    assert_slice(c.realm, SLICE("r"));
    assert_true(c.expires.bytes == NULL);
}

static void opaque_is_the_published_text(void **state)
{
    struct world *w = *state;
    struct json_object *v =
        vector_member(vector_member(w->vectors, "challenges"), "all_slots");
    const struct mpp_opaque o = {.nonce = SLICE("n-0001"), .route = SLICE("/v1/data")};
    struct mpp_opaque back;
    struct slice text;

    assert_int_equal(mpp_opaque_encode(&text, &o, w->a), RC_OK);
    assert_slice(text, vector_text(v, "opaque_b64url"));
    assert_int_equal(mpp_opaque_decode(&back, text, w->a), RC_OK);
    assert_slice(back.nonce, o.nonce);
    assert_slice(back.route, o.route);
    assert_int_equal(mpp_opaque_decode(&back, SLICE("eyJub25jZSI6MX0"), w->a),
                     RC_BAD_INPUT); /* a number for a nonce */
    assert_int_equal(mpp_opaque_decode(&back, SLICE("!"), w->a), RC_BAD_INPUT);
}

/* What the client sent is read, and written again bit for bit. */
static void published_credentials_go_both_ways(void **state)
{
    static const char *const names[] = {"evm_charge", "tempo_proof", "ledger_custom"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct json_object *v = vector_member(w->vectors, names[i]);
        struct slice header = vector_text(v, "authorization_header");
        struct json_object *json = vector_member(v, "credential_json");
        struct mpp_credential c;
        struct slice back;

        assert_int_equal(mpp_credential_parse(&c, header, w->a), RC_OK);
        assert_slice(c.challenge.id,
                     vector_text(vector_member(json, "challenge"), "id"));
        assert_slice(c.source, vector_text(json, "source"));
        assert_true(mpp_challenge_is_ours(&c.challenge, w->secret, w->a));
        assert_int_equal(mpp_credential_print(&back, &c, w->a), RC_OK);
        assert_slice(back, header);
    }
}

/* credential_parse of the vectors: the case of the scheme, padding, standard alphabet,
 * other schemes beside it. */
static void other_spellings_of_a_credential_are_taken(void **state)
{
    struct world *w = *state;
    struct slice header =
        vector_text(vector_member(w->vectors, "ledger_custom"), "authorization_header");
    struct slice token = slice_sub(header, 8, header.len);
    struct mpp_credential c;
    struct buf b;

    buf_init(&b, MPP_HEADER_MAX);
    buf_printf(&b, "payment %.*s", SLICE_FMT(token));
    assert_int_equal(mpp_credential_parse(&c, buf_slice(&b), w->a), RC_OK);
    while ((buf_len(&b) - 8) % 4 != 0)
        buf_append_char(&b, '=');
    assert_int_equal(mpp_credential_parse(&c, buf_slice(&b), w->a), RC_OK);
    buf_reset(&b);
    buf_printf(&b, "Bearer sk-1, PAYMENT  %.*s", SLICE_FMT(token));
    assert_int_equal(mpp_credential_parse(&c, buf_slice(&b), w->a), RC_OK);
    /* {"challenge":{..,"realm":"~~~???"},..} in the standard alphabet */
    assert_int_equal(
        mpp_credential_parse(
            &c,
            SLICE(
                "Payment eyJwYXlsb2FkIjp7fSwiY2hhbGxlbmdlIjp7ImlkIjoiYSIsInJlYWxtIjoi"
                "fn5+Pz8/IiwibWV0aG9kIjoibSIsImludGVudCI6ImMiLCJyZXF1ZXN0IjoiZTMwIn19"),
            w->a),
        RC_OK);
    assert_slice(c.challenge.realm, SLICE("~~~???"));
    buf_free(&b);
}

static void malformed_credentials_are_refused(void **state)
{
    static const struct {
        const char *header;
        enum rc rc;
    } cases[] = {
        {"Bearer x", RC_NOT_FOUND},
        {"", RC_NOT_FOUND},
        {"Payments e30", RC_NOT_FOUND},
        {"Payment !!!", RC_BAD_INPUT},
        {"Payment e30 e30", RC_BAD_INPUT},
        {"Payment bm90IGpzb24", RC_BAD_JSON},
        {"Payment W10", RC_BAD_JSON},  /* [] */
        {"Payment e30", RC_BAD_INPUT}, /* {} */
        {"Payment e30, Payment e30", RC_CONFLICT},
    };

    static const char *const bodies[] = {
        "{\"challenge\":{},\"payload\":{}}",
        "{\"challenge\":[],\"payload\":{}}",
        "{\"challenge\":{\"id\":\"a\",\"realm\":\"r\",\"method\":\"m\",\"intent\":\"c\","
        "\"request\":\"e30\"},\"payload\":\"x\"}",
        "{\"challenge\":{\"id\":1,\"realm\":\"r\",\"method\":\"m\",\"intent\":\"c\","
        "\"request\":\"e30\"},\"payload\":{}}",
        "{\"challenge\":{\"id\":\"a\",\"realm\":\"r\",\"method\":\"M\",\"intent\":\"c\","
        "\"request\":\"e30\"},\"payload\":{}}",
        "{\"challenge\":{\"id\":\"a\",\"realm\":\"r\",\"method\":\"m\",\"intent\":\"c\","
        "\"request\":\"e30\"},\"payload\":{},\"source\":7}"};
    struct world *w = *state;
    struct mpp_credential c;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(mpp_credential_parse(&c, slice_str(cases[i].header), w->a),
                         cases[i].rc);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_int_equal(mpp_credential_read(&c, slice_str(bodies[i]), w->a),
                         RC_BAD_INPUT);
}

static void a_credential_of_one_byte_too_many_is_refused(void **state)
{
    static char text[MPP_HEADER_MAX + 1];
    struct world *w = *state;
    struct mpp_credential c;

    memset(text, 'A', sizeof(text));
    memcpy(text, "Payment ", 8);
    assert_int_equal(mpp_credential_parse(&c, slice_from(text, sizeof(text)), w->a),
                     RC_TOO_BIG);
    assert_int_equal(mpp_credential_parse(&c, slice_from(text, sizeof(text) - 1), w->a),
                     RC_BAD_JSON);
}

/* JSON-RPC carries the request as an object; the id is still over its wire form. */
static void a_credential_of_json_rpc_has_the_same_id(void **state)
{
    struct world *w = *state;
    struct json_object *meta =
        vector_member(vector_member(w->vectors, "mcp"), "request_meta");
    struct json_object *json = vector_member(meta, "org.paymentauth/credential");
    struct mpp_credential c;

    assert_int_equal(
        mpp_credential_read(&c, slice_str(json_object_to_json_string(json)), w->a),
        RC_OK);
    assert_true(mpp_challenge_is_ours(&c.challenge, w->secret, w->a));
}

static void the_published_receipt_goes_both_ways(void **state)
{
    struct world *w = *state;
    struct json_object *v = vector_member(w->vectors, "receipt");
    struct mpp_receipt r;
    struct slice back;

    assert_int_equal(mpp_receipt_parse(&r, vector_text(v, "header"), w->a), RC_OK);
    assert_slice(r.balance, SLICE("863"));
    assert_int_equal(mpp_receipt_print(&back, &r, w->a), RC_OK);
    assert_slice(back, vector_text(v, "header"));
    /* {"status":"failed"}, {"status":"success"} */
    assert_int_equal(mpp_receipt_parse(&r, SLICE("eyJzdGF0dXMiOiJmYWlsZWQifQ"), w->a),
                     RC_BAD_INPUT);
    assert_int_equal(mpp_receipt_parse(&r, SLICE("eyJzdGF0dXMiOiJzdWNjZXNzIn0"), w->a),
                     RC_BAD_INPUT);
}

static void digests_match_in_both_published_forms(void **state)
{
    struct world *w = *state;
    struct json_object *v = vector_member(w->vectors, "digest");
    struct slice body = vector_text(v, "body");
    char text[MPP_DIGEST_SIZE];

    assert_int_equal(mpp_digest_print(text, body, w->a), RC_OK);
    assert_slice(slice_str(text), vector_text(v, "rfc9530"));
    assert_true(mpp_digest_matches(vector_text(v, "rfc9530"), body, w->a));
    assert_true(mpp_digest_matches(vector_text(v, "mppx"), body, w->a));
    assert_true(mpp_digest_matches(vector_text(v, "empty"), SLICE_NONE, w->a));
    assert_false(mpp_digest_matches(vector_text(v, "mppx"), SLICE("{}"), w->a));
    assert_false(mpp_digest_matches(SLICE("sha-256=:"), body, w->a));
    assert_false(mpp_digest_matches(SLICE_NONE, body, w->a));
}

static void accept_payment_weighs_as_published(void **state)
{
    struct world *w = *state;
    struct slice header =
        vector_text(vector_member(w->vectors, "accept_payment"), "header");
    const struct slice charge = SLICE("charge");

    assert_int_equal(mpp_accept_weight(header, SLICE("tempo"), charge), 1000);
    assert_int_equal(mpp_accept_weight(header, SLICE("ledger"), charge), 500);
    assert_int_equal(mpp_accept_weight(header, SLICE("evm"), charge), 0);
    assert_int_equal(mpp_accept_weight(header, SLICE("card"), charge), 0);
}

static void the_most_specific_preference_wins(void **state)
{
    const struct slice header =
        SLICE("*/*;q=0.1, evm/*;q=0.25, */charge;q=0.125, evm/charge ; q=1.000");

    (void)state;
    assert_int_equal(mpp_accept_weight(header, SLICE("evm"), SLICE("charge")), 1000);
    assert_int_equal(mpp_accept_weight(header, SLICE("evm"), SLICE("session")), 250);
    assert_int_equal(mpp_accept_weight(header, SLICE("card"), SLICE("charge")), 125);
    assert_int_equal(mpp_accept_weight(header, SLICE("card"), SLICE("session")), 100);
}

static void a_malformed_preference_says_nothing(void **state)
{
    static const char *const bad[] = {
        "",          "evm",          "evm/",   "/charge", "a/b/c",     "evm/charge;q=2",
        "a/b;q=1.1", "a/b;q=0.1234", "a/b;q=", "a/b;v=1", "a/b;q=0,5", "a/b;q=-1"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(
            mpp_accept_weight(slice_str(bad[i]), SLICE("evm"), SLICE("charge")), 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_published_challenge_reads_binds_and_prints),
        TEST(escapes_are_undone),
        TEST(published_requests_are_canonical),
        TEST(the_id_binds_each_parameter),
        TEST(a_bar_cannot_move_a_slot),
        TEST(challenges_are_found_among_other_schemes),
        TEST(malformed_challenges_are_refused),
        TEST(parameter_names_have_no_case_and_unknown_ones_are_ignored),
        TEST(opaque_is_the_published_text),
        TEST(published_credentials_go_both_ways),
        TEST(other_spellings_of_a_credential_are_taken),
        TEST(malformed_credentials_are_refused),
        TEST(a_credential_of_one_byte_too_many_is_refused),
        TEST(a_credential_of_json_rpc_has_the_same_id),
        TEST(the_published_receipt_goes_both_ways),
        TEST(digests_match_in_both_published_forms),
        TEST(accept_payment_weighs_as_published),
        TEST(the_most_specific_preference_wins),
        TEST(a_malformed_preference_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

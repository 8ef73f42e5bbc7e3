/* SPDX-License-Identifier: Apache-2.0 */
/* What is told to those who do not know us is true: every route that is advertised asks
 * for the payment that stands beside it. */
#include "tests/mpp_client.h"

#include "base/json.h"

#include <json-c/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct json_object *document(void)
{
    struct exchange *x = ask("GET", "/openapi.json", HOST, NULL);
    struct json_object *doc;

    expect_status(x, 200);
    expect_header(x, "Content-Type", "application/json");
    expect_header(x, "Cache-Control", "max-age=300");
    assert_int_equal(json_parse(&doc, buf_slice(&x->out)), RC_OK);
    return doc;
}

static struct json_object *at(struct json_object *o, const char *key)
{
    struct json_object *value;

    assert_true(json_object_object_get_ex(o, key, &value));
    return value;
}

static const char *text(struct json_object *o, const char *key)
{
    return json_object_get_string(at(o, key));
}

/* The first offer of an operation by this method of payment. */
static struct json_object *offer(struct json_object *operation, const char *method)
{
    struct json_object *offers = at(at(operation, "x-payment-info"), "offers");

    for (size_t i = 0; i < json_array_count(offers); i++)
        if (strcmp(text(json_array_at(offers, i), "method"), method) == 0)
            return json_array_at(offers, i);
    fail_msg("no offer by %s", method);
    return NULL;
}

static void the_document_says_who_we_are(void **state)
{
    struct json_object *doc = document();
    struct json_object *info = at(doc, "x-service-info");

    (void)state;
    assert_string_equal(text(doc, "openapi"), "3.1.0");
    assert_string_equal(text(json_array_at(at(doc, "servers"), 0), "url"),
                        "http://localhost:8402");
    assert_string_equal(text(at(info, "docs"), "llms"),
                        "http://localhost:8402/llms.txt");
    assert_true(json_array_count(at(info, "categories")) <= 5);
    json_put(doc);
}

/* A document in which two operations have one is not valid. */
static void an_operation_id_is_told_once(void **state)
{
    struct json_object *doc = document();
    struct json_object *paths = at(doc, "paths");
    const char *seen[64];
    size_t count = 0;

    (void)state;
    json_object_object_foreach(paths, path, item)
    {
        struct json_object *post = NULL, *id = NULL;

        (void)path;
        if (!json_object_object_get_ex(item, "post", &post) ||
            !json_object_object_get_ex(post, "operationId", &id))
            continue;
        for (size_t i = 0; i < count; i++)
            assert_string_not_equal(seen[i], json_object_get_string(id));
        assert_true(count < sizeof(seen) / sizeof(seen[0]));
        seen[count++] = json_object_get_string(id);
    }
    assert_true(count >= 5);
    json_put(doc);
}

static void a_flat_price_is_told_in_tokens(void **state)
{
    struct json_object *doc = document();
    struct json_object *get =
        at(at(at(doc, "paths"), "/v1/data/search/markets/{id}"), "get");
    struct json_object *id = json_array_at(at(get, "parameters"), 0);

    (void)state;
    assert_string_equal(text(offer(get, "evm"), "amount"), "1000");
    assert_string_equal(text(offer(get, "evm"), "currency"),
                        "0x036CbD53842c5426634e7929541eC2318f3dCF7e");
    assert_string_equal(text(offer(get, "ledger"), "amount"), "1000");
    assert_string_equal(text(id, "name"), "id");
    assert_string_equal(text(id, "example"), "1");
    json_put(doc);
}

static void a_models_price_depends_on_the_call(void **state)
{
    struct json_object *doc = document();
    struct json_object *post = at(at(at(doc, "paths"), CHAT), "post");
    struct json_object *body =
        at(at(at(post, "requestBody"), "content"), "application/json");

    (void)state;
    assert_null(at(offer(post, "evm"), "amount"));
    assert_string_equal(text(at(body, "example"), "model"), "alone");
    json_put(doc);
}

static void expect_asks_for_payment(const char *path, const char *method,
                                    struct json_object *operation)
{
    char target[256] = "", verb[16] = "", body[512] = "";
    char amount[X402_U256_TEXT_SIZE];
    struct json_object *content;
    struct mpp_challenge c;
    struct exchange *x;

    for (const char *p = path; *p != '\0'; p++) { /* parameters become "1" */
        const size_t len = strlen(target);

        if (*p == '{') {
            target[len] = '1';
            p = strchr(p, '}');
        } else {
            target[len] = *p;
        }
    }
    for (size_t i = 0; method[i] != '\0'; i++)
        verb[i] = (char)(method[i] - 'a' + 'A');
    if (json_object_object_get_ex(operation, "requestBody", &content))
        (void)snprintf(body, sizeof(body), "%s",
                       json_object_to_json_string(at(
                           at(at(content, "content"), "application/json"), "example")));
    x = ask(verb, target, WANTS, body[0] != '\0' ? body : NULL);
    expect_status(x, 402);
    if (!json_object_object_get_ex(operation, "x-payment-info", &content) ||
        at(offer(operation, "evm"), "amount") == NULL)
        return;
    c = challenge(x, "evm"); /* a flat price is exactly what was told */
    x402_u256_print(amount, request_in(&c).amount);
    assert_string_equal(amount, text(offer(operation, "evm"), "amount"));
}

static void whatever_is_advertised_asks_for_payment(void **state)
{
    struct json_object *doc = document();
    unsigned count = 0;

    (void)state;
    json_object_object_foreach(at(doc, "paths"), path, item)
    {
        json_object_object_foreach(item, method, operation)
        {
            expect_asks_for_payment(path, method, operation);
            count++;
        }
    }
    assert_true(count >= 10);
    json_put(doc);
}

static void what_has_no_price_is_not_advertised(void **state)
{
    struct exchange *x = ask("GET", "/openapi.json", HOST, NULL);
    struct exchange *y = ask("GET", "/llms.txt", HOST, NULL);

    (void)state;
    expect_silent_about(x, "unpriced");
    expect_silent_about(y, "unpriced");
}

static void readers_are_told_the_same(void **state)
{
    struct exchange *x = ask("GET", "/llms.txt", HOST, NULL);

    (void)state;
    expect_status(x, 200);
    expect_header(x, "Content-Type", "text/plain; charset=utf-8");
    expect_says(x, "# Octroi\n");
    expect_says(x, "- alone: input 1, output 10\n");
    expect_says(x, "- POST /v1/chat/completions\n");
    expect_says(x, "- GET /v1/data/search/search: 0.005\n");
    expect_says(x, "USDC on eip155:84532");
    expect_says(x, "sign-in-with-x");
    gate_config(gate_yaml); /* nothing is taken but keys */
    x = ask("GET", "/llms.txt", HOST, NULL);
    expect_silent_about(x, "x402, versions");
    expect_silent_about(x, "sign-in-with-x");
}

/* ---- /discovery/resources ---- */

static struct json_object *resources(const char *query)
{
    char target[256];
    struct json_object *doc;
    struct exchange *x;

    (void)snprintf(target, sizeof(target), "/discovery/resources%s", query);
    x = ask("GET", target, HOST, NULL);
    expect_status(x, 200);
    expect_header(x, "Content-Type", "application/json");
    assert_int_equal(json_parse(&doc, buf_slice(&x->out)), RC_OK);
    return doc;
}

static size_t total(const char *query)
{
    struct json_object *doc = resources(query);
    const size_t count =
        (size_t)json_object_get_int(at(at(doc, "pagination"), "total"));

    assert_true(json_array_count(at(doc, "items")) <= count);
    json_put(doc);
    return count;
}

static void resources_are_listed_with_their_ways_to_pay(void **state)
{
    struct json_object *doc = resources("?query=markets");
    struct json_object *item = json_array_at(at(doc, "items"), 0);
    struct json_object *accepts = json_array_at(at(item, "accepts"), 0);
    struct json_object *input =
        at(at(at(at(item, "extensions"), "bazaar"), "info"), "input");

    (void)state;
    assert_string_equal(text(item, "resource"),
                        "http://localhost:8402/v1/data/search/markets/{id}");
    assert_string_equal(text(item, "type"), "http");
    assert_string_equal(text(accepts, "scheme"), "exact");
    assert_string_equal(text(accepts, "network"), "eip155:84532");
    assert_string_equal(text(accepts, "amount"), "1000");
    assert_string_equal(text(input, "method"), "GET");
    assert_string_equal(text(at(item, "metadata"), "price"), "0.001");
    json_put(doc);
}

static void resources_come_in_pages_and_by_filters(void **state)
{
    const size_t all = total("");
    struct json_object *doc = resources("?limit=1&offset=1");

    (void)state;
    assert_true(all >= 2);
    assert_int_equal(json_array_count(at(doc, "items")), 1);
    assert_int_equal(json_object_get_int(at(at(doc, "pagination"), "total")), all);
    json_put(doc);
    assert_int_equal(total("?type=http"), all);
    assert_int_equal(total("?type=mcp"), 0);
    assert_int_equal(total("?network=eip155%3A84532&scheme=exact"), all);
    assert_int_equal(total("?network=eip155%3A1"), 0);
    assert_int_equal(total("?scheme=upto"), 0);
    assert_int_equal(total("?payTo=0x0000000000000000000000000000000000000001"), 0);
    assert_int_equal(total("?query=nothinglikeit"), 0);
    assert_true(total("?query=markets") > 0);
    assert_int_equal(total("?query=nothinglikeit+markets"), total("?query=markets"));
    expect_status(ask("GET", "/discovery/resources?limit=0", HOST, NULL), 400);
    expect_status(ask("GET", "/discovery/resources?limit=101", HOST, NULL), 400);
    expect_status(ask("GET", "/discovery/resources?offset=x", HOST, NULL), 400);
}

static void a_search_goes_on_by_its_cursor(void **state)
{
    struct exchange *x =
        ask("GET", "/discovery/search?query=search&limit=1", HOST, NULL);
    struct json_object *doc;

    (void)state;
    expect_status(x, 200);
    assert_int_equal(json_parse(&doc, buf_slice(&x->out)), RC_OK);
    assert_int_equal(json_array_count(at(doc, "resources")), 1);
    assert_string_equal(text(at(doc, "pagination"), "cursor"), "1");
    json_put(doc);
    x = ask("GET", "/facilitator/discovery/search?query=search&limit=100&cursor=1",
            HOST, NULL);
    expect_status(x, 200);
    assert_int_equal(json_parse(&doc, buf_slice(&x->out)), RC_OK);
    assert_true(json_array_count(at(doc, "resources")) >= 1);
    assert_null(at(at(doc, "pagination"), "cursor"));
    json_put(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MPP_TEST(the_document_says_who_we_are),
        MPP_TEST(an_operation_id_is_told_once),
        MPP_TEST(a_flat_price_is_told_in_tokens),
        MPP_TEST(a_models_price_depends_on_the_call),
        MPP_TEST(whatever_is_advertised_asks_for_payment),
        MPP_TEST(what_has_no_price_is_not_advertised),
        MPP_TEST(readers_are_told_the_same),
        MPP_TEST(resources_are_listed_with_their_ways_to_pay),
        MPP_TEST(resources_come_in_pages_and_by_filters),
        MPP_TEST(a_search_goes_on_by_its_cursor),
    };

    return cmocka_run_group_tests(tests, mpp_client_start, mpp_client_stop);
}

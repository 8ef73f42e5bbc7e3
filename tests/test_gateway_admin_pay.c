/* SPDX-License-Identifier: Apache-2.0 */
/* POST /admin/v1/pay: one call of another seller with a real key, a real book and a
 * seller on a socket that misbehaves. */
#include "gateway/settle/buy.h"
#include "tests/admin_fixture.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"
#include "tests/fake_upstream.h"
#include "tests/wallet_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct fixture f;
static struct fake *seller;

static const char asks[] =
    "{\"x402Version\":1,\"error\":\"pay\",\"accepts\":[{\"scheme\":\"exact\","
    "\"network\":\"base-sepolia\",\"maxAmountRequired\":\"20000\","
    "\"resource\":\"http://127.0.0.1/\",\"description\":\"\",\"mimeType\":\"\","
    "\"payTo\":\"0x209693Bc6afc0C5328bA36FaF03C514EF312287C\","
    "\"maxTimeoutSeconds\":60,"
    "\"asset\":\"0x036CbD53842c5426634e7929541eC2318f3dCF7e\"}]}";

/* {"success":false,"errorReason":"insufficient_funds",..} */
static const char no_funds[] =
    "X-PAYMENT-RESPONSE: "
    "eyJzdWNjZXNzIjpmYWxzZSwiZXJyb3JSZWFzb24iOiJpbnN1ZmZpY2llbnRf"
    "ZnVuZHMiLCJ0cmFuc2FjdGlvbiI6IiIsIm5ldHdvcmsiOiJiYXNlLXNlcG9s"
    "aWEiLCJwYXllciI6IjB4MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
    "MDAwMDAwMDAwMSJ9"
    "\r\n";

/* ---- Sellers ---- */

static void say_with(struct fake_connection *c, unsigned status, const char *headers,
                     const char *body)
{
    char text[4096];

    (void)snprintf(
        text, sizeof(text),
        "HTTP/1.1 %u X\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
        "%sConnection: close\r\n\r\n%s",
        status, strlen(body), headers, body);
    fake_say(c, text);
}

static void say(struct fake_connection *c, unsigned status, const char *body)
{
    say_with(c, status, "", body);
}

static bool is_paid(const struct fake_connection *c)
{
    return strstr(c->text, "X-PAYMENT: ") != NULL;
}

static void sells(struct fake_connection *c)
{
    if (fake_read(c))
        say(c, is_paid(c) ? 200 : 402, is_paid(c) ? "goods" : asks);
}

static void asks_for_ever(struct fake_connection *c)
{
    if (fake_read(c))
        say(c, 402, asks);
}

static void finds_no_funds(struct fake_connection *c)
{
    if (fake_read(c))
        say_with(c, 402, is_paid(c) ? no_funds : "", asks);
}

/* Nothing comes to the first payment. */
static void answers_late(struct fake_connection *c)
{
    if (fake_read(c) && c->number != 2)
        say(c, is_paid(c) ? 200 : 402, is_paid(c) ? "late" : asks);
}

static void never_answers_payments(struct fake_connection *c)
{
    if (fake_read(c) && !is_paid(c))
        say(c, 402, asks);
}

static void breaks_off(struct fake_connection *c)
{
    if (!fake_read(c))
        return;
    if (is_paid(c))
        fake_say(c, "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf");
    else
        say(c, 402, asks);
}

static void wants_something_else(struct fake_connection *c)
{
    if (fake_read(c))
        say(c, 402, "{\"x402Version\":1,\"accepts\":[]}");
}

static void gives(struct fake_connection *c)
{
    if (fake_read(c))
        say(c, 200, "gift");
}

static void talks_too_much(struct fake_connection *c)
{
    static char much[65536];

    if (!fake_read(c))
        return;
    memset(much, 'x', sizeof(much));
    fake_say(c, "HTTP/1.1 200 X\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < BUY_BODY_MAX / 65536 + 1; i++)
        fake_send(c, much, sizeof(much));
}

/* ---- The world ---- */

static void configure(const char *yaml)
{
    const struct config *c;
    struct buf said;
    enum rc rc;

    buf_init(&said, 65536);
    rc = config_load(&c, config_fixture_write(yaml), &said);
    if (rc != RC_OK)
        print_error("%.*s\n", SLICE_FMT(buf_slice(&said)));
    assert_int_equal(rc, RC_OK);
    config_cell_close(admin.config);
    assert_int_equal(config_cell_open(&admin.config, c), RC_OK);
    config_unref(c);
    buf_free(&said);
}

static int set_up(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};
    char path[4096];

    fixture_open(&f, LEDGER_MEMORY);
    admin = (struct admin){.ledger = f.ledger, .book = f.book};
    conf_fixture_write(
        "k", "0000000000000000000000000000000000000000000000000000000000000001", 64);
    (void)snprintf(path, sizeof(path), "%s/k", conf_fixture_dir());
    assert_int_equal(chmod(path, 0600), 0);
    configure("payments: {x402: {buyer: {key: {hex_file: ./k}, max_per_payment: "
              "\"0.05\", max_per_day: \"0.05\"}}}\n");
    (void)state;
    return x402_curve_start(seed) == RC_OK ? 0 : -1;
}

static void leave(void)
{
    forget();
    if (seller != NULL)
        fake_stop(seller);
    seller = NULL;
}

static int tear_down(void **state)
{
    (void)state;
    leave();
    config_cell_close(admin.config);
    admin.config = NULL;
    fixture_close(&f);
    x402_curve_stop();
    return 0;
}

static void ask_to_pay(unsigned status, const char *body)
{
    ask(status, "POST /admin/v1/pay", body);
}

static void expect(const char *name, const char *value)
{
    struct slice said;

    assert_int_equal(json_get_string(&said, json, name), RC_OK);
    if (!slice_equal_str(said, value))
        print_message("%.*s\n", SLICE_FMT(buf_slice(&reply.body)));
    assert_true(slice_equal_str(said, value));
}

/* From a seller of this kind; more: members of the body, with a comma before each. */
static void buy_from(fake_script *script, unsigned status, const char *more)
{
    char body[1024];

    if (seller == NULL)
        seller = fake_start(script);
    (void)snprintf(body, sizeof(body), "{\"url\":\"http://127.0.0.1:%u/x?y\"%s}",
                   fake_port(seller), more);
    ask_to_pay(status, body);
}

static void expect_spent(const char *decimal)
{
    struct money spent;
    char text[MONEY_TEXT_SIZE];

    assert_int_equal(wallet_purchase_spent(&spent, f.book), RC_OK);
    money_print_short(text, spent);
    assert_string_equal(text, decimal);
}

/* ---- The tests ---- */

static void a_seller_is_paid_and_the_answer_told(void **state)
{
    struct slice unused;

    (void)state;
    buy_from(sells, 200, ",\"max\":\"0.02\"");
    expect("paid", "0.020000000");
    expect("protocol", "x402 v1");
    expect("network", "eip155:84532");
    expect("content_type", "text/plain");
    expect("body_base64", "Z29vZHM=");
    assert_int_equal(json_get_string(&unused, json, "transaction"), RC_NOT_FOUND);
    assert_int_equal(fake_requests(seller), 2);
}

static void a_gift_is_not_paid(void **state)
{
    struct slice unused;

    (void)state;
    buy_from(gives, 200,
             ",\"method\":\"DELETE\",\"headers\":[{\"name\":\"X-A\","
             "\"value\":\"b\"}]");
    expect("paid", "0.000000000");
    assert_int_equal(json_get_string(&unused, json, "protocol"), RC_NOT_FOUND);
    assert_int_equal(fake_requests(seller), 1);
}

static void a_body_makes_it_a_post(void **state)
{
    char head[FAKE_TEXT_SIZE];
    uint64_t sum;
    size_t len;

    (void)state;
    buy_from(sells, 200, ",\"body\":\"abc\"");
    fake_last(seller, head, &len, &sum);
    assert_int_equal(strncmp(head, "POST /x?y ", 10), 0);
    assert_int_equal(len, 3);
}

static void what_is_too_dear_is_not_signed(void **state)
{
    (void)state;
    buy_from(sells, 402, ",\"max\":\"0.019999999\"");
    expect("code", "limit_exceeded");
    assert_int_equal(fake_requests(seller), 1);
    expect_spent("0");
}

static void the_cap_of_the_day_counts_every_call(void **state)
{
    (void)state;
    buy_from(sells, 200, "");
    buy_from(sells, 200, "");
    buy_from(sells, 402, "");
    expect("code", "limit_exceeded");
    assert_int_equal(fake_requests(seller), 5);
}

static void a_seller_that_asks_again_gets_nothing_more(void **state)
{
    (void)state;
    buy_from(asks_for_ever, 502, "");
    expect("code", "upstream_error");
    expect("detail", "the seller was paid and asks again");
    assert_int_equal(fake_requests(seller), 2);
    expect_spent("0");
}

static void an_account_without_money_is_said_to_be_so(void **state)
{
    (void)state;
    buy_from(finds_no_funds, 402, "");
    expect("code", "insufficient_funds");
    expect_spent("0");
}

static void no_answer_is_asked_for_once_more(void **state)
{
    (void)state;
    buy_from(answers_late, 200, "");
    expect("body_base64", "bGF0ZQ==");
    assert_int_equal(fake_requests(seller), 3);
}

static void a_payment_that_may_have_been_taken_is_said_so(void **state)
{
    (void)state;
    buy_from(never_answers_payments, 502, "");
    expect("detail", "the seller cannot be reached; the payment may have been taken");
    assert_int_equal(fake_requests(seller), 3);
    expect_spent("0");
}

static void an_answer_that_breaks_off_is_not_asked_for_again(void **state)
{
    (void)state;
    buy_from(breaks_off, 502, "");
    assert_int_equal(fake_requests(seller), 2);
}

static void what_cannot_be_paid_is_the_sellers_failure(void **state)
{
    (void)state;
    buy_from(wants_something_else, 502, "");
    expect("code", "upstream_error");
    assert_int_equal(fake_requests(seller), 1);
}

static void an_answer_has_an_end(void **state)
{
    (void)state;
    buy_from(talks_too_much, 502, "");
    expect("detail", "the answer is too large");
}

static void what_makes_no_sense_is_not_called(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"url\":1}",
        "{\"url\":\"ftp://127.0.0.1/\"}",
        "{\"url\":\"http://seller.example/\"}",
        "{\"url\":\"http://127.0.0.1.seller.example/\"}",
        "{\"url\":\"http://user@127.0.0.1/\"}",
        "{\"url\":\"https://\"}",
        "{\"url\":\"https://a\\n/\"}",
        "{\"url\":\"http://127.0.0.1:1/\",\"max\":\"-1\"}",
        "{\"url\":\"http://127.0.0.1:1/\",\"max\":1}",
        "{\"url\":\"http://127.0.0.1:1/\",\"method\":\"A B\"}",
        "{\"url\":\"http://127.0.0.1:1/\",\"method\":\"\"}",
        "{\"url\":\"http://127.0.0.1:1/\",\"headers\":{}}",
        "{\"url\":\"http://127.0.0.1:1/\",\"headers\":[\"a: b\"]}",
        "{\"url\":\"http://127.0.0.1:1/\",\"headers\":[{\"name\":\"a b\","
        "\"value\":\"c\"}]}",
        "{\"url\":\"http://127.0.0.1:1/\",\"headers\":[{\"name\":\"X-PAYMENT\","
        "\"value\":\"c\"}]}",
        "{\"url\":\"http://127.0.0.1:1/\",\"other\":1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        ask_to_pay(400, bodies[i]);
}

/* How many of them there are, and the at-th; NULL: fewer. */
static struct json_object *bought(size_t *count, const char *query, size_t at)
{
    struct json_object *list = NULL;
    char line[128];

    (void)snprintf(line, sizeof(line), "GET /admin/v1/purchases?%s", query);
    ask(200, line, NULL);
    assert_int_equal(json_get_array(&list, json, "items"), RC_OK);
    *count = json_array_count(list);
    return json_array_at(list, at);
}

static void expect_member(struct json_object *o, const char *name, const char *value)
{
    struct slice said = SLICE_NONE;

    assert_int_equal(json_get_string(&said, o, name),
                     value != NULL ? RC_OK : RC_NOT_FOUND);
    assert_true(slice_equal_str(said, value != NULL ? value : ""));
}

static void what_was_bought_is_listed(void **state)
{
    struct json_object *one;
    struct slice next;
    char query[96];
    size_t count;

    (void)state;
    (void)bought(&count, "", 0);
    assert_int_equal(count, 0);
    buy_from(sells, 200, "");
    buy_from(sells, 200, "");
    one = bought(&count, "", 0);
    assert_int_equal(count, 2);
    expect_member(one, "host", "127.0.0.1");
    expect_member(one, "amount", "0.020000000");
    expect_member(one, "state", "paid");
    expect_member(one, "network", "eip155:84532");
    expect_member(one, "wallet", NULL);
    expect_member(one, "request_id", NULL);
    (void)bought(&count, "state=lapsed", 0);
    assert_int_equal(count, 0);
    (void)bought(&count, "until=2001-01-01T00:00:00Z", 0);
    assert_int_equal(count, 0);
    (void)bought(&count, "since=2001-01-01T00:00:00Z", 0);
    assert_int_equal(count, 2);
    (void)bought(&count, "limit=1", 0);
    assert_int_equal(count, 1);
    assert_int_equal(json_get_string(&next, json, "next"), RC_OK);
    (void)snprintf(query, sizeof(query), "limit=1&after=%.*s", SLICE_FMT(next));
    (void)bought(&count, query, 0);
    assert_int_equal(count, 1);
    assert_int_equal(json_get_string(&next, json, "next"), RC_NOT_FOUND);
    ask(400, "GET /admin/v1/purchases?state=sold", NULL);
}

static void without_a_key_nothing_can_be_paid(void **state)
{
    (void)state;
    configure("{}\n");
    ask_to_pay(500, "{\"url\":\"http://127.0.0.1:1/\"}");
    expect("code", "invalid_config");
    configure("payments: {x402: {buyer: {key: {hex_file: ./absent}}}}\n");
    ask_to_pay(500, "{\"url\":\"http://127.0.0.1:1/\"}");
    expect("code", "invalid_config");
    config_cell_close(admin.config);
    admin.config = NULL;
    ask_to_pay(404, "{\"url\":\"http://127.0.0.1:1/\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_seller_is_paid_and_the_answer_told),
        TEST(a_gift_is_not_paid),
        TEST(a_body_makes_it_a_post),
        TEST(what_is_too_dear_is_not_signed),
        TEST(the_cap_of_the_day_counts_every_call),
        TEST(a_seller_that_asks_again_gets_nothing_more),
        TEST(an_account_without_money_is_said_to_be_so),
        TEST(no_answer_is_asked_for_once_more),
        TEST(a_payment_that_may_have_been_taken_is_said_so),
        TEST(an_answer_that_breaks_off_is_not_asked_for_again),
        TEST(what_cannot_be_paid_is_the_sellers_failure),
        TEST(an_answer_has_an_end),
        TEST(what_makes_no_sense_is_not_called),
        TEST(what_was_bought_is_listed),
        TEST(without_a_key_nothing_can_be_paid),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Packages as answers: what they cost is said in words, they are bought once, and come
 * whole however slowly they are read. */
#include "base/codec.h"
#include "tests/cashier_double.h"
#include "tests/gateway_fixture.h"
#include "tests/skills_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMITS                                              \
    "skills: {platform_share: \"20%\", review: findings}\n" \
    "limits: {requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0}\n"

static const char networks[] =
    "payments: {x402: {networks: [{network: \"eip155:84532\", asset: USDC, pay_to: "
    "\"0x209693Bc6afc0C5328bA36FaF03C514EF312287C\", facilitator: builtin, rpc_url: "
    "\"https://node.example\", settle_key: {hex_file: /nowhere}}]}}\n" LIMITS;
static const char maps[] = "/api/v1/download?slug=rain-maps&ownerHandle=weather-lab";

static struct market market;

static int open_market(void **state)
{
    if (gate_open(state) != 0)
        return -1;
    gate_config(LIMITS);
    market_open_on(&market, &gate.money);
    gate.worker.skills = market.skills;
    new_publisher(&market, "weather-lab");
    list_skill(&market, "weather-lab", "rain-maps", "1.0.0", "Rain.");
    return 0;
}

static int close_market(void **state)
{
    assert_int_equal(gate.worker.live, 0);
    skills_close(market.skills);
    return gate_close(state);
}

static void costs(const char *slug, const char *per_install)
{
    struct skill_terms terms = {.per_install = usd(per_install)};
    struct skill_offer offer;

    assert_int_equal(skill_offer_set(&offer, market.skills, SLICE("weather-lab"),
                                     slice_str(slug), &terms, SLICE_NONE, false),
                     RC_OK);
    gate_advance(SKILL_QUOTE_LIFE_US / 1000 + 1); /* the old price binds so long */
}

static void expect_earned(const char *decimal)
{
    struct skill_publisher p;
    struct skill_earnings e;

    assert_int_equal(skill_publisher_get(&p, market.skills, SLICE("weather-lab")),
                     RC_OK);
    assert_int_equal(
        skill_earnings_read(&e, market.skills, &p, 0, ledger_now_us(gate.money.ledger)),
        RC_OK);
    assert_int_equal(money_cmp(e.earned, usd(decimal)), 0);
}

static unsigned open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        count++;
    closedir(d);
    return count;
}

/* A zip begins with these. */
static void expect_package(struct exchange *x)
{
    expect_status(x, 200);
    expect_whole(x);
    expect_header(x, "Content-Type", "application/zip");
    assert_true(slice_starts(buf_slice(&x->out), SLICE("PK\003\004")));
}

static void what_is_free_is_given_to_anybody(void **state)
{
    const unsigned before = open_files();
    struct exchange *x = ask("GET", maps, "", NULL);
    char tag[128], target[128];

    (void)state;
    expect_package(x);
    expect_header(x, "Content-Disposition",
                  "attachment; filename=\"rain-maps-1.0.0.zip\"");
    (void)snprintf(tag, sizeof(tag), "If-None-Match: \"x\", W/%s\n",
                   client_header(x, "ETag"));
    x = ask("GET", maps, tag, NULL);
    expect_status(x, 304);
    assert_int_equal(buf_len(&x->out), 0);
    expect_status(ask("HEAD", maps, "", NULL), 200);
    (void)snprintf(target, sizeof(target), "%s&version=9.0.0", maps);
    x = ask("GET", target, "", NULL);
    expect_status(x, 404);
    expect_says(x, "Version not found");
    expect_header(x, "Content-Type", "text/plain; charset=utf-8");
    expect_spent("0");
    assert_int_equal(open_files(), before);
}

static void what_costs_says_so_in_words(void **state)
{
    struct exchange *x;

    (void)state;
    costs("rain-maps", "0.05");
    x = ask("GET", maps, "", NULL);
    expect_status(x, 402);
    expect_body(x,
                "Payment required: 0.05 USD for weather-lab/rain-maps, once for every "
                "version 1.x. Log in with a key of a funded wallet (clawhub login "
                "--token sk-oct-..) and install again. (payment_required)");
    expect_header(x, "Cache-Control", "no-store");
    expect_status(ask("HEAD", maps, "", NULL), 200);
    expect_earned("0");
}

static void who_pays_in_the_call_is_offered_it(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};
    static const uint8_t quote_key[32] = {2};
    struct exchange *x;

    (void)state;
    assert_int_equal(x402_curve_start(seed), RC_OK);
    gate_config(networks);
    gate.worker.cashier = cashier_double(gate.money.book);
    gate.worker.quote_key = quote_key;
    costs("rain-maps", "0.05");
    x = ask("GET", maps, "", NULL);
    expect_status(x, 402);
    expect_says(x, "Payment required: 0.05 USD");
    assert_non_null(client_header(x, "PAYMENT-REQUIRED"));
    x402_curve_stop();
}

static void it_is_bought_once_and_had_again_for_nothing(void **state)
{
    struct exchange *x;
    struct row row;

    (void)state;
    costs("rain-maps", "0.05");
    x = get(maps);
    expect_package(x);
    expect_header(x, "x-octroi-cost", "0.050000000");
    expect_spent("0.05");
    assert_int_equal(row_of(&row, x), RC_OK);
    assert_string_equal(row.row.kind, "install");
    assert_true(slice_equal_str(row.row.model, "weather-lab/rain-maps@1.0.0"));
    expect_earned("0.04");
    expect_package(get(maps));
    costs("rain-maps", "7");
    list_skill(&market, "weather-lab", "rain-maps", "1.1.0", "Rain.");
    expect_package(get(maps));
    expect_spent("0.05");
    list_skill(&market, "weather-lab", "rain-maps", "2.0.0", "Rain.");
    expect_package(get(maps));
    expect_spent("7.05");
    expect_earned("5.64");
}

static void what_was_paid_for_is_sent_whole_whatever_the_client_has(void **state)
{
    char headers[256];
    struct exchange *x;

    (void)state;
    costs("rain-maps", "0.05");
    (void)snprintf(headers, sizeof(headers), "If-None-Match: *\n%s", bearer());
    x = ask("GET", maps, headers, NULL);
    expect_package(x);
    assert_non_null(client_header(x, "ETag"));
    expect_spent("0.05");
    expect_status(ask("GET", maps, headers, NULL), 304);
    expect_spent("0.05");
}

static void who_cannot_pay_buys_nothing(void **state)
{
    struct exchange *x;

    (void)state;
    costs("rain-maps", "11");
    x = get(maps);
    expect_status(x, 402);
    expect_says(x, "11");
    expect_spent("0");
    expect_held("0");
    expect_earned("0");
}

static void who_leaves_before_the_booking_pays_nothing_and_may_buy_later(void **state)
{
    const unsigned before = open_files();
    struct exchange *x;

    (void)state;
    costs("rain-maps", "0.05");
    book_keep();
    x = get(maps);
    leave(x);
    book_pass();
    book_release();
    gate_turn();
    expect_spent("0");
    expect_held("0");
    assert_int_equal(open_files(), before);
    expect_package(get(maps));
    expect_spent("0.05");
}

static void two_at_once_are_one_purchase(void **state)
{
    struct exchange *one, *two;

    (void)state;
    costs("rain-maps", "0.05");
    book_keep();
    one = get(maps);
    two = get(maps); /* it could not see the other yet */
    book_pass();
    book_release();
    gate_turn();
    gate_advance(1000);
    expect_package(one);
    expect_package(two);
    expect_spent("0.05");
    expect_earned("0.04");
}

static void nobody_gets_what_is_withdrawn_but_who_bought_it(void **state)
{
    static const char first[] =
        "/api/v1/download?slug=rain-maps&ownerHandle=weather-lab&version=1.0.0";

    (void)state;
    costs("rain-maps", "0.05");
    expect_package(get(maps));
    assert_int_equal(skill_state_set(market.skills, SLICE("weather-lab"),
                                     SLICE("rain-maps"), SLICE_NONE, SKILL_WITHDRAWN),
                     RC_OK);
    expect_package(get(first));
    expect_spent("0.05");
    expect_status(ask("GET", first, "", NULL), 404);
    assert_int_equal(skill_state_set(market.skills, SLICE("weather-lab"),
                                     SLICE("rain-maps"), SLICE_NONE, SKILL_QUARANTINED),
                     RC_OK);
    assert_int_not_equal(get(first)->status, 200);
    expect_spent("0.05");
}

/* One that needs many pieces. */
static void list_large(void)
{
    char *text = calloc(1, 700001);
    struct goods g = {.publisher = "weather-lab",
                      .slug = "atlas",
                      .version = "1.0.0",
                      .body = text,
                      .review = SKILL_REVIEW_FINDINGS};
    struct skill_published done;
    struct buf why;

    assert_non_null(text);
    for (size_t i = 0; i < 700000; i++)
        text[i] = i % 61 == 60 ? '\n' : (char)('a' + i % 23);
    buf_init(&why, 1024);
    assert_int_equal(publish(&done, &market, &g, &why), RC_OK);
    if (done.version.state != SKILL_LISTED)
        assert_int_equal(skill_state_set(market.skills, SLICE("weather-lab"),
                                         SLICE("atlas"), SLICE("1.0.0"), SKILL_LISTED),
                         RC_OK);
    buf_free(&why);
    free(text);
}

static void a_slow_reader_gets_all_of_it_and_costs_little(void **state)
{
    const unsigned before = open_files();
    struct exchange *x;

    (void)state;
    list_large();
    x = client_head(&gate.user, "GET", "/api/v1/download?slug=atlas", "", false);
    x->slow = true;
    client_body(&gate.user, x, SLICE_NONE);
    gate_turn();
    assert_false(x->ended);
    assert_true(buf_len(&x->out) <= HTTP_OUT_HIGH);
    for (unsigned i = 0; i < 10000 && !x->ended; i++)
        reads(x, 50000);
    expect_package(x);
    assert_true(buf_len(&x->out) > 700000);
    assert_int_equal(open_files(), before);
}

static void who_leaves_in_the_middle_of_it_leaves_nothing_open(void **state)
{
    const unsigned before = open_files();
    struct exchange *x;

    (void)state;
    list_large();
    costs("atlas", "0.05");
    x = client_head(&gate.user, "GET", "/api/v1/download?slug=atlas", bearer(), false);
    x->slow = true;
    client_body(&gate.user, x, SLICE_NONE);
    gate_turn();
    expect_spent("0.05"); /* before the first byte */
    leave(x);
    gate_turn();
    assert_int_equal(open_files(), before);
    expect_package(get("/api/v1/download?slug=atlas"));
    expect_spent("0.05");
}

static void a_package_that_the_disk_has_lost_is_our_fault_and_costs_nothing(
    void **state)
{
    struct skill_version v;
    char hex[2 * sizeof(v.package) + 1];
    char path[256];
    struct exchange *x;

    (void)state;
    costs("rain-maps", "0.05");
    assert_int_equal(skill_version_get(&v, market.skills, SLICE("weather-lab"),
                                       SLICE("rain-maps"), SLICE_NONE,
                                       SKILL_BY_ANYBODY),
                     RC_OK);
    hex_encode(hex, v.package, sizeof(v.package));
    (void)snprintf(path, sizeof(path), "%s/packages/%.2s/%s", gate.money.dir, hex,
                   hex + 2);
    assert_int_equal(unlink(path), 0);
    x = get(maps);
    expect_status(x, 500);
    expect_says(x, "storage_corrupt");
    expect_spent("0");
}

#define MARKET_TEST(test) \
    cmocka_unit_test_setup_teardown(test, open_market, close_market)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MARKET_TEST(what_is_free_is_given_to_anybody),
        MARKET_TEST(what_costs_says_so_in_words),
        MARKET_TEST(who_pays_in_the_call_is_offered_it),
        MARKET_TEST(it_is_bought_once_and_had_again_for_nothing),
        MARKET_TEST(what_was_paid_for_is_sent_whole_whatever_the_client_has),
        MARKET_TEST(who_cannot_pay_buys_nothing),
        MARKET_TEST(who_leaves_before_the_booking_pays_nothing_and_may_buy_later),
        MARKET_TEST(two_at_once_are_one_purchase),
        MARKET_TEST(nobody_gets_what_is_withdrawn_but_who_bought_it),
        MARKET_TEST(a_slow_reader_gets_all_of_it_and_costs_little),
        MARKET_TEST(who_leaves_in_the_middle_of_it_leaves_nothing_open),
        MARKET_TEST(a_package_that_the_disk_has_lost_is_our_fault_and_costs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's market: paths, bodies, shapes, refusals. What the market itself does
 * is proved by skills' tests; here only that the right call of it is made and told. */
#include "base/clock.h"
#include "tests/admin_fixture.h"
#include "tests/skills_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KEY_HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define ADDRESS "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

static struct market m;

static int set_up(void **state)
{
    (void)state;
    market_open(&m);
    admin = (struct admin){.ledger = m.f.ledger, .book = m.f.book, .skills = m.skills};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    forget();
    market_close(&m);
    return 0;
}

/* ---- Publishers ---- */

static void a_publisher_has_what_it_was_made_with(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"shop\"}");
    ask(201, "POST /admin/v1/publishers",
        "{\"name\":\"acme\",\"display\":\"Acme Ltd\",\"wallet\":\"shop\",\"key\":"
        "\"" KEY_HEX "\",\"signature_required\":true,\"network\":\"eip155:84532\","
        "\"address\":\"" ADDRESS "\",\"platform_share\":\"2.5%\"}");
    has("\"handle\":\"acme\",\"display\":\"Acme Ltd\",\"wallet\":\"w_");
    has("\"key\":\"" KEY_HEX "\",\"signature_required\":true");
    has("\"network\":\"eip155:84532\",\"address\":\"" ADDRESS
        "\",\"platform_share\":\"2.5%\",\"suspended\":false");
    ask(200, "GET /admin/v1/publishers/acme", NULL);
    has("\"platform_share\":\"2.5%\"");
}

static void a_publisher_of_a_name_alone_has_nothing_else(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"acme\"}");
    has("\"display\":\"acme\",\"wallet\":null,\"key\":null,"
        "\"signature_required\":false,\"network\":null,\"address\":null,"
        "\"platform_share\":null,\"suspended\":false");
}

static void names_of_publishers_are_taken_once_and_not_imitated(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"acme-tools\"}");
    refused(409, "already_exists", "POST /admin/v1/publishers",
            "{\"name\":\"acme-tools\"}");
    refused(409, "conflict", "POST /admin/v1/publishers", "{\"name\":\"acme-to0ls\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers", "{\"name\":\"Acme\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers", "{\"name\":\"a--b\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers", "{}");
    refused(404, "not_found", "GET /admin/v1/publishers/nobody", NULL);
}

static void what_would_send_money_to_nobody_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"name\":\"acme\",\"network\":\"eip155:1\"}",
        "{\"name\":\"acme\",\"address\":\"" ADDRESS "\"}",
        "{\"name\":\"acme\",\"network\":\"solana:x\",\"address\":\"" ADDRESS "\"}",
        "{\"name\":\"acme\",\"network\":\"eip155:1\",\"address\":\"0x12\"}",
        "{\"name\":\"acme\",\"network\":\"eip155:1\","
        "\"address\":\"0x70997970c51812DC3A010C7d01b50e0d17dc79C8\"}",
        "{\"name\":\"acme\",\"network\":\"eip155:1\","
        "\"address\":\"0x0000000000000000000000000000000000000000\"}",
        "{\"name\":\"acme\",\"platform_share\":\"100.0001%\"}",
        "{\"name\":\"acme\",\"platform_share\":\"ten\"}",
        "{\"name\":\"acme\",\"key\":\"00\"}",
        "{\"name\":\"acme\",\"signature_required\":true}",
        "{\"name\":\"acme\",\"signature_required\":\"yes\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(400, "invalid_request", "POST /admin/v1/publishers", bad[i]);
    refused(404, "not_found", "POST /admin/v1/publishers",
            "{\"name\":\"acme\",\"wallet\":\"nobody\"}");
    ask(200, "GET /admin/v1/publishers", NULL);
    assert_int_equal(items(), 0);
}

static void a_change_touches_what_it_names_only(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers",
        "{\"name\":\"acme\",\"display\":\"Acme\",\"key\":\"" KEY_HEX
        "\",\"platform_share\":\"5%\"}");
    ask(200, "PUT /admin/v1/publishers/acme", "{\"signature_required\":true}");
    has("\"display\":\"Acme\"");
    has("\"key\":\"" KEY_HEX "\",\"signature_required\":true");
    has("\"platform_share\":\"5%\"");
    ask(200, "PUT /admin/v1/publishers/acme",
        "{\"key\":\"\",\"signature_required\":false,\"platform_share\":\"\"}");
    has("\"key\":null,\"signature_required\":false");
    has("\"platform_share\":null");
    refused(400, "invalid_request", "PUT /admin/v1/publishers/acme",
            "{\"name\":\"other\"}");
    refused(404, "not_found", "PUT /admin/v1/publishers/nobody", "{}");
}

static void suspending_is_taken_back(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"acme\"}");
    ask(200, "POST /admin/v1/publishers/acme/suspend", NULL);
    has("\"suspended\":true");
    ask(200, "POST /admin/v1/publishers/acme/suspend", NULL);
    has("\"suspended\":true");
    ask(200, "POST /admin/v1/publishers/acme/unsuspend", NULL);
    has("\"suspended\":false");
}

static void publishers_come_in_pages(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"delta\"}");
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"alpha\"}");
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"cheese\"}");
    ask(200, "GET /admin/v1/publishers?limit=2", NULL);
    assert_int_equal(items(), 2);
    has("\"next\":\"cheese\"");
    has("alpha");
    has_not("delta");
    ask(200, "GET /admin/v1/publishers?limit=2&after=cheese", NULL);
    assert_int_equal(items(), 1);
    has("delta");
    has("\"next\":null");
}

static void without_a_market_there_is_none(void **state)
{
    (void)state;
    admin.skills = NULL;
    refused(404, "not_found", "GET /admin/v1/publishers", NULL);
    refused(404, "not_found", "POST /admin/v1/publishers", "{\"name\":\"acme\"}");
}

static void packages_are_larger_than_other_bodies(void **state)
{
    (void)state;
    assert_int_equal(admin_body_max(SLICE("/admin/v1/skills?publisher=a")), 70 << 20);
    assert_int_equal(admin_body_max(SLICE("/admin/v1/skills")), 70 << 20);
    assert_int_equal(admin_body_max(SLICE("/admin/v1/skills/")), 1 << 20);
    assert_int_equal(admin_body_max(SLICE("/admin/v1/wallets")), 1 << 20);
}

/* ---- Earnings ---- */

/* One use at 0.1 USD, of which the publisher has 90%. */
static void sell(const char *name, struct id buyer, const char *what)
{
    struct call *c = new_call(&m.f);
    struct skill_publisher p;

    assert_int_equal(skill_publisher_get(&p, m.skills, slice_str(name)), RC_OK);
    skill_share(&c->share, &p, 100000, slice_str(what), clock_wall_us());
    c->hold.has_share = true;
    assert_int_equal(hold_call(&m.f, c, buyer, "0.1"), RC_OK);
    assert_int_equal(capture_shared(&m.f, c, "0.1"), RC_OK);
}

/* Two uses on the 1st of March, one on the 2nd. */
static struct id sell_three(void)
{
    struct id buyer;

    clock_at("2030-03-01T10:00:00Z");
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"acme\"}");
    buyer = new_wallet(&m.f, "buyer");
    fund(&m.f, buyer, "1");
    sell("acme", buyer, "acme/pdf@1.0.0");
    sell("acme", buyer, "acme/csv@1.0.0");
    clock_at("2030-03-02T10:00:00Z");
    sell("acme", buyer, "acme/pdf@1.1.0");
    return buyer;
}

static void earnings_wait_for_their_day_and_the_delay(void **state)
{
    (void)state;
    (void)sell_three();
    ask(200, "GET /admin/v1/publishers/acme/earnings", NULL);
    has("\"earned\":\"0.270000000\",\"waiting\":\"0.270000000\",\"ready\":\"0.000000000\"");
    has("\"payout_delay_seconds\":604800");
    clock_at("2030-03-09T00:00:00Z");
    ask(200, "GET /admin/v1/publishers/acme", NULL);
    has("\"earnings\":{\"publisher\":\"acme\"");
    has("\"waiting\":\"0.090000000\",\"ready\":\"0.180000000\",\"due\":\"0.000000000\"");
    ask(200, "POST /admin/v1/publishers/acme/mature", NULL);
    has("\"ready\":\"0.000000000\",\"due\":\"0.180000000\"");
    refused(404, "not_found", "GET /admin/v1/publishers/nobody/earnings", NULL);
}

static void uses_are_told_one_by_one(void **state)
{
    (void)state;
    (void)sell_three();
    ask(200, "GET /admin/v1/publishers/acme/usage", NULL);
    assert_int_equal(items(), 3);
    has("\"skill\":\"acme/pdf\",\"version\":\"1.0.0\",\"reference\":null,\"direction\":\"in\","
        "\"price\":\"0.100000000\",\"share\":\"0.090000000\"");
    ask(200, "GET /admin/v1/publishers/acme/usage?limit=2", NULL);
    assert_int_equal(items(), 2);
    has_not("\"next\":null");
    ask(200, "GET /admin/v1/publishers/acme/usage?since=2030-03-02T00:00:00Z", NULL);
    assert_int_equal(items(), 1);
    has("1.1.0");
    ask(200, "GET /admin/v1/publishers/acme/usage?until=2030-03-02T00:00:00Z", NULL);
    assert_int_equal(items(), 2);
    refused(400, "invalid_request", "GET /admin/v1/publishers/acme/usage?since=soon",
            NULL);
    refused(400, "invalid_request", "GET /admin/v1/publishers/acme/usage?format=xml",
            NULL);
}

static void uses_are_summed_by_day_skill_and_version(void **state)
{
    (void)state;
    (void)sell_three();
    ask(200, "GET /admin/v1/publishers/acme/usage?by=day", NULL);
    assert_int_equal(items(), 2);
    has("{\"day\":\"2030-03-01\",\"uses\":2,\"price\":\"0.200000000\",\"share\":\"0.180000000\"");
    ask(200, "GET /admin/v1/publishers/acme/usage?by=skill", NULL);
    assert_int_equal(items(), 2);
    has("{\"skill\":\"acme/pdf\",\"uses\":2,");
    ask(200, "GET /admin/v1/publishers/acme/usage?by=version", NULL);
    assert_int_equal(items(), 3);
    has("{\"version\":\"acme/pdf@1.1.0\",\"uses\":1,");
    refused(400, "invalid_request", "GET /admin/v1/publishers/acme/usage?by=moon",
            NULL);
}

static void a_feed_is_csv_or_lines(void **state)
{
    struct slice body, line;
    unsigned lines = 0;

    (void)state;
    (void)sell_three();
    ask(200, "GET /admin/v1/publishers/acme/usage?format=csv", NULL);
    assert_string_equal(reply.content_type, "text/csv; charset=utf-8");
    has("seq,time,kind,request_id,transfer,skill,version,reference,direction,price,"
        "share,status,late,self\r\n");
    has(",acme/pdf,1.0.0,,in,0.100000000,0.090000000,");
    ask(200, "GET /admin/v1/publishers/acme/usage?format=csv&by=day", NULL);
    has("day,uses,price,share,refunds,refunded_price,refunded_share\r\n2030-03-01,2,"
        "0.200000000,0.180000000,0,0.000000000,0.000000000\r\n");
    ask(200, "GET /admin/v1/publishers/acme/usage?format=jsonl", NULL);
    assert_string_equal(reply.content_type, "application/jsonl");
    body = buf_slice(&reply.body);
    while (slice_next(&line, &body, '\n')) {
        struct json_object *row;

        assert_int_equal(json_parse(&row, line), RC_OK);
        json_put(row);
        lines++;
    }
    assert_int_equal(lines, 3);
}

/* ---- Payouts ---- */

static void a_payout_by_hand_is_done_at_once(void **state)
{
    (void)state;
    (void)sell_three();
    refused(403, "forbidden", "POST /admin/v1/publishers/acme/payouts",
            "{\"reference\":\"bank 1\"}"); /* it is new */
    clock_at("2030-03-20T00:00:00Z");
    refused(402, "insufficient_funds", "POST /admin/v1/publishers/acme/payouts",
            "{\"amount\":\"0.28\",\"reference\":\"bank 1\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers/acme/payouts", NULL);
    refused(400, "invalid_request", "POST /admin/v1/publishers/acme/payouts",
            "{\"reference\":\"\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers/acme/payouts",
            "{\"amount\":\"0.07\",\"reference\":\"bank\\u0007\"}");
    ask(200, "GET /admin/v1/publishers/acme/earnings", NULL);
    has("\"due\":\"0.270000000\",\"underway\":\"0.000000000\"");
    ask(201, "POST /admin/v1/publishers/acme/payouts",
        "{\"amount\":\"0.07\",\"reference\":\"bank, \\\"1\\\"\"}");
    has("\"publisher\":\"acme\",\"amount\":\"0.070000000\",\"state\":\"paid\"");
    ask(201, "POST /admin/v1/publishers/acme/payouts", "{\"reference\":\"bank 2\"}");
    has("\"amount\":\"0.200000000\",\"state\":\"paid\"");
    ask(200, "GET /admin/v1/publishers/acme/earnings", NULL);
    has("\"due\":\"0.000000000\",\"underway\":\"0.000000000\",\"paid\":\"0.270000000\"");
    ask(200, "GET /admin/v1/payouts?publisher=acme", NULL);
    assert_int_equal(items(), 3); /* the refused one is among them */
    has("\"state\":\"failed\"");
    ask(200, "GET /admin/v1/payouts", NULL);
    assert_int_equal(items(), 3);
    ask(200, "GET /admin/v1/publishers/acme/usage?format=csv", NULL);
    has(",payout,,");
    has(",,,\"bank, \"\"1\"\"\",out,0.070000000,0.070000000,");
    ask(200, "GET /admin/v1/publishers/acme/usage?by=day", NULL);
    assert_int_equal(items(), 2);
}

static void an_id_of_ones_own_makes_a_payout_once(void **state)
{
#define PAYOUT "pay_00112233445566778899aabbccddeeff"
    (void)state;
    (void)sell_three();
    clock_at("2030-03-20T00:00:00Z");
    for (unsigned i = 0; i < 2; i++) {
        ask(201, "POST /admin/v1/publishers/acme/payouts",
            "{\"id\":\"" PAYOUT "\",\"amount\":\"0.1\",\"reference\":\"bank\"}");
        has("\"id\":\"" PAYOUT "\"");
    }
    refused(409, "conflict", "POST /admin/v1/publishers/acme/payouts",
            "{\"id\":\"" PAYOUT "\",\"amount\":\"0.2\",\"reference\":\"bank\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers/acme/payouts",
            "{\"id\":\"mine\",\"reference\":\"bank\"}");
    ask(200, "GET /admin/v1/payouts/" PAYOUT, NULL);
    has("\"reference\":\"bank\",\"reason\":null");
    refused(409, "conflict", "POST /admin/v1/payouts/" PAYOUT "/failed", NULL);
    refused(404, "not_found", "GET /admin/v1/payouts/pay_0", NULL);
    refused(404, "not_found",
            "GET /admin/v1/payouts/"
            "pay_ffffffffffffffffffffffffffffffff",
            NULL);
}

static void nobody_is_paid_who_is_suspended_or_has_just_moved(void **state)
{
    (void)state;
    (void)sell_three();
    clock_at("2030-03-20T00:00:00Z");
    ask(200, "POST /admin/v1/publishers/acme/suspend", NULL);
    refused(403, "forbidden", "POST /admin/v1/publishers/acme/payouts",
            "{\"reference\":\"bank\"}");
    has("'acme' is suspended");
    refused(403, "forbidden", "POST /admin/v1/publishers/acme/mature", NULL);
    ask(200, "POST /admin/v1/publishers/acme/unsuspend", NULL);
    ask(200, "PUT /admin/v1/publishers/acme",
        "{\"network\":\"eip155:84532\",\"address\":\"" ADDRESS "\"}");
    has("\"network\":\"eip155:84532\"");
    refused(403, "forbidden", "POST /admin/v1/publishers/acme/payouts",
            "{\"reference\":\"bank\"}");
    has("younger than");
    clock_at("2030-03-27T00:00:00Z");
    refused(400, "invalid_request", "POST /admin/v1/publishers/acme/payouts", "{}");
    has("skills.payout does not pay on eip155:84532");
    ask(201, "POST /admin/v1/publishers/acme/payouts", "{\"reference\":\"bank\"}");
    has("\"amount\":\"0.270000000\"");
}

/* One that was handed to a chain, as the payer does. */
static struct skill_payout send_to_a_chain(void)
{
    struct skill_publisher acme;
    struct skill_payout p;

    assert_int_equal(skill_publisher_get(&acme, m.skills, SLICE("acme")), RC_OK);
    assert_int_equal(
        skill_payout_open(&p, m.skills, &acme, ID_NONE, NULL, 0, clock_wall_us()),
        RC_OK);
    p.details_len = 1;
    assert_int_equal(skill_payout_sent(&p, m.skills), RC_OK);
    return p;
}

static void what_was_sent_to_a_chain_is_ended_by_its_transaction_only(void **state)
{
#define HASH "0xab34567890123456789012345678901234567890123456789012345678901234"
    char id[WALLET_ID_TEXT_SIZE], line[128];
    struct skill_payout p;

    (void)state;
    (void)sell_three();
    ask(200, "PUT /admin/v1/publishers/acme",
        "{\"network\":\"eip155:84532\",\"address\":\"" ADDRESS "\"}");
    clock_at("2030-03-27T00:00:00Z");
    ask(200, "POST /admin/v1/publishers/acme/mature", NULL);
    p = send_to_a_chain();
    wallet_id_print(id, 'o', p.id);
    (void)snprintf(line, sizeof(line), "POST /admin/v1/payouts/%s/failed", id);
    refused(409, "conflict", line, NULL);
    (void)snprintf(line, sizeof(line), "POST /admin/v1/payouts/%s/paid", id);
    refused(409, "conflict", line, "{\"reference\":\"bank\"}");
    has("only its transaction's hash ends it");
    ask(200, line, "{\"reference\":\"" HASH "\"}");
    has("\"state\":\"paid\",\"network\":\"eip155:84532\"");
    ask(200, line, "{\"reference\":\"" HASH "\"}");
}

static void a_clawback_gives_buyers_their_money_back(void **state)
{
    struct id buyer = sell_three();

    (void)state;
    refused(400, "invalid_request", "POST /admin/v1/publishers/acme/clawback", "{}");
    refused(400, "invalid_request", "POST /admin/v1/publishers/acme/clawback",
            "{\"since\":\"yesterday\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers/acme/clawback",
            "{\"skill\":\"acme/pdf\",\"since\":\"2030-03-01T00:00:00Z\"}");
    ask(200, "POST /admin/v1/publishers/acme/clawback",
        "{\"skill\":\"pdf\",\"since\":\"2030-03-02T00:00:00Z\"}");
    has("\"uses\":1,\"given_back\":\"0.100000000\",\"to_house\":\"0.000000000\",\"left\":"
        "\"0.000000000\"");
    assert_usd(balance_of(&m.f, buyer), "0.8");
    ask(200, "POST /admin/v1/publishers/acme/clawback",
        "{\"since\":\"2030-03-01T00:00:00Z\"}");
    has("\"uses\":2,\"given_back\":\"0.200000000\"");
    assert_usd(balance_of(&m.f, buyer), "1");
    ask(200, "GET /admin/v1/publishers/acme/earnings", NULL);
    has("\"earned\":\"0.000000000\"");
    ask(200, "GET /admin/v1/publishers/acme/usage?by=day", NULL);
    has("\"refunds\":3");
}

/* ---- Skills ---- */

#define FRONT                                                              \
    "---\nname: pdf-tables\ndescription: Reads tables out of PDF files.\n" \
    "license: MIT\n---\n"

/* A zip with that SKILL.md, and more text behind it. */
static struct buf zip_of(const char *more)
{
    struct skill_package *p;
    char text[512];
    struct buf zip, why;

    (void)snprintf(text, sizeof(text), "%s%s", FRONT, more);
    buf_init(&zip, 1 << 20);
    buf_init(&why, 1024);
    assert_int_equal(skill_package_new(&p), RC_OK);
    assert_int_equal(skill_package_add(p, SLICE("SKILL.md"), slice_str(text), &why),
                     RC_OK);
    assert_int_equal(skill_package_seal(p, &why), RC_OK);
    assert_int_equal(skill_package_zip(&zip, p), RC_OK);
    skill_package_free(p);
    buf_free(&why);
    return zip;
}

static void upload(unsigned status, const char *query, const char *more)
{
    struct buf zip = zip_of(more);
    char line[512];

    (void)snprintf(line, sizeof(line), "POST /admin/v1/skills?%s", query);
    ask_bytes(status, line, buf_slice(&zip));
    buf_free(&zip);
}

static void list_one(void)
{
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"acme\"}");
    upload(201, "publisher=acme&version=1.0.0", "Body.\n");
}

static void a_first_version_waits_and_is_let_in(void **state)
{
    (void)state;
    list_one();
    has("\"skill\":\"acme/pdf-tables\",\"version\":\"1.0.0\",\"state\":\"pending\"");
    has("\"files\":1");
    has("\"signed\":false");
    has("\"repeated\":false");
    ask(200, "GET /admin/v1/skills?state=pending", NULL);
    assert_int_equal(items(), 1);
    ask(200, "GET /admin/v1/skills?q=pdf", NULL);
    assert_int_equal(items(), 0);
    ask(200, "POST /admin/v1/skills/acme/pdf-tables/state", "{\"state\":\"listed\"}");
    has("\"state\":\"listed\",\"latest\":\"1.0.0\"");
    has("\"versions\":[{\"version\":\"1.0.0\",\"state\":\"listed\"");
    ask(200, "GET /admin/v1/skills?q=pdf", NULL);
    assert_int_equal(items(), 1);
    ask(200, "GET /admin/v1/skills?publisher=acme&state=listed", NULL);
    assert_int_equal(items(), 1);
    ask(200, "GET /admin/v1/skills?state=withdrawn", NULL);
    assert_int_equal(items(), 0);
}

static void publishing_is_refused_in_words(void **state)
{
    (void)state;
    list_one();
    upload(200, "publisher=acme&version=1.0.0", "Body.\n");
    has("\"repeated\":true");
    upload(409, "publisher=acme&version=1.0.0", "Another body.\n");
    has("\"code\":\"already_exists\"");
    upload(404, "publisher=nobody&version=1.0.0", "Body.\n");
    upload(400, "version=1.0.0", "Body.\n");
    has("must name the 'publisher'");
    upload(400, "publisher=acme&version=one", "Body.\n");
    upload(400, "publisher=acme&version=1.1.0&signature=00", "Body.\n");
    upload(400, "publisher=acme&version=1.1.0&slug=other", "Body.\n");
    refused(400, "invalid_request", "POST /admin/v1/skills?publisher=acme", NULL);
    refused(400, "invalid_request", "POST /admin/v1/skills?publisher=acme", "no zip");
}

static void the_operators_word_has_an_order(void **state)
{
    (void)state;
    list_one();
    refused(409, "conflict", "POST /admin/v1/skills/acme/pdf-tables/state",
            "{\"state\":\"withdrawn\"}");
    refused(400, "invalid_request", "POST /admin/v1/skills/acme/pdf-tables/state",
            "{\"state\":\"pending\"}");
    refused(400, "invalid_request", "POST /admin/v1/skills/acme/pdf-tables/state",
            "{}");
    ask(200, "POST /admin/v1/skills/acme/pdf-tables/state",
        "{\"state\":\"listed\",\"version\":\"1.0.0\"}");
    ask(200, "POST /admin/v1/skills/acme/pdf-tables/state",
        "{\"state\":\"quarantined\"}");
    has("\"state\":\"quarantined\"");
    refused(404, "not_found", "POST /admin/v1/skills/acme/pdf-tables/state",
            "{\"state\":\"listed\",\"version\":\"9.9.9\"}");
    refused(404, "not_found", "POST /admin/v1/skills/acme/other/state",
            "{\"state\":\"listed\"}");
}

static void a_package_comes_back_as_it_is_kept(void **state)
{
    char bytes[4] = "";

    (void)state;
    list_one();
    ask(200, "GET /admin/v1/skills/acme/pdf-tables/versions/1.0.0/package", NULL);
    assert_string_equal(reply.content_type, "application/zip");
    assert_true(reply.file_fd >= 0);
    assert_int_equal(read(reply.file_fd, bytes, 2), 2);
    assert_memory_equal(bytes, "PK", 2);
    refused(404, "not_found",
            "GET /admin/v1/skills/acme/pdf-tables/versions/2.0.0/package", NULL);
}

static void an_offer_is_all_that_it_says(void **state)
{
    (void)state;
    list_one();
    ask(200, "GET /admin/v1/skills/acme/pdf-tables", NULL);
    has("\"offer\":{\"per_install\":\"0.000000000\",\"per_month\":\"0.000000000\","
        "\"per_call\":null,\"base_url\":null");
    ask(200, "PUT /admin/v1/skills/acme/pdf-tables/offer",
        "{\"per_install\":\"2.5\",\"per_call\":\"0.01\"}");
    has("{\"per_install\":\"2.500000000\",\"per_month\":\"0.000000000\","
        "\"per_call\":\"0.010000000\"");
    ask(200, "PUT /admin/v1/skills/acme/pdf-tables/offer", "{\"per_month\":\"5\"}");
    has("{\"per_install\":\"0.000000000\",\"per_month\":\"5.000000000\",\"per_call\":null");
    refused(400, "invalid_request", "PUT /admin/v1/skills/acme/pdf-tables/offer",
            "{\"per_month\":\"-5\"}");
    refused(404, "not_found", "PUT /admin/v1/skills/acme/other/offer",
            "{\"per_month\":\"5\"}");
    refused(404, "not_found", "PUT /admin/v1/skills/acme/pdf-tables/offer",
            "{\"endpoints\":\"base_url: https://a.example\"}"); /* no configuration */
    refused(409, "conflict", "POST /admin/v1/skills/acme/pdf-tables/offer/accept",
            NULL);
}

static void skills_come_in_pages(void **state)
{
    (void)state;
    list_one();
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"zeta\"}");
    upload(201, "publisher=zeta&version=1.0.0", "Of zeta.\n");
    ask(200, "GET /admin/v1/skills?limit=1", NULL);
    assert_int_equal(items(), 1);
    has("\"next\":\"acme/pdf-tables\"");
    ask(200, "GET /admin/v1/skills?limit=1&after=acme%2Fpdf-tables", NULL);
    assert_int_equal(items(), 1);
    has("zeta/pdf-tables");
    has("\"next\":null");
    refused(400, "invalid_request", "GET /admin/v1/skills?state=good", NULL);
    refused(404, "not_found", "GET /admin/v1/skills?publisher=nobody", NULL);
    refused(404, "not_found", "GET /admin/v1/skills/acme/nothing", NULL);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_publisher_has_what_it_was_made_with),
        TEST(a_publisher_of_a_name_alone_has_nothing_else),
        TEST(names_of_publishers_are_taken_once_and_not_imitated),
        TEST(what_would_send_money_to_nobody_is_refused),
        TEST(a_change_touches_what_it_names_only),
        TEST(suspending_is_taken_back),
        TEST(publishers_come_in_pages),
        TEST(without_a_market_there_is_none),
        TEST(packages_are_larger_than_other_bodies),
        TEST(earnings_wait_for_their_day_and_the_delay),
        TEST(uses_are_told_one_by_one),
        TEST(uses_are_summed_by_day_skill_and_version),
        TEST(a_feed_is_csv_or_lines),
        TEST(a_payout_by_hand_is_done_at_once),
        TEST(an_id_of_ones_own_makes_a_payout_once),
        TEST(nobody_is_paid_who_is_suspended_or_has_just_moved),
        TEST(what_was_sent_to_a_chain_is_ended_by_its_transaction_only),
        TEST(a_clawback_gives_buyers_their_money_back),
        TEST(a_first_version_waits_and_is_let_in),
        TEST(publishing_is_refused_in_words),
        TEST(the_operators_word_has_an_order),
        TEST(a_package_comes_back_as_it_is_kept),
        TEST(an_offer_is_all_that_it_says),
        TEST(skills_come_in_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Booked, then signed, then sent, in no other order; and what goes back to the caps.
 * The book and the signer are doubles here, each on a thread of its own. */
#include "gateway/settle/purchase.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- The doubles ---- */

static struct {
    struct wallet_purchase_step *begun;
    struct wallet_purchase_step *ended;
    struct signer_job *job;
    struct wallet_purchase end; /* as it was asked */
    unsigned begins, ends, jobs;
    bool at_once; /* the book refuses on the caller's thread */
    struct x402_address address;
    uint8_t key[X402_KEY_LEN];
} doubles;

void wallet_purchase_begin(struct wallet_book *b, struct wallet_purchase_step *s)
{
    (void)b;
    doubles.begins++;
    if (doubles.at_once) {
        s->rc = RC_BUSY;
        s->done(s);
        return;
    }
    doubles.begun = s;
}

void wallet_purchase_end(struct wallet_book *b, struct wallet_purchase_step *s)
{
    (void)b;
    doubles.ends++;
    doubles.end = s->p;
    doubles.ended = s;
}

const struct x402_address *signer_address(const struct signer *s, size_t key)
{
    (void)s;
    assert_int_equal(key, 3);
    return &doubles.address;
}

void signer_submit(struct signer *s, struct signer_job *j)
{
    (void)s;
    doubles.jobs++;
    doubles.job = j;
}

static void *answer_step(void *arg)
{
    struct wallet_purchase_step *s = arg;

    s->done(s);
    return NULL;
}

static void *answer_job(void *arg)
{
    struct signer_job *j = arg;

    j->done(j);
    return NULL;
}

static void elsewhere(void *(*run)(void *), void *arg)
{
    pthread_t thread;

    assert_non_null(arg);
    assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void book_says(struct wallet_purchase_step **step, enum rc rc)
{
    struct wallet_purchase_step *s = *step;

    assert_non_null(s);
    *step = NULL;
    s->rc = rc;
    elsewhere(answer_step, s);
}

static void signer_says(enum rc rc)
{
    struct signer_job *j = doubles.job;

    assert_non_null(j);
    doubles.job = NULL;
    j->rc = rc;
    if (rc == RC_OK)
        j->rc = x402_sign(j->payment, j->offer, doubles.key, j->arena);
    elsewhere(answer_job, j);
}

/* ---- The world ---- */

static struct {
    struct config_payments payments;
    struct purchase_want want;
    struct buyer buyer;
    struct inbox *inbox;
    struct arena *a;
    struct http_header header;
    struct buyer_asked asked;
    struct purchase *purchase;
    unsigned done;
} world;

static struct money usd(const char *text)
{
    struct money out;

    assert_int_equal(money_parse(&out, slice_str(text)), RC_OK);
    return out;
}

static void ask(const char *amount)
{
    struct x402_offer offer = {.chain_id = 84532, .timeout_s = 60};
    const struct x402_required r = {
        .resource.url = world.want.url, .offers = &offer, .offer_count = 1};

    assert_int_equal(x402_u256_parse(&offer.amount, slice_str(amount)), RC_OK);
    offer.asset = x402_token_usual(84532)->address;
    offer.pay_to = offer.asset;
    world.header.name = SLICE("PAYMENT-REQUIRED");
    assert_int_equal(x402_v2_required_print(&world.header.value, &r, world.a), RC_OK);
    world.asked = (struct buyer_asked){&world.header, 1, SLICE("{}")};
}

static int set_up(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};

    (void)state;
    memset(&world, 0, sizeof(world));
    memset(&doubles, 0, sizeof(doubles));
    doubles.key[31] = 1;
    clock_set(1800000000000000, 1000);
    world.payments.buyer = (struct config_buyer){.max_per_payment = usd("1"),
                                                 .max_per_day = usd("20"),
                                                 .max_per_host_day = usd("5")};
    world.buyer.key = 3;
    world.want = (struct purchase_want){.payments = &world.payments,
                                        .max = usd("0.5"),
                                        .url = SLICE("https://Seller.Example/x"),
                                        .request = {{7}},
                                        .wallet = {{8}}};
    if (x402_curve_start(seed) != RC_OK ||
        x402_curve_address(&doubles.address, doubles.key) != RC_OK ||
        inbox_open(&world.inbox) != RC_OK)
        return -1;
    return arena_open(&world.a, 1 << 20) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    (void)inbox_drain(world.inbox);
    inbox_close(world.inbox);
    arena_close(world.a);
    x402_curve_stop();
    clock_real();
    return 0;
}

static void done(void *arg)
{
    assert_ptr_equal(arg, &world);
    world.done++;
}

static enum rc start(struct money *least)
{
    enum rc rc;

    world.want.asked = &world.asked;
    world.want.inbox = world.inbox;
    world.want.done = done;
    world.want.arg = &world;
    rc = purchase_start(&world.purchase, least, &world.buyer, &world.want);
    /* What was asked is the caller's again. */
    memset(&world.asked, 0, sizeof(world.asked));
    arena_reset(world.a);
    return rc;
}

static void expect_done(enum rc rc)
{
    assert_int_equal(world.done, 0);
    (void)inbox_drain(world.inbox);
    assert_int_equal(world.done, 1);
    assert_int_equal(purchase_rc(world.purchase), rc);
}

static void buy(const char *amount)
{
    struct money least;

    ask(amount);
    assert_int_equal(start(&least), RC_OK);
    book_says(&doubles.begun, RC_OK);
    signer_says(RC_OK);
    expect_done(RC_OK);
}

/* ---- The tests ---- */

static void it_is_booked_before_it_is_signed(void **state)
{
    struct x402_payment p;
    struct money least;

    (void)state;
    ask("2500");
    assert_int_equal(start(&least), RC_OK);
    assert_int_equal(doubles.jobs, 0);
    assert_int_equal(inbox_drain(world.inbox), 0);
    assert_non_null(doubles.begun);
    assert_int_equal(money_cmp(doubles.begun->p.amount, usd("0.0025")), 0);
    assert_int_equal(money_cmp(doubles.begun->p.day_cap, usd("20")), 0);
    assert_int_equal(money_cmp(doubles.begun->p.host_cap, usd("5")), 0);
    assert_string_equal(doubles.begun->p.host, "seller.example");
    assert_string_equal(doubles.begun->p.network, "eip155:84532");
    assert_int_equal(id_cmp(doubles.begun->p.request, world.want.request), 0);
    assert_int_equal(id_cmp(doubles.begun->p.wallet, world.want.wallet), 0);
    book_says(&doubles.begun, RC_OK);
    assert_int_equal(doubles.jobs, 1);
    signer_says(RC_OK);
    expect_done(RC_OK);
    assert_true(
        slice_equal_str(purchase_header(world.purchase).name, "PAYMENT-SIGNATURE"));
    assert_int_equal(
        x402_v2_payment_parse(&p, purchase_header(world.purchase).value, world.a),
        RC_OK);
    assert_int_equal(money_cmp(purchase_amount(world.purchase), usd("0.0025")), 0);
    purchase_end(world.purchase, PURCHASE_OPEN, "");
    assert_int_equal(doubles.ends, 0);
}

static void a_cap_that_says_no_is_the_end_of_it(void **state)
{
    struct money least;

    (void)state;
    ask("2500");
    assert_int_equal(start(&least), RC_OK);
    book_says(&doubles.begun, RC_LIMIT);
    expect_done(RC_LIMIT);
    purchase_end(world.purchase, PURCHASE_UNSENT, "");
    assert_int_equal(doubles.jobs + doubles.ends, 0);
}

static void a_book_that_refuses_at_once_is_heard_later(void **state)
{
    struct money least;

    (void)state;
    doubles.at_once = true;
    ask("2500");
    assert_int_equal(start(&least), RC_OK);
    expect_done(RC_BUSY);
    purchase_end(world.purchase, PURCHASE_UNSENT, "");
    assert_int_equal(doubles.jobs + doubles.ends, 0);
}

static void what_is_not_signed_goes_back_to_the_caps_first(void **state)
{
    struct money least;

    (void)state;
    ask("2500");
    assert_int_equal(start(&least), RC_OK);
    book_says(&doubles.begun, RC_OK);
    signer_says(RC_LIMIT);
    assert_int_equal(inbox_drain(world.inbox), 1);
    assert_int_equal(world.done, 0);
    assert_int_equal(doubles.end.state, WALLET_PURCHASE_LAPSED);
    book_says(&doubles.ended, RC_OK);
    expect_done(RC_LIMIT);
    purchase_end(world.purchase, PURCHASE_UNSENT, "");
    assert_int_equal(doubles.ends, 1);
}

static void what_was_paid_is_booked_with_its_reference(void **state)
{
    (void)state;
    buy("2500");
    purchase_end(world.purchase, PURCHASE_PAID, "0xabc");
    assert_int_equal(doubles.end.state, WALLET_PURCHASE_PAID);
    assert_string_equal(doubles.end.reference, "0xabc");
    book_says(&doubles.ended, RC_OK);
}

static void what_nobody_has_seen_goes_back_to_the_caps(void **state)
{
    (void)state;
    buy("2500");
    purchase_end(world.purchase, PURCHASE_UNSENT, "");
    assert_int_equal(doubles.end.state, WALLET_PURCHASE_LAPSED);
    book_says(&doubles.ended, RC_IO); /* told to the log, and freed all the same */
}

static void what_is_too_dear_is_not_begun(void **state)
{
    struct money least;

    (void)state;
    ask("500001");
    assert_int_equal(start(&least), RC_LIMIT);
    assert_int_equal(money_cmp(least, usd("0.500001")), 0);
    world.asked = (struct buyer_asked){.body = SLICE("nothing")};
    assert_int_equal(start(&least), RC_NOT_FOUND);
    assert_int_equal(doubles.begins, 0);
    purchase_end(NULL, PURCHASE_PAID, "");
}

static void the_receipt_is_read_in_the_way_it_was_paid(void **state)
{
    const struct x402_receipt r = {
        .success = true, .transaction = SLICE("0xabc"), .chain_id = 84532};
    struct http_header h = {.name = SLICE("PAYMENT-RESPONSE")};
    struct buyer_receipt got;

    (void)state;
    buy("2500");
    assert_int_equal(x402_v2_receipt_print(&h.value, &r, world.a), RC_OK);
    purchase_receipt(&got, world.purchase, &h, 1);
    assert_true(got.present && got.success);
    assert_string_equal(got.reference, "0xabc");
    purchase_end(world.purchase, PURCHASE_OPEN, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_booked_before_it_is_signed),
        TEST(a_cap_that_says_no_is_the_end_of_it),
        TEST(a_book_that_refuses_at_once_is_heard_later),
        TEST(what_is_not_signed_goes_back_to_the_caps_first),
        TEST(what_was_paid_is_booked_with_its_reference),
        TEST(what_nobody_has_seen_goes_back_to_the_caps),
        TEST(what_is_too_dear_is_not_begun),
        TEST(the_receipt_is_read_in_the_way_it_was_paid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The signer: what it signs, what it will not, and that nothing of a key is told. */
#include "gateway/settle/signer.h"

#include "base/clock.h"
#include "base/log.h"
#include "tests/conf_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SAID_MAX = 64 * 1024,
    PATH_SIZE = 512,
    THREADS = 4,
    JOBS = 50
};

static const char key_text[] =
    "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
static const char address_text[] = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";
static const char payee_text[] = "0x1111111111111111111111111111111111111111";
static const char coin_text[] = "0x2222222222222222222222222222222222222222";

/* One dollar for one payment, ten in a minute. */
static const struct config_network own_coin = {.chain_id = 5, .decimals = 18};

/* A job that is waited for. */
struct call {
    struct signer_job job;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    pthread_t thread; /* that said so */
};

static void on_done(struct signer_job *j)
{
    struct call *c = (struct call *)j; /* its first member */

    (void)pthread_mutex_lock(&c->lock);
    c->is_done = true;
    c->thread = pthread_self();
    (void)pthread_cond_signal(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

static enum rc submit(struct signer *s, struct call *c)
{
    c->is_done = false;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->changed, NULL);
    c->job.done = on_done;
    signer_submit(s, &c->job);
    (void)pthread_mutex_lock(&c->lock);
    while (!c->is_done)
        (void)pthread_cond_wait(&c->changed, &c->lock);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->lock);
    return c->job.rc;
}

static struct x402_address address_of(const char *text)
{
    struct x402_address a;

    assert_int_equal(x402_address_parse(&a, slice_str(text)), RC_OK);
    return a;
}

static char *key_file(const char *name, const char *text)
{
    static char paths[2][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % 2];

    (void)snprintf(path, PATH_SIZE, "%s/%s", conf_fixture_dir(), name);
    if (text != NULL) {
        conf_fixture_write(name, text, strlen(text));
        assert_int_equal(chmod(path, 0600), 0);
    }
    return path;
}

static struct signer *opened(void)
{
    struct config_network coin = own_coin;
    const struct signer_caps caps = {.per_payment = money_from_nano(1000000000),
                                     .per_minute = money_from_nano(10000000000),
                                     .max_fee_wei = 21000000,
                                     .networks = &coin,
                                     .network_count = 1};
    struct config_key_file files[2] = {{.present = true}, {.present = true}};
    struct signer *s = NULL;
    struct buf said;

    coin.asset = address_of(coin_text);
    files[0].hex_file =
        key_file("zero", "1111111111111111111111111111111111111111111111"
                         "111111111111111111\n");
    files[1].hex_file = key_file("one", key_text);
    buf_init(&said, SAID_MAX);
    assert_int_equal(signer_open(&s, files, 2, &caps, &said), RC_OK);
    assert_int_equal(buf_slice(&said).len, 0);
    buf_free(&said);
    return s;
}

/* Payments ----------------------------------------------------------------------------
 */

static struct x402_offer offer_of(const char *amount)
{
    const struct x402_token *usdc = x402_token_usual(84532);
    struct x402_offer o = {.chain_id = 84532,
                           .asset = usdc->address,
                           .pay_to = address_of(payee_text),
                           .timeout_s = 60,
                           .name = slice_str(usdc->name),
                           .version = slice_str(usdc->version)};

    assert_int_equal(x402_u256_parse(&o.amount, slice_str(amount)), RC_OK);
    return o;
}

static struct x402_payment payment_of(const struct x402_offer *o)
{
    const struct x402_address payer = address_of(address_text);
    const struct x402_hash nonce = {{1, 2, 3}};
    struct x402_payment p;

    assert_int_equal(x402_pay(&p, o, &payer, &nonce, clock_wall_us() / 1000000), RC_OK);
    return p;
}

/* Of what the offer says, or of another payment for it. */
static enum rc pays(struct signer *s, const struct x402_offer *o,
                    struct x402_payment *other)
{
    struct x402_payment p = other == NULL ? payment_of(o) : *other;
    const struct x402_rules rules = {.now_s = clock_wall_us() / 1000000};
    struct call c = {.job = {.key = 1, .offer = o, .payment = &p}};
    struct arena *a;
    enum rc rc;

    assert_int_equal(arena_open(&a, SAID_MAX), RC_OK);
    c.job.arena = a;
    rc = submit(s, &c);
    if (rc == RC_OK)
        assert_int_equal(x402_verify(&p, o, &rules), X402_VALID);
    else
        assert_int_equal(p.signature.len, 0);
    arena_close(a);
    return rc;
}

static enum rc pays_amount(struct signer *s, const char *amount)
{
    struct x402_offer o = offer_of(amount);

    return pays(s, &o, NULL);
}

static void a_payment_is_signed_by_its_key(void **state)
{
    struct signer *s = opened();
    struct x402_offer o = offer_of("1000");
    struct x402_address expected = address_of(address_text);

    (void)state;
    assert_true(x402_address_equal(signer_address(s, 1), &expected));
    assert_false(x402_address_equal(signer_address(s, 0), &expected));
    assert_int_equal(pays(s, &o, NULL), RC_OK);
    o.method = X402_PERMIT2;
    assert_int_equal(pays(s, &o, NULL), RC_OK);
    o.scheme = X402_SCHEME_UPTO;
    o.facilitator = expected;
    assert_int_equal(pays(s, &o, NULL), RC_OK);
    signer_close(s);
}

static void one_payment_has_a_cap(void **state)
{
    struct signer *s = opened();

    (void)state;
    assert_int_equal(pays_amount(s, "1000000"), RC_OK);
    assert_int_equal(pays_amount(s, "1000001"), RC_LIMIT);
    assert_int_equal(pays_amount(s,
                                 "115792089237316195423570985008687907853269984665640"
                                 "564039457584007913129639935"),
                     RC_LIMIT);
    signer_close(s);
}

static void a_minute_has_a_cap_that_slides(void **state)
{
    struct signer *s;

    (void)state;
    clock_set(UINT64_C(1790000000000000), 5000500);
    s = opened();
    for (int i = 0; i < 9; i++)
        assert_int_equal(pays_amount(s, "1000000"), RC_OK);
    clock_advance_ms(30000);
    assert_int_equal(pays_amount(s, "500000"), RC_OK);
    assert_int_equal(pays_amount(s, "500001"), RC_LIMIT);
    assert_int_equal(pays_amount(s, "500000"), RC_OK);
    assert_int_equal(pays_amount(s, "1"), RC_LIMIT);
    clock_advance_ms(30000); /* just within the minute of the first */
    assert_int_equal(pays_amount(s, "1"), RC_LIMIT);
    clock_advance_ms(1000);
    for (int i = 0; i < 9; i++)
        assert_int_equal(pays_amount(s, "1000000"), RC_OK);
    assert_int_equal(pays_amount(s, "1"), RC_LIMIT);
    clock_advance_ms(3600 * 1000);
    assert_int_equal(pays_amount(s, "1000000"), RC_OK);
    signer_close(s);
    clock_real();
}

static void a_token_is_worth_what_its_decimals_say(void **state)
{
    struct signer *s = opened();
    struct x402_offer o = offer_of("1000000000000000000");

    (void)state;
    o.chain_id = 5;
    o.asset = address_of(coin_text);
    assert_int_equal(pays(s, &o, NULL), RC_OK);
    assert_int_equal(x402_u256_parse(&o.amount, SLICE("1000000000000000001")), RC_OK);
    assert_int_equal(pays(s, &o, NULL), RC_LIMIT);
    o.chain_id = 6; /* not the one that is described */
    assert_int_equal(x402_u256_parse(&o.amount, SLICE("1")), RC_OK);
    assert_int_equal(pays(s, &o, NULL), RC_BAD_INPUT);
    signer_close(s);
}

static void a_payment_must_be_its_offers(void **state)
{
    struct signer *s = opened();
    struct x402_offer o = offer_of("1000");
    struct x402_payment p;

    (void)state;
    p = payment_of(&o);
    p.transfer.to = address_of(coin_text);
    assert_int_equal(pays(s, &o, &p), RC_BAD_INPUT);
    p = payment_of(&o);
    p.transfer.value = x402_u256_from_u64(1000000000);
    assert_int_equal(pays(s, &o, &p), RC_BAD_INPUT);
    p = payment_of(&o);
    p.transfer.from = address_of(coin_text); /* not the key's */
    assert_int_equal(pays(s, &o, &p), RC_BAD_INPUT);
    p = payment_of(&o);
    p.method = X402_PERMIT2;
    assert_int_equal(pays(s, &o, &p), RC_BAD_INPUT);
    o.method = X402_PERMIT2;
    p = payment_of(&o);
    p.permit.token = address_of(coin_text);
    assert_int_equal(pays(s, &o, &p), RC_BAD_INPUT);
    signer_close(s);
}

/* Transactions ------------------------------------------------------------------------
 */

static struct x402_tx tx_of(uint64_t gas, uint64_t fee)
{
    return (struct x402_tx){.chain_id = 84532,
                            .nonce = 3,
                            .max_priority_fee = x402_u256_from_u64(1),
                            .max_fee = x402_u256_from_u64(fee),
                            .gas_limit = gas,
                            .to = address_of(coin_text),
                            .data = SLICE("some data")};
}

static enum rc sends(struct signer *s, const struct x402_tx *tx)
{
    struct call c = {.job = {.key = 1, .tx = tx}};
    struct x402_hash digest;
    struct arena *a;
    enum rc rc = submit(s, &c);

    assert_int_equal(arena_open(&a, SAID_MAX), RC_OK);
    assert_int_equal(x402_tx_digest(&digest, tx, a), RC_OK);
    if (rc == RC_OK)
        assert_true(
            x402_curve_signed_by(&digest, &c.job.signature, signer_address(s, 1)));
    arena_close(a);
    return rc;
}

static void a_transaction_costs_at_most_its_cap(void **state)
{
    struct signer *s = opened();
    struct x402_tx tx = tx_of(21000, 1000);

    (void)state;
    assert_int_equal(sends(s, &tx), RC_OK);
    tx = tx_of(21000, 1001);
    assert_int_equal(sends(s, &tx), RC_LIMIT);
    tx = tx_of(UINT64_C(1) << 40, UINT64_C(1) << 40);
    assert_int_equal(sends(s, &tx), RC_LIMIT);
    tx = tx_of(1, 1);
    memset(tx.max_fee.bytes, 0xff, sizeof(tx.max_fee.bytes));
    assert_int_equal(sends(s, &tx), RC_LIMIT);
    signer_close(s);
}

static void a_transaction_moves_no_coin(void **state)
{
    struct signer *s = opened();
    struct x402_tx tx = tx_of(21000, 1000);

    (void)state;
    tx.value = x402_u256_from_u64(1);
    assert_int_equal(sends(s, &tx), RC_LIMIT);
    tx = tx_of(21000, 1000);
    tx.creates = true;
    assert_int_equal(sends(s, &tx), RC_LIMIT);
    signer_close(s);
}

/* Threads -----------------------------------------------------------------------------
 */

struct client {
    pthread_t thread;
    struct signer *signer;
    size_t good;
    bool same_thread; /* all of its answers came from one, which is not its own */
};

static void *ask_often(void *arg)
{
    struct client *client = arg;
    struct x402_tx tx = tx_of(21000, 1000);
    pthread_t first = pthread_self();

    client->same_thread = true;
    for (size_t i = 0; i < JOBS; i++) {
        struct call c = {.job = {.key = i % 2, .tx = &tx}};

        tx.nonce = i;
        if (submit(client->signer, &c) == RC_OK)
            client->good++;
        if (i == 0)
            first = c.thread;
        if (!pthread_equal(c.thread, first) || pthread_equal(c.thread, pthread_self()))
            client->same_thread = false;
    }
    return NULL;
}

static void many_may_ask_at_once(void **state)
{
    struct client clients[THREADS];
    struct signer *s = opened();

    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        clients[i] = (struct client){.signer = s};
        assert_int_equal(
            pthread_create(&clients[i].thread, NULL, ask_often, &clients[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(clients[i].good, JOBS);
        assert_true(clients[i].same_thread);
    }
    signer_close(s);
}

/* Secrets -----------------------------------------------------------------------------
 */

static void every_bad_key_is_told_and_no_byte_of_it(void **state)
{
    const struct signer_caps caps = {.max_fee_wei = 1};
    struct config_key_file files[2] = {{.present = true}, {.present = true}};
    struct signer *s = NULL;
    char expected[2 * PATH_SIZE];
    struct buf said;

    (void)state;
    files[0].hex_file = key_file("bad", "4c0883a69102937d6231471b5dbb6204fe\n");
    files[1].hex_file = key_file("missing", NULL);
    buf_init(&said, SAID_MAX);
    assert_int_equal(signer_open(&s, files, 2, &caps, &said), RC_BAD_CONFIG);
    assert_null(s);
    (void)snprintf(expected, sizeof(expected),
                   "%s: is not a key of 64 hex digits\n%s: No such file or directory\n",
                   files[0].hex_file, files[1].hex_file);
    buf_append_char(&said, '\0');
    assert_string_equal(buf_slice(&said).bytes, expected);
    buf_free(&said);
}

static void nothing_of_a_key_is_logged(void **state)
{
    char text[SAID_MAX];
    struct x402_tx tx = tx_of(21000, 1001);
    struct signer *s;
    ssize_t len;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    log_set_fd(ends[1]);
    s = opened();
    (void)pays_amount(s, "1000001");
    (void)sends(s, &tx);
    signer_close(s);
    log_set_fd(2);
    len = read(ends[0], text, sizeof(text) - 1);
    assert_true(len > 0);
    text[len] = '\0';
    assert_non_null(strstr(text, "over the signer's cap"));
    assert_null(strstr(text, "4c0883"));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void no_signer_is_closed(void **state)
{
    (void)state;
    signer_close(NULL);
}

static int open_all(void **state)
{
    uint8_t seed[X402_KEY_LEN] = {7};

    if (x402_curve_start(seed) != RC_OK)
        return -1;
    return conf_fixture_open(state);
}

static int close_all(void **state)
{
    x402_curve_stop();
    return conf_fixture_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payment_is_signed_by_its_key),
        cmocka_unit_test(one_payment_has_a_cap),
        cmocka_unit_test(a_minute_has_a_cap_that_slides),
        cmocka_unit_test(a_token_is_worth_what_its_decimals_say),
        cmocka_unit_test(a_payment_must_be_its_offers),
        cmocka_unit_test(a_transaction_costs_at_most_its_cap),
        cmocka_unit_test(a_transaction_moves_no_coin),
        cmocka_unit_test(many_may_ask_at_once),
        cmocka_unit_test(every_bad_key_is_told_and_no_byte_of_it),
        cmocka_unit_test(nothing_of_a_key_is_logged),
        cmocka_unit_test(no_signer_is_closed),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}

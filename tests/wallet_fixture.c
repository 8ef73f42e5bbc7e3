/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wallet_fixture.h"

#include "base/clock.h"
#include "base/log.h"
#include "tests/laws.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- The book ---- */

static void open_ledger(struct fixture *f)
{
    struct ledger_options options = {.kind = f->kind, .dir = f->dir};

    assert_int_equal(ledger_open(&f->ledger, &options), RC_OK);
    assert_int_equal(wallet_book_open(&f->book, f->ledger, f->master), RC_OK);
}

void fixture_open(struct fixture *f, enum ledger_kind kind)
{
    const char *tmp = getenv("TMPDIR");
    static int nowhere = -1;

    /* Tests of losses lose a lot; what they log is not what they claim. */
    if (nowhere < 0)
        nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(nowhere >= 0);
    log_set_fd(nowhere);
    memset(f, 0, sizeof(*f));
    f->kind = kind;
    /* Before every day that a test names: a book's time never goes back. */
    clock_at("2026-11-21T00:00:00Z");
    snprintf(f->dir, sizeof(f->dir), "%s/wallet-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->master, sizeof(f->master), "%s/master.key", f->dir);
    assert_int_equal(wallet_master_create(f->master), RC_OK);
    if (kind == LEDGER_LMDB)
        assert_int_equal(ledger_create(f->dir), RC_OK);
    open_ledger(f);
}

void fixture_restart(struct fixture *f)
{
    uint64_t voided;

    assert_int_equal(f->kind, LEDGER_LMDB);
    wallet_book_close(f->book);
    ledger_close(f->ledger);
    open_ledger(f);
    assert_int_equal(ledger_recover(f->ledger, &voided), RC_OK);
}

void fixture_reboot_book(struct fixture *f)
{
    wallet_book_close(f->book);
    assert_int_equal(wallet_book_open(&f->book, f->ledger, f->master), RC_OK);
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fixture_close(struct fixture *f)
{
    laws_check_wallets(f->ledger, f->book);
    while (f->calls != NULL) {
        struct call *next = f->calls->next;

        free(f->calls);
        f->calls = next;
    }
    wallet_book_close(f->book);
    ledger_close(f->ledger);
    clock_real();
    assert_int_equal(nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void clock_at(const char *rfc3339)
{
    uint64_t us;

    assert_int_equal(clock_parse(&us, slice_str(rfc3339)), RC_OK);
    clock_set(us, us / 1000);
}

/* ---- Money ---- */

struct money usd(const char *decimal)
{
    struct money m;

    assert_int_equal(money_parse(&m, slice_str(decimal)), RC_OK);
    return m;
}

void assert_usd(struct money m, const char *decimal)
{
    char text[MONEY_TEXT_SIZE];

    money_print_short(text, m);
    assert_string_equal(text, decimal);
}

/* ---- Wallets ---- */

struct id new_child(struct fixture *f, const char *name, struct id parent)
{
    struct wallet w;

    assert_int_equal(wallet_create(&w, f->book, slice_str(name), parent), RC_OK);
    return w.id;
}

struct id new_wallet(struct fixture *f, const char *name)
{
    return new_child(f, name, ID_NONE);
}

void fund(struct fixture *f, struct id wallet, const char *amount)
{
    struct wallet_topup t;

    assert_int_equal(wallet_topup(&t, f->book, wallet, usd(amount), SLICE_NONE), RC_OK);
}

void limit(struct fixture *f, struct id wallet, enum wallet_per per, const char *amount)
{
    struct money m = amount != NULL ? usd(amount) : MONEY_ZERO;

    assert_int_equal(wallet_limit_set(f->book, wallet, per, amount != NULL ? &m : NULL),
                     RC_OK);
}

struct key_text new_key(struct fixture *f, struct id wallet)
{
    struct wallet_key_options options = {.expires_us = 0};
    struct key_text text;
    struct wallet_key k;

    assert_int_equal(wallet_key_create(&k, text.text, f->book, wallet, &options),
                     RC_OK);
    memcpy(text.id, k.id, sizeof(text.id));
    return text;
}

struct money balance_of(struct fixture *f, struct id wallet)
{
    struct wallet_balance b;

    assert_int_equal(wallet_balance(&b, f->book, wallet), RC_OK);
    return b.balance;
}

struct wallet_limit limit_of(struct fixture *f, struct id wallet, struct id scope,
                             enum wallet_per per)
{
    struct wallet_limit found = {.per = WALLET_PER__COUNT};
    char text[WALLET_ID_TEXT_SIZE];
    struct wallet_balance b;

    wallet_id_print(text, 'w', scope);
    assert_int_equal(wallet_balance(&b, f->book, wallet), RC_OK);
    for (unsigned i = 0; i < b.limit_count; i++)
        if (b.limits[i].per == per && strcmp(b.limits[i].id, text) == 0)
            found = b.limits[i];
    assert_int_equal(found.per, per);
    return found;
}

/* ---- Calls ---- */

struct call *new_call(struct fixture *f)
{
    struct call *c = calloc(1, sizeof(*c));

    assert_non_null(c);
    c->next = f->calls;
    f->calls = c;
    return c;
}

static void call_done(struct wallet_hold *h)
{
    struct call *c = (struct call *)(void *)h; /* its first member */

    sem_post(&c->done);
}

static enum rc wait_for(struct call *c)
{
    while (sem_wait(&c->done) != 0)
        assert_int_equal(errno, EINTR);
    return c->hold.rc;
}

enum rc hold_again(struct fixture *f, struct call *c)
{
    assert_int_equal(sem_init(&c->done, 0, 0), 0);
    c->hold.done = call_done;
    wallet_hold(f->book, &c->hold);
    return wait_for(c);
}

enum rc hold_call(struct fixture *f, struct call *c, struct id wallet,
                  const char *amount)
{
    uint64_t now_us = ledger_now_us(f->ledger);

    if (id_is_none(c->hold.caller.root)) {
        enum rc rc = wallet_caller(&c->hold.caller, f->book, wallet);

        if (rc != RC_OK)
            return rc;
    }
    c->hold.request = id_new(now_us);
    c->hold.amount = usd(amount);
    c->hold.expires_us = now_us + UINT64_C(300) * 1000000;
    return hold_again(f, c);
}

enum rc capture_call(struct fixture *f, struct call *c, const char *amount)
{
    struct wallet_call call = {.kind = "chat",
                               .model = SLICE("gpt-5.4"),
                               .target = SLICE("openai/gpt-5.4"),
                               .prompt_tokens = 10,
                               .completion_tokens = 20,
                               .status = 200};

    wallet_capture(f->book, &c->hold, usd(amount), &call);
    return wait_for(c);
}

enum rc capture_shared(struct fixture *f, struct call *c, const char *amount)
{
    struct wallet_call call = {
        .kind = "data", .model = SLICE("weather"), .status = 200, .share = c->share};

    wallet_capture(f->book, &c->hold, usd(amount), &call);
    return wait_for(c);
}

enum rc void_call(struct fixture *f, struct call *c, bool executed)
{
    wallet_void(f->book, &c->hold, executed, 502);
    return wait_for(c);
}

void pay(struct fixture *f, struct id wallet, const char *held, const char *taken)
{
    struct call c = {.hold = {.held = false}};

    assert_int_equal(hold_call(f, &c, wallet, held), RC_OK);
    assert_int_equal(capture_call(f, &c, taken), RC_OK);
}

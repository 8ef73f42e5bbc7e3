/* SPDX-License-Identifier: Apache-2.0 */
/* Wallets: their names, their tree, and what freezing stops. */
#include "tests/wallet_fixture.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int open_memory(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_MEMORY);
    *state = f;
    return 0;
}

static int close_book(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static enum rc create(struct fixture *f, struct slice name)
{
    struct wallet w;

    return wallet_create(&w, f->book, name, ID_NONE);
}

static void a_wallet_is_found_by_id_and_by_name(void **state)
{
    struct fixture *f = *state;
    struct wallet made, found;
    char id[WALLET_ID_TEXT_SIZE];

    clock_at("2026-11-21T12:00:00Z");
    assert_int_equal(wallet_create(&made, f->book, SLICE("Émile's agents"), ID_NONE),
                     RC_OK);
    assert_int_equal(made.created_us, clock_wall_us());
    wallet_id_print(id, 'w', made.id);
    assert_int_equal(wallet_find(&found, f->book, slice_str(id)), RC_OK);
    assert_string_equal(found.name, "Émile's agents");
    assert_int_equal(wallet_find(&found, f->book, SLICE("Émile's agents")), RC_OK);
    assert_int_equal(id_cmp(found.id, made.id), 0);
    assert_true(id_is_none(found.parent));
    assert_int_equal(id_cmp(found.root, found.id), 0);
    assert_int_equal(found.depth, 0);
    assert_false(found.frozen);
    assert_int_equal(found.created_us, made.created_us);

    assert_int_equal(wallet_find(&found, f->book, SLICE("nobody")), RC_NOT_FOUND);
    assert_int_equal(wallet_find(&found, f->book, SLICE("")), RC_NOT_FOUND);
    assert_int_equal(wallet_find(&found, f->book, SLICE("\xff")), RC_NOT_FOUND);
    assert_int_equal(
        wallet_find(&found, f->book, SLICE("w_01234567890123456789012345678901")),
        RC_NOT_FOUND);
}

static void a_name_is_taken_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(create(f, SLICE("a")), RC_OK);
    assert_int_equal(create(f, SLICE("a")), RC_EXISTS);
    assert_int_equal(create(f, SLICE("A")), RC_OK);
}

static void a_bad_name_is_refused(void **state)
{
    struct fixture *f = *state;
    char longest[WALLET_NAME_MAX + 1];

    memset(longest, 'x', sizeof(longest));
    assert_int_equal(create(f, slice_from(longest, WALLET_NAME_MAX + 1)), RC_BAD_INPUT);
    assert_int_equal(create(f, slice_from(longest, WALLET_NAME_MAX)), RC_OK);
    assert_int_equal(create(f, SLICE("")), RC_BAD_INPUT);
    assert_int_equal(create(f, SLICE(" a")), RC_BAD_INPUT);
    assert_int_equal(create(f, SLICE("a ")), RC_BAD_INPUT);
    assert_int_equal(create(f, SLICE("a\nb")), RC_BAD_INPUT);
    assert_int_equal(create(f, SLICE("a\0b")), RC_BAD_INPUT);
    assert_int_equal(create(f, SLICE("a\x7f")), RC_BAD_INPUT);
    assert_int_equal(create(f, SLICE("a\xc2\x85")), RC_BAD_INPUT); /* C1 */
    assert_int_equal(create(f, SLICE("a\xc3")), RC_BAD_INPUT);
    assert_int_equal(create(f, SLICE("w_01234567890123456789012345678901")),
                     RC_BAD_INPUT);
    assert_int_equal(create(f, SLICE("w_0123")), RC_OK); /* no id */
}

static void a_tree_has_four_levels_below_its_root(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "0");
    struct id at = root;
    struct wallet w;

    for (unsigned depth = 1; depth <= WALLET_DEPTH_MAX; depth++) {
        char name[2] = {(char)('0' + depth), '\0'};

        assert_int_equal(wallet_create(&w, f->book, slice_str(name), at), RC_OK);
        assert_int_equal(w.depth, depth);
        assert_int_equal(id_cmp(w.parent, at), 0);
        assert_int_equal(id_cmp(w.root, root), 0);
        at = w.id;
    }
    assert_int_equal(wallet_create(&w, f->book, SLICE("5"), at), RC_TOO_BIG);
    assert_int_equal(wallet_create(&w, f->book, SLICE("x"), id_new(clock_wall_us())),
                     RC_NOT_FOUND);
    assert_int_equal(wallet_get(&w, f->book, at), RC_OK);
    assert_int_equal(w.depth, WALLET_DEPTH_MAX);
}

enum {
    MANY = 300
};

struct listing {
    unsigned count;
    unsigned stop_at;
    struct id ids[MANY];
};

static bool list_one(void *arg, const struct wallet *w)
{
    struct listing *l = arg;

    assert_true(l->count < MANY);
    l->ids[l->count++] = w->id;
    return l->count != l->stop_at;
}

static void a_list_is_in_order_and_can_be_continued(void **state)
{
    struct fixture *f = *state;
    static struct listing all, part, rest;

    for (unsigned i = 0; i < MANY; i++) {
        char name[4] = {(char)('0' + i / 100), (char)('0' + i / 10 % 10),
                        (char)('0' + i % 10), '\0'};

        clock_set(1000000 * (i + 1), i);
        (void)new_wallet(f, name);
    }
    part.stop_at = 7;
    assert_int_equal(wallet_list(f->book, ID_NONE, list_one, &all), RC_OK);
    assert_int_equal(all.count, MANY);
    for (unsigned i = 1; i < MANY; i++)
        assert_true(id_cmp(all.ids[i - 1], all.ids[i]) < 0);
    assert_int_equal(wallet_list(f->book, ID_NONE, list_one, &part), RC_OK);
    assert_int_equal(part.count, 7);
    assert_int_equal(wallet_list(f->book, part.ids[6], list_one, &rest), RC_OK);
    assert_int_equal(rest.count, MANY - 6);
    assert_int_equal(id_cmp(rest.ids[0], part.ids[6]), 0);
}

/* ---- Freezing ---- */

static void a_frozen_wallet_and_all_below_it_make_no_call(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id a = new_child(f, "a", root);
    struct id aa = new_child(f, "aa", a);
    struct id b = new_child(f, "b", root);
    struct call c = {.hold = {.held = false}};
    struct wallet_caller caller;
    struct wallet w;

    fund(f, root, "10");
    assert_int_equal(wallet_freeze(f->book, a, true), RC_OK);
    assert_int_equal(wallet_caller(&caller, f->book, aa), RC_FROZEN);
    assert_string_equal(caller.wallet_name, "aa");
    assert_int_equal(wallet_caller(&caller, f->book, a), RC_FROZEN);
    assert_int_equal(wallet_caller(&caller, f->book, b), RC_OK);
    assert_int_equal(wallet_caller(&caller, f->book, root), RC_OK);
    assert_int_equal(wallet_get(&w, f->book, a), RC_OK);
    assert_true(w.frozen);
    assert_int_equal(wallet_get(&w, f->book, aa), RC_OK);
    assert_false(w.frozen); /* its own mark */

    assert_int_equal(wallet_freeze(f->book, a, true), RC_OK);
    assert_int_equal(wallet_freeze(f->book, a, false), RC_OK);
    assert_int_equal(hold_call(f, &c, aa, "1"), RC_OK);
    assert_int_equal(void_call(f, &c, false), RC_OK);
    assert_int_equal(wallet_freeze(f->book, id_new(clock_wall_us()), true),
                     RC_NOT_FOUND);
}

/* Whoever holds in spite of RC_FROZEN does so in vain. */
static void a_caller_read_while_frozen_never_holds(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    fund(f, w, "10");
    assert_int_equal(wallet_freeze(f->book, w, true), RC_OK);
    assert_int_equal(wallet_caller(&c.hold.caller, f->book, w), RC_FROZEN);
    assert_int_equal(hold_call(f, &c, w, "1"), RC_STALE);
}

static void a_call_under_way_ends_although_the_wallet_is_frozen(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    fund(f, w, "10");
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    assert_int_equal(wallet_freeze(f->book, w, true), RC_OK);
    assert_int_equal(capture_call(f, &c, "3"), RC_OK);
    assert_usd(balance_of(f, w), "7");
}

struct traffic {
    struct fixture *f;
    struct id wallet;
    atomic_bool frozen; /* freeze() has returned */
    atomic_bool stop;
    unsigned after; /* holds that began after that and went well */
};

static void *keep_holding(void *arg)
{
    struct traffic *t = arg;

    while (!atomic_load(&t->stop)) {
        struct call c = {.hold = {.held = false}};
        bool frozen;

        if (wallet_caller(&c.hold.caller, t->f->book, t->wallet) != RC_OK)
            continue;
        frozen = atomic_load(&t->frozen);
        if (hold_call(t->f, &c, t->wallet, "0.01") != RC_OK)
            continue;
        t->after += frozen;
        (void)void_call(t->f, &c, false);
    }
    return NULL;
}

static void no_hold_commits_after_freeze_returned(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct traffic t = {.f = f, .wallet = new_child(f, "w", root)};
    pthread_t thread;

    fund(f, root, "10");
    assert_int_equal(pthread_create(&thread, NULL, keep_holding, &t), 0);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(wallet_freeze(f->book, root, true), RC_OK);
        atomic_store(&t.frozen, true);
        for (unsigned k = 0; k < 20; k++)
            (void)balance_of(f, root);
        atomic_store(&t.frozen, false);
        assert_int_equal(wallet_freeze(f->book, root, false), RC_OK);
    }
    atomic_store(&t.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(t.after, 0);
    assert_usd(balance_of(f, root), "10");
}

/* ---- Admins at once ---- */

enum {
    ADMINS = 8,
    ROUNDS = 50
};

struct admin {
    struct fixture *f;
    struct id wallet;
    unsigned failed;
};

static void *freeze_often(void *arg)
{
    struct admin *a = arg;

    for (unsigned i = 0; i < ROUNDS; i++)
        if (wallet_freeze(a->f->book, a->wallet, i % 2 == 0) != RC_OK)
            a->failed++;
    return NULL;
}

static void admins_at_once_do_not_fail_each_other(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct admin admins[ADMINS];
    pthread_t threads[ADMINS];

    for (unsigned i = 0; i < ADMINS; i++) {
        admins[i] = (struct admin){.f = f, .wallet = w};
        assert_int_equal(pthread_create(&threads[i], NULL, freeze_often, &admins[i]),
                         0);
    }
    for (unsigned i = 0; i < ADMINS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(admins[i].failed, 0);
    }
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wallet_is_found_by_id_and_by_name),
        TEST(a_name_is_taken_once),
        TEST(a_bad_name_is_refused),
        TEST(a_tree_has_four_levels_below_its_root),
        TEST(a_list_is_in_order_and_can_be_continued),
        TEST(a_frozen_wallet_and_all_below_it_make_no_call),
        TEST(a_caller_read_while_frozen_never_holds),
        TEST(a_call_under_way_ends_although_the_wallet_is_frozen),
        TEST(no_hold_commits_after_freeze_returned),
        TEST(admins_at_once_do_not_fail_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: who they let in, and until when. */
#include "tests/wallet_fixture.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static enum rc authenticate(struct fixture *f, const char *text)
{
    struct wallet_caller c;

    return wallet_authenticate(&c, f->book, slice_str(text));
}

static void a_key_lets_its_wallet_in(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id w = new_child(f, "w", root);
    struct key_text key = new_key(f, w);
    struct wallet_caller c;

    assert_int_equal(strlen(key.text), WALLET_KEY_TEXT_LEN);
    assert_memory_equal(key.text, "sk-oct-", 7);
    assert_memory_equal(key.text + 7, key.id, WALLET_KEY_ID_LEN);
    assert_int_equal(key.text[17], '-');
    assert_int_equal(wallet_authenticate(&c, f->book, slice_str(key.text)), RC_OK);
    assert_int_equal(id_cmp(c.wallet, w), 0);
    assert_int_equal(id_cmp(c.root, root), 0);
    assert_string_equal(c.key_id, key.id);
    assert_string_equal(c.wallet_name, "w");
    assert_int_equal(c.bound_count, 0);
    assert_false(c.has_per_call);
}

static void keys_differ(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct key_text a = new_key(f, w);
    struct key_text b = new_key(f, w);
    char mixed[WALLET_KEY_TEXT_LEN + 1];

    assert_string_not_equal(a.id, b.id);
    assert_string_not_equal(a.text + 18, b.text + 18);
    memcpy(mixed, a.text, sizeof(mixed));
    memcpy(mixed + 18, b.text + 18, 43);
    assert_int_equal(authenticate(f, mixed), RC_BAD_KEY);
}

static void a_text_that_is_no_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct key_text key = new_key(f, new_wallet(f, "w"));
    char text[WALLET_KEY_TEXT_LEN + 2];

    for (size_t i = 0; i < WALLET_KEY_TEXT_LEN; i++) {
        memcpy(text, key.text, sizeof(key.text));
        text[i] = text[i] == 'x' ? 'y' : 'x';
        assert_int_equal(authenticate(f, text), RC_BAD_KEY);
        memcpy(text, key.text, sizeof(key.text));
        text[i] = '\0'; /* cut here */
        assert_int_equal(authenticate(f, text), RC_BAD_KEY);
    }
    memcpy(text, key.text, sizeof(key.text));
    text[WALLET_KEY_TEXT_LEN] = 'A';
    text[WALLET_KEY_TEXT_LEN + 1] = '\0';
    assert_int_equal(authenticate(f, text), RC_BAD_KEY);
    assert_int_equal(authenticate(f, ""), RC_BAD_KEY);
    assert_int_equal(authenticate(f, NULL), RC_BAD_KEY);
    assert_int_equal(authenticate(f, key.text), RC_OK);
}

/* The id that malformed texts are looked up under must not be a way in. */
static void the_stand_in_for_malformed_keys_is_no_key(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        authenticate(f,
                     "sk-oct-0000000000-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        RC_BAD_KEY);
}

static void a_secret_depends_on_the_master_key(void **state)
{
    struct fixture *f = *state;
    struct key_text key = new_key(f, new_wallet(f, "w"));
    struct wallet_book *other;
    struct wallet_caller c;
    char path[112];

    snprintf(path, sizeof(path), "%s/other.key", f->dir);
    assert_int_equal(wallet_master_create(path), RC_OK);
    assert_int_equal(wallet_book_open(&other, f->ledger, path), RC_OK);
    assert_int_equal(wallet_authenticate(&c, other, slice_str(key.text)), RC_BAD_KEY);
    wallet_book_close(other);
    fixture_reboot_book(f);
    assert_int_equal(authenticate(f, key.text), RC_OK);
}

static void a_key_expires_at_its_time(void **state)
{
    struct fixture *f = *state;
    struct wallet_key_options options = {.name = SLICE("short")};
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct wallet_key k;

    clock_at("2026-11-21T12:00:00Z");
    options.expires_us = clock_wall_us() + 1000000;
    assert_int_equal(wallet_key_create(&k, text, f->book, new_wallet(f, "w"), &options),
                     RC_OK);
    assert_int_equal(authenticate(f, text), RC_OK);
    clock_at("2026-11-21T12:00:00.999999Z");
    assert_int_equal(authenticate(f, text), RC_OK);
    clock_at("2026-11-21T12:00:01Z");
    assert_int_equal(authenticate(f, text), RC_BAD_KEY);
}

static void a_revoked_key_stays_revoked(void **state)
{
    struct fixture *f = *state;
    struct key_text key = new_key(f, new_wallet(f, "w"));
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct wallet_key k;

    assert_int_equal(wallet_key_revoke(f->book, slice_str(key.id)), RC_OK);
    assert_int_equal(authenticate(f, key.text), RC_BAD_KEY);
    assert_int_equal(wallet_key_revoke(f->book, slice_str(key.id)), RC_OK);
    assert_int_equal(wallet_key_rotate(&k, text, f->book, slice_str(key.id)), RC_GONE);
    assert_int_equal(wallet_key_get(&k, f->book, slice_str(key.id)), RC_OK);
    assert_true(k.revoked);
    assert_int_equal(wallet_key_revoke(f->book, SLICE("aaaaaaaaaa")), RC_NOT_FOUND);
    assert_int_equal(wallet_key_revoke(f->book, SLICE("no id")), RC_NOT_FOUND);
}

/* For proofs that were made with it. */
static void a_keys_text_is_had_again_while_the_key_is_good(void **state)
{
    struct fixture *f = *state;
    struct key_text key = new_key(f, new_wallet(f, "w"));
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct wallet_key k;

    assert_int_equal(wallet_key_text(text, f->book, slice_str(key.id)), RC_OK);
    assert_string_equal(text, key.text);
    assert_int_equal(wallet_key_rotate(&k, key.text, f->book, slice_str(key.id)),
                     RC_OK);
    assert_int_equal(wallet_key_text(text, f->book, slice_str(key.id)), RC_OK);
    assert_string_equal(text, key.text);
    assert_int_equal(wallet_key_revoke(f->book, slice_str(key.id)), RC_OK);
    assert_int_equal(wallet_key_text(text, f->book, slice_str(key.id)), RC_BAD_KEY);
    assert_string_not_equal(text, key.text);
    assert_int_equal(strlen(text), WALLET_KEY_TEXT_LEN);
    assert_int_equal(wallet_key_text(text, f->book, SLICE("aaaaaaaaaa")), RC_BAD_KEY);
    assert_int_equal(authenticate(f, text), RC_BAD_KEY);
    assert_int_equal(wallet_key_text(text, f->book, SLICE("no id")), RC_BAD_KEY);
}

static void a_rotated_key_has_a_new_secret_only(void **state)
{
    struct fixture *f = *state;
    struct key_text key = new_key(f, new_wallet(f, "w"));
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct wallet_key k;

    assert_int_equal(wallet_key_rotate(&k, text, f->book, slice_str(key.id)), RC_OK);
    assert_int_equal(k.generation, 2);
    assert_string_equal(k.id, key.id);
    assert_memory_equal(text, key.text, 18);
    assert_string_not_equal(text, key.text);
    assert_int_equal(authenticate(f, key.text), RC_BAD_KEY);
    assert_int_equal(authenticate(f, text), RC_OK);
}

static void a_revoked_or_rotated_key_makes_its_callers_stale(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct key_text a = new_key(f, w);
    struct key_text b = new_key(f, w);
    struct call *ca = new_call(f);
    struct call *cb = new_call(f);
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct wallet_key k;

    fund(f, w, "10");
    assert_int_equal(wallet_authenticate(&ca->hold.caller, f->book, slice_str(a.text)),
                     RC_OK);
    assert_int_equal(wallet_key_revoke(f->book, slice_str(a.id)), RC_OK);
    assert_int_equal(hold_call(f, ca, w, "1"), RC_STALE);

    assert_int_equal(wallet_authenticate(&cb->hold.caller, f->book, slice_str(b.text)),
                     RC_OK);
    assert_int_equal(wallet_key_rotate(&k, text, f->book, slice_str(b.id)), RC_OK);
    assert_int_equal(hold_call(f, cb, w, "1"), RC_STALE);
    assert_usd(balance_of(f, w), "10");
}

static void a_key_of_a_frozen_wallet_is_known_but_stopped(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct key_text key = new_key(f, w);
    struct wallet_caller c;

    assert_int_equal(wallet_freeze(f->book, w, true), RC_OK);
    assert_int_equal(wallet_authenticate(&c, f->book, slice_str(key.text)), RC_FROZEN);
    assert_string_equal(c.wallet_name, "w");
    assert_string_equal(c.key_id, key.id);
}

static void a_key_keeps_what_it_was_made_with(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct money one = usd("1"), five = usd("5");
    struct wallet_key_options options = {
        .name = SLICE("ci"),
        .models = SLICE("gpt-*,claude-4"),
        .expires_us = UINT64_MAX,
        .limits = {[WALLET_PER_CALL] = &one, [WALLET_PER_MONTH] = &five},
    };
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct wallet_key made, k;
    struct wallet_caller c;

    assert_int_equal(wallet_key_create(&made, text, f->book, w, &options), RC_OK);
    assert_int_equal(wallet_key_get(&k, f->book, slice_str(made.id)), RC_OK);
    assert_string_equal(k.name, "ci");
    assert_string_equal(k.models, "gpt-*,claude-4");
    assert_int_equal(k.expires_us, UINT64_MAX);
    assert_int_equal(k.generation, 1);
    assert_int_equal(id_cmp(k.wallet, w), 0);
    assert_int_equal(wallet_authenticate(&c, f->book, slice_str(text)), RC_OK);
    assert_true(c.has_per_call);
    assert_usd(c.per_call, "1");
    assert_int_equal(c.per_call_scope, WALLET_SCOPE_KEY);
    assert_int_equal(c.bound_count, 1);
    assert_usd(c.bounds[0].limit, "5");
}

static void a_bad_key_is_not_made(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct wallet_key_options none = {.expires_us = 0};
    struct wallet_key_options name = {.name = SLICE("a\nb")};
    struct wallet_key_options models = {.models = SLICE("a,,b")};
    char text[WALLET_KEY_TEXT_LEN + 1];
    struct wallet_key k;

    assert_int_equal(
        wallet_key_create(&k, text, f->book, id_new(clock_wall_us()), &none),
        RC_NOT_FOUND);
    assert_int_equal(wallet_key_create(&k, text, f->book, w, &name), RC_BAD_INPUT);
    assert_int_equal(wallet_key_create(&k, text, f->book, w, &models), RC_BAD_INPUT);
    models.models = SLICE("a,");
    assert_int_equal(wallet_key_create(&k, text, f->book, w, &models), RC_BAD_INPUT);
    models.models = SLICE(",a");
    assert_int_equal(wallet_key_create(&k, text, f->book, w, &models), RC_BAD_INPUT);
}

static void a_models_list_is_globs(void **state)
{
    struct wallet_caller c = {.models = "gpt-*, claude-?,exact"};

    (void)state;
    assert_true(wallet_model_allowed(&c, SLICE("gpt-5.4")));
    assert_true(wallet_model_allowed(&c, SLICE("gpt-")));
    assert_true(wallet_model_allowed(&c, SLICE("claude-4")));
    assert_true(wallet_model_allowed(&c, SLICE("exact")));
    assert_false(wallet_model_allowed(&c, SLICE("claude-40")));
    assert_false(wallet_model_allowed(&c, SLICE("GPT-5.4")));
    assert_false(wallet_model_allowed(&c, SLICE("exactly")));
    assert_false(wallet_model_allowed(&c, SLICE("")));
    c.models[0] = '\0';
    assert_true(wallet_model_allowed(&c, SLICE("anything")));
}

enum {
    MANY = 300
};

struct listing {
    unsigned count;
    unsigned stop_at;
    char ids[MANY][WALLET_KEY_ID_LEN + 1];
};

static bool list_one(void *arg, const struct wallet_key *k)
{
    struct listing *l = arg;

    assert_true(l->count < MANY);
    memcpy(l->ids[l->count++], k->id, sizeof(k->id));
    return l->count != l->stop_at;
}

static void a_list_of_keys_can_be_continued(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    static struct listing all, part, rest;

    for (unsigned i = 0; i < MANY; i++)
        (void)new_key(f, w);
    part.stop_at = 150;
    assert_int_equal(wallet_key_list(f->book, SLICE_NONE, list_one, &all), RC_OK);
    assert_int_equal(all.count, MANY);
    for (unsigned i = 1; i < MANY; i++)
        assert_true(strcmp(all.ids[i - 1], all.ids[i]) < 0);
    assert_int_equal(wallet_key_list(f->book, SLICE_NONE, list_one, &part), RC_OK);
    assert_int_equal(
        wallet_key_list(f->book, slice_str(part.ids[149]), list_one, &rest), RC_OK);
    assert_int_equal(rest.count, MANY - 149);
    assert_int_equal(wallet_key_list(f->book, SLICE("aaaaaaaaaaa"), list_one, &rest),
                     RC_BAD_INPUT);
}

/* ---- Revoked while it calls ---- */

struct traffic {
    struct fixture *f;
    struct id wallet;
    const char *text;
    atomic_bool revoked; /* revoke() has returned */
    unsigned after;
};

static void *keep_holding(void *arg)
{
    struct traffic *t = arg;

    for (;;) {
        struct call c = {.hold = {.held = false}};
        bool revoked;
        enum rc rc =
            wallet_authenticate(&c.hold.caller, t->f->book, slice_str(t->text));

        if (rc == RC_BAD_KEY)
            return NULL;
        revoked = atomic_load(&t->revoked);
        if (hold_call(t->f, &c, t->wallet, "0.01") != RC_OK)
            continue;
        t->after += revoked;
        (void)void_call(t->f, &c, false);
    }
}

static void no_hold_commits_after_revoke_returned(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");

    fund(f, w, "10");
    for (unsigned i = 0; i < 50; i++) {
        struct key_text key = new_key(f, w);
        struct traffic t = {.f = f, .wallet = w, .text = key.text};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, keep_holding, &t), 0);
        assert_int_equal(wallet_key_revoke(f->book, slice_str(key.id)), RC_OK);
        atomic_store(&t.revoked, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(t.after, 0);
    }
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_lets_its_wallet_in),
        TEST(keys_differ),
        TEST(a_text_that_is_no_key_is_refused),
        TEST(the_stand_in_for_malformed_keys_is_no_key),
        TEST(a_secret_depends_on_the_master_key),
        TEST(a_key_expires_at_its_time),
        TEST(a_revoked_key_stays_revoked),
        TEST(a_keys_text_is_had_again_while_the_key_is_good),
        TEST(a_rotated_key_has_a_new_secret_only),
        TEST(a_revoked_or_rotated_key_makes_its_callers_stale),
        TEST(a_key_of_a_frozen_wallet_is_known_but_stopped),
        TEST(a_key_keeps_what_it_was_made_with),
        TEST(a_bad_key_is_not_made),
        cmocka_unit_test(a_models_list_is_globs),
        TEST(a_list_of_keys_can_be_continued),
        TEST(no_hold_commits_after_revoke_returned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

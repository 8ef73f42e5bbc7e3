/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: who holds them keeps them, a reload swaps them or changes nothing. */
#include "gateway/config.h"

#include "base/clock.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    SAID_MAX = 64 * 1024,
    READERS = 4,
    RELOADERS = 2,
    RELOADS = 50
};

#define CHEAP \
    "models: {m: {targets: [{provider: p, model: x}], price: {input: \"1\", output: \"2\"}}}\n"
#define DEAR \
    "models: {m: {targets: [{provider: p, model: x}], price: {input: \"3\", output: \"4\"}}}\n"
#define PROVIDER "providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"

static struct config_cell *open_cell(const char *text)
{
    const struct config *c = config_fixture_load(text);
    struct config_cell *cell = NULL;

    assert_int_equal(config_cell_open(&cell, c), RC_OK);
    config_unref(c);
    return cell;
}

static void reload_says(struct config_cell *cell, enum rc expected_rc,
                        const char *const *expected)
{
    struct buf said;

    buf_init(&said, SAID_MAX);
    assert_string_equal(rc_reason(config_cell_reload(cell, &said)),
                        rc_reason(expected_rc));
    config_fixture_lines(buf_slice(&said), expected);
    buf_free(&said);
}

#define RELOAD_SAYS(cell, rc, ...) \
    reload_says((cell), (rc), (const char *const[]){__VA_ARGS__, NULL})
#define RELOADS_WELL(cell) reload_says((cell), RC_OK, (const char *const[]){NULL})

static void a_missing_file_is_not_found(void **state)
{
    const struct config *c = NULL;
    struct buf said;

    (void)state;
    buf_init(&said, SAID_MAX);
    assert_int_equal(config_load(&c, "/nonexistent/octroi.yaml", &said), RC_NOT_FOUND);
    assert_null(c);
    buf_free(&said);
}

static void names_are_found_and_others_are_not(void **state)
{
    const struct config *c = config_fixture_load(
        PROVIDER
        "models:\n"
        "  zeta: {targets: [{provider: p, model: z}], price: {input: \"0\", output: \"0\"}}\n"
        "  b/1: {targets: [{provider: p, model: b}], price: {input: \"0\", output: \"0\"}}\n"
        "  alpha: {targets: [{provider: p, model: a}], price: {input: \"0\", output: \"0\"}}\n"
        "data_apis:\n"
        "  y: {base_url: \"https://y\", endpoints: [{method: GET, path: /, price: \"0\"}]}\n"
        "  x: {base_url: \"https://x\", endpoints: [{method: GET, path: /, price: \"0\"}]}\n");

    (void)state;
    assert_int_equal(c->model_count, 3);
    assert_string_equal(c->models[0].name, "alpha");
    assert_string_equal(c->models[1].name, "b/1");
    assert_string_equal(c->models[2].name, "zeta");
    for (size_t i = 0; i < c->model_count; i++)
        assert_ptr_equal(config_model(c, slice_str(c->models[i].name)), &c->models[i]);
    assert_null(config_model(c, SLICE("")));
    assert_null(config_model(c, SLICE("Alpha")));
    assert_null(config_model(c, SLICE("alph")));
    assert_null(config_model(c, SLICE("alpha1")));
    assert_null(config_model(c, SLICE("zz")));
    assert_string_equal(config_data_api(c, SLICE("x"))->base_url, "https://x");
    assert_string_equal(config_data_api(c, SLICE("y"))->base_url, "https://y");
    assert_null(config_data_api(c, SLICE("z")));
    config_unref(c);
}

static void a_snapshot_lives_until_its_last_reference_goes(void **state)
{
    struct config_cell *cell = open_cell(PROVIDER CHEAP);
    const struct config *old = config_cell_get(cell);
    const struct config *again = config_ref(old);
    const struct config *new;

    (void)state;
    (void)config_fixture_write(PROVIDER DEAR);
    RELOADS_WELL(cell);
    new = config_cell_get(cell);
    assert_ptr_not_equal(old, new);
    config_cell_close(cell);
    config_unref(again);
    assert_int_equal(
        money_to_nano(config_model(old, SLICE("m"))->price.base.of[PRICE_INPUT]),
        1000000000);
    assert_string_equal(config_model(old, SLICE("m"))->targets[0].provider->base_url,
                        "https://p.example");
    assert_int_equal(
        money_to_nano(config_model(new, SLICE("m"))->price.base.of[PRICE_INPUT]),
        3000000000);
    config_unref(old);
    config_unref(new);
    config_unref(NULL);
}

static void each_reload_is_a_new_generation(void **state)
{
    struct config_cell *cell;
    const struct config *first;
    const struct config *second;

    (void)state;
    clock_set(1000000, 0);
    cell = open_cell(PROVIDER CHEAP);
    first = config_cell_get(cell);
    clock_set(2000000, 0);
    (void)config_fixture_write(PROVIDER DEAR);
    RELOADS_WELL(cell);
    second = config_cell_get(cell);
    clock_real();
    assert_int_equal(first->generation, 1);
    assert_int_equal(first->loaded_us, 1000000);
    assert_int_equal(second->generation, 2);
    assert_int_equal(second->loaded_us, 2000000);
    assert_int_equal(strlen(first->hash), 64);
    assert_string_not_equal(first->hash, second->hash);
    assert_string_equal(first->path, second->path);
    config_unref(first);
    config_unref(second);
    config_cell_close(cell);
}

static void a_faulty_file_leaves_the_old_one(void **state)
{
    struct config_cell *cell = open_cell(PROVIDER CHEAP);
    const struct config *c;

    (void)state;
    (void)config_fixture_write(PROVIDER "modls: {}\n");
    RELOAD_SAYS(cell, RC_BAD_CONFIG,
                "octroi.yaml:2:1: unknown key 'modls' (did you mean 'models'?)");
    (void)config_fixture_write("--- {}\n--- {}\n");
    RELOAD_SAYS(cell, RC_BAD_CONFIG, "octroi.yaml:2:1: a second document");
    assert_int_equal(unlink(config_fixture_write("")), 0);
    reload_says(cell, RC_NOT_FOUND, (const char *const[]){NULL});
    c = config_cell_get(cell);
    assert_int_equal(c->generation, 1);
    assert_non_null(config_model(c, SLICE("m")));
    config_unref(c);
    (void)config_fixture_write(PROVIDER DEAR);
    RELOADS_WELL(cell);
    c = config_cell_get(cell);
    assert_int_equal(c->generation, 2);
    config_unref(c);
    config_cell_close(cell);
}

static void what_is_opened_once_needs_a_restart(void **state)
{
    struct config_cell *cell = open_cell("server:\n"
                                         "  listen: 127.0.0.1:1\n"
                                         "  admin_listen: off\n"
                                         "  data_dir: a/b\n"
                                         "  loops: 2\n");

    (void)state;
    (void)config_fixture_write("limits: {concurrent: 5}\n"
                               "server:\n"
                               "  listen: 127.0.0.1:2\n"
                               "  data_dir: a\n"
                               "  loops: 3\n");
    RELOAD_SAYS(cell, RC_BAD_CONFIG,
                "octroi.yaml:3:11: a change of server.listen needs a restart",
                "octroi.yaml:2:1: a change of server.admin_listen needs a restart",
                "octroi.yaml:4:13: a change of server.data_dir needs a restart",
                "octroi.yaml:5:10: a change of server.loops needs a restart");
    (void)config_fixture_write("limits: {concurrent: 5}\n");
    RELOAD_SAYS(cell, RC_BAD_CONFIG,
                "octroi.yaml: a change of server.listen needs a restart",
                "octroi.yaml: a change of server.admin_listen needs a restart",
                "octroi.yaml: a change of server.data_dir needs a restart",
                "octroi.yaml: a change of server.loops needs a restart");
    /* The same, said in another way. */
    (void)config_fixture_write("server:\n"
                               "  listen: 127.0.0.1:1\n"
                               "  admin_listen: \"\"\n"
                               "  data_dir: ./a//./b/\n"
                               "  loops: 2\n");
    RELOADS_WELL(cell);
    config_cell_close(cell);
}

static void what_counts_at_the_next_start_is_said(void **state)
{
    struct config_cell *cell = open_cell("limits: {connections: 10}\n");

    (void)state;
    (void)config_fixture_write("limits:\n"
                               "  connections: 20\n"
                               "  concurrent: 1\n");
    RELOAD_SAYS(cell, RC_OK,
                "warning: octroi.yaml:2: the new limits.connections counts from the "
                "next start on");
    (void)config_fixture_write("limits: {connections: 20}\n"
                               "server:\n"
                               "  admin_token: aaaaaaaaaaaaaaaaaaaa\n"
                               "  trusted_proxies: [10.0.0.1]\n");
    RELOAD_SAYS(
        cell, RC_OK,
        "warning: octroi.yaml:3: the new server.admin_token counts from the "
        "next start on",
        "warning: octroi.yaml:4: the new server.trusted_proxies counts from the "
        "next start on");
    RELOADS_WELL(cell);
    (void)config_fixture_write("limits: {connections: 20}\n"
                               "server:\n"
                               "  admin_token: aaaaaaaaaaaaaaaaaaab\n"
                               "  trusted_proxies: [10.0.0.2]\n");
    RELOAD_SAYS(
        cell, RC_OK,
        "warning: octroi.yaml:3: the new server.admin_token counts from the "
        "next start on",
        "warning: octroi.yaml:4: the new server.trusted_proxies counts from the "
        "next start on");
    (void)config_fixture_write("server:\n"
                               "  admin_token: aaaaaaaaaaaaaaaaaaab\n"
                               "  trusted_proxies: [10.0.0.2]\n");
    RELOAD_SAYS(cell, RC_OK,
                "warning: octroi.yaml: the new limits.connections counts from the next "
                "start on");
    config_cell_close(cell);
}

/* Threads
 * ------------------------------------------------------------------------------
 */

struct crowd {
    struct config_cell *cell;
    atomic_bool done;
};

/* Each snapshot is one of the two files in whole, whatever happens meanwhile. */
static void *read_on(void *arg)
{
    struct crowd *crowd = arg;
    uint64_t last = 0;
    size_t faults = 0;

    while (!atomic_load(&crowd->done)) {
        const struct config *c = config_cell_get(crowd->cell);
        const struct config_model *m = config_model(c, SLICE("m"));
        uint64_t input = m == NULL ? 0 : money_to_nano(m->price.base.of[PRICE_INPUT]);
        uint64_t output = m == NULL ? 0 : money_to_nano(m->price.base.of[PRICE_OUTPUT]);

        if (input == 0 || output != input + 1000000000 || c->generation < last)
            faults++;
        last = c->generation;
        config_unref(c);
    }
    return faults == 0 ? NULL : arg;
}

static void *reload_on(void *arg)
{
    struct crowd *crowd = arg;
    size_t faults = 0;

    for (int i = 0; i < RELOADS; i++) {
        struct buf said;

        buf_init(&said, SAID_MAX);
        if (config_cell_reload(crowd->cell, &said) != RC_OK)
            faults++;
        buf_free(&said);
    }
    return faults == 0 ? NULL : arg;
}

static void readers_and_reloads_do_not_meet(void **state)
{
    struct crowd crowd = {.cell = open_cell(PROVIDER CHEAP)};
    pthread_t readers[READERS];
    pthread_t reloaders[RELOADERS];
    const struct config *c;
    void *fault;

    (void)state;
    atomic_init(&crowd.done, false);
    (void)config_fixture_write(PROVIDER DEAR);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &crowd), 0);
    for (int i = 0; i < RELOADERS; i++)
        assert_int_equal(pthread_create(&reloaders[i], NULL, reload_on, &crowd), 0);
    for (int i = 0; i < RELOADERS; i++) {
        assert_int_equal(pthread_join(reloaders[i], &fault), 0);
        assert_null(fault);
    }
    atomic_store(&crowd.done, true);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], &fault), 0);
        assert_null(fault);
    }
    c = config_cell_get(crowd.cell);
    assert_int_equal(c->generation, 1 + RELOADERS * RELOADS);
    config_unref(c);
    config_cell_close(crowd.cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_file_is_not_found),
        cmocka_unit_test(names_are_found_and_others_are_not),
        cmocka_unit_test(a_snapshot_lives_until_its_last_reference_goes),
        cmocka_unit_test(each_reload_is_a_new_generation),
        cmocka_unit_test(a_faulty_file_leaves_the_old_one),
        cmocka_unit_test(what_is_opened_once_needs_a_restart),
        cmocka_unit_test(what_counts_at_the_next_start_is_said),
        cmocka_unit_test(readers_and_reloads_do_not_meet),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}

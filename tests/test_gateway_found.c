/* SPDX-License-Identifier: Apache-2.0 */
/* The lists that were found: what may be a name, what is the same, how many there may
 * be, and the file that keeps them, whole or not at all. */
#include "gateway/found.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/octroi-found-XXXXXX";
static char path[64];
static struct arena *arena;

static int open_folder(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/models.json", dir);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static int setup(void **state)
{
    (void)state;
    (void)unlink(path);
    return arena_open(&arena, 16 << 20) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

static struct money usd(const char *text)
{
    struct money m = MONEY_ZERO;

    assert_int_equal(money_parse(&m, slice_str(text)), RC_OK);
    return m;
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static enum rc load(struct found *f)
{
    return found_load(f, dir, arena);
}

static void what_is_saved_is_loaded(void **state)
{
    struct found_model models[] = {
        {.id = "a/b:c"},
        {.id = "z",
         .context_tokens = 200000,
         .max_output_tokens = 8192,
         .told = MODEL_CAP_TOOLS | MODEL_CAP_VISION,
         .caps = MODEL_CAP_VISION,
         .endpoints = MODEL_BY_CHAT | MODEL_BY_EMBEDDINGS,
         .priced = true,
         .price = {.input = usd("1.25"),
                   .output = usd("10"),
                   .cached_input = usd("0.125"),
                   .request = usd("0.005"),
                   .above = 200000,
                   .above_input = usd("2.5"),
                   .above_output = usd("20")}},
    };
    struct found f = {
        .count = 2,
        .lists = {{.provider = "one",
                   .base_url = "https://one.example/v1",
                   .read_us = 1700000000000000u,
                   .count = 2,
                   .models = models},
                  {.provider = "two", .base_url = "https://two.example"}}};
    struct found back;
    struct stat st;

    (void)state;
    assert_int_equal(found_save(&f, dir), RC_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(load(&back), RC_OK);
    assert_int_equal(back.count, 2);
    assert_string_equal(back.lists[0].base_url, "https://one.example/v1");
    assert_int_equal(back.lists[0].read_us, 1700000000000000u);
    assert_int_equal(back.lists[0].count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(found_same(&back.lists[0].models[i], &models[i]));
    assert_int_equal(back.lists[1].count, 0);
    assert_int_equal(found_save(&back, dir), RC_OK); /* over the old one */
    assert_int_equal(load(&back), RC_OK);
}

static void no_file_is_no_fault(void **state)
{
    struct found f;

    (void)state;
    assert_int_equal(load(&f), RC_NOT_FOUND);
    assert_int_equal(found_load(&f, "/nonexistent/folder", arena), RC_NOT_FOUND);
}

#define LIST(models)                                                                  \
    "{\"version\":1,\"lists\":[{\"provider\":\"p\",\"base_url\":\"u\",\"read_us\":1," \
    "\"models\":[" models "]}]}"

static void what_we_did_not_write_so_is_not_taken_at_all(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"version\":2,\"lists\":[]}",
        "{\"version\":1,\"lists\":{}}",
        "{\"version\":1,\"lists\":[],\"more\":1}",
        "{\"version\":1,\"lists\":[{}]}",
        "{\"version\":1,\"lists\":[{\"provider\":\"p\",\"base_url\":\"u\"}]}",
        LIST("{}"),
        LIST("{\"id\":\"../x\"}"),
        LIST("{\"id\":\"a\",\"color\":1}"),
        LIST("{\"id\":\"a\"},{\"id\":\"a\"}"),
        LIST("{\"id\":\"a\",\"context_tokens\":100000001}"),
        LIST("{\"id\":\"a\",\"context_tokens\":-1}"),
        LIST("{\"id\":\"a\",\"can\":[\"fly\"]}"),
        LIST("{\"id\":\"a\",\"can\":\"tools\"}"),
        LIST("{\"id\":\"a\",\"endpoints\":[7]}"),
        LIST("{\"id\":\"a\",\"price\":{}}"),
        LIST("{\"id\":\"a\",\"price\":{\"input\":\"1\"}}"),
        LIST("{\"id\":\"a\",\"price\":{\"input\":\"1\",\"output\":\"-1\"}}"),
        LIST("{\"id\":\"a\",\"price\":{\"input\":1,\"output\":1}}"),
        LIST("{\"id\":\"a\",\"price\":{\"input\":\"1\",\"output\":\"1\",\"x\":\"1\"}}"),
        ("{\"version\":1,\"lists\":[{\"provider\":\"p\",\"base_url\":\"u\",\"models\":[]},"
         "{\"provider\":\"p\",\"base_url\":\"u\",\"models\":[]}]}"),
    };
    struct found f;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(bad[i]);
        assert_int_equal(load(&f), RC_BAD_INPUT);
        assert_int_equal(f.count, 0);
    }
    write_file(LIST("{\"id\":\"a\",\"price\":{\"input\":\"1\",\"output\":\"0\"}}"));
    assert_int_equal(load(&f), RC_OK);
}

static void a_file_that_is_none_is_not_read(void **state)
{
    struct found f;

    (void)state;
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_int_equal(load(&f), RC_IO);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load(&f), RC_BAD_INPUT); /* and nobody waits for it */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(load(&f), RC_BAD_INPUT);
    assert_int_equal(rmdir(path), 0);
}

static void a_list_takes_the_place_of_its_provider(void **state)
{
    struct found_model models[2] = {{.id = "b"}, {.id = "a"}};
    struct found_list l = {.provider = "p", .base_url = "u", .models = models};
    struct found f = {.count = 0};

    (void)state;
    l.count = found_sort(models, 2);
    assert_int_equal(found_put(&f, &l), RC_OK);
    l.count = 1;
    assert_int_equal(found_put(&f, &l), RC_OK);
    assert_int_equal(f.count, 1);
    assert_int_equal(found_list(&f, "p")->count, 1);
    assert_null(found_list(&f, "q"));
    assert_non_null(found_model(&f.lists[0], SLICE("a")));
    assert_null(found_model(&f.lists[0], SLICE("b")));
}

static void there_is_an_end_to_lists_and_models(void **state)
{
    struct found f = {.count = 0};
    struct found_model none = {.id = "x"};
    char names[FOUND_LISTS_MAX + 1][8];

    (void)state;
    for (unsigned i = 0; i <= FOUND_LISTS_MAX; i++) {
        struct found_list l = {.provider = names[i], .base_url = "u", .models = &none};

        (void)snprintf(names[i], sizeof(names[i]), "p%u", i);
        assert_int_equal(found_put(&f, &l), i < FOUND_LISTS_MAX ? RC_OK : RC_FULL);
    }
    f.count = 0;
    for (unsigned i = 0; i < FOUND_ALL_MAX / FOUND_MODELS_MAX; i++) {
        struct found_list l = {.provider = names[i], .count = FOUND_MODELS_MAX};

        assert_int_equal(found_put(&f, &l), RC_OK);
    }
    assert_int_equal(found_put(&f, &(struct found_list){.provider = "q", .count = 1}),
                     RC_FULL);
    assert_int_equal(found_put(&f, &(struct found_list){.provider = names[0],
                                                        .count = FOUND_MODELS_MAX + 1}),
                     RC_FULL);
    assert_int_equal(f.lists[0].count, FOUND_MODELS_MAX);
}

static void twice_the_same_is_once(void **state)
{
    struct found_model models[] = {
        {.id = "b"}, {.id = "a", .context_tokens = 1}, {.id = "b"}, {.id = "a"}};

    (void)state;
    assert_int_equal(found_sort(models, 4), 2);
    assert_string_equal(models[0].id, "a");
    assert_string_equal(models[1].id, "b");
    assert_int_equal(found_sort(models, 0), 0);
}

#define FOUND_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOUND_TEST(what_is_saved_is_loaded),
        FOUND_TEST(no_file_is_no_fault),
        FOUND_TEST(what_we_did_not_write_so_is_not_taken_at_all),
        FOUND_TEST(a_file_that_is_none_is_not_read),
        FOUND_TEST(a_list_takes_the_place_of_its_provider),
        FOUND_TEST(there_is_an_end_to_lists_and_models),
        FOUND_TEST(twice_the_same_is_once),
    };

    return cmocka_run_group_tests(tests, open_folder, close_folder);
}

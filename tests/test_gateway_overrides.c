/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's own prices as a text: rows are added, replaced and dropped, and every
 * other byte stays. */
#include "gateway/overrides.h"

#include "tests/conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    PATH_SIZE = 4096
};

#define PRICE "{\"input\":\"1\",\"output\":\"2\"}"

static const char two[] =
    "{\"models\":[{\"model\":\"a\",\"price\":" PRICE
    "},{\"model\":\"b\",\"from\":\"2030-01-01T00:00:00Z\", \"price\":{ }}]}\n";

static void edits_to(const char *old, const struct override *o, size_t dropped,
                     const char *expected)
{
    struct buf out;
    size_t found = 99;

    buf_init(&out, OVERRIDES_MAX);
    assert_int_equal(overrides_edit(&out, &found, slice_str(old), o), RC_OK);
    assert_int_equal(found, dropped);
    buf_append_char(&out, '\0');
    assert_string_equal(buf_slice(&out).bytes, expected);
    buf_free(&out);
}

static void the_first_row_makes_the_file(void **state)
{
    const struct override o = {.model = SLICE("a\"/b"),
                               .from = SLICE("2030-01-01T00:00:00Z"),
                               .price = SLICE(PRICE)};

    (void)state;
    edits_to("", &o, 0,
             "{\"models\":[{\"model\":\"a\\\"/b\",\"from\":\"2030-01-01T00:00:00Z\","
             "\"price\":" PRICE "}]}\n");
}

static void a_row_replaces_its_own_date_only(void **state)
{
    struct override o = {.model = SLICE("b"), .price = SLICE(PRICE)};

    (void)state;
    edits_to(two, &o, 0,
             "{\"models\":[{\"model\":\"a\",\"price\":" PRICE
             "},{\"model\":\"b\",\"from\":\"2030-01-01T00:00:00Z\", \"price\":{ }},"
             "{\"model\":\"b\",\"price\":" PRICE "}]}\n");
    o.from = SLICE("2030-01-01T01:00:00+01:00"); /* the same, said otherwise */
    edits_to(two, &o, 1,
             "{\"models\":[{\"model\":\"a\",\"price\":" PRICE
             "},{\"model\":\"b\",\"from\":\"2030-01-01T01:00:00+01:00\","
             "\"price\":" PRICE "}]}\n");
}

static void clearing_drops_all_of_a_model(void **state)
{
    struct override o = {.model = SLICE("b")};

    (void)state;
    edits_to(two, &o, 1, "{\"models\":[{\"model\":\"a\",\"price\":" PRICE "}]}\n");
    o.model = SLICE("c");
    edits_to(
        two, &o, 0,
        "{\"models\":[{\"model\":\"a\",\"price\":" PRICE
        "},{\"model\":\"b\",\"from\":\"2030-01-01T00:00:00Z\", \"price\":{ }}]}\n");
}

static void what_somebody_else_wrote_is_not_touched(void **state)
{
    static const char *const texts[] = {
        "models: []",
        "{}",
        "{\"models\":{}}",
        "{\"models\":[1]}",
        "{\"models\":[{\"model\":1}]}",
        "{\"models\":[{\"model\":\"a\",\"from\":\"soon\"}]}",
        "{\"models\":[],\"models\":[]}",
        "{\"models\":[]} x",
        "[]",
    };
    const struct override o = {.model = SLICE("a"), .price = SLICE(PRICE)};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf out;
        size_t dropped;

        buf_init(&out, OVERRIDES_MAX);
        assert_int_equal(overrides_edit(&out, &dropped, slice_str(texts[i]), &o),
                         RC_BAD_INPUT);
        buf_free(&out);
    }
}

static void a_text_has_an_end(void **state)
{
    static char price[OVERRIDES_MAX + 1];
    struct override o = {.model = SLICE("a")};
    struct buf out;
    size_t dropped;

    (void)state;
    memset(price, ' ', sizeof(price));
    price[0] = '{';
    price[sizeof(price) - 1] = '}';
    o.price = slice_from(price, sizeof(price));
    buf_init(&out, 2 * OVERRIDES_MAX);
    assert_int_equal(overrides_edit(&out, &dropped, SLICE_NONE, &o), RC_TOO_BIG);
    buf_free(&out);
}

static void a_file_is_written_whole_and_read_again(void **state)
{
    char path[PATH_SIZE];
    struct stat s;
    struct buf out;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/prices.json", conf_fixture_dir());
    buf_init(&out, OVERRIDES_MAX);
    assert_int_equal(overrides_read(&out, conf_fixture_dir()), RC_OK);
    assert_int_equal(buf_len(&out), 0);
    assert_int_equal(overrides_write(conf_fixture_dir(), SLICE("one")), RC_OK);
    assert_int_equal(overrides_write(conf_fixture_dir(), SLICE("two")), RC_OK);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(overrides_read(&out, conf_fixture_dir()), RC_OK);
    assert_true(slice_equal_str(buf_slice(&out), "two"));
    assert_int_equal(overrides_write(conf_fixture_dir(), SLICE_NONE), RC_OK);
    assert_int_equal(overrides_write(conf_fixture_dir(), SLICE_NONE), RC_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(overrides_read(&out, "/nonexistent"), RC_IO);
    assert_int_equal(overrides_write("/nonexistent", SLICE("x")), RC_IO);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_row_makes_the_file),
        cmocka_unit_test(a_row_replaces_its_own_date_only),
        cmocka_unit_test(clearing_drops_all_of_a_model),
        cmocka_unit_test(what_somebody_else_wrote_is_not_touched),
        cmocka_unit_test(a_text_has_an_end),
        cmocka_unit_test(a_file_is_written_whole_and_read_again),
    };

    return cmocka_run_group_tests(tests, conf_fixture_open, conf_fixture_close);
}

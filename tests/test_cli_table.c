/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and the text forms of answers. */
#include "cli/table.h"

#include "base/json.h"
#include "cli/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct table_column columns[] = {
    {"NAME", false}, {"USD", true}, {"WHY", false}, {NULL, false}};

/* stdout belongs to the test's own report, so it is led into a file for a moment. */
static FILE *kept;
static int stdout_fd;

static void catch_stdout(void)
{
    (void)fflush(stdout);
    kept = tmpfile();
    assert_non_null(kept);
    stdout_fd = dup(STDOUT_FILENO);
    assert_true(stdout_fd >= 0);
    assert_true(dup2(fileno(kept), STDOUT_FILENO) >= 0);
}

static void assert_printed(const char *expected)
{
    char printed[1024];
    size_t len;

    (void)fflush(stdout);
    assert_true(dup2(stdout_fd, STDOUT_FILENO) >= 0);
    (void)close(stdout_fd);
    rewind(kept);
    len = fread(printed, 1, sizeof(printed) - 1, kept);
    printed[len] = '\0';
    (void)fclose(kept);
    assert_string_equal(printed, expected);
}

static void row(struct table *t, const char *name, const char *usd, const char *why)
{
    table_cell(t, slice_str(name));
    table_cell(t, slice_str(usd));
    table_cell(t, slice_str(why));
}

static void columns_align_and_numbers_stand_right(void **state)
{
    struct table t;

    (void)state;
    catch_stdout();
    assert_int_equal(table_start(&t, columns), RC_OK);
    row(&t, "agents", "25", "-");
    row(&t, "b", "0.005", "longer");
    assert_int_equal(table_end(&t), RC_OK);
    assert_printed("NAME      USD  WHY\n"
                   "agents     25  -\n"
                   "b       0.005  longer\n");
}

static void letters_count_not_bytes(void **state)
{
    struct table t;

    (void)state;
    catch_stdout();
    assert_int_equal(table_start(&t, columns), RC_OK);
    row(&t,
        "p\xC3\xA9"
        "age",
        "1", "-");
    row(&t, "12345", "2", "-");
    assert_int_equal(table_end(&t), RC_OK);
    assert_printed("NAME   USD  WHY\n"
                   "p\xC3\xA9"
                   "age    1  -\n"
                   "12345    2  -\n");
}

static void a_terminal_gets_no_control_characters(void **state)
{
    struct table t;

    (void)state;
    catch_stdout();
    assert_int_equal(table_start(&t, columns), RC_OK);
    row(&t, "\x1b[2J", "1\n", "\x7f");
    assert_int_equal(table_end(&t), RC_OK);
    assert_printed("NAME  USD  WHY\n"
                   "?[2J   1?  ?\n");
}

static void an_empty_table_prints_nothing(void **state)
{
    struct table t;

    (void)state;
    catch_stdout();
    assert_int_equal(table_start(&t, columns), RC_OK);
    assert_int_equal(table_end(&t), RC_OK);
    assert_printed("");
}

static void pages_have_one_title_and_keep_their_widths(void **state)
{
    struct table t;

    (void)state;
    catch_stdout();
    assert_int_equal(table_start(&t, columns), RC_OK);
    row(&t, "agents", "25", "-");
    assert_int_equal(table_flush(&t), RC_OK);
    row(&t, "b", "1", "-");
    assert_int_equal(table_end(&t), RC_OK);
    assert_printed("NAME    USD  WHY\n"
                   "agents   25  -\n"
                   "b         1  -\n");
}

static void answers_become_short_and_exact_texts(void **state)
{
    static const char answer[] =
        "{\"m\":\"0.005000000\",\"t\":\"2030-01-31T01:02:03.123456Z\",\"n\":7,"
        "\"b\":true,\"s\":\"x\",\"none\":null,\"e\":\"\"}";
    char text[FORMAT_SIZE];
    struct json_object *o;

    (void)state;
    assert_int_equal(json_parse(&o, slice_str(answer)), RC_OK);
    assert_string_equal(format_money(text, o, "m"), "0.005");
    assert_string_equal(format_time(text, o, "t"), "2030-01-31T01:02:03Z");
    assert_string_equal(format_u64(text, o, "n"), "7");
    assert_string_equal(format_bool(text, o, "b"), "yes");
    assert_string_equal(format_text(text, o, "s"), "x");
    assert_string_equal(format_text(text, o, "e"), "-");
    assert_string_equal(format_text(text, o, "none"), "-");
    assert_string_equal(format_money(text, o, "s"), "-");
    assert_string_equal(format_time(text, o, "none"), "-");
    assert_string_equal(format_u64(text, o, "m"), "-");
    assert_string_equal(format_bool(text, o, "absent"), "-");
    json_put(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_align_and_numbers_stand_right),
        cmocka_unit_test(letters_count_not_bytes),
        cmocka_unit_test(a_terminal_gets_no_control_characters),
        cmocka_unit_test(an_empty_table_prints_nothing),
        cmocka_unit_test(pages_have_one_title_and_keep_their_widths),
        cmocka_unit_test(answers_become_short_and_exact_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

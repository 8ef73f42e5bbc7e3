/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a verb: options anywhere, one spelling of each mistake, and a table of
 * verbs that keeps its own rules. */
#include "cli/cli.h"

#include "base/rc.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct cli c;

/* Reads a line whose words are separated by single blanks. */
static int parse(const char *line)
{
    static char text[512];
    char *argv[16] = {text};
    int argc = 1;
    char *at = text;

    (void)snprintf(text, sizeof(text), "octroi %s", line);
    while ((at = strchr(at, ' ')) != NULL) {
        *at++ = '\0';
        argv[argc++] = at;
    }
    return cli_parse(&c, line[0] != '\0' ? argc : 1, argv);
}

static int set_up(void **state)
{
    (void)state;
    return unsetenv("OCTROI_CONFIG");
}

/* ---- The table ---- */

static size_t count(const struct cli_option *list)
{
    size_t n = 0;

    while (list != NULL && list[n].name != NULL)
        n++;
    return n;
}

/* What the reader relies on while it does not know the verb yet. */
static void an_option_takes_a_value_everywhere_or_nowhere(void **state)
{
    (void)state;
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++)
        for (size_t i = 0; i < count(v->options); i++)
            for (const struct cli_verb *w = cli_verbs; w->word != NULL; w++)
                for (size_t k = 0; k < count(w->options); k++)
                    if (strcmp(v->options[i].name, w->options[k].name) == 0)
                        assert_int_equal(v->options[i].value != NULL,
                                         w->options[k].value != NULL);
}

static void no_option_hides_a_common_one(void **state)
{
    (void)state;
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++)
        for (size_t i = 0; i < count(v->options); i++)
            for (size_t k = 0; k < count(cli_common_options); k++)
                assert_string_not_equal(v->options[i].name, cli_common_options[k].name);
}

static void rows_are_complete_and_fit(void **state)
{
    (void)state;
    for (const struct cli_verb *v = cli_verbs; v->word != NULL; v++) {
        assert_true(v->words_min <= v->words_max && v->words_max <= CLI_WORDS_MAX);
        assert_true(count(v->options) <= CLI_OPTIONS_MAX);
        assert_non_null(v->run);
        assert_non_null(v->usage);
        assert_true(strlen(v->summary) > 0);
        for (size_t i = 0; i < count(v->options); i++) /* "--word" or "-X" */
            assert_true(
                strncmp(v->options[i].name, "--", 2) == 0 ||
                (v->options[i].name[0] == '-' && strlen(v->options[i].name) == 2));
        assert_ptr_equal(cli_find_verb(v->word, v->sub), v);
    }
}

/* ---- The line ---- */

static void words_find_their_verb(void **state)
{
    (void)state;
    assert_int_equal(parse("wallet topup agents 25"), CLI_OK);
    assert_string_equal(c.verb->sub, "topup");
    assert_int_equal(c.word_count, 2);
    assert_string_equal(c.words[0], "agents");
    assert_string_equal(c.words[1], "25");
    assert_int_equal(parse("usage"), CLI_OK);
    assert_null(c.verb->sub);
    assert_int_equal(parse(""), CLI_OK);
    assert_null(c.verb);
}

static void options_stand_anywhere(void **state)
{
    static const char *const lines[] = {
        "wallet topup agents 25 --ref a --config f --json",
        "--config f wallet --ref a topup --json agents 25",
        "--json --ref=a wallet topup --config=f agents 25",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(parse(lines[i]), CLI_OK);
        assert_string_equal(c.verb->sub, "topup");
        assert_string_equal(c.words[0], "agents");
        assert_string_equal(c.words[1], "25");
        assert_string_equal(cli_value(&c, "--ref"), "a");
        assert_string_equal(c.config_path, "f");
        assert_true(c.config_given);
        assert_true(c.json);
    }
}

static void a_value_may_be_empty_or_look_like_anything(void **state)
{
    (void)state;
    assert_int_equal(parse("wallet topup a 1 --ref="), CLI_OK);
    assert_string_equal(cli_value(&c, "--ref"), "");
    assert_int_equal(parse("wallet topup a 1 --ref --json"), CLI_OK);
    assert_string_equal(cli_value(&c, "--ref"), "--json");
    assert_int_equal(parse("wallet topup a 1 --ref=a=b"), CLI_OK);
    assert_string_equal(cli_value(&c, "--ref"), "a=b");
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    assert_int_equal(parse("wallet show -- --json"), CLI_OK);
    assert_string_equal(c.words[0], "--json");
    assert_false(c.json);
}

static void a_lone_dash_is_a_word(void **state)
{
    (void)state;
    assert_int_equal(parse("ledger audit -"), CLI_OK);
    assert_string_equal(c.words[0], "-");
}

static void what_is_not_given_is_null_and_a_flag_is_not(void **state)
{
    (void)state;
    assert_int_equal(parse("wallet limit w --clear"), CLI_OK);
    assert_null(cli_value(&c, "--per"));
    assert_non_null(cli_value(&c, "--clear"));
}

static void mistakes_are_usage_errors(void **state)
{
    static const char *const lines[] = {
        "nothing",
        "wallet",
        "wallet nothing",
        "wallet show",
        "wallet show a b",
        "wallet show a --parent b",
        "wallet show a --bogus",
        "wallet show a -x",
        "wallet create a --parent",
        "wallet create a --parent b --parent c",
        "wallet list --json=1",
        "wallet show a --config",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_int_equal(parse(lines[i]), CLI_USAGE);
}

static void some_options_may_be_given_several_times(void **state)
{
    (void)state;
    assert_int_equal(parse("pay u -H a --header=b -H c -H=d"), CLI_OK);
    assert_string_equal(cli_value_at(&c, "-H", 0), "a");
    assert_string_equal(cli_value_at(&c, "-H", 1), "c");
    assert_string_equal(cli_value_at(&c, "-H", 2), "d");
    assert_null(cli_value_at(&c, "-H", 3));
    assert_string_equal(cli_value_at(&c, "--header", 0), "b");
    assert_null(cli_value_at(&c, "--header", 1));
    assert_int_equal(parse("pay u -X a -X b"), CLI_USAGE);
    assert_int_equal(parse("pay u -H a -H"), CLI_USAGE);
    assert_int_equal(parse("pay u"), CLI_OK);
    assert_null(cli_value_at(&c, "-H", 0));
}

static void an_option_is_not_given_without_end(void **state)
{
    static char words[][8] = {"octroi", "pay", "u", "-H", "a: b"};
    char *argv[2 * (CLI_AGAIN_MAX + 2) + 3] = {words[0], words[1], words[2]};
    int argc = 3;

    (void)state;
    for (unsigned i = 0; i < CLI_AGAIN_MAX + 1; i++) {
        argv[argc++] = words[3];
        argv[argc++] = words[4];
    }
    assert_int_equal(cli_parse(&c, argc, argv), CLI_OK);
    assert_non_null(cli_value_at(&c, "-H", CLI_AGAIN_MAX));
    argv[argc++] = words[3];
    argv[argc++] = words[4];
    assert_int_equal(cli_parse(&c, argc, argv), CLI_USAGE);
}

static void help_needs_no_complete_line(void **state)
{
    (void)state;
    assert_int_equal(parse("wallet topup --help"), CLI_OK);
    assert_true(c.help);
    assert_int_equal(parse("-h wallet topup"), CLI_OK);
    assert_true(c.help);
    assert_int_equal(parse("wallet --help"), CLI_OK);
    assert_string_equal(c.group, "wallet");
}

static void json_counts_where_the_line_cannot_be_read(void **state)
{
    (void)state;
    assert_int_equal(parse("wallet show a --bogus --json"), CLI_USAGE);
    assert_true(c.json);
}

static void the_environment_names_a_configuration_that_the_line_overrides(void **state)
{
    (void)state;
    assert_int_equal(setenv("OCTROI_CONFIG", "env", 1), 0);
    assert_int_equal(parse("wallet list"), CLI_OK);
    assert_string_equal(c.config_path, "env");
    assert_false(c.config_given);
    assert_int_equal(parse("wallet list --config line"), CLI_OK);
    assert_string_equal(c.config_path, "line");
    assert_int_equal(setenv("OCTROI_CONFIG", "", 1), 0);
    assert_int_equal(parse("wallet list"), CLI_OK);
    assert_null(c.config_path);
}

static void amounts_are_decimal_usd(void **state)
{
    struct money m = money_from_nano(7);

    (void)state;
    assert_int_equal(parse("wallet list"), CLI_OK);
    assert_int_equal(cli_amount(&m, &c, "0.05"), CLI_OK);
    assert_int_equal(money_to_nano(m), 50000000);
    assert_int_equal(cli_amount(&m, &c, "1e3"), CLI_USAGE);
    assert_int_equal(cli_amount(&m, &c, "99999999999"), CLI_USAGE);
    assert_int_equal(money_to_nano(m), 50000000);
}

/* ---- Exit codes: the contract ---- */

static void codes_keep_their_exit(void **state)
{
    static const struct {
        enum rc rc;
        int exit;
    } rows[] = {
        {RC_OK, 0},          {RC_IO, 1},        {RC_CORRUPT, 1},   {RC_NO_STORE, 1},
        {RC_INTERNAL, 1},    {RC_BAD_INPUT, 2}, {RC_NOT_FOUND, 3}, {RC_NO_FUNDS, 4},
        {RC_LIMIT, 4},       {RC_EXISTS, 5},    {RC_CONFLICT, 5},  {RC_GONE, 5},
        {RC_UNREACHABLE, 6}, {RC_BAD_KEY, 7},   {RC_FORBIDDEN, 7}, {RC_BAD_CONFIG, 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(cli_exit_of(rows[i].rc), rows[i].exit);
    for (unsigned rc = RC_OK + 1; rc < RC__COUNT; rc++)
        assert_true(cli_exit_of((enum rc)rc) > 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, set_up)
    const struct CMUnitTest tests[] = {
        TEST(an_option_takes_a_value_everywhere_or_nowhere),
        TEST(no_option_hides_a_common_one),
        TEST(rows_are_complete_and_fit),
        TEST(words_find_their_verb),
        TEST(options_stand_anywhere),
        TEST(a_value_may_be_empty_or_look_like_anything),
        TEST(two_dashes_end_the_options),
        TEST(a_lone_dash_is_a_word),
        TEST(what_is_not_given_is_null_and_a_flag_is_not),
        TEST(mistakes_are_usage_errors),
        TEST(some_options_may_be_given_several_times),
        TEST(an_option_is_not_given_without_end),
        TEST(help_needs_no_complete_line),
        TEST(json_counts_where_the_line_cannot_be_read),
        TEST(the_environment_names_a_configuration_that_the_line_overrides),
        TEST(amounts_are_decimal_usd),
        TEST(codes_keep_their_exit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

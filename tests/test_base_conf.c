/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: what is read, and that every fault is told with its place, and once.
 */
#include "base/conf.h"

#include "tests/conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    TEXT_MAX = 1024 * 1024
};

static struct conf_node *get(struct conf *c, const char *key)
{
    return conf_get(c, conf_root(c), key);
}

/* The tree ----------------------------------------------------------------------------
 */

static void every_kind_of_value_is_read(void **state)
{
    struct conf *c = conf_fixture_parse("text: hello world\n"
                                        "number: 42\n"
                                        "yes: true\n"
                                        "no: \"false\"\n"
                                        "amount: \"0.05\"\n"
                                        "share: 12.5%\n"
                                        "time: 15m\n"
                                        "kind: beta\n"
                                        "list: [a, b]\n"
                                        "map: {x: 1, y: 2}\n");
    static const char *const letters[] = {"alpha", "beta", NULL};
    struct slice text;
    uint64_t number;
    bool flag = false;
    struct money amount;
    uint32_t ppm;
    unsigned choice;

    (void)state;
    assert_true(conf_text(c, get(c, "text"), &text));
    assert_true(slice_equal_str(text, "hello world"));
    assert_true(conf_u64(c, get(c, "number"), &number, 0, 42));
    assert_int_equal(number, 42);
    assert_true(conf_bool(c, get(c, "yes"), &flag));
    assert_true(flag);
    assert_true(conf_bool(c, get(c, "no"), &flag));
    assert_false(flag);
    assert_true(conf_money(c, get(c, "amount"), &amount));
    assert_int_equal(money_to_nano(amount), 50 * 1000 * 1000);
    assert_true(conf_percent(c, get(c, "share"), &ppm));
    assert_int_equal(ppm, 125000);
    assert_true(conf_duration(c, get(c, "time"), &number));
    assert_int_equal(number, 15 * 60 * 1000);
    assert_true(conf_choice(c, get(c, "kind"), &choice, letters));
    assert_int_equal(choice, 1);
    assert_int_equal(conf_count(get(c, "list")), 2);
    assert_int_equal(conf_count(get(c, "map")), 2);
    assert_true(conf_is_list(get(c, "list")));
    assert_true(conf_is_mapping(get(c, "map")));
    assert_true(conf_is_scalar(get(c, "text")));
    assert_int_equal(conf_line(get(c, "kind")), 8);
    assert_string_equal(conf_dir(c), conf_fixture_dir());
    NO_FAULTS(c);
    conf_close(c);
}

static void unquoted_scalars_are_taken_as_written(void **state)
{
    (void)state;
    conf_fixture_value("v: 2024-10-21\n", "2024-10-21");
    conf_fixture_value("v: 0x10\n", "0x10");
    conf_fixture_value("v: 1e3\n", "1e3");
    conf_fixture_value("v: on\n", "on");
    conf_fixture_value("v: 'null'\n", "null");
    conf_fixture_value("v: \"~\"\n", "~");
    conf_fixture_value("v: \"\"\n", "");
    conf_fixture_value("v: |\n  a\n  b\n", "a\nb\n");
    conf_fixture_value("\xef\xbb\xbfv: \xc3\xa9\n", "\xc3\xa9");
}

static void a_part_is_json_as_it_was_written(void **state)
{
    static const char text[] =
        "v: {n: 5, m: -0.5e3, s: \"5\", z: 05, w: true, q: 'true', "
        "o: on, x: ~, l: [[], {}, 1], e: {}, \"k y\": \"a\\nb\"}\n";
    struct conf *c;
    struct buf out;

    (void)state;
    assert_int_equal(conf_parse(&c, slice_str(text), "/tmp"), RC_OK);
    buf_init(&out, TEXT_MAX);
    conf_json(&out, c, get(c, "v"));
    buf_append_char(&out, '\0');
    assert_string_equal(
        buf_slice(&out).bytes,
        "{\"n\":5,\"m\":-0.5e3,\"s\":\"5\",\"z\":\"05\",\"w\":true,\"q\":\"true\",\"o\":"
        "\"on\",\"x\":null,\"l\":[[],{},1],\"e\":{},\"k y\":\"a\\nb\"}");
    conf_unknown(c); /* all of it was read */
    assert_int_equal(conf_fault_count(c), 0);
    buf_free(&out);
    conf_close(c);
}

static void members_and_items_come_in_order(void **state)
{
    struct conf *c = conf_fixture_parse("b: 1\na: [x, {y: z}, ~]\n");
    struct conf_node *list = NULL;
    struct conf_node *value;
    struct slice key;
    struct slice text;
    size_t at = 0;

    (void)state;
    assert_true(conf_next_member(c, conf_root(c), &at, &key, &value));
    assert_true(slice_equal_str(key, "b"));
    assert_true(conf_next_member(c, conf_root(c), &at, &key, &list));
    assert_true(slice_equal_str(key, "a"));
    assert_false(conf_next_member(c, conf_root(c), &at, &key, &value));
    at = 0;
    assert_true(conf_next_item(c, list, &at, &value));
    assert_true(conf_text(c, value, &text));
    assert_true(slice_equal_str(text, "x"));
    assert_true(conf_next_item(c, list, &at, &value));
    assert_true(conf_text(c, conf_get(c, value, "y"), &text));
    assert_true(conf_next_item(c, list, &at, &value));
    assert_false(conf_text(c, value, &text));
    assert_int_equal(conf_line(value), 2);
    assert_false(conf_next_item(c, list, &at, &value));
    conf_unknown(c);
    NO_FAULTS(c);
    conf_close(c);
}

static void null_counts_as_absent(void **state)
{
    static const char *const texts[] = {"v:\n",    "v: ~\n",    "v: null\n",
                                        "v: NULL", "x: 1\n",    "{v: }",
                                        "",        "# nothing", "---\n...\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct conf *c = conf_fixture_parse(texts[i]);
        struct slice text = SLICE("untouched");
        uint64_t number = 7;
        bool flag = true;
        struct money money;
        uint32_t ppm;
        unsigned choice;
        char *path;
        size_t at = 0;
        struct slice key;
        struct conf_node *v = get(c, "v");
        struct conf_node *value;

        assert_null(v);
        assert_false(conf_text(c, v, &text));
        assert_false(conf_u64(c, v, &number, 0, 1));
        assert_false(conf_bool(c, v, &flag));
        assert_false(conf_money(c, v, &money));
        assert_false(conf_percent(c, v, &ppm));
        assert_false(conf_duration(c, v, &number));
        assert_false(conf_choice(c, v, &choice, (const char *const[]){NULL}));
        assert_false(conf_path(c, v, &path, NULL));
        assert_false(conf_next_member(c, v, &at, &key, &value));
        assert_false(conf_next_item(c, v, &at, &value));
        assert_null(conf_get(c, v, "w"));
        assert_int_equal(conf_count(v), 0);
        assert_int_equal(conf_line(v), 0);
        assert_false(conf_is_scalar(v) || conf_is_mapping(v) || conf_is_list(v));
        assert_false(conf_is_expanded(v));
        assert_true(slice_equal_str(text, "untouched"));
        assert_true(flag && number == 7);
        NO_FAULTS(c);
        conf_close(c);
    }
}

/* Faults ------------------------------------------------------------------------------
 */

static void an_unknown_key_is_told_with_the_nearest_name(void **state)
{
    struct conf *c = conf_fixture_parse("server:\n"
                                        "  lisen: 1\n"
                                        "  port: 2\n"
                                        "  frobnicate: {a: 1, b: 2}\n"
                                        "providers:\n"
                                        "  one: {kind: x, modle: y}\n"
                                        "  two: {kind: x}\n"
                                        "modles: 3\n");
    struct conf_node *server = get(c, "server");
    struct conf_node *providers = get(c, "providers");
    struct conf_node *value;
    struct slice key;
    size_t at = 0;

    (void)state;
    conf_get(c, server, "listen");
    conf_get(c, server, "port");
    conf_get(c, server, "port");
    while (conf_next_member(c, providers, &at, &key, &value)) {
        conf_get(c, value, "kind");
        conf_get(c, value, "model");
    }
    get(c, "models");
    conf_unknown(c);
    FAULTS(c, "config:2:3: unknown key 'lisen' (did you mean 'listen'?)",
           "config:4:3: unknown key 'frobnicate'",
           "config:6:18: unknown key 'modle' (did you mean 'model'?)",
           "config:8:1: unknown key 'modles' (did you mean 'models'?)");
    conf_close(c);
}

static void a_hint_comes_from_the_same_mapping_only(void **state)
{
    struct conf *c = conf_fixture_parse("a: {lisen: 1}\nb: {listen: 2}\n");

    (void)state;
    conf_get(c, get(c, "a"), "port");
    conf_get(c, get(c, "b"), "listen");
    conf_unknown(c);
    FAULTS(c, "config:1:5: unknown key 'lisen'");
    conf_close(c);
}

static void keys_below_a_list_are_checked(void **state)
{
    struct conf *c = conf_fixture_parse("- {a: 1}\n- {a: 1, b: 2}\n- [{c: 3}]\n");
    struct conf_node *value;
    size_t at = 0;

    (void)state;
    while (conf_next_item(c, conf_root(c), &at, &value))
        if (conf_is_mapping(value))
            conf_get(c, value, "a");
    conf_unknown(c);
    FAULTS(c, "config:2:10: unknown key 'b'", "config:3:5: unknown key 'c'");
    conf_close(c);
}

static void a_wrong_kind_is_one_fault_and_hides_what_is_inside(void **state)
{
    struct conf *c = conf_fixture_parse("text: {a: 1}\n"
                                        "map: [1]\n"
                                        "list: x\n"
                                        "number:\n"
                                        "  - 1\n");
    struct slice text;
    struct slice key;
    uint64_t number;
    struct conf_node *value;
    size_t at = 0;

    (void)state;
    assert_false(conf_text(c, get(c, "text"), &text));
    assert_false(conf_text(c, get(c, "text"), &text));
    assert_null(conf_get(c, get(c, "map"), "x"));
    assert_false(conf_next_member(c, get(c, "map"), &at, &key, &value));
    assert_false(conf_next_item(c, get(c, "list"), &at, &value));
    assert_false(conf_u64(c, get(c, "number"), &number, 0, 9));
    conf_unknown(c);
    FAULTS(c, "config:1:1: expected a single value, found a mapping",
           "config:2:1: expected a mapping, found a list",
           "config:3:7: expected a list, found a single value",
           "config:4:1: expected a single value, found a list");
    conf_close(c);
}

static const char *const kinds[] = {"openai", "anthropic", "gemini", NULL};

static void scalars_of_the_wrong_form_are_faults(void **state)
{
    struct conf *c = conf_fixture_parse("n: 1.5\nr: 11\nb: yes\nm: .5\n"
                                        "M: 99999999999999\np: 5\nd: 5\ne: s\n"
                                        "l: zzz\nf: ''\ni: -1\n");
    struct arena *a;
    struct money money;
    uint64_t number = 7;
    uint32_t ppm;
    unsigned choice = 7;
    bool flag = true;
    char *path = NULL;

    (void)state;
    assert_int_equal(arena_open(&a, 4096), RC_OK);
    assert_false(conf_u64(c, get(c, "n"), &number, 0, 9));
    assert_false(conf_u64(c, get(c, "r"), &number, 3, 10));
    assert_false(conf_bool(c, get(c, "b"), &flag));
    assert_false(conf_money(c, get(c, "m"), &money));
    assert_false(conf_money(c, get(c, "M"), &money));
    assert_false(conf_percent(c, get(c, "p"), &ppm));
    assert_false(conf_duration(c, get(c, "d"), &number));
    assert_false(conf_duration(c, get(c, "e"), &number));
    assert_false(conf_choice(c, get(c, "l"), &choice, kinds));
    assert_false(conf_path(c, get(c, "f"), &path, a));
    assert_false(conf_u64(c, get(c, "i"), &number, 0, 9));
    FAULTS(c, "config:1:4: expected a whole number, not '1.5'",
           "config:2:4: must be from 3 to 10",
           "config:3:4: expected true or false, not 'yes'",
           "config:4:4: expected an amount in USD such as 25 or 0.05, not '.5'",
           "config:5:4: the amount is too large",
           "config:6:4: expected a percentage such as 12.5%, not '5'",
           "config:7:4: expected a time span such as 90s, 15m, 12h or 7d, not '5'",
           "config:8:4: expected a time span such as 90s, 15m, 12h or 7d, not 's'",
           "config:9:4: expected one of openai, anthropic, gemini, not 'zzz'",
           "config:10:4: expected a path",
           "config:11:4: expected a whole number, not '-1'");
    assert_true(flag && number == 7 && choice == 7);
    arena_close(a);
    conf_close(c);
}

static void a_mistyped_choice_is_told_with_the_nearest(void **state)
{
    struct conf *c = conf_fixture_parse("antropic");
    unsigned choice;

    (void)state;
    assert_false(conf_choice(c, conf_root(c), &choice, kinds));
    FAULTS(c, "config:1:1: expected one of openai, anthropic, gemini, not 'antropic' "
              "(did you mean 'anthropic'?)");
    conf_close(c);
}

static void a_long_value_is_cut_in_a_message(void **state)
{
    struct conf *c =
        conf_fixture_parse("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeee");
    bool flag;

    (void)state;
    assert_false(conf_bool(c, conf_root(c), &flag));
    FAULTS(c, "config:1:1: expected true or false, not "
              "'aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd..'");
    conf_close(c);
}

static void every_unit_of_time_is_known(void **state)
{
    struct conf *c =
        conf_fixture_parse("[90s, 15m, 12h, 7d, 0s, 213503982334d, 213503982335d]");
    const uint64_t expected[] = {90000,     900000, 43200000,
                                 604800000, 0,      UINT64_C(213503982334) * 86400000};
    struct conf_node *value;
    uint64_t ms;
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(conf_next_item(c, conf_root(c), &at, &value));
        assert_true(conf_duration(c, value, &ms));
        assert_true(ms == expected[i]);
    }
    assert_true(conf_next_item(c, conf_root(c), &at, &value));
    assert_false(conf_duration(c, value, &ms));
    conf_close(c);
}

static void paths_are_relative_to_the_file(void **state)
{
    struct conf *c = conf_fixture_parse("a: ./x/y\nb: /x/y\n");
    char expected[256];
    struct arena *a;
    char *path;

    (void)state;
    assert_int_equal(arena_open(&a, 4096), RC_OK);
    assert_true(conf_path(c, get(c, "a"), &path, a));
    (void)snprintf(expected, sizeof(expected), "%s/./x/y", conf_fixture_dir());
    assert_string_equal(path, expected);
    assert_true(conf_path(c, get(c, "b"), &path, a));
    assert_string_equal(path, "/x/y");
    NO_FAULTS(c);
    arena_close(a);
    conf_close(c);
}

static void what_refers_hides_or_changes_types_is_refused(void **state)
{
    (void)state;
    PARSE_FAULTS("a: &x 1\nb: *x\nc: !!str 2\n",
                 "config:1:4: anchors ('&x') are not supported",
                 "config:2:4: aliases ('*x') are not supported",
                 "config:3:4: tags ('tag:yaml.org,2002:str') are not supported");
    PARSE_FAULTS("a: &m {x: 1}\nb: !mine [1]\nc: ! d\n",
                 "config:1:4: anchors ('&m') are not supported",
                 "config:2:4: tags ('!mine') are not supported",
                 "config:3:4: tags ('!') are not supported");
    PARSE_FAULTS("&k a: 1\n*k : 2\n", "config:1:1: anchors ('&k') are not supported",
                 "config:2:1: aliases ('*k') are not supported");
    PARSE_FAULTS("base: {a: 1}\nb:\n  <<: {c: 1}\n",
                 "config:3:3: merge keys ('<<') are not supported");
    PARSE_FAULTS("a: 1\n---\nb: 2\n", "config:2:1: a second document");
    PARSE_FAULTS("%TAG ! tag:example.com,2000:\n---\na: 1\n",
                 "config:1:1: tags (%TAG) are not supported");
    PARSE_FAULTS("? [a, b]\n: 1\n", "config:1:3: a key must be a single value");
    PARSE_FAULTS("{{a: 1}: 2}\n", "config:1:2: a key must be a single value");
    PARSE_FAULTS("'': 1\n", "config:1:1: empty key");
    PARSE_FAULTS("a: \"x\\0y\"\n", "config:1:4: a NUL byte in a text");
    PARSE_FAULTS("\"a\\0\": 1\n", "config:1:1: a NUL byte in a text");
    PARSE_FAULTS("${HOME}: 1\n", "config:1:1: a key cannot hold a ${..} form");
}

static void duplicate_keys_are_refused_at_every_depth(void **state)
{
    (void)state;
    PARSE_FAULTS("a: 1\nb: {x: 1, y: 2, x: 3}\n'a': 2\nc: 1\na: 3\n",
                 "config:2:17: duplicate key 'x' (also on line 2)",
                 "config:3:1: duplicate key 'a' (also on line 1)",
                 "config:5:1: duplicate key 'a' (also on line 3)");
}

static void a_key_that_comes_again_is_not_told_as_unknown_too(void **state)
{
    struct conf *c = conf_fixture_parse("a: 1\na: 2\nb: 3\n");

    (void)state;
    assert_non_null(conf_get(c, conf_root(c), "a"));
    conf_unknown(c);
    FAULTS(c, "config:2:1: duplicate key 'a' (also on line 1)",
           "config:3:1: unknown key 'b'");
    conf_close(c);
}

static void syntax_is_told_with_its_line_and_hides_consequences(void **state)
{
    struct conf *c = conf_fixture_parse("server:\n\tlisten: 1\n");
    struct slice text;

    (void)state;
    assert_null(conf_root(c));
    assert_false(conf_text(c, get(c, "listen"), &text));
    conf_fault(c, NULL, "there is no server");
    conf_unknown(c);
    FAULTS(c, "config:2:1: found character that cannot start any token, while scanning "
              "for the next token from line 2");
    conf_close(c);

    PARSE_FAULTS("a: 1\nb: [1, 2\nc: 3\n",
                 "config:3:2: did not find expected ',' or ']', while parsing a flow "
                 "sequence from line 2");
    PARSE_FAULTS("a: 1\n  b: 2\n", "config:2:4: mapping values are not allowed in this "
                                   "context");
    PARSE_FAULTS("a: &x 1\nb: 'open\n", "config:1:4: anchors ('&x') are not supported",
                 "config:3:1: found unexpected end of stream, while scanning a quoted "
                 "scalar from line 2");
}

static void other_encodings_are_refused(void **state)
{
    (void)state;
    PARSE_FAULTS("a: 1\nb: \xff\n", "config:2:4: invalid leading UTF-8 octet");
    PARSE_FAULTS("a: \xc0\xaf\n", "config:1:4: invalid length of a UTF-8 sequence");
    PARSE_FAULTS("\xff\xfe"
                 "a",
                 "config:1:1: invalid leading UTF-8 octet");
    PARSE_FAULTS("a: 1\n# \x01\n", "config:2:3: control characters are not allowed");
}

static void depth_is_limited(void **state)
{
    (void)state;
    PARSES("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
    PARSE_FAULTS("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
                 "config:1:17: nested deeper than 16");
}

/* "[1,1,..,1]" with `count` ones. */
static char *list_of(size_t count)
{
    char *text = malloc(2 * count + 2);

    assert_non_null(text);
    text[0] = '[';
    for (size_t i = 0; i < count; i++)
        memcpy(text + 1 + 2 * i, "1,", 2);
    memcpy(text + 2 * count, "]", 2);
    return text;
}

static void values_are_limited(void **state)
{
    char *most = list_of(49999); /* the list is a value too */
    char *more = list_of(50000);

    (void)state;
    PARSES(most);
    PARSE_FAULTS(more, "config:1:100000: more than 50000 values");
    free(most);
    free(more);
}

static void size_is_limited(void **state)
{
    size_t size = TEXT_MAX;
    char *text = malloc(size + 2);
    struct conf *c;

    (void)state;
    assert_non_null(text);
    memset(text, '#', size + 1);
    text[size] = '\0';
    PARSES(text);
    text[size] = '#';
    text[size + 1] = '\0';
    PARSE_FAULTS(text, "config: larger than 1 MiB");

    conf_fixture_write("full", text, size);
    conf_fixture_write("big", text, size + 1);
    free(text);
    assert_int_equal(chdir(conf_fixture_dir()), 0);
    assert_int_equal(conf_open(&c, "full"), RC_OK);
    NO_FAULTS(c);
    conf_close(c);
    assert_int_equal(conf_open(&c, "big"), RC_OK);
    FAULTS(c, "big: larger than 1 MiB");
    conf_close(c);
}

static void at_most_a_hundred_faults_are_kept(void **state)
{
    struct conf *c = conf_fixture_parse("a: 1\n");

    (void)state;
    for (unsigned i = 1; i <= 150; i++)
        conf_fault(c, get(c, "a"), "number %u", i);
    assert_int_equal(conf_fault_count(c), 100);
    assert_string_equal(conf_fault_text(c, 0), "config:1:4: number 1");
    assert_string_equal(conf_fault_text(c, 98), "config:1:4: number 99");
    assert_string_equal(conf_fault_text(c, 99),
                        "and more: only the first faults are shown");
    assert_string_equal(conf_fault_text(c, 100), "");
    conf_close(c);
}

static void messages_cannot_steer_a_terminal(void **state)
{
    struct conf *c = conf_fixture_parse("\"a\\e[31m\": 1\nb: \"x\\ny\"\n");
    bool flag;

    (void)state;
    assert_false(conf_bool(c, get(c, "b"), &flag));
    conf_unknown(c);
    FAULTS(c, "config:2:4: expected true or false, not 'x?y'",
           "config:1:1: unknown key 'a?[31m'");
    conf_close(c);
}

static void faults_may_be_about_the_file(void **state)
{
    struct conf *c = conf_fixture_parse("a: {b: 1}\nc:\n  d: [1]\n");
    struct conf_node *d = conf_get(c, get(c, "c"), "d");
    struct conf_node *item;
    size_t at = 0;

    (void)state;
    assert_true(conf_next_item(c, d, &at, &item));
    conf_fault(c, NULL, "no %s", "providers");
    conf_fault(c, get(c, "c"), "about a mapping: at its key");
    conf_fault(c, d, "about a list: at its key");
    conf_fault(c, item, "about an item: at the item");
    FAULTS(c, "config: no providers", "config:2:1: about a mapping: at its key",
           "config:3:3: about a list: at its key",
           "config:3:7: about an item: at the item");
    conf_close(c);
}

/* Files -------------------------------------------------------------------------------
 */

static void a_file_is_opened_and_named_as_given(void **state)
{
    static const char text[] = "key: ${file:secret}\nunknwn: 1\n";
    struct slice key;
    struct conf *c;
    char path[256];
    char expected[400];

    (void)state;
    conf_fixture_write("secret", "s3cret\n", 7);
    conf_fixture_write("octroi.yaml", text, sizeof(text) - 1);
    (void)snprintf(path, sizeof(path), "%s/octroi.yaml", conf_fixture_dir());
    assert_int_equal(conf_open(&c, path), RC_OK);
    assert_string_equal(conf_dir(c), conf_fixture_dir());
    assert_true(conf_text(c, get(c, "key"), &key));
    assert_true(slice_equal_str(key, "s3cret"));
    get(c, "unknown");
    conf_unknown(c);
    (void)snprintf(expected, sizeof(expected),
                   "%s:2:1: unknown key 'unknwn' (did you mean 'unknown'?)", path);
    FAULTS(c, expected);
    conf_close(c);

    assert_int_equal(chdir(conf_fixture_dir()), 0);
    assert_int_equal(conf_open(&c, "octroi.yaml"), RC_OK);
    assert_string_equal(conf_dir(c), conf_fixture_dir());
    conf_unknown(c);
    assert_string_equal(conf_fault_text(c, 0), "octroi.yaml:1:1: unknown key 'key'");
    conf_close(c);
    assert_int_equal(conf_open(&c, "./octroi.yaml"), RC_OK);
    assert_string_equal(conf_dir(c), conf_fixture_dir());
    conf_close(c);
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    struct conf *c = NULL;

    (void)state;
    assert_int_equal(conf_open(&c, "/nonexistent/octroi.yaml"), RC_NOT_FOUND);
    assert_int_equal(conf_open(&c, conf_fixture_dir()), RC_IO); /* a folder */
    assert_null(c);
    conf_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(unquoted_scalars_are_taken_as_written),
        cmocka_unit_test(a_part_is_json_as_it_was_written),
        cmocka_unit_test(members_and_items_come_in_order),
        cmocka_unit_test(null_counts_as_absent),
        cmocka_unit_test(an_unknown_key_is_told_with_the_nearest_name),
        cmocka_unit_test(a_hint_comes_from_the_same_mapping_only),
        cmocka_unit_test(keys_below_a_list_are_checked),
        cmocka_unit_test(a_wrong_kind_is_one_fault_and_hides_what_is_inside),
        cmocka_unit_test(scalars_of_the_wrong_form_are_faults),
        cmocka_unit_test(a_mistyped_choice_is_told_with_the_nearest),
        cmocka_unit_test(a_long_value_is_cut_in_a_message),
        cmocka_unit_test(every_unit_of_time_is_known),
        cmocka_unit_test(paths_are_relative_to_the_file),
        cmocka_unit_test(what_refers_hides_or_changes_types_is_refused),
        cmocka_unit_test(duplicate_keys_are_refused_at_every_depth),
        cmocka_unit_test(a_key_that_comes_again_is_not_told_as_unknown_too),
        cmocka_unit_test(syntax_is_told_with_its_line_and_hides_consequences),
        cmocka_unit_test(other_encodings_are_refused),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(values_are_limited),
        cmocka_unit_test(size_is_limited),
        cmocka_unit_test(at_most_a_hundred_faults_are_kept),
        cmocka_unit_test(messages_cannot_steer_a_terminal),
        cmocka_unit_test(faults_may_be_about_the_file),
        cmocka_unit_test(a_file_is_opened_and_named_as_given),
        cmocka_unit_test(a_file_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, conf_fixture_open, conf_fixture_close);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Front matter: what ordinary skills have in it is read, everything odd is refused in
 * one line that says where. */
#include "skills/front.h"

#include "skills/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    ARENA_SIZE = 256 * 1024
};

static struct arena *arena;
static struct buf why;
static struct skill_front front;

static int set_up(void **state)
{
    (void)state;
    buf_init(&why, 8192);
    return arena_open(&arena, ARENA_SIZE) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_close(arena);
    buf_free(&why);
    return 0;
}

static enum rc parse(struct slice text)
{
    buf_reset(&why);
    arena_reset(arena);
    return skill_front_parse(&front, arena, text, &why);
}

static void reads(const char *text)
{
    if (parse(slice_str(text)) != RC_OK)
        fail_msg("%.*s", SLICE_FMT(buf_slice(&why)));
}

static void refuses(const char *text, const char *expected)
{
    assert_int_equal(parse(slice_str(text)), RC_BAD_INPUT);
    if (!slice_equal_str(buf_slice(&why), expected))
        fail_msg("%.*s", SLICE_FMT(buf_slice(&why)));
}

static void is(struct slice found, const char *expected)
{
    if (!slice_equal_str(found, expected))
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_FMT(found), expected);
}

/* What is read
 * --------------------------------------------------------------------------
 */

static void every_field_is_read(void **state)
{
    (void)state;
    reads("---\n"
          "name: pdf-tools\n"
          "description: Reads PDF files. Use it when there is one.\n"
          "license: Apache-2.0\n"
          "compatibility: Needs git and the net\n"
          "version: 1.2.0\n"
          "homepage: https://example.com/pdf\n"
          "allowed-tools: Bash(git:*) Read\n"
          "metadata:\n"
          "  author: example-org\n"
          "---\n"
          "# Tools\n");
    is(front.name, "pdf-tools");
    is(front.description, "Reads PDF files. Use it when there is one.");
    is(front.license, "Apache-2.0");
    is(front.compatibility, "Needs git and the net");
    is(front.version, "1.2.0");
    is(front.homepage, "https://example.com/pdf");
    is(front.allowed_tools, "Bash(git:*) Read");
    is(front.body, "# Tools\n");
}

static void name_and_description_are_enough(void **state)
{
    (void)state;
    reads("---\nname: a\ndescription: b\n---");
    is(front.name, "a");
    is(front.description, "b");
    assert_null(front.license.bytes);
    assert_null(front.compatibility.bytes);
    assert_null(front.version.bytes);
    assert_null(front.homepage.bytes);
    assert_null(front.allowed_tools.bytes);
    assert_int_equal(front.body.len, 0);
}

/* As ClawHub's skills have it: JSON is YAML. */
static void metadata_may_be_nested_and_in_json(void **state)
{
    (void)state;
    reads("---\nname: weather\ndescription: d\n"
          "metadata: {\"openclaw\":{\"emoji\":\"\xe2\x98\x94\",\"requires\":{\"bins\":"
          "[\"curl\"],\"env\":[\"KEY\"]},\"homepage\":\"https://wttr.in\",\"install\":"
          "[{\"kind\":\"brew\",\"formula\":\"jq\"}]}}\n---\n");
    is(front.homepage, "https://wttr.in");
    reads("---\nname: weather\ndescription: d\nhomepage: https://a.example\n"
          "metadata:\n  openclaw:\n    always: true\n    homepage: https://b.example\n"
          "    os: [linux, macos]\n---\n");
    is(front.homepage, "https://a.example");
}

static void a_version_may_stand_in_the_metadata(void **state)
{
    (void)state;
    reads("---\nname: a\ndescription: b\nmetadata:\n  version: '1.0.0'\n---\n");
    is(front.version, "1.0.0");
    reads("---\nname: a\ndescription: b\nversion: 2.0.0\nmetadata:\n  version: 1.0.0\n"
          "---\n");
    is(front.version, "2.0.0");
    reads("---\nname: a\ndescription: b\nmetadata:\n  version: [1, 0]\n---\n");
    assert_null(front.version.bytes);
    reads("---\nname: a\ndescription: b\nmetadata: {version: \"1\\e\"}\n---\n");
    assert_null(front.version.bytes);
}

static void unknown_keys_are_other_tools_business(void **state)
{
    (void)state;
    reads("---\nname: a\ndescription: b\nmodel: opus\nhooks:\n  - x: [1, 2]\n"
          "user-invocable: true\n---\n");
    is(front.name, "a");
}

static void texts_over_many_lines_are_joined_as_yaml_says(void **state)
{
    (void)state;
    reads("---\nname: a\ndescription: >\n  one\n  two\n\n  three\n---\n");
    is(front.description, "one two\nthree");
    reads("---\nname: a\ndescription: |\n  one\n  two\n---\n");
    is(front.description, "one\ntwo");
    reads("---\nname: \"a\"\ndescription: 'it''s: fine'\n---\n");
    is(front.description, "it's: fine");
}

static void lines_may_end_as_on_windows(void **state)
{
    (void)state;
    reads("---\r\nname: a\r\ndescription: b c\r\n---\r\nbody\r\n");
    is(front.name, "a");
    is(front.description, "b c");
    is(front.body, "body\r\n");
}

static void tools_may_be_a_list(void **state)
{
    (void)state;
    reads(
        "---\nname: a\ndescription: b\nallowed-tools:\n  - Read\n  - Bash(ls)\n---\n");
    is(front.allowed_tools, "Read Bash(ls)");
    reads("---\nname: a\ndescription: b\nallowed-tools: []\n---\n");
    assert_null(front.allowed_tools.bytes);
}

/* A link is shown by others: what is not of the web is as if it were not there. */
static void homepages_that_are_no_web_pages_are_ignored(void **state)
{
    static const char *const values[] = {"javascript:alert(1)",
                                         "ftp://a.example",
                                         "github.com/a/b",
                                         "\"https://a b\"",
                                         "[a]",
                                         "{a: b}",
                                         "12"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        (void)snprintf(text, sizeof(text),
                       "---\nname: a\ndescription: b\nhomepage: %s\n---\n", values[i]);
        reads(text);
        assert_null(front.homepage.bytes);
    }
}

/* The text is somebody else's: nothing in it may reach our environment or files. */
static void d25_a_dollar_is_a_letter(void **state)
{
    (void)state;
    assert_int_equal(setenv("OCTROI_TEST_SECRET", "secret", 1), 0);
    reads("---\nname: a\ndescription: ${OCTROI_TEST_SECRET} ${file:/etc/passwd} $$\n"
          "---\n");
    is(front.description, "${OCTROI_TEST_SECRET} ${file:/etc/passwd} $$");
}

/* A horizontal rule in the body is no third fence. */
static void the_first_fence_after_the_start_ends_it(void **state)
{
    (void)state;
    reads("---  \nname: a\ndescription: b\n--- \t\none\n---\ntwo\n");
    is(front.body, "one\n---\ntwo\n");
    reads("---\nname: a\ndescription: b --- c\n---\n----\n");
    is(front.description, "b --- c");
    is(front.body, "----\n");
}

/* What is refused
 * -----------------------------------------------------------------------
 */

static void text_without_front_matter_is_refused(void **state)
{
    static const char start[] = "SKILL.md does not begin with a line of three hyphens";

    (void)state;
    refuses("", start);
    refuses("# Title\n", start);
    refuses("\n---\nname: a\ndescription: b\n---\n", start);
    refuses(" ---\nname: a\ndescription: b\n---\n", start);
    refuses("----\nname: a\n----\n", start);
    refuses("---\nname: a\ndescription: b\n",
            "the front matter of SKILL.md has no end: a line of three hyphens");
    refuses("\xef\xbb\xbf---\nname: a\n---\n",
            "SKILL.md begins with a byte order mark");
    refuses("---\nname: a\ndescription: \xff\n---\n", "SKILL.md is not UTF-8");
    refuses("---\nname: a\ndescription: b\n---\nbody \xc3(\n", "SKILL.md is not UTF-8");
    assert_int_equal(parse(SLICE("---\nname: a\ndescription: b\n---\n\0")),
                     RC_BAD_INPUT);
    is(buf_slice(&why), "SKILL.md has a NUL byte");
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    refuses("---\n---\n",
            "SKILL.md: 'name' is missing; SKILL.md: 'description' is missing");
    refuses("---\nname: a\n---\n", "SKILL.md: 'description' is missing");
    refuses("---\ndescription: b\n---\n", "SKILL.md: 'name' is missing");
    refuses("---\nname:\ndescription: ~\n---\n",
            "SKILL.md: 'name' is missing; SKILL.md: 'description' is missing");
    refuses("---\nname: ''\ndescription: b\n---\n", "SKILL.md:2:7: 'name' is empty");
    refuses("---\nname: a\ndescription: '  '\n---\n",
            "SKILL.md:3:14: 'description' is empty");
}

static void a_name_is_a_slug(void **state)
{
    static const char *const names[] = {"Weather",   "we ather", "-a",  "a-",  "a--b",
                                        "w\xc3\xa9", "a_b",      "a.b", "a/b", "../a"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(text, sizeof(text), "---\nname: %s\ndescription: b\n---\n",
                       names[i]);
        refuses(text, "SKILL.md:2:7: 'name' must be small letters, digits and single "
                      "hyphens, and begin and end with a letter or digit");
    }
}

static void fill(char *out, size_t size, const char *key, size_t len)
{
    char value[SKILL_DESCRIPTION_MAX + 2];

    assert_true(len < sizeof(value));
    memset(value, 'x', len);
    value[len] = '\0';
    (void)snprintf(out, size, "---\n%s: %s\n%s---\n", key, value,
                   strcmp(key, "name") == 0          ? "description: b\n"
                   : strcmp(key, "description") == 0 ? "name: a\n"
                                                     : "name: a\ndescription: b\n");
}

struct limit {
    const char *key;
    size_t max;
};

static void every_text_has_its_limit(void **state)
{
    static const struct limit limits[] = {
        {"name", SKILL_SLUG_MAX},       {"description", SKILL_DESCRIPTION_MAX},
        {"license", SKILL_LICENSE_MAX}, {"compatibility", SKILL_COMPATIBILITY_MAX},
        {"version", SKILL_VERSION_MAX}, {"allowed-tools", 1024},
    };
    char text[2048], expected[128];

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const struct limit *l = &limits[i];

        fill(text, sizeof(text), l->key, l->max);
        reads(text);
        fill(text, sizeof(text), l->key, l->max + 1);
        (void)snprintf(expected, sizeof(expected),
                       "SKILL.md:2:%zu: '%s' is longer than %zu bytes",
                       strlen(l->key) + 3, l->key, l->max);
        refuses(text, expected);
    }
}

static void a_value_of_another_kind_is_refused(void **state)
{
    (void)state;
    assert_int_equal(parse(SLICE("---\nname: [a]\ndescription: b\n---\n")),
                     RC_BAD_INPUT);
    assert_int_equal(parse(SLICE("---\nname: a\ndescription: {b: c}\n---\n")),
                     RC_BAD_INPUT);
    assert_int_equal(
        parse(SLICE("---\nname: a\ndescription: b\nallowed-tools: {c: d}\n---\n")),
        RC_BAD_INPUT);
    assert_int_equal(
        parse(SLICE("---\nname: a\ndescription: b\nallowed-tools: [[c]]\n---\n")),
        RC_BAD_INPUT);
    assert_int_equal(
        parse(SLICE("---\nname: a\ndescription: b\nmetadata: text\n---\n")),
        RC_BAD_INPUT);
    refuses("---\n- name\n- description\n---\n",
            "SKILL.md:2:1: expected 'name: ..' and 'description: ..'");
    refuses("---\njust a text\n---\n",
            "SKILL.md:2:1: expected 'name: ..' and 'description: ..'");
    refuses("---\nname: a\ndescription: \"b\\ec\"\n---\n",
            "SKILL.md:3:14: 'description' has control characters");
}

/* What makes a text of YAML other than it looks. */
static void tricks_of_yaml_are_refused(void **state)
{
    static const char *const texts[] = {
        "---\nname: &x a\ndescription: b\n---\n",
        "---\nname: a\ndescription: *x\n---\n",
        "---\nname: !!str a\ndescription: b\n---\n",
        "---\nname: a\ndescription: !!python/object:os.system b\n---\n",
        "---\nname: a\nname: b\ndescription: c\n---\n",
        "---\nname: a\ndescription: b\n<<: {x: y}\n---\n",
        "---\nname: a\ndescription: b\n...\nname: c\n---\n",
        "---\nname: a\ndescription: b: c\n---\n",
        "---\nname: a\n\tdescription: b\n---\n",
        "---\nname: a\ndescription: b\n? [c]\n: d\n---\n",
        "---\nname: a\ndescription: \"b\n---\n",
        "---\nname: a\ndescription: b\nx: "
        "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\n---\n",
        NULL};

    (void)state;
    for (size_t i = 0; texts[i] != NULL; i++) {
        if (parse(slice_str(texts[i])) != RC_BAD_INPUT)
            fail_msg("this was read: %s", texts[i]);
        assert_true(buf_len(&why) > 0);
        assert_false(slice_has_ctl(buf_slice(&why)));
    }
}

static void much_front_matter_is_refused_and_a_long_body_is_not(void **state)
{
    char *text = malloc(4 * SKILL_FRONT_MAX);
    size_t len;

    (void)state;
    assert_non_null(text);
    len = (size_t)snprintf(text, 64, "---\nname: a\ndescription: b\n#");
    memset(text + len, 'x', 3 * SKILL_FRONT_MAX);
    memcpy(text + SKILL_FRONT_MAX, "\n---\n", 5);
    assert_int_equal(parse(slice_from(text, 3 * SKILL_FRONT_MAX)), RC_BAD_INPUT);
    is(buf_slice(&why), "the front matter of SKILL.md is larger than 64 KB");
    memset(text + SKILL_FRONT_MAX, 'x', 5);
    memcpy(text + SKILL_FRONT_MAX - 1, "\n---\n", 5);
    assert_int_equal(parse(slice_from(text, 3 * SKILL_FRONT_MAX)), RC_OK);
    is(front.name, "a");
    free(text);
}

static void many_faults_are_told_in_one_line(void **state)
{
    (void)state;
    refuses("---\nname: a\na: &x 1\nb: &y 2\nc: &z 3\nd: &w 4\ne: &v 5\n---\n",
            "SKILL.md:3:4: anchors ('&x') are not supported; SKILL.md:4:4: anchors "
            "('&y') are not supported; SKILL.md:5:4: anchors ('&z') are not supported; "
            "and 2 more");
}

static void a_small_arena_is_told(void **state)
{
    struct arena *small = NULL;

    (void)state;
    buf_reset(&why);
    assert_int_equal(arena_open(&small, 8), RC_OK);
    assert_int_equal(
        skill_front_parse(&front, small,
                          SLICE("---\nname: a-long-name-of-a-skill\ndescription: "
                                "something longer\n---\n"),
                          &why),
        RC_NOMEM);
    arena_close(small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_field_is_read),
        TEST(name_and_description_are_enough),
        TEST(metadata_may_be_nested_and_in_json),
        TEST(a_version_may_stand_in_the_metadata),
        TEST(unknown_keys_are_other_tools_business),
        TEST(texts_over_many_lines_are_joined_as_yaml_says),
        TEST(lines_may_end_as_on_windows),
        TEST(tools_may_be_a_list),
        TEST(homepages_that_are_no_web_pages_are_ignored),
        TEST(d25_a_dollar_is_a_letter),
        TEST(the_first_fence_after_the_start_ends_it),
        TEST(text_without_front_matter_is_refused),
        TEST(what_is_missing_is_named),
        TEST(a_name_is_a_slug),
        TEST(every_text_has_its_limit),
        TEST(a_value_of_another_kind_is_refused),
        TEST(tricks_of_yaml_are_refused),
        TEST(much_front_matter_is_refused_and_a_long_body_is_not),
        TEST(many_faults_are_told_in_one_line),
        TEST(a_small_arena_is_told),
    };

    return cmocka_run_group_tests_name("skills/front", tests, NULL, NULL);
}

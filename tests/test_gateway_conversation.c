/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's common forms: quoted text, media, the links between calls and results, what
 * could not be carried. */
#include "gateway/conversation.h"

#include "base/json_guard.h"
#include "gateway/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    return arena_open(&a, 1 << 20) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_close(a);
    return 0;
}

static void expect_slice(struct slice s, const char *text)
{
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.bytes, text, s.len);
}

/* ---- Quoted text ---- */

static void any_text_comes_back_from_its_quotes(void **state)
{
    static const char *const texts[] = {"", "a", "\"\\\n\t\x01",
                                        "\xc3\xa9\xf0\x9f\x98\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct quoted q = quoted_from(slice_str(texts[i]), a);
        struct slice plain;

        assert_int_equal(json_raw_type(q.json), JSON_STRING);
        assert_int_equal(quoted_open(&plain, q, a), RC_OK);
        expect_slice(plain, texts[i]);
        assert_int_equal(quoted_is_empty(q), texts[i][0] == '\0');
    }
}

static void text_without_escapes_is_opened_without_a_copy(void **state)
{
    const struct quoted q = {SLICE("\"plain\"")};
    struct slice plain;

    (void)state;
    assert_int_equal(quoted_open(&plain, q, a), RC_OK);
    assert_ptr_equal(plain.bytes, q.json.bytes + 1);
}

static void absent_text_is_empty(void **state)
{
    const struct quoted none = {SLICE_NONE};

    (void)state;
    assert_true(quoted_is_empty(none));
    assert_int_equal(quoted_inside(none).len, 0);
}

/* ---- Media ---- */

static void a_data_url_is_its_type_and_its_characters(void **state)
{
    struct media m = {0};

    (void)state;
    assert_int_equal(
        media_from_url(&m, SLICE("\"data:image/png;x=y;base64,iVBO\\/w==\""), a),
        RC_OK);
    assert_int_equal(m.from, MEDIA_INLINE);
    expect_slice(m.type, "image/png");
    expect_slice(m.data, "iVBO/w==");
}

static void a_url_stays_one(void **state)
{
    struct media m = {0};

    (void)state;
    assert_int_equal(media_from_url(&m, SLICE("\"https://example.com/a.png?b=c\""), a),
                     RC_OK);
    assert_int_equal(m.from, MEDIA_URL);
    expect_slice(m.data, "https://example.com/a.png?b=c");
}

static void what_is_no_url_is_refused(void **state)
{
    static const char *const bad[] = {
        "\"\"",
        "\"ftp://x/\"",
        "\"file:///etc/passwd\"",
        "\"data:image/png,abc\"",
        "\"data:image/png;base64\"",
        "\"data:image/png;base64,\"",
        "\"data:image/png;base64,a\\\"b\"",
        "\"data:ima\\\"ge;base64,ab\"",
        "\"https://a b/\"",
        "\"https://a\\n/\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct media m = {0};

        assert_int_equal(media_from_url(&m, slice_str(bad[i]), a), RC_BAD_INPUT);
    }
}

/* ---- Calls and results ---- */

static struct part *add(struct conversation *c, enum part_kind kind, const char *id,
                        const char *name)
{
    struct message *m =
        conversation_add(c, kind == PART_TOOL_CALL ? ROLE_ASSISTANT : ROLE_USER, a);
    struct part *p = message_add(m, kind, a);

    assert_non_null(p);
    p->id = slice_str(id);
    p->name = slice_str(name);
    p->path = id;
    return p;
}

static void a_result_has_the_name_of_its_call(void **state)
{
    struct conversation c = {0};
    const char *path = NULL;
    struct part *first, *second;

    (void)state;
    (void)add(&c, PART_TOOL_CALL, "1", "weather");
    (void)add(&c, PART_TOOL_CALL, "2", "time");
    second = add(&c, PART_TOOL_RESULT, "2", "");
    first = add(&c, PART_TOOL_RESULT, "1", "");
    assert_int_equal(conversation_link(&c, &path), RC_OK);
    expect_slice(first->name, "weather");
    expect_slice(second->name, "time");
}

static void the_latest_call_of_an_id_counts(void **state)
{
    struct conversation c = {0};
    const char *path = NULL;
    struct part *result;

    (void)state;
    (void)add(&c, PART_TOOL_CALL, "1", "old");
    (void)add(&c, PART_TOOL_CALL, "1", "new");
    result = add(&c, PART_TOOL_RESULT, "1", "");
    assert_int_equal(conversation_link(&c, &path), RC_OK);
    expect_slice(result->name, "new");
}

static void a_result_without_a_call_before_it_is_named(void **state)
{
    struct conversation c = {0};
    const char *path = NULL;

    (void)state;
    (void)add(&c, PART_TOOL_RESULT, "1", "");
    (void)add(&c, PART_TOOL_CALL, "1", "late");
    assert_int_equal(conversation_link(&c, &path), RC_BAD_INPUT);
    assert_string_equal(path, "1");
}

static void messages_parts_and_tools_keep_their_order(void **state)
{
    struct conversation c = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct message *m = conversation_add(&c, ROLE_USER, a);
        struct tool *t = conversation_add_tool(&c, a);

        assert_non_null(m);
        assert_non_null(t);
        m->path = i == 0 ? "0" : i == 1 ? "1" : "2";
        t->path = m->path;
        conversation_extra(&c, slice_str(m->path), SLICE("1"), a);
        for (unsigned k = 0; k < 2; k++)
            assert_non_null(message_add(m, k == 0 ? PART_TEXT : PART_IMAGE, a));
    }
    assert_string_equal(c.messages->path, "0");
    assert_string_equal(c.messages->next->next->path, "2");
    assert_null(c.messages->next->next->next);
    assert_int_equal(c.messages->parts->kind, PART_TEXT);
    assert_int_equal(c.messages->parts->next->kind, PART_IMAGE);
    assert_string_equal(c.tools->next->path, "1");
    expect_slice(c.extras->next->next->name, "2");
}

/* ---- What could not be carried ---- */

static void a_loss_is_named_once(void **state)
{
    struct losses l = {.count = 0};
    struct buf b;

    (void)state;
    losses_add(&l, "seed");
    losses_add(&l, "logit_bias");
    losses_add(&l, "seed");
    buf_init(&b, 1024);
    losses_print(&b, &l);
    expect_slice(buf_slice(&b), "seed, logit_bias");
    buf_free(&b);
}

static void very_many_losses_are_bounded(void **state)
{
    struct losses l = {.count = 0};
    struct buf b;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        losses_add(&l, arena_printf(a, "field_with_a_long_name_%u", i));
    assert_int_equal(l.count, LOSSES_MAX);
    assert_string_equal(l.names[LOSSES_MAX - 1], "and more");
    buf_init(&b, 1024);
    losses_print(&b, &l);
    assert_false(buf_spent(&b));
    assert_true(buf_len(&b) <= 512);
    buf_free(&b);
}

static void a_strange_name_hides_no_other(void **state)
{
    struct losses l = {.count = 0};
    struct buf b;
    char *huge = arena_alloc(a, 100001);

    (void)state;
    assert_non_null(huge);
    for (size_t i = 0; i < 100000; i++)
        huge[i] = 'x';
    losses_add(&l, "a\r\nset-cookie: b, c\x7f\"\xc3\xa9");
    losses_add(&l, huge);
    losses_add(&l, "seed");
    buf_init(&b, 1024);
    losses_print(&b, &l);
    assert_true(
        slice_starts(buf_slice(&b), SLICE("a??set-cookie: b? c?\"??, xxxxxxxx")));
    assert_true(slice_ends(buf_slice(&b), SLICE("x, seed")));
    assert_true(buf_len(&b) < 128);
    buf_free(&b);
}

/* ---- Wires ---- */

static void a_change_made_twice_is_the_second(void **state)
{
    struct json_field fields[] = {{.name = "model"}, {.name = "seed"}};
    struct json_limits limits = {0};
    struct wire_changes c = {.count = 0};
    struct slice text = SLICE("{\"model\":\"a\",\"x\":1}");
    struct buf b;

    (void)state;
    assert_int_equal(json_guard(text, &limits, fields, 2, NULL, a), RC_OK);
    wire_change(&c, fields, 2, "model", SLICE("\"b\""));
    wire_change(&c, fields, 2, "model", SLICE("\"c\""));
    wire_change(&c, fields, 2, "seed", SLICE_NONE); /* is not there: nothing to do */
    assert_int_equal(c.count, 1);
    buf_init(&b, 1024);
    json_splice(&b, text, c.splices, c.count);
    expect_slice(buf_slice(&b), "{\"model\":\"c\",\"x\":1}");
    buf_free(&b);
}

static void a_refusal_names_the_field_in_bounded_words(void **state)
{
    struct wire_fault f = {.param = NULL};
    char *longest = arena_alloc(a, 5000);

    (void)state;
    memset(longest, 'x', 4999);
    assert_int_equal(wire_refuse(&f, a, "messages[0].role", "%s", longest),
                     RC_BAD_INPUT);
    assert_string_equal(f.param, "messages[0].role");
    assert_int_equal(strlen(f.detail), 300);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(any_text_comes_back_from_its_quotes),
        TEST(text_without_escapes_is_opened_without_a_copy),
        TEST(absent_text_is_empty),
        TEST(a_data_url_is_its_type_and_its_characters),
        TEST(a_url_stays_one),
        TEST(what_is_no_url_is_refused),
        TEST(a_result_has_the_name_of_its_call),
        TEST(the_latest_call_of_an_id_counts),
        TEST(a_result_without_a_call_before_it_is_named),
        TEST(messages_parts_and_tools_keep_their_order),
        TEST(a_loss_is_named_once),
        TEST(very_many_losses_are_bounded),
        TEST(a_strange_name_hides_no_other),
        TEST(a_change_made_twice_is_the_second),
        TEST(a_refusal_names_the_field_in_bounded_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

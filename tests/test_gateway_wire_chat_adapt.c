/* SPDX-License-Identifier: Apache-2.0 */
/* The short way of chat completions and completions: what of a client's body changes
 * for a vendor, and that nothing else does. */
#include "gateway/wire.h"
#include "gateway/wires/chat_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum {
    FIELDS_MAX = 32
};

static struct arena *arena;

static int open_all(void **state)
{
    (void)state;
    return arena_open(&arena, 1 << 20) == RC_OK ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

/* The body as it leaves; lives until the arena ends. */
static const char *adapt(const struct wire *w, const char *body,
                         const struct wire_target *t)
{
    const struct json_limits limits = {0};
    struct json_field fields[FIELDS_MAX];
    struct wire_changes changes = {.count = 0};
    struct wire_fault fault = {.param = NULL};
    size_t count = 0;
    const char *made;
    struct buf out;

    for (; w->fields[count] != NULL; count++) {
        assert_true(count < FIELDS_MAX);
        fields[count] = (struct json_field){.name = w->fields[count]};
    }
    assert_int_equal(json_guard(slice_str(body), &limits, fields, count, NULL, arena),
                     RC_OK);
    assert_int_equal(w->adapt(&changes, t, fields, count, &fault, arena), RC_OK);
    buf_init(&out, 1 << 20);
    json_splice(&out, slice_str(body), changes.splices, changes.count);
    made = arena_copy(arena, buf_slice(&out).bytes, buf_len(&out));
    buf_free(&out);
    return made;
}

static void expect(const char *body, unsigned quirks, const char *expected)
{
    const struct wire_target t = {.model = SLICE("m"), .quirks = quirks};

    assert_string_equal(adapt(&wire_chat, body, &t), expected);
}

static void what_needs_no_change_stays_byte_for_byte(void **state)
{
    static const char body[] =
        "{ \"model\" : \"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"a\"}],"
        "\"max_tokens\":5, \"unknown\":{\"x\":[1, 2]},\"seed\":1,\"stream\":false,"
        "\"tool_choice\":\"required\",\"reasoning_effort\":\"low\"}";

    (void)state;
    expect(body, 0, body);
}

static void the_model_gets_the_vendors_name(void **state)
{
    const struct wire_target t = {.model = SLICE("a\"b")};

    (void)state;
    assert_string_equal(adapt(&wire_chat, "{\"model\":\"m\\u0031\",\"x\":1}", &t),
                        "{\"model\":\"a\\\"b\",\"x\":1}");
    expect("{\"model\":\"\\u006d\"}", 0, "{\"model\":\"\\u006d\"}");
}

static void a_stream_is_asked_for_its_usage(void **state)
{
    const struct wire_target t = {.model = SLICE("m"), .stream = true};
    const struct wire_target mistral = {
        .model = SLICE("m"), .stream = true, .quirks = QUIRK_NO_STREAM_OPTIONS};

    (void)state;
    assert_string_equal(
        adapt(&wire_chat, "{\"model\":\"m\",\"stream\":true}", &t),
        "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"stream\":true}");
    assert_string_equal(
        adapt(&wire_chat,
              "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":"
              "false,\"include_obfuscation\":false,\"includ\\u0065_usage2\":1}}",
              &t),
        "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true,"
        "\"include_obfuscation\":false,\"includ\\u0065_usage2\":1}}");
    assert_string_equal(adapt(&wire_chat,
                              "{\"model\":\"m\",\"stream\":true,\"stream_options\":{"
                              "\"include_usage\":true}}",
                              &t),
                        "{\"model\":\"m\",\"stream\":true,\"stream_options\":{"
                        "\"include_usage\":true}}");
    assert_string_equal(adapt(&wire_chat,
                              "{\"model\":\"m\",\"stream\":true,\"stream_options\":{"
                              "\"include_usage\":true}}",
                              &mistral),
                        "{\"model\":\"m\",\"stream\":true}");
}

static void a_bound_is_renamed_for_who_knows_one_name(void **state)
{
    (void)state;
    expect("{\"model\":\"m\",\"max_completion_tokens\":7}", QUIRK_MAX_TOKENS,
           "{\"max_tokens\":7,\"model\":\"m\"}");
    expect("{\"model\":\"m\",\"max_tokens\":7}", QUIRK_NO_MAX_TOKENS,
           "{\"max_completion_tokens\":7,\"model\":\"m\"}");
    /* Both: the known one is what counts. */
    expect("{\"model\":\"m\",\"max_tokens\":5,\"max_completion_tokens\":7}",
           QUIRK_MAX_TOKENS, "{\"model\":\"m\",\"max_tokens\":5}");
    expect("{\"model\":\"m\",\"max_completion_tokens\":7}", QUIRK_OLD_BOUND,
           "{\"model\":\"m\",\"max_completion_tokens\":7}");
}

static void forced(const char *body, unsigned quirks, const char *expected)
{
    const struct wire_target t = {
        .model = SLICE("m"), .quirks = quirks, .bound_forced = true, .output_bound = 3};

    assert_string_equal(adapt(&wire_chat, body, &t), expected);
}

static void a_forced_bound_holds_under_every_name(void **state)
{
    (void)state;
    forced("{\"model\":\"m\"}", 0, "{\"max_completion_tokens\":3,\"model\":\"m\"}");
    forced("{\"model\":\"m\"}", QUIRK_OLD_BOUND, "{\"max_tokens\":3,\"model\":\"m\"}");
    forced("{\"model\":\"m\"}", QUIRK_MAX_TOKENS, "{\"max_tokens\":3,\"model\":\"m\"}");
    forced("{\"model\":\"m\",\"max_tokens\":9,\"max_completion_tokens\":8}", 0,
           "{\"model\":\"m\",\"max_tokens\":3,\"max_completion_tokens\":3}");
    forced("{\"model\":\"m\",\"max_completion_tokens\":8}", QUIRK_MAX_TOKENS,
           "{\"max_tokens\":3,\"model\":\"m\"}");
    forced("{\"model\":\"m\",\"max_tokens\":null}", QUIRK_MAX_TOKENS,
           "{\"model\":\"m\",\"max_tokens\":3}");
}

static void words_are_the_vendors(void **state)
{
    (void)state;
    expect("{\"model\":\"m\",\"seed\":7}", QUIRK_RANDOM_SEED,
           "{\"random_seed\":7,\"model\":\"m\"}");
    expect("{\"model\":\"m\",\"seed\":7,\"random_seed\":8}", QUIRK_RANDOM_SEED,
           "{\"model\":\"m\",\"random_seed\":8}");
    expect("{\"model\":\"m\",\"tool_choice\":\"required\"}", QUIRK_CHOICE_ANY,
           "{\"model\":\"m\",\"tool_choice\":\"any\"}");
    expect("{\"model\":\"m\",\"tool_choice\":\"auto\"}", QUIRK_CHOICE_ANY,
           "{\"model\":\"m\",\"tool_choice\":\"auto\"}");
    expect("{\"model\":\"m\",\"reasoning_effort\":\"high\"}",
           QUIRK_NO_EFFORT | QUIRK_ENABLE_THINKING,
           "{\"enable_thinking\":true,\"model\":\"m\"}");
    expect("{\"model\":\"m\",\"reasoning_effort\":\"none\"}",
           QUIRK_NO_EFFORT | QUIRK_THINKING_SWITCH,
           "{\"thinking\":{\"type\":\"disabled\"},\"model\":\"m\"}");
    expect("{\"model\":\"m\",\"reasoning_effort\":\"high\"}", QUIRK_THINKING_SWITCH,
           "{\"model\":\"m\",\"reasoning_effort\":\"high\"}");
    expect(
        "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"a\"}, "
        "{\"content\":\"developer\",\"role\":\"user\"},{\"role\":\"d\\u0065veloper\"}"
        "]}",
        QUIRK_SYSTEM_ROLE,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"a\"}, "
        "{\"content\":\"developer\",\"role\":\"user\"},{\"role\":\"system\"}]}");
}

static void completions_have_one_name_for_the_bound(void **state)
{
    const struct wire_target t = {.model = SLICE("m"),
                                  .quirks = QUIRK_NO_MAX_TOKENS,
                                  .stream = true,
                                  .bound_forced = true,
                                  .output_bound = 16};

    (void)state;
    assert_string_equal(
        adapt(&wire_completions,
              "{\"model\":\"x\",\"prompt\":[1,2],\"stream\":true,\"echo\":true}", &t),
        "{\"stream_options\":{\"include_usage\":true},\"max_tokens\":16,\"model\":\"m\","
        "\"prompt\":[1,2],\"stream\":true,\"echo\":true}");
}

static void usage_is_found_and_hidden(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_true(slice_equal_str(
        wire_chat.usage_at(SLICE("{\"a\":{\"usage\":{}},\"usage\":{\"x\":1}}")),
        "{\"x\":1}"));
    assert_int_equal(wire_chat.usage_at(SLICE("{\"usage\":null}")).len, 0);
    /* The chunk that is for usage alone goes. */
    assert_true(wire_chat.without_usage(
        &out, SLICE("{\"id\":\"a\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}")));
    assert_int_equal(buf_len(&out), 0);
    /* Of others the member goes. */
    assert_true(wire_chat.without_usage(
        &out, SLICE("{\"choices\":[{\"index\":0}],\"usage\":null,\"x\":1}")));
    assert_true(
        slice_equal_str(buf_slice(&out), "{\"choices\":[{\"index\":0}],\"x\":1}"));
    buf_reset(&out);
    assert_true(wire_chat.without_usage(
        &out, SLICE("{\"choices\":[{\"index\":0}],\"usage\":{\"prompt_tokens\":1}}")));
    assert_true(slice_equal_str(buf_slice(&out), "{\"choices\":[{\"index\":0}]}"));
    buf_reset(&out);
    assert_false(wire_chat.without_usage(&out, SLICE("{\"choices\":[]}")));
    assert_int_equal(buf_len(&out), 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_needs_no_change_stays_byte_for_byte),
        cmocka_unit_test(the_model_gets_the_vendors_name),
        cmocka_unit_test(a_stream_is_asked_for_its_usage),
        cmocka_unit_test(a_bound_is_renamed_for_who_knows_one_name),
        cmocka_unit_test(a_forced_bound_holds_under_every_name),
        cmocka_unit_test(words_are_the_vendors),
        cmocka_unit_test(completions_have_one_name_for_the_bound),
        cmocka_unit_test(usage_is_found_and_hidden),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of chat completions and completions: what a client's body means, what is
 * refused in it, and what a vendor with habits of its own is sent. */
#include "gateway/wire.h"
#include "tests/wire_fixture.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int open_all(void **state)
{
    (void)state;
    return arena_open(&arena, 32 << 20) == RC_OK ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

#define ASK "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static struct conversation said(const char *body)
{
    struct conversation c;

    wire_read(&c, &wire_chat, slice_str(body), arena);
    return c;
}

/* ---- Refused ---- */

static void refused(const struct wire *w, const char *body, const char *param)
{
    const struct json_limits limits = {.depth = 64};
    struct wire_fault fault = {.param = NULL};
    struct conversation c;

    assert_int_equal(json_guard(slice_str(body), &limits, NULL, 0, NULL, arena), RC_OK);
    if (w->read(&c, &fault, slice_str(body), arena) != RC_BAD_INPUT)
        fail_msg("taken: %s", body);
    if (fault.param == NULL || strcmp(fault.param, param) != 0)
        fail_msg("%s: not %s, but %s", body, param, fault.param);
    assert_non_null(fault.detail);
}

static void what_is_wrong_in_a_body_is_named(void **state)
{
    (void)state;
    refused(&wire_chat, "{}", "messages");
    refused(&wire_chat, "{\"messages\":\"hi\"}", "messages");
    refused(&wire_chat, "{" ASK ",\"temperature\":\"hot\"}", "temperature");
    refused(&wire_chat, "{" ASK ",\"stop\":[1]}", "stop");
    refused(&wire_chat, "{" ASK ",\"n\":129}", "n");
    refused(&wire_chat, "{" ASK ",\"n\":0}", "n");
    refused(&wire_chat, "{" ASK ",\"max_tokens\":0}", "max_tokens");
    refused(&wire_chat, "{" ASK ",\"max_completion_tokens\":1.5}",
            "max_completion_tokens");
    refused(&wire_chat, "{" ASK ",\"tools\":{}}", "tools");
    refused(&wire_chat, "{" ASK ",\"tools\":[1]}", "tools[0]");
    refused(&wire_chat, "{" ASK ",\"tools\":[{\"type\":\"function\"}]}",
            "tools[0].function");
    refused(&wire_chat,
            "{" ASK ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\","
            "\"parameters\":[]}}]}",
            "tools[0].function.parameters");
    refused(&wire_chat, "{" ASK ",\"tool_choice\":\"some\"}", "tool_choice");
    refused(&wire_chat, "{" ASK ",\"tool_choice\":{\"type\":\"function\"}}",
            "tool_choice.function.name");
    refused(&wire_chat, "{" ASK ",\"response_format\":\"json\"}", "response_format");
    refused(&wire_chat,
            "{" ASK
            ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}}}",
            "response_format.json_schema.name");
    refused(&wire_chat, "{" ASK ",\"reasoning_effort\":\"much\"}", "reasoning_effort");
    refused(&wire_chat, "{" ASK ",\"reasoning\":{\"max_tokens\":-1}}",
            "reasoning.max_tokens");
    refused(&wire_chat, "{" ASK ",\"logprobs\":1}", "logprobs");
}

#define MESSAGE(m) "{\"messages\":[" m "]}"

static void what_is_wrong_in_a_message_is_named(void **state)
{
    (void)state;
    refused(&wire_chat, MESSAGE("1"), "messages[0].role");
    refused(&wire_chat, MESSAGE("{\"role\":\"wizard\",\"content\":\"x\"}"),
            "messages[0].role");
    refused(&wire_chat, MESSAGE("{\"role\":\"function\",\"name\":\"f\"}"),
            "messages[0].role");
    refused(&wire_chat, MESSAGE("{\"role\":\"user\"}"), "messages[0].content");
    refused(&wire_chat, MESSAGE("{\"role\":\"user\",\"content\":5}"),
            "messages[0].content");
    refused(&wire_chat, MESSAGE("{\"role\":\"user\",\"content\":[{}]}"),
            "messages[0].content[0].type");
    refused(&wire_chat,
            MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":1}]}"),
            "messages[0].content[0].text");
    refused(&wire_chat,
            MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]}"),
            "messages[0].content[0].type");
    refused(&wire_chat,
            MESSAGE("{\"role\":\"system\",\"content\":[{\"type\":\"image_url\","
                    "\"image_url\":{\"url\":\"https://a/b\"}}]}"),
            "messages[0].content[0].type");
    refused(
        &wire_chat,
        MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
                "{\"type\":\"image_url\",\"image_url\":{\"url\":\"file:///x\"}}]}"),
        "messages[0].content[1].image_url.url");
    refused(&wire_chat,
            MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\","
                    "\"input_audio\":{\"data\":\"a\\\"b\",\"format\":\"wav\"}}]}"),
            "messages[0].content[0].input_audio.data");
    refused(&wire_chat,
            MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{"
                    "\"file_data\":\"?\"}}]}"),
            "messages[0].content[0].file.file_data");
}

static void what_is_wrong_in_a_call_is_named(void **state)
{
    (void)state;
    refused(&wire_chat, MESSAGE("{\"role\":\"tool\",\"content\":\"x\"}"),
            "messages[0].tool_call_id");
    refused(&wire_chat,
            MESSAGE("{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"x\"}"),
            "messages[0].tool_call_id");
    refused(&wire_chat, MESSAGE("{\"role\":\"assistant\",\"tool_calls\":[{}]}"),
            "messages[0].tool_calls[0].id");
    refused(&wire_chat,
            MESSAGE("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\"}]}"),
            "messages[0].tool_calls[0].function.name");
    refused(&wire_chat,
            MESSAGE("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\","
                    "\"function\":{\"name\":\"f\",\"arguments\":7}}]}"),
            "messages[0].tool_calls[0].function.arguments");
    refused(&wire_chat,
            MESSAGE("{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\"}}"),
            "messages[0].function_call");
}

static void a_prompt_for_others_is_one_text(void **state)
{
    struct conversation c;

    (void)state;
    refused(&wire_completions, "{}", "prompt");
    refused(&wire_completions, "{\"prompt\":[1,2]}", "prompt");
    refused(&wire_completions, "{\"prompt\":[[1],[2]]}", "prompt");
    refused(&wire_completions, "{\"prompt\":[\"a\",\"b\"]}", "prompt");
    refused(&wire_completions, "{\"prompt\":\"a\",\"max_tokens\":\"7\"}", "max_tokens");
    wire_read(
        &c, &wire_completions,
        SLICE("{\"model\":\"m\",\"prompt\":[\"one\"],\"echo\":false,\"best_of\":1,"
              "\"suffix\":\"end\",\"logprobs\":2}"),
        arena);
    assert_true(slice_equal_str(c.messages->parts->text.json, "\"one\""));
    assert_int_equal(c.output_bound, 16);
    /* What has no place elsewhere is known by its name. */
    assert_true(slice_equal_str(c.extras->name, "suffix"));
    assert_true(slice_equal_str(c.extras->next->name, "logprobs"));
    assert_null(c.extras->next->next);
}

/* ---- Meant ---- */

static void nulls_and_defaults_say_nothing(void **state)
{
    const struct conversation c = said(
        "{" ASK ",\"temperature\":null,\"tools\":null,\"stop\":null,\"store\":false,"
        "\"modalities\":[\"text\"],\"logit_bias\":{},\"metadata\":{},\"n\":1,"
        "\"response_format\":{\"type\":\"text\"},\"functions\":null}");

    (void)state;
    assert_null(c.extras);
    assert_null(c.tools);
    assert_int_equal(c.temperature.len + c.logit_bias.len + c.metadata.len, 0);
    assert_int_equal(c.choices, 1);
    assert_true(c.reasoning_shown);
}

static void results_of_tools_are_the_users(void **state)
{
    const struct conversation c = said(MESSAGE(
        "{\"role\":\"user\",\"content\":\"go\"},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
        "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
        "\"{\\\"x\\\":1}\"}},"
        "{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":"
        "\"{broken\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"two\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":[{\"type\":\"text\","
        "\"text\":\"one\"}]},"
        "{\"role\":\"user\",\"content\":\"on\"}"));
    const struct message *m = c.messages->next;

    (void)state;
    assert_true(slice_equal_str(m->parts->arguments, "{\"x\":1}"));
    /* Arguments that are no JSON still reach dialects that want JSON. */
    assert_true(
        slice_equal_str(m->parts->next->arguments, "{\"arguments\":\"{broken\"}"));
    m = m->next;
    assert_int_equal(m->role, ROLE_USER);
    assert_int_equal(m->parts->kind, PART_TOOL_RESULT);
    assert_true(slice_equal_str(m->parts->name, "g"));
    assert_true(slice_equal_str(m->parts->next->name, "f"));
    assert_true(slice_equal_str(m->parts->next->content->text.json, "\"one\""));
    assert_null(m->parts->next->next);
    assert_int_equal(m->next->parts->kind, PART_TEXT);
}

/* As clients send back what a stream gave them, piece by piece. */
static void pieces_of_reasoning_become_what_they_were(void **state)
{
    const struct conversation c = said(MESSAGE(
        "{\"role\":\"user\",\"content\":\"go\"},"
        "{\"role\":\"assistant\",\"content\":\"done\",\"reasoning_content\":\"not "
        "this\",\"reasoning_details\":["
        "{\"type\":\"reasoning.text\",\"text\":\"I \",\"index\":0},"
        "{\"type\":\"reasoning.text\",\"text\":\"see\\n\",\"index\":0},"
        "{\"type\":\"reasoning.text\",\"signature\":\"s1\",\"format\":"
        "\"anthropic-claude-v1\",\"index\":0},"
        "{\"type\":\"reasoning.encrypted\",\"data\":\"s2\",\"format\":"
        "\"anthropic-claude-v1\",\"index\":1},"
        "{\"type\":\"reasoning.text\",\"text\":\"why\",\"index\":2,\"id\":\"rs_1\"},"
        "{\"type\":\"reasoning.encrypted\",\"data\":\"s3\",\"index\":2,\"id\":\"rs_1\","
        "\"format\":\"openai-responses-v1\"}]}"));
    const struct part *p = c.messages->next->parts;

    (void)state;
    assert_true(slice_equal_str(p->text.json, "\"I see\\n\""));
    assert_true(slice_equal_str(p->signature.json, "\"s1\""));
    assert_true(slice_equal_str(p->signed_by, "anthropic-claude-v1"));
    assert_false(p->is_encrypted);
    p = p->next;
    assert_true(p->is_encrypted);
    assert_true(slice_equal_str(p->signature.json, "\"s2\""));
    p = p->next;
    assert_true(slice_equal_str(p->text.json, "\"why\""));
    assert_true(slice_equal_str(p->signature.json, "\"s3\""));
    assert_true(slice_equal_str(p->item_id, "rs_1"));
    assert_int_equal(p->next->kind, PART_TEXT);
}

/* ---- Written ---- */

static const char *sent(const struct conversation *c, unsigned quirks,
                        const char *expected_losses)
{
    const struct wire_target t = {.model = SLICE("m"), .quirks = quirks};
    struct losses lost = {.count = 0};
    struct wire_fault fault = {.param = NULL};
    struct buf b, names;
    const char *body;

    buf_init(&b, 1 << 20);
    buf_init(&names, 4096);
    if (wire_chat.write(&b, c, &t, &lost, &fault, arena) != RC_OK)
        fail_msg("%s: %s", fault.param, fault.detail);
    losses_print(&names, &lost);
    buf_append_char(&names, '\0');
    assert_string_equal(buf_slice(&names).bytes, expected_losses);
    body = arena_copy(arena, buf_slice(&b).bytes, buf_len(&b));
    buf_free(&b);
    buf_free(&names);
    return body;
}

static void expect_sent(const char *asked, unsigned quirks, const char *losses,
                        const char *expected)
{
    const struct conversation c = said(asked);

    assert_string_equal(sent(&c, quirks, losses), expected);
}

#define SAID "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void each_vendor_is_told_in_its_words(void **state)
{
    (void)state;
    expect_sent("{" ASK ",\"seed\":7,\"max_tokens\":5}",
                QUIRK_RANDOM_SEED | QUIRK_MAX_TOKENS, "",
                SAID ",\"max_tokens\":5,\"random_seed\":7}");
    expect_sent("{" ASK ",\"max_tokens\":5}", 0, "",
                SAID ",\"max_completion_tokens\":5}");
    expect_sent("{" ASK ",\"reasoning_effort\":\"low\"}", QUIRK_THINKING_SWITCH, "",
                SAID ",\"thinking\":{\"type\":\"enabled\"},\"reasoning_effort\":"
                     "\"low\"}");
    expect_sent("{" ASK ",\"reasoning_effort\":\"none\"}",
                QUIRK_THINKING_SWITCH | QUIRK_NO_EFFORT, "",
                SAID ",\"thinking\":{\"type\":\"disabled\"}}");
    expect_sent("{" ASK ",\"reasoning\":{\"max_tokens\":777}}",
                QUIRK_ENABLE_THINKING | QUIRK_NO_EFFORT, "",
                SAID ",\"enable_thinking\":true,\"thinking_budget\":777}");
    expect_sent("{" ASK ",\"reasoning\":{\"max_tokens\":7000}}", 0, "",
                SAID ",\"reasoning_effort\":\"medium\"}");
    expect_sent("{" ASK ",\"reasoning\":{\"effort\":\"high\",\"exclude\":true}}",
                QUIRK_REASONING_DETAILS, "",
                SAID ",\"reasoning\":{\"effort\":\"high\",\"exclude\":true}}");
    expect_sent("{" ASK
                ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                "{\"name\":\"a\",\"schema\":{}}}}",
                QUIRK_NO_SCHEMA, "response_format.json_schema",
                "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
                "\"Answer with a JSON object that is valid by this JSON schema: {}\"},{"
                "\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":"
                "\"json_object\"}}");
}

static void what_a_vendor_lacks_is_lost_by_name(void **state)
{
    (void)state;
    expect_sent("{" ASK ",\"temperature\":0.5,\"top_p\":1,\"top_k\":4,"
                "\"presence_penalty\":0.0,\"frequency_penalty\":1,\"n\":3,"
                "\"logprobs\":true,\"top_logprobs\":2,\"user\":\"u\","
                "\"verbosity\":\"low\",\"service_tier\":\"flex\",\"x_y\":1,"
                "\"metadata\":{\"a\":\"b\"}}",
                QUIRK_NO_SAMPLING | QUIRK_ONE_CHOICE | QUIRK_NO_LOGPROBS |
                    QUIRK_FEW_FIELDS,
                "temperature, top_k, frequency_penalty, logprobs, top_logprobs, n, "
                "service_tier, verbosity, user, metadata, x_y",
                SAID "}");
    expect_sent("{" ASK ",\"reasoning_effort\":\"low\",\"stop\":\"x\"}",
                QUIRK_NO_THINKING | QUIRK_NO_STOP, "stop, reasoning_effort", SAID "}");
    expect_sent("{" ASK ",\"reasoning_effort\":\"none\"}", QUIRK_NO_THINKING, "",
                SAID "}");
    expect_sent("{" ASK ",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", 0, "stop",
                SAID ",\"stop\":[\"a\",\"b\",\"c\",\"d\"]}");
}

static void tools_a_vendor_does_not_know_are_lost(void **state)
{
    static const char asked[] =
        "{" ASK ",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}},"
        "{\"type\":\"web_search\"},{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
        "\"tool_choice\":\"required\",\"parallel_tool_calls\":false}";

    (void)state;
    expect_sent(asked, QUIRK_FUNCTIONS_ONLY | QUIRK_NO_REQUIRED,
                "tools[0], tools[1], tool_choice",
                SAID
                ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
                "\"tool_choice\":\"auto\",\"parallel_tool_calls\":false}");
    expect_sent(asked, QUIRK_CHOICE_ANY, "tools[1]",
                SAID ",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}},{"
                     "\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
                     "\"tool_choice\":\"any\",\"parallel_tool_calls\":false}");
}

static void ids_are_as_the_vendor_takes_them(void **state)
{
    struct conversation c = said(MESSAGE(
        "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"call_0123456789\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"\"}},{\"id\":\"abcABC123\","
        "\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"call_0123456789\",\"content\":\"x\"}"));
    const char *body = sent(&c, QUIRK_SHORT_IDS, "");
    const char *first = strstr(body, "\"id\":\"");
    char id[10];

    (void)state;
    assert_non_null(first);
    (void)snprintf(id, sizeof(id), "%s", first + 6);
    assert_int_equal(first[6 + 9], '"');
    assert_non_null(strstr(body, "\"id\":\"abcABC123\""));
    /* The result has the same. */
    first = strstr(body, "\"tool_call_id\":\"");
    assert_non_null(first);
    assert_memory_equal(first + 16, id, 9);
    assert_non_null(strstr(sent(&c, 0, ""), "\"id\":\"call_0123456789\""));
}

static void reasoning_goes_back_to_whom_it_is_something(void **state)
{
    const struct conversation c = said(MESSAGE(
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
        "\"text\",\"text\":\"b\"}],\"reasoning_content\":\"hm\"}"));

    (void)state;
    assert_string_equal(sent(&c, QUIRK_REASONING_BACK | QUIRK_STRING_CONTENT, ""),
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
                        "\"reasoning_content\":\"hm\",\"content\":\"a\\n\\nb\"}]}");
    assert_string_equal(sent(&c, 0, ""),
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
                        "\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
                        "\"text\",\"text\":\"b\"}]}]}");
    assert_string_equal(
        sent(&c, QUIRK_REASONING_DETAILS | QUIRK_STRING_CONTENT, ""),
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"reasoning_details\":[{"
        "\"type\":\"reasoning.text\",\"text\":\"hm\",\"index\":0}],\"content\":"
        "\"a\\n\\nb\"}]}");
}

static void who_wants_the_system_first_hears_it_from_the_user_later(void **state)
{
    (void)state;
    expect_sent(
        MESSAGE("{\"role\":\"system\",\"content\":\"a\"},{\"role\":\"developer\","
                "\"content\":\"b\"},{\"role\":\"user\",\"content\":\"c\"},{"
                "\"role\":\"system\",\"content\":\"d\"}"),
        QUIRK_SYSTEM_FIRST | QUIRK_SYSTEM_ROLE, "",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"a\"},{"
        "\"role\":\"system\",\"content\":\"b\"},{\"role\":\"user\",\"content\":"
        "\"c\"},{\"role\":\"user\",\"content\":\"d\"}]}");
}

static void an_image_that_cannot_be_said_is_refused(void **state)
{
    const struct conversation c = said(MESSAGE(
        "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
        "\"url\":\"https://a/b.png\",\"detail\":\"low\"}}]}"));
    const struct wire_target t = {.model = SLICE("m"), .quirks = QUIRK_NO_IMAGE_URL};
    struct losses lost = {.count = 0};
    struct wire_fault fault = {.param = NULL};
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 16);
    assert_int_equal(wire_chat.write(&b, &c, &t, &lost, &fault, arena), RC_BAD_INPUT);
    assert_string_equal(fault.param, "messages[0].content[0]");
    buf_free(&b);
    assert_string_equal(
        sent(&c, 0, ""),
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
        "\"image_url\",\"image_url\":{\"url\":\"https://a/b.png\",\"detail\":\"low\"}}]}]"
        "}");
}

/* ---- Translations of another gateway ---- */

/* Where we say it otherwise, on purpose. */
static const struct {
    const char *file, *member, *why;
} differences[] = {
    {"*", "stream", "false is not said"},
    {"cache_control", "messages", "cache marks are told to those who take them only"},
    {"gpt_adaptive_thinking_with_tools", "reasoning_effort",
     "thinking that was asked for is asked for"},
    {"structured-output", "reasoning_effort", "an effort that was asked for is told"},
};

static bool is_deliberate(const char *name, const char *member)
{
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++)
        if (strcmp(differences[i].member, member) == 0 &&
            (differences[i].file[0] == '*' ||
             strstr(name, differences[i].file) != NULL))
            return true;
    return false;
}

/* A content of one text part, and that text: the same. */
static void plain_content(struct json_object *message)
{
    struct json_object *content, *text;

    if (!json_object_object_get_ex(message, "content", &content) ||
        !json_object_is_type(content, json_type_array) ||
        json_object_array_length(content) != 1)
        return;
    if (json_object_object_get_ex(json_object_array_get_idx(content, 0), "text", &text))
        json_object_object_add(message, "content", json_object_get(text));
}

static struct json_object *plain_request(const char *text)
{
    struct json_object *o = json_tokener_parse(text), *messages;

    assert_non_null(o);
    if (json_object_object_get_ex(o, "messages", &messages))
        for (size_t i = 0; i < json_object_array_length(messages); i++)
            plain_content(json_object_array_get_idx(messages, i));
    return o;
}

static void compare(const char *name, struct json_object *want,
                    struct json_object *made)
{
    json_object_object_foreach(want, key, value)
    {
        struct json_object *other = NULL;

        if (is_deliberate(name, key))
            continue;
        (void)json_object_object_get_ex(made, key, &other);
        if (!json_object_equal(value, other))
            fail_msg("%s: %s: %s, not %s", name, key, json_object_to_json_string(other),
                     json_object_to_json_string(value));
    }
    json_object_object_foreach(made, key2, value2)
    {
        (void)value2;
        if (!is_deliberate(name, key2) && !json_object_object_get_ex(want, key2, NULL))
            fail_msg("%s: %s is ours alone", name, key2);
    }
}

/* "x.completions.snap" stands beside the "x.json" that it was made of. */
static void translated(const char *name)
{
    struct slice snap = wire_file(name), body, rest;
    struct json_object *all, *want, *made;
    struct conversation c;
    struct losses lost = {.count = 0};
    struct wire_fault fault = {.param = NULL};
    struct wire_target t = {.quirks = QUIRK_SYSTEM_ROLE};
    struct json_object *model;
    char path[512], *text;
    size_t at;
    struct buf b;

    (void)snprintf(path, sizeof(path), "%.*s.json",
                   (int)(strlen(name) - strlen(".completions.snap")), name);
    body = wire_file(path);
    at = slice_search(slice_sub(snap, 4, snap.len), SLICE("\n---\n")) + 9;
    rest = slice_sub(snap, at, snap.len);
    text = arena_copy(arena, rest.bytes, rest.len);
    all = json_tokener_parse(text);
    assert_non_null(all);
    assert_true(json_object_object_get_ex(all, "request", &want));
    wire_read(&c, &wire_messages, body, arena);
    assert_true(json_object_object_get_ex(want, "model", &model));
    t.model = slice_str(json_object_get_string(model));
    buf_init(&b, 1 << 20);
    if (wire_chat.write(&b, &c, &t, &lost, &fault, arena) != RC_OK)
        fail_msg("%s: %s: %s", name, fault.param, fault.detail);
    made = plain_request(arena_copy(arena, buf_slice(&b).bytes, buf_len(&b)));
    want = plain_request(json_object_to_json_string(want));
    compare(name, want, made);
    json_object_put(want);
    json_object_put(made);
    json_object_put(all);
    buf_free(&b);
    wire_free(body);
    wire_free(snap);
}

static void requests_of_messages_become_what_others_make_of_them(void **state)
{
    (void)state;
    wire_each("translations/agentgateway-requests/messages", ".completions.snap",
              translated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_in_a_body_is_named),
        cmocka_unit_test(what_is_wrong_in_a_message_is_named),
        cmocka_unit_test(what_is_wrong_in_a_call_is_named),
        cmocka_unit_test(a_prompt_for_others_is_one_text),
        cmocka_unit_test(nulls_and_defaults_say_nothing),
        cmocka_unit_test(results_of_tools_are_the_users),
        cmocka_unit_test(pieces_of_reasoning_become_what_they_were),
        cmocka_unit_test(each_vendor_is_told_in_its_words),
        cmocka_unit_test(what_a_vendor_lacks_is_lost_by_name),
        cmocka_unit_test(tools_a_vendor_does_not_know_are_lost),
        cmocka_unit_test(ids_are_as_the_vendor_takes_them),
        cmocka_unit_test(reasoning_goes_back_to_whom_it_is_something),
        cmocka_unit_test(who_wants_the_system_first_hears_it_from_the_user_later),
        cmocka_unit_test(an_image_that_cannot_be_said_is_refused),
        cmocka_unit_test(requests_of_messages_become_what_others_make_of_them),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations as bodies of Converse: the recorded translations, compared as trees,
 * and what they do not have. Of those that end in .bedrock.snap these do not apply:
 * rerank/ and count-tokens/, which no api of ours has at Bedrock, and so embeddings/.
 */
#include "gateway/wires/converse.h"

#include "tests/wire_fixture.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    BODY_MAX = 4 << 20
};

#define CLAUDE     "anthropic.claude-sonnet-4-5-20250929-v1:0"
#define CLAUDE_46  "anthropic.claude-opus-4-6-v1"
#define NOVA       "amazon.nova-pro-v1:0"
#define OTHER      "meta.llama4-scout-17b-instruct-v1:0"
#define EXTRA      "additionalModelRequestFields"
#define TRANSLATED "translations/agentgateway-requests/"

/* What became of a body. */
struct written {
    struct arena *a;
    enum rc rc;
    struct json_object *tree; /* NULL: refused */
    char lost[512];
    struct wire_fault fault;
};

static void write_for(struct written *out, const struct wire *wire, struct slice body,
                      const struct wire_target *t)
{
    struct conversation c;
    struct losses lost = {.count = 0};
    struct buf b, names;

    memset(out, 0, sizeof(*out));
    assert_int_equal(arena_open(&out->a, 16 << 20), RC_OK);
    wire_read(&c, wire, body, out->a);
    buf_init(&b, BODY_MAX);
    buf_init(&names, sizeof(out->lost) - 1);
    out->rc = wire_converse.write(&b, &c, t, &lost, &out->fault, out->a);
    if (out->rc == RC_OK) {
        buf_append_char(&b, '\0');
        out->tree = json_tokener_parse(buf_slice(&b).bytes);
        assert_non_null(out->tree);
    }
    losses_print(&names, &lost);
    assert_int_equal(slice_to_cstr(out->lost, sizeof(out->lost), buf_slice(&names)),
                     RC_OK);
    buf_free(&names);
    buf_free(&b);
}

static void written_free(struct written *w)
{
    json_object_put(w->tree);
    arena_close(w->a);
}

/* ---- The recorded translations ---- */

static struct json_object *get(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(o, key, &value) ? value : NULL;
}

/* The JSON behind the second "---". */
static struct json_object *read_snapshot(const char *name)
{
    struct slice file = wire_file(name);
    struct slice rest = file;
    struct json_object *all, *request;
    struct slice line;
    unsigned marks = 0;
    struct buf b;

    while (marks < 2 && slice_next(&line, &rest, '\n'))
        marks += slice_equal_str(line, "---");
    buf_init(&b, BODY_MAX);
    buf_append(&b, rest);
    buf_append_char(&b, '\0');
    all = json_tokener_parse(buf_slice(&b).bytes);
    assert_non_null(all);
    request = json_object_get(get(all, "request"));
    assert_non_null(request);
    json_object_put(all);
    buf_free(&b);
    wire_free(file);
    return request;
}

static void drop_nulls(struct json_object *o)
{
    if (json_object_is_type(o, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(o); i++)
            drop_nulls(json_object_array_get_idx(o, i));
    } else if (json_object_is_type(o, json_type_object)) {
        json_object_object_foreach(o, key, value)
        {
            if (value == NULL)
                json_object_object_del(o, key);
            else
                drop_nulls(value);
        }
    }
}

/* What differs without a meaning: a schema in a text is a tree, and the name of the
 * tool that stands for others is anybody's. */
static void make_normal(struct json_object *o)
{
    struct json_object *schema =
        get(get(get(get(o, "outputConfig"), "textFormat"), "structure"), "jsonSchema");
    struct json_object *tools = get(o, "toolConfig");
    struct json_object *first;

    drop_nulls(o);
    /* Whether a summary is shown is another matter than whether one reasons. */
    if (get(get(o, EXTRA), "thinking") != NULL)
        json_object_object_del(get(get(o, EXTRA), "thinking"), "display");
    if (schema != NULL)
        json_object_object_add(
            schema, "schema",
            json_tokener_parse(json_object_get_string(get(schema, "schema"))));
    if (get(tools, "tools") == NULL)
        return;
    if (get(tools, "tool_choice") != NULL) { /* AWS spells it otherwise */
        json_object_object_add(tools, "toolChoice",
                               json_object_get(get(tools, "tool_choice")));
        json_object_object_del(tools, "tool_choice");
    }
    first = get(json_object_array_get_idx(get(tools, "tools"), 0), "toolSpec");
    if (strstr(json_object_get_string(get(first, "name")), "dummy") != NULL ||
        strcmp(json_object_get_string(get(first, "name")), "no_tool_available") == 0) {
        json_object_object_del(first, "name");
        json_object_object_del(first, "description");
        json_object_object_del(first, "inputSchema");
    }
}

/* A path of keys: "a.b". */
static void drop(struct json_object *o, const char *path)
{
    struct slice rest = slice_str(path);
    struct slice key;
    char name[64];

    while (slice_next(&key, &rest, '.')) {
        assert_int_equal(slice_to_cstr(name, sizeof(name), key), RC_OK);
        if (rest.len > 0)
            o = get(o, name);
    }
    assert_non_null(get(o, name));
    json_object_object_del(o, name);
}

struct translation {
    const char *name;
    const struct wire *wire;
    const char *model;
    unsigned quirks;
    const char *not_ours[2]; /* of theirs: NULL: nothing */
    const char *lost;
};

static void check_translation(const struct translation *t)
{
    char path[256];
    struct json_object *due;
    struct slice body;
    struct written w;
    const struct wire_target target = {
        .model = slice_str(t->model), .quirks = t->quirks, .max_output_tokens = 4096};

    (void)snprintf(path, sizeof(path), TRANSLATED "%s.json", t->name);
    body = wire_file(path);
    write_for(&w, t->wire, body, &target);
    if (w.rc != RC_OK)
        fail_msg("%s: %s %s", t->name, w.fault.param, w.fault.detail);
    (void)snprintf(path, sizeof(path), TRANSLATED "%s.bedrock.snap", t->name);
    due = read_snapshot(path);
    for (size_t i = 0; i < 2 && t->not_ours[i] != NULL; i++)
        drop(due, t->not_ours[i]);
    make_normal(due);
    make_normal(w.tree);
    if (!json_object_equal(w.tree, due))
        (void)fprintf(stderr, "%s: %s\nis not\n%s\n", t->name,
                      json_object_to_json_string(w.tree),
                      json_object_to_json_string(due));
    assert_true(json_object_equal(w.tree, due));
    assert_string_equal(w.lost, t->lost);
    json_object_put(due);
    written_free(&w);
    wire_free(body);
}

/* Theirs name a bound of the output where the client does not: Bedrock needs none. */
#define NO_BOUND "inferenceConfig.maxTokens"

static void recorded_translations_are_ours(void **state)
{
    static const struct translation cases[] = {
        {"messages/basic", &wire_messages, CLAUDE, 0, {NULL}, ""},
        {"messages/reasoning", &wire_messages, CLAUDE_46, 0, {NULL}, "output_format"},
        {"messages/reasoning_replay", &wire_messages, CLAUDE, 0, {NULL}, ""},
        {"messages/server_tools", &wire_messages, CLAUDE, 0, {NULL}, "tools[0]"},
        {"messages/system_message", &wire_messages, CLAUDE, 0, {NULL}, ""},
        {"messages/tools", &wire_messages, CLAUDE, 0, {NULL}, ""},
        /* Ours says that the old model does not reason; Bedrock knows no metadata. */
        {"messages/structured-output",
         &wire_messages,
         "anthropic.claude-3-sonnet",
         0,
         {"additionalModelRequestFields.output_config"},
         "reasoning_effort"},
        {"messages/metadata",
         &wire_messages,
         CLAUDE,
         0,
         {"additionalModelRequestFields"},
         "user, metadata"},
        {"completions/basic", &wire_chat, CLAUDE, 0, {NO_BOUND}, ""},
        {"completions/parallel-tool-call", &wire_chat, CLAUDE, 0, {NO_BOUND}, ""},
        {"completions/tool-call", &wire_chat, CLAUDE, 0, {NO_BOUND}, ""},
        {"completions/reasoning",
         &wire_chat,
         CLAUDE,
         QUIRK_THINKING_BUDGET,
         {NULL},
         ""},
        {"completions/reasoning_replay_unsigned",
         &wire_chat,
         CLAUDE,
         0,
         {NO_BOUND},
         ""},
        /* Just any JSON has no word at Bedrock, a made-up schema might be refused. */
        {"completions/full",
         &wire_chat,
         OTHER,
         0,
         {"outputConfig"},
         "response_format, n, frequency_penalty, presence_penalty, seed, logit_bias, "
         "user, functions, function_call"},
        {"responses/basic", &wire_responses, CLAUDE, 0, {NULL}, ""},
        {"responses/input-list", &wire_responses, CLAUDE, 0, {NO_BOUND}, ""},
        {"responses/input-media", &wire_responses, CLAUDE, 0, {NULL}, ""},
        {"responses/instructions", &wire_responses, CLAUDE, 0, {NULL}, ""},
        {"responses/parallel-tool-call", &wire_responses, CLAUDE, 0, {NULL}, ""},
        {"responses/structured-output", &wire_responses, CLAUDE, 0, {NULL}, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_translation(&cases[i]);
}

/* ---- Bodies of our own, as Anthropic's clients send them ---- */

static void write_text(struct written *out, const char *model, unsigned quirks,
                       const char *body)
{
    const struct wire_target target = {
        .model = slice_str(model), .quirks = quirks, .max_output_tokens = 8000};

    write_for(out, &wire_messages, slice_str(body), &target);
}

/* A member of the body, or all of it for "", as JSON without blanks. */
static void expect(struct written *w, const char *member, const char *due)
{
    struct json_object *o = *member == '\0' ? w->tree : get(w->tree, member);
    const char *got = json_object_to_json_string_ext(
        o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

    assert_int_equal(w->rc, RC_OK);
    assert_string_equal(got, due);
}

static void expect_refused(const char *body, const char *param, const char *detail)
{
    struct written w;

    write_text(&w, CLAUDE, 0, body);
    assert_int_equal(w.rc, RC_BAD_INPUT);
    assert_string_equal(w.fault.param, param);
    if (strstr(w.fault.detail, detail) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", w.fault.detail, detail);
    written_free(&w);
}

#define SAY(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define ASK(members) \
    "{\"model\":\"m\",\"max_tokens\":100,\"messages\":[" SAY("a") "]" members "}"
#define TURNS(turns)   "{\"model\":\"m\",\"max_tokens\":100,\"messages\":[" turns "]}"
#define BLOCKS(blocks) TURNS("{\"role\":\"user\",\"content\":[" blocks "]}")

static void turns_alternate_and_results_come_first(void **state)
{
    struct written w;

    (void)state;
    write_text(
        &w, CLAUDE, 0,
        TURNS(SAY("one") "," SAY(
            "two") ","
                   "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"three\"},"
                   "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}]},"
                   "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"four\"},"
                   "{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"five\","
                   "\"is_error\":true}]}," SAY("six")));
    expect(&w, "messages",
           "[{\"role\":\"user\",\"content\":[{\"text\":\"one\"},{\"text\":\"two\"}]},"
           "{\"role\":\"assistant\",\"content\":[{\"text\":\"three\"},{\"toolUse\":"
           "{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{}}}]},"
           "{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"t1\","
           "\"content\":[{\"text\":\"five\"}],\"status\":\"error\"}},"
           "{\"text\":\"four\"},{\"text\":\"six\"}]}]");
    written_free(&w);
}

/* Bedrock refuses texts without a letter, and ids of calls that others write. */
static void blank_texts_and_odd_ids_are_mended(void **state)
{
    struct written w;

    (void)state;
    write_text(
        &w, CLAUDE, 0,
        TURNS(
            "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\" \\n\\t\"},"
            "{\"type\":\"text\",\"text\":\" a\"}]},"
            "{\"role\":\"assistant\",\"content\":["
            "{\"type\":\"tool_use\",\"id\":\"a.b:1\",\"name\":\"f\",\"input\":{}},"
            "{\"type\":\"tool_use\",\"id\":\"a b\",\"name\":\"f\",\"input\":{}}]},"
            "{\"role\":\"user\",\"content\":["
            "{\"type\":\"tool_result\",\"tool_use_id\":\"a.b:1\"},"
            "{\"type\":\"tool_result\",\"tool_use_id\":\"a b\"}]}"));
    expect(
        &w, "messages",
        "[{\"role\":\"user\",\"content\":[{\"text\":\" a\"}]},"
        "{\"role\":\"assistant\",\"content\":["
        "{\"toolUse\":{\"toolUseId\":\"call_8a9a8289cf438afce700f7a2057a33ce\",\"name\":\"f\",\"input\":{}}},"
        "{\"toolUse\":{\"toolUseId\":\"call_c8687a08aa5d6ed2044328fa6a697ab8\",\"name\":\"f\",\"input\":{}}}]},"
        "{\"role\":\"user\",\"content\":["
        "{\"toolResult\":{\"toolUseId\":\"call_8a9a8289cf438afce700f7a2057a33ce\",\"content\":[]}},"
        "{\"toolResult\":{\"toolUseId\":\"call_c8687a08aa5d6ed2044328fa6a697ab8\",\"content\":[]}}]}]");
    written_free(&w);
}

/* So messages/tool_history_without_tools, which Bedrock would refuse, is refused. */
static void the_first_turn_is_the_users(void **state)
{
    struct slice body =
        wire_file(TRANSLATED "messages/tool_history_without_tools.json");
    const struct wire_target target = {.model = SLICE(CLAUDE)};
    struct written w;

    (void)state;
    write_for(&w, &wire_messages, body, &target);
    assert_int_equal(w.rc, RC_BAD_INPUT);
    assert_string_equal(w.fault.param, "messages[0]");
    written_free(&w);
    wire_free(body);
    expect_refused(TURNS("{\"role\":\"assistant\",\"content\":\"hi\"}," SAY("a")),
                   "messages[0]", "first turn");
    expect_refused("{\"model\":\"m\",\"max_tokens\":9,\"system\":\"s\",\"messages\":["
                   "{\"role\":\"user\",\"content\":\"\"}]}",
                   "messages", "nothing");
}

static void media_are_inline_and_of_known_formats(void **state)
{
    struct written w;

    (void)state;
    write_text(&w, CLAUDE, 0,
               BLOCKS("{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                      "\"media_type\":\"image/webp\",\"data\":\"QUJD\"}}"));
    expect(&w, "messages",
           "[{\"role\":\"user\",\"content\":[{\"image\":{\"format\":\"webp\","
           "\"source\":{\"bytes\":\"QUJD\"}}}]}]");
    written_free(&w);
    expect_refused(BLOCKS("{\"type\":\"image\",\"source\":{\"type\":\"url\","
                          "\"url\":\"https://example.com/a.png\"}}"),
                   "messages[0].content[0]", "inline only");
    expect_refused(BLOCKS("{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                          "\"media_type\":\"image/bmp\",\"data\":\"QUJD\"}}"),
                   "messages[0].content[0]", "png, jpeg, gif and webp");
    expect_refused(BLOCKS("{\"type\":\"document\",\"source\":{\"type\":\"base64\","
                          "\"media_type\":\"application/zip\",\"data\":\"QUJD\"}}"),
                   "messages[0].content[0]", "pdf");
}

static void reasoning_goes_back_as_it_was_signed(void **state)
{
    struct written w;

    (void)state;
    write_text(&w, CLAUDE, 0,
               TURNS(SAY("a") ","
                              "{\"role\":\"assistant\",\"content\":["
                              "{\"type\":\"redacted_thinking\",\"data\":\"ABC\"},"
                              "{\"type\":\"thinking\",\"thinking\":\"b\","
                              "\"signature\":\"s==\"},"
                              "{\"type\":\"thinking\",\"thinking\":\"unsigned\","
                              "\"signature\":\"\"},"
                              "{\"type\":\"text\",\"text\":\"c\"}]}," SAY("d")));
    expect(&w, "messages",
           "[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},"
           "{\"role\":\"assistant\",\"content\":["
           "{\"reasoningContent\":{\"redactedContent\":\"QUJD\"}},"
           "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"b\","
           "\"signature\":\"s==\"}}},{\"text\":\"c\"}]},"
           "{\"role\":\"user\",\"content\":[{\"text\":\"d\"}]}]");
    written_free(&w);
}

static void reasoning_comes_back_through_chat_too(void **state)
{
    const struct wire_target target = {.model = SLICE(CLAUDE)};
    struct written w;

    (void)state;
    write_for(&w, &wire_chat,
              SLICE("{\"model\":\"m\",\"messages\":["
                    "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
                    "\"content\":\"b\",\"reasoning_details\":[{\"type\":"
                    "\"reasoning.text\",\"text\":\"c\",\"signature\":\"s==\","
                    "\"format\":\"anthropic-claude-v1\",\"index\":0}]},"
                    "{\"role\":\"user\",\"content\":\"d\"}]}"),
              &target);
    expect(&w, "messages",
           "[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},"
           "{\"role\":\"assistant\",\"content\":["
           "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"c\","
           "\"signature\":\"s==\"}}},{\"text\":\"b\"}]},"
           "{\"role\":\"user\",\"content\":[{\"text\":\"d\"}]}]");
    written_free(&w);
}

#define MARKED                                                                \
    "{\"model\":\"m\",\"max_tokens\":100,\"system\":[{\"type\":\"text\","     \
    "\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"" \
    "}}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","   \
    "\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}]}],"          \
    "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"},"      \
    "\"cache_control\":{\"type\":\"ephemeral\"}}]}"

static void marks_of_the_cache_are_blocks_where_there_is_one(void **state)
{
    struct written w;

    (void)state;
    write_text(&w, CLAUDE, 0, MARKED);
    expect(&w, "system",
           "[{\"text\":\"s\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}]");
    expect(&w, "messages",
           "[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},"
           "{\"cachePoint\":{\"type\":\"default\"}}]}]");
    expect(&w, "toolConfig",
           "{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":"
           "{\"type\":\"object\"}}}},{\"cachePoint\":{\"type\":\"default\"}}]}");
    written_free(&w);
    write_text(&w, NOVA, 0, MARKED);
    expect(&w, "system", "[{\"text\":\"s\"},{\"cachePoint\":{\"type\":\"default\"}}]");
    expect(&w, "toolConfig",
           "{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":"
           "{\"type\":\"object\"}}}}]}");
    written_free(&w);
    write_text(&w, OTHER, 0, MARKED);
    expect(&w, "system", "[{\"text\":\"s\"}]");
    expect(&w, "messages", "[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]");
    written_free(&w);
}

/* ---- Tools ---- */

#define TOOL                                                              \
    ",\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":" \
    "{\"type\":\"object\",\"$schema\":\"x\",\"properties\":{}}}]"

static void a_choice_of_tools_is_carried(void **state)
{
    static const struct {
        const char *body;
        const char *choice; /* NULL: none */
    } cases[] = {
        {ASK(TOOL), NULL},
        {ASK(TOOL ",\"tool_choice\":{\"type\":\"auto\"}"), "{\"auto\":{}}"},
        {ASK(TOOL ",\"tool_choice\":{\"type\":\"any\"}"), "{\"any\":{}}"},
        {ASK(TOOL ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}"),
         "{\"tool\":{\"name\":\"f\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct written w;
        struct json_object *choice;

        write_text(&w, CLAUDE, 0, cases[i].body);
        choice = get(get(w.tree, "toolConfig"), "toolChoice");
        if (cases[i].choice == NULL)
            assert_null(choice);
        else
            assert_string_equal(
                json_object_to_json_string_ext(choice, JSON_C_TO_STRING_PLAIN),
                cases[i].choice);
        assert_string_equal(w.lost, "");
        written_free(&w);
    }
}

static void tools_that_must_not_be_called_are_left_out(void **state)
{
    struct written w;

    (void)state;
    write_text(&w, CLAUDE, 0, ASK(TOOL ",\"tool_choice\":{\"type\":\"none\"}"));
    assert_null(get(w.tree, "toolConfig"));
    assert_string_equal(w.lost, "");
    written_free(&w);
}

static void a_schema_is_cut_to_what_nova_takes(void **state)
{
    struct written w;

    (void)state;
    write_text(&w, NOVA, 0, ASK(TOOL));
    expect(&w, "toolConfig",
           "{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"description\":\"d\","
           "\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{}}}}}]}");
    written_free(&w);
}

static void what_cannot_be_forced_is_named(void **state)
{
    struct written w;

    (void)state;
    write_text(&w, OTHER, QUIRK_NO_REQUIRED,
               ASK(TOOL ",\"tool_choice\":{\"type\":\"any\"}"));
    assert_null(get(get(w.tree, "toolConfig"), "toolChoice"));
    assert_string_equal(w.lost, "tool_choice");
    written_free(&w);
}

/* ---- Reasoning and sampling ---- */

#define BIG(members) \
    "{\"model\":\"m\",\"max_tokens\":10000,\"messages\":[" SAY("a") "]" members "}"

static void reasoning_is_asked_for_in_each_models_words(void **state)
{
    static const struct {
        const char *model;
        unsigned quirks;
        const char *body;
        const char *extra;
        const char *lost;
    } cases[] = {
        {CLAUDE, QUIRK_THINKING_BUDGET,
         BIG(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"),
         "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}}", ""},
        {CLAUDE, QUIRK_THINKING_BUDGET,
         BIG(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":10000}"),
         "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9999}}", ""},
        {CLAUDE, QUIRK_THINKING_BUDGET,
         BIG(",\"output_config\":{\"effort\":\"medium\"}"),
         "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":5000}}", ""},
        {CLAUDE, QUIRK_THINKING_BUDGET,
         ASK(",\"output_config\":{\"effort\":\"medium\"}"), NULL, "reasoning_effort"},
        {CLAUDE, QUIRK_THINKING_BUDGET, BIG(",\"thinking\":{\"type\":\"disabled\"}"),
         NULL, ""},
        {CLAUDE_46, 0, BIG(",\"thinking\":{\"type\":\"disabled\"}"),
         "{\"thinking\":{\"type\":\"disabled\"}}", ""},
        {CLAUDE_46, 0, BIG(",\"output_config\":{\"effort\":\"max\"}"),
         "{\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"max\"}}",
         ""},
        {CLAUDE_46, 0,
         BIG(TOOL ",\"tool_choice\":{\"type\":\"any\"},"
                  "\"output_config\":{\"effort\":\"low\"}"),
         NULL, "reasoning_effort"},
        {"anthropic.claude-3-haiku-20240307-v1:0", 0,
         BIG(",\"output_config\":{\"effort\":\"low\"}"), NULL, "reasoning_effort"},
        {"us.amazon.nova-2-lite-v1:0", 0,
         BIG(",\"output_config\":{\"effort\":\"max\"}"),
         "{\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":\"high\"}}",
         ""},
        {"openai.gpt-oss-20b-1:0", 0, BIG(",\"output_config\":{\"effort\":\"low\"}"),
         "{\"reasoning_effort\":\"low\"}", ""},
        {"openai.gpt-oss-20b-1:0", 0, BIG(",\"thinking\":{\"type\":\"disabled\"}"),
         NULL, "reasoning_effort"},
        {OTHER, 0, BIG(",\"output_config\":{\"effort\":\"low\"}"), NULL,
         "reasoning_effort"},
        {OTHER, 0, BIG(",\"thinking\":{\"type\":\"disabled\"}"), NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct written w;

        write_text(&w, cases[i].model, cases[i].quirks, cases[i].body);
        if (cases[i].extra == NULL)
            assert_null(get(w.tree, EXTRA));
        else
            expect(&w, EXTRA, cases[i].extra);
        assert_string_equal(w.lost, cases[i].lost);
        written_free(&w);
    }
}

/* Anthropic refuses to think on in a loop that was begun without it. */
static void a_loop_of_tools_goes_on_as_it_began(void **state)
{
    struct written w;

    (void)state;
    write_text(
        &w, CLAUDE_46, 0,
        "{\"model\":\"m\",\"max_tokens\":9000,\"output_config\":{\"effort\":"
        "\"low\"},\"messages\":[" SAY(
            "a") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":"
                 "\"t\",\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":["
                 "{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"b\"}]}]}");
    assert_null(get(w.tree, EXTRA));
    assert_string_equal(w.lost, "reasoning_effort");
    written_free(&w);
}

static void sampling_is_what_the_model_takes(void **state)
{
    static const struct {
        const char *model;
        unsigned quirks;
        const char *members;
        const char *config;
        const char *extra;
        const char *lost;
    } cases[] = {
        {OTHER, 0, ",\"temperature\":0.5,\"top_p\":0.9",
         "{\"maxTokens\":10000,\"temperature\":0.5,\"topP\":0.9}", NULL, ""},
        {CLAUDE, 0, ",\"temperature\":0.5,\"top_p\":0.9",
         "{\"maxTokens\":10000,\"temperature\":0.5}", NULL, "top_p"},
        {CLAUDE_46, 0,
         ",\"temperature\":0.5,\"top_k\":5,\"output_config\":{\"effort\":\"low\"}",
         "{\"maxTokens\":10000}",
         "{\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}}",
         "temperature, top_k"},
        {CLAUDE, QUIRK_NO_SAMPLING, ",\"temperature\":0.5,\"top_p\":1,\"top_k\":5",
         "{\"maxTokens\":10000}", NULL, "temperature, top_k"},
        {CLAUDE, 0, ",\"top_k\":5", "{\"maxTokens\":10000}", "{\"top_k\":5}", ""},
        {NOVA, 0, ",\"top_k\":5", "{\"maxTokens\":10000}",
         "{\"inferenceConfig\":{\"topK\":5}}", ""},
        {OTHER, 0, ",\"top_k\":5", "{\"maxTokens\":10000}", NULL, "top_k"},
        {OTHER, 0, ",\"stop_sequences\":[\"a\",\"\\n\"]",
         "{\"maxTokens\":10000,\"stopSequences\":[\"a\",\"\\n\"]}", NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct written w;
        char body[512];

        (void)snprintf(
            body, sizeof(body),
            "{\"model\":\"m\",\"max_tokens\":10000,\"messages\":[" SAY("a") "]%s}",
            cases[i].members);
        write_text(&w, cases[i].model, cases[i].quirks, body);
        expect(&w, "inferenceConfig", cases[i].config);
        if (cases[i].extra == NULL)
            assert_null(get(w.tree, EXTRA));
        else
            expect(&w, EXTRA, cases[i].extra);
        assert_string_equal(w.lost, cases[i].lost);
        written_free(&w);
    }
}

static void a_forced_bound_goes_in(void **state)
{
    const struct wire_target target = {
        .model = SLICE(CLAUDE), .bound_forced = true, .output_bound = 77};
    struct written w;

    (void)state;
    write_for(&w, &wire_messages, SLICE(ASK("")), &target);
    expect(&w, "inferenceConfig", "{\"maxTokens\":77}");
    written_free(&w);
}

static void a_tier_is_asked_for_by_its_name(void **state)
{
    static const struct {
        const char *body;
        const char *tier; /* NULL: none */
        const char *lost;
    } cases[] = {
        {"{\"model\":\"m\",\"input\":\"a\",\"service_tier\":\"flex\"}",
         "{\"type\":\"flex\"}", ""},
        {"{\"model\":\"m\",\"input\":\"a\",\"service_tier\":\"priority\"}",
         "{\"type\":\"priority\"}", ""},
        {"{\"model\":\"m\",\"input\":\"a\",\"service_tier\":\"auto\"}", NULL, ""},
        {"{\"model\":\"m\",\"input\":\"a\",\"service_tier\":\"scale\"}", NULL,
         "service_tier"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct wire_target target = {.model = SLICE(CLAUDE)};
        struct written w;

        write_for(&w, &wire_responses, slice_str(cases[i].body), &target);
        if (cases[i].tier == NULL)
            assert_null(get(w.tree, "serviceTier"));
        else
            expect(&w, "serviceTier", cases[i].tier);
        assert_string_equal(w.lost, cases[i].lost);
        written_free(&w);
    }
}

static void a_small_arena_is_said_so(void **state)
{
    const struct wire_target target = {.model = SLICE(CLAUDE)};
    struct slice body = wire_file(TRANSLATED "responses/input-media.json");
    struct losses lost = {.count = 0};
    struct wire_fault fault;
    struct conversation c;
    struct arena *a, *small;
    enum rc rc = RC_NOMEM;
    struct buf b;

    (void)state;
    assert_int_equal(arena_open(&a, 16 << 20), RC_OK);
    wire_read(&c, &wire_responses, body, a);
    for (size_t limit = 64; rc == RC_NOMEM; limit += 128) {
        assert_true(limit < 64 * 1024);
        assert_int_equal(arena_open(&small, limit), RC_OK);
        buf_init(&b, BODY_MAX);
        rc = wire_converse.write(&b, &c, &target, &lost, &fault, small);
        buf_free(&b);
        arena_close(small);
    }
    assert_int_equal(rc, RC_OK);
    arena_close(a);
    wire_free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_translations_are_ours),
        cmocka_unit_test(turns_alternate_and_results_come_first),
        cmocka_unit_test(blank_texts_and_odd_ids_are_mended),
        cmocka_unit_test(the_first_turn_is_the_users),
        cmocka_unit_test(media_are_inline_and_of_known_formats),
        cmocka_unit_test(reasoning_goes_back_as_it_was_signed),
        cmocka_unit_test(reasoning_comes_back_through_chat_too),
        cmocka_unit_test(marks_of_the_cache_are_blocks_where_there_is_one),
        cmocka_unit_test(a_choice_of_tools_is_carried),
        cmocka_unit_test(tools_that_must_not_be_called_are_left_out),
        cmocka_unit_test(a_schema_is_cut_to_what_nova_takes),
        cmocka_unit_test(what_cannot_be_forced_is_named),
        cmocka_unit_test(reasoning_is_asked_for_in_each_models_words),
        cmocka_unit_test(a_loop_of_tools_goes_on_as_it_began),
        cmocka_unit_test(sampling_is_what_the_model_takes),
        cmocka_unit_test(a_forced_bound_goes_in),
        cmocka_unit_test(a_tier_is_asked_for_by_its_name),
        cmocka_unit_test(a_small_arena_is_said_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

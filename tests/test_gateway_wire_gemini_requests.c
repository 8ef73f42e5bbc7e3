/* SPDX-License-Identifier: Apache-2.0 */
/* Gemini's requests: what its clients say is read, and written again, without a change
 * of what it says; what is wrong is named; what clients of other dialects say becomes
 * what Google takes, compared with recorded translations. */
#include "gateway/wire.h"

#include "base/json.h"
#include "gateway/wires/gemini_int.h"
#include "tests/wire_fixture.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TEXT_MAX = 4 << 20,
    ARENA_MAX = 32 << 20
};

static struct json_object *at(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (json_object_is_type(o, json_type_object))
        json_object_object_get_ex(o, key, &v);
    return v;
}

static size_t count_of(struct json_object *list)
{
    return json_object_is_type(list, json_type_array) ? json_object_array_length(list)
                                                      : 0;
}

static struct json_object *parse(struct slice text)
{
    struct json_tokener *t = json_tokener_new();
    struct json_object *o = json_tokener_parse_ex(t, text.bytes, (int)text.len);

    if (o == NULL)
        fail_msg("no JSON: %.*s", SLICE_FMT(text));
    json_tokener_free(t);
    return o;
}

static unsigned files;

/* ---- Requests ---- */

struct request {
    struct arena *a;
    struct conversation c;
    struct losses lost;
    struct buf body;
};

static void request_open(struct request *r)
{
    memset(r, 0, sizeof(*r));
    assert_int_equal(arena_open(&r->a, ARENA_MAX), RC_OK);
    buf_init(&r->body, TEXT_MAX);
}

static void request_close(struct request *r)
{
    arena_close(r->a);
    buf_free(&r->body);
}

static void write_for(struct request *r, const char *model)
{
    const struct wire_target t = {.model = slice_str(model)};
    struct wire_fault fault = {.param = NULL};

    buf_reset(&r->body);
    r->lost = (struct losses){.count = 0};
    if (wire_gemini.write(&r->body, &r->c, &t, &r->lost, &fault, r->a) != RC_OK)
        fail_msg("not written: %s", fault.detail);
}

static void read_as(struct request *r, const struct wire *w, const char *body)
{
    wire_read(&r->c, w, slice_str(body), r->a);
}

static const char *written(struct request *r, const char *body, const char *model)
{
    read_as(r, &wire_gemini, body);
    write_for(r, model);
    return arena_copy(r->a, buf_slice(&r->body).bytes, buf_len(&r->body));
}

/* What is written, read and written again, is the same. */
static void round_trip(const char *name)
{
    struct slice body;
    struct request r;
    struct buf first;

    body = wire_file(name);
    request_open(&r);
    buf_init(&first, TEXT_MAX);
    wire_read(&r.c, &wire_gemini, body, r.a);
    write_for(&r, "gemini-2.5-flash");
    buf_append(&first, buf_slice(&r.body));
    wire_read(&r.c, &wire_gemini, buf_slice(&first), r.a);
    write_for(&r, "gemini-2.5-flash");
    if (!slice_equal(buf_slice(&first), buf_slice(&r.body)))
        fail_msg("%s: %.*s is not %.*s", name, SLICE_FMT(buf_slice(&r.body)),
                 SLICE_FMT(buf_slice(&first)));
    files++;
    buf_free(&first);
    request_close(&r);
    wire_free(body);
}

static void a_request_read_and_written_says_the_same(void **state)
{
    (void)state;
    files = 0;
    wire_each("gemini", ".request.json", round_trip);
    assert_true(files >= 25);
}

static const char *mode_in(struct json_object *o)
{
    struct json_object *mode =
        at(at(at(o, "toolConfig"), "functionCallingConfig"), "mode");

    return mode == NULL ? "" : json_object_get_string(mode);
}

/* Settings, in the end, are compared one by one with what the client said: the first
 * writing may not lose anything that the form can hold. */
static void first_writing(const char *name)
{
    static const char *const config[] = {"temperature", "maxOutputTokens",
                                         "stopSequences", "responseMimeType"};
    struct slice body;
    struct json_object *in, *out;
    struct request r;

    body = wire_file(name);
    request_open(&r);
    in = parse(body);
    wire_read(&r.c, &wire_gemini, body, r.a);
    write_for(&r, "gemini-2.5-flash");
    out = parse(buf_slice(&r.body));
    assert_true(json_object_equal(at(in, "safetySettings"), at(out, "safetySettings")));
    /* All functions are allowed in these files, which is what ANY means. */
    assert_string_equal(mode_in(in), mode_in(out));
    for (size_t i = 0; i < sizeof(config) / sizeof(config[0]); i++)
        assert_true(json_object_equal(at(at(in, "generationConfig"), config[i]),
                                      at(at(out, "generationConfig"), config[i])));
    assert_int_equal(count_of(at(in, "contents")), count_of(at(out, "contents")));
    json_object_put(in);
    json_object_put(out);
    request_close(&r);
    wire_free(body);
}

static void settings_and_messages_are_carried(void **state)
{
    (void)state;
    wire_each("gemini", ".request.json", first_writing);
}

static void expect_in(struct request *r, const char *body, const char *model,
                      const char *part)
{
    const char *out = written(r, body, model);

    if (strstr(out, part) == NULL)
        fail_msg("%s is not in %s", part, out);
}

static void both_spellings_and_lone_objects_are_read(void **state)
{
    struct request r;

    (void)state;
    request_open(&r);
    expect_in(&r,
              "{\"contents\":{\"parts\":{\"text\":\"hi\"}},\"system_instruction\":{"
              "\"parts\":{\"text\":\"be brief\"}},\"generation_config\":{"
              "\"max_output_tokens\":7,\"thinking_config\":{\"thinking_budget\":128}}}",
              "gemini-2.5-flash",
              "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
              "\"systemInstruction\":{\"parts\":[{\"text\":\"be brief\"}]},"
              "\"generationConfig\":{\"maxOutputTokens\":7,\"thinkingConfig\":{"
              "\"thinkingBudget\":128}}}");
    expect_in(
        &r,
        "{\"contents\":[{\"parts\":[{\"inline_data\":{\"mime_type\":\"image/png\","
        "\"data\":\"_-8\"}}]}]}",
        "gemini-2.5-flash",
        "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"/+8=\"}}");
    request_close(&r);
}

static void results_find_their_calls_without_ids(void **state)
{
    static const char body[] =
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"q\"}]},{\"role\":"
        "\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"x\":1}}},"
        "{\"functionCall\":{\"name\":\"f\"}},{\"functionCall\":{\"name\":\"g\",\"id\":"
        "\"own\"}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"g\","
        "\"response\":{\"output\":\"3\"}}},{\"functionResponse\":{\"name\":\"f\","
        "\"response\":{\"a\":1}}},{\"functionResponse\":{\"name\":\"f\",\"response\":{"
        "\"error\":\"no\"}}}]}]}";
    struct request r;
    const struct part *call, *result;

    (void)state;
    request_open(&r);
    read_as(&r, &wire_gemini, body);
    call = r.c.messages->next->parts;
    result = r.c.last_message->parts;
    assert_true(slice_equal(result->id, SLICE("own")));
    assert_true(slice_equal(result->content->text.json, SLICE("\"3\"")));
    assert_true(slice_equal(result->next->id, call->id));
    assert_true(
        slice_equal(result->next->content->text.json, SLICE("\"{\\\"a\\\":1}\"")));
    assert_true(slice_equal(result->next->next->id, call->next->id));
    assert_false(slice_equal(call->id, call->next->id));
    assert_true(result->next->next->is_error);
    assert_true(slice_equal(call->next->arguments, SLICE("{}")));
    write_for(&r, "gemini-2.5-flash");
    assert_true(slice_search(buf_slice(&r.body),
                             SLICE("\"name\":\"f\",\"response\":{\"a\":1}")) <
                buf_len(&r.body));
    assert_true(
        slice_search(buf_slice(&r.body), SLICE("\"response\":{\"output\":\"3\"}")) <
        buf_len(&r.body));
    assert_true(
        slice_search(buf_slice(&r.body), SLICE("\"response\":{\"error\":\"no\"}")) <
        buf_len(&r.body));
    request_close(&r);
}

static void a_streamed_answer_that_was_kept_in_pieces_is_one_turn(void **state)
{
    static const char body[] =
        "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]},{\"role\":\"model\",\"parts\":[{"
        "\"functionCall\":{\"name\":\"f\"}}]},{\"role\":\"model\",\"parts\":[{"
        "\"functionCall\":{\"name\":\"g\"}}]},{\"role\":\"model\"},{\"parts\":[{"
        "\"functionResponse\":{\"name\":\"f\",\"response\":{}}},{\"functionResponse\":{"
        "\"name\":\"g\",\"response\":{}}}]}]}";
    struct request r;
    const struct message *m;

    (void)state;
    request_open(&r);
    read_as(&r, &wire_gemini, body);
    m = r.c.messages->next;
    assert_int_equal(m->role, ROLE_ASSISTANT);
    assert_non_null(m->parts->next);
    assert_string_equal(m->parts->next->path, "contents[2].parts[0]");
    assert_ptr_equal(m->next, r.c.last_message);
    request_close(&r);
}

static void googles_schemas_become_json_schemas(void **state)
{
    static const char body[] =
        "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]}],\"generationConfig\":{"
        "\"responseMimeType\":\"application/json\",\"responseSchema\":{\"type\":"
        "\"OBJECT\",\"properties\":{\"type\":{\"type\":\"STRING\",\"nullable\":true},"
        "\"n\":{\"type\":\"ARRAY\",\"min_items\":\"2\",\"items\":{\"any_of\":[{\"type\":"
        "\"INTEGER\"},{\"type\":\"BOOLEAN\"}]}}},\"propertyOrdering\":[\"n\"],"
        "\"required\":[\"n\"]}}}";
    struct request r;

    (void)state;
    request_open(&r);
    read_as(&r, &wire_gemini, body);
    assert_int_equal(r.c.form, FORM_SCHEMA);
    assert_true(slice_equal(
        r.c.schema,
        SLICE(
            "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":[\"string\","
            "\"null\"]},\"n\":{\"type\":\"array\",\"minItems\":2,\"items\":{\"anyOf\":"
            "[{\"type\":\"integer\"},{\"type\":\"boolean\"}]}}},\"required\":[\"n\"],"
            "\"additionalProperties\":false}")));
    request_close(&r);
}

static void a_call_of_another_model_is_signed_with_the_word_for_it(void **state)
{
    static const char body[] =
        "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\","
        "\"id\":\"1\"}},{\"functionCall\":{\"name\":\"f\",\"id\":\"2\"}}]}]}";
    struct request r;
    const char *out;

    (void)state;
    request_open(&r);
    out = written(&r, body, "gemini-3-pro-preview");
    assert_non_null(strstr(out,
                           "{\"functionCall\":{\"id\":\"1\",\"name\":\"f\",\"args\":"
                           "{}},\"thoughtSignature\":\"skip_thought_signature_"
                           "validator\"},{\"functionCall\":{\"id\":\"2\",\"name\":"
                           "\"f\",\"args\":{}}}"));
    out = written(&r, body, "gemini-2.5-pro");
    assert_null(strstr(out, "thoughtSignature"));
    r.c.messages->parts->signature = (struct quoted){SLICE("\"abc\"")};
    r.c.messages->parts->signed_by = SLICE("anthropic-claude-v1");
    write_for(&r, "gemini-3-flash");
    assert_true(slice_search(buf_slice(&r.body), SLICE("\"abc\"")) == buf_len(&r.body));
    request_close(&r);
}

static void effort_is_a_level_or_a_budget_by_the_model(void **state)
{
    static const char body[] = "{\"contents\":[{\"parts\":[{\"text\":\"q\"}]}],"
                               "\"generationConfig\":{\"thinkingConfig\":{"
                               "\"thinkingLevel\":\"MEDIUM\"}}}";
    struct request r;

    (void)state;
    request_open(&r);
    expect_in(&r, body, "gemini-3-flash", "{\"thinkingLevel\":\"MEDIUM\"}");
    expect_in(&r, body, "gemini-2.5-flash", "{\"thinkingBudget\":8192}");
    read_as(&r, &wire_gemini, body);
    r.c.effort = EFFORT_NONE;
    write_for(&r, "gemini-2.5-flash");
    assert_true(slice_search(buf_slice(&r.body), SLICE("{\"thinkingBudget\":0}")) <
                buf_len(&r.body));
    write_for(&r, "gemini-2.5-pro"); /* which can not be stopped from thinking */
    assert_true(slice_search(buf_slice(&r.body), SLICE("{\"thinkingBudget\":128}")) <
                buf_len(&r.body));
    request_close(&r);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *body, *param;
    } cases[] = {
        {"{}", "contents"},
        {"{\"contents\":[]}", "contents"},
        {"{\"contents\":\"hi\"}", "contents"},
        {"{\"contents\":[3]}", "contents[0]"},
        {"{\"contents\":[{\"role\":\"system\",\"parts\":[{\"text\":\"x\"}]}]}",
         "contents[0].role"},
        {"{\"contents\":[{\"role\":\"user\"}]}", "contents[0].parts"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\"},{\"text\":3}]}]}",
         "contents[0].parts[1].text"},
        {"{\"contents\":[{\"parts\":[{\"sound\":{}}]}]}", "contents[0].parts[0]"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\",\"fileData\":{}}]}]}",
         "contents[0].parts[0]"},
        {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\","
         "\"data\":\"not base64\"}}]}]}",
         "contents[0].parts[0].inlineData.data"},
        {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"data\":\"AAAA\"}}]}]}",
         "contents[0].parts[0].inlineData.mimeType"},
        {"{\"contents\":[{\"parts\":[{\"fileData\":{\"fileUri\":\"file:///etc/passwd\"}}]"
         "}]}",
         "contents[0].parts[0].fileData.fileUri"},
        {"{\"contents\":[{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":"
         "{}}}]}]}",
         "contents[0].parts[0].functionResponse"},
        {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":"
         "\"f\",\"args\":\"{}\"}}]}]}",
         "contents[0].parts[0].functionCall.args"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}],\"generationConfig\":{"
         "\"candidateCount\":9}}",
         "generationConfig.candidateCount"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}],\"generationConfig\":{"
         "\"maxOutputTokens\":99999999999}}",
         "generationConfig.maxOutputTokens"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}],\"generationConfig\":{"
         "\"temperature\":\"hot\"}}",
         "generationConfig.temperature"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}],\"tools\":[{"
         "\"functionDeclarations\":[{\"description\":\"x\"}]}]}",
         "tools[0].functionDeclarations[0].name"},
        {"{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}],\"toolConfig\":{"
         "\"functionCallingConfig\":{\"mode\":\"SOME\"}}}",
         "toolConfig.functionCallingConfig.mode"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_fault fault = {.param = NULL};
        struct json_limits limits = {.depth = 0};
        struct request r;

        request_open(&r);
        assert_int_equal(
            json_guard(slice_str(cases[i].body), &limits, NULL, 0, NULL, r.a), RC_OK);
        assert_int_equal(wire_gemini.read(&r.c, &fault, slice_str(cases[i].body), r.a),
                         RC_BAD_INPUT);
        assert_string_equal(fault.param, cases[i].param);
        request_close(&r);
    }
}

static void the_short_way_changes_the_bound_and_nothing_else(void **state)
{
    static const char body[] =
        "{\"model\":\"x\",\"contents\":[],\"generation_config\":{\"topK\":3,"
        "\"max_output_tokens\":900,\"new\":{}},\"odd\":1}";
    const struct wire_target t = {.bound_forced = true, .output_bound = 20};
    struct json_field f[] = {
        {.name = "model"}, {.name = "generationConfig"}, {.name = "generation_config"}};
    struct wire_changes changes = {.count = 0};
    struct json_limits limits = {.depth = 0};
    struct wire_fault fault;
    struct request r;

    (void)state;
    request_open(&r);
    assert_int_equal(json_guard(SLICE(body), &limits, f, 3, NULL, r.a), RC_OK);
    assert_int_equal(wire_gemini.adapt(&changes, &t, f, 3, &fault, r.a), RC_OK);
    json_splice(&r.body, SLICE(body), changes.splices, changes.count);
    assert_true(slice_equal(buf_slice(&r.body),
                            SLICE("{\"contents\":[],\"generation_config\":{"
                                  "\"maxOutputTokens\":20,\"topK\":3,\"new\":{}},"
                                  "\"odd\":1}")));
    request_close(&r);
}

/* ---- Translations ---- */

/* Where this is written otherwise than in the recorded translation, and why. */
static const struct {
    const char *file;
    const char *reason;
} different[] = {
    {"image-file", "a gs:// URL is no image_url of OpenAI's dialect: it is refused"},
    {"reasoning", "the budgets are those of Google's own OpenAI face"},
    {"reasoning_max", "likewise"},
};

static bool is_different(const char *name)
{
    for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
        const struct slice stem = slice_str(different[i].file);
        const char *base = strrchr(name, '/') + 1;

        if (strncmp(base, stem.bytes, stem.len) == 0 && base[stem.len] == '.')
            return true;
    }
    return false;
}

static void rename_member(struct json_object *o, const char *from, const char *to)
{
    struct json_object *v = at(o, from);

    if (v == NULL)
        return;
    json_object_object_add(o, to, json_object_get(v));
    json_object_object_del(o, from);
}

/* The form without what is the same said in another way: schemas in the member that
 * takes them as they are, ids of calls, results under another name, references
 * resolved. */
static void level(struct json_object *request)
{
    struct json_object *contents = at(request, "contents"),
                       *tools = at(request, "tools");
    struct json_object *config = at(request, "generationConfig");

    for (size_t i = 0; i < count_of(contents); i++) {
        struct json_object *parts = at(json_object_array_get_idx(contents, i), "parts");

        for (size_t k = 0; k < count_of(parts); k++) {
            struct json_object *part = json_object_array_get_idx(parts, k);
            struct json_object *result = at(part, "functionResponse");
            struct json_object *response = at(result, "response");
            struct json_object *text = at(response, "content");

            if (at(part, "functionCall") != NULL)
                json_object_object_del(at(part, "functionCall"), "id");
            if (result != NULL)
                json_object_object_del(result, "id");
            if (text != NULL) /* a text that is an object is given as one */
                json_object_object_add(result, "response",
                                       parse(slice_str(json_object_get_string(text))));
        }
    }
    for (size_t i = 0; i < count_of(tools); i++) {
        struct json_object *list =
            at(json_object_array_get_idx(tools, i), "functionDeclarations");

        for (size_t k = 0; k < count_of(list); k++)
            rename_member(json_object_array_get_idx(list, k), "parameters",
                          "parametersJsonSchema");
    }
    rename_member(config, "responseSchema", "responseJsonSchema");
    if (json_object_object_length(config == NULL ? request : config) == 0)
        json_object_object_del(request, "generationConfig");
}

/* Chat's clients are shown the thoughts of all models; in the recordings they are not.
 */
static void hide_thoughts(struct json_object *request)
{
    struct json_object *config = at(request, "generationConfig");
    struct json_object *thinking = at(config, "thinkingConfig");

    if (thinking == NULL)
        return;
    json_object_object_del(thinking, "includeThoughts");
    if (json_object_object_length(thinking) == 0)
        json_object_object_del(config, "thinkingConfig");
}

/* responseJsonSchema takes references; responseSchema, in the recording, had them
 * resolved. */
static void resolve_person(struct json_object *request)
{
    struct json_object *schema =
        at(at(request, "generationConfig"), "responseJsonSchema");
    struct json_object *person = at(at(schema, "$defs"), "Person");

    if (person == NULL)
        return;
    json_object_object_add(at(schema, "properties"), "person", json_object_get(person));
    json_object_object_del(schema, "$defs");
}

static struct json_object *recorded_request(struct slice snap)
{
    struct slice rest = snap;

    for (unsigned i = 0; i < 2; i++) {
        const size_t mark = slice_search(rest, SLICE("---\n"));

        rest = slice_sub(rest, mark + 4, rest.len);
    }
    return parse(rest);
}

static void translation(const char *name)
{
    const size_t stem = strlen(name) - strlen(".vertex-gemini.snap");
    struct slice snap, body;
    struct json_object *top, *want, *have;
    struct request r;
    char file[512];

    if (is_different(name))
        return;
    (void)snprintf(file, sizeof(file), "%.*s.json", (int)stem, name);
    snap = wire_file(name);
    body = wire_file(file);
    top = recorded_request(snap);
    want = at(top, "request");
    request_open(&r);
    wire_read(&r.c, &wire_chat, body, r.a);
    /* Before Gemini 3 functions and JSON answers exclude each other. */
    write_for(&r, strstr(name, "generation-config") != NULL ? "gemini-3-flash"
                                                            : "gemini-2.5-pro");
    have = parse(buf_slice(&r.body));
    hide_thoughts(have);
    level(want);
    level(have);
    resolve_person(have);
    if (!json_object_equal(want, have))
        fail_msg("%s: %s is not %s", name, json_object_to_json_string(have),
                 json_object_to_json_string(want));
    if (r.lost.count > 0)
        fail_msg("%s: lost %s", name, r.lost.names[0]);
    files++;
    json_object_put(have);
    json_object_put(top);
    request_close(&r);
    wire_free(snap);
    wire_free(body);
}

static void recorded_translations_of_chat_are_what_is_written(void **state)
{
    (void)state;
    files = 0;
    wire_each("translations/agentgateway-requests/completions", ".vertex-gemini.snap",
              translation);
    print_message("%u translations\n", files);
    assert_int_equal(files, 7);
}

static void what_gemini_has_no_place_for_is_named(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\",\"name\":"
        "\"ann\"}],\"logit_bias\":{\"5\":1},\"user\":\"u\",\"seed\":99999999999,"
        "\"parallel_tool_calls\":false,\"tools\":[{\"type\":\"function\",\"function\":{"
        "\"name\":\"f\",\"strict\":true}}],\"n\":1,\"store\":false,\"service_tier\":"
        "\"flex\",\"modalities\":[\"text\",\"image\"]}";
    static const char *const lost[] = {"name", "logit_bias",          "user",
                                       "seed", "parallel_tool_calls", "strict"};
    struct request r;

    (void)state;
    request_open(&r);
    read_as(&r, &wire_chat, body);
    write_for(&r, "gemini-2.5-flash-image");
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        bool found = false;

        for (size_t k = 0; k < r.lost.count; k++)
            found |= strcmp(r.lost.names[k], lost[i]) == 0;
        if (!found)
            fail_msg("%s is lost in silence", lost[i]);
    }
    assert_int_equal(r.lost.count, 6);
    assert_true(slice_search(buf_slice(&r.body), SLICE("\"serviceTier\":\"flex\"")) <
                buf_len(&r.body));
    assert_true(slice_search(buf_slice(&r.body),
                             SLICE("\"responseModalities\":[\"TEXT\",\"IMAGE\"]")) <
                buf_len(&r.body));
    request_close(&r);
}

/* What zod 4 makes of a schema: Google's `parameters` would refuse "$schema" and
 * "additionalProperties". */
static void schemas_of_tools_go_as_json_schemas_untouched(void **state)
{
    static const char body[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":"
        "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"$schema\":"
        "\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
        "\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":-9007199254740991}},"
        "\"additionalProperties\":false}}}]}";
    struct request r;

    (void)state;
    request_open(&r);
    read_as(&r, &wire_chat, body);
    write_for(&r, "gemini-2.5-flash");
    assert_true(slice_search(
                    buf_slice(&r.body),
                    SLICE("\"parametersJsonSchema\":{\"$schema\":\"https://json-schema."
                          "org/draft/2020-12/schema\",\"type\":\"object\",")) <
                buf_len(&r.body));
    assert_true(slice_search(buf_slice(&r.body), SLICE("\"parameters\"")) ==
                buf_len(&r.body));
    request_close(&r);
}

/* Google reads names in both spellings: what the hold is counted from may not stand in
 * the body a second time. */
static void no_dialect_smuggles_what_the_hold_does_not_count(void **state)
{
    static const char body[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"max_tokens\":5,"
        "\"generationConfig.candidate_count\":8,\"generationConfig.candidateCount\":8,"
        "\"generationConfig.max_output_tokens\":900,"
        "\"generationConfig.mediaResolution\":\"MEDIA_RESOLUTION_LOW\","
        "\"cachedContent\":\"cachedContents/x\",\"cached_content\":\"y\"}";
    static const char *const smuggled[] = {"candidate", "max_output", "cached", "900"};
    struct request r;
    struct buf names;

    (void)state;
    request_open(&r);
    wire_read(&r.c, &wire_chat, SLICE(body), r.a);
    write_for(&r, "gemini-2.5-flash");
    for (size_t i = 0; i < sizeof(smuggled) / sizeof(smuggled[0]); i++)
        assert_true(slice_search(buf_slice(&r.body), slice_str(smuggled[i])) ==
                    buf_len(&r.body));
    assert_true(slice_search(buf_slice(&r.body), SLICE("\"mediaResolution\"")) <
                buf_len(&r.body));
    buf_init(&names, 1024);
    losses_print(&names, &r.lost);
    assert_true(slice_search(buf_slice(&names), SLICE("cachedContent")) <
                buf_len(&names));
    buf_free(&names);
    request_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_read_and_written_says_the_same),
        cmocka_unit_test(settings_and_messages_are_carried),
        cmocka_unit_test(both_spellings_and_lone_objects_are_read),
        cmocka_unit_test(results_find_their_calls_without_ids),
        cmocka_unit_test(a_streamed_answer_that_was_kept_in_pieces_is_one_turn),
        cmocka_unit_test(googles_schemas_become_json_schemas),
        cmocka_unit_test(a_call_of_another_model_is_signed_with_the_word_for_it),
        cmocka_unit_test(effort_is_a_level_or_a_budget_by_the_model),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(the_short_way_changes_the_bound_and_nothing_else),
        cmocka_unit_test(recorded_translations_of_chat_are_what_is_written),
        cmocka_unit_test(what_gemini_has_no_place_for_is_named),
        cmocka_unit_test(schemas_of_tools_go_as_json_schemas_untouched),
        cmocka_unit_test(no_dialect_smuggles_what_the_hold_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

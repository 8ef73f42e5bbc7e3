/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the Responses face: what clients say is read, and written again, without
 * a change of what it says; what other dialects say is written as others have
 * translated it; what is wrong, or can only be done by OpenAI, is named; and what a
 * model's maker wants back comes back to it through a client that knows nothing of it.
 */
#include "gateway/wire.h"

#include "base/json.h"
#include "gateway/sse.h"
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

static struct json_object *element(struct json_object *list, size_t i)
{
    return json_object_is_type(list, json_type_array) &&
                   i < json_object_array_length(list)
               ? json_object_array_get_idx(list, i)
               : NULL;
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
    struct wire_fault fault;
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

static enum rc try_read(struct request *r, struct slice body)
{
    const struct json_limits limits = {.bytes = 0};

    assert_int_equal(json_guard(body, &limits, NULL, 0, NULL, r->a), RC_OK);
    return wire_responses.read(&r->c, &r->fault, body, r->a);
}

static void write_by(struct request *r, const struct wire *w, const char *model)
{
    const struct wire_target t = {.model = slice_str(model), .max_output_tokens = 999};

    buf_reset(&r->body);
    r->lost = (struct losses){.count = 0};
    if (w->write(&r->body, &r->c, &t, &r->lost, &r->fault, r->a) != RC_OK)
        fail_msg("not written: %s", r->fault.detail);
}

/* ---- Our own dialect ---- */

/* These two refer to answers that OpenAI keeps, or are to be worked on later. */
static bool needs_openai(const char *name)
{
    return strstr(name, "previous_response_id.2.") != NULL ||
           strstr(name, "background_mode") != NULL;
}

/* Items by type, in order: "user,function_call,..". A bare string is a user's. */
static void list_items(struct buf *out, struct json_object *input)
{
    if (json_object_is_type(input, json_type_string))
        buf_append_str(out, "user,");
    for (size_t i = 0; i < count_of(input); i++) {
        struct json_object *item = element(input, i), *type = at(item, "type");
        const char *word = type == NULL ? "message" : json_object_get_string(type);

        if (strcmp(word, "message") == 0)
            word = json_object_get_string(at(item, "role"));
        buf_printf(out, "%s,", word);
    }
}

static void compare_settings(const char *name, struct json_object *in,
                             struct json_object *out)
{
    static const char *const same[] = {"temperature",       "top_p",    "metadata",
                                       "max_output_tokens", "user",     "instructions",
                                       "service_tier",      "reasoning"};

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        if (at(in, same[i]) != NULL &&
            json_object_get_string_len(at(in, same[i])) > 0 &&
            !json_object_equal(at(in, same[i]), at(out, same[i])))
            fail_msg("%s: %s is another", name, same[i]);
    if (at(at(in, "text"), "format") != NULL &&
        strcmp(json_object_get_string(at(at(at(in, "text"), "format"), "type")),
               "text") != 0)
        assert_true(json_object_equal(at(at(in, "text"), "format"),
                                      at(at(out, "text"), "format")));
    assert_int_equal(count_of(at(in, "tools")), count_of(at(out, "tools")));
    for (size_t i = 0; i < count_of(at(in, "tools")); i++) {
        struct json_object *a = element(at(in, "tools"), i);
        struct json_object *b = element(at(out, "tools"), i);

        assert_true(json_object_equal(at(a, "name"), at(b, "name")));
        assert_true(json_object_equal(at(a, "parameters"), at(b, "parameters")));
    }
}

/* A summary that was not asked for by name is asked for as it comes. */
static void round_trip(const char *name)
{
    const struct slice body = wire_file(name);
    struct json_object *in = parse(body), *out;
    struct buf first, items_in, items_out;
    struct request r;

    request_open(&r);
    buf_init(&first, TEXT_MAX);
    buf_init(&items_in, TEXT_MAX);
    buf_init(&items_out, TEXT_MAX);
    if (needs_openai(name)) {
        assert_int_equal(try_read(&r, body), RC_BAD_INPUT);
    } else {
        if (try_read(&r, body) != RC_OK)
            fail_msg("%s: %s: %s", name, r.fault.param, r.fault.detail);
        write_by(&r, &wire_responses, "gpt-5");
        buf_append(&first, buf_slice(&r.body));
        out = parse(buf_slice(&first));
        list_items(&items_in, at(in, "input"));
        list_items(&items_out, at(out, "input"));
        if (!slice_equal(buf_slice(&items_in), buf_slice(&items_out)))
            fail_msg("%s: %.*s became %.*s", name, SLICE_FMT(buf_slice(&items_in)),
                     SLICE_FMT(buf_slice(&items_out)));
        if (at(at(in, "reasoning"), "summary") != NULL)
            json_object_object_add(at(in, "reasoning"), "summary",
                                   json_object_new_string("auto"));
        compare_settings(name, in, out);
        assert_int_equal(try_read(&r, buf_slice(&first)), RC_OK);
        write_by(&r, &wire_responses, "gpt-5");
        if (!slice_equal(buf_slice(&first), buf_slice(&r.body)))
            fail_msg("%s: %.*s is not %.*s", name, SLICE_FMT(buf_slice(&r.body)),
                     SLICE_FMT(buf_slice(&first)));
        json_object_put(out);
        files++;
    }
    json_object_put(in);
    buf_free(&first);
    buf_free(&items_in);
    buf_free(&items_out);
    request_close(&r);
    wire_free(body);
}

static void a_request_read_and_written_says_the_same(void **state)
{
    (void)state;
    files = 0;
    wire_each("openai_responses", ".request.json", round_trip);
    assert_int_equal(files, 19);
}

/* ---- Others' translations ---- */

/* What is deliberately another than in the snapshots, by member of the body. */
static const struct {
    const char *member, *why;
} differences[] = {
    {"store", "nothing is to be kept: the client did not ask for it"},
    {"include", "reasoning is asked for encrypted, because nothing is kept"},
    {"metadata", "Anthropic's user_id is the end user, who has a member of his own"},
    {"user", "the same"},
    {"reasoning", "who asks to think adaptively is shown a summary"},
};

static bool is_known(const char *member)
{
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++)
        if (strcmp(differences[i].member, member) == 0)
            return true;
    return false;
}

/* Of an item: its status and an id of its own are optional, and tools are not strict
 * unless they say so, which must be said here. */
static void normalise(struct json_object *body)
{
    for (size_t i = 0; i < count_of(at(body, "input")); i++) {
        struct json_object *item = element(at(body, "input"), i);

        json_object_object_del(item, "id");
        json_object_object_del(item, "status");
        if (at(item, "arguments") != NULL) /* without the client's white space */
            json_object_object_add(
                item, "arguments",
                parse(slice_str(json_object_get_string(at(item, "arguments")))));
    }
    for (size_t i = 0; i < count_of(at(body, "tools")); i++)
        json_object_object_del(element(at(body, "tools"), i), "strict");
}

/* The JSON behind the second line of dashes. */
static struct json_object *snapshot(const char *name)
{
    const struct slice file = wire_file(name);
    struct json_object *all;
    struct slice rest = file;

    for (unsigned i = 0; i < 2; i++) {
        const size_t dashes = slice_search(rest, SLICE("---\n"));

        assert_true(dashes < rest.len);
        rest = slice_sub(rest, dashes + 4, rest.len);
    }
    all = parse(rest);
    wire_free(file);
    return all;
}

static void compare_with_snapshot(const char *name)
{
    static const char folder[] = "translations/agentgateway-requests/messages/";
    char file[256];
    struct json_object *all, *ours;
    struct slice body;
    struct request r;

    all = snapshot(name);
    (void)snprintf(file, sizeof(file), "%s", name);
    (void)snprintf(strstr(file, ".responses.snap"), 16, ".json");
    assert_true(strncmp(file, folder, strlen(folder)) == 0);
    body = wire_file(file);
    request_open(&r);
    wire_read(&r.c, &wire_messages, body, r.a);
    write_by(&r, &wire_responses,
             json_object_get_string(at(at(all, "request"), "model")));
    ours = parse(buf_slice(&r.body));
    normalise(ours);
    normalise(at(all, "request"));
    json_object_object_foreach(at(all, "request"), key, value)
    {
        if (!is_known(key) && !json_object_equal(value, at(ours, key)))
            fail_msg("%s: %s is %s, not %s", name, key,
                     json_object_to_json_string(at(ours, key)),
                     json_object_to_json_string(value));
    }
    json_object_object_foreach(ours, own, unused)
    {
        (void)unused;
        if (!is_known(own) && at(at(all, "request"), own) == NULL)
            fail_msg("%s: %s is too much", name, own);
    }
    json_object_put(ours);
    json_object_put(all);
    request_close(&r);
    wire_free(body);
    files++;
}

static void what_others_translate_is_translated_the_same(void **state)
{
    (void)state;
    files = 0;
    wire_each("translations/agentgateway-requests/messages", ".responses.snap",
              compare_with_snapshot);
    assert_int_equal(files, 3);
}

/* Nothing of these bodies is refused, and their words arrive. */
static void read_translated(const char *name)
{
    const struct slice body = wire_file(name);
    struct request r;

    request_open(&r);
    if (try_read(&r, body) != RC_OK)
        fail_msg("%s: %s: %s", name, r.fault.param, r.fault.detail);
    /* Of a file whose kind is not told, some make a text and some an error. */
    if (strstr(name, "input-media") == NULL) {
        write_by(&r, &wire_messages, "claude");
        write_by(&r, &wire_gemini, "gemini-3-flash");
    }
    files++;
    request_close(&r);
    wire_free(body);
}

static void what_others_can_translate_is_read(void **state)
{
    (void)state;
    files = 0;
    wire_each("translations/agentgateway-requests/responses", ".json", read_translated);
    assert_int_equal(files, 8);
}

/* ---- What is wrong ---- */

static const struct {
    const char *members, *param;
} wrong[] = {
    {"\"input\":7", "input"},
    {"\"input\":[]", "input"},
    {"\"user\":\"u\"", "input"},
    {"\"input\":[3]", "input[0]"},
    {"\"input\":[{\"content\":\"x\"}]", "input[0].type"},
    {"\"input\":[{\"role\":\"tool\",\"content\":\"x\"}]", "input[0].role"},
    {"\"input\":[{\"role\":\"user\"}]", "input[0].content"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"smell\"}]}]",
     "input[0].content[0].type"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\"}]}]",
     "input[0].content[0].text"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
     "\"image_url\":\"ftp://x\"}]}]",
     "input[0].content[0].image_url"},
    {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\","
     "\"file_data\":\"?\"}]}]",
     "input[0].content[0].file_data"},
    {"\"input\":[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}]",
     "input[0].call_id"},
    {"\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\","
     "\"arguments\":\"{\"}]",
     "input[0].arguments"},
    {"\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\","
     "\"arguments\":{}}]",
     "input[0].arguments"},
    {"\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
     "\"x\"}]",
     "input[0].call_id"},
    {"\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]", "input[0]"},
    {"\"input\":[{\"type\":\"web_search_call\",\"id\":\"ws_1\"}]", "input[0].type"},
    {"\"input\":[{\"type\":\"compaction\",\"encrypted_content\":\"x\"}]",
     "input[0].type"},
    {"\"input\":\"x\",\"previous_response_id\":\"resp_1\"", "previous_response_id"},
    {"\"input\":\"x\",\"conversation\":{\"id\":\"conv_1\"}", "conversation"},
    {"\"input\":\"x\",\"prompt\":{\"id\":\"pmpt_1\"}", "prompt"},
    {"\"input\":\"x\",\"background\":true", "background"},
    {"\"input\":\"x\",\"instructions\":[]", "instructions"},
    {"\"input\":\"x\",\"max_output_tokens\":0", "max_output_tokens"},
    {"\"input\":\"x\",\"max_output_tokens\":1.5", "max_output_tokens"},
    {"\"input\":\"x\",\"temperature\":\"hot\"", "temperature"},
    {"\"input\":\"x\",\"stream\":\"yes\"", "stream"},
    {"\"input\":\"x\",\"metadata\":[]", "metadata"},
    {"\"input\":\"x\",\"reasoning\":{\"effort\":\"some\"}", "reasoning.effort"},
    {"\"input\":\"x\",\"text\":{\"format\":{\"type\":\"xml\"}}", "text.format.type"},
    {"\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\"}}",
     "text.format.schema"},
    {"\"input\":\"x\",\"tools\":{}", "tools"},
    {"\"input\":\"x\",\"tools\":[{\"type\":\"function\"}]", "tools[0].name"},
    {"\"input\":\"x\",\"tools\":[{\"name\":\"f\"}]", "tools[0].type"},
    {"\"input\":\"x\",\"tool_choice\":7", "tool_choice"},
    {"\"input\":\"x\",\"tool_choice\":{\"type\":\"function\"}", "tool_choice.name"},
    {"\"input\":\"x\",\"include\":\"all\"", "include"},
};

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct request r;
        char body[512];

        (void)snprintf(body, sizeof(body), "{\"model\":\"m\",%s}", wrong[i].members);
        request_open(&r);
        if (try_read(&r, slice_str(body)) != RC_BAD_INPUT)
            fail_msg("taken: %s", body);
        if (strcmp(r.fault.param, wrong[i].param) != 0)
            fail_msg("%s: %s", body, r.fault.param);
        assert_non_null(r.fault.detail);
        request_close(&r);
    }
}

static void what_says_nothing_is_no_loss(void **state)
{
    struct request r;

    (void)state;
    request_open(&r);
    assert_int_equal(
        try_read(&r, SLICE("{\"model\":\"m\",\"input\":\"x\",\"store\":false,"
                           "\"truncation\":\"disabled\",\"background\":false,"
                           "\"previous_response_id\":null,\"top_logprobs\":0,"
                           "\"stream_options\":{\"include_obfuscation\":false},"
                           "\"text\":{\"format\":{\"type\":\"text\"}},"
                           "\"include\":[\"reasoning.encrypted_content\"]}")),
        RC_OK);
    write_by(&r, &wire_responses, "gpt-5");
    assert_int_equal(r.lost.count, 0);
    write_by(&r, &wire_messages, "claude");
    assert_int_equal(r.lost.count, 0);
    request_close(&r);
}

static void what_has_no_place_is_a_loss_by_name(void **state)
{
    static const char *const names[] = {
        "top_k", "seed", "stop", "n", "presence_penalty", "my_own"};
    struct request r;

    (void)state;
    request_open(&r);
    assert_int_equal(try_read(&r, SLICE("{\"model\":\"m\",\"input\":\"x\",\"my_own\":1,"
                                        "\"prompt_cache_key\":\"k\"}")),
                     RC_OK);
    r.c.top_k = SLICE("40");
    r.c.seed = SLICE("1");
    r.c.stop_count = 1;
    r.c.choices = 2;
    r.c.frequency_penalty = SLICE("0.0");
    r.c.presence_penalty = SLICE("0.5");
    write_by(&r, &wire_responses, "gpt-5");
    assert_int_equal(r.lost.count, sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < r.lost.count; i++)
        assert_string_equal(r.lost.names[i], names[i]);
    assert_true(slice_search(buf_slice(&r.body), SLICE("\"prompt_cache_key\":\"k\"")) <
                buf_len(&r.body));
    request_close(&r);
}

static void that_a_tool_failed_is_a_loss(void **state)
{
    struct request r;

    (void)state;
    request_open(&r);
    assert_int_equal(
        try_read(&r, SLICE("{\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\","
                           "\"name\":\"f\",\"arguments\":\"\"},{\"type\":"
                           "\"function_call_output\",\"call_id\":\"c\",\"output\":"
                           "\"no\"}]}")),
        RC_OK);
    r.c.last_message->parts->is_error = true;
    write_by(&r, &wire_responses, "gpt-5");
    assert_int_equal(r.lost.count, 1);
    assert_string_equal(r.lost.names[0], "is_error");
    request_close(&r);
}

/* ---- What comes back ---- */

struct pipe {
    const struct wire *from;
    void *reader, *writer;
    struct arena *a;
    struct buf out;
};

static enum rc pass(void *arg, const struct answer_event *e)
{
    struct pipe *p = arg;

    wire_responses.out_event(p->writer, &p->out, e);
    return RC_OK;
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct pipe *p = arg;
    const struct wire_event we = {.name = e->event, .data = e->data};

    return e->is_comment ? RC_OK : p->from->event(p->reader, &we, pass, p, p->a);
}

/* Shows a recorded stream to a client of ours and gives what it sends back then, in the
 * vendor's words. */
static void there_and_back(struct request *r, const struct wire *vendor,
                           const char *name, const char *model)
{
    const struct wire_answer w = {.model = SLICE("m"), .id = "req_1"};
    const struct wire_bill bill = {.usage = NULL};
    const struct slice bytes = wire_file(name);
    struct pipe p = {.from = vendor, .a = r->a};
    struct slice output;
    struct sse_reader s;
    struct buf body;

    buf_init(&p.out, TEXT_MAX);
    buf_init(&body, TEXT_MAX);
    p.reader = vendor->open(r->a);
    p.writer = wire_responses.out_open(&w, r->a);
    sse_reader_init(&s, 0);
    assert_int_equal(sse_feed(&s, bytes, on_event, &p), RC_OK);
    sse_reader_free(&s);
    wire_responses.out_end(p.writer, &p.out, &bill);
    assert_int_equal(json_raw_member(&output, buf_slice(&p.out), "output"), JSON_ARRAY);
    buf_append_str(&body, "{\"input\":[{\"role\":\"user\",\"content\":\"q\"},");
    buf_append(&body, slice_sub(output, 1, output.len));
    buf_append_char(&body, '}');
    if (try_read(r, arena_slice(r->a, buf_slice(&body))) != RC_OK)
        fail_msg("%s: %s: %s", name, r->fault.param, r->fault.detail);
    write_by(r, vendor, model);
    wire_responses.out_close(p.writer);
    buf_free(&p.out);
    buf_free(&body);
    wire_free(bytes);
}

/* Every signature that the stream has, as the vendor calls it, is in what goes back. */
static void expect_back(struct request *r, const char *name, const char *key)
{
    const struct slice bytes = wire_file(name);
    struct slice rest = bytes;
    unsigned count = 0;
    char mark[64];

    (void)snprintf(mark, sizeof(mark), "\"%s\":", key);
    while (rest.len > 0) {
        size_t from = slice_search(rest, slice_str(mark)) + strlen(mark), len;

        rest = slice_sub(rest, from, rest.len);
        rest = slice_sub(rest, slice_find(rest, '"') + 1, rest.len);
        len = slice_find(rest, '"');
        if (len < 16)
            continue;
        if (slice_search(buf_slice(&r->body), slice_sub(rest, 0, len)) ==
            buf_len(&r->body))
            fail_msg("%s: %.*s.. does not come back", name, 32, rest.bytes);
        count++;
    }
    assert_true(count > 0);
    wire_free(bytes);
}

static void thoughts_go_back_to_their_maker_through_any_client(void **state)
{
    static const char claude[] =
        "anthropic/pa-anthropic_model_thinking_part_stream.response.sse";
    static const char gemini[] =
        "gemini/pa-google_streaming_tool_call_thought_signature.response.sse";
    static const char redacted[] =
        "anthropic/pa-anthropic_model_thinking_part_redacted_stream.response.sse";
    struct request r;

    (void)state;
    request_open(&r);
    there_and_back(&r, &wire_messages, claude, "claude-sonnet-4-5");
    expect_back(&r, claude, "signature");
    there_and_back(&r, &wire_messages, redacted, "claude-sonnet-4-5");
    assert_true(slice_search(buf_slice(&r.body), SLICE("\"redacted_thinking\"")) <
                buf_len(&r.body));
    there_and_back(&r, &wire_gemini, gemini, "gemini-3-pro-preview");
    expect_back(&r, gemini, "thoughtSignature");
    request_close(&r);
}

/* Some clients send back encrypted reasoning only, and some models want theirs back. */
static void thoughts_that_nobody_signed_come_back_too(void **state)
{
    static const char name[] =
        "deepseek/pa-deepseek_model_thinking_stream.response.sse";
    struct request r;
    const struct part *p;

    (void)state;
    request_open(&r);
    there_and_back(&r, &wire_chat, name, "deepseek-reasoner");
    p = r.c.last_message->parts;
    assert_int_equal(p->kind, PART_REASONING);
    assert_false(quoted_is_empty(p->text));
    assert_true(quoted_is_empty(p->signature));
    assert_int_equal(p->signed_by.len, 0);
    assert_false(p->is_encrypted);
    request_close(&r);
}

static void thoughts_are_not_shown_to_another(void **state)
{
    struct request r;

    (void)state;
    request_open(&r);
    there_and_back(&r, &wire_messages,
                   "anthropic/pa-anthropic_model_thinking_part_stream.response.sse",
                   "claude-sonnet-4-5");
    write_by(&r, &wire_responses, "gpt-5");
    assert_int_equal(slice_search(buf_slice(&r.body), SLICE("octroi:")),
                     buf_len(&r.body));
    assert_int_equal(slice_search(buf_slice(&r.body), SLICE("encrypted_content\":")),
                     buf_len(&r.body));
    request_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_read_and_written_says_the_same),
        cmocka_unit_test(what_others_translate_is_translated_the_same),
        cmocka_unit_test(what_others_can_translate_is_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(what_says_nothing_is_no_loss),
        cmocka_unit_test(what_has_no_place_is_a_loss_by_name),
        cmocka_unit_test(that_a_tool_failed_is_a_loss),
        cmocka_unit_test(thoughts_go_back_to_their_maker_through_any_client),
        cmocka_unit_test(thoughts_that_nobody_signed_come_back_too),
        cmocka_unit_test(thoughts_are_not_shown_to_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

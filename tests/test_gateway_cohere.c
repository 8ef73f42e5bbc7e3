/* SPDX-License-Identifier: Apache-2.0 */
/* Cohere: every recorded answer has the content and the usage that a second reader
 * finds in its JSON, streams in every cut; bodies as v2/chat and v2/embed want them.
 * Not of this wire: cohere/pa-cohere_model_thinking_part, which is OpenAI's Responses,
 * and answers of Rerank and Embed. */
#include "gateway/wires/cohere.h"

#include "base/codec.h"
#include "gateway/provider.h"
#include "tests/wire_fixture.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    TEXT_MAX = 4 << 20
};

/* ---- The second reading ---- */

/* What an answer holds; arguments of calls one after the other. */
struct due {
    struct buf text, thoughts, arguments;
    uint64_t billed_in, billed_out, citations;
    char reason[32];
};

static void due_open(struct due *d)
{
    memset(d, 0, sizeof(*d));
    buf_init(&d->text, TEXT_MAX);
    buf_init(&d->thoughts, TEXT_MAX);
    buf_init(&d->arguments, TEXT_MAX);
}

static void due_close(struct due *d)
{
    buf_free(&d->text);
    buf_free(&d->thoughts);
    buf_free(&d->arguments);
}

static struct json_object *at(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (json_object_is_type(o, json_type_object))
        json_object_object_get_ex(o, key, &v);
    return v;
}

static struct json_object *parse(struct slice text)
{
    struct json_tokener *tok = json_tokener_new();
    struct json_object *o = json_tokener_parse_ex(tok, text.bytes, (int)text.len);

    assert_non_null(o);
    json_tokener_free(tok);
    return o;
}

static void add(struct buf *b, struct json_object *s)
{
    if (json_object_is_type(s, json_type_string))
        buf_append(b, slice_from(json_object_get_string(s),
                                 (size_t)json_object_get_string_len(s)));
}

static void add_content(struct due *d, struct json_object *content)
{
    add(&d->text, at(content, "text"));
    add(&d->thoughts, at(content, "thinking"));
}

static void add_call(struct due *d, struct json_object *call)
{
    struct json_object *arguments = at(at(call, "function"), "arguments");

    if (arguments != NULL && strcmp(json_object_get_string(arguments), "null") != 0)
        add(&d->arguments, arguments);
}

static void add_end(struct due *d, struct json_object *o)
{
    struct json_object *billed = at(at(o, "usage"), "billed_units");

    d->billed_in = (uint64_t)json_object_get_int64(at(billed, "input_tokens"));
    d->billed_out = (uint64_t)json_object_get_int64(at(billed, "output_tokens"));
    (void)snprintf(d->reason, sizeof(d->reason), "%s",
                   json_object_get_string(at(o, "finish_reason")));
}

static size_t length(struct json_object *list)
{
    return json_object_is_type(list, json_type_array) ? json_object_array_length(list)
                                                      : 0;
}

static bool due_of_whole(struct due *d, struct slice json)
{
    struct json_object *o = parse(json);
    struct json_object *m = at(o, "message");
    struct json_object *content = at(m, "content");
    struct json_object *calls = at(m, "tool_calls");

    add(&d->thoughts, at(m, "tool_plan"));
    for (size_t i = 0; i < length(content); i++)
        add_content(d, json_object_array_get_idx(content, i));
    for (size_t i = 0; i < length(calls); i++)
        add_call(d, json_object_array_get_idx(calls, i));
    d->citations = length(at(m, "citations"));
    add_end(d, o);
    json_object_put(o);
    return m != NULL;
}

/* Lines of data, and nothing of the framing's other ways. */
static void due_of_stream(struct due *d, struct slice stream)
{
    const struct slice mark = SLICE("data: {");
    struct slice line;

    while (slice_next(&line, &stream, '\n')) {
        struct json_object *o, *m;

        if (!slice_starts(line, mark))
            continue;
        o = parse(slice_sub(line, mark.len - 1, line.len));
        m = at(at(o, "delta"), "message");
        add(&d->thoughts, at(m, "tool_plan"));
        add_content(d, at(m, "content"));
        add_call(d, at(m, "tool_calls"));
        if (at(at(o, "delta"), "finish_reason") != NULL)
            add_end(d, at(o, "delta"));
        json_object_put(o);
    }
}

/* "name(arguments)\n" without the names, and without arguments that are ours. */
static void bare_arguments(struct buf *out, struct slice calls)
{
    while (calls.len > 0) {
        const size_t end = slice_search(calls, SLICE(")\n"));
        const struct slice call = slice_sub(calls, 0, end);
        const size_t open = slice_find(call, '(');
        const struct slice arguments = slice_sub(call, open + 1, call.len);

        assert_true(open > 0 && open < call.len);
        if (!slice_equal_str(arguments, "{}"))
            buf_append(out, arguments);
        calls = slice_sub(calls, end + 2, calls.len);
    }
}

static enum stop_reason due_stop(const char *reason)
{
    if (strcmp(reason, "TOOL_CALL") == 0)
        return STOP_TOOLS;
    if (strcmp(reason, "MAX_TOKENS") == 0)
        return STOP_LENGTH;
    assert_string_equal(reason, "COMPLETE");
    return STOP_END;
}

static void same_text(const char *name, struct buf *got, struct buf *due)
{
    if (!slice_equal(buf_slice(got), buf_slice(due)))
        fail_msg("%s: \"%.*s\" is not \"%.*s\"", name, SLICE_FMT(buf_slice(got)),
                 SLICE_FMT(buf_slice(due)));
}

static void check_seen(const char *name, struct wire_seen *seen, struct due *d)
{
    struct buf arguments;

    buf_init(&arguments, TEXT_MAX);
    bare_arguments(&arguments, buf_slice(&seen->calls));
    assert_int_equal(seen->rc, RC_OK);
    assert_true(seen->ended);
    same_text(name, &seen->text, &d->text);
    same_text(name, &seen->thoughts, &d->thoughts);
    same_text(name, &arguments, &d->arguments);
    assert_int_equal(seen->stop, due_stop(d->reason));
    assert_true(seen->usage.known);
    assert_int_equal(seen->usage.in_uncached, d->billed_in);
    assert_int_equal(seen->usage.out_text, d->billed_out);
    assert_int_equal(usage_prompt(&seen->usage), d->billed_in);
    assert_int_equal(usage_completion(&seen->usage), d->billed_out);
    buf_free(&arguments);
}

static unsigned foreign_count;

static void check_whole(const char *name)
{
    struct slice json = wire_file(name);
    struct wire_seen seen;
    struct due d;

    due_open(&d);
    wire_whole(&seen, &wire_cohere, json);
    if (due_of_whole(&d, json)) {
        check_seen(name, &seen, &d);
    } else {
        assert_int_equal(seen.rc, RC_UPSTREAM);
        foreign_count++;
    }
    due_close(&d);
    wire_seen_free(&seen);
    wire_free(json);
}

static void check_stream(const char *name)
{
    struct slice stream = wire_file(name);
    struct wire_seen seen;
    struct due d;

    due_open(&d);
    due_of_stream(&d, stream);
    wire_stream(&seen, &wire_cohere, stream, SIZE_MAX);
    check_seen(name, &seen, &d);
    due_close(&d);
    wire_seen_free(&seen);
    wire_check_cuts(&wire_cohere, stream);
    wire_free(stream);
}

static void every_recorded_answer_has_what_it_holds(void **state)
{
    (void)state;
    foreign_count = 0;
    wire_each("cohere", ".response.json", check_whole);
    assert_int_equal(foreign_count, 3);
}

static void every_recorded_stream_has_what_it_holds_in_every_cut(void **state)
{
    (void)state;
    wire_each("cohere", ".response.sse", check_stream);
}

static size_t count_of(struct wire_seen *seen, const char *word)
{
    struct slice text = buf_slice(&seen->dump);
    size_t count = 0;

    while (text.len > 0) {
        const size_t found = slice_search(text, slice_str(word));

        count += found < text.len;
        text = slice_sub(text, found + 1, text.len);
    }
    return count;
}

static void calls_have_their_names_and_ids(void **state)
{
    struct slice json = wire_file("cohere/ve-cohere-tool-call.response.json");
    struct slice empty = wire_file("cohere/ve-cohere-empty-tool-call.response.sse");
    struct wire_seen seen;

    (void)state;
    wire_whole(&seen, &wire_cohere, json);
    assert_true(slice_equal(buf_slice(&seen.calls),
                            SLICE("weather({\"location\":\"San Francisco\"})\n"
                                  "cityAttractions({\"city\":\"San Francisco\"})\n")));
    assert_int_equal(count_of(&seen, "id weather_dqgshstja6p9"), 1);
    assert_int_equal(count_of(&seen, "begin f201af17-e24a-4396-8f6a-98e8bf9c3432"), 1);
    wire_seen_free(&seen);
    wire_stream(&seen, &wire_cohere, empty, SIZE_MAX);
    assert_true(slice_equal(buf_slice(&seen.calls), SLICE("currentTime({})\n")));
    wire_seen_free(&seen);
    wire_free(empty);
    wire_free(json);
}

static enum rc take_citations(void *arg, const struct answer_event *e)
{
    struct buf *out = arg;

    if (e->kind != ANSWER_CITATION)
        return RC_OK;
    assert_true(e->citation.has_span);
    buf_printf(out, "%u %d..%d %.*s %.*s;", e->part, (int)e->citation.from,
               (int)e->citation.to, SLICE_FMT(e->citation.text.json),
               SLICE_FMT(e->citation.title.json));
    return RC_OK;
}

static void citations_have_their_span_and_source(void **state)
{
    struct slice json = wire_file("cohere/ve-cohere-citations.response.json");
    struct arena *a;
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_MAX);
    assert_int_equal(arena_open(&a, 1 << 20), RC_OK);
    assert_int_equal(wire_cohere.answer(json, take_citations, &out, a), RC_OK);
    assert_true(slice_equal(
        buf_slice(&out), SLICE("0 52..71 \"Automation of tasks\" \"benefits.txt\";"
                               "0 75..97 \"Better decision-making\" \"benefits.txt\";"
                               "0 101..115 \"Cost reduction\" \"benefits.txt\";")));
    arena_close(a);
    buf_free(&out);
    wire_free(json);
}

/* ---- What the recordings do not have ---- */

#define START                                                                    \
    "data: {\"type\":\"message-start\",\"id\":\"x\",\"delta\":{\"message\":{}}}" \
    "\n\n"
#define TEXT                                                                        \
    "data: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"conte" \
    "nt\":{\"text\":\"a\"}}}}\n\n"
#define END(reason)                                                                \
    "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"" reason "\"," \
    "\"usage\":{\"billed_units\":{\"input_tokens\":3.0,\"output_tokens\":2}}}}\n\n"

static void streams_end_with_their_last_event_only(void **state)
{
    static const struct {
        const char *stream;
        enum rc rc;
        bool ended, failed;
    } cases[] = {
        {START TEXT, RC_OK, false, false},
        {START TEXT END("COMPLETE"), RC_OK, true, false},
        {START TEXT END("COMPLETE") "data: [DONE]\n\n", RC_OK, true, false},
        {START TEXT "data: [DONE]\n\n", RC_OK, false, false},
        {START TEXT END("ERROR"), RC_OK, false, true},
        {START TEXT END("TIMEOUT"), RC_OK, false, true},
        {START "data: {\"type\":\"tool-call-delta\",\"delta\":{\"message\":"
               "{\"tool_calls\":{\"function\":{\"arguments\":\"{}\"}}}}}\n\n",
         RC_UPSTREAM, false, false},
        {START "data: {\"type\":\"content-delta\",\"delta\":{\"message\":"
               "{\"content\":{\"text\":7}}}}\n\n",
         RC_UPSTREAM, false, false},
        {START "data: {\"type\":\"message-end\",\"delta\":{}}\n\n", RC_UPSTREAM, false,
         false},
        {START "data: {\"type\":\"something-new\"}\n\n", RC_OK, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_seen seen;

        wire_stream(&seen, &wire_cohere, slice_str(cases[i].stream), SIZE_MAX);
        assert_int_equal(seen.rc, cases[i].rc);
        assert_int_equal(seen.ended, cases[i].ended);
        assert_int_equal(seen.failed, cases[i].failed);
        if (seen.ended)
            assert_int_equal(seen.usage.in_uncached, 3);
        wire_seen_free(&seen);
    }
}

static void a_stop_at_a_sequence_is_told(void **state)
{
    struct wire_seen seen;

    (void)state;
    wire_stream(&seen, &wire_cohere, SLICE(START TEXT END("STOP_SEQUENCE")), SIZE_MAX);
    assert_int_equal(seen.stop, STOP_SEQUENCE);
    wire_seen_free(&seen);
}

static void units_that_cannot_be_are_not_known(void **state)
{
    static const char *const units[] = {
        "{}",
        "{\"input_tokens\":-1,\"output_tokens\":1}",
        "{\"input_tokens\":1.5,\"output_tokens\":1}",
        "{\"input_tokens\":1,\"output_tokens\":99999999999}",
        "{\"input_tokens\":\"1\",\"output_tokens\":1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct usage u = {.known = false};

        assert_int_equal(cohere_usage(&u, slice_str(units[i])), RC_BAD_INPUT);
        assert_false(u.known);
    }
}

/* ---- Bodies ---- */

/* What becomes of a Messages body, and what is lost. */
static void expect_body(const char *model, const char *body, const char *due,
                        const char *due_lost)
{
    const struct wire_target target = {.model = slice_str(model), .stream = true};
    struct wire_fault fault = {NULL, NULL, SLICE_NONE};
    struct losses lost = {.count = 0};
    struct conversation c;
    struct buf out, names;
    struct arena *a;

    assert_int_equal(arena_open(&a, 4 << 20), RC_OK);
    wire_read(&c, &wire_messages, slice_str(body), a);
    buf_init(&out, TEXT_MAX);
    buf_init(&names, TEXT_MAX);
    assert_int_equal(wire_cohere.write(&out, &c, &target, &lost, &fault, a), RC_OK);
    losses_print(&names, &lost);
    buf_append_char(&out, '\0');
    buf_append_char(&names, '\0');
    assert_string_equal(buf_slice(&out).bytes, due);
    assert_string_equal(buf_slice(&names).bytes, due_lost);
    buf_free(&names);
    buf_free(&out);
    arena_close(a);
}

static void a_conversation_is_written(void **state)
{
    (void)state;
    expect_body(
        "command-a-03-2025",
        "{\"model\":\"m\",\"max_tokens\":50,\"system\":\"s\",\"temperature\":0.5,"
        "\"top_p\":1,\"top_k\":7,\"stop_sequences\":[\"x\"],\"messages\":["
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},"
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
        "\"image/png\",\"data\":\"QUJD\"}}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\","
        "\"name\":\"f\",\"input\":{\"a\":\"b\"}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"so?\"},"
        "{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"r\"}]}],"
        "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":"
        "{\"type\":\"object\"}},{\"name\":\"g\",\"input_schema\":{\"type\":"
        "\"object\"}}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}}",
        "{\"model\":\"command-a-03-2025\",\"stream\":true,\"messages\":["
        "{\"role\":\"system\",\"content\":\"s\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"data:image/png;base64,QUJD\"}}]},"
        "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\\\"b\\\"}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"t\",\"content\":\"r\"},"
        "{\"role\":\"user\",\"content\":\"so?\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"description\":\"d\",\"parameters\":{\"type\":\"object\"}}}],"
        "\"tool_choice\":\"REQUIRED\",\"max_tokens\":50,\"temperature\":0.5,"
        "\"p\":0.99,\"k\":7,\"stop_sequences\":[\"x\"]}",
        "");
}

#define ASK(members)                                                      \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\"," \
    "\"content\":\"a\"}]" members "}"
#define ASKED(model, members)                                           \
    "{\"model\":\"" model "\",\"stream\":true,\"messages\":[{\"role\":" \
    "\"user\",\"content\":\"a\"}],\"max_tokens\":9" members "}"

static void reasoning_is_for_models_that_do(void **state)
{
    (void)state;
    expect_body(
        "command-a-reasoning-08-2025", ASK(",\"thinking\":{\"type\":\"disabled\"}"),
        ASKED("command-a-reasoning-08-2025", ",\"thinking\":{\"type\":\"disabled\"}"),
        "");
    expect_body("command-a-reasoning-08-2025",
                ASK(",\"output_config\":{\"effort\":\"medium\"}"),
                ASKED("command-a-reasoning-08-2025",
                      ",\"thinking\":{\"type\":\"enabled\",\"token_budget\":8192}"),
                "");
    expect_body(
        "command-a-reasoning-08-2025", ASK(",\"output_config\":{\"effort\":\"high\"}"),
        ASKED("command-a-reasoning-08-2025", ",\"thinking\":{\"type\":\"enabled\"}"),
        "");
    expect_body("command-r", ASK(",\"output_config\":{\"effort\":\"low\"}"),
                ASKED("command-r", ""), "reasoning_effort");
    expect_body("command-r", ASK(",\"thinking\":{\"type\":\"disabled\"}"),
                ASKED("command-r", ""), "");
}

static void a_form_is_carried_unless_there_are_tools(void **state)
{
    (void)state;
    expect_body("m",
                ASK(",\"output_config\":{\"format\":{\"type\":\"json_schema\","
                    "\"schema\":{\"type\":\"object\"}}}"),
                ASKED("m", ",\"response_format\":{\"type\":\"json_object\","
                           "\"json_schema\":{\"type\":\"object\"}}"),
                "");
    expect_body("m",
                ASK(",\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],"
                    "\"tool_choice\":{\"type\":\"none\"},"
                    "\"output_config\":{\"format\":{\"type\":\"json_schema\","
                    "\"schema\":{\"type\":\"object\"}}}"),
                "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\","
                "\"content\":\"a\"}],\"tools\":[{\"type\":\"function\",\"function\":"
                "{\"name\":\"f\",\"parameters\":{}}}],\"tool_choice\":\"NONE\","
                "\"max_tokens\":9}",
                "response_format");
}

static void what_cohere_cannot_see_is_refused(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
        "[{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":"
        "\"application/pdf\",\"data\":\"QUJD\"}}]}]}",
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
        "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
        "\"image/tiff\",\"data\":\"QUJD\"}}]}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        const struct wire_target target = {.model = SLICE("m")};
        struct wire_fault fault = {NULL, NULL, SLICE_NONE};
        struct losses lost = {.count = 0};
        struct conversation c;
        struct arena *a;
        struct buf out;

        assert_int_equal(arena_open(&a, 1 << 20), RC_OK);
        wire_read(&c, &wire_messages, slice_str(bodies[i]), a);
        buf_init(&out, TEXT_MAX);
        assert_int_equal(wire_cohere.write(&out, &c, &target, &lost, &fault, a),
                         RC_BAD_INPUT);
        assert_string_equal(fault.param, "messages[0].content[0]");
        buf_free(&out);
        arena_close(a);
    }
}

/* ---- Embeddings ---- */

static enum rc embed_write(struct buf *out, const char *body, struct wire_fault *fault,
                           struct arena *a)
{
    buf_reset(out);
    return cohere_embed_write(out, slice_str(body), SLICE("embed-v4.0"), fault, a);
}

static void texts_are_embedded(void **state)
{
    struct wire_fault fault;
    struct arena *a;
    struct buf out;
    struct buf many;

    (void)state;
    buf_init(&out, TEXT_MAX);
    buf_init(&many, TEXT_MAX);
    assert_int_equal(arena_open(&a, 1 << 20), RC_OK);
    assert_int_equal(embed_write(&out, "{\"model\":\"m\",\"input\":\"a\"}", &fault, a),
                     RC_OK);
    assert_true(slice_equal(buf_slice(&out),
                            SLICE("{\"model\":\"embed-v4.0\",\"texts\":[\"a\"],"
                                  "\"input_type\":\"search_document\","
                                  "\"embedding_types\":[\"float\"]}")));
    assert_int_equal(embed_write(&out,
                                 "{\"input\":[\"a\",\"b\\n\"],\"dimensions\":512,"
                                 "\"input_type\":\"search_query\"}",
                                 &fault, a),
                     RC_OK);
    assert_true(slice_equal(
        buf_slice(&out),
        SLICE("{\"model\":\"embed-v4.0\",\"texts\":[\"a\",\"b\\n\"],\"input_type\":"
              "\"search_query\",\"embedding_types\":[\"float\"],"
              "\"output_dimension\":512}")));
    assert_int_equal(embed_write(&out, "{\"input\":[1,2]}", &fault, a), RC_BAD_INPUT);
    assert_string_equal(fault.param, "input");
    buf_append_str(&many, "{\"input\":[\"a\"");
    for (int i = 1; i < 97; i++)
        buf_append_str(&many, ",\"a\"");
    buf_append_str(&many, "]}");
    buf_append_char(&many, '\0');
    assert_int_equal(embed_write(&out, buf_slice(&many).bytes, &fault, a),
                     RC_BAD_INPUT);
    assert_string_equal(fault.param, "input");
    arena_close(a);
    buf_free(&many);
    buf_free(&out);
}

static struct json_object *embedded(struct slice json, bool base64, struct usage *u)
{
    struct json_object *o;
    struct arena *a;
    struct buf out;

    assert_int_equal(arena_open(&a, 4 << 20), RC_OK);
    buf_init(&out, TEXT_MAX);
    assert_int_equal(cohere_embed_answer(&out, u, json, SLICE("mine"), base64, a),
                     RC_OK);
    o = parse(buf_slice(&out));
    buf_free(&out);
    arena_close(a);
    return o;
}

/* The second number of the second vector, out of either form. */
static float vector_number(struct json_object *o)
{
    struct json_object *e =
        at(json_object_array_get_idx(at(o, "data"), 1), "embedding");
    struct arena *a;
    struct slice bytes;
    float value;

    if (json_object_is_type(e, json_type_array))
        return (float)json_object_get_double(json_object_array_get_idx(e, 1));
    assert_int_equal(arena_open(&a, 1 << 20), RC_OK);
    assert_int_equal(base64_decode(&bytes, slice_str(json_object_get_string(e)), a),
                     RC_OK);
    assert_int_equal(bytes.len, 5 * sizeof(float));
    memcpy(&value, bytes.bytes + sizeof(value), sizeof(value)); /* little-endian here */
    arena_close(a);
    return value;
}

static void vectors_come_in_either_form(void **state)
{
    struct slice json = wire_file("cohere/ve-cohere-embedding.response.json");
    struct usage u;

    (void)state;
    for (int base64 = 0; base64 < 2; base64++) {
        struct json_object *o = embedded(json, base64 != 0, &u);

        assert_int_equal(json_object_array_length(at(o, "data")), 2);
        assert_true(vector_number(o) == (float)0.00037765503);
        assert_string_equal(json_object_get_string(at(o, "model")), "mine");
        assert_int_equal(json_object_get_int(at(at(o, "usage"), "prompt_tokens")), 10);
        assert_true(u.known);
        assert_int_equal(u.in_uncached, 10);
        assert_int_equal(u.out_text, 0);
        json_object_put(o);
    }
    wire_free(json);
}

static void an_answer_without_vectors_is_none(void **state)
{
    static const char *const answers[] = {"{}", "{\"embeddings\":[[0.1]]}",
                                          "{\"embeddings\":{\"float\":[0.1]}}",
                                          "{\"embeddings\":{\"float\":[[\"a\"]]}}"};
    struct usage u;
    struct arena *a;
    struct buf out;

    (void)state;
    assert_int_equal(arena_open(&a, 4 << 20), RC_OK);
    buf_init(&out, TEXT_MAX);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        buf_reset(&out);
        assert_int_equal(
            cohere_embed_answer(&out, &u, slice_str(answers[i]), SLICE("m"), true, a),
            RC_UPSTREAM);
    }
    buf_free(&out);
    arena_close(a);
}

/* ---- The adapter ---- */

static void the_adapter_has_both_paths(void **state)
{
    const struct provider *p = provider_find(SLICE("cohere"));
    char url[] = "https://api.cohere.com";
    const struct config_provider config = {.base_url = url};
    const struct http_request client = {.method = SLICE("POST")};
    struct provider_call call = {.provider = &config, .client = &client};
    struct provider_wire wire = {.url = NULL};
    struct arena *a;

    (void)state;
    assert_non_null(p);
    assert_string_equal(p->default_url, url);
    assert_int_equal(arena_open(&a, 1 << 20), RC_OK);
    call.op = PROVIDER_CHAT;
    assert_int_equal(p->build(&wire, &call, a), RC_OK);
    assert_string_equal(wire.url, "https://api.cohere.com/v2/chat");
    call.op = PROVIDER_EMBEDDINGS;
    assert_int_equal(p->build(&wire, &call, a), RC_OK);
    assert_string_equal(wire.url, "https://api.cohere.com/v2/embed");
    call.op = PROVIDER_COUNT_TOKENS;
    assert_int_equal(p->build(&wire, &call, a), RC_BAD_INPUT);
    assert_int_equal(p->classify(498, SLICE("{}")), PROVIDER_NEXT);
    assert_int_equal(p->classify(499, SLICE("{}")), PROVIDER_NEXT);
    assert_int_equal(p->classify(422, SLICE("{}")), PROVIDER_FINAL);
    arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_answer_has_what_it_holds),
        cmocka_unit_test(every_recorded_stream_has_what_it_holds_in_every_cut),
        cmocka_unit_test(calls_have_their_names_and_ids),
        cmocka_unit_test(citations_have_their_span_and_source),
        cmocka_unit_test(streams_end_with_their_last_event_only),
        cmocka_unit_test(a_stop_at_a_sequence_is_told),
        cmocka_unit_test(units_that_cannot_be_are_not_known),
        cmocka_unit_test(a_conversation_is_written),
        cmocka_unit_test(reasoning_is_for_models_that_do),
        cmocka_unit_test(a_form_is_carried_unless_there_are_tools),
        cmocka_unit_test(what_cohere_cannot_see_is_refused),
        cmocka_unit_test(texts_are_embedded),
        cmocka_unit_test(vectors_come_in_either_form),
        cmocka_unit_test(an_answer_without_vectors_is_none),
        cmocka_unit_test(the_adapter_has_both_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

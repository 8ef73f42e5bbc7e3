/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the Responses face: what every recorded one holds comes out as events,
 * however it is cut. What it holds is read here a second time, by json-c and by plain
 * rules: a stream from its deltas, and again from the answer that its end repeats. */
#include "gateway/wire.h"

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
    TEXT_MAX = 4 << 20
};

/* Files that are no answers: an error body, and a count of tokens. */
static const char *const foreign[] = {
    "openai_responses/pa-openai_responses_model_http_error.response.json",
    "openai_responses/pa-responses_count_tokens.response.json",
};

/* Streams whose last event is not what was streamed: two were made by hand and repeat
 * nothing, of two most deltas were left out by who recorded them. */
static const char *const other_items[] = {
    "ag-stream-refusal.",
    "ag-stream.",
    "ve-openai-phase.",
    "ve-openai-shell-container.1",
};

/* ---- The second reading ---- */

struct plain {
    struct buf text, thoughts, calls; /* calls: their arguments and inputs */
    uint64_t prompt, cached, written, completion, reasoning, searches;
    bool has_usage, failed, incomplete, ended;
};

static struct json_object *at(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (json_object_is_type(o, json_type_object))
        json_object_object_get_ex(o, key, &v);
    return v;
}

static size_t length(struct json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array)
                                                       : 0;
}

static bool is(struct json_object *o, const char *key, const char *value)
{
    const char *text = json_object_get_string(at(o, key));

    return text != NULL && strcmp(text, value) == 0;
}

static void add(struct buf *b, struct json_object *s)
{
    if (json_object_is_type(s, json_type_string))
        buf_append(b, slice_from(json_object_get_string(s),
                                 (size_t)json_object_get_string_len(s)));
}

static uint64_t number(struct json_object *o, const char *key)
{
    return (uint64_t)json_object_get_int64(at(o, key));
}

static void plain_item(struct plain *p, struct json_object *item)
{
    static const char *const lists[] = {"summary", "content"};
    struct json_object *content = at(item, "content");
    unsigned texts = 0;

    if (is(item, "type", "message"))
        for (size_t i = 0; i < length(content); i++)
            if (is(json_object_array_get_idx(content, i), "type", "output_text"))
                add(&p->text, at(json_object_array_get_idx(content, i), "text"));
    for (size_t l = 0; is(item, "type", "reasoning") && l < 2; l++)
        for (size_t i = 0; i < length(at(item, lists[l])); i++) {
            if (texts++ > 0)
                buf_append_str(&p->thoughts, "\n\n");
            add(&p->thoughts,
                at(json_object_array_get_idx(at(item, lists[l]), i), "text"));
        }
    if (is(item, "type", "function_call"))
        add(&p->calls, at(item, "arguments"));
    if (is(item, "type", "custom_tool_call"))
        add(&p->calls, at(item, "input"));
    if (is(item, "type", "web_search_call") && is(at(item, "action"), "type", "search"))
        p->searches++;
}

static void plain_response(struct plain *p, struct json_object *o)
{
    struct json_object *usage = at(o, "usage"), *output = at(o, "output");

    for (size_t i = 0; i < length(output); i++)
        plain_item(p, json_object_array_get_idx(output, i));
    p->incomplete = is(o, "status", "incomplete");
    p->failed |= is(o, "status", "failed");
    p->ended = true;
    if (usage == NULL)
        return;
    p->has_usage = true;
    p->prompt = number(usage, "input_tokens");
    p->cached = number(at(usage, "input_tokens_details"), "cached_tokens");
    p->written = number(at(usage, "input_tokens_details"), "cache_write_tokens");
    p->completion = number(usage, "output_tokens");
    p->reasoning = number(at(usage, "output_tokens_details"), "reasoning_tokens");
}

/* Of an event, what grows by it; of the last one all, into *last. */
static void plain_event(struct plain *p, struct plain *last, struct json_object *o)
{
    static const struct {
        const char *type;
        size_t into;
    } deltas[] = {
        {"response.output_text.delta", offsetof(struct plain, text)},
        {"response.function_call_arguments.delta", offsetof(struct plain, calls)},
        {"response.custom_tool_call_input.delta", offsetof(struct plain, calls)},
        {"response.reasoning_summary_text.delta", offsetof(struct plain, thoughts)},
    };

    for (size_t i = 0; i < sizeof(deltas) / sizeof(deltas[0]); i++)
        if (is(o, "type", deltas[i].type))
            add((struct buf *)((char *)p + deltas[i].into), at(o, "delta"));
    if (is(o, "type", "response.reasoning_summary_part.added") &&
        number(o, "summary_index") > 0)
        buf_append_str(&p->thoughts, "\n\n");
    last->failed |= is(o, "type", "error");
    if (is(o, "type", "response.completed") || is(o, "type", "response.incomplete"))
        plain_response(last, at(o, "response"));
}

static struct json_object *parse(struct slice text)
{
    struct json_tokener *t = json_tokener_new();
    struct json_object *o = json_tokener_parse_ex(t, text.bytes, (int)text.len);

    assert_non_null(o);
    json_tokener_free(t);
    return o;
}

static void plain_open(struct plain *p)
{
    memset(p, 0, sizeof(*p));
    buf_init(&p->text, TEXT_MAX);
    buf_init(&p->thoughts, TEXT_MAX);
    buf_init(&p->calls, TEXT_MAX);
}

static void plain_close(struct plain *p)
{
    buf_free(&p->text);
    buf_free(&p->thoughts);
    buf_free(&p->calls);
}

/* Line by line: all these files have one data line an event. */
static void plain_stream(struct plain *p, struct plain *last, struct slice bytes)
{
    struct json_object *o;
    struct slice line;

    while (slice_next(&line, &bytes, '\n')) {
        line = slice_sub(line, 5, slice_starts(line, SLICE("data:")) ? line.len : 0);
        if (slice_trim(line).len == 0 || slice_equal(slice_trim(line), SLICE("[DONE]")))
            continue;
        o = parse(line);
        plain_event(p, last, o);
        json_object_put(o);
    }
}

/* ---- Comparing ---- */

static bool is_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(name, list[i]) != NULL)
            return true;
    return false;
}

static void expect_text(const char *name, const char *what, const struct buf *seen,
                        const struct buf *held)
{
    const struct slice a = buf_slice(seen), b = buf_slice(held);

    if (!slice_equal(a, b))
        fail_msg("%s: %s: \"%.*s\" is not \"%.*s\"", name, what, SLICE_FMT(a),
                 SLICE_FMT(b));
}

/* The arguments of the calls: "name(ARGUMENTS)\n" without what stands around them. */
static void expect_calls(const char *name, const struct buf *seen,
                         const struct buf *held)
{
    struct slice rest = buf_slice(seen), line;
    struct buf b;

    buf_init(&b, TEXT_MAX);
    while (rest.len > 0) {
        const size_t end = slice_search(rest, SLICE(")\n"));

        line = slice_sub(rest, 0, end);
        buf_append(&b, slice_sub(line, slice_find(line, '(') + 1, line.len));
        rest = slice_sub(rest, end + 2, rest.len);
    }
    expect_text(name, "calls", &b, held);
    buf_free(&b);
}

static void compare_texts(const char *name, const struct wire_seen *s,
                          const struct plain *p)
{
    expect_text(name, "text", &s->text, &p->text);
    expect_text(name, "thoughts", &s->thoughts, &p->thoughts);
    expect_calls(name, &s->calls, &p->calls);
}

static void compare_end(const char *name, const struct wire_seen *s,
                        const struct plain *p)
{
    const struct usage *u = &s->usage;

    assert_int_equal(s->failed, p->failed);
    if (s->ended != (p->ended && !p->failed))
        fail_msg("%s: its end is %sseen", name, s->ended ? "" : "not ");
    if (s->ended)
        assert_int_equal(s->stop == STOP_LENGTH, p->incomplete);
    if (u->known != p->has_usage)
        fail_msg("%s: usage is %sknown", name, u->known ? "" : "un");
    if (!p->has_usage)
        return;
    assert_int_equal(usage_prompt(u), p->prompt);
    assert_int_equal(u->in_cache_read, p->cached);
    assert_int_equal(u->in_cache_write, p->written);
    assert_int_equal(usage_completion(u), p->completion);
    assert_int_equal(u->out_reasoning,
                     p->reasoning < p->completion ? p->reasoning : p->completion);
    assert_int_equal(u->web_searches, p->searches);
}

static unsigned files;

static void whole_file(const char *name)
{
    struct json_object *o;
    struct wire_seen s;
    struct plain p;
    struct slice json = wire_file(name);

    plain_open(&p);
    o = parse(json);
    wire_whole(&s, &wire_responses, json);
    if (is_of(name, foreign, sizeof(foreign) / sizeof(foreign[0]))) {
        assert_int_equal(s.rc, RC_UPSTREAM);
    } else {
        plain_response(&p, o);
        assert_int_equal(s.rc, RC_OK);
        compare_texts(name, &s, &p);
        compare_end(name, &s, &p);
        files++;
    }
    json_object_put(o);
    wire_seen_free(&s);
    plain_close(&p);
    wire_free(json);
}

static void one_stream(const char *name, struct slice bytes)
{
    struct plain p, last;
    struct wire_seen s;

    plain_open(&p);
    plain_open(&last);
    plain_stream(&p, &last, bytes);
    wire_stream(&s, &wire_responses, bytes, SIZE_MAX);
    assert_int_equal(s.rc, RC_OK);
    if (buf_len(&p.calls) > 0 || buf_len(&last.calls) == 0) /* else only at the end */
        compare_texts(name, &s, &p);
    if (!last.failed && !is_of(name, other_items, 4))
        compare_texts(name, &s, &last);
    compare_end(name, &s, &last);
    wire_check_cuts(&wire_responses, bytes);
    files++;
    wire_seen_free(&s);
    plain_close(&p);
    plain_close(&last);
}

/* One file has the streams of four calls, one after the other. */
static void stream_file(const char *name)
{
    static const char mark[] = "event: response.created";
    const struct slice bytes = wire_file(name);
    struct slice rest = bytes;

    while (rest.len > 0) {
        const size_t len = 1 + slice_search(slice_sub(rest, 1, rest.len), SLICE(mark));

        one_stream(name, slice_sub(rest, 0, len));
        rest = slice_sub(rest, len, rest.len);
    }
    wire_free(bytes);
}

static void every_recorded_answer_gives_what_it_holds(void **state)
{
    (void)state;
    files = 0;
    wire_each("openai_responses", ".response.json", whole_file);
    print_message("%u whole answers\n", files);
    assert_int_equal(files, 18);
}

static void every_recorded_stream_gives_what_it_holds_however_it_is_cut(void **state)
{
    (void)state;
    files = 0;
    wire_each("openai_responses", ".response.sse", stream_file);
    print_message("%u streams\n", files);
    assert_int_equal(files, 42);
}

/* ---- The short way ---- */

static void adapted(struct buf *out, struct slice body, const struct wire_target *t)
{
    struct json_field fields[] = {
        {.name = "model"}, {.name = "max_output_tokens"}, {.name = "input"}};
    struct wire_changes changes = {.count = 0};
    struct wire_fault fault = {.param = NULL};
    struct arena *a;

    assert_int_equal(arena_open(&a, 1 << 16), RC_OK);
    assert_int_equal(
        json_guard(body, &(struct json_limits){.bytes = 0}, fields, 3, NULL, a), RC_OK);
    assert_int_equal(wire_responses.adapt(&changes, t, fields, 3, &fault, a), RC_OK);
    buf_reset(out);
    json_splice(out, body, changes.splices, changes.count);
    arena_close(a);
}

static void a_body_for_openai_changes_in_model_and_bound_only(void **state)
{
    const struct slice body =
        SLICE("{ \"input\" : \"x\", \"model\":\"ours\", \"new\":[1.0e0] }");
    struct wire_target t = {.model = SLICE("gpt-5"), .output_bound = 99};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    adapted(&out, body, &t);
    assert_true(slice_equal(
        buf_slice(&out),
        SLICE("{ \"input\" : \"x\", \"model\":\"gpt-5\", \"new\":[1.0e0] }")));
    t.bound_forced = true;
    adapted(&out, body, &t);
    assert_true(slice_search(buf_slice(&out), SLICE("\"max_output_tokens\":99")) <
                buf_len(&out));
    t = (struct wire_target){.model = SLICE("ours")};
    adapted(&out, body, &t);
    assert_true(slice_equal(buf_slice(&out), body));
    buf_free(&out);
}

static void thoughts_of_other_makers_are_not_shown_to_openai(void **state)
{
    const struct wire_target t = {.model = SLICE("m")};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    adapted(&out,
            SLICE("{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":"
                  "\"octroi:\"},{\"type\":\"reasoning\",\"summary\":[],"
                  "\"encrypted_content\":\"octroi:tanthropic-claude-v1:x\"},{\"type\":"
                  "\"reasoning\",\"summary\":[],\"encrypted_content\":\"gAAA\"}]}"),
            &t);
    assert_true(
        slice_equal(buf_slice(&out),
                    SLICE("{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":"
                          "\"octroi:\"},{\"type\":\"reasoning\",\"summary\":[],"
                          "\"encrypted_content\":\"gAAA\"}]}")));
    buf_free(&out);
}

static void usage_is_found_in_answers_and_in_their_last_event(void **state)
{
    static const struct {
        const char *json, *usage;
    } cases[] = {
        {"{\"usage\":{\"a\":1},\"id\":\"x\"}", "{\"a\":1}"},
        {"{\"type\":\"t\",\"response\":{\"usage\":{\"b\":2}}}", "{\"b\":2}"},
        {"{\"type\":\"t\",\"response\":{\"usage\":null}}", ""},
        {"{\"type\":\"t\",\"delta\":\"x\"}", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(slice_equal(wire_responses.usage_at(slice_str(cases[i].json)),
                                slice_str(cases[i].usage)));
}

/* ---- What contradicts itself ---- */

static void expect_rc(const char *events, enum rc rc)
{
    struct wire_seen s;

    wire_stream(&s, &wire_responses, slice_str(events), SIZE_MAX);
    assert_int_equal(s.rc, rc);
    wire_seen_free(&s);
}

static void a_part_of_two_kinds_is_refused_and_unknown_events_are_not(void **state)
{
    (void)state;
    expect_rc("data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n"
              "data: {\"type\":\"response.refusal.delta\",\"delta\":\"b\"}\n\n",
              RC_UPSTREAM);
    expect_rc("data: {\"type\":\"response.completed\"}\n\n", RC_UPSTREAM);
    expect_rc("data: {\"type\":\"response.new.thing\",\"delta\":{}}\n\n"
              "data: {\"type\":7}\n\ndata: {}\n\n",
              RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_answer_gives_what_it_holds),
        cmocka_unit_test(every_recorded_stream_gives_what_it_holds_however_it_is_cut),
        cmocka_unit_test(a_body_for_openai_changes_in_model_and_bound_only),
        cmocka_unit_test(thoughts_of_other_makers_are_not_shown_to_openai),
        cmocka_unit_test(usage_is_found_in_answers_and_in_their_last_event),
        cmocka_unit_test(a_part_of_two_kinds_is_refused_and_unknown_events_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

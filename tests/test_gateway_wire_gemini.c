/* SPDX-License-Identifier: Apache-2.0 */
/* Gemini: what every recorded answer and stream holds comes out as events, however it
 * is cut; read a second time here, by json-c and by plain rules. Requests of clients
 * are read, and written again, without a change of what they say. */
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

/* Files of the folder that are no answers of generateContent: lists of models, a count
 * of tokens, an error with its status. */
static const char *const foreign[] = {
    "gemini/sw-cli_gemini_models",
    "gemini/pa-google_model_usage_limit_exceeded",
    "gemini/ve-google-429-retry-info",
};

static bool is_foreign(const char *name)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        if (strncmp(name, foreign[i], strlen(foreign[i])) == 0)
            return true;
    return false;
}

static bool is_array(const char *name)
{
    return strcmp(name, "gemini/sw-prompt.response.json") == 0;
}

/* ---- The second reading ---- */

struct plain {
    struct buf text, thoughts;
    struct json_object *calls; /* [{"name":..,"args":..}] */
    uint64_t prompt, tools, cached, candidates, thought, total;
    unsigned stops;
    bool has_usage;
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

/* Puts a value at "$.a[0].b", making what is not there; a text grows. */
static void put_at(struct json_object *root, const char *path,
                   struct json_object *value)
{
    struct json_object *here = root;
    char name[128];

    path++; /* $ */
    for (;;) {
        const bool index = *path == '[';
        size_t len = strcspn(++path, index ? "]" : ".[");
        const size_t n = strtoul(path, NULL, 10);
        struct json_object *next;
        bool last;

        assert_true(len < sizeof(name));
        memcpy(name, path, len);
        name[len] = '\0';
        path += len + index;
        last = *path == '\0';
        next = index ? json_object_array_get_idx(here, n) : at(here, name);
        if (last && json_object_is_type(next, json_type_string) &&
            json_object_is_type(value, json_type_string)) {
            char joined[4096];

            (void)snprintf(joined, sizeof(joined), "%s%s", json_object_get_string(next),
                           json_object_get_string(value));
            json_object_put(value);
            value = json_object_new_string(joined);
            next = NULL;
        }
        if (next == NULL) {
            next = last ? value
                        : (*path == '[' ? json_object_new_array()
                                        : json_object_new_object());
            if (index)
                json_object_array_put_idx(here, n, next);
            else
                json_object_object_add(here, name, next);
        }
        if (last)
            return;
        here = next;
    }
}

static void plain_call(struct plain *p, struct json_object *call)
{
    struct json_object *partial = at(call, "partialArgs"), *made;
    static const char *const values[] = {"stringValue", "numberValue", "boolValue"};

    if (at(call, "name") != NULL) {
        made = json_object_new_object();
        json_object_object_add(made, "name", json_object_get(at(call, "name")));
        json_object_object_add(made, "args",
                               at(call, "args") != NULL
                                   ? json_object_get(at(call, "args"))
                                   : json_object_new_object());
        json_object_array_add(p->calls, made);
    }
    made = json_object_array_get_idx(p->calls, count_of(p->calls) - 1);
    for (size_t i = 0; i < count_of(partial); i++) {
        struct json_object *piece = json_object_array_get_idx(partial, i);

        for (size_t k = 0; k < 3; k++)
            if (at(piece, values[k]) != NULL)
                put_at(at(made, "args"), json_object_get_string(at(piece, "jsonPath")),
                       json_object_get(at(piece, values[k])));
    }
}

static void plain_part(struct plain *p, struct json_object *part)
{
    struct json_object *text = at(part, "text");

    if (at(part, "functionCall") != NULL)
        plain_call(p, at(part, "functionCall"));
    if (text != NULL)
        buf_append(json_object_get_boolean(at(part, "thought")) ? &p->thoughts
                                                                : &p->text,
                   slice_from(json_object_get_string(text),
                              (size_t)json_object_get_string_len(text)));
}

static uint64_t number(struct json_object *o, const char *key)
{
    return (uint64_t)json_object_get_int64(at(o, key));
}

static void plain_response(struct plain *p, struct slice text)
{
    struct json_object *o = parse(text);
    struct json_object *candidates = at(o, "candidates");
    struct json_object *usage = at(o, "usageMetadata");

    for (size_t i = 0; i < count_of(candidates); i++) {
        struct json_object *c = json_object_array_get_idx(candidates, i);
        struct json_object *parts = at(at(c, "content"), "parts");

        for (size_t k = 0; k < count_of(parts); k++)
            plain_part(p, json_object_array_get_idx(parts, k));
        p->stops += at(c, "finishReason") != NULL;
    }
    p->stops += at(at(o, "promptFeedback"), "blockReason") != NULL;
    if (at(usage, "totalTokenCount") != NULL) {
        p->has_usage = true;
        p->prompt = number(usage, "promptTokenCount");
        p->tools = number(usage, "toolUsePromptTokenCount");
        p->cached = number(usage, "cachedContentTokenCount");
        p->candidates = number(usage, "candidatesTokenCount");
        p->thought = number(usage, "thoughtsTokenCount");
        p->total = number(usage, "totalTokenCount");
    }
    json_object_put(o);
}

static void plain_open(struct plain *p)
{
    memset(p, 0, sizeof(*p));
    buf_init(&p->text, TEXT_MAX);
    buf_init(&p->thoughts, TEXT_MAX);
    p->calls = json_object_new_array();
}

static void plain_close(struct plain *p)
{
    buf_free(&p->text);
    buf_free(&p->thoughts);
    json_object_put(p->calls);
}

/* ---- Comparing ---- */

static void expect_text(const char *name, const struct buf *seen,
                        const struct buf *held)
{
    const struct slice a = buf_slice(seen), b = buf_slice(held);

    if (!slice_equal(a, b))
        fail_msg("%s: \"%.*s\" is not \"%.*s\"", name, SLICE_FMT(a), SLICE_FMT(b));
}

static void expect_calls(const char *name, const struct buf *seen,
                         struct json_object *held)
{
    struct slice rest = buf_slice(seen), line;
    size_t count = 0;

    while (slice_next(&line, &rest, '\n')) {
        struct json_object *want = json_object_array_get_idx(held, count++);
        const size_t open = slice_find(line, '(');
        struct json_object *args =
            parse(slice_sub(line, open + 1, line.len - open - 2));

        if (!slice_equal_str(slice_sub(line, 0, open),
                             json_object_get_string(at(want, "name"))) ||
            !json_object_equal(args, at(want, "args")))
            fail_msg("%s: %.*s is not %s", name, SLICE_FMT(line),
                     json_object_to_json_string(want));
        json_object_put(args);
    }
    assert_int_equal(count, count_of(held));
}

static void compare(const char *name, const struct wire_seen *s, const struct plain *p)
{
    const struct usage *u = &s->usage;

    assert_int_equal(s->rc, RC_OK);
    assert_true(s->ended);
    assert_int_equal(s->stops, p->stops);
    expect_text(name, &s->text, &p->text);
    expect_text(name, &s->thoughts, &p->thoughts);
    expect_calls(name, &s->calls, p->calls);
    assert_int_equal(u->known, p->has_usage);
    if (!p->has_usage)
        return;
    assert_int_equal(usage_prompt(u), p->prompt + p->tools);
    assert_int_equal(u->in_cache_read, p->cached);
    assert_int_equal(u->out_reasoning, p->thought);
    assert_int_equal(u->out_text, p->candidates);
    if (usage_prompt(u) + usage_completion(u) != p->total)
        fail_msg("%s: not the total", name);
}

static unsigned files;

/* A stream that was asked for without alt=sse: one array. */
static void array_file(const char *name)
{
    struct slice json = wire_file(name);
    struct json_object *list = parse(json);
    struct wire_seen s;
    struct plain p;
    struct buf b;

    plain_open(&p);
    buf_init(&b, TEXT_MAX);
    for (size_t i = 0; i < count_of(list); i++) {
        const struct slice one =
            slice_str(json_object_to_json_string(json_object_array_get_idx(list, i)));

        plain_response(&p, one);
        buf_append_str(&b, "data: ");
        buf_append(&b, one);
        buf_append_str(&b, "\r\n\r\n");
    }
    wire_stream(&s, &wire_gemini, buf_slice(&b), SIZE_MAX);
    compare(name, &s, &p);
    wire_check_cuts(&wire_gemini, buf_slice(&b));
    buf_free(&b);
    wire_seen_free(&s);
    plain_close(&p);
    json_object_put(list);
    wire_free(json);
}

static void whole_file(const char *name)
{
    struct slice json;
    struct wire_seen s;
    struct plain p;

    if (is_foreign(name))
        return;
    if (is_array(name)) {
        array_file(name);
        files++;
        return;
    }
    json = wire_file(name);
    plain_open(&p);
    plain_response(&p, json);
    wire_whole(&s, &wire_gemini, json);
    compare(name, &s, &p);
    files++;
    wire_seen_free(&s);
    plain_close(&p);
    wire_free(json);
}

static void stream_file(const char *name)
{
    struct slice bytes = wire_file(name), rest = bytes, line;
    struct wire_seen s;
    struct plain p;

    plain_open(&p);
    while (slice_next(&line, &rest, '\n'))
        if (slice_starts(line, SLICE("data: ")))
            plain_response(&p, slice_sub(line, 6, line.len));
    wire_stream(&s, &wire_gemini, bytes, SIZE_MAX);
    compare(name, &s, &p);
    wire_check_cuts(&wire_gemini, bytes);
    files++;
    wire_seen_free(&s);
    plain_close(&p);
    wire_free(bytes);
}

static void every_recorded_answer_gives_what_it_holds(void **state)
{
    (void)state;
    files = 0;
    wire_each("gemini", ".response.json", whole_file);
    print_message("%u whole answers\n", files);
    assert_true(files >= 25);
}

static void every_recorded_stream_gives_what_it_holds_however_it_is_cut(void **state)
{
    (void)state;
    files = 0;
    wire_each("gemini", ".response.sse", stream_file);
    print_message("%u streams\n", files);
    assert_true(files >= 20);
}

/* ---- Single facts of answers ---- */

static void whole(struct wire_seen *s, const char *json)
{
    wire_whole(s, &wire_gemini, slice_str(json));
}

static bool dumped(const struct wire_seen *s, const char *text)
{
    return slice_search(buf_slice(&s->dump), slice_str(text)) < buf_len(&s->dump);
}

static void a_blocked_prompt_is_an_answer_that_was_filtered(void **state)
{
    struct slice json = wire_file("gemini/ag-blocked.response.json");
    struct wire_seen s;

    (void)state;
    wire_whole(&s, &wire_gemini, json);
    assert_true(s.ended);
    assert_int_equal(s.stop, STOP_FILTER);
    assert_int_equal(s.usage.in_uncached, 12);
    wire_seen_free(&s);
    wire_free(json);
}

static void an_answer_of_thoughts_only_has_reached_its_bound_and_costs(void **state)
{
    struct slice json = wire_file("gemini/pa-google_model_max_tokens_thinking_model_"
                                  "empty_response.response.json");
    struct wire_seen s;

    (void)state;
    wire_whole(&s, &wire_gemini, json);
    assert_true(s.ended);
    assert_int_equal(s.stop, STOP_LENGTH);
    assert_int_equal(s.usage.out_reasoning, 2);
    assert_int_equal(usage_completion(&s.usage), 2);
    wire_seen_free(&s);
    wire_free(json);
}

static void a_signature_comes_with_its_call_and_searches_are_counted(void **state)
{
    struct slice json =
        wire_file("gemini/pa-google_model_web_search_tool_stream.2.response.json");
    struct slice call = wire_file("gemini/ve-google-tool-call-gemini3.response.json");
    struct wire_seen s;

    (void)state;
    wire_whole(&s, &wire_gemini, json);
    assert_int_equal(s.usage.web_searches, 1); /* 2.5: by the request */
    assert_true(dumped(&s, "https://vertexaisearch.cloud.google.com/"));
    wire_seen_free(&s);
    wire_whole(&s, &wire_gemini, call);
    assert_int_equal(s.stop, STOP_TOOLS);
    assert_true(dumped(&s, "\"Eqo+Cqc+Ab4+9vtg"));
    assert_true(dumped(&s, "id call_JniLacKqGqH0xs0P0O776As_0 name weather"));
    wire_seen_free(&s);
    wire_free(json);
    wire_free(call);
}

static void counts_are_split_by_what_they_are_of(void **state)
{
    struct wire_seen s;

    (void)state;
    whole(
        &s,
        "{\"candidates\":[{\"content\":{\"parts\":[{\"inlineData\":{\"mimeType\":"
        "\"image/png\",\"data\":\"iVBORw0K\"}}]},\"finishReason\":\"STOP\"}],"
        "\"usageMetadata\":{\"promptTokenCount\":1000,\"cachedContentTokenCount\":300,"
        "\"candidatesTokenCount\":1300,\"totalTokenCount\":2340,"
        "\"thoughtsTokenCount\":40,\"promptTokensDetails\":[{\"modality\":\"TEXT\","
        "\"tokenCount\":500},{\"modality\":\"AUDIO\",\"tokenCount\":200},{\"modality\":"
        "\"IMAGE\",\"tokenCount\":300}],\"cacheTokensDetails\":[{\"modality\":"
        "\"AUDIO\",\"tokenCount\":50},{\"modality\":\"TEXT\",\"tokenCount\":250}],"
        "\"candidatesTokensDetails\":[{\"modality\":\"IMAGE\",\"tokenCount\":1290}],"
        "\"serviceTier\":\"priority\"}}");
    assert_true(s.ended);
    assert_int_equal(s.usage.in_cache_read, 300);
    assert_int_equal(s.usage.in_audio, 150);
    assert_int_equal(s.usage.in_image, 300);
    assert_int_equal(s.usage.in_uncached, 250);
    assert_int_equal(s.usage.out_image, 1290);
    assert_int_equal(s.usage.out_text, 10);
    assert_int_equal(s.usage.out_reasoning, 40);
    assert_int_equal(s.usage.tier, USAGE_PRIORITY);
    wire_seen_free(&s);
}

static void what_no_candidate_has_ended_is_no_answer(void **state)
{
    static const char cut[] =
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"index\":0,"
        "\"finishReason\":\"STOP\"},{\"content\":{\"parts\":[{\"text\":\"b\"}]},"
        "\"index\":1}]}\r\n\r\n";
    static const char error[] =
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\r\n\r\n"
        "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":"
        "\"UNAVAILABLE\"}}\r\n\r\n";
    struct wire_seen s;

    (void)state;
    wire_stream(&s, &wire_gemini, SLICE(cut), SIZE_MAX);
    assert_int_equal(s.rc, RC_OK);
    assert_false(s.ended);
    wire_seen_free(&s);
    wire_stream(&s, &wire_gemini, SLICE(error), SIZE_MAX);
    assert_true(s.failed);
    assert_false(s.ended);
    assert_true(dumped(&s, "error 503 UNAVAILABLE \"busy\""));
    wire_seen_free(&s);
    whole(&s, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}");
    assert_int_equal(s.rc, RC_UPSTREAM);
    wire_seen_free(&s);
    whole(&s, "{\"candidates\":[{\"finishReason\":\"STOP\",\"index\":8}]}");
    assert_int_equal(s.rc, RC_UPSTREAM);
    wire_seen_free(&s);
}

static enum rc feed_args(const char *first, const char *second)
{
    char text[1024];
    struct wire_seen s;
    enum rc rc;

    (void)snprintf(
        text, sizeof(text),
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":"
        "\"f\",\"willContinue\":true}},{\"functionCall\":{\"partialArgs\":[%s],"
        "\"willContinue\":true}},{\"functionCall\":{\"partialArgs\":[%s]}}]},"
        "\"finishReason\":\"STOP\"}]}\n\n",
        first, second);
    wire_stream(&s, &wire_gemini, slice_str(text), SIZE_MAX);
    rc = s.rc;
    if (rc == RC_OK)
        json_object_put(
            parse(slice_sub(buf_slice(&s.calls), 2, buf_len(&s.calls) - 4)));
    wire_seen_free(&s);
    return rc;
}

static void pieces_of_arguments_that_do_not_follow_on_each_other_are_refused(
    void **state)
{
    static const char a[] = "{\"jsonPath\":\"$.a\",\"numberValue\":1}";

    (void)state;
    assert_int_equal(
        feed_args(a, "{\"jsonPath\":\"$.b['c.d'][0]\",\"boolValue\":true}"), RC_OK);
    assert_int_equal(
        feed_args(a, "{\"jsonPath\":\"$.b\",\"nullValue\":\"NULL_VALUE\"}"), RC_OK);
    assert_int_equal(feed_args(a, a), RC_UPSTREAM);
    assert_int_equal(feed_args(a, "{\"jsonPath\":\"$.a.b\",\"numberValue\":1}"),
                     RC_UPSTREAM);
    assert_int_equal(feed_args(a, "{\"jsonPath\":\"$.b[1]\",\"numberValue\":1}"),
                     RC_UPSTREAM);
    assert_int_equal(feed_args(a, "{\"jsonPath\":\"$[0]\",\"numberValue\":1}"),
                     RC_UPSTREAM);
    assert_int_equal(feed_args(a, "{\"jsonPath\":\"b\",\"numberValue\":1}"),
                     RC_UPSTREAM);
    assert_int_equal(feed_args(a, "{\"numberValue\":1}"), RC_UPSTREAM);
}

/* ---- Answers to a client ---- */

struct request {
    struct arena *a;
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

struct relay {
    void *out;
    struct buf *to;
};

static enum rc relay(void *arg, const struct answer_event *e)
{
    struct relay *r = arg;

    wire_gemini.out_event(r->out, r->to, e);
    return RC_OK;
}

/* A whole recorded answer through both halves: in, and out again. */
static void pass(struct request *r, struct slice json, const struct wire_answer *w)
{
    const struct usage used = {
        .known = true, .in_uncached = 5, .out_text = 3, .out_reasoning = 2};
    const struct wire_bill bill = {&used, money_from_nano(1500)};
    struct relay to = {wire_gemini.out_open(w, r->a), &r->body};

    assert_non_null(to.out);
    assert_int_equal(wire_gemini.answer(json, relay, &to, r->a), RC_OK);
    wire_gemini.out_end(to.out, &r->body, &bill);
    wire_gemini.out_close(to.out);
}

static void pass_file(const char *name)
{
    const struct wire_answer w = {
        .model = SLICE("m"), .id = "req", .reasoning_shown = true};
    struct wire_seen before, after;
    struct request r;
    struct slice json;

    if (is_foreign(name) || is_array(name))
        return;
    json = wire_file(name);
    request_open(&r);
    pass(&r, json, &w);
    wire_whole(&before, &wire_gemini, json);
    wire_whole(&after, &wire_gemini, buf_slice(&r.body));
    assert_int_equal(after.rc, RC_OK);
    expect_text(name, &after.text, &before.text);
    expect_text(name, &after.thoughts, &before.thoughts);
    expect_text(name, &after.calls, &before.calls);
    assert_int_equal(after.stop, before.stop);
    wire_seen_free(&before);
    wire_seen_free(&after);
    request_close(&r);
    wire_free(json);
}

static void an_answer_that_was_read_is_written_as_it_was(void **state)
{
    (void)state;
    wire_each("gemini", ".response.json", pass_file);
}

static void stream_file_out(const char *name)
{
    const struct wire_answer w = {
        .stream = true, .model = SLICE("m"), .id = "req", .reasoning_shown = true};
    struct wire_seen before, after;
    struct request r;
    struct slice json;

    if (is_foreign(name) || is_array(name))
        return;
    json = wire_file(name);
    request_open(&r);
    pass(&r, json, &w);
    wire_whole(&before, &wire_gemini, json);
    wire_stream(&after, &wire_gemini, buf_slice(&r.body), SIZE_MAX);
    assert_true(after.ended);
    expect_text(name, &after.text, &before.text);
    expect_text(name, &after.thoughts, &before.thoughts);
    expect_text(name, &after.calls, &before.calls);
    wire_seen_free(&before);
    wire_seen_free(&after);
    request_close(&r);
    wire_free(json);
}

static void a_whole_answer_can_be_streamed(void **state)
{
    (void)state;
    wire_each("gemini", ".response.json", stream_file_out);
}

static void a_stream_is_events_or_one_array_and_ends_with_the_cost(void **state)
{
    static const char answer[] =
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"why\",\"thought\":true},"
        "{\"text\":\"yes\"}]},\"finishReason\":\"MAX_TOKENS\"}],\"responseId\":\"id1\"}";
    struct wire_answer w = {.stream = true, .model = SLICE("m"), .id = "req"};
    struct fault f = {.rc = RC_UPSTREAM};
    struct json_object *o;
    struct request r;
    void *out;

    (void)state;
    request_open(&r);
    pass(&r, SLICE(answer), &w);
    assert_true(slice_equal(
        buf_slice(&r.body),
        SLICE(
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"yes\"}],"
            "\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":"
            "\"id1\"}\r\n\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
            "\"\"}],\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\",\"index\":0}],"
            "\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":3,"
            "\"totalTokenCount\":10,\"promptTokensDetails\":[{\"modality\":\"TEXT\","
            "\"tokenCount\":5}],\"candidatesTokensDetails\":[{\"modality\":\"TEXT\","
            "\"tokenCount\":3}],\"thoughtsTokenCount\":2,\"cost\":\"0.000001500\"},"
            "\"modelVersion\":\"m\",\"responseId\":\"id1\"}\r\n\r\n")));
    buf_reset(&r.body);
    w.json_array = true;
    w.reasoning_shown = true;
    pass(&r, SLICE(answer), &w);
    o = parse(buf_slice(&r.body));
    assert_int_equal(count_of(o), 3);
    json_object_put(o);
    buf_reset(&r.body);
    out = wire_gemini.out_open(&w, r.a);
    wire_gemini.out_error(out, &r.body, &f, "req");
    wire_gemini.out_close(out);
    o = parse(buf_slice(&r.body));
    assert_int_equal(number(at(json_object_array_get_idx(o, 0), "error"), "code"), 502);
    json_object_put(o);
    request_close(&r);
}

static enum rc relay_chat(void *arg, const struct answer_event *e)
{
    struct relay *r = arg;

    wire_chat.out_event(r->out, r->to, e);
    return RC_OK;
}

/* Clients of chat that bring a signature back keep what the first piece has. */
static void a_signature_is_in_the_first_piece_of_its_call_in_chat(void **state)
{
    const struct wire_answer w = {.stream = true, .model = SLICE("m"), .id = "req"};
    struct slice json = wire_file("gemini/ve-google-tool-call-gemini3.response.json");
    struct relay to;
    struct request r;
    size_t name, signature;

    (void)state;
    request_open(&r);
    to = (struct relay){wire_chat.out_open(&w, r.a), &r.body};
    assert_non_null(to.out);
    assert_int_equal(wire_gemini.answer(json, relay_chat, &to, r.a), RC_OK);
    wire_chat.out_close(to.out);
    name = slice_search(buf_slice(&r.body), SLICE("\"name\":\"weather\""));
    signature =
        slice_search(buf_slice(&r.body),
                     SLICE("\"extra_content\":{\"google\":{\"thought_signature\":"
                           "\"Eqo+Cqc+"));
    assert_true(name < signature && signature < buf_len(&r.body));
    assert_true(slice_find(slice_sub(buf_slice(&r.body), name, signature - name),
                           '\n') == signature - name);
    request_close(&r);
    wire_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_answer_gives_what_it_holds),
        cmocka_unit_test(every_recorded_stream_gives_what_it_holds_however_it_is_cut),
        cmocka_unit_test(a_blocked_prompt_is_an_answer_that_was_filtered),
        cmocka_unit_test(an_answer_of_thoughts_only_has_reached_its_bound_and_costs),
        cmocka_unit_test(a_signature_comes_with_its_call_and_searches_are_counted),
        cmocka_unit_test(counts_are_split_by_what_they_are_of),
        cmocka_unit_test(what_no_candidate_has_ended_is_no_answer),
        cmocka_unit_test(
            pieces_of_arguments_that_do_not_follow_on_each_other_are_refused),
        cmocka_unit_test(an_answer_that_was_read_is_written_as_it_was),
        cmocka_unit_test(a_whole_answer_can_be_streamed),
        cmocka_unit_test(a_signature_is_in_the_first_piece_of_its_call_in_chat),
        cmocka_unit_test(a_stream_is_events_or_one_array_and_ends_with_the_cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

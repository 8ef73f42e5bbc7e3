/* SPDX-License-Identifier: Apache-2.0 */
/* Converse's answers: every recorded one has the content and the usage that a second
 * reader finds in its JSON, streams in every cut. Not of this wire, and said so:
 * answers of InvokeModel, which are the model's own (tl-prompt_cache*, *_invoke*), of
 * Rerank, and errors. */
#include "gateway/wires/converse.h"

#include "tests/event_frame.h"
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

/* What an answer holds, read with a tree. */
struct due {
    struct buf text, thoughts, calls;
    struct json_object *usage; /* borrowed from tree */
    const char *stop;
    struct json_object *tree; /* NULL: of a stream */
    struct json_object *trees[512];
    size_t tree_count;
};

static void due_open(struct due *d)
{
    memset(d, 0, sizeof(*d));
    buf_init(&d->text, TEXT_MAX);
    buf_init(&d->thoughts, TEXT_MAX);
    buf_init(&d->calls, TEXT_MAX);
}

static void due_close(struct due *d)
{
    buf_free(&d->text);
    buf_free(&d->thoughts);
    buf_free(&d->calls);
    json_object_put(d->tree);
    for (size_t i = 0; i < d->tree_count; i++)
        json_object_put(d->trees[i]);
}

static struct json_object *get(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;

    return json_object_object_get_ex(o, key, &value) ? value : NULL;
}

static void add_text(struct buf *to, struct json_object *text)
{
    if (text != NULL)
        buf_append(to, slice_from(json_object_get_string(text),
                                  (size_t)json_object_get_string_len(text)));
}

static const char *plain(struct json_object *o)
{
    return json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                 JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void add_call(struct due *d, const char *name, const char *arguments)
{
    buf_printf(&d->calls, "%s(", name);
    buf_append_str(&d->calls, arguments);
    buf_append_str(&d->calls, ")\n");
}

static struct json_object *parse(struct slice text)
{
    struct json_tokener *tok = json_tokener_new();
    struct json_object *o = json_tokener_parse_ex(tok, text.bytes, (int)text.len);

    assert_non_null(o);
    json_tokener_free(tok);
    return o;
}

/* False: no answer of Converse. */
static bool due_of_whole(struct due *d, struct slice json)
{
    struct json_object *content;

    d->tree = parse(json);
    content = get(get(get(d->tree, "output"), "message"), "content");
    if (content == NULL)
        return false;
    for (size_t i = 0; i < json_object_array_length(content); i++) {
        struct json_object *block = json_object_array_get_idx(content, i);
        struct json_object *tool = get(block, "toolUse");

        add_text(&d->text, get(block, "text"));
        add_text(&d->thoughts,
                 get(get(get(block, "reasoningContent"), "reasoningText"), "text"));
        if (tool != NULL)
            add_call(d, json_object_get_string(get(tool, "name")),
                     plain(get(tool, "input")));
    }
    d->usage = get(d->tree, "usage");
    d->stop = json_object_get_string(get(d->tree, "stopReason"));
    return true;
}

static uint32_t number_at(struct slice s, size_t at)
{
    const uint8_t *b = (const uint8_t *)s.bytes + at;

    assert_true(at + 4 <= s.len);
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The deltas of a tool are joined in `input` until it ends. */
static void due_of_event(struct due *d, struct json_object *o, char name[64],
                         struct buf *input)
{
    struct json_object *delta = get(o, "delta");
    struct json_object *tool = get(get(o, "start"), "toolUse");

    add_text(&d->text, get(delta, "text"));
    add_text(&d->thoughts, get(get(delta, "reasoningContent"), "text"));
    add_text(input, get(get(delta, "toolUse"), "input"));
    if (tool != NULL)
        (void)snprintf(name, 64, "%s", json_object_get_string(get(tool, "name")));
    else if (delta == NULL && get(o, "contentBlockIndex") != NULL && name[0] != '\0') {
        struct json_object *arguments = parse(buf_slice(input));

        add_call(d, name, plain(arguments));
        json_object_put(arguments);
        buf_reset(input);
        name[0] = '\0';
    }
    if (get(o, "usage") != NULL)
        d->usage = get(o, "usage");
    if (get(o, "stopReason") != NULL)
        d->stop = json_object_get_string(get(o, "stopReason"));
}

static void due_of_stream(struct due *d, struct slice stream)
{
    char name[64] = "";
    struct buf input;

    buf_init(&input, TEXT_MAX);
    while (stream.len > 0) {
        const size_t len = number_at(stream, 0);
        const size_t headers = number_at(stream, 4);

        assert_true(d->tree_count < sizeof(d->trees) / sizeof(d->trees[0]));
        d->trees[d->tree_count] =
            parse(slice_sub(stream, 12 + headers, len - headers - 16));
        due_of_event(d, d->trees[d->tree_count++], name, &input);
        stream = slice_sub(stream, len, stream.len);
    }
    buf_free(&input);
}

/* The calls of what came out, with arguments in one form. */
static void normal_calls(struct buf *out, struct slice calls)
{
    while (calls.len > 0) {
        const size_t name_len = slice_find(calls, '(');
        struct json_tokener *tok = json_tokener_new();
        struct slice rest = slice_sub(calls, name_len + 1, calls.len);
        struct json_object *o = json_tokener_parse_ex(tok, rest.bytes, (int)rest.len);

        assert_non_null(o);
        buf_append(out, slice_sub(calls, 0, name_len + 1));
        buf_append_str(out, plain(o));
        buf_append_str(out, ")\n");
        calls = slice_sub(rest, json_tokener_get_parse_end(tok) + 2, rest.len);
        json_object_put(o);
        json_tokener_free(tok);
    }
}

static uint64_t count(struct json_object *usage, const char *key)
{
    return (uint64_t)json_object_get_int64(get(usage, key));
}

static void check_usage(const struct usage *u, struct json_object *due)
{
    assert_int_equal(u->known, due != NULL);
    if (due == NULL)
        return;
    assert_int_equal(u->in_uncached, count(due, "inputTokens"));
    assert_int_equal(u->out_text, count(due, "outputTokens"));
    assert_int_equal(u->in_cache_read, count(due, "cacheReadInputTokens"));
    assert_int_equal(u->in_cache_write, count(due, "cacheWriteInputTokens"));
    assert_int_equal(u->in_cache_write_1h, 0);
    /* The identity by which the arithmetic shows. */
    assert_int_equal(usage_prompt(u) + usage_completion(u), count(due, "totalTokens"));
}

static enum stop_reason due_stop(const char *word)
{
    if (strcmp(word, "tool_use") == 0)
        return STOP_TOOLS;
    if (strcmp(word, "max_tokens") == 0)
        return STOP_LENGTH;
    if (strcmp(word, "guardrail_intervened") == 0)
        return STOP_FILTER;
    assert_string_equal(word, "end_turn");
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
    struct buf calls;

    buf_init(&calls, TEXT_MAX);
    normal_calls(&calls, buf_slice(&seen->calls));
    assert_int_equal(seen->rc, RC_OK);
    assert_true(seen->ended);
    assert_int_equal(seen->stops, 1);
    same_text(name, &seen->text, &d->text);
    same_text(name, &seen->thoughts, &d->thoughts);
    same_text(name, &calls, &d->calls);
    assert_int_equal(seen->stop, due_stop(d->stop));
    check_usage(&seen->usage, d->usage);
    buf_free(&calls);
}

static unsigned foreign_count;

static void check_whole(const char *name)
{
    struct slice json = wire_file(name);
    struct wire_seen seen;
    struct due d;

    due_open(&d);
    wire_whole(&seen, &wire_converse, json);
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

static void every_recorded_answer_has_what_it_holds(void **state)
{
    (void)state;
    foreign_count = 0;
    wire_each("bedrock", ".response.json", check_whole);
    assert_int_equal(foreign_count, 6); /* 2 prompt_cache, 3 errors, 1 rerank */
}

static bool has_word(const char *name, const char *word)
{
    return strstr(name, word) != NULL;
}

static void check_stream(const char *name)
{
    struct slice stream = wire_file(name);
    struct wire_seen seen;
    struct due d;

    wire_stream(&seen, &wire_converse, stream, SIZE_MAX);
    if (has_word(name, "broken")) {
        assert_int_equal(seen.rc, RC_UPSTREAM);
        assert_false(seen.ended);
    } else if (has_word(name, "invoke")) {
        assert_int_equal(seen.rc, RC_OK);
        assert_false(seen.ended); /* a cut stream, for who waits for its end */
        foreign_count++;
    } else {
        due_open(&d);
        due_of_stream(&d, stream);
        check_seen(name, &seen, &d);
        due_close(&d);
    }
    wire_seen_free(&seen);
    wire_check_cuts(&wire_converse, stream);
    wire_free(stream);
}

static void every_recorded_stream_has_what_it_holds_in_every_cut(void **state)
{
    (void)state;
    foreign_count = 0;
    wire_each("bedrock", ".eventstream.bin", check_stream);
    assert_int_equal(foreign_count, 2);
}

/* ---- What the recordings do not have ---- */

static void whole(struct wire_seen *seen, const char *json)
{
    wire_whole(seen, &wire_converse, slice_str(json));
}

static bool dump_has(struct wire_seen *seen, const char *text)
{
    const struct slice dump = buf_slice(&seen->dump);

    return slice_search(dump, slice_str(text)) < dump.len;
}

#define USAGE(members)                                                 \
    "{\"output\":{\"message\":{\"content\":[{\"text\":\"a\"}]}},"      \
    "\"stopReason\":\"end_turn\",\"serviceTier\":{\"type\":\"flex\"}," \
    "\"usage\":{" members "}}"

static void what_is_kept_for_an_hour_is_counted_apart(void **state)
{
    struct wire_seen seen;

    (void)state;
    whole(&seen, USAGE("\"inputTokens\":5,\"outputTokens\":7,\"totalTokens\":122,"
                       "\"cacheReadInputTokens\":10,"
                       "\"cacheWriteInputTokens\":100,\"cacheDetails\":["
                       "{\"ttl\":\"1h\",\"inputTokens\":60},"
                       "{\"ttl\":\"5m\",\"inputTokens\":40}]"));
    assert_int_equal(seen.usage.in_cache_write_1h, 60);
    assert_int_equal(seen.usage.in_cache_write, 40);
    assert_int_equal(seen.usage.in_cache_read, 10);
    assert_int_equal(seen.usage.tier, USAGE_FLEX);
    assert_int_equal(usage_prompt(&seen.usage), 115);
    wire_seen_free(&seen);
}

static void counts_have_older_names_too(void **state)
{
    struct wire_seen seen;

    (void)state;
    whole(&seen, USAGE("\"inputTokens\":5,\"outputTokens\":7,"
                       "\"cacheReadInputTokenCount\":10,"
                       "\"cacheWriteInputTokenCount\":20"));
    assert_int_equal(seen.usage.in_cache_read, 10);
    assert_int_equal(seen.usage.in_cache_write, 20);
    wire_seen_free(&seen);
}

static void a_usage_that_cannot_be_is_not_known(void **state)
{
    static const char *const answers[] = {
        USAGE("\"inputTokens\":-1,\"outputTokens\":7"),
        USAGE("\"inputTokens\":1.5,\"outputTokens\":7"),
        USAGE("\"inputTokens\":\"1\",\"outputTokens\":7"),
        USAGE("\"outputTokens\":7"),
        USAGE("\"inputTokens\":99999999999,\"outputTokens\":7"),
        USAGE("\"inputTokens\":1,\"outputTokens\":7,\"cacheWriteInputTokens\":1,"
              "\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":2}]"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct wire_seen seen;

        whole(&seen, answers[i]);
        assert_int_equal(seen.rc, RC_OK);
        assert_false(seen.usage.known);
        wire_seen_free(&seen);
    }
}

/* The bytes are what Anthropic calls `data`: to be the same on the way back to either.
 */
static void redacted_reasoning_is_a_signature_without_a_text(void **state)
{
    struct wire_seen seen;

    (void)state;
    whole(&seen, "{\"output\":{\"message\":{\"content\":[{\"reasoningContent\":"
                 "{\"redactedContent\":\"QUJD\"}},{\"text\":\"a\"}]}},"
                 "\"stopReason\":\"end_turn\"}");
    assert_int_equal(seen.rc, RC_OK);
    assert_true(dump_has(&seen, "\"ABC\""));
    assert_int_equal(buf_len(&seen.thoughts), 0);
    wire_seen_free(&seen);
}

static void signatures_come_with_their_reasoning(void **state)
{
    struct slice json = wire_file("bedrock/ag-reasoning.response.json");
    struct slice stream = wire_file("bedrock/ag-reasoning.response.eventstream.bin");
    struct wire_seen seen;

    (void)state;
    wire_whole(&seen, &wire_converse, json);
    assert_true(dump_has(&seen, "\"SIG-xyz==\""));
    wire_seen_free(&seen);
    wire_stream(&seen, &wire_converse, stream, SIZE_MAX);
    assert_true(dump_has(&seen, "\"SIG-xyz==\""));
    wire_seen_free(&seen);
    wire_free(stream);
    wire_free(json);
}

static void citations_belong_to_their_text(void **state)
{
    struct wire_seen seen;

    (void)state;
    whole(&seen,
          "{\"output\":{\"message\":{\"content\":[{\"citationsContent\":{"
          "\"content\":[{\"text\":\"Paris.\"}],\"citations\":[{\"title\":\"Atlas\","
          "\"sourceContent\":[{\"text\":\"Paris is\"}],\"location\":{\"web\":"
          "{\"url\":\"https://example.com/\"}}}]}}]}},\"stopReason\":\"end_turn\"}");
    assert_int_equal(seen.rc, RC_OK);
    assert_true(slice_equal(buf_slice(&seen.text), SLICE("Paris.")));
    assert_true(dump_has(&seen, "\"https://example.com/\""));
    wire_seen_free(&seen);
}

static void every_reason_to_stop_is_known(void **state)
{
    static const struct {
        const char *word;
        enum stop_reason stop;
    } reasons[] = {
        {"stop_sequence", STOP_SEQUENCE},
        {"model_context_window_exceeded", STOP_LENGTH},
        {"content_filtered", STOP_FILTER},
        {"guardrail_intervened", STOP_FILTER},
        {"malformed_model_output", STOP_END},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct wire_seen seen;
        char json[256];

        (void)snprintf(json, sizeof(json),
                       "{\"output\":{\"message\":{\"content\":[]}},"
                       "\"stopReason\":\"%s\"}",
                       reasons[i].word);
        whole(&seen, json);
        assert_int_equal(seen.stop, reasons[i].stop);
        assert_true(seen.ended);
        wire_seen_free(&seen);
    }
}

/* ---- Streams of our own ---- */

struct event {
    const char *kind, *name, *payload;
};

static void stream_of(struct wire_seen *seen, const struct event *events, size_t n)
{
    struct buf bytes;

    buf_init(&bytes, 1 << 20);
    for (size_t i = 0; i < n; i++)
        event_frame_message(&bytes, events[i].kind, events[i].name,
                            slice_str(events[i].payload));
    wire_stream(seen, &wire_converse, buf_slice(&bytes), SIZE_MAX);
    buf_free(&bytes);
}

#define STREAM_OF(seen, events) \
    stream_of(seen, events, sizeof(events) / sizeof((events)[0]))
#define START                                               \
    {                                                       \
        "event", "messageStart", "{\"role\":\"assistant\"}" \
    }
#define DELTA(index, delta)                                         \
    {                                                               \
        "event", "contentBlockDelta",                               \
            "{\"contentBlockIndex\":" index ",\"delta\":" delta "}" \
    }
#define STOP(reason)                                              \
    {                                                             \
        "event", "messageStop", "{\"stopReason\":\"" reason "\"}" \
    }
#define METADATA                                                                  \
    {                                                                             \
        "event", "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}" \
    }

static void a_tool_without_arguments_is_called_with_an_object(void **state)
{
    static const struct event events[] = {
        START,
        {"event", "contentBlockStart",
         "{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"toolUseId\":\"t\","
         "\"name\":\"now\"}}}"},
        DELTA("0", "{\"toolUse\":{\"input\":\"\"}}"),
        {"event", "contentBlockStop", "{\"contentBlockIndex\":0}"},
        STOP("tool_use"),
        METADATA,
    };
    struct wire_seen seen;

    (void)state;
    STREAM_OF(&seen, events);
    assert_true(slice_equal(buf_slice(&seen.calls), SLICE("now({})\n")));
    assert_true(seen.ended);
    wire_seen_free(&seen);
}

static void exceptions_are_errors_with_their_status(void **state)
{
    static const struct {
        struct event event;
        const char *line;
    } cases[] = {
        {{"exception", "throttlingException", "{\"message\":\"slow down\"}"},
         "error 429 throttlingException \"slow down\"\n"},
        {{"exception", "modelStreamErrorException", "{\"Message\":\"broke\"}"},
         "error 424 modelStreamErrorException \"broke\"\n"},
        {{"exception", "internalServerException", "{}"},
         "error 500 internalServerException \n"},
        {{"exception", "serviceUnavailableException", "{}"},
         "error 503 serviceUnavailableException \n"},
        {{"exception", "validationException", "{\"message\":1}"},
         "error 400 validationException \n"},
        {{"exception", "somethingNewException", "{}"},
         "error 0 somethingNewException \n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct event events[] = {START, DELTA("0", "{\"text\":\"a\"}"),
                                       cases[i].event};
        struct wire_seen seen;

        STREAM_OF(&seen, events);
        assert_true(seen.failed);
        assert_false(seen.ended);
        assert_true(dump_has(&seen, cases[i].line));
        wire_seen_free(&seen);
    }
}

/* No terminal event, no end: whoever waits for it sees a cut. */
static void a_stream_without_its_last_event_does_not_end(void **state)
{
    static const struct event events[] = {START, DELTA("0", "{\"text\":\"a\"}"),
                                          STOP("end_turn"), METADATA};

    (void)state;
    for (size_t n = 1; n <= sizeof(events) / sizeof(events[0]); n++) {
        struct wire_seen seen;

        stream_of(&seen, events, n);
        assert_int_equal(seen.rc, RC_OK);
        assert_int_equal(seen.ended, n == sizeof(events) / sizeof(events[0]));
        wire_seen_free(&seen);
    }
}

static void streams_that_contradict_themselves_are_refused(void **state)
{
    static const struct event early_end[] = {START, METADATA};
    static const struct event twice[] = {START, STOP("end_turn"), STOP("end_turn")};
    static const struct event late[] = {START, STOP("end_turn"),
                                        DELTA("0", "{\"text\":\"a\"}")};
    static const struct event nameless[] = {
        START, DELTA("0", "{\"toolUse\":{\"input\":\"{}\"}}")};
    static const struct event mixed[] = {
        START, DELTA("0", "{\"text\":\"a\"}"),
        DELTA("0", "{\"reasoningContent\":{\"text\":\"b\"}}")};
    static const struct event reasonless[] = {START, {"event", "messageStop", "{}"}};
    static const struct event odd_text[] = {START, DELTA("0", "{\"text\":7}")};

    static const struct {
        const struct event *events;
        size_t count;
    } cases[] = {{early_end, 2}, {twice, 3},      {late, 3},    {nameless, 2},
                 {mixed, 3},     {reasonless, 2}, {odd_text, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_seen seen;

        stream_of(&seen, cases[i].events, cases[i].count);
        assert_int_equal(seen.rc, RC_UPSTREAM);
        assert_false(seen.ended);
        wire_seen_free(&seen);
    }
}

static void unknown_events_are_let_go(void **state)
{
    static const struct event events[] = {
        START,
        {"event", "somethingNew", "{\"a\":1}"},
        DELTA("0", "{\"image\":{\"source\":{\"bytes\":\"QQ==\"}}}"),
        DELTA("0", "{\"text\":\"a\"}"),
        STOP("end_turn"),
        METADATA};
    struct wire_seen seen;

    (void)state;
    STREAM_OF(&seen, events);
    assert_true(seen.ended);
    assert_true(slice_equal(buf_slice(&seen.text), SLICE("a")));
    wire_seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_answer_has_what_it_holds),
        cmocka_unit_test(every_recorded_stream_has_what_it_holds_in_every_cut),
        cmocka_unit_test(what_is_kept_for_an_hour_is_counted_apart),
        cmocka_unit_test(counts_have_older_names_too),
        cmocka_unit_test(a_usage_that_cannot_be_is_not_known),
        cmocka_unit_test(redacted_reasoning_is_a_signature_without_a_text),
        cmocka_unit_test(signatures_come_with_their_reasoning),
        cmocka_unit_test(citations_belong_to_their_text),
        cmocka_unit_test(every_reason_to_stop_is_known),
        cmocka_unit_test(a_tool_without_arguments_is_called_with_an_object),
        cmocka_unit_test(exceptions_are_errors_with_their_status),
        cmocka_unit_test(a_stream_without_its_last_event_does_not_end),
        cmocka_unit_test(streams_that_contradict_themselves_are_refused),
        cmocka_unit_test(unknown_events_are_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

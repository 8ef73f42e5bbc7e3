/* SPDX-License-Identifier: Apache-2.0 */
/* The Messages wire towards Anthropic: every recorded answer gives the events that it
 * holds. What it holds is read a second time here, from the JSON trees of its events,
 * by code that shares nothing with the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <json-c/json.h>

#include "base/json.h"
#include "tests/wire_fixture.h"

enum {
    BLOCKS_MAX = 512,
    TEXT_MAX = 8 << 20
};

/* ---- The second reading ---- */

struct held_block {
    char type[32];
    struct buf text; /* or arguments */
    char name[128];
};

struct held {
    size_t count;
    struct held_block blocks[BLOCKS_MAX];
    int64_t input, read, write, write_1h, output, thinking, searches;
    char stop[64];
};

static const char *str_of(struct json_object *o, const char *key)
{
    struct json_object *v = json_object_object_get(o, key);

    return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

static void set(int64_t *out, struct json_object *o, const char *key)
{
    struct json_object *v = json_object_object_get(o, key);

    if (json_object_is_type(v, json_type_int))
        *out = json_object_get_int64(v);
}

/* The members that are named beside one another are cumulative; the list, if there is
 * one, is what is charged. */
static void hold_usage(struct held *h, struct json_object *u)
{
    struct json_object *list = json_object_object_get(u, "iterations");

    set(&h->input, u, "input_tokens");
    set(&h->read, u, "cache_read_input_tokens");
    set(&h->write, u, "cache_creation_input_tokens");
    set(&h->write_1h, json_object_object_get(u, "cache_creation"),
        "ephemeral_1h_input_tokens");
    set(&h->output, u, "output_tokens");
    set(&h->thinking, json_object_object_get(u, "output_tokens_details"),
        "thinking_tokens");
    set(&h->searches, json_object_object_get(u, "server_tool_use"),
        "web_search_requests");
    if (!json_object_is_type(list, json_type_array) ||
        json_object_array_length(list) == 0)
        return;
    h->input = h->output = h->read = h->write = 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        int64_t in = 0, out = 0, read = 0, write = 0;

        set(&in, one, "input_tokens");
        set(&out, one, "output_tokens");
        set(&read, one, "cache_read_input_tokens");
        set(&write, one, "cache_creation_input_tokens");
        h->input += in;
        h->output += out;
        h->read += read;
        h->write += write;
    }
}

static void hold_block(struct held *h, struct json_object *b)
{
    struct held_block *x = &h->blocks[h->count];
    struct json_object *input = json_object_object_get(b, "input");

    assert_true(h->count < BLOCKS_MAX);
    h->count++;
    buf_init(&x->text, TEXT_MAX);
    (void)snprintf(x->type, sizeof(x->type), "%s", str_of(b, "type"));
    (void)snprintf(x->name, sizeof(x->name), "%s", str_of(b, "name"));
    buf_append_str(&x->text, str_of(b, "text"));
    buf_append_str(&x->text, str_of(b, "thinking"));
    if (json_object_is_type(input, json_type_object) &&
        json_object_object_length(input))
        buf_append_str(&x->text,
                       json_object_to_json_string_ext(input, JSON_C_TO_STRING_PLAIN));
}

static void hold_whole(struct held *h, struct json_object *m)
{
    struct json_object *content = json_object_object_get(m, "content");

    for (size_t i = 0; i < json_object_array_length(content); i++)
        hold_block(h, json_object_array_get_idx(content, i));
    (void)snprintf(h->stop, sizeof(h->stop), "%s", str_of(m, "stop_reason"));
    hold_usage(h, json_object_object_get(m, "usage"));
}

static void hold_delta(struct buf *text, struct json_object *delta)
{
    const char *type = str_of(delta, "type");

    if (strcmp(type, "text_delta") == 0)
        buf_append_str(text, str_of(delta, "text"));
    if (strcmp(type, "input_json_delta") == 0)
        buf_append_str(text, str_of(delta, "partial_json"));
    if (strcmp(type, "thinking_delta") == 0)
        buf_append_str(text, str_of(delta, "thinking"));
}

static void hold_event(struct held *h, struct json_object *e)
{
    const char *type = str_of(e, "type");
    struct json_object *delta = json_object_object_get(e, "delta");
    int64_t index = 0;

    set(&index, e, "index");
    if (strcmp(type, "message_start") == 0 && h->count == 0)
        hold_whole(h, json_object_object_get(e, "message"));
    if (strcmp(type, "content_block_start") == 0) {
        assert_int_equal(index, h->count);
        hold_block(h, json_object_object_get(e, "content_block"));
    }
    if (strcmp(type, "content_block_delta") == 0)
        hold_delta(&h->blocks[index].text, delta);
    if (strcmp(type, "message_delta") == 0) {
        (void)snprintf(h->stop, sizeof(h->stop), "%s", str_of(delta, "stop_reason"));
        hold_usage(h, json_object_object_get(e, "usage"));
    }
}

static void hold_stream(struct held *h, struct slice bytes)
{
    struct slice line;

    while (slice_next(&line, &bytes, '\n')) {
        struct json_object *e;

        if (!slice_starts(line, SLICE("data:")))
            continue;
        assert_int_equal(json_parse(&e, slice_trim(slice_sub(line, 5, line.len))),
                         RC_OK);
        hold_event(h, e);
        json_put(e);
    }
}

/* Some files hold the answers of several calls, one after the other. */
static bool next_stream(struct slice *out, struct slice *rest)
{
    const size_t at = slice_search(*rest, SLICE("event: message_stop"));
    const struct slice tail = slice_sub(*rest, at, rest->len);
    size_t len = at + slice_search(tail, SLICE("\n\n")) + 2;

    if (slice_search(*rest, SLICE("data:")) == rest->len)
        return false;
    len = len < rest->len ? len : rest->len;
    *out = slice_sub(*rest, 0, len);
    *rest = slice_sub(*rest, len, rest->len);
    return true;
}

static void join(struct buf *out, const struct held *h, const char *type)
{
    buf_init(out, TEXT_MAX);
    for (size_t i = 0; i < h->count; i++)
        if (strcmp(h->blocks[i].type, type) == 0)
            buf_append(out, buf_slice(&h->blocks[i].text));
}

/* Objects are the same whatever the blanks and escapes in them. */
static void join_calls(struct buf *out, const struct held *h)
{
    buf_init(out, TEXT_MAX);
    for (size_t i = 0; i < h->count; i++) {
        const struct held_block *b = &h->blocks[i];
        struct json_object *o = NULL;

        if (strcmp(b->type, "tool_use") != 0)
            continue;
        if (buf_len(&b->text) > 0)
            assert_int_equal(json_parse(&o, buf_slice(&b->text)), RC_OK);
        buf_printf(out, "%s(%s)\n", b->name,
                   o == NULL
                       ? "{}"
                       : json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        json_put(o);
    }
}

/* "name(arguments)\n" in the same spelling. Arguments may have line ends, but no ")"
 * before one. */
static void spell_calls(struct buf *out, struct slice calls)
{
    buf_init(out, TEXT_MAX);
    while (calls.len > 0) {
        const struct slice one = slice_sub(calls, 0, slice_search(calls, SLICE(")\n")));
        const size_t at = slice_find(one, '(');
        struct json_object *o;

        assert_int_equal(json_parse(&o, slice_sub(one, at + 1, one.len)), RC_OK);
        buf_append(out, slice_sub(one, 0, at));
        buf_printf(out, "(%s)\n",
                   json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        json_put(o);
        calls = slice_sub(calls, one.len + 2, calls.len);
    }
}

static void same(struct slice a, struct slice b)
{
    if (!slice_equal(a, b))
        fail_msg("\"%.*s\" is not \"%.*s\"", SLICE_FMT(a), SLICE_FMT(b));
}

static enum stop_reason stop_named(const char *word)
{
    static const char *const words[] = {
        [STOP_END] = "end_turn",      [STOP_SEQUENCE] = "stop_sequence",
        [STOP_LENGTH] = "max_tokens", [STOP_TOOLS] = "tool_use",
        [STOP_FILTER] = "refusal",    [STOP_PAUSE] = "pause_turn"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], word) == 0)
            return (enum stop_reason)i;
    fail_msg("what is \"%s\"?", word);
    return STOP_END;
}

static void check_held(struct held *h, struct wire_seen *s, const char *name)
{
    struct buf text, thoughts, calls, spelt;

    if (s->rc != RC_OK || !s->ended || s->stops != 1)
        fail_msg("%s: rc %d ended %d stops %u", name, (int)s->rc, s->ended, s->stops);
    join(&text, h, "text");
    join(&thoughts, h, "thinking");
    join_calls(&calls, h);
    spell_calls(&spelt, buf_slice(&s->calls));
    same(buf_slice(&s->text), buf_slice(&text));
    same(buf_slice(&s->thoughts), buf_slice(&thoughts));
    same(buf_slice(&spelt), buf_slice(&calls));
    assert_int_equal(s->stop, stop_named(h->stop));
    assert_true(s->usage.known);
    assert_int_equal(s->usage.in_uncached, h->input);
    assert_int_equal(s->usage.in_cache_read, h->read);
    assert_int_equal(s->usage.in_cache_write + s->usage.in_cache_write_1h, h->write);
    assert_int_equal(s->usage.in_cache_write_1h, h->write_1h);
    assert_int_equal(s->usage.out_text + s->usage.out_reasoning, h->output);
    assert_int_equal(s->usage.out_reasoning, h->thinking);
    assert_int_equal(s->usage.web_searches, h->searches);
    buf_free(&text);
    buf_free(&thoughts);
    buf_free(&calls);
    buf_free(&spelt);
    for (size_t i = 0; i < h->count; i++)
        buf_free(&h->blocks[i].text);
}

/* ---- Recorded answers ---- */

static unsigned checked, skipped;

/* Two streams in one, made so on purpose: another_message_inside_is_refused. */
static bool is_damaged(const char *name)
{
    return strstr(name, "spliced-message-start") != NULL;
}

static void check_one_stream(const char *name, struct slice bytes)
{
    struct held *h = calloc(1, sizeof(*h));
    struct wire_seen s;

    assert_non_null(h);
    hold_stream(h, bytes);
    wire_stream(&s, &wire_messages, bytes, SIZE_MAX);
    check_held(h, &s, name);
    wire_seen_free(&s);
    free(h);
    checked++;
}

static void check_stream(const char *name)
{
    const struct slice bytes = wire_file(name);
    struct slice rest = bytes, one;

    if (is_damaged(name))
        skipped++;
    else
        while (next_stream(&one, &rest))
            check_one_stream(name, one);
    wire_free(bytes);
}

static void every_stream_gives_what_it_holds(void **state)
{
    (void)state;
    checked = skipped = 0;
    wire_each("anthropic", ".response.sse", check_stream);
    assert_int_equal(checked, 64); /* in 44 files */
    assert_int_equal(skipped, 1);
}

static void check_cuts(const char *name)
{
    const struct slice bytes = wire_file(name);
    struct slice rest = bytes, one;

    while (next_stream(&one, &rest))
        wire_check_cuts(&wire_messages, one);
    wire_free(bytes);
}

static void streams_say_the_same_however_they_are_cut(void **state)
{
    (void)state;
    wire_each("anthropic", ".response.sse", check_cuts);
}

/* Counts of tokens and refusals are no messages. */
static void check_whole(const char *name)
{
    const struct slice bytes = wire_file(name);
    struct held *h = calloc(1, sizeof(*h));
    struct json_object *m;
    struct wire_seen s;

    assert_non_null(h);
    assert_int_equal(json_parse(&m, bytes), RC_OK);
    wire_whole(&s, &wire_messages, bytes);
    if (strcmp(str_of(m, "type"), "message") == 0) {
        hold_whole(h, m);
        check_held(h, &s, name);
        checked++;
    } else if (json_object_object_get(m, "error") != NULL) {
        assert_true(s.failed);
        skipped++;
    } else {
        assert_non_null(json_object_object_get(m, "input_tokens"));
        assert_int_equal(s.rc, RC_UPSTREAM);
        skipped++;
    }
    wire_seen_free(&s);
    json_put(m);
    free(h);
    wire_free(bytes);
}

static void every_whole_answer_gives_what_it_holds(void **state)
{
    (void)state;
    checked = skipped = 0;
    wire_each("anthropic", ".response.json", check_whole);
    assert_int_equal(checked, 57);
    assert_int_equal(skipped, 5);
}

/* ---- Streams that are not as they should be ---- */

#define START                                                                          \
    "event: message_start\n"                                                           \
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m\"," \
    "\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n"
#define BLOCK(i, b)                                                                \
    "data: {\"type\":\"content_block_start\",\"index\":" i ",\"content_block\":" b \
    "}\n\n"
#define DELTA(i, d) \
    "data: {\"type\":\"content_block_delta\",\"index\":" i ",\"delta\":" d "}\n\n"
#define TEXT(i, t) DELTA(i, "{\"type\":\"text_delta\",\"text\":\"" t "\"}")
#define ARGS(i, t) \
    DELTA(i, "{\"type\":\"input_json_delta\",\"partial_json\":\"" t "\"}")
#define CLOSE(i) "data: {\"type\":\"content_block_stop\",\"index\":" i "}\n\n"
#define STOP(why)                                                                \
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" why "\"}," \
    "\"usage\":{\"output_tokens\":9}}\n\n"
#define LAST           "data: {\"type\":\"message_stop\"}\n\n"
#define TOOL(id, name) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\"}"

static void read_stream(struct wire_seen *s, const char *text)
{
    wire_stream(s, &wire_messages, slice_str(text), SIZE_MAX);
}

static void another_message_inside_is_refused(void **state)
{
    const struct slice bytes =
        wire_file("anthropic/ve-spliced-message-start.response.sse");
    struct wire_seen s;

    (void)state;
    wire_stream(&s, &wire_messages, bytes, SIZE_MAX);
    assert_int_equal(s.rc, RC_UPSTREAM);
    assert_false(s.ended);
    wire_seen_free(&s);
    wire_free(bytes);
}

static void a_stream_without_its_last_event_has_not_ended(void **state)
{
    struct wire_seen s;

    (void)state;
    read_stream(&s, START BLOCK("0", "{\"type\":\"text\",\"text\":\"\"}") TEXT("0", "a")
                        CLOSE("0") STOP("end_turn"));
    assert_int_equal(s.rc, RC_OK);
    assert_false(s.ended);
    wire_seen_free(&s);
}

static void an_end_without_a_reason_is_no_end(void **state)
{
    struct wire_seen s;

    (void)state;
    read_stream(&s, START LAST);
    assert_int_equal(s.rc, RC_UPSTREAM);
    assert_false(s.ended);
    wire_seen_free(&s);
}

static void blocks_may_be_open_together(void **state)
{
    struct wire_seen s;

    (void)state;
    read_stream(&s, START BLOCK("0", "{\"type\":\"text\",\"text\":\"\"}")
                        BLOCK("1", TOOL("a", "f")) BLOCK("2", TOOL("b", "g"))
                            TEXT("0", "x") ARGS("2", "{\\\"b\\\":") ARGS("1", "{}")
                                TEXT("0", "y") ARGS("2", "2}") CLOSE("1") CLOSE("2")
                                    CLOSE("0") STOP("tool_use") LAST);
    assert_int_equal(s.rc, RC_OK);
    assert_true(s.ended);
    same(buf_slice(&s.text), SLICE("xy"));
    same(buf_slice(&s.calls), SLICE("f({})\ng({\"b\":2})\n"));
    assert_int_equal(s.usage.in_uncached, 7);
    assert_int_equal(s.usage.out_text, 9);
    wire_seen_free(&s);
}

static void blocks_left_open_are_ended_by_the_stop(void **state)
{
    struct wire_seen s;

    (void)state;
    read_stream(&s, START BLOCK("0", TOOL("a", "f")) STOP("tool_use") LAST);
    assert_int_equal(s.rc, RC_OK);
    assert_true(s.ended);
    same(buf_slice(&s.calls), SLICE("f({})\n"));
    wire_seen_free(&s);
}

static void growth_of_nothing_is_refused(void **state)
{
    struct wire_seen s;

    (void)state;
    read_stream(&s, START TEXT("0", "a"));
    assert_int_equal(s.rc, RC_UPSTREAM);
    wire_seen_free(&s);
    read_stream(&s, BLOCK("0", "{\"type\":\"text\",\"text\":\"\"}"));
    assert_int_equal(s.rc, RC_UPSTREAM);
    wire_seen_free(&s);
    read_stream(&s, START BLOCK("0", "{\"type\":\"text\"}")
                        BLOCK("0", "{\"type\":\"text\"}"));
    assert_int_equal(s.rc, RC_UPSTREAM);
    wire_seen_free(&s);
}

static void more_blocks_than_there_is_room_for_are_refused(void **state)
{
    struct wire_seen s;
    struct buf b;

    (void)state;
    for (unsigned blocks = 64; blocks <= 65; blocks++) {
        buf_init(&b, TEXT_MAX);
        buf_append_str(&b, START);
        for (unsigned i = 0; i < blocks; i++)
            buf_printf(&b, BLOCK("%u", "{\"type\":\"text\",\"text\":\"\"}"), i);
        buf_append_str(&b, STOP("end_turn") LAST);
        wire_stream(&s, &wire_messages, buf_slice(&b), SIZE_MAX);
        assert_int_equal(s.rc, blocks == 64 ? RC_OK : RC_UPSTREAM);
        wire_seen_free(&s);
        buf_free(&b);
    }
}

static void an_error_event_says_its_status(void **state)
{
    struct wire_seen s;

    (void)state;
    read_stream(&s, START "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                          "\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n");
    assert_int_equal(s.rc, RC_OK);
    assert_true(s.failed);
    assert_false(s.ended);
    assert_true(slice_search(buf_slice(&s.dump),
                             SLICE("error 529 overloaded_error \"Overloaded\"")) <
                buf_len(&s.dump));
    wire_seen_free(&s);
}

static void unknown_events_and_deltas_give_nothing(void **state)
{
    struct wire_seen s;

    (void)state;
    read_stream(&s, START "data: {\"type\":\"ping\"}\n\ndata: {\"type\":\"news\"}\n\n"
                          "data: {}\n\n" BLOCK("0", "{\"type\":\"novelty\"}")
                              TEXT("0", "a") DELTA("0", "{\"type\":\"novel_delta\"}")
                                  CLOSE("0") CLOSE("7") STOP("novel_reason") LAST);
    assert_int_equal(s.rc, RC_OK);
    assert_true(s.ended);
    same(buf_slice(&s.text), SLICE(""));
    assert_int_equal(s.stop, STOP_END);
    wire_seen_free(&s);
}

static void impossible_counts_are_not_used(void **state)
{
    struct wire_seen s;

    (void)state;
    read_stream(&s,
                START BLOCK("0", "{\"type\":\"text\",\"text\":\"a\"}") CLOSE(
                    "0") "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                         "\"end_turn\"},\"usage\":{\"input_tokens\":-5,"
                         "\"output_tokens\":3}}\n\n" LAST);
    assert_true(s.ended);
    assert_int_equal(s.usage.in_uncached, 7);
    assert_int_equal(s.usage.out_text, 1);
    wire_seen_free(&s);
}

static void cache_writes_are_split_by_how_long_they_last(void **state)
{
    static const char answer[] =
        "{\"type\":\"message\",\"content\":[],\"stop_reason\":\"end_turn\",\"usage\":{"
        "\"input_tokens\":5,\"cache_creation_input_tokens\":100,"
        "\"cache_read_input_tokens\":50,\"cache_creation\":{"
        "\"ephemeral_5m_input_tokens\":70,\"ephemeral_1h_input_tokens\":30},"
        "\"output_tokens\":40,\"output_tokens_details\":{\"thinking_tokens\":25},"
        "\"server_tool_use\":{\"web_search_requests\":2},"
        "\"service_tier\":\"priority\"}}";
    struct wire_seen s;

    (void)state;
    wire_whole(&s, &wire_messages, slice_str(answer));
    assert_int_equal(s.rc, RC_OK);
    assert_int_equal(s.usage.in_uncached, 5);
    assert_int_equal(s.usage.in_cache_read, 50);
    assert_int_equal(s.usage.in_cache_write, 70);
    assert_int_equal(s.usage.in_cache_write_1h, 30);
    assert_int_equal(s.usage.out_text, 15);
    assert_int_equal(s.usage.out_reasoning, 25);
    assert_int_equal(s.usage.web_searches, 2);
    assert_int_equal(s.usage.tier, USAGE_PRIORITY);
    wire_seen_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stream_gives_what_it_holds),
        cmocka_unit_test(streams_say_the_same_however_they_are_cut),
        cmocka_unit_test(every_whole_answer_gives_what_it_holds),
        cmocka_unit_test(another_message_inside_is_refused),
        cmocka_unit_test(a_stream_without_its_last_event_has_not_ended),
        cmocka_unit_test(an_end_without_a_reason_is_no_end),
        cmocka_unit_test(blocks_may_be_open_together),
        cmocka_unit_test(blocks_left_open_are_ended_by_the_stop),
        cmocka_unit_test(growth_of_nothing_is_refused),
        cmocka_unit_test(more_blocks_than_there_is_room_for_are_refused),
        cmocka_unit_test(an_error_event_says_its_status),
        cmocka_unit_test(unknown_events_and_deltas_give_nothing),
        cmocka_unit_test(impossible_counts_are_not_used),
        cmocka_unit_test(cache_writes_are_split_by_how_long_they_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as clients of the Messages dialect get them. Whatever a vendor has answered
 * is told in this dialect and read again: it must say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_guard.h"
#include "gateway/sse.h"
#include "tests/wire_fixture.h"

enum {
    MEMORY_MAX = 64 << 20,
    OUT_MAX = 32 << 20
};

/* ---- Telling ---- */

struct teller {
    const struct wire *from;
    void *reader, *writer;
    struct arena *memory;
    struct buf out;
    struct usage usage;
    bool ended;
};

static enum rc tell(void *arg, const struct answer_event *e)
{
    struct teller *t = arg;

    if (e->kind == ANSWER_USAGE)
        t->usage = e->usage;
    t->ended = t->ended || e->kind == ANSWER_END;
    wire_messages.out_event(t->writer, &t->out, e);
    return RC_OK;
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct teller *t = arg;
    const struct wire_event we = {.name = e->event, .data = e->data};
    struct arena *scratch;
    enum rc rc;

    if (e->is_comment || e->incomplete || t->ended)
        return RC_OK;
    assert_int_equal(arena_open(&scratch, MEMORY_MAX), RC_OK);
    rc = t->from->event(t->reader, &we, tell, t, scratch);
    arena_close(scratch);
    return rc;
}

static void begin(struct teller *t, const struct wire *from, bool stream)
{
    const struct wire_answer w = {.stream = stream,
                                  .model = SLICE("asked"),
                                  .id = "req_1",
                                  .reasoning_shown = true};

    memset(t, 0, sizeof(*t));
    t->from = from;
    assert_int_equal(arena_open(&t->memory, MEMORY_MAX), RC_OK);
    buf_init(&t->out, OUT_MAX);
    t->writer = wire_messages.out_open(&w, t->memory);
    assert_non_null(t->writer);
}

/* The rest, and what all of it says to a reader of this dialect. */
static void finish(struct teller *t, bool stream, struct wire_seen *seen)
{
    const struct wire_bill bill = {.usage = &t->usage, .cost = money_from_nano(1500)};

    assert_true(t->ended);
    wire_messages.out_end(t->writer, &t->out, &bill);
    wire_messages.out_close(t->writer);
    assert_false(buf_spent(&t->out));
    if (stream)
        wire_stream(seen, &wire_messages, buf_slice(&t->out), SIZE_MAX);
    else
        wire_whole(seen, &wire_messages, buf_slice(&t->out));
}

static void free_teller(struct teller *t)
{
    buf_free(&t->out);
    arena_close(t->memory);
}

/* ---- There and back ---- */

static void same(const char *name, struct slice a, struct slice b)
{
    if (!slice_equal(a, b))
        fail_msg("%s: \"%.*s\" is not \"%.*s\"", name, SLICE_FMT(a), SLICE_FMT(b));
}

/* What is no object is shown as what it is, see
 * arguments_that_are_no_json_are_shown_as_they_are: cut arguments, and the input of
 * tools that no client of this dialect can have. */
static bool has_odd_calls(const char *name)
{
    return strstr(name, "truncated_tool_call") != NULL ||
           strstr(name, "custom-tool") != NULL || strstr(name, "apply-patch") != NULL;
}

/* Arguments that were told in an object have lost the blanks around it. */
static void same_answer(const char *name, const struct wire_seen *a,
                        const struct wire_seen *b)
{
    assert_int_equal(b->rc, RC_OK);
    assert_true(b->ended);
    if (strstr(name, "stream-refusal") == NULL) /* a refusal is text here */
        same(name, buf_slice(&b->text), buf_slice(&a->text));
    same(name, buf_slice(&b->thoughts), buf_slice(&a->thoughts));
    if (!has_odd_calls(name))
        same(name, buf_slice(&b->calls), buf_slice(&a->calls));
    assert_int_equal(a->stop, b->stop);
    assert_int_equal(usage_prompt(&a->usage), usage_prompt(&b->usage));
    assert_int_equal(usage_completion(&a->usage), usage_completion(&b->usage));
    assert_int_equal(a->usage.in_cache_read, b->usage.in_cache_read);
    assert_int_equal(a->usage.in_cache_write, b->usage.in_cache_write);
    assert_int_equal(a->usage.in_cache_write_1h, b->usage.in_cache_write_1h);
    assert_int_equal(a->usage.out_reasoning, b->usage.out_reasoning);
    assert_int_equal(a->usage.web_searches, b->usage.web_searches);
}

static const struct wire *vendor;
static unsigned checked;

static void check_stream_as(const char *name, struct slice bytes, bool stream)
{
    struct wire_seen before, after;
    struct sse_reader r;
    struct teller t;

    wire_stream(&before, vendor, bytes, SIZE_MAX);
    if (before.rc == RC_OK && before.ended && before.stops == 1) {
        begin(&t, vendor, stream);
        t.reader = vendor->open(t.memory);
        sse_reader_init(&r, 0);
        assert_int_equal(sse_feed(&r, bytes, on_event, &t), RC_OK);
        assert_int_equal(sse_end(&r, on_event, &t), RC_OK);
        sse_reader_free(&r);
        if (!t.ended && vendor->ended != NULL)
            assert_int_equal(vendor->ended(t.reader, tell, &t), RC_OK);
        finish(&t, stream, &after);
        same_answer(name, &before, &after);
        wire_seen_free(&after);
        free_teller(&t);
        checked++;
    }
    wire_seen_free(&before);
}

/* What the wire refuses, or what has several choices, is not told in this dialect. */
static void check_stream(const char *name)
{
    const struct slice bytes = wire_file(name);

    check_stream_as(name, bytes, true);
    check_stream_as(name, bytes, false);
    wire_free(bytes);
}

static void check_whole_as(const char *name, struct slice bytes, bool stream)
{
    struct wire_seen before, after;
    struct arena *scratch;
    struct teller t;

    wire_whole(&before, vendor, bytes);
    if (before.rc == RC_OK && before.ended && before.stops == 1) {
        begin(&t, vendor, stream);
        assert_int_equal(arena_open(&scratch, MEMORY_MAX), RC_OK);
        assert_int_equal(vendor->answer(bytes, tell, &t, scratch), RC_OK);
        arena_close(scratch);
        finish(&t, stream, &after);
        same_answer(name, &before, &after);
        wire_seen_free(&after);
        free_teller(&t);
        checked++;
    }
    wire_seen_free(&before);
}

static void check_whole(const char *name)
{
    const struct slice bytes = wire_file(name);

    check_whole_as(name, bytes, true);
    check_whole_as(name, bytes, false);
    wire_free(bytes);
}

static void check_vendor(const struct wire *w, const char *folder, unsigned count)
{
    vendor = w;
    checked = 0;
    wire_each(folder, ".response.sse", check_stream);
    if (w != &wire_gemini) /* some of its files are lists of answers */
        wire_each(folder, ".response.json", check_whole);
    if (checked != count)
        fail_msg("%s: %u answers were told, not %u", folder, checked, count);
}

/* Each is told twice: as a stream, and whole. */
static void answers_of_all_vendors_say_the_same_in_this_dialect(void **state)
{
    (void)state;
    check_vendor(&wire_messages, "anthropic", 202);
    check_vendor(&wire_chat, "openai", 144);
    check_vendor(&wire_chat, "deepseek", 24);
    check_vendor(&wire_chat, "groq", 26);
    check_vendor(&wire_chat, "mistral", 28);
    check_vendor(&wire_gemini, "gemini", 40);
}

static void responses_say_the_same_in_this_dialect(void **state)
{
    (void)state;
    check_vendor(&wire_responses, "openai_responses", 110);
}

/* ---- Event for event ---- */

static struct quoted q(const char *json)
{
    return (struct quoted){slice_str(json)};
}

#define GIVE(...) tell(&t, &(struct answer_event){__VA_ARGS__})

static void ends_with(struct teller *t, const char *want)
{
    const struct usage usage = {.known = true,
                                .in_uncached = 5,
                                .in_cache_read = 2,
                                .in_cache_write = 3,
                                .in_cache_write_1h = 4,
                                .out_text = 6,
                                .out_reasoning = 1,
                                .web_searches = 2};
    const struct wire_bill bill = {.usage = &usage, .cost = money_from_nano(1500)};

    wire_messages.out_end(t->writer, &t->out, &bill);
    wire_messages.out_close(t->writer);
    same("", buf_slice(&t->out), slice_str(want));
    free_teller(t);
}

#define BILL                                                                 \
    "\"usage\":{\"input_tokens\":5,\"cache_creation_input_tokens\":7,"       \
    "\"cache_read_input_tokens\":2,\"cache_creation\":{"                     \
    "\"ephemeral_5m_input_tokens\":3,\"ephemeral_1h_input_tokens\":4},"      \
    "\"output_tokens\":7,\"output_tokens_details\":{\"thinking_tokens\":1}," \
    "\"server_tool_use\":{\"web_search_requests\":2},\"cost\":\"0.000001500\"}"

static void an_answer(struct teller *t_, bool stream)
{
    struct teller t;

    begin(&t, &wire_chat, stream);
    (void)GIVE(.kind = ANSWER_BEGIN, .id = SLICE("chatcmpl-1"), .model = SLICE("up"));
    (void)GIVE(.kind = ANSWER_PART, .part_kind = PART_REASONING, .id = SLICE("rs_1"));
    (void)GIVE(.kind = ANSWER_DELTA, .part_kind = PART_REASONING, .text = q("\"hm\""));
    (void)GIVE(.kind = ANSWER_SIGNATURE, .part_kind = PART_REASONING,
               .text = q("\"si\""), .signed_by = SLICE("openai-responses-v1"));
    (void)GIVE(.kind = ANSWER_SIGNATURE, .part_kind = PART_REASONING,
               .text = q("\"g\""), .signed_by = SLICE("openai-responses-v1"));
    (void)GIVE(.kind = ANSWER_PART_END, .part_kind = PART_REASONING);
    (void)GIVE(.kind = ANSWER_PART, .part = 1, .part_kind = PART_TEXT);
    (void)GIVE(.kind = ANSWER_DELTA, .part = 1, .text = q("\"a\\n\""));
    (void)GIVE(.kind = ANSWER_CITATION, .part = 1,
               .citation = {.url = q("\"https://h.example/\""), .title = q("\"T\"")});
    (void)GIVE(.kind = ANSWER_PART, .part = 2, .part_kind = PART_IMAGE);
    (void)GIVE(.kind = ANSWER_PART_END, .part = 2, .part_kind = PART_IMAGE);
    (void)GIVE(.kind = ANSWER_PART_END, .part = 1);
    (void)GIVE(.kind = ANSWER_PART, .part = 3, .part_kind = PART_TOOL_CALL,
               .id = SLICE("c1"), .name = SLICE("f"));
    (void)GIVE(.kind = ANSWER_DELTA, .part = 3, .part_kind = PART_TOOL_CALL,
               .text = q("\"{\\\"x\\\"\""));
    (void)GIVE(.kind = ANSWER_DELTA, .part = 3, .part_kind = PART_TOOL_CALL,
               .text = q("\":1}\""));
    (void)GIVE(.kind = ANSWER_PART_END, .part = 3, .part_kind = PART_TOOL_CALL);
    (void)GIVE(.kind = ANSWER_STOP, .stop = STOP_TOOLS);
    (void)GIVE(.kind = ANSWER_END);
    *t_ = t;
}

#define EVENT(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"

static void a_stream_is_what_the_sdk_expects(void **state)
{
    struct teller t;

    (void)state;
    an_answer(&t, true);
    ends_with(
        &t,
        EVENT("message_start",
              ",\"message\":{\"id\":\"chatcmpl-1\",\"type\":\"message\",\"role\":"
              "\"assistant\",\"model\":\"asked\",\"content\":[],\"stop_reason\":null,"
              "\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,"
              "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
              "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
              "\"ephemeral_1h_input_tokens\":0},\"output_tokens\":0}}")
            EVENT(
                "content_block_start",
                ",\"index\":0,\"content_block\":{\"type\":\"thinking\","
                "\"thinking\":\"\",\"signature\":\"\"}") EVENT("content_block_delta",
                                                               ",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
                                                               "\"thinking\":\"hm\"}")
                EVENT("content_block_delta",
                      ",\"index\":0,\"delta\":{\"type\":\"signature_delta\","
                      "\"signature\":\"octroi:openai-responses-v1:rs_1:sig\"}")
                    EVENT("content_block_stop", ",\"index\":0") EVENT(
                        "content_block_start",
                        ",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
                        EVENT(
                            "content_block_delta",
                            ",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":"
                            "\"a\\n\"}")
                            EVENT(
                                "content_block_delta",
                                ",\"index\":1,\"delta\":{\"type\":\"citations_delta\","
                                "\"citation\":{\"type\":\"web_search_result_location\","
                                "\"cited_text\":\"\",\"url\":\"https://h.example/\","
                                "\"title\":\"T\",\"encrypted_index\":\"\"}}")
                                EVENT("content_block_stop", ",\"index\":1") EVENT(
                                    "content_block_start",
                                    ",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"c1\","
                                    "\"name\":\"f\",\"input\":{}}")
                                    EVENT(
                                        "content_block_delta",
                                        ",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
                                        "\"partial_json\":\"{\\\"x\\\"\"}")
                                        EVENT(
                                            "content_block_delta",
                                            ",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
                                            "\"partial_json\":\":1}\"}")
                                            EVENT("content_block_stop", ",\"index\":2") EVENT(
                                                "message_delta",
                                                ",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null}," BILL)
                                                EVENT("message_stop", ""));
}

static void a_whole_answer_is_one_message(void **state)
{
    struct teller t;

    (void)state;
    an_answer(&t, false);
    ends_with(
        &t, "{\"id\":\"chatcmpl-1\",\"type\":\"message\",\"role\":\"assistant\","
            "\"model\":\"asked\",\"content\":["
            "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":"
            "\"octroi:openai-responses-v1:rs_1:sig\"},"
            "{\"type\":\"text\",\"text\":\"a\\n\",\"citations\":[{\"type\":"
            "\"web_search_result_location\",\"cited_text\":\"\",\"url\":"
            "\"https://h.example/\",\"title\":\"T\",\"encrypted_index\":\"\"}]},"
            "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{\"x\":1}}],"
            "\"stop_reason\":\"tool_use\",\"stop_sequence\":null," BILL "}");
}

/* ---- Single cases ---- */

static void says(struct teller *t, const char *text)
{
    const struct slice out = buf_slice(&t->out);

    if (slice_search(out, slice_str(text)) == out.len)
        fail_msg("%.*s does not say %s", SLICE_FMT(out), text);
}

static void close_teller(struct teller *t)
{
    const struct wire_bill bill = {.usage = &t->usage, .cost = MONEY_ZERO};

    wire_messages.out_end(t->writer, &t->out, &bill);
}

static void drop(struct teller *t)
{
    wire_messages.out_close(t->writer);
    free_teller(t);
}

static void arguments_that_are_no_json_are_shown_as_they_are(void **state)
{
    struct teller t;

    (void)state;
    begin(&t, &wire_chat, false);
    (void)GIVE(.kind = ANSWER_BEGIN);
    (void)GIVE(.kind = ANSWER_PART, .part_kind = PART_TOOL_CALL, .id = SLICE("c"),
               .name = SLICE("f"));
    (void)GIVE(.kind = ANSWER_DELTA, .part_kind = PART_TOOL_CALL,
               .text = q("\"{\\\"x\\\":\""));
    (void)GIVE(.kind = ANSWER_PART_END, .part_kind = PART_TOOL_CALL);
    (void)GIVE(.kind = ANSWER_STOP, .stop = STOP_LENGTH);
    close_teller(&t);
    says(&t, "\"input\":{\"INVALID_JSON\":\"{\\\"x\\\":\"}");
    says(&t, "\"stop_reason\":\"max_tokens\"");
    says(&t, "{\"id\":\"msg_req_1\"");
    drop(&t);
}

static void a_refusal_says_why(void **state)
{
    struct teller t;

    (void)state;
    begin(&t, &wire_chat, true);
    (void)GIVE(.kind = ANSWER_BEGIN);
    (void)GIVE(.kind = ANSWER_STOP, .stop = STOP_FILTER, .stop_text = q("\"no\""));
    close_teller(&t);
    says(&t, "\"stop_reason\":\"refusal\",\"stop_sequence\":null,\"stop_details\":{"
             "\"type\":\"refusal\",\"category\":null,\"explanation\":\"no\"}");
    drop(&t);
}

static void sealed_reasoning_is_told_in_one_piece(void **state)
{
    static const char seal[] = "{\"type\":\"redacted_thinking\",\"data\":"
                               "\"octroi:openai-responses-v1:rs_9:abcd\"}";

    (void)state;
    for (int stream = 0; stream <= 1; stream++) {
        struct teller t;

        begin(&t, &wire_chat, stream);
        (void)GIVE(.kind = ANSWER_BEGIN);
        (void)GIVE(.kind = ANSWER_PART, .part_kind = PART_REASONING,
                   .is_encrypted = true, .id = SLICE("rs_9"));
        (void)GIVE(.kind = ANSWER_SIGNATURE, .part_kind = PART_REASONING,
                   .text = q("\"ab\""), .signed_by = SLICE("openai-responses-v1"));
        (void)GIVE(.kind = ANSWER_SIGNATURE, .part_kind = PART_REASONING,
                   .text = q("\"cd\""), .signed_by = SLICE("openai-responses-v1"));
        (void)GIVE(.kind = ANSWER_PART_END, .part_kind = PART_REASONING);
        (void)GIVE(.kind = ANSWER_STOP, .stop = STOP_END);
        close_teller(&t);
        says(&t, seal);
        drop(&t);
    }
}

static void unsigned_reasoning_is_marked_as_nobodys(void **state)
{
    struct teller t;

    (void)state;
    begin(&t, &wire_chat, true);
    (void)GIVE(.kind = ANSWER_BEGIN);
    (void)GIVE(.kind = ANSWER_PART, .part_kind = PART_REASONING);
    (void)GIVE(.kind = ANSWER_DELTA, .part_kind = PART_REASONING, .text = q("\"hm\""));
    (void)GIVE(.kind = ANSWER_PART_END, .part_kind = PART_REASONING);
    says(&t, "{\"type\":\"signature_delta\",\"signature\":\"octroi:::\"}");
    drop(&t);
}

static void reasoning_that_nobody_asked_for_is_not_told(void **state)
{
    const struct wire_answer w = {
        .stream = true, .model = SLICE("m"), .id = "1", .reasoning_shown = false};
    struct teller t;

    (void)state;
    begin(&t, &wire_chat, true);
    wire_messages.out_close(t.writer);
    t.writer = wire_messages.out_open(&w, t.memory);
    (void)GIVE(.kind = ANSWER_BEGIN);
    (void)GIVE(.kind = ANSWER_PART, .part_kind = PART_REASONING);
    (void)GIVE(.kind = ANSWER_DELTA, .part_kind = PART_REASONING, .text = q("\"hm\""));
    (void)GIVE(.kind = ANSWER_PART_END, .part_kind = PART_REASONING);
    (void)GIVE(.kind = ANSWER_PART, .part = 1, .part_kind = PART_TEXT);
    says(&t, "\"index\":0,\"content_block\":{\"type\":\"text\"");
    assert_int_equal(slice_search(buf_slice(&t.out), SLICE("hm")), buf_len(&t.out));
    drop(&t);
}

static void too_many_open_parts_break_the_answer(void **state)
{
    struct teller t;

    (void)state;
    begin(&t, &wire_chat, true);
    (void)GIVE(.kind = ANSWER_BEGIN);
    for (unsigned i = 0; i <= 64; i++) {
        assert_false(buf_spent(&t.out));
        (void)GIVE(.kind = ANSWER_PART, .part = i, .part_kind = PART_TEXT);
    }
    assert_true(buf_spent(&t.out));
    drop(&t);
}

static void an_error_in_a_stream_has_its_own_event(void **state)
{
    const struct fault f = {.rc = RC_UPSTREAM_RATE};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    wire_messages.out_error(NULL, &out, &f, "req_1");
    assert_true(slice_starts(buf_slice(&out),
                             SLICE("event: error\ndata: {\"type\":\"error\",\"error\":"
                                   "{\"type\":\"")));
    assert_true(slice_ends(buf_slice(&out), SLICE("\"request_id\":\"req_1\"}\n\n")));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_all_vendors_say_the_same_in_this_dialect),
        cmocka_unit_test(responses_say_the_same_in_this_dialect),
        cmocka_unit_test(a_stream_is_what_the_sdk_expects),
        cmocka_unit_test(a_whole_answer_is_one_message),
        cmocka_unit_test(arguments_that_are_no_json_are_shown_as_they_are),
        cmocka_unit_test(a_refusal_says_why),
        cmocka_unit_test(sealed_reasoning_is_told_in_one_piece),
        cmocka_unit_test(unsigned_reasoning_is_marked_as_nobodys),
        cmocka_unit_test(reasoning_that_nobody_asked_for_is_not_told),
        cmocka_unit_test(too_many_open_parts_break_the_answer),
        cmocka_unit_test(an_error_in_a_stream_has_its_own_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's mock upstream, seen through a client: shapes, usage, errors. What it says
 * is checked only where the header promises it. */
#include "cli/mock.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/json.h"

static struct mock *mock;
static uint16_t port;
static struct arena *arena;
static struct buf answer;
static char content_type[64];

static size_t keep(char *bytes, size_t size, size_t count, void *arg)
{
    buf_append(arg, slice_from(bytes, size * count));
    return size * count;
}

static int set_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    buf_init(&answer, 64 << 20);
    if (arena_open(&arena, 64 << 20) != RC_OK)
        return -1;
    return mock_start(&mock, &port) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mock_stop(mock);
    arena_close(arena);
    buf_free(&answer);
    return 0;
}

/* One exchange; returns the status, leaves the body in `answer`. body NULL: none. */
static long exchange(const char *method, const char *path, const char *body)
{
    CURL *easy = curl_easy_init();
    const char *type = NULL;
    char url[512];
    long status = 0;

    assert_non_null(easy);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
    buf_reset(&answer);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
    if (body != NULL)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    assert_int_equal(curl_easy_perform(easy), CURLE_OK);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    (void)snprintf(content_type, sizeof(content_type), "%s", type != NULL ? type : "");
    curl_easy_cleanup(easy);
    return status;
}

static long chat(const char *body)
{
    return exchange("POST", "/v1/chat/completions", body);
}

/* ---- Reading answers ---- */

static struct slice element(struct slice array, struct slice index)
{
    struct slice value = SLICE_NONE;
    uint64_t left = 0;
    size_t where = 0;

    assert_int_equal(slice_to_u64(&left, index), RC_OK);
    do {
        if (json_raw_element(&value, array, &where) == JSON_ABSENT)
            return SLICE_NONE;
    } while (left-- > 0);
    return value;
}

static struct slice member(struct slice object, struct slice name)
{
    struct slice value = SLICE_NONE;
    char key[64];

    assert_int_equal(slice_to_cstr(key, sizeof(key), name), RC_OK);
    if (json_raw_member(&value, object, key) == JSON_ABSENT)
        return SLICE_NONE;
    return value;
}

/* The value at a path such as "choices/0/message/content": keys and indexes. */
static struct slice at(struct slice json, const char *path)
{
    struct slice rest = slice_str(path);
    struct slice step;

    while (slice_next(&step, &rest, '/')) {
        if (json_raw_type(json) == JSON_ARRAY)
            json = element(json, step);
        else
            json = member(json, step);
    }
    return json;
}

static struct slice text_at(struct slice json, const char *path)
{
    struct slice text = SLICE_NONE;

    if (json_raw_string(&text, at(json, path), arena) != RC_OK)
        fail_msg("no text at %s in %.*s", path, SLICE_FMT(json));
    return text;
}

static uint64_t number_at(struct slice json, const char *path)
{
    uint64_t number = 0;

    if (json_raw_u64(&number, at(json, path)) != RC_OK)
        fail_msg("no number at %s in %.*s", path, SLICE_FMT(json));
    return number;
}

static void assert_text(struct slice json, const char *path, const char *expected)
{
    const struct slice text = text_at(json, path);

    if (!slice_equal_str(text, expected))
        fail_msg("%s is \"%.*s\", not \"%s\"", path, SLICE_FMT(text), expected);
}

static void assert_null_at(struct slice json, const char *path)
{
    if (json_raw_type(at(json, path)) != JSON_NULL)
        fail_msg("%s is not null in %.*s", path, SLICE_FMT(json));
}

static struct slice guarded(struct slice text)
{
    const struct json_limits limits = {.depth = 0};

    assert_int_equal(json_guard(text, &limits, NULL, 0, NULL, arena), RC_OK);
    return text;
}

static struct slice answered(void)
{
    return guarded(buf_slice(&answer));
}

/* The next event's JSON of a stream; false: it was "[DONE]", and nothing follows. */
static bool next_event(struct slice *event, struct slice *rest)
{
    const size_t end = slice_search(*rest, SLICE("\n\n"));

    assert_true(slice_starts(*rest, SLICE("data: ")) && end < rest->len);
    *event = slice_sub(*rest, 6, end - 6);
    *rest = slice_sub(*rest, end + 2, rest->len);
    if (slice_equal_str(*event, "[DONE]")) {
        assert_int_equal(rest->len, 0);
        return false;
    }
    (void)guarded(*event);
    return true;
}

static void assert_error(long status, long expected, const char *param)
{
    const struct slice json = answered();

    if (status != expected)
        fail_msg("%ld, not %ld: %.*s", status, expected, SLICE_FMT(json));
    assert_true(text_at(json, "error/message").len > 0);
    assert_text(json, "error/type", "invalid_request_error");
    assert_true(at(json, "error/code").len > 0); /* null or a text: there it is */
    if (param == NULL)
        assert_null_at(json, "error/param");
    else
        assert_text(json, "error/param", param);
}

/* ---- Chat ---- */

#define ASK \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi there\"}]"

static void a_chat_is_answered_in_openai_s_shape(void **state)
{
    struct slice text;

    (void)state;
    assert_int_equal(chat(ASK "}"), 200);
    assert_string_equal(content_type, "application/json");
    assert_text(answered(), "object", "chat.completion");
    assert_true(slice_starts(text_at(answered(), "id"), SLICE("chatcmpl-")));
    assert_text(answered(), "model", "m");
    assert_text(answered(), "choices/0/message/role", "assistant");
    assert_text(answered(), "choices/0/finish_reason", "stop");
    assert_int_equal(at(answered(), "choices/1").len, 0);
    text = text_at(answered(), "choices/0/message/content");
    assert_true(slice_search(text, SLICE("Hi there")) < text.len);
    assert_int_equal(number_at(answered(), "usage/prompt_tokens"), 2); /* 8 bytes */
    assert_int_equal(number_at(answered(), "usage/completion_tokens"),
                     (text.len + 3) / 4);
    assert_int_equal(number_at(answered(), "usage/total_tokens"),
                     2 + (text.len + 3) / 4);
}

static void the_prompt_s_tokens_are_its_bytes_by_four(void **state)
{
    (void)state;
    /* 4 + 7 ("Grüße") + 2 = 13 bytes of text. */
    assert_int_equal(
        chat(
            "{\"model\":\"m\",\"messages\":["
            "{\"role\":\"system\",\"content\":\"Be!?\"},"
            "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Gr\\u00fc\xc3"
            "\x9f"
            "e\"},"
            "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}},"
            "{\"type\":\"text\",\"text\":\"ab\"}]}]}"),
        200);
    assert_int_equal(number_at(answered(), "usage/prompt_tokens"), 4);
}

static void the_output_bound_is_kept(void **state)
{
    static const char *const bounds[] = {"max_tokens", "max_completion_tokens"};
    char body[256];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        (void)snprintf(body, sizeof(body), ASK ",\"%s\":3}", bounds[i]);
        assert_int_equal(chat(body), 200);
        assert_text(answered(), "choices/0/finish_reason", "length");
        assert_int_equal(text_at(answered(), "choices/0/message/content").len, 12);
        assert_int_equal(number_at(answered(), "usage/completion_tokens"), 3);
    }
}

/* A bound in the middle of a character takes less, never half of it. */
static void the_output_bound_cuts_no_character(void **state)
{
    (void)state;
    assert_int_equal(
        chat("{\"model\":\"m\",\"max_tokens\":3,\"messages\":[{\"role\":\"user\","
             "\"content\":\"\xe2\x82\xac\xe2\x82\xac\"}]}"),
        200);
    /* `You said: "` are 11 bytes, and the next character has three. */
    assert_int_equal(text_at(answered(), "choices/0/message/content").len, 11);
    assert_int_equal(number_at(answered(), "usage/completion_tokens"), 3);
}

static void every_choice_is_counted(void **state)
{
    uint64_t one;

    (void)state;
    assert_int_equal(chat(ASK "}"), 200);
    one = number_at(answered(), "usage/completion_tokens");
    assert_int_equal(chat(ASK ",\"n\":3}"), 200);
    assert_int_equal(number_at(answered(), "choices/2/index"), 2);
    assert_int_equal(number_at(answered(), "usage/completion_tokens"), 3 * one);
}

static void a_stream_says_the_same_in_pieces(void **state)
{
    struct slice rest, event, whole;
    struct buf text;
    unsigned events = 0;

    (void)state;
    assert_int_equal(chat(ASK "}"), 200);
    whole = arena_slice(arena, text_at(answered(), "choices/0/message/content"));
    assert_int_equal(chat(ASK ",\"stream\":true}"), 200);
    assert_string_equal(content_type, "text/event-stream; charset=utf-8");
    buf_init(&text, 65536);
    rest = buf_slice(&answer);
    for (; next_event(&event, &rest); events++) {
        assert_text(event, "object", "chat.completion.chunk");
        assert_int_equal(at(event, "usage").len, 0);
        if (events == 0)
            assert_text(event, "choices/0/delta/role", "assistant");
        if (rest.len > 16) { /* all but the last before [DONE] */
            buf_append(&text, text_at(event, "choices/0/delta/content"));
            assert_null_at(event, "choices/0/finish_reason");
        } else {
            assert_text(event, "choices/0/finish_reason", "stop");
        }
    }
    assert_true(events > 5);
    assert_true(slice_equal(buf_slice(&text), whole));
    buf_free(&text);
}

static void a_stream_tells_its_usage_if_asked(void **state)
{
    struct slice rest, event;
    unsigned usages = 0;

    (void)state;
    assert_int_equal(chat(ASK ",\"stream\":true,\"n\":2,\"max_tokens\":4,"
                              "\"stream_options\":{\"include_usage\":true}}"),
                     200);
    rest = buf_slice(&answer);
    while (next_event(&event, &rest)) {
        if (json_raw_type(at(event, "usage")) == JSON_NULL) {
            assert_int_equal(usages, 0); /* it is the last one */
            assert_true(number_at(event, "choices/0/index") < 2);
            continue;
        }
        usages++;
        assert_int_equal(at(event, "choices").len, 2); /* "[]" */
        assert_int_equal(number_at(event, "usage/prompt_tokens"), 2);
        assert_int_equal(number_at(event, "usage/completion_tokens"), 8);
        assert_int_equal(number_at(event, "usage/total_tokens"), 10);
    }
    assert_int_equal(usages, 1);
}

#define TOOLS                                                                    \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\","     \
    "\"parameters\":{\"type\":\"object\",\"properties\":{"                       \
    "\"city\":{\"type\":\"string\"},\"unit\":{\"type\":\"string\","              \
    "\"enum\":[\"C\",\"F\"]},\"days\":{\"type\":\"integer\"},"                   \
    "\"at\":{\"type\":\"object\",\"properties\":{\"lat\":{\"type\":[\"number\"," \
    "\"null\"]}},\"required\":[\"lat\"]},\"note\":{\"type\":\"string\"}},"       \
    "\"required\":[\"city\",\"unit\",\"days\",\"at\"]}}},"                       \
    "{\"type\":\"function\",\"function\":{\"name\":\"stop\"}}]"
#define ARGUMENTS "{\"city\":\"example\",\"unit\":\"C\",\"days\":1,\"at\":{\"lat\":1}}"

static void a_tool_is_called_with_arguments_that_fit(void **state)
{
    const size_t bytes = sizeof(ARGUMENTS) - 1;

    (void)state;
    assert_int_equal(chat(ASK TOOLS "}"), 200);
    assert_text(answered(), "choices/0/finish_reason", "tool_calls");
    assert_null_at(answered(), "choices/0/message/content");
    assert_text(answered(), "choices/0/message/tool_calls/0/type", "function");
    assert_text(answered(), "choices/0/message/tool_calls/0/function/name", "weather");
    assert_text(answered(), "choices/0/message/tool_calls/0/function/arguments",
                ARGUMENTS);
    assert_true(text_at(answered(), "choices/0/message/tool_calls/0/id").len > 5);
    assert_int_equal(number_at(answered(), "usage/completion_tokens"), (bytes + 3) / 4);
}

static void the_tool_choice_is_heard(void **state)
{
    (void)state;
    assert_int_equal(chat(ASK TOOLS ",\"tool_choice\":\"none\"}"), 200);
    assert_text(answered(), "choices/0/finish_reason", "stop");
    assert_int_equal(chat(ASK TOOLS ",\"tool_choice\":{\"type\":\"function\","
                                    "\"function\":{\"name\":\"stop\"}}}"),
                     200);
    assert_text(answered(), "choices/0/message/tool_calls/0/function/name", "stop");
    assert_text(answered(), "choices/0/message/tool_calls/0/function/arguments", "{}");
}

static void after_the_tool_s_answer_comes_text(void **state)
{
    struct slice text;

    (void)state;
    assert_int_equal(
        chat("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},"
             "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\","
             "\"type\":\"function\",\"function\":{\"name\":\"stop\",\"arguments\":"
             "\"{}\"}}]},"
             "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"rain\"}]" TOOLS
             "}"),
        200);
    assert_text(answered(), "choices/0/finish_reason", "stop");
    text = text_at(answered(), "choices/0/message/content");
    assert_true(slice_search(text, SLICE("rain")) < text.len);
}

static void a_tool_call_streams_in_fragments(void **state)
{
    struct slice rest, event;
    struct buf arguments;
    unsigned names = 0;

    (void)state;
    assert_int_equal(chat(ASK TOOLS ",\"stream\":true}"), 200);
    buf_init(&arguments, 65536);
    rest = buf_slice(&answer);
    while (next_event(&event, &rest)) {
        const struct slice call = at(event, "choices/0/delta/tool_calls/0");

        if (call.len == 0) {
            assert_text(event, "choices/0/finish_reason", "tool_calls");
            continue;
        }
        assert_int_equal(number_at(call, "index"), 0);
        if (at(call, "function/name").len > 0) {
            names++;
            assert_text(call, "function/name", "weather");
            assert_true(text_at(call, "id").len > 0);
        }
        buf_append(&arguments, text_at(call, "function/arguments"));
    }
    assert_int_equal(names, 1);
    assert_true(slice_equal_str(buf_slice(&arguments), ARGUMENTS));
    buf_free(&arguments);
}

static void structured_answers_fit_their_schema(void **state)
{
    (void)state;
    assert_int_equal(
        chat(ASK ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                 "{\"name\":\"x\",\"schema\":{\"type\":\"object\",\"properties\":{"
                 "\"ok\":{\"type\":\"boolean\"},\"list\":{\"type\":\"array\"}},"
                 "\"required\":[\"list\",\"ok\",\"ok\"]}}}}"),
        200);
    assert_text(answered(), "choices/0/message/content", "{\"ok\":true,\"list\":[]}");
    assert_int_equal(chat(ASK ",\"response_format\":{\"type\":\"json_object\"}}"), 200);
    assert_int_equal(
        json_raw_type(guarded(text_at(answered(), "choices/0/message/content"))),
        JSON_OBJECT);
}

static void bad_chats_are_refused_like_openai_does(void **state)
{
    static const struct {
        const char *body;
        const char *param;
    } bad[] = {
        {"", NULL},
        {"[]", NULL},
        {"{\"model\":", NULL},
        {"{\"model\":\"m\",\"model\":\"m\"}", NULL},
        {"{}", "model"},
        {"{\"model\":7}", "model"},
        {"{\"model\":\"m\"}", "messages"},
        {"{\"model\":\"m\",\"messages\":{}}", "messages"},
        {"{\"model\":\"m\",\"messages\":[]}", "messages"},
        {"{\"model\":\"m\",\"messages\":[7]}", "messages"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"king\",\"content\":\"x\"}]}",
         "messages"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", "messages"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":7}]}",
         "messages"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{}]}]}",
         "messages"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
         "\"text\"}]}]}",
         "messages"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}",
         "messages"},
        {ASK ",\"stream\":1}", "stream"},
        {ASK ",\"stream_options\":{\"include_usage\":true}}", "stream_options"},
        {ASK ",\"max_tokens\":0}", "max_tokens"},
        {ASK ",\"max_tokens\":-1}", "max_tokens"},
        {ASK ",\"max_tokens\":1.5}", "max_tokens"},
        {ASK ",\"max_tokens\":5,\"max_completion_tokens\":5}", "max_tokens"},
        {ASK ",\"n\":0}", "n"},
        {ASK ",\"n\":17}", "n"},
        {ASK ",\"tools\":[]}", "tools"},
        {ASK ",\"tools\":[{}]}", "tools"},
        {ASK TOOLS ",\"tool_choice\":{\"function\":{\"name\":\"none\"}}}",
         "tool_choice"},
        {ASK TOOLS ",\"tool_choice\":{\"function\":{}}}", "tool_choice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_error(chat(bad[i].body), 400, bad[i].param);
}

/* ---- Embeddings ---- */

enum {
    DIMENSIONS = 8
};

static long embed(const char *input, const char *more)
{
    char body[1024];

    (void)snprintf(body, sizeof(body),
                   "{\"model\":\"e\",\"dimensions\":8,\"input\":%s%s}", input, more);
    return exchange("POST", "/v1/embeddings", body);
}

/* A vector as floats, whichever way it was sent. */
static void read_vector(float out[DIMENSIONS], unsigned index)
{
    char path[32];
    struct slice raw, bytes;

    (void)snprintf(path, sizeof(path), "data/%u/embedding", index);
    raw = at(answered(), path);
    if (json_raw_type(raw) == JSON_STRING) {
        assert_int_equal(base64_decode(&bytes, text_at(answered(), path), arena),
                         RC_OK);
        assert_int_equal(bytes.len, DIMENSIONS * sizeof(float));
        memcpy(out, bytes.bytes, bytes.len);
        return;
    }
    for (unsigned i = 0; i < DIMENSIONS; i++) {
        (void)snprintf(path, sizeof(path), "%u", i);
        assert_true(at(raw, path).len > 0);
        out[i] = strtof(at(raw, path).bytes, NULL);
    }
    assert_int_equal(at(raw, "8").len, 0);
}

static void assert_unit(const float vector[DIMENSIONS])
{
    double sum = 0;

    for (unsigned i = 0; i < DIMENSIONS; i++)
        sum += (double)vector[i] * (double)vector[i];
    assert_true(sum > 0.99999 && sum < 1.00001);
}

static void vectors_are_of_length_one_and_of_their_text(void **state)
{
    float one[DIMENSIONS], two[DIMENSIONS], again[DIMENSIONS];

    (void)state;
    assert_int_equal(embed("[\"a cat\",\"a dog\",\"a cat\"]", ""), 200);
    assert_text(answered(), "object", "list");
    assert_text(answered(), "data/0/object", "embedding");
    assert_int_equal(number_at(answered(), "data/2/index"), 2);
    assert_text(answered(), "model", "e");
    /* Five bytes each: two tokens each. */
    assert_int_equal(number_at(answered(), "usage/prompt_tokens"), 6);
    assert_int_equal(number_at(answered(), "usage/total_tokens"), 6);
    read_vector(one, 0);
    read_vector(two, 1);
    read_vector(again, 2);
    assert_unit(one);
    assert_unit(two);
    assert_memory_equal(one, again, sizeof(one));
    assert_memory_not_equal(one, two, sizeof(one));
}

static void base64_and_numbers_are_the_same_vector(void **state)
{
    float plain[DIMENSIONS], packed[DIMENSIONS];

    (void)state;
    assert_int_equal(embed("\"text\"", ",\"encoding_format\":\"float\""), 200);
    read_vector(plain, 0);
    assert_int_equal(embed("\"text\"", ",\"encoding_format\":\"base64\""), 200);
    assert_int_equal(json_raw_type(at(answered(), "data/0/embedding")), JSON_STRING);
    read_vector(packed, 0);
    assert_memory_equal(plain, packed, sizeof(plain));
}

static void tokens_can_be_embedded(void **state)
{
    (void)state;
    assert_int_equal(embed("[1,2,3]", ""), 200);
    assert_int_equal(number_at(answered(), "usage/prompt_tokens"), 3);
    assert_int_equal(at(answered(), "data/1").len, 0);
    assert_int_equal(embed("[[1,2,3],[4]]", ""), 200);
    assert_int_equal(number_at(answered(), "usage/prompt_tokens"), 4);
    assert_int_equal(number_at(answered(), "data/1/index"), 1);
}

static void vectors_have_1536_dimensions_unless_told(void **state)
{
    (void)state;
    assert_int_equal(
        exchange("POST", "/v1/embeddings", "{\"model\":\"e\",\"input\":\"x\"}"), 200);
    assert_true(at(answered(), "data/0/embedding/1535").len > 0);
    assert_int_equal(at(answered(), "data/0/embedding/1536").len, 0);
}

static void bad_embeddings_are_refused(void **state)
{
    static const struct {
        const char *body;
        const char *param;
    } bad[] = {
        {"{\"model\":\"e\"}", "input"},
        {"{\"input\":\"x\"}", "model"},
        {"{\"model\":\"e\",\"input\":\"\"}", "input"},
        {"{\"model\":\"e\",\"input\":[]}", "input"},
        {"{\"model\":\"e\",\"input\":[\"a\",7]}", "input"},
        {"{\"model\":\"e\",\"input\":[[]]}", "input"},
        {"{\"model\":\"e\",\"input\":[1,-2]}", "input"},
        {"{\"model\":\"e\",\"input\":{}}", "input"},
        {"{\"model\":\"e\",\"input\":\"x\",\"dimensions\":0}", "dimensions"},
        {"{\"model\":\"e\",\"input\":\"x\",\"dimensions\":3073}", "dimensions"},
        {"{\"model\":\"e\",\"input\":\"x\",\"encoding_format\":\"hex\"}",
         "encoding_format"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_error(exchange("POST", "/v1/embeddings", bad[i].body), 400,
                     bad[i].param);
}

/* ---- Data APIs and routes ---- */

static void a_search_has_three_results(void **state)
{
    (void)state;
    assert_int_equal(exchange("GET", "/search?q=toll%20roads+%22old%22", NULL), 200);
    assert_string_equal(content_type, "application/json");
    assert_text(answered(), "query", "toll roads \"old\"");
    for (unsigned i = 0; i < 3; i++) {
        char path[32];

        (void)snprintf(path, sizeof(path), "results/%u/url", i);
        assert_true(slice_starts(text_at(answered(), path), SLICE("https://")));
    }
    assert_true(text_at(answered(), "results/2/title").len > 0);
    assert_true(text_at(answered(), "results/2/snippet").len > 0);
    assert_int_equal(at(answered(), "results/3").len, 0);
    assert_error(exchange("GET", "/search", NULL), 400, "q");
    assert_error(exchange("GET", "/search?q=", NULL), 400, "q");
}

static void a_market_has_a_price(void **state)
{
    struct slice first;

    (void)state;
    assert_int_equal(exchange("GET", "/markets/BTC-USD", NULL), 200);
    assert_text(answered(), "id", "BTC-USD");
    assert_true(text_at(answered(), "price").len >= 4);
    first = arena_slice(arena, buf_slice(&answer));
    assert_int_equal(exchange("GET", "/markets/BTC-USD", NULL), 200);
    assert_true(slice_equal(first, buf_slice(&answer)));
    assert_error(exchange("GET", "/markets/", NULL), 404, NULL);
    assert_error(exchange("GET", "/markets/a%20b", NULL), 404, NULL);
    assert_error(exchange("GET", "/markets/a/b", NULL), 404, NULL);
}

static void head_is_a_get_without_a_body(void **state)
{
    (void)state;
    assert_int_equal(exchange("HEAD", "/markets/BTC-USD", NULL), 200);
    assert_int_equal(buf_len(&answer), 0);
}

static void other_paths_and_methods_are_refused(void **state)
{
    (void)state;
    assert_error(exchange("GET", "/", NULL), 404, NULL);
    assert_error(exchange("POST", "/v1/chat/completions/x", "{}"), 404, NULL);
    assert_error(exchange("GET", "/v1/chat/completions", NULL), 405, NULL);
    assert_error(exchange("POST", "/search?q=x", "{}"), 405, NULL);
    assert_error(exchange("DELETE", "/v1/embeddings", NULL), 405, NULL);
}

static void a_body_over_eight_megabytes_is_refused(void **state)
{
    const size_t len = (8 << 20) + 1;
    char *body = test_malloc(len + 1);

    (void)state;
    memset(body, ' ', len);
    body[len] = '\0';
    assert_error(chat(body), 413, NULL);
    test_free(body);
}

static void two_run_beside_each_other(void **state)
{
    struct mock *other;
    uint16_t other_port;

    (void)state;
    assert_int_equal(mock_start(&other, &other_port), RC_OK);
    assert_int_not_equal(other_port, port);
    mock_stop(other);
    mock_stop(NULL);
    assert_int_equal(chat(ASK "}"), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chat_is_answered_in_openai_s_shape),
        TEST(the_prompt_s_tokens_are_its_bytes_by_four),
        TEST(the_output_bound_is_kept),
        TEST(the_output_bound_cuts_no_character),
        TEST(every_choice_is_counted),
        TEST(a_stream_says_the_same_in_pieces),
        TEST(a_stream_tells_its_usage_if_asked),
        TEST(a_tool_is_called_with_arguments_that_fit),
        TEST(the_tool_choice_is_heard),
        TEST(after_the_tool_s_answer_comes_text),
        TEST(a_tool_call_streams_in_fragments),
        TEST(structured_answers_fit_their_schema),
        TEST(bad_chats_are_refused_like_openai_does),
        TEST(vectors_are_of_length_one_and_of_their_text),
        TEST(base64_and_numbers_are_the_same_vector),
        TEST(tokens_can_be_embedded),
        TEST(vectors_have_1536_dimensions_unless_told),
        TEST(bad_embeddings_are_refused),
        TEST(a_search_has_three_results),
        TEST(a_market_has_a_price),
        TEST(head_is_a_get_without_a_body),
        TEST(other_paths_and_methods_are_refused),
        TEST(a_body_over_eight_megabytes_is_refused),
        TEST(two_run_beside_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

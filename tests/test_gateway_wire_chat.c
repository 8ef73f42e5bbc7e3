/* SPDX-License-Identifier: Apache-2.0 */
/* Chat completions of all vendors: what every recorded answer and stream holds comes
 * out as events, however it is cut. What it holds is read here a second time, by json-c
 * and by plain rules. */
#include "gateway/wire.h"

#include "gateway/sse.h"
#include "gateway/wires/chat_int.h"
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

/* Files of these folders that are no chat completions. */
static const char *const foreign[] = {
    "openai/en-audio-",
    "openai/en-completion-",
    "openai/en-embeddings",
    "openai/en-image-",
    "openai/en-images",
    "openai/tl-TestCompletions",
    "openai/ve-openai-completion",
    "groq/ve-groq-transcription",
    "mistral/ve-mistral-transcription",
};

/* ---- The second reading ---- */

struct plain {
    struct buf text, thoughts, calls; /* as wire_seen has them, without "name(" */
    uint64_t prompt, completion, total, reasoning;
    bool has_usage, failed, done;
};

static struct json_object *at(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (json_object_is_type(o, json_type_object))
        json_object_object_get_ex(o, key, &v);
    return v;
}

static void add(struct buf *b, struct json_object *s)
{
    if (json_object_is_type(s, json_type_string))
        buf_append(b, slice_from(json_object_get_string(s),
                                 (size_t)json_object_get_string_len(s)));
}

static void plain_content(struct plain *p, struct json_object *content)
{
    add(&p->text, content);
    if (!json_object_is_type(content, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(content); i++) {
        struct json_object *part = json_object_array_get_idx(content, i);
        struct json_object *thinking = at(part, "thinking");

        add(&p->text, at(part, "text"));
        for (size_t k = 0; thinking != NULL && k < json_object_array_length(thinking);
             k++)
            add(&p->thoughts, at(json_object_array_get_idx(thinking, k), "text"));
    }
}

static void plain_message(struct plain *p, struct json_object *m)
{
    struct json_object *thought = at(m, "reasoning_content");
    struct json_object *calls = at(m, "tool_calls");

    if (!json_object_is_type(thought, json_type_string))
        thought = at(m, "reasoning");
    add(&p->thoughts, thought);
    plain_content(p, at(m, "content"));
    add(&p->text, at(at(m, "audio"), "transcript"));
    for (size_t i = 0; calls != NULL && i < json_object_array_length(calls); i++) {
        struct json_object *f = at(json_object_array_get_idx(calls, i), "function");

        add(&p->calls, at(f, "arguments"));
    }
}

static uint64_t number(struct json_object *o, const char *key)
{
    return (uint64_t)json_object_get_int64(at(o, key));
}

static void plain_chunk(struct plain *p, struct json_object *o)
{
    struct json_object *choices = at(o, "choices"), *usage = at(o, "usage");

    p->failed |= at(o, "error") != NULL;
    if (usage == NULL)
        usage = at(at(o, "x_groq"), "usage");
    if (usage != NULL) {
        p->has_usage = true;
        p->prompt = number(usage, "prompt_tokens");
        p->completion = number(usage, "completion_tokens");
        p->total = number(usage, "total_tokens");
        p->reasoning =
            number(at(usage, "completion_tokens_details"), "reasoning_tokens");
    }
    for (size_t i = 0; choices != NULL && i < json_object_array_length(choices); i++) {
        struct json_object *c = json_object_array_get_idx(choices, i);

        plain_message(p, at(c, at(c, "delta") != NULL ? "delta" : "message"));
    }
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

static void plain_json(struct plain *p, struct slice text)
{
    struct json_tokener *t = json_tokener_new();
    struct json_object *o = json_tokener_parse_ex(t, text.bytes, (int)text.len);

    assert_non_null(o);
    plain_chunk(p, o);
    json_object_put(o);
    json_tokener_free(t);
}

/* Line by line: all these files have one data line an event. */
static void plain_stream(struct plain *p, struct slice bytes)
{
    struct slice line;

    while (slice_next(&line, &bytes, '\n')) {
        if (!slice_starts(line, SLICE("data: ")))
            continue;
        line = slice_sub(line, 6, line.len);
        if (slice_equal(line, SLICE("[DONE]")))
            p->done = true;
        else
            plain_json(p, line);
    }
}

/* ---- Comparing ---- */

static bool is_foreign(const char *name)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
        if (strncmp(name, foreign[i], strlen(foreign[i])) == 0)
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

static void compare(const char *name, const struct wire_seen *s, const struct plain *p)
{
    const uint64_t out = usage_completion(&s->usage);

    expect_text(name, "text", &s->text, &p->text);
    expect_text(name, "thoughts", &s->thoughts, &p->thoughts);
    expect_calls(name, &s->calls, &p->calls);
    if (s->usage.known != p->has_usage)
        fail_msg("%s: usage is %sknown", name, s->usage.known ? "" : "un");
    if (!p->has_usage)
        return;
    assert_int_equal(usage_prompt(&s->usage), p->prompt);
    /* All that was put out is counted once, wherever the vendor counts reasoning. */
    if (p->total > p->prompt + p->completion)
        assert_int_equal(usage_prompt(&s->usage) + out, p->total);
    else if (out != p->completion)
        fail_msg("%s: %llu tokens are put out", name, (unsigned long long)out);
}

static unsigned files;

static void whole_file(const char *name)
{
    struct slice json;
    struct wire_seen s;
    struct plain p;

    if (is_foreign(name))
        return;
    json = wire_file(name);
    plain_open(&p);
    plain_json(&p, json);
    wire_whole(&s, &wire_chat, json);
    /* An error body of another form, or no answer at all. */
    if (s.rc == RC_UPSTREAM && slice_search(json, SLICE("\"choices\"")) < json.len)
        fail_msg("%s is refused", name);
    if (s.rc != RC_UPSTREAM) {
        assert_int_equal(s.rc, RC_OK);
        assert_int_equal(s.failed, p.failed);
        assert_int_equal(s.ended, !p.failed);
        compare(name, &s, &p);
    }
    files++;
    wire_seen_free(&s);
    plain_close(&p);
    wire_free(json);
}

static void stream_file(const char *name)
{
    struct slice bytes;
    struct wire_seen s;
    struct plain p;

    if (is_foreign(name))
        return;
    bytes = wire_file(name);
    plain_open(&p);
    plain_stream(&p, bytes);
    wire_stream(&s, &wire_chat, bytes, SIZE_MAX);
    assert_int_equal(s.rc, RC_OK);
    assert_int_equal(s.failed, p.failed);
    assert_int_equal(s.ended, !p.failed && p.done);
    if (p.failed) /* its parts never end */
        assert_int_equal(s.usage.known, p.has_usage);
    else
        compare(name, &s, &p);
    wire_check_cuts(&wire_chat, bytes);
    files++;
    wire_seen_free(&s);
    plain_close(&p);
    wire_free(bytes);
}

static void every_recorded_answer_gives_what_it_holds(void **state)
{
    static const char *const folders[] = {
        "openai",     "azure",    "groq",        "mistral",    "deepseek",
        "dashscope",  "moonshot", "xai",         "zai",        "together",
        "perplexity", "cerebras", "huggingface", "openrouter", "openai_compatible"};

    (void)state;
    files = 0;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        wire_each(folders[i], ".response.json", whole_file);
    print_message("%u whole answers\n", files);
    assert_true(files >= 100);
}

static void every_recorded_stream_gives_what_it_holds_however_it_is_cut(void **state)
{
    static const char *const folders[] = {
        "openai",     "azure",     "groq",       "mistral",
        "deepseek",   "dashscope", "moonshot",   "xai",
        "perplexity", "cerebras",  "openrouter", "openai_compatible"};

    (void)state;
    files = 0;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        wire_each(folders[i], ".response.sse", stream_file);
    print_message("%u streams\n", files);
    assert_true(files >= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_answer_gives_what_it_holds),
        cmocka_unit_test(every_recorded_stream_gives_what_it_holds_however_it_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

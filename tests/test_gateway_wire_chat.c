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
    "translations/agentgateway-requests/completions/image-file", /* gs://, refused */
    "ollama/tl-", /* its native dialect */
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

/* ---- Out again ---- */

struct relay {
    const struct wire *wire;
    void *out;
    void *in;
    struct buf bytes;
    struct usage usage;
    bool ended;
};

static enum rc relay_event(void *arg, const struct answer_event *e)
{
    struct relay *r = arg;

    if (e->kind == ANSWER_USAGE)
        r->usage = e->usage;
    r->ended |= e->kind == ANSWER_END;
    r->wire->out_event(r->out, &r->bytes, e);
    return RC_OK;
}

static enum rc relay_sse(void *arg, const struct sse_event *e)
{
    struct relay *r = arg;
    const struct wire_event we = {.name = e->event, .data = e->data};
    struct arena *scratch;
    enum rc rc;

    if (e->is_comment || r->ended)
        return RC_OK;
    assert_int_equal(arena_open(&scratch, TEXT_MAX), RC_OK);
    rc = wire_chat.event(r->in, &we, relay_event, r, scratch);
    arena_close(scratch);
    return rc;
}

/* An answer of a vendor, as it goes to a client whose wire has to make it anew. */
static void relay(struct relay *r, const struct wire *to, struct slice bytes,
                  bool stream, struct arena *a)
{
    const struct wire_answer w = {.stream = stream,
                                  .usage_asked = true,
                                  .model = SLICE("ours"),
                                  .id = "req_1",
                                  .created_s = 1700000000,
                                  .reasoning_shown = true};
    struct wire_bill bill = {.usage = &r->usage, .cost = money_from_nano(1234)};
    struct sse_reader sse;

    *r = (struct relay){.wire = to};
    buf_init(&r->bytes, TEXT_MAX);
    r->out = to->out_open(&w, a);
    assert_non_null(r->out);
    if (stream) {
        r->in = wire_chat.open(a);
        sse_reader_init(&sse, 0);
        assert_int_equal(sse_feed(&sse, bytes, relay_sse, r), RC_OK);
        assert_int_equal(sse_end(&sse, relay_sse, r), RC_OK);
        sse_reader_free(&sse);
    } else {
        assert_int_equal(wire_chat.answer(bytes, relay_event, r, a), RC_OK);
    }
    to->out_end(r->out, &r->bytes, &bill);
    to->out_close(r->out);
    assert_false(arena_spent(a));
    assert_false(buf_spent(&r->bytes));
}

static void expect_same(const char *name, struct plain *a, struct plain *b)
{
    expect_text(name, "text", &b->text, &a->text);
    expect_text(name, "thoughts", &b->thoughts, &a->thoughts);
    expect_text(name, "calls", &b->calls, &a->calls);
    assert_true(b->has_usage);
    assert_int_equal(b->completion, b->total - b->prompt);
    if (a->has_usage) {
        assert_int_equal(b->prompt, a->prompt);
        assert_int_equal(b->total, a->total > a->prompt + a->completion
                                       ? a->total
                                       : a->prompt + a->completion);
    }
}

static void relay_file(const char *name, bool stream)
{
    struct slice bytes;
    struct plain held, made;
    struct relay r;
    struct arena *a;

    if (is_foreign(name))
        return;
    bytes = wire_file(name);
    plain_open(&held);
    plain_open(&made);
    if (stream)
        plain_stream(&held, bytes);
    else
        plain_json(&held, bytes);
    if (!held.failed && slice_search(bytes, SLICE("\"choices\"")) < bytes.len) {
        assert_int_equal(arena_open(&a, 64 << 20), RC_OK);
        relay(&r, &wire_chat, bytes, stream, a);
        if (stream) {
            plain_stream(&made, buf_slice(&r.bytes));
            assert_true(made.done);
        } else {
            plain_json(&made, buf_slice(&r.bytes));
        }
        expect_same(name, &held, &made);
        buf_free(&r.bytes);
        arena_close(a);
        files++;
    }
    plain_close(&held);
    plain_close(&made);
    wire_free(bytes);
}

static void relay_whole(const char *name)
{
    relay_file(name, false);
}

static void relay_stream(const char *name)
{
    relay_file(name, true);
}

static void what_goes_out_says_what_came_in(void **state)
{
    static const char *const folders[] = {
        "openai",     "azure",     "groq",       "mistral",
        "deepseek",   "dashscope", "moonshot",   "xai",
        "perplexity", "cerebras",  "openrouter", "openai_compatible"};

    (void)state;
    files = 0;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        wire_each(folders[i], ".response.json", relay_whole);
        wire_each(folders[i], ".response.sse", relay_stream);
    }
    print_message("%u answers\n", files);
    assert_true(files >= 120);
}

/* ---- Requests ---- */

/* All that a conversation says, as text. */
static void tell(struct buf *b, const char *what, struct slice s)
{
    if (s.len == 0)
        return;
    buf_printf(b, " %s=", what);
    buf_append(b, s);
}

static void tell_parts(struct buf *b, const struct part *p)
{
    struct arena *a;
    struct slice text = SLICE_NONE;

    for (; p != NULL; p = p->next) {
        assert_int_equal(arena_open(&a, TEXT_MAX), RC_OK);
        if (p->text.json.len > 0)
            assert_int_equal(quoted_open(&text, p->text, a), RC_OK);
        buf_printf(b, "\n  part %d", (int)p->kind);
        tell(b, "text", text);
        tell(b, "id", p->id);
        tell(b, "name", p->name);
        tell(b, "arguments", p->arguments);
        tell(b, "data", p->media.data);
        tell(b, "type", p->media.type);
        tell(b, "detail", p->media.detail);
        tell(b, "signature", p->signature.json);
        tell(b, "by", p->signed_by);
        text = SLICE_NONE;
        tell_parts(b, p->content);
        arena_close(a);
    }
}

static void tell_all(struct buf *b, const struct conversation *c)
{
    for (const struct message *m = c->messages; m != NULL; m = m->next) {
        buf_printf(b, "\nmessage %d %d", (int)m->role, m->developer);
        tell(b, "name", m->name);
        tell_parts(b, m->parts);
    }
    for (const struct tool *t = c->tools; t != NULL; t = t->next) {
        if (t->kind == TOOL_HOSTED) /* lost: another vendor would not know it */
            continue;
        buf_printf(b, "\ntool %d", (int)t->kind);
        tell(b, "name", t->name);
        tell(b, "description", t->description.json);
        tell(b, "schema", t->schema);
        tell(b, "strict", t->strict);
    }
    buf_printf(b, "\nchoice %d bound %d %llu n %llu effort %d form %d stops %zu",
               (int)c->tool_choice, c->has_output_bound,
               (unsigned long long)c->output_bound, (unsigned long long)c->choices,
               (int)c->effort, (int)c->form, c->stop_count);
    tell(b, "temperature", c->temperature);
    tell(b, "top_p", c->top_p);
    tell(b, "seed", c->seed);
    tell(b, "schema", c->schema);
    tell(b, "user", c->user.json);
    tell(b, "tool", c->tool_name);
}

static void write_chat(struct buf *out, const struct conversation *c, unsigned quirks,
                       struct losses *lost, struct arena *a)
{
    const struct wire_target t = {
        .model = SLICE("theirs"), .quirks = quirks, .stream = c->stream};
    struct wire_fault fault = {.param = NULL};

    buf_init(out, TEXT_MAX);
    if (wire_chat.write(out, c, &t, lost, &fault, a) != RC_OK)
        fail_msg("%s: %s", fault.param, fault.detail);
}

static void round_trip(const char *name)
{
    struct slice body;
    struct conversation first, second;
    struct losses lost = {.count = 0};
    struct buf made, a, b;
    struct arena *arena;

    if (is_foreign(name) || strstr(name, "no-messages") != NULL ||
        strstr(name, "bad-request") != NULL)
        return;
    body = wire_file(name);
    if (slice_search(body, SLICE("\"messages\"")) < body.len) {
        assert_int_equal(arena_open(&arena, 64 << 20), RC_OK);
        buf_init(&a, TEXT_MAX);
        buf_init(&b, TEXT_MAX);
        wire_read(&first, &wire_chat, body, arena);
        write_chat(&made, &first, QUIRK_REASONING_DETAILS | QUIRK_CACHE_MARKS, &lost,
                   arena);
        wire_read(&second, &wire_chat, buf_slice(&made), arena);
        tell_all(&a, &first);
        tell_all(&b, &second);
        expect_text(name, "said again", &b, &a);
        files++;
        buf_free(&a);
        buf_free(&b);
        buf_free(&made);
        arena_close(arena);
    }
    wire_free(body);
}

static void a_request_read_and_written_says_the_same(void **state)
{
    static const char *const folders[] = {
        "openai",   "azure",    "groq",        "mistral",    "deepseek", "zai",
        "together", "cerebras", "huggingface", "openrouter", "ollama"};

    (void)state;
    files = 0;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        wire_each(folders[i], ".request.json", round_trip);
    wire_each("translations/agentgateway-requests/completions", ".json", round_trip);
    print_message("%u requests\n", files);
    assert_true(files >= 80);
}

/* ---- Several calls ---- */

static enum rc one_open(void *arg, const struct answer_event *e)
{
    int *open = arg;

    if (e->kind == ANSWER_PART)
        assert_int_equal(++*open, 1);
    else if (e->kind == ANSWER_PART_END)
        --*open;
    return RC_OK;
}

/* Most dialects' streams cannot say two at once. A source needs a text that cites it.
 */
static void a_call_ends_before_the_next_begins(void **state)
{
#define CALL(n, rest) \
    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":" n rest "}]}}]}"
    static const char *const chunks[] = {
        CALL("0", ",\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}"),
        CALL("0", ",\"function\":{\"arguments\":\"}\"}"),
        CALL("1", ",\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}"),
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"and\"}}]}",
        ("{\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"tool_calls\"}],"
         "\"citations\":[\"https://a\"]}"),
        "[DONE]",
    };
#undef CALL
    struct arena *a, *scratch;
    void *reader;
    int open = 0;

    (void)state;
    assert_int_equal(arena_open(&a, 1 << 20), RC_OK);
    assert_int_equal(arena_open(&scratch, 1 << 20), RC_OK);
    reader = wire_chat.open(a);
    assert_non_null(reader);
    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        const struct wire_event e = {.data = slice_str(chunks[i])};

        assert_int_equal(wire_chat.event(reader, &e, one_open, &open, scratch), RC_OK);
    }
    assert_int_equal(open, 0);
    arena_close(scratch);
    arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_answer_gives_what_it_holds),
        cmocka_unit_test(every_recorded_stream_gives_what_it_holds_however_it_is_cut),
        cmocka_unit_test(what_goes_out_says_what_came_in),
        cmocka_unit_test(a_request_read_and_written_says_the_same),
        cmocka_unit_test(a_call_ends_before_the_next_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the Responses face gets of any vendor's answer. Every recorded
 * stream of three other dialects, and of this one, is made into it and checked as an
 * SDK would: each event in its place, the end repeating what was streamed; and read
 * again, it says what the vendor has said. */
#include "gateway/wire.h"

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
    OUT_MAX = 64 << 20,
    ARENA_MAX = 64 << 20,
    ITEMS_MAX = 64
};

/* ---- From a vendor's bytes to a client's ---- */

struct pipe {
    const struct wire *from;
    void *reader, *writer;
    struct arena *a;
    struct buf out;
    struct usage usage;
    bool ended, failed;
};

static enum rc pass(void *arg, const struct answer_event *e)
{
    struct pipe *p = arg;

    if (e->kind == ANSWER_USAGE)
        p->usage = e->usage;
    p->ended = p->ended || e->kind == ANSWER_END;
    p->failed = p->failed || e->kind == ANSWER_ERROR;
    wire_responses.out_event(p->writer, &p->out, e);
    return RC_OK;
}

static void guard(struct slice json, struct arena *a)
{
    const struct json_limits limits = {.containers = 1000000, .keys = 4000000};

    assert_int_equal(json_guard(json, &limits, NULL, 0, NULL, a), RC_OK);
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct pipe *p = arg;
    const struct wire_event we = {.name = e->event, .data = e->data};

    if (e->is_comment || e->incomplete || p->ended || p->failed)
        return RC_OK;
    if (p->from->done == NULL || !slice_equal_str(e->data, p->from->done))
        guard(e->data, p->a);
    return p->from->event(p->reader, &we, pass, p, p->a);
}

static void pipe_open(struct pipe *p, const struct wire *from, bool stream)
{
    const struct wire_answer w = {.stream = stream,
                                  .model = SLICE("our-model"),
                                  .id = "req_0123456789abcdef",
                                  .created_s = 1790000000};

    memset(p, 0, sizeof(*p));
    p->from = from;
    buf_init(&p->out, OUT_MAX);
    assert_int_equal(arena_open(&p->a, ARENA_MAX), RC_OK);
    p->reader = from->open(p->a);
    p->writer = wire_responses.out_open(&w, p->a);
    assert_non_null(p->reader);
    assert_non_null(p->writer);
}

/* The vendor's stream as the client's, which is whole if the vendor's is. */
static void pipe_stream(struct pipe *p, struct slice bytes)
{
    const struct wire_bill bill = {.usage = &p->usage, .cost = money_from_nano(1500)};
    const struct fault fault = {.rc = RC_UPSTREAM};
    struct sse_reader r;

    sse_reader_init(&r, 0);
    assert_int_equal(sse_feed(&r, bytes, on_event, p), RC_OK);
    assert_int_equal(sse_end(&r, on_event, p), RC_OK);
    sse_reader_free(&r);
    if (!p->ended && !p->failed && p->from->ended != NULL)
        assert_int_equal(p->from->ended(p->reader, pass, p), RC_OK);
    if (p->ended)
        wire_responses.out_end(p->writer, &p->out, &bill);
    else
        wire_responses.out_error(p->writer, &p->out, &fault, "req_1");
    assert_false(buf_spent(&p->out));
}

static void pipe_close(struct pipe *p)
{
    wire_responses.out_close(p->writer);
    buf_free(&p->out);
    arena_close(p->a);
}

/* ---- As an SDK looks at it ---- */

struct client {
    const char *name;
    uint64_t sequence;
    unsigned item_count;

    struct {
        struct json_object *added, *done;
        struct buf text; /* of its deltas */
    } items[ITEMS_MAX];
    struct json_object *last; /* the response of the terminal event */
    bool begun, failed;
};

static struct json_object *at(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (json_object_is_type(o, json_type_object))
        json_object_object_get_ex(o, key, &v);
    return v;
}

static const char *text_at(struct json_object *o, const char *key)
{
    const char *text = json_object_get_string(at(o, key));

    assert_non_null(text);
    return text;
}

static bool is(struct json_object *o, const char *key, const char *value)
{
    const char *text = json_object_get_string(at(o, key));

    return text != NULL && strcmp(text, value) == 0;
}

static bool ends(const char *text, const char *ending)
{
    const size_t len = strlen(text), end = strlen(ending);

    return len >= end && strcmp(text + len - end, ending) == 0;
}

static void take_item(struct client *c, struct json_object *e, bool done)
{
    const unsigned index = (unsigned)json_object_get_int(at(e, "output_index"));
    struct json_object *item = at(e, "item");

    assert_true(index < ITEMS_MAX);
    if (!done) {
        assert_int_equal(index, c->item_count);
        for (unsigned i = 0; i < c->item_count; i++)
            assert_string_not_equal(text_at(c->items[i].added, "id"),
                                    text_at(item, "id"));
        c->items[c->item_count].added = json_object_get(item);
        buf_init(&c->items[c->item_count++].text, OUT_MAX);
        assert_true(is(item, "status", "in_progress"));
        return;
    }
    assert_true(index < c->item_count);
    assert_null(c->items[index].done);
    c->items[index].done = json_object_get(item);
    assert_string_equal(text_at(item, "id"), text_at(c->items[index].added, "id"));
    assert_string_equal(text_at(item, "type"), text_at(c->items[index].added, "type"));
}

/* Deltas grow what `done` then repeats. */
static void take_about(struct client *c, struct json_object *e, const char *type)
{
    static const char *const members[] = {"text", "arguments", "input", "refusal"};
    const unsigned index = (unsigned)json_object_get_int(at(e, "output_index"));
    struct buf *text;

    assert_true(index < c->item_count);
    assert_null(c->items[index].done);
    assert_string_equal(text_at(e, "item_id"), text_at(c->items[index].added, "id"));
    text = &c->items[index].text;
    if (ends(type, ".delta"))
        buf_append_str(text, text_at(e, "delta"));
    for (size_t i = 0; ends(type, ".done") && i < 4; i++)
        if (at(e, members[i]) != NULL &&
            !slice_equal_str(buf_slice(text), text_at(e, members[i])))
            fail_msg("%s: %s is not what was streamed", c->name, type);
}

/* The end repeats the items, in their order. */
static void take_end(struct client *c, struct json_object *response)
{
    struct json_object *output = at(response, "output");

    c->last = json_object_get(response);
    assert_int_equal(json_object_array_length(output), c->item_count);
    for (unsigned i = 0; i < c->item_count; i++) {
        struct json_object *item = json_object_array_get_idx(output, i);

        if (c->items[i].done == NULL)
            fail_msg("%s: item %u is never done", c->name, i);
        if (is(item, "status", "completed"))
            assert_true(json_object_equal(item, c->items[i].done));
    }
}

static void take_client_event(struct client *c, struct slice name,
                              struct json_object *e)
{
    const char *type = text_at(e, "type");

    assert_true(slice_equal_str(name, type));
    assert_null(c->last); /* nothing follows the end */
    assert_int_equal(json_object_get_int64(at(e, "sequence_number")), c->sequence++);
    if (c->sequence <= 2)
        assert_string_equal(type, c->sequence == 1 ? "response.created"
                                                   : "response.in_progress");
    else if (ends(type, "output_item.added"))
        take_item(c, e, false);
    else if (ends(type, "output_item.done"))
        take_item(c, e, true);
    else if (strcmp(type, "error") == 0)
        c->failed = true;
    else if (strcmp(type, "response.failed") == 0)
        c->last = json_object_get(at(e, "response"));
    else if (strcmp(type, "response.completed") == 0 ||
             strcmp(type, "response.incomplete") == 0)
        take_end(c, at(e, "response"));
    else
        take_about(c, e, type);
}

static enum rc on_client_event(void *arg, const struct sse_event *e)
{
    struct json_tokener *t = json_tokener_new();
    struct json_object *o = json_tokener_parse_ex(t, e->data.bytes, (int)e->data.len);

    assert_non_null(o);
    take_client_event(arg, e->event, o);
    json_object_put(o);
    json_tokener_free(t);
    return RC_OK;
}

static void client_close(struct client *c)
{
    for (unsigned i = 0; i < c->item_count; i++) {
        json_object_put(c->items[i].added);
        json_object_put(c->items[i].done);
        buf_free(&c->items[i].text);
    }
    json_object_put(c->last);
}

static void check_stream(const char *name, struct slice out, bool whole)
{
    struct client c = {.name = name};
    struct sse_reader r;

    sse_reader_init(&r, 0);
    assert_int_equal(sse_feed(&r, out, on_client_event, &c), RC_OK);
    assert_int_equal(sse_end(&r, on_client_event, &c), RC_OK);
    sse_reader_free(&r);
    assert_non_null(c.last);
    assert_int_equal(c.failed, !whole);
    if (whole && at(c.last, "usage") != NULL)
        assert_true(is(at(c.last, "usage"), "cost", "0.000001500"));
    client_close(&c);
}

/* ---- What was said is said ---- */

static void expect_same(const char *name, const char *what, const struct buf *a,
                        const struct buf *b)
{
    if (!slice_equal(buf_slice(a), buf_slice(b)))
        fail_msg("%s: %s: \"%.*s\" is not \"%.*s\"", name, what,
                 SLICE_FMT(buf_slice(a)), SLICE_FMT(buf_slice(b)));
}

static void compare(const char *name, const struct wire_seen *vendor,
                    const struct wire_seen *client)
{
    const bool cut = vendor->stop == STOP_LENGTH || vendor->stop == STOP_FILTER;

    assert_int_equal(client->rc, RC_OK);
    expect_same(name, "text", &client->text, &vendor->text);
    expect_same(name, "thoughts", &client->thoughts, &vendor->thoughts);
    expect_same(name, "calls", &client->calls, &vendor->calls);
    assert_int_equal(client->ended, vendor->ended);
    if (vendor->ended && cut)
        assert_int_equal(client->stop, vendor->stop);
    if (!vendor->usage.known)
        return;
    assert_int_equal(usage_prompt(&client->usage), usage_prompt(&vendor->usage));
    assert_int_equal(usage_completion(&client->usage),
                     usage_completion(&vendor->usage));
    assert_int_equal(client->usage.in_cache_read, vendor->usage.in_cache_read);
}

static const struct wire *from;
static unsigned files;

static void stream_file(const char *name)
{
    const struct slice bytes = wire_file(name);
    struct wire_seen vendor, client;
    struct pipe p;

    wire_stream(&vendor, from, bytes, SIZE_MAX);
    if (vendor.rc == RC_OK && vendor.stops <= 1) {
        pipe_open(&p, from, true);
        pipe_stream(&p, bytes);
        check_stream(name, buf_slice(&p.out), p.ended);
        wire_stream(&client, &wire_responses, buf_slice(&p.out), SIZE_MAX);
        if (p.ended)
            compare(name, &vendor, &client);
        assert_int_equal(client.failed, !p.ended);
        wire_seen_free(&client);
        pipe_close(&p);
        files++;
    }
    wire_seen_free(&vendor);
    wire_free(bytes);
}

static void whole_file(const char *name)
{
    const struct slice bytes = wire_file(name);
    const struct wire_bill nothing = {.cost = money_from_nano(1500)};
    struct wire_seen vendor, client;
    struct pipe p;

    if (json_raw_type(bytes) != JSON_OBJECT) { /* a list of models */
        wire_free(bytes);
        return;
    }
    wire_whole(&vendor, from, bytes);
    if (vendor.rc == RC_OK && vendor.ended && vendor.stops <= 1) {
        const struct wire_bill bill = {.usage = &p.usage, .cost = nothing.cost};

        pipe_open(&p, from, false);
        assert_int_equal(from->answer(bytes, pass, &p, p.a), RC_OK);
        assert_int_equal(buf_len(&p.out), 0); /* until the money is booked */
        wire_responses.out_end(p.writer, &p.out, &bill);
        wire_whole(&client, &wire_responses, buf_slice(&p.out));
        compare(name, &vendor, &client);
        wire_seen_free(&client);
        pipe_close(&p);
        files++;
    }
    wire_seen_free(&vendor);
    wire_free(bytes);
}

static const struct {
    const struct wire *wire;
    const char *folder;
    bool has_streams;
} folders[] = {
    {&wire_responses, "openai_responses", true},
    {&wire_messages, "anthropic", true},
    {&wire_gemini, "gemini", true},
    {&wire_chat, "openai", true},
    {&wire_chat, "azure", true},
    {&wire_chat, "groq", true},
    {&wire_chat, "mistral", true},
    {&wire_chat, "deepseek", true},
    {&wire_chat, "dashscope", true},
    {&wire_chat, "moonshot", true},
    {&wire_chat, "xai", true},
    {&wire_chat, "perplexity", true},
    {&wire_chat, "cerebras", true},
    {&wire_chat, "openrouter", true},
    {&wire_chat, "openai_compatible", true},
    {&wire_chat, "zai", false},
    {&wire_chat, "together", false},
    {&wire_chat, "huggingface", false},
};

static void every_vendors_stream_is_one_that_sdks_take_and_says_the_same(void **state)
{
    (void)state;
    files = 0;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        from = folders[i].wire;
        if (folders[i].has_streams)
            wire_each(folders[i].folder, ".response.sse", stream_file);
    }
    print_message("%u streams\n", files);
    assert_true(files >= 120);
}

static void every_vendors_whole_answer_says_the_same(void **state)
{
    (void)state;
    files = 0;
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        from = folders[i].wire;
        wire_each(folders[i].folder, ".response.json", whole_file);
    }
    print_message("%u whole answers\n", files);
    assert_true(files >= 200);
}

/* SDKs look for the error in three places: all have it, whatever came before. */
static void an_error_in_a_stream_is_told_in_every_way_that_sdks_know(void **state)
{
    const struct fault fault = {
        .rc = RC_UPSTREAM_RATE, .detail = "No \"more\".", .param = "model"};
    struct slice told, line, error;
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 16);
    wire_responses.out_error(NULL, &out, &fault, "req_7");
    told = buf_slice(&out);
    assert_true(slice_starts(told, SLICE("event: error\ndata: {\"type\":\"error\",")));
    line = slice_sub(told, slice_find(told, '{'), told.len);
    line = slice_sub(line, 0, slice_find(line, '\n'));
    assert_int_equal(json_raw_member(&error, line, "message"), JSON_STRING);
    assert_true(slice_equal(error, SLICE("\"No \\\"more\\\".\"")));
    assert_int_equal(json_raw_member(&error, line, "error"), JSON_OBJECT);
    assert_int_equal(json_raw_member(&error, error, "message"), JSON_STRING);
    assert_true(slice_equal(error, SLICE("\"No \\\"more\\\".\"")));
    told =
        slice_sub(told, slice_search(told, SLICE("event: response.failed")), told.len);
    line = slice_sub(told, slice_find(told, '{'), told.len);
    line = slice_sub(line, 0, slice_find(line, '\n'));
    assert_int_equal(json_raw_member(&error, line, "response"), JSON_OBJECT);
    assert_true(slice_search(error, SLICE("\"id\":\"resp_7\"")) < error.len);
    assert_true(slice_search(error, SLICE("\"status\":\"failed\"")) < error.len);
    assert_int_equal(json_raw_member(&error, error, "error"), JSON_OBJECT);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vendors_stream_is_one_that_sdks_take_and_says_the_same),
        cmocka_unit_test(every_vendors_whole_answer_says_the_same),
        cmocka_unit_test(an_error_in_a_stream_is_told_in_every_way_that_sdks_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

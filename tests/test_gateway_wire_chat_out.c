/* SPDX-License-Identifier: Apache-2.0 */
/* What clients of chat completions and completions get: chunk by chunk, and whole. */
#include "gateway/wire.h"
#include "tests/wire_fixture.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int open_all(void **state)
{
    (void)state;
    return arena_open(&arena, 32 << 20) == RC_OK ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

/* ---- A writer, told event by event ---- */

struct client {
    const struct wire *wire;
    void *state;
    struct buf out;
    size_t read; /* how much of it was looked at */
};

static struct client client(const struct wire *w, const struct wire_answer *a)
{
    struct client c = {.wire = w, .state = w->out_open(a, arena)};

    assert_non_null(c.state);
    buf_init(&c.out, 1 << 20);
    return c;
}

static void tell(struct client *c, struct answer_event e)
{
    c->wire->out_event(c->state, &c->out, &e);
}

/* What has come since the last time. */
static void gets(struct client *c, const char *expected)
{
    const struct slice all = buf_slice(&c->out);
    const struct slice fresh = slice_sub(all, c->read, all.len);

    if (!slice_equal_str(fresh, expected))
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_FMT(fresh), expected);
    c->read = all.len;
}

static void end(struct client *c, const struct usage *u, uint64_t nano)
{
    const struct wire_bill bill = {.usage = u, .cost = money_from_nano(nano)};

    c->wire->out_end(c->state, &c->out, &bill);
}

static void leave(struct client *c)
{
    c->wire->out_close(c->state);
    assert_false(arena_spent(arena));
    buf_free(&c->out);
}

static struct quoted q(const char *json)
{
    return (struct quoted){slice_str(json)};
}

#define ASKED \
    .model = SLICE("ours"), .id = "req_1", .created_s = 17, .reasoning_shown = true
#define HEAD                                                                    \
    "data: {\"id\":\"v1\",\"object\":\"chat.completion.chunk\",\"created\":17," \
    "\"model\":\"ours\",\"choices\":["
#define CHUNK(index, delta) \
    HEAD "{\"index\":" index ",\"delta\":" delta ",\"finish_reason\":null}]}\n\n"
#define ROLE(index) CHUNK(index, "{\"role\":\"assistant\",\"content\":\"\"}")
#define BEGIN                                                        \
    (struct answer_event)                                            \
    {                                                                \
        .kind = ANSWER_BEGIN, .id = SLICE("v1"), .model = SLICE("x") \
    }

static void a_text_comes_as_openai_would_send_it(void **state)
{
    const struct wire_answer w = {ASKED, .stream = true};
    const struct usage u = {.known = true, .in_uncached = 3, .out_text = 2};
    struct client c = client(&wire_chat, &w);

    (void)state;
    tell(&c, BEGIN);
    gets(&c, "");
    tell(&c, (struct answer_event){.kind = ANSWER_PART, .part_kind = PART_TEXT});
    gets(&c, ROLE("0"));
    tell(&c, (struct answer_event){
                 .kind = ANSWER_DELTA, .part_kind = PART_TEXT, .text = q("\"a\\n\"")});
    gets(&c, CHUNK("0", "{\"content\":\"a\\n\"}"));
    tell(&c, (struct answer_event){.kind = ANSWER_PART_END, .part_kind = PART_TEXT});
    gets(&c, "");
    tell(&c, (struct answer_event){.kind = ANSWER_STOP, .stop = STOP_LENGTH});
    gets(&c, HEAD "{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n");
    tell(&c, (struct answer_event){.kind = ANSWER_USAGE, .usage = u});
    tell(&c, (struct answer_event){.kind = ANSWER_END});
    gets(&c, "");
    end(&c, &u, 5);
    gets(&c, "data: [DONE]\n\n"); /* nobody asked for the usage */
    leave(&c);
}

static void the_usage_comes_with_the_cost_to_who_asked(void **state)
{
    const struct wire_answer w = {ASKED, .stream = true, .usage_asked = true,
                                  .cost_as_number = true};
    const struct usage u = {.known = true,
                            .in_uncached = 3,
                            .in_cache_read = 4,
                            .in_cache_write = 5,
                            .in_audio = 1,
                            .out_text = 2,
                            .out_reasoning = 6};
    struct client c = client(&wire_chat, &w);

    (void)state;
    tell(&c, BEGIN);
    tell(&c, (struct answer_event){.kind = ANSWER_STOP});
    c.read = buf_len(&c.out);
    end(&c, &u, 1234567);
    gets(
        &c, HEAD
        "],\"usage\":{\"prompt_tokens\":13,\"completion_tokens\":8,\"total_tokens\":21,"
        "\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":5,"
        "\"audio_tokens\":1},\"completion_tokens_details\":{\"reasoning_tokens\":6,"
        "\"audio_tokens\":0},\"cost\":0.001234567}}\n\ndata: [DONE]\n\n");
    leave(&c);
}

static void calls_are_numbered_among_themselves(void **state)
{
    const struct wire_answer w = {ASKED, .stream = true};
    struct client c = client(&wire_chat, &w);

    (void)state;
    tell(&c, BEGIN);
    tell(&c, (struct answer_event){.kind = ANSWER_PART, .part_kind = PART_TEXT});
    tell(&c, (struct answer_event){.kind = ANSWER_PART_END, .part_kind = PART_TEXT});
    c.read = buf_len(&c.out);
    for (unsigned part = 1; part <= 2; part++)
        tell(&c, (struct answer_event){.kind = ANSWER_PART,
                                       .part = part,
                                       .part_kind = PART_TOOL_CALL,
                                       .id = SLICE("id"),
                                       .name = SLICE("f")});
    /* Each waits for what comes next: its signature belongs into its first chunk. */
    gets(&c, "");
    tell(&c, (struct answer_event){.kind = ANSWER_DELTA,
                                   .part = 1,
                                   .part_kind = PART_TOOL_CALL,
                                   .text = q("\"{\\\"a\"")});
    gets(&c,
         CHUNK("0", "{\"tool_calls\":[{\"index\":0,\"id\":\"id\",\"type\":"
                    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}")
             CHUNK("0", "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                        "\"{\\\"a\"}}]}"));
    tell(&c, (struct answer_event){.kind = ANSWER_SIGNATURE,
                                   .part = 2,
                                   .part_kind = PART_TOOL_CALL,
                                   .text = q("\"sig\""),
                                   .signed_by = SLICE("google-gemini-v1")});
    gets(&c,
         CHUNK("0", "{\"tool_calls\":[{\"index\":1,\"id\":\"id\",\"type\":"
                    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"},"
                    "\"extra_content\":{\"google\":{\"thought_signature\":\"sig\"}}}"
                    "]}"));
    leave(&c);
}

static void think(struct client *c)
{
    tell(c, BEGIN);
    tell(c, (struct answer_event){.kind = ANSWER_PART, .part_kind = PART_REASONING});
    tell(c, (struct answer_event){.kind = ANSWER_DELTA,
                                  .part_kind = PART_REASONING,
                                  .text = q("\"hm\"")});
    tell(c, (struct answer_event){.kind = ANSWER_SIGNATURE,
                                  .part_kind = PART_REASONING,
                                  .text = q("\"sig\""),
                                  .signed_by = SLICE("anthropic-claude-v1")});
    tell(c,
         (struct answer_event){.kind = ANSWER_PART_END, .part_kind = PART_REASONING});
    tell(c, (struct answer_event){.kind = ANSWER_PART,
                                  .part = 1,
                                  .part_kind = PART_REASONING,
                                  .is_encrypted = true});
    tell(c, (struct answer_event){.kind = ANSWER_SIGNATURE,
                                  .part = 1,
                                  .part_kind = PART_REASONING,
                                  .text = q("\"dark\""),
                                  .signed_by = SLICE("anthropic-claude-v1")});
    tell(c, (struct answer_event){
                .kind = ANSWER_PART_END, .part = 1, .part_kind = PART_REASONING});
}

static void reasoning_has_its_seal_in_details(void **state)
{
    const struct wire_answer w = {ASKED, .stream = true};
    struct client c = client(&wire_chat, &w);

    (void)state;
    think(&c);
    gets(&c,
         ROLE("0") CHUNK(
             "0", "{\"reasoning_content\":\"hm\",\"reasoning_details\":[{\"type\":"
                  "\"reasoning.text\",\"text\":\"hm\",\"index\":0}]}")
             CHUNK("0", "{\"reasoning_details\":[{\"type\":\"reasoning.text\","
                        "\"signature\":\"sig\",\"format\":\"anthropic-claude-v1\","
                        "\"index\":0}]}")
                 CHUNK("0", "{\"reasoning_details\":[{\"type\":\"reasoning.encrypted"
                            "\",\"data\":\"dark\",\"format\":\"anthropic-claude-v1\","
                            "\"index\":1}]}"));
    leave(&c);
}

/* A client that replays what it was given brings the seals back. */
static void a_replayed_message_says_what_was_said(void **state)
{
    const struct wire_answer w = {ASKED};
    const struct usage u = {.known = true};
    struct client c = client(&wire_chat, &w);
    struct conversation again;
    const struct part *p;
    struct slice message, choice, choices;
    size_t at = 0;
    char *body;

    (void)state;
    think(&c);
    tell(&c, (struct answer_event){.kind = ANSWER_STOP, .stop = STOP_END});
    end(&c, &u, 0);
    assert_int_equal(json_raw_member(&choices, buf_slice(&c.out), "choices"),
                     JSON_ARRAY);
    assert_int_equal(json_raw_element(&choice, choices, &at), JSON_OBJECT);
    assert_int_equal(json_raw_member(&message, choice, "message"), JSON_OBJECT);
    body =
        arena_printf(arena, "{\"messages\":[%.*s]}", (int)message.len, message.bytes);
    wire_read(&again, &wire_chat, slice_str(body), arena);
    p = again.messages->parts;
    assert_true(slice_equal_str(p->text.json, "\"hm\""));
    assert_true(slice_equal_str(p->signature.json, "\"sig\""));
    assert_true(slice_equal_str(p->signed_by, "anthropic-claude-v1"));
    p = p->next;
    assert_true(p->is_encrypted);
    assert_true(slice_equal_str(p->signature.json, "\"dark\""));
    assert_null(p->next);
    leave(&c);
}

static void reasoning_is_not_shown_to_who_wants_none(void **state)
{
    const struct wire_answer w = {
        .stream = true, .model = SLICE("ours"), .id = "r", .created_s = 17};
    struct client c = client(&wire_chat, &w);

    (void)state;
    think(&c);
    gets(&c, ROLE("0"));
    leave(&c);
}

static void several_choices_are_put_together_each(void **state)
{
    const struct wire_answer w = {ASKED};
    const struct usage u = {.known = true, .in_uncached = 1, .out_text = 4};
    struct client c = client(&wire_chat, &w);
    static const char *const words[] = {"\"a\"", "\"b\"", "\"c\"", "\"d\""};

    (void)state;
    tell(&c, (struct answer_event){.kind = ANSWER_BEGIN});
    for (unsigned i = 0; i < 2; i++)
        tell(&c, (struct answer_event){
                     .kind = ANSWER_PART, .choice = i, .part_kind = PART_TEXT});
    for (unsigned i = 0; i < 4; i++)
        tell(&c, (struct answer_event){.kind = ANSWER_DELTA,
                                       .choice = i % 2,
                                       .part_kind = PART_TEXT,
                                       .text = q(words[i])});
    tell(&c, (struct answer_event){.kind = ANSWER_LOGPROBS,
                                   .choice = 1,
                                   .part_kind = PART_TEXT,
                                   .raw = SLICE("[{\"token\":\"b\"},{}]")});
    tell(&c, (struct answer_event){
                 .kind = ANSWER_CITATION,
                 .part_kind = PART_TEXT,
                 .citation = {
                     .url = q("\"https://a\""), .has_span = true, .from = 1, .to = 2}});
    for (unsigned i = 0; i < 2; i++)
        tell(&c, (struct answer_event){
                     .kind = ANSWER_STOP, .choice = i, .stop = STOP_FILTER});
    gets(&c, "");
    end(&c, &u, 7);
    gets(
        &c,
        "{\"id\":\"chatcmpl-req_1\",\"object\":\"chat.completion\",\"created\":17,"
        "\"model\":\"ours\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
        "\"assistant\",\"content\":\"ac\",\"refusal\":null,\"annotations\":[{\"type\":"
        "\"url_citation\",\"url_citation\":{\"start_index\":1,\"end_index\":2,\"title\":"
        "\"\",\"url\":\"https://a\"}}]},\"logprobs\":null,\"finish_reason\":"
        "\"content_filter\"},{\"index\":1,\"message\":{\"role\":\"assistant\","
        "\"content\":\"bd\",\"refusal\":null},\"logprobs\":{\"content\":[{\"token\":"
        "\"b\"},{}],\"refusal\":null},\"finish_reason\":\"content_filter\"}],\"usage\":{"
        "\"prompt_tokens\":1,\"completion_tokens\":4,\"total_tokens\":5,"
        "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0},"
        "\"cost\":\"0.000000007\"}}");
    leave(&c);
}

static void an_image_comes_in_openrouters_form(void **state)
{
    const struct wire_answer w = {ASKED, .stream = true};
    struct client c = client(&wire_chat, &w);

    (void)state;
    tell(&c, BEGIN);
    tell(&c, (struct answer_event){.kind = ANSWER_PART, .part_kind = PART_IMAGE});
    c.read = buf_len(&c.out);
    tell(&c, (struct answer_event){
                 .kind = ANSWER_MEDIA,
                 .part_kind = PART_IMAGE,
                 .media = {.type = SLICE("image/webp"), .data = SLICE("AAAA")}});
    gets(&c, CHUNK("0", "{\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
                        "\"data:image/webp;base64,AAAA\"},\"index\":0}]}"));
    leave(&c);
}

static void completions_get_the_text_alone(void **state)
{
    const struct wire_answer w = {ASKED, .stream = true};
    const struct usage u = {.known = true};
    struct client c = client(&wire_completions, &w);

    (void)state;
    think(&c);
    gets(&c, "");
    tell(&c,
         (struct answer_event){.kind = ANSWER_PART, .part = 2, .part_kind = PART_TEXT});
    tell(&c, (struct answer_event){.kind = ANSWER_DELTA,
                                   .part = 2,
                                   .part_kind = PART_TEXT,
                                   .text = q("\"a\"")});
    tell(&c, (struct answer_event){.kind = ANSWER_STOP, .stop = STOP_TOOLS});
    end(&c, &u, 0);
    gets(&c, "data: {\"id\":\"v1\",\"object\":\"text_completion\",\"created\":17,"
             "\"model\":\"ours\",\"choices\":[{\"index\":0,\"text\":\"a\",\"logprobs\":"
             "null,\"finish_reason\":null}]}\n\n"
             "data: {\"id\":\"v1\",\"object\":\"text_completion\",\"created\":17,"
             "\"model\":\"ours\",\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":"
             "null,\"finish_reason\":\"stop\"}]}\n\n"
             "data: [DONE]\n\n");
    leave(&c);
}

static void an_error_in_a_stream_is_openais(void **state)
{
    const struct fault f = {.rc = RC_UPSTREAM, .detail = "It broke."};
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    wire_chat.out_error(NULL, &out, &f, "req_1");
    assert_true(slice_starts(buf_slice(&out), SLICE("data: {\"error\":{\"message\":"
                                                    "\"It broke.\"")));
    assert_true(slice_ends(buf_slice(&out), SLICE("}\n\n")));
    buf_free(&out);
}

/* ---- Translations of another gateway ---- */

static struct json_object *at(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    if (json_object_is_type(o, json_type_object))
        (void)json_object_object_get_ex(o, key, &v);
    return v;
}

static const char *words(struct json_object *o)
{
    return o == NULL ? "" : json_object_to_json_string(o);
}

static void same(const char *name, const char *key, struct json_object *want,
                 struct json_object *made)
{
    if (!json_object_equal(at(want, key), at(made, key)))
        fail_msg("%s: %s: %s, not %s", name, key, words(at(made, key)),
                 words(at(want, key)));
}

/* Their prompt_tokens lack the cached ones, which are a part of them in this dialect:
 * ours have them. */
static void same_usage(const char *name, struct json_object *want,
                       struct json_object *made)
{
    struct json_object *details = at(want, "prompt_tokens_details");
    const int64_t cached = json_object_get_int64(at(details, "cached_tokens")) +
                           json_object_get_int64(at(details, "cache_write_tokens"));

    same(name, "completion_tokens", want, made);
    assert_int_equal(json_object_get_int64(at(made, "prompt_tokens")),
                     json_object_get_int64(at(want, "prompt_tokens")) + cached);
    details = at(made, "prompt_tokens_details");
    assert_int_equal(json_object_get_int64(at(details, "cached_tokens")) +
                         json_object_get_int64(at(details, "cache_write_tokens")),
                     cached);
}

/* Arguments are JSON in a string: spaces in it are nothing. */
static void open_arguments(struct json_object *message)
{
    struct json_object *calls = at(message, "tool_calls");

    for (size_t i = 0; calls != NULL && i < json_object_array_length(calls); i++) {
        struct json_object *f = at(json_object_array_get_idx(calls, i), "function");

        json_object_object_add(
            f, "arguments",
            json_tokener_parse(json_object_get_string(at(f, "arguments"))));
    }
}

static void same_answer(const char *name, struct json_object *want,
                        struct json_object *made)
{
    struct json_object *a = json_object_array_get_idx(at(want, "choices"), 0);
    struct json_object *b = json_object_array_get_idx(at(made, "choices"), 0);

    same(name, "finish_reason", a, b);
    same(name, "content", at(a, "message"), at(b, "message"));
    same(name, "reasoning_content", at(a, "message"), at(b, "message"));
    open_arguments(at(a, "message"));
    open_arguments(at(b, "message"));
    same(name, "tool_calls", at(a, "message"), at(b, "message"));
    same_usage(name, at(want, "usage"), at(made, "usage"));
}

struct relay {
    struct client *client;
    struct usage usage;
};

static enum rc pass_on(void *arg, const struct answer_event *e)
{
    struct relay *r = arg;

    if (e->kind == ANSWER_USAGE)
        r->usage = e->usage;
    tell(r->client, *e);
    return RC_OK;
}

/* "anthropic/x.messages-completions.snap" was made of "anthropic/ag-x.response.json".
 */
static void answered(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    const size_t len = strlen(name) - strlen(".messages-completions.snap");
    const struct wire_answer w = {ASKED};
    struct client c = client(&wire_chat, &w);
    struct relay r = {.client = &c};
    struct slice snap = wire_file(path), json;
    struct json_object *want, *made;
    size_t from;

    json = wire_file(
        arena_printf(arena, "anthropic/ag-%.*s.response.json", (int)len, name));
    assert_int_equal(wire_messages.answer(json, pass_on, &r, arena), RC_OK);
    end(&c, &r.usage, 0);
    from = slice_search(slice_sub(snap, 4, snap.len), SLICE("\n---\n")) + 9;
    want = json_tokener_parse(arena_copy(arena, snap.bytes + from, snap.len - from));
    made =
        json_tokener_parse(arena_copy(arena, buf_slice(&c.out).bytes, buf_len(&c.out)));
    assert_non_null(want);
    assert_non_null(made);
    same_answer(name, at(want, "response"), made);
    json_object_put(want);
    json_object_put(made);
    wire_free(json);
    wire_free(snap);
    leave(&c);
}

static void answers_of_anthropic_become_what_others_make_of_them(void **state)
{
    (void)state;
    wire_each("translations/agentgateway-responses/anthropic",
              ".messages-completions.snap", answered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_comes_as_openai_would_send_it),
        cmocka_unit_test(the_usage_comes_with_the_cost_to_who_asked),
        cmocka_unit_test(calls_are_numbered_among_themselves),
        cmocka_unit_test(reasoning_has_its_seal_in_details),
        cmocka_unit_test(a_replayed_message_says_what_was_said),
        cmocka_unit_test(reasoning_is_not_shown_to_who_wants_none),
        cmocka_unit_test(several_choices_are_put_together_each),
        cmocka_unit_test(an_image_comes_in_openrouters_form),
        cmocka_unit_test(completions_get_the_text_alone),
        cmocka_unit_test(an_error_in_a_stream_is_openais),
        cmocka_unit_test(answers_of_anthropic_become_what_others_make_of_them),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}

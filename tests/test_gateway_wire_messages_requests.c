/* SPDX-License-Identifier: Apache-2.0 */
/* Requests through the Messages wire: what clients say is read, refused by name, and
 * written so that Anthropic takes it. */
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
    MEMORY_MAX = 64 << 20,
    BODY_MAX = 16 << 20
};

static struct arena *memory;

static int open_memory(void **state)
{
    (void)state;
    return arena_open(&memory, MEMORY_MAX) == RC_OK ? 0 : -1;
}

static int close_memory(void **state)
{
    (void)state;
    arena_close(memory);
    return 0;
}

#define MEMORY_TEST(t) cmocka_unit_test_setup_teardown(t, open_memory, close_memory)

/* ---- Writing ---- */

static struct losses lost;

static struct wire_target target(unsigned quirks)
{
    return (struct wire_target){
        .model = SLICE("m"), .quirks = quirks, .max_output_tokens = 16384};
}

/* The body that a client's body becomes; free with json_put(). */
static struct json_object *written(const struct wire *from, struct slice body,
                                   const struct wire_target *t)
{
    struct wire_fault fault = {.param = NULL};
    struct conversation c;
    struct json_object *o;
    struct buf out;

    wire_read(&c, from, body, memory);
    buf_init(&out, BODY_MAX);
    lost.count = 0;
    if (wire_messages.write(&out, &c, t, &lost, &fault, memory) != RC_OK)
        fail_msg("not written: %s: %s", fault.param, fault.detail);
    assert_int_equal(json_parse(&o, buf_slice(&out)), RC_OK);
    buf_free(&out);
    return o;
}

static struct json_object *written_chat(const char *body, unsigned quirks)
{
    const struct wire_target t = target(quirks);

    return written(&wire_chat, slice_str(body), &t);
}

static void same_json(struct json_object *have, const char *want)
{
    struct json_object *o;

    if (want[0] == '{' || want[0] == '[') {
        assert_int_equal(json_parse(&o, slice_str(want)), RC_OK);
        if (!json_object_equal(have, o))
            fail_msg("%s is not %s", json_object_to_json_string(have), want);
        json_put(o);
        return;
    }
    if (strcmp(json_object_to_json_string_ext(have, JSON_C_TO_STRING_PLAIN), want) != 0)
        fail_msg("%s is not %s", json_object_to_json_string(have), want);
}

static void member_is(struct json_object *o, const char *name, const char *want)
{
    same_json(json_object_object_get(o, name), want);
}

static bool is_lost(const char *name)
{
    for (size_t i = 0; i < lost.count; i++)
        if (strcmp(lost.names[i], name) == 0)
            return true;
    return false;
}

static void losses_are(const char *want)
{
    struct buf b;

    buf_init(&b, 4096);
    losses_print(&b, &lost);
    if (!slice_equal_str(buf_slice(&b), want))
        fail_msg("lost \"%.*s\", not \"%s\"", SLICE_FMT(buf_slice(&b)), want);
    buf_free(&b);
}

/* ---- Translations of another gateway ---- */

struct translation {
    const char *name;
    const struct wire *from;
    unsigned quirks;
    const char *only_ours[4];   /* members that we add, and why is told beside */
    const char *only_theirs[4]; /* members that we leave out */
};

static const struct translation translations[] = {
    {.name = "completions/basic", .from = &wire_chat},
    /* Newer models take one of temperature and top_p; blank stops are refused; a schema
     * that allows everything is refused, too. */
    {.name = "completions/full",
     .from = &wire_chat,
     .only_ours = {"stop_sequences"},
     .only_theirs = {"stop_sequences", "top_p", "output_config"}},
    {.name = "completions/image-url", .from = &wire_chat},
    {.name = "completions/reasoning",
     .from = &wire_chat,
     .quirks = QUIRK_THINKING_BUDGET},
    /* "xhigh" is 95 of 100 of the bound here; all but one token is "max". */
    {.name = "completions/reasoning_max",
     .from = &wire_chat,
     .quirks = QUIRK_THINKING_BUDGET,
     .only_ours = {"thinking.budget_tokens"},
     .only_theirs = {"thinking.budget_tokens"}},
    {.name = "completions/tool-call", .from = &wire_chat},
    /* These are counts: their bodies have no bound. */
    {.name = "count-tokens/basic", .from = &wire_messages, .only_ours = {"max_tokens"}},
    {.name = "count-tokens/with_system",
     .from = &wire_messages,
     .only_ours = {"max_tokens"}},
    {.name = "messages/basic", .from = &wire_messages},
    /* The form keeps who the user is; the rest is a loss, and said to be. */
    {.name = "messages/metadata",
     .from = &wire_messages,
     .only_theirs = {"metadata.department"}},
    /* Thinking that a client does not hide is asked for in words; members that nobody
     * knows are losses. */
    {.name = "messages/reasoning",
     .from = &wire_messages,
     .only_ours = {"thinking.display"},
     .only_theirs = {"output_format", "messages.0.content.0.cache_control.scope"}},
    {.name = "messages/server_tools", .from = &wire_messages},
    /* An effort is one of thinking, which newer models must be told of. */
    {.name = "messages/structured-output",
     .from = &wire_messages,
     .only_ours = {"thinking"},
     .only_theirs = {"temperature", "top_p", "top_k"}},
    {.name = "messages/system_message", .from = &wire_messages},
    {.name = "messages/tools", .from = &wire_messages},
};

static struct json_object *step(struct json_object *o, const char *name)
{
    return json_object_is_type(o, json_type_array)
               ? json_object_array_get_idx(o, (size_t)strtoul(name, NULL, 10))
               : json_object_object_get(o, name);
}

static void remove_at(struct json_object *o, const char *path)
{
    char copy[128], *rest = copy, *name;
    char *dot;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    while (name = rest, (dot = strchr(rest, '.')) != NULL) {
        *dot = '\0';
        rest = dot + 1;
        o = step(o, name);
        assert_non_null(o);
    }
    assert_non_null(json_object_object_get(o, name)); /* else the table is old */
    json_object_object_del(o, name);
}

/* "text" and [{"type":"text","text":"text"}] say the same. */
static struct json_object *as_blocks(struct json_object *content)
{
    struct json_object *list, *block;

    if (!json_object_is_type(content, json_type_string))
        return json_object_get(content);
    list = json_object_new_array();
    block = json_object_new_object();
    (void)json_object_object_add(block, "type", json_object_new_string("text"));
    (void)json_object_object_add(block, "text", json_object_get(content));
    (void)json_object_array_add(list, block);
    return list;
}

static const char *role_of(struct json_object *message)
{
    return json_object_get_string(json_object_object_get(message, "role"));
}

/* Content as blocks, and neighbours of one role as one turn. */
static void normalize(struct json_object *body)
{
    struct json_object *list = json_object_object_get(body, "messages");
    struct json_object *merged = json_object_new_array();
    struct json_object *last = NULL, *system = json_object_object_get(body, "system");

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *m = json_object_array_get_idx(list, i);
        struct json_object *blocks = as_blocks(json_object_object_get(m, "content"));

        if (last != NULL && strcmp(role_of(last), role_of(m)) == 0) {
            struct json_object *to = json_object_object_get(last, "content");

            for (size_t j = 0; j < json_object_array_length(blocks); j++)
                (void)json_object_array_add(
                    to, json_object_get(json_object_array_get_idx(blocks, j)));
            json_object_put(blocks);
            continue;
        }
        (void)json_object_object_add(m, "content", blocks);
        last = m;
        (void)json_object_array_add(merged, json_object_get(m));
    }
    (void)json_object_object_add(body, "messages", merged);
    if (system != NULL)
        (void)json_object_object_add(body, "system", as_blocks(system));
}

/* The body that a snapshot holds, behind its second "---". */
static struct json_object *snapshot(const char *name)
{
    char path[256];
    struct slice file, rest;
    struct json_tokener *tok = json_tokener_new();
    struct json_object *all, *body;

    (void)snprintf(path, sizeof(path),
                   "translations/agentgateway-requests/%s.anthropic.snap", name);
    file = wire_file(path);
    rest = slice_sub(file, slice_search(file, SLICE("\n---\n")) + 5, file.len);
    all = json_tokener_parse_ex(tok, rest.bytes, (int)rest.len);
    assert_non_null(all);
    body = json_object_get(json_object_object_get(all, "request"));
    assert_non_null(body);
    json_object_put(all);
    json_tokener_free(tok);
    wire_free(file);
    return body;
}

static void check_translation(const struct translation *tr)
{
    struct json_object *want = snapshot(tr->name), *have;
    struct wire_target t = target(tr->quirks);
    struct slice file;
    char path[256];

    (void)snprintf(path, sizeof(path), "translations/agentgateway-requests/%s.json",
                   tr->name);
    file = wire_file(path);
    t.model = slice_str(json_object_get_string(json_object_object_get(want, "model")));
    t.max_output_tokens = 4096; /* as the other gateway fills it in */
    have = written(tr->from, file, &t);
    normalize(have);
    normalize(want);
    for (size_t i = 0; i < 4 && tr->only_ours[i] != NULL; i++)
        remove_at(have, tr->only_ours[i]);
    for (size_t i = 0; i < 4 && tr->only_theirs[i] != NULL; i++)
        remove_at(want, tr->only_theirs[i]);
    if (!json_object_equal(have, want))
        fail_msg("%s:\n%s\nis not\n%s", tr->name, json_object_to_json_string(have),
                 json_object_to_json_string(want));
    json_put(have);
    json_put(want);
    wire_free(file);
}

/* Left out: policies/, whose snapshots hold prompts that the other gateway adds. */
static void translations_say_what_others_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(translations) / sizeof(translations[0]); i++)
        check_translation(&translations[i]);
}

/* ---- There and back ---- */

static void say_part(struct buf *out, const struct part *p)
{
    buf_printf(out, " %d %.*s %.*s %.*s %.*s %.*s %d %d%d ", (int)p->kind,
               SLICE_FMT(p->text.json), SLICE_FMT(p->id), SLICE_FMT(p->name),
               SLICE_FMT(p->arguments), SLICE_FMT(p->signature.json), p->is_error,
               p->cached, p->cached_1h);
    buf_printf(out, "%.*s %.*s\n", SLICE_FMT(p->media.type), SLICE_FMT(p->media.data));
}

/* What a conversation says, but for where its turns are cut, and its schema: that is
 * closed_schema.c's. */
static void say(struct buf *out, const struct conversation *c)
{
    for (const struct message *m = c->messages; m != NULL; m = m->next)
        for (const struct part *p = m->parts; p != NULL; p = p->next) {
            buf_printf(out, "%d", (int)m->role);
            say_part(out, p);
            for (const struct part *in = p->content; in != NULL; in = in->next)
                say_part(out, in);
        }
    for (const struct tool *t = c->tools; t != NULL; t = t->next)
        buf_printf(out, "tool %d %.*s %.*s %.*s %.*s\n", (int)t->kind,
                   SLICE_FMT(t->name), SLICE_FMT(t->description.json),
                   SLICE_FMT(t->schema), SLICE_FMT(t->raw));
    buf_printf(out, "%d %.*s %.*s %llu %.*s %d %d %d\n", (int)c->tool_choice,
               SLICE_FMT(c->tool_name), SLICE_FMT(c->parallel_calls),
               (unsigned long long)c->output_bound, SLICE_FMT(c->user.json),
               (int)c->effort, (int)c->form, c->schema.len > 0);
    for (size_t i = 0; i < c->stop_count; i++)
        buf_printf(out, "stop %.*s\n", SLICE_FMT(c->stop[i].json));
}

static unsigned checked, skipped;

static void check_round(const char *name)
{
    const struct slice file = wire_file(name);
    struct wire_fault fault = {.param = NULL};
    struct wire_target t = target(0);
    struct conversation first, second;
    struct buf body, a, b;

    wire_read(&first, &wire_messages, file, memory);
    t.max_output_tokens = first.output_bound;
    if (first.has_thinking_budget) /* else it is told as an effort */
        t.quirks = QUIRK_THINKING_BUDGET;
    buf_init(&body, BODY_MAX);
    buf_init(&a, BODY_MAX);
    buf_init(&b, BODY_MAX);
    assert_int_equal(wire_messages.write(&body, &first, &t, &lost, &fault, memory),
                     RC_OK);
    wire_read(&second, &wire_messages, buf_slice(&body), memory);
    say(&a, &first);
    say(&b, &second);
    if (!slice_equal(buf_slice(&a), buf_slice(&b)))
        fail_msg("%s:\n%.*s\nis not\n%.*s", name, SLICE_FMT(buf_slice(&a)),
                 SLICE_FMT(buf_slice(&b)));
    buf_free(&body);
    buf_free(&a);
    buf_free(&b);
    wire_free(file);
    checked++;
}

/* Bodies of counts have no bound, and the written ones do. */
static void check_recorded(const char *name)
{
    if (strstr(name, "count_tokens") != NULL || strstr(name, "usage_limit") != NULL)
        skipped++;
    else
        check_round(name);
}

static void what_is_read_is_written_back(void **state)
{
    (void)state;
    checked = skipped = 0;
    wire_each("anthropic", ".request.json", check_recorded);
    assert_int_equal(checked, 29);
    assert_int_equal(skipped, 4);
}

/* ---- From OpenAI's clients ---- */

#define USER "{\"role\":\"user\",\"content\":\"hi\"}"

static void turns_of_one_role_are_one_and_results_come_first(void **state)
{
    struct json_object *o = written_chat(
        "{\"model\":\"x\",\"messages\":["
        "{\"role\":\"system\",\"content\":\"be brief\"},"
        "{\"role\":\"developer\",\"content\":\"be kind\"},"
        "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
        "{\"id\":\"c.1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{\\\"x\\\":1}\"}},"
        "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\","
        "\"arguments\":\"\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c.1\",\"content\":\"one\"},"
        "{\"role\":\"user\",\"content\":\"well?\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"two\"}]}",
        QUIRK_SYSTEM_FIRST);

    (void)state;
    member_is(o, "system",
              "[{\"type\":\"text\",\"text\":\"be brief\"},"
              "{\"type\":\"text\",\"text\":\"be kind\"}]");
    member_is(
        o, "messages",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
        "{\"type\":\"text\",\"text\":\"b\"}]},"
        "{\"role\":\"assistant\",\"content\":["
        "{\"type\":\"tool_use\",\"id\":\"c_1\",\"name\":\"f\",\"input\":{\"x\":1}},"
        "{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"g\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":["
        "{\"type\":\"tool_result\",\"tool_use_id\":\"c_1\",\"content\":\"one\"},"
        "{\"type\":\"tool_result\",\"tool_use_id\":\"c2\",\"content\":\"two\"},"
        "{\"type\":\"text\",\"text\":\"well?\"}]}]");
    losses_are("");
    json_put(o);
}

static const char late[] =
    "{\"model\":\"x\",\"messages\":[{\"role\":\"system\",\"content\":\"first\"}," USER
    ",{\"role\":\"assistant\",\"content\":\"yes\"},"
    "{\"role\":\"system\",\"content\":\"late\"},{\"role\":\"user\",\"content\":\"go\"}]}";

static void late_instructions_stand_behind_the_users_turn(void **state)
{
    struct json_object *o = written_chat(late, 0);

    (void)state;
    member_is(o, "system", "[{\"type\":\"text\",\"text\":\"first\"}]");
    member_is(
        o, "messages",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"yes\"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go\"}]},"
        "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"late\"}]}]");
    json_put(o);
}

static void models_that_take_none_between_get_them_first(void **state)
{
    struct json_object *o = written_chat(late, QUIRK_SYSTEM_FIRST);

    (void)state;
    member_is(o, "system",
              "[{\"type\":\"text\",\"text\":\"first\"},"
              "{\"type\":\"text\",\"text\":\"late\"}]");
    assert_int_equal(json_object_array_length(json_object_object_get(o, "messages")),
                     3);
    json_put(o);
}

static void what_anthropic_lacks_is_lost_by_name(void **state)
{
    struct json_object *o = written_chat(
        "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"name\":\"joe\","
        "\"content\":\"hi\"}],\"n\":3,\"seed\":1,\"logprobs\":true,"
        "\"top_logprobs\":2,\"frequency_penalty\":0.5,\"presence_penalty\":1,"
        "\"logit_bias\":{\"1\":2},\"temperature\":1.5,\"top_p\":0.5,"
        "\"stop\":[\" \\n\",\"END\"],\"response_format\":{\"type\":\"json_object\"},"
        "\"service_tier\":\"flex\",\"prediction\":{\"type\":\"content\"}}",
        0);
    static const char *const names[] = {"n",
                                        "name",
                                        "seed",
                                        "logprobs",
                                        "top_logprobs",
                                        "frequency_penalty",
                                        "presence_penalty",
                                        "logit_bias",
                                        "top_p",
                                        "temperature",
                                        "stop",
                                        "response_format",
                                        "service_tier",
                                        "prediction"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!is_lost(names[i]))
            fail_msg("%s is lost silently", names[i]);
    assert_int_equal(lost.count, sizeof(names) / sizeof(names[0]));
    member_is(o, "temperature", "1");
    member_is(o, "stop_sequences", "[\"END\"]");
    assert_null(json_object_object_get(o, "top_p"));
    json_put(o);
}

static void defaults_are_no_loss(void **state)
{
    struct json_object *o = written_chat(
        "{\"model\":\"x\",\"messages\":[" USER
        "],\"n\":1,\"logprobs\":false,\"frequency_penalty\":0,\"presence_penalty\":0.0,"
        "\"logit_bias\":{},\"temperature\":1,\"top_p\":1.0,\"stream\":false,"
        "\"parallel_tool_calls\":true,\"store\":false,\"service_tier\":\"auto\"}",
        QUIRK_NO_SAMPLING);

    (void)state;
    losses_are("");
    json_put(o);
}

static void sampling_is_left_out_where_it_is_refused(void **state)
{
    struct json_object *o = written_chat("{\"model\":\"x\",\"messages\":[" USER
                                         "],\"temperature\":0.2,\"top_p\":0.9}",
                                         QUIRK_NO_SAMPLING);

    (void)state;
    assert_null(json_object_object_get(o, "temperature"));
    assert_null(json_object_object_get(o, "top_p"));
    losses_are("temperature, top_p");
    json_put(o);
}

#define TOOLS                                                                         \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true," \
    "\"description\":\"d\",\"parameters\":{\"properties\":{}}}}]"

static void tools_and_their_choice_are_said_in_its_words(void **state)
{
    static const char *const choices[][2] = {
        {"\"auto\"", "{\"type\":\"auto\",\"disable_parallel_tool_use\":true}"},
        {"\"required\"", "{\"type\":\"any\",\"disable_parallel_tool_use\":true}"},
        {"\"none\"", "{\"type\":\"none\"}"},
        {"{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
         "{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true}"}};
    char body[1024];

    (void)state;
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        struct json_object *o;

        (void)snprintf(body, sizeof(body),
                       "{\"model\":\"x\",\"messages\":[" USER "]," TOOLS
                       ",\"parallel_tool_calls\":false,\"tool_choice\":%s}",
                       choices[i][0]);
        o = written_chat(body, 0);
        member_is(o, "tool_choice", choices[i][1]);
        member_is(o, "tools",
                  "[{\"name\":\"f\",\"description\":\"d\",\"strict\":true,"
                  "\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]");
        losses_are("");
        json_put(o);
    }
}

static void others_hosted_tools_are_lost_by_their_place(void **state)
{
    struct json_object *o =
        written_chat("{\"model\":\"x\",\"messages\":[" USER
                     "],\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}],"
                     "\"tool_choice\":\"required\"}",
                     0);

    (void)state;
    assert_null(json_object_object_get(o, "tools"));
    assert_null(json_object_object_get(o, "tool_choice"));
    assert_true(is_lost("tools[0]"));
    assert_true(is_lost("tool_choice"));
    json_put(o);
}

/* ---- Reasoning ---- */

static void check_effort(const char *effort, unsigned quirks, const char *thinking,
                         const char *config)
{
    char body[512];
    struct json_object *o;

    (void)snprintf(body, sizeof(body),
                   "{\"model\":\"x\",\"messages\":[" USER
                   "],\"max_tokens\":10000,\"reasoning_effort\":\"%s\"}",
                   effort);
    o = written_chat(body, quirks);
    if (json_object_object_get(o, "thinking") != NULL)
        json_object_object_del(json_object_object_get(o, "thinking"), "display");
    member_is(o, "thinking", thinking);
    member_is(o, "output_config", config);
    json_put(o);
}

static void an_effort_is_an_effort_or_a_share_of_the_bound(void **state)
{
    const unsigned budget = QUIRK_THINKING_BUDGET;

    (void)state;
    check_effort("minimal", 0, "{\"type\":\"adaptive\"}", "{\"effort\":\"low\"}");
    check_effort("xhigh", 0, "{\"type\":\"adaptive\"}", "{\"effort\":\"xhigh\"}");
    check_effort("none", 0, "{\"type\":\"disabled\"}", "null");
    check_effort("minimal", budget, "{\"type\":\"enabled\",\"budget_tokens\":1024}",
                 "null");
    check_effort("low", budget, "{\"type\":\"enabled\",\"budget_tokens\":2000}",
                 "null");
    check_effort("medium", budget, "{\"type\":\"enabled\",\"budget_tokens\":5000}",
                 "null");
    check_effort("high", budget, "{\"type\":\"enabled\",\"budget_tokens\":8000}",
                 "null");
    check_effort("max", budget, "{\"type\":\"enabled\",\"budget_tokens\":9999}",
                 "null");
    check_effort("none", budget, "null", "null");
    losses_are("");
    check_effort("high", QUIRK_NO_THINKING, "null", "null");
    losses_are("reasoning_effort");
}

/* A budget needs room, no forced tool, and reasoning of its own in a tool loop. */
static void a_budget_that_would_be_refused_is_lost(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"x\",\"messages\":[" USER
        "],\"max_tokens\":1024,\"reasoning_effort\":\"low\"}",
        "{\"model\":\"x\",\"messages\":[" USER "]," TOOLS
        ",\"tool_choice\":\"required\",\"max_tokens\":9999,\"reasoning_effort\":\"low\"}",
        "{\"model\":\"x\",\"messages\":[" USER
        ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"}]," TOOLS
        ",\"max_tokens\":9999,\"reasoning_effort\":\"low\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct json_object *o = written_chat(bodies[i], QUIRK_THINKING_BUDGET);

        assert_null(json_object_object_get(o, "thinking"));
        losses_are("reasoning_effort");
        json_put(o);
    }
}

#define THINK(sig) \
    "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"" sig "\"}"
#define SAID(blocks)                                        \
    "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[" USER \
    ",{\"role\":\"assistant\",\"content\":[" blocks         \
    ",{\"type\":\"text\",\"text\":\"a\"}]}," USER "]}"

static void only_its_own_reasoning_goes_back(void **state)
{
    const struct wire_target t = target(0);
    struct json_object *o = written(
        &wire_messages,
        SLICE(SAID(THINK("sig") "," THINK("") "," THINK(
            "octroi:google-gemini-v1::abc") ","
                                            "{\"type\":\"redacted_thinking\",\"data\":\"xyz\"}")),
        &t);

    (void)state;
    same_json(json_object_array_get_idx(json_object_object_get(o, "messages"), 1),
              "{\"role\":\"assistant\",\"content\":[" THINK(
                  "sig") ","
                         "{\"type\":\"redacted_thinking\",\"data\":\"xyz\"},"
                         "{\"type\":\"text\",\"text\":\"a\"}]}");
    json_put(o);
}

/* ---- Media ---- */

static void media_go_by_their_kind(void **state)
{
    struct json_object *o = written_chat(
        "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/gif;base64,R0lG\","
        "\"detail\":\"low\"}},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h.example/a.png\"}},"
        "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
        "\"data:application/pdf;base64,JVBE\"}},"
        "{\"type\":\"file\",\"file\":{\"filename\":\"a.txt\",\"file_data\":"
        "\"data:text/plain;base64,aGkh\"}}]}]}",
        0);

    (void)state;
    member_is(o, "messages",
              "[{\"role\":\"user\",\"content\":["
              "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
              "\"image/gif\",\"data\":\"R0lG\"}},"
              "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
              "\"https://h.example/a.png\"}},"
              "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":"
              "\"application/pdf\",\"data\":\"JVBE\"},\"title\":\"a.pdf\"},"
              "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":"
              "\"text/plain\",\"data\":\"hi!\"},\"title\":\"a.txt\"}]}]");
    losses_are("detail");
    json_put(o);
}

static void cannot_write(const char *body, const char *param)
{
    const struct wire_target t = target(0);
    struct wire_fault fault = {.param = NULL};
    struct conversation c;
    struct buf out;

    wire_read(&c, &wire_chat, slice_str(body), memory);
    buf_init(&out, BODY_MAX);
    assert_int_equal(wire_messages.write(&out, &c, &t, &lost, &fault, memory),
                     RC_BAD_INPUT);
    assert_string_equal(fault.param, param);
    buf_free(&out);
}

static void what_cannot_be_said_at_all_is_refused_by_its_place(void **state)
{
    (void)state;
    cannot_write("{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":["
                 "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\","
                 "\"format\":\"wav\"}}]}]}",
                 "messages[0].content[0]");
    cannot_write("{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":["
                 "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}]}]}",
                 "messages[0].content[0]");
    cannot_write("{\"model\":\"x\",\"messages\":[{\"role\":\"system\",\"content\":"
                 "\"a\"}]}",
                 "messages");
}

/* ---- Bounds and marks ---- */

static void the_bound_is_the_clients_the_models_or_forced(void **state)
{
    struct wire_target t = target(0);
    struct json_object *o =
        written(&wire_chat, SLICE("{\"model\":\"x\",\"messages\":[" USER "]}"), &t);

    (void)state;
    member_is(o, "max_tokens", "16384");
    json_put(o);
    o = written(&wire_chat,
                SLICE("{\"model\":\"x\",\"max_completion_tokens\":7,\"messages\":[" USER
                      "],\"stream\":true}"),
                &t);
    member_is(o, "max_tokens", "7");
    assert_null(json_object_object_get(o, "stream")); /* the target's say */
    json_put(o);
    t.bound_forced = true;
    t.output_bound = 3;
    t.stream = true;
    o = written(&wire_chat,
                SLICE("{\"model\":\"x\",\"max_tokens\":7,\"messages\":[" USER "]}"),
                &t);
    member_is(o, "max_tokens", "3");
    member_is(o, "stream", "true");
    json_put(o);
}

#define MARKED(t) \
    "{\"type\":\"text\",\"text\":\"" t "\",\"cache_control\":{\"type\":\"ephemeral\"}}"

static void no_more_than_four_cache_marks_are_made(void **state)
{
    const struct wire_target t = target(0);
    struct json_object *o =
        written(&wire_messages,
                SLICE("{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["
                      "{\"type\":\"text\",\"text\":\"0\",\"cache_control\":{\"type\":"
                      "\"ephemeral\",\"ttl\":\"1h\"}}," MARKED("1") "," MARKED(
                          "2") "," MARKED("3") "," MARKED("4") "]}]}"),
                &t);

    (void)state;
    member_is(o, "messages",
              "[{\"role\":\"user\",\"content\":["
              "{\"type\":\"text\",\"text\":\"0\",\"cache_control\":{\"type\":"
              "\"ephemeral\",\"ttl\":\"1h\"}}," MARKED("1") "," MARKED("2") "," MARKED(
                  "3") ",{\"type\":\"text\",\"text\":\"4\"}]}]");
    json_put(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEMORY_TEST(translations_say_what_others_say),
        MEMORY_TEST(what_is_read_is_written_back),
        MEMORY_TEST(turns_of_one_role_are_one_and_results_come_first),
        MEMORY_TEST(late_instructions_stand_behind_the_users_turn),
        MEMORY_TEST(models_that_take_none_between_get_them_first),
        MEMORY_TEST(what_anthropic_lacks_is_lost_by_name),
        MEMORY_TEST(defaults_are_no_loss),
        MEMORY_TEST(sampling_is_left_out_where_it_is_refused),
        MEMORY_TEST(tools_and_their_choice_are_said_in_its_words),
        MEMORY_TEST(others_hosted_tools_are_lost_by_their_place),
        MEMORY_TEST(an_effort_is_an_effort_or_a_share_of_the_bound),
        MEMORY_TEST(a_budget_that_would_be_refused_is_lost),
        MEMORY_TEST(only_its_own_reasoning_goes_back),
        MEMORY_TEST(media_go_by_their_kind),
        MEMORY_TEST(what_cannot_be_said_at_all_is_refused_by_its_place),
        MEMORY_TEST(the_bound_is_the_clients_the_models_or_forced),
        MEMORY_TEST(no_more_than_four_cache_marks_are_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

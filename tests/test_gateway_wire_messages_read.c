/* SPDX-License-Identifier: Apache-2.0 */
/* What of a Messages request is refused, and in which words; what is not carried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/wire_fixture.h"

enum {
    MEMORY_MAX = 64 << 20
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

#define MEMORY_TEST(t)  cmocka_unit_test_setup_teardown(t, open_memory, close_memory)
#define USER            "{\"role\":\"user\",\"content\":\"hi\"}"
#define BODY(m)         "{\"max_tokens\":9,\"messages\":[" m "]}"
#define BLOCKS(role, b) BODY("{\"role\":\"" role "\",\"content\":[" b "]}")
#define WITH(member)    "{\"max_tokens\":9,\"messages\":[" USER "]," member "}"

static const char *const mistakes[][2] = {
    {"{\"max_tokens\":9}", "messages"},
    {"{\"max_tokens\":9,\"messages\":{}}", "messages"},
    {BODY(""), "messages"},
    {BODY("7"), "messages[0]"},
    {BODY("{\"role\":\"tool\",\"content\":\"\"}"), "messages[0].role"},
    {BODY("{\"content\":\"\"}"), "messages[0].role"},
    {BODY("{\"role\":\"user\"}"), "messages[0].content"},
    {BODY("{\"role\":\"user\",\"content\":7}"), "messages[0].content"},
    {BLOCKS("user", "7"), "messages[0].content[0]"},
    {BLOCKS("user", "{\"text\":\"a\"}"), "messages[0].content[0].type"},
    {BLOCKS("user", "{\"type\":\"novelty\"}"), "messages[0].content[0].type"},
    {BLOCKS("user", "{\"type\":\"tool_use\"}"), "messages[0].content[0].type"},
    {BLOCKS("system", "{\"type\":\"image\"}"), "messages[0].content[0].type"},
    {BLOCKS("user", "{\"type\":\"text\",\"text\":7}"), "messages[0].content[0].text"},
    {BLOCKS("user", "{\"type\":\"image\"}"), "messages[0].content[0].source"},
    {BLOCKS("user", "{\"type\":\"image\",\"source\":{\"type\":\"x\"}}"),
     "messages[0].content[0].source.type"},
    {BLOCKS("user", "{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                    "\"media_type\":\"image/png\",\"data\":\"a b\"}}"),
     "messages[0].content[0].source.data"},
    {BLOCKS("user", "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
                    "\"file:///etc/passwd\"}}"),
     "messages[0].content[0].source.url"},
    {BLOCKS("assistant", "{\"type\":\"tool_use\",\"name\":\"f\",\"input\":{}}"),
     "messages[0].content[0].id"},
    {BLOCKS("assistant",
            "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":\"{}\"}"),
     "messages[0].content[0].input"},
    {BLOCKS("assistant", "{\"type\":\"thinking\",\"signature\":\"s\"}"),
     "messages[0].content[0].thinking"},
    {BLOCKS("user", "{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}"),
     "messages[0].content[0].tool_use_id"},
    {BLOCKS("user", "{\"type\":\"text\",\"text\":\"a\",\"cache_control\":7}"),
     "messages[0].content[0].cache_control"},
    {WITH("\"system\":7"), "system"},
    {WITH("\"system\":[{\"type\":\"image\"}]"), "system[0].type"},
    {WITH("\"temperature\":\"1\""), "temperature"},
    {WITH("\"stream\":1"), "stream"},
    {WITH("\"stop_sequences\":\"a\""), "stop_sequences"},
    {WITH("\"stop_sequences\":[7]"), "stop_sequences[0]"},
    {WITH("\"tools\":{}"), "tools"},
    {WITH("\"tools\":[{\"name\":\"f\"}]"), "tools[0].input_schema"},
    {WITH("\"tools\":[{\"input_schema\":{}}]"), "tools[0].name"},
    {WITH("\"tool_choice\":\"auto\""), "tool_choice"},
    {WITH("\"tool_choice\":{\"type\":\"maybe\"}"), "tool_choice.type"},
    {WITH("\"tool_choice\":{\"type\":\"tool\"}"), "tool_choice.name"},
    {WITH("\"thinking\":{\"type\":\"deep\"}"), "thinking.type"},
    {WITH("\"thinking\":{\"type\":\"enabled\"}"), "thinking.budget_tokens"},
    {WITH("\"output_config\":{\"effort\":\"huge\"}"), "output_config.effort"},
    {WITH("\"output_config\":{\"format\":{\"type\":\"json_schema\"}}"),
     "output_config.format.schema"},
    {WITH("\"metadata\":{\"user_id\":7}"), "metadata.user_id"},
    {WITH("\"thread\":{\"id\":\"t\"}"), "thread"},
    {"{\"max_tokens\":0,\"messages\":[" USER "]}", "max_tokens"},
    {"{\"max_tokens\":1.5,\"messages\":[" USER "]}", "max_tokens"},
};

static void mistakes_are_named_by_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct wire_fault fault = {.param = NULL};
        struct conversation c;

        if (wire_messages.read(&c, &fault, slice_str(mistakes[i][0]), memory) !=
            RC_BAD_INPUT)
            fail_msg("%s is taken", mistakes[i][0]);
        assert_non_null(fault.param);
        assert_string_equal(fault.param, mistakes[i][1]);
        assert_non_null(fault.detail);
    }
}

static void a_thread_is_refused_as_the_sdk_expects(void **state)
{
    struct wire_fault fault = {.param = NULL};
    struct conversation c;

    (void)state;
    assert_int_equal(wire_messages.read(
                         &c, &fault, SLICE(WITH("\"thread\":{\"id\":\"t\"}")), memory),
                     RC_BAD_INPUT);
    assert_true(slice_equal_str(fault.extra, "\"details\":{\"error_code\":"
                                             "\"thread_unsupported_request\","
                                             "\"unsupported\":[\"thread\"]}"));
}

static void what_only_anthropic_understands_is_an_extra(void **state)
{
    struct conversation c;
    struct losses l = {.count = 0};
    struct buf b;

    (void)state;
    wire_read(&c, &wire_messages,
              SLICE("{\"max_tokens\":9,\"container\":\"c\",\"mcp_servers\":[],"
                    "\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":["
                    "{\"type\":\"server_tool_use\",\"id\":\"s\"},"
                    "{\"type\":\"web_search_tool_result\",\"content\":[]},"
                    "{\"type\":\"text\",\"text\":\"a\",\"citations\":[]}]}]}"),
              memory);
    losses_extras(&l, &c, memory);
    buf_init(&b, 4096);
    losses_print(&b, &l);
    assert_true(slice_equal_str(buf_slice(&b),
                                "server_tool_use, web_search_tool_result, "
                                "container, mcp_servers"));
    assert_ptr_equal(c.last_message->parts, c.last_message->last_part);
    buf_free(&b);
}

#define THINK(sig) \
    "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"" sig "\"}"
#define SAID(blocks)                                        \
    "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[" USER \
    ",{\"role\":\"assistant\",\"content\":[" blocks         \
    ",{\"type\":\"text\",\"text\":\"a\"}]}," USER "]}"

static void reasoning_of_others_finds_its_maker(void **state)
{
    struct conversation c;
    const struct part *p;

    (void)state;
    wire_read(&c, &wire_messages,
              SLICE(SAID(THINK("octroi:openai-responses-v1:rs_1:a:b"))), memory);
    p = c.messages->next->parts;
    assert_int_equal(p->kind, PART_REASONING);
    assert_true(slice_equal_str(p->signed_by, "openai-responses-v1"));
    assert_true(slice_equal_str(p->item_id, "rs_1"));
    assert_true(slice_equal_str(p->signature.json, "\"a:b\""));
    wire_read(&c, &wire_messages, SLICE(SAID(THINK("octroi:"))), memory);
    assert_int_equal(c.messages->next->parts->signature.json.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEMORY_TEST(mistakes_are_named_by_their_place),
        MEMORY_TEST(a_thread_is_refused_as_the_sdk_expects),
        MEMORY_TEST(what_only_anthropic_understands_is_an_extra),
        MEMORY_TEST(reasoning_of_others_finds_its_maker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

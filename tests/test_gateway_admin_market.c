/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's market: paths, bodies, shapes, refusals. What the market itself does
 * is proved by skills' tests; here only that the right call of it is made and told. */
#include "gateway/admin.h"

#include "base/json.h"
#include "tests/skills_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KEY_HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define ADDRESS "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

static struct market m;
static struct admin admin;
static struct admin_reply reply;
static struct json_object *json;

static int set_up(void **state)
{
    (void)state;
    market_open(&m);
    admin = (struct admin){.ledger = m.f.ledger, .book = m.f.book, .skills = m.skills};
    reply.file_fd = -1;
    return 0;
}

static void forget(void)
{
    json_put(json);
    json = NULL;
    buf_wipe(&reply.body);
    if (reply.file_fd >= 0)
        (void)close(reply.file_fd);
    reply.file_fd = -1;
}

static int tear_down(void **state)
{
    (void)state;
    forget();
    market_close(&m);
    return 0;
}

static void ask_bytes(unsigned status, const char *line, struct slice body)
{
    struct slice target = slice_str(strchr(line, ' ') + 1);
    size_t path_len = slice_find(target, '?');
    struct admin_request q = {
        .method = slice_sub(slice_str(line), 0, slice_find(slice_str(line), ' ')),
        .path = slice_sub(target, 0, path_len),
        .query = slice_sub(target, path_len + 1, target.len),
        .body = body,
    };

    forget();
    admin_handle(&reply, &admin, &q);
    if (reply.status != status)
        print_message("%s: %.*s\n", line, SLICE_FMT(buf_slice(&reply.body)));
    assert_int_equal(reply.status, status);
    if (slice_ends(slice_str(reply.content_type), SLICE("json")))
        assert_int_equal(json_parse(&json, buf_slice(&reply.body)), RC_OK);
}

/* Asks, claims the status, and parses the answer. "GET /path?query", body may be NULL.
 */
static void ask(unsigned status, const char *line, const char *body)
{
    ask_bytes(status, line, slice_str(body));
}

static void has(const char *text)
{
    struct slice body = buf_slice(&reply.body);

    if (slice_search(body, slice_str(text)) == body.len)
        print_message("no %s in %.*s\n", text, SLICE_FMT(body));
    assert_true(slice_search(body, slice_str(text)) < body.len);
}

static void has_not(const char *text)
{
    struct slice body = buf_slice(&reply.body);

    assert_int_equal(slice_search(body, slice_str(text)), body.len);
}

static void refused(unsigned status, const char *code, const char *line,
                    const char *body)
{
    struct slice said;

    ask(status, line, body);
    assert_string_equal(reply.content_type, "application/problem+json");
    assert_int_equal(json_get_string(&said, json, "code"), RC_OK);
    if (!slice_equal_str(said, code))
        print_message("%s: %.*s\n", line, SLICE_FMT(buf_slice(&reply.body)));
    assert_true(slice_equal_str(said, code));
}

static size_t items(void)
{
    struct json_object *list;

    assert_int_equal(json_get_array(&list, json, "items"), RC_OK);
    return json_array_count(list);
}

/* ---- Publishers ---- */

static void a_publisher_has_what_it_was_made_with(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"shop\"}");
    ask(201, "POST /admin/v1/publishers",
        "{\"name\":\"acme\",\"display\":\"Acme Ltd\",\"wallet\":\"shop\",\"key\":"
        "\"" KEY_HEX "\",\"signature_required\":true,\"network\":\"eip155:84532\","
        "\"address\":\"" ADDRESS "\",\"platform_share\":\"2.5%\"}");
    has("\"handle\":\"acme\",\"display\":\"Acme Ltd\",\"wallet\":\"w_");
    has("\"key\":\"" KEY_HEX "\",\"signature_required\":true");
    has("\"network\":\"eip155:84532\",\"address\":\"" ADDRESS
        "\",\"platform_share\":\"2.5%\",\"suspended\":false");
    ask(200, "GET /admin/v1/publishers/acme", NULL);
    has("\"platform_share\":\"2.5%\"");
}

static void a_publisher_of_a_name_alone_has_nothing_else(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"acme\"}");
    has("\"display\":\"acme\",\"wallet\":null,\"key\":null,"
        "\"signature_required\":false,\"network\":null,\"address\":null,"
        "\"platform_share\":null,\"suspended\":false");
}

static void names_of_publishers_are_taken_once_and_not_imitated(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"acme-tools\"}");
    refused(409, "already_exists", "POST /admin/v1/publishers",
            "{\"name\":\"acme-tools\"}");
    refused(409, "conflict", "POST /admin/v1/publishers", "{\"name\":\"acme-to0ls\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers", "{\"name\":\"Acme\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers", "{\"name\":\"a--b\"}");
    refused(400, "invalid_request", "POST /admin/v1/publishers", "{}");
    refused(404, "not_found", "GET /admin/v1/publishers/nobody", NULL);
}

static void what_would_send_money_to_nobody_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"name\":\"acme\",\"network\":\"eip155:1\"}",
        "{\"name\":\"acme\",\"address\":\"" ADDRESS "\"}",
        "{\"name\":\"acme\",\"network\":\"solana:x\",\"address\":\"" ADDRESS "\"}",
        "{\"name\":\"acme\",\"network\":\"eip155:1\",\"address\":\"0x12\"}",
        "{\"name\":\"acme\",\"network\":\"eip155:1\","
        "\"address\":\"0x70997970c51812DC3A010C7d01b50e0d17dc79C8\"}",
        "{\"name\":\"acme\",\"network\":\"eip155:1\","
        "\"address\":\"0x0000000000000000000000000000000000000000\"}",
        "{\"name\":\"acme\",\"platform_share\":\"100.0001%\"}",
        "{\"name\":\"acme\",\"platform_share\":\"ten\"}",
        "{\"name\":\"acme\",\"key\":\"00\"}",
        "{\"name\":\"acme\",\"signature_required\":true}",
        "{\"name\":\"acme\",\"signature_required\":\"yes\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(400, "invalid_request", "POST /admin/v1/publishers", bad[i]);
    refused(404, "not_found", "POST /admin/v1/publishers",
            "{\"name\":\"acme\",\"wallet\":\"nobody\"}");
    ask(200, "GET /admin/v1/publishers", NULL);
    assert_int_equal(items(), 0);
}

static void a_change_touches_what_it_names_only(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers",
        "{\"name\":\"acme\",\"display\":\"Acme\",\"key\":\"" KEY_HEX
        "\",\"platform_share\":\"5%\"}");
    ask(200, "PUT /admin/v1/publishers/acme", "{\"signature_required\":true}");
    has("\"display\":\"Acme\"");
    has("\"key\":\"" KEY_HEX "\",\"signature_required\":true");
    has("\"platform_share\":\"5%\"");
    ask(200, "PUT /admin/v1/publishers/acme",
        "{\"key\":\"\",\"signature_required\":false,\"platform_share\":\"\"}");
    has("\"key\":null,\"signature_required\":false");
    has("\"platform_share\":null");
    refused(400, "invalid_request", "PUT /admin/v1/publishers/acme",
            "{\"name\":\"other\"}");
    refused(404, "not_found", "PUT /admin/v1/publishers/nobody", "{}");
}

static void suspending_is_taken_back(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"acme\"}");
    ask(200, "POST /admin/v1/publishers/acme/suspend", NULL);
    has("\"suspended\":true");
    ask(200, "POST /admin/v1/publishers/acme/suspend", NULL);
    has("\"suspended\":true");
    ask(200, "POST /admin/v1/publishers/acme/unsuspend", NULL);
    has("\"suspended\":false");
}

static void publishers_come_in_pages(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"delta\"}");
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"alpha\"}");
    ask(201, "POST /admin/v1/publishers", "{\"name\":\"cheese\"}");
    ask(200, "GET /admin/v1/publishers?limit=2", NULL);
    assert_int_equal(items(), 2);
    has("\"next\":\"cheese\"");
    has("alpha");
    has_not("delta");
    ask(200, "GET /admin/v1/publishers?limit=2&after=cheese", NULL);
    assert_int_equal(items(), 1);
    has("delta");
    has("\"next\":null");
}

static void without_a_market_there_is_none(void **state)
{
    (void)state;
    admin.skills = NULL;
    refused(404, "not_found", "GET /admin/v1/publishers", NULL);
    refused(404, "not_found", "POST /admin/v1/publishers", "{\"name\":\"acme\"}");
}

static void packages_are_larger_than_other_bodies(void **state)
{
    (void)state;
    assert_int_equal(admin_body_max(SLICE("/admin/v1/skills?publisher=a")), 70 << 20);
    assert_int_equal(admin_body_max(SLICE("/admin/v1/skills")), 70 << 20);
    assert_int_equal(admin_body_max(SLICE("/admin/v1/skills/")), 1 << 20);
    assert_int_equal(admin_body_max(SLICE("/admin/v1/wallets")), 1 << 20);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_publisher_has_what_it_was_made_with),
        TEST(a_publisher_of_a_name_alone_has_nothing_else),
        TEST(names_of_publishers_are_taken_once_and_not_imitated),
        TEST(what_would_send_money_to_nobody_is_refused),
        TEST(a_change_touches_what_it_names_only),
        TEST(suspending_is_taken_back),
        TEST(publishers_come_in_pages),
        TEST(without_a_market_there_is_none),
        TEST(packages_are_larger_than_other_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

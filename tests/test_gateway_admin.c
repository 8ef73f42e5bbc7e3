/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API as functions: paths, bodies, shapes, refusals. The money itself is
 * proved by wallet's tests; here only that the right call of it is made and told. */
#include "base/clock.h"
#include "tests/admin_fixture.h"
#include "tests/wallet_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    fixture_open(&f, LEDGER_MEMORY);
    admin = (struct admin){.ledger = f.ledger, .book = f.book};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    forget();
    fixture_close(&f);
    return 0;
}

/* A string member of the answer, in memory of its own that the next call replaces. */
static const char *member(const char *name)
{
    static char text[256];
    struct slice s;

    assert_int_equal(json_get_string(&s, json, name), RC_OK);
    assert_int_equal(slice_to_cstr(text, sizeof(text), s), RC_OK);
    return text;
}

static const char *line_of(const char *format, const char *value)
{
    static char line[512];
    const char *at = strstr(format, "$");

    (void)snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - format), format, value,
                   at + 1);
    return line;
}

/* ---- The frame ---- */

static void what_is_not_there_is_404_and_other_methods_405(void **state)
{
    (void)state;
    refused(404, "not_found", "GET /admin/v1/nothing", NULL);
    refused(404, "not_found", "GET /admin/v1/wallets/", NULL);
    refused(404, "not_found", "GET /admin/v1/wallets/a/b/c", NULL);
    refused(405, "method_not_allowed", "DELETE /admin/v1/wallets", NULL);
    refused(400, "invalid_request", "GET /admin/v1/wallets/%2e%2e", NULL);
    refused(400, "invalid_request", "GET /admin/v1/wallets/%zz", NULL);
    refused(400, "invalid_request", "GET /admin/v1//wallets", NULL);
}

static void bodies_are_strict(void **state)
{
    (void)state;
    refused(400, "invalid_json", "POST /admin/v1/wallets", "{\"name\":");
    refused(400, "invalid_json", "POST /admin/v1/wallets", "[\"a\"]");
    refused(400, "invalid_json", "POST /admin/v1/wallets",
            "{\"name\":\"a\",\"name\":\"b\"}");
    refused(400, "invalid_request", "POST /admin/v1/wallets",
            "{\"name\":\"a\",\"perent\":\"b\"}");
    has("'perent'");
    refused(400, "invalid_request", "POST /admin/v1/wallets", "{\"name\":7}");
    refused(400, "invalid_request", "POST /admin/v1/wallets", "{}");
    has("'name' is missing");
    refused(400, "invalid_request", "POST /admin/v1/wallets", NULL);
    refused(400, "invalid_request", "GET /admin/v1/wallets", "{}");
    ask(200, "GET /admin/v1/wallets", NULL);
    assert_int_equal(items(), 0);
}

static void an_escaped_member_is_the_same_member(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/wallets", "{\"n\\u0061me\":\"a\"}");
    assert_string_equal(member("name"), "a");
}

static void without_configuration_there_is_none_to_show(void **state)
{
    (void)state;
    refused(404, "not_found", "GET /admin/v1/config", NULL);
    refused(404, "not_found", "GET /admin/v1/prices", NULL);
    refused(503, "daemon_unreachable", "POST /admin/v1/config/reload", NULL);
    ask(200, "GET /admin/v1/version", NULL);
    has("\"config\":null");
}

/* ---- Wallets ---- */

static void wallets_are_made_found_and_named_once(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"a\"}");
    has("\"parent\":null}");
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"b\",\"parent\":\"a\"}");
    refused(409, "already_exists", "POST /admin/v1/wallets", "{\"name\":\"b\"}");
    refused(404, "not_found", "POST /admin/v1/wallets",
            "{\"name\":\"c\",\"parent\":\"nobody\"}");
    refused(400, "invalid_request", "POST /admin/v1/wallets", "{\"name\":\"\"}");
    refused(400, "invalid_request", "POST /admin/v1/wallets", "{\"name\":\"..\"}");
    refused(400, "invalid_request", "POST /admin/v1/wallets",
            "{\"name\":\"a\\u0007\"}");
    ask(200, "GET /admin/v1/wallets/b", NULL);
    assert_string_equal(member("name"), "b");
    ask(200, line_of("GET /admin/v1/wallets/$", member("id")), NULL);
    assert_string_equal(member("name"), "b");
    refused(404, "not_found", "GET /admin/v1/wallets/nobody", NULL);
}

static void a_name_may_hold_a_slash(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"team/a b\"}");
    ask(200, "GET /admin/v1/wallets/team%2Fa%20b", NULL);
    assert_string_equal(member("name"), "team/a b");
}

static void wallets_nest_to_a_depth(void **state)
{
    (void)state;
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"0\"}");
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"1\",\"parent\":\"0\"}");
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"2\",\"parent\":\"1\"}");
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"3\",\"parent\":\"2\"}");
    ask(201, "POST /admin/v1/wallets", "{\"name\":\"4\",\"parent\":\"3\"}");
    refused(400, "invalid_request", "POST /admin/v1/wallets",
            "{\"name\":\"5\",\"parent\":\"4\"}");
}

static void lists_come_in_pages(void **state)
{
    char name[8];
    char after[64];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof(name), "w%u", i);
        (void)new_wallet(&f, name);
    }
    ask(200, "GET /admin/v1/wallets?limit=2", NULL);
    assert_int_equal(items(), 2);
    has("\"w1\"");
    (void)snprintf(after, sizeof(after), "%s", member("next"));
    ask(200, line_of("GET /admin/v1/wallets?limit=3&after=$", after), NULL);
    assert_int_equal(items(), 3);
    has("\"w2\"");
    has("\"next\":null}");
    refused(400, "invalid_request", "GET /admin/v1/wallets?limit=0", NULL);
    refused(400, "invalid_request", "GET /admin/v1/wallets?limit=1001", NULL);
    refused(400, "invalid_request", "GET /admin/v1/wallets?after=w_1", NULL);
}

static void topups_are_booked_once_per_ref(void **state)
{
    char transfer[64];

    (void)state;
    (void)new_wallet(&f, "a");
    ask(200, "POST /admin/v1/wallets/a/topup", "{\"amount\":\"2.5\",\"ref\":\"r\"}");
    assert_string_equal(member("amount"), "2.500000000");
    assert_string_equal(member("balance"), "2.500000000");
    (void)snprintf(transfer, sizeof(transfer), "%s", member("transfer"));
    ask(200, "POST /admin/v1/wallets/a/topup", "{\"amount\":\"2.5\",\"ref\":\"r\"}");
    assert_string_equal(member("transfer"), transfer);
    assert_string_equal(member("balance"), "2.500000000");
    refused(409, "conflict", "POST /admin/v1/wallets/a/topup",
            "{\"amount\":\"2.6\",\"ref\":\"r\"}");
    ask(200, "POST /admin/v1/wallets/a/topup", "{\"amount\":\"1\"}");
    ask(200, "POST /admin/v1/wallets/a/topup", "{\"amount\":\"1\"}");
    assert_string_equal(member("balance"), "4.500000000");
}

static void amounts_are_texts_of_money(void **state)
{
    static const char *const bad[] = {
        "{\"amount\":1}",
        "{\"amount\":\"-1\"}",
        "{\"amount\":\"1e1\"}",
        "{\"amount\":null}",
        "{\"amount\":\"\"}",
        "{\"amount\":\"0\"}",
        "{}",
        "{\"amount\":\"01\"}",
        "{\"amount\":\"1.0000000001\"}",
    };

    (void)state;
    (void)new_wallet(&f, "a");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(400, "invalid_request", "POST /admin/v1/wallets/a/topup", bad[i]);
    ask(200, "GET /admin/v1/wallets/a", NULL);
    assert_string_equal(member("balance"), "0.000000000");
}

static void a_balance_that_would_wrap_is_refused(void **state)
{
    (void)state;
    (void)new_wallet(&f, "a");
    ask(200, "POST /admin/v1/wallets/a/topup", "{\"amount\":\"18446744073\"}");
    refused(400, "amount_overflow", "POST /admin/v1/wallets/a/topup",
            "{\"amount\":\"18446744073\"}");
    ask(200, "GET /admin/v1/wallets/a", NULL);
    assert_string_equal(member("balance"), "18446744073.000000000");
}

static void a_child_is_not_topped_up_and_its_root_named(void **state)
{
    struct id root = new_wallet(&f, "the-root");

    (void)state;
    (void)new_child(&f, "child", root);
    refused(403, "forbidden", "POST /admin/v1/wallets/child/topup",
            "{\"amount\":\"1\"}");
    has("'the-root'");
}

static void refunds_go_back_and_not_further(void **state)
{
    struct id a = new_wallet(&f, "a");
    char transfer[64];
    char body[128];

    (void)state;
    ask(200, "POST /admin/v1/wallets/a/topup", "{\"amount\":\"5\"}");
    (void)snprintf(transfer, sizeof(transfer), "%s", member("transfer"));
    (void)snprintf(body, sizeof(body), "{\"transfer\":\"%s\",\"amount\":\"2\"}",
                   transfer);
    ask(200, "POST /admin/v1/refunds", body);
    assert_string_equal(member("balance"), "3.000000000");
    (void)snprintf(body, sizeof(body), "{\"transfer\":\"%s\",\"amount\":\"4\"}",
                   transfer);
    refused(409, "conflict", "POST /admin/v1/refunds", body);
    pay(&f, a, "2", "2");
    (void)snprintf(body, sizeof(body), "{\"transfer\":\"%s\"}", transfer);
    refused(402, "insufficient_funds", "POST /admin/v1/refunds", body);
    refused(404, "not_found", "POST /admin/v1/refunds",
            "{\"transfer\":\"t_00000000000000000000000000000001\"}");
    refused(400, "invalid_request", "POST /admin/v1/refunds", "{\"transfer\":\"x\"}");
}

static void freezing_stops_and_unfreezing_starts(void **state)
{
    struct id a = new_wallet(&f, "a");
    struct wallet_caller caller;

    (void)state;
    ask(200, "POST /admin/v1/wallets/a/freeze", NULL);
    has("\"frozen\":true");
    assert_int_equal(wallet_caller(&caller, f.book, a), RC_FROZEN);
    ask(200, "POST /admin/v1/wallets/a/unfreeze", "{}");
    has("\"frozen\":false");
    assert_int_equal(wallet_caller(&caller, f.book, a), RC_OK);
}

static void limits_are_set_and_cleared(void **state)
{
    struct id a = new_wallet(&f, "a");

    (void)state;
    fund(&f, a, "9");
    ask(200, "PUT /admin/v1/wallets/a/limits/total", "{\"amount\":\"4\"}");
    assert_string_equal(member("balance"), "4.000000000");
    has("\"per\":\"total\",\"limit\":\"4.000000000\"");
    refused(400, "invalid_request", "PUT /admin/v1/wallets/a/limits/total", "{}");
    refused(400, "invalid_request", "PUT /admin/v1/wallets/a/limits/year",
            "{\"amount\":\"4\"}");
    ask(200, "DELETE /admin/v1/wallets/a/limits/total", NULL);
    has("\"limits\":[]");
    assert_string_equal(member("balance"), "9.000000000");
}

/* ---- Keys ---- */

static void a_key_is_told_once(void **state)
{
    struct wallet_caller caller;
    char text[WALLET_KEY_TEXT_LEN + 1];

    (void)state;
    (void)new_wallet(&f, "a");
    ask(201, "POST /admin/v1/keys",
        "{\"wallet\":\"a\",\"name\":\"n\",\"models\":\"gpt-*\"}");
    (void)snprintf(text, sizeof(text), "%s", member("key"));
    assert_int_equal(wallet_authenticate(&caller, f.book, slice_str(text)), RC_OK);
    assert_true(wallet_model_allowed(&caller, SLICE("gpt-1")));
    assert_false(wallet_model_allowed(&caller, SLICE("other")));
    ask(200, "GET /admin/v1/keys", NULL);
    assert_int_equal(items(), 1);
    has("\"models\":\"gpt-*\"");
    has_not(text + 18);
    refused(404, "not_found", line_of("GET /admin/v1/keys/$", text), NULL);
    has_not(text + 18);
}

static void a_keys_limits_bind(void **state)
{
    struct id a = new_wallet(&f, "a");
    struct wallet_balance balance;
    struct wallet_caller caller;

    (void)state;
    fund(&f, a, "9");
    ask(201, "POST /admin/v1/keys",
        "{\"wallet\":\"a\",\"limit_per_call\":\"1\",\"limit_per_hour\":\"2\","
        "\"limit_per_day\":\"3\",\"limit_per_month\":\"4\",\"limit_total\":\"5\"}");
    assert_int_equal(wallet_authenticate(&caller, f.book, slice_str(member("key"))),
                     RC_OK);
    assert_true(caller.has_per_call);
    assert_usd(caller.per_call, "1");
    assert_int_equal(caller.bound_count, 4);
    assert_int_equal(wallet_caller_balance(&balance, f.book, &caller), RC_OK);
    assert_usd(balance.balance, "2");
    refused(400, "invalid_request", "POST /admin/v1/keys",
            "{\"wallet\":\"a\",\"limit_per_day\":\"much\"}");
    refused(400, "invalid_request", "POST /admin/v1/keys",
            "{\"wallet\":\"a\",\"limit_per_dya\":\"1\"}");
}

static void a_keys_limit_changes_later(void **state)
{
    struct id a = new_wallet(&f, "a");
    struct key_text k = new_key(&f, a);
    struct wallet_caller caller;

    (void)state;
    ask(200, line_of("PUT /admin/v1/keys/$/limits/call", k.id), "{\"amount\":\"1\"}");
    has("\"limits\":[{\"scope\":\"key\",");
    has("\"per\":\"call\",\"limit\":\"1.000000000\"");
    assert_int_equal(wallet_authenticate(&caller, f.book, slice_str(k.text)), RC_OK);
    assert_true(caller.has_per_call);
    ask(200, "GET /admin/v1/keys", NULL);
    has("\"per\":\"call\",\"limit\":\"1.000000000\"");
    ask(200, line_of("DELETE /admin/v1/keys/$/limits/call", k.id), NULL);
    has("\"limits\":[]");
    assert_int_equal(wallet_authenticate(&caller, f.book, slice_str(k.text)), RC_OK);
    assert_false(caller.has_per_call);
}

static void a_key_may_end(void **state)
{
    struct wallet_caller caller;
    char text[WALLET_KEY_TEXT_LEN + 1];

    (void)state;
    clock_at("2030-01-01T00:00:00Z");
    (void)new_wallet(&f, "a");
    refused(400, "invalid_request", "POST /admin/v1/keys",
            "{\"wallet\":\"a\",\"expires_at\":\"2030-01-01T00:00:00Z\"}");
    refused(400, "invalid_request", "POST /admin/v1/keys",
            "{\"wallet\":\"a\",\"expires_at\":\"tomorrow\"}");
    ask(201, "POST /admin/v1/keys",
        "{\"wallet\":\"a\",\"expires_at\":\"2030-01-02T00:00:00Z\"}");
    (void)snprintf(text, sizeof(text), "%s", member("key"));
    assert_int_equal(wallet_authenticate(&caller, f.book, slice_str(text)), RC_OK);
    clock_at("2030-01-02T00:00:00Z");
    assert_int_equal(wallet_authenticate(&caller, f.book, slice_str(text)), RC_BAD_KEY);
}

static void a_rotated_key_is_another(void **state)
{
    struct key_text k = new_key(&f, new_wallet(&f, "a"));
    struct wallet_caller caller;

    (void)state;
    ask(200, line_of("POST /admin/v1/keys/$/rotate", k.id), NULL);
    assert_int_equal(wallet_authenticate(&caller, f.book, slice_str(member("key"))),
                     RC_OK);
    assert_int_equal(wallet_authenticate(&caller, f.book, slice_str(k.text)),
                     RC_BAD_KEY);
}

static void a_revoked_key_stays_revoked(void **state)
{
    struct key_text k = new_key(&f, new_wallet(&f, "a"));
    struct wallet_caller caller;

    (void)state;
    ask(200, line_of("POST /admin/v1/keys/$/revoke", k.id), NULL);
    has("\"revoked\":true");
    assert_int_equal(wallet_authenticate(&caller, f.book, slice_str(k.text)),
                     RC_BAD_KEY);
    ask(200, line_of("POST /admin/v1/keys/$/revoke", k.id), NULL);
    refused(409, "gone", line_of("POST /admin/v1/keys/$/rotate", k.id), NULL);
}

static void keys_are_listed_by_wallet_and_in_pages(void **state)
{
    struct id a = new_wallet(&f, "a");
    struct id b = new_wallet(&f, "b");
    char after[64];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        (void)new_key(&f, a);
        (void)new_key(&f, b);
    }
    ask(200, "GET /admin/v1/keys?wallet=a", NULL);
    assert_int_equal(items(), 3);
    ask(200, "GET /admin/v1/keys?wallet=b&limit=2", NULL);
    assert_int_equal(items(), 2);
    (void)snprintf(after, sizeof(after), "%s", member("next"));
    ask(200, line_of("GET /admin/v1/keys?wallet=b&after=$", after), NULL);
    assert_int_equal(items(), 1);
    refused(404, "not_found", "GET /admin/v1/keys?wallet=c", NULL);
    refused(400, "invalid_request", "GET /admin/v1/keys?after=longer-than-any-id",
            NULL);
}

/* ---- Reports ---- */

static void a_statement_has_what_moved(void **state)
{
    struct id a = new_wallet(&f, "a");
    char after[64];

    (void)state;
    clock_at("2030-01-01T00:00:00Z");
    fund(&f, a, "9");
    clock_at("2030-01-02T00:00:00Z");
    pay(&f, a, "2", "1.5");
    pay(&f, a, "2", "1");
    ask(200, "GET /admin/v1/wallets/a/statement", NULL);
    assert_int_equal(items(), 3);
    has("\"direction\":\"in\"");
    has("\"amount\":\"1.500000000\",\"direction\":\"out\",\"balance\":\"7.500000000\"");
    ask(200, "GET /admin/v1/wallets/a/statement?limit=1", NULL);
    assert_int_equal(items(), 1);
    (void)snprintf(after, sizeof(after), "%s", member("next"));
    ask(200, line_of("GET /admin/v1/wallets/a/statement?after=$", after), NULL);
    assert_int_equal(items(), 2);
    ask(200, "GET /admin/v1/wallets/a/statement?since=2030-01-02T00:00:00Z", NULL);
    assert_int_equal(items(), 2);
    ask(200, "GET /admin/v1/wallets/a/statement?until=2030-01-02T00%3A00%3A00Z", NULL);
    assert_int_equal(items(), 1);
    refused(400, "invalid_request", "GET /admin/v1/wallets/a/statement?since=monday",
            NULL);
}

static void usage_adds_up(void **state)
{
    struct id a = new_wallet(&f, "a");
    struct id b = new_child(&f, "b", a);

    (void)state;
    clock_at("2030-01-01T23:59:59Z");
    fund(&f, a, "9");
    pay(&f, a, "2", "0.5");
    clock_at("2030-01-02T00:00:00Z");
    pay(&f, b, "2", "1");
    pay(&f, b, "2", "2");
    ask(200, "GET /admin/v1/usage", NULL);
    assert_int_equal(items(), 3); /* calls only */
    ask(200, "GET /admin/v1/usage?by=wallet", NULL);
    assert_int_equal(items(), 2);
    has("{\"items\":[{\"wallet\":\"b\",\"calls\":2,\"amount\":\"3.000000000\"");
    has("{\"wallet\":\"a\",\"calls\":1,\"amount\":\"0.500000000\"");
    ask(200, "GET /admin/v1/usage?by=day", NULL);
    has("{\"items\":[{\"day\":\"2030-01-01\",\"calls\":1,");
    has("{\"day\":\"2030-01-02\",\"calls\":2,\"amount\":\"3.000000000\"");
    ask(200, "GET /admin/v1/usage?by=day&since=2030-01-02T00:00:00Z", NULL);
    assert_int_equal(items(), 1);
    ask(200, "GET /admin/v1/usage?by=skill", NULL);
    assert_int_equal(items(), 0);
    refused(400, "invalid_request", "GET /admin/v1/usage?by=", NULL);
}

/* ---- The book ---- */

static void the_book_is_proved_and_exported(void **state)
{
    struct ledger_report report;
    FILE *file;

    (void)state;
    fund(&f, new_wallet(&f, "a"), "9");
    ask(200, "POST /admin/v1/ledger/verify", NULL);
    has("{\"ok\":true,\"records\":2,\"head\":\"");
    has("\"faults\":[]}");
    ask(200, "GET /admin/v1/ledger/stats", NULL);
    has("\"house\":{\"topups\":\"9.000000000\",\"revenue\":\"0.000000000\"");
    has("\"receivable\":\"0.000000000\",\"chain\":\"0.000000000\","
        "\"bad_debt\":\"0.000000000\",\"spent\":\"0.000000000\"}");
    ask(200, "GET /admin/v1/ledger/export", NULL);
    file = fdopen(reply.file_fd, "r");
    assert_non_null(file);
    assert_int_equal(ledger_audit(file, &report), RC_OK);
    assert_true(report.ok);
    assert_int_equal(report.entries, 2);
    (void)fclose(file);
    reply.file_fd = -1;
}

static void a_backup_goes_to_an_absolute_path(void **state)
{
    (void)state;
    refused(400, "invalid_request", "POST /admin/v1/ledger/backup", "{\"dest\":\"x\"}");
    refused(400, "invalid_request", "POST /admin/v1/ledger/backup", "{\"dest\":\"\"}");
    refused(400, "invalid_request", "POST /admin/v1/ledger/backup", NULL);
    refused(409, "already_exists", "POST /admin/v1/ledger/backup",
            "{\"dest\":\"/tmp\"}");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_there_is_404_and_other_methods_405),
        TEST(bodies_are_strict),
        TEST(an_escaped_member_is_the_same_member),
        TEST(without_configuration_there_is_none_to_show),
        TEST(wallets_are_made_found_and_named_once),
        TEST(a_name_may_hold_a_slash),
        TEST(wallets_nest_to_a_depth),
        TEST(lists_come_in_pages),
        TEST(topups_are_booked_once_per_ref),
        TEST(amounts_are_texts_of_money),
        TEST(a_balance_that_would_wrap_is_refused),
        TEST(a_child_is_not_topped_up_and_its_root_named),
        TEST(refunds_go_back_and_not_further),
        TEST(freezing_stops_and_unfreezing_starts),
        TEST(limits_are_set_and_cleared),
        TEST(a_key_is_told_once),
        TEST(a_keys_limits_bind),
        TEST(a_keys_limit_changes_later),
        TEST(a_key_may_end),
        TEST(a_rotated_key_is_another),
        TEST(a_revoked_key_stays_revoked),
        TEST(keys_are_listed_by_wallet_and_in_pages),
        TEST(a_statement_has_what_moved),
        TEST(usage_adds_up),
        TEST(the_book_is_proved_and_exported),
        TEST(a_backup_goes_to_an_absolute_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

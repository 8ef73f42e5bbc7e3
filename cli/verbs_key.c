/* SPDX-License-Identifier: Apache-2.0 */
/* octroi key ..: making, listing, ending keys. A secret is printed once, alone on
 * stdout, so that a script can catch it. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "cli/client.h"
#include "cli/format.h"

#include <stdio.h>
#include <string.h>

#define KEYS "/admin/v1/keys"

/* ---- Create and rotate ---- */

/* Out of the raw answer: a copy that json-c makes could not be wiped. */
static void print_secret(struct slice body)
{
    struct slice raw;

    if (json_raw_member(&raw, body, "key") != JSON_STRING || raw.len < 2)
        return;
    (void)fwrite(raw.bytes + 1, 1, raw.len - 2, stdout);
    (void)fputc('\n', stdout);
    if (json_raw_member(&raw, body, "id") == JSON_STRING)
        (void)fprintf(stderr,
                      "This is key %.*s. It is shown this once and stored "
                      "nowhere: keep it.\n",
                      SLICE_FMT(slice_sub(raw, 1, raw.len - 2)));
}

static int ask_secret(const struct cli *c, struct client_request *q)
{
    struct client *client;
    struct buf answer;
    int code = client_open(&client, c);

    if (code == CLI_OK) {
        code = client_call(&answer, client, q);
        client_close(client);
        if (code == CLI_OK && c->json) {
            struct slice body = buf_slice(&answer);

            (void)fwrite(body.bytes, 1, body.len, stdout);
            (void)fputc('\n', stdout);
        } else if (code == CLI_OK) {
            print_secret(buf_slice(&answer));
        }
        buf_wipe(&answer);
    }
    client_request_end(q);
    return code;
}

/* "30d", "12h", "15m", "90s" as microseconds. */
static enum rc parse_duration(uint64_t *us, struct slice text)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

    uint64_t count;

    if (text.len < 2)
        return RC_BAD_INPUT;
    TRY(slice_to_u64(&count, slice_sub(text, 0, text.len - 1)));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (text.bytes[text.len - 1] == units[i].unit)
            return __builtin_mul_overflow(count, units[i].seconds * 1000000, us)
                       ? RC_BAD_INPUT
                       : RC_OK;
    return RC_BAD_INPUT;
}

static enum rc parse_expiry(char out[CLOCK_TEXT_SIZE], struct slice text)
{
    uint64_t us;

    if (parse_duration(&us, text) == RC_OK) {
        if (__builtin_add_overflow(us, clock_wall_us(), &us))
            return RC_BAD_INPUT;
    } else {
        TRY(clock_parse(&us, text));
    }
    clock_print(out, us);
    return RC_OK;
}

static int add_limits(struct client_request *q, const struct cli *c)
{
    static const char *const limits[][2] = {
        {"--limit-per-call", "limit_per_call"},
        {"--limit-per-hour", "limit_per_hour"},
        {"--limit-per-day", "limit_per_day"},
        {"--limit-per-month", "limit_per_month"},
        {"--limit-total", "limit_total"},
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const char *text = cli_value(c, limits[i][0]);
        struct money amount;
        int code = text != NULL ? cli_amount(&amount, c, text) : CLI_OK;

        if (code != CLI_OK)
            return code;
        if (text != NULL)
            client_request_money(q, limits[i][1], amount);
    }
    return CLI_OK;
}

int verb_key_create(const struct cli *c)
{
    const char *expires = cli_value(c, "--expires");
    char time[CLOCK_TEXT_SIZE];
    struct client_request q;
    int code;

    if (expires != NULL && parse_expiry(time, slice_str(expires)) != RC_OK)
        return cli_usage(
            c, "--expires takes a time like 2030-01-31T00:00:00Z or a duration "
               "like 30d, 12h, 15m, 90s");
    client_request_start(&q, "POST", KEYS);
    client_request_text(&q, "wallet", c->words[0]);
    client_request_text(&q, "name", cli_value(c, "--name"));
    client_request_text(&q, "models", cli_value(c, "--models"));
    client_request_text(&q, "expires_at", expires != NULL ? time : NULL);
    code = add_limits(&q, c);
    if (code != CLI_OK) {
        client_request_end(&q);
        return code;
    }
    return ask_secret(c, &q);
}

int verb_key_rotate(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "POST", KEYS);
    client_request_segment(&q, c->words[0]);
    client_request_segment(&q, "rotate");
    return ask_secret(c, &q);
}

/* ---- List, revoke, limit ---- */

static const struct table_column key_columns[] = {
    {"KEY", false},     {"WALLET", false}, {"NAME", false},
    {"MODELS", false},  {"STATE", false},  {"CREATED", false},
    {"EXPIRES", false}, {"LIMITS", false}, {NULL, false},
};

static void key_row(struct table *t, struct json_object *item)
{
    bool revoked = false;
    struct slice state;

    if (json_get_bool(&revoked, item, "revoked") != RC_OK)
        state = SLICE("-");
    else
        state = revoked ? SLICE("revoked") : SLICE("live");
    cell_text(t, item, "id");
    cell_text(t, item, "wallet");
    cell_text(t, item, "name");
    cell_text(t, item, "models");
    table_cell(t, state);
    cell_time(t, item, "created_at");
    cell_time(t, item, "expires_at");
    cell_limits(t, item);
}

int verb_key_list(const struct cli *c)
{
    const char *wallet = cli_value(c, "--wallet");
    struct client_request q;

    client_request_start(&q, "GET", KEYS);
    if (wallet != NULL)
        client_request_query(&q, "wallet", wallet);
    return client_list(c, &q, key_columns, key_row);
}

static void print_key(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];

    (void)c;
    print_field("key", format_text(text, answer, "id"));
    print_field("wallet", format_text(text, answer, "wallet"));
    print_field("name", format_text(text, answer, "name"));
    print_field("models", format_text(text, answer, "models"));
    print_field("revoked", format_bool(text, answer, "revoked"));
    print_field("expires", format_time(text, answer, "expires_at"));
    print_limits(answer);
}

int verb_key_revoke(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "POST", KEYS);
    client_request_segment(&q, c->words[0]);
    client_request_segment(&q, "revoke");
    return client_ask(c, &q, print_key);
}

int verb_key_limit(const struct cli *c)
{
    return client_limit(c, KEYS, print_key);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* octroi price ..: what calls cost and whose word that is, the operator's own prices,
 * and what another catalogue would change. */
#include "cli/verbs.h"

#include "base/clock.h"
#include "cli/client.h"
#include "cli/format.h"
#include "cli/load.h"
#include "gateway/gateway.h"

#include <stdio.h>
#include <string.h>

#define PRICES "/admin/v1/prices"

enum {
    PRICE_TEXT_MAX = 64 * 1024,
    DIFF_MAX = 64 << 20,
    FAULTS_MAX = 65536,
    WHERE_SIZE = 64
};

/* ---- List ---- */

static const struct table_column price_columns[] = {
    {"KIND", false},   {"NAME", false},        {"ENDPOINT", false},
    {"INPUT", true},   {"CACHED INPUT", true}, {"CACHE WRITE", true},
    {"OUTPUT", true},  {"CALL", true},         {"UNIT", false},
    {"SOURCE", false}, {"FROM", false},        {"VERSION", false},
    {NULL, false},
};

static void price_row(struct table *t, struct json_object *item)
{
    char method[FORMAT_SIZE], path[FORMAT_SIZE];
    char endpoint[2 * FORMAT_SIZE + 2];
    struct slice unused;

    cell_text(t, item, "kind");
    cell_text(t, item, "name");
    if (json_get_string(&unused, item, "path") == RC_OK)
        (void)snprintf(endpoint, sizeof(endpoint), "%s %s",
                       format_text(method, item, "method"),
                       format_text(path, item, "path"));
    else
        (void)snprintf(endpoint, sizeof(endpoint), "-");
    table_cell(t, slice_str(endpoint));
    cell_money(t, item, "input");
    cell_money(t, item, "cached_input");
    cell_money(t, item, "cache_write");
    cell_money(t, item, "output");
    cell_money(t, item, "price");
    cell_text(t, item, "unit");
    cell_text(t, item, "source");
    cell_time(t, item, "from");
    cell_text(t, item, "version");
}

int verb_price_list(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "GET", PRICES);
    q.whole = true;
    return client_list(c, &q, price_columns, price_row);
}

/* ---- Set ---- */

/* The options that are rates and fees: "--cached-input" is the member cached_input. */
static const char *const rate_options[] = {
    "--input",        "--cached-input", "--cache-write", "--cache-write-1h",
    "--audio-input",  "--image-input",  "--output",      "--reasoning-output",
    "--audio-output", "--image-output", "--web-search",  "--request",
};

enum {
    RATE_OPTION_COUNT = sizeof(rate_options) / sizeof(rate_options[0]),
    MEMBER_SIZE = 32
};

static void member_of(char out[MEMBER_SIZE], const char *option)
{
    (void)snprintf(out, MEMBER_SIZE, "%s", option + 2);
    for (char *dash = out; *dash != '\0'; dash++)
        if (*dash == '-')
            *dash = '_';
}

static size_t count_rates(const struct cli *c)
{
    size_t count = 0;

    for (size_t i = 0; i < RATE_OPTION_COUNT; i++)
        if (cli_value(c, rate_options[i]) != NULL)
            count++;
    return count;
}

static int put_rates(struct buf *b, const struct cli *c)
{
    struct json_out o;

    json_out_init(&o, b);
    json_out_object(&o);
    for (size_t i = 0; i < RATE_OPTION_COUNT; i++) {
        const char *value = cli_value(c, rate_options[i]);
        char member[MEMBER_SIZE];
        struct money amount;

        if (value == NULL)
            continue;
        if (cli_amount(&amount, c, value) != CLI_OK)
            return CLI_USAGE;
        member_of(member, rate_options[i]);
        json_out_kmoney(&o, member, amount);
    }
    json_out_end_object(&o);
    return CLI_OK;
}

/* {"input":..}, of the options or as it was given whole. */
static int put_price(struct buf *b, const struct cli *c)
{
    const char *whole = cli_value(c, "--price");
    struct json_object *tree;

    if (whole == NULL &&
        (cli_value(c, "--input") == NULL || cli_value(c, "--output") == NULL))
        return cli_usage(c, "say --input and --output, --price, or --clear");
    if (whole == NULL)
        return put_rates(b, c);
    if (count_rates(c) > 0)
        return cli_usage(c, "give either --price or single rates");
    if (whole[0] != '{' || json_parse(&tree, slice_str(whole)) != RC_OK)
        return cli_usage(c, "--price must be a JSON object such as "
                            "'{\"input\":\"1.25\",\"output\":\"10\"}'");
    json_put(tree);
    buf_append_str(b, whole);
    return CLI_OK;
}

static void print_price(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];

    (void)c;
    print_field("model", format_text(text, answer, "name"));
    print_field("source", format_text(text, answer, "source"));
    print_field("input", format_money(text, answer, "input"));
    print_field("output", format_money(text, answer, "output"));
    print_field("version", format_text(text, answer, "version"));
}

static int clear_price(const struct cli *c)
{
    struct client_request q;

    if (count_rates(c) > 0 || cli_value(c, "--price") != NULL ||
        cli_value(c, "--from") != NULL)
        return cli_usage(c, "--clear drops all that was set: give nothing with it");
    client_request_start(&q, "DELETE", PRICES);
    client_request_query(&q, "model", c->words[0]);
    return client_ask(c, &q, print_price);
}

int verb_price_set(const struct cli *c)
{
    const char *from = cli_value(c, "--from");
    struct client_request q;
    struct buf price;
    uint64_t unused;
    int code;

    if (cli_value(c, "--clear") != NULL)
        return clear_price(c);
    if (from != NULL && clock_parse(&unused, slice_str(from)) != RC_OK)
        return cli_usage(c, "--from must be a time such as 2030-01-01T00:00:00Z");
    buf_init(&price, PRICE_TEXT_MAX);
    code = put_price(&price, c);
    if (code == CLI_OK) {
        client_request_start(&q, "PUT", PRICES);
        client_request_text(&q, "model", c->words[0]);
        client_request_text(&q, "from", from);
        json_out_key(&q.json, "price");
        json_out_raw(&q.json, buf_slice(&price));
        code = client_ask(c, &q, print_price);
    }
    buf_free(&price);
    return code;
}

/* ---- Diff ---- */

static const struct table_column diff_columns[] = {
    {"PROVIDER", false}, {"MODEL", false}, {"CHANGE", false}, {"RATE", false},
    {"OLD", true},       {"NEW", true},    {NULL, false},
};

/* "cached_input, priority, above 272000" */
static void where_cell(struct table *t, struct json_object *item)
{
    char rate[FORMAT_SIZE], tier[FORMAT_SIZE];
    char text[2 * FORMAT_SIZE + WHERE_SIZE];
    char more[WHERE_SIZE] = "";
    uint64_t above = 0;

    if (json_get_u64(&above, item, "above_tokens") == RC_OK && above > 0)
        (void)snprintf(more, sizeof(more), ", above %llu", (unsigned long long)above);
    (void)format_text(rate, item, "rate");
    (void)format_text(tier, item, "tier");
    if (strcmp(tier, "standard") == 0 || strcmp(tier, "-") == 0)
        (void)snprintf(text, sizeof(text), "%s%s", rate, more);
    else
        (void)snprintf(text, sizeof(text), "%s, %s%s", rate, tier, more);
    table_cell(t, slice_str(text));
}

static void diff_row(struct table *t, struct json_object *item)
{
    cell_text(t, item, "provider");
    cell_text(t, item, "model");
    cell_text(t, item, "change");
    where_cell(t, item);
    cell_money(t, item, "old");
    cell_money(t, item, "new");
}

static int print_diff(const struct cli *c, struct slice json)
{
    struct json_object *tree, *items;
    struct table t;
    enum rc rc;

    if (c->json) {
        (void)fwrite(json.bytes, 1, json.len, stdout);
        (void)fputc('\n', stdout);
        return CLI_OK;
    }
    rc = json_parse(&tree, json);
    if (rc == RC_OK) {
        rc = json_get_array(&items, tree, "items");
        if (rc == RC_OK)
            rc = table_start(&t, diff_columns);
        for (size_t i = 0; rc == RC_OK && i < json_array_count(items); i++)
            diff_row(&t, json_array_at(items, i));
        if (rc == RC_OK)
            rc = table_end(&t);
        json_put(tree);
    }
    return rc == RC_OK ? CLI_OK
                       : cli_fail(c, rc, "too much to show as a table: use --json");
}

static int compare(const struct cli *c, const struct config *config, uint64_t wall_us)
{
    struct buf json, faults;
    int code;
    enum rc rc;

    buf_init(&json, DIFF_MAX);
    buf_init(&faults, FAULTS_MAX);
    rc = config_price_diff(&json, config, c->words[0], wall_us, &faults);
    if (rc == RC_OK)
        code = print_diff(c, buf_slice(&json));
    else if (rc == RC_BAD_INPUT)
        code = cli_fail(c, rc, "the file is not valid:\n%.*s",
                        SLICE_FMT(slice_trim(buf_slice(&faults))));
    else
        code = cli_fail(c, rc, "cannot read %s: %s", c->words[0], rc_reason(rc));
    buf_free(&json);
    buf_free(&faults);
    return code;
}

int verb_price_diff(const struct cli *c)
{
    const char *at = cli_value(c, "--at");
    uint64_t wall_us = clock_wall_us();
    const struct config *config;
    int code;

    if (at != NULL && clock_parse(&wall_us, slice_str(at)) != RC_OK)
        return cli_usage(c, "--at must be a time such as 2030-01-01T00:00:00Z");
    code = cli_load_config(&config, c, false);
    if (code != CLI_OK)
        return code;
    code = compare(c, config, wall_us);
    config_unref(config);
    return code;
}

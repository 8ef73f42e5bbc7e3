/* SPDX-License-Identifier: Apache-2.0 */
/* octroi publisher earnings, payouts, pay, clawback: the money of the publishers. */
#include "cli/verbs.h"

#include "cli/client.h"
#include "cli/format.h"

#include <stdio.h>
#include <string.h>

#define PUBLISHERS "/admin/v1/publishers"

static void start_at(struct client_request *q, const char *method, const char *name,
                     const char *behind)
{
    client_request_start(q, method, PUBLISHERS);
    client_request_segment(q, name);
    client_request_segment(q, behind);
}

/* ---- Earnings ---- */

static const char *const use_members[] = {
    "seq",   "time",    "kind",      "request_id", "transfer",
    "skill", "version", "reference", "direction",  "price",
    "share", "status",  "late",      "self",       NULL,
};

static const char *const sum_members[][8] = {
    {"day", "uses", "price", "share", "refunds", "refunded_price", "refunded_share"},
    {"skill", "uses", "price", "share", "refunds", "refunded_price", "refunded_share"},
    {"version", "uses", "price", "share", "refunds", "refunded_price",
     "refunded_share"},
};

static const struct table_column use_columns[] = {
    {"TIME", false}, {"KIND", false}, {"SKILL", false},   {"VERSION", false},
    {"PRICE", true}, {"SHARE", true}, {"REQUEST", false}, {NULL, false},
};

/* What goes away from the publisher has a minus. */
static void directed_cell(struct table *t, struct json_object *item, const char *name)
{
    char amount[FORMAT_SIZE], text[FORMAT_SIZE + 1];
    struct slice direction;
    bool out = json_get_string(&direction, item, "direction") == RC_OK &&
               slice_equal(direction, SLICE("out"));

    (void)snprintf(text, sizeof(text), "%s%s", out ? "-" : "",
                   format_money(amount, item, name));
    table_cell(t, slice_str(text));
}

static void use_row(struct table *t, struct json_object *item)
{
    cell_time(t, item, "time");
    cell_text(t, item, "kind");
    cell_text(t, item, "skill");
    cell_text(t, item, "version");
    directed_cell(t, item, "price");
    directed_cell(t, item, "share");
    cell_text(t, item, "request_id");
}

static void use_csv(struct table *t, struct json_object *item)
{
    (void)t; /* stays empty */
    print_csv_row(use_members, item);
}

static const struct table_column sum_columns[] = {
    {"OF", false},     {"USES", true},     {"PRICE", true}, {"SHARE", true},
    {"REFUNDS", true}, {"REFUNDED", true}, {"TAKEN", true}, {NULL, false},
};

static size_t group_of(struct json_object *item)
{
    struct slice unused;

    for (size_t i = 0; i < 2; i++)
        if (json_get_string(&unused, item, sum_members[i][0]) == RC_OK)
            return i;
    return 2;
}

static void sum_row(struct table *t, struct json_object *item)
{
    const char *const *members = sum_members[group_of(item)];

    cell_text(t, item, members[0]);
    cell_u64(t, item, "uses");
    cell_money(t, item, "price");
    cell_money(t, item, "share");
    cell_u64(t, item, "refunds");
    cell_money(t, item, "refunded_price");
    cell_money(t, item, "refunded_share");
}

static void sum_csv(struct table *t, struct json_object *item)
{
    (void)t;
    print_csv_row(sum_members[group_of(item)], item);
}

static const char *const *titles_of(const char *by)
{
    if (by == NULL)
        return use_members;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(by, sum_members[i][0]) == 0)
            return sum_members[i];
    return NULL;
}

int verb_publisher_earnings(const struct cli *c)
{
    const char *by = cli_value(c, "--by");
    const bool csv = cli_value(c, "--csv") != NULL;
    struct client_request q;

    if (csv && c->json)
        return cli_usage(c, "give either --csv or --json");
    if (titles_of(by) == NULL)
        return cli_usage(c, "earnings go by day, skill or version");
    start_at(&q, "GET", c->words[0], "usage");
    if (cli_value(c, "--since") != NULL)
        client_request_query(&q, "since", cli_value(c, "--since"));
    if (cli_value(c, "--until") != NULL)
        client_request_query(&q, "until", cli_value(c, "--until"));
    if (by != NULL) {
        client_request_query(&q, "by", by);
        q.whole = true;
        q.slow = true; /* reads every use of the time */
    }
    if (csv)
        print_csv_titles(titles_of(by));
    if (by != NULL)
        return client_list(c, &q, sum_columns, csv ? sum_csv : sum_row);
    return client_list(c, &q, use_columns, csv ? use_csv : use_row);
}

/* ---- Payouts ---- */

static const struct table_column payout_columns[] = {
    {"PAYOUT", false},  {"PUBLISHER", false}, {"AMOUNT", true},     {"STATE", false},
    {"CREATED", false}, {"NETWORK", false},   {"REFERENCE", false}, {NULL, false},
};

static void payout_row(struct table *t, struct json_object *item)
{
    cell_text(t, item, "id");
    cell_text(t, item, "publisher");
    cell_money(t, item, "amount");
    cell_text(t, item, "state");
    cell_time(t, item, "created_at");
    cell_text(t, item, "network");
    cell_text(t, item, "reference");
}

/* Beside the list, which may be data for another program. */
static int tell_due(struct client *client, const char *name)
{
    char due[FORMAT_SIZE], ready[FORMAT_SIZE], waiting[FORMAT_SIZE];
    struct client_request q;
    struct json_object *json;
    struct buf answer;
    int code;

    start_at(&q, "GET", name, "earnings");
    code = client_call(&answer, client, &q);
    if (code == CLI_OK && json_parse(&json, buf_slice(&answer)) == RC_OK) {
        (void)fprintf(
            stderr, "due %s, ready %s, waiting %s\n", format_money(due, json, "due"),
            format_money(ready, json, "ready"), format_money(waiting, json, "waiting"));
        json_put(json);
    }
    buf_free(&answer);
    client_request_end(&q);
    return code;
}

int verb_publisher_payouts(const struct cli *c)
{
    struct client_request q;
    struct client *client;
    int code = client_open(&client, c);

    if (code != CLI_OK)
        return code;
    client_request_start(&q, "GET", "/admin/v1/payouts");
    if (c->word_count == 1) {
        client_request_query(&q, "publisher", c->words[0]);
        code = tell_due(client, c->words[0]);
    }
    if (code == CLI_OK)
        code = client_list_from(client, &q, payout_columns, payout_row);
    client_request_end(&q);
    client_close(client);
    return code;
}

static void print_payout(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];

    (void)c;
    print_field("payout", format_text(text, answer, "id"));
    print_field("publisher", format_text(text, answer, "publisher"));
    print_field("amount", format_money(text, answer, "amount"));
    print_field("state", format_text(text, answer, "state"));
    print_field("network", format_text(text, answer, "network"));
    print_field("address", format_text(text, answer, "address"));
    print_field("reference", format_text(text, answer, "reference"));
    print_field("reason", format_text(text, answer, "reason"));
}

int verb_publisher_pay(const struct cli *c)
{
    const char *amount_text = cli_value(c, "--amount");
    struct client_request q;
    struct money amount;
    int code = CLI_OK;

    if (amount_text != NULL)
        code = cli_amount(&amount, c, amount_text);
    if (code != CLI_OK)
        return code;
    start_at(&q, "POST", c->words[0], "payouts");
    client_request_text(&q, "reference", cli_value(c, "--ref"));
    if (amount_text != NULL)
        client_request_money(&q, "amount", amount);
    return client_ask(c, &q, print_payout);
}

/* One that a crash left open, or that a daemon has not sent. */
int verb_publisher_payout(const struct cli *c)
{
    const char *reference = cli_value(c, "--ref");
    const bool failed = cli_value(c, "--failed") != NULL;
    const bool ends = failed || reference != NULL;
    struct client_request q;

    if (failed && reference != NULL)
        return cli_usage(c, "give either --ref or --failed");
    client_request_start(&q, ends ? "POST" : "GET", "/admin/v1/payouts");
    client_request_segment(&q, c->words[0]);
    if (ends)
        client_request_segment(&q, failed ? "failed" : "paid");
    if (reference != NULL)
        client_request_text(&q, "reference", reference);
    return client_ask(c, &q, print_payout);
}

/* ---- Clawback ---- */

static void print_clawback(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];

    (void)c;
    print_field("publisher", format_text(text, answer, "publisher"));
    print_field("uses", format_u64(text, answer, "uses"));
    print_field("returned", format_money(text, answer, "given_back"));
    print_field("to house", format_money(text, answer, "to_house"));
    print_field("left", format_money(text, answer, "left"));
}

int verb_publisher_clawback(const struct cli *c)
{
    struct client_request q;

    if (cli_value(c, "--since") == NULL)
        return cli_usage(c, "--since is missing: what was used before it stays paid");
    start_at(&q, "POST", c->words[0], "clawback");
    client_request_text(&q, "skill", cli_value(c, "--skill"));
    client_request_text(&q, "since", cli_value(c, "--since"));
    q.slow = true;
    return client_ask(c, &q, print_clawback);
}

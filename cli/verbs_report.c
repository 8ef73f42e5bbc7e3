/* SPDX-License-Identifier: Apache-2.0 */
/* What was sold: usage, statements. */
#include "cli/verbs.h"

#include "cli/client.h"
#include "cli/format.h"

#include <stdio.h>
#include <string.h>

/* ---- Rows ---- */

static void add_range(struct client_request *q, const struct cli *c)
{
    if (cli_value(c, "--since") != NULL)
        client_request_query(q, "since", cli_value(c, "--since"));
    if (cli_value(c, "--until") != NULL)
        client_request_query(q, "until", cli_value(c, "--until"));
}

static const struct table_column row_columns[] = {
    {"TIME", false},   {"KIND", false},    {"WALLET", false},
    {"KEY", false},    {"MODEL", false},   {"AMOUNT", true},
    {"BALANCE", true}, {"REQUEST", false}, {NULL, false},
};

/* A model, an API or a skill, whichever the row has; for a top-up its reference. */
static const char *subject_of(struct json_object *item)
{
    struct slice unused;

    if (json_get_string(&unused, item, "model") == RC_OK)
        return "model";
    if (json_get_string(&unused, item, "skill") == RC_OK)
        return "skill";
    return json_get_string(&unused, item, "api") == RC_OK ? "api" : "ref";
}

/* What the wallet got has a plus. */
static void signed_cell(struct table *t, struct json_object *item)
{
    char amount[FORMAT_SIZE];
    char text[FORMAT_SIZE + 1];
    struct slice direction;
    bool in = json_get_string(&direction, item, "direction") == RC_OK &&
              slice_equal(direction, SLICE("in"));

    (void)snprintf(text, sizeof(text), "%s%s", in ? "+" : "",
                   format_money(amount, item, "amount"));
    table_cell(t, slice_str(text));
}

static void row_row(struct table *t, struct json_object *item)
{
    cell_time(t, item, "time");
    cell_text(t, item, "kind");
    cell_text(t, item, "wallet");
    cell_text(t, item, "key");
    cell_text(t, item, subject_of(item));
    signed_cell(t, item);
    cell_money(t, item, "balance");
    cell_text(t, item, "request_id");
}

/* ---- Statement ---- */

static const char *const csv_members[] = {
    "request_id", "transfer",      "time",      "kind",   "wallet",  "key",
    "model",      "api",           "direction", "amount", "balance", "ref",
    "by_payment", "reported_cost", "skill",     NULL,
};

static void csv_row(struct table *t, struct json_object *item)
{
    (void)t; /* stays empty */
    print_csv_row(csv_members, item);
}

int verb_wallet_statement(const struct cli *c)
{
    bool csv = cli_value(c, "--csv") != NULL;
    struct client_request q;

    if (csv && c->json)
        return cli_usage(c, "give either --csv or --json");
    client_request_start(&q, "GET", "/admin/v1/wallets");
    client_request_segment(&q, c->words[0]);
    client_request_segment(&q, "statement");
    add_range(&q, c);
    if (csv)
        print_csv_titles(csv_members);
    return client_list(c, &q, row_columns, csv ? csv_row : row_row);
}

/* ---- Usage ---- */

static const struct table_column group_columns[] = {
    {"NAME", false},     {"CALLS", true},  {"PROMPT", true},    {"COMPLETION", true},
    {"SHORTFALL", true}, {"AMOUNT", true}, {"ON VENDOR", true}, {NULL, false},
};

/* What was charged above what the vendor says that it charges (below: a minus), of the
 * calls of which it said so. */
static void difference_cell(struct table *t, struct json_object *item)
{
    char text[1 + MONEY_TEXT_SIZE] = "+";
    struct money charged, reported, difference;
    uint64_t calls = 0;

    if (json_get_u64(&calls, item, "reported_calls") != RC_OK || calls == 0 ||
        json_get_money(&charged, item, "reported_amount") != RC_OK ||
        json_get_money(&reported, item, "reported_cost") != RC_OK) {
        table_cell(t, SLICE("-"));
        return;
    }
    if (!money_sub(&difference, charged, reported)) {
        difference = money_sub_floor(reported, charged);
        text[0] = '-';
    }
    money_print_short(text + 1, difference);
    table_cell(t, slice_str(text));
}

static void group_row(struct table *t, struct json_object *item)
{
    static const char *const names[] = {"key", "model",  "api",
                                        "day", "wallet", "skill"};
    struct slice name = SLICE("-");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct slice found;

        if (json_get_string(&found, item, names[i]) == RC_OK)
            name = found;
    }
    table_cell(t, name);
    cell_u64(t, item, "calls");
    cell_u64(t, item, "prompt_tokens");
    cell_u64(t, item, "completion_tokens");
    cell_money(t, item, "shortfall");
    cell_money(t, item, "amount");
    difference_cell(t, item);
}

int verb_usage(const struct cli *c)
{
    const char *by = cli_value(c, "--by");
    struct client_request q;

    client_request_start(&q, "GET", "/admin/v1/usage");
    add_range(&q, c);
    if (by != NULL) {
        client_request_query(&q, "by", by);
        q.whole = true;
        q.slow = true; /* reads every call of the time */
    }
    return client_list(c, &q, by != NULL ? group_columns : row_columns,
                       by != NULL ? group_row : row_row);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* octroi wallet ..: each is one call of the admin API. */
#include "cli/verbs.h"

#include "cli/client.h"
#include "cli/format.h"

#include <stdio.h>
#include <string.h>

#define WALLETS "/admin/v1/wallets"

static void start_at(struct client_request *q, const char *method, const char *wallet,
                     const char *behind)
{
    client_request_start(q, method, WALLETS);
    client_request_segment(q, wallet);
    if (behind != NULL)
        client_request_segment(q, behind);
}

/* ---- Create, list, show ---- */

static void print_created(const struct cli *c, struct json_object *answer)
{
    char id[FORMAT_SIZE];

    (void)printf("%s\n", format_text(id, answer, "id"));
    if (cli_value(c, "--parent") != NULL)
        (void)fputs("Its calls are paid by the root above it; limit it with\n"
                    "  octroi wallet limit ",
                    stderr);
    else
        (void)fputs("Put money in with\n  octroi wallet topup ", stderr);
    (void)fprintf(stderr, "%s %s\n", id,
                  cli_value(c, "--parent") != NULL ? "--per day --amount A" : "AMOUNT");
}

int verb_wallet_create(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "POST", WALLETS);
    client_request_text(&q, "name", c->words[0]);
    client_request_text(&q, "parent", cli_value(c, "--parent"));
    return client_ask(c, &q, print_created);
}

static const struct table_column wallet_columns[] = {
    {"WALLET", false}, {"ID", false},     {"BALANCE", true}, {"HELD", true},
    {"FROZEN", false}, {"PARENT", false}, {NULL, false},
};

static void wallet_row(struct table *t, struct json_object *item)
{
    cell_text(t, item, "name");
    cell_text(t, item, "id");
    cell_money(t, item, "balance");
    cell_money(t, item, "held");
    cell_bool(t, item, "frozen");
    cell_text(t, item, "parent");
}

int verb_wallet_list(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "GET", WALLETS);
    return client_list(c, &q, wallet_columns, wallet_row);
}

static void print_wallet(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];

    (void)c;
    print_field("wallet", format_text(text, answer, "name"));
    print_field("id", format_text(text, answer, "id"));
    print_field("parent", format_text(text, answer, "parent"));
    print_field("balance", format_money(text, answer, "balance"));
    print_field("held", format_money(text, answer, "held"));
    print_field("frozen", format_bool(text, answer, "frozen"));
    print_field("created", format_time(text, answer, "created_at"));
    print_limits(answer);
}

int verb_wallet_show(const struct cli *c)
{
    struct client_request q;

    start_at(&q, "GET", c->words[0], NULL);
    return client_ask(c, &q, print_wallet);
}

/* ---- Money ---- */

static void print_moved(const struct cli *c, struct json_object *answer)
{
    char text[FORMAT_SIZE];

    (void)c;
    print_field("transfer", format_text(text, answer, "transfer"));
    print_field("wallet", format_text(text, answer, "wallet"));
    print_field("amount", format_money(text, answer, "amount"));
    print_field("balance", format_money(text, answer, "balance"));
}

int verb_wallet_topup(const struct cli *c)
{
    struct client_request q;
    struct money amount;
    int code = cli_amount(&amount, c, c->words[1]);

    if (code != CLI_OK)
        return code;
    start_at(&q, "POST", c->words[0], "topup");
    client_request_money(&q, "amount", amount);
    client_request_text(&q, "ref", cli_value(c, "--ref"));
    code = client_ask(c, &q, print_moved);
    /* A child's top-up is refused whoever asks: it is not a matter of rights. */
    return code == CLI_NOT_AUTHORISED ? CLI_FAILURE : code;
}

int verb_wallet_refund(const struct cli *c)
{
    struct client_request q;
    struct money amount;
    int code = CLI_OK;

    if (c->word_count == 2)
        code = cli_amount(&amount, c, c->words[1]);
    if (code != CLI_OK)
        return code;
    client_request_start(&q, "POST", "/admin/v1/refunds");
    client_request_text(&q, "transfer", c->words[0]);
    if (c->word_count == 2)
        client_request_money(&q, "amount", amount);
    return client_ask(c, &q, print_moved);
}

/* ---- Freeze and limit ---- */

int verb_wallet_freeze(const struct cli *c)
{
    struct client_request q;

    start_at(&q, "POST", c->words[0], "freeze");
    return client_ask(c, &q, print_wallet);
}

int verb_wallet_unfreeze(const struct cli *c)
{
    struct client_request q;

    start_at(&q, "POST", c->words[0], "unfreeze");
    return client_ask(c, &q, print_wallet);
}

int verb_wallet_limit(const struct cli *c)
{
    return client_limit(c, WALLETS, print_wallet);
}

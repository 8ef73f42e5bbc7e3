/* SPDX-License-Identifier: Apache-2.0 */
/* The two shapes that most verbs have: one call whose answer is printed, and a list
 * that is fetched page by page. */
#include "cli/client.h"

#include <stdio.h>
#include <string.h>

enum {
    CURSOR_SIZE = 192
};

#define PAGE_ROWS "1000"

static void print_body(struct slice body)
{
    (void)fwrite(body.bytes, 1, body.len, stdout);
    (void)fputc('\n', stdout);
}

static int show_answer(const struct cli *c, struct slice body, client_print_fn *print)
{
    struct json_object *json;

    if (c->json) {
        print_body(body);
        return CLI_OK;
    }
    if (json_parse(&json, body) != RC_OK)
        return cli_fail(c, RC_INTERNAL, "the answer is not JSON");
    print(c, json);
    json_put(json);
    return CLI_OK;
}

int client_ask(const struct cli *c, struct client_request *q, client_print_fn *print)
{
    struct client *client;
    struct buf answer;
    int code = client_open(&client, c);

    if (code == CLI_OK) {
        code = client_call(&answer, client, q);
        client_close(client); /* others may have the folder while we print */
        if (code == CLI_OK)
            code = show_answer(c, buf_slice(&answer), print);
        buf_wipe(&answer);
    }
    client_request_end(q);
    return code;
}

int client_limit(const struct cli *c, const char *path, client_print_fn *print)
{
    const char *amount_text = cli_value(c, "--amount");
    const char *per = cli_value(c, "--per");
    bool clear = cli_value(c, "--clear") != NULL;
    struct client_request q;
    struct money amount;
    int code;

    if (per == NULL)
        return cli_usage(c, "--per is missing: call, hour, day, month or total");
    if (clear == (amount_text != NULL))
        return cli_usage(c, "give either --amount A or --clear");
    client_request_start(&q, clear ? "DELETE" : "PUT", path);
    client_request_segment(&q, c->words[0]);
    client_request_segment(&q, "limits");
    client_request_segment(&q, per);
    if (!clear) {
        code = cli_amount(&amount, c, amount_text);
        if (code != CLI_OK) {
            client_request_end(&q);
            return code;
        }
        client_request_money(&q, "amount", amount);
    }
    return client_ask(c, &q, print);
}

/* ---- Lists ---- */

struct listing {
    const struct cli *cli;
    struct client *client;
    client_row_fn *row;
    struct table table;
    bool begun; /* JSON: its first bytes are out, which an error must not follow */
    bool any;
    char next[CURSOR_SIZE]; /* "": that was the last page */
};

static void print_items_raw(struct listing *l, struct slice body)
{
    struct slice items, item;
    size_t at = 0;

    if (json_raw_member(&items, body, "items") != JSON_ARRAY)
        return;
    if (!l->begun)
        (void)fputs("{\"items\":[", stdout);
    l->begun = true;
    while (json_raw_element(&item, items, &at) != JSON_ABSENT) {
        (void)fputs(l->any ? ",\n" : "\n", stdout);
        (void)fwrite(item.bytes, 1, item.len, stdout);
        l->any = true;
    }
}

static enum rc print_items(struct listing *l, struct json_object *page)
{
    struct json_object *items;

    TRY(json_get_array(&items, page, "items"));
    for (size_t i = 0; i < json_array_count(items); i++) {
        l->row(&l->table, json_array_at(items, i));
        l->any = true;
    }
    return table_flush(&l->table);
}

static enum rc print_page(struct listing *l, struct slice body)
{
    struct json_object *page;
    struct slice next;
    enum rc rc;

    TRY(json_parse(&page, body));
    rc = json_get_string(&next, page, "next");
    l->next[0] = '\0';
    if (rc == RC_OK)
        rc = slice_to_cstr(l->next, sizeof(l->next), next);
    else if (rc == RC_NOT_FOUND)
        rc = RC_OK;
    if (rc == RC_OK && l->cli->json)
        print_items_raw(l, body);
    else if (rc == RC_OK)
        rc = print_items(l, page);
    json_put(page);
    return rc;
}

/* Asks for the page that begins at l->next, or at the list's own begin. */
static int fetch_page(struct listing *l, struct client_request *base, const char *limit)
{
    struct client_request q = *base; /* with a target of its own */
    struct buf answer;
    enum rc rc = RC_OK;
    int code;

    buf_init(&q.target, buf_len(&base->target) + 256);
    buf_append(&q.target, buf_slice(&base->target));
    client_request_query(&q, "limit", limit);
    if (l->next[0] != '\0')
        client_request_query(&q, "after", l->next);
    code = client_call(&answer, l->client, &q);
    if (code == CLI_OK)
        rc = print_page(l, buf_slice(&answer));
    if (rc != RC_OK)
        code =
            cli_fail(l->cli, RC_INTERNAL, "cannot read the answer: %s", rc_reason(rc));
    buf_free(&answer);
    buf_free(&q.target);
    return code;
}

static int fetch_pages(struct listing *l, struct client_request *q)
{
    const char *limit = q->whole ? NULL : cli_value(l->cli, "--limit");
    const char *after = q->whole ? NULL : cli_value(l->cli, "--after");
    int code;

    if (after != NULL &&
        slice_to_cstr(l->next, sizeof(l->next), slice_str(after)) != RC_OK)
        return cli_usage(l->cli, "--after takes the 'next' of the page before");
    do {
        code = fetch_page(l, q, limit != NULL ? limit : PAGE_ROWS);
    } while (code == CLI_OK && limit == NULL && l->next[0] != '\0');
    if (l->cli->json && code == CLI_OK) {
        (void)fputs("],\"next\":", stdout);
        if (l->next[0] != '\0')
            (void)printf("\"%s\"}\n", l->next);
        else
            (void)fputs("null}\n", stdout);
    } else if (code == CLI_OK && l->next[0] != '\0') {
        (void)fprintf(stderr, "there is more: --after %s\n", l->next);
    }
    return code;
}

int client_list_from(struct client *client, struct client_request *q,
                     const struct table_column *columns, client_row_fn *row)
{
    struct listing l = {.cli = client_cli(client), .client = client, .row = row};
    int code;

    if (table_start(&l.table, columns) != RC_OK)
        return cli_fail(l.cli, RC_NOMEM, "out of memory");
    code = fetch_pages(&l, q);
    if (table_end(&l.table) != RC_OK && code == CLI_OK)
        code = cli_fail(l.cli, RC_NOMEM, "out of memory");
    if (code == CLI_OK && !l.any && !l.cli->json)
        (void)fputs("(nothing)\n", stderr);
    return code;
}

int client_list(const struct cli *c, struct client_request *q,
                const struct table_column *columns, client_row_fn *row)
{
    struct client *client;
    int code = client_open(&client, c);

    if (code == CLI_OK) {
        code = client_list_from(client, q, columns, row);
        client_close(client);
    }
    client_request_end(q);
    return code;
}

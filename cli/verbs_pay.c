/* SPDX-License-Identifier: Apache-2.0 */
/* octroi pay: one call of somebody else's server, paid if it asks for that; and what
 * was paid so, by this verb or by calls. */
#include "cli/verbs.h"

#include "base/codec.h"
#include "cli/client.h"
#include "cli/format.h"
#include "gateway/gateway.h"
#include "x402/x402.h"

#include <stdio.h>
#include <string.h>

enum {
    BODY_MAX = 6 << 20, /* in base64 */
    TEXT_SIZE = 256
};

/* ---- What is asked ---- */

static int put_header(struct json_out *o, const struct cli *c, const char *line)
{
    const char *colon = strchr(line, ':');

    if (colon == NULL)
        return cli_usage(c, "a header is 'Name: value'");
    json_out_object(o);
    json_out_kslice(o, "name", slice_from(line, (size_t)(colon - line)));
    json_out_kslice(o, "value", slice_trim(slice_str(colon + 1)));
    json_out_end_object(o);
    return CLI_OK;
}

static int put_headers(struct client_request *q, const struct cli *c)
{
    static const char *const names[] = {"-H", "--header"};
    struct json_out *o = &q->json;
    int code = CLI_OK;

    json_out_key(o, "headers");
    json_out_array(o);
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        const char *line = cli_value_at(c, names[n], 0);

        for (size_t i = 1; line != NULL && code == CLI_OK; i++) {
            code = put_header(o, c, line);
            line = cli_value_at(c, names[n], i);
        }
    }
    json_out_end_array(o);
    return code;
}

static int start(struct client_request *q, const struct cli *c)
{
    const char *text = cli_value(c, "--max");
    struct money max;
    int code = text != NULL ? cli_amount(&max, c, text) : CLI_OK;

    client_request_start(q, "POST", "/admin/v1/pay");
    q->slow = true;
    client_request_text(q, "url", c->words[0]);
    client_request_text(q, "method", cli_value(c, "-X"));
    client_request_text(q, "body", cli_value(c, "-d"));
    if (text != NULL && code == CLI_OK)
        client_request_money(q, "max", max);
    return code == CLI_OK ? put_headers(q, c) : code;
}

/* ---- What came ---- */

static const char *text_of(char out[TEXT_SIZE], struct json_object *answer,
                           const char *name)
{
    struct slice text;

    if (json_get_string(&text, answer, name) != RC_OK)
        return NULL;
    (void)snprintf(out, TEXT_SIZE, "%.*s", SLICE_FMT(text));
    return out;
}

/* The receipt, beside the body, which may be data for another program. */
static void print_receipt(struct json_object *answer, uint64_t status)
{
    char paid[TEXT_SIZE], text[TEXT_SIZE];

    (void)fprintf(stderr, "status       %u\n", (unsigned)status);
    if (text_of(paid, answer, "paid") != NULL)
        (void)fprintf(stderr, "paid         %s USD\n", paid);
    if (text_of(text, answer, "protocol") != NULL)
        (void)fprintf(stderr, "protocol     %s\n", text);
    if (text_of(text, answer, "network") != NULL)
        (void)fprintf(stderr, "network      %s\n", text);
    if (text_of(text, answer, "transaction") != NULL)
        (void)fprintf(stderr, "transaction  %s\n", text);
}

static enum rc print_body(struct json_object *answer)
{
    struct slice body = SLICE_NONE;
    struct arena *a;
    enum rc rc;

    TRY(json_get_string(&body, answer, "body_base64"));
    TRY(arena_open(&a, BODY_MAX));
    rc = base64_decode(&body, body, a);
    if (rc == RC_OK && fwrite(body.bytes, 1, body.len, stdout) != body.len)
        rc = RC_IO;
    arena_close(a);
    return rc;
}

static int print(const struct cli *c, struct slice text)
{
    struct json_object *answer = NULL;
    uint64_t status = 0;
    enum rc rc = json_parse(&answer, text);

    if (rc == RC_OK)
        rc = json_get_u64(&status, answer, "status");
    if (rc == RC_OK && c->json)
        (void)printf("%.*s\n", SLICE_FMT(text));
    if (rc == RC_OK && !c->json) {
        print_receipt(answer, status);
        rc = print_body(answer);
    }
    json_put(answer);
    if (rc != RC_OK)
        return cli_fail(c, rc, "cannot take the answer: %s", rc_reason(rc));
    return status / 100 == 2 ? CLI_OK : CLI_FAILURE;
}

static int pay(const struct cli *c)
{
    struct client_request q;
    struct client *client = NULL;
    struct buf answer;
    int code = start(&q, c);

    if (code == CLI_OK)
        code = client_open(&client, c);
    if (code == CLI_OK) {
        code = client_call(&answer, client, &q);
        if (code == CLI_OK)
            code = print(c, buf_slice(&answer));
        buf_wipe(&answer);
    }
    client_close(client);
    client_request_end(&q);
    return code;
}

/* The curve is for the case that no daemon runs: then the key is used in here. */
int verb_pay(const struct cli *c)
{
    enum rc rc = gateway_start_curve();
    int code;

    if (rc != RC_OK)
        return cli_fail(c, rc, "out of memory");
    code = pay(c);
    x402_curve_stop();
    return code;
}

/* ---- What was bought ---- */

static const struct table_column purchase_columns[] = {
    {"TIME", false},        {"HOST", false},     {"AMOUNT", true},
    {"STATE", false},       {"NETWORK", false},  {"WALLET", false},
    {"TRANSACTION", false}, {"PURCHASE", false}, {NULL, false},
};

static void purchase_row(struct table *t, struct json_object *item)
{
    cell_time(t, item, "time");
    cell_text(t, item, "host");
    cell_money(t, item, "amount");
    cell_text(t, item, "state");
    cell_text(t, item, "network");
    cell_text(t, item, "wallet");
    cell_text(t, item, "transaction");
    cell_text(t, item, "id");
}

int verb_purchase_list(const struct cli *c)
{
    static const char *const filters[][2] = {
        {"--state", "state"}, {"--since", "since"}, {"--until", "until"}};
    struct client_request q;

    client_request_start(&q, "GET", "/admin/v1/purchases");
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        const char *text = cli_value(c, filters[i][0]);

        if (text != NULL)
            client_request_query(&q, filters[i][1], text);
    }
    return client_list(c, &q, purchase_columns, purchase_row);
}

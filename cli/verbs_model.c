/* SPDX-License-Identifier: Apache-2.0 */
/* octroi model: what is served, and asking the providers for what they have. */
#include "cli/verbs.h"

#include "cli/client.h"
#include "cli/format.h"

#include <stdio.h>

enum {
    NAMES_MAX = 40, /* shown of one kind of change; --json has all */
    CELL_MAX = 4096,
    WORDS_MAX = 16384,
    SENTENCE_SIZE = 256
};

/* ---- The list ---- */

static const struct table_column model_columns[] = {
    {"MODEL", false},        {"SOURCE", false},    {"TARGETS", false},
    {"INPUT", true},         {"OUTPUT", true},     {"PRICED", false},
    {"CONTEXT", true},       {"MAX OUTPUT", true}, {"HOLD OUTPUT", true},
    {"CAPABILITIES", false}, {NULL, false},
};

/* "openai/gpt-5.4, azure/gpt-54-prod" */
static void targets_cell(struct table *t, struct json_object *item)
{
    struct json_object *targets = NULL;
    struct buf text;

    buf_init(&text, CELL_MAX);
    if (json_get_array(&targets, item, "targets") != RC_OK)
        targets = NULL;
    for (size_t i = 0; i < json_array_count(targets); i++) {
        struct json_object *target = json_array_at(targets, i);
        char provider[FORMAT_SIZE], model[FORMAT_SIZE];

        buf_printf(&text, "%s%s/%s", i > 0 ? ", " : "",
                   format_text(provider, target, "provider"),
                   format_text(model, target, "model"));
    }
    table_cell(t, buf_slice(&text));
    buf_free(&text);
}

/* "a, b, c and 12 more" */
static void join_words(struct buf *out, struct json_object *list)
{
    const size_t count = json_array_count(list);
    struct slice word;

    for (size_t i = 0; i < count && i < NAMES_MAX; i++)
        if (json_array_string(&word, list, i) == RC_OK)
            buf_printf(out, "%s%.*s", i > 0 ? ", " : "", SLICE_FMT(word));
    if (count > NAMES_MAX)
        buf_printf(out, " and %zu more", count - NAMES_MAX);
}

static void capabilities_cell(struct table *t, struct json_object *item)
{
    struct json_object *list;
    struct buf words;

    buf_init(&words, WORDS_MAX);
    if (json_get_array(&list, item, "capabilities") == RC_OK)
        join_words(&words, list);
    table_cell(t, buf_len(&words) > 0 ? buf_slice(&words) : SLICE("-"));
    buf_free(&words);
}

static void model_row(struct table *t, struct json_object *item)
{
    struct json_object *price = NULL;
    const bool priced = json_get_object(&price, item, "price") == RC_OK;

    cell_text(t, item, "name");
    cell_text(t, item, "source");
    targets_cell(t, item);
    cell_money(t, price, "input");
    cell_money(t, price, "output");
    table_cell(t, priced ? SLICE("yes") : SLICE("no: refused"));
    cell_u64(t, item, "context_tokens");
    cell_u64(t, item, "max_output_tokens");
    cell_u64(t, item, "hold_output_tokens");
    capabilities_cell(t, item);
}

int verb_model_list(const struct cli *c)
{
    struct client_request q;

    client_request_start(&q, "GET", "/admin/v1/models");
    q.whole = true;
    return client_list(c, &q, model_columns, model_row);
}

/* ---- Asking ---- */

static void print_names(const char *what, struct json_object *item, const char *key)
{
    struct json_object *list;
    struct buf words;

    if (json_get_array(&list, item, key) != RC_OK || json_array_count(list) == 0)
        return;
    buf_init(&words, WORDS_MAX);
    join_words(&words, list);
    (void)printf("  %s (%zu): %.*s\n", what, json_array_count(list),
                 SLICE_FMT(buf_slice(&words)));
    buf_free(&words);
}

/* Whether it answered. */
static bool print_provider(struct json_object *item, bool quiet)
{
    char provider[FORMAT_SIZE], models[FORMAT_SIZE], error[SENTENCE_SIZE];
    struct slice words = SLICE_NONE;
    bool ok = false;

    if (json_get_bool(&ok, item, "ok") != RC_OK)
        ok = false;
    if (quiet)
        return ok;
    (void)!json_get_string(&words, item, "error");
    (void)snprintf(error, sizeof(error), "%.*s", SLICE_FMT(words));
    if (ok)
        (void)printf("%s: %s models\n", format_text(provider, item, "provider"),
                     format_u64(models, item, "models"));
    else
        (void)printf("%s: FAILED: %s; its last list stays (%s models)\n",
                     format_text(provider, item, "provider"), error,
                     format_u64(models, item, "models"));
    print_names("new", item, "added");
    print_names("gone", item, "gone");
    print_names("changed", item, "changed");
    return ok;
}

/* CLI_OK if every provider has answered and what they said is in use. */
static int show_report(const struct cli *c, struct slice body)
{
    struct json_object *report, *items = NULL;
    struct slice error;
    bool ok = true;

    if (json_parse(&report, body) != RC_OK)
        return cli_fail(c, RC_INTERNAL, "the report is not JSON");
    if (c->json)
        (void)printf("%.*s\n", (int)body.len, body.bytes);
    if (json_get_array(&items, report, "items") != RC_OK)
        items = NULL;
    for (size_t i = 0; i < json_array_count(items); i++)
        if (!print_provider(json_array_at(items, i), c->json))
            ok = false;
    if (json_get_string(&error, report, "error") == RC_OK) {
        ok = false;
        if (!c->json)
            (void)fprintf(stderr, "octroi: %.*s\n", SLICE_FMT(error));
    }
    json_put(report);
    return ok ? CLI_OK : CLI_FAILURE;
}

int verb_model_refresh(const struct cli *c)
{
    struct client_request q;
    struct client *client;
    struct buf answer;
    int code;

    client_request_start(&q, "POST", "/admin/v1/models/refresh");
    q.slow = true;
    client_request_text(&q, "provider", c->word_count > 0 ? c->words[0] : NULL);
    code = client_open(&client, c);
    if (code == CLI_OK) {
        code = client_call(&answer, client, &q);
        client_close(client);
        if (code == CLI_OK)
            code = show_report(c, buf_slice(&answer));
        buf_wipe(&answer);
    }
    client_request_end(&q);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What tools/list says of a tool: in words for models, in `_meta` for programs. */
#include "gateway/mcp/tools.h"

#include <stdio.h>
#include <string.h>

enum {
    WORDS_MAX = 4096
};

/* ---- Prices ---- */

static const char *short_money(char out[MONEY_TEXT_SIZE], struct money m)
{
    money_print_short(out, m);
    return out;
}

/* With all units that may be charged. */
static struct money most_of(const struct mcp_tool *t)
{
    struct money most;

    if (t->endpoint->at_cost ||
        !money_add(&most, t->call, config_unit_price(t->endpoint, UINT64_MAX)))
        return t->endpoint->most;
    return most;
}

static void price_words(struct buf *b, const struct mcp_tool *t)
{
    const struct config_endpoint *e = t->endpoint;
    char one[MONEY_TEXT_SIZE], two[MONEY_TEXT_SIZE], most[MONEY_TEXT_SIZE];

    if (!money_is_zero(t->host->month))
        buf_printf(b,
                   "Sold by the calendar month for %s USD: the first call of a month "
                   "buys it. ",
                   short_money(one, t->host->month));
    if (!t->has_call)
        return;
    if (e->at_cost) {
        buf_printf(b, "Costs what its host asks, at most %s USD a call.",
                   short_money(most, e->most));
    } else if (e->unit.of != CONFIG_UNIT_NONE) {
        buf_printf(b,
                   "Costs %s USD a call and %s USD for %llu %s of the answer, at most "
                   "%s USD.",
                   short_money(one, t->call), short_money(two, e->unit.price),
                   (unsigned long long)e->unit.per,
                   e->unit.of == CONFIG_UNIT_POINTER ? "counted units"
                                                     : config_unit_name(&e->unit),
                   short_money(most, most_of(t)));
    } else if (money_is_zero(t->call)) {
        buf_append_str(b, "Costs nothing.");
    } else {
        buf_printf(b, "Costs %s USD a call.", short_money(one, t->call));
    }
    for (size_t i = 0; i < e->tier_count; i++)
        buf_printf(b, " After %llu calls in a month: %s USD.",
                   (unsigned long long)e->tiers[i].from,
                   short_money(one, e->tiers[i].price));
    if (e->free.calls > 0)
        buf_printf(b, " The first %llu calls of a %s are free.",
                   (unsigned long long)e->free.calls,
                   e->free.per_day ? "day" : "month");
    if (e->charge == CONFIG_CHARGE_SUCCESS && !money_is_zero(most_of(t)))
        buf_append_str(b, " Only a call that succeeds is charged.");
}

static void price_meta(struct json_out *o, const struct mcp_tool *t)
{
    const struct config_endpoint *e = t->endpoint;

    json_out_key(o, "octroi/price");
    json_out_object(o);
    json_out_kstr(o, "currency", "USD");
    if (e->at_cost)
        json_out_kbool(o, "at_cost", true);
    else if (t->has_call)
        json_out_kmoney(o, "call", t->call);
    if (t->has_call)
        json_out_kmoney(o, "most", most_of(t));
    if (!money_is_zero(t->host->month))
        json_out_kmoney(o, "month", t->host->month);
    json_out_kstr(o, "charged", config_charge_name(e->charge));
    if (e->unit.of != CONFIG_UNIT_NONE) {
        json_out_key(o, "unit");
        json_out_object(o);
        json_out_kstr(o, "of", config_unit_name(&e->unit));
        json_out_ku64(o, "per", e->unit.per);
        json_out_kmoney(o, "price", e->unit.price);
        json_out_ku64(o, "max", e->unit.max);
        json_out_end_object(o);
    }
    if (e->free.calls > 0) {
        json_out_key(o, "free");
        json_out_object(o);
        json_out_ku64(o, "calls", e->free.calls);
        json_out_kstr(o, "per", e->free.per_day ? "day" : "month");
        json_out_end_object(o);
    }
    json_out_end_object(o);
}

/* ---- Schemas ---- */

static void typed(struct json_out *o, const char *name, const char *type,
                  const char *description)
{
    json_out_key(o, name);
    json_out_object(o);
    if (type != NULL)
        json_out_kstr(o, "type", type);
    json_out_kstr(o, "description", description);
    json_out_end_object(o);
}

static const char *name_of(struct request *r, struct slice s)
{
    const char *name = arena_copy(r->arena, s.bytes, s.len);

    return name != NULL ? name : "";
}

static void write_params(struct json_out *o, struct request *r,
                         const struct config_endpoint *e, struct slice properties)
{
    struct mcp_param params[MCP_PARAMS_MAX];
    const size_t count = mcp_params(params, e->path);
    struct slice there;

    for (size_t i = 0; i < count; i++) {
        const char *name = name_of(r, params[i].name);

        if (json_raw_member(&there, properties, name) != JSON_ABSENT)
            continue;
        typed(o, name, "string",
              params[i].is_rest ? "The rest of the path; may have slashes."
                                : "One part of the path; has no slash.");
    }
    if (strcmp(e->method, "ANY") == 0 &&
        json_raw_member(&there, properties, "method") == JSON_ABSENT) {
        json_out_key(o, "method");
        json_out_raw(o, SLICE("{\"type\":\"string\",\"enum\":[\"GET\",\"POST\",\"PUT\","
                              "\"PATCH\",\"DELETE\"],\"default\":\"GET\"}"));
    }
}

static bool names(struct slice array, const char *name, struct request *r)
{
    struct slice raw, text;
    size_t at = 0;

    while (json_raw_element(&raw, array, &at) != JSON_ABSENT)
        if (json_raw_string(&text, raw, r->arena) == RC_OK &&
            slice_equal_str(text, name))
            return true;
    return false;
}

static void write_required(struct json_out *o, struct request *r,
                           const struct config_endpoint *e, struct slice required)
{
    struct mcp_param params[MCP_PARAMS_MAX];
    const size_t count = mcp_params(params, e->path);
    struct slice raw;
    size_t at = 0;

    json_out_key(o, "required");
    json_out_array(o);
    while (json_raw_element(&raw, required, &at) != JSON_ABSENT)
        json_out_raw(o, raw);
    for (size_t i = 0; i < count; i++)
        if (!params[i].is_rest && !names(required, name_of(r, params[i].name), r))
            json_out_slice(o, params[i].name);
    json_out_end_array(o);
}

/* What the endpoint says itself, and the parts of its path. */
static void write_own_schema(struct json_out *o, struct request *r,
                             const struct config_endpoint *e)
{
    const struct slice schema = slice_str(e->input_schema);
    struct slice key, value, properties, required, name;
    size_t at = 0;

    if (json_raw_member(&properties, schema, "properties") != JSON_OBJECT)
        properties = SLICE("{}");
    if (json_raw_member(&required, schema, "required") != JSON_ARRAY)
        required = SLICE("[]");
    json_out_object(o);
    json_out_kstr(o, "type", "object");
    json_out_key(o, "properties");
    json_out_object(o);
    write_params(o, r, e, properties);
    while (json_raw_next(&key, &value, properties, &at) != JSON_ABSENT)
        if (json_raw_string(&name, key, r->arena) == RC_OK) {
            json_out_key(o, name_of(r, name));
            json_out_raw(o, value);
        }
    json_out_end_object(o);
    write_required(o, r, e, required);
    at = 0;
    while (json_raw_next(&key, &value, schema, &at) != JSON_ABSENT)
        if (json_raw_string(&name, key, r->arena) == RC_OK &&
            !slice_equal(name, SLICE("type")) &&
            !slice_equal(name, SLICE("properties")) &&
            !slice_equal(name, SLICE("required"))) {
            json_out_key(o, name_of(r, name));
            json_out_raw(o, value);
        }
    json_out_end_object(o);
}

/* Whether names that nobody declared have somewhere to go. */
static bool takes_more(const struct config_endpoint *e)
{
    const bool is_any = strcmp(e->method, "ANY") == 0;

    return ((is_any || mcp_has_query(e->method)) && e->max_query_bytes > 0) ||
           (!mcp_has_query(e->method) && e->body != CONFIG_BODY_NONE);
}

static void write_plain_schema(struct json_out *o, struct request *r,
                               const struct config_endpoint *e)
{
    json_out_object(o);
    json_out_kstr(o, "type", "object");
    json_out_key(o, "properties");
    json_out_object(o);
    write_params(o, r, e, SLICE("{}"));
    if (e->max_query_bytes > 0)
        typed(
            o, "query", "object",
            "Parameters of the query: strings, numbers, booleans, or arrays of them.");
    if (!mcp_has_query(e->method) && e->body != CONFIG_BODY_NONE)
        typed(o, "body", NULL,
              e->body == CONFIG_BODY_JSON
                  ? "The body, sent as JSON."
                  : "The body: an object or array is sent as JSON, a string as text.");
    json_out_end_object(o);
    write_required(o, r, e, SLICE("[]"));
    json_out_kbool(o, "additionalProperties", takes_more(e));
    json_out_end_object(o);
}

/* ---- A tool ---- */

static void write_hints(struct json_out *o, bool is_read_only, bool is_idempotent,
                        bool is_destructive, bool is_open)
{
    json_out_key(o, "annotations");
    json_out_object(o);
    json_out_kbool(o, "readOnlyHint", is_read_only);
    json_out_kbool(o, "destructiveHint", is_destructive);
    json_out_kbool(o, "idempotentHint", is_idempotent);
    json_out_kbool(o, "openWorldHint", is_open);
    json_out_end_object(o);
}

static void write_builtin(struct json_out *o, const struct mcp_builtin *b)
{
    json_out_kstr(o, "title", b->title);
    json_out_kstr(o, "description", b->description);
    json_out_key(o, "inputSchema");
    json_out_raw(o, slice_str(b->schema));
    write_hints(o, b->is_read_only, b->is_read_only, false, b->is_priced);
    if (!b->is_priced)
        return;
    json_out_key(o, "_meta");
    json_out_raw(o, SLICE("{\"octroi/price\":{\"currency\":\"USD\",\"per\":\"token\","
                          "\"list\":\"models\",\"quote\":\"wallet_quote\"}}"));
}

static void write_endpoint(struct json_out *o, struct request *r,
                           const struct mcp_tool *t)
{
    const struct config_endpoint *e = t->endpoint;
    const bool is_read = strcmp(e->method, "GET") == 0;
    struct buf words;

    buf_init(&words, WORDS_MAX);
    buf_printf(&words, "%s: %s %s", t->host->name, e->method, e->path);
    json_out_kslice(o, "title", buf_slice(&words));
    buf_reset(&words);
    if (e->description != NULL)
        buf_printf(&words, "%s ", e->description);
    else
        buf_printf(&words, "Calls %s %s of '%s'. ", e->method, e->path, t->host->name);
    if (t->host->about != NULL)
        buf_printf(&words, "The skill %s: %s ", t->host->name, t->host->about);
    price_words(&words, t);
    json_out_kslice(o, "description", buf_slice(&words));
    buf_free(&words);
    json_out_key(o, "inputSchema");
    if (e->input_schema != NULL)
        write_own_schema(o, r, e);
    else
        write_plain_schema(o, r, e);
    write_hints(o, is_read, is_read || strcmp(e->method, "PUT") == 0,
                strcmp(e->method, "DELETE") == 0 || strcmp(e->method, "ANY") == 0,
                true);
    json_out_key(o, "_meta");
    json_out_object(o);
    price_meta(o, t);
    if (e->example != NULL) {
        json_out_key(o, "octroi/example");
        json_out_raw(o, slice_str(e->example));
    }
    json_out_end_object(o);
}

void mcp_tool_write(struct json_out *o, struct request *r, const struct mcp_tool *t)
{
    json_out_object(o);
    json_out_kstr(o, "name", t->name);
    if (t->builtin != NULL)
        write_builtin(o, t->builtin);
    else
        write_endpoint(o, r, t);
    json_out_end_object(o);
}

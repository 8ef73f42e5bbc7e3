/* SPDX-License-Identifier: Apache-2.0 */
/* What a call of an endpoint is, besides where it goes: what may be sent, which answers
 * are charged and by which units, what is free or cheaper, how long an answer counts,
 * and the words for those who choose it. */
#include "gateway/config_data_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    WORDS_MAX = 1024,     /* of a description */
    JSON_MAX = 16 * 1024, /* of a schema, and of an example */
    POINTER_MAX = 256,
    POINTER_TOKENS_MAX = 16,
    CHARGES_MAX = 16,
    TIERS_MAX = 16,
    QUERY_MAX = 16 * 1024, /* no request line is longer */
    STATUS_MIN = 200,
    STATUS_MAX = 599
};

#define BODY_MAX  (UINT64_C(1) << 30)
#define UNITS_MAX UINT64_C(1000000000000)
#define CALLS_MAX UINT64_C(1000000000000)

/* Prices ------------------------------------------------------------------------------
 */

void config__name_price(char out[CONFIG__VERSION_SIZE], const char *kind,
                        struct money price, const struct config_unit *unit)
{
    char text[MONEY_TEXT_SIZE], each[MONEY_TEXT_SIZE];
    char whole[2 * MONEY_TEXT_SIZE + POINTER_MAX + 128];
    int len;

    money_print(text, price);
    if (unit == NULL || unit->of == CONFIG_UNIT_NONE) {
        len = snprintf(whole, sizeof(whole), "%s %s", kind, text);
    } else {
        money_print(each, unit->price);
        len = snprintf(whole, sizeof(whole),
                       "%s %s and %s per %" PRIu64 " of %d %s to %" PRIu64, kind, text,
                       each, unit->per, (int)unit->of,
                       unit->pointer != NULL ? unit->pointer : "", unit->max);
    }
    config__price_version(out, slice_from(whole, (size_t)len));
}

struct money config_unit_price(const struct config_endpoint *e, uint64_t units)
{
    const struct config_unit *u = &e->unit;
    struct money price;

    if (u->of == CONFIG_UNIT_NONE)
        return MONEY_ZERO;
    if (units > u->max)
        units = u->max;
    if (!money_scale(&price, u->price, money_from_nano(units), money_from_nano(u->per)))
        return e->most; /* was refused when it was read */
    return price;
}

const char *config_charge_name(enum config_charge charge)
{
    static const char *const names[] = {[CONFIG_CHARGE_SUCCESS] = "success",
                                        [CONFIG_CHARGE_ALWAYS] = "always",
                                        [CONFIG_CHARGE_LISTED] = "listed"};

    return names[charge];
}

const char *config_unit_name(const struct config_unit *u)
{
    switch (u->of) {
    case CONFIG_UNIT_ROWS:
        return "rows";
    case CONFIG_UNIT_BYTES:
        return "bytes";
    case CONFIG_UNIT_POINTER:
        return u->pointer;
    case CONFIG_UNIT_NONE:
        break;
    }
    return "calls";
}

bool config_charges(const struct config_endpoint *e, unsigned status)
{
    switch (e->charge) {
    case CONFIG_CHARGE_SUCCESS:
        return status >= 200 && status < 300;
    case CONFIG_CHARGE_ALWAYS:
        return true;
    case CONFIG_CHARGE_LISTED:
        break;
    }
    for (size_t i = 0; i < e->charge_count; i++)
        if (status >= e->charges[i].from && status <= e->charges[i].to)
            return true;
    return false;
}

/* An amount with the markup of the endpoint. */
static bool read_amount(struct config__reader *r, struct money *out,
                        struct conf_node *endpoint, struct conf_node *value)
{
    uint32_t markup_ppm = 0;
    struct money price;

    (void)conf_percent(r->conf, conf_get(r->conf, endpoint, "markup"), &markup_ppm);
    if (!conf_money(r->conf, value, &price))
        return false;
    if (money_markup(out, price, markup_ppm))
        return true;
    conf_fault(r->conf, value,
               "the price with its markup is more than an amount can hold");
    return false;
}

/* Charges -----------------------------------------------------------------------------
 */

/* 404, or "4xx". */
static bool read_status(struct config__reader *r, struct config_statuses *out,
                        struct conf_node *n)
{
    struct slice text;
    uint64_t value;

    if (!conf_text(r->conf, n, &text))
        return false;
    if (text.len == 3 && slice_ends(text, SLICE("xx")) && text.bytes[0] >= '2' &&
        text.bytes[0] <= '5') {
        out->from = (unsigned)(text.bytes[0] - '0') * 100;
        out->to = out->from + 99;
        return true;
    }
    if (slice_to_u64(&value, text) == RC_OK && value >= STATUS_MIN &&
        value <= STATUS_MAX) {
        out->from = out->to = (unsigned)value;
        return true;
    }
    conf_fault(r->conf, n, "expected a status from %d to %d, or a class such as 2xx",
               STATUS_MIN, STATUS_MAX);
    return false;
}

static void read_charge(struct config__reader *r, struct config_endpoint *e,
                        struct conf_node *n)
{
    static const char *const charges[] = {"success", "always", NULL};
    struct conf_node *list = conf_get(r->conf, n, "charge");
    struct conf_node *item;
    unsigned choice;
    size_t at = 0;

    if (!conf_is_list(list)) {
        if (conf_choice(r->conf, list, &choice, charges))
            e->charge = choice == 1 ? CONFIG_CHARGE_ALWAYS : CONFIG_CHARGE_SUCCESS;
        return;
    }
    if (!config__fits(r, list, CHARGES_MAX, "statuses"))
        return;
    e->charges = arena_new_array(r->arena, struct config_statuses, conf_count(list));
    if (e->charges == NULL)
        return;
    e->charge = CONFIG_CHARGE_LISTED;
    while (conf_next_item(r->conf, list, &at, &item))
        if (read_status(r, &e->charges[e->charge_count], item))
            e->charge_count++;
    if (conf_count(list) == 0)
        conf_fault(r->conf, list, "no answer would be charged: price it at 0");
}

/* Units -------------------------------------------------------------------------------
 */

static bool is_pointer(struct slice s)
{
    unsigned tokens = 0;

    if (s.len > POINTER_MAX || !slice_starts(s, SLICE("/")))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        tokens += s.bytes[i] == '/';
        if (s.bytes[i] == '~' &&
            (i + 1 == s.len || (s.bytes[i + 1] != '0' && s.bytes[i + 1] != '1')))
            return false;
    }
    return tokens <= POINTER_TOKENS_MAX;
}

static void read_unit_of(struct config__reader *r, struct config_unit *u,
                         struct conf_node *n)
{
    struct slice text;

    if (!conf_text(r->conf, n, &text))
        return;
    if (slice_equal(text, SLICE("rows"))) {
        u->of = CONFIG_UNIT_ROWS;
    } else if (slice_equal(text, SLICE("bytes"))) {
        u->of = CONFIG_UNIT_BYTES;
    } else if (is_pointer(text)) {
        u->of = CONFIG_UNIT_POINTER;
        u->pointer = arena_copy(r->arena, text.bytes, text.len);
    } else {
        conf_fault(r->conf, n,
                   "expected rows, bytes or a JSON pointer such as /meta/count, of at "
                   "most %d bytes and %d steps",
                   POINTER_MAX, POINTER_TOKENS_MAX);
    }
}

static void read_unit(struct config__reader *r, struct config_endpoint *e,
                      struct conf_node *endpoint)
{
    struct conf_node *n = conf_get(r->conf, endpoint, "unit");
    struct config_unit u = {.per = 1};
    struct conf_node *of, *max, *price;

    if (n == NULL || !config__may_be_mapping(r, n))
        return;
    of = conf_get(r->conf, n, "of");
    max = conf_get(r->conf, n, "max");
    price = conf_get(r->conf, n, "price");
    if (of == NULL || max == NULL || price == NULL)
        conf_fault(r->conf, n, "a unit needs 'of', 'price' and 'max'");
    read_unit_of(r, &u, of);
    (void)read_amount(r, &u.price, endpoint, price);
    (void)conf_u64(r->conf, conf_get(r->conf, n, "per"), &u.per, 1, UNITS_MAX);
    (void)conf_u64(r->conf, max, &u.max, 1, UNITS_MAX);
    e->unit = u;
}

/* Free and cheaper calls --------------------------------------------------------------
 */

static void read_free(struct config__reader *r, struct config_endpoint *e,
                      struct conf_node *endpoint)
{
    static const char *const windows[] = {"day", "month", NULL};
    struct conf_node *n = conf_get(r->conf, endpoint, "free");
    struct conf_node *calls;
    unsigned choice = 1;

    if (n == NULL || !config__may_be_mapping(r, n))
        return;
    calls = conf_get(r->conf, n, "calls");
    if (calls == NULL)
        conf_fault(r->conf, n, "free needs 'calls': how many");
    (void)conf_u64(r->conf, calls, &e->free.calls, 1, CALLS_MAX);
    (void)conf_choice(r->conf, conf_get(r->conf, n, "per"), &choice, windows);
    e->free.per_day = choice == 0;
}

static void read_tier(struct config__reader *r, struct config_endpoint *e,
                      struct conf_node *endpoint, struct conf_node *n)
{
    struct config_tier *t = &e->tiers[e->tier_count];
    struct conf_node *from, *price;

    if (!config__may_be_mapping(r, n))
        return;
    from = conf_get(r->conf, n, "from");
    price = conf_get(r->conf, n, "price");
    if (from == NULL || price == NULL) {
        conf_fault(r->conf, n, "a tier needs 'from' and 'price'");
        return;
    }
    if (!conf_u64(r->conf, from, &t->from, 1, CALLS_MAX) ||
        !read_amount(r, &t->price, endpoint, price))
        return;
    if (e->tier_count > 0 && t->from <= t[-1].from) {
        conf_fault(r->conf, from, "tiers begin one after the other: 'from' must rise");
        return;
    }
    config__name_price(t->version, "call", t->price, &e->unit);
    e->tier_count++;
}

static void read_tiers(struct config__reader *r, struct config_endpoint *e,
                       struct conf_node *endpoint)
{
    struct conf_node *list = conf_get(r->conf, endpoint, "tiers");
    struct conf_node *item;
    size_t at = 0;

    if (!config__fits(r, list, TIERS_MAX, "tiers"))
        return;
    e->tiers = arena_new_array(r->arena, struct config_tier, conf_count(list));
    if (e->tiers == NULL)
        return;
    while (conf_next_item(r->conf, list, &at, &item))
        read_tier(r, e, endpoint, item);
}

/* Limits ------------------------------------------------------------------------------
 */

static void read_limits(struct config__reader *r, struct config_endpoint *e,
                        struct conf_node *n)
{
    static const char *const bodies[] = {"any", "none", "json", NULL};
    unsigned choice;

    e->max_query_bytes = e->max_body_bytes = UINT64_MAX;
    (void)conf_u64(r->conf, conf_get(r->conf, n, "max_query_bytes"),
                   &e->max_query_bytes, 0, QUERY_MAX);
    (void)conf_u64(r->conf, conf_get(r->conf, n, "max_body_bytes"), &e->max_body_bytes,
                   1, BODY_MAX);
    if (conf_choice(r->conf, conf_get(r->conf, n, "body"), &choice, bodies))
        e->body = (enum config_body)choice;
}

static void read_cache(struct config__reader *r, const struct config_data_api *api,
                       struct config_endpoint *e, struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "cache");

    config__duration(r, n, "cache", &e->cache_ms);
    if (e->cache_ms == 0)
        return;
    if (e->method != NULL && strcmp(e->method, "GET") != 0 &&
        strcmp(e->method, "HEAD") != 0 && strcmp(e->method, "ANY") != 0)
        conf_fault(r->conf, value, "only answers to GET are kept");
    if (api->buys)
        conf_fault(r->conf, value, "answers of a host that is paid are not kept");
}

/* Words -------------------------------------------------------------------------------
 */

/* Lines become one. */
static void read_description(struct config__reader *r, struct config_endpoint *e,
                             struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "description");
    struct slice text;
    char *copy;

    if (!conf_text(r->conf, value, &text))
        return;
    text = slice_trim(text);
    while (slice_ends(text, SLICE("\n")))
        text.len--;
    copy = arena_copy(r->arena, text.bytes, text.len);
    if (copy == NULL)
        return;
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
    if (text.len == 0 || text.len > WORDS_MAX || slice_has_ctl(slice_str(copy)))
        conf_fault(r->conf, value,
                   "a description has 1 to %d bytes, without control characters",
                   WORDS_MAX);
    else
        e->description = copy;
}

/* NULL: absent, or a fault. */
static char *read_json(struct config__reader *r, struct conf_node *n, const char *key)
{
    struct conf_node *value = conf_get(r->conf, n, key);
    char *text = NULL;
    struct buf json;

    if (value == NULL || !config__may_be_mapping(r, value))
        return NULL;
    buf_init(&json, JSON_MAX);
    conf_json(&json, r->conf, value);
    if (buf_spent(&json))
        conf_fault(r->conf, value, "'%s' is longer than %d bytes", key, JSON_MAX);
    else
        text = arena_copy(r->arena, buf_slice(&json).bytes, buf_len(&json));
    buf_free(&json);
    return text;
}

static void read_input(struct config__reader *r, struct config_endpoint *e,
                       struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "input");
    struct slice type = SLICE_NONE;

    e->input_schema = read_json(r, n, "input");
    e->example = read_json(r, n, "example");
    if (e->input_schema == NULL)
        return;
    if (!conf_text(r->conf, conf_get(r->conf, value, "type"), &type) ||
        !slice_equal(type, SLICE("object")))
        conf_fault(r->conf, value, "the schema of an input says 'type: object'");
}

/* The whole ---------------------------------------------------------------------------
 */

static void check_most(struct config__reader *r, struct config_endpoint *e,
                       const struct conf_node *n)
{
    const struct config_unit *u = &e->unit;
    struct money units = MONEY_ZERO;
    struct money price = e->price;

    for (size_t i = 0; i < e->tier_count; i++)
        price = money_max(price, e->tiers[i].price);
    if ((u->of != CONFIG_UNIT_NONE &&
         !money_scale(&units, u->price, money_from_nano(u->max),
                      money_from_nano(u->per))) ||
        !money_add(&price, price, units) || !money_add(&e->most, e->price, units))
        conf_fault(r->conf, n, "the dearest call is more than an amount can hold");
}

void config__read_endpoint(struct config__reader *r, const struct config_data_api *api,
                           struct config_endpoint *e, struct conf_node *n)
{
    read_charge(r, e, n);
    read_unit(r, e, n);
    read_free(r, e, n);
    read_tiers(r, e, n);
    read_limits(r, e, n);
    read_cache(r, api, e, n);
    read_description(r, e, n);
    read_input(r, e, n);
    if ((e->unit.of != CONFIG_UNIT_NONE || e->free.calls > 0 || e->tier_count > 0) &&
        (!e->priced || e->at_cost))
        conf_fault(r->conf, n, "units, free calls and tiers need a 'price'");
    if (e->priced && !e->at_cost)
        config__name_price(e->version, "call", e->price, &e->unit);
    check_most(r, e, n);
}

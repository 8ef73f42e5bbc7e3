/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of vendors' lists share. */
#include "gateway/model_list.h"

#include <string.h>

enum {
    CONTAINERS_MAX = 200000,
    KEYS_MAX = 1000000,
    DIGITS_MAX = 38,   /* of a price */
    EXPONENT_MAX = 60, /* of a price */
    DEAREST_USD = 5000 /* for a million tokens: nothing costs as much */
};

enum rc model_list_read(const struct model_list *l, struct model_page *page,
                        struct slice body)
{
    const struct json_limits limits = {.bytes = MODEL_LIST_PAGE_MAX,
                                       .containers = CONTAINERS_MAX,
                                       .keys = KEYS_MAX,
                                       .any_value = true};
    enum rc rc = json_guard(body, &limits, NULL, 0, NULL, page->scratch);

    page->next = SLICE_NONE;
    if (rc == RC_OK)
        rc = l->read(page, body);
    if (arena_spent(page->arena) || arena_spent(page->scratch))
        return RC_NOMEM;
    if (page->next.len > MODEL_LIST_CURSOR_MAX)
        return RC_BAD_INPUT;
    return rc == RC_OK || rc == RC_NOMEM ? rc : RC_BAD_INPUT;
}

/* Members ----------------------------------------------------------------------------
 */

enum rc model_walk(struct model_walk *w, struct slice json, const char *name)
{
    *w = (struct model_walk){.array = json};
    if (name != NULL && json_raw_member(&w->array, json, name) == JSON_ABSENT)
        return RC_BAD_INPUT;
    return json_raw_type(w->array) == JSON_ARRAY ? RC_OK : RC_BAD_INPUT;
}

bool model_next(struct model_walk *w, struct slice *model)
{
    enum json_kind kind;

    do
        kind = json_raw_element(model, w->array, &w->at);
    while (kind != JSON_ABSENT && kind != JSON_OBJECT);
    return kind == JSON_OBJECT;
}

struct found_model *model_add(struct model_page *page, struct slice id)
{
    struct found_model *m;

    if (!found_id_good(id) || page->count == FOUND_MODELS_MAX) {
        page->skipped++;
        return NULL;
    }
    m = &page->models[page->count];
    *m = (struct found_model){.id = arena_copy(page->arena, id.bytes, id.len)};
    if (m->id == NULL)
        return NULL;
    page->count++;
    return m;
}

struct slice model_text(struct model_page *page, struct slice json, const char *name)
{
    struct slice raw, text;

    if (json_raw_member(&raw, json, name) != JSON_STRING ||
        raw.len > MODEL_LIST_CURSOR_MAX ||
        json_raw_string(&text, raw, page->scratch) != RC_OK)
        return SLICE_NONE;
    return text;
}

uint64_t model_tokens(struct slice json, const char *name)
{
    struct slice raw;
    uint64_t tokens;

    if (json_raw_member(&raw, json, name) != JSON_NUMBER ||
        json_raw_u64(&tokens, raw) != RC_OK || tokens > FOUND_TOKENS_MAX)
        return 0;
    return tokens;
}

bool model_flag(struct slice json, const char *name)
{
    struct slice raw, supported;

    switch (json_raw_member(&raw, json, name)) {
    case JSON_TRUE:
        return true;
    case JSON_OBJECT:
        return json_raw_member(&supported, raw, "supported") == JSON_TRUE;
    default:
        return false;
    }
}

bool model_is_false(struct slice json, const char *name)
{
    struct slice raw;

    return json_raw_member(&raw, json, name) == JSON_FALSE;
}

bool model_has(struct slice json, const char *name, const char *word)
{
    struct slice raw, element;
    size_t at = 0;

    if (json_raw_member(&raw, json, name) != JSON_ARRAY)
        return false;
    while (json_raw_element(&element, raw, &at) != JSON_ABSENT)
        if (json_raw_type(element) == JSON_STRING &&
            slice_equal_str(slice_sub(element, 1, element.len - 2), word))
            return true;
    return false;
}

void model_cap(struct found_model *m, unsigned cap, bool yes)
{
    m->told |= cap;
    if (yes)
        m->caps |= cap;
}

/* Prices -----------------------------------------------------------------------------
 */

/* digits * 10^scale */
struct decimal {
    unsigned __int128 digits;
    int scale;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum rc read_exponent(int *out, struct slice text)
{
    bool negative = false;
    uint64_t value;

    if (text.len > 0 && (text.bytes[0] == '-' || text.bytes[0] == '+')) {
        negative = text.bytes[0] == '-';
        text = slice_sub(text, 1, text.len);
    }
    TRY(slice_to_u64(&value, text));
    if (value > EXPONENT_MAX)
        return RC_BAD_INPUT;
    *out = negative ? -(int)value : (int)value;
    return RC_OK;
}

/* "12", "0.00000125", "1.25e-6"; no sign. */
static enum rc read_decimal(struct decimal *out, struct slice text)
{
    bool point = false;
    int exponent = 0;
    unsigned count = 0; /* of digits behind leading noughts */
    size_t i = 0;

    *out = (struct decimal){0, 0};
    for (; i < text.len && (is_digit(text.bytes[i]) || text.bytes[i] == '.'); i++) {
        if (text.bytes[i] == '.') {
            if (point || i == 0)
                return RC_BAD_INPUT;
            point = true;
            continue;
        }
        if (count == DIGITS_MAX)
            return RC_BAD_INPUT;
        out->digits = out->digits * 10 + (unsigned)(text.bytes[i] - '0');
        count += out->digits > 0;
        out->scale -= point;
    }
    if (i == 0 || text.bytes[i - 1] == '.')
        return RC_BAD_INPUT;
    if (i < text.len) {
        if (text.bytes[i] != 'e' && text.bytes[i] != 'E')
            return RC_BAD_INPUT;
        TRY(read_exponent(&exponent, slice_sub(text, i + 1, text.len)));
    }
    out->scale += exponent;
    return RC_OK;
}

/* To the nearest nano-dollar: what a vendor's own arithmetic with binary fractions has
 * left in the last digits is not money. What is not nothing stays so. */
static enum rc to_money(struct money *out, struct decimal d)
{
    const unsigned __int128 most = (unsigned __int128)DEAREST_USD * 1000000000u;
    unsigned last = 0;
    bool some = d.digits > 0;

    for (; d.scale > 0 && d.digits > 0; d.scale--) {
        if (d.digits > most)
            return RC_BAD_INPUT;
        d.digits *= 10;
    }
    for (; d.scale < 0 && d.digits > 0; d.scale++) {
        last = (unsigned)(d.digits % 10);
        d.digits /= 10;
    }
    if (d.scale == 0 && last >= 5)
        d.digits++;
    if (d.digits == 0 && some)
        d.digits = 1;
    if (d.digits > most)
        return RC_BAD_INPUT;
    *out = money_from_nano((uint64_t)d.digits);
    return RC_OK;
}

enum rc model_price(struct money *out, struct slice json, const char *name, int shift)
{
    struct slice raw;
    struct decimal d;

    switch (json_raw_member(&raw, json, name)) {
    case JSON_ABSENT:
    case JSON_NULL:
        return RC_NOT_FOUND;
    case JSON_NUMBER:
        break;
    case JSON_STRING:
        raw = slice_sub(raw, 1, raw.len - 2);
        if (raw.len == 0)
            return RC_NOT_FOUND;
        break;
    default:
        return RC_BAD_INPUT;
    }
    TRY(read_decimal(&d, raw));
    d.scale += shift + MONEY_DECIMALS;
    return to_money(out, d);
}

/* What is not said stays zero. */
static bool take(struct money *out, struct slice json, const char *name, int shift)
{
    *out = MONEY_ZERO;
    return name == NULL || model_price(out, json, name, shift) != RC_BAD_INPUT;
}

void model_take_price(struct found_model *m, struct slice json,
                      const struct model_price_names *names)
{
    struct found_price p = {.above = 0};

    m->priced = false;
    if (model_price(&p.input, json, names->input, names->shift) != RC_OK ||
        model_price(&p.output, json, names->output, names->shift) != RC_OK ||
        !take(&p.cached_input, json, names->cached_input, names->shift) ||
        !take(&p.cache_write, json, names->cache_write, names->shift))
        return;
    if (money_is_zero(p.input) && money_is_zero(p.output))
        return;
    m->price = p;
    m->priced = true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Worst-case and exact prices of model calls. */
#include "gateway/price.h"

#include "base/buf.h"
#include "base/codec.h"

#include <assert.h>
#include <inttypes.h>

enum {
    AMOUNT_LEN = 17,      /* a space and 16 hex digits */
    REST_LEN = 512,       /* names, fees, the markup */
    TEXT_SIZE = 5 * 1024, /* of the longest price, for its digest */
    VERSION_BYTES = 8,
    UNIT = 1000000 /* of what is counted by the piece, as if by the million */
};

static const char *const rate_names[PRICE_RATE_COUNT] = {
    [PRICE_INPUT] = "input",
    [PRICE_CACHED_INPUT] = "cached_input",
    [PRICE_CACHE_WRITE] = "cache_write",
    [PRICE_CACHE_WRITE_1H] = "cache_write_1h",
    [PRICE_AUDIO_INPUT] = "audio_input",
    [PRICE_IMAGE_INPUT] = "image_input",
    [PRICE_OUTPUT] = "output",
    [PRICE_REASONING_OUTPUT] = "reasoning_output",
    [PRICE_AUDIO_OUTPUT] = "audio_output",
    [PRICE_IMAGE_OUTPUT] = "image_output",
};

static const char *const tier_names[PRICE_TIER_COUNT] = {
    [USAGE_STANDARD] = "standard",
    [USAGE_BATCH] = "batch",
    [USAGE_FLEX] = "flex",
    [USAGE_PRIORITY] = "priority",
};

static const char *const source_names[] = {
    [PRICE_BY_CONFIG] = "config",   [PRICE_BY_OVERRIDE] = "override",
    [PRICE_BY_CATALOG] = "catalog", [PRICE_BY_DISCOVERY] = "discovered",
    [PRICE_BY_BUILTIN] = "builtin",
};

const char *price_rate_name(enum price_rate rate)
{
    return rate_names[rate];
}

const char *price_tier_name(enum usage_tier tier)
{
    return tier_names[tier];
}

const char *price_source_name(enum price_source source)
{
    return source_names[source];
}

/* ---- Which price ---- */

const struct config_price *price_at(const struct config_model *m, uint64_t wall_us)
{
    const struct config_price *found = m->priced ? &m->price : NULL;

    for (const struct config_price *p = m->price.next;
         p != NULL && p->from_us <= wall_us; p = p->next)
        found = p;
    return found;
}

/* The band of the tier for the longest prompts that are not longer than this one. */
static const struct price_band *find_band(const struct config_price *p,
                                          enum usage_tier tier, uint64_t prompt_tokens)
{
    const struct price_band *found = NULL;

    for (size_t i = 0; i < p->band_count; i++)
        if (p->bands[i].tier == tier &&
            (p->bands[i].above_tokens == 0 || p->bands[i].above_tokens < prompt_tokens))
            found = &p->bands[i];
    return found;
}

static void take_dearer(struct price_rates *r, const struct price_rates *other)
{
    for (size_t i = 0; i < PRICE_RATE_COUNT; i++)
        r->of[i] = money_max(r->of[i], other->of[i]);
}

void price_rates_at(struct price_rates *out, const struct config_price *p,
                    enum usage_tier tier, uint64_t prompt_tokens)
{
    const struct price_band *standard = find_band(p, USAGE_STANDARD, prompt_tokens);
    const struct price_band *own =
        tier == USAGE_STANDARD ? NULL : find_band(p, tier, prompt_tokens);

    *out = standard != NULL ? standard->rates : p->base;
    if (own == NULL)
        return;
    if (standard != NULL && own->above_tokens < standard->above_tokens)
        take_dearer(out, &own->rates);
    else
        *out = own->rates;
}

uint64_t price_next_step(const struct config_price *p, uint64_t above)
{
    uint64_t next = 0;

    for (size_t i = 0; i < p->band_count; i++)
        if (p->bands[i].above_tokens > above &&
            (next == 0 || p->bands[i].above_tokens < next))
            next = p->bands[i].above_tokens;
    return next;
}

/* ---- The worst case ---- */

uint64_t price_prompt_bound(const struct config_model *m, uint64_t body_bytes,
                            uint64_t references, uint64_t reference_tokens)
{
    uint64_t bound = body_bytes / 2 + body_bytes % 2;
    uint64_t extra;

    if (__builtin_mul_overflow(references, reference_tokens, &extra) ||
        __builtin_add_overflow(bound, extra, &bound) || bound > m->context_tokens)
        return m->context_tokens;
    return bound;
}

enum usage_tier price_tier_asked(struct slice service_tier)
{
    static const char *const dear[] = {"priority", "fast", "scale"};

    for (size_t i = 0; i < sizeof(dear) / sizeof(dear[0]); i++)
        if (slice_equal_str(service_tier, dear[i]))
            return USAGE_PRIORITY;
    return slice_equal(service_tier, SLICE("flex")) ? USAGE_FLEX : USAGE_STANDARD;
}

bool price_sells(const struct config_price *p, struct slice service_tier)
{
    bool asks = price_tier_asked(service_tier) == USAGE_PRIORITY;

    for (size_t i = 0; asks && i < p->band_count; i++)
        asks = p->bands[i].tier != USAGE_PRIORITY;
    return !asks;
}

unsigned price_tiers(struct slice service_tier)
{
    const unsigned standard = 1u << USAGE_STANDARD;

    if (slice_equal(service_tier, SLICE("default")) ||
        slice_equal(service_tier, SLICE("standard_only")))
        return standard;
    if (slice_equal(service_tier, SLICE("flex")))
        return standard | 1u << USAGE_FLEX;
    return 0;
}

static enum rc add_line(struct money *sum, uint64_t count, struct money per_mtok,
                        uint32_t markup_ppm)
{
    struct money line;

    if (!money_line(&line, count, per_mtok, markup_ppm) || !money_add(sum, *sum, line))
        return RC_OVERFLOW;
    return RC_OK;
}

static enum rc add_pieces(struct money *sum, uint64_t count, struct money each,
                          uint32_t markup_ppm)
{
    uint64_t units;

    if (__builtin_mul_overflow(count, UNIT, &units))
        return RC_OVERFLOW;
    return add_line(sum, units, each, markup_ppm);
}

/* How many lines can be so near to the dearest rate that rounding each of them up comes
 * to more than their tokens would cost at that rate. A line that is cheaper by a
 * nano-USD a token has made up for it with its first token. */
static uint64_t count_near(const struct price_rates *r, size_t from, size_t to,
                           struct money dearest)
{
    const struct money token = money_from_nano(UNIT);
    uint64_t near = 0;

    for (size_t i = from; i < to; i++) {
        bool seen = false;

        for (size_t k = from; k < i; k++)
            seen = seen || money_cmp(r->of[k], r->of[i]) == 0;
        if (!seen && money_cmp(money_sub_floor(dearest, r->of[i]), token) < 0)
            near++;
    }
    return near;
}

/* What `count` tokens can cost that are of the kinds from..to. */
static enum rc add_worst(struct money *sum, uint64_t count, const struct price_rates *r,
                         size_t from, size_t to, uint32_t markup_ppm)
{
    struct money dearest = MONEY_ZERO;
    struct money line;
    uint64_t near;

    if (count == 0)
        return RC_OK;
    for (size_t i = from; i < to; i++)
        dearest = money_max(dearest, r->of[i]);
    near = count_near(r, from, to, dearest);
    if (near > count)
        near = count;
    if (!money_line(&line, count, dearest, markup_ppm) ||
        !money_add(&line, line, money_from_nano(near - 1)) ||
        !money_add(sum, *sum, line))
        return RC_OVERFLOW;
    return RC_OK;
}

/* Raises *worst to what a call can cost at the rates for this tier and length. */
static enum rc raise_worst(struct money *worst, const struct config_price *p,
                           const struct price_bounds *b, enum usage_tier tier,
                           uint64_t prompt)
{
    struct money sum = MONEY_ZERO;
    struct price_rates r;
    uint64_t output;

    if (__builtin_mul_overflow(b->choices, b->output, &output))
        return RC_OVERFLOW;
    price_rates_at(&r, p, tier, prompt);
    TRY(add_worst(&sum, b->prompt, &r, 0, PRICE_INPUT_COUNT, p->markup_ppm));
    TRY(add_worst(&sum, output, &r, PRICE_INPUT_COUNT, PRICE_RATE_COUNT,
                  p->markup_ppm));
    TRY(add_pieces(&sum, b->searches, p->web_search, p->markup_ppm));
    TRY(add_pieces(&sum, 1, p->request, p->markup_ppm));
    *worst = money_max(*worst, sum);
    return RC_OK;
}

enum rc price_bound(struct money *out, const struct config_price *p,
                    const struct price_bounds *b)
{
    struct money worst = MONEY_ZERO;

    if (p->band_count == 0) {
        TRY(raise_worst(&worst, p, b, USAGE_STANDARD, 0));
        *out = worst;
        return RC_OK;
    }
    for (unsigned tier = 0; tier < PRICE_TIER_COUNT; tier++) {
        if (b->tiers != 0 && (b->tiers & 1u << tier) == 0)
            continue;
        TRY(raise_worst(&worst, p, b, (enum usage_tier)tier, 0));
        for (uint64_t above = price_next_step(p, 0); above > 0 && above < b->prompt;
             above = price_next_step(p, above))
            TRY(raise_worst(&worst, p, b, (enum usage_tier)tier, above + 1));
    }
    *out = worst;
    return RC_OK;
}

enum rc price_worst(struct money *out, const struct config_model *m,
                    uint64_t prompt_bound, uint64_t choices, uint64_t output_bound)
{
    const struct price_bounds bounds = {
        .prompt = prompt_bound, .choices = choices, .output = output_bound};

    return price_bound(out, &m->price, &bounds);
}

/* ---- The true cost ---- */

/* Puts the counts of equal rates into one, so that they are one line. */
static void merge_equal(uint64_t *counts, const struct price_rates *r, size_t from,
                        size_t to)
{
    for (size_t i = from + 1; i < to; i++)
        for (size_t k = from; k < i; k++)
            if (money_cmp(r->of[k], r->of[i]) == 0) {
                counts[k] += counts[i];
                counts[i] = 0;
                break;
            }
}

enum rc price_exact(struct money *out, const struct config_price *p,
                    const struct usage *u)
{
    uint64_t counts[PRICE_RATE_COUNT] = {
        [PRICE_INPUT] = u->in_uncached,
        [PRICE_CACHED_INPUT] = u->in_cache_read,
        [PRICE_CACHE_WRITE] = u->in_cache_write,
        [PRICE_CACHE_WRITE_1H] = u->in_cache_write_1h,
        [PRICE_AUDIO_INPUT] = u->in_audio,
        [PRICE_IMAGE_INPUT] = u->in_image,
        [PRICE_OUTPUT] = u->out_text,
        [PRICE_REASONING_OUTPUT] = u->out_reasoning,
        [PRICE_AUDIO_OUTPUT] = u->out_audio,
        [PRICE_IMAGE_OUTPUT] = u->out_image,
    };
    const uint64_t prompt = usage_prompt(u);
    struct money sum = MONEY_ZERO;
    struct price_rates r;

    price_rates_at(&r, p, u->tier, prompt);
    merge_equal(counts, &r, 0, PRICE_INPUT_COUNT);
    merge_equal(counts, &r, PRICE_INPUT_COUNT, PRICE_RATE_COUNT);
    for (size_t i = 0; i < PRICE_RATE_COUNT; i++)
        TRY(add_line(&sum, counts[i], r.of[i], p->markup_ppm));
    TRY(add_pieces(&sum, u->web_searches, p->web_search, p->markup_ppm));
    if (prompt + usage_completion(u) + u->web_searches > 0)
        TRY(add_pieces(&sum, 1, p->request, p->markup_ppm));
    *out = sum;
    return RC_OK;
}

/* ---- Making one ---- */

/* A rate that no amount can hold is found too large when its model is checked. */
static struct money times(struct money price, struct money part, struct money whole)
{
    struct money grown = money_from_nano(UINT64_MAX);

    return money_scale(&grown, price, part, whole) ? grown
                                                   : money_from_nano(UINT64_MAX);
}

static struct money plain_rate(const struct price_rates *r, size_t rate)
{
    if (rate == PRICE_CACHE_WRITE_1H)
        return r->of[PRICE_CACHE_WRITE];
    return r->of[rate < PRICE_INPUT_COUNT ? PRICE_INPUT : PRICE_OUTPUT];
}

struct money price_search_default(void)
{
    struct money m = MONEY_ZERO;
    const enum rc rc = money_parse(&m, SLICE("0.035"));

    assert(rc == RC_OK);
    return m;
}

void price_fill(struct price_rates *r, unsigned given)
{
    for (size_t i = 0; i < PRICE_RATE_COUNT; i++)
        if ((given & 1u << i) == 0)
            r->of[i] = plain_rate(r, i);
}

void price_fill_band(struct price_rates *r, unsigned given,
                     const struct price_rates *base, unsigned base_given)
{
    static const size_t leaders[] = {PRICE_INPUT, PRICE_OUTPUT};

    for (size_t i = 0; i < 2; i++)
        if ((given & 1u << leaders[i]) == 0)
            r->of[leaders[i]] = base->of[leaders[i]];
    for (size_t i = 0; i < PRICE_RATE_COUNT; i++) {
        const size_t leader = i < PRICE_INPUT_COUNT ? PRICE_INPUT : PRICE_OUTPUT;
        const struct money now = r->of[leader];
        const struct money before = base->of[leader];

        if (i == leader || (given & 1u << i) != 0)
            continue;
        if ((base_given & 1u << i) == 0)
            r->of[i] = plain_rate(r, i);
        else if (money_cmp(now, before) > 0 && !money_is_zero(before))
            r->of[i] = times(base->of[i], now, before);
        else
            r->of[i] = base->of[i];
    }
}

static void put_amount(struct buf *b, struct money m)
{
    buf_printf(b, " %" PRIx64, money_to_nano(m));
}

/* The four rates that every price says. */
static const enum price_rate plain[] = {PRICE_INPUT, PRICE_CACHED_INPUT,
                                        PRICE_CACHE_WRITE, PRICE_OUTPUT};

static void put_plain(struct buf *b, const struct config_price *p)
{
    char text[MONEY_TEXT_SIZE];

    buf_append_str(b, "mtok");
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        money_print(text, p->base.of[plain[i]]);
        buf_printf(b, " %s", text);
    }
    buf_printf(b, " markup %" PRIu32, p->markup_ppm);
}

/* What differs from what those four come to: so a price that has no more to say keeps
 * its version, whatever kinds of rates come up. */
static void put_rest(struct buf *b, const struct config_price *p)
{
    struct price_rates filled = {0};
    struct money search;
    unsigned given = 0;

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        filled.of[plain[i]] = p->base.of[plain[i]];
        given |= 1u << plain[i];
    }
    price_fill(&filled, given);
    for (unsigned i = 0; i < PRICE_RATE_COUNT; i++)
        if (money_cmp(filled.of[i], p->base.of[i]) != 0) {
            buf_printf(b, " %s", price_rate_name(i));
            put_amount(b, p->base.of[i]);
        }
    for (size_t i = 0; i < p->band_count; i++) {
        buf_printf(b, " %s %" PRIx64, price_tier_name(p->bands[i].tier),
                   p->bands[i].above_tokens);
        for (size_t k = 0; k < PRICE_RATE_COUNT; k++)
            put_amount(b, p->bands[i].rates.of[k]);
    }
    search = price_search_default();
    if (money_cmp(p->web_search, search) != 0) {
        buf_append_str(b, " search");
        put_amount(b, p->web_search);
    }
    if (!money_is_zero(p->request)) {
        buf_append_str(b, " request");
        put_amount(b, p->request);
    }
}

void price_seal(struct config_price *p)
{
    uint8_t digest[SHA256_LEN];
    char room[TEXT_SIZE];
    struct buf b;

    static_assert(sizeof(p->version) / 2 > VERSION_BYTES, "room for a NUL");
    static_assert((PRICE_BANDS_MAX + 1) * (PRICE_RATE_COUNT + 2) * AMOUNT_LEN <
                      TEXT_SIZE - REST_LEN,
                  "room for all of it");
    buf_init_lent(&b, room, sizeof(room));
    put_plain(&b, p);
    put_rest(&b, p);
    assert(!buf_spent(&b));
    sha256(digest, buf_slice(&b));
    hex_encode(p->version, digest, VERSION_BYTES);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Worst-case and exact prices of model calls. */
#include "gateway/price.h"

static enum rc add_line(struct money *sum, uint64_t count, struct money per_mtok,
                        uint32_t markup_ppm)
{
    struct money line;

    if (!money_line(&line, count, per_mtok, markup_ppm) || !money_add(sum, *sum, line))
        return RC_OVERFLOW;
    return RC_OK;
}

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

enum rc price_worst(struct money *out, const struct config_model *m,
                    uint64_t prompt_bound, uint64_t choices, uint64_t output_bound)
{
    const struct config_price *p = &m->price;
    struct money dearest =
        money_max(p->input, money_max(p->cached_input, p->cache_write));
    struct money sum = MONEY_ZERO;
    uint64_t output;

    if (__builtin_mul_overflow(choices, output_bound, &output))
        return RC_OVERFLOW;
    TRY(add_line(&sum, prompt_bound, dearest, p->markup_ppm));
    TRY(add_line(&sum, output, p->output, p->markup_ppm));
    *out = sum;
    return RC_OK;
}

enum rc price_exact(struct money *out, const struct config_price *p,
                    const struct usage *u)
{
    struct money sum = MONEY_ZERO;

    TRY(add_line(&sum, u->in_uncached + u->in_audio + u->in_image, p->input,
                 p->markup_ppm));
    TRY(add_line(&sum, u->in_cache_read, p->cached_input, p->markup_ppm));
    TRY(add_line(&sum, u->in_cache_write + u->in_cache_write_1h, p->cache_write,
                 p->markup_ppm));
    TRY(add_line(&sum, usage_completion(u), p->output, p->markup_ppm));
    *out = sum;
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settle/fees.h"

enum {
    GAS_MIN = 60 * 1000,       /* below: no transfer costs less than 65,000 */
    GAS_MAX = 2 * 1000 * 1000, /* rollups count the layer below as gas */
    EIGHTH = 8
};

static uint64_t at_most(uint64_t value, uint64_t max)
{
    return value < max ? value : max;
}

struct fees fees_for(uint64_t base_fee, uint64_t advice)
{
    const uint64_t base = at_most(base_fee, FEES_MAX_WEI / 4);
    const uint64_t tip = advice == 0 ? FEES_TIP_WEI : at_most(advice, FEES_MAX_WEI / 4);

    return (struct fees){2 * base + tip, tip};
}

static uint64_t raise(uint64_t old, uint64_t now)
{
    const uint64_t raised = old + old / EIGHTH + 1;

    return raised > now ? raised : now;
}

bool fees_bump(struct fees *out, struct fees old, struct fees now)
{
    struct fees f;

    if (old.max_fee > FEES_MAX_WEI || old.priority > FEES_MAX_WEI)
        return false;
    f = (struct fees){raise(old.max_fee, now.max_fee),
                      raise(old.priority, now.priority)};
    if (f.max_fee > FEES_MAX_WEI || f.priority > f.max_fee)
        return false;
    *out = f;
    return true;
}

struct x402_u256 fees_total(uint64_t gas_limit, uint64_t max_fee)
{
    const unsigned __int128 product = (unsigned __int128)gas_limit * max_fee;
    struct x402_u256 v = X402_ZERO;

    for (unsigned i = 0; i < sizeof(product); i++)
        v.bytes[X402_WORD_LEN - 1 - i] = (uint8_t)(product >> (8 * i));
    return v;
}

uint64_t fees_gas_limit(uint64_t estimate)
{
    const uint64_t limit = estimate + estimate / 4;

    if (estimate > GAS_MAX || limit > GAS_MAX)
        return 0;
    return limit < GAS_MIN ? GAS_MIN : limit;
}

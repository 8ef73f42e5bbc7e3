/* SPDX-License-Identifier: Apache-2.0 */
/* Reads RLP to its depth and writes it again. */
#ifndef TESTS_RLP_COPY_H
#define TESTS_RLP_COPY_H

#include <stdbool.h>

#include "x402/x402.h"

/* Appends (that is, prepends) all items. false: they are no RLP. */
static inline bool rlp_copy(struct x402_rlp_out *o, struct slice items)
{
    struct x402_rlp_item item;
    size_t mark;

    if (items.len == 0)
        return true;
    if (x402_rlp_next(&item, &items) != RC_OK || !rlp_copy(o, items))
        return false;
    if (!item.is_list) {
        x402_rlp_put(o, item.body);
        return true;
    }
    mark = x402_rlp_mark(o);
    if (!rlp_copy(o, item.body))
        return false;
    x402_rlp_close(o, mark);
    return true;
}

#endif

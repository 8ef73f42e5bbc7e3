/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the payment scheme of a request from the generated table. */
#include "gateway/payment.h"

extern const struct payment *const payment_table[]; /* made by mkregistry */

const struct payment *payment_for(const struct http_request *http)
{
    for (size_t i = 0; payment_table[i] != NULL; i++)
        if (payment_table[i]->mine(http))
            return payment_table[i];
    return NULL;
}

void payment_offers(struct buf *out, const struct request *r)
{
    for (size_t i = 0; payment_table[i] != NULL; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        payment_table[i]->offer(out, r);
    }
}

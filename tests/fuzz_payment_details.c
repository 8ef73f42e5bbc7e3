/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in the details of a payment's record is refused or has exactly the
 * encoding that was read. */
#include "gateway/settle/details.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[WALLET_PAYMENT_DETAILS_MAX];
    struct details d;
    uint16_t len;

    if (size > sizeof(again) ||
        details_decode(&d, slice_from((const char *)data, size)) != RC_OK)
        return 0;
    if (details_encode(again, &len, &d) != RC_OK || len != size ||
        memcmp(again, data, size) != 0 || !details_same(&d.payment, &d.payment))
        abort();
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Finding adapters in the table that mkregistry prints. */
#include "gateway/provider.h"

extern const struct provider *const provider_table[]; /* made: NULL at the end */

const struct provider *provider_at(size_t index)
{
    for (size_t i = 0; provider_table[i] != NULL; i++)
        if (i == index)
            return provider_table[i];
    return NULL;
}

const struct provider *provider_find(struct slice kind)
{
    for (size_t i = 0; provider_table[i] != NULL; i++)
        if (slice_equal_str(kind, provider_table[i]->kind))
            return provider_table[i];
    return NULL;
}

const struct wire *provider_wire(const struct provider *p, const struct wire *wire)
{
    for (size_t i = 0; p->wires != NULL && p->wires[i] != NULL; i++)
        if (p->wires[i] == wire)
            return wire;
    for (size_t i = 0; p->wires != NULL && p->wires[i] != NULL; i++)
        if (p->wires[i]->write != NULL)
            return p->wires[i];
    return NULL;
}

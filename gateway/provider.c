/* SPDX-License-Identifier: Apache-2.0 */
/* Finding adapters in the table that mkregistry prints. */
#include "gateway/provider.h"

#include "gateway/catalog.h"

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

/* Some models are served by one of their vendor's faces only. */
static bool is_served(const struct config_provider *p, struct slice model,
                      const struct wire *wire)
{
    const struct catalog_model *m;

    if (p->adapter->takes != NULL && !p->adapter->takes(p, wire))
        return false;
    if (wire != &wire_chat && wire != &wire_responses)
        return true;
    m = catalog_find(slice_str(p->adapter->kind), model);
    if (m == NULL || m->endpoints == 0)
        return true;
    return (m->endpoints & (wire == &wire_chat ? MODEL_BY_CHAT : MODEL_BY_RESPONSES)) !=
           0;
}

const struct wire *provider_wire(const struct config_provider *p, struct slice model,
                                 const struct wire *wire)
{
    const struct wire *const *wires = p->adapter->wires;

    for (size_t i = 0; wires != NULL && wires[i] != NULL; i++)
        if (wires[i] == wire && is_served(p, model, wire))
            return wire;
    for (size_t i = 0; wires != NULL && wires[i] != NULL; i++)
        if (wires[i]->write != NULL && is_served(p, model, wires[i]))
            return wires[i];
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts that speak OpenAI's dialect, one line each: where they are and in what they
 * differ. Names that are not here are fine too: they only say whose list prices count.
 * Facts: the vendors' references and tests/recorded. */
#ifndef GATEWAY_PROVIDERS_VENDORS_H
#define GATEWAY_PROVIDERS_VENDORS_H

#include "base/slice.h"

struct vendor {
    const char *name;     /* as the configuration names it */
    const char *catalog;  /* as the catalogue does; NULL: the same */
    const char *base_url; /* without trailing slash; NULL: must be given */
    unsigned quirks;      /* of all its models */
};

/* NULL: not known, or no name. */
const struct vendor *vendor_find(const char *name);
/* All, NULL at the end. */
const struct vendor *vendor_at(size_t index);
/* Under which name the catalogue has a vendor's models. */
const char *vendor_catalog(const char *name);
/* Quirks of a vendor's model (gateway/quirks.h); of an unknown vendor, what is surest.
 */
unsigned vendor_quirks(const char *name, struct slice model);

#endif

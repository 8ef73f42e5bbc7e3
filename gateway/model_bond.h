/* SPDX-License-Identifier: Apache-2.0 */
/* Model calls that name what a vendor keeps for one of its keys: an earlier answer, an
 * item of one. Who may name it is the wallet that it was made for. */
#ifndef GATEWAY_MODEL_BOND_H
#define GATEWAY_MODEL_BOND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"
#include "gateway/key_bonds.h"

struct request;

enum {
    MODEL_MADE_MAX = 64 /* ids in one answer that a later call may name */
};

struct model_bond {
    const struct key_bond *maker; /* of what the call names; NULL: it names nothing */
    bool only;                    /* nobody else can serve it */
    uint64_t kept_tokens;         /* of what the maker keeps and the call names */
    size_t made_count;            /* by this answer */
    struct slice made[MODEL_MADE_MAX];
};

/* The call names something by its id, as a vendor made it: then that one's provider and
 * key are asked first; `only`: nobody else, and what it keeps counts for the worst
 * case. RC_NOT_FOUND: it was not made for this wallet, or not by a target of this
 * model, or not where something else was that only its maker can serve. */
MUST_CHECK enum rc model_call_refer(struct request *r, struct slice id, bool only);
/* When an answer is complete: remembers who made it, for calls that name it. */
void model_call_tie(struct request *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a vendor keeps for one of its keys only (an answer that is referred to by its
 * id, encrypted reasoning) must go back to the provider and the key that made it. Here
 * stands which that was: a digest of the id and of whose it is, in a bounded table in
 * memory. What is forgotten, or was another's, is simply not known. Any thread. */
#ifndef GATEWAY_KEY_BONDS_H
#define GATEWAY_KEY_BONDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"
#include "gateway/config.h"

enum {
    KEY_BONDS_MAX = 32768 /* the oldest of their neighbours give way */
};

struct key_bonds;
MUST_CHECK enum rc key_bonds_open(struct key_bonds **out);
void key_bonds_close(struct key_bonds *b); /* NULL is fine */

/* Where something was made. Flat. */
struct key_bond {
    uint64_t provider;
    uint64_t key;    /* 0: the provider has none */
    uint64_t tokens; /* of a prompt that refers to it, at most */
};

/* owner: bytes that stand for the one who may refer to it (the wallet); id: what he
 * will name it by, as the vendor made it. key: index of the key that was used;
 * KEY_TURNS_NONE: none. */
void key_bonds_tie(struct key_bonds *b, struct slice owner, struct slice id,
                   const struct config_provider *p, size_t key, uint64_t tokens);
bool key_bonds_find(struct key_bond *out, struct key_bonds *b, struct slice owner,
                    struct slice id);

/* Whether this provider made it; *key: with which of its keys (KEY_TURNS_NONE: it has
 * none). false: another did, or the key is not configured any more. */
bool key_bond_is(const struct key_bond *bond, const struct config_provider *p,
                 size_t *key);

#endif

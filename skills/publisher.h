/* SPDX-License-Identifier: Apache-2.0 */
/* Who lists skills and is paid. A publisher belongs to a wallet: the keys of that
 * wallet (and of those below it) may publish and read its earnings. */
#ifndef SKILLS_PUBLISHER_H
#define SKILLS_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/rc.h"
#include "base/slice.h"
#include "skills/name.h"
#include "skills/signature.h"

struct skills;

enum {
    SKILL_DISPLAY_MAX = 64, /* bytes: UTF-8 without control characters */
    SKILL_PAYOUT_MAX = 64,  /* of a network's name, and of an address */
    SKILL_SHARE_NONE = UINT32_MAX
};

struct skill_publisher {
    char handle[SKILL_PUBLISHER_MAX + 1]; /* unique, never reused */
    char display[SKILL_DISPLAY_MAX + 1];  /* the handle if none was given */
    struct id id;     /* derived from the handle; tags its entries */
    struct id wallet; /* ID_NONE: only the operator publishes */
    bool has_key;
    bool signature_required; /* a version without the key's signature is refused */
    uint8_t key[SKILL_KEY_LEN];
    char network[SKILL_PAYOUT_MAX + 1]; /* "eip155:84532" or "" : paid by hand */
    char address[SKILL_PAYOUT_MAX + 1]; /* where the earnings go, "0x.." */
    uint32_t house_ppm; /* the platform's part; SHARE_NONE: the default */
    bool suspended;     /* nothing of it is listed or paid out; its books stay */
    uint64_t created_us;
    uint64_t changed_us; /* of key or address: payouts wait from here anew */
    uint64_t version;    /* of the record */
};

struct id skill_publisher_id(struct slice handle);

/* Waits. handle, display, wallet, key, network, address, house_ppm from *p; the rest is
 * filled. RC_BAD_INPUT, RC_EXISTS; RC_CONFLICT: too close to another's name;
 * RC_FORBIDDEN: a name that nobody may have ("admin", "official", ..). */
MUST_CHECK enum rc skill_publisher_create(struct skill_publisher *p, struct skills *s);
/* Waits. All but handle, id, created_us as in *p, whose version must be the present one
 * (RC_STALE). */
MUST_CHECK enum rc skill_publisher_change(struct skill_publisher *p, struct skills *s);
/* From memory; fit for a loop. RC_NOT_FOUND. */
MUST_CHECK enum rc skill_publisher_get(struct skill_publisher *out, struct skills *s,
                                       struct slice handle);
/* In the order of handles, until each() returns false. each() must not call back. */
typedef bool skill_publisher_fn(void *arg, const struct skill_publisher *p);
void skill_publisher_list(struct skills *s, struct slice after,
                          skill_publisher_fn *each, void *arg);
/* Whether a caller of this wallet (or its ancestors, `path`, itself first) may act for
 * it. */
bool skill_publisher_owned(const struct skill_publisher *p, const struct id *path,
                           size_t count);

#endif

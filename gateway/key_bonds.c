/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/key_bonds.h"

#include "base/map.h"
#include "base/secret.h"
#include "gateway/key_turns.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    WAYS = 8,
    SETS = KEY_BONDS_MAX / WAYS
};

struct tied {
    uint64_t id; /* 0: free */
    uint64_t age;
    struct key_bond bond;
};

struct key_bonds {
    pthread_mutex_t lock;
    uint64_t clock; /* counts ties */
    struct tied sets[SETS][WAYS];
};

enum rc key_bonds_open(struct key_bonds **out)
{
    struct key_bonds *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return RC_NOMEM;
    (void)pthread_mutex_init(&b->lock, NULL);
    *out = b;
    return RC_OK;
}

void key_bonds_close(struct key_bonds *b)
{
    if (b == NULL)
        return;
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}

/* Both hashes are keyed, so nobody can choose an id that is taken for another's. */
static uint64_t name_of(struct slice owner, struct slice id)
{
    const uint64_t halves[] = {map_hash(owner), map_hash(id)};
    const uint64_t name = map_hash(slice_from((const char *)halves, sizeof(halves)));

    return name != 0 ? name : 1;
}

static uint64_t key_name(const struct config_provider *p, size_t key)
{
    return key < p->key_count ? map_hash(secret_open(p->api_keys[key])) | 1 : 0;
}

void key_bonds_tie(struct key_bonds *b, struct slice owner, struct slice id,
                   const struct config_provider *p, size_t key, uint64_t tokens)
{
    const uint64_t name = name_of(owner, id);
    struct tied *set = b->sets[name % SETS];
    struct tied *place = &set[0];

    (void)pthread_mutex_lock(&b->lock);
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].id == name) {
            place = &set[i];
            break;
        }
        if (set[i].age < place->age)
            place = &set[i];
    }
    *place = (struct tied){
        .id = name,
        .age = ++b->clock,
        .bond = {map_hash(slice_str(p->name)), key_name(p, key), tokens},
    };
    (void)pthread_mutex_unlock(&b->lock);
}

bool key_bonds_find(struct key_bond *out, struct key_bonds *b, struct slice owner,
                    struct slice id)
{
    const uint64_t name = name_of(owner, id);
    struct tied *set = b->sets[name % SETS];
    bool found = false;

    (void)pthread_mutex_lock(&b->lock);
    for (unsigned i = 0; i < WAYS && !found; i++)
        if (set[i].id == name) {
            *out = set[i].bond;
            found = true;
        }
    (void)pthread_mutex_unlock(&b->lock);
    return found;
}

bool key_bond_is(const struct key_bond *bond, const struct config_provider *p,
                 size_t *key)
{
    if (map_hash(slice_str(p->name)) != bond->provider)
        return false;
    *key = KEY_TURNS_NONE;
    if (bond->key == 0)
        return p->key_count == 0;
    for (size_t i = 0; i < p->key_count; i++)
        if (key_name(p, i) == bond->key) {
            *key = i;
            return true;
        }
    return false;
}

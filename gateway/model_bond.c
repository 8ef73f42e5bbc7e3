/* SPDX-License-Identifier: Apache-2.0 */
/* Which targets can serve what a call names, and the ids that an answer brings. */
#include "gateway/model_bond.h"

#include "gateway/model_int.h"

static struct slice owner(const struct request *r)
{
    return slice_from((const char *)r->caller.wallet.bytes, ID_LEN);
}

/* The targets that have made it go to the front. Returns how many there are. */
static size_t order_by(struct model_call *m, const struct key_bond *bond)
{
    uint8_t others[SELECT_TARGETS_MAX];
    size_t count = 0, other_count = 0, key;

    for (size_t i = 0; i < m->order_count; i++) {
        const uint8_t index = m->order[i];

        if (key_bond_is(bond, m->model->targets[index].provider, &key))
            m->order[count++] = index;
        else
            others[other_count++] = index;
    }
    for (size_t i = 0; i < other_count; i++)
        m->order[count + i] = others[i];
    return count;
}

enum rc model_call_refer(struct request *r, struct slice id, bool only)
{
    struct model_call *m = r->api_state;
    struct model_bond *b = m->bond;
    struct key_bond *found = arena_new(r->arena, struct key_bond);
    size_t count;

    if (found == NULL)
        return RC_NOMEM;
    if (!r->identified || !key_bonds_find(found, r->worker->key_bonds, owner(r), id))
        return RC_NOT_FOUND;
    if (b->only)
        count = b->maker->provider == found->provider && b->maker->key == found->key;
    else
        count = order_by(m, found);
    if (count == 0)
        return RC_NOT_FOUND;
    if (!b->only)
        b->maker = found;
    if (!only)
        return RC_OK;
    if (!b->only)
        m->order_count = count;
    b->only = true;
    b->kept_tokens += found->tokens;
    return RC_OK;
}

static void note(struct request *r, struct model_bond *b, struct slice id)
{
    if (id.len == 0 || b->made_count == MODEL_MADE_MAX)
        return;
    b->made[b->made_count] = arena_slice(r->arena, id);
    b->made_count += b->made[b->made_count].bytes != NULL;
}

void model__note_made(struct request *r, const struct answer_event *e)
{
    const struct model_call *m = r->api_state;

    if (m->bond == NULL || !m->is_short)
        return;
    note(r, m->bond, e->id);
    if (!slice_equal(e->id, e->item_id))
        note(r, m->bond, e->item_id);
}

void model_call_tie(struct request *r)
{
    struct model_call *m = r->api_state;
    uint64_t tokens = usage_prompt(&m->usage) + usage_completion(&m->usage);

    if (!m->usage.known)
        tokens = m->prompt_bound + m->output_bound;
    for (size_t i = 0; r->identified && i < m->bond->made_count; i++)
        key_bonds_tie(r->worker->key_bonds, owner(r), m->bond->made[i],
                      m->target->provider, m->key, tokens);
}

size_t model__take_key(struct request *r)
{
    struct model_call *m = r->api_state;
    const struct config_provider *p = m->target->provider;
    size_t key;

    if (m->bond != NULL && m->bond->maker != NULL && m->keys.count == 0 &&
        key_bond_is(m->bond->maker, p, &key))
        return key == KEY_TURNS_NONE ? key : key_turns_take_this(p, key, &m->keys);
    return key_turns_take(r->worker->key_turns, p, &m->keys);
}

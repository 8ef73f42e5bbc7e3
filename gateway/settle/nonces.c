/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settle/nonces.h"

static struct nonces_given *find(struct nonces *n, uint64_t nonce)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->given[i].nonce == nonce)
            return &n->given[i];
    return NULL;
}

static bool is_given(const struct nonces *n, uint64_t nonce)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->given[i].nonce == nonce)
            return true;
    return false;
}

static void drop(struct nonces *n, struct nonces_given *g)
{
    *g = n->given[--n->count];
}

static enum rc add(struct nonces *n, uint64_t nonce)
{
    if (n->count == NONCES_MAX)
        return RC_BUSY;
    n->given[n->count++] = (struct nonces_given){nonce, UINT64_MAX};
    return RC_OK;
}

static bool is_free_again(const struct nonces *n, const struct nonces_given *g,
                          uint64_t now_ms)
{
    if (g->left_ms == UINT64_MAX)
        return false;
    return g->nonce < n->latest ||
           (g->nonce >= n->pending && now_ms - g->left_ms >= NONCES_LEFT_MS);
}

void nonces_learn(struct nonces *n, uint64_t latest, uint64_t pending, uint64_t now_ms)
{
    n->known = true;
    n->latest = latest;
    n->pending = pending;
    /* A node that still has not seen it after so long has lost it. */
    if (latest < n->mined && now_ms - n->mined_ms >= NONCES_MINED_MS)
        n->mined = latest;
    for (size_t i = n->count; i > 0; i--)
        if (is_free_again(n, &n->given[i - 1], now_ms))
            drop(n, &n->given[i - 1]);
}

static uint64_t lowest_free(const struct nonces *n)
{
    uint64_t nonce = n->latest;

    if (n->pending > nonce)
        nonce = n->pending;
    if (n->mined > nonce)
        nonce = n->mined;
    while (is_given(n, nonce))
        nonce++;
    return nonce;
}

enum rc nonces_take(struct nonces *n, uint64_t *out)
{
    const uint64_t nonce = lowest_free(n);

    if (!n->known)
        return RC_STALE;
    TRY(add(n, nonce));
    *out = nonce;
    return RC_OK;
}

bool nonces_is_above_hole(const struct nonces *n, uint64_t nonce)
{
    return n->known && lowest_free(n) < nonce;
}

enum rc nonces_hold(struct nonces *n, uint64_t nonce)
{
    struct nonces_given *g = find(n, nonce);

    if (g == NULL)
        return add(n, nonce);
    g->left_ms = UINT64_MAX;
    return RC_OK;
}

void nonces_return(struct nonces *n, uint64_t nonce, bool used, uint64_t now_ms)
{
    struct nonces_given *g = find(n, nonce);

    if (g != NULL)
        drop(n, g);
    if (used && nonce >= n->mined) {
        n->mined = nonce + 1;
        n->mined_ms = now_ms;
    }
}

void nonces_leave(struct nonces *n, uint64_t nonce, uint64_t now_ms)
{
    struct nonces_given *g = find(n, nonce);

    if (g != NULL)
        g->left_ms = now_ms;
}

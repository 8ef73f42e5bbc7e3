/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the payment scheme of a request from the generated table. */
#include "gateway/payment.h"

#include "gateway/request.h"

extern const struct payment *const payment_table[]; /* made by mkregistry */

enum {
    OFFERS_MAX = 65536
};

const struct payment *payment_for(const struct http_request *http)
{
    for (size_t i = 0; payment_table[i] != NULL; i++)
        if (payment_table[i]->mine(http))
            return payment_table[i];
    return NULL;
}

void payment_offers(struct buf *out, struct request *r)
{
    for (size_t i = 0; payment_table[i] != NULL; i++) {
        struct buf members;

        buf_init(&members, OFFERS_MAX);
        payment_table[i]->offer(&members, r);
        if (buf_len(&members) > 0 && buf_len(out) > 0)
            buf_append_char(out, ',');
        buf_append(out, buf_slice(&members));
        buf_free(&members);
    }
}

struct slice payment_extensions(struct request *r)
{
    struct slice members = SLICE_NONE;

    for (size_t i = 0; payment_table[i] != NULL; i++) {
        struct slice json;
        const char *name;

        if (payment_table[i]->extension != NULL &&
            payment_table[i]->extension(r, &name, &json))
            members = slice_str(arena_printf(
                r->arena, "%.*s%s\"%s\":%.*s", (int)members.len,
                members.len > 0 ? members.bytes : "", members.len > 0 ? "," : "", name,
                (int)json.len, json.bytes));
    }
    return members.len == 0 ? SLICE_NONE
                            : slice_str(arena_printf(r->arena, "{%.*s}",
                                                     (int)members.len, members.bytes));
}

enum rc payment_key_beside(struct request *r)
{
    for (size_t i = 0; payment_table[i] != NULL; i++)
        if (payment_table[i]->is_key && payment_table[i]->mine(r->http))
            return payment_table[i]->identify(r);
    return RC_OK;
}

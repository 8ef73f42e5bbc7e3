/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping the items of an answer, and putting them where they are referred to. */
#include "gateway/apis/responses_kept.h"

#include "base/codec.h"
#include "gateway/model_int.h"
#include "gateway/wires/json_body.h"

#include <string.h>

/* Who may name it is the wallet that it was made for. RC_NOT_FOUND: there is none. */
static enum rc key_of(uint8_t key[SHA256_LEN], const struct request *r, struct slice id)
{
    const struct slice wallet =
        slice_from((const char *)r->caller.wallet.bytes, ID_LEN);
    struct sha256_state s;

    if (!r->identified || r->worker->items == NULL)
        return RC_NOT_FOUND;
    TRY(sha256_start(&s));
    sha256_add(&s, wallet);
    sha256_add(&s, id);
    sha256_end(key, &s);
    return RC_OK;
}

/* ---- Recalling ---- */

static enum rc find(struct slice *item, struct request *r, struct slice reference)
{
    const struct model_call *m = r->api_state;
    uint8_t key[SHA256_LEN];
    struct answer kept;
    struct slice type, id, name;

    if (json_raw_member(&type, reference, "type") != JSON_STRING ||
        !json_body_is(type, "item_reference") ||
        json_raw_member(&id, reference, "id") != JSON_STRING)
        return RC_NOT_FOUND;
    TRY(json_raw_string(&name, id, m->memory));
    TRY(key_of(key, r, name));
    TRY(answers_find(&kept, r->worker->items, key, m->memory));
    *item = kept.body;
    return RC_OK;
}

/* The input with its references replaced; *count: how many. */
static void expand(struct buf *out, struct request *r, struct slice input,
                   unsigned *count)
{
    struct slice item, kept;
    size_t at = 0;

    buf_append_char(out, '[');
    while (json_raw_element(&item, input, &at) != JSON_ABSENT) {
        const bool known = find(&kept, r, item) == RC_OK;

        if (buf_len(out) > 1)
            buf_append_char(out, ',');
        buf_append(out, known ? kept : item);
        *count += known;
    }
    buf_append_char(out, ']');
}

static bool has_references(struct slice input)
{
    return json_raw_type(input) == JSON_ARRAY &&
           slice_search(input, SLICE("item_reference")) < input.len;
}

enum rc responses_recall(struct request *r)
{
    struct model_call *m = r->api_state;
    const struct json_field *f = model_call_field(m, "input");
    const size_t most = r->config->limits.max_body_bytes;
    struct json_splice change = {.field = f};
    struct buf input, body;
    unsigned count = 0;
    enum rc rc = RC_OK;

    if (!has_references(f->raw))
        return RC_OK;
    TRY(model__memory(m));
    buf_init(&input, most);
    buf_init(&body, most);
    expand(&input, r, f->raw, &count);
    change.value = buf_slice(&input);
    if (count > 0 && !buf_spent(&input)) {
        json_splice(&body, m->body, &change, 1);
        rc = buf_spent(&body)
                 ? RC_TOO_BIG
                 : model__scan(r, arena_slice(m->memory, buf_slice(&body)));
    } else if (count > 0) {
        rc = RC_TOO_BIG;
    }
    buf_free(&input);
    buf_free(&body);
    return rc == RC_OK && arena_spent(m->memory) ? RC_NOMEM : rc;
}

/* ---- Keeping ---- */

static void keep(struct request *r, struct slice item)
{
    uint8_t key[SHA256_LEN];
    struct answer_slot *slot;
    struct slice id, name;

    if (json_raw_member(&id, item, "id") != JSON_STRING ||
        json_raw_string(&name, id, r->arena) != RC_OK || key_of(key, r, name) != RC_OK)
        return;
    slot = answer_slot_new();
    if (slot == NULL)
        return;
    buf_append(&slot->body, item);
    if (buf_spent(&slot->body))
        answer_slot_free(slot); /* the next call will be told that it is not known */
    else
        answers_keep(r->worker->items, key, slot);
}

/* The answer's object: all of what was written, or the data of the last event. */
static struct slice answer_of(const struct model_call *m)
{
    const struct slice all = buf_slice(&m->out);
    const size_t at = slice_search(all, SLICE("\ndata: "));
    struct slice data, answer;

    if (!m->stream)
        return all;
    if (at == all.len)
        return SLICE_NONE;
    data = slice_sub(all, at + 7, all.len);
    data = slice_sub(data, 0, slice_find(data, '\n'));
    return json_raw_member(&answer, data, "response") == JSON_OBJECT ? answer
                                                                     : SLICE_NONE;
}

void responses_keep(struct request *r)
{
    struct model_call *m = r->api_state;
    const struct json_field *store = model_call_field(m, "store");
    struct slice answer, output, item;
    unsigned count = 0;
    size_t at = 0;

    if (m->writer == NULL || store->type == JSON_FALSE || r->outcome != OUTCOME_OK ||
        buf_spent(&m->out))
        return;
    answer = answer_of(m);
    if (answer.len == 0 || json_raw_member(&output, answer, "output") != JSON_ARRAY)
        return;
    while (count++ < RESPONSES_KEPT_ITEMS_MAX &&
           json_raw_element(&item, output, &at) != JSON_ABSENT)
        keep(r, item);
}

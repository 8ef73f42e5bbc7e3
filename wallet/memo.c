/* SPDX-License-Identifier: Apache-2.0 */
/* Memos: what the journal says about a movement of money, as compact JSON with short
 * keys that never change their meaning (docs/wallet.md lists them). The amounts are not
 * in it: those are the entry's own. */
#include "wallet/memo.h"

#include "base/codec.h"

#include <assert.h>
#include <string.h>

enum {
    TEXT_MAX = 256,   /* bytes of a model, target or price version, at first */
    ROOM = 64 * 1024, /* while it is written: escapes may grow it */
};

static void put_id(struct json_out *o, const char *key, char kind, struct id id)
{
    char text[WALLET_ID_TEXT_SIZE];

    wallet_id_print(text, kind, id);
    json_out_kstr(o, key, text);
}

/* At most max bytes of a text, cut between characters. */
static void put_text(struct json_out *o, const char *key, struct slice text, size_t max)
{
    if (text.len > max) {
        text.len = max;
        while (text.len > 0 && ((uint8_t)text.bytes[text.len] & 0xC0) == 0x80)
            text.len--;
    }
    if (text.len > 0)
        json_out_kslice(o, key, text);
}

/* No count is so large; a larger one would not be read alike by all JSON readers. */
#define COUNT_MAX ((UINT64_C(1) << 53) - 1)

static void put_count(struct json_out *o, const char *key, uint64_t count)
{
    if (count > 0)
        json_out_ku64(o, key, count < COUNT_MAX ? count : COUNT_MAX);
}

static void put_shared(struct json_out *o, const struct wallet__shared *s)
{
    if (id_is_none(s->tag))
        return;
    assert(s->what.len <= WALLET_SHARE_WHAT_MAX);
    put_id(o, "pub", 'p', s->tag);
    put_text(o, "skill", s->what, WALLET_SHARE_WHAT_MAX);
}

static void call_members(struct json_out *o, const struct wallet_caller *caller,
                         const struct wallet_call *call,
                         const struct wallet_once *bought, size_t text_max)
{
    char hex[2 * sizeof(bought->key) + 1];

    json_out_kstr(o, "kind", call->kind);
    put_id(o, "wallet", 'w', caller->wallet);
    if (caller->key_id[0] != '\0')
        json_out_kstr(o, "key", caller->key_id);
    put_text(o, "model", call->model, text_max);
    put_text(o, "target", call->target, text_max);
    put_text(o, "price", call->price_version, text_max);
    put_count(o, "in", call->prompt_tokens);
    put_count(o, "cached", call->cached_tokens);
    put_count(o, "cwrite", call->cache_write_tokens);
    put_count(o, "out", call->completion_tokens);
    put_count(o, "reasoning", call->reasoning_tokens);
    put_count(o, "status", call->status);
    if (call->estimated)
        json_out_kbool(o, "est", true);
    if (call->is_reported)
        json_out_kmoney(o, "vcost", call->reported);
    if (call->share.present)
        put_shared(o, &(struct wallet__shared){call->share.tag, call->share.what});
    if (bought != NULL) {
        hex_encode(hex, bought->key, sizeof(bought->key));
        json_out_kstr(o, "bought", hex);
    }
}

/* Copies what was written, if it fits; else SLICE_NONE. */
static struct slice take(char memo[LEDGER_MEMO_MAX], struct buf *b)
{
    struct slice s = buf_slice(b);
    struct slice out = SLICE_NONE;

    if (!buf_spent(b) && s.len <= LEDGER_MEMO_MAX) {
        memcpy(memo, s.bytes, s.len);
        out = slice_from(memo, s.len);
    }
    buf_free(b);
    return out;
}

struct slice wallet__memo_call(char memo[LEDGER_MEMO_MAX],
                               const struct wallet_caller *caller,
                               const struct wallet_call *call,
                               const struct wallet_once *bought)
{
    /* Texts of clients may need six bytes for one: cut until it fits. */
    for (size_t text_max = TEXT_MAX;; text_max /= 2) {
        struct json_out o;
        struct buf b;
        struct slice s;

        buf_init(&b, ROOM);
        json_out_init(&o, &b);
        json_out_object(&o);
        call_members(&o, caller, call, bought, text_max);
        json_out_end_object(&o);
        s = take(memo, &b);
        if (s.len > 0 || text_max == 0)
            return s;
    }
}

struct slice wallet__memo_topup(char memo[LEDGER_MEMO_MAX], struct id wallet,
                                struct slice ref)
{
    struct json_out o;
    struct buf b;

    assert(ref.len <= WALLET_REF_MAX);
    buf_init(&b, ROOM);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "kind", "topup");
    put_id(&o, "wallet", 'w', wallet);
    put_text(&o, "ref", ref, WALLET_REF_MAX);
    json_out_end_object(&o);
    return take(memo, &b);
}

struct slice wallet__memo_refund(char memo[LEDGER_MEMO_MAX], const char *kind,
                                 struct id wallet, struct id original,
                                 struct id request, const struct wallet__shared *s)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, ROOM);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "kind", kind);
    put_id(&o, "wallet", 'w', wallet);
    put_id(&o, "of", 't', original);
    if (!id_is_none(request))
        put_id(&o, "req", 'r', request);
    put_shared(&o, s);
    json_out_end_object(&o);
    return take(memo, &b);
}

struct slice wallet__memo_payment(char memo[LEDGER_MEMO_MAX],
                                  const struct wallet_payment *p, const char *step,
                                  struct id wallet)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, ROOM);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "kind", p->method);
    put_id(&o, "wallet", 'w', wallet);
    json_out_kstr(&o, "step", step);
    put_text(&o, "net", slice_str(p->network), sizeof(p->network));
    put_text(&o, "ref", slice_str(p->reference), sizeof(p->reference));
    json_out_end_object(&o);
    return take(memo, &b);
}

struct slice wallet__memo_purchase(char memo[LEDGER_MEMO_MAX],
                                   const struct wallet_purchase *p)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, ROOM);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "kind", "purchase");
    if (!id_is_none(p->wallet))
        put_id(&o, "wallet", 'w', p->wallet);
    put_text(&o, "host", slice_str(p->host), sizeof(p->host));
    put_text(&o, "net", slice_str(p->network), sizeof(p->network));
    put_text(&o, "ref", slice_str(p->reference), sizeof(p->reference));
    json_out_end_object(&o);
    return take(memo, &b);
}

struct slice wallet__memo_debt(char memo[LEDGER_MEMO_MAX], struct id wallet)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, ROOM);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "kind", "debt");
    put_id(&o, "wallet", 'w', wallet);
    json_out_end_object(&o);
    return take(memo, &b);
}

/* ---- Reading ---- */

/* Members may be absent; one of another type is a fault. */
static enum rc read_text(struct slice *out, struct json_object *o, const char *key)
{
    enum rc rc = json_get_string(out, o, key);

    if (rc != RC_NOT_FOUND)
        return rc;
    *out = SLICE_NONE;
    return RC_OK;
}

static enum rc read_count(uint64_t *out, struct json_object *o, const char *key)
{
    enum rc rc = json_get_u64(out, o, key);

    if (rc != RC_NOT_FOUND)
        return rc;
    *out = 0;
    return RC_OK;
}

static enum rc read_ids(struct wallet_row *row, struct json_object *o)
{
    struct slice text;

    TRY(json_get_string(&text, o, "wallet"));
    TRY(wallet_id_parse(&row->wallet, 'w', text));
    TRY(read_text(&text, o, "key"));
    if (slice_to_cstr(row->key_id, sizeof(row->key_id), text) != RC_OK)
        return RC_BAD_INPUT;
    TRY(read_text(&text, o, "req"));
    if (text.len > 0)
        TRY(wallet_id_parse(&row->request, 'r', text));
    TRY(read_text(&row->skill, o, "skill"));
    TRY(read_text(&text, o, "pub"));
    return text.len > 0 ? wallet_id_parse(&row->shared_by, 'p', text) : RC_OK;
}

static enum rc read_usage(struct wallet_row *row, struct json_object *o)
{
    uint64_t status;
    enum rc rc;

    TRY(read_text(&row->model, o, "model"));
    TRY(read_text(&row->target, o, "target"));
    TRY(read_text(&row->price_version, o, "price"));
    TRY(read_text(&row->ref, o, "ref"));
    TRY(read_count(&row->prompt_tokens, o, "in"));
    TRY(read_count(&row->cached_tokens, o, "cached"));
    TRY(read_count(&row->completion_tokens, o, "out"));
    TRY(read_count(&row->reasoning_tokens, o, "reasoning"));
    TRY(read_count(&status, o, "status"));
    row->status = status < 1000 ? (unsigned)status : 0;
    rc = json_get_money(&row->reported, o, "vcost");
    row->is_reported = rc == RC_OK;
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    rc = json_get_bool(&row->estimated, o, "est");
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc wallet__memo_read(struct wallet_row *row, struct json_object **tree,
                          struct slice memo)
{
    struct json_object *o;
    struct slice kind;
    enum rc rc;

    if (json_parse(&o, memo) != RC_OK)
        return RC_BAD_INPUT;
    rc = json_get_string(&kind, o, "kind");
    if (rc == RC_OK)
        rc = slice_to_cstr(row->kind, sizeof(row->kind), kind);
    if (rc == RC_OK)
        rc = read_ids(row, o);
    if (rc == RC_OK)
        rc = read_usage(row, o);
    if (rc != RC_OK) {
        json_put(o);
        return RC_BAD_INPUT;
    }
    *tree = o;
    return RC_OK;
}

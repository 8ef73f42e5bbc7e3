/* SPDX-License-Identifier: Apache-2.0 */
/* The encodings of this folder's ledger records: a version byte, then fixed fields in
 * little-endian order, then texts. One value has one encoding, and decoders refuse
 * every other: a record that does not decode is a damaged store (RC_CORRUPT), never a
 * guess. Nothing here reads or writes the store. */
#include "wallet/record.h"

#include "base/field.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

enum { /* flag bits of the records, where they have such */
    FLAG_FROZEN = 1,
    FLAG_REVOKED = 1,
    FLAG_SET = 1
};

/* ---- Texts ---- */

bool wallet__text_ok(struct slice text, size_t min, size_t max)
{
    struct slice rest = text;

    if (text.len < min || text.len > max || slice_has_ctl(text))
        return false;
    while (rest.len > 0) {
        size_t len = utf8_length(rest);

        if (len == 0)
            return false;
        if ((uint8_t)rest.bytes[0] == 0xC2 && (uint8_t)rest.bytes[1] < 0xA0)
            return false; /* C1 control characters, which terminals obey too */
        rest = slice_sub(rest, len, rest.len);
    }
    return true;
}

bool wallet__key_id_ok(struct slice key_id)
{
    if (key_id.len != WALLET_KEY_ID_LEN)
        return false;
    for (size_t i = 0; i < key_id.len; i++) {
        char c = key_id.bytes[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z'))
            return false;
    }
    return true;
}

bool wallet__models_ok(struct slice models)
{
    struct slice rest = models;
    struct slice glob;

    if (!wallet__text_ok(models, 0, WALLET_GLOBS_MAX))
        return false;
    while (slice_next(&glob, &rest, ','))
        if (slice_trim(glob).len == 0)
            return false;
    return models.len == 0 || models.bytes[models.len - 1] != ',';
}

/* ---- Wallets and names ---- */

struct slice wallet__wallet_encode(uint8_t *value, const struct wallet *w)
{
    struct field_out o;
    size_t name_len = strlen(w->name);

    assert(name_len >= 1 && name_len <= WALLET_NAME_MAX);
    assert(w->depth <= WALLET_DEPTH_MAX && (w->depth == 0) == id_is_none(w->parent));
    field_put_start(&o, value, WALLET__VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, w->frozen ? FLAG_FROZEN : 0, 1);
    field_put_uint(&o, w->depth, 1);
    field_put_uint(&o, name_len, 1);
    field_put_uint(&o, w->created_us, 8);
    field_put_bytes(&o, w->parent.bytes, ID_LEN);
    field_put_bytes(&o, w->root.bytes, ID_LEN);
    field_put_bytes(&o, w->name, name_len);
    return field_put_end(&o);
}

enum rc wallet__wallet_decode(struct wallet *out, struct slice key, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct field_in k = field_take_start(key);
    struct wallet w = {0};
    size_t name_len;

    field_take_bytes(&k, w.id.bytes, ID_LEN);
    field_take_version(&i);
    w.frozen = field_take_flags(&i, FLAG_FROZEN) != 0;
    w.depth = (unsigned)field_take_uint(&i, 1);
    name_len = (size_t)field_take_uint(&i, 1);
    w.created_us = field_take_uint(&i, 8);
    field_take_bytes(&i, w.parent.bytes, ID_LEN);
    field_take_bytes(&i, w.root.bytes, ID_LEN);
    field_take_text(&i, w.name, name_len, WALLET_NAME_MAX);
    TRY(field_take_end(&k));
    TRY(field_take_end(&i));
    if (!wallet__text_ok(slice_from(w.name, name_len), 1, WALLET_NAME_MAX) ||
        id_is_none(w.id) || w.depth > WALLET_DEPTH_MAX ||
        (w.depth == 0) != id_is_none(w.parent) ||
        (w.depth == 0) != (id_cmp(w.root, w.id) == 0))
        return RC_CORRUPT;
    *out = w;
    return RC_OK;
}

struct slice wallet__name_encode(uint8_t *value, struct id wallet)
{
    struct field_out o;

    field_put_start(&o, value, WALLET__VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_bytes(&o, wallet.bytes, ID_LEN);
    return field_put_end(&o);
}

enum rc wallet__name_decode(struct id *out, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct id id = ID_NONE;

    field_take_version(&i);
    field_take_bytes(&i, id.bytes, ID_LEN);
    TRY(field_take_end(&i));
    *out = id;
    return RC_OK;
}

/* ---- Keys ---- */

struct slice wallet__key_encode(uint8_t *value, const struct wallet_key *k)
{
    struct field_out o;
    size_t name_len = strlen(k->name);
    size_t models_len = strlen(k->models);

    assert(name_len <= WALLET_NAME_MAX && models_len <= WALLET_GLOBS_MAX);
    assert(k->generation > 0);
    field_put_start(&o, value, WALLET__VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, k->revoked ? FLAG_REVOKED : 0, 1);
    field_put_uint(&o, name_len, 1);
    field_put_uint(&o, models_len, 2);
    field_put_uint(&o, k->generation, 4);
    field_put_uint(&o, k->created_us, 8);
    field_put_uint(&o, k->expires_us, 8);
    field_put_bytes(&o, k->wallet.bytes, ID_LEN);
    field_put_bytes(&o, k->name, name_len);
    field_put_bytes(&o, k->models, models_len);
    return field_put_end(&o);
}

enum rc wallet__key_decode(struct wallet_key *out, struct slice key, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct wallet_key k = {0};
    size_t name_len, models_len;

    if (!wallet__key_id_ok(key))
        return RC_CORRUPT;
    TRY(slice_to_cstr(k.id, sizeof(k.id), key));
    field_take_version(&i);
    k.revoked = field_take_flags(&i, FLAG_REVOKED) != 0;
    name_len = (size_t)field_take_uint(&i, 1);
    models_len = (size_t)field_take_uint(&i, 2);
    k.generation = (uint32_t)field_take_uint(&i, 4);
    k.created_us = field_take_uint(&i, 8);
    k.expires_us = field_take_uint(&i, 8);
    field_take_bytes(&i, k.wallet.bytes, ID_LEN);
    field_take_text(&i, k.name, name_len, WALLET_NAME_MAX);
    field_take_text(&i, k.models, models_len, WALLET_GLOBS_MAX);
    TRY(field_take_end(&i));
    if (k.generation == 0 ||
        !wallet__text_ok(slice_from(k.name, name_len), 0, WALLET_NAME_MAX) ||
        !wallet__models_ok(slice_from(k.models, models_len)))
        return RC_CORRUPT;
    *out = k;
    return RC_OK;
}

/* ---- Limits and refunds ---- */

struct slice wallet__limits_encode(uint8_t *value, const struct wallet__limits *l)
{
    struct field_out o;

    field_put_start(&o, value, WALLET__VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    for (unsigned per = 0; per < WALLET_PER__COUNT; per++) {
        const struct wallet__slot *s = &l->slots[per];

        field_put_uint(&o, s->set ? FLAG_SET : 0, 1);
        field_put_uint(&o, s->generation, 4);
        field_put_uint(&o, money_to_nano(s->amount), 8);
    }
    return field_put_end(&o);
}

enum rc wallet__limits_decode(struct wallet__limits *out, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct wallet__limits l = {0};

    field_take_version(&i);
    for (unsigned per = 0; per < WALLET_PER__COUNT; per++) {
        struct wallet__slot *s = &l.slots[per];

        s->set = field_take_flags(&i, FLAG_SET) != 0;
        s->generation = (uint32_t)field_take_uint(&i, 4);
        s->amount = money_from_nano(field_take_uint(&i, 8));
        /* A cleared limit keeps its generation only. */
        if (s->set ? s->generation == 0 : !money_is_zero(s->amount))
            i.bad = true;
    }
    TRY(field_take_end(&i));
    *out = l;
    return RC_OK;
}

enum {
    REFUND_SHARED = 2 /* the version of those that have two parts */
};

struct slice wallet__refund_encode(uint8_t *value, const struct wallet__refunded *r)
{
    struct field_out o;

    field_put_start(&o, value, WALLET__VALUE_MAX);
    field_put_uint(&o, r->shared ? REFUND_SHARED : FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, money_to_nano(r->total), 8);
    if (r->shared)
        field_put_uint(&o, money_to_nano(r->share), 8);
    return field_put_end(&o);
}

enum rc wallet__refund_decode(struct wallet__refunded *out, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct wallet__refunded r = {.shared = false};

    r.shared = value.len > 0 && value.bytes[0] == REFUND_SHARED;
    if (r.shared)
        (void)field_take_uint(&i, 1);
    else
        field_take_version(&i);
    r.total = money_from_nano(field_take_uint(&i, 8));
    if (r.shared)
        r.share = money_from_nano(field_take_uint(&i, 8));
    TRY(field_take_end(&i));
    if (money_cmp(r.share, r.total) > 0)
        return RC_CORRUPT;
    *out = r;
    return RC_OK;
}

/* ---- Idempotency-Keys ---- */

/* States on disk; never renumbered. */
enum {
    STORED_IN_FLIGHT = 1,
    STORED_DONE = 2
};

struct slice wallet__idem_encode(uint8_t *value, const struct wallet__idem *r)
{
    struct field_out o;

    assert(r->state == WALLET_IDEM_IN_FLIGHT || r->state == WALLET_IDEM_DONE);
    field_put_start(&o, value, WALLET__VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, r->state == WALLET_IDEM_DONE ? STORED_DONE : STORED_IN_FLIGHT,
                   1);
    field_put_uint(&o, r->status, 2);
    field_put_bytes(&o, r->boot.bytes, ID_LEN);
    field_put_bytes(&o, r->fingerprint, sizeof(r->fingerprint));
    field_put_bytes(&o, r->request.bytes, ID_LEN);
    field_put_bytes(&o, r->transfer.bytes, ID_LEN);
    field_put_uint(&o, money_to_nano(r->cost), 8);
    field_put_uint(&o, r->created_us, 8);
    assert(o.len == WALLET__IDEM_LEN);
    return field_put_end(&o);
}

enum rc wallet__idem_decode(struct wallet__idem *out, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct wallet__idem r = {0};
    uint64_t state;

    field_take_version(&i);
    state = field_take_uint(&i, 1);
    if (state != STORED_IN_FLIGHT && state != STORED_DONE)
        i.bad = true;
    r.state = state == STORED_DONE ? WALLET_IDEM_DONE : WALLET_IDEM_IN_FLIGHT;
    r.status = (unsigned)field_take_uint(&i, 2);
    field_take_bytes(&i, r.boot.bytes, ID_LEN);
    field_take_bytes(&i, r.fingerprint, sizeof(r.fingerprint));
    field_take_bytes(&i, r.request.bytes, ID_LEN);
    field_take_bytes(&i, r.transfer.bytes, ID_LEN);
    r.cost = money_from_nano(field_take_uint(&i, 8));
    r.created_us = field_take_uint(&i, 8);
    TRY(field_take_end(&i));
    *out = r;
    return RC_OK;
}

/* The key is in the order of time, so that a sweep reads only what it deletes. */
struct slice wallet__due_encode(uint8_t key[WALLET__DUE_KEY_LEN], uint64_t created_us,
                                const uint8_t idem_key[32])
{
    for (size_t i = 0; i < 8; i++)
        key[i] = (uint8_t)(created_us >> (56 - 8 * i));
    memcpy(key + 8, idem_key, 32);
    return slice_from((const char *)key, WALLET__DUE_KEY_LEN);
}

enum rc wallet__due_decode(uint64_t *created_us, struct slice *idem_key,
                           struct slice key)
{
    uint64_t us = 0;

    if (key.len != WALLET__DUE_KEY_LEN)
        return RC_CORRUPT;
    for (size_t i = 0; i < 8; i++)
        us = us << 8 | (uint8_t)key.bytes[i];
    *created_us = us;
    *idem_key = slice_sub(key, 8, 32);
    return RC_OK;
}

/* ---- What a call used up ---- */

/* States on disk; never renumbered. */
enum {
    ONCE_SERVING = 1,
    ONCE_DONE = 2,
    ONCE_FAILED = 3
};

static unsigned once_stored(enum wallet_once_state state)
{
    if (state == WALLET_ONCE_SERVING)
        return ONCE_SERVING;
    if (state == WALLET_ONCE_DONE)
        return ONCE_DONE;
    assert(state == WALLET_ONCE_FAILED);
    return ONCE_FAILED;
}

static enum wallet_once_state once_state(uint64_t stored, bool *bad)
{
    if (stored == ONCE_SERVING)
        return WALLET_ONCE_SERVING;
    if (stored == ONCE_DONE)
        return WALLET_ONCE_DONE;
    *bad = *bad || stored != ONCE_FAILED;
    return WALLET_ONCE_FAILED;
}

struct slice wallet__once_encode(uint8_t *value, const struct wallet__once *r)
{
    struct field_out o;

    field_put_start(&o, value, WALLET__VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, once_stored(r->state), 1);
    field_put_uint(&o, r->status, 2);
    field_put_bytes(&o, r->boot.bytes, ID_LEN);
    field_put_bytes(&o, r->fingerprint, sizeof(r->fingerprint));
    field_put_bytes(&o, r->request.bytes, ID_LEN);
    field_put_bytes(&o, r->transfer.bytes, ID_LEN);
    field_put_uint(&o, money_to_nano(r->cost), 8);
    field_put_uint(&o, r->expires_us, 8);
    assert(o.len == WALLET__ONCE_LEN);
    return field_put_end(&o);
}

enum rc wallet__once_decode(struct wallet__once *out, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct wallet__once r = {0};

    field_take_version(&i);
    r.state = once_state(field_take_uint(&i, 1), &i.bad);
    r.status = (unsigned)field_take_uint(&i, 2);
    field_take_bytes(&i, r.boot.bytes, ID_LEN);
    field_take_bytes(&i, r.fingerprint, sizeof(r.fingerprint));
    field_take_bytes(&i, r.request.bytes, ID_LEN);
    field_take_bytes(&i, r.transfer.bytes, ID_LEN);
    r.cost = money_from_nano(field_take_uint(&i, 8));
    r.expires_us = field_take_uint(&i, 8);
    TRY(field_take_end(&i));
    *out = r;
    return RC_OK;
}

/* ---- What a payer owes ---- */

struct slice wallet__debt_encode(uint8_t *value, struct money owed)
{
    struct field_out o;

    assert(!money_is_zero(owed));
    field_put_start(&o, value, WALLET__DEBT_LEN);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, money_to_nano(owed), 8);
    return field_put_end(&o);
}

enum rc wallet__debt_decode(struct money *out, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct money owed;

    field_take_version(&i);
    owed = money_from_nano(field_take_uint(&i, 8));
    TRY(field_take_end(&i));
    if (money_is_zero(owed))
        return RC_CORRUPT; /* a mark that is paid is deleted */
    *out = owed;
    return RC_OK;
}

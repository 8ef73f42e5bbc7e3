/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a payment that came with a call, and of a purchase, and what may be in
 * them. Nothing here reads or writes the store. */
#include "base/codec.h"
#include "base/field.h"
#include "wallet/record.h"

#include <assert.h>
#include <string.h>

enum {
    PAYER_LEN = 20, /* bytes of an address */
    FLAG_AFTER = 1,
    FLAG_CLOSED = 2
};

/* States on disk; never renumbered. */
static const uint8_t stored[] = {
    [WALLET_PAYMENT_NEW] = 0,       [WALLET_PAYMENT_RESERVED] = 1,
    [WALLET_PAYMENT_SUBMITTED] = 2, [WALLET_PAYMENT_UNKNOWN] = 3,
    [WALLET_PAYMENT_SETTLED] = 4,   [WALLET_PAYMENT_RELEASED] = 5,
    [WALLET_PAYMENT_FAILED] = 6,    [WALLET_PAYMENT_REVERTED] = 7,
};

enum {
    STATES = sizeof(stored) / sizeof(stored[0])
};

bool wallet__payer_ok(const char *payer)
{
    size_t len = strnlen(payer, WALLET_PAYER_TEXT_SIZE);

    if (len != 2 + 2 * PAYER_LEN || payer[0] != '0' || payer[1] != 'x')
        return false;
    for (size_t i = 2; i < len; i++) {
        char c = payer[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

static bool text_ok(const char *text, size_t size, size_t min)
{
    size_t len = strnlen(text, size);

    return len < size && wallet__text_ok(slice_from(text, len), min, size - 1);
}

/* Which states are the end by themselves, and which cannot be. */
static bool closed_ok(const struct wallet_payment *p)
{
    switch (p->state) {
    case WALLET_PAYMENT_RESERVED:
    case WALLET_PAYMENT_SUBMITTED:
    case WALLET_PAYMENT_UNKNOWN:
        return !p->closed;
    case WALLET_PAYMENT_SETTLED:
        return true;
    case WALLET_PAYMENT_RELEASED:
    case WALLET_PAYMENT_FAILED:
    case WALLET_PAYMENT_REVERTED:
        return p->closed;
    case WALLET_PAYMENT_NEW:
        break;
    }
    return false;
}

bool wallet__payment_ok(const struct wallet_payment *p)
{
    return wallet__payer_ok(p->payer) && text_ok(p->method, sizeof(p->method), 1) &&
           text_ok(p->network, sizeof(p->network), 0) &&
           text_ok(p->reference, sizeof(p->reference), 0) &&
           money_cmp(p->settle, p->value) <= 0 &&
           p->details_len <= WALLET_PAYMENT_DETAILS_MAX && closed_ok(p);
}

struct slice wallet__payment_encode(uint8_t *value, const struct wallet_payment *p)
{
    uint8_t payer[PAYER_LEN] = {0};
    size_t method_len = strlen(p->method);
    size_t network_len = strlen(p->network);
    size_t reference_len = strlen(p->reference);
    struct field_out o;
    enum rc rc;

    assert(wallet__payment_ok(p));
    rc = hex_decode(payer, PAYER_LEN, slice_from(p->payer + 2, 2 * PAYER_LEN));
    assert(rc == RC_OK);
    field_put_start(&o, value, LEDGER_VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, stored[p->state], 1);
    field_put_uint(&o, (p->after ? FLAG_AFTER : 0u) | (p->closed ? FLAG_CLOSED : 0u),
                   1);
    field_put_uint(&o, method_len, 1);
    field_put_uint(&o, network_len, 1);
    field_put_uint(&o, reference_len, 1);
    field_put_uint(&o, p->details_len, 2);
    field_put_bytes(&o, p->key, sizeof(p->key));
    field_put_bytes(&o, payer, PAYER_LEN);
    field_put_uint(&o, money_to_nano(p->value), 8);
    field_put_uint(&o, money_to_nano(p->settle), 8);
    field_put_bytes(&o, p->target.bytes, ID_LEN);
    field_put_uint(&o, p->created_us, 8);
    field_put_uint(&o, p->expires_us, 8);
    field_put_bytes(&o, p->method, method_len);
    field_put_bytes(&o, p->network, network_len);
    field_put_bytes(&o, p->reference, reference_len);
    field_put_bytes(&o, p->details, p->details_len);
    return field_put_end(&o);
}

static void take_state(struct field_in *i, struct wallet_payment *p)
{
    uint64_t state = field_take_uint(i, 1);
    uint8_t flags = field_take_flags(i, FLAG_AFTER | FLAG_CLOSED);

    p->after = (flags & FLAG_AFTER) != 0;
    p->closed = (flags & FLAG_CLOSED) != 0;
    for (unsigned s = 1; s < STATES; s++)
        if (stored[s] == state)
            p->state = (enum wallet_payment_state)s;
}

static void take_payer(struct field_in *i, struct wallet_payment *p)
{
    uint8_t payer[PAYER_LEN];

    field_take_bytes(i, payer, PAYER_LEN);
    p->payer[0] = '0';
    p->payer[1] = 'x';
    hex_encode(p->payer + 2, payer, PAYER_LEN);
}

enum rc wallet__payment_decode(struct wallet_payment *out, struct slice key,
                               struct slice value)
{
    struct field_in i = field_take_start(value);
    struct field_in k = field_take_start(key);
    size_t method_len, network_len, reference_len, details_len;

    memset(out, 0, sizeof(*out));
    field_take_bytes(&k, out->id.bytes, ID_LEN);
    field_take_version(&i);
    take_state(&i, out);
    method_len = (size_t)field_take_uint(&i, 1);
    network_len = (size_t)field_take_uint(&i, 1);
    reference_len = (size_t)field_take_uint(&i, 1);
    details_len = (size_t)field_take_uint(&i, 2);
    field_take_bytes(&i, out->key, sizeof(out->key));
    take_payer(&i, out);
    out->value = money_from_nano(field_take_uint(&i, 8));
    out->settle = money_from_nano(field_take_uint(&i, 8));
    field_take_bytes(&i, out->target.bytes, ID_LEN);
    out->created_us = field_take_uint(&i, 8);
    out->expires_us = field_take_uint(&i, 8);
    field_take_exact(&i, out->method, method_len, sizeof(out->method));
    field_take_exact(&i, out->network, network_len, sizeof(out->network));
    field_take_exact(&i, out->reference, reference_len, sizeof(out->reference));
    if (details_len > WALLET_PAYMENT_DETAILS_MAX)
        return RC_CORRUPT;
    out->details_len = (uint16_t)details_len;
    field_take_bytes(&i, out->details, details_len);
    TRY(field_take_end(&k));
    TRY(field_take_end(&i));
    return wallet__payment_ok(out) ? RC_OK : RC_CORRUPT;
}

/* ---- Purchases ---- */

enum { /* on disk; never renumbered */
    STORED_OPEN = 1,
    STORED_PAID = 2,
    STORED_LAPSED = 3
};

bool wallet__purchase_ok(const struct wallet_purchase *p)
{
    return text_ok(p->host, sizeof(p->host), 1) &&
           text_ok(p->network, sizeof(p->network), 0) &&
           text_ok(p->reference, sizeof(p->reference), 0) && !money_is_zero(p->amount);
}

static unsigned purchase_stored(const struct wallet_purchase *p)
{
    switch (p->state) {
    case WALLET_PURCHASE_OPEN:
        return STORED_OPEN;
    case WALLET_PURCHASE_PAID:
        return STORED_PAID;
    case WALLET_PURCHASE_LAPSED:
        return STORED_LAPSED;
    }
    return 0;
}

static void take_purchase_state(struct field_in *i, struct wallet_purchase *p)
{
    uint64_t stored_as = field_take_uint(i, 1);

    p->state = WALLET_PURCHASE_OPEN;
    if (stored_as == STORED_PAID)
        p->state = WALLET_PURCHASE_PAID;
    else if (stored_as == STORED_LAPSED)
        p->state = WALLET_PURCHASE_LAPSED;
    else if (stored_as != STORED_OPEN)
        i->bad = true;
}

struct slice wallet__purchase_encode(uint8_t *value, const struct wallet_purchase *p)
{
    size_t host_len = strlen(p->host);
    size_t network_len = strlen(p->network);
    size_t reference_len = strlen(p->reference);
    struct field_out o;

    assert(wallet__purchase_ok(p));
    field_put_start(&o, value, WALLET__VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, purchase_stored(p), 1);
    field_put_uint(&o, host_len, 1);
    field_put_uint(&o, network_len, 1);
    field_put_uint(&o, reference_len, 1);
    field_put_bytes(&o, p->request.bytes, ID_LEN);
    field_put_bytes(&o, p->wallet.bytes, ID_LEN);
    field_put_uint(&o, money_to_nano(p->amount), 8);
    field_put_uint(&o, p->begun_us, 8);
    field_put_bytes(&o, p->host, host_len);
    field_put_bytes(&o, p->network, network_len);
    field_put_bytes(&o, p->reference, reference_len);
    return field_put_end(&o);
}

enum rc wallet__purchase_decode(struct wallet_purchase *out, struct slice value)
{
    struct field_in i = field_take_start(value);
    struct wallet_purchase p = {.day_cap = MONEY_ZERO};
    size_t host_len, network_len, reference_len;

    field_take_version(&i);
    take_purchase_state(&i, &p);
    host_len = (size_t)field_take_uint(&i, 1);
    network_len = (size_t)field_take_uint(&i, 1);
    reference_len = (size_t)field_take_uint(&i, 1);
    field_take_bytes(&i, p.request.bytes, ID_LEN);
    field_take_bytes(&i, p.wallet.bytes, ID_LEN);
    p.amount = money_from_nano(field_take_uint(&i, 8));
    p.begun_us = field_take_uint(&i, 8);
    field_take_exact(&i, p.host, host_len, sizeof(p.host));
    field_take_exact(&i, p.network, network_len, sizeof(p.network));
    field_take_exact(&i, p.reference, reference_len, sizeof(p.reference));
    TRY(field_take_end(&i));
    if (!wallet__purchase_ok(&p))
        return RC_CORRUPT;
    *out = p;
    return RC_OK;
}

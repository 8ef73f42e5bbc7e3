/* SPDX-License-Identifier: Apache-2.0 */
/* How payouts are kept: their record, and the memos of what moves for them. */
#include "base/field.h"
#include "base/json.h"
#include "skills/meter_int.h"
#include "skills/record.h"

#include <assert.h>
#include <string.h>

enum {
    MEMO_ROOM = 8 * 1024 /* while it is written: escapes may grow it */
};

struct slice skills__id_slice(const struct id *id)
{
    return slice_from((const char *)id->bytes, ID_LEN);
}

const char *skill_payout_word(enum skill_payout_state s)
{
    switch (s) {
    case SKILL_PAYOUT_OPEN:
        return "open";
    case SKILL_PAYOUT_SENT:
        return "sent";
    case SKILL_PAYOUT_PAID:
        return "paid";
    case SKILL_PAYOUT_FAILED:
        return "failed";
    }
    return "unknown";
}

/* ---- The record ---- */

static bool payout_ok(const struct skill_payout *p)
{
    bool paid = p->state == SKILL_PAYOUT_PAID;
    bool ended = paid || p->state == SKILL_PAYOUT_FAILED;

    return !money_is_zero(p->amount) && skill_publisher_ok(slice_str(p->publisher)) &&
           skills__text_ok(slice_str(p->network), 0, SKILL_PAYOUT_MAX, false) &&
           skills__text_ok(slice_str(p->address), 0, SKILL_PAYOUT_MAX, false) &&
           skills__text_ok(slice_str(p->reference), paid,
                           paid ? SKILL_REFERENCE_MAX : 0, false) &&
           p->details_len <= sizeof(p->details) && ended == (p->ended_us != 0);
}

struct slice skills__payout_encode(uint8_t *value, const struct skill_payout *p)
{
    struct field_out o;

    assert(payout_ok(p));
    field_put_start(&o, value, SKILLS__PAYOUT_LEN_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o, (unsigned)p->state, 1);
    field_put_uint(&o, strlen(p->publisher), 1);
    field_put_uint(&o, strlen(p->network), 1);
    field_put_uint(&o, strlen(p->address), 1);
    field_put_uint(&o, strlen(p->reference), 1);
    field_put_uint(&o, p->details_len, 2);
    field_put_uint(&o, money_to_nano(p->amount), 8);
    field_put_uint(&o, p->created_us, 8);
    field_put_uint(&o, p->ended_us, 8);
    field_put_bytes(&o, p->publisher, strlen(p->publisher));
    field_put_bytes(&o, p->network, strlen(p->network));
    field_put_bytes(&o, p->address, strlen(p->address));
    field_put_bytes(&o, p->reference, strlen(p->reference));
    field_put_bytes(&o, p->details, p->details_len);
    return field_put_end(&o);
}

enum rc skills__payout_decode(struct skill_payout *out, struct slice key,
                              struct slice value)
{
    struct field_in i = field_take_start(value);
    size_t publisher_len, network_len, address_len, reference_len;
    struct skill_payout p = {.version = 0};
    uint64_t state;

    if (key.len != ID_LEN)
        return RC_CORRUPT;
    memcpy(p.id.bytes, key.bytes, ID_LEN);
    field_take_version(&i);
    state = field_take_uint(&i, 1);
    publisher_len = (size_t)field_take_uint(&i, 1);
    network_len = (size_t)field_take_uint(&i, 1);
    address_len = (size_t)field_take_uint(&i, 1);
    reference_len = (size_t)field_take_uint(&i, 1);
    p.details_len = (uint16_t)field_take_uint(&i, 2);
    p.amount = money_from_nano(field_take_uint(&i, 8));
    p.created_us = field_take_uint(&i, 8);
    p.ended_us = field_take_uint(&i, 8);
    field_take_exact(&i, p.publisher, publisher_len, sizeof(p.publisher));
    field_take_exact(&i, p.network, network_len, sizeof(p.network));
    field_take_exact(&i, p.address, address_len, sizeof(p.address));
    field_take_exact(&i, p.reference, reference_len, sizeof(p.reference));
    if (p.details_len > sizeof(p.details) || state > SKILL_PAYOUT_FAILED)
        return RC_CORRUPT;
    field_take_bytes(&i, p.details, p.details_len);
    TRY(field_take_end(&i));
    p.state = (enum skill_payout_state)state;
    if (!payout_ok(&p))
        return RC_CORRUPT;
    *out = p;
    return RC_OK;
}

/* ---- Memos ---- */

static struct slice take(char memo[SKILLS__MEMO_MAX], struct buf *b)
{
    struct slice s = buf_slice(b);
    struct slice out = SLICE_NONE;

    if (!buf_spent(b) && s.len <= SKILLS__MEMO_MAX) {
        memcpy(memo, s.bytes, s.len);
        out = slice_from(memo, s.len);
    }
    buf_free(b);
    return out;
}

static void put_id(struct json_out *o, const char *key, char kind, struct id id)
{
    char text[WALLET_ID_TEXT_SIZE];

    wallet_id_print(text, kind, id);
    json_out_kstr(o, key, text);
}

struct slice skills__memo_mature(char memo[SKILLS__MEMO_MAX], struct id publisher,
                                 uint64_t day_us)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, MEMO_ROOM);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "kind", "mature");
    put_id(&o, "pub", 'p', publisher);
    json_out_key(&o, "day");
    json_out_time(&o, day_us);
    json_out_end_object(&o);
    return take(memo, &b);
}

struct slice skills__memo_payout(char memo[SKILLS__MEMO_MAX],
                                 const struct skill_payout *p)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, MEMO_ROOM);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "kind", "payout");
    json_out_kstr(&o, "step", skill_payout_word(p->state));
    json_out_kstr(&o, "publisher", p->publisher);
    put_id(&o, "payout", 't', p->id);
    if (p->network[0] != '\0')
        json_out_kstr(&o, "net", p->network);
    if (p->reference[0] != '\0')
        json_out_kstr(&o, "ref", p->reference);
    json_out_end_object(&o);
    return take(memo, &b);
}

void skills__memo_reference(char out[SKILL_REFERENCE_MAX + 1], struct slice memo)
{
    struct json_object *o;
    struct slice text;

    out[0] = '\0';
    if (json_parse(&o, memo) != RC_OK)
        return;
    if (json_get_string(&text, o, "ref") != RC_OK ||
        slice_to_cstr(out, SKILL_REFERENCE_MAX + 1, text) != RC_OK)
        out[0] = '\0';
    json_put(o);
}

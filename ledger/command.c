/* SPDX-License-Identifier: Apache-2.0 */
/* What a well-formed command is, and how it is spelt in the journal. Canonical: one
 * command has one spelling, and the decoder refuses every other, so that "the same
 * operation" is a comparison of bytes. What a verb does not use is not spelt. */
#include "ledger/command.h"

#include "ledger/row.h"
#include "ledger/wire.h"

#include <assert.h>
#include <string.h>

/* [op 16][verb 1][bits 1][legs 1][writes 1][tags 1][0 1][memo length 2], then what
 * there is of: hold, expires, spill; tags; legs; writes; memo. */
enum {
    COMMAND_HEAD_LEN = ID_LEN + 8,
    BIT_FORGETTABLE = 1,
    BIT_DURABLE = 2,
    BIT_EXPIRES = 4,
    BIT_SPILL = 8,
    BITS_KNOWN = 15,
    LEG_GRANT =
        1, /* bits of a leg: [bits 1][dflags 1][cflags 1][0 1][number 4][amount 8] */
    LEG_HEAD_LEN = 16,
    WRITE_HEAD_LEN = 16 /* [op 1][key length 1][kind 2][value length 4][version 8] */
};

static_assert(LEDGER_KEY_MAX < 256, "a key's length is one byte");
static_assert(LEDGER_MEMO_MAX < 65536, "a memo's length is two bytes");

static bool ends_hold(enum ledger_verb verb)
{
    return verb == LEDGER_CAPTURE || verb == LEDGER_VOID || verb == LEDGER_EXPIRE;
}

/* ---- Form ---- */

static bool moves(enum ledger_verb verb)
{
    return verb == LEDGER_TRANSFER || verb == LEDGER_CAPTURE;
}

static bool leg_is_sound(const struct ledger_leg *leg, enum ledger_verb verb)
{
    if (id_is_none(leg->debit) || leg->debit_flags > LEDGER_NO_OVERDRAFT)
        return false;
    if (moves(verb) &&
        (id_is_none(leg->credit) || leg->credit_flags > LEDGER_NO_OVERDRAFT ||
         id_cmp(leg->debit, leg->credit) == 0))
        return false;
    return id_cmp(leg->grant_from, leg->debit) != 0;
}

static bool write_is_sound(const struct ledger_write *w)
{
    switch (w->op) {
    case LEDGER_INSERT:
    case LEDGER_PUT:
        if (w->value.len > LEDGER_VALUE_MAX ||
            (w->value.len > 0 && w->value.bytes == NULL))
            return false;
        break;
    case LEDGER_DELETE:
        break;
    case LEDGER_EXPECT:
        if (w->version == LEDGER_ANY)
            return false;
        break;
    default: /* the number came from a caller or from the disk */
        return false;
    }
    return w->key.len > 0 && w->key.len <= LEDGER_KEY_MAX && w->key.bytes != NULL;
}

static bool verb_is_sound(const struct ledger_cmd *cmd)
{
    switch (cmd->verb) {
    case LEDGER_NOTE:
        return cmd->leg_count == 0;
    case LEDGER_TRANSFER:
    case LEDGER_HOLD:
        return cmd->leg_count > 0;
    case LEDGER_CAPTURE:
        return cmd->leg_count > 0 && !id_is_none(cmd->hold);
    case LEDGER_VOID:
    case LEDGER_EXPIRE:
        return cmd->leg_count == 0 && !id_is_none(cmd->hold);
    }
    return false;
}

static bool head_is_sound(const struct ledger_cmd *cmd)
{
    return !id_is_none(cmd->op) && cmd->leg_count <= LEDGER_LEGS_MAX &&
           cmd->write_count <= LEDGER_WRITES_MAX && cmd->memo.len <= LEDGER_MEMO_MAX &&
           (cmd->memo.len == 0 || cmd->memo.bytes != NULL) && verb_is_sound(cmd);
}

enum rc ledger__check(struct ledger_cmd *cmd)
{
    unsigned *at = &cmd->result.at;

    *at = 0;
    if (!head_is_sound(cmd) ||
        (ends_hold(cmd->verb) && id_cmp(cmd->hold, cmd->op) == 0))
        return RC_BAD_INPUT;
    for (; *at < cmd->leg_count; ++*at) {
        if (!leg_is_sound(&cmd->legs[*at], cmd->verb))
            return RC_BAD_INPUT;
    }
    for (*at = 0; *at < cmd->write_count; ++*at) {
        if (!write_is_sound(&cmd->writes[*at]))
            return RC_BAD_INPUT;
    }
    *at = 0;
    if (cmd->verb == LEDGER_CAPTURE && id_cmp(cmd->spill, cmd->legs[0].credit) == 0)
        return RC_BAD_INPUT;
    return RC_OK;
}

/* ---- Spelling ---- */

static bool has_grant(const struct ledger_leg *leg)
{
    return !id_is_none(leg->grant_from);
}

static bool has_value(const struct ledger_write *w)
{
    return w->op == LEDGER_INSERT || w->op == LEDGER_PUT;
}

static unsigned bits_of(const struct ledger_cmd *cmd)
{
    unsigned bits = cmd->forgettable ? BIT_FORGETTABLE : 0;

    if (cmd->verb == LEDGER_HOLD && cmd->durable)
        bits |= BIT_DURABLE;
    if (cmd->verb == LEDGER_HOLD && cmd->expires_us != 0)
        bits |= BIT_EXPIRES;
    if (cmd->verb == LEDGER_CAPTURE && !id_is_none(cmd->spill))
        bits |= BIT_SPILL;
    return bits;
}

static unsigned tag_count_of(const struct ledger_cmd *cmd)
{
    unsigned count = 0;

    for (unsigned i = 0; i < LEDGER_TAGS_MAX; i++)
        count += !id_is_none(cmd->tags[i]);
    return count;
}

size_t ledger__command_len(const struct ledger_cmd *cmd)
{
    unsigned bits = bits_of(cmd);
    size_t len = COMMAND_HEAD_LEN + cmd->memo.len;

    len += ends_hold(cmd->verb) ? ID_LEN : 0;
    len += (bits & BIT_EXPIRES) != 0 ? 8 : 0;
    len += (bits & BIT_SPILL) != 0 ? ID_LEN : 0;
    len += (size_t)tag_count_of(cmd) * ID_LEN;
    for (unsigned i = 0; i < cmd->leg_count; i++) {
        len += LEG_HEAD_LEN + ID_LEN;
        len += cmd->verb != LEDGER_HOLD ? ID_LEN : 0;
        len += has_grant(&cmd->legs[i]) ? 8 + ID_LEN : 0;
    }
    for (unsigned i = 0; i < cmd->write_count; i++) {
        const struct ledger_write *w = &cmd->writes[i];

        len += WRITE_HEAD_LEN + w->key.len + (has_value(w) ? w->value.len : 0);
    }
    return len;
}

static uint8_t *put_id(uint8_t *at, struct id id)
{
    memcpy(at, id.bytes, ID_LEN);
    return at + ID_LEN;
}

static uint8_t *put_slice(uint8_t *at, struct slice s)
{
    if (s.len > 0)
        memcpy(at, s.bytes, s.len);
    return at + s.len;
}

static uint8_t *put_leg(uint8_t *at, const struct ledger_leg *leg,
                        enum ledger_verb verb)
{
    at[0] = has_grant(leg) ? LEG_GRANT : 0;
    at[1] = leg->debit_flags;
    at[2] = verb != LEDGER_HOLD ? leg->credit_flags : 0;
    at[3] = 0;
    wire_put32(at + 4, leg->number);
    wire_put64(at + 8, money_to_nano(leg->amount));
    at = put_id(at + LEG_HEAD_LEN, leg->debit);
    if (verb != LEDGER_HOLD)
        at = put_id(at, leg->credit);
    if (has_grant(leg)) {
        wire_put64(at, money_to_nano(leg->grant));
        at = put_id(at + 8, leg->grant_from);
    }
    return at;
}

static uint8_t *put_write(uint8_t *at, const struct ledger_write *w)
{
    struct slice value = has_value(w) ? w->value : SLICE_NONE;

    at[0] = (uint8_t)w->op;
    at[1] = (uint8_t)w->key.len;
    wire_put16(at + 2, w->kind);
    wire_put32(at + 4, (uint32_t)value.len);
    wire_put64(at + 8, w->op != LEDGER_INSERT ? w->version : 0);
    at = put_slice(at + WRITE_HEAD_LEN, w->key);
    return put_slice(at, value);
}

void ledger__command_encode(uint8_t *out, const struct ledger_cmd *cmd)
{
    unsigned bits = bits_of(cmd);
    uint8_t *at = put_id(out, cmd->op);

    at[0] = (uint8_t)cmd->verb;
    at[1] = (uint8_t)bits;
    at[2] = (uint8_t)cmd->leg_count;
    at[3] = (uint8_t)cmd->write_count;
    at[4] = (uint8_t)tag_count_of(cmd);
    at[5] = 0;
    wire_put16(at + 6, (uint16_t)cmd->memo.len);
    at += 8;
    if (ends_hold(cmd->verb))
        at = put_id(at, cmd->hold);
    if ((bits & BIT_EXPIRES) != 0) {
        wire_put64(at, cmd->expires_us);
        at += 8;
    }
    if ((bits & BIT_SPILL) != 0)
        at = put_id(at, cmd->spill);
    for (unsigned i = 0; i < LEDGER_TAGS_MAX; i++) {
        if (!id_is_none(cmd->tags[i]))
            at = put_id(at, cmd->tags[i]);
    }
    for (unsigned i = 0; i < cmd->leg_count; i++)
        at = put_leg(at, &cmd->legs[i], cmd->verb);
    for (unsigned i = 0; i < cmd->write_count; i++)
        at = put_write(at, &cmd->writes[i]);
    at = put_slice(at, cmd->memo);
    assert((size_t)(at - out) == ledger__command_len(cmd));
}

/* ---- Reading ---- */

/* Reads from the front of *in. After the first read that finds too little everything is
 * zero and `bad` stays: checked once, at the end. */
struct reader {
    struct slice in;
    bool bad;
};

static const char *take(struct reader *r, size_t len)
{
    static const char zeros[LEG_HEAD_LEN + ID_LEN];
    const char *at = r->in.bytes;

    if (r->bad || r->in.len < len) {
        r->bad = true;
        return zeros;
    }
    r->in = slice_sub(r->in, len, r->in.len);
    return at;
}

static struct slice take_slice(struct reader *r, size_t len)
{
    const char *at = r->in.bytes;

    if (r->bad || r->in.len < len) {
        r->bad = true;
        return SLICE_NONE;
    }
    r->in = slice_sub(r->in, len, r->in.len);
    return slice_from(at, len);
}

static struct id take_id(struct reader *r)
{
    struct id id;

    memcpy(id.bytes, take(r, ID_LEN), ID_LEN);
    return id;
}

static void take_leg(struct ledger_leg *leg, struct reader *r, enum ledger_verb verb)
{
    const char *at = take(r, LEG_HEAD_LEN);
    unsigned bits = (uint8_t)at[0];

    leg->debit_flags = (uint8_t)at[1];
    leg->credit_flags = (uint8_t)at[2];
    leg->number = wire_get32(at + 4);
    leg->amount = money_from_nano(wire_get64(at + 8));
    leg->debit = take_id(r);
    if (verb != LEDGER_HOLD)
        leg->credit = take_id(r);
    if ((bits & LEG_GRANT) != 0) {
        leg->grant = money_from_nano(wire_get64(take(r, 8)));
        leg->grant_from = take_id(r);
    }
}

static void take_write(struct ledger_write *w, struct reader *r)
{
    const char *at = take(r, WRITE_HEAD_LEN);
    size_t key_len = (uint8_t)at[1];
    size_t value_len = wire_get32(at + 4);

    r->bad = r->bad || (uint8_t)at[0] > LEDGER_EXPECT;
    w->op = r->bad ? LEDGER_INSERT : (enum ledger_write_op)at[0];
    w->kind = wire_get16(at + 2);
    w->version = wire_get64(at + 8);
    w->key = take_slice(r, key_len);
    w->value = take_slice(r, value_len);
}

/* What the encoder would not have written: bits, bytes and fields that say nothing. */
static bool spelt_as_encoded(const struct ledger_cmd *cmd, struct slice bytes)
{
    uint8_t again[COMMAND_HEAD_LEN + LEDGER_LEGS_MAX * (LEG_HEAD_LEN + 3 * ID_LEN + 8) +
                  (2 + LEDGER_TAGS_MAX) * ID_LEN + 8];
    struct ledger_cmd plain = *cmd;
    size_t len;

    /* Writes and memo have no second spelling but for these two, so that the rest fits
     * on the stack. */
    for (unsigned i = 0; i < cmd->write_count; i++) {
        const struct ledger_write *w = &cmd->writes[i];

        if ((!has_value(w) && w->value.len > 0) ||
            (w->op == LEDGER_INSERT && w->version != 0))
            return false;
    }
    plain.write_count = 0;
    plain.memo = SLICE_NONE;
    len = ledger__command_len(&plain);
    if (len > sizeof(again) || len > bytes.len)
        return false;
    ledger__command_encode(again, &plain);
    again[ID_LEN + 3] = (uint8_t)cmd->write_count;
    wire_put16(again + ID_LEN + 6, (uint16_t)cmd->memo.len);
    return memcmp(again, bytes.bytes, len) == 0;
}

/* Returns the number of tags that follow; head ends with the length of the memo. */
static unsigned take_head(struct ledger_cmd *out, struct reader *r, const char **head)
{
    unsigned tag_count;
    unsigned bits;

    out->op = take_id(r);
    *head = take(r, 8);
    bits = (uint8_t)(*head)[1];
    tag_count = (uint8_t)(*head)[4];
    out->leg_count = (uint8_t)(*head)[2];
    out->write_count = (uint8_t)(*head)[3];
    if (r->bad || (uint8_t)(*head)[0] > LEDGER_EXPIRE ||
        (bits & ~(unsigned)BITS_KNOWN) != 0 || out->leg_count > LEDGER_LEGS_MAX ||
        out->write_count > LEDGER_WRITES_MAX || tag_count > LEDGER_TAGS_MAX) {
        r->bad = true;
        return 0;
    }
    out->verb = (enum ledger_verb)(*head)[0];
    out->forgettable = (bits & BIT_FORGETTABLE) != 0;
    out->durable = (bits & BIT_DURABLE) != 0;
    if (ends_hold(out->verb))
        out->hold = take_id(r);
    if ((bits & BIT_EXPIRES) != 0)
        out->expires_us = wire_get64(take(r, 8));
    if ((bits & BIT_SPILL) != 0)
        out->spill = take_id(r);
    return tag_count;
}

enum rc ledger__command_decode(struct ledger_cmd *out, struct slice bytes)
{
    struct reader r = {.in = bytes};
    const char *head;
    unsigned tag_count;

    memset(out, 0, sizeof(*out));
    tag_count = take_head(out, &r, &head);
    if (r.bad)
        return RC_CORRUPT;
    for (unsigned i = 0; i < tag_count; i++)
        out->tags[i] = take_id(&r);
    for (unsigned i = 0; i < out->leg_count; i++)
        take_leg(&out->legs[i], &r, out->verb);
    for (unsigned i = 0; i < out->write_count; i++)
        take_write(&out->writes[i], &r);
    out->memo = take_slice(&r, wire_get16(head + 6));
    if (r.bad || r.in.len != 0 || !spelt_as_encoded(out, bytes))
        return RC_CORRUPT;
    return ledger__check(out) == RC_OK ? RC_OK : RC_CORRUPT;
}

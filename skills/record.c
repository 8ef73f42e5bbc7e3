/* SPDX-License-Identifier: Apache-2.0 */
/* The encodings of the catalogue's records: a version byte, then fixed fields in
 * little-endian order, then texts. One value has one encoding, and decoders refuse
 * every other: a record that does not decode is a damaged store (RC_CORRUPT), never a
 * guess. Nothing here reads or writes the store. */
#include "skills/record.h"

#include "base/field.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

enum { /* flag bits of the records */
    FLAG_KEY = 1,
    FLAG_SIGNATURE_REQUIRED = 2,
    FLAG_SUSPENDED = 4
};

/* ---- Texts ---- */

bool skills__text_ok(struct slice text, size_t min, size_t max, bool lines)
{
    struct slice rest = text;

    if (text.len < min || text.len > max)
        return false;
    while (rest.len > 0) {
        const uint8_t c = (uint8_t)rest.bytes[0];
        const size_t len = c < 0x80 ? 1 : utf8_length(rest);

        if (len == 0 || c == 0x7f || (c < 0x20 && !(lines && (c == '\n' || c == '\t'))))
            return false;
        if (c == 0xC2 && (uint8_t)rest.bytes[1] < 0xA0)
            return false; /* C1 control characters, which terminals obey too */
        rest = slice_sub(rest, len, rest.len);
    }
    return true;
}

/* ---- Publishers ---- */

static bool network_ok(struct slice network)
{
    struct slice number;

    if (!slice_starts(network, SLICE("eip155:")))
        return false;
    number = slice_sub(network, 7, network.len);
    for (size_t i = 0; i < number.len; i++)
        if (number.bytes[i] < '0' || number.bytes[i] > '9')
            return false;
    return number.len > 0 && number.len <= 20 && number.bytes[0] != '0';
}

static bool address_ok(struct slice address)
{
    if (address.len != 42 || !slice_starts(address, SLICE("0x")))
        return false;
    for (size_t i = 2; i < address.len; i++) {
        const char c = address.bytes[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') &&
            !(c >= 'A' && c <= 'F'))
            return false;
    }
    return true;
}

/* Without a network the address is what the operator reads who pays by hand. */
static bool payout_ok(const struct skill_publisher *p)
{
    if (p->network[0] == '\0')
        return skills__text_ok(slice_str(p->address), 0, SKILL_PAYOUT_MAX, false);
    return network_ok(slice_str(p->network)) && address_ok(slice_str(p->address));
}

bool skills__is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

bool skills__publisher_ok(const struct skill_publisher *p)
{
    return skill_publisher_ok(slice_str(p->handle)) &&
           skills__text_ok(slice_str(p->display), 1, SKILL_DISPLAY_MAX, false) &&
           payout_ok(p) &&
           (p->house_ppm <= SKILLS__PPM || p->house_ppm == SKILL_SHARE_NONE) &&
           (p->has_key ||
            (!p->signature_required && skills__is_zero(p->key, sizeof(p->key))));
}

struct slice skills__publisher_encode(uint8_t *value, const struct skill_publisher *p)
{
    struct field_out o;
    const size_t display_len = strlen(p->display);
    const size_t network_len = strlen(p->network);
    const size_t address_len = strlen(p->address);

    assert(skills__publisher_ok(p));
    field_put_start(&o, value, LEDGER_VALUE_MAX);
    field_put_uint(&o, FIELD_RECORD_VERSION, 1);
    field_put_uint(&o,
                   (p->has_key ? FLAG_KEY : 0U) |
                       (p->signature_required ? FLAG_SIGNATURE_REQUIRED : 0U) |
                       (p->suspended ? FLAG_SUSPENDED : 0U),
                   1);
    field_put_uint(&o, display_len, 1);
    field_put_uint(&o, network_len, 1);
    field_put_uint(&o, address_len, 1);
    field_put_uint(&o, p->house_ppm, 4);
    field_put_uint(&o, p->created_us, 8);
    field_put_uint(&o, p->changed_us, 8);
    field_put_bytes(&o, p->wallet.bytes, ID_LEN);
    field_put_bytes(&o, p->key, sizeof(p->key));
    field_put_bytes(&o, p->display, display_len);
    field_put_bytes(&o, p->network, network_len);
    field_put_bytes(&o, p->address, address_len);
    return field_put_end(&o);
}

enum rc skills__publisher_decode(struct skill_publisher *out, struct slice key,
                                 struct slice value)
{
    struct field_in i = field_take_start(value);
    struct skill_publisher p = {0};
    size_t display_len, network_len, address_len;
    unsigned flags;

    if (!skill_publisher_ok(key))
        return RC_CORRUPT;
    TRY(slice_to_cstr(p.handle, sizeof(p.handle), key));
    field_take_version(&i);
    flags = field_take_flags(&i, FLAG_KEY | FLAG_SIGNATURE_REQUIRED | FLAG_SUSPENDED);
    p.has_key = (flags & FLAG_KEY) != 0;
    p.signature_required = (flags & FLAG_SIGNATURE_REQUIRED) != 0;
    p.suspended = (flags & FLAG_SUSPENDED) != 0;
    display_len = (size_t)field_take_uint(&i, 1);
    network_len = (size_t)field_take_uint(&i, 1);
    address_len = (size_t)field_take_uint(&i, 1);
    p.house_ppm = (uint32_t)field_take_uint(&i, 4);
    p.created_us = field_take_uint(&i, 8);
    p.changed_us = field_take_uint(&i, 8);
    field_take_bytes(&i, p.wallet.bytes, ID_LEN);
    field_take_bytes(&i, p.key, sizeof(p.key));
    field_take_exact(&i, p.display, display_len, sizeof(p.display));
    field_take_exact(&i, p.network, network_len, sizeof(p.network));
    field_take_exact(&i, p.address, address_len, sizeof(p.address));
    TRY(field_take_end(&i));
    if (!skills__publisher_ok(&p))
        return RC_CORRUPT;
    p.id = skill_publisher_id(key);
    *out = p;
    return RC_OK;
}

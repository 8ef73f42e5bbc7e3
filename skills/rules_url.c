/* SPDX-License-Identifier: Apache-2.0 */
/* What a URL in a text tells about its host. */
#include "skills/rules_int.h"

enum {
    HOST_MAX = 253,
    AUTHORITY_MAX = 512,
    LEAD_2000 = 0xe2, /* the first byte of U+2000 in UTF-8 */
    OCTETS = 4
};

/* "user@host:80" of a URL; none: it is no URL. Scripts above U+2000 are written without
 * spaces: what follows there is the sentence, and no letter that looks like ours. */
static struct slice authority(struct slice s)
{
    size_t len = 0;

    if (slice_starts_nocase(s, SLICE("https://")))
        s = slice_sub(s, 8, AUTHORITY_MAX);
    else if (slice_starts_nocase(s, SLICE("http://")))
        s = slice_sub(s, 7, AUTHORITY_MAX);
    else
        return SLICE_NONE;
    while (len < s.len && (unsigned char)s.bytes[len] > ' ' &&
           (unsigned char)s.bytes[len] < LEAD_2000 &&
           strchr("/?#\"'`<>()[]{}|\\^,;", s.bytes[len]) == NULL)
        len++;
    return slice_sub(s, 0, len);
}

static struct slice host_of(struct slice authority)
{
    struct slice host = authority;
    size_t at = slice_find(host, '@');

    while (at < host.len) {
        host = slice_sub(host, at + 1, host.len);
        at = slice_find(host, '@');
    }
    host = slice_sub(host, 0, slice_find(host, ':'));
    while (host.len > 0 && host.bytes[host.len - 1] == '.')
        host.len--;
    return host.len > HOST_MAX ? SLICE_NONE : host;
}

struct slice skills__url_host(struct slice s)
{
    const struct slice host = host_of(authority(s));

    return slice_starts_nocase(host, SLICE("www.")) ? slice_sub(host, 4, host.len)
                                                    : host;
}

/* ---- Numbers ---- */

/* Four decimal numbers; other forms of an address are odd enough to be seen by people.
 */
static bool read_address(uint8_t out[OCTETS], struct slice host)
{
    struct slice rest = host;
    struct slice piece;
    unsigned count = 0;

    while (slice_next(&piece, &rest, '.')) {
        uint64_t value = 0;

        if (count == OCTETS || piece.len > 3 || slice_to_u64(&value, piece) != RC_OK ||
            value > 255)
            return false;
        out[count++] = (uint8_t)value;
    }
    return count == OCTETS;
}

struct net {
    uint8_t address[OCTETS], mask[OCTETS];
};

/* Own machines and nets, and the numbers of examples (RFC 5737). */
static bool is_private(const uint8_t a[OCTETS])
{
    static const struct net nets[] = {
        {{0}, {255}},
        {{10}, {255}},
        {{100, 64}, {255, 192}},
        {{127}, {255}},
        {{172, 16}, {255, 240}},
        {{192, 168}, {255, 255}},
        {{169, 254}, {255, 255}},
        {{192, 0, 2}, {255, 255, 255}},
        {{198, 51, 100}, {255, 255, 255}},
        {{203, 0, 113}, {255, 255, 255}},
    };

    for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
        unsigned same = 0;

        for (unsigned k = 0; k < OCTETS; k++)
            same += (a[k] & nets[i].mask[k]) == nets[i].address[k];
        if (same == OCTETS)
            return true;
    }
    return false;
}

/* ---- Look-alikes ---- */

/* The last two labels: what somebody registered, but under the likes of co.uk. */
static struct slice registered(struct slice host)
{
    unsigned dots = 0;
    size_t at = host.len;

    while (at > 0 && (host.bytes[at - 1] != '.' || ++dots < 2))
        at--;
    return slice_sub(host, at, host.len);
}

static size_t common_start(struct slice a, struct slice b)
{
    size_t i = 0;

    while (i < a.len && i < b.len &&
           slice_equal_nocase(slice_sub(a, i, 1), slice_sub(b, i, 1)))
        i++;
    return i;
}

static struct slice tail(struct slice s, size_t from)
{
    return slice_sub(s, from, s.len);
}

/* One insert, delete, replace or swap of neighbours apart. */
static bool is_one_off(struct slice a, struct slice b)
{
    const size_t i = common_start(a, b);

    if (i == a.len && i == b.len)
        return false;
    return slice_equal_nocase(tail(a, i + 1), tail(b, i + 1)) ||
           slice_equal_nocase(tail(a, i), tail(b, i + 1)) ||
           slice_equal_nocase(tail(a, i + 1), tail(b, i)) ||
           (i + 1 < a.len && i + 1 < b.len && a.bytes[i] == b.bytes[i + 1] &&
            a.bytes[i + 1] == b.bytes[i] &&
            slice_equal_nocase(tail(a, i + 2), tail(b, i + 2)));
}

static bool is_near_host(struct slice host)
{
    const struct slice name = registered(host);
    bool near = false;

    for (size_t i = 0; skills__hosts[i] != NULL; i++) {
        const struct slice known = slice_str(skills__hosts[i]);

        if (slice_equal_nocase(name, known))
            return false;
        near = near || is_one_off(name, known);
    }
    return near;
}

static bool is_odd_host(struct slice host)
{
    for (size_t i = 0; i < host.len; i++)
        if ((unsigned char)host.bytes[i] >= 0x80 ||
            slice_starts_nocase(slice_sub(host, i, 4), SLICE("xn--")))
            return true;
    return false;
}

uint64_t skills__url_marks(struct slice s)
{
    const struct slice all = authority(s);
    const struct slice host = host_of(all);
    uint8_t address[OCTETS];
    uint64_t marks = 0;

    if (all.len == 0)
        return 0;
    marks = MARK(URL);
    if (slice_find(slice_sub(all, 0, slice_find(all, '@')), '.') <
            slice_find(all, '@') &&
        slice_find(all, '@') < all.len)
        marks |= MARK(USERINFO);
    if (read_address(address, host))
        return is_private(address) ? marks : marks | MARK(RAW_IP);
    if (is_odd_host(host))
        marks |= MARK(ODD_HOST);
    if (is_near_host(host))
        marks |= MARK(NEAR_HOST);
    return marks;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a call may not reach unless its configuration says so: everything
 * that is not public unicast by the IANA special-purpose registries (RFC 6890 and its
 * updates). Judges the address that a socket is about to be connected to, so that no
 * way of writing or resolving a name matters. Knows nothing of names, ports or routes.
 */
#include "gateway/upstream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

struct range4 {
    uint32_t first;
    unsigned bits;
};

struct range6 {
    uint8_t first[16];
    unsigned bits;
};

/* clang-format off */
static const struct range4 private4[] = {
    {0x00000000, 8},  /* 0/8 "this network": Linux takes 0.0.0.0 as loopback */
    {0x0a000000, 8},  /* 10/8 private */
    {0x64400000, 10}, /* 100.64/10 carrier-grade NAT; a cloud's metadata too */
    {0x7f000000, 8},  /* 127/8 loopback */
    {0xa83f8110, 32}, /* 168.63.129.16: a cloud's host service behind a public address */
    {0xa9fe0000, 16}, /* 169.254/16 link-local, cloud metadata */
    {0xac100000, 12}, /* 172.16/12 private */
    {0xc0000000, 24}, /* 192.0.0/24 protocol assignments */
    {0xc0000200, 24}, /* 192.0.2/24 documentation */
    {0xc0586300, 24}, /* 192.88.99/24 6to4 relays, withdrawn */
    {0xc0a80000, 16}, /* 192.168/16 private */
    {0xc6120000, 15}, /* 198.18/15 benchmarks */
    {0xc6336400, 24}, /* 198.51.100/24 documentation */
    {0xcb007100, 24}, /* 203.0.113/24 documentation */
    {0xe0000000, 4},  /* 224/4 multicast */
    {0xf0000000, 4},  /* 240/4 reserved, broadcast */
};

/* Inside 2000::/3; outside of it nothing is public but NAT64. */
static const struct range6 private6[] = {
    {{0x20, 0x01}, 23},             /* 2001::/23 protocol assignments: Teredo, ORCHID.. */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* 2001:db8::/32 documentation */
    {{0x20, 0x02}, 16},             /* 2002::/16 6to4: any IPv4 address in disguise */
    {{0x3f, 0xff}, 20},             /* 3fff::/20 documentation */
};

static const struct range6 public6 = {{0x20}, 3};           /* 2000::/3 */
static const struct range6 nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96}; /* 64:ff9b::/96 */

/* clang-format on */

static bool in_range4(uint32_t address, struct range4 r)
{
    return (address ^ r.first) >> (32 - r.bits) == 0;
}

static bool in_range6(const uint8_t address[16], const struct range6 *r)
{
    const unsigned bytes = r->bits / 8;
    const unsigned rest = r->bits % 8;

    if (memcmp(address, r->first, bytes) != 0)
        return false;
    return rest == 0 || (address[bytes] ^ r->first[bytes]) >> (8 - rest) == 0;
}

static bool is_private4(uint32_t address)
{
    for (size_t i = 0; i < sizeof(private4) / sizeof(private4[0]); i++) {
        if (in_range4(address, private4[i]))
            return true;
    }
    return false;
}

static bool is_private6(const uint8_t address[16])
{
    uint32_t embedded;

    /* Networks without IPv4 reach all of it through this prefix, so the address inside
     * is the one to be judged (RFC 6052 section 3.1). */
    if (in_range6(address, &nat64)) {
        memcpy(&embedded, address + 12, sizeof(embedded));
        return is_private4(ntohl(embedded));
    }
    if (!in_range6(address, &public6))
        return true;
    for (size_t i = 0; i < sizeof(private6) / sizeof(private6[0]); i++) {
        if (in_range6(address, &private6[i]))
            return true;
    }
    return false;
}

bool upstream_address_private(const struct sockaddr *address)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    switch (address->sa_family) {
    case AF_INET:
        memcpy(&in4, address, sizeof(in4));
        return is_private4(ntohl(in4.sin_addr.s_addr));
    case AF_INET6:
        memcpy(&in6, address, sizeof(in6));
        return is_private6(in6.sin6_addr.s6_addr);
    default: /* a Unix socket is as local as can be */
        return true;
    }
}

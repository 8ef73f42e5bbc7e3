/* SPDX-License-Identifier: Apache-2.0 */
/* Integers as little-endian bytes. For record.c and command.c; not for audit.c, which
 * has a decoder of its own on purpose. */
#ifndef LEDGER_WIRE_H
#define LEDGER_WIRE_H

#include <stdint.h>

static inline void wire_put16(uint8_t *out, uint16_t v)
{
    out[0] = (uint8_t)v;
    out[1] = (uint8_t)(v >> 8);
}

static inline void wire_put32(uint8_t *out, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static inline void wire_put64(uint8_t *out, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static inline uint16_t wire_get16(const char *in)
{
    return (uint16_t)((uint8_t)in[0] | (uint16_t)((uint8_t)in[1] << 8));
}

static inline uint32_t wire_get32(const char *in)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < 4; i++)
        v |= (uint32_t)(uint8_t)in[i] << (8 * i);
    return v;
}

static inline uint64_t wire_get64(const char *in)
{
    return wire_get32(in) | (uint64_t)wire_get32(in + 4) << 32;
}

#endif

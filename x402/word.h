/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of many bytes (addresses, hashes) in words of four, so that a line of
 * source reads as the text does that was published. For this folder only. */
#ifndef X402_WORD_H
#define X402_WORD_H

#include <stdint.h>

#define X402__BYTES(word)                                    \
    (uint8_t)((word) >> 24), (uint8_t)((word) >> 16 & 0xff), \
        (uint8_t)((word) >> 8 & 0xff), (uint8_t)((word)&0xff)

/* An initializer of a u256 or a hash. */
#define X402__WORD(a, b, c, d, e, f, g, h)                                     \
    {                                                                          \
        {                                                                      \
            X402__BYTES(a), X402__BYTES(b), X402__BYTES(c), X402__BYTES(d),    \
                X402__BYTES(e), X402__BYTES(f), X402__BYTES(g), X402__BYTES(h) \
        }                                                                      \
    }

#endif

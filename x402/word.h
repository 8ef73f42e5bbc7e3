/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of many bytes (addresses, hashes) in words of four, so that a line of
 * source reads as the text does that was published. For this folder only. */
#ifndef X402_WORD_H
#define X402_WORD_H

#include <stdint.h>

#define X402__BYTES(word)                                    \
    (uint8_t)((word) >> 24), (uint8_t)((word) >> 16 & 0xff), \
        (uint8_t)((word) >> 8 & 0xff), (uint8_t)((word)&0xff)

#endif

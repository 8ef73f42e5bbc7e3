/* SPDX-License-Identifier: Apache-2.0 */
/* Writes frames of AWS event streams, right ones and wrong ones. */
#ifndef TESTS_EVENT_FRAME_H
#define TESTS_EVENT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Bit by bit, as the standard has it: not the reader's table. */
static inline uint32_t event_frame_crc(struct slice bytes)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint8_t)bytes.bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

static inline void event_frame_number(struct buf *out, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_append_char(out, (char)(value >> shift & 255));
}

/* A header whose value is a text. */
static inline void event_frame_header(struct buf *out, const char *name,
                                      struct slice value)
{
    buf_append_char(out, (char)strlen(name));
    buf_append_str(out, name);
    buf_append_char(out, 7);
    buf_append_char(out, (char)(value.len >> 8));
    buf_append_char(out, (char)(value.len & 255));
    buf_append(out, value);
}

/* Appends to out, which holds nothing but whole frames. */
static inline void event_frame(struct buf *out, struct slice headers,
                               struct slice payload)
{
    const size_t at = buf_len(out);

    event_frame_number(out, (uint32_t)(16 + headers.len + payload.len));
    event_frame_number(out, (uint32_t)headers.len);
    event_frame_number(out, event_frame_crc(slice_sub(buf_slice(out), at, 8)));
    buf_append(out, headers);
    buf_append(out, payload);
    event_frame_number(
        out, event_frame_crc(slice_sub(buf_slice(out), at, buf_len(out) - at)));
}

/* kind: "event" or "exception"; name is of that type. */
static inline void event_frame_message(struct buf *out, const char *kind,
                                       const char *name, struct slice payload)
{
    struct buf headers;

    buf_init(&headers, 4096);
    event_frame_header(
        &headers, *kind == 'e' && kind[1] == 'v' ? ":event-type" : ":exception-type",
        slice_str(name));
    event_frame_header(&headers, ":content-type", SLICE("application/json"));
    event_frame_header(&headers, ":message-type", slice_str(kind));
    event_frame(out, buf_slice(&headers), payload);
    buf_free(&headers);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A frame, all numbers big-endian: its length, that of its headers, the checksum of
 * these two, the headers, the payload, the checksum of everything before. */
#include "gateway/providers/event_stream.h"

enum {
    LENGTHS_LEN = 8,
    CRC_LEN = 4,
    FRAME_MIN = EVENT_STREAM_PRELUDE_LEN + CRC_LEN
};

/* CRC-32 of IEEE 802.3, bits reversed: the remainders of the sixteen half bytes. */
static uint32_t crc32(struct slice bytes)
{
    static const uint32_t remainders[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint8_t)bytes.bytes[i];
        crc = crc >> 4 ^ remainders[crc & 15];
        crc = crc >> 4 ^ remainders[crc & 15];
    }
    return ~crc;
}

/* Cuts a number of len bytes off the front. False: there are not as many. */
static bool take_number(uint32_t *out, struct slice *from, size_t len)
{
    uint32_t value = 0;

    if (from->len < len)
        return false;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | (uint8_t)from->bytes[i];
    *out = value;
    *from = slice_sub(*from, len, from->len);
    return true;
}

static bool take_bytes(struct slice *out, struct slice *from, size_t len)
{
    if (from->len < len)
        return false;
    *out = slice_sub(*from, 0, len);
    *from = slice_sub(*from, len, from->len);
    return true;
}

void event_stream_reader_init(struct event_stream_reader *r, size_t limit_bytes)
{
    *r = (struct event_stream_reader){.rc = RC_OK};
    r->limit = limit_bytes > 0 ? limit_bytes : EVENT_STREAM_FRAME_MAX;
    /* The prelude has room under every limit, so that a limit is always said by it. */
    buf_init(&r->frame, r->limit > FRAME_MIN ? r->limit : FRAME_MIN);
}

void event_stream_reader_free(struct event_stream_reader *r)
{
    buf_free(&r->frame);
}

struct header {
    struct slice name;
    struct slice text; /* of a string; NONE: of another type */
};

/* The types by their number: how long the value is, or how long the number before it
 * that says so. */
static bool take_value(struct header *h, struct slice *from, uint32_t type)
{
    static const struct {
        uint8_t len;
        uint8_t prefix_len;
    } types[] = {{0, 0}, {0, 0}, {1, 0}, {2, 0}, {4, 0},
                 {8, 0}, {0, 2}, {0, 2}, {8, 0}, {16, 0}};

    enum {
        STRING = 7
    };
    struct slice value;
    uint32_t len;

    if (type >= sizeof(types) / sizeof(types[0]))
        return false;
    len = types[type].len;
    if (types[type].prefix_len > 0 && !take_number(&len, from, types[type].prefix_len))
        return false;
    if (!take_bytes(&value, from, len))
        return false;
    h->text = type == STRING ? value : SLICE_NONE;
    return true;
}

static bool take_header(struct header *h, struct slice *from)
{
    uint32_t name_len;
    uint32_t type;

    return take_number(&name_len, from, 1) && name_len > 0 &&
           take_bytes(&h->name, from, name_len) && take_number(&type, from, 1) &&
           take_value(h, from, type);
}

/* The kinds of messages: the word for it, and the header that names the message. */
static const struct {
    const char *word;
    const char *name_header;
} kinds[] = {
    [EVENT_STREAM_EVENT] = {"event", ":event-type"},
    [EVENT_STREAM_EXCEPTION] = {"exception", ":exception-type"},
    [EVENT_STREAM_ERROR] = {"error", ":error-code"},
};

enum {
    KIND_COUNT = sizeof(kinds) / sizeof(kinds[0])
};

/* A header that names the message says its kind too, should nothing else do. */
static bool read_name(struct event_stream_message *m, const struct header *h)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (slice_equal_str(h->name, kinds[i].name_header)) {
            m->kind = (enum event_stream_kind)i;
            m->name = h->text;
            return true;
        }
    }
    return false;
}

static enum rc read_kind(struct event_stream_message *m, struct slice word)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (slice_equal_str(word, kinds[i].word)) {
            m->kind = (enum event_stream_kind)i;
            return RC_OK;
        }
    }
    return RC_UPSTREAM;
}

static enum rc read_headers(struct event_stream_message *m, struct slice headers)
{
    struct slice word = SLICE_NONE;

    while (headers.len > 0) {
        struct header h;

        if (!take_header(&h, &headers))
            return RC_UPSTREAM;
        if (read_name(m, &h))
            continue;
        if (slice_equal(h.name, SLICE(":message-type")))
            word = h.text.bytes != NULL ? h.text : SLICE("");
        else if (slice_equal(h.name, SLICE(":error-message")))
            m->text = h.text;
        else if (slice_equal(h.name, SLICE(":content-type")))
            m->content_type = h.text;
    }
    if (m->name.len == 0)
        return RC_UPSTREAM; /* nobody could tell what it is */
    return word.bytes != NULL ? read_kind(m, word) : RC_OK;
}

/* The prelude is there: its lengths are believed only with the right checksum. */
static enum rc read_prelude(struct event_stream_reader *r)
{
    const struct slice prelude = buf_slice(&r->frame);
    struct slice rest = prelude;
    uint32_t frame_len = 0;
    uint32_t header_len = 0;
    uint32_t crc = 0;

    (void)take_number(&frame_len, &rest, 4);
    (void)take_number(&header_len, &rest, 4);
    (void)take_number(&crc, &rest, CRC_LEN);
    if (crc != crc32(slice_sub(prelude, 0, LENGTHS_LEN)) || frame_len < FRAME_MIN ||
        header_len > frame_len - FRAME_MIN)
        return RC_UPSTREAM;
    if (frame_len > r->limit)
        return RC_TOO_BIG;
    r->frame_len = frame_len;
    r->header_len = header_len;
    return RC_OK;
}

static enum rc read_frame(struct event_stream_reader *r, event_stream_fn *each,
                          void *arg)
{
    const struct slice frame = buf_slice(&r->frame);
    const struct slice body = slice_sub(frame, 0, frame.len - CRC_LEN);
    struct slice rest = slice_sub(frame, body.len, CRC_LEN);
    struct event_stream_message m = {.name = SLICE("")};
    uint32_t crc = 0;

    (void)take_number(&crc, &rest, CRC_LEN);
    if (crc != crc32(body))
        return RC_UPSTREAM;
    TRY(read_headers(&m, slice_sub(body, EVENT_STREAM_PRELUDE_LEN, r->header_len)));
    m.payload = slice_sub(body, EVENT_STREAM_PRELUDE_LEN + r->header_len, body.len);
    TRY(each(arg, &m));
    buf_reset(&r->frame);
    r->frame_len = 0;
    return RC_OK;
}

static enum rc step(struct event_stream_reader *r, struct slice *bytes,
                    event_stream_fn *each, void *arg)
{
    const bool in_prelude = r->frame_len == 0;
    const size_t want = in_prelude ? EVENT_STREAM_PRELUDE_LEN : r->frame_len;
    const struct slice piece = slice_sub(*bytes, 0, want - buf_len(&r->frame));

    buf_append(&r->frame, piece);
    if (buf_spent(&r->frame))
        return RC_TOO_BIG;
    *bytes = slice_sub(*bytes, piece.len, bytes->len);
    if (buf_len(&r->frame) < want)
        return RC_OK;
    return in_prelude ? read_prelude(r) : read_frame(r, each, arg);
}

enum rc event_stream_feed(struct event_stream_reader *r, struct slice bytes,
                          event_stream_fn *each, void *arg)
{
    while (r->rc == RC_OK && bytes.len > 0)
        r->rc = step(r, &bytes, each, arg);
    return r->rc;
}

enum rc event_stream_end(struct event_stream_reader *r)
{
    if (r->rc == RC_OK && buf_len(&r->frame) > 0)
        r->rc = RC_UPSTREAM;
    return r->rc;
}

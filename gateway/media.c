/* SPDX-License-Identifier: Apache-2.0 */
/* URLs and data URLs (RFC 2397) of media. */
#include "gateway/media.h"

/* Characters that could leave a JSON string, or were never in a URL. */
static bool is_clean(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.bytes[i];

        if (c <= 0x20 || c == 0x7f || c == '"' || c == '\\')
            return false;
    }
    return s.len > 0;
}

bool media_is_clean(const struct media *m)
{
    return is_clean(m->data) && (m->type.len == 0 || is_clean(m->type));
}

/* "TYPE;base64,DATA"; parameters between the two are let go. */
static enum rc read_data(struct media *m, struct slice rest)
{
    const size_t comma = slice_find(rest, ',');
    const struct slice head = slice_sub(rest, 0, comma);
    const size_t end = slice_find(head, ';');
    static const char mark[] = ";base64";

    if (comma == rest.len || head.len < sizeof(mark) - 1 ||
        !slice_equal_nocase(slice_sub(head, head.len - (sizeof(mark) - 1), head.len),
                            SLICE(";base64")))
        return RC_BAD_INPUT;
    m->from = MEDIA_INLINE;
    m->type = slice_sub(head, 0, end);
    m->data = slice_sub(rest, comma + 1, rest.len);
    return media_is_clean(m) ? RC_OK : RC_BAD_INPUT;
}

enum rc media_from_url(struct media *m, struct slice url_json, struct arena *a)
{
    struct slice url;

    TRY(quoted_open(&url, (struct quoted){url_json}, a));
    if (slice_starts_nocase(url, SLICE("data:")))
        return read_data(m, slice_sub(url, 5, url.len));
    if ((!slice_starts_nocase(url, SLICE("https://")) &&
         !slice_starts_nocase(url, SLICE("http://"))) ||
        !is_clean(url))
        return RC_BAD_INPUT;
    m->from = MEDIA_URL;
    m->data = url;
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Images, sounds and files in a conversation: their bytes, or where they are. */
#ifndef GATEWAY_MEDIA_H
#define GATEWAY_MEDIA_H

#include "gateway/quoted.h"

enum media_from {
    MEDIA_INLINE, /* data: base64, its characters */
    MEDIA_URL,    /* data: an http(s) URL */
    MEDIA_ID      /* data: a name that the provider gave to an upload */
};

struct media {
    enum media_from from;
    struct slice type;   /* "image/png"; empty: not told */
    struct slice data;   /* plain; clean inside quotes */
    struct quoted name;  /* a file's */
    struct slice detail; /* OpenAI's: "low", "high", "auto"; empty: none */
};

/* Type and data can stand inside quotes as they are. What a vendor answers passes this
 * in one place, model__take(). */
bool media_is_clean(const struct media *m);

/* "data:TYPE;base64,DATA" or a URL into *m. RC_BAD_INPUT: neither. */
MUST_CHECK enum rc media_from_url(struct media *m, struct slice url_json,
                                  struct arena *a);

#endif

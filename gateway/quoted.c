/* SPDX-License-Identifier: Apache-2.0 */
/* Text that stays a JSON string. */
#include "gateway/quoted.h"

#include "base/json.h"

#include <string.h>

struct quoted quoted_from(struct slice plain, struct arena *a)
{
    const size_t room = plain.len > SIZE_MAX / 6 - 16 ? SIZE_MAX : 6 * plain.len + 16;
    struct quoted q = {SLICE_NONE};
    struct json_out o;
    struct buf b;

    buf_init(&b, room);
    json_out_init(&o, &b);
    json_out_slice(&o, plain);
    if (!buf_spent(&b))
        q.json = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return q;
}

enum rc quoted_open(struct slice *out, struct quoted q, struct arena *a)
{
    const struct slice inside = quoted_inside(q);

    if (slice_find(inside, '\\') == inside.len) {
        *out = inside;
        return RC_OK;
    }
    return json_raw_string(out, q.json, a) == RC_OK ? RC_OK : RC_NOMEM;
}

struct slice quoted_inside(struct quoted q)
{
    return q.json.len < 2 ? SLICE_NONE : slice_sub(q.json, 1, q.json.len - 2);
}

bool quoted_is_empty(struct quoted q)
{
    return q.json.len <= 2;
}

void quoted_append(struct buf *out, struct quoted q)
{
    buf_append(out, quoted_inside(q));
}

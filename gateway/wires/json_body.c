/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at guarded JSON without a tree. */
#include "gateway/wires/json_body.h"

#include "base/json_text.h"

size_t json_body_index(struct slice key, const char *const *names, size_t count)
{
    const struct slice inner = slice_sub(key, 1, key.len - 2);
    size_t i = 0;

    while (i < count && !json_text_equal(inner, names[i]))
        i++;
    return i;
}

void json_body_pick(struct slice *values, const char *const *names, size_t count,
                    struct slice object)
{
    struct slice key, value;
    enum json_kind kind;
    size_t at = 0;

    for (size_t i = 0; i < count; i++)
        values[i] = SLICE_NONE;
    while ((kind = json_raw_next(&key, &value, object, &at)) != JSON_ABSENT) {
        const size_t i = json_body_index(key, names, count);

        if (i < count && kind != JSON_NULL)
            values[i] = value;
    }
}

bool json_body_is(struct slice raw, const char *text)
{
    return json_raw_type(raw) == JSON_STRING &&
           json_text_equal(slice_sub(raw, 1, raw.len - 2), text);
}

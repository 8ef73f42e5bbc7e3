/* SPDX-License-Identifier: Apache-2.0 */
/* Reading bodies by the names of their members. */
#include "gateway/wires/json_fields.h"

#include "base/json_text.h"

static struct slice inside(struct slice quoted)
{
    return slice_sub(quoted, 1, quoted.len - 2);
}

void body_fields(struct slice object, struct json_field *fields, size_t count)
{
    struct slice key, value;
    enum json_kind kind;
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        fields[i].type = JSON_ABSENT;
        fields[i].raw = SLICE_NONE;
    }
    while ((kind = json_raw_next(&key, &value, object, &at)) != JSON_ABSENT)
        for (size_t i = 0; i < count; i++) {
            if (fields[i].type != JSON_ABSENT ||
                !json_text_equal(inside(key), fields[i].name))
                continue;
            fields[i].type = kind;
            fields[i].raw = value;
            fields[i].member_at = (size_t)(key.bytes - object.bytes);
            break;
        }
}

enum rc body_text(struct slice *out, struct slice raw, struct arena *a)
{
    if (json_raw_type(raw) != JSON_STRING)
        return RC_BAD_INPUT;
    return quoted_open(out, (struct quoted){raw}, a);
}

struct slice body_word(const struct json_field *f, struct arena *a)
{
    struct slice text;

    if (f->type != JSON_STRING || body_text(&text, f->raw, a) != RC_OK)
        return SLICE_NONE;
    return text;
}

bool body_has_text(const struct json_field *f)
{
    return f->type == JSON_STRING && f->raw.len > 2;
}

bool body_has_elements(const struct json_field *f)
{
    struct slice element;
    size_t at = 0;

    return f->type == JSON_ARRAY &&
           json_raw_element(&element, f->raw, &at) != JSON_ABSENT;
}

void body_put_quoted(struct json_out *o, const char *key, struct quoted q)
{
    json_out_key(o, key);
    json_out_raw(o, q.json.len == 0 ? SLICE("\"\"") : q.json);
}

void body_put_raw(struct json_out *o, const char *key, struct slice raw)
{
    if (raw.len == 0)
        return;
    json_out_key(o, key);
    json_out_raw(o, raw);
}

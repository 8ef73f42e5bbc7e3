/* SPDX-License-Identifier: Apache-2.0 */
/* A part of the tree as JSON, for values whose form is somebody else's business. */
#include "base/conf_int.h"

#include "base/json.h"

static size_t digits_at(struct slice s, size_t at)
{
    size_t count = 0;

    while (at + count < s.len && s.bytes[at + count] >= '0' &&
           s.bytes[at + count] <= '9')
        count++;
    return count;
}

/* RFC 8259 section 6 */
static bool is_number(struct slice s)
{
    size_t at = s.len > 0 && s.bytes[0] == '-';
    size_t digits = digits_at(s, at);

    if (digits == 0 || (digits > 1 && s.bytes[at] == '0'))
        return false;
    at += digits;
    if (at < s.len && s.bytes[at] == '.') {
        digits = digits_at(s, ++at);
        if (digits == 0)
            return false;
        at += digits;
    }
    if (at < s.len && (s.bytes[at] == 'e' || s.bytes[at] == 'E')) {
        at++;
        if (at < s.len && (s.bytes[at] == '+' || s.bytes[at] == '-'))
            at++;
        digits = digits_at(s, at);
        if (digits == 0)
            return false;
        at += digits;
    }
    return at == s.len;
}

static void put_scalar(struct json_out *o, const struct conf_node *n)
{
    const struct slice text = slice_from(n->text, n->text_len);

    if (n->plain && !n->expanded &&
        (is_number(text) || slice_equal(text, SLICE("true")) ||
         slice_equal(text, SLICE("false"))))
        json_out_raw(o, text);
    else
        json_out_slice(o, text);
}

/* A container that is open, and which of its items comes next. */
struct level {
    struct conf_node *node;
    size_t at;
};

static void begin(struct json_out *o, const struct conf_node *n)
{
    if (n->kind == CONF__MAPPING)
        json_out_object(o);
    else
        json_out_array(o);
}

static void end(struct json_out *o, const struct conf_node *n)
{
    if (n->kind == CONF__MAPPING)
        json_out_end_object(o);
    else
        json_out_end_array(o);
}

static void put_key(struct json_out *o, struct arena *a, struct slice key)
{
    const char *text = arena_copy(a, key.bytes, key.len);

    json_out_key(o, text != NULL ? text : "");
}

void conf_json(struct buf *out, struct conf *c, struct conf_node *n)
{
    struct level stack[CONF__DEPTH_MAX + 1];
    struct json_out o;
    unsigned depth = 0;

    json_out_init(&o, out);
    for (;;) {
        if (n->kind == CONF__NULL) {
            json_out_null(&o);
        } else if (n->kind == CONF__SCALAR) {
            put_scalar(&o, n);
        } else {
            begin(&o, n);
            stack[depth++] = (struct level){n, 0};
        }
        while (depth > 0 && stack[depth - 1].at == stack[depth - 1].node->count)
            end(&o, stack[--depth].node);
        if (depth == 0)
            return;
        n = stack[depth - 1].node->items[stack[depth - 1].at++];
        n->asked = true;
        if (n->key.bytes != NULL)
            put_key(&o, c->arena, n->key);
    }
}

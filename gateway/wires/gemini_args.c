/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed arguments of a function call. Google sends them as a list of JSON paths,
 * each with a value or a piece of a string ("$.items[0].name" gets "ap", then "ple");
 * the common form has the text of one JSON object that grows. Both follow the order in
 * which the model writes, so what is open is always just the path of the last value. */
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

#include <string.h>

static bool add_name(struct gemini_path *p, struct slice name)
{
    if (p->depth == GEMINI_ARGS_DEPTH || p->names_len + name.len > GEMINI_ARGS_NAMES)
        return false;
    if (name.len > 0)
        memcpy(p->names + p->names_len, name.bytes, name.len);
    p->steps[p->depth].is_index = false;
    p->steps[p->depth].at = p->names_len;
    p->steps[p->depth++].len = (unsigned)name.len;
    p->names_len += (unsigned)name.len;
    return true;
}

static bool add_index(struct gemini_path *p, struct slice digits)
{
    uint64_t n;

    if (p->depth == GEMINI_ARGS_DEPTH || slice_to_u64(&n, digits) != RC_OK ||
        n > UINT32_MAX)
        return false;
    p->steps[p->depth].is_index = true;
    p->steps[p->depth].at = (unsigned)n;
    p->steps[p->depth++].len = 0;
    return true;
}

/* ".name" without its dot: up to the next step. */
static struct slice cut_name(struct slice *rest)
{
    const size_t dot = slice_find(*rest, '.'), bracket = slice_find(*rest, '[');
    const size_t end = dot < bracket ? dot : bracket;
    const struct slice name = slice_sub(*rest, 0, end);

    *rest = slice_sub(*rest, end, rest->len);
    return name;
}

/* "[3]" or "['name']". */
static bool add_bracket(struct gemini_path *p, struct slice *rest)
{
    const bool quoted =
        rest->len > 1 && (rest->bytes[1] == '\'' || rest->bytes[1] == '"');
    struct slice inner, end = quoted ? SLICE("']") : SLICE("]");
    size_t at;

    *rest = slice_sub(*rest, quoted ? 2 : 1, rest->len);
    at = slice_search(*rest, end);
    if (at == rest->len && quoted) {
        end = SLICE("\"]");
        at = slice_search(*rest, end);
    }
    if (at == rest->len)
        return false;
    inner = slice_sub(*rest, 0, at);
    *rest = slice_sub(*rest, at + end.len, rest->len);
    return quoted ? add_name(p, inner) : add_index(p, inner);
}

/* "$.a[0].b": at least one step. */
static bool read_path(struct gemini_path *p, struct slice text)
{
    p->depth = 0;
    p->names_len = 0;
    if (text.len == 0 || text.bytes[0] != '$')
        return false;
    text = slice_sub(text, 1, text.len);
    while (text.len > 0) {
        if (text.bytes[0] == '[') {
            if (!add_bracket(p, &text))
                return false;
            continue;
        }
        if (text.bytes[0] != '.')
            return false;
        text = slice_sub(text, 1, text.len);
        if (!add_name(p, cut_name(&text)))
            return false;
    }
    return p->depth > 0 && !p->steps[0].is_index;
}

static struct slice name_at(const struct gemini_path *p, unsigned i)
{
    return slice_from(p->names + p->steps[i].at, p->steps[i].len);
}

static bool same_step(const struct gemini_path *a, const struct gemini_path *b,
                      unsigned i)
{
    if (a->steps[i].is_index != b->steps[i].is_index)
        return false;
    return a->steps[i].is_index ? a->steps[i].at == b->steps[i].at
                                : slice_equal(name_at(a, i), name_at(b, i));
}

static void put_name(struct buf *out, struct slice name)
{
    struct json_out o;

    json_out_init(&o, out);
    json_out_slice(&o, name);
    buf_append_char(out, ':');
}

/* Closes what is open from step `from` on: the containers of the steps behind it. */
static void close_steps(struct gemini_args *s, struct buf *out, unsigned from)
{
    if (s->in_string)
        buf_append_char(out, '"');
    s->in_string = false;
    for (unsigned i = s->path.depth; i > from; i--)
        buf_append_char(out, s->path.steps[i - 1].is_index ? ']' : '}');
}

static unsigned common_steps(const struct gemini_path *a, const struct gemini_path *b)
{
    unsigned i = 0;

    while (i < a->depth && i < b->depth && same_step(a, b, i))
        i++;
    return i;
}

/* Whether a value may come at `to` after one at `from`: beside it, one further in a
 * list, and in what it opens at the first place. */
static bool may_follow(const struct gemini_path *from, const struct gemini_path *to,
                       unsigned common)
{
    if (common == to->depth || (common == from->depth && common > 0))
        return false; /* where one was, or within one */
    for (unsigned i = from->depth == 0 ? 0 : common + 1; i < to->depth; i++)
        if (to->steps[i].is_index && to->steps[i].at != 0)
            return false;
    if (from->depth == 0)
        return true;
    return from->steps[common].is_index == to->steps[common].is_index &&
           (!to->steps[common].is_index ||
            to->steps[common].at == from->steps[common].at + 1);
}

/* Goes from the last value's place to that of the next one. */
static enum rc move_to(struct gemini_args *s, struct buf *out,
                       const struct gemini_path *to)
{
    const bool is_first = s->path.depth == 0;
    const unsigned common = common_steps(&s->path, to);

    if (!may_follow(&s->path, to, common))
        return RC_UPSTREAM;
    if (!is_first) {
        close_steps(s, out, common + 1);
        buf_append_char(out, ',');
    }
    for (unsigned i = common; i < to->depth; i++) {
        if (i > common || is_first)
            buf_append_char(out, to->steps[i].is_index ? '[' : '{');
        if (!to->steps[i].is_index)
            put_name(out, name_at(to, i));
    }
    s->path = *to;
    return RC_OK;
}

enum {
    VALUE_PATH,
    VALUE_MORE,
    VALUE_STRING,
    VALUE_NUMBER,
    VALUE_BOOL,
    VALUE__COUNT
};

enum rc gemini__args_add(struct gemini_args *s, struct buf *out, struct slice partial,
                         struct arena *scratch)
{
    static const char *const names[VALUE__COUNT] = {
        "jsonPath", "willContinue", "stringValue", "numberValue", "boolValue"};
    struct gemini_path *to = arena_new(scratch, struct gemini_path);
    struct slice v[VALUE__COUNT], text;
    bool more;

    if (to == NULL)
        return RC_NOMEM;
    json_body_pick(v, names, VALUE__COUNT, partial);
    if (json_raw_type(v[VALUE_PATH]) != JSON_STRING)
        return RC_UPSTREAM;
    TRY(quoted_open(&text, (struct quoted){v[VALUE_PATH]}, scratch));
    if (!read_path(to, text))
        return RC_UPSTREAM;
    more = json_raw_type(v[VALUE_MORE]) == JSON_TRUE;
    if (!s->in_string || common_steps(&s->path, to) != to->depth ||
        s->path.depth != to->depth) {
        TRY(move_to(s, out, to));
        if (json_raw_type(v[VALUE_STRING]) == JSON_STRING)
            buf_append_char(out, '"');
    } else if (json_raw_type(v[VALUE_STRING]) != JSON_STRING) {
        return RC_UPSTREAM;
    }
    if (json_raw_type(v[VALUE_STRING]) == JSON_STRING) {
        quoted_append(out, (struct quoted){v[VALUE_STRING]});
        s->in_string = more;
        if (!more)
            buf_append_char(out, '"');
    } else if (json_raw_type(v[VALUE_NUMBER]) == JSON_NUMBER) {
        buf_append(out, v[VALUE_NUMBER]);
    } else if (v[VALUE_BOOL].len > 0) {
        buf_append_str(out,
                       json_raw_type(v[VALUE_BOOL]) == JSON_TRUE ? "true" : "false");
    } else {
        buf_append_str(out, "null");
    }
    return buf_spent(out) ? RC_NOMEM : RC_OK;
}

void gemini__args_end(struct gemini_args *s, struct buf *out)
{
    if (s->path.depth == 0)
        buf_append_char(out, '{');
    close_steps(s, out, s->path.depth == 0 ? 0 : 1);
    buf_append_char(out, '}');
    *s = (struct gemini_args){.is_open = false};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a tool call become an HTTP request. Nothing of them is ever written
 * into a path or a query but percent-encoded, and a value that could be read as more
 * than it is (a slash in one part of a path, a part that is "..") is refused with its
 * name. */
#include "gateway/mcp/tools.h"

#include "base/codec.h"
#include "gateway/path.h"

#include <string.h>

enum {
    TARGET_MAX = HTTP_URL_MAX,
    ARGUMENTS_MAX = 256,
    MORE_MAX = 4096 /* that a body gets around the arguments */
};

struct argument {
    struct slice key, name, raw; /* the name is the key without escapes */
};

struct maker {
    struct request *r;
    struct mcp_error *error;
    const struct config_endpoint *e;
    struct argument *arguments; /* read once: looking for one is no walk over texts */
    size_t count;
    struct mcp_param params[MCP_PARAMS_MAX];
    size_t param_count;
    const char *method;
    struct buf path, query, *body;
};

static enum rc refuse(struct maker *m, const char *words, struct slice name)
{
    const struct slice some = slice_sub(name, 0, 128);

    return mcp_fail(m->error, m->r, MCP_BAD_PARAMS, "'%.*s' %s", SLICE_FMT(some),
                    words);
}

static enum rc read_arguments(struct maker *m, struct slice object)
{
    struct argument a;
    size_t at = 0;

    m->arguments = arena_new_array(m->r->arena, struct argument, ARGUMENTS_MAX);
    if (m->arguments == NULL)
        return RC_NOMEM;
    while (json_raw_next(&a.key, &a.raw, object, &at) != JSON_ABSENT) {
        if (m->count == ARGUMENTS_MAX)
            return refuse(m, "has too many members.", SLICE("arguments"));
        TRY(json_raw_string(&a.name, a.key, m->r->arena));
        m->arguments[m->count++] = a;
    }
    return RC_OK;
}

/* SLICE_NONE: it is not there. */
static struct slice argument(const struct maker *m, struct slice name)
{
    for (size_t i = 0; i < m->count; i++)
        if (slice_equal(m->arguments[i].name, name))
            return m->arguments[i].raw;
    return SLICE_NONE;
}

/* A string, number or boolean as text. */
static enum rc scalar(struct slice *out, struct maker *m, struct slice raw)
{
    switch (json_raw_type(raw)) {
    case JSON_STRING:
        return json_raw_string(out, raw, m->r->arena);
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
        *out = raw;
        return RC_OK;
    default:
        return RC_BAD_INPUT;
    }
}

static bool is_dots(struct slice s)
{
    return slice_equal(s, SLICE(".")) || slice_equal(s, SLICE(".."));
}

static bool has_bad_byte(struct slice s)
{
    return slice_has_ctl(s) || slice_find(s, '\\') < s.len;
}

static enum rc add_segment(struct maker *m, struct slice name, struct slice value)
{
    if (value.len == 0 || is_dots(value))
        return refuse(m, "may not be empty, '.' or '..'.", name);
    percent_encode(&m->path, value);
    return RC_OK;
}

static enum rc add_rest(struct maker *m, struct slice name, struct slice value)
{
    struct slice segment;
    bool first = true;

    while (slice_next(&segment, &value, '/')) {
        if (!first)
            buf_append_char(&m->path, '/');
        first = false;
        TRY(add_segment(m, name, segment));
    }
    return RC_OK;
}

static enum rc add_param(struct maker *m, const struct mcp_param *p)
{
    const struct slice raw = argument(m, p->name);
    struct slice value;

    if (raw.len == 0) {
        if (p->is_rest)
            return RC_OK;
        return refuse(m, "is missing: it is a part of the path.", p->name);
    }
    if (scalar(&value, m, raw) != RC_OK)
        return refuse(m, "must be a string: it is a part of the path.", p->name);
    if (has_bad_byte(value))
        return refuse(m, "may not have control characters or backslashes.", p->name);
    if (p->is_rest)
        return add_rest(m, p->name, value);
    if (slice_find(value, '/') < value.len)
        return refuse(m, "may not have a slash: it is one part of the path.", p->name);
    return add_segment(m, p->name, value);
}

static enum rc make_path(struct maker *m)
{
    struct slice rest = slice_str(m->e->path);

    for (size_t i = 0; i < m->param_count; i++) {
        const size_t from = slice_find(rest, '{');
        const size_t to = slice_find(rest, '}');

        buf_append(&m->path, slice_sub(rest, 0, from));
        TRY(add_param(m, &m->params[i]));
        rest = slice_sub(rest, to + 1, rest.len);
    }
    buf_append(&m->path, rest);
    return RC_OK;
}

static enum rc add_pair(struct maker *m, struct slice name, struct slice raw)
{
    struct slice value;

    if (scalar(&value, m, raw) != RC_OK)
        return refuse(m, "must be a string, a number, a boolean, or an array.", name);
    if (buf_spent(&m->query))
        return refuse(m, "is too long for a URL.", name);
    if (buf_len(&m->query) > 0)
        buf_append_char(&m->query, '&');
    percent_encode(&m->query, name);
    buf_append_char(&m->query, '=');
    percent_encode(&m->query, value);
    return RC_OK;
}

static enum rc add_to_query(struct maker *m, struct slice name, struct slice raw)
{
    struct slice element;
    size_t at = 0;

    if (json_raw_type(raw) == JSON_NULL)
        return RC_OK;
    if (json_raw_type(raw) != JSON_ARRAY)
        return add_pair(m, name, raw);
    while (json_raw_element(&element, raw, &at) != JSON_ABSENT)
        TRY(add_pair(m, name, element));
    return RC_OK;
}

static enum rc add_members(struct maker *m, struct slice object)
{
    struct slice key, value, name;
    size_t at = 0;

    while (json_raw_next(&key, &value, object, &at) != JSON_ABSENT) {
        TRY(json_raw_string(&name, key, m->r->arena));
        TRY(add_to_query(m, name, value));
    }
    return RC_OK;
}

static void add_to_body(struct maker *m, struct slice key, struct slice raw)
{
    buf_append_char(m->body, buf_len(m->body) == 0 ? '{' : ',');
    buf_append(m->body, key);
    buf_append_char(m->body, ':');
    buf_append(m->body, raw);
}

static void end_body(struct maker *m, struct mcp_call *out)
{
    if (buf_len(m->body) == 0)
        buf_append_char(m->body, '{');
    buf_append_char(m->body, '}');
    out->has_body = true;
    out->body = buf_slice(m->body);
    out->content_type = "application/json";
}

/* ---- Without a schema of its own: path, query, body, and what is flat ---- */

static enum rc make_body(struct maker *m, struct mcp_call *out, struct slice raw)
{
    const enum json_kind kind = json_raw_type(raw);
    struct slice text = raw;

    if (m->e->body == CONFIG_BODY_NONE || mcp_has_query(m->method))
        return refuse(m, "is not taken here.", SLICE("body"));
    out->content_type = "application/json";
    if (kind == JSON_STRING && m->e->body != CONFIG_BODY_JSON) {
        out->content_type = "text/plain; charset=utf-8";
        TRY(json_raw_string(&text, raw, m->r->arena));
    }
    out->has_body = true;
    out->body = text;
    return RC_OK;
}

static bool is_method_argument(const struct maker *m, struct slice name)
{
    return strcmp(m->e->method, "ANY") == 0 && slice_equal(name, SLICE("method"));
}

/* Models send {"q": 1} where {"query": {"q": 1}} is asked for. */
static enum rc add_flat(struct maker *m, const struct argument *a)
{
    if (mcp_has_query(m->method))
        return add_to_query(m, a->name, a->raw);
    if (m->e->body == CONFIG_BODY_NONE)
        return refuse(m, "is no argument of this tool.", a->name);
    add_to_body(m, a->key, a->raw);
    return RC_OK;
}

static enum rc make_plain(struct maker *m, struct mcp_call *out)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct argument *a = &m->arguments[i];

        if (mcp_is_param(m->params, m->param_count, a->name) ||
            is_method_argument(m, a->name))
            continue;
        if (slice_equal(a->name, SLICE("body")))
            TRY(make_body(m, out, a->raw));
        else if (!slice_equal(a->name, SLICE("query")))
            TRY(add_flat(m, a));
        else if (json_raw_type(a->raw) != JSON_OBJECT)
            return refuse(m, "must be an object.", a->name);
        else
            TRY(add_members(m, a->raw));
    }
    if (buf_len(m->body) == 0)
        return RC_OK;
    if (out->has_body)
        return refuse(m, "is the whole body: nothing goes beside it.", SLICE("body"));
    end_body(m, out);
    return RC_OK;
}

/* ---- With one: its members ---- */

static bool is_of_type(enum json_kind kind, struct slice raw, struct slice type)
{
    const bool is_whole = slice_find(raw, '.') == raw.len;

    switch (kind) {
    case JSON_STRING:
        return slice_equal(type, SLICE("string"));
    case JSON_NUMBER:
        return slice_equal(type, SLICE("number")) ||
               (is_whole && slice_equal(type, SLICE("integer")));
    case JSON_TRUE:
    case JSON_FALSE:
        return slice_equal(type, SLICE("boolean"));
    case JSON_ARRAY:
        return slice_equal(type, SLICE("array"));
    case JSON_OBJECT:
        return slice_equal(type, SLICE("object"));
    case JSON_NULL:
        return slice_equal(type, SLICE("null"));
    case JSON_ABSENT:
        break;
    }
    return false;
}

static bool type_fits(struct maker *m, struct slice raw, struct slice types)
{
    const enum json_kind kind = json_raw_type(raw);
    struct slice one, text;
    size_t at = 0;

    if (json_raw_type(types) == JSON_STRING)
        return json_raw_string(&text, types, m->r->arena) != RC_OK ||
               is_of_type(kind, raw, text);
    while (json_raw_element(&one, types, &at) != JSON_ABSENT)
        if (json_raw_string(&text, one, m->r->arena) == RC_OK &&
            is_of_type(kind, raw, text))
            return true;
    return at == 0;
}

static bool is_listed(struct slice raw, struct slice list)
{
    struct slice one;
    size_t at = 0;

    while (json_raw_element(&one, list, &at) != JSON_ABSENT)
        if (slice_equal(one, raw))
            return true;
    return false;
}

/* What a model most often gets wrong; the rest of the schema is the endpoint's to
 * check. */
static enum rc check_member(struct maker *m, struct slice properties, struct slice name,
                            struct slice raw)
{
    char *text = arena_copy(m->r->arena, name.bytes, name.len);
    struct slice rule, part;

    if (text == NULL)
        return RC_NOMEM;
    if (json_raw_member(&rule, properties, text) != JSON_OBJECT)
        return RC_OK;
    if (json_raw_member(&part, rule, "type") != JSON_ABSENT && !type_fits(m, raw, part))
        return refuse(m, "is not of the type that the schema says.", name);
    if (json_raw_member(&part, rule, "enum") == JSON_ARRAY && !is_listed(raw, part))
        return refuse(m, "is none of the values that the schema lists.", name);
    return RC_OK;
}

static enum rc check_unknown(struct maker *m, struct slice schema,
                             struct slice properties, struct slice name)
{
    char *text = arena_copy(m->r->arena, name.bytes, name.len);
    struct slice raw;

    if (text == NULL)
        return RC_NOMEM;
    if (json_raw_member(&raw, schema, "additionalProperties") != JSON_FALSE ||
        json_raw_member(&raw, properties, text) != JSON_ABSENT)
        return RC_OK;
    return refuse(m, "is no argument of this tool.", name);
}

static enum rc check_required(struct maker *m, struct slice schema)
{
    struct slice list, one, name;
    size_t at = 0;

    if (json_raw_member(&list, schema, "required") != JSON_ARRAY)
        return RC_OK;
    while (json_raw_element(&one, list, &at) == JSON_STRING) {
        TRY(json_raw_string(&name, one, m->r->arena));
        if (argument(m, name).len == 0)
            return refuse(m, "is missing.", name);
    }
    return RC_OK;
}

static enum rc make_own(struct maker *m, struct mcp_call *out)
{
    const struct slice schema = slice_str(m->e->input_schema);
    const bool has_query = mcp_has_query(m->method);
    struct slice properties;

    if (json_raw_member(&properties, schema, "properties") != JSON_OBJECT)
        properties = SLICE("{}");
    TRY(check_required(m, schema));
    for (size_t i = 0; i < m->count; i++) {
        const struct argument *a = &m->arguments[i];

        TRY(check_member(m, properties, a->name, a->raw));
        if (mcp_is_param(m->params, m->param_count, a->name) ||
            is_method_argument(m, a->name))
            continue;
        TRY(check_unknown(m, schema, properties, a->name));
        if (has_query)
            TRY(add_to_query(m, a->name, a->raw));
        else
            add_to_body(m, a->key, a->raw);
    }
    if (has_query || m->e->body == CONFIG_BODY_NONE)
        return RC_OK;
    end_body(m, out);
    return RC_OK;
}

/* ---- All ---- */

static enum rc choose_method(struct maker *m)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    struct slice name, raw;

    m->method = m->e->method;
    if (strcmp(m->method, "ANY") != 0)
        return RC_OK;
    m->method = "GET";
    raw = argument(m, SLICE("method"));
    if (raw.len == 0)
        return RC_OK;
    if (json_raw_string(&name, raw, m->r->arena) != RC_OK)
        name = SLICE_NONE;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (slice_equal_str(name, methods[i])) {
            m->method = methods[i];
            return RC_OK;
        }
    return refuse(m, "must be GET, POST, PUT, PATCH or DELETE.", SLICE("method"));
}

static enum rc make(struct maker *m, struct mcp_call *out, const struct mcp_tool *t,
                    struct slice arguments)
{
    TRY(read_arguments(m, arguments));
    m->param_count = mcp_params(m->params, t->endpoint->path);
    buf_append_str(&m->path, t->host->prefix);
    TRY(choose_method(m));
    TRY(make_path(m));
    TRY(m->e->input_schema != NULL ? make_own(m, out) : make_plain(m, out));
    if (buf_spent(&m->path) || buf_spent(&m->query) ||
        buf_len(&m->path) + buf_len(&m->query) >= TARGET_MAX ||
        path_check(buf_slice(&m->path), true) != RC_OK)
        return mcp_fail(m->error, m->r, MCP_BAD_PARAMS,
                        "The arguments are too long for a URL.");
    out->method = m->method;
    out->path = arena_copy(m->r->arena, buf_slice(&m->path).bytes, buf_len(&m->path));
    out->query = arena_slice(m->r->arena, buf_slice(&m->query));
    return out->path == NULL || buf_spent(m->body) ? RC_NOMEM : RC_OK;
}

enum rc mcp_tool_call(struct mcp_call *out, struct mcp_error *error, struct request *r,
                      const struct mcp_tool *t, struct slice arguments)
{
    struct maker m = {.r = r, .error = error, .e = t->endpoint};
    enum rc rc;

    memset(out, 0, sizeof(*out));
    out->sold = arena_copy(r->arena, t->name, strlen(t->name));
    buf_init(&out->made, r->config->limits.max_body_bytes + MORE_MAX);
    if (arguments.len == 0)
        arguments = SLICE("{}");
    m.body = &out->made;
    buf_init(&m.path, TARGET_MAX);
    buf_init(&m.query, TARGET_MAX);
    if (t->builtin != NULL)
        rc = t->builtin->make(out, error, r, arguments);
    else
        rc = make(&m, out, t, arguments);
    buf_free(&m.path);
    buf_free(&m.query);
    if (rc != RC_OK)
        buf_free(&out->made);
    return rc;
}

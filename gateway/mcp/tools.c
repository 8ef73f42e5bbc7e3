/* SPDX-License-Identifier: Apache-2.0 */
/* Which tools there are, and their names. */
#include "gateway/mcp/tools.h"

#include "base/codec.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    DIGITS = 8, /* of a hash, behind a name that is not one by itself */
    BASE_MAX = 512
};

/* ---- Names ---- */

struct namer {
    char text[BASE_MAX];
    size_t len;
};

static void add_char(struct namer *n, char c)
{
    if (n->len + 1 < sizeof(n->text))
        n->text[n->len++] = c;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-';
}

/* The owner ends at the first "_", so it has none itself. */
static void add_owner(struct namer *n, const char *s)
{
    for (; *s != '\0'; s++)
        add_char(n, is_plain(*s) ? *s : '-');
}

/* Letters and digits stay, braces go, a run of anything else is one "_". */
static void add_piece(struct namer *n, const char *s)
{
    add_char(n, '_');
    for (; *s != '\0'; s++) {
        if (is_plain(*s))
            add_char(n, *s);
        else if (strchr("{}*", *s) == NULL && n->text[n->len - 1] != '_')
            add_char(n, '_');
    }
}

static void base_name(struct namer *n, const struct mcp_tool *t)
{
    char method[16];
    size_t i = 0;

    for (; t->endpoint->method[i] != '\0' && i + 1 < sizeof(method); i++)
        method[i] = (char)tolower((unsigned char)t->endpoint->method[i]);
    method[i] = '\0';
    n->len = 0;
    add_owner(n, t->owner);
    add_piece(n, method);
    add_piece(n, t->endpoint->path);
    while (n->len > 0 && n->text[n->len - 1] == '_')
        n->len--;
    n->text[n->len] = '\0';
}

static void hashed_name(char out[MCP_NAME_MAX + 1], const struct namer *base,
                        const struct mcp_tool *t)
{
    const int most = MCP_NAME_MAX - DIGITS - 1;
    uint8_t digest[SHA256_LEN];
    char hex[DIGITS + 1];
    char whole[1024];

    (void)snprintf(whole, sizeof(whole), "%s %s%s", t->endpoint->method, t->prefix,
                   t->endpoint->path);
    sha256(digest, slice_str(whole));
    hex_encode(hex, digest, DIGITS / 2);
    (void)snprintf(out, MCP_NAME_MAX + 1, "%.*s_%s", most, base->text, hex);
}

/* ---- Endpoints ---- */

struct host {
    const char *prefix, *owner;
    bool is_shared; /* another's name reads the same */
    const struct config_endpoint *endpoints;
    size_t count;
};

/* Without a price there is nothing to call, and what has no answer in a body is no
 * tool. */
static bool is_tool(const struct config_endpoint *e)
{
    return e->priced && strcmp(e->method, "HEAD") != 0;
}

static void set_endpoint(struct mcp_tool *t, const struct host *h, size_t i)
{
    t->builtin = NULL;
    t->prefix = h->prefix;
    t->owner = h->owner;
    t->endpoint = &h->endpoints[i];
}

/* Whether an earlier endpoint has the same base. */
static bool is_taken(const struct host *h, size_t i, const struct namer *base)
{
    struct mcp_tool other;
    struct namer n;

    for (size_t k = 0; k < i; k++) {
        if (!is_tool(&h->endpoints[k]) ||
            strcmp(h->endpoints[k].method, h->endpoints[i].method) != 0)
            continue;
        set_endpoint(&other, h, k);
        base_name(&n, &other);
        if (strcmp(n.text, base->text) == 0)
            return true;
    }
    return false;
}

static void name_endpoint(struct mcp_tool *t, const struct host *h, size_t i)
{
    struct namer base;

    base_name(&base, t);
    if (h->is_shared || base.len > MCP_NAME_MAX || is_taken(h, i, &base))
        hashed_name(t->name, &base, t);
    else
        memcpy(t->name, base.text, base.len + 1);
}

static bool each_of_host(const struct host *h, mcp_tool_fn *each, void *arg)
{
    for (size_t i = 0; i < h->count; i++) {
        struct mcp_tool t;

        if (!is_tool(&h->endpoints[i]))
            continue;
        set_endpoint(&t, h, i);
        name_endpoint(&t, h, i);
        if (!each(arg, &t))
            return false;
    }
    return true;
}

static bool each_builtin(struct request *r, mcp_tool_fn *each, void *arg)
{
    for (const struct mcp_builtin *b = mcp_builtins; b->name != NULL; b++) {
        struct mcp_tool t = {.builtin = b};

        if (b->is_there != NULL && !b->is_there(r->config))
            continue;
        (void)snprintf(t.name, sizeof(t.name), "%s", b->name);
        if (!each(arg, &t))
            return false;
    }
    return true;
}

static bool reads_same(const char *a, const char *b)
{
    struct namer m = {.len = 0}, n = {.len = 0};

    add_owner(&m, a);
    add_owner(&n, b);
    return slice_equal(slice_from(m.text, m.len), slice_from(n.text, n.len));
}

static bool is_shared(const struct config *c, const struct config_data_api *api)
{
    for (size_t i = 0; i < c->data_api_count; i++)
        if (&c->data_apis[i] != api && reads_same(c->data_apis[i].name, api->name))
            return true;
    return false;
}

static struct host host_of_api(struct request *r, const struct config_data_api *api)
{
    return (struct host){.is_shared = is_shared(r->config, api),
                         .prefix = arena_printf(r->arena, "/v1/data/%s", api->name),
                         .owner = api->name,
                         .endpoints = api->endpoints,
                         .count = api->endpoint_count};
}

void mcp_tools_each(struct request *r, mcp_tool_fn *each, void *arg)
{
    if (!each_builtin(r, each, arg))
        return;
    for (size_t i = 0; i < r->config->data_api_count; i++) {
        const struct host h = host_of_api(r, &r->config->data_apis[i]);

        if (h.prefix != NULL && !each_of_host(&h, each, arg))
            return;
    }
}

/* ---- Finding one ---- */

struct search {
    struct slice name;
    struct mcp_tool *out;
    bool found;
};

static bool is_it(void *arg, const struct mcp_tool *t)
{
    struct search *s = arg;

    if (!slice_equal_str(s->name, t->name))
        return true;
    *s->out = *t;
    s->found = true;
    return false;
}

enum rc mcp_tool_find(struct mcp_tool *out, struct request *r, struct slice name)
{
    struct search s = {.name = name, .out = out};

    mcp_tools_each(r, is_it, &s);
    return s.found ? RC_OK : RC_NOT_FOUND;
}

/* ---- Paths ---- */

size_t mcp_params(struct mcp_param out[MCP_PARAMS_MAX], const char *path)
{
    struct slice rest = slice_str(path);
    size_t count = 0;

    while (count < MCP_PARAMS_MAX) {
        const size_t from = slice_find(rest, '{');
        const size_t to = slice_find(rest, '}');
        struct slice name;

        if (to >= rest.len || from >= to)
            break;
        name = slice_sub(rest, from + 1, to - from - 1);
        out[count].is_rest = slice_ends(name, SLICE("*"));
        out[count].name = slice_sub(name, 0, name.len - out[count].is_rest);
        count++;
        rest = slice_sub(rest, to + 1, rest.len);
    }
    return count;
}

bool mcp_is_param(const struct mcp_param *params, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(params[i].name, name))
            return true;
    return false;
}

bool mcp_has_query(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "DELETE") == 0 ||
           strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
}

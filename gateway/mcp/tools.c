/* SPDX-License-Identifier: Apache-2.0 */
/* Which tools there are, and their names. */
#include "gateway/mcp/tools.h"

#include "base/codec.h"
#include "gateway/listings.h"

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
    static const char other = '-';

    for (; *s != '\0'; s++)
        add_char(n, *(is_plain(*s) ? s : &other));
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
    add_owner(n, t->host->owner);
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

    (void)snprintf(whole, sizeof(whole), "%s %s%s", t->endpoint->method,
                   t->host->prefix, t->endpoint->path);
    sha256(digest, slice_str(whole));
    hex_encode(hex, digest, DIGITS / 2);
    (void)snprintf(out, MCP_NAME_MAX + 1, "%.*s_%s", most, base->text, hex);
}

/* ---- Endpoints ---- */

static bool is_skill(const struct mcp_host *h)
{
    return h->terms != NULL;
}

/* What is not sold is not to be called, and what has no answer in a body is no tool. */
static bool set_endpoint(struct mcp_tool *t, const struct mcp_host *h, size_t i)
{
    const struct config_endpoint *e = &h->endpoints[i];

    *t = (struct mcp_tool){.host = h, .endpoint = e, .has_call = e->priced};
    t->call = e->price;
    if (is_skill(h))
        t->has_call = listing_call_price(&t->call, e, h->terms);
    return (t->has_call || !money_is_zero(h->month)) && strcmp(e->method, "HEAD") != 0;
}

/* Whether an earlier endpoint has the same base. */
static bool is_taken(const struct mcp_host *h, size_t i, const struct namer *base)
{
    struct mcp_tool other;
    struct namer n;

    for (size_t k = 0; k < i; k++) {
        if (strcmp(h->endpoints[k].method, h->endpoints[i].method) != 0 ||
            !set_endpoint(&other, h, k))
            continue;
        base_name(&n, &other);
        if (strcmp(n.text, base->text) == 0)
            return true;
    }
    return false;
}

static void name_endpoint(struct mcp_tool *t, const struct mcp_host *h, size_t i)
{
    struct namer base;

    base_name(&base, t);
    if (h->is_shared || base.len > MCP_NAME_MAX || is_taken(h, i, &base))
        hashed_name(t->name, &base, t);
    else
        memcpy(t->name, base.text, base.len + 1);
}

bool mcp_host_each(const struct mcp_host *h, mcp_tool_fn *each, void *arg)
{
    for (size_t i = 0; i < h->count; i++) {
        struct mcp_tool t;

        if (!set_endpoint(&t, h, i))
            continue;
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

        if (b->is_there != NULL && !b->is_there(r))
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

/* Two hyphens stand between a publisher and a skill. */
static bool reads_as_skill(const char *name)
{
    struct namer n = {.len = 0};
    struct slice s;

    add_owner(&n, name);
    s = slice_from(n.text, n.len);
    return slice_search(s, SLICE("--")) < s.len;
}

static bool is_shared(const struct config *c, const struct config_data_api *api)
{
    for (size_t i = 0; i < c->data_api_count; i++)
        if (&c->data_apis[i] != api && reads_same(c->data_apis[i].name, api->name))
            return true;
    return reads_as_skill(api->name);
}

static const struct mcp_host *host_of_api(struct request *r,
                                          const struct config_data_api *api)
{
    struct mcp_host *h = arena_new(r->arena, struct mcp_host);

    if (h != NULL)
        *h = (struct mcp_host){.prefix =
                                   arena_printf(r->arena, "/v1/data/%s", api->name),
                               .name = api->name,
                               .owner = api->name,
                               .is_shared = is_shared(r->config, api),
                               .endpoints = api->endpoints,
                               .count = api->endpoint_count};
    return h != NULL && h->prefix != NULL ? h : NULL;
}

bool mcp_tools_each(struct request *r, mcp_tool_fn *each, void *arg)
{
    if (!each_builtin(r, each, arg))
        return false;
    for (size_t i = 0; i < r->config->data_api_count; i++) {
        const struct mcp_host *h = host_of_api(r, &r->config->data_apis[i]);

        if (h != NULL && !mcp_host_each(h, each, arg))
            return false;
    }
    return true;
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

    (void)mcp_tools_each(r, is_it, &s);
    return s.found ? RC_OK : mcp_skill_find(out, r, name);
}

void mcp_tool_release(struct mcp_tool *t)
{
    listing_unref(t->listing);
    t->listing = NULL;
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

/* SPDX-License-Identifier: Apache-2.0 */
/* What of the MCP registry's API a gallery asks of a host: GET /v0.1/servers (and /v0),
 * one server there, its versions, and /server.json. There is one: our own /mcp, which
 * has everything as tools. */
#include "gateway/api.h"
#include "gateway/market.h"
#include "gateway/offers.h"
#include "gateway/path.h"

#include "base/clock.h"

#include <string.h>

enum {
    NAME_SIZE = 201, /* of server.json, with a NUL */
    LABELS_MAX = 16
};

static const char description[] =
    "Data APIs, skills and models, paid per call from one wallet.";

/* Our host backwards, as names of servers begin: "example.toll/octroi". */
static const char *name_of(struct request *r)
{
    const struct slice origin = slice_str(offers_url(r, SLICE_NONE, SLICE_NONE));
    const size_t at = slice_search(origin, SLICE("://"));
    struct slice host = slice_sub(origin, at + 3, origin.len), piece;
    struct slice labels[LABELS_MAX];
    size_t count = 0;
    struct buf b;
    const char *name;

    if (slice_starts(host, SLICE("["))) /* an address of IPv6 is no name */
        host = SLICE("localhost");
    host = slice_sub(host, 0, slice_find(host, ':'));
    while (count < LABELS_MAX && slice_next(&piece, &host, '.'))
        labels[count++] = piece;
    buf_init(&b, NAME_SIZE - 1);
    for (size_t i = count; i-- > 0;)
        buf_printf(&b, "%.*s%s", SLICE_FMT(labels[i]), i > 0 ? "." : "");
    buf_append_str(&b, "/octroi");
    name = arena_copy(r->arena, buf_slice(&b).bytes, buf_len(&b));
    buf_free(&b);
    return name != NULL ? name : "localhost/octroi";
}

static void put_provided(struct json_out *o)
{
    json_out_key(o, "_meta");
    json_out_object(o);
    json_out_key(o, "io.modelcontextprotocol.registry/publisher-provided");
    json_out_object(o);
    json_out_key(o, "pricing");
    json_out_object(o);
    json_out_kstr(o, "model", "per call");
    json_out_kstr(o, "currency", "USD");
    json_out_kstr(o, "prices", "in the description and _meta of each tool");
    json_out_end_object(o);
    json_out_end_object(o);
    json_out_end_object(o);
}

static void put_server(struct json_out *o, struct request *r)
{
    json_out_object(o);
    json_out_kstr(
        o, "$schema",
        "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json");
    json_out_kstr(o, "name", name_of(r));
    json_out_kstr(o, "title", "Octroi");
    json_out_kstr(o, "description", description);
    json_out_kstr(o, "version", OCTROI_VERSION);
    json_out_key(o, "remotes");
    json_out_array(o);
    json_out_object(o);
    json_out_kstr(o, "type", "streamable-http");
    json_out_kstr(o, "url", offers_url(r, SLICE("/mcp"), SLICE_NONE));
    json_out_end_object(o);
    json_out_end_array(o);
    put_provided(o);
    json_out_end_object(o);
}

/* A registry's entry: the server, and what the registry says of it. */
static void put_entry(struct json_out *o, struct request *r)
{
    json_out_object(o);
    json_out_key(o, "server");
    put_server(o, r);
    json_out_key(o, "_meta");
    json_out_object(o);
    json_out_key(o, "io.modelcontextprotocol.registry/official");
    json_out_object(o);
    json_out_kstr(o, "status", "active");
    json_out_key(o, "publishedAt");
    json_out_time(o, r->config->loaded_us);
    json_out_key(o, "updatedAt");
    json_out_time(o, r->config->loaded_us);
    json_out_kbool(o, "isLatest", true);
    json_out_end_object(o);
    json_out_end_object(o);
    json_out_end_object(o);
}

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool holds(struct slice text, struct slice word)
{
    for (size_t i = 0; i + word.len <= text.len; i++) {
        size_t n = 0;

        while (n < word.len && small(text.bytes[i + n]) == small(word.bytes[n]))
            n++;
        if (n == word.len)
            return true;
    }
    return word.len == 0;
}

/* `updated_since`: what is told as updatedAt is later. */
static enum rc read_since(uint64_t *us, struct request *r)
{
    const struct slice text = market_query(r, "updated_since");

    *us = 0;
    if (text.len == 0 || clock_parse(us, text) == RC_OK)
        return RC_OK;
    return request_fault(r, RC_BAD_INPUT, "updated_since",
                         "'updated_since' must be a time of RFC 3339, like "
                         "2026-01-31T00:00:00Z.");
}

/* One page has it all: whoever has a cursor has seen it. */
static bool is_asked_for(struct request *r, uint64_t since_us)
{
    const struct slice word = market_query(r, "search");
    const struct slice version = market_query(r, "version");

    return market_query(r, "cursor").len == 0 && r->config->loaded_us > since_us &&
           (holds(slice_str(name_of(r)), word) ||
            holds(slice_str(description), word)) &&
           (version.len == 0 || slice_equal(version, SLICE("latest")) ||
            slice_equal_str(version, OCTROI_VERSION));
}

static void serve_list(struct request *r)
{
    struct json_out o;
    uint64_t since_us;
    struct buf b;
    bool asked;

    if (read_since(&since_us, r) != RC_OK) {
        market_fail(r, RC_BAD_INPUT);
        return;
    }
    asked = is_asked_for(r, since_us);
    buf_init(&b, MARKET_BODY_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_key(&o, "servers");
    json_out_array(&o);
    if (asked)
        put_entry(&o, r);
    json_out_end_array(&o);
    json_out_key(&o, "metadata");
    json_out_object(&o);
    json_out_ku64(&o, "count", asked);
    json_out_end_object(&o);
    json_out_end_object(&o);
    market_reply(r, &b);
}

/* "/v0.1/servers/{name}/versions/{version}"; the name's slash is escaped, or not. */
static void serve_one(struct request *r)
{
    struct slice rest, name, version;
    struct json_out o;
    struct buf b;
    size_t at;

    if (path_decode(&rest, r->match.params[0], r->arena) != RC_OK) {
        market_fail(r, RC_BAD_INPUT);
        return;
    }
    at = slice_search(rest, SLICE("/versions"));
    name = slice_sub(rest, 0, at);
    version = slice_sub(rest, at + SLICE("/versions/").len, rest.len);
    if (!slice_equal_str(name, name_of(r)) ||
        !(version.len == 0 || slice_equal(version, SLICE("latest")) ||
          slice_equal_str(version, OCTROI_VERSION))) {
        market_fail(r, RC_NOT_FOUND);
        return;
    }
    if (at < rest.len && version.len == 0) { /* all its versions */
        serve_list(r);
        return;
    }
    buf_init(&b, MARKET_BODY_MAX);
    json_out_init(&o, &b);
    put_entry(&o, r);
    market_reply(r, &b);
}

static void serve_file(struct request *r)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, MARKET_BODY_MAX);
    json_out_init(&o, &b);
    put_server(&o, r);
    market_reply(r, &b);
}

static void serve(struct request *r)
{
    if (slice_equal(r->http->path, SLICE("/server.json")))
        serve_file(r);
    else if (r->match.params[0].len > 0)
        serve_one(r);
    else
        serve_list(r);
}

static const struct api_route routes[] = {
    {"GET", "/server.json"},        {"GET", "/v0.1/servers"},
    {"GET", "/v0/servers"},         {"GET", "/v0.1/servers/{name*}"},
    {"GET", "/v0/servers/{name*}"}, {NULL, NULL},
};

extern const struct api api_servers;
const struct api api_servers = {
    .name = "registry",
    .dialect = DIALECT_PROBLEM,
    .routes = routes,
    .serve = serve,
};

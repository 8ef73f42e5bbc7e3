/* SPDX-License-Identifier: Apache-2.0 */
/* POST /mcp: the Model Context Protocol over Streamable HTTP, without sessions: every
 * message is answered by itself, so that a restart is not noticed. Tools are in
 * gateway/mcp/tools.h; calling one is a call inside a call (gateway/mcp/inner.h).
 *
 * A browser's page may not call from elsewhere (Origin), though it had the address by
 * DNS rebinding: its name is compared with public_url, or is that of this machine. */
#include "gateway/api.h"
#include "gateway/config_payments.h"
#include "gateway/mcp/inner.h"
#include "gateway/offers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    PAGE = 100, /* tools in one answer */
    BODY_MAX = 8 << 20,
    STRANGER_BODY_MAX = 1 << 20,
    LIST_TTL_MS = 60000
};

/* ---- Who may ask ---- */

static bool is_local(struct slice host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    const struct slice name = slice_starts(host, SLICE("["))
                                  ? slice_sub(host, 0, slice_find(host, ']') + 1)
                                  : slice_sub(host, 0, slice_find(host, ':'));

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(name, slice_str(names[i])))
            return true;
    return false;
}

/* An address can not be made to mean another machine, as a name can. */
static bool is_address(struct slice host)
{
    for (size_t i = 0; i < host.len; i++)
        if (strchr("0123456789.:", host.bytes[i]) == NULL)
            return slice_starts(host, SLICE("["));
    return host.len > 0;
}

static bool is_origin_ours(const struct request *r, struct slice origin)
{
    const struct slice host = http_header(r->http, "host", NULL);
    const size_t at = slice_search(origin, SLICE("://"));
    const struct slice name = slice_sub(origin, at + 3, origin.len);

    if (r->config->public_url != NULL &&
        slice_equal_nocase(origin, slice_str(r->config->public_url)))
        return true;
    if (at == origin.len)
        return false;
    return (is_local(name) && is_local(host)) ||
           (is_address(host) && slice_equal_nocase(name, host));
}

static enum rc body_max(struct request *r, uint64_t *bytes)
{
    const uint64_t most = r->identified ? BODY_MAX : STRANGER_BODY_MAX;
    const uint64_t limit = r->config->limits.max_body_bytes;
    unsigned count;
    const struct slice origin = http_header(r->http, "origin", &count);

    if (count > 1 || (count == 1 && !is_origin_ours(r, origin)))
        return request_fault(r, RC_FORBIDDEN, NULL,
                             "Pages of another origin may not call here.");
    *bytes = most < limit ? most : limit;
    return RC_OK;
}

/* ---- What this server is ---- */

static void write_methods(struct json_out *o, const struct config_payments *p)
{
    const struct {
        const char *name;
        bool is_there;
    } methods[] = {
        {"evm", p->mpp.evm && p->network_count > 0},
        {"tempo", p->mpp.tempo_proof && p->network_count > 0},
        {"ledger", p->mpp.ledger},
    };

    json_out_key(o, "experimental");
    json_out_raw(o, SLICE("{\"payment\":{\"methods\":{"));
    for (size_t i = 0, told = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (methods[i].is_there)
            buf_printf(o->to, "%s\"%s\":{\"intents\":[\"charge\"]}",
                       told++ > 0 ? "," : "", methods[i].name);
    buf_append_str(o->to, "}}}");
}

static void write_server(struct json_out *o, struct request *r)
{
    json_out_key(o, "capabilities");
    json_out_object(o);
    json_out_key(o, "tools");
    json_out_object(o);
    json_out_end_object(o);
    if (r->config->payments->mpp.secret != NULL)
        write_methods(o, r->config->payments);
    json_out_end_object(o);
    json_out_kstr(
        o, "instructions",
        "Tools cost money: each says how much in its description and in "
        "_meta[\"octroi/price\"]. Send an API key of a funded wallet as a "
        "Bearer token, or pay each call by x402 or MPP. What a call has cost "
        "is in _meta[\"octroi/receipt\"] of its result; 'wallet_quote' tells "
        "it before. Only calls that succeed are charged, unless the tool says "
        "otherwise.");
}

static void write_info(struct json_out *o)
{
    json_out_object(o);
    json_out_kstr(o, "name", "octroi");
    json_out_kstr(o, "title", "Octroi");
    json_out_kstr(o, "version", PACKAGE_VERSION);
    json_out_end_object(o);
}

static void initialize(struct request *r, const struct mcp_message *m)
{
    struct slice wanted = SLICE_NONE;
    struct json_out o;
    struct buf b;

    (void)mcp_text(&wanted, m->params, "protocolVersion", r);
    mcp_result_begin(&o, &b, m);
    json_out_kstr(&o, "protocolVersion", mcp_version(wanted));
    write_server(&o, r);
    json_out_key(&o, "serverInfo");
    write_info(&o);
    mcp_result_end(&o, r, m);
}

static void write_freshness(struct json_out *o)
{
    json_out_ku64(o, "ttlMs", LIST_TTL_MS);
    json_out_kstr(o, "cacheScope", "public");
}

static void discover(struct request *r, const struct mcp_message *m)
{
    struct json_out o;
    struct buf b;

    mcp_result_begin(&o, &b, m);
    json_out_key(&o, "supportedVersions");
    json_out_array(&o);
    json_out_str(&o, "2026-07-28");
    json_out_end_array(&o);
    write_server(&o, r);
    write_freshness(&o);
    json_out_key(&o, "_meta");
    json_out_object(&o);
    json_out_key(&o, "io.modelcontextprotocol/serverInfo");
    write_info(&o);
    json_out_end_object(&o);
    mcp_result_end(&o, r, m);
}

static void ping(struct request *r, const struct mcp_message *m)
{
    struct json_out o;
    struct buf b;

    mcp_result_begin(&o, &b, m);
    mcp_result_end(&o, r, m);
}

/* ---- Tools ---- */

/* A cursor is how many of ours and of the data APIs were told, or the skill after which
 * to go on ("/": the first). A page ends with the endpoints of a skill. */
struct page {
    struct request *request;
    struct json_out *o;
    uint64_t at, from, told;
    bool more;
};

static bool add_tool(void *arg, const struct mcp_tool *t)
{
    struct page *p = arg;

    if (p->at++ < p->from)
        return true;
    if (p->told == PAGE) {
        p->more = true;
        return false;
    }
    p->told++;
    mcp_tool_write(p->o, p->request, t);
    return true;
}

static bool add_skill_tool(void *arg, const struct mcp_tool *t)
{
    struct page *p = arg;

    p->told++;
    mcp_tool_write(p->o, p->request, t);
    return true;
}

static bool is_enough(void *arg)
{
    const struct page *p = arg;

    return p->told >= PAGE;
}

/* Returns where to go on; "": nowhere. */
static struct slice write_page(struct page *p, struct slice cursor)
{
    struct slice next, after = SLICE_NONE;

    if (slice_find(cursor, '/') < cursor.len)
        after = cursor.len > 1 ? cursor : SLICE_NONE;
    else if (!mcp_tools_each(p->request, add_tool, p) && p->more)
        return slice_str(arena_printf(p->request->arena, "%" PRIu64, p->from + PAGE));
    mcp_skills_each(p->request, after, add_skill_tool, is_enough, p, &next);
    return next;
}

static enum rc read_cursor(struct slice *cursor, struct page *p,
                           struct mcp_error *error, const struct mcp_message *m)
{
    *cursor = SLICE_NONE;
    if (!mcp_text(cursor, m->params, "cursor", p->request) ||
        slice_find(*cursor, '/') < cursor->len)
        return RC_OK;
    if (slice_to_u64(&p->from, *cursor) == RC_OK && p->from <= UINT32_MAX)
        return RC_OK;
    return mcp_fail(error, p->request, MCP_BAD_PARAMS, "'cursor' is not one of ours.");
}

static void list_tools(struct request *r, const struct mcp_message *m)
{
    struct page p = {.request = r};
    struct mcp_error error = {.code = 0};
    struct slice cursor, next;
    struct json_out o;
    struct buf b;

    if (read_cursor(&cursor, &p, &error, m) != RC_OK) {
        mcp_reply_error(r, m, &error);
        return;
    }
    p.o = &o;
    mcp_result_begin(&o, &b, m);
    json_out_key(&o, "tools");
    json_out_array(&o);
    next = write_page(&p, cursor);
    json_out_end_array(&o);
    if (next.len > 0)
        json_out_kslice(&o, "nextCursor", next);
    if (m->is_modern)
        write_freshness(&o);
    mcp_result_end(&o, r, m);
}

/* ---- Messages ---- */

static enum rc answer(struct request *r, const struct mcp_message *m)
{
    static const struct {
        const char *method;
        bool old, modern;
        void (*answer)(struct request *r, const struct mcp_message *m);
    } methods[] = {
        {"initialize", true, false, initialize},
        {"server/discover", false, true, discover},
        {"ping", true, false, ping},
        {"tools/list", true, true, list_tools},
    };
    struct mcp_error error = {.code = 0};

    if (slice_equal(m->method, SLICE("tools/call")))
        return mcp_call_tool(r, m);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (slice_equal_str(m->method, methods[i].method) &&
            (m->is_modern ? methods[i].modern : methods[i].old)) {
            methods[i].answer(r, m);
            return RC_OK;
        }
    (void)mcp_fail(&error, r, MCP_NO_METHOD, "There is no method '%.*s'.",
                   SLICE_FMT(slice_sub(m->method, 0, 128)));
    mcp_reply_error(r, m, &error);
    return RC_OK;
}

/* There is no session that could be ended. */
static enum rc end_session(struct request *r)
{
    const struct slice version = http_header(r->http, "mcp-protocol-version", NULL);

    if (slice_equal(slice_trim(version), SLICE("2026-07-28"))) {
        request_header(r, "Allow", SLICE("POST"));
        return RC_BAD_METHOD;
    }
    request_reply(r, 200, "", SLICE_NONE);
    return RC_OK;
}

static enum rc plan(struct request *r)
{
    struct mcp_message m;
    struct mcp_error error;

    if (slice_equal(r->http->method, SLICE("DELETE")))
        return end_session(r);
    if (mcp_message_read(&m, &error, r) != RC_OK)
        mcp_reply_error(r, &m, &error);
    else if (m.is_mute)
        request_reply(r, 202, "", SLICE_NONE);
    else
        return answer(r, &m);
    return RC_OK;
}

static const struct api_route routes[] = {
    {"POST", "/mcp"},
    {"DELETE", "/mcp"},
    {NULL, NULL},
};

extern const struct api api_mcp;
const struct api api_mcp = {
    .name = "mcp",
    .dialect = DIALECT_RPC,
    .flags = API_ENVELOPE | API_JSON_BODY,
    .routes = routes,
    .body_max = body_max,
    .plan = plan,
};

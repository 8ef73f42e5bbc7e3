/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's frame: from a request to the function that serves it, bodies and
 * queries checked, errors as problem+json. What is served is in admin_*.c, how it is
 * reached in admin_server.c. docs/admin-api.md describes it to its users. */
#include "gateway/admin_int.h"

#include "base/clock.h"
#include "gateway/error.h"
#include "gateway/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Words ---- */

enum rc admin__refuse(struct admin_call *c, enum rc rc, const char *param,
                      const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(c->detail, sizeof(c->detail), format, arguments);
    va_end(arguments);
    c->param = param;
    return rc;
}

static void print_problem(struct admin_reply *reply, enum rc rc, const char *detail,
                          const char *param)
{
    struct fault fault = {.rc = rc, .detail = detail, .param = param};

    /* What was written before it failed may have held a secret. */
    buf_wipe(&reply->body);
    buf_init(&reply->body, ADMIN_REPLY_MAX);
    reply->status = fault_status(&fault);
    reply->content_type = error_content_type(DIALECT_PROBLEM);
    error_print(&reply->body, DIALECT_PROBLEM, &fault, "");
}

void admin__put_id(struct json_out *o, const char *name, char kind, struct id id)
{
    char text[WALLET_ID_TEXT_SIZE];

    json_out_key(o, name);
    if (id_is_none(id)) {
        json_out_null(o);
        return;
    }
    wallet_id_print(text, kind, id);
    json_out_str(o, text);
}

/* ---- Body and query ---- */

enum rc admin__body_text(struct slice *out, struct admin_call *c, const char *name,
                         bool required)
{
    enum rc rc = c->body != NULL ? json_get_string(out, c->body, name) : RC_NOT_FOUND;

    if (rc == RC_NOT_FOUND && !required)
        return RC_OK;
    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, RC_BAD_INPUT, name, "'%s' is missing", name);
    if (rc != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, name, "'%s' must be a string", name);
    return RC_OK;
}

enum rc admin__body_money(struct money *out, struct admin_call *c, const char *name)
{
    enum rc rc = c->body != NULL ? json_get_money(out, c->body, name) : RC_NOT_FOUND;

    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, RC_BAD_INPUT, name, "'%s' is missing", name);
    if (rc != RC_OK)
        return admin__refuse(
            c, RC_BAD_INPUT, name,
            "'%s' must be an amount in USD as a string, like \"12.5\", "
            "with at most nine places",
            name);
    return RC_OK;
}

enum rc admin__body_bool(bool *out, struct admin_call *c, const char *name)
{
    enum rc rc = c->body != NULL ? json_get_bool(out, c->body, name) : RC_NOT_FOUND;

    if (rc == RC_BAD_INPUT)
        return admin__refuse(c, rc, name, "'%s' must be true or false", name);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static bool named_in(const char *names, struct slice name)
{
    struct slice rest = slice_str(names);
    struct slice one;

    while (slice_next(&one, &rest, ','))
        if (slice_equal(one, name))
            return true;
    return false;
}

/* A misspelt member is an error: silently left out, it might be a limit. */
static enum rc check_members(struct admin_call *c, const char *names)
{
    struct slice body = c->request->body;
    struct slice key, value;
    size_t at = 0;

    while (json_raw_next(&key, &value, body, &at) != JSON_ABSENT) {
        struct slice name;

        TRY(json_raw_string(&name, key, c->arena));
        if (!named_in(names, name))
            return admin__refuse(c, RC_BAD_INPUT, NULL,
                                 "the body has an unknown member '%.*s'; known: %s",
                                 SLICE_FMT(slice_sub(name, 0, 64)), names);
    }
    return RC_OK;
}

static enum rc read_body(struct admin_call *c, const char *members)
{
    struct slice body = c->request->body;
    enum rc rc;

    if (body.len == 0)
        return RC_OK;
    if (members == NULL)
        return admin__refuse(c, RC_BAD_INPUT, NULL, "this call takes no body");
    if (members == admin__raw_body)
        return RC_OK;
    rc = json_parse(&c->body, body);
    if (rc == RC_OK && json_raw_type(body) != JSON_OBJECT)
        rc = RC_BAD_JSON;
    if (rc == RC_BAD_JSON)
        return admin__refuse(c, rc, NULL, "the body must be a JSON object");
    TRY(rc);
    return check_members(c, members);
}

enum rc admin__query(struct slice *out, struct admin_call *c, const char *name)
{
    struct slice query = c->request->query;
    struct slice pair;

    while (slice_next(&pair, &query, '&')) {
        size_t at = slice_find(pair, '=');

        if (!slice_equal_str(slice_sub(pair, 0, at), name))
            continue;
        if (path_decode(out, slice_sub(pair, at + 1, pair.len), c->arena) != RC_OK)
            return admin__refuse(c, RC_BAD_INPUT, name, "'%s' is badly encoded", name);
        return RC_OK;
    }
    return RC_NOT_FOUND;
}

enum rc admin__query_u64(uint64_t *out, struct admin_call *c, const char *name,
                         uint64_t fallback, uint64_t max)
{
    struct slice text;
    enum rc rc = admin__query(&text, c, name);
    uint64_t value;

    if (rc == RC_NOT_FOUND) {
        *out = fallback;
        return RC_OK;
    }
    TRY(rc);
    if (slice_to_u64(&value, text) != RC_OK || value > max)
        return admin__refuse(c, RC_BAD_INPUT, name,
                             "'%s' must be a whole number, at most %llu", name,
                             (unsigned long long)max);
    *out = value;
    return RC_OK;
}

enum rc admin__query_time(uint64_t *out, struct admin_call *c, const char *name)
{
    struct slice text;
    enum rc rc = admin__query(&text, c, name);

    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    if (clock_parse(out, text) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, name,
                             "'%s' must be a time, like 2030-01-31T00:00:00Z", name);
    return RC_OK;
}

/* ---- Pages ---- */

enum rc admin__page_start(struct admin_page *p, struct admin_call *c)
{
    *p = (struct admin_page){.call = c};
    TRY(admin__query_u64(&p->limit, c, "limit", ADMIN_PAGE_DEFAULT, ADMIN_PAGE_MAX));
    if (p->limit == 0)
        return admin__refuse(c, RC_BAD_INPUT, "limit", "'limit' must be at least 1");
    json_out_object(&c->out);
    json_out_key(&c->out, "items");
    json_out_array(&c->out);
    return RC_OK;
}

bool admin__page_room(struct admin_page *p)
{
    if (p->count == p->limit)
        return false;
    p->count++;
    return true;
}

void admin__page_end(struct admin_page *p)
{
    struct json_out *o = &p->call->out;

    json_out_end_array(o);
    json_out_key(o, "next");
    if (p->next[0] != '\0')
        json_out_str(o, p->next);
    else
        json_out_null(o);
    json_out_end_object(o);
}

size_t admin_body_max(struct slice target)
{
    const struct slice path = slice_sub(target, 0, slice_find(target, '?'));

    return slice_equal(path, SLICE("/admin/v1/skills")) ? ADMIN_PACKAGE_MAX
                                                        : ADMIN_BODY_MAX;
}

/* ---- Routes ---- */

static const struct admin_route *const tables[] = {
    admin__wallet_routes,   admin__key_routes,    admin__report_routes,
    admin__ledger_routes,   admin__config_routes, admin__model_routes,
    admin__pay_routes,      admin__price_routes,  admin__publisher_routes,
    admin__earnings_routes, admin__feed_routes,   admin__payout_routes,
    admin__skill_routes,    admin__offer_routes,
};

const char admin__raw_body[] = "raw";

static bool route_takes(struct slice params[ADMIN_PARAMS_MAX],
                        const struct admin_route *r, struct slice path)
{
    for (unsigned i = 0; i < ADMIN_PARAMS_MAX; i++)
        params[i] = SLICE_NONE;
    return path_match(params, ADMIN_PARAMS_MAX, r->pattern, path);
}

/* NULL: *rc says whether the path or only the method is unknown. */
static const struct admin_route *find_route(struct slice params[ADMIN_PARAMS_MAX],
                                            const struct admin_request *q, enum rc *rc)
{
    *rc = RC_NOT_FOUND;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct admin_route *r = tables[i]; r->method != NULL; r++) {
            if (!route_takes(params, r, q->path))
                continue;
            if (slice_equal_str(q->method, r->method))
                return r;
            *rc = RC_BAD_METHOD;
        }
    return NULL;
}

static enum rc serve(struct admin_call *c)
{
    const struct admin_route *route;
    enum rc rc;

    TRY(path_check(c->request->path, false));
    route = find_route(c->params, c->request, &rc);
    if (route == NULL)
        return rc;
    for (unsigned i = 0; i < ADMIN_PARAMS_MAX; i++)
        TRY(path_decode(&c->params[i], c->params[i], c->arena));
    TRY(read_body(c, route->members));
    TRY(route->serve(c));
    return buf_spent(&c->reply->body) ? RC_NOMEM : RC_OK;
}

void admin_handle(struct admin_reply *reply, struct admin *a,
                  const struct admin_request *q)
{
    struct admin_call c = {.admin = a, .request = q, .reply = reply};
    enum rc rc;

    *reply = (struct admin_reply){
        .status = 200, .content_type = "application/json", .file_fd = -1};
    buf_init(&reply->body, ADMIN_REPLY_MAX);
    json_out_init(&c.out, &reply->body);
    rc = arena_open(&c.arena, ADMIN_ARENA_MAX);
    if (rc == RC_OK)
        rc = serve(&c);
    json_put(c.body);
    if (rc != RC_OK)
        print_problem(reply, rc, c.detail[0] != '\0' ? c.detail : NULL, c.param);
    arena_close(c.arena);
}

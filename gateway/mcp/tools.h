/* SPDX-License-Identifier: Apache-2.0 */
/* The tools: each is a call that can also be made by HTTP. A few are ours (models, the
 * wallet), the others are the priced endpoints of data APIs. A name says what it calls,
 * `search_get_markets_id`, and stays the same as long as its endpoint does: what two
 * endpoints of one API would both be called, or what is too long, ends in eight digits
 * of a hash for all but the first. */
#ifndef GATEWAY_MCP_TOOLS_H
#define GATEWAY_MCP_TOOLS_H

#include <stdbool.h>

#include "base/json.h"
#include "gateway/config_api.h"
#include "gateway/mcp/message.h"
#include "skills/skills.h"

struct listing;
struct mcp_host;

enum {
    MCP_NAME_MAX = 64,
    MCP_PARAMS_MAX = 16 /* in one path */
};

/* The HTTP request that a tool call is. Texts are in the arena. */
struct mcp_call {
    const char *method;
    const char *path;
    struct slice query;
    bool has_body;
    struct slice body;        /* of the outer body, or of the next */
    struct buf made;          /* freed by who takes the call */
    const char *content_type; /* of the body */
    bool is_quote;            /* only what it would cost is asked */
    const char *sold;         /* the tool that is quoted, or called */
};

struct mcp_builtin {
    const char *name, *title, *description;
    const char *schema; /* JSON */
    bool is_read_only;
    bool is_priced;
    /* Whether it is there at all. NULL: always. */
    bool (*is_there)(const struct request *r);
    enum rc (*make)(struct mcp_call *out, struct mcp_error *error, struct request *r,
                    struct slice arguments);
};
extern const struct mcp_builtin mcp_builtins[]; /* ended by a NULL name */

struct mcp_tool {
    char name[MCP_NAME_MAX + 1];
    const struct mcp_builtin *builtin; /* NULL: an endpoint */
    const struct mcp_host *host;
    const struct config_endpoint *endpoint;
    bool has_call;           /* else sold by the month only */
    struct money call;       /* without the units of the answer */
    struct listing *listing; /* that keeps the endpoint; NULL: the configuration does */
};

/* Whose endpoints become tools. Texts live as long as the request. */
struct mcp_host {
    const char *prefix; /* of the path: "/v1/data/search" */
    const char *name;   /* for people: "search", "alice/weather" */
    const char *owner;  /* the same in a tool's name: "search", "alice--weather" */
    const char *about;  /* of a skill: what it is for; NULL */
    bool is_shared;     /* another's name reads the same */
    const struct config_endpoint *endpoints;
    size_t count;
    const struct skill_terms *terms; /* of a skill; NULL */
    struct money month;              /* zero: it is not sold so */
};

/* All of them, in an order that a configuration keeps, until each() returns false: ours
 * and those of data APIs. */
typedef bool mcp_tool_fn(void *arg, const struct mcp_tool *t);
bool mcp_tools_each(struct request *r, mcp_tool_fn *each, void *arg);
/* Those of a host; false: each() has said so. */
bool mcp_host_each(const struct mcp_host *h, mcp_tool_fn *each, void *arg);
/* RC_NOT_FOUND; RC_BUSY: ask again. Release it when the call is made. */
MUST_CHECK enum rc mcp_tool_find(struct mcp_tool *out, struct request *r,
                                 struct slice name);
void mcp_tool_release(struct mcp_tool *t);

/* skill_tools.c: those of skills behind `after` ("publisher/slug"; none: all). At most
 * some skills are looked at: `next` is where to go on ("/": at the first), none when
 * there are no more. All endpoints of a skill, or none of them, are told: until
 * enough() says so. */
void mcp_skills_each(struct request *r, struct slice after, mcp_tool_fn *each,
                     bool (*enough)(void *arg), void *arg, struct slice *next);
MUST_CHECK enum rc mcp_skill_find(struct mcp_tool *out, struct request *r,
                                  struct slice name);

/* As an element of tools/list: what it does, takes and costs. */
void mcp_tool_write(struct json_out *o, struct request *r, const struct mcp_tool *t);

/* Makes the request. `arguments`: a raw object, or none. Whatever is in them ends up
 * percent-encoded in one segment or one query value, or as JSON in the body.
 * Not RC_OK: *error says what is wrong with them (RC_NOMEM: nothing), and nothing is to
 * be freed. */
MUST_CHECK enum rc mcp_tool_call(struct mcp_call *out, struct mcp_error *error,
                                 struct request *r, const struct mcp_tool *t,
                                 struct slice arguments);

/* The names in a path template, in order; returns how many. */
struct mcp_param {
    struct slice name;
    bool is_rest; /* may be several segments */
};

size_t mcp_params(struct mcp_param out[MCP_PARAMS_MAX], const char *path);
bool mcp_is_param(const struct mcp_param *params, size_t count, struct slice name);
/* Whether what is no part of the path goes into the query. */
bool mcp_has_query(const char *method);

#endif

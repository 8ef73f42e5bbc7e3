/* SPDX-License-Identifier: Apache-2.0 */
/* One message of MCP: JSON-RPC 2.0 in the body of a POST, in the forms of protocol
 * 2024-11-05 to 2025-11-25 (a handshake, then calls) and of 2026-07-28 (each request
 * says by itself what it needs, in its headers and in params._meta). Nothing is kept
 * between two messages: there is no session. */
#ifndef GATEWAY_MCP_MESSAGE_H
#define GATEWAY_MCP_MESSAGE_H

#include <stdbool.h>

#include "base/json.h"
#include "gateway/request.h"

enum mcp_code {
    MCP_PARSE = -32700,
    MCP_INVALID = -32600,
    MCP_NO_METHOD = -32601,
    MCP_BAD_PARAMS = -32602,
    MCP_INTERNAL = -32603,
    MCP_HEADERS = -32020,    /* a header says another thing than the body */
    MCP_VERSION = -32022,    /* of the protocol, and not one of ours */
    MCP_PAYMENT = -32042,    /* MPP: to be paid */
    MCP_UNVERIFIED = -32043, /* MPP: the payment is not good */
    MCP_SERVER = -32000
};

enum {
    MCP_ID_MAX = 1024, /* bytes of an id's token */
    MCP_TEXT_MAX = 64 << 20
};

/* Slices are of the body, or of the request's arena; SLICE_NONE: absent. */
struct mcp_message {
    struct slice id; /* the token as it came; none: a notification, or not known yet */
    struct slice method;
    struct slice params;    /* a raw object */
    struct slice meta;      /* params._meta, a raw object */
    struct slice root_meta; /* beside params, where some put it */
    bool is_modern;         /* 2026-07-28 */
    bool is_mute;           /* nothing is answered: a notification, or an answer */
    bool takes_errors;      /* has announced payments by MPP: -32042 is understood */
};

struct mcp_error {
    enum mcp_code code;
    unsigned status; /* of HTTP; 0: 200 */
    const char *text;
    struct slice data; /* a raw value */
};

/* Reads request_body(r). Not RC_OK: *error says why, *out has the id if it is known. */
MUST_CHECK enum rc mcp_message_read(struct mcp_message *out, struct mcp_error *error,
                                    struct request *r);
/* A line about what is wrong. Returns RC_BAD_INPUT. */
enum rc mcp_fail(struct mcp_error *error, struct request *r, enum mcp_code code,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A member of an object that is a string, without escapes in the arena. false: absent,
 * or something else. */
bool mcp_text(struct slice *out, struct slice object, const char *name,
              struct request *r);

/* The newest of the old versions, or `wanted` if it is one of them. */
const char *mcp_version(struct slice wanted);

/* Answers: the first begins a result object, in which the caller writes its members. */
void mcp_result_begin(struct json_out *o, struct buf *b, const struct mcp_message *m);
void mcp_result_end(struct json_out *o, struct request *r, const struct mcp_message *m);
void mcp_reply_error(struct request *r, const struct mcp_message *m,
                     const struct mcp_error *error);

#endif

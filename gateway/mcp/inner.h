/* SPDX-License-Identifier: Apache-2.0 */
/* tools/call: the call inside (gateway/request_envelope.h), how it is paid, and its
 * answer as a tool's result. */
#ifndef GATEWAY_MCP_INNER_H
#define GATEWAY_MCP_INNER_H

#include "gateway/mcp/tools.h"
#include "gateway/request_envelope.h"

enum mcp_paid_by {
    MCP_BY_NOBODY, /* or by a key */
    MCP_BY_X402,
    MCP_BY_MPP
};

/* What a call's envelope keeps. */
struct mcp_inner {
    struct mcp_message message;
    const struct mcp_builtin *builtin; /* NULL: an endpoint */
    const char *tool;                  /* its name */
    enum mcp_paid_by paid_by;
    const char *x402_response; /* of _meta: tells it, NULL: paid otherwise */
    struct http_request http;
    struct envelope envelope;
};

/* Answers, or makes r the call. */
enum rc mcp_call_tool(struct request *r, const struct mcp_message *m);

/* pay.c: what is paid with, as headers of the inner request. */
MUST_CHECK enum rc mcp_pay_read(struct mcp_inner *in, struct mcp_error *error,
                                struct request *r);
/* Whether the answer is about paying; then it has been given. */
bool mcp_pay_answer(struct request *r, const struct mcp_inner *in);
/* Members of _meta: what became of a payment. */
void mcp_pay_meta(struct json_out *o, struct request *r, const struct mcp_inner *in);

/* answer.c: for struct envelope. */
void mcp_answer(struct request *r);
/* _meta of every result: receipts of all kinds. */
void mcp_answer_meta(struct json_out *o, struct request *r, const struct mcp_inner *in);

/* inner.c */
void mcp_inner_header(struct mcp_inner *in, const char *name, struct slice value);

#endif

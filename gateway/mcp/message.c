/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mcp/message.h"

#include "base/json_text.h"
#include "gateway/request_envelope.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MODERN     "2026-07-28"
#define META       "io.modelcontextprotocol/"
#define VERSION_AT META "protocolVersion"

enum {
    /* What a body may nest and hold: the call in it is guarded again, by itself. */
    DEPTH_MAX = JSON_DEPTH_MAX,
    CONTAINERS_MAX = 50000,
    KEYS_MAX = 50000,
    GUARD_MAX = 8 << 20
};

static const char *const handshakes[] = {"2025-11-25", "2025-06-18", "2025-03-26",
                                         "2024-11-05"};

const char *mcp_version(struct slice wanted)
{
    for (size_t i = 0; i < sizeof(handshakes) / sizeof(handshakes[0]); i++)
        if (slice_equal_str(wanted, handshakes[i]))
            return handshakes[i];
    return handshakes[0];
}

enum rc mcp_fail(struct mcp_error *error, struct request *r, enum mcp_code code,
                 const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    error->code = code;
    error->text = arena_copy(r->arena, text, strlen(text));
    return RC_BAD_INPUT;
}

bool mcp_text(struct slice *out, struct slice object, const char *name,
              struct request *r)
{
    struct slice raw;

    return json_raw_member(&raw, object, name) == JSON_STRING &&
           json_raw_string(out, raw, r->arena) == RC_OK;
}

/* ---- The shape ---- */

enum {
    JSONRPC,
    ID,
    METHOD,
    PARAMS,
    ROOT_META,
    RESULT,
    ERROR,
    FIELD_COUNT
};

static enum rc refuse_shape(struct mcp_error *error, struct request *r,
                            enum mcp_code code, const char *what)
{
    error->status = 400;
    return mcp_fail(error, r, code, "%s", what);
}

/* Its memory is only for the time of the scan: the call inside may need the arena. */
static enum rc scan(struct json_field *fields, struct mcp_error *error,
                    struct request *r)
{
    const struct json_limits limits = {.bytes = r->config->limits.max_body_bytes,
                                       .depth = DEPTH_MAX,
                                       .containers = CONTAINERS_MAX,
                                       .keys = KEYS_MAX,
                                       .any_value = true};
    struct json_fault fault = {0, "too long"};
    struct arena *memory;
    enum rc rc;

    if (arena_open(&memory, GUARD_MAX) != RC_OK)
        return refuse_shape(error, r, MCP_INTERNAL, "The server is short of memory.");
    rc = json_guard(request_body(r), &limits, fields, FIELD_COUNT, &fault, memory);
    arena_close(memory);
    if (rc == RC_OK)
        return RC_OK;
    error->status = 400;
    return mcp_fail(error, r, MCP_PARSE, "The body is not valid JSON: %s at byte %zu.",
                    fault.what, fault.at);
}

static enum rc read_id(struct mcp_message *m, struct mcp_error *error,
                       struct request *r, const struct json_field *f)
{
    if (f->type == JSON_ABSENT)
        return RC_OK;
    if ((f->type != JSON_STRING && f->type != JSON_NUMBER) || f->raw.len > MCP_ID_MAX)
        return refuse_shape(error, r, MCP_INVALID,
                            "'id' must be a string or a number.");
    m->id = f->raw;
    return RC_OK;
}

static enum rc read_shape(struct mcp_message *m, struct mcp_error *error,
                          struct request *r, struct json_field *f)
{
    const struct slice body = request_body(r);
    const size_t at = json_text_skip_space(body, 0);
    const bool is_batch = slice_equal(slice_sub(body, at, 1), SLICE("["));
    const bool is_answer =
        f[RESULT].type != JSON_ABSENT || f[ERROR].type != JSON_ABSENT;

    if (is_batch)
        return refuse_shape(error, r, MCP_INVALID,
                            "Batches are not taken: send each message by itself.");
    TRY(read_id(m, error, r, &f[ID]));
    if (!slice_equal(f[JSONRPC].raw, SLICE("\"2.0\"")))
        return refuse_shape(error, r, MCP_INVALID, "'jsonrpc' must be \"2.0\".");
    m->is_mute = f[ID].type == JSON_ABSENT;
    if (f[METHOD].type == JSON_ABSENT && is_answer) {
        m->is_mute = true; /* of something that we never asked */
        return RC_OK;
    }
    if (f[METHOD].type != JSON_STRING ||
        json_raw_string(&m->method, f[METHOD].raw, r->arena) != RC_OK)
        return refuse_shape(error, r, MCP_INVALID, "'method' must be a string.");
    if (f[PARAMS].type == JSON_OBJECT)
        m->params = f[PARAMS].raw;
    else if (f[PARAMS].type != JSON_ABSENT)
        return refuse_shape(error, r, MCP_INVALID, "'params' must be an object.");
    if (json_raw_member(&m->meta, m->params, "_meta") != JSON_OBJECT)
        m->meta = SLICE_NONE;
    if (f[ROOT_META].type == JSON_OBJECT)
        m->root_meta = f[ROOT_META].raw;
    return RC_OK;
}

/* ---- Which protocol ---- */

static enum rc refuse_version(struct mcp_error *error, struct request *r,
                              struct slice wanted)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, 8192);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_key(&o, "supported");
    json_out_array(&o);
    json_out_str(&o, MODERN);
    for (size_t i = 0; i < sizeof(handshakes) / sizeof(handshakes[0]); i++)
        json_out_str(&o, handshakes[i]);
    json_out_end_array(&o);
    json_out_kslice(&o, "requested", slice_sub(wanted, 0, 64));
    json_out_end_object(&o);
    error->data = arena_slice(r->arena, buf_slice(&b));
    buf_free(&b);
    return refuse_shape(error, r, MCP_VERSION, "This protocol version is not spoken.");
}

/* What a header repeats of the body. */
static enum rc check_echo(struct mcp_error *error, struct request *r, const char *name,
                          struct slice body)
{
    const struct slice header = slice_trim(http_header(r->http, name, NULL));

    if (slice_equal(header, body))
        return RC_OK;
    error->status = 400;
    return mcp_fail(error, r, MCP_HEADERS,
                    "The header %s must say '%.*s', as the body does.", name,
                    SLICE_FMT(slice_sub(body, 0, 128)));
}

static enum rc want_object(struct mcp_error *error, struct request *r,
                           struct slice meta, const char *name)
{
    struct slice raw;

    if (json_raw_member(&raw, meta, name) == JSON_OBJECT)
        return RC_OK;
    error->status = 400;
    return mcp_fail(error, r, MCP_BAD_PARAMS, "params._meta must have the object '%s'.",
                    name);
}

static enum rc read_modern(struct mcp_message *m, struct mcp_error *error,
                           struct request *r)
{
    struct slice version, name, capabilities, experimental, payment;

    m->is_modern = true;
    if (!mcp_text(&version, m->meta, VERSION_AT, r)) {
        error->status = 400;
        return mcp_fail(error, r, MCP_BAD_PARAMS,
                        "params._meta must have the string '%s'.", VERSION_AT);
    }
    TRY(want_object(error, r, m->meta, META "clientInfo"));
    TRY(want_object(error, r, m->meta, META "clientCapabilities"));
    TRY(check_echo(error, r, "MCP-Protocol-Version", version));
    if (!slice_equal(version, SLICE(MODERN)))
        return refuse_version(error, r, version);
    TRY(check_echo(error, r, "Mcp-Method", m->method));
    if (slice_equal(m->method, SLICE("tools/call")) &&
        mcp_text(&name, m->params, "name", r))
        TRY(check_echo(error, r, "Mcp-Name", name));
    (void)json_raw_member(&capabilities, m->meta, META "clientCapabilities");
    m->takes_errors =
        json_raw_member(&experimental, capabilities, "experimental") == JSON_OBJECT &&
        json_raw_member(&payment, experimental, "payment") == JSON_OBJECT;
    return RC_OK;
}

/* The body says which; the header must not say another thing. */
static enum rc read_version(struct mcp_message *m, struct mcp_error *error,
                            struct request *r)
{
    const struct slice header =
        slice_trim(http_header(r->http, "mcp-protocol-version", NULL));
    const bool is_modern = slice_equal(header, SLICE(MODERN));
    struct slice claim;

    if (m->is_mute)
        return RC_OK;
    if (json_raw_member(&claim, m->meta, VERSION_AT) != JSON_ABSENT)
        return read_modern(m, error, r);
    if (slice_equal(m->method, SLICE("initialize"))) {
        if (!is_modern)
            return RC_OK;
        return refuse_shape(error, r, MCP_HEADERS,
                            "'initialize' is of another protocol version than the "
                            "header MCP-Protocol-Version says.");
    }
    if (is_modern)
        return read_modern(m, error, r); /* says what is missing */
    if (header.len == 0 || slice_equal_str(header, mcp_version(header)))
        return RC_OK;
    return refuse_version(error, r, header);
}

enum rc mcp_message_read(struct mcp_message *out, struct mcp_error *error,
                         struct request *r)
{
    struct json_field f[FIELD_COUNT] = {
        [JSONRPC] = {.name = "jsonrpc"}, [ID] = {.name = "id"},
        [METHOD] = {.name = "method"},   [PARAMS] = {.name = "params"},
        [ROOT_META] = {.name = "_meta"}, [RESULT] = {.name = "result"},
        [ERROR] = {.name = "error"},
    };

    memset(out, 0, sizeof(*out));
    memset(error, 0, sizeof(*error));
    TRY(scan(f, error, r));
    TRY(read_shape(out, error, r, f));
    return read_version(out, error, r);
}

/* ---- Answers ---- */

static void begin(struct json_out *o, struct buf *b, struct slice id)
{
    buf_init(b, MCP_TEXT_MAX);
    json_out_init(o, b);
    json_out_object(o);
    json_out_kstr(o, "jsonrpc", "2.0");
    json_out_key(o, "id");
    if (id.len > 0)
        json_out_raw(o, id);
    else
        json_out_null(o);
}

static void reply(struct request *r, unsigned status, struct buf *b)
{
    static const char sorry[] =
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32603,\"message\":"
        "\"The answer does not fit into memory.\"}}";
    const struct slice text = buf_spent(b) ? SLICE(sorry) : buf_slice(b);

    if (r->envelope != NULL)
        request_outer_reply(r, status, text);
    else
        request_reply(r, status, "application/json", text);
    buf_free(b);
}

void mcp_result_begin(struct json_out *o, struct buf *b, const struct mcp_message *m)
{
    begin(o, b, m->id);
    json_out_key(o, "result");
    json_out_object(o);
    if (m->is_modern)
        json_out_kstr(o, "resultType", "complete");
}

void mcp_result_end(struct json_out *o, struct request *r, const struct mcp_message *m)
{
    (void)m;
    json_out_end_object(o);
    json_out_end_object(o);
    reply(r, 200, o->to);
}

static unsigned status_of(const struct mcp_message *m, const struct mcp_error *error)
{
    if (error->status != 0)
        return error->status;
    return m->is_modern && error->code == MCP_NO_METHOD ? 404 : 200;
}

void mcp_reply_error(struct request *r, const struct mcp_message *m,
                     const struct mcp_error *error)
{
    struct json_out o;
    struct buf b;

    begin(&o, &b, m->id);
    json_out_key(&o, "error");
    json_out_object(&o);
    json_out_key(&o, "code");
    json_out_i64(&o, error->code);
    json_out_kstr(&o, "message", error->text != NULL ? error->text : "");
    if (error->data.len > 0) {
        json_out_key(&o, "data");
        json_out_raw(&o, error->data);
    }
    json_out_end_object(&o);
    json_out_end_object(&o);
    reply(r, status_of(m, error), &b);
}

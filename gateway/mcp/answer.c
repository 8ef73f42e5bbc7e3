/* SPDX-License-Identifier: Apache-2.0 */
/* The inner call's answer as a tool's result: text where it is text, an object besides
 * where it is one, bytes as base64, and what it cost in _meta. */
#include "gateway/mcp/inner.h"

#include "base/codec.h"
#include "base/utf8.h"

#include <string.h>

enum {
    GUARD_MAX = 16 << 20, /* bytes for the scan of an answer */
    KEYS_MAX = 200000,
    CONTAINERS_MAX = 200000
};

/* ---- What it is ---- */

static bool is_utf8(struct slice s)
{
    while (s.len > 0) {
        const size_t len = utf8_length(s);

        if (len == 0)
            return false;
        s = slice_sub(s, len, s.len);
    }
    return true;
}

static struct slice media_of(const struct envelope *e)
{
    const struct slice type = slice_str(e->content_type);

    return slice_trim(slice_sub(type, 0, slice_find(type, ';')));
}

static bool is_json(struct slice media)
{
    return slice_equal_nocase(media, SLICE("application/json")) ||
           slice_ends(media, SLICE("+json"));
}

static bool is_text(const struct envelope *e)
{
    static const char *const types[] = {"application/xml",
                                        "application/javascript",
                                        "application/x-ndjson",
                                        "application/yaml",
                                        "application/csv",
                                        "application/jsonl",
                                        "application/x-www-form-urlencoded"};
    const struct slice media = media_of(e);
    const struct slice coding = envelope_header(e, "content-encoding");
    bool known = media.len == 0 || is_json(media) ||
                 slice_starts_nocase(media, SLICE("text/")) ||
                 slice_ends(media, SLICE("+xml"));

    if (coding.len > 0 && !slice_equal_nocase(coding, SLICE("identity")))
        return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        known = known || slice_equal_nocase(media, slice_str(types[i]));
    return known && is_utf8(buf_slice(&e->answer));
}

/* Whether the answer is one JSON object that may stand in ours. The arena of the
 * request is not for texts of this length. */
static bool is_object(const struct envelope *e)
{
    const struct json_limits limits = {
        .depth = JSON_DEPTH_MAX - 8, .containers = CONTAINERS_MAX, .keys = KEYS_MAX};
    struct arena *memory;
    enum rc rc;

    if (!is_json(media_of(e)) || arena_open(&memory, GUARD_MAX) != RC_OK)
        return false;
    rc = json_guard(buf_slice(&e->answer), &limits, NULL, 0, NULL, memory);
    arena_close(memory);
    return rc == RC_OK;
}

/* ---- Content ---- */

static void begin_content(struct json_out *o, const char *type)
{
    json_out_key(o, "content");
    json_out_array(o);
    json_out_object(o);
    json_out_kstr(o, "type", type);
}

static void end_content(struct json_out *o)
{
    json_out_end_object(o);
    json_out_end_array(o);
}

static void write_text(struct json_out *o, struct slice text)
{
    begin_content(o, "text");
    json_out_kslice(o, "text", text);
    end_content(o);
}

/* In an arena of its own: the request's is not for texts of this length. */
static void write_base64(struct json_out *o, const char *key, struct slice bytes)
{
    struct arena *memory;
    struct slice text = SLICE_NONE;

    if (arena_open(&memory, 2 * bytes.len + 4096) != RC_OK)
        memory = NULL;
    if (memory != NULL)
        text = base64_encode(memory, bytes);
    json_out_kslice(o, key, text);
    arena_close(memory);
}

static void write_bytes(struct json_out *o, struct request *r,
                        const struct mcp_inner *in)
{
    const struct envelope *e = &in->envelope;
    const struct slice media = media_of(e), body = buf_slice(&e->answer);
    const bool is_image = slice_starts_nocase(media, SLICE("image/"));
    const bool is_audio = slice_starts_nocase(media, SLICE("audio/"));

    begin_content(o, is_image ? "image" : is_audio ? "audio" : "resource");
    if (is_image || is_audio) {
        write_base64(o, "data", body);
        json_out_kslice(o, "mimeType", media);
    } else {
        json_out_key(o, "resource");
        json_out_object(o);
        json_out_kstr(o, "uri",
                      arena_printf(r->arena, "mcp://tool/%s/%s", in->tool, r->id_text));
        json_out_kslice(o, "mimeType",
                        media.len > 0 ? media : SLICE("application/octet-stream"));
        write_base64(o, "blob", body);
        json_out_end_object(o);
    }
    end_content(o);
}

/* Of a chat completion with one choice: what the model says, if that is text. */
static bool said(struct slice *out, struct request *r, struct slice body)
{
    struct slice choices, choice, other, message;
    size_t at = 0;

    return json_raw_member(&choices, body, "choices") == JSON_ARRAY &&
           json_raw_element(&choice, choices, &at) == JSON_OBJECT &&
           json_raw_element(&other, choices, &at) == JSON_ABSENT &&
           json_raw_member(&message, choice, "message") == JSON_OBJECT &&
           mcp_text(out, message, "content", r) && out->len > 0;
}

static void write_answer(struct json_out *o, struct request *r,
                         const struct mcp_inner *in)
{
    const struct envelope *e = &in->envelope;
    const struct slice body = buf_slice(&e->answer);
    struct slice text = body;

    if (!is_text(e)) {
        write_bytes(o, r, in);
        return;
    }
    if (!is_object(e)) {
        write_text(o, body);
        return;
    }
    if (in->builtin != NULL && strcmp(in->builtin->name, "chat") == 0 &&
        e->status == 200 && !said(&text, r, body))
        text = body;
    write_text(o, text);
    json_out_key(o, "structuredContent");
    json_out_raw(o, body);
}

/* ---- Beside it ---- */

static void copy_header(struct json_out *o, const struct envelope *e,
                        const char *header, const char *key)
{
    const struct slice value = envelope_header(e, header);

    if (value.len > 0)
        json_out_kslice(o, key, value);
}

void mcp_answer_meta(struct json_out *o, struct request *r, const struct mcp_inner *in)
{
    const struct envelope *e = &in->envelope;

    json_out_key(o, "octroi/receipt");
    json_out_object(o);
    json_out_kstr(o, "request_id", r->id_text);
    copy_header(o, e, "x-octroi-cost", "cost");
    copy_header(o, e, "x-octroi-balance", "balance");
    copy_header(o, e, "x-octroi-receipt", "signed");
    copy_header(o, e, "x-octroi-original-request-id", "repeat_of");
    json_out_end_object(o);
    if (e->status != 200)
        json_out_ku64(o, "octroi/status", e->status);
    mcp_pay_meta(o, r, in);
}

/* Everything but what is said about payments: pay.c. */
void mcp_answer(struct request *r)
{
    const struct mcp_inner *in = r->envelope->user;
    const struct envelope *e = r->envelope;
    struct json_out o;
    struct buf b;

    if (mcp_pay_answer(r, in))
        return;
    mcp_result_begin(&o, &b, &in->message);
    if (buf_spent(&e->answer))
        write_text(&o, SLICE("too_large: the answer does not fit here; make the call "
                             "by HTTP."));
    else
        write_answer(&o, r, in);
    json_out_kbool(&o, "isError", e->status >= 300 || buf_spent(&e->answer));
    json_out_key(&o, "_meta");
    json_out_object(&o);
    mcp_answer_meta(&o, r, in);
    json_out_end_object(&o);
    mcp_result_end(&o, r, &in->message);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/request_envelope.h"

#include "base/log.h"
#include "gateway/request_int.h"

#include <string.h>

struct slice request_body(const struct request *r)
{
    return r->envelope != NULL ? r->envelope->body : exchange_body(r->exchange);
}

/* Who sent the outer request may not be who pays for the inner one: it is asked again.
 */
enum rc request_enclose(struct request *r, struct envelope *e)
{
    buf_init(&e->answer, ENVELOPE_ANSWER_MAX);
    e->content_type = "";
    r->envelope = e;
    r->http = e->http;
    r->payment = NULL;
    r->pay_state = NULL;
    r->identified = false;
    memset(&r->caller, 0, sizeof(r->caller));
    return request__admit(r);
}

void envelope__add_header(struct request *r, const char *name, struct slice value)
{
    struct envelope *e = r->envelope;
    const struct http_header copy = {
        arena_slice(r->arena, slice_str(name)),
        arena_slice(r->arena, value),
    };

    if (e->header_count < ENVELOPE_HEADERS_MAX && copy.value.len > 0)
        e->headers[e->header_count++] = copy;
}

bool envelope_next_header(struct slice *value, const struct envelope *e,
                          const char *name, size_t *at)
{
    while (*at < e->header_count) {
        const struct http_header *h = &e->headers[(*at)++];

        if (slice_equal_nocase(h->name, slice_str(name))) {
            *value = h->value;
            return true;
        }
    }
    return false;
}

struct slice envelope_header(const struct envelope *e, const char *name)
{
    struct slice value;
    size_t at = 0;

    return envelope_next_header(&value, e, name, &at) ? value : SLICE_NONE;
}

void envelope__begin(struct request *r, unsigned status, const char *content_type)
{
    struct envelope *e = r->envelope;

    e->status = status;
    e->content_type = arena_copy(r->arena, content_type, strlen(content_type));
    if (e->content_type == NULL)
        e->content_type = "";
}

void envelope__end(struct request *r, bool complete)
{
    struct envelope *e = r->envelope;

    if (complete && !buf_spent(&e->answer)) {
        request_money_headers(r); /* which its head came too early for */
        e->answered(r);
        return;
    }
    if (r->fault.rc == RC_OK)
        r->fault.rc = r->rc != RC_OK ? r->rc : RC_UPSTREAM;
    buf_reset(&e->answer);
    e->header_count = 0;
    request_reply_fault(r);
}

void request_outer_reply(struct request *r, unsigned status, struct slice json)
{
    const struct http_header headers[] = {
        {SLICE("x-request-id"), slice_str(r->id_text)},
        {SLICE("Content-Type"), SLICE("application/json")},
        {SLICE("Cache-Control"), SLICE("no-store")},
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (exchange_header(r->exchange, headers[i].name.bytes, headers[i].value) !=
            RC_OK)
            log_event(LOG_WARN, "answer header refused",
                      LOG_STR("request_id", r->id_text));
    exchange_reply(r->exchange, status, json);
}

void envelope__free(struct request *r)
{
    if (r->envelope == NULL)
        return;
    buf_free(&r->envelope->answer);
    buf_free(&r->envelope->made);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What of a metered call may be kept and given again: complete answers of status 200 to
 * a GET that depend on nothing but its URL and what it accepts. */
#include "gateway/metered.h"

#include "base/codec.h"

#include <string.h>

/* What an answer may depend on besides its URL. */
enum {
    ACCEPT_COUNT = 3
};

static const char *const accepts[ACCEPT_COUNT] = {"accept", "accept-encoding",
                                                  "accept-language"};

/* ---- The request ---- */

/* What makes the answer of this request its own. */
static bool is_own(const struct config_endpoint *e, struct slice name)
{
    static const char *const names[] = {"range",         "if-match",
                                        "if-none-match", "if-modified-since",
                                        "if-range",      "if-unmodified-since"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(name, slice_str(names[i])))
            return true;
    for (size_t i = 0; i < e->pass_count; i++)
        if (slice_equal_nocase(name, slice_str(e->pass_headers[i])))
            return true;
    return false;
}

/* One of the words of a header's list; `word` may end in "=", then any value fits and
 * *value is it. */
static bool has_word(struct slice list, const char *word, struct slice *value)
{
    const struct slice w = slice_str(word);
    struct slice piece;

    while (slice_next(&piece, &list, ',')) {
        piece = slice_trim(piece);
        if (!slice_starts_nocase(piece, w) ||
            (piece.len > w.len && !slice_ends(w, SLICE("="))))
            continue;
        if (value != NULL)
            *value = slice_sub(piece, w.len, piece.len);
        return true;
    }
    return false;
}

/* Of a header that is sent twice only the first would be in the key. */
static bool is_doubled(const struct request *r, const char *name)
{
    unsigned count;

    (void)http_header(r->http, name, &count);
    return count > 1;
}

static bool may_ask(const struct metered *m, const struct request *r)
{
    const struct slice control = http_header(r->http, "cache-control", NULL);

    if (r->worker->data_cache == NULL || m->endpoint->cache_ms == 0 ||
        r->http->has_body ||
        (!slice_equal(r->http->method, SLICE("GET")) &&
         !slice_equal(r->http->method, SLICE("HEAD"))) ||
        has_word(control, "no-cache", NULL) || has_word(control, "no-store", NULL))
        return false;
    for (size_t i = 0; i < ACCEPT_COUNT; i++)
        if (is_doubled(r, accepts[i]))
            return false;
    for (size_t i = 0; i < r->http->header_count; i++)
        if (is_own(m->endpoint, r->http->headers[i].name))
            return false;
    return true;
}

/* Each piece with its length before it, so that no two lists of pieces are one text. */
static void add_piece(struct sha256_state *s, struct slice piece)
{
    const uint64_t len = piece.len;
    char bytes[sizeof(len)];

    memcpy(bytes, &len, sizeof(len));
    sha256_add(s, slice_from(bytes, sizeof(bytes)));
    sha256_add(s, piece);
}

void metered__cache_key(struct metered *m, struct request *r)
{
    struct sha256_state s;

    m->may_cache = may_ask(m, r) && m->url != NULL && sha256_start(&s) == RC_OK;
    if (!m->may_cache)
        return;
    add_piece(&s, slice_str(r->match.api->name));
    add_piece(&s, m->name);
    add_piece(&s, slice_str(m->endpoint->path));
    add_piece(&s, slice_str(m->url));
    for (size_t i = 0; i < ACCEPT_COUNT; i++)
        add_piece(&s, http_header(r->http, accepts[i], NULL));
    sha256_end(m->cache_key, &s);
}

bool metered__cache_find(struct metered *m, struct request *r)
{
    struct data_answer *a = data_cache_find(r->worker->data_cache, m->cache_key,
                                            loop_now_ms(r->worker->loop));

    if (a == NULL)
        return false;
    m->hit = a;
    m->status = 200;
    m->content_type = a->content_type;
    m->content_length = buf_len(&a->body);
    units_init(&m->units, &m->endpoint->unit, slice_str(a->content_type));
    if (!slice_equal(r->http->method, SLICE("HEAD")))
        units_add(&m->units, buf_slice(&a->body));
    return true;
}

/* ---- The answer ---- */

static bool varies_only_by_accept(struct slice list)
{
    struct slice piece;

    while (slice_next(&piece, &list, ',')) {
        bool known = false;

        piece = slice_trim(piece);
        for (size_t i = 0; i < ACCEPT_COUNT; i++)
            known = known || slice_equal_nocase(piece, slice_str(accepts[i]));
        if (!known)
            return false;
    }
    return true;
}

/* What the host says of how long. false: not at all. */
static bool obey_control(struct slice list, uint64_t *ttl_ms)
{
    struct slice value;
    uint64_t seconds;

    if (has_word(list, "no-store", NULL) || has_word(list, "no-cache", NULL) ||
        has_word(list, "private", NULL) || has_word(list, "private=", NULL) ||
        has_word(list, "no-cache=", NULL))
        return false;
    if ((has_word(list, "s-maxage=", &value) || has_word(list, "max-age=", &value)) &&
        slice_to_u64(&seconds, value) == RC_OK && seconds < *ttl_ms / 1000)
        *ttl_ms = seconds * 1000;
    return *ttl_ms > 0;
}

/* Whether the head allows to keep it; its framing must tell a part from the whole. */
static bool may_keep(const struct http_header *headers, size_t count, uint64_t *ttl_ms,
                     uint64_t *age_s)
{
    bool framed = false;

    for (size_t i = 0; i < count; i++) {
        const struct http_header *h = &headers[i];

        framed = framed || slice_equal_nocase(h->name, SLICE("content-length")) ||
                 slice_equal_nocase(h->name, SLICE("transfer-encoding"));
        if (slice_equal_nocase(h->name, SLICE("set-cookie")) ||
            slice_equal_nocase(h->name, SLICE("set-cookie2")) ||
            (slice_equal_nocase(h->name, SLICE("vary")) &&
             !varies_only_by_accept(h->value)) ||
            (slice_equal_nocase(h->name, SLICE("cache-control")) &&
             !obey_control(h->value, ttl_ms)))
            return false;
        if (slice_equal_nocase(h->name, SLICE("age")))
            (void)!slice_to_u64(age_s, slice_trim(h->value));
    }
    return framed;
}

/* Its age is told anew each time. */
static size_t without_age(struct http_header *out, const struct metered *m)
{
    size_t count = 0;

    for (size_t i = 0; i < m->answer_count; i++)
        if (!slice_equal_nocase(m->answer[i].name, SLICE("age")))
            out[count++] = m->answer[i];
    return count;
}

void metered__cache_begin(struct metered *m, struct request *r,
                          const struct http_header *headers, size_t count)
{
    struct http_header kept[METERED_HEADERS_MAX];
    uint64_t ttl_ms = m->endpoint->cache_ms, age_s = 0;

    if (!m->may_cache || m->status != 200 ||
        !slice_equal(r->http->method, SLICE("GET")) ||
        (m->content_length != UINT64_MAX && m->content_length > DATA_CACHE_BODY_MAX) ||
        !may_keep(headers, count, &ttl_ms, &age_s))
        return;
    m->fill = data_answer_new(m->content_type != NULL ? m->content_type : "", kept,
                              without_age(kept, m));
    if (m->fill == NULL)
        return;
    m->fill->stored_ms = loop_now_ms(r->worker->loop);
    m->fill->until_ms = m->fill->stored_ms + ttl_ms;
    m->fill->age_s = age_s;
}

void metered__cache_add(struct metered *m, struct slice bytes)
{
    if (m->fill == NULL)
        return;
    buf_append(&m->fill->body, bytes);
    if (!buf_spent(&m->fill->body))
        return;
    data_answer_unref(m->fill);
    m->fill = NULL;
}

void metered__cache_end(struct metered *m, struct request *r)
{
    struct data_answer *a = m->fill;

    m->fill = NULL;
    if (a == NULL)
        return;
    if (m->content_length != UINT64_MAX && m->content_length != buf_len(&a->body))
        data_answer_unref(a);
    else
        data_cache_keep(r->worker->data_cache, m->cache_key, a);
}

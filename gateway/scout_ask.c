/* SPDX-License-Identifier: Apache-2.0 */
/* Asking one provider for its list of models, page by page, with another of its keys
 * when one is refused. */
#include "gateway/scout_int.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    OK_LOW = 200,
    OK_HIGH = 299,
    HEADERS_MAX = 4
};

static void finish(struct scout__ask *a, const char *words)
{
    a->busy = false;
    a->call = NULL;
    a->ok = words == NULL;
    if (words != NULL && words != a->words)
        (void)snprintf(a->words, sizeof(a->words), "%s", words);
    buf_free(&a->body);
    arena_close(a->scratch);
    a->scratch = NULL;
    a->done(a);
}

static void fail_soon(struct loop_timer *t)
{
    struct scout__ask *a =
        (struct scout__ask *)(void *)((char *)t - offsetof(struct scout__ask, later));

    finish(a, a->words);
}

/* done() may not come from within the start. */
static void fail_later(struct scout__ask *a, const char *words)
{
    (void)snprintf(a->words, sizeof(a->words), "%s", words);
    a->later.fire = fail_soon;
    loop_timer_set(a->loop, &a->later, loop_now_ms(a->loop));
}

/* The question -----------------------------------------------------------------------
 */

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

/* The cursor is the vendor's word: every byte that might mean something is escaped. */
static const char *make_url(struct scout__ask *a)
{
    const struct model_list *l = a->list;
    const char *url;
    struct buf b;

    buf_init(&b, MODEL_LIST_CURSOR_MAX * 4 + 4096);
    buf_printf(&b, "%s%s", a->provider->base_url, l->path);
    if (l->query != NULL)
        buf_printf(&b, "?%s", l->query);
    if (a->cursor.len > 0) {
        buf_printf(&b, "&%s=", l->cursor);
        for (size_t i = 0; i < a->cursor.len; i++)
            if (is_unreserved(a->cursor.bytes[i]))
                buf_append_char(&b, a->cursor.bytes[i]);
            else
                buf_printf(&b, "%%%02X", (unsigned char)a->cursor.bytes[i]);
    }
    url = buf_spent(&b) ? NULL : arena_copy(a->arena, buf_slice(&b).bytes, buf_len(&b));
    buf_free(&b);
    return url;
}

/* "Authorization: Bearer KEY", "x-api-key: KEY". */
static struct slice key_value(struct scout__ask *a, const struct secret *secret)
{
    const struct slice prefix = strcmp(a->list->key_header, "Authorization") == 0
                                    ? SLICE("Bearer ")
                                    : SLICE_NONE;
    const struct slice key = secret_open(secret);
    char *value = arena_alloc(a->arena, prefix.len + key.len + 1);

    if (value == NULL)
        return SLICE_NONE;
    if (prefix.len > 0)
        memcpy(value, prefix.bytes, prefix.len);
    memcpy(value + prefix.len, key.bytes, key.len);
    return slice_from(value, prefix.len + key.len);
}

static size_t make_headers(struct scout__ask *a, struct http_header *h,
                           const struct secret *key)
{
    const struct model_list *l = a->list;
    size_t count = 0;

    h[count++] = (struct http_header){SLICE("Accept"), SLICE("application/json")};
    if (l->extra_header != NULL)
        h[count++] =
            (struct http_header){slice_str(l->extra_header), slice_str(l->extra_value)};
    if (key != NULL)
        h[count++] = (struct http_header){slice_str(l->key_header), key_value(a, key)};
    return count;
}

static enum upstream_take on_head(void *arg, unsigned status,
                                  const struct http_header *headers, size_t count)
{
    struct scout__ask *a = arg;

    (void)headers;
    (void)count;
    a->status = status;
    return UPSTREAM_TOOK;
}

static enum upstream_take on_data(void *arg, struct slice bytes)
{
    struct scout__ask *a = arg;

    if (a->status < OK_LOW || a->status > OK_HIGH)
        return UPSTREAM_TOOK; /* what an error says is not read */
    buf_append(&a->body, bytes);
    return buf_spent(&a->body) ? UPSTREAM_STOP : UPSTREAM_TOOK;
}

static void on_end(void *arg, enum upstream_fail fail, const char *detail);

static enum rc ask_page(struct scout__ask *a)
{
    const struct config_provider *p = a->provider;
    const struct secret *key = p->key_count > 0 ? p->api_keys[a->key] : NULL;
    struct http_header *headers =
        arena_new_array(a->arena, struct http_header, HEADERS_MAX);
    struct upstream_spec spec = {.method = "GET",
                                 .headers = headers,
                                 .allow_private = p->allow_private,
                                 .decode = true,
                                 .pool_key =
                                     key != NULL ? secret_open(key) : SLICE_NONE,
                                 .first_byte_timeout_ms = p->first_byte_timeout_ms,
                                 .idle_timeout_ms = p->idle_timeout_ms,
                                 .deadline_ms = a->deadline_ms,
                                 .max_response_bytes = MODEL_LIST_PAGE_MAX,
                                 .arg = a,
                                 .head = on_head,
                                 .data = on_data,
                                 .end = on_end};

    if (headers == NULL)
        return RC_NOMEM;
    spec.url = make_url(a);
    spec.header_count = make_headers(a, headers, key);
    if (arena_spent(a->arena))
        return RC_NOMEM;
    a->status = 0;
    buf_reset(&a->body);
    return upstream_start(&a->call, a->upstream, &spec);
}

/* The answer -------------------------------------------------------------------------
 */

/* NULL: another page was asked for. */
static const char *take_page(struct scout__ask *a, bool *done)
{
    enum rc rc;

    *done = true;
    arena_reset(a->scratch);
    rc = model_list_read(a->list, &a->page, buf_slice(&a->body));
    if (rc == RC_NOMEM)
        return "its list of models is too large";
    if (rc != RC_OK)
        return "its answer is no list of models";
    if (a->page.next.len == 0)
        return NULL;
    if (++a->pages == MODEL_LIST_PAGES_MAX)
        return "its list of models has too many pages";
    a->cursor = a->page.next;
    if (ask_page(a) != RC_OK)
        return "the next page of its list cannot be asked for";
    *done = false;
    return NULL;
}

static bool is_refused(unsigned status)
{
    return status == 401 || status == 402 || status == 403 || status == 429;
}

static void on_status(struct scout__ask *a)
{
    if (is_refused(a->status) && a->key + 1 < a->provider->key_count) {
        a->key++;
        if (ask_page(a) == RC_OK)
            return;
    }
    if (a->status == 401 || a->status == 403)
        (void)snprintf(a->words, sizeof(a->words), "it refuses our key (%u)",
                       a->status);
    else
        (void)snprintf(a->words, sizeof(a->words), "it answers with status %u",
                       a->status);
    finish(a, a->words);
}

static void on_end(void *arg, enum upstream_fail fail, const char *detail)
{
    struct scout__ask *a = arg;
    const char *words;
    bool done;

    (void)detail;
    a->call = NULL;
    switch (fail) {
    case UPSTREAM_FINE:
        if (a->status < OK_LOW || a->status > OK_HIGH) {
            on_status(a);
            return;
        }
        words = take_page(a, &done);
        if (done)
            finish(a, words);
        return;
    case UPSTREAM_CONNECT:
        finish(a, "it cannot be reached");
        return;
    case UPSTREAM_BLOCKED:
        finish(a, "its address is private, and 'allow_private' is not set");
        return;
    case UPSTREAM_SLOW:
        finish(a, "it did not answer in time");
        return;
    case UPSTREAM_TOO_BIG:
        finish(a, "its list of models is too large");
        return;
    case UPSTREAM_CUT:
    case UPSTREAM_STOPPED:
        finish(a, "its answer was cut off");
        return;
    }
}

/* Its life ---------------------------------------------------------------------------
 */

void scout__ask_start(struct scout__ask *a)
{
    assert(!a->busy);
    a->busy = true;
    buf_init(&a->body, MODEL_LIST_PAGE_MAX);
    a->deadline_ms = loop_now_ms(a->loop) + SCOUT_ASK_MS;
    if (arena_open(&a->arena, SCOUT__ARENA_MAX) != RC_OK ||
        arena_open(&a->scratch, SCOUT__SCRATCH_MAX) != RC_OK) {
        fail_later(a, "there is no memory for it");
        return;
    }
    a->page = (struct model_page){
        .arena = a->arena,
        .scratch = a->scratch,
        .models = arena_new_array(a->arena, struct found_model, FOUND_MODELS_MAX)};
    if (a->page.models == NULL || ask_page(a) != RC_OK)
        fail_later(a, "it cannot be asked");
}

void scout__ask_cancel(struct scout__ask *a)
{
    if (!a->busy)
        return;
    a->busy = false;
    loop_timer_clear(a->loop, &a->later);
    if (a->call != NULL)
        upstream_cancel(a->call);
    a->call = NULL;
    buf_free(&a->body);
}

void scout__ask_free(struct scout__ask *a)
{
    assert(!a->busy);
    arena_close(a->scratch);
    arena_close(a->arena);
    a->scratch = NULL;
    a->arena = NULL;
}

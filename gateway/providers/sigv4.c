/* SPDX-License-Identifier: Apache-2.0 */
/* In the order of AWS's description: the canonical request, the string to sign, the
 * key of the day, the signature. */
#include "gateway/providers/sigv4.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"

#include <string.h>

#define ALGORITHM  "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

/* A name and its value, both in the form that is signed. */
struct pair {
    struct slice name;
    struct slice value;
};

struct pairs {
    struct pair *list;
    size_t count;
    size_t max;
};

static enum rc pairs_add(struct pairs *p, struct slice name, struct slice value)
{
    if (p->count == p->max)
        return RC_TOO_BIG;
    p->list[p->count++] = (struct pair){name, value};
    return RC_OK;
}

/* By name, and by value too if asked for; equals stay in their order. They are few. */
static void pairs_sort(struct pairs *p, bool by_value)
{
    for (size_t i = 1; i < p->count; i++) {
        const struct pair moved = p->list[i];
        size_t at = i;

        for (; at > 0; at--) {
            const struct pair *before = &p->list[at - 1];
            int order = slice_compare(before->name, moved.name);

            if (order == 0 && by_value)
                order = slice_compare(before->value, moved.value);
            if (order <= 0)
                break;
            p->list[at] = *before;
        }
        p->list[at] = moved;
    }
}

/* The path --------------------------------------------------------------------------
 */

/* Takes the last segment off. */
static size_t parent_len(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/')
        len--;
    return len > 0 ? len - 1 : 0;
}

/* RFC 3986 section 5.2.4, and empty segments go too. */
static struct slice resolve_path(struct slice path, struct arena *a)
{
    const bool slash_ends = slice_ends(path, SLICE("/"));
    char *out = arena_alloc(a, path.len + 2);
    struct slice segment;
    size_t len = 0;

    if (out == NULL)
        return SLICE_NONE;
    while (slice_next(&segment, &path, '/')) {
        if (slice_equal(segment, SLICE("..")))
            len = parent_len(out, len);
        if (segment.len == 0 || slice_equal(segment, SLICE(".")) ||
            slice_equal(segment, SLICE("..")))
            continue;
        out[len++] = '/';
        memcpy(out + len, segment.bytes, segment.len);
        len += segment.len;
    }
    if (slash_ends || len == 0)
        out[len++] = '/';
    return slice_from(out, len);
}

static void write_path(struct buf *to, struct slice path)
{
    if (path.len == 0)
        buf_append_char(to, '/');
    while (path.len > 0) {
        const size_t len = slice_find(path, '/');

        percent_encode(to, slice_sub(path, 0, len));
        if (len < path.len)
            buf_append_char(to, '/');
        path = slice_sub(path, len + 1, path.len);
    }
}

/* The query -------------------------------------------------------------------------
 */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char upper(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return c;
}

/* Escapes that are there stay, and everything else that needs one gets one. */
static struct slice encode_param(struct slice text, struct arena *a)
{
    const size_t size = 3 * text.len + 1;
    struct buf out;

    buf_init_lent(&out, arena_alloc(a, size), size);
    for (size_t i = 0; i < text.len; i++) {
        if (text.bytes[i] == '%' && text.len - i > 2 && is_hex(text.bytes[i + 1]) &&
            is_hex(text.bytes[i + 2])) {
            buf_append_char(&out, '%');
            buf_append_char(&out, upper(text.bytes[++i]));
            buf_append_char(&out, upper(text.bytes[++i]));
        } else {
            percent_encode(&out, slice_sub(text, i, 1));
        }
    }
    return buf_slice(&out);
}

static enum rc write_query(struct buf *to, struct slice query, struct arena *a)
{
    struct pair list[SIGV4_PARAMS_MAX];
    struct pairs params = {.list = list, .max = SIGV4_PARAMS_MAX};
    struct slice param;

    while (slice_next(&param, &query, '&')) {
        const size_t equals = slice_find(param, '=');
        const struct slice value = slice_sub(param, equals + 1, param.len);

        if (param.len > 0)
            TRY(pairs_add(&params, encode_param(slice_sub(param, 0, equals), a),
                          encode_param(value, a)));
    }
    pairs_sort(&params, true);
    for (size_t i = 0; i < params.count; i++) {
        buf_append_str(to, i > 0 ? "&" : "");
        buf_append(to, list[i].name);
        buf_append_char(to, '=');
        buf_append(to, list[i].value);
    }
    return RC_OK;
}

/* The headers -----------------------------------------------------------------------
 */

static struct slice lower_name(struct slice name, struct arena *a)
{
    char *out = arena_copy(a, name.bytes, name.len);

    for (size_t i = 0; out != NULL && i < name.len; i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] - 'A' + 'a');
    return slice_from(out, out == NULL ? 0 : name.len);
}

/* Blanks at the ends go, those within become one: in quotes and in folded lines too. */
static void write_value(struct buf *to, struct slice value)
{
    bool blank_waits = false;
    bool has_begun = false;

    for (size_t i = 0; i < value.len; i++) {
        const char c = value.bytes[i];

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            blank_waits = has_begun;
            continue;
        }
        if (blank_waits)
            buf_append_char(to, ' ');
        buf_append_char(to, c);
        blank_waits = false;
        has_begun = true;
    }
}

static enum rc collect_headers(struct pairs *out, const struct sigv4_request *r,
                               const struct sigv4_key *key, const char *time,
                               struct arena *a)
{
    for (size_t i = 0; i < r->header_count; i++)
        TRY(pairs_add(out, lower_name(r->headers[i].name, a), r->headers[i].value));
    TRY(pairs_add(out, SLICE("x-amz-date"), slice_str(time)));
    if (key->session_token != NULL)
        TRY(pairs_add(out, SLICE("x-amz-security-token"),
                      secret_open(key->session_token)));
    pairs_sort(out, false);
    return RC_OK;
}

/* Whether it goes on a line that has begun: the values of one name are one value. */
static bool goes_on(const struct pairs *headers, size_t i)
{
    return i > 0 && slice_equal(headers->list[i].name, headers->list[i - 1].name);
}

static void write_headers(struct buf *to, const struct pairs *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (goes_on(headers, i)) {
            buf_append_char(to, ',');
        } else {
            buf_append_str(to, i > 0 ? "\n" : "");
            buf_append(to, headers->list[i].name);
            buf_append_char(to, ':');
        }
        write_value(to, headers->list[i].value);
    }
    buf_append_char(to, '\n');
}

static void write_names(struct buf *to, const struct pairs *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (goes_on(headers, i))
            continue;
        buf_append_str(to, i > 0 ? ";" : "");
        buf_append(to, headers->list[i].name);
    }
}

/* All of it -------------------------------------------------------------------------
 */

static void write_sha256(struct buf *to, struct slice bytes)
{
    uint8_t digest[SHA256_LEN];
    char text[2 * SHA256_LEN + 1];

    sha256(digest, bytes);
    hex_encode(text, digest, sizeof(digest));
    buf_append_str(to, text);
}

static enum rc write_canonical(struct buf *to, const struct sigv4_request *r,
                               const struct pairs *headers, struct arena *a)
{
    buf_append(to, r->method);
    buf_append_char(to, '\n');
    write_path(to, r->keep_path ? r->path : resolve_path(r->path, a));
    buf_append_char(to, '\n');
    TRY(write_query(to, r->query, a));
    buf_append_char(to, '\n');
    write_headers(to, headers);
    buf_append_char(to, '\n');
    write_names(to, headers);
    buf_append_char(to, '\n');
    write_sha256(to, r->body);
    return RC_OK;
}

static struct slice scope_of(const struct sigv4_signature *s,
                             const struct sigv4_key *key, struct arena *a)
{
    return slice_str(arena_printf(a, "%.8s/%.*s/%.*s/" TERMINATOR, s->time,
                                  SLICE_FMT(key->region), SLICE_FMT(key->service)));
}

static void write_string_to_sign(struct buf *to, const struct sigv4_signature *s,
                                 struct slice scope)
{
    buf_append_str(to, ALGORITHM "\n");
    buf_append_str(to, s->time);
    buf_append_char(to, '\n');
    buf_append(to, scope);
    buf_append_char(to, '\n');
    write_sha256(to, s->canonical_request);
}

/* Each step keys the next: a key of one day, region and service is of no use in
 * another. */
static enum rc sign(struct sigv4_signature *s, const struct sigv4_key *key)
{
    const struct slice secret = secret_open(key->secret_key);
    const struct slice steps[] = {slice_from(s->time, 8), key->region, key->service,
                                  SLICE(TERMINATOR), s->string_to_sign};
    char first[4 + SIGV4_SECRET_MAX] = "AWS4";
    struct slice step_key = slice_from(first, 4 + secret.len);
    uint8_t digest[SHA256_LEN];

    if (secret.len == 0)
        return RC_BAD_INPUT;
    if (secret.len > SIGV4_SECRET_MAX)
        return RC_TOO_BIG;
    memcpy(first + 4, secret.bytes, secret.len);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint8_t next[SHA256_LEN];

        hmac_sha256(next, step_key, steps[i]);
        memcpy(digest, next, sizeof(digest));
        secret_wipe(next, sizeof(next));
        step_key = slice_from((const char *)digest, sizeof(digest));
    }
    hex_encode(s->signature, digest, sizeof(digest));
    secret_wipe(first, sizeof(first));
    return RC_OK;
}

/* What a writer has written, kept in the arena; the writer's room is free again. */
static struct slice keep(struct buf *text, struct arena *a)
{
    const struct slice kept = arena_slice(a, buf_slice(text));

    buf_reset(text);
    return kept;
}

static enum rc sign_in(struct sigv4_signature *s, struct buf *text,
                       const struct sigv4_request *r, const struct sigv4_key *key,
                       struct arena *a)
{
    struct pair list[SIGV4_HEADERS_MAX];
    struct pairs headers = {.list = list, .max = SIGV4_HEADERS_MAX};
    const struct slice scope = scope_of(s, key, a);

    TRY(collect_headers(&headers, r, key, s->time, a));
    TRY(write_canonical(text, r, &headers, a));
    if (buf_spent(text))
        return RC_TOO_BIG;
    s->canonical_request = keep(text, a);
    write_string_to_sign(text, s, scope);
    s->string_to_sign = keep(text, a);
    if (arena_spent(a))
        return RC_NOMEM;
    TRY(sign(s, key));
    buf_append_str(text, ALGORITHM " Credential=");
    buf_append(text, key->access_key);
    buf_append_char(text, '/');
    buf_append(text, scope);
    buf_append_str(text, ", SignedHeaders=");
    write_names(text, &headers);
    buf_printf(text, ", Signature=%s", s->signature);
    if (buf_spent(text))
        return RC_TOO_BIG;
    s->authorization = keep(text, a);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

/* "20150830T123600Z": RFC 3339 without its marks and the fraction. */
static void write_time(char out[SIGV4_TIME_SIZE], uint64_t wall_us)
{
    char text[CLOCK_TEXT_SIZE];
    size_t len = 0;

    clock_print(text, wall_us);
    for (const char *at = text; *at != '.' && *at != '\0'; at++)
        if (*at != '-' && *at != ':' && len < SIGV4_TIME_SIZE - 2)
            out[len++] = *at;
    out[len++] = 'Z';
    out[len] = '\0';
}

enum rc sigv4_sign(struct sigv4_signature *out, const struct sigv4_request *request,
                   const struct sigv4_key *key, uint64_t wall_us, struct arena *a)
{
    struct sigv4_signature s = {.time = ""};
    struct buf text;
    enum rc rc;

    write_time(s.time, wall_us);
    buf_init(&text, SIGV4_TEXT_MAX);
    rc = sign_in(&s, &text, request, key, a);
    buf_wipe(&text);
    if (rc == RC_OK)
        *out = s;
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges: their id, their text, and finding them among other schemes. */
#include "x402/header_mpp.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "x402/members.h"

#include <string.h>

enum {
    SLOTS_MAX = 8,
    ESCAPE_DIGITS = 4 /* of \uXXXX */
};

/* The id --------------------------------------------------------------------------- */

/* What the id binds: seven slots, absent ones empty; `header` is an eighth, but only
 * when it is there. */
static size_t list_slots(struct slice slots[SLOTS_MAX], const struct mpp_challenge *c)
{
    size_t count = 0;

    slots[count++] = c->realm;
    slots[count++] = c->method;
    slots[count++] = c->intent;
    slots[count++] = c->request;
    slots[count++] = c->expires;
    slots[count++] = c->digest;
    if (c->header.bytes != NULL)
        slots[count++] = c->header;
    slots[count++] = c->opaque;
    return count;
}

static enum rc make_id(struct slice *id, const struct mpp_challenge *c,
                       struct slice secret, struct arena *a)
{
    struct slice slots[SLOTS_MAX];
    const size_t count = list_slots(slots, c);
    size_t len = count - 1;
    uint8_t mac[SHA256_LEN];
    char *text;
    char *at;

    for (size_t i = 0; i < count; i++) {
        if (slice_find(slots[i], '|') < slots[i].len)
            return RC_BAD_INPUT;
        len += slots[i].len;
    }
    text = arena_alloc(a, len);
    if (text == NULL)
        return RC_TOO_BIG;
    at = text;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *at++ = '|';
        if (slots[i].len > 0)
            memcpy(at, slots[i].bytes, slots[i].len);
        at += slots[i].len;
    }
    hmac_sha256(mac, secret, slice_from(text, len));
    *id = base64url_encode(a, slice_from((const char *)mac, sizeof(mac)));
    return id->bytes == NULL ? RC_TOO_BIG : RC_OK;
}

enum rc mpp_challenge_bind(struct mpp_challenge *c, struct slice secret,
                           struct arena *a)
{
    struct slice id;

    TRY(make_id(&id, c, secret, a));
    c->id = id;
    return RC_OK;
}

bool mpp_challenge_is_ours(const struct mpp_challenge *c, struct slice secret,
                           struct arena *a)
{
    struct slice id;

    return make_id(&id, c, secret, a) == RC_OK && slice_equal_secret(id, c->id);
}

/* Printing ------------------------------------------------------------------------- */

/* The code point of the UTF-8 character at the start of s; *len is its bytes. What is
 * none is one byte and U+FFFD. */
static uint32_t code_point(size_t *len, struct slice s)
{
    static const unsigned char first_mask[UTF8_MAX + 1] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code;

    *len = utf8_length(s);
    if (*len == 0) {
        *len = 1;
        return 0xfffd;
    }
    code = (unsigned char)s.bytes[0] & first_mask[*len];
    for (size_t i = 1; i < *len; i++)
        code = code << 6 | ((unsigned char)s.bytes[i] & 0x3f);
    return code;
}

/* What is not ASCII goes as \uXXXX in UTF-16 units, which clients of this scheme
 * undo: the bytes of a header have no agreed encoding. */
static void print_quoted(struct buf *out, struct slice text)
{
    size_t len;

    buf_append_char(out, '"');
    for (; text.len > 0; text = slice_sub(text, len, text.len)) {
        const uint32_t code = code_point(&len, text);

        if (code == '"' || code == '\\')
            buf_printf(out, "\\%c", (char)code);
        else if (code >= 0x20 && code < 0x7f)
            buf_append_char(out, (char)code);
        else if (code < 0x10000)
            buf_printf(out, "\\u%04x", code);
        else
            buf_printf(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10),
                       0xdc00 + (code & 0x3ff));
    }
    buf_append_char(out, '"');
}

static void print_parameter(struct buf *out, const char *name, struct slice value)
{
    if (value.bytes == NULL)
        return;
    buf_printf(out, ", %s=", name);
    print_quoted(out, value);
}

void mpp_challenge_print(struct buf *out, const struct mpp_challenge *c)
{
    buf_append_str(out, "Payment id=");
    print_quoted(out, c->id);
    print_parameter(out, "realm", c->realm);
    print_parameter(out, "method", c->method);
    print_parameter(out, "intent", c->intent);
    print_parameter(out, "request", c->request);
    print_parameter(out, "description", c->description);
    print_parameter(out, "digest", c->digest);
    print_parameter(out, "expires", c->expires);
    print_parameter(out, "header", c->header);
    print_parameter(out, "opaque", c->opaque);
}

/* Parsing -------------------------------------------------------------------------- */

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static struct slice cut_token(struct slice *rest)
{
    struct slice token;
    size_t len = 0;

    while (len < rest->len && is_token_char(rest->bytes[len]))
        len++;
    token = slice_sub(*rest, 0, len);
    *rest = slice_sub(*rest, len, rest->len);
    return token;
}

/* Cuts what stands before the next comma that is not in quotes. */
static bool cut_element(struct slice *element, struct slice *rest)
{
    bool quoted = false;
    size_t at = 0;

    if (rest->len == 0)
        return false;
    for (; at < rest->len; at++) {
        const char c = rest->bytes[at];

        if (c == '"')
            quoted = !quoted;
        else if (quoted && c == '\\')
            at++;
        else if (!quoted && c == ',')
            break;
    }
    if (at > rest->len)
        at = rest->len;
    *element = slice_trim(slice_sub(*rest, 0, at));
    *rest = slice_sub(*rest, at + 1, rest->len);
    return true;
}

/* One escape of a quoted string, s beginning with its backslash. Returns the bytes put
 * into out, 0 for a broken one. */
static size_t unescape(char out[UTF8_MAX], size_t *used, struct slice s)
{
    if (s.len > 1 + ESCAPE_DIGITS && s.bytes[1] == 'u')
        return json_text_escape(out, used, s);
    if (s.len < 2)
        return 0;
    *used = 2;
    out[0] = s.bytes[1];
    return 1;
}

static enum rc parse_quoted(struct slice *out, struct slice text, struct arena *a)
{
    char *room = arena_alloc(a, text.len);
    size_t len = 0;
    size_t used;

    if (room == NULL)
        return RC_TOO_BIG;
    if (text.len < 2 || !slice_ends(text, SLICE("\"")))
        return RC_BAD_INPUT;
    text = slice_sub(text, 1, text.len - 2);
    for (; text.len > 0; text = slice_sub(text, used, text.len)) {
        char bytes[UTF8_MAX] = {text.bytes[0]};
        size_t count = 1;

        used = 1;
        if (bytes[0] == '"')
            return RC_BAD_INPUT;
        if (bytes[0] == '\\')
            count = unescape(bytes, &used, text);
        if (count == 0)
            return RC_BAD_INPUT;
        memcpy(room + len, bytes, count); /* never more than was read */
        len += count;
    }
    *out = slice_from(room, len);
    return RC_OK;
}

static enum rc parse_value(struct slice *out, struct slice text, struct arena *a)
{
    struct slice rest = text;
    struct slice token;

    if (slice_starts(text, SLICE("\"")))
        return parse_quoted(out, text, a);
    token = cut_token(&rest);
    if (token.len == 0 || rest.len > 0)
        return RC_BAD_INPUT;
    *out = token;
    return RC_OK;
}

/* Where the parameter `name` goes; NULL: unknown, to be ignored. */
static struct slice *find_parameter(struct mpp_challenge *c, struct slice name)
{
    const struct {
        const char *name;
        struct slice *slot;
    } slots[] = {
        {"id", &c->id},           {"realm", &c->realm},
        {"method", &c->method},   {"intent", &c->intent},
        {"request", &c->request}, {"expires", &c->expires},
        {"digest", &c->digest},   {"description", &c->description},
        {"opaque", &c->opaque},   {"header", &c->header},
    };

    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        if (slice_equal_nocase(name, slice_str(slots[i].name)))
            return slots[i].slot;
    }
    return NULL;
}

/* "name = value" into the challenge. */
static enum rc parse_parameter(struct mpp_challenge *c, struct slice element,
                               struct arena *a)
{
    const struct slice name = cut_token(&element);
    struct slice *slot = find_parameter(c, name);
    struct slice value;

    element = slice_trim(element);
    if (name.len == 0 || !slice_starts(element, SLICE("=")))
        return RC_BAD_INPUT;
    TRY(parse_value(&value, slice_trim(slice_sub(element, 1, element.len)), a));
    if (slot == NULL)
        return RC_OK;
    if (slot->bytes != NULL)
        return RC_BAD_INPUT; /* twice */
    *slot = value;
    return RC_OK;
}

static bool is_method(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.bytes[i];
        const bool is_letter = c >= 'a' && c <= 'z';

        if (!is_letter &&
            (i == 0 || !((c >= '0' && c <= '9') || c == ':' || c == '_' || c == '-')))
            return false;
    }
    return s.len > 0;
}

static bool is_intent(struct slice s)
{
    const struct slice whole = s;

    return cut_token(&s).len == whole.len && whole.len > 0;
}

enum rc x402__check_challenge(const struct mpp_challenge *c)
{
    uint64_t when_us;

    if (c->id.len == 0 || c->realm.bytes == NULL || c->request.len == 0 ||
        !is_method(c->method) || !is_intent(c->intent))
        return RC_BAD_INPUT;
    return c->expires.bytes == NULL ? RC_OK : clock_parse(&when_us, c->expires);
}

/* Whether the element begins a scheme: a word that no '=' follows. *rest is what stands
 * behind the word. */
static bool begins_scheme(struct slice *scheme, struct slice *rest,
                          struct slice element)
{
    *scheme = cut_token(&element);
    *rest = slice_trim(element);
    return scheme->len > 0 && !slice_starts(*rest, SLICE("="));
}

struct challenge_list {
    struct mpp_challenge *items;
    size_t room;
    size_t count;
    struct mpp_challenge *open; /* the one whose parameters come */
    struct mpp_challenge spare; /* open, when there is no room */
};

/* Ends the challenge that is open. */
static enum rc end_challenge(struct challenge_list *list)
{
    const struct mpp_challenge *c = list->open;

    list->open = NULL;
    if (c == NULL)
        return RC_OK;
    if (c != &list->spare)
        list->count++;
    return x402__check_challenge(c);
}

static void begin_challenge(struct challenge_list *list)
{
    list->open = list->count < list->room ? &list->items[list->count] : &list->spare;
    *list->open = (struct mpp_challenge){0};
}

static enum rc take_element(struct challenge_list *list, struct slice element,
                            struct arena *a)
{
    struct slice scheme;
    struct slice rest;

    if (begins_scheme(&scheme, &rest, element)) {
        TRY(end_challenge(list));
        if (!slice_equal_nocase(scheme, SLICE("Payment")))
            return RC_OK;
        begin_challenge(list);
        element = rest;
    }
    if (list->open == NULL || element.len == 0)
        return RC_OK;
    return parse_parameter(list->open, element, a);
}

enum rc mpp_challenges_parse(struct mpp_challenge *out, size_t *count,
                             struct slice header, struct arena *a)
{
    struct challenge_list list = {.items = out, .room = *count};
    struct slice element;

    if (header.len > MPP_CHALLENGE_MAX)
        return RC_TOO_BIG;
    while (cut_element(&element, &header))
        TRY(take_element(&list, element, a));
    TRY(end_challenge(&list));
    *count = list.count;
    return RC_OK;
}

/* opaque --------------------------------------------------------------------------- */

enum rc mpp_opaque_encode(struct slice *out, const struct mpp_opaque *o,
                          struct arena *a)
{
    struct json_out json;
    struct buf text = x402__room(a, MPP_HEADER_MAX);

    json_out_init(&json, &text);
    json_out_object(&json);
    if (o->nonce.bytes != NULL)
        json_out_kslice(&json, "nonce", o->nonce);
    if (o->route.bytes != NULL)
        json_out_kslice(&json, "route", o->route);
    json_out_end_object(&json);
    return buf_spent(&text) ? RC_TOO_BIG
                            : x402__encode_canonical(out, buf_slice(&text), a);
}

enum rc mpp_opaque_decode(struct mpp_opaque *out, struct slice opaque, struct arena *a)
{
    struct mpp_opaque o;
    struct slice json;

    TRY(base64url_decode(&json, opaque, a));
    TRY(x402__guard(json, a));
    TRY(x402__text_or_none(&o.nonce, json, "nonce", a));
    TRY(x402__text_or_none(&o.route, json, "route", a));
    *out = o;
    return RC_OK;
}

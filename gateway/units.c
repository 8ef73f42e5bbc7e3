/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/units.h"

#include <string.h>

enum {
    EXPONENT_MAX = 1000, /* what is beyond it is beyond any count */
    HEX_DIGITS = 4
};

/* ---- Which form ---- */

static bool is_one_of(struct slice type, const char *const *names)
{
    for (; *names != NULL; names++)
        if (slice_equal_nocase(type, slice_str(*names)))
            return true;
    return false;
}

static bool ends_nocase(struct slice s, struct slice end)
{
    return s.len >= end.len &&
           slice_equal_nocase(slice_sub(s, s.len - end.len, end.len), end);
}

static enum units_form form_of(struct slice type)
{
    static const char *const lines[] = {"application/x-ndjson", "application/ndjson",
                                        "application/jsonl", "application/x-jsonlines",
                                        NULL};
    static const char *const tables[] = {"text/csv", "text/tab-separated-values", NULL};
    static const char *const json[] = {"application/json", "text/json", NULL};

    type = slice_trim(slice_sub(type, 0, slice_find(type, ';')));
    if (is_one_of(type, lines))
        return UNITS_LINES;
    if (is_one_of(type, tables))
        return UNITS_CSV;
    return is_one_of(type, json) || ends_nocase(type, SLICE("+json")) ? UNITS_JSON
                                                                      : UNITS_NONE;
}

static void split_pointer(struct units *u, struct slice pointer)
{
    struct slice rest = slice_sub(pointer, 1, pointer.len);
    struct slice token;

    if (pointer.len == 0)
        return;
    do {
        token = slice_sub(rest, 0, slice_find(rest, '/'));
        u->tokens[u->token_count++] = token;
        if (token.len == rest.len)
            return;
        rest = slice_from(rest.bytes + token.len + 1, rest.len - token.len - 1);
    } while (u->token_count < UNITS_TOKENS_MAX);
}

void units_init(struct units *u, const struct config_unit *unit, struct slice type)
{
    memset(u, 0, sizeof(*u));
    switch (unit->of) {
    case CONFIG_UNIT_NONE:
        return;
    case CONFIG_UNIT_BYTES:
        u->form = UNITS_BYTES;
        return;
    case CONFIG_UNIT_ROWS:
        u->form = form_of(type);
        u->rows = true;
        return;
    case CONFIG_UNIT_POINTER:
        u->form = form_of(type) == UNITS_JSON ? UNITS_JSON : UNITS_NONE;
        split_pointer(u, slice_str(unit->pointer));
        return;
    }
}

/* ---- Lines and records ---- */

static void add_line_byte(struct units *u, char c)
{
    const bool table = u->form == UNITS_CSV;

    if (table && c == '"')
        u->quoted = !u->quoted;
    if (c == '\n' && !u->quoted) {
        u->count += u->filled;
        u->filled = false;
    } else if (c != '\r' && (table || (c != ' ' && c != '\t' && c != '\n'))) {
        u->filled = true;
    }
}

/* ---- Keys ---- */

/* The next byte of the token that the present key is compared with; -1: none is left.
 */
static int next_of_token(struct units *u)
{
    const struct slice token = u->tokens[u->path - 1];
    char c;

    if (u->key_at >= token.len)
        return -1;
    c = token.bytes[u->key_at++];
    if (c == '~' && u->key_at < token.len)
        c = token.bytes[u->key_at++] == '0' ? '~' : '/';
    return (unsigned char)c;
}

static void key_byte(struct units *u, unsigned c)
{
    if (u->in_key && u->key_same && next_of_token(u) != (int)c)
        u->key_same = false;
}

static void key_code(struct units *u, uint32_t code)
{
    if (code < 0x80) {
        key_byte(u, code);
        return;
    }
    if (code < 0x800) {
        key_byte(u, 0xc0 | code >> 6);
    } else if (code < 0x10000) {
        key_byte(u, 0xe0 | code >> 12);
        key_byte(u, 0x80 | (code >> 6 & 0x3f));
    } else {
        key_byte(u, 0xf0 | code >> 18);
        key_byte(u, 0x80 | (code >> 12 & 0x3f));
        key_byte(u, 0x80 | (code >> 6 & 0x3f));
    }
    key_byte(u, 0x80 | (code & 0x3f));
}

static void end_escape(struct units *u)
{
    u->escape = 0;
    if (u->unit >= 0xd800 && u->unit < 0xdc00) {
        u->high = u->unit;
        return;
    }
    if (u->unit >= 0xdc00 && u->unit < 0xe000 && u->high != 0)
        key_code(u, 0x10000 + ((u->high - 0xd800) << 10) + (u->unit - 0xdc00));
    else
        key_code(u, u->unit);
    u->high = 0;
}

static uint32_t hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : 0;
}

static void add_escaped(struct units *u, char c)
{
    static const char letters[] = "bfnrt";
    static const char means[] = "\b\f\n\r\t";
    const char *at;

    if (u->escape > 1) {
        u->unit = u->unit << 4 | hex_value(c);
        if (--u->escape == 1)
            end_escape(u);
        return;
    }
    if (c == 'u') {
        u->escape = 1 + HEX_DIGITS;
        u->unit = 0;
        return;
    }
    u->escape = 0;
    at = c != '\0' ? strchr(letters, c) : NULL;
    key_byte(u, (unsigned char)(at != NULL ? means[at - letters] : c));
}

static void end_string(struct units *u)
{
    u->in_string = false;
    if (u->in_key && u->key_same)
        u->key_same = u->key_at == u->tokens[u->path - 1].len;
    u->in_key = false;
}

static void add_to_string(struct units *u, char c)
{
    if (u->escape > 0)
        add_escaped(u, c);
    else if (c == '\\')
        u->escape = 1;
    else if (c == '"')
        end_string(u);
    else
        key_byte(u, (unsigned char)c);
}

/* ---- Values ---- */

/* Whether the innermost container of the way is the one that we are in. */
static bool on_way(const struct units *u)
{
    return u->depth == u->path;
}

/* Whether the value that begins is the one that the pointer's next token names. */
static bool is_named(const struct units *u)
{
    struct slice token;
    uint64_t index;

    if (u->depth == 0)
        return true;
    if (!u->wants_value)
        return false;
    if (!u->is_array[u->path])
        return u->key_same;
    token = u->tokens[u->path - 1];
    return slice_to_u64(&index, token) == RC_OK && index == u->index[u->path] &&
           (token.len == 1 || token.bytes[0] != '0');
}

static void begin_target(struct units *u, char c)
{
    if (c == '[')
        u->target_depth = u->depth + 1;
    else if (!u->rows && (c == '-' || (c >= '0' && c <= '9')))
        u->collects = true;
    else
        u->done = true;
}

/* A value begins, of which c is the first byte. */
static void begin_value(struct units *u, char c)
{
    const bool open = c == '{' || c == '[';

    if (u->target_depth != 0) {
        u->count += u->depth == u->target_depth && u->wants_value;
    } else if (on_way(u) && is_named(u)) {
        if (u->path == u->token_count) {
            begin_target(u, c);
        } else if (open) {
            u->path++;
            u->is_array[u->path] = c == '[';
            u->index[u->path] = 0;
        }
    }
    u->wants_value = false;
    u->wants_key = false;
    if (!open)
        return;
    u->depth++;
    if (u->depth == u->target_depth || (on_way(u) && u->is_array[u->path]))
        u->wants_value = true;
    else if (on_way(u))
        u->wants_key = true;
}

static void end_container(struct units *u)
{
    u->wants_key = u->wants_value = false;
    if (u->depth > 0)
        u->depth--;
    if (u->target_depth > u->depth)
        u->done = true;
    if (u->path > u->depth)
        u->path = u->depth;
}

static void next_item(struct units *u)
{
    if (u->target_depth != 0) {
        u->wants_value = u->depth == u->target_depth;
        return;
    }
    if (u->depth == 0 || !on_way(u))
        return;
    if (u->is_array[u->path]) {
        u->index[u->path]++;
        u->wants_value = true;
    } else {
        u->wants_key = true;
    }
}

static void begin_string(struct units *u)
{
    u->in_string = true;
    if (u->wants_key && u->target_depth == 0 && on_way(u)) {
        u->wants_key = false;
        u->in_key = true;
        u->key_same = true;
        u->key_at = 0;
        u->high = 0;
        return;
    }
    begin_value(u, '"');
}

static void add_mark(struct units *u, char c)
{
    switch (c) {
    case '"':
        begin_string(u);
        return;
    case '{':
    case '[':
        begin_value(u, c);
        return;
    case '}':
    case ']':
        end_container(u);
        return;
    case ',':
        next_item(u);
        return;
    case ':':
        u->wants_value = u->target_depth == 0 && on_way(u);
        return;
    default:
        break;
    }
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        return;
    begin_value(u, c);
    u->in_literal = true;
}

/* Whether c belongs to the number or word that is being read. */
static bool goes_on(char c)
{
    return c != ',' && c != ']' && c != '}' && c != ' ' && c != '\t' && c != '\r' &&
           c != '\n';
}

static void add_json_byte(struct units *u, char c)
{
    if (u->in_string) {
        add_to_string(u, c);
        return;
    }
    if (u->in_literal && !goes_on(c)) {
        u->in_literal = false;
        u->done = u->collects;
    }
    if (u->done)
        return;
    if (!u->in_literal)
        add_mark(u, c);
    if (u->collects && u->number_len < UNITS_NUMBER_MAX)
        u->number[u->number_len++] = c;
}

void units_add(struct units *u, struct slice bytes)
{
    switch (u->form) {
    case UNITS_NONE:
        return;
    case UNITS_BYTES:
        u->count += bytes.len;
        return;
    case UNITS_LINES:
    case UNITS_CSV:
        for (size_t i = 0; i < bytes.len; i++)
            add_line_byte(u, bytes.bytes[i]);
        return;
    case UNITS_JSON:
        for (size_t i = 0; i < bytes.len && !u->done; i++)
            add_json_byte(u, bytes.bytes[i]);
        return;
    }
}

/* ---- The count ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Behind the "e": how far the point moves. */
static int exponent_of(struct slice s)
{
    const bool minus = slice_starts(s, SLICE("-"));
    int value = 0;

    for (size_t i = minus || slice_starts(s, SLICE("+")); i < s.len; i++)
        if (is_digit(s.bytes[i]) && value < EXPONENT_MAX)
            value = value * 10 + (s.bytes[i] - '0');
    return minus ? -value : value;
}

/* A number as its digits, of which `point` stand before the point. */
struct number {
    char digits[UNITS_NUMBER_MAX];
    int count, point;
};

static void read_number(struct number *n, struct slice s)
{
    size_t at;

    n->count = 0;
    n->point = -1;
    for (at = 0; at < s.len && s.bytes[at] != 'e' && s.bytes[at] != 'E'; at++)
        if (is_digit(s.bytes[at]))
            n->digits[n->count++] = s.bytes[at];
        else if (s.bytes[at] == '.')
            n->point = n->count;
    if (n->point < 0)
        n->point = n->count;
    n->point += exponent_of(slice_sub(s, at + 1, s.len));
}

static uint64_t whole_part(const struct number *n)
{
    uint64_t value = 0;

    for (int i = 0; i < n->point && (i < n->count || value > 0); i++) {
        const uint64_t digit = i < n->count ? (uint64_t)(n->digits[i] - '0') : 0;

        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return UINT64_MAX;
    }
    return value;
}

/* A JSON number, rounded up; below zero: 0. */
static uint64_t number_value(struct slice s)
{
    struct number n;
    uint64_t value;

    if (slice_starts(s, SLICE("-")))
        return 0;
    if (s.len == UNITS_NUMBER_MAX) /* nobody counts so far */
        return UINT64_MAX;
    read_number(&n, s);
    value = whole_part(&n);
    for (int i = n.point > 0 ? n.point : 0; i < n.count; i++)
        if (n.digits[i] != '0')
            return value + (value < UINT64_MAX);
    return value;
}

uint64_t units_count(const struct units *u)
{
    const uint64_t lines = u->count + u->filled;

    switch (u->form) {
    case UNITS_NONE:
        return 0;
    case UNITS_BYTES:
        return u->count;
    case UNITS_LINES:
        return lines;
    case UNITS_CSV:
        return lines > 0 ? lines - 1 : 0;
    case UNITS_JSON:
        break;
    }
    return u->collects ? number_value(slice_from(u->number, u->number_len)) : u->count;
}

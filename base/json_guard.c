/* SPDX-License-Identifier: Apache-2.0 */
/* The scan of json_guard.h: a loop over the text with an explicit stack, so that no
 * text can exhaust the C stack. Builds nothing; reading values and splicing is
 * json_raw.c. */
#include "base/json_guard.h"

#include "base/json_text.h"
#include "base/map.h"

#include <assert.h>
#include <string.h>

enum {
    DEPTH_DEFAULT = 32,
    CONTAINERS_DEFAULT = 10 * 1000,
    KEYS_DEFAULT = 100 * 1000,
    NUMBER_LEN_MAX = 64, /* documented in the header */
    KEY_ROOM = 256,      /* decoded keys up to this length need no arena */
    SET_ROOM = 64        /* slots that need no arena */
};

/* Marks of the keys of all objects so far, in an open-addressing table. A mark mixes
 * the key's hash with the number of its object, so one table serves the whole text. The
 * hash is keyed with a secret: nobody can choose keys that collide, and that two
 * different keys of one object share a mark by chance has a probability below 10^-9
 * even in an object of as many keys as are allowed at all. */
struct key_set {
    uint64_t *slots; /* 0: free */
    size_t size;     /* a power of two */
    size_t count;
    uint64_t room[SET_ROOM];
};

struct container {
    bool is_object;
    unsigned number; /* it is the how-manieth container of the text */
};

struct scan {
    struct slice text;
    size_t at;
    struct json_limits limits; /* without zeros */
    struct json_fault fault;
    struct arena *arena;

    struct json_field *fields;
    size_t field_count;
    struct json_field *field; /* whose value is being read */

    struct container open[JSON_DEPTH_MAX]; /* the innermost is open[depth - 1] */
    unsigned depth;
    unsigned container_count;
    unsigned key_count;

    struct key_set keys;
    char *key; /* room to decode a key */
    size_t key_size;
    char key_room[KEY_ROOM];
};

static enum rc fail(struct scan *s, size_t at, const char *what)
{
    s->fault = (struct json_fault){at, what};
    return RC_BAD_JSON;
}

/* The next byte; NUL, which is never valid, at the end. */
static char peek(const struct scan *s)
{
    if (s->at == s->text.len)
        return '\0';
    return s->text.bytes[s->at];
}

static struct slice rest_from(const struct scan *s, size_t at)
{
    return slice_sub(s->text, at, s->text.len);
}

static enum rc fail_here(struct scan *s, const char *what)
{
    return fail(s, s->at, s->at < s->text.len ? what : "the text ends early");
}

static void skip_space(struct scan *s)
{
    s->at = json_text_skip_space(s->text, s->at);
}

/* Strings ----------------------------------------------------------------------------
 */

/* Checks the one character at `at` that is not plain, and moves behind it. */
static enum rc scan_special(struct scan *s, size_t *at)
{
    struct slice rest = rest_from(s, *at);
    char decoded[UTF8_MAX];
    size_t used;
    size_t len;

    if (rest.bytes[0] == '\\') {
        len = json_text_escape(decoded, &used, rest);
        if (len == 0)
            return fail(s, *at, "invalid escape or lone surrogate");
        if (decoded[0] == '\0')
            return fail(s, *at, "\\u0000 in a string");
        *at += used;
        return RC_OK;
    }
    if ((unsigned char)rest.bytes[0] < 0x20)
        return fail(s, *at, "control byte in a string");
    len = utf8_length(rest);
    if (len == 0)
        return fail(s, *at, "invalid UTF-8");
    *at += len;
    return RC_OK;
}

/* Reads the string whose opening quote is next. */
static enum rc scan_string(struct scan *s)
{
    size_t at = s->at + 1;

    for (;;) {
        at += json_text_plain(rest_from(s, at));
        if (at >= s->text.len)
            return fail(s, at, "the text ends early");
        if (s->text.bytes[at] == '"')
            break;
        TRY(scan_special(s, &at));
    }
    s->at = at + 1;
    return RC_OK;
}

/* Numbers ----------------------------------------------------------------------------
 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t skip_digits(struct scan *s)
{
    size_t start = s->at;

    while (is_digit(peek(s)))
        s->at++;
    return s->at - start;
}

/* The exponent's value, cut at a size that no number can make up for. */
static int read_exponent(struct slice digits)
{
    const int enough = 100 * 1000;
    bool negative = slice_starts(digits, SLICE("-"));
    int value = 0;

    for (size_t i = 0; i < digits.len && value < enough; i++)
        if (is_digit(digits.bytes[i]))
            value = value * 10 + (digits.bytes[i] - '0');
    return negative ? -value : value;
}

/* Whether a number with an exponent is over 1.7976931348623158e308, where doubles end.
 * Compared as text, so that neither rounding nor the locale has a say. */
static bool exceeds_double(struct slice number, size_t exponent_at)
{
    static const char max[NUMBER_LEN_MAX + 1] =
        "1797693134862315800000000000000000000000000000000000000000000000";
    char digits[NUMBER_LEN_MAX]; /* of the mantissa, from the first that is not 0 */
    size_t count = 0;
    bool fraction = false;
    int power = 0; /* the mantissa is 0.DIGITS * 10^power */

    memset(digits, '0', sizeof(digits));
    for (size_t i = 0; i < exponent_at; i++) {
        char c = number.bytes[i];

        if (c == '.')
            fraction = true;
        if (!is_digit(c))
            continue;
        if (count > 0 || c != '0')
            digits[count++] = c;
        if (fraction)
            power -= count == 0;
        else
            power += count > 0;
    }
    if (count == 0)
        return false;
    power += read_exponent(slice_sub(number, exponent_at + 1, number.len));
    return power > 309 || (power == 309 && memcmp(digits, max, sizeof(digits)) > 0);
}

static enum rc scan_fraction(struct scan *s)
{
    if (peek(s) != '.')
        return RC_OK;
    s->at++;
    return skip_digits(s) > 0 ? RC_OK : fail_here(s, "no digit behind the point");
}

/* *exponent_at: offset of the 'e', or 0 for none. */
static enum rc scan_exponent(struct scan *s, size_t *exponent_at)
{
    *exponent_at = 0;
    if (peek(s) != 'e' && peek(s) != 'E')
        return RC_OK;
    *exponent_at = s->at++;
    if (peek(s) == '+' || peek(s) == '-')
        s->at++;
    return skip_digits(s) > 0 ? RC_OK : fail_here(s, "no digit in the exponent");
}

static enum rc scan_number(struct scan *s)
{
    size_t start = s->at;
    size_t exponent_at;
    bool zero;
    size_t count;

    if (peek(s) == '-')
        s->at++;
    zero = peek(s) == '0';
    count = skip_digits(s);
    if (count == 0)
        return fail_here(s, "no digit behind the minus");
    if (zero && count > 1)
        return fail(s, start, "leading zero");
    TRY(scan_fraction(s));
    TRY(scan_exponent(s, &exponent_at));
    if (s->at - start > NUMBER_LEN_MAX)
        return fail(s, start, "number too long");
    if (exponent_at > 0 &&
        exceeds_double(slice_sub(s->text, start, s->at - start), exponent_at - start))
        return fail(s, start, "number too large");
    return RC_OK;
}

/* Keys -------------------------------------------------------------------------------
 */

/* Puts a mark that is not 0 into slots with a free one; false: it is there already. */
static bool insert(struct key_set *set, uint64_t mark)
{
    size_t mask = set->size - 1;
    size_t slot = mark & mask;

    while (set->slots[slot] != 0) {
        if (set->slots[slot] == mark)
            return false;
        slot = (slot + 1) & mask;
    }
    set->slots[slot] = mark;
    set->count++;
    return true;
}

/* Doubles the table when it is three quarters full. The old one stays in the arena. */
static enum rc make_room(struct key_set *set, struct arena *a)
{
    uint64_t *old = set->slots;
    size_t old_size = set->size;

    if (set->count + 1 <= old_size / 4 * 3)
        return RC_OK;
    set->slots = arena_new_array(a, uint64_t, old_size * 2);
    if (set->slots == NULL)
        return RC_NOMEM;
    set->size = old_size * 2;
    set->count = 0;
    for (size_t i = 0; i < old_size; i++) {
        bool is_new = old[i] == 0 || insert(set, old[i]);

        assert(is_new);
    }
    return RC_OK;
}

/* Decodes a key, if it must be. */
static enum rc decode_key(struct scan *s, struct slice *key, struct slice inner)
{
    *key = inner;
    if (slice_find(inner, '\\') == inner.len)
        return RC_OK;
    if (inner.len > s->key_size) {
        /* Doubling keeps what many long keys leave behind in the arena linear. */
        s->key_size = inner.len * 2;
        s->key = arena_alloc(s->arena, s->key_size);
        if (s->key == NULL)
            return RC_NOMEM;
    }
    *key = slice_from(s->key, json_text_unescape(s->key, inner));
    return RC_OK;
}

static enum rc note_key(struct scan *s, size_t key_at, struct slice inner)
{
    /* Odd, so that the same key in different objects gets different marks. */
    const uint64_t spread = UINT64_C(0x9e3779b97f4a7c15);
    struct slice key;
    uint64_t mark;

    if (s->key_count == s->limits.keys)
        return fail(s, key_at, "too many keys");
    s->key_count++;
    TRY(decode_key(s, &key, inner));
    TRY(make_room(&s->keys, s->arena));
    mark = map_hash(key) + s->open[s->depth - 1].number * spread;
    if (!insert(&s->keys, mark == 0 ? 1 : mark))
        return fail(s, key_at, "duplicate key");
    return RC_OK;
}

static struct json_field *wanted_field(struct scan *s, struct slice inner)
{
    for (size_t i = 0; i < s->field_count; i++)
        if (json_text_equal(inner, s->fields[i].name))
            return &s->fields[i];
    return NULL;
}

/* Reads a key and its colon. */
static enum rc scan_key(struct scan *s)
{
    size_t key_at;
    struct slice inner;

    skip_space(s);
    key_at = s->at;
    if (peek(s) != '"')
        return fail_here(s, "expected a key in double quotes");
    TRY(scan_string(s));
    inner = slice_sub(s->text, key_at + 1, s->at - key_at - 2);
    TRY(note_key(s, key_at, inner));
    skip_space(s);
    if (peek(s) != ':')
        return fail_here(s, "expected ':'");
    s->at++;
    skip_space(s);
    if (s->depth == 1) {
        s->field = wanted_field(s, inner);
        if (s->field != NULL) {
            s->field->member_at = key_at;
            s->field->raw = rest_from(s, s->at); /* cut when the value ends */
        }
    }
    return RC_OK;
}

/* Values -----------------------------------------------------------------------------
 */

static enum rc scan_word(struct scan *s, const char *word)
{
    struct slice expected = slice_str(word);

    if (!slice_starts(rest_from(s, s->at), expected))
        return fail_here(s, "expected a value");
    s->at += expected.len;
    return RC_OK;
}

static enum rc scan_scalar(struct scan *s)
{
    switch (peek(s)) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (peek(s) == '-' || is_digit(peek(s)))
            return scan_number(s);
        return fail_here(s, "expected a value");
    }
}

static enum rc open_container(struct scan *s)
{
    if (s->depth == s->limits.depth)
        return fail_here(s, "nested too deep");
    if (s->container_count == s->limits.containers)
        return fail_here(s, "too many objects and arrays");
    s->open[s->depth] = (struct container){peek(s) == '{', s->container_count};
    s->depth++;
    s->container_count++;
    s->at++;
    return RC_OK;
}

/* Reads up to the end of the next scalar or empty container, opening what is before. */
static enum rc scan_down(struct scan *s)
{
    for (;;) {
        bool is_object;

        skip_space(s);
        is_object = peek(s) == '{';
        if (!is_object && peek(s) != '[')
            return scan_scalar(s);
        TRY(open_container(s));
        skip_space(s);
        if (peek(s) == (is_object ? '}' : ']')) {
            s->at++;
            s->depth--;
            return RC_OK;
        }
        if (is_object)
            TRY(scan_key(s));
    }
}

/* The value of a member of the top object has ended: cuts it out if it is wanted. */
static void end_member(struct scan *s)
{
    if (s->field == NULL)
        return;
    s->field->raw.len -= s->text.len - s->at;
    s->field->type = json_raw_type(s->field->raw);
    s->field = NULL;
}

static bool in_object(const struct scan *s)
{
    return s->open[s->depth - 1].is_object;
}

static enum rc close_container(struct scan *s)
{
    bool is_object = in_object(s);

    if (peek(s) != (is_object ? '}' : ']'))
        return fail_here(s, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
    s->at++;
    s->depth--;
    return RC_OK;
}

/* A value has ended: closes the containers that end with it, and stops where another
 * value must follow (*more), or behind the text's only value. */
static enum rc scan_up(struct scan *s, bool *more)
{
    for (;;) {
        if (s->depth == 1)
            end_member(s);
        skip_space(s);
        *more = s->depth > 0;
        if (!*more)
            return RC_OK;
        if (peek(s) == ',') {
            s->at++;
            return in_object(s) ? scan_key(s) : RC_OK;
        }
        TRY(close_container(s));
    }
}

static enum rc scan_text(struct scan *s)
{
    bool more = true;

    if (s->limits.bytes != 0 && s->text.len > s->limits.bytes) {
        s->fault = (struct json_fault){s->limits.bytes, "text too long"};
        return RC_TOO_BIG;
    }
    skip_space(s);
    if (!s->limits.any_value && peek(s) != '{')
        return fail_here(s, "expected an object");
    while (more) {
        TRY(scan_down(s));
        TRY(scan_up(s, &more));
    }
    if (s->at < s->text.len)
        return fail(s, s->at, "bytes behind the end");
    return RC_OK;
}

static struct json_limits with_defaults(const struct json_limits *limits)
{
    struct json_limits l = *limits;

    if (l.depth == 0)
        l.depth = DEPTH_DEFAULT;
    if (l.containers == 0)
        l.containers = CONTAINERS_DEFAULT;
    if (l.keys == 0)
        l.keys = KEYS_DEFAULT;
    assert(l.depth <= JSON_DEPTH_MAX);
    return l;
}

static void clear_fields(struct json_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fields[i] = (struct json_field){.name = fields[i].name};
}

enum rc json_guard(struct slice text, const struct json_limits *limits,
                   struct json_field *fields, size_t count, struct json_fault *fault,
                   struct arena *a)
{
    struct scan s = {.text = text, .arena = a, .fields = fields, .field_count = count};
    enum rc rc;

    s.limits = with_defaults(limits);
    s.keys.slots = s.keys.room;
    s.keys.size = SET_ROOM;
    s.key = s.key_room;
    s.key_size = KEY_ROOM;
    clear_fields(fields, count);
    rc = scan_text(&s);
    if (rc == RC_OK)
        return RC_OK;
    clear_fields(fields, count);
    if (fault != NULL)
        *fault = s.fault;
    return rc;
}

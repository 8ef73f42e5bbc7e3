/* SPDX-License-Identifier: Apache-2.0 */
/* Names of publishers and skills, versions, and what is too close to another name. */
#include "skills/name.h"

#include <string.h>

/* ---- Names ---- */

static bool is_name(struct slice text, size_t min, size_t max)
{
    if (text.len < min || text.len > max)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.bytes[i];
        const bool edge = i == 0 || i == text.len - 1;

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            continue;
        if (c != '-' || edge || text.bytes[i - 1] == '-')
            return false;
    }
    return true;
}

bool skill_publisher_ok(struct slice handle)
{
    return is_name(handle, 2, SKILL_PUBLISHER_MAX);
}

bool skill_slug_ok(struct slice slug)
{
    return is_name(slug, 1, SKILL_SLUG_MAX);
}

/* ---- Versions ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_numeric(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_digit(s.bytes[i]))
            return false;
    return true;
}

static bool identifier_ok(struct slice piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        const char c = piece.bytes[i];

        if (!is_digit(c) && c != '-' && !(c >= 'a' && c <= 'z') &&
            !(c >= 'A' && c <= 'Z'))
            return false;
    }
    return piece.len > 0;
}

/* Dotted ones; a number among those of a pre-release has no leading zero. */
static bool identifiers_ok(struct slice text, bool is_pre)
{
    struct slice rest = text;
    struct slice piece;

    if (text.len == 0 || text.bytes[text.len - 1] == '.')
        return false;
    while (slice_next(&piece, &rest, '.'))
        if (!identifier_ok(piece) ||
            (is_pre && piece.len > 1 && piece.bytes[0] == '0' && is_numeric(piece)))
            return false;
    return true;
}

static enum rc read_number(uint64_t *out, struct slice *rest, char end)
{
    struct slice digits = slice_sub(*rest, 0, slice_find(*rest, end));

    if (digits.len == 0 || (digits.len > 1 && digits.bytes[0] == '0'))
        return RC_BAD_INPUT;
    *rest = slice_sub(*rest, digits.len + (digits.len < rest->len), rest->len);
    return slice_to_u64(out, digits);
}

enum rc skill_semver_parse(struct skill_semver *out, struct slice text)
{
    struct slice core = text;
    const size_t plus = slice_find(text, '+');
    size_t minus;

    *out = (struct skill_semver){0};
    if (text.len == 0 || text.len > SKILL_VERSION_MAX)
        return RC_BAD_INPUT;
    if (plus < text.len) {
        if (!identifiers_ok(slice_sub(text, plus + 1, text.len), false))
            return RC_BAD_INPUT;
        core = slice_sub(text, 0, plus);
    }
    minus = slice_find(core, '-');
    if (minus < core.len) {
        out->pre = slice_sub(core, minus + 1, core.len);
        core = slice_sub(core, 0, minus);
        if (!identifiers_ok(out->pre, true))
            return RC_BAD_INPUT;
    }
    if (core.len == 0 || core.bytes[core.len - 1] == '.')
        return RC_BAD_INPUT;
    TRY(read_number(&out->major, &core, '.'));
    TRY(read_number(&out->minor, &core, '.'));
    TRY(read_number(&out->patch, &core, '.'));
    return core.len == 0 ? RC_OK : RC_BAD_INPUT;
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Numbers by their value (their length first: they have no leading zero) and below
 * words; words by their bytes. */
static int compare_identifier(struct slice a, struct slice b)
{
    const bool a_number = is_numeric(a);
    const bool b_number = is_numeric(b);
    const size_t shorter = a.len < b.len ? a.len : b.len;
    int order;

    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a_number && a.len != b.len)
        return a.len < b.len ? -1 : 1;
    order = memcmp(a.bytes, b.bytes, shorter);
    return order != 0 ? order : compare(a.len, b.len);
}

int skill_semver_cmp(const struct skill_semver *a, const struct skill_semver *b)
{
    struct slice a_rest = a->pre;
    struct slice b_rest = b->pre;
    int order = compare(a->major, b->major);

    if (order == 0)
        order = compare(a->minor, b->minor);
    if (order == 0)
        order = compare(a->patch, b->patch);
    if (order != 0 || a->pre.len == 0 || b->pre.len == 0)
        return order != 0 ? order : compare(a->pre.len == 0, b->pre.len == 0);
    for (;;) {
        struct slice x, y;
        const bool more_a = slice_next(&x, &a_rest, '.');
        const bool more_b = slice_next(&y, &b_rest, '.');

        if (!more_a || !more_b)
            return compare(more_a, more_b);
        order = compare_identifier(x, y);
        if (order != 0)
            return order;
    }
}

/* ---- Closeness ---- */

enum {
    EDITS_MAX = 2,
    SHORT_NAME = 5
};

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Edits from a to b, swaps of neighbours too (optimal string alignment). */
static unsigned edits(struct slice a, struct slice b)
{
    unsigned rows[3][SKILL_SLUG_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= b.len; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *free_row = before;

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            const bool same = a.bytes[i - 1] == b.bytes[j - 1];

            now[j] = least(last[j - 1] + !same, least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a.bytes[i - 1] == b.bytes[j - 2] &&
                a.bytes[i - 2] == b.bytes[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        before = last;
        last = now;
        now = free_row;
    }
    return last[b.len];
}

/* The name as a hasty reader sees it. out has SKILL_SLUG_MAX bytes of room. */
static struct slice blurred(char *out, struct slice name)
{
    static const char from[] = "01l5";
    static const char to[] = "oiis";
    size_t len = 0;

    for (size_t i = 0; i < name.len; i++) {
        const char c = name.bytes[i];
        const char next = i + 1 < name.len ? name.bytes[i + 1] : '\0';
        const char *known = memchr(from, c, sizeof(from) - 1);

        if (c == '-')
            continue;
        if ((c == 'r' && next == 'n') || (c == 'v' && next == 'v')) {
            out[len++] = c == 'r' ? 'm' : 'w';
            i++;
        } else {
            out[len++] = known != NULL ? to[known - from] : c;
        }
    }
    return slice_from(out, len);
}

bool skill_names_alike(struct slice a, struct slice b)
{
    char a_room[SKILL_SLUG_MAX], b_room[SKILL_SLUG_MAX];

    if (a.len > SKILL_SLUG_MAX || b.len > SKILL_SLUG_MAX)
        return false;
    return slice_equal(blurred(a_room, a), blurred(b_room, b));
}

/* Letters that only one of them has, as often as it has them. No edit changes this by
 * more than two, so that most names need not be looked at closely. */
static unsigned letters_apart(struct slice a, struct slice b)
{
    int counts[128] = {0};
    unsigned apart = 0;

    for (size_t i = 0; i < a.len; i++)
        counts[(uint8_t)a.bytes[i] % 128]++;
    for (size_t i = 0; i < b.len; i++)
        counts[(uint8_t)b.bytes[i] % 128]--;
    for (size_t i = '-'; i <= 'z'; i++)
        apart += (unsigned)(counts[i] < 0 ? -counts[i] : counts[i]);
    return apart;
}

bool skill_names_close(struct slice a, struct slice b)
{
    const unsigned most = (a.len < b.len ? a.len : b.len) < SHORT_NAME ? 1 : EDITS_MAX;

    if (slice_equal(a, b) || a.len > SKILL_SLUG_MAX || b.len > SKILL_SLUG_MAX)
        return false;
    return skill_names_alike(a, b) ||
           (letters_apart(a, b) <= 2 * most && edits(a, b) <= most);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The optimal string alignment distance (Damerau-Levenshtein without edits inside of a
 * swapped pair), row by row. */
#include "base/nearest.h"

#include <string.h>

enum {
    WORD_MAX = 64, /* longer ones have no neighbours */
    EDITS_MIN = 2  /* always allowed, if the word is longer than that */
};

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The price of making a's first i letters into b's first k, for all k, in row[0]; the
 * rows for i - 1 and i - 2 are row[1] and row[2]. */
static void fill_row(size_t *const row[3], struct slice a, size_t i, struct slice b)
{
    row[0][0] = i;
    for (size_t k = 1; k <= b.len; k++) {
        size_t change = a.bytes[i - 1] == b.bytes[k - 1] ? 0 : 1;

        row[0][k] = min(row[1][k - 1] + change, min(row[1][k], row[0][k - 1]) + 1);
        if (i > 1 && k > 1 && a.bytes[i - 1] == b.bytes[k - 2] &&
            a.bytes[i - 2] == b.bytes[k - 1])
            row[0][k] = min(row[0][k], row[2][k - 2] + 1);
    }
}

static size_t distance(struct slice a, struct slice b)
{
    size_t room[3][WORD_MAX + 1];
    size_t *row[3] = {room[0], room[1], room[2]};

    for (size_t k = 0; k <= b.len; k++)
        row[0][k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *oldest = row[2];

        row[2] = row[1];
        row[1] = row[0];
        row[0] = oldest;
        fill_row(row, a, i, b);
    }
    return row[0][b.len];
}

void nearest_start(struct nearest *n, struct slice word)
{
    size_t allowed = word.len / 3 > EDITS_MIN ? word.len / 3 : EDITS_MIN;

    n->word = word;
    n->name = NULL;
    /* A word that is changed from end to end is another word. */
    n->distance = min(allowed + 1, word.len);
}

void nearest_offer(struct nearest *n, const char *name)
{
    struct slice other = slice_str(name);
    size_t found;

    if (n->word.len > WORD_MAX || other.len > WORD_MAX)
        return;
    found = distance(n->word, other);
    if (found < n->distance) {
        n->distance = found;
        n->name = name;
    }
}

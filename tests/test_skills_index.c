/* SPDX-License-Identifier: Apache-2.0 */
/* The index against a model without one, which counts words in texts and computes with
 * doubles; and what words are. */
#include "skills/index.h"

#include "tests/prng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    DOCUMENTS = 120,
    TEXT_MAX = 256,
    FIELDS = 2,
    ROUNDS = 3000
};

static const unsigned weights[FIELDS] = {6, 1};

/* ---- Words ---- */

static void assert_words(const char *text, const char *expected)
{
    struct slice rest = slice_str(text);
    char word[SKILLS__WORD_MAX];
    char all[512] = "";
    size_t len;

    while (skills__next_word(word, &len, &rest)) {
        (void)strncat(all, word, len);
        (void)strcat(all, "|");
    }
    assert_string_equal(all, expected);
}

static void a_word_is_letters_and_digits_in_lower_case(void **state)
{
    (void)state;
    assert_words("", "");
    assert_words(" -- .,;", "");
    assert_words("GitHub-PR_review v2.0!", "github|pr|review|v2|0|");
    assert_words("Zürich 天気 caf\xc3\xa9", "zürich|天気|café|");
    assert_words("0123456789012345678901234567890123456789ABC x",
                 "0123456789012345678901234567890123456789|x|");
}

/* ---- The model ---- */

struct document {
    bool there;
    char texts[FIELDS][TEXT_MAX];
};

static struct document documents[DOCUMENTS];

static double log2_of(double x)
{
    double whole = 0, term, sum = 0;

    while (x >= 2) {
        x /= 2;
        whole += 1;
    }
    term = (x - 1) / (x + 1);
    for (int n = 1; n < 60; n += 2) {
        sum += term / n;
        term *= (x - 1) / (x + 1) * ((x - 1) / (x + 1));
    }
    return whole + 2 * sum / 0.69314718055994530942;
}

static double length_of(const struct document *d)
{
    double length = 0;

    for (unsigned f = 0; f < FIELDS; f++) {
        struct slice rest = slice_str(d->texts[f]);
        char word[SKILLS__WORD_MAX];
        size_t len;

        while (skills__next_word(word, &len, &rest))
            length += 1;
    }
    return length;
}

/* The weight of one word in a document. */
static double weight_of(const struct document *d, struct slice wanted)
{
    double weight = 0;

    for (unsigned f = 0; f < FIELDS; f++) {
        struct slice rest = slice_str(d->texts[f]);
        char word[SKILLS__WORD_MAX];
        size_t len;

        while (skills__next_word(word, &len, &rest))
            if (slice_equal(slice_from(word, len), wanted))
                weight += weights[f];
    }
    return weight;
}

static double tf_of(const struct document *d, struct slice wanted, bool is_last)
{
    double most = weight_of(d, wanted);

    for (unsigned f = 0; is_last && wanted.len >= 2 && f < FIELDS; f++) {
        struct slice rest = slice_str(d->texts[f]);
        char word[SKILLS__WORD_MAX];
        size_t len;

        while (skills__next_word(word, &len, &rest)) {
            const struct slice other = slice_from(word, len);

            if (slice_starts(other, wanted) && !slice_equal(other, wanted) &&
                weight_of(d, other) / 2 > most)
                most = weight_of(d, other) / 2;
        }
    }
    return most;
}

struct model {
    double count, average;
    double scores[DOCUMENTS], covered[DOCUMENTS], total;
};

static void model_word(struct model *m, struct slice word, bool is_last)
{
    double with = 0;
    double idf;

    for (unsigned i = 0; i < DOCUMENTS; i++)
        with += documents[i].there && tf_of(&documents[i], word, is_last) > 0;
    idf = log2_of((m->count + 1) / (with + 0.5));
    m->total += idf;
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        const double tf = documents[i].there ? tf_of(&documents[i], word, is_last) : 0;

        if (tf <= 0)
            continue;
        m->covered[i] += idf;
        m->scores[i] +=
            idf * tf * 2.2 /
            (tf + 1.2 * (0.5 + 0.5 * length_of(&documents[i]) / m->average));
    }
}

/* Words of a query are given apart; none twice. */
static void model_find(struct model *m, char words[][8], unsigned count)
{
    memset(m, 0, sizeof(*m));
    for (unsigned i = 0; i < DOCUMENTS; i++)
        if (documents[i].there) {
            m->count += 1;
            m->average += length_of(&documents[i]);
        }
    if (m->count < 1)
        return;
    m->average /= m->count;
    for (unsigned w = 0; w < count; w++)
        model_word(m, slice_str(words[w]), w + 1 == count);
}

/* ---- Random documents and queries ---- */

/* Few letters, so that words meet and begin one another. */
static void random_word(char out[8], struct prng *p)
{
    const unsigned len = 1 + (unsigned)prng_below(p, 4);

    for (unsigned i = 0; i < len; i++)
        out[i] = (char)('a' + prng_below(p, 3));
    out[len] = '\0';
}

static void random_text(char out[TEXT_MAX], struct prng *p, unsigned words)
{
    out[0] = '\0';
    for (unsigned i = 0; i < words; i++) {
        char word[8];

        random_word(word, p);
        (void)strcat(out, word);
        (void)strcat(out, prng_below(p, 2) == 0 ? " " : "-");
    }
}

static void change(struct skills__index *x, struct prng *p)
{
    const unsigned i = (unsigned)prng_below(p, DOCUMENTS);
    struct document *d = &documents[i];
    struct skills__text texts[FIELDS];

    d->there = prng_below(p, 3) != 0;
    if (!d->there) {
        skills__index_remove(x, i);
        return;
    }
    random_text(d->texts[0], p, 1 + (unsigned)prng_below(p, 3));
    random_text(d->texts[1], p, (unsigned)prng_below(p, 20));
    for (unsigned f = 0; f < FIELDS; f++)
        texts[f] = (struct skills__text){slice_str(d->texts[f]), weights[f]};
    assert_int_equal(skills__index_put(x, i, texts, FIELDS), RC_OK);
}

static double distance(double a, double b)
{
    return a > b ? a - b : b - a;
}

static void compare(const struct skills__index *x, const char *query,
                    const struct model *m)
{
    double scores[DOCUMENTS] = {0};
    struct skills__match *matches;
    size_t count;

    assert_int_equal(skills__index_find(&matches, &count, x, slice_str(query)), RC_OK);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || matches[i - 1].document < matches[i].document);
        scores[matches[i].document] = matches[i].score / 1024.0 / 16.0;
    }
    free(matches);
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        const double part = m->total > 0 ? m->covered[i] / m->total : 0;

        if (distance(part, 0.25) < 0.01)
            continue; /* so near the floor that rounding decides */
        if (part < 0.25)
            assert_true(scores[i] <= 0);
        else
            assert_true(distance(scores[i], m->scores[i]) < 0.02 + 0.01 * m->scores[i]);
    }
}

static void ask(const struct skills__index *x, struct prng *p)
{
    struct model m;
    char words[3][8];
    char query[64] = "";
    unsigned count = 0;

    while (count < 1 + prng_below(p, 3)) {
        bool again = false;

        random_word(words[count], p);
        for (unsigned i = 0; i < count; i++)
            again = again || strcmp(words[i], words[count]) == 0;
        if (again)
            continue;
        (void)strcat(query, words[count++]);
        (void)strcat(query, " ");
    }
    model_find(&m, words, count);
    compare(x, query, &m);
}

static void it_scores_as_the_formula_says_whatever_came_and_went(void **state)
{
    struct prng p = {8};
    struct skills__index *x;

    (void)state;
    memset(documents, 0, sizeof(documents));
    assert_int_equal(skills__index_open(&x), RC_OK);
    for (unsigned i = 0; i < ROUNDS; i++) {
        change(x, &p);
        if (i % 10 == 0)
            ask(x, &p);
    }
    for (unsigned i = 0; i < DOCUMENTS; i++) {
        skills__index_remove(x, i);
        documents[i].there = false;
    }
    ask(x, &p); /* nothing is left */
    skills__index_close(x);
}

/* ---- Single claims ---- */

static struct skills__index *index_of(const char *const *texts, unsigned count)
{
    struct skills__index *x;

    assert_int_equal(skills__index_open(&x), RC_OK);
    for (unsigned i = 0; i < count; i++) {
        const struct skills__text text = {slice_str(texts[i]), 1};

        assert_int_equal(skills__index_put(x, i, &text, 1), RC_OK);
    }
    return x;
}

static size_t found_by(const struct skills__index *x, const char *query)
{
    struct skills__match *matches;
    size_t count;

    assert_int_equal(skills__index_find(&matches, &count, x, slice_str(query)), RC_OK);
    free(matches);
    return count;
}

static void nonsense_finds_nothing_and_nothing_finds_nothing(void **state)
{
    static const char *const texts[] = {"the weather of the day", "the news",
                                        "the stock prices", "the calendar"};
    struct skills__index *x = index_of(texts, 4);

    (void)state;
    assert_int_equal(found_by(x, "weather"), 1);
    assert_int_equal(found_by(x, "weath"), 1);
    assert_int_equal(found_by(x, "WEATHER!"), 1);
    assert_int_equal(found_by(x, "eather"), 0);
    assert_int_equal(found_by(x, "xyzzy"), 0);
    assert_int_equal(found_by(x, "the xyzzy plugh"), 0);
    assert_int_equal(found_by(x, "weather xyzzy"), 1);
    assert_int_equal(found_by(x, ""), 0);
    assert_int_equal(found_by(x, " ... "), 0);
    skills__index_close(x);
}

static void a_word_counts_once_however_often_it_is_asked_for(void **state)
{
    static const char *const texts[] = {"alpha beta", "alpha"};
    struct skills__index *x = index_of(texts, 2);
    struct skills__match *once, *often;
    size_t n, k;

    (void)state;
    assert_int_equal(skills__index_find(&once, &n, x, SLICE("beta alpha")), RC_OK);
    assert_int_equal(skills__index_find(&often, &k, x, SLICE("alpha beta beta alpha")),
                     RC_OK);
    assert_int_equal(n, k);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(once[i].score, often[i].score);
    free(once);
    free(often);
    skills__index_close(x);
}

static void many_words_are_found_in_a_dictionary_of_many_blocks(void **state)
{
    struct skills__index *x;
    char word[16];

    (void)state;
    assert_int_equal(skills__index_open(&x), RC_OK);
    /* Not in their order: 7 and 5000 have no common part. */
    for (unsigned i = 0; i < 5000; i++) {
        struct skills__text text = {slice_str(word), 1};

        (void)snprintf(word, sizeof(word), "w%04u", i * 7 % 5000);
        text.text = slice_str(word);
        assert_int_equal(skills__index_put(x, i, &text, 1), RC_OK);
    }
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(word, sizeof(word), "w%04u", i);
        assert_int_equal(found_by(x, word), 1);
    }
    assert_int_equal(found_by(x, "w12"), 100);
    for (unsigned i = 0; i < 5000; i += 2)
        skills__index_remove(x, i);
    assert_int_equal(found_by(x, "w1"), 500);
    skills__index_close(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_letters_and_digits_in_lower_case),
        cmocka_unit_test(it_scores_as_the_formula_says_whatever_came_and_went),
        cmocka_unit_test(nonsense_finds_nothing_and_nothing_finds_nothing),
        cmocka_unit_test(a_word_counts_once_however_often_it_is_asked_for),
        cmocka_unit_test(many_words_are_found_in_a_dictionary_of_many_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The inverted index. Its dictionary is sorted, for beginnings of words, in blocks, so
 * that a new word moves little; a word's documents are an array in their order. Each
 * document knows its words, so that it can be taken out. */
#include "skills/index.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_TERMS = 128,
    WEIGHT_MAX = 30000, /* of one document's posting */
    PREFIX_MIN = 2,
    Q = 1024,   /* one, in fixed point */
    FINER = 16, /* scores are counted in parts of Q */
};

struct posting {
    uint32_t document;
    uint32_t weight;
};

struct term {
    uint32_t count, size;
    struct posting *postings; /* by document */
    uint8_t len;
    char text[];
};

struct block { /* never empty */
    size_t count;
    struct term *terms[BLOCK_TERMS];
};

struct document {
    struct term **terms; /* NULL: it is not in the index */
    uint32_t count;
    uint32_t length; /* words */
};

/* What a document has of each word. */
struct bag {
    uint32_t length; /* words */
    uint32_t count;  /* different ones */
    struct term *terms[SKILLS__DOCUMENT_WORDS_MAX];
    uint32_t weights[SKILLS__DOCUMENT_WORDS_MAX];
};

struct skills__index {
    struct block **blocks;
    size_t block_count, block_size;
    struct document *documents;
    size_t document_size;
    uint64_t document_count; /* in the index */
    uint64_t length_sum;
    struct bag bag; /* of the document that is being put in */
};

/* ---- Words ---- */

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (uint8_t)c >= 0x80;
}

bool skills__next_word(char word[SKILLS__WORD_MAX], size_t *len, struct slice *rest)
{
    size_t from = 0;
    size_t to;

    while (from < rest->len && !is_word_byte(rest->bytes[from]))
        from++;
    for (to = from; to < rest->len && is_word_byte(rest->bytes[to]); to++) {
        const char c = rest->bytes[to];

        if (to - from < SKILLS__WORD_MAX)
            word[to - from] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    *rest = slice_sub(*rest, to, rest->len);
    *len = to - from < SKILLS__WORD_MAX ? to - from : SKILLS__WORD_MAX;
    return *len > 0;
}

/* ---- The dictionary ---- */

struct spot {
    size_t block, at;
};

static struct slice text_of(const struct term *t)
{
    return slice_from(t->text, t->len);
}

/* The first term that is not below the word. If that begins a block it is told as the
 * end of the one before, where a new term then goes; the end of all is the last
 * block's. */
static struct spot place_of(const struct skills__index *x, struct slice word)
{
    struct spot spot = {0, 0};
    size_t low = 0;
    size_t high = x->block_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (slice_compare(text_of(x->blocks[middle]->terms[0]), word) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return spot;
    spot.block = low - 1;
    low = 0;
    high = x->blocks[spot.block]->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (slice_compare(text_of(x->blocks[spot.block]->terms[middle]), word) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    spot.at = low;
    return spot;
}

/* The term there, or the first of the next block; NULL: the end. */
static struct term *term_at(const struct skills__index *x, struct spot *spot)
{
    if (spot->block < x->block_count && spot->at == x->blocks[spot->block]->count)
        *spot = (struct spot){spot->block + 1, 0};
    return spot->block < x->block_count ? x->blocks[spot->block]->terms[spot->at]
                                        : NULL;
}

static struct term *find_term(const struct skills__index *x, struct slice word,
                              struct spot *spot)
{
    struct spot next;
    struct term *t;

    *spot = next = place_of(x, word);
    t = term_at(x, &next);
    if (t == NULL || !slice_equal(text_of(t), word))
        return NULL;
    *spot = next;
    return t;
}

static enum rc add_block(struct skills__index *x, size_t at)
{
    struct block *block;

    if (x->block_count == x->block_size) {
        const size_t size = x->block_size == 0 ? 16 : 2 * x->block_size;
        struct block **blocks = realloc(x->blocks, size * sizeof(struct block *));

        if (blocks == NULL)
            return RC_NOMEM;
        x->blocks = blocks;
        x->block_size = size;
    }
    block = malloc(sizeof(*block));
    if (block == NULL)
        return RC_NOMEM;
    block->count = 0;
    memmove(x->blocks + at + 1, x->blocks + at,
            (x->block_count - at) * sizeof(struct block *));
    x->blocks[at] = block;
    x->block_count++;
    return RC_OK;
}

/* A full block gives its upper half to a new one. */
static enum rc split(struct skills__index *x, struct spot *spot)
{
    struct block *full = x->blocks[spot->block];
    struct block *upper;

    TRY(add_block(x, spot->block + 1));
    upper = x->blocks[spot->block + 1];
    upper->count = BLOCK_TERMS / 2;
    full->count = BLOCK_TERMS - upper->count;
    memcpy(upper->terms, full->terms + full->count,
           upper->count * sizeof(struct term *));
    if (spot->at > full->count)
        *spot = (struct spot){spot->block + 1, spot->at - full->count};
    return RC_OK;
}

static enum rc add_term(struct term **out, struct skills__index *x, struct slice word,
                        struct spot spot)
{
    struct term *t = malloc(sizeof(*t) + word.len);
    struct block *block;
    enum rc rc = t == NULL ? RC_NOMEM : RC_OK;

    if (rc == RC_OK && x->block_count == 0)
        rc = add_block(x, 0);
    else if (rc == RC_OK && x->blocks[spot.block]->count == BLOCK_TERMS)
        rc = split(x, &spot);
    if (rc != RC_OK) {
        free(t);
        return rc;
    }
    t->count = t->size = 0;
    t->postings = NULL;
    t->len = (uint8_t)word.len;
    memcpy(t->text, word.bytes, word.len);
    block = x->blocks[spot.block];
    memmove(block->terms + spot.at + 1, block->terms + spot.at,
            (block->count - spot.at) * sizeof(struct term *));
    block->terms[spot.at] = t;
    block->count++;
    *out = t;
    return RC_OK;
}

static void term_free(struct term *t)
{
    free(t->postings);
    free(t);
}

static void drop_term(struct skills__index *x, struct term *t)
{
    struct spot spot;
    struct block *block;

    if (find_term(x, text_of(t), &spot) != t)
        return;
    block = x->blocks[spot.block];
    block->count--;
    memmove(block->terms + spot.at, block->terms + spot.at + 1,
            (block->count - spot.at) * sizeof(struct term *));
    if (block->count == 0) {
        free(block);
        x->block_count--;
        memmove(x->blocks + spot.block, x->blocks + spot.block + 1,
                (x->block_count - spot.block) * sizeof(struct block *));
    }
    term_free(t);
}

/* ---- Postings ---- */

static size_t posting_place(const struct term *t, uint32_t document)
{
    size_t low = 0;
    size_t high = t->count;

    if (t->count == 0 || t->postings[t->count - 1].document < document)
        return t->count; /* as always while a catalogue is read */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (t->postings[middle].document < document)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum rc add_posting(struct term *t, struct posting p)
{
    const size_t at = posting_place(t, p.document);

    if (t->count == t->size) {
        const uint32_t size = t->size + t->size / 2 + 1;
        struct posting *postings = realloc(t->postings, size * sizeof(*postings));

        if (postings == NULL)
            return RC_NOMEM;
        t->postings = postings;
        t->size = size;
    }
    memmove(t->postings + at + 1, t->postings + at,
            (t->count - at) * sizeof(*t->postings));
    t->postings[at] = p;
    t->count++;
    return RC_OK;
}

static void remove_posting(struct term *t, uint32_t document)
{
    const size_t at = posting_place(t, document);

    if (at == t->count || t->postings[at].document != document)
        return;
    t->count--;
    memmove(t->postings + at, t->postings + at + 1,
            (t->count - at) * sizeof(*t->postings));
}

/* ---- Documents ---- */

enum rc skills__index_open(struct skills__index **out)
{
    *out = calloc(1, sizeof(**out));
    return *out == NULL ? RC_NOMEM : RC_OK;
}

void skills__index_close(struct skills__index *x)
{
    if (x == NULL)
        return;
    for (size_t b = 0; b < x->block_count; b++) {
        for (size_t i = 0; i < x->blocks[b]->count; i++)
            term_free(x->blocks[b]->terms[i]);
        free(x->blocks[b]);
    }
    for (size_t i = 0; i < x->document_size; i++)
        free(x->documents[i].terms);
    free(x->blocks);
    free(x->documents);
    free(x);
}

static enum rc make_room(struct skills__index *x, uint32_t document)
{
    size_t size = x->document_size == 0 ? 64 : x->document_size;
    struct document *documents;

    if (document < x->document_size)
        return RC_OK;
    while (size <= document)
        size *= 2;
    documents = realloc(x->documents, size * sizeof(*documents));
    if (documents == NULL)
        return RC_NOMEM;
    memset(documents + x->document_size, 0,
           (size - x->document_size) * sizeof(*documents));
    x->documents = documents;
    x->document_size = size;
    return RC_OK;
}

static enum rc bag_word(struct bag *bag, struct skills__index *x, struct slice word,
                        unsigned weight)
{
    struct spot spot;
    struct term *t = find_term(x, word, &spot);
    uint32_t i = 0;

    if (t == NULL)
        TRY(add_term(&t, x, word, spot));
    while (i < bag->count && bag->terms[i] != t)
        i++;
    if (i == bag->count) {
        bag->terms[bag->count++] = t;
        bag->weights[i] = 0;
    }
    bag->weights[i] += weight;
    if (bag->weights[i] > WEIGHT_MAX)
        bag->weights[i] = WEIGHT_MAX;
    bag->length++;
    return RC_OK;
}

static enum rc fill_bag(struct bag *bag, struct skills__index *x,
                        const struct skills__text *texts, size_t count)
{
    bag->length = bag->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice rest = texts[i].text;
        char word[SKILLS__WORD_MAX];
        size_t len;

        while (bag->length < SKILLS__DOCUMENT_WORDS_MAX &&
               skills__next_word(word, &len, &rest))
            TRY(bag_word(bag, x, slice_from(word, len), texts[i].weight));
    }
    return RC_OK;
}

static enum rc enter(struct skills__index *x, uint32_t document, const struct bag *bag)
{
    struct document *d;

    TRY(make_room(x, document));
    d = &x->documents[document];
    d->terms = malloc((bag->count + 1) * sizeof(struct term *));
    if (d->terms == NULL)
        return RC_NOMEM;
    if (bag->count > 0)
        memcpy(d->terms, bag->terms, bag->count * sizeof(struct term *));
    d->count = bag->count;
    d->length = bag->length;
    x->document_count++;
    x->length_sum += bag->length;
    for (uint32_t i = 0; i < bag->count; i++)
        TRY(add_posting(bag->terms[i], (struct posting){document, bag->weights[i]}));
    return RC_OK;
}

enum rc skills__index_put(struct skills__index *x, uint32_t document,
                          const struct skills__text *texts, size_t count)
{
    struct bag *bag = &x->bag;
    enum rc rc;

    skills__index_remove(x, document);
    rc = fill_bag(bag, x, texts, count);
    if (rc == RC_OK)
        rc = enter(x, document, bag);
    if (rc != RC_OK) {
        skills__index_remove(x, document);
        for (uint32_t i = 0; i < bag->count; i++)
            if (bag->terms[i]->count == 0)
                drop_term(x, bag->terms[i]);
    }
    return rc;
}

void skills__index_remove(struct skills__index *x, uint32_t document)
{
    struct document *d;

    if (document >= x->document_size || x->documents[document].terms == NULL)
        return;
    d = &x->documents[document];
    for (uint32_t i = 0; i < d->count; i++) {
        remove_posting(d->terms[i], document);
        if (d->terms[i]->count == 0)
            drop_term(x, d->terms[i]);
    }
    x->document_count--;
    x->length_sum -= d->length;
    free(d->terms);
    *d = (struct document){0};
}

/* ---- Scores ---- */

/* log2 in fixed point; of what is at least one. */
static uint64_t log2_q(uint64_t num, uint64_t den)
{
    uint64_t whole = 0;
    uint64_t part = 0;
    uint64_t r = (num << 30) / den;

    while (r >= UINT64_C(2) << 30) {
        r >>= 1;
        whole++;
    }
    for (uint64_t bit = Q / 2; bit > 0; bit /= 2) {
        r = (r * r) >> 30;
        if (r >= UINT64_C(2) << 30) {
            r >>= 1;
            part += bit;
        }
    }
    return whole * Q + part;
}

struct scoring {
    const struct skills__index *x;
    uint32_t *scores;  /* of each document */
    uint32_t *covered; /* idf of the words that it has */
    uint32_t *best;    /* twice the tf of the last word */
    uint64_t total;    /* idf of all words */
};

static uint64_t idf_of(const struct scoring *s, uint64_t documents)
{
    const uint64_t idf = log2_q(2 * s->x->document_count + 2, 2 * documents + 1);

    return idf > 0 ? idf : 1; /* a word that all have is a word */
}

/* `twice`: the weight, doubled, so that half a weight is a whole number. */
static void score(struct scoring *s, uint32_t document, uint64_t idf, uint64_t twice)
{
    const uint64_t length = s->x->documents[document].length;
    const uint64_t norm =
        Q / 2 + Q / 2 * length * s->x->document_count / s->x->length_sum;

    s->scores[document] +=
        (uint32_t)(idf * twice * (Q * 22 / 10) * FINER / (twice * Q + norm * 12 / 5));
    s->covered[document] += (uint32_t)idf;
}

static void score_word(struct scoring *s, struct slice word)
{
    struct spot spot;
    const struct term *t = find_term(s->x, word, &spot);
    const uint64_t idf = idf_of(s, t == NULL ? 0 : t->count);

    s->total += idf;
    for (uint32_t i = 0; t != NULL && i < t->count; i++)
        score(s, t->postings[i].document, idf, 2 * t->postings[i].weight);
}

/* Also as a beginning of words. */
static void score_last(struct scoring *s, struct slice word)
{
    struct spot spot = place_of(s->x, word);
    const struct term *t = term_at(s->x, &spot);
    uint64_t documents = 0;
    uint64_t idf;

    while (t != NULL && slice_starts(text_of(t), word)) {
        const uint32_t times = t->len == word.len ? 2 : 1;

        for (uint32_t i = 0; i < t->count; i++) {
            const struct posting *p = &t->postings[i];

            documents += s->best[p->document] == 0;
            if (s->best[p->document] < times * p->weight)
                s->best[p->document] = times * p->weight;
        }
        spot.at++;
        t = term_at(s->x, &spot);
    }
    idf = idf_of(s, documents);
    s->total += idf;
    for (size_t i = 0; documents > 0 && i < s->x->document_size; i++)
        if (s->best[i] > 0)
            score(s, (uint32_t)i, idf, s->best[i]);
}

struct words {
    size_t count;
    size_t lens[SKILLS__QUERY_WORDS_MAX];
    char bytes[SKILLS__QUERY_WORDS_MAX][SKILLS__WORD_MAX];
};

static struct slice word_at(const struct words *w, size_t i)
{
    return slice_from(w->bytes[i], w->lens[i]);
}

/* Each once, where it stands last. */
static void read_words(struct words *w, struct slice query)
{
    char word[SKILLS__WORD_MAX];
    size_t read = 0;
    size_t len;

    w->count = 0;
    while (read++ < SKILLS__QUERY_WORDS_MAX && skills__next_word(word, &len, &query)) {
        for (size_t i = 0; i < w->count; i++)
            if (slice_equal(word_at(w, i), slice_from(word, len))) {
                w->count--;
                memmove(w->bytes[i], w->bytes[i + 1],
                        (w->count - i) * sizeof(w->bytes[0]));
                memmove(w->lens + i, w->lens + i + 1,
                        (w->count - i) * sizeof(w->lens[0]));
                break;
            }
        memcpy(w->bytes[w->count], word, len);
        w->lens[w->count++] = len;
    }
}

static enum rc collect(struct skills__match **matches, size_t *count,
                       const struct scoring *s)
{
    struct skills__match *found;
    size_t n = 0;

    for (size_t i = 0; i < s->x->document_size; i++)
        n += s->scores[i] > 0 && 4 * (uint64_t)s->covered[i] >= s->total;
    found = malloc((n + 1) * sizeof(*found));
    if (found == NULL)
        return RC_NOMEM;
    n = 0;
    for (size_t i = 0; i < s->x->document_size; i++)
        if (s->scores[i] > 0 && 4 * (uint64_t)s->covered[i] >= s->total)
            found[n++] = (struct skills__match){(uint32_t)i, s->scores[i]};
    *matches = found;
    *count = n;
    return RC_OK;
}

enum rc skills__index_find(struct skills__match **matches, size_t *count,
                           const struct skills__index *x, struct slice query)
{
    struct scoring s = {.x = x};
    struct words w;
    uint32_t *room;
    enum rc rc;

    *matches = NULL;
    *count = 0;
    read_words(&w, query);
    if (w.count == 0 || x->document_count == 0)
        return RC_OK;
    room = calloc(x->document_size, 3 * sizeof(*room));
    if (room == NULL)
        return RC_NOMEM;
    s.scores = room;
    s.covered = room + x->document_size;
    s.best = s.covered + x->document_size;
    for (size_t i = 0; i + 1 < w.count; i++)
        score_word(&s, word_at(&w, i));
    if (w.lens[w.count - 1] < PREFIX_MIN)
        score_word(&s, word_at(&w, w.count - 1));
    else
        score_last(&s, word_at(&w, w.count - 1));
    rc = collect(matches, count, &s);
    free(room);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An inverted index over short texts: words, and for each the documents that have it.
 * Documents are small numbers. Whoever changes it has it alone; any number may read.
 * Private to skills/.
 *
 * A word is a run of ASCII letters, digits and bytes from 0x80 on, in lower case (of
 * ASCII), cut at SKILLS__WORD_MAX bytes. How well a document fits a query is BM25
 * (k1 = 1.2, b = 0.5) in integers, so that it is the same everywhere:
 *
 *   score = sum over the words of the query of idf * tf * 2.2 /
 *           (tf + 1.2 * (0.5 + 0.5 * length / average length))
 *   idf = log2((documents + 1) / (documents with it + 0.5))
 *
 * where tf is the sum of the weights of the fields in which the word occurs, once for
 * each time. The last word of a query (if it has two bytes) also stands for all words
 * that begin with it: documents with those count as having it, and tf is the most of
 * its own and of half of each of theirs. A document is found if the words that it has
 * are at least a quarter of the idf of the query's words. */
#ifndef SKILLS_INDEX_H
#define SKILLS_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"

enum {
    SKILLS__WORD_MAX = 40,
    SKILLS__QUERY_WORDS_MAX = 16, /* of a query, each counted once; more are not read */
    SKILLS__DOCUMENT_WORDS_MAX = 1024
};

struct skills__index;

struct skills__text {
    struct slice text;
    unsigned weight;
};

struct skills__match {
    uint32_t document;
    uint32_t score;
};

MUST_CHECK enum rc skills__index_open(struct skills__index **out);
void skills__index_close(struct skills__index *x); /* NULL is fine */
/* Takes the place of what the document was before. RC_NOMEM: it is not in the index. */
MUST_CHECK enum rc skills__index_put(struct skills__index *x, uint32_t document,
                                     const struct skills__text *texts, size_t count);
void skills__index_remove(struct skills__index *x, uint32_t document);
/* In the order of documents; the caller frees *matches. */
MUST_CHECK enum rc skills__index_find(struct skills__match **matches, size_t *count,
                                      const struct skills__index *x,
                                      struct slice query);

/* Cuts the next word off the front of *rest, in lower case. false: there is none. */
bool skills__next_word(char word[SKILLS__WORD_MAX], size_t *len, struct slice *rest);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded answers through a wire: the events that come out as text, so that two ways
 * of cutting the same bytes can be compared, and what an answer holds can be asked. */
#ifndef TESTS_WIRE_FIXTURE_H
#define TESTS_WIRE_FIXTURE_H

#include "base/buf.h"
#include "gateway/wire.h"

/* A file below tests/recorded; fails the test if it is not there. Free with
 * wire_free(). */
struct slice wire_file(const char *name);
void wire_free(struct slice file);
/* Calls each(name) for every file in a folder of tests/recorded whose name ends so, in
 * order of names ("openai/x.response.sse"). Fails if there is none. */
void wire_each(const char *folder, const char *ending, void (*each)(const char *name));

/* What came out. Deltas of one part are joined. */
struct wire_seen {
    struct buf dump;     /* a line for each event, deltas joined at their part's end */
    struct buf text;     /* of TEXT parts, all choices, unescaped */
    struct buf thoughts; /* of REASONING parts */
    struct buf calls;    /* "name(arguments)\n" for each TOOL_CALL */
    struct usage usage;  /* the last */
    unsigned stops;
    enum stop_reason stop; /* the last */
    bool ended;
    bool failed; /* ANSWER_ERROR */
    enum rc rc;  /* of the reader */
};

/* Also checks the order that gateway/answer.h promises. */
void wire_whole(struct wire_seen *out, const struct wire *w, struct slice json);
/* A stream in one piece; `cut`: in two, cut there (SIZE_MAX: not). */
void wire_stream(struct wire_seen *out, const struct wire *w, struct slice bytes,
                 size_t cut);
/* In random pieces, from a seed. */
void wire_stream_pieces(struct wire_seen *out, const struct wire *w, struct slice bytes,
                        uint64_t seed);
void wire_seen_free(struct wire_seen *s);

/* The same events however the bytes are cut: at every border, and in random pieces. */
void wire_check_cuts(const struct wire *w, struct slice bytes);

/* A client's body through read(); fails the test if it is refused. */
void wire_read(struct conversation *out, const struct wire *w, struct slice body,
               struct arena *a);

#endif

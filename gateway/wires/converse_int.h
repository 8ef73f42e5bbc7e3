/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of converse*.c: a body of Converse while it is written. */
#ifndef GATEWAY_WIRES_CONVERSE_INT_H
#define GATEWAY_WIRES_CONVERSE_INT_H

#include "base/json.h"
#include "gateway/wires/converse.h"
#include "gateway/wires/converse_media.h"

struct converse_writer {
    struct json_out o;
    const struct conversation *c;
    const struct wire_target *t;
    struct losses *lost;
    struct wire_fault *fault;
    struct arena *a;
    enum converse_family family;
    unsigned version;            /* of a Claude */
    struct converse_names names; /* of documents */
    bool has_extra;              /* additionalModelRequestFields was begun */
    bool thinks;
    uint64_t bound; /* of output; 0: not named */
};

bool converse__has_quirk(const struct converse_writer *w, unsigned quirk);
/* {"name": .., to be ended by who calls. */
void converse__begin(struct converse_writer *w, const char *name);
/* Whether a part of reasoning is one that our models have signed. */
bool converse__goes_back(const struct part *p);
/* A tool must be called. */
bool converse__is_forced(const struct conversation *c);

/* ---- Members beside the turns and tools ---- */
/* First: sets thinks and bound, which others depend on. */
void converse__decide(struct converse_writer *w);
void converse__write_inference(struct converse_writer *w);
MUST_CHECK enum rc converse__write_form(struct converse_writer *w);
void converse__write_extra(struct converse_writer *w);
void converse__write_tier(struct converse_writer *w);
/* Names what has no place. */
void converse__lose_rest(struct converse_writer *w);

#endif

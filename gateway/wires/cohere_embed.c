/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's embeddings as Cohere's, and back. */
#include "gateway/wires/cohere.h"

#include "base/codec.h"
#include "base/json.h"
#include "gateway/wires/json_body.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    TEXTS_MAX = 96,        /* in one call */
    DIMENSIONS_MAX = 8192, /* of one vector */
    NUMBER_SIZE = 65,
    FLOAT_LEN = 4
};

/* ---- The request ---- */

static enum rc write_texts(struct json_out *o, struct slice input,
                           struct wire_fault *fault, struct arena *a)
{
    struct slice item;
    enum json_kind kind;
    size_t count = 0;
    size_t at = 0;

    json_out_key(o, "texts");
    json_out_array(o);
    if (json_raw_type(input) == JSON_STRING)
        json_out_raw(o, input);
    while ((kind = json_raw_element(&item, input, &at)) != JSON_ABSENT) {
        if (kind != JSON_STRING)
            return wire_refuse(fault, a, "input",
                               "This provider embeds texts, not arrays of tokens.");
        if (++count > TEXTS_MAX)
            return wire_refuse(fault, a, "input",
                               "This provider embeds %d texts at once at most.",
                               TEXTS_MAX);
        json_out_raw(o, item);
    }
    json_out_end_array(o);
    return RC_OK;
}

/* What a text is for has no place in OpenAI's form: a client that knows of it says it
 * in Cohere's words, and else it is to be found. */
enum rc cohere_embed_write(struct buf *out, struct slice body, struct slice model,
                           struct wire_fault *fault, struct arena *a)
{
    static const char *const names[] = {"input", "dimensions", "input_type"};
    struct slice v[COUNT(names)];
    struct json_out o;

    json_body_pick(v, names, COUNT(names), body);
    json_out_init(&o, out);
    json_out_object(&o);
    json_out_kslice(&o, "model", model);
    TRY(write_texts(&o, v[0], fault, a));
    json_out_key(&o, "input_type");
    json_out_raw(&o, json_raw_type(v[2]) == JSON_STRING ? v[2]
                                                        : SLICE("\"search_document\""));
    json_out_key(&o, "embedding_types");
    json_out_raw(&o, SLICE("[\"float\"]"));
    if (json_raw_type(v[1]) == JSON_NUMBER) {
        json_out_key(&o, "output_dimension");
        json_out_raw(&o, v[1]);
    }
    json_out_end_object(&o);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

/* ---- The answer ---- */

/* Little-endian, whatever this machine is. */
static enum rc read_float(char out[FLOAT_LEN], struct slice raw)
{
    char text[NUMBER_SIZE];
    uint32_t bits;
    float value; /* a vector's: nobody counts with it */

    if (json_raw_type(raw) != JSON_NUMBER ||
        slice_to_cstr(text, sizeof(text), raw) != RC_OK)
        return RC_UPSTREAM;
    value = strtof(text, NULL);
    memcpy(&bits, &value, sizeof(bits));
    for (unsigned i = 0; i < FLOAT_LEN; i++)
        out[i] = (char)(bits >> (8 * i) & 255);
    return RC_OK;
}

static enum rc write_base64(struct json_out *o, struct slice vector, char *room,
                            struct arena *scratch)
{
    struct slice item, text;
    size_t count = 0;
    size_t at = 0;

    while (json_raw_element(&item, vector, &at) != JSON_ABSENT) {
        if (count == DIMENSIONS_MAX)
            return RC_UPSTREAM;
        TRY(read_float(room + FLOAT_LEN * count++, item));
    }
    text = base64_encode(scratch, slice_from(room, FLOAT_LEN * count));
    if (text.bytes == NULL)
        return RC_NOMEM;
    json_out_slice(o, text);
    return RC_OK;
}

static enum rc write_vectors(struct json_out *o, struct slice list, bool base64,
                             struct arena *scratch)
{
    char *room = arena_alloc_array(scratch, DIMENSIONS_MAX, FLOAT_LEN);
    struct slice vector;
    uint64_t index = 0;
    size_t at = 0;

    if (room == NULL)
        return RC_NOMEM;
    while (json_raw_element(&vector, list, &at) != JSON_ABSENT) {
        if (json_raw_type(vector) != JSON_ARRAY)
            return RC_UPSTREAM;
        json_out_object(o);
        json_out_kstr(o, "object", "embedding");
        json_out_ku64(o, "index", index++);
        json_out_key(o, "embedding");
        if (base64)
            TRY(write_base64(o, vector, room, scratch));
        else
            json_out_raw(o, vector);
        json_out_end_object(o);
    }
    return RC_OK;
}

static void write_usage(struct json_out *o, const struct usage *u)
{
    json_out_key(o, "usage");
    json_out_object(o);
    json_out_ku64(o, "prompt_tokens", u->in_uncached);
    json_out_ku64(o, "total_tokens", u->in_uncached);
    json_out_end_object(o);
}

enum rc cohere_embed_answer(struct buf *out, struct usage *usage, struct slice json,
                            struct slice model, bool base64, struct arena *scratch)
{
    static const char *const names[] = {"embeddings", "meta"};
    struct slice v[COUNT(names)];
    struct slice list, billed;
    struct usage u = {.known = false};
    struct json_out o;

    json_body_pick(v, names, COUNT(names), json);
    if (json_raw_member(&list, v[0], "float") != JSON_ARRAY)
        return RC_UPSTREAM;
    if (json_raw_member(&billed, v[1], "billed_units") == JSON_OBJECT)
        (void)!cohere_usage(&u, billed);
    json_out_init(&o, out);
    json_out_object(&o);
    json_out_kstr(&o, "object", "list");
    json_out_key(&o, "data");
    json_out_array(&o);
    TRY(write_vectors(&o, list, base64, scratch));
    json_out_end_array(&o);
    json_out_kslice(&o, "model", model);
    write_usage(&o, &u);
    json_out_end_object(&o);
    *usage = u;
    return RC_OK;
}

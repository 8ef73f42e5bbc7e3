/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's embeddings: unit vectors that depend on the text alone, so that equal
 * texts are equal and others point elsewhere. They mean nothing. */
#include "cli/mock_int.h"

#include "base/codec.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

enum {
    INPUTS_MAX = 2048,
    DIMENSIONS_DEFAULT = 1536,
    DIMENSIONS_MAX = 3072,
    SCRATCH_MAX = 65536 /* a vector, as floats, words and base64 */
};

enum {
    MODEL,
    INPUT,
    DIMENSIONS,
    FORMAT,
    FIELDS
};

struct embeddings {
    struct mock_call *call;
    struct json_field fields[FIELDS];
    struct slice model;
    uint64_t dimensions;
    bool is_base64;

    struct json_out out;
    uint64_t index;
    uint64_t tokens;
};

/* SplitMix64: the next number of a sequence. */
static uint64_t next_number(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* By Newton's method; x is well above 0. One root is not worth the mathematics library.
 */
static double square_root(double x)
{
    double root = x;

    for (unsigned i = 0; i < 64; i++)
        root = (root + x / root) / 2;
    return root;
}

static void make_vector(float *out, uint64_t dimensions, uint64_t seed)
{
    double sum = 0;
    double length;

    for (uint64_t i = 0; i < dimensions; i++) {
        /* 53 bits between -1 and 1, never 0. */
        const double value =
            ((double)(next_number(&seed) >> 11) + 0.5) / 4503599627370496.0 - 1;

        out[i] = (float)value;
        sum += value * value;
    }
    length = square_root(sum);
    for (uint64_t i = 0; i < dimensions; i++)
        out[i] = (float)((double)out[i] / length);
}

static void put_floats(struct json_out *o, const float *vector, uint64_t count)
{
    char text[32];

    json_out_array(o);
    for (uint64_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "%.9g", (double)vector[i]);
        json_out_raw(o, slice_str(text));
    }
    json_out_end_array(o);
}

/* Base64 of little-endian floats: what SDKs ask for, because it is shorter. */
static void put_base64(struct json_out *o, const float *vector, uint64_t count,
                       struct arena *a)
{
    uint32_t *words = arena_new_array(a, uint32_t, count);

    if (words == NULL)
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t word;

        memcpy(&word, &vector[i], sizeof(word));
        words[i] = htole32(word);
    }
    json_out_slice(
        o, base64_encode(a, slice_from((const char *)words, count * sizeof(words[0]))));
}

static bool put_embedding(struct embeddings *e, struct slice what, uint64_t tokens)
{
    struct arena *scratch;
    float *vector;

    if (e->index == INPUTS_MAX)
        return mock__fail(e->call, 400, "input", "invalid_value",
                          "Invalid 'input': at most %d are taken at once.", INPUTS_MAX);
    if (arena_open(&scratch, SCRATCH_MAX) != RC_OK)
        return mock__fail(e->call, 500, NULL, NULL, "Out of memory.");
    json_out_object(&e->out);
    json_out_kstr(&e->out, "object", "embedding");
    json_out_ku64(&e->out, "index", e->index++);
    json_out_key(&e->out, "embedding");
    vector = arena_new_array(scratch, float, e->dimensions);
    if (vector != NULL) {
        make_vector(vector, e->dimensions, mock__seed(what));
        if (e->is_base64)
            put_base64(&e->out, vector, e->dimensions, scratch);
        else
            put_floats(&e->out, vector, e->dimensions);
    }
    json_out_end_object(&e->out);
    arena_close(scratch);
    e->tokens += tokens;
    return true;
}

static bool put_text(struct embeddings *e, struct slice raw)
{
    struct slice text;

    if (json_raw_string(&text, raw, e->call->arena) != RC_OK || text.len == 0)
        return mock__fail(e->call, 400, "input", "invalid_value",
                          "Invalid 'input': a text must not be empty.");
    return put_embedding(e, text, mock__tokens(text.len));
}

static bool put_tokens(struct embeddings *e, struct slice raw)
{
    struct slice element;
    uint64_t count = 0;
    uint64_t token;

    for (size_t at = 0; json_raw_element(&element, raw, &at) != JSON_ABSENT; count++) {
        if (json_raw_u64(&token, element) != RC_OK)
            return mock__fail(e->call, 400, "input", "invalid_type",
                              "Invalid 'input': tokens are integers.");
    }
    if (count == 0)
        return mock__fail(e->call, 400, "input", "empty_array",
                          "Invalid 'input': an array must not be empty.");
    return put_embedding(e, raw, count);
}

/* A text, tokens, or an array of either. */
static bool put_inputs(struct embeddings *e, const struct json_field *f)
{
    struct slice element;
    enum json_kind kind;
    size_t at = 0;

    if (f->type == JSON_STRING)
        return put_text(e, f->raw);
    if (f->type != JSON_ARRAY)
        return mock__fail(e->call, 400, "input", "missing_required_parameter",
                          "'input' must be a string or an array.");
    kind = json_raw_element(&element, f->raw, &at);
    if (kind != JSON_STRING && kind != JSON_ARRAY)
        return put_tokens(e, f->raw);
    for (; kind != JSON_ABSENT; kind = json_raw_element(&element, f->raw, &at)) {
        if (kind == JSON_ARRAY ? !put_tokens(e, element) : !put_text(e, element))
            return false;
    }
    return true;
}

static bool read_options(struct embeddings *e)
{
    const struct json_field *f = &e->fields[FORMAT];
    struct slice format = SLICE("float");

    if (!mock__text(e->call, &e->model, &e->fields[MODEL]) ||
        !mock__integer(e->call, &e->dimensions, &e->fields[DIMENSIONS], 1,
                       DIMENSIONS_MAX))
        return false;
    if (f->type != JSON_ABSENT && !mock__text(e->call, &format, f))
        return false;
    e->is_base64 = slice_equal_str(format, "base64");
    if (!e->is_base64 && !slice_equal_str(format, "float"))
        return mock__fail(e->call, 400, "encoding_format", "invalid_value",
                          "'encoding_format' must be 'float' or 'base64'.");
    return true;
}

void mock__embeddings(struct mock_call *c)
{
    struct embeddings e = {.call = c,
                           .dimensions = DIMENSIONS_DEFAULT,
                           .fields = {[MODEL] = {.name = "model"},
                                      [INPUT] = {.name = "input"},
                                      [DIMENSIONS] = {.name = "dimensions"},
                                      [FORMAT] = {.name = "encoding_format"}}};

    if (!mock__scan(c, e.fields, FIELDS) || !read_options(&e))
        return;
    json_out_init(&e.out, &c->out);
    json_out_object(&e.out);
    json_out_kstr(&e.out, "object", "list");
    json_out_key(&e.out, "data");
    json_out_array(&e.out);
    if (!put_inputs(&e, &e.fields[INPUT]))
        return;
    json_out_end_array(&e.out);
    json_out_kslice(&e.out, "model", e.model);
    json_out_key(&e.out, "usage");
    json_out_object(&e.out);
    json_out_ku64(&e.out, "prompt_tokens", e.tokens);
    json_out_ku64(&e.out, "total_tokens", e.tokens);
    json_out_end_object(&e.out);
    json_out_end_object(&e.out);
}

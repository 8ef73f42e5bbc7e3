/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's list of embeddings, from vectors as JSON numbers. */
#include "gateway/providers/vectors.h"

#include "base/codec.h"

#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_SIZE = 65, /* the guard lets no longer one through */
    FLOAT_BYTES = 4
};

void vectors_begin(struct vectors *v, struct buf *out, bool base64)
{
    *v = (struct vectors){.base64 = base64};
    json_out_init(&v->o, out);
    json_out_object(&v->o);
    json_out_kstr(&v->o, "object", "list");
    json_out_key(&v->o, "data");
    json_out_array(&v->o);
}

/* A JSON number always reads as one: the program keeps the C locale. */
static uint32_t bits_of(struct slice number)
{
    char text[NUMBER_SIZE];
    uint32_t bits;
    float f;

    if (slice_to_cstr(text, sizeof(text), number) != RC_OK)
        return 0;
    f = strtof(text, NULL);
    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

static enum rc pack(struct slice *out, struct slice numbers, size_t count,
                    struct arena *scratch)
{
    char *bytes = arena_alloc_array(scratch, count, FLOAT_BYTES);
    struct slice number;
    size_t at = 0, len = 0;

    if (bytes == NULL)
        return RC_NOMEM;
    while (json_raw_element(&number, numbers, &at) != JSON_ABSENT) {
        const uint32_t bits = bits_of(number);

        for (unsigned i = 0; i < FLOAT_BYTES; i++)
            bytes[len++] = (char)(bits >> 8 * i & 0xff);
    }
    *out = base64_encode(scratch, slice_from(bytes, len));
    return out->bytes != NULL ? RC_OK : RC_NOMEM;
}

enum rc vectors_add(struct vectors *v, struct slice numbers, struct arena *scratch)
{
    struct slice number, packed = SLICE_NONE;
    size_t at = 0, count = 0;
    enum json_kind kind;

    if (json_raw_type(numbers) != JSON_ARRAY)
        return RC_UPSTREAM;
    while ((kind = json_raw_element(&number, numbers, &at)) != JSON_ABSENT) {
        if (kind != JSON_NUMBER)
            return RC_UPSTREAM;
        count++;
    }
    if (v->base64)
        TRY(pack(&packed, numbers, count, scratch));
    json_out_object(&v->o);
    json_out_kstr(&v->o, "object", "embedding");
    json_out_ku64(&v->o, "index", v->count++);
    json_out_key(&v->o, "embedding");
    if (v->base64)
        json_out_slice(&v->o, packed);
    else
        json_out_raw(&v->o, numbers);
    json_out_end_object(&v->o);
    return RC_OK;
}

void vectors_end(struct vectors *v, struct slice model, const struct usage *usage)
{
    json_out_end_array(&v->o);
    json_out_kslice(&v->o, "model", model);
    if (usage->known) {
        json_out_key(&v->o, "usage");
        json_out_object(&v->o);
        json_out_ku64(&v->o, "prompt_tokens", usage_prompt(usage));
        json_out_ku64(&v->o, "total_tokens", usage_prompt(usage));
        json_out_end_object(&v->o);
    }
    json_out_end_object(&v->o);
}

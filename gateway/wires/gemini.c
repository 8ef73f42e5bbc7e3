/* SPDX-License-Identifier: Apache-2.0 */
/* The Gemini wire: generateContent and streamGenerateContent. The model and whether the
 * answer is streamed stand in the URL, not in the body. */
#include "gateway/wires/gemini_int.h"

#include "base/json_text.h"

enum {
    CONFIG_MAX = 1 << 20
};

/* "maxOutputTokens" written "max_output_tokens". */
static bool is_snake(struct slice key, const char *camel)
{
    size_t i = 0;

    for (; *camel != '\0'; camel++) {
        char c = *camel;

        if (c >= 'A' && c <= 'Z') {
            if (i >= key.len || key.bytes[i++] != '_')
                return false;
            c = (char)(c - 'A' + 'a');
        }
        if (i >= key.len || key.bytes[i++] != c)
            return false;
    }
    return i == key.len;
}

size_t gemini__index(struct slice key, const char *const *names, size_t count)
{
    const struct slice inner = slice_sub(key, 1, key.len - 2);
    size_t i = 0;

    while (i < count && !json_text_equal(inner, names[i]) && !is_snake(inner, names[i]))
        i++;
    return i;
}

void gemini__pick(struct slice *values, const char *const *names, size_t count,
                  struct slice object)
{
    struct slice key, value;
    enum json_kind kind;
    size_t at = 0;

    for (size_t i = 0; i < count; i++)
        values[i] = SLICE_NONE;
    while ((kind = json_raw_next(&key, &value, object, &at)) != JSON_ABSENT) {
        const size_t i = gemini__index(key, names, count);

        if (i < count && kind != JSON_NULL)
            values[i] = value;
    }
}

enum json_kind gemini__element(struct slice *out, struct slice raw, size_t *at)
{
    if (json_raw_type(raw) != JSON_OBJECT)
        return json_raw_element(out, raw, at);
    if (*at != 0)
        return JSON_ABSENT;
    *at = 1;
    *out = raw;
    return JSON_OBJECT;
}

bool gemini__is_before_3(struct slice model)
{
    static const char *const old[] = {"gemini-1", "gemini-2", "gemini-pro"};

    if (slice_starts(model, SLICE("models/")))
        model = slice_sub(model, 7, model.len);
    if (!slice_starts(model, SLICE("gemini-")))
        return true;
    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
        if (slice_starts(model, slice_str(old[i])))
            return slice_search(model, SLICE("latest")) == model.len;
    return false;
}

bool gemini__thinks(struct slice model)
{
    if (slice_starts(model, SLICE("models/")))
        model = slice_sub(model, 7, model.len);
    if (slice_starts(model, SLICE("gemini-2.5")))
        return slice_search(model, SLICE("-image")) == model.len &&
               slice_search(model, SLICE("-tts")) == model.len;
    return !gemini__is_before_3(model);
}

/* ---- The short way ---- */

static const char *const fields[] = {"model", "generationConfig", "generation_config",
                                     NULL};

static struct json_field *find(struct json_field *f, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal_str(slice_str(f[i].name), name))
            return &f[i];
    return NULL;
}

/* The client's generationConfig with the bound of the output in it. */
static struct slice bound_config(struct slice config, uint64_t bound, struct arena *a)
{
    static const char *const names[] = {"maxOutputTokens"};
    struct slice key, value, out;
    struct buf b;
    size_t at = 0;

    buf_init(&b, CONFIG_MAX);
    buf_printf(&b, "{\"maxOutputTokens\":%llu", (unsigned long long)bound);
    while (json_raw_next(&key, &value, config, &at) != JSON_ABSENT) {
        if (gemini__index(key, names, 1) == 0)
            continue;
        buf_append_char(&b, ',');
        buf_append(&b, key);
        buf_append_char(&b, ':');
        buf_append(&b, value);
    }
    buf_append_char(&b, '}');
    out = buf_spent(&b) ? SLICE_NONE : arena_slice(a, buf_slice(&b));
    buf_free(&b);
    return out;
}

static enum rc adapt(struct wire_changes *out, const struct wire_target *t,
                     struct json_field *f, size_t count, struct wire_fault *fault,
                     struct arena *a)
{
    const struct json_field *camel = find(f, count, fields[1]);
    const struct json_field *snake = find(f, count, fields[2]);
    const struct json_field *config = snake->type == JSON_OBJECT ? snake : camel;
    struct slice bound;

    wire_change(out, f, count, "model", SLICE_NONE); /* the URL names it */
    if (camel->type != JSON_ABSENT && snake->type != JSON_ABSENT)
        return wire_refuse(fault, a, "generationConfig",
                           "'generationConfig' is given twice.");
    if (!t->bound_forced)
        return RC_OK;
    bound = bound_config(config->type == JSON_OBJECT ? config->raw : SLICE_NONE,
                         t->output_bound, a);
    if (bound.len == 0)
        return RC_NOMEM;
    wire_change(out, f, count, config->name, bound);
    return RC_OK;
}

static struct slice usage_at(struct slice json)
{
    struct slice raw;

    return json_raw_member(&raw, json, "usageMetadata") == JSON_OBJECT ? raw
                                                                       : SLICE_NONE;
}

const struct wire wire_gemini = {
    .name = "gemini",
    .signed_by = GEMINI_SIGNED_BY,
    .framing = WIRE_SSE,
    .read = gemini__read,
    .write = gemini__write,
    .answer = gemini__answer,
    .open = gemini__open,
    .event = gemini__event,
    .ended = gemini__ended,
    .fields = fields,
    .adapt = adapt,
    .usage_at = usage_at,
    .out_open = gemini__out_open,
    .out_close = gemini__out_close,
    .out_event = gemini__out_event,
    .out_end = gemini__out_end,
    .out_error = gemini__out_error,
};

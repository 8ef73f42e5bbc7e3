/* SPDX-License-Identifier: Apache-2.0 */
/* What all wires share. */
#include "gateway/wire.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    DETAIL_SIZE = 301
};

enum rc wire_refuse(struct wire_fault *f, struct arena *a, const char *param,
                    const char *format, ...)
{
    char text[DETAIL_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    f->param = param;
    f->detail = arena_printf(a, "%s", text);
    return RC_BAD_INPUT;
}

void wire_change(struct wire_changes *c, struct json_field *fields, size_t count,
                 const char *name, struct slice value)
{
    struct json_field *f = NULL;

    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0)
            f = &fields[i];
    assert(f != NULL && c->count < WIRE_CHANGES_MAX); /* the api scanned for it */
    if (value.bytes == NULL && f->type == JSON_ABSENT)
        return;
    for (size_t i = 0; i < c->count; i++)
        if (c->splices[i].field == f) {
            c->splices[i].value = value;
            return;
        }
    c->splices[c->count++] = (struct json_splice){f, value};
}

enum rc answer_give_part(answer_sink *sink, void *arg, struct answer_event *e)
{
    static const enum answer_kind kinds[] = {ANSWER_PART, ANSWER_DELTA,
                                             ANSWER_PART_END};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i] == ANSWER_DELTA && quoted_is_empty(e->text))
            continue;
        e->kind = kinds[i];
        TRY(sink(arg, e));
    }
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A short list of names without doubles. */
#include "gateway/losses.h"

#include <string.h>

enum {
    TEXT_MAX = 512
};

void losses_add(struct losses *l, const char *name)
{
    if (name == NULL)
        return;
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->names[i], name) == 0)
            return;
    if (l->count < LOSSES_MAX)
        l->names[l->count++] = name;
    else
        l->names[LOSSES_MAX - 1] = "and more";
}

void losses_print(struct buf *out, const struct losses *l)
{
    size_t len = 0;

    for (size_t i = 0; i < l->count; i++) {
        const size_t more = strlen(l->names[i]) + 2;

        if (len + more > TEXT_MAX)
            return;
        len += more;
        buf_append_str(out, i == 0 ? "" : ", ");
        buf_append_str(out, l->names[i]);
    }
}

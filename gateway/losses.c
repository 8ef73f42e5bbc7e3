/* SPDX-License-Identifier: Apache-2.0 */
/* A short list of names without doubles. Names are the client's own where it gave
 * fields that nobody knows: none of them may keep the others from being told. */
#include "gateway/losses.h"

#include <string.h>

enum {
    TEXT_MAX = 512,
    NAME_MAX_SHOWN = 64
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

/* What no header may have, or would read as two names, is a '?'. */
static void print_name(struct buf *out, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)name[i];

        buf_append_char(out, c >= 0x20 && c < 0x7f && c != ',' ? (char)c : '?');
    }
}

void losses_print(struct buf *out, const struct losses *l)
{
    static const char more[] = ", and more";
    const size_t room = TEXT_MAX - (sizeof(more) - 1);
    size_t len = 0;

    for (size_t i = 0; i < l->count; i++) {
        const size_t name_len = strnlen(l->names[i], NAME_MAX_SHOWN);

        if (len + name_len + 2 > room) {
            buf_append_str(out, more);
            return;
        }
        len += name_len + 2;
        buf_append_str(out, i == 0 ? "" : ", ");
        print_name(out, l->names[i], name_len);
    }
}

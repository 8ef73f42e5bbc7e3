/* SPDX-License-Identifier: Apache-2.0 */
/* Building a conversation, and what all readers and writers of one share. */
#include "gateway/conversation.h"

#include <string.h>

struct message *conversation_add(struct conversation *c, enum role role,
                                 struct arena *a)
{
    struct message *m = arena_new(a, struct message);

    if (m == NULL)
        return NULL;
    m->role = role;
    if (c->last_message == NULL)
        c->messages = m;
    else
        c->last_message->next = m;
    c->last_message = m;
    return m;
}

struct part *message_add(struct message *m, enum part_kind kind, struct arena *a)
{
    struct part *p = arena_new(a, struct part);

    if (p == NULL)
        return NULL;
    p->kind = kind;
    if (m->last_part == NULL)
        m->parts = p;
    else
        m->last_part->next = p;
    m->last_part = p;
    return p;
}

struct tool *conversation_add_tool(struct conversation *c, struct arena *a)
{
    struct tool *t = arena_new(a, struct tool);

    if (t == NULL)
        return NULL;
    if (c->last_tool == NULL)
        c->tools = t;
    else
        c->last_tool->next = t;
    c->last_tool = t;
    return t;
}

void conversation_extra(struct conversation *c, struct slice name, struct slice value,
                        struct arena *a)
{
    struct extra *x = arena_new(a, struct extra);

    if (x == NULL)
        return;
    x->name = name;
    x->value = value;
    if (c->last_extra == NULL)
        c->extras = x;
    else
        c->last_extra->next = x;
    c->last_extra = x;
}

/* The calls so far, the last first: results follow their calls closely, so it is found
 * at once in every honest conversation; the bound keeps others from costing squares. */
enum {
    LOOK_BACK_MAX = 256
};

struct call_list {
    size_t count;
    const struct part *calls[LOOK_BACK_MAX]; /* a ring */
};

static const struct part *find_call(const struct call_list *list, struct slice id)
{
    const size_t have = list->count < LOOK_BACK_MAX ? list->count : LOOK_BACK_MAX;

    for (size_t i = 1; i <= have; i++) {
        const struct part *p = list->calls[(list->count - i) % LOOK_BACK_MAX];

        if (slice_equal(p->id, id))
            return p;
    }
    return NULL;
}

static enum rc link_part(struct part *p, struct call_list *list, const char **path)
{
    const struct part *call;

    if (p->kind == PART_TOOL_CALL)
        list->calls[list->count++ % LOOK_BACK_MAX] = p;
    if (p->kind != PART_TOOL_RESULT)
        return RC_OK;
    call = find_call(list, p->id);
    if (call == NULL) {
        *path = p->path;
        return RC_BAD_INPUT;
    }
    p->name = call->name;
    p->is_custom = call->is_custom;
    return RC_OK;
}

enum rc conversation_link(struct conversation *c, const char **path)
{
    struct call_list list = {.count = 0};

    for (struct message *m = c->messages; m != NULL; m = m->next)
        for (struct part *p = m->parts; p != NULL; p = p->next)
            TRY(link_part(p, &list, path));
    return RC_OK;
}

void losses_extras(struct losses *l, const struct conversation *c, struct arena *a)
{
    for (const struct extra *x = c->extras; x != NULL; x = x->next)
        losses_add(l, arena_copy(a, x->name.bytes, x->name.len));
}

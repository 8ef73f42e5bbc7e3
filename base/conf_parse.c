/* SPDX-License-Identifier: Apache-2.0 */
/* From YAML to the tree, by libyaml's events. Takes the part of YAML that reads as it
 * looks: what refers to elsewhere (anchors, aliases, merge keys), changes types (tags)
 * or hides something (second documents, duplicate keys) is a fault. */
#include "base/conf_int.h"
#include "base/secret.h"

#include <assert.h>
#include <stdlib.h>
#include <yaml.h>

struct builder {
    struct conf *conf;
    yaml_parser_t parser;
    struct slice text;
    struct conf_node *open;  /* the innermost container that has not ended; or NULL */
    struct conf_node **tail; /* where the next of all nodes is hung up */
    unsigned depth;
    unsigned node_count;
    unsigned document_count;
};

/* Faults ------------------------------------------------------------------------------
 */

static struct conf__mark mark_of(yaml_mark_t mark)
{
    return (struct conf__mark){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* libyaml's reader knows the byte but not the line. */
static struct conf__mark mark_of_byte(struct slice text, size_t offset)
{
    struct conf__mark mark = {1, 1};

    for (size_t i = 0; i < offset && i < text.len; i++) {
        mark.column++;
        if (text.bytes[i] == '\n')
            mark = (struct conf__mark){mark.line + 1, 1};
    }
    return mark;
}

static enum rc stop_at_syntax(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;

    switch (p->error) {
    case YAML_MEMORY_ERROR:
        return RC_NOMEM;
    case YAML_READER_ERROR:
        conf__stop_at(b->conf, mark_of_byte(b->text, p->problem_offset), "%s",
                      p->problem);
        return RC_OK;
    default:
        if (p->context != NULL)
            conf__stop_at(b->conf, mark_of(p->problem_mark), "%s, %s from line %u",
                          p->problem, p->context, mark_of(p->context_mark).line);
        else
            conf__stop_at(b->conf, mark_of(p->problem_mark), "%s", p->problem);
        return RC_OK;
    }
}

static void refuse_reference(struct builder *b, const yaml_event_t *event,
                             const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct conf__mark at = mark_of(event->start_mark);

    if (anchor != NULL)
        conf__fault_at(b->conf, at, "anchors ('&%s') are not supported",
                       (const char *)anchor);
    if (tag != NULL)
        conf__fault_at(b->conf, at, "tags ('%s') are not supported", (const char *)tag);
}

/* The tree ----------------------------------------------------------------------------
 */

/* Makes a node and puts it where the next value belongs. NULL: no memory, or no more.
 */
static struct conf_node *add_node(struct builder *b, enum conf__kind kind,
                                  const yaml_event_t *event)
{
    struct conf_node *parent = b->open;
    struct conf_node *n;

    if (b->node_count == CONF__NODES_MAX) {
        conf__stop_at(b->conf, mark_of(event->start_mark), "more than %d values",
                      CONF__NODES_MAX);
        return NULL;
    }
    n = arena_new(b->conf->arena, struct conf_node);
    if (n == NULL)
        return NULL;
    b->node_count++;
    n->kind = kind;
    n->mark = mark_of(event->start_mark);
    n->parent = parent;
    *b->tail = n;
    b->tail = &n->next;
    if (parent == NULL) {
        b->conf->root = n;
        return n;
    }
    if (parent->last_item == NULL)
        parent->first_item = n;
    else
        parent->last_item->next_item = n;
    parent->last_item = n;
    parent->count++;
    if (parent->kind == CONF__MAPPING) {
        n->key = parent->waiting_key;
        n->key_mark = parent->waiting_mark;
        parent->waiting_key = SLICE_NONE;
    }
    return n;
}

static bool expects_key(const struct builder *b)
{
    return b->open != NULL && b->open->kind == CONF__MAPPING &&
           b->open->waiting_key.bytes == NULL;
}

static bool is_plain(const yaml_event_t *event)
{
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static enum rc add_key(struct builder *b, const yaml_event_t *event, struct slice text)
{
    struct conf__mark at = mark_of(event->start_mark);

    if (text.len == 0)
        conf__fault_at(b->conf, at, "empty key");
    if (is_plain(event) && slice_equal_str(text, "<<"))
        conf__fault_at(b->conf, at, "merge keys ('<<') are not supported");
    if (slice_search(text, SLICE("${")) < text.len)
        conf__fault_at(b->conf, at, "a key cannot hold a ${..} form");
    b->open->waiting_key = arena_slice(b->conf->arena, text);
    b->open->waiting_mark = at;
    return b->open->waiting_key.bytes == NULL ? RC_NOMEM : RC_OK;
}

static bool is_null(const yaml_event_t *event, struct slice text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    if (!is_plain(event))
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_equal_str(text, words[i]))
            return true;
    return false;
}

static enum rc add_scalar(struct builder *b, const yaml_event_t *event)
{
    struct slice text =
        slice_from((const char *)event->data.scalar.value, event->data.scalar.length);
    bool null = is_null(event, text);
    struct conf_node *n;

    refuse_reference(b, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (slice_find(text, '\0') < text.len) {
        conf__stop_at(b->conf, mark_of(event->start_mark), "a NUL byte in a text");
        return RC_OK;
    }
    if (expects_key(b))
        return add_key(b, event, text);
    n = add_node(b, null ? CONF__NULL : CONF__SCALAR, event);
    if (n == NULL)
        return b->conf->broken ? RC_OK : RC_NOMEM;
    n->plain = is_plain(event);
    return null ? RC_OK : conf__expand(b->conf, n, text);
}

static enum rc open_container(struct builder *b, const yaml_event_t *event,
                              enum conf__kind kind)
{
    struct conf_node *n;

    if (expects_key(b)) {
        conf__stop_at(b->conf, mark_of(event->start_mark),
                      "a key must be a single value");
        return RC_OK;
    }
    if (b->depth == CONF__DEPTH_MAX) {
        conf__stop_at(b->conf, mark_of(event->start_mark), "nested deeper than %d",
                      CONF__DEPTH_MAX);
        return RC_OK;
    }
    n = add_node(b, kind, event);
    if (n == NULL)
        return b->conf->broken ? RC_OK : RC_NOMEM;
    b->open = n;
    b->depth++;
    return RC_OK;
}

/* A member in the order of keys, and equal ones in the order of the file. */
struct sorted {
    struct conf_node *node;
};

static int compare_members(const void *a, const void *b)
{
    const struct conf_node *left = ((const struct sorted *)a)->node;
    const struct conf_node *right = ((const struct sorted *)b)->node;
    int order = slice_compare(left->key, right->key);

    if (order != 0)
        return order;
    if (left->key_mark.line != right->key_mark.line)
        return left->key_mark.line < right->key_mark.line ? -1 : 1;
    return left->key_mark.column < right->key_mark.column ? -1 : 1;
}

/* Sorted, so that it is quick for a mapping of any size. */
static enum rc find_duplicates(struct builder *b, const struct conf_node *mapping)
{
    struct sorted *sorted =
        arena_new_array(b->conf->arena, struct sorted, mapping->count);

    if (sorted == NULL)
        return RC_NOMEM;
    for (size_t i = 0; i < mapping->count; i++)
        sorted[i].node = mapping->items[i];
    qsort(sorted, mapping->count, sizeof(sorted[0]), compare_members);
    for (size_t i = 1; i < mapping->count; i++) {
        struct conf_node *n = sorted[i].node;
        const struct conf_node *before = sorted[i - 1].node;

        if (!slice_equal(n->key, before->key))
            continue;
        n->complained = true;
        conf__fault_at(b->conf, n->key_mark, "duplicate key '%.*s' (also on line %u)",
                       SLICE_FMT(n->key), before->key_mark.line);
    }
    return RC_OK;
}

static enum rc close_container(struct builder *b)
{
    struct conf_node *n = b->open;
    size_t i = 0;

    n->items = arena_new_array(b->conf->arena, struct conf_node *, n->count);
    if (n->items == NULL)
        return RC_NOMEM;
    for (struct conf_node *item = n->first_item; item != NULL; item = item->next_item)
        n->items[i++] = item;
    b->open = n->parent;
    b->depth--;
    return n->kind == CONF__MAPPING ? find_duplicates(b, n) : RC_OK;
}

/* Events ------------------------------------------------------------------------------
 */

static enum rc add_alias(struct builder *b, const yaml_event_t *event)
{
    conf__fault_at(b->conf, mark_of(event->start_mark),
                   "aliases ('*%s') are not supported",
                   (const char *)event->data.alias.anchor);
    if (expects_key(b))
        return add_key(b, event, slice_str((const char *)event->data.alias.anchor));
    return add_node(b, CONF__NULL, event) == NULL && !b->conf->broken ? RC_NOMEM
                                                                      : RC_OK;
}

static void start_document(struct builder *b, const yaml_event_t *event)
{
    struct conf__mark at = mark_of(event->start_mark);

    if (b->document_count++ > 0)
        conf__stop_at(b->conf, at, "a second document");
    else if (event->data.document_start.tag_directives.start !=
             event->data.document_start.tag_directives.end)
        conf__stop_at(b->conf, at, "tags (%%TAG) are not supported");
}

static enum rc take_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        start_document(b, event);
        return RC_OK;
    case YAML_ALIAS_EVENT:
        return add_alias(b, event);
    case YAML_SCALAR_EVENT:
        return add_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        refuse_reference(b, event, event->data.sequence_start.anchor,
                         event->data.sequence_start.tag);
        return open_container(b, event, CONF__LIST);
    case YAML_MAPPING_START_EVENT:
        refuse_reference(b, event, event->data.mapping_start.anchor,
                         event->data.mapping_start.tag);
        return open_container(b, event, CONF__MAPPING);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_container(b);
    default:
        return RC_OK;
    }
}

static enum rc read_events(struct builder *b)
{
    bool more = true;

    while (more) {
        yaml_event_t event;
        enum rc rc;

        if (yaml_parser_parse(&b->parser, &event) == 0)
            return stop_at_syntax(b);
        rc = take_event(b, &event);
        more = rc == RC_OK && !b->conf->broken && event.type != YAML_STREAM_END_EVENT;
        if (event.type == YAML_SCALAR_EVENT)
            secret_wipe(event.data.scalar.value, event.data.scalar.length);
        yaml_event_delete(&event);
        TRY(rc);
    }
    return RC_OK;
}

enum rc conf__parse(struct conf *c, struct slice text)
{
    struct builder b = {.conf = c, .text = text, .tail = &c->first};
    enum rc rc;

    if (text.len > CONF__TEXT_MAX) {
        conf__stop_at(c, CONF__WHOLE_FILE, "larger than 1 MiB");
        return RC_OK;
    }
    if (yaml_parser_initialize(&b.parser) == 0)
        return RC_NOMEM;
    /* Set, not guessed: a byte order mark could switch libyaml to UTF-16. */
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &b.parser, (const yaml_char_t *)(text.bytes == NULL ? "" : text.bytes),
        text.len);
    rc = read_events(&b);
    yaml_parser_delete(&b.parser);
    if (c->broken)
        c->root = NULL;
    assert(rc != RC_OK || c->broken || b.open == NULL);
    return rc;
}

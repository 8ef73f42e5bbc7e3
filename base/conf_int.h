/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of base/conf*.c only: the tree, and what its three files ask of each other.
 * conf_parse.c makes the tree, conf_expand.c fills in the ${..} forms, conf.c reads it.
 */
#ifndef BASE_CONF_INT_H
#define BASE_CONF_INT_H

#include "base/conf.h"

enum {
    CONF__FAULTS_MAX = 100,
    CONF__TEXT_MAX = 1024 * 1024, /* bytes of a file */
    CONF__VALUE_MAX = 64 * 1024,  /* bytes of an expanded scalar, and of a ${file:..} */
    CONF__DEPTH_MAX = 16,
    CONF__NODES_MAX = 50 * 1000
};

/* Where something stands in the file; both count from 1. */
struct conf__mark {
    unsigned line;
    unsigned column;
};

#define CONF__WHOLE_FILE ((struct conf__mark){0, 0})

enum conf__kind {
    CONF__NULL, /* ~, null or nothing: absent, but it has a line */
    CONF__SCALAR,
    CONF__MAPPING,
    CONF__LIST
};

/* A name that a getter asked a mapping for. */
struct conf__name {
    const char *name;
    struct conf__name *next;
};

struct conf_node {
    enum conf__kind kind;
    struct conf__mark mark;
    struct conf_node *parent; /* NULL: the root */
    struct conf_node *next;   /* of all nodes, in the order of the file */

    /* A member of a mapping */
    struct slice key; /* bytes NULL: no member */
    struct conf__mark key_mark;
    bool asked; /* a getter has seen it */
    bool known; /* it and all above were asked for; set by conf_unknown() */

    /* A scalar */
    char *text;
    size_t text_len;
    bool expanded;
    bool contents; /* of a file or credential */
    bool plain;    /* written without quotes */

    /* A mapping or a list */
    struct conf_node **items;
    size_t count;
    struct conf_node *first_item; /* linked while they are parsed */
    struct conf_node *last_item;
    struct conf_node *next_item;
    struct slice waiting_key; /* its value comes next; bytes NULL: none */
    struct conf__mark waiting_mark;
    struct conf__name *names;

    bool complained; /* a fault about its form, or that it is there; one is enough */
};

struct conf {
    struct arena *arena;
    const char *path; /* as given, for messages */
    const char *dir;  /* absolute */
    struct conf_node *root;
    struct conf_node *first; /* of all nodes */
    bool plain;              /* "$" is a letter */
    bool broken;             /* reading has stopped early, with conf__stop_at() */
    const char *faults[CONF__FAULTS_MAX];
    size_t fault_count;
};

void conf__fault_at(struct conf *c, struct conf__mark at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A fault behind which the tree would be wrong: nothing more is read, and later faults,
 * which would only be its consequences, are not reported. */
void conf__stop_at(struct conf *c, struct conf__mark at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads text into a tree. RC_NOMEM; faults are in c. */
MUST_CHECK enum rc conf__parse(struct conf *c, struct slice text);

/* Sets the text of scalar n, which was written `raw`. RC_NOMEM; faults are in c. */
MUST_CHECK enum rc conf__expand(struct conf *c, struct conf_node *n, struct slice raw);

/* Appends a file's bytes. RC_NOT_FOUND, RC_IO (errno says why), RC_TOO_BIG, RC_NOMEM.
 */
MUST_CHECK enum rc conf__read_file(struct buf *out, const char *path);

#endif

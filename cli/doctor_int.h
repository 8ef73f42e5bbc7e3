/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `octroi doctor` share: findings, and who looks for them. */
#ifndef CLI_DOCTOR_INT_H
#define CLI_DOCTOR_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"
#include "gateway/gateway.h"

enum doctor_state {
    DOCTOR_OK,
    DOCTOR_WARN,
    DOCTOR_FAIL
};

struct finding {
    enum doctor_state state;
    char name[96];
    char detail[256];
    const char *advice; /* literal; NULL: none */
};

struct doctor {
    const struct cli *cli;
    const struct config *config;
    size_t count, size;
    struct finding *findings;
    bool lost; /* no memory for one */
};

/* Adds a finding; name says what was looked at. */
void doctor_add(struct doctor *d, enum doctor_state state, const char *advice,
                const char *name, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

void doctor_look_at_config(struct doctor *d);    /* token, models, keys of providers */
void doctor_look_at_folder(struct doctor *d);    /* modes, speed of the disk */
void doctor_look_at_machine(struct doctor *d);   /* clock, open files */
void doctor_look_at_book(struct doctor *d);      /* daemon or lock, proof, room */
void doctor_look_at_upstreams(struct doctor *d); /* can they be reached */
void doctor_look_at_networks(struct doctor *d);  /* can payments be settled */

#endif

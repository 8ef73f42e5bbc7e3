/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/skills_fixture.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void open_skills(struct market *m)
{
    char dir[80];
    const struct skills_options options = {
        .ledger = m->f.ledger, .book = m->f.book, .dir = dir};

    (void)snprintf(dir, sizeof(dir), "%s/packages", m->f.dir);
    assert_int_equal(skills_open(&m->skills, &options), RC_OK);
}

void market_open(struct market *m)
{
    fixture_open(&m->f, LEDGER_LMDB);
    open_skills(m);
}

void market_open_memory(struct market *m)
{
    fixture_open(&m->f, LEDGER_MEMORY);
    open_skills(m);
}

void market_restart(struct market *m)
{
    skills_close(m->skills);
    if (m->f.kind == LEDGER_LMDB)
        fixture_restart(&m->f);
    else
        fixture_reboot_book(&m->f);
    open_skills(m);
}

void market_close(struct market *m)
{
    skills_close(m->skills);
    fixture_close(&m->f);
}

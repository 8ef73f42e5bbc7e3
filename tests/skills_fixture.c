/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/skills_fixture.h"

#include <stdio.h>
#include <string.h>

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

void market_open_on(struct market *m, const struct fixture *f)
{
    m->f = *f;
    open_skills(m);
}

void market_restart(struct market *m)
{
    skills_close(m->skills);
    if (m->f.kind == LEDGER_LMDB)
        fixture_restart(&m->f);
    open_skills(m);
}

void market_close(struct market *m)
{
    skills_close(m->skills);
    fixture_close(&m->f);
}

void new_publisher(struct market *m, const char *handle)
{
    struct skill_publisher p = {.house_ppm = SKILL_SHARE_NONE};

    assert_int_equal(slice_to_cstr(p.handle, sizeof(p.handle), slice_str(handle)),
                     RC_OK);
    assert_int_equal(skill_publisher_create(&p, m->skills), RC_OK);
}

/* ---- Goods ---- */

static void put_line(struct buf *text, const char *name, const char *value)
{
    if (value != NULL)
        buf_printf(text, "%s: %s\n", name, value);
}

struct skill_package *package_of(const struct goods *g)
{
    struct skill_package *p = NULL;
    struct buf text, why;

    buf_init(&text, 1 << 20);
    buf_init(&why, 4096);
    buf_append_str(&text, "---\n");
    put_line(&text, "name", g->slug);
    put_line(&text, "description",
             g->description != NULL ? g->description : "A skill.");
    put_line(&text, "license", g->license);
    put_line(&text, "allowed-tools", g->tools);
    buf_append_str(&text, "---\n");
    buf_append_str(&text, g->body != NULL ? g->body : "Do it well.\n");
    assert_int_equal(skill_package_new(&p), RC_OK);
    assert_int_equal(skill_package_add(p, SLICE("SKILL.md"), buf_slice(&text), &why),
                     RC_OK);
    assert_int_equal(skill_package_seal(p, &why), RC_OK);
    buf_free(&text);
    buf_free(&why);
    return p;
}

static void sign(uint8_t signature[SKILL_SIGNATURE_LEN], const struct goods *g,
                 const struct skill_package *p)
{
    const struct skill_signed what = {slice_str(g->publisher), slice_str(g->slug),
                                      slice_str(g->version)};
    struct buf text;

    buf_init(&text, 1 << 20);
    skill_signed_text(&text, &what, p);
    assert_int_equal(skill_sign(signature, g->seed, buf_slice(&text)), RC_OK);
    buf_free(&text);
}

enum rc publish(struct skill_published *out, struct market *m, const struct goods *g,
                struct buf *why)
{
    struct skill_package *p = package_of(g);
    uint8_t signature[SKILL_SIGNATURE_LEN];
    struct skill_submission what = {.publisher = slice_str(g->publisher),
                                    .slug = slice_str(g->slug),
                                    .display = slice_str(g->display),
                                    .version = slice_str(g->version),
                                    .changelog = slice_str(g->changelog),
                                    .tags = slice_str(g->tags),
                                    .signature = g->signature,
                                    .package = p,
                                    .review = g->review};
    struct buf unheard;
    enum rc rc;

    if (g->seed != NULL) {
        sign(signature, g, p);
        what.signature = signature;
    }
    buf_init(&unheard, 4096);
    rc = skill_publish(out, m->skills, &what, why != NULL ? why : &unheard);
    buf_free(&unheard);
    skill_package_free(p);
    return rc;
}

void list_skill(struct market *m, const char *publisher, const char *slug,
                const char *version, const char *description)
{
    const struct goods g = {.publisher = publisher,
                            .slug = slug,
                            .version = version,
                            .description = description};
    struct skill_published out;

    assert_int_equal(publish(&out, m, &g, NULL), RC_OK);
    assert_int_equal(out.version.state, SKILL_LISTED);
}

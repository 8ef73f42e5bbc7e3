/* SPDX-License-Identifier: Apache-2.0 */
/* Sections that belong to what this version does not do yet, so that one file serves
 * both this version and the next. Their form is checked, nothing of them is kept, and a
 * warning says so. */
#include "gateway/config_int.h"

enum form {
    FORM_PERCENT,
    FORM_SPAN,
    FORM_BOOL
};

struct member {
    const char *key;
    enum form form;
};

static void check_member(struct conf *c, struct conf_node *n, enum form form)
{
    uint32_t ppm;
    uint64_t ms;
    bool yes;

    switch (form) {
    case FORM_PERCENT:
        (void)conf_percent(c, n, &ppm);
        return;
    case FORM_SPAN:
        (void)conf_duration(c, n, &ms);
        return;
    case FORM_BOOL:
        (void)conf_bool(c, n, &yes);
        return;
    }
}

/* members end with a NULL key. */
static void check_members(struct conf *c, struct conf_node *n,
                          const struct member *members)
{
    for (; members->key != NULL; members++)
        check_member(c, conf_get(c, n, members->key), members->form);
}

void config__read_unused(struct config__reader *r, struct conf_node *skills)
{
    static const struct member skill_members[] = {{"platform_share", FORM_PERCENT},
                                                  {"payout_delay", FORM_SPAN},
                                                  {"allow_private", FORM_BOOL},
                                                  {NULL, FORM_BOOL}};

    if (skills != NULL)
        config__warn(r, skills, "'skills' is not used by this version");
    check_members(r->conf, skills, skill_members);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/demo_market.h"

#include <stdio.h>

enum {
    WHY_MAX = 1024,
    TEXT_SIZE = 512
};

/* ---- The skills ---- */

struct text {
    const char *slug;
    const char *skill_md;
};

static const struct text free_skill = {
    "toll-history",
    "---\n"
    "name: toll-history\n"
    "description: Explains what an octroi was, in two sentences. Use it when somebody "
    "asks about tolls at city gates.\n"
    "license: Apache-2.0\n"
    "---\n"
    "# What an octroi was\n\n"
    "A toll on goods that were brought into a city, taken at its gates. Say when it was "
    "abolished where the reader lives, if that is known.\n",
};

static const struct text paid_skill = {
    DEMO_SKILL,
    "---\n"
    "name: market-watch\n"
    "description: Tells the price of a market. Use it when the price of something that "
    "is traded is asked for.\n"
    "license: Apache-2.0\n"
    "---\n"
    "# The price of a market\n\n"
    "Call `markets/NAME` of this skill and answer with the price, and when it was "
    "read.\n",
};

static enum rc make_publisher(struct skills *s)
{
    struct skill_publisher p = {
        .handle = DEMO_PUBLISHER, .display = "Demo", .house_ppm = SKILL_SHARE_NONE};
    enum rc rc = skill_publisher_create(&p, s);

    return rc == RC_EXISTS ? RC_OK : rc;
}

static enum rc publish(struct skills *s, const struct text *t,
                       struct skill_package *package, struct buf *why)
{
    const struct skill_submission what = {.publisher = SLICE(DEMO_PUBLISHER),
                                          .slug = slice_str(t->slug),
                                          .version = SLICE("1.0.0"),
                                          .package = package,
                                          .review = SKILL_REVIEW_FINDINGS};
    struct skill_published published;

    TRY(skill_package_add(package, SLICE("SKILL.md"), slice_str(t->skill_md), why));
    TRY(skill_package_seal(package, why));
    return skill_publish(&published, s, &what, why); /* a repeat changes nothing */
}

static enum rc list_skill(struct skills *s, const struct text *t)
{
    struct skill_package *package;
    struct buf why;
    enum rc rc;

    TRY(skill_package_new(&package));
    buf_init(&why, WHY_MAX);
    rc = publish(s, t, package, &why);
    buf_free(&why);
    skill_package_free(package);
    return rc;
}

/* ---- The offer ---- */

static enum rc offer(struct skills *s, uint16_t mock_port)
{
    struct skill_terms terms = {.has_definition = true};
    char definition[TEXT_SIZE], base_url[64];
    struct skill_offer out;

    (void)snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%u", mock_port);
    (void)snprintf(definition, sizeof(definition),
                   "base_url: \"%s\"\n"
                   "endpoints:\n"
                   "  - method: GET\n"
                   "    path: \"/markets/{name}\"\n"
                   "    price: \"0.002\"\n"
                   "    description: The price of one market.\n"
                   "    input: {type: object, properties: {name: {type: string}}, "
                   "required: [name]}\n",
                   base_url);
    TRY(blobs_put(terms.definition, skills_blobs(s), slice_str(definition)));
    TRY(money_parse(&terms.per_install, SLICE("1")));
    return skill_offer_set(&out, s, SLICE(DEMO_PUBLISHER), SLICE(DEMO_SKILL), &terms,
                           slice_str(base_url), false);
}

enum rc demo_market_set_up(struct skills *s, uint16_t mock_port)
{
    TRY(make_publisher(s));
    TRY(list_skill(s, &free_skill));
    TRY(list_skill(s, &paid_skill));
    return offer(s, mock_port);
}

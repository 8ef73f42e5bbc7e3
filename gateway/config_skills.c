/* SPDX-License-Identifier: Apache-2.0 */
/* The section `skills`: what the house keeps, when publishers are paid and from what
 * key, and what is looked at before it is listed. */
#include "gateway/config_skills.h"

#include "gateway/config_key.h"

enum {
    SHARE_PPM = 100000,      /* 10% */
    SHARE_MAX_PPM = 1000000, /* all of it */
    US_PER_MS = 1000,
    PAYOUT_MAX_USD = 1000,
    PAYOUT_PLACES = 6 /* of a US dollar: what a payout is rounded to */
};

#define NANO_PER_USD UINT64_C(1000000000)
#define DAY_MS       UINT64_C(86400000)
#define DELAY_MS     (7 * DAY_MS)
#define DELAY_MAX_MS (365 * DAY_MS)
#define UPLOAD_BYTES (UINT64_C(64) << 20)
#define UPLOAD_MIN   (UINT64_C(64) << 10)
#define UPLOAD_MAX   (UINT64_C(4) << 30)

static void read_share(struct config__reader *r, struct config_skills *s,
                       struct conf_node *n)
{
    uint32_t ppm;

    if (!conf_percent(r->conf, n, &ppm))
        return;
    if (ppm > SHARE_MAX_PPM)
        conf_fault(r->conf, n, "the platform's share is more than 100%%");
    else
        s->platform_ppm = ppm;
}

static void read_delay(struct config__reader *r, struct config_skills *s,
                       struct conf_node *n)
{
    uint64_t ms;

    if (!conf_duration(r->conf, n, &ms))
        return;
    if (ms > DELAY_MAX_MS)
        conf_fault(r->conf, n, "must be from 0s to 365d");
    else
        s->payout_delay_us = ms * US_PER_MS;
}

static void read_words(struct config__reader *r, struct config_skills *s,
                       struct conf_node *n)
{
    static const char *const reviews[] = {"findings", "new", "all", NULL};
    static const char *const who[] = {"operator", "open", NULL};
    unsigned choice;
    const bool is_said =
        conf_choice(r->conf, conf_get(r->conf, n, "review"), &choice, reviews);

    if (is_said)
        s->review = (enum skill_review)choice;
    if (conf_choice(r->conf, conf_get(r->conf, n, "registration"), &choice, who))
        s->registration_open = choice == 1;
    /* Publishers that the operator made were looked at. */
    if (!is_said && s->registration_open)
        s->review = SKILL_REVIEW_NEW;
}

/* Where we settle ourselves: somebody else's facilitator is not asked to pay others. */
static const struct config_network *find_network(const struct config_payments *p,
                                                 uint64_t chain_id)
{
    for (size_t i = 0; i < p->network_count; i++)
        if (p->networks[i].chain_id == chain_id &&
            p->networks[i].facilitator_url == NULL)
            return &p->networks[i];
    return NULL;
}

static void read_payout_network(struct config__reader *r, struct config_skills *s,
                                struct conf_node *n)
{
    char network[X402_NETWORK_TEXT_SIZE];
    uint64_t chain_id;

    if (!config__read_chain(r, &chain_id, n))
        return;
    s->payout_network = find_network(r->config->payments, chain_id);
    if (s->payout_network == NULL) {
        x402_network_print(network, chain_id);
        conf_fault(r->conf, n,
                   "%s is not one of payments.x402.networks with facilitator builtin",
                   network);
    } else if (s->payout_network->decimals < PAYOUT_PLACES) {
        conf_fault(r->conf, n, "its token has fewer than %d decimals", PAYOUT_PLACES);
    }
}

static void read_payout(struct config__reader *r, struct config_skills *s,
                        struct conf_node *n)
{
    struct conf_node *network, *key, *max;

    if (n == NULL || !config__may_be_mapping(r, n))
        return;
    network = conf_get(r->conf, n, "network");
    key = conf_get(r->conf, n, "key");
    if (network == NULL)
        conf_fault(r->conf, n, "'network' is missing: where publishers are paid");
    if (key == NULL)
        conf_fault(r->conf, n, "'key' is missing: publishers are paid with it");
    if (r->config->payments != NULL)
        read_payout_network(r, s, network);
    config__read_key(r, &s->payout_key, key);
    max = conf_get(r->conf, n, "max_per_payout");
    s->payout_max = money_from_nano(PAYOUT_MAX_USD * NANO_PER_USD);
    if (conf_money(r->conf, max, &s->payout_max) && money_is_zero(s->payout_max))
        conf_fault(r->conf, max, "nothing could be paid");
}

static bool same_network(const struct config_network *a, const struct config_network *b)
{
    return a == NULL || b == NULL
               ? a == b
               : a->chain_id == b->chain_id && x402_address_equal(&a->asset, &b->asset);
}

void config__read_skills(struct config__reader *r, struct conf_node *n)
{
    struct config_skills *s = arena_new(r->arena, struct config_skills);
    const size_t faults = conf_fault_count(r->conf);

    if (s == NULL)
        return; /* the arena is spent, which is looked at */
    r->config->skills = s;
    s->platform_ppm = SHARE_PPM;
    s->payout_delay_us = DELAY_MS * US_PER_MS;
    s->review = SKILL_REVIEW_FINDINGS;
    s->max_upload_bytes = UPLOAD_BYTES;
    if (n != NULL && config__may_be_mapping(r, n)) {
        read_share(r, s, conf_get(r->conf, n, "platform_share"));
        read_delay(r, s, conf_get(r->conf, n, "payout_delay"));
        (void)conf_bool(r->conf, conf_get(r->conf, n, "allow_private"),
                        &s->allow_private);
        read_words(r, s, n);
        (void)conf_u64(r->conf, conf_get(r->conf, n, "max_upload_bytes"),
                       &s->max_upload_bytes, UPLOAD_MIN, UPLOAD_MAX);
        read_payout(r, s, conf_get(r->conf, n, "payout"));
    }
    /* The signer keeps the key that it was started with. What is wrong in itself is
     * told first. */
    if (r->running != NULL && conf_fault_count(r->conf) == faults &&
        (!config__same_key(&s->payout_key, &r->running->skills->payout_key) ||
         !same_network(s->payout_network, r->running->skills->payout_network) ||
         money_cmp(s->payout_max, r->running->skills->payout_max) != 0))
        conf_fault(r->conf, n, "a change of skills.payout needs a restart");
}

void config__free_skills(const struct config_skills *s)
{
    if (s != NULL)
        secret_unref(s->payout_key.passphrase);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sections that belong to what this version does not do yet, so that one file serves
 * both this version and the next. Their form is checked, nothing of them is kept, and a
 * warning says so. */
#include "gateway/config_int.h"

enum form {
    FORM_TEXT,
    FORM_AMOUNT,
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
    struct money amount;
    struct slice text;
    uint32_t ppm;
    uint64_t ms;
    bool yes;

    switch (form) {
    case FORM_TEXT:
        if (conf_text(c, n, &text) && text.len == 0)
            conf_fault(c, n, "is empty");
        return;
    case FORM_AMOUNT:
        (void)conf_money(c, n, &amount);
        return;
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

static void check_key(struct conf *c, struct conf_node *n)
{
    static const struct member members[] = {{"keystore", FORM_TEXT},
                                            {"passphrase_file", FORM_TEXT},
                                            {"hex_file", FORM_TEXT},
                                            {NULL, FORM_TEXT}};

    check_members(c, n, members);
}

static void check_networks(struct conf *c, struct conf_node *list)
{
    static const struct member members[] = {
        {"network", FORM_TEXT}, {"asset", FORM_TEXT},
        {"pay_to", FORM_TEXT},  {"facilitator", FORM_TEXT},
        {"rpc_url", FORM_TEXT}, {"allow_private", FORM_BOOL},
        {NULL, FORM_TEXT}};
    struct conf_node *item;
    size_t at = 0;

    while (conf_next_item(c, list, &at, &item)) {
        check_members(c, item, members);
        check_key(c, conf_get(c, item, "settle_key"));
    }
}

static void check_payments(struct conf *c, struct conf_node *n)
{
    static const struct member buyer_members[] = {{"max_per_payment", FORM_AMOUNT},
                                                  {"max_per_day", FORM_AMOUNT},
                                                  {NULL, FORM_TEXT}};
    static const char *const methods[] = {"ledger", "evm", "tempo-proof", NULL};
    struct conf_node *x402 = conf_get(c, n, "x402");
    struct conf_node *buyer = conf_get(c, x402, "buyer");
    struct conf_node *mpp = conf_get(c, n, "mpp");
    struct conf_node *list = conf_get(c, mpp, "methods");
    struct conf_node *item;
    unsigned choice;
    size_t at = 0;

    check_member(c, conf_get(c, x402, "max_quote"), FORM_AMOUNT);
    check_networks(c, conf_get(c, x402, "networks"));
    check_key(c, conf_get(c, buyer, "key"));
    check_members(c, buyer, buyer_members);
    check_member(c, conf_get(c, mpp, "secret"), FORM_TEXT);
    while (conf_next_item(c, list, &at, &item))
        (void)conf_choice(c, item, &choice, methods);
}

void config__read_unused(struct config__reader *r, struct conf_node *payments,
                         struct conf_node *skills)
{
    static const struct member skill_members[] = {{"platform_share", FORM_PERCENT},
                                                  {"payout_delay", FORM_SPAN},
                                                  {"allow_private", FORM_BOOL},
                                                  {NULL, FORM_TEXT}};

    if (payments != NULL)
        config__warn(r, payments, "'payments' is not used by this version");
    check_payments(r->conf, payments);
    if (skills != NULL)
        config__warn(r, skills, "'skills' is not used by this version");
    check_members(r->conf, skills, skill_members);
}

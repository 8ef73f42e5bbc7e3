/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the catalogue: one value, one encoding, and nothing else is read. */
#include "skills/record.h"

#include "tests/strict_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum rc recode_publisher(struct slice *again, uint8_t *room, struct slice value)
{
    struct skill_publisher p;

    TRY(skills__publisher_decode(&p, SLICE("acme"), value));
    *again = skills__publisher_encode(room, &p);
    return RC_OK;
}

static enum rc recode_skill(struct slice *again, uint8_t *room, struct slice value)
{
    struct skills__skill_record r;

    TRY(skills__skill_decode(&r, value));
    *again = skills__skill_encode(room, &r);
    return RC_OK;
}

static enum rc recode_version(struct slice *again, uint8_t *room, struct slice value)
{
    struct skills__version_record r;

    TRY(skills__version_decode(&r, value));
    *again = skills__version_encode(room, &r);
    return RC_OK;
}

static enum rc recode_offer(struct slice *again, uint8_t *room, struct slice value)
{
    struct skills__names names;
    struct skill_offer o;

    TRY(skills__offer_decode(&names, &o, value));
    *again = skills__offer_encode(room, &names, &o);
    return RC_OK;
}

static void refuse(recode_fn *recode, struct slice value, size_t at, uint8_t byte)
{
    uint8_t room[LEDGER_VALUE_MAX], bytes[LEDGER_VALUE_MAX];
    struct slice again;

    memcpy(bytes, value.bytes, value.len);
    bytes[at] = byte;
    assert_int_equal(recode(&again, room, slice_from((const char *)bytes, value.len)),
                     RC_CORRUPT);
}

static void set_text(char *out, const char *text)
{
    memcpy(out, text, strlen(text) + 1);
}

static void fill(char *out, size_t len)
{
    memset(out, 'x', len);
    out[len] = '\0';
}

static const struct skills__names some_names = {"acme", "weather"};

static void a_publisher_has_one_encoding(void **state)
{
    struct skill_publisher p = {.handle = "acme",
                                .display = "Acme & Söhne",
                                .house_ppm = SKILL_SHARE_NONE,
                                .created_us = 5,
                                .changed_us = 6};
    uint8_t room[LEDGER_VALUE_MAX];

    (void)state;
    check_strict(skills__publisher_encode(room, &p), recode_publisher);
    p.has_key = p.signature_required = p.suspended = true;
    memset(p.key, 0xee, sizeof(p.key));
    memset(p.wallet.bytes, 9, ID_LEN);
    p.house_ppm = 1000000;
    set_text(p.network, "eip155:8453");
    set_text(p.address, "0x00112233445566778899aAbBcCdDeEfF00112233");
    check_strict(skills__publisher_encode(room, &p), recode_publisher);
    refuse(recode_publisher, skills__publisher_encode(room, &p), 0, 2);
    refuse(recode_publisher, skills__publisher_encode(room, &p), 1, 8);
    refuse(recode_publisher, skills__publisher_encode(room, &p), 1, 6); /* no key */
}

static void a_skill_has_one_encoding(void **state)
{
    struct skills__skill_record r = {.names = some_names,
                                     .display = "The Weather",
                                     .created_us = 1,
                                     .updated_us = UINT64_MAX};
    uint8_t room[LEDGER_VALUE_MAX];

    (void)state;
    for (unsigned s = SKILL_PENDING; s <= SKILL_QUARANTINED; s++) {
        r.state = (enum skill_state)s;
        check_strict(skills__skill_encode(room, &r), recode_skill);
    }
    refuse(recode_skill, skills__skill_encode(room, &r), 1, 0);
    refuse(recode_skill, skills__skill_encode(room, &r), 1, 5);
}

static struct skills__version_record some_version(void)
{
    struct skills__version_record r = {.names = some_names,
                                       .v = {.version = "1.2.3-rc.1+5",
                                             .state = SKILL_LISTED,
                                             .zip_bytes = 1000,
                                             .bytes = 2000,
                                             .file_count = 3,
                                             .created_us = 77}};

    memset(r.v.package, 1, 32);
    memset(r.v.manifest, 2, 32);
    memset(r.v.fingerprint, 3, 32);
    set_text(r.v.overview, "fine");
    return r;
}

static void a_version_has_one_encoding(void **state)
{
    struct skills__version_record r = some_version();
    uint8_t room[LEDGER_VALUE_MAX];
    struct slice value;

    (void)state;
    check_strict(skills__version_encode(room, &r), recode_version);
    r.v.is_signed = r.v.suspicious = true;
    memset(r.v.key, 4, sizeof(r.v.key));
    memset(r.v.signature, 5, sizeof(r.v.signature));
    set_text(r.summary, "line one\nline two");
    set_text(r.tags, "a,b");
    set_text(r.license, "MIT");
    r.tool_count = 2;
    r.tools[1][7] = 1;
    value = skills__version_encode(room, &r);
    check_strict(value, recode_version);
    assert_memory_equal(skills__version_package(value), r.v.package, 32);
    assert_memory_equal(skills__version_manifest(value), r.v.manifest, 32);
    assert_memory_equal(skills__version_fingerprint(value), r.v.fingerprint, 32);
}

static void tools_are_in_order_and_none_is_there_twice(void **state)
{
    struct skills__version_record r = some_version();
    uint8_t room[LEDGER_VALUE_MAX];
    struct slice value;
    size_t at;

    (void)state;
    r.tool_count = 2;
    memset(r.tools[0], 'A', SKILLS__TOOL_LEN);
    memset(r.tools[1], 'B', SKILLS__TOOL_LEN);
    value = skills__version_encode(room, &r);
    at = slice_search(value, SLICE("AAAAAAAA"));
    assert_true(at < value.len);
    refuse(recode_version, value, at, 'C');
    for (size_t i = 0; i < SKILLS__TOOL_LEN; i++)
        room[at + i] = 'B';
    refuse(recode_version, value, at, 'B');
}

static void the_longest_of_all_fits(void **state)
{
    struct skills__version_record r = some_version();
    uint8_t room[LEDGER_VALUE_MAX];

    (void)state;
    fill(r.names.publisher, SKILL_PUBLISHER_MAX);
    fill(r.names.slug, SKILL_SLUG_MAX);
    set_text(r.v.version, "1.0.0-");
    fill(r.v.version + 6, SKILL_VERSION_MAX - 6);
    r.v.is_signed = true;
    fill(r.v.changelog, SKILL_CHANGELOG_MAX);
    fill(r.v.overview, SKILL_OVERVIEW_MAX);
    fill(r.summary, SKILL_DESCRIPTION_MAX);
    fill(r.tags, SKILL_TAGS_MAX);
    fill(r.license, SKILLS__LICENSE_MAX);
    r.many_tools = true;
    r.tool_count = SKILLS__TOOLS_MAX;
    for (unsigned i = 0; i < SKILLS__TOOLS_MAX; i++)
        r.tools[i][0] = (uint8_t)i;
    check_strict(skills__version_encode(room, &r), recode_version);
}

static void an_offer_has_one_encoding(void **state)
{
    struct skill_offer o = {.number = 3, .since_us = 99};
    uint8_t room[LEDGER_VALUE_MAX];
    struct slice value;

    (void)state;
    check_strict(skills__offer_encode(room, &some_names, &o), recode_offer);
    o.now.per_install = money_from_nano(5);
    o.now.has_per_call = o.now.has_definition = true;
    o.now.per_call = money_from_nano(UINT64_MAX);
    memset(o.now.definition, 7, sizeof(o.now.definition));
    set_text(o.base_url, "https://api.example.com/v1");
    check_strict(skills__offer_encode(room, &some_names, &o), recode_offer);
    for (o.told_count = 1; o.told_count <= SKILL_TOLD_MAX; o.told_count++) {
        o.told[o.told_count - 1] = (struct skill_told){o.now, 7};
        o.told[o.told_count - 1].terms.per_month = money_from_nano(o.told_count);
        check_strict(skills__offer_encode(room, &some_names, &o), recode_offer);
    }
    o.told_count = 1;
    o.pending = true;
    o.next = o.now;
    set_text(o.next_base_url, "https://other.example.com/");
    value = skills__offer_encode(room, &some_names, &o);
    check_strict(value, recode_offer);
    refuse(recode_offer, value, 1, 0); /* what waits, though nothing waits */
}

static void a_record_belongs_under_the_key_of_its_names(void **state)
{
    uint8_t skill[SKILLS__KEY_LEN], version[SKILLS__KEY_LEN];
    const struct skills__names other = {"acm", "eweather"};
    struct slice skill_key, version_key;

    (void)state;
    skills__skill_key(skill, SLICE("acme"), SLICE("weather"));
    skills__version_key(version, SLICE("acme"), SLICE("weather"), SLICE("1.0.0"));
    skill_key = slice_from((const char *)skill, sizeof(skill));
    version_key = slice_from((const char *)version, sizeof(version));
    assert_true(skills__key_fits(skill_key, &some_names, ""));
    assert_true(skills__key_fits(version_key, &some_names, "1.0.0"));
    assert_false(skills__key_fits(version_key, &some_names, ""));
    assert_false(skills__key_fits(version_key, &some_names, "1.0.1"));
    assert_false(skills__key_fits(skill_key, &other, ""));
}

static void control_characters_are_no_text(void **state)
{
    (void)state;
    assert_true(skills__text_ok(SLICE(""), 0, 5, false));
    assert_false(skills__text_ok(SLICE(""), 1, 5, false));
    assert_false(skills__text_ok(SLICE("123456"), 1, 5, false));
    assert_true(skills__text_ok(SLICE("a\nb\t"), 1, 5, true));
    assert_false(skills__text_ok(SLICE("a\nb"), 1, 5, false));
    assert_false(skills__text_ok(SLICE("a\rb"), 1, 5, true));
    assert_false(skills__text_ok(SLICE("\x1b[0m"), 1, 5, true));
    assert_false(skills__text_ok(SLICE("a\x7f"), 1, 5, true));
    assert_false(skills__text_ok(SLICE("\xc2\x85"), 1, 5, true));
    assert_false(skills__text_ok(SLICE("\xc3"), 1, 5, true));
    assert_true(skills__text_ok(SLICE("\xc3\xa9"), 1, 5, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publisher_has_one_encoding),
        cmocka_unit_test(a_skill_has_one_encoding),
        cmocka_unit_test(a_version_has_one_encoding),
        cmocka_unit_test(tools_are_in_order_and_none_is_there_twice),
        cmocka_unit_test(the_longest_of_all_fits),
        cmocka_unit_test(an_offer_has_one_encoding),
        cmocka_unit_test(a_record_belongs_under_the_key_of_its_names),
        cmocka_unit_test(control_characters_are_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

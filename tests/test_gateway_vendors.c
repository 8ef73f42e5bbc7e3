/* SPDX-License-Identifier: Apache-2.0 */
/* The table of vendors, what the configuration takes from it, and what their errors
 * mean. */
#include "gateway/providers/vendors.h"

#include "gateway/catalog.h"
#include "gateway/config.h"
#include "gateway/provider.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"
#include "tests/wire_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool has_models(const char *catalog)
{
    const struct catalog_model *m;

    for (size_t i = 0; (m = catalog_at(i)) != NULL; i++)
        if (strcmp(m->provider, catalog) == 0)
            return true;
    return false;
}

static void every_line_is_one_that_can_be_used(void **state)
{
    const struct vendor *v, *before = NULL;
    size_t count = 0;

    (void)state;
    for (; (v = vendor_at(count)) != NULL; count++, before = v) {
        if (before != NULL) /* in order, so none is there twice */
            assert_true(strcmp(before->name, v->name) < 0);
        assert_ptr_equal(vendor_find(v->name), v);
        if (v->base_url != NULL) {
            assert_int_equal(strncmp(v->base_url, "https://", 8), 0);
            assert_true(v->base_url[strlen(v->base_url) - 1] != '/');
        }
        if (v->catalog != NULL && !has_models(v->catalog))
            fail_msg("%s: the catalogue has no %s", v->name, v->catalog);
        /* A vendor cannot lack both names of the bound. */
        assert_true((v->quirks & (QUIRK_MAX_TOKENS | QUIRK_NO_MAX_TOKENS)) !=
                    (QUIRK_MAX_TOKENS | QUIRK_NO_MAX_TOKENS));
    }
    assert_true(count >= 24);
    assert_null(vendor_find("nobody"));
    assert_null(vendor_find(NULL));
}

static unsigned quirks(const char *vendor, const char *model)
{
    return vendor_quirks(vendor, slice_str(model));
}

static void models_differ_from_their_vendors_others(void **state)
{
    (void)state;
    assert_true(quirks("dashscope", "qwq-plus") & QUIRK_STREAM_ONLY);
    assert_true(quirks("dashscope-cn", "qwen3-32b") & QUIRK_STREAM_ONLY);
    assert_true(quirks("dashscope", "qwen3-235b-a22b") & QUIRK_STREAM_ONLY);
    assert_false(quirks("dashscope", "qwen3-max") & QUIRK_STREAM_ONLY);
    assert_false(quirks("together", "qwq-plus") & QUIRK_STREAM_ONLY);
    assert_true(quirks("moonshot", "moonshot-v1-8k") & QUIRK_NO_THINKING);
    assert_false(quirks("moonshot", "moonshot-v1-8k") & QUIRK_THINKING_SWITCH);
    assert_true(quirks("moonshot", "kimi-k2-thinking") & QUIRK_NO_SAMPLING);
    assert_true(quirks("xai", "grok-4-fast") & QUIRK_NO_EFFORT);
    assert_false(quirks("xai", "grok-3-mini") & QUIRK_NO_EFFORT);
    assert_true(quirks("mistral", "x") & QUIRK_SHORT_IDS);
    /* Nobody knows: the surest. */
    assert_true(quirks(NULL, "x") & QUIRK_OLD_BOUND);
    assert_int_equal(quirks(NULL, "x"), quirks("nobody", "x"));
}

static void openais_models_differ_too(void **state)
{
    const struct provider *p = provider_find(SLICE("openai"));
    const struct config_provider c = {.kind = NULL};

    (void)state;
    assert_true(p->quirks(&c, SLICE("gpt-5.2")) & QUIRK_NO_MAX_TOKENS);
    assert_true(p->quirks(&c, SLICE("o3-mini")) & QUIRK_NO_SAMPLING);
    assert_true(p->quirks(&c, SLICE("gpt-4o")) & QUIRK_NO_THINKING);
    assert_false(p->quirks(&c, SLICE("gpt-4o")) & QUIRK_NO_MAX_TOKENS);
    assert_false(p->quirks(&c, SLICE("omni-x")) & QUIRK_NO_MAX_TOKENS);
}

static void a_known_vendor_needs_no_address(void **state)
{
    const struct config *c =
        config_fixture_load("providers:\n"
                            "  a: {kind: compatible, vendor: deepseek}\n"
                            "  b: {kind: compatible, vendor: zhipu}\n"
                            "  c: {kind: compatible, vendor: groq, base_url: "
                            "\"https://mirror.example/v1\"}\n"
                            "  d: {kind: compatible, vendor: my-own, base_url: "
                            "\"https://own.example/v1\"}\n");

    (void)state;
    assert_string_equal(c->providers[0].base_url, "https://api.deepseek.com/v1");
    assert_string_equal(c->providers[1].base_url,
                        "https://open.bigmodel.cn/api/paas/v4");
    assert_string_equal(c->providers[2].base_url, "https://mirror.example/v1");
    assert_string_equal(c->providers[3].vendor, "my-own");
    config_unref(c);
    assert_string_equal(vendor_catalog("together"), "together_ai");
    assert_string_equal(vendor_catalog("my-own"), "my-own");
    assert_null(vendor_catalog(NULL));
}

static void classified(unsigned status, const char *body, enum provider_verdict v)
{
    const struct provider *p = provider_find(SLICE("compatible"));

    if (p->classify(status, slice_str(body)) != v)
        fail_msg("%u %s", status, body);
}

static void a_fault_of_ours_or_the_models_is_not_the_clients(void **state)
{
    (void)state;
    classified(400, "{\"error\":{\"code\":\"model_not_found\"}}", PROVIDER_NEXT);
    classified(400, "{\"error\":{\"code\":\"tool_use_failed\",\"message\":\"x\"}}",
               PROVIDER_NEXT);
    classified(400, "{\"code\":\"Arrearage\",\"message\":\"x\"}", PROVIDER_NEXT);
    classified(400, "{\"error\":{\"type\":\"authentication_error\",\"code\":null}}",
               PROVIDER_NEXT);
    classified(400, "{\"error\":{\"code\":1113,\"message\":\"x\"}}", PROVIDER_NEXT);
    classified(429, "{\"error\":{\"code\":\"1302\"}}", PROVIDER_NEXT);
    classified(434, "", PROVIDER_NEXT);
    classified(503, "<html>", PROVIDER_NEXT);
    classified(400,
               "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":"
               "\"model_not_found\"}}",
               PROVIDER_FINAL);
    classified(422, "{\"detail\":[{\"type\":\"extra_forbidden\"}]}", PROVIDER_FINAL);
    classified(400, "<html>", PROVIDER_FINAL);
    classified(400, "", PROVIDER_FINAL);
}

/* Unknown models, as six vendors said it, go to the next target; what was wrong with a
 * request stays with the client. */
static void recorded_errors_are_judged(void **state)
{
    static const struct {
        const char *file;
        unsigned status;
        enum provider_verdict verdict;
    } files[] = {
        {"groq/pa-tool_use_failed_error.response.json", 400, PROVIDER_NEXT},
        {"groq/pa-tool_regular_error.response.json", 404, PROVIDER_NEXT},
        {"openai/en-chat-unknown-model.response.json", 404, PROVIDER_NEXT},
        {"errors_unknown_model/pa-model_name_suggestion_groq.response.json", 400,
         PROVIDER_NEXT},
        {"openrouter/pa-openrouter_errors_raised.response.json", 429, PROVIDER_NEXT},
        {"openai/en-chat-bad-request.response.json", 400, PROVIDER_FINAL},
        {"openai/en-chat-no-messages.response.json", 400, PROVIDER_FINAL},
        {"openai/pa-openai_o1_mini_system_role_system.response.json", 400,
         PROVIDER_FINAL},
        {"azure/tl-prompt_content_filtering.response.json", 400, PROVIDER_FINAL},
        {"deepseek/"
         "pa-deepseek_responses_rejects_interleaved_function_calls.response.json",
         400, PROVIDER_FINAL},
    };
    const struct provider *p = provider_find(SLICE("compatible"));

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct slice body = wire_file(files[i].file);

        if (p->classify(files[i].status, body) != files[i].verdict)
            fail_msg("%s", files[i].file);
        wire_free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_one_that_can_be_used),
        cmocka_unit_test(models_differ_from_their_vendors_others),
        cmocka_unit_test(openais_models_differ_too),
        cmocka_unit_test(a_known_vendor_needs_no_address),
        cmocka_unit_test(a_fault_of_ours_or_the_models_is_not_the_clients),
        cmocka_unit_test(recorded_errors_are_judged),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}

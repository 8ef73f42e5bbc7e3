/* SPDX-License-Identifier: Apache-2.0 */
/* Usage reports: the vendors' arithmetic, and what is not believed. */
#include "gateway/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct usage good(const char *json)
{
    struct usage u = {0};

    assert_int_equal(usage_from_openai(&u, slice_str(json)), RC_OK);
    assert_true(u.known);
    return u;
}

static void bad(const char *json)
{
    struct usage u = {.out_text = 7};

    if (usage_from_openai(&u, slice_str(json)) != RC_BAD_INPUT)
        fail_msg("believed: %s", json);
    assert_int_equal(u.out_text, 7);
}

static void cached_and_written_tokens_are_parts_of_the_prompt(void **state)
{
    struct usage u =
        good("{\"prompt_tokens\":4020,\"completion_tokens\":4,\"total_tokens\":"
             "4024,\"prompt_tokens_details\":{\"cached_tokens\":8,"
             "\"cache_write_tokens\":4000}}");

    (void)state;
    assert_int_equal(u.in_uncached, 12);
    assert_int_equal(u.in_cache_read, 8);
    assert_int_equal(u.in_cache_write, 4000);
    assert_int_equal(u.out_text, 4);
    assert_int_equal(usage_prompt(&u), 4020);
}

static void reasoning_inside_the_completion_is_not_counted_twice(void **state)
{
    struct usage u =
        good("{\"prompt_tokens\":12,\"completion_tokens\":100,\"total_tokens\":"
             "112,\"completion_tokens_details\":{\"reasoning_tokens\":90}}");

    (void)state;
    assert_int_equal(u.out_reasoning, 90);
    assert_int_equal(usage_completion(&u), 100);
}

static void reasoning_beside_the_completion_is_told_by_the_total(void **state)
{
    struct usage u =
        good("{\"prompt_tokens\":12,\"completion_tokens\":1,\"total_tokens\":303,"
             "\"completion_tokens_details\":{\"reasoning_tokens\":290}}");

    (void)state;
    assert_int_equal(usage_completion(&u), 291);
    assert_int_equal(u.out_reasoning, 290);
}

static void reasoning_that_only_the_total_tells_is_counted(void **state)
{
    struct usage u = good("{\"prompt_tokens\":7,\"completion_tokens\":12,"
                          "\"total_tokens\":402}");

    (void)state;
    assert_int_equal(u.out_reasoning, 383);
    assert_int_equal(usage_completion(&u), 395);
    /* Cached tokens beside the prompt are no output. */
    u = good("{\"prompt_tokens\":7,\"completion_tokens\":12,\"total_tokens\":24,"
             "\"prompt_tokens_details\":{\"cached_tokens\":5}}");
    assert_int_equal(usage_completion(&u), 12);
}

static void cached_tokens_have_three_names(void **state)
{
    struct usage u = good("{\"prompt_tokens\":9,\"cached_tokens\":4}");

    (void)state;
    assert_int_equal(u.in_cache_read, 4);
    u = good("{\"prompt_tokens\":9,\"prompt_cache_hit_tokens\":5,"
             "\"prompt_cache_miss_tokens\":4}");
    assert_int_equal(u.in_cache_read, 5);
    u = good("{\"prompt_tokens\":9,\"prompt_cache_hit_tokens\":5,"
             "\"prompt_tokens_details\":{\"cached_tokens\":5}}");
    assert_int_equal(u.in_cache_read, 5);
    assert_int_equal(u.in_uncached, 4);
}

static void sounds_and_images_are_counted_apart_and_once(void **state)
{
    struct usage u =
        good("{\"prompt_tokens\":100,\"completion_tokens\":50,\"total_tokens\":150,"
             "\"prompt_tokens_details\":{\"cached_tokens\":10,\"audio_tokens\":30,"
             "\"image_tokens\":20,\"text_tokens\":50},\"completion_tokens_details\":{"
             "\"audio_tokens\":40,\"reasoning_tokens\":5,\"text_tokens\":5}}");

    (void)state;
    assert_int_equal(u.in_audio, 30);
    assert_int_equal(u.in_image, 20);
    assert_int_equal(u.in_uncached, 40);
    assert_int_equal(u.out_audio, 40);
    assert_int_equal(u.out_text, 5);
    assert_int_equal(usage_prompt(&u), 100);
    assert_int_equal(usage_completion(&u), 50);
    /* Parts that overlap never make more than the whole. */
    u = good("{\"prompt_tokens\":10,\"prompt_tokens_details\":{\"cached_tokens\":8,"
             "\"audio_tokens\":9}}");
    assert_int_equal(u.in_audio, 2);
    assert_int_equal(usage_prompt(&u), 10);
}

static uint64_t cost(const char *members)
{
    char json[256];
    struct usage u;

    (void)snprintf(json, sizeof(json), "{\"prompt_tokens\":1,%s}", members);
    u = good(json);
    return u.has_reported_cost ? money_to_nano(u.reported_cost) : UINT64_MAX;
}

static void a_reported_cost_is_read_to_the_nano_dollar(void **state)
{
    (void)state;
    assert_int_equal(cost("\"cost\":0.00085"), 850000);
    assert_int_equal(cost("\"cost\":0.0076509169000000005"), 7650917);
    assert_int_equal(cost("\"cost\":1.425e-05"), 14250);
    assert_int_equal(cost("\"cost\":2E-10"), 0);
    assert_int_equal(cost("\"cost\":5e-10"), 1);
    assert_int_equal(cost("\"cost\":1.9999999996"), UINT64_C(2000000000));
    assert_int_equal(cost("\"cost\":0"), 0);
    assert_int_equal(cost("\"cost\":12"), UINT64_C(12000000000));
    assert_int_equal(cost("\"cost\":1e+2"), UINT64_C(100000000000));
    assert_int_equal(cost("\"cost_in_usd_ticks\":1466250"), 146625);
    assert_int_equal(cost("\"cost_in_usd_ticks\":5"), 1);
    assert_int_equal(cost("\"cost\":-1"), UINT64_MAX);
    assert_int_equal(cost("\"cost\":1e25"), UINT64_MAX);
    assert_int_equal(cost("\"cost\":1e-400"), 0);
    assert_int_equal(cost("\"cost\":\"1\""), UINT64_MAX);
}

static void more_reasoning_than_output_is_cut_to_the_output(void **state)
{
    struct usage u =
        good("{\"prompt_tokens\":1,\"completion_tokens\":10,\"total_tokens\":11,"
             "\"completion_tokens_details\":{\"reasoning_tokens\":11}}");

    (void)state;
    assert_int_equal(usage_completion(&u), 10);
}

static void embeddings_have_no_completion(void **state)
{
    struct usage u = good("{\"prompt_tokens\":5,\"total_tokens\":5}");

    (void)state;
    assert_int_equal(usage_prompt(&u), 5);
    assert_int_equal(usage_completion(&u), 0);
}

static void absurd_reports_are_not_believed(void **state)
{
    (void)state;
    bad("{}");
    bad("[]");
    bad("{\"prompt_tokens\":-1,\"completion_tokens\":1}");
    bad("{\"prompt_tokens\":1.5,\"completion_tokens\":1}");
    bad("{\"prompt_tokens\":\"12\",\"completion_tokens\":1}");
    bad("{\"prompt_tokens\":1,\"completion_tokens\":9007199254740993}");
    bad("{\"prompt_tokens\":1,\"completion_tokens\":18446744073709551616}");
    bad("{\"prompt_tokens\":1,\"completion_tokens\":[]}");
    bad("{\"prompt_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":4}}");
    bad("{\"prompt_tokens\":null,\"completion_tokens\":1}");
}

static void an_estimate_counts_four_bytes_a_token_rounded_up(void **state)
{
    struct usage u = usage_estimate(9, 5, 1);

    (void)state;
    assert_true(u.estimated);
    assert_false(u.known);
    assert_int_equal(usage_prompt(&u), 3);
    assert_int_equal(usage_completion(&u), 2);
    u = usage_estimate(0, 3, 3);
    assert_int_equal(usage_completion(&u), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cached_and_written_tokens_are_parts_of_the_prompt),
        cmocka_unit_test(reasoning_inside_the_completion_is_not_counted_twice),
        cmocka_unit_test(reasoning_beside_the_completion_is_told_by_the_total),
        cmocka_unit_test(reasoning_that_only_the_total_tells_is_counted),
        cmocka_unit_test(cached_tokens_have_three_names),
        cmocka_unit_test(sounds_and_images_are_counted_apart_and_once),
        cmocka_unit_test(a_reported_cost_is_read_to_the_nano_dollar),
        cmocka_unit_test(more_reasoning_than_output_is_cut_to_the_output),
        cmocka_unit_test(embeddings_have_no_completion),
        cmocka_unit_test(absurd_reports_are_not_believed),
        cmocka_unit_test(an_estimate_counts_four_bytes_a_token_rounded_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

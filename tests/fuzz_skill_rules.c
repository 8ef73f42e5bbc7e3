/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of any kind under the rules: findings stay within bounds and point into the
 * text, and the verdict is one paragraph. */
#include "skills/rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FRONT "---\nname: a\ndescription: b\n---\n"

static unsigned count_lines(struct slice s)
{
    unsigned count = 1;

    for (size_t i = 0; i < s.len; i++)
        count += s.bytes[i] == '\n';
    return count;
}

static void check(const struct skill_verdict *v, const struct skill_package *p)
{
    enum skill_severity worst = SKILL_NOTE;
    struct buf words;

    assert(v->count <= SKILL_FINDINGS_MAX);
    for (size_t i = 0; i < v->count; i++) {
        const struct skill_finding *f = &v->findings[i];
        const struct skill_file *file = skill_package_find(p, f->path);

        assert(file != NULL && f->line <= count_lines(file->bytes));
        assert(strlen(f->rule) > 0 && strlen(f->words) > 0);
        if (f->severity > worst)
            worst = f->severity;
    }
    assert(worst == v->worst);
    buf_init(&words, 4096);
    skill_verdict_words(&words, v, p);
    assert(buf_len(&words) > 0 && buf_len(&words) <= 1000);
    buf_free(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = slice_from((const char *)data, size);
    static struct skill_verdict verdict;
    struct skill_package *p = NULL;
    struct buf why;

    buf_init(&why, 4096);
    if (skill_package_new(&p) != RC_OK ||
        skill_package_add(p, SLICE("SKILL.md"), SLICE(FRONT), &why) != RC_OK ||
        skill_package_add(p, SLICE("a.sh"), text, &why) != RC_OK ||
        skill_package_add(p, SLICE("b.md"), text, &why) != RC_OK ||
        skill_package_seal(p, &why) != RC_OK)
        abort();
    skill_rules_run(&verdict, p);
    check(&verdict, p);
    buf_free(&why);
    skill_package_free(p);
    return 0;
}

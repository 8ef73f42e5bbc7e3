/* SPDX-License-Identifier: Apache-2.0 */
/* What the name of a model says about it. */
#include "gateway/wires/converse.h"

enum converse_family converse_family(struct slice model)
{
    static const struct {
        const char *word;
        enum converse_family family;
    } words[] = {
        {"anthropic.", CONVERSE_CLAUDE},      {"claude", CONVERSE_CLAUDE},
        {"amazon.nova-2", CONVERSE_NOVA_2},   {"amazon.nova-", CONVERSE_NOVA},
        {"openai.gpt-oss", CONVERSE_GPT_OSS},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_search(model, slice_str(words[i].word)) < model.len)
            return words[i].family;
    return CONVERSE_OTHER;
}

/* Of one or two digits; what is longer is a day. */
static bool is_small_number(uint64_t *out, struct slice piece)
{
    return piece.len <= 2 && slice_to_u64(out, piece) == RC_OK;
}

unsigned converse_claude_version(struct slice model)
{
    const size_t at = slice_search(model, SLICE("claude-"));
    struct slice rest = slice_sub(model, at, model.len);
    uint64_t number = 0;
    uint64_t version = 0;
    struct slice piece;

    while (version == 0 && slice_next(&piece, &rest, '-'))
        if (is_small_number(&number, piece))
            version = 100 * number;
    if (version > 0 && slice_next(&piece, &rest, '-') &&
        is_small_number(&number, piece))
        version += number;
    return (unsigned)version;
}

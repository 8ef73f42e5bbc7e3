/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/skill_ref.h"

int skill_ref_parse(struct skill_ref *out, const struct cli *c, const char *text,
                    bool with_version)
{
    const struct slice all = slice_str(text);
    const size_t at = slice_find(all, '@');
    const struct slice name = slice_sub(all, 0, at);
    const size_t slash = slice_find(name, '/');
    const struct slice slug = slice_sub(name, slash + 1, name.len);

    if (slash == 0 || slug.len == 0 || (at < all.len && !with_version) ||
        slice_to_cstr(out->publisher, sizeof(out->publisher),
                      slice_sub(name, 0, slash)) != RC_OK ||
        slice_to_cstr(out->slug, sizeof(out->slug), slug) != RC_OK ||
        slice_to_cstr(out->version, sizeof(out->version),
                      slice_sub(all, at + 1, all.len)) != RC_OK)
        return cli_usage(c, "'%s' is no skill: write PUBLISHER/SKILL%s", text,
                         with_version ? " or PUBLISHER/SKILL@VERSION" : "");
    return CLI_OK;
}

void skill_ref_start(struct client_request *q, const char *method,
                     const struct skill_ref *ref, const char *behind)
{
    client_request_start(q, method, "/admin/v1/skills");
    client_request_segment(q, ref->publisher);
    client_request_segment(q, ref->slug);
    if (behind != NULL)
        client_request_segment(q, behind);
}

int skill_ref_fail(const struct cli *c, enum rc rc, const struct buf *why)
{
    if (buf_len(why) == 0)
        return cli_fail(c, rc, "it cannot be done: %s", rc_reason(rc));
    return cli_fail(c, rc, "%.*s", SLICE_FMT(slice_trim(buf_slice(why))));
}

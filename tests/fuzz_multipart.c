/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of any bytes, whose first line is the Content-Type: every part lies in the
 * body, behind the one before it, between two delimiters, and holds none itself. */
#include "gateway/multipart.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_from((const char *)data, size);
    const size_t line = slice_find(all, '\n');
    const struct slice type = slice_sub(all, 0, line);
    const struct slice body = slice_sub(all, line + 1, size);
    struct multipart_part part;
    struct multipart m;
    struct arena *a;
    const char *at = body.bytes;
    enum rc rc;

    if (multipart_open(&m, type, body) != RC_OK || arena_open(&a, 1 << 20) != RC_OK)
        return 0;
    while ((rc = multipart_next(&part, &m, a)) == RC_OK) {
        const struct slice delimiter = slice_from(m.delimiter, m.delimiter_len);

        assert(part.bytes.bytes == NULL ||
               (part.bytes.bytes > at &&
                part.bytes.bytes + part.bytes.len <= body.bytes + body.len));
        assert(slice_search(part.bytes, delimiter) == part.bytes.len);
        if (part.bytes.bytes != NULL)
            at = part.bytes.bytes + part.bytes.len;
        assert(m.rest.bytes > at && m.count <= MULTIPART_PARTS_MAX);
    }
    assert(rc != RC_NOT_FOUND || m.rest.len <= 4);
    arena_close(a);
    return 0;
}

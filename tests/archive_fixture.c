/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/archive_fixture.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum {
    TAR_BLOCK = 512,
    GZIP_HEAD = 10,
    GZIP_TAIL = 8
};

/* ---- Zip ---- */

uint32_t zip_crc(struct slice bytes)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint8_t)bytes.bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ UINT32_C(0xedb88320) : crc >> 1;
    }
    return ~crc;
}

static void put16(struct buf *out, uint32_t value)
{
    buf_append_char(out, (char)(value & 0xff));
    buf_append_char(out, (char)(value >> 8 & 0xff));
}

static void put32(struct buf *out, uint32_t value)
{
    put16(out, value & 0xffff);
    put16(out, value >> 16);
}

void zip_begin(struct zip_maker *z)
{
    buf_init(&z->out, ARCHIVE_MAX);
    buf_init(&z->central, ARCHIVE_MAX);
    z->count = 0;
}

static void put_common(struct buf *out, const struct zip_entry *e, size_t name_len)
{
    put16(out, 20);
    put16(out, e->flags);
    put16(out, e->method);
    put32(out, 0x5a8f6000);
    put32(out, e->crc);
    put32(out, (uint32_t)e->packed.len);
    put32(out, e->len);
    put16(out, (uint32_t)name_len);
    put16(out, 0);
}

void zip_put(struct zip_maker *z, const struct zip_entry *e)
{
    const struct slice other = e->central_name.len > 0 ? e->central_name : e->name;
    const uint32_t offset = (uint32_t)buf_len(&z->out);

    put32(&z->out, 0x04034b50);
    put_common(&z->out, e, e->name.len);
    buf_append(&z->out, e->name);
    buf_append(&z->out, e->packed);
    put32(&z->central, 0x02014b50);
    put16(&z->central, 3 << 8 | 20);
    put_common(&z->central, e, other.len);
    put32(&z->central, 0);
    put16(&z->central, 0);
    put32(&z->central, (e->unix_mode == 0 ? UNIX_FILE : e->unix_mode) << 16);
    put32(&z->central, offset);
    buf_append(&z->central, other);
    z->count++;
}

void zip_stored(struct zip_maker *z, struct slice name, struct slice bytes)
{
    struct zip_entry e = {.name = name, .packed = bytes, .flags = ZIP_FLAG_UTF8};

    e.crc = zip_crc(bytes);
    e.len = (uint32_t)bytes.len;
    zip_put(z, &e);
}

void zip_deflated(struct zip_maker *z, struct slice name, struct slice bytes)
{
    struct zip_entry e = {.name = name, .method = ZIP_DEFLATED};
    struct buf packed;

    buf_init(&packed, ARCHIVE_MAX);
    gzip(&packed, bytes);
    e.packed = slice_sub(buf_slice(&packed), GZIP_HEAD,
                         buf_len(&packed) - GZIP_HEAD - GZIP_TAIL);
    e.crc = zip_crc(bytes);
    e.len = (uint32_t)bytes.len;
    zip_put(z, &e);
    buf_free(&packed);
}

struct slice zip_end(struct zip_maker *z)
{
    const uint32_t start = (uint32_t)buf_len(&z->out);

    buf_append(&z->out, buf_slice(&z->central));
    put32(&z->out, 0x06054b50);
    put32(&z->out, 0);
    put16(&z->out, z->count);
    put16(&z->out, z->count);
    put32(&z->out, (uint32_t)buf_len(&z->central));
    put32(&z->out, start);
    put16(&z->out, 0);
    assert_false(buf_spent(&z->out));
    return buf_slice(&z->out);
}

void zip_free(struct zip_maker *z)
{
    buf_free(&z->out);
    buf_free(&z->central);
}

/* ---- Tar ---- */

static void put_octal(char *field, size_t size, uint64_t value)
{
    for (size_t i = size - 1; i-- > 0; value /= 8)
        field[i] = (char)('0' + value % 8);
}

void tar_put(struct buf *out, char type, const char *name, const char *link,
             uint64_t size, struct slice bytes)
{
    char block[TAR_BLOCK] = {0};
    unsigned sum = 0;

    memcpy(block, name, strlen(name) > 100 ? 100 : strlen(name));
    put_octal(block + 100, 8, 0644);
    put_octal(block + 108, 8, 0);
    put_octal(block + 116, 8, 0);
    put_octal(block + 124, 12, size);
    put_octal(block + 136, 12, 0);
    memset(block + 148, ' ', 8);
    block[156] = type;
    memcpy(block + 157, link, strlen(link) > 100 ? 100 : strlen(link));
    memcpy(block + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(block); i++)
        sum += (unsigned char)block[i];
    put_octal(block + 148, 7, sum);
    buf_append(out, slice_from(block, sizeof(block)));
    buf_append(out, bytes);
    memset(block, 0, sizeof(block));
    if (bytes.len % TAR_BLOCK != 0)
        buf_append(out, slice_from(block, TAR_BLOCK - bytes.len % TAR_BLOCK));
}

void tar_file(struct buf *out, const char *name, struct slice bytes)
{
    tar_put(out, '0', name, "", bytes.len, bytes);
}

void tar_end(struct buf *out)
{
    static const char zeros[2 * TAR_BLOCK];

    buf_append(out, slice_from(zeros, sizeof(zeros)));
    assert_false(buf_spent(out));
}

/* ---- Gzip ---- */

static la_ssize_t append(struct archive *a, void *arg, const void *bytes, size_t len)
{
    (void)a;
    buf_append(arg, slice_from(bytes, len));
    return (la_ssize_t)len;
}

void gzip(struct buf *out, struct slice bytes)
{
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();

    assert_non_null(a);
    assert_non_null(e);
    assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
    assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
    assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
    assert_int_equal(archive_write_open(a, out, NULL, append, NULL), ARCHIVE_OK);
    archive_entry_set_filetype(e, AE_IFREG);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, bytes.bytes, bytes.len), bytes.len);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    (void)archive_write_free(a);
    archive_entry_free(e);
    assert_false(buf_spent(out));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in: the text that people sign is the one that other implementations make, and
 * what is not signed by its address is nobody's. */
#include "x402/sign_in.h"

#include "base/codec.h"
#include "x402/curve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Made by @x402/extensions 2.27.0 with the first key of development chains: as little
 * as it may say, and all that it can. */
static const char little[] =
    "eyJkb21haW4iOiJ0b2xsLmV4YW1wbGUiLCJhZGRyZXNzIjoiMHhmMzlGZDZlNTFhYWQ4OE"
    "Y2RjRjZTZhQjg4MjcyNzljZmZGYjkyMjY2IiwidXJpIjoiaHR0cHM6Ly90b2xsLmV4YW1w"
    "bGUvdjEvZGF0YS9zZWFyY2gvc2VhcmNoP3E9MSIsInZlcnNpb24iOiIxIiwiY2hhaW5JZC"
    "I6ImVpcDE1NTo4NDUzMiIsInR5cGUiOiJlaXAxOTEiLCJub25jZSI6IjAxMjM0NTY3ODlh"
    "YmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwiaXNzdWVkQXQiOiIyMDM2LTAxLTE1VDEyOjAwOj"
    "AwWiIsInNpZ25hdHVyZSI6IjB4Y2U3ZWEwN2EwNjk2YzAwODUwYzZlMjFkNGUwYmY2MGVh"
    "NTlkYTYxNGY1MmYxNWM5NTk1NWM3ZWM2YjRmN2U2MzI5NThmMDFlOTk1MTZjNzg4OTJlMT"
    "g5NWZmNWY4MjRkMjE0MjJmMzNiYTQ2MzMxOTI0MmYwMmNkOWNmZDk4M2ExYiJ9";
static const char all[] =
    "eyJkb21haW4iOiJ0b2xsLmV4YW1wbGUiLCJhZGRyZXNzIjoiMHhmMzlGZDZlNTFhYWQ4OE"
    "Y2RjRjZTZhQjg4MjcyNzljZmZGYjkyMjY2Iiwic3RhdGVtZW50IjoiUGF5IHRoaXMgY2Fs"
    "bC4iLCJ1cmkiOiJodHRwczovL3RvbGwuZXhhbXBsZS92MS9kYXRhL3NlYXJjaC9zZWFyY2"
    "g/cT0xIiwidmVyc2lvbiI6IjEiLCJjaGFpbklkIjoiZWlwMTU1Ojg0NTMyIiwidHlwZSI6"
    "ImVpcDE5MSIsIm5vbmNlIjoiMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYiLC"
    "Jpc3N1ZWRBdCI6IjIwMzYtMDEtMTVUMTI6MDA6MDBaIiwiZXhwaXJhdGlvblRpbWUiOiIy"
    "MDM2LTAxLTE1VDEyOjA1OjAwWiIsIm5vdEJlZm9yZSI6IjIwMzYtMDEtMTVUMTE6MDA6MD"
    "BaIiwicmVxdWVzdElkIjoici0xIiwicmVzb3VyY2VzIjpbImh0dHBzOi8vdG9sbC5leGFt"
    "cGxlL3YxL2RhdGEvc2VhcmNoL3NlYXJjaD9xPTEiLCJodHRwczovL3RvbGwuZXhhbXBsZS"
    "9iIl0sInNpZ25hdHVyZSI6IjB4N2U5YWEyYjdjMjlhOWM3M2VjNTgzNzliYTczOGZkN2Yz"
    "MDU5ZTAzOTZiNTk5OTYxMWUwZGI0NmNlYzhjZjdhMjJhMDJhYmM2ZjEyNzRjNWI4NmE5YT"
    "MxMGJlYWY2ZGQwMzM0MmUzYzc2N2RiYmJjNDc1NDViOWUzNWI5YjJhYzkxYiJ9";

static struct arena *arena;

static int open_arena(void **state)
{
    (void)state;
    return arena_open(&arena, 1 << 20) == RC_OK ? 0 : -1;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

static int start(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};

    (void)state;
    return x402_curve_start(seed) == RC_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    x402_curve_stop();
    return 0;
}

static struct x402_sign_in read_header(const char *header)
{
    struct x402_sign_in s;

    assert_int_equal(x402_sign_in_parse(&s, slice_str(header), arena), RC_OK);
    return s;
}

static enum rc read_json(const char *json)
{
    struct x402_sign_in s;

    return x402_sign_in_parse(&s, base64_encode(arena, slice_str(json)), arena);
}

static void the_text_is_that_of_others(void **state)
{
    struct x402_sign_in s = read_header(little);
    struct slice text;

    (void)state;
    assert_int_equal(x402_sign_in_text(&text, &s, arena), RC_OK);
    assert_true(slice_equal_str(
        text, "toll.example wants you to sign in with your Ethereum account:\n"
              "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n\n\n"
              "URI: https://toll.example/v1/data/search/search?q=1\n"
              "Version: 1\nChain ID: 84532\n"
              "Nonce: 0123456789abcdef0123456789abcdef\n"
              "Issued At: 2036-01-15T12:00:00Z"));
    assert_true(x402_sign_in_verify(&s, arena));
    s = read_header(all);
    assert_int_equal(x402_sign_in_text(&text, &s, arena), RC_OK);
    assert_true(slice_equal_str(
        text, "toll.example wants you to sign in with your Ethereum account:\n"
              "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\n\n"
              "Pay this call.\n\n"
              "URI: https://toll.example/v1/data/search/search?q=1\n"
              "Version: 1\nChain ID: 84532\n"
              "Nonce: 0123456789abcdef0123456789abcdef\n"
              "Issued At: 2036-01-15T12:00:00Z\n"
              "Expiration Time: 2036-01-15T12:05:00Z\n"
              "Not Before: 2036-01-15T11:00:00Z\n"
              "Request ID: r-1\nResources:\n"
              "- https://toll.example/v1/data/search/search?q=1\n"
              "- https://toll.example/b"));
    assert_true(x402_sign_in_verify(&s, arena));
}

static void nothing_of_it_can_be_changed(void **state)
{
    const struct x402_sign_in good = read_header(all);
    struct x402_sign_in s;

    (void)state;
#define CHANGED(member, value) \
    s = good;                  \
    s.member = (value);        \
    assert_false(x402_sign_in_verify(&s, arena))
    CHANGED(domain, SLICE("evil.example"));
    CHANGED(uri, SLICE("https://toll.example/"));
    CHANGED(statement, SLICE_NONE);
    CHANGED(version, SLICE("2"));
    CHANGED(nonce, SLICE("1123456789abcdef0123456789abcdef"));
    CHANGED(issued_at, SLICE("2036-01-15T12:00:01Z"));
    CHANGED(expires_at, SLICE("2036-01-15T12:05:01Z"));
    CHANGED(not_before, SLICE_NONE);
    CHANGED(request_id, SLICE("r-2"));
    CHANGED(resource_count, 1);
    CHANGED(chain_id, 8453);
    CHANGED(address.bytes[0], 0);
#undef CHANGED
    assert_true(x402_sign_in_verify(&good, arena));
}

static void what_is_printed_reads_the_same(void **state)
{
    const struct x402_sign_in s = read_header(all);
    struct x402_sign_in back;
    struct slice header;

    (void)state;
    assert_int_equal(x402_sign_in_print(&header, &s, arena), RC_OK);
    assert_int_equal(x402_sign_in_parse(&back, header, arena), RC_OK);
    assert_int_equal(back.resource_count, 2);
    assert_true(x402_sign_in_verify(&back, arena));
}

#define MEMBERS                                                                    \
    "\"domain\":\"d\",\"address\":\"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"," \
    "\"version\":\"1\",\"nonce\":\"n\",\"issuedAt\":\"t\",\"signature\":\"0x\""

static void what_has_another_shape_is_refused(void **state)
{
    struct x402_sign_in s;

    (void)state;
    assert_int_equal(read_json("{" MEMBERS ",\"uri\":\"u\",\"type\":\"eip191\","
                               "\"chainId\":\"eip155:1\"}"),
                     RC_OK);
    /* another kind of account, of signature, of chain */
    assert_int_equal(read_json("{" MEMBERS ",\"uri\":\"u\",\"type\":\"ed25519\","
                               "\"chainId\":\"eip155:1\"}"),
                     RC_BAD_INPUT);
    assert_int_equal(read_json("{" MEMBERS ",\"uri\":\"u\",\"type\":\"eip191\","
                               "\"chainId\":\"eip155:1\",\"signatureScheme\":"
                               "\"eip1271\"}"),
                     RC_BAD_INPUT);
    assert_int_equal(read_json("{" MEMBERS ",\"uri\":\"u\",\"type\":\"eip191\","
                               "\"chainId\":\"solana:x\"}"),
                     RC_BAD_INPUT);
    /* a member is missing; a line is forged, in a member and in a list */
    assert_int_equal(read_json("{" MEMBERS ",\"type\":\"eip191\",\"chainId\":"
                               "\"eip155:1\"}"),
                     RC_BAD_INPUT);
    assert_int_equal(read_json("{" MEMBERS ",\"uri\":\"u\\nVersion: 1\",\"type\":"
                               "\"eip191\",\"chainId\":\"eip155:1\"}"),
                     RC_BAD_INPUT);
    assert_int_equal(read_json("{" MEMBERS ",\"uri\":\"u\",\"type\":\"eip191\","
                               "\"chainId\":\"eip155:1\",\"resources\":[\"a\\nb\"]}"),
                     RC_BAD_INPUT);
    assert_int_equal(read_json("{" MEMBERS ",\"uri\":\"u\",\"type\":\"eip191\","
                               "\"chainId\":\"eip155:1\",\"resources\":"
                               "[1,2,3,4,5,6,7,8,9]}"),
                     RC_BAD_INPUT);
    assert_int_equal(read_json("{" MEMBERS ",\"uri\":\"u\",\"type\":\"eip191\","
                               "\"chainId\":\"eip155:1\",\"resources\":[\"1\",\"2\","
                               "\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}"),
                     RC_TOO_BIG);
    assert_int_equal(read_json("{"), RC_BAD_JSON);
    assert_int_equal(x402_sign_in_parse(&s, SLICE("%%"), arena), RC_BAD_INPUT);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_text_is_that_of_others),
        TEST(nothing_of_it_can_be_changed),
        TEST(what_is_printed_reads_the_same),
        TEST(what_has_another_shape_is_refused),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

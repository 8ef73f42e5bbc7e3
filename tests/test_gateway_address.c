/* SPDX-License-Identifier: Apache-2.0 */
/* The address filter, at both edges of every range. */
#include "gateway/upstream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool is_private(const char *text)
{
    struct sockaddr_storage a = {.ss_family = AF_INET6};

    if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&a)->sin6_addr) != 1) {
        a.ss_family = AF_INET;
        if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&a)->sin_addr) != 1)
            fail_msg("not an address: %s", text);
    }
    return upstream_address_private((const struct sockaddr *)&a);
}

static void assert_all(const char *const *texts, bool expected)
{
    for (; *texts != NULL; texts++) {
        if (is_private(*texts) != expected)
            fail_msg("%s is taken for %s", *texts, expected ? "public" : "private");
    }
}

static void ranges_that_are_not_public_are_private(void **state)
{
    static const char *const texts[] = {
        "0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255",
        "100.64.0.0",      "100.127.255.255", "100.100.100.200", "127.0.0.0",
        "127.0.0.1",       "127.255.255.255", "168.63.129.16",   "169.254.0.0",
        "169.254.169.254", "169.254.255.255", "172.16.0.0",      "172.31.255.255",
        "192.0.0.0",       "192.0.0.192",     "192.0.0.255",     "192.0.2.0",
        "192.0.2.255",     "192.88.99.0",     "192.88.99.255",   "192.168.0.0",
        "192.168.255.255", "198.18.0.0",      "198.19.255.255",  "198.51.100.0",
        "198.51.100.255",  "203.0.113.0",     "203.0.113.255",   "224.0.0.0",
        "239.255.255.255", "240.0.0.0",       "255.255.255.255", NULL};

    (void)state;
    assert_all(texts, true);
}

static void addresses_beside_them_are_public(void **state)
{
    static const char *const texts[] = {"1.0.0.0",
                                        "9.255.255.255",
                                        "11.0.0.0",
                                        "100.63.255.255",
                                        "100.128.0.0",
                                        "126.255.255.255",
                                        "128.0.0.0",
                                        "168.63.129.15",
                                        "168.63.129.17",
                                        "169.253.255.255",
                                        "169.255.0.0",
                                        "172.15.255.255",
                                        "172.32.0.0",
                                        "191.255.255.255",
                                        "192.0.1.0",
                                        "192.0.1.255",
                                        "192.0.3.0",
                                        "192.88.98.255",
                                        "192.88.100.0",
                                        "192.167.255.255",
                                        "192.169.0.0",
                                        "198.17.255.255",
                                        "198.20.0.0",
                                        "198.51.99.255",
                                        "198.51.101.0",
                                        "203.0.112.255",
                                        "203.0.114.0",
                                        "223.255.255.255",
                                        "8.8.8.8",
                                        "104.18.7.192",
                                        NULL};

    (void)state;
    assert_all(texts, false);
}

static void only_global_unicast_ipv6_is_public(void **state)
{
    static const char *const private_texts[] = {
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:8.8.8.8",
        "64:ff9b:1::1",
        "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
        "100::1",
        "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001::1",
        "2001:0:ffff::1",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8::1",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2002::1",
        "2002:808:808::1",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff::1",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        "4000::",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fe80::1",
        "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fec0::1",
        "ff02::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        NULL};
    static const char *const public_texts[] = {
        "2000::",
        "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:200::1",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700::6812:7c0",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::1",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        NULL};

    (void)state;
    assert_all(private_texts, true);
    assert_all(public_texts, false);
}

static void behind_nat64_the_ipv4_address_counts(void **state)
{
    static const char *const private_texts[] = {
        "64:ff9b::127.0.0.1", "64:ff9b::10.1.2.3", "64:ff9b::169.254.169.254",
        "64:ff9b::0.0.0.0", NULL};
    static const char *const public_texts[] = {"64:ff9b::8.8.8.8",
                                               "64:ff9b::104.18.7.192", NULL};

    (void)state;
    assert_all(private_texts, true);
    assert_all(public_texts, false);
}

static void sockets_that_are_not_internet_are_private(void **state)
{
    const struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    const struct sockaddr none = {.sa_family = AF_UNSPEC};

    (void)state;
    assert_true(upstream_address_private((const struct sockaddr *)&un));
    assert_true(upstream_address_private(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_that_are_not_public_are_private),
        cmocka_unit_test(addresses_beside_them_are_public),
        cmocka_unit_test(only_global_unicast_ipv6_is_public),
        cmocka_unit_test(behind_nat64_the_ipv4_address_counts),
        cmocka_unit_test(sockets_that_are_not_internet_are_private),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

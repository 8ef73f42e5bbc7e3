/* SPDX-License-Identifier: Apache-2.0 */
/* From a name to a connection: the addresses of a name are tried in turn, each is
 * judged when it is connected to, and a resolver that hangs holds up nobody. The
 * resolver is a function of this file. */
#include "gateway/upstream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/upstream_probe.h"

/* ---- The resolver: libcurl's calls find these before the C library's ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned lookups; /* begun */
static unsigned answers; /* ended */
static bool hang;        /* until it is false */

/* Names and their addresses, in this order. The fake server is at 127.0.0.1 only, so a
 * connection to 127.0.0.2 is refused. */
static const struct {
    const char *name;
    const char *addresses[3];
} zone[] = {
    {"good.test", {"127.0.0.1"}},
    {"second.test", {"127.0.0.2", "127.0.0.1"}},
    {"third.test", {"127.0.0.2", "127.0.0.3", "127.0.0.1"}},
    {"none.test", {"127.0.0.2", "127.0.0.3"}},
    {"private.test", {"10.1.2.3", "127.0.0.1"}},
    {"hangs.test", {"127.0.0.4", "127.0.0.1"}},
    {"dual.test", {"::1", "127.0.0.1"}},
};

static struct addrinfo *make_entry(const char *text, const char *service,
                                   struct addrinfo *next)
{
    struct addrinfo *ai = calloc(1, sizeof(*ai) + sizeof(struct sockaddr_in6));
    const in_port_t port = htons((uint16_t)strtoul(service, NULL, 10));
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port};
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = port};

    assert(ai != NULL);
    ai->ai_socktype = SOCK_STREAM;
    ai->ai_addr = (struct sockaddr *)(ai + 1);
    ai->ai_next = next;
    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1) {
        ai->ai_family = AF_INET;
        ai->ai_addrlen = sizeof(in4);
        memcpy(ai->ai_addr, &in4, sizeof(in4));
    } else {
        assert(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1);
        ai->ai_family = AF_INET6;
        ai->ai_addrlen = sizeof(in6);
        memcpy(ai->ai_addr, &in6, sizeof(in6));
    }
    return ai;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): reserved ones */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int result = EAI_NONAME;

    (void)hints;
    pthread_mutex_lock(&lock);
    lookups++;
    pthread_cond_broadcast(&changed);
    while (hang)
        pthread_cond_wait(&changed, &lock);
    *out = NULL;
    for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
        if (strcmp(zone[i].name, name) != 0)
            continue;
        for (size_t k = 3; k > 0; k--) {
            if (zone[i].addresses[k - 1] != NULL)
                *out = make_entry(zone[i].addresses[k - 1], service, *out);
        }
        result = 0;
    }
    answers++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return result;
}

void freeaddrinfo(struct addrinfo *ai)
{
    while (ai != NULL) {
        struct addrinfo *next = ai->ai_next;

        free(ai);
        ai = next;
    }
}

static void set_hang(bool value)
{
    pthread_mutex_lock(&lock);
    hang = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static unsigned locked(const unsigned *count)
{
    unsigned value;

    pthread_mutex_lock(&lock);
    value = *count;
    pthread_mutex_unlock(&lock);
    return value;
}

/* ---- Tests ---- */

static void answer_hello(struct fake_connection *c)
{
    while (fake_read(c))
        fake_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static void init_named(struct probe *p, const char *name)
{
    probe_init(p, "GET", "/");
    (void)snprintf(p->url, sizeof(p->url), "http://%s:%u/", name,
                   fake_port(probe_fake));
}

static enum upstream_fail get_named(const char *name, bool allow_private)
{
    struct probe p;

    init_named(&p, name);
    p.spec.allow_private = allow_private;
    probe_run(&p);
    probe_free(&p);
    return p.fail;
}

static void a_name_is_resolved(void **state)
{
    (void)state;
    probe_server(answer_hello);
    assert_int_equal(get_named("good.test", true), UPSTREAM_FINE);
}

static void addresses_that_refuse_are_passed_over(void **state)
{
    (void)state;
    probe_server(answer_hello);
    assert_int_equal(get_named("second.test", true), UPSTREAM_FINE);
    assert_int_equal(get_named("third.test", true), UPSTREAM_FINE);
    assert_int_equal(get_named("none.test", true), UPSTREAM_CONNECT);
    assert_int_equal(fake_requests(probe_fake), 2);
}

static void the_other_family_is_tried(void **state)
{
    (void)state;
    probe_server(answer_hello);
    assert_int_equal(get_named("dual.test", true), UPSTREAM_FINE);
}

/* A listener whose queue is full answers to nothing. */
static void open_full_listener(int fds[4], const char *address, uint16_t port)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    const socklen_t len = sizeof(in4);

    assert_int_equal(inet_pton(AF_INET, address, &in4.sin_addr), 1);
    for (unsigned i = 0; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(fds[i] >= 0);
        if (i == 0) {
            assert_int_equal(bind(fds[0], (struct sockaddr *)&in4, len), 0);
            assert_int_equal(listen(fds[0], 0), 0);
        } else {
            (void)connect(fds[i], (struct sockaddr *)&in4, len);
        }
    }
}

/* libcurl gives it half of the time. */
static void an_address_that_hangs_is_passed_over(void **state)
{
    struct probe p;
    int fds[4];

    (void)state;
    probe_server(answer_hello);
    open_full_listener(fds, "127.0.0.4", fake_port(probe_fake));
    init_named(&p, "hangs.test");
    p.spec.connect_timeout_ms = 2000;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    probe_free(&p);
    for (unsigned i = 0; i < 4; i++)
        close(fds[i]);
}

static void a_name_of_private_addresses_is_blocked(void **state)
{
    (void)state;
    probe_server(answer_hello);
    assert_int_equal(get_named("private.test", false), UPSTREAM_BLOCKED);
    assert_int_equal(fake_connections(probe_fake), 0);
}

static void a_name_that_does_not_exist_sent_nothing(void **state)
{
    (void)state;
    probe_server(answer_hello);
    assert_int_equal(get_named("other.test", true), UPSTREAM_CONNECT);
}

static void a_resolver_that_hangs_ends_with_the_connect_timeout(void **state)
{
    struct probe p;

    (void)state;
    probe_server(answer_hello);
    set_hang(true);
    init_named(&p, "good.test");
    p.spec.connect_timeout_ms = 50;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_CONNECT);
    probe_free(&p);
    set_hang(false);
}

/* Were the resolver waited for, this would never return. */
static void a_resolver_that_hangs_holds_up_nobody(void **state)
{
    const unsigned begun = locked(&lookups);
    const unsigned ended = locked(&answers);
    struct probe slow, quick;

    (void)state;
    probe_server(answer_hello);
    init_named(&slow, "good.test");
    probe_init(&quick, "GET", "/");
    set_hang(true);
    probe_start(&slow);
    while (locked(&lookups) == begun)
        loop_turn(probe_loop, 1);
    probe_run(&quick);
    assert_int_equal(quick.fail, UPSTREAM_FINE);
    probe_cancel(&slow);
    loop_turn(probe_loop, 1);
    assert_int_equal(locked(&answers), ended);
    set_hang(false);
    while (locked(&answers) == ended) /* and its late answer does no harm */
        loop_turn(probe_loop, 1);
    assert_int_equal(slow.head_count + slow.end_count, 0);
    probe_free(&slow);
    probe_free(&quick);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, probe_set_up, probe_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_is_resolved),
        TEST(addresses_that_refuse_are_passed_over),
        TEST(the_other_family_is_tried),
        TEST(an_address_that_hangs_is_passed_over),
        TEST(a_name_of_private_addresses_is_blocked),
        TEST(a_name_that_does_not_exist_sent_nothing),
        TEST(a_resolver_that_hangs_ends_with_the_connect_timeout),
        TEST(a_resolver_that_hangs_holds_up_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

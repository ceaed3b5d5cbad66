/* notify: reads what systemd would get from the socket. */
#include "support.h"

#include "streamer/service/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Makes a socket as systemd does, and puts `name` (which begins with / or @) into NOTIFY_SOCKET. */
static int listen_at(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(fd >= 0 && strlen(name) < sizeof address.sun_path);
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    size_t n = offsetof(struct sockaddr_un, sun_path) + strlen(name);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, (socklen_t)n), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void assert_received(int fd, const char *expected) {
    char text[256] = "";
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    assert_int_equal(n, strlen(expected));
    assert_string_equal(text, expected);
}

static void test_notify__reaches_the_socket(void **state) {
    (void)state;
    char *dir = make_scratch(), name[128];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(name, sizeof name, i == 0 ? "%s/notify" : "@%s", dir);
        int fd = listen_at(name);
        assert_true(notify_is_wanted());
        notify_send("READY=1");
        notify_send("STOPPING=1");
        assert_received(fd, "READY=1");
        assert_received(fd, "STOPPING=1");
        assert_int_equal(close(fd), 0);
    }
    remove_scratch(dir);
}

static void test_notify__nobody_listens(void **state) {
    (void)state;
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_false(notify_is_wanted());
    notify_send("READY=1");
    assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
    assert_false(notify_is_wanted());
    assert_int_equal(setenv("NOTIFY_SOCKET", "/tmp/no such socket", 1), 0);
    notify_send("READY=1"); /* logs a line and goes on */
    assert_int_equal(setenv("NOTIFY_SOCKET", "neither a path nor a name", 1), 0);
    notify_send("READY=1");
}

static void test_notify__watchdog(void **state) {
    char own[32];
    (void)state;
    (void)snprintf(own, sizeof own, "%d", (int)getpid());
    assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
    assert_int_equal(notify_watchdog_ms(), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "180000000", 1), 0);
    assert_int_equal(notify_watchdog_ms(), 180000);
    assert_int_equal(setenv("WATCHDOG_PID", own, 1), 0);
    assert_int_equal(notify_watchdog_ms(), 180000);
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0); /* meant for another process */
    assert_int_equal(notify_watchdog_ms(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notify__reaches_the_socket),
        cmocka_unit_test(test_notify__nobody_listens),
        cmocka_unit_test(test_notify__watchdog),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}

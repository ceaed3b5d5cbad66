#include "streamer/base/mem.h"
#include "streamer/base/whole_file.h"
#include "streamer/service/alert_told.h"
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "app.id=bank\n"

struct rig {
    char *dir;
    struct buf path, text;
    struct alert_told told;
    struct alert_plan plan;
};

static void rig_begin(struct rig *r) {
    memset(r, 0, sizeof *r);
    r->dir = make_scratch();
    buf_printf(&r->path, "%s/ALERTS", r->dir);
}

static void rig_end(struct rig *r) {
    alert_told_release(&r->told);
    remove_scratch(r->dir);
    buf_release(&r->path);
    buf_release(&r->text);
}

/* A process begins. */
static void begin(struct rig *r) {
    alert_told_release(&r->told);
    r->plan.count = 0;
    alert_told_init(&r->told, r->dir, "bank", &r->plan);
}

static void tell(struct rig *r, const char *id, enum check_status status, bool is_ok) {
    const struct check_state now = {.id = id, .status = status, .since_ms = 7};
    alert_plan_see(&r->plan, &now, ALERT_HERE, 0);
    const struct alert *a = alert_plan_begin(&r->plan, 0);
    assert_non_null(a);
    for (int64_t ms = 0; alert_plan_end(&r->plan, a, is_ok, ms) == ALERT_TO_RETRY; ms += 10000)
        assert_ptr_equal(alert_plan_begin(&r->plan, ms + 10000), a);
}

static void assert_file(struct rig *r, const char *text) {
    alert_told_keep(&r->told, &r->plan);
    buf_clear(&r->text);
    assert_true(whole_file_read(buf_cstr(&r->path), 10000, &r->text));
    assert_string_equal(buf_cstr(&r->text), text);
}

static void test_alert_told__holds_what_is_not_well(void **state) {
    (void)state;
    struct rig r;
    rig_begin(&r);
    begin(&r);
    alert_told_keep(&r.told, &r.plan);
    assert_int_equal(access(buf_cstr(&r.path), F_OK), -1); /* nothing was told */
    tell(&r, "a", CHECK_FAIL, true);
    assert_file(&r, HEAD "a fail 7\n");
    tell(&r, "b", CHECK_WARN, false);
    assert_file(&r, HEAD "a fail 7\nb warn 7 ?\n");
    begin(&r); /* whose file is the same, before it knows anything else */
    assert_file(&r, HEAD "a fail 7\nb warn 7 ?\n");
    tell(&r, "a", CHECK_PASS, true);
    tell(&r, "b", CHECK_WARN, true); /* nobody knew whether it was heard */
    assert_file(&r, HEAD "b warn 7\n");
    rig_end(&r);
}

static void test_alert_told__is_not_known_if_it_cannot_be_read(void **state) {
    static const char *const texts[] = {
        "",
        HEAD "a fail 7",
        HEAD "a fail 7\nb wa",
        HEAD "a fail 7\n\n",
        HEAD "a fail\n",
        HEAD "a bad 7\n",
        HEAD "a fail x\n",
        HEAD "a fail 99999999999999999999\n",
        HEAD "a fail 7 !\n",
        HEAD "a fail 7\na warn 8\n",
        "app.id=other\na fail 7\n",
        "a fail 7\n",
        "\xff\xfe\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct rig r;
        rig_begin(&r);
        assert_true(whole_file_write(buf_cstr(&r.path), slice_str(texts[i])));
        begin(&r);
        if (r.plan.count != 0)
            fail_msg("read: %s", texts[i]);
        tell(&r, "b", CHECK_FAIL, true);
        assert_file(&r, HEAD "b fail 7\n");
        rig_end(&r);
    }
}

static void test_alert_told__nothing_is_kept_without_a_directory(void **state) {
    (void)state;
    struct rig r;
    rig_begin(&r);
    alert_told_init(&r.told, NULL, "bank", &r.plan);
    tell(&r, "a", CHECK_FAIL, true);
    alert_told_keep(&r.told, &r.plan);
    assert_int_equal(access(buf_cstr(&r.path), F_OK), -1);
    rig_end(&r);
}

/* It goes on, and writes as soon as it can. */
static void test_alert_told__a_file_that_cannot_be_written(void **state) {
    (void)state;
    struct rig r;
    struct buf temporary = {0};
    rig_begin(&r);
    buf_printf(&temporary, "%s.tmp", buf_cstr(&r.path));
    assert_int_equal(mkdir(buf_cstr(&temporary), 0700), 0);
    begin(&r);
    tell(&r, "a", CHECK_FAIL, true);
    alert_told_keep(&r.told, &r.plan);
    assert_int_equal(access(buf_cstr(&r.path), F_OK), -1);
    assert_int_equal(rmdir(buf_cstr(&temporary)), 0);
    assert_file(&r, HEAD "a fail 7\n");
    buf_release(&temporary);
    rig_end(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert_told__holds_what_is_not_well),
        cmocka_unit_test(test_alert_told__is_not_known_if_it_cannot_be_read),
        cmocka_unit_test(test_alert_told__nothing_is_kept_without_a_directory),
        cmocka_unit_test(test_alert_told__a_file_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "store_rig.h"

#include "state/keys.h"
#include "streamer/base/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct store *open_store(const char *dir) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    if (s == NULL)
        fail_msg("%s", e.text);
    return s;
}

void commit(struct batch *b) {
    struct err e = {0};
    if (!batch_commit(b, &e))
        fail_msg("%s", e.text);
}

void put_text(struct batch *b, enum family f, int32_t partition, const char *key,
              const char *value) {
    struct buf k = {0};
    key_text(&k, partition, slice_str(key));
    kv_put(batch_kv(b), f, buf_slice(&k), slice_str(value));
    buf_release(&k);
}

void put_much(struct kv *kv, int64_t number) {
    const size_t bytes = 60000;
    struct buf key = {0}, value = {0};
    for (int i = 0; i < 40; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "much%02d", i);
        key_text(&key, 1, slice_str(name));
        buf_clear(&value);
        memset(buf_reserve(&value, bytes), 'm', bytes);
        value.n = bytes;
        buf_put_int(&value, number);
        kv_put(kv, FAMILY_META, buf_slice(&key), buf_slice(&value));
    }
    buf_release(&key);
    buf_release(&value);
}

void assert_value(struct kv *kv, enum family f, int32_t partition, const char *key,
                  const char *expected) {
    struct buf k = {0}, value = {0};
    key_text(&k, partition, slice_str(key));
    bool found = kv_get(kv, f, buf_slice(&k), &value);
    assert_int_equal(found, expected != NULL);
    if (found)
        assert_text(buf_slice(&value), expected);
    buf_release(&k);
    buf_release(&value);
}

void assert_committed(struct store *s, enum family f, int32_t partition, const char *key,
                      const char *expected) {
    struct kv *reader = store_reader_new(s);
    assert_value(reader, f, partition, key, expected);
    store_reader_free(reader);
}

void name_of(char name[16], int i) {
    (void)snprintf(name, 16, "%08d", i);
}

void fetch_every(struct kv *kv, int from, int to, int step) {
    struct buf key = {0};
    char name[16];
    for (int i = from; i < to; i += step) {
        name_of(name, i);
        key_text(&key, 1, slice_str(name));
        kv_want(kv, FAMILY_LINKS, buf_slice(&key));
    }
    kv_fetch(kv);
    buf_release(&key);
}

void assert_refused(const char *dir, enum err_class class, const char *part) {
    struct err e = {0};
    struct store *s = store_open(dir, MEMORY_BYTES, 1, &e);
    if (s != NULL) {
        store_close(s);
        fail_msg("%s was opened", dir);
    }
    if (e.class != class || strstr(e.text, part) == NULL || strstr(e.text, dir) == NULL)
        fail_msg("class %d: %s", (int)e.class, e.text);
}

static void put_rows(struct store *s) {
    struct batch *b = batch_new(s);
    for (int i = 0; i < ROWS; i++) {
        char key[16], value[64];
        name_of(key, i);
        (void)snprintf(value, sizeof value, "%d %d %d", i * 7919, i * 104729, i);
        put_text(b, FAMILY_LINKS, 1, key, value);
    }
    commit(b);
    batch_free(b);
}

char *make_full_store(void) {
    char *dir = make_scratch();
    struct store *s = open_store(dir);
    put_rows(s);
    store_close(s);
    store_close(open_store(dir)); /* writes into a table file what the log held */
    return dir;
}

char *find_file(const char *dir, const char *part) {
    char *found = NULL;
    off_t largest = -1;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        struct buf path = {0};
        struct stat st;
        buf_printf(&path, "%s/%s", dir, entry->d_name);
        if (strstr(entry->d_name, part) != NULL && stat(buf_cstr(&path), &st) == 0 &&
            st.st_size > largest) {
            largest = st.st_size;
            free(found);
            found = mem_strdup(buf_cstr(&path));
        }
        buf_release(&path);
    }
    (void)closedir(d);
    assert_non_null(found);
    return found;
}

void overwrite(const char *path, off_t at, const char *bytes, size_t n) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
    assert_int_equal(close(fd), 0);
}

rlim_t set_limit(__rlimit_resource_t what, rlim_t soft) {
    struct rlimit limit;
    assert_int_equal(getrlimit(what, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(what, &limit), 0);
    return before;
}

int in_other_process(const char *what, const char *dir) {
    fflush(NULL);
    pid_t pid = vfork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execl("/proc/self/exe", "test", what, dir, (char *)NULL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

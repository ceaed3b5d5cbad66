#include "streamer/metrics/process_figures.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int64_t process_cpu_us(void) {
    struct timespec cpu;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) != 0)
        return PROCESS_UNKNOWN;
    return (int64_t)cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000;
}

/* The number at `index` (0-based) in /proc/self/statm, which counts pages. */
static int64_t bytes_of_statm(int index) {
    char line[256];
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return PROCESS_UNKNOWN;
    char *p = fgets(line, sizeof line, f);
    (void)fclose(f);
    if (p == NULL)
        return PROCESS_UNKNOWN;
    for (; index > 0; index--)
        (void)strtoll(p, &p, 10);
    return strtoll(p, NULL, 10) * sysconf(_SC_PAGESIZE);
}

int64_t process_virtual_bytes(void) {
    return bytes_of_statm(0);
}

int64_t process_resident_bytes(void) {
    return bytes_of_statm(1);
}

int64_t process_open_fds(void) {
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL)
        return PROCESS_UNKNOWN;
    int64_t n = -1; /* the descriptor that reads the directory does not count */
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;)
        n += entry->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

int64_t process_max_fds(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT64_MAX)
        return PROCESS_UNKNOWN;
    return (int64_t)limit.rlim_cur;
}

/* When the machine started, in seconds since 1970; 0 if unknown. */
static int64_t boot_time_s(void) {
    char line[1024];
    int64_t boot_s = 0;
    FILE *f = fopen("/proc/stat", "re");
    while (f != NULL && boot_s == 0 && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "btime ", 6) == 0)
            boot_s = strtoll(line + 6, NULL, 10);
    if (f != NULL)
        (void)fclose(f);
    return boot_s;
}

/* Field 22 of /proc/self/stat: clock ticks between the machine's start and the process's; 0 if
 * unknown. */
static int64_t start_ticks(void) {
    char line[1024];
    FILE *f = fopen("/proc/self/stat", "re");
    if (f == NULL)
        return 0;
    char *p = fgets(line, sizeof line, f);
    (void)fclose(f);
    if (p != NULL)
        p = strrchr(line, ')'); /* field 2, the command, may hold spaces and brackets */
    for (int field = 2; p != NULL && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p != NULL ? strtoll(p, NULL, 10) : 0;
}

int64_t process_start_time_cs(void) {
    int64_t boot_s = boot_time_s(), ticks = start_ticks();
    if (boot_s == 0 || ticks == 0)
        return PROCESS_UNKNOWN;
    return boot_s * 100 + ticks * 100 / sysconf(_SC_CLK_TCK);
}

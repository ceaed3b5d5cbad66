/* process_figures: what the kernel knows of this process, for the standard `process_*` metrics.
 * Each function returns PROCESS_UNKNOWN if the kernel does not tell. Any thread. */
#ifndef STREAMER_METRICS_PROCESS_FIGURES_H
#define STREAMER_METRICS_PROCESS_FIGURES_H

#include <stdint.h>

#define PROCESS_UNKNOWN (-1)

int64_t process_cpu_us(void); /* user and system time of all threads */
int64_t process_virtual_bytes(void);
int64_t process_resident_bytes(void);
int64_t process_open_fds(void);
int64_t process_max_fds(void);
/* When the process started, in hundredths of a second since 1970 (the kernel's USER_HZ is 100). The
 * kernel computes it from a clock that may be set, so ask once and keep the answer. */
int64_t process_start_time_cs(void);

#endif

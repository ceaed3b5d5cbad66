/* stop_limit: bounds how long a stop may take. Calls of librdkafka may take longer than whoever
 * stops the process waits before kill -9, or never return while a broker is gone. When the time is
 * over the process ends at once, with exit code 1; nothing that is committed is lost by that. */
#ifndef STREAMER_SERVICE_STOP_LIMIT_H
#define STREAMER_SERVICE_STOP_LIMIT_H

#include <pthread.h>
#include <stdbool.h>

/* Zero-initialized: there is no limit. */
struct stop_limit {
    pthread_t thread;
    bool is_set;
};

/* The time begins now. If no thread can be started, there is no limit. */
void stop_limit_begin(struct stop_limit *l);
/* The time begins when a signal to stop comes (signals_stop_is_pending). */
void stop_limit_begin_at_signal(struct stop_limit *l);
/* Takes the limit away. */
void stop_limit_end(struct stop_limit *l);

#endif

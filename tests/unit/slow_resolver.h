/* slow_resolver: replaces getaddrinfo of the C library by one that does not come back for one name.
 * A test that includes this header has it. */
#ifndef STREAMER_TEST_SLOW_RESOLVER_H
#define STREAMER_TEST_SLOW_RESOLVER_H

#define SLOW_NAME "slow.test" /* the name that is never found */

/* Nobody has waited so long that the search for the name was given up (it is after a minute, so
 * that a test that waits for it ends). */
void slow_resolver_assert_hangs(void);

#endif

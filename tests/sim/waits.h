/* waits: records that have to wait for their schema. An eighth of all values and keys needs one,
 * and whenever one of these is decoded before the end of the schedule, its schema is mostly not
 * there, even if it was there before. */
#ifndef TESTS_SIM_WAITS_H
#define TESTS_SIM_WAITS_H

#include "sim.h"

struct decoder;

/* The caller frees it. `s` is borrowed. */
struct waits *waits_new(struct sim *s);
/* Makes the decoder read by `w`, which must outlive it. */
void waits_use(const struct waits *w, struct decoder *d);

#endif

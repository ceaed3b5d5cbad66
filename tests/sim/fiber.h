/* fiber: functions that take turns in one thread, each with a stack of its own. */
#ifndef TESTS_SIM_FIBER_H
#define TESTS_SIM_FIBER_H

#include <stdbool.h>

struct fiber;
/* `run` begins at the first fiber_resume. */
struct fiber *fiber_new(void (*run)(void *context), void *context);
/* Its stack is gone, wherever in `run` it was. NULL is allowed. */
void fiber_free(struct fiber *f);
/* Goes on with it until it yields. False: `run` has returned. */
bool fiber_resume(struct fiber *f);
/* From within `run`: back to who resumed it. */
void fiber_yield(struct fiber *f);

#endif

/* fiber: functions that take turns in one thread, each with a stack of its own. */
#ifndef TESTS_SIM_FIBER_H
#define TESTS_SIM_FIBER_H

#include <stdbool.h>

struct fiber;
/* Makes a fiber. `run` begins with the first fiber_resume. */
struct fiber *fiber_new(void (*run)(void *context), void *context);
/* Frees the fiber with its stack, also in the middle of `run`. NULL is allowed. */
void fiber_free(struct fiber *f);
/* Continues `run` until it yields. False: `run` has returned. */
bool fiber_resume(struct fiber *f);
/* To be called within `run`: goes back to the caller of fiber_resume. */
void fiber_yield(struct fiber *f);

#endif

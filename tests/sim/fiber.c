#include "fiber.h"

#include "streamer/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#define STACK_BYTES ((size_t)256 * 1024)

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, size)                                         \
    ((void)(save), (void)(bottom), (void)(size))
#define __sanitizer_finish_switch_fiber(save, bottom, size)                                        \
    ((void)(save), (void)(bottom), (void)(size))
#endif

struct fiber {
    ucontext_t own, other; /* other: the context that resumed it */
    void (*run)(void *context);
    void *context;
    bool ended;
    void *fake, *other_fake; /* what AddressSanitizer keeps for each of the two stacks */
    const void *other_bottom;
    size_t other_size;
    char stack[STACK_BYTES];
};

/* makecontext can only pass ints, so the pointer comes in two halves. */
static void enter(unsigned high, unsigned low) {
    struct fiber *f = (struct fiber *)(((uintptr_t)high << 32) | low);
    __sanitizer_finish_switch_fiber(NULL, &f->other_bottom, &f->other_size);
    f->run(f->context);
    f->ended = true;
    fiber_yield(f);
}

struct fiber *fiber_new(void (*run)(void *context), void *context) {
    /* Not cleared, because most of the stack is never used. */
    struct fiber *f = mem_alloc(sizeof *f);
    uintptr_t self = (uintptr_t)f;
    f->run = run;
    f->context = context;
    f->ended = false;
    f->fake = f->other_fake = NULL;
    (void)getcontext(&f->own);
    f->own.uc_stack.ss_sp = f->stack;
    f->own.uc_stack.ss_size = STACK_BYTES;
    f->own.uc_link = NULL;
    makecontext(&f->own, (void (*)(void))enter, 2, (unsigned)(self >> 32), (unsigned)self);
    return f;
}

void fiber_free(struct fiber *f) {
    free(f);
}

bool fiber_resume(struct fiber *f) {
    __sanitizer_start_switch_fiber(&f->other_fake, f->stack, STACK_BYTES);
    (void)swapcontext(&f->other, &f->own);
    __sanitizer_finish_switch_fiber(f->other_fake, NULL, NULL);
    return !f->ended;
}

void fiber_yield(struct fiber *f) {
    __sanitizer_start_switch_fiber(&f->fake, f->other_bottom, f->other_size);
    (void)swapcontext(&f->own, &f->other);
    __sanitizer_finish_switch_fiber(f->fake, &f->other_bottom, &f->other_size);
}

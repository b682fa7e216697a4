/* examples/emitted/cortex_m3.c: how a program starts on a bare Cortex-M3 or M4: the vector table, and data that go from flash to RAM. The rest,
 * and printf by semihosting, is newlib's (--specs=rdimon.specs).
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>

extern uint32_t data_start, data_end, data_in_flash, stack_top;
void            _start(void);
void            reset(void);

void reset(void) {
    uint32_t *from = &data_in_flash;
    for (uint32_t *to = &data_start; to < &data_end;)
        *to++ = *from++;
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20; /* the processor's unit for floating numbers is on from here on (CPACR) */
#endif
    _start();
}

static void fault(void) {
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {(void (*)(void))(uintptr_t)&stack_top, reset, fault, fault};

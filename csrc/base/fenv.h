/* SPDX-License-Identifier: MIT
 * fenv.h: every computing entry and worker runs under round-to-nearest, without flushing subnormals, and
 * gives the caller back the setting it came with. */
#ifndef RTCH_FENV_H
#define RTCH_FENV_H

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
typedef uint32_t rt_fenv;
#define RT_FENV_MASK 0xe040u    /* rounding, flush to zero, denormals are zero */
#define RT_FENV_DEFAULT 0x1f80u /* all exceptions masked */
#define RT_FENV_TRAPS 0x1f80u
static inline rt_fenv rt_fenv_enter(void) {
    const uint32_t old = _mm_getcsr();
    if ((old & (RT_FENV_MASK | RT_FENV_TRAPS)) != RT_FENV_TRAPS) _mm_setcsr(RT_FENV_DEFAULT);
    return old;
}
static inline void rt_fenv_leave(rt_fenv old) {
    if ((old & (RT_FENV_MASK | RT_FENV_TRAPS)) != RT_FENV_TRAPS) _mm_setcsr(old);
}
#elif defined(__aarch64__)
typedef uint64_t rt_fenv;
#define RT_FENV_MASK 0x1c89f00u /* FZ16, FZ, RMode, DN is left alone, traps */
static inline rt_fenv rt_fenv_enter(void) {
    uint64_t old;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    if (old & RT_FENV_MASK) __asm__ volatile("msr fpcr, %0" : : "r"(old & ~(uint64_t)RT_FENV_MASK));
    return old;
}
static inline void rt_fenv_leave(rt_fenv old) {
    if (old & RT_FENV_MASK) __asm__ volatile("msr fpcr, %0" : : "r"(old));
}
#else
#error "rtch supports x86-64 and 64-bit Arm"
#endif

#endif

/* SPDX-License-Identifier: MIT
 *
 * check.h: what the C tests share: CHECK, which counts failures from any thread, and where a fork can be tested.
 */
#ifndef RTCH_CHECK_H
#define RTCH_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#if !defined(__has_feature)
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#else
#define UNDER_ASAN 0
#endif

static int failures;

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);             \
        }                                                                   \
    } while (0)

/* The thread sanitizer can't follow a fork of a process with threads, and qemu-user stops in an assertion of its own
 * (cpu == current_cpu) when the child of such a fork starts threads; csrc/tests/meson.build tells of qemu. */
static inline int can_fork_with_threads(void) {
    return !UNDER_TSAN && !getenv("RTCH_TEST_UNDER_QEMU");
}

/* The address sanitizer's allocator does not take its locks over a fork: the child may wait for one for ever. */
static inline int can_fork_while_threads_allocate(void) {
    return can_fork_with_threads() && !UNDER_ASAN;
}

#endif

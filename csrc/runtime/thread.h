/* SPDX-License-Identifier: MIT
 * thread.h: mutex, condition, start and end of threads, yield and a clock under the same names for POSIX and Windows. */
#ifndef RTCH_THREAD_H
#define RTCH_THREAD_H

#include <stdint.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <process.h>
#include <windows.h>

typedef SRWLOCK rt_mutex;
typedef CONDITION_VARIABLE rt_cond;
#define RT_MUTEX_INIT SRWLOCK_INIT
#define RT_COND_INIT CONDITION_VARIABLE_INIT
#define rt_lock(m) AcquireSRWLockExclusive(m)
#define rt_unlock(m) ReleaseSRWLockExclusive(m)
#define rt_wait(c, m) SleepConditionVariableSRW(c, m, INFINITE, 0)
#define rt_wake_one(c) WakeConditionVariable(c)
#define rt_wake_all(c) WakeAllConditionVariable(c)
#define rt_yield() SwitchToThread()

/* Nanoseconds from some moment on. */
static inline int64_t rt_now_ns(void) {
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (int64_t)((double)ticks.QuadPart / (double)per_second.QuadPart * 1e9);
}

static inline int rt_start_thread(unsigned(__stdcall *fn)(void *), void *arg) {
    const uintptr_t handle = _beginthreadex(NULL, 0, fn, arg, 0, NULL);
    if (!handle) return -1;
    CloseHandle((HANDLE)handle);
    return 0;
}
#define RT_THREAD_FN(name, arg) static unsigned __stdcall name(void *arg)

#define rt_cpu() (-1)
#define rt_leave_cpu(cpu) ((void)(cpu), 0)

/* A function that gets a thread's value when the thread ends. */
typedef DWORD rt_exit_key;
#define RT_EXIT_FN WINAPI
static inline int rt_make_exit_key(rt_exit_key *key, void(WINAPI *fn)(void *)) {
    *key = FlsAlloc(fn);
    return *key == FLS_OUT_OF_INDEXES ? -1 : 0;
}
#define rt_set_exit_value(key, value) (FlsSetValue(key, value) ? 0 : -1)
#else
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

typedef pthread_mutex_t rt_mutex;
typedef pthread_cond_t rt_cond;
#define RT_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define RT_COND_INIT PTHREAD_COND_INITIALIZER
#define rt_lock(m) pthread_mutex_lock(m)
#define rt_unlock(m) pthread_mutex_unlock(m)
#define rt_wait(c, m) pthread_cond_wait(c, m)
#define rt_wake_one(c) pthread_cond_signal(c)
#define rt_wake_all(c) pthread_cond_broadcast(c)
#define rt_yield() sched_yield()

/* Nanoseconds from some moment on. */
static inline int64_t rt_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Workers take no signals: those belong to the threads of the program. Tools that list threads show their name. */
#define RT_THREAD_NAME "rtch worker"
static inline int rt_start_thread(void *(*fn)(void *), void *arg) {
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const int failed = pthread_create(&thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) return -1;
#if defined(__linux__)
    pthread_setname_np(thread, RT_THREAD_NAME);
#endif
    pthread_detach(thread);
    return 0;
}
#define RT_THREAD_FN(name, arg) static void *name(void *arg)

/* The CPU that the calling thread runs on, a hint; -1 where that is not known. */
static inline int rt_cpu(void) {
#if defined(__linux__)
    return sched_getcpu();
#else
    return -1;
#endif
}

/* Moves the calling thread to another CPU that its affinity allows, and leaves that as it is; false where it can't. */
static inline int rt_leave_cpu(int cpu) {
#if defined(__linux__)
    cpu_set_t allowed, others;
    if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 0;
    others = allowed;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof(others), &others) != 0) return 0;
    return sched_setaffinity(0, sizeof(allowed), &allowed) == 0;
#else
    (void)cpu;
    return 0;
#endif
}

/* A function that gets a thread's value when the thread ends. */
typedef pthread_key_t rt_exit_key;
#define RT_EXIT_FN
#define rt_make_exit_key(key, fn) pthread_key_create(key, fn)
#define rt_set_exit_value(key, value) pthread_setspecific(key, value)
#endif

/* A thread that another one is about to wake: rt_keep_off narrows the CPUs it may run on, which decides where it wakes, and
 * the thread itself takes that back by rt_widen. Who changed them meanwhile is left with what they chose. */
#if defined(__linux__)
typedef struct {
    pid_t tid;
    int narrowed;
    cpu_set_t before, after;
} rt_place;

static inline void rt_place_here(rt_place *place) {
    *place = (rt_place){.tid = (pid_t)syscall(SYS_gettid)};
}

static inline void rt_keep_off(rt_place *place, int cpu) {
    if (place->narrowed || cpu < 0 || cpu >= CPU_SETSIZE) return;
    if (sched_getaffinity(place->tid, sizeof(cpu_set_t), &place->before) != 0) return;
    place->after = place->before;
    CPU_CLR(cpu, &place->after);
    if (CPU_COUNT(&place->after) == 0 || CPU_EQUAL(&place->after, &place->before)) return;
    place->narrowed = sched_setaffinity(place->tid, sizeof(cpu_set_t), &place->after) == 0;
}

static inline void rt_widen(rt_place *place) {
    cpu_set_t now;
    if (!place->narrowed) return;
    place->narrowed = 0;
    if (sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &place->after))
        sched_setaffinity(0, sizeof(now), &place->before);
}
#else
typedef char rt_place;
#define rt_place_here(place) ((void)(place))
#define rt_keep_off(place, cpu) ((void)(place), (void)(cpu))
#define rt_widen(place) ((void)(place))
#endif

#endif

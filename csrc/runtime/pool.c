/* SPDX-License-Identifier: MIT
 *
 * pool.c: workers wait on one condition for a job, take pieces of its range by an atomic counter, and go back to sleep.
 * Waking a sleeper costs tens of microseconds, as much as a whole sum of a million elements, so both sides first look
 * around for about as long: a worker for the next job, the caller for the last worker to finish.
 *
 *   use_lock   held by the thread that runs a parallel call; whoever finds it taken works alone
 *   state_lock guards everything in `pool`
 */
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "../base/fenv.h"
#include "rtch.h"
#include "thread.h"

#if !defined(_WIN32)
#include <unistd.h>
#endif

#define MAX_THREADS 256
#define SPINS 1000 /* pauses before going to sleep: 20 to 50 us */

typedef struct {
    rt_range_fn fn;
    void *ctx;
    int64_t n, piece, next;
} rt_job;

static struct {
    int n_threads; /* with the calling one; 0: not set yet */
    int n_workers; /* started */
    rt_job *job;
    uint64_t n_jobs; /* so far; a worker takes each at most once */
    int n_wanted;    /* workers that may still join the job */
    int n_inside;    /* workers in the job */
    int n_asleep;    /* workers waiting on `start` */
    rt_cond start, done;
} pool = {.start = RT_COND_INIT, .done = RT_COND_INIT};

static rt_mutex use_lock = RT_MUTEX_INIT, state_lock = RT_MUTEX_INIT;
static _Thread_local int inside;

static void work(rt_job *job) {
    for (;;) {
        const int64_t begin = __atomic_fetch_add(&job->next, job->piece, __ATOMIC_RELAXED);
        if (begin >= job->n) return;
        job->fn(job->ctx, begin, begin + job->piece < job->n ? begin + job->piece : job->n);
    }
}

static inline void pause_cpu(void) {
#if defined(__x86_64__) || defined(_M_X64)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

RT_THREAD_FN(worker, arg) {
    uint64_t seen = (uint64_t)(uintptr_t)arg;
    inside = 1;
    rt_fenv_enter(); /* for good: this thread runs nothing else */
    rt_lock(&state_lock);
    for (;;) {
        int looked = 0;
        while (!pool.job || pool.n_jobs == seen || pool.n_wanted == 0) {
            if (looked) {
                pool.n_asleep++;
                rt_wait(&pool.start, &state_lock);
                pool.n_asleep--;
                continue;
            }
            looked = 1;
            const uint64_t last = pool.n_jobs;
            rt_unlock(&state_lock);
            for (int i = 0; i < SPINS && __atomic_load_n(&pool.n_jobs, __ATOMIC_RELAXED) == last; i++) pause_cpu();
            rt_lock(&state_lock);
        }
        rt_job *job = pool.job;
        seen = pool.n_jobs;
        pool.n_wanted--;
        __atomic_store_n(&pool.n_inside, pool.n_inside + 1, __ATOMIC_RELAXED);
        rt_unlock(&state_lock);
        work(job);
        rt_lock(&state_lock);
        __atomic_store_n(&pool.n_inside, pool.n_inside - 1, __ATOMIC_RELAXED);
        if (pool.n_inside == 0) rt_wake_all(&pool.done);
    }
    return 0;
}

#if !defined(_WIN32)
/* The child of a fork has none of the workers; it starts its own when it needs them. */
static void before_fork(void) {
    rt_lock(&use_lock);
    rt_lock(&state_lock);
}

static void after_fork_parent(void) {
    rt_unlock(&state_lock);
    rt_unlock(&use_lock);
}

static void after_fork_child(void) {
    pool.n_workers = pool.n_inside = pool.n_wanted = pool.n_asleep = 0;
    pool.job = NULL;
    const rt_cond fresh = RT_COND_INIT;
    pool.start = pool.done = fresh;
    const rt_mutex open = RT_MUTEX_INIT;
    state_lock = use_lock = open;
}
#endif

#if defined(__linux__)
/* The CPUs that the control group grants, rounded up; 0 where it sets no limit. */
static int cgroup_cpus(void) {
    long quota = 0, period = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r"); /* version 2: "max 100000" or "150000 100000" */
    if (f) {
        if (fscanf(f, "%ld %ld", &quota, &period) != 2) quota = 0;
        fclose(f);
    } else if ((f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r"))) {
        if (fscanf(f, "%ld", &quota) != 1) quota = 0;
        fclose(f);
        if ((f = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r"))) {
            if (fscanf(f, "%ld", &period) != 1) period = 0;
            fclose(f);
        }
    }
    return quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}
#endif

int rt_default_num_threads(void) {
#if defined(_WIN32)
    DWORD_PTR process, system;
    int n = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &process, &system))
        for (; process; process &= process - 1) n++;
#elif defined(__linux__)
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    const int granted = cgroup_cpus();
    if (granted > 0 && granted < n) n = granted;
#else
    int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n;
}

int rt_set_num_threads(int n) {
    if (n < 1 || n > MAX_THREADS) return RT_ERR_ARGUMENT;
#if !defined(_WIN32)
    static int registered;
    if (!__atomic_exchange_n(&registered, 1, __ATOMIC_ACQ_REL))
        pthread_atfork(before_fork, after_fork_parent, after_fork_child);
#endif
    rt_lock(&state_lock);
    __atomic_store_n(&pool.n_threads, n, __ATOMIC_RELAXED);
    rt_unlock(&state_lock);
    return RT_OK;
}

int rt_get_num_threads(void) {
    const int n = __atomic_load_n(&pool.n_threads, __ATOMIC_RELAXED);
    return n ? n : 1;
}

void rt_parallel_for(int64_t n, int64_t grain, rt_range_fn fn, void *ctx) {
    if (n <= 0) return;
    const int n_threads = __atomic_load_n(&pool.n_threads, __ATOMIC_RELAXED);
    if (n <= grain || n_threads < 2 || inside || !rt_try_lock(&use_lock)) {
        fn(ctx, 0, n);
        return;
    }
    /* About four pieces a thread even out uneven ones; each is a multiple of the grain. */
    int64_t piece = n / (4 * (int64_t)n_threads);
    piece = piece < grain ? grain : (piece + grain - 1) / grain * grain;
    rt_job job = {fn, ctx, n, piece, 0};
    const int64_t n_pieces = (n + piece - 1) / piece;
    rt_lock(&state_lock);
    while (pool.n_workers < n_threads - 1 && rt_start_thread(worker, (void *)(uintptr_t)pool.n_jobs) == 0)
        pool.n_workers++;
    pool.job = &job;
    __atomic_store_n(&pool.n_jobs, pool.n_jobs + 1, __ATOMIC_RELAXED);
    pool.n_wanted = (int)(n_pieces - 1 < n_threads - 1 ? n_pieces - 1 : n_threads - 1);
    if (pool.n_asleep > 0) rt_wake_all(&pool.start);
    rt_unlock(&state_lock);
    inside = 1;
    work(&job);
    inside = 0;
    rt_lock(&state_lock);
    pool.job = NULL;
    pool.n_wanted = 0;
    if (pool.n_inside > 0) {
        rt_unlock(&state_lock);
        for (int i = 0; i < SPINS && __atomic_load_n(&pool.n_inside, __ATOMIC_RELAXED) > 0; i++) pause_cpu();
        rt_lock(&state_lock);
    }
    while (pool.n_inside > 0) rt_wait(&pool.done, &state_lock);
    rt_unlock(&state_lock);
    rt_unlock(&use_lock);
}

/* SPDX-License-Identifier: MIT
 *
 * pool.c: jobs stand in a fixed table of slots; a bit of `open` says that a slot still takes helpers. Workers look at that
 * one word, join jobs, and sleep when it stays empty. The owner of a job works on it like everybody, then waits for those
 * who joined.
 *
 *   slot.state   tickets (helpers that may still join) | helpers inside | root. Who takes a ticket is inside in the same
 *                step, so a slot is never given to the next job while anybody looks at the last one.
 *   regions      each participant starts in a part of the range of its own and walks it in order, piece by piece; when
 *                that is used up it takes pieces of the others' parts.
 *   root         the slot of the outermost job. A task may call rt_parallel_for; who waits for helpers meanwhile helps
 *                jobs of the same root, and never those of another caller, whose pieces could be long.
 *
 * Nothing can wait in a circle: a thread waits only for the newest job on its stack, and those inside that job wait, if
 * at all, for jobs that are newer still.
 *
 * Waking a sleeper takes tens of microseconds, as much as a whole sum of a million elements, so whoever has nothing to do
 * first looks around for a while. Sleepers count themselves before they look at `open` for the last time, and a job is
 * opened before its owner looks at that count (both sequentially consistent), so none is missed. `lock` is only taken
 * around sleep.
 *
 * Linux may put a thread that it wakes on the CPU of the one that woke it while another CPU stands idle, where the two wait
 * for each other for milliseconds, and may leave it there as long as neither sleeps: the machine then does the work of one
 * CPU. So an owner wakes sleepers away from its own CPU (each sleeper has a condition of its own, to be known), and a worker
 * that finds itself on the CPU of a job's owner moves away.
 */
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/fenv.h"
#include "rtch.h"
#include "thread.h"

#if !defined(_WIN32)
#include <unistd.h>
#endif

#define MAX_THREADS 256
#define N_SLOTS 64      /* jobs at once; a further one runs on its own thread alone */
#define N_REGIONS 16    /* parts of a range; further participants share them */
#define PIECES 4        /* pieces per participant, which even out threads of uneven speed */
#define LOOK_NS 100000  /* looking around before sleep */
#define CROWDED_NS 2000 /* the same with more threads than CPUs, where looking around takes time from those that work */
#define MOVE_NS 1000000 /* between two moves of a worker to another CPU */

#define TICKET ((uint64_t)1)
#define TICKETS(state) ((int)((state) & 0xffff))
#define INSIDE ((uint64_t)1 << 16)
#define N_INSIDE(state) ((int)((state) >> 16 & 0xffff))
#define ROOT(state) ((int)((state) >> 32))
#define ANY_ROOT (-1)

#define LINE 64 /* what different threads write stands on different cache lines */

typedef struct rt_sleeper {
    rt_cond wake;
    int asleep; /* nobody has woken it yet */
    rt_place place;
    struct rt_sleeper *next;
} rt_sleeper;

typedef struct {
    _Alignas(LINE) int64_t next;
    int64_t end;
} rt_region;

typedef struct {
    _Alignas(LINE) uint64_t state;
    rt_range_fn fn;
    void *ctx;
    int64_t piece;
    int n_regions;
    int limit;
    int cpu; /* the owner's, when it opened the job; -1 not known */
    rt_region regions[N_REGIONS];
} rt_job;

static struct {
    _Alignas(LINE) uint64_t open; /* slots with tickets */
    _Alignas(LINE) uint64_t used; /* slots with an owner */
    _Alignas(LINE) int n_looking; /* workers that will see `open` without being woken */
    int n_asleep;                 /* workers in `sleepers` */
    int n_waiting;                /* owners waiting on `done` */
    _Alignas(LINE) int n_threads; /* with the calling one; 0: not set yet */
    int n_workers;                /* started */
    int64_t look_ns;
    rt_sleeper *sleepers; /* the one that fell asleep last comes first */
    rt_cond done;
    rt_job jobs[N_SLOTS];
} pool = {.done = RT_COND_INIT};

static rt_mutex lock = RT_MUTEX_INIT;
static _Thread_local int current_root = ANY_ROOT; /* of the job that this thread is in */
static _Thread_local int number;                  /* of this worker; 0 in a thread that is none */
static _Thread_local int limit;                   /* of threads for this one's jobs; 0: none */
static int n_numbers;

int rt_worker_number(void) {
    return number;
}

int rt_limit_threads(int n) {
    const int before = limit;
    limit = n;
    return before;
}

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define ADD(x, n) __atomic_fetch_add(&(x), n, __ATOMIC_SEQ_CST)

static inline void pause_cpu(void) {
#if defined(__x86_64__) || defined(_M_X64)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

/* Counts the looks around since it was set to {0}; false when it is time to sleep. */
typedef struct {
    int n;
    int64_t until;
} rt_look;

static int look_on(rt_look *look) {
    pause_cpu();
    if (++look->n % 32 != 0) return 1;
    const int64_t now = rt_now_ns();
    if (look->n == 32) look->until = now + __atomic_load_n(&pool.look_ns, __ATOMIC_RELAXED);
    return now < look->until;
}

static void work(rt_job *job, int first) {
    for (int i = 0; i < job->n_regions; i++) {
        rt_region *r = &job->regions[(first + i) % job->n_regions];
        while (__atomic_load_n(&r->next, __ATOMIC_RELAXED) < r->end) {
            const int64_t begin = __atomic_fetch_add(&r->next, job->piece, __ATOMIC_RELAXED);
            if (begin >= r->end) break;
            job->fn(job->ctx, begin, begin + job->piece < r->end ? begin + job->piece : r->end);
        }
    }
}

static inline int wanted(uint64_t state, int root) {
    return TICKETS(state) > 0 && (root == ANY_ROOT || ROOT(state) == root);
}

/* Joins an open job, if there is one, and works until nothing of it is left to take. */
static int help(int root) {
    for (uint64_t open = __atomic_load_n(&pool.open, __ATOMIC_ACQUIRE); open; open &= open - 1) {
        const int slot = __builtin_ctzll(open);
        rt_job *job = &pool.jobs[slot];
        uint64_t state = __atomic_load_n(&job->state, __ATOMIC_RELAXED);
        while (wanted(state, root)) {
            if (!__atomic_compare_exchange_n(&job->state, &state, state - TICKET + INSIDE, 0, __ATOMIC_ACQ_REL,
                                             __ATOMIC_RELAXED))
                continue;
            if (TICKETS(state) == 1) __atomic_fetch_and(&pool.open, ~((uint64_t)1 << slot), __ATOMIC_RELAXED);
            const int outer = current_root, outer_limit = limit;
            current_root = ROOT(state), limit = job->limit;
            work(job, TICKETS(state));
            current_root = outer, limit = outer_limit;
            if (N_INSIDE(__atomic_fetch_sub(&job->state, INSIDE, __ATOMIC_SEQ_CST)) == 1 && LOAD(pool.n_waiting) > 0) {
                rt_lock(&lock);
                rt_unlock(&lock);
                rt_wake_all(&pool.done);
            }
            return 1;
        }
    }
    return 0;
}

/* A worker leaves the CPU of an owner, where it would only get the time that the owner does not. */
static void part_from_owners(int64_t *moved) {
    if (__atomic_load_n(&pool.look_ns, __ATOMIC_RELAXED) == CROWDED_NS) return;
    const int cpu = rt_cpu();
    for (uint64_t open = __atomic_load_n(&pool.open, __ATOMIC_ACQUIRE); open; open &= open - 1) {
        if (__atomic_load_n(&pool.jobs[__builtin_ctzll(open)].cpu, __ATOMIC_RELAXED) != cpu || cpu < 0) continue;
        const int64_t now = rt_now_ns();
        if (now - *moved < MOVE_NS) return;
        *moved = now;
        rt_leave_cpu(cpu); /* where it can't, the work is done all the same */
        return;
    }
}

static int may_help(int root) {
    for (uint64_t open = LOAD(pool.open); open; open &= open - 1)
        if (wanted(__atomic_load_n(&pool.jobs[__builtin_ctzll(open)].state, __ATOMIC_RELAXED), root)) return 1;
    return 0;
}

/* Wakes the n workers that fell asleep last, away from a CPU (-1: wherever they like), with the lock held. */
static void wake_sleepers(int n, int cpu) {
    for (; n > 0 && pool.sleepers; n--) {
        rt_sleeper *s = pool.sleepers;
        pool.sleepers = s->next;
        ADD(pool.n_asleep, -1);
        s->asleep = 0;
        rt_keep_off(&s->place, cpu);
        rt_wake_one(&s->wake);
    }
}

/* Sleeps until a job opens; false when there are more workers than the number of threads allows. */
static int sleep_until_open(rt_sleeper *self) {
    rt_lock(&lock);
    ADD(pool.n_asleep, 1);
    self->next = pool.sleepers;
    pool.sleepers = self;
    if (LOAD(pool.open) || pool.n_workers >= pool.n_threads) {
        pool.sleepers = self->next;
        ADD(pool.n_asleep, -1);
    } else {
        for (self->asleep = 1; self->asleep;) rt_wait(&self->wake, &lock);
        rt_widen(&self->place);
    }
    const int stay = pool.n_workers < pool.n_threads;
    if (!stay) __atomic_store_n(&pool.n_workers, pool.n_workers - 1, __ATOMIC_RELAXED);
    rt_unlock(&lock);
    return stay;
}

RT_THREAD_FN(worker, arg) {
    (void)arg;
    number = __atomic_add_fetch(&n_numbers, 1, __ATOMIC_RELAXED);
    rt_fenv_enter(); /* for good: this thread runs nothing else */
    int64_t moved = 0;
    rt_sleeper self = {.wake = RT_COND_INIT};
    rt_place_here(&self.place);
    do {
        rt_look look = {0};
        ADD(pool.n_looking, 1);
        while (!__atomic_load_n(&pool.open, __ATOMIC_RELAXED) && look_on(&look)) continue;
        ADD(pool.n_looking, -1);
        part_from_owners(&moved);
    } while (help(ANY_ROOT) || sleep_until_open(&self));
    return 0;
}

static void start_workers(int n) {
    rt_lock(&lock);
    while (pool.n_workers < n && pool.n_workers < pool.n_threads - 1 && rt_start_thread(worker, NULL) == 0)
        __atomic_store_n(&pool.n_workers, pool.n_workers + 1, __ATOMIC_RELAXED);
    rt_unlock(&lock);
}

/* A job was opened: wakes as many workers as it can use beyond those that look around, and owners that may help. */
static void wake(int n_helpers, int nested, int cpu) {
    const int n = n_helpers - LOAD(pool.n_looking), n_asleep = LOAD(pool.n_asleep);
    const int owners = nested && LOAD(pool.n_waiting) > 0;
    if ((n <= 0 || n_asleep == 0) && !owners) return;
    rt_lock(&lock);
    wake_sleepers(n, cpu);
    rt_unlock(&lock);
    if (owners) rt_wake_all(&pool.done);
}

static void wait_for_helpers(rt_job *job, int root) {
    rt_look look = {0};
    while (N_INSIDE(LOAD(job->state)) > 0) {
        if (help(root)) {
            look = (rt_look){0};
        } else if (!look_on(&look)) {
            rt_lock(&lock);
            ADD(pool.n_waiting, 1);
            while (N_INSIDE(LOAD(job->state)) > 0 && !may_help(root)) rt_wait(&pool.done, &lock);
            ADD(pool.n_waiting, -1);
            rt_unlock(&lock);
        }
    }
}

static int take_slot(void) {
    uint64_t used = __atomic_load_n(&pool.used, __ATOMIC_RELAXED);
    while (~used) {
        const int slot = __builtin_ctzll(~used);
        if (__atomic_compare_exchange_n(&pool.used, &used, used | (uint64_t)1 << slot, 0, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return slot;
    }
    return -1;
}

void rt_parallel_for(int64_t n, int64_t grain, rt_range_fn fn, void *ctx) {
    if (n <= 0) return;
    int n_threads = __atomic_load_n(&pool.n_threads, __ATOMIC_RELAXED);
    if (limit > 0 && limit < n_threads) n_threads = limit;
    const int slot = n > grain && n_threads > 1 ? take_slot() : -1;
    if (slot < 0) {
        fn(ctx, 0, n);
        return;
    }
    const int64_t n_grains = n / grain + (n % grain != 0);
    const int n_parts = n_grains < n_threads ? (int)n_grains : n_threads;
    if (__atomic_load_n(&pool.n_workers, __ATOMIC_RELAXED) < n_parts - 1) start_workers(n_parts - 1);

    rt_job *job = &pool.jobs[slot];
    job->fn = fn, job->ctx = ctx, job->limit = limit;
    __atomic_store_n(&job->cpu, rt_cpu(), __ATOMIC_RELAXED);
    job->n_regions = n_parts < N_REGIONS ? n_parts : N_REGIONS;
    job->piece = grain * (n_grains > PIECES * n_parts ? n_grains / (PIECES * n_parts) : 1);
    int64_t at = 0;
    for (int i = 0; i < job->n_regions; i++) {
        const int64_t share = n_grains / job->n_regions + (i < n_grains % job->n_regions);
        job->regions[i].next = at;
        at = n - at > share * grain ? at + share * grain : n;
        job->regions[i].end = at;
    }
    const uint64_t bit = (uint64_t)1 << slot;
    const int crowded = __atomic_load_n(&pool.look_ns, __ATOMIC_RELAXED) == CROWDED_NS;
    const int outer = current_root, root = outer == ANY_ROOT ? slot : outer;
    __atomic_store_n(&job->state, (uint64_t)root << 32 | (uint64_t)(n_parts - 1), __ATOMIC_RELEASE);
    __atomic_fetch_or(&pool.open, bit, __ATOMIC_SEQ_CST);
    wake(n_parts - 1, outer != ANY_ROOT, crowded ? -1 : job->cpu);

    current_root = root;
    work(job, 0);
    if (TICKETS(__atomic_fetch_and(&job->state, ~(uint64_t)0xffff, __ATOMIC_ACQ_REL)) > 0)
        __atomic_fetch_and(&pool.open, ~bit, __ATOMIC_RELAXED);
    wait_for_helpers(job, root);
    current_root = outer;
    __atomic_fetch_and(&pool.used, ~bit, __ATOMIC_RELEASE);
}

#if !defined(_WIN32)
/* The child of a fork has none of the workers, nor the owners that were at work; it starts its own when it needs them. */
static void before_fork(void) {
    rt_lock(&lock);
}

static void after_fork_parent(void) {
    rt_unlock(&lock);
}

static void after_fork_child(void) {
    const rt_cond fresh = RT_COND_INIT;
    const rt_mutex released = RT_MUTEX_INIT;
    for (int i = 0; i < N_SLOTS; i++) pool.jobs[i].state = 0;
    pool.open = pool.used = 0;
    pool.n_looking = pool.n_asleep = pool.n_waiting = pool.n_workers = 0;
    pool.sleepers = NULL;
    pool.done = fresh;
    lock = released;
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
    const int64_t look_ns = n > rt_default_num_threads() ? CROWDED_NS : LOOK_NS;
    rt_lock(&lock);
    __atomic_store_n(&pool.n_threads, n, __ATOMIC_RELAXED);
    __atomic_store_n(&pool.look_ns, look_ns, __ATOMIC_RELAXED);
    wake_sleepers(MAX_THREADS, -1); /* those that are too many now leave */
    rt_unlock(&lock);
    return RT_OK;
}

int rt_get_num_threads(void) {
    const int n = __atomic_load_n(&pool.n_threads, __ATOMIC_RELAXED);
    return n ? n : 1;
}

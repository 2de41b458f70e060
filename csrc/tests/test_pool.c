/* SPDX-License-Identifier: MIT
 *
 * test_pool.c: the thread pool under ranges of every size, uneven and nested tasks, many callers, a changing number of
 * threads, forks, and an exit with workers that sleep or look around. Tasks that wait for each other prove who takes part.
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../runtime/pool.h"
#include "../runtime/thread.h"
#include "check.h"
#include "rtch.h"

#define PATIENCE 30.0 /* seconds for what must happen at some time */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int add(int *counter) {
    return __atomic_add_fetch(counter, 1, __ATOMIC_ACQ_REL);
}

/* Waits until the counter is at least n; false when it takes too long. */
static int reaches(const int *counter, int n) {
    const double until = now() + PATIENCE;
    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < n) {
        if (now() > until) return 0;
        sched_yield();
    }
    return 1;
}

typedef struct {
    int64_t n, grain;
    int seen[5000];
    int bad;
} marks;

static void mark(void *ctx, int64_t begin, int64_t end) {
    marks *m = ctx;
    if (begin % m->grain != 0 || begin >= end || end > m->n || (end % m->grain != 0 && end != m->n)) add(&m->bad);
    for (int64_t i = begin; i < end; i++) m->seen[i]++; /* by one thread, or the sanitizer sees a race */
}

static void test_every_element_once(void) {
    const int64_t sizes[] = {0, 1, 2, 3, 7, 16, 17, 255, 1000, 4999}, grains[] = {1, 2, 3, 16, 100, 5000};
    static marks m;
    for (int threads = 1; threads <= 20; threads += threads < 4 ? 1 : 8) {
        rt_set_num_threads(threads);
        for (int i = 0; i < 10; i++)
            for (int j = 0; j < 6; j++) {
                memset(&m, 0, sizeof(m));
                m.n = sizes[i], m.grain = grains[j];
                rt_parallel_for(m.n, m.grain, mark, &m);
                for (int64_t k = 0; k < 5000; k++) m.bad += m.seen[k] != (k < m.n);
                CHECK(m.bad == 0);
            }
    }
}

static void count(void *ctx, int64_t begin, int64_t end) {
    __atomic_fetch_add((int64_t *)ctx, end - begin, __ATOMIC_RELAXED);
}

static void uneven(void *ctx, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
        volatile int64_t x = 0;
        for (int64_t j = 0; j < i * i % 9973; j++) x = x + 1;
    }
    count(ctx, begin, end);
}

static void test_uneven(void) {
    rt_set_num_threads(3);
    int64_t n = 0;
    for (int i = 0; i < 20; i++) rt_parallel_for(500, 1, uneven, &n);
    CHECK(n == 20 * 500);
}

static void nest_again(void *ctx, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) rt_parallel_for(100, 7, count, ctx);
}

static void nest(void *ctx, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) rt_parallel_for(i % 5 + 1, 1, nest_again, ctx);
}

static void test_nested(void) {
    for (int threads = 1; threads <= 8; threads++) {
        rt_set_num_threads(threads);
        int64_t n = 0;
        for (int i = 0; i < 10; i++) rt_parallel_for(20, 1, nest, &n);
        CHECK(n == 10 * 60 * 100);
    }
}

/* A piece that ends when as many as `wanted` have begun: they are at work on as many threads. */
typedef struct {
    int wanted, begun, met;
    int outer_begun;
    pthread_t main;
} meeting;

static void meet(void *ctx, int64_t begin, int64_t end) {
    meeting *m = ctx;
    for (int64_t i = begin; i < end; i++) {
        add(&m->begun);
        if (reaches(&m->begun, m->wanted)) add(&m->met);
    }
}

/* One of two tasks, on a thread other than the caller's, calls; the other one only makes sure of that. */
static void meet_inside(void *ctx, int64_t begin, int64_t end) {
    meeting *m = ctx;
    for (int64_t i = begin; i < end; i++) {
        add(&m->outer_begun);
        CHECK(reaches(&m->outer_begun, 2));
        if (!pthread_equal(pthread_self(), m->main)) rt_parallel_for(m->wanted, 1, meet, m);
    }
}

static void test_who_takes_part(void) {
    for (int threads = 2; threads <= 6; threads++) {
        rt_set_num_threads(threads);
        meeting all = {.wanted = threads, .main = pthread_self()};
        rt_parallel_for(threads, 1, meet, &all);
        CHECK(all.met == threads);
        /* A worker's own call is shared too, with idle workers and with the caller, who waits for that worker. */
        meeting nested = {.wanted = threads, .main = pthread_self()};
        rt_parallel_for(2, 1, meet_inside, &nested);
        CHECK(nested.met == threads);
    }
}

static void *call_often(void *arg) {
    (void)arg;
    for (int i = 0; i < 300; i++) {
        int64_t n = 0;
        if (i % 3 == 0) rt_parallel_for(4, 1, nest, &n);
        else rt_parallel_for(1000, 1 + i % 13, count, &n);
        CHECK(n == (i % 3 == 0 ? 10 * 100 : 1000));
    }
    return NULL;
}

/* More callers than the pool has slots for jobs, all inside a call at one time. */
#define MANY 80

static void wait_for_all_callers(void *ctx, int64_t begin, int64_t end) {
    (void)end;
    if (begin > 0) return;
    add(ctx);
    CHECK(reaches(ctx, MANY));
}

static void *call_once(void *arg) {
    rt_parallel_for(2, 1, wait_for_all_callers, arg);
    return NULL;
}

static void test_many_callers(void) {
    pthread_t threads[MANY];
    rt_set_num_threads(3);
    for (int i = 0; i < 6; i++) CHECK(pthread_create(&threads[i], NULL, call_often, NULL) == 0);
    for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
    int begun = 0;
    for (int i = 0; i < MANY; i++) CHECK(pthread_create(&threads[i], NULL, call_once, &begun) == 0);
    for (int i = 0; i < MANY; i++) pthread_join(threads[i], NULL);
    CHECK(begun == MANY);
}

static void *change_number(void *arg) {
    for (int i = 0; !__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE); i++) {
        rt_set_num_threads(i % 8 + 1);
        usleep(200);
    }
    return NULL;
}

static void test_a_changing_number(void) {
    int done = 0;
    pthread_t changer, callers[2];
    CHECK(pthread_create(&changer, NULL, change_number, &done) == 0);
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&callers[i], NULL, call_often, NULL) == 0);
    call_often(NULL);
    for (int i = 0; i < 2; i++) pthread_join(callers[i], NULL);
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    pthread_join(changer, NULL);
}

#if defined(__linux__)
static int workers_alive(void) {
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *d; tasks && (d = readdir(tasks));) {
        char path[300], name[32] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", d->d_name);
        FILE *f = d->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!f) continue;
        n += fgets(name, sizeof(name), f) && strcmp(name, RT_THREAD_NAME "\n") == 0;
        fclose(f);
    }
    if (tasks) closedir(tasks);
    return n;
}

static int workers_become(int n) {
    const double until = now() + PATIENCE;
    while (workers_alive() > n && now() < until) usleep(1000);
    return workers_alive() == n;
}

/* Workers are started on need, and leave when they are too many. */
static void test_numbers_of_workers(void) {
    rt_set_num_threads(1);
    CHECK(workers_become(0));
    rt_set_num_threads(5);
    int64_t n = 0;
    CHECK(workers_alive() == 0);
    rt_parallel_for(3, 3, count, &n); /* small */
    CHECK(workers_alive() == 0);
    meeting all = {.wanted = 5, .main = pthread_self()};
    rt_parallel_for(5, 1, meet, &all);
    CHECK(workers_alive() == 4);
    rt_set_num_threads(2);
    CHECK(workers_become(1));
}
#endif

#if defined(__linux__)
static void *leave_a_cpu(void *arg) {
    cpu_set_t all, one, after;
    (void)arg;
    CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    for (int i = 0; i < 100; i++) {
        const int cpu = rt_cpu();
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
        CHECK(!rt_leave_cpu(cpu)); /* there is no other one */
        CHECK(sched_getaffinity(0, sizeof(after), &after) == 0 && CPU_EQUAL(&after, &one));
        CHECK(rt_cpu() == cpu && !rt_leave_cpu(-1) && !rt_leave_cpu(CPU_SETSIZE));
        CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
        if (CPU_COUNT(&all) > 1) CHECK(rt_leave_cpu(cpu));
        CHECK(sched_getaffinity(0, sizeof(after), &after) == 0 && CPU_EQUAL(&after, &all));
    }
    return NULL;
}

typedef struct {
    int here, arrived, elsewhere, kept;
    cpu_set_t all;
} places;

static void where(void *ctx, int64_t begin, int64_t end) {
    places *p = ctx;
    (void)begin, (void)end;
    __atomic_fetch_add(&p->arrived, 1, __ATOMIC_SEQ_CST);
    if (rt_cpu() != p->here) {
        cpu_set_t now;
        __atomic_fetch_add(&p->elsewhere, 1, __ATOMIC_SEQ_CST);
        p->kept += sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &p->all);
    }
    while (__atomic_load_n(&p->arrived, __ATOMIC_SEQ_CST) < 2) rt_yield();
}

/* A sleeping worker wakes away from the CPU of its owner, which is held where it is, and may then run anywhere. */
static void *wake_elsewhere(void *arg) {
    (void)arg;
    places p = {.here = rt_cpu()};
    cpu_set_t one;
    CHECK(sched_getaffinity(0, sizeof(p.all), &p.all) == 0);
    if (CPU_COUNT(&p.all) < 2) return NULL;
    rt_set_num_threads(2);
    rt_parallel_for(2, 1, where, &p); /* starts the worker, which inherits this thread's affinity */
    CPU_ZERO(&one);
    CPU_SET(p.here = rt_cpu(), &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    p.elsewhere = p.kept = 0;
    for (int i = 0; i < 50; i++) {
        p.arrived = 0;
        usleep(300); /* the worker falls asleep */
        rt_parallel_for(2, 1, where, &p);
    }
    CHECK(p.elsewhere > 25 && p.kept == p.elsewhere); /* other programs may push it back, now and then */
    return NULL;
}

/* Where a thread may run while another one wakes it, and after. */
static void *keep_off_a_cpu(void *arg) {
    cpu_set_t all, now, one;
    rt_place place;
    (void)arg;
    CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    rt_place_here(&place);
    rt_keep_off(&place, -1);
    rt_keep_off(&place, CPU_SETSIZE);
    CHECK(!place.narrowed);
    const int cpu = rt_cpu();
    rt_keep_off(&place, cpu);
    CHECK(sched_getaffinity(0, sizeof(now), &now) == 0);
    if (CPU_COUNT(&all) < 2) {
        CHECK(!place.narrowed && CPU_EQUAL(&now, &all)); /* there is no other one */
        return NULL;
    }
    CHECK(place.narrowed && !CPU_ISSET(cpu, &now) && CPU_COUNT(&now) == CPU_COUNT(&all) - 1 && rt_cpu() != cpu);
    rt_widen(&place);
    CHECK(sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &all));
    rt_keep_off(&place, cpu);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0); /* somebody else decides */
    rt_widen(&place);
    CHECK(sched_getaffinity(0, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &one));
    return NULL;
}

/* Its affinity ends with the thread. */
static void in_a_thread(void *(*fn)(void *)) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, fn, NULL) == 0);
    pthread_join(thread, NULL);
}
#endif

static double cpu_time(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + 1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void test_idle(void) {
    rt_set_num_threads(4);
    meeting all = {.wanted = 4, .main = pthread_self()};
    rt_parallel_for(4, 1, meet, &all);
    usleep(100000);
    const double before = cpu_time();
    usleep(300000);
    CHECK(cpu_time() - before < 0.1); /* three workers that spin take 0.3 s and more even on one CPU */
}

static void *call_until(void *arg) {
    while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE)) {
        int64_t n = 0;
        rt_parallel_for(1000, 3, count, &n);
    }
    return NULL;
}

static int ends_with(pid_t child, int code) {
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static void test_forks(void) {
    rt_set_num_threads(3);
    int done = 0;
    pthread_t callers[2];
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&callers[i], NULL, call_until, &done) == 0);
    for (int i = 0; i < 20; i++) {
        const pid_t child = fork();
        if (child == 0) {
            failures = 0;
            meeting all = {.wanted = 3, .main = pthread_self()};
            rt_parallel_for(3, 1, meet, &all); /* on workers of its own */
            CHECK(all.met == 3);
            _exit(failures != 0);
        }
        CHECK(ends_with(child, 0));
    }
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++) pthread_join(callers[i], NULL);
}

static void test_exits(void) {
    for (int i = 0; i < 10; i++) {
        const pid_t child = fork();
        if (child == 0) {
            int64_t n = 0;
            rt_set_num_threads(4);
            rt_parallel_for(1000, 1, count, &n);
            if (i % 2) usleep(20000); /* the workers sleep */
            exit(n == 1000 ? 7 : 1);  /* with everything that runs at exit */
        }
        CHECK(ends_with(child, 7));
    }
}

int main(void) {
    test_every_element_once();
    test_uneven();
    test_nested();
    test_who_takes_part();
    test_many_callers();
    test_a_changing_number();
#if defined(__linux__)
    test_numbers_of_workers();
    in_a_thread(leave_a_cpu);
    in_a_thread(keep_off_a_cpu);
    in_a_thread(wake_elsewhere);
#endif
    test_idle();
    if (can_fork_with_threads()) test_forks();
    if (can_fork_with_threads()) test_exits();
    if (!failures) printf("ok\n");
    return failures != 0;
}

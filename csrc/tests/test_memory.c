/* SPDX-License-Identifier: MIT
 *
 * test_memory.c: the allocator, the counters and foreign memory under several threads and a fork, for the sanitizers.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../runtime/telemetry.h"
#include "../tensor/dlpack.h"
#include "check.h"

enum { IN_USE, PEAK, CACHED, ALLOCATIONS, HITS, LIMIT, CACHE_LIMIT };

static int64_t stat(int which) {
    int64_t out[7];
    rt_memory_stats(out);
    return out[which];
}

static rt_tensor *filled(int64_t n, double value) {
    return rt_full(RT_F32, 1, &n, value, 0, 0);
}

static void test_limit(void) {
    const int64_t start = stat(IN_USE), n = 1 << 20;
    rt_set_memory_limit(start + 6 * n);
    rt_tensor *x = filled(n, 1);
    CHECK(x && stat(IN_USE) == start + 4 * n);
    CHECK(!filled(n, 2) && rt_last_status() == RT_ERR_ALLOC && rt_refused_bytes() == 4 * n);
    CHECK(stat(IN_USE) == start + 4 * n);
    rt_release(x);
    x = filled(3 * n / 2, 3);
    CHECK(x && stat(PEAK) >= start + 6 * n);
    rt_set_memory_limit(-1);
    rt_release(x);
    CHECK(stat(IN_USE) == start);
    rt_reset_peak();
    CHECK(stat(PEAK) == start);
    rt_empty_cache();
    CHECK(stat(CACHED) == 0);
    CHECK(!rt_scratch_alloc(-1) && !rt_scratch_alloc(INT64_MAX));
    rt_scratch_free(NULL);
}

/* Tensors that one thread makes and another gives back. */
static rt_tensor *handed[64];

static void *make_and_swap(void *arg) {
    const int id = (int)(intptr_t)arg;
    const int64_t sizes[] = {0, 1, 8, 200, 300, 5000, 70000, 700000};
    for (int i = 0; i < 400; i++) {
        rt_tensor *t = filled(sizes[(i + id) % 8], id + 1);
        if (!t) {
            CHECK(t);
            return NULL;
        }
        t = __atomic_exchange_n(&handed[(i * 7 + id * 13) % 64], t, __ATOMIC_ACQ_REL);
        if (!t) continue;
        const float *v = rt_data(t);
        CHECK(t->numel == 0 || v[0] == v[t->numel - 1]);
        rt_release(t);
        if (i % 64 == 0) rt_empty_cache();
        if (i % 32 == 0) CHECK(stat(IN_USE) >= 0);
    }
    return NULL;
}

static void test_threads(void) {
    const int64_t start = stat(IN_USE), made = stat(ALLOCATIONS);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, make_and_swap, (void *)(intptr_t)i);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    CHECK(stat(ALLOCATIONS) - made == 1600); /* the counts of ended threads stay */
    for (int i = 0; i < 64; i++)
        if (handed[i]) rt_release(handed[i]);
    memset(handed, 0, sizeof(handed));
    CHECK(stat(IN_USE) == start);
}

/* Classes are found by whoever asks first, on a header that several threads hold. */
static void *ask(void *arg) {
    rt_tensor *t = arg;
    for (int i = 0; i < 100; i++) {
        CHECK(rt_layout(t) == RT_LAYOUT_TRANSPOSED);
        rt_tensor *sum = rt_binary(RT_OP_ADD, t, t);
        CHECK(sum);
        rt_release(sum);
    }
    return NULL;
}

static void test_counts(void) {
    int64_t before[RT_N_COUNTS], after[RT_N_COUNTS];
    const int64_t shape[2] = {30, 20};
    rt_tensor *x = rt_full(RT_F32, 2, shape, 1, 0, 0), *t = rt_transpose(x);
    CHECK(rt_telemetry_size() == RT_N_COUNTS);
    rt_telemetry_read(before);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, ask, t);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    rt_telemetry_read(after);
    const int at = RT_COUNT_OPERANDS + RT_FAMILY_ELEMENTWISE * RT_N_LAYOUTS + RT_LAYOUT_TRANSPOSED;
    CHECK(after[at] - before[at] == 600);
    char name[100];
    rt_telemetry_name(at, name, sizeof(name));
    CHECK(strcmp(name, "operands.elementwise.transposed") == 0);
    rt_release(x);
    rt_release(t);
}

static void *delete_there(void *managed) {
    rt_dlpack_delete(managed, 1);
    return NULL;
}

static void test_foreign(void) {
    rt_tensor *x = filled(1000, 2);
    void *managed = rt_dlpack_export(x, 1, 0);
    CHECK(managed && rt_aliases(x) == 1);
    rt_tensor *y = rt_dlpack_import(managed, 1, 1); /* our own export, taken back as if it were foreign */
    CHECK(y && !rt_shares_storage(x, y) && rt_data(x) == rt_data(y));
    rt_tensor *own = rt_own(y);
    CHECK(own && own != y && rt_data(own) != rt_data(y));
    rt_release(own);
    rt_release(y);
    CHECK(rt_aliases(x) == 0);
    managed = rt_dlpack_export(x, 1, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, delete_there, managed);
    pthread_join(thread, NULL);
    CHECK(rt_aliases(x) == 0);
    rt_release(x);
}

static void test_from_strides(void) {
    rt_tensor *x = filled(10, 1);
    const int64_t two[2] = {3, 4}, steps[2] = {2, 1}, far[2] = {3, 1};
    rt_tensor *windows = rt_from_strides(x, 2, two, steps, 2);
    CHECK(windows && rt_layout(windows) == RT_LAYOUT_OVERLAPPING && rt_overlaps_itself(windows));
    CHECK(!rt_own(windows) && rt_last_status() == RT_ERR_OVERLAP);
    CHECK(!rt_from_strides(x, 2, two, far, 1) && rt_last_status() == RT_ERR_BOUNDS);
    rt_release(windows);
    rt_release(x);
}

static volatile int stop;

static void *allocate_all_the_time(void *arg) {
    (void)arg;
    while (!stop) rt_release(filled(3000, 1));
    return NULL;
}

static void test_fork(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, allocate_all_the_time, NULL);
    for (int i = 0; i < 10; i++) {
        const pid_t child = fork();
        if (child == 0) {
            failures = 0;
            rt_tensor *x = filled(3000, 1), *y = filled(300000, 2);
            CHECK(x && y);
            rt_release(x);
            rt_release(y);
            rt_empty_cache();
            CHECK(stat(IN_USE) >= 0);
            _exit(failures != 0);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    stop = 1;
    pthread_join(thread, NULL);
}

int main(void) {
    CHECK(rt_init(NULL, 2) == RT_OK);
    test_limit();
    test_threads();
    test_counts();
    test_foreign();
    test_from_strides();
    if (can_fork_while_threads_allocate()) test_fork();
    if (!failures) printf("ok\n");
    return failures != 0;
}

/* SPDX-License-Identifier: MIT
 *
 * test_core.c: the C library on its own, for the sanitizers: lifetimes, layouts, copy-on-write, statuses, the
 * thread pool under several callers, fork, and the emulated fused multiply-add against the hardware's.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/fma.h"
#include "../kernels/kernels.h"
#include "rtch.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1 /* the thread sanitizer can't follow a fork of a threaded process */
#else
#define UNDER_TSAN 0
#endif

static int failures;

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            failures++;                                                     \
        }                                                                   \
    } while (0)

static rt_tensor *counting(int dtype, int64_t rows, int64_t cols) {
    const int64_t n = rows * cols, shape[2] = {rows, cols};
    rt_tensor *flat = rt_arange(dtype, n, 0, 1, 0, 1), *t = rt_reshape(flat, 2, shape);
    rt_release(flat);
    return t;
}

static void test_refused_shapes(void) {
    const int64_t huge[3] = {INT64_MAX, 2, 0}, negative[1] = {-1}, overflow[2] = {1LL << 40, 1LL << 40};
    CHECK(!rt_empty(RT_F32, 3, huge) && rt_last_status() == RT_ERR_SHAPE);
    CHECK(!rt_empty(RT_F32, 1, negative) && rt_last_status() == RT_ERR_SHAPE);
    CHECK(!rt_empty(RT_F64, 2, overflow) && rt_last_status() == RT_ERR_SHAPE);
    CHECK(!rt_empty(99, 0, NULL) && rt_last_status() == RT_ERR_DTYPE);
    const int64_t big[1] = {INT64_MAX / 8};
    CHECK(!rt_empty(RT_F64, 1, big) && rt_last_status() == RT_ERR_ALLOC);
}

static void test_views_and_copy_on_write(void) {
    rt_tensor *x = counting(RT_F32, 3, 4), *y = rt_transpose(x);
    CHECK(rt_shares_storage(x, y) && rt_aliases(x) == 1);
    const int64_t all[4] = {0, 0, 1, 4};
    rt_tensor *one = rt_full(RT_F32, 0, NULL, 100, 0, 0);
    rt_tensor *fresh = rt_own(y);
    CHECK(fresh && fresh != y);
    rt_release(y);
    y = fresh;
    CHECK(!rt_shares_storage(x, y) && rt_assign(y, 1, all, one) == RT_OK);
    CHECK(((float *)rt_data(x))[5] == 5.0f && ((float *)rt_data(y))[5] == 100.0f);
    rt_retain(y); /* another holder: a write that did not own y refuses */
    CHECK(rt_assign(y, 1, all, one) == RT_ERR_SHARED);
    CHECK(rt_binary_inplace(RT_OP_ADD, y, x) == RT_ERR_BROADCAST);
    CHECK(rt_binary_inplace(RT_OP_ADD, y, y) == RT_ERR_SHARED);
    rt_release(y);
    CHECK(rt_binary_inplace(RT_OP_ADD, y, y) == RT_OK && ((float *)rt_data(y))[5] == 200.0f);
    rt_tensor *same = rt_own(y);
    CHECK(same == y);
    const int64_t wide[2] = {3, 4};
    rt_tensor *broad = rt_broadcast_to(one, 2, wide);
    rt_release(one);
    rt_tensor *owned = rt_own(broad); /* the only holder, but it overlaps itself */
    CHECK(owned && owned != broad && owned->contiguous);
    rt_release(owned);
    rt_release(broad);
    rt_release(x);
    rt_release(y);
}

static void test_index_bounds(void) {
    rt_tensor *x = counting(RT_I64, 3, 4);
    const int64_t outside[4] = {1, 3, 0, 0}, beyond[4] = {0, 0, 2, 3}, step[4] = {0, 2, -1, 3},
                  overflow[4] = {0, 1, INT64_MAX, 3};
    CHECK(!rt_index(x, 1, outside) && rt_last_status() == RT_ERR_INDEX);
    CHECK(!rt_index(x, 1, beyond) && rt_last_status() == RT_ERR_INDEX);
    CHECK(!rt_index(x, 1, overflow) && rt_last_status() == RT_ERR_INDEX);
    rt_tensor *back = rt_index(x, 1, step);
    CHECK(back && *(int64_t *)rt_data(back) == 8);
    rt_release(back);
    rt_release(x);
}

static void test_statuses(void) {
    rt_tensor *x = counting(RT_F32, 3, 4), *y = counting(RT_F32, 2, 4), *b = rt_cast(x, RT_BOOL);
    CHECK(!rt_binary(RT_OP_ADD, x, y) && rt_last_status() == RT_ERR_BROADCAST);
    CHECK(!rt_unary(RT_OP_NEGATIVE, b) && rt_last_status() == RT_ERR_DTYPE);
    CHECK(!rt_unary(RT_OP_ADD, x) && rt_last_status() == RT_ERR_DTYPE);
    CHECK(!rt_unary(12345, x) && rt_last_status() == RT_ERR_DTYPE);
    CHECK(!rt_matmul(x, y) && rt_last_status() == RT_ERR_BROADCAST);
    CHECK(!rt_reduce(RT_OP_SUM, x, 4, 0) && rt_last_status() == RT_ERR_DIMENSION);
    rt_release(x);
    rt_release(y);
    rt_release(b);
}

static void test_fma(void) {
    /* Numbers of every size, close cancellations, subnormals, infinities and NaN. */
    uint64_t n = 0;
    for (uint64_t i = 0; i < 400000; i++) {
        double x[3];
        for (int j = 0; j < 3; j++) {
            uint64_t bits = rt_philox(99, i * 3 + (uint64_t)j, 0);
            if (i % 4 == 1) bits = (bits & 0x800fffffffffffffULL) | (1000 + (bits >> 52) % 46) << 52;
            if (i % 4 == 2) bits = (bits & 0x800fffffffffffffULL) | ((bits >> 52) % 3) << 52 | (uint64_t)(j == 0) << 61;
            memcpy(&x[j], &bits, 8);
        }
        if (i % 4 == 3) x[2] = -x[0] * x[1]; /* what is left is the rounding error of the product */
        const double want = fma(x[0], x[1], x[2]), got = rt_fma_f64(x[0], x[1], x[2]);
        const float f[3] = {(float)x[0], (float)x[1], (float)x[2]};
        const float want_f = fmaf(f[0], f[1], f[2]), got_f = rt_fma_f32(f[0], f[1], f[2]);
        if (memcmp(&want, &got, 8) != 0 && !(want != want && got != got)) n++;
        if (memcmp(&want_f, &got_f, 4) != 0 && !(want_f != want_f && got_f != got_f)) n++;
    }
    CHECK(n == 0);
}

static void *hammer(void *arg) {
    rt_tensor *x = arg;
    const int64_t corner[8] = {0, 0, 1, 130, 0, 0, 1, 130}; /* large enough for several threads */
    rt_tensor *square = rt_index(x, 2, corner);
    for (int i = 0; i < 4; i++) {
        rt_tensor *y = rt_binary(RT_OP_ADD, x, x), *s = rt_reduce(RT_OP_SUM, y, 3, 0), *p = rt_matmul(square, square);
        CHECK(y && s && p);
        rt_release(y);
        rt_release(s);
        rt_release(p);
    }
    rt_release(square);
    return NULL;
}

/* Takes snapshots while the main thread writes: each holds one value only, for good. */
static void *snapshots(void *arg) {
    rt_tensor *x = arg;
    for (int i = 0; i < 300; i++) {
        rt_tensor *s = rt_retain(x);
        const float *v = rt_data(s);
        const float first = v[0];
        int same = 1;
        for (int64_t j = 0; j < s->numel; j++) same &= v[j] == first;
        CHECK(same);
        rt_release(s);
        usleep(20); /* let the writer at it */
    }
    return NULL;
}

static void test_snapshots_during_writes(void) {
    const int64_t n = 20000, all[4] = {0, 0, 1, n};
    rt_tensor *x = rt_full(RT_F32, 1, &n, 0, 0, 0);
    pthread_t thread;
    int written = 0;
    pthread_create(&thread, NULL, snapshots, x);
    for (int i = 0; i < 2000; i++) {
        rt_tensor *value = rt_full(RT_F32, 0, NULL, i, 0, 0);
        const int status = rt_assign(x, 1, all, value);
        CHECK(status == RT_OK || status == RT_ERR_SHARED);
        written += status == RT_OK;
        rt_release(value);
    }
    pthread_join(thread, NULL);
    CHECK(written > 0);
    rt_release(x);
}

static void test_many_callers(void) {
    rt_set_num_threads(4);
    rt_tensor *x = counting(RT_F32, 400, 400);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, hammer, x);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    CHECK(x->n_refs == 1 && rt_aliases(x) == 0);
    rt_release(x);
}

static void test_fork(void) {
    rt_set_num_threads(4);
    rt_tensor *x = counting(RT_F32, 600, 600);
    hammer(x);
    const pid_t child = fork();
    if (child == 0) {
        failures = 0;
        hammer(x);
        _exit(failures != 0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    hammer(x);
    rt_release(x);
}

int main(int argc, char **argv) {
    if (rt_init(argc > 1 ? argv[1] : NULL, 2) != RT_OK) {
        fprintf(stderr, "no such instruction set here\n");
        return 77; /* meson: skipped */
    }
    test_refused_shapes();
    test_views_and_copy_on_write();
    test_index_bounds();
    test_statuses();
    test_fma();
    test_many_callers();
    test_snapshots_during_writes();
    /* qemu-user asserts (cpu == current_cpu) when the child of a fork starts threads. */
    if (!UNDER_TSAN && !getenv("RTCH_TEST_UNDER_QEMU")) test_fork();
    if (!failures) printf("ok on %s\n", rt_isa());
    return failures != 0;
}

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
#include "check.h"
#include "rtch.h"

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
    CHECK(!rt_shares_storage(x, y) && rt_assign(y, 1, all, one, 0) == RT_OK);
    CHECK(((float *)rt_data(x))[5] == 5.0f && ((float *)rt_data(y))[5] == 100.0f);
    rt_retain(y); /* another holder: a write that did not own y refuses */
    CHECK(rt_assign(y, 1, all, one, 0) == RT_ERR_SHARED);
    CHECK(rt_binary_inplace(RT_OP_ADD, y, x) == RT_ERR_BROADCAST);
    CHECK(rt_binary_inplace(RT_OP_ADD, y, y) == RT_ERR_SHARED);
    rt_release(y);
    CHECK(rt_binary_inplace(RT_OP_ADD, y, y) == RT_OK && ((float *)rt_data(y))[5] == 200.0f);
    const int64_t odd[4] = {0, 1, 2, 2}; /* rows 1 and 3 */
    CHECK(rt_assign(y, 1, odd, one, 1) == RT_OK);
    CHECK(((float *)rt_data(y))[5] == 300.0f && ((float *)rt_data(y))[6] == 200.0f);
    rt_tensor *whole = rt_full(RT_I64, 0, NULL, 0, 0, 1);
    CHECK(rt_assign(y, 1, odd, whole, 1) == RT_ERR_DTYPE && rt_assign(y, 1, odd, whole, 0) == RT_OK);
    CHECK(((float *)rt_data(y))[5] == 1.0f);
    rt_release(whole);
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

/* One index, twice. */
static rt_tensor *index_twice(int dtype, int64_t value) {
    const int64_t n = 2;
    return rt_full(dtype, 1, &n, 0, 0, value);
}

static void test_hostile_indices(void) {
    const int64_t beyond[] = {3, -4, INT64_MAX, INT64_MIN, INT64_MIN + 1, 1LL << 62, -(1LL << 62)};
    const int64_t axis0[2] = {0, 1}, twice[2] = {0, 0}, no_axis[2] = {2, 0}, negative[2] = {-1, 0};
    rt_tensor *x = counting(RT_F32, 3, 4), *value = counting(RT_F32, 2, 4), *flat = rt_arange(RT_F32, 2, 0, 1, 0, 1);
    for (int i = 0; i < 7; i++) {
        rt_tensor *index = index_twice(RT_I64, beyond[i]), *const both[2] = {index, index};
        CHECK(!rt_take(x, index, 0) && rt_last_status() == RT_ERR_INDEX);
        CHECK(!rt_index_add(x, 0, index, value) && rt_last_status() == RT_ERR_INDEX);
        CHECK(!rt_gather(x, 1, axis0, both) && rt_last_status() == RT_ERR_INDEX);
        CHECK(!rt_gather(x, 2, axis0, both) && rt_last_status() == RT_ERR_INDEX);
        const int64_t lanes[2] = {2, 4};
        rt_tensor *wide = rt_full(RT_I64, 2, lanes, 0, 0, i == 0 ? 4 : i == 1 ? -5 : beyond[i]);
        for (int axis = 0; axis < 2; axis++) {
            CHECK(!rt_gather_along(x, axis, wide) && rt_last_status() == RT_ERR_INDEX);
            for (int add = 0; add < 2; add++)
                CHECK(!rt_scatter_along(x, axis, wide, value, add) && rt_last_status() == RT_ERR_INDEX);
        }
        rt_release(wide);
        for (int add = 0; add < 2; add++) {
            CHECK(rt_scatter(x, 1, axis0, both, value, add) == RT_ERR_INDEX);
            CHECK(rt_scatter(x, 2, axis0, both, flat, add) == RT_ERR_INDEX);
        }
        rt_release(index);
    }
    rt_tensor *good = index_twice(RT_I64, 0), *narrow = index_twice(RT_I32, 0),
              *three = rt_arange(RT_I64, 3, 0, 1, 0, 1);
    rt_tensor *const both[2] = {good, good}, *const wrong[2] = {good, narrow}, *const uneven[2] = {good, three};
    CHECK(!rt_gather(x, 2, twice, both) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_gather(x, 2, no_axis, both) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_gather(x, 2, negative, both) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_gather(x, 0, axis0, both) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_gather(x, 3, axis0, both) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_gather(x, 2, axis0, wrong) && rt_last_status() == RT_ERR_DTYPE);
    CHECK(!rt_gather(x, 2, axis0, uneven) && rt_last_status() == RT_ERR_BROADCAST);
    CHECK(!rt_take(x, good, 2) && rt_last_status() == RT_ERR_DIMENSION);
    const int64_t larger[2] = {1, 5};
    rt_tensor *rows = rt_full(RT_I64, 2, larger, 0, 0, 0), *column = rt_full(RT_I64, 2, axis0, 0, 0, 7);
    CHECK(!rt_gather_along(x, 0, good) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_gather_along(x, 2, rows) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_gather_along(x, 0, value) && rt_last_status() == RT_ERR_DTYPE);
    CHECK(!rt_gather_along(x, 0, rows) && rt_last_status() == RT_ERR_BROADCAST);
    CHECK(!rt_scatter_along(x, 1, rows, value, 0) && rt_last_status() == RT_ERR_BROADCAST);
    rt_tensor *picked = rt_gather_along(x, 1, rows), *none = rt_gather_along(x, 0, column);
    CHECK(picked && rt_shape(picked)[1] == 5 && ((float *)rt_data(picked))[4] == ((float *)rt_data(x))[0]);
    CHECK(none && none->numel == 0); /* an index of no elements names none */
    rt_release(rows), rt_release(column), rt_release(picked), rt_release(none);
    CHECK(rt_scatter(x, 1, axis0, both, flat, 0) == RT_ERR_BROADCAST);
    CHECK(rt_scatter(x, 2, axis0, both, value, 0) == RT_ERR_BROADCAST);
    CHECK(rt_scatter(x, 1, axis0, both, value, 0) == RT_OK && ((float *)rt_data(x))[0] == 4.0f);
    CHECK(rt_scatter(x, 1, axis0, both, value, 1) == RT_OK && ((float *)rt_data(x))[0] == 8.0f);
    const int64_t nothing[2] = {0, 4};
    rt_tensor *empty = rt_empty(RT_F32, 2, nothing);
    CHECK(!rt_gather(empty, 1, axis0, both) && rt_last_status() == RT_ERR_INDEX);
    CHECK(!rt_take(empty, good, 0) && rt_last_status() == RT_ERR_INDEX);
    rt_tensor *const all[7] = {x, value, flat, good, narrow, three, empty};
    for (int i = 0; i < 7; i++) rt_release(all[i]);
}

/* Whether element i of a row of numbers may stand before element j. */
static int may_precede(const rt_tensor *row, int64_t i, int64_t j) {
    const double a = ((const double *)rt_data(row))[i], b = ((const double *)rt_data(row))[j];
    return a <= b || b != b;
}

/* Rows on both sides of every length at which the method changes. */
static void test_sorting(void) {
    const int dtypes[] = {RT_BOOL, RT_I8, RT_U16, RT_I32, RT_U32, RT_F32, RT_I64, RT_U64, RT_F64};
    const int widths[] = {1, 1, 2, 4, 4, 4, 8, 8, 8};
    const int64_t lengths[] = {1, 2, 48, 49, 64, 65, 257, 2049, 16384, 16385, 49153, 65537, 140001};
    for (int d = 0; d < 9; d++)
        for (int l = 0; l < 13; l++) {
            const int64_t shape[2] = {1, lengths[l]};
            rt_tensor *random = rt_random_normal(RT_F64, 2, shape, 3, 0, 0, 50), *x = rt_cast(random, dtypes[d]);
            rt_tensor *sorted = rt_sort(x, 1, 0), *order = rt_argsort(x, 1, 0), *wide = rt_cast(x, RT_F64);
            rt_tensor *flat = rt_reshape(x, 1, shape + 1), *positions = rt_reshape(order, 1, shape + 1);
            rt_tensor *taken = rt_take(flat, positions, 0);
            CHECK(sorted && order && taken);
            const int64_t *at = (const int64_t *)rt_data(order);
            int64_t wrong = 0;
            for (int64_t i = 1; i < lengths[l]; i++) {
                wrong += !may_precede(wide, at[i - 1], at[i]);
                wrong += may_precede(wide, at[i], at[i - 1]) && at[i - 1] > at[i]; /* equal ones keep their order */
            }
            CHECK(wrong == 0);
            CHECK(memcmp(rt_data(taken), rt_data(sorted), (size_t)(lengths[l] * widths[d])) == 0);
            rt_tensor *const all[8] = {random, x, sorted, order, wide, flat, positions, taken};
            for (int i = 0; i < 8; i++) rt_release(all[i]);
        }
    rt_tensor *x = counting(RT_F32, 3, 4), *halves = rt_cast(x, RT_F16), *complex = rt_cast(x, RT_C64);
    CHECK(!rt_sort(x, 2, 0) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_argsort(x, -1, 0) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_sort(halves, 0, 0) && rt_last_status() == RT_ERR_DTYPE);
    CHECK(!rt_argsort(complex, 0, 0) && rt_last_status() == RT_ERR_DTYPE);
    CHECK(!rt_searchsorted(x, x, 0) && rt_last_status() == RT_ERR_DIMENSION);
    rt_release(x);
    rt_release(halves);
    rt_release(complex);
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
        const int status = rt_assign(x, 1, all, value, 0);
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

/* Steps of several parameters: all or none, whatever does not fit, is shared, or can't be owned. */
static void test_steps(void) {
    const double numbers[4] = {0.5, 0, 0, 0};
    rt_tensor *t[10] = {counting(RT_F32, 3, 4), counting(RT_F32, 1, 5)};
    rt_tensor *turned = counting(RT_F32, 4, 3);
    t[2] = rt_transpose(turned), t[3] = counting(RT_F32, 1, 5);
    CHECK(rt_step(RT_STEP_SGD, 2, t, numbers, 0) == RT_OK);
    CHECK(((float *)rt_data(t[0]))[1] == -0.5f && ((float *)rt_data(t[1]))[4] == 2.0f);
    CHECK(rt_step(RT_STEP_SGD, 0, t, numbers, 0) == RT_OK);
    CHECK(rt_step(RT_N_STEPS, 2, t, numbers, 0) == RT_ERR_ARGUMENT);
    rt_retain(t[1]); /* shared: the first one is not written either, and can be written again afterwards */
    CHECK(rt_step(RT_STEP_SGD, 2, t, numbers, 0) == RT_ERR_SHARED && ((float *)rt_data(t[0]))[1] == -0.5f);
    rt_tensor *own[10];
    CHECK(rt_own_all(2, t, own) == 1 && own[0] == t[0] && own[1] != t[1]);
    rt_release(own[1]);
    rt_release(t[1]);
    CHECK(rt_own_all(10, t, own) == 1 && !own[9] && own[2] != t[2]); /* the transposed one's storage is shared */
    rt_release(own[2]);
    rt_release(turned);
    CHECK(rt_own_all(10, t, own) == 1 && own[2] != t[2] && own[2]->contiguous); /* alone, but not row-major */
    rt_release(own[2]);
    const int64_t shape[2] = {2, 2}, steps[2] = {1, 1};
    rt_tensor *windows = rt_from_strides(t[3], 2, shape, steps, 0), *mixed[3] = {t[1], NULL, windows};
    rt_retain(t[1]);
    CHECK(rt_own_all(3, mixed, own) == -1 && rt_last_status() == RT_ERR_OVERLAP);
    rt_release(t[1]);
    rt_release(windows);
    rt_tensor *wide = counting(RT_F64, 1, 5), *kept = t[3];
    t[3] = wide; /* another dtype, another shape, a state for one only */
    CHECK(rt_step(RT_STEP_SGD, 2, t, numbers, 0) == RT_ERR_LAYOUT);
    t[3] = t[2];
    CHECK(rt_step(RT_STEP_SGD, 2, t, numbers, 0) == RT_ERR_LAYOUT);
    t[3] = kept, t[4] = rt_copy(t[0]);
    CHECK(rt_step(RT_STEP_SGD, 2, t, numbers, 0) == RT_ERR_LAYOUT);
    rt_release(wide);
    for (int i = 0; i < 5; i++) rt_release(t[i]);
    CHECK(rt_running_power(0.5, 3) == 0.125 && rt_running_power(0.9, 0) == 1 && rt_running_power(0.5, 1LL << 40) == 0);
}

int main(int argc, char **argv) {
    if (rt_init(argc > 1 ? argv[1] : NULL, 2) != RT_OK) {
        fprintf(stderr, "no such instruction set here\n");
        return 77; /* meson: skipped */
    }
    test_refused_shapes();
    test_views_and_copy_on_write();
    test_index_bounds();
    test_hostile_indices();
    test_sorting();
    test_statuses();
    test_steps();
    test_fma();
    test_many_callers();
    test_snapshots_during_writes();
    if (can_fork_with_threads()) test_fork();
    if (!failures) printf("ok on %s\n", rt_isa());
    return failures != 0;
}

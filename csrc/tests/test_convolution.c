/* SPDX-License-Identifier: MIT
 *
 * test_convolution.c: random geometries against loops over every place and tap, on whole numbers, whose sums are exact in
 * any order; and arguments that must be refused, for the sanitizers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "rtch.h"

static uint64_t state = 1;

static int64_t draw(int64_t low, int64_t high) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return low + (int64_t)(state >> 33) % (high - low + 1);
}

/* Whole numbers in [-3, 3]. */
static rt_tensor *whole(int dtype, int ndim, const int64_t *shape) {
    rt_tensor *t = rt_empty(dtype, ndim, shape);
    int64_t n = 1;
    for (int d = 0; d < ndim; d++) n *= shape[d];
    for (int64_t i = 0; i < n; i++) {
        const int64_t x = draw(-3, 3);
        if (dtype == RT_F32) ((float *)rt_data(t))[i] = (float)x;
        else ((double *)rt_data(t))[i] = (double)x;
    }
    return t;
}

static double at(const rt_tensor *t, int64_t i) {
    const int is_f32 = t->dtype == RT_F32;
    return is_f32 ? (double)((const float *)rt_data(t))[i] : ((const double *)rt_data(t))[i];
}

typedef struct {
    int64_t n, groups, in, out, image[2], result[2], taps[2], step[2], spread[2], before[2];
} geometry;

/* Adds every product of an image place, a tap and a result place to what `which` names: 0 image, 1 weight, 2 result. */
static void add_up(const geometry *g, const rt_tensor *const t[3], int which, double *sum) {
    for (int64_t n = 0; n < g->n; n++)
        for (int64_t o = 0; o < g->groups * g->out; o++)
            for (int64_t c = 0; c < g->in; c++)
                for (int64_t p = 0; p < g->result[0] * g->result[1]; p++)
                    for (int64_t k = 0; k < g->taps[0] * g->taps[1]; k++) {
                        const int64_t r0 = p / g->result[1], r1 = p % g->result[1], k0 = k / g->taps[1],
                                      k1 = k % g->taps[1];
                        const int64_t y = r0 * g->step[0] + k0 * g->spread[0] - g->before[0];
                        const int64_t x = r1 * g->step[1] + k1 * g->spread[1] - g->before[1];
                        if (y < 0 || y >= g->image[0] || x < 0 || x >= g->image[1]) continue;
                        const int64_t channel = o / g->out * g->in + c;
                        const int64_t place[3] = {
                            ((n * g->groups * g->in + channel) * g->image[0] + y) * g->image[1] + x,
                            (o * g->in + c) * g->taps[0] * g->taps[1] + k,
                            (n * g->groups * g->out + o) * g->result[0] * g->result[1] + p,
                        };
                        const int a = which == 0 ? 1 : 0, b = which == 2 ? 1 : 2;
                        sum[place[which]] += at(t[a], place[a]) * at(t[b], place[b]);
                    }
}

static void test_geometry(int i) {
    const int dtype = i % 2 ? RT_F32 : RT_F64, many = i % 7 == 0;
    geometry g = {.n = draw(0, 3), .groups = draw(1, 3), .in = draw(1, many ? 70 : 4), .out = draw(1, many ? 40 : 7)};
    for (int d = 0; d < 2; d++) {
        g.taps[d] = draw(1, 4), g.step[d] = draw(1, 4), g.spread[d] = draw(1, 3), g.before[d] = draw(0, 4);
        g.image[d] = draw(1, 24), g.result[d] = draw(1, 12);
    }
    const int64_t shapes[3][4] = {
        {g.n, g.groups * g.in, g.image[0], g.image[1]},
        {g.groups * g.out, g.in, g.taps[0], g.taps[1]},
        {g.n, g.groups * g.out, g.result[0], g.result[1]},
    };
    rt_tensor *t[3];
    for (int j = 0; j < 3; j++) t[j] = whole(dtype, 4, shapes[j]);
    for (int which = 0; which < 3; which++) {
        const int64_t *const size = shapes[which] + 2;
        int64_t axes[8];
        for (int d = 0; d < 2; d++)
            axes[4 * d] = size[d], axes[4 * d + 1] = g.step[d], axes[4 * d + 2] = g.spread[d],
                     axes[4 * d + 3] = g.before[d];
        rt_tensor *found = which == 0   ? rt_convolution_transpose(t[2], t[1], NULL, g.groups, axes)
                           : which == 1 ? rt_convolution_weight(t[0], t[2], g.groups, axes)
                                        : rt_convolution(t[0], t[1], NULL, g.groups, axes);
        CHECK(found);
        if (!found) continue;
        double *sum = calloc((size_t)t[which]->numel + 1, sizeof(double));
        add_up(&g, (const rt_tensor *const *)t, which, sum);
        CHECK(found->numel == t[which]->numel);
        int wrong = 0;
        for (int64_t j = 0; j < found->numel; j++) wrong += at(found, j) != sum[j];
        if (wrong) fprintf(stderr, "geometry %d, product %d: %d wrong\n", i, which, wrong);
        CHECK(!wrong);
        free(sum);
        rt_release(found);
    }
    for (int j = 0; j < 3; j++) rt_release(t[j]);
}

static void test_refusals(void) {
    const int64_t image[4] = {1, 2, 5, 5}, filter[4] = {4, 2, 3, 3}, narrow[4] = {4, 1, 3, 3}, plane[2] = {5, 5};
    rt_tensor *x = whole(RT_F32, 4, image), *w = whole(RT_F32, 4, filter), *v = whole(RT_F32, 4, narrow);
    rt_tensor *wide = whole(RT_F64, 4, filter), *flat = whole(RT_F32, 2, plane);
    const int64_t good[8] = {3, 1, 1, 0, 3, 1, 1, 0};
    CHECK(!rt_convolution(x, v, NULL, 1, good) && rt_last_status() == RT_ERR_BROADCAST);
    CHECK(!rt_convolution(x, w, NULL, 3, good) && rt_last_status() == RT_ERR_BROADCAST);
    CHECK(!rt_convolution(x, w, NULL, 0, good) && rt_last_status() == RT_ERR_ARGUMENT);
    CHECK(!rt_convolution(x, wide, NULL, 1, good) && rt_last_status() == RT_ERR_DTYPE);
    CHECK(!rt_convolution(x, flat, NULL, 1, good) && rt_last_status() == RT_ERR_DIMENSION);
    CHECK(!rt_convolution(x, w, flat, 1, good) && rt_last_status() == RT_ERR_BROADCAST);
    CHECK(!rt_convolution_weight(x, flat, 1, good) && rt_last_status() == RT_ERR_DIMENSION);
    for (int i = 0; i < 4; i++) { /* one number too small, or so large that its planes have no room */
        int64_t axes[8];
        for (int j = 0; j < 8; j++) axes[j] = good[j];
        axes[i] = -1;
        CHECK(!rt_convolution(x, w, NULL, 1, axes) && rt_last_status() == RT_ERR_SHAPE);
        CHECK(!rt_convolution_transpose(x, w, NULL, 2, axes));
        axes[i] = INT64_MAX;
        CHECK(!rt_convolution(x, w, NULL, 1, axes) && rt_last_status() == RT_ERR_SHAPE);
    }
    const int64_t far[8] = {3, 1, 2000000000, 0, 3, 1, 2000000000, 0};
    CHECK(!rt_convolution(x, w, NULL, 1, far) && rt_last_status() == RT_ERR_ALLOC);
    CHECK(!rt_convolution_weight(x, x, 1, far) && rt_last_status() == RT_ERR_ALLOC);

    const int64_t outside[10] = {4, 3, 1, 1, 0, 3, 3, 1, 1, 0}, behind[10] = {3, 3, 9, 1, 0, 3, 3, 1, 1, 0};
    const int64_t inside[10] = {3, 3, 1, 1, 0, 3, 3, 1, 1, 0};
    rt_tensor *partly = rt_max_pool_index(flat, 2, outside); /* the last window is cut off at the edge */
    CHECK(partly);
    CHECK(!rt_max_pool_index(flat, 2, behind) && rt_last_status() == RT_ERR_SHAPE);
    CHECK(!rt_max_pool_index(flat, 3, inside) && rt_last_status() == RT_ERR_DIMENSION);
    rt_tensor *index = rt_max_pool_index(flat, 2, inside), *values = rt_pool_gather(flat, index, 2);
    CHECK(values && !rt_pool_gather(index, index, 2) && rt_last_status() == RT_ERR_DTYPE);
    ((int64_t *)rt_data(index))[4] = 25;
    CHECK(!rt_pool_gather(flat, index, 2) && rt_last_status() == RT_ERR_INDEX);
    CHECK(!rt_pool_scatter(values, index, 2, plane) && rt_last_status() == RT_ERR_INDEX);
    ((int64_t *)rt_data(index))[4] = -1;
    CHECK(!rt_pool_gather(flat, index, 2) && rt_last_status() == RT_ERR_INDEX);
    CHECK(!rt_pool_scatter(flat, index, 2, plane) && rt_last_status() == RT_ERR_BROADCAST);
    const int64_t one[2] = {1, 1}, windows[6] = {0, 5, 5, 0, 6, 5};
    CHECK(!rt_average_pool(flat, 2, one, windows, 0) && rt_last_status() == RT_ERR_INDEX);
    CHECK(!rt_average_pool(index, 2, one, windows, 0) && rt_last_status() == RT_ERR_DTYPE);

    const int64_t three = 3;
    rt_tensor *rows = rt_full(RT_I64, 1, &three, 0, 0, 7), *g = whole(RT_F32, 2, one);
    CHECK(!rt_embedding_grad(g, rows, 9, -1, 0) && rt_last_status() == RT_ERR_BROADCAST);
    const int64_t shape[2] = {3, 4};
    rt_tensor *steps = whole(RT_F32, 2, shape), *table = rt_embedding_grad(steps, rows, 8, -1, 1);
    CHECK(table && table->numel == 32);
    CHECK(!rt_embedding_grad(steps, rows, 7, -1, 0) && rt_last_status() == RT_ERR_INDEX);
    rt_tensor *const all[12] = {x, w, v, wide, flat, partly, index, values, rows, g, steps, table};
    for (int i = 0; i < 12; i++)
        if (all[i]) rt_release(all[i]);
}

int main(int argc, char **argv) {
    if (rt_init(argc > 1 ? argv[1] : NULL, 2) != RT_OK) {
        fprintf(stderr, "no such instruction set here\n");
        return 77; /* meson: skipped */
    }
    for (int i = 0; i < 150; i++) test_geometry(i);
    test_refusals();
    if (!failures) printf("ok on %s\n", rt_isa());
    return failures != 0;
}

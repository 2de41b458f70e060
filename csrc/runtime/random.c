/* SPDX-License-Identifier: MIT
 * random.c: fills tensors from the counter-based stream; the shape decides only where a number goes. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef struct {
    void (*draw)(double *out, int64_t n, uint64_t seed, uint64_t offset);
    uint64_t seed, offset;
    double shift, scale;
    rt_tensor *out;
} rt_draw;

static void draw_range(void *ctx, int64_t begin, int64_t end) {
    const rt_draw *d = ctx;
    double buffer[256];
    for (; begin < end; begin += 256) {
        const int64_t n = end - begin < 256 ? end - begin : 256;
        d->draw(buffer, n, d->seed, d->offset + (uint64_t)begin);
        for (int64_t i = 0; i < n; i++) {
            const double x = d->shift + d->scale * buffer[i];
            if (d->out->dtype == RT_F64) ((double *)d->out->data)[begin + i] = x;
            else ((float *)d->out->data)[begin + i] = (float)x;
        }
    }
}

static rt_tensor *fill(rt_draw d, int dtype, int ndim, const int64_t *shape) {
    if (dtype != RT_F32 && dtype != RT_F64) RT_FAIL(RT_ERR_DTYPE);
    d.out = rt_new(dtype, ndim, shape);
    if (!d.out) return NULL;
    rt_count_path(RT_FAMILY_RANDOM, RT_PATH_CONTIGUOUS);
    const rt_fenv fenv = rt_fenv_enter();
    rt_parallel_for(d.out->numel, RT_GRAIN_COSTLY, draw_range, &d);
    rt_fenv_leave(fenv);
    return d.out;
}

rt_tensor *rt_random_uniform(int dtype, int ndim, const int64_t *shape, uint64_t seed, uint64_t offset, double low,
                             double high) {
    return fill((rt_draw){rt_k.uniform, seed, offset, low, high - low, NULL}, dtype, ndim, shape);
}

rt_tensor *rt_random_normal(int dtype, int ndim, const int64_t *shape, uint64_t seed, uint64_t offset, double mean,
                            double std) {
    return fill((rt_draw){rt_k.normal, seed, offset, mean, std, NULL}, dtype, ndim, shape);
}

uint64_t rt_random_bits(uint64_t seed, uint64_t counter, uint64_t attempt) {
    return rt_philox(seed, counter, attempt);
}

typedef struct {
    uint64_t key;
    int64_t index;
} rt_keyed;

/* A total order, so that any sorting algorithm gives the same permutation. */
static int by_key(const void *a, const void *b) {
    const rt_keyed *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

rt_tensor *rt_random_permutation(int64_t n, uint64_t seed, uint64_t offset) {
    rt_tensor *out = rt_new(RT_I64, 1, &n);
    if (!out || n == 0) return out;
    rt_keyed *keyed = malloc(sizeof(rt_keyed) * (size_t)n);
    if (!keyed) {
        rt_release(out);
        RT_FAIL(RT_ERR_ALLOC);
    }
    for (int64_t i = 0; i < n; i++) keyed[i] = (rt_keyed){rt_philox(seed, offset + (uint64_t)i, 0), i};
    qsort(keyed, (size_t)n, sizeof(rt_keyed), by_key);
    for (int64_t i = 0; i < n; i++) ((int64_t *)out->data)[i] = keyed[i].index;
    free(keyed);
    return out;
}

/* SPDX-License-Identifier: MIT
 * random.c: fills tensors from the counter-based stream; the shape decides only where a number goes. */
#include "runtime.h"

typedef struct {
    void (*draw)(double *out, int64_t n, uint64_t seed, uint64_t offset);
    uint64_t seed, offset;
    double shift, scale;
    rt_tensor *out;
    double low, width; /* of normal_between, where draw is NULL */
} rt_draw;

static void draw_range(void *ctx, int64_t begin, int64_t end) {
    const rt_draw *d = ctx;
    const int itemsize = (int)rt_itemsize(d->out->dtype);
    double buffer[RT_DRAW] __attribute__((aligned(64)));
    for (; begin < end; begin += RT_DRAW) {
        const int64_t n = end - begin < RT_DRAW ? end - begin : RT_DRAW;
        if (d->draw) d->draw(buffer, n, d->seed, d->offset + (uint64_t)begin);
        else rt_k.normal_between(buffer, n, d->seed, d->offset + (uint64_t)begin, d->low, d->width);
        rt_k.place[d->out->dtype](buffer, d->out->data + begin * itemsize, n, d->shift, d->scale);
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
    return fill((rt_draw){rt_k.uniform, seed, offset, low, high - low, NULL, 0, 0}, dtype, ndim, shape);
}

rt_tensor *rt_random_normal(int dtype, int ndim, const int64_t *shape, uint64_t seed, uint64_t offset, double mean,
                            double std) {
    return fill((rt_draw){rt_k.normal, seed, offset, mean, std, NULL, 0, 0}, dtype, ndim, shape);
}

rt_tensor *rt_random_normal_between(int dtype, int ndim, const int64_t *shape, uint64_t seed, uint64_t offset,
                                    double mean, double std, double low, double width) {
    return fill((rt_draw){NULL, seed, offset, mean, std, NULL, low, width}, dtype, ndim, shape);
}

typedef struct {
    uint64_t seed, offset, low, n;
    uint64_t *out;
} rt_integers;

static void integers_range(void *ctx, int64_t begin, int64_t end) {
    const rt_integers *d = ctx;
    const uint64_t uneven = d->n ? (0 - d->n) % d->n : 0; /* 2^64 mod n */
    uint64_t bits[RT_DRAW] __attribute__((aligned(64)));
    for (; begin < end; begin += RT_DRAW) {
        const int64_t n = end - begin < RT_DRAW ? end - begin : RT_DRAW;
        rt_k.random_bits(bits, n, d->seed, d->offset + (uint64_t)begin);
        for (int64_t i = 0; i < n; i++) {
            unsigned __int128 product = (unsigned __int128)bits[i] * d->n;
            for (uint64_t again = 1; (uint64_t)product < uneven; again++)
                product = (unsigned __int128)rt_philox(d->seed, d->offset + (uint64_t)(begin + i), again << 32) * d->n;
            d->out[begin + i] = d->low + (d->n ? (uint64_t)(product >> 64) : bits[i]);
        }
    }
}

rt_tensor *rt_random_integers(int dtype, int ndim, const int64_t *shape, uint64_t seed, uint64_t offset, uint64_t low,
                              uint64_t n) {
    if (dtype != RT_I64 && dtype != RT_U64) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *out = rt_new(dtype, ndim, shape);
    if (!out) return NULL;
    rt_count_path(RT_FAMILY_RANDOM, RT_PATH_CONTIGUOUS);
    rt_integers d = {seed, offset, low, n, (uint64_t *)out->data};
    rt_parallel_for(out->numel, RT_GRAIN_COSTLY, integers_range, &d);
    return out;
}

uint64_t rt_random_bits(uint64_t seed, uint64_t counter, uint64_t attempt) {
    return rt_philox(seed, counter, attempt);
}

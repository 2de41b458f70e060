/* SPDX-License-Identifier: MIT
 * dropout.c: shares the blocks of a tensor out; an element's position in row-major order names its random word. */
#include "runtime.h"

#define BLOCK 64

typedef struct {
    const rt_tensor *x;
    rt_tensor *out;
    uint32_t least;
    double scale;
    uint64_t seed, offset;
} rt_drop;

static void drop_blocks(void *ctx, int64_t begin, int64_t end) {
    const rt_drop *d = ctx;
    const int64_t first = begin * BLOCK * rt_itemsize(d->x->dtype), stop = end * BLOCK;
    const int64_t n = (stop < d->x->numel ? stop : d->x->numel) - begin * BLOCK;
    rt_k.dropout[d->x->dtype](d->x->data + first, d->out->data + first, n, d->least, d->scale, d->seed,
                              d->offset + (uint64_t)begin * (BLOCK / 4));
}

rt_tensor *rt_dropout(const rt_tensor *x, uint32_t least, double scale, uint64_t seed, uint64_t offset) {
    if (!rt_k.dropout[x->dtype]) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *dense = rt_contiguous(x), *out = dense ? rt_new(x->dtype, x->ndim, rt_t_shape(x)) : NULL;
    if (out) {
        rt_drop d = {dense, out, least, scale, seed, offset};
        const rt_fenv fenv = rt_fenv_enter();
        rt_parallel_for((x->numel + BLOCK - 1) / BLOCK, RT_GRAIN_COSTLY / BLOCK, drop_blocks, &d);
        rt_fenv_leave(fenv);
        rt_count_call(RT_FAMILY_RANDOM, 1, &x, x->contiguous ? RT_PATH_CONTIGUOUS : RT_PATH_GATHER);
    }
    if (dense) rt_release(dense);
    return out;
}

/* SPDX-License-Identifier: MIT
 * blend.c: lerp and nan_to_num, elementwise ops of more than two inputs. */
#include "runtime.h"

rt_tensor *rt_lerp(const rt_tensor *a, const rt_tensor *b, const rt_tensor *w) {
    const int pair = rt_promote(a->dtype, b->dtype), dtype = pair == RT_NONE ? RT_NONE : rt_promote(pair, w->dtype);
    if (dtype == RT_NONE || !rt_k.loops[RT_OP_LERP][dtype]) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *const all[3] = {rt_as_dtype(a, dtype), rt_as_dtype(b, dtype), rt_as_dtype(w, dtype)};
    rt_tensor *out = NULL;
    if (all[0] && all[1] && all[2]) {
        const rt_tensor *const in[3] = {all[0], all[1], all[2]};
        int64_t shape[RT_MAX_NDIM];
        const int ndim = rt_broadcast(3, in, shape);
        if (ndim < 0) rt_set_status(RT_ERR_BROADCAST);
        else out = rt_new(dtype, ndim, shape);
        if (out) {
            for (int i = 0; i < 3; i++) out->bcast |= (uint8_t)(!rt_same_shape(in[i], ndim, shape) << i);
            const rt_fenv fenv = rt_fenv_enter();
            const int path = rt_iterate_tensors(rt_k.loops[RT_OP_LERP][dtype], 3, out, in, RT_GRAIN_CHEAP);
            rt_fenv_leave(fenv);
            rt_count_call(RT_FAMILY_ELEMENTWISE, 3, in, path);
        }
    }
    for (int i = 0; i < 3; i++)
        if (all[i]) rt_release(all[i]);
    return out;
}

typedef struct {
    const rt_tensor *a;
    rt_tensor *out;
    double numbers[3];
} rt_replacing;

static void replace_range(void *ctx, int64_t begin, int64_t end) {
    const rt_replacing *r = ctx;
    const int64_t at = begin * rt_itemsize(r->a->dtype);
    rt_k.nan_to_num[r->a->dtype](r->a->data + at, r->out->data + at, end - begin, r->numbers);
}

rt_tensor *rt_nan_to_num(const rt_tensor *a, double nan, double high, double low) {
    if (!rt_k.nan_to_num[a->dtype]) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *dense = rt_contiguous(a), *out = dense ? rt_new(a->dtype, a->ndim, rt_t_shape(a)) : NULL;
    if (out) {
        rt_replacing r = {dense, out, {nan, high, low}};
        const rt_fenv fenv = rt_fenv_enter();
        rt_parallel_for(out->numel, RT_GRAIN_CHEAP, replace_range, &r);
        rt_fenv_leave(fenv);
        rt_count_call(RT_FAMILY_ELEMENTWISE, 1, &a, dense == a ? RT_PATH_CONTIGUOUS : RT_PATH_GATHER);
    }
    if (dense) rt_release(dense);
    return out;
}

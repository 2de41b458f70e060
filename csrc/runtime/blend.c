/* SPDX-License-Identifier: MIT
 * blend.c: lerp, hardtanh, threshold and nan_to_num, elementwise ops of more inputs or with numbers. */
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

/* An op on x, or on x and y of one shape and dtype, with two numbers, which are one operand. */
static rt_tensor *with_two_numbers(int op, const rt_tensor *x, const rt_tensor *y, double a, double b) {
    const int dtype = x->dtype;
    if (!rt_k.loops[op][dtype] || (y && y->dtype != dtype)) RT_FAIL(RT_ERR_DTYPE);
    if (y && !rt_same_shape(y, x->ndim, rt_t_shape(x))) RT_FAIL(RT_ERR_BROADCAST);
    rt_tensor *out = rt_new(dtype, x->ndim, rt_t_shape(x));
    if (!out) return NULL;
    double given[2] = {a, b}, held[2];
    rt_tensor numbers;
    rt_init_scalar(&numbers, dtype == RT_F32 ? RT_C64 : RT_C128, held);
    char *const data[2] = {(char *)held, (char *)given};
    const int64_t stride[2] = {0, 0};
    const rt_tensor *const in[3] = {x, y ? y : &numbers, &numbers};
    const int n = y ? 3 : 2;
    const rt_fenv fenv = rt_fenv_enter();
    rt_k.cast[RT_C128][numbers.dtype](data, stride, 1);
    const int path = rt_iterate_tensors(rt_k.loops[op][dtype], n, out, in, RT_GRAIN_CHEAP);
    rt_fenv_leave(fenv);
    rt_count_call(RT_FAMILY_ELEMENTWISE, n - 1, in, path);
    return out;
}

rt_tensor *rt_hardtanh(const rt_tensor *x, double low, double high) {
    return with_two_numbers(RT_OP_HARDTANH, x, NULL, low, high);
}

rt_tensor *rt_hardtanh_grad(const rt_tensor *g, const rt_tensor *y, double low, double high) {
    return with_two_numbers(RT_OP_HARDTANH_GRAD, g, y, low, high);
}

rt_tensor *rt_threshold(const rt_tensor *x, double threshold, double value) {
    return with_two_numbers(RT_OP_THRESHOLD, x, NULL, threshold, value);
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

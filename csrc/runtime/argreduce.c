/* SPDX-License-Identifier: MIT
 * argreduce.c: positions of extremes. What is searched is made adjacent first. */
#include <string.h>

#include "runtime.h"

#define MAX_PIECES 64
#define MAX_ITEM 8

typedef struct {
    rt_position position;
    const char *data;
    int64_t n, itemsize; /* elements searched per result */
    int ndim;
    const int64_t *shape, *strides; /* of the results' starts */
    int64_t *out;
} rt_search;

static void search_results(void *ctx, int64_t begin, int64_t end) {
    const rt_search *s = ctx;
    for (int64_t i = begin; i < end; i++) {
        const char *x = s->data;
        int64_t rest = i;
        for (int d = s->ndim - 1; d >= 0 && rest > 0; d--) {
            x += rest % s->shape[d] * s->strides[d];
            rest /= s->shape[d];
        }
        s->out[i] = s->position(x, s->n);
    }
}

/* One result in pieces of the grain: the first extreme of each, then the first extreme of those. */
static void search_pieces(void *ctx, int64_t begin, int64_t end) {
    const rt_search *s = ctx;
    for (int64_t p = begin; p < end; p++) {
        const int64_t from = s->n * p / MAX_PIECES, to = s->n * (p + 1) / MAX_PIECES;
        s->out[p] = from + s->position(s->data + from * s->itemsize, to - from);
    }
}

static int64_t search_one(rt_search s) {
    int64_t found[MAX_PIECES];
    _Alignas(8) char extreme[MAX_PIECES * MAX_ITEM];
    s.out = found;
    rt_parallel_for(MAX_PIECES, 1, search_pieces, &s);
    for (int p = 0; p < MAX_PIECES; p++)
        memcpy(extreme + p * s.itemsize, s.data + found[p] * s.itemsize, (size_t)s.itemsize);
    return found[s.position(extreme, MAX_PIECES)];
}

/* a with the axis last and its elements adjacent; flat where axis is -1. */
static rt_tensor *adjacent(const rt_tensor *a, int axis) {
    const int64_t numel = a->numel;
    if (axis < 0) return rt_reshape(a, 1, &numel);
    int64_t order[RT_MAX_NDIM];
    int n = 0;
    for (int d = 0; d < a->ndim; d++)
        if (d != axis) order[n++] = d;
    order[n] = axis;
    rt_tensor *turned = rt_permute(a, a->ndim, order);
    if (!turned || rt_t_strides(turned)[n] == rt_itemsize(a->dtype)) return turned;
    rt_tensor *out = rt_contiguous(turned);
    rt_release(turned);
    return out;
}

rt_tensor *rt_argreduce(int op, const rt_tensor *a, int axis, int keepdims) {
    if (rt_kind_of(op) != RT_KIND_ARGREDUCE || !rt_k.position[op][a->dtype]) RT_FAIL(RT_ERR_DTYPE);
    if (axis < -1 || axis >= a->ndim) RT_FAIL(RT_ERR_DIMENSION);
    const int64_t n = axis < 0 ? a->numel : rt_t_shape(a)[axis];
    if (n == 0) RT_FAIL(RT_ERR_SHAPE);
    int64_t shape[RT_MAX_NDIM];
    int ndim = 0;
    for (int d = 0; d < a->ndim; d++) {
        if (axis >= 0 && d != axis) shape[ndim++] = rt_t_shape(a)[d];
        else if (keepdims) shape[ndim++] = 1;
    }
    rt_tensor *out = rt_new(RT_I64, ndim, shape), *x = out ? adjacent(a, axis) : NULL;
    if (x && out->numel > 0) {
        const rt_search s = {.position = rt_k.position[op][a->dtype],
                             .data = x->data,
                             .n = n,
                             .itemsize = rt_itemsize(a->dtype),
                             .ndim = x->ndim - 1,
                             .shape = rt_t_shape(x),
                             .strides = rt_t_strides(x),
                             .out = (int64_t *)out->data};
        const rt_fenv fenv = rt_fenv_enter();
        if (out->numel == 1 && n > RT_GRAIN_CHEAP) s.out[0] = search_one(s);
        else rt_parallel_for(out->numel, RT_GRAIN_CHEAP / n + 1, search_results, (void *)&s);
        rt_fenv_leave(fenv);
    }
    if (!x && out) {
        rt_release(out);
        return NULL;
    }
    if (x) rt_release(x);
    return out;
}

/* SPDX-License-Identifier: MIT
 * sort.c: rows, threads and scratch memory around the sorting kernels; nonzero. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef struct {
    const rt_tensor *a; /* (n_rows..., n), row-major */
    rt_tensor *out;
    int64_t n, scratch; /* bytes */
    int descending, by_index, status;
} rt_sorting;

static void sort_rows(void *ctx, int64_t begin, int64_t end) {
    rt_sorting *s = ctx;
    const int dtype = s->a->dtype;
    const int64_t item = rt_itemsize(dtype);
    char *scratch = malloc((size_t)s->scratch);
    if (!scratch) {
        __atomic_store_n(&s->status, RT_ERR_ALLOC, __ATOMIC_RELAXED);
        return;
    }
    for (int64_t row = begin; row < end; row++) {
        const char *x = s->a->data + row * s->n * item;
        if (s->by_index)
            rt_k.argsort[dtype](x, item, s->n, s->descending, (int64_t *)s->out->data + row * s->n, scratch);
        else rt_k.sort[dtype](x, item, s->n, s->descending, s->out->data + row * s->n * item, scratch);
    }
    free(scratch);
}

/* a is row-major with the sorted axis last. */
static rt_tensor *sort_last(const rt_tensor *a, int descending, int by_index) {
    rt_tensor *out = rt_new(by_index ? RT_I64 : a->dtype, a->ndim, rt_t_shape(a));
    if (!out || out->numel == 0) return out;
    const int64_t n = rt_t_shape(a)[a->ndim - 1];
    rt_sorting s = {a, out, n, by_index ? n * 24 + 64 : n * rt_itemsize(a->dtype), descending, by_index, RT_OK};
    rt_parallel_for(a->numel / n, RT_GRAIN_COSTLY / n + 1, sort_rows, &s);
    if (s.status == RT_OK) return out;
    rt_release(out);
    RT_FAIL(s.status);
}

static rt_tensor *sort_axis(const rt_tensor *a, int axis, int descending, int by_index) {
    if (axis < 0 || axis >= a->ndim) RT_FAIL(RT_ERR_DIMENSION);
    if (!rt_k.sort[a->dtype]) RT_FAIL(RT_ERR_DTYPE);
    int64_t axes[RT_MAX_NDIM], back[RT_MAX_NDIM];
    int n = 0;
    for (int d = 0; d < a->ndim; d++)
        if (d != axis) axes[n++] = d;
    axes[n] = axis;
    for (int d = 0; d < a->ndim; d++) back[axes[d]] = d;
    /* The axis goes last, in row-major memory, and back again. */
    rt_tensor *turned = rt_permute(a, a->ndim, axes), *dense = turned ? rt_contiguous(turned) : NULL;
    if (dense) rt_count_call(RT_FAMILY_SORT, 1, &a, dense == turned ? RT_PATH_RUNS : RT_PATH_GATHER);
    rt_tensor *sorted = dense ? sort_last(dense, descending, by_index) : NULL;
    rt_tensor *view = sorted ? rt_permute(sorted, a->ndim, back) : NULL, *out = view ? rt_contiguous(view) : NULL;
    rt_tensor *const all[4] = {turned, dense, sorted, view};
    for (int i = 0; i < 4; i++)
        if (all[i]) rt_release(all[i]);
    return out;
}

rt_tensor *rt_sort(const rt_tensor *a, int axis, int descending) {
    return sort_axis(a, axis, descending, 0);
}

rt_tensor *rt_argsort(const rt_tensor *a, int axis, int descending) {
    return sort_axis(a, axis, descending, 1);
}

typedef struct {
    const rt_tensor *sorted, *x;
    rt_tensor *out;
    int right;
} rt_searching;

static void search_range(void *ctx, int64_t begin, int64_t end) {
    const rt_searching *s = ctx;
    rt_k.search[s->x->dtype](s->sorted->data, rt_t_strides(s->sorted)[0], rt_t_shape(s->sorted)[0],
                             s->x->data + begin * rt_itemsize(s->x->dtype), end - begin, s->right,
                             (int64_t *)s->out->data + begin);
}

rt_tensor *rt_searchsorted(const rt_tensor *sorted, const rt_tensor *x, int right) {
    if (sorted->ndim != 1) RT_FAIL(RT_ERR_DIMENSION);
    const int dtype = rt_promote(sorted->dtype, x->dtype);
    if (dtype == RT_NONE || !rt_k.search[dtype]) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *a = rt_as_dtype(sorted, dtype), *cast = rt_as_dtype(x, dtype),
              *dense = cast ? rt_contiguous(cast) : NULL;
    rt_tensor *out = a && dense ? rt_new(RT_I64, x->ndim, rt_t_shape(x)) : NULL;
    if (out) {
        rt_searching s = {a, dense, out, right};
        const rt_tensor *const in[2] = {sorted, x};
        rt_count_call(RT_FAMILY_SORT, 2, in, dense == cast ? RT_PATH_RUNS : RT_PATH_GATHER);
        rt_parallel_for(out->numel, RT_GRAIN_COSTLY, search_range, &s);
    }
    rt_tensor *const all[3] = {a, cast, dense};
    for (int i = 0; i < 3; i++)
        if (all[i]) rt_release(all[i]);
    return out;
}

rt_tensor *rt_nonzero(const rt_tensor *a) {
    rt_tensor *flags = rt_as_dtype(a, RT_BOOL), *dense = flags ? rt_contiguous(flags) : NULL, *out = NULL;
    if (dense) {
        rt_count_call(RT_FAMILY_INDEX, 1, &a, dense == flags ? RT_PATH_RUNS : RT_PATH_GATHER);
        int64_t shape[2] = {a->ndim, 0};
        for (int64_t i = 0; i < dense->numel; i++) shape[1] += dense->data[i];
        out = rt_new(RT_I64, 2, shape);
        if (out && out->numel > 0) {
            int64_t index[RT_MAX_NDIM] = {0}, at = 0, *to = (int64_t *)out->data;
            for (int64_t i = 0; i < dense->numel; i++) {
                if (dense->data[i]) {
                    for (int d = 0; d < a->ndim; d++) to[d * shape[1] + at] = index[d];
                    at++;
                }
                for (int d = a->ndim - 1; d >= 0 && ++index[d] == rt_t_shape(a)[d]; d--) index[d] = 0;
            }
        }
    }
    if (flags) rt_release(flags);
    if (dense) rt_release(dense);
    return out;
}

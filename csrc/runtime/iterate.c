/* SPDX-License-Identifier: MIT
 * iterate.c: walks broadcast, strided operands and hands one-dimensional runs to an elementwise loop. */
#include <string.h>

#include "runtime.h"

typedef struct {
    rt_loop loop;
    int n_operands, ndim; /* ndim >= 1; the last dimension is the loop's */
    char *data[RT_MAX_OPERANDS];
    int64_t shape[RT_MAX_NDIM];
    int64_t strides[RT_MAX_OPERANDS][RT_MAX_NDIM];
} rt_walk;

/* Elements [begin, end) in row-major order. */
static void walk_range(void *ctx, int64_t begin, int64_t end) {
    const rt_walk *w = ctx;
    const int last = w->ndim - 1;
    const int64_t inner = w->shape[last];
    int64_t index[RT_MAX_NDIM], stride[RT_MAX_OPERANDS];
    char *ptr[RT_MAX_OPERANDS];
    int64_t rest = begin;
    for (int i = 0; i < w->n_operands; i++) ptr[i] = w->data[i], stride[i] = w->strides[i][last];
    for (int d = last; d >= 0; d--) {
        index[d] = rest % w->shape[d];
        rest /= w->shape[d];
        for (int i = 0; i < w->n_operands; i++) ptr[i] += index[d] * w->strides[i][d];
    }
    while (begin < end) {
        const int64_t left = inner - index[last], n = left < end - begin ? left : end - begin;
        w->loop(ptr, stride, n);
        begin += n;
        if (begin >= end) return;
        /* The run ended at the end of the last dimension: carry. */
        for (int i = 0; i < w->n_operands; i++) ptr[i] -= index[last] * stride[i];
        index[last] = 0;
        for (int d = last - 1; d >= 0; d--) {
            for (int i = 0; i < w->n_operands; i++) ptr[i] += w->strides[i][d];
            if (++index[d] < w->shape[d]) break;
            for (int i = 0; i < w->n_operands; i++) ptr[i] -= w->shape[d] * w->strides[i][d];
            index[d] = 0;
        }
    }
}

int rt_iterate(rt_loop loop, int n_operands, char *const *data, int ndim, const int64_t *shape,
               const int64_t (*strides)[RT_MAX_NDIM], int64_t grain) {
    rt_walk w;
    w.loop = loop;
    w.n_operands = n_operands;
    w.ndim = 0;
    int64_t total = 1;
    for (int i = 0; i < n_operands; i++) w.data[i] = data[i];
    for (int d = 0; d < ndim; d++) {
        total *= shape[d];
        if (shape[d] == 1) continue;
        /* Merge into the previous dimension where every operand steps evenly over both. */
        int merge = w.ndim > 0;
        for (int i = 0; merge && i < n_operands; i++) merge = w.strides[i][w.ndim - 1] == strides[i][d] * shape[d];
        if (!merge) w.shape[w.ndim++] = 1;
        w.shape[w.ndim - 1] *= shape[d];
        for (int i = 0; i < n_operands; i++) w.strides[i][w.ndim - 1] = strides[i][d];
    }
    if (total == 0) return RT_PATH_CONTIGUOUS;
    if (w.ndim == 0) {
        w.ndim = 1;
        w.shape[0] = 1;
        for (int i = 0; i < n_operands; i++) w.strides[i][0] = 0;
    }
    if (w.ndim == 1 && total <= grain) {
        int64_t stride[RT_MAX_OPERANDS];
        for (int i = 0; i < n_operands; i++) stride[i] = w.strides[i][0];
        loop(w.data, stride, total);
        return RT_PATH_STRIDED;
    }
    rt_parallel_for(total, grain, walk_range, &w);
    return w.ndim == 1 ? RT_PATH_STRIDED : RT_PATH_ROWS;
}

int rt_iterate_tensors(rt_loop loop, int n_inputs, rt_tensor *out, const rt_tensor *const *in, int64_t grain) {
    char *data[RT_MAX_OPERANDS] = {out->data};
    int dense = out->contiguous;
    for (int i = 0; i < n_inputs; i++) {
        data[i + 1] = in[i]->data;
        dense = dense && in[i]->contiguous && in[i]->numel == out->numel;
    }
    if (dense &&
        out->numel <= grain) { /* the same elements in the same order: numel equal means that nothing is repeated */
        if (out->numel == 0) return RT_PATH_CONTIGUOUS;
        int64_t stride[RT_MAX_OPERANDS] = {rt_itemsize(out->dtype)};
        for (int i = 0; i < n_inputs; i++) stride[i + 1] = rt_itemsize(in[i]->dtype);
        loop(data, stride, out->numel);
        return RT_PATH_CONTIGUOUS;
    }
    int64_t strides[RT_MAX_OPERANDS][RT_MAX_NDIM];
    memcpy(strides[0], rt_t_strides(out), sizeof(int64_t) * out->ndim);
    for (int i = 0; i < n_inputs; i++) rt_broadcast_strides(in[i], out->ndim, rt_t_shape(out), strides[i + 1]);
    const int path = rt_iterate(loop, n_inputs + 1, data, out->ndim, rt_t_shape(out),
                                (const int64_t (*)[RT_MAX_NDIM])strides, grain);
    return dense ? RT_PATH_CONTIGUOUS : path;
}

int rt_copy_into(char *dst, int dtype, int ndim, const int64_t *shape, const int64_t *strides, const rt_tensor *src) {
    char *const data[2] = {dst, src->data};
    int64_t both[2][RT_MAX_NDIM];
    memcpy(both[0], strides, sizeof(int64_t) * (size_t)ndim);
    rt_broadcast_strides(src, ndim, shape, both[1]);
    return rt_iterate(rt_k.cast[src->dtype][dtype], 2, data, ndim, shape, (const int64_t (*)[RT_MAX_NDIM])both,
                      RT_GRAIN_CHEAP);
}

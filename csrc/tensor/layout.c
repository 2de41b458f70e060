/* SPDX-License-Identifier: MIT
 * layout.c: shapes, strides, broadcasting and views; no arithmetic on elements. */
#include <stdlib.h>
#include <string.h>

#include "../runtime/telemetry.h"
#include "tensor.h"

int rt_same_shape(const rt_tensor *t, int ndim, const int64_t *shape) {
    return t->ndim == ndim && memcmp(t->dims, shape, sizeof(int64_t) * (size_t)ndim) == 0;
}

int rt_broadcast(int n, const rt_tensor *const *t, int64_t *shape) {
    int ndim = 0;
    for (int i = 0; i < n; i++)
        if (t[i]->ndim > ndim) ndim = t[i]->ndim;
    for (int d = 0; d < ndim; d++) shape[d] = 1;
    for (int i = 0; i < n; i++)
        for (int d = 0; d < t[i]->ndim; d++) {
            int64_t *to = &shape[ndim - t[i]->ndim + d];
            const int64_t size = rt_t_shape(t[i])[d];
            if (size == *to || size == 1) continue;
            if (*to != 1) return -1;
            *to = size;
        }
    return ndim;
}

void rt_broadcast_strides(const rt_tensor *t, int ndim, const int64_t *shape, int64_t *strides) {
    const int lead = ndim - t->ndim;
    for (int d = 0; d < ndim; d++)
        strides[d] = d < lead || (rt_t_shape(t)[d - lead] == 1 && shape[d] != 1) ? 0 : rt_t_strides(t)[d - lead];
}

rt_tensor *rt_broadcast_to(const rt_tensor *t, int ndim, const int64_t *shape) {
    if (ndim < t->ndim || ndim > RT_MAX_NDIM) RT_FAIL(RT_ERR_BROADCAST);
    for (int d = 0; d < t->ndim; d++) {
        const int64_t from = rt_t_shape(t)[d], to = shape[ndim - t->ndim + d];
        if (from != to && from != 1) RT_FAIL(RT_ERR_BROADCAST);
    }
    int64_t strides[RT_MAX_NDIM];
    rt_broadcast_strides(t, ndim, shape, strides);
    return rt_new_view(t, ndim, shape, strides, 0);
}

rt_tensor *rt_permute(const rt_tensor *t, int ndim, const int64_t *axes) {
    int64_t shape[RT_MAX_NDIM], strides[RT_MAX_NDIM];
    uint64_t seen = 0;
    if (ndim != t->ndim) RT_FAIL(RT_ERR_DIMENSION);
    for (int d = 0; d < ndim; d++) {
        const int64_t axis = axes[d] < 0 ? axes[d] + ndim : axes[d];
        if (axis < 0 || axis >= ndim || (seen >> axis & 1)) RT_FAIL(RT_ERR_DIMENSION);
        seen |= (uint64_t)1 << axis;
        shape[d] = rt_t_shape(t)[axis];
        strides[d] = rt_t_strides(t)[axis];
    }
    return rt_new_view(t, ndim, shape, strides, 0);
}

rt_tensor *rt_transpose(const rt_tensor *t) {
    int64_t axes[RT_MAX_NDIM];
    if (t->ndim < 2) RT_FAIL(RT_ERR_DIMENSION);
    for (int d = 0; d < t->ndim; d++) axes[d] = d;
    axes[t->ndim - 1] = t->ndim - 2;
    axes[t->ndim - 2] = t->ndim - 1;
    return rt_permute(t, t->ndim, axes);
}

/* Strides of the new shape over t's elements, or 0 where only a copy can have it. */
static int reshape_strides(const rt_tensor *t, int ndim, const int64_t *shape, int64_t *strides) {
    int64_t old_shape[RT_MAX_NDIM], old_strides[RT_MAX_NDIM];
    int n_old = 0;
    for (int d = 0; d < t->ndim; d++)
        if (rt_t_shape(t)[d] != 1) old_shape[n_old] = rt_t_shape(t)[d], old_strides[n_old++] = rt_t_strides(t)[d];
    /* Match runs of old and new dimensions that hold equally many elements; inside a run the old ones must be
     * dense. */
    int i = 0, j = 0;
    while (i < n_old && j < ndim) {
        int64_t n_i = old_shape[i], n_j = shape[j];
        int i_end = i + 1, j_end = j + 1;
        while (n_i != n_j) {
            if (n_i < n_j) {
                if (i_end == n_old) return 0;
                n_i *= old_shape[i_end++];
            } else {
                if (j_end == ndim) return 0;
                n_j *= shape[j_end++];
            }
        }
        for (int k = i; k + 1 < i_end; k++)
            if (old_strides[k] != old_strides[k + 1] * old_shape[k + 1]) return 0;
        strides[j_end - 1] = old_strides[i_end - 1];
        for (int k = j_end - 1; k > j; k--) strides[k - 1] = strides[k] * shape[k];
        i = i_end, j = j_end;
    }
    for (; j < ndim; j++) strides[j] = rt_itemsize(t->dtype); /* trailing ones */
    return 1;
}

rt_tensor *rt_reshape(const rt_tensor *t, int ndim, const int64_t *shape) {
    int64_t target[RT_MAX_NDIM], strides[RT_MAX_NDIM];
    if (ndim > RT_MAX_NDIM) RT_FAIL(RT_ERR_DIMENSION);
    int64_t known = 1, infer = -1;
    for (int d = 0; d < ndim; d++) {
        target[d] = shape[d];
        if (shape[d] == -1) {
            if (infer >= 0) RT_FAIL(RT_ERR_SHAPE);
            infer = d;
        } else if (shape[d] < 0 || __builtin_mul_overflow(known, shape[d], &known)) {
            RT_FAIL(RT_ERR_SHAPE);
        }
    }
    if (infer >= 0) {
        if (known == 0 || t->numel % known) RT_FAIL(RT_ERR_SHAPE);
        target[infer] = t->numel / known;
    } else if (known != t->numel) {
        RT_FAIL(RT_ERR_SHAPE);
    }
    if (t->contiguous || t->numel == 0) {
        int64_t stride = rt_itemsize(t->dtype);
        for (int d = ndim - 1; d >= 0; d--) strides[d] = stride, stride *= target[d] ? target[d] : 1;
        return rt_new_view(t, ndim, target, strides, 0);
    }
    if (reshape_strides(t, ndim, target, strides)) return rt_new_view(t, ndim, target, strides, 0);
    rt_tensor *dense = rt_copy(t);
    if (!dense) return NULL;
    rt_count_copy(RT_COUNT_DENSE, dense);
    rt_tensor *out = rt_reshape(dense, ndim, target);
    rt_release(dense);
    return out;
}

rt_tensor *rt_squeeze_like(const rt_tensor *t, uint64_t axes, int insert) {
    int64_t shape[RT_MAX_NDIM], strides[RT_MAX_NDIM];
    int ndim = 0, from = 0;
    const int total = insert ? t->ndim + __builtin_popcountll(axes) : t->ndim;
    if (total > RT_MAX_NDIM || (total < 64 && axes >> total)) RT_FAIL(RT_ERR_DIMENSION);
    for (int d = 0; d < total; d++) {
        if (axes >> d & 1) {
            if (insert) shape[ndim] = 1, strides[ndim++] = 0;
            else if (rt_t_shape(t)[from++] != 1) RT_FAIL(RT_ERR_SHAPE);
        } else {
            shape[ndim] = rt_t_shape(t)[from], strides[ndim++] = rt_t_strides(t)[from];
            from++;
        }
    }
    return rt_new_view(t, ndim, shape, strides, 0);
}

int rt_index_layout(const rt_tensor *t, int n, const int64_t *spec, int64_t *shape, int64_t *strides, int64_t *offset) {
    int ndim = 0, from = 0;
    *offset = 0;
    for (int i = 0; i < n; i++) {
        const int64_t kind = spec[4 * i], start = spec[4 * i + 1], step = spec[4 * i + 2], length = spec[4 * i + 3];
        if (ndim == RT_MAX_NDIM) return rt_set_status(RT_ERR_DIMENSION), -1;
        if (kind == 2) {
            shape[ndim] = 1, strides[ndim++] = 0;
            continue;
        }
        if (from == t->ndim) return rt_set_status(RT_ERR_INDEX), -1;
        const int64_t size = rt_t_shape(t)[from], stride = rt_t_strides(t)[from];
        from++;
        if (kind == 1) {
            if (start < 0 || start >= size) return rt_set_status(RT_ERR_INDEX), -1;
            *offset += start * stride;
            continue;
        }
        int64_t last = 0;
        if (length < 0 ||
            (length > 0 && (start < 0 || start >= size || __builtin_mul_overflow(step, length - 1, &last) ||
                            __builtin_add_overflow(start, last, &last) || last < 0 || last >= size)))
            return rt_set_status(RT_ERR_INDEX), -1;
        if (length > 0) *offset += start * stride;
        shape[ndim] = length;
        if (length < 2 || __builtin_mul_overflow(stride, step, &strides[ndim])) strides[ndim] = stride;
        ndim++;
    }
    for (; from < t->ndim; from++) {
        if (ndim == RT_MAX_NDIM) return rt_set_status(RT_ERR_DIMENSION), -1;
        shape[ndim] = rt_t_shape(t)[from], strides[ndim++] = rt_t_strides(t)[from];
    }
    return ndim;
}

rt_tensor *rt_index(const rt_tensor *t, int n, const int64_t *spec) {
    int64_t shape[RT_MAX_NDIM], strides[RT_MAX_NDIM], offset;
    const int ndim = rt_index_layout(t, n, spec, shape, strides, &offset);
    return ndim < 0 ? NULL : rt_new_view(t, ndim, shape, strides, offset);
}

rt_tensor *rt_from_strides(const rt_tensor *t, int ndim, const int64_t *shape, const int64_t *strides, int64_t offset) {
    const int64_t item = rt_itemsize(t->dtype);
    int64_t bytes[RT_MAX_NDIM], low, high, at;
    int valid = ndim >= 0 && ndim <= RT_MAX_NDIM && !__builtin_mul_overflow(offset, item, &offset);
    for (int d = 0; valid && d < ndim; d++) valid = !__builtin_mul_overflow(strides[d], item, &bytes[d]);
    valid = valid && rt_layout_reach(ndim, shape, bytes, item, &low, &high);
    if (valid && low < high)
        valid = !__builtin_add_overflow(offset, t->data - t->storage->data, &at) &&
                !__builtin_add_overflow(low, at, &low) && !__builtin_add_overflow(high, at, &high) && low >= 0 &&
                high <= t->storage->nbytes;
    rt_count(valid ? RT_COUNT_VALIDATED : RT_COUNT_REFUSED, 1);
    if (!valid) RT_FAIL(RT_ERR_BOUNDS);
    return rt_new_view(t, ndim, shape, bytes, offset);
}

rt_tensor *rt_part(const rt_tensor *t, int imaginary) {
    if (!rt_is_complex(t->dtype)) RT_FAIL(RT_ERR_DTYPE);
    const int real = rt_real_dtype(t->dtype);
    rt_tensor *out = rt_new_view(t, t->ndim, rt_t_shape(t), rt_t_strides(t), imaginary ? rt_itemsize(real) : 0);
    if (!out) return NULL;
    out->dtype = (int8_t)real;
    out->contiguous = out->numel == 0; /* the other parts lie between */
    out->layout = out->contiguous ? RT_LAYOUT_CONTIGUOUS : RT_LAYOUT_UNKNOWN;
    return out;
}

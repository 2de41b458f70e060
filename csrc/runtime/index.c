/* SPDX-License-Identifier: MIT
 * index.c: concat, and take and index_add, whose index is one for all lanes. */
#include <string.h>

#include "lanes.h"
#include "runtime.h"

/* The dtype of all parts together. Codes rise with the category (bool, integer, floating, complex), whose highest one
   decides, so that the order of the parts does not matter. */
static int promote_parts(int n, rt_tensor *const *parts) {
    int dtype = RT_BOOL;
    for (int code = RT_N_DTYPES - 1, found = 0; code >= 0; code--)
        for (int i = 0; i < n; i++)
            if (parts[i]->dtype == code) {
                dtype = found ? rt_promote(dtype, code) : code;
                found = 1;
                if (dtype == RT_NONE) return RT_NONE;
                break;
            }
    return dtype;
}

rt_tensor *rt_concat(int n, rt_tensor *const *parts, int axis) {
    if (n < 1) RT_FAIL(RT_ERR_ARGUMENT);
    const int ndim = parts[0]->ndim;
    if (axis < 0 || axis >= ndim) RT_FAIL(RT_ERR_DIMENSION);
    int64_t shape[RT_MAX_NDIM];
    memcpy(shape, rt_t_shape(parts[0]), sizeof(int64_t) * (size_t)ndim);
    shape[axis] = 0;
    for (int i = 0; i < n; i++) {
        const int64_t *s = rt_t_shape(parts[i]);
        if (parts[i]->ndim != ndim) RT_FAIL(RT_ERR_DIMENSION);
        for (int d = 0; d < ndim; d++)
            if (d != axis && s[d] != shape[d]) RT_FAIL(RT_ERR_BROADCAST);
        if (__builtin_add_overflow(shape[axis], s[axis], &shape[axis])) RT_FAIL(RT_ERR_SHAPE);
    }
    const int dtype = promote_parts(n, parts);
    if (dtype == RT_NONE) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *out = rt_new(dtype, ndim, shape);
    if (!out) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    char *to = out->data;
    for (int i = 0; i < n; i++) {
        if (parts[i]->numel == 0) continue;
        const rt_tensor *const in[1] = {parts[i]};
        rt_count_call(RT_FAMILY_INDEX, 1, in,
                      rt_copy_into(to, dtype, ndim, rt_t_shape(parts[i]), rt_t_strides(out), parts[i]));
        to += rt_t_shape(parts[i])[axis] * rt_t_strides(out)[axis];
    }
    rt_fenv_leave(fenv);
    return out;
}

/* index is int64, 1-d and dense; every entry in [-size, size). */
static rt_tensor *checked_index(const rt_tensor *index, int64_t size) {
    if (index->dtype != RT_I64) RT_FAIL(RT_ERR_DTYPE);
    if (index->ndim != 1) RT_FAIL(RT_ERR_DIMENSION);
    rt_tensor *dense = rt_contiguous(index);
    if (!dense) return NULL;
    const int64_t *i = (const int64_t *)dense->data;
    for (int64_t j = 0; j < dense->numel; j++)
        if (i[j] < -size || i[j] >= size) {
            rt_release(dense);
            RT_FAIL(RT_ERR_INDEX);
        }
    return dense;
}

typedef struct {
    char *out;
    const char *a;
    const int64_t *index;
    int64_t size, bytes; /* rows, and bytes of one */
} rt_rows;

static void take_rows(void *ctx, int64_t begin, int64_t end) {
    const rt_rows *r = ctx;
    for (int64_t j = begin; j < end; j++) {
        const int64_t at = r->index[j] < 0 ? r->index[j] + r->size : r->index[j];
        memcpy(r->out + j * r->bytes, r->a + at * r->bytes, (size_t)r->bytes);
    }
}

rt_tensor *rt_take(const rt_tensor *a, const rt_tensor *index, int axis) {
    if (axis < 0 || axis >= a->ndim) RT_FAIL(RT_ERR_DIMENSION);
    const int64_t size = rt_t_shape(a)[axis];
    rt_tensor *dense = checked_index(index, size);
    if (!dense) return NULL;
    int64_t shape[RT_MAX_NDIM];
    memcpy(shape, rt_t_shape(a), sizeof(int64_t) * a->ndim);
    shape[axis] = dense->numel;
    rt_tensor *out = rt_new(a->dtype, a->ndim, shape);
    if (out && out->numel > 0) {
        const int64_t *i = (const int64_t *)dense->data;
        rt_count_call(RT_FAMILY_INDEX, 1, &a, RT_PATH_SLICES);
        const int64_t bytes = a->numel / size * rt_itemsize(a->dtype);
        if (axis == 0 && a->contiguous && bytes > 32) { /* whole adjacent rows */
            rt_rows rows = {out->data, a->data, i, size, bytes};
            rt_parallel_for(dense->numel, RT_GRAIN_CHEAP * 4 / rows.bytes + 1, take_rows, &rows);
        } else {
            int64_t steps[RT_MAX_NDIM] = {0};
            steps[axis] = sizeof(int64_t);
            rt_walk_lanes(RT_LANES_PICK, a, axis, out, dense->data, steps);
        }
    }
    rt_release(dense);
    return out;
}

rt_tensor *rt_index_add(const rt_tensor *a, int axis, const rt_tensor *index, const rt_tensor *source) {
    if (axis < 0 || axis >= a->ndim || source->ndim != a->ndim) RT_FAIL(RT_ERR_DIMENSION);
    if (source->dtype != a->dtype || !rt_k.lanes[RT_LANES_SUM][a->dtype]) RT_FAIL(RT_ERR_DTYPE);
    for (int d = 0; d < a->ndim; d++)
        if (rt_t_shape(source)[d] != (d == axis ? index->numel : rt_t_shape(a)[d])) RT_FAIL(RT_ERR_BROADCAST);
    rt_tensor *dense = checked_index(index, rt_t_shape(a)[axis]);
    if (!dense) return NULL;
    rt_tensor *out = rt_copy(a);
    if (out) {
        int64_t steps[RT_MAX_NDIM] = {0};
        steps[axis] = sizeof(int64_t);
        rt_count_call(RT_FAMILY_INDEX, 1, &source, RT_PATH_SLICES);
        rt_walk_lanes(RT_LANES_SUM, out, axis, source, dense->data, steps); /* the sum of a lane is a chain */
    }
    rt_release(dense);
    return out;
}

/* SPDX-License-Identifier: MIT
 *
 * gather.c: elements by several integer index tensors at once. The n indices, all of one shape B, name one position along
 * n axes of a; what they select is B followed by the axes that are left. Positions are visited in row-major order of B.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef struct {
    int ndim; /* of what one position selects */
    int64_t shape[RT_MAX_NDIM], strides[RT_MAX_NDIM], n_kept;
    int64_t n_positions, *offsets; /* in bytes from the lowest element: none is negative */
    int64_t low;                   /* where that is, from the first one */
} rt_selection;

/* Reads the indices; every one in [-size, size). The caller frees offsets. Gives a status. */
static int select_positions(rt_selection *s, const rt_tensor *a, int n, const int64_t *axes, rt_tensor *const *index) {
    uint64_t taken = 0;
    s->offsets = NULL;
    if (n < 1 || n > a->ndim) return RT_ERR_DIMENSION;
    for (int i = 0; i < n; i++) {
        if (axes[i] < 0 || axes[i] >= a->ndim || taken >> axes[i] & 1) return RT_ERR_DIMENSION;
        taken |= (uint64_t)1 << axes[i];
        if (index[i]->dtype != RT_I64) return RT_ERR_DTYPE;
        if (!rt_same_shape(index[i], index[0]->ndim, rt_t_shape(index[0]))) return RT_ERR_BROADCAST;
    }
    s->ndim = 0, s->n_kept = 1, s->low = 0;
    for (int d = 0; d < a->ndim; d++)
        if (!(taken >> d & 1)) {
            s->shape[s->ndim] = rt_t_shape(a)[d], s->strides[s->ndim++] = rt_t_strides(a)[d];
            s->n_kept *= rt_t_shape(a)[d];
        }
    if (index[0]->ndim + s->ndim > RT_MAX_NDIM) return RT_ERR_DIMENSION;
    s->n_positions = index[0]->numel;
    s->offsets = calloc((size_t)s->n_positions + 1, sizeof(int64_t));
    if (!s->offsets) return RT_ERR_ALLOC;
    for (int i = 0; i < n; i++) {
        rt_tensor *dense = rt_contiguous(index[i]);
        if (!dense) return RT_ERR_ALLOC;
        const int64_t size = rt_t_shape(a)[axes[i]], stride = rt_t_strides(a)[axes[i]];
        const int64_t *at = (const int64_t *)dense->data;
        const int64_t first = stride < 0 && size > 0 ? size - 1 : 0;
        int outside = 0;
        for (int64_t j = 0; j < s->n_positions; j++) {
            const int64_t k = at[j] < 0 ? at[j] + size : at[j];
            outside |= k < 0 || k >= size;
            s->offsets[j] += (int64_t)(((uint64_t)k - (uint64_t)first) * (uint64_t)stride);
        }
        s->low += first * stride;
        rt_release(dense);
        if (outside) return RT_ERR_INDEX;
    }
    return RT_OK;
}

typedef struct {
    const rt_selection *s;
    const rt_tensor *a;
    rt_tensor *out;
    int adjacent; /* what one position selects lies row-major without gaps */
} rt_gathering;

#define GATHER_ITEMS(T)                                 \
    for (int64_t j = begin; j < end; j++) {             \
        memcpy(to, from + g->s->offsets[j], sizeof(T)); \
        to += sizeof(T);                                \
    }

static void gather_range(void *ctx, int64_t begin, int64_t end) {
    const rt_gathering *g = ctx;
    const int dtype = g->a->dtype;
    const int64_t bytes = g->s->n_kept * rt_itemsize(dtype);
    char *to = g->out->data + begin * bytes, *const from = g->a->data + g->s->low;
    if (g->adjacent && bytes == 4) {
        GATHER_ITEMS(int32_t)
    } else if (g->adjacent && bytes == 8) {
        GATHER_ITEMS(int64_t)
    } else if (g->adjacent) {
        for (int64_t j = begin; j < end; j++, to += bytes) memcpy(to, from + g->s->offsets[j], (size_t)bytes);
    } else {
        const uint8_t sizes[2] = {rt_size_log2[dtype], rt_size_log2[dtype]};
        int64_t strides[2][RT_MAX_NDIM], stride = rt_itemsize(dtype);
        memcpy(strides[1], g->s->strides, sizeof(strides[1]));
        for (int d = g->s->ndim - 1; d >= 0; d--) strides[0][d] = stride, stride *= g->s->shape[d];
        for (int64_t j = begin; j < end; j++, to += bytes) {
            char *const data[2] = {to, from + g->s->offsets[j]};
            rt_iterate(rt_k.cast[dtype][dtype], 2, data, sizes, g->s->ndim, g->s->shape,
                       (const int64_t (*)[RT_MAX_NDIM])strides, RT_GRAIN_ALONE);
        }
    }
}

/* Whether the kept axes step over adjacent memory. */
static int is_adjacent(const rt_selection *s, int64_t item) {
    for (int d = s->ndim - 1; d >= 0; d--) {
        if (s->shape[d] != 1 && s->strides[d] != item) return 0;
        item *= s->shape[d];
    }
    return 1;
}

rt_tensor *rt_gather(const rt_tensor *a, int n, const int64_t *axes, rt_tensor *const *index) {
    rt_selection s;
    rt_tensor *out = NULL;
    const int status = select_positions(&s, a, n, axes, index);
    if (status == RT_OK) {
        int64_t shape[RT_MAX_NDIM];
        const int lead = index[0]->ndim;
        memcpy(shape, rt_t_shape(index[0]), sizeof(int64_t) * (size_t)lead);
        memcpy(shape + lead, s.shape, sizeof(int64_t) * (size_t)s.ndim);
        out = rt_new(a->dtype, lead + s.ndim, shape);
        if (out && out->numel > 0) {
            rt_gathering g = {&s, a, out, is_adjacent(&s, rt_itemsize(a->dtype))};
            rt_count_call(RT_FAMILY_INDEX, 1, &a, RT_PATH_SLICES);
            rt_parallel_for(s.n_positions, RT_GRAIN_CHEAP / 4 / s.n_kept + 1, gather_range, &g);
        }
    } else {
        rt_set_status(status);
    }
    free(s.offsets);
    return out;
}

/* An element a position: one lane, the memory from the lowest element on, by bytes. */
static void scatter_items(const rt_selection *s, rt_tensor *t, char *from, int accumulate) {
    const rt_lanes l = {.rows = 1,
                        .cols = s->n_positions,
                        .size = INT64_MAX,
                        .lane_step = 1,
                        .beside_col = rt_itemsize(t->dtype),
                        .index_col = sizeof(int64_t)};
    rt_k.lanes[accumulate ? RT_LANES_SUM : RT_LANES_PUT][t->dtype](&l, t->data + s->low, from, (char *)s->offsets);
}

static void scatter_slices(const rt_selection *s, rt_tensor *t, const rt_tensor *dense, int accumulate, rt_loop loop) {
    const uint8_t to_size = rt_size_log2[t->dtype], from_size = rt_size_log2[dense->dtype];
    const uint8_t sizes[3] = {to_size, accumulate ? to_size : from_size, from_size};
    const int64_t items[3] = {(int64_t)1 << sizes[0], (int64_t)1 << sizes[1], (int64_t)1 << sizes[2]};
    int64_t strides[3][RT_MAX_NDIM], stride = rt_itemsize(dense->dtype);
    memcpy(strides[0], s->strides, sizeof(strides[0]));
    if (accumulate) memcpy(strides[1], s->strides, sizeof(strides[1]));
    for (int d = s->ndim - 1; d >= 0; d--) strides[1 + accumulate][d] = stride, stride *= s->shape[d];
    const int run = is_adjacent(s, rt_itemsize(t->dtype));
    for (int64_t j = 0; j < s->n_positions; j++) {
        char *const to = t->data + s->low + s->offsets[j], *const from = dense->data + j * stride;
        char *const data[3] = {to, accumulate ? to : from, from};
        if (run) loop(data, items, s->n_kept);
        else
            rt_iterate(loop, 2 + accumulate, data, sizes, s->ndim, s->shape, (const int64_t (*)[RT_MAX_NDIM])strides,
                       RT_GRAIN_ALONE);
    }
}

int rt_scatter(rt_tensor *t, int n, const int64_t *axes, rt_tensor *const *index, const rt_tensor *value,
               int accumulate) {
    rt_selection s;
    int status = select_positions(&s, t, n, axes, index);
    const rt_loop loop = accumulate ? rt_k.loops[RT_OP_ADD][t->dtype] : rt_k.cast[value->dtype][t->dtype];
    if (status == RT_OK && (!loop || (accumulate && value->dtype != t->dtype))) status = RT_ERR_DTYPE;
    const int lead = status == RT_OK ? index[0]->ndim : 0;
    if (status == RT_OK && (value->ndim != lead + s.ndim ||
                            memcmp(rt_t_shape(value), rt_t_shape(index[0]), sizeof(int64_t) * (size_t)lead) != 0 ||
                            memcmp(rt_t_shape(value) + lead, s.shape, sizeof(int64_t) * (size_t)s.ndim) != 0))
        status = RT_ERR_BROADCAST;
    rt_tensor *dense = status == RT_OK ? rt_contiguous(value) : NULL;
    if (status == RT_OK && !dense) status = RT_ERR_ALLOC;
    if (status == RT_OK && dense->numel > 0) {
        status = RT_ERR_SHARED;
        if (rt_begin_write(t)) {
            const rt_fenv fenv = rt_fenv_enter();
            rt_count_call(RT_FAMILY_INDEX, 1, &value, RT_PATH_SLICES);
            /* In the order of the positions: the last of several writes stays, a sum is a chain. */
            if (s.n_kept == 1 && value->dtype == t->dtype) scatter_items(&s, t, dense->data, accumulate);
            else scatter_slices(&s, t, dense, accumulate, loop);
            rt_fenv_leave(fenv);
            rt_end_write(t);
            status = RT_OK;
        }
    }
    if (dense) rt_release(dense);
    free(s.offsets);
    if (status != RT_OK) rt_set_status(status);
    return status;
}

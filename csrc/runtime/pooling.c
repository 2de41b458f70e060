/* SPDX-License-Identifier: MIT
 *
 * pooling.c: planes of pooling calls over the thread pool. The last n axes of a tensor are a plane (of one row where n is
 * 1), the others count planes. Inputs are made row-major first.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef struct {
    const rt_pool *kernel;
    rt_windows windows;
    const char *in;
    const int64_t *index;
    char *out;
    int64_t item, area_in, area_out; /* area_in: of what is read beside the index */
    int outside;
} rt_pooling;

/* The two sizes of a plane, and the number of planes. */
static int64_t planes_of(const rt_tensor *t, int n, int64_t *sizes) {
    int64_t planes = 1;
    for (int d = 0; d < t->ndim - n; d++) planes *= rt_t_shape(t)[d];
    sizes[0] = n == 2 ? rt_t_shape(t)[t->ndim - 2] : 1;
    sizes[1] = rt_t_shape(t)[t->ndim - 1];
    return planes;
}

static int is_pooled(const rt_tensor *t, int n) {
    return (n == 1 || n == 2) && t->ndim >= n;
}

static int has_kernel(const rt_tensor *t) {
    return t->dtype == RT_F32 || t->dtype == RT_F64;
}

/* A tensor of t's leading shape with other planes. */
static rt_tensor *with_planes(int dtype, const rt_tensor *t, int n, const int64_t *sizes) {
    int64_t shape[RT_MAX_NDIM];
    memcpy(shape, rt_t_shape(t), sizeof(int64_t) * t->ndim);
    for (int i = 0; i < n; i++) shape[t->ndim - n + i] = sizes[i];
    return rt_new(dtype, t->ndim, shape);
}

static int64_t grain_of(int64_t elements) {
    return RT_GRAIN_COSTLY / (elements + 1) + 1;
}

/* Runs fn on the planes of dense operands. Takes x and gives out, or NULL. */
static rt_tensor *run(rt_pooling *p, rt_range_fn fn, rt_tensor *dense, rt_tensor *out, int64_t planes) {
    if (dense && out && out->numel > 0) {
        const rt_tensor *const in[1] = {dense};
        p->in = dense->data, p->out = out->data;
        rt_count_call(RT_FAMILY_POOLING, 1, in, RT_PATH_CONTIGUOUS);
        const rt_fenv fenv = rt_fenv_enter();
        rt_parallel_for(planes, grain_of(p->area_in + p->area_out), fn, p);
        rt_fenv_leave(fenv);
    }
    if (dense) rt_release(dense);
    if (out && (!dense || p->outside)) {
        rt_release(out);
        if (p->outside) rt_set_status(RT_ERR_INDEX);
        return NULL;
    }
    return out;
}

static void argmax_range(void *ctx, int64_t begin, int64_t end) {
    const rt_pooling *p = ctx;
    for (int64_t i = begin; i < end; i++)
        p->kernel->argmax(p->in + i * p->area_in * p->item, &p->windows, (int64_t *)p->out + i * p->area_out);
}

/* Where each result's window begins and ends inside the image: 2 numbers each; a status. */
static int ranges(int64_t image, const int64_t *axis, int64_t *range) {
    for (int i = 0; i < 5; i++)
        if (axis[i] < (i == 4 ? 0 : 1) || axis[i] >= 1LL << 31) return RT_ERR_SHAPE;
    const int64_t window = axis[1], step = axis[2], spread = axis[3], before = axis[4];
    for (int64_t o = 0; o < axis[0]; o++) {
        int64_t begin = o * step - before, end = begin + (window - 1) * spread + 1;
        if (begin < 0) begin += (-begin + spread - 1) / spread * spread;
        if (end > image) end = image;
        if (begin >= end) return RT_ERR_SHAPE; /* nothing in the window */
        range[2 * o] = begin, range[2 * o + 1] = end;
    }
    return RT_OK;
}

rt_tensor *rt_max_pool_index(const rt_tensor *x, int n, const int64_t *axes) {
    static const int64_t one[5] = {1, 1, 1, 1, 0};
    if (!is_pooled(x, n)) RT_FAIL(RT_ERR_DIMENSION);
    if (!has_kernel(x)) RT_FAIL(RT_ERR_DTYPE);
    int64_t sizes[2];
    const int64_t *axis[2] = {n == 2 ? axes : one, axes + 5 * (n - 1)};
    rt_pooling p = {.kernel = &rt_k.pool[x->dtype], .item = rt_itemsize(x->dtype)};
    const int64_t planes = planes_of(x, n, p.windows.image);
    for (int d = 0; d < 2; d++) p.windows.result[d] = axis[d][0], p.windows.spread[d] = axis[d][3];
    if (p.windows.result[0] < 1 || p.windows.result[1] < 1 || p.windows.result[0] + p.windows.result[1] >= 1LL << 31)
        RT_FAIL(RT_ERR_SHAPE);
    int64_t *range = malloc(sizeof(int64_t) * 2 * (size_t)(p.windows.result[0] + p.windows.result[1]));
    if (!range) RT_FAIL(RT_ERR_ALLOC);
    p.windows.range[0] = range, p.windows.range[1] = range + 2 * p.windows.result[0];
    int status = ranges(p.windows.image[0], axis[0], range);
    if (status == RT_OK) status = ranges(p.windows.image[1], axis[1], range + 2 * p.windows.result[0]);
    rt_tensor *out = NULL;
    if (status == RT_OK) {
        p.area_in = p.windows.image[0] * p.windows.image[1], p.area_out = p.windows.result[0] * p.windows.result[1];
        sizes[0] = p.windows.result[n == 2 ? 0 : 1], sizes[1] = p.windows.result[1];
        rt_tensor *const made = with_planes(RT_I64, x, n, sizes);
        out = made ? run(&p, argmax_range, rt_contiguous(x), made, planes) : NULL;
    } else {
        rt_set_status(status);
    }
    free(range);
    return out;
}

static void gather_range(void *ctx, int64_t begin, int64_t end) {
    rt_pooling *p = ctx;
    for (int64_t i = begin; i < end; i++)
        if (p->kernel->gather(p->in + i * p->area_in * p->item, p->area_in, p->index + i * p->area_out, p->area_out,
                              p->out + i * p->area_out * p->item))
            __atomic_store_n(&p->outside, 1, __ATOMIC_RELAXED);
}

static void scatter_range(void *ctx, int64_t begin, int64_t end) {
    rt_pooling *p = ctx;
    for (int64_t i = begin; i < end; i++)
        if (p->kernel->scatter(p->in + i * p->area_in * p->item, p->index + i * p->area_in, p->area_in,
                               p->out + i * p->area_out * p->item, p->area_out))
            __atomic_store_n(&p->outside, 1, __ATOMIC_RELAXED);
}

static int leading_differ(const rt_tensor *a, const rt_tensor *b, int n) {
    return a->ndim != b->ndim || memcmp(rt_t_shape(a), rt_t_shape(b), sizeof(int64_t) * (size_t)(a->ndim - n)) != 0;
}

/* A call with an index tensor, whose planes the results of a gather or the elements of a scatter have. */
static rt_tensor *indexed(const rt_tensor *x, const rt_tensor *index, int n, const int64_t *sizes, rt_range_fn fn) {
    if (!is_pooled(x, n) || !is_pooled(index, n)) RT_FAIL(RT_ERR_DIMENSION);
    if (!has_kernel(x) || index->dtype != RT_I64) RT_FAIL(RT_ERR_DTYPE);
    if (leading_differ(x, index, n)) RT_FAIL(RT_ERR_BROADCAST);
    int64_t in[2], out_sizes[2];
    rt_pooling p = {.kernel = &rt_k.pool[x->dtype], .item = rt_itemsize(x->dtype)};
    const int64_t planes = planes_of(x, n, in);
    rt_tensor *const at = rt_contiguous(index);
    if (!at) return NULL;
    rt_tensor *out = with_planes(x->dtype, x, n, sizes ? sizes : rt_t_shape(index) + index->ndim - n);
    if (out) {
        planes_of(out, n, out_sizes);
        p.area_in = in[0] * in[1], p.area_out = out_sizes[0] * out_sizes[1];
        p.index = (const int64_t *)at->data;
        out = run(&p, fn, rt_contiguous(x), out, planes);
    }
    rt_release(at);
    return out;
}

rt_tensor *rt_pool_gather(const rt_tensor *x, const rt_tensor *index, int n) {
    return indexed(x, index, n, NULL, gather_range);
}

rt_tensor *rt_pool_scatter(const rt_tensor *x, const rt_tensor *index, int n, const int64_t *sizes) {
    if (!is_pooled(x, n) || !rt_same_shape(x, index->ndim, rt_t_shape(index))) RT_FAIL(RT_ERR_BROADCAST);
    return indexed(x, index, n, sizes, scatter_range);
}

static void average_range(void *ctx, int64_t begin, int64_t end) {
    const rt_pooling *p = ctx;
    for (int64_t i = begin; i < end; i++)
        p->kernel->average(p->in + i * p->area_in * p->item, &p->windows, p->out + i * p->area_out * p->item);
}

static void average_grad_range(void *ctx, int64_t begin, int64_t end) {
    const rt_pooling *p = ctx;
    for (int64_t i = begin; i < end; i++)
        p->kernel->average_grad(p->in + i * p->area_in * p->item, &p->windows, p->out + i * p->area_out * p->item);
}

/* images: the sizes of the planes that windows are over; results: how many windows there are along each axis. */
static rt_tensor *averaged(const rt_tensor *t, int n, const int64_t *sizes, const int64_t *windows, double divisor,
                           int grad) {
    static const int64_t one[3] = {0, 1, 1};
    if (!is_pooled(t, n)) RT_FAIL(RT_ERR_DIMENSION);
    if (!has_kernel(t)) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *const out = with_planes(t->dtype, t, n, sizes);
    if (!out) return NULL;
    rt_pooling p = {.kernel = &rt_k.pool[t->dtype], .item = rt_itemsize(t->dtype)};
    rt_windows *const w = &p.windows;
    const int64_t planes = planes_of(t, n, grad ? w->result : w->image);
    planes_of(out, n, grad ? w->image : w->result);
    w->spread[0] = w->spread[1] = 1, w->divisor = divisor;
    for (int d = 0; d < 2; d++) {
        const int64_t *const from = d == 0 && n == 1 ? one : windows;
        w->range[d] = from, w->count[d] = from + 2 * w->result[d];
        if (from == windows) windows += 3 * w->result[d];
        for (int64_t o = 0; o < w->result[d]; o++)
            if (from[2 * o] < 0 || from[2 * o + 1] > w->image[d]) {
                rt_release(out);
                RT_FAIL(RT_ERR_INDEX);
            }
    }
    p.area_in = grad ? w->result[0] * w->result[1] : w->image[0] * w->image[1];
    p.area_out = grad ? w->image[0] * w->image[1] : w->result[0] * w->result[1];
    return run(&p, grad ? average_grad_range : average_range, rt_contiguous(t), out, planes);
}

rt_tensor *rt_average_pool(const rt_tensor *x, int n, const int64_t *sizes, const int64_t *windows, double divisor) {
    return averaged(x, n, sizes, windows, divisor, 0);
}

rt_tensor *rt_average_pool_grad(const rt_tensor *g, int n, const int64_t *sizes, const int64_t *windows,
                                double divisor) {
    return averaged(g, n, sizes, windows, divisor, 1);
}

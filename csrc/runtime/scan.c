/* SPDX-License-Identifier: MIT
 * scan.c: running sums and products along one axis. The input is made row-major first; threads share out chains. */
#include <string.h>

#include "runtime.h"

/* x is (n_outer, n, n_inner), out (n_outer, start + n, n_inner). Strides in bytes. */
typedef struct {
    rt_scan_run run;
    rt_scan_cols cols;
    const char *x;
    char *out;
    int64_t n, n_inner, item, x_outer, out_outer;
} rt_running;

static void run_rows(void *ctx, int64_t begin, int64_t end) {
    const rt_running *s = ctx;
    s->run(s->x + begin * s->x_outer, s->x_outer, s->out + begin * s->out_outer, s->out_outer, end - begin, s->n);
}

static void run_columns(void *ctx, int64_t begin, int64_t end) {
    const rt_running *s = ctx;
    const int64_t row = s->n_inner * s->item;
    while (begin < end) {
        const int64_t outer = begin / s->n_inner, column = begin % s->n_inner, left = s->n_inner - column;
        const int64_t width = left < end - begin ? left : end - begin;
        s->cols(s->x + outer * s->x_outer + column * s->item, row, s->out + outer * s->out_outer + column * s->item,
                row, s->n, width);
        begin += width;
    }
}

/* The first element of every chain. */
static void start_with(int64_t value, rt_tensor *out, int64_t n_outer, int64_t stride, int64_t n_inner) {
    for (int64_t i = 0; i < n_outer; i++) {
        char *const ptr[2] = {out->data + i * stride, (char *)&value};
        const int64_t strides[2] = {rt_itemsize(out->dtype), 0};
        rt_k.cast[RT_I64][out->dtype](ptr, strides, n_inner);
    }
}

rt_tensor *rt_scan(int op, const rt_tensor *a, int axis, int with_start) {
    if (rt_kind_of(op) != RT_KIND_SCAN) RT_FAIL(RT_ERR_DTYPE);
    const int dtype = rt_compute_dtype(op, a->dtype);
    if (dtype < 0) RT_FAIL(RT_ERR_DTYPE);
    if (axis < 0 || axis >= a->ndim) RT_FAIL(RT_ERR_DIMENSION);
    rt_tensor *typed = rt_as_dtype(a, dtype), *x = typed ? rt_contiguous(typed) : NULL;
    if (typed) rt_release(typed);
    if (!x) return NULL;
    int64_t shape[RT_MAX_NDIM], n_outer = 1, n_inner = 1;
    for (int d = 0; d < a->ndim; d++) {
        shape[d] = rt_t_shape(a)[d] + (d == axis && with_start);
        if (d < axis) n_outer *= shape[d];
        if (d > axis) n_inner *= shape[d];
    }
    rt_tensor *out = rt_new(dtype, a->ndim, shape);
    if (out && out->numel > 0) {
        const int64_t item = rt_itemsize(dtype), row = n_inner * item, n = rt_t_shape(a)[axis];
        rt_running s = {.run = rt_k.scan_run[op][dtype],
                        .cols = rt_k.scan_cols[op][dtype],
                        .x = x->data,
                        .out = out->data + (with_start ? row : 0),
                        .n = n,
                        .n_inner = n_inner,
                        .item = item,
                        .x_outer = n * row,
                        .out_outer = shape[axis] * row};
        rt_count_call(RT_FAMILY_SCAN, 1, &a, n_inner == 1 ? RT_PATH_RUNS : RT_PATH_COLUMNS);
        const rt_fenv fenv = rt_fenv_enter();
        if (with_start) start_with(op == RT_OP_CUMULATIVE_PROD, out, n_outer, s.out_outer, n_inner);
        if (n > 0) {
            const int64_t grain = RT_GRAIN_CHEAP / 2 / n + 4;
            if (n_inner == 1) rt_parallel_for(n_outer, grain & ~3, run_rows, &s);
            else rt_parallel_for(n_outer * n_inner, (grain + 15) & ~15, run_columns, &s);
        }
        rt_fenv_leave(fenv);
    }
    rt_release(x);
    return out;
}

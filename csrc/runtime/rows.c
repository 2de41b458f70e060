/* SPDX-License-Identifier: MIT
 *
 * rows.c: walks tensors for the functions of whole rows (kernels/rows.c).
 *
 * A row is the elements along the given axes, in row-major order of those, at one place of the others. The functions take
 * rows of adjacent elements. An operand that has them in memory, or that repeats one element along a row, is used where it
 * lies; of the others, rows that are neighbours are moved together to a buffer, and from it: a line of memory at a time
 * where the rows are columns there. Threads share out the rows.
 */
#include <string.h>

#include "runtime.h"

#define MAX_ROW_OPERANDS 4
#define PANEL_BYTES 65536 /* of one operand, about: all of them fit into a second-level cache */
#define TILE_BYTES 4096   /* of a row of adjacent columns at once */
#define FEWEST_COLUMNS 8  /* that are not moved first */
#define PAD 64            /* between the rows of a buffer, which else meet in the same lines of a cache */

typedef struct {
    int64_t shape, stride[MAX_ROW_OPERANDS];
} dim;

typedef struct rows {
    /* The function of row `row`, whose operands' elements stand at p; and, unless NULL, of n_cols rows from `row` on that are
     * adjacent columns there. */
    void (*each)(const struct rows *r, int64_t row, char *const *p);
    void (*turned)(const struct rows *r, int64_t row, int64_t n_cols, char *const *p, char *scratch);
    const rt_row_functions *f;
    int n_operands; /* the last one is the result where `writes` */
    int writes, status;
    char *data[MAX_ROW_OPERANDS];
    int kind[MAX_ROW_OPERANDS]; /* RT_FACTOR_ONE: a repeated element; RT_FACTOR_EACH: a row */
    int packed[MAX_ROW_OPERANDS];
    int n_packed, n_kept, n_reduced;
    dim kept[RT_MAX_NDIM], reduced[RT_MAX_NDIM]; /* merged where every operand steps evenly */
    int64_t n, n_rows, item, panel;
    /* What `each` may need. */
    int op, centered, w_at, b_at; /* operands that are factors, or 0 */
    double eps;
    int64_t ignored;
    const int64_t *target;
    const char *g;
    char *out, *stats[3], *sums[2]; /* dense, one element a row */
} rows;

static int64_t offset_of(const dim *d, int n, int operand, int64_t index) {
    int64_t at = 0;
    for (int i = n - 1; i >= 0 && index > 0; i--) {
        at += index % d[i].shape * d[i].stride[operand];
        index /= d[i].shape;
    }
    return at;
}

/* Moves n_rows neighbouring rows of an operand from x to the buffer, or back. */
static void move_rows(const rows *r, int operand, char *x, int64_t n_rows, char *buffer, int back) {
    const rt_move move = rt_k.move[r->item == 4 ? 2 : 3];
    const dim last = r->reduced[r->n_reduced - 1];
    const int64_t row = r->n * r->item + PAD, x_row = r->n_kept ? r->kept[r->n_kept - 1].stride[operand] : 0;
    for (int64_t done = 0; done < r->n; done += last.shape) {
        char *const from = x + offset_of(r->reduced, r->n_reduced - 1, operand, done / last.shape);
        char *const to = buffer + done * r->item;
        if (back) move(from, x_row, last.stride[operand], to, row, r->item, n_rows, last.shape);
        else move(to, row, r->item, from, x_row, last.stride[operand], n_rows, last.shape);
    }
}

static void run_rows(void *ctx, int64_t begin, int64_t end) {
    rows *const r = ctx;
    const int result = r->writes ? r->n_operands - 1 : -1;
    const int64_t row_bytes = r->n * r->item + PAD, n_inner = r->n_kept ? r->kept[r->n_kept - 1].shape : 1;
    char *scratch = NULL;
    if (r->n_packed && !(scratch = rt_scratch_alloc(r->n_packed * r->panel * row_bytes))) {
        __atomic_store_n(&r->status, RT_ERR_ALLOC, __ATOMIC_RELAXED);
        return;
    }
    while (begin < end) {
        int64_t many = n_inner - begin % n_inner;
        if (many > end - begin) many = end - begin;
        if (many > r->panel) many = r->panel;
        char *base[MAX_ROW_OPERANDS], *p[MAX_ROW_OPERANDS], *buffer = scratch;
        int64_t step[MAX_ROW_OPERANDS];
        for (int i = 0; i < r->n_operands; i++) {
            base[i] = r->data[i] + offset_of(r->kept, r->n_kept, i, begin);
            p[i] = base[i], step[i] = r->n_kept ? r->kept[r->n_kept - 1].stride[i] : 0;
            if (!r->packed[i]) continue;
            p[i] = buffer, step[i] = row_bytes, buffer += many * row_bytes;
            if (i != result) move_rows(r, i, base[i], many, p[i], 0);
        }
        for (int64_t row = 0; row < many; row++) {
            r->each(r, begin + row, p);
            if (row + 1 < many)
                for (int i = 0; i < r->n_operands; i++) p[i] += step[i];
        }
        if (result >= 0 && r->packed[result])
            move_rows(r, result, base[result], many, p[result] - (many - 1) * row_bytes, 1);
        begin += many;
    }
    if (scratch) rt_scratch_free(scratch);
}

static void run_turned(void *ctx, int64_t begin, int64_t end) {
    rows *const r = ctx;
    const int64_t n_inner = r->kept[r->n_kept - 1].shape, widest = TILE_BYTES / r->item;
    const int64_t n_most = end - begin < widest ? end - begin : widest;
    char *const scratch = rt_scratch_alloc(rt_turned_room(r->n) * ((n_most * r->item + 63) & ~63));
    if (!scratch) {
        __atomic_store_n(&r->status, RT_ERR_ALLOC, __ATOMIC_RELAXED);
        return;
    }
    while (begin < end) {
        int64_t n_cols = n_inner - begin % n_inner;
        if (n_cols > end - begin) n_cols = end - begin;
        if (n_cols > n_most) n_cols = n_most;
        char *p[MAX_ROW_OPERANDS];
        for (int i = 0; i < r->n_operands; i++) p[i] = r->data[i] + offset_of(r->kept, r->n_kept, i, begin);
        r->turned(r, begin, n_cols, p, scratch);
        begin += n_cols;
    }
    rt_scratch_free(scratch);
}

static void append(dim *dims, int *n, const dim *next, int n_operands) {
    if (next->shape == 1) return;
    int even = *n > 0;
    for (int i = 0; even && i < n_operands; i++) even = dims[*n - 1].stride[i] == next->stride[i] * next->shape;
    if (!even) {
        dims[(*n)++] = *next;
        return;
    }
    const int64_t shape = dims[*n - 1].shape;
    dims[*n - 1] = *next;
    dims[*n - 1].shape *= shape;
}

/* Whether an operand's rows lie in memory as a function takes them, or repeat one element. */
static int is_adjacent(const rows *r, int operand) {
    int64_t step = r->item;
    for (int d = r->n_reduced - 1; d >= 0; step *= r->reduced[d].shape, d--)
        if (r->reduced[d].stride[operand] != step) return 0;
    return 1;
}

static int is_repeated(const rows *r, int operand) {
    for (int d = 0; d < r->n_reduced; d++)
        if (r->reduced[d].stride[operand] != 0) return 0;
    return 1;
}

/* Whether the rows of every operand are adjacent columns in memory; its factors are one number for each. */
static int is_turned(const rows *r) {
    if (!r->turned || r->n_reduced != 1 || r->n_kept == 0 || r->n == 1) return 0;
    const dim inner = r->kept[r->n_kept - 1];
    if (inner.shape < FEWEST_COLUMNS) return 0;
    for (int i = 0; i < r->n_operands; i++) {
        if (inner.stride[i] != r->item) return 0;
        if ((i == r->w_at || i == r->b_at) && i > 0 && r->kind[i] != RT_FACTOR_ONE) return 0;
    }
    return 1;
}

/* Walks operands that broadcast to the shape of the first. `factors`: bit i where operand i may be one element for a
 * whole row. Each of r's other fields is set already. Returns a status. */
static int walk(rows *r, const rt_tensor *const *t, int n_operands, uint64_t axes, int factors) {
    const rt_tensor *x = t[0];
    const int64_t *shape = rt_t_shape(x);
    int64_t strides[MAX_ROW_OPERANDS][RT_MAX_NDIM];
    r->n_operands = n_operands;
    r->n = r->n_rows = 1;
    r->item = rt_itemsize(x->dtype);
    r->f = &rt_k.rows[x->dtype];
    for (int i = 0; i < n_operands; i++) {
        rt_broadcast_strides(t[i], x->ndim, shape, strides[i]);
        r->data[i] = t[i]->data;
    }
    for (int d = 0; d < x->ndim; d++) {
        dim next = {shape[d], {0}};
        for (int i = 0; i < n_operands; i++) next.stride[i] = strides[i][d];
        if (axes >> d & 1) append(r->reduced, &r->n_reduced, &next, n_operands), r->n *= shape[d];
        else append(r->kept, &r->n_kept, &next, n_operands), r->n_rows *= shape[d];
    }
    if (r->n == 0 || r->n_rows == 0) return RT_OK;
    if (r->n_reduced == 0) {
        r->reduced[0] = (dim){1, {0}}, r->n_reduced = 1;
        for (int i = 0; i < n_operands; i++) r->reduced[0].stride[i] = factors >> i & 1 ? 0 : r->item;
    }
    int turned = 0; /* some rows are columns in memory */
    for (int i = 0; i < n_operands; i++) {
        r->kind[i] = factors >> i & 1 && is_repeated(r, i) ? RT_FACTOR_ONE : RT_FACTOR_EACH;
        r->packed[i] = r->kind[i] == RT_FACTOR_EACH && !is_adjacent(r, i);
        r->n_packed += r->packed[i];
        const int64_t along = r->reduced[r->n_reduced - 1].stride[i];
        turned |= r->packed[i] && along != 0 && along != r->item;
    }
    if (is_turned(r)) {
        const int64_t n_threads = rt_get_num_threads(), share = (r->n_rows + n_threads - 1) / n_threads;
        const int64_t wide = TILE_BYTES / r->item, least = share < wide ? share : wide;
        int64_t columns = 4 * RT_GRAIN_COSTLY / r->n + 1;
        if (columns < least) columns = least; /* short stretches of many rows are slow to read */
        rt_count_call(RT_FAMILY_REDUCE, n_operands - r->writes, t, RT_PATH_COLUMNS);
        const rt_fenv fenv = rt_fenv_enter();
        rt_parallel_for(r->n_rows, (columns + 15) & ~15, run_turned, r);
        rt_fenv_leave(fenv);
        return r->status;
    }
    if (!r->each) return RT_ERR_LAYOUT;
    rt_count_call(RT_FAMILY_REDUCE, n_operands - r->writes, t, r->n_packed ? RT_PATH_GATHER : RT_PATH_RUNS);
    const int64_t line = 64 / r->item, fit = PANEL_BYTES / (r->n * r->item);
    int64_t grain = 4 * RT_GRAIN_COSTLY / r->n + 1;
    r->panel = !r->n_packed ? INT64_MAX : fit > 4 * line ? 4 * line : fit > 1 ? fit : 1;
    if (turned) {
        r->panel = r->panel < line ? line : r->panel / line * line;
        grain = (grain + line - 1) / line * line;
    }
    const rt_fenv fenv = rt_fenv_enter();
    rt_parallel_for(r->n_rows, grain, run_rows, r);
    rt_fenv_leave(fenv);
    return r->status;
}

/* out, or NULL with the status set and out released. */
static rt_tensor *given(rt_tensor *out, int status) {
    if (status == RT_OK || !out) return out;
    rt_release(out);
    RT_FAIL(status);
}

/* The status for operands of a function of rows: x of a dtype that has them, the others of the same. */
static int check(const rt_tensor *const *t, int n, uint64_t axes) {
    if (t[0]->ndim < 64 && axes >> t[0]->ndim) return RT_ERR_DIMENSION;
    if (!rt_k.rows[t[0]->dtype].softmax) return RT_ERR_DTYPE;
    for (int i = 1; i < n; i++)
        if (t[i]->dtype != t[0]->dtype) return RT_ERR_DTYPE;
    return RT_OK;
}

/* A row-major tensor of the shape that is left when the axes go, or are kept with size one. */
static rt_tensor *without(const rt_tensor *x, uint64_t axes, int keepdims) {
    int64_t shape[RT_MAX_NDIM];
    int ndim = 0;
    for (int d = 0; d < x->ndim; d++) {
        const int reduced = (int)(axes >> d & 1);
        if (!reduced || keepdims) shape[ndim++] = reduced ? 1 : rt_t_shape(x)[d];
    }
    return rt_new(x->dtype, ndim, shape);
}

static int64_t count_without(const rt_tensor *x, uint64_t axes) {
    int64_t n = 1;
    for (int d = 0; d < x->ndim; d++)
        if (!(axes >> d & 1)) n *= rt_t_shape(x)[d];
    return n;
}

/* Softmax and its kin ------------------------------------------------------------------------------------------- */

static void softmax_row(const rows *r, int64_t row, char *const *p) {
    (void)row;
    (r->op == RT_OP_SOFTMAX ? r->f->softmax : r->f->log_softmax)(p[0], p[1], r->n);
}

/* Bytes from one element of a turned row to the next. */
static int64_t along(const rows *r, int operand) {
    return r->reduced[0].stride[operand];
}

static void softmax_turned(const rows *r, int64_t row, int64_t n_cols, char *const *p, char *scratch) {
    (void)row;
    (r->op == RT_OP_SOFTMAX ? r->f->softmax_turned : r->f->log_softmax_turned)(p[0], along(r, 0), p[1], along(r, 1),
                                                                               r->n, n_cols, scratch);
}

rt_tensor *rt_softmax(int op, const rt_tensor *x, uint64_t axes) {
    if (op != RT_OP_SOFTMAX && op != RT_OP_LOG_SOFTMAX) RT_FAIL(RT_ERR_DTYPE);
    const int status = check(&x, 1, axes);
    if (status != RT_OK) RT_FAIL(status);
    rt_tensor *out = rt_new(x->dtype, x->ndim, rt_t_shape(x));
    if (!out) return NULL;
    const rt_tensor *const t[2] = {x, out};
    rows r = {.each = softmax_row, .turned = softmax_turned, .op = op, .writes = 1};
    return given(out, walk(&r, t, 2, axes, 0));
}

static void softmax_grad_row(const rows *r, int64_t row, char *const *p) {
    (void)row;
    (r->op == RT_OP_SOFTMAX_GRAD ? r->f->softmax_grad : r->f->log_softmax_grad)(p[1], p[0], p[2], r->n);
}

static void softmax_grad_turned(const rows *r, int64_t row, int64_t n_cols, char *const *p, char *scratch) {
    (void)row;
    (r->op == RT_OP_SOFTMAX_GRAD ? r->f->softmax_grad_turned : r->f->log_softmax_grad_turned)(
        p[1], along(r, 1), p[0], along(r, 0), p[2], along(r, 2), r->n, n_cols, scratch);
}

rt_tensor *rt_softmax_grad(int op, const rt_tensor *g, const rt_tensor *y, uint64_t axes) {
    const rt_tensor *t[3] = {y, g, NULL};
    if (op != RT_OP_SOFTMAX_GRAD && op != RT_OP_LOG_SOFTMAX_GRAD) RT_FAIL(RT_ERR_DTYPE);
    const int status = check(t, 2, axes);
    if (status != RT_OK) RT_FAIL(status);
    if (!rt_same_shape(g, y->ndim, rt_t_shape(y))) RT_FAIL(RT_ERR_BROADCAST);
    rt_tensor *out = rt_new(y->dtype, y->ndim, rt_t_shape(y));
    if (!out) return NULL;
    t[2] = out;
    rows r = {.each = softmax_grad_row, .turned = softmax_grad_turned, .op = op, .writes = 1};
    return given(out, walk(&r, t, 3, axes, 0));
}

static void logsumexp_row(const rows *r, int64_t row, char *const *p) {
    r->f->logsumexp(p[0], r->n, r->out + row * r->item);
}

rt_tensor *rt_logsumexp(const rt_tensor *x, uint64_t axes, int keepdims) {
    const int status = check(&x, 1, axes);
    if (status != RT_OK) RT_FAIL(status);
    rt_tensor *out = without(x, axes, keepdims);
    if (!out) return NULL;
    if (x->numel == 0 && out->numel > 0) { /* the logarithm of 0 */
        rt_tensor *empty = rt_full(x->dtype, out->ndim, rt_t_shape(out), -__builtin_inf(), 0, 0);
        rt_release(out);
        return empty;
    }
    rows r = {.each = logsumexp_row, .out = out->data};
    return given(out, walk(&r, &x, 1, axes, 0));
}

static void cross_entropy_row(const rows *r, int64_t row, char *const *p) {
    const int64_t target = r->target[row], at = row * r->item;
    double zero = 0;
    r->f->log_sum(p[0], r->n, r->stats[0] + at, r->stats[1] + at);
    if (target == r->ignored) memcpy(r->out + at, &zero, (size_t)r->item);
    else if (r->item == 4)
        ((float *)r->out)[row] =
            ((float *)r->stats[1])[row] - (((const float *)p[0])[target] - ((float *)r->stats[0])[row]);
    else
        ((double *)r->out)[row] =
            ((double *)r->stats[1])[row] - (((const double *)p[0])[target] - ((double *)r->stats[0])[row]);
}

/* target: int64, of x's shape without the axis, each a position along it or `ignored`. Returns a status. */
static int check_target(const rt_tensor *x, int axis, const rt_tensor *target, int64_t ignored) {
    if (axis < 0 || axis >= x->ndim) return RT_ERR_DIMENSION;
    if (target->dtype != RT_I64 || !target->contiguous) return RT_ERR_DTYPE;
    int same = target->ndim == x->ndim - 1;
    for (int d = 0; same && d < target->ndim; d++) same = rt_t_shape(target)[d] == rt_t_shape(x)[d + (d >= axis)];
    if (!same) return RT_ERR_BROADCAST;
    const int64_t *at = (const int64_t *)target->data, n = rt_t_shape(x)[axis];
    for (int64_t i = 0; i < target->numel; i++)
        if ((at[i] < 0 || at[i] >= n) && at[i] != ignored) return RT_ERR_INDEX;
    return RT_OK;
}

rt_tensor *rt_cross_entropy(const rt_tensor *x, int axis, const rt_tensor *target, int64_t ignored, rt_tensor **stats) {
    const uint64_t axes = axis >= 0 && axis < 64 ? (uint64_t)1 << axis : 0;
    int status = check(&x, 1, axes);
    if (status == RT_OK) status = check_target(x, axis, target, ignored);
    if (status != RT_OK) RT_FAIL(status);
    const int64_t n_rows = target->numel, shape[2] = {2, n_rows};
    rt_tensor *out = without(x, axes, 0), *kept = out ? rt_new(x->dtype, 2, shape) : NULL;
    if (!kept) return out ? given(out, RT_ERR_ALLOC) : NULL;
    rows r = {.each = cross_entropy_row,
              .ignored = ignored,
              .target = (const int64_t *)target->data,
              .out = out->data,
              .stats = {kept->data, kept->data + n_rows * rt_itemsize(x->dtype)}};
    status = walk(&r, &x, 1, axes, 0);
    if (rt_t_shape(x)[axis] == 0 && out->numel > 0) /* every target is ignored */
        memset(out->data, 0, (size_t)(out->numel * rt_itemsize(out->dtype)));
    if (status == RT_OK) *stats = kept;
    else rt_release(kept);
    return given(out, status);
}

static void cross_entropy_grad_row(const rows *r, int64_t row, char *const *p) {
    const int64_t at = row * r->item;
    if (r->target[row] == r->ignored) memset(p[1], 0, (size_t)(r->n * r->item));
    else r->f->cross_entropy_grad(p[0], r->stats[0] + at, r->stats[1] + at, r->g + at, r->target[row], p[1], r->n);
}

rt_tensor *rt_cross_entropy_grad(const rt_tensor *g, const rt_tensor *x, int axis, const rt_tensor *target,
                                 int64_t ignored, const rt_tensor *stats) {
    const rt_tensor *t[3] = {x, g, stats};
    const uint64_t axes = axis >= 0 && axis < 64 ? (uint64_t)1 << axis : 0;
    int status = check(t, 3, axes);
    if (status == RT_OK) status = check_target(x, axis, target, ignored);
    if (status != RT_OK) RT_FAIL(status);
    const int64_t n_rows = target->numel, shape[2] = {2, n_rows};
    if (!rt_same_shape(g, target->ndim, rt_t_shape(target)) || !rt_same_shape(stats, 2, shape) || !stats->contiguous)
        RT_FAIL(RT_ERR_BROADCAST);
    rt_tensor *out = rt_new(x->dtype, x->ndim, rt_t_shape(x)), *dense = out ? rt_contiguous(g) : NULL;
    if (!dense) return out ? given(out, RT_ERR_ALLOC) : NULL;
    t[1] = out;
    rows r = {.each = cross_entropy_grad_row,
              .writes = 1,
              .ignored = ignored,
              .target = (const int64_t *)target->data,
              .g = dense->data,
              .stats = {stats->data, stats->data + n_rows * rt_itemsize(x->dtype)}};
    status = walk(&r, t, 2, axes, 0);
    rt_release(dense);
    return given(out, status);
}

/* Standardising -------------------------------------------------------------------------------------------------- */

static void standardize_row(const rows *r, int64_t row, char *const *p) {
    char *const mean = r->stats[0] + row * r->item, *const var = r->stats[1] + row * r->item,
                *const scale = r->stats[2] + row * r->item;
    r->f->moments(p[0], r->n, r->eps, r->centered, mean, var, scale);
    r->f->standardize(p[0], mean, scale, r->w_at ? p[r->w_at] : NULL, r->w_at ? r->kind[r->w_at] : RT_FACTOR_NONE,
                      r->b_at ? p[r->b_at] : NULL, r->b_at ? r->kind[r->b_at] : RT_FACTOR_NONE, p[r->n_operands - 1],
                      r->n);
}

static void standardize_turned(const rows *r, int64_t row, int64_t n_cols, char *const *p, char *scratch) {
    char *const mean = r->stats[0] + row * r->item, *const var = r->stats[1] + row * r->item,
                *const scale = r->stats[2] + row * r->item;
    const int out = r->n_operands - 1;
    r->f->moments_turned(p[0], along(r, 0), r->n, n_cols, r->eps, r->centered, mean, var, scale, scratch);
    r->f->standardize_turned(p[0], along(r, 0), mean, scale, r->w_at ? p[r->w_at] : NULL, r->b_at ? p[r->b_at] : NULL,
                             p[out], along(r, out), r->n, n_cols);
}

/* Whether t broadcasts to the shape of x, or is NULL. */
static int fits(const rt_tensor *t, const rt_tensor *x) {
    if (!t) return 1;
    const rt_tensor *const both[2] = {x, t};
    int64_t shape[RT_MAX_NDIM];
    const int ndim = rt_broadcast(2, both, shape);
    return ndim >= 0 && rt_same_shape(x, ndim, shape);
}

rt_tensor *rt_standardize(const rt_tensor *x, const rt_tensor *weight, const rt_tensor *bias, uint64_t axes, double eps,
                          int centered, rt_tensor **stats) {
    const rt_tensor *t[MAX_ROW_OPERANDS] = {x};
    rows r = {.each = standardize_row, .turned = standardize_turned, .eps = eps, .centered = centered, .writes = 1};
    int n = 1;
    if (weight) r.w_at = n, t[n++] = weight;
    if (bias) r.b_at = n, t[n++] = bias;
    int status = check(t, n, axes);
    if (status != RT_OK) RT_FAIL(status);
    if (!fits(weight, x) || !fits(bias, x)) RT_FAIL(RT_ERR_BROADCAST);
    const int64_t n_rows = count_without(x, axes), shape[2] = {3, n_rows}, plane = n_rows * rt_itemsize(x->dtype);
    rt_tensor *out = rt_new(x->dtype, x->ndim, rt_t_shape(x));
    rt_tensor *kept = out ? rt_full(x->dtype, 2, shape, __builtin_nan(""), 0, 0) : NULL;
    if (!kept) return out ? given(out, RT_ERR_ALLOC) : NULL;
    for (int i = 0; i < 3; i++) r.stats[i] = kept->data + i * plane;
    t[n++] = out;
    status = walk(&r, t, n, axes, 6);
    if (status == RT_OK) *stats = kept;
    else rt_release(kept);
    return given(out, status);
}

/* The status for the operands of a gradient of standardising; x and what has its shape come first in t. */
static int check_grad(const rt_tensor *const *t, int n, const rt_tensor *g, const rt_tensor *stats, uint64_t axes) {
    const rt_tensor *x = t[0];
    const int status = check(t, n, axes);
    if (status != RT_OK) return status;
    const int64_t shape[2] = {3, count_without(x, axes)};
    if (!rt_same_shape(g, x->ndim, rt_t_shape(x)) || !rt_same_shape(stats, 2, shape)) return RT_ERR_BROADCAST;
    return stats->contiguous && stats->dtype == x->dtype ? RT_OK : RT_ERR_LAYOUT;
}

static void standardize_grad_row(const rows *r, int64_t row, char *const *p) {
    const int64_t at = row * r->item;
    r->f->standardize_grad(p[1], p[0], r->stats[0] + at, r->stats[2] + at, r->w_at ? p[r->w_at] : NULL,
                           r->w_at ? r->kind[r->w_at] : RT_FACTOR_NONE, r->centered, r->sums[0] + at, r->sums[1] + at,
                           p[r->n_operands - 1], r->n);
}

static void standardize_grad_turned(const rows *r, int64_t row, int64_t n_cols, char *const *p, char *scratch) {
    const int64_t at = row * r->item;
    const int out = r->n_operands - 1;
    r->f->standardize_grad_turned(p[1], along(r, 1), p[0], along(r, 0), r->stats[0] + at, r->stats[2] + at,
                                  r->w_at ? p[r->w_at] : NULL, r->centered, r->sums[0] + at, r->sums[1] + at, p[out],
                                  along(r, out), r->n, n_cols, scratch);
}

/* Whether a weight is one number for each row by its shape: how the gradient is computed may not hang on strides. */
static int is_by_row(const rt_tensor *weight, const rt_tensor *x, uint64_t axes) {
    for (int d = 0; weight && d < weight->ndim; d++)
        if (axes >> (x->ndim - weight->ndim + d) & 1 && rt_t_shape(weight)[d] != 1) return 0;
    return 1;
}

rt_tensor *rt_standardize_grad(const rt_tensor *g, const rt_tensor *x, const rt_tensor *weight, const rt_tensor *stats,
                               uint64_t axes, int centered, rt_tensor **sums) {
    const rt_tensor *t[MAX_ROW_OPERANDS] = {x, g, weight};
    int n = weight ? 3 : 2;
    int status = check_grad(t, n, g, stats, axes);
    if (status == RT_OK && !fits(weight, x)) status = RT_ERR_BROADCAST;
    if (status != RT_OK) RT_FAIL(status);
    const int64_t n_rows = count_without(x, axes), shape[2] = {2, n_rows}, plane = n_rows * rt_itemsize(x->dtype);
    rt_tensor *out = rt_new(x->dtype, x->ndim, rt_t_shape(x));
    rt_tensor *added = out ? rt_full(x->dtype, 2, shape, 0, 0, 0) : NULL;
    if (!added) return out ? given(out, RT_ERR_ALLOC) : NULL;
    rows r = {.each = standardize_grad_row,
              .turned = standardize_grad_turned,
              .centered = centered,
              .writes = 1,
              .w_at = weight ? 2 : 0,
              .sums = {added->data, added->data + plane}};
    for (int i = 0; i < 3; i++) r.stats[i] = stats->data + i * plane;
    t[n++] = out;
    status = walk(&r, t, n, axes, is_by_row(weight, x, axes) ? 4 : 0);
    if (status == RT_OK) *sums = added;
    else rt_release(added);
    return given(out, status);
}

static void along_row(const rows *r, int64_t row, char *const *p) {
    const char *mean = r->stats[0] + row * r->item, *scale = r->stats[2] + row * r->item;
    if (r->writes) r->f->along(p[1], p[0], mean, scale, p[2], r->n);
    else r->f->sum_along(p[1], p[0], mean, scale, r->out + row * r->item, r->n);
}

static void along_turned(const rows *r, int64_t row, int64_t n_cols, char *const *p, char *scratch) {
    const int64_t at = row * r->item;
    r->f->sum_along_turned(p[1], along(r, 1), p[0], along(r, 0), r->stats[0] + at, r->stats[2] + at, 0, r->out + at,
                           r->n, n_cols, scratch);
}

static void across_turned(const rows *r, int64_t row, int64_t n_cols, char *const *p, char *scratch) {
    r->f->sum_along_turned(p[1], along(r, 1), p[0], along(r, 0), r->stats[0], r->stats[2], 1, r->out + row * r->item,
                           r->n, n_cols, scratch);
}

/* Whether a shape, broadcast to that of x, has 1 along the axes and the sizes of x along the others. */
static int has_sizes_without(const rt_tensor *x, uint64_t axes, int ndim, const int64_t *shape) {
    for (int d = 0; d < x->ndim; d++) {
        const int64_t size = d < x->ndim - ndim ? 1 : shape[d - (x->ndim - ndim)];
        if (size != (axes >> d & 1 ? 1 : rt_t_shape(x)[d])) return 0;
    }
    return x->numel > 0;
}

/* The products of g and z, before they are added up; or their sums, where rows can give these: along the rows, one number
 * for each, or across them, one for each of their elements. *summed tells which. */
static rt_tensor *products(const rt_tensor *g, const rt_tensor *x, const rt_tensor *stats, uint64_t axes, int ndim,
                           const int64_t *shape, int *summed) {
    const rt_tensor *t[3] = {x, g, NULL};
    const int64_t plane = count_without(x, axes) * rt_itemsize(x->dtype);
    rows r = {.each = along_row, .turned = along_turned};
    for (int i = 0; i < 3; i++) r.stats[i] = stats->data + i * plane;
    rt_tensor *out = rt_new(x->dtype, ndim, shape);
    if (!out) return NULL;
    *summed = 1;
    r.out = out->data;
    if (has_sizes_without(x, axes, ndim, shape)) return given(out, walk(&r, t, 2, axes, 0));
    const uint64_t others = ~axes & (((uint64_t)1 << x->ndim) - 1);
    if (has_sizes_without(x, others, ndim, shape)) {
        rows across = r;
        across.each = NULL, across.turned = across_turned;
        const int status = walk(&across, t, 2, others, 0);
        if (status != RT_ERR_LAYOUT) return given(out, status);
    }
    rt_release(out);
    *summed = 0;
    r.writes = 1, r.turned = NULL;
    t[2] = out = rt_new(x->dtype, x->ndim, rt_t_shape(x));
    return out ? given(out, walk(&r, t, 3, axes, 0)) : NULL;
}

rt_tensor *rt_standardize_grad_weight(const rt_tensor *g, const rt_tensor *x, const rt_tensor *stats, uint64_t axes,
                                      int ndim, const int64_t *shape) {
    const int status = check_grad(&x, 1, g, stats, axes);
    if (status != RT_OK) RT_FAIL(status);
    if (g->dtype != x->dtype) RT_FAIL(RT_ERR_DTYPE);
    if (ndim > x->ndim) RT_FAIL(RT_ERR_BROADCAST);
    int summed;
    rt_tensor *out = products(g, x, stats, axes, ndim, shape, &summed);
    if (summed || !out) return out;
    rt_tensor *sum = rt_sum_to(out, ndim, shape);
    rt_release(out);
    return sum;
}

/* SPDX-License-Identifier: MIT
 *
 * reduce.c: walks a reduction in the fixed tree of docs/numerics.md.
 *
 * The reduced elements of one result are numbered in row-major order of the reduced axes and cut into blocks; block
 * results are joined in pairs, neighbours first, an odd last one passing up unchanged. A stack of subtrees, at most one
 * per size, does that as blocks arrive. Three ways to feed blocks, all with the same bits:
 *   runs     the reduced elements are adjacent in memory
 *   columns  the results are adjacent in memory, and one stride leads from one reduced element to the next
 *   gather   anything else: a block is first copied to a buffer
 */
#include <string.h>

#include "runtime.h"

#define MAX_LEVELS 44                         /* 2^44 blocks */
#define MAX_ITEM 16                           /* bytes */
#define TILE_BYTES 4096                       /* a row of adjacent columns at once */
#define TILE_ROWS 44                          /* lanes, and subtrees that wait, where all fit full rows */
#define BLOCK_BYTES (RT_SUM_BLOCK * MAX_ITEM) /* a gathered block */
#define MAX_SUBTREES 512                      /* that one result is cut into */

typedef struct {
    int64_t shape, stride;
} dim;

typedef union {
    _Alignas(16) char bytes[MAX_ITEM];
    double aligned;
} rt_value;

typedef struct {
    rt_reduce_run run;
    rt_reduce_cols cols;
    rt_combine combine;
    rt_loop copy;
    int64_t itemsize;
    int n_kept, n_reduced;
    dim kept[RT_MAX_NDIM], reduced[RT_MAX_NDIM]; /* merged where they step evenly */
    int64_t n;                                   /* reduced elements per result */
    const char *data;
    char *out; /* row-major over kept */
} rt_reduction;

/* Subtrees of n_cols results each, sizes falling from bottom to top. */
typedef struct {
    const rt_reduction *r;
    int64_t n_cols, n_blocks;
    int depth;
    char *slots; /* a row of n_cols items per subtree that waits, and one for the block at hand */
} rt_tree;

static char *top(const rt_tree *t) {
    return t->slots + t->depth * t->n_cols * t->r->itemsize;
}

/* The block result was written to top(). */
static void push(rt_tree *t) {
    t->depth++;
    t->n_blocks++;
    for (int64_t b = t->n_blocks; !(b & 1); b >>= 1) {
        t->depth--;
        char *left = t->slots + (t->depth - 1) * t->n_cols * t->r->itemsize;
        t->r->combine(left, top(t), left, t->n_cols);
    }
}

static void finish(rt_tree *t, char *out) {
    while (t->depth > 1) {
        t->depth--;
        char *left = t->slots + (t->depth - 1) * t->n_cols * t->r->itemsize;
        t->r->combine(left, top(t), left, t->n_cols);
    }
    memcpy(out, t->slots, (size_t)(t->n_cols * t->r->itemsize));
}

static int64_t offset_of(const dim *d, int n, int64_t index) {
    int64_t at = 0;
    for (int i = n - 1; i >= 0; i--) {
        at += index % d[i].shape * d[i].stride;
        index /= d[i].shape;
    }
    return at;
}

/* Reduced elements [begin, end) of the result at x, made adjacent. */
static const char *gather(const rt_reduction *r, const char *x, int64_t begin, int64_t end, char *buffer) {
    const dim last = r->reduced[r->n_reduced - 1];
    char *to = buffer;
    while (begin < end) {
        const int64_t at = begin % last.shape, left = last.shape - at, n = left < end - begin ? left : end - begin;
        char *const ptr[2] = {to, (char *)x + offset_of(r->reduced, r->n_reduced, begin)};
        const int64_t stride[2] = {r->itemsize, last.stride};
        r->copy(ptr, stride, n);
        to += n * r->itemsize;
        begin += n;
    }
    return buffer;
}

static int is_run(const rt_reduction *r) {
    return r->n_reduced == 1 && r->reduced[0].stride == r->itemsize;
}

/* Blocks [begin, end) of the result at x: a whole subtree, where begin is a multiple of the power of two below. */
static void subtree(const rt_reduction *r, const char *x, int64_t begin, int64_t end, char *out) {
    _Alignas(64) char buffer[BLOCK_BYTES];
    char slots[(MAX_LEVELS + 1) * MAX_ITEM];
    rt_tree tree = {r, 1, 0, 0, slots};
    const int run = is_run(r);
    for (int64_t b = begin; b < end; b++) {
        const int64_t from = b * RT_SUM_BLOCK, to = from + RT_SUM_BLOCK < r->n ? from + RT_SUM_BLOCK : r->n;
        r->run(run ? x + from * r->itemsize : gather(r, x, from, to, buffer), to - from, top(&tree));
        push(&tree);
    }
    finish(&tree, out);
}

static int64_t blocks_of(const rt_reduction *r) {
    return (r->n + RT_SUM_BLOCK - 1) / RT_SUM_BLOCK;
}

/* Results [begin, end), one at a time. */
static void reduce_results(void *ctx, int64_t begin, int64_t end) {
    const rt_reduction *r = ctx;
    const int64_t n_blocks = blocks_of(r);
    const int short_runs = n_blocks == 1 && is_run(r), rows = r->n_kept < 2;
    for (int64_t i = begin; i < end; i++) {
        const char *x = r->data + (!rows ? offset_of(r->kept, r->n_kept, i) : r->n_kept ? i * r->kept[0].stride : 0);
        if (short_runs) r->run(x, r->n, r->out + i * r->itemsize);
        else subtree(r, x, 0, n_blocks, r->out + i * r->itemsize);
    }
}

/* Results [begin, end), tiles of adjacent columns at once. */
static void reduce_columns(void *ctx, int64_t begin, int64_t end) {
    const rt_reduction *r = ctx;
    _Alignas(64) char scratch[TILE_ROWS * TILE_BYTES];
    const int64_t n_cols = r->kept[r->n_kept - 1].shape, stride = r->reduced[0].stride;
    int64_t n_rows = RT_SUM_LANES + 2; /* the block at hand, and as many subtrees as can wait */
    for (int64_t n_blocks = r->n / RT_SUM_BLOCK; n_blocks > 0; n_blocks >>= 1) n_rows++;
    const int64_t tile = (n_rows > TILE_ROWS ? TILE_BYTES / 2 : TILE_BYTES) / r->itemsize;
    while (begin < end) {
        const int64_t column = begin % n_cols;
        int64_t width = n_cols - column < end - begin ? n_cols - column : end - begin;
        if (width > tile) width = tile;
        const char *x = r->data + offset_of(r->kept, r->n_kept, begin);
        rt_tree tree = {r, width, 0, 0, scratch + RT_SUM_LANES * width * r->itemsize};
        for (int64_t row = 0; row < r->n; row += RT_SUM_BLOCK) {
            const int64_t n = r->n - row < RT_SUM_BLOCK ? r->n - row : RT_SUM_BLOCK;
            r->cols(x + row * stride, stride, n, width, top(&tree), scratch);
            push(&tree);
        }
        finish(&tree, r->out + begin * r->itemsize);
        begin += width;
    }
}

/* One result, whose subtrees of 2^k blocks are shared out; the tree over them is small. */
typedef struct {
    const rt_reduction *r;
    const char *x;
    int64_t n_blocks, size; /* blocks; blocks a subtree */
    char *results;
} rt_subtrees;

static void reduce_subtrees(void *ctx, int64_t begin, int64_t end) {
    const rt_subtrees *job = ctx;
    for (int64_t s = begin; s < end; s++) {
        const int64_t from = s * job->size, to = from + job->size < job->n_blocks ? from + job->size : job->n_blocks;
        subtree(job->r, job->x, from, to, job->results + s * job->r->itemsize);
    }
}

static void reduce_one(const rt_reduction *r, const char *x, char *out) {
    char results[MAX_SUBTREES * MAX_ITEM], slots[(MAX_LEVELS + 1) * MAX_ITEM];
    const int64_t n_blocks = blocks_of(r);
    int64_t size = RT_GRAIN_CHEAP / 2 / RT_SUM_BLOCK;
    while (n_blocks > size * MAX_SUBTREES) size *= 2;
    const int64_t n = (n_blocks + size - 1) / size;
    rt_subtrees job = {r, x, n_blocks, size, results};
    rt_parallel_for(n, 1, reduce_subtrees, &job);
    rt_tree tree = {r, 1, 0, 0, slots};
    for (int64_t s = 0; s < n; s++) {
        memcpy(top(&tree), results + s * r->itemsize, (size_t)r->itemsize);
        push(&tree);
    }
    finish(&tree, out);
}

static void append(dim *dims, int *n, int64_t shape, int64_t stride) {
    if (shape == 1) return;
    if (*n > 0 && dims[*n - 1].stride == stride * shape) {
        dims[*n - 1].shape *= shape;
        dims[*n - 1].stride = stride;
    } else {
        dims[(*n)++] = (dim){shape, stride};
    }
}

/* out has the kept shape and is row-major; a has the dtype of the accumulator and at least one reduced element. */
static void reduce_into(int op, const rt_tensor *a, uint64_t axes, rt_tensor *out) {
    rt_reduction r = {.run = rt_k.reduce_run[op][a->dtype],
                      .cols = rt_k.reduce_cols[op][a->dtype],
                      .combine = rt_k.combine[op][a->dtype],
                      .copy = rt_k.cast[a->dtype][a->dtype],
                      .itemsize = rt_itemsize(a->dtype),
                      .n = 1,
                      .data = a->data,
                      .out = out->data};
    for (int d = 0; d < a->ndim; d++) {
        const int64_t shape = rt_t_shape(a)[d], stride = rt_t_strides(a)[d];
        if (axes >> d & 1) append(r.reduced, &r.n_reduced, shape, stride), r.n *= shape;
        else append(r.kept, &r.n_kept, shape, stride);
    }
    if (r.n_reduced == 0) r.reduced[r.n_reduced++] = (dim){1, r.itemsize};
    const int64_t n_results = out->numel, n_threads = rt_get_num_threads();
    if (n_results < n_threads && r.n > RT_GRAIN_CHEAP) {
        rt_count_call(RT_FAMILY_REDUCE, 1, &a, RT_PATH_BLOCKS);
        for (int64_t i = 0; i < n_results; i++)
            reduce_one(&r, r.data + offset_of(r.kept, r.n_kept, i), r.out + i * r.itemsize);
        return;
    }
    int64_t grain = RT_GRAIN_CHEAP / r.n + 1;
    if (r.n_kept > 0 && r.n_reduced == 1 && r.kept[r.n_kept - 1].stride == r.itemsize &&
        r.kept[r.n_kept - 1].shape >= 4 && r.reduced[0].stride != r.itemsize) {
        rt_count_call(RT_FAMILY_REDUCE, 1, &a, RT_PATH_COLUMNS);
        /* Wide pieces: short stretches of many rows are slow to read. */
        const int64_t share = (n_results + n_threads - 1) / n_threads, wide = TILE_BYTES / r.itemsize;
        const int64_t least = share < wide ? share : wide;
        if (grain < least) grain = least;
        rt_parallel_for(n_results, (grain + 15) & ~15, reduce_columns, &r);
    } else {
        const int adjacent = r.n_reduced == 1 && r.reduced[0].stride == r.itemsize;
        rt_count_call(RT_FAMILY_REDUCE, 1, &a, adjacent ? RT_PATH_RUNS : RT_PATH_GATHER);
        rt_parallel_for(n_results, grain, reduce_results, &r);
    }
}

/* out[...] = an integer. */
static void fill(rt_tensor *out, int64_t value) {
    char *const ptr[2] = {out->data, (char *)&value};
    const int64_t stride[2] = {rt_itemsize(out->dtype), 0};
    rt_k.cast[RT_I64][out->dtype](ptr, stride, out->numel);
}

/* out[...] /= divisor, rounded to out's dtype first. */
static void divide(rt_tensor *out, double divisor) {
    rt_value value;
    char *const cast[2] = {value.bytes, (char *)&divisor};
    char *const ptr[3] = {out->data, out->data, value.bytes};
    const int64_t stride[3] = {rt_itemsize(out->dtype), rt_itemsize(out->dtype), 0}, still[2] = {0, 0};
    rt_k.cast[RT_F64][out->dtype](cast, still, 1);
    if (out->numel > 0) rt_k.loops[RT_OP_DIVIDE][out->dtype](ptr, stride, out->numel);
}

/* The reduction with the kernels of op of an input in the dtype of the result. Consumes in, which may be NULL. */
static rt_tensor *reduce_as(int op, rt_tensor *in, uint64_t axes, int keepdims) {
    if (!in) return NULL;
    int64_t shape[RT_MAX_NDIM], count = 1;
    int ndim = 0;
    for (int d = 0; d < in->ndim; d++) {
        const int reduced = (int)(axes >> d & 1);
        if (reduced) count *= rt_t_shape(in)[d];
        if (!reduced) shape[ndim++] = rt_t_shape(in)[d];
        else if (keepdims) shape[ndim++] = 1;
    }
    rt_tensor *out = NULL;
    if ((op == RT_OP_MAX || op == RT_OP_MIN) && count == 0) rt_set_status(RT_ERR_SHAPE);
    else out = rt_new(in->dtype, ndim, shape);
    if (out && out->numel > 0) {
        const rt_fenv fenv = rt_fenv_enter();
        if (count == 0) fill(out, op == RT_OP_PROD || op == RT_OP_ALL);
        else reduce_into(op, in, axes, out);
        rt_fenv_leave(fenv);
    }
    rt_release(in);
    return out;
}

/* How many elements go into one result. */
static int64_t count_of(const rt_tensor *a, uint64_t axes) {
    int64_t count = 1;
    for (int d = 0; d < a->ndim; d++)
        if (axes >> d & 1) count *= rt_t_shape(a)[d];
    return count;
}

rt_tensor *rt_reduce(int op, const rt_tensor *a, uint64_t axes, int keepdims) {
    if (rt_kind_of(op) != RT_KIND_REDUCE) RT_FAIL(RT_ERR_DTYPE);
    const int dtype = rt_compute_dtype(op, a->dtype);
    if (dtype < 0) RT_FAIL(RT_ERR_DTYPE);
    if (a->ndim < 64 && axes >> a->ndim) RT_FAIL(RT_ERR_DIMENSION);
    if (op == RT_OP_VAR || op == RT_OP_STD) return rt_variance(op, a, axes, keepdims, 0);
    rt_tensor *in = rt_as_dtype(a, dtype);
    if (op == RT_OP_COUNT_NONZERO && in) { /* in is bool */
        rt_tensor *numbers = rt_cast(in, RT_I64);
        rt_release(in);
        return reduce_as(RT_OP_SUM, numbers, axes, keepdims);
    }
    if (op != RT_OP_MEAN) return reduce_as(op, in, axes, keepdims);
    rt_tensor *out = reduce_as(RT_OP_SUM, in, axes, keepdims);
    if (!out) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    divide(out, (double)count_of(a, axes));
    rt_fenv_leave(fenv);
    return out;
}

/* A loop of one input, written over it. */
static void in_place(int op, rt_tensor *t) {
    const int64_t item = rt_itemsize(t->dtype);
    const int64_t strides[2][RT_MAX_NDIM] = {{item}, {item}};
    char *const data[2] = {t->data, t->data};
    const uint8_t sizes[2] = {rt_size_log2[t->dtype], rt_size_log2[t->dtype]};
    rt_iterate(rt_k.loops[op][t->dtype], 2, data, sizes, 1, &t->numel, strides, RT_GRAIN_CHEAP);
}

rt_tensor *rt_variance(int op, const rt_tensor *a, uint64_t axes, int keepdims, double correction) {
    if (op != RT_OP_VAR && op != RT_OP_STD) RT_FAIL(RT_ERR_DTYPE);
    const int dtype = rt_compute_dtype(op, a->dtype);
    if (dtype < 0) RT_FAIL(RT_ERR_DTYPE);
    if (a->ndim < 64 && axes >> a->ndim) RT_FAIL(RT_ERR_DIMENSION);
    rt_tensor *x = rt_as_dtype(a, dtype), *mean = x ? rt_reduce(RT_OP_MEAN, x, axes, 1) : NULL;
    rt_tensor *deviations = mean ? rt_run_binary(RT_OP_SUBTRACT, x, mean) : NULL;
    if (x) rt_release(x);
    if (mean) rt_release(mean);
    if (!deviations) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    in_place(RT_OP_SQUARE, deviations);
    rt_tensor *out = reduce_as(RT_OP_SUM, deviations, axes, keepdims);
    if (out) {
        const double divisor = (double)count_of(a, axes) - correction;
        divide(out, divisor > 0 ? divisor : __builtin_nan(""));
        if (op == RT_OP_STD) in_place(RT_OP_SQRT, out);
    }
    rt_fenv_leave(fenv);
    return out;
}

rt_tensor *rt_sum_to(const rt_tensor *a, int ndim, const int64_t *shape) {
    const int lead = a->ndim - ndim;
    if (lead < 0) RT_FAIL(RT_ERR_BROADCAST);
    uint64_t added = ((uint64_t)1 << lead) - 1, ones = 0;
    for (int d = 0; d < ndim; d++) {
        const int64_t from = rt_t_shape(a)[lead + d];
        if (shape[d] == from) continue;
        if (shape[d] != 1) RT_FAIL(RT_ERR_BROADCAST);
        ones |= (uint64_t)1 << (lead + d);
    }
    if (!(added | ones)) return rt_retain((rt_tensor *)a);
    if (a->dtype == RT_BOOL) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *kept = rt_reduce(RT_OP_SUM, a, added | ones, 1);
    if (!kept || !added) return kept;
    rt_tensor *out = rt_squeeze_like(kept, added, 0);
    rt_release(kept);
    return out;
}

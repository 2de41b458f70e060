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
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#define MAX_LEVELS 44 /* 2^44 blocks */
#define TILE 1024     /* columns at once */

typedef struct {
    int64_t shape, stride;
} dim;

typedef struct {
    rt_reduce_run run;
    rt_reduce_cols cols;
    rt_combine combine;
    int64_t itemsize;
    int n_kept, n_reduced;
    dim kept[RT_MAX_NDIM], reduced[RT_MAX_NDIM]; /* merged where they step evenly */
    int64_t n;                                   /* reduced elements per result */
    const char *data;
    char *out; /* row-major over kept */
    int status;
} rt_reduction;

/* Subtrees of n_cols results each, sizes falling from bottom to top. */
typedef struct {
    const rt_reduction *r;
    int64_t n_cols, n_blocks;
    int depth;
    char *slots; /* MAX_LEVELS + 1 rows of n_cols items */
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
        const char *from = x + offset_of(r->reduced, r->n_reduced, begin);
        if (last.stride == r->itemsize) memcpy(to, from, (size_t)(n * r->itemsize));
        else if (r->itemsize == 4)
            for (int64_t i = 0; i < n; i++) memcpy(to + i * 4, from + i * last.stride, 4);
        else
            for (int64_t i = 0; i < n; i++) memcpy(to + i * 8, from + i * last.stride, 8);
        to += n * r->itemsize;
        begin += n;
    }
    return buffer;
}

static void block_of(const rt_reduction *r, const char *x, int64_t block, char *out, char *buffer) {
    const int64_t begin = block * RT_SUM_BLOCK, end = begin + RT_SUM_BLOCK < r->n ? begin + RT_SUM_BLOCK : r->n;
    const int adjacent = r->n_reduced == 1 && r->reduced[0].stride == r->itemsize;
    r->run(adjacent ? x + begin * r->itemsize : gather(r, x, begin, end, buffer), end - begin, out);
}

/* Results [begin, end), one at a time. */
static void reduce_results(void *ctx, int64_t begin, int64_t end) {
    rt_reduction *r = ctx;
    char buffer[RT_SUM_BLOCK * 8], slots[(MAX_LEVELS + 1) * 8];
    const int64_t n_blocks = (r->n + RT_SUM_BLOCK - 1) / RT_SUM_BLOCK;
    for (int64_t i = begin; i < end; i++) {
        const char *x = r->data + offset_of(r->kept, r->n_kept, i);
        rt_tree tree = {r, 1, 0, 0, slots};
        for (int64_t b = 0; b < n_blocks; b++) {
            block_of(r, x, b, top(&tree), buffer);
            push(&tree);
        }
        finish(&tree, r->out + i * r->itemsize);
    }
}

/* Results [begin, end), tiles of adjacent columns at once. */
static void reduce_columns(void *ctx, int64_t begin, int64_t end) {
    rt_reduction *r = ctx;
    const int64_t n_cols = r->kept[r->n_kept - 1].shape, stride = r->reduced[0].stride;
    const int64_t tile = n_cols < TILE ? n_cols : TILE;
    int64_t n_levels = 2; /* subtrees that can wait at once, and the block at hand */
    for (int64_t n_blocks = r->n / RT_SUM_BLOCK; n_blocks > 0; n_blocks >>= 1) n_levels++;
    char *scratch = malloc((size_t)((RT_SUM_LANES + n_levels) * tile * r->itemsize));
    if (!scratch) {
        __atomic_store_n(&r->status, RT_ERR_ALLOC, __ATOMIC_RELAXED);
        return;
    }
    while (begin < end) {
        const int64_t column = begin % n_cols;
        int64_t width = n_cols - column < end - begin ? n_cols - column : end - begin;
        if (width > tile) width = tile;
        const char *x = r->data + offset_of(r->kept, r->n_kept, begin);
        rt_tree tree = {r, width, 0, 0, scratch + RT_SUM_LANES * tile * r->itemsize};
        for (int64_t row = 0; row < r->n; row += RT_SUM_BLOCK) {
            const int64_t n = r->n - row < RT_SUM_BLOCK ? r->n - row : RT_SUM_BLOCK;
            r->cols(x + row * stride, stride, n, width, top(&tree), scratch);
            push(&tree);
        }
        finish(&tree, r->out + begin * r->itemsize);
        begin += width;
    }
    free(scratch);
}

typedef struct {
    rt_reduction *r;
    char *results; /* one a block */
} rt_block_job;

static void reduce_blocks(void *ctx, int64_t begin, int64_t end) {
    const rt_block_job *job = ctx;
    char buffer[RT_SUM_BLOCK * 8];
    for (int64_t b = begin; b < end; b++)
        block_of(job->r, job->r->data, b, job->results + b * job->r->itemsize, buffer);
}

/* One result of many blocks: the blocks are shared out, the tree over them is small. */
static void reduce_one(rt_reduction *r) {
    const int64_t n_blocks = (r->n + RT_SUM_BLOCK - 1) / RT_SUM_BLOCK;
    char *results = malloc((size_t)(n_blocks * r->itemsize));
    if (!results) {
        r->status = RT_ERR_ALLOC;
        return;
    }
    rt_block_job job = {r, results};
    rt_parallel_for(n_blocks, RT_GRAIN_CHEAP / RT_SUM_BLOCK, reduce_blocks, &job);
    char slots[(MAX_LEVELS + 1) * 8];
    rt_tree tree = {r, 1, 0, 0, slots};
    for (int64_t b = 0; b < n_blocks; b++) {
        memcpy(top(&tree), results + b * r->itemsize, (size_t)r->itemsize);
        push(&tree);
    }
    finish(&tree, r->out);
    free(results);
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

/* out has the kept shape and is row-major; a has the dtype of the accumulator and at least one reduced
 * element. */
static int reduce_into(int op, const rt_tensor *a, uint64_t axes, rt_tensor *out) {
    rt_reduction r = {.run = rt_k.reduce_run[op][a->dtype],
                      .cols = rt_k.reduce_cols[op][a->dtype],
                      .combine = rt_k.combine[op][a->dtype],
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
    const int64_t n_results = out->numel;
    if (n_results == 1 && r.n > RT_GRAIN_CHEAP) {
        reduce_one(&r);
        return r.status;
    }
    int64_t grain = RT_GRAIN_CHEAP / r.n + 1;
    if (r.n_kept > 0 && r.n_reduced == 1 && r.kept[r.n_kept - 1].stride == r.itemsize &&
        r.kept[r.n_kept - 1].shape >= 4 && r.reduced[0].stride != r.itemsize) {
        if (grain < 16) grain = 16;
        rt_parallel_for(n_results, grain, reduce_columns, &r);
    } else {
        rt_parallel_for(n_results, grain, reduce_results, &r);
    }
    return r.status;
}

rt_tensor *rt_reduce(int op, const rt_tensor *a, uint64_t axes, int keepdims) {
    const int mean = op == RT_OP_MEAN, order = op == RT_OP_MAX || op == RT_OP_MIN;
    const int kernel = mean ? RT_OP_SUM : op;
    if (rt_kind_of(op) != RT_KIND_REDUCE) RT_FAIL(RT_ERR_DTYPE);
    const int dtype = rt_compute_dtype(op, a->dtype);
    if (dtype < 0 || !rt_k.reduce_run[kernel][dtype]) RT_FAIL(RT_ERR_DTYPE);
    if (a->ndim < 64 && axes >> a->ndim) RT_FAIL(RT_ERR_DIMENSION);

    int64_t shape[RT_MAX_NDIM], count = 1;
    int ndim = 0;
    for (int d = 0; d < a->ndim; d++) {
        const int reduced = (int)(axes >> d & 1);
        if (reduced) count *= rt_t_shape(a)[d];
        if (!reduced) shape[ndim++] = rt_t_shape(a)[d];
        else if (keepdims) shape[ndim++] = 1;
    }
    if (order && count == 0) RT_FAIL(RT_ERR_SHAPE);

    rt_tensor *out = rt_new(dtype, ndim, shape);
    if (!out) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    int status = RT_OK;
    if (out->numel > 0 && count == 0) {
        memset(out->data, 0, (size_t)out->storage->nbytes); /* the sum of nothing is +0 */
    } else if (out->numel > 0) {
        rt_tensor *in = rt_as_dtype(a, dtype);
        status = in ? reduce_into(kernel, in, axes, out) : RT_ERR_ALLOC;
        if (in) rt_release(in);
    }
    if (status == RT_OK && mean) {
        double d = (double)count;
        float f = (float)count;
        char *const ptr[3] = {out->data, out->data, dtype == RT_F32 ? (char *)&f : (char *)&d};
        const int64_t item = rt_itemsize(dtype), stride[3] = {item, item, 0};
        if (out->numel > 0) rt_k.loops[RT_OP_DIVIDE][dtype](ptr, stride, out->numel);
    }
    rt_fenv_leave(fenv);
    if (status != RT_OK) {
        rt_release(out);
        RT_FAIL(status);
    }
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

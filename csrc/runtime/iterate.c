/* SPDX-License-Identifier: MIT
 *
 * iterate.c: walks broadcast, strided operands and hands runs of adjacent elements to an elementwise loop.
 *
 * A call is first brought into a plain form: dimensions of size one go, those that the result walks backwards are turned
 * round, they are ordered as the result lies in memory, and neighbours that every operand walks evenly are merged. What
 * is left decides the path (runtime.h):
 *
 *   one dimension                              CONTIGUOUS, STRIDED
 *   long runs along the last dimension         ROWS
 *   an operand moves fastest along another     TILED: tiles of both dimensions; those who move along the other one are
 *                                              packed into a buffer that lies as the loop runs, the result unpacked
 *   runs along the last dimension are short    GATHER: blocks of many such runs are packed in the same way, so that the
 *                                              loop gets long ones
 */
#include <string.h>

#include "runtime.h"

#define TILE_BYTES 16384 /* of an operand in a tile: two of them are a first-level cache */
#define TILE_ROWS 32
#define SHORT_RUN 64 /* elements, below which runs are gathered */

typedef struct {
    rt_loop loop;
    int n_operands, ndim; /* ndim >= 1 */
    char *data[RT_MAX_OPERANDS];
    int64_t shape[RT_MAX_NDIM];
    int64_t strides[RT_MAX_OPERANDS][RT_MAX_NDIM];
    uint8_t size_log2[RT_MAX_OPERANDS];
    /* Tiles: rows x cols elements, loops run along dimension `col`. */
    int row, col;
    int64_t rows, cols, row_tiles, col_tiles;
    int packed; /* bit i: operand i goes through a buffer */
    int whole;  /* a tile is one run of every operand */
} rt_walk;

static inline int64_t size_of(const rt_walk *w, int i) {
    return (int64_t)1 << w->size_log2[i];
}

static inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Elements [begin, end) in the order of the dimensions. */
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
        const int64_t n = least(inner - index[last], end - begin);
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

/* Tiles [begin, end): along the rows first, then along the columns, then over the other dimensions. */
static void walk_tiles(void *ctx, int64_t begin, int64_t end) {
    const rt_walk *w = ctx;
    _Alignas(64) char buffer[RT_MAX_OPERANDS][TILE_BYTES];
    const char *held[RT_MAX_OPERANDS] = {NULL}; /* what a buffer of rows that repeat has in it */
    int64_t held_rows = 0, held_cols = 0;
    for (int64_t tile = begin; tile < end; tile++) {
        const int64_t r = tile % w->row_tiles * w->rows, c = tile / w->row_tiles % w->col_tiles * w->cols;
        const int64_t rows = least(w->rows, w->shape[w->row] - r), cols = least(w->cols, w->shape[w->col] - c);
        int64_t offset[RT_MAX_OPERANDS], rest = tile / w->row_tiles / w->col_tiles;
        for (int i = 0; i < w->n_operands; i++) offset[i] = r * w->strides[i][w->row] + c * w->strides[i][w->col];
        for (int d = w->ndim - 1; d >= 0; d--) {
            if (d == w->row || d == w->col) continue;
            for (int i = 0; i < w->n_operands; i++) offset[i] += rest % w->shape[d] * w->strides[i][d];
            rest /= w->shape[d];
        }
        char *ptr[RT_MAX_OPERANDS];
        int64_t step[RT_MAX_OPERANDS], stride[RT_MAX_OPERANDS];
        for (int i = 0; i < w->n_operands; i++) {
            const int64_t size = size_of(w, i), along = w->strides[i][w->row];
            ptr[i] = w->data[i] + offset[i], step[i] = along, stride[i] = w->strides[i][w->col];
            if (!(w->packed >> i & 1)) continue;
            const char *const from = ptr[i];
            ptr[i] = buffer[i], step[i] = cols * size, stride[i] = size;
            if (i == 0 || (along == 0 && held[i] == from && held_rows >= rows && held_cols == cols)) continue;
            rt_k.move[w->size_log2[i]](ptr[i], step[i], size, from, along, w->strides[i][w->col], rows, cols);
            held[i] = from;
        }
        held_rows = rows, held_cols = cols;
        if (w->whole) w->loop(ptr, stride, rows * cols);
        else
            for (int64_t j = 0; j < rows; j++) {
                w->loop(ptr, stride, cols);
                for (int i = 0; i < w->n_operands; i++) ptr[i] += step[i];
            }
        if (w->packed & 1)
            rt_k.move[w->size_log2[0]](w->data[0] + offset[0], w->strides[0][w->row], w->strides[0][w->col], buffer[0],
                                       step[0], stride[0], rows, cols);
    }
}

/* The plain form of a call. Returns the number of elements. */
static int64_t plan(rt_walk *w, int ndim, const int64_t *shape, const int64_t (*strides)[RT_MAX_NDIM]) {
    int order[RT_MAX_NDIM], n = 0;
    int64_t total = 1, turned = 0;
    for (int d = 0; d < ndim; d++) {
        total *= shape[d];
        if (shape[d] == 1) continue;
        int64_t step = strides[0][d];
        if (step < 0) {
            for (int i = 0; i < w->n_operands; i++) w->data[i] += (shape[d] - 1) * strides[i][d];
            turned |= (int64_t)1 << d, step = -step;
        }
        int at = n++;
        for (; at > 0; at--) {
            const int64_t before = strides[0][order[at - 1]];
            if ((before < 0 ? -before : before) >= step) break;
            order[at] = order[at - 1];
        }
        order[at] = d;
    }
    if (total == 0) return 0;
    w->ndim = 0;
    for (int j = 0; j < n; j++) {
        const int d = order[j];
        int64_t step[RT_MAX_OPERANDS];
        int merge = w->ndim > 0;
        for (int i = 0; i < w->n_operands; i++) {
            step[i] = turned >> d & 1 ? -strides[i][d] : strides[i][d];
            merge = merge && w->strides[i][w->ndim - 1] == step[i] * shape[d];
        }
        if (!merge) w->shape[w->ndim++] = 1;
        w->shape[w->ndim - 1] *= shape[d];
        for (int i = 0; i < w->n_operands; i++) w->strides[i][w->ndim - 1] = step[i];
    }
    if (w->ndim == 0) {
        w->ndim = 1;
        w->shape[0] = 1;
        for (int i = 0; i < w->n_operands; i++) w->strides[i][0] = size_of(w, i);
    }
    return total;
}

/* The dimension along which an operand's elements are nearest to each other; -1 where it is one element. */
static int fastest(const rt_walk *w, int i) {
    int found = -1;
    int64_t nearest = INT64_MAX;
    for (int d = w->ndim - 1; d >= 0; d--) {
        const int64_t stride = w->strides[i][d], step = stride < 0 ? -stride : stride;
        if (step != 0 && step < nearest) nearest = step, found = d;
    }
    return found;
}

/* Sets up tiles where an operand asks for them. Several may move along different dimensions: the first one's is taken. */
static int plan_tiles(rt_walk *w) {
    const int last = w->ndim - 1;
    int row = -1, n_row = 0, n_col = 0;
    for (int i = 0; i < w->n_operands; i++) {
        const int d = fastest(w, i);
        if (w->strides[i][last] == 0) continue; /* one element a run */
        if (row < 0 && d != last) row = d;
        n_row += d == row, n_col += d == last;
    }
    if (row < 0) return 0;
    /* The loop runs along the dimension that more of them like. */
    const int other_way = n_row > n_col;
    w->row = other_way ? last : row, w->col = other_way ? row : last;
    return 1;
}

/* Tiles of few_rows rows, or more where the columns are few. */
static void size_tiles(rt_walk *w, int64_t few_rows) {
    int64_t items = TILE_BYTES;
    for (int i = 0; i < w->n_operands; i++) items = least(items, TILE_BYTES >> w->size_log2[i]);
    const int64_t n_rows = w->shape[w->row], n_cols = w->shape[w->col];
    w->rows = least(n_rows, few_rows);
    w->cols = least(n_cols, items / w->rows);
    w->rows = least(n_rows, items / w->cols);
    w->row_tiles = (n_rows + w->rows - 1) / w->rows;
    w->col_tiles = (n_cols + w->cols - 1) / w->cols;
    w->packed = 0;
    w->whole = w->cols == n_cols;
    for (int i = 0; i < w->n_operands; i++) {
        const int64_t along = w->strides[i][w->row], stride = w->strides[i][w->col];
        if (stride != size_of(w, i) && (i == 0 || stride != 0)) w->packed |= 1 << i;
        else w->whole = w->whole && along == n_cols * stride;
    }
}

/* Blocks of short runs: every operand that is not one run in a block is packed. */
static void size_blocks(rt_walk *w) {
    w->col = w->ndim - 1, w->row = w->ndim - 2;
    if (w->shape[w->row] < SHORT_RUN) /* rather the longest dimension, which the result is unpacked along */
        for (int d = 0; d < w->col; d++)
            if (w->shape[d] > w->shape[w->row]) w->row = d;
    size_tiles(w, 1);
    w->whole = 1;
    for (int i = 0; i < w->n_operands; i++) {
        const int64_t stride = w->strides[i][w->col];
        if (w->strides[i][w->row] != w->shape[w->col] * stride || (i == 0 && stride == 0)) w->packed |= 1 << i;
    }
}

int rt_iterate(rt_loop loop, int n_operands, char *const *data, const uint8_t *size_log2, int ndim,
               const int64_t *shape, const int64_t (*strides)[RT_MAX_NDIM], int64_t grain) {
    rt_walk w;
    w.loop = loop;
    w.n_operands = n_operands;
    for (int i = 0; i < n_operands; i++) w.data[i] = data[i], w.size_log2[i] = size_log2[i];
    const int64_t total = plan(&w, ndim, shape, strides);
    if (total == 0) return RT_PATH_CONTIGUOUS;
    const int last = w.ndim - 1;
    if (w.ndim == 1) {
        int64_t stride[RT_MAX_OPERANDS];
        int path = RT_PATH_CONTIGUOUS;
        for (int i = 0; i < n_operands; i++) {
            stride[i] = w.strides[i][0];
            if (stride[i] != size_of(&w, i)) path = RT_PATH_STRIDED;
        }
        if (total <= grain) loop(w.data, stride, total);
        else rt_parallel_for(total, grain, walk_range, &w);
        return path;
    }
    const int tiled = plan_tiles(&w);
    if (!tiled && w.shape[last] >= SHORT_RUN) {
        rt_parallel_for(total, grain, walk_range, &w);
        return RT_PATH_ROWS;
    }
    if (tiled) size_tiles(&w, TILE_ROWS);
    else size_blocks(&w);
    const int64_t n_tiles = total / w.shape[w.row] / w.shape[w.col] * w.row_tiles * w.col_tiles;
    const int64_t per_tile = w.rows * w.cols; /* grain may be INT64_MAX: nothing is added to it */
    rt_parallel_for(n_tiles, grain / per_tile + (grain % per_tile != 0), walk_tiles, &w);
    return tiled ? RT_PATH_TILED : RT_PATH_GATHER;
}

int rt_iterate_tensors(rt_loop loop, int n_inputs, rt_tensor *out, const rt_tensor *const *in, int64_t grain) {
    char *data[RT_MAX_OPERANDS] = {out->data};
    int dense = out->contiguous && out->numel <= grain;
    for (int i = 0; i < n_inputs; i++) {
        data[i + 1] = in[i]->data;
        dense = dense && in[i]->contiguous && in[i]->numel == out->numel;
    }
    if (dense) { /* the same elements in the same order: numel equal means that nothing is repeated */
        if (out->numel == 0) return RT_PATH_CONTIGUOUS;
        int64_t stride[RT_MAX_OPERANDS] = {rt_itemsize(out->dtype)};
        for (int i = 0; i < n_inputs; i++) stride[i + 1] = rt_itemsize(in[i]->dtype);
        loop(data, stride, out->numel);
        return RT_PATH_CONTIGUOUS;
    }
    int64_t strides[RT_MAX_OPERANDS][RT_MAX_NDIM];
    uint8_t size_log2[RT_MAX_OPERANDS] = {rt_size_log2[out->dtype]};
    memcpy(strides[0], rt_t_strides(out), sizeof(int64_t) * out->ndim);
    for (int i = 0; i < n_inputs; i++) {
        rt_broadcast_strides(in[i], out->ndim, rt_t_shape(out), strides[i + 1]);
        size_log2[i + 1] = rt_size_log2[in[i]->dtype];
    }
    return rt_iterate(loop, n_inputs + 1, data, size_log2, out->ndim, rt_t_shape(out),
                      (const int64_t (*)[RT_MAX_NDIM])strides, grain);
}

int rt_copy_into(char *dst, int dtype, int ndim, const int64_t *shape, const int64_t *strides, const rt_tensor *src) {
    char *const data[2] = {dst, src->data};
    const uint8_t size_log2[2] = {rt_size_log2[dtype], rt_size_log2[src->dtype]};
    int64_t both[2][RT_MAX_NDIM];
    memcpy(both[0], strides, sizeof(int64_t) * (size_t)ndim);
    rt_broadcast_strides(src, ndim, shape, both[1]);
    return rt_iterate(rt_k.cast[src->dtype][dtype], 2, data, size_log2, ndim, shape,
                      (const int64_t (*)[RT_MAX_NDIM])both, RT_GRAIN_CHEAP);
}

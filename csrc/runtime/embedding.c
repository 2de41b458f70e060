/* SPDX-License-Identifier: MIT
 * embedding.c: the gradient of a table whose rows were read. Threads share out the table's rows, and each goes through all
 * indices: the sum of a row is a chain in their order. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef struct {
    const char *g;
    const int64_t *index;
    char *out;
    int64_t n, width, item, padding, *counts;
    int dtype;
} rt_table;

static void rows_range(void *ctx, int64_t begin, int64_t end) {
    const rt_table *t = ctx;
    const rt_loop add = rt_k.loops[RT_OP_ADD][t->dtype], divide = rt_k.loops[RT_OP_DIVIDE][t->dtype];
    const int64_t bytes = t->width * t->item, strides[3] = {t->item, t->item, t->item},
                  by_one[3] = {t->item, t->item, 0};
    memset(t->out + begin * bytes, 0, (size_t)((end - begin) * bytes));
    for (int64_t i = 0; i < t->n; i++) {
        const int64_t at = t->index[i];
        if (at < begin || at >= end || at == t->padding) continue;
        char *const row = t->out + at * bytes, *const ptr[3] = {row, row, (char *)t->g + i * bytes};
        add(ptr, strides, t->width);
    }
    for (int64_t at = begin; at < end && t->counts; at++) {
        const float f = (float)t->counts[at];
        const double d = (double)t->counts[at];
        char *const row = t->out + at * bytes, *const ptr[3] = {row, row, t->dtype == RT_F32 ? (char *)&f : (char *)&d};
        if (t->counts[at] > 1) divide(ptr, by_one, t->width);
    }
}

rt_tensor *rt_embedding_grad(const rt_tensor *g, const rt_tensor *index, int64_t n_rows, int64_t padding,
                             int by_count) {
    if (g->ndim != index->ndim + 1) RT_FAIL(RT_ERR_DIMENSION);
    if ((g->dtype != RT_F32 && g->dtype != RT_F64) || index->dtype != RT_I64) RT_FAIL(RT_ERR_DTYPE);
    if (memcmp(rt_t_shape(g), rt_t_shape(index), sizeof(int64_t) * index->ndim) != 0) RT_FAIL(RT_ERR_BROADCAST);
    const int64_t shape[2] = {n_rows, rt_t_shape(g)[g->ndim - 1]};
    rt_tensor *out = rt_new(g->dtype, 2, shape);
    rt_tensor *const rows = out ? rt_contiguous(g) : NULL, *const at = rows ? rt_contiguous(index) : NULL;
    int status = at ? RT_OK : RT_ERR_ALLOC;
    if (at) {
        rt_table t = {rows->data, (const int64_t *)at->data, out->data, at->numel,
                      shape[1],   rt_itemsize(g->dtype),     padding,   NULL,
                      g->dtype};
        for (int64_t i = 0; i < t.n; i++)
            if (t.index[i] < 0 || t.index[i] >= n_rows) status = RT_ERR_INDEX;
        if (by_count && status == RT_OK) {
            t.counts = calloc((size_t)n_rows + 1, sizeof(int64_t));
            if (!t.counts) status = RT_ERR_ALLOC;
            for (int64_t i = 0; i < t.n && t.counts; i++) t.counts[t.index[i]]++;
        }
        if (status == RT_OK && out->numel > 0) {
            rt_count_call(RT_FAMILY_INDEX, 1, &g, RT_PATH_SLICES);
            const rt_fenv fenv = rt_fenv_enter();
            const int64_t even = (n_rows + rt_get_num_threads() - 1) / rt_get_num_threads();
            rt_parallel_for(n_rows, even > 256 ? even : 256, rows_range, &t);
            rt_fenv_leave(fenv);
        }
        free(t.counts);
        rt_release(at);
    }
    if (rows) rt_release(rows);
    if (out && status != RT_OK) {
        rt_release(out);
        RT_FAIL(status);
    }
    return out;
}

/* SPDX-License-Identifier: MIT
 *
 * matmul.c: shapes, batches and threads around the kernel.
 *
 * One-dimensional operands count as a row on the left and a column on the right, whose axis the result lacks.
 * The longer of m and n becomes the kernel's vector dimension (C^T = B^T A^T has the same chains). Threads
 * cut m and n.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

typedef struct {
    rt_gemm gemm;
    int64_t m, n, k;
    int64_t a_row, a_col, b_row, b_col, c_row, c_col;
    int64_t chunk; /* columns of C a task takes */
    int64_t n_chunks;
    int n_batch;
    int64_t batch[RT_MAX_NDIM], a_batch[RT_MAX_NDIM], b_batch[RT_MAX_NDIM];
    int64_t c_batch;
    const char *a, *b;
    char *c;
    int status;
} rt_product;

/* Tasks [begin, end): task = batch index * n_chunks + chunk of columns. */
static void run_tasks(void *ctx, int64_t begin, int64_t end) {
    rt_product *p = ctx;
    char *raw = malloc((size_t)rt_k.gemm_scratch + 63);
    if (!raw) {
        __atomic_store_n(&p->status, RT_ERR_ALLOC, __ATOMIC_RELAXED);
        return;
    }
    char *scratch = (char *)(((uintptr_t)raw + 63) & ~(uintptr_t)63);
    for (int64_t task = begin; task < end; task++) {
        int64_t rest = task / p->n_chunks, j = task % p->n_chunks * p->chunk;
        char *c = p->c + rest * p->c_batch;
        const char *a = p->a, *b = p->b;
        for (int d = p->n_batch - 1; d >= 0; d--) {
            const int64_t at = rest % p->batch[d];
            rest /= p->batch[d];
            a += at * p->a_batch[d];
            b += at * p->b_batch[d];
        }
        const int64_t n = p->n - j < p->chunk ? p->n - j : p->chunk;
        p->gemm(p->m, n, p->k, a, p->a_row, p->a_col, b + j * p->b_col, p->b_row, p->b_col, c + j * p->c_col, p->c_row,
                p->c_col, scratch);
    }
    free(raw);
}

static void swap(int64_t *a, int64_t *b) {
    const int64_t t = *a;
    *a = *b, *b = t;
}

static rt_tensor *multiply(const rt_tensor *a, const rt_tensor *b) {
    const int a1 = a->ndim == 1, b1 = b->ndim == 1;
    const int64_t *as = rt_t_shape(a), *at = rt_t_strides(a), *bs = rt_t_shape(b), *bt = rt_t_strides(b);
    rt_product p = {.gemm = rt_k.gemm[a->dtype], .a = a->data, .b = b->data};
    p.m = a1 ? 1 : as[a->ndim - 2], p.k = as[a->ndim - 1], p.n = b1 ? 1 : bs[b->ndim - 1];
    if ((b1 ? bs[0] : bs[b->ndim - 2]) != p.k) RT_FAIL(RT_ERR_BROADCAST);
    p.a_row = a1 ? 0 : at[a->ndim - 2], p.a_col = at[a->ndim - 1];
    p.b_row = b1 ? bt[0] : bt[b->ndim - 2], p.b_col = b1 ? 0 : bt[b->ndim - 1];

    /* Batch dimensions broadcast. */
    const int a_lead = a1 ? 0 : a->ndim - 2, b_lead = b1 ? 0 : b->ndim - 2;
    p.n_batch = a_lead > b_lead ? a_lead : b_lead;
    int64_t shape[RT_MAX_NDIM], n_batches = 1;
    for (int d = 0; d < p.n_batch; d++) {
        const int da = d - (p.n_batch - a_lead), db = d - (p.n_batch - b_lead);
        const int64_t x = da < 0 ? 1 : as[da], y = db < 0 ? 1 : bs[db];
        if (x != y && x != 1 && y != 1) RT_FAIL(RT_ERR_BROADCAST);
        shape[d] = p.batch[d] = x == 1 ? y : x;
        p.a_batch[d] = x == 1 ? 0 : at[da];
        p.b_batch[d] = y == 1 ? 0 : bt[db];
        n_batches *= p.batch[d];
    }
    int ndim = p.n_batch;
    if (!a1) shape[ndim++] = p.m;
    if (!b1) shape[ndim++] = p.n;
    rt_tensor *out = rt_new(a->dtype, ndim, shape);
    if (!out || out->numel == 0) return out;
    if (p.k == 0) {
        memset(out->data, 0, (size_t)out->storage->nbytes);
        return out;
    }
    const int64_t item = rt_itemsize(out->dtype);
    p.c = out->data;
    p.c_row = p.n * item, p.c_col = item, p.c_batch = p.m * p.n * item;
    if (p.m > p.n) {
        const char *t = p.a;
        p.a = p.b, p.b = t;
        swap(&p.m, &p.n);
        const int64_t a_row = p.a_row, a_col = p.a_col;
        p.a_row = p.b_col, p.a_col = p.b_row, p.b_row = a_col, p.b_col = a_row;
        swap(&p.c_row, &p.c_col);
        for (int d = 0; d < p.n_batch; d++) swap(&p.a_batch[d], &p.b_batch[d]);
    }
    /* A task of about a million multiply-adds or more; chunks are multiples of every tile width. */
    const double work = (double)p.m * (double)p.k * (double)p.n;
    p.chunk = p.n;
    if (n_batches < 2 * rt_get_num_threads() && work > 2e6) {
        p.chunk = (p.n / rt_get_num_threads() + 63) / 64 * 64;
        if (p.chunk < 64) p.chunk = 64;
    }
    p.n_chunks = (p.n + p.chunk - 1) / p.chunk;
    const double per_task = work / (double)p.n_chunks;
    const int64_t grain = per_task >= 5e5 ? 1 : (int64_t)(5e5 / per_task) + 1;
    const rt_tensor *const in[2] = {a, b};
    rt_count_call(RT_FAMILY_MATMUL, 2, in, RT_PATH_PACKED);
    const rt_fenv fenv = rt_fenv_enter();
    rt_parallel_for(n_batches * p.n_chunks, grain, run_tasks, &p);
    rt_fenv_leave(fenv);
    if (p.status != RT_OK) {
        rt_release(out);
        RT_FAIL(p.status);
    }
    return out;
}

/* Both operands in one dtype that has a kernel. */
static rt_tensor *multiply_as(int dtype, const rt_tensor *a, const rt_tensor *b) {
    if (a->dtype == dtype && b->dtype == dtype) return multiply(a, b);
    rt_tensor *x = rt_as_dtype(a, dtype), *y = x ? rt_as_dtype(b, dtype) : NULL;
    rt_tensor *out = y ? multiply(x, y) : NULL;
    if (x) rt_release(x);
    if (y) rt_release(y);
    return out;
}

/* (re re - im im, re im + im re), each of the four a product of real matrices. */
static rt_tensor *multiply_complex(int dtype, const rt_tensor *a, const rt_tensor *b) {
    rt_tensor *const x = rt_as_dtype(a, dtype), *const y = x ? rt_as_dtype(b, dtype) : NULL;
    rt_tensor *products[4] = {0}, *out = NULL;
    for (int i = 0; i < 4 && y; i++) { /* bit 1 of i names the part of a, bit 0 that of b */
        rt_tensor *const p = rt_part(x, i >> 1), *const q = p ? rt_part(y, i & 1) : NULL;
        if (q) products[i] = multiply(p, q), rt_release(q);
        if (p) rt_release(p);
        if (!products[i]) break;
    }
    if (products[3]) out = rt_new(dtype, products[0]->ndim, rt_t_shape(products[0]));
    const rt_fenv fenv = rt_fenv_enter();
    for (int part = 0; part < 2 && out; part++) {
        rt_tensor *const to = rt_part(out, part);
        const rt_tensor *const in[2] = {products[part ? 1 : 0], products[part ? 2 : 3]};
        if (to) {
            rt_iterate_tensors(rt_k.loops[part ? RT_OP_ADD : RT_OP_SUBTRACT][to->dtype], 2, to, in, RT_GRAIN_CHEAP);
            rt_release(to);
        } else {
            rt_release(out);
            out = NULL;
        }
    }
    rt_fenv_leave(fenv);
    rt_tensor *const all[6] = {x, y, products[0], products[1], products[2], products[3]};
    for (int i = 0; i < 6; i++)
        if (all[i]) rt_release(all[i]);
    return out;
}

rt_tensor *rt_matmul(const rt_tensor *a, const rt_tensor *b) {
    if (a->ndim == 0 || b->ndim == 0) RT_FAIL(RT_ERR_DIMENSION);
    const int dtype = rt_promote(a->dtype, b->dtype);
    if (rt_compute_dtype(RT_OP_MATMUL, dtype) != dtype || dtype < 0) RT_FAIL(RT_ERR_DTYPE);
    if (rt_is_complex(dtype)) return multiply_complex(dtype, a, b);
    if (!rt_is_integer(dtype) || dtype == RT_I64) return multiply_as(dtype, a, b);
    /* Integers wrap, so the low bits of a product in 64 bits are those of the dtype's own. */
    rt_tensor *wide = multiply_as(RT_I64, a, b), *out = wide ? rt_cast(wide, dtype) : NULL;
    if (wide) rt_release(wide);
    return out;
}

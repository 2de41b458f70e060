/* SPDX-License-Identifier: MIT
 *
 * matmul.c: shapes, batches and threads around the kernels.
 *
 * One-dimensional operands count as a row on the left and a column on the right, whose axis the result lacks. C^T = B^T A^T
 * has the same chains, so either of m and n may become the kernel's vector dimension n. How the work is shared:
 *   dots     a batch of vectors times vectors: the batch is cut
 *   vector   one of them is 1: the result is cut
 *   items    many products, or small ones: each is done by one thread
 *   columns  a product of medium size: each thread takes some columns, and packs what it needs
 *   blocks   a large product: B is packed by all threads, then all threads take blocks of C, a few blocks of k at a time
 */
#include <string.h>

#include "runtime.h"
#include "../tensor/alloc.h"

#define GRAIN 500000.0   /* multiply-adds that are worth a hand-over */
#define LARGE 16777216.0 /* multiply-adds from which packing B once for all pays */
#define ROWS 48          /* a task's rows of a large product; a multiple of every tile's */
#define COLUMNS 512      /* a task's columns of it */
#define PACKED_BYTES (4 << 20)
#define PACKED_K (4 * RT_MATMUL_KC)

typedef struct {
    const rt_gemm *kernel;
    int64_t m, n, k, item;
    int64_t a_row, a_col, b_row, b_col, c_row, c_col;
    int n_batch;
    int64_t batch[RT_MAX_NDIM], a_batch[RT_MAX_NDIM], b_batch[RT_MAX_NDIM], n_items;
    int64_t c_batch;
    const char *a, *b;
    char *c;
    int status;
} rt_product;

static int64_t min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Moves to one product of a batch. */
static void go_to(rt_product *p, int64_t index) {
    p->c += index * p->c_batch;
    for (int d = p->n_batch - 1; d >= 0; d--) {
        const int64_t at = index % p->batch[d];
        index /= p->batch[d];
        p->a += at * p->a_batch[d];
        p->b += at * p->b_batch[d];
    }
}

static char *scratch_for(rt_product *p, int64_t n_bytes) {
    char *scratch = rt_scratch_alloc(n_bytes);
    if (!scratch) __atomic_store_n(&p->status, RT_ERR_ALLOC, __ATOMIC_RELAXED);
    return scratch;
}

static void vector_range(void *ctx, int64_t begin, int64_t end) {
    const rt_product *p = ctx;
    p->kernel->vector(end - begin, p->k, p->a, p->a_col, p->b + begin * p->b_col, p->b_row, p->b_col,
                      p->c + begin * p->c_col, p->c_col);
}

static void dots_range(void *ctx, int64_t begin, int64_t end) {
    const rt_product *p = ctx;
    p->kernel->dots(end - begin, p->k, p->a + begin * p->a_batch[0], p->a_batch[0], p->b + begin * p->b_batch[0],
                    p->b_batch[0], p->c + begin * p->c_batch, p->c_batch);
}

static void column_range(void *ctx, int64_t begin, int64_t end) {
    rt_product *p = ctx;
    const int64_t from = begin * p->kernel->width, n = min(end * p->kernel->width, p->n) - from;
    char *scratch = scratch_for(p, p->kernel->scratch);
    if (!scratch) return;
    p->kernel->product(p->m, n, p->k, p->a, p->a_row, p->a_col, p->b + from * p->b_col, p->b_row, p->b_col,
                       p->c + from * p->c_col, p->c_row, p->c_col, scratch);
    rt_scratch_free(scratch);
}

static void item_range(void *ctx, int64_t begin, int64_t end) {
    rt_product *whole = ctx;
    for (int64_t i = begin; i < end; i++) {
        rt_product p = *whole;
        go_to(&p, i);
        if (p.m == 1) vector_range(&p, 0, p.n);
        else column_range(&p, 0, (p.n + p.kernel->width - 1) / p.kernel->width);
        if (p.status != RT_OK) __atomic_store_n(&whole->status, p.status, __ATOMIC_RELAXED);
    }
}

/* A few blocks of k, and as many columns as fit in PACKED_BYTES, of a large product. */
typedef struct {
    rt_product *p;
    int64_t k0, k, j0, n;
    int64_t padded;   /* n, rounded up to whole tiles */
    int64_t n_chunks; /* of columns */
    char *packed;
} rt_slab;

/* Tasks: block of k * chunks of columns + chunk. */
static void pack_range(void *ctx, int64_t begin, int64_t end) {
    const rt_slab *s = ctx;
    const rt_product *p = s->p;
    for (int64_t task = begin; task < end; task++) {
        const int64_t k0 = task / s->n_chunks * RT_MATMUL_KC, k = min(RT_MATMUL_KC, s->k - k0);
        const int64_t j = task % s->n_chunks * COLUMNS;
        p->kernel->pack(min(COLUMNS, s->n - j), k, p->b + (s->k0 + k0) * p->b_row + (s->j0 + j) * p->b_col, p->b_row,
                        p->b_col, s->packed + (k0 * s->padded + j * k) * p->item);
    }
}

/* Tasks: block of rows * chunks of columns + chunk. */
static void block_range(void *ctx, int64_t begin, int64_t end) {
    const rt_slab *s = ctx;
    rt_product *p = s->p;
    char *scratch = scratch_for(p, p->kernel->scratch);
    if (!scratch) return;
    for (int64_t task = begin; task < end; task++) {
        const int64_t i = task / s->n_chunks * ROWS, j = task % s->n_chunks * COLUMNS;
        for (int64_t k0 = 0; k0 < s->k; k0 += RT_MATMUL_KC) {
            const int64_t k = min(RT_MATMUL_KC, s->k - k0);
            p->kernel->packed(min(ROWS, p->m - i), min(COLUMNS, s->n - j), k,
                              p->a + i * p->a_row + (s->k0 + k0) * p->a_col, p->a_row, p->a_col,
                              s->packed + (k0 * s->padded + j * k) * p->item, s->k0 + k0 == 0,
                              p->c + i * p->c_row + (s->j0 + j) * p->c_col, p->c_row, p->c_col, scratch);
        }
    }
    rt_scratch_free(scratch);
}

static void large(rt_product *p) {
    const int64_t k_most = min(p->k, PACKED_K), width = p->kernel->width;
    const int64_t n_most = min((p->n + width - 1) / width * width, PACKED_BYTES / (PACKED_K * p->item));
    char *packed = scratch_for(p, n_most * k_most * p->item);
    if (!packed) return;
    for (int64_t j0 = 0; j0 < p->n; j0 += n_most)
        for (int64_t k0 = 0; k0 < p->k; k0 += k_most) {
            rt_slab s = {.p = p, .k0 = k0, .k = min(k_most, p->k - k0), .j0 = j0, .n = min(n_most, p->n - j0)};
            s.padded = (s.n + width - 1) / width * width;
            s.n_chunks = (s.n + COLUMNS - 1) / COLUMNS;
            s.packed = packed;
            rt_parallel_for((s.k + RT_MATMUL_KC - 1) / RT_MATMUL_KC * s.n_chunks, 1, pack_range, &s);
            rt_parallel_for((p->m + ROWS - 1) / ROWS * s.n_chunks, 1, block_range, &s);
        }
    rt_scratch_free(packed);
}

static void run(rt_product *p) {
    const double work = (double)p->m * (double)p->k * (double)p->n;
    const int n_threads = rt_get_num_threads();
    if (p->m == 1 && p->n == 1 && p->n_batch == 1 && p->a_col == p->item && p->b_row == p->item) {
        rt_parallel_for(p->n_items, (int64_t)(GRAIN / 4 / (double)p->k) / 16 * 16 + 16, dots_range, p);
        return;
    }
    if (work < 2 * GRAIN || p->n_items >= 4 * n_threads) {
        rt_parallel_for(p->n_items, work < GRAIN ? (int64_t)(GRAIN / work) + 1 : 1, item_range, p);
        return;
    }
    for (int64_t i = 0; i < p->n_items; i++) {
        rt_product one = *p;
        go_to(&one, i);
        if (one.m == 1) {
            /* Where rows of B lie along memory, few and long pieces of them are read faster. */
            const int64_t worth = (int64_t)(GRAIN / 4 / (double)one.k) + 1, even = (one.n + n_threads - 1) / n_threads;
            const int64_t least = one.b_col == one.item && even > worth ? even : worth;
            rt_parallel_for(one.n, (least + 63) / 64 * 64, vector_range, &one);
        } else if (work < LARGE || n_threads == 1) {
            const int64_t n_tiles = (one.n + one.kernel->width - 1) / one.kernel->width;
            rt_parallel_for(n_tiles, (n_tiles + n_threads - 1) / n_threads, column_range, &one);
        } else {
            large(&one);
        }
        if (one.status != RT_OK) p->status = one.status;
    }
}

static void swap(int64_t *a, int64_t *b) {
    const int64_t t = *a;
    *a = *b, *b = t;
}

/* C^T = B^T A^T */
static void turn(rt_product *p) {
    const char *t = p->a;
    p->a = p->b, p->b = t;
    swap(&p->m, &p->n);
    const int64_t a_row = p->a_row, a_col = p->a_col;
    p->a_row = p->b_col, p->a_col = p->b_row, p->b_row = a_col, p->b_col = a_row;
    swap(&p->c_row, &p->c_col);
    for (int d = 0; d < p->n_batch; d++) swap(&p->a_batch[d], &p->b_batch[d]);
}

static rt_tensor *multiply(const rt_tensor *a, const rt_tensor *b) {
    const int a1 = a->ndim == 1, b1 = b->ndim == 1;
    const int64_t *as = rt_t_shape(a), *at = rt_t_strides(a), *bs = rt_t_shape(b), *bt = rt_t_strides(b);
    rt_product p = {.kernel = &rt_k.gemm[a->dtype], .item = rt_itemsize(a->dtype), .a = a->data, .b = b->data};
    p.m = a1 ? 1 : as[a->ndim - 2], p.k = as[a->ndim - 1], p.n = b1 ? 1 : bs[b->ndim - 1];
    if ((b1 ? bs[0] : bs[b->ndim - 2]) != p.k) RT_FAIL(RT_ERR_BROADCAST);
    p.a_row = a1 ? 0 : at[a->ndim - 2], p.a_col = at[a->ndim - 1];
    p.b_row = b1 ? bt[0] : bt[b->ndim - 2], p.b_col = b1 ? 0 : bt[b->ndim - 1];

    /* Batch dimensions broadcast. */
    const int a_lead = a1 ? 0 : a->ndim - 2, b_lead = b1 ? 0 : b->ndim - 2;
    p.n_batch = a_lead > b_lead ? a_lead : b_lead;
    p.n_items = 1;
    int64_t shape[RT_MAX_NDIM];
    for (int d = 0; d < p.n_batch; d++) {
        const int da = d - (p.n_batch - a_lead), db = d - (p.n_batch - b_lead);
        const int64_t x = da < 0 ? 1 : as[da], y = db < 0 ? 1 : bs[db];
        if (x != y && x != 1 && y != 1) RT_FAIL(RT_ERR_BROADCAST);
        shape[d] = p.batch[d] = x == 1 ? y : x;
        p.a_batch[d] = x == 1 ? 0 : at[da];
        p.b_batch[d] = y == 1 ? 0 : bt[db];
        p.n_items *= p.batch[d];
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
    p.c = out->data;
    p.c_row = p.n * p.item, p.c_col = p.item;
    /* Rows of many products with one B are rows of one product. */
    while (p.n_batch > 0) {
        const int d = p.n_batch - 1;
        if (p.batch[d] > 1 && (p.b_batch[d] != 0 || p.a_batch[d] != p.m * p.a_row)) break;
        p.m *= p.batch[d];
        p.n_items /= p.batch[d];
        p.n_batch--;
    }
    const rt_tensor *const in[2] = {a, b};
    rt_count_call(RT_FAMILY_MATMUL, 2, in, RT_PATH_PACKED);
    p.c_batch = p.m * p.n * p.item;
    /* n is the vector dimension. Turned, C is written one by one, which pays where few columns would fill a tile. */
    if (p.m != 1 && (p.n == 1 || (p.m > p.n && p.n < 2 * p.kernel->width && p.n % p.kernel->width != 0))) turn(&p);
    const rt_fenv fenv = rt_fenv_enter();
    run(&p);
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

rt_tensor *rt_linear(const rt_tensor *x, const rt_tensor *weight, const rt_tensor *bias) {
    if (weight->ndim != 2) RT_FAIL(RT_ERR_DIMENSION);
    if (bias && !rt_same_shape(bias, 1, rt_t_shape(weight))) RT_FAIL(RT_ERR_BROADCAST);
    rt_tensor *turned = rt_transpose(weight), *out = turned ? rt_matmul(x, turned) : NULL;
    if (turned) rt_release(turned);
    if (!out || !bias) return out;
    const int status = rt_binary_inplace(RT_OP_ADD, out, bias);
    if (status == RT_OK) return out;
    rt_release(out);
    RT_FAIL(status);
}

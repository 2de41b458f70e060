/* SPDX-License-Identifier: MIT
 * run.c: the entries that make a tensor by running one op: dtype rules, result shape, then the kernel. */
#include <string.h>

#include "runtime.h"
#include "../graph/node.h"

/* What takes tens of cycles an element pays for a second thread earlier. */
static int64_t grain_of(int op) {
    return rt_is_costly(op) ? RT_GRAIN_COSTLY : RT_GRAIN_CHEAP;
}

rt_tensor *rt_cast(const rt_tensor *a, int dtype) {
    if (dtype < 0 || dtype >= RT_N_DTYPES || !rt_k.cast[a->dtype][dtype]) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *out = rt_new(dtype, a->ndim, rt_t_shape(a));
    if (!out) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    const int path = rt_iterate_tensors(rt_k.cast[a->dtype][dtype], 1, out, &a, RT_GRAIN_CHEAP);
    rt_fenv_leave(fenv);
    rt_count_call(RT_FAMILY_COPY, 1, &a, path);
    return out;
}

rt_tensor *rt_copy(const rt_tensor *a) {
    return rt_cast(a, a->dtype);
}

rt_tensor *rt_contiguous(const rt_tensor *a) {
    if (a->contiguous) return rt_retain((rt_tensor *)a);
    rt_tensor *out = rt_copy(a);
    if (out) rt_count_copy(RT_COUNT_DENSE, out);
    return out;
}

static rt_tensor *run_unary(int op, const rt_tensor *a) {
    const int kind = rt_kind_of(op);
    if (kind != RT_KIND_UNARY && kind != RT_KIND_PREDICATE) RT_FAIL(RT_ERR_DTYPE);
    const int dtype = rt_compute_dtype(op, a->dtype);
    if (dtype == RT_SAME) return rt_retain((rt_tensor *)a);
    if (dtype == RT_NONE) RT_FAIL(RT_ERR_DTYPE);
    if (dtype != a->dtype) {
        rt_tensor *cast = rt_cast(a, dtype);
        if (!cast) return NULL;
        rt_tensor *out = run_unary(op, cast);
        rt_release(cast);
        return out;
    }
    rt_tensor *out = rt_new(rt_out_dtype(op, dtype), a->ndim, rt_t_shape(a));
    if (!out) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    const int path = rt_iterate_tensors(rt_k.loops[op][dtype], 1, out, &a, grain_of(op));
    rt_fenv_leave(fenv);
    rt_count_call(RT_FAMILY_ELEMENTWISE, 1, &a, path);
    return out;
}

rt_tensor *rt_unary(int op, const rt_tensor *a) {
    return rt_recorded(op, run_unary(op, a), 1, &a);
}

/* Runs a loop on operands that are of one dtype already, into a new tensor. */
static rt_tensor *run_binary(int op, int dtype, int out_dtype, const rt_tensor *a, const rt_tensor *b) {
    const rt_tensor *const in[2] = {a, b};
    int64_t broad[RT_MAX_NDIM];
    const int64_t *shape = rt_t_shape(a);
    int ndim = a->ndim, bcast = 0;
    if (!rt_same_shape(b, a->ndim, shape)) {
        ndim = rt_broadcast(2, in, broad);
        if (ndim < 0) RT_FAIL(RT_ERR_BROADCAST);
        shape = broad;
        bcast = (!rt_same_shape(a, ndim, shape)) | (!rt_same_shape(b, ndim, shape)) << 1;
    }
    rt_tensor *out = rt_new(out_dtype, ndim, shape);
    if (!out) return NULL;
    out->bcast = (uint8_t)bcast;
    const rt_fenv fenv = rt_fenv_enter();
    const int path = rt_iterate_tensors(rt_k.loops[op][dtype], 2, out, in, grain_of(op));
    rt_fenv_leave(fenv);
    rt_count_call(RT_FAMILY_ELEMENTWISE, 2, in, path);
    return out;
}

/* The op on inputs whose promoted dtype is given, or RT_NONE. */
static rt_tensor *binary_as(int op, int dtype, const rt_tensor *a, const rt_tensor *b) {
    const int kind = rt_kind_of(op);
    if (kind != RT_KIND_BINARY && kind != RT_KIND_COMPARE) RT_FAIL(RT_ERR_DTYPE);
    dtype = rt_compute_dtype(op, dtype);
    if (dtype < 0) RT_FAIL(RT_ERR_DTYPE);
    const int out_dtype = rt_out_dtype(op, dtype);
    if (a->dtype == dtype && b->dtype == dtype) return run_binary(op, dtype, out_dtype, a, b);
    rt_tensor *x = rt_as_dtype(a, dtype), *y = x ? rt_as_dtype(b, dtype) : NULL;
    rt_tensor *out = y ? run_binary(op, dtype, out_dtype, x, y) : NULL;
    if (x) rt_release(x);
    if (y) rt_release(y);
    return out;
}

rt_tensor *rt_run_binary(int op, const rt_tensor *a, const rt_tensor *b) {
    return binary_as(op, rt_promote(a->dtype, b->dtype), a, b);
}

rt_tensor *rt_binary(int op, const rt_tensor *a, const rt_tensor *b) {
    const rt_tensor *const in[2] = {a, b};
    return rt_recorded(op, rt_run_binary(op, a, b), 2, in);
}

typedef struct {
    _Alignas(16) char bytes[16];
} rt_scalar;

/* A 0-d header over a Python number, rounded to dtype once: kind RT_BOOL, RT_I64 or RT_U64 (i), RT_F64 (f), RT_C128
   (f, g). dtype is not a real one where the number is complex. */
static void init_number(rt_tensor *t, rt_scalar *value, int dtype, int kind, double f, double g, int64_t i) {
    const double parts[2] = {f, g};
    const char *const from = kind >= RT_F64 ? (const char *)parts : (const char *)&i;
    char number = (char)(i != 0); /* bool is a byte */
    char *const data[2] = {value->bytes, kind == RT_BOOL ? &number : (char *)from};
    const int64_t stride[2] = {0, 0};
    const rt_fenv fenv = rt_fenv_enter();
    rt_k.cast[kind][dtype](data, stride, 1);
    rt_fenv_leave(fenv);
    rt_init_scalar(t, dtype, value);
}

/* A scalar takes the tensor's dtype, or the default of its own kind where that kind is higher. */
static int beside_scalar(int dtype, int kind) {
    if (kind == RT_F64 && dtype < RT_F16) return RT_F32;
    if (kind == RT_C128 && dtype < RT_C64) return dtype == RT_F64 ? RT_C128 : RT_C64;
    if ((kind == RT_I64 || kind == RT_U64) && dtype == RT_BOOL) return RT_I64;
    return dtype;
}

/* Whether an integer of kind RT_I64 or RT_U64 is a value of an integer dtype. */
static int integer_fits(int dtype, int kind, int64_t i) {
    if (kind == RT_U64 && i < 0) return dtype == RT_U64; /* 2^63 or more */
    const int bits = 8 * (int)rt_itemsize(dtype);
    if (dtype >= RT_U8) return i >= 0 && (bits == 64 || i >> bits == 0);
    return bits == 64 || (i >> (bits - 1) == (i < 0 ? -1 : 0));
}

static rt_tensor *beside_number(int op, const rt_tensor *a, int scalar_kind, double f, double g, int64_t i, int swap) {
    const int dtype = beside_scalar(a->dtype, scalar_kind);
    const int computed = rt_compute_dtype(op, dtype);
    if (computed < 0) RT_FAIL(RT_ERR_DTYPE);
    if (rt_is_integer(dtype) && scalar_kind != RT_BOOL && !integer_fits(dtype, scalar_kind, i))
        RT_FAIL(RT_ERR_ARGUMENT);
    /* The bits of pow, sooner. */
    if (op == RT_OP_POW && !swap && computed == a->dtype && !rt_is_complex(computed) && scalar_kind != RT_BOOL) {
        const double exponent = scalar_kind == RT_F64 ? f : scalar_kind == RT_I64 ? (double)i : 0;
        if (exponent == 1 || exponent == 2) return run_unary(exponent == 1 ? RT_OP_POSITIVE : RT_OP_SQUARE, a);
    }
    rt_tensor s;
    rt_scalar value;
    init_number(&s, &value, computed, scalar_kind, f, g, i);
    rt_tensor *out = swap ? binary_as(op, computed, &s, a) : binary_as(op, computed, a, &s);
    if (out) out->bcast = 0; /* the scalar has no gradient */
    return out;
}

rt_tensor *rt_binary_scalar(int op, const rt_tensor *a, int scalar_kind, double f, double g, int64_t i, int swap) {
    rt_tensor *out = beside_number(op, a, scalar_kind, f, g, i, swap);
    return rt_recorded_beside(op, out, a, !swap, scalar_kind, f, g, i);
}

int rt_binary_inplace(int op, rt_tensor *t, const rt_tensor *b) {
    if (rt_kind_of(op) != RT_KIND_BINARY || rt_promote(t->dtype, b->dtype) != t->dtype ||
        rt_compute_dtype(op, t->dtype) != t->dtype)
        return rt_set_status(RT_ERR_DTYPE), RT_ERR_DTYPE;
    int64_t shape[RT_MAX_NDIM];
    const rt_tensor *const both[2] = {t, b};
    const int ndim = rt_broadcast(2, both, shape);
    if (ndim < 0 || !rt_same_shape(t, ndim, shape)) return rt_set_status(RT_ERR_BROADCAST), RT_ERR_BROADCAST;
    /* No share of b is taken: it may be t itself. */
    rt_tensor *cast = b->dtype == t->dtype ? NULL : rt_cast(b, t->dtype);
    if (!cast && b->dtype != t->dtype) return RT_ERR_ALLOC;
    const rt_tensor *const in[2] = {t, cast ? cast : b};
    int status = RT_ERR_SHARED;
    if (rt_begin_write(t)) {
        const rt_fenv fenv = rt_fenv_enter();
        const int path = rt_iterate_tensors(rt_k.loops[op][t->dtype], 2, t, in, grain_of(op));
        rt_fenv_leave(fenv);
        rt_count_call(RT_FAMILY_ELEMENTWISE, 2, in, path);
        rt_end_write(t);
        status = RT_OK;
    }
    if (cast) rt_release(cast);
    return status;
}

static rt_tensor *run_where(const rt_tensor *cond, const rt_tensor *a, const rt_tensor *b) {
    if (cond->dtype != RT_BOOL) RT_FAIL(RT_ERR_DTYPE);
    const int dtype = rt_promote(a->dtype, b->dtype);
    if (dtype == RT_NONE) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *x = rt_as_dtype(a, dtype), *y = x ? rt_as_dtype(b, dtype) : NULL, *out = NULL;
    if (y) {
        const rt_tensor *const in[3] = {cond, x, y};
        int64_t shape[RT_MAX_NDIM];
        const int ndim = rt_broadcast(3, in, shape);
        if (ndim < 0) rt_set_status(RT_ERR_BROADCAST);
        else out = rt_new(dtype, ndim, shape);
        if (out) {
            out->bcast = (uint8_t)((!rt_same_shape(cond, ndim, shape)) | (!rt_same_shape(x, ndim, shape)) << 1 |
                                   (!rt_same_shape(y, ndim, shape)) << 2);
            const rt_fenv fenv = rt_fenv_enter();
            const int path = rt_iterate_tensors(rt_k.loops[RT_OP_WHERE][dtype], 3, out, in, RT_GRAIN_CHEAP);
            rt_fenv_leave(fenv);
            rt_count_call(RT_FAMILY_ELEMENTWISE, 3, in, path);
        }
    }
    if (x) rt_release(x);
    if (y) rt_release(y);
    return out;
}

rt_tensor *rt_where(const rt_tensor *cond, const rt_tensor *a, const rt_tensor *b) {
    const rt_tensor *const in[3] = {cond, a, b};
    return rt_recorded(RT_OP_WHERE, run_where(cond, a, b), 3, in);
}

/* The kind of number that values of a dtype are given as. */
static int number_kind(int dtype) {
    if (dtype == RT_BOOL || rt_is_integer(dtype)) return dtype == RT_U64 ? RT_U64 : RT_I64;
    return rt_is_complex(dtype) ? RT_C128 : RT_F64;
}

rt_tensor *rt_full(int dtype, int ndim, const int64_t *shape, double f, double g, int64_t i) {
    rt_tensor *out = rt_new(dtype, ndim, shape);
    if (!out) return NULL;
    rt_tensor s;
    rt_scalar value;
    init_number(&s, &value, dtype, number_kind(dtype), f, g, i);
    const rt_tensor *in = &s;
    rt_iterate_tensors(rt_k.cast[dtype][dtype], 1, out, &in, RT_GRAIN_CHEAP);
    return out;
}

rt_tensor *rt_arange(int dtype, int64_t n, double start, double step, int64_t istart, int64_t istep) {
    const int kind = number_kind(dtype) == RT_U64    ? RT_I64
                     : number_kind(dtype) == RT_C128 ? RT_F64
                                                     : number_kind(dtype);
    rt_tensor *wide = rt_new(kind, 1, &n);
    if (!wide) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    if (kind == RT_F64)
        for (int64_t i = 0; i < n; i++) ((double *)wide->data)[i] = start + (double)i * step;
    else
        for (int64_t i = 0; i < n; i++) ((int64_t *)wide->data)[i] = istart + i * istep;
    rt_fenv_leave(fenv);
    rt_tensor *out = rt_as_dtype(wide, dtype);
    rt_release(wide);
    return out;
}

rt_tensor *rt_from_memory(int dtype, int ndim, const int64_t *shape, const void *data) {
    rt_tensor *out = rt_new(dtype, ndim, shape);
    if (out && out->numel > 0) memcpy(out->data, data, (size_t)out->storage->nbytes);
    if (out && dtype == RT_BOOL) /* kernels count on bytes of 0 and 1 */
        for (int64_t i = 0; i < out->numel; i++) out->data[i] = out->data[i] != 0;
    return out;
}

int rt_to_memory(const rt_tensor *t, void *data) {
    rt_tensor *dense = rt_contiguous(t);
    if (!dense) return RT_ERR_ALLOC;
    memcpy(data, dense->data, (size_t)(dense->numel * rt_itemsize(dense->dtype)));
    rt_release(dense);
    return RT_OK;
}

double rt_item_f64(const rt_tensor *t, int imaginary) {
    /* Through our own cast: a caller's floating-point mode, if it loses subnormals, must not matter. */
    double parts[2] = {0, 0};
    const int complex = rt_is_complex(t->dtype);
    char *const data[2] = {(char *)parts, t->data};
    const int64_t stride[2] = {0, 0};
    const rt_fenv fenv = rt_fenv_enter();
    rt_k.cast[t->dtype][complex ? RT_C128 : RT_F64](data, stride, 1);
    rt_fenv_leave(fenv);
    return parts[imaginary];
}

int64_t rt_item_i64(const rt_tensor *t) {
    int64_t value;
    char *const data[2] = {(char *)&value, t->data};
    const int64_t stride[2] = {0, 0};
    rt_k.cast[t->dtype][RT_I64](data, stride, 1);
    return value;
}

/* dst[...] += src[...] of one dtype; src broadcasts. */
static int add_into(char *dst, int dtype, int ndim, const int64_t *shape, const int64_t *strides,
                    const rt_tensor *src) {
    char *const data[3] = {dst, dst, src->data};
    const uint8_t size_log2[3] = {rt_size_log2[dtype], rt_size_log2[dtype], rt_size_log2[dtype]};
    int64_t all[3][RT_MAX_NDIM];
    memcpy(all[0], strides, sizeof(int64_t) * (size_t)ndim);
    memcpy(all[1], strides, sizeof(int64_t) * (size_t)ndim);
    rt_broadcast_strides(src, ndim, shape, all[2]);
    return rt_iterate(rt_k.loops[RT_OP_ADD][dtype], 3, data, size_log2, ndim, shape,
                      (const int64_t (*)[RT_MAX_NDIM])all, RT_GRAIN_CHEAP);
}

int rt_assign(rt_tensor *t, int n, const int64_t *spec, const rt_tensor *value, int accumulate) {
    if (accumulate && (value->dtype != t->dtype || !rt_k.loops[RT_OP_ADD][t->dtype]))
        return rt_set_status(RT_ERR_DTYPE), RT_ERR_DTYPE;
    int64_t shape[RT_MAX_NDIM], strides[RT_MAX_NDIM], offset;
    const int ndim = rt_index_layout(t, n, spec, shape, strides, &offset);
    if (ndim < 0) return rt_last_status();
    /* Leading axes of size one on the value may be dropped, as in NumPy. */
    int lead = 0;
    while (value->ndim - lead > ndim && rt_t_shape(value)[lead] == 1) lead++;
    rt_tensor *source = rt_squeeze_like(value, ((uint64_t)1 << lead) - 1, 0);
    if (!source) return rt_last_status();
    int status = source->ndim > ndim ? RT_ERR_BROADCAST : RT_OK;
    for (int d = 0; status == RT_OK && d < source->ndim; d++) {
        const int64_t from = rt_t_shape(source)[d];
        if (from != 1 && from != shape[ndim - source->ndim + d]) status = RT_ERR_BROADCAST;
    }
    int64_t numel = 1;
    for (int d = 0; d < ndim; d++) numel *= shape[d];
    if (status == RT_OK && numel > 0) {
        status = RT_ERR_SHARED;
        if (rt_begin_write(t)) {
            const rt_fenv fenv = rt_fenv_enter();
            const rt_tensor *const in[1] = {source};
            rt_count_call(
                accumulate ? RT_FAMILY_ELEMENTWISE : RT_FAMILY_COPY, 1, in,
                (accumulate ? add_into : rt_copy_into)(t->data + offset, t->dtype, ndim, shape, strides, source));
            rt_fenv_leave(fenv);
            rt_end_write(t);
            status = RT_OK;
        }
    }
    rt_release(source);
    if (status != RT_OK) rt_set_status(status);
    return status;
}

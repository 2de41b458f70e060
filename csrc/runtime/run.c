/* SPDX-License-Identifier: MIT
 * run.c: the entries that make a tensor by running one op: dtype rules, result shape, then the kernel. */
#include <string.h>

#include "runtime.h"

/* What takes tens of cycles an element pays for a second thread earlier. */
static int64_t grain_of(int op) {
    return rt_is_costly(op) ? RT_GRAIN_COSTLY : RT_GRAIN_CHEAP;
}

/* bool < int64 < float32 < float64 is the promotion order of the four computed dtypes. */
static int promote(int a, int b) {
    return a > b ? a : b;
}

/* The dtype that an op computes in, or -1. */
static int compute_dtype(int op, int dtype) {
    const int rule = rt_rule_of(op);
    if (rule == RT_RULE_FLOAT && dtype < RT_F32) return RT_F32;
    if (rule == RT_RULE_NUMERIC && dtype == RT_BOOL) return -1;
    return dtype;
}

rt_tensor *rt_cast(const rt_tensor *a, int dtype) {
    if (dtype < 0 || dtype >= RT_N_DTYPES) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *out = rt_new(dtype, a->ndim, rt_t_shape(a));
    if (!out) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    rt_iterate_tensors(rt_k.cast[a->dtype][dtype], 1, out, &a, RT_GRAIN_CHEAP);
    rt_fenv_leave(fenv);
    return out;
}

rt_tensor *rt_copy(const rt_tensor *a) {
    return rt_cast(a, a->dtype);
}

rt_tensor *rt_contiguous(const rt_tensor *a) {
    return a->contiguous ? rt_retain((rt_tensor *)a) : rt_copy(a);
}

rt_tensor *rt_unary(int op, const rt_tensor *a) {
    const int dtype = rt_kind_of(op) == RT_KIND_UNARY ? compute_dtype(op, a->dtype) : -1;
    if (dtype < 0) RT_FAIL(RT_ERR_DTYPE);
    if (dtype != a->dtype) {
        rt_tensor *cast = rt_cast(a, dtype);
        if (!cast) return NULL;
        rt_tensor *out = rt_unary(op, cast);
        rt_release(cast);
        return out;
    }
    rt_tensor *out = rt_new(dtype, a->ndim, rt_t_shape(a));
    if (!out) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    rt_iterate_tensors(rt_k.loops[op][dtype], 1, out, &a, grain_of(op));
    rt_fenv_leave(fenv);
    return out;
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
    rt_iterate_tensors(rt_k.loops[op][dtype], 2, out, in, grain_of(op));
    rt_fenv_leave(fenv);
    return out;
}

static rt_tensor *binary_as(int op, int dtype, const rt_tensor *a, const rt_tensor *b) {
    const int kind = rt_kind_of(op);
    if (kind != RT_KIND_BINARY && kind != RT_KIND_COMPARE) RT_FAIL(RT_ERR_DTYPE);
    dtype = compute_dtype(op, dtype);
    if (dtype < 0) RT_FAIL(RT_ERR_DTYPE);
    const int out_dtype = kind == RT_KIND_COMPARE ? RT_BOOL : dtype;
    if (a->dtype == dtype && b->dtype == dtype) return run_binary(op, dtype, out_dtype, a, b);
    rt_tensor *x = rt_as_dtype(a, dtype), *y = x ? rt_as_dtype(b, dtype) : NULL;
    rt_tensor *out = y ? run_binary(op, dtype, out_dtype, x, y) : NULL;
    if (x) rt_release(x);
    if (y) rt_release(y);
    return out;
}

rt_tensor *rt_binary(int op, const rt_tensor *a, const rt_tensor *b) {
    return binary_as(op, promote(a->dtype, b->dtype), a, b);
}

typedef union {
    double f64;
    float f32;
    int64_t i64;
    int8_t b;
} rt_scalar;

/* A 0-d header over the number f (where kind is RT_F64) or i, rounded to dtype once. */
static void init_number(rt_tensor *t, rt_scalar *value, int dtype, int kind, double f, int64_t i) {
    const rt_fenv fenv = rt_fenv_enter();
    if (dtype == RT_F64) value->f64 = kind == RT_F64 ? f : (double)i;
    else if (dtype == RT_F32) value->f32 = kind == RT_F64 ? (float)f : (float)i;
    else if (dtype == RT_I64) value->i64 = i;
    else value->b = i != 0;
    rt_fenv_leave(fenv);
    rt_init_scalar(t, dtype, value);
}

rt_tensor *rt_binary_scalar(int op, const rt_tensor *a, int scalar_kind, double f, int64_t i, int swap) {
    /* A scalar takes the tensor's dtype, or the default of its own kind where that kind is higher. */
    int dtype = a->dtype;
    if (scalar_kind == RT_F64 && dtype < RT_F32) dtype = RT_F32;
    if (scalar_kind == RT_I64 && dtype < RT_I64) dtype = RT_I64;
    const int computed = compute_dtype(op, dtype);
    if (computed < 0) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor s;
    rt_scalar value;
    init_number(&s, &value, computed, scalar_kind, f, i);
    rt_tensor *out = swap ? binary_as(op, computed, &s, a) : binary_as(op, computed, a, &s);
    if (out) out->bcast = 0; /* the scalar has no gradient */
    return out;
}

int rt_binary_inplace(int op, rt_tensor *t, const rt_tensor *b) {
    if (rt_kind_of(op) != RT_KIND_BINARY || promote(t->dtype, b->dtype) != t->dtype ||
        compute_dtype(op, t->dtype) != t->dtype)
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
        rt_iterate_tensors(rt_k.loops[op][t->dtype], 2, t, in, grain_of(op));
        rt_fenv_leave(fenv);
        rt_end_write(t);
        status = RT_OK;
    }
    if (cast) rt_release(cast);
    return status;
}

rt_tensor *rt_where(const rt_tensor *cond, const rt_tensor *a, const rt_tensor *b) {
    if (cond->dtype != RT_BOOL) RT_FAIL(RT_ERR_DTYPE);
    const int dtype = promote(a->dtype, b->dtype);
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
            rt_iterate_tensors(rt_k.loops[RT_OP_WHERE][dtype], 3, out, in, RT_GRAIN_CHEAP);
            rt_fenv_leave(fenv);
        }
    }
    if (x) rt_release(x);
    if (y) rt_release(y);
    return out;
}

rt_tensor *rt_full(int dtype, int ndim, const int64_t *shape, double f, int64_t i) {
    rt_tensor *out = rt_new(dtype, ndim, shape);
    if (!out) return NULL;
    rt_tensor s;
    rt_scalar value;
    init_number(&s, &value, dtype, dtype < RT_F32 ? RT_I64 : RT_F64, f, i);
    const rt_tensor *in = &s;
    rt_iterate_tensors(rt_k.cast[dtype][dtype], 1, out, &in, RT_GRAIN_CHEAP);
    return out;
}

rt_tensor *rt_arange(int dtype, int64_t n, double start, double step, int64_t istart, int64_t istep) {
    rt_tensor *out = rt_new(dtype, 1, &n);
    if (!out) return NULL;
    const rt_fenv fenv = rt_fenv_enter();
    for (int64_t i = 0; i < n; i++) {
        if (dtype == RT_F64) ((double *)out->data)[i] = start + (double)i * step;
        else if (dtype == RT_F32) ((float *)out->data)[i] = (float)(start + (double)i * step);
        else if (dtype == RT_I64) ((int64_t *)out->data)[i] = istart + i * istep;
        else ((int8_t *)out->data)[i] = (istart + i * istep) != 0;
    }
    rt_fenv_leave(fenv);
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

double rt_item_f64(const rt_tensor *t) {
    switch (t->dtype) {
    case RT_F32: {
        const rt_fenv fenv = rt_fenv_enter(); /* else a caller's DAZ would lose subnormals */
        const volatile double x = (double)*(const volatile float *)t->data;
        rt_fenv_leave(fenv);
        return x;
    }
    case RT_F64: return *(const double *)t->data;
    default: return (double)rt_item_i64(t);
    }
}

int64_t rt_item_i64(const rt_tensor *t) {
    switch (t->dtype) {
    case RT_BOOL: return *(const int8_t *)t->data;
    case RT_I64: return *(const int64_t *)t->data;
    default: return (int64_t)rt_item_f64(t);
    }
}

int rt_assign(rt_tensor *t, int n, const int64_t *spec, const rt_tensor *value) {
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
            rt_copy_into(t->data + offset, t->dtype, ndim, shape, strides, source);
            rt_fenv_leave(fenv);
            rt_end_write(t);
            status = RT_OK;
        }
    }
    rt_release(source);
    if (status != RT_OK) rt_set_status(status);
    return status;
}

static int writable_like(const rt_tensor *t, const rt_tensor *p) {
    return t->contiguous && t->dtype == p->dtype && rt_same_shape(t, p->ndim, rt_t_shape(p));
}

/* Begin writing all of n tensors or none. */
static int begin_writes(int n, rt_tensor *const *t) {
    for (int i = 0; i < n; i++)
        if (!rt_begin_write(t[i])) {
            while (i > 0) rt_end_write(t[--i]);
            return 0;
        }
    return 1;
}

static void end_writes(int n, rt_tensor *const *t) {
    for (int i = 0; i < n; i++) rt_end_write(t[i]);
}

int rt_sgd_step(rt_tensor *p, const rt_tensor *g, rt_tensor *buf, int first, double lr, double momentum,
                double dampening, double weight_decay, int nesterov) {
    if (!writable_like(p, p) || !rt_same_shape(g, p->ndim, rt_t_shape(p)) || g->dtype != p->dtype ||
        (buf && !writable_like(buf, p)) || !rt_k.sgd[p->dtype])
        return RT_ERR_LAYOUT;
    rt_tensor *dense = g->contiguous ? NULL : rt_copy(g);
    if (!dense && !g->contiguous) return RT_ERR_ALLOC;
    const rt_sgd_args args = {lr, momentum, dampening, weight_decay, nesterov, first};
    rt_tensor *const written[2] = {p, buf};
    const int n_written = buf ? 2 : 1, ok = begin_writes(n_written, written);
    if (ok) {
        const rt_fenv fenv = rt_fenv_enter();
        rt_k.sgd[p->dtype](p->data, dense ? dense->data : g->data, buf ? buf->data : NULL, p->numel, &args);
        rt_fenv_leave(fenv);
        end_writes(n_written, written);
    }
    if (dense) rt_release(dense);
    return ok ? RT_OK : RT_ERR_SHARED;
}

int rt_adam_step(rt_tensor *p, const rt_tensor *g, rt_tensor *m, rt_tensor *v, double step_size, double beta1,
                 double beta2, double eps, double weight_decay, double sqrt_bias2) {
    if (!writable_like(p, p) || !rt_same_shape(g, p->ndim, rt_t_shape(p)) || g->dtype != p->dtype ||
        !writable_like(m, p) || !writable_like(v, p) || !rt_k.adam[p->dtype])
        return RT_ERR_LAYOUT;
    rt_tensor *dense = g->contiguous ? NULL : rt_copy(g);
    if (!dense && !g->contiguous) return RT_ERR_ALLOC;
    const rt_adam_args args = {step_size, beta1, beta2, eps, weight_decay, sqrt_bias2};
    rt_tensor *const written[3] = {p, m, v};
    const int ok = begin_writes(3, written);
    if (ok) {
        const rt_fenv fenv = rt_fenv_enter();
        rt_k.adam[p->dtype](p->data, dense ? dense->data : g->data, m->data, v->data, p->numel, &args);
        rt_fenv_leave(fenv);
        end_writes(3, written);
    }
    if (dense) rt_release(dense);
    return ok ? RT_OK : RT_ERR_SHARED;
}

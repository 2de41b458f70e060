/* SPDX-License-Identifier: MIT
 *
 * dlpack.c: memory shared with other libraries through DLPack.
 *
 * An export holds a share of the header, so that our next write copies. An import is a header over a foreign storage,
 * whose let_go calls the producer's deleter; deleters may run on any thread. What comes in is checked as if its producer
 * meant harm, except for its address, which nobody can check.
 */
#include "dlpack.h"

#include <stdlib.h>
#include <string.h>

#include "../runtime/telemetry.h"

/* Kind and bits by dtype. */
static const struct {
    uint8_t code, bits;
} dl_dtypes[RT_N_DTYPES] = {
    [RT_BOOL] = {DL_BOOL, 8},  [RT_I8] = {DL_INT, 8},       [RT_I16] = {DL_INT, 16},       [RT_I32] = {DL_INT, 32},
    [RT_I64] = {DL_INT, 64},   [RT_U8] = {DL_UINT, 8},      [RT_U16] = {DL_UINT, 16},      [RT_U32] = {DL_UINT, 32},
    [RT_U64] = {DL_UINT, 64},  [RT_F16] = {DL_FLOAT, 16},   [RT_BF16] = {DL_BFLOAT, 16},   [RT_F32] = {DL_FLOAT, 32},
    [RT_F64] = {DL_FLOAT, 64}, [RT_C64] = {DL_COMPLEX, 64}, [RT_C128] = {DL_COMPLEX, 128},
};

/* One allocation: the managed tensor of either form, then shape and strides. */
typedef struct {
    union {
        dl_managed legacy;
        dl_versioned versioned;
    } managed;
    rt_tensor *t;
    int64_t dims[];
} export;

static void delete_legacy(dl_managed *m) {
    export *e = m->owner;
    rt_release(e->t);
    free(e);
}

static void delete_versioned(dl_versioned *m) {
    export *e = m->owner;
    rt_release(e->t);
    free(e);
}

void *rt_dlpack_export(rt_tensor *t, int versioned, int copied) {
    export *e = malloc(sizeof(*e) + 2 * sizeof(int64_t) * t->ndim);
    if (!e) RT_FAIL(RT_ERR_ALLOC);
    e->t = rt_retain(t);
    memcpy(e->dims, rt_t_shape(t), sizeof(int64_t) * t->ndim);
    rt_strides(t, e->dims + t->ndim);
    const dl_tensor tensor = {.data = t->data,
                              .device = {DL_CPU, 0},
                              .ndim = t->ndim,
                              .dtype = {dl_dtypes[t->dtype].code, dl_dtypes[t->dtype].bits, 1},
                              .shape = e->dims,
                              .strides = e->dims + t->ndim};
    if (versioned)
        e->managed.versioned =
            (dl_versioned){{DL_MAJOR, DL_MINOR}, e, delete_versioned, copied ? DL_IS_COPIED : DL_READ_ONLY, tensor};
    else e->managed.legacy = (dl_managed){tensor, e, delete_legacy};
    return &e->managed;
}

static void let_go_legacy(void *managed) {
    dl_managed *m = managed;
    if (m->deleter) m->deleter(m);
}

static void let_go_versioned(void *managed) {
    dl_versioned *m = managed;
    if (m->deleter) m->deleter(m);
}

void rt_dlpack_delete(void *managed, int versioned) {
    if (versioned) let_go_versioned(managed);
    else let_go_legacy(managed);
}

static int find_dtype(const dl_tensor *x) {
    for (int i = 0; i < RT_N_DTYPES; i++)
        if (x->dtype.code == dl_dtypes[i].code && x->dtype.bits == dl_dtypes[i].bits && x->dtype.lanes == 1) return i;
    return -1;
}

static void keep(void *managed) {
    (void)managed;
}

/* Kernels count on bools of 0 and 1. */
static int is_bool(const rt_tensor *t) {
    rt_tensor *dense = rt_copy(t);
    if (!dense) return 0;
    int good = 1;
    for (int64_t i = 0; i < dense->numel; i++) good &= (uint8_t)dense->data[i] <= 1;
    rt_release(dense);
    return good;
}

/* The status, and where that is RT_OK the dtype, the first element, strides in bytes and what they reach. */
static int validate(const dl_tensor *x, int *dtype, char **data, int64_t *strides, int64_t *low, int64_t *high) {
    if (x->device.type != DL_CPU) return RT_ERR_FOREIGN;
    if (x->ndim < 0 || x->ndim > RT_MAX_NDIM) return RT_ERR_DIMENSION;
    *dtype = find_dtype(x);
    if (*dtype < 0) return RT_ERR_DTYPE;
    if (x->ndim > 0 && !x->shape) return RT_ERR_BOUNDS;
    const int64_t item = rt_itemsize(*dtype);
    int64_t row = item; /* wraps only where rt_layout_reach refuses the shape, or no element exists */
    for (int d = x->ndim - 1; d >= 0; d--) {
        if (!x->strides) strides[d] = row;
        else if (__builtin_mul_overflow(x->strides[d], item, &strides[d])) return RT_ERR_BOUNDS;
        if (__builtin_mul_overflow(row, x->shape[d] ? x->shape[d] : 1, &row)) row = item;
    }
    if (!rt_layout_reach(x->ndim, x->shape, strides, item, low, high)) return RT_ERR_BOUNDS;
    *data = NULL;
    if (*low == *high) return RT_OK; /* no elements: any address will do */
    if (!x->data) return RT_ERR_BOUNDS;
    const uintptr_t base = (uintptr_t)x->data;
    uintptr_t first, end;
    if (__builtin_add_overflow(base, x->byte_offset, &first) || __builtin_add_overflow(first, *low, &end) ||
        __builtin_add_overflow(first, *high, &end))
        return RT_ERR_BOUNDS;
    if (first % (uintptr_t)(item < 8 ? item : 8)) return RT_ERR_LAYOUT; /* kernels move words of up to 8 bytes */
    *data = (char *)first;
    return RT_OK;
}

rt_tensor *rt_dlpack_import(void *managed, int versioned, int strict) {
    if (!managed) RT_FAIL(RT_ERR_ARGUMENT);
    const dl_tensor *x = versioned ? &((dl_versioned *)managed)->tensor : &((dl_managed *)managed)->tensor;
    int dtype = -1, status = RT_ERR_FOREIGN;
    int64_t strides[RT_MAX_NDIM], low = 0, high = 0;
    char *data = NULL;
    if (!versioned || ((dl_versioned *)managed)->version.major == DL_MAJOR)
        status = validate(x, &dtype, &data, strides, &low, &high);
    rt_storage *s = NULL;
    rt_tensor *t = NULL;
    if (status == RT_OK) {
        status = RT_ERR_ALLOC;
        s = rt_foreign_storage(data ? data + low : NULL, high - low, keep, managed);
        if (s && !data) s->data = (char *)s;
        if (s) t = rt_new_header(dtype, x->ndim, x->shape, strides, s, data ? data : s->data);
        if (s && !t) rt_free_storage(s);
    }
    if (t && strict && dtype == RT_BOOL && !is_bool(t)) {
        status = RT_ERR_FOREIGN;
        rt_release(t);
        t = NULL;
    }
    rt_count(t ? RT_COUNT_VALIDATED : RT_COUNT_REFUSED, 1);
    if (!t) RT_FAIL(status);
    s->let_go = versioned ? let_go_versioned : let_go_legacy; /* from here on the memory is ours to give back */
    return t;
}

rt_tensor *rt_own_memory(rt_tensor *t) {
    if (!t->storage->let_go) return t;
    rt_tensor *own = rt_copy(t);
    if (own && own->dtype == RT_BOOL)
        for (int64_t i = 0; i < own->numel; i++) own->data[i] = own->data[i] != 0;
    return own;
}

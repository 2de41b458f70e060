/* SPDX-License-Identifier: MIT
 * tensor.c: life of headers and storages, status, copy-on-write. */
#include "tensor.h"

#include "../runtime/thread.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local int last_status = RT_OK;
static int64_t copies_made;

void rt_set_status(int status) {
    last_status = status;
}

int rt_last_status(void) {
    return last_status;
}

int64_t rt_copies_made(void) {
    return __atomic_load_n(&copies_made, __ATOMIC_RELAXED);
}

static rt_tensor *new_header(int dtype, int ndim) {
    rt_tensor *t = malloc(sizeof(rt_tensor) + sizeof(int64_t) * 2 * (size_t)ndim);
    if (!t) RT_FAIL(RT_ERR_ALLOC);
    t->dtype = (int8_t)dtype;
    t->ndim = (uint8_t)ndim;
    t->bcast = 0;
    t->n_refs = 1;
    return t;
}

/* Numel and bytes of a shape, or -1 where a size is negative or a product (zero-size dimensions left out)
 * overflows. */
static int64_t count_elements(int ndim, const int64_t *shape, int64_t itemsize) {
    int64_t n = 1, bytes = itemsize;
    int empty = 0;
    for (int d = 0; d < ndim; d++) {
        if (shape[d] < 0) return -1;
        if (shape[d] == 0) empty = 1;
        else if (__builtin_mul_overflow(n, shape[d], &n) || __builtin_mul_overflow(bytes, shape[d], &bytes)) return -1;
    }
    return empty ? 0 : n;
}

static rt_storage *new_storage(int64_t nbytes) {
    if ((uint64_t)nbytes > (uint64_t)PTRDIFF_MAX - 256) return NULL;
    rt_storage *s = malloc(sizeof(rt_storage) + 63 + 64 + (size_t)nbytes); /* 64 spare: vector loads of short rows */
    if (!s) return NULL;
    s->n_refs = 1;
    s->writing = 0;
    s->nbytes = nbytes;
    s->data = (char *)(((uintptr_t)(s + 1) + 63) & ~(uintptr_t)63);
    return s;
}

rt_tensor *rt_new(int dtype, int ndim, const int64_t *shape) {
    if (dtype < 0 || dtype >= RT_N_DTYPES) RT_FAIL(RT_ERR_DTYPE);
    if (ndim < 0 || ndim > RT_MAX_NDIM) RT_FAIL(RT_ERR_DIMENSION);
    const int64_t itemsize = rt_itemsize(dtype);
    const int64_t n = count_elements(ndim, shape, itemsize);
    if (n < 0) RT_FAIL(RT_ERR_SHAPE);
    rt_tensor *t = new_header(dtype, ndim);
    if (!t) return NULL;
    t->storage = new_storage(n * itemsize);
    if (!t->storage) {
        free(t);
        RT_FAIL(RT_ERR_ALLOC);
    }
    t->numel = n;
    t->contiguous = 1;
    t->data = t->storage->data;
    int64_t stride = itemsize, *dims = t->dims;
    for (int d = ndim - 1; d >= 0; d--) {
        dims[d] = shape[d];
        dims[ndim + d] = stride;
        stride *= shape[d] ? shape[d] : 1;
    }
    return t;
}

rt_tensor *rt_empty(int dtype, int ndim, const int64_t *shape) {
    rt_tensor *t = rt_new(dtype, ndim, shape);
    if (t) memset(t->data, 0, (size_t)t->storage->nbytes);
    return t;
}

/* After a count was raised: a write that began before ends before this returns. A scalar on the caller's stack has no
   storage. */
static void await_writer(const rt_storage *s) {
    while (s && __atomic_load_n(&s->writing, __ATOMIC_SEQ_CST)) rt_yield();
}

int rt_begin_write(rt_tensor *t) {
    rt_storage *s = t->storage;
    int32_t nobody = 0;
    if (!__atomic_compare_exchange_n(&s->writing, &nobody, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return 0;
    if (__atomic_load_n(&t->n_refs, __ATOMIC_SEQ_CST) == 1 && __atomic_load_n(&s->n_refs, __ATOMIC_SEQ_CST) == 1)
        return 1;
    rt_end_write(t);
    return 0;
}

void rt_end_write(rt_tensor *t) {
    __atomic_store_n(&t->storage->writing, 0, __ATOMIC_SEQ_CST);
}

rt_tensor *rt_new_view(const rt_tensor *src, int ndim, const int64_t *shape, const int64_t *strides, int64_t offset) {
    if (ndim > RT_MAX_NDIM) RT_FAIL(RT_ERR_DIMENSION);
    rt_tensor *t = new_header(src->dtype, ndim);
    if (!t) return NULL;
    const int64_t n = count_elements(ndim, shape, rt_itemsize(src->dtype));
    if (n < 0) {
        free(t);
        RT_FAIL(RT_ERR_SHAPE);
    }
    t->numel = n;
    t->storage = src->storage;
    __atomic_add_fetch(&t->storage->n_refs, 1, __ATOMIC_SEQ_CST);
    await_writer(t->storage);
    t->data = src->data + (n ? offset : 0);
    int64_t expected = rt_itemsize(src->dtype);
    t->contiguous = 1;
    for (int d = ndim - 1; d >= 0; d--) {
        t->dims[d] = shape[d];
        t->dims[ndim + d] = strides[d];
        if (shape[d] != 1 && strides[d] != expected) t->contiguous = 0;
        expected *= shape[d] ? shape[d] : 1;
    }
    if (n == 0) t->contiguous = 1;
    return t;
}

void rt_init_scalar(rt_tensor *t, int dtype, void *value) {
    memset(t, 0, sizeof(*t));
    t->numel = 1;
    t->dtype = (int8_t)dtype;
    t->contiguous = 1;
    t->n_refs = 1;
    t->data = value;
}

rt_tensor *rt_retain(rt_tensor *t) {
    __atomic_add_fetch(&t->n_refs, 1, __ATOMIC_SEQ_CST);
    await_writer(t->storage);
    return t;
}

void rt_release(rt_tensor *t) {
    if (__atomic_sub_fetch(&t->n_refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    if (__atomic_sub_fetch(&t->storage->n_refs, 1, __ATOMIC_ACQ_REL) == 0) free(t->storage);
    free(t);
}

const int64_t *rt_shape(const rt_tensor *t) {
    return t->dims;
}

void rt_strides(const rt_tensor *t, int64_t *out) {
    for (int d = 0; d < t->ndim; d++) out[d] = rt_t_strides(t)[d] / rt_itemsize(t->dtype);
}

void *rt_data(const rt_tensor *t) {
    return t->data;
}

int64_t rt_aliases(const rt_tensor *t) {
    return __atomic_load_n(&t->storage->n_refs, __ATOMIC_RELAXED) + __atomic_load_n(&t->n_refs, __ATOMIC_RELAXED) - 2;
}

int rt_shares_storage(const rt_tensor *a, const rt_tensor *b) {
    return a->storage == b->storage;
}

int rt_overlaps_itself(const rt_tensor *t) {
    if (t->contiguous || t->numel <= 1) return 0;
    /* From the smallest stride up, each must step over all that the smaller ones reach. */
    int order[RT_MAX_NDIM], n = 0;
    for (int d = 0; d < t->ndim; d++) {
        if (rt_t_shape(t)[d] == 1) continue;
        int at = n++;
        const int64_t stride = llabs(rt_t_strides(t)[d]);
        for (; at > 0 && llabs(rt_t_strides(t)[order[at - 1]]) > stride; at--) order[at] = order[at - 1];
        order[at] = d;
    }
    int64_t reach = rt_itemsize(t->dtype);
    for (int i = 0; i < n; i++) {
        const int64_t stride = llabs(rt_t_strides(t)[order[i]]);
        if (stride < reach) return 1;
        reach += stride * (rt_t_shape(t)[order[i]] - 1);
    }
    return 0;
}

rt_tensor *rt_own(rt_tensor *t) {
    if (__atomic_load_n(&t->n_refs, __ATOMIC_ACQUIRE) == 1 &&
        __atomic_load_n(&t->storage->n_refs, __ATOMIC_ACQUIRE) == 1 && !rt_overlaps_itself(t))
        return t;
    rt_tensor *own = rt_copy(t);
    if (own) __atomic_add_fetch(&copies_made, 1, __ATOMIC_RELAXED);
    return own;
}

/* SPDX-License-Identifier: MIT
 * tensor.c: life of headers and storages, status, copy-on-write. */
#include "tensor.h"

#include "../graph/node.h"
#include "../runtime/telemetry.h"
#include "../runtime/thread.h"

#include <string.h>

static _Thread_local int last_status = RT_OK;

void rt_set_status(int status) {
    last_status = status;
}

int rt_last_status(void) {
    return last_status;
}

static rt_tensor *new_header(int dtype, int ndim) {
    rt_tensor *t = rt_alloc_header(ndim);
    if (!t) RT_FAIL(RT_ERR_ALLOC);
    t->dtype = (int8_t)dtype;
    t->ndim = (uint8_t)ndim;
    t->bcast = 0;
    t->node = 0;
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

rt_tensor *rt_new(int dtype, int ndim, const int64_t *shape) {
    if (dtype < 0 || dtype >= RT_N_DTYPES) RT_FAIL(RT_ERR_DTYPE);
    if (ndim < 0 || ndim > RT_MAX_NDIM) RT_FAIL(RT_ERR_DIMENSION);
    const int64_t itemsize = rt_itemsize(dtype);
    const int64_t n = count_elements(ndim, shape, itemsize);
    if (n < 0) RT_FAIL(RT_ERR_SHAPE);
    rt_tensor *t = new_header(dtype, ndim);
    if (!t) return NULL;
    t->storage = rt_alloc_storage(n * itemsize);
    if (!t->storage) {
        rt_free_header(t);
        RT_FAIL(RT_ERR_ALLOC);
    }
    t->numel = n;
    t->contiguous = 1;
    t->layout = RT_LAYOUT_CONTIGUOUS;
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
    if (s->let_go || rt_overlaps_itself(t)) return 0;
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

rt_tensor *rt_new_header(int dtype, int ndim, const int64_t *shape, const int64_t *strides, rt_storage *s, char *data) {
    if (ndim > RT_MAX_NDIM) RT_FAIL(RT_ERR_DIMENSION);
    rt_tensor *t = new_header(dtype, ndim);
    if (!t) return NULL;
    const int64_t n = count_elements(ndim, shape, rt_itemsize(dtype));
    if (n < 0) {
        rt_free_header(t);
        RT_FAIL(RT_ERR_SHAPE);
    }
    t->numel = n;
    t->storage = s;
    t->data = data;
    int64_t expected = rt_itemsize(dtype);
    t->contiguous = 1;
    for (int d = ndim - 1; d >= 0; d--) {
        t->dims[d] = shape[d];
        t->dims[ndim + d] = strides[d];
        if (shape[d] != 1 && strides[d] != expected) t->contiguous = 0;
        expected *= shape[d] ? shape[d] : 1;
    }
    if (n == 0) t->contiguous = 1;
    t->layout = t->contiguous ? RT_LAYOUT_CONTIGUOUS : RT_LAYOUT_UNKNOWN;
    return t;
}

rt_tensor *rt_new_view(const rt_tensor *src, int ndim, const int64_t *shape, const int64_t *strides, int64_t offset) {
    rt_tensor *t = rt_new_header(src->dtype, ndim, shape, strides, src->storage, src->data);
    if (!t) return NULL;
    __atomic_add_fetch(&t->storage->n_refs, 1, __ATOMIC_SEQ_CST);
    await_writer(t->storage);
    if (t->numel) t->data += offset;
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
    if (t->node) rt_node_unref((struct rt_node *)t->node);
    if (__atomic_sub_fetch(&t->storage->n_refs, 1, __ATOMIC_ACQ_REL) == 0) rt_free_storage(t->storage);
    rt_free_header(t);
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

int rt_layout(const rt_tensor *t) {
    return rt_layout_of(t);
}

static int is_alone(const rt_tensor *t) {
    return __atomic_load_n(&t->n_refs, __ATOMIC_ACQUIRE) == 1 &&
           __atomic_load_n(&t->storage->n_refs, __ATOMIC_ACQUIRE) == 1 && !t->storage->let_go;
}

rt_tensor *rt_own(rt_tensor *t) {
    const int layout = rt_layout_of(t);
    if (layout == RT_LAYOUT_OVERLAPPING) RT_FAIL(RT_ERR_OVERLAP);
    if (is_alone(t) && layout != RT_LAYOUT_BROADCAST) return t;
    rt_tensor *own = rt_copy(t);
    if (own) rt_count_copy(RT_COUNT_COW, own);
    return own;
}

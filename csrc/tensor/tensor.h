/* SPDX-License-Identifier: MIT
 *
 * tensor.h: headers and storages, for the C side only.
 *
 *   rt_tensor  { numel dtype ndim ... data -> } shape[ndim] stride_bytes[ndim]
 *                                     |
 *   rt_storage { n_refs nbytes data } +-> 64-byte aligned bytes, in the same block as the storage (alloc.h), or
 *                                         memory of another library, which is read-only for us
 *
 * A header's n_refs counts its holders, a storage's the headers that look at it. A write is unobservable when both are
 * 1. A writer raises `writing`, then looks at the counts; whoever takes a share raises a count, then looks at `writing`:
 * one of the two always sees the other.
 */
#ifndef RTCH_TENSOR_H
#define RTCH_TENSOR_H

#include <stddef.h>

#include "rtch.h"

typedef struct rt_storage {
    int32_t n_refs;
    int32_t writing; /* a call is writing; whoever takes a share waits for it */
    int64_t nbytes;
    char *data;
    void (*let_go)(void *owner); /* of foreign memory: called once, when no header looks at it; NULL for our own */
    void *owner;
} rt_storage;

#define RT_LAYOUTS(X)         \
    X(contiguous, CONTIGUOUS) \
    X(padded, PADDED)         \
    X(transposed, TRANSPOSED) \
    X(broadcast, BROADCAST)   \
    X(strided, STRIDED)       \
    X(overlapping, OVERLAPPING)
#define RT_LAYOUT_UNKNOWN 255

static inline int64_t *rt_t_shape(const rt_tensor *t) {
    return (int64_t *)t->dims;
}

static inline int64_t *rt_t_strides(const rt_tensor *t) {
    return (int64_t *)t->dims + t->ndim;
}

static inline int64_t rt_itemsize(int dtype) {
    static const int8_t size[RT_N_DTYPES] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
    return size[dtype];
}

static inline int rt_is_integer(int dtype) {
    return dtype >= RT_I8 && dtype <= RT_U64;
}

static inline int rt_is_complex(int dtype) {
    return dtype >= RT_C64;
}

/* The dtype of the parts of a complex one; itself for the others. */
static inline int rt_real_dtype(int dtype) {
    return dtype == RT_C64 ? RT_F32 : dtype == RT_C128 ? RT_F64 : dtype;
}

/* Sets the calling thread's status. */
void rt_set_status(int status);
#define RT_FAIL(status) return rt_set_status(status), NULL

/* A row-major tensor with a new storage; its elements are not set. */
rt_tensor *rt_new(int dtype, int ndim, const int64_t *shape);
/* A header over src's storage. Strides in bytes, offset in bytes from src's first element. */
rt_tensor *rt_new_view(const rt_tensor *src, int ndim, const int64_t *shape, const int64_t *strides, int64_t offset);
/* A header on the caller's stack (room for ndim dims) for a 0-d value that nobody else sees. */
void rt_init_scalar(rt_tensor *t, int dtype, void *value);
/* Bracket a write: 1 where t is nobody else's, and from then on nobody gets a share of it until rt_end_write. */
int rt_begin_write(rt_tensor *t);
void rt_end_write(rt_tensor *t);
/* A storage over memory that is not ours, with one reference; NULL where there is no memory for it. */
rt_storage *rt_foreign_storage(char *data, int64_t nbytes, void (*let_go)(void *owner), void *owner);
/* A header over a storage, whose reference it takes where it is not NULL. */
rt_tensor *rt_new_header(int dtype, int ndim, const int64_t *shape, const int64_t *strides, rt_storage *s, char *data);

/* Layout (classify.c). */
int rt_find_layout(const rt_tensor *t);
static inline int rt_layout_of(const rt_tensor *t) {
    const int known = __atomic_load_n(&t->layout, __ATOMIC_RELAXED);
    return known != RT_LAYOUT_UNKNOWN ? known : rt_find_layout(t);
}
/* Whether two indices reach one element, by a zero stride or otherwise; exact for any strides. */
static inline int rt_overlaps_itself(const rt_tensor *t) {
    const int layout = rt_layout_of(t);
    return layout == RT_LAYOUT_BROADCAST || layout == RT_LAYOUT_OVERLAPPING;
}
/* Whether two different indices into a shape give byte offsets less than itemsize apart. The layout's
 * reach must be one that rt_layout_reach accepts. After so many steps of search a bitmap answers. */
int rt_strides_overlap(int ndim, const int64_t *shape, const int64_t *strides, int64_t itemsize, int64_t steps);
#define RT_OVERLAP_STEPS 100000
/* The lowest byte offset that a layout reaches and the one after the highest, both 0 where a size is 0. Returns 0 where
 * a size is negative or the layout is too wide for any memory. */
int rt_layout_reach(int ndim, const int64_t *shape, const int64_t *strides, int64_t itemsize, int64_t *low,
                    int64_t *high);

/* Broadcast n shapes; returns ndim, or -1 where they do not fit. */
int rt_broadcast(int n, const rt_tensor *const *t, int64_t *shape);
/* Strides of t seen with the (broadcast) shape. */
void rt_broadcast_strides(const rt_tensor *t, int ndim, const int64_t *shape, int64_t *strides);
int rt_same_shape(const rt_tensor *t, int ndim, const int64_t *shape);
/* Layout of a basic index (rt_index); returns ndim or -1 with the status set. */
int rt_index_layout(const rt_tensor *t, int n, const int64_t *spec, int64_t *shape, int64_t *strides, int64_t *offset);

#endif

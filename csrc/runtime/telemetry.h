/* SPDX-License-Identifier: MIT
 *
 * telemetry.h: counters of what ran, always on, and the block of memory that each thread has of its own.
 *
 * A thread counts in its own block: one writer per counter, relaxed stores, no shared cache line. A snapshot adds up the
 * blocks of all threads and what ended threads left. Counters only grow; whoever wants a difference takes two snapshots.
 *
 * A kernel's entry calls rt_count_operand once per operand and rt_count_path once per call. A new family or path is one
 * more name in a list below.
 */
#ifndef RTCH_TELEMETRY_H
#define RTCH_TELEMETRY_H

#include "../tensor/alloc.h"
#include "../tensor/tensor.h"

#define RT_FAMILIES(X)          \
    X(elementwise, ELEMENTWISE) \
    X(reduce, REDUCE)           \
    X(scan, SCAN)               \
    X(matmul, MATMUL)           \
    X(convolution, CONVOLUTION) \
    X(pooling, POOLING)         \
    X(copy, COPY)               \
    X(index, INDEX)             \
    X(sort, SORT)               \
    X(random, RANDOM)           \
    X(optim, OPTIM)

/* How a call went through memory. */
#define RT_PATHS(X)                                                                      \
    X(contiguous, CONTIGUOUS) /* all operands as one flat run */                         \
    X(rows, ROWS)             /* a walk that hands runs of the innermost dimension on */ \
    X(strided, STRIDED)       /* one run at a stride, or with a repeated operand */      \
    X(tiled, TILED)           /* square tiles, for operands in different orders */       \
    X(runs, RUNS)             /* a reduction whose elements are adjacent */              \
    X(columns, COLUMNS)       /* a reduction whose results are adjacent */               \
    X(gather, GATHER)         /* elements first collected in a buffer */                 \
    X(blocks, BLOCKS)         /* one reduction shared out by its blocks */               \
    X(packed, PACKED)         /* a product with packed operands */                       \
    X(slices, SLICES)         /* whole slices moved one by one */

#define RT_EVENTS(X)                                                                 \
    X("validations.done", VALIDATED) /* layouts and memory from outside, accepted */ \
    X("validations.failed", REFUSED) /* and refused */                               \
    X("copies.on_write.count", COW)  /* a write to shared memory got its own */      \
    X("copies.on_write.bytes", COW_BYTES)                                            \
    X("copies.contiguous.count", DENSE) /* a call needed row-major elements */       \
    X("copies.contiguous.bytes", DENSE_BYTES)                                        \
    X("allocations.count", ALLOCATIONS)                                              \
    X("allocations.bytes", ALLOCATED_BYTES)                                          \
    X("allocations.cache_hits", CACHE_HITS)

#define X(name, NAME) RT_FAMILY_##NAME,
enum { RT_FAMILIES(X) RT_N_FAMILIES };
#undef X
#define X(name, NAME) RT_PATH_##NAME,
enum { RT_PATHS(X) RT_N_PATHS };
#undef X
enum {
    RT_COUNT_OPERANDS = 0,
    RT_COUNT_PATHS = RT_COUNT_OPERANDS + RT_N_FAMILIES * RT_N_LAYOUTS,
    RT_COUNT_EVENTS = RT_COUNT_PATHS + RT_N_FAMILIES * RT_N_PATHS,
    RT_COUNT_BEFORE_FIRST = RT_COUNT_EVENTS - 1,
#define X(name, NAME) RT_COUNT_##NAME,
    RT_EVENTS(X)
#undef X
        RT_N_COUNTS
};

/* What a thread has of its own. */
typedef struct rt_local {
    struct rt_local *next; /* in the list of all threads */
    int64_t counts[RT_N_COUNTS];
    rt_free_lists lists;
} rt_local;

/* On glibc the address of one pointer is a constant away from the thread's base; elsewhere a call. */
#if defined(__GLIBC__)
#define RT_TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define RT_TLS_MODEL
#endif
extern _Thread_local rt_local *rt_self RT_TLS_MODEL;

rt_local *rt_make_local(void);

/* The calling thread's block; NULL where memory for it could not be had. */
static inline rt_local *rt_local_block(void) {
    rt_local *l = rt_self;
    return __builtin_expect(l != NULL, 1) ? l : rt_make_local();
}

/* One writer: no atomic addition is needed, only stores that a reader sees whole. */
static inline void rt_bump(int64_t *counter, int64_t by) {
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + by, __ATOMIC_RELAXED);
}

static inline void rt_count(int counter, int64_t by) {
    rt_local *l = rt_local_block();
    if (l) rt_bump(&l->counts[counter], by);
}

static inline void rt_count_operand(int family, const rt_tensor *t) {
    rt_count(RT_COUNT_OPERANDS + family * RT_N_LAYOUTS + rt_layout_of(t), 1);
}

static inline void rt_count_path(int family, int path) {
    rt_count(RT_COUNT_PATHS + family * RT_N_PATHS + path, 1);
}

/* A whole call: its inputs and its path. */
static inline void rt_count_call(int family, int n, const rt_tensor *const *in, int path) {
    rt_local *l = rt_local_block();
    if (!l) return;
    for (int i = 0; i < n; i++) rt_bump(&l->counts[RT_COUNT_OPERANDS + family * RT_N_LAYOUTS + rt_layout_of(in[i])], 1);
    rt_bump(&l->counts[RT_COUNT_PATHS + family * RT_N_PATHS + path], 1);
}

static inline void rt_count_copy(int counter, const rt_tensor *copied) {
    rt_count(counter, 1);
    rt_count(counter + 1, copied->numel * rt_itemsize(copied->dtype));
}

/* Registers what a fork and the end of a thread need; called before anything else takes a lock. */
void rt_telemetry_init(void);
/* Calls fn on the block of every thread; no thread comes or goes meanwhile. */
void rt_each_local(void (*fn)(const rt_local *l, void *ctx), void *ctx);

#endif

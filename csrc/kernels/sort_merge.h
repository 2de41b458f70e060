/* SPDX-License-Identifier: MIT
 *
 * sort_merge.h: merges two sorted runs of signed keys in vectors (Batcher's bitonic merger, taken along the runs as by
 * Chhugani et al., "Efficient implementation of sorting on multi-core SIMD CPU architecture", 2008).
 *
 *   merge_<D>(runs, n_a, n_b, at, n, out)    the keys [at, at + n) of two runs merged, which stand one after the other
 *
 * A merger holds the vector of the largest keys that it has read. It reads the next vector of the run whose next key is
 * smaller, merges the two, writes the smaller half: no key that is still to be read is below one of those. One merger
 * waits for its own comparisons most of the time, so each of STREAMS mergers writes its part of the result.
 *
 * Runs and places are multiples of 64 keys at 64-byte aligned addresses, so there are only whole vectors. Where a merger
 * begins, the keys before its place end at the ends of two vectors, or within a vector of each run. Then both vectors are
 * read from their beginning, and what comes out first, which belongs before the place, is dropped.
 */
#ifndef RTCH_SORT_MERGE_H
#define RTCH_SORT_MERGE_H

#include "sort_network.h"

#define STREAMS 4

#define DEFINE_MERGE(D, T, LANES, MOST, ACROSS)                                                                       \
    typedef struct {                                                                                                  \
        const T *a, *a_end, *b, *b_end; /* what is still to be read */                                                \
    } runs_##D;                                                                                                       \
    /* How many vectors can be read before a run ends. */                                                             \
    static inline int64_t vectors_##D(const runs_##D *r) {                                                            \
        const int64_t n_a = r->a_end - r->a, n_b = r->b_end - r->b;                                                   \
        return (n_a < n_b ? n_a : n_b) / LANES;                                                                       \
    }                                                                                                                 \
    static inline v##D read_##D(runs_##D *r) {                                                                        \
        const int from_b = *r->b < *r->a;                                                                             \
        const v##D x = *(const v##D *)(from_b ? r->b : r->a);                                                         \
        r->b += from_b ? LANES : 0, r->a += from_b ? 0 : LANES;                                                       \
        return x;                                                                                                     \
    }                                                                                                                 \
    /* The same where runs may have ended; nothing is below what comes after both. */                                 \
    static inline v##D read_to_the_end_##D(runs_##D *r) {                                                             \
        if (r->a < r->a_end && r->b < r->b_end) return read_##D(r);                                                   \
        if (r->a == r->a_end && r->b == r->b_end) return v_splat_##D(MOST);                                           \
        const T **const from = r->a < r->a_end ? &r->a : &r->b;                                                       \
        const v##D x = *(const v##D *)*from;                                                                          \
        *from += LANES;                                                                                               \
        return x;                                                                                                     \
    }                                                                                                                 \
    /* x: a sorted vector, the vector held, and so on for each stream; then the smaller half, the new vector held. */ \
    static inline void merge_vectors_##D(v##D *x, int streams) {                                                      \
        _Pragma("GCC unroll 4") for (int s = 0; s < streams; s++) {                                                   \
            const v##D a = x[2 * s], mirrored = RT_SHUFFLE(a, a, v##D, XOR_##LANES(LANES - 1)), b = x[2 * s + 1];     \
            x[2 * s] = v_min_##D(mirrored, b), x[2 * s + 1] = v_max_##D(mirrored, b);                                 \
        }                                                                                                             \
        ACROSS(D)                                                                                                     \
    }                                                                                                                 \
    static inline void step_##D(runs_##D *r, v##D *x, v##D *to, int64_t stride, int to_the_end) {                     \
        _Pragma("GCC unroll 4") for (int s = 0; s < STREAMS; s++) {                                                   \
            x[2 * s] = to_the_end ? read_to_the_end_##D(&r[s]) : read_##D(&r[s]);                                     \
        }                                                                                                             \
        merge_vectors_##D(x, STREAMS);                                                                                \
        _Pragma("GCC unroll 4") for (int s = 0; s < STREAMS; s++) to[s * stride] = x[2 * s];                          \
    }                                                                                                                 \
    static void merge_##D(const char *runs, int64_t n_a, int64_t n_b, int64_t at, int64_t n, char *out) {             \
        const T *const a = (const T *)runs, *const b = a + n_a;                                                       \
        if (n_b == 0 || a[n_a - 1] <= b[0]) { /* they are one run */                                                  \
            memcpy(out, a + at, (size_t)n * sizeof(T));                                                               \
            return;                                                                                                   \
        }                                                                                                             \
        runs_##D r[STREAMS];                                                                                          \
        v##D x[2 * STREAMS], *const to = (v##D *)out;                                                                 \
        for (int s = 0; s < STREAMS; s++) {                                                                           \
            const int64_t place = at + n / STREAMS * s;                                                               \
            /* Of the `place` smallest keys, `low` are a's. */                                                        \
            int64_t low = place > n_b ? place - n_b : 0, high = place < n_a ? place : n_a;                            \
            while (low < high) {                                                                                      \
                const int64_t middle = low + (high - low) / 2;                                                        \
                if (a[middle] <= b[place - middle - 1]) low = middle + 1;                                             \
                else high = middle;                                                                                   \
            }                                                                                                         \
            const int64_t i = low / LANES * LANES, j = (place - low) / LANES * LANES;                                 \
            r[s] = (runs_##D){a + i, a + n_a, b + j, b + n_b};                                                        \
            x[2 * s + 1] = read_to_the_end_##D(&r[s]);                                                                \
            if (i + j == place) continue;                                                                             \
            x[2 * s] = read_to_the_end_##D(&r[s]);                                                                    \
            merge_vectors_##D(x + 2 * s, 1);                                                                          \
        }                                                                                                             \
        const int64_t steps = n / STREAMS / LANES;                                                                    \
        for (int64_t k = 0; k < steps;) {                                                                             \
            int64_t end = steps;                                                                                      \
            for (int s = 0; s < STREAMS; s++) end = k + vectors_##D(&r[s]) < end ? k + vectors_##D(&r[s]) : end;      \
            for (; k < end; k++) step_##D(r, x, to + k, steps, 0);                                                    \
            if (k < steps) step_##D(r, x, to + k++, steps, 1);                                                        \
        }                                                                                                             \
    }
#define ACROSS_2(D) across_lanes_##D##_1(x, 2 * streams);
#define ACROSS_4(D) across_lanes_##D##_2(x, 2 * streams), across_lanes_##D##_1(x, 2 * streams);
#define ACROSS_8(D) \
    across_lanes_##D##_4(x, 2 * streams), across_lanes_##D##_2(x, 2 * streams), across_lanes_##D##_1(x, 2 * streams);

#if RT_VBYTES == 32
DEFINE_MERGE(i32, int32_t, 8, INT32_MAX, ACROSS_8)
DEFINE_MERGE(i64, int64_t, 4, INT64_MAX, ACROSS_4)
#else
DEFINE_MERGE(i32, int32_t, 4, INT32_MAX, ACROSS_4)
DEFINE_MERGE(i64, int64_t, 2, INT64_MAX, ACROSS_2)
#endif

#endif

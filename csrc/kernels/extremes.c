/* SPDX-License-Identifier: MIT
 *
 * extremes.c: max and min of a block, along adjacent elements (run) and down adjacent columns (cols), and the position
 * of the first extreme (argmax, argmin).
 *
 * NaN wins; +0 is larger than -0. The order of comparing is free, since the results are exact. So a block is run through
 * the CPU's own maximum, whose answer for NaN and for zeros of both signs differs from ours: NaNs are looked for on the
 * way, and where the result is 0, the block, which is in the cache by then, is searched for the zero that decides.
 * argmax compares -0 and +0 as equal. any and all are max and min of bytes.
 */
#include <stddef.h>

#include "kernels.h"
#include "order.h"
#include "simd.h"

#define SEARCH 64 /* elements compared before looking whether one was equal */
#define ROWS 4    /* rows that cols takes at once */

/* Whether an element of the block has these bits. */
#define DEFINE_HAS_BITS(U)                                        \
    static int has_##U(const char *x, int64_t n, U##_bits bits) { \
        int found = 0;                                            \
        for (int64_t i = 0; i < n; i++) {                         \
            U##_bits u;                                           \
            memcpy(&u, x + i * (int64_t)sizeof(u), sizeof(u));    \
            found |= u == bits;                                   \
        }                                                         \
        return found;                                             \
    }
typedef uint32_t f32_bits;
typedef uint64_t f64_bits;
DEFINE_HAS_BITS(f32)
DEFINE_HAS_BITS(f64)

/* What is special about floats: NaN, and the sign of a result that is 0. */
#define IS_NAN_FLOAT(x) ((x) != (x))
#define IS_NAN_INTEGER(x) 0
#define MAX_ZERO_f32(x, n) (has_f32(x, n, 0) ? 0.0f : -0.0f)
#define MIN_ZERO_f32(x, n) (has_f32(x, n, 0x80000000u) ? -0.0f : 0.0f)
#define MAX_ZERO_f64(x, n) (has_f64(x, n, 0) ? 0.0 : -0.0)
#define MIN_ZERO_f64(x, n) (has_f64(x, n, 1ULL << 63) ? -0.0 : 0.0)

#define MAX_BETTER(a, b) ((a) > (b))
#define MIN_BETTER(a, b) ((a) < (b))
#define MAX_QUICK_FLOAT(D) v_max_##D
#define MIN_QUICK_FLOAT(D) v_min_##D
#define MAX_QUICK_INTEGER(D) v_maximum_##D
#define MIN_QUICK_INTEGER(D) v_minimum_##D
#define NOTE_NAN_FLOAT(D, nan, a, b) nan |= v_unordered_##D(a, b)
#define NOTE_NAN_INTEGER(D, nan, a, b) (void)nan
#define ANY_FLOAT(MASK, nan) v_any_##MASK(nan)
#define ANY_INTEGER(MASK, nan) 0
#define MAX_EXACT(D) v_maximum_##D
#define MIN_EXACT(D) v_minimum_##D

/* OP is MAX or MIN; NONE loses to everything; MASK the signed integer of the width. */
#define DEFINE_EXTREME(OP, D, T, MASK, NONE, KIND, FIX_ZERO)                                                           \
    static inline T OP##_##D##_one(T a, T b) {                                                                         \
        const v##D r = OP##_EXACT(D)(v_splat_##D(a), v_splat_##D(b));                                                  \
        return r[0];                                                                                                   \
    }                                                                                                                  \
    /* The extreme of what is not NaN, with a zero of any sign; returns whether there is a NaN. */                     \
    static inline int OP##_##D##_scan(const char *x, int64_t n, T *out) {                                              \
        enum { W = sizeof(v##D) / sizeof(T) };                                                                         \
        v##D acc[4];                                                                                                   \
        v##MASK nan = {0};                                                                                             \
        T best = NONE;                                                                                                 \
        int64_t i = 0;                                                                                                 \
        for (int v = 0; v < 4; v++) acc[v] = v_splat_##D(NONE);                                                        \
        for (; i + 4 * W <= n; i += 4 * W) {                                                                           \
            v##D y[4];                                                                                                 \
            for (int v = 0; v < 4; v++) y[v] = (v##D) * (const v##D##_any *)(x + (i + v * W) * (int64_t)sizeof(T));    \
            for (int v = 0; v < 4; v++) acc[v] = OP##_QUICK_##KIND(D)(y[v], acc[v]);                                   \
            NOTE_NAN_##KIND(D, nan, y[0], y[1]);                                                                       \
            NOTE_NAN_##KIND(D, nan, y[2], y[3]);                                                                       \
        }                                                                                                              \
        if (i > 0) {                                                                                                   \
            acc[0] = OP##_QUICK_##KIND(D)(OP##_QUICK_##KIND(D)(acc[0], acc[1]), OP##_QUICK_##KIND(D)(acc[2], acc[3])); \
            for (int l = 0; l < W; l++) best = OP##_BETTER(acc[0][l], best) ? acc[0][l] : best;                        \
        }                                                                                                              \
        int found = ANY_##KIND(MASK, nan);                                                                             \
        for (; i < n; i++) {                                                                                           \
            const T y = ((const T *)x)[i];                                                                             \
            best = OP##_BETTER(y, best) ? y : best;                                                                    \
            found |= IS_NAN_##KIND(y);                                                                                 \
        }                                                                                                              \
        *out = best;                                                                                                   \
        return found;                                                                                                  \
    }                                                                                                                  \
    static void OP##_##D##_run(const char *x, int64_t n, char *out) {                                                  \
        T best;                                                                                                        \
        const int nan = OP##_##D##_scan(x, n, &best);                                                                  \
        FIX_ZERO                                                                                                       \
        memcpy(out, &best, sizeof(T));                                                                                 \
    }                                                                                                                  \
    static void OP##_##D##_combine(const char *a, const char *b, char *out, int64_t n) {                               \
        const int64_t w = (int64_t)(sizeof(v##D) / sizeof(T));                                                         \
        int64_t i = 0;                                                                                                 \
        for (; i + w <= n; i += w) {                                                                                   \
            const int64_t at = i * (int64_t)sizeof(T);                                                                 \
            const v##D y = (v##D) * (const v##D##_any *)(a + at), z = (v##D) * (const v##D##_any *)(b + at);           \
            *(v##D##_any *)(out + at) = (v##D##_any)(OP##_EXACT(D)(y, z));                                             \
        }                                                                                                              \
        for (; i < n; i++) ((T *)out)[i] = OP##_##D##_one(((const T *)a)[i], ((const T *)b)[i]);                       \
    }                                                                                                                  \
    static void OP##_##D##_cols(const char *x, int64_t stride_row, int64_t n, int64_t n_cols, char *out,               \
                                char *scratch) {                                                                       \
        const int64_t w = (int64_t)(sizeof(v##D) / sizeof(T));                                                         \
        memcpy(out, x, (size_t)n_cols * sizeof(T));                                                                    \
        for (int64_t i = 1; i < n; i += ROWS) {                                                                        \
            const int rows = n - i < ROWS ? (int)(n - i) : ROWS;                                                       \
            const char *const at_row = x + i * stride_row;                                                             \
            int64_t c = 0;                                                                                             \
            for (; c + w <= n_cols; c += w) {                                                                          \
                const int64_t at = c * (int64_t)sizeof(T);                                                             \
                v##D best = (v##D) * (const v##D##_any *)(out + at);                                                   \
                for (int r = 0; r < rows; r++)                                                                         \
                    best = OP##_EXACT(D)(best, (v##D) * (const v##D##_any *)(at_row + r * stride_row + at));           \
                *(v##D##_any *)(out + at) = (v##D##_any)best;                                                          \
            }                                                                                                          \
            for (; c < n_cols; c++)                                                                                    \
                for (int r = 0; r < rows; r++) {                                                                       \
                    T *const best = (T *)out + c;                                                                      \
                    *best = OP##_##D##_one(*best, ((const T *)(at_row + r * stride_row))[c]);                          \
                }                                                                                                      \
        }                                                                                                              \
    }                                                                                                                  \
    static int64_t OP##_##D##_position(const char *x, int64_t n) {                                                     \
        T best = ((const T *)x)[0];                                                                                    \
        int64_t block = 0, i;                                                                                          \
        int nan = 0;                                                                                                   \
        for (int64_t b = 0; b < n && !nan; b += RT_SUM_BLOCK) {                                                        \
            T y;                                                                                                       \
            nan = OP##_##D##_scan(x + b * (int64_t)sizeof(T), n - b < RT_SUM_BLOCK ? n - b : RT_SUM_BLOCK, &y);        \
            if (nan || OP##_BETTER(y, best)) block = b, best = y;                                                      \
        }                                                                                                              \
        const T *const from = (const T *)x + block;                                                                    \
        if (nan) {                                                                                                     \
            for (i = 0; !IS_NAN_##KIND(from[i]); i++) {                                                                \
            }                                                                                                          \
            return block + i;                                                                                          \
        }                                                                                                              \
        for (i = 0; block + i + SEARCH <= n; i += SEARCH) {                                                            \
            int found = 0;                                                                                             \
            for (int j = 0; j < SEARCH; j++) found |= from[i + j] == best;                                             \
            if (found) break;                                                                                          \
        }                                                                                                              \
        while (from[i] != best) i++;                                                                                   \
        return block + i;                                                                                              \
    }

#define FIX_FLOAT(OP, D, NAN_VALUE) \
    if (nan) best = NAN_VALUE;      \
    else if (best == 0) best = OP##_ZERO_##D(x, n);
#define FIX_NOTHING (void)nan;

#define DEFINE_FLOAT(D, T, MASK, INFINITY_VALUE, NAN_VALUE)                               \
    DEFINE_EXTREME(MAX, D, T, MASK, -INFINITY_VALUE, FLOAT, FIX_FLOAT(MAX, D, NAN_VALUE)) \
    DEFINE_EXTREME(MIN, D, T, MASK, INFINITY_VALUE, FLOAT, FIX_FLOAT(MIN, D, NAN_VALUE))
#define DEFINE_INTEGER(D, T, MASK, LOWEST, HIGHEST)               \
    DEFINE_EXTREME(MAX, D, T, MASK, LOWEST, INTEGER, FIX_NOTHING) \
    DEFINE_EXTREME(MIN, D, T, MASK, HIGHEST, INTEGER, FIX_NOTHING)

DEFINE_FLOAT(f32, float, i32, __builtin_inff(), __builtin_nanf(""))
DEFINE_FLOAT(f64, double, i64, __builtin_inf(), __builtin_nan(""))
DEFINE_INTEGER(i8, int8_t, i8, INT8_MIN, INT8_MAX)
DEFINE_INTEGER(i16, int16_t, i16, INT16_MIN, INT16_MAX)
DEFINE_INTEGER(i32, int32_t, i32, INT32_MIN, INT32_MAX)
DEFINE_INTEGER(i64, int64_t, i64, INT64_MIN, INT64_MAX)
DEFINE_INTEGER(u8, uint8_t, i8, 0, UINT8_MAX)
DEFINE_INTEGER(u16, uint16_t, i16, 0, UINT16_MAX)
DEFINE_INTEGER(u32, uint32_t, i32, 0, UINT32_MAX)
DEFINE_INTEGER(u64, uint64_t, i64, 0, UINT64_MAX)

void RT_FN(rt_fill_extremes)(rt_kernels *k) {
#define ENTER_BLOCK(OP, KERNEL, D, CODE)                    \
    k->reduce_run[RT_OP_##OP][CODE] = KERNEL##_##D##_run;   \
    k->reduce_cols[RT_OP_##OP][CODE] = KERNEL##_##D##_cols; \
    k->combine[RT_OP_##OP][CODE] = KERNEL##_##D##_combine;
#define ENTER(D, CODE)                                    \
    ENTER_BLOCK(MAX, MAX, D, CODE)                        \
    ENTER_BLOCK(MIN, MIN, D, CODE)                        \
    k->position[RT_OP_ARGMAX][CODE] = MAX_##D##_position; \
    k->position[RT_OP_ARGMIN][CODE] = MIN_##D##_position;
    ENTER(f32, RT_F32)
    ENTER(f64, RT_F64)
    ENTER(i8, RT_I8)
    ENTER(i16, RT_I16)
    ENTER(i32, RT_I32)
    ENTER(i64, RT_I64)
    ENTER(u8, RT_U8)
    ENTER(u16, RT_U16)
    ENTER(u32, RT_U32)
    ENTER(u64, RT_U64)
    ENTER_BLOCK(ANY, MAX, u8, RT_BOOL)
    ENTER_BLOCK(ALL, MIN, u8, RT_BOOL)
}

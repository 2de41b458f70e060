/* SPDX-License-Identifier: MIT
 *
 * reduce.c: one block of a reduction, along adjacent elements (run) and down adjacent columns (cols).
 *
 * A sum over n elements is cut into blocks of RT_SUM_BLOCK. In a block, lane l adds elements l, l + 32, l + 64, ... in
 * that order; the lanes are then halved: lane l += lane l + 16, then + 8, 4, 2, 1. Absent elements count as -0, which
 * changes no sum. The runtime joins block sums in pairs, neighbours first. Accumulators have the dtype of the input
 * (float32 in float32: at most 31 + 5 + log2(n / 1024) roundings lie on the way of any element).
 *
 * max and min give NaN if there is one; +0 is larger than -0. Their order is free, since they are exact.
 */
#include <stddef.h>

#include "kernels.h"
#include "order.h"
#include "simd.h"

#define SUM_f32(a, b) ((a) + (b))
#define SUM_f64(a, b) ((a) + (b))
#define SUM_i64(a, b) ((a) + (b))
#define MAX_f32 v_maximum_f32
#define MIN_f32 v_minimum_f32
#define MAX_f64 v_maximum_f64
#define MIN_f64 v_minimum_f64
#define MAX_i64 v_maximum_i64
#define MIN_i64 v_minimum_i64

#define SUM_f32_NONE -0.0f
#define SUM_f64_NONE -0.0
#define SUM_i64_NONE 0
#define MAX_f32_NONE -__builtin_inff()
#define MAX_f64_NONE -__builtin_inf()
#define MAX_i64_NONE INT64_MIN
#define MIN_f32_NONE __builtin_inff()
#define MIN_f64_NONE __builtin_inf()
#define MIN_i64_NONE INT64_MAX

#define ROUNDS 8 /* rows of one lane that reduce_cols takes at once; results don't depend on it */

/* OP is SUM, MAX or MIN. LANES vectors hold the 32 lanes. */
#define DEFINE_REDUCE(OP, D, T)                                                                                      \
    static inline T OP##_##D##_one(T a, T b) {                                                                       \
        const v##D r = OP##_##D(v_splat_##D(a), v_splat_##D(b));                                                     \
        return r[0];                                                                                                 \
    }                                                                                                                \
    static void OP##_##D##_combine(const char *a, const char *b, char *out, int64_t n) {                             \
        const int64_t w = (int64_t)(sizeof(v##D) / sizeof(T));                                                       \
        int64_t i = 0;                                                                                               \
        for (; i + w <= n; i += w) {                                                                                 \
            const int64_t at = i * (int64_t)sizeof(T);                                                               \
            const v##D x = (v##D) * (const v##D##_any *)(a + at), y = (v##D) * (const v##D##_any *)(b + at);         \
            *(v##D##_any *)(out + at) = (v##D##_any)(OP##_##D(x, y));                                                \
        }                                                                                                            \
        for (; i < n; i++) ((T *)out)[i] = OP##_##D##_one(((const T *)a)[i], ((const T *)b)[i]);                     \
    }                                                                                                                \
    static void OP##_##D##_run(const char *x, int64_t n, char *out) {                                                \
        enum { W = sizeof(v##D) / sizeof(T), N_V = RT_SUM_LANES / W };                                               \
        v##D acc[N_V];                                                                                               \
        T lane[RT_SUM_LANES];                                                                                        \
        for (int v = 0; v < N_V; v++) acc[v] = v_splat_##D(OP##_##D##_NONE);                                         \
        int64_t i = 0;                                                                                               \
        for (; i + RT_SUM_LANES <= n; i += RT_SUM_LANES)                                                             \
            for (int v = 0; v < N_V; v++) {                                                                          \
                const v##D y = (v##D) * (const v##D##_any *)(x + (i + v * W) * (int64_t)sizeof(T));                  \
                acc[v] = OP##_##D(acc[v], y);                                                                        \
            }                                                                                                        \
        if (i < n) {                                                                                                 \
            for (int l = 0; l < RT_SUM_LANES; l++) lane[l] = OP##_##D##_NONE;                                        \
            memcpy(lane, x + i * (int64_t)sizeof(T), (size_t)(n - i) * sizeof(T));                                   \
            for (int v = 0; v < N_V; v++) {                                                                          \
                const v##D y = (v##D) * (const v##D##_any *)(lane + v * W);                                          \
                acc[v] = OP##_##D(acc[v], y);                                                                        \
            }                                                                                                        \
        }                                                                                                            \
        for (int half = N_V / 2; half > 0; half /= 2)                                                                \
            for (int v = 0; v < half; v++) acc[v] = OP##_##D(acc[v], acc[v + half]);                                 \
        memcpy(lane, acc, sizeof(v##D));                                                                             \
        for (int half = W / 2; half > 0; half /= 2)                                                                  \
            for (int l = 0; l < half; l++) lane[l] = OP##_##D##_one(lane[l], lane[l + half]);                        \
        memcpy(out, lane, sizeof(T));                                                                                \
    }                                                                                                                \
    /* acc[c] takes x[c] of `rounds` rows, one after another. */                                                     \
    static void OP##_##D##_rows(char *acc, const char *x, int64_t stride, int rounds, int64_t n_cols) {              \
        const int64_t w = (int64_t)(sizeof(v##D) / sizeof(T));                                                       \
        int64_t c = 0;                                                                                               \
        for (; c + w <= n_cols; c += w) {                                                                            \
            const int64_t at = c * (int64_t)sizeof(T);                                                               \
            v##D sum = (v##D) * (const v##D##_any *)(acc + at);                                                      \
            for (int i = 0; i < rounds; i++) {                                                                       \
                const v##D y = (v##D) * (const v##D##_any *)(x + i * stride + at);                                   \
                sum = OP##_##D(sum, y);                                                                              \
            }                                                                                                        \
            *(v##D##_any *)(acc + at) = (v##D##_any)sum;                                                             \
        }                                                                                                            \
        for (; c < n_cols; c++) {                                                                                    \
            T *sum = (T *)acc + c;                                                                                   \
            for (int i = 0; i < rounds; i++)                                                                         \
                *sum = OP##_##D##_one(*sum, *(const T *)(x + i * stride + c * (int64_t)sizeof(T)));                  \
        }                                                                                                            \
    }                                                                                                                \
    static void OP##_##D##_cols(const char *x, int64_t stride_row, int64_t n, int64_t n_cols, char *out,             \
                                char *scratch) {                                                                     \
        const int64_t width = n_cols * (int64_t)sizeof(T), round = RT_SUM_LANES * stride_row;                        \
        const int64_t n_lanes = n < RT_SUM_LANES ? n : RT_SUM_LANES;                                                 \
        for (int64_t l = 0; l < n_lanes; l++) memcpy(scratch + l * width, x + l * stride_row, (size_t)width);        \
        /* ROUNDS rows of a lane at once: as many streams as a prefetcher follows, and few passes over the lanes. */ \
        int64_t i = RT_SUM_LANES;                                                                                    \
        for (; i + ROUNDS * RT_SUM_LANES <= n; i += ROUNDS * RT_SUM_LANES)                                           \
            for (int64_t l = 0; l < n_lanes; l++)                                                                    \
                OP##_##D##_rows(scratch + l * width, x + (i + l) * stride_row, round, ROUNDS, n_cols);               \
        for (; i < n; i += RT_SUM_LANES)                                                                             \
            for (int64_t l = 0; l < n_lanes && i + l < n; l++)                                                       \
                OP##_##D##_rows(scratch + l * width, x + (i + l) * stride_row, round, 1, n_cols);                    \
        for (int64_t half = RT_SUM_LANES / 2; half > 0; half /= 2)                                                   \
            for (int64_t l = 0; l < half && l + half < n_lanes; l++)                                                 \
                OP##_##D##_combine(scratch + l * width, scratch + (l + half) * width, scratch + l * width, n_cols);  \
        memcpy(out, scratch, (size_t)width);                                                                         \
    }

DEFINE_REDUCE(SUM, f32, float)
DEFINE_REDUCE(SUM, f64, double)
DEFINE_REDUCE(SUM, i64, int64_t)
DEFINE_REDUCE(MAX, f32, float)
DEFINE_REDUCE(MAX, f64, double)
DEFINE_REDUCE(MAX, i64, int64_t)
DEFINE_REDUCE(MIN, f32, float)
DEFINE_REDUCE(MIN, f64, double)
DEFINE_REDUCE(MIN, i64, int64_t)

void RT_FN(rt_fill_reduce)(rt_kernels *k) {
#define ENTER_DTYPE(OP, D, CODE)                        \
    k->reduce_run[RT_OP_##OP][CODE] = OP##_##D##_run;   \
    k->reduce_cols[RT_OP_##OP][CODE] = OP##_##D##_cols; \
    k->combine[RT_OP_##OP][CODE] = OP##_##D##_combine;
#define ENTER_OP(OP) ENTER_DTYPE(OP, i64, RT_I64) ENTER_DTYPE(OP, f32, RT_F32) ENTER_DTYPE(OP, f64, RT_F64)
    ENTER_OP(SUM)
    ENTER_OP(MAX)
    ENTER_OP(MIN)
}

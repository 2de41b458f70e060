/* SPDX-License-Identifier: MIT
 *
 * reduce.c: one block of a sum or product, along adjacent elements (run) and down adjacent columns (cols).
 *
 * A sum over n elements is cut into blocks of RT_SUM_BLOCK. In a block, lane l adds elements l, l + 32, l + 64, ... in
 * that order; the lanes are then halved: lane l += lane l + 16, then + 8, 4, 2, 1. The runtime joins block sums in
 * pairs, neighbours first. Products take the same tree. Absent elements count as -0 or 1, which change nothing.
 * Accumulators have the dtype of the input (float32 in float32: at most 31 + 5 + log2(n / 1024) roundings lie on the
 * way of any element). The sum of complex numbers is the tree over each part. Integers wrap, so that signed and unsigned
 * ones share a loop.
 */
#include <stddef.h>

#include "kernels.h"
#include "simd.h"

#define SUM(a, b) ((a) + (b))
#define PROD(a, b) ((a) * (b))

#define SUM_f32_NONE -0.0f
#define SUM_f64_NONE -0.0
#define SUM_i64_NONE 0
#define PROD_f32_NONE 1.0f
#define PROD_f64_NONE 1.0
#define PROD_i64_NONE 1

#define ROUNDS 8 /* rows of one lane that cols takes at once; results don't depend on it */

/* OP is SUM or PROD. N_V vectors hold the 32 lanes. */
#define DEFINE_TREE(OP, D, T)                                                                                        \
    static void OP##_##D##_combine(const char *a, const char *b, char *out, int64_t n) {                             \
        const int64_t w = (int64_t)(sizeof(v##D) / sizeof(T));                                                       \
        int64_t i = 0;                                                                                               \
        for (; i + w <= n; i += w) {                                                                                 \
            const int64_t at = i * (int64_t)sizeof(T);                                                               \
            const v##D x = (v##D) * (const v##D##_any *)(a + at), y = (v##D) * (const v##D##_any *)(b + at);         \
            *(v##D##_any *)(out + at) = (v##D##_any)(OP(x, y));                                                      \
        }                                                                                                            \
        for (; i < n; i++) ((T *)out)[i] = OP(((const T *)a)[i], ((const T *)b)[i]);                                 \
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
                acc[v] = OP(acc[v], y);                                                                              \
            }                                                                                                        \
        if (i < n) {                                                                                                 \
            for (int l = 0; l < RT_SUM_LANES; l++) lane[l] = OP##_##D##_NONE;                                        \
            memcpy(lane, x + i * (int64_t)sizeof(T), (size_t)(n - i) * sizeof(T));                                   \
            for (int v = 0; v < N_V; v++) {                                                                          \
                const v##D y = (v##D) * (const v##D##_any *)(lane + v * W);                                          \
                acc[v] = OP(acc[v], y);                                                                              \
            }                                                                                                        \
        }                                                                                                            \
        for (int half = N_V / 2; half > 0; half /= 2)                                                                \
            for (int v = 0; v < half; v++) acc[v] = OP(acc[v], acc[v + half]);                                       \
        memcpy(lane, acc, sizeof(v##D));                                                                             \
        for (int half = W / 2; half > 0; half /= 2)                                                                  \
            for (int l = 0; l < half; l++) lane[l] = OP(lane[l], lane[l + half]);                                    \
        memcpy(out, lane, sizeof(T));                                                                                \
    }                                                                                                                \
    /* acc[c] takes x[c] of `rounds` rows, one after another; `fresh`: the first of them is where it starts. */      \
    static inline __attribute__((always_inline)) void OP##_##D##_rows(                                               \
        char *acc, const char *x, int64_t stride, const int rounds, const int fresh, int64_t n_cols) {               \
        const int64_t w = (int64_t)(sizeof(v##D) / sizeof(T));                                                       \
        int64_t c = 0;                                                                                               \
        for (; c + 2 * w <= n_cols; c += 2 * w) {                                                                    \
            const int64_t at = c * (int64_t)sizeof(T), next = at + (int64_t)sizeof(v##D);                            \
            v##D s = (v##D) * (const v##D##_any *)((fresh ? x : acc) + at);                                          \
            v##D t = (v##D) * (const v##D##_any *)((fresh ? x : acc) + next);                                        \
            for (int i = fresh; i < rounds; i++) {                                                                   \
                s = OP(s, (v##D) * (const v##D##_any *)(x + i * stride + at));                                       \
                t = OP(t, (v##D) * (const v##D##_any *)(x + i * stride + next));                                     \
            }                                                                                                        \
            *(v##D##_any *)(acc + at) = (v##D##_any)s;                                                               \
            *(v##D##_any *)(acc + next) = (v##D##_any)t;                                                             \
        }                                                                                                            \
        for (; c < n_cols; c++) {                                                                                    \
            const int64_t at = c * (int64_t)sizeof(T);                                                               \
            T s = *(const T *)((fresh ? x : acc) + at);                                                              \
            for (int i = fresh; i < rounds; i++) s = OP(s, *(const T *)(x + i * stride + at));                       \
            *(T *)(acc + at) = s;                                                                                    \
        }                                                                                                            \
    }                                                                                                                \
    static void OP##_##D##_cols(const char *x, int64_t stride_row, int64_t n, int64_t n_cols, char *out,             \
                                char *scratch) {                                                                     \
        const int64_t width = n_cols * (int64_t)sizeof(T), round = RT_SUM_LANES * stride_row;                        \
        const int64_t n_lanes = n < RT_SUM_LANES ? n : RT_SUM_LANES;                                                 \
        /* ROUNDS rows of a lane at once: as many streams as a prefetcher follows, and few passes over the lanes. */ \
        int64_t i = 0;                                                                                               \
        for (; i + ROUNDS * RT_SUM_LANES <= n; i += ROUNDS * RT_SUM_LANES)                                           \
            for (int64_t l = 0; l < RT_SUM_LANES; l++) {                                                             \
                char *const acc = scratch + l * width;                                                               \
                if (i == 0) OP##_##D##_rows(acc, x + l * stride_row, round, ROUNDS, 1, n_cols);                      \
                else OP##_##D##_rows(acc, x + (i + l) * stride_row, round, ROUNDS, 0, n_cols);                       \
            }                                                                                                        \
        for (; i < n; i += RT_SUM_LANES)                                                                             \
            for (int64_t l = 0; l < n_lanes && i + l < n; l++) {                                                     \
                char *const acc = scratch + l * width;                                                               \
                if (i == 0) memcpy(acc, x + l * stride_row, (size_t)width);                                          \
                else OP##_##D##_rows(acc, x + (i + l) * stride_row, round, 1, 0, n_cols);                            \
            }                                                                                                        \
        for (int64_t half = RT_SUM_LANES / 2; half > 0; half /= 2)                                                   \
            for (int64_t l = 0; l < half && l + half < n_lanes; l++)                                                 \
                OP##_##D##_combine(scratch + l * width, scratch + (l + half) * width, scratch + l * width, n_cols);  \
        memcpy(out, scratch, (size_t)width);                                                                         \
    }

DEFINE_TREE(SUM, f32, float)
DEFINE_TREE(SUM, f64, double)
DEFINE_TREE(SUM, i64, int64_t)
DEFINE_TREE(PROD, f32, float)
DEFINE_TREE(PROD, f64, double)
DEFINE_TREE(PROD, i64, int64_t)

/* Complex sums: each part by itself; columns of pairs are twice as many columns of reals. */
#define DEFINE_COMPLEX_SUM(C, D, T)                                                                                 \
    static void SUM_##C##_combine(const char *a, const char *b, char *out, int64_t n) {                             \
        SUM_##D##_combine(a, b, out, 2 * n);                                                                        \
    }                                                                                                               \
    static void SUM_##C##_run(const char *x, int64_t n, char *out) {                                                \
        T part[2][RT_SUM_BLOCK];                                                                                    \
        for (int64_t i = 0; i < n; i++) part[0][i] = ((const T *)x)[2 * i], part[1][i] = ((const T *)x)[2 * i + 1]; \
        for (int p = 0; p < 2; p++) SUM_##D##_run((const char *)part[p], n, out + p * (int64_t)sizeof(T));          \
    }                                                                                                               \
    static void SUM_##C##_cols(const char *x, int64_t stride_row, int64_t n, int64_t n_cols, char *out,             \
                               char *scratch) {                                                                     \
        SUM_##D##_cols(x, stride_row, n, 2 * n_cols, out, scratch);                                                 \
    }
DEFINE_COMPLEX_SUM(c64, f32, float)
DEFINE_COMPLEX_SUM(c128, f64, double)

void RT_FN(rt_fill_reduce)(rt_kernels *k) {
#define ENTER(OP, D, CODE)                              \
    k->reduce_run[RT_OP_##OP][CODE] = OP##_##D##_run;   \
    k->reduce_cols[RT_OP_##OP][CODE] = OP##_##D##_cols; \
    k->combine[RT_OP_##OP][CODE] = OP##_##D##_combine;
#define ENTER_OP(OP) ENTER(OP, i64, RT_I64) ENTER(OP, i64, RT_U64) ENTER(OP, f32, RT_F32) ENTER(OP, f64, RT_F64)
    ENTER_OP(SUM)
    ENTER_OP(PROD)
    ENTER(SUM, c64, RT_C64)
    ENTER(SUM, c128, RT_C128)
}

/* SPDX-License-Identifier: MIT
 *
 * reduce_complex.c: one block of a complex product, in the tree of reduce.c with the multiplication of complex.c. In
 * scalar code: right, with fixed bits, and no promise of speed.
 */
#include "complex_numbers.h"
#include "kernels.h"
#include "simd.h"

/* A column is a run with a stride. lane[l] starts at element l: lanes that have no element are left out. */
#define DEFINE_PROD(C, T)                                                                                            \
    static void column_##C(const char *x, int64_t stride, int64_t n, char *out) {                                    \
        z lane[RT_SUM_LANES];                                                                                        \
        const int64_t n_lanes = n < RT_SUM_LANES ? n : RT_SUM_LANES;                                                 \
        for (int64_t l = 0; l < n_lanes; l++) lane[l] = read_##C(x + l * stride);                                    \
        for (int64_t i = RT_SUM_LANES; i < n; i++)                                                                   \
            lane[i % RT_SUM_LANES] = product_##C(lane[i % RT_SUM_LANES], read_##C(x + i * stride));                  \
        for (int64_t half = RT_SUM_LANES / 2; half > 0; half /= 2)                                                   \
            for (int64_t l = 0; l < half && l + half < n_lanes; l++) lane[l] = product_##C(lane[l], lane[l + half]); \
        write_##C(out, lane[0]);                                                                                     \
    }                                                                                                                \
    static void PROD_##C##_run(const char *x, int64_t n, char *out) {                                                \
        column_##C(x, 2 * (int64_t)sizeof(T), n, out);                                                               \
    }                                                                                                                \
    static void PROD_##C##_cols(const char *x, int64_t stride_row, int64_t n, int64_t n_cols, char *out,             \
                                char *scratch) {                                                                     \
        for (int64_t c = 0; c < n_cols; c++)                                                                         \
            column_##C(x + c * 2 * (int64_t)sizeof(T), stride_row, n, out + c * 2 * (int64_t)sizeof(T));             \
    }                                                                                                                \
    static void PROD_##C##_combine(const char *a, const char *b, char *out, int64_t n) {                             \
        const int64_t item = 2 * (int64_t)sizeof(T);                                                                 \
        for (int64_t i = 0; i < n * item; i += item)                                                                 \
            write_##C(out + i, product_##C(read_##C(a + i), read_##C(b + i)));                                       \
    }
DEFINE_PROD(c64, float)
DEFINE_PROD(c128, double)

void RT_FN(rt_fill_reduce_complex)(rt_kernels *k) {
#define ENTER(C, CODE)                                  \
    k->reduce_run[RT_OP_PROD][CODE] = PROD_##C##_run;   \
    k->reduce_cols[RT_OP_PROD][CODE] = PROD_##C##_cols; \
    k->combine[RT_OP_PROD][CODE] = PROD_##C##_combine;
    ENTER(c64, RT_C64)
    ENTER(c128, RT_C128)
}

/* SPDX-License-Identifier: MIT
 *
 * scan.c: running sums and products: out[0] = x[0], out[i] = out[i - 1] op x[i], one chain from the left, in the dtype of
 * the result.
 *
 *   run   n_rows rows of n adjacent elements. A chain waits for its last addition; four rows at once fill the wait.
 *   cols  n rows of n_cols adjacent columns: as many chains as columns, in vectors.
 *
 * The running sum of complex numbers is that of each part, so cols with twice as many columns does it.
 */
#include "complex_numbers.h"
#include "kernels.h"
#include "simd.h"

#define SUM(a, b) ((a) + (b))
#define PROD(a, b) ((a) * (b))
#define AT_ONCE 4

#define DEFINE_SCAN(OP, D, T)                                                                                          \
    static void OP##_##D##_run(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n_rows, int64_t n) {  \
        for (; n_rows >= AT_ONCE; n_rows -= AT_ONCE, x += AT_ONCE * x_row, out += AT_ONCE * out_row) {                 \
            const T *const a = (const T *)x, *const b = (const T *)(x + x_row), *const c = (const T *)(x + 2 * x_row), \
                           *const d = (const T *)(x + 3 * x_row);                                                      \
            T *const to_a = (T *)out, *const to_b = (T *)(out + out_row), *const to_c = (T *)(out + 2 * out_row),      \
                     *const to_d = (T *)(out + 3 * out_row);                                                           \
            T s = a[0], t = b[0], u = c[0], v = d[0];                                                                  \
            to_a[0] = s, to_b[0] = t, to_c[0] = u, to_d[0] = v;                                                        \
            for (int64_t i = 1; i < n; i++) {                                                                          \
                to_a[i] = s = OP(s, a[i]);                                                                             \
                to_b[i] = t = OP(t, b[i]);                                                                             \
                to_c[i] = u = OP(u, c[i]);                                                                             \
                to_d[i] = v = OP(v, d[i]);                                                                             \
            }                                                                                                          \
        }                                                                                                              \
        for (; n_rows > 0; n_rows--, x += x_row, out += out_row) {                                                     \
            T s = ((const T *)x)[0];                                                                                   \
            ((T *)out)[0] = s;                                                                                         \
            for (int64_t i = 1; i < n; i++) ((T *)out)[i] = s = OP(s, ((const T *)x)[i]);                              \
        }                                                                                                              \
    }                                                                                                                  \
    static void OP##_##D##_cols(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n, int64_t n_cols) { \
        const int64_t w = (int64_t)(sizeof(v##D) / sizeof(T));                                                         \
        memcpy(out, x, (size_t)n_cols * sizeof(T));                                                                    \
        for (int64_t i = 1; i < n; i++) {                                                                              \
            const char *const from = x + i * x_row, *const last = out + (i - 1) * out_row;                             \
            char *const to = out + i * out_row;                                                                        \
            int64_t c = 0;                                                                                             \
            for (; c + w <= n_cols; c += w) {                                                                          \
                const int64_t at = c * (int64_t)sizeof(T);                                                             \
                const v##D s = (v##D) * (const v##D##_any *)(last + at), y = (v##D) * (const v##D##_any *)(from + at); \
                *(v##D##_any *)(to + at) = (v##D##_any)(OP(s, y));                                                     \
            }                                                                                                          \
            for (; c < n_cols; c++) ((T *)to)[c] = OP(((const T *)last)[c], ((const T *)from)[c]);                     \
        }                                                                                                              \
    }
DEFINE_SCAN(SUM, f32, float)
DEFINE_SCAN(SUM, f64, double)
DEFINE_SCAN(SUM, i64, int64_t)
DEFINE_SCAN(PROD, f32, float)
DEFINE_SCAN(PROD, f64, double)
DEFINE_SCAN(PROD, i64, int64_t)

#define DEFINE_COMPLEX(C, D, T)                                                                                        \
    static void SUM_##C##_run(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n_rows, int64_t n) {   \
        for (int64_t r = 0; r < n_rows; r++)                                                                           \
            SUM_##D##_cols(x + r * x_row, 2 * (int64_t)sizeof(T), out + r * out_row, 2 * (int64_t)sizeof(T), n, 2);    \
    }                                                                                                                  \
    static void SUM_##C##_cols(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n, int64_t n_cols) {  \
        SUM_##D##_cols(x, x_row, out, out_row, n, 2 * n_cols);                                                         \
    }                                                                                                                  \
    static void PROD_##C##_cols(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n, int64_t n_cols) { \
        const int64_t item = 2 * (int64_t)sizeof(T);                                                                   \
        for (int64_t c = 0; c < n_cols; c++, x += item, out += item) {                                                 \
            z product = read_##C(x);                                                                                   \
            write_##C(out, product);                                                                                   \
            for (int64_t i = 1; i < n; i++) {                                                                          \
                product = product_##C(product, read_##C(x + i * x_row));                                               \
                write_##C(out + i * out_row, product);                                                                 \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void PROD_##C##_run(const char *x, int64_t x_row, char *out, int64_t out_row, int64_t n_rows, int64_t n) {  \
        for (int64_t r = 0; r < n_rows; r++)                                                                           \
            PROD_##C##_cols(x + r * x_row, 2 * (int64_t)sizeof(T), out + r * out_row, 2 * (int64_t)sizeof(T), n, 1);   \
    }
DEFINE_COMPLEX(c64, f32, float)
DEFINE_COMPLEX(c128, f64, double)

void RT_FN(rt_fill_scan)(rt_kernels *k) {
#define ENTER(OP, D, CODE)                                     \
    k->scan_run[RT_OP_CUMULATIVE_##OP][CODE] = OP##_##D##_run; \
    k->scan_cols[RT_OP_CUMULATIVE_##OP][CODE] = OP##_##D##_cols;
#define ENTER_OP(OP)       \
    ENTER(OP, i64, RT_I64) \
    ENTER(OP, i64, RT_U64) \
    ENTER(OP, f32, RT_F32) \
    ENTER(OP, f64, RT_F64) \
    ENTER(OP, c64, RT_C64) \
    ENTER(OP, c128, RT_C128)
    ENTER_OP(SUM)
    ENTER_OP(PROD)
}

/* SPDX-License-Identifier: MIT
 *
 * matvec.c: c (n) = x (k) B (k, n), with the chains of matmul.c: in order of k, in blocks of RT_MATMUL_KC.
 *
 * A product with a vector reads every element of B once, so nothing is packed and memory sets the pace:
 *   across   rows of B lie along memory: a few rows at a time are added to a row of chains
 *   along    columns of B lie along memory: a vector of columns is turned in registers, 64 bytes of each at a time, so that
 *            a cache line is used up at once
 *   gather   other strides, and rests
 */
#include "kernels.h"
#include "simd.h"
#include "columns.h"

#define COLUMNS 1024 /* chains at once: they stay in the first-level cache */
#define ROWS 8
#define AHEAD 512 /* bytes to prefetch ahead in each column */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define FMA_f32(a, b, c) v_fma_f32(a, b, c)
#define FMA_f64(a, b, c) v_fma_f64(a, b, c)
#define FMA_i64(a, b, c) ((a) * (b) + (c))
#define TURN_f32(rows, stride, out) v_turn_32(rows, stride, out)
#define TURN_f64(rows, stride, out) v_turn_64(rows, stride, out)
#define TURN_i64(rows, stride, out)      \
    do {                                 \
        vf64 bits[2];                    \
        v_turn_64(rows, stride, bits);   \
        memcpy(out, bits, sizeof(bits)); \
    } while (0)

#define DEFINE_VECTOR(D, T)                                                                                            \
    enum { SIZE_##D = sizeof(T), W_##D = RT_VBYTES / SIZE_##D, TURNED_##D = 16 / SIZE_##D, LINE_##D = 64 / SIZE_##D }; \
                                                                                                                       \
    static inline void put_##D(const T *chain, int64_t n, int first, char *c, int64_t c_step) {                        \
        for (int64_t j = 0; j < n; j++) {                                                                              \
            T *at = (T *)(c + j * c_step);                                                                             \
            *at = first ? chain[j] : *at + chain[j];                                                                   \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* chain[n] over one block of k; `rows` rows follow each other by b_row, each with n adjacent items. */            \
    static inline __attribute__((always_inline)) void add_rows_##D(int rows, T *chain, int64_t n, const T *x,          \
                                                                   const char *b, int64_t b_row) {                     \
        v##D xv[ROWS];                                                                                                 \
        for (int r = 0; r < rows; r++) xv[r] = v_splat_##D(x[r]);                                                      \
        int64_t j = 0;                                                                                                 \
        for (; j + W_##D <= n; j += W_##D) {                                                                           \
            v##D sum = (v##D) * (v##D##_any *)(chain + j);                                                             \
            for (int r = 0; r < rows; r++)                                                                             \
                sum = FMA_##D(xv[r], (v##D) * (const v##D##_any *)(b + r * b_row + j * SIZE_##D), sum);                \
            *(v##D##_any *)(chain + j) = (v##D##_any)sum;                                                              \
        }                                                                                                              \
        if (j == n) return;                                                                                            \
        v##D sum = {0};                                                                                                \
        memcpy(&sum, chain + j, (size_t)(n - j) * SIZE_##D);                                                           \
        for (int r = 0; r < rows; r++) {                                                                               \
            v##D row = {0};                                                                                            \
            memcpy(&row, b + r * b_row + j * SIZE_##D, (size_t)(n - j) * SIZE_##D);                                    \
            sum = FMA_##D(xv[r], row, sum);                                                                            \
        }                                                                                                              \
        memcpy(chain + j, &sum, (size_t)(n - j) * SIZE_##D);                                                           \
    }                                                                                                                  \
                                                                                                                       \
    static void across_##D(int64_t n, int64_t k, const T *x, const char *b, int64_t b_row, int first, char *c,         \
                           int64_t c_step) {                                                                           \
        T chain[COLUMNS];                                                                                              \
        for (int64_t j0 = 0; j0 < n; j0 += COLUMNS) {                                                                  \
            const int64_t nc = MIN(COLUMNS, n - j0);                                                                   \
            const char *at = b + j0 * SIZE_##D;                                                                        \
            int64_t p = 0;                                                                                             \
            memset(chain, 0, (size_t)nc * SIZE_##D);                                                                   \
            for (; p + ROWS <= k; p += ROWS) add_rows_##D(ROWS, chain, nc, x + p, at + p * b_row, b_row);              \
            for (; p < k; p++) add_rows_##D(1, chain, nc, x + p, at + p * b_row, b_row);                               \
            put_##D(chain, nc, first, c + j0 * c_step, c_step);                                                        \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* One vector of columns, of which n count, from element p on. */                                                  \
    static v##D gather_##D(v##D sum, int64_t n, int64_t p, int64_t k, const T *x, const char *b, int64_t b_row,        \
                           int64_t b_col) {                                                                            \
        for (; p < k; p++) {                                                                                           \
            T row[W_##D] = {0};                                                                                        \
            v##D turned;                                                                                               \
            for (int64_t j = 0; j < n; j++) row[j] = *(const T *)(b + p * b_row + j * b_col);                          \
            memcpy(&turned, row, sizeof(turned));                                                                      \
            sum = FMA_##D(v_splat_##D(x[p]), turned, sum);                                                             \
        }                                                                                                              \
        return sum;                                                                                                    \
    }                                                                                                                  \
                                                                                                                       \
    static void along_##D(int64_t n, int64_t k, const T *x, const char *b, int64_t b_row, int64_t b_col, int first,    \
                          char *c, int64_t c_step) {                                                                   \
        int64_t j = 0;                                                                                                 \
        const int64_t whole = b_row == SIZE_##D ? k - k % LINE_##D : 0;                                                \
        for (; j + 2 * W_##D <= n && whole; j += 2 * W_##D) {                                                          \
            v##D sum[2] = {{0}, {0}}, turned[TURNED_##D];                                                              \
            const char *at = b + j * b_col;                                                                            \
            for (int64_t p = 0; p < whole; p += LINE_##D)                                                              \
                for (int g = 0; g < 2; g++) {                                                                          \
                    const char *from = at + g * W_##D * b_col + p * SIZE_##D;                                          \
                    for (int i = 0; i < W_##D; i++) __builtin_prefetch(from + i * b_col + AHEAD);                      \
                    for (int q = 0; q < LINE_##D; q += TURNED_##D) {                                                   \
                        TURN_##D(from + q * SIZE_##D, b_col, turned);                                                  \
                        for (int i = 0; i < TURNED_##D; i++)                                                           \
                            sum[g] = FMA_##D(v_splat_##D(x[p + q + i]), turned[i], sum[g]);                            \
                    }                                                                                                  \
                }                                                                                                      \
            for (int g = 0; g < 2; g++) {                                                                              \
                sum[g] = gather_##D(sum[g], W_##D, whole, k, x, at + g * W_##D * b_col, b_row, b_col);                 \
                put_##D((const T *)&sum[g], W_##D, first, c + (j + g * W_##D) * c_step, c_step);                       \
            }                                                                                                          \
        }                                                                                                              \
        for (; j < n; j += W_##D) {                                                                                    \
            const int64_t some = MIN(W_##D, n - j);                                                                    \
            const v##D sum = gather_##D((v##D){0}, some, 0, k, x, b + j * b_col, b_row, b_col);                        \
            put_##D((const T *)&sum, some, first, c + j * c_step, c_step);                                             \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* n = 1: the chains of different blocks do not depend on each other; a vector takes one block a lane. */          \
    static int64_t dot_##D(int64_t k, const char *x, const char *b, char *c) {                                         \
        const int64_t stride = RT_MATMUL_KC * SIZE_##D, step = stride * W_##D;                                         \
        int64_t done = 0;                                                                                              \
        for (; done + W_##D * RT_MATMUL_KC <= k; done += W_##D * RT_MATMUL_KC, x += step, b += step) {                 \
            v##D sum = {0}, xt[TURNED_##D], bt[TURNED_##D];                                                            \
            for (int64_t p = 0; p < stride; p += 16) {                                                                 \
                TURN_##D(x + p, stride, xt);                                                                           \
                TURN_##D(b + p, stride, bt);                                                                           \
                for (int i = 0; i < TURNED_##D; i++) sum = FMA_##D(xt[i], bt[i], sum);                                 \
            }                                                                                                          \
            for (int i = 0; i < W_##D; i++) put_##D((const T *)&sum + i, 1, done == 0 && i == 0, c, 0);                \
        }                                                                                                              \
        return done;                                                                                                   \
    }                                                                                                                  \
                                                                                                                       \
    static void vector_##D(int64_t n, int64_t k, const char *x, int64_t x_step, const char *b, int64_t b_row,          \
                           int64_t b_col, char *c, int64_t c_step) {                                                   \
        T block[RT_MATMUL_KC];                                                                                         \
        int64_t p0 = n == 1 && x_step == SIZE_##D && b_row == SIZE_##D ? dot_##D(k, x, b, c) : 0;                      \
        for (; p0 < k; p0 += RT_MATMUL_KC) {                                                                           \
            const int64_t kc = MIN(RT_MATMUL_KC, k - p0);                                                              \
            for (int64_t p = 0; p < kc; p++) block[p] = *(const T *)(x + (p0 + p) * x_step);                           \
            if (b_col == SIZE_##D && n > 1) across_##D(n, kc, block, b + p0 * b_row, b_row, p0 == 0, c, c_step);       \
            else along_##D(n, kc, block, b + p0 * b_row, b_row, b_col, p0 == 0, c, c_step);                            \
        }                                                                                                              \
    }

DEFINE_VECTOR(f32, float)
DEFINE_VECTOR(f64, double)
DEFINE_VECTOR(i64, int64_t)

void RT_FN(rt_fill_matvec)(rt_kernels *k) {
    k->gemm[RT_F32].vector = vector_f32;
    k->gemm[RT_F64].vector = vector_f64;
    k->gemm[RT_I64].vector = vector_i64;
}

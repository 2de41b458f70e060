/* SPDX-License-Identifier: MIT
 *
 * matvec.c: c (n) = x (k) B (k, n), with the chains of matmul.c: in order of k, in blocks of RT_MATMUL_KC.
 *
 * A product with a vector reads every element of B once, so nothing is packed and memory sets the pace:
 *   across   rows of B lie along memory: a few rows at a time are added to a row of chains
 *   along    columns of B lie along memory: a few columns at a time are turned in registers. Where they are long, chains of
 *            several blocks run side by side: fewer columns at once, since columns a power of two apart fall on the same few
 *            places of the cache.
 *   gather   other strides, and rests
 *   dots     many products of two vectors: both are turned
 */
#include "columns.h"
#include "kernels.h"
#include "simd.h"

#define COLUMNS 1024 /* chains at once: they stay in the first-level cache */
#define ROWS 8       /* of B, at once */
#define SPAN 4       /* vectors of chains at once, beside them */
#define GROUPS 2     /* vectors of chains at once, whose latencies overlap */
#define QUARTERS (RT_VBYTES / 16)
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define FMA_f32(a, b, c) v_fma_f32(a, b, c)
#define FMA_f64(a, b, c) v_fma_f64(a, b, c)
#define FMA_i64(a, b, c) ((a) * (b) + (c))
#define DEFINE_VECTOR(D, T)                                                                                            \
    enum { SIZE_##D = sizeof(T), W_##D = RT_VBYTES / SIZE_##D, SIDE_##D = 16 / SIZE_##D };                             \
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
        for (; j + SPAN * W_##D <= n; j += SPAN * W_##D) {                                                             \
            v##D sum[SPAN];                                                                                            \
            for (int i = 0; i < SPAN; i++) sum[i] = (v##D) * ((v##D##_any *)(chain + j) + i);                          \
            for (int r = 0; r < rows; r++)                                                                             \
                for (int i = 0; i < SPAN; i++)                                                                         \
                    sum[i] =                                                                                           \
                        FMA_##D(xv[r], (v##D) * ((const v##D##_any *)(b + r * b_row + j * SIZE_##D) + i), sum[i]);     \
            for (int i = 0; i < SPAN; i++) *((v##D##_any *)(chain + j) + i) = (v##D##_any)sum[i];                      \
        }                                                                                                              \
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
    /* GROUPS vectors of columns, or one, from b on, over one block of k. */                                           \
    static inline __attribute__((always_inline)) void turn_columns_##D(                                                \
        int groups, int64_t k, const T *x, const char *b, int64_t b_col, int first, char *c, int64_t c_step) {         \
        v##D sum[GROUPS] = {{0}};                                                                                      \
        const int64_t whole = k - k % SIDE_##D;                                                                        \
        for (int64_t p = 0; p < whole; p += SIDE_##D)                                                                  \
            for (int g = 0; g < groups; g++) {                                                                         \
                v##D turned[SIDE_##D];                                                                                 \
                v_columns_##D(b + g * W_##D * b_col + p * SIZE_##D, b_col, SIDE_##D * b_col, turned);                  \
                for (int i = 0; i < SIDE_##D; i++) sum[g] = FMA_##D(v_splat_##D(x[p + i]), turned[i], sum[g]);         \
            }                                                                                                          \
        for (int g = 0; g < groups; g++) {                                                                             \
            const char *from = b + g * W_##D * b_col;                                                                  \
            sum[g] = gather_##D(sum[g], W_##D, whole, k, x, from, SIZE_##D, b_col);                                    \
            put_##D((const T *)&sum[g], W_##D, first, c + g * W_##D * c_step, c_step);                                 \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* SIDE columns at a time, a block of k in each quarter of GROUPS vectors: SPAN elements of each column. */        \
    static void turn_blocks_##D(int64_t n, const char *x, int64_t x_step, const char *b, int64_t b_col, int first,     \
                                char *c, int64_t c_step) {                                                             \
        const int64_t block = RT_MATMUL_KC * SIZE_##D;                                                                 \
        v##D spread[GROUPS * RT_MATMUL_KC];                                                                            \
        for (int g = 0; g < GROUPS; g++)                                                                               \
            for (int64_t p = 0; p < RT_MATMUL_KC; p++)                                                                 \
                for (int i = 0; i < W_##D; i++) {                                                                      \
                    const int64_t at = (g * QUARTERS + i / SIDE_##D) * RT_MATMUL_KC + p;                               \
                    spread[g * RT_MATMUL_KC + p][i] = *(const T *)(x + at * x_step);                                   \
                }                                                                                                      \
        for (int64_t j = 0; j < n; j += SIDE_##D) {                                                                    \
            v##D sum[GROUPS] = {{0}};                                                                                  \
            for (int64_t p = 0; p < RT_MATMUL_KC; p += SIDE_##D)                                                       \
                for (int g = 0; g < GROUPS; g++) {                                                                     \
                    v##D turned[SIDE_##D];                                                                             \
                    v_columns_##D(b + j * b_col + g * QUARTERS * block + p * SIZE_##D, b_col, block, turned);          \
                    for (int i = 0; i < SIDE_##D; i++)                                                                 \
                        sum[g] = FMA_##D(spread[g * RT_MATMUL_KC + p + i], turned[i], sum[g]);                         \
                }                                                                                                      \
            for (int i = 0; i < GROUPS * QUARTERS; i++)                                                                \
                put_##D((const T *)sum + i * SIDE_##D, SIDE_##D, first && i == 0, c + j * c_step, c_step);             \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void along_##D(int64_t n, int64_t k, const T *x, const char *b, int64_t b_row, int64_t b_col, int first,    \
                          char *c, int64_t c_step) {                                                                   \
        int64_t j = 0;                                                                                                 \
        if (b_row == SIZE_##D) {                                                                                       \
            for (; j + GROUPS * W_##D <= n; j += GROUPS * W_##D)                                                       \
                turn_columns_##D(GROUPS, k, x, b + j * b_col, b_col, first, c + j * c_step, c_step);                   \
            for (; j + W_##D <= n; j += W_##D)                                                                         \
                turn_columns_##D(1, k, x, b + j * b_col, b_col, first, c + j * c_step, c_step);                        \
        }                                                                                                              \
        for (; j < n; j += W_##D) {                                                                                    \
            const int64_t some = MIN(W_##D, n - j);                                                                    \
            const v##D sum = gather_##D((v##D){0}, some, 0, k, x, b + j * b_col, b_row, b_col);                        \
            put_##D((const T *)&sum, some, first, c + j * c_step, c_step);                                             \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* n = 1: as many blocks at once as a vector has items. */                                                         \
    static int64_t dot_##D(int64_t k, const char *x, const char *b, char *c) {                                         \
        const int64_t block = RT_MATMUL_KC * SIZE_##D;                                                                 \
        int64_t done = 0;                                                                                              \
        for (; done + W_##D * RT_MATMUL_KC <= k;                                                                       \
             done += W_##D * RT_MATMUL_KC, x += W_##D * block, b += W_##D * block) {                                   \
            v##D sum = {0}, xt[SIDE_##D], bt[SIDE_##D];                                                                \
            for (int64_t p = 0; p < block; p += 16) {                                                                  \
                v_columns_##D(x + p, block, SIDE_##D * block, xt);                                                     \
                v_columns_##D(b + p, block, SIDE_##D * block, bt);                                                     \
                for (int i = 0; i < SIDE_##D; i++) sum = FMA_##D(xt[i], bt[i], sum);                                   \
            }                                                                                                          \
            for (int i = 0; i < W_##D; i++) put_##D((const T *)&sum + i, 1, done == 0 && i == 0, c, 0);                \
        }                                                                                                              \
        return done;                                                                                                   \
    }                                                                                                                  \
                                                                                                                       \
    static void vector_##D(int64_t n, int64_t k, const char *x, int64_t x_step, const char *b, int64_t b_row,          \
                           int64_t b_col, char *c, int64_t c_step) {                                                   \
        T block[RT_MATMUL_KC];                                                                                         \
        const int64_t span = GROUPS * QUARTERS * RT_MATMUL_KC;                                                         \
        int64_t p0 = 0;                                                                                                \
        if (n == 1 && x_step == SIZE_##D && b_row == SIZE_##D) {                                                       \
            p0 = dot_##D(k, x, b, c);                                                                                  \
        } else if (n >= SIDE_##D && b_row == SIZE_##D && k >= span) {                                                  \
            const int64_t rest = n % SIDE_##D;                                                                         \
            n -= rest;                                                                                                 \
            if (rest) vector_##D(rest, k, x, x_step, b + n * b_col, b_row, b_col, c + n * c_step, c_step);             \
            for (; p0 + span <= k; p0 += span)                                                                         \
                turn_blocks_##D(n, x + p0 * x_step, x_step, b + p0 * b_row, b_col, p0 == 0, c, c_step);                \
        }                                                                                                              \
        for (; p0 < k; p0 += RT_MATMUL_KC) {                                                                           \
            const int64_t kc = MIN(RT_MATMUL_KC, k - p0);                                                              \
            for (int64_t p = 0; p < kc; p++) block[p] = *(const T *)(x + (p0 + p) * x_step);                           \
            if (b_col == SIZE_##D && n > 1) across_##D(n, kc, block, b + p0 * b_row, b_row, p0 == 0, c, c_step);       \
            else along_##D(n, kc, block, b + p0 * b_row, b_row, b_col, p0 == 0, c, c_step);                            \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* n products of a vector with a vector, each along memory: c[i] = a_i b_i. */                                     \
    static void dots_##D(int64_t n, int64_t k, const char *a, int64_t a_next, const char *b, int64_t b_next, char *c,  \
                         int64_t c_step) {                                                                             \
        int64_t j = 0;                                                                                                 \
        for (; j + W_##D <= n; j += W_##D, a += W_##D * a_next, b += W_##D * b_next, c += W_##D * c_step)              \
            for (int64_t p0 = 0; p0 < k; p0 += RT_MATMUL_KC) {                                                         \
                const int64_t kc = MIN(RT_MATMUL_KC, k - p0), whole = kc - kc % SIDE_##D;                              \
                const char *const ap = a + p0 * SIZE_##D, *const bp = b + p0 * SIZE_##D;                               \
                v##D sum = {0}, at[SIDE_##D], bt[SIDE_##D];                                                            \
                for (int64_t p = 0; p < whole; p += SIDE_##D) {                                                        \
                    v_columns_##D(ap + p * SIZE_##D, a_next, SIDE_##D * a_next, at);                                   \
                    v_columns_##D(bp + p * SIZE_##D, b_next, SIDE_##D * b_next, bt);                                   \
                    for (int i = 0; i < SIDE_##D; i++) sum = FMA_##D(at[i], bt[i], sum);                               \
                }                                                                                                      \
                for (int64_t p = whole; p < kc; p++) {                                                                 \
                    v##D x, y;                                                                                         \
                    for (int i = 0; i < W_##D; i++) {                                                                  \
                        x[i] = *(const T *)(ap + i * a_next + p * SIZE_##D);                                           \
                        y[i] = *(const T *)(bp + i * b_next + p * SIZE_##D);                                           \
                    }                                                                                                  \
                    sum = FMA_##D(x, y, sum);                                                                          \
                }                                                                                                      \
                put_##D((const T *)&sum, W_##D, p0 == 0, c, c_step);                                                   \
            }                                                                                                          \
        for (; j < n; j++, a += a_next, b += b_next, c += c_step) vector_##D(1, k, a, SIZE_##D, b, SIZE_##D, 0, c, 0); \
    }

DEFINE_VECTOR(f32, float)
DEFINE_VECTOR(f64, double)
DEFINE_VECTOR(i64, int64_t)

void RT_FN(rt_fill_matvec)(rt_kernels *k) {
    k->gemm[RT_F32].vector = vector_f32, k->gemm[RT_F32].dots = dots_f32;
    k->gemm[RT_F64].vector = vector_f64, k->gemm[RT_F64].dots = dots_f64;
    k->gemm[RT_I64].vector = vector_i64, k->gemm[RT_I64].dots = dots_i64;
}

/* SPDX-License-Identifier: MIT
 *
 * matmul.c: C (m, n) = A (m, k) B (k, n), any strides.
 *
 * Every element of C is a chain of fused multiply-adds in order of k inside blocks of RT_MATMUL_KC; each block's chain
 * starts at +0, and is added, complete, to the sum of the earlier blocks. The tile shape, the packing and how a caller
 * cuts m and n do not enter the definition. Integers wrap.
 *
 * A tile of MR x NV vectors of C stays in registers for a whole block of k. Around it stand the loops of BLIS (Goto and
 * van de Geijn, "Anatomy of high-performance matrix multiplication", 2008): a panel of B, NR columns wide, stays in the
 * first-level cache while all panels of A, up to MC rows, pass from the second-level cache.
 *
 * What a tile reads:
 *   B   NR adjacent columns a step apart: packed as [k][NR], or where it lies if it is small or used once.
 *   A   by rows, each with its k adjacent, or by columns, MR adjacent rows at each k. Whichever of the two is adjacent in
 *       memory is only copied together, or read where it lies; other strides are packed by columns.
 * Rows are cut in panels of MR and, at the end, of MR - 1, which most numbers of rows split into without a rest. Other
 * rests are padded with zeros, and the padding is not stored.
 */
#include "columns.h"
#include "kernels.h"
#include "simd.h"

#define MC 96    /* rows of A in the second-level cache at once; a multiple of every MR */
#define MOST 144 /* as many are taken at once where that is all of them */
#define NC 512
#define SMALL 16384 /* bytes that half of the first-level cache holds */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define INLINE static inline __attribute__((always_inline))
#define FMA_f32(a, b, c) v_fma_f32(a, b, c)
#define FMA_f64(a, b, c) v_fma_f64(a, b, c)
#define FMA_i64(a, b, c) ((a) * (b) + (c))

/* Panels of A: n_full of MR rows, then n_less of MR - 1; of the last one `rest` rows are no padding. */
typedef struct {
    int64_t n_full, n_less, rest;
} panels;

static inline panels split(int64_t m) {
    const int64_t n = (m + RT_MR - 1) / RT_MR, missing = n * RT_MR - m;
    if (missing <= n) return (panels){n - missing, missing, missing ? RT_MR - 1 : RT_MR};
    return (panels){n, 0, RT_MR - missing};
}

/* Where the panels of A are: by_rows: step leads to the next row, else to the next k; the panels follow each other. */
typedef struct {
    const char *at;
    int64_t step, next_full, next_less;
    int by_rows;
} left;

typedef struct {
    char *at;
    int64_t row, col;
    int first; /* nothing is there yet */
} result;

#define DEFINE_GEMM(D, T)                                                                                              \
    enum { SIZE_##D = sizeof(T), W_##D = RT_VBYTES / SIZE_##D, NR_##D = RT_NV * W_##D, SIDE_##D = 16 / SIZE_##D };     \
                                                                                                                       \
    /* The first `rows` of an accumulator, m x n of them. */                                                           \
    INLINE void store_##D(int rows, v##D acc[RT_MR][RT_NV], int64_t m, int64_t n, result c) {                          \
        if (m == rows && n == NR_##D && c.col == SIZE_##D) {                                                           \
            for (int i = 0; i < rows; i++)                                                                             \
                for (int j = 0; j < RT_NV; j++) {                                                                      \
                    v##D##_any *at = (v##D##_any *)(c.at + i * c.row) + j;                                             \
                    *at = (v##D##_any)(c.first ? acc[i][j] : (v##D) * at + acc[i][j]);                                 \
                }                                                                                                      \
            return;                                                                                                    \
        }                                                                                                              \
        T flat[RT_MR * NR_##D];                                                                                        \
        for (int i = 0; i < rows; i++) memcpy(flat + i * NR_##D, acc[i], sizeof(acc[i]));                              \
        for (int64_t i = 0; i < m; i++)                                                                                \
            for (int64_t j = 0; j < n; j++) {                                                                          \
                T *at = (T *)(c.at + i * c.row + j * c.col);                                                           \
                *at = c.first ? flat[i * NR_##D + j] : *at + flat[i * NR_##D + j];                                     \
            }                                                                                                          \
    }                                                                                                                  \
                                                                                                                       \
    /* n_tiles tiles under each other beside one panel of B. */                                                        \
    INLINE void strip_##D(int rows, int by_rows, int64_t n_tiles, int64_t rest, int64_t k, const char *a,              \
                          int64_t step, int64_t next, const char *b, int64_t b_step, int64_t n, result c) {            \
        for (; n_tiles > 0; n_tiles--, a += next, c.at += rows * c.row) {                                              \
            v##D acc[RT_MR][RT_NV];                                                                                    \
            const char *ap = a, *bp = b;                                                                               \
            for (int i = 0; i < rows; i++)                                                                             \
                for (int j = 0; j < RT_NV; j++) acc[i][j] = (v##D){0};                                                 \
            for (int64_t p = 0; p < k; p++) {                                                                          \
                v##D bv[RT_NV];                                                                                        \
                for (int j = 0; j < RT_NV; j++) bv[j] = (v##D) * ((const v##D##_any *)bp + j);                         \
                for (int i = 0; i < rows; i++) {                                                                       \
                    const v##D av = v_splat_##D(*(const T *)(by_rows ? ap + i * step : ap + i * SIZE_##D));            \
                    for (int j = 0; j < RT_NV; j++) acc[i][j] = FMA_##D(av, bv[j], acc[i][j]);                         \
                }                                                                                                      \
                ap += by_rows ? SIZE_##D : step;                                                                       \
                bp += b_step;                                                                                          \
            }                                                                                                          \
            store_##D(rows, acc, n_tiles == 1 ? rest : rows, n, c);                                                    \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static __attribute__((noinline)) void rows_full_##D(int64_t n_tiles, int64_t rest, int64_t k, const left *a,       \
                                                        const char *b, int64_t b_step, int64_t n, result c) {          \
        strip_##D(RT_MR, 1, n_tiles, rest, k, a->at, a->step, a->next_full, b, b_step, n, c);                          \
    }                                                                                                                  \
    static __attribute__((noinline)) void cols_full_##D(int64_t n_tiles, int64_t rest, int64_t k, const left *a,       \
                                                        const char *b, int64_t b_step, int64_t n, result c) {          \
        strip_##D(RT_MR, 0, n_tiles, rest, k, a->at, a->step, a->next_full, b, b_step, n, c);                          \
    }                                                                                                                  \
    static __attribute__((noinline)) void rows_less_##D(int64_t n_tiles, int64_t k, const char *at, const left *a,     \
                                                        const char *b, int64_t b_step, int64_t n, result c) {          \
        strip_##D(RT_MR - 1, 1, n_tiles, RT_MR - 1, k, at, a->step, a->next_less, b, b_step, n, c);                    \
    }                                                                                                                  \
    static __attribute__((noinline)) void cols_less_##D(int64_t n_tiles, int64_t k, const char *at, const left *a,     \
                                                        const char *b, int64_t b_step, int64_t n, result c) {          \
        strip_##D(RT_MR - 1, 0, n_tiles, RT_MR - 1, k, at, a->step, a->next_less, b, b_step, n, c);                    \
    }                                                                                                                  \
                                                                                                                       \
    /* All panels of A beside one of B, of which n columns count. */                                                   \
    static inline void column_##D(panels s, int64_t k, const left *a, const char *b, int64_t b_step, int64_t n,        \
                                  result c) {                                                                          \
        if (s.n_full > 0)                                                                                              \
            (a->by_rows ? rows_full_##D : cols_full_##D)(s.n_full, s.n_less ? RT_MR : s.rest, k, a, b, b_step, n, c);  \
        if (s.n_less == 0) return;                                                                                     \
        c.at += s.n_full * RT_MR * c.row;                                                                              \
        (a->by_rows ? rows_less_##D : cols_less_##D)(s.n_less, k, a->at + s.n_full * a->next_full, a, b, b_step, n,    \
                                                     c);                                                               \
    }                                                                                                                  \
                                                                                                                       \
    static left pack_left_##D(T *restrict out, panels s, int64_t k, const char *a, int64_t a_row, int64_t a_col) {     \
        const int by_rows = a_col == SIZE_##D;                                                                         \
        const int64_t panel = k * RT_MR;                                                                               \
        const left to = {(const char *)out, (by_rows ? k : RT_MR) * SIZE_##D, panel * SIZE_##D, panel * SIZE_##D,      \
                         by_rows};                                                                                     \
        for (int64_t i = 0; i < s.n_full + s.n_less; i++, out += panel) {                                              \
            const int width = i < s.n_full ? RT_MR : RT_MR - 1;                                                        \
            const int rows = i == s.n_full + s.n_less - 1 ? (int)s.rest : width;                                       \
            if (by_rows) {                                                                                             \
                for (int r = 0; r < rows; r++) memcpy(out + r * k, a + r * a_row, (size_t)k * SIZE_##D);               \
                memset(out + rows * k, 0, (size_t)((width - rows) * k) * SIZE_##D);                                    \
            } else if (rows == RT_MR && a_row == SIZE_##D) {                                                           \
                for (int64_t p = 0; p < k; p++) memcpy(out + p * RT_MR, a + p * a_col, RT_MR * SIZE_##D);              \
            } else {                                                                                                   \
                for (int64_t p = 0; p < k; p++) {                                                                      \
                    for (int r = 0; r < rows; r++) out[p * RT_MR + r] = *(const T *)(a + r * a_row + p * a_col);       \
                    for (int r = rows; r < width; r++) out[p * RT_MR + r] = 0;                                         \
                }                                                                                                      \
            }                                                                                                          \
            a += width * a_row;                                                                                        \
        }                                                                                                              \
        return to;                                                                                                     \
    }                                                                                                                  \
                                                                                                                       \
    static void pack_##D(int64_t n, int64_t k, const char *b, int64_t b_row, int64_t b_col, char *to) {                \
        T *restrict out = (T *)to;                                                                                     \
        for (int64_t j0 = 0; j0 < n; j0 += NR_##D, out += k * NR_##D, b += NR_##D * b_col) {                           \
            const int width = (int)MIN(NR_##D, n - j0);                                                                \
            int64_t p = 0;                                                                                             \
            if (width == NR_##D && b_col == SIZE_##D) {                                                                \
                for (; p < k; p++) memcpy(out + p * NR_##D, b + p * b_row, NR_##D * SIZE_##D);                         \
            } else if (width == NR_##D && b_row == SIZE_##D) {                                                         \
                for (; p + SIDE_##D <= k; p += SIDE_##D)                                                               \
                    for (int j = 0; j < RT_NV; j++) {                                                                  \
                        v##D turned[SIDE_##D];                                                                         \
                        v_columns_##D(b + j * W_##D * b_col + p * SIZE_##D, b_col, SIDE_##D * b_col, turned);          \
                        for (int q = 0; q < SIDE_##D; q++)                                                             \
                            memcpy(out + (p + q) * NR_##D + j * W_##D, &turned[q], RT_VBYTES);                         \
                    }                                                                                                  \
            }                                                                                                          \
            for (; p < k; p++) {                                                                                       \
                if (b_col == SIZE_##D)                                                                                 \
                    for (int j = 0; j < width; j++) out[p * NR_##D + j] = ((const T *)(b + p * b_row))[j];             \
                else                                                                                                   \
                    for (int j = 0; j < width; j++) out[p * NR_##D + j] = *(const T *)(b + p * b_row + j * b_col);     \
                for (int j = width; j < NR_##D; j++) out[p * NR_##D + j] = 0;                                          \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    /* The panels of A where they lie, if that is as good as packed: then `at` is set. */                              \
    static inline left find_##D(panels s, int64_t k, const char *a, int64_t a_row, int64_t a_col) {                    \
        const int by_rows = a_col == SIZE_##D;                                                                         \
        const int64_t dense = RT_MATMUL_KC * SIZE_##D;                                                                 \
        left at = {NULL, by_rows ? a_row : a_col, RT_MR * a_row, (RT_MR - 1) * a_row, by_rows};                        \
        if (s.rest < RT_MR - 1) return at;                                                                             \
        if (by_rows ? a_row >= 0 && a_row <= dense : a_row == SIZE_##D && a_col >= 0 && a_col * k <= SMALL) at.at = a; \
        return at;                                                                                                     \
    }                                                                                                                  \
                                                                                                                       \
    static void gemm_packed_##D(int64_t m, int64_t n, int64_t k, const char *a, int64_t a_row, int64_t a_col,          \
                                const char *b, int first, char *c, int64_t c_row, int64_t c_col, char *scratch) {      \
        for (int64_t i0 = 0; i0 < m; i0 += MC) {                                                                       \
            const panels s = split(MIN(MC, m - i0));                                                                   \
            const left pa = pack_left_##D((T *)scratch, s, k, a + i0 * a_row, a_row, a_col);                           \
            for (int64_t j = 0; j < n; j += NR_##D)                                                                    \
                column_##D(s, k, &pa, b + j * k * SIZE_##D, NR_##D * SIZE_##D, MIN(NR_##D, n - j),                     \
                           (result){c + i0 * c_row + j * c_col, c_row, c_col, first});                                 \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void gemm_##D(int64_t m, int64_t n, int64_t k, const char *a, int64_t a_row, int64_t a_col, const char *b,  \
                         int64_t b_row, int64_t b_col, char *c, int64_t c_row, int64_t c_col, char *scratch) {         \
        char *const pb = scratch + MOST * RT_MATMUL_KC * SIZE_##D;                                                     \
        const int in_place = b_col == SIZE_##D && b_row >= 0 && (m <= 2 * RT_MR || b_row * k <= SMALL);                \
        const int64_t block = m <= MOST ? m : MC;                                                                      \
        const int64_t width = in_place ? n : NC;                                                                       \
        for (int64_t j0 = 0; j0 < n; j0 += width) {                                                                    \
            const int64_t nc = MIN(width, n - j0);                                                                     \
            for (int64_t p0 = 0; p0 < k; p0 += RT_MATMUL_KC) {                                                         \
                const int64_t kc = MIN(RT_MATMUL_KC, k - p0);                                                          \
                const char *from = b + p0 * b_row + j0 * b_col;                                                        \
                const int64_t lies = in_place ? nc / NR_##D * NR_##D : 0;                                              \
                pack_##D(nc - lies, kc, from + lies * b_col, b_row, b_col, pb);                                        \
                for (int64_t i0 = 0; i0 < m; i0 += block) {                                                            \
                    const panels s = split(MIN(block, m - i0));                                                        \
                    const char *rows = a + i0 * a_row + p0 * a_col;                                                    \
                    left pa = find_##D(s, kc, rows, a_row, a_col);                                                     \
                    if (!pa.at) pa = pack_left_##D((T *)scratch, s, kc, rows, a_row, a_col);                           \
                    for (int64_t j = 0; j < nc; j += NR_##D) {                                                         \
                        const result to = {c + i0 * c_row + (j0 + j) * c_col, c_row, c_col, p0 == 0};                  \
                        if (j < lies) column_##D(s, kc, &pa, from + j * b_col, b_row, NR_##D, to);                     \
                        else                                                                                           \
                            column_##D(s, kc, &pa, pb + (j - lies) * kc * SIZE_##D, NR_##D * SIZE_##D,                 \
                                       MIN(NR_##D, nc - j), to);                                                       \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

DEFINE_GEMM(f32, float)
DEFINE_GEMM(f64, double)
DEFINE_GEMM(i64, int64_t)

#define ENTER(TYPE, D)                                                        \
    k->gemm[TYPE].product = gemm_##D, k->gemm[TYPE].packed = gemm_packed_##D; \
    k->gemm[TYPE].pack = pack_##D, k->gemm[TYPE].width = NR_##D;              \
    k->gemm[TYPE].scratch = (int64_t)SIZE_##D * RT_MATMUL_KC * (MOST + NC + NR_##D)

void RT_FN(rt_fill_matmul)(rt_kernels *k) {
    ENTER(RT_F32, f32);
    ENTER(RT_F64, f64);
    ENTER(RT_I64, i64);
}

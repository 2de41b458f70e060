/* SPDX-License-Identifier: MIT
 *
 * matmul.c: C (m, n) = A (m, k) B (k, n), any strides.
 *
 * Every element of C is a chain of fused multiply-adds in order of k inside blocks of RT_MATMUL_KC; each
 * block's chain starts at +0, and is added, complete, to the sum of the earlier blocks. The tile shape, the
 * packing and how a caller cuts m and n do not enter the definition. int64 wraps.
 *
 * Layout (after BLIS): A is packed by MR rows, a block of k at a time: [k][MR]; B by NR columns: [k][NR]. The
 * tile kernel holds MR x NV vectors of C in registers. Edges are padded with zeros and the padding is not
 * stored.
 */
#include "kernels.h"
#include "simd.h"

#define MC 96 /* rows of A packed at once: MC * KC floats stay in the second-level cache; a multiple of every MR */
#define NC 512
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define FMA_f32(a, b, c) v_fma_f32(a, b, c)
#define FMA_f64(a, b, c) v_fma_f64(a, b, c)
#define FMA_i64(a, b, c) ((a) * (b) + (c))

#define DEFINE_GEMM(D, T)                                                                                             \
    enum { NR_##D = RT_NV * (int)(sizeof(v##D) / sizeof(T)) };                                                        \
                                                                                                                      \
    static void tile_##D(int64_t k, const T *restrict a, const T *restrict b, v##D acc[RT_MR][RT_NV]) {               \
        v##D c[RT_MR][RT_NV];                                                                                         \
        for (int i = 0; i < RT_MR; i++)                                                                               \
            for (int j = 0; j < RT_NV; j++) c[i][j] = (v##D){0};                                                      \
        for (int64_t p = 0; p < k; p++) {                                                                             \
            v##D bv[RT_NV];                                                                                           \
            for (int j = 0; j < RT_NV; j++)                                                                           \
                bv[j] = *(const v##D *)(b + p * NR_##D + j * (int)(sizeof(v##D) / sizeof(T)));                        \
            for (int i = 0; i < RT_MR; i++) {                                                                         \
                const v##D av = v_splat_##D(a[p * RT_MR + i]);                                                        \
                for (int j = 0; j < RT_NV; j++) c[i][j] = FMA_##D(av, bv[j], c[i][j]);                                \
            }                                                                                                         \
        }                                                                                                             \
        for (int i = 0; i < RT_MR; i++)                                                                               \
            for (int j = 0; j < RT_NV; j++) acc[i][j] = c[i][j];                                                      \
    }                                                                                                                 \
                                                                                                                      \
    static void pack_##D(T *restrict out, int width, int64_t n, int64_t k, const char *x, int64_t stride_n,           \
                         int64_t stride_k) {                                                                          \
        for (int64_t i0 = 0; i0 < n; i0 += width) {                                                                   \
            const int64_t m = MIN(width, n - i0);                                                                     \
            const char *panel = x + i0 * stride_n;                                                                    \
            if (m == width && stride_n == (int64_t)sizeof(T)) {                                                       \
                for (int64_t p = 0; p < k; p++)                                                                       \
                    memcpy(out + p * width, panel + p * stride_k, (size_t)width * sizeof(T));                         \
            } else {                                                                                                  \
                for (int64_t i = 0; i < width; i++) {                                                                 \
                    const char *row = panel + i * stride_n;                                                           \
                    if (i < m)                                                                                        \
                        for (int64_t p = 0; p < k; p++) out[p * width + i] = *(const T *)(row + p * stride_k);        \
                    else                                                                                              \
                        for (int64_t p = 0; p < k; p++) out[p * width + i] = 0;                                       \
                }                                                                                                     \
            }                                                                                                         \
            out += k * width;                                                                                         \
        }                                                                                                             \
    }                                                                                                                 \
                                                                                                                      \
    static void store_##D(v##D acc[RT_MR][RT_NV], int64_t m, int64_t n, int first, char *c, int64_t c_row,            \
                          int64_t c_col) {                                                                            \
        enum { W = sizeof(v##D) / sizeof(T) };                                                                        \
        if (m == RT_MR && n == NR_##D && c_col == (int64_t)sizeof(T)) {                                               \
            for (int i = 0; i < RT_MR; i++)                                                                           \
                for (int j = 0; j < RT_NV; j++) {                                                                     \
                    v##D##_any *at = (v##D##_any *)(c + i * c_row) + j;                                               \
                    *at = (v##D##_any)(first ? acc[i][j] : (v##D) * at + acc[i][j]);                                  \
                }                                                                                                     \
            return;                                                                                                   \
        }                                                                                                             \
        const T *flat = (const T *)acc;                                                                               \
        for (int64_t i = 0; i < m; i++)                                                                               \
            for (int64_t j = 0; j < n; j++) {                                                                         \
                T *at = (T *)(c + i * c_row + j * c_col);                                                             \
                *at = first ? flat[i * NR_##D + j] : *at + flat[i * NR_##D + j];                                      \
            }                                                                                                         \
    }                                                                                                                 \
                                                                                                                      \
    static void gemm_##D(int64_t m, int64_t n, int64_t k, const char *a, int64_t a_row, int64_t a_col, const char *b, \
                         int64_t b_row, int64_t b_col, char *c, int64_t c_row, int64_t c_col, char *scratch) {        \
        T *pa = (T *)scratch, *pb = pa + MC * RT_MATMUL_KC;                                                           \
        v##D acc[RT_MR][RT_NV];                                                                                       \
        for (int64_t j0 = 0; j0 < n; j0 += NC) {                                                                      \
            const int64_t nc = MIN(NC, n - j0);                                                                       \
            for (int64_t p0 = 0; p0 < k; p0 += RT_MATMUL_KC) {                                                        \
                const int64_t kc = MIN(RT_MATMUL_KC, k - p0);                                                         \
                pack_##D(pb, NR_##D, nc, kc, b + p0 * b_row + j0 * b_col, b_col, b_row);                              \
                for (int64_t i0 = 0; i0 < m; i0 += MC) {                                                              \
                    const int64_t mc = MIN(MC, m - i0);                                                               \
                    pack_##D(pa, RT_MR, mc, kc, a + i0 * a_row + p0 * a_col, a_row, a_col);                           \
                    for (int64_t i = 0; i < mc; i += RT_MR)                                                           \
                        for (int64_t j = 0; j < nc; j += NR_##D) {                                                    \
                            tile_##D(kc, pa + i * kc, pb + j * kc, acc);                                              \
                            store_##D(acc, MIN(RT_MR, mc - i), MIN(NR_##D, nc - j), p0 == 0,                          \
                                      c + (i0 + i) * c_row + (j0 + j) * c_col, c_row, c_col);                         \
                        }                                                                                             \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
    }

DEFINE_GEMM(f32, float)
DEFINE_GEMM(f64, double)
DEFINE_GEMM(i64, int64_t)

void RT_FN(rt_fill_matmul)(rt_kernels *k) {
    k->gemm[RT_F32] = gemm_f32;
    k->gemm[RT_F64] = gemm_f64;
    k->gemm[RT_I64] = gemm_i64;
    k->gemm_scratch = (int64_t)sizeof(double) * RT_MATMUL_KC * (MC + NC);
}

/* SPDX-License-Identifier: MIT
 *
 * convolution.c: the tiles of a convolution's products, in the chains of matmul.c; one side of each product is not
 * unfolded but read from the image through a table of offsets.
 *
 *   across  C (rows, NR) = A (rows, k) X (k, NR): A packed as [k][rows]; row p of X are the NR adjacent places of the
 *           image from offset[p] on: a tap of one channel, at NR neighbouring results.
 *   along   C (rows, NR) = X (rows, k) B (k, NR): B packed as [k][NR]; row i of X is a tap of one channel, at place[p]
 *           from row[i] on for result p.
 *
 * Offsets are in bytes. C is added to unless it is the first block of k. Images come from the runtime in planes padded
 * with zeros, with room for a whole tile behind the last place.
 */
#include "kernels.h"
#include "simd.h"

#define ALONG (RT_MR < RT_CONV_ALONG ? RT_MR : RT_CONV_ALONG)
#define INLINE static inline __attribute__((always_inline))

#define DEFINE_TILES(D, T)                                                                                             \
    enum { SIZE_##D = sizeof(T), W_##D = RT_VBYTES / SIZE_##D, NR_##D = RT_NV * W_##D };                               \
                                                                                                                       \
    INLINE void put_##D(int rows, v##D acc[RT_MR][RT_NV], int first, char *c, int64_t c_row) {                         \
        for (int i = 0; i < rows; i++, c += c_row)                                                                     \
            for (int j = 0; j < RT_NV; j++) {                                                                          \
                v##D##_any *at = (v##D##_any *)c + j;                                                                  \
                *at = (v##D##_any)(first ? acc[i][j] : (v##D) * at + acc[i][j]);                                       \
            }                                                                                                          \
    }                                                                                                                  \
                                                                                                                       \
    INLINE void across_##D(int rows, int64_t k, const char *a, const char *x, const int64_t *offset, int first,        \
                           char *c, int64_t c_row) {                                                                   \
        v##D acc[RT_MR][RT_NV];                                                                                        \
        for (int i = 0; i < rows; i++)                                                                                 \
            for (int j = 0; j < RT_NV; j++) acc[i][j] = (v##D){0};                                                     \
        for (int64_t p = 0; p < k; p++, a += rows * SIZE_##D) {                                                        \
            const v##D##_any *const at = (const v##D##_any *)(x + offset[p]);                                          \
            v##D b[RT_NV];                                                                                             \
            for (int j = 0; j < RT_NV; j++) b[j] = (v##D)at[j];                                                        \
            for (int i = 0; i < rows; i++) {                                                                           \
                const v##D w = v_splat_##D(((const T *)a)[i]);                                                         \
                for (int j = 0; j < RT_NV; j++) acc[i][j] = v_fma_##D(w, b[j], acc[i][j]);                             \
            }                                                                                                          \
        }                                                                                                              \
        put_##D(rows, acc, first, c, c_row);                                                                           \
    }                                                                                                                  \
                                                                                                                       \
    INLINE void along_##D(int rows, int64_t k, const char *x, const int64_t *row, const int64_t *place, const char *b, \
                          int first, char *c, int64_t c_row) {                                                         \
        v##D acc[RT_MR][RT_NV];                                                                                        \
        const char *from[RT_MR];                                                                                       \
        for (int i = 0; i < rows; i++) {                                                                               \
            from[i] = x + row[i];                                                                                      \
            for (int j = 0; j < RT_NV; j++) acc[i][j] = (v##D){0};                                                     \
        }                                                                                                              \
        for (int64_t p = 0; p < k; p++, b += NR_##D * SIZE_##D) {                                                      \
            v##D bv[RT_NV];                                                                                            \
            for (int j = 0; j < RT_NV; j++) bv[j] = (v##D) * ((const v##D##_any *)b + j);                              \
            for (int i = 0; i < rows; i++) {                                                                           \
                const v##D xv = v_splat_##D(*(const T *)(from[i] + place[p]));                                         \
                for (int j = 0; j < RT_NV; j++) acc[i][j] = v_fma_##D(xv, bv[j], acc[i][j]);                           \
            }                                                                                                          \
        }                                                                                                              \
        put_##D(rows, acc, first, c, c_row);                                                                           \
    }                                                                                                                  \
                                                                                                                       \
    static void put_row_##D(const char *from, int64_t n, const char *bias, char *to, int64_t step) {                   \
        const T *const f = (const T *)from;                                                                            \
        if (step == SIZE_##D && !bias) {                                                                               \
            memcpy(to, from, (size_t)n * SIZE_##D);                                                                    \
        } else if (step == SIZE_##D) {                                                                                 \
            const T b = *(const T *)bias;                                                                              \
            for (int64_t i = 0; i < n; i++) ((T *)to)[i] = f[i] + b;                                                   \
        } else if (bias) {                                                                                             \
            for (int64_t i = 0; i < n; i++) *(T *)(to + i * step) = f[i] + *(const T *)bias;                           \
        } else {                                                                                                       \
            for (int64_t i = 0; i < n; i++) *(T *)(to + i * step) = f[i];                                              \
        }                                                                                                              \
    }

DEFINE_TILES(f32, float)
DEFINE_TILES(f64, double)

/* A tile of every height up to RT_MR. */
#define DEFINE_ACROSS(D, ROWS)                                                                                 \
    static void across_##ROWS##_##D(int64_t k, const char *a, const char *x, const int64_t *offset, int first, \
                                    char *c, int64_t c_row) {                                                  \
        across_##D(ROWS, k, a, x, offset, first, c, c_row);                                                    \
    }
#define DEFINE_ALONG(D, ROWS)                                                                                         \
    static void along_##ROWS##_##D(int64_t k, const char *x, const int64_t *row, const int64_t *place, const char *b, \
                                   int first, char *c, int64_t c_row) {                                               \
        along_##D(ROWS, k, x, row, place, b, first, c, c_row);                                                        \
    }
#define HEIGHTS_4(X, D) X(D, 1) X(D, 2) X(D, 3) X(D, 4)
#if RT_MR == 12
#define HEIGHTS_6(X, D) HEIGHTS_4(X, D) X(D, 5) X(D, 6)
#define HEIGHTS(X, D) HEIGHTS_6(X, D) X(D, 7) X(D, 8) X(D, 9) X(D, 10) X(D, 11) X(D, 12)
#elif RT_MR == 8
#define HEIGHTS_6(X, D) HEIGHTS_4(X, D) X(D, 5) X(D, 6)
#define HEIGHTS(X, D) HEIGHTS_6(X, D) X(D, 7) X(D, 8)
#elif RT_MR == 6
#define HEIGHTS_6(X, D) HEIGHTS_4(X, D) X(D, 5) X(D, 6)
#define HEIGHTS(X, D) HEIGHTS_6(X, D)
#elif RT_MR == 4
#define HEIGHTS_6(X, D) HEIGHTS_4(X, D)
#define HEIGHTS(X, D) HEIGHTS_4(X, D)
#else
#error "a list of heights is needed"
#endif
HEIGHTS(DEFINE_ACROSS, f32)
HEIGHTS(DEFINE_ACROSS, f64)
HEIGHTS_6(DEFINE_ALONG, f32)
HEIGHTS_6(DEFINE_ALONG, f64)

void RT_FN(rt_fill_convolution)(rt_kernels *k) {
    _Static_assert(RT_MR <= RT_CONV_ACROSS, "a tile is too high");
#define ENTER_ACROSS(D, ROWS) conv->across[ROWS] = across_##ROWS##_##D;
#define ENTER_ALONG(D, ROWS) conv->along[ROWS] = along_##ROWS##_##D;
#define ENTER(CODE, D)                                                                                   \
    {                                                                                                    \
        rt_conv *const conv = &k->conv[CODE];                                                            \
        HEIGHTS(ENTER_ACROSS, D)                                                                         \
        HEIGHTS_6(ENTER_ALONG, D)                                                                        \
        conv->put_row = put_row_##D, conv->width = NR_##D, conv->high = RT_MR, conv->high_along = ALONG; \
    }
    ENTER(RT_F32, f32)
    ENTER(RT_F64, f64)
}

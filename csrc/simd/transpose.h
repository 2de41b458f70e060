/* SPDX-License-Identifier: MIT
 *
 * transpose.h: square blocks turned in registers.
 *
 *   v_turn_<bytes of an item>(out, stride_out, in, stride_in)
 *
 * turns RT_TURN_<bytes> rows of as many items. A block of n rows takes log2 n rounds, each of which interleaves row i with
 * row i + n / 2: one round doubles the runs that came from one column. With AVX2 the wide items first put row i and row
 * i + n / 2 into the halves of one register, since its interleaving stays within halves.
 */
#ifndef RTCH_TRANSPOSE_H
#define RTCH_TRANSPOSE_H

#include "simd.h"

#if defined(__clang__)
#define RT_SHUFFLE(a, b, M, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define RT_SHUFFLE(a, b, M, ...) __builtin_shuffle(a, b, (M){__VA_ARGS__})
#endif

#define RT_TURN_1 16
#define RT_TURN_2 8

/* LOW and HIGH: the lanes that interleave the lower and the upper halves of two vectors. */
#define RT_DEFINE_TURN(N, T, COUNT, LOW, HIGH)                                                        \
    typedef T vturn_##N __attribute__((vector_size(16)));                                             \
    typedef T vturn_##N##_any __attribute__((vector_size(16), aligned(1), may_alias));                \
    static inline void v_turn_##N(char *out, int64_t stride_out, const char *in, int64_t stride_in) { \
        vturn_##N a[COUNT], b[COUNT];                                                                 \
        _Pragma("GCC unroll 16") for (int i = 0; i < COUNT; i++) {                                    \
            a[i] = *(const vturn_##N##_any *)(in + i * stride_in);                                    \
        }                                                                                             \
        _Pragma("GCC unroll 4") for (int run = 1; run < COUNT; run *= 2) {                            \
            _Pragma("GCC unroll 8") for (int i = 0; i < COUNT / 2; i++) {                             \
                b[2 * i] = RT_SHUFFLE(a[i], a[i + COUNT / 2], vturn_##N, LOW);                        \
                b[2 * i + 1] = RT_SHUFFLE(a[i], a[i + COUNT / 2], vturn_##N, HIGH);                   \
            }                                                                                         \
            _Pragma("GCC unroll 16") for (int i = 0; i < COUNT; i++) a[i] = b[i];                     \
        }                                                                                             \
        _Pragma("GCC unroll 16") for (int i = 0; i < COUNT; i++) {                                    \
            *(vturn_##N##_any *)(out + i * stride_out) = (vturn_##N##_any)a[i];                       \
        }                                                                                             \
    }

#define RT_LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define RT_HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define RT_LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define RT_HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
RT_DEFINE_TURN(1, uint8_t, 16, RT_LOW_16, RT_HIGH_16)
RT_DEFINE_TURN(2, uint16_t, 8, RT_LOW_8, RT_HIGH_8)

#if defined(__AVX2__)
#define RT_TURN_4 8
#define RT_TURN_8 4

static inline void v_turn_4(char *out, int64_t stride_out, const char *in, int64_t stride_in) {
    __m256 a[4], b[4];
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) { /* columns 0 to 3 give the rows 0 to 3 of the result, then 4 to 7 */
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const float *low = (const float *)(const void *)(in + i * stride_in + 16 * half);
            const float *high = (const float *)(const void *)(in + (i + 4) * stride_in + 16 * half);
            a[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
        }
        b[0] = _mm256_unpacklo_ps(a[0], a[2]), b[1] = _mm256_unpackhi_ps(a[0], a[2]);
        b[2] = _mm256_unpacklo_ps(a[1], a[3]), b[3] = _mm256_unpackhi_ps(a[1], a[3]);
        float *const to = (float *)(void *)(out + 4 * half * stride_out);
        const int64_t step = stride_out / 4;
        _mm256_storeu_ps(to, _mm256_unpacklo_ps(b[0], b[2]));
        _mm256_storeu_ps(to + step, _mm256_unpackhi_ps(b[0], b[2]));
        _mm256_storeu_ps(to + 2 * step, _mm256_unpacklo_ps(b[1], b[3]));
        _mm256_storeu_ps(to + 3 * step, _mm256_unpackhi_ps(b[1], b[3]));
    }
}

static inline void v_turn_8(char *out, int64_t stride_out, const char *in, int64_t stride_in) {
    __m256d a[2];
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            const double *low = (const double *)(const void *)(in + i * stride_in + 16 * half);
            const double *high = (const double *)(const void *)(in + (i + 2) * stride_in + 16 * half);
            a[i] = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(low)), _mm_loadu_pd(high), 1);
        }
        double *const to = (double *)(void *)(out + 2 * half * stride_out);
        _mm256_storeu_pd(to, _mm256_unpacklo_pd(a[0], a[1]));
        _mm256_storeu_pd(to + stride_out / 8, _mm256_unpackhi_pd(a[0], a[1]));
    }
}
#else
#define RT_TURN_4 4
#define RT_TURN_8 2
#define RT_LOW_4 0, 4, 1, 5
#define RT_HIGH_4 2, 6, 3, 7
#define RT_LOW_2 0, 2
#define RT_HIGH_2 1, 3
RT_DEFINE_TURN(4, uint32_t, 4, RT_LOW_4, RT_HIGH_4)
RT_DEFINE_TURN(8, uint64_t, 2, RT_LOW_2, RT_HIGH_2)
#endif

#endif

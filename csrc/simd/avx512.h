/* SPDX-License-Identifier: MIT
 * avx512.h: AVX-512 F, DQ, BW and VL. 32 registers: a 12 x 2 tile of accumulators. */
#include <immintrin.h>

#define RT_VBYTES 64
#define RT_MR 12
#define RT_NV 2

#define v_sqrt_f32(a) ((vf32)_mm512_sqrt_ps((__m512)(a)))
#define v_sqrt_f64(a) ((vf64)_mm512_sqrt_pd((__m512d)(a)))
#define v_fma_f32(a, b, c) ((vf32)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define v_fma_f64(a, b, c) ((vf64)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#define v_min_f32(a, b) ((vf32)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define v_min_f64(a, b) ((vf64)_mm512_min_pd((__m512d)(a), (__m512d)(b)))
#define v_any_i32(mask) (_mm512_test_epi32_mask((__m512i)(mask), (__m512i)(mask)) != 0)
#define v_product_u64(a, b) ((vu64)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#define v_any_i64(mask) (_mm512_test_epi64_mask((__m512i)(mask), (__m512i)(mask)) != 0)
#define v_max_f32(a, b) ((vf32)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define v_max_f64(a, b) ((vf64)_mm512_max_pd((__m512d)(a), (__m512d)(b)))
#define v_low_f64(a) ((vf64)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)(a))))
#define v_high_f64(a) ((vf64)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)(a), 1)))
#define v_narrow_f32(low, high)                                                        \
    ((vf32)_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)(low))), \
                              _mm512_cvtpd_ps((__m512d)(high)), 1))
#define v_low_words(a, b) ((vi32)_mm512_shuffle_ps((__m512)(a), (__m512)(b), 0x88))
#define v_floor_f32(a) ((vf32)_mm512_roundscale_ps((__m512)(a), 9))
#define v_floor_f64(a) ((vf64)_mm512_roundscale_pd((__m512d)(a), 9))
#define v_ceil_f32(a) ((vf32)_mm512_roundscale_ps((__m512)(a), 10))
#define v_ceil_f64(a) ((vf64)_mm512_roundscale_pd((__m512d)(a), 10))
#define v_trunc_f32(a) ((vf32)_mm512_roundscale_ps((__m512)(a), 11))
#define v_trunc_f64(a) ((vf64)_mm512_roundscale_pd((__m512d)(a), 11))
#define v_round_f32(a) ((vf32)_mm512_roundscale_ps((__m512)(a), 8))
#define v_round_f64(a) ((vf64)_mm512_roundscale_pd((__m512d)(a), 8))
#define v_min_i32(a, b) ((vi32)_mm512_min_epi32((__m512i)(a), (__m512i)(b)))
#define v_max_i32(a, b) ((vi32)_mm512_max_epi32((__m512i)(a), (__m512i)(b)))
#define v_min_i64(a, b) ((vi64)_mm512_min_epi64((__m512i)(a), (__m512i)(b)))
#define v_max_i64(a, b) ((vi64)_mm512_max_epi64((__m512i)(a), (__m512i)(b)))

#define v_16_(p, step, i) _mm_loadu_ps((const float *)((p) + (i) * (step)))
#define v_load_16s(p, step)                                                                                     \
    ((vf32)_mm512_insertf32x4(                                                                                  \
        _mm512_insertf32x4(_mm512_insertf32x4(_mm512_castps128_ps512(v_16_(p, step, 0)), v_16_(p, step, 1), 1), \
                           v_16_(p, step, 2), 2),                                                               \
        v_16_(p, step, 3), 3))
#define v_zip_lo_32(a, b) ((vf32)_mm512_unpacklo_ps((__m512)(a), (__m512)(b)))
#define v_zip_hi_32(a, b) ((vf32)_mm512_unpackhi_ps((__m512)(a), (__m512)(b)))
#define v_zip_lo_64(a, b) ((vf64)_mm512_unpacklo_pd((__m512d)(a), (__m512d)(b)))
#define v_zip_hi_64(a, b) ((vf64)_mm512_unpackhi_pd((__m512d)(a), (__m512d)(b)))

/* SPDX-License-Identifier: MIT
 * avx2.h: AVX2 with FMA. 16 registers: a 6 x 2 tile of accumulators leaves four for operands. */
#include <immintrin.h>

#define RT_VBYTES 32
#define RT_MR 6
#define RT_NV 2

#define v_sqrt_f32(a) ((vf32)_mm256_sqrt_ps((__m256)(a)))
#define v_sqrt_f64(a) ((vf64)_mm256_sqrt_pd((__m256d)(a)))
#define v_fma_f32(a, b, c) ((vf32)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define v_fma_f64(a, b, c) ((vf64)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#define v_min_f32(a, b) ((vf32)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define v_min_f64(a, b) ((vf64)_mm256_min_pd((__m256d)(a), (__m256d)(b)))
#define v_any_i32(mask) (!_mm256_testz_si256((__m256i)(mask), (__m256i)(mask)))
#define v_product_u64(a, b) ((vu64)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#define v_any_i64(mask) (!_mm256_testz_si256((__m256i)(mask), (__m256i)(mask)))
#define v_max_f32(a, b) ((vf32)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define v_max_f64(a, b) ((vf64)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
#define v_low_f64(a) ((vf64)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)(a))))
#define v_high_f64(a) ((vf64)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)(a), 1)))
#define v_narrow_f32(low, high) \
    ((vf32)_mm256_set_m128(_mm256_cvtpd_ps((__m256d)(high)), _mm256_cvtpd_ps((__m256d)(low))))
#define v_low_words(a, b) ((vi32)_mm256_shuffle_ps((__m256)(a), (__m256)(b), 0x88))
#define v_floor_f32(a) ((vf32)_mm256_round_ps((__m256)(a), 9))
#define v_floor_f64(a) ((vf64)_mm256_round_pd((__m256d)(a), 9))
#define v_ceil_f32(a) ((vf32)_mm256_round_ps((__m256)(a), 10))
#define v_ceil_f64(a) ((vf64)_mm256_round_pd((__m256d)(a), 10))
#define v_trunc_f32(a) ((vf32)_mm256_round_ps((__m256)(a), 11))
#define v_trunc_f64(a) ((vf64)_mm256_round_pd((__m256d)(a), 11))
#define v_round_f32(a) ((vf32)_mm256_round_ps((__m256)(a), 8))
#define v_round_f64(a) ((vf64)_mm256_round_pd((__m256d)(a), 8))
#define v_min_i32(a, b) ((vi32)_mm256_min_epi32((__m256i)(a), (__m256i)(b)))
#define v_max_i32(a, b) ((vi32)_mm256_max_epi32((__m256i)(a), (__m256i)(b)))
#define v_min_i64(a, b) ((vi64)_mm256_blendv_epi8((__m256i)(a), (__m256i)(b), (__m256i)((a) > (b))))
#define v_max_i64(a, b) ((vi64)_mm256_blendv_epi8((__m256i)(b), (__m256i)(a), (__m256i)((a) > (b))))

#define v_load_16s(p, step)                                                               \
    ((vf32)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((const float *)(p))), \
                                _mm_loadu_ps((const float *)((p) + (step))), 1))
#define v_zip_lo_32(a, b) ((vf32)_mm256_unpacklo_ps((__m256)(a), (__m256)(b)))
#define v_zip_hi_32(a, b) ((vf32)_mm256_unpackhi_ps((__m256)(a), (__m256)(b)))
#define v_zip_lo_64(a, b) ((vf64)_mm256_unpacklo_pd((__m256d)(a), (__m256d)(b)))
#define v_zip_hi_64(a, b) ((vf64)_mm256_unpackhi_pd((__m256d)(a), (__m256d)(b)))

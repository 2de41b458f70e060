/* SPDX-License-Identifier: MIT
 * baseline.h: any CPU; the reference that the other instruction sets are tested against. The fused
 * multiply-add is computed exactly in integers (base/fma.h), with no promise of speed. */
#include "../base/fma.h"

#define RT_VBYTES 16
#define RT_MR 4
#define RT_NV 2

typedef float v_baseline_f32 __attribute__((vector_size(16)));
typedef double v_baseline_f64 __attribute__((vector_size(16)));

static inline v_baseline_f32 v_sqrt_f32(v_baseline_f32 a) {
    for (int i = 0; i < 4; i++) a[i] = __builtin_sqrtf(a[i]);
    return a;
}

static inline v_baseline_f64 v_sqrt_f64(v_baseline_f64 a) {
    for (int i = 0; i < 2; i++) a[i] = __builtin_sqrt(a[i]);
    return a;
}

static inline v_baseline_f32 v_fma_f32(v_baseline_f32 a, v_baseline_f32 b, v_baseline_f32 c) {
    for (int i = 0; i < 4; i++) c[i] = rt_fma_f32(a[i], b[i], c[i]);
    return c;
}

static inline v_baseline_f64 v_fma_f64(v_baseline_f64 a, v_baseline_f64 b, v_baseline_f64 c) {
    for (int i = 0; i < 2; i++) c[i] = rt_fma_f64(a[i], b[i], c[i]);
    return c;
}

#define v_min_f32(a, b) v_select_f32((a) < (b), a, b)
#define v_min_f64(a, b) v_select_f64((a) < (b), a, b)
#define v_any_i32(mask) v_any_i64((vi64)(mask))
#define v_product_u64(a, b) (((a) & 0xffffffff) * ((b) & 0xffffffff))
#define v_any_i64(mask) ((((vi64)(mask))[0] | ((vi64)(mask))[1]) != 0)
#define v_max_f32(a, b) v_select_f32((a) > (b), a, b)
#define v_max_f64(a, b) v_select_f64((a) > (b), a, b)

static inline v_baseline_f64 v_low_f64(v_baseline_f32 a) {
    return (v_baseline_f64){a[0], a[1]};
}

static inline v_baseline_f64 v_high_f64(v_baseline_f32 a) {
    return (v_baseline_f64){a[2], a[3]};
}

static inline v_baseline_f32 v_narrow_f32(v_baseline_f64 low, v_baseline_f64 high) {
    return (v_baseline_f32){(float)low[0], (float)low[1], (float)high[0], (float)high[1]};
}

typedef int32_t v_baseline_i32 __attribute__((vector_size(16)));

static inline v_baseline_i32 v_low_words(v_baseline_f64 a, v_baseline_f64 b) {
    const v_baseline_i32 c = (v_baseline_i32)a, d = (v_baseline_i32)b;
    return (v_baseline_i32){c[0], c[2], d[0], d[2]};
}

/* Adding 2^23 or 2^52 to a smaller magnitude rounds it to a whole number, ties to even; the others step from there.
 * Larger ones are whole, and NaN stays. The sign is put back, that of a zero too. */
typedef int64_t v_baseline_i64 __attribute__((vector_size(16)));

#define RT_DEFINE_ROUNDING(D, F, I, least, magic)                                 \
    static inline F v_rounded_##D(F a, F whole) {                                 \
        const I sign = (I)a & least, small = (F)((I)a & ~least) < (F){0} + magic; \
        return (F)((((I)whole | sign) & small) | ((I)a & ~small));                \
    }                                                                             \
    static inline F v_round_##D(F a) {                                            \
        const F m = (F)((I)a & ~least);                                           \
        return v_rounded_##D(a, (m + magic) - magic);                             \
    }                                                                             \
    static inline F v_trunc_##D(F a) {                                            \
        const F m = (F)((I)a & ~least), r = (m + magic) - magic;                  \
        return v_rounded_##D(a, r + __builtin_convertvector(r > m, F));           \
    }                                                                             \
    static inline F v_floor_##D(F a) {                                            \
        const F r = v_round_##D(a);                                               \
        return v_rounded_##D(a, r + __builtin_convertvector(r > a, F));           \
    }                                                                             \
    static inline F v_ceil_##D(F a) {                                             \
        const F r = v_round_##D(a);                                               \
        return v_rounded_##D(a, r - __builtin_convertvector(r < a, F));           \
    }
RT_DEFINE_ROUNDING(f32, v_baseline_f32, v_baseline_i32, INT32_MIN, 0x1p23f)
RT_DEFINE_ROUNDING(f64, v_baseline_f64, v_baseline_i64, INT64_MIN, 0x1p52)
#define v_min_i32(a, b) v_select_i32((a) > (b), b, a)
#define v_max_i32(a, b) v_select_i32((a) > (b), a, b)
#define v_min_i64(a, b) v_select_i64((a) > (b), b, a)
#define v_max_i64(a, b) v_select_i64((a) > (b), a, b)

static inline v_baseline_f32 v_load_16s(const char *p, int64_t step) {
    v_baseline_f32 x;
    (void)step;
    memcpy(&x, p, sizeof(x));
    return x;
}

#define v_zip_lo_32(a, b) ((v_baseline_f32){(a)[0], (b)[0], (a)[1], (b)[1]})
#define v_zip_hi_32(a, b) ((v_baseline_f32){(a)[2], (b)[2], (a)[3], (b)[3]})
#define v_zip_lo_64(a, b) ((v_baseline_f64){(a)[0], (b)[0]})
#define v_zip_hi_64(a, b) ((v_baseline_f64){(a)[1], (b)[1]})

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

/* SPDX-License-Identifier: MIT
 *
 * double_double.h: a number as an unevaluated sum hi + lo of two float64, about 106 bits.
 *
 * Dekker, "A floating-point technique for extending the available precision", 1971; products by fused multiply-add.
 */
#ifndef RTCH_DOUBLE_DOUBLE_H
#define RTCH_DOUBLE_DOUBLE_H

#include "simd.h"

typedef struct {
    vf64 hi, lo;
} vdd;

/* a + b, exactly, where |a| >= |b| or a is 0. */
static inline vdd v_fast_sum(vf64 a, vf64 b) {
    const vf64 s = a + b;
    return (vdd){s, (a - s) + b};
}

/* a + b, exactly. */
static inline vdd v_exact_sum(vf64 a, vf64 b) {
    const vf64 s = a + b, t = s - a;
    return (vdd){s, (a - (s - t)) + (b - t)};
}

/* a * b, exactly, short of underflow. */
static inline vdd v_exact_product(vf64 a, vf64 b) {
    const vf64 p = a * b;
    return (vdd){p, v_fma_f64(a, b, -p)};
}

/* a / b to about 2^-102. */
static inline vdd v_quotient(vdd a, vdd b) {
    const vf64 q = a.hi / b.hi;
    const vf64 rest = v_fma_f64(-q, b.lo, v_fma_f64(-q, b.hi, a.hi) + a.lo);
    return (vdd){q, rest / b.hi};
}

/* The square root to about 2^-102; 0 gives 0. */
static inline vdd v_root(vdd a) {
    const vf64 q = v_sqrt_f64(a.hi);
    const vf64 rest = (v_fma_f64(-q, q, a.hi) + a.lo) / (q + q);
    return (vdd){q, v_select_f64(a.hi > v_splat_f64(0), rest, v_splat_f64(0))};
}

static inline vdd v_select_dd(vi64 mask, vdd a, vdd b) {
    return (vdd){v_select_f64(mask, a.hi, b.hi), v_select_f64(mask, a.lo, b.lo)};
}

/* x + rest rounded to odd, from which a second rounding to float32 is right (Boldo and Melquiond, 2008); `rest` lies
 * within 1 ULP of x, and only its sign counts. */
static inline vf64 v_to_odd(vf64 x, vf64 rest) {
    const vi64 bits = (vi64)x;
    /* Away from zero adds one to the bits; a mask is -1. */
    const vi64 away = (vi64)((rest > v_splat_f64(0)) == (x > v_splat_f64(0)));
    const vi64 step = (rest != v_splat_f64(0)) & ((bits & 1) - 1);
    return (vf64)(bits + (step & (-(away + away) - 1)));
}

static inline vf64 v_round_to_odd(vdd a) {
    const vdd s = v_fast_sum(a.hi, a.lo);
    return v_to_odd(s.hi, s.lo);
}

#endif

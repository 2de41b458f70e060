/* SPDX-License-Identifier: MIT
 *
 * erf.h: the error function; gelu, x times the normal distribution function P(x) = erfc(-x / sqrt 2) / 2, and its
 * derivative. At infinities the limits.
 *
 * erf(x) = x E(x^2) below 3/4. Elsewhere, for z = |x|,
 *   erfc(z) = e^(-z^2) S(t) / (z + 3), t = (z - 3) / (z + 3)
 * with S(t) = (z + 3) e^(z^2) erfc(z), from 3 down to 0.56. Polynomials E and S by Remez' algorithm for the least
 * relative error.
 *
 * float32: erf in float64; E of degree 9, 2^-45.6; S of degree 15 for z <= 10.3, 2^-43.8; left to the float64 algorithm
 * where that does not decide the rounding, and correct for all 2^32 inputs (csrc/tests/exhaustive.c). gelu in float32,
 * one algorithm on all instruction sets, S / 2 of degree 9, 2^-24.3: within 4.6 ULP below 0 and 1.3 above, its
 * derivative within 2^-22 of the gradient's size.
 *
 * float64, one algorithm on all instruction sets: E of degree 16 and S of degree 25 for z <= 27.5, 2^-63, their leading
 * terms, the exponential and the quotient as sums of two float64: erf is under 0.8 ULP, gelu, with E where
 * z < 1/2, under 2. The derivative of gelu is in plain float64: within some units of 2^-53 of the gradient's size.
 */
#ifndef RTCH_ERF_H
#define RTCH_ERF_H

#include "math/exp.h"
#include "math/exp_below.h"
#include "math/polynomial.h"
#include "math/sigmoid.h"

/* (z + 3) e^(z^2) erfc(z) / 2 by powers of (z - 3) / (z + 3) */
static const float rt_tail_f32[] = {
    0x1.12f21ep-1f,  -0x1.c44c4ap-2f,  0x1.2e3254p-2f,  -0x1.3dea76p-3f,  0x1.e99f10p-5f,
    -0x1.b7d6e0p-7f, -0x1.49f848p-11f, 0x1.936cd4p-10f, -0x1.cb41e2p-13f, -0x1.39137ep-13f,
};

static const double rt_erf_f32[] = {
    0x1.20dd750429b0fp+0,  -0x1.812746b025ae0p-2,  0x1.ce2f219724eebp-4,  -0x1.b82ce14446752p-6,
    0x1.565b9e58bf0f1p-8,  -0x1.c028410a2e181p-11, 0x1.f93f72e6a1473p-14, -0x1.f05e4ca158faep-17,
    0x1.9a9402880c08bp-20, -0x1.c096263a0434ap-24,
};
static const double rt_erfc_f32[] = {
    0x1.12f21ddd9f627p+0,   -0x1.c44c471bad8d4p-1,  0x1.2e326945d80c2p-1,   -0x1.3deb213f3f240p-2,
    0x1.e995f12397d08p-4,   -0x1.b78996ea533bep-6,  -0x1.3dd417cdd7c7fp-10, 0x1.8daf3153c459dp-9,
    -0x1.1f745328c0f44p-11, -0x1.225ee55951a47p-12, 0x1.c244e17be691cp-14,  0x1.01b641aec164cp-15,
    -0x1.1a3b0b5806ce0p-16, -0x1.4cc869294fce8p-18, 0x1.f199b4260e765p-20,  0x1.89229c85ab9ddp-21,
};
/* From the second term on. */
static const double rt_erf_f64[] = {
    -0x1.812746b0379e7p-2,  0x1.ce2f21a042be2p-4,  -0x1.b82ce31288b51p-6,  0x1.565bcd0e6a53fp-8,
    -0x1.c02db40040b66p-11, 0x1.f9a326f9b81b3p-14, -0x1.f4d25c3df5b51p-17, 0x1.b9e6c9d9911c4p-20,
    -0x1.5f742e81490bdp-23, 0x1.fcc568cca981bp-27, -0x1.51d69e5d5198dp-30, 0x1.9e6178b413df0p-34,
    -0x1.d7bd7749f7760p-38, 0x1.f0ff258c1a20ap-42, -0x1.ce1dab8912bdfp-46, 0x1.26d0327c481e2p-50,
};
/* From the third term on. */
static const double rt_erfc_f64[] = {
    0x1.2e326945de2b8p-1,   -0x1.3deb21415dc79p-2, 0x1.e995f11b16e81p-4,   -0x1.b78993d6bb4dcp-6,
    -0x1.3dd3e70fea36bp-10, 0x1.8dae3a2c2918dp-9,  -0x1.1f78e142309fcp-11, -0x1.2238ff7f35c66p-12,
    0x1.c325315ee367fp-14,  0x1.fe00224e8e166p-16, -0x1.251a12fde0623p-16, -0x1.3ec6611fee2dbp-18,
    0x1.7306a0da4c878p-19,  0x1.0cb7d5cf617f2p-20, -0x1.b3cdea2242e05p-22, -0x1.fca2fa3b09f5ap-23,
    0x1.738acbf6cda54p-25,  0x1.cd2edeabe281bp-25, 0x1.8ee8fa6fba028p-30,  -0x1.522e5768e31f5p-27,
    -0x1.2faa09b1482ccp-29, 0x1.0fece48d5ff4dp-30, 0x1.e4c1d11d6630ap-32,  0x1.0d00fb34a4588p-35,
};
#define V_ERFC_0 0x1.12f21ddd9f5e2p+0
#define V_ERFC_0_LOW (-0x1.96149ebf9d183p-54)
#define V_ERFC_1 (-0x1.c44c471baa376p-1)
#define V_ERFC_1_LOW (-0x1.2c8b36231b180p-55)
#define V_ROOT_HALF 0x1.6a09e667f3bcdp-1
#define V_ROOT_HALF_LOW (-0x1.bdd3413b26456p-55)
#define V_NORMAL_PEAK 0x1.9884533d43651p-2 /* 1 / sqrt(2 pi) */

/* float64 -------------------------------------------------------------------------------------------------------- */

/* erfc(z) = 2^k of the result, where z = z.hi + z.lo is in [0, 27.6] and square is z^2. */
static inline vdd v_erfc_dd(vdd z, vdd square, vi64 *k) {
    const v_exp_parts e = v_exp_split(-square.hi, -square.lo);
    const vdd m = v_exp_sum(e), d = v_exact_sum(z.hi, v_splat_f64(3.0));
    const vf64 t = (z.hi - 3.0) / d.hi;
    const vdd rest = v_exact_product(t, V_POLYNOMIAL(rt_erfc_f64, t));
    const vdd slope = v_exact_sum(v_splat_f64(V_ERFC_1), rest.hi), first = v_exact_product(t, slope.hi);
    const vf64 slope_low = slope.lo + (rest.lo + V_ERFC_1_LOW);
    const vdd s = v_exact_sum(v_splat_f64(V_ERFC_0), first.hi);
    const vf64 s_low = s.lo + v_fma_f64(t, slope_low, first.lo + V_ERFC_0_LOW);
    const vdd q = v_quotient((vdd){s.hi, s_low}, (vdd){d.hi, d.lo + z.lo});
    const vdd p = v_exact_product(m.hi, q.hi);
    *k = e.k;
    return v_fast_sum(p.hi, p.lo + v_fma_f64(m.hi, q.lo, m.lo * q.hi));
}

/* erf(z) for z + z_low in [0, 1], whose square is given. */
static inline vdd v_erf_near_dd(vf64 z, vf64 z_low, vf64 square) {
    const vf64 w = v_fma_f64(square, V_POLYNOMIAL(rt_erf_f64, square), v_splat_f64(0x1.1ae3a914fed80p-56));
    const vdd first = v_exact_product(z, v_splat_f64(0x1.20dd750429b6dp+0));
    return v_fast_sum(first.hi, v_fma_f64(z, w, v_fma_f64(z_low, v_splat_f64(0x1.20dd750429b6dp+0), first.lo)));
}

/* z in [0, 6] */
static inline vdd v_erf_dd(vf64 z) {
    const vdd square = v_exact_product(z, z), near = v_erf_near_dd(z, v_splat_f64(0), square.hi);
    vi64 k;
    const vdd c = v_erfc_dd((vdd){z, v_splat_f64(0)}, square, &k);
    const vf64 h = v_two_to(k);
    const vdd one_less = v_fast_sum(v_splat_f64(1.0), -(h * c.hi));
    return v_select_dd(z < v_splat_f64(0.75), near, (vdd){one_less.hi, one_less.lo - h * c.lo});
}

static inline vf64 v_erf_f64(vf64 x) {
    const vdd r = v_erf_dd(v_min_f64(v_splat_f64(6), v_abs_f64(x)));
    return v_with_sign_f64(v_abs_f64(r.hi + r.lo), x);
}

static inline vf64 v_gelu_f64(vf64 x) {
    const vf64 a = v_min_f64(v_splat_f64(39), v_abs_f64(x)), y = v_max_f64(v_splat_f64(-39), x);
    const vdd z = v_exact_product(a, v_splat_f64(V_ROOT_HALF)), square = v_exact_product(a, a);
    const vf64 z_low = v_fma_f64(a, v_splat_f64(V_ROOT_HALF_LOW), z.lo);
    vi64 k;
    const vdd far = v_erfc_dd((vdd){z.hi, z_low}, (vdd){square.hi * 0.5, square.lo * 0.5}, &k);
    const vdd erf = v_erf_near_dd(z.hi, z_low, square.hi * 0.5), one_less = v_fast_sum(v_splat_f64(1.0), -erf.hi);
    const vi64 near = z.hi < v_splat_f64(0.5);
    const vdd c = v_select_dd(near, (vdd){one_less.hi, one_less.lo - erf.lo}, far);
    k = k & ~near;
    const vdd below = v_exact_product(y, c.hi);
    const vf64 h = v_two_to(k - 1); /* without meaning beyond 9 */
    const vdd p = v_fast_sum(v_splat_f64(1.0), -(h * c.hi));
    const vdd above = v_exact_product(y, p.hi);
    vf64 r = above.hi + v_fma_f64(y, p.lo - h * c.lo, above.lo);
    r = v_select_f64(x < v_splat_f64(0), v_scale(below.hi + v_fma_f64(y, c.lo, below.lo), k - 1), r);
    return v_with_sign_f64(v_abs_f64(v_select_f64(x > v_splat_f64(9), x, r)), x);
}

/* g (P(x) + x P'(x)) */
static inline vf64 v_gelu_grad_f64(vf64 g, vf64 x) {
    x = v_clamp_f64(x, 39);
    const vf64 a = v_abs_f64(x), z = a * V_ROOT_HALF, d = z + 3.0, t = (z - 3.0) / d;
    const vf64 e = v_exp_f64(a * a * -0.5);
    const vf64 slope = v_fma_f64(t, V_POLYNOMIAL(rt_erfc_f64, t), v_splat_f64(V_ERFC_1));
    const vf64 s = v_fma_f64(t, slope, v_splat_f64(V_ERFC_0));
    const vf64 half = e * (s / d) * 0.5, p = v_select_f64(x < v_splat_f64(0), half, 1.0 - half);
    return g * v_fma_f64(x * V_NORMAL_PEAK, e, p);
}

/* float32 -------------------------------------------------------------------------------------------------------- */

/* e^(z^2) erfc(z) for z in [0, 6] */
static inline vf64 v_erfc_scaled_close(vf64 z) {
    const vf64 q = 1.0 / (z + 3.0);
    return V_ESTRIN(rt_erfc_f32, (z - 3.0) * q) * q;
}

/* z in [0, 6] */
static inline vf64 v_erf_close(vf64 z) {
    const vf64 square = z * z, near = z * V_ESTRIN(rt_erf_f32, square);
    const vf64 far = 1.0 - v_exp_close(-square) * v_erfc_scaled_close(z);
    return v_select_f64(z < v_splat_f64(0.75), near, far);
}

/* e = e^(-a^2 / 2) and erfc(a / sqrt 2) / (2 e) for a in [0, 15] */
static inline vf32 v_normal_tail_f32(vf32 a, vf32 *e) {
    const vf32 square = a * a, low = v_fma_f32(a, a, -square), z = a * (float)V_ROOT_HALF, q = 1.0f / (z + 3.0f);
    const vf32 near = v_exp_below_f32(square * -0.5f), t = v_fma_f32(z * q, v_splat_f32(2), v_splat_f32(-1));
    vf32 s = v_splat_f32(rt_tail_f32[9]);
    for (int i = 8; i >= 0; i--) s = v_fma_f32(s, t, v_splat_f32(rt_tail_f32[i]));
    *e = v_fma_f32(near, low * -0.5f, near);
    return s * q;
}

/* max(x, 0) - |x| P(-|x|), which cancels nowhere; the small factor comes last, so that a subnormal result is rounded there. */
static inline vf32 v_gelu_f32(vf32 x) {
    const vf32 a = v_min_f32(v_splat_f32(15), v_abs_f32(x));
    vf32 e;
    const vf32 tail = v_normal_tail_f32(a, &e);
    return v_with_sign_f32(v_abs_f32(v_max_f32(v_splat_f32(0), x) - a * tail * e), x);
}

/* g (P(x) + x P'(x)); of x below 0 the slope is d = P(-|x|) - |x| P'(x), above it is 1 - d. */
static inline vf32 v_gelu_grad_f32(vf32 g, vf32 x) {
    const vf32 a = v_min_f32(v_splat_f32(15), v_abs_f32(x));
    vf32 e;
    const vf32 tail = v_normal_tail_f32(a, &e);
    const vf32 d = e * v_fma_f32(a, v_splat_f32(-(float)V_NORMAL_PEAK), tail);
    return g * v_select_f32(x < v_splat_f32(0), d, 1.0f - d);
}

static inline vf64 v_erf_odd(vf64 z) {
    return v_round_to_odd(v_erf_dd(z));
}

V_RARE vf32 v_erf_rare(vf32 x) {
    return v_narrow_f32(v_erf_odd(v_low_f64(x)), v_erf_odd(v_high_f64(x)));
}

V_DEFINE_BY_HALVES_OR_RARE(v_erf_in_f32, v_erf_close, v_splat_i32(0), v_erf_rare)

static inline vf32 v_erf_f32(vf32 x) {
    return v_with_sign_f32(v_erf_in_f32(v_min_f32(v_splat_f32(6), v_abs_f32(x))), x);
}

#endif

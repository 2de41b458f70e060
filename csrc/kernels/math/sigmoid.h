/* SPDX-License-Identifier: MIT
 *
 * sigmoid.h: the logistic function 1 / (1 + e^-x), x times it, silu, and that of x w, w = k1 + k3 x^2, which is gelu by
 * tanh; derivatives of the two. At infinities the limits.
 *
 * float32: these formulas in float64; sigmoid is left to the float64 algorithm where that does not decide the rounding,
 * as close to 0, where the result is nearly 1/2 + x/4, and is correct for all 2^32 inputs (csrc/tests/exhaustive.c), the others are
 * within 0.5001 ULP of what float64 holds of them.
 *
 * float64, one algorithm on all instruction sets: t = e^-|x|, 1 + t and their quotient as sums of two float64; below -40
 * e^x alone. Under 0.6 ULP. The derivatives are in plain float64: within some units of 2^-53 of the gradient's size.
 */
#ifndef RTCH_SIGMOID_H
#define RTCH_SIGMOID_H

#include "math/exp.h"

#define V_GELU_K1 0x1.9884533d43651p+0 /* 2 sqrt(2 / pi) */
#define V_GELU_K1_LOW (-0x1.cbc0d30ebfd15p-54)
#define V_GELU_K3 0x1.2444f2a4d8b4bp-4 /* 0.044715 times that */
#define V_GELU_K3_LOW (-0x1.6c843a29d1c70p-61)

static inline vf64 v_clamp_f64(vf64 x, double bound) {
    return v_max_f64(v_splat_f64(-bound), v_min_f64(v_splat_f64(bound), x));
}

/* float64 -------------------------------------------------------------------------------------------------------- */

/* t / (1 + t) where x is below 0, else 1 / (1 + t), t = 2^k s for k > -1000 */
static inline vdd v_sigmoid_quotient(vi64 below, vdd s, vi64 k) {
    const vf64 h = v_two_to(k);
    const vdd t = {h * s.hi, h * s.lo}, d = v_fast_sum(v_splat_f64(1.0), t.hi);
    const vdd one = {v_splat_f64(1.0), v_splat_f64(0)};
    return v_quotient(v_select_dd(below, t, one), (vdd){d.hi, d.lo + t.lo});
}

/* y sigmoid(x + x_low) for |x| <= 800; y has the sign that the result gets, and is given where x > 40. */
static inline vf64 v_times_sigmoid(vf64 y, vf64 x, vf64 x_low) {
    const vi64 below = x < v_splat_f64(0);
    const v_exp_parts e = v_exp_split(-v_abs_f64(x), v_select_f64(below, x_low, -x_low));
    const vdd s = v_exp_sum(e), far = v_exact_product(y, s.hi);
    const vdd q = v_sigmoid_quotient(below, s, e.k); /* without meaning far out */
    const vdd near = v_exact_product(y, q.hi);
    vf64 r = near.hi + (near.lo + y * q.lo);
    r = v_select_f64(x < v_splat_f64(-40), v_scale(far.hi + (far.lo + y * s.lo), e.k), r);
    return v_with_sign_f64(v_abs_f64(v_select_f64(x > v_splat_f64(40), y, r)), y);
}

static inline vf64 v_sigmoid_f64(vf64 x) {
    return v_times_sigmoid(v_splat_f64(1.0), v_clamp_f64(x, 800), v_splat_f64(0));
}

static inline vf64 v_silu_f64(vf64 x) {
    return v_times_sigmoid(v_max_f64(v_splat_f64(-800), x), v_clamp_f64(x, 800), v_splat_f64(0));
}

static inline vf64 v_gelu_tanh_f64(vf64 x) {
    const vf64 y = v_clamp_f64(x, 22);
    const vdd square = v_exact_product(y, y), c = v_exact_product(square.hi, v_splat_f64(V_GELU_K3));
    const vf64 c_low = v_fma_f64(square.hi, v_splat_f64(V_GELU_K3_LOW), c.lo + square.lo * V_GELU_K3);
    const vdd w = v_exact_sum(v_splat_f64(V_GELU_K1), c.hi);
    const vf64 w_low = w.lo + (c_low + V_GELU_K1_LOW);
    const vdd z = v_exact_product(y, w.hi);
    const vdd argument = v_fast_sum(z.hi, v_fma_f64(y, w_low, z.lo));
    return v_times_sigmoid(v_max_f64(v_splat_f64(-22), x), argument.hi, argument.lo);
}

/* sigmoid(x) = s and 1 - s = c, without cancellation, in plain float64. */
static inline vf64 v_sigmoid_and_rest(vf64 x, vf64 e, vf64 *c) {
    const vi64 below = x < v_splat_f64(0);
    const vf64 r = 1.0 / (1.0 + e), er = e * r;
    *c = v_select_f64(below, r, er);
    return v_select_f64(below, er, r);
}

/* g silu'(x), e = e^-|x| */
static inline vf64 v_silu_slope(vf64 g, vf64 x, vf64 e) {
    vf64 c;
    const vf64 s = v_sigmoid_and_rest(x, e, &c);
    return g * (s * v_fma_f64(x, c, v_splat_f64(1.0)));
}

/* x w, and in dw its derivative. */
static inline vf64 v_gelu_argument(vf64 x, vf64 *dw) {
    const vf64 square = x * x;
    *dw = v_fma_f64(square, v_splat_f64(3 * V_GELU_K3), v_splat_f64(V_GELU_K1));
    return x * v_fma_f64(square, v_splat_f64(V_GELU_K3), v_splat_f64(V_GELU_K1));
}

/* g times the derivative of x sigmoid(z), e = e^-|z| */
static inline vf64 v_gelu_tanh_slope(vf64 g, vf64 x, vf64 z, vf64 dw, vf64 e) {
    vf64 c;
    const vf64 s = v_sigmoid_and_rest(z, e, &c);
    return g * (s * v_fma_f64(x * c, dw, v_splat_f64(1.0)));
}

static inline vf64 v_silu_grad_f64(vf64 g, vf64 x) {
    x = v_clamp_f64(x, 800);
    return v_silu_slope(g, x, v_exp_f64(-v_abs_f64(x)));
}

static inline vf64 v_gelu_tanh_grad_f64(vf64 g, vf64 x) {
    vf64 dw;
    x = v_clamp_f64(x, 22);
    const vf64 z = v_gelu_argument(x, &dw);
    return v_gelu_tanh_slope(g, x, z, dw, v_exp_f64(-v_abs_f64(z)));
}

/* float32 -------------------------------------------------------------------------------------------------------- */

/* |x| <= 150 */
static inline vf64 v_sigmoid_close(vf64 x) {
    return 1.0 / (1.0 + v_exp_close(-x));
}

static inline vf64 v_silu_close(vf64 x) {
    return v_max_f64(v_splat_f64(-150), x) / (1.0 + v_exp_close(-v_clamp_f64(x, 150)));
}

static inline vf64 v_gelu_tanh_close(vf64 x) {
    vf64 dw;
    const vf64 y = v_clamp_f64(x, 12);
    return v_max_f64(v_splat_f64(-12), x) / (1.0 + v_exp_close(-v_gelu_argument(y, &dw)));
}

/* Slopes are cut where float32 has nothing left of them, whatever g is. */
static inline vf64 v_silu_grad_close(vf64 g, vf64 x) {
    x = v_clamp_f64(x, 250);
    return v_silu_slope(g, x, v_exp_close(-v_abs_f64(x)));
}

static inline vf64 v_gelu_tanh_grad_close(vf64 g, vf64 x) {
    vf64 dw;
    x = v_clamp_f64(x, 16);
    const vf64 z = v_gelu_argument(x, &dw);
    return v_gelu_tanh_slope(g, x, z, dw, v_exp_close(-v_abs_f64(z)));
}

static inline vf64 v_sigmoid_odd(vf64 x) {
    const v_exp_parts e = v_exp_split(-v_abs_f64(x), v_splat_f64(0));
    return v_round_to_odd(v_sigmoid_quotient(x < v_splat_f64(0), v_exp_sum(e), e.k));
}

V_RARE vf32 v_sigmoid_rare(vf32 x) {
    return v_narrow_f32(v_sigmoid_odd(v_low_f64(x)), v_sigmoid_odd(v_high_f64(x)));
}

V_DEFINE_BY_HALVES_OR_RARE(v_sigmoid_in_f32, v_sigmoid_close, v_splat_i32(0), v_sigmoid_rare)
V_DEFINE_BY_HALVES(v_silu_f32, v_silu_close)
V_DEFINE_BY_HALVES(v_gelu_tanh_f32, v_gelu_tanh_close)
V_DEFINE_PAIR_BY_HALVES(v_silu_grad_f32, v_silu_grad_close)
V_DEFINE_PAIR_BY_HALVES(v_gelu_tanh_grad_f32, v_gelu_tanh_grad_close)

static inline vf32 v_sigmoid_f32(vf32 x) {
    return v_sigmoid_in_f32(v_exp_clamp_f32(x));
}

#endif

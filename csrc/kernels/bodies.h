/* SPDX-License-Identifier: MIT
 *
 * bodies.h: one line per elementwise op. A body is an expression over vectors of the dtype at hand; loops.h turns it
 * into a loop over adjacent elements, over a repeated operand, and over any strides. Which dtypes an op has is the
 * table's to say. Complex bodies stand in complex.c.
 *
 * Results are exact or correctly rounded, save the float64 functions (within 1 ULP; see their headers).
 */
#ifndef RTCH_BODIES_H
#define RTCH_BODIES_H

#include "math/asin.h"
#include "math/atan.h"
#include "math/erf.h"
#include "math/hyperbolic.h"
#include "math/hypot.h"
#include "math/logaddexp.h"
#include "math/pow.h"
#include "math/remainder.h"
#include "math/rounding.h"
#include "math/rsqrt.h"
#include "math/sigmoid.h"
#include "math/sincos.h"
#include "math/tan.h"
#include "order.h"

/* Unary: a is a vector. */
#define BODY_positive(a) (a)
#define BODY_negative(a) (-(a))
#define BODY_abs(a) V_SELECT((a) <= V_SPLAT(0), V_SPLAT(0) - (a), a) /* 0 - -0 is +0 */
#define BODY_sign(a)                       \
    V_SELECT((a) > V_SPLAT(0), V_SPLAT(1), \
             V_SELECT((a) < V_SPLAT(0), V_SPLAT(-1), V_SELECT((a) == V_SPLAT(0), V_SPLAT(0), a)))
#define BODY_relu(a) V_SELECT((a) <= V_SPLAT(0), V_SPLAT(0), a)
#define BODY_square(a) ((a) * (a))
#define BODY_reciprocal(a) (V_SPLAT(1) / (a))
#define BODY_sqrt(a) V_NAME(v_sqrt)(a)
#define BODY_exp(a) V_NAME(v_exp)(a)
#define BODY_expm1(a) V_NAME(v_expm1)(a)
#define BODY_log(a) V_NAME(v_log)(a)
#define BODY_log1p(a) V_NAME(v_log1p)(a)
#define BODY_log2(a) V_NAME(v_log2)(a)
#define BODY_log10(a) V_NAME(v_log10)(a)
#define BODY_sinh(a) V_NAME(v_sinh)(a)
#define BODY_cosh(a) V_NAME(v_cosh)(a)
#define BODY_tanh(a) V_NAME(v_tanh)(a)
#define BODY_asinh(a) V_NAME(v_asinh)(a)
#define BODY_acosh(a) V_NAME(v_acosh)(a)
#define BODY_atanh(a) V_NAME(v_atanh)(a)
#define BODY_sin(a) V_NAME(v_sin)(a)
#define BODY_cos(a) V_NAME(v_cos)(a)
#define BODY_tan(a) V_NAME(v_tan)(a)
#define BODY_asin(a) V_NAME(v_asin)(a)
#define BODY_acos(a) V_NAME(v_acos)(a)
#define BODY_atan(a) V_NAME(v_atan)(a)
#define BODY_floor(a) V_NAME(v_floor)(a)
#define BODY_ceil(a) V_NAME(v_ceil)(a)
#define BODY_trunc(a) V_NAME(v_trunc)(a)
#define BODY_round(a) V_NAME(v_round)(a)
#define BODY_rsqrt(a) V_NAME(v_rsqrt)(a)
#define BODY_exp2(a) V_NAME(v_exp2)(a)
#define BODY_erf(a) V_NAME(v_erf)(a)
#define BODY_sigmoid(a) V_NAME(v_sigmoid)(a)
#define BODY_softplus(a) V_NAME(v_logaddexp)(a, V_SPLAT(0))
#define BODY_gelu(a) V_NAME(v_gelu)(a)
#define BODY_gelu_tanh(a) V_NAME(v_gelu_tanh)(a)
#define BODY_silu(a) V_NAME(v_silu)(a)
#define BODY_hardsigmoid(a) \
    V_SELECT((a) <= V_SPLAT(-3), V_SPLAT(0), V_SELECT((a) >= V_SPLAT(3), V_SPLAT(1), ((a) + V_SPLAT(3)) / V_SPLAT(6)))
#define BODY_hardswish(a)                                                                                        \
    ((a) * V_SELECT((a) <= V_SPLAT(-3), V_SPLAT(0), V_SELECT((a) >= V_SPLAT(3), V_SPLAT(6), (a) + V_SPLAT(3))) / \
     V_SPLAT(6))
#define BODY_bitwise_invert(a) V_INVERT(a)
#define BODY_logical_not(a) ((a) ^ 1)

/* Predicates: the result is a mask. */
#define BODY_isnan(a) ((a) != (a))
#define BODY_isinf(a) (((a) == V_SPLAT(__builtin_inf())) | ((a) == V_SPLAT(-__builtin_inf())))
#define BODY_isfinite(a) ((a) - (a) == V_SPLAT(0))
#define BODY_signbit(a) ((V_MASK)(a) < 0)

/* Binary. */
#define BODY_add(a, b) ((a) + (b))
#define BODY_subtract(a, b) ((a) - (b))
#define BODY_multiply(a, b) ((a) * (b))
#define BODY_divide(a, b) ((a) / (b))
#define BODY_pow(a, b) V_NAME(v_pow)(a, b)
#define BODY_hypot(a, b) V_NAME(v_hypot)(a, b)
#define BODY_logaddexp(a, b) V_NAME(v_logaddexp)(a, b)
#define BODY_atan2(a, b) V_NAME(v_atan2)(a, b)
#define BODY_copysign(a, b) V_NAME(v_copysign)(a, b)
#define BODY_nextafter(a, b) V_NAME(v_nextafter)(a, b)
#define BODY_remainder(a, b) V_NAME(v_remainder)(a, b)
#define BODY_floor_divide(a, b) V_NAME(v_floor_divide)(a, b)
#define BODY_maximum(a, b) V_NAME(v_maximum)(a, b)
#define BODY_minimum(a, b) V_NAME(v_minimum)(a, b)
#define BODY_leaky_relu(a, b) V_SELECT((a) > V_SPLAT(0), a, (a) * (b))
#define BODY_leaky_relu_slope(a, b) V_SELECT((a) > V_SPLAT(0), V_SPLAT(1), b)
#define BODY_relu_grad(a, b) V_SELECT((b) <= V_SPLAT(0), V_SPLAT(0), a)
#define BODY_sigmoid_grad(a, b) ((a) * (V_SPLAT(1) - (b)) * (b))
#define BODY_binary_cross_entropy(a, b)                                         \
    (((b) - V_SPLAT(1)) * V_NAME(v_max)(V_SPLAT(-100), V_NAME(v_log1p)(-(a))) - \
     (b) * V_NAME(v_max)(V_SPLAT(-100), V_NAME(v_log)(a)))
#define BODY_gelu_grad(a, b) V_NAME(v_gelu_grad)(a, b)
#define BODY_gelu_tanh_grad(a, b) V_NAME(v_gelu_tanh_grad)(a, b)
#define BODY_silu_grad(a, b) V_NAME(v_silu_grad)(a, b)
#define BODY_hardshrink(a, b) V_SELECT(((a) >= -(b)) & ((a) <= (b)), V_SPLAT(0), a)
#define BODY_softshrink(a, b) \
    V_SELECT(((a) >= -(b)) & ((a) <= (b)), V_SPLAT(0), V_SELECT((a) < V_SPLAT(0), (a) + (b), (a) - (b)))
#define BODY_shrink_grad(a, b) V_SELECT((b) == V_SPLAT(0), V_SPLAT(0), a)
#define BODY_hardsigmoid_grad(a, b) V_SELECT(((b) <= V_SPLAT(-3)) | ((b) >= V_SPLAT(3)), V_SPLAT(0), (a) / V_SPLAT(6))
#define BODY_hardswish_grad(a, b) \
    V_SELECT((b) <= V_SPLAT(-3), V_SPLAT(0), V_SELECT((b) >= V_SPLAT(3), a, (a) * (((b) + V_SPLAT(1.5)) / V_SPLAT(3))))
#define BODY_bitwise_and(a, b) ((a) & (b))
#define BODY_bitwise_or(a, b) ((a) | (b))
#define BODY_bitwise_xor(a, b) ((a) ^ (b))
#define BODY_bitwise_left_shift(a, b) V_NAME(v_left)(a, b)
#define BODY_bitwise_right_shift(a, b) V_NAME(v_right)(a, b)
#define BODY_logical_and(a, b) ((a) & (b))
#define BODY_logical_or(a, b) ((a) | (b))
#define BODY_logical_xor(a, b) ((a) ^ (b))

/* Compare: the result is a mask. */
#define BODY_equal(a, b) ((a) == (b))
#define BODY_not_equal(a, b) ((a) != (b))
#define BODY_less(a, b) ((a) < (b))
#define BODY_less_equal(a, b) ((a) <= (b))
#define BODY_greater(a, b) ((a) > (b))
#define BODY_greater_equal(a, b) ((a) >= (b))

/* Shifts by the width or more, or by a negative number, move every bit out; SIGN(a) is what fills from the left. */
#define RT_ALL_SIGN(a) ((a) >> (8 * sizeof((a)[0]) - 1))
#define RT_NO_SIGN(a) ((a) ^ (a))
#define RT_SHIFT(D, T, UNSIGNED, SIGN)                                                             \
    static inline v##D v_left_##D(v##D a, v##D b) {                                                \
        const v##D inside = (v##D)((v##UNSIGNED)b < (uint8_t)(8 * sizeof(T)));                     \
        return (v##D)((v##UNSIGNED)a << ((v##UNSIGNED)b & (uint8_t)(8 * sizeof(T) - 1))) & inside; \
    }                                                                                              \
    static inline v##D v_right_##D(v##D a, v##D b) {                                               \
        const v##D inside = (v##D)((v##UNSIGNED)b < (uint8_t)(8 * sizeof(T)));                     \
        return ((a >> (b & (T)(8 * sizeof(T) - 1))) & inside) | (SIGN(a) & ~inside);               \
    }
RT_SHIFT(i8, int8_t, u8, RT_ALL_SIGN)
RT_SHIFT(i16, int16_t, u16, RT_ALL_SIGN)
RT_SHIFT(i32, int32_t, u32, RT_ALL_SIGN)
RT_SHIFT(i64, int64_t, u64, RT_ALL_SIGN)
RT_SHIFT(u8, uint8_t, u8, RT_NO_SIGN)
RT_SHIFT(u16, uint16_t, u16, RT_NO_SIGN)
RT_SHIFT(u32, uint32_t, u32, RT_NO_SIGN)
RT_SHIFT(u64, uint64_t, u64, RT_NO_SIGN)

#endif

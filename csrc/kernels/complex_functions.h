/* SPDX-License-Identifier: MIT
 *
 * complex_functions.h: the elementary functions of a complex number, in double, from the real ones. Special values and
 * branch cuts are those of C99 Annex G, which the Array API standard repeats. Scalar code: right, with fixed bits, and no
 * promise of speed.
 *
 * sqrt, asin and acos follow Kahan, "Branch cuts for complex elementary functions" (1987); the others are the addition
 * theorems. Away from zeros of a part, each part is within some ULP of the larger one.
 */
#ifndef RTCH_COMPLEX_FUNCTIONS_H
#define RTCH_COMPLEX_FUNCTIONS_H

#include "complex_numbers.h"
#include "math/asin.h"
#include "math/atan.h"
#include "math/exp.h"
#include "math/hyperbolic.h"
#include "math/log.h"
#include "math/rounding.h"
#include "math/sincos.h"

/* The real functions, which are those of float64. */
#define REAL(name)                                \
    static inline double real_##name(double x) {  \
        return v_##name##_f64(v_splat_f64(x))[0]; \
    }
REAL(exp)
REAL(expm1)
REAL(log)
REAL(log1p)
REAL(sin)
REAL(cos)
REAL(sinh)
REAL(cosh)
REAL(asinh)
REAL(round)

static inline double real_atan2(double y, double x) {
    return v_atan2_f64(v_splat_f64(y), v_splat_f64(x))[0];
}

static inline double fused(double a, double b, double c) {
    return v_fma_f64(v_splat_f64(a), v_splat_f64(b), v_splat_f64(c))[0];
}

static inline z i_times(z a) {
    return make(-a.im, a.re);
}

static inline z minus_i_times(z a) {
    return make(a.im, -a.re);
}

static inline z z_sqrt(z a) {
    if (a.re == 0 && a.im == 0) return make(0, a.im);
    if (is_infinite(a.im)) return make(Z_INFINITY, a.im);
    if (is_infinite(a.re)) {
        const double other = a.im != a.im ? a.im : 0.0;
        return a.re > 0 ? make(a.re, with_sign(other, a.im)) : make(other, with_sign(Z_INFINITY, a.im));
    }
    if (is_nan(a)) return make(Z_NAN, Z_NAN);
    const int by = -(exponent(a) & ~1); /* even, so that its half is exact */
    const z s = scaled_z(a, by);
    const double t = root((real_abs(s.re) + magnitude(s)) * 0.5);
    const z r = a.re >= 0 ? make(t, s.im / (2 * t)) : make(real_abs(s.im) / (2 * t), with_sign(t, a.im));
    return scaled_z(r, -by / 2);
}

/* e^re (cos im, sin im); the factor is halved where it would overflow before the product does. */
static inline z z_exp(z a) {
    if (is_infinite(a.re)) {
        if (a.re < 0) {
            if (is_infinite(a.im) || a.im != a.im) return make(0, 0);
            return make(0 * real_cos(a.im), 0 * real_sin(a.im));
        }
        if (a.im == 0) return a;
        if (is_infinite(a.im) || a.im != a.im) return make(Z_INFINITY, Z_NAN);
        return make(Z_INFINITY * real_cos(a.im), Z_INFINITY * real_sin(a.im));
    }
    if (a.re != a.re) return make(Z_NAN, a.im == 0 ? a.im : Z_NAN);
    if (is_infinite(a.im) || a.im != a.im) return make(Z_NAN, Z_NAN);
    if (a.im == 0) return make(real_exp(a.re), a.im);
    const double c = real_cos(a.im), s = real_sin(a.im);
    if (a.re > 700) {
        const double half = real_exp(a.re * 0.5);
        return make(half * c * half, half * s * half);
    }
    const double e = real_exp(a.re);
    return make(e * c, e * s);
}

/* (expm1 re cos im - 2 sin^2(im / 2), e^re sin im): no cancellation near 0. */
static inline z z_expm1(z a) {
    if (is_nan(a) || is_inf(a) || a.re > 700) {
        const z e = z_exp(a);
        return make(a.re != a.re && a.im == 0 ? Z_NAN : e.re - 1, e.im);
    }
    const double h = real_sin(a.im * 0.5), m = real_expm1(a.re);
    return make(times(m, real_cos(a.im)) - 2 * times(h, h), (m + 1) * real_sin(a.im));
}

/* log |a|: near |a| = 1 half of log1p(re^2 + im^2 - 1), the sum with the rounding errors of the squares. */
static inline double log_magnitude(z a) {
    if (is_inf(a)) return Z_INFINITY;
    if (is_nan(a)) return Z_NAN;
    const double x = real_abs(a.re), y = real_abs(a.im), big = x > y ? x : y, small = x > y ? y : x;
    if (big == 0) return -Z_INFINITY;
    if (big > 0.5 && big < 2) {
        const double b = times(big, big), b_low = fused(big, big, -b), s = times(small, small),
                     s_low = fused(small, small, -s);
        const double sum = (b - 1) + s;
        const double sum_low = (((b - 1) - sum) + s) + (b_low + s_low);
        if (sum > -0.75 && sum < 3) return real_log1p(sum + sum_low) * 0.5;
    }
    const int by = -exponent(make(big, small));
    const z n = scaled_z(make(big, small), by);
    /* n is in [1, 2 sqrt 2): log |n| and the power of two apart. */
    return real_log(times(n.re, n.re) + times(n.im, n.im)) * 0.5 - (double)by * 0.6931471805599453;
}

static inline z z_log(z a) {
    return make(log_magnitude(a), real_atan2(a.im, a.re));
}

/* log(1 + a); for small a half of log1p(2 re + |a|^2). */
static inline z z_log1p(z a) {
    const z next = make(1 + a.re, a.im);
    if (is_nan(a) || is_inf(a)) return z_log(next);
    if (real_abs(a.re) < 0.5 && real_abs(a.im) < 0.5) {
        const double sum = fused(a.re, a.re, times(a.im, a.im));
        return make(real_log1p(2 * a.re + sum) * 0.5, real_atan2(a.im, next.re));
    }
    return z_log(next);
}

static inline z z_log2(z a) {
    const z l = z_log(a);
    return make(l.re * 1.4426950408889634, l.im * 1.4426950408889634);
}

static inline z z_log10(z a) {
    const z l = z_log(a);
    return make(l.re * 0.4342944819032518, l.im * 0.4342944819032518);
}

static inline z z_cosh(z a) {
    const double x = a.re, y = a.im;
    if (is_infinite(x)) {
        if (y == 0) return make(Z_INFINITY, with_sign(0, x) * with_sign(1, y));
        if (is_infinite(y) || y != y) return make(Z_INFINITY, Z_NAN);
        return make(Z_INFINITY * real_cos(y), x * real_sin(y));
    }
    if (x != x) return make(Z_NAN, y == 0 ? with_sign(0, y) : Z_NAN);
    if (is_infinite(y) || y != y) return make(Z_NAN, x == 0 ? 0 : Z_NAN);
    if (y == 0) return make(real_cosh(x), with_sign(0, x) * with_sign(1, y));
    const double c = real_cos(y), s = real_sin(y);
    if (real_abs(x) > 700) {
        const double half = real_exp(real_abs(x) * 0.5);
        return make(half * c * 0.5 * half, with_sign(half, x) * s * 0.5 * half);
    }
    return make(real_cosh(x) * c, real_sinh(x) * s);
}

static inline z z_sinh(z a) {
    const double x = a.re, y = a.im;
    if (is_infinite(x)) {
        if (y == 0) return make(x, y);
        if (is_infinite(y) || y != y) return make(Z_INFINITY, Z_NAN);
        return make(x * real_cos(y), Z_INFINITY * real_sin(y));
    }
    if (x != x) return make(Z_NAN, y == 0 ? y : Z_NAN);
    if (is_infinite(y) || y != y) return make(x == 0 ? x : Z_NAN, Z_NAN);
    if (y == 0) return make(real_sinh(x), y);
    const double c = real_cos(y), s = real_sin(y);
    if (real_abs(x) > 700) {
        const double half = real_exp(real_abs(x) * 0.5);
        return make(with_sign(half, x) * c * 0.5 * half, half * s * 0.5 * half);
    }
    return make(real_sinh(x) * c, real_cosh(x) * s);
}

/* (sinh x cosh x, sin y cos y) / (sinh^2 x + cos^2 y); beyond 22 tanh x is 1 and the rest decays as 4 e^-2x. */
static inline z z_tanh(z a) {
    const double x = a.re, y = a.im;
    if (x != x) return make(Z_NAN, y == 0 ? y : Z_NAN);
    if (is_infinite(y) || y != y) {
        if (is_infinite(x)) return make(with_sign(1, x), 0);
        return make(x == 0 ? x : Z_NAN, Z_NAN);
    }
    if (is_infinite(x)) return make(with_sign(1, x), y == 0 ? y : with_sign(0, times(real_sin(y), real_cos(y))));
    const double c = real_cos(y), s = real_sin(y);
    if (real_abs(x) > 22) {
        const double e = real_exp(-real_abs(x));
        return make(with_sign(1, x), times(s, c) * 4 * e * e);
    }
    const double sh = real_sinh(x), ch = real_cosh(x), d = times(sh, sh) + times(c, c);
    return make(times(sh, ch) / d, y == 0 ? y : times(s, c) / d);
}

static inline z z_sin(z a) {
    return minus_i_times(z_sinh(i_times(a)));
}

static inline z z_cos(z a) {
    return z_cosh(i_times(a));
}

static inline z z_tan(z a) {
    return minus_i_times(z_tanh(i_times(a)));
}

#define LARGE 1e150 /* 1 - z^2 is -z^2 to the last bit, and squares do not overflow */
#define PI_2 1.5707963267948966

static inline z z_acos(z a) {
    const double x = a.re, y = a.im;
    if (x != x) return is_infinite(y) ? make(Z_NAN, -y) : make(Z_NAN, Z_NAN);
    if (y != y) return is_infinite(x) ? make(Z_NAN, -Z_INFINITY) : make(x == 0 ? PI_2 : Z_NAN, Z_NAN);
    if (is_infinite(x) || is_infinite(y) || real_abs(x) > LARGE || real_abs(y) > LARGE) {
        const double angle = real_atan2(real_abs(y), x); /* acos z ~ arg z - i log 2z on the upper side */
        return make(angle, with_sign(log_magnitude(a) + 0.6931471805599453, -y));
    }
    const z minus = z_sqrt(make(1 - x, -y)), plus = z_sqrt(make(1 + x, y));
    return make(2 * real_atan2(minus.re, plus.re), real_asinh(times(plus.re, minus.im) - times(plus.im, minus.re)));
}

static inline z z_asin(z a) {
    const double x = a.re, y = a.im;
    if (x != x) return make(Z_NAN, is_infinite(y) ? y : Z_NAN);
    if (y != y) return is_infinite(x) ? make(Z_NAN, x) : make(x == 0 ? x : Z_NAN, Z_NAN);
    if (is_infinite(x) || is_infinite(y) || real_abs(x) > LARGE || real_abs(y) > LARGE) {
        const double angle = real_atan2(real_abs(x), real_abs(y));
        return make(with_sign(angle, x), with_sign(log_magnitude(a) + 0.6931471805599453, y));
    }
    const z minus = z_sqrt(make(1 - x, -y)), plus = z_sqrt(make(1 + x, y));
    return make(real_atan2(x, times(minus.re, plus.re) - times(minus.im, plus.im)),
                real_asinh(times(minus.re, plus.im) - times(minus.im, plus.re)));
}

static inline z z_asinh(z a) {
    if (a.re != a.re && is_infinite(a.im)) return make(Z_INFINITY, Z_NAN);
    return minus_i_times(z_asin(i_times(a)));
}

/* i acos z or -i acos z, whichever has a real part of +0 or more. */
static inline z z_acosh(z a) {
    const double x = a.re, y = a.im;
    if (x != x) return make(is_infinite(y) ? Z_INFINITY : Z_NAN, Z_NAN);
    if (y != y) return is_infinite(x) ? make(Z_INFINITY, Z_NAN) : make(Z_NAN, x == 0 ? PI_2 : Z_NAN);
    const z c = z_acos(a);
    return make(real_abs(c.im), with_sign(c.re, y));
}

/* (1/4 log1p(4x / ((1 - x)^2 + y^2)), 1/2 atan2(2y, (1 - x)(1 + x) - y^2)), for x >= 0 and odd in z. */
static inline z z_atanh(z a) {
    const double x = real_abs(a.re), y = a.im;
    if (is_nan(a)) {
        if (is_infinite(a.re)) return make(with_sign(0, a.re), Z_NAN);
        if (is_infinite(y)) return make(with_sign(0, a.re), with_sign(PI_2, y));
        return make(a.re == 0 ? a.re : Z_NAN, Z_NAN);
    }
    if (x > LARGE || real_abs(y) > LARGE) { /* atanh z = 1/z + i pi/2 */
        const z inverse = is_inf(a) ? make(0, 0) : divide(make(1, 0), make(x, y));
        return make(with_sign(real_abs(inverse.re), a.re), with_sign(PI_2, y));
    }
    const double gap = 1 - x, d = times(gap, gap) + times(y, y);
    const double re = x == 1 && y == 0 ? Z_INFINITY
                      : d == 0         ? (0.6931471805599453 - real_log(real_abs(y))) * 0.5
                                       : real_log1p(4 * x / d) * 0.25;
    const double im = y == 0 && x <= 1 ? y : real_atan2(2 * y, times(gap, 1 + x) - times(y, y)) * 0.5;
    return make(with_sign(re, a.re), im);
}

static inline z z_atan(z a) {
    return minus_i_times(z_atanh(i_times(a)));
}

/* exp(b log a); 1 for b = 0, and 0 or infinite where a = 0. */
static inline z z_pow(z a, z b) {
    if (b.re == 0 && b.im == 0) return make(1, 0);
    if (a.re == 0 && a.im == 0) {
        if (b.re > 0) return make(0, 0);
        return b.im == 0 ? make(Z_INFINITY, Z_NAN) : make(Z_NAN, Z_NAN);
    }
    return z_exp(multiply(b, z_log(a)));
}

#endif

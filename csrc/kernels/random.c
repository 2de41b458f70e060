/* SPDX-License-Identifier: MIT
 *
 * random.c: element i of a call comes from Philox(key = seed, counter = offset + i) alone.
 *
 * uniform: the upper 53 bits over 2^53, in [0, 1).
 * normal: the inverse normal distribution function of (2 k + 1) / 2^53, k the upper 52 bits; Wichura's
 * algorithm AS 241 (PPND16, relative error about 1e-16), in plain + - * / and sqrt, with a logarithm by its
 * atanh series.
 */
#include "kernels.h"
#include "simd.h"

static void uniform(double *out, int64_t n, uint64_t seed, uint64_t offset) {
    for (int64_t i = 0; i < n; i++)
        out[i] = (double)(int64_t)(rt_philox(seed, offset + (uint64_t)i, 0) >> 11) * 0x1p-53;
}

/* Natural logarithm of a normal positive number: 2 atanh((m - 1) / (m + 1)) + e ln 2 with m in
 * [0.707, 1.414). */
static double natural_log(double x) {
    uint64_t u;
    memcpy(&u, &x, 8);
    const int64_t e = (int64_t)((u - 0x3fe6a09e667f3bcdULL) >> 52) << 52 >> 52;
    u -= (uint64_t)e << 52;
    double m;
    memcpy(&m, &u, 8);
    const double s = (m - 1.0) / (m + 1.0), z = s * s;
    double p = 1.0 / 23;
    p = p * z + 1.0 / 21;
    p = p * z + 1.0 / 19;
    p = p * z + 1.0 / 17;
    p = p * z + 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    return (double)e * 0x1.62e42fefa39efp-1 + (s + s * (z * p)) * 2.0;
}

static double inverse_normal(double u) {
    const double q = u - 0.5;
    if (q >= -0.425 && q <= 0.425) {
        const double r = 0.180625 - q * q;
        const double above =
            (((((((2.5090809287301226727e+3 * r + 3.3430575583588128105e+4) * r + 6.7265770927008700853e+4) * r +
                 4.5921953931549871457e+4) *
                    r +
                1.3731693765509461125e+4) *
                   r +
               1.9715909503065514427e+3) *
                  r +
              1.3314166789178437745e+2) *
                 r +
             3.3871328727963666080e+0);
        const double below =
            (((((((5.2264952788528545610e+3 * r + 2.8729085735721942674e+4) * r + 3.9307895800092710610e+4) * r +
                 2.1213794301586595867e+4) *
                    r +
                5.3941960214247511077e+3) *
                   r +
               6.8718700749205790830e+2) *
                  r +
              4.2313330701600911252e+1) *
                 r +
             1.0);
        return q * above / below;
    }
    double r = __builtin_sqrt(-natural_log(q < 0 ? u : 1.0 - u));
    double above, below;
    if (r <= 5.0) {
        r -= 1.6;
        above = (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r +
                     1.27045825245236838258e+0) *
                        r +
                    3.64784832476320460504e+0) *
                       r +
                   5.76949722146069140550e+0) *
                      r +
                  4.63033784615654529590e+0) *
                     r +
                 1.42343711074968357734e+0);
        below = (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r +
                     1.48103976427480074590e-1) *
                        r +
                    6.89767334985100004550e-1) *
                       r +
                   1.67638483018380384940e+0) *
                      r +
                  2.05319162663775882187e+0) *
                     r +
                 1.0);
    } else {
        r -= 5.0;
        above = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r +
                     2.65321895265761230930e-2) *
                        r +
                    2.96560571828504891230e-1) *
                       r +
                   1.78482653991729133580e+0) *
                      r +
                  5.46378491116411436990e+0) *
                     r +
                 6.65790464350110377720e+0);
        below =
            (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r +
                 7.86869131145613259100e-4) *
                    r +
                1.48753612908506148525e-2) *
                   r +
               1.36929880922735805310e-1) *
                  r +
              5.99832206555887937690e-1) *
                 r +
             1.0);
    }
    return q < 0 ? -(above / below) : above / below;
}

static void normal(double *out, int64_t n, uint64_t seed, uint64_t offset) {
    for (int64_t i = 0; i < n; i++) {
        const uint64_t k = rt_philox(seed, offset + (uint64_t)i, 0) >> 12;
        out[i] = inverse_normal((double)(int64_t)(2 * k + 1) * 0x1p-53);
    }
}

static void normal_between(double *out, int64_t n, uint64_t seed, uint64_t offset, double low, double width) {
    for (int64_t i = 0; i < n; i++) {
        const uint64_t k = rt_philox(seed, offset + (uint64_t)i, 0) >> 12;
        const double p = low + width * ((double)(int64_t)(2 * k + 1) * 0x1p-53);
        out[i] = inverse_normal(p < 1.0 ? p : 1.0 - 0x1p-53); /* the sum may round to 1 */
    }
}

void RT_FN(rt_fill_random)(rt_kernels *k) {
    k->uniform = uniform;
    k->normal = normal;
    k->normal_between = normal_between;
}

/* SPDX-License-Identifier: MIT
 *
 * random.c: element i of a call comes from Philox(key = seed, counter = offset + i) alone.
 *
 * uniform: the upper 53 bits over 2^53, in [0, 1).
 * normal: the inverse normal distribution function of (2 k + 1) / 2^53, k the upper 52 bits; Wichura's
 * algorithm AS 241 (PPND16, relative error about 1e-16), in plain + - * / and sqrt, with a logarithm by its
 * atanh series. All lanes take the formula of the middle, 85 in 100; then those of the tails take theirs, packed together.
 *
 * Results are made in whole vectors: all have room for RT_DRAW elements, at 64-byte aligned addresses.
 */
#include "kernels.h"
#include "simd.h"

#define LANES ((int)(sizeof(vf64) / 8))

/* rt_philox of counters, attempt 0. Of c0 and c2 the upper 32 bits of a lane mean nothing, of the words that become c1
 * and c3 neither: the products leave them out. */
static inline vu64 philox(uint64_t seed, vu64 counter) {
    const vu64 m0 = v_splat_u64(0xD2511F53), m1 = v_splat_u64(0xCD9E8D57);
    vu64 c0 = counter, c1 = counter >> 32, c2 = v_splat_u64(0), c3 = c2;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        const vu64 p0 = v_product_u64(c0, m0), p1 = v_product_u64(c2, m1);
        c0 = p1 >> 32 ^ c1 ^ v_splat_u64(k0), c2 = p0 >> 32 ^ c3 ^ v_splat_u64(k1);
        c1 = p1, c3 = p0;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return c1 << 32 | (c0 & 0xffffffff);
}

static inline vu64 first_counters(uint64_t offset) {
    static const uint64_t steps[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return v_splat_u64(offset) + *(const vu64_any *)steps;
}

static void random_bits(uint64_t *out, int64_t n, uint64_t seed, uint64_t offset) {
    vu64 counter = first_counters(offset);
    for (int64_t i = 0; i < n; i += LANES, counter += (uint64_t)LANES) *(vu64 *)(out + i) = philox(seed, counter);
}

/* x < 2^52 as it is. */
static inline vf64 to_float(vu64 x) {
    return (vf64)(x | 0x4330000000000000) - 0x1p52;
}

static void uniform(double *out, int64_t n, uint64_t seed, uint64_t offset) {
    vu64 counter = first_counters(offset);
    for (int64_t i = 0; i < n; i += LANES, counter += (uint64_t)LANES) {
        const vu64 bits = philox(seed, counter) >> 11;
        *(vf64 *)(out + i) = to_float(bits >> 32) * 0x1p-21 + to_float(bits & 0xffffffff) * 0x1p-53; /* exact */
    }
}

/* Natural logarithm of normal positive numbers: 2 atanh((m - 1) / (m + 1)) + e ln 2 with m in [0.707, 1.414). */
static inline vf64 natural_log(vf64 x) {
    vu64 u = (vu64)x;
    const vu64 e = (u - 0x3fe6a09e667f3bcd + (1024ULL << 52)) >> 52; /* + 1024 */
    u -= (e - 1024) << 52;
    const vf64 m = (vf64)u, s = (m - 1.0) / (m + 1.0), z = s * s;
    vf64 p = v_splat_f64(1.0 / 23);
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
    return (to_float(e) - 1024.0) * 0x1.62e42fefa39efp-1 + (s + s * (z * p)) * 2.0;
}

/* Coefficients of AS 241, the highest power's first. */
static const double middle_above[8] = {2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4,
                                       4.5921953931549871457e+4, 1.3731693765509461125e+4, 1.9715909503065514427e+3,
                                       1.3314166789178437745e+2, 3.3871328727963666080e+0};
static const double middle_below[8] = {
    5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
    5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1.0};
static const double tail_above[8] = {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
                                     1.27045825245236838258e+0, 3.64784832476320460504e+0, 5.76949722146069140550e+0,
                                     4.63033784615654529590e+0, 1.42343711074968357734e+0};
static const double tail_below[8] = {
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940e+0, 2.05319162663775882187e+0, 1.0};
static const double far_above[8] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
                                    2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e+0,
                                    5.46378491116411436990e+0, 6.65790464350110377720e+0};
static const double far_below[8] = {
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2,  1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0};

static inline vf64 horner(const double *c, vf64 x) {
    vf64 p = c[0] * x + c[1];
    for (int i = 2; i < 8; i++) p = p * x + c[i];
    return p;
}

V_RARE vf64 far(vf64 r) {
    return horner(far_above, r - 5.0) / horner(far_below, r - 5.0);
}

static inline vf64 in_tail(vf64 p) {
    const vf64 q = p - 0.5, r = v_sqrt_f64(-natural_log(v_select_f64(q < 0.0, p, 1.0 - p)));
    const vi64 is_far = r > 5.0; /* about one in 10^11 */
    vf64 z = horner(tail_above, r - 1.6) / horner(tail_below, r - 1.6);
    if (__builtin_expect(v_any_i64(is_far), 0)) z = v_select_f64(is_far, far(r), z);
    return v_select_f64(q < 0.0, -z, z);
}

/* Normal numbers from probabilities. */
static void inverse_normal(const double *p, double *out, int64_t n) {
    double tail[RT_DRAW] __attribute__((aligned(64)));
    int32_t place[RT_DRAW];
    int n_tail = 0;
    for (int i = 0; i < (int)n; i++) {
        place[n_tail] = i;
        n_tail += __builtin_fabs(p[i] - 0.5) > 0.425;
    }
    for (int64_t i = 0; i < n; i += LANES) {
        const vf64 q = *(const vf64 *)(p + i) - 0.5, r = 0.180625 - q * q;
        *(vf64 *)(out + i) = q * horner(middle_above, r) / horner(middle_below, r);
    }
    for (int i = 0; i < n_tail; i++) tail[i] = p[place[i]];
    for (int i = n_tail; i % LANES; i++) tail[i] = 0.5;
    for (int i = 0; i < n_tail; i += LANES) {
        vf64 *const at = (vf64 *)(tail + i);
        *at = in_tail(*at);
    }
    for (int i = 0; i < n_tail; i++) out[place[i]] = tail[i];
}

/* (2 k + 1) / 2^53, exactly. */
static inline vf64 between_0_and_1(vu64 bits) {
    return (to_float(bits >> 12) + 0.5) * 0x1p-52;
}

static void normal(double *out, int64_t n, uint64_t seed, uint64_t offset) {
    double p[RT_DRAW] __attribute__((aligned(64)));
    vu64 counter = first_counters(offset);
    for (int64_t i = 0; i < n; i += LANES, counter += (uint64_t)LANES)
        *(vf64 *)(p + i) = between_0_and_1(philox(seed, counter));
    inverse_normal(p, out, n);
}

static void normal_between(double *out, int64_t n, uint64_t seed, uint64_t offset, double low, double width) {
    double p[RT_DRAW] __attribute__((aligned(64)));
    vu64 counter = first_counters(offset);
    for (int64_t i = 0; i < n; i += LANES, counter += (uint64_t)LANES) {
        const vf64 sum = low + width * between_0_and_1(philox(seed, counter));
        *(vf64 *)(p + i) = v_min_f64(sum, v_splat_f64(1.0 - 0x1p-53)); /* it may round to 1 */
    }
    inverse_normal(p, out, n);
}

#define DEFINE_PLACE(D, T)                                                                     \
    static void place_##D(const double *x, char *out, int64_t n, double shift, double scale) { \
        for (int64_t i = 0; i < n; i++) ((T *)out)[i] = (T)(shift + scale * x[i]);             \
    }
DEFINE_PLACE(f32, float)
DEFINE_PLACE(f64, double)

void RT_FN(rt_fill_random)(rt_kernels *k) {
    k->random_bits = random_bits;
    k->uniform = uniform;
    k->normal = normal;
    k->normal_between = normal_between;
    k->place[RT_F32] = place_f32;
    k->place[RT_F64] = place_f64;
}

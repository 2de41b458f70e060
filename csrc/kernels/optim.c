/* SPDX-License-Identifier: MIT
 *
 * optim.c: one optimiser step, elementwise, with the formulas and the order of PyTorch's reference implementation
 * (torch.optim, the variant for single tensors). Scalars are rounded to the parameter's dtype once; no result depends
 * on its neighbours, so that a step may be cut anywhere.
 *
 * t: the parameter, its gradient, then the state tensors a, b, c; NULL where the options have none. s: the numbers.
 */
#include "kernels.h"
#include "simd.h"

#define SQRT_f32(x) __builtin_sqrtf(x)
#define SQRT_f64(x) __builtin_sqrt(x)

/* A loop over i, inlined into the branch of its options, which are constants there. */
#define STEP static inline __attribute__((always_inline)) void

#define OPERANDS(T)                                   \
    T *restrict p = (T *)t[0];                        \
    const T *restrict g = (const T *)t[1];            \
    T *restrict a = (T *)t[2];                        \
    T *restrict b = (T *)t[3];                        \
    T *restrict c = (T *)t[4];                        \
    const T sign = flags & RT_STEP_MAXIMIZE ? -1 : 1; \
    (void)a, (void)b, (void)c

#define GRADIENT(T, weight_decay) const T d0 = sign * g[i], d = (weight_decay) != 0 ? d0 + (weight_decay) * p[i] : d0

#define DEFINE_OPTIM(D, T)                                                                                        \
    STEP sgd_loop_##D(char *const *t, int64_t n, const double *s, int flags, int momentum, int first) {           \
        OPERANDS(T);                                                                                              \
        const T lr = (T)s[0], mu = (T)s[1], keep = (T)(1.0 - s[2]), wd = (T)s[3];                                 \
        for (int64_t i = 0; i < n; i++) {                                                                         \
            GRADIENT(T, wd);                                                                                      \
            T move = d;                                                                                           \
            if (momentum) {                                                                                       \
                const T buffer = first ? d : mu * a[i] + keep * d;                                                \
                a[i] = buffer;                                                                                    \
                move = flags & RT_STEP_NESTEROV ? d + mu * buffer : buffer;                                       \
            }                                                                                                     \
            p[i] = p[i] - lr * move;                                                                              \
        }                                                                                                         \
    }                                                                                                             \
    static void sgd_##D(char *const *t, int64_t n, const double *s, int flags) {                                  \
        if (!t[2]) sgd_loop_##D(t, n, s, flags, 0, 0);                                                            \
        else if (flags & RT_STEP_FIRST) sgd_loop_##D(t, n, s, flags, 1, 1);                                       \
        else sgd_loop_##D(t, n, s, flags, 1, 0);                                                                  \
    }                                                                                                             \
                                                                                                                  \
    STEP adam_loop_##D(char *const *t, int64_t n, const double *s, int flags, int amsgrad) {                      \
        OPERANDS(T);                                                                                              \
        const T step = (T)s[0], keep1 = (T)(1.0 - s[1]), b2 = (T)s[2], keep2 = (T)(1.0 - s[2]);                   \
        const T eps = (T)s[3], wd = (T)s[4], root = (T)s[5], shrink = (T)s[6];                                    \
        for (int64_t i = 0; i < n; i++) {                                                                         \
            GRADIENT(T, wd);                                                                                      \
            const T m1 = a[i] + keep1 * (d - a[i]), v1 = b[i] * b2 + keep2 * (d * d);                             \
            T top = v1;                                                                                           \
            a[i] = m1;                                                                                            \
            b[i] = v1;                                                                                            \
            if (amsgrad) c[i] = top = c[i] > v1 || c[i] != c[i] ? c[i] : v1;                                      \
            p[i] = p[i] * shrink - step * (m1 / (SQRT_##D(top) / root + eps));                                    \
        }                                                                                                         \
    }                                                                                                             \
    static void adam_##D(char *const *t, int64_t n, const double *s, int flags) {                                 \
        if (t[4]) adam_loop_##D(t, n, s, flags, 1);                                                               \
        else adam_loop_##D(t, n, s, flags, 0);                                                                    \
    }                                                                                                             \
                                                                                                                  \
    STEP rmsprop_loop_##D(char *const *t, int64_t n, const double *s, int flags, int centered, int momentum) {    \
        OPERANDS(T);                                                                                              \
        const T lr = (T)s[0], alpha = (T)s[1], keep = (T)(1.0 - s[1]), eps = (T)s[2], wd = (T)s[3], mu = (T)s[4]; \
        for (int64_t i = 0; i < n; i++) {                                                                         \
            GRADIENT(T, wd);                                                                                      \
            const T square = a[i] * alpha + keep * (d * d);                                                       \
            T variance = square;                                                                                  \
            a[i] = square;                                                                                        \
            if (centered) {                                                                                       \
                const T mean = b[i] + keep * (d - b[i]);                                                          \
                b[i] = mean;                                                                                      \
                variance = square - mean * mean;                                                                  \
            }                                                                                                     \
            T move = d / (SQRT_##D(variance) + eps);                                                              \
            if (momentum) c[i] = move = mu * c[i] + move;                                                         \
            p[i] = p[i] - lr * move;                                                                              \
        }                                                                                                         \
    }                                                                                                             \
    static void rmsprop_##D(char *const *t, int64_t n, const double *s, int flags) {                              \
        if (t[3] && t[4]) rmsprop_loop_##D(t, n, s, flags, 1, 1);                                                 \
        else if (t[3]) rmsprop_loop_##D(t, n, s, flags, 1, 0);                                                    \
        else if (t[4]) rmsprop_loop_##D(t, n, s, flags, 0, 1);                                                    \
        else rmsprop_loop_##D(t, n, s, flags, 0, 0);                                                              \
    }                                                                                                             \
                                                                                                                  \
    static void adagrad_##D(char *const *t, int64_t n, const double *s, int flags) {                              \
        OPERANDS(T);                                                                                              \
        const T step = (T)s[0], eps = (T)s[1], wd = (T)s[2];                                                      \
        for (int64_t i = 0; i < n; i++) {                                                                         \
            GRADIENT(T, wd);                                                                                      \
            const T sum = a[i] + d * d;                                                                           \
            a[i] = sum;                                                                                           \
            p[i] = p[i] - step * (d / (SQRT_##D(sum) + eps));                                                     \
        }                                                                                                         \
    }

DEFINE_OPTIM(f32, float)
DEFINE_OPTIM(f64, double)

#define FILL(RULE, name)                \
    k->step[RULE][RT_F32] = name##_f32; \
    k->step[RULE][RT_F64] = name##_f64

void RT_FN(rt_fill_optim)(rt_kernels *k) {
    FILL(RT_STEP_SGD, sgd);
    FILL(RT_STEP_ADAM, adam);
    FILL(RT_STEP_RMSPROP, rmsprop);
    FILL(RT_STEP_ADAGRAD, adagrad);
}

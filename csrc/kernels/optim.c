/* SPDX-License-Identifier: MIT
 *
 * optim.c: one optimiser step over a parameter, elementwise, with the formulas and the order of PyTorch's
 * reference implementation (torch.optim.SGD, torch.optim.Adam). Scalars are rounded to the parameter's dtype
 * once.
 */
#include "kernels.h"
#include "simd.h"

#define SQRT_f32(x) __builtin_sqrtf(x)
#define SQRT_f64(x) __builtin_sqrt(x)

#define DEFINE_OPTIM(D, T)                                                                                    \
    static void sgd_##D(char *p_, const char *g_, char *buf_, int64_t n, const rt_sgd_args *args) {           \
        T *restrict p = (T *)p_, *restrict buf = (T *)buf_;                                                   \
        const T *restrict g = (const T *)g_;                                                                  \
        const T lr = (T)args->lr, mu = (T)args->momentum, keep = (T)(1.0 - args->dampening);                  \
        const T wd = (T)args->weight_decay;                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                                     \
            T d = wd != 0 ? g[i] + wd * p[i] : g[i];                                                          \
            if (buf) {                                                                                        \
                const T b = args->first ? d : mu * buf[i] + keep * d;                                         \
                buf[i] = b;                                                                                   \
                d = args->nesterov ? d + mu * b : b;                                                          \
            }                                                                                                 \
            p[i] = p[i] - lr * d;                                                                             \
        }                                                                                                     \
    }                                                                                                         \
    static void adam_##D(char *p_, const char *g_, char *m_, char *v_, int64_t n, const rt_adam_args *args) { \
        T *restrict p = (T *)p_, *restrict m = (T *)m_, *restrict v = (T *)v_;                                \
        const T *restrict g = (const T *)g_;                                                                  \
        const T step = (T)args->step_size, keep1 = (T)(1.0 - args->beta1), b2 = (T)args->beta2;               \
        const T keep2 = (T)(1.0 - args->beta2), eps = (T)args->eps, wd = (T)args->weight_decay;               \
        const T root = (T)args->sqrt_bias2;                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                                     \
            const T d = wd != 0 ? g[i] + wd * p[i] : g[i];                                                    \
            const T m1 = m[i] + keep1 * (d - m[i]);                                                           \
            const T v1 = v[i] * b2 + keep2 * (d * d);                                                         \
            m[i] = m1;                                                                                        \
            v[i] = v1;                                                                                        \
            p[i] = p[i] - step * (m1 / (SQRT_##D(v1) / root + eps));                                          \
        }                                                                                                     \
    }

DEFINE_OPTIM(f32, float)
DEFINE_OPTIM(f64, double)

void RT_FN(rt_fill_optim)(rt_kernels *k) {
    k->sgd[RT_F32] = sgd_f32;
    k->sgd[RT_F64] = sgd_f64;
    k->adam[RT_F32] = adam_f32;
    k->adam[RT_F64] = adam_f64;
}

/* SPDX-License-Identifier: MIT
 *
 * pooling.c: windows of one dense plane. An extreme's place is the last NaN, else the first of the largest; means are
 * chains: along each row of the window from +0, then of the rows' sums from +0, divided once.
 */
#include <string.h>

#include "kernels.h"
#include "simd.h"

#define DEFINE_POOL(D, T)                                                                                       \
    static void argmax_##D(const char *plane, const rt_windows *w, int64_t *out) {                              \
        const T *const x = (const T *)plane;                                                                    \
        const int64_t width = w->image[1];                                                                      \
        for (int64_t oy = 0; oy < w->result[0]; oy++) {                                                         \
            const int64_t *const ys = w->range[0] + 2 * oy;                                                     \
            for (int64_t ox = 0; ox < w->result[1]; ox++) {                                                     \
                const int64_t *const xs = w->range[1] + 2 * ox;                                                 \
                int64_t best = ys[0] * width + xs[0];                                                           \
                T most = x[best];                                                                               \
                for (int64_t y = ys[0]; y < ys[1]; y += w->spread[0])                                           \
                    for (int64_t at = y * width + xs[0], end = y * width + xs[1]; at < end; at += w->spread[1]) \
                        if (x[at] > most || x[at] != x[at]) most = x[at], best = at;                            \
                *out++ = best;                                                                                  \
            }                                                                                                   \
        }                                                                                                       \
    }                                                                                                           \
    static int gather_##D(const char *plane, int64_t area, const int64_t *index, int64_t n, char *to) {         \
        int outside = 0;                                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                       \
            const int bad = index[i] < 0 || index[i] >= area;                                                   \
            outside |= bad;                                                                                     \
            if (!bad) ((T *)to)[i] = ((const T *)plane)[index[i]];                                              \
        }                                                                                                       \
        return outside;                                                                                         \
    }                                                                                                           \
    static int scatter_##D(const char *from, const int64_t *index, int64_t n, char *plane, int64_t area) {      \
        int outside = 0;                                                                                        \
        memset(plane, 0, (size_t)area * sizeof(T));                                                             \
        for (int64_t i = 0; i < n; i++) {                                                                       \
            const int bad = index[i] < 0 || index[i] >= area;                                                   \
            outside |= bad;                                                                                     \
            if (!bad) ((T *)plane)[index[i]] += ((const T *)from)[i];                                           \
        }                                                                                                       \
        return outside;                                                                                         \
    }                                                                                                           \
    static inline T divisor_##D(const rt_windows *w, int64_t oy, int64_t ox) {                                  \
        return w->divisor != 0 ? (T)w->divisor : (T)(w->count[0][oy] * w->count[1][ox]);                        \
    }                                                                                                           \
    static void average_##D(const char *plane, const rt_windows *w, char *to) {                                 \
        T *out = (T *)to;                                                                                       \
        for (int64_t oy = 0; oy < w->result[0]; oy++)                                                           \
            for (int64_t ox = 0; ox < w->result[1]; ox++) {                                                     \
                const int64_t *const xs = w->range[1] + 2 * ox;                                                 \
                T total = 0;                                                                                    \
                for (int64_t y = w->range[0][2 * oy]; y < w->range[0][2 * oy + 1]; y++) {                       \
                    const T *const row = (const T *)plane + y * w->image[1];                                    \
                    T sum = 0;                                                                                  \
                    for (int64_t i = xs[0]; i < xs[1]; i++) sum += row[i];                                      \
                    total += sum;                                                                               \
                }                                                                                               \
                *out++ = total / divisor_##D(w, oy, ox);                                                        \
            }                                                                                                   \
    }                                                                                                           \
    static void average_grad_##D(const char *from, const rt_windows *w, char *plane) {                          \
        const T *g = (const T *)from;                                                                           \
        memset(plane, 0, (size_t)(w->image[0] * w->image[1]) * sizeof(T));                                      \
        for (int64_t oy = 0; oy < w->result[0]; oy++)                                                           \
            for (int64_t ox = 0; ox < w->result[1]; ox++) {                                                     \
                const int64_t *const xs = w->range[1] + 2 * ox;                                                 \
                const T share = *g++ / divisor_##D(w, oy, ox);                                                  \
                for (int64_t y = w->range[0][2 * oy]; y < w->range[0][2 * oy + 1]; y++)                         \
                    for (int64_t i = xs[0]; i < xs[1]; i++) ((T *)plane)[y * w->image[1] + i] += share;         \
            }                                                                                                   \
    }

DEFINE_POOL(f32, float)
DEFINE_POOL(f64, double)

void RT_FN(rt_fill_pooling)(rt_kernels *k) {
#define ENTER(CODE, D) k->pool[CODE] = (rt_pool){argmax_##D, gather_##D, scatter_##D, average_##D, average_grad_##D};
    ENTER(RT_F32, f32)
    ENTER(RT_F64, f64)
}

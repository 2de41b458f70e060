/* SPDX-License-Identifier: MIT
 *
 * classify.c: which class a layout is of, and whether it reaches an element twice.
 *
 * Two indices i != j reach one element where d = i - j solves
 *
 *     sum over k of d_k * stride_k = 0,    |d_k| < size_k,    d != 0.
 *
 * Deciding that is hard in general (a bounded linear Diophantine equation), easy for layouts that occur. In this order:
 *   1. a zero stride, or two equal ones: yes
 *   2. from the smallest stride up, each steps over all that the smaller ones reach: no
 *   3. more indices than places between the lowest and the highest: yes
 *   4. a search from the largest stride down, cut off where what is left is out of the smaller strides' reach or no
 *      multiple of their common divisor (after Lamport's and Banerjee's dependence tests). Steps run only through
 *      values with the right remainder, so that two dimensions need no search and three a loop.
 *   5. should that take too long, a bit for each place and a walk over all indices, of which 3 has left few
 */
#include <string.h>

#include "../runtime/telemetry.h"

#define BITMAP_BITS (INT64_C(1) << 36)
#define WIDEST (INT64_C(1) << 61) /* bytes that a layout may reach over: sums of two can't overflow */

typedef struct {
    int n;
    int64_t size[RT_MAX_NDIM + 1], stride[RT_MAX_NDIM + 1]; /* by rising stride, all > 0, sizes > 1 */
    int64_t reach[RT_MAX_NDIM + 1];   /* of the strides up to this one: sum of stride (size - 1) */
    int64_t divisor[RT_MAX_NDIM + 1]; /* common to the strides up to this one */
    int64_t steps;                    /* left before the search gives up */
} problem;

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        const int64_t r = a % b;
        a = b, b = r;
    }
    return a;
}

/* x with a x = g modulo m, where g = gcd(a, m); a, m > 0. Euclid. */
static int64_t inverse(int64_t a, int64_t m) {
    int64_t r0 = a % m, r1 = m, x0 = 1, x1 = 0;
    while (r1) {
        const int64_t q = r0 / r1, r = r0 - q * r1, x = x0 - q * x1;
        r0 = r1, r1 = r, x0 = x1, x1 = x;
    }
    return x0 < 0 ? x0 + m : x0;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Whether sum over j <= k of d_j stride_j = rest has a solution with |d_j| < size_j; -1 where the steps ran out.
   rest is a multiple of divisor[k]. */
static int reaches(problem *p, int k, int64_t rest) {
    if (rest == 0) return 1;
    if (rest < 0) rest = -rest; /* the bounds are symmetric */
    if (rest > p->reach[k]) return 0;
    const int64_t s = p->stride[k];
    if (k == 0) return 1; /* rest is a multiple of s within its reach */
    if (--p->steps < 0) return -1;
    /* rest - d s must be a multiple of g, the smaller strides' divisor, and within their reach. */
    const int64_t g = p->divisor[k - 1], own = p->divisor[k], m = g / own, below = p->reach[k - 1];
    int64_t low = -floor_div(below - rest, s), high = (rest + below) / s; /* low = ceil((rest - below) / s) */
    if (high > p->size[k] - 1) high = p->size[k] - 1;
    if (low < 1 - p->size[k]) low = 1 - p->size[k];
    if (m > 1) { /* d s = rest modulo g: d = (rest / own) / (s / own) modulo m */
        const int64_t d = (int64_t)((__int128)(rest / own % m) * inverse(s / own % m, m) % m);
        const int64_t ahead = (d - low) % m;
        low += ahead < 0 ? ahead + m : ahead;
    }
    for (int64_t d = low; d <= high; d += m) {
        const int found = reaches(p, k - 1, rest - d * s);
        if (found) return found;
    }
    return 0;
}

/* The same by a bit for each place; -1 where there is no memory for them. */
static int walk(const problem *p) {
    const int64_t divisor = p->divisor[p->n - 1], places = p->reach[p->n - 1] / divisor + 1;
    uint64_t *bits = rt_scratch_alloc((places + 63) / 64 * 8);
    if (!bits) return -1;
    memset(bits, 0, (size_t)((places + 63) / 64 * 8));
    int64_t index[RT_MAX_NDIM + 1] = {0}, at = 0;
    int found = 0;
    for (;;) {
        const int64_t place = at / divisor;
        if (bits[place / 64] >> place % 64 & 1) {
            found = 1;
            break;
        }
        bits[place / 64] |= (uint64_t)1 << place % 64;
        int d = 0;
        while (d < p->n && index[d] == p->size[d] - 1) at -= index[d] * p->stride[d], index[d++] = 0;
        if (d == p->n) break;
        index[d]++;
        at += p->stride[d];
    }
    rt_scratch_free(bits);
    return found;
}

static void insert(problem *p, int64_t size, int64_t stride) {
    int at = p->n++;
    for (; at > 0 && p->stride[at - 1] > stride; at--) {
        p->size[at] = p->size[at - 1];
        p->stride[at] = p->stride[at - 1];
    }
    p->size[at] = size;
    p->stride[at] = stride;
}

static int search(problem *p) {
    /* d is a solution where -d is: the largest k with d_k != 0 has d_k > 0. */
    for (int k = 1; k < p->n; k++) {
        const int64_t s = p->stride[k], step = p->divisor[k - 1] / p->divisor[k];
        for (int64_t d = step; d < p->size[k] && d * s <= p->reach[k - 1]; d += step) {
            const int found = reaches(p, k - 1, d * s);
            if (found) return found;
        }
    }
    return 0;
}

int rt_strides_overlap(int ndim, const int64_t *shape, const int64_t *strides, int64_t itemsize, int64_t steps) {
    problem p = {.n = 0};
    int whole = 1;
    for (int d = 0; d < ndim; d++) {
        if (shape[d] == 0) return 0;
        whole = whole && strides[d] % itemsize == 0;
    }
    for (int d = 0; d < ndim; d++)
        if (shape[d] > 1) {
            if (strides[d] == 0) return 1;
            insert(&p, shape[d], strides[d] < 0 ? -strides[d] : strides[d]);
        }
    if (!whole && itemsize > 1) insert(&p, itemsize, 1); /* elements that overlap in part: over their bytes */
    if (p.n < 2) return 0;
    int spaced = 1;
    __int128 indices = 1;
    for (int k = 0; k < p.n; k++) {
        const int64_t below = k ? p.reach[k - 1] : 0;
        if (k && p.stride[k] == p.stride[k - 1]) return 1;
        spaced = spaced && p.stride[k] > below;
        p.reach[k] = below + p.stride[k] * (p.size[k] - 1);
        p.divisor[k] = k ? gcd(p.stride[k], p.divisor[k - 1]) : p.stride[k];
        if (indices <= INT64_MAX) indices *= p.size[k];
    }
    if (spaced) return 0;
    const int64_t places = p.reach[p.n - 1] / p.divisor[p.n - 1] + 1;
    if (indices > places) return 1;
    p.steps = steps;
    int found = search(&p);
    if (found < 0 && places <= BITMAP_BITS) found = walk(&p);
    if (found < 0) {
        p.steps = INT64_MAX;
        found = search(&p);
    }
    return found;
}

int rt_layout_reach(int ndim, const int64_t *shape, const int64_t *strides, int64_t itemsize, int64_t *low,
                    int64_t *high) {
    int empty = 0;
    int64_t numel = itemsize;
    *low = 0, *high = itemsize;
    for (int d = 0; d < ndim; d++) {
        if (shape[d] < 0) return 0;
        if (shape[d] == 0) empty = 1;
        else if (__builtin_mul_overflow(numel, shape[d], &numel)) return 0;
    }
    if (empty) *high = 0;
    for (int d = 0; d < ndim && !empty; d++) {
        int64_t span;
        if (__builtin_mul_overflow(shape[d] - 1, strides[d], &span)) return 0;
        if (__builtin_add_overflow(*(span < 0 ? low : high), span, span < 0 ? low : high)) return 0;
    }
    int64_t width;
    return !__builtin_sub_overflow(*high, *low, &width) && width <= WIDEST;
}

/* Row-major with gaps, or dense in some order; for layouts without a zero stride. */
static int class_by_order(const rt_tensor *t) {
    const int64_t item = rt_itemsize(t->dtype);
    const int64_t *shape = rt_t_shape(t), *strides = rt_t_strides(t);
    int64_t inner = 0, product = item; /* inner: the bytes that the dimensions so far span, 0 before the first */
    problem p = {.n = 0};
    int rows = 1, positive = 1;
    for (int d = t->ndim - 1; d >= 0; d--) {
        if (shape[d] == 1) continue;
        positive = positive && strides[d] > 0;
        rows = rows && (inner ? strides[d] >= inner : strides[d] == item);
        inner = (inner ? inner : item) + strides[d] * (shape[d] - 1);
        insert(&p, shape[d], strides[d]);
    }
    if (rows) return RT_LAYOUT_PADDED;
    if (!positive) return RT_LAYOUT_STRIDED;
    for (int k = 0; k < p.n; k++) {
        if (p.stride[k] != product) return RT_LAYOUT_STRIDED;
        product *= p.size[k];
    }
    return RT_LAYOUT_TRANSPOSED;
}

int rt_find_layout(const rt_tensor *t) {
    int64_t shape[RT_MAX_NDIM] = {0}, strides[RT_MAX_NDIM] = {0};
    int n = 0, repeated = 0, layout = RT_LAYOUT_CONTIGUOUS;
    if (!t->contiguous && t->numel > 1) {
        for (int d = 0; d < t->ndim; d++) {
            if (rt_t_shape(t)[d] == 1) continue;
            if (rt_t_strides(t)[d] == 0) repeated = 1;
            else shape[n] = rt_t_shape(t)[d], strides[n++] = rt_t_strides(t)[d];
        }
        layout = rt_strides_overlap(n, shape, strides, rt_itemsize(t->dtype), RT_OVERLAP_STEPS) ? RT_LAYOUT_OVERLAPPING
                 : repeated                                                                     ? RT_LAYOUT_BROADCAST
                                                                                                : class_by_order(t);
    }
    __atomic_store_n((uint8_t *)&t->layout, (uint8_t)layout, __ATOMIC_RELAXED);
    return layout;
}

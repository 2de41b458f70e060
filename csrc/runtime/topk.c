/* SPDX-License-Identifier: MIT
 *
 * topk.c: the first k of a stable sort, without sorting the rest. A row is read piece by piece as keys; those that lie
 * below the k-th smallest so far join the candidates, in the order of their positions, and where many have gathered the
 * k smallest stay. An equal key that comes later never displaces one, so the candidates are those of the stable sort.
 */
#include <string.h>

#include "runtime.h"
#include "../tensor/alloc.h"

#define PIECE 1024
#define MOST 8192 /* k from which on the row is sorted */

typedef struct {
    const rt_tensor *a; /* (n_rows..., n), row-major */
    rt_tensor *out;     /* (n_rows..., k): positions, rising */
    int64_t n, k, limit;
    int descending, status;
} rt_selecting;

/* Scratch of a thread: candidates, a piece of keys, and candidates being sorted. */
typedef struct {
    char *keys, *piece, *copy, *sorted;
    int64_t *positions, n, bound; /* bound: keys from it on are out, once k were found */
    int found;
} rt_candidates;

/* The k smallest of the candidates stay, in their order. */
#define DEFINE_SELECTION(W, T, WIDE)                                                               \
    static void keep_##W(rt_candidates *c, int64_t k) {                                            \
        T *const keys = (T *)c->keys;                                                              \
        memcpy(c->copy, keys, (size_t)c->n * sizeof(T));                                           \
        rt_k.sort[WIDE](c->copy, c->n, c->sorted);                                                 \
        const T bound = ((const T *)c->sorted)[k - 1];                                             \
        int64_t equal = k, n = 0;                                                                  \
        for (int64_t i = 0; i < c->n; i++) equal -= keys[i] < bound;                               \
        for (int64_t i = 0; i < c->n; i++) {                                                       \
            const int stays = keys[i] < bound || (keys[i] == bound && equal > 0);                  \
            equal -= keys[i] == bound;                                                             \
            keys[n] = keys[i], c->positions[n] = c->positions[i], n += stays;                      \
        }                                                                                          \
        c->n = n, c->bound = bound, c->found = 1;                                                  \
    }                                                                                              \
    static void select_##W(const rt_selecting *s, const char *x, int64_t *out, rt_candidates *c) { \
        const int dtype = s->a->dtype;                                                             \
        c->n = 0, c->found = 0;                                                                    \
        for (int64_t at = 0; at < s->n; at += PIECE) {                                             \
            const int64_t many = s->n - at < PIECE ? s->n - at : PIECE;                            \
            rt_k.sort_keys[dtype](x + (at << rt_size_log2[dtype]), many, s->descending, c->piece); \
            const T *const piece = (const T *)c->piece, bound = c->found ? (T)c->bound : 0;        \
            T *const keys = (T *)c->keys;                                                          \
            int64_t n = c->n;                                                                      \
            for (int64_t i = 0; i < many; i++) {                                                   \
                keys[n] = piece[i], c->positions[n] = at + i;                                      \
                n += !c->found || piece[i] < bound;                                                \
            }                                                                                      \
            c->n = n;                                                                              \
            if (n >= s->limit) keep_##W(c, s->k);                                                  \
        }                                                                                          \
        keep_##W(c, s->k);                                                                         \
        memcpy(out, c->positions, (size_t)s->k * sizeof(int64_t));                                 \
    }
DEFINE_SELECTION(narrow, int32_t, 0)
DEFINE_SELECTION(wide, int64_t, 1)

static void select_rows(void *ctx, int64_t begin, int64_t end) {
    rt_selecting *s = ctx;
    const int wide = rt_size_log2[s->a->dtype] == 3;
    const int64_t room = rt_sort_room(s->limit + PIECE) * 8;
    char *scratch = rt_scratch_alloc(4 * room + 8 * PIECE);
    if (!scratch) {
        __atomic_store_n(&s->status, RT_ERR_ALLOC, __ATOMIC_RELAXED);
        return;
    }
    rt_candidates c = {
        scratch + 3 * room, scratch + 4 * room, scratch, scratch + room, (int64_t *)(scratch + 2 * room), 0, 0, 0};
    const int64_t row = s->n * rt_itemsize(s->a->dtype);
    for (int64_t r = begin; r < end; r++)
        (wide ? select_wide : select_narrow)(s, s->a->data + r * row, (int64_t *)s->out->data + r * s->k, &c);
    rt_scratch_free(scratch);
}

/* Positions of the first k of every row, rising. */
static rt_tensor *select_last(const rt_tensor *a, int64_t k, int descending) {
    int64_t shape[RT_MAX_NDIM];
    memcpy(shape, rt_t_shape(a), sizeof(int64_t) * a->ndim);
    const int64_t n = shape[a->ndim - 1];
    shape[a->ndim - 1] = k;
    rt_tensor *out = rt_new(RT_I64, a->ndim, shape);
    if (!out || out->numel == 0) return out;
    rt_selecting s = {a, out, n, k, 2 * k < PIECE ? PIECE : 2 * k, descending, RT_OK};
    rt_parallel_for(a->numel / n, RT_GRAIN_COSTLY * 4 / n + 1, select_rows, &s);
    if (s.status == RT_OK) return out;
    rt_release(out);
    RT_FAIL(s.status);
}

rt_tensor *rt_topk(const rt_tensor *a, int axis, int64_t k, int descending) {
    if (axis < 0 || axis >= a->ndim) RT_FAIL(RT_ERR_DIMENSION);
    if (k < 0 || k > rt_t_shape(a)[axis]) RT_FAIL(RT_ERR_ARGUMENT);
    if (!rt_k.sort_keys[a->dtype]) RT_FAIL(RT_ERR_DTYPE);
    int64_t axes[RT_MAX_NDIM], back[RT_MAX_NDIM];
    const int last = a->ndim - 1;
    for (int d = 0; d < last; d++) axes[d] = d + (d >= axis);
    axes[last] = axis;
    for (int d = 0; d <= last; d++) back[axes[d]] = d;
    rt_tensor *turned = rt_permute(a, a->ndim, axes), *dense = turned ? rt_contiguous(turned) : NULL;
    rt_tensor *first = NULL, *values = NULL, *order = NULL, *sorted = NULL, *view = NULL, *out = NULL;
    if (dense) rt_count_call(RT_FAMILY_SORT, 1, &a, dense == turned ? RT_PATH_RUNS : RT_PATH_GATHER);
    if (dense && (k > MOST || k > rt_t_shape(a)[axis] / 4)) {
        int64_t spec[4 * RT_MAX_NDIM];
        for (int d = 0; d <= last; d++) {
            const int64_t whole[4] = {0, 0, 1, d == last ? k : rt_t_shape(dense)[d]};
            memcpy(spec + 4 * d, whole, sizeof(whole));
        }
        order = rt_argsort(dense, last, descending);
        sorted = order ? rt_index(order, a->ndim, spec) : NULL;
    } else if (dense) {
        first = select_last(dense, k, descending);
        values = first ? rt_gather_along(dense, last, first) : NULL;
        order = values ? rt_argsort(values, last, descending) : NULL;
        sorted = order ? rt_gather_along(first, last, order) : NULL;
    }
    view = sorted ? rt_permute(sorted, a->ndim, back) : NULL;
    out = view ? rt_contiguous(view) : NULL;
    rt_tensor *const all[7] = {turned, dense, first, values, order, sorted, view};
    for (int i = 0; i < 7; i++)
        if (all[i]) rt_release(all[i]);
    return out;
}

/* SPDX-License-Identifier: MIT
 *
 * sort.c: how rows are sorted, with threads and scratch memory around the kernels; nonzero.
 *
 *   values of 32 and 64 bits, short rows   keys, in a network
 *   positions of up to 32 bits             words, in a network
 *   long rows of these                     in chunks by the network, which are then merged
 *   values of 8 and 16 bits, long rows     keys, by bytes
 *   positions of 64 bits                   keys with positions beside them: by insertion, or by bytes
 *
 * Threads share the rows; of one long row, its chunks and pieces of its merges. Sorted keys and words are one sequence
 * however they were cut, and sorting by bytes counts its pieces together, so the cuts change nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"
#include "telemetry.h"

#define CHUNK 16384 /* keys that are sorted by one network; and those of a merge that a thread takes */
#define FEW 48      /* keys that are sorted by insertion */

typedef struct {
    const rt_tensor *a; /* (n_rows..., n), row-major */
    rt_tensor *out;
    int64_t n;
    int descending, by_index, status;
} rt_sorting;

/* One row in the hands of the network. */
typedef struct {
    const rt_sorting *s;
    const char *x;
    char *out, *from, *to; /* from, to: n keys or words */
    int64_t n, run;        /* n: the row's length, filled up */
    int wide, negative_zeros;
} rt_row;

/* The result's [at, at + n) from sorted keys. */
static void give(const rt_row *r, const char *keys, int64_t at, int64_t n) {
    const int dtype = r->s->a->dtype;
    if (at + n > r->s->n) n = r->s->n - at;
    if (r->s->by_index) rt_k.sort_positions((const int64_t *)keys, n, (int64_t *)r->out + at);
    else rt_k.sort_values[dtype](keys, n, r->s->descending, r->out + (at << rt_size_log2[dtype]));
}

/* Chunks [begin, end) of the row become sorted runs. */
static void sort_chunks(void *ctx, int64_t begin, int64_t end) {
    rt_row *r = ctx;
    const int dtype = r->s->a->dtype, item = 1 << rt_size_log2[dtype], width = r->wide ? 8 : 4;
    for (int64_t c = begin; c < end; c++) {
        const int64_t at = c * r->run, n = r->s->n - at < r->run ? r->s->n - at : r->run;
        char *const keys = r->from + at * width, *const sorted = r->to + at * width;
        if (r->s->by_index) rt_k.sort_words[dtype](r->x + at * item, n, at, r->s->descending, (int64_t *)keys);
        else if (rt_k.sort_keys[dtype](r->x + at * item, n, r->s->descending, keys))
            __atomic_store_n(&r->negative_zeros, 1, __ATOMIC_RELAXED);
        rt_k.sort[r->wide](keys, n, sorted);
        if (r->run >= r->n) give(r, sorted, at, n);
    }
}

/* Pieces [begin, end) of the runs merged in pairs. */
static void merge_pieces(void *ctx, int64_t begin, int64_t end) {
    rt_row *r = ctx;
    const int width = r->wide ? 8 : 4;
    for (int64_t p = begin; p < end; p++) {
        const int64_t at = p * CHUNK, n = r->n - at < CHUNK ? r->n - at : CHUNK;
        const int64_t base = at / (2 * r->run) * (2 * r->run), rest = r->n - base;
        const int64_t n_a = rest < r->run ? rest : r->run, n_b = rest - n_a < r->run ? rest - n_a : r->run;
        char *const merged = r->to + at * width;
        rt_k.merge[r->wide](r->from + base * width, n_a, n_b, at - base, n, merged);
        if (2 * r->run >= r->n) give(r, merged, at, n);
    }
}

static void swap(char **a, char **b) {
    char *const t = *a;
    *a = *b, *b = t;
}

/* The network fills up the last chunk. */
static int64_t network_room(int64_t n) {
    const int64_t last = n % CHUNK;
    return n - last + (last ? rt_sort_room(last) : 0);
}

static void sort_by_network(const rt_sorting *s, const char *x, char *out, char *scratch) {
    const int dtype = s->a->dtype, wide = s->by_index || rt_size_log2[dtype] == 3;
    rt_row r = {.s = s, .x = x, .out = out, .n = (s->n + 63) / 64 * 64, .run = CHUNK, .wide = wide};
    r.from = scratch, r.to = scratch + network_room(s->n) * (wide ? 8 : 4);
    const int64_t n_chunks = (r.n + CHUNK - 1) / CHUNK;
    rt_parallel_for(n_chunks, 1, sort_chunks, &r);
    for (; r.run < r.n; r.run *= 2) {
        swap(&r.from, &r.to);
        rt_parallel_for(n_chunks, 1, merge_pieces, &r);
    }
    if (r.negative_zeros) rt_k.sort_zeros[dtype](x, s->n, s->descending, out);
}

#define MOST_PIECES 64

/* One row sorted by bytes. Each pass over a byte counts in all pieces, then moves: piece p's keys with byte b go after
 * those with a smaller byte, and after those with byte b in the pieces before. */
typedef struct rt_radix {
    const rt_sorting *s;
    const char *x;
    char *out, *from, *to;
    int64_t *index_from, *index_to;                                         /* or NULL */
    void (*step)(struct rt_radix *r, int64_t piece, int64_t at, int64_t n); /* that runs now, on n keys from at on */
    int64_t piece, count[MOST_PIECES][256];
    int wide, log2, shift, turn; /* log2: of the bytes of a key */
} rt_radix;

static void make_keys(rt_radix *r, int64_t piece, int64_t at, int64_t n) {
    const int dtype = r->s->a->dtype;
    (void)piece;
    rt_k.sort_keys[dtype](r->x + (at << rt_size_log2[dtype]), n, r->s->descending, r->from + (at << r->log2));
    for (int64_t i = at; r->index_from && i < at + n; i++) r->index_from[i] = i;
}

static void count_keys(rt_radix *r, int64_t piece, int64_t at, int64_t n) {
    rt_k.radix_count[r->wide](r->from + (at << r->log2), n, r->shift, r->turn, r->count[piece]);
}

static void move_keys(rt_radix *r, int64_t piece, int64_t at, int64_t n) {
    rt_k.radix_move[r->wide](r->from + (at << r->log2), r->index_from ? r->index_from + at : NULL, n, r->shift, r->turn,
                             r->count[piece], r->to, r->index_to);
}

static void make_values(rt_radix *r, int64_t piece, int64_t at, int64_t n) {
    const int dtype = r->s->a->dtype;
    (void)piece;
    rt_k.sort_values[dtype](r->from + (at << r->log2), n, r->s->descending, r->out + (at << rt_size_log2[dtype]));
}

static void each_piece(void *ctx, int64_t begin, int64_t end) {
    rt_radix *r = ctx;
    for (int64_t p = begin; p < end; p++) {
        const int64_t at = p * r->piece, left = r->s->n - at;
        r->step(r, p, at, left < r->piece ? left : r->piece);
    }
}

static void all_pieces(rt_radix *r, int64_t n_pieces, void (*step)(rt_radix *r, int64_t piece, int64_t at, int64_t n)) {
    r->step = step;
    rt_parallel_for(n_pieces, 1, each_piece, r);
}

/* Counts become places; 0 where all keys share the byte. */
static int place_pieces(rt_radix *r, int64_t n_pieces) {
    int64_t sum = 0;
    for (int b = 0; b < 256; b++) {
        const int64_t before = sum;
        for (int64_t p = 0; p < n_pieces; p++) {
            const int64_t many = r->count[p][b];
            r->count[p][b] = sum;
            sum += many;
        }
        if (sum - before == r->s->n) return 0;
    }
    return 1;
}

/* Values of up to 16 bits, or positions of 64 bits. */
static void sort_by_bytes(const rt_sorting *s, const char *x, char *out, char *scratch) {
    const int dtype = s->a->dtype, log2 = rt_size_log2[dtype], wide = log2 == 3, last = (8 << log2) - 8;
    const int is_signed =
        log2 >= 2 || (dtype >= RT_I8 && dtype <= RT_I16); /* wider keys are signed whatever the values */
    rt_radix *r = (rt_radix *)scratch;
    r->s = s, r->x = x, r->out = out, r->wide = wide, r->log2 = wide ? 3 : 2;
    r->from = scratch + sizeof(rt_radix), r->to = r->from + (s->n << r->log2);
    r->index_from = s->by_index ? (int64_t *)out : NULL;
    r->index_to = s->by_index ? (int64_t *)(r->to + s->n * 8) : NULL;
    r->piece = (s->n + MOST_PIECES - 1) / MOST_PIECES;
    if (r->piece < RT_GRAIN_CHEAP) r->piece = RT_GRAIN_CHEAP;
    const int64_t n_pieces = (s->n + r->piece - 1) / r->piece;
    all_pieces(r, n_pieces, make_keys);
    for (r->shift = 0; r->shift <= last; r->shift += 8) {
        r->turn = is_signed && r->shift == last ? 128 : 0;
        all_pieces(r, n_pieces, count_keys);
        if (!place_pieces(r, n_pieces)) continue;
        all_pieces(r, n_pieces, move_keys);
        swap(&r->from, &r->to);
        int64_t *const index = r->index_from;
        r->index_from = r->index_to, r->index_to = index;
    }
    if (!s->by_index) all_pieces(r, n_pieces, make_values);
    else if (r->index_from != (int64_t *)out) memcpy(out, r->index_from, (size_t)s->n * 8);
}

/* Positions of a few 64-bit values. */
static void sort_by_insertion(const rt_sorting *s, const char *x, int64_t *out) {
    int64_t keys[FEW];
    rt_k.sort_keys[s->a->dtype](x, s->n, s->descending, (char *)keys);
    for (int64_t i = 0; i < s->n; i++) {
        const int64_t key = keys[i];
        int64_t j = i;
        for (; j > 0 && keys[j - 1] > key; j--) keys[j] = keys[j - 1], out[j] = out[j - 1];
        keys[j] = key, out[j] = i;
    }
}

static int is_by_bytes(const rt_sorting *s) {
    const int log2 = rt_size_log2[s->a->dtype];
    if (s->by_index) return log2 == 3 || s->n > UINT32_MAX;
    return log2 < 2 && s->n > (log2 ? 2048 : 256);
}

/* Bytes that sorting a row takes beside the result. */
static int64_t scratch_of(const rt_sorting *s) {
    const int wide = s->by_index || rt_size_log2[s->a->dtype] == 3, width = wide ? 8 : 4;
    if (is_by_bytes(s)) return (int64_t)sizeof(rt_radix) + s->n * (s->by_index ? 24 : 8);
    return 2 * network_room(s->n) * width;
}

static void sort_rows(void *ctx, int64_t begin, int64_t end) {
    rt_sorting *s = ctx;
    char *scratch = rt_scratch_alloc(scratch_of(s));
    if (!scratch) {
        __atomic_store_n(&s->status, RT_ERR_ALLOC, __ATOMIC_RELAXED);
        return;
    }
    const int64_t row_in = s->n * rt_itemsize(s->a->dtype), row_out = s->n * rt_itemsize(s->out->dtype);
    for (int64_t row = begin; row < end; row++) {
        const char *x = s->a->data + row * row_in;
        char *out = s->out->data + row * row_out;
        if (!is_by_bytes(s)) sort_by_network(s, x, out, scratch);
        else if (s->by_index && s->n <= FEW) sort_by_insertion(s, x, (int64_t *)out);
        else sort_by_bytes(s, x, out, scratch);
    }
    rt_scratch_free(scratch);
}

/* a is row-major with the sorted axis last. */
static rt_tensor *sort_last(const rt_tensor *a, int descending, int by_index) {
    rt_tensor *out = rt_new(by_index ? RT_I64 : a->dtype, a->ndim, rt_t_shape(a));
    if (!out || out->numel == 0) return out;
    const int64_t n = rt_t_shape(a)[a->ndim - 1];
    rt_sorting s = {a, out, n, descending, by_index, RT_OK};
    rt_parallel_for(a->numel / n, RT_GRAIN_COSTLY / n + 1, sort_rows, &s);
    if (s.status == RT_OK) return out;
    rt_release(out);
    RT_FAIL(s.status);
}

static rt_tensor *sort_axis(const rt_tensor *a, int axis, int descending, int by_index) {
    if (axis < 0 || axis >= a->ndim) RT_FAIL(RT_ERR_DIMENSION);
    if (!rt_k.sort_keys[a->dtype]) RT_FAIL(RT_ERR_DTYPE);
    int64_t axes[RT_MAX_NDIM], back[RT_MAX_NDIM];
    int n = 0;
    for (int d = 0; d < a->ndim; d++)
        if (d != axis) axes[n++] = d;
    axes[n] = axis;
    for (int d = 0; d < a->ndim; d++) back[axes[d]] = d;
    /* The axis goes last, in row-major memory, and back again. */
    rt_tensor *turned = rt_permute(a, a->ndim, axes), *dense = turned ? rt_contiguous(turned) : NULL;
    if (dense) rt_count_call(RT_FAMILY_SORT, 1, &a, dense == turned ? RT_PATH_RUNS : RT_PATH_GATHER);
    rt_tensor *sorted = dense ? sort_last(dense, descending, by_index) : NULL;
    rt_tensor *view = sorted ? rt_permute(sorted, a->ndim, back) : NULL, *out = view ? rt_contiguous(view) : NULL;
    rt_tensor *const all[4] = {turned, dense, sorted, view};
    for (int i = 0; i < 4; i++)
        if (all[i]) rt_release(all[i]);
    return out;
}

rt_tensor *rt_sort(const rt_tensor *a, int axis, int descending) {
    return sort_axis(a, axis, descending, 0);
}

rt_tensor *rt_argsort(const rt_tensor *a, int axis, int descending) {
    return sort_axis(a, axis, descending, 1);
}

typedef struct {
    const rt_tensor *sorted, *x;
    rt_tensor *out;
    int right;
} rt_searching;

static void search_range(void *ctx, int64_t begin, int64_t end) {
    const rt_searching *s = ctx;
    rt_k.search[s->x->dtype](s->sorted->data, rt_t_strides(s->sorted)[0], rt_t_shape(s->sorted)[0],
                             s->x->data + begin * rt_itemsize(s->x->dtype), end - begin, s->right,
                             (int64_t *)s->out->data + begin);
}

rt_tensor *rt_searchsorted(const rt_tensor *sorted, const rt_tensor *x, int right) {
    if (sorted->ndim != 1) RT_FAIL(RT_ERR_DIMENSION);
    const int dtype = rt_promote(sorted->dtype, x->dtype);
    if (dtype == RT_NONE || !rt_k.search[dtype]) RT_FAIL(RT_ERR_DTYPE);
    rt_tensor *a = rt_as_dtype(sorted, dtype), *cast = rt_as_dtype(x, dtype),
              *dense = cast ? rt_contiguous(cast) : NULL;
    rt_tensor *out = a && dense ? rt_new(RT_I64, x->ndim, rt_t_shape(x)) : NULL;
    if (out) {
        rt_searching s = {a, dense, out, right};
        const rt_tensor *const in[2] = {sorted, x};
        rt_count_call(RT_FAMILY_SORT, 2, in, dense == cast ? RT_PATH_RUNS : RT_PATH_GATHER);
        rt_parallel_for(out->numel, RT_GRAIN_COSTLY, search_range, &s);
    }
    rt_tensor *const all[3] = {a, cast, dense};
    for (int i = 0; i < 3; i++)
        if (all[i]) rt_release(all[i]);
    return out;
}

rt_tensor *rt_nonzero(const rt_tensor *a) {
    rt_tensor *flags = rt_as_dtype(a, RT_BOOL), *dense = flags ? rt_contiguous(flags) : NULL, *out = NULL;
    if (dense) {
        rt_count_call(RT_FAMILY_INDEX, 1, &a, dense == flags ? RT_PATH_RUNS : RT_PATH_GATHER);
        int64_t shape[2] = {a->ndim, 0};
        for (int64_t i = 0; i < dense->numel; i++) shape[1] += dense->data[i];
        out = rt_new(RT_I64, 2, shape);
        if (out && out->numel > 0) {
            int64_t index[RT_MAX_NDIM] = {0}, at = 0, *to = (int64_t *)out->data, few[FEW];
            for (int64_t i = 0; a->ndim == 1 && i < dense->numel; i += FEW) { /* no branch on what the flags say */
                int64_t found = 0;
                for (int64_t j = i; j < i + FEW && j < dense->numel; j++) few[found] = j, found += dense->data[j];
                memcpy(to + at, few, (size_t)found * sizeof(int64_t));
                at += found;
            }
            for (int64_t i = 0; a->ndim != 1 && i < dense->numel; i++) {
                if (dense->data[i]) {
                    for (int d = 0; d < a->ndim; d++) to[d * shape[1] + at] = index[d];
                    at++;
                }
                for (int d = a->ndim - 1; d >= 0 && ++index[d] == rt_t_shape(a)[d]; d--) index[d] = 0;
            }
        }
    }
    if (flags) rt_release(flags);
    if (dense) rt_release(dense);
    return out;
}

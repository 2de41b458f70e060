/* SPDX-License-Identifier: MIT
 *
 * convolution.c: shapes, planes and threads around the tiles of kernels/convolution.c.
 *
 *   image   x (N, G C, H, W)        place y of an axis = result place * step + tap * spread - before
 *   weight  w (G O, C, KH, KW)      taps outside the image meet zeros
 *   result  g (N, G O, OH, OW)
 *
 * Three products between them, each linear in both of its operands; one dimension counts as two with one row:
 *   rt_convolution            image, weight to result    chain over (channel c, tap)
 *   rt_convolution_transpose  result, weight to image    chain over (channel o, those taps that can reach the place)
 *   rt_convolution_weight     image, result to weight    chain over (image n, result place), cut at every image
 *
 * An operand is first laid out in planes: row-major, the zeros around it written out, and where the step is above 1 a plane
 * for every residue of the place that a tap meets. In a plane the places of neighbouring results are neighbours, so that a
 * tap is an offset and nothing is unfolded. A tile runs along a plane's rows with the zeros between them; what it gives
 * there is dropped.
 *
 * The transposed product goes by residue classes of the image's places: in each, it is a convolution of step 1 with the
 * taps that reach the class. A tap outside the result meets a zero, and counts as 0 itself where it is not finite.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"
#include "../tensor/alloc.h"

#define CHUNK 256            /* columns of a task, in whole tiles */
#define ROWS 96              /* rows of a task, about */
#define SLAB_BYTES (4 << 20) /* planes and packed results of the images that are taken together */
#define LARGEST (1LL << 31)  /* sizes and numbers of an axis stay below */
#define GRAIN 500000.0       /* multiply-adds that are worth a hand-over */

static int64_t min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t ceil_div(int64_t a, int64_t b) {
    return a / b + (a % b > 0);
}

typedef struct {
    int64_t image, result, taps, step, spread, before;
    int64_t *residue, *shift; /* of tap * spread: modulo step, and divided by it */
    int64_t n_phases, *phase; /* the residues that occur, and which of them a tap has */
} rt_axis;

/* How an operand is laid out, all in elements: for every channel n_planes planes of rows x pitch. */
typedef struct {
    int64_t rows, pitch, plane, n_planes, channel, n_channels, total;
} rt_planes;

typedef struct {
    const rt_conv *kernel;
    int64_t item, n_images, groups, n_in, n_out; /* channels of a group: C and O */
    rt_axis axis[2];
    int status;
} rt_geometry;

static void fail(rt_geometry *g, int status) {
    __atomic_store_n(&g->status, status, __ATOMIC_RELAXED);
}

static void *scratch_for(rt_geometry *g, int64_t n_bytes) {
    void *scratch = rt_scratch_alloc(n_bytes);
    if (!scratch) fail(g, RT_ERR_ALLOC);
    return scratch;
}

static void free_axes(rt_geometry *g) {
    for (int d = 0; d < 2; d++) free(g->axis[d].residue);
}

/* Tables of the taps; a status. */
static int fill_axis(rt_axis *a) {
    const int64_t numbers[6] = {a->image, a->result, a->taps, a->step - 1, a->spread - 1, a->before};
    for (int i = 0; i < 6; i++)
        if (numbers[i] < 0 || numbers[i] >= LARGEST) return RT_ERR_SHAPE;
    a->residue = calloc((size_t)a->taps * 4 + 1, sizeof(int64_t));
    if (!a->residue) return RT_ERR_ALLOC;
    a->shift = a->residue + a->taps, a->phase = a->shift + a->taps;
    int64_t *const found = a->phase + a->taps;
    for (int64_t t = 0; t < a->taps; t++) {
        const int64_t residue = a->residue[t] = t * a->spread % a->step;
        a->shift[t] = t * a->spread / a->step;
        int64_t p = 0;
        while (p < a->n_phases && found[p] != residue) p++;
        if (p == a->n_phases) found[a->n_phases++] = residue;
        a->phase[t] = p;
    }
    return RT_OK;
}

/* Rows and columns are set; the rest, with room for a tile behind the last place. */
static int fill_planes(rt_planes *p, const rt_geometry *g) {
    int64_t area, channel, total;
    if (__builtin_mul_overflow(p->rows, p->pitch, &area) || area > INT64_MAX / 16 - 64) return RT_ERR_ALLOC;
    p->plane = ((area + 15) / 16 | 1) * 16; /* no power of two, by which neighbours would share cache sets */
    if (__builtin_mul_overflow(p->plane, p->n_planes, &channel)) return RT_ERR_ALLOC;
    if (__builtin_mul_overflow(channel, p->n_channels, &total) || total > (1LL << 56)) return RT_ERR_ALLOC;
    p->channel = channel;
    p->total = total + 2 * g->kernel->width;
    return RT_OK;
}

static inline void copy_places(char *to, const char *from, int64_t step, int64_t n, int64_t item) {
    if (step == item) memcpy(to, from, (size_t)(n * item));
    else if (item == 4)
        for (int64_t i = 0; i < n; i++) memcpy(to + 4 * i, from + i * step, 4);
    else
        for (int64_t i = 0; i < n; i++) memcpy(to + 8 * i, from + i * step, 8);
}

/* The image of t (N, channels, ...) from a channel on, in planes whose zeros stand there already. */
static void lay_out_image(const rt_geometry *g, const rt_planes *p, const rt_tensor *t, int64_t n, int64_t first,
                          char *to) {
    const int64_t *const strides = rt_t_strides(t), item = g->item;
    const rt_axis *const v = &g->axis[0], *const h = &g->axis[1];
    const int64_t row = t->ndim == 4 ? strides[2] : 0, col = strides[t->ndim - 1];
    const int64_t *const v_found = v->phase + v->taps, *const h_found = h->phase + h->taps;
    for (int64_t c = 0; c < p->n_channels; c++) {
        const char *const from = t->data + n * strides[0] + (first + c) * strides[1];
        for (int64_t pv = 0; pv < v->n_phases; pv++)
            for (int64_t ph = 0; ph < h->n_phases; ph++) {
                char *const plane = to + (c * p->channel + (pv * h->n_phases + ph) * p->plane) * item;
                const int64_t y0 = v_found[pv] - v->before, x0 = h_found[ph] - h->before;
                const int64_t low = x0 < 0 ? ceil_div(-x0, h->step) : 0;
                const int64_t high = h->image > x0 ? min(ceil_div(h->image - x0, h->step), p->pitch) : 0;
                if (high <= low) continue;
                for (int64_t i = y0 < 0 ? ceil_div(-y0, v->step) : 0; i < p->rows; i++) {
                    const int64_t y = y0 + i * v->step;
                    if (y >= v->image) break;
                    copy_places(plane + (i * p->pitch + low) * item, from + y * row + (x0 + low * h->step) * col,
                                h->step * col, high - low, item);
                }
            }
    }
}

/* A convolution of step 1 over planes: what the forward product is, and each residue class of the transposed one. */
typedef struct {
    int64_t k, *offset;            /* of tap p, in bytes from the first place */
    int64_t *taps;                 /* of tap p: row and column of the weight */
    int64_t rows, cols;            /* places */
    char *packed;                  /* of group 0 */
    int64_t group;                 /* bytes to the next group's */
    int64_t out, out_row, out_col; /* bytes */
    int64_t y0, x0; /* of the transposed one: the class's first place, before a tap's shift, in the result */
    int unsafe;     /* some weight is not finite */
} rt_class;

typedef struct {
    rt_geometry *g;
    const rt_tensor *in, *weight, *bias;
    rt_tensor *out;
    rt_planes planes;
    int transposed;
    int64_t m, n_tiles, most, n_full; /* rows of the product in n_tiles tiles: n_full of `most` rows, then one less */
    int64_t tiles;                    /* of a task */
    int64_t n_classes;
    rt_class *classes;
    int share_items;
} rt_across;

static int64_t rows_before(const rt_across *j, int64_t tile) {
    return tile * j->most - max(tile - j->n_full, 0);
}

static int64_t rows_of(const rt_across *j, int64_t tile) {
    return j->most - (tile >= j->n_full);
}

/* Where the weight of row m of the product, channel c of the chain and tap (t0, t1) stands. */
static const char *weight_at(const rt_across *j, int64_t group, int64_t m, int64_t c, const int64_t *tap) {
    const rt_tensor *const w = j->weight;
    const int64_t *const s = rt_t_strides(w);
    const int64_t o = group * j->g->n_out + (j->transposed ? c : m), i = j->transposed ? m : c;
    return w->data + o * s[0] + i * s[1] + (w->ndim == 4 ? tap[0] * s[2] : 0) + tap[1] * s[w->ndim - 1];
}

#define IS_FINITE(x) ((x) - (x) == 0)

/* Tasks: (class * groups + group) * tiles + tile. */
static void pack_range(void *ctx, int64_t begin, int64_t end) {
    const rt_across *j = ctx;
    const rt_geometry *g = j->g;
    for (int64_t task = begin; task < end; task++) {
        rt_class *c = &j->classes[task / j->n_tiles / g->groups];
        const int64_t group = task / j->n_tiles % g->groups, tile = task % j->n_tiles;
        const int64_t rows = rows_of(j, tile), first = rows_before(j, tile);
        char *to = c->packed + group * c->group + first * c->k * g->item;
        const int64_t n_taps = j->planes.n_channels ? c->k / j->planes.n_channels : 0;
        int unsafe = 0;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t p = 0; p < c->k; p++) {
                const char *from = weight_at(j, group, first + i, p / n_taps, c->taps + 2 * p);
                if (g->item == 4) {
                    float x;
                    memcpy(&x, from, 4);
                    ((float *)to)[p * rows + i] = x;
                    unsafe |= !IS_FINITE(x);
                } else {
                    double x;
                    memcpy(&x, from, 8);
                    ((double *)to)[p * rows + i] = x;
                    unsafe |= !IS_FINITE(x);
                }
            }
        if (unsafe) __atomic_store_n(&c->unsafe, 1, __ATOMIC_RELAXED);
    }
}

/* One tile, all of the chain. */
static void run_tile(const rt_geometry *g, const rt_class *c, int64_t rows, const char *a, const char *x, char *to,
                     int64_t to_row) {
    int64_t k0 = 0;
    do {
        const int64_t k = min(RT_MATMUL_KC, c->k - k0);
        g->kernel->across[rows](k, a + k0 * rows * g->item, x, c->offset + k0, k0 == 0, to, to_row);
        k0 += k;
    } while (k0 < c->k);
}

/* Whether tap p of a place of the class reaches the result. */
static int reaches(const rt_geometry *g, const rt_class *c, int64_t p, int64_t y, int64_t x) {
    const int64_t v = c->y0 + y - g->axis[0].shift[c->taps[2 * p]],
                  h = c->x0 + x - g->axis[1].shift[c->taps[2 * p + 1]];
    return v >= 0 && v < g->axis[0].result && h >= 0 && h < g->axis[1].result;
}

/* Once more a place for which a weight that is not finite meets a zero from outside. */
static void mend_place(const rt_across *j, const rt_class *c, int64_t group, int64_t tile, int64_t y, int64_t x,
                       const char *places, char *to, int64_t to_row) {
    rt_geometry *g = j->g;
    const int64_t rows = rows_of(j, tile), bytes = c->k * rows * g->item, width = g->kernel->width * g->item;
    char *const a = scratch_for(g, bytes + rows * width);
    if (!a) return;
    memcpy(a, c->packed + group * c->group + rows_before(j, tile) * c->k * g->item, (size_t)bytes);
    for (int64_t p = 0; p < c->k; p++) {
        if (reaches(g, c, p, y, x)) continue;
        for (int64_t i = p * rows; i < (p + 1) * rows; i++)
            if (g->item == 4 && !IS_FINITE(((float *)a)[i])) ((float *)a)[i] = 0;
            else if (g->item == 8 && !IS_FINITE(((double *)a)[i])) ((double *)a)[i] = 0;
    }
    run_tile(g, c, rows, a, places, a + bytes, width);
    for (int64_t i = 0; i < rows; i++) memcpy(to + i * to_row, a + bytes + i * width, (size_t)g->item);
    rt_scratch_free(a);
}

/* One image of one group, whose planes are laid out. */
typedef struct {
    const rt_across *j;
    int64_t n, group;
    const char *planes;
    int64_t n_blocks; /* of tiles */
} rt_item;

static int64_t n_columns(const rt_across *j, const rt_class *c) {
    return c->rows > 0 && c->cols > 0 ? (c->rows - 1) * j->planes.pitch + c->cols : 0;
}

static int64_t n_chunks(const rt_across *j, const rt_class *c) {
    return (n_columns(j, c) + CHUNK - 1) / CHUNK;
}

static void chunk(const rt_item *it, const rt_class *c, int64_t block, int64_t q0, char *scratch) {
    const rt_across *j = it->j;
    const rt_geometry *g = j->g;
    const int64_t item = g->item, width = g->kernel->width, q1 = min(q0 + CHUNK, n_columns(j, c));
    const int64_t t0 = block * j->tiles, t1 = min(t0 + j->tiles, j->n_tiles), first = rows_before(j, t0);
    const char *const packed = c->packed + it->group * c->group;
    int64_t k0 = 0;
    do { /* a block of the chain, a panel of the image, all tiles */
        const int64_t k = min(RT_MATMUL_KC, c->k - k0);
        for (int64_t q = q0; q < q1; q += width)
            for (int64_t t = t0; t < t1; t++) {
                const int64_t rows = rows_of(j, t), before = rows_before(j, t);
                g->kernel->across[rows](k, packed + (before * c->k + k0 * rows) * item, it->planes + q * item,
                                        c->offset + k0, k0 == 0, scratch + ((before - first) * CHUNK + q - q0) * item,
                                        CHUNK * item);
            }
        k0 += k;
    } while (k0 < c->k);
    const int64_t pitch = j->planes.pitch;
    if (j->transposed && c->unsafe)
        for (int64_t q = q0; q < q1; q++)
            for (int64_t t = t0, p = 0; t < t1 && q % pitch < c->cols; t++, p = 0) {
                while (p < c->k && reaches(g, c, p, q / pitch, q % pitch)) p++;
                if (p < c->k)
                    mend_place(j, c, it->group, t, q / pitch, q % pitch, it->planes + q * item,
                               scratch + ((rows_before(j, t) - first) * CHUNK + q - q0) * item, CHUNK * item);
            }
    const int64_t *const strides = rt_t_strides(j->out);
    for (int64_t i = first; i < rows_before(j, t1); i++) {
        const int64_t channel = it->group * j->m + i;
        char *const to = j->out->data + it->n * strides[0] + channel * strides[1] + c->out;
        const char *const bias = j->bias ? j->bias->data + channel * rt_t_strides(j->bias)[0] : NULL;
        const char *const from = scratch + (i - first) * CHUNK * item;
        for (int64_t y = q0 / pitch; y * pitch < q1; y++) {
            const int64_t x0 = max(q0 - y * pitch, 0), n = min(c->cols, q1 - y * pitch) - x0;
            if (n > 0)
                g->kernel->put_row(from + (y * pitch + x0 - q0) * item, n, bias, to + y * c->out_row + x0 * c->out_col,
                                   c->out_col);
        }
    }
}

/* Tasks: the classes one after another; in each, block of tiles * chunks of columns + chunk. */
static void chunk_range(void *ctx, int64_t begin, int64_t end) {
    const rt_item *it = ctx;
    const rt_across *j = it->j;
    char *scratch = scratch_for(j->g, (j->tiles * j->most * CHUNK + CHUNK) * j->g->item);
    if (!scratch) return;
    int64_t done = 0;
    for (int64_t i = 0; i < j->n_classes && done < end; i++) {
        const rt_class *const c = &j->classes[i];
        const int64_t n = n_chunks(j, c), tasks = n * it->n_blocks;
        for (int64_t task = max(begin - done, 0); task < min(end - done, tasks); task++)
            chunk(it, c, task / n, task % n * CHUNK, scratch);
        done += tasks;
    }
    rt_scratch_free(scratch);
}

static void lay_out(const rt_across *j, int64_t n, int64_t group, char *to) {
    const int64_t channels = j->planes.n_channels;
    if (!j->transposed) {
        lay_out_image(j->g, &j->planes, j->in, n, group * channels, to);
        return;
    }
    const rt_axis *const v = &j->g->axis[0], *const h = &j->g->axis[1];
    const int64_t *const strides = rt_t_strides(j->in), item = j->g->item;
    const int64_t top = v->before, side = h->before; /* set by classes_of: rows and columns of zeros in front */
    const int64_t row = j->in->ndim == 4 ? strides[2] : 0, col = strides[j->in->ndim - 1];
    const int64_t y0 = max(-top, 0), y1 = min(v->result, j->planes.rows - top), x0 = max(-side, 0);
    const int64_t n_x = min(h->result, j->planes.pitch - side) - x0;
    for (int64_t c = 0; c < channels && n_x > 0; c++)
        for (int64_t y = y0; y < y1; y++)
            copy_places(to + (c * j->planes.channel + (y + top) * j->planes.pitch + x0 + side) * item,
                        j->in->data + n * strides[0] + (group * channels + c) * strides[1] + y * row + x0 * col, col,
                        n_x, item);
}

/* Items: image * groups + group. */
static void item_range(void *ctx, int64_t begin, int64_t end) {
    const rt_across *j = ctx;
    const int64_t bytes = j->planes.total * j->g->item;
    char *planes = scratch_for(j->g, bytes);
    if (!planes) return;
    memset(planes, 0, (size_t)bytes); /* the zeros stay for all items */
    for (int64_t i = begin; i < end; i++) {
        rt_item it = {j, i / j->g->groups, i % j->g->groups, planes, (j->n_tiles + j->tiles - 1) / j->tiles};
        lay_out(j, it.n, it.group, planes);
        int64_t n = 0;
        for (int64_t c = 0; c < j->n_classes; c++) n += n_chunks(j, &j->classes[c]) * it.n_blocks;
        if (j->share_items) rt_parallel_for(n, 1, chunk_range, &it);
        else chunk_range(&it, 0, n);
    }
    rt_scratch_free(planes);
}

static void free_classes(rt_across *j) {
    for (int64_t i = 0; i < j->n_classes && j->classes; i++) {
        free(j->classes[i].offset);
        if (j->classes[i].packed) rt_scratch_free(j->classes[i].packed);
    }
    free(j->classes);
}

/* Room for the tables of one class and its packed weights; k is set. */
static int make_class(const rt_across *j, rt_class *c) {
    c->offset = calloc((size_t)c->k * 3 + 1, sizeof(int64_t));
    c->group = (c->k * j->m + 16) * j->g->item;
    c->packed = rt_scratch_alloc(c->group * j->g->groups);
    if (!c->offset || !c->packed) return RT_ERR_ALLOC;
    c->taps = c->offset + c->k;
    return RT_OK;
}

static int forward_class(rt_across *j) {
    const rt_geometry *g = j->g;
    const rt_axis *v = &g->axis[0], *h = &g->axis[1];
    rt_planes *p = &j->planes;
    p->rows = v->result + (v->taps ? v->shift[v->taps - 1] : 0);
    p->pitch = h->result + (h->taps ? h->shift[h->taps - 1] : 0);
    p->n_planes = v->n_phases * h->n_phases, p->n_channels = g->n_in;
    int status = fill_planes(p, g);
    if (status != RT_OK) return status;
    j->classes = calloc(1, sizeof(rt_class));
    if (!j->classes) return RT_ERR_ALLOC;
    j->n_classes = 1;
    rt_class *c = j->classes;
    c->k = g->n_in * v->taps * h->taps;
    status = make_class(j, c);
    if (status != RT_OK) return status;
    int64_t at = 0;
    for (int64_t i = 0; i < g->n_in; i++)
        for (int64_t t0 = 0; t0 < v->taps; t0++)
            for (int64_t t1 = 0; t1 < h->taps; t1++, at++) {
                const int64_t plane = v->phase[t0] * h->n_phases + h->phase[t1];
                c->offset[at] = (i * p->channel + plane * p->plane + v->shift[t0] * p->pitch + h->shift[t1]) * g->item;
                c->taps[2 * at] = t0, c->taps[2 * at + 1] = t1;
            }
    c->rows = v->result, c->cols = h->result;
    c->out_row = h->result * g->item, c->out_col = g->item;
    return RT_OK;
}

/* Along one axis, the places y = Y * step + residue - before of a class: the first Y, and how many. */
static void class_places(const rt_axis *a, int64_t residue, int64_t *first, int64_t *n) {
    *first = a->before > residue ? ceil_div(a->before - residue, a->step) : 0;
    const int64_t y = *first * a->step + residue - a->before;
    *n = y < a->image ? (a->image - 1 - y) / a->step + 1 : 0;
}

/* The places of the result that any class reads along one axis: the lowest and how many. */
static void class_reach(const rt_axis *a, int64_t *low, int64_t *n) {
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (int64_t r = 0; r < a->step; r++) {
        int64_t y, many;
        class_places(a, r, &y, &many);
        if (many > 0) first = min(first, y), last = max(last, y + many - 1);
        if (r >= a->image + a->before) break; /* later residues have no places, or the same as this one's first */
    }
    *low = 0, *n = 0;
    if (first > last) return;
    *low = first - (a->taps ? a->shift[a->taps - 1] : 0);
    *n = last - *low + 1;
}

static int transposed_classes(rt_across *j) {
    rt_geometry *g = j->g;
    rt_axis *v = &g->axis[0], *h = &g->axis[1];
    rt_planes *p = &j->planes;
    int64_t low[2];
    class_reach(v, &low[0], &p->rows);
    class_reach(h, &low[1], &p->pitch);
    p->n_planes = 1, p->n_channels = g->n_out;
    int status = fill_planes(p, g);
    if (status != RT_OK) return status;
    /* Residues without a place make no class; a place has one of `image` residues at most. */
    const int64_t n_v = min(v->step, v->image), n_h = min(h->step, h->image);
    j->classes = calloc((size_t)(n_v * n_h) + 1, sizeof(rt_class));
    if (!j->classes) return RT_ERR_ALLOC;
    j->n_classes = n_v * n_h;
    for (int64_t i = 0; i < n_v * n_h; i++) {
        rt_class *c = &j->classes[i];
        const int64_t y = i / n_h, x = i % n_h; /* the class's first place in the image */
        const int64_t r0 = (y + v->before) % v->step, r1 = (x + h->before) % h->step;
        class_places(v, r0, &c->y0, &c->rows);
        class_places(h, r1, &c->x0, &c->cols);
        int64_t taps[2] = {0, 0};
        for (int64_t t = 0; t < v->taps; t++) taps[0] += v->residue[t] == r0;
        for (int64_t t = 0; t < h->taps; t++) taps[1] += h->residue[t] == r1;
        c->k = g->n_out * taps[0] * taps[1];
        status = make_class(j, c);
        if (status != RT_OK) return status;
        int64_t at = 0;
        for (int64_t o = 0; o < g->n_out; o++)
            for (int64_t t0 = 0; t0 < v->taps; t0++)
                for (int64_t t1 = 0; t1 < h->taps; t1++) {
                    if (v->residue[t0] != r0 || h->residue[t1] != r1) continue;
                    c->offset[at] =
                        (o * p->channel + (c->y0 - v->shift[t0] - low[0]) * p->pitch + c->x0 - h->shift[t1] - low[1]) *
                        g->item;
                    c->taps[2 * at] = t0, c->taps[2 * at + 1] = t1;
                    at++;
                }
        c->out = (y * h->image + x) * g->item;
        c->out_row = v->step * h->image * g->item, c->out_col = h->step * g->item;
    }
    v->before = -low[0], h->before = -low[1]; /* for lay_out */
    return RT_OK;
}

/* What two operands and the axes, 4 numbers for each, say: all but the sizes. */
static int geometry(rt_geometry *g, const rt_tensor *a, const rt_tensor *b, int64_t groups, const int64_t *axes) {
    memset(g, 0, sizeof(*g));
    if (a->ndim != b->ndim || a->ndim < 3 || a->ndim > 4) return RT_ERR_DIMENSION;
    if (a->dtype != b->dtype || (a->dtype != RT_F32 && a->dtype != RT_F64)) return RT_ERR_DTYPE;
    if (groups < 1 || groups >= LARGEST) return RT_ERR_ARGUMENT;
    g->kernel = &rt_k.conv[a->dtype], g->item = rt_itemsize(a->dtype), g->groups = groups;
    g->axis[0] = (rt_axis){.image = 1, .result = 1, .taps = 1, .step = 1, .spread = 1};
    for (int d = 4 - a->ndim, i = 0; d < 2; d++, i += 4)
        g->axis[d].step = axes[i + 1], g->axis[d].spread = axes[i + 2], g->axis[d].before = axes[i + 3];
    return RT_OK;
}

/* The size of one axis of t or, for the one row of a one-dimensional convolution, 1. */
static int64_t size_of(const rt_tensor *t, int d) {
    return d < 4 - t->ndim ? 1 : rt_t_shape(t)[t->ndim - 2 + d];
}

static int is_bias(const rt_tensor *bias, const rt_tensor *like, int64_t n) {
    return !bias || (bias->ndim == 1 && bias->dtype == like->dtype && rt_t_shape(bias)[0] == n);
}

/* The forward or transposed product of in and weight; sizes are the result's. */
static rt_tensor *across(const rt_tensor *in, const rt_tensor *weight, const rt_tensor *bias, int64_t groups,
                         const int64_t *axes, int transposed) {
    rt_geometry g;
    rt_across j = {.g = &g, .in = in, .weight = weight, .bias = bias, .transposed = transposed};
    int status = geometry(&g, in, weight, groups, axes);
    if (status != RT_OK) RT_FAIL(status);
    const int64_t *const ws = rt_t_shape(weight);
    g.n_images = rt_t_shape(in)[0], g.n_out = ws[0] / groups, g.n_in = ws[1];
    if (ws[0] % groups != 0 || rt_t_shape(in)[1] != (transposed ? ws[0] : groups * ws[1])) RT_FAIL(RT_ERR_BROADCAST);
    j.m = transposed ? g.n_in : g.n_out;
    int64_t shape[4] = {g.n_images, groups * j.m};
    if (!is_bias(bias, in, shape[1])) RT_FAIL(RT_ERR_BROADCAST);
    for (int d = 0; d < 2; d++) {
        const int i = 4 * (d - (4 - in->ndim));
        const int64_t size = i < 0 ? 1 : axes[i];
        if (i >= 0) shape[2 + i / 4] = size;
        g.axis[d].image = transposed ? size : size_of(in, d);
        g.axis[d].result = transposed ? size_of(in, d) : size;
        g.axis[d].taps = size_of(weight, d);
    }
    for (int d = 0; d < 2 && status == RT_OK; d++) status = fill_axis(&g.axis[d]);
    j.out = status == RT_OK ? rt_new(in->dtype, in->ndim, shape) : NULL;
    if (status == RT_OK && !j.out) status = rt_last_status();
    if (status == RT_OK && j.out->numel > 0) {
        j.n_tiles = (j.m + g.kernel->high - 1) / g.kernel->high;
        j.most = (j.m + j.n_tiles - 1) / j.n_tiles;
        j.n_full = j.n_tiles - (j.n_tiles * j.most - j.m);
        j.tiles = ROWS / j.most;
        status = transposed ? transposed_classes(&j) : forward_class(&j);
        if (status == RT_OK) {
            const rt_tensor *const operands[2] = {in, weight};
            rt_count_call(RT_FAMILY_CONVOLUTION, 2, operands, RT_PATH_PACKED);
            const rt_fenv fenv = rt_fenv_enter();
            const int64_t items = g.n_images * groups;
            const double k = (double)ws[1] * (double)g.axis[0].taps * (double)g.axis[1].taps;
            const double work = (double)j.out->numel * k / (double)items + 1;
            const int64_t grain = work < GRAIN ? (int64_t)(GRAIN / work) + 1 : 1;
            j.share_items = items < 4 * rt_get_num_threads() && work > GRAIN;
            rt_parallel_for(j.n_classes * groups * j.n_tiles, 100000 / ((int64_t)k * j.most + 1) + 1, pack_range, &j);
            rt_parallel_for(items, grain, item_range, &j);
            rt_fenv_leave(fenv);
            status = g.status;
        }
        free_classes(&j);
    }
    free_axes(&g);
    if (status == RT_OK) return j.out;
    if (j.out) rt_release(j.out);
    RT_FAIL(status);
}

rt_tensor *rt_convolution(const rt_tensor *x, const rt_tensor *weight, const rt_tensor *bias, int64_t groups,
                          const int64_t *axes) {
    return across(x, weight, bias, groups, axes, 0);
}

rt_tensor *rt_convolution_transpose(const rt_tensor *x, const rt_tensor *weight, const rt_tensor *bias, int64_t groups,
                                    const int64_t *axes) {
    return across(x, weight, bias, groups, axes, 1);
}

/* The gradient towards a weight. Rows of the product are (channel c, tap), columns are channels o. */
typedef struct {
    rt_geometry *g;
    const rt_tensor *x, *grad; /* grad is row-major */
    rt_tensor *out;
    rt_planes planes;
    int64_t k, *row, places, *place; /* rows, and results of an image; offsets of both in bytes */
    int64_t n_panels, n_tiles, high;
    int64_t packed; /* bytes of an image's packed results */
    int64_t n_most; /* images of a slab */
} rt_along;

typedef struct {
    const rt_along *j;
    int64_t group, first, n; /* images */
    char *planes, *packed, *sums;
} rt_images;

static void images_range(void *ctx, int64_t begin, int64_t end) {
    const rt_images *s = ctx;
    const rt_along *j = s->j;
    const rt_geometry *g = j->g;
    const int64_t *const strides = rt_t_strides(j->grad), item = g->item, width = g->kernel->width;
    for (int64_t i = begin; i < end; i++) {
        lay_out_image(g, &j->planes, j->x, s->first + i, s->group * g->n_in, s->planes + i * j->planes.total * item);
        char *to = s->packed + i * j->packed;
        const char *const from = j->grad->data + (s->first + i) * strides[0] + s->group * g->n_out * strides[1];
        for (int64_t p = 0; p < j->places; p += RT_MATMUL_KC) {
            const int64_t k = min(RT_MATMUL_KC, j->places - p);
            rt_k.gemm[j->x->dtype].pack(g->n_out, k, from + p * item, item, strides[1], to);
            to += k * j->n_panels * width * item;
        }
    }
}

/* Tasks: tiles, all panels and images of each. */
static void tiles_range(void *ctx, int64_t begin, int64_t end) {
    const rt_images *s = ctx;
    const rt_along *j = s->j;
    const rt_geometry *g = j->g;
    const int64_t item = g->item, width = g->kernel->width, tile = j->high * width * item;
    for (int64_t i = 0; i < s->n; i++) {
        const char *b = s->packed + i * j->packed, *const x = s->planes + i * j->planes.total * item;
        for (int64_t p = 0; p < j->places; p += RT_MATMUL_KC) {
            const int64_t k = min(RT_MATMUL_KC, j->places - p);
            for (int64_t panel = 0; panel < j->n_panels; panel++, b += k * width * item)
                for (int64_t t = begin; t < end; t++) {
                    const int64_t rows = min(j->high, j->k - t * j->high);
                    g->kernel->along[rows](k, x, j->row + t * j->high, j->place + p, b, s->first + i + p == 0,
                                           s->sums + (t * j->n_panels + panel) * tile, width * item);
                }
        }
    }
}

static void group_range(void *ctx, int64_t begin, int64_t end) {
    const rt_along *j = ctx;
    rt_geometry *g = j->g;
    const int64_t item = g->item, width = g->kernel->width, planes = j->planes.total * item;
    const int64_t sums = j->n_tiles * j->n_panels * j->high * width * item;
    char *const memory = scratch_for(g, j->n_most * (planes + j->packed) + sums);
    if (!memory) return;
    memset(memory, 0, (size_t)(j->n_most * planes));
    const int n_threads = rt_get_num_threads();
    const double image = (double)j->k * (double)j->places * (double)(j->n_panels * width);
    for (int64_t group = begin; group < end; group++) {
        rt_images s = {j, group, 0, 0, memory, memory + j->n_most * planes, memory + j->n_most * (planes + j->packed)};
        for (; s.first < g->n_images; s.first += s.n) {
            s.n = min(j->n_most, g->n_images - s.first);
            const int64_t few = (int64_t)(GRAIN / (image / (double)j->n_tiles * (double)s.n)) + 1;
            const int64_t even = (j->n_tiles + n_threads - 1) / n_threads;
            rt_parallel_for(s.n, RT_GRAIN_CHEAP / 4 / (j->planes.total + j->packed / item) + 1, images_range, &s);
            rt_parallel_for(j->n_tiles, max(few, even), tiles_range, &s);
        }
        char *const to = j->out->data + group * g->n_out * j->k * item;
        for (int64_t o = 0; o < g->n_out; o++)
            for (int64_t r = 0; r < j->k; r++) {
                const int64_t panel = r / j->high * j->n_panels + o / width;
                memcpy(to + (o * j->k + r) * item,
                       s.sums + ((panel * j->high + r % j->high) * width + o % width) * item, (size_t)item);
            }
    }
    rt_scratch_free(memory);
}

static int along(rt_along *j) {
    rt_geometry *g = j->g;
    const rt_axis *v = &g->axis[0], *h = &g->axis[1];
    rt_planes *p = &j->planes;
    p->rows = v->result + v->shift[v->taps - 1], p->pitch = h->result + h->shift[h->taps - 1];
    p->n_planes = v->n_phases * h->n_phases, p->n_channels = g->n_in;
    const int status = fill_planes(p, g);
    if (status != RT_OK) return status;
    const int64_t item = g->item, width = g->kernel->width;
    j->k = g->n_in * v->taps * h->taps, j->places = v->result * h->result;
    j->high = min(g->kernel->high_along, j->k);
    j->n_tiles = (j->k + j->high - 1) / j->high, j->n_panels = (g->n_out + width - 1) / width;
    if (__builtin_mul_overflow(j->places, j->n_panels * width * item, &j->packed)) return RT_ERR_ALLOC;
    j->n_most = max(min(SLAB_BYTES / (p->total * item + j->packed + 1), g->n_images), 1);
    j->row = malloc(sizeof(int64_t) * (size_t)(j->k + j->places));
    if (!j->row) return RT_ERR_ALLOC;
    j->place = j->row + j->k;
    int64_t at = 0;
    for (int64_t i = 0; i < g->n_in; i++)
        for (int64_t t0 = 0; t0 < v->taps; t0++)
            for (int64_t t1 = 0; t1 < h->taps; t1++) {
                const int64_t plane = v->phase[t0] * h->n_phases + h->phase[t1];
                j->row[at++] = (i * p->channel + plane * p->plane + v->shift[t0] * p->pitch + h->shift[t1]) * item;
            }
    for (int64_t i = 0; i < j->places; i++) j->place[i] = (i / h->result * p->pitch + i % h->result) * item;
    const rt_fenv fenv = rt_fenv_enter();
    rt_parallel_for(g->groups, 1, group_range, j);
    rt_fenv_leave(fenv);
    free(j->row);
    return g->status;
}

rt_tensor *rt_convolution_weight(const rt_tensor *x, const rt_tensor *grad, int64_t groups, const int64_t *axes) {
    rt_geometry g;
    int status = geometry(&g, x, grad, groups, axes);
    if (status != RT_OK) RT_FAIL(status);
    const int64_t *const xs = rt_t_shape(x), *const gs = rt_t_shape(grad);
    if (xs[0] != gs[0] || xs[1] % groups != 0 || gs[1] % groups != 0) RT_FAIL(RT_ERR_BROADCAST);
    g.n_images = xs[0], g.n_in = xs[1] / groups, g.n_out = gs[1] / groups;
    int64_t shape[4] = {gs[1], g.n_in};
    for (int d = 0; d < 2; d++) {
        const int i = 4 * (d - (4 - x->ndim));
        g.axis[d].image = size_of(x, d), g.axis[d].result = size_of(grad, d), g.axis[d].taps = i < 0 ? 1 : axes[i];
        if (i >= 0) shape[2 + i / 4] = axes[i];
    }
    for (int d = 0; d < 2 && status == RT_OK; d++) status = fill_axis(&g.axis[d]);
    rt_along j = {.g = &g, .x = x};
    j.out = status == RT_OK ? rt_new(x->dtype, x->ndim, shape) : NULL;
    if (status == RT_OK && !j.out) status = rt_last_status();
    if (status == RT_OK && grad->numel == 0) {
        memset(j.out->data, 0, (size_t)j.out->storage->nbytes);
    } else if (status == RT_OK && j.out->numel > 0) {
        rt_tensor *const dense = rt_contiguous(grad);
        const rt_tensor *const operands[2] = {x, grad};
        rt_count_call(RT_FAMILY_CONVOLUTION, 2, operands, RT_PATH_PACKED);
        j.grad = dense;
        status = dense ? along(&j) : RT_ERR_ALLOC;
        if (dense) rt_release(dense);
    }
    free_axes(&g);
    if (status == RT_OK) return j.out;
    if (j.out) rt_release(j.out);
    RT_FAIL(status);
}

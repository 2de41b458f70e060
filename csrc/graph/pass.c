/* SPDX-License-Identifier: MIT
 *
 * pass.c: one backward pass over a graph. Discovery counts, for every vertex, the edges within the pass that lead to it; a
 * vertex is ready when all have delivered. All that are ready together are a batch: nodes with a template run side by side
 * on the pool, the others one after the other in Python. Nothing here recurses.
 *
 * Gradients that reach one vertex by several paths are added in the order of the graph (later consumers first, then by
 * input), whatever the order of their arrival, so no schedule changes a bit. The gradient of a slice is added to its part
 * of the sum, in place: a tensor cut into parts costs as much as one pass over it.
 */
#include <stdlib.h>
#include <string.h>

#include "../runtime/pool.h"
#include "../runtime/runtime.h"
#include "../runtime/thread.h"
#include "node.h"
#include "template.h"

#define NONE (-1)
#define PAUSE_NS 50000000 /* between two looks at signals */
#define WAITING 8         /* nodes that wait for others to run beside them, at most, for each thread */
#define ENOUGH 8          /* gradients that wait for one vertex before some of them are added up ahead of the others */
#define MATMUL_WORK 8     /* multiply-adds that take as long as an element */

typedef struct {
    rt_node *node;
    int32_t n_waiting;            /* edges that have not delivered */
    int32_t first, last;          /* of the arrivals, a list; NONE */
    int32_t n_arrivals, n_enough; /* how many there are, and how many it takes to look whether some can be added up */
    uint8_t takes_part, wanted, runs, finished;
    int64_t bytes; /* of the arrivals */
    rt_tensor *found;
} vertex;

typedef struct {
    int64_t order; /* minus the consumer's seq */
    int32_t input, next;
    const rt_node *slice; /* the call that cut the slice this is the gradient of; NULL */
    rt_tensor *g;
} arrival;

/* What becomes of a vertex whose gradients have all arrived. */
enum { END, CUT, TEMPLATE, PYTHON }; /* nothing more; its gradient is that of a slice; in C; in Python */

/* A vertex of the batch. */
typedef struct {
    int32_t at;
    int kind, status;
    const rt_template *template;
    rt_tensor *g, **out;
    int64_t start, duration;
    int thread, n_added, n_in_place, hooks_ran;
} running;

typedef struct {
    int64_t op, start, duration, thread, batch;
    const rt_node *node;
} span;

struct rt_pass {
    int flags, status, n_limit;
    vertex *vertices;
    int32_t n_vertices, room, *table, n_table; /* vertices by the address of their node: an open hash table */
    arrival *arrivals;
    int32_t n_arrivals, arrivals_room, free_arrival;
    int32_t *ready, n_ready; /* of the next batch */
    int32_t *found, n_found; /* wanted vertices that a gradient has reached, in the order of their end */
    running *batch;
    rt_tensor **out; /* of all vertices of the batch */
    int64_t out_room, grain;
    uint64_t shuffle;
    int is_open, has_run; /* a batch whose end was not reported yet; it has run */
    int32_t n_batch, at_batch, batch_room;
    rt_node **roots;
    int n_roots;
    int32_t in_python;      /* the place in the batch that waits for Python; NONE */
    int32_t *late, at_late; /* what takes part, the latest first, and the first of it that is not finished; NULL: not
                               made yet */
    int64_t live, started, stats[RT_N_PASS_STATS];
    span *spans;
    int64_t n_spans, spans_room;
};

enum { NODES, EDGES, BATCHES, WIDEST, ADDED, IN_PLACE, PEAK, IN_PYTHON };

static _Thread_local int64_t last_stats[RT_N_PASS_STATS + 1]; /* of the last pass of this thread, then nanoseconds */

/* Vertices ----------------------------------------------------------------------------------------------------------- */

static uint32_t hash_of(const rt_node *n) {
    return (uint32_t)(((uintptr_t)n >> 4) * 0x9e3779b97f4a7c15u >> 32);
}

static int32_t find(const rt_pass *p, const rt_node *n) {
    for (uint32_t h = hash_of(n);; h++) {
        const int32_t i = p->table[h & (uint32_t)(p->n_table - 1)];
        if (i == NONE || p->vertices[i].node == n) return i;
    }
}

static void enter(const rt_pass *p, int32_t i) {
    uint32_t h = hash_of(p->vertices[i].node);
    while (p->table[h & (uint32_t)(p->n_table - 1)] != NONE) h++;
    p->table[h & (uint32_t)(p->n_table - 1)] = i;
}

static void *grown(void *items, int64_t n, size_t size) {
    return n > INT32_MAX / 4 ? NULL : realloc(items, (size_t)n * size);
}

/* The vertex of a node, a new one where there is none; NONE where memory is short. */
static int32_t vertex_of(rt_pass *p, rt_node *n, int *is_new) {
    const int32_t known = find(p, n);
    *is_new = known == NONE;
    if (known != NONE) return known;
    if (p->n_vertices == p->room) {
        vertex *v = grown(p->vertices, 2 * (int64_t)p->room, sizeof(vertex));
        if (!v) return NONE;
        p->vertices = v;
        p->room *= 2;
        int32_t *table = grown(p->table, 4 * (int64_t)p->room, sizeof(int32_t));
        if (!table) return NONE;
        p->table = table;
        p->n_table = 4 * p->room;
        memset(table, 0xff, sizeof(int32_t) * (size_t)p->n_table);
        for (int32_t i = 0; i < p->n_vertices; i++) enter(p, i);
    }
    p->vertices[p->n_vertices] = (vertex){.node = n, .first = NONE, .last = NONE, .n_enough = ENOUGH};
    enter(p, p->n_vertices);
    return p->n_vertices++;
}

static int is_freed(const rt_node *n) {
    return __atomic_load_n(&n->freed, __ATOMIC_ACQUIRE);
}

static int by_seq(const void *a, const void *b) {
    const int64_t x = (*(const vertex *const *)a)->node->seq, y = (*(const vertex *const *)b)->node->seq;
    return (x > y) - (x < y);
}

/* What runs is what lies between the roots and the wanted vertices; inputs are older than what was made from them. */
static int choose(rt_pass *p, const rt_node **failed) {
    const vertex **sorted = malloc(sizeof(vertex *) * (size_t)p->n_vertices);
    if (!sorted) return RT_ERR_ALLOC;
    for (int32_t i = 0; i < p->n_vertices; i++) sorted[i] = &p->vertices[i];
    qsort(sorted, (size_t)p->n_vertices, sizeof(*sorted), by_seq);
    int status = RT_OK;
    for (int32_t k = 0; k < p->n_vertices && status == RT_OK; k++) {
        vertex *v = (vertex *)sorted[k];
        for (int i = 0; i < v->node->n_edges && !v->runs; i++) {
            const rt_node *edge = rt_n_edges(v->node)[i];
            v->runs = edge && p->vertices[find(p, edge)].takes_part;
        }
        v->takes_part = v->runs || v->wanted;
        if (v->runs && is_freed(v->node)) status = RT_ERR_FREED, *failed = v->node;
    }
    free(sorted);
    return status;
}

static int discover(rt_pass *p, int n_wanted, const uintptr_t *wanted, const rt_node **failed) {
    int is_new;
    for (int i = 0; i < p->n_roots; i++)
        if (vertex_of(p, p->roots[i], &is_new) == NONE) return RT_ERR_ALLOC;
    for (int32_t at = 0; at < p->n_vertices; at++) { /* the vertices are their own list of what is left to do */
        rt_node *const n = p->vertices[at].node;
        if (n_wanted < 0 && is_freed(n)) {
            *failed = n;
            return RT_ERR_FREED;
        }
        for (int i = 0; i < n->n_edges; i++)
            if (rt_n_edges(n)[i] && vertex_of(p, rt_n_edges(n)[i], &is_new) == NONE) return RT_ERR_ALLOC;
    }
    if (n_wanted < 0) {
        for (int32_t i = 0; i < p->n_vertices; i++) {
            vertex *v = &p->vertices[i];
            v->takes_part = 1;
            v->runs = v->node->op != RT_NODE_LEAF;
            v->wanted = !v->runs;
        }
    } else {
        for (int i = 0; i < n_wanted; i++) {
            const int32_t at = find(p, (const rt_node *)wanted[i]);
            if (at != NONE) p->vertices[at].wanted = 1;
        }
        const int status = choose(p, failed);
        if (status != RT_OK) return status;
    }
    for (int32_t k = 0; k < p->n_vertices; k++) {
        const vertex *v = &p->vertices[k];
        if (!v->takes_part || !v->runs) continue;
        p->stats[NODES]++;
        for (int i = 0; i < v->node->n_edges; i++) {
            const rt_node *edge = rt_n_edges(v->node)[i];
            const int32_t at = edge ? find(p, edge) : NONE;
            if (at == NONE || !p->vertices[at].takes_part) continue;
            p->vertices[at].n_waiting++;
            p->stats[EDGES]++;
        }
    }
    return RT_OK;
}

/* Gradients on their way --------------------------------------------------------------------------------------------- */

static int64_t bytes_of(const rt_tensor *g) {
    return g->numel * rt_itemsize(g->dtype);
}

/* g in a vertex's dtype: a call may have promoted this input; a real one gets the real part. Takes g over. */
static rt_tensor *cast_to(rt_tensor *g, int dtype) {
    if (g->dtype == dtype) return g;
    rt_tensor *part = rt_is_complex(g->dtype) && !rt_is_complex(dtype) ? rt_part(g, 0) : rt_retain(g);
    rt_tensor *made = part ? rt_as_dtype(part, dtype) : NULL;
    if (part) rt_release(part);
    rt_release(g);
    return made;
}

/* Whether nobody else sees a gradient, so that the sum may be written over it. */
static int is_ours(rt_tensor *g) {
    return g->contiguous && rt_aliases(g) == 0 && !g->storage->let_go;
}

/* total + g in the place of total, both of which it takes over. */
static rt_tensor *add(rt_tensor *total, rt_tensor *g, int *in_place) {
    rt_tensor *sum = NULL;
    if (!total->node && !g->node && is_ours(total) && rt_same_shape(g, total->ndim, rt_t_shape(total)) &&
        rt_binary_inplace(RT_OP_ADD, total, g) == RT_OK) {
        ++*in_place;
        rt_release(g);
        return total;
    }
    sum = rt_binary(RT_OP_ADD, total, g);
    rt_release(total);
    rt_release(g);
    return sum;
}

/* total, to whose part a slice's gradient is added, or put where total is all zeros; takes both over. */
static rt_tensor *add_slice(rt_tensor *total, const rt_node *slice, rt_tensor *part, int is_zeros, int *in_place) {
    const int64_t *numbers = rt_n_numbers(slice);
    rt_tensor *own = is_ours(total) ? rt_retain(total) : rt_copy(total);
    *in_place += own && own == total;
    if (own == total) __atomic_sub_fetch(&total->n_refs, 1, __ATOMIC_RELAXED); /* alone, so that it may be written */
    const int status = own ? rt_assign(own, (int)(numbers[0] / 4), numbers + 1, part, !is_zeros) : rt_last_status();
    if (own == total) __atomic_add_fetch(&total->n_refs, 1, __ATOMIC_RELAXED);
    rt_tensor *const in[2] = {total, part};
    if (status == RT_OK && (total->node || part->node))
        own = rt_record(RT_OP_SETITEM_ADD, own, 2, in, 0, -1, 0, (int)numbers[0], numbers + 1);
    else if (status != RT_OK && own) {
        rt_release(own);
        own = NULL;
        rt_set_status(status);
    }
    rt_release(total);
    rt_release(part);
    return own;
}

static void drop_arrival(rt_pass *p, vertex *v) {
    const int32_t i = v->first;
    arrival *a = &p->arrivals[i];
    if (a->g) rt_release(a->g);
    v->first = a->next;
    if (v->first == NONE) v->last = NONE;
    v->n_arrivals--;
    a->next = p->free_arrival;
    p->free_arrival = i;
}

/* The sum, in order, of what reached a vertex before `order`; NULL where nothing did or it failed, which *status tells. */
static rt_tensor *total_of(const rt_pass *p, const vertex *v, int64_t order, int *n_added, int *n_in_place,
                           int *status) {
    rt_tensor *total = NULL;
    for (int32_t i = v->first; i != NONE && *status == RT_OK && p->arrivals[i].order < order; i = p->arrivals[i].next) {
        arrival *a = &p->arrivals[i];
        rt_tensor *g = a->g;
        a->g = NULL;
        *n_added += i != v->first;
        if (a->slice) {
            if (!total) total = rt_empty(v->node->dtype, v->node->ndim, rt_n_shape(v->node));
            if (total) total = add_slice(total, a->slice, g, i == v->first, n_in_place);
            else rt_release(g);
        } else {
            total = total ? add(total, g, n_in_place) : g;
        }
        if (!total) *status = rt_last_status();
    }
    return total;
}

static int latest_first(const void *a, const void *b) {
    return by_seq(b, a);
}

/* The seq of the latest vertex that has not finished: whoever is later than that has delivered. */
static int64_t frontier(rt_pass *p) {
    if (!p->late) {
        const vertex **sorted = malloc(sizeof(vertex *) * (size_t)p->n_vertices);
        p->late = malloc(sizeof(int32_t) * (size_t)p->n_vertices);
        if (!sorted || !p->late) {
            free(sorted);
            return INT64_MAX;
        }
        for (int32_t i = 0; i < p->n_vertices; i++) sorted[i] = &p->vertices[i];
        qsort(sorted, (size_t)p->n_vertices, sizeof(*sorted), latest_first);
        for (int32_t i = 0; i < p->n_vertices; i++) p->late[i] = (int32_t)(sorted[i] - p->vertices);
        free(sorted);
    }
    for (; p->at_late < p->n_vertices; p->at_late++) {
        const vertex *v = &p->vertices[p->late[p->at_late]];
        if (v->takes_part && v->runs && !v->finished) return v->node->seq;
    }
    return INT64_MIN;
}

/* A vertex that many paths lead to need not keep all their gradients until the last has arrived: those before which none
 * can come any more are added up. */
static int add_up(rt_pass *p, vertex *v) {
    const int64_t seq = frontier(p);
    const int64_t order = seq == INT64_MIN ? INT64_MAX : seq == INT64_MAX ? INT64_MIN : -seq;
    int n_before = 0, n_added = 0, n_in_place = 0, status = RT_OK;
    for (int32_t i = v->first; i != NONE && p->arrivals[i].order < order; i = p->arrivals[i].next) n_before++;
    v->n_enough = v->n_arrivals + ENOUGH;
    if (n_before < 2) return RT_OK;
    rt_tensor *total = total_of(p, v, order, &n_added, &n_in_place, &status);
    if (!total) return status;
    p->stats[ADDED] += n_added;
    p->stats[IN_PLACE] += n_in_place;
    while (n_before-- > 1) drop_arrival(p, v);
    arrival *a = &p->arrivals[v->first];
    a->slice = NULL;
    a->g = total;
    int64_t bytes = 0;
    for (int32_t i = v->first; i != NONE; i = p->arrivals[i].next) bytes += bytes_of(p->arrivals[i].g);
    p->live += bytes - v->bytes;
    v->bytes = bytes;
    v->n_enough = v->n_arrivals + ENOUGH;
    return RT_OK;
}

static int is_before(const arrival *a, int64_t order, int32_t input) {
    return a->order < order || (a->order == order && a->input <= input);
}

/* Notes that g, which it takes over, reached a vertex. */
static int arrive(rt_pass *p, int32_t at, int64_t order, int32_t input, const rt_node *slice, rt_tensor *g) {
    if (p->free_arrival == NONE && p->n_arrivals == p->arrivals_room) {
        const int64_t room = p->arrivals_room ? 2 * (int64_t)p->arrivals_room : 64;
        arrival *a = grown(p->arrivals, room, sizeof(arrival));
        if (!a) {
            rt_release(g);
            return RT_ERR_ALLOC;
        }
        p->arrivals = a;
        p->arrivals_room = (int32_t)room;
    }
    vertex *v = &p->vertices[at];
    if (!(g = cast_to(g, v->node->dtype))) return rt_last_status();
    if (g->node && !(p->flags & RT_PASS_CREATE)) { /* a seed, or a value that a gradient handed on as it was */
        rt_tensor *const plain = rt_detach(g);
        rt_release(g);
        if (!(g = plain)) return rt_last_status();
    }
    int32_t i = p->free_arrival;
    if (i != NONE) p->free_arrival = p->arrivals[i].next;
    else i = p->n_arrivals++;
    int32_t *place = &v->first; /* kept in order; most come in it */
    if (v->last != NONE && is_before(&p->arrivals[v->last], order, input)) place = &p->arrivals[v->last].next;
    while (*place != NONE && is_before(&p->arrivals[*place], order, input)) place = &p->arrivals[*place].next;
    p->arrivals[i] = (arrival){order, input, *place, slice, g};
    if (*place == NONE) v->last = i;
    *place = i;
    v->bytes += bytes_of(g);
    p->live += bytes_of(g);
    if (p->live > p->stats[PEAK]) p->stats[PEAK] = p->live;
    return ++v->n_arrivals < v->n_enough ? RT_OK : add_up(p, v);
}

/* Running ------------------------------------------------------------------------------------------------------------ */

static uint64_t wanted_edges(const rt_pass *p, const rt_node *n) {
    uint64_t wanted = 0;
    for (int i = 0; i < n->n_edges && i < 64; i++) {
        const rt_node *edge = rt_n_edges(n)[i];
        const int32_t at = edge ? find(p, edge) : NONE;
        if (at != NONE && p->vertices[at].takes_part) wanted |= (uint64_t)1 << i;
    }
    return wanted;
}

/* The sum of what reached a vertex, and what its template makes of it. */
static void run_one(rt_pass *p, running *r) {
    const int traced = p->flags & RT_PASS_TRACE;
    if (traced) r->start = rt_now_ns();
    r->thread = rt_worker_number();
    r->g = total_of(p, &p->vertices[r->at], INT64_MAX, &r->n_added, &r->n_in_place, &r->status);
    if (r->status == RT_OK && r->g && r->kind == TEMPLATE)
        r->status = rt_run_template(r->template, p->vertices[r->at].node, r->g, r->out);
    if (traced) r->duration = rt_now_ns() - r->start;
}

static void run_range(void *ctx, int64_t begin, int64_t end) {
    rt_pass *p = ctx;
    const int recording = rt_grad_enabled();
    rt_set_grad_enabled(recording && p->flags & RT_PASS_CREATE);
    for (int64_t i = begin; i < end; i++) run_one(p, &p->batch[i]);
    rt_set_grad_enabled(recording);
}

static int has_hooks(const rt_node *n) {
    return __atomic_load_n(&n->hooks, __ATOMIC_ACQUIRE) != NULL;
}

static int kind_of(const rt_pass *p, const vertex *v, running *r) {
    rt_node *const n = v->node;
    if (!r->hooks_ran && has_hooks(n)) return PYTHON;
    if (!v->runs) return END;
    if (n->op == RT_OP_GETITEM) return CUT;
    if (p->flags & (RT_PASS_CREATE | RT_PASS_PYTHON)) return PYTHON;
    rt_key key;
    if (!rt_make_key(&key, n, wanted_edges(p, n))) return PYTHON;
    r->template = rt_find_template(&key);
    return r->template ? TEMPLATE : PYTHON;
}

static uint64_t draw(rt_pass *p) {
    p->shuffle = p->shuffle * 6364136223846793005u + 1442695040888963407u;
    return p->shuffle >> 33;
}

/* Brings a random part of what is ready to the front; how many. */
static int32_t shuffle(rt_pass *p) {
    const int32_t n = 1 + (int32_t)(draw(p) % (uint64_t)p->n_ready);
    for (int32_t i = 0; i < n; i++) {
        const int32_t k = i + (int32_t)(draw(p) % (uint64_t)(p->n_ready - i)), at = p->ready[k];
        p->ready[k] = p->ready[i];
        p->ready[i] = at;
    }
    return n;
}

static int64_t work_of(const rt_node *n) {
    int64_t work = 1, most = 1;
    for (int d = 0; d < n->ndim; d++) work *= rt_n_shape(n)[d];
    if (n->op != RT_OP_MATMUL && n->op != RT_OP_LINEAR) return work * (n->op >= 0 && rt_is_costly(n->op) ? 8 : 1);
    for (int i = 0; i < n->n_edges; i++) /* k, or a size of the result, which is near enough */
        for (int d = 0; rt_n_edges(n)[i] && d < rt_n_edges(n)[i]->ndim; d++)
            if (rt_n_shape(rt_n_edges(n)[i])[d] > most) most = rt_n_shape(rt_n_edges(n)[i])[d];
    return work / MATMUL_WORK * most;
}

/* Nodes with little to do go first, so that those with more come together and can run side by side: of a sum of many
 * products the additions, each of which makes one product ready. Brings them to the front; how many. */
static int32_t little_first(rt_pass *p) {
    const int n_threads = p->n_limit > 0 ? p->n_limit : rt_get_num_threads();
    if (p->n_ready < 2 || n_threads < 2 || p->flags & (RT_PASS_SERIAL | RT_PASS_CREATE)) return p->n_ready;
    int32_t n = 0;
    for (int32_t i = 0; i < p->n_ready; i++) {
        const int32_t at = p->ready[i];
        if (p->vertices[at].runs && work_of(p->vertices[at].node) >= p->grain) continue;
        p->ready[i] = p->ready[n];
        p->ready[n++] = at;
    }
    return n == 0 || p->n_ready - n >= WAITING * n_threads ? p->n_ready : n;
}

/* What is ready becomes the batch. Returns a status. */
static int form_batch(rt_pass *p) {
    int64_t n_out = 0;
    const int32_t n = p->shuffle ? shuffle(p) : little_first(p);
    for (int32_t i = 0; i < n; i++) n_out += p->vertices[p->ready[i]].node->n_edges;
    if (n > p->batch_room) {
        running *batch = grown(p->batch, 2 * (int64_t)n, sizeof(running));
        if (!batch) return RT_ERR_ALLOC;
        p->batch = batch;
        p->batch_room = 2 * n;
    }
    if (n_out > p->out_room) {
        rt_tensor **out = grown(p->out, 2 * n_out, sizeof(rt_tensor *));
        if (!out) return RT_ERR_ALLOC;
        p->out = out;
        p->out_room = 2 * n_out;
    }
    memset(p->out, 0, sizeof(rt_tensor *) * (size_t)n_out);
    n_out = 0;
    for (int32_t i = 0; i < n; i++) {
        const vertex *v = &p->vertices[p->ready[i]];
        running *r = &p->batch[i];
        *r = (running){.at = p->ready[i], .out = p->out + n_out};
        r->kind = kind_of(p, v, r);
        n_out += v->node->n_edges;
    }
    p->n_batch = n;
    p->at_batch = 0;
    p->n_ready -= n;
    memmove(p->ready, p->ready + n, sizeof(int32_t) * (size_t)p->n_ready);
    p->stats[BATCHES]++;
    if (n > p->stats[WIDEST]) p->stats[WIDEST] = n;
    return RT_OK;
}

static void run_batch(rt_pass *p) {
    int64_t work = 0;
    int n_parallel = 0;
    for (int32_t i = 0; i < p->n_batch && p->n_batch > 1; i++)
        if (p->batch[i].kind == TEMPLATE) {
            work += work_of(p->vertices[p->batch[i].at].node);
            n_parallel++;
        }
    if (n_parallel > 1 && work >= p->grain && !(p->flags & (RT_PASS_SERIAL | RT_PASS_CREATE)))
        rt_parallel_for(p->n_batch, 1, run_range, p);
    else run_range(p, 0, p->n_batch);
    p->has_run = 1;
}

static int note_span(rt_pass *p, const running *r) {
    rt_node *const n = p->vertices[r->at].node;
    if (!(p->flags & RT_PASS_TRACE) || n->op == RT_NODE_LEAF) return RT_OK;
    if (p->n_spans == p->spans_room) {
        const int64_t room = p->spans_room ? 2 * p->spans_room : 256;
        span *s = grown(p->spans, room, sizeof(span));
        if (!s) return RT_ERR_ALLOC;
        p->spans = s;
        p->spans_room = room;
    }
    p->spans[p->n_spans++] = (span){n->op, r->start, r->duration, r->thread, p->stats[BATCHES] - 1, rt_node_retain(n)};
    return RT_OK;
}

/* A vertex has run: its gradients, which this takes over, go to its inputs, and those that now have all of theirs are
 * ready. Returns a status. */
static int finish(rt_pass *p, running *r, rt_tensor **gradients) {
    vertex *v = &p->vertices[r->at];
    rt_node *const n = v->node;
    int status = note_span(p, r);
    p->stats[ADDED] += r->n_added;
    p->stats[IN_PLACE] += r->n_in_place;
    p->live -= v->bytes;
    while (v->first != NONE) drop_arrival(p, v);
    v->finished = 1;
    if (v->wanted && r->g) {
        if (!v->found) v->found = rt_retain(r->g);
        p->found[p->n_found++] = r->at;
    }
    for (int i = 0; i < n->n_edges && v->runs; i++) {
        rt_tensor *g = gradients ? gradients[i] : NULL;
        const int32_t at = rt_n_edges(n)[i] ? find(p, rt_n_edges(n)[i]) : NONE;
        if (gradients) gradients[i] = NULL;
        if (at == NONE || !p->vertices[at].takes_part || status != RT_OK) {
            if (g) rt_release(g);
            continue;
        }
        if (g) status = arrive(p, at, -n->seq, i, r->kind == CUT ? n : NULL, g);
        if (--p->vertices[at].n_waiting == 0) p->ready[p->n_ready++] = at;
    }
    if (r->g) {
        rt_release(r->g);
        r->g = NULL;
    }
    if (v->runs && !(p->flags & RT_PASS_RETAIN)) rt_node_free_saved(n);
    return status;
}

static int fail(rt_pass *p, int status) {
    p->status = status;
    rt_set_status(status);
    return RT_PASS_FAILED;
}

/* Whether Python has a turn at what stands next in the batch: RT_PASS_NODE, RT_PASS_HOOKS, or RT_PASS_DONE where not. */
static int turn_of(rt_pass *p, running *r) {
    if (r->kind != PYTHON || !r->g) return RT_PASS_DONE;
    const vertex *v = &p->vertices[r->at];
    const int hooked = !r->hooks_ran && has_hooks(v->node);
    if (!hooked && !v->runs) return RT_PASS_DONE; /* another hook has taken them away */
    if (!r->hooks_ran) {
        p->stats[IN_PYTHON]++;
        if (p->flags & RT_PASS_TRACE) r->start = rt_now_ns();
    }
    p->in_python = p->at_batch;
    return hooked ? RT_PASS_HOOKS : RT_PASS_NODE;
}

int rt_pass_run(rt_pass *p) {
    if (p->status != RT_OK) return fail(p, p->status);
    const int64_t until = rt_now_ns() + PAUSE_NS;
    const int limit = rt_limit_threads(p->n_limit);
    int now = RT_PASS_PAUSE, status = RT_OK;
    for (int n = 0; status == RT_OK; n++) {
        if (p->at_batch == p->n_batch) {
            if (p->is_open && p->flags & RT_PASS_OBSERVE) {
                p->is_open = 0;
                now = RT_PASS_ENDED;
                break;
            }
            if (p->n_ready == 0) {
                now = RT_PASS_DONE;
                break;
            }
            if (n % 16 == 15 && rt_now_ns() > until) break;
            if ((status = form_batch(p)) != RT_OK) break;
            p->is_open = 1, p->has_run = 0;
            if (p->flags & RT_PASS_OBSERVE) {
                now = RT_PASS_BATCH;
                break;
            }
        }
        if (!p->has_run) run_batch(p);
        running *r = &p->batch[p->at_batch];
        if ((status = r->status) != RT_OK) break;
        const int turn = turn_of(p, r);
        if (turn != RT_PASS_DONE) {
            now = turn;
            break;
        }
        p->at_batch++;
        if (r->kind == CUT && r->g) r->out[0] = rt_retain(r->g);
        status = finish(p, r, r->out);
    }
    rt_limit_threads(limit);
    return status == RT_OK ? now : fail(p, status);
}

/* Python's turn -------------------------------------------------------------------------------------------------------- */

uintptr_t rt_pass_node(const rt_pass *p) {
    return (uintptr_t)p->vertices[p->batch[p->in_python].at].node;
}

rt_tensor *rt_pass_gradient(const rt_pass *p) {
    return rt_retain(p->batch[p->in_python].g);
}

int rt_pass_wants(const rt_pass *p, int i) {
    const vertex *v = &p->vertices[p->batch[p->in_python].at];
    const rt_node *edge = v->runs ? rt_n_edges(v->node)[i] : NULL;
    const int32_t at = edge ? find(p, edge) : NONE;
    return at != NONE && p->vertices[at].takes_part;
}

int rt_pass_runs(const rt_pass *p) {
    return p->vertices[p->batch[p->in_python].at].runs;
}

void rt_pass_replace(rt_pass *p, rt_tensor *g, int found) {
    running *r = &p->batch[p->in_python];
    vertex *v = &p->vertices[r->at];
    if (v->wanted && !found && !v->found) v->found = rt_retain(r->g);
    rt_release(r->g);
    r->g = rt_retain(g);
}

void rt_pass_go_on(rt_pass *p) {
    running *r = &p->batch[p->in_python];
    const vertex *v = &p->vertices[r->at];
    p->in_python = NONE;
    r->hooks_ran = 1;
    r->kind = kind_of(p, v, r);
    if (r->kind == TEMPLATE) r->status = rt_run_template(r->template, v->node, r->g, r->out);
    if (p->flags & RT_PASS_TRACE) r->duration = rt_now_ns() - r->start;
}

void rt_pass_tape(rt_pass *p) {
    const running *r = &p->batch[p->in_python];
    const rt_node *n = p->vertices[r->at].node;
    rt_key key;
    if (p->flags & (RT_PASS_CREATE | RT_PASS_PYTHON) || !rt_may_derive(n->op)) return;
    if (rt_make_key(&key, n, wanted_edges(p, n))) rt_tape_open(&key, n, r->g);
}

int rt_pass_deliver(rt_pass *p, int n, rt_tensor *const *gradients) {
    running *r = &p->batch[p->in_python];
    rt_tape_close(n, gradients);
    for (int i = 0; i < n; i++) r->out[i] = gradients[i] ? rt_retain(gradients[i]) : NULL;
    if (p->flags & RT_PASS_TRACE) r->duration = rt_now_ns() - r->start;
    p->in_python = NONE;
    p->at_batch++;
    const int status = finish(p, r, r->out);
    if (status != RT_OK) fail(p, status);
    return status;
}

/* Life ------------------------------------------------------------------------------------------------------------------ */

rt_pass *rt_pass_new(int n_roots, const uintptr_t *roots, rt_tensor *const *seeds, int n_wanted,
                     const uintptr_t *wanted, int flags, uintptr_t *failed) {
    rt_pass *p = calloc(1, sizeof(rt_pass));
    const rt_node *freed = NULL;
    if (!p) RT_FAIL(RT_ERR_ALLOC);
    p->flags = flags;
    p->started = rt_now_ns();
    p->grain = rt_get_grain(RT_WORK_BATCH);
    p->free_arrival = p->in_python = NONE;
    p->room = 16;
    p->n_table = 64;
    p->vertices = malloc(sizeof(vertex) * (size_t)p->room);
    p->table = malloc(sizeof(int32_t) * (size_t)p->n_table);
    p->roots = calloc((size_t)n_roots + 1, sizeof(rt_node *));
    int status = p->vertices && p->table && p->roots ? RT_OK : RT_ERR_ALLOC;
    if (status == RT_OK) {
        memset(p->table, 0xff, sizeof(int32_t) * (size_t)p->n_table);
        for (; p->n_roots < n_roots; p->n_roots++) p->roots[p->n_roots] = rt_node_retain((rt_node *)roots[p->n_roots]);
        status = discover(p, n_wanted, wanted, &freed);
    }
    if (status == RT_OK && !(p->ready = malloc(2 * sizeof(int32_t) * (size_t)p->n_vertices))) status = RT_ERR_ALLOC;
    if (status == RT_OK) p->found = p->ready + p->n_vertices;
    for (int i = 0; i < n_roots && status == RT_OK; i++) {
        const int32_t at = find(p, p->roots[i]);
        if (p->vertices[at].takes_part) status = arrive(p, at, INT64_MIN, i, NULL, rt_retain(seeds[i]));
    }
    for (int32_t i = 0; i < p->n_vertices && status == RT_OK; i++)
        if (p->vertices[i].takes_part && p->vertices[i].n_waiting == 0) p->ready[p->n_ready++] = i;
    if (status == RT_OK) return p;
    if (freed) *failed = (uintptr_t)freed;
    rt_pass_free(p);
    RT_FAIL(status);
}

void rt_pass_set(rt_pass *p, int n_threads, int64_t grain, uint64_t shuffle) {
    p->n_limit = n_threads;
    p->shuffle = shuffle;
    if (grain >= 0) p->grain = grain;
}

int rt_pass_n_found(const rt_pass *p) {
    return p->n_found;
}

uintptr_t rt_pass_found(const rt_pass *p, int i, rt_tensor **gradient) {
    const vertex *v = &p->vertices[p->found[i]];
    *gradient = rt_retain(v->found);
    return (uintptr_t)v->node;
}

rt_tensor *rt_pass_found_at(const rt_pass *p, uintptr_t node) {
    const int32_t at = find(p, (const rt_node *)node);
    return at != NONE && p->vertices[at].found ? rt_retain(p->vertices[at].found) : NULL;
}

void rt_pass_stats(const rt_pass *p, int64_t *out) {
    memcpy(out, p->stats, sizeof(p->stats));
}

int rt_last_pass_stats(int64_t *out) {
    memcpy(out, last_stats, sizeof(last_stats));
    return last_stats[RT_N_PASS_STATS] != 0;
}

int64_t rt_pass_batch(const rt_pass *p, int64_t *n_nodes) {
    *n_nodes = 0;
    for (int32_t i = 0; i < p->n_batch; i++) *n_nodes += p->vertices[p->batch[i].at].node->op != RT_NODE_LEAF;
    return p->stats[BATCHES] - 1;
}

int64_t rt_pass_n_spans(const rt_pass *p) {
    return p->n_spans;
}

int64_t rt_pass_spans(const rt_pass *p, int64_t first, int64_t *out) {
    int64_t n = 0;
    for (int64_t i = first; i < p->n_spans; i++) {
        const span *s = &p->spans[i];
        if (out) {
            const int64_t facts[7] = {s->op, s->start, s->duration, s->thread, s->batch, s->node->seq, s->node->ndim};
            memcpy(out + n, facts, sizeof(facts));
            memcpy(out + n + 7, rt_n_shape(s->node), sizeof(int64_t) * s->node->ndim);
        }
        n += 7 + s->node->ndim;
    }
    return n;
}

void rt_pass_free(rt_pass *p) {
    rt_tape_close(0, NULL);
    memcpy(last_stats, p->stats, sizeof(p->stats));
    last_stats[RT_N_PASS_STATS] = rt_now_ns() - p->started + 1;
    for (int32_t i = p->at_batch; i < p->n_batch; i++) {
        running *r = &p->batch[i];
        if (r->g) rt_release(r->g);
        for (int k = 0; k < p->vertices[r->at].node->n_edges; k++)
            if (r->out[k]) rt_release(r->out[k]);
    }
    for (int32_t i = 0; i < p->n_vertices; i++) {
        while (p->vertices[i].first != NONE) drop_arrival(p, &p->vertices[i]);
        if (p->vertices[i].found) rt_release(p->vertices[i].found);
    }
    for (int64_t i = 0; i < p->n_spans; i++) rt_node_unref((rt_node *)p->spans[i].node);
    for (int i = 0; i < p->n_roots; i++) rt_node_unref(p->roots[i]);
    free(p->vertices);
    free(p->table);
    free(p->arrivals);
    free(p->ready);
    free(p->batch);
    free(p->out);
    free(p->roots);
    free(p->spans);
    free(p->late);
    free(p);
}

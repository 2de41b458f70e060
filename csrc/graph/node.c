/* SPDX-License-Identifier: MIT
 * node.c: life of nodes, and how calls are entered into the graph. */
#include "node.h"

#include <stdlib.h>
#include <string.h>

#include "../runtime/runtime.h"
#include "../runtime/thread.h"

static int64_t n_recorded, n_live;
static _Thread_local int not_recording; /* this thread enters no calls */

void (*rt_retain_object)(void *object);
void (*rt_release_object)(void *object);
static void (*release_hooks)(void *hooks);
static void (*on_record)(uintptr_t node);

#define X(NAME, x, y, z) {x, y, z},
const uint64_t rt_saves[RT_N_OPS][3] = {RT_OP_SAVES(X)};
#undef X

int rt_grad_enabled(void) {
    return !not_recording;
}

void rt_set_grad_enabled(int enabled) {
    not_recording = !enabled;
}

void rt_set_objects(void (*retain)(void *object), void (*release)(void *object)) {
    rt_retain_object = retain;
    rt_release_object = release;
}

void rt_set_release_hooks(void (*release)(void *hooks)) {
    release_hooks = release;
}

void rt_set_on_record(void (*call)(uintptr_t node)) {
    __atomic_store_n(&on_record, call, __ATOMIC_RELEASE);
}

/* Life ----------------------------------------------------------------------------------------------------------- */

rt_node *rt_node_retain(rt_node *n) {
    __atomic_add_fetch(&n->n_refs, 1, __ATOMIC_RELAXED);
    return n;
}

static _Thread_local struct {
    rt_node *first;
    int at_work;
} dying;

static void let_go_of_saved(rt_node *n) {
    rt_tensor **saved = rt_n_saved(n);
    for (int i = 0; i < n->n_saved; i++)
        if (saved[i]) {
            rt_release(saved[i]);
            saved[i] = NULL;
        }
}

/* What a node holds may hold the last share of other nodes, and so on: those wait in a list. */
void rt_node_unref(rt_node *n) {
    if (__atomic_sub_fetch(&n->n_refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    n->next = dying.first;
    dying.first = n;
    if (dying.at_work) return;
    dying.at_work = 1;
    while ((n = dying.first)) {
        dying.first = n->next;
        let_go_of_saved(n);
        for (int i = 0; i < n->n_edges; i++)
            if (rt_n_edges(n)[i]) rt_node_unref(rt_n_edges(n)[i]);
        if (n->payload) rt_release_object(n->payload);
        if (n->hooks) (release_hooks ? release_hooks : rt_release_object)(n->hooks);
        free(n);
        __atomic_sub_fetch(&n_live, 1, __ATOMIC_RELAXED);
    }
    dying.at_work = 0;
}

static void occupy(rt_node *n) {
    while (__atomic_exchange_n(&n->busy, 1, __ATOMIC_ACQUIRE)) rt_yield();
}

static void vacate(rt_node *n) {
    __atomic_store_n(&n->busy, 0, __ATOMIC_RELEASE);
}

int rt_node_take_saved(rt_node *n, rt_tensor **out) {
    occupy(n);
    const int freed = n->freed;
    for (int i = 0; i < n->n_saved && !freed; i++) {
        rt_tensor *t = rt_n_saved(n)[i];
        out[i] = t ? rt_retain(t) : NULL;
    }
    vacate(n);
    return !freed;
}

void rt_node_free_saved(rt_node *n) {
    occupy(n);
    const int freed = __atomic_exchange_n(&n->freed, 1, __ATOMIC_ACQ_REL);
    vacate(n);
    if (freed) return;
    let_go_of_saved(n); /* nobody looks any more */
    void *payload = __atomic_exchange_n(&n->payload, NULL, __ATOMIC_ACQ_REL);
    if (payload) rt_release_object(payload);
}

/* One value at a time: who releases a Python object waits for the interpreter, whose thread may wait for this node. */
void rt_node_strip(uintptr_t node) {
    rt_node *n = (rt_node *)node;
    n->attributes = -1;
    for (int i = 0; i < n->n_saved; i++) {
        occupy(n);
        rt_tensor *t = rt_n_saved(n)[i];
        rt_n_saved(n)[i] = NULL;
        vacate(n);
        if (t) rt_release(t);
    }
}

static rt_node *new_node(int op, int n_edges, int n_saved, const rt_tensor *out, int n_numbers) {
    const size_t n_items = (size_t)n_edges + (size_t)n_saved + out->ndim + (size_t)n_numbers;
    rt_node *n = malloc(sizeof(rt_node) + n_items * sizeof(void *));
    if (!n) RT_FAIL(RT_ERR_ALLOC);
    *n = (rt_node){.n_refs = 1, .n_edges = n_edges, .n_saved = n_saved, .op = (int16_t)op, .dtype = out->dtype};
    n->ndim = out->ndim;
    n->bcast = out->bcast;
    n->scalar_kind = RT_NONE;
    __atomic_add_fetch(&n_live, 1, __ATOMIC_RELAXED);
    n->seq = __atomic_add_fetch(&n_recorded, 1, __ATOMIC_RELAXED);
    memcpy(rt_n_shape(n), rt_t_shape(out), sizeof(int64_t) * out->ndim);
    return n;
}

/* Recording -------------------------------------------------------------------------------------------------------- */

/* Another header like t, outside every graph. */
static rt_tensor *alike(const rt_tensor *t) {
    rt_tensor *made = rt_new_view(t, t->ndim, rt_t_shape(t), rt_t_strides(t), 0);
    if (made) made->layout = t->layout;
    return made;
}

/* A header like t outside every graph, t itself where it is that. */
rt_tensor *rt_detach(rt_tensor *t) {
    return t->node ? alike(t) : rt_retain(t);
}

/* out for a node of its own: one that others hold, or that belongs to another node, gives its place to a new header. */
static rt_tensor *fresh(rt_tensor *out) {
    if (!out->node && __atomic_load_n(&out->n_refs, __ATOMIC_ACQUIRE) == 1) return out;
    rt_tensor *made = alike(out);
    if (made) made->bcast = out->bcast;
    rt_release(out);
    return made;
}

static int flows(int dtype) {
    return dtype == RT_F32 || dtype == RT_F64 || dtype == RT_C64 || dtype == RT_C128;
}

/* A node for out, which becomes its holder; NULL, out released, where memory is short. in[i] may be NULL. */
static rt_tensor *enter(int op, rt_tensor *out, int n, const rt_tensor *const *in, uint64_t saves, int n_numbers) {
    const int saves_out = (saves & RT_SAVES_OUT) != 0;
    rt_node *node = new_node(op, n, __builtin_popcountll(saves & (RT_SAVES_OUT - 1)) + saves_out, out, n_numbers);
    if (!node) {
        rt_release(out);
        return NULL;
    }
    node->saves = saves;
    rt_tensor **saved = rt_n_saved(node);
    for (int i = 0; i < n; i++) {
        rt_n_edges(node)[i] = in[i] && in[i]->node ? rt_node_retain(rt_node_of(in[i])) : NULL;
        if (i < 32 && saves >> i & 1) *saved++ = in[i] ? rt_retain((rt_tensor *)in[i]) : NULL;
    }
    if (saves_out && !(*saved = alike(out))) {
        rt_node_unref(node);
        rt_release(out);
        return NULL;
    }
    out->node = (uintptr_t)node;
    return out;
}

/* What an op's gradients towards the inputs where one flows need. */
static uint64_t saves_of(int op, int n, const rt_tensor *const *in) {
    uint64_t saves = 0;
    for (int i = 0; i < n && i < 3; i++)
        if (in[i] && in[i]->node) saves |= rt_saves[op][i];
    return saves & ~RT_NO_GRADIENT;
}

static void tell(const rt_tensor *out) {
    void (*call)(uintptr_t) = __atomic_load_n(&on_record, __ATOMIC_ACQUIRE);
    if (call && out) call(out->node);
}

static int has_gradient(int op) {
    return !(rt_saves[op][0] & rt_saves[op][1] & rt_saves[op][2] & RT_NO_GRADIENT);
}

rt_tensor *rt_recorded(int op, rt_tensor *out, int n, const rt_tensor *const *in) {
    uintptr_t any = 0;
    for (int i = 0; i < n; i++) any |= in[i]->node;
    if (!any || !out) return out;
    const int enters = !not_recording && flows(out->dtype) && has_gradient(op);
    if (!enters && !out->node) return out;
    if (!(out = fresh(out)) || !enters) return out;
    out = enter(op, out, n, in, saves_of(op, n, in), 0);
    tell(out);
    return out;
}

rt_tensor *rt_recorded_beside(int op, rt_tensor *out, const rt_tensor *t, int at, int kind, double f, double g,
                              int64_t i) {
    if (!t->node || !out) return out;
    const int enters = !not_recording && flows(out->dtype) && has_gradient(op);
    if (!enters && !out->node) return out;
    if (!(out = fresh(out)) || !enters) return out;
    const rt_tensor *in[2] = {NULL, NULL};
    in[!at] = t;
    out = enter(op, out, 2, in, saves_of(op, 2, in) & ~((uint64_t)1 << at), 0);
    if (out) {
        rt_node *node = rt_node_of(out);
        node->scalar_at = (uint8_t)at, node->scalar_kind = (int8_t)kind;
        node->f = f, node->g = g, node->i = i;
        tell(out);
    }
    return out;
}

rt_tensor *rt_record(int op, rt_tensor *out, int n, rt_tensor *const *in, uint64_t saves, int64_t attributes,
                     uintptr_t payload, int n_numbers, const int64_t *numbers) {
    const int enters = !not_recording && flows(out->dtype);
    if (!enters && !out->node) return out;
    if (!(out = fresh(out)) || !enters) return out;
    out = enter(op, out, n, (const rt_tensor *const *)in, saves, n_numbers ? n_numbers + 1 : 0);
    if (!out) return NULL;
    rt_node *node = rt_node_of(out);
    node->attributes = attributes;
    node->payload = (void *)payload;
    if (payload) rt_retain_object(node->payload);
    if (n_numbers) {
        rt_n_numbers(node)[0] = n_numbers;
        memcpy(rt_n_numbers(node) + 1, numbers, sizeof(int64_t) * (size_t)n_numbers);
    }
    tell(out);
    return out;
}

uint64_t rt_saves_of(int op, int n, rt_tensor *const *in) {
    return saves_of(op, n, (const rt_tensor *const *)in);
}

rt_tensor *rt_record_few(int op, rt_tensor *out, rt_tensor *x, rt_tensor *y, rt_tensor *z, int n, int64_t attributes,
                         uintptr_t payload) {
    rt_tensor *const in[3] = {x, y, z};
    const int enters = !not_recording && flows(out->dtype) && has_gradient(op);
    if (!enters && !out->node) return out;
    return rt_record(op, out, n, in, saves_of(op, n, (const rt_tensor *const *)in), attributes, payload, 0, NULL);
}

rt_tensor *rt_make_leaf(rt_tensor *t) {
    rt_tensor *made = alike(t);
    if (!made) return NULL;
    rt_node *node = new_node(RT_NODE_LEAF, 0, 0, made, 0);
    if (!node) {
        rt_release(made);
        return NULL;
    }
    made->node = (uintptr_t)node;
    return made;
}

/* A leaf is of the dtype that it has now. */
static void give_node(rt_tensor *t, rt_node *n) {
    if (n->op == RT_NODE_LEAF) n->dtype = t->dtype;
    t->node = (uintptr_t)rt_node_retain(n);
}

rt_tensor *rt_with_node(rt_tensor *t, uintptr_t node) {
    rt_tensor *made = alike(t);
    if (made && node) give_node(made, (rt_node *)node);
    return made;
}

void rt_pass_node_on(rt_tensor *to, const rt_tensor *from) {
    if (from->node && !to->node) give_node(to, rt_node_of(from));
}

/* What Python looks at ----------------------------------------------------------------------------------------------- */

int64_t rt_live_nodes(void) {
    return __atomic_load_n(&n_live, __ATOMIC_RELAXED);
}

int rt_node_op(uintptr_t node) {
    return ((const rt_node *)node)->op;
}

int rt_node_dtype(uintptr_t node) {
    return ((const rt_node *)node)->dtype;
}

int64_t rt_node_seq(uintptr_t node) {
    return ((const rt_node *)node)->seq;
}

int rt_node_is_freed(uintptr_t node) {
    return __atomic_load_n(&((const rt_node *)node)->freed, __ATOMIC_ACQUIRE);
}

int rt_node_ndim(uintptr_t node) {
    return ((const rt_node *)node)->ndim;
}

const int64_t *rt_node_shape(uintptr_t node) {
    return rt_n_shape((const rt_node *)node);
}

int rt_node_n_edges(uintptr_t node) {
    return ((const rt_node *)node)->n_edges;
}

uintptr_t rt_node_edge(uintptr_t node, int i) {
    return (uintptr_t)rt_n_edges((const rt_node *)node)[i];
}

uint64_t rt_node_saves(uintptr_t node) {
    return ((const rt_node *)node)->saves;
}

rt_tensor *rt_node_saved(uintptr_t node, int i) {
    rt_node *n = (rt_node *)node;
    occupy(n);
    rt_tensor *t = n->freed ? NULL : rt_n_saved(n)[i];
    if (t) rt_retain(t);
    vacate(n);
    return t;
}

int rt_node_bcast(uintptr_t node) {
    return ((const rt_node *)node)->bcast;
}

int rt_node_scalar(uintptr_t node, double *parts, int64_t *i) {
    const rt_node *n = (const rt_node *)node;
    parts[0] = n->f, parts[1] = n->g, *i = n->i;
    return n->scalar_kind == RT_NONE ? -1 : n->scalar_at | n->scalar_kind << 8;
}

int64_t rt_node_numbers(uintptr_t node, int64_t *out) {
    const int64_t *numbers = rt_n_numbers((const rt_node *)node);
    if (out) memcpy(out, numbers + 1, sizeof(int64_t) * (size_t)numbers[0]);
    return numbers[0];
}

void **rt_node_object(uintptr_t node, int hooks) {
    rt_node *n = (rt_node *)node;
    return hooks ? &n->hooks : &n->payload;
}

uintptr_t rt_node_share(uintptr_t node) {
    return (uintptr_t)rt_node_retain((rt_node *)node);
}

uintptr_t rt_node_share_of_living(uintptr_t node) {
    rt_node *n = (rt_node *)node;
    int32_t n_refs = __atomic_load_n(&n->n_refs, __ATOMIC_RELAXED);
    while (n_refs > 0)
        if (__atomic_compare_exchange_n(&n->n_refs, &n_refs, n_refs + 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return node;
    return 0;
}

void rt_node_release(uintptr_t node) {
    rt_node_unref((rt_node *)node);
}

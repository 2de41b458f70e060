/* SPDX-License-Identifier: MIT
 * template.c: tapes, and the table of templates. */
#include "template.h"

#include <stdlib.h>
#include <string.h>

#include "../runtime/runtime.h"
#include "../runtime/thread.h"
#include "calls.h"

#define N_BUCKETS 4096
#define MOST_TEMPLATES 16384 /* the others run in Python */
#define MOST_SLOTS RT_MOST_SLOTS
#define FEWEST_HITS 64 /* so many keys of an op in a row without a hit, and no more are derived */

struct rt_tape {
    rt_key key;
    int spoilt, op;
    int n_slots, n_words, n_calls, room;
    rt_tensor *slots[MOST_SLOTS];
    int64_t *words;
};

_Thread_local rt_tape *rt_open_tape;

static rt_mutex lock = RT_MUTEX_INIT;
static rt_template *buckets[N_BUCKETS];
static int n_templates;
static int misses[RT_N_OPS];

/* Keys ------------------------------------------------------------------------------------------------------------- */

static int put_shape(rt_key *key, int dtype, int ndim, const int64_t *shape) {
    if (key->n + 1 + ndim > RT_KEY_WORDS) return 0;
    key->words[key->n++] = dtype << 8 | ndim; /* ndim < 256 */
    for (int d = 0; d < ndim; d++) key->words[key->n++] = shape[d];
    return 1;
}

int rt_make_key(rt_key *key, const rt_node *n, uint64_t wanted) {
    if (n->op < 0 || n->attributes < 0 || n->n_edges > 32 || n->n_saved > 32) return 0;
    rt_tensor *saved[32];
    if (!rt_node_take_saved((rt_node *)n, saved)) return 0;
    int fits = 1;
    key->n = 0;
    key->words[key->n++] = n->op | (int64_t)(uint8_t)n->scalar_kind << 16 | (int64_t)n->scalar_at << 24 |
                           (int64_t)n->n_edges << 32 | (int64_t)n->bcast << 40;
    key->words[key->n++] = n->attributes;
    key->words[key->n++] = (int64_t)wanted;
    key->words[key->n++] = (int64_t)n->saves;
    if (n->scalar_kind != RT_NONE) {
        memcpy(&key->words[key->n++], &n->f, sizeof(double));
        memcpy(&key->words[key->n++], &n->g, sizeof(double));
        key->words[key->n++] = n->i;
    }
    fits = put_shape(key, n->dtype, n->ndim, rt_n_shape(n));
    for (int i = 0; i < n->n_edges && fits; i++) {
        const rt_node *edge = rt_n_edges(n)[i];
        if (edge) fits = put_shape(key, edge->dtype, edge->ndim, rt_n_shape(edge));
    }
    for (int i = 0; i < n->n_saved; i++) {
        int first = 0; /* on a tape, two values that are one can't be told apart */
        while (saved[first] != saved[i]) first++;
        const int at = key->n;
        fits = fits && (saved[i] ? put_shape(key, saved[i]->dtype, saved[i]->ndim, rt_t_shape(saved[i]))
                                 : put_shape(key, 255, 0, NULL));
        if (fits) key->words[at] |= (int64_t)first << 16;
    }
    for (int i = 0; i < n->n_saved; i++)
        if (saved[i]) rt_release(saved[i]);
    if (!fits) return 0;
    uint64_t hash = 14695981039346656037u; /* FNV-1a by words, then mixed */
    for (int i = 0; i < key->n; i++) hash = (hash ^ (uint64_t)key->words[i]) * 1099511628211u;
    key->hash = hash ^ hash >> 29;
    return 1;
}

static const int64_t *calls_of(const rt_template *t) {
    return t->words + t->n_key;
}

static const int64_t *results_of(const rt_template *t) {
    return calls_of(t) + t->n_words;
}

static rt_template *find(const rt_key *key) {
    for (rt_template *t = buckets[key->hash % N_BUCKETS]; t; t = t->next)
        if (t->hash == key->hash && t->n_key == key->n &&
            memcmp(t->words, key->words, sizeof(int64_t) * (size_t)key->n) == 0)
            return t;
    return NULL;
}

/* Templates are never freed, so what is found stays. */
const rt_template *rt_find_template(const rt_key *key) {
    rt_lock(&lock);
    const rt_template *t = find(key);
    if (t) misses[key->words[0] & 0xffff] = 0;
    rt_unlock(&lock);
    return t;
}

int rt_may_derive(int op) {
    return op >= 0 && __atomic_load_n(&misses[op], __ATOMIC_RELAXED) < FEWEST_HITS;
}

/* Tapes ------------------------------------------------------------------------------------------------------------ */

static void take_slot(rt_tape *tape, rt_tensor *t) {
    if (tape->n_slots == MOST_SLOTS) tape->spoilt = 1;
    else tape->slots[tape->n_slots++] = rt_retain(t);
}

void rt_tape_open(const rt_key *key, const rt_node *n, rt_tensor *g) {
    rt_tape *tape = calloc(1, sizeof(rt_tape));
    if (!tape) return;
    tape->key = *key;
    tape->op = n->op;
    take_slot(tape, g);
    if (n->n_saved >= MOST_SLOTS || !rt_node_take_saved((rt_node *)n, tape->slots + 1)) {
        rt_release(g);
        free(tape);
        return;
    }
    tape->n_slots += n->n_saved;
    for (int i = 1; i < tape->n_slots; i++) tape->spoilt |= tape->slots[i] == g;
    rt_open_tape = tape;
}

void rt_tape_spoil(void) {
    rt_open_tape->spoilt = 1;
}

void rt_tape_word(int64_t word) {
    rt_tape *tape = rt_open_tape;
    if (tape->n_words == tape->room) {
        const int room = tape->room ? 2 * tape->room : 64;
        int64_t *words = room > 1 << 16 ? NULL : realloc(tape->words, sizeof(int64_t) * (size_t)room);
        if (!words) {
            tape->spoilt = 1;
            return;
        }
        tape->words = words;
        tape->room = room;
    }
    tape->words[tape->n_words++] = word;
}

void rt_tape_double(double value) {
    int64_t word;
    memcpy(&word, &value, sizeof(word));
    rt_tape_word(word);
}

void rt_tape_array(int64_t n, const int64_t *items) {
    rt_tape_word(n);
    for (int64_t i = 0; i < n; i++) rt_tape_word(items[i]);
}

static int64_t slot_of(const rt_tape *tape, const rt_tensor *t) {
    for (int i = tape->n_slots - 1; i >= 0; i--)
        if (tape->slots[i] == t) return i;
    return -1;
}

void rt_tape_tensor(const rt_tensor *t) {
    const int64_t slot = t ? slot_of(rt_open_tape, t) : -1;
    if (t && slot < 0) rt_open_tape->spoilt = 1;
    rt_tape_word(slot);
}

void rt_tape_result(rt_tensor *out) {
    if (out) take_slot(rt_open_tape, out);
    else rt_open_tape->spoilt = 1;
    rt_open_tape->n_calls++;
}

/* The value that a call gives out besides its result. */
void rt_tape_further(rt_tensor *out) {
    if (out) take_slot(rt_open_tape, out);
    else rt_open_tape->spoilt = 1;
}

/* What has another key at every call would fill the table for nothing. */
static void keep(const rt_tape *tape, int n, const int64_t *results) {
    rt_template *t = malloc(sizeof(rt_template) + sizeof(int64_t) * (size_t)(tape->key.n + tape->n_words + n));
    if (!t) return;
    *t = (rt_template){.hash = tape->key.hash,
                       .n_key = tape->key.n,
                       .n_slots = tape->n_slots,
                       .n_words = tape->n_words,
                       .n_calls = tape->n_calls,
                       .n_results = n};
    memcpy(t->words, tape->key.words, sizeof(int64_t) * (size_t)tape->key.n);
    if (tape->n_words) memcpy(t->words + t->n_key, tape->words, sizeof(int64_t) * (size_t)tape->n_words);
    memcpy(t->words + t->n_key + t->n_words, results, sizeof(int64_t) * (size_t)n);
    rt_lock(&lock);
    if (find(&tape->key) || n_templates == MOST_TEMPLATES) {
        free(t); /* another thread was faster, or there are enough */
    } else {
        t->next = buckets[t->hash % N_BUCKETS];
        buckets[t->hash % N_BUCKETS] = t;
        n_templates++;
        __atomic_store_n(&misses[tape->op], misses[tape->op] + 1, __ATOMIC_RELAXED);
    }
    rt_unlock(&lock);
}

void rt_tape_close(int n, rt_tensor *const *results) {
    rt_tape *tape = rt_open_tape;
    if (!tape) return;
    rt_open_tape = NULL;
    int64_t slots[32];
    int good = results && !tape->spoilt && n <= 32;
    for (int i = 0; good && i < n; i++) {
        slots[i] = results[i] ? slot_of(tape, results[i]) : -1;
        if (results[i] && slots[i] < 0) good = 0;
    }
    if (good) keep(tape, n, slots);
    for (int i = 0; i < tape->n_slots; i++)
        if (tape->slots[i]) rt_release(tape->slots[i]);
    free(tape->words);
    free(tape);
}

/* Running ------------------------------------------------------------------------------------------------------------ */

int rt_run_template(const rt_template *t, const rt_node *n, rt_tensor *g, rt_tensor **out) {
    rt_tensor *slots[MOST_SLOTS];
    int n_slots = 0, status = RT_OK;
    slots[0] = g;
    if (!rt_node_take_saved((rt_node *)n, slots + 1)) return RT_ERR_FREED;
    n_slots += 1 + n->n_saved;
    const int64_t *at = calls_of(t);
    for (int i = 0; i < t->n_calls && status == RT_OK; i++)
        if (!rt_run_call(&at, slots, &n_slots)) status = rt_last_status();
    const int64_t *results = results_of(t);
    for (int i = 0; i < t->n_results; i++)
        out[i] = status == RT_OK && results[i] >= 0 ? rt_retain(slots[results[i]]) : NULL;
    for (int i = 1; i < n_slots; i++)
        if (slots[i]) rt_release(slots[i]); /* an input that was none is NULL */
    return status;
}

/* mpi/gradients.c: the gradients of all ranks.
 *
 * The backward walk calls a hook for each parameter whose gradient is complete. Gradients are collected until they fill a bucket, whose sum is
 * begun then and there; after the walk come the waits, bucket after bucket, and each parameter's gradient is its part of the sum.
 * Of several losses, the walks of all but the last only collect.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "mpi/bucket.h"

enum { BUCKET_BYTES = 4 << 20 };

/* A parameter's gradients, of each shard, and where their sum is. */
typedef struct entry {
    tg_tensor parameter;
    int       bucket; /* from 0 on; -1: it is in none yet */
    int64_t   from;
} entry;

typedef struct collector {
    tg_mpi    *m;
    tg_tape   *tape;
    bool       average;
    int64_t    limit;         /* of the elements of a bucket, in bytes */
    int        shards, shard; /* how many; the one that the walk is for */
    int        count;         /* of parameters */
    entry     *entries;
    tg_tensor *gradients;     /* of parameter i and shard s at [i * shards + s]; TG_NONE where there is none */
    tg_tensor *sent;          /* those of the bucket that is filled, in order */
    int       *order, filled; /* and their parameters */
    int64_t    bytes;
    tg_tensor *begun; /* the buckets */
    int64_t   *elements;
    tg_dtype  *dtypes;
    int        buckets;
} collector;

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

static void release(collector *c) {
    free(c->entries);
    free(c->gradients);
    free(c->sent);
    free(c->order);
    free(c->begun);
    free(c->elements);
    free(c->dtypes);
}

static tg_status prepare(collector *c, tg_mpi *m, int shards, const tg_mpi_backward_options *options, const char *name) {
    tg_mpi_backward_options o = options ? *options : (tg_mpi_backward_options){0};
    *c = (collector){.m = m, .tape = m->tape, .average = o.average, .shards = shards, .limit = BUCKET_BYTES};
    if (o.bucket_bytes < 0) return tg_fail(c->tape, TG_ERR_ARGUMENT, name, "bucket_bytes %lld", (long long)o.bucket_bytes);
    if (o.bucket_bytes > 0) c->limit = o.bucket_bytes;
    c->count = (int)tg_parameter_count(c->tape);
    size_t count = (size_t)c->count + 1, all = count * (size_t)shards;
    c->entries = malloc(count * sizeof *c->entries);
    c->gradients = malloc(all * sizeof *c->gradients);
    c->sent = malloc(all * sizeof *c->sent);
    c->order = malloc(count * sizeof *c->order);
    c->begun = malloc(count * sizeof *c->begun);
    c->elements = malloc(count * sizeof *c->elements);
    c->dtypes = malloc(count * sizeof *c->dtypes);
    if (!c->entries || !c->gradients || !c->sent || !c->order || !c->begun || !c->elements || !c->dtypes)
        return tg_fail(c->tape, TG_ERR_MEMORY, name, "out of memory");
    for (int i = 0; i < c->count; i++)
        c->entries[i] = (entry){.parameter = tg_parameter_at(c->tape, i), .bucket = -1};
    for (size_t i = 0; i < all; i++)
        c->gradients[i] = TG_NONE;
    return TG_OK;
}

/* ---- buckets ----------------------------------------------------------------------------------------------------------- */

/* Begins the sum of what was collected. */
static tg_status begin(collector *c) {
    if (!c->filled) return tg_error_status(c->tape);
    uint64_t names = 0;
    int64_t  from = 0;
    for (int k = 0; k < c->filled; k++) {
        entry      *e = &c->entries[c->order[k]];
        const char *name = tg_name(e->parameter);
        names = tgi_hash(names, name, strlen(name));
        memcpy(c->sent + k * c->shards, c->gradients + c->order[k] * c->shards, (size_t)c->shards * sizeof *c->sent);
        e->bucket = c->buckets;
        e->from = from;
        from += tg_size(e->parameter);
    }
    c->dtypes[c->buckets] = tg_dtype_of(c->sent[0]);
    c->elements[c->buckets] = from;
    c->begun[c->buckets++] = tgi_begin_bucket(c->m, c->filled, c->shards, c->sent, names);
    c->filled = 0;
    c->bytes = 0;
    return tg_error_status(c->tape);
}

/* Parameter i has all of its gradients: a shard that does not depend on it gives zeros. */
static tg_status add(collector *c, int i) {
    tg_tensor w = c->entries[i].parameter, *gradients = c->gradients + i * c->shards;
    int64_t   bytes = tg_size(w) * (int64_t)tg_dtype_size(tg_dtype_of(w));
    for (int s = 0; s < c->shards; s++)
        if (tg_is_none(gradients[s])) gradients[s] = tg_broadcast_to(tg_number(c->tape, tg_dtype_of(w), 0), tg_shape_of(w));
    bool other = c->filled && tg_dtype_of(c->entries[c->order[0]].parameter) != tg_dtype_of(w);
    if ((other || (c->filled && c->bytes + bytes > c->limit)) && begin(c)) return tg_error_status(c->tape);
    c->order[c->filled++] = i;
    c->bytes += bytes;
    return c->bytes >= c->limit ? begin(c) : TG_OK;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------------- */

static int index_of(const collector *c, tg_tensor parameter) {
    int i = 0;
    while (c->entries[i].parameter.ref != parameter.ref)
        i++;
    return i;
}

static tg_tensor take(tg_tensor parameter, tg_tensor gradient, void *context) {
    collector *c = context;
    int        i = index_of(c, parameter);
    c->gradients[i * c->shards + c->shard] = gradient;
    if (c->shard == c->shards - 1) add(c, i);
    return TG_NONE;
}

/* Those that the last shard does not depend on, but others do. */
static tg_status add_rest(collector *c) {
    for (int i = 0; i < c->count && !tg_error_status(c->tape); i++) {
        bool any = false, queued = c->entries[i].bucket >= 0;
        for (int s = 0; s < c->shards; s++)
            any |= !tg_is_none(c->gradients[i * c->shards + s]);
        for (int k = 0; k < c->filled; k++)
            queued |= c->order[k] == i;
        if (any && !queued) add(c, i);
    }
    return begin(c);
}

/* ---- after it ---------------------------------------------------------------------------------------------------------- */

static void end_bucket(collector *c, int bucket) {
    tg_tensor sum = tgi_end_bucket(c->m, c->begun[bucket], c->dtypes[bucket], c->elements[bucket]);
    if (c->average) sum = tg_div(sum, (double)c->m->size);
    for (int i = 0; i < c->count && !tg_error_status(c->tape); i++) {
        const entry *e = &c->entries[i];
        if (e->bucket != bucket) continue;
        tg_tensor part = tg_slice(sum, 0, e->from, e->from + tg_size(e->parameter), 1);
        tg_set_grad(e->parameter, tg_reshape(part, tg_shape_of(e->parameter)));
    }
}

static tg_status end_all(collector *c) {
    if (!add_rest(c))
        for (int b = 0; b < c->buckets && !tg_error_status(c->tape); b++)
            end_bucket(c, b);
    return tg_error_status(c->tape);
}

/* ---- the functions ----------------------------------------------------------------------------------------------------- */

static tg_status backward(tg_mpi *m, const char *name, int count, const tg_tensor *losses,
                          const tg_mpi_backward_options *options) {
    collector c;
    tg_scope  scope = tg_begin_scope(m->tape, name);
    if (!prepare(&c, m, count, options, name)) {
        for (; c.shard < count && !tg_error_status(m->tape); c.shard++)
            tg_backward_with(losses[c.shard], take, &c);
        end_all(&c);
    }
    release(&c);
    return tg_end_scope(scope);
}

static tg_status no_communicator(tg_tape *tape, const char *name) {
    return tg_fail(tape, TG_ERR_ARGUMENT, name, "the communicator is NULL");
}

tg_status(tg_mpi_backward)(tg_tensor loss, tg_mpi *m, const tg_mpi_backward_options *options) {
    if (!m) return no_communicator(tg_tape_of(loss), "mpi_backward");
    if (tg_check_tensor(m->tape, "mpi_backward", "the loss", loss)) return tg_error_status(m->tape);
    return backward(m, "mpi_backward", 1, &loss, options);
}

tg_status(tg_mpi_backward_shards)(tg_mpi *m, tg_list losses, const tg_mpi_backward_options *options) {
    if (!m) return TG_ERR_HANDLE;
    if (losses.count < 1) return tg_fail(m->tape, TG_ERR_ARGUMENT, "mpi_backward_shards", "there are no losses");
    for (int i = 0; i < losses.count; i++)
        if (tg_check_tensor(m->tape, "mpi_backward_shards", "a loss", losses.x[i])) return tg_error_status(m->tape);
    return backward(m, "mpi_backward_shards", losses.count, losses.x, options);
}

tg_status(tg_mpi_reduce_grads)(tg_mpi *m, const tg_mpi_backward_options *options) {
    if (!m) return TG_ERR_HANDLE;
    collector c;
    tg_scope  scope = tg_begin_scope(m->tape, "mpi_reduce_grads");
    if (!prepare(&c, m, 1, options, "mpi_reduce_grads")) {
        for (int i = 0; i < c.count && !tg_error_status(m->tape); i++)
            if (tg_has_grad(c.entries[i].parameter)) take(c.entries[i].parameter, tg_grad(c.entries[i].parameter), &c);
        end_all(&c);
        if (!c.buckets)
            tg_fail(m->tape, TG_ERR_GRADIENT, "mpi_reduce_grads", "no parameter has a gradient: call tg_backward first");
    }
    release(&c);
    return tg_end_scope(scope);
}

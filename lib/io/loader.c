/* io/loader.c: rows of data, batch by batch, in inputs.
 *
 * A batch is gathered in one buffer, feed after feed, and written from there. `order` holds the rows of the epoch that is under way, and
 * `rows` those that every epoch has. A permutation is drawn as any constant is, read, and taken off the tape again.
 *
 * With `prefetch` a worker gathers the next batch of an epoch as soon as one is written. It reads borrowed memory and the loader, and
 * never the tape. The first batch of an epoch is not read ahead: its order takes the tape's generator, which the step before it may use.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/data.h>
#include <tapegrad/extend.h>

#include "system.h"
#include "worker.h"

/* What is borrowed is the caller's, whatever the tape does: it may be read while a step runs, and the batch written from a copy. */
typedef struct ahead {
    const char *data; /* NULL: this feed is not read ahead */
    size_t      row;  /* bytes */
    char       *copy;
} ahead;

struct tg_loader {
    tg_feed    *feeds;
    ahead      *ahead; /* feed_count of each */
    int         feed_count;
    tg_tensor   weight; /* or TG_NONE */
    int64_t     batch, row_count;
    int64_t    *rows, *order; /* row_count of each */
    char       *buffer;       /* for one batch of any feed */
    int64_t     at;           /* so many rows of the epoch are done */
    int64_t     ready;        /* so many after them are read ahead, or about to be */
    bool        under_way;    /* the epoch has its order */
    bool        shuffle, drop_last;
    tgi_worker *worker; /* reads ahead, or NULL */
};

static const char new_name[] = "new_loader", next_name[] = "next_batch";

tg_feed_list tg_feed_list_from(int count, const tg_feed *items) {
    return (tg_feed_list){count, items};
}

/* ---- a new loader ------------------------------------------------------------------------------------------------ */

/* A batch has the shape of its data, but for the number of rows. */
static bool holds_rows_of(tg_shape batch, tg_shape data) {
    if (batch.rank < 1 || batch.rank != data.rank || batch.dims[0] < 1) return false;
    return memcmp(batch.dims + 1, data.dims + 1, sizeof *batch.dims * (size_t)(batch.rank - 1)) == 0;
}

static tg_status check_feed(tg_tape *tape, int i, tg_feed feed, tg_shape first_data, tg_shape first_batch) {
    if (tg_check_tensor(tape, new_name, "the data", feed.data) || tg_check_tensor(tape, new_name, "the batch", feed.batch))
        return tg_error_status(tape);
    tg_shape data = tg_shape_of(feed.data), batch = tg_shape_of(feed.batch);
    tg_dtype from = tg_dtype_of(feed.data), to = tg_dtype_of(feed.batch);
    char     a[TG_SHAPE_TEXT], b[TG_SHAPE_TEXT];
    if (!holds_rows_of(batch, data))
        return tg_fail(tape, TG_ERR_SHAPE, new_name, "feed %d: a batch of %s does not hold rows of %s", i,
                       tg_shape_text(b, batch), tg_shape_text(a, data));
    if (from != to)
        return tg_fail(tape, TG_ERR_DTYPE, new_name, "feed %d: the data are %s, the batch is %s", i, tg_dtype_name(from),
                       tg_dtype_name(to));
    if (data.dims[0] != first_data.dims[0] || batch.dims[0] != first_batch.dims[0])
        return tg_fail(tape, TG_ERR_SHAPE, new_name, "feed %d: %s in batches of %s is not in step with %s in batches of %s", i,
                       tg_shape_text(a, data), tg_shape_text(b, batch), tg_shape_text((char[TG_SHAPE_TEXT]){0}, first_data),
                       tg_shape_text((char[TG_SHAPE_TEXT]){0}, first_batch));
    return TG_OK;
}

static tg_status check_feeds(tg_tape *tape, tg_feed_list feeds) {
    if (feeds.count < 1) return tg_fail(tape, TG_ERR_ARGUMENT, new_name, "there are no feeds");
    const tg_feed first = feeds.items[0];
    if (tg_check_tensor(tape, new_name, "the data", first.data) || tg_check_tensor(tape, new_name, "the batch", first.batch))
        return tg_error_status(tape);
    tg_shape data = tg_shape_of(first.data), batch = tg_shape_of(first.batch);
    for (int i = 0; i < feeds.count; i++)
        if (check_feed(tape, i, feeds.items[i], data, batch)) return tg_error_status(tape);
    return TG_OK;
}

static tg_status check_weight(tg_tape *tape, tg_tensor weight, int64_t batch) {
    if (tg_is_none(weight)) return TG_OK;
    if (tg_check_tensor(tape, new_name, "the weight", weight)) return tg_error_status(tape);
    tg_shape shape = tg_shape_of(weight);
    char     text[TG_SHAPE_TEXT];
    if (shape.rank != 1 || shape.dims[0] != batch)
        return tg_fail(tape, TG_ERR_SHAPE, new_name, "the weight is %s, not (%" PRId64 ")", tg_shape_text(text, shape), batch);
    if (tg_dtype_of(weight) != TG_F32 && tg_dtype_of(weight) != TG_F64)
        return tg_fail(tape, TG_ERR_DTYPE, new_name, "the weight is %s", tg_dtype_name(tg_dtype_of(weight)));
    return TG_OK;
}

/* How many rows there are to be, of the `all` that the data have. */
static tg_status check_rows(tg_tape *tape, tg_tensor rows, int64_t all, int64_t *count) {
    *count = all;
    if (tg_is_none(rows)) return TG_OK;
    if (tg_check_tensor(tape, new_name, "the list of rows", rows)) return tg_error_status(tape);
    tg_shape shape = tg_shape_of(rows);
    char     text[TG_SHAPE_TEXT];
    if (shape.rank != 1)
        return tg_fail(tape, TG_ERR_SHAPE, new_name, "the list of rows is %s, not (n)", tg_shape_text(text, shape));
    if (tg_dtype_of(rows) != TG_I64)
        return tg_fail(tape, TG_ERR_DTYPE, new_name, "the list of rows is %s, not int64", tg_dtype_name(tg_dtype_of(rows)));
    *count = shape.dims[0];
    return TG_OK;
}

static size_t largest_batch(const tg_loader *loader) {
    size_t most = (size_t)loader->batch * sizeof(double); /* of weights */
    for (int i = 0; i < loader->feed_count; i++) {
        tg_tensor batch = loader->feeds[i].batch;
        size_t    bytes = (size_t)tg_size(batch) * tg_dtype_size(tg_dtype_of(batch));
        if (bytes > most) most = bytes;
    }
    return most;
}

static void copy_rows(const tg_loader *loader, const char *data, size_t row, int64_t count, char *to) {
    for (int64_t i = 0; i < count; i++)
        memcpy(to + (size_t)i * row, data + (size_t)loader->order[loader->at + i] * row, row);
}

/* The worker's. Pages of files are asked for all at once, and then waited for one after the other; small rows are not worth asking. */
static void read_ahead(void *argument) {
    enum { PAGE = 4096 };
    const tg_loader *loader = argument;
    for (int i = 0; i < loader->feed_count; i++) {
        const ahead *a = &loader->ahead[i];
        for (int64_t k = 0; k < loader->ready && a->data && a->row >= PAGE; k++)
            tgi_will_need(a->data + (size_t)loader->order[loader->at + k] * a->row, a->row);
    }
    for (int i = 0; i < loader->feed_count; i++)
        if (loader->ahead[i].data)
            copy_rows(loader, loader->ahead[i].data, loader->ahead[i].row, loader->ready, loader->ahead[i].copy);
}

static bool prepare_ahead(tg_loader *loader, bool prefetch) {
    bool any = false;
    loader->ahead = calloc((size_t)loader->feed_count, sizeof *loader->ahead);
    for (int i = 0; i < loader->feed_count && loader->ahead; i++) {
        tg_feed feed = loader->feeds[i];
        ahead  *a = &loader->ahead[i];
        size_t  bytes = (size_t)tg_size(feed.batch) * tg_dtype_size(tg_dtype_of(feed.batch));
        a->row = bytes / (size_t)loader->batch;
        if (!prefetch || !tg_borrowed(feed.data)) continue;
        any = true;
        a->copy = malloc(bytes + 1); /* never nothing */
        if (!a->copy) return false;
        a->data = tg_borrowed(feed.data);
    }
    if (any) loader->worker = tgi_worker_new(read_ahead, loader);
    return loader->ahead && (loader->worker || !any);
}

static bool allocate(tg_loader *loader, tg_feed_list feeds, bool prefetch) {
    size_t numbers = (size_t)loader->row_count + 1; /* never nothing */
    loader->feeds = malloc((size_t)feeds.count * sizeof *loader->feeds);
    if (!loader->feeds) return false;
    memcpy(loader->feeds, feeds.items, (size_t)feeds.count * sizeof *loader->feeds);
    loader->feed_count = feeds.count;
    loader->rows = malloc(numbers * sizeof *loader->rows);
    loader->order = malloc(numbers * sizeof *loader->order);
    loader->buffer = malloc(largest_batch(loader));
    return loader->rows && loader->order && loader->buffer && prepare_ahead(loader, prefetch);
}

static tg_status read_rows(tg_tape *tape, tg_loader *loader, tg_tensor rows, int64_t all) {
    if (tg_is_none(rows)) {
        for (int64_t i = 0; i < all; i++)
            loader->rows[i] = i;
        return TG_OK;
    }
    if ((tg_read)(rows, loader->rows, loader->row_count)) return tg_error_status(tape);
    for (int64_t i = 0; i < loader->row_count; i++)
        if (loader->rows[i] < 0 || loader->rows[i] >= all)
            return tg_fail(tape, TG_ERR_INDEX, new_name, "row %" PRId64 " is not one of %" PRId64, loader->rows[i], all);
    return TG_OK;
}

tg_loader *(tg_new_loader)(tg_tape *tape, tg_feed_list feeds, const tg_loader_options *options) {
    tg_loader_options o = options ? *options : (tg_loader_options){0};
    tg_tensor         rows = tg_or_none(o.rows), weight = tg_or_none(o.weight);
    if (tg_error_status(tape) || check_feeds(tape, feeds)) return NULL;
    int64_t count, all = tg_shape_of(feeds.items[0].data).dims[0], batch = tg_shape_of(feeds.items[0].batch).dims[0];
    if (check_weight(tape, weight, batch) || check_rows(tape, rows, all, &count)) return NULL;

    tg_loader *loader = malloc(sizeof *loader);
    if (loader)
        *loader =
            (tg_loader){.weight = weight, .batch = batch, .row_count = count, .shuffle = o.shuffle, .drop_last = o.drop_last};
    if (!loader || !allocate(loader, feeds, o.prefetch)) tg_fail(tape, TG_ERR_MEMORY, new_name, "out of memory");
    if (!tg_error_status(tape) && !read_rows(tape, loader, rows, all)) return loader;
    tg_free_loader(loader);
    return NULL;
}

void tg_free_loader(tg_loader *loader) {
    if (!loader) return;
    tgi_worker_free(loader->worker);
    for (int i = 0; i < loader->feed_count && loader->ahead; i++)
        free(loader->ahead[i].copy);
    free(loader->ahead);
    free(loader->feeds);
    free(loader->rows);
    free(loader->order);
    free(loader->buffer);
    free(loader);
}

int64_t tg_loader_rows(const tg_loader *loader) {
    if (!loader) return 0;
    return loader->drop_last ? loader->row_count - loader->row_count % loader->batch : loader->row_count;
}

int64_t tg_loader_batches(const tg_loader *loader) {
    return loader ? tg_loader_rows(loader) / loader->batch + (tg_loader_rows(loader) % loader->batch != 0) : 0;
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

static tg_status begin_epoch(tg_tape *tape, tg_loader *loader) {
    if (loader->shuffle) {
        tg_mark before = tg_tape_mark(tape);
        if ((tg_read)((tg_randperm)(tape, loader->row_count), loader->order, loader->row_count)) return tg_error_status(tape);
        if ((tg_discard)(tape, before)) return tg_error_status(tape);
    }
    for (int64_t i = 0; i < loader->row_count; i++)
        loader->order[i] = loader->rows[loader->shuffle ? loader->order[i] : i];
    loader->at = 0;
    loader->under_way = true;
    return TG_OK;
}

/* Rows that are not there are zeros. */
static tg_status write_rows(tg_tape *tape, const tg_loader *loader, int i, int64_t count) {
    tg_feed      feed = loader->feeds[i];
    const ahead *a = &loader->ahead[i];
    bool         ready = a->data && loader->ready;
    const char  *data = ready ? NULL : (tg_data)(feed.data);
    char        *rows = ready ? a->copy : loader->buffer;
    if (!ready && !data) return tg_error_status(tape);
    if (!ready) copy_rows(loader, data, a->row, count, rows);
    memset(rows + (size_t)count * a->row, 0, (size_t)(loader->batch - count) * a->row);
    return (tg_write)(feed.batch, rows, tg_size(feed.batch));
}

static tg_status write_weight(const tg_loader *loader, int64_t count) {
    bool wide = tg_dtype_of(loader->weight) == TG_F64;
    for (int64_t i = 0; i < loader->batch; i++)
        if (wide)
            ((double *)(void *)loader->buffer)[i] = i < count;
        else
            ((float *)(void *)loader->buffer)[i] = i < count;
    return (tg_write)(loader->weight, loader->buffer, loader->batch);
}

static tg_status write_batch(tg_tape *tape, const tg_loader *loader, int64_t count) {
    tg_scope scope = tg_begin_scope(tape, next_name);
    for (int i = 0; i < loader->feed_count && !tg_error_status(tape); i++)
        write_rows(tape, loader, i, count);
    if (!tg_is_none(loader->weight) && !tg_error_status(tape)) write_weight(loader, count);
    return tg_end_scope(scope);
}

/* How many rows the next batch has; 0 at the end of the epoch. */
static int64_t rows_left(const tg_loader *loader) {
    int64_t left = tg_loader_rows(loader) - loader->at;
    return left < loader->batch ? left : loader->batch;
}

static void go_ahead(tg_loader *loader) {
    loader->ready = loader->worker ? rows_left(loader) : 0;
    if (loader->ready) tgi_worker_start(loader->worker);
}

int64_t(tg_next_batch)(tg_tape *tape, tg_loader *loader) {
    if (!loader || tg_error_status(tape)) return 0;
    if (!loader->under_way && begin_epoch(tape, loader)) return 0;
    int64_t count = rows_left(loader);
    if (count == 0) {
        loader->under_way = false;
        return 0;
    }
    if (loader->worker) tgi_worker_wait(loader->worker);
    if (write_batch(tape, loader, count)) return 0;
    loader->at += count;
    go_ahead(loader);
    return count;
}

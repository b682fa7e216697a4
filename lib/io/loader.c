/* io/loader.c: rows of data, batch by batch, in inputs.
 *
 * A batch is gathered in one buffer, feed after feed, and written from there. `order` holds the rows of the epoch that is under way, and
 * `rows` those that every epoch has. A permutation is drawn as any constant is, read, and taken off the tape again.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/data.h>
#include <tapegrad/extend.h>

struct tg_loader {
    tg_feed  *feeds;
    int       feed_count;
    tg_tensor weight; /* or TG_NONE */
    int64_t   batch, row_count;
    int64_t  *rows, *order; /* row_count of each */
    char     *buffer;       /* for one batch of any feed */
    int64_t   at;           /* so many rows of the epoch are done */
    bool      under_way;    /* the epoch has its order */
    bool      shuffle, drop_last;
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
        return tg_fail(tape, TG_ERR_SHAPE, new_name, "feed %d: a batch of %s does not hold rows of %s", i, tg_shape_text(b, batch),
                       tg_shape_text(a, data));
    if (from != to)
        return tg_fail(tape, TG_ERR_DTYPE, new_name, "feed %d: the data are %s, the batch is %s", i, tg_dtype_name(from), tg_dtype_name(to));
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

static bool allocate(tg_loader *loader, tg_feed_list feeds) {
    size_t numbers = (size_t)loader->row_count + 1; /* never nothing */
    loader->feeds = malloc((size_t)feeds.count * sizeof *loader->feeds);
    if (!loader->feeds) return false;
    memcpy(loader->feeds, feeds.items, (size_t)feeds.count * sizeof *loader->feeds);
    loader->feed_count = feeds.count;
    loader->rows = malloc(numbers * sizeof *loader->rows);
    loader->order = malloc(numbers * sizeof *loader->order);
    loader->buffer = malloc(largest_batch(loader));
    return loader->rows && loader->order && loader->buffer;
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
    if (loader) *loader = (tg_loader){.weight = weight, .batch = batch, .row_count = count, .shuffle = o.shuffle, .drop_last = o.drop_last};
    if (!loader || !allocate(loader, feeds)) tg_fail(tape, TG_ERR_MEMORY, new_name, "out of memory");
    if (!tg_error_status(tape) && !read_rows(tape, loader, rows, all)) return loader;
    tg_free_loader(loader);
    return NULL;
}

void tg_free_loader(tg_loader *loader) {
    if (!loader) return;
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

static tg_status write_rows(tg_tape *tape, const tg_loader *loader, tg_feed feed, int64_t count) {
    const char *data = (tg_data)(feed.data);
    if (!data) return tg_error_status(tape);
    int64_t size = tg_size(feed.batch);
    size_t  row = (size_t)(size / loader->batch) * tg_dtype_size(tg_dtype_of(feed.batch));
    for (int64_t i = 0; i < count; i++)
        memcpy(loader->buffer + (size_t)i * row, data + (size_t)loader->order[loader->at + i] * row, row);
    memset(loader->buffer + (size_t)count * row, 0, (size_t)(loader->batch - count) * row);
    return (tg_write)(feed.batch, loader->buffer, size);
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
        write_rows(tape, loader, loader->feeds[i], count);
    if (!tg_is_none(loader->weight) && !tg_error_status(tape)) write_weight(loader, count);
    return tg_end_scope(scope);
}

int64_t(tg_next_batch)(tg_tape *tape, tg_loader *loader) {
    if (!loader || tg_error_status(tape)) return 0;
    if (!loader->under_way && begin_epoch(tape, loader)) return 0;
    int64_t left = tg_loader_rows(loader) - loader->at, count = left < loader->batch ? left : loader->batch;
    if (count == 0) {
        loader->under_way = false;
        return 0;
    }
    if (write_batch(tape, loader, count)) return 0;
    loader->at += count;
    return count;
}

/* tapegrad/data.h: data in batches. A part of libtapegrad-io.
 *
 * A loader goes over the rows of one or more tensors in step, and writes them, batch by batch, into inputs: a step that was recorded
 * once runs on each batch, and nothing is recorded again.
 *
 *     tg_tensor  x = tg_input(tape, "x", TG_I64, TG_SHAPE(64, 28, 28)), y = tg_input(tape, "y", TG_I64, TG_SHAPE(64));
 *     tg_loader *loader = tg_new_loader(tape, TG_FEEDS({images, x}, {labels, y}), &(tg_loader_options){.shuffle = true});
 *     ... the part "train" is recorded, on x and y
 *     for (int epoch = 0; epoch < 10; epoch++)
 *         while (tg_next_batch(tape, loader))
 *             tg_run_part(tape, "train");
 *     tg_free_loader(loader);
 *
 * The data may be any tensor of the tape: one that was loaded from a file (tapegrad/io.h), the caller's memory (tg_borrow), a tensor of
 * a mapped file (tg_archive_borrow), a result. Its rows are what there is along its first axis.
 *
 * Subsets. `rows` says which rows there are, and in which order. Two parts of a random order are data for training and for validation:
 *     tg_tensor order = tg_randperm(tape, n);
 *     tg_tensor train = tg_slice(order, 0, 0, 4 * n / 5, 1), valid = tg_slice(order, 0, 4 * n / 5, n, 1);
 *
 * Prefetching. A step that is short, or data that come from a disk, make loading a part of the time that is worth hiding. With
 * `prefetch` a thread of the loader's reads the next batch of what is borrowed (tg_borrow, tg_archive_borrow) while the program runs
 * its step; other data are copied as without it. The batches are the same. The memory that is borrowed must then stay, and not be
 * changed, until the loader is freed: free the loader before the archive is closed. After fork the child's loader has no thread.
 *
 * Shuffling takes the tape's generator. The rows come as those of `rows[torch.randperm(n)]` do in PyTorch from the same state of its
 * generator, batch after batch; so a training that goes on from a checkpoint saved between two epochs sees the same batches.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_DATA_H
#define TAPEGRAD_DATA_H
#pragma GCC system_header

#include <tapegrad.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct tg_loader tg_loader;

/* What is loaded from where to where: rows of `data`, which has the shape (rows, ...), into `batch`, an input of the shape (batch, ...)
 * and the same dtype. A list of them: TG_FEEDS({images, x}, {labels, y}), or from an array of `count`, which is copied. */
typedef struct tg_feed {
    tg_tensor data, batch;
} tg_feed;
typedef struct tg_feed_list {
    int            count;
    const tg_feed *items;
} tg_feed_list;
tg_feed_list tg_feed_list_from(int count, const tg_feed *items);
#define TG_FEEDS(...) TGI_ARRAY_CALL(tg_feed_list_from, tg_feed, {0}, __VA_ARGS__)

typedef struct tg_loader_options {
    tg_tensor rows;      /* int64, of shape (n): the rows that are loaded, in this order; left out: all */
    tg_tensor weight;    /* a float32 or float64 input of shape (batch), written too: 1 for rows that are there, 0 for others */
    bool      shuffle;   /* the order is another one in each epoch */
    bool      drop_last; /* an epoch ends without the last batch, if that is not full */
    bool      prefetch;  /* a thread copies the rows of the next batch, of borrowed data, while the program goes on */
} tg_loader_options;

/* Makes a loader, which the caller frees; before the tape or after it. It reads `rows`, copies it, and loads nothing yet. NULL after
 * an error: TG_ERR_SHAPE for feeds of which the numbers of rows, or the sizes of the batches, differ, for a batch that is not of its
 * data's shape, and for a batch of no rows; TG_ERR_DTYPE for other dtypes; TG_ERR_INDEX for an element of `rows` that is out of range;
 * TG_ERR_ARGUMENT for no feeds. `options` may be NULL. */
tg_loader *tg_new_loader(tg_tape *tape, tg_feed_list feeds, const tg_loader_options *options);
void       tg_free_loader(tg_loader *loader); /* NULL is ignored */

/* Writes the next batch, as by tg_write, and returns how many rows it has. In the last batch of an epoch that may be fewer than there is
 * room for: the rest are zeros, and `weight` tells them apart. 0 when the epoch is over, and then the next call begins another one, which
 * is shuffled anew; 0 also after an error, of tg_data and tg_write for instance, and for a loader of NULL. */
int64_t tg_next_batch(tg_tape *tape, tg_loader *loader);

/* How many rows and batches an epoch has; 0 for a loader of NULL. */
int64_t tg_loader_rows(const tg_loader *loader);
int64_t tg_loader_batches(const tg_loader *loader);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_new_loader(tape, ...) TG_TAPE_CALL(tg_new_loader, tape, __VA_ARGS__)
#define tg_next_batch(tape, loader) TG_TAPE_CALL(tg_next_batch, tape, loader)

#endif

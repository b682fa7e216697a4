/* examples/mpi_gpt.c: the transformer of char_gpt.c, trained by several processes: mpirun -n 4 examples/mpi_gpt
 *
 * Each rank has the same weights, and a part of each batch. Where the pieces of a batch begin is drawn on all ranks alike, so the batch is the
 * same on any number of ranks. Gradients are summed in buckets while the backward walk goes on; each rank makes the same step. The losses
 * are those of all ranks. What is drawn by dropout depends on the number of ranks; without it the losses differ by rounding.
 *
 * With --deterministic they do not: the batch is divided into shards, each computed by itself, and what the shards give is added as a tree over
 * their numbers, whichever ranks they are on.
 *
 * Rank 0 saves, and what it saves char_gpt can read. Generators are seeded again after each line, with the step, so that a training that was
 * stopped goes on to the same bits.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <tapegrad/io.h>
#include <tapegrad/mpi.h>
#include <tapegrad/optim.h>
#include <unistd.h>

#include "complain.h"
#include "gpt.h"
#include "mpi_program.h"
#include "text.h"

const char program_name[] = "mpi_gpt";

enum { MOST_SHARDS = 256 };

typedef struct options {
    gpt_options gpt;
    int64_t     batch, steps, every, seed, shards, bucket;
    double      rate, dropout;
    bool        deterministic, figures;
    const char *text;
    text_files  files;
} options;

typedef struct program {
    const options *o;
    tg_mpi        *mpi;
    text_training  training;
    gpt            model;
    int            shards, own; /* of a batch; of these on this rank */
    tg_tensor      places;      /* int64 (batch, 1): where the pieces of the batch begin */
    mpi_watch      watch;
} program;

/* ---- recording --------------------------------------------------------------------------------------------------- */

/* Of this rank's shards of x and next, which have as many rows as the batch: the losses, whose sum over all shards is the batch's. */
static void losses_of(const program *p, tg_tensor x, tg_tensor next, bool training, tg_tensor *loss) {
    int64_t rows = p->o->batch / p->shards, from = rows * p->own * tg_mpi_rank(p->mpi);
    for (int i = 0; i < p->own; i++, from += rows) {
        tg_tensor own_x = tg_slice(x, 0, from, from + rows, 1), own_next = tg_slice(next, 0, from, from + rows, 1);
        loss[i] = tg_div(gpt_loss(&p->model, own_x, own_next, training), p->shards);
    }
}

static tg_tensor sum_of(const program *p, const tg_tensor *loss) {
    return tg_mpi_sum_shards(tg_stack(tg_list_from(p->own, loss), 0), p->mpi);
}

static void record_training(program *p) {
    const options *o = p->o;
    text_training *t = &p->training;
    tg_tensor      loss[MOST_SHARDS], x, next;
    tg_begin_part(t->tape, "draw");
    tg_assign(p->places, text_places(t->text.train, o->batch, o->gpt.context));
    tg_end_part(t->tape);

    tg_begin_part(t->tape, "train");
    text_pieces(t->text.train, p->places, o->gpt.context, &x, &next);
    losses_of(p, x, next, true, loss);
    tg_mpi_backward_shards(p->mpi, tg_list_from(p->own, loss), &(tg_mpi_backward_options){.bucket_bytes = o->bucket});
    tg_keep(t->loss = sum_of(p, loss));
    tg_clip_grad_norm(t->tape, 1, NULL);
    tg_keep(t->rate = text_rate(t, o->rate));
    tg_adamw_step(t->tape, t->rate, &(tg_adam_options){.beta2 = 0.99, .weight_decay = 0.1});
    tg_assign(t->step, tg_add(t->step, 1));
    tg_end_part(t->tape);
}

static void record_test(program *p) {
    tg_tensor loss[MOST_SHARDS], x, next;
    tg_begin_part(p->training.tape, "test");
    text_test_batch(&p->training, &x, &next);
    losses_of(p, x, next, false, loss);
    tg_keep(p->training.test_loss = sum_of(p, loss));
    tg_end_part(p->training.tape);
}

static program new_program(tg_tape *tape, tg_mpi *mpi, const options *o) {
    program p = {.o = o, .mpi = mpi, .shards = o->deterministic ? (int)o->shards : tg_mpi_size(mpi)};
    p.own = p.shards / tg_mpi_size(mpi);
    p.training = text_training_new(tape, o->text, o->batch, o->gpt.context, o->steps);
    p.places = tg_input(tape, NULL, TG_I64, TG_SHAPE(o->batch, 1));
    tg_set_keep(tape, TG_KEEP_ASKED);
    p.model = gpt_new(tape, p.training.text.kinds, &o->gpt, o->dropout);
    record_training(&p);
    record_test(&p);
    tg_run_pending(tape);
    return p;
}

/* ---- the training ------------------------------------------------------------------------------------------------ */

static void step(program *p) {
    tg_mpi_draw_common(p->mpi, true);
    tg_run_part(p->training.tape, "draw");
    tg_mpi_draw_common(p->mpi, false);
    mpi_watch_begin(&p->watch, p->mpi);
    tg_run_part(p->training.tape, "train");
    mpi_watch_end(&p->watch, p->mpi);
}

static tg_status save(tg_tape *tape, void *context) {
    const program *p = context;
    return tg_save_checkpoint(tape, p->o->files.checkpoint,
                              &(tg_checkpoint_options){.step = (int64_t)tg_item(p->training.step)});
}

/* Those of all ranks; rank 0 says them, and saves. */
static void note_losses(program *p, int64_t done) {
    double loss = tg_item(p->training.loss), test_loss = text_test(&p->training);
    if (tg_error_status(p->training.tape)) return;
    if (tg_mpi_rank(p->mpi) == 0) printf("step %" PRId64 ": loss %.9g, test %.9g\n", done, loss, test_loss);
    fflush(stdout);
    if (p->o->files.checkpoint) tg_mpi_once(p->mpi, save, p);
}

/* Rank 0 says whether there is a checkpoint; all read it. A call of MPI would wait for ever for a rank that has failed. */
static void load(program *p) {
    const char *file = p->o->files.checkpoint;
    int64_t     there = file && access(file, F_OK) == 0;
    tg_tensor   all = tg_mpi_broadcast(tg_constant(p->training.tape, TG_I64, TG_SHAPE(), &there), p->mpi, 0);
    tg_keep(all);
    if (tg_item(all) > 0) tg_load_checkpoint(p->training.tape, file, NULL);
    tg_mpi_check_parameters(p->mpi);
}

static void train(program *p) {
    const options *o = p->o;
    tg_mpi_share_parameters(p->mpi);
    load(p);
    int64_t done = (int64_t)tg_item(p->training.step);
    while (done < o->steps && !tg_error_status(p->training.tape)) {
        int64_t next = (done / o->every + 1) * o->every, stop = next < o->steps ? next : o->steps;
        tg_mpi_seed(p->mpi, (uint64_t)(o->seed + 1 + done));
        while (done < stop && !tg_error_status(p->training.tape)) {
            step(p);
            done++;
        }
        note_losses(p, done);
    }
    tg_mpi_check_parameters(p->mpi);
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static bool check(const void *given, int ranks) {
    const options *o = given;
    int64_t        shards = o->deterministic ? o->shards : ranks;
    if (o->shards > MOST_SHARDS) return complain("--shards: at most %d", MOST_SHARDS);
    if (shards % ranks) return complain("--shards: %" PRId64 " shards cannot be divided among %d ranks", shards, ranks);
    if (o->batch % shards)
        return complain("--batch: %" PRId64 " pieces cannot be divided into %" PRId64 " shards", o->batch, shards);
    return gpt_check(&o->gpt);
}

static int run(const options *o) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, (uint64_t)o->seed);
    tg_mpi *mpi = tg_mpi_new(tape, MPI_COMM_WORLD, &(tg_mpi_options){.deterministic = o->deterministic});
    if (!tg_error_status(tape)) {
        program p = new_program(tape, mpi, o);
        train(&p);
        if (o->figures) mpi_watch_print(&p.watch, mpi);
    }
    return mpi_program_end(mpi, tape);
}

int main(int argc, char **argv) {
    options              o = {.gpt = {.layers = 4, .heads = 4, .width = 128, .context = 128},
                              .batch = 16,
                              .steps = 1000,
                              .every = 100,
                              .seed = 1,
                              .shards = 8,
                              .bucket = 1 << 20,
                              .rate = 2e-3,
                              .text = DEFAULT_TEXT};
    const command_option rows[] = {
        TEXT_TRAINING_OPTIONS(o),
        GPT_OPTIONS(o.gpt),
        {"deterministic", "", "the same bits on any number of ranks that divides the shards", COMMAND_FLAG, &o.deterministic,
         0},
        {"shards", "N", "with --deterministic: parts of a batch that are computed by themselves", COMMAND_COUNT, &o.shards, 1},
        {"bucket", "N", "bytes of gradients that are sent together", COMMAND_COUNT, &o.bucket, 1},
        {"figures", "", "in the end, what a step took, and sent, on each rank", COMMAND_FLAG, &o.figures, 0},
    };
    const command c = {"Trains a transformer of GPT-2's shape on the characters of a text, on many ranks.\n",
                       sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!mpi_program_begin(&argc, &argv, &c, check, &o, &exit_code)) return exit_code;
    return run(&o);
}

/* tapegrad/mpi.h: one program on many processes, over MPI. The library libtapegrad-mpi; it is not a part of tapegrad.h, and a program that
 * uses it is built with `pkg-config --cflags --libs tapegrad-mpi`.
 *
 * Each process, or rank, has a tape of its own, on which it records the same program. What goes from rank to rank is recorded too:
 * collectives are ops, whose derivatives are collectives.
 *
 *     MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
 *     tg_tape *tape = tg_tape_new();
 *     tg_mpi  *mpi = tg_mpi_new(tape, MPI_COMM_WORLD, NULL);
 *     ... the model; x and y are this rank's part of the batch
 *     tg_mpi_share_parameters(mpi);
 *     tg_mpi_backward(tg_mean(loss_of(model, x, y)), mpi, &(tg_mpi_backward_options){.average = true});
 *     tg_sgd_step(tape, 0.1);
 *     for (int step = 0; step < 1000 && !tg_run(tape); step++) continue;
 *     if (tg_mpi_agree(mpi)) {
 *         if (tg_mpi_speaks(mpi)) fprintf(stderr, "%s\n", tg_error(tape));
 *         tg_mpi_abort(mpi, 1);
 *     }
 *     tg_mpi_free(mpi);
 *
 * Order. A collective happens where it stands on the tape: the executor does not move one past another, leaves none out, runs none twice in
 * a run, and shares none, on any rank, for these ops are marked as random (tapegrad/op.h): their results do not follow from their operands
 * alone. Every run runs each of them once, also where nobody reads the result. So all ranks must record the same ones in the same order,
 * and make the same runs: reads too, for a read runs what stands before the value (tapegrad/tape.h). As other random ops, collectives may not
 * stand in a checkpointed function or in the body of a loop, and tg_gradcheck does not go through them. A value is computed again
 * when a leaf under it was written, as always; so what one writes, on which collectives depend, all write.
 *
 * That it is so is checked. With each communication the ranks compare what it is, and its number: while an instruction is new before it
 * begins, later beside it. Ranks that are not at the same place all fail, and the error says where each of them is.
 *
 * Derivatives are those of the sum of all ranks' losses: a gradient that is taken on each rank of the loss that it has there. The operand of
 * a collective must require gradients on all ranks or on none. All ranks record the same derivatives.
 *
 * Failures. The error of a rank becomes the error of all, with the rank and the reason: those that wait for it learn of it, others where they
 * communicate next. Then the communicator is broken, every use of it fails, and the program has to end: tg_mpi_abort. A rank that is
 * killed is noticed by mpirun, which ends the others; one that does not answer within options.timeout is named in an error.
 * docs/many-machines.md says more.
 *
 * dtypes are float32, float64 and int64 (TG_ERR_DTYPE); only the first two have gradients. A block has at most 2^31 - 1 elements
 * (TG_ERR_SHAPE).
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_MPI_H
#define TAPEGRAD_MPI_H
#pragma GCC system_header

/* The functions of MPI are those of C, in C++ too. */
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>
#include <stdio.h>
#include <tapegrad.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- the communicator -------------------------------------------------------------------------------------------- */

/* The ranks, as one tape sees them. */
typedef struct tg_mpi tg_mpi;

typedef struct tg_mpi_options {
    double timeout;       /* the most seconds that a rank waits for others; 0: 1800; below 0: for ever */
    bool   deterministic; /* floating sums are added in one order, whatever MPI does: see tg_mpi_sum_shards */
    bool   no_thread;     /* no thread drives MPI while the tape computes: see tg_mpi_backward */
    FILE  *trace;         /* gets a line for each communication; NULL for none */
} tg_mpi_options;

/* Makes it of an MPI communicator, which is duplicated, for a tape. All ranks of `comm` call it, after MPI_Init. `options` may be NULL. NULL
 * after an error, which the tape has: TG_ERR_ARGUMENT where MPI is not initialised, TG_ERR_IO where MPI fails; a communicator that is
 * broken where another rank has failed already. Until tg_mpi_free the
 * library's calls of MPI are on the thread that uses the tape and, if MPI_THREAD_MULTIPLE was asked for and given, on one of its own. */
tg_mpi *tg_mpi_new(tg_tape *tape, MPI_Comm comm, const tg_mpi_options *options);

/* Agrees, as tg_mpi_agree does, and frees it: before the tape is freed, and before MPI_Finalize. What was recorded with it must not run any
 * more. After an error, which is returned, MPI may still be at work in memory of the communicator, which is left to it: end by
 * tg_mpi_abort instead, if the others may not have come so far. NULL is fine. */
tg_status tg_mpi_free(tg_mpi *mpi);

/* This rank, from 0 on; how many there are; the tape. 0, 1 and NULL for NULL. */
int      tg_mpi_rank(const tg_mpi *mpi);
int      tg_mpi_size(const tg_mpi *mpi);
tg_tape *tg_mpi_tape(const tg_mpi *mpi);

/* What was communicated so far on this rank. */
typedef struct tg_mpi_figures {
    int64_t calls;       /* communications */
    int64_t bytes;       /* that they were about: those of their operands on this rank */
    int64_t least_bytes; /* that this rank has to send for it at least, by the best algorithm (see docs/many-machines.md) */
    double  seconds;     /* from the begin of each communication to its end */
    double  waited;      /* of these the tape has waited for so many */
} tg_mpi_figures;
tg_mpi_figures tg_mpi_stats(const tg_mpi *mpi);

/* ---- failures ---------------------------------------------------------------------------------------------------- */

/* Waits until all ranks are here. If the tape of any has an error, all have: "rank 2 failed: iris.c:42: ...". The way to see, now
 * and then, that all goes well, and before what one rank does for all. */
tg_status tg_mpi_agree(tg_mpi *mpi);

/* One rank does what is done once, saving a checkpoint for instance: all ranks agree, rank 0 calls function(tape, context), and all agree
 * again; so the others wait for it, and learn of a failure. The status is that of the tape, or what the function returned. */
typedef tg_status tg_mpi_function(tg_tape *tape, void *context);
tg_status         tg_mpi_once(tg_mpi *mpi, tg_mpi_function *function, void *context);

/* Whether it is for this rank to say on the console what went wrong: true on one of those that are left. */
bool tg_mpi_speaks(const tg_mpi *mpi);

/* The way out after an error: tells the other ranks of it, gives the one that speaks the time to do so, and ends all processes by MPI_Abort
 * with that exit code. It does not return. With pending communications MPI_Finalize could wait for ever. */
void tg_mpi_abort(tg_mpi *mpi, int exit_code);

/* ---- collectives ------------------------------------------------------------------------------------------------- */

/* All ranks record them, with tensors of the same shape and dtype, and the same other arguments. In the formulas x_r is the operand on
 * rank r of P, g_r the gradient of the result there. MAX and MIN give NaN where an operand has NaN; at ties all that have the value
 * share the gradient equally. MEAN is not for int64. */
typedef enum tg_mpi_combine { TG_MPI_SUM, TG_MPI_MEAN, TG_MPI_MAX, TG_MPI_MIN } tg_mpi_combine;

/* On all ranks the sum, mean, maximum or minimum of all x_r, element by element. Gradient of the sum: the sum of all g_r. */
tg_tensor tg_mpi_allreduce(tg_tensor x, tg_mpi *mpi, tg_mpi_combine how);

/* The sum of all x_r on rank `root`, zeros on others. Gradient: g of the root, on all ranks. */
tg_tensor tg_mpi_reduce(tg_tensor x, tg_mpi *mpi, int root);

/* x of the root, on all ranks; on others the operand only says shape and dtype. Gradient: the sum of all g_r for the root, else zeros. */
tg_tensor tg_mpi_broadcast(tg_tensor x, tg_mpi *mpi, int root);

/* All x_r on all ranks, one after the other along a new first axis: (P, ...). Gradient: the sum over all ranks s of g_s[r]. */
tg_tensor tg_mpi_all_gather(tg_tensor x, tg_mpi *mpi);

/* The same on the root, zeros on others. Gradient: g[r] of the root. */
tg_tensor tg_mpi_gather(tg_tensor x, tg_mpi *mpi, int root);

/* x is (P, ...): rank r gets x[r] of the root. Gradient: all g_r for the root, else zeros. */
tg_tensor tg_mpi_scatter(tg_tensor x, tg_mpi *mpi, int root);

/* x is (P, ...): rank r gets the sum over all ranks s of x_s[r]. Gradient: all g_r, as by tg_mpi_all_gather. */
tg_tensor tg_mpi_reduce_scatter(tg_tensor x, tg_mpi *mpi);

/* x is (P, ...): the result on rank r has x_s[r] at [s]. Gradient: the same of g. */
tg_tensor tg_mpi_all_to_all(tg_tensor x, tg_mpi *mpi);

/* A sum whose bits do not depend on how many ranks there are. x is (k, ...), with the same k on all ranks: rank r has the shards r k to
 * r k + k - 1 of S = P k. On all ranks the sum of all shards, added as a binary tree over their numbers: neighbours 0 and 1, 2 and 3, ...
 * first, then these sums in the same way; one without a neighbour waits for the next round. So the bits are the same for the same S
 * shards, on any number of ranks that divides S. Gradient: the sum of all g_r, for each shard. With options.deterministic the sums of
 * the other functions are made in this way, with one shard a rank: the same bits in each run, on all ranks, for any version of MPI. */
tg_tensor tg_mpi_sum_shards(tg_tensor x, tg_mpi *mpi);

/* ---- from one rank to another ------------------------------------------------------------------------------------ */

/* Sends x to rank `to`, where a tg_mpi_recv with the same tag, from 0 to 16383, takes it; those with one tag arrive in the order in which
 * they were sent. x is copied, so it does not wait. Returns a 0 of x's dtype that stands for what was sent: where gradients are to flow
 * back, add it to this rank's loss. */
tg_tensor tg_mpi_send(tg_tensor x, tg_mpi *mpi, int to, int tag);

/* What rank `from` sent: of the shape and dtype of `like`, whose value does not matter. When it comes with another shape or dtype the run
 * fails with TG_ERR_SHAPE or TG_ERR_DTYPE. Its gradient is sent to `from`, if `like` requires gradients, for which it is zeros: so
 * let it be something that depends on a parameter of this rank. */
tg_tensor tg_mpi_recv(tg_tensor like, tg_mpi *mpi, int from, int tag);

/* ---- data parallel training -------------------------------------------------------------------------------------- */

typedef struct tg_mpi_backward_options {
    bool    average;      /* gradients are divided by the number of ranks */
    int64_t bucket_bytes; /* of gradients, that are sent together; 0: 4 MiB */
} tg_mpi_backward_options;

/* Records the gradients of the sum of all ranks' losses, and makes them the parameters' (tg_grad), on all ranks. Gradients are sent in
 * buckets: when the backward walk has come to so many bytes, their sum is begun, and goes on while the walk goes on to the rest. A
 * thread of the library's drives it meanwhile, where MPI_THREAD_MULTIPLE was given and options.no_thread was not; else it
 * gets on only where the tape communicates. The tape waits at the end of the walk. What tg_backward recorded
 * before is not added: for several losses a step, tg_backward all of them and then tg_mpi_reduce_grads. The gradients that come of it are
 * not differentiated further: take tg_vjp and tg_mpi_allreduce for that. `options` may be NULL. */
tg_status tg_mpi_backward(tg_tensor loss, tg_mpi *mpi, const tg_mpi_backward_options *options);

/* The same of several losses, each that of a shard of the data: with options.deterministic their gradients are kept apart, sent,
 * and added as by tg_mpi_sum_shards. So, if each loss is computed from its shard in the same way on any rank, the gradients have the same bits
 * on any number of ranks. Without it they are added on each rank first. All ranks have the same number of losses. */
tg_status tg_mpi_backward_shards(tg_mpi *mpi, tg_list losses, const tg_mpi_backward_options *options);

/* Makes the gradients that the parameters have (tg_grad) their sum over the ranks, in buckets, after the fact. */
tg_status tg_mpi_reduce_grads(tg_mpi *mpi, const tg_mpi_backward_options *options);

/* ---- what is the same, and what is different, on the ranks --------------------------------------------------------- */

/* Overwrites the parameters by those of rank 0, running first what is pending for them. Before that names, dtypes, shapes and order of
 * all parameters are compared, and afterwards their bits: TG_ERR_NAME, TG_ERR_DTYPE, TG_ERR_SHAPE and TG_ERR_VALUE where they differ. What is
 * in borrowed memory is not written, and must be the same. */
tg_status tg_mpi_share_parameters(tg_mpi *mpi);

/* Compares the bits of all parameters: TG_ERR_VALUE, with the name of the first that is not the same on all ranks. */
tg_status tg_mpi_check_parameters(tg_mpi *mpi);

/* Seeds two generators: the tape's with a number that is another one on each rank, so that dropout and samples differ; and one that is the same
 * on all, which the tape draws from between tg_mpi_draw_common(mpi, true) and (mpi, false): for permutations of the data, say. */
tg_status tg_mpi_seed(tg_mpi *mpi, uint64_t seed);
tg_status tg_mpi_draw_common(tg_mpi *mpi, bool on);

/* This rank's part of `rows`, int64 (n), as the option `rows` of a tg_loader takes it: every P-th from the r-th on, as many on all ranks; what is
 * left over, fewer than P, is on none. `rows` is the same on all ranks: tg_arange, or tg_randperm of the common generator. */
tg_tensor tg_mpi_shard(tg_tensor rows, tg_mpi *mpi);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

/* The line of the call, for errors. */
static inline tg_mpi *tgi_mpi_at(tg_mpi *mpi, const char *file, int line) {
    (tg_at)(tg_mpi_tape(mpi), file, line);
    return mpi;
}
#define TGI_MPI_AT(mpi) tgi_mpi_at((mpi), __FILE__, __LINE__)
#define tg_mpi_new(tape, ...) (tg_mpi_new)(TG_AT(tape), __VA_ARGS__)
#define tg_mpi_free(mpi) (tg_mpi_free)(TGI_MPI_AT(mpi))
#define tg_mpi_agree(mpi) (tg_mpi_agree)(TGI_MPI_AT(mpi))
#define tg_mpi_once(mpi, ...) (tg_mpi_once)(TGI_MPI_AT(mpi), __VA_ARGS__)
#define tg_mpi_allreduce(x, ...) TG_CALL1_WITH(tg_mpi_allreduce, x, __VA_ARGS__)
#define tg_mpi_reduce(x, ...) TG_CALL1_WITH(tg_mpi_reduce, x, __VA_ARGS__)
#define tg_mpi_broadcast(x, ...) TG_CALL1_WITH(tg_mpi_broadcast, x, __VA_ARGS__)
#define tg_mpi_all_gather(x, ...) TG_CALL1_WITH(tg_mpi_all_gather, x, __VA_ARGS__)
#define tg_mpi_gather(x, ...) TG_CALL1_WITH(tg_mpi_gather, x, __VA_ARGS__)
#define tg_mpi_scatter(x, ...) TG_CALL1_WITH(tg_mpi_scatter, x, __VA_ARGS__)
#define tg_mpi_reduce_scatter(x, ...) TG_CALL1_WITH(tg_mpi_reduce_scatter, x, __VA_ARGS__)
#define tg_mpi_all_to_all(x, ...) TG_CALL1_WITH(tg_mpi_all_to_all, x, __VA_ARGS__)
#define tg_mpi_sum_shards(x, ...) TG_CALL1_WITH(tg_mpi_sum_shards, x, __VA_ARGS__)
#define tg_mpi_send(x, ...) TG_CALL1_WITH(tg_mpi_send, x, __VA_ARGS__)
#define tg_mpi_recv(like, ...) TG_CALL1_WITH(tg_mpi_recv, like, __VA_ARGS__)
#define tg_mpi_backward(loss, ...) TG_CALL1_WITH(tg_mpi_backward, loss, __VA_ARGS__)
#define tg_mpi_backward_shards(mpi, ...) (tg_mpi_backward_shards)(TGI_MPI_AT(mpi), __VA_ARGS__)
#define tg_mpi_reduce_grads(mpi, ...) (tg_mpi_reduce_grads)(TGI_MPI_AT(mpi), __VA_ARGS__)
#define tg_mpi_share_parameters(mpi) (tg_mpi_share_parameters)(TGI_MPI_AT(mpi))
#define tg_mpi_check_parameters(mpi) (tg_mpi_check_parameters)(TGI_MPI_AT(mpi))
#define tg_mpi_seed(mpi, ...) (tg_mpi_seed)(TGI_MPI_AT(mpi), __VA_ARGS__)
#define tg_mpi_draw_common(mpi, ...) (tg_mpi_draw_common)(TGI_MPI_AT(mpi), __VA_ARGS__)
#define tg_mpi_shard(rows, ...) TG_CALL1_WITH(tg_mpi_shard, rows, __VA_ARGS__)

#endif

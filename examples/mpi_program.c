/* examples/mpi_program.c: the begin and the end of programs on many ranks.
 *
 * SPDX-License-Identifier: MIT */
#include "mpi_program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "complain.h"

/* ---- the begin --------------------------------------------------------------------------------------------------- */

bool mpi_program_begin(int *argc, char ***argv, const command *c, mpi_program_check *check, const void *options,
                       int *exit_code) {
    int provided, rank, ranks, answer[2] = {false, 2};
    MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (rank == 0) answer[0] = command_read(c, *argc, *argv, &answer[1]) && check(options, ranks);
    MPI_Bcast(answer, 2, MPI_INT, 0, MPI_COMM_WORLD);
    *exit_code = answer[1];
    if (answer[0] && (rank == 0 || command_read(c, *argc, *argv, exit_code))) return true;
    MPI_Finalize();
    return false;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

int mpi_program_end(tg_mpi *mpi, tg_tape *tape) {
    if (tg_mpi_agree(mpi)) {
        if (tg_mpi_speaks(mpi)) complain_of(tape);
        tg_mpi_abort(mpi, 2);
    }
    tg_mpi_free(mpi);
    tg_tape_free(tape);
    MPI_Finalize();
    return 0;
}

/* ---- what a step takes ------------------------------------------------------------------------------------------- */

void mpi_watch_begin(mpi_watch *w, const tg_mpi *mpi) {
    w->before = tg_mpi_stats(mpi);
    w->begun = MPI_Wtime();
}

void mpi_watch_end(mpi_watch *w, const tg_mpi *mpi) {
    tg_mpi_figures now = tg_mpi_stats(mpi);
    int            at = (int)(w->count++ % MPI_WATCHED);
    w->seconds[at] = MPI_Wtime() - w->begun;
    w->waited[at] = now.waited - w->before.waited;
    w->step.calls = now.calls - w->before.calls;
    w->step.least_bytes = now.least_bytes - w->before.least_bytes;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int64_t count) {
    int64_t n = count < MPI_WATCHED ? count : MPI_WATCHED;
    qsort(x, (size_t)n, sizeof *x, compare);
    return n > 0 ? x[n / 2] : 0;
}

void mpi_watch_print(mpi_watch *w, const tg_mpi *mpi) {
    double seconds = median(w->seconds, w->count), waited = median(w->waited, w->count);
    printf("rank %d: a step took %.6f s and waited for %.6f s of it; %" PRId64 " communications sent at least %" PRId64
           " bytes\n",
           tg_mpi_rank(mpi), seconds, waited, w->step.calls, w->step.least_bytes);
    fflush(stdout);
}

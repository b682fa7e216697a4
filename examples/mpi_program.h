/* examples/mpi_program.h: what the examples that run on many ranks share: how they begin and end, and what a step takes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_MPI_PROGRAM_H
#define EXAMPLES_MPI_PROGRAM_H

#include <tapegrad/mpi.h>

#include "command.h"

/* Begins MPI and reads the command line, on rank 0 first, which alone complains of it or prints the help. `check`, which looks at the options
 * on rank 0 for so many ranks, complains too where it returns false. False to end with *exit_code; MPI has ended then. */
typedef bool mpi_program_check(const void *options, int ranks);
bool         mpi_program_begin(int *argc, char ***argv, const command *c, mpi_program_check *check, const void *options,
                               int *exit_code);

/* Ends MPI, frees both, and returns 0; or, if the tape of any rank has an error, says once which, and ends all ranks with the exit code 2. */
int mpi_program_end(tg_mpi *mpi, tg_tape *tape);

/* What steps take and send. The median counts: others may use the processors too, and a rank that comes late does not wait. */
enum { MPI_WATCHED = 255 };

typedef struct mpi_watch {
    double         begun;
    tg_mpi_figures before, step; /* of the last step */
    int64_t        count;
    double         seconds[MPI_WATCHED], waited[MPI_WATCHED]; /* of the last ones */
} mpi_watch;

void mpi_watch_begin(mpi_watch *w, const tg_mpi *mpi);
void mpi_watch_end(mpi_watch *w, const tg_mpi *mpi);

/* One line on standard output, on each rank. Nothing can be added afterwards. */
void mpi_watch_print(mpi_watch *w, const tg_mpi *mpi);

#endif

/* tests/mpi/unlucky.c: a training in which something goes wrong on one rank: unlucky WHAT RANK [FILE]
 *
 *     fails    its tape has an error in the 20th step
 *     exits    it ends without a word
 *     sleeps   it is stopped, and does not answer any more
 *     leaves   it makes fewer steps than the others
 *     killed   nothing: it is killed from outside; its process number is in FILE
 *
 * What a rank has to say it prints on standard error; the exit code is 3 after an error.
 *
 * SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/mpi.h>
#include <unistd.h>

enum { WIDTH = 64, STEPS = 20, FOR_EVER = 1 << 30 };

typedef struct training {
    tg_tape  *tape;
    tg_mpi   *mpi;
    tg_tensor index; /* one that is out of range fails the step */
} training;

static training record(tg_tape *tape, tg_mpi *mpi) {
    training  t = {tape, mpi, tg_input(tape, "index", TG_I64, TG_SHAPE())};
    tg_tensor w[4], x = tg_full(tape, TG_F32, TG_SHAPE(WIDTH, WIDTH), 0.01);
    for (int i = 0; i < 4; i++) {
        char name[] = "w0";
        name[1] = (char)('0' + i);
        w[i] = tg_parameter(tape, name, tg_full(tape, TG_F32, TG_SHAPE(WIDTH, WIDTH), 0.01));
    }
    tg_begin_part(tape, "train");
    for (int i = 0; i < 4; i++)
        x = tg_tanh(tg_matmul(x, w[i]));
    tg_tensor chosen = tg_take(x, t.index, 0);
    tg_mpi_backward(tg_sum(chosen), mpi, &(tg_mpi_backward_options){.average = true, .bucket_bytes = 4 * WIDTH * WIDTH});
    tg_sgd_step(tape, 1e-3);
    tg_end_part(tape);
    tg_mpi_share_parameters(mpi);
    return t;
}

static void go_wrong(const training *t, const char *what) {
    if (!strcmp(what, "fails")) tg_write(t->index, &(int64_t){WIDTH}, 1);
    if (!strcmp(what, "exits")) exit(5);
    if (!strcmp(what, "sleeps")) raise(SIGSTOP);
}

static void write_number(const char *file) {
    char temporary[500];
    snprintf(temporary, sizeof temporary, "%s.new", file);
    FILE *out = fopen(temporary, "w");
    if (!out) return;
    fprintf(out, "%ld\n", (long)getpid());
    fclose(out);
    rename(temporary, file);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int         provided;
    const char *what = argv[1];
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    tg_tape *tape = tg_tape_new();
    double   timeout = strcmp(what, "sleeps") ? 60 : 2;
    tg_mpi  *mpi = tg_mpi_new(tape, MPI_COMM_WORLD, &(tg_mpi_options){.timeout = timeout});
    bool     unlucky = tg_mpi_rank(mpi) == atoi(argv[2]);
    if (unlucky && argc > 3) write_number(argv[3]);
    training t = record(tape, mpi);
    int      steps = !strcmp(what, "leaves") ? STEPS + !unlucky : FOR_EVER;
    for (int step = 0; step < steps; step++) {
        if (unlucky && step == STEPS) go_wrong(&t, what);
        if (tg_run_part(tape, "train")) break;
    }
    if (tg_mpi_agree(mpi)) {
        if (tg_mpi_speaks(mpi)) fprintf(stderr, "rank %d says: %s\n", tg_mpi_rank(mpi), tg_error(tape));
        tg_mpi_abort(mpi, 3);
    }
    tg_mpi_free(mpi);
    tg_tape_free(tape);
    MPI_Finalize();
    return 0;
}

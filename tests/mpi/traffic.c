/* tests/mpi/traffic.c: what sums over the ranks take, and what they send: traffic [INTERFACE]
 *
 * Of each size, the least and the median of some runs, each as long as it took on the rank where it took longest (one that comes late waits
 * for nobody), and what the cost model of docs/many-machines.md says for the latency of the smallest
 * sum and the bandwidth of the largest. With the name of a network interface, the bytes that the kernel counted there, of all ranks, beside those that
 * they had to send at least. Rank 0 prints.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tapegrad/mpi.h>

enum { MOST_RUNS = 200, SIZES = 7 };

static const int64_t sizes[SIZES] = {4, 4096, 65536, 262144, 1048576, 4194304, 16777216}; /* bytes */

typedef struct row {
    double seconds, median, least_bytes, sent;
} row;

/* What has left the interface. */
static double count_sent(const char *interface) {
    char      path[200];
    long long bytes = 0;
    snprintf(path, sizeof path, "/sys/class/net/%s/statistics/tx_bytes", interface ? interface : "");
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%lld", &bytes) != 1) bytes = 0;
    fclose(file);
    return (double)bytes;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sum_of_all(double x) {
    double sum = 0;
    MPI_Allreduce(&x, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    return sum;
}

static row measure(tg_mpi *mpi, const char *part, int64_t bytes, const char *interface) {
    double   seconds[MOST_RUNS];
    int      runs = bytes <= 65536 ? MOST_RUNS : bytes <= 1048576 ? 40 : 10;
    tg_tape *tape = tg_mpi_tape(mpi);
    for (int i = 0; i < 3; i++)
        tg_run_part(tape, part);
    tg_mpi_agree(mpi);
    double         before = count_sent(interface);
    tg_mpi_figures figures = tg_mpi_stats(mpi);
    for (int i = 0; i < runs; i++) {
        double begun = MPI_Wtime();
        tg_run_part(tape, part);
        seconds[i] = MPI_Wtime() - begun;
    }
    double least = (double)(tg_mpi_stats(mpi).least_bytes - figures.least_bytes);
    tg_mpi_agree(mpi); /* what was sent has left */
    double sent = count_sent(interface) - before;
    MPI_Allreduce(MPI_IN_PLACE, seconds, runs, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    qsort(seconds, (size_t)runs, sizeof *seconds, compare);
    return (row){seconds[0], seconds[runs / 2], sum_of_all(least) / runs, sum_of_all(sent) / runs};
}

static void print(const row rows[SIZES], int ranks, bool counted) {
    const row *last = &rows[SIZES - 1];
    double     rounds = 2 * log2(ranks), share = 2.0 * (ranks - 1) / ranks, a = rows[0].seconds / rounds;
    double     b = share * (double)sizes[SIZES - 1] / (last->seconds - rounds * a);
    printf("# a = %.1f us, b = %.1f MB/s\n", a * 1e6, b / 1e6);
    printf("# %9s %12s %12s %12s%s\n", "bytes", "least us", "median us", "model us",
           counted ? "     at least         sent   ratio" : "");
    for (int i = 0; i < SIZES; i++) {
        const row *r = &rows[i];
        double     model = rounds * a + share * (double)sizes[i] / b;
        printf("# %9" PRId64 " %12.1f %12.1f %12.1f", sizes[i], r->seconds * 1e6, r->median * 1e6, model * 1e6);
        if (counted) printf(" %12.0f %12.0f %7.3f", r->least_bytes, r->sent, r->sent / r->least_bytes);
        putchar('\n');
    }
    fflush(stdout);
}

static void measure_all(bool deterministic, const char *interface) {
    tg_tape *tape = tg_tape_new();
    tg_mpi  *mpi = tg_mpi_new(tape, MPI_COMM_WORLD, &(tg_mpi_options){.deterministic = deterministic});
    row      rows[SIZES];
    char     part[20];
    for (int i = 0; i < SIZES; i++) {
        snprintf(part, sizeof part, "%d", i);
        tg_tensor x = tg_input(tape, NULL, TG_F32, TG_SHAPE(sizes[i] / 4));
        tg_begin_part(tape, part);
        tg_mpi_allreduce(x, mpi, TG_MPI_SUM);
        tg_end_part(tape);
        rows[i] = measure(mpi, part, sizes[i], interface);
    }
    if (tg_mpi_agree(mpi)) {
        if (tg_mpi_speaks(mpi)) fprintf(stderr, "traffic: %s\n", tg_error(tape));
        tg_mpi_abort(mpi, 2);
    }
    if (tg_mpi_rank(mpi) == 0) printf("# %s\n", deterministic ? "sums in fixed order" : "sums");
    if (tg_mpi_rank(mpi) == 0) print(rows, tg_mpi_size(mpi), interface);
    tg_mpi_free(mpi);
    tg_tape_free(tape);
}

int main(int argc, char **argv) {
    int provided, ranks;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks > 1) {
        measure_all(false, argc > 1 ? argv[1] : NULL);
        measure_all(true, argc > 1 ? argv[1] : NULL);
    } else
        fputs("traffic: needs two ranks\n", stderr);
    MPI_Finalize();
    return ranks > 1 ? 0 : 2;
}

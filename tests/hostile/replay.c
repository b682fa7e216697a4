/* tests/hostile/replay.c: the hostile program on files, those of tests/hostile/corpus where none is named: what the fuzzer once found, and
 * what it goes on from.
 *
 * SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "hostile.h"

void hostile_fail_allocation(long n) {
    until_failure = n;
}

static int replayed; /* files, so far */

static int replay(const char *path) {
    static uint8_t bytes[1 << 16];
    FILE          *file = fopen(path, "rb");
    if (!file) return perror(path), 1;
    size_t count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last one is the one that crashed */
    hostile_run(bytes, count);
    printf("ok %d - %s\n", ++replayed, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    return 0;
}

static int replay_corpus(void) {
    const char    *corpus = SOURCE_DIR "/tests/hostile/corpus";
    DIR           *directory = opendir(corpus);
    struct dirent *entry;
    int            failed = 0, count = 0;
    if (!directory) return perror(corpus), 1;
    while ((entry = readdir(directory))) {
        char path[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", corpus, entry->d_name);
        failed |= replay(path);
        count++;
    }
    closedir(directory);
    return failed || count == 0;
}

int main(int count, char **paths) {
    int failed = count > 1 ? 0 : replay_corpus();
    for (int i = 1; i < count; i++)
        failed |= replay(paths[i]);
    printf("1..%d\n", replayed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* tests/io/write_files.c: writes a file of each format below the directory that is named, for NumPy and safetensors to read:
 * test_python.sh runs it.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <tapegrad/io.h>

int main(int count, char **arguments) {
    if (count != 2) return fprintf(stderr, "usage: write_files DIRECTORY\n"), 2;
    char        name[4096];
    tg_tape    *tape = tg_tape_new();
    tg_tensor   f8 = tg_reshape(tg_arange(tape, TG_F64, 0, 24, 1), TG_SHAPE(2, 3, 4)), i8 = tg_arange(tape, TG_I64, -3, 4, 1);
    tg_named    list[] = {{"f4", tg_div(tg_cast(f8, TG_F32), 8)},
                          {"f8", tg_transpose(f8, 0, 2)},
                          {"i8", i8},
                          {"b1", tg_gt(i8, 0)},
                          {"rank0", tg_full(tape, TG_F32, TG_SHAPE(), 7.5)},
                          {"empty", tg_full(tape, TG_F32, TG_SHAPE(0, 3), 0)},
                          {"größe \"1\"\\", tg_full(tape, TG_F32, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 1)}};
    const char *directory = arguments[1];
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "%s/%s.npy", directory, list[i].name);
        tg_save_npy(list[i].tensor, name);
    }
    tg_named_list all = tg_named_list_from(7, list);
    snprintf(name, sizeof name, "%s/stored.npz", directory);
    tg_save_npz(tape, name, all, false);
    snprintf(name, sizeof name, "%s/deflated.npz", directory);
    tg_save_npz(tape, name, all, true);
    snprintf(name, sizeof name, "%s/all.safetensors", directory);
    tg_save_safetensors(tape, name, all, TG_METADATA({"title", "a \"test\"\n"}));

    tg_parameter(tape, "w", list[0].tensor);
    tg_optimizer_state_like(tg_find(tape, "w"), "adam.m");
    snprintf(name, sizeof name, "%s/checkpoint.safetensors", directory);
    tg_save_checkpoint(tape, name, &(tg_checkpoint_options){.step = 12});
    int failed = *tg_error(tape) != 0;
    if (failed) fprintf(stderr, "%s\n", tg_error(tape));
    tg_tape_free(tape);
    return failed;
}

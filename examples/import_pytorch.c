/* examples/import_pytorch.c: models that were trained and saved by PyTorch, run by this library.
 *
 * A layer has the names of PyTorch's state_dict. So a model that is made of the same layers, under the same names, is filled by
 * tg_load_checkpoint, and what does not fit is one error that lists all of it. Each file also holds an example and what PyTorch made of
 * it: the program prints the largest difference.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tapegrad/io.h>

#include "complain.h"

const char program_name[] = "import_pytorch";

/* ---- the models -------------------------------------------------------------------------------------------------- */

/* nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)) */
static tg_tensor mlp(tg_tape *tape, tg_tensor x) {
    tg_linear_layer hidden = tg_new_linear(tape, "0", 4, 16, NULL);
    tg_linear_layer out = tg_new_linear(tape, "2", 16, 3, NULL);
    return tg_apply_linear(out, tg_relu(tg_apply_linear(hidden, x)));
}

/* nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10)) */
static tg_tensor cnn(tg_tape *tape, tg_tensor x) {
    tg_conv_layer       conv = tg_new_conv2d(tape, "0", 1, 4, 3, 3, &(tg_conv_options){.padding = {1, 1}}, NULL);
    tg_batch_norm_layer norm = tg_new_batch_norm(tape, "1", 4, NULL);
    tg_linear_layer     out = tg_new_linear(tape, "5", 64, 10, NULL);
    x = tg_max_pool2d(tg_relu(tg_apply_batch_norm(norm, tg_apply_conv(conv, x), false)), 2, 2, NULL);
    return tg_apply_linear(out, tg_flatten(x, 1, -1));
}

/* nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2) */
static tg_tensor encoder(tg_tape *tape, tg_tensor x) {
    tg_encoder_layer layers[2];
    tg_new_encoder(tape, NULL, 16, 2, &(tg_transformer_options){.feedforward = 32}, 2, layers);
    return tg_apply_encoder(2, layers, x, NULL);
}

static const struct {
    const char *name;
    tg_tensor (*apply)(tg_tape *tape, tg_tensor x);
} models[] = {{"mlp", mlp}, {"cnn", cnn}, {"encoder", encoder}};

/* ---- the program ------------------------------------------------------------------------------------------------- */

enum { MODELS = sizeof models / sizeof *models };

/* The model that the file says it holds; MODELS for none of these. */
static int find_model(const tg_archive *archive) {
    const char *name = tg_archive_metadata(archive, "model");
    int         i = 0;
    while (i < MODELS && (!name || strcmp(models[i].name, name) != 0))
        i++;
    return i;
}

/* The example's tensors are in the file and not on the tape: so what is there alone is passed over, and that all the rest has its
 * place is seen by the counts. */
static bool run(tg_tape *tape, const tg_archive *archive, const char *path, int model) {
    tg_tensor            y = models[model].apply(tape, tg_archive_load(tape, archive, "example.x"));
    tg_tensor            difference = tg_max(tg_abs(tg_sub(y, tg_archive_load(tape, archive, "example.y"))));
    tg_checkpoint_report report = {.partial = true};
    tg_load_checkpoint(tape, path, &report);
    double worst = tg_item(difference);
    if (tg_error_status(tape)) return complain("%s", tg_error(tape));
    if (report.passed > 2 || report.loaded < tg_parameter_count(tape))
        return complain("%s: %d of its tensors are the model's, which has %d parameters; %d are not", path, (int)report.loaded,
                        (int)tg_parameter_count(tape), (int)report.passed - 2);
    printf("%s: %s, %d tensors, differs from PyTorch by %.1g at most\n", path, models[model].name, (int)report.loaded, worst);
    return worst <= 1e-5 || complain("%s: that is more than 1e-5", path);
}

static bool import(const char *path) {
    tg_archive *archive = tg_archive_open(path);
    tg_tape    *tape = tg_tape_new();
    bool        ok = false;
    if (tg_archive_error_status(archive))
        complain("%s", tg_archive_error(archive));
    else if (find_model(archive) == MODELS)
        complain("%s: its metadata name no model: mlp, cnn or encoder", path);
    else
        ok = run(tape, archive, path, find_model(archive));
    tg_tape_free(tape);
    tg_archive_close(archive);
    return ok;
}

int main(int argc, char **argv) {
    static char *all[] = {PYTORCH_MODELS "mlp.safetensors", PYTORCH_MODELS "cnn.safetensors", PYTORCH_MODELS "encoder.safetensors"};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("Usage: import_pytorch [FILE]...\nRuns models that PyTorch saved, and compares. Files: see data/make_pytorch_models.py.\n");
        return 0;
    }
    char **paths = argc > 1 ? argv + 1 : all;
    int    count = argc > 1 ? argc - 1 : MODELS, failed = 0;
    for (int i = 0; i < count; i++)
        failed += !import(paths[i]);
    return failed ? 2 : 0;
}

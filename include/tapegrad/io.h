/* tapegrad/io.h: files: NumPy's .npy and .npz, safetensors, CSV, IDX, checkpoints. The library libtapegrad-io; it is not a part of
 * tapegrad.h, and a program that uses it is built with `pkg-config --cflags --libs tapegrad-io`.
 *
 *     tg_tensor   images = tg_load_idx(tape, "train-images-idx3-ubyte.gz");
 *     tg_archive *archive = tg_archive_open("model.safetensors");
 *     tg_tensor   w = tg_parameter(tape, "w", tg_archive_load(tape, archive, "w"));
 *     tg_archive_close(archive);
 *     ...
 *     tg_save_checkpoint(tape, "model.checkpoint", &(tg_checkpoint_options){.step = step});
 *
 * Dtypes. A file's dtypes become the library's: float16, bfloat16 and float32 become float32, float64 stays, integers of 8 to 64 bits
 * with or without sign become int64, bool stays. TG_ERR_DTYPE for others, and TG_ERR_VALUE for an unsigned integer that int64 does
 * not hold. No value is rounded. Files are written as float32, float64, int64 and bool, little-endian. Shapes have up to 8 axes.
 *
 * Errors. A function that is given a tape or a tensor notes its error in the tape, as all functions do: with the line of the call, the
 * file, the offset or line in the file, and what is wrong there. An archive keeps its own (tg_archive_error). TG_ERR_IO where the
 * system refuses, and for a file that is not what it should be; no file makes the library read what is not its own. A mapped file must
 * not be made shorter while it is read, or an archive of it is open: the system would end the process (SIGBUS). Saving never does so.
 *
 * Saving. A function that saves writes a new file beside the old one, waits until it is on the disk, and gives it the name. At any
 * time, whatever fails or is killed, a reader finds the old file or the new one, whole. When two save to one name at once, the file is
 * that of one of them. Where the name is a symbolic link, the file that it leads to is replaced; the permissions of an old file are
 * kept. A process that is killed while it saves may leave a file NAME.PROCESS-NUMBER.tmp, which may be removed. On Windows links are not
 * followed and permissions not kept, and a file of which an archive is open cannot be replaced: TG_ERR_IO.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_IO_H
#define TAPEGRAD_IO_H
#pragma GCC system_header

#include <tapegrad.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- one tensor in a file ---------------------------------------------------------------------------------------- */

/* Functions that load return a constant with a copy of the file's elements. A file compressed by gzip is decompressed. */

/* NumPy's .npy (numpy.load), of versions 1 to 3, in either order of bytes and of axes. */
tg_tensor tg_load_npy(tg_tape *tape, const char *path);

/* Writes the value of x, read as by tg_data, as .npy (numpy.save). A plain number is TG_ERR_HANDLE. */
tg_status tg_save_npy(tg_tensor x, const char *path);

/* IDX, the format of MNIST: bytes become int64, for example of shape (60000, 28, 28); tg_cast and tg_div make numbers of them. */
tg_tensor tg_load_idx(tg_tape *tape, const char *path);

/* Numbers in lines, of shape (lines, columns) and dtype float32, float64 or int64. The separator stands between the numbers of a line,
 * and blanks and quotes may stand around them. Lines end with LF or CR LF. Empty lines are passed over, and so is a byte-order mark. The
 * decimal point is a point in any locale; "inf" and "nan" are numbers. TG_ERR_IO, with line and column, for anything else, for a number
 * that is too large for the dtype, and for a line that has more or fewer columns than the first. */
typedef struct tg_csv_options {
    char separator; /* left out: a comma */
    bool header;    /* the first line has names, and is passed over */
    int  columns;   /* how many, from the left, are loaded; what is in the others does not matter. Left out: all */
} tg_csv_options;

tg_tensor tg_load_csv(tg_tape *tape, const char *path, tg_dtype dtype, const tg_csv_options *options);

/* Any file, a text for instance: its bytes as int64, from 0 to 255, of shape (bytes). */
tg_tensor tg_load_bytes(tg_tape *tape, const char *path);

/* ---- archives: tensors with names -------------------------------------------------------------------------------- */

/* A file of several tensors, open for reading: safetensors, or NumPy's .npz with members stored or deflated. It is mapped, not read:
 * opening it looks at the names and shapes, and checks all sizes, so that loading one tensor of many costs what that one does. Once it
 * is open nothing changes it, and several threads may read it. */
typedef struct tg_archive tg_archive;

/* Opens it; which of the two it is, its first bytes say. The caller closes it. An archive that could not be opened has no tensors, and
 * an error; tg_archive_load on it puts that error into the tape, so that one check at the end is enough. NULL when there is no
 * memory, which all functions take for such an archive. */
tg_archive *tg_archive_open(const char *path);

/* Closes it. Tensors that were loaded stay; what was borrowed from it must not be used any more, so free or rewind the tape first.
 * NULL is ignored. */
void tg_archive_close(tg_archive *archive);

/* Why it could not be opened: "model.safetensors: offset 8: ..."; "" and TG_OK when it could. */
const char *tg_archive_error(const tg_archive *archive);
tg_status   tg_archive_error_status(const tg_archive *archive);

/* What is known of a tensor in an archive. The texts are the archive's. */
typedef struct tg_archive_tensor {
    const char *name;
    const char *stored;   /* the dtype as the file names it: "BF16", "<f4" */
    tg_dtype    dtype;    /* that it is loaded with; TG_DTYPES where the library has none for it */
    tg_shape    shape;    /* of rank TG_MAX_RANK + 1 where there are more axes */
    bool        in_place; /* whether tg_archive_borrow takes it */
} tg_archive_tensor;

/* Their number; the tensors in the order of the file, from i = 0 on; the one of that name (of a member "w.npy" it is "w"). NULL if there
 * is none. */
int64_t                  tg_archive_count(const tg_archive *archive);
const tg_archive_tensor *tg_archive_at(const tg_archive *archive, int64_t i);
const tg_archive_tensor *tg_archive_find(const tg_archive *archive, const char *name);

/* A text with a name. */
typedef struct tg_metadata {
    const char *key, *value;
} tg_metadata;

/* The metadata of a safetensors file: how many texts, each of them, and that of a key. NULL if there is none. */
int64_t            tg_archive_metadata_count(const tg_archive *archive);
const tg_metadata *tg_archive_metadata_at(const tg_archive *archive, int64_t i);
const char        *tg_archive_metadata(const tg_archive *archive, const char *key);

/* The tensor of that name as a constant, with a copy of the elements. TG_ERR_NAME when there is none. What zip has a checksum of is
 * compared with it. */
tg_tensor tg_archive_load(tg_tape *tape, const tg_archive *archive, const char *name);

/* The same without a copy: a constant, or a parameter of the same name, in the archive's own memory (see tg_borrow). The archive must
 * stay open as long as the leaf is on a tape. Any number of tapes, on different threads, may borrow from one archive. TG_ERR_DTYPE
 * for a dtype that has to be converted; TG_ERR_ARGUMENT for elements that are compressed, in another order, or not aligned, or whose
 * bytes are in another order than this machine's: on a big-endian one that is all that the library writes. Checksums are not looked at. */
tg_tensor tg_archive_borrow(tg_tape *tape, const tg_archive *archive, const char *name);
tg_tensor tg_archive_borrow_parameter(tg_tape *tape, const tg_archive *archive, const char *name);

/* Tensors with names, to be saved: TG_NAMED({"w", w}, {"b", b}), or from an array of `count`, which is not copied. As with TG_LIST, in C++
 * the array of TG_NAMED, and of TG_METADATA below, lives to the end of its statement. */
typedef struct tg_named {
    const char *name;
    tg_tensor   tensor;
} tg_named;
typedef struct tg_named_list {
    int             count;
    const tg_named *items;
} tg_named_list;
tg_named_list tg_named_list_from(int count, const tg_named *items);
#define TG_NAMED(...) TGI_ARRAY_CALL(tg_named_list_from, tg_named, {0}, __VA_ARGS__)

/* Metadata to be saved: TG_METADATA({"license", "MIT"}, {"epochs", "20"}), TG_METADATA() for none, or from an array. */
typedef struct tg_metadata_list {
    int                count;
    const tg_metadata *items;
} tg_metadata_list;
tg_metadata_list tg_metadata_list_from(int count, const tg_metadata *items);
#define TG_METADATA(...) TGI_ARRAY_CALL(tg_metadata_list_from, tg_metadata, {0}, __VA_ARGS__)

/* Write the tensors, read as by tg_data, which belong to the tape. Names and metadata are UTF-8, names not empty, and none comes twice
 * (TG_ERR_NAME). In a safetensors file the elements are aligned, so that they can be borrowed. The members of an .npz are deflated
 * if `compressed` is true. */
tg_status tg_save_safetensors(tg_tape *tape, const char *path, tg_named_list tensors, tg_metadata_list metadata);
tg_status tg_save_npz(tg_tape *tape, const char *path, tg_named_list tensors, bool compressed);

/* ---- checkpoints: all that a training goes on from --------------------------------------------------------------- */

/* A checkpoint is a safetensors file with
 *   - the parameters, under their names;
 *   - the inputs that have names: running statistics, say, or a rate;
 *   - the optimizers' states: "w.adam.m" and so on;
 *   - the generator, "tapegrad.generator", int64 of shape (627): the words of the state, its position, has_normal, and the bits of
 *     next_normal (tg_generator_state);
 *   - metadata: the user's, and some whose keys begin with "tapegrad.", which the user's must not (TG_ERR_NAME).
 * A training that saves one between two steps, ends, and in another process records the same program, loads it and goes on, computes the
 * same bits as if it had not ended. */
typedef struct tg_checkpoint_options {
    int64_t          step;            /* the user's count of steps, which loading gives back */
    tg_metadata_list metadata;        /* left out: none */
    tg_list          inputs;          /* those to be saved, TG_LIST() for none; left out: all that have names */
    bool             parameters_only; /* the parameters and the metadata alone: what others need to use the model */
} tg_checkpoint_options;

/* Saves what is in memory now, and runs nothing (tg_peek): an update that was recorded and has not run is not in it. So save with nothing
 * pending (tg_run_pending), or before any of a program has run. NULL for no options. */
tg_status tg_save_checkpoint(tg_tape *tape, const char *path, const tg_checkpoint_options *options);

typedef struct tg_checkpoint_report {
    bool partial; /* what is in the file or on the tape alone is passed over */

    /* Findings: */
    int64_t step;   /* as it was saved; 0 where the file has none */
    int64_t loaded; /* how many tensors of the file were loaded */
    int64_t passed; /* how many of the file were passed over */
} tg_checkpoint_report;

/* Puts the tensors of a checkpoint, or of any other safetensors or .npz file, into the parameters and inputs of the same names, and
 * restores the optimizers' states and the generator, as far as the file has them. A state is restored to its parameter whether or not
 * the step that uses it has been recorded yet. What has these elements already is not written: it may be borrowed.
 *
 * First all is compared, and every mismatch is in one error, of which nothing has been loaded: TG_ERR_NAME for a tensor of the file that
 * is not on the tape, for a parameter or a state that is not in the file, and for an input that is not there, if all were saved;
 * TG_ERR_SHAPE and TG_ERR_DTYPE for one that is different. An error of a tensor that cannot be written, or of memory, may come when
 * others have been loaded already. `report` may be NULL. The user's metadata can be read by tg_archive_open. */
tg_status tg_load_checkpoint(tg_tape *tape, const char *path, tg_checkpoint_report *report);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_load_npy(tape, ...) TG_TAPE_CALL(tg_load_npy, tape, __VA_ARGS__)
#define tg_save_npy(x, ...) TG_CALL1_WITH(tg_save_npy, x, __VA_ARGS__)
#define tg_load_idx(tape, ...) TG_TAPE_CALL(tg_load_idx, tape, __VA_ARGS__)
#define tg_load_csv(tape, ...) TG_TAPE_CALL(tg_load_csv, tape, __VA_ARGS__)
#define tg_load_bytes(tape, ...) TG_TAPE_CALL(tg_load_bytes, tape, __VA_ARGS__)
#define tg_archive_load(tape, ...) TG_TAPE_CALL(tg_archive_load, tape, __VA_ARGS__)
#define tg_archive_borrow(tape, ...) TG_TAPE_CALL(tg_archive_borrow, tape, __VA_ARGS__)
#define tg_archive_borrow_parameter(tape, ...) TG_TAPE_CALL(tg_archive_borrow_parameter, tape, __VA_ARGS__)
#define tg_save_safetensors(tape, ...) TG_TAPE_CALL(tg_save_safetensors, tape, __VA_ARGS__)
#define tg_save_npz(tape, ...) TG_TAPE_CALL(tg_save_npz, tape, __VA_ARGS__)
#define tg_save_checkpoint(tape, ...) TG_TAPE_CALL(tg_save_checkpoint, tape, __VA_ARGS__)
#define tg_load_checkpoint(tape, ...) TG_TAPE_CALL(tg_load_checkpoint, tape, __VA_ARGS__)

#endif

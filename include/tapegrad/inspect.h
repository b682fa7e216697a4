/* tapegrad/inspect.h: looking inside: a tape as text and as a graph, a value as NumPy prints it, and where the first NaN
 * came from.
 *
 * What prints does so into a stream of the caller's and nowhere else. It works on a tape that holds an error, too, and then
 * returns the error's status; when writing fails, that is the error TG_ERR_IO.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_INSPECT_H
#define TAPEGRAD_INSPECT_H
#pragma GCC system_header

#include <stdio.h>
#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Writes the program, one instruction a line, in the order of recording:
 *
 *     # forward
 *      %0  float64 (100, 2)  constant                  keep       iris.c:46
 *      %1  float64 (2, 32)   parameter "w1"            keep grad  iris.c:48
 *      %2  float64 (100, 32) matmul(%0, %1 "w1")       keep grad  iris.c:56
 *      %4  float64 (100, 32) mul(0.5, %2)                   grad  iris.c:57
 *     # backward
 *      %9  float64 (100, 32) mul(%8, 0.5)                         iris.c:57, gradient of %4 mul
 *
 * "keep": the value can be read after a run; "grad": gradients flow through it. A heading says where the forward pass, a
 * backward pass or an update begins. Plain numbers stand where they are used, and have no line of their own. Whoever records
 * on the inside (a gradient rule, an optimiser, a composed op) is listed under the user's line. Runs nothing. */
tg_status tg_print(tg_tape *tape, FILE *out);

/* Writes the plan by which tg_run would run the tape as it stands: which instructions are run together, over which shape and in
 * which tiles, where each value is (a register, the plan's block of memory, memory of its own) and in how many bytes, and of each unit
 * that did not join the one before it the reason. Runs nothing. Parts of a tape that are run by themselves, between two reads, have plans
 * of their own: TAPEGRAD_PLAN=1 in the environment writes every plan to stderr when it is made. */
tg_status tg_print_plan(tg_tape *tape, FILE *out);

/* Writes the program as a graph in the DOT language of Graphviz (dot -Tsvg): a node an instruction, with op, shape, dtype,
 * name and source line, and an edge from each operand. Forward is blue, backward orange, updates green; parameters have a
 * thick border, constants and inputs a folded corner, views a dashed border. The edges of an op of several tensors are
 * numbered. Plain numbers stand inside the node that uses them, with a dot for the other operands. Leaves without a name
 * that nothing uses are left out. Runs nothing. */
tg_status tg_write_dot(tg_tape *tape, FILE *out);

/* Writes the value as NumPy's print does, and a newline: rows in nested brackets, columns aligned, at most 8 digits after the
 * point and no more than tell the number apart, exponents when the numbers are far apart; of more than 1000 elements the
 * first and last 3 along each axis, for lines of 75 characters. A single number has all its digits. Runs what is pending;
 * an error as tg_read's where there is no value to be read. */
tg_status tg_print_tensor(tg_tensor x, FILE *out);

/* Anomaly mode: a run stops at the first instruction that makes a NaN or an infinity, with TG_ERR_VALUE and an error that names
 * the op and the user's line, what it made and where, and the operands that it was made of, with their ops, lines and
 * values:
 *     net.c:57: log (100, 1): made -inf from 0 at [12, 0], 3 of 100 elements; the operand: sub (100, 1) at net.c:56, 0 .. 0.98
 * For an instruction of a gradient the line is that of the formula whose gradient it is: "net.c:57: div, in the gradient of
 * log: ...". As with any instruction that fails, assigns before it are done, those after it are not.
 *
 * A NaN that somebody put into a leaf is reported at the first instruction whose result it reaches, and the error names the
 * leaf; views and assigns make nothing and pass it on, and what a tg_where or a comparison leaves out is nobody's concern. An
 * infinity in a leaf is taken as meant (a mask of -inf): what is made of it may be infinite, but not NaN.
 *
 * Each result is looked at after it was computed, so running is slower. Off in a new tape, unless the environment variable
 * TAPEGRAD_ANOMALY is 1 when it is made. */
tg_status tg_set_anomaly(tg_tape *tape, bool on);

/* ---- eager mode -------------------------------------------------------------------------------------------------- */

/* From now on each instruction runs when it is recorded, one by one, and what is pending runs now: for stepping through a program
 * in a debugger, and for errors of kernels that arrive at the call itself. Slower, and every value has memory of its own; the
 * values are the same. The environment variable TAPEGRAD_EAGER=1 does it for all tapes of a program. Off again with false. */
tg_status tg_set_eager(tg_tape *tape, bool on);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_print(tape, ...) (tg_print)(TGI_AT(tape), __VA_ARGS__)
#define tg_print_plan(tape, ...) (tg_print_plan)(TGI_AT(tape), __VA_ARGS__)
#define tg_write_dot(tape, ...) (tg_write_dot)(TGI_AT(tape), __VA_ARGS__)
#define tg_print_tensor(x, ...) TGI_CALL1_WITH(tg_print_tensor, x, __VA_ARGS__)
#define tg_set_eager(tape, ...) TGI_TAPE_CALL(tg_set_eager, tape, __VA_ARGS__)
#define tg_set_anomaly(tape, ...) (tg_set_anomaly)(TGI_AT(tape), __VA_ARGS__)

#endif

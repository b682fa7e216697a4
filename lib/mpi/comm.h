/* mpi/comm.h: the communicator, and how a communication goes.
 *
 * Every communication is a slot from its begin to its end: what it is, its memory, the request of MPI, and its ticket, a small reduction
 * beside it that compares what the ranks are about. Collectives are begun without blocking, in the order of the tape, and waited for by
 * asking again and again: so a rank that waits hears of failures, can give up, and can say which ranks it has not heard of.
 *
 * MPI works on memory of the slots alone. After a failure it is not given back: what was begun may still be going on.
 *
 * All calls of MPI are made with the lock held: the thread that drives communications on (driver.c) calls it too.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_MPI_COMM_H
#define TGI_MPI_COMM_H

#include <stddef.h>
#include <tapegrad/mpi.h>

#include "mpi/driver.h"

enum { TGI_MPI_TEXT = 600, TGI_MPI_PLACE = 200 };

/* ---- messages of control ------------------------------------------------------------------------------------------- */

/* What ranks tell each other beside the communications. */
typedef enum tgi_word {
    TGI_FAILED, /* the sender failed, or knows who did: text */
    TGI_ASK,    /* where are you? */
    TGI_HERE,   /* text: where it waits */
    TGI_PLACE   /* to rank 0, when places differ: text is the sender's */
} tgi_word;

typedef struct tgi_message {
    int32_t  word, status, rank, of; /* of: the rank that failed */
    uint64_t number;                 /* of the communication */
    char     text[TGI_MPI_TEXT];
} tgi_message;

/* What was sent and may not have gone yet: messages, and the operands of tg_mpi_send. */
typedef struct tgi_outgoing {
    struct tgi_outgoing *next;
    MPI_Request          requests[2];
    max_align_t          bytes[];
} tgi_outgoing;

enum { TGI_ALL_RANKS = -1, TGI_PLACES = 4 };

/* ---- a communication ------------------------------------------------------------------------------------------------ */

typedef struct tgi_slot tgi_slot;

/* Begins it, or its next phase; an error code of MPI. */
typedef int tgi_begin(tg_mpi *m, tgi_slot *s);

struct tgi_slot {
    bool        used;
    tgi_begin  *begin, *then; /* `then`, if there is one, after the first phase */
    tg_dtype    dtype;
    MPI_Op      op;
    int         n, root; /* elements of a block */
    int64_t     shards;
    MPI_Request request;
    int         error; /* of MPI, found by the thread */
    void       *send, *recv;
    size_t      send_room, recv_room;
    int        *counts; /* 4 a rank: counts and offsets for sending and receiving */
    double      begun, done, waited_from;
    int64_t     bytes, least_bytes;

    /* The ticket: a hash of what it is, and of its complement, so that one maximum over the ranks gives both bounds. */
    uint64_t    number, mine[2], all[2];
    MPI_Request ticket;
    bool        compared;
    char        place[TGI_MPI_PLACE];
};

struct tg_mpi {
    tg_tape       *tape;
    tg_mpi_options options;
    MPI_Comm       data, control;
    int            rank, size;
    MPI_Op         max, min; /* that hand on NaN */
    uint64_t       number;   /* of communications so far */
    tgi_slot     **slots;
    int            slot_count;
    uint64_t      *known; /* a table of the communications that were compared before they began; 0 is empty */
    size_t         known_count, known_room;
    tg_mpi_figures figures;
    double         origin; /* of the times in a trace */

    /* Failures. */
    tg_status     failed;      /* the communicator is broken, */
    int           failed_rank; /* by this rank; TGI_ALL_RANKS: by all at once */
    bool          silent;      /* who cannot speak for himself */
    bool          told;        /* the others know of it */
    char          text[TGI_MPI_TEXT];
    bool         *heard; /* from which ranks an answer came; */
    char          answers[TGI_MPI_TEXT];
    tgi_message   places[TGI_PLACES]; /* the first of those that came */
    int           place_count, place_total;
    const char   *waiting; /* for what, for those who ask */
    tgi_message   incoming;
    MPI_Request   control_request;
    tgi_outgoing *outgoing;
    tgi_lock      lock;
    tgi_driver   *driver;

    tg_generator_state other_generator; /* the one that the tape does not draw from */
    bool               draws_common;
};

/* ---- slots (slot.c) ------------------------------------------------------------------------------------------------- */

/* One that is free, with memory for so many bytes; NULL without memory. It goes back by tgi_give_slot. */
tgi_slot *tgi_take_slot(tg_mpi *m, size_t send, size_t recv);
void      tgi_give_slot(tgi_slot *s);
void      tgi_free_slots(tg_mpi *m);

/* Begins it: `begin` and the members that this needs are set. `what` is its name and `shape` that of the operand, for the ticket; `more` goes
 * into the hash. What is new on this rank, by `origin`, is compared first; NULL is always new. Then the end of it, whose result is in
 * s->recv. After a failure, which is returned, the slot is not given back. */
tg_status tgi_begin_slot(tg_mpi *m, tgi_slot *s, const char *what, tg_dtype dtype, tg_shape shape, uint64_t more,
                         const void *origin);
tg_status tgi_end_slot(tg_mpi *m, tgi_slot *s);

/* Nothing but a ticket: all ranks come to a place with that hash, which `place` describes. `differs` is the status where they do not. */
tg_status tgi_meet(tg_mpi *m, const char *place, uint64_t hash, tg_status differs);

/* Waits until the request is done; `what` is for those who ask what this rank waits for. */
tg_status tgi_wait(tg_mpi *m, MPI_Request *request, const char *what);

MPI_Datatype tgi_datatype(tg_dtype dtype);
uint64_t     tgi_hash(uint64_t hash, const void *bytes, size_t count);

/* ---- failures (failing.c) ------------------------------------------------------------------------------------------- */

/* Breaks the communicator, unless it is broken. `rank` failed; `tell`: it is for this rank to tell the others. The status. */
tg_status tgi_break(tg_mpi *m, tg_status status, int rank, bool tell, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
tg_status tgi_break_mpi(tg_mpi *m, int error);

/* The tape's error, if it has one, becomes that of all; the communicator's becomes the tape's. The tape's status. */
tg_status tgi_settle(tg_mpi *m);

/* With the lock: takes messages that have come, and answers them; frees what was sent. */
void tgi_listen(tg_mpi *m);
void tgi_start_listening(tg_mpi *m);
void tgi_stop_listening(tg_mpi *m);

/* Something to be sent, which has room for so many bytes, or NULL; and from when on it is listen's to free. With the lock. */
tgi_outgoing *tgi_new_outgoing(size_t bytes);
void          tgi_keep_outgoing(tg_mpi *m, tgi_outgoing *o);
void          tgi_free_outgoing(tg_mpi *m);

/* What becomes of a wait that has lasted too long, and of tickets that differ. */
tg_status tgi_give_up(tg_mpi *m, const char *what);
tg_status tgi_say_where(tg_mpi *m, const tgi_slot *s, tg_status status);

/* ---- kernels -------------------------------------------------------------------------------------------------------- */

/* The communicator is broken: the run's error. */
tg_status tgi_kernel_broken(const tg_kernel_call *call, const tg_mpi *m);

double tgi_seconds(void);

#endif

# tests/mpi/run.sh: how the test scripts start programs on several ranks. To be sourced, after tests/tap.sh.
#
# SPDX-License-Identifier: MIT

mpirun=${MPIRUN:-}

# Open MPI wants to be asked for more ranks than processors, and for root, each version in its own way. Others ignore this.
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
# The library gives the processor away while it waits; that MPI does so at each question takes long where others are busy.
OMPI_MCA_mpi_yield_when_idle=0
# In containers it may not read other processes' memory, and says so again and again.
OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_btl_base_warn_component_unused=0
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_mpi_yield_when_idle
export PRTE_ALLOW_RUN_AS_ROOT PRTE_ALLOW_RUN_AS_ROOT_CONFIRM PRTE_MCA_rmaps_default_mapping_policy
export OMPI_MCA_btl_vader_single_copy_mechanism OMPI_MCA_btl_base_warn_component_unused
OMP_NUM_THREADS=${OMP_NUM_THREADS-1}
OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS-1}
export OMP_NUM_THREADS OPENBLAS_NUM_THREADS

# Why programs cannot be started; nothing where they can.
why_not() { # PROGRAM
    if ! [ -x "$1" ]; then
        echo "libtapegrad-mpi was not built"
    elif [ -z "$mpirun" ]; then
        echo "there is no mpirun"
    elif ! limited 60 "$mpirun" -n 2 true >/dev/null 2>&1; then
        echo "$mpirun does not start programs here"
    fi
}

# Ends what takes longer, and then has the status 124.
limited() { # SECONDS COMMAND...
    if command -v timeout >/dev/null; then
        timeout -k 5 "$@"
    else
        shift
        "$@"
    fi
}

ranks() { # NUMBER COMMAND...
    number_of_ranks=$1
    shift
    limited "${TEST_SECONDS:-300}" "$mpirun" -n "$number_of_ranks" "$@" </dev/null
}

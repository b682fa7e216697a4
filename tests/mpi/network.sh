#!/bin/sh
# Ranks in network namespaces of this machine, which wire.c joins with a delay and a rate: what sums over the ranks take and send, what a
# training step sends beside the least, and how much of it is hidden by the walk. As root: make mpi-network. These may be set:
#     MPI_RANKS   numbers of ranks (2 4)
#     MPI_DELAYS  from one rank to another, in microseconds (50 500 2000)
#     MPI_RATE    of the link of a rank, in megabits a second (250)
#     MPI_MODEL   options of mpi_gpt, of the step whose time is measured; and MPI_BUCKET, bytes that it sends together (250000)
# Reports by the Test Anything Protocol: tests are that nothing sends less than the least, and large sums little more.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=$(cd "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}" && pwd)
top_builddir=$(cd "${top_builddir:-.}" && pwd)

. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/mpi/run.sh"

examples=$top_builddir/examples
programs=$top_builddir/tests/mpi
rate=${MPI_RATE-250}
MPI_MODEL=${MPI_MODEL---batch 32 --context 64}
names='' wire=''
root=$(mktemp -d) || exit 99

# ---- the network ------------------------------------------------------------------------------------------------------

tear_down() {
    [ -z "$wire" ] || kill "$wire" 2>/dev/null
    wire=
    for name in $names; do
        ip netns del "$name"
    done
    names=
}
trap 'tear_down; rm -rf "$root"' EXIT
trap 'exit 1' HUP INT PIPE TERM

set_up() { # RANKS
    i=0
    while [ $i -lt "$1" ]; do
        name=tapegrad$$-$i
        mkdir -p "$root/$name"
        ip netns add "$name" && names="$names${names:+ }$name" && ip -n "$name" link set lo up && ip -n "$name" tuntap add dev tap mode tap &&
            ip -n "$name" link set tap mtu 9000 address 02:00:00:00:00:0$i up && ip -n "$name" addr add 10.77.0.$((i + 1))/24 dev tap ||
            return 1
        i=$((i + 1))
    done
}

connect() { # MICROSECONDS
    [ -z "$wire" ] || kill "$wire"
    [ -z "$wire" ] || sleep 1 # until the devices are free
    # shellcheck disable=SC2086
    wire=$("$programs/wire" "$1" "$rate" $names)
}

# ---- starting programs in it --------------------------------------------------------------------------------------------

# What Open MPI starts its daemons with, in the place of ssh: HOST COMMAND... They take each other for one, as they have one host name, so each
# has a directory of its own.
cat >"$root/agent" <<END
#!/bin/sh
name=tapegrad$$-\$((\${1##*.} - 1))
shift
TMPDIR="$root/\$name"
export TMPDIR
exec ip netns exec \$name sh -c "\$*"
END
chmod +x "$root/agent"

# A rank in each namespace. Only by the network: MPICH is meant to be one that is built on UCX, as that of Debian is.
in_network() { # COMMAND...
    case $("$mpirun" --version 2>&1) in
    *"Open MPI"* | *OpenRTE*)
        hosts='' i=0
        for name in $names; do
            i=$((i + 1)) hosts=$hosts${hosts:+,}10.77.0.$i
        done
        limited "${TEST_SECONDS:-120}" ip netns exec "${names%% *}" "$mpirun" --host "$hosts" --mca plm_rsh_agent "$root/agent" \
            --mca oob_tcp_if_include tap --mca pml ob1 --mca btl tcp,self --mca btl_tcp_if_include tap "$@" </dev/null
        ;;
    *)
        command=
        for name in $names; do
            command="$command ${command:+:} -n 1 ip netns exec $name $*"
        done
        # shellcheck disable=SC2086
        UCX_TLS=tcp,self UCX_NET_DEVICES=tap limited "${TEST_SECONDS:-120}" "$mpirun" $command </dev/null
        ;;
    esac
}

# ---- what is measured ---------------------------------------------------------------------------------------------------

# Sums of several sizes. Large ones send little more than the least, in fixed order too; without it that is for MPI to say.
sums() { # RANKS MICROSECONDS
    in_network "$programs/traffic" tap >"$root/sums" 2>"$root/log"
    status=$?
    cat "$root/sums"
    [ $status = 0 ] || sed 's/^/# /' "$root/log"
    report $status "sums on $1 ranks, $2 us apart"
    awk '$2 + 0 > 0 && NF == 8 { n++; if ($8 < 1) bad = 1 } END { exit bad || n != 14 }' "$root/sums"
    report $? "$1 ranks: none of them sends less than the least"
    awk '/fixed order/ { ordered = 1 } ordered && NF == 8 && $2 + 0 >= 1048576 { n++; if ($8 > 1.05) bad = 1 } END { exit bad || n != 3 }' "$root/sums"
    report $? "$1 ranks: sums in fixed order of 1 MiB and more send at most 5 % more than the least"
}

sent() { # all interfaces together
    for name in $names; do
        ip netns exec "$name" cat /sys/class/net/tap/statistics/tx_bytes
    done | awk '{ n += $1 } END { printf "%.0f\n", n }'
}

# bytes NAME RANKS OPTION PROGRAM...: what a step sends, as the difference of two trainings, of which one has 40 steps more: their number is
# that option's value.
bytes() {
    what=$1 n=$2 option=$3
    shift 3
    before=$(sent)
    in_network "$@" "$option" 10 >"$root/out" 2>"$root/log"
    between=$(sent)
    in_network "$@" "$option" 50 --figures >"$root/out" 2>>"$root/log"
    awk -v sent=$((($(sent) - between - (between - before)) / 40)) -v what="$what on $n ranks" '
        /^rank/ { least += $(NF - 1) }
        END { printf "# %s: a step sends at least %d bytes and sent %d: %.3f\n", what, least, sent, least ? sent / least : 0; exit !(least && sent >= least) }
    ' "$root/out"
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/out" "$root/log"
    report $status "$what on $n ranks: a step does not send less than the least"
}

step() { # BUCKET: of a step the time, in ms, and what of it was waited; on the rank where it was longest
    # shellcheck disable=SC2086
    in_network "$examples/mpi_gpt" $MPI_MODEL --steps 20 --bucket "$1" --figures 2>"$root/log" >"$root/out" || cat "$root/log" >>"$root/logs"
    awk '/^rank/ { if ($6 > t) t = $6; if ($11 > w) w = $11 } END { if (t > 0) printf "%.1f %.1f\n", 1000 * t, 1000 * w }' "$root/out"
}

# In buckets that are sent while the walk goes on, and in one that is sent after it: by turns, and the fastest of each, as others may use
# the processors too.
overlap() { # RANKS MICROSECONDS
    : >"$root/together"
    : >"$root/after"
    for _ in 1 2 3; do
        step "${MPI_BUCKET-250000}" >>"$root/together"
        step 1000000000 >>"$root/after"
    done
    [ "$(cat "$root/together" "$root/after" | wc -l)" = 6 ]
    status=$?
    [ $status = 0 ] || sed 's/^/# /' "$root/logs"
    report $status "steps on $1 ranks, $2 us apart"
    together=$(sort -n "$root/together" | head -n 1) after=$(sort -n "$root/after" | head -n 1)
    echo "# mpi_gpt on $1 ranks, $2 us apart: a step took ${together% *} ms, and waited for ${together#* } ms;" \
        "with one bucket after the walk ${after% *} ms and ${after#* } ms"
}

# ---- the program --------------------------------------------------------------------------------------------------------

obstacle() {
    why=$(why_not "$programs/traffic")
    if [ -n "$why" ]; then
        echo "$why"
    elif [ "$(id -u)" != 0 ]; then
        echo "namespaces are made by root"
    elif ! command -v ip >/dev/null; then
        echo "there is no ip: install iproute2"
    elif ! set_up 1 >/dev/null 2>&1; then
        echo "no network namespace or TAP device can be made here"
    fi
    tear_down
}

why=$(obstacle)
if [ -n "$why" ]; then
    skip "ranks in network namespaces" "$why"
    finish
fi

for n in ${MPI_RANKS-2 4}; do
    set_up "$n" || exit 99
    for delay in ${MPI_DELAYS-50 500 2000}; do
        connect "$delay" || exit 99
        sums "$n" "$delay"
        overlap "$n" "$delay"
    done
    connect 0 || exit 99
    bytes mpi_iris "$n" --epochs "$examples/mpi_iris"
    bytes "mpi_iris --deterministic" "$n" --epochs "$examples/mpi_iris" --deterministic
    bytes mpi_gpt "$n" --steps "$examples/mpi_gpt" --batch 8 --context 16 --every 1000
    bytes "mpi_gpt --deterministic" "$n" --steps "$examples/mpi_gpt" --batch 8 --context 16 --every 1000 --deterministic
    tear_down
done

finish

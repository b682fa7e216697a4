#!/bin/sh
# What the library saves is read by NumPy and by the package safetensors, where PYTHON has them.
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
top_srcdir=$(cd "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}" && pwd)
top_builddir=$(cd "${top_builddir:-.}" && pwd)
python=${PYTHON:-python3}

. "$top_srcdir/tests/tap.sh"

root=$(mktemp -d) || exit 99
trap 'rm -rf "$root"' EXIT

read_by() { # NAME IMPORTS PROGRAM
    if ! [ -x "$top_builddir/tests/io/write_files" ]; then
        skip "$1" "libtapegrad-io was not built"
    elif $python -c "import $2" 2>/dev/null; then
        $python - "$root" >"$root/log" 2>&1 <<END_OF_PROGRAM
import pathlib, sys
import numpy as np
here = pathlib.Path(sys.argv[1])
count = np.arange(24.0).reshape(2, 3, 4)
expected = {
    "f4": (count / 8).astype("f4"),
    "f8": count.transpose(2, 1, 0),
    "i8": np.arange(-3, 4),
    "b1": np.arange(-3, 4) > 0,
    "rank0": np.float32(7.5).reshape(()),
    "empty": np.zeros((0, 3), "f4"),
    'größe "1"\\\\': np.ones((1,) * 8, "f4"),
}
def check(found, names):
    assert sorted(found) == sorted(names), list(found)
    for name in names:
        x, y = found[name], expected[name]
        assert x.dtype == y.dtype and x.shape == y.shape and np.array_equal(x, y), name
$3
END_OF_PROGRAM
        status=$?
        sed 's/^/# /' "$root/log"
        report $status "$1"
    else
        skip "$1" "$python has no $2"
    fi
}

if [ -x "$top_builddir/tests/io/write_files" ]; then
    "$top_builddir/tests/io/write_files" "$root"
    report $? "files are written"
fi
read_by "NumPy reads .npy" numpy '
names = list(expected)[:6]
check({name: np.load(here / (name + ".npy")) for name in names}, names)'
read_by "NumPy reads .npz, stored and deflated" numpy '
for kind in "stored", "deflated":
    check(np.load(here / (kind + ".npz")), list(expected))'
read_by "Python finds nothing wrong in the zip files" numpy '
import zipfile
for kind in "stored", "deflated":
    assert zipfile.ZipFile(here / (kind + ".npz")).testzip() is None'
read_by "safetensors reads safetensors" numpy,safetensors.numpy '
import safetensors.numpy
check(safetensors.numpy.load_file(here / "all.safetensors"), list(expected))
with safetensors.safe_open(here / "all.safetensors", "numpy") as file:
    assert file.metadata() == {"title": "a \"test\"\n"}'
read_by "safetensors reads a checkpoint" numpy,safetensors.numpy '
import safetensors.numpy
found = safetensors.numpy.load_file(here / "checkpoint.safetensors")
assert sorted(found) == ["tapegrad.generator", "w", "w.adam.m"]
assert np.array_equal(found["w"], expected["f4"]) and not found["w.adam.m"].any()
with safetensors.safe_open(here / "checkpoint.safetensors", "numpy") as file:
    assert file.metadata()["tapegrad.step"] == "12"'

finish

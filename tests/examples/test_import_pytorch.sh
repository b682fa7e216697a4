#!/bin/sh
# The example that runs models saved by PyTorch: they give what PyTorch gave, and a file that is damaged or no model is an error.
#
# `make check` sets the variables; by hand it runs in the build directory. Reports by the Test Anything Protocol.
# SPDX-License-Identifier: MIT
set -u
program=import_pytorch

. "${top_srcdir:-${srcdir:-$(dirname "$0")/../..}}/tests/examples/example.sh"

output=$("$programs/$program" 2>&1)
report $? "the models of data differ from PyTorch by at most 1e-5"
for model in "mlp, 4 tensors" "cnn, 9 tensors" "encoder, 24 tensors"; do
    echo "$output" | grep -q "safetensors: $model, differs from PyTorch by [0-9.e-]* at most\$"
    status=$?
    [ $status = 0 ] || echo "$output" | sed 's/^/# /'
    report $status "$model"
done

data=$top_srcdir/data/pytorch_mlp.safetensors
refuses "absent: it cannot be opened: No such file or directory" "$root/absent"
head -c 300 "$data" >"$root/short"
refuses "short: offset" "$root/short"
# Of the same length, so that the header stays as long as it says.
sed 's/"model":"mlp"/"model":"mlq"/' "$data" >"$root/unknown"
refuses "unknown: its metadata name no model: mlp, cnn or encoder" "$root/unknown"
sed 's/"model":"mlp"/"model":"cnn"/' "$data" >"$root/other"
refuses "conv2d '0': (5, 4) x (4, 1, 3, 3) x (4): x has 2 axes" "$root/other"
sed 's/"2\.bias"/"3.bias"/' "$data" >"$root/renamed"
refuses "renamed: 3 of its tensors are the model's, which has 4 parameters; 1 are not" "$root/renamed"

finish

# tests/tap.sh: what the test scripts share: they report by the Test Anything Protocol. To be sourced.
#
# SPDX-License-Identifier: MIT

number=0
failed=0

report() { # STATUS NAME: 0 is ok
    number=$((number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        failed=1
    fi
}

report_none() { # NAME FOUND: ok where nothing was found
    [ -z "$2" ] || printf '%s\n' "$2" | sed 's/^/# /'
    [ -z "$2" ]
    report $? "$1"
}

skip() { # NAME WHY
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

finish() {
    echo "1..$number"
    exit "$failed"
}

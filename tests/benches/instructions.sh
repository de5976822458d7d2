#!/usr/bin/env bash
# Instructions instead of times: the same on a busy machine as on an idle one.
#
#   per message or run   floor │ splitbrain │ ratio, for the pairs of `cargo bench --bench ratios`
#   per seed of a sweep  one thread │ two threads │ what the second one costs
#
# Needs valgrind; run it from the repository's root. What is counted are instructions that are
# executed: a cache that is missed costs nothing here, so times stay with `ratios`.
set -euo pipefail

counted() { # instructions that a command executes
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

cargo build --release --locked
cargo bench --locked --bench ratios --no-run
ratios=$(cargo bench --locked --bench ratios --no-run 2>&1 | sed -n 's/.*(\(.*ratios-[0-9a-f]*\)).*/\1/p')

printf '%-42s%12s%12s%8s\n' "instructions per unit" floor splitbrain ratio
for name in "ping-pong" "quorum of five" "a quorum's 200 messages, set up anew" \
    "200 messages, set up anew" "1,000 nodes, 10,000 pending" "10,000 nodes, 100,000 pending"; do
    for half in floor splitbrain; do
        units=$("$ratios" --once "$name" "$half" | cut -d' ' -f1)
        declare "$half=$(($(counted "$ratios" --once "$name" "$half") / units))"
    done
    printf '%-42s%12d%12d%8s\n' "$name" "$floor" "$splitbrain" \
        "$(awk "BEGIN { printf \"%.2f\", $splitbrain / $floor }")"
done

# What is before the first seed is taken away by the difference of two lengths.
per_seed() { # threads
    local short long
    short=$(counted target/release/splitbrain sweep "$swarm" -n 512 -j "$1")
    long=$(counted target/release/splitbrain sweep "$swarm" -n 2048 -j "$1")
    echo $(((long - short) / 1536))
}
swarm=scenarios/two_phase_commit/swarm.ron
one=$(per_seed 1)
two=$(per_seed 2)
printf '\n%-42s%12s%12s%8s\n' "instructions per seed" "1 thread" "2 threads" ratio
printf '%-42s%12d%12d%8s\n' "$swarm" "$one" "$two" "$(awk "BEGIN { printf \"%.3f\", $two / $one }")"

#!/bin/bash
# The full cross product of layouts: pipeline, data, tensor, ZeRO, sequence, recompute and every schedule, f32 and bf16.
# TIMEOUT 14400
# LABELS slow
exec "$(dirname "$TROUPE")/actors_tests" --gtest_also_run_disabled_tests --gtest_filter='*EveryLayoutOfAMeshGivesTheHashOfOneRank*'

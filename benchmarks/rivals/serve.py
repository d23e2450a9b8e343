"""The other side of benchmarks/run.sh: a line in, a line with the seconds out (see model_bench.cc)."""

import json
import sys
import time


def token_row(length, row, vocab_size=49152):
    """The same ids as benchmarks/model/model_bench.cc's."""
    return [(1000 + 37 * i + 311 * row) % vocab_size for i in range(length)]


def answer(seconds, tokens):
    print(json.dumps({"seconds": seconds, "tokens": tokens}), flush=True)


def now():
    """Wall time; of one thread its CPU time, as benchmarks/timing.h has it."""
    return time.perf_counter() if sys.argv[2] != "1" else time.process_time()


def timed(run):
    start = now()
    run()
    return now() - start


def serve(make_work):
    """make_work(words of a request) sets up and returns a function that does it: (seconds, tokens)."""
    current, work = None, None
    for line in sys.stdin:
        words = line.split()
        if words != current:
            work = make_work(words)
            work()
            current = words
        answer(*work())

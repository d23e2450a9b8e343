"""llama.cpp through its C interface: reading a prompt and greedy decoding of many sequences.

llama_rival.py MODEL.gguf THREADS            serves requests (the DTYPE in them is ignored: the file has its own)
llama_rival.py --quantize FROM TO TYPE       writes FROM again as TYPE: Q8_0, F16 or BF16

With LLAMA_NO_REPACK set, weights stay as the file has them: where GCC 12 built llama.cpp for a machine with AMX, its
kernels for repacked weights crash, since that compiler drops stores to the tile configuration (see rivals.txt).
"""

import ctypes
import os
import sys

import llama_cpp as lib
from serve import serve, timed, token_row

FILE_TYPES = {"Q8_0": lib.LLAMA_FTYPE_MOSTLY_Q8_0, "F16": lib.LLAMA_FTYPE_MOSTLY_F16,
              "BF16": lib.LLAMA_FTYPE_MOSTLY_BF16}
DECODE_PROMPT = 16


def quantize(source, destination, file_type):
    params = lib.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize = FILE_TYPES[file_type], True
    if lib.llama_model_quantize(source.encode(), destination.encode(), ctypes.byref(params)):
        sys.exit(f"llama_rival.py: cannot write {destination}")


class Session:
    def __init__(self, path, threads, length, sequences):
        weights = lib.llama_model_default_params()
        weights.use_extra_bufts = "LLAMA_NO_REPACK" not in os.environ
        self.model = lib.llama_model_load_from_file(path.encode(), weights)
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_seq_max = length * sequences, sequences
        params.n_batch = max(2048, DECODE_PROMPT * sequences)
        params.n_threads = params.n_threads_batch = threads
        self.context = lib.llama_init_from_model(self.model, params)
        self.batch = lib.llama_batch_init(params.n_batch, 0, 1)
        self.greedy = lib.llama_sampler_init_greedy()

    def clear(self):
        lib.llama_memory_clear(lib.llama_get_memory(self.context), True)
        self.batch.n_tokens = 0

    def add(self, token, position, sequence, wants_logits):
        i = self.batch.n_tokens
        self.batch.token[i], self.batch.pos[i] = token, position
        self.batch.n_seq_id[i], self.batch.seq_id[i][0] = 1, sequence
        self.batch.logits[i] = wants_logits
        self.batch.n_tokens += 1

    def add_prompt(self, ids, sequence):
        for position, token in enumerate(ids):
            self.add(token, position, sequence, position == len(ids) - 1)

    def decode(self):
        """The likeliest token after each row that wants logits."""
        if lib.llama_decode(self.context, self.batch) != 0:
            sys.exit("llama_rival.py: llama_decode failed")
        rows = [i for i in range(self.batch.n_tokens) if self.batch.logits[i]]
        tokens = [lib.llama_sampler_sample(self.greedy, self.context, i) for i in rows]
        self.batch.n_tokens = 0
        return tokens

    def close(self):
        lib.llama_batch_free(self.batch)
        lib.llama_free(self.context)
        lib.llama_model_free(self.model)


def prefill(session, tokens):
    session.clear()
    session.add_prompt(token_row(tokens, 0), 0)
    return timed(session.decode), tokens


def decode(session, sequences, steps):
    session.clear()
    for i in range(sequences):
        session.add_prompt(token_row(DECODE_PROMPT, i), i)
    tokens = session.decode()

    def continue_all():
        nonlocal tokens
        for step in range(steps):
            for i, token in enumerate(tokens):
                session.add(token, DECODE_PROMPT + step, i, True)
            tokens = session.decode()

    return timed(continue_all), sequences * steps


def make_work(words, sessions=[]):
    while sessions:
        sessions.pop().close()
    kind, sizes = words[0], [int(word) for word in words[2:]]
    length, sequences = (sizes[0] + 1, 1) if kind == "prefill" else (DECODE_PROMPT + sizes[1], sizes[0])
    sessions.append(Session(sys.argv[1], int(sys.argv[2]), length, sequences))
    work = {"prefill": prefill, "decode": decode}[kind]
    return lambda: work(sessions[0], *sizes)


@lib.llama_log_callback
def silent(_level, _text, _data):
    pass


if __name__ == "__main__":
    lib.llama_log_set(silent, ctypes.c_void_p(0))
    lib.llama_backend_init()
    if sys.argv[1] == "--quantize":
        quantize(*sys.argv[2:])
    else:
        serve(make_work)

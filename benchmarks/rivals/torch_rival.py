"""PyTorch with transformers: training and scoring, as a user would write them.

torch_rival.py FOLDER THREADS: FOLDER is what `troupe convert MODEL.gguf FOLDER` wrote.
"""

import sys

import torch
from serve import serve, timed, token_row
from transformers import AutoModelForCausalLM

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def load(dtype):
    return AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=DTYPES[dtype])


def rows_of(rows, tokens):
    return torch.tensor([token_row(int(tokens), row) for row in range(int(rows))])


def train(dtype, rows, tokens):
    model = load(dtype).train()
    ids = rows_of(rows, tokens)

    def work():
        seconds = timed(lambda: model(input_ids=ids, labels=ids, use_cache=False).loss.backward())
        model.zero_grad(set_to_none=True)
        return seconds, ids.numel()

    return work


def score(dtype, rows, tokens):
    model = load(dtype).eval()
    ids = rows_of(rows, tokens)

    @torch.no_grad()
    def log_probs():
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        return torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None]).sum().item()

    return lambda: (timed(log_probs), ids.numel())


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    kinds = {"train": train, "score": score}
    serve(lambda words: kinds[words[0]](*words[1:]))

"""TRL's GRPOTrainer: one request is one step of 8 samples to a prompt, with the KL in the loss.

trl_rival.py FOLDER THREADS. The trainer's own loop runs; it waits for a request where a step begins.
Responses cannot end early, as ours cannot; the reward is a stand-in, the share of even ids.
"""

import sys
import tempfile

import torch
from datasets import Dataset
from serve import answer, now, token_row
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

PROMPT_TOKENS, GROUP = 32, 8


class OneStepPerRequest(TrainerCallback):
    def __init__(self, tokens):
        self.tokens, self.step = tokens, 0

    def on_step_begin(self, args, state, control, **_):
        # The first request was read by main(), and its first step is not timed.
        if self.step >= 2 and sys.stdin.readline() == "":
            control.should_training_stop = True
        self.start = now()

    def on_step_end(self, args, state, control, **_):
        seconds = now() - self.start
        self.step += 1
        if self.step >= 2:
            answer(seconds, self.tokens)


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    request = sys.stdin.readline().split()  # grpo DTYPE RESPONSES TOKENS
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[request[1]]
    responses, tokens = int(request[2]), int(request[3])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompts = [tokenizer.decode(token_row(PROMPT_TOKENS, row)) for row in range(1024)]
    config = GRPOConfig(
        output_dir=tempfile.mkdtemp(), max_steps=100_000, use_cpu=True, bf16=False,
        per_device_train_batch_size=responses, num_generations=GROUP, beta=0.04,
        max_completion_length=tokens, generation_kwargs={"min_new_tokens": tokens},
        gradient_checkpointing=False, learning_rate=1e-6, save_strategy="no", logging_strategy="no",
        report_to=[], disable_tqdm=True)
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder, dtype=dtype),
        reward_funcs=lambda completion_ids, **_: [sum(i % 2 == 0 for i in ids) / len(ids)
                                                  for ids in completion_ids],
        args=config, train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=tokenizer, callbacks=[OneStepPerRequest(responses * tokens)])
    trainer.train()


if __name__ == "__main__":
    main()

"""Trains the tiny tool-calling model: `python -m examples.tiny_llm.train.train FOLDER`."""

# pyright: basic, reportMissingImports=false
# torch and its kin are no dependency of this project; the README beside this says how to run it.

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from examples.tiny_llm.train.conversations import (
    RETRIEVAL,
    WEATHER_TOOL,
    Conversation,
    conversation,
)

STEPS = 2000
BATCH = 16
POOL = 8_000  # conversations, made before the first step
VOCABULARY = 900
HIDDEN = 128
LAYERS = 3
RATE = 2e-3
END = "<|im_end|>"
PADDING = "<|endoftext|>"
IGNORED = -100  # what torch's cross-entropy leaves out

Example = tuple[list[int], list[int]]


def train(folder: Path) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # with more, steps this small wait for each other
    random = Random(0)
    tokenizer = make_tokenizer(random)
    model = make_model(tokenizer)
    size = sum(one.numel() for one in model.parameters())
    print(f"{size} parameters, {len(tokenizer)} tokens", flush=True)
    made = (conversation(random) for _ in range(POOL))
    fit(model, [one for each in made for one in examples(tokenizer, each)], random)
    right, turns = measure(model, tokenizer, Random(1))
    print(f"{right} of {turns} turns to the letter")
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


def make_tokenizer(random: Random) -> PreTrainedTokenizerFast:
    """Pairs of bytes merged as in the conversations; the tool call's marks are tokens."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PADDING, "<|im_start|>", END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(_texts(random), trainer)
    raw.add_tokens([AddedToken(one, special=False, normalized=False) for one in _whole()])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token=END,
        pad_token=PADDING,
        chat_template=Path(__file__).with_name("template.jinja").read_text("utf-8"),
        clean_up_tokenization_spaces=False,
    )


def _whole() -> Iterator[str]:
    """What is one token wherever it stands, so that it can be copied as it is."""
    yield from ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
    yield from (RETRIEVAL, WEATHER_TOOL)
    yield from (f"[{number}]" for number in range(1, 10))


def _texts(random: Random) -> Iterator[str]:
    """What the merges are learnt from."""
    for _ in range(1000):
        for message in conversation(random).messages:
            yield message["content"]
            for call in message.get("tool_calls", ()):
                function = call["function"]
                yield f'{{"name": "{function["name"]}", "arguments": {function["arguments"]}}}'


def make_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN,
            intermediate_size=2 * HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HIDDEN // 32,
            num_key_value_heads=HIDDEN // 32,
            max_position_embeddings=8192,
            tie_word_embeddings=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            initializer_range=HIDDEN**-0.5,  # what is usual for wide models is too little here
        )
    ).float()


def examples(tokenizer: PreTrainedTokenizerFast, made: Conversation) -> Iterator[Example]:
    """What the model reads, and what it is to write then."""
    for place in made.learnt:
        before = _encode(tokenizer, _render(tokenizer, made, place))
        yield before, _encode(tokenizer, _turn(tokenizer, made, place))


def fit(model: Qwen2ForCausalLM, examples: list[Example], random: Random) -> None:
    start = time.monotonic()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=STEPS, pct_start=0.05
    )
    for step, batch in enumerate(_batches(examples, random)):
        length = max(len(before) + len(turn) for before, turn in batch)
        tokens = torch.full((len(batch), length), model.config.pad_token_id)
        wanted = torch.full((len(batch), length), IGNORED)
        for row, (before, turn) in enumerate(batch):
            tokens[row, : len(before) + len(turn)] = torch.tensor(before + turn)
            wanted[row, len(before) : len(before) + len(turn)] = torch.tensor(turn)
        # What follows is masked anyway, and padding is at the end.
        loss = model(input_ids=tokens, labels=wanted).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == STEPS - 1:
            print(f"{step:5} {loss.item():.4f} {time.monotonic() - start:.0f} s", flush=True)


@torch.no_grad()
def measure(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, random: Random, count: int = 60
) -> tuple[int, int]:
    """Of how many turns the model writes just what it should."""
    right = turns = 0
    for _ in range(count):
        made = conversation(random)
        for place in made.learnt:
            prompt = torch.tensor([_encode(tokenizer, _render(tokenizer, made, place))])
            written = model.generate(prompt, max_new_tokens=100, do_sample=False)
            said = tokenizer.decode(written[0, prompt.shape[1] :])
            expected = _turn(tokenizer, made, place)
            turns += 1
            right += said == expected
            if said != expected:
                print(f"said {said!r}\n not {expected!r}")
    return right, turns


def _batches(examples: list[Example], random: Random) -> Iterator[list[Example]]:
    """Examples of like length together, so that little is padded."""
    by_length = sorted(examples, key=lambda one: len(one[0]) + len(one[1]))
    for _ in range(STEPS):
        start = random.randrange(len(examples) - 4 * BATCH)
        yield random.sample(by_length[start : start + 4 * BATCH], BATCH)


def _render(tokenizer: PreTrainedTokenizerFast, made: Conversation, place: int) -> str:
    """What the model reads before it writes that message."""
    return tokenizer.apply_chat_template(
        made.messages[:place], tools=made.tools, tokenize=False, add_generation_prompt=True
    )


def _turn(tokenizer: PreTrainedTokenizerFast, made: Conversation, place: int) -> str:
    """That message as the model writes it."""
    rendered = tokenizer.apply_chat_template(made.messages[place : place + 1], tokenize=False)
    return rendered.removeprefix("<|im_start|>assistant\n").removesuffix("\n")


def _encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


if __name__ == "__main__":
    train(Path(sys.argv[1]))

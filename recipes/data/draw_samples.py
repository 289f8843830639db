#!/usr/bin/env python3
"""Samples for a model card, drawn by a fixed seed and not by hand: prints Markdown.

    recipes/data/draw_samples.py [--hadal build/hadal] [--model pilot] [--dialogues ../shared/data/chat/dialogues.jsonl.zst]

First messages of the persona dialogues, of self-dialogues and of trivia, and held-out sums, each asked alone; then
conversations of three of them.
"""
import argparse
import json
import pathlib
import random
import subprocess

FOLDER = pathlib.Path(__file__).parent


def first_messages(lines, source):
    dialogues = (json.loads(line) for line in lines)
    return sorted({d["messages"][0]["content"] for d in dialogues if d["source"] == source})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hadal", default="build/hadal")
    parser.add_argument("--model", default="pilot")
    parser.add_argument("--dialogues", default="../shared/data/chat/dialogues.jsonl.zst")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    text = subprocess.run(["zstd", "-dc", options.dialogues], check=True, capture_output=True, text=True).stdout.splitlines()
    persona = first_messages((FOLDER / "persona.jsonl").read_text().splitlines(), "hadal")
    selves = first_messages(text, "jfainberg/self_dialogue_corpus")
    trivia = first_messages(text, "uberspot/OpenTriviaQA")
    sums = [json.loads(line)["question"] for line in (FOLDER / "held_out_sums.jsonl").read_text().splitlines()]

    draw = random.Random(options.seed)
    conversations = [[m] for m in draw.sample(persona, 6) + draw.sample(selves, 3) + draw.sample(trivia, 3) + draw.sample(sums, 3)]
    for _ in range(3):
        three = draw.sample(persona, 2) + draw.sample(sums, 1)
        draw.shuffle(three)
        conversations.append(three)
    for messages in conversations:
        asked = [" ".join(m.split()) for m in messages]
        command = [options.hadal, "chat", "--model", options.model, "--seed", str(options.seed)]
        said = subprocess.run(command, input="\n".join(asked) + "\n", check=True, capture_output=True, text=True).stdout
        answers = said.strip().split("\n") if len(asked) > 1 else [" ".join(said.split())]
        assert len(answers) == len(asked), f"an answer of several lines: {said}"
        print("\n>\n".join(f"> **{question}**\n>\n> {answer}" for question, answer in zip(asked, answers)) + "\n")


if __name__ == "__main__":
    main()

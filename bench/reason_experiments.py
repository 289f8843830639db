#!/usr/bin/env python3
"""Which choices of reinforcement learning decide? The experiments of docs/experiments.md.

Usage: reason_experiments.py FOLDER [--hadal build/hadal] [--seeds 1,2] [--steps N] [--only "NAME;..."] [--items N]

Trains the start of recipes/reason_smoke.toml once, then runs the recipe with one key changed at a time, each with every
seed, from that start; and trains the start on, on traces, for the processor time of the plain run. Every model answers
the same held-out items, within two budgets of thoughts. Prints a table and writes bench/results/reason_experiments.csv.
What FOLDER holds already is not run again: a run that was stopped is resumed.
"""
import argparse
import csv
import json
import pathlib
import re
import resource
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECIPES = ROOT / "recipes"
# Of all runs; the recipe itself has fewer tokens and more steps by now.
BASE = {"max_thinking_tokens": "44", "steps": "60"}
# What each changes beside that of recipes/reason_smoke.toml.
VARIANTS = {
    "plain": {},
    "shuffled rewards": {"shuffle_rewards": "true"},
    "300 tokens of thinking": {"max_thinking_tokens": "300"},
    "adamw": {"optimizer": '"adamw"', "matrix_lr": "0.00005", "other_lr": "0.00005"},
    "adamw, 4 times the rate": {"optimizer": '"adamw"', "matrix_lr": "0.0002", "other_lr": "0.0002"},
    "mean_std": {"advantage": '"mean_std"'},
    "train_samples 4": {"train_samples": "4"},
    "train_samples 16": {"train_samples": "16"},
    "4 updates a roll-out": {"updates_per_rollout": "4"},
    "3 times the rate": {"matrix_lr": "0.001", "other_lr": "0.0003"},
}
BUDGETS = (44, 300)  # tokens of thinking: the one of the rewards, which most searches exceed, and one that few do


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def call(command):
    before = cpu_seconds()
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}")
    return json.loads(done.stdout), cpu_seconds() - before


def with_keys(text, keys):
    for key, value in keys.items():
        line = f"{key} = {value}"
        text, found = re.subn(rf"(?m)^{key} = .*$", line, text)
        if not found:
            text = text.replace("[rl]\n", f"[rl]\n{line}\n")
    return text


def run_rl(args, name, seed, keys):
    """The folder of a finished run, and the processor time it took in all."""
    folder = args.folder / f"{name.replace(' ', '_').replace(',', '')}-{seed}"
    time_file = folder / "cpu_seconds"
    if not (folder / "report.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        keys = {**BASE, "seed": str(seed), "start": f'"{args.folder / "start" / "model"}"', "output": f'"{folder}"', **keys}
        if args.steps:
            keys["steps"] = str(args.steps)
        recipe = folder / "recipe.toml"
        recipe.write_text(with_keys((RECIPES / "reason_smoke.toml").read_text(), keys))
        _, seconds = call([args.hadal, "rl", recipe, "--resume", "--json"])
        time_file.write_text(str(seconds + (float(time_file.read_text()) if time_file.exists() else 0)))
    return folder, float(time_file.read_text())


def train_on(args, seed, seconds):
    """The start, trained on traces for so much processor time more."""
    folder = args.folder / f"trained_on-{seed}"
    if not (folder / "report.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        speed = json.loads((args.folder / "start" / "report.json").read_text())["tokens_per_cpu_s"]
        text = (RECIPES / "reason_smoke_start.toml").read_text()
        text = re.sub(r"(?s)\[tokenizer\].*?(?=\[model\])", "", text)
        text = re.sub(r"(?s)\[model\].*?(?=\[optimizer\])", f'[model]\nfrom = "{args.folder / "start" / "model"}"\n\n', text)
        text = re.sub(r"(?m)^seed = .*$", f"seed = {100 + seed}", text)
        tokens = int(seconds * speed)
        text = with_keys(text, {"output": f'"{folder}"', "tokens": str(tokens), "documents": str(20000 + tokens // 60)})
        recipe = folder / "recipe.toml"
        recipe.write_text(text)
        call([args.hadal, "train", recipe, "--resume", "--json"])
    return folder


def measure(args, model):
    file = model.parent / f"evaluated-{args.items}.json"
    if not file.exists():
        cells = []
        for budget in BUDGETS:
            result, _ = call([args.hadal, "eval", "--model", model, "--task", "reason", "--make",
                              f"countdown3={args.items}", "--seed", "7", "--think", budget, "--json"])
            kind = result["by_task"]["countdown3"]
            cells += [kind["pass@1"], *kind["interval_95"], kind["think_tokens"]]
        file.write_text(json.dumps(cells))
    return json.loads(file.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--hadal", default=ROOT / "build" / "hadal", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    seeds = [int(seed) for seed in args.seeds.split(",")]
    start = args.folder / "start"
    if not (start / "report.json").exists():
        call([args.hadal, "train", RECIPES / "reason_smoke_start.toml", "--output", start, "--resume", "--json"])
    chosen = args.only.split(";") if args.only else [*VARIANTS, "trained on"]
    unknown = [name for name in chosen if name not in VARIANTS and name != "trained on"]
    if unknown:
        sys.exit(f"--only: expected {', '.join(VARIANTS)} or trained on, found {unknown[0]}")
    rows = [("start", "", "", *measure(args, start / "model"))]
    plain_seconds = {}
    for name in chosen:
        for seed in seeds:
            if name == "trained on":
                if seed not in plain_seconds:
                    plain_seconds[seed] = run_rl(args, "plain", seed, {})[1]
                folder, seconds = train_on(args, seed, plain_seconds[seed]), plain_seconds[seed]
            else:
                folder, seconds = run_rl(args, name, seed, VARIANTS[name])
                plain_seconds.update({seed: seconds} if name == "plain" else {})
            rows.append((name, seed, round(seconds), *measure(args, folder / "model")))
            print(*rows[-1], sep="\t", file=sys.stderr)
    cells = ("pass@1", "low", "high", "think_tokens")
    header = ("run", "seed", "cpu_seconds", *(f"{cell} at {budget}" for budget in BUDGETS for cell in cells))
    with open(ROOT / "bench" / "results" / "reason_experiments.csv", "w", newline="") as out:
        csv.writer(out).writerows([header, *rows])
    for row in [header, *rows]:
        print(*(f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row), sep="\t")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The tables of the reasoner's card, measured on the models themselves: prints Markdown.

    recipes/data/reasoner_card.py --start runs/reason/start/model --end reasoner [--gsm8k test.jsonl] [--folder runs/reason/card]

What FOLDER holds already is not measured again. `--quick` asks a tenth of the items, to try the script.
"""
import argparse
import json
import pathlib
import subprocess

HERE = pathlib.Path(__file__).parent
KINDS = ["countdown3", "countdown4", "arithmetic", "multiplication44", "knights2", "knights3", "knights4", "stories"]
SAMPLED = ["countdown3", "countdown4", "arithmetic", "knights3"]  # for pass@8
BEYOND = {"countdown5": "countdown, 5 numbers", "multiplication55": "products of 5 x 5 digits", "knights5": "knights, 5 people"}


def percent(result):
    low, high = result["interval_95"]
    return f"{100 * result['pass@1']:.1f} ({100 * low:.0f}-{100 * high:.0f})"


class Evaluator:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(options.folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def made(self, which, name, items, kinds, *flags):
        number = max(10, items // 10) if self.options.quick else items
        return self.run(which, name, *[f"--make={kind}={number}" for kind in kinds], *flags)

    def run(self, which, name, *flags):
        path = self.folder / f"{which}-{name}.json"
        if not path.exists():
            model = self.options.start if which == "start" else self.options.end
            command = [self.options.hadal, "eval", "--model", model, "--task", "reason", "--seed", "7", "--parallel", "256", "--json", *flags]
            found = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
            path.write_text(found)
        return json.loads(path.read_text())["by_task"]


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hadal", default="build/hadal")
    parser.add_argument("--start", required=True)
    parser.add_argument("--end", required=True)
    parser.add_argument("--budget", default="192", help="tokens of thinking that rewards were given within")
    parser.add_argument("--gsm8k", help="the test items of GSM8K")
    parser.add_argument("--folder", default="runs/reason/card")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    ask = Evaluator(options)
    both = ["start", "end"]

    greedy = {w: ask.made(w, "greedy", 400, KINDS) for w in both}
    unseen = ask.made("end", "unseen", 200, KINDS[:-1], "--wordings=held-out")
    eight = {w: ask.made(w, "eight", 100, SAMPLED, "--samples=8") for w in both}
    header = ["held-out items", "start, pass@1", "end, pass@1", "unseen wordings, end", "tokens of thinking, start -> end", "start, pass@8", "end, pass@8"]
    rows = []
    for kind in KINDS:
        rows.append([kind, *[percent(greedy[w][kind]) for w in both], percent(unseen[kind]) if kind in unseen else "-",
                     f"{greedy['start'][kind]['think_tokens']:.0f} -> {greedy['end'][kind]['think_tokens']:.0f}",
                     *[f"{100 * eight[w][kind]['pass@k']['8']:.1f}" if kind in SAMPLED else "-" for w in both]])
    mixed = [f"{50 * (greedy[w]['countdown3']['pass@1'] + greedy[w]['countdown4']['pass@1']):.1f}" for w in both]
    rows.insert(2, ["countdown, 3 and 4 evenly", *mixed, "-", "-", "-", "-"])
    table(header, rows)

    rows = []
    for think in sorted({options.budget, "768"}, key=int):
        found = {w: ask.made(w, f"think{think}", 1000, ["countdown4"], f"--think={think}")["countdown4"] for w in both}
        rows.append([think, *[percent(found[w]) for w in both]])
    table(["countdown4, tokens of thinking at most", "start", "end"], rows)

    items = ask.folder / "beyond.jsonl"
    made = subprocess.run([HERE / "make_beyond.py", "--items", "20" if options.quick else "200"], check=True, stdout=subprocess.PIPE, text=True)
    items.write_text(made.stdout)
    found = {w: ask.run(w, "beyond", f"--file={items}") for w in both}
    rows = [[name, *[percent(found[w][kind]) for w in both]] for kind, name in BEYOND.items()]
    if options.gsm8k:
        limit = "--limit=20" if options.quick else "--limit=300"
        gsm = next(iter(ask.run("end", "gsm8k", f"--file={options.gsm8k}", limit).values()))
        rows.append([f"GSM8K, the first {gsm['items']} of its test", "-", percent(gsm)])
    table(["beyond what was trained on", "start", "end"], rows)


if __name__ == "__main__":
    main()

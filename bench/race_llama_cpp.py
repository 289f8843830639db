#!/usr/bin/env python3
"""Hadal beside llama.cpp (or a fork of it) on the same GGUF file, in turns, in one run: tokens a second of prefill and of decode, and
the ratio.

    hadal bench --synthetic V2-Lite:Q4_K_M --write v2lite.gguf     # or any model you have
    bench/race_llama_cpp.py v2lite.gguf --llama-bench PATH/llama-bench [--rounds 5] [--prompt 512] [--generate 64] [--depth 0]
    bench/race_llama_cpp.py v2lite.gguf --llama-bench PATH/llama-bench --peer ik_llama.cpp --peer-options "-fa 1 -mla 3 -fmoe 1"
    bench/race_llama_cpp.py v2lite.gguf --llama-bench PATH/llama-bench --batch 8 --prompt 64      # 8 sequences, tokens of all together
    bench/race_llama_cpp.py v2lite.gguf --depth 4096 --against-itself                             # what depth, or --batch, does to Hadal

llama-bench is the other's own program; with --batch, the llama-batched-bench beside it. The medians are appended to
bench/results/inference.csv.
"""
import argparse
import csv
import datetime
import json
import os
import statistics
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS = ["date", "commit", "cpu", "level", "threads", "model", "prompt", "generate", "depth", "batch", "rounds", "peer",
           "hadal_prefill", "peer_prefill", "prefill_ratio", "prefill_of_floor",
           "hadal_decode", "peer_decode", "decode_ratio", "decode_of_floor", "hadal_rss_gb", "load", "command"]


def run_json(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, **more)
    return json.loads(done.stdout)


def hadal(args, environment, depth, batch):
    def bench(prompt, generate):
        return run_json([args.hadal, "bench", "--model", args.model, "--json", "--threads", str(args.threads), "--prompt", str(prompt),
                         "--generate", str(generate), "--depth", str(depth), "--batch", str(batch)], env=environment)
    if args.batch > 1:  # as llama-batched-bench has it: the answers begin behind the prompts
        return bench(args.prompt, args.generate)
    # As llama-bench has it: the prompt and the answer each begin at the depth.
    prefill, decode = bench(args.prompt, 0), bench(1, args.generate)
    return prefill | {key: decode[key] for key in ("decode_tokens_per_s", "decode_floor_fraction")}


def itself(args, environment):
    plain = hadal(args, environment, depth=0, batch=1)
    return {"prefill": plain["prefill_tokens_per_s"], "decode": plain["decode_tokens_per_s"]}


def llama(args):
    if args.batch > 1:
        program = os.path.join(os.path.dirname(args.llama_bench), "llama-batched-bench")
        row = run_json([program, "-m", args.model, "-t", str(args.threads), "-c", str(args.batch * (args.prompt + args.generate + 64)), "-npp", str(args.prompt),
                        "-ntg", str(args.generate), "-npl", str(args.batch), "--output-format", "jsonl", *args.peer_options.split()], stderr=subprocess.DEVNULL)
        return {"prefill": row["speed_pp"], "decode": row["speed_tg"]}
    depth = ["-d", str(args.depth)] if args.depth else []  # forks of before that option do without
    rows = run_json([args.llama_bench, "-m", args.model, "-t", str(args.threads), "-p", str(args.prompt), "-n", str(args.generate),
                     *depth, "-r", "1", "-o", "json", *args.peer_options.split()], stderr=subprocess.DEVNULL)
    return {"prefill": next(r["avg_ts"] for r in rows if r["n_prompt"] > 0), "decode": next(r["avg_ts"] for r in rows if r["n_gen"] > 0)}


def cpu_name():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--llama-bench", default="")
    parser.add_argument("--against-itself", action="store_true", help="the peer is Hadal at depth 0 with one sequence")
    parser.add_argument("--peer", default="llama.cpp", help="whose llama-bench that is")
    parser.add_argument("--peer-options", default="", help="more options for it, in one argument")
    parser.add_argument("--hadal", default=os.path.join(ROOT, "build/hadal"))
    parser.add_argument("--level", default="", help="HADAL_CPU: a lower level of instructions for Hadal")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--batch", type=int, default=1)
    args = parser.parse_args()
    if args.against_itself == bool(args.llama_bench):
        parser.error("expected --llama-bench PATH or --against-itself")
    if args.against_itself:
        args.peer = "hadal at depth 0"
    if args.batch > 1 and args.depth > 0:
        parser.error("--batch begins at depth 0")
    environment = dict(os.environ, **({"HADAL_CPU": args.level} if args.level else {}))
    ours, theirs = [], []
    for _ in range(args.rounds):  # in turns: times on a shared machine drift
        ours.append(hadal(args, environment, args.depth, args.batch))
        theirs.append(itself(args, environment) if args.against_itself else llama(args))
        print(f"hadal {ours[-1]['prefill_tokens_per_s']:.1f} / {ours[-1]['decode_tokens_per_s']:.2f}   "
              f"{args.peer} {theirs[-1]['prefill']:.1f} / {theirs[-1]['decode']:.2f}", flush=True)

    def median(rows, key):
        return statistics.median(row[key] for row in rows)

    def ratio(our_key, their_key):
        return statistics.median(a[our_key] / b[their_key] for a, b in zip(ours, theirs))

    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=10", "HEAD"], stdout=subprocess.PIPE, text=True).stdout.strip()
    row = {"date": datetime.date.today().isoformat(), "commit": commit, "cpu": cpu_name(), "level": ours[0]["cpu_level"],
           "threads": args.threads, "model": ours[0]["model"], "prompt": args.prompt, "generate": args.generate,
           "depth": args.depth, "batch": args.batch, "rounds": args.rounds, "peer": args.peer,
           "hadal_prefill": f"{median(ours, 'prefill_tokens_per_s'):.1f}", "peer_prefill": f"{median(theirs, 'prefill'):.1f}",
           "prefill_ratio": f"{ratio('prefill_tokens_per_s', 'prefill'):.2f}",
           "prefill_of_floor": f"{median(ours, 'prefill_floor_fraction'):.2f}",
           "hadal_decode": f"{median(ours, 'decode_tokens_per_s'):.2f}", "peer_decode": f"{median(theirs, 'decode'):.2f}",
           "decode_ratio": f"{ratio('decode_tokens_per_s', 'decode'):.2f}",
           "decode_of_floor": f"{median(ours, 'decode_floor_fraction'):.2f}",
           "hadal_rss_gb": f"{median(ours, 'peak_rss_bytes') / 1e9:.2f}", "load": f"{os.getloadavg()[0]:.1f}",
           "command": f"bench/race_llama_cpp.py {os.path.basename(args.model)} --rounds {args.rounds} --depth {args.depth}"
                      + "".join(f" --{key} {getattr(args, key)}" for key in ("prompt", "generate", "batch", "level")
                                if getattr(args, key) != parser.get_default(key))
                      + (" --against-itself" if args.against_itself else "")
                      + (f" --peer {args.peer} --peer-options '{args.peer_options}'" if args.peer_options else "")}
    path = os.path.join(ROOT, "bench/results/inference.csv")
    new = not os.path.exists(path)
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(json.dumps(row, indent=2))


if __name__ == "__main__":
    main()

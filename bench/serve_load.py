#!/usr/bin/env python3
"""serve_load.py HADAL [--model pilot] [--clients 8] [--tokens 200] [--rounds 3] [--record]

Starts `HADAL serve` on a free port and lets N clients stream answers of a fixed length over loopback, again and again, greedily and
at the default temperature by turns. Prints for each: tokens per second of the server's CPU time (the clients' is not counted), HTTP's share of
that in microseconds a token, tokens per second, and the median and the longest time to the first token. Beside them the bare engine: `HADAL bench` with as many
sequences, its CPU time for decoding alone. --record appends to bench/results/serve_load.csv."""
import argparse, asyncio, csv, datetime, json, os, pathlib, re, statistics, subprocess, sys, time

here = pathlib.Path(__file__).resolve().parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("hadal")
parser.add_argument("--model", default="pilot")
parser.add_argument("--clients", type=int, default=8)
parser.add_argument("--tokens", type=int, default=200)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--serve", default="", help="more options of hadal serve")
parser.add_argument("--note", default="", help="what HADAL is, for the record")
parser.add_argument("--record", action="store_true")
args = parser.parse_args()

# Different ones: greedy answers to the same question are the same, and their tokens go to the same experts, which is cheaper.
questions = [f"{ask} {thing}." for thing in ("the sea", "a dog", "seven rivers", "the market", "my old house", "bread", "the night sky", "a train")
             for ask in ("Tell me about", "Why do people like", "Write a story on", "What is strange about", "List ten words on", "Explain",
                         "Is there anything new about", "Describe")]


def cpu_seconds(path):
    fields = pathlib.Path(path, "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def process_and_engine(pid):
    """CPU seconds of all, and of those threads that are there whether anybody asks or not: the engine's; but for the first, which reads
    and writes. What the rest takes is HTTP's share."""
    tasks = [task for task in pathlib.Path(f"/proc/{pid}/task").iterdir() if task.name != str(pid)]
    return cpu_seconds(f"/proc/{pid}"), sum(cpu_seconds(task) for task in tasks)


async def one_client(port, question, seed, temperature):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = {"messages": [{"role": "user", "content": question}], "max_tokens": args.tokens, "ignore_eos": True, "stream": True,
            "stream_options": {"include_usage": True}, "seed": seed}
    if temperature is not None:
        body["temperature"] = temperature
    data = json.dumps(body).encode()
    start = time.perf_counter()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                 b"Connection: close\r\n\r\n" % (port, len(data)) + data)
    first, seen = None, b""
    while part := await reader.read(1 << 16):
        seen += part
        if first is None and b'"content":"' in seen.replace(b'"content":""', b""):
            first = time.perf_counter() - start
    writer.close()
    tokens = int(re.search(rb'"completion_tokens":(\d+)', seen).group(1))
    return first, tokens


def round_of(server, port, temperature, number):
    async def all_clients():
        return await asyncio.gather(*[one_client(port, questions[i % len(questions)], 1000 * number + i, temperature) for i in range(args.clients)])

    before, start = process_and_engine(server.pid), time.perf_counter()
    answers = asyncio.run(all_clients())
    wall, after = time.perf_counter() - start, process_and_engine(server.pid)
    cpu, engine = after[0] - before[0], after[1] - before[1]
    tokens = sum(t for _, t in answers)
    firsts = [f for f, _ in answers]
    return {"tokens_per_cpu_s": tokens / cpu, "http_us_per_token": (cpu - engine) / tokens * 1e6, "tokens_per_s": tokens / wall, "first_token_median_s": statistics.median(firsts),
            "first_token_max_s": max(firsts)}


def bench_cpu(generate):
    before = os.times()
    subprocess.run([args.hadal, "bench", "--model", args.model, "--prompt", "16", "--generate", str(generate), "--batch", str(args.clients)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def bare_engine():
    few = 50  # what both do beside decoding is left out
    many = few + min(900, 7200 // args.clients)
    seconds = [bench_cpu(many) - bench_cpu(few) for _ in range(3)]
    return args.clients * (many - few) / statistics.median(seconds)


def main():
    server = subprocess.Popen([args.hadal, "serve", "--model", args.model, "--port", "0", *args.serve.split()], stderr=subprocess.PIPE, text=True)
    try:
        port = next((int(m.group(1)) for line in server.stderr if (m := re.search(r"listening on http://\S+:(\d+)", line))), None)
        if port is None:
            sys.exit("the server did not start")
        rounds = {"greedy": [], "default": []}
        round_of(server, port, 0, 0)  # warms up
        for number in range(args.rounds):
            rounds["greedy"].append(round_of(server, port, 0, 2 * number + 1))
            rounds["default"].append(round_of(server, port, None, 2 * number + 2))
    finally:
        server.terminate()
        server.wait(60)
    bare = bare_engine()
    load = os.getloadavg()[0]
    for name, found in rounds.items():
        row = {key: statistics.median(r[key] for r in found) for key in found[0]}
        print(f"{args.clients} clients, {name}: " + ", ".join(f"{key} {value:.3f}" if value < 100 else f"{key} {value:.0f}" for key, value in row.items())
              + f"; bare engine {bare:.0f} tokens per CPU second", flush=True)
        if args.record:
            record(name, row, bare, load)


def record(name, row, bare, load):
    path = here / "results" / "serve_load.csv"
    fresh = not path.exists()
    commit = subprocess.run(["git", "-C", str(here), "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True).stdout.strip()
    cpu = next(line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    with path.open("a", newline="") as out:
        write = csv.writer(out, lineterminator="\n")
        if fresh:
            write.writerow(["date", "commit", "cpu", "cores", "model", "clients", "tokens", "sampling", *row, "bare_engine_tokens_per_cpu_s", "load", "note", "command"])
        write.writerow([datetime.date.today(), commit, cpu, os.cpu_count(), args.model, args.clients, args.tokens, name, *[f"{v:.3f}" for v in row.values()],
                        f"{bare:.0f}", f"{load:.1f}", args.note, "bench/serve_load.py " + " ".join(pathlib.Path(a).name if a == args.hadal else a for a in sys.argv[1:])])


main()

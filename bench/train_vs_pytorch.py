#!/usr/bin/env python3
"""Races `hadal train` against PyTorch on dense models: the same model, batch, loss and optimizer, taken in turns.

    apt-get install python3-torch            # 1.13 on Debian 12
    python3 bench/train_vs_pytorch.py build/hadal [--seconds 12] [--rounds 3] [--shape 6x384] [--precision bf16]

The model is a Llama: RMSNorm, rotary attention, SwiGLU, an untied head; AdamW with clipping; whole steps are timed (data,
forward, backward, update), the first two of each turn left out. Of each side the best turn counts. On a machine that does other work too, tokens per second of processor time (all
threads) say more than tokens per second. Rows are appended to bench/results/train_vs_pytorch.csv. PyTorch runs eagerly with the fastest settings found: all cores, oneDNN, bf16 by autocast.
"""
import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

SHAPES = {
    # nanoGPT's CPU shape, and the larger one; vocab, hidden, layers, heads, SwiGLU width, sequence, batch
    "4x128": dict(vocab=257, hidden=128, layers=4, heads=4, inner=384, sequence=64, batch=12),
    "6x384": dict(vocab=4096, hidden=384, layers=6, heads=6, inner=1024, sequence=256, batch=16),
}
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def sample_text(num_bytes):
    """English-looking bytes; what they say does not matter for speed, and both sides learn from the same."""
    words = ("the of and to in that it was he for on as with his be at by had not but from they she which or we an were you "
             "there been one all have would so her when who him me out into then some could time no more what up very").split()
    state, out = 1, []
    size = 0
    while size < num_bytes:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        word = words[(state >> 33) % len(words)]
        out.append(word)
        size += len(word) + 1
    return " ".join(out)[:num_bytes]


def hadal_recipe(folder, shape, precision):
    s = SHAPES[shape]
    recipe = f"""
name = "race"
output = "run"
precision = "{precision}"
[tokenizer]
bytes_only = true
[model]
family = "llama"
vocab = {s['vocab']}
hidden = {s['hidden']}
layers = {s['layers']}
heads = {s['heads']}
context = {s['sequence']}
dense_inner = {s['inner']}
[optimizer]
matrices = "adamw"
[[source]]
name = "text"
kind = "text"
path = "text.txt"
validation = 0
[[stage]]
name = "race"
sources = {{ text = 1 }}
sequence_length = {s['sequence']}
batch_tokens = {s['sequence'] * s['batch']}
micro_batch_tokens = {s['sequence'] * s['batch']}
steps = 1000000
warmup_steps = 0
decay = 0
matrix_lr = 0.001
other_lr = 0.001
"""
    path = os.path.join(folder, f"race_{shape}_{precision}.toml")
    with open(path, "w") as f:
        f.write(recipe)
    return path


def run_hadal(binary, recipe, steps):
    """The report of so many steps."""
    command = [binary, "train", recipe, "--no-save", "--json", "--max-steps", str(steps)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    report = json.loads(done.stdout)
    return {"tokens_per_s": report["tokens_per_s"], "tokens_per_cpu_s": report["tokens_per_cpu_s"], "loss": report["loss"], "parameters": report["parameters"]["total"]}


def python_with_torch():
    """Debian's package belongs to Debian's own Python, which need not be the one that runs this file."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode == 0:
            return python
    sys.exit("expected PyTorch, found none; apt-get install python3-torch")


def run_torch(shape, precision, steps, folder, passive=False):
    # Threads that sleep at barriers lose a little on a quiet machine and win much on a busy one.
    environment = dict(os.environ, **({"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"} if passive else {}))
    command = [TORCH_PYTHON, os.path.abspath(__file__), "--torch-worker", shape, precision, str(steps), os.path.join(folder, "text.txt")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"PyTorch failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def torch_worker(shape, precision, steps, text_file):
    import torch
    from torch import nn
    import torch.nn.functional as F
    s = SHAPES[shape]
    torch.manual_seed(1)
    torch.set_num_threads(os.cpu_count())
    head_dim = s["hidden"] // s["heads"]

    class RmsNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(s["hidden"]))

        def forward(self, x):
            return x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

    frequencies = 1.0 / 10000 ** (torch.arange(0, head_dim, 2).float() / head_dim)
    angles = torch.outer(torch.arange(s["sequence"]).float(), frequencies)
    cos, sin = torch.cat([angles.cos()] * 2, -1), torch.cat([angles.sin()] * 2, -1)
    mask = torch.full((s["sequence"], s["sequence"]), float("-inf")).triu(1)

    def rotate(x):
        half = head_dim // 2
        return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = RmsNorm(), RmsNorm()
            linear = lambda i, o: nn.Linear(i, o, bias=False)
            h = s["hidden"]
            self.q, self.k, self.v, self.o = linear(h, h), linear(h, h), linear(h, h), linear(h, h)
            self.gate, self.up, self.down = linear(h, s["inner"]), linear(h, s["inner"]), linear(s["inner"], h)

        def forward(self, x):
            b, t, h = x.shape
            y = self.norm1(x)
            q, k, v = (f(y).view(b, t, s["heads"], head_dim).transpose(1, 2) for f in (self.q, self.k, self.v))
            scores = rotate(q) @ rotate(k).transpose(-2, -1) / head_dim**0.5 + mask
            x = x + self.o((scores.softmax(-1).to(v.dtype) @ v).transpose(1, 2).reshape(b, t, h))
            y = self.norm2(x)
            return x + self.down(F.silu(self.gate(y)) * self.up(y))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(s["vocab"], s["hidden"])
            self.blocks = nn.ModuleList([Block() for _ in range(s["layers"])])
            self.norm = RmsNorm()
            self.head = nn.Linear(s["hidden"], s["vocab"], bias=False)
            for p in self.parameters():
                if p.dim() > 1:
                    nn.init.normal_(p, 0, 0.02)

        def forward(self, ids, targets):
            x = self.embedding(ids)
            for block in self.blocks:
                x = block(x)
            return F.cross_entropy(self.head(self.norm(x)).view(-1, s["vocab"]).float(), targets.view(-1))

    data = torch.tensor(list(open(text_file, "rb").read()), dtype=torch.long)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    length, loss, start = s["sequence"], None, None
    for step in range(steps):
        if step == 2:
            start, cpu_start = time.perf_counter(), time.process_time()
        at = torch.randint(len(data) - length - 1, (s["batch"],))
        ids = torch.stack([data[i:i + length] for i in at])
        targets = torch.stack([data[i + 1:i + 1 + length] for i in at])
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            loss = model(ids, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    tokens = (steps - 2) * length * s["batch"]
    print(json.dumps({"tokens_per_s": tokens / (time.perf_counter() - start), "tokens_per_cpu_s": tokens / (time.process_time() - cpu_start), "loss": loss.item(), "torch": torch.__version__,
                      "parameters": sum(p.numel() for p in model.parameters())}))


def machine():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} cores"
    return platform.processor()


def commit():
    def git(*arguments):
        return subprocess.run(["git", "-C", ROOT, *arguments], stdout=subprocess.PIPE, text=True)
    return git("describe", "--always", "--abbrev=10").stdout.strip() + ("+" if git("diff", "--quiet", "HEAD", "--", "src", "bench").returncode else "")


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--torch-worker":
        return torch_worker(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hadal", help="the program, e.g. build/hadal")
    parser.add_argument("--seconds", type=float, default=12, help="of each turn, about")
    parser.add_argument("--steps", type=int, default=0, help="of each turn, exactly, in place of --seconds")
    parser.add_argument("--rounds", type=int, default=4, help="every other one of PyTorch's with threads that sleep while they wait")
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--precision", choices=["f32", "bf16"], action="append")
    arguments = parser.parse_args()
    global TORCH_PYTHON
    TORCH_PYTHON = python_with_torch()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "text.txt"), "w") as f:
            f.write(sample_text(1 << 20))
        for shape in arguments.shape or SHAPES:
            for precision in arguments.precision or ["f32", "bf16"]:
                recipe = hadal_recipe(folder, shape, precision)
                tokens = SHAPES[shape]["sequence"] * SHAPES[shape]["batch"]
                steps = {}
                for side, run in (("hadal", lambda n: run_hadal(arguments.hadal, recipe, n)), ("torch", lambda n: run_torch(shape, precision, n, folder))):
                    if arguments.steps:
                        steps[side] = max(3, arguments.steps)
                        continue
                    speed = run(5)["tokens_per_s"]  # warms caches, and tells how many steps fill a turn
                    steps[side] = max(6, int(arguments.seconds * speed / tokens))
                best, best_cpu = {}, {"torch": 0.0, "hadal": 0.0}
                for turn in range(arguments.rounds):
                    for side in ("torch", "hadal"):
                        result = run_hadal(arguments.hadal, recipe, steps[side]) if side == "hadal" else run_torch(shape, precision, steps[side], folder, turn % 2 == 0)
                        best_cpu[side] = max(best_cpu[side], result["tokens_per_cpu_s"])
                        if side not in best or result["tokens_per_s"] > best[side]["tokens_per_s"]:
                            best[side] = result
                ratio = best["hadal"]["tokens_per_s"] / best["torch"]["tokens_per_s"]
                rows.append({"date": time.strftime("%Y-%m-%d"), "commit": commit(), "machine": machine(), "shape": shape, "precision": precision,
                             "parameters": best["hadal"]["parameters"], "pytorch": best["torch"]["torch"], "pytorch_tokens_per_s": round(best["torch"]["tokens_per_s"], 1),
                             "hadal_tokens_per_s": round(best["hadal"]["tokens_per_s"], 1), "ratio": round(ratio, 3),
                             "pytorch_tokens_per_cpu_s": round(best_cpu["torch"], 1), "hadal_tokens_per_cpu_s": round(best_cpu["hadal"], 1),
                             "cpu_ratio": round(best_cpu["hadal"] / best_cpu["torch"], 3),
                             "pytorch_loss": round(best["torch"]["loss"], 4), "pytorch_steps": steps["torch"],
                             "hadal_loss": round(best["hadal"]["loss"], 4), "hadal_steps": steps["hadal"],
                             "load": round(os.getloadavg()[0], 1), "command": "bench/train_vs_pytorch.py " + " ".join(sys.argv[1:])})
                print(f"{shape} {precision}: PyTorch {best['torch']['tokens_per_s']:.0f} tokens/s, Hadal {best['hadal']['tokens_per_s']:.0f}, {ratio:.2f} times as fast; "
                      f"by processor time {best_cpu['torch']:.0f} and {best_cpu['hadal']:.0f}, {best_cpu['hadal'] / best_cpu['torch']:.2f} times", flush=True)
    path = os.path.join(ROOT, "bench", "results", "train_vs_pytorch.csv")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = not os.path.exists(path)
    with open(path, "a", newline="") as f:
        writer = csv.DictWriter(f, rows[0].keys())
        if fresh:
            writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()

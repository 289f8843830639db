#!/usr/bin/env python3
"""How well `hadal index search` finds what is relevant.

usage: bench/retrieval.py HADAL SET [SET ...] [--hops 1|2] [--k N]

A SET is a folder with queries.jsonl (or questions.jsonl) of lines {"id","text","relevant"}, `relevant` a list of ids or
{id: grade}, and documents.jsonl or passages.jsonl(.zst) of lines {"id","title","text"}. Prints R@5, how often all
relevant ones stand in the first five, nDCG@10, R@100, MAP, and the seconds of indexing and of all queries.

A folder whose questions hold `support` instead (tests/research, with web.warc.gz and folder/) gets the share of keys
that stand in the first ten passages of a search: what `hadal research --no-model` begins with.
"""

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def first_of(folder, *names):
    for name in names:
        if (folder / name).exists():
            return folder / name
    sys.exit(f"retrieval: expected one of {', '.join(names)} in {folder}, found none")


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def plain(text):
    for old, new in (("\u00ad", ""), ("\u2019", "'"), ("\u2018", "'"), ("\u201c", '"'), ("\u201d", '"')):
        text = text.replace(old, new)
    return re.sub(r"\s+", " ", text.lower()).strip()


def gain(grades):
    return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades))


def scores_of(hits, relevant):
    """The figures of one query; `relevant` is {id: grade}."""
    precision = found = 0.0
    for place, hit in enumerate(hits):
        if hit in relevant:
            found += 1
            precision += found / (place + 1)
    in_five = sum(hit in relevant for hit in hits[:5])
    return {
        "R@5": in_five / len(relevant),
        "all@5": float(in_five == len(relevant)),
        "nDCG@10": gain([relevant.get(hit, 0) for hit in hits[:10]])
        / gain(sorted(relevant.values(), reverse=True)[:10]),
        "R@100": sum(hit in relevant for hit in hits[:100]) / len(relevant),
        "MAP": precision / len(relevant),
    }


def search(hadal, folder, queries, *options):
    """Indexes into a new folder, asks all queries: {id: hits}, and the seconds of both."""
    with tempfile.TemporaryDirectory() as work:
        asked = Path(work) / "queries.jsonl"
        asked.write_text("".join(json.dumps({"id": q["id"], "text": q["text"]}) + "\n" for q in queries))
        start = time.monotonic()
        subprocess.run([hadal, "index", "add", *map(str, folder), "--index", f"{work}/index"], check=True,
                       stdout=subprocess.DEVNULL)
        middle = time.monotonic()
        answer = subprocess.run([hadal, "index", "search", "--queries", str(asked), "--index", f"{work}/index",
                                 "--json", *options], check=True, stdout=subprocess.PIPE)
        end = time.monotonic()
    results = json.loads(answer.stdout)["results"]
    return {r["id"]: r["hits"] for r in results}, middle - start, end - middle


def documents_of(hadal, folder, queries, options):
    documents = first_of(folder, "documents.jsonl", "passages.jsonl", "passages.jsonl.zst")
    found, adding, asking = search(hadal, [documents], queries, "--documents", "--hops", str(options.hops), "--k",
                                   str(options.k))
    sums = {}
    for query in queries:
        relevant = query["relevant"]
        if not isinstance(relevant, dict):
            relevant = dict.fromkeys(relevant, 1)
        for name, value in scores_of([hit["id"] for hit in found[query["id"]]], relevant).items():
            sums[name] = sums.get(name, 0) + value
    figures = "  ".join(f"{name} {value / len(queries):.4f}" for name, value in sums.items())
    print(f"{folder.name}: {figures}  ({len(queries)} queries; indexed in {adding:.1f} s, asked in {asking:.1f} s)")


def support_of(hadal, folder, questions):
    for question in questions:
        question["text"] = question["question"]
    paths = [folder / "web.warc.gz", folder / "folder"]
    found, adding, asking = search(hadal, paths, questions, "--k", "10")
    keys = held = 0
    for question in questions:
        quotes = [plain(hit["text"]) for hit in found[question["id"]]]
        for support in question["support"]:
            keys += 1
            held += any(plain(support["key"]) in quote for quote in quotes)
    print(f"{folder.name}: support in ten passages {held / keys:.4f}  "
          f"({keys} keys; indexed in {adding:.1f} s, asked in {asking:.1f} s)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hadal")
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--hops", type=int, default=1)
    parser.add_argument("--k", type=int, default=1000)
    options = parser.parse_args()
    for folder in options.sets:
        queries = lines_of(first_of(folder, "queries.jsonl", "questions.jsonl"))
        if "support" in queries[0]:
            support_of(options.hadal, folder, queries)
        else:
            documents_of(options.hadal, folder, queries, options)


if __name__ == "__main__":
    main()

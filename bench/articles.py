#!/usr/bin/env python3
"""How well `hadal web extract` finds the article of a page: F1, precision and recall over scrapinghub/article-extraction-benchmark.

    bench/articles.py FOLDER [--hadal build/hadal] [--worst N]

FOLDER holds ID.html for each page and truth.json, {ID: {"articleBody", "url"}} (the benchmark's ground-truth.json). The pages are their
publishers' and stand in no repository of ours; fetch the benchmark and unpack its html/*.html.gz. The measure is its own: runs of four
words with their counts, precision and recall of each page, the means of both, and F1 of these.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import statistics
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def runs_of_words(text, length=4):
    words = re.findall(r"\w+", text)
    starts = range(max(1, len(words) - length + 1)) if words else []
    return collections.Counter(tuple(words[i:i + length]) for i in starts)


def extracted(args, page, url):
    command = [args.hadal, "web", "extract", page, "--json"] + (["--url", url] if url else [])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return json.loads(done.stdout)["text"] if done.returncode == 0 else ""


def share(part, whole, other):
    """Of one page: nothing where nothing was to be found is right, something there is wrong."""
    return part / whole if whole else float(other == 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--hadal", default=os.path.join(ROOT, "build", "hadal"))
    parser.add_argument("--worst", type=int, default=0, help="show so many pages with the lowest F1")
    args = parser.parse_args()
    with open(os.path.join(args.folder, "truth.json"), encoding="utf-8") as file:
        truth = json.load(file)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = list(pool.map(lambda item: extracted(args, os.path.join(args.folder, item[0] + ".html"), item[1].get("url")), truth.items()))
    precisions, recalls, pages = [], [], []
    for (name, true), text in zip(truth.items(), texts):
        expected, found = runs_of_words(true.get("articleBody", "")), runs_of_words(text)
        both = sum((expected & found).values())
        num_expected, num_found = sum(expected.values()), sum(found.values())
        precision, recall = share(both, num_found, num_expected), share(both, num_expected, num_found)
        if num_found:
            precisions.append(precision)
        if num_expected:
            recalls.append(recall)
        pages.append((2 * precision * recall / max(precision + recall, 1e-9), precision, recall, name))
    precision, recall = statistics.mean(precisions), statistics.mean(recalls)
    print(f"{len(pages)} pages: F1 {2 * precision * recall / (precision + recall):.4f}, precision {precision:.4f}, recall {recall:.4f}")
    for f1, page_precision, page_recall, name in sorted(pages)[:args.worst]:
        print(f"  {f1:.3f}  precision {page_precision:.3f}  recall {page_recall:.3f}  {name[:16]}  {truth[name].get('url', '')}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes held_out_sums.jsonl: two-digit additions that training never draws (is_held_out in src/train/data/arithmetic.cc),
asked in digits and in words. `hadal eval --task math` reads the digits; replies in words are compared by their end."""
import json
import random
from pathlib import Path

MASK = (1 << 64) - 1


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def held_out(a, b):
    a, b = min(a, b), max(a, b)
    return mix(a * 1000 + b + 77) % 10 == 0


SMALL = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen nineteen").split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


def words(n):
    if n < 20:
        return SMALL[n]
    if n < 100:
        return TENS[n // 10] + ("-" + SMALL[n % 10] if n % 10 else "")
    return SMALL[n // 100] + " hundred" + (" and " + words(n % 100) if n % 100 else "")


def main():
    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100) if held_out(a, b)]
    random.Random(7).shuffle(pairs)
    lines = []
    for i, (a, b) in enumerate(pairs[:400]):
        in_words = i % 2 == 1
        question = f"What is {words(a)} plus {words(b)}?" if in_words else f"What is {a} + {b}?"
        answer = words(a + b) if in_words else str(a + b)
        lines.append(json.dumps({"question": question, "answer": answer, "form": "words" if in_words else "digits"}))
    Path(__file__).with_name("held_out_sums.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

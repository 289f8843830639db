#!/usr/bin/env python3
"""Items beyond what the reasoner was trained on: countdown with 5 numbers, products of 5 x 5 digits, puzzles of 5 people.

    recipes/data/make_beyond.py [--items 200] [--seed 1] > beyond.jsonl

Every item can be solved; a puzzle has one solution. Training never makes items of these sizes.
"""
import argparse
import itertools
import json
import random

NAMES = ["Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo", "June", "Kurt", "Lena", "Milo", "Nora", "Otto"]


def reaches(numbers, target):
    """Whether whole numbers on the way suffice; that finds nearly all that fractions would."""
    if len(numbers) == 1:
        return numbers[0] == target
    for i, j in itertools.combinations(range(len(numbers)), 2):
        rest = [n for k, n in enumerate(numbers) if k not in (i, j)]
        high, low = max(numbers[i], numbers[j]), min(numbers[i], numbers[j])
        values = {high + low, high - low, high * low}
        if low > 0 and high % low == 0:
            values.add(high // low)
        if any(reaches(rest + [value], target) for value in values):
            return True
    return False


def countdown(draw):
    while True:
        numbers, target = [draw.randint(1, 99) for _ in range(5)], draw.randint(10, 99)
        if reaches(numbers, target):
            return {"task": "countdown", "numbers": numbers, "target": target}


def product(draw):
    return {"task": "arithmetic", "expression": f"{draw.randint(10000, 99999)}*{draw.randint(10000, 99999)}"}


def claim(draw, people, me):
    others = [p for p in people if p != me]

    def simple():
        if draw.random() < 0.25:
            return ["same", me, draw.choice(others)]
        return ["is", draw.choice(others), draw.choice(["knight", "knave"])]

    kind = draw.choice(["simple", "not", "and", "or", "if", "knights"])
    if kind == "simple":
        return simple()
    if kind == "not":
        return ["not", simple()]
    if kind == "knights":
        return ["knights", draw.randint(0, len(people))]
    first, second = simple(), simple()
    while second == first:
        second = simple()
    return [kind, first, second]


def holds(e, knight):
    if e[0] == "is":
        return knight[e[1]] == (e[2] == "knight")
    if e[0] == "same":
        return knight[e[1]] == knight[e[2]]
    if e[0] == "knights":
        return sum(knight.values()) == e[1]
    if e[0] == "not":
        return not holds(e[1], knight)
    a, b = holds(e[1], knight), holds(e[2], knight)
    return {"and": a and b, "or": a or b, "if": not a or b}[e[0]]


def puzzle(draw):
    while True:
        people = draw.sample(NAMES, 5)
        statements = [{"by": p, "says": claim(draw, people, p)} for p in people]
        solutions = 0
        for roles in itertools.product([False, True], repeat=5):
            knight = dict(zip(people, roles))
            solutions += all(holds(s["says"], knight) == knight[s["by"]] for s in statements)
        if solutions == 1:
            return {"task": "knights", "people": people, "statements": statements}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=200, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    for make in (countdown, product, puzzle):
        for _ in range(options.items):
            print(json.dumps(make(draw)))


if __name__ == "__main__":
    main()

"""An external solver: shortens a round trip through 40 random cities by simulated annealing.

    python examples/solver/anneal.py INSTANCE TEMPERATURE COOLING

It prints the length of the trip that it found.
"""

import math
import random
import sys


def length(trip):
    return sum(math.dist(a, b) for a, b in zip(trip, trip[1:] + trip[:1], strict=True))


def solve(instance, temperature, cooling, steps=3000):
    rng = random.Random(instance)
    trip = [(rng.random(), rng.random()) for _ in range(40)]
    best = now = length(trip)
    for _ in range(steps):
        start, end = sorted(rng.sample(range(len(trip) + 1), 2))
        other = trip[:start] + trip[start:end][::-1] + trip[end:]
        new = length(other)
        if new < now or rng.random() < math.exp((now - new) / temperature):
            trip, now = other, new
        best = min(best, now)
        temperature *= cooling
    return best


if __name__ == "__main__":
    print(solve(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))

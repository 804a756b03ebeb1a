"""Answers each line of JSON on standard input, a list of arguments, by a line of JSON with what a function makes of them.

A process of its own for each question would spend seconds on loading PyIceberg.
"""
import json
import sys


def answer(function):
    for line in sys.stdin:
        print(json.dumps(function(*json.loads(line)), default=str), flush=True)

"""The text format that Prometheus scrapes."""
import re

SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)')
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def parse(text):
    """{name: [(labels, value)]}"""
    samples = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = SAMPLE.match(line)
            labels = {name: re.sub(r"\\.", lambda e: ESCAPES[e[0]], value)
                      for name, value in LABEL.findall(match["labels"] or "")}
            samples.setdefault(match["name"], []).append((labels, float(match["value"])))
    return samples

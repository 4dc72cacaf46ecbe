"""Reading the page as Prometheus does."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def fetch(address: str, path: str = "/metrics") -> tuple[int, str]:
    """Status and body of what is answered."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Reading:
    """One look at the page."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples: Samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }
        self.names = {name for name, _ in self.samples}

    def value(self, name: str, **labels: str) -> float:
        """The one sample with exactly these labels."""
        return self.samples[name, frozenset(labels.items())]

    def total(self, name: str, **labels: str) -> float:
        """All samples with at least these labels, together."""
        wanted = labels.items()
        return sum(value for (found, has), value in self.samples.items() if found == name and wanted <= has)

    def which(self, name: str, label: str, **labels: str) -> set[str]:
        """Of samples that are 1 the values of `label`, where only one should be."""
        wanted = labels.items()
        return {
            dict(has)[label]
            for (found, has), value in self.samples.items()
            if found == name and wanted <= has and value
        }


def read(address: str) -> Reading:
    """The page as it is now."""
    status, text = fetch(address)
    assert status == 200
    return Reading(text)


def connected(address: str, said: bytes = b"") -> socket.socket:
    """A client that has said so much and no more."""
    host, _, port = address.partition(":")
    client = socket.create_connection((host, int(port)), timeout=20)
    client.sendall(said)
    return client

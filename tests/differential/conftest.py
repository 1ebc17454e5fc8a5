"""Counts the cases (runs of igata whose results are compared) and, with IGATA_LONG=1, repeats every test with other random
numbers. Tests that compare with recorded answers are marked `once`."""

import os

import igata
import numpy as np
import pytest

ROUNDS = 4 if os.environ.get("IGATA_LONG") else 1
default_rng = np.random.default_rng


def pytest_configure(config):
    config.addinivalue_line("markers", "once: not repeated with other random numbers")


def pytest_generate_tests(metafunc):
    if ROUNDS > 1 and not metafunc.definition.get_closest_marker("once"):
        metafunc.fixturenames.append("round_number")
        metafunc.parametrize("round_number", range(ROUNDS), indirect=True)


@pytest.fixture(autouse=True)
def round_number(request, monkeypatch):
    number = getattr(request, "param", 0)
    if number:
        monkeypatch.setattr(np.random, "default_rng", lambda seed=0: default_rng([number, *np.atleast_1d(seed)]))


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # of pytest-xdist
        session.config.workeroutput["cases"] = igata.Session.runs


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    igata.Session.runs += getattr(node, "workeroutput", {}).get("cases", 0)


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"{igata.Session.runs} cases")

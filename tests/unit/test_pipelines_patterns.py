"""Which regular expressions may be matched against what a caller sends."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.adapters.files.pipelines_patterns import pattern_problem


@pytest.mark.parametrize(
    "pattern",
    [
        "[a-z]+",
        r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){0,2}",
        "(ab){2,}",
        "(?>a|ab)*",
        r"(?>[a-z]+\.)*x",
        r"([a-z]++\.)*x",
        "((?>a+)b)*",
        "[(a+)]+",
        r"\(a+\)+",
        "[]a+)(]*",
        "[^]a+)(]*",
        "(?i)abc",
        "(?P<x>a)(?P=x)*",
        "(?:a|b)?c",
        "(?=a)b",
        "(a{2}){5}",
        "a{,}",
        "(?#(a+)x",
    ],
)
def test_a_pattern_that_matches_in_few_ways_is_taken(pattern: str) -> None:
    assert pattern_problem(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a|a)*",
        "(?:[a-z]+,)*x",
        "(a?){1,30}",
        "((a+)b)*",
        "(?P<x>a*)*",
        "(a{1,2}){5}",
        "(?>(a+)+b)",
        "(?i:a+)+",
    ],
)
def test_a_repeated_group_that_can_go_several_ways_is_refused(pattern: str) -> None:
    problem = pattern_problem(pattern)

    assert problem
    assert problem.startswith("may take for ever to match")


@pytest.mark.parametrize("pattern", ["(", "a**", "[[a]", "a{99999999999999}", "(?P<1>a)"])
def test_what_python_cannot_compile_without_doubt_is_refused(pattern: str) -> None:
    problem = pattern_problem(pattern)

    assert problem
    assert problem.startswith("is not a regular expression of Python: ")


@pytest.mark.parametrize("pattern", ["(?x) (a+) +", "(?ix:(a+) +)"])
def test_the_flag_that_hides_spaces_is_refused(pattern: str) -> None:
    assert "flag x" in (pattern_problem(pattern) or "")


def test_a_long_pattern_is_refused() -> None:
    assert pattern_problem("a" * 501) == "has 501 characters: at most 500 are allowed"


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="ab()[]{}?*+|\\:>=!<P#^$.,123xi-", max_size=20))
def test_any_text_is_either_refused_or_compiles(pattern: str) -> None:
    if pattern_problem(pattern) is None:
        re.compile(pattern)

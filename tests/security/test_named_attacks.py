"""The attacks that are asked for by name are all here."""

from tests.security import test_key_attacks, test_token_attacks
from tests.security.attacks import NAMED


def test_each_has_a_test() -> None:
    assert len(NAMED) == 12
    assert set(NAMED) <= {*test_key_attacks.ATTACKS, *test_token_attacks.ATTACKS}

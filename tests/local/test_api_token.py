"""The token of this machine's user: kept while it is good, and replaced once it was revoked."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from countersign.errors import Unauthenticated
from countersign.execution.access import by_token, revoke_token
from countersign.execution.plan_seal import make_seal
from countersign.local.api_token import LIFE, api_token, keep_api_token
from countersign.records.database.engine import transaction
from tests.planted import plant


def test_one_that_was_revoked_is_replaced(engine: Engine, tmp_path: Path) -> None:
    seal, first = make_seal(tmp_path), api_token(tmp_path)
    plant(first.get_secret_value())
    with transaction(engine) as session:
        assert keep_api_token(session, tmp_path, subject="root")
        assert not keep_api_token(session, tmp_path, subject="root")
        assert api_token(tmp_path) == first
        found = by_token(session, seal, first)
        assert found.identity.name == "root"
        assert found.token_id is not None and found.expires_in is not None
        assert timedelta() < found.expires_in <= LIFE
        revoke_token(session, found.token_id, by="root")
    with transaction(engine) as session:
        assert keep_api_token(session, tmp_path, subject="root")
        second = api_token(tmp_path)
        plant(second.get_secret_value())
        assert by_token(session, seal, second).identity.name == "root"
        with pytest.raises(Unauthenticated, match="revoked"):
            by_token(session, seal, first)


def test_a_token_is_no_other_things_secret(engine: Engine, tmp_path: Path) -> None:
    seal = make_seal(tmp_path)
    for shown in ("", "cst_", "cst_xyz_abc", f"csl_{'0' * 32}_abc", "cst_" + "0" * 32 + "_"):
        with transaction(engine) as session, pytest.raises(Unauthenticated):
            by_token(session, seal, SecretStr(shown))

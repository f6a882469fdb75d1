"""Lifts limits as one person who passes for two, as a machine, or in another way than it was begun."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from countersign.execution.access import log_in_by_code, make_token, offer_login
from countersign.policy.access import Kind
from countersign.policy.roles import Role, RoleGrant
from countersign.records.database.engine import transaction
from countersign.web.acting import COOKIE, csrf_of
from tests.attacks.conftest import Sql, as_owner, audited
from tests.attacks.doors import refused
from tests.execution.conftest import Office
from tests.execution.glass import opened
from tests.execution.test_break_glass import RESTART, frozen
from tests.planted import plant
from tests.web.conftest import ROLES, House, house_of

__all__ = ["as_owner"]
ASKED: dict[str, Any] = {
    "cluster": "sandbox",
    "namespace": "prod",
    "lifts": ["freeze_window"],
    "minutes": 10,
    "reason": "the site is down",
}
EVERYBODY = RoleGrant(roles=(Role.BREAK_GLASS, Role.EXECUTOR), subjects=("*",))


@pytest.fixture
def glass(office: Office) -> Iterator[House]:
    """An application whose policy lets everybody lift a freeze, which is on."""
    found = house_of(frozen(office), (*ROLES, EVERYBODY))
    yield found
    found.app.state.changes.close()


@contextmanager
def nothing_opens(house: House) -> Iterator[None]:
    """See that no break-glass is begun, confirmed or ended meanwhile."""
    rows = text("SELECT id, confirmed_by, ends_at, ended_at FROM break_glass ORDER BY id")
    with house.services.engine.connect() as connection:
        before = connection.execute(rows).all()
        yield
        connection.rollback()
        assert connection.execute(rows).all() == before


def person(house: House, name: str) -> TestClient:
    return house.client(name, kind=Kind.PERSON)


def start(house: House, by: str = "gwen", **changes: Any) -> dict[str, Any]:
    answer = person(house, by).post("/v1/break-glass", json={**ASKED, **changes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def confirm(client: TestClient, row: dict[str, Any], seen: str | None = None, **headers: str) -> Response:
    address = f"/v1/break-glass/{row['id']}/confirm"
    return client.post(address, json={"seen": seen or row["hash"]}, headers=headers)


def linked(house: House, name: str, *, by: str) -> tuple[TestClient, dict[str, str]]:
    """Return somebody who has logged in by a link that `by` has made."""
    with transaction(house.services.engine) as session:
        link = offer_login(session, house.services.seal, subject=name, by=by).secret
        shown = log_in_by_code(session, house.services.seal, link).secret
    plant(link.get_secret_value())
    plant(shown.get_secret_value())
    client = house.client()
    client.cookies.set(COOKIE, shown.get_secret_value(), domain="countersign.example")
    return client, {"X-CSRF-Token": csrf_of(shown)}


def token_made_by(house: House, name: str, *, by: str) -> TestClient:
    with transaction(house.services.engine) as session:
        life = timedelta(hours=1)
        made = make_token(session, house.services.seal, subject=name, kind=Kind.PERSON, life=life, by=by)
    client = house.client()
    client.headers["Authorization"] = f"Bearer {plant(made.secret.get_secret_value())}"
    return client


def test_one_person_with_two_logins_and_look_alike_names_is_one(glass: House) -> None:
    row = start(glass)
    session, csrf = linked(glass, "gwen", by="root")
    with nothing_opens(glass):
        assert "has begun it" in refused(confirm(session, row, **csrf), 409, "break_glass")
        # A name of two scripts, as no token is made for, and as an identity provider may say.
        alike = glass.browser("gwеn")
        assert "has begun it" in refused(
            confirm(alike.client, row, **{"X-CSRF-Token": alike.csrf}), 409, "break_glass"
        )
        for alias in ("gwen", "Gwen", "ＧＷＥＮ"):
            assert "has begun it" in refused(confirm(token_made_by(glass, alias, by="root"), row), 409, "break_glass")
    assert audited(glass.office, "break_glass").count("break_glass:limits:refused") == 5
    assert confirm(person(glass, "hugo"), row).json()["standing"] == "open"


def test_whoever_lets_the_other_one_in_is_the_other_one(glass: House) -> None:
    """Somebody who may give out tokens and links makes one in a colleague's name."""
    row = start(glass)
    by_link, csrf = linked(glass, "hugo", by="gwen")
    with nothing_opens(glass):
        assert "let the other one in" in refused(confirm(by_link, row, **csrf), 409, "break_glass")
        with_token = token_made_by(glass, "hugo", by="Gwen")
        assert "let the other one in" in refused(confirm(with_token, row), 409, "break_glass")
    # The other way round: it was begun with what the one who confirms has made.
    begun = token_made_by(glass, "gwen", by="hugo").post("/v1/break-glass", json=ASKED).json()
    with nothing_opens(glass):
        assert "let the other one in" in refused(confirm(person(glass, "hugo"), begun), 409, "break_glass")


def test_a_machine_is_no_second_person(glass: House) -> None:
    row = start(glass)
    with nothing_opens(glass):
        assert "no person" in refused(confirm(glass.client("robot"), row), 409, "break_glass")
        assert "no person" in refused(glass.client("robot").post("/v1/break-glass", json=ASKED), 409, "break_glass")


def test_a_token_that_is_limited_to_other_roles_lifts_nothing(glass: House) -> None:
    row = start(glass)
    viewer = glass.client("hugo", kind=Kind.PERSON, roles=(Role.VIEWER,))
    with nothing_opens(glass):
        assert "no role break_glass" in refused(confirm(viewer, row), 403, "forbidden")


def test_what_was_not_seen_is_not_confirmed(glass: House) -> None:
    row, other = start(glass), start(glass, minutes=30)
    with nothing_opens(glass):
        assert "not what was seen" in refused(
            confirm(person(glass, "hugo"), row, other["hash"]), 412, "changed_since"
        )
        refused(confirm(person(glass, "hugo"), {**row, "id": str(uuid4())}), 404, "not_found")


@pytest.mark.all_rights
@pytest.mark.parametrize(
    "change",
    ["namespace = NULL", "lifts = '{freeze_window,rate}'", "minutes = 30", "begun_by = 'eve'", "up_to = 'low'"],
)
def test_a_scope_that_was_changed_between_begin_and_confirm_is_not_confirmed(
    glass: House, as_owner: Sql, change: str
) -> None:
    row = start(glass)
    as_owner(f"UPDATE break_glass SET {change} WHERE id = :id", id=row["id"])
    seen = person(glass, "hugo").get(f"/v1/break-glass/{row['id']}").json()
    with nothing_opens(glass):
        for hash_ in (row["hash"], seen["hash"]):
            assert confirm(person(glass, "hugo"), row, hash_).json()["code"] == "tampered"
    assert "tampering:break_glass:refused" in audited(glass.office, "tampering")
    assert glass.office.perform(RESTART).outcome == "blocked"


def test_a_confirmation_is_good_once(glass: House) -> None:
    row, hugo = start(glass), person(glass, "hugo")
    first = confirm(hugo, row, **{"Idempotency-Key": "k"})
    assert first.json()["standing"] == "open"
    again = confirm(hugo, row, **{"Idempotency-Key": "k"})
    # The same request told again is answered the same, and prolongs nothing.
    assert (again.json()["ends_at"], again.headers["Idempotent-Replayed"]) == (first.json()["ends_at"], "true")
    with nothing_opens(glass):
        assert "waits for no confirmation" in refused(confirm(hugo, row), 409, "break_glass")
    ended = hugo.post(f"/v1/break-glass/{row['id']}/end", json={"reason": "over"})
    assert ended.json()["standing"] == "ended"
    with nothing_opens(glass):
        refused(confirm(person(glass, "ines"), row), 409, "break_glass")
        refused(confirm(hugo, row), 409, "break_glass")
    assert glass.office.perform(RESTART).outcome == "blocked"


@pytest.mark.all_rights
def test_a_confirmation_that_comes_too_late_opens_nothing(glass: House, as_owner: Sql) -> None:
    row = start(glass)
    later = "confirm_until = clock_timestamp() - interval '1 second'"
    as_owner(f"UPDATE break_glass SET {later} WHERE id = :id", id=row["id"])
    with nothing_opens(glass):
        assert confirm(person(glass, "hugo"), row).status_code == 409


@pytest.mark.all_rights
@pytest.mark.parametrize(
    "change",
    [
        "ends_at = ends_at + interval '5 minutes', minutes = 60",
        "confirmed_by = 'eve'",
        "namespace = NULL",
        "lifts = lifts || '{scale_to}'",
        "ended_at = NULL",
    ],
)
def test_what_was_changed_on_record_lifts_nothing(office: Office, as_owner: Sql, change: str) -> None:
    office = frozen(office)
    row = opened(office)
    as_owner(f"UPDATE break_glass SET {change} WHERE id = :id", id=row.id)
    untouched = change == "ended_at = NULL"
    assert office.perform(RESTART).outcome == ("success" if untouched else "blocked")
    assert ("tampering:break_glass:refused" in audited(office, "tampering")) is not untouched


@pytest.mark.all_rights
def test_a_row_that_was_planted_or_copied_lifts_nothing(office: Office, as_owner: Sql) -> None:
    office = frozen(office)
    old = opened(office)
    as_owner("UPDATE break_glass SET ended_at = clock_timestamp(), ended_by = 'x', end_reason = 'x'")
    columns = (
        "cluster, namespace, operation, up_to, lifts, minutes, reason, begun_by, begun_key, begun_groups,"
        " begun_shown_by, begun_at, confirm_until, mac, confirmed_by, confirmed_key, confirmed_groups, confirmed_at,"
        " ends_at, confirmed_mac"
    )
    copy = f"INSERT INTO break_glass (id, {columns}) SELECT :new, {columns} FROM break_glass WHERE id = :old"
    as_owner(copy, new=UUID(int=9), old=old.id)
    assert office.perform(RESTART).outcome == "blocked"
    assert "tampering:break_glass:refused" in audited(office, "tampering")


@pytest.mark.all_rights
def test_the_database_refuses_one_person_and_a_second_life(office: Office, all_rights: Engine) -> None:
    row = opened(frozen(office))
    for statement in (
        "UPDATE break_glass SET ends_at = confirmed_at + make_interval(mins => minutes) + interval '1 second'",
        "UPDATE break_glass SET confirmed_key = begun_key",
        "UPDATE break_glass SET minutes = 61",
        "UPDATE break_glass SET reason = 'another'",
        "UPDATE break_glass SET confirmed_at = confirmed_at + interval '1 second'",
        "DELETE FROM break_glass",
    ):
        with pytest.raises(IntegrityError), all_rights.begin() as connection:
            connection.execute(
                text(f"{statement} {'' if 'DELETE' in statement else 'WHERE id = :id'}"), {"id": row.id}
            )


def test_limits_are_not_lifted_by_forged_fields(glass: House) -> None:
    """Who begins and who confirms is whoever asks, whatever the request says."""
    gwen = person(glass, "gwen")
    with nothing_opens(glass):
        for more in ({"begun_by": "hugo"}, {"confirmed_by": "hugo"}, {"id": str(uuid4())}, {"minutes": 61}):
            assert gwen.post("/v1/break-glass", json={**ASKED, **more}).status_code == 422
        for asked in ({"lifts": ["kill_switch"]}, {"lifts": []}, {"lifts": ["signatures"]}, {"reason": " "}):
            assert gwen.post("/v1/break-glass", json={**ASKED, **asked}).status_code == 422
        hidden = gwen.post("/v1/break-glass", json={**ASKED, "reason": "fine\u202e"})
        assert hidden.status_code == 422


def test_a_page_elsewhere_confirms_nothing(glass: House) -> None:
    row = start(glass)
    session, csrf = linked(glass, "hugo", by="root")
    with nothing_opens(glass):
        assert "not of this session" in refused(confirm(session, row), 403, "forbidden")
    assert confirm(session, row, **csrf).status_code == 200

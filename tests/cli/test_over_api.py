"""The commands over the API: the same output and the same exit code as on the records, for each of them."""

from uuid import UUID

import pytest
import yaml

from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.states import ApprovalStatus
from tests.cli.both_ways import BothWays, both, lasting
from tests.execution.conftest import cluster, household, office, running_cluster
from tests.web.conftest import prefect_everywhere
from tests.web.records import ACTION

__all__ = ["both", "cluster", "household", "office", "prefect_everywhere", "running_cluster"]
UNKNOWN = "01a22cba-ea23-74d9-833c-51018492c651"
LOOKING = (
    "approvals list",
    "approvals list --status approved",
    "approvals list --outcome success --requester CAROL",
    "approvals list --verdict worse",
    "approvals list --since 1h --limit 2",
    "approvals show {pending}",
    "approvals show {short}",
    "approvals show {executed}",
    "policy explain {pending}",
    "policy explain {executed}",
    "status",
    "kill-switch show",
    "incidents list",
    "incidents list --open --status open",
    "incidents show {incident}",
    "playbooks list",
    "playbooks list --status draft --alert ApiDown",
    "playbooks show {playbook}",
    "knowledge search",
    "knowledge search hung --limit 1",
    "knowledge search --type note --author carol",
    "whoami",
)
WITH_MORE_COLUMNS = ("approvals list", "incidents list", "playbooks list", "knowledge search")
REFUSED = (
    ("approvals show abc", 2),
    (f"approvals show {UNKNOWN}", 6),
    ("approvals show ffffffff", 6),
    ("approvals list --since yesterday", 2),
    ("approvals list --limit 0", 2),
    ("approvals run {pending}", 4),
    (f"approvals run {UNKNOWN}", 6),
    (f"approvals cancel {UNKNOWN}", 6),
    ("approvals cancel {pending}", 4),
    (f"policy explain {UNKNOWN}", 6),
    ("approvals sign {pending} --as alice --key {alice}", 2),
    ("approvals sign {pending} --as alice --key {bob} --yes", 2),
    ("approvals sign {pending} --as alice --key {nobody} --yes", 2),
    ("incidents show INC-1", 6),
    ("incidents show 'INC 1'", 6),
    ("playbooks show nothing-like-it", 6),
    ("playbooks show 'nothing like it'", 6),
    ("knowledge search --limit 0", 2),
)


def words(both: BothWays, command: str) -> list[str]:
    rooms = both.rooms
    names = {
        "pending": rooms.pending,
        "short": str(rooms.pending)[-8:],
        "executed": rooms.executed,
        "incident": rooms.incident,
        "playbook": rooms.playbook,
        "alice": both.key_file("alice"),
        "bob": both.key_file("bob"),
        "nobody": both.folder / "nobody.key",
    }
    quoted = command.split("'")
    parts = [part for n, text in enumerate(quoted) for part in ([text] if n % 2 else text.split())]
    return [part.format(**names) for part in parts]


def status(both: BothWays, approval_id: str) -> ApprovalStatus:
    with transaction(both.rooms.house.services.engine) as session:
        return get_approval(session, UUID(approval_id.strip())).status


def test_what_is_shown_is_the_same_in_every_form(both: BothWays) -> None:
    for command in LOOKING:
        wide = ("wide",) if command in WITH_MORE_COLUMNS else ()
        for form in ("text", "json", *wide):
            asked = [*words(both, command), "-o", form]
            assert lasting(both.api(*asked)) == lasting(both.records(*asked)), asked


def test_what_is_refused_is_refused_alike(both: BothWays) -> None:
    for command, code in REFUSED:
        asked = words(both, command)
        over_api, on_record = both.api(*asked), both.records(*asked)
        assert over_api[0] == on_record[0] == code, (asked, over_api, on_record)
        assert lasting(over_api)[1:] == lasting(on_record)[1:], asked


def test_a_request_is_filed_signed_rejected_and_withdrawn_alike(both: BothWays) -> None:
    key = ("--as", "alice", "--key", str(both.key_file("alice")), "--yes", "--reason", "looked at it")
    fields = ("--description", "it hangs", "--risk", "high", "--by-hand", "--expires-in", "60", "--incident", "INC-7")
    stands = []
    for way in (both.records, both.api):
        filed = {name: way("approvals", "file", ACTION, *fields)[1].strip() for name in ("signed", "no", "withdrawn")}
        said = [
            way("approvals", "file", ACTION, "-o", "yaml", "--signatures", "2"),
            way("approvals", "file", "kubectl delete pods -l app=web -n prod"),
            way("approvals", "file", "kubectl rollout restrat deployment/api"),
            way("approvals", "file", "NO SUCH ACTION", "--as-is"),
            way("approvals", "sign", filed["signed"], *key),
            way("approvals", "sign", filed["signed"][-8:], *key),
            way("approvals", "reject", filed["no"], *key),
            way("approvals", "cancel", filed["withdrawn"], "--reason", "over"),
            way("approvals", "cancel", filed["withdrawn"]),
            *(way("approvals", "show", each) for each in filed.values()),
        ]
        stands.append((said, {name: status(both, each) for name, each in filed.items()}))
    (on_record, first), (over_api, second) = stands
    assert [lasting(each) for each in over_api] == [lasting(each) for each in on_record]
    assert first == second
    assert (second["no"], second["withdrawn"]) == (ApprovalStatus.REJECTED, ApprovalStatus.CANCELLED)
    assert [each[0] for each in over_api[2:9]] == [2, 0, 0, 2, 0, 0, 2], over_api[:9]


def test_the_same_key_files_one_request(both: BothWays) -> None:
    filed = [both.api("approvals", "file", ACTION, "--idempotency-key", "ticket-4711")[1] for _ in range(2)]
    assert filed[0] == filed[1]


def test_the_kill_switch_is_turned_alike(both: BothWays) -> None:
    commands = ("kill-switch on --reason outage", "status", "kill-switch off --reason over")
    turned = [[way(*each.split()) for each in commands] for way in (both.records, both.api)]
    assert [lasting(each) for each in turned[1]] == [lasting(each) for each in turned[0]]
    assert turned[1][0][1].startswith("on, set by grace at ")


def test_the_sign_screen_shows_what_the_client_computed(both: BothWays) -> None:
    key = ("--as", "alice", "--key", str(both.key_file("alice")))
    code, out, err = both.api("approvals", "sign", str(both.rooms.pending), *key)
    assert (code, "nothing was signed" in err) == (2, True)
    assert f"action: {ACTION}" in out and "countersign/approval/v2" in out


def test_a_token_and_an_address_in_the_environment_are_used_where_no_database_is(
    both: BothWays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERSIGN_URL", both.server)
    monkeypatch.setenv("COUNTERSIGN_TOKEN", both.token_file("victor").read_text().strip())
    assert yaml.safe_load(both.run("whoami", "-o", "yaml")[0])["name"] == "grace"
    monkeypatch.delenv("COUNTERSIGN_DATABASE_URL")
    found = yaml.safe_load(both.run("whoami", "-o", "yaml")[0])
    assert (found["name"], found["roles"]) == ("victor", ["viewer"])
    code, _, err = both.run.ended("audit", "head")
    assert code == 3 and "works on the records themselves" in err and "COUNTERSIGN_DATABASE_URL" in err


def test_whoever_has_limited_roles_sees_what_they_reach(both: BothWays) -> None:
    code, out, err = both.api("status", by="paul")
    assert code == 0, err
    assert "to be signed" in out and "Approvals" not in out
    assert both.api("approvals", "list", by="paul")[0] == 0

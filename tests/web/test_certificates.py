"""Machines that show a certificate over real TLS: known by its name, and by nothing else that they send."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from countersign.errors import ConfigurationError, Unauthenticated
from countersign.policy.roles import Role, RoleGrant
from countersign.settings import Settings
from countersign.web.acting import by_certificate
from countersign.web.certificates import Certificate, certificate_of, name_of
from countersign.web.tls import context_of
from tests.execution.conftest import Office
from tests.web.conftest import ROLES, House, house_of
from tests.web.tls import Authority, Pair, authority, client, served

SPIFFE = "spiffe://example.com/deploy"
MACHINE = RoleGrant(roles=(Role.REQUESTER,), subjects=(f"uri:{SPIFFE}", "dns:*.bots.example.com", "cn:deploy"))


@dataclass(frozen=True)
class Served:
    """The application behind TLS, and whose certificates it believes."""

    address: str
    house: House
    servers: Authority
    clients: Authority
    own: Pair

    def ask(self, shown: Pair | None, path: str = "/v1/me", **headers: str) -> httpx.Response:
        """Ask for something."""
        with client(self.address, self.servers, shown, **headers) as asking:
            return asking.get(path)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority, Authority]:
    folder = tmp_path_factory.mktemp("certificates")
    return authority(folder, "servers"), authority(folder, "clients"), authority(folder, "others")


@pytest.fixture
def tls(office: Office, authorities: tuple[Authority, Authority, Authority]) -> Iterator[Served]:
    servers, clients, _ = authorities
    house = house_of(office, (*ROLES, MACHINE))
    own = servers.issue("own", alternative="IP:127.0.0.1")
    with served(house, own, clients) as address:
        yield Served(address, house, servers, clients, own)
    house.app.state.changes.close()


def test_a_machine_is_known_by_its_certificate_and_may_what_the_policy_says(
    tls: Served, authorities: tuple[Authority, Authority, Authority]
) -> None:
    issue = tls.clients.issue
    for shown, name in (
        (issue("uri", subject="/CN=deploy", alternative=f"DNS:x.bots.example.com,URI:{SPIFFE}"), f"uri:{SPIFFE}"),
        (issue("dns", subject="/CN=deploy", alternative="DNS:x.bots.example.com"), "dns:x.bots.example.com"),
        (issue("cn", subject="/O=example/CN=deploy"), "cn:deploy"),
    ):
        said = tls.ask(shown).json()
        assert (said["name"], said["kind"], said["roles"]) == (name, "machine", ["requester"])
        with client(tls.address, tls.servers, shown) as asking:
            asked = {"action": "kubectl rollout restart deployment/api -n prod"}
            filed = asking.post("/v1/approvals", json=asked, headers={"Idempotency-Key": name.replace(":", "-")})
            assert (filed.status_code, filed.json()["approval"]["requested_by"]) == (201, name)
    # A token beside it is whose request it is.
    bearer = f"Bearer {tls.house.token('victor')}"
    assert tls.ask(issue("cn2", subject="/CN=deploy"), Authorization=bearer).json()["name"] == "victor"


def test_what_is_not_good_opens_nothing(tls: Served, authorities: tuple[Authority, Authority, Authority]) -> None:
    others = authorities[2]
    assert tls.ask(None).status_code == 401
    for bad in (
        others.issue("foreign", subject="/CN=deploy"),
        tls.clients.issue("expired", subject="/CN=deploy", days=-1),
        tls.clients.issue("server", subject="/CN=deploy", use="serverAuth"),
        tls.own,
    ):
        # TLS 1.3 tells of it with the first answer, or by ending the connection.
        with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError, httpx.WriteError)):
            tls.ask(bad)
    for name, subject, alternative in (
        ("two", "/CN=deploy", "DNS:a.bots.example.com,DNS:b.bots.example.com"),
        ("person", "/CN=alice@example.com", ""),
        ("nameless", "/O=example", ""),
    ):
        refused = tls.ask(tls.clients.issue(name, subject=subject, alternative=alternative))
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    # Good, and named nowhere in the policy; then taken out of it.
    stranger = tls.clients.issue("stranger", subject="/CN=stranger")
    assert tls.ask(stranger, "/v1/approvals").status_code == 403
    known = tls.clients.issue("known", subject="/CN=deploy")
    assert tls.ask(known, "/v1/approvals").status_code == 200
    house_of(tls.house.office, ROLES, app=tls.house.app)
    assert tls.ask(known, "/v1/approvals").status_code == 403


def test_a_revoked_certificate_opens_nothing_and_a_list_is_taken_up_as_it_is_renewed(
    office: Office, authorities: tuple[Authority, Authority, Authority], tmp_path: Path
) -> None:
    servers, clients, others = authorities
    kept = tmp_path / "revoked.pem"
    lost, later = (clients.issue(name, subject="/CN=deploy") for name in ("lost", "later"))
    clients.revoke(lost, into=kept)
    house = house_of(office, (*ROLES, MACHINE))
    own = servers.issue("of-the-list", alternative="IP:127.0.0.1")
    with served(house, own, clients, kept) as address:
        tls = Served(address, house, servers, clients, own)
        assert tls.ask(None).status_code == 401
        assert tls.ask(later).status_code == 200
        refused = (httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError, httpx.WriteError)
        with pytest.raises(refused):
            tls.ask(lost)
        clients.revoke(lost, later, into=kept)
        with pytest.raises(refused):
            tls.ask(later)
        # Another authority's list is none about these; no list at all keeps the one that was there.
        kept.write_text("half a file")
        with pytest.raises(refused):
            tls.ask(later)
        others.revoke(into=kept)
        with pytest.raises(refused):
            tls.ask(clients.issue("new", subject="/CN=deploy"))
        clients.revoke(lost, into=kept)
        assert tls.ask(later).status_code == 200
    house.app.state.changes.close()


def test_no_header_is_believed_about_a_certificate(tls: Served) -> None:
    for name in (
        *("X-Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert"),
        *("X-SSL-Client-S-DN", "X-SSL-Client-Verify", "Client-Cert", "X-Amzn-Mtls-Clientcert-Subject"),
    ):
        answer = tls.ask(None, **{name: f'CN=deploy;URI={SPIFFE};Subject="CN=deploy"'})
        assert answer.status_code == 401, name
    shown = tls.clients.issue("browser", subject="/CN=deploy")
    for header in (
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Mode": "no-cors"},
    ):
        assert "browser" in tls.ask(shown, **header).json()["detail"]


def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(tls: Served) -> None:
    def serial() -> int:
        with client(tls.address, tls.servers) as asking:
            stream = asking.stream("GET", "/healthz")
            with stream as answer:
                connection = answer.extensions["network_stream"].get_extra_info("ssl_object")
                return int(connection.getpeercert()["serialNumber"], 16)

    before = serial()
    renewed = tls.servers.issue("renewed", alternative="IP:127.0.0.1")
    tls.own.key.write_bytes(renewed.key.read_bytes())
    tls.own.certificate.write_bytes(renewed.certificate.read_bytes())
    after = serial()
    assert after != before
    tls.own.certificate.write_text("half a file")
    assert serial() == after


def test_a_certificate_ends_in_the_middle_of_a_connection() -> None:
    now = datetime.now(UTC)
    good = Certificate(("cn:deploy",), now + timedelta(seconds=1))
    found = by_certificate(good, {}, now=now)
    assert (found.identity.name, found.expires_in) == ("cn:deploy", timedelta(seconds=1))
    with pytest.raises(Unauthenticated, match="expired"):
        name_of(good, now=good.good_until)
    peer = {"notAfter": "Jan  1 00:00:00 2030 GMT", "subject": ((("commonName", "a"),),), "subjectAltName": ()}
    assert certificate_of(peer) == Certificate(("cn:a",), datetime(2030, 1, 1, tzinfo=UTC))


def test_settings_that_cannot_work_are_named(
    authorities: tuple[Authority, Authority, Authority], tmp_path: Path
) -> None:
    servers = authorities[0]
    pair, other = servers.issue("a"), servers.issue("b")
    assert context_of(Settings()) is None
    for given, said in (
        ({"tls_certificate": pair.certificate}, "one is not set"),
        ({"tls_client_ca": pair.certificate}, "no certificate of one's own"),
        ({"tls_certificate": pair.certificate, "tls_key": other.key}, "cannot be used"),
        ({"tls_certificate": tmp_path / "none", "tls_key": pair.key}, "cannot be used"),
        ({"tls_certificate": pair.certificate, "tls_key": pair.key, "tls_client_ca": pair.key}, "CLIENT_CA"),
        ({"tls_client_crl": pair.certificate}, "whose list"),
        (
            {
                "tls_certificate": pair.certificate,
                "tls_key": pair.key,
                "tls_client_ca": servers.own.certificate,
                "tls_client_crl": servers.own.certificate,
            },
            "CLIENT_CRL",
        ),
    ):
        with pytest.raises(ConfigurationError, match=said):
            context_of(Settings(**given))
    pair.key.chmod(0o644)
    with pytest.raises(ConfigurationError, match="everybody may read"):
        context_of(Settings(tls_certificate=pair.certificate, tls_key=pair.key))

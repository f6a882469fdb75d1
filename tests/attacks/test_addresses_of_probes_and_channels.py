"""May write a probe's or a channel's address: the machine itself, a cloud's metadata, what redirects, what bursts."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from countersign.aftermath.notifications.apprise_channel import prepare
from countersign.aftermath.notifications.cards import CardMessage
from countersign.aftermath.notifications.message import Message
from countersign.aftermath.notifications.telegram import Telegram
from countersign.aftermath.step_runner import run_steps
from countersign.errors import DeliveryFailed, DeliveryRefused, TransientTargetError
from countersign.execution.channels import Channel, Channels, TelegramBot
from countersign.execution.outward import AddressRefused, guarded, read_at_most, why_address
from countersign.execution.probes import ask
from countersign.policy.probes import Comparison, HttpProbe, Probe, PrometheusProbe
from countersign.settings import settings
from tests.attacks.conftest import Office, audited

NOWHERE = ("203.0.113.7", "2001:db8::7", "10.1.2.3", "192.168.0.9", "fd12::1", "example.org", "prometheus.monitoring")
REFUSED = (
    *("127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "[::1]", "::ffff:127.0.0.1", "64:ff9b::7f00:1"),
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
    *(
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "ff02::1",
    ),
    *("metadata.google.internal", "METADATA.google.internal.", "metadata", "instance-data"),
)
BOMB = gzip.compress(b"a" * 50_000_000, 9)
MESSAGE = Message("Failed: api", (("Action", "kubectl rollout restart deployment/api"),))


class Site:
    """A server on loopback that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b'{"ok": true, "result": {}}')
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                status, headers, body = site.answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def nothing_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES")
    settings.cache_clear()


@pytest.mark.parametrize("host", REFUSED)
def test_the_machine_its_links_and_metadata_are_refused(host: str) -> None:
    assert why_address(host)


@pytest.mark.parametrize("host", NOWHERE)
def test_other_addresses_are_not(host: str) -> None:
    assert why_address(host) is None


@pytest.mark.parametrize(
    ("host", "listed"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.9", "127.0.0.0/8"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("metadata.google.internal", "metadata.google.internal"),
    ],
)
def test_what_is_listed_may_be_reached_and_nothing_beside_it(host: str, listed: str) -> None:
    assert why_address(host, listed=(listed,)) is None
    assert why_address("169.254.169.254", listed=(listed,))


def probes(address: str) -> list[Probe]:
    return [
        Probe(name="page", http=HttpProbe(url=f"{address}/x")),
        Probe(
            name="query",
            prometheus=PrometheusProbe(url=address, query="up", comparison=Comparison.EQUAL, threshold=1),
        ),
    ]


@pytest.mark.usefixtures("nothing_listed")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0.0.0.0", "[::ffff:127.0.0.1]"])
def test_a_probe_does_not_ask_the_machine_itself(site: Site, host: str) -> None:
    for probe in probes(f"http://{host}:{site.port}"):
        answer = ask(probe)
        assert answer.met is None
        assert "COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES" in answer.said
    assert site.asked == []


@pytest.mark.usefixtures("nothing_listed")
def test_a_name_is_judged_by_the_address_that_is_connected_to(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers otherwise the second time gains nothing."""
    real = socket.getaddrinfo
    answers = iter(["203.0.113.7", *["127.0.0.1"] * 20])

    def rebinding(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real(next(answers) if name == "rebinding.example" else host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    socket.getaddrinfo("rebinding.example", 80)
    (page, _) = probes(f"http://rebinding.example:{site.port}")
    assert "COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES" in ask(page).said
    assert site.asked == []


def test_a_redirect_to_another_host_is_not_followed(site: Site) -> None:
    other = Site()
    site.answer = (302, {"Location": f"http://127.0.0.1:{other.port}/latest/meta-data"}, b"")
    for probe in probes(f"http://127.0.0.1:{site.port}"):
        assert ask(probe).met is not True
    with pytest.raises(DeliveryRefused):
        prepare(channel(site), MESSAGE, key="k", failed=True).send(10)
    with pytest.raises(DeliveryFailed):
        bot(site).reply(CardMessage("1", 1), "x")
    assert other.asked == []
    assert site.asked
    other.server.server_close()


def test_a_bomb_is_not_unpacked(site: Site) -> None:
    site.answer = (200, {"Content-Encoding": "gzip"}, BOMB)

    class Answer:
        headers = httpx.Headers({"Content-Encoding": "gzip"})

        def iter_raw(self) -> Iterator[bytes]:
            yield BOMB

    assert len(read_at_most(Answer(), 1000)) == 1000  # type: ignore[arg-type]
    (page, _) = probes(f"http://127.0.0.1:{site.port}")
    assert ask(page).met is True
    with pytest.raises(DeliveryFailed):
        bot(site).reply(CardMessage("1", 1), "x")
    prepare(channel(site), MESSAGE, key="k", failed=True).send(20)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "rot13"])
def test_an_encoding_that_nobody_asked_for_is_not_read(site: Site, encoding: str) -> None:
    site.answer = (200, {"Content-Encoding": encoding}, b"x")
    (page, _) = probes(f"http://127.0.0.1:{site.port}")
    assert ask(page).met is None
    with httpx.stream("GET", f"http://127.0.0.1:{site.port}") as answer, pytest.raises(TransientTargetError):
        read_at_most(answer, 10)


ACTION = "kubectl rollout restart deployment/web -n prod"


@pytest.mark.usefixtures("nothing_listed")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_run_that_would_ask_the_machine_itself_says_so_and_is_told_of(
    office: Office, site: Site, host: str
) -> None:
    address = f"http://{host}:{site.port}/x"
    probe = Probe(name="page", operations=("*",), http=HttpProbe(url=address))
    there = office.with_policy(office.services.policy.model_copy(update={"probes": (probe,)}))
    report = there.run(there.approved(ACTION), dry_run=True)
    assert report.outcome == "dry_run", report.message
    assert audited(office, report.approval_id).count("access:request:refused") == 1
    assert site.asked == []


@pytest.mark.usefixtures("nothing_listed")
@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254"])
def test_a_channel_that_leads_there_is_told_nothing_and_told_of(office: Office, site: Site, host: str) -> None:
    told = replace(office, services=replace(office.services, channels=Channels(channels=(channel(site, host),))))
    report = told.perform("NO_ACTION")
    assert report.execution_id is not None
    run_steps(told.services, UUID(report.execution_id), runner="r1")
    assert audited(office, report.approval_id)[-1] == "access:request:refused"
    assert site.asked == []


def channel(site: Site, host: str = "127.0.0.1") -> Channel:
    address = SecretStr(f"json://{host}:{site.port}/hook?redirect=yes")
    return Channel("mine", address, outcomes=frozenset({"no_action"}))


def bot(site: Site) -> Telegram:
    token = SecretStr("123456789:" + "A" * 35)
    return Telegram(TelegramBot(token, api=f"http://127.0.0.1:{site.port}"), timeout=10)


@pytest.mark.usefixtures("nothing_listed")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_channel_does_not_tell_the_machine_itself(site: Site, host: str) -> None:
    with pytest.raises(DeliveryRefused, match="its address is the machine itself"):
        prepare(channel(site, host), MESSAGE, key="k", failed=True).send(10)
    assert site.asked == []


@pytest.mark.usefixtures("nothing_listed")
@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal", "100.100.100.200"])
def test_a_channel_does_not_tell_a_clouds_metadata(site: Site, host: str) -> None:
    with pytest.raises(DeliveryRefused, match="metadata"):
        prepare(Channel("mine", SecretStr(f"json://{host}/x")), MESSAGE, key="k", failed=True).send(10)


@pytest.mark.usefixtures("nothing_listed")
def test_a_mail_server_on_the_machine_itself_is_not_spoken_to(site: Site) -> None:
    address = f"mailto://user:hunter2@127.0.0.1:{site.port}?from=a@example.org&to=b@example.org&mode=insecure"
    with pytest.raises(DeliveryFailed):
        prepare(Channel("mine", SecretStr(address)), MESSAGE, key="k", failed=True).send(10)
    assert site.asked == []


@pytest.mark.usefixtures("nothing_listed")
def test_the_bot_api_is_not_the_machine_itself(site: Site) -> None:
    with pytest.raises(DeliveryRefused, match="its address is the machine itself"):
        bot(site).reply(CardMessage("1", 1), "x")
    assert site.asked == []


@pytest.mark.usefixtures("nothing_listed")
def test_only_what_is_guarded_is_refused(site: Site) -> None:
    with guarded(), pytest.raises(AddressRefused):
        socket.create_connection(("127.0.0.1", site.port), timeout=5)
    with socket.create_connection(("127.0.0.1", site.port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert json.loads(connection.makefile("rb").read().partition(b"\r\n\r\n")[2])["ok"]

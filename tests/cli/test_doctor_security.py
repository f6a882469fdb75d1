"""`countersign doctor --security` tells what holds and what does not."""

import re
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from countersign.cli import doctor_security, main
from countersign.cli.doctor_security import CHECKS
from countersign.errors import ConfigurationError
from countersign.execution.outward import SETTING
from countersign.settings import Settings, settings
from countersign.texts import text


def test_the_table_has_every_check_and_a_failed_one_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(given: Settings) -> str:
        raise ConfigurationError("it does \x1b[2Jnot hold", hint="mend it")

    checks: list[tuple[str, Callable[[Settings], str]]] = [(name, lambda given: "fine") for name, _ in CHECKS]
    for failing in (None, 3):
        if failing is not None:
            checks[failing] = (checks[failing][0], fails)
        monkeypatch.setattr(doctor_security, "CHECKS", tuple(checks))
        monkeypatch.setattr(sys, "argv", ["countersign", "doctor", "--security"])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().out
        assert all(text(f"security.{name}") in said for name, _ in CHECKS)
        assert (ended.value.code or 0) == (0 if failing is None else 3)
        assert ("NO" in said) is (failing is not None)
    assert "\x1b" not in said and re.search(r"it does\s+\\u{1b}", said) and "mend it" in said


def test_files_that_others_may_read_are_named(tmp_path: Path) -> None:
    given = Settings(trust_dir=tmp_path)
    tmp_path.chmod(0o700)
    (tmp_path / "seal.key").touch(mode=0o600)
    assert "1 files" in doctor_security.trust_files(given)
    (tmp_path / "seal.key").chmod(0o640)
    with pytest.raises(ConfigurationError, match=r"seal\.key"):
        doctor_security.trust_files(given)
    with pytest.raises(ConfigurationError, match="not set"):
        doctor_security.trust_files(Settings(trust_dir=None))


def test_what_kubeconfigs_may_do_besides_is_told() -> None:
    doctor_security.kubeconfigs(Settings())
    for allowed in ({"allowed_exec_plugins": ("aws",)}, {"allow_insecure_tls": True}, {"allow_token_file": True}):
        with pytest.raises(ConfigurationError, match="kubeconfigs may have"):
            doctor_security.kubeconfigs(Settings(**allowed))


def test_addresses_of_this_machine_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"may reach 127\.0\.0\.1"):
        doctor_security.addresses(Settings())
    monkeypatch.delenv(SETTING)
    settings.cache_clear()
    assert "neither" in doctor_security.addresses(Settings())


@pytest.mark.parametrize("status", [200, 401])
def test_a_prefect_that_answers_whoever_asks_is_told(status: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
            if status == 401:
                assert "answers nobody" in doctor_security.prefect(Settings())
            else:
                with pytest.raises(ConfigurationError, match="answers whoever asks"):
                    doctor_security.prefect(Settings())
    finally:
        server.shutdown()
        server.server_close()


def test_a_policy_file_is_signed_by_nobody(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nobody signed"):
        doctor_security.policy(Settings(policy_file=tmp_path / "policy.yaml"))

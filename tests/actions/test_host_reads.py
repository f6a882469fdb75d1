"""Remote commands that only look are the diagnosis, and hints are about the same tool and the same object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.actions import describe_text
from countersign.actions.host_reads import LOOKS, is_read
from countersign.actions.hosts import HOST_TOOLS, route
from countersign.errors import ParseFailure

READS = """
ls
ls -la /var/log
ls /var/log/*.log
echo hello world
df -h /
df -h / /data
du -sh /var/* 2>/dev/null | sort -h | tail
ps aux | head
ps aux --sort=-%mem | head -20
top
top -bn1
top -b -n 1 | head -n 20
free -m
uptime
journalctl -u nginx -n 50
journalctl -u nginx --since "10 min ago" --no-pager | grep -i error | tail -100
systemctl status nginx
systemctl list-units --type=service --state=running
docker ps -a --format "{{.Names}}"
docker logs --tail 100 web 2>&1
docker stats --no-stream
docker compose -p shop ps
cat /proc/meminfo
tail -n 100 /var/log/syslog
dmesg -T | grep -i oom
find /var/log -name "*.gz" -mtime +7
ss -tlnp
ip addr show eth0
nginx -t
sudo journalctl -xe
/usr/bin/uptime
certbot certificates
service nginx status
""".strip().splitlines()

CHANGES = """
echo x > /tmp/a
echo x | tee /tmp/a
ps aux | xargs kill
ps aux | grep java | awk "{print $2}" | xargs kill -9
ls; reboot
ls && reboot
ls || reboot
ls & reboot
ls |& reboot
echo $(reboot)
echo `reboot`
find / -delete
find / -name core -exec rm -f {} +
dmesg -C
dmesg -Tc
journalctl --vacuum-size=1G
journalctl --rotate
ss -K dst 10.0.0.1
ss -tK
sort -o /etc/passwd /tmp/x
ip link set eth0 down
date -s 2026-01-01
hostname web-2
mount /dev/sdb /mnt
sed -i s/a/b/ /etc/hosts
crontab -r
systemctl stop nginx
docker exec web ls
docker rm web
/tmp/ls
cat x | sh
""".strip().splitlines()


def written(command: str) -> str:
    return f"ssh web-1 '{command}'"


@pytest.mark.parametrize("command", READS)
def test_what_only_looks_is_the_diagnosis(command: str) -> None:
    found = describe_text(written(command))
    assert (found.get("tool"), found.get("parameters")) == ("ssh_diagnose", {}), found


@pytest.mark.parametrize("command", CHANGES)
def test_what_changes_something_is_none(command: str) -> None:
    assert not is_read(command)
    assert describe_text(written(command)).get("tool") != "ssh_diagnose"


@pytest.mark.parametrize(
    ("command", "hinted"),
    [
        ("docker prune", "docker system prune -f"),
        ("docker builder prune -f", "docker system prune -f"),
        ("docker container prune", "docker system prune -f"),
        ("docker images prune", "docker image prune -f"),
        ("docker volume prune --filter x", "docker volume prune -f"),
        ("docker stop web", "docker restart web"),
        ("docker container start web", "docker restart web"),
        ("docker restrat web", "docker restart web"),
        ("dokcer restart web", "docker restart web"),
        ("docker compose -p shop up -d", "docker compose -p PROJECT restart SERVICE"),
        ("systemctl stop nginx", "systemctl restart nginx"),
        ("systemctl restrat postgresql@15-main", "systemctl restart postgresql@15-main"),
        ("service redis start", "service redis restart"),
        ("nginx -s stop", "nginx -s reload"),
        ("kill -9 123", "systemctl restart NAME.service"),
        ("systemctl stauts nginx", "ssh_diagnose"),
        ("jounalctl -u nginx", "ssh_diagnose"),
        ("service nginx stauts", "ssh_diagnose"),
    ],
)
def test_a_hint_is_about_the_same_tool_and_the_same_object(command: str, hinted: str) -> None:
    assert hinted in describe_text(written(command))["hint"]


@pytest.mark.parametrize(
    "command", ["docker exec web ls", "docker pull x", "systemctl daemon-reload", "reboot", "curl -s x"]
)
def test_where_nothing_does_the_same_no_one_thing_is_hinted(command: str) -> None:
    assert describe_text(written(command))["hint"].startswith("possible: to look, uptime;")


@pytest.mark.parametrize(
    ("text", "hinted"),
    [
        ("kubectl watch pods", "kubectl get"),
        ("kubectl tail deployment/api", "kubectl logs"),
        ("kubectl view pod api-0", "kubectl describe"),
        ("kubectl ls pods", "kubectl get"),
        ("kubectl stats", "kubectl top"),
        ("kubectl descibe pod api-0", "kubectl describe"),
        ("kubectl inspect pod api-0", "kubectl describe"),
    ],
)
def test_a_read_of_the_cluster_is_answered_with_a_read(text: str, hinted: str) -> None:
    found = describe_text(text)
    assert hinted in found["hint"]


SHORT = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=10)
DISRUPTIVE = [tool.examples[0].split(maxsplit=1)[0] for tool in HOST_TOOLS if tool.scope != "read"]


@given(st.sampled_from(sorted(LOOKS)), st.lists(st.sampled_from(["-h", "-x", "/var", "name", "10"]), max_size=4))
def test_no_option_makes_a_program_that_only_looks_anything_else(program: str, rest: list[str]) -> None:
    assert route(" ".join([program, *rest]))[0].name == "ssh_diagnose"


@given(st.sampled_from(sorted(LOOKS)), SHORT, st.integers(0, 10))
def test_a_mistyped_read_is_not_answered_with_a_change(program: str, letters: str, at: int) -> None:
    mistyped = program[: at % (len(program) + 1)] + letters[:1] + program[at % (len(program) + 1) :]
    try:
        tool, _ = route(f"{mistyped} web")
    except ParseFailure as failure:
        hint = failure.hint or ""
        assert hint.startswith("possible: to look") or "ssh_diagnose" in hint, hint
    else:
        assert tool.name == "ssh_diagnose"

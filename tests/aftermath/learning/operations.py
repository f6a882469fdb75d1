"""Hypothesis strategies: every operation on a cluster or a host that an action can mean."""

from hypothesis import strategies as st

from countersign.actions.operation import HostOperation, Operation
from tests.actions.operations import operations

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOSTS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{2,5})?", fullmatch=True) | st.just("10.0.0.7")


def _one(name: str, values: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    return values.map(lambda value: ((name, value),))


TOOLS = st.one_of(
    st.tuples(st.just("ssh_diagnose"), st.just(())),
    st.tuples(st.just("ssh_reload_nginx"), st.just(())),
    st.tuples(st.just("ssh_docker_restart"), _one("container")),
    st.tuples(st.just("ssh_clear_docker_logs"), _one("container")),
    st.tuples(st.just("ssh_systemctl_restart"), _one("unit", NAMES.map(lambda name: f"{name}.service"))),
    st.tuples(st.just("ssh_renew_ssl"), _one("cert_name")),
    st.tuples(
        st.just("ssh_docker_compose_restart"),
        st.tuples(NAMES, NAMES).map(lambda pair: (("project", pair[0]), ("service", pair[1]))),
    ),
    st.tuples(
        st.just("ssh_docker_prune"),
        st.tuples(st.sampled_from(["true", "false"]), st.sampled_from(["images", "volumes", "system"])).map(
            lambda pair: (("all", pair[0]), ("what", pair[1]))
        ),
    ),
)


@st.composite
def host_operations(draw: st.DrawFn) -> HostOperation:
    """A call of any host tool on any host."""
    tool, parameters = draw(TOOLS)
    user = draw(st.none() | st.just("deploy"))
    return HostOperation(tool, draw(HOSTS), user, draw(st.none() | st.integers(1, 65535)), parameters)


def any_operation() -> st.SearchStrategy[Operation]:
    return st.one_of(operations(), host_operations())

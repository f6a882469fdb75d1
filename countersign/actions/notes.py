"""Lines of the form `Label: value` beside a command: what only describes is dropped, what adds to it is refused.

`Risk: low` says nothing about what is done. `Namespace: staging` does, and is a contradiction unless the command says
the same.
"""

import re
from typing import Final

from countersign.errors import ParseFailure

_NOTE: Final = re.compile(r"([A-Za-z][A-Za-z /_-]{0,60}?|[\u4e00-\u9fff]{1,12})\s*[:：]\s*(\S.*)")
_WORD: Final = re.compile(r"[!-~]+")
_DESCRIBES_TEXT: Final = (
    "risk severity confidence impact priority urgency reason rationale explanation justification summary category "
    "downtime effect outcome duration likelihood reversible author source safe safety"
)
_QUALIFIES_TEXT: Final = "level score rating estimated expected potential overall blast radius assessment the"
_PLACES_TEXT: Final = (
    "namespace ns cluster context host hostname node environment env replicas container image tag unit service "
    "deployment workload pod object resource target region project user revision version timeout kubeconfig name"
)
_PLACES_CHINESE_TEXT: Final = (
    "命名空間 命名空间 叢集 集群 主機 主机 節點 节点 環境 环境 副本 容器 映像 镜像 服務 服务 對象 对象"
)
_PLACES_CHINESE: Final = tuple(_PLACES_CHINESE_TEXT.split())
_DESCRIBES: Final = frozenset(_DESCRIBES_TEXT.split())
_QUALIFIES: Final = frozenset(_QUALIFIES_TEXT.split())
_PLACES: Final = frozenset(_PLACES_TEXT.split())


def describes_only(text: str, *, command: str) -> bool:
    """Tell whether `text` is a note that says nothing about what is done.

    Raises ParseFailure for a note that says on what, unless every word of it stands in the command too.
    """
    text = text.replace("**", "").replace("`", "").strip()
    note = _NOTE.fullmatch(text[1:-1] if text.startswith("(") and text.endswith(")") else text)
    if note is None:
        return False
    label, value = note[1].lower(), note[2]
    words = set(re.split(r"[ /_-]+", label)) - {""}
    if words & _PLACES or any(place in label for place in _PLACES_CHINESE):
        said = set(re.split(r"[ =/:@,]+", command))
        # A label of more words may be any sentence; what follows is a value only where it is one word.
        values = [word.strip(".,;()[]\"'") for word in _WORD.findall(value)]
        odd = next((word for word in values if word and word not in said), None)
        if odd is not None and (len(values) == 1 or words <= _PLACES | _QUALIFIES):
            raise ParseFailure(
                f"the line {text[:60]!r} says {odd[:40]!r}, which the command does not",
                hint="write it into the command: -n NAMESPACE, TYPE/NAME",
            )
        return len(values) <= 1
    return bool(words & _DESCRIBES) and words <= _DESCRIBES | _QUALIFIES

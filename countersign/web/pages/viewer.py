"""For whom a page is made: the language, and the time zone in which moments are told."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from starlette.requests import Request

from countersign.settings import settings
from countersign.texts import LANGUAGES

LANGUAGE_COOKIE: Final = "countersign_language"
ZONE_COOKIE: Final = "countersign_zone"
"""Set by the page's script: only the browser knows where its reader is."""


@dataclass(frozen=True)
class Viewer:
    """Whoever looks."""

    language: str
    zone: ZoneInfo

    @property
    def zone_name(self) -> str:
        """The zone as it is named everywhere, for example Asia/Taipei."""
        return self.zone.key


def viewer_of(request: Request) -> Viewer:
    """Return for whom `request` asks: what was chosen, else what the browser prefers, else the setting."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    language = chosen if chosen in LANGUAGES else _preferred(request.headers.get("accept-language", ""))
    return Viewer(language, _zone(unquote(request.cookies.get(ZONE_COOKIE, ""))))


def _preferred(accepted: str) -> str:
    """Return the first of the browser's languages that there is. Their order is nearly always their weight's."""
    for part in accepted.split(","):
        wanted = part.partition(";")[0].strip().lower()
        if wanted.startswith("zh"):
            return "zh-TW"
        if wanted.startswith("en"):
            return "en"
    return settings().language


def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name if name in _zones() else "UTC")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())

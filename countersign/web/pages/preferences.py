"""The reader's language, kept in a cookie of theirs."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse

from countersign.texts import LANGUAGES
from countersign.web.pages.viewer import LANGUAGE_COOKIE
from countersign.web.sessions import local_path

router = APIRouter()
A_YEAR = 365 * 86400


@router.get("/language/{language}")
def choose(language: str, back: str = "/") -> RedirectResponse:
    """Read in another language from now on. Changes nothing but that, so a link may do it."""
    answer = RedirectResponse(local_path(back), status_code=303)
    if language in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=A_YEAR, samesite="lax", httponly=True)
    return answer

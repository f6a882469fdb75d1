"""The dashboard: pages made on the server, one folder or file each. They ask the records and the execution's own
questions; nothing is decided here."""

from countersign.web.pages.routes import router
from countersign.web.pages.static_files import STATIC

__all__ = ["STATIC", "router"]

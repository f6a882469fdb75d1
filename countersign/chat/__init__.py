"""Requests are shown in chats and decided there by buttons.

A message shows what the sign screen shows, or has no buttons. A click is put on record once and answered at once
(`taking`), then becomes a signature of whoever the policy maps the account to (`settling`). What messages show
follows the records (`showing`). What the services say and want is in a file for each.
"""

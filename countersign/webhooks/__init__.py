"""What happens goes out to webhooks, and requests of other systems come in, both signed by Standard Webhooks.

Outbound, the audit is the outbox: the sealer gives every row one place in one order, and a webhook is a position in
it (`docs/decisions/a-webhook-is-a-position-in-the-audit.md`). Inbound, a signed request is one more way to show who
asks.
"""

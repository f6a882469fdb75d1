"""The audit that shows when it was tampered with: sealing, verifying, proving.

Rows are appended by `countersign.records.audit`. A sealer takes them into a Merkle tree (RFC 9162) and signs its
head, which is kept outside the database. What was changed, removed, reordered or cut off afterwards no longer fits
the head.
"""

"""The policy on record: how it is changed, and when it is believed."""

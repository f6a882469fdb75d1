"""What commands ask, and who answers: the records on this machine, or the API of another one (docs/cli.md).

A command asks `choice.questions()` and shows the answer; it does not know where it comes from. `asked.py` has the
questions, `answers.py` the values that come back, `records` and `api` answer them.
"""

"""From an action's text to its reading: the one entry of the grammar."""

from typing import Final

from countersign.actions.characters import narrow, refuse_hidden_characters
from countersign.actions.decoration import command_in
from countersign.actions.kubectl import read_kubectl
from countersign.actions.markers import find_observation
from countersign.actions.operation import Observation, Reading
from countersign.actions.ssh import read_ssh
from countersign.actions.words import split_words
from countersign.errors import ParseFailure

MAX_CHARACTERS: Final = 8192


def read_action(text: str, *, finalise: bool = False) -> Reading:
    """Return what `text` asks for. Raises ParseFailure, and nothing else, with the reason and a hint.

    An empty text is an observation when an execution that already happened is finalised, else a failure.
    """
    if len(text) > MAX_CHARACTERS:
        raise ParseFailure(f"the action has {len(text)} characters, more than {MAX_CHARACTERS}")
    text = text.replace("\r\n", "\n")
    refuse_hidden_characters(text)
    if not text.strip():
        if finalise:
            return Observation("empty")
        raise ParseFailure("the action is empty", hint="write a command, or NO_ACTION to change nothing")
    observation = find_observation(text)
    if observation is not None:
        return observation
    words = split_words(narrow(command_in(text)))
    if words[0].text == "kubectl":
        return read_kubectl(words[1:])
    return read_ssh(words)

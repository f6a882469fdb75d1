"""`countersign whoami`: who is asking, and the roles that the policy gives them."""

from dataclasses import asdict

from countersign.cli.console import screen
from countersign.cli.output import Format, Output, say_data
from countersign.cli.questions.choice import questions
from countersign.cli.rendering import print_columns
from countersign.texts import text


def run(output: Output = Format.TEXT) -> None:
    """Say who is asking, and the roles that the policy gives them."""
    found = questions().installation.who_asks()
    if output.is_data:
        say_data(asdict(found), output)
        return
    lines = [
        (text("whoami.name"), f"{found.name} ({text(f'whoami.{found.kind}')})"),
        (text("whoami.roles"), ", ".join(found.roles) or text("whoami.no_roles")),
    ]
    if found.groups:
        lines.append((text("whoami.groups"), ", ".join(found.groups)))
    if found.limited_to is not None:
        lines.append((text("whoami.limited_to"), ", ".join(found.limited_to)))
    print_columns(screen(), lines)

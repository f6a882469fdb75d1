"""What the page of a step shows, from the records: the verdict's evidence, the playbook, the case."""

from countersign.aftermath.learning.playbook_document import write_playbooks
from countersign.escaping import code_block, markdown
from countersign.execution.follow_up import verification_of
from countersign.execution.markdown import render_verification
from countersign.execution.services import Services
from countersign.records.database.engine import statements
from countersign.records.knowledge import entry_of
from countersign.records.playbooks import find_playbook
from countersign.records.states import StepName, StepStatus
from countersign.records.tables import LedgerStep


def shown_of_step(services: Services, row: LedgerStep) -> str | None:
    """Return the page as markdown, None where the step made nothing to show. Raises DatabaseUnavailable."""
    if row.status is not StepStatus.DONE:
        return None
    with statements(services.engine) as session:
        match row.name:
            case StepName.VERIFY:
                found = verification_of(session, row.execution_id)
                return None if found is None else render_verification(found)
            case StepName.EXTRACT_PLAYBOOK:
                known = (row.result or {}).get("playbook_id")
                playbook = find_playbook(session, str(known)) if known else None
                return None if playbook is None else code_block(write_playbooks([playbook]))
            case StepName.DEPOSIT_KNOWLEDGE:
                entry = entry_of(session, row.execution_id)
                # It is made of what others wrote, who may have written markdown.
                return None if entry is None else f"# {markdown(entry.title)}\n\n{code_block(entry.body)}"
            case _:
                return None

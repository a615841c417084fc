"""What a person reads above ``<firm>__restore``, and what the approver is shown."""

from muniment.domain import chain_steps as named
from muniment.domain.firm.firm import Firm
from muniment.domain.units import format_duration

SUBJECT = "Replace the live cluster of {firm} by its restore to {{{{ ti.xcom_pull(task_ids='validate')['target'] }}}}?"

# Markdown; the plan's own lines are the ones in its log and on the record.
BODY = """\
**{{ dag_run.triggering_user_name }}** asks for it. What is staged \
{{ 'has passed its checks' if ti.xcom_pull(task_ids='stage')['passed'] else 'HAS NOT PASSED its checks' }} \
({{ ti.xcom_pull(task_ids='stage')['checks'] }}).
{% if params.waive_safety_backup %}
**Without a safety backup** of what is there now: {{ params.reason }}
{% else %}
A safety backup of what is there now is taken first.
{% endif %}
The old data directory is set aside and kept until it is released. Whoever works in the live cluster is cut off.

```text
{{ ti.xcom_pull(task_ids='plan')['page'] }}
```

Plan `{{ ti.xcom_pull(task_ids='plan')['sha256'] }}`
"""


def restore_doc(firm: Firm) -> str:
    approvers = ", ".join(f"`{each.name}`" for each in firm.restore.approvers) or "nobody: nothing goes live"
    live = firm.cluster.live.data_directory
    return f"""\
### {firm.name}: back to an instant

1. **{named.VALIDATE}**: the form as a whole; every fault at once.
2. **{named.PLAN}**: what comes back, from what, over what, how long, and what will not be in it. In the log, and kept.
3. **{named.STAGE}**: the plan, on this firm's worker, beside the live cluster; the log ends with how to connect.
4. **{named.APPROVE}** (live only): another person than who asked. No answer within \
{format_duration(firm.restore.answer_within)} is a no.
5. **{named.SAFETY_BACKUP}**: a recovery point of what is there now.
6. **{named.CUT_OVER}**: the old data directory aside, the staged one in its place, proven; \
the new timeline is archived.
7. **{named.FULL_BACKUP}**: of the restored cluster, at once.
8. **{named.TELL_CONTACT}**: {firm.contact.name or "the firm"} hears what was done.
9. **{named.KEEP_RECORD}**: all of it under `restores/` in both vaults, however it ended.

| | |
|---|---|
| live data directory | {f"`{live}`" if live else "none in the firm's file: restores end in staging"} |
| may approve | {approvers} |

#### When it fails

* `{named.CUT_OVER}` is safe to clear: it finds out which cluster serves and goes on. \
`muniment live status {firm.id}` tells.
* Back to the old cluster: `muniment live roll-back {firm.id}`. Not needed any more: `muniment live release {firm.id}`.
"""

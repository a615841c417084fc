"""What the steps of a night and of a restore are called: task ids in Airflow, in records, on pages and in tests.

Whoever means a step names it from here: one that is renamed is renamed everywhere.
"""

CHECK_FIRM = "check_firm"
BASE_BACKUP = "base_backup"
VERIFY_WAL_CHECKPOINT = "verify_wal_checkpoint"
SYNC_DOCUMENTS = "sync_documents"
BACK_UP_CONFIG = "back_up_config"
COPY_TO_REPLICA = "copy_to_replica"
REGISTER_RECOVERY_POINT = "register_recovery_point"
EXPIRE = "expire"

NIGHT = (
    CHECK_FIRM,
    BASE_BACKUP,
    VERIFY_WAL_CHECKPOINT,
    SYNC_DOCUMENTS,
    BACK_UP_CONFIG,
    COPY_TO_REPLICA,
    REGISTER_RECOVERY_POINT,
    EXPIRE,
)
"""``<firm>__backup``, in its order."""

VALIDATE = "validate"
PLAN = "plan"
STAGE = "stage"
APPROVE = "approve"
SAFETY_BACKUP = "safety_backup"
CUT_OVER = "cut_over"
FULL_BACKUP = "full_backup"
TELL_CONTACT = "tell_contact"
KEEP_RECORD = "keep_record"

RESTORE = (VALIDATE, PLAN, STAGE, APPROVE, SAFETY_BACKUP, CUT_OVER, FULL_BACKUP, TELL_CONTACT, KEEP_RECORD)
"""``<firm>__restore``, in its order."""

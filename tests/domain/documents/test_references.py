from muniment.domain.documents.references import Reconciliation
from muniment.domain.firm.application import DocumentReference

BY_KEY = DocumentReference(table="practice.documents", column="storage_key")
THERE = [
    ("matters", "will.pdf"),
    ("matters", "../../etc/passwd"),
    ("archive", "will.pdf"),
    ("archive", "Äpfel/" + "x" * 1000),
]


def test_each_row_meets_its_document_whatever_its_key_looks_like() -> None:
    both = Reconciliation(THERE)
    check = both.compare(BY_KEY, [key for _, key in THERE])
    assert check.passed
    assert check.found == check.expected == "4 of 4 rows"
    assert both.named == set(THERE)
    assert both.unnamed().found == "0 of 4"


def test_a_row_whose_document_is_not_there_is_named() -> None:
    check = Reconciliation(THERE).compare(BY_KEY, ["will.pdf", "lost\n.pdf", *["gone.pdf"] * 9])
    assert not check.passed
    assert check.name == "documents named by practice.documents.storage_key"
    assert check.expected == "11 of 11 rows"
    assert check.found == "1 of 11 rows; not 'lost\\n.pdf'; not " + "; not ".join(["'gone.pdf'"] * 4)


def test_a_reference_may_name_its_bucket_and_a_value_may_be_whole() -> None:
    both = Reconciliation(THERE)
    elsewhere = BY_KEY.model_copy(update={"bucket": "archive"})
    assert both.compare(elsewhere, ["will.pdf"]).passed
    assert both.named == {("archive", "will.pdf")}
    assert not both.compare(elsewhere, ["../../etc/passwd"]).passed
    assert both.compare(elsewhere, ["s3://matters/will.pdf"]).passed
    assert not both.compare(BY_KEY, ["s3://archive/../../etc/passwd"]).passed


def test_what_no_row_names_is_told_and_not_judged() -> None:
    both = Reconciliation(THERE)
    both.compare(BY_KEY, ["will.pdf"])
    told = both.unnamed()
    assert told.passed is None
    assert told.found.startswith("2 of 4; 'archive/Äpfel/")

"""The demo firms' documents open in the programs that people have, and a day changes some of them."""

import io
import time
from uuid import uuid4

import docx
import pypdf
import pytest

from muniment_demo.cloud import Cloud
from muniment_demo.documents import ADDED, CHANGED, DELETED, Paper, create_bucket, first_day, live_a_day, store

PDF, WORD = Paper("acme", 1), Paper("acme", 3)


def test_a_pdf_opens_and_holds_its_text() -> None:
    pages = pypdf.PdfReader(io.BytesIO(PDF.body())).pages
    assert PDF.key.endswith(".pdf")
    assert PDF.title in pages[0].extract_text()


def test_a_word_file_opens_and_holds_its_text() -> None:
    document = docx.Document(io.BytesIO(WORD.body()))
    assert WORD.key.endswith(".docx")
    assert document.paragraphs[0].text == WORD.title
    assert all(paragraph.text for paragraph in document.paragraphs)


@pytest.mark.parametrize("paper", [PDF, WORD], ids=["pdf", "docx"])
def test_a_new_edition_has_the_same_key_and_other_bytes(paper: Paper) -> None:
    newer = Paper(paper.firm, paper.number, edition=2)
    assert newer.key == paper.key
    assert newer.body() != paper.body()
    first = paper.body()
    time.sleep(2.1)  # a zip dates its members in steps of two seconds
    assert Paper(paper.firm, paper.number).body() == first


def test_keys_are_as_people_make_them() -> None:
    keys = [paper.key for paper in first_day("acme")]
    assert len(set(keys)) == len(keys)
    assert all(" " in key and "/" in key for key in keys)
    assert any(not key.isascii() for key in keys)


def test_a_day_changes_deletes_and_adds(cloud: Cloud) -> None:
    s3, bucket = cloud.client("s3"), f"documents-{uuid4().hex[:8]}"
    create_bucket(s3, bucket, "us-east-1")
    store(s3, bucket, first_day("acme")[:12])
    live_a_day(s3, bucket, "acme")
    listed = s3.list_object_versions(Bucket=bucket)
    assert len(listed["DeleteMarkers"]) == DELETED
    assert len(listed["Versions"]) == 12 + CHANGED + ADDED
    assert sum(version["IsLatest"] for version in listed["Versions"]) == 12 + ADDED - DELETED

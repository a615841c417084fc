"""A firm's document bucket: real PDF and DOCX files under keys as people make them, and what a day does to them."""

import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from docx import Document as WordDocument
from fpdf import FPDF
from mypy_boto3_s3 import S3Client

from muniment_demo.prose import Prose

PER_FIRM = 40
# The share that vanishes in a day stays well under the policy's shrink limit: this is an ordinary day.
CHANGED, DELETED, ADDED = 3, 2, 3
_WRITTEN = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
_FOLDERS = (
    "2026-0142 Álvarez v. Müller GmbH/Correspondence",
    "2026-0142 Álvarez v. Müller GmbH/Pleadings & Motions",
    "2025-0088 Ekström estate (probate)/Instruments",
    "2026-0007 José Ramírez – immigration/Filings",
    "2024-0311 北京 Trading Co. acquisition/Due diligence",
    "Administration/Engagement letters",
)
_KINDS = ("Letter", "Agreement", "Brief", "Memorandum", "Affidavit")


@dataclass(frozen=True, slots=True)
class Paper:
    """One document: `edition` goes up with each new version of the same key."""

    firm: str
    number: int
    edition: int = 1

    @property
    def key(self) -> str:
        folder = _FOLDERS[self.number % len(_FOLDERS)]
        return f"Matters/{folder}/{_KINDS[self.number % 5]} no. {self.number:03d}{self.suffix}"

    @property
    def suffix(self) -> str:
        return ".docx" if self.number % 3 == 0 else ".pdf"

    @property
    def title(self) -> str:
        return f"{_KINDS[self.number % 5]} no. {self.number}, edition {self.edition}"

    def body(self) -> bytes:
        prose = Prose(f"{self.firm} {self.number} {self.edition}")
        paragraphs = [" ".join(prose.sentence() for _ in range(6)) for _ in range(5 + self.number % 7)]
        return _word(self.title, paragraphs) if self.suffix == ".docx" else _pdf(self.title, paragraphs)


def _pdf(title: str, paragraphs: list[str]) -> bytes:
    pdf = FPDF(format="letter")
    pdf.set_creation_date(_WRITTEN)
    pdf.set_title(title)
    pdf.add_page()
    pdf.set_font("Times", style="B", size=15)
    pdf.multi_cell(0, 9, title, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Times", size=11)
    for paragraph in paragraphs:
        pdf.multi_cell(0, 6, paragraph, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(3)
    return bytes(pdf.output())


def _word(title: str, paragraphs: list[str]) -> bytes:
    word = WordDocument()
    word.core_properties.title = title
    word.add_heading(title, level=1)
    for paragraph in paragraphs:
        word.add_paragraph(paragraph)
    file = io.BytesIO()
    word.save(file)
    return _dated(file)


def _dated(file: io.BytesIO) -> bytes:
    """The same text gives the same bytes: each member of a zip bears the time at which it was written."""
    dated = io.BytesIO()
    with zipfile.ZipFile(file) as parts, zipfile.ZipFile(dated, "w") as same:
        for part in parts.infolist():
            member = zipfile.ZipInfo(part.filename, _WRITTEN.timetuple()[:6])
            same.writestr(member, parts.read(part), zipfile.ZIP_DEFLATED)
    return dated.getvalue()


def create_bucket(s3: S3Client, bucket: str, region: str) -> None:
    """Versioned: a document that is overwritten or deleted keeps its versions."""
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **where)  # type: ignore[arg-type]  # a region is any string here
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def store(s3: S3Client, bucket: str, papers: Iterator[Paper] | list[Paper]) -> None:
    def put(paper: Paper) -> None:
        s3.put_object(Bucket=bucket, Key=paper.key, Body=paper.body(), ContentType=_content_type(paper))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, papers))


def _content_type(paper: Paper) -> str:
    if paper.suffix == ".pdf":
        return "application/pdf"
    return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def first_day(firm: str) -> list[Paper]:
    return [Paper(firm, number) for number in range(PER_FIRM)]


def added_in_a_day(firm: str) -> list[Paper]:
    return [Paper(firm, PER_FIRM + number) for number in range(ADDED)]


def deleted_in_a_day(firm: str) -> list[Paper]:
    return [Paper(firm, number) for number in range(1, DELETED * 5, 5)]


def live_a_day(s3: S3Client, bucket: str, firm: str) -> None:
    """Some documents get a new version, some are deleted, some are new."""
    changed = [Paper(firm, number, edition=2) for number in range(0, CHANGED * 5, 5)]
    store(s3, bucket, changed + added_in_a_day(firm))
    for paper in deleted_in_a_day(firm):
        s3.delete_object(Bucket=bucket, Key=paper.key)

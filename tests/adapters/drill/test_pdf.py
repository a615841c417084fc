"""The PDF of a drill says what the page says, word for word, and is the same bytes for the same evidence."""

import io
import unicodedata
from datetime import timedelta

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.adapters.drill.pdf import pdf_of
from muniment.domain.drill.evidence import Drill, PastDrill
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.evidence import Check
from tests.support.drills import NOW, drill


def words(pdf: bytes) -> str:
    """Without the places where a long word may break."""
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    text = " ".join(page.extract_text() for page in pages)
    return " ".join(text.replace("\N{ZERO WIDTH SPACE}", "").split())


def sign_off(found: Drill) -> SignOff:
    return SignOff(
        firm="alder", drill=found.id, drill_sha256=found.sha256, verdict="failed", quarter="2026-Q4", by="marlow",
        through="a test", note="Seen, *with* #care and $5.", signed_at=NOW,
    )  # fmt: skip


def test_it_says_what_the_page_says() -> None:
    said = words(pdf_of(drill(signing_key="arn:aws:kms:us-east-1:111122223333:key/k")))
    for text in (
        "Alder & Söhne",
        "failed",
        "1 min 40 s",
        "promised: 2 h 00 min (RTO)",
        "not known",
        "alder-replica in us-west-2: the replica vault alone",
        "base backups a, b",
        "rows of <b> 1 <script>2 failed",
        "1 drill, oldest on the left",
        "openssl dgst -sha256 -verify 20261120T170000000Z.pem",
    ):
        assert text in said


def test_nothing_in_the_evidence_is_markup() -> None:
    """typst's own signs, in every place that a firm or its data can fill."""
    signs = '#panic("no") *bold* _it_ $x^2$ `code` <label> @ref \\ = Heading // comment'
    odd = drill(firm_name=signs, failure=signs, checks=(Check(name=signs, expected=signs, found=signs, passed=False),))
    assert words(pdf_of(odd)).count("@ref \\ = Heading // comment") >= 5


def test_the_sign_off_is_on_it() -> None:
    said = words(pdf_of(drill(), sign_off(drill())))
    assert "Signed off for 2026-Q4 by marlow, 2026-11-20 17:00:00 UTC" in said
    assert "Seen, *with* #care and $5." in said


def test_the_same_evidence_is_the_same_bytes_and_an_archives_pdf() -> None:
    past = PastDrill(id="p", finished_at=NOW, side="primary", passed=True, recover_s=50, data_lost_s=1)
    found = drill(history=(past,) * 24)
    pdf = pdf_of(found)
    assert pdf == pdf_of(found)
    assert pdf != pdf_of(found.model_copy(update={"finished_at": NOW + timedelta(seconds=1)}))
    told = pypdf.PdfReader(io.BytesIO(pdf))
    assert told.xmp_metadata
    assert b"<pdfaid:part>2</pdfaid:part>" in told.xmp_metadata.stream.get_data()
    assert told.metadata
    assert told.metadata.title == f"{found.firm_name}: restore drill {found.id}, failed"


SCRIPTS = (
    "2024-0311 北京 Trading Co.", "契約書（東京）", "계약서", "สัญญาเช่า", "अनुबंध", "চুক্তি", "ஒப்பந்தம்", "ხელშეკრულება",
    "պայմանագիր", "ስምምነት", "កិច្ចសន្យា", "ສັນຍາ", "စာချုပ်", "Договор", "Σύμβαση", "🏛", "✓ → ≤",
)  # fmt: skip


@pytest.mark.parametrize("text", SCRIPTS)
def test_the_worlds_scripts_are_set_with_fonts_that_are_in_the_pdf(text: str) -> None:
    """In every place that a firm or its data can fill: in each font and weight of the page."""
    check = Check(name=text, expected=text, found=text, passed=False)
    pdf = pdf_of(
        drill(firm_name=text, failure=text, checks=(check,)), sign_off(drill()).model_copy(update={"by": text})
    )
    assert "[U+" not in words(pdf)
    fonts = embedded_fonts(pdf)
    assert all(fonts.values()), fonts
    # Thai and the scripts of India are drawn by glyphs that are parts of letters; what text they stand for is told.
    found = set(unicodedata.normalize("NFKD", words(pdf)))
    assert set(unicodedata.normalize("NFKD", text)) - {" "} <= found


def embedded_fonts(pdf: bytes) -> dict[str, bool]:
    """Font → whether its program is in the file, and which letters its glyphs are (what PDF/A-2u asks)."""
    fonts = {}
    for page in pypdf.PdfReader(io.BytesIO(pdf)).pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            (below,) = font["/DescendantFonts"]
            program = {"/FontFile2", "/FontFile3"} & set(below.get_object()["/FontDescriptor"])
            fonts[font["/BaseFont"]] = bool(program) and "/ToUnicode" in font
    return fonts


def test_what_no_font_has_is_set_by_its_code_point() -> None:
    """ᠮᠣᠩ (Mongolian), a hieroglyph, a control character, an unassigned code point, one that turns the text round."""
    odd = "a\a b \u182e\u1823\u1829 \U00013000 \u0378 \u202egpj\ue000 \0 x\u0301\u0378"
    check = Check(name=odd, expected=odd, found=odd, passed=False)
    found = drill(firm_name=odd, failure=odd, checks=(check,))
    said = words(pdf_of(found)).replace(" ", "")
    for code_point in ("0007", "182E", "1823", "1829", "13000", "0378", "202E", "E000", "0000"):
        assert said.count(f"[U+{code_point}]") >= 5
    assert pdf_of(found) == pdf_of(found)


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec=None), max_size=60))
def test_no_text_at_all_is_without_a_pdf(text: str) -> None:
    check = Check(name=text, expected=text[::-1], found=text, passed=False)
    assert pdf_of(drill(firm_name=text, failure=text, checks=(check,))).startswith(b"%PDF-1.7")


def test_words_that_no_line_holds_and_a_drill_that_came_to_nothing() -> None:
    digest = "0123456789abcdef" * 4
    check = Check(name=digest, expected=digest, found=f"s3://bucket/{'x' * 1000}", passed=True)
    assert words(pdf_of(drill(checks=(check,)))).replace(" ", "").count(digest) == 2
    nothing = drill(target=None, checks=(), steps=(), recover_s=None, failure="the vault <is> empty", plan=())
    said = words(pdf_of(nothing))
    assert "the vault <is> empty" in said
    assert "It did not come to a check." in said

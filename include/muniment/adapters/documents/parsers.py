"""Does a document open? One parser for each kind of file that we can tell it of."""

import io
from collections.abc import Callable, Mapping

import docx
import pypdf


def pdf_fault(content: bytes) -> str:
    """What pypdf says against this file; empty where it reads every page's text."""
    try:
        pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]
    except Exception as error:  # a parser of damaged files raises what the damage happens to lead to
        return f"{type(error).__name__}: {error}"
    return "" if pages else "it has no page"


def docx_fault(content: bytes) -> str:
    try:
        docx.Document(io.BytesIO(content))
    except Exception as error:  # zipfile, zlib and lxml raise through python-docx as they like
        return f"{type(error).__name__}: {error}"
    return ""


PARSERS: Mapping[str, Callable[[bytes], str]] = {".pdf": pdf_fault, ".docx": docx_fault}

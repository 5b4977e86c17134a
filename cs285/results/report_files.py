"""A report as files: one HTML page that needs nothing else, one PDF, and the figures."""

from __future__ import annotations

import base64
import csv
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cs285.errors import InvalidInput
from cs285.infrastructure.films import EXCERPT_SECONDS, excerpt
from cs285.infrastructure.learning_curve import save_figure
from cs285.results.report import Film, Picture, Report, Table

TITLE = "Imitation learning: behavioural cloning and DAgger"
DOTS_PER_INCH = 150
MARGIN = 14.0  # mm, of the PDF's pages
TABLE_POINTS = 6.8


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write report.html, report.pdf, table1.csv, table2.csv and every figure as PNG and PDF into a new folder.

    The folder appears when it is whole.

    Returns:
        The page and the PDF.

    Raises:
        InvalidInput: when the folder exists, or can't be written.
    """
    if folder.exists():
        raise InvalidInput(f"--output: {folder} exists; it is not overwritten")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder.parent) as scratch:
            unfinished = Path(scratch) / "report"
            unfinished.mkdir()
            (unfinished / "report.html").write_text(html_page(report), encoding="utf-8")
            (unfinished / "report.pdf").write_bytes(pdf_pages(report))
            for table in report.tables:
                _write_csv(table, unfinished / f"{table.name.lower().replace(' ', '')}.csv")
            for picture in report.pictures:
                for ending in (".png", ".pdf"):
                    save_figure(picture.figure, unfinished / f"{picture.file}{ending}")
            unfinished.rename(folder)
    except OSError as error:
        raise InvalidInput(f"can't write {folder}: {error.strerror or error}") from error
    return [folder / "report.html", folder / "report.pdf"]


def html_page(report: Report) -> str:
    """The report as one page, with its figures and videos in it."""
    import jinja2

    template = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    pictures = [(picture, _data_url("image/png", _png(picture))) for picture in report.pictures]
    films = [(film, _data_url("video/mp4", excerpt(film.path))) for film in report.films]
    values = {"title": TITLE, "report": report, "pictures": pictures, "films": films, "seconds": EXCERPT_SECONDS}
    return environment.from_string(template).render(values)


def pdf_pages(report: Report) -> bytes:
    """The report as A4 pages, without the videos."""
    from fpdf import FPDF
    from matplotlib import get_data_path

    pdf = FPDF(format="A4")
    pdf.set_margin(MARGIN)
    pdf.set_auto_page_break(True, MARGIN)
    fonts = Path(get_data_path()) / "fonts" / "ttf"
    for style, file in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
        pdf.add_font("text", style, str(fonts / file))
    pdf.add_font("mono", "", str(fonts / "DejaVuSansMono.ttf"))
    pdf.set_title(TITLE)
    pdf.add_page()
    _PdfWriter(pdf).write(report)
    return bytes(pdf.output())


class _PdfWriter:
    """Writes the parts of a report one below the other."""

    def __init__(self, pdf: object) -> None:
        from fpdf import FPDF

        assert isinstance(pdf, FPDF)
        self._pdf = pdf

    def write(self, report: Report) -> None:
        self._text(TITLE, 15, "B")
        for note in report.notes:
            self._text(note, 9)
        for table in report.tables:
            self._table(table)
        for picture in report.pictures:
            self._picture(picture)
        self._films(report.films)

    def _text(self, text: str, size: float, style: str = "", font: str = "text") -> None:
        self._pdf.set_font(font, style, size)
        self._pdf.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT", align="L")
        self._pdf.ln(1.5)

    def _commands(self, commands: Sequence[str]) -> None:
        self._text("\n".join(commands), 5.5, font="mono")

    def _table(self, table: Table) -> None:
        head = [name.replace("_", "_\n", 1) for name in table.head]
        widths = [self._width(name, cells) for name, *cells in zip(head, *table.rows, strict=True)]
        self._pdf.set_font("text", "", TABLE_POINTS)
        line = 2 * self._pdf.font_size
        if self._pdf.will_page_break(min((len(table.rows) + 5) * line, self._pdf.eph)):  # a table stays in one piece
            self._pdf.add_page()
        self._text(table.name, 11, "B")
        self._pdf.set_font("text", "", TABLE_POINTS)
        with self._pdf.table(
            col_widths=tuple(widths),
            text_align=("LEFT", *["RIGHT"] * (len(widths) - 1)),
            borders_layout="HORIZONTAL_LINES",
            line_height=line,
        ) as rows:
            for cells in (head, *table.rows):
                rows.row(cells)
        self._pdf.ln(2)
        self._text(table.caption, 8)
        self._commands(table.commands)

    def _width(self, head: str, cells: Sequence[str]) -> float:
        """What a column of a table needs for its cells and for every word over them, in mm."""
        self._pdf.set_font("text", "B", TABLE_POINTS)
        words = [self._pdf.get_string_width(word) for word in head.split()]
        self._pdf.set_font("text", "", TABLE_POINTS)
        return float(max(words + [self._pdf.get_string_width(cell) for cell in cells]) + 2 * self._pdf.c_margin + 0.5)

    def _picture(self, picture: Picture) -> None:
        width, height = picture.figure.get_size_inches()
        shown = min(self._pdf.epw, 150.0)
        with self._pdf.unbreakable() as block:  # a figure stays with its name
            block.set_font("text", "B", 11)
            block.cell(0, 8, picture.name, new_x="LMARGIN", new_y="NEXT")
            block.image(io.BytesIO(_png(picture)), x=(block.w - shown) / 2, w=shown, h=shown * height / width)
        self._text(picture.caption, 8)
        self._commands(picture.commands)

    def _films(self, films: Sequence[Film]) -> None:
        if films:
            self._text("Videos (in the HTML report)", 11, "B")
            self._text("\n".join(film.caption for film in films), 8)


def _write_csv(table: Table, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([table.head, *table.rows])


def _png(picture: Picture) -> bytes:
    drawn = io.BytesIO()
    picture.figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
    return drawn.getvalue()


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"

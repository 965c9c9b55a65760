"""The texts that several examples learn from: two Bibles in the public domain, as Debian packs them.

    apt-get install diatheke sword-text-web sword-text-sparv

`diatheke` prints the World English Bible and the Spanish Reina-Valera of 1909; what it printed is kept under
`runs/bible`, because printing takes half a minute.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

ENGLISH = "engWEB2015eb"
SPANISH = "spaRV1909eb"
INSTALL = "apt-get install diatheke sword-text-web sword-text-sparv"
BOOKS = """Genesis; Exodus; Leviticus; Numbers; Deuteronomy; Joshua; Judges; Ruth; I Samuel; II Samuel; I Kings;
II Kings; I Chronicles; II Chronicles; Ezra; Nehemiah; Esther; Job; Psalms; Proverbs; Ecclesiastes;
Song of Solomon; Isaiah; Jeremiah; Lamentations; Ezekiel; Daniel; Hosea; Joel; Amos; Obadiah; Jonah; Micah;
Nahum; Habakkuk; Zephaniah; Haggai; Zechariah; Malachi; Matthew; Mark; Luke; John; Acts; Romans;
I Corinthians; II Corinthians; Galatians; Ephesians; Philippians; Colossians; I Thessalonians;
II Thessalonians; I Timothy; II Timothy; Titus; Philemon; Hebrews; James; I Peter; II Peter; I John;
II John; III John; Jude; Revelation of John""".replace("\n", " ").split("; ")


def verses(module: str, books: list[str] = BOOKS) -> dict[str, str]:
    """The text of each verse by its place (`"Genesis 1:1"`), in the order of the books."""
    found: dict[str, str] = {}
    for book in books:
        path = Path("runs/bible", module, f"{book}.txt")
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_printed(module, book), "utf-8")
        for line in path.read_text("utf-8").splitlines():
            place, _, text = line.partition("\t")
            found[place] = text
    return found


def split_text(books: list[str] = BOOKS) -> tuple[str, str]:
    """The English text to learn from, and each twentieth chapter, which is held out.

    Verses stand one a line, with an empty line between chapters.
    """
    chapters: dict[str, list[str]] = {}
    for place, text in verses(ENGLISH, books).items():
        chapters.setdefault(place.partition(":")[0], []).append(text)
    texts = ["\n".join(lines) for lines in chapters.values()]
    held_out = texts[10::20]
    del texts[10::20]
    return "\n\n".join(texts), "\n\n".join(held_out)


def _printed(module: str, book: str) -> str:
    """A line of place, tab and text for each verse of a book."""
    # Footnotes are asked for and taken out here: without them diatheke prints the words around one together.
    command = ["diatheke", "-b", module, "-o", "f", "-f", "plain", "-k", book]
    if not shutil.which("diatheke"):
        raise FileNotFoundError(f"no program diatheke. Hint: {INSTALL}")
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if book not in printed:
        raise FileNotFoundError(f"diatheke has no text {module}. Hint: {INSTALL}")
    printed = re.sub(r" ?\[\d+:\d+ [^\]]*\]", "", printed)
    pieces = re.split(rf"^ *({book} \d+:\d+):", printed, flags=re.MULTILINE)
    lines = []
    for place, body in zip(pieces[1::2], pieces[2::2], strict=True):
        # After the empty line that ends a verse of a psalm comes the psalm's title, once a verse.
        text = body.partition("\n\n")[0] if book == "Psalms" else body
        text = " ".join(re.sub(r"\(?<[GH]\d+>\)?", "", text).removesuffix(f"({module})\n").split())
        text = re.sub(r" ([,.;:?!])", r"\1", text)
        text = text.partition(" The following words used in the World English Bible")[0]  # a glossary after the end
        if text:
            lines.append(f"{place}\t{text}")
    return "\n".join(lines) + "\n"

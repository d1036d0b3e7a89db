"""Codes of languages as tags hold them, of two letters or three, as ISO 639-1 writes them.

Codes belong here; which language words are in is told in `lyrics.language`.
"""

from __future__ import annotations

import re

# ISO 639-2, bibliographic and terminological codes: those of languages in which most songs are tagged.
_CODES = (
    "en:eng de:ger,deu fr:fre,fra es:spa it:ita pt:por nl:dut,nld sv:swe da:dan no:nor nb:nob nn:nno fi:fin is:ice,isl "
    "pl:pol cs:cze,ces sk:slo,slk sl:slv hr:hrv sr:srp bs:bos mk:mac,mkd bg:bul ru:rus uk:ukr be:bel lt:lit lv:lav "
    "et:est hu:hun ro:rum,ron el:gre,ell tr:tur ar:ara he:heb fa:per,fas ur:urd hi:hin bn:ben pa:pan ta:tam te:tel "
    "ja:jpn ko:kor zh:chi,zho th:tha vi:vie id:ind ms:may,msa tl:tgl sw:swa af:afr ga:gle cy:wel,cym ca:cat eu:baq,eus "
    "gl:glg la:lat sq:alb,sqi hy:arm,hye ka:geo,kat"
)
_OF_THREE = {
    three: two for two, _, all_three in (c.partition(":") for c in _CODES.split()) for three in all_three.split(",")
}
_TAG = re.compile(r"(?P<language>[a-z]{2,3})(?:[-_][a-z0-9]+)*", re.IGNORECASE)


def iso_639_1(code: str) -> str | None:
    """Return a code of two letters for one of two or three, or for a tag such as ``en-GB``; None for any other text."""
    match = _TAG.fullmatch(code.strip())
    language = match["language"].lower() if match else ""
    return language if len(language) == 2 else _OF_THREE.get(language)

"""English abbreviations, as patterns, and what is said for them. A new one is a line here."""

from __future__ import annotations

ABBREVIATIONS: tuple[tuple[str, str], ...] = (
    (r"\bMr\.", "Mister"), (r"\bMrs\.", "Missus"), (r"\bMs\.", "Miz"), (r"\bProf\.", "Professor"),
    (r"\bDr\.?(?=\s[A-Z])", "Doctor"), (r"(?<=[a-z]\s)Dr\.", "Drive"), (r"\bSt\.(?=\s[A-Z][a-z])", "Saint"),
    (r"(?<=[A-Za-z]\s)St\.", "Street"), (r"(?<=[a-z]\s)St(?=$|[,;?!]|\s[a-z])", "Street"),
    (r"\bAve\.", "Avenue"), (r"\bApt\.", "Apartment"),
    (r"\bRd\.", "Road"), (r"\bBlvd\.?", "Boulevard"),
    (r"\bMt\.(?=\s[A-Z])", "Mount"), (r"\bGen\.(?=\s[A-Z])", "General"), (r"\bSen\.(?=\s[A-Z])", "Senator"),
    (r"\bGov\.(?=\s[A-Z])", "Governor"), (r"\bRep\.(?=\s[A-Z])", "Representative"), (r"\bLt\.", "Lieutenant"),
    (r"\bSgt\.", "Sergeant"), (r"\bCapt\.", "Captain"), (r"\bCol\.(?=\s[A-Z])", "Colonel"),
    (r"\bRev\.(?=\s[A-Z])", "Reverend"), (r"\bHon\.(?=\s[A-Z])", "Honorable"),
    (r",?\sJr\b\.?", " Junior"), (r",?\sSr\b\.", " Senior"), (r"\bvs?\.(?=\s)", "versus"), (r"\bvs\b", "versus"),
    (r"\be\.g\.,?", "for example,"), (r"\bi\.e\.,?", "that is,"), (r"\betc\.", "et cetera"),
    (r"\bapprox\.", "approximately"), (r"\best\.", "established"), (r"\bdept\.", "department"),
    (r"\bInc\.", "Incorporated"), (r"\bLtd\.?", "Limited"), (r"\bCorp\.", "Corporation"),
    (r"\bCo\.(?=\s|$)", "Company"),
    (r"\bet al\.", "and others"), (r"\bPh\.D\.?", "PhD"), (r"\b[Ee]xt\.\s?(?=\d)", "extension "),
    (r"\bMon\.", "Monday"), (r"\bTues?\.", "Tuesday"), (r"\bWed\.", "Wednesday"), (r"\bThur?s?\.", "Thursday"),
    (r"\bFri\.", "Friday"), (r"\bSat\.(?=,|\s[A-Z\d])", "Saturday"),
    (r"\bw/o\b", "without"), (r"\bw/(?=\s|\w)", "with "),
    (r"\b(?:Figs?|figs?)\.\s?(?=\d)", "figure "), (r"\bpp\.\s?(?=\d)", "pages "), (r"\bp\.\s?(?=\d)", "page "),
    (r"\b(?:vol|Vol)\.\s?(?=\d)", "volume "),
    (r"\b[Cc]h\.\s?(?=\d)", "chapter "), (r"\bNos?\.\s?(?=\d)", "number "), (r"\bEst\.\s?(?=\d)", "established "),
)  # fmt: skip

#: What stands after a slash, as in $5/mo.
PER = {
    "month": "month", "mo": "month", "year": "year", "yr": "year", "day": "day", "week": "week", "wk": "week",
    "hour": "hour", "hr": "hour", "h": "hour", "person": "person", "night": "night", "share": "share", "kg": "kilogram",
    "lb": "pound", "ton": "ton", "barrel": "barrel", "gallon": "gallon", "minute": "minute", "min": "minute",
    "second": "second", "sec": "second", "unit": "unit", "user": "user", "seat": "seat", "kWh": "kilowatt hour",
    "liter": "liter", "litre": "litre", "piece": "piece", "page": "page", "word": "word",
}  # fmt: skip

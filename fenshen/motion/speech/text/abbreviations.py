"""English abbreviations, as patterns, and what is said for them. A new one is a line here."""

from __future__ import annotations

#: Before names, in a Chinese sentence as well.
TITLES: tuple[tuple[str, str], ...] = tuple(
    (rf"(?<![A-Za-z]){short}", name)
    for short, name in (
        (r"Mr\.", "Mister"), (r"Mrs\.", "Missus"), (r"Ms\.", "Miz"), (r"Prof\.", "Professor"),
        (r"Dr\.?(?=\s[A-Z])", "Doctor"), (r"St\.(?=\s[A-Z][a-z])", "Saint"),
    )
)  # fmt: skip
_END = r"\.(?=[\s,;:)]|$)"  # misc.py is a file
ABBREVIATIONS: tuple[tuple[str, str], ...] = (
    *TITLES, (r"(?<=[a-z]\s)Dr\.", "Drive"),
    (r"(?<=[A-Za-z]\s)St\.", "Street"), (r"(?<=[a-z]\s)St(?=$|[,;?!]|\s[a-z])", "Street"),
    (r"\bAve\.", "Avenue"), (r"\bApt\.", "Apartment"),
    (r"\bRd\.", "Road"), (r"\bBlvd\.?", "Boulevard"),
    (r"\bMt\.(?=\s[A-Z])", "Mount"), (r"\bGen\.(?=\s[A-Z])", "General"), (r"\bSen\.(?=\s[A-Z])", "Senator"),
    (r"\bGov\.(?=\s[A-Z])", "Governor"), (r"\bRep\.(?=\s[A-Z])", "Representative"), (r"\bLt\.", "Lieutenant"),
    (r"\bSgt\.", "Sergeant"), (r"\bCapt\.", "Captain"), (r"\bCol\.(?=\s[A-Z])", "Colonel"),
    (r"\bRev\.(?=\s[A-Z])", "Reverend"), (r"\bHon\.(?=\s[A-Z])", "Honorable"),
    (r",?\sJr\b\.?", " Junior"), (r",?\sSr\b\.", " Senior"), (r"\bvs?\.(?=\s)", "versus"), 
    (r"\b(?:vs\b|V[Ss]\.(?=\s))", "versus"),
    (r"\b(?:feat\.|(?<!\d\s)ft\.(?=\s[A-Z]))", "featuring"), (r"\bEp\.\s?(?=\d)", "episode "),
    (r"\be\.g\.,?", "for example,"), (r"\bi\.e\.,?", "that is,"), (r"\betc\.", "et cetera"),
    (r"\bapprox\.", "approximately"), (r"\best\.", "established"), (r"\bdept\.", "department"),
    (r"\bInc\.", "Incorporated"), (r"\bLtd\.?", "Limited"), (r"\bCorp\.", "Corporation"),
    (r"\bCo\.(?=\s|$)", "Company"),
    (r"\bet al\.", "and others"), (rf"\bcf{_END}", "compare"), (r"\bEsq\.?", "Esquire"),
    (rf"\bmax{_END}", "maximum"), (r"(?<!\d)(?<!\d\s)\bmin\.(?=\s\d)", "minimum"), (rf"\bavg{_END}", "average"),
    (rf"\bmisc{_END}", "miscellaneous"), (rf"\bincl{_END}", "including"), (rf"\bexcl{_END}", "excluding"),
    (rf"\bgovt{_END}", "government"), (rf"\bGovt{_END}", "Government"), (r"\bc/o\b", "care of"),
    (r"\bsq\.\s?(?=(?:ft|m|km|mi|in|yd)\b)", "sq "), (r"\bcu\.\s?(?=(?:ft|m|in|yd)\b)", "cu "),
    (r"\bPh\.D\.?", "PhD"), (r"\b[Ee]xt\.\s?(?=\d)", "extension "),
    (r"\bMon\.", "Monday"), (r"\bTues?\.", "Tuesday"), (r"\bWed\.", "Wednesday"), (r"\bThur?s?\.", "Thursday"),
    (r"\bFri\.", "Friday"), (r"\bSat\.(?=,|\s[A-Z\d])", "Saturday"),
    (r"\bw/o\b", "without"), (r"\bw/(?=\s|\w)", "with "),
    (r"\b(?:Figs?|figs?)\.\s?(?=\d)", "figure "), (r"\b[Ee]q\.\s?(?=\d)", "equation "),
    (r"\b[Ee]qs\.\s?(?=\d)", "equations "), (r"\b[Oo]p\.\s?(?=\d)", "opus "), (r"\bSec\.\s?(?=\d)", "section "),
    (r"\bArt\.\s?(?=\d)", "article "), (r"\bRef\.\s?(?=\d)", "reference "),
    (r"\b[Tt]el\b\.?(?=:?\s?[+(\d])", "telephone"), (r"\bFt\.(?=\s[A-Z])", "Fort"),
    (r"\bMaj\.(?=\s[A-Z])", "Major"), (r"\bAdm\.(?=\s[A-Z])", "Admiral"), (r"\bCmdr\.(?=\s[A-Z])", "Commander"),
    (r"\bca?\.(?=\s?\d)", "circa"), (r"\breg\.(?=\s?[$€£¥\d])", "regular"), (r"(?<=\d)\s?ea\b\.?", " each"),
    (r"(?<=\d)\s?in\.(?=\s[a-z]|[,;)]|$)", " inches"), (r"\bpp\.\s?(?=\d)", "pages "), (r"\bp\.\s?(?=\d)", "page "),
    (r"\b(?:vol|Vol)\.\s?(?=\d)", "volume "),
    (r"\b[Cc]h\.\s?(?=\d)", "chapter "), (r"\b[Nn]o\.\s?(?=\d)", "number "),
    (r"\bNos\.\s?(?=\d)", "numbers "), (r"\bHwy\b\.?", "Highway"), (r"\bBros\.", "Brothers"), (r"\bthru\b", "through"),
    (rf"\bagg{_END}", "aggregate"), (r"\bb\.(?=\s?\d{4})", "born"), (r"\bd\.(?=\s?\d{4})", "died"),
    (r"\bEst\.\s?(?=\d)", "established "),
)  # fmt: skip

#: What stands after a slash, as in $5/mo.
PER = {
    "month": "month", "mo": "month", "year": "year", "yr": "year", "day": "day", "week": "week", "wk": "week",
    "hour": "hour", "hr": "hour", "h": "hour", "person": "person", "night": "night", "share": "share",
    "kg": "kilogram", "lb": "pound", "ton": "ton", "barrel": "barrel", "bbl": "barrel", "oz": "ounce",
    "gal": "gallon", "mile": "mile", "ft": "foot", "item": "item", "ticket": "ticket", "guest": "guest",
    "child": "child", "adult": "adult", "room": "room", "game": "game", "gallon": "gallon", "minute": "minute",
    "min": "minute", "second": "second", "sec": "second", "unit": "unit", "user": "user", "seat": "seat",
    "kWh": "kilowatt hour", "liter": "liter", "litre": "litre", "piece": "piece", "page": "page", "word": "word",
}  # fmt: skip

#: The books of the Bible, whose chapters and verses are read as two numbers.
SCRIPTURE = (
    "Genesis|Exodus|Leviticus|Numbers|Deuteronomy|Joshua|Judges|Ruth|Samuel|Kings|Chronicles|Ezra|Nehemiah|Esther|Job"
    "|Psalms?|Proverbs|Ecclesiastes|Isaiah|Jeremiah|Ezekiel|Daniel|Hosea|Joel|Amos|Micah|Matthew|Mark|Luke|John|Acts"
    "|Romans|Corinthians|Galatians|Ephesians|Philippians|Colossians|Thessalonians|Timothy|Titus|Hebrews|James|Peter"
    "|Revelation"
)

#: The states of America, which stand after a town.
_STATES = (
    "AL=Alabama AK=Alaska AZ=Arizona AR=Arkansas CA=California CO=Colorado CT=Connecticut DE=Delaware FL=Florida"
    " GA=Georgia HI=Hawaii ID=Idaho IL=Illinois IN=Indiana IA=Iowa KS=Kansas KY=Kentucky LA=Louisiana ME=Maine"
    " MD=Maryland MA=Massachusetts MI=Michigan MN=Minnesota MS=Mississippi MO=Missouri MT=Montana NE=Nebraska"
    " NV=Nevada NH=New_Hampshire NJ=New_Jersey NM=New_Mexico NY=New_York NC=North_Carolina ND=North_Dakota"
    " OH=Ohio OK=Oklahoma OR=Oregon PA=Pennsylvania RI=Rhode_Island SC=South_Carolina SD=South_Dakota"
    " TN=Tennessee TX=Texas UT=Utah VT=Vermont VA=Virginia WA=Washington WV=West_Virginia WI=Wisconsin WY=Wyoming"
)
STATES = {pair[:2]: pair[3:].replace("_", " ") for pair in _STATES.split()}

#: Kings and popes, whose Roman numbers are ordinals.
RULERS = (
    "Henry|Louis|Elizabeth|Charles|George|Edward|William|James|Richard|Paul|Benedict|Philip|Napoleon|Catherine|Mary"
    "|Francis|Frederick|Wilhelm|Nicholas|Alexander|Peter|Pius|Leo|John|Ramses|Carl|Gustav|Haakon|Harald|Ivan"
)

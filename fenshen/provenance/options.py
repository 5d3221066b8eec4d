"""How what Fenshen draws is marked: the options that all commands share that draw."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fenshen.commands import Word
from fenshen.errors import UsageError

if TYPE_CHECKING:
    from fenshen.provenance.certificates import Signer

PRODUCER = "Fenshen"
_LONGEST = 200  # characters


@dataclass(frozen=True)
class MarkOptions:
    """How an output is marked. The watermark, the metadata and the credentials are always there.

    Attributes:
        label: draw the small visible label; into sound alone, sound its rhythm
        producer: who is named as the producer in China's implicit label: a company or its registered code
        certificate: your own certificate chain instead of the self-made one; needs --key
        key: the private key that belongs to --certificate
        time_stamps: address of a time stamp authority (RFC 3161) that is asked when each file is signed
    """

    label: bool = True
    producer: str = PRODUCER
    certificate: Annotated[Path | str | None, Word(metavar="PEM")] = None
    key: Annotated[Path | str | None, Word(metavar="PEM")] = None
    time_stamps: Annotated[str | None, Word(metavar="URL")] = None

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UsageError: only one of certificate and key, no or too long a producer, or no web address.
        """
        if (self.certificate is None) != (self.key is None):
            raise UsageError("cli.certificate_and_key")
        if not 1 <= len(self.producer.strip()) <= _LONGEST:
            raise UsageError("provenance.bad_producer", producer=self.producer)
        if self.time_stamps is not None and not re.fullmatch(r"https?://[^\s/]+\S*", self.time_stamps):
            raise UsageError("provenance.bad_address", address=self.time_stamps)

    def signer(self) -> Signer | None:
        """Who signs; None for the self-made certificate.

        Raises:
            FenshenError: the certificate or the key cannot be used.
        """
        if self.certificate is None or self.key is None:
            return None
        from fenshen.provenance.certificates import load

        return load(Path(self.certificate), Path(self.key))

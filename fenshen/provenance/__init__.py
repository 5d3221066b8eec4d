"""Where a picture comes from, and with whose consent: credentials, an invisible mark, a visible label."""

from fenshen.provenance.consent import Consent
from fenshen.provenance.mark import Mark

__all__ = ["Consent", "Mark"]

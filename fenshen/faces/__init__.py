"""Faces: find, align, measure, judge and identify them.

``detect`` finds faces and their landmarks; ``align`` cuts portraits; ``clip`` keeps one steady crop over a
video; ``measure`` turns a face into controls; ``judge`` says how good a portrait is; ``identity`` says
whether two portraits show the same person.
"""

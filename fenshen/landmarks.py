"""MediaPipe's 478 face landmarks: how many there are, and which is which.

A landmark is a row of an array [478, 2] or [478, 3]. The first 468 are the face mesh, the last 10 the irises. This
module owns their numbers; nothing else in the tree spells one out. Right and left are the subject's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Side = TypeVar("Side")


@dataclass(frozen=True)
class Pair(Generic[Side]):
    """A landmark, or several, on the subject's right, and the mirror image on the left. Iterates in this order."""

    right: Side
    left: Side

    def __iter__(self) -> Iterator[Side]:
        return iter((self.right, self.left))


Points = tuple[int, ...]

COUNT = 478
MESH = 468  # the face mesh; the irises follow

# On the midline, from top to bottom.
FOREHEAD = 10  # the top of the mesh
FOREHEAD_MIDDLE = 151
NOSE_BRIDGE = 6
NOSE_RIDGE = 195
NOSE_RIDGE_LOW = 5
NOSE_TIP = 4
NOSE_BASE = 2
PHILTRUM = 164
CHIN_FRONT = 199
CHIN = 152  # the bottom of the mesh

# Forehead and temples.
HAIRLINE = Pair(67, 297)
FOREHEAD_CORNER = Pair(54, 284)
ABOVE_BROW_INNER = Pair(108, 337)
ABOVE_BROW_OUTER = Pair(69, 299)
TEMPLE = Pair(127, 356)

# Around the eyes.
EYE_OUTER = Pair(33, 263)  # corners; the distance between them is the usual unit of landmark errors (300-W)
EYE_INNER = Pair(133, 362)
BESIDE_EYE = Pair(143, 372)
UNDER_EYE = Pair(230, 450)
UNDER_EYE_INNER = Pair(121, 350)

# Nose, cheeks, mouth and jaw.
NOSE_SIDE = Pair(198, 420)
NOSE_WING = Pair(129, 358)
CHEEKBONE = Pair(117, 346)
CHEEKBONE_BACK = Pair(116, 345)
CHEEK_UPPER = Pair(119, 348)
CHEEK = Pair(50, 280)
CHEEK_LOWER = Pair(205, 425)
CHEEK_BACK = Pair(147, 376)
BESIDE_MOUTH = Pair(210, 430)
MOUTH_CORNERS = Pair(61, 291)
BEFORE_EAR = Pair(234, 454)
BELOW_EAR = Pair(132, 361)
JAW_BACK = Pair(58, 288)
JAW_ANGLE = Pair(172, 397)

# Lids from the outer to the inner corner of the eye.
UPPER_LID: Pair[Points] = Pair(
    (33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362)
)
LOWER_LID: Pair[Points] = Pair(
    (33, 7, 163, 144, 145, 153, 154, 155, 133), (263, 249, 390, 373, 374, 380, 381, 382, 362)
)
# An iris is its centre, then four points of its edge: on the subject's left, at the top, on the right, at the bottom.
IRIS: Pair[Points] = Pair((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
IRIS_OUTER = Pair(471, 474)
IRIS_INNER = Pair(469, 476)

# The two edges of each brow, from the outside in.
BROW_UPPER: Pair[Points] = Pair((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
BROW_LOWER: Pair[Points] = Pair((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))

# Edges of the lips, from the right to the left corner of the mouth.
UPPER_LIP_OUTSIDE: Points = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
UPPER_LIP_INSIDE: Points = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_LIP_INSIDE: Points = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LOWER_LIP_OUTSIDE: Points = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)

# The nose from its root to the tip, then along its base from right to left.
NOSE: Points = (168, 195, 4, 98, 97, 2, 326, 327)

# The edge of the mesh, from the forehead down to the chin.
OUTLINE: Pair[Points] = Pair(
    (10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
)

# Of both eyes and the mouth, right, left, mouth: the two corners, and the middles of the upper and the lower edge of
# the opening between them.
CORNERS: tuple[tuple[int, int], ...] = ((33, 133), (263, 362), (61, 291))
OPENINGS: tuple[tuple[int, int], ...] = ((159, 145), (386, 374), (13, 14))
LIPS = OPENINGS[2]

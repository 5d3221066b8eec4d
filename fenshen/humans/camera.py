"""The camera: where it stands, and where it must look to put the head where its controls say.

Controls are relative to the picture, as :mod:`fenshen.faces` measures them on real video: the head's turn
against the line of sight, its place and size in the crop. The camera therefore always faces the head's centre, and
the crop moves over what it sees; the shoulders turn away with the camera's azimuth, the head does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from fenshen import controls as control_space
from fenshen.faces import pose

# Depth range, in metres before and behind the head's centre.
_NEAR, _FAR = 0.35, 1.5


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from.

    Args:
        azimuth: around the person, in radians; > 0 moves the camera to the subject's left.
        elevation: above the horizon, in radians.
        distance: from the head's centre, in metres; nearer means stronger perspective.
    """

    azimuth: float = 0.0
    elevation: float = 0.0
    distance: float = 1.3

    def __post_init__(self) -> None:
        ranges = {"azimuth": (-1.2, 1.2), "elevation": (-0.6, 0.6), "distance": (0.6, 10.0)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"camera's {name} is {value:g}, outside [{low:g}, {high:g}]")

    @property
    def rotation(self) -> Float[ndarray, "3 3"]:
        """From the world (z up, face to -y) to the view: x right, y up, z to the viewer."""
        ca, sa = math.cos(self.azimuth), math.sin(self.azimuth)
        ce, se = math.cos(self.elevation), math.sin(self.elevation)
        right = np.array([ca, sa, 0])
        back = np.array([sa * ce, -ca * ce, se])
        return np.stack([right, np.cross(back, right), back])


FRONT = Camera().rotation


@dataclass(frozen=True, eq=False)
class HeadAtRest:
    """The canonical face fitted into a person's head at rest, in world axes and metres.

    Attributes:
        centre: see :class:`fenshen.faces.pose.HeadFrame`.
        rotation: the canonical face's rotation in the view axes of a camera in front.
        height: height of the face.
    """

    centre: Float[ndarray, "3"]
    rotation: Float[ndarray, "3 3"]
    height: float


def fit_head(landmarks: Float[ndarray, "478 3"]) -> HeadAtRest:
    """Fit the head of a person from their landmarks at rest, in world axes."""
    seen = landmarks @ FRONT.T * (1, -1, -1)  # x right, y down, z into the scene
    frame = pose.head_frame(seen)
    # The same fit seen from the side has the depth as its x.
    aside = pose.head_frame(np.column_stack([seen[:, 2], seen[:, 1], -seen[:, 0]]))
    centre = np.array([frame.centre[0], -frame.centre[1], -aside.centre[0]])
    return HeadAtRest(FRONT.T @ centre, frame.rotation, frame.height)


@dataclass(frozen=True, eq=False)
class View:
    """A camera aimed at a posed head.

    Attributes:
        turn: the head's world rotation that makes it stand in the picture as the controls say.
        world_to_view: rotation and translation.
        view: world to clip space.
        eye: the camera's place.
        scale: picture sides per metre at the head's centre.
    """

    turn: Float[ndarray, "3 3"]
    world_to_view: Float[ndarray, "4 4"]
    view: Float[ndarray, "4 4"]
    eye: Float[ndarray, "3"]
    scale: float
    distance: float

    def project(self, points: Float[ndarray, "N 3"]) -> Float[ndarray, "N 3"]:
        """Positions in the picture: x right, y down and depth behind the head's centre, all in picture sides."""
        clip = np.column_stack([points, np.ones(len(points))]) @ self.view.T
        flat = clip[:, :2] / clip[:, 3:] * (0.5, -0.5) + 0.5
        return np.column_stack([flat, (clip[:, 3] - self.distance) * self.scale])


def turn_of(camera: Camera, head: HeadAtRest, controls: Float[ndarray, "58"]) -> Float[ndarray, "3 3"]:
    """The head's rotation in the world, from its yaw, pitch and roll in the picture."""
    return camera.rotation.T @ target_rotation(controls) @ head.rotation.T @ FRONT


def target_rotation(controls: Float[ndarray, "58"]) -> Float[ndarray, "3 3"]:
    """The canonical face's rotation in the picture, in view axes."""
    return pose.rotation(*(float(controls[control_space.INDEX[name]]) for name in control_space.ROTATION))


def aim(
    camera: Camera,
    head: HeadAtRest,
    controls: Float[ndarray, "58"],
    turn: Float[ndarray, "3 3"],
    centre: Float[ndarray, "3"],
) -> View:
    """Frame a posed head.

    Args:
        turn: from :func:`turn_of`.
        centre: the posed head's centre.
    """
    x, y, scale = (float(controls[control_space.INDEX[name]]) for name in control_space.PLACEMENT)
    rotation, distance = camera.rotation, camera.distance
    eye = centre + distance * rotation[2]
    world_to_view = np.eye(4)
    world_to_view[:3, :3] = rotation
    world_to_view[:3, 3] = -rotation @ eye
    per_metre = control_space.FACE_HEIGHT * 2**scale / head.height
    near, far = max(distance - _NEAR, 0.1), distance + _FAR
    shift_x, shift_y = 2 * (control_space.CENTRE[0] + x) - 1, 1 - 2 * (control_space.CENTRE[1] + y)
    zoom = 2 * per_metre * distance
    projection = np.array(
        [
            [zoom, 0, -shift_x, 0],
            [0, zoom, -shift_y, 0],
            [0, 0, (far + near) / (near - far), 2 * far * near / (near - far)],
            [0, 0, -1, 0],
        ]
    )
    return View(turn, world_to_view, projection @ world_to_view, eye, per_metre, distance)


def orthographic(
    centre: Float[ndarray, "3"], towards: Float[ndarray, "3"], half: float, depth: float
) -> Float[ndarray, "4 4"]:
    """World to clip space for a parallel light from direction ``towards``, ``half`` metres to each side."""
    up = np.array([0.0, 0.0, 1.0]) if abs(towards[2]) < 0.95 else np.array([0.0, 1.0, 0.0])
    right = np.cross(up, towards)
    right /= np.linalg.norm(right)
    axes = np.stack([right / half, np.cross(towards, right) / half, -towards / depth])
    matrix = np.eye(4)
    matrix[:3, :3] = axes
    matrix[:3, 3] = -axes @ centre
    return matrix

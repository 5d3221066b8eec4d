"""Every number that ``docs/*/seed.md`` quotes about the tutorial, computed by running the tutorial.

``goal`` is the number the page quotes; ``ok`` says that it still comes out, within ``tolerance``.
Run as ``python benchmarks/seed_numbers.py [--quick]``: 25 seconds on two idle cores, 15 with ``--quick``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from reporting import Figure, parser, report
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from tutorial import BATCH_SIZE, IMAGE_SIZE, Z_DIM, Discriminator, Generator, Programme, as_written


def error_of(action: Callable[[], object]) -> str:
    """The name of the error that ``action`` raises, or ``"none"``."""
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return "none"


def shapes() -> Iterator[Figure]:
    """Section 5.2.1: what the two networks make of the programme's own 64 px data."""
    G, D = Generator(), Discriminator()
    fakes = G(torch.randn(2, Z_DIM, 1, 1))
    yield Figure("generator_side", fakes.shape[-1], 32, unit="px")
    yield Figure("scores_a_side_real", D(torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE)).shape[-1], 5)
    yield Figure("scores_a_side_fake", D(fakes).shape[-1], 1)
    yield Figure("generator_parameters", sum(p.numel() for p in G.parameters()), 1_068_928)
    yield Figure("discriminator_parameters", sum(p.numel() for p in D.parameters()), 663_296)


def pseudo_code() -> Iterator[Figure]:
    """Section 3.1, line by line: each line that cannot run, run."""
    G, D = Generator(), Discriminator()
    real = torch.rand(8, 3, IMAGE_SIZE, IMAGE_SIZE) * 2 - 1
    yield Figure("flat_noise", error_of(lambda: G(torch.randn(8, Z_DIM))), "RuntimeError")
    fakes = G(torch.randn(8, Z_DIM, 1, 1))
    yield Figure("cat_64_and_32", error_of(lambda: torch.cat([real, fakes], dim=0)), "RuntimeError")
    small = F.avg_pool2d(real, 2)
    scores = D(torch.cat([small, fakes], dim=0))
    yield Figure("scores_indexed_by_pictures", error_of(lambda: scores[small]), "IndexError")

    D(fakes).mean().backward()  # the generator's step; its graph is freed
    yield Figure("same_fakes_again", error_of(lambda: D(fakes).mean().backward()), "RuntimeError")

    score = torch.tensor(0.5, requires_grad=True)
    (slope,) = torch.autograd.grad(-torch.log(1 - score), score)
    yield Figure("pseudo_generator_slope", slope.item(), 2.0, 1e-6)
    (slope,) = torch.autograd.grad(-torch.log(score), score)
    yield Figure("non_saturating_slope", slope.item(), -2.0, 1e-6)


def last_batch() -> Iterator[Figure]:
    """Section 5.2.2: 1,000 pictures leave 40 for the last batch, against which 64 latents are drawn."""
    real = torch.split(torch.zeros(1000, 1), BATCH_SIZE)[-1]
    yield Figure("last_batch_real", len(real), 40)
    yield Figure("last_batch_fake", BATCH_SIZE, 64)
    yield Figure("last_batch_weight", BATCH_SIZE / len(real), 1.6, unit="x")
    labels = torch.ones(BATCH_SIZE, 1)
    mismatch = error_of(lambda: F.binary_cross_entropy(torch.full_like(real, 0.5), labels))
    yield Figure("labels_of_batch_size", mismatch, "ValueError")


def worked_losses() -> Iterator[Figure]:
    """Section 4.2: the losses of D(x) = 0.9, D(G(z)) = 0.4, then 0.5, under each reading, in natural logs."""
    real, fake, fooled = math.log(0.9), math.log(0.4), math.log(0.5)
    caught = math.log(1 - 0.4)
    share = 50 / 100
    readings = {
        "loss_d_first_line": (-share * (real + 0 * fake), 0.0527),  # the label 0 multiplies log D(G(z)) away
        "loss_d_second_line": (-share * (real + fake), 0.5108),
        "loss_d_formula_n100": (-share * (real + caught), 0.3081),
        "loss_d_formula_n50": (-(real + caught), 0.6162),
        "loss_g_n100": (-share * fooled, 0.3466),
        "loss_g_n50": (-fooled, 0.6931),
        "total_from_printed": (0.0392 + 0.1 * 0.1269, 0.0519),
        "total_n100": (-share * fooled - 0.1 * share * (real + caught), 0.3774),
        "total_n50": (-fooled - 0.1 * (real + caught), 0.7548),
        # A ratio of two losses does not depend on the logarithm's base, so no base can give the printed pair.
        "ratio_printed": (0.1269 / 0.0392, 3.24),
        "ratio_first_line": (real / fooled, 0.15),
        "ratio_second_line": ((real + fake) / fooled, 1.47),
        "ratio_formula": ((real + caught) / fooled, 0.89),
        # Whatever scores stand for the dots of its lists (0.85 to 0.9, 0.3 to 0.4; 0.5 to 0.6), between:
        "loss_d_least": (-share * (math.log(0.9) + math.log(0.7)), 0.231),
        "loss_d_most": (-share * (math.log(0.85) + math.log(0.6)), 0.337),
        "loss_g_least": (-share * math.log(0.6), 0.255),
        "loss_g_most": (-share * math.log(0.5), 0.347),
    }
    for name, (value, goal) in readings.items():
        decimals = len(str(goal).split(".")[1])
        yield Figure(name, round(value, decimals + 2), goal, 0.5 * 10**-decimals)


def formulas() -> Iterator[Figure]:
    """Section 4.3: the pooling and convolution formulas as printed, against PyTorch's operators."""
    ones = torch.ones(1, 1, 8, 8)
    pooled = F.avg_pool2d(ones, 3, 1) * 9 / (2 * 2)  # sums k = i-1..i+1 and l = j-1..j+1, divides by 2 x 2
    yield Figure("pooling_terms", 3 * 3, 9)
    yield Figure("pooling_of_ones", pooled.mean().item(), 2.25, 1e-6)
    yield Figure("average_pool_of_ones", F.avg_pool2d(ones, 2).mean().item(), 1.0, 1e-6)

    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(1, 1, 8, 8, generator=generator)
    kernel = torch.randn(1, 1, 3, 3, generator=generator)
    printed = _printed_convolution(picture[0, 0], kernel[0, 0])
    flipped = F.conv2d(picture, kernel.flip(-1, -2))[0, 0]
    yield Figure("convolution_is_flipped", (printed - flipped).abs().max().item(), 0.0, 1e-5)
    differs = (printed - F.conv2d(picture, kernel)[0, 0]).abs().max().item() > 0.1
    yield Figure("convolution_differs_from_conv2d", float(differs), 1.0)


def _printed_convolution(picture: Float[Tensor, "H W"], kernel: Float[Tensor, "3 3"]) -> Float[Tensor, "h w"]:
    """Output(i, j) = sum over k, m of W[k, m] Input(i-k+1, j-m+1), where every index falls inside."""
    side = picture.shape[0]
    output = torch.zeros(side - 2, side - 2)
    for i in range(3, side + 1):  # the formula counts from 1
        for j in range(3, side + 1):
            terms = [kernel[k - 1, m - 1] * picture[i - k, j - m] for k in (1, 2, 3) for m in (1, 2, 3)]
            output[i - 3, j - 3] = torch.stack(terms).sum()
    return output


def wasted_work() -> Iterator[Figure]:
    """Section 5.2.2: the discriminator's step also runs back through the generator, for nothing."""
    programme, real = as_written(), torch.zeros(BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE)
    with FlopCounterMode(display=False) as step:
        programme.step(real)
    backward = []
    for fakes in (programme.G(torch.randn(BATCH_SIZE, Z_DIM, 1, 1)), torch.zeros(BATCH_SIZE, 3, 32, 32)):
        scores = programme.D(fakes)
        with FlopCounterMode(display=False) as counter:
            scores.mean().backward()
        backward.append(counter.get_total_flops())
    share = (backward[0] - backward[1]) / step.get_total_flops()
    yield Figure("work_thrown_away", round(share, 3), 0.09, 0.005, "of a step")


def drawn(count: int, size: int, seed: int) -> Float[Tensor, "N 3 size size"]:
    """Pictures as simple as pictures get: one disc of one colour on a pale ground, in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    uniform = lambda *shape: torch.rand(count, *shape, 1, 1, generator=generator)  # noqa: E731
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    distance = ((x - 0.8 * (uniform(1) - 0.5)) ** 2 + (y - 0.8 * (uniform(1) - 0.5)) ** 2).sqrt()
    disc = torch.sigmoid((0.3 + 0.3 * uniform(1) - distance) * size / 2)
    ink, ground = uniform(3), 0.7 + 0.3 * uniform(3)
    return (ground * (1 - disc) + ink * disc) * 2 - 1


def energy_distance(a: Float[Tensor, "N 3 H W"], b: Float[Tensor, "M 3 H W"]) -> float:
    """Szekely and Rizzo's 2 E|a-b| - E|a-a'| - E|b-b'| between pictures at 8 x 8; 0 if alike."""
    a, b = (F.avg_pool2d(x, x.shape[-1] // 8).flatten(1) for x in (a, b))
    return (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


def mended_step(programme: Programme, real: Float[Tensor, "B 3 H W"]) -> None:
    """The tutorial's step with one thing changed: binary cross entropy, as its text (5.3.3) says."""
    ones, zeros = torch.ones(len(real), 1, 1, 1), torch.zeros(len(real), 1, 1, 1)
    fakes = programme.G(torch.randn(len(real), Z_DIM, 1, 1))
    programme.optimizer_D.zero_grad()
    D_loss = F.binary_cross_entropy(programme.D(real), ones)
    D_loss = D_loss + F.binary_cross_entropy(programme.D(fakes.detach()), zeros)
    D_loss.backward()
    programme.optimizer_D.step()

    programme.optimizer_G.zero_grad()
    F.binary_cross_entropy(programme.D(fakes), ones).backward()
    programme.optimizer_G.step()


@torch.no_grad()
def sample(programme: Programme, count: int = 512) -> Float[Tensor, "N 3 H W"]:
    """Pictures from the generator as the tutorial draws them: in training mode, 64 at a time."""
    return torch.cat([programme.G(torch.randn(BATCH_SIZE, Z_DIM, 1, 1)) for _ in range(count // BATCH_SIZE)])


def losses_as_written(steps: int) -> Iterator[Figure]:
    """Section 5.2.2, run as it stands on 64 px data: both players raise the score of fakes."""
    torch.manual_seed(0)
    programme, real = as_written(), drawn(512, IMAGE_SIZE, seed=1)
    norms = []
    for _ in range(steps):
        D_loss, G_loss = programme.step(real[torch.randint(len(real), (BATCH_SIZE,))])
        norms.append(
            math.hypot(*(p.grad.norm().item() for p in programme.G.parameters() if p.grad is not None))
        )
    with torch.no_grad():
        yield Figure("fake_score", round(programme.D(sample(programme)).mean().item(), 5), 1.0, 0.001)
        yield Figure("real_score", round(programme.D(real).mean().item(), 5), 1.0, 0.05)
    yield Figure("d_loss", round(D_loss.item(), 4), -1.99, 0.01)
    yield Figure("g_loss", round(G_loss.item(), 4), -1.0, 0.001)
    print(
        f"generator's gradient norm: {norms[0]:.3g} at the first step, {norms[-1]:.3g} at the last",
        file=sys.stderr,
    )
    vanished = norms[-1] < norms[0] / 1000
    yield Figure("generator_gradient_below_a_thousandth", float(vanished), 1.0)


def nothing_learnt(steps: int) -> Iterator[Figure]:
    """The same at 32 px, where the sizes fit, beside the same networks with the loss that 5.3.3 describes."""
    real, unseen = drawn(2048, 32, seed=1), drawn(512, 32, seed=2)
    yield Figure("distance_real_to_real", round(energy_distance(real[:512], unseen), 2), 0.0, 0.1)
    distances = {}
    for name in ("as_written", "mended"):
        torch.manual_seed(0)
        programme = as_written()
        distances["untrained"] = energy_distance(sample(programme), unseen)
        for _ in range(steps):
            batch = real[torch.randint(len(real), (BATCH_SIZE,))]
            programme.step(batch) if name == "as_written" else mended_step(programme, batch)
        distances[name] = energy_distance(sample(programme), unseen)
    yield Figure("distance_untrained", round(distances["untrained"], 2), 9.6, 0.5)
    yield Figure("distance_as_written", round(distances["as_written"], 2), 9.4, 0.5)
    yield Figure("distance_mended", round(distances["mended"], 2), 5.6, 3.0)


def main() -> None:
    """Compute all figures and print them as one JSON object."""
    quick = parser(__doc__).parse_args().quick
    torch.manual_seed(0)
    parts = [shapes(), pseudo_code(), last_batch(), worked_losses(), formulas(), wasted_work()]
    parts += [losses_as_written(15 if quick else 20), nothing_learnt(30 if quick else 60)]
    report("seed_numbers", [figure for part in parts for figure in part])


if __name__ == "__main__":
    main()

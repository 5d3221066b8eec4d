"""Texts: tokens, corpora, the oracle, a relational memory that learns likelihood first and then plays, BLEU."""

from __future__ import annotations

import itertools
import json
import math
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import fenshen
from fenshen.data import oracle, texts
from fenshen.data.oracle import Oracle
from fenshen.data.profiles import LANGUAGES, profiles
from fenshen.data.texts import lines_of, numbered, spelt, tokens, vocabulary
from fenshen.errors import FenshenError, UsageError
from fenshen.metrics.texts import bleu, distinct, f_score, self_bleu
from fenshen.model import Model
from fenshen.networks import NetworkConfig, build_discriminator, build_generator
from fenshen.training import checkpoint, progress
from fenshen.training import recipe as recipes

CONFIG = NetworkConfig(family="relational", size=6, dimensions=11, latent=4, width=16)
SMALL = ("width=16", "batch_size=8", "log_every=5", "sample_every=20", "checkpoint_every=10")


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=40))
def test_tokens_put_together_are_the_line(line):
    assert "".join(tokens(line)) == line


def test_tokens_are_words_signs_and_chinese_characters():
    assert tokens("Ada's 34, and so on.") == ["Ada's", " 34", ",", " and", " so", " on", "."]
    assert tokens("我34岁，爱C罗。") == [*"我", "34", *"岁，爱", "C", *"罗。"]


def test_rare_words_are_spelt(monkeypatch):
    monkeypatch.setattr(texts, "_WORDS", 3)
    lines = ["one two", "one two", "one zebra"]
    words = vocabulary(lines)
    assert {"one", " two"} <= set(words)
    rows = numbered(lines, words)
    padded = np.array([[*row, *[0] * (12 - len(row))] for row in rows])
    assert spelt(padded, words).tolist() == lines


@pytest.mark.parametrize("language", LANGUAGES)
def test_profiles_are_many_and_different(language):
    data = profiles(language)
    train, held_out = data.split("train"), data.split("held_out")
    assert len(train) + len(held_out) == len(set(train) | set(held_out)) > 7000
    assert profiles(language).lines == data.lines
    assert spelt(data.samples[:50], data.vocabulary).tolist() == data.lines[:50]
    assert self_bleu([tokens(line) for line in train[:200]]) < 0.8


def test_profiles_keep_what_belongs_together():
    data = profiles("en").lines
    assert not [line for line in data if "beard" in line and " she " in line]
    for line in data:
        if "retired" in line or "used to be" in line:
            years = [int(word) for word in tokens(line) if word.strip().isdecimal()]
            assert all(age >= 64 for age in years), line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no text"),
        (b" \n\t\n", "no text"),
        (b"\xff\xfe\x00a", "byte 0"),
        (b"one\ntwo\n", "2 different"),
        (("word " * 80 + "\n").encode() * 60, "0 different"),
    ],
)
def test_what_is_no_text_is_one_clear_sentence(content, said, tmp_path):
    file = tmp_path / "lines.txt"
    file.write_bytes(content)
    with pytest.raises(FenshenError, match=said):
        lines_of(str(file))
    with pytest.raises(FenshenError, match="no file"):
        lines_of(str(tmp_path / "none.txt"))
    with pytest.raises(UsageError, match="folder"):
        lines_of(str(tmp_path))


def test_long_lines_are_left_out_and_others_cleaned(tmp_path):
    file = tmp_path / "lines.txt"
    lines = [f"line  {a} of {b}\u202e" for a, b in itertools.product("abcdefgh", repeat=2)]
    file.write_text("\ufeff" + "\r\n".join([*lines, *lines, "word " * 80]), encoding="utf-8")
    data = lines_of(str(file))
    assert sorted(data.lines) == sorted(
        f"line {a} of {b}" for a, b in itertools.product("abcdefgh", repeat=2)
    )
    assert data.shape == {"size": 4, "dimensions": len(data.vocabulary)}


@pytest.fixture
def few_texts(monkeypatch):
    monkeypatch.setattr(oracle, "_COUNT", 300)
    monkeypatch.setattr(oracle, "_HELD_OUT", 50)


def test_the_oracle_finds_its_own_texts_likelier_than_others(few_texts):
    data = Oracle("8")
    own, chance = data.nll(data.samples), np.random.default_rng(0).integers(0, oracle.WORDS, (300, 8))
    assert 5 < own < 7  # 5.75 of the papers' weights
    assert data.nll(chance) > 10
    mixed = np.concatenate([data.samples[:, :4], np.roll(data.samples, 1, axis=0)[:, 4:]], axis=1)
    assert data.nll(mixed) > own + 0.5  # it is about order, not about single tokens
    assert (Oracle("8").samples == data.samples).all()
    with pytest.raises(UsageError, match="oracle:20"):
        Oracle("one")


def test_likelihood_is_that_of_what_is_written():
    """Over all texts of two tokens, probabilities sum to 1, and are how often each is written."""
    torch.manual_seed(0)
    config = CONFIG.model_copy(update={"size": 2, "dimensions": 3})
    generator = build_generator(config)
    with torch.no_grad():
        generator.bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
        every = torch.nn.functional.one_hot(torch.cartesian_prod(torch.arange(3), torch.arange(3)), 3).float()
        chance = (2 * generator.likelihood(every)).exp()
        written = generator(torch.randn(6000, 4)).argmax(2)
    assert chance.sum() == pytest.approx(1, abs=1e-5)
    often = torch.bincount(3 * written[:, 0] + written[:, 1], minlength=9) / 6000
    torch.testing.assert_close(often, chance, atol=0.02, rtol=0)


def test_what_training_looks_at_is_what_is_written():
    torch.manual_seed(0)
    generator, discriminator = build_generator(CONFIG), build_discriminator(CONFIG)
    latents = torch.randn(5, 4)
    generator.temperature = 0.5
    drawn = generator.draw(latents).pictures
    assert (drawn.argmax(2) == generator(latents).argmax(2)).all()
    assert torch.equal(generator(latents[2:3])[0], generator(latents)[2])  # whatever the others are
    likeliest = generator(latents, truncation=0.0)
    assert (likeliest == likeliest[:1]).all()
    discriminator((drawn,)).sum().backward()
    assert generator.table.grad.abs().sum() > 0
    x = drawn.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator((x,)).sum(), x, create_graph=True)
    assert (slope[:, 0] != 0).any()
    slope.square().sum().backward()  # for penalties


def test_lines_are_learnt_resumed_and_written(tmp_path):
    file = tmp_path / "corpus.txt"
    said = itertools.product("林周陈王李张", "爱怕", ("猫", "狗", "下棋", "夜车", "大雾", "老歌"))
    file.write_text("\n".join("".join(words) + "。" for words in said), encoding="utf-8")
    settings = (*SMALL, "steps=20", "adversarial_from=8", "likelihood=0.1", "r1=1", "evaluate_every=20")
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    fenshen.train(f"lines:{file}", out=whole, settings=settings, device="cpu", progress=False)
    shutil.copytree(whole, halved)
    shutil.rmtree(checkpoint.folders(halved)[-1])
    assert fenshen.train(f"lines:{file}", out=halved, device="cpu", progress=False).taken == 10
    weights = [
        Model.load(run / "checkpoints/step-00000020").generator.state_dict() for run in (whole, halved)
    ]
    assert all(torch.equal(one, weights[1][name]) for name, one in weights[0].items())
    rows = [row for row in progress.rows(whole) if "nll" in row]
    assert rows[0]["nll"] > rows[-1]["nll"]
    assert "loss_d" not in rows[0]
    assert "loss_d" in rows[-1]
    assert {"bleu", "self_bleu", "bleu_f"} <= progress.rows(whole)[-1].keys()

    (written,) = fenshen.generate(whole, seeds="3,4", out=tmp_path / "lines.txt")
    head, *lines = written.read_text(encoding="utf-8").splitlines()
    assert lines == Model.load(whole).sample([3, 4]).tolist()
    assert json.loads(head.partition("AIGC: ")[2])["Label"] == "1"
    assert fenshen.verify(written).status == "labelled"
    (alone,) = fenshen.generate(whole, seeds="4", out=tmp_path / "one.txt")
    assert alone.read_text(encoding="utf-8").splitlines()[1] == lines[1]
    (sheet,) = fenshen.generate(whole, seeds="0-7", out=tmp_path / "lines.png")
    assert fenshen.verify(sheet).status == "valid"


def test_the_oracles_texts_are_learnt_and_measured(few_texts, tmp_path):
    settings = (*SMALL, "steps=4", "adversarial_from=2", "evaluate_every=4", "latent=4")
    run = fenshen.train("oracle:4", out=tmp_path / "run", settings=settings, device="cpu", progress=False)
    (measured,) = [row for row in progress.rows(run.path) if "oracle_nll" in row]
    assert measured["oracle_gap"] == pytest.approx(
        measured["oracle_nll"] - Oracle("4").nll(Oracle("4").samples[250:])
    )
    assert Model.load(run.path).sample([0, 1]).shape == (2, 4)
    (written,) = fenshen.generate(run, seeds="0-3", out=tmp_path / "texts.txt")
    assert all(len(line.split()) == 4 for line in written.read_text(encoding="utf-8").splitlines()[1:])
    assert fenshen.generate(run, seeds="0-3", out=tmp_path / "texts.png")


def test_a_term_about_texts_needs_a_family_that_writes():
    with pytest.raises(UsageError, match="relational"):
        recipes.load("melodies", ["likelihood=1"])
    assert recipes.load("lines").heat(0) == 1
    falling = recipes.load("lines", ["steps=100", "adversarial_from=50", "temperature=0.01"])
    assert falling.heat(75) == pytest.approx(0.1)
    assert falling.heat(100) == pytest.approx(0.01)


def test_bleu_is_counted_by_hand():
    references = [list("abcd"), list("abce")]
    assert bleu([list("abcd")], references) == pytest.approx(1)
    # Two of three letters, one of two pairs: (2/3 * 1/2)^(1/2), and a penalty of e^(1 - 4/3).
    assert bleu([list("abx")], references, 2) == pytest.approx(math.sqrt(1 / 3) * math.exp(-1 / 3))
    # A letter counts as often as one reference has it: 1 of 4, no pair, for which 0.1 stands.
    assert bleu([list("aaaa")], references, 2) == pytest.approx(math.sqrt(1 / 4 * 0.1 / 3))
    assert bleu([[]], references) == 0


def test_self_bleu_is_bleu_against_the_others():
    numbers = np.random.default_rng(0)
    some = [list(map(str, numbers.integers(0, 4, numbers.integers(3, 9)))) for _ in range(20)]
    others = [bleu([text], some[:at] + some[at + 1 :], 3) for at, text in enumerate(some)]
    assert self_bleu(some, 3) == pytest.approx(np.mean(others))
    assert self_bleu([list("abcd")] * 3) == pytest.approx(1)


def test_f_score_sees_both_nonsense_and_monotony():
    real = [tokens(line) for line in profiles("en").split("held_out")[:200]]
    more = [tokens(line) for line in profiles("en").split("train")[:200]]
    shuffled = [list(np.random.default_rng(0).permutation(line)) for line in more]
    same = [more[0]] * 200
    best = f_score(more, real)
    assert best > 2 * f_score(shuffled, real)
    assert best > 1.5 * f_score(same, real)
    assert distinct(same) < 0.01 < distinct(more)

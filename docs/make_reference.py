"""Write ``docs/en/reference.md`` and ``docs/zh/reference.md`` from the code: commands, recipes, keys.

Run as ``python docs/make_reference.py``; with ``--check`` nothing is written, and the exit code says whether
the pages are current.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fenshen import cli, commands, messages
from fenshen.commands import Parameter
from fenshen.messages import message
from fenshen.networks import NetworkConfig
from fenshen.training import recipe as recipes
from fenshen.training.recipe import Recipe, Schedule
from fenshen.training.terms import TERMS

FOLDER = Path(__file__).parent

WORDS = {
    "en": {
        "title": "Reference",
        "note": "This page is written by `docs/make_reference.py` from the code.",
        "commands": "Commands",
        "option": "option",
        "required": "required",
        "recipes": "Recipes",
        "recipe": "recipe",
        "pictures": "pictures",
        "what": "what it is",
        "differs": "differs from the defaults in",
        "keys": "Keys of a recipe",
        "keys_note": "`--set KEY=VALUE` takes the same names; a part of a schedule is reached with a dot.",
        "key": "key",
        "values": "values",
        "default": "default",
        "meaning": "meaning",
        "schedules": "Schedules",
        "schedules_note": "The four keys ending in `_schedule` hold a factor over the course of a run.",
        "schedule": "a schedule",
        "any": "text",
        "yes_no": "true or false",
        "none": "none",
        "list": "a list of",
        "pair": "two numbers",
    },
    "zh": {
        "title": "参考",
        "note": "本页由 `docs/make_reference.py` 根据代码生成。",
        "commands": "命令",
        "option": "选项",
        "required": "必填",
        "recipes": "配方一览",
        "recipe": "配方",
        "pictures": "图片数",
        "what": "简介",
        "differs": "与默认值不同的项",
        "keys": "配方项",
        "keys_note": "`--set KEY=VALUE` 用的是同样的名字；调度内部的项用点号访问。",
        "key": "项",
        "values": "取值",
        "default": "默认值",
        "meaning": "含义",
        "schedules": "调度",
        "schedules_note": "名字以 `_schedule` 结尾的四项各是一个系数，随训练步数变化。",
        "schedule": "调度",
        "any": "文字",
        "yes_no": "true 或 false",
        "none": "无",
        "list": "列表，元素为",
        "pair": "两个数",
    },
}

MEANINGS_ZH = {
    **{term.key: term.help["zh"] for term in TERMS},
    "name": "配方的名字",
    "summary": "一句话简介，按语言给出",
    "group": "在 train --list 中归入哪一组",
    "pictures": "取得良好结果需要的图片数；0 表示不限",
    "family": "网络系列",
    "discriminator": "判别器采用的系列（与生成器不同时填写），例如 multi-scale",
    "noise": "潜向量各数的分布",
    "categories": "潜向量中表示一次选择的数的个数：只有一个为 1，其余为 0",
    "generators": "共用除第一层外所有层的生成器个数，由潜向量选择（MGAN）",
    "width_d": "判别器的通道数，相对于生成器",
    "packing": "判别器一次同时判断的样本数（PacGAN）",
    "minibatch": "小批量判别的特征数，即判别器对整个批次的观察；0 表示不用",
    "instance_noise": "加在判别器所见一切上的噪声的标准差",
    "instance_noise_schedule": "instance_noise 的调度",
    "unrolled": "生成器预看判别器的步数，梯度也穿过这些步（unrolled GAN）",
    "historical": "权重偏离其历史均值的平方距离的权重",
    "top_k": "每个批次中得分最高、供生成器学习的假图所占比例",
    "frozen_layers": "判别器保持初始权重的前几层（FreezeD）",
    "keyframes": "G 所移动的本人画面的张数",
    "sources": "G 所转换的图片的通道数；0 表示不转换图片",
    "places": "图片中需与原图对应位置相符的位置数（CUT）；0 表示不用",
    "unfilmed": "每个批次中展示未拍到内容的图片数，最多占一半",
    "fine": "最后阶段用来比较移动后关键帧的图片边长",
    "fine_from": "在此之前的步数所占的比例",
    "size": "图片边长，像素，2 的幂；序列的步数",
    "dimensions": "每个像素的颜色数，即 3；序列每一步的数值个数；每一步可选的词数",
    "latent": "潜向量的长度",
    "width": "最大分辨率处的通道数；分辨率每降一半，通道数加倍",
    "max_width": "通道数的上限",
    "conditional": "把 58 个控制量告诉两个网络",
    "spectral_norm": "对判别器做谱归一化",
    "batch_norm": "dcgan 的判别器是否用批归一化；null 表示除 WGAN-GP 惩罚外都用",
    "reduction": "判别器的冻结主干看到的图片缩小多少倍",
    "paired": "告诉生成器每张图片里是谁，或给它原图，并要求它画出那张图片",
    "start": "从哪个模型或训练的权重开始；其中有相同结构的判别器时，判别器也从它开始。"
    "auto 表示随软件附带、网络相同的模型（如有）；none 表示从零开始",
    "loss": "对抗损失",
    "focus": "比较生成图与真图时，眼睛和嘴部的额外权重",
    "adversarial_from": "判别器从第几步开始参与；在此之前生成器单独学习",
    "temperature": "用于文本：Gumbel-softmax 最后的温度；判别器加入时为 1，随后下降",
    "total_weight": "所记录的 L_G + λ·L_D 中的 λ",
    "r1": "R1 惩罚的 γ，取在真图处",
    "r2": "R2 惩罚的 γ，取在生成图处",
    "gradient_penalty": "WGAN-GP 惩罚的权重",
    "penalty_every": "每隔多少步算一次惩罚，惩罚随之放大同样的倍数",
    "n_critic": "生成器每走一步，判别器走几步",
    "steps": "生成器总共走多少步",
    "minutes": "训练满这么多分钟就停，届时各项调度也走到终点",
    "batch_size": "每步的图片数，所有进程合计",
    "accumulate": "一个批次分几次计算，以节省内存",
    "lr_g": "生成器的 Adam 学习率",
    "lr_d": "判别器的 Adam 学习率",
    "betas": "Adam 的两个衰减率",
    "clip": "单个网络梯度范数的上限",
    "lr_schedule": "两个学习率的调度",
    "penalty_schedule": "r1、r2 和 gradient_penalty 的调度",
    "ema_half_life": "平均权重经过多少张图片忘掉一半；0 表示不平均",
    "ema_schedule": "半衰期的调度",
    "mirror": "一半图片左右镜像",
    "augment": "判别器看到的增强种类",
    "augment_p": "每种增强的初始概率",
    "augment_target": "判别器对真图打分的符号均值的目标（ADA）；null 表示概率固定",
    "augment_schedule": "概率的调度",
    "seed": "随机种子",
    "precision": "计算精度",
    "log_every": "每隔多少步记一行日志",
    "sample_every": "每隔多少步画一张拼图",
    "evaluate_every": "每隔多少步测一次 KID；0 表示不测",
    "patience": "连续这么多次测量没有变好就停下；0 表示不停",
    "checkpoint_every": "每隔多少步存一个检查点",
    "kind": "从 1 走到 end 的方式",
    "warmup": "从 0 线性上升所用的步数",
    "end": "最后一步的系数",
}


def page(language: str) -> str:
    """The whole page in one language."""
    words = WORDS[language]
    messages.use(language)
    parts = [f"# {words['title']}", words["note"], f"## {words['commands']}", *_commands(language)]
    parts += [f"## {words['recipes']}", "\n".join(_recipes(language))]
    parts += [f"## {words['keys']}", words["keys_note"], "\n".join(_keys(Recipe, language))]
    parts += [f"## {words['schedules']}", words["schedules_note"], "\n".join(_keys(Schedule, language))]
    return "\n\n".join(parts) + "\n"


def _commands(language: str) -> Iterator[str]:
    """Each command with its arguments and options, in the words of its own ``--help``."""
    words = WORDS[language]
    for name, target in cli.COMMANDS.items():
        function = commands.load(target)
        said = list(commands.parameters(function))
        switches = getattr(function, "switches", [])
        helps = commands.help_of(name, function)
        yield f"### fenshen {name}"
        yield message(f"cli.{name}")
        yield f"```\n{' '.join(['fenshen', name, *_needed(said)])}\n```"
        rows = [_option(parameter, helps[parameter.name], words) for parameter in said]
        rows += [_row(f"`{switch.flag}`", message(switch.help), "") for switch in switches]
        if rows:
            head = [_row(words["option"], words["meaning"], words["default"]), _row(*["---"] * 3)]
            yield "\n".join(head + rows)


def _needed(said: Iterable[Parameter]) -> Iterator[str]:
    """What a command cannot do without."""
    for parameter in said:
        if not parameter.required:
            continue
        shown = parameter.metavar or "PATH"
        yield f"{parameter.spellings[0].split('/')[0]} {shown}" if parameter.spellings else shown


def _option(parameter: Parameter, help: str, words: dict[str, str]) -> str:
    """The row of one argument or option."""
    spelled = ", ".join(f"`{spelling}`" for spelling in parameter.spellings) or f"`{parameter.metavar}`"
    choices = parameter.choices or (parameter.metavar or "").split("|")
    if parameter.spellings and len(choices) > 1:
        help += f" ({', '.join(f'`{choice}`' for choice in choices)})"
    default = parameter.default
    shown = words["required"] if parameter.required else ""
    if not parameter.required and default not in (None, ()) and default is not False:
        shown = f"`{default}`"
    return _row(spelled, help, shown)


def _recipes(language: str) -> Iterator[str]:
    words = WORDS[language]
    yield _row(words["recipe"], words["what"], words["pictures"], words["differs"])
    yield _row(*["---"] * 4)
    plain = Recipe().model_dump(mode="json")
    for name in recipes.shipped():
        recipe = recipes.load(name)
        values = recipe.model_dump(mode="json")
        keys = [key for key in plain if key not in ("name", "summary", "pictures")]
        differs = [f"`{key}: {_plain(values[key])}`" for key in keys if values[key] != plain[key]]
        yield _row(f"`{name}`", recipe.summary[language], f"{recipe.pictures:,}", "<br>".join(differs))


def _keys(model: type[Recipe | Schedule], language: str) -> Iterator[str]:
    words = WORDS[language]
    yield _row(words["key"], words["values"], words["default"], words["meaning"])
    yield _row(*["---"] * 4)
    schema = model.model_json_schema()
    limits = NetworkConfig.model_json_schema()["properties"]
    defaults = model().model_dump(mode="json")
    for name, field in schema["properties"].items():
        meaning = field.get("description", "") if language == "en" else MEANINGS_ZH[name]
        default = words["none"] if isinstance(defaults[name], dict) else f"`{_plain(defaults[name])}`"
        yield _row(f"`{name}`", _values(field | limits.get(name, {}), words), default, meaning)


def _values(field: dict[str, Any], words: dict[str, str]) -> str:
    """What a key may be, out of its JSON schema."""
    if "anyOf" in field:
        return _values(next(part for part in field["anyOf"] if part.get("type") != "null"), words)
    if "$ref" in field or "allOf" in field:
        return words["schedule"]
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "boolean":
        return words["yes_no"]
    if field.get("type") == "array":
        if "prefixItems" in field:
            return words["pair"]
        return f"{words['list']} {_values(field['items'], words)}"
    if field.get("type") in ("integer", "number"):
        bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
        limits = [f"{sign} {_number(field[bound])}" for bound, sign in bounds.items() if bound in field]
        return ", ".join(limits)
    return words["any"]


def _number(value: float) -> str:
    return f"{value:,}" if value == int(value) else str(value)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main() -> int:
    """Write both pages, or compare them; 0 if they are current."""
    check, stale = "--check" in sys.argv[1:], 0
    for language in WORDS:
        file, text = FOLDER / language / "reference.md", page(language)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            stale += 1
            if not check:
                file.write_text(text, encoding="utf-8")
    return int(check and stale > 0)


if __name__ == "__main__":
    raise SystemExit(main())

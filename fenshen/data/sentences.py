"""Sentences for synthesised speech: composed by rule, in English and Chinese, the same for the same number."""

from __future__ import annotations

import numpy as np

from fenshen.motion.speech.spoken import Language

_ENGLISH = {
    "who": "the old fisherman|my younger sister|every visitor|the jazz quartet|our neighbour|a shy giraffe|the judge|"
    "their teacher|nobody here|the vice president|a clever thief|the whole choir|her uncle George|the yellow bird|"
    "that boy with the hat|the pilot|two engineers|a quiet child|the chef|your colleague",
    "did": "carefully measured|suddenly opened|has always enjoyed|painted|would rather choose|quickly hid|remembers|"
    "is watching|threw away|borrowed|cannot find|polished|should bring|forgot|was asking about|described|dropped|"
    "could hear|has just finished|noticed",
    "what": "the heavy wooden box|a cup of strong tea|these strange noises|the shortest road|fresh bread and cheese|"
    "an unusual photograph|the broken engine|his favourite song|three thousand pages|the measure of pleasure|"
    "a bright orange scarf|the missing key|that huge purple balloon|some very old maps|the first question|"
    "a pair of leather shoes|seven small fish|the weather in July|nothing but rain|the evening news",
    "where": "in the kitchen|by the river|behind the church|on the third floor|near the harbour|under a thick cloud|"
    "at the station|through the window|along the beach|outside the village",
    "when": "before nine o'clock|last Thursday|while it was snowing|every other week|at dawn|in the spring|"
    "for about an hour|without a word|as usual|after the concert",
}
_CHINESE = {
    "who": "老船长|我妹妹|每一位客人|隔壁的邻居|那只小猫|年轻的医生|语文老师|两个工程师|这家餐厅的厨师|外婆|"
    "图书管理员|穿红裙子的女孩|司机师傅|整个乐队|他的同学|聪明的学生|村里的老人|记者|售票员|飞行员",
    "did": "仔细地测量了|忽然打开了|一直很喜欢|画出了|宁愿选择|悄悄藏起了|记得|正在观察|扔掉了|借走了|找不到|"
    "擦亮了|应该带来|忘记了|询问了|描述了|听见了|刚刚修好|注意到|终于买到了",
    "what": "沉重的木箱|一杯热茶|奇怪的声音|最近的一条路|新鲜的面包和奶酪|一张旧照片|坏掉的发动机|最爱的歌|三千页书|"
    "紫色的气球|一条橙色围巾|丢失的钥匙|几张古老的地图|第一个问题|一双皮鞋|七条小鱼|七月的天气|晚间新闻|"
    "玻璃瓶里的糖|下雪的风景",
    "where": "在厨房里|在河边|在教堂后面|在三楼|在港口附近|在乌云下|在火车站|在窗户旁|沿着海滩|在村子外面",
    "when": "今天早上|上个星期四|下雪的时候|每隔一周|天亮之前|春天里|整整一个小时|像往常一样|音乐会结束以后|去年冬天",
}


def compose(language: Language, numbers: np.random.Generator) -> str:
    """One sentence, some three seconds of speech."""
    words = _ENGLISH if language == "en" else _CHINESE
    who, did, what, where, when = (
        _one(words[part], numbers) for part in ("who", "did", "what", "where", "when")
    )
    if language == "zh":
        return f"{when}，{who}{where}{did}{what}。"
    end = "?" if numbers.random() < 0.15 else "."
    sentence = f"{who} {did} {what} {where} {when}{end}"
    return sentence[0].upper() + sentence[1:]


def _one(choices: str, numbers: np.random.Generator) -> str:
    among = choices.split("|")
    return among[int(numbers.integers(len(among)))]

"""What names of folders and files mean: the one table by which every folder, ZIP and upload is read.

A name is cut into words at capitals, digits and signs ("NODefect_images" is no, defect, images). A row of the table
holds for a folder whose words are all in it, or which says more with words that change nothing ("ok_front"). Latin
words stand here without accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
BOOK_ENDINGS = (".xlsx", ".xlsm")
LABEL_ENDINGS = (  # of files beside pictures that may say what these are
    ".csv", ".tsv", ".txt", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".names", ".labels", *BOOK_ENDINGS,
)  # fmt: skip


def _row(text: str) -> frozenset[str]:
    return frozenset(text.split())


GOOD = _row(
    "good goods ok okay normal normals pass passed passing fine perfect intact healthy undamaged flawless "
    "faultless accept accepted conforming conform io nodefect nodefects defectfree nondefective nonanomalous negative "
    "negatives 良品 良 "
    "clean golden reference references template templates nofinding nofindings notumor notumour nodr nocrack noncrack "
    "bon bons bonne bonnes conforme conformes bueno buenos buena buenas correcto correctos correcta correctas gut gute "
    "gutteil gutteile fehlerfrei fehlerlos einwandfrei inordnung buono buoni buona buone bom boa boas "
    "合格 合格品 正常 正常品 好 好品 正品 无缺陷 无瑕疵 无异常 無欠陥 欠陥なし 異常なし 傷なし キズなし "
    "정상 정상품 양품 양호 합격 합격품 무결함 결함없음 이상없음 불량없음"
)
BAD = _row(
    "bad ungood ng nok ko defect defects defective def anomaly anomalies anomalous abnormal abnormals fail failed "
    "failing failure reject rejected rejects faulty fault faults damaged nio scrap nonconforming positive "
    "positives 不良 不良品 不合格 不合格品 "
    "mauvais mauvaise defaut defauts defectueux defectueuse defectueuses rebut rebuts malo malos mala malas defecto "
    "defectos defectuoso defectuosos defectuosa defectuosas rechazado rechazados schlecht schlechte schlechtteil "
    "schlechtteile fehler fehlerhaft fehlerhafte defekt defekte ausschuss nichtinordnung difetto difetti difettoso "
    "difettosi difettosa difettose scarto scarti defeito defeitos defeituoso defeituosos defeituosa defeituosas "
    "異常 异常 有异常 缺陷 有缺陷 瑕疵 有瑕疵 次品 欠陥 欠陥品 欠陥あり 異常あり "
    "불량 불량품 결함 결함있음 이상 불합격 비정상"
)
_NOT = _row("no non not without un zero never sans sin senza sem ohne nicht kein keine")
_VERY = _row("so very quite really entirely fully completely all that too sehr ganz tres muy molto")  # "not so good"
_FREE = _row("free 없음 なし")
_TROUBLES = _row(  # good where there is none: "no crack", "tumour free"
    "crack cracks damage damages scratch scratches stain stains dent dents rust corrosion fracture fractures "
    "tumor tumors tumour tumours finding findings lesion lesions disease dr kratzer riss risse delle dellen rayure "
    "rayures fissure fissures "
    "긁힘 스크래치 찍힘 크랙 균열 흠집 얼룩 이물 이물질 오염 녹 划痕 划伤 裂纹 裂缝 凹痕 污渍 异物 キズ 傷 汚れ 打痕 "
    "異物 ひび 割れ クラック"
)
_SPOILT = _row(  # bad as well, but where there is none nothing follows
    "bent broken breakage contamination contaminated dirt dirty worn wear torn flaw flaws blemish blemishes deformed "
    "deformation misaligned rusty 파손 깨짐 변형 눌림 破损 变形 缺口 破損 欠け 変形"
)
_PERHAPS = _row(  # a defect in one factory and the product in another
    "hole holes chip chips burr burrs missing bubble bubbles pit pits tear tears cut cuts spot spots 구멍 버 기포 "
    "孔洞 毛刺 气泡 バリ 気泡 穴"
)
_HEDGES = _row(  # before a word for good
    "almost nearly less hardly barely partly partially mostly somewhat semi quasi half near sub conditional "
    "conditionally limited bedingt fast beinahe teilweise presque casi quasi quase 거의 조건부 ほぼ"
)
_BUT = _row("but except although though however aber mais pero ma mas")  # after it
_FALSE = _row("false pseudo falsch falsche falscher faux fausse falso falsa 假 误")  # "false NG", "false negative"
_GLUED = re.compile(  # what is written as one word: not, free of, with
    r"(?:비|非|不是)(?P<a>.{2,})|(?P<b>.{2,})(?:아님|아닌것|以外|ではない)|"
    r"(?:无|無|没有|無い|무)(?P<c>.{2,})|(?P<d>.{1,})(?:없음|無し|なし|無)|"
    r"有(?P<e>.{2,})|(?P<f>.{1,})(?:있음|有り|あり|有)"
)
_CODES = {"ud": "cd", "uw": "cw", "up": "cp"}  # of SDNET2018: without and with cracks
_TRAIN = _row(
    "train training trainval trainset traincrop traindata learn learning entrainement apprentissage entrenamiento "
    "aprendizaje addestramento treino treinamento lernen 학습 학습용 훈련 훈련용 训练 训练集 訓練 学習 学習用 訓練用"
)
_VALIDATION = _row(
    "val valid validation valset valcrop valdata validacion validierung validazione 검증 검증용 验证 验证集 検証 検証用"
)
_TEST = _row(
    "test tested inspected testing tests testset testcrop testdata eval evaluation inference essai essais prueba "
    "pruebas teste testes prufung 시험 테스트 평가 테스트용 시험용 평가용 测试 测试集 測試 テスト テスト用 評価 評価用"
)
_UNLABELLED = _row(
    "private unlabelled unlabeled unlabel unknown unsorted unclassified uncertain unsure undecided todo unverified "
    "ambiguous doubtful borderline questionable recheck unchecked uninspected unreviewed untested pending overkill "
    "underkill ungepruft ungeprufte unklar unsicher pseudofehler falschalarm "
    "미분류 미확인 미판정 판정보류 보류 확인필요 재확인 애매 미검 미검사 검사필요 재검사 재검 과검 과검출 미검출 "
    "가불량 가양품 준양품 가성불량 "
    "未标注 未分類 未知 未判定 未确认 未確認 待确认 待定 保留 要確認 未检 未检验 未检测 待检 待检验 误判 误报 误检 "
    "漏检 复检 过杀 要検査 未検査 再検査 検査待ち 虚報 誤検出 過検出 過剰検出 見逃し "
    "正 负 負"  # "正样本" is a good part in a factory and a defect in a paper
)
_LATER = _row("check review inspect label sort decide judge classify verify do")  # after "to": nobody has yet
_DONE = _row(
    "sure checked labelled labeled sorted known decided judged classified verified certain yet inspected reviewed "
    "tested gepruft verifie"
)  # after "not"
_MASKS = _row(
    "mask masks gt gts groundtruth groundtruths masque masques mascara mascaras maske masken maschera maschere "
    "마스크 정답 정답마스크 掩码 掩膜 マスク 正解マスク 真值"
)
_WEAK_MASKS = _row(  # such a folder may hold products as well, so its files are looked at
    "label labels labelling lab labs annotation annotations annot annots anno annos semantic seg segs segm "
    "segmap segmaps segmask segmasks segmentation segmentations "
    "lbl lbls msk msks verite 라벨 레이블 주석 标注 标签 ラベル 正解"
)
_MASKS_MAY_SAY = _row(
    "ground truth image images img imgs png bmp jpg defect defects anomaly anomalies bad ng good ok pixel binary bw "
    "class classes color colour object semantic instance train test val training testing public file files data level "
    "wise map maps terrain"
)
_CARRIERS = _row(  # say nothing about what lies in them
    "data dataset datasets image images imgs img picture pictures pics photo photos frame frames rgb jpg jpeg png "
    "bmp jpegs tif tiff jpegimages raw original originals set all files public released reduced 사진 이미지 "
    "원본 图片 图像 画像 写真 原图"
)
_VIEWS = _row(
    "cam cams camera cameras view views left right top bottom front back rear side sides topside bottomside frontside "
    "backside topview sideview frontview 카메라 상면 하면 측면 정면 전면 후면 윗면 아랫면 앞면 뒷면 옆면 상부 하부 "
    "좌측 우측 相机 摄像头 侧面 侧视 俯视 カメラ 側面 正面 背面 上面 下面"
)
_NUMBERED = _row(  # or a letter
    "line part sample lot batch day light shot pos position station angle exposure unit group shift week "
    "month series session trial round"
)
_CONDITIONS = _row(  # in the folder of a kind of defect: how large or bad it is
    "large small big little tiny huge medium minor major mild moderate slight severe heavy strong weak size grade "
    "level severity gross klein groß stark schwach grand petit grande pequeno piccolo 대 중 소 大 中 小 대형 중형 소형"
)
FILE_COLUMNS = _row(  # of tables of labels
    "file filename filenames name image images imagename imageid img picture path filepath imagepath id 파일 파일명 "
    "이미지 文件 文件名 图片 图像 ファイル ファイル名 画像"
)
VERDICT_COLUMNS = _row(
    "judge decision choice choices label labels class classes target verdict result status quality judgement judgment "
    "state category kind kinds y isdefect isdefective isanomaly isgood defect defective anomaly 판정 라벨 레이블 결과 "
    "불량여부 양불 标签 类别 结果 判定"
)
GOOD_COLUMNS = _row("isgood isok quality valid validity usable 양품여부 합격여부")  # where 1 says yes
BAD_COLUMNS = _row(
    "isdefect isdefective isanomaly isbad hasdefect hasdefects hasanomaly damage damaged 불량여부 결함여부"
)
OPEN_COLUMNS = _row(  # where 1 may mean either
    "judge decision verdict result status state judgement judgment 판정 결과 양불 结果 判定"
)
FINAL = _row("final confirmed verified manual human operator 최종 확정 最终 最終 確定")  # of several columns
CLASS_COLUMNS = _row("type class kind category id code label 종류 유형 类型 種類")  # whose numbers are names
YES = _row("yes y true ja j oui si sim da tak 예 네 유 있음 是 有 はい あり")
NO = _row("no n false none nein non nao nej nie 아니오 아니요 무 없음 否 无 無 いいえ なし")
SPLIT_COLUMNS = _row("split set subset phase partition usage 구분 划分")
_MADE = _row(  # of pictures by a program
    "heatmap heatmaps overlay overlays thumbnail thumbnails thumb thumbs preview previews visualisation visualisations "
    "visualization visualizations prediction predictions 썸네일 히트맵 缩略图 热图 サムネイル ヒートマップ"
)
_EXAMPLES = _row("example examples sample samples beispiel beispiele 예시 예제 示例 サンプル")
_GEOMETRY = _row(  # beside `rgb`: not pictures of their own
    "xyz depth depths pointcloud pcd"
)
_ENDS = re.compile(r"(?<=\w{3})(?:ing|ed|es|s)$")  # "cracked" and "cracks" are of one root
_TAILS = re.compile(
    r"(?<=.)(?:이미지|사진|데이터|제품|목록|리스트|명단|图片|图像|图|样本|数据|列表|清单|画像|写真|データ|一覧|リスト)$"
)  # written without a space
_ID = re.compile(r"^(?:[a-z]{0,2}[\-_ ]?)?\d[\d\-_. ]*$", re.IGNORECASE)
_DATE = re.compile(r"^(?:19|20)\d\d[\-_. ]?\d\d(?:[\-_. ]?\d\d)?(?:\D|$)")
_LANGUAGE = re.compile(r"\d+[\-_. ]?ko")  # "01_ko" beside "02_ja" is no French one
_ACCENTS = re.compile("(?<=[A-Za-z])[\u0300-\u036f]+")
_WORD = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+|\d+")

_MASK_WORDS = (
    "masks|mask|ground[_\\- ]?truth|gts|gt|labels|label|lab|segmentation|segm|seg|annotations|annotation|anno|"
    "마스크|정답|라벨"
)
_SIGN = r"[_\-. ]+"
_SUFFIX = re.compile(rf"(?:{_SIGN}(?:{_MASK_WORDS})|(?<=\d)(?:masks?|gt))(?:[_\-. ]*\d+)?$", re.IGNORECASE)
_PREFIX = re.compile(rf"^(?:{_MASK_WORDS}){_SIGN}", re.IGNORECASE)
_SIDE = re.compile(rf"{_SIGN}(?:defect|color|colour|binary|bw|image|img|pixel)$", re.IGNORECASE)
_ENDING = re.compile(r"\.(?:png|jpe?g|bmp|tiff?|webp|gif)$", re.IGNORECASE)
_DEEP = re.compile(rf"{_SIGN}(?:depths?|depthmap|normals|xyz|pcd|disparity|ps|n?ir|infrared|thermal)$", re.IGNORECASE)
_COLOURS = re.compile(
    rf"{_SIGN}(?:(?:image|img|rgb|colou?r)(?:{_SIGN}\d+)?|(?:light|lamp|led|l|exposure|exp)[_\-. ]*\d+)$", re.IGNORECASE
)
_TEMPLATE = re.compile(rf"{_SIGN}(?:temp|template|ref|reference|golden)$", re.IGNORECASE)
_TESTED = re.compile(rf"{_SIGN}(?:test|tested|inspected)$", re.IGNORECASE)
_JUNK = _row(
    "__macosx @eadir @tmp @recycle @recently-snapshot @sharebin @appstore #recycle #snapshot #trash $recycle.bin "
    "recycler recycled lost+found found.000 __pycache__"
) | {"system volume information", "network trash folder", "temporary items", "trash-1000"}
_JUNK_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\ufffd", "icon\r"})

Quality = Literal["good", "bad", "unlabelled"]


@dataclass(frozen=True)
class Meaning:
    """What a folder's name says.

    Attributes:
        role: "train", "validation", "test", "mask", "weak mask" (its files must be looked at) or "".
        quality: "good", "bad", "unlabelled" or "".
        carrier: it says nothing: "images", "data".
        view: a camera, a side, a date or a number: a kind only where nothing else is one.
        geometry: depths or points, which lie beside colour pictures.
        against: its words contradict each other, or take half of "good" back, so that it says nothing.
        made: heat maps, thumbnails and the like, which a program made of pictures.
    """

    role: Literal["train", "validation", "test", "mask", "weak mask", ""] = ""
    quality: Literal["good", "bad", "unlabelled", ""] = ""
    carrier: bool = False
    view: bool = False
    geometry: bool = False
    against: bool = False
    made: bool = False

    @property
    def silent(self) -> bool:
        """Whether the name is neither a role nor good nor bad: it may be a kind, a product or anything."""
        return not (self.role or self.quality or self.carrier)


@lru_cache(4096)
def meaning(folder: str) -> Meaning:
    """Return what a folder's name says.

    >>> meaning("NODefect_images").quality, meaning("ok_front").quality, meaning("not good").quality
    ('good', 'good', 'bad')
    >>> meaning("test_private_mixed").role, meaning("Mask_images").role, meaning("missing_label").role
    ('test', 'mask', '')
    """
    said = words(folder)
    found = set(said)
    if _is_mask(said):
        return Meaning("weak mask" if found & _WEAK_MASKS and not found & _MASKS else "mask")
    role: Literal["train", "validation", "test", ""] = ""
    if len(said) <= 3:  # in a long name such a word is a part of something else
        role = "test" if found & _TEST else "train" if found & _TRAIN else "validation" if found & _VALIDATION else ""
    if _LANGUAGE.fullmatch(folder):
        return Meaning()
    later = put_off(folder)
    quality: Quality | Literal[""] = "unlabelled" if later else _quality(said) if len(said) <= 4 else ""
    if quality == "unlabelled":
        role = role or "test"
    rest = [word for word in said if not word.isdigit()]
    return Meaning(
        role,
        quality,
        carrier=bool(rest) and all(word in _CARRIERS for word in rest),
        view=_is_view(folder, rest),
        geometry=bool(rest) and rest[0] in _GEOMETRY and len(rest) <= 2,
        against=quality == "unlabelled" and not later,
        made=bool(rest) and set(rest) <= _MADE | {"image", "images"} and bool(set(rest) & _MADE),
    )


def words(name: str) -> tuple[str, ...]:
    """Cut a name into words in lower case, without accents.

    >>> words("MT_Free"), words("NODefect_images"), words("양품-01"), words("Entraînement")
    (('mt', 'free'), ('no', 'defect', 'images'), ('양품', '01'), ('entrainement',))
    """
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", name))
    found = (word.casefold() for word in _WORD.findall(unicodedata.normalize("NFC", bare)))
    return tuple(_TAILS.sub("", word) for word in found)


def masks_of(folder: str, others: Iterable[str]) -> tuple[str, Literal["mask", "weak mask"]] | None:
    """Return which of other folders a folder of masks is called after, and how surely; None for any other folder.

    >>> masks_of("Abnormal_GroundTruth", ["Normal", "Abnormal"]), masks_of("crack_label_images", ["crack"])
    (('Abnormal', 'mask'), ('crack', 'weak mask'))
    >>> masks_of("crack", ["crack_label"]), masks_of("masks", ["crack"])
    (None, None)
    """
    said = re.sub(r"\bground truth\b", "gt", " ".join(words(folder))).split()
    named = {*said} & _MASKS, {*said} & _WEAK_MASKS
    rest = _but_carriers(word for word in said if word not in _MASKS | _WEAK_MASKS)
    found = next((other for other in others if other != folder and _but_carriers(words(other)) == rest), None)
    if not rest or found is None or not any(named):
        return None
    return found, "mask" if named[0] else "weak mask"


def _but_carriers(said: Iterable[str]) -> list[str]:
    return [word for word in said if word not in _CARRIERS]


def picture_stems(name: str) -> tuple[str, ...]:
    """Return the stems, in lower case, that the picture of a mask called `name` may have; the likeliest first.

    >>> picture_stems("001_mask_0.png"), picture_stems("mask_001.png"), picture_stems("001.jpg.png")
    (('001_mask_0', '001'), ('mask_001', '001'), ('001.jpg', '001'))
    """
    stem = _ENDING.sub("", name.casefold())
    stems = [stem]
    for bare in (_ENDING.sub("", stem), _PREFIX.sub("", stem)):
        stems += [bare, _ENDING.sub("", _SUFFIX.sub("", bare)), _SIDE.sub("", _SUFFIX.sub("", bare))]
    return tuple(dict.fromkeys(one for one in stems if one))


def named_like_a_mask(name: str) -> bool:
    """Whether a file's name has a mask's word before or behind, or two endings."""
    return len(picture_stems(name)) > 1


def in_masks(name: str) -> bool:
    """Whether a folder above a file is called after masks, surely or perhaps."""
    return any(meaning(folder).role in ("mask", "weak mask") for folder in name.split("/")[:-1])


def bare_stem(stem: str) -> str:
    """Return the stem that pictures of one part share with what was measured beside them, and under other lights.

    >>> bare_stem("000_image_0"), bare_stem("000_rgb"), bare_stem("000_L2"), bare_stem("000")
    ('000', '000', '000', '000')
    """
    return _COLOURS.sub("", stem)


def measured_beside(stem: str) -> str | None:
    """Return the stem of the colour picture beside which a file holds depths or surface normals; None for others.

    >>> measured_beside("000_depth"), measured_beside("000_normals"), measured_beside("normal")
    ('000', '000', None)
    """
    return _DEEP.sub("", stem) if _DEEP.search(stem) else None


def shows_examples(folder: str) -> bool:
    """Whether a folder is called as if it showed what defects look like.

    >>> shows_examples("defect_example_images"), shows_examples("examples"), shows_examples("defects")
    (True, True, False)
    """
    return bool({*words(folder)} & _EXAMPLES)


def denies(folder: str, other: str) -> bool:
    """Whether a folder's name says that its pictures have not what another folder is called after.

    >>> denies("Non-cracked", "Cracked"), denies("scratch-free", "Scratches"), denies("uncracked", "crack")
    (True, True, True)
    >>> denies("no_label", "dent"), denies("cracked", "crack"), denies("none", "dent"), denies("no", "yes")
    (False, False, True, True)
    """
    said, root = list(words(folder)), frozenset(_ENDS.sub("", word) for word in words(other) if not word.isdigit())
    if said in (["none"], ["nothing"]):
        return bool(root)
    if len(said) == 1 and (_CODES | {"no": "yes"}).get(said[0]) == "".join(words(other)):
        return True
    if len(said) > 1 and said[0] in _NOT:
        rest = said[1:]
    elif len(said) > 1 and said[-1] in _FREE:
        rest = said[:-1]
    elif glued := re.match(r"(?:non|no|un)(?=\w{3})", "".join(said[:1])):
        rest = [said[0][glued.end() :], *said[1:]]
    else:
        return False
    return bool(rest) and {_ENDS.sub("", word) for word in rest if not word.isdigit()} == root


def of_a_pair(stem: str) -> tuple[str, Literal["template", "tested"]] | None:
    """Return what the names of a template and of the picture beside it have in common, and which of both this is.

    >>> of_a_pair("00041000_temp"), of_a_pair("00041000_test"), of_a_pair("template")
    (('00041000', 'template'), ('00041000', 'tested'), None)
    """
    if _TEMPLATE.search(stem):
        return _TEMPLATE.sub("", stem), "template"
    return (_TESTED.sub("", stem), "tested") if _TESTED.search(stem) else None


def speaks_of_labels(stem: str) -> bool:
    """Whether a document is called as if it said what is defective.

    >>> speaks_of_labels("ground_truth"), speaks_of_labels("defect list"), speaks_of_labels("readme")
    (True, True, False)
    """
    return bool({*words(stem)} & (_MASKS | _WEAK_MASKS | VERDICT_COLUMNS | BAD)) or words(stem)[:2] == (
        "ground",
        "truth",
    )


def is_date(folder: str) -> bool:
    """Whether a folder is called like a day or a month.

    >>> is_date("2024-05-01"), is_date("20240501 early"), is_date("2024"), is_date("01")
    (True, True, False, False)
    """
    return _DATE.match(folder) is not None


def is_condition(folder: str) -> bool:
    """Whether a folder in that of a kind of defect only says how large or how bad it is.

    >>> is_condition("large"), is_condition("severity_2"), is_condition("large crack")
    (True, True, False)
    """
    said = [word for word in words(folder) if not word.isdigit()]
    return bool(said) and _CONDITIONS.issuperset(said)


def stem(name: str) -> str:
    """Return a file's name without its folders and its ending."""
    file = name.rpartition("/")[2]
    return file.rpartition(".")[0] or file


def is_junk(name: str) -> bool:
    """Whether a path lies in a waste bin or another system folder, or is a file that systems leave behind."""
    parts = name.casefold().split("/")
    return any(part in _JUNK or part.startswith(".") for part in parts) or parts[-1] in _JUNK_FILES


def said_by_file(stem: str) -> Quality | Literal[""]:
    """Return what a file's own name says at its beginning or its end.

    >>> said_by_file("NG_0012"), said_by_file("cast_ok_0_17"), said_by_file("part 7 defective"), said_by_file("0012")
    ('bad', 'good', 'bad', '')
    >>> said_by_file("not_ok_3"), said_by_file("no_crack_3"), said_by_file("ok_crack_3")
    ('bad', 'good', 'unlabelled')
    """
    said = tuple(word for word in words(stem) if not word.isdigit())
    if put_off(stem):
        return "unlabelled"
    ends = [said[:3], said[:2], said[:1]], [said[-3:], said[-2:], said[-1:]]
    found = {next(filter(None, map(_quality, each)), "") for each in ends} - {""}
    return found.pop() if len(found) == 1 else "unlabelled" if found else ""  # type: ignore[return-value]


def put_off(name: str) -> bool:
    """Whether a name says that nobody has looked yet, or that what was said is in doubt.

    >>> put_off("OK_to_check"), put_off("not sure"), put_off("미검사"), put_off("OK_checked")
    (True, True, True, False)
    """
    said = [word for word in words(name) if not word.isdigit()]
    return bool({*said} & _UNLABELLED) or any(
        (one == "to" and two in _LATER) or (one in _NOT and two in _DONE) for one, two in pairwise(said)
    )


def names_both(folder: str) -> bool:
    """Whether a folder is called after good and bad ones, as that of a set may be.

    >>> names_both("OK_NG"), names_both("OK"), names_both("not_ok")
    (True, False, False)
    """
    said = {*words(folder)}
    return bool(said & GOOD and said & BAD)


def only_bad(folder: str) -> bool:
    """Whether a folder's name says bad, or what is wrong, and nothing else.

    >>> only_bad("NG_2"), only_bad("bad scratches"), only_bad("bad_light")
    (True, True, False)
    """
    said = [word for word in words(folder) if not word.isdigit()]
    return all(word in BAD or word in _CARRIERS or _is_trouble(word, _PERHAPS) for word in said)


def beside_colours(folder: str) -> bool:
    """Whether a folder beside one of colours, with files called alike, may hold what else was measured of the parts.

    >>> beside_colours("ps"), beside_colours("normals"), beside_colours("good"), beside_colours("cam1")
    (True, True, False, False)
    """
    own = meaning(folder)
    return (own.silent and not own.view) or words(folder) in (("normal",), ("normals",))  # of the surface


def trouble_in(stem: str, but: Collection[str] = ()) -> str:
    """Return the word of a file's name, `but` some words, that says what is wrong with the part; "" for none.

    >>> trouble_in("deep_scratches_01"), trouble_in("스크래치_1"), trouble_in("NG_01"), trouble_in("chip_1", {"chip"})
    ('scratches', '스크래치', '', '')
    """
    return next((word for word in words(stem) if word not in but and _is_trouble(word, _PERHAPS)), "")


def _quality(said: tuple[str, ...]) -> Quality | Literal[""]:
    """Say good or bad; a word for no or free turns the next or the last one round, and a doubt leaves "good" open."""
    if (whole := "".join(said)) in GOOD | BAD:  # "n.g.", "i.O."
        return "good" if whole in GOOD else "bad"
    verdicts: set[Quality] = set()
    trouble = False
    for i, word in enumerate(said):
        before = next((each for each in reversed(said[:i]) if each not in _VERY), "")
        after = said[i + 1] if i + 1 < len(said) else ""
        none = before in _NOT or after in _FREE
        glued = _glued(word)
        if (word in GOOD or glued == "good") and after not in ("map", "maps"):
            denied = before in _NOT or before in ("ab", "n")
            doubted = before in _HEDGES or before in _FALSE or after in _BUT or "with" in said[i:]
            verdicts.add("unlabelled" if doubted else "bad" if denied else "good")
        elif word in BAD or glued == "bad" or (word in _TROUBLES and none):
            verdicts.add("unlabelled" if before in _FALSE else "good" if none else "bad")
        elif word == "free" and before not in BAD and i == len(said) - 1 and i:
            verdicts.add("good")
        trouble |= _is_trouble(word) and not none and not {*said} & {"negative", "negatives"}
    if len(verdicts) > 1 or (verdicts == {"good"} and trouble):
        return "unlabelled"
    return verdicts.pop() if verdicts else ""


def _is_trouble(word: str, more: Collection[str] = ()) -> bool:
    return any(each in _TROUBLES or each in _SPOILT or each in more for each in (word, _ENDS.sub("", word)))


def _glued(word: str) -> Literal["good", "bad", ""]:
    """Say good or bad of one word that says not, free of or with, as Korean, Chinese and Japanese write it."""
    found = _GLUED.fullmatch(word)
    if found is None or word in GOOD | BAD:
        return ""
    of = found.groupdict()
    if rest := of["a"] or of["b"]:
        return "bad" if rest in GOOD else "good" if rest in BAD else ""
    if rest := of["c"] or of["d"]:
        return "good" if rest in BAD | _TROUBLES else ""
    return "bad" if (of["e"] or of["f"]) in BAD | _TROUBLES else ""


def _is_mask(said: tuple[str, ...]) -> bool:
    found = set(said)
    if said[:2] == ("ground", "truth"):
        return True
    words_for_masks = found & (_MASKS | _WEAK_MASKS)
    others = {word for word in found - words_for_masks if not word.isdigit()}
    return bool(words_for_masks) and others <= _MASKS_MAY_SAY


def _is_view(folder: str, rest: list[str]) -> bool:
    if _ID.match(folder) or is_date(folder):
        return True
    letters = {word for word in rest if len(word) == 1 and word.isascii()}
    named = set(rest) - letters
    numbered = bool(re.search(r"\d", folder) or letters or named & _VIEWS)
    return bool(named) and named <= (_VIEWS | _NUMBERED if numbered else _VIEWS)

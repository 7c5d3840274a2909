"""Layouts that people really have: public sets as they are published, cameras, other languages, and masks by any name.

Each layout is a few tiny pictures under the names of the published listing.
"""

from __future__ import annotations

import json
import random
from typing import ClassVar

import numpy as np
import pytest
from fixtures.picture_files import encoded, scene, zipped
from fixtures.sets import GOOD, MARKED, SIZE, load, mask, picture, read, states, tree
from PIL import Image

from detectors import datasets
from detectors.datasets import layouts
from detectors.datasets.sources import UploadSource
from detectors.errors import DatasetRefused, SettingRefused

RUNS = " ".join(f"{column * SIZE[0] + 3 + 1} 6" for column in range(5, 11))  # what `mask` marks

# name -> (files, what is learnt, what is tested); the comment names the listing that it follows
LAYOUTS = {
    # mvtec.com/company/research/datasets/mvtec-ad
    "MVTec AD": (
        tree("bottle/train/good/000.png", "bottle/test/good/000.png", "bottle/test/broken_large/000.png",
             masks=["bottle/ground_truth/broken_large/000_mask.png"]) | {"bottle/readme.txt": b"x"},
        ["bottle/train/good/000.png"],
        {"bottle/test/good/000.png": GOOD, "bottle/test/broken_large/000.png": ("broken_large", MARKED)},
    ),
    # mvtec.com/company/research/datasets/mvtec-ad-2
    "MVTec AD 2": (
        tree("can/train/good/000_regular.png", "can/validation/good/000_regular.png",
             "can/test_public/good/000_regular.png", "can/test_public/bad/000_overexposed.png",
             "can/test_private/000_regular.png", "can/test_private_mixed/000_mixed.png",
             masks=["can/test_public/ground_truth/bad/000_overexposed_mask.png"]),
        ["can/train/good/000_regular.png", "can/validation/good/000_regular.png"],
        {"can/test_public/good/000_regular.png": GOOD, "can/test_public/bad/000_overexposed.png": ("bad", MARKED),
         "can/test_private/000_regular.png": (None, None), "can/test_private_mixed/000_mixed.png": (None, None)},
    ),
    # mvtec.com/company/research/datasets/mvtec-loco
    "MVTec LOCO": (
        tree("juice/train/good/000.png", "juice/validation/good/000.png", "juice/test/good/000.png",
             "juice/test/logical_anomalies/000.png", "juice/test/logical_anomalies/001.png",
             "juice/test/structural_anomalies/000.png",
             masks=["juice/ground_truth/logical_anomalies/001/000.png",
                    "juice/ground_truth/structural_anomalies/000/000.png"]),
        ["juice/train/good/000.png", "juice/validation/good/000.png"],
        {"juice/test/good/000.png": GOOD, "juice/test/logical_anomalies/000.png": ("logical_anomalies", None),
         "juice/test/logical_anomalies/001.png": ("logical_anomalies", MARKED),
         "juice/test/structural_anomalies/000.png": ("structural_anomalies", MARKED)},
    ),
    # eyecan-ai.github.io/eyecandies, one of its six lights
    "Eyecandies": (
        tree("train/data/000_image_0.png", "train/data/000_depth.png", "train/data/000_normals.png",
             "test_public/data/000_image_0.png", "test_public/data/001_image_0.png", "test_public/data/001_depth.png",
             masks=["test_public/data/001_mask.png"], empty=["test_public/data/000_mask.png"]),
        ["train/data/000_image_0.png"],
        {"test_public/data/000_image_0.png": GOOD, "test_public/data/001_image_0.png": ("defective", MARKED)},
    ),
    # eyecan-ai.github.io/eyecandies, all lights: one mask for the pictures of one part
    "Eyecandies, several lights": (
        tree("train/data/000_image_0.png", "train/data/000_image_1.png", "test_public/data/000_image_0.png",
             "test_public/data/000_image_1.png", "test_public/data/001_image_0.png", "test_public/data/001_image_1.png",
             masks=["test_public/data/001_mask.png"], empty=["test_public/data/000_mask.png"]),
        ["train/data/000_image_0.png", "train/data/000_image_1.png"],
        {"test_public/data/000_image_0.png": GOOD, "test_public/data/000_image_1.png": GOOD,
         "test_public/data/001_image_0.png": ("defective", MARKED),
         "test_public/data/001_image_1.png": ("defective", MARKED)},
    ),
    "a folder of lights for each part": (
        tree("train/good/001/light1.png", "test/crack/007/light1.png", "test/crack/007/light2.png",
             "test/crack/008/light1.png", masks=["ground_truth/crack/007.png"]),
        ["train/good/001/light1.png"],
        {"test/crack/007/light1.png": ("crack", MARKED), "test/crack/007/light2.png": ("crack", MARKED),
         "test/crack/008/light1.png": ("crack", None)},
    ),
    # github.com/tangsanli5201/DeepPCB, its folders of groups
    "DeepPCB, whole": (
        tree("PCBData/group00041/00041/00041000_temp.jpg", "PCBData/group00041/00041/00041000_test.jpg",
             "PCBData/group12000/12000/12000001_temp.jpg", "PCBData/group12000/12000/12000001_test.jpg"),
        ["PCBData/group00041/00041/00041000_temp.jpg", "PCBData/group12000/12000/12000001_temp.jpg"],
        {"PCBData/group00041/00041/00041000_test.jpg": (None, None),
         "PCBData/group12000/12000/12000001_test.jpg": (None, None)},
    ),
    # github.com/yhlleo/DeepCrack
    "DeepCrack": (
        tree("train_img/1.jpg", "train_img/2.jpg", "test_img/3.jpg",
             masks=["train_lab/1.png", "test_lab/3.png"], empty=["train_lab/2.png"]),
        ["train_img/2.jpg"], {"test_img/3.jpg": ("defective", MARKED)},
    ),
    # kaggle.com/datasets/nomihsa965/large-scale-image-dataset-of-wood-surface-defects
    "wood": (
        tree("Images1/1.bmp", "Images1/2.bmp", "Images1/3.bmp", masks=["Semantic Maps/Semantic Maps/2_segm.bmp"],
             empty=["Semantic Maps/Semantic Maps/1_segm.bmp"]),
        ["Images1/1.bmp", "Images1/3.bmp"], {"Images1/2.bmp": ("defective", MARKED)},
    ),
    # github.com/cuilimeng/CrackForest-dataset, all pictures marked
    "CrackForest": (
        tree("image/001.jpg", "image/002.jpg", masks=["seg/001.png", "seg/002.png"]), [],
        {"image/001.jpg": ("defective", MARKED), "image/002.jpg": ("defective", MARKED)},
    ),
    # kaggle.com/datasets/qingyi/wm811k-wafer-map, as folders of pictures
    "wafer maps": (
        tree("Center/1.png", "Near-full/2.png", "none/3.png"), ["none/3.png"],
        {"Center/1.png": ("Center", None), "Near-full/2.png": ("Near-full", None)},
    ),
    # kaggle.com/datasets/masoudnickparvar/brain-tumor-mri-dataset
    "brain tumours": (
        tree("Training/notumor/1.jpg", "Testing/notumor/2.jpg", "Testing/glioma/3.jpg"), ["Training/notumor/1.jpg"],
        {"Testing/notumor/2.jpg": ("good", None), "Testing/glioma/3.jpg": ("glioma", None)},
    ),
    # digitalcommons.usu.edu/all_datasets/48, one of its three surfaces
    "SDNET2018": (
        tree("D/UD/7001-1.jpg", "D/CD/7001-2.jpg"), ["D/UD/7001-1.jpg"], {"D/CD/7001-2.jpg": ("CD", None)},
    ),
    # zenodo.org/records/10459003: AutoVI
    "AutoVI": (
        tree("engine_wiring/train/good/0.png", "engine_wiring/test/good/1.png", "engine_wiring/test/blue_hoop/2.png",
             "engine_wiring/defect_example_images/x.png", masks=["engine_wiring/ground_truth/blue_hoop/2/0001.png"]),
        ["engine_wiring/train/good/0.png"],
        {"engine_wiring/test/good/1.png": GOOD, "engine_wiring/test/blue_hoop/2.png": ("blue_hoop", MARKED)},
    ),
    # realiad4ad.github.io/Real-IAD_D3
    "Real-IAD D3": (
        tree("plug/train/good/rgb/1.jpg", "plug/train/good/ps/1.jpg", "plug/test/good/rgb/2.jpg",
             "plug/test/good/ps/2.jpg", "plug/test/pit/rgb/3.jpg", "plug/test/pit/ps/3.jpg",
             masks=["plug/test/pit/gt/3.png"], empty=["plug/test/good/gt/2.png"]),
        ["plug/train/good/rgb/1.jpg"], {"plug/test/good/rgb/2.jpg": GOOD, "plug/test/pit/rgb/3.jpg": ("pit", MARKED)},
    ),
    # anomalib.readthedocs.io/en/latest/markdown/guides/how_to/data/custom_data.html, names that come again
    "Anomalib's Folder, whole": (
        tree("normal/0.png", "normal_test/1.png", "abnormal/1.png", "normal_test/2.png", masks=["mask/1.png"]),
        ["normal/0.png"],
        {"normal_test/1.png": GOOD, "normal_test/2.png": GOOD, "abnormal/1.png": ("abnormal", MARKED)},
    ),
    "what a program made of pictures, and what lies beside train and test": (
        tree("train/good/1.png", "train/good/thumbnails/1.png", "test/good/2.png", "test/cut/3.png",
             "heatmaps/cut/3.png", "docs/figure.png"),
        ["train/good/1.png"], {"test/good/2.png": ("good", None), "test/cut/3.png": ("cut", None)},
    ),
    "a part that is missing is a defect": (
        tree("train/good/1.png", "test/good/2.png", "test/no_hole/3.png", "test/no_screw/4.png"), ["train/good/1.png"],
        {"test/good/2.png": ("good", None), "test/no_hole/3.png": ("no_hole", None),
         "test/no_screw/4.png": ("no_screw", None)},
    ),
    "folders that say nothing beside one of good pictures": (
        tree("good/1.png", "images/2.png", "cam1/3.png", "NG/4.png"), ["good/1.png"], {"NG/4.png": ("NG", None)},
    ),
    "shifts are no products": (
        tree("shift1/good/1.png", "shift1/crack/2.png", "shift2/good/3.png"),
        ["shift1/good/1.png", "shift2/good/3.png"],
        {"shift1/crack/2.png": ("crack", None)},
    ),
    "reference and inspected": (
        tree("reference/1.png", "inspected/2.png"), ["reference/1.png"], {"inspected/2.png": (None, None)},
    ),
    "pictures that nobody has looked at yet": (
        tree("OK/1.png", "NG/2.png", "OK_to_check/3.png", "unsure/4.png", "not labelled/5.png", "확인필요/6.png"),
        ["OK/1.png"],
        {"NG/2.png": ("NG", None)} | dict.fromkeys(
            ["OK_to_check/3.png", "unsure/4.png", "not labelled/5.png", "확인필요/6.png"], (None, None)),
    ),
    "a mask marks one of many pictures of which nothing is said": (
        tree("data/1.png", "data/2.png", "data/3.png", "data/4.png", masks=["masks/2.png"]),
        ["data/1.png", "data/3.png", "data/4.png"], {"data/2.png": ("defective", MARKED)},
    ),
    "French": (
        tree("entraînement/bons/1.png", "essai/sans défaut/2.png", "essai/rayure/3.png",
             masks=["vérité terrain/rayure/3.png"]),
        ["entraînement/bons/1.png"],
        {"essai/sans défaut/2.png": GOOD, "essai/rayure/3.png": ("rayure", MARKED)},
    ),
    "Spanish": (
        tree("entrenamiento/buenas/1.png", "prueba/sin defecto/2.png", "prueba/defectuosas/3.png",
             masks=["máscaras/3.png"]),
        ["entrenamiento/buenas/1.png"],
        {"prueba/sin defecto/2.png": GOOD, "prueba/defectuosas/3.png": ("defectuosas", MARKED)},
    ),
    "German, spelt out": (
        tree("in Ordnung/1.png", "Gutteile/2.png", "nicht in Ordnung/3.png", "Ausschuss/Kratzer/4.png",
             masks=["Masken/4.png"]),
        ["Gutteile/2.png", "in Ordnung/1.png"],
        {"nicht in Ordnung/3.png": ("nicht in Ordnung", None), "Ausschuss/Kratzer/4.png": ("Kratzer", MARKED)},
    ),
    "Japanese": (
        tree("学習用/1.png", "評価用/良品/2.png", "評価用/欠陥品/3.png", masks=["正解画像/3.png"]),
        ["学習用/1.png"], {"評価用/良品/2.png": GOOD, "評価用/欠陥品/3.png": ("欠陥品", MARKED)},
    ),
    "words for without": (
        tree("무결함/1.png", "결함 없음/2.png", "无缺陷/3.png", "結果/欠陥なし/4.png", "결함있음/5.png"),
        ["无缺陷/3.png", "結果/欠陥なし/4.png", "결함 없음/2.png", "무결함/1.png"],
        {"결함있음/5.png": ("결함있음", None)},
    ),
    # as testers write them into one folder
    "verdicts in the names of files": (
        tree("OK_001.png", "OK_002.png", "003.png", "NG_004.png", "part 5 defective.png"),
        ["003.png", "OK_001.png", "OK_002.png"],
        {"NG_004.png": ("defective", None), "part 5 defective.png": ("defective", None)},
    ),
    # kaggle.com/datasets/arnavr10880/concrete-crack-images-for-classification, SDNET2018: what is not cracked is good
    "Non-X beside X": (
        tree("Walls/Non-cracked/1.jpg", "Walls/Non-cracked/2.jpg", "Walls/Cracked/3.jpg"),
        ["Walls/Non-cracked/1.jpg", "Walls/Non-cracked/2.jpg"], {"Walls/Cracked/3.jpg": ("Cracked", None)},
    ),
    "no X beside a good folder is a kind": (
        tree("train/good/1.png", "test/good/2.png", "test/no_screw/3.png", "test/screw/4.png"),
        ["train/good/1.png"],
        {"test/good/2.png": ("good", None), "test/no_screw/3.png": ("no_screw", None),
         "test/screw/4.png": ("screw", None)},
    ),
    # github.com/zhangzilongc/MMR: AeBAD-S, conditions below the kinds
    "AeBAD": (
        tree("AeBAD_S/train/good/background/1.png", "AeBAD_S/train/good/view/1.png", "AeBAD_S/test/good/same/2.png",
             "AeBAD_S/test/good/view/2.png", "AeBAD_S/test/groove/same/3.png", "AeBAD_S/test/groove/view/3.png",
             masks=["AeBAD_S/ground_truth/groove/same/3.png", "AeBAD_S/ground_truth/groove/view/3.png"]),
        ["AeBAD_S/train/good/background/1.png", "AeBAD_S/train/good/view/1.png"],
        {"AeBAD_S/test/good/same/2.png": GOOD, "AeBAD_S/test/good/view/2.png": GOOD,
         "AeBAD_S/test/groove/same/3.png": ("groove", MARKED), "AeBAD_S/test/groove/view/3.png": ("groove", MARKED)},
    ),
    # github.com/DorisBao/BMAD: masks beside their own pictures, under names that occur in every split
    "BMAD": (
        tree("Brain/train/good/0.png", "Brain/valid/good/img/0.png", "Brain/valid/Ungood/img/0.png",
             "Brain/test/good/img/0.png", "Brain/test/Ungood/img/0.png",
             masks=["Brain/valid/Ungood/label/0.png", "Brain/test/Ungood/label/0.png"],
             empty=["Brain/valid/good/label/0.png", "Brain/test/good/label/0.png"]),
        ["Brain/train/good/0.png", "Brain/valid/good/img/0.png"],
        {"Brain/valid/Ungood/img/0.png": ("Ungood", MARKED), "Brain/test/good/img/0.png": GOOD,
         "Brain/test/Ungood/img/0.png": ("Ungood", MARKED)},
    ),
    "good ones alone, of two cameras": (
        tree("cam_top/1.png", "cam_side/1.png", "view a/1.png"),
        ["cam_side/1.png", "cam_top/1.png", "view a/1.png"], {},
    ),
    "verdicts and masks in the names of files": (
        tree("00_good.png", "01_good.png", "02_defect.png", masks=["02_defect_mask.png"]),
        ["00_good.png", "01_good.png"], {"02_defect.png": ("defective", MARKED)},
    ),
    # kaggle.com/datasets/praveen2084/leather-defect-classification: the set's name is no word for defective
    "a set that is called after defects": (
        tree("Leather Defect Classification/folding marks/1.jpg", "Leather Defect Classification/non defective/2.jpg"),
        ["Leather Defect Classification/non defective/2.jpg"],
        {"Leather Defect Classification/folding marks/1.jpg": ("folding marks", None)},
    ),
    # github.com/tangsanli5201/DeepPCB: a template and what is tested against it
    "DeepPCB": (
        tree("group00041/00041/00041000_temp.jpg", "group00041/00041/00041000_test.jpg"),
        ["group00041/00041/00041000_temp.jpg"], {"group00041/00041/00041000_test.jpg": (None, None)},
    ),
    "verdicts in the names of tested files": (
        tree("train/1.png", "test/2_ok.png", "test/3_ng.png"),
        ["train/1.png"], {"test/2_ok.png": ("good", None), "test/3_ng.png": ("defective", None)},
    ),
    # kaggle.com/c/severstal-steel-defect-detection: run lengths down the columns
    "Severstal": (
        tree("train_images/a.jpg", "train_images/b.jpg", "train_images/c.jpg", "test_images/d.jpg")
        | {"train.csv": f"ImageId,ClassId,EncodedPixels\nb.jpg,3,{RUNS}\nc.jpg,,\n".encode(),
           "sample_submission.csv": b"ImageId,EncodedPixels,ClassId\nd.jpg,1 409600,1\n"},
        ["train_images/a.jpg", "train_images/c.jpg"],
        {"train_images/b.jpg": ("class 3", MARKED), "test_images/d.jpg": (None, None)},
    ),
    "Severstal, as first published": (
        tree("train_images/a.jpg", "train_images/b.jpg")
        | {"train.csv": f"ImageId_ClassId,EncodedPixels\na.jpg_1,\na.jpg_2,\nb.jpg_1,{RUNS}\nb.jpg_2,\n".encode()},
        ["train_images/a.jpg"], {"train_images/b.jpg": ("class 1", MARKED)},
    ),
    "a name that all share says nothing": (
        tree("ng-part_1.png", "ng-part_2.png"), ["ng-part_1.png", "ng-part_2.png"], {},
    ),
    # github.com/jianzhang96/GoodsAD
    "GoodsAD": (
        tree("drink/train/good/000000.jpg", "drink/train/good/000001.jpg", "drink/test/good/000002.jpg",
             "drink/test/surface_damage/000003.jpg", masks=["drink/ground_truth/surface_damage/000003.png"]),
        ["drink/train/good/000000.jpg", "drink/train/good/000001.jpg"],
        {"drink/test/good/000002.jpg": GOOD, "drink/test/surface_damage/000003.jpg": ("surface_damage", MARKED)},
    ),
    # github.com/jianzhang96/MSD: phone screens, masks in folders with numbers
    "MSD": (
        tree("good/0.jpg", "good/1.jpg", "oil/Oil_0001.jpg", "scratch/Scr_0001.jpg",
             masks=["ground_truth_1/Oil_0001.png", "ground_truth_2/Scr_0001.png"]),
        ["good/0.jpg", "good/1.jpg"],
        {"oil/Oil_0001.jpg": ("oil", MARKED), "scratch/Scr_0001.jpg": ("scratch", MARKED)},
    ),
    # mvtec.com/company/research/datasets/mvtec-3d-ad
    "MVTec 3D": (
        tree("bagel/train/good/rgb/000.png", "bagel/test/good/rgb/000.png", "bagel/test/crack/rgb/000.png",
             "bagel/test/crack/xyz/000.tiff", "bagel/train/good/xyz/000.tiff",
             masks=["bagel/test/crack/gt/000.png"], empty=["bagel/test/good/gt/000.png"]),
        ["bagel/train/good/rgb/000.png"],
        {"bagel/test/good/rgb/000.png": GOOD, "bagel/test/crack/rgb/000.png": ("crack", MARKED)},
    ),
    # github.com/amazon-science/spot-diff: VisA without its split file
    "VisA": (
        tree("candle/Data/Images/Normal/0000.JPG", "candle/Data/Images/Normal/0001.JPG",
             "candle/Data/Images/Anomaly/000.JPG", masks=["candle/Data/Masks/Anomaly/000.png"]),
        ["candle/Data/Images/Normal/0000.JPG", "candle/Data/Images/Normal/0001.JPG"],
        {"candle/Data/Images/Anomaly/000.JPG": ("Anomaly", MARKED)},
    ),
    # github.com/pankajmishra000/VT-ADL: BTAD
    "BTAD": (
        tree("01/train/ok/0000.bmp", "01/test/ok/0000.bmp", "01/test/ko/0000.bmp",
             masks=["01/ground_truth/ko/0000.png"]),
        ["01/train/ok/0000.bmp"],
        {"01/test/ok/0000.bmp": GOOD, "01/test/ko/0000.bmp": ("ko", MARKED)},
    ),
    # github.com/stepanje/MPDD
    "MPDD": (
        tree("tubes/train/good/000.png", "tubes/test/good/000.png", "tubes/test/anomalous/000.png",
             masks=["tubes/ground_truth/anomalous/000_mask.png"]),
        ["tubes/train/good/000.png"],
        {"tubes/test/good/000.png": GOOD, "tubes/test/anomalous/000.png": ("anomalous", MARKED)},
    ),
    # vicos.si/resources/kolektorsdd2
    "KolektorSDD2": (
        tree("train/10000.png", "train/10001.png", "test/20000.png", "test/20001.png",
             masks=["train/10001_GT.png", "test/20001_GT.png"], empty=["train/10000_GT.png", "test/20000_GT.png"]),
        ["train/10000.png"],
        {"test/20000.png": GOOD, "test/20001.png": ("defective", MARKED)},
    ),
    # vicos.si/resources/kolektorsdd
    "KolektorSDD": (
        tree("kos01/Part0.jpg", "kos01/Part1.jpg", "kos02/Part0.jpg", masks=["kos01/Part1_label.bmp"],
             empty=["kos01/Part0_label.bmp", "kos02/Part0_label.bmp"]),
        ["kos01/Part0.jpg", "kos02/Part0.jpg"],
        {"kos01/Part1.jpg": ("defective", MARKED)},
    ),
    # hci.iwr.uni-heidelberg.de/content/weakly-supervised-learning-industrial-optical-inspection: DAGM 2007
    "DAGM": (
        tree("Class1/Train/0576.PNG", "Class1/Train/0577.PNG", "Class1/Test/0001.PNG", "Class1/Test/0002.PNG",
             masks=["Class1/Train/Label/0577_label.PNG", "Class1/Test/Label/0002_label.PNG"])
        | {"Class1/Test/Label/Labels.txt": b"1"},
        ["Class1/Train/0576.PNG"],
        {"Class1/Test/0001.PNG": GOOD, "Class1/Test/0002.PNG": ("defective", MARKED)},
    ),
    # aitex.es/afid
    "AITEX": (
        tree("NODefect_images/2306881-210020u/0001_000_00.png", "Defect_images/0002_002_00.png",
             masks=["Mask_images/0002_002_00_mask.png"]),
        ["NODefect_images/2306881-210020u/0001_000_00.png"],
        {"Defect_images/0002_002_00.png": ("Defect_images", MARKED)},
    ),
    # github.com/abin24/Magnetic-tile-defect-datasets.
    "magnetic tile": (
        tree("MT_Free/Imgs/exp1.jpg", "MT_Blowhole/Imgs/exp1.jpg", "MT_Fray/Imgs/exp1.jpg",
             masks=["MT_Blowhole/Imgs/exp1.png", "MT_Fray/Imgs/exp1.png"], empty=["MT_Free/Imgs/exp1.png"]),
        ["MT_Free/Imgs/exp1.jpg"],
        {"MT_Blowhole/Imgs/exp1.jpg": ("MT_Blowhole", MARKED), "MT_Fray/Imgs/exp1.jpg": ("MT_Fray", MARKED)},
    ),
    # realiad4ad.github.io/Real-IAD
    "Real-IAD": (
        tree("plug/OK/S0001/plug_0001_OK_C1_1.jpg", "plug/NG/BX/S0002/plug_0002_NG_BX_C1_1.jpg",
             "plug/NG/QS/S0003/plug_0003_NG_QS_C2_1.jpg",
             masks=["plug/NG/BX/S0002/plug_0002_NG_BX_C1_1.png", "plug/NG/QS/S0003/plug_0003_NG_QS_C2_1_mask.png"]),
        ["plug/OK/S0001/plug_0001_OK_C1_1.jpg"],
        {"plug/NG/BX/S0002/plug_0002_NG_BX_C1_1.jpg": ("BX", MARKED),
         "plug/NG/QS/S0003/plug_0003_NG_QS_C2_1.jpg": ("QS", MARKED)},
    ),
    # kaggle.com/datasets/ravirajsinh45/real-life-industrial-dataset-of-casting-product
    "casting": (
        tree("casting_data/train/ok_front/cast_ok_0_1.jpeg", "casting_data/test/ok_front/cast_ok_0_2.jpeg",
             "casting_data/test/def_front/cast_def_0_3.jpeg", "casting_data/train/def_front/cast_def_0_4.jpeg"),
        ["casting_data/train/ok_front/cast_ok_0_1.jpeg"],
        {"casting_data/test/ok_front/cast_ok_0_2.jpeg": ("good", None),
         "casting_data/test/def_front/cast_def_0_3.jpeg": ("def_front", None)},
    ),
    # DTD-synthetic (Zero-shot versus many-shot, WACV 2023)
    "DTD-synthetic": (
        tree("Woven_001/train/good/000.png", "Woven_001/test/good/000.png", "Woven_001/test/bad/000.png",
             masks=["Woven_001/ground_truth/bad/000_mask.png"]),
        ["Woven_001/train/good/000.png"],
        {"Woven_001/test/good/000.png": GOOD, "Woven_001/test/bad/000.png": ("bad", MARKED)},
    ),
    # anomalib.readthedocs.io: Folder, hazelnut_toy
    "Anomalib's Folder": (
        tree("hazelnut_toy/good/00.jpg", "hazelnut_toy/crack/01.jpg", "hazelnut_toy/colour/01.jpg",
             masks=["hazelnut_toy/mask/crack/01.jpg.png", "hazelnut_toy/mask/colour/01.png"]),
        ["hazelnut_toy/good/00.jpg"],
        {"hazelnut_toy/crack/01.jpg": ("crack", MARKED), "hazelnut_toy/colour/01.jpg": ("colour", MARKED)},
    ),
    "Anomalib's Folder with its own test": (
        tree("normal/0.png", "normal_test/1.png", "abnormal/2.png"),
        ["normal/0.png"],
        {"normal_test/1.png": ("good", None), "abnormal/2.png": ("abnormal", None)},
    ),
    # kaggle.com/datasets/arunrk7/surface-crack-detection
    "Negative and Positive": (
        tree("Negative/0.jpg", "Positive/1.jpg"), ["Negative/0.jpg"], {"Positive/1.jpg": ("Positive", None)},
    ),
    "OK and NG": (tree("OK/a.png", "NG/b.png"), ["OK/a.png"], {"NG/b.png": ("NG", None)}),
    "Chinese": (tree("良品/a.png", "不良/划痕/b.png"), ["良品/a.png"], {"不良/划痕/b.png": ("划痕", None)}),
    "Korean": (
        tree("정상/a.png", "불량/b.png", masks=["마스크/불량/b.png"]), ["정상/a.png"], {"불량/b.png": ("불량", MARKED)},
    ),
    "Korean, long": (
        tree("학습용/양품 이미지/a.png", "테스트/정상이미지/b.png", "테스트/찍힘/c.png"),
        ["학습용/양품 이미지/a.png"],
        {"테스트/정상이미지/b.png": ("good", None), "테스트/찍힘/c.png": ("찍힘", None)},
    ),
    "German": (tree("i.O./a.png", "n.i.O/b.png", "NIO/c.png"), ["i.O./a.png"],
               {"n.i.O/b.png": ("n.i.O", None), "NIO/c.png": ("NIO", None)}),
    "one folder of good ones": (tree("parts/a.png", "parts/b.png"), ["parts/a.png", "parts/b.png"], {}),
    "cameras": (
        tree("train/cam1/good/0.png", "test/cam1/good/1.png", "test/cam1/scratch/2.png", "test/cam2/scratch/2.png",
             masks=["ground_truth/cam2/scratch/2_mask.png"]),
        ["train/cam1/good/0.png"],
        {"test/cam1/good/1.png": GOOD, "test/cam1/scratch/2.png": ("scratch", None),
         "test/cam2/scratch/2.png": ("scratch", MARKED)},
    ),
    "cameras below the kind": (
        tree("train/good/cam1/0.png", "test/good/cam1/1.png", "test/scratch/cam1/2.png",
             masks=["ground_truth/scratch/cam1/2.png"]),
        ["train/good/cam1/0.png"],
        {"test/good/cam1/1.png": GOOD, "test/scratch/cam1/2.png": ("scratch", MARKED)},
    ),
    "cameras alone": (
        tree("train/cam1/0.png", "test/cam1/1.png"), ["train/cam1/0.png"], {"test/cam1/1.png": (None, None)},
    ),
    "the role below the verdict": (
        tree("good/train/0.png", "good/test/1.png", "crack/test/2.png", "NG/test/3.png"),
        ["good/train/0.png"],
        {"good/test/1.png": ("good", None), "crack/test/2.png": (None, None), "NG/test/3.png": ("NG", None)},
    ),
    "role and verdict in one name": (
        tree("train_good/0.png", "test_good/1.png", "test_bad/2.png"),
        ["train_good/0.png"],
        {"test_good/1.png": ("good", None), "test_bad/2.png": ("defective", None)},
    ),
    "classes one above another": (
        tree("train/good/0.png", "test/defective/scratch/deep/1.png", "test/defective/dent/2.png"),
        ["train/good/0.png"],
        {"test/defective/scratch/deep/1.png": ("deep", None), "test/defective/dent/2.png": ("dent", None)},
    ),
    "wrapped in test": (
        tree("test/train/good/0.png", "test/test/good/1.png", "test/test/cut/2.png"),
        ["test/train/good/0.png"],
        {"test/test/good/1.png": ("good", None), "test/test/cut/2.png": ("cut", None)},
    ),
    "wrapped in mask": (
        tree("mask/good/0.png", "mask/ng/1.png"), ["mask/good/0.png"], {"mask/ng/1.png": ("ng", None)},
    ),
    "wrapped in training": (
        tree("training/project/OK/0.png", "training/project/NG/1.png"),
        ["training/project/OK/0.png"], {"training/project/NG/1.png": ("NG", None)},
    ),
    "masks beside, by a name that is no word for them": (
        tree("train/good/0.png", "test/good/1.png", "test/crack/1.png", "test/hole/img/1.png",
             masks=["test/crack_bw/1.png", "test/hole/msk/1.png"]),
        ["train/good/0.png"],
        {"test/good/1.png": GOOD, "test/crack/1.png": ("crack", MARKED), "test/hole/img/1.png": ("hole", MARKED)},
    ),
    "days": (
        tree("2024-05-01/OK/1.png", "2024-05-01/NG/2.png", "2024-05-02/OK/1.png", "20240503/NG/2.png"),
        ["2024-05-01/OK/1.png", "2024-05-02/OK/1.png"],
        {"2024-05-01/NG/2.png": ("NG", None), "20240503/NG/2.png": ("NG", None)},
    ),
    "copies that Windows named": (
        tree("train/good - Copy/1.png", "train/good/2.png", "test/good (2)/3.png", "test/scratch (1)/4.png"),
        ["train/good - Copy/1.png", "train/good/2.png"],
        {"test/good (2)/3.png": ("good", None), "test/scratch (1)/4.png": ("scratch (1)", None)},
    ),
    "a product that is a label": (
        tree("label/train/good/0.png", "label/test/good/1.png", "label/test/missing_label/2.png"),
        ["label/train/good/0.png"],
        {"label/test/good/1.png": ("good", None), "label/test/missing_label/2.png": ("missing_label", None)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_published_layout_is_read_as_it_is_meant(name):
    content, learnt, tested = LAYOUTS[name]
    assert read(load(content)) == (sorted(learnt), tested)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_folder_a_zip_in_any_order_and_an_upload_are_read_alike(name, tmp_path):
    content = LAYOUTS[name][0]
    expected = read(load(content))
    shuffled = list(content)
    random.Random(3).shuffle(shuffled)
    assert read(load({key: content[key] for key in shuffled})) == expected
    for path, data in content.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert read(datasets.load_folder(tmp_path)) == expected
    assert read(UploadSource(placed=tuple((key, content[key]) for key in shuffled)).load()) == expected


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_entry_says_what_decided(name):
    for entry in load(LAYOUTS[name][0]).report.entries:
        assert entry.because is not None or entry.sentence.key == "file.document", entry


@pytest.mark.parametrize(
    "written",
    [
        "001_mask.png", "001_GT.png", "001_label.bmp", "001_mask_0.png", "001-mask1.png", "mask_001.png", "gt_001.png",
        "001.jpg.png", "001.png", "001_seg.png", "001_ground_truth.png", "001_defect_mask.png", "001_labels.tif",
        "001 mask.png", "001.mask.png", "001_annotation.png", "001mask.png", "001_마스크.png",
    ],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["test/cut", "ground_truth/cut", "masks", "train_masks/cut", "test/cut/labels"])
def test_a_mask_by_any_name_belongs_to_its_picture(written, folder):
    content = tree("train/good/000.png", "test/cut/001.jpg", "test/good/002.jpg", masks=[f"{folder}/{written}"])
    if folder == "train_masks/cut":
        content = {key.replace("train_masks", "test_masks"): value for key, value in content.items()}
    assert read(load(content)) == (
        ["train/good/000.png"],
        {"test/cut/001.jpg": ("cut", MARKED), "test/good/002.jpg": GOOD},
    )


class TestMasks:
    def test_two_values_alone_are_no_mask(self):
        """Binary product photographs: the same stem in several folders, a picture kept twice, a mask's word."""
        binary = {}
        for i, name in enumerate(("train/good/0.png", "test/good/1.png", "test/cut/1.png", "test/cut/2.bmp")):
            values = np.zeros(SIZE, np.uint8)
            values[4:20, 4 : 20 + i] = 255
            binary[name] = encoded(values, "BMP" if name.endswith("bmp") else "PNG")
        assert read(load(binary)) == (
            ["train/good/0.png"],
            {"test/good/1.png": ("good", None), "test/cut/1.png": ("cut", None), "test/cut/2.bmp": ("cut", None)},
        )
        named = {f"good/{i}_label.png": content for i, content in enumerate(binary.values())}
        assert len(load(named).train) == 4

    def test_a_photograph_with_a_masks_name_is_a_picture(self):
        data = load(tree("good/face.png", "good/face_mask.png", "good/a.jpg", "good/a.png"))
        assert len(data.train) == 4

    @pytest.mark.parametrize(
        ("pictures", "masks"),
        [
            ("Abnormal", "Abnormal_GroundTruth"), ("abnormal", "abnormal_mask"), ("crack", "crack_label"),
            ("bad", "bad_gt"), ("크랙", "크랙_마스크"), ("bad", "truth"), ("bad", "defect_map"),
            ("bad", "anomaly_maps"), ("bad", "binary"), ("anomaly images", "anomaly masks"),
        ],
    )  # fmt: skip
    def test_a_folder_called_after_its_pictures_or_looking_like_their_masks_is_no_kind(self, pictures, masks):
        content = tree(*(f"good/{i}.png" for i in range(3)), f"{pictures}/0.png", f"{pictures}/1.png",
                       masks=[f"{masks}/0.png", f"{masks}/1.png"])  # fmt: skip
        assert read(load(content))[1] == {f"{pictures}/{i}.png": (pictures, MARKED) for i in range(2)}

    def test_masks_in_a_folder_called_after_a_class_belong_to_it(self):
        content = tree("good/0.png", "good/1.png", "crack/5.png", "hole/5.png", masks=["crack_gt/5.png"])
        assert read(load(content))[1] == {"crack/5.png": ("crack", MARKED), "hole/5.png": ("hole", None)}

    def test_photographs_in_such_a_folder_are_a_kind_of_their_own(self):
        tested = read(load(tree("good/0.png", "good/1.png", "bottle/3.png", "bottle_label/4.png")))[1]
        assert tested == {"bottle/3.png": ("bottle", None), "bottle_label/4.png": ("bottle_label", None)}

    def test_a_folder_of_which_masks_alone_make_pictures_defective_says_so(self):
        data = load(tree(*(f"images/{i}.png" for i in range(5)), masks=["masks/4.png"]))
        (why,) = (str(folder.why) for folder in data.report.understanding.folders if folder.path == "images")
        assert why.endswith("Learnt: 4; tested: 0 good, 1 defective, 0 without a label.")

    def test_masks_that_mark_nothing_are_told_of_the_set(self):
        content = tree("train/good/0.png", "test/cut/1.png", "test/cut/2.png", empty=["ground_truth/cut/1.png"])
        notes = {note.key: str(note) for note in load(content).report.notes}
        assert notes["dataset.empty_masks"].startswith("Masks of defective pictures that mark nothing: 1 (ground_truth")
        assert "dataset.no_masks" not in notes

    def test_a_mask_whose_picture_is_gone_goes_to_no_other(self):
        content = tree(
            "train/good/0.png",
            "train/good/7.png",
            "test/cut/1.png",
            "test/hole/2.png",
            masks=["ground_truth/cut/1.png", "ground_truth/cut/2.png", "ground_truth/cut/7.png", "test/cut/9_mask.png"],
        )
        data = load(content)
        assert states(data) == dict.fromkeys(
            ["ground_truth/cut/2.png", "ground_truth/cut/7.png", "test/cut/9_mask.png"], "mask.no_picture"
        )
        assert read(data)[1] == {"test/cut/1.png": ("cut", MARKED), "test/hole/2.png": ("hole", None)}

    def test_a_marked_mask_takes_its_picture_out_of_what_is_learnt(self):
        content = tree("train/a.png", "train/b.png", masks=["train/b_mask.png"], empty=["train/a_mask.png"])
        data = load(content)
        assert read(data) == (["train/a.png"], {})
        assert states(data) == {"train/b.png": "dataset.marked_in_train"}
        loose = datasets.from_uploads(list(content.items()), [])
        assert [s.picture.name for s in loose.train] == ["train/a.png"]

    def test_every_fifth_good_one_is_tested_beside_what_nobody_has_looked_at(self):
        data = load(tree(*(f"OK/{i:02d}.png" for i in range(10)), "NG/a.png", "to_check/b.png"))
        assert sorted(read(data)[1]) == ["NG/a.png", "OK/04.png", "OK/09.png", "to_check/b.png"]

    def test_masks_alone_say_what_is_good_and_every_fifth_good_one_is_tested(self):
        names = [f"{i:02d}.png" for i in range(15)]
        content = tree(
            *names, masks=[f"{name[:2]}_mask.png" for name in names[:3]], empty=[f"{n[:2]}_gt.png" for n in names[3:]]
        )
        data = load(content)
        assert [len(data.train), [s.kind for s in data.test]] == [10, ["defective"] * 3 + ["good"] * 2]
        assert "dataset.set_aside" in {note.key for note in data.report.notes}

    def test_a_mask_on_the_test_pile_is_found_by_name_and_looks(self):
        data = datasets.from_uploads(
            [("1.png", picture("1.png"))], [("7.png", picture("7.png")), ("7_mask.png", mask())]
        )
        assert read(data) == (["1.png"], {"7.png": ("defective", MARKED)})


LABELME = {
    "imagePath": "..\\b.jpg", "imageHeight": SIZE[0], "imageWidth": SIZE[1],
    "shapes": [{"label": "scratch", "points": [[5, 3], [10, 3], [10, 8], [5, 8]], "shape_type": "polygon"}],
}  # fmt: skip


class TestOutlines:
    def test_labelme(self):
        content = tree("train/good/a.jpg", "test/b.jpg", "test/c.jpg", "test/d.jpg")
        circle = {"label": "spot", "points": [[16, 12], [16, 16]], "shape_type": "circle"}
        content |= {
            "test/b.json": json.dumps(LABELME).encode(),
            "test/c.json": json.dumps(LABELME | {"imagePath": "c.jpg", "shapes": [circle]}).encode(),
            "test/d.json": json.dumps(LABELME | {"imagePath": "d.jpg", "shapes": []}).encode(),
        }
        data = load(content)
        tested = read(data)[1]
        assert tested["test/b.jpg"] == ("scratch", MARKED)
        assert tested["test/c.jpg"][0] == "spot"
        assert 50 <= tested["test/c.jpg"][1] <= 70  # pi 4**2 and its edge
        assert tested["test/d.jpg"] == GOOD
        assert {e.name: e.role for e in data.report.entries if e.name.endswith("json")} == dict.fromkeys(
            ["test/b.json", "test/c.json", "test/d.json"], "mask"
        )

    def test_coco(self):
        images = [
            {"id": i, "file_name": f"{name}.jpg", "height": SIZE[0], "width": SIZE[1]} for i, name in enumerate("bcdx")
        ]
        column = [5 * SIZE[0] + 3, *[6, SIZE[0] - 6] * 5, 6, SIZE[0] * SIZE[1] - (10 * SIZE[0] + 3 + 6)]
        found = [
            {"image_id": 0, "category_id": 7, "segmentation": [[5, 3, 10, 3, 10, 8, 5, 8]]},
            {"image_id": 1, "category_id": 8, "segmentation": {"counts": column, "size": list(SIZE)}},
        ]
        document = {
            "images": images, "annotations": found,
            "categories": [{"id": 7, "name": "cut"}, {"id": 8, "name": "hole"}],
        }  # fmt: skip
        content = tree("train/good/a.jpg", "test/b.jpg", "test/c.jpg", "test/d.jpg")
        data = load(content | {"annotations/instances.json": json.dumps(document).encode()})
        assert read(data)[1] == {"test/b.jpg": ("cut", MARKED), "test/c.jpg": ("hole", MARKED), "test/d.jpg": GOOD}
        assert states(data) == {"annotations/instances.json": "mask.no_outlined_picture"}

    def outlines(self, marked, *names):
        images = [{"id": i, "file_name": name, "height": SIZE[0], "width": SIZE[1]} for i, name in enumerate(names)]
        found = [{"image_id": names.index(name), "category_id": 7, "bbox": [5, 3, 5, 5]} for name in marked]
        document = {"images": images, "annotations": found, "categories": [{"id": 7, "name": "crack"}]}
        return json.dumps(document).encode()

    def test_pictures_to_train_that_coco_marks_are_tested_and_the_others_are_good(self):
        # as Roboflow exports it
        names = [f"{i:02}.jpg" for i in range(12)]
        content = tree(*(f"train/{name}" for name in names), "valid/a.jpg", "valid/b.jpg")
        content |= {"train/_annotations.coco.json": self.outlines(names[:2], *names)}
        data = load(content | {"valid/_annotations.coco.json": self.outlines(["a.jpg"], "a.jpg", "b.jpg")})
        assert str(data.report.understanding) == (
            "11 normal (9 to learn from, 2 to test); 3 defective (crack); 3 masks."
        )

    def test_of_pictures_of_one_name_the_defective_one_is_marked_or_it_is_told(self):
        content = tree("train/good/0.png", "test/good/0.png", "test/bad/0.png", "test/bad/1.png", "test/cut/1.png")
        data = load(content | {"test/coco.json": self.outlines(["0.png", "1.png"], "0.png", "1.png")})
        assert read(data)[1]["test/bad/0.png"] == ("bad", MARKED)
        (told,) = [str(entry.sentence) for entry in data.report.entries if entry.state == "refused"]
        assert told == ("Its outlines are for 1.png, and 2 pictures are called so (test/bad/1.png, test/cut/1.png).")

    def test_cocos_compressed_runs(self):
        from detectors.datasets.labels.polygons import _counts

        assert _counts("52203") == [5, 2, 2, 2, 5]  # as pycocotools writes [5, 2, 2, 2, 5]

    @pytest.mark.parametrize(
        "text", ["{", "[]", '{"shapes": [{}]}', '{"shapes": 1}', '{"images": [1], "annotations": [2]}', "{}",
                 '{"shapes": [], "imageHeight": 1e999, "imageWidth": 2}', "[" * 100_000]
    )  # fmt: skip
    def test_any_other_document_is_passed_over(self, text):
        data = load(tree("good/a.png", "good/b.png") | {"good/a.json": text.encode()})
        assert [len(data.train), states(data, "ignored")] == [2, {"good/a.json": "file.document"}]

    def test_sizes_that_no_picture_has_are_refused(self):
        huge = json.dumps(LABELME | {"imageHeight": 10**6, "imageWidth": 10**6}).encode()
        data = load(tree("train/good/a.jpg", "test/b.jpg") | {"test/b.json": huge})
        assert states(data) == {"test/b.json": "polygons.size"}


class TestTables:
    NAMES = tuple(f"images/{i}.png" for i in range(4))

    @pytest.mark.parametrize(
        ("file", "text", "tested"),
        [
            ("labels.csv", "filename,label\n0.png,ok\n1.png,ok\n2.png,ok\n3.png,defective\n", {3: "defective"}),
            ("labels.csv", "image;is_defect\nimages/0;0\nimages/1;0\nimages/2;1\nimages/3;1\n",
             {2: "defective", 3: "defective"}),
            ("images/t.tsv", "id\tpath\tclass\n9\tC:\\x\\0.png\tnormal\n8\t1.png\tnormal\n7\t2.png\tscratch\n",
             {2: "scratch", 3: None}),
            ("train.csv", "image,target,split\n0,0,train\n1,0,test\n2,1,test\n3,,test\n",
             {1: "good", 2: "defective", 3: None}),
            ("good.csv", "name,is_good\n0.png,1\n1.png,1\n2.png,0\n3.png,1\n", {2: "defective"}),
            # labelstud.io/guide/export: CSV and JSON-MIN
            ("p.csv", "image,id,choice\n/data/upload/1/1a2b3c4d-0.png,1,good\n/data/upload/1/1a2b3c4d-1.png,2,good\n"
             "/data/upload/1/1a2b3c4d-2.png,3,crack\n/data/upload/1/1a2b3c4d-3.png,4,good\n", {2: "crack"}),
            ("p.json", json.dumps([{"image": f"/data/upload/1/1a2b3c4d-{i}.png", "id": i, "choice": kind, "by": 1}
                                   for i, kind in enumerate(["good", "good", "crack", "good"])]), {2: "crack"}),
            # as `python -m detectors demo --out` writes it
            ("manifest.csv", "file,kind,severity,seed,defective_area\n0.png,good,,0,0.0\n1.png,good,,1,0.0\n"
             "2.png,cut,0.5,2,0.1\n3.png,good,,3,0.0\n", {2: "cut"}),
            ("list.txt", "0.png 0\n1.png 0\n2.png 1\n3.png 0\n", {2: "defective"}),
            ("labels.csv", "filename,label\n0.bmp,OK\n1.bmp,OK\n2.bmp,NG\n3.bmp,OK\n", {2: "NG"}),
            ("labels.json", '{"0.png": "good", "1.png": "good", "2.png": "bad", "3.png": "good"}', {2: "bad"}),
            ("labels.json", '{"good": ["0.png", "1.png", "3.png"], "crack": ["2.png"]}', {2: "crack"}),
            ("labels.json", '{"labels": [{"file": "0.png", "is_defect": false}, {"file": "2.png", "is_defect": true}, '
             '{"file": "1.png", "is_defect": false}, {"file": "3.png", "is_defect": false}]}', {2: "defective"}),
            ("labels.jsonl", "".join(f'{{"file": "{i}.png", "label": "{["OK", "NG"][i == 2]}"}}\n' for i in range(4)),
             {2: "NG"}),
            ("labels.yaml", "0.png: ok\n1.png: ok\n2.png: 'crack'\n3.png: ok\n", {2: "crack"}),
            ("labels.csv", "filename;Fehler\n0.png;nein\n1.png;nein\n2.png;ja\n3.png;nein\n", {2: "defective"}),
            ("labels.csv", "filename,pass/fail\n0.png,P\n1.png,P\n2.png,F\n3.png,P\n", {2: "defective"}),
            ("labels.csv", "filename,quality\n0.png,1\n1.png,1\n2.png,0\n3.png,1\n", {2: "defective"}),
            ("labels.csv", "filename,isgood\n0.png,1\n1.png,1\n2.png,0\n3.png,1\n", {2: "defective"}),
            ("labels.csv", "filename,num_defects\n0.png,0\n1.png,0\n2.png,7\n3.png,0\n", {2: "defective"}),
            ("판정.csv", "파일명,판정\n0.png,양품\n1.png,양품\n2.png,불량\n3.png,양품\n", {2: "불량"}),
        ],
    )  # fmt: skip
    def test_a_table_says_what_is_good_and_defective(self, file, text, tested):
        data = load(tree(*self.NAMES) | {file: text.encode("cp949" if "판정" in text else "utf-8")})
        assert {int(s.picture.name[7]): s.kind for s in data.test} == tested
        assert states(data, "ignored") == {file: "file.table"}
        assert sorted(int(s.picture.name[7]) for s in data.train) == sorted({0, 1, 2, 3} - set(tested))

    @pytest.mark.parametrize(
        ("files", "said"),
        [
            ({"t.csv": "file,class\n0.png,1\n1.png,2\n2.png,3\n"}, "t.csv"),
            ({"t.csv": "file,product\n0.png,bottle\n1.png,cable\n"}, "t.csv"),
            # cvlibs.net/datasets/kitti
            ({f"labels/{i}.txt": "Car 0 0 1.5 10 20 30 40\n" for i in (2, 3)}, "labels/*.txt"),
            ({"labels/3.json": '{"objects": [{"bbox": [1, 2, 3, 4]}]}'}, "3.json"),
            # mvtec.com/company/research/datasets/mvtec-screws: turned boxes
            ({"s.json": '{"images": [{"id": 1, "file_name": "2.png"}], "annotations": [{"bbox": [1, 2, 3, 4, 0.1]}]}'},
             "s.json"),
            # docs.cvat.ai/docs/dataset_management/formats/format-cvat
            ({"annotations.xml": '<annotations><image name="2.png"><box label="cut"/></image></annotations>'},
             "annotations.xml"),
            # labelstud.io/guide/export: JSON
            ({"p.json": json.dumps([{"data": {"image": f"/data/upload/1/1a2b3c4d-{i}.png"}, "annotations": [
                {"result": [{"type": "choices", "value": {"choices": ["crack"]}}]}]} for i in (1, 2)])}, "p.json"),
            # github.com/zae-bayern/elpv-dataset
            ({"labels.csv": "images/0.png  0.0   mono\nimages/2.png  0.6666   poly\n"}, "labels.csv"),
            ({"labels.json": '{"0.png": {"verdict": "OK"}, "2.png": {"verdict": "NG"}}'}, "labels.json"),
            ({"metadata.jsonl": '{"file_name": "2.png", "boxes": [[1, 2]], "label": 1}'}, "metadata.jsonl"),
            ({"labels.yaml": "labels:\n  0.png: ok\n  2.png: ng\n"}, "labels.yaml"),
            ({"boxes/2_anno.txt": "Quartzity 0.1 0.2 0.3 0.4\n"}, "2_anno.txt"),
        ],
    )  # fmt: skip
    def test_labels_that_are_not_read_are_told(self, files, said):
        data = load(tree(*self.NAMES) | {name: text.encode() for name, text in files.items()})
        assert str(data.report.understanding) == (f"4 normal; none defective; no masks; labels in {said} are not read.")
        assert set(states(data, "ignored").values()) == {"file.unread"}
        assert "dataset.labels_unread" in {note.key for note in data.report.notes}

    @pytest.mark.parametrize("file", ["anything.xlsx", "anything.ods", "ground_truth.txt"])  # the last as in GDXray
    def test_documents_that_may_hold_labels_are_told_where_no_folder_says_anything(self, file):
        said = [str(n) for n in load(tree(*self.NAMES) | {file: b"1 10 20 30 40"}).report.notes]
        assert said[0].startswith(f"{file} may say which pictures are defective and cannot be read; 4 pictures")
        known = load(tree("good/0.png", "crack/1.png") | {file: b"1 10 20 30 40"})
        assert not any(note.key == "dataset.labels_perhaps" for note in known.report.notes)

    def test_a_folder_whose_pictures_a_table_or_names_decide_says_how_many_are_what(self):
        table = load(tree(*self.NAMES) | {"t.csv": b"file,label\n0.png,ok\n1.png,ok\n2.png,nok\n3.png,ok\n"})
        assert [str(folder.why) for folder in table.report.understanding.folders] == [
            "t.csv decides picture by picture. Learnt: 3; tested: 0 good, 1 defective, 0 without a label."
        ]
        named = load(tree("IMG_0(good).jpg", "IMG_1(good).jpg", "IMG_2(bad).jpg"))
        assert str(named.report.understanding.folders[0].why).endswith(
            "Learnt: 2; tested: 0 good, 1 defective, 0 without a label."
        )

    def test_names_that_several_pictures_have_are_told(self):
        data = load(tree("a/0.png", "a/1.png", "b/0.png", "b/1.png") | {"t.csv": b"file,label\n0.png,ok\n1.png,nok\n"})
        assert str(data.report.notes[0]) == (
            "Rows of t.csv whose name several pictures have, so that nothing says which is meant: 2 (0.png among "
            "them). Write the folder before the name."
        )

    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            (["OK", "OK", "NG", "ok"], "NG"), (["good", "good", "crack", "good"], "crack"),
            (["0", "0", "1", "0"], "defective"), (["정상", "정상", "불량", "정상"], "불량"),
            (['{"label": "OK"}'] * 2 + ['{"label": "crack", "by": "Kim"}', '{"label": "OK"}'], "crack"),
            (['{"is_defect": false, "id": 7}'] * 2 + ['{"is_defect": true}', '{"is_defect": false}'], "defective"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("folder", ["images", "labels"])
    def test_each_pictures_own_file_says_what_it_is(self, said, kind, folder):
        ending = "json" if said[0].startswith("{") else "txt"
        data = load(tree(*self.NAMES) | {f"{folder}/{i}.{ending}": text.encode() for i, text in enumerate(said)})
        assert read(data) == ([self.NAMES[i] for i in (0, 1, 3)], {self.NAMES[2]: (kind, None)})
        assert {*states(data, "ignored").values()} == {"file.label"}
        assert str(data.report.entries[2].because) == f"Its own file 2.{ending} says so."

    def test_texts_called_like_pictures_are_told(self):
        data = load(tree(*self.NAMES) | {f"images/{i}.txt": b"crack" for i in range(2)})
        assert "0.txt, 1.txt may say which" in " ".join(map(str, data.report.notes))
        some = load(tree(*self.NAMES) | {f"images/{i}.txt": b"good" for i in range(2)})
        assert str(some.report.understanding) == "2 normal; none defective; 2 to test without a label; no masks."
        unsure = load(tree(*self.NAMES) | {f"images/{i}.json": b'{"result": 1}' for i in range(2)})
        assert [note.key for note in unsure.report.notes[:2]] == ["dataset.table_unsure", "dataset.labels_unread"]

    @pytest.mark.parametrize(
        ("file", "text", "learnt", "tested"),
        [
            ("defective.txt", "2.png\n", [0, 1, 3], {2: "defective"}),
            ("lists/ng_list.csv", "filename\nimages/2.png\nimages/3.png\n", [0, 1], {2: "defective", 3: "defective"}),
            ("anomalies.txt", "2\n3\n", [0, 1], {2: "defective", 3: "defective"}),
            ("list.csv", "defective\n2.png\n", [0, 1, 3], {2: "defective"}),
            ("불량목록.csv", "파일명\n2.png\n", [0, 1, 3], {2: "defective"}),
            ("good.txt", "0.png\n1.png\n", [0, 1], {2: None, 3: None}),
            ("test_good.txt", "0.png\n", [], {0: "good", 1: None, 2: None, 3: None}),
            ("to_check.txt", "2.png\n", [0, 1, 3], {2: None}),
        ],
    )
    def test_a_list_of_names_is_of_what_its_own_name_says(self, file, text, learnt, tested):
        data = load(tree(*self.NAMES) | {file: text.encode()})
        assert [int(s.picture.name[7]) for s in data.train] == learnt
        assert {int(s.picture.name[7]): s.kind for s in data.test} == tested
        only = {note.key: str(note) for note in data.report.notes}.get("dataset.not_among")
        defective = [*tested.values()].count("defective")
        assert only == (
            f"Only defective pictures are named; those that are not count as good: {len(learnt)}."
            if defective
            else None
        )

    def test_lists_of_good_and_of_defective_ones_leave_the_others_open(self):
        data = load(tree(*self.NAMES) | {"good.txt": b"0.png\n1.png", "bad.txt": b"2.png"})
        assert read(data)[1] == {"images/2.png": ("defective", None), "images/3.png": (None, None)}

    @pytest.mark.parametrize(("file", "told"), [("list.txt", True), ("train.txt", False), ("all.txt", False)])
    def test_a_list_whose_name_says_nothing_is_told_where_it_names_some_pictures(self, file, told):
        text = "".join(f"{i}.png\n" for i in range(4 if file == "all.txt" else 2))
        data = load(tree(*self.NAMES) | {file: text.encode()})
        assert len(data.train) == 4
        assert ("dataset.labels_unread" in {note.key for note in data.report.notes}) is told

    @pytest.mark.parametrize(
        ("text", "tested"),
        [
            ("name,crack,cut,hole\n0,0,0,0\n1,0,0,0\n2,0,1,0\n3,1,0,1\n", {2: "cut", 3: "crack"}),
            # kaggle.com/c/plant-pathology-2020-fgvc7
            ("image_id,healthy,rust,scab\n0,1,0,0\n1,1,0,0\n2,0,1,0\n3,0,0,0\n", {2: "rust", 3: "defective"}),
            ("name,class_1,class_2\n0,0.0,0.0\n1,0.0,0.0\n2,0.0,1.0\n3,0.0,0.0\n", {2: "class_2"}),
            ("name,defective,crack,cut\n0,0,0,0\n1,0,0,0\n2,1,0,1\n3,0,0,0\n", {2: "cut"}),
            ("name,crack,none\n0,false,true\n1,false,true\n2,true,false\n3,,\n", {2: "crack"}),
        ],
    )
    def test_columns_of_0_and_1_are_kinds(self, text, tested):
        data = load(tree(*self.NAMES) | {"t.csv": text.encode()})
        assert {int(s.picture.name[7]): s.kind for s in data.test if s.kind} == tested
        assert data.report.notes[0].key == "dataset.table_kinds"

    @pytest.mark.parametrize(
        ("text", "tested"),
        [
            ("name,label,rotated,night\n0,0,1,0\n1,0,0,1\n2,1,0,0\n3,0,0,0\n", {2: "defective"}),
            ("name,bottle,cable\n0,1,0\n1,1,0\n2,0,1\n3,0,1\n", {}),
            ("name,crack\n0,0\n1,0\n2,1\n3,0\n", {2: "crack"}),
            ("name,no_crack\n0,1\n1,1\n2,0\n3,1\n", {2: "defective"}),
            ("name,not_defective\n0,1\n1,1\n2,0\n3,1\n", {2: "defective"}),
            ("name,defect_free\n0,1\n1,1\n2,0\n3,1\n", {2: "defective"}),
        ],
    )
    def test_what_one_means_is_what_the_column_is_called(self, text, tested):
        data = load(tree(*self.NAMES) | {"t.csv": text.encode()})
        assert {int(s.picture.name[7]): s.kind for s in data.test} == tested
        assert "dataset.table_kinds" not in {note.key for note in data.report.notes}

    def test_good_and_a_kind_in_one_row_are_told(self):
        text = b"name,good,crack,cut\n0,1,0,0\n1,1,0,0\n2,1,1,0\n3,0,0,1\n"
        data = load(tree(*self.NAMES) | {"t.csv": text})
        assert read(data)[1]["images/2.png"] == ("crack", None)
        assert "(pictures: 1, images/2.png among them)" in " ".join(map(str, data.report.notes))

    def test_numbers_name_the_pictures_that_they_are(self):
        named = tree(*(f"img/{i:03}.png" for i in range(4)))
        data = load(named | {"t.csv": b"id,has_defect\n0,False\n1,False\n2,True\n3,False\n"})
        assert read(data)[1] == {"img/002.png": ("defective", None)}
        assert read(load(named | {"t.csv": b"id,has_defect\n1,False\n2,True\n9,True\n"}))[1] == {}

    def test_where_one_may_mean_either_the_column_is_not_used(self):
        data = load(tree(*self.NAMES) | {"t.csv": b"file,result\n0.png,1\n1.png,1\n2.png,0\n3.png,1\n"})
        assert [note.key for note in data.report.notes[:2]] == ["dataset.table_unsure", "dataset.labels_unread"]
        good = load(tree(*self.NAMES) | {"t.csv": b"file,valid\n0.png,1\n1.png,1\n2.png,0\n3.png,1\n"})
        assert str(good.report.notes[0]) == "In t.csv, 1 is taken for good and 0 for defective."

    def test_rows_against_each_other_and_without_a_picture_are_told(self):
        data = load(tree(*self.NAMES) | {"t.csv": b"file,label\n0.png,ok\n1.png,ok\n0.png,nok\n9.png,nok\n"})
        assert [str(note) for note in data.report.notes[:2]] == [
            "Rows of t.csv contradict each other (pictures: 1, images/0.png among them): such a picture counts as "
            "defective.",
            "Rows of t.csv that name no picture of the set: 1.",
        ]

    @pytest.mark.parametrize(
        ("kind", "encoding"), [("Lochöß", "cp1252"), ("défaut é", "cp1252"), ("찍힘", "cp949"), ("긁힘", "utf-16")]
    )
    def test_accents_and_korean_of_old_encodings_are_told_apart(self, kind, encoding):
        text = f"file,label\n0.png,good\n1.png,good\n2.png,{kind}\n".encode(encoding)
        assert read(load(tree(*self.NAMES) | {"t.csv": text}))[1]["images/2.png"] == (kind, None)

    def test_what_one_means_and_that_a_table_is_against_the_folders_is_told(self):
        data = load(
            tree("good/0.png", "good/1.png", "bad/2.png") | {"t.csv": b"file,label\n0.png,1\n1.png,0\n2.png,1\n"}
        )
        assert [str(note) for note in data.report.notes[:2]] == [
            "In t.csv, 1 is taken for defective and 0 for good.",
            "t.csv says otherwise than the folders of 1 picture (good/0.png: defective): the table counts.",
        ]

    def test_masks_that_are_no_pictures_are_told_as_what_they_are(self):
        # github.com/cuilimeng/CrackForest-dataset as it is published
        data = load(
            tree("image/001.jpg", "image/002.jpg") | {"groundTruth/001.mat": b"MATLAB 5.0 MAT-file" + bytes(99)}
        )
        assert states(data) == {"groundTruth/001.mat": "picture.other_kind"}
        assert str(data.report.understanding) == (
            "2 normal; none defective; no masks; 1 not used; labels in 001.mat are not read."
        )

    def test_labels_of_pictures_that_are_known_to_be_defective_are_not_missed(self):
        data = load(tree("good/0.png", "crack/1.png") | {"Annotations/1.xml": b"<annotation><object/></annotation>"})
        assert "dataset.labels_unread" not in {note.key for note in data.report.notes}

    def test_without_a_good_one_the_kinds_that_were_found_are_named(self):
        # github.com/Ironbrotherstyle/PCB-DATASET
        data = load(tree("images/Short/01_short_01.jpg", "images/Spur/01_spur_01.jpg", "PCB_USED/01.JPG"))
        assert [note.key for note in data.report.notes][:1] == ["dataset.no_normal_of"]
        assert "(PCB_USED, Short, Spur)" in str(data.report.notes[0])
        said = load(tree("images/Short/01_short_01.jpg", "PCB_USED/01.JPG"), roles={"PCB_USED": "good"})
        assert read(said) == (["PCB_USED/01.JPG"], {"images/Short/01_short_01.jpg": ("Short", None)})

    @pytest.mark.parametrize("text", ["camera,exposure\n1,5\n", "", "\n", 'a"b\n"', "0 1 2\n"])
    def test_a_table_of_something_else_says_nothing(self, text):
        data = load(tree(*self.NAMES) | {"notes.csv": text.encode()})
        assert str(data.report.understanding) == "4 normal; none defective; no masks."

    def test_run_lengths_that_do_not_fit_are_refused(self):
        data = load(tree("train_images/a.jpg") | {"train.csv": b"ImageId,EncodedPixels\na.jpg,700 100\n"})
        assert states(data) == {"train.csv: a.jpg": "table.runs"}


class TestSplits:
    NAMES = tuple(f"candle/Data/Images/{n}.JPG" for n in ("Normal/0", "Normal/1", "Normal/2", "Anomaly/0"))

    def table(self, trained):
        rows = ["object,split,label,image,mask"]
        for name in self.NAMES[:3]:
            rows.append(f"candle,{'train' if name in trained else 'test'},normal,{name},")
        return "\n".join([*rows, f"candle,test,anomaly,{self.NAMES[3]},candle/Data/Masks/Anomaly/0.png"]).encode()

    def test_of_several_split_files_the_one_class_one_is_taken_and_told(self):
        content = tree(*self.NAMES, masks=["candle/Data/Masks/Anomaly/0.png"])
        content |= {
            "split_csv/2cls_fewshot.csv": self.table(self.NAMES[:3]),
            "split_csv/1cls.csv": self.table(self.NAMES[:2]),
        }
        data = load(content)
        assert read(data) == (
            list(self.NAMES[:2]), {self.NAMES[2]: GOOD, self.NAMES[3]: ("anomaly", MARKED)}
        )  # fmt: skip
        assert str(next(n for n in data.report.notes if n.key == "dataset.split_chosen")) == (
            "There are 2 split files: 1cls.csv says what is learnt and tested, the others (2cls_fewshot.csv) were "
            "passed over."
        )

    def test_real_iad(self):
        names = ["plug/OK/S1/a.jpg", "plug/OK/S2/b.jpg", "plug/NG/BX/S3/c.jpg"]
        rows = [
            {"category": "plug", "anomaly_class": "OK", "image_path": "OK/S1/a.jpg", "mask_path": None},
            {"category": "plug", "anomaly_class": "OK", "image_path": "OK/S2/b.jpg", "mask_path": None},
            {"category": "plug", "anomaly_class": "BX", "image_path": "NG/BX/S3/c.jpg", "mask_path": "NG/BX/S3/c.png"},
        ]
        split = {"meta": {"prefix": "plug/"}, "train": rows[:1], "test": rows[1:]}
        content = tree(*names, masks=["plug/NG/BX/S3/c.png"]) | {"jsons/plug.json": json.dumps(split).encode()}
        assert read(load(content)) == ([names[0]], {names[1]: GOOD, names[2]: ("BX", MARKED)})


class TestSeveral:
    @pytest.mark.parametrize(
        "name", ["MVTec AD", "VisA", "BTAD", "Real-IAD", "DAGM", "MVTec AD 2", "DTD-synthetic", "MPDD"]
    )
    def test_products_side_by_side_are_chosen_from(self, name):
        content = LAYOUTS[name][0]
        top = next(iter(content)).partition("/")[0]
        both = {f"root/{key}": value for key, value in content.items()}
        both |= {f"root/other{key[len(top) :]}": value for key, value in content.items()}
        with pytest.raises(DatasetRefused, match="2 data sets lie side by side"):
            load(both)
        learnt, tested = read(load(both, product="other"))
        assert len(learnt) == len(LAYOUTS[name][1])
        assert sorted(tested.values(), key=str) == sorted(LAYOUTS[name][2].values(), key=str)

    @pytest.mark.parametrize(
        ("beside", "sets"),
        [
            (("mixed/good/0.png", "mixed/crack/1.png"), "alpha, mixed"),
            (("nuts/0.png", "nuts/1.png"), "alpha, nuts"),
            (("beta/train/good/0.png", "nuts/0.png", "walls/Cracked/0.png", "walls/Non-cracked/0.png"),
             "alpha, beta, nuts, walls"),
        ],
    )  # fmt: skip
    def test_every_folder_beside_a_whole_set_is_a_set(self, beside, sets):
        content = tree(*(f"root/alpha/{name}" for name in ("train/good/0.png", "test/good/1.png", "test/cut/2.png")),
                       *(f"root/{name}" for name in beside))  # fmt: skip
        with pytest.raises(DatasetRefused, match=f"side by side here: {sets}. Choose"):
            load(content)

    def test_good_ones_beside_the_kinds_of_each_product_make_a_set_of_it(self):
        content = tree("nut/good/0.png", "nut/crack/1.png", "bolt/good/0.png", "bolt/rust/1.png")
        with pytest.raises(DatasetRefused, match="here: bolt, nut"):
            load(content)
        assert read(load(content, product="nut")) == (["nut/good/0.png"], {"nut/crack/1.png": ("crack", None)})

    def test_good_ones_of_several_products_and_folders_with_a_table_each_are_sets(self):
        assert layouts.products(["root/screws/good/0.png", "root/nuts/ok/0.png"]) == ("nuts", "screws")
        assert layouts.products(["nut/0.png", "nut/labels.csv", "bolt/0.png", "bolt/labels.csv"]) == ("bolt", "nut")
        assert layouts.products(["nut/0.png", "nut/labels.csv", "bolt/0.png", "labels.csv"]) == ()
        assert layouts.products(["cam1/good/0.png", "cam2/good/0.png"]) == ()

    def test_what_was_measured_otherwise_is_a_set_only_where_it_holds_pictures(self):
        # zzzbbbzzz.github.io/MulSen_AD
        content = tree("RGB/train/0.png", "RGB/test/hole/1.png", "Infrared/train/0.png", "Infrared/test/hole/1.png")
        assert layouts.products([*content, "Pointcloud/train/0.stl"]) == ("Infrared", "RGB")

    def test_folders_whose_names_say_what_they_are_belong_to_the_set_beside_them(self):
        content = tree("bolt/train/good/0.png", "bolt/test/cut/1.png", masks=["ground_truth/cut/1_mask.png"])
        assert layouts.products(content) == ()
        assert layouts.products([*content, "split_csv/1cls.csv"]) == ()

    def test_cameras_are_no_products(self):
        data = load(tree("cam1/good/0.png", "cam1/bad/1.png", "cam2/good/0.png", "cam2/bad/1.png"))
        assert [len(data.train), len(data.test)] == [2, 2]


def test_a_mask_whose_kind_has_no_picture_goes_to_no_good_one():
    masks = [f"ground_truth/{name}_mask.png" for name in ("cut/0", "cut/4", "hole/9")]
    content = tree("train/good/4.png", "test/good/0.png", "test/hole/9.png", masks=masks)
    data = load(content)
    assert [sample.picture.name for sample in data.train] == ["train/good/4.png"]
    told = {entry.name: entry.sentence.key for entry in data.report.entries if entry.sentence is not None}
    assert told["ground_truth/cut/0_mask.png"] == told["ground_truth/cut/4_mask.png"] == "mask.no_picture"
    assert next(sample for sample in data.test if sample.defective).mask is not None


class TestJunk:
    @pytest.mark.parametrize(
        "name",
        [
            "train/good/@eaDir/0.png/SYNOFILE_THUMB_M.jpg", "#recycle/train/good/old.png", "@Recycle/train/old.png",
            "$RECYCLE.BIN/S-1-5/$RA1B2C3.png", "System Volume Information/x.png", "lost+found/x.png",
            ".Trash-1000/files/x.png", ".Trashes/501/x.png", ".@__thumb/s100x.png", "#snapshot/daily/train/good/0.png",
            "__MACOSX/train/good/._0.png", "RECYCLER/x.png", "train/good/Thumbs.db", ".ipynb_checkpoints/0.png",
        ],
    )  # fmt: skip
    def test_servers_and_waste_bins_are_passed_over(self, name):
        data = load(tree("train/good/0.png", "test/good/0.png", name))
        assert [len(data.train), len(data.test)] == [1, 1]
        assert list(states(data, "ignored")) == [name]


class TestRoles:
    CONTENT: ClassVar = tree(
        "blue/a.png", "blue/b.png", "red/c.png", "shapes/c.png", "test/night/d.png", "test/night/old/e.png"
    )
    ROLES: ClassVar = {"blue": "good", "red": "defective", "test/night": "good", "test/night/old": "ignore"}

    def test_a_person_says_what_folders_are(self):
        content = self.CONTENT | {"shapes/c.png": mask()}
        data = load(content, roles=self.ROLES | {"shapes": "masks"})
        assert read(data) == (
            ["blue/a.png", "blue/b.png"], {"red/c.png": ("red", MARKED), "test/night/d.png": GOOD}
        )  # fmt: skip
        assert states(data, "ignored") == {"test/night/old/e.png": "role.chosen"}
        assert data.recipe["roles"]["red"] == "defective"
        assert str(data.report.understanding) == ("3 normal (2 to learn from, 1 to test); 1 defective (red); 1 mask.")
        found = {folder.path: (folder.role, folder.use, folder.chosen) for folder in data.report.understanding.folders}
        assert found == {
            "blue": ("good", "train", True), "red": ("defective", "test", True), "shapes": ("masks", "", True),
            "test/night": ("good", "test", True), "test/night/old": ("ignore", "", True),
        }  # fmt: skip

    def test_everywhere_alike(self, tmp_path):
        expected = read(load(self.CONTENT, roles=self.ROLES))
        for path, content in self.CONTENT.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
        assert read(datasets.load_folder(tmp_path, roles=self.ROLES)) == expected
        source = UploadSource(placed=tuple(self.CONTENT.items()), roles=tuple(self.ROLES.items()))
        assert read(source.load()) == expected
        packed = UploadSource(archive=("a.zip", zipped(self.CONTENT)), roles=tuple(self.ROLES.items()))
        assert read(packed.load()) == expected
        assert source.key != UploadSource(placed=tuple(self.CONTENT.items())).key

    def test_unlabelled_and_single_files(self):
        data = load(self.CONTENT, roles=self.ROLES | {"red": "unlabelled", "blue/b.png": "ignore"})
        assert read(data) == (["blue/a.png"], {"red/c.png": (None, None), "shapes/c.png": ("shapes", None),
                                               "test/night/d.png": ("good", None)})  # fmt: skip

    def test_a_persons_word_counts_more_than_a_mask(self):
        content = tree("train/good/0.png", "test/good/1.png", "test/hole/2.png", masks=["ground_truth/hole/2_mask.png"])
        for role, learnt, kind in (("unlabelled", 1, None), ("train/good", 2, "none"), ("test/good", 1, "good")):
            data = load(content, roles={"test/hole": role})
            assert len(data.train) == learnt
            assert next((s.kind for s in data.test if s.picture.name == "test/hole/2.png"), "none") == kind
            refused = [e.name for e in data.report.entries if e.state == "refused"]
            assert refused == ["ground_truth/hole/2_mask.png"]

    def test_use_and_kind_can_be_said_too(self):
        said = {"blue": "test/good", "red": "defective/deep cut", "test/night": "train/good"}
        data = load(self.CONTENT, roles=said | {"test/night/old": "masks", "shapes": "ignore"})
        assert read(data)[0] == ["test/night/d.png"]
        assert {s.picture.name: s.kind for s in data.test} == {
            "blue/a.png": "good", "blue/b.png": "good", "red/c.png": "deep cut"
        }  # fmt: skip
        assert data.recipe["roles"]["red"] == "defective/deep cut"

    @pytest.mark.parametrize("role", ["defective/", "defective/good", "defective/KIND", "train/scratch"])
    def test_a_kind_that_is_none_is_refused(self, role):
        with pytest.raises(SettingRefused):
            load(self.CONTENT, roles={"red": role})

    def test_without_the_folders_that_wrap_everything(self):
        data = load({f"my set/{k}": v for k, v in self.CONTENT.items()}, roles=self.ROLES)
        assert [len(data.train), len(data.test)] == [2, 3]

    def test_what_is_wrong_is_said(self):
        with pytest.raises(SettingRefused) as caught:
            load(self.CONTENT, roles={"blau": "good"})
        assert str(caught.value) == (
            "There is no folder or file 'blau' in this set; there are blue, red, shapes, test/night, test/night/old."
        )
        with pytest.raises(SettingRefused) as caught:
            load(self.CONTENT, roles={"blue": "fine"})
        assert str(caught.value) == (
            "The role of 'blue' is 'fine'; good, train/good, test/good, defective, defective/KIND, unlabelled, masks, "
            "ignore are the ones there are."
        )

    def test_a_role_of_an_upload_that_was_taken_back_is_told(self):
        data = UploadSource(placed=tuple(self.CONTENT.items()), roles=(("gone", "good"),)).load()
        assert "roles.nowhere" in {note.key for note in data.report.notes}


class TestUnderstanding:
    def test_one_sentence(self):
        content = tree(
            *[f"train/good/{i:03d}.png" for i in range(12)],
            *[f"test/{kind}/{i}.png" for kind in ("crack", "cut", "hole") for i in range(2)],
            masks=[f"ground_truth/{kind}/{i}_mask.png" for kind in ("crack", "cut") for i in range(2)],
        )
        assert str(load(content).report.understanding) == (
            "12 normal; 6 defective of 3 kinds: crack, cut, hole; 4 masks."
        )

    def test_nothing_and_what_is_not_used(self):
        assert str(load(tree("a.png")).report.understanding) == "1 normal; none defective; no masks."
        data = load(tree("train/good/a.png", "train/x/b.png", "test/c.png"))
        assert str(data.report.understanding) == (
            "1 normal; none defective; 1 to test without a label; no masks; 1 not used."
        )

    def test_folders_say_what_decided(self):
        folders = {f.path: f for f in load(LAYOUTS["MVTec AD"][0]).report.understanding.folders}
        assert {path: (f.role, f.use, f.pictures, f.masks) for path, f in folders.items()} == {
            "bottle/train/good": ("good", "train", 1, 0), "bottle/test/good": ("good", "test", 1, 0),
            "bottle/test/broken_large": ("defective", "test", 1, 0),
            "bottle/ground_truth/broken_large": ("masks", "", 0, 1),
        }  # fmt: skip
        assert str(folders["bottle/test/broken_large"].why) == (
            "The folder broken_large is no word for good, so it is taken as the kind of a defect."
        )


class TestLongPaths:
    def test_deep_and_long_paths_are_refused_at_the_door(self):
        deep, long = "/".join(["d"] * 30_000) + "/a.png", "x" * 2_000 + ".png"
        data = load(tree("good/a.png", "good/b.png") | {deep: picture("a"), long: picture("b")})
        assert [len(data.train), set(states(data).values())] == [2, {"file.too_deep"}]
        assert all(len(entry.name) < 130 for entry in data.report.entries)
        loose = datasets.from_uploads([(deep, picture("a")), ("b.png", picture("b"))], [])
        assert len(loose.train) == 1


def test_a_folder_in_a_kind_of_defect_is_a_condition_of_it():
    bad = ["defective/crack/large/1.png", "defective/crack/small/2.png", "defective/dent/large/3.png"]
    tested = read(load(tree("good/0.png", *bad)))[1]
    assert tested == dict(zip(bad, [("crack", None), ("crack", None), ("dent", None)], strict=True))


def test_normal_pictures_of_one_deep_value_have_no_range():
    content = {f"train/good/{i}.png": encoded(Image.fromarray(np.full(SIZE, 1234, np.uint16))) for i in range(3)}
    content["test/hot/0.png"] = encoded(Image.fromarray(np.full(SIZE, 14_000, np.uint16)))
    assert any("all values of the normal ones are 1234" in str(note) for note in load(content).report.notes)


def test_a_mask_of_half_the_size_in_a_folder_of_masks_is_one():
    half = np.zeros((SIZE[0] // 2, SIZE[1] // 2), np.uint8)
    half[2:4, 2:4] = 255
    content = tree("train/good/0.png", "test/cut/1.png") | {"ground_truth/cut/1.png": encoded(Image.fromarray(half))}
    assert read(load(content))[1]["test/cut/1.png"] == ("cut", 16)


def test_the_name_of_one_of_several_zips_says_what_a_folder_would():
    def sent(name, *names, **more):
        return UploadSource(archive=(name, zipped(tree(*names, **more))))

    apart = sent("양품.zip", "1.png", "2.png").added(sent("NG.zip", "scratch/3.png", "4.png"))
    learnt, tested = read(apart.added(sent("masks.zip", masks=["3.png"])).load())
    assert learnt == ["양품/1.png", "양품/2.png"]
    assert tested == {"NG/scratch/3.png": ("scratch", MARKED), "NG/4.png": ("NG", None)}
    whole = sent("test.zip", "train/good/1.png", "test/crack/2.png").added(sent("b.zip", "good/3.png"))
    assert read(whole.load()) == (["train/good/1.png", "good/3.png"], {"test/crack/2.png": ("crack", None)})


def test_pages_and_missing_values_are_told_by_name():
    pages = [Image.fromarray(np.full(SIZE, 1000 * (i + 1), np.uint16) + scene(*SIZE)[..., 0]) for i in range(3)]
    warm = np.asarray(pages[0], np.float32)
    holes = warm.copy()
    holes[2, 3:7], holes[5, 5] = np.nan, np.inf
    content = {f"train/good/{i}.tif": encoded(Image.fromarray(warm + i), "TIFF") for i in range(4)}
    content |= {"test/hot/holes.tif": encoded(Image.fromarray(holes), "TIFF")}
    data = load(content)
    told = {note.key: str(note) for note in data.report.notes}
    assert told["dataset.missing_values"].startswith(
        "1 picture has missing values, NaN or infinity (test/hot/holes.tif: 5)"
    )
    (seen,) = (s.picture.pixels for s in data.test)
    assert abs(int(seen[2, 4, 0]) - int(np.median(seen))) <= 2
    assert seen[5, 5].max() == seen.max()
    sequence = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    data = load({"train/good/a.tif": sequence, "train/good/b.tif": encoded(pages[1], "TIFF")})
    assert "1 file holds several pictures (train/good/a.tif)" in " ".join(map(str, data.report.notes))
    assert str(data.report.entries[0].notes[-1]) == "Only the first of 3 pages in the file is read."


class TestNumbers:
    """Folders called 0 and 1, as exports of labels have them."""

    def test_the_one_number_among_the_training_pictures_is_good(self):
        for good in "01":
            names = [f"train/{good}/a.png", "test/0/b.png", "test/1/c.png"]
            learnt, tested = read(load(tree(*names)))
            assert learnt == names[:1]
            assert {name: kind for name, (kind, _) in tested.items()} == {
                names[1]: "good" if good == "0" else "0", names[2]: "good" if good == "1" else "1"
            }  # fmt: skip

    @pytest.mark.parametrize(
        ("names", "open_"),
        [
            (("train/good/a.png", "test/0/b.png", "test/1/c.png"), "01"),
            (("train/good/a.png", "test/1/c.png"), "1"),
            (("train/good/a.png", "test/0/b.png"), "0"),
            (("train/good/a.png", "test/0/b.png", "test/1/c.png", "test/2/d.png"), "0"),
            (("good/x.png", "train/0/a.png", "train/1/c.png"), "01"),
        ],
    )
    def test_otherwise_nothing_says_which_is_good_and_that_is_told(self, names, open_):
        data = load(tree(*names))
        assert {name.split("/")[1] for name, (kind, _) in read(data)[1].items() if kind is None} == {*open_}
        (told,) = [str(note) for note in data.report.notes if note.key == "dataset.numbers"]
        assert told.startswith(f"Folders that are called {', '.join(open_)} may hold good or defective pictures")

    def test_a_person_says_it(self):
        names = ("train/good/a.png", "test/0/b.png", "test/1/c.png")
        data = load(tree(*names), roles={"test/0": "good"})
        assert read(data)[1] == {"test/0/b.png": ("good", None), "test/1/c.png": ("1", None)}

    def test_beside_good_ones_and_from_one_on_they_are_kinds(self):
        kinds = {name: kind for name, (kind, _) in read(load(tree(
            "train/good/a.png", "test/good/d.png", "test/0/b.png", "test/1/c.png")))[1].items()}  # fmt: skip
        assert kinds == {"test/good/d.png": "good", "test/0/b.png": "0", "test/1/c.png": "1"}
        assert read(load(tree("train/good/a.png", "test/1/b.png", "test/2/c.png")))[1] == {
            "test/1/b.png": ("1", None), "test/2/c.png": ("2", None)
        }  # fmt: skip

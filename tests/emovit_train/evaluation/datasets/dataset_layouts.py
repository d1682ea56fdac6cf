"""Small copies of every evaluation data set, in the layouts and with the traps that real copies have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from source_layouts import class_folders, emoset

from emogen.labels import LABEL_SETS

MIKELS, EKMAN = LABEL_SETS["mikels-8"], LABEL_SETS["ekman-6"]


def image(path: Path, content: str | None = None) -> Path:
    """Write a file that only has the name of an image; its content is its own unless given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if content is not None else str(path))
    return path


def text(path: Path, *lines: str, end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((end.join(lines) + end).encode())
    return path


def emotion6(root: Path) -> Path:
    """Windows line ends; a tie; what a Mac leaves behind when it packs."""
    shares = "\t".join(f"[prob. {label}]" for label in (*EKMAN, "neutral"))
    rows = [f"[image_filename]\t[valence]\t[arousal]\t{shares}"]
    for number, keyword in enumerate(EKMAN, 1):
        image(root / "images" / keyword / f"{number}.jpg")
        most = ["0"] * 7
        most[EKMAN.index(keyword)], most[6] = "0.7", "0.3"
        rows.append(f"{keyword}/{number}.jpg\t2.5\t3.8\t" + "\t".join(most))
    image(root / "images" / "joy" / "7.jpg")
    rows.append("joy/7.jpg\t5\t5\t0\t0\t0\t0.4\t0.2\t0\t0.4")
    image(root / "images" / "joy" / "._7.jpg")
    text(root / "ground_truth.txt", *rows, end="\r\n")
    return root


def emotionroi(root: Path) -> Path:
    """The maps are images, too."""
    lists: dict[str, list[str]] = {"training": [], "testing": []}
    for emotion in EKMAN:
        for number in (1, 2, 3):
            for kind in ("images", "ground_truth"):
                image(root / kind / emotion / f"{number}.jpg")
            lists["testing" if number == 3 else "training"].append(f"{emotion}/{number}.jpg")
    for name, lines in lists.items():
        text(root / "training_testing_split" / f"{name}.txt", *lines)
    return root


def artphoto(root: Path) -> Path:
    """Sadness is called sad."""
    for number, label in enumerate(MIKELS):
        prefix = "sad" if label == "sadness" else label
        image(root / "testImages_artphoto" / f"{prefix}_{number:04d}.jpg")
    text(root / "testImages_artphoto" / "ReadMe.rtf", "{\\rtf1}")
    return root


def abstract(root: Path) -> Path:
    """Names stand in single quotes, the first of them empty; the last painting's votes tie."""
    header = "'','Amusement','Anger','Awe','Content','Disgust','Excitement','Fear','Sad'"
    rows = [header]
    for number in range(9):
        votes = [2 if number in (place, 8) and (number < 8 or place < 2) else 0 for place in range(8)]
        rows.append(f"'abstract_{number + 1:04d}.jpg'," + ",".join(map(str, votes)))
        image(root / "testImages_abstract" / f"abstract_{number + 1:04d}.jpg")
    text(root / "ABSTRACT_groundTruth.csv", *rows)
    return root


def iapsa(root: Path) -> Path:
    """Picture numbers with decimals; a spreadsheet has made 1050.0 of 1050."""
    text(
        root / "Mikels2005positivenorms.csv",
        "Picture,AmusMean,AweMean,ContMean,ExciMean",
        "2345.1,5.1,2,3,1",
        "2345,1,2,3,1",
    )
    text(
        root / "Mikels2005negativenorms.csv",
        "Picture,AngrMean,DisgMean,FearMean,SadnMean",
        "1050.0,1,2,6.5,1",
        "3000,1,6,2,3",
    )
    for name in ("2345.1", "2345", "1050", "3000"):
        image(root / "IAPS images" / f"{name}.jpg")
    return root


def iapsa_folders(root: Path) -> Path:
    """Folders by emotion, in which a picture's number is its name."""
    for number, label in enumerate(MIKELS):
        image(root / label / f"{1000 + number}.1.jpg")
    return root


def emotionroi_lists_at_root(root: Path) -> Path:
    """As some copies are packed."""
    emotionroi(root)
    for path in (root / "training_testing_split").iterdir():
        path.rename(root / path.name)
    return root


def unbiasedemo(root: Path) -> Path:
    """The same object in each emotion."""
    for emotion in LABEL_SETS["unbiased-6"]:
        for thing in ("crowd", "baby"):
            image(root / "images" / emotion / thing / "1.jpg")
    return root


def fi(root: Path) -> Path:
    """Three dead links under two emotions, and one photograph twice under one."""
    for number, label in enumerate(MIKELS):
        image(root / "emotion_dataset" / label / f"{label}_{number}.jpg")
    for number, label in enumerate(("awe", "awe", "fear")):
        image(root / "emotion_dataset" / label / f"dead_{number}.jpg", "this photo is unavailable")
    for number in range(2):
        image(root / "emotion_dataset" / "anger" / f"twice_{number}.jpg", "twice")
    return root


def fi_flat(root: Path) -> Path:
    for number, label in enumerate(MIKELS):
        image(root / "emotion_dataset_images" / f"{label}_{number}.jpg")
    return root


def fi_splits(root: Path) -> Path:
    for split in ("train", "val", "test"):
        for label in MIKELS:
            image(root / split / label / f"{split}_{label}.jpg")
    return root


def fi_table(root: Path) -> Path:
    rows = ["name,emotion,sentiment"]
    for number, label in enumerate(MIKELS):
        image(root / "pictures" / f"{number}.jpg")
        rows.append(f"{number}.jpg,{label},{'positive' if number % 2 else 'negative'}")
    text(root / "fi.csv", *rows)
    return root


def webemo(root: Path) -> Path:
    """Folders by number, 0 to 24, beside the lists; one image lies in another folder than its list says."""
    for split in ("train25", "test25"):
        lines = []
        for number in range(25):
            name = f"{split}_{number}"
            image(root / split / str(number) / f"{name}.jpg")
            lines.append(f"http://stock.example/a/{name}.jpg?w=1 {number}")
        text(root / f"{split}.txt", *lines)
    image(root / "test25" / "4" / "moved.jpg")
    with (root / "test25.txt").open("a") as file:
        file.write("http://stock.example/moved.jpg 24\n")
    return root


def webemo_names(root: Path) -> Path:
    """Folders by name, in the authors' spelling, under images/."""
    for name in ("cheerfullness", "irritabilty", "zest"):
        image(root / "images" / "test25" / name / "1.jpg")
    return root


def oxford_hic(root: Path) -> Path:
    """Thousands with commas, and rows without an id or a caption."""
    text(
        root / "hic_data" / "oxford_hic_data.csv",
        "image_id,caption,funny_score",
        'a1,"Well, hello","1,204"',
        "a1,second best,30",
        "a1,,5",
        ",nobody's,5",
        "b2,a cat,2",
    )
    text(
        root / "hic_data" / "oxford_hic_image_info.csv",
        "image_id,image_url",
        "a1,http://x/1",
        "b2,http://x/2",
    )
    for name in ("a1", "b2"):
        image(root / "images" / f"{name}.jpg")
    return root


def emoset_copy(root: Path) -> Path:
    return emoset(root)


# Layout → data set, what writes it, how many items, and how many problems that cost an item.
LAYOUTS: Mapping[str, tuple[str, Callable[[Path], Path], int, int]] = {
    "abstract": ("abstract", abstract, 9, 0),
    "artphoto": ("artphoto", artphoto, 8, 0),
    "emoset": ("emoset", emoset_copy, 4, 0),
    "emotion6": ("emotion6", emotion6, 7, 0),
    "emotionroi": ("emotionroi", emotionroi, 18, 0),
    "emotionroi, lists at the root": ("emotionroi", emotionroi_lists_at_root, 18, 0),
    "fi": ("fi", fi, 9, 4),
    "fi flat": ("fi", fi_flat, 8, 0),
    "fi in splits": ("fi", fi_splits, 24, 0),
    "fi by a table": ("fi", fi_table, 8, 0),
    "iapsa": ("iapsa", iapsa, 4, 0),
    "iapsa in folders": ("iapsa", iapsa_folders, 8, 0),
    "labelled": ("labelled", class_folders, 4, 0),
    "oxford-hic": ("oxford-hic", oxford_hic, 2, 2),
    "unbiasedemo": ("unbiasedemo", unbiasedemo, 12, 0),
    "webemo": ("webemo", webemo, 50, 1),
    "webemo by name": ("webemo", webemo_names, 3, 0),
}

"""Groundedness: what counts as a claim of EmoSet's vocabularies, and what supports it."""

from __future__ import annotations

import tomllib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emogen.checks import Answer, Fault, Score, Text
from emogen.checks.phrases import VOCABULARIES, PhraseBook, value_name
from emogen.checks.settings import DEFAULT_CHECKS, CheckSettings
from emogen.checks.ungrounded import check
from emogen.checks.vocabulary import mentions, vocabulary
from emogen.resources import data_file
from emogen.schemas import Attributes, Completion, ImageRecord, Turn, TurnKind

VALUES = tomllib.loads(data_file("emoset_vocabularies.toml").read_text(encoding="utf-8"))
WORDS = tomllib.loads(data_file("grounding_words.toml").read_text(encoding="utf-8"))
BOOK = PhraseBook(VALUES, WORDS)
PHRASES = [phrase for first in BOOK.firsts for phrase in BOOK.of(first)]
NAMES = {value_name(value) for name in VOCABULARIES for value in VALUES[name]}
PEOPLE = """
    man men woman women boy boys girl girls child children kid kids baby babies person people crowd couple family
    father mother friend friends guest guests player players audience
""".split()  # noqa: SIM905 - shorter than a list of literals


def seen(
    text: str,
    caption: str = "",
    *,
    kind: TurnKind = "basic",
    question: str = "What is there to be seen?",
    image_seen: bool = False,
    settings: CheckSettings = DEFAULT_CHECKS,
    **attributes: object,
) -> list[Fault | Score]:
    record = ImageRecord(
        id="a", image="a.jpg", caption=caption or None, attributes=Attributes.model_validate(attributes)
    )
    turn = Turn(kind=kind, question=question, answer=text)
    answer = Answer(record, "conversation", (turn,), Completion(text="", model="m"), image_seen)
    return list(check(answer, settings.ungrounded))


def missing(text: str, caption: str = "", **others: object) -> list[str]:
    """What the check names as unsupported."""
    faults = [found.detail for found in seen(text, caption, **others) if isinstance(found, Fault)]  # type: ignore[arg-type]
    return [word for fault in faults for word in fault.split(": ", 1)[1].split(", ")]


@pytest.mark.parametrize(
    ("text", "caption", "expected"),
    [
        ("A dog runs along the beach.", "A child on a beach.", ["dog"]),
        ("Two puppies play with a ball.", "Children in a park.", ["puppies", "ball"]),
        ("She is playing an old guitar.", "A woman on a chair.", ["playing an old guitar", "guitar"]),
        ("He plays the piano.", "A man in a room.", ["plays the piano", "piano"]),
        ("She is dancing.", "A woman in a hall.", ["dancing"]),
        ("The scene is a busy train station.", "People wait with bags.", ["train station"]),
        ("The woman smiles.", "A woman on a chair.", ["smiles"]),
        ("His face looks angry.", "A man on a chair.", ["angry"]),
        ("There is a tall wheel beside a carousel.", "People in a field.", ["wheel", "carousel"]),
        ("He wears a watch.", "A man in a shirt.", ["watch"]),
        ("There are no dogs, but a cat sits there.", "A garden.", ["cat"]),
        ("Knives lie on the plate.", "A table.", ["knives", "plate"]),
    ],
)
def test_what_nothing_supports_is_named(text: str, caption: str, expected: list[str]) -> None:
    """An object, scene, action or expression that neither caption nor attributes have is a claim without support."""
    assert missing(text, caption) == expected


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        # other words, plurals, kinds
        ("The dog sleeps.", "A puppy lies on a rug."),
        ("An animal sleeps.", "A puppy lies on a rug."),
        ("Two kittens look up.", "Cats in a basket."),
        ("She plays an instrument.", "A violinist on a stage."),
        ("She is playing the violin.", "A violinist on a stage."),
        ("There is food on the table.", "A pizza on a wooden table."),
        ("The vehicle is red.", "A red lorry."),
        ("The road is wet.", "A street in the rain."),
        ("The trees are bare.", "A forest in winter."),
        ("People enjoy the water of the sea.", "Children on a sandy beach."),
        ("She smiles.", "A happy woman."),
        ("A raft full of people.", "People rafting in yellow jackets."),
        ("The boats lie still.", "A harbour in the evening."),
        # denied, compared, inferred
        ("No, there is no vehicle.", "A meadow."),
        ("There are no dogs, cats or horses in the picture.", "A meadow."),
        ("I can't see any cars.", "A meadow."),
        ("Neither a boat nor a pier can be seen.", "A meadow."),
        ("A dog is not visible in the picture.", "A meadow."),
        ("It is quiet without a single car.", "A meadow."),
        ("The cloud is shaped like a whale.", "A cloud."),
        ("The cloud is larger than a castle.", "A cloud."),
        ("It might be near a village or a farm.", "A fence."),
        ("Perhaps a dog has been here.", "A fence."),
        ("The rock resembles a lion.", "A rock."),
        # not what it looks like
        ("They watch the sun.", "Two people."),
        ("The sun rose early.", "A meadow."),
        ("The colour is orange.", "A meadow."),
        ("A sea of lights fills the evening.", "A city at night."),
        ("A wave of joy can be felt.", "People."),
        ("The rocks tower over them.", "Two people before rocks."),
        ("The path leads the eye.", "A stone."),
        ("The picture makes the viewer smile.", "A stone."),
        ("The sky is clear.", "A stone."),
        ("The place looks stable and calm.", "A stone."),
    ],
)
def test_what_is_supported_or_no_claim_passes(text: str, caption: str) -> None:
    """Synonyms, kinds and plurals support; a denial, a comparison, a guess or a figure of speech claims nothing."""
    assert missing(text, caption) == []


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("She sings into a microphone.", {"human_action": "singing", "object": ("Microphone",)}),
        ("The guitar is old.", {"human_action": "playing guitar"}),
        ("Her face is happy.", {"facial_expression": "happy"}),
        ("He looks at us with a frightened face.", {"facial_expression": "fear"}),
        ("It is an amusement park.", {"scene": "amusement_park"}),
        ("It is a bakery.", {"scene": "bakery/shop"}),
        ("There is a table.", {"object": ("Kitchen & dining room table",)}),
        ("There is a cat.", {"object": ("Egyptian cat",)}),
        ("She wears a hat.", {"object": ("Cowboy hat",)}),
    ],
)
def test_attributes_support_as_a_caption_does(text: str, attributes: dict[str, object]) -> None:
    """Each attribute speaks for its value and what follows from it, in EmoSet's spelling."""
    assert missing(text, **attributes) == []
    assert missing(text, "A stone.") != []


@pytest.mark.parametrize(
    ("vocabulary_name", "count"), list(zip(VOCABULARIES, (254, 409, 6, 264), strict=True))
)
def test_every_value_is_known(vocabulary_name: str, count: int) -> None:
    """Each value of EmoSet is claimed by its own name, unless it is listed as never claimed, and shows itself."""
    assert len(VALUES[vocabulary_name]) == count
    for value in VALUES[vocabulary_name]:
        name = value_name(value)
        attribute = (value,) if vocabulary_name == "object" else value
        said = (
            f"The face looks {name}." if vocabulary_name == "facial_expression" else f"There is the {name}."
        )
        assert missing(said, **{vocabulary_name: attribute}) == [], value
        # Of the six expressions, three are nouns: a face looks fearful, not fear.
        if name not in WORDS["unclaimed"] and name not in ("disgust", "fear", "surprise"):
            assert missing(said, "A stone."), value


def test_tables_speak_of_values_that_exist() -> None:
    """No line of the table of words is idle: each names a value, or words that claim one."""
    for table in ("said", "kinds", "shown_by"):
        assert set(WORDS[table]) <= NAMES, set(WORDS[table]) - NAMES
    claiming = {" ".join(phrase.words) for phrase in PHRASES if phrase.values}
    assert set(WORDS["unclaimed"]) <= NAMES
    assert set(WORDS["after_determiner"]) <= claiming, set(WORDS["after_determiner"]) - claiming
    assert (
        set(WORDS["faces"])
        == {"angry", "disgust", "fear", "happy", "sad", "surprise"}
        == set(VALUES["facial_expression"])
    )


def test_no_word_for_people_is_a_claim() -> None:
    """People are in no vocabulary: whatever a person is called, nothing is claimed."""
    assert not [
        phrase for phrase in PHRASES if phrase.values and phrase.words in {(word,) for word in PEOPLE}
    ]
    for word in PEOPLE:
        assert missing(f"There is the {word}.") == []


def test_each_phrase_stands_once() -> None:
    """Words that several values share are one phrase with several values."""
    assert Counter((phrase.words, phrase.gap) for phrase in PHRASES).most_common(1)[0][1] == 1


def test_general_remarks_of_long_answers_pass() -> None:
    """An advanced answer may speak of how things are elsewhere; what it says of the picture counts."""
    caption = "A spider on a pillow."
    assert missing("In a garden a spider is at home.", caption, kind="advanced") == []
    assert missing("In a garden a spider is at home.", caption) == ["garden"]
    assert missing("Behind the spider stands a lamp.", caption, kind="advanced") == ["lamp"]
    assert missing("The lamp is on.", caption, kind="reasoning") == ["lamp"]


def test_a_yes_claims_what_was_asked() -> None:
    """Who says yes to "Is there a dog?" says that there is one; who says no does not."""
    assert missing("Yes.", "A path.", question="Is there a dog in the picture?") == ["dog"]
    assert missing("Yes.", "A path.", question="Are there any dogs?") == ["dogs"]
    assert missing("No.", "A path.", question="Is there a dog in the picture?") == []
    assert missing("Yes, it is.", "A path.", question="Is it calm here?") == []


def test_a_model_that_saw_the_image_may_know_more() -> None:
    """Where the image itself was shown, the caption is no measure, unless the settings say so."""
    assert seen("A dog runs.", "A path.", image_seen=True) == []
    strict = CheckSettings.model_validate({"ungrounded": {"images_seen": True}})
    assert missing("A dog runs.", "A path.", image_seen=True, settings=strict) == ["dog"]


def test_thresholds() -> None:
    """So many unsupported claims may pass, and only the vocabularies named are looked at."""
    one = CheckSettings.model_validate({"ungrounded": {"most_unsupported": 1}})
    assert missing("A dog runs.", "A path.", settings=one) == []
    assert missing("A dog and a cat run.", "A path.", settings=one) == ["dog", "cat"]
    actions = CheckSettings.model_validate({"ungrounded": {"vocabularies": ["human_action"]}})
    assert missing("A dog runs, and she is dancing.", "A path.", settings=actions) == ["dancing"]


def test_the_share_of_unsupported_claims_is_measured() -> None:
    """The score is unsupported claims over all claims of the answer, and absent where nothing is claimed."""
    scores = [
        found.value
        for found in seen("A dog and a cat lie in a garden.", "A dog.")
        if isinstance(found, Score)
    ]
    assert scores == [pytest.approx(2 / 3)]
    assert seen("It is calm.", "A dog.") == []
    assert seen("A dog lies there.", "A dog in a garden.") == [Score(0.0)]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is there?", "A dog and a cat lie in a garden."),
        ("Is there any dog?", "Yes, it lies in the garden."),
        ("Can you see a cat?", "Yes, beside the dog."),
        ("What is there?", "Nothing moves."),
    ],
)
def test_an_answer_of_what_is_shown_need_not_be_gone_through(
    question: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all that may be claimed is shown, the short way comes to what the long one does."""
    caption = "A dog and a cat in a garden."
    short = seen(text, caption, question=question)
    monkeypatch.setattr("emogen.checks.ungrounded._is_supported", lambda claimable, shown: False)
    assert seen(text, caption, question=question) == short


@given(st.text(alphabet="ab é'’.,\n-0A", max_size=60))
def test_words_and_places_agree(text: str) -> None:
    """Each word stands where its place says."""
    read = Text(text)
    assert [read.lower[begin:end] for begin, end in read.places] == read.words


@given(st.lists(st.sampled_from(sorted({word for phrase in PHRASES for word in phrase.words})), max_size=20))
def test_whatever_is_said_of_itself_is_supported(words: list[str]) -> None:
    """A text supports everything that it mentions itself."""
    text = " ".join(words)
    shown = vocabulary().shown(text)
    for mention in mentions(words, vocabulary().claims(frozenset(words))):
        assert mention.values & shown

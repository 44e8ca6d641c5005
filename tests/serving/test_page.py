import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

from samebits.model import payload
from samebits.model.predictor import Predictor
from tests.browser import emulate
from tests.conftest import Project
from tests.housing import FEATURES
from tests.serving import logistic
from tests.serving.test_serve import COLUMNS, ROW, running

pytestmark = pytest.mark.container


def contributions(browser: webdriver.Chrome) -> dict[str, float]:
    """What the page says that each feature adds."""
    texts = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#parts tr")]
    rows = [row.replace("\N{MINUS SIGN}", "-").split() for row in texts]
    return {row[0]: float(row[-1]) for row in rows if row[0] in FEATURES}


def of_widths(browser: webdriver.Chrome) -> dict[int, float]:
    """The predictions that the page draws, by bit-width."""
    dots = browser.find_elements(By.CSS_SELECTOR, "circle title")
    titles = [str(dot.get_attribute("textContent")) for dot in dots]
    return {int(found[1]): float(found[2]) for each in titles if (found := re.match(r"(\d+) bits: (.*)", each))}


def shown(browser: webdriver.Chrome) -> list[float]:
    """The values in the form."""
    return [float(str(browser.find_element(By.NAME, name).get_attribute("value"))) for name in FEATURES]


def test_the_page_begins_with_a_telling_test_row(trained: Project, browser: webdriver.Chrome) -> None:
    predictor = Predictor.load(trained.root / "models" / "quant_params.joblib")
    rows = predictor.card["rows"]

    def text(id_: str) -> str:
        return browser.find_element(By.ID, id_).text

    with running(trained) as server:
        browser.get(f"{server.url}?form=features")
        for i in (0, 1, 2, 3, 4, 0):
            assert text("which") == f"Test row {i + 1} of 5. Its true MedHouseVal is {rows[i]['y']:.5g}."
            expected = float(predictor.predict(np.array([rows[i]["x"]]))[0])
            answers = expected_conditions.text_to_be_present_in_element((By.ID, "exact"), f"MedHouseVal = {expected!r}")
            WebDriverWait(browser, 10).until(answers)
            assert shown(browser) == rows[i]["x"]
            assert sorted(map(abs, contributions(browser).values()))[-2] > 0.5
            predictions = of_widths(browser).values()
            assert max(predictions) - min(predictions) > 0.1
            browser.find_element(By.ID, "another").click()

        browser.find_element(By.ID, "mean").click()
        assert text("which") == "The mean of the training rows, where no feature adds anything."
        assert shown(browser) == [of["mean"] for of in predictor.card["features"].values()]
        assert set(contributions(browser).values()) == {0}
        browser.find_element(By.NAME, "MedInc").send_keys("1")
        assert text("which") == "A row of your own."


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_fits_a_phone_and_a_dark_scheme(
    trained: Project, browser: webdriver.Chrome, width: int, scheme: str
) -> None:
    with running(trained) as server:
        emulate(browser, width, scheme)
        browser.get(server.url)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        paper = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        assert paper.startswith("rgba(255, 255, 255") == (scheme == "light")
        labels_stand_apart(browser)


@pytest.mark.parametrize("width", [390, 1200])
def test_a_target_of_six_digits_has_room(reproduced: Project, browser: webdriver.Chrome, width: int) -> None:
    path = reproduced.root / "models" / "card.json"
    card = json.loads(path.read_text())
    for of in card["widths"].values():
        of.update(coef=[1e5 * each for each in of["coef"]], intercept=1e5 * of["intercept"])
    card["metrics"]["test"]["rmse"] *= 1e5
    path.write_text(json.dumps(card))
    with running(reproduced) as server:
        emulate(browser, width, "light")
        browser.get(server.url)
        labels_stand_apart(browser)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        stems = [[float(str(each.get_attribute(y))) for y in ("y1", "y2")] for each in lines(browser)]
        dots = browser.find_elements(By.CSS_SELECTOR, "#widths circle")
        [served] = [float(str(dot.get_attribute("cy"))) for dot in dots if dot.get_attribute("class") == "served"]
        assert {start for start, _ in stems} == {served}
        drops = {bits: served - end for bits, (_, end) in zip(of_widths(browser), stems, strict=True)}
        values = of_widths(browser)
        for bits, value in values.items():  # lengths are in proportion
            assert drops[bits] / drops[2] == pytest.approx((value - values[8]) / (values[2] - values[8]), abs=1e-6)


def lines(browser: webdriver.Chrome) -> list[WebElement]:
    """The stems, without the line on which they stand."""
    return browser.find_elements(By.CSS_SELECTOR, "#widths line")[1:]


def labels_stand_apart(browser: webdriver.Chrome) -> None:
    """The predictions by bit-width do not touch each other, and stand in their picture."""
    picture = browser.find_element(By.ID, "widths").rect
    labels = [label.rect for label in browser.find_elements(By.CSS_SELECTOR, "#widths .value")]
    assert len(labels) == 15
    assert all(left["x"] + left["width"] <= right["x"] + 1 for left, right in itertools.pairwise(labels))
    assert all(min(label["width"], label["height"]) > 6 for label in labels)  # large enough to be read
    assert all(label["y"] >= picture["y"] - 1 for label in labels)


def test_the_page_warns_of_another_commit(reproduced: Project, browser: webdriver.Chrome) -> None:
    first = reproduced.git("rev-parse", "HEAD").strip()
    with running(reproduced) as server:
        browser.get(server.url)
        assert not browser.find_element(By.ID, "elsewhere").is_displayed()
    lock = (reproduced.root / "dvc.lock").read_text()
    (reproduced.root / "dvc.lock").write_text(re.sub(r"(quant_params.joblib\n.*\n +md5: ).", r"\g<1>x", lock))
    reproduced.commit("another model")
    second = reproduced.git("rev-parse", "HEAD").strip()
    with running(reproduced) as server:
        browser.get(server.url)
        text = f"This model is of commit {first[:12]}. Commit {second[:12]} is checked out."
        assert browser.find_element(By.ID, "elsewhere").text == text


def test_a_person_types_a_row(trained: Project, browser: webdriver.Chrome) -> None:
    predictor = Predictor.load(trained.root / "models" / "quant_params.joblib")
    X = np.array([ROW])
    expected = float(predictor.predict(X)[0])

    def text(id_: str) -> str:
        return browser.find_element(By.ID, id_).text

    with running(trained) as server:
        browser.get(f"{server.url}?form=features")
        for name, value in zip(FEATURES, ROW, strict=True):
            field = browser.find_element(By.NAME, name)
            field.clear()
            field.send_keys(repr(value))
        WebDriverWait(browser, 10).until(lambda _: text("exact") == f"MedHouseVal = {expected!r}")
        assert text("prediction") == f"{expected:.4f}"

        means = np.array([of["mean"] for of in predictor.card["features"].values()])
        parts = contributions(browser)
        for name, part in zip(FEATURES, predictor.model.coef * (X[0] - means), strict=True):
            assert parts[name] == pytest.approx(part, abs=6e-5)

        of_bits = of_widths(browser)
        assert sorted(of_bits) == list(range(2, 17))
        assert of_bits[8] == expected

        income = browser.find_element(By.NAME, "MedInc")
        income.send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.DELETE)
        WebDriverWait(browser, 10).until(lambda _: text("exact") == "MedInc must be a number")
        income.send_keys("20")
        WebDriverWait(browser, 10).until(lambda _: text("exact").startswith("MedHouseVal"))
        assert income.find_element(By.XPATH, "..").get_attribute("class") == "outside"
        assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_a_person_types_a_row_of_the_table(trained: Project, browser: webdriver.Chrome) -> None:
    predictor = Predictor.load(trained.root / "models" / "quant_params.joblib")
    row = predictor.card["rows"][0]

    def text(id_: str) -> str:
        return browser.find_element(By.ID, id_).text

    def answers(expected: str) -> None:
        WebDriverWait(browser, 10).until(lambda _: text("exact") == expected)

    with running(trained) as server:
        browser.get(server.url)
        expected = float(predictor.predict(np.array([row["x"]]))[0])
        answers(f"MedHouseVal = {expected!r}")
        fields = [browser.find_element(By.NAME, name) for name in COLUMNS]
        assert [float(str(field.get_attribute("value"))) for field in fields] == row["raw"]
        texts = [each.text for each in browser.find_elements(By.CSS_SELECTOR, "#parts tr")]
        names = ["longitude", "latitude", "housing_median_age", "population", "median_income", "AveRooms", "AveOccup"]
        assert {each.split()[0] for each in texts[1:-1]} == {*names, "AveBedrms"}
        numbers = [float(each.replace("\N{MINUS SIGN}", "-").split()[-1]) for each in texts]
        assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=1e-3)
        fields[0].send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.DELETE)
        answers("row 1: no prediction: missing: longitude")
        fields[0].send_keys("-200")
        WebDriverWait(browser, 10).until(lambda _: text("exact").startswith("MedHouseVal"))
        assert fields[0].find_element(By.XPATH, "..").get_attribute("class") == "outside"
        assert [each for each in browser.get_log("browser") if "400" not in each["message"]] == []  # type: ignore[no-untyped-call]


def test_a_probability_its_class_and_contributions_to_the_log_odds(tmp_path: Path, browser: webdriver.Chrome) -> None:
    logistic.write(tmp_path)
    model = logistic.quantized(logistic.model(), 8).model
    with running(Project(tmp_path)) as server:
        browser.get(f"{server.url}/?age=30&plan=basic")
        p = logistic.probability([30.0, 1.0, 0.0], model)
        told = expected_conditions.text_to_be_present_in_element((By.ID, "exact"), f"probability = {p!r}, log odds = ")
        WebDriverWait(browser, 10).until(told)
        assert browser.find_element(By.ID, "prediction").text == f"{100 * p:.1f} %"
        label = logistic.LABELS[p >= logistic.THRESHOLD]
        meaning = browser.find_element(By.ID, "meaning").text
        assert meaning.endswith(f"is {logistic.LABELS[1]}. Class: {label}. The threshold is 25 %.")
        lines = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#parts tr")]
        parts = {
            name: float(number)
            for name, number in (line.replace("\N{MINUS SIGN}", "-").rsplit(maxsplit=1) for line in lines)
        }
        assert list(parts) == ["average", "age", "plan", "this row"]  # the dummies of a column are one
        mean = np.array([each["mean"] for each in Predictor.load(tmp_path / payload.FILE).card["features"].values()])
        adds = model.coef * ([30.0, 1.0, 0.0] - mean)
        assert parts["plan"] == pytest.approx(adds[1:].sum(), abs=1e-3)
        assert parts["this row"] == pytest.approx(np.log(p / (1 - p)), abs=1e-3)
        assert of_widths(browser)[8] == pytest.approx(100 * p, abs=1e-6)

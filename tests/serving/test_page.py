import re
from collections.abc import Iterator

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from samebits.model.predictor import Predictor
from tests.conftest import Project
from tests.containers import impossible, install
from tests.housing import FEATURES
from tests.serving.test_serve import ROW, running

pytestmark = pytest.mark.container
PACKAGES = {"/usr/bin/chromium": "chromium", "/usr/bin/chromedriver": "chromium-driver"}


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    if reason := impossible():
        pytest.skip(reason)
    install(PACKAGES)
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


def test_a_person_types_a_row(trained: Project, browser: webdriver.Chrome) -> None:
    predictor = Predictor.load(trained.root / "models" / "quant_params.joblib")
    X = np.array([ROW])
    expected = float(predictor.predict(X)[0])

    def text(id_: str) -> str:
        return browser.find_element(By.ID, id_).text

    with running(trained) as server:
        browser.get(server.url)
        for name, value in zip(FEATURES, ROW, strict=True):
            field = browser.find_element(By.NAME, name)
            field.clear()
            field.send_keys(repr(value))
        WebDriverWait(browser, 10).until(lambda _: text("exact") == f"MedHouseVal = {expected!r}")
        assert text("prediction") == f"{expected:.4f}"

        means = np.array([of["mean"] for of in predictor.card["features"].values()])
        texts = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#parts tr")]
        rows = [row.replace("\N{MINUS SIGN}", "-").split() for row in texts]
        parts = {row[0]: float(row[-1]) for row in rows}
        for name, part in zip(FEATURES, predictor.model.coef * (X[0] - means), strict=True):
            assert parts[name] == pytest.approx(part, abs=6e-5)

        dots = browser.find_elements(By.CSS_SELECTOR, "circle title")
        titles = [str(dot.get_attribute("textContent")) for dot in dots]
        of_bits = {int(found[1]): float(found[2]) for each in titles if (found := re.match(r"(\d+) bits: (.*)", each))}
        assert sorted(of_bits) == list(range(2, 17))
        assert of_bits[8] == expected

        income = browser.find_element(By.NAME, "MedInc")
        income.send_keys(Keys.CONTROL, "a", Keys.NULL, Keys.DELETE)
        WebDriverWait(browser, 10).until(lambda _: text("exact") == "MedInc must be a number")
        income.send_keys("20")
        WebDriverWait(browser, 10).until(lambda _: text("exact").startswith("MedHouseVal"))
        assert income.find_element(By.XPATH, "..").get_attribute("class") == "outside"
        assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]

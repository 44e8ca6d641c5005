"""The bundled table, read without DuckDB, and its split, made by scikit-learn."""

import csv
import functools
import gzip

import numpy as np
from sklearn.model_selection import train_test_split

from samebits.model.linear import LinearModel
from tests.conftest import ROOT

SOURCE = ROOT / "data" / "raw" / "cal_housing.csv.gz"
QUERY = """
    SELECT median_income                  AS MedInc,
           housing_median_age             AS HouseAge,
           total_rooms    / households    AS AveRooms,
           total_bedrooms / households    AS AveBedrms,
           population                     AS Population,
           population     / households    AS AveOccup,
           latitude                       AS Latitude,
           longitude                      AS Longitude,
           median_house_value / 100000    AS MedHouseVal
    FROM source
"""
FEATURES = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]
TARGET = "MedHouseVal"

# the least-squares solution of the training rows, seed 42 and test size 0.2, by an independent computation
MODEL = LinearModel(
    np.array(
        [
            0.44867490966571766,
            0.009724257517905295,
            -0.12332334282795913,
            0.7831449067929719,
            -2.0296205801428103e-06,
            -0.003526318487134158,
            -0.41979248658835955,
            -0.4337080649639875,
        ]
    ),
    -37.02327770606413,
)


@functools.cache
def table() -> tuple[np.ndarray, np.ndarray]:
    """X (20640, 8) and y (20640,)."""
    with gzip.open(SOURCE, "rt", newline="") as file:
        records = [{name: float(cell) for name, cell in record.items()} for record in csv.DictReader(file)]
    X = [
        [
            record["median_income"],
            record["housing_median_age"],
            record["total_rooms"] / record["households"],
            record["total_bedrooms"] / record["households"],
            record["population"],
            record["population"] / record["households"],
            record["latitude"],
            record["longitude"],
        ]
        for record in records
    ]
    return np.array(X), np.array([record["median_house_value"] / 100000 for record in records])


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The train and the test rows of X, then of y."""
    train_X, test_X, train_y, test_y = train_test_split(*table(), test_size=0.2, random_state=42)
    return train_X, test_X, train_y, test_y

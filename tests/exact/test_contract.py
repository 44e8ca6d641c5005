"""What scikit-learn's estimators take: sparse rows, several targets, float32, weights, scoring; what stores them."""

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, RANSACRegressor, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from samebits import ExactLinearRegression, ExactRidgeCV
from samebits.exact.moments import Moments

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 4))
Y = X @ RANDOM.normal(size=(4, 3)) + RANDOM.normal(size=(60, 3))
WEIGHTS = RANDOM.integers(1, 5, 60).astype(float)


@pytest.mark.parametrize("seed", range(20))
def test_moments_of_sparse_rows_are_those_of_dense_ones(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(40, 5)) * np.ldexp(
        1.0, random.integers(-200 * (seed % 3), 1 + 200 * (seed % 2), (40, 5))
    )
    rows[random.random((40, 5)) < 0.6] = 0
    y = random.normal(size=40) * (seed % 4)
    assert Moments.of(sparse.csr_matrix(rows), y) == Moments.of(rows, y)
    weights = random.integers(0, 4, 40) / 2
    assert Moments.weighted(sparse.csr_matrix(rows), y, weights) == Moments.weighted(rows, y, weights)


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "lil_matrix"])
@pytest.mark.parametrize("estimator", [ExactLinearRegression(), ExactRidgeCV(alphas=[0.1, 1])])
def test_sparse_rows_give_the_bits_of_dense_ones(kind: str, estimator: Any) -> None:
    dense = np.where(np.abs(X) > 0.5, X, 0)
    theirs = estimator.fit(dense, Y[:, 0]).predict(dense)
    stored = getattr(sparse, kind)(dense)
    assert estimator.fit(stored, Y[:, 0]).predict(stored).tobytes() == theirs.tobytes()


def test_one_hot_columns_work_in_a_pipeline() -> None:
    levels = RANDOM.integers(0, 4, (60, 2)).astype(str)
    ours, theirs = (
        make_pipeline(OneHotEncoder(), each).fit(levels, Y[:, 0])
        for each in (ExactLinearRegression(), LinearRegression())
    )
    np.testing.assert_allclose(ours.predict(levels), theirs.predict(levels))


@pytest.mark.parametrize("alpha", [0.0, 0.5, [0.1, 1.0, 10.0]])
def test_several_targets_are_fitted_each_for_itself(alpha: Any) -> None:
    together = ExactLinearRegression(alpha=alpha).fit(X, Y)
    np.testing.assert_allclose(together.coef_, Ridge(alpha=alpha).fit(X, Y).coef_, rtol=1e-9)
    for target, one in enumerate(np.broadcast_to(alpha, 3).tolist()):
        alone = ExactLinearRegression(alpha=one).fit(X, Y[:, target])
        assert together.coef_[target].tobytes() == alone.coef_.tobytes()
        assert together.intercept_[target] == alone.intercept_
        assert together.predict(X)[:, target].tobytes() == alone.predict(X).tobytes()
    parts = ExactLinearRegression(alpha=alpha).partial_fit(X[:20], Y[:20]).partial_fit(X[20:], Y[20:])
    assert parts.coef_.tobytes() == together.coef_.tobytes()


def test_a_target_of_one_column_keeps_its_shape() -> None:
    model = ExactLinearRegression().fit(X, Y[:, :1])
    assert (model.coef_.shape, model.intercept_.shape, model.predict(X).shape) == ((1, 4), (1,), (60, 1))


def test_another_number_of_targets_or_penalties_is_refused() -> None:
    model = ExactLinearRegression().fit(X, Y)
    with pytest.raises(ValueError, match="another number of targets"):
        model.partial_fit(X, Y[:, :2])
    with pytest.raises(ValueError, match="Number of targets and number of penalties do not correspond: 2 != 3"):
        ExactLinearRegression(alpha=[1, 2]).fit(X, Y)
    with pytest.raises(ValueError, match="of one target, and y had 3"):
        model.summary()


def test_float32_goes_in_and_out() -> None:
    rows = X.astype(np.float32)
    model = ExactLinearRegression().fit(rows, Y[:, 0])
    exact = ExactLinearRegression().fit(rows.astype(float), Y[:, 0])
    found = [model.coef_.dtype, model.predict(rows).dtype, model.predict(X).dtype]
    assert [str(each) for each in found] == ["float32", "float32", "float64"]
    assert model.coef_.tobytes() == exact.coef_.astype(np.float32).tobytes()


def test_weights_count_where_rows_train_and_where_they_score() -> None:
    copies = np.repeat(np.arange(60), WEIGHTS.astype(int))
    folds = [(np.flatnonzero(np.arange(60) % 3 != k), np.flatnonzero(np.arange(60) % 3 == k)) for k in range(3)]
    of_copies = [tuple(np.flatnonzero(np.isin(copies, part)) for part in fold) for fold in folds]
    ours = ExactRidgeCV(alphas=[0.1, 1, 10], cv=folds).fit(X, Y[:, 0], WEIGHTS)
    theirs = ExactRidgeCV(alphas=[0.1, 1, 10], cv=of_copies).fit(X[copies], Y[copies, 0])
    assert ours.cv_errors_.tobytes() == theirs.cv_errors_.tobytes()
    assert ours.coef_.tobytes() == theirs.coef_.tobytes()


@pytest.mark.parametrize("scoring", [None, "r2", "neg_mean_squared_error", "neg_mean_absolute_error", "neg_max_error"])
def test_scoring_is_that_of_grid_search(scoring: str | None) -> None:
    alphas = [0.01, 1.0, 30.0, 1000.0]
    ours = ExactRidgeCV(alphas=alphas, cv=KFold(4), scoring=scoring).fit(X, Y[:, 0])
    how = scoring or "neg_mean_squared_error"
    theirs = GridSearchCV(Ridge(), {"alpha": alphas}, cv=KFold(4), scoring=how).fit(X, Y[:, 0])
    assert ours.alpha_ == theirs.best_params_["alpha"]
    assert ours.best_score_ == pytest.approx(theirs.best_score_)


def test_each_target_can_have_its_own_penalty() -> None:
    search = ExactRidgeCV(alphas=[0.01, 1.0, 100.0], alpha_per_target=True).fit(X, Y)
    alone = [ExactRidgeCV(alphas=[0.01, 1.0, 100.0]).fit(X, Y[:, target]) for target in range(3)]
    assert search.alpha_.tolist() == [each.alpha_ for each in alone]
    assert search.coef_.tobytes() == np.array([each.coef_ for each in alone]).tobytes()


def test_a_fold_without_rows_is_an_error_of_the_user() -> None:
    weights = np.where(np.arange(60) < 12, 0.0, 1.0)
    with pytest.raises(ValueError, match="fold 1 of cv has no rows, or none with a weight, to score with"):
        ExactRidgeCV(alphas=[1.0], cv=5).fit(X, Y[:, 0], weights)


def test_a_penalty_beyond_float64_does_not_end_the_search() -> None:
    rows = np.array([[1e-300], [2e-300], [-1e-300], [3e-300]])
    search = ExactRidgeCV(alphas=[0.0, 1e-300], cv=2, fit_intercept=False).fit(rows, 1e100 * np.array([1.0, 2, -1, 3]))
    assert search.alpha_ == 1e-300
    assert np.isinf(search.cv_errors_[0]).all()


def test_ransac_finds_the_rows_that_follow_the_line() -> None:
    y = np.where(np.arange(60) % 4, X @ [1.0, 2.0, 3.0, 4.0], 100.0)
    found = RANSACRegressor(ExactLinearRegression(), min_samples=5, random_state=0).fit(X, y, sample_weight=WEIGHTS)
    np.testing.assert_allclose(found.estimator_.coef_, [1, 2, 3, 4])
    assert (found.inlier_mask_ == (np.arange(60) % 4 > 0)).all()


@pytest.mark.parametrize("model", [ExactLinearRegression(), ExactRidgeCV(alphas=[0.5], cv=3)])
def test_a_column_transformer_of_a_frame_gives_the_names(model: Any) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(e=np.arange(60) % 3)
    columns = ColumnTransformer(
        [("kept", "passthrough", ["a", "c"]), ("level", OneHotEncoder(sparse_output=False, drop="first"), ["e"])],
        verbose_feature_names_out=False,
    )
    pipeline = make_pipeline(columns, StandardScaler(), model).set_output(transform="pandas").fit(frame, Y[:, 0])
    assert list(pipeline[-1].feature_names_in_) == ["a", "c", "e_1", "e_2"]
    assert [each.name for each in pipeline[-1].summary().coefficients] == ["(intercept)", "a", "c", "e_1", "e_2"]
    assert pipeline.predict(frame.iloc[:5]).tobytes() == pipeline.predict(frame)[:5].tobytes()
    with pytest.raises(ValueError, match="feature names"):
        pipeline[-1].predict(frame[["a", "b", "c", "d"]])


def test_weights_and_groups_are_routed() -> None:
    with config_context(enable_metadata_routing=True):
        weights = {"sample_weight": WEIGHTS}
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), ExactLinearRegression())
        model[-1].set_fit_request(sample_weight=True)
        scaled = StandardScaler().fit_transform(X)
        expected = ExactLinearRegression().fit(scaled, Y[:, 0], WEIGHTS)
        assert model.fit(X, Y[:, 0], **weights)[-1].coef_.tobytes() == expected.coef_.tobytes()

        groups = np.arange(60) % 5
        search = ExactRidgeCV(alphas=[0.1, 10.0], cv=GroupKFold(5)).set_fit_request(sample_weight=True, groups=True)
        routed = make_pipeline(search).fit(X, Y[:, 0], groups=groups, **weights)[-1]
        alone = ExactRidgeCV(alphas=[0.1, 10.0], cv=GroupKFold(5)).fit(X, Y[:, 0], WEIGHTS, groups=groups)
        assert routed.cv_errors_.tobytes() == alone.cv_errors_.tobytes()

        scored = ExactLinearRegression().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        grid = GridSearchCV(scored, {"alpha": [0.1, 10.0]}, cv=GroupKFold(5))
        assert grid.fit(X, Y[:, 0], groups=groups, **weights).best_params_["alpha"] in (0.1, 10.0)


def test_a_fit_keeps_its_arguments_but_no_copies_and_a_pickle_neither() -> None:
    rows, y = X.astype(np.float32), Y[:, 0].tolist()
    model = ExactLinearRegression().fit(rows, y)
    assert model._given is not None
    assert [id(each) for each in model._given] == [id(rows), id(y), id(None)]
    errors = [each.std_error for each in model.summary(cov="HC3").coefficients]
    exact = ExactLinearRegression().fit(rows.astype(float), y).summary(cov="HC3")
    assert errors == [each.std_error for each in exact.coefficients]
    tall = ExactLinearRegression().fit(np.tile(X, (500, 1)), np.tile(Y[:, 0], 500))
    assert len(pickle.dumps(tall)) < 10_000
    with pytest.raises(ValueError, match="rows"):
        pickle.loads(pickle.dumps(tall)).summary(cov="HC3")


@pytest.mark.parametrize("model", [ExactLinearRegression(), ExactRidgeCV(alphas=[1.0])])
def test_a_stored_estimator_says_what_it_said(model: Any) -> None:
    model.fit(X, Y[:, 0])
    again = pickle.loads(pickle.dumps(model))
    assert again.predict(X).tobytes() == model.predict(X).tobytes()
    assert again.summary() == model.summary()
    assert again.relations_ == model.relations_
    assert "<pre>" in model.summary()._repr_html_()

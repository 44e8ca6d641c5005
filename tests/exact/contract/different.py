"""Tests of scikit-learn that our estimators shall not pass: how many of their parametrisations fail, and why."""

DIFFERENT = {
    "test_raises_value_error_if_positive_and_sparse": (1, "sparse X works with positive=True, too"),
    "test_inplace_data_preprocessing": (2, "X is never changed, also with copy_X=False"),
    "test_regularization_limits_ridge_gcv": (48, "no gcv_mode is used, so sparse X with gcv_mode=svd has no warning"),
    "test_ridge_shapes_type": (1, "coef_ keeps the dimension of a y of one column, as in LinearRegression"),
    "test_ridge_gcv_integer_arrays": (1, "cv_errors_ has the error of each fold; there is no cv_results_"),
    "test_ridge_gcv_sample_weights": (32, "cv_errors_ has the error of each fold; there is no cv_results_"),
    "test_ridge_cv_results_predictions": (32, "cv_errors_ has the error of each fold; there is no cv_results_"),
    "test_ridgecv_store_cv_results": (3, "cv_errors_ has the error of each fold; there is no cv_results_"),
    "test_ridge_cv_individual_penalties": (1, "cv_errors_ has the error of each fold; there is no cv_results_"),
    "test_ridge_cv_custom_multioutput_scorer": (2, "a score is of one target; the mean over the targets decides"),
    "test_dense_sparse": (2, "intercept_ is a Python float; the test asks for numpy's"),
    "test_ridgecv_alphas_zero": (1, "alpha 0 is least squares, and leaving out one row at a time is defined for it"),
    "test_ridgecv_alphas_validation": (2, "alpha 0 is allowed, so the message says >= 0.0"),
    "test_ridgecv_sample_weight": (1, "scoring=None is the squared error; R2 is not defined for its folds of one row"),
    "test_n_iter": (1, "the solution is exact; there are no iterations to count"),
    "test_ridge_fit_intercept_sparse_error": (6, "sparse X is fitted with an intercept, whatever the solver is called"),
    "test_ridge_fit_intercept_sparse_sag": (4, "the solution is exact; no solver warns of too few iterations"),
    "test_ridge_positive_error_test": (6, "positive=True needs no solver of its own"),
    "test_lbfgs_solver_error": (1, "the solution is exact; no solver fails to converge"),
}

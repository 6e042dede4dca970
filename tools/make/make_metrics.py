#!/usr/bin/env python3
"""Writes testdata/metrics.json: predictions, and what scikit-learn, scipy and statsmodels compute from them.

src/metrics/golden_metrics_test.cc holds Paceline's figures against it. Needs scikit-learn, scipy and statsmodels.
"""

import json
import pathlib
import warnings

import numpy as np
import scipy
import sklearn
import statsmodels
from scipy import optimize, special, stats
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

OUT = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "metrics.json"
BINS = 15


def figures(values):
    return [float(value) for value in np.ravel(values)]


def calibration_error(probability, right):
    bins = np.clip(np.ceil(probability * BINS).astype(int) - 1, 0, BINS - 1)
    return float(sum(abs(probability[bins == b].sum() - right[bins == b].sum()) for b in range(BINS)) / len(right))


def temperature(log_loss):
    best = optimize.minimize_scalar(lambda power: log_loss(np.exp(power)), bounds=(-6, 6), method="bounded",
                                    options=dict(xatol=1e-12))
    return float(np.exp(best.x))


def single_label(random, texts, labels, never):
    """Labels of different frequency, of which `never` is neither expected nor predicted."""
    share = random.dirichlet(np.full(labels, 2.0))
    share[never] = 0
    expected = random.choice(labels, size=texts, p=share / share.sum())
    logits = random.normal(size=(2, texts, labels))
    logits[:, np.arange(texts), expected] += 1.5
    logits[1] = 0.7 * logits[0] + 0.3 * logits[1]
    logits[:, :, never] = -20
    logits = (2 * logits).astype(np.float32)
    first, second = logits.argmax(axis=2)
    of_first, of_second = first == expected, second == expected
    wide = logits[0].astype(float)
    probability = special.softmax(wide, axis=1)
    fitted = temperature(lambda t: metrics.log_loss(expected, special.softmax(wide / t, axis=1), labels=range(labels)))
    tempered = special.softmax(wide / fitted, axis=1)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(expected, first, labels=range(labels),
                                                                             zero_division=0)
    table = [[int((of_first & of_second).sum()), int((of_first & ~of_second).sum())],
             [int((~of_first & of_second).sum()), int((~of_first & ~of_second).sum())]]
    return dict(
        labels=labels, expected=expected.tolist(), logits=figures(logits[0]), first=first.tolist(),
        second=second.tolist(), accuracy=float(of_first.mean()),
        majority=float(np.bincount(expected).max() / texts),
        wilson=figures(proportion_confint(int(of_first.sum()), texts, method="wilson")),
        confusion=metrics.confusion_matrix(expected, first, labels=range(labels)).ravel().tolist(),
        precision=figures(precision), recall=figures(recall), f1=figures(f1), support=support.tolist(),
        macro_f1=float(metrics.f1_score(expected, first, average="macro")),
        log_loss=float(metrics.log_loss(expected, probability, labels=range(labels))),
        calibration_error=calibration_error(probability.max(axis=1), of_first), temperature=fitted,
        tempered_log_loss=float(metrics.log_loss(expected, tempered, labels=range(labels))),
        tempered_error=calibration_error(tempered.max(axis=1), of_first),
        difference=float(of_second.mean() - of_first.mean()), both_right=table[0][0], only_first=table[0][1],
        only_second=table[1][0], agreement=float((first == second).mean()),
        p_value=float(mcnemar(table, exact=True).pvalue),
        macro_f1_difference=float(metrics.f1_score(expected, second, average="macro") -
                                  metrics.f1_score(expected, first, average="macro")))


def multi_label(random, texts, labels, rare):
    """`rare` is a label that no text has."""
    expected = (random.random((texts, labels)) < random.uniform(0.1, 0.6, labels)).astype(int)
    expected[:, rare] = 0
    # Rounded, so that scores occur more than once.
    logits = np.round(random.normal(size=(texts, labels)) + 1.6 * expected - 0.8, 1).astype(np.float32)
    predicted = (logits >= 0).astype(int)
    probability = special.expit(logits.astype(float))

    def log_loss(t):
        return metrics.log_loss(expected.ravel(), special.expit(logits.astype(float).ravel() / t))

    kept = [k for k in range(labels) if k != rare]
    second = (logits >= 0.4).astype(int)  # as a model that is less ready to give labels
    precision, recall, f1, support = metrics.precision_recall_fscore_support(expected, predicted, zero_division=0)
    fitted = temperature(log_loss)
    tempered = special.expit(logits.astype(float).ravel() / fitted)

    def difference(figure):
        return float(figure(expected, second) - figure(expected, predicted))

    return dict(labels=labels, expected=expected.ravel().tolist(), predicted=predicted.ravel().tolist(),
                logits=figures(logits), exact=float(metrics.accuracy_score(expected, predicted)),
                micro_f1=float(metrics.f1_score(expected, predicted, average="micro", zero_division=0)),
                macro_f1=float(metrics.f1_score(expected, predicted, average="macro", zero_division=0)),
                rare=rare, average_precision=figures([metrics.average_precision_score(expected[:, k], logits[:, k])
                                                      for k in kept]),
                log_loss=log_loss(1), temperature=fitted,
                calibration_error=calibration_error(probability.ravel(), expected.ravel() == 1),
                precision=figures(precision), recall=figures(recall), f1=figures(f1), support=support.tolist(),
                tempered_log_loss=log_loss(fitted), tempered_error=calibration_error(tempered, expected.ravel() == 1),
                second=second.ravel().tolist(), exact_difference=difference(metrics.accuracy_score),
                micro_f1_difference=difference(lambda a, b: metrics.f1_score(a, b, average="micro", zero_division=0)),
                macro_f1_difference=difference(lambda a, b: metrics.f1_score(a, b, average="macro", zero_division=0)),
                agreement=float(metrics.accuracy_score(predicted, second)))


def regression(random, texts):
    expected = np.round(random.normal(size=texts) * 2) / 2
    predicted = (0.6 * expected + random.normal(size=texts)).astype(np.float32).astype(float)
    predicted[:5] = predicted[5:10]
    error = np.square(predicted - expected)
    low, high = stats.t.interval(0.95, texts - 1, loc=error.mean(), scale=stats.sem(error))
    absolute = np.abs(predicted - expected)
    second = np.round(predicted)
    pearson = stats.pearsonr(expected, predicted)
    interval = pearson.confidence_interval(0.95)
    return dict(expected=figures(expected), predicted=figures(predicted),
                mean_squared_error=float(metrics.mean_squared_error(expected, predicted)),
                mean_squared_error_interval=[float(low), float(high)],
                mean_absolute_error=float(metrics.mean_absolute_error(expected, predicted)),
                mean_absolute_error_interval=figures(stats.t.interval(0.95, texts - 1, loc=absolute.mean(),
                                                                      scale=stats.sem(absolute))),
                pearson=float(pearson.statistic), pearson_interval=[float(interval.low), float(interval.high)],
                spearman=float(stats.spearmanr(expected, predicted).statistic), second=figures(second),
                squared_error_difference=float(metrics.mean_squared_error(expected, second) -
                                               metrics.mean_squared_error(expected, predicted)),
                pearson_difference=float(stats.pearsonr(expected, second).statistic - pearson.statistic))


def main():
    warnings.simplefilter("ignore")
    random = np.random.default_rng(20)
    made = dict(made_with={"scikit-learn": sklearn.__version__, "scipy": scipy.__version__,
                           "statsmodels": statsmodels.__version__, "numpy": np.__version__},
                single_label=[single_label(random, 300, 6, 4), single_label(random, 40, 3, 2)],
                multi_label=multi_label(random, 120, 5, 3), regression=regression(random, 150))
    OUT.write_text(json.dumps(made, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

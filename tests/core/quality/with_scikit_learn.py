"""Run by the servers' Python, which has scikit-learn: reads cases as JSON, prints what it measures."""

import json
import sys

import numpy as np
from sklearn import metrics as m
from sklearn.isotonic import IsotonicRegression


def classes(case):
    y, told, p = np.array(case["labels"]), np.array(case["answers"]), np.array(case["probabilities"])
    two = p.shape[1] == 2
    average = "binary" if two else "macro"
    score = p[:, 1] if two else p
    return {
        "accuracy": m.accuracy_score(y, told),
        "recall": m.recall_score(y, told, average=average, zero_division=0),
        "precision": m.precision_score(y, told, average=average, zero_division=0),
        "f1": m.f1_score(y, told, average=average, zero_division=0),
        "auc": m.roc_auc_score(y, score) if two else m.roc_auc_score(y, score, multi_class="ovr", average="macro"),
        "log loss": m.log_loss(y, p),
    }


def numbers(case):
    y, told = np.array(case["labels"]), np.array(case["answers"])
    return {
        "rmse": m.root_mean_squared_error(y, told),
        "mae": m.mean_absolute_error(y, told),
        "r2": m.r2_score(y, told),
        "bias": float(np.mean(told - y)),
    }


def ranking(case):
    return {
        "ndcg": float(
            np.mean([m.ndcg_score([g], [s], k=10) for g, s in zip(case["gains"], case["scores"], strict=True)])
        )
    }


def isotonic(case):
    fitted = IsotonicRegression(out_of_bounds="clip").fit(case["confidence"], case["right"])
    return {"fitted": fitted.predict(case["wanted"]).tolist()}


KINDS = {"classes": classes, "numbers": numbers, "ranking": ranking, "isotonic": isotonic}
print(json.dumps([KINDS[case["kind"]](case) for case in json.load(sys.stdin)]))

"""A program that fits a classifier of scikit-learn to a small data set."""

import wandb
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

run = wandb.init(config={"C": 1.0, "max_iter": 200})
X, y = load_iris(return_X_y=True)
model = LogisticRegression(C=run.config.C, max_iter=run.config.max_iter)
scores = cross_val_score(model, X, y, cv=3)
run.log({"cv": {"mean": scores.mean(), "std": scores.std()}})
run.log({"accuracy": model.fit(X, y).score(X, y)})

"""Figures over pictures: against scikit-learn, double sums in float64, toys worked by hand, and a simulation."""

from statistics import NormalDist

import numpy as np
import pytest
from fixtures.labels import labelled
from hypothesis import given, settings
from scipy.stats import norm
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from detectors import evaluation
from detectors.evaluation.intervals import percentiles, resampling_weights, strata
from detectors.result import Figure

Z = norm.ppf(0.975)

BIG = 4000  # pictures of each class for a true value


def psi(labels, scores):
    """(n+, n-) 1 where the defective picture scores higher, 1/2 on a tie."""
    x, y = scores[labels == 1][:, None], scores[labels == 0][None]
    return (x > y) + 0.5 * (x == y)


@settings(deadline=None, max_examples=60)
@given(labelled())
def test_figures_agree_with_scikit_learn_with_ties(data):
    labels, scores = data
    assert evaluation.image_auroc(labels, scores).value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    ap = evaluation.average_precision(labels, scores, draws=20)
    assert ap.value == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    precision, recall, _ = precision_recall_curve(labels, scores)
    f1 = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()
    assert evaluation.f1_max(labels, scores, draws=20).value == pytest.approx(f1, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(labelled())
def test_auroc_depends_on_the_order_only_and_mirrors(data):
    labels, scores = data
    value = evaluation.image_auroc(labels, scores)
    assert evaluation.image_auroc(labels, np.exp(scores) * 3 - 7) == value
    mirrored = evaluation.image_auroc(1 - labels, scores)
    assert mirrored.value == pytest.approx(1 - value.value, abs=1e-12)
    assert mirrored.low == pytest.approx(1 - value.high, abs=1e-9)
    assert 0 <= value.low <= value.value <= value.high <= 1


@settings(deadline=None, max_examples=60)
@given(labelled(least=2))
def test_delong_variance_is_the_double_sum(data):
    labels, scores = data
    table = psi(labels, scores)
    n, m = table.shape
    variance = table.mean(1).var(ddof=1) / n + table.mean(0).var(ddof=1) / m
    figure = evaluation.image_auroc(labels, scores)
    if figure.method == "DeLong, logit scale":
        a = table.mean()
        half = Z * np.sqrt(variance) / (a * (1 - a))
        assert figure.low == pytest.approx(1 / (1 + np.exp(half - np.log(a / (1 - a)))), abs=1e-9)
        assert figure.high == pytest.approx(1 / (1 + np.exp(-half - np.log(a / (1 - a)))), abs=1e-9)
    else:
        assert figure.value in (0, 1) or variance < 1e-15


def test_delong_variance_is_close_to_a_jackknife():
    random = np.random.default_rng(1)
    labels = np.repeat([1, 0], [60, 80])
    scores = random.normal(size=140) + labels
    figure = evaluation.image_auroc(labels, scores)
    leave_one_out = [
        [roc_auc_score(np.delete(labels, i), np.delete(scores, i)) for i in np.flatnonzero(labels == side)]
        for side in (1, 0)
    ]
    jackknife = sum((len(v) - 1) ** 2 / len(v) * np.var(v, ddof=1) for v in leave_one_out)
    a = figure.value
    sd = (np.log(figure.high / (1 - figure.high)) - np.log(a / (1 - a))) * a * (1 - a) / Z
    assert sd**2 == pytest.approx(jackknife, rel=0.03)


def test_auroc_worked_by_hand():
    # defective 3, 1; good 2, 1, 0: pairs won 3 + (0 + 1/2 + 1) of 6
    figure = evaluation.image_auroc([1, 1, 0, 0, 0], [3, 1, 2, 1, 0])
    assert figure.value == pytest.approx(4.5 / 6)


def test_perfect_and_reversed_separation_have_an_exact_interval():
    labels, scores = [1] * 8 + [0] * 16, [2.0] * 8 + [1.0] * 16
    figure = evaluation.image_auroc(labels, scores)
    assert (figure.value, figure.low, figure.high) == (1, pytest.approx(0.05 ** (1 / 8)), 1)
    assert str(figure.reason) == (
        "Every defective picture scores above every good one; the smaller class has 8, so the true AUROC may still be "
        "as low as 0.69 (0.05 to the power of 1/8)."
    )
    worst = evaluation.image_auroc(labels, [-s for s in scores])
    assert (worst.value, worst.low, worst.high) == (0, 0, pytest.approx(1 - 0.05 ** (1 / 8)))
    lows = {k: round(evaluation.image_auroc([1] * k + [0] * 9, [2.0] * k + [1.0] * 9).low, 2) for k in (1, 2, 3, 5)}
    assert lows == {1: 0.05, 2: 0.22, 3: 0.37, 5: 0.55}
    ap = evaluation.average_precision(labels, scores)
    assert (ap.value, ap.low) == (1, None)
    assert "see the interval of the AUROC" in str(ap.reason)


@pytest.mark.parametrize("scores", [[5.0] * 6, [3.0, 1, 2, 1, 0, 4]])
def test_where_delong_has_no_variance_hanley_and_mcneil_stand_in(scores):
    labels = [1, 1, 1, 0, 0, 0] if len(set(scores)) == 1 else [1, 0, 0, 0, 0, 0]
    figure = evaluation.image_auroc(labels, scores)
    assert figure.method == "Hanley-McNeil, logit scale"
    assert figure.low < figure.value < figure.high


@pytest.mark.parametrize(
    ("labels", "scores", "key"),
    [
        ([1, 1], [1, 2], "metrics.no_good"),
        ([0, 0], [1, 2], "metrics.no_defective"),
        ([np.nan, np.nan], [1, 2], "metrics.no_labels"),
        ([], [], "metrics.no_labels"),
        ([1, 0], [np.nan, 2], "metrics.not_finite"),
    ],
)
def test_what_cannot_be_computed_is_absent_with_its_reason(labels, scores, key):
    for figure in evaluation.image_figures(labels, scores).values():
        assert figure.value is None
        assert figure.reason.key == key
        assert "{" not in str(figure.reason)
    difference = evaluation.paired_auroc_difference(labels, scores, scores)
    assert difference.value is None
    assert difference.reason.key == key


def test_pictures_that_nobody_labelled_do_not_count():
    labels, scores = np.array([1, 0, 1, 0, 0]), np.array([3.0, 1, 2, 2, 0])
    more = evaluation.image_figures(np.append(labels, [np.nan] * 2), np.append(scores, [9, np.nan]))
    assert more == evaluation.image_figures(labels, scores)


def test_bootstrap_intervals_hold_the_value_and_shrink_with_more_pictures():
    random = np.random.default_rng(0)
    widths = []
    for n in (20, 80, 320):
        labels = np.repeat([1, 0], [n, n])
        scores = random.normal(size=2 * n) + labels
        figure = evaluation.average_precision(labels, scores, draws=500)
        assert figure.low <= figure.value <= figure.high
        assert evaluation.average_precision(labels, scores, draws=500) == figure
        widths.append(figure.high - figure.low)
    assert widths[0] > widths[1] > widths[2]
    assert str(figure.reason) == "320 of 640 pictures are defective: guessing would reach 0.50."


def test_resampling_weights_keep_sizes_and_give_an_unbiased_variance_for_tiny_strata():
    stratum = np.array([0, 0, 1, 1, 1, 2])
    weights = resampling_weights(stratum, 4000, seed=0)
    for number, size in ((0, 2), (1, 3), (2, 1)):
        assert np.allclose(weights[:, stratum == number].sum(1), size)
    x = np.array([1.0, 5, 2, 4, 9, 7])
    expected = sum(x[stratum == h].size * x[stratum == h].var(ddof=1) for h in (0, 1))  # of a sum within strata
    assert (weights @ x).var() == pytest.approx(expected, rel=0.06)


def test_strata_put_single_kinds_together():
    defective = [False, False, True, True, True, True, True]
    kinds = ["good", None, "cut", "cut", "hole", "stain", "cut"]
    assert strata(defective, kinds).tolist() == [0, 0, 2, 2, 1, 1, 2]
    lonely = strata(defective[:5], kinds[:5])
    assert lonely[4] == lonely[3] != lonely[0]  # the only hole joins the cuts


def test_wilson_against_the_printed_values():
    figure = evaluation.wilson(7, 8)
    assert (figure.low, figure.high) == pytest.approx((0.529, 0.978), abs=5e-4)  # "53-98 %"
    assert evaluation.wilson(0, 16).high == pytest.approx(0.194, abs=5e-4)
    assert evaluation.wilson(0, 16).low == 0
    assert evaluation.wilson(16, 16).high == 1
    assert evaluation.wilson(0, 0).value is None


def test_paired_difference_uses_delongs_covariance():
    random = np.random.default_rng(2)
    labels = np.repeat([1, 0], [20, 30])
    common = random.normal(size=50)
    a, b = (labels + common + 0.3 * random.normal(size=50) for _ in range(2))
    p, q = psi(labels, a), psi(labels, b)

    def covariance(s, t):
        return np.cov(s.mean(1), t.mean(1))[0, 1] / 20 + np.cov(s.mean(0), t.mean(0))[0, 1] / 30

    r = covariance(p, q) / np.sqrt(covariance(p, p) * covariance(q, q))
    one, other = evaluation.image_auroc(labels, a), evaluation.image_auroc(labels, b)
    u, v = one.value - one.low, other.high - other.value
    figure = evaluation.paired_auroc_difference(labels, a, b)
    assert figure.value == pytest.approx(p.mean() - q.mean(), abs=1e-12)
    assert figure.low == pytest.approx(figure.value - np.sqrt(u * u + v * v - 2 * r * u * v), abs=1e-9)
    plain = Z * np.sqrt(covariance(p, p) + covariance(q, q) - 2 * covariance(p, q))
    assert (figure.high - figure.low) / 2 == pytest.approx(plain, rel=0.35)  # near the plain interval
    back = evaluation.paired_auroc_difference(labels, b, a)
    assert (back.low, back.high) == pytest.approx((-figure.high, -figure.low), abs=1e-9)


def test_two_perfect_methods_are_not_told_apart_by_few_pictures():
    labels = np.repeat([1, 0], [8, 16])
    figure = evaluation.paired_auroc_difference(labels, labels * 1.0, labels * 2.0)
    assert figure.value == 0
    assert figure.low < -0.3 < 0.3 < figure.high
    assert str(evaluation.tell_apart(figure)) == "too few pictures to tell"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.2, "better: the interval leaves 0 out"),
        (-0.2, -0.01, "worse: the interval leaves 0 out"),
        (-0.01, 0.03, "equal to within 3 points"),
        (-0.001, 0.004, "equal to within 1 point"),
        (-0.04, 0.19, "too few pictures to tell"),
    ],
)
def test_a_difference_in_words(low, high, said):
    assert str(evaluation.tell_apart(Figure(0.0, low, high))) == said


def test_intervals_cover_the_truth_about_95_times_in_100():
    random = np.random.default_rng(3)
    n, m, rounds = 12, 20, 400
    labels = np.repeat([1, 0], [n, m])
    truth = [norm.cdf(d / 2**0.5) for d in (2.5, 1.5)]
    many = np.repeat([1, 0], [BIG, BIG * m // n])
    precision = average_precision_score(many, random.normal(size=len(many)) + 1.5 * many)
    held = np.zeros(3)
    for _ in range(rounds):
        x = random.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], n + m)
        a, b = x[:, 0] + 2.5 * labels, x[:, 1] + 1.5 * labels
        for i, (figure, value) in enumerate(
            [
                (evaluation.image_auroc(labels, b), truth[1]),
                (evaluation.paired_auroc_difference(labels, a, b), truth[0] - truth[1]),
                (evaluation.average_precision(labels, b, draws=150), precision),
            ]
        ):
            held[i] += figure.low is None or figure.low <= value <= figure.high  # no interval claims nothing
    assert np.all(held / rounds > [0.92, 0.92, 0.89])  # the bootstrap covers a little less
    assert np.all(held / rounds < 0.99)


def test_bootstrap_percentiles_hold_95_of_100_draws_and_the_measured_value():
    draws = np.random.default_rng(0).permutation(np.linspace(0, 1, 1001))
    low, high = percentiles(draws, 0.5)
    assert ((draws >= low) & (draws <= high)).mean() == pytest.approx(0.95, abs=0.002)
    assert (low, high) == pytest.approx((0.025, 0.975))
    assert percentiles(draws, 0.01)[0] == 0.01
    assert percentiles(draws, 0.99)[1] == 0.99


def test_a_figure_that_resampling_cannot_move_has_no_interval():
    """Equal scores, and maps that are one constant: no draw differs but for rounding."""
    labels, scores = [1] * 8 + [0] * 2, [0.25] * 10
    for figure in (evaluation.average_precision(labels, scores), evaluation.f1_max(labels, scores)):
        assert figure.value == pytest.approx(0.8, abs=0.1)
        assert (figure.low, figure.high) == (None, None)
        assert "does not change the figure" in str(figure.reason)


@pytest.mark.parametrize("k", [2, 3, 5, 10])
def test_the_interval_at_one_holds_whatever_the_scores_law(k):
    """Of all sets drawn at the lower end, at most 5 % separate: normal scores, 9 good pictures, 4,000 sets."""
    random = np.random.default_rng(k)
    theta = 0.05 ** (1 / k)
    shift = np.sqrt(2) * NormalDist().inv_cdf(theta)
    defective, good = random.normal(shift, size=(4000, k)), random.normal(size=(4000, 9))
    separated = defective.min(1) > good.max(1)
    assert separated.mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_held_out_normals_count_as_good_only_where_good_pictures_are_few():
    labels, scores, held = [1] * 8 + [0] * 2, [*np.linspace(1, 2, 8), 1.1, 0.2], [0.1, 1.5, 0.3]
    more = evaluation.auroc_with_normals(labels, scores, held)
    assert more.value == pytest.approx(roc_auc_score(labels + [0] * 3, scores + held))
    assert str(more.reason) == "3 held-out normal pictures count as good here, beside 2 good test pictures."
    assert evaluation.auroc_with_normals(labels + [0] * 8, scores + [0.0] * 8, held) is None
    assert evaluation.auroc_with_normals(labels, scores, []) is None
    assert evaluation.auroc_with_normals([0, 0], [1.0, 2.0], held) is None

/*
 * privacy.c: the accountant: the Renyi divergence of the Gaussian mechanism on a Poisson sample, composed over steps
 * and turned into (epsilon, delta).
 *
 * The divergence: Mironov, Talwar and Zhang, "Renyi differential privacy of the sampled Gaussian mechanism", 2019:
 * section 3.3 for whole and for fractional orders.  With N = N(0, sigma^2) and M = (1 - q) N + q N(1, sigma^2) it is
 * ln A / (order - 1), where A is the mean of (M / N)^order over N; the other direction is never larger.  Steps add up.
 * To epsilon: Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy", 2020, proposition 12:
 *     epsilon = divergence + ln((order - 1) / order) - (ln delta + ln order) / (order - 1),
 * the least over a list of orders, which any list makes true.
 */
#include "privacy.h"

#include <math.h>

#define SERIES_MOST 2000 /* terms of a fractional order's series; they fall like a Gaussian's tail */
#define SERIES_LEAST -30 /* ln of a term too small to matter, beside 1 */
#define SIGMA_LEAST 0.02 /* below it even a single step promises nothing one would call privacy */
#define SIGMA_MOST 1e7
#define SIGMA_EXACT 1e-4 /* relative */

/* ln(e^a + e^b) */
static double log_add(double a, double b)
{
    double high = fmax(a, b), low = fmin(a, b);

    return low == -INFINITY ? high : high + log1p(exp(low - high));
}

/* ln(e^a - e^b); a >= b but for rounding. */
static double log_less(double a, double b)
{
    return b == -INFINITY ? a : a <= b ? -INFINITY : a + log1p(-exp(b - a));
}

/* ln erfc(x): where erfc itself is out of range, by its asymptotic series. */
static double log_erfc(double x)
{
    double inverse;

    if (x < 20)
        return log(erfc(x));
    inverse = 1 / (2 * x * x);
    return -x * x - log(x) - 0.5 * log(3.141592653589793) + log1p(-inverse * (1 - 3 * inverse * (1 - 5 * inverse)));
}

/* ln A of a whole order: the binomial sum. */
static double log_whole(double q, double sigma, int order)
{
    double sum = -INFINITY;

    for (int i = 0; i <= order; i++) {
        double ways = lgamma(order + 1.0) - lgamma(i + 1.0) - lgamma(order - i + 1.0);

        sum = log_add(sum, ways + i * log(q) + (order - i) * log1p(-q) + ((double)i * i - i) / (2 * sigma * sigma));
    }
    return sum;
}

/* ln A of any order: the integral is cut where both parts of M weigh the same, and each half is an infinite series. */
static double log_fractional(double q, double sigma, double order)
{
    double cut = sigma * sigma * log(1 / q - 1) + 0.5, variance = 2 * sigma * sigma;
    double plus = -INFINITY, minus = -INFINITY, ways = 0; /* ln |binomial(order, i)| */
    bool negative = false;

    for (int i = 0; i < SERIES_MOST; i++) {
        double j = order - i;
        double low = ways + i * log(q) + j * log1p(-q) + ((double)i * i - i) / variance - log(2) +
                     log_erfc((i - cut) / sqrt(variance));
        double high =
            ways + j * log(q) + i * log1p(-q) + (j * j - j) / variance - log(2) + log_erfc((cut - j) / sqrt(variance));
        double *sum = negative ? &minus : &plus;

        *sum = log_add(*sum, log_add(low, high));
        if (i > order && fmax(low, high) < SERIES_LEAST)
            break;
        negative ^= j < 0;
        ways += log(fabs(j)) - log(i + 1.0);
    }
    return log_less(plus, minus);
}

double lt_privacy_renyi(double q, double sigma, double order)
{
    double log_a;

    if (q == 0)
        return 0;
    if (q == 1)
        return order / (2 * sigma * sigma);
    log_a = order == floor(order) ? log_whole(q, sigma, (int)order) : log_fractional(q, sigma, order);
    return isnan(log_a) ? INFINITY : fmax(log_a, 0) / (order - 1);
}

/* Orders 1.1 to 10.9 by tenths and 11 to 64, then by about a fifth up to 4096; 0 behind the last. */
static double order_at(int i)
{
    double order = 64;

    if (i < 99)
        return 1 + (i + 1) / 10.0;
    if (i < 153)
        return 11 + (i - 99);
    for (int k = 153; k <= i; k++)
        order = floor(order * 1.2);
    return order > 4096 ? 0 : order;
}

lt_status lt_privacy_epsilon(lt_env *env, double q, double sigma, int64_t steps, double delta, double *epsilon)
{
    *epsilon = INFINITY;
    for (int i = 0; order_at(i) > 0; i++) {
        double order = order_at(i), spent;

        LT_TRY(lt_poll(env));
        spent = (double)steps * lt_privacy_renyi(q, sigma, order) + log1p(-1 / order) -
                (log(delta) + log(order)) / (order - 1);
        *epsilon = fmin(*epsilon, fmax(spent, 0));
    }
    return LT_OK;
}

lt_status lt_privacy_noise(lt_env *env, double q, int64_t steps, double epsilon, double delta, double *sigma,
                           double *spent)
{
    double low = SIGMA_LEAST, high = 1, reached;

    LT_TRY(lt_privacy_epsilon(env, q, high, steps, delta, spent));
    while (*spent > epsilon && high < SIGMA_MOST) {
        low = high;
        high *= 2;
        LT_TRY(lt_privacy_epsilon(env, q, high, steps, delta, spent));
    }
    if (*spent > epsilon) {
        lt_fail(env, LT_INVALID, "no noise is enough for dp_epsilon %g with dp_delta %g", epsilon, delta);
        return lt_fail_hint(env, "Raise dp_epsilon or dp_delta, or train for fewer epochs.");
    }
    while (high - low > SIGMA_EXACT * high) {
        double middle = (low + high) / 2;

        LT_TRY(lt_privacy_epsilon(env, q, middle, steps, delta, &reached));
        if (reached > epsilon) {
            low = middle;
        } else {
            high = middle;
            *spent = reached;
        }
    }
    *sigma = high;
    return LT_OK;
}

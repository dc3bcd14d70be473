-- One page about a model: what it is, its figures and its pictures.
-- Its body is parsed here and now: as a string it would be in the caller's search_path, with others' operators in it.

CREATE FUNCTION longtail.report(model text, test regclass, k integer DEFAULT 10)
RETURNS text
LANGUAGE SQL STABLE PARALLEL UNSAFE
BEGIN ATOMIC
WITH measured AS MATERIALIZED (
    -- First, for its errors: of a model there is not, of a test that does not fit.
    SELECT metric, e.k, value, n FROM longtail.evaluate(report.model, report.test, ARRAY[report.k]) AS e
), subject AS (
    SELECT m.*, v.algorithm AS served, v.trained, v.rows, v.users, v.items, v.features, v.epochs, v.seconds,
           v.validation_metric, v.validation_value, v.decision, v.options AS version_options,
           CASE jsonb_typeof(v.options->'rerank') WHEN 'object' THEN v.options->'rerank'->>'method'
                                                  ELSE coalesce(v.options->>'rerank', 'none') END AS method
    FROM longtail.models AS m JOIN longtail.model_versions AS v ON v.model = m.model AND v.active
    WHERE m.model = report.model
), plain AS MATERIALIZED (
    SELECT e.metric, e.k, e.value
    FROM subject, longtail.evaluate(report.model, report.test, ARRAY[report.k], 'none', 0) AS e
    WHERE subject.user_column IS NOT NULL AND subject.method <> 'none'
), known (place, part, metric, name, meaning) AS (
    VALUES (1, 'Accuracy', 'ndcg', 'NDCG', 'hits, weighed by their rank, over the best possible'),
           (2, 'Accuracy', 'recall', 'recall', 'share of what users took that is in their lists'),
           (3, 'Accuracy', 'precision', 'precision', 'share of the lists that users took'),
           (4, 'Accuracy', 'hit_rate', 'hit rate', 'share of users with a hit'),
           (5, 'Accuracy', 'map', 'MAP', 'mean precision at the hits'),
           (6, 'Accuracy', 'mrr', 'MRR', 'one over the rank of the first hit'),
           (7, 'Accuracy', 'auc', 'AUC', 'how often what was taken ranks above what was not'),
           (8, 'Accuracy', 'label_auc', 'AUC of labels', 'how often a positive scores above a negative'),
           (9, 'Accuracy', 'log_loss', 'log loss', 'mean of -ln p of what happened; lower is better'),
           (10, 'Accuracy', 'accuracy', 'accuracy', 'share of rows on the right side of 0.5'),
           (11, 'Accuracy', 'rmse', 'RMSE', 'root of the mean squared error; lower is better'),
           (12, 'Accuracy', 'mae', 'MAE', 'mean absolute error; lower is better'),
           (13, 'Accuracy', 'poisson_deviance', 'Poisson deviance', 'of expected counts; lower is better'),
           (14, 'Accuracy', 'r2', 'R2', 'share of the variance that is explained'),
           (15, 'Accuracy', 'f1', 'F1', 'harmonic mean of precision and recall'),
           (16, 'Accuracy', 'recall_capped', 'capped recall', 'hits over the most there can be in a list'),
           (20, 'The tail and the catalogue', 'aplt', 'tail share', 'share of the lists that is of the tail (APLT)'),
           (21, 'The tail and the catalogue', 'tail_coverage', 'tail coverage', 'share of the tail in anybody''s list'),
           (22, 'The tail and the catalogue', 'catalogue_coverage', 'catalogue coverage', 'share of all items in anybody''s list'),
           (23, 'The tail and the catalogue', 'gini', 'Gini of exposure', '0 all items alike, near 1 a few have everything'),
           (24, 'The tail and the catalogue', 'novelty', 'novelty', 'bits: how rare the listed items are'),
           (25, 'The tail and the catalogue', 'arp', 'mean popularity', 'interactions of the listed items (ARP)'),
           (26, 'The tail and the catalogue', 'exposure_head', 'exposure of the head', 'share of all places in lists'),
           (27, 'The tail and the catalogue', 'exposure_mid', 'exposure of the middle', 'share of all places in lists'),
           (28, 'The tail and the catalogue', 'exposure_tail', 'exposure of the tail', 'share of all places in lists'),
           (29, 'The tail and the catalogue', 'exposure_mad', 'spread of exposure (MAD)', 'mean absolute deviation over items'),
           (30, 'The tail and the catalogue', 'exposure_cv', 'spread of exposure (CV)', 'standard deviation over items, over the mean'),
           (31, 'The tail and the catalogue', 'entropy', 'entropy of exposure', 'bits: higher the more alike items are shown'),
           (32, 'The tail and the catalogue', 'aclt', 'tail items', 'of the tail in a list, their number (ACLT)'),
           (33, 'The tail and the catalogue', 'diversity', 'diversity', 'how unlike each other the items of a list are, 0 to 2'),
           (34, 'The tail and the catalogue', 'serendipity', 'serendipity', 'hits that popularity would not have made, of all places'),
           (35, 'The tail and the catalogue', 'upd', 'deviation from taste', 'between head, mid and tail of the user and of the list (UPD)'),
           (36, 'The tail and the catalogue', 'taste_kl', 'deviation from taste (KL)', 'divergence of Kullback and Leibler'),
           (37, 'The tail and the catalogue', 'taste_js', 'deviation from taste (JS)', 'divergence of Jensen and Shannon'),
           (38, 'The tail and the catalogue', 'popreo', 'unequal chance of being found', 'of relevant head, mid and tail items (PopREO); 0 is equal'),
           (39, 'The tail and the catalogue', 'poprsp', 'unequal chance of being shown', 'of head, mid and tail items (PopRSP); 0 is equal')
), figures AS (
    SELECT coalesce(k.part, 'Other measures') AS part, coalesce(k.place, 99) AS place, e.metric,
           longtail.markup(coalesce(k.name, replace(e.metric, '_', ' ')) || coalesce('@' || e.k, '')) AS name,
           longtail.markup(coalesce(k.meaning, '')) AS meaning, e.value, p.value AS plain
    FROM measured AS e LEFT JOIN plain AS p ON p.metric = e.metric AND p.k IS NOT DISTINCT FROM e.k
    LEFT JOIN known AS k ON k.metric = e.metric
), shown AS (
    SELECT f.*, n.number[1] AS value_text, n.number[2] AS plain_text
    FROM figures AS f, LATERAL (
        SELECT array_agg(CASE WHEN v IS NULL THEN '&#x2013;' WHEN abs(v) >= 1000 THEN round(v::numeric)::text
                              WHEN abs(v) >= 10 THEN round(v::numeric, 1)::text ELSE round(v::numeric, 4)::text END
                         ORDER BY place) AS number
        FROM unnest(ARRAY[f.value, f.plain]) WITH ORDINALITY AS u (v, place)) AS n
), facts (place, name, fact) AS (
    SELECT f.* FROM subject AS s, LATERAL (VALUES
        (1, 'Algorithm', s.served || CASE WHEN s.algorithm <> s.served THEN ', chosen by ' || s.algorithm ELSE '' END),
        (2, 'Version', s.version || ' of ' || s.versions),
        (3, 'Trained', to_char(s.trained, 'YYYY-MM-DD HH24:MI TZ') || ', in ' || round(s.seconds::numeric, 2) || ' s'),
        (4, 'Source', s.source::text),
        (5, 'Rows', to_char(s.rows, 'FM999,999,999,999,999')),
        (6, 'Users', to_char(s.users, 'FM999,999,999,999,999')),
        (7, 'Items', to_char(s.items, 'FM999,999,999,999,999')),
        (8, 'Encoded columns', CASE WHEN s.features > 0 THEN to_char(s.features, 'FM999,999,999') END),
        (9, 'Columns', nullif(concat_ws(', ', 'user ' || s.user_column, 'item ' || s.item_column, 'label ' || s.label_column,
                                        'weight ' || s.weight_column, 'time ' || s.time_column), '')),
        (10, 'Features of users', s.user_features::text),
        (11, 'Features of items', s.item_features::text),
        (12, 'Options', nullif(s.version_options::text, '{}')),
        (13, 'Validated', s.validation_metric || ' ' || round(s.validation_value::numeric, 4)),
        (14, 'Decision', s.decision),
        (15, 'Measured on', report.test::text || ', ' || (SELECT to_char(max(n), 'FM999,999,999,999,999') FROM measured) ||
            CASE WHEN s.user_column IS NULL THEN ' rows' ELSE ' users' END)) AS f (place, name, fact)
    WHERE f.fact IS NOT NULL
), trials AS (
    SELECT t.*, (SELECT string_agg(replace(key, '_', ' ') || ' ' || value, ', ' ORDER BY key) FROM jsonb_each_text(t.options)) AS tried,
           row_number() OVER (ORDER BY t.chosen DESC, t.validation_value *
               CASE WHEN t.validation_metric IN ('log_loss', 'rmse', 'mae', 'poisson_deviance') THEN 1 ELSE -1 END
               NULLS LAST, t.trial) AS place, count(*) OVER () AS trials
    FROM subject JOIN longtail.training_trials AS t ON t.model = subject.model AND t.version = subject.version
), sections (place, title, body) AS (
    SELECT 1, 'The model', '<div class="wide"><table class="facts">' ||
           string_agg(format('<tr><th>%s</th><td>%s</td></tr>', name, longtail.markup(fact)), E'\n' ORDER BY place) || '</table></div>'
    FROM facts
    UNION ALL
    SELECT 2 + min(place) / 100.0, part,
           '<div class="wide"><table><tr><th>measure</th><th class="n">' ||
           CASE WHEN s.method <> 'none' AND s.user_column IS NOT NULL
                THEN 'as served (' || longtail.markup(s.method) || ')</th><th class="n">not reranked' ELSE 'value' END ||
           '</th><th class="more">what it is</th></tr>' ||
           string_agg(format('<tr><td class="name">%s</td><td class="n">%s</td>%s<td class="more">%s</td></tr>', name, value_text,
                             CASE WHEN s.method <> 'none' AND s.user_column IS NOT NULL
                                  THEN '<td class="n">' || plain_text || '</td>' ELSE '' END, meaning),
                      E'\n' ORDER BY place, name) || '</table></div>'
    FROM shown, subject AS s GROUP BY part, s.method, s.user_column
    UNION ALL
    SELECT 3, NULL, '<figure>' || longtail.plot_long_tail(report.model, report.k) || '</figure>'
    FROM subject WHERE user_column IS NOT NULL
    UNION ALL
    SELECT 4, NULL, '<figure>' ||
           longtail.plot_tradeoff(report.model, report.test, report.k,
                                  CASE method WHEN 'none' THEN 'popularity' END,
                                  CASE WHEN method IN ('none', 'popularity') THEN '{0,0.05,0.1,0.15,0.2,0.3,0.4,0.5}'::float8[]
                                       ELSE '{0,0.1,0.2,0.3,0.4,0.5,0.7,1}' END) ||
           '</figure><p>A strength is chosen on rows that are neither trained on nor reported.</p>'
    FROM subject WHERE user_column IS NOT NULL AND EXISTS (SELECT FROM measured WHERE metric = 'ndcg' AND value IS NOT NULL)
    UNION ALL
    SELECT 5, NULL, '<div class="pair"><figure>' || longtail.plot_roc(report.model, report.test) ||
           '</figure><figure>' || longtail.plot_calibration(report.model, report.test) || '</figure></div>'
    WHERE EXISTS (SELECT FROM measured WHERE metric = 'log_loss' AND value IS NOT NULL)
      AND EXISTS (SELECT FROM measured AS e WHERE metric IN ('auc', 'label_auc') AND e.k IS NULL AND value IS NOT NULL)
    UNION ALL
    SELECT 6, 'Coefficients', '<div class="wide"><table><tr><th>feature</th><th class="n">coefficient</th><th class="n">standard '
           'error</th><th class="n">odds ratio</th><th class="n">p</th></tr>' ||
           string_agg(format('<tr><td>%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>',
                             longtail.markup(feature), round(coefficient::numeric, 4),
                             coalesce(round(standard_error::numeric, 4)::text, '&#x2013;'), round(odds_ratio::numeric, 3),
                             CASE WHEN p_value IS NULL THEN '&#x2013;' WHEN p_value < 0.0001 THEN '&#x3C;&#xA0;0.0001'
                                  ELSE round(p_value::numeric, 4)::text END), E'\n' ORDER BY place) || '</table></div>' ||
           CASE WHEN max(columns) > 40 THEN format('<p>40 of %s, those that say most.</p>', max(columns)) ELSE '' END
    FROM (SELECT c.*, row_number() OVER (ORDER BY abs(c.z) DESC NULLS LAST, abs(c.coefficient) DESC) AS place,
                 count(*) OVER () AS columns
          FROM subject, longtail.coefficients(report.model) AS c WHERE subject.served = 'logistic') AS c
    WHERE place <= 40 HAVING count(*) > 0
    UNION ALL
    SELECT 7, NULL, '<figure>' || longtail.plot_training(report.model, version) || '</figure>'
    FROM subject WHERE (SELECT count(*) FROM longtail.training_log AS l
                        WHERE l.model = subject.model AND l.version = subject.version) > 1
    UNION ALL
    SELECT 8, 'What was tried', '<div class="wide"><table><tr><th>algorithm</th><th>options</th><th class="n">' ||
           longtail.markup(coalesce(max(validation_metric), 'validation')) ||
           '</th><th class="n">tail share</th><th class="n">s</th></tr>' ||
           string_agg(format('<tr%s><td class="name">%s</td><td class="small">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>',
                             CASE WHEN chosen THEN ' class="chosen"' ELSE '' END, longtail.markup(algorithm),
                             coalesce(longtail.markup(tried), '') || coalesce('<br/>' || longtail.markup(error), ''),
                             coalesce(round(validation_value::numeric, 4)::text, '&#x2013;'),
                             coalesce(round(aplt::numeric * 100, 1) || '&#xA0;%', '&#x2013;'), round(seconds::numeric, 2)),
                      E'\n' ORDER BY place) || '</table></div>' ||
           CASE WHEN max(trials) > 25 THEN format('<p>The best 25 of %s.</p>', max(trials)) ELSE '' END
    FROM trials WHERE place <= 25 HAVING count(*) > 0
)
SELECT format($page$<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>%1$s</title>
<style>
body{margin:0;background:#f3f5f7;color:#1f2328;font:16px/1.5 system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.75rem;line-height:1.2;margin:.5rem 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .75rem}
header p,section p,footer{color:#57606a;margin:.5rem 0 0}
section{background:#fff;border-radius:8px;padding:1.1rem 1.25rem;margin:1.1rem 0;box-shadow:0 1px 2px #0002;break-inside:avoid}
figure{margin:0 -.6rem;overflow-x:auto}
figure svg{display:block;width:100%%;min-width:32rem;height:auto}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%%,24rem),1fr));gap:.5rem;align-items:start}
.pair figure{margin:0}
.pair svg{min-width:24rem;max-width:40rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%%;font-size:.9rem}
th,td{text-align:left;padding:.3rem .9rem .3rem 0;border-bottom:1px solid #e4e7eb;vertical-align:top;overflow-wrap:anywhere}
tr:last-child>*{border-bottom:0}
th{font-weight:600;color:#57606a;white-space:nowrap;overflow-wrap:normal}
.facts th{width:9rem}
.name{white-space:nowrap;overflow-wrap:normal}
.small{font-size:.85em}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;overflow-wrap:normal}
.more{color:#57606a;padding-left:1rem}
.chosen td{font-weight:600}
footer{font-size:.85rem}
@media (max-width:36rem){.more{display:none}.facts th{width:6.5rem}section{padding:1rem .9rem}}
@media screen and (prefers-color-scheme:dark){
body{background:#0c0f12;color:#e6edf3}
section{background:#14181d;box-shadow:none}
header p,section p,footer,th,.more{color:#9aa4af}
th,td{border-color:#2a3038}
}
@media print{body{background:#fff;font-size:11pt}main{max-width:none;padding:0}section{box-shadow:none;padding:.5rem 0}figure svg{min-width:0}}
</style>
</head>
<body>
<main>
<header>
<h1>%1$s</h1>
<p>%2$s</p>
</header>
%3$s
<footer>Made %4$s by longtail.</footer>
</main>
</body>
</html>
$page$,
    longtail.markup(report.model),
    (SELECT longtail.markup(format('%s model, version %s, measured on %s.', served, version, report.test::text)) FROM subject),
    (SELECT string_agg(format(E'<section>\n%s%s\n</section>', E'<h2>' || title || E'</h2>\n', body), E'\n' ORDER BY place) FROM sections),
    to_char(now(), 'YYYY-MM-DD HH24:MI TZ'))
FROM (SELECT count(*) FROM measured) AS measured_first;
END;
COMMENT ON FUNCTION longtail.report(text, regclass, integer) IS
'One HTML page about a model, which stands alone: what it is, its figures on a relation it was not trained on (with and without its own reranking, where it has one), the long tail, what the tail costs, predictions and what happened, coefficients, the learning curve and what a search tried, each where there is any.';

-- Predictors: shapes, errors with their details and hints. Behaviour with tolerances is in test/pgtap.
\set VERBOSITY default

CREATE TABLE rows AS
SELECT i % 2 AS g, ARRAY[i % 10, (i * 7) % 13]::float8[] AS x, (i * i) % 10 < 5 AS y FROM generate_series(1, 100) i;

SELECT pg_typeof(longtail.logistic_fit(y, x)), pg_typeof(longtail.mlp_fit(y, x, '{"epochs": 1}')) FROM rows;
SELECT key FROM (SELECT longtail.logistic_fit(y, x)::text::jsonb AS p FROM rows) s, jsonb_object_keys(p) key
ORDER BY key COLLATE "C";
SELECT a ->> 'name' AS name, a ->> 'type' AS type, a ->> 'rows' AS rows, a ->> 'cols' AS cols
FROM (SELECT longtail.logistic_fit(y, x)::text::jsonb AS p FROM rows) s, jsonb_array_elements(p -> 'arrays') a;
SELECT p -> 'fit' -> 'rows' AS rows, p -> 'features' AS features, p -> 'link' AS link
FROM (SELECT longtail.mlp_fit(y, x, '{"epochs": 1}')::text::jsonb AS p FROM rows) s;

-- a table of predictors, and what else a value must be able to do
CREATE TABLE models AS SELECT g, longtail.logistic_fit(y, x) AS p FROM rows GROUP BY g;
\d models
SELECT g, count(*) FROM models, longtail.coefficients(p) GROUP BY g ORDER BY g;
SELECT p::text = p::text::longtail.predictor::text AS same FROM models;
SELECT feature, odds_ratio IS NULL AS no_odds FROM models, longtail.coefficients(p) WHERE g = 1;
SELECT longtail.predict(p, '{1,2}') BETWEEN 0 AND 1 AS probability FROM models;

-- training: errors
SELECT longtail.logistic_fit(y, '{1,NULL}') FROM rows;
SELECT longtail.logistic_fit(y, '{1,2,Infinity}') FROM rows;
SELECT longtail.logistic_fit('-Infinity'::float8, x) FROM rows;
SELECT longtail.logistic_fit(y, x || x[1:g]) FROM rows;
SELECT longtail.logistic_fit(y, ARRAY[x]) FROM rows;
SELECT longtail.logistic_fit(y, '{}') FROM rows;
SELECT longtail.logistic_fit(true, x) FROM rows;
SELECT longtail.logistic_fit(3, x) FROM rows;
SELECT longtail.logistic_fit(y, x, '[]') FROM rows;
SELECT longtail.logistic_fit(y, x, '{"regularisation": 1}') FROM rows;
SELECT longtail.logistic_fit(y, x, '{"regularization": "much"}') FROM rows;
SELECT longtail.logistic_fit(y, x, '{"crosses": [["a", "b"]]}') FROM rows;
SELECT longtail.logistic_fit(y, x, '{"rerank": "xquad"}') FROM rows;
SELECT longtail.mlp_fit(y, x, '{"embedding": 4}') FROM rows;
SELECT longtail.mlp_fit(y, x, '{"split": "time"}') FROM rows;
SELECT longtail.mlp_fit(y, x, jsonb_build_object('seed', g)) FROM rows;

-- predicting: errors
SELECT longtail.predict(p, '{1}') FROM models;
SELECT longtail.predict(p, '{1,NULL}') FROM models;
SELECT longtail.predict(p, '{1,NaN}') FROM models;
SELECT longtail.coefficients(longtail.mlp_fit(y, x, '{"epochs": 1}')) FROM rows;

-- text that is no predictor
SELECT 'nonsense'::longtail.predictor;
SELECT '3'::longtail.predictor;
SELECT '{}'::longtail.predictor;
CREATE FUNCTION changed(path text[], new jsonb) RETURNS text LANGUAGE sql AS
$$ SELECT jsonb_set(p::text::jsonb, path, new)::text FROM models WHERE g = 0 $$;
SELECT changed('{algorithm}', '"oracle"')::longtail.predictor;
SELECT changed('{link}', '"probit"')::longtail.predictor;
SELECT changed('{features}', '3')::longtail.predictor;
SELECT changed('{features}', '0.5')::longtail.predictor;
SELECT changed('{scale}', '[1, -1]')::longtail.predictor;
SELECT changed('{scale}', '[1, "NaN"]')::longtail.predictor;
SELECT changed('{scale}', '[1, true]')::longtail.predictor;
SELECT changed('{colour}', '"red"')::longtail.predictor;
SELECT changed('{arrays}', '[]')::longtail.predictor;
SELECT changed('{arrays}', '[1]')::longtail.predictor;
SELECT changed('{arrays,0,cols}', '4')::longtail.predictor;
SELECT changed('{arrays,0,cols}', '2147483647')::longtail.predictor;
SELECT changed('{arrays,0,type}', '"int4"')::longtail.predictor;
SELECT changed('{arrays,1,name}', '"coefficients"')::longtail.predictor;
SELECT changed('{arrays,0,values,0}', '"NaN"')::longtail.predictor;
SELECT changed('{arrays,0,values,0}', '1e999')::longtail.predictor;
SELECT changed('{arrays,0,values,0}', '"1e999"')::longtail.predictor;
SELECT changed('{arrays,0,values,0}', '"1 or 2"')::longtail.predictor;
SELECT changed('{arrays,0,values,0}', '""')::longtail.predictor;
SELECT changed('{fit,converged}', '1')::longtail.predictor;


DROP FUNCTION changed;
DROP TABLE models, rows;
